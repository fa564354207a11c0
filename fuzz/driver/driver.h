// SPDX-License-Identifier: MIT
/* driver.h: what a target whose inputs are programs gives libFuzzer besides the one function.

   A target writes WG__FUZZ_PROGRAMS() once, at the top level: libFuzzer looks for functions of
   these names in the program, and finds them only where something else makes the linker take their
   object. */
#ifndef WG_FUZZ_DRIVER_H
#define WG_FUZZ_DRIVER_H

#include "fuzz/fuzz.h"
#include "fuzz/must.h"
#include "fuzz/vm/vm.h"

/* Decodes an input and has it judged; 0. */
int wg__fuzz_target(const uint8_t *data, size_t size, wg__vm_limits limits, unsigned targets);

/* Tells the mutator how many instructions the target reads (0: WG__VM_INSTRUCTIONS), so that it
   changes none that nobody sees; of several the most. mutate.c */
void wg__fuzz_most_steps(int instructions);

/* Whether it is a program in text: it begins with WG__VM_MAGIC. */
bool wg__fuzz_is_text(const uint8_t *data, size_t size);

/* Before anything runs: silences errors, and gives libFuzzer the options that programs need, unless
   the command line has them. start.c */
void wg__fuzz_start(int *argc, char ***argv);

/* wg__fuzz_cover_program for whoever has run it, without spans, so that every register is there. */
void wg__fuzz_cover_run(const wg__vm_program *p, const wg__vm_run *r, int order);

#define WG__FUZZ_PROGRAMS()                                                                        \
    WG__FUZZ_MUTATORS                                                                              \
    int LLVMFuzzerInitialize(int *argc, char ***argv);                                             \
    int LLVMFuzzerInitialize(int *argc, char ***argv) {                                            \
        wg__fuzz_start(argc, argv);                                                                \
        return 0;                                                                                  \
    }                                                                                              \
    _Static_assert(1, "takes the semicolon")

#endif
