// SPDX-License-Identifier: MIT
/* recurrence.c: how scans walk their lines, and the first-order linear recurrence that their rules
   are made of. Its own rules are such recurrences again, running the other way. */
#include "autograd/ops/scan.h"

#include <stdlib.h>

#include "tensor/kernels/lines.h"

const wg_attr wg__scan_attrs[] = { { "axis", WG_ATTR_INT, offsetof(wg__scan_attr, axis) },
                                   { "reverse", WG_ATTR_BOOL, offsetof(wg__scan_attr, reverse) },
                                   { .name = NULL } };

wg__scan_attr wg__scan_way(const wg_call *c) {
    wg__scan_attr way = *(const wg__scan_attr *)c->attr;
    way.axis = wg__axis(way.axis, wg_rank(c->in[0]));
    return way;
}

/* ---- walking lines --------------------------------------------------------------------------- */

/* Lines that lie closer to each other than their own elements are walked TILE at a time, ROWS
   elements of each, so that no line of the cache is fetched for one element alone. */
enum { TILE = 16, ROWS = 32 };

typedef struct walk {
    wg__scan_loop *loop;
    const wg_view *const *v;
    int count;
    wg__lines lines;
    int64_t step[WG__LINE_ARRAYS];  // from one element of a line to the next
} walk;

static void scan_tile(const walk *w, int64_t line, int64_t width, int64_t rows) {
    int64_t at[WG__LINE_ARRAYS], n;
    wg__carry carry[TILE] = { { .begun = false } };
    wg__axes_at(&w->lines.kept, line, at);
    for (int64_t from = 0; from < w->lines.length; from += n) {
        n = w->lines.length - from < rows ? w->lines.length - from : rows;
        for (int64_t j = 0; j < width; j++) {
            void *p[WG__LINE_ARRAYS];
            for (int i = 0; i < w->count; i++)
                p[i] = wg__at(w->v[i],
                              at[i] + j * wg__inner_step(&w->lines.kept, i) + from * w->step[i]);
            w->loop(n, p, w->step, &carry[j]);
        }
    }
}

bool wg__scan_lines(const wg_call *c, const wg_view *const v[], int count, wg__scan_loop *loop) {
    wg__scan_attr way = wg__scan_way(c);
    wg_view turned[WG__LINE_ARRAYS];
    const wg_view *walked[WG__LINE_ARRAYS];
    for (int i = 0; i < count; i++) {
        int64_t *stride = &turned[i].stride[way.axis], n = v[i]->shape.dim[way.axis];
        turned[i] = *v[i], walked[i] = &turned[i];
        if (way.reverse && n > 0) turned[i].data = wg__at(v[i], (n - 1) * *stride);
        if (way.reverse) *stride = -*stride;
    }
    walk w = { loop, walked, count, wg__lines_of(walked, count, 1u << way.axis), { 0 } };
    const wg__lines *l = &w.lines;
    if (l->length == 0 || l->count == 0) return true;
    for (int i = 0; i < count; i++) w.step[i] = wg__inner_step(&l->cut, i);
    bool near = llabs(wg__inner_step(&l->kept, 1)) < llabs(w.step[1]);
    int64_t inner = wg__inner_dim(&l->kept), most = near ? TILE : 1;
    for (int64_t k = 0, width; k < l->count; k += width) {
        width = inner - k % inner < most ? inner - k % inner : most;
        scan_tile(&w, k, width, near ? ROWS : l->length);
    }
    return true;
}

/* ---- what rules are made of ------------------------------------------------------------------ */

wg_tensor *wg__scan(const wg_op *op, wg_tensor *x, int axis, bool reverse) {
    return wg__op1(op, x, &(wg__scan_attr){ .axis = axis, .reverse = reverse });
}

wg_tensor *wg__linear_scan(wg_tensor *a, wg_tensor *b, wg__scan_attr way) {
    return wg__op2(&wg__op_linear_scan, a, b, &way);
}

wg_tensor *wg__moved_on(wg_tensor *x, wg__scan_attr way, double first) {
    int axis = (int)way.axis;
    int64_t n = wg_dim(x, axis), from = way.reverse ? 1 : 0;
    if (n == 0) return x;
    wg_shape edge = wg_shape_of(x);
    edge.dim[axis] = 1;
    wg_tensor *in = wg_full(wg_dtype_of(x), edge, first);
    wg_tensor *rest = wg_slice(x, axis, from, from + n - 1, 1);
    return wg_cat(way.reverse ? (wg_tensor *[]){ rest, in } : (wg_tensor *[]){ in, rest }, 2, axis);
}

/* ---- linear_scan: h_k = a_k h_(k-1) + b_k ---------------------------------------------------- */

