#!/usr/bin/env bash
# The rules that no compiler checks: lint.sh [CHECK [ARGUMENT…]], all of them by default.
#   format            clang-format has nothing to change
#   sizes             files and functions stay readable (sizes.awk)
#   words             the library neither prints nor ends the program; includes are written from the root
#   docs [MAKE_OPS]   docs/ops.md is what the built program MAKE_OPS prints
#   mutants           every planted bug (fuzz/mutants) still has its place in the sources
#   readme            the README opens with the two commands that matter, and its program is an example
set -euo pipefail
cd "$(dirname "$0")/.."
LC_ALL=C

files() {   # files PATTERN…: those of the project, committed or not yet
    if git rev-parse --git-dir >/dev/null 2>&1; then
        git ls-files --cached --others --exclude-standard --deduplicate -- "$@" | while read -r file; do
            if [[ -e $file ]]; then echo "$file"; fi
        done
    else
        local pattern
        for pattern in "$@"; do find . -path ./build -prune -o -path "./$pattern" -print | sed 's|^\./||'; done
    fi
}

fail() { echo "$@" && return 1; }

lint_format() {
    files '*.c' '*.h' | xargs -r clang-format --dry-run -Werror || fail "run ./dev format"
}

lint_sizes() {
    files '*.c' '*.h' | xargs -r awk -f tests/sizes.awk
}

absent() {   # absent REASON REGEX FILE…: comments may say what they like
    local reason=$1 regex=$2 file status=0
    shift 2
    for file in "$@"; do
        sed -E 's|//.*||; s|/\*.*\*/||; s|^ \*.*||' "$file" | grep -nE "$regex" | sed "s|^|$file:|; s|\$|   <- $reason|" && status=1
    done
    return $status
}

lint_words() {
    local status=0 all library quiet
    mapfile -t all < <(files '*.c' '*.h')
    mapfile -t library < <(files 'tensor/*.[ch]' 'io/*.[ch]' 'autograd/*.[ch]' 'nn/*.[ch]' 'optim/*.[ch]' 'train/*.[ch]')
    mapfile -t quiet < <(printf '%s\n' "${library[@]}" | grep -vE '(^|/)(print|error)\.c$')
    absent 'include from the root' '#include *"\.\./' "${all[@]}" || status=1
    absent 'report an error instead' '\b(abort|exit|_Exit|quick_exit)\(' "${library[@]}" || status=1
    absent 'the library does not print' '\b(printf|puts|putchar|perror)\(|\bfprintf\((stderr|stdout)' "${quiet[@]}" || status=1
    mapfile -t all < <(files CMakeLists.txt '*/CMakeLists.txt' 'cmake/*' CMakePresets.json)
    local file
    for file in "${all[@]}"; do
        if sed 's|#.*||' "$file" | grep -nE -e '-ffast-math|-march=native'; then echo "$file: flags that we never use" && status=1; fi
    done
    return $status
}

lint_docs() {
    local make_ops=${1:-${MAKE_OPS:-build/release/tests/make_ops}}
    [[ -x $make_ops ]] || fail "$make_ops is not built" || return 1
    "$make_ops" | diff -u docs/ops.md - || fail "docs/ops.md is stale: run ./dev docs"
}

lint_mutants() {
    local copy status=0
    copy=$(mktemp -d)
    fuzz/mutants/apply.sh --check "$copy" || status=1
    rm -rf "$copy"
    return $status
}

# A command is a line of a shell block (```sh, ```console, …) or of one without a language.
lint_readme() {
    local first
    first=$(awk '/^```/ { code = !code; shell = $0 ~ /^```(sh|bash|shell|console|text)? *$/; next }
                 code && shell && NF && $1 != "#" { sub(/^\$ /, ""); sub(/ *#.*/, ""); print }' README.md | head -n 2)
    [[ $first == $'./dev demo\n./dev test' ]] || fail "README.md: its first commands are not ./dev demo and ./dev test, but:" "$first" || return 1
    # Its program is one that is built and run.
    diff <(awk '/^```/ { inside = $0 == "```c"; next } inside' README.md) <(sed -n '/^#include/,$p' examples/sine.c) ||
        fail "README.md: its program is not examples/sine.c"
}

main() {
    if (($#)); then
        local check=$1
        shift
        "lint_$check" "$@"
        return
    fi
    local check status=0
    for check in format sizes words docs mutants readme; do
        if "lint_$check"; then echo "lint $check: clean"; else echo "lint $check: FAILED" && status=1; fi
    done
    return $status
}

main "$@"
