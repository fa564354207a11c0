// SPDX-License-Identifier: MIT
/* reduce.h: what all reductions share: attributes, shape rule, and the form of their rules, records
   and functions. A reduction takes the lines of x along the axes that go, each to one element. In
   the rules the result, reshaped to x's rank with 1 for each axis that went, broadcasts against
   x. */
#ifndef WG_OPS_REDUCE_H
#define WG_OPS_REDUCE_H

#include "autograd/autograd_impl.h"
#include "tensor/kernels/lines.h"

typedef struct wg__reduce_attr {
    wg_shape axes;  // those that go: an empty list reduces nothing
    bool all;       // all of them, whatever `axes` says
    bool keepdim;
    double number;  // var and std: the correction; norm: p
} wg__reduce_attr;

#define WG__REDUCE_ATTR(name, type, field)                                                         \
    { #name, type, offsetof(wg__reduce_attr, field) }
#define WG__REDUCE_ATTRS                                                                           \
    WG__REDUCE_ATTR(axes, WG_ATTR_LIST, axes), WG__REDUCE_ATTR(all, WG_ATTR_BOOL, all),            \
        WG__REDUCE_ATTR(keepdim, WG_ATTR_BOOL, keepdim)
extern const wg_attr wg__reduce_attrs[];  // these three

/* ---- shapes ---------------------------------------------------------------------------------- */

/* Bit i is set where axis i goes; -1 after reporting an axis that is not there or is listed
   twice. */
int wg__reduced(const wg_call *c);
int64_t wg__reduced_length(const wg_call *c);  // elements of one line
bool wg__reduce_infer(const wg_call *c, wg_spec *out, wg_dtype dtype);
bool wg__reduce_infer_float(const wg_call *c, wg_spec *out);  // of f32 or f64, into the same
/* Sums and products: floats into their own dtype, integers and bool into i64. */
bool wg__reduce_infer_total(const wg_call *c, wg_spec *out);
static inline wg_dtype wg__total_dtype(wg_dtype dtype) {
    return wg_dtype_is_float(dtype) ? dtype : WG_I64;
}

/* ---- values ---------------------------------------------------------------------------------- */

/* The result in x's rank, so that axes pair up. */
wg_view wg__reduce_paired(const wg_call *c, const wg_view *out);
/* Each element of out := loop(out, x) for the elements of its line in C order, one after the
   other. */
void wg__reduce_fold(const wg_call *c, const wg_view *x, wg_view *out, wg_loop *loop);
/* A loop for it: a := next, of a and the element b. Along a line `lanes` results are gathered side
   by side and joined at the end, so next must not mind order or repetition where there are more
   than one. */
#define WG__FOLD_LOOP(loop, from, to, lanes, next)                                                 \
    static void loop(int64_t n, void *const p[], const int64_t step[], const double *param) {      \
        to *restrict y = p[0], lane[lanes];                                                        \
        const from *restrict x = p[1];                                                             \
        int64_t k = 0;                                                                             \
        (void)param;                                                                               \
        for (; step[0] != 0 && k < n; k++) {                                                       \
            const to a = y[k * step[0]];                                                           \
            const from b = x[k * step[1]];                                                         \
            y[k * step[0]] = (to)(next);                                                           \
        }                                                                                          \
        if (step[0] != 0) return;                                                                  \
        for (int l = 0; l < (lanes); l++) lane[l] = *y;                                            \
        for (; step[1] == 1 && k + (lanes) <= n; k += (lanes))                                     \
            for (int l = 0; l < (lanes); l++) {                                                    \
                const to a = lane[l];                                                              \
                const from b = x[k + l];                                                           \
                lane[l] = (to)(next);                                                              \
            }                                                                                      \
        for (; k < n; k++) {                                                                       \
            const to a = lane[0];                                                                  \
            const from b = x[k * step[1]];                                                         \
            lane[0] = (to)(next);                                                                  \
        }                                                                                          \
        for (int l = 1; l < (lanes); l++) {                                                        \
            const to a = lane[0], b = lane[l];                                                     \
            lane[0] = (to)(next);                                                                  \
        }                                                                                          \
        *y = lane[0];                                                                              \
    }
bool wg__mean_forward(const wg_call *c, const wg_view *const in[], wg_view *out);
void wg__reduce_divide(wg_view *y, double by);  // y f32 or f64, dense

/* ---- rules ----------------------------------------------------------------------------------- */

/* y, shaped like the result, in x's rank. */
wg_tensor *wg__reduce_as_kept(const wg_call *c, wg_tensor *y);
/* x, shaped like input 0, summed to the shape of the result; or by any op, to that shape in x's
   rank. */
wg_tensor *wg__reduce_sum_along(const wg_call *c, wg_tensor *x);
wg_tensor *wg__reduce_kept(const wg_call *c, const wg_op *op, wg_tensor *x);
/* A mask as x's dtype, each line divided by its sum. */
wg_tensor *wg__reduce_shares(const wg_call *c, wg_tensor *mask);

/* Rules from `slope(c)`, of x's shape: dy = sum(slope dx), gx = gy slope. */
#define WG__REDUCE_RULES(name, slope)                                                              \
    static wg_tensor *name##_vjp(const wg_call *c, wg_tensor *gy, int i) {                         \
        (void)i;                                                                                   \
        return wg_xmul(wg__reduce_as_kept(c, gy), slope(c));                                       \
    }                                                                                              \
    static wg_tensor *name##_jvp(const wg_call *c, wg_tensor *const dx[]) {                        \
        return wg__reduce_sum_along(c, wg_xmul(dx[0], slope(c)));                                  \
    }

