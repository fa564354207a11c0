// SPDX-License-Identifier: MIT
/* must.h: what every fuzz target has. libFuzzer or driver/main.c call the one function; MUST ends
   the program where a thing that holds for every input does not hold for this one. */
#ifndef WG_MUST_H
#define WG_MUST_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
