// SPDX-License-Identifier: MIT
/* text.c: text of any length into a buffer of a given size, of which only the beginning may fit. */
#include <stdarg.h>
#include <stdio.h>

#include "nn/nn_impl.h"

bool wg__bounded_begin(wg__bounded *t, const char *what, char *bytes, size_t size) {
    *t = (wg__bounded){ .bytes = bytes, .size = bytes ? size : 0 };
    if (t->size > 0) bytes[0] = 0;
    return bytes || size == 0 ||
           (wg__where(""), wg_fail(WG_ERROR_ARGUMENT, "%s: %zu bytes of text at NULL", what, size));
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
