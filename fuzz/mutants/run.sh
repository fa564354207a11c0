#!/usr/bin/env bash
# Whether the fuzz targets find every planted bug: run.sh [kept|empty] [-s SEEDS] [ID…]
#   kept    replaying the corpora in the tree, within 2 seconds a target
#   empty   fuzzing from nothing, within the seconds of the plant's row in table.tsv, for each of SEEDS seeds (1)
# Both, and all plants, by default. build/mutants/build holds the targets with the bugs in them: ./dev mutants.
# Seconds are of processor time, so that a busy machine changes no verdict, and nothing is symbolized, which would take
# longer than the fuzzing. Of several seeds the slowest counts.
# The table goes to build/mutants/table.md as well; the exit status is 1 if any plant survived.
set -euo pipefail
cd "$(dirname "$0")/../.."
table=fuzz/mutants/table.tsv
programs=build/mutants/build/fuzz
work=build/mutants/run
export LC_ALL=C TIMEFORMAT='%U %S' BLIS_NUM_THREADS=1 OMP_NUM_THREADS=1
export ASAN_OPTIONS=allocator_may_return_null=1:symbolize=0 UBSAN_OPTIONS=print_stacktrace=0:symbolize=0

plainly() { if setarch -R true 2>/dev/null; then setarch -R "$@"; else "$@"; fi; }

# limited SECONDS LOG COMMAND…: its exit status; the processor time that it took stands in LOG.time
limited() {
    local seconds=$1 log=$2 status=0
    shift 2
    { time (ulimit -t "$seconds" && plainly "$@" >"$log" 2>&1); } 2>"$log.time" || status=$?
    awk 'END { printf "%.1f\n", $1 + $2 }' "$log.time" >"$log.seconds"   # what the shell says of signals comes first
    return $status
}

# What a log says of the end: an oracle, a sanitizer, a signal. Nothing if the program only ran out of time.
killer() {
    sed -nE 's/.*WENGERT FUZZ: oracle ([^:]*):.*/\1/p; s/.*ERROR: (AddressSanitizer|LeakSanitizer|libFuzzer): ([a-z-]+( [a-z-]+)?).*/\1 \2/p
             s/.*(runtime error): ([^0-9]{0,40}).*/UBSan \2/p; s/.*(MUST|Assertion).*failed.*/\1/p' "$1" | head -n 1
}

verdict() {   # verdict LOG STATUS: the killer's name, or nothing
    local name
    (($2 != 0)) || return 0
    name=$(killer "$1")
    if [[ $name ]]; then
        echo "$name"
    elif (($2 != 152 && $2 != 137)); then   # by the limit of processor time
        echo "exit status $2"
    fi
}

by_kept() {   # by_kept ID TARGET: "ORACLE<tab>SECONDS" if the kept corpus kills it
    local log=$work/$1.kept.$2 status=0 name
    [[ -d fuzz/corpus/$2 && -x $programs/replay_$2 ]] || return 0
    WENGERT_PLANT=$1 limited 2 "$log" "$programs/replay_$2" "fuzz/corpus/$2" || status=$?
    name=$(verdict "$log" $status)
    if [[ $name ]]; then printf '%s: %s\t%s\n' "$2" "$name" "$(cat "$log.seconds")"; fi
}

