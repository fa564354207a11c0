// SPDX-License-Identifier: MIT
/* attr.c: attributes of a call as text, "axes=0,-1 keepdim=1 p=2.5", and back. An operation's table
   of fields (wg_attr) is all that is needed to print and sample a call. */
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/autograd_impl.h"

enum { NUMBER_MAX = 64, VALUE_MAX = 320 };

/* ---- numbers --------------------------------------------------------------------------------- */

// strtod and printf follow the process's locale, our texts do not: swap its decimal point for ours.
static void swap_point(char *text, char from, char to) {
    for (; *text; text++)
        if (*text == from) *text = to;
}

bool wg__number_parse(const char *text, size_t length, double *value) {
    char copy[NUMBER_MAX];
    if (length == 0 || length >= sizeof copy || text[0] == ' ') return false;
    memcpy(copy, text, length);
    copy[length] = 0;
    swap_point(copy, '.', localeconv()->decimal_point[0]);
    char *end = copy;
    *value = strtod(copy, &end);
    return end == copy + length;
}

// The shortest of 15, 16 or 17 digits that reads back as the same double.
static void real_text(double value, char text[NUMBER_MAX]) {
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, NUMBER_MAX, "%.*g", digits, value);
        if (!(strtod(text, NULL) != value)) break;
    }
    swap_point(text, localeconv()->decimal_point[0], '.');
}

/* ---- to text --------------------------------------------------------------------------------- */

typedef struct sink {
    char *text;
    size_t size, length;  // length: of all that was written, whether it fitted or not
} sink;

WG_PRINTF(2, 3) static void put(sink *s, const char *format, ...) {
    va_list args;
    va_start(args, format);
    bool room = s->length < s->size;
    int n =
        vsnprintf(room ? s->text + s->length : NULL, room ? s->size - s->length : 0, format, args);
    va_end(args);
    if (n > 0) s->length += (size_t)n;
}

static void put_int(sink *s, const void *field) { put(s, "%" PRId64, *(const int64_t *)field); }
static void put_bool(sink *s, const void *field) { put(s, "%d", *(const bool *)field); }
static void put_real(sink *s, const void *field) {
    char text[NUMBER_MAX];
    real_text(*(const double *)field, text);
    put(s, "%s", text);
}
static void put_list(sink *s, const void *field) {
    const wg_shape *list = field;
    for (int i = 0; i < list->rank; i++) put(s, "%s%" PRId64, i ? "," : "", list->dim[i]);
}

static void put_text(sink *s, const void *field) { put(s, "%s", (const char *)field); }

size_t wg__attr_text(const wg_op *op, const void *attr, char *text, size_t size) {
    static void (*const put_field[])(sink *, const void *) = {
        [WG_ATTR_INT] = put_int,   [WG_ATTR_REAL] = put_real, [WG_ATTR_BOOL] = put_bool,
        [WG_ATTR_LIST] = put_list, [WG_ATTR_TEXT] = put_text,
    };
    sink s = { text, size, 0 };
    if (size > 0) text[0] = 0;
    if (!attr || !op->attrs) return 0;
    for (const wg_attr *a = op->attrs; a->name; a++) {
        put(&s, "%s%s=", a == op->attrs ? "" : " ", a->name);
        put_field[a->type](&s, (const char *)attr + a->offset);
    }
    return s.length;
}

/* ---- from text ------------------------------------------------------------------------------- */

// Each reads all of a zero-terminated text into its field, or returns false.
static bool read_int(const char *text, void *field) {
    char *end = NULL;
    errno = 0;
    int64_t value = strtoll(text, &end, 10);
    if (end == text || *end || errno || *text == ' ') return false;
    *(int64_t *)field = value;
    return true;
}

static bool read_real(const char *text, void *field) {
    return wg__number_parse(text, strlen(text), field);
}

static bool read_bool(const char *text, void *field) {
    if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0) return false;
    *(bool *)field = text[0] == '1';
    return true;
}

// "0,-1", or nothing for a list without elements.
static bool read_list(const char *text, void *field) {
    wg_shape list = WG_SCALAR;
    while (*text) {
        char one[NUMBER_MAX];
        size_t length = strcspn(text, ",");
        if (length >= sizeof one || list.rank == WG_MAX_RANK) return false;
        memcpy(one, text, length);
        one[length] = 0;
        if (!read_int(one, &list.dim[list.rank++])) return false;
        text += length;
        if (*text == ',' && !*++text) return false;
    }
    *(wg_shape *)field = list;
    return true;
}

static bool read_text(const char *text, void *field) {
    size_t length = strlen(text);
    if (length >= WG_TEXT_SIZE) return false;
    memcpy(field, text, length + 1);
    return true;
}

static const wg_attr *find(const wg_op *op, const char *name, size_t length) {
    for (const wg_attr *a = op->attrs; a && a->name; a++)
        if (strlen(a->name) == length && memcmp(a->name, name, length) == 0) return a;
    return NULL;
}

// One "name=value" of `length` characters.
static bool read_field(const wg_op *op, const char *text, size_t length, void *attr) {
    static bool (*const read[])(const char *, void *) = {
        [WG_ATTR_INT] = read_int,   [WG_ATTR_REAL] = read_real, [WG_ATTR_BOOL] = read_bool,
        [WG_ATTR_LIST] = read_list, [WG_ATTR_TEXT] = read_text,
    };
    const char *equals = memchr(text, '=', length);
    size_t name = equals ? (size_t)(equals - text) : length;
    const wg_attr *a = find(op, text, name);
    if (!a)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: there is no attribute \"%.*s\"", op->name, (int)name,
                       text);
    char value[VALUE_MAX];
    size_t size = equals ? length - name - 1 : sizeof value;
    if (size < sizeof value) {
        memcpy(value, equals + 1, size);
        value[size] = 0;
        if (read[a->type](value, (char *)attr + a->offset)) return true;
    }
    static const char *const want[] = { "an integer", "a number", "0 or 1", "integers, at most 8",
                                        "less than 128 characters" };
    return wg_fail(WG_ERROR_ARGUMENT, "%s: \"%.*s\": %s must be %s", op->name, (int)length, text,
                   a->name, want[a->type]);
}

bool wg__attr_parse(const wg_op *op, const char *text, void *attr) {
    if (attr) memset(attr, 0, op->attr_size);
    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        size_t length = strcspn(text, " ");
        if (!read_field(op, text, length, attr)) return false;
        text += length;
    }
    return true;
}
