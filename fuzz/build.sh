#!/usr/bin/env bash
# Builds every fuzz target for a fuzzing service: OSS-Fuzz's contract (CC, CFLAGS, LIB_FUZZING_ENGINE and OUT from the
# environment), with plain libFuzzer, ASan and UBSan where it sets nothing. Leaves in $OUT, for each target, the
# fuzzer, NAME_seed_corpus.zip, NAME.dict if there is one, and NAME.options.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${CC:=clang}" "${OUT:=$PWD/build/oss-fuzz/out}" "${WORK:=$PWD/build/oss-fuzz/work}"
: "${CFLAGS:=-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all}"
: "${LIB_FUZZING_ENGINE:=-fsanitize=fuzzer}"
export CC CFLAGS LIB_FUZZING_ENGINE

# The flags come from the environment alone; a static BLIS, where there is one, lets the fuzzers travel.
cmake -S . -B "$WORK" -G Ninja -DCMAKE_BUILD_TYPE=None -DWENGERT_LIBFUZZER=ON \
      -DWENGERT_BUILD_TESTS=OFF -DWENGERT_BUILD_EXAMPLES=OFF -DWENGERT_BUILD_BENCH=OFF -DWENGERT_BACKTRACE=OFF "$@"
mapfile -t targets < <(basename -s .c fuzz/fuzz_*.c)
cmake --build "$WORK" --target "${targets[@]}"

mkdir -p "$OUT"
for target in "${targets[@]}"; do
    name=${target#fuzz_}
    cp "$WORK/fuzz/$target" "$OUT/"
    if [[ -d fuzz/corpus/$name ]]; then (cd "fuzz/corpus/$name" && cmake -E tar cf "$OUT/${target}_seed_corpus.zip" --format=zip .); fi
    if [[ -e fuzz/$name.dict ]]; then cp "fuzz/$name.dict" "$OUT/$target.dict"; fi
    printf '[libfuzzer]\nmax_len = 4096\nlen_control = 0\nentropic = 0\n' >"$OUT/$target.options"
done
ls "$OUT"