/* ---- references ------------------------------------------------------------------------------ */

/* The reference, from that of one line of n elements. */
typedef double complex wg__plain_line(const wg_call *c, int64_t n, const double complex *z);
bool wg__reduce_reference(const wg_call *c, const wg_zview *x, wg_zview *out,
                          wg__plain_line *plain);
#define WG__REDUCE_REFERENCE(name, plain)                                                          \
    static bool name##_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {           \
        return wg__reduce_reference(c, in, out, plain);                                            \
    }

/* ---- records and functions ------------------------------------------------------------------- */

#define WG__REDUCE_COMMON(opname)                                                                  \
    .abi = WG_OP_ABI, .name = #opname, .inputs = 1, .attr_size = sizeof(wg__reduce_attr),          \
    .reference = opname##_reference,                                                               \
    .shapes = "any -> the axes listed go, or stay with size 1 if keepdim"

#define WG__REDUCE_SAMPLES                                                                         \
    "2,3 | all=1", "2,3 | axes=0", "2,3 | axes=-1 keepdim=1", "3,2,4 | axes=2,0",                  \
        "2,3,2 | axes=1 keepdim=1", "2,3", "() | all=1", "2,1,3 | axes=1", "0,3 | axes=1",         \
        "3,150 | axes=1"
#define WG__REDUCE_BAD                                                                             \
    "2,3 | axes=2", "2,3 | axes=-3", "2,3 | axes=0,0", "2,3 | axes=1,-1", "() | axes=0"
#define WG__REDUCE_BAD_FLOAT WG__REDUCE_BAD, "3@b | all=1", "3@i0..4 | all=1"

wg_tensor *wg__reduce_all(const wg_op *op, wg_tensor *x);
wg_tensor *wg__reduce_axes(const wg_op *op, wg_tensor *x, wg_shape axes, bool keepdim);
/* wg_NAME and wg_NAME_axes. */
#define WG__REDUCE_FUNCTIONS(name)                                                                 \
    wg_tensor *wg_##name(wg_tensor *x) { return wg__reduce_all(&wg__op_##name, x); }               \
    wg_tensor *wg_##name##_axes(wg_tensor *x, wg_shape axes, bool keepdim) {                       \
        return wg__reduce_axes(&wg__op_##name, x, axes, keepdim);                                  \
    }

#endif
