// SPDX-License-Identifier: MIT
/* normalise.c: layer and RMS normalisation, over lines along the last axes. Forward reads each line
   while it is in the cache and keeps nothing; backward measures it again, which is cheaper than
   storing two numbers and fetching them. In the rules h is the normalised line, which the operation
   itself computes without weight and bias. */
#include "autograd/ops/ops_impl.h"
#include "tensor/kernels/kernels.h"
#include "tensor/kernels/lines.h"
#include "tensor/kernels/norm.h"

typedef struct norm_attr {
    int64_t axes;  // how many, counted from the end
    double eps;
} norm_attr;
static const wg_attr norm_attrs[] = {
    { "axes", WG_ATTR_INT, offsetof(norm_attr, axes) },
    { "eps", WG_ATTR_REAL, offsetof(norm_attr, eps) },
    { .name = NULL },
};

/* ---- which lines ----------------------------------------------------------------------------- */

static bool centred(const wg_call *c) { return c->op == &wg__op_layer_norm; }

// The sizes of x's last axes, as many as are normalised.
static wg_shape line_shape(const wg_call *c) {
    wg_shape x = wg_shape_of(c->in[0]), line = { .rank = (int)((const norm_attr *)c->attr)->axes };
    for (int i = 0; i < line.rank; i++) line.dim[i] = x.dim[x.rank - line.rank + i];
    return line;
}

static bool fits_line(const wg_call *c, int i) {
    static const char *const name[] = { "x", "weight", "bias" };
    wg_shape want = line_shape(c), have;
    char text[100];
    if (i >= c->inputs || !c->in[i]) return true;
    if (!wg__same_dtype(c, 0, i)) return false;
    have = wg_shape_of(c->in[i]);
    return wg__shape_equal(&have, &want) ||
           wg_call_fail(c, WG_ERROR_SHAPE, "the %s must be %s", name[i],
                        wg_shape_text(want, text, sizeof text));
}

static bool infer(const wg_call *c, wg_spec *out) {
    const norm_attr *a = c->attr;
    int rank = wg_call_rank(c, 0);
    if (!wg_call_float(c, 0)) return false;
    if (a->axes < 1 || a->axes > rank)
        return wg_call_fail(c, WG_ERROR_SHAPE, "the last %lld of %d axes", (long long)a->axes,
                            rank);
    if (!(a->eps >= 0 && a->eps < INFINITY))
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "eps = %g is not within [0, inf)", a->eps);
    return fits_line(c, 1) && fits_line(c, 2) &&
           wg_spec_set(out, wg_call_dtype(c, 0), wg_shape_of(c->in[0]));
}

/* ---- line by line ---------------------------------------------------------------------------- */

typedef struct pass {
    const wg_call *call;
    const wg__norms *loops;
    wg__lines lines;
    const wg_view *x, *gy;
    wg__room rooms[4];      // what is spread out is gathered here: lines of x and gy, w, b
    void *room[4];          // NULL where nothing is
    const void *affine[2];  // w and b, side by side; NULL where there is none
    int64_t n;
    size_t size;
} pass;

// w or b.
static const void *side_by_side(const pass *p, int i) {
    if (i >= p->call->inputs || !p->call->in[i]) return NULL;
    const wg_view *v = &p->call->in[i]->view;
    wg__lines whole = wg__lines_of(&v, 1, (1u << v->shape.rank) - 1);
    wg__line line = { v->data, &whole.cut, 0, p->size };
    return wg__line_run(&line, 0, p->n, p->room[1 + i]);
}

static void pass_close(pass *p) {
    for (int i = 0; i < 4; i++) wg__room_close(&p->rooms[i]);
}

