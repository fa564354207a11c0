// SPDX-License-Identifier: MIT
/* times_op.h: a b, element by element, as a record whose rule for all gradients at once is the
   test's to write. */
#ifndef WG_TESTS_TIMES_OP_H
#define WG_TESTS_TIMES_OP_H

#include "autograd/op.h"

static inline bool times_infer(const wg_call *c, wg_spec *out) {
    return wg_spec_set(out, wg_call_dtype(c, 0), wg_shape_of(c->in[0]));
}
static inline bool times_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)c;
    for (int64_t k = 0; k < wg_view_numel(out); k++)
        wg_view_set(out, k, wg_view_get(in[0], k) * wg_view_get(in[1], k));
    return true;
}
static inline wg_tensor *times_jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg_tensor *a = dx[0] ? wg_xmul(dx[0], c->in[1]) : NULL;
    return wg_add_maybe(a, dx[1] ? wg_xmul(dx[1], c->in[0]) : NULL);
}
static inline bool times_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    (void)c;
    for (int64_t k = 0; k < wg_shape_numel(out->shape); k++)
        out->data[k] = in[0].data[k] * in[1].data[k];
    return true;
}

#define TIMES_OP(opname, all)                                                                      \
    {                                                                                              \
        .abi = WG_OP_ABI, .name = opname, .doc = "a b", .inputs = 2, .infer = times_infer,         \
        .forward = times_forward, .vjp_all = (all), .jvp = times_jvp,                              \
        .reference = times_reference, .samples = {                                                 \
            "3 3",                                                                                 \
            "2,3 2,3",                                                                             \
            "() ()",                                                                               \
            "0 0"                                                                                  \
        }                                                                                          \
    }

#endif
