#!/usr/bin/env bash
# Runs a program, demands success and, in order, a line of output for every line of FILE, an extended regular
# expression: expect.sh FILE PROGRAM [ARGUMENT…]. Without FILE, success is enough.
set -euo pipefail
file=$1
shift

output=$("$@") || { status=$? && printf '%s\n' "$output" && echo "exit status $status" && exit 1; }
printf '%s\n' "$output"
[[ -e $file ]] || exit 0

mapfile -t wanted <"$file"
next=0
while IFS= read -r line; do
    if ((next < ${#wanted[@]})) && [[ $line =~ ${wanted[next]} ]]; then next=$((next + 1)); fi
done <<<"$output"
if ((next < ${#wanted[@]})); then
    echo "$file: no line (or none after those found before) matches: ${wanted[next]}"
    exit 1
fi
