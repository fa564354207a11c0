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

static bool has_option(int argc, char **argv, const char *option) {
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], option, strlen(option)) == 0) return true;
    return false;
}

void wg__fuzz_start(int *argc, char ***argv) {
    static char option[] = "-len_control=0";
    static char *longer[256];
    wg_on_error(NULL, NULL);
    if (!is_libfuzzer() || *argc + 2 > 256 || has_option(*argc, *argv, "-len_control=")) return;
    for (int i = 0; i < *argc; i++) longer[i] = (*argv)[i];
    longer[(*argc)++] = option;
    *argv = longer;
}