// gy NULL in forward.
static bool pass_open(pass *p, const wg_call *c, const wg_view *gy) {
    const wg_view *x = &c->in[0]->view;
    unsigned bits = (1u << x->shape.rank) - 1,
             kept = (1u << (x->shape.rank - line_shape(c).rank)) - 1;
    bool used[4] = { true, gy != NULL, c->inputs > 1 && c->in[1], c->inputs > 2 && c->in[2] };
    p->call = c;
    p->loops = &wg__norm_loops[x->dtype];
    p->x = x, p->gy = gy;
    p->lines = wg__lines_of((const wg_view *[]){ x, gy }, gy ? 2 : 1, bits & ~kept);
    p->n = p->lines.length;
    p->size = wg__size_of(x->dtype);
    bool ok = true;
    for (int i = 0; i < 4; i++) {
        p->room[i] = wg__room_open(&p->rooms[i], used[i] ? p->n : 0, p->size);
        ok = ok && p->room[i];
    }
    for (int i = 0; ok && i < 2; i++) p->affine[i] = side_by_side(p, 1 + i);
    if (p->n == 0) p->lines.count = 0;
    if (!ok) pass_close(p);
    return ok;
}

// Line k of x, or of gy.
static const void *line_of(const pass *p, bool of_gy, int64_t k) {
    int64_t at[WG__LINE_ARRAYS];
    wg__axes_at(&p->lines.kept, k, at);
    wg__line line = { wg__at(of_gy ? p->gy : p->x, at[of_gy]), &p->lines.cut, of_gy, p->size };
    return wg__line_run(&line, 0, p->n, p->room[of_gy]);
}

static wg__norm measure(const pass *p, const void *x) {
    return p->loops->measure(p->n, x, centred(p->call), ((const norm_attr *)p->call->attr)->eps);
}

static bool forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    pass p;
    (void)in;
    if (!pass_open(&p, c, NULL)) return false;
    for (int64_t k = 0; k < p.lines.count; k++) {
        const void *x = line_of(&p, false, k);
        wg__norm m = measure(&p, x);
        p.loops->apply(p.n, wg__at(out, k * p.n), x, &m, p.affine);
    }
    pass_close(&p);
    return true;
}

static void back_to_x(const pass *p, const wg_view *gx) {
    for (int64_t k = 0; k < p->lines.count; k++) {
        const void *x = line_of(p, false, k), *gy = line_of(p, true, k);
        wg__norm m = measure(p, x);
        p->loops->back(p->n, wg__at(gx, k * p->n), (const void *[]){ gy, x, p->affine[0] }, &m,
                       centred(p->call));
    }
}

enum { BLOCK = 64 };  // lines: their sums are added first to each other, then to the total

static bool back_to_weight(const pass *p, const wg_view *gw) {
    double *block = wg__alloc_zero((size_t)(2 * p->n) * sizeof *block);
    if (!block) return false;
    double *total = block + p->n;
    for (int64_t k = 0; k < p->lines.count; k++) {
        const void *x = line_of(p, false, k), *gy = line_of(p, true, k);
        wg__norm m = measure(p, x);
        p->loops->gather(p->n, block, gy, x, &m);
        if ((k + 1) % BLOCK && k + 1 < p->lines.count) continue;
        for (int64_t i = 0; i < p->n; i++) total[i] += block[i], block[i] = 0;
    }
    for (int64_t i = 0; i < p->n; i++) wg__store(gw->dtype, wg__at(gw, i), total[i]);
    wg__free(block);
    return true;
}

// The bias takes the sum of gy over all lines.
static void back_to_bias(const wg_view *gy, const wg_view *gb) {
    wg_view sum = { .data = gb->data, .dtype = gb->dtype, .shape = gy->shape };
    for (int i = 0; i < gy->shape.rank - gb->shape.rank; i++) sum.shape.dim[i] = 1;
    wg__contiguous_strides(&sum);
    wg__reduce_sum(&sum, gy);
}

