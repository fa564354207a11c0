// SPDX-License-Identifier: MIT
/* moments.c: variance and standard deviation, both about a mean that was taken first: sum x^2 less
   (sum x)^2 / n has no correct digit left where the mean is far from zero. */
#include "autograd/ops/reduce.h"
#include "tensor/kernels/kernels.h"

static bool infer(const wg_call *c, wg_spec *out) {
    double correction = ((const wg__reduce_attr *)c->attr)->number;
    if (!isfinite(correction))
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "the correction %g is not finite", correction);
    return wg__reduce_infer_float(c, out);
}

static double freedom(const wg_call *c) {  // n - correction, but not below 0, as in NumPy
    return fmax((double)wg__reduced_length(c) - ((const wg__reduce_attr *)c->attr)->number, 0);
}

static wg_tensor *off_mean(const wg_call *c) {  // x - mean, of x's shape
    return wg_sub(c->in[0], wg__reduce_kept(c, &wg__op_mean, c->in[0]));
}

/* ---- var ------------------------------------------------------------------------------------- */

#define SQUARE_LOOP(loop, real)                                                                    \
    static void loop(int64_t n, void *const p[], const int64_t step[], const double *param) {      \
        (void)param;                                                                               \
        real *y = p[0];                                                                            \
        const real *x = p[1], *mean = p[2];                                                        \
        for (int64_t k = 0; k < n; k++) {                                                          \
            real off = x[k * step[1]] - mean[k * step[2]];                                         \
            y[k * step[0]] = off * off;                                                            \
        }                                                                                          \
    }
SQUARE_LOOP(square_f32, float)
SQUARE_LOOP(square_f64, double)

// Two passes: the mean stands in `out` until the squares have been taken.
static bool var_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    wg_view y = wg__reduce_paired(c, out), square = { .dtype = out->dtype, .shape = in[0]->shape };
    wg__contiguous_strides(&square);
    wg__mean_forward(c, in, out);
    square.data = wg__alloc((size_t)wg__numel(&square.shape) * wg__size_of(square.dtype));
    if (!square.data) return false;
    wg__map(out->dtype == WG_F32 ? square_f32 : square_f64,
            (const wg_view *[]){ &square, in[0], &y }, 3, NULL);
    wg__reduce_sum(&y, &square);
    wg__free(square.data);
    wg__reduce_divide(out, freedom(c));
    return true;
}

static wg_tensor *var_slope(const wg_call *c) {  // 2 (x - mean) / (n - correction)
    return wg_mul(off_mean(c), wg_num(2 / freedom(c)));
}
WG__REDUCE_RULES(var, var_slope)

static double complex plain_var(const wg_call *c, int64_t n, const double complex *z) {
    double complex mean = 0, sum = 0;
    for (int64_t k = 0; k < n; k++) mean += z[k] / (double)n;
    for (int64_t k = 0; k < n; k++) sum += (z[k] - mean) * (z[k] - mean);
    double over = (double)n - ((const wg__reduce_attr *)c->attr)->number;
    return sum / (over > 0 ? over : 0);
}
WG__REDUCE_REFERENCE(var, plain_var)

/* ---- std ------------------------------------------------------------------------------------- */

// As the length of a vector, so that no square over- or underflows and the cone's apex has slope 0.
static wg_tensor *std_compose(const wg_call *c) {
    wg__reduce_attr attr = *(const wg__reduce_attr *)c->attr;
    attr.number = 2;
    wg_tensor *length = wg__op1(&wg__op_norm, off_mean(c), &attr);
    return wg_mul(length, wg_num(1 / sqrt(freedom(c))));
}

static double complex plain_std(const wg_call *c, int64_t n, const double complex *z) {
    return csqrt(plain_var(c, n, z));
}
WG__REDUCE_REFERENCE(std, plain_std)

/* ---- records and functions ------------------------------------------------------------------- */

static const wg_attr attrs[] = { WG__REDUCE_ATTRS,
                                 WG__REDUCE_ATTR(correction, WG_ATTR_REAL, number),
                                 { .name = NULL } };

#define SAMPLES                                                                                    \
    "2,3 | all=1", "2,3 | axes=0 correction=1", "2,3 | axes=-1 keepdim=1",                         \
        "3,2,4 | axes=2,0 correction=0.5", "2,1,3 | axes=1 correction=-1",                         \
        "2,4 | axes=1 correction=2", "0,3 | axes=1", "3,150 | axes=1 correction=1"
#define COMMON(opname)                                                                             \
    WG__REDUCE_COMMON(opname), .attrs = attrs, .infer = infer, .bad = { WG__REDUCE_BAD_FLOAT }

WG__DEFINE_OP(var) = {
    COMMON(var),
    .doc = "sum (x - mean)^2 / max(n - correction, 0) over axes, in two passes",
    .derivative = "dx = gy 2 (x - mean) / (n - correction)",
    .edges = "of too few elements 0/0 = NaN, or inf where they differ, as in NumPy",
    .equals = "torch.var, np.var; correction is NumPy's ddof, 0 where PyTorch has 1",
    .saves = WG_SAVES_IN(0),
    .forward = var_forward,
    .vjp = var_vjp,
    .jvp = var_jvp,
    .samples = { SAMPLES, "2,3", "() | all=1" },
};

WG__DEFINE_OP(std) = {
    COMMON(std),
    .doc = "sqrt(sum (x - mean)^2 / max(n - correction, 0)) over axes, without overflow",
    .derivative = "dx = gy (x - mean) / (std (n - correction))",
    .edges = "where all are equal the slope is 0, not 0/0, as in PyTorch, and so are higher ones",
    .equals = "torch.std, np.std; correction is NumPy's ddof, 0 where PyTorch has 1",
    .tie = WG_TIE_ZERO,
    .compose = std_compose,
    .samples = { SAMPLES, "3@=1,1,1 | all=1 correction=1", "2,2@=0,0,3,1 | axes=1" },
};

static wg_tensor *moment(const wg_op *op, wg_tensor *x, wg__reduce_attr attr) {
    return wg__op1(op, x, &attr);
}

#define FUNCTIONS(name)                                                                            \
    wg_tensor *wg_##name(wg_tensor *x, double correction) {                                        \
        return moment(&wg__op_##name, x, (wg__reduce_attr){ .all = true, .number = correction });  \
    }                                                                                              \
    wg_tensor *wg_##name##_axes(wg_tensor *x, wg_shape axes, bool keepdim, double correction) {    \
        wg__reduce_attr attr = { .axes = axes, .keepdim = keepdim, .number = correction };         \
        return moment(&wg__op_##name, x, attr);                                                    \
    }
FUNCTIONS(var)
FUNCTIONS(std)
