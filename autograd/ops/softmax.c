// SPDX-License-Identifier: MIT
/* softmax.c: softmax and log-softmax along one axis. The largest element is subtracted first, so
   nothing overflows and x = +-1e4 is exact. An element -inf has weight 0; a line of nothing but
   -inf has no distribution and gives NaN, as in PyTorch. */
#include "autograd/ops/ops_impl.h"
#include "tensor/kernels/lines.h"
#include "tensor/kernels/rows.h"

static bool infer(const wg_call *c, wg_spec *out) {
    return wg_call_float(c, 0) && wg__axis_of(c, wg_call_rank(c, 0)) >= 0 &&
           wg_spec_set(out, wg_call_dtype(c, 0), wg_shape_of(c->in[0]));
}

/* ---- line by line ---------------------------------------------------------------------------- */

/* out = f(a, b) over n elements that lie side by side. out may be b, or a where there is no b. */
typedef void line_loop(const wg__rows *row, int64_t n, void *out, const void *a, const void *b);

/* Runs `loop` over every line along the axis. v: out, a and, unless count is 2, b, of one shape and
   any strides. A line that is spread out is gathered first, and scattered afterwards. */
static bool run_lines(const wg_call *c, const wg_view *const v[], int count, line_loop *loop) {
    wg__lines l = wg__lines_of(v, count, 1u << wg__known_axis(c, v[0]->shape.rank));
    wg__room room[2];
    const wg__rows *row = &wg__row_loops[v[0]->dtype];
    int64_t n = l.length, step = wg__inner_step(&l.cut, 0);
    size_t size = wg__size_of(v[0]->dtype);
    void *a = wg__room_open(&room[0], n, size),
         *b = wg__room_open(&room[1], count > 2 ? n : 0, size);
    for (int64_t k = 0; a && b && k < l.count; k++) {
        int64_t at[WG__LINE_ARRAYS];
        wg__axes_at(&l.kept, k, at);
        wg__line from_a = { wg__at(v[1], at[1]), &l.cut, 1, size };
        wg__line from_b = { count > 2 ? wg__at(v[2], at[2]) : NULL, &l.cut, 2, size };
        const void *in_a = wg__line_run(&from_a, 0, n, a);
        const void *in_b = count > 2 ? wg__line_run(&from_b, 0, n, b) : NULL;
        void *to = wg__at(v[0], at[0]), *out = step == 1 ? to : count > 2 ? b : a;
        loop(row, n, out, in_a, in_b);
        if (step != 1) wg__copy_run(to, step, out, 1, n, size);
    }
    wg__room_close(&room[0]);
    wg__room_close(&room[1]);
    return a && b;
}

static void softmax_line(const wg__rows *row, int64_t n, void *y, const void *x, const void *none) {
    (void)none;
    double sum = row->exp(n, y, x, row->max(n, x));
    row->scale(n, y, 1 / sum, 0);
}

static void log_softmax_line(const wg__rows *row, int64_t n, void *y, const void *x,
                             const void *none) {
    (void)none;
    double most = row->max(n, x);
    row->shift(n, y, x, (double[]){ most, log(row->sum_exp(n, x, most)) });
}

static void softmax_back_line(const wg__rows *row, int64_t n, void *gx, const void *gy,
                              const void *y) {
    row->weigh(n, gx, y, gy, row->dot(n, gy, y));
}

static void log_softmax_back_line(const wg__rows *row, int64_t n, void *gx, const void *gy,
                                  const void *y) {
    double sum = row->sum(n, gy);
    if (sum == 0) {  // gx = gy, even where y is NaN
        row->shift(n, gx, gy, (double[]){ 0, 0 });
        return;
    }
    row->exp(n, gx, y, 0);
    row->scale(n, gx, -sum, 0);
    row->add(n, gx, gy, 1);
}

static bool softmax_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    return run_lines(c, (const wg_view *[]){ out, in[0] }, 2, softmax_line);
}

static bool log_softmax_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    return run_lines(c, (const wg_view *[]){ out, in[0] }, 2, log_softmax_line);
}

static bool softmax_backward(const wg_call *c, const wg_view *gy, int i, wg_view *gx) {
    (void)i;
    return run_lines(c, (const wg_view *[]){ gx, gy, &c->out->view }, 3, softmax_back_line);
}

static bool log_softmax_backward(const wg_call *c, const wg_view *gy, int i, wg_view *gx) {
    (void)i;
    return run_lines(c, (const wg_view *[]){ gx, gy, &c->out->view }, 3, log_softmax_back_line);
}

/* ---- rules ----------------------------------------------------------------------------------- */

static wg_tensor *total(const wg_call *c, wg_tensor *x) {
    return wg_sum_axes(x, WG_AXES(wg__known_axis(c, wg_rank(x))), true);
}

