// SPDX-License-Identifier: MIT
/* logsumexp.c: log sum exp x over axes, each line shifted by its largest element. */
#include <float.h>

#include "autograd/ops/reduce.h"
#include "tensor/kernels/rows.h"

// Shifted by the largest element where that is finite; where it is not, exp and log know what to
// do.
static bool logsumexp_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    wg__lines l = wg__lines_of(in, 1, (unsigned)wg__reduced(c));
    const wg__rows *row = &wg__row_loops[in[0]->dtype];
    size_t size = wg__size_of(in[0]->dtype);
    wg__room room;
    void *gathered = wg__room_open(&room, l.length, size);
    for (int64_t k = 0; gathered && k < l.count; k++) {
        int64_t at[WG__LINE_ARRAYS];
        wg__axes_at(&l.kept, k, at);
        wg__line line = { wg__at(in[0], at[0]), &l.cut, 0, size };
        const void *x = wg__line_run(&line, 0, l.length, gathered);
        double most = row->max(l.length, x), shift = isfinite(most) ? most : 0;
        wg__store(out->dtype, wg__at(out, k), shift + log(row->sum_exp(l.length, x, shift)));
    }
    wg__room_close(&room);
    return gathered != NULL;
}

// exp(x - y), a softmax. Where y is -inf so is x, and a finite bound in the place of y makes this
// 0.
static wg_tensor *logsumexp_slope(const wg_call *c) {
    double lowest = wg_dtype_of(c->in[0]) == WG_F32 ? -(double)FLT_MAX : -DBL_MAX;
    wg_tensor *y = wg_clamp(wg__reduce_as_kept(c, c->out), lowest, INFINITY);
    return wg_exp(wg_sub(c->in[0], y));
}

WG__REDUCE_RULES(logsumexp, logsumexp_slope)

static double complex plain_logsumexp(const wg_call *c, int64_t n, const double complex *z) {
    double most = -DBL_MAX;
    double complex sum = 0;
    (void)c;
    for (int64_t k = 0; k < n; k++) most = fmax(most, creal(z[k]));
    for (int64_t k = 0; k < n; k++) sum += cexp(z[k] - most);
    return most + clog(sum);
}

WG__REDUCE_REFERENCE(logsumexp, plain_logsumexp)

WG__DEFINE_OP(logsumexp) = {
    WG__REDUCE_COMMON(logsumexp),
    .doc = "log sum exp(x) over axes, stable",
    .derivative = "dx = gy softmax(x)",
    .edges = "-inf of nothing and of a line of -inf, with slope 0 there, where PyTorch's is NaN; "
             "inf if any is, with slope NaN there",
    .equals = "torch.logsumexp, scipy.special.logsumexp",
    .saves = WG_SAVES_IN(0) | WG_SAVES_OUT,
    .attrs = wg__reduce_attrs,
    .infer = wg__reduce_infer_float,
    .forward = logsumexp_forward,
    .vjp = logsumexp_vjp,
    .jvp = logsumexp_jvp,
    .samples = { WG__REDUCE_SAMPLES, "2,33@-30..30 | axes=1", "300,2 | axes=0",
                 "2,3@-1010..-1000 | axes=1", "4@-2010..-2000 | all=1", "3@700..800 | axes=0" },
    .bad = { WG__REDUCE_BAD_FLOAT },
};

wg_tensor *wg_logsumexp(wg_tensor *x, wg_shape axes, bool keepdim) {
    return wg__reduce_axes(&wg__op_logsumexp, x, axes, keepdim);
}
