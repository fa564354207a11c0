// SPDX-License-Identifier: MIT
/* report.c: how a fuzzer ends when it has found something: the oracle, the program as text, and a
   C program that shows the same without any of the machinery. */
#include <stdarg.h>

#include "fuzz/driver/driver.h"

static void print_program(const wg__vm_program *p) {
    fputs("==== program ====\n", stderr);
    wg__vm_print(stderr, p);
    fputs("==== program in C ====\n", stderr);
    wg__vm_print_c(stderr, p);
    fputs("==== end ====\n", stderr);
}

// The allocator may be one that fails on purpose; the error may be what was found.
_Noreturn void wg__fuzz_fail(const wg__vm_program *p, const char *oracle, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "\nWENGERT FUZZ: oracle %s: ", oracle);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    if (wg_error() != WG_OK) fprintf(stderr, "pending error: %s\n", wg_error_message());
    wg_set_allocator(NULL);
    wg_error_clear();
    if (p) print_program(p);
    fflush(NULL);
    abort();
}
