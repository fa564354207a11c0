// SPDX-License-Identifier: MIT
/* chart_text.c: text for gnuplot. Numbers are the same in every locale. Labels stand in double
   quotes, where gnuplot knows backslashes and backquotes: every byte that could mean something to
   it is written as an octal escape. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "io/chart_impl.h"
#include "io/json_impl.h"

enum { TEXT_START = 4096 };

static bool reserve(wg__text *t, size_t more) {
    if (wg__pending()) return false;
    if (t->room - t->size >= more) return true;
    size_t room = t->room ? t->room : TEXT_START;
    while (room - t->size < more) room *= 2;
    char *data = t->data ? wg__resize(t->data, t->size, room) : wg__alloc(room);
    if (!data) return false;
    t->data = data;
    t->room = room;
    return true;
}

static void put(wg__text *t, const char *bytes, size_t n) {
    if (n == 0 || !reserve(t, n)) return;
    memcpy(t->data + t->size, bytes, n);
    t->size += n;
}

void wg__text_append(wg__text *t, const wg__text *more) { put(t, more->data, more->size); }

void wg__text_add(wg__text *t, const char *format, ...) {
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int n = vsnprintf(NULL, 0, format, list);
    if (n >= 0 && reserve(t, (size_t)n + 1)) {
        vsnprintf(t->data + t->size, (size_t)n + 1, format, again);
        t->size += (size_t)n;
    }
    va_end(again);
    va_end(list);
}

/* What a locale writes for the decimal point may be any character of several bytes: whatever is
   no part of a number otherwise is taken for it. */
void wg__text_number(wg__text *t, double value) {
    char raw[64], number[64];
    size_t n = 0;
    if (!isfinite(value)) {
        put(t, "NaN", 3);
        return;
    }
    snprintf(raw, sizeof raw, "%.9g", value);
    if (strtod(raw, NULL) != value) snprintf(raw, sizeof raw, "%.17g", value);
    for (const char *c = raw; *c; c++) {
        if (strchr("0123456789+-e", *c))
            number[n++] = *c;
        else if (n == 0 || number[n - 1] != '.')
            number[n++] = '.';
    }
    put(t, number, n);
}

/* ---- labels ---------------------------------------------------------------------------------- */

/* The length of the UTF-8 character at s, 0 if it is none or one that XML forbids: U+FFFE and
   U+FFFF. */
static size_t character(const char *s) {
    size_t n = wg__utf8_length(s, strnlen(s, 4));
    return n == 3 && (memcmp(s, "\xef\xbf\xbe", 3) == 0 || memcmp(s, "\xef\xbf\xbf", 3) == 0) ? 0
                                                                                              : n;
}

static void put_ascii(wg__text *t, unsigned char c) {
    if (c == '\\' || c == '"' || c == '`' || c == '@' || c < ' ' || c == 127)
        wg__text_add(t, "\\%03o", (unsigned)c);
    else
        put(t, (const char *)&c, 1);
}

static void put_label(wg__text *t, const char *label, const char *percent) {
    for (const char *s = label; *s;) {
        size_t n = character(s);
        if (n > 1)
            put(t, s, n);
        else if (n == 0)
            put(t, "?", 1);
        else if (*s == '%')
            put(t, percent, strlen(percent));
        else if (*s == '\n')
            put(t, "\\n", 2);
        else
            put_ascii(t, *s < ' ' || *s == 127 ? ' ' : (unsigned char)*s);
        s += n ? n : 1;
    }
}

void wg__text_label(wg__text *t, const char *label, const char *more) {
    put(t, "\"", 1);
    if (label) put_label(t, label, "%");
    if (more) put_label(t, more, "%");
    put(t, "\"", 1);
}

void wg__text_format(wg__text *t, const char *label) {
    put(t, "\"", 1);
    put_label(t, label, "%%");
    put(t, "\"", 1);
}

void wg__text_path(wg__text *t, const char *path, size_t length) {
    put(t, "\"", 1);
    // a dot and a slash: names that begin with < or | would be commands, and ~ somebody's home
    if (length == 0 || path[0] != '/') put(t, "./", 2);
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)path[i] < 128)
            put_ascii(t, (unsigned char)path[i]);
        else
            put(t, path + i, 1);
    }
    put(t, "\"", 1);
}
