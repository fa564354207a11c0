#!/usr/bin/env bash
# What the tests and the fuzzers' corpora ran: coverage.sh BUILD_FOLDER, after a test run of the preset `coverage`.
# Writes report.txt (lines by folder and by file; every rule, vjp or jvp, that nothing ran) and missed.txt (the lines
# that nothing ran) there.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1
layers=(tensor io autograd nn optim train)
library=$folder/libwengert.so   # all of the library once; the tests' copies of its functions count for it
counts=$folder/profile.profdata

llvm-profdata merge -sparse -o "$counts" "$folder"/profile/*.profraw

by_file() {   # FILE LINES MISSED
    llvm-cov report "$library" -instr-profile="$counts" -ignore-filename-regex='/(layers|build)/' "${layers[@]}" |
        awk '$1 ~ /\.[ch]$/ || $1 ~ /\.def$/ { print $1, $8, $9 }'
}

by_folder() {
    awk '{ split($1, part, "/"); lines[part[1]] += $2; missed[part[1]] += $3; all += $2; none += $3 }
         END { for (f in lines) printf "%-40s %7d lines %6d missed %7.2f %%\n", f, lines[f], missed[f], 100 - 100 * missed[f] / lines[f]
               printf "%-40s %7d lines %6d missed %7.2f %%\n", "all", all, none, 100 - 100 * none / all }' | sort
}

rules() {   # every rule and whether it ran: functions named vjp, jvp or ..._vjp, ..._jvp
    llvm-cov report "$library" -instr-profile="$counts" -show-functions "${layers[@]}" |
        awk '$1 ~ /(^|:|_)[vj]jp(_all|_linear)?$/ { total++; if ($4 == "0.00%") { print "not run: " $1; none++ } }
             END { printf "%d rules, %d not run\n", total, none + 0 }'
}

missed() {   # FILE:LINE: TEXT
    llvm-cov show "$library" -instr-profile="$counts" "${layers[@]}" |
        awk -v root="$PWD/" '/^\/.*:$/ { file = substr($0, 1, length($0) - 1); sub(root, "", file) }
                             /^ *[0-9]+\| +0\|/ { split($0, part, "|"); line = part[1] + 0; sub(/^ *[0-9]+\| +0\|/, ""); print file ":" line ":" $0 }'
}

missed >"$folder/missed.txt"
by_file >"$folder/files.txt"
{
    by_folder <"$folder/files.txt"
    echo
    awk '$3 > 0 { printf "%-40s %7d lines %6d missed %7.2f %%\n", $1, $2, $3, 100 - 100 * $3 / $2 }' "$folder/files.txt"
    echo
    rules
    echo "the lines: $folder/missed.txt"
} >"$folder/report.txt"
