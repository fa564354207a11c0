// SPDX-License-Identifier: MIT
/* print.c: tensors as text, laid out as NumPy lays them out: one width for all numbers, "..." in
   the middle of long axes, shape and dtype behind. */
#include <math.h>
#include <string.h>

#include "tensor/kernels/kernels.h"
#include "tensor/tensor_impl.h"

enum { EDGE = 3, LONG_TENSOR = 1000 };

/* Writes what fits and counts everything, so one pass serves both to measure and to write. */
typedef struct text_out {
    char *text;
    size_t size, length;
} text_out;

static void put(text_out *o, const char *s) {
    size_t n = strlen(s);
    for (size_t i = 0; i < n; i++, o->length++)
        if (o->length + 1 < o->size) o->text[o->length] = s[i];
}

/* How numbers are written: `digits` behind the point, or as %g when their sizes differ too much. */
typedef struct number_style {
    bool whole, scientific, elide;
    int digits, width;
} number_style;

static void format_number(char text[40], const wg_view *v, int64_t offset, const number_style *s) {
    const void *p = wg__at(v, offset);
    double x = wg__load(v->dtype, p);
    if (v->dtype == WG_BOOL)
        snprintf(text, 40, "%*s", s->width, x != 0 ? "true" : "false");
    else if (v->dtype == WG_I64)
        snprintf(text, 40, "%*lld", s->width, (long long)*(const int64_t *)p);
    else if (!wg_dtype_is_float(v->dtype))
        snprintf(text, 40, "%*.0f", s->width, x);
    else if (!isfinite(x))
        snprintf(text, 40, "%*s", s->width, isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
    else if (s->scientific)
        snprintf(text, 40, "%*.4e", s->width, x);
    else if (s->whole)
        snprintf(text, 40, "%*.0f.", s->width - 1, x);
    else
        snprintf(text, 40, "%*.*f", s->width, s->digits, x);
}

static bool shown(const wg_view *v, int axis, int64_t i, const number_style *s) {
    int64_t n = v->shape.dim[axis];
    return !s->elide || n <= 2 * EDGE || i < EDGE || i >= n - EDGE;
}

typedef void visit(void *user, const wg_view *v, int64_t offset);

static void each_shown(const wg_view *v, int axis, int64_t offset, const number_style *s,
                       visit *visitor, void *user) {
    if (axis == v->shape.rank) {
        visitor(user, v, offset);
        return;
    }
    int64_t n = v->shape.dim[axis];
    for (int64_t i = 0; i < n; i++) {
        if (!shown(v, axis, i, s)) i = n - EDGE;
        each_shown(v, axis + 1, offset + i * v->stride[axis], s, visitor, user);
    }
}

typedef struct survey {
    double smallest, largest;  // magnitudes, without 0
    bool whole;
} survey;

static void look(void *user, const wg_view *v, int64_t offset) {
    survey *s = user;
    double x = fabs(wg__load(v->dtype, wg__at(v, offset)));
    if (!isfinite(x)) return;
    if (x != floor(x)) s->whole = false;
    if (x > s->largest) s->largest = x;
    if (x > 0 && x < s->smallest) s->smallest = x;
}

typedef struct width_of {
    const number_style *style;
    int width;
} width_of;

static void measure(void *user, const wg_view *v, int64_t offset) {
    width_of *w = user;
    char text[40];
    format_number(text, v, offset, w->style);
    int n = (int)strlen(text);
    if (n > w->width) w->width = n;
}

static number_style choose_style(const wg_view *v) {
    number_style s = { .digits = 4, .elide = wg__numel(&v->shape) > LONG_TENSOR };
    survey seen = { .smallest = INFINITY, .whole = true };
    each_shown(v, 0, 0, &s, look, &seen);
    s.scientific = seen.largest >= 1e8 || (seen.smallest < 1e-4 && !seen.whole) ||
                   (!seen.whole && seen.largest > 1e4 * seen.smallest && seen.largest >= 1e4);
    s.whole = seen.whole && !s.scientific;
    width_of w = { &s, 0 };
    each_shown(v, 0, 0, &s, measure, &w);
    s.width = w.width;
    return s;
}

static void put_axis(text_out *o, const wg_view *v, int axis, int64_t offset,
                     const number_style *s) {
    char text[40];
    if (axis == v->shape.rank) {
        format_number(text, v, offset, s);
        put(o, text);
        return;
    }
    bool last = axis == v->shape.rank - 1;
    int64_t n = v->shape.dim[axis];
    put(o, "[");
    for (int64_t i = 0; i < n; i++) {
        if (i > 0) put(o, last ? ", " : ",\n");
        for (int k = 0; i > 0 && !last && k <= axis; k++) put(o, " ");
        if (!shown(v, axis, i, s)) {
            put(o, "...");
            i = n - EDGE - 1;
            continue;
        }
        put_axis(o, v, axis + 1, offset + i * v->stride[axis], s);
    }
    put(o, "]");
}

static void put_values(text_out *o, const wg_view *v) {
    if (wg__numel(&v->shape) == 0) {  // however many empty rows there are
        put(o, "[]");
        return;
    }
    number_style style = choose_style(v);
    put_axis(o, v, 0, 0, &style);
}

size_t wg_format(const wg_tensor *x, char *text, size_t size) {
    if (!text) size = 0;
    text_out o = { text, size, 0 };
    if (!x) {
        put(&o, "NULL");
    } else {
        char shape[200];
        put_values(&o, &x->view);
        put(&o, "  ");
        put(&o, wg_dtype_name(x->view.dtype));
        put(&o, wg_shape_text(x->view.shape, shape, sizeof shape));
    }
    if (size > 0) text[o.length < size ? o.length : size - 1] = 0;
    return o.length;
}

bool wg_print(FILE *file, const wg_tensor *x) {
    if (!file) return wg_fail(WG_ERROR_ARGUMENT, "wg_print: the file is NULL");
    size_t length = wg_format(x, NULL, 0);
    char *text = wg__alloc(length + 1);
    if (!text) return false;
    wg_format(x, text, length + 1);
    bool written = fprintf(file, "%s\n", text) >= 0;
    wg__free(text);
    return written || wg_fail(WG_ERROR_FILE, "wg_print: the file cannot be written");
}