static bool linear_scan_infer(const wg_call *c, wg_spec *out) {
    if (!wg_call_same_dtype(c) || !wg_call_float(c, 0)) return false;
    wg_shape a = wg_shape_of(c->in[0]), b = wg_shape_of(c->in[1]);
    if (wg_call_axis(c, ((const wg__scan_attr *)c->attr)->axis, a.rank) < 0) return false;
    if (wg__shape_equal(&a, &b)) return wg_spec_set(out, wg_call_dtype(c, 0), a);
    return wg_call_fail(c, WG_ERROR_SHAPE, "factors and terms do not have one shape");
}

#define LINEAR_LOOP(loop, type)                                                                    \
    static void loop(int64_t n, void *const p[], const int64_t step[], wg__carry *carry) {         \
        type *out = p[0];                                                                          \
        const type *a = p[1], *b = p[2];                                                           \
        double h = carry->real;                                                                    \
        for (int64_t k = 0; k < n; k++) {                                                          \
            double factor = (double)a[k * step[1]], product = factor * h;                          \
            h = (factor == 0 || h == 0 ? 0 : product) + (double)b[k * step[2]];                    \
            out[k * step[0]] = (type)h;                                                            \
        }                                                                                          \
        carry->real = h;                                                                           \
    }
LINEAR_LOOP(linear_f32, float)
LINEAR_LOOP(linear_f64, double)

static bool linear_scan_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    return wg__scan_lines(c, (const wg_view *[]){ out, in[0], in[1] }, 3,
                          out->dtype == WG_F32 ? linear_f32 : linear_f64);
}

static wg_tensor *linear_scan_vjp(const wg_call *c, wg_tensor *gy, int i) {
    wg__scan_attr way = wg__scan_way(c), back = wg__scan_back(way);
    wg_tensor *gb = wg__linear_scan(wg__moved_on(c->in[0], back, 0), gy, back);
    return i == 1 ? gb : wg_xmul(gb, wg__moved_on(c->out, way, 0));
}

static wg_tensor *linear_scan_jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg__scan_attr way = wg__scan_way(c);
    wg_tensor *term = dx[0] ? wg_xmul(dx[0], wg__moved_on(c->out, way, 0)) : NULL;
    return wg__linear_scan(c->in[0], wg_add_maybe(term, dx[1]), way);
}

/* ---- references ------------------------------------------------------------------------------ */

bool wg__scan_reference(const wg_call *c, const wg_zview in[], wg_zview *out,
                        wg__plain_step *plain) {
    wg__scan_attr way = wg__scan_way(c);
    wg_view v = { .shape = out->shape };
    wg__contiguous_strides(&v);
    int64_t step = v.stride[way.axis], n = v.shape.dim[way.axis], count = wg__numel(&v.shape);
    for (int64_t at = 0; at < count; at++) {
        int64_t flat = way.reverse ? count - 1 - at : at, place = flat / step % n;
        bool first = place == (way.reverse ? n - 1 : 0);
        double complex y = first ? 0 : out->data[way.reverse ? flat + step : flat - step];
        out->data[flat] = plain(first, y, in[0].data[flat], in[c->inputs - 1].data[flat]);
    }
    return true;
}

static bool is_zero(double complex z) { return creal(z) == 0 && cimag(z) == 0; }
WG__SCAN_REFERENCE(linear_scan, b, (is_zero(x) || is_zero(y) ? 0 : x * y) + b)

WG__DEFINE_OP(linear_scan) = {
    WG__SCAN_COMMON(linear_scan),
    .doc = "h_k = a_k h_(k-1) + b_k along an axis, from h = 0; a product with 0 is 0",
    .derivative = "db_k = gy_k + a_(k+1) db_(k+1), da_k = db_k h_(k-1)",
    .shapes = "two of one shape, of rank 1 or more -> the same",
    .edges = "0 times inf or NaN is 0, as in xmul; f32 is gathered in f64",
    .equals = "jax.lax.associative_scan of h = a h + b",
    .inputs = 2,
    .saves = WG_SAVES_IN(0) | WG_SAVES_OUT,
    .infer = linear_scan_infer,
    .vjp = linear_scan_vjp,
    .jvp = linear_scan_jvp,
    .samples = { "5 5", "2,3 2,3 | axis=1", "2,3 2,3 | axis=-2 reverse=1", "3,4,2 3,4,2 | axis=1",
                 "2,1 2,1 | axis=1", "0,3 0,3 | axis=1", "2,0 2,0 | axis=1",
                 "2,40@-1..1 2,40 | axis=1", "5@=0,1,0,2,-1 5@=1,0,0,3,1" },
    .bad = { "2,3 2,3 | axis=2", "() ()", "3 4", "2,3 3", "3@i0..2 3@i0..2" },
};

wg_tensor *wg_linear_scan(wg_tensor *a, wg_tensor *b, int axis) {
    return wg__linear_scan(a, b, (wg__scan_attr){ .axis = axis });
}
