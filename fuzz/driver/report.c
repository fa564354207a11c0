// SPDX-License-Identifier: MIT
/* report.c: how a fuzzer ends when it has found something: the oracle, the program as text, and a
   C program that shows the same without any of the machinery. */
#include <stdarg.h>
#include <string.h>

#include "fuzz/driver/driver.h"

// A trial's text names the oracle, too: once is enough.
static void name_once(char *text, const char *oracle) {
    char named[200];
    snprintf(named, sizeof named, ": %s", oracle);
    char *at = strstr(text, named);
    size_t length = strlen(named);
    if (at && strlen(oracle) > 0) memmove(at, at + length, strlen(at + length) + 1);
}

static void print_program(const wg__vm_program *p) {
    fputs("==== program ====\n", stderr);
    wg__vm_print(stderr, p);
    fputs("==== program in C ====\n", stderr);
    wg__vm_print_c(stderr, p);
    fputs("==== end ====\n", stderr);
}

// The allocator may be one that fails on purpose; the error may be what was found.
_Noreturn void wg__fuzz_fail(const wg__vm_program *p, const char *oracle, const char *format, ...) {
    static char text[4096];  // where no allocation may work, and little stack may be left
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    name_once(text, oracle);
    fprintf(stderr, "\nWENGERT FUZZ: oracle %s: %s\n", oracle, text);
    if (wg_error() != WG_OK) fprintf(stderr, "pending error: %s\n", wg_error_message());
    wg_set_allocator(NULL);
    wg_error_clear();
    if (p) print_program(p);
    fflush(NULL);
    abort();
}
