#!/usr/bin/env bash
# Takes what fuzzing found into the corpora: minimise.sh [NAME…], all targets by default, after ./dev fuzz.
# Of the inputs in build/fuzz/run/NAME/corpus and fuzz/corpus/NAME the fewest that together cover the same stay in
# fuzz/corpus/NAME under their hashes; files with names that people gave them stay whatever they cover.
set -euo pipefail
cd "$(dirname "$0")/.."
names=("$@")
if ((!$#)); then mapfile -t names < <(basename -s .c fuzz/fuzz_*.c | sed 's/^fuzz_//'); fi
plainly() { if setarch -R true 2>/dev/null; then setarch -R "$@"; else "$@"; fi; }
export BLIS_NUM_THREADS=1 ASAN_OPTIONS=allocator_may_return_null=1

for name in "${names[@]}"; do
    corpus=fuzz/corpus/$name chosen=build/fuzz/run/$name/chosen grown=build/fuzz/run/$name/corpus
    mkdir -p "$corpus" "$grown"
    rm -rf "$chosen" && mkdir -p "$chosen"
    plainly "build/fuzz/fuzz/fuzz_$name" -set_cover_merge=1 -timeout=60 -rss_limit_mb=3072 "$chosen" "$corpus" "$grown" 2>&1 | tail -n 1
    find "$corpus" -type f -regextype posix-extended -regex '.*/[0-9a-f]{40}' -delete
    for file in "$chosen"/*; do
        hash=$(sha1sum "$file" | cut -d' ' -f1)
        if ! sha1sum "$corpus"/* 2>/dev/null | grep -q "^$hash"; then cp "$file" "$corpus/$hash"; fi
    done
    echo "$name: $(find "$corpus" -type f | wc -l) inputs, $(du -sk "$corpus" | cut -f1) KiB"
done
