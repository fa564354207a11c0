#!/usr/bin/env bash
# Plants all bugs in a copy of the tree, each behind a number, so that one build holds them all and the sources none.
#   apply.sh DIR          copies what git knows of the tree to DIR and applies every patch here, one after the other;
#                         what did not change keeps its time, so that a build is done again only where it must be
#   apply.sh --check DIR  the same into DIR, without what it takes to build: whether all patches apply
# Fails, and names the patch, where one does not apply, and where a patch and table.tsv do not know each other.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
shopt -s nullglob

plant_ids() { grep -v '^#' "$here/table.tsv" | awk -F'\t' '$2 != "-" { print $1 }' | LC_ALL=C sort; }
patch_ids() { for patch in "$here"/*.patch; do basename "$patch" | sed 's/-.*//'; done | LC_ALL=C sort; }

copy_tree() {   # copy_tree DIR: files of the project, committed or not yet
    cd "$root"
    { git ls-files --cached --others --exclude-standard 2>/dev/null || find . -path ./build -prune -o -type f -print; } |
        while read -r file; do if [[ -e $file ]]; then echo "$file"; fi; done | tar cf - -T - | tar xf - -C "$1"
}

apply_all() {   # apply_all DIR
    local patch status=0
    for patch in "$here"/*.patch; do
        patch -s -p1 -d "$1" --no-backup-if-mismatch -i "$patch" >"$1/.patch.log" 2>&1 && continue
        echo "$(basename "$patch") does not apply:" && cat "$1/.patch.log" && status=1
    done
    rm -f "$1/.patch.log"
    return $status
}

# Every source is given this header by the compiler's command line: the preset `mutants`.
write_switch() {   # write_switch DIR
    cat >"$1/tensor/planted.h" <<'C'
// Which bug is there: of a row "31b" 312, 0 for none.
#ifndef WG_PLANTED_H
#define WG_PLANTED_H
extern int wg__planted;
#endif
C
    cat >"$1/tensor/planted.c" <<'C'
// Reads WENGERT_PLANT, such as 31b, before main.
#include <stdlib.h>
__attribute__((visibility("default"))) int wg__planted;
__attribute__((constructor)) static void read_plant(void) {
    const char *text = getenv("WENGERT_PLANT");
    char *end;
    long number = text ? strtol(text, &end, 10) : 0;
    if (number > 0) wg__planted = (int)(10 * number + (*end >= 'a' ? *end - 'a' + 1 : 0));
}
C
}

update() {   # update FROM TO: only what differs is written, what is gone goes
    mkdir -p "$2"
    (cd "$1" && find . -type f) | while read -r file; do
        cmp -s "$1/$file" "$2/$file" && continue
        mkdir -p "$2/$(dirname "$file")" && cp "$1/$file" "$2/$file"
    done
    (cd "$2" && find . -type f) | while read -r file; do [[ -e $1/$file ]] || rm "$2/$file"; done
}

main() {
    local check=
    if [[ ${1:-} == --check ]]; then check=1 && shift; fi
    (($# == 1)) || { sed -n '2,7s/^# \?//p' "$0" >&2 && exit 2; }
    diff <(plant_ids) <(patch_ids) || { echo "table.tsv (<) and the patches (>) do not agree" && exit 1; }
    mkdir -p "$1"
    local to
    to=$(cd "$1" && pwd)
    fresh=$(mktemp -d)
    trap 'rm -rf "$fresh"' EXIT
    copy_tree "$fresh"
    apply_all "$fresh"
    if [[ $check ]]; then return; fi
    write_switch "$fresh"
    update "$fresh" "$to"
}

main "$@"
