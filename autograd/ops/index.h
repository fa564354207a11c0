// SPDX-License-Identifier: MIT
/* index.h: what operations along one axis share, and how an index is read. */
#ifndef WG_OPS_INDEX_H
#define WG_OPS_INDEX_H

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

static inline int64_t wg__read_index(wg_dtype dtype, const void *base, int64_t offset) {
    return dtype == WG_I64 ? ((const int64_t *)base)[offset] : ((const int32_t *)base)[offset];
}

/* In infer: input i is i64 or i32. In forward: all of `index` is within 0 ... size - 1. Else they report. */
bool wg__is_index(const wg_call *c, int i);
bool wg__index_in_range(const wg_call *c, const wg_view *index, int64_t size);

/* x and part agree but on the axis. */
bool wg__agree_off_axis(const wg_call *c, const wg_shape *x, const wg_shape *part, int axis);

/* The jvp of x + part of source, which is linear in both together. */
wg_tensor *wg__add_jvp(const wg_call *c, wg_tensor *const dx[]);

/* For references: offset in the dense array of shape `whole` of element `flat`, in C order, of something
   shaped `part`, when its place along the axis is `at`. */
int64_t wg__moved(const wg_shape *whole, const wg_shape *part, int axis, int64_t flat, int64_t at);

#endif
