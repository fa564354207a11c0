// SPDX-License-Identifier: MIT
/* scan.h: what scans along an axis share, and the recurrence that most of their rules are. */
#ifndef WG_OPS_SCAN_H
#define WG_OPS_SCAN_H

#include "autograd/autograd_impl.h"

typedef struct wg__scan_attr {
    int64_t axis;
    bool reverse;  // from the last element to the first
} wg__scan_attr;
extern const wg_attr wg__scan_attrs[];

/* ---- values: recurrence.c -------------------------------------------------------------------- */

/* What a scan brings from one stretch of its line to the next. */
typedef struct wg__carry {
    bool begun;
    double real;
    int64_t whole;
    uint64_t modular;
} wg__carry;
/* n more elements of a line: p[0] is written, p[1 ...] are read, as by a wg_loop. */
typedef void wg__scan_loop(int64_t n, void *const p[], const int64_t step[], wg__carry *carry);
/* Hands the lines along the call's axis to `loop`, in its direction; always true. */
bool wg__scan_lines(const wg_call *c, const wg_view *const v[], int count, wg__scan_loop *loop);

/* ---- rules ----------------------------------------------------------------------------------- */

wg__scan_attr wg__scan_way(const wg_call *c);  // of a call that was inferred; axis from 0 on
static inline wg__scan_attr wg__scan_back(wg__scan_attr way) {  // the other direction
    return (wg__scan_attr){ .axis = way.axis, .reverse = !way.reverse };
}

wg_tensor *wg__scan(const wg_op *op, wg_tensor *x, int axis, bool reverse);
/* h_k = a_k h_(k-1) + b_k, h before the first being 0; a product with 0 is 0, as in wg_xmul. */
wg_tensor *wg__linear_scan(wg_tensor *a, wg_tensor *b, wg__scan_attr way);
/* x moved on by one place in the direction of the scan: the last element drops out and `first`
   comes in. */
wg_tensor *wg__moved_on(wg_tensor *x, wg__scan_attr way, double first);

/* ---- references ------------------------------------------------------------------------------ */

/* From that of one step: y is the result before, x and b are the next elements of the first and of
   the last input. */
typedef double complex wg__plain_step(bool first, double complex y, double complex x,
                                      double complex b);
bool wg__scan_reference(const wg_call *c, const wg_zview in[], wg_zview *out, wg__plain_step *step);
#define WG__SCAN_REFERENCE(name, at_first, next)                                                   \
    static double complex name##_plain(bool first, double complex y, double complex x,             \
                                       double complex b) {                                         \
        (void)b;                                                                                   \
        return first ? (at_first) : (next);                                                        \
    }                                                                                              \
    static bool name##_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {           \
        return wg__scan_reference(c, in, out, name##_plain);                                       \
    }

#define WG__SCAN_COMMON(opname)                                                                    \
    .abi = WG_OP_ABI, .name = #opname, .attr_size = sizeof(wg__scan_attr),                         \
    .attrs = wg__scan_attrs, .forward = opname##_forward, .reference = opname##_reference

#endif
