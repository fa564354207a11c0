// SPDX-License-Identifier: MIT
/* index.h: what the operations share that pick from x where an index says, and that put something
   there: element by element (index.c) or in whole slices (take.c). To pick (x, index) and to add
   (x, index, source) are each other's transpose, so each pair's rules are one text. */
#ifndef WG_OPS_INDEX_H
#define WG_OPS_INDEX_H

#include "autograd/ops/ops_impl.h"

/* The fields that are alike. */
#define WG__PICKS(opname)                                                                          \
    .abi = WG_OP_ABI, .name = #opname, .inputs = 2, .saves = WG_SAVES_IN(1), WG__AXIS_ATTR,        \
    .infer = opname##_infer, .forward = opname##_forward, .vjp = opname##_vjp,                     \
    .jvp = opname##_jvp, .backward = opname##_backward, .reference = opname##_reference
#define WG__PUTS(opname)                                                                           \
    .abi = WG_OP_ABI, .name = #opname, .inputs = 3, .saves = WG_SAVES_IN(1), WG__AXIS_ATTR,        \
    .infer = opname##_infer, .forward = opname##_forward, .vjp = opname##_vjp, .jvp = wg__put_jvp, \
    .reference = opname##_reference

/* x and part agree but on the axis; reports otherwise. */
bool wg__agree_off_axis(const wg_call *c, const wg_shape *x, const wg_shape *part, int axis);
/* What those that put ask alike in infer; the axis, or -1 after reporting. */
int wg__put_infer(const wg_call *c, wg_spec *out);
/* Putting is linear in x and source together. */
wg_tensor *wg__put_jvp(const wg_call *c, wg_tensor *const dx[]);

/* The rules of a pair. */
#define WG__PAIR_RULES(pick, add)                                                                  \
    static wg_tensor *pick##_vjp(const wg_call *c, wg_tensor *gy, int i) {                         \
        wg_tensor *zeros = wg_zeros(wg_dtype_of(gy), wg_shape_of(c->in[i]));                       \
        return wg_apply(&wg__op_##add, (wg_tensor *[]){ zeros, c->in[1], gy }, 3, c->attr);        \
    }                                                                                              \
    static wg_tensor *pick##_jvp(const wg_call *c, wg_tensor *const dx[]) {                        \
        return wg__op2(c->op, dx[0], c->in[1], c->attr);                                           \
    }                                                                                              \
    static wg_tensor *add##_vjp(const wg_call *c, wg_tensor *gy, int i) {                          \
        return i == 0 ? gy : wg__op2(&wg__op_##pick, gy, c->in[1], c->attr);                       \
    }

/* Where in a dense array of shape `whole` the index' numbers put element `flat`, in C order, of
   something shaped `part`; the references are one each but for this. wg__moved does it once the
   place along the axis is known. */
typedef int64_t wg__place(const wg_shape *whole, const wg_shape *part, int axis, int64_t flat,
                          const double complex *index);
int64_t wg__moved(const wg_shape *whole, const wg_shape *part, int axis, int64_t flat, int64_t at);
bool wg__pick_reference(const wg_call *c, const wg_zview in[], wg_zview *out, wg__place *place);
bool wg__add_reference(const wg_call *c, const wg_zview in[], wg_zview *out, wg__place *place);
#define WG__PAIR_REFERENCES(pick, add, place)                                                      \
    static bool pick##_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {           \
        return wg__pick_reference(c, in, out, place);                                              \
    }                                                                                              \
    static bool add##_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {            \
        return wg__add_reference(c, in, out, place);                                               \
    }

#endif