static bool backward(const wg_call *c, const wg_view *gy, int i, wg_view *gx) {
    pass p;
    bool ok = true;
    if (i == 2) {
        back_to_bias(gy, gx);
        return true;
    }
    if (!pass_open(&p, c, gy)) return false;
    if (i == 0)
        back_to_x(&p, gx);
    else
        ok = back_to_weight(&p, gx);
    pass_close(&p);
    return ok;
}

/* ---- rules ----------------------------------------------------------------------------------- */

static wg_shape line_axes(const wg_call *c) {  // -1, -2, ...
    wg_shape axes = { .rank = line_shape(c).rank };
    for (int i = 0; i < axes.rank; i++) axes.dim[i] = -1 - i;
    return axes;
}

static wg_tensor *line_mean(const wg_call *c, wg_tensor *x) {
    return wg_mean_axes(x, line_axes(c), true);
}

// h: x normalised, neither weighted nor moved.
static wg_tensor *normal(const wg_call *c) { return wg__op1(c->op, c->in[0], c->attr); }

// 1 / sqrt(variance + eps), one to a line.
static wg_tensor *scale(const wg_call *c) {
    wg_tensor *x = c->in[0];
    wg_tensor *size =
        centred(c) ? wg_var_axes(x, line_axes(c), true, 0) : line_mean(c, wg_square(x));
    return wg_rsqrt(wg_add(size, wg_num(((const norm_attr *)c->attr)->eps)));
}

/* The Jacobian of h is symmetric, scale (1 - (1 1' + h h') / n): it takes g, shaped like x, from
   either side. */
static wg_tensor *product(const wg_call *c, wg_tensor *g) {
    wg_tensor *h = normal(c), *off = wg_sub(g, wg_xmul(line_mean(c, wg_xmul(g, h)), h));
    if (centred(c)) off = wg_sub(off, line_mean(c, g));
    return wg_xmul(off, scale(c));
}

static wg_tensor *weighted(const wg_call *c, wg_tensor *g) {
    return c->inputs > 1 && c->in[1] ? wg_xmul(g, c->in[1]) : g;
}

static wg_tensor *vjp(const wg_call *c, wg_tensor *gy, int i) {
    if (i == 0) return product(c, weighted(c, gy));
    return wg_sum_to(i == 1 ? wg_xmul(gy, normal(c)) : gy, wg_shape_of(c->in[i]));
}

static wg_tensor *jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg_tensor *dy = dx[0] ? weighted(c, product(c, dx[0])) : NULL;
    if (c->inputs > 1 && dx[1]) dy = wg_add_maybe(dy, wg_xmul(dx[1], normal(c)));
    if (c->inputs > 2 && dx[2]) dy = wg_add_maybe(dy, wg_expand(dx[2], wg_shape_of(c->in[0])));
    return dy;
}

/* ---- reference ------------------------------------------------------------------------------- */

static bool reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    wg_shape line = line_shape(c);
    int64_t n = wg__numel(&line), count = wg__numel(&out->shape);
    const double complex *x = in[0].data;
    for (int64_t first = 0; first < count; first += n) {
        double complex mean = 0, square = 0;
        for (int64_t k = 0; centred(c) && k < n; k++) mean += x[first + k] / (double)n;
        for (int64_t k = 0; k < n; k++)
            square += (x[first + k] - mean) * (x[first + k] - mean) / (double)n;
        double complex root = csqrt(square + ((const norm_attr *)c->attr)->eps);
        for (int64_t k = 0; k < n; k++) {
            double complex y = (x[first + k] - mean) / root;
            if (c->inputs > 1) y *= in[1].data[k];
            if (c->inputs > 2) y += in[2].data[k];
            out->data[first + k] = y;
        }
    }
    return true;
}

/* ---- records --------------------------------------------------------------------------------- */

