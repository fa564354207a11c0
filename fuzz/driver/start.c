// SPDX-License-Identifier: MIT
/* start.c: what a fuzzer over programs does before its first input. */
#include <string.h>

#include "fuzz/driver/driver.h"

// libFuzzer has the first; the others, which read their arguments differently, one of the rest.
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
__attribute__((weak)) extern unsigned char *__afl_area_ptr;
__attribute__((weak)) void HF_ITER(const uint8_t **data, size_t *size);

static bool is_libfuzzer(void) {
    return LLVMFuzzerMutate != NULL && &__afl_area_ptr == NULL && HF_ITER == NULL;
}

/* Inputs may have their full length from the start: libFuzzer would begin with 4 bytes, half a
   record. And its entropic schedule costs more than the programs do, once thousands of inputs with
   tens of thousands of features are kept. */
static char OPTIONS[][20] = { "-len_control=0", "-entropic=0" };
enum { COUNT = sizeof OPTIONS / sizeof *OPTIONS, MOST = 256 };

static bool has_option(int argc, char **argv, const char *option) {
    size_t length = strcspn(option, "=") + 1;
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], option, length) == 0) return true;
    return false;
}

// Who gives one of them on the command line means it.
void wg__fuzz_start(int *argc, char ***argv) {
    static char *longer[MOST];
    int given = *argc;
    wg_on_error(NULL, NULL);
    if (!is_libfuzzer() || given + COUNT >= MOST) return;
    for (int i = 0; i < given; i++) longer[i] = (*argv)[i];
    for (int k = 0; k < COUNT; k++)
        if (!has_option(given, *argv, OPTIONS[k])) longer[(*argc)++] = OPTIONS[k];
    *argv = longer;
}
