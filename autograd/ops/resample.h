// SPDX-License-Identifier: MIT
/* resample.h: averages over windows and bins, and interpolation, are one thing: a linear map of
   images that is a product of one along the rows and one along the columns, the same for all images
   and channels. So they share one forward, one transpose and one reference, and differ in which
   neighbours an element of the result mixes. */
#ifndef WG_RESAMPLE_H
#define WG_RESAMPLE_H

#include "autograd/ops/window.h"

enum { WG__AVERAGE = WG_BILINEAR + 1, WG__ADAPTIVE };  // further kinds of map

/* The attributes of all; each record's table names those that it reads. */
typedef struct wg__resample_attr {
    int64_t kind;     // a wg_interpolation, or one of those above
    int64_t from[2];  // the image's size, of the transpose alone
    int64_t to[2];    // the result's size, not of averages over windows
    int64_t kernel[2], stride[2], padding[2];
    bool count_exclude_pad, align_corners;
} wg__resample_attr;
#define WG__RESAMPLE_SIZE .attr_size = sizeof(wg__resample_attr)

/* Each as if the call's attributes had this kind. */
bool wg__resample_infer(const wg_call *c, wg_spec *out, int64_t kind);
bool wg__resample_forward(const wg_call *c, const wg_view *x, wg_view *y, int64_t kind);
wg_tensor *wg__resample_vjp(const wg_call *c, wg_tensor *gy, int64_t kind);
bool wg__resample_reference(const wg_call *c, const wg_zview *x, wg_zview *y, int64_t kind);

/* The four functions of a record, named from `name`, where an expression of c tells the kind. */
#define WG__RESAMPLE_RULES(name, kind)                                                             \
    static bool name##_infer(const wg_call *c, wg_spec *out) {                                     \
        return wg__resample_infer(c, out, kind);                                                   \
    }                                                                                              \
    static bool name##_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {        \
        return wg__resample_forward(c, in[0], out, kind);                                          \
    }                                                                                              \
    static wg_tensor *name##_vjp(const wg_call *c, wg_tensor *gy, int i) {                         \
        (void)i;                                                                                   \
        return wg__resample_vjp(c, gy, kind);                                                      \
    }                                                                                              \
    static bool name##_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {           \
        return wg__resample_reference(c, &in[0], out, kind);                                       \
    }
#define WG__RESAMPLE_RECORD(opname)                                                                \
    .abi = WG_OP_ABI, .name = #opname, .inputs = 1, .flags = WG_OP_LINEAR,                         \
    .saves = WG_SAVES_NOTHING, WG__RESAMPLE_SIZE, .infer = opname##_infer,                         \
    .forward = opname##_forward, .vjp = opname##_vjp, .jvp = wg_op_jvp_linear,                     \
    .reference = opname##_reference

#endif