#define COMMON(opname)                                                                             \
    .abi = WG_OP_ABI, .name = #opname, .inputs = 1, .flags = WG_OP_OPTIONAL_INPUTS,                \
    .saves = WG_SAVES_IN(0) | WG_SAVES_IN(1), .attr_size = sizeof(norm_attr), .attrs = norm_attrs, \
    .infer = infer, .forward = forward, .vjp = vjp, .jvp = jvp, .backward = backward,              \
    .reference = reference
#define SAMPLES                                                                                    \
    "2,5 | axes=1 eps=0.125", "2,5 5 | axes=1 eps=0.125", "3,2,3 2,3 | axes=2 eps=0.25",           \
        "2,2,3 | axes=3 eps=0.125", "4 4 | axes=1 eps=0.125", "2,1 1 | axes=1 eps=1",              \
        "0,3 3 | axes=1 eps=0.1", "2,0 0 | axes=1 eps=0.1", "2,300 300 | axes=1 eps=0.01",         \
        "2,3@=1,2,4,0,0,1 | axes=1", "70,2 2 | axes=1 eps=0.5"
#define BAD                                                                                        \
    "2,3 | axes=0", "2,3 | axes=3", "2,3 | axes=-1", "() | axes=1", "2,3 2 | axes=1",              \
        "2,3 1 | axes=1", "2,3 3 | axes=2", "2,3 2,3 | axes=1", "2,3 3 | axes=1 eps=-1",           \
        "3@i0..4 | axes=1", "3@b | axes=1", "3 3@i0..4 | axes=1"

WG__DEFINE_OP(layer_norm) = {
    COMMON(layer_norm),
    .inputs_max = 3,
    .doc = "(x - mean) / sqrt(var + eps) w + b over the last axes (Ba et al. 2016); var with "
           "divisor n",
    .shapes = "(..., L) x (L) x (L) -> (..., L), L the sizes of the last `axes` axes",
    .derivative =
        "dx = (g - mean g - h mean(g h)) / sqrt(var + eps), g = gy w, h the normalised x; "
        "dw = sum gy h, db = sum gy",
    .edges = "equal elements give b, but NaN for eps = 0, as in PyTorch; an infinity or NaN makes "
             "its line NaN; lines without elements give none; 1e4 + noise keeps the noise's digits",
    .equals = "torch.nn.functional.layer_norm",
    .samples = { SAMPLES, "3,4 4 4 | axes=1 eps=0.125", "2,2,2 2,2 2,2 | axes=2 eps=0.25",
                 "0,2 2 2 | axes=1 eps=0.5" },
    .bad = { BAD, "2,3 3 2 | axes=1", "3 3 3@i0..4 | axes=1" },
};

WG__DEFINE_OP(rms_norm) = {
    COMMON(rms_norm),
    .inputs_max = 2,
    .doc = "x / sqrt(mean x^2 + eps) w over the last axes (Zhang and Sennrich 2019)",
    .shapes = "(..., L) x (L) -> (..., L), L the sizes of the last `axes` axes",
    .derivative = "dx = (g - h mean(g h)) / sqrt(mean x^2 + eps), g = gy w, h the normalised x; dw "
                  "= sum gy h",
    .edges =
        "zeros give 0, but NaN for eps = 0, as in PyTorch; beside an infinity, which gives NaN, "
        "finite elements are 0; NaN makes its line NaN; lines without elements give none",
    .equals = "torch.nn.functional.rms_norm",
    .samples = { SAMPLES },
    .bad = { BAD, "3 3 3 | axes=1" },
};

wg_tensor *wg_layer_norm(wg_tensor *x, int axes, wg_tensor *weight, wg_tensor *bias, double eps) {
    return wg_apply(&wg__op_layer_norm, (wg_tensor *[]){ x, weight, bias }, 3,
                    &(norm_attr){ axes, eps });
}

wg_tensor *wg_rms_norm(wg_tensor *x, int axes, wg_tensor *weight, double eps) {
    return wg__op2(&wg__op_rms_norm, x, weight, &(norm_attr){ axes, eps });
}
