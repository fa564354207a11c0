#!/usr/bin/env bash
# The shared library exports wg_ names, none of them internal (wg__), and nothing else: exports.sh LIBRARY
set -euo pipefail
names=$(nm -D --defined-only "$1" | awk '{ print $NF }')
[[ -n $names ]] || { echo "$1 exports nothing" && exit 1; }
if strays=$(grep -Ev '^wg_[^_]' <<<"$names"); then
    echo "exported, but not public:" && echo "$strays" && exit 1
fi
echo "$(wc -l <<<"$names") names"
