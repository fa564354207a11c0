// SPDX-License-Identifier: MIT
/* fuzz.h: a fuzzer for your operations, in one line:

       #include <fuzz/fuzz.h>

       static bool register_my_ops(void) { return wg_op_register(&log_cosh_op); }
       WG_FUZZ_MAIN(register_my_ops)

   Built with clang -fsanitize=fuzzer (and address,undefined) and linked with wengert::fuzz, that is
   a libFuzzer: bytes become programs over the list of operations, yours among the library's, and
   every program is held to what must be true of any: values against references, the modes of
   differentiation against each other and against the complex step, gradients against explicit sums
   over paths, the second order three ways, memory layouts, recording, and more. Linked with
   wengert::fuzz_main instead of -fsanitize=fuzzer it runs files and random inputs under any
   compiler. A failure names what does not hold, and prints the program as text, which the fuzzer
   takes as input, and as C, which needs nothing but the library. docs/fuzzing.md walks through
   one. */
#ifndef WG_FUZZ_H
#define WG_FUZZ_H

#include <stdint.h>
#include <stdlib.h>

#include "autograd/op.h"

/* Registers your operations: false, after a message on stderr, if one is refused. Half of all
   programs from now on consist of what is registered here. Arguments as main has them: libFuzzer is
   given the options that programs need, where they are not among them. */
WG_API bool wg_fuzz_begin(int *count, char ***argument, bool (*register_ops)(void));
/* Runs one input; returns 0, or ends the program by abort() after a report. */
WG_API int wg_fuzz_input(const uint8_t *data, size_t size);
/* Changes a program in `data`, bytes or text, of at most `most` bytes, into another; its size. */
WG_API size_t wg_fuzz_mutate(uint8_t *data, size_t size, size_t most, unsigned seed);
/* Splices two programs into out, of at most `most` bytes; returns its size. */
typedef struct wg_fuzz_bytes {
    const uint8_t *data;
    size_t size;
} wg_fuzz_bytes;
WG_API size_t wg_fuzz_cross(wg_fuzz_bytes a, wg_fuzz_bytes b, uint8_t *out, size_t most,
                            unsigned seed);

#define WG_FUZZ_MAIN(register_ops)                                                                 \
    WG__FUZZ_MUTATORS                                                                              \
    int LLVMFuzzerInitialize(int *count, char ***argument);                                        \
    int LLVMFuzzerInitialize(int *count, char ***argument) {                                       \
        if (!wg_fuzz_begin(count, argument, register_ops)) exit(1);                                \
        return 0;                                                                                  \
    }                                                                                              \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);                                  \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {                                 \
        return wg_fuzz_input(data, size);                                                          \
    }

/* libFuzzer looks for these names in the program itself. */
#define WG__FUZZ_MUTATORS                                                                          \
    size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);        \
    size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {       \
        return wg_fuzz_mutate(data, size, most, seed);                                             \
    }                                                                                              \
    size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b,            \
                                     size_t b_size, uint8_t *out, size_t most, unsigned seed);     \
    size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b,            \
                                     size_t b_size, uint8_t *out, size_t most, unsigned seed) {    \
        return wg_fuzz_cross((wg_fuzz_bytes){ a, a_size }, (wg_fuzz_bytes){ b, b_size }, out,      \
                             most, seed);                                                          \
    }

#endif
