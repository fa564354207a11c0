// SPDX-License-Identifier: MIT
/* ops_impl.h: what several of these files share: an axis as the one attribute, parts of an axis,
   broadcasting in references, and how an index is read. */
#ifndef WG_OPS_IMPL_H
#define WG_OPS_IMPL_H

#include "autograd/autograd_impl.h"

typedef struct wg__axis_attr {
    int64_t axis;
} wg__axis_attr;
extern const wg_attr wg__axis_attrs[];
#define WG__AXIS_ATTR .attr_size = sizeof(wg__axis_attr), .attrs = wg__axis_attrs

// The axis among `rank`; -1 after reporting that there is none.
static inline int wg__axis_of(const wg_call *c, int rank) {
    return wg_call_axis(c, ((const wg__axis_attr *)c->attr)->axis, rank);
}

// The axis in a call that was inferred before.
static inline int wg__known_axis(const wg_call *c, int rank) {
    return wg__axis(((const wg__axis_attr *)c->attr)->axis, rank);
}

// Elements start ... start + size - 1 along the axis.
static inline wg_view wg__part_of(const wg_view *v, int axis, int64_t start, int64_t size) {
    wg_view part = *v;
    part.data = wg__at(v, start * v->stride[axis]);
    part.shape.dim[axis] = size;
    return part;
}

// Inputs i and k have one dtype; reports otherwise.
static inline bool wg__same_dtype(const wg_call *c, int i, int k) {
    wg_dtype a = wg_call_dtype(c, i), b = wg_call_dtype(c, k);
    return a == b || wg_call_fail(c, WG_ERROR_DTYPE, "%s and %s do not mix; use wg_cast",
                                  wg_dtype_name(a), wg_dtype_name(b));
}

// For references: the element of x that broadcasting brings to position `flat` of shape `full`.
static inline double complex wg__broadcast_at(const wg_zview *x, const wg_shape *full,
                                              int64_t flat) {
    wg_view index = { .shape = x->shape };
    wg__contiguous_strides(&index);
    index = wg__view_broadcast(&index, full);
    return x->data[wg__offset(&index, flat)];
}

/* ---- indices: index.c ------------------------------------------------------------------------ */

static inline int64_t wg__read_index(wg_dtype dtype, const void *base, int64_t offset) {
    return dtype == WG_I64 ? ((const int64_t *)base)[offset] : ((const int32_t *)base)[offset];
}

/* In infer: input i is i64 or i32. In forward: all of `index` is within 0 ... size - 1. Else they
   report. */
bool wg__is_index(const wg_call *c, int i);
bool wg__index_in_range(const wg_call *c, const wg_view *index, int64_t size);

#endif
