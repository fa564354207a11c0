// SPDX-License-Identifier: MIT
/* autograd_impl.h: what the files of this folder share. */
#ifndef WG_AUTOGRAD_IMPL_H
#define WG_AUTOGRAD_IMPL_H

#include "autograd/autograd.h"
#include "autograd/op.h"
#include "tensor/tensor_impl.h"

/* ---- the list of operations: ops/ops.def ----------------------------------------------------- */

/* WG__DEFINE_OP(sum) = { ... }; in a family's file does not compile unless ops.def lists `sum`, and
   a name that is listed but not defined does not link. */
#define ENTRY(name)                                                                                \
    extern const wg_op wg__op_##name;                                                              \
    enum { WG__LISTED_##name = 1 };
#include "autograd/ops/all.def"
#undef ENTRY
#define WG__DEFINE_OP(opname)                                                                      \
    _Static_assert(WG__LISTED_##opname, "list it in ops.def");                                     \
    const wg_op wg__op_##opname

/* wg__op1(&wg__op_neg, x, NULL): one and two inputs without the array. */
static inline wg_tensor *wg__op1(const wg_op *op, wg_tensor *x, const void *attr) {
    return wg_apply(op, (wg_tensor *[]){ x }, 1, attr);
}
static inline wg_tensor *wg__op2(const wg_op *op, wg_tensor *a, wg_tensor *b, const void *attr) {
    return wg_apply(op, (wg_tensor *[]){ a, b }, 2, attr);
}

/* ---- the tape: tape.c ------------------------------------------------------------------------ */

/* Struct of arrays; record k computed out[k]. Creation order is topological order. A leaf has a
   record of its own, with op NULL, made when it is first met. */
typedef struct wg__payload {
    uint32_t inputs;
    uint32_t attr_size;
    wg_tensor *in[];  // then the attributes
} wg__payload;
typedef struct wg__tape {
    uint32_t count, capacity;
    const wg_op **op;
    wg_tensor **out;
    wg__payload **payload;
    uint64_t *versions;  // sum of the versions of all storage that the rule may read
} wg__tape;

wg__tape *wg__tape_now(void);
/* The record of a tracked tensor, made for a leaf that has none; WG__NO_NODE after reporting. */
uint32_t wg__tape_node(wg_tensor *x);
/* Appends a record; false after reporting. `out` gets its node. */
bool wg__tape_record(const wg_call *c);
/* The call that record k stands for. */
wg_call wg__tape_call(uint32_t k);
/* False, after reporting which operation saved it, if a value that its rule reads was
   overwritten. */
bool wg__tape_fresh(uint32_t k);
/* x's record if it has one now, else WG__NO_NODE. */
static inline uint32_t wg__node_of(const wg_tensor *x, const wg__tape *t) {
    return x->node < t->count && t->out[x->node] == x ? x->node : WG__NO_NODE;
}
bool wg__is_tracked(const wg_tensor *x);

/* Closes what a rule opened after `scope` and forgot, and reports it; always false: backward.c. */
bool wg__scope_left_open(const wg_op *op, const char *rule, const wg_scope *scope);
/* wg_backward, but only the gradients of these leaves are computed and changed; whether any of them
   was reached comes back in `reached`: backward.c. */
bool wg__backward_to(wg_tensor *loss, wg_tensor *const leaf[], int n, bool *reached);

/* What is wrong with a record, or NULL: registry.c. */
const char *wg__op_flaw(const wg_op *op);

/* A decimal number of exactly `length` characters, whatever the locale: attr.c. */
bool wg__number_parse(const char *text, size_t length, double *value);

/* ---- attributes: attr.c ---------------------------------------------------------------------- */

/* "axes=0,1 keepdim=1"; returns the length of the whole text. */
size_t wg__attr_text(const wg_op *op, const void *attr, char *text, size_t size);
/* Reads the same form into attr (zeroed first); false after reporting. */
bool wg__attr_parse(const wg_op *op, const char *text, void *attr);

#endif
