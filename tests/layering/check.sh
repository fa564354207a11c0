#!/usr/bin/env bash
# A layer sees the layers below it and none above: check.sh LAYER "BOTTOM;…;TOP" COMPILER "INCLUDE;FOLDERS"
# Every header it may use must compile by itself, and every other layer's header must not be found: the same probe
# file both times, so a broken probe cannot pass.
set -euo pipefail
layer=$1 compiler=$3
IFS=';' read -ra layers <<<"$2"
IFS=';' read -ra folders <<<"$4"

compiles() {
    "$compiler" -std=c11 -D_DEFAULT_SOURCE -fsyntax-only "${folders[@]/#/-I}" "-DHEADER=\"$1\"" tests/layering/probe.c 2>&1
}

check() {   # check below|above HEADER
    local log
    if log=$(compiles "$2"); then
        [[ $1 == below ]] || { echo "$layer/ can include $2, which lies above it" && return 1; }
    elif [[ $1 == below ]]; then
        echo "$layer/ cannot include $2:" && echo "$log" && return 1
    else
        grep -Eq 'No such file|not found' <<<"$log" || { echo "$2 fails otherwise:" && echo "$log" && return 1; }
    fi
    echo "$layer/ $1: $2"
}

place=below status=0
for other in "${layers[@]}"; do
    for header in "$other"/*.h; do
        if [[ -e $header ]]; then check $place "$header" || status=1; fi
    done
    [[ $other == "$layer" ]] && place=above
done
exit $status
