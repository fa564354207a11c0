// SPDX-License-Identifier: MIT
/* text.c: text of any length into a buffer of a given size, of which only the beginning may fit. */
#include <stdarg.h>
#include <stdio.h>

#include "nn/nn_impl.h"

wg__bounded wg__bounded_begin(char *bytes, size_t size) {
    if (size > 0) bytes[0] = 0;
    return (wg__bounded){ .bytes = bytes, .size = size };
}

void wg__bounded_add(wg__bounded *t, const char *format, ...) {
    bool room = t->length < t->size;
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(room ? t->bytes + t->length : NULL, room ? t->size - t->length : 0, format,
                      arguments);
    va_end(arguments);
    t->length += n > 0 ? (size_t)n : 0;
}