# Whether what was found is the plant's doing: without it, nothing is wrong with the same input.
is_its_doing() {   # is_its_doing LOG TARGET
    local found
    for found in "$1".found/*; do
        limited 60 "$1.without" "$programs/replay_$2" "$found" && continue
        echo "$2 fails on $found where nothing is planted" >&2
        return 1
    done
}

by_empty() {   # by_empty ID TARGET SECONDS SEED
    local log=$work/$1.empty.$2.$4 status=0 name
    [[ -x $programs/fuzz_$2 ]] || return 0
    rm -rf "$log.found" && mkdir "$log.found"
    WENGERT_PLANT=$1 limited "$3" "$log" "$programs/fuzz_$2" "-seed=$4" -max_len=256 -timeout=20 -rss_limit_mb=2048 \
        "-max_total_time=$((8 * $3))" "-artifact_prefix=$log.found/" || status=$?
    name=$(verdict "$log" $status)
    if [[ $name ]] && is_its_doing "$log" "$2"; then printf '%s: %s\t%s\n' "$2" "$name" "$(cat "$log.seconds")"; fi
}

first_kept() { for target in $2; do by_kept "$1" "$target" | grep . && return; done || true; }

first_empty() {   # first_empty ID TARGETS SECONDS SEED
    local target
    for target in $2; do by_empty "$1" "$target" "$3" "$4" | grep . && return; done || true
}

slowest() {   # slowest ID TARGETS SECONDS: over all seeds; nothing if one of them found nothing
    local seed line worst=
    for ((seed = 1; seed <= seeds; seed++)); do
        line=$(first_empty "$@" "$seed")
        [[ $line ]] || return 0
        worst=$(printf '%s\n%s\n' "$worst" "$line" | sort -t$'\t' -k2,2g | tail -n 1)
    done
    echo "$worst"
}

plant() {   # plant ID: one row of the table
    local id=$1 seconds targets oracle name kept= empty= by
    IFS=$'\t' read -r _ seconds targets oracle name _ < <(grep -P "^$1\t" "$table")
    if [[ $mode != empty ]]; then kept=$(first_kept "$id" "$targets"); fi
    if [[ $mode != kept ]]; then empty=$(slowest "$id" "$targets" "$seconds"); fi
    by=${empty:-$kept}
    printf '| %-4s| %-27.27s| %-10s| %3s | %-44.44s| %6s | %5s |\n' "$id" "$name" "$oracle" "$seconds" "${by%%$'\t'*}" \
        "$(column_of "$empty" empty)" "$(column_of "$kept" kept)" | tee "$work/$id.row"
}

column_of() {   # column_of LINE WAY: the seconds, `no` for what survived, nothing for what was not asked for
    if [[ $1 ]]; then
        echo "${1##*$'\t'}"
    elif [[ $mode == both || $mode == "$2" ]]; then
        echo no
    fi
}

heading() {
    printf '| %-4s| %-27.27s| %-10s| %3s | %-44.44s| %6s | %5s |\n' id plant expected s "killed by" empty kept
    echo '|-----|----------------------------|-----------|-----|---------------------------------------------|--------|-------|'
}

sound() {   # without a plant nothing is found
    local corpus target status=0
    for corpus in fuzz/corpus/*/; do
        target=$(basename "$corpus")
        [[ -x $programs/replay_$target ]] || continue
        limited 900 "$work/sound.$target" "$programs/replay_$target" "$corpus" && continue
        echo "$target fails where nothing is planted: $work/sound.$target" && status=1
    done
    return $status
}

summary() {   # summary ID…: the last words; false if any survived
    local survivors total=$#
    survivors=$(for id; do grep -lE '\| +no \|' "$work/$id.row"; done | sed 's|.*/||; s|\.row||' | tr '\n' ' ') || true
    if [[ $survivors ]]; then
        echo "$((total - $(wc -w <<<"$survivors"))) of $total were killed; these survived: $survivors"
        return 1
    fi
    echo "all $total were killed"
}

mode=both seeds=1 ids=()
while (($#)); do
    case $1 in
    kept | empty) mode=$1 ;;
    -s) seeds=$2 && shift ;;
    *) ids+=("$1") ;;
    esac
    shift
done
if ((${#ids[@]} == 0)); then mapfile -t ids < <(grep -v '^#' "$table" | awk -F'\t' '$2 != "-" { print $1 }'); fi
rm -rf "$work" && mkdir -p "$work"
sound || exit 1
heading
for id in "${ids[@]}"; do
    while (($(jobs -rp | wc -l) >= 2)); do wait -n || true; done
    plant "$id" &
done
wait
{ heading && for id in "${ids[@]}"; do cat "$work/$id.row"; done; } >build/mutants/table.md
summary "${ids[@]}" | tee -a build/mutants/table.md
exit "${PIPESTATUS[0]}"
