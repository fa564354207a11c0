// SPDX-License-Identifier: MIT
/* view.h: what the operations share that move elements and compute nothing. Where one has its
   elements from is said a second time, place by place, by a function of coordinates: the reference
   of it and of its transpose follow from that. */
#ifndef WG_OPS_VIEW_H
#define WG_OPS_VIEW_H

#include "autograd/ops/ops_impl.h"

typedef struct wg__shape_attr {
    wg_shape shape;
} wg__shape_attr;
extern const wg_attr wg__shape_attrs[], wg__axes_attrs[];  // "shape=" and "axes="
#define WG__SHAPE_ATTR .attr_size = sizeof(wg__shape_attr), .attrs = wg__shape_attrs
#define WG__AXES_ATTR .attr_size = sizeof(wg__shape_attr), .attrs = wg__axes_attrs

/* The fields that are alike in records of one input which only move what is there. */
#define WG__MOVES(opname)                                                                          \
    .abi = WG_OP_ABI, .name = #opname, .inputs = 1, .flags = WG_OP_LINEAR,                         \
    .saves = WG_SAVES_NOTHING, .infer = opname##_infer, .vjp = opname##_vjp,                       \
    .jvp = wg_op_jvp_linear, .reference = opname##_reference

static inline const wg_view *wg__viewed(const wg_call *c) { return &c->in[0]->view; }
static inline const wg_shape *wg__listed(const wg_call *c) {
    return &((const wg__shape_attr *)c->attr)->shape;
}

/* An alias of all of x: for infer to change. Always true. */
bool wg__alias_of(wg_spec *out, const wg_view *x);
void wg__alias_drop(wg_spec *out, int axis);  // takes an axis out of it
/* Bit i is set where axis i is listed; -1 after reporting one that is not there, or is twice. */
int wg__axis_mask(const wg_call *c, const wg_shape *axes, int rank);

/* No result is larger than memory can be; else reports, by the operation's name. */
bool wg__fits_memory(const wg_call *c, const wg_spec *out);

/* forward: the elements in C order. */
bool wg__copy_forward(const wg_call *c, const wg_view *const in[], wg_view *out);
bool wg__same_order_reference(const wg_call *c, const wg_zview in[], wg_zview *out);

/* The element at[] of a result shaped y is element from[] of an input shaped x; false: it is none
   of them, and stays as it was. Both lists have room for WG_MAX_RANK. */
typedef bool wg__from(const wg_call *c, const wg_shape *x, const wg_shape *y, const int64_t at[],
                      int64_t from[]);
bool wg__moved_reference(const wg_call *c, const wg_zview in[], wg_zview *out, wg__from *from);
/* The transpose: in[0] is added up in the places of `out` that it came from. */
bool wg__moved_back_reference(const wg_call *c, const wg_zview in[], wg_zview *out, wg__from *from);

#define WG__MOVED_REFERENCE(name, from)                                                            \
    static bool name##_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {           \
        return wg__moved_reference(c, in, out, from);                                              \
    }
#define WG__MOVED_BACK_REFERENCE(name, from)                                                       \
    static bool name##_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {           \
        return wg__moved_back_reference(c, in, out, from);                                         \
    }

#endif
