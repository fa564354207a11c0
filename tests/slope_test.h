// SPDX-License-Identifier: MIT
/* slope_test.h: the value and the slopes of an elementwise operation at one place, the slopes in
   three ways that must agree: by the rule, by what is fused, and in forward mode. */
#ifndef WG_TESTS_SLOPE_TEST_H
#define WG_TESTS_SLOPE_TEST_H

#include "autograd/check/sample_impl.h"
#include "tests/core_test.h"

static const wg_dtype floats[] = { WG_F32, WG_F64 };

/* Some roundings, of which a value or slope here takes part in less than ten. */
static inline double few(wg_dtype dtype) { return dtype == WG_F32 ? 1e-6 : 4e-15; }

static inline bool alike(double a, double b, double rtol, double atol) {
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    if (isinf(a) || isinf(b)) return !(a != b);
    return fabs(a - b) <= atol + rtol * fabs(b);
}

typedef struct sloped {
    double y, dx[3];
} sloped;

static inline double number_of(const wg_tensor *x) {
    double value = NAN;
    expect_no_error();
    ck_assert(wg_read_f64(x, &value, 1));
    return value;
}

static inline sloped sloped_at(const wg_op *op, const void *attr, wg_dtype dtype,
                               const double *at) {
    sloped s = { .y = NAN };
    wg_tensor *x[3], *ruled[3], *fused[3];
    for (int i = 0; i < op->inputs; i++) x[i] = wg_variable(wg_full(dtype, WG_SCALAR, at[i]));
    wg_tensor *y = wg_apply(op, x, op->inputs, attr);
    s.y = number_of(y);
    if (!wg_is_tracked(y)) return s;
    ck_assert(wg_grad(y, x, op->inputs, ruled, (wg_grad_options){ .seed = NULL }));
    ck_assert(wg_grad(y, x, op->inputs, fused, (wg_grad_options){ .constant = true }));
    for (int i = 0; i < op->inputs; i++) {
        wg_tensor *v[3] = { NULL };
        v[i] = wg_ones(dtype, WG_SCALAR);
        double rule = number_of(ruled[i]), fuse = number_of(fused[i]);
        double tangent = number_of(wg_jvp(y, x, op->inputs, v));
        ck_assert_msg(alike(rule, fuse, few(dtype), few(dtype)) &&
                          alike(rule, tangent, few(dtype), few(dtype)),
                      "%s at %g: slope %d is %.17g by the rule, %.17g fused, %.17g forward",
                      op->name, at[0], i, rule, fuse, tangent);
        s.dx[i] = fuse;
    }
    return s;
}

/* The attributes of the operation's first sample; NULL if it has none. */
static inline const void *sample_attr(const wg_op *op) {
    wg__sample sample;
    ck_assert(wg__sample_parse(op, op->samples[0], &sample));
    return sample.attr;
}

#endif