// The Jacobian diag(y) - y y' is symmetric: one product serves both modes.
static wg_tensor *softmax_product(const wg_call *c, wg_tensor *g) {
    wg_tensor *mean = total(c, wg_xmul(g, c->out));
    return wg_xmul(wg_sub(g, mean), c->out);
}

static wg_tensor *softmax_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return softmax_product(c, gy);
}

static wg_tensor *softmax_jvp(const wg_call *c, wg_tensor *const dx[]) {
    return softmax_product(c, dx[0]);
}

static wg_tensor *log_softmax_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return wg_sub(gy, wg_xmul(total(c, gy), wg_exp(c->out)));
}

static wg_tensor *log_softmax_jvp(const wg_call *c, wg_tensor *const dx[]) {
    return wg_sub(dx[0], total(c, wg_xmul(dx[0], wg_exp(c->out))));
}

/* ---- references ------------------------------------------------------------------------------ */

// x and y are one line of n elements, `step` apart.
static void plain_softmax(int64_t n, int64_t step, const double complex *x, double complex *y) {
    double most = -INFINITY;
    double complex sum = 0;
    for (int64_t k = 0; k < n; k++) most = fmax(most, creal(x[k * step]));
    for (int64_t k = 0; k < n; k++) sum += cexp(x[k * step] - most);
    for (int64_t k = 0; k < n; k++) y[k * step] = cexp(x[k * step] - most) / sum;
}

static void plain_log_softmax(int64_t n, int64_t step, const double complex *x, double complex *y) {
    double most = -INFINITY;
    double complex sum = 0;
    for (int64_t k = 0; k < n; k++) most = fmax(most, creal(x[k * step]));
    for (int64_t k = 0; k < n; k++) sum += cexp(x[k * step] - most);
    for (int64_t k = 0; k < n; k++) y[k * step] = x[k * step] - most - clog(sum);
}

typedef void plain_line(int64_t n, int64_t step, const double complex *x, double complex *y);

static bool reference(const wg_call *c, const wg_zview *x, wg_zview *y, plain_line *line) {
    int axis = wg__known_axis(c, x->shape.rank);
    int64_t n = x->shape.dim[axis], step = 1, count = wg__numel(&x->shape);
    for (int i = axis + 1; i < x->shape.rank; i++) step *= x->shape.dim[i];
    for (int64_t k = 0; k < count; k++)  // k stands at the head of a line
        if (k / step % n == 0) line(n, step, x->data + k, y->data + k);
    return true;
}

static bool softmax_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    return reference(c, in, out, plain_softmax);
}

static bool log_softmax_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    return reference(c, in, out, plain_log_softmax);
}

/* ---- records --------------------------------------------------------------------------------- */

#define COMMON(opname)                                                                             \
    .abi = WG_OP_ABI, .name = #opname, .shapes = "any -> the same", .inputs = 1,                   \
    .saves = WG_SAVES_OUT, WG__AXIS_ATTR, .infer = infer, .forward = opname##_forward,             \
    .vjp = opname##_vjp, .jvp = opname##_jvp, .backward = opname##_backward,                       \
    .reference = opname##_reference,                                                               \
    .samples = { "2,3 | axis=1",   "2,3 | axis=-2",                                                \
                 "3,4,2 | axis=1", "5",                                                            \
                 "2,1 | axis=1",   "0,3 | axis=1",                                                 \
                 "2,0 | axis=1",   "2,33@-30..30 | axis=1",                                        \
                 "300,2",          "2,3@=1e4,-1e4,0,-1e4,-1e4,1e4 | axis=1",                       \
                 "4@=0,0,0,0" },                                                                   \
    .bad = { "2,3 | axis=2", "2,3 | axis=-3", "()", "3@i0..4", "3@b" }

WG__DEFINE_OP(softmax) = {
    COMMON(softmax),
    .doc = "exp(x) / sum exp(x) along an axis, stable",
    .derivative = "dx = y (gy - sum gy y)",
    .edges = "-inf has weight 0; a line of nothing but -inf, or with +inf or NaN, is NaN, its "
             "gradient 0 where gy is; +-1e4 is exact; an axis of size 0 gives nothing",
    .equals = "torch.softmax, scipy.special.softmax",
};
WG__DEFINE_OP(log_softmax) = {
    COMMON(log_softmax),
    .doc = "x - log sum exp(x) along an axis, stable",
    .derivative = "dx = gy - exp(y) sum gy",
    .edges =
        "-inf stays -inf; a line of nothing but -inf, or with +inf or NaN, is NaN, its gradient "
        "0 where gy is; +-1e4 is exact; an axis of size 0 gives nothing",
    .equals = "torch.log_softmax, scipy.special.log_softmax",
};

wg_tensor *wg_softmax(wg_tensor *x, int axis) {
    return wg__op1(&wg__op_softmax, x, &(wg__axis_attr){ axis });
}

wg_tensor *wg_log_softmax(wg_tensor *x, int axis) {
    return wg__op1(&wg__op_log_softmax, x, &(wg__axis_attr){ axis });
}
