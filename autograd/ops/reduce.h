// SPDX-License-Identifier: MIT
/* reduce.h: what all reductions share: attributes, shape rule, and the form of their rules. A
   reduction takes the lines of x along the axes that go, each to one element. In the rules the
   result, reshaped to x's rank with 1 for each axis that went, broadcasts against x. */
#ifndef WG_OPS_REDUCE_H
#define WG_OPS_REDUCE_H

#include "autograd/autograd_impl.h"
#include "tensor/kernels/lines.h"

typedef struct wg__reduce_attr {
    wg_shape axes;  // those that go: an empty list reduces nothing
    bool all;       // all of them, whatever `axes` says
    bool keepdim;
    double correction;  // var
} wg__reduce_attr;

#define WG__REDUCE_ATTR(name, type)                                                                \
    { #name, type, offsetof(wg__reduce_attr, name) }

/* Bit i is set where axis i goes; -1 after reporting an axis that is not there or is listed
   twice. */
int wg__reduced(const wg_call *c);
int64_t wg__reduced_length(const wg_call *c);  // elements of one line
bool wg__reduce_infer(const wg_call *c, wg_spec *out, wg_dtype dtype);

/* y, shaped like the result, in x's rank. */
wg_tensor *wg__reduce_as_kept(const wg_call *c, wg_tensor *y);
/* x, shaped like input 0, summed to the shape of the result; or by any op, to that shape in x's
   rank. */
wg_tensor *wg__reduce_sum_along(const wg_call *c, wg_tensor *x);
wg_tensor *wg__reduce_kept(const wg_call *c, const wg_op *op, wg_tensor *x);

/* Rules from `slope(c)`, of x's shape: dy = sum(slope dx), gx = gy slope. */
#define WG__REDUCE_RULES(name, slope)                                                              \
    static wg_tensor *name##_vjp(const wg_call *c, wg_tensor *gy, int i) {                         \
        (void)i;                                                                                   \
        return wg_xmul(wg__reduce_as_kept(c, gy), slope(c));                                       \
    }                                                                                              \
    static wg_tensor *name##_jvp(const wg_call *c, wg_tensor *const dx[]) {                        \
        return wg__reduce_sum_along(c, wg_xmul(dx[0], slope(c)));                                  \
    }

/* The reference, from that of one line of n elements. */
typedef double complex wg__plain_line(const wg_call *c, int64_t n, const double complex *z);
bool wg__reduce_reference(const wg_call *c, const wg_zview *x, wg_zview *out,
                          wg__plain_line *plain);
#define WG__REDUCE_REFERENCE(name, plain)                                                          \
    static bool name##_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {           \
        return wg__reduce_reference(c, in, out, plain);                                            \
    }

wg_tensor *wg__reduce_all(const wg_op *op, wg_tensor *x);
wg_tensor *wg__reduce_axes(const wg_op *op, wg_tensor *x, wg_shape axes, bool keepdim);

#endif
