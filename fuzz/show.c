// SPDX-License-Identifier: MIT
/* show.c: wengert_program [--text | --c] [FILE]: a program of the fuzzers, in bytes or in text, as
   text or as C. Reads standard input without FILE. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/vm/vm.h"

enum { MOST = 1 << 20 };  // bytes of an input

static int complain(const char *what, const char *why) {
    fprintf(stderr, "wengert_program: %s: %s\n", what, why);
    return EXIT_FAILURE;
}

static int show(const char *path, bool in_c) {
    static uint8_t data[MOST];
    static wg__vm_program p;
    FILE *file = path ? fopen(path, "rb") : stdin;
    if (!file) return complain(path, "cannot be opened");
    size_t size = fread(data, 1, sizeof data, file);
    bool whole = !ferror(file) && size < sizeof data;
    if (path) fclose(file);
    if (!whole) return complain(path ? path : "input", "cannot be read, or is too long");
    if (!wg__vm_decode(data, size, (wg__vm_limits){ 0 }, &p))
        return complain("decoding", wg_error_message());
    bool done = in_c ? wg__vm_print_c(stdout, &p) : wg__vm_print(stdout, &p);
    wg_reset();
    return done ? EXIT_SUCCESS : complain("output", "cannot be written");
}

int main(int argc, char **argv) {
    bool in_c = argc > 1 && strcmp(argv[1], "--c") == 0;
    bool option = in_c || (argc > 1 && strcmp(argv[1], "--text") == 0);
    int files = argc - 1 - option;
    if (files > 1 || (argc > 1 && !option && argv[1][0] == '-')) {
        fputs("usage: wengert_program [--text | --c] [FILE]\n", stderr);
        return EXIT_FAILURE;
    }
    return show(files ? argv[argc - 1] : NULL, in_c);
}
