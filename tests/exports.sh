#!/usr/bin/env bash
# The shared library exports wg_ names, none of them internal (wg__), and nothing else: exports.sh LIBRARY
set -euo pipefail
names=$(nm -D --defined-only "$1" | awk '{ print $NF }')
[[ -n $names ]] || { echo "$1 exports nothing" && exit 1; }
if strays=$(grep -Ev '^wg_[^_]' <<<"$names"); then
    echo "exported, but not public:" && echo "$strays" && exit 1
fi
echo "$(wc -l <<<"$names") names"

# A sanitized library wants its runtime loaded first.
if nm -D --undefined-only "$1" | grep -q __asan_init; then exit 0; fi

# It can be loaded at run time, as plug-ins and other languages do: a program that was not linked with it opens it.
probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT
printf '#include <dlfcn.h>\n#include <stdio.h>\nint main(int n, char **v) {\n%s\n}\n' \
    '    void *library = n > 1 ? dlopen(v[1], RTLD_NOW) : 0; if (!library) puts(dlerror()); return !library;' >"$probe/load.c"
"${CC:-cc}" -o "$probe/load" "$probe/load.c" -ldl
LD_PRELOAD='' "$probe/load" "$(realpath "$1")"
