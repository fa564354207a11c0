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

/* Where a record was made, kept while anomaly mode is on: anomaly.c. */
typedef struct wg__site {
    const char *within;  // the operation that was being made of others; NULL for none
    int frames;
    void *const *frame;  // return addresses, innermost first
    char path[];         // of the model
} wg__site;

/* Struct of arrays; record k computed out[k]. Creation order is topological order. A leaf has a
   record of its own, with op NULL, made when it is first met. */
typedef struct wg__payload {
    uint32_t inputs;
    uint32_t attr_size : 31, placed : 1;
    wg_tensor *in[];  // then for each input the version that it had, if the rule reads it; the
                      // attributes; and, if placed, a wg__site *
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
/* Where it was made; NULL where that is not known. */
const wg__site *wg__tape_site(uint32_t k);
/* Memory that goes with the records made from now on; NULL after reporting. */
void *wg__tape_take(size_t bytes);
/* What the rules of an operation may read: WG_SAVES_... or'ed, 0 for nothing. */
static inline uint32_t wg__saves(const wg_op *op) {
    return op->saves & WG_SAVES_NOTHING ? 0 : op->saves ? op->saves : UINT32_MAX;
}
static inline bool wg__saves_input(const wg_op *op, uint32_t i) {
    return wg__saves(op) >> (i < 29 ? i : 29) & 1;
}
static inline bool wg__saves_out(const wg_op *op) { return wg__saves(op) & WG_SAVES_OUT; }
/* False, after reporting which operation saved it, if a value that its rule reads was
   overwritten. */
bool wg__tape_fresh(uint32_t k);
/* x's record if it has one now, else WG__NO_NODE. */
static inline uint32_t wg__node_of(const wg_tensor *x, const wg__tape *t) {
    return x->node < t->count && t->out[x->node] == x ? x->node : WG__NO_NODE;
}
/* The record that input x of record k comes of: an older one. What was a constant when k was
   recorded may have become a leaf since, with a record that is newer: not the one that k read. */
static inline uint32_t wg__source_of(const wg_tensor *x, uint32_t k, const wg__tape *t) {
    return x && x->node < k && t->out[x->node] == x ? x->node : WG__NO_NODE;
}
bool wg__is_tracked(const wg_tensor *x);

/* ---- parts of the tape: span.c --------------------------------------------------------------- */

/* The records from `floor` to `top`, and some single ones below: a sweep keeps what it knows in
   arrays of this size, so that it costs what it goes over and not what lies below. */
typedef struct wg__span {
    uint32_t floor, top;
    uint32_t *low;  // ascending, all below the floor
    uint32_t lows;
} wg__span;
/* Sorts, drops doubles and returns how many are left. */
uint32_t wg__sort_unique(uint32_t *node, uint32_t n);
/* The lowest record of the tracked x, or `top` if that is lower. */
uint32_t wg__lowest(wg_tensor *const x[], int n, uint32_t top);
/* Opens a span; those of the tracked x that stand below the floor are among its `low`. */
bool wg__span_open(wg__span *s, uint32_t floor, uint32_t top, wg_tensor *const x[], int n);
void wg__span_close(wg__span *s);
uint32_t wg__span_low(const wg__span *s, uint32_t node);
static inline uint32_t wg__span_size(const wg__span *s) { return s->top - s->floor + 1 + s->lows; }
static inline uint32_t wg__span_node(const wg__span *s, uint32_t at) {
    return at <= s->top - s->floor ? s->floor + at : s->low[at - (s->top - s->floor + 1)];
}
/* A record's place in those arrays; WG__NO_NODE if it is not in the span. */
static inline uint32_t wg__span_at(const wg__span *s, uint32_t node) {
    if (WG_LIKELY(node >= s->floor)) return node <= s->top ? node - s->floor : WG__NO_NODE;
    return s->lows ? wg__span_low(s, node) : WG__NO_NODE;
}

/* Which of the records up to `top` (WG__NO_NODE: none) lead to it, one byte each, for the caller to
   free; NULL after reporting. */
uint8_t *wg__leading(uint32_t top);

/* ---- hooks, anomaly mode: hook.c anomaly.c --------------------------------------------------- */

/* Calls those on x with its gradient, which they may replace; `recorded`: the sweep's, which
   otherwise owns the gradient. False after reporting. */
bool wg__hooks_call(wg_tensor *x, wg_tensor **g, bool recorded);

bool wg__is_finite(const wg_tensor *x);  // all of it; true for integers
/* Each looks at what was computed, and returns false after reporting a value that is not finite but
   comes of finite ones: a result, a rule's gradient for input i, a sum of gradients, a tangent. */
bool wg__anomaly_result(const wg_call *c, const wg_tensor *y);
bool wg__anomaly_gradient(const wg_call *c, const wg_tensor *gy, int i, const wg_tensor *g);
bool wg__anomaly_sum(const wg__tape *t, uint32_t k, const wg_tensor *g);
bool wg__anomaly_tangent(const wg_call *c, wg_tensor *const dx[], const wg_tensor *dy);
/* Where the caller of the library stands; NULL after reporting that there is no memory. */
const wg__site *wg__site_now(void);
/* "FILE:LINE" or the next best; "" where nothing is known. Returns text. */
const char *wg__site_text(const wg__site *place, char *text, size_t size);

/* ---- derivatives: backward.c grad.c forward.c ------------------------------------------------ */

/* What is asked about derivatives, and by which public function, so that messages name it. */
typedef struct wg__question {
    const char *name;
    wg_tensor *const *x;
    int n;
    bool single;       // x is one tensor, and not a list of one
    const char *seed;  // what the cotangent is called; NULL: "the seed"
} wg__question;
/* Whether all x are there, tracked, and on the tape; false after reporting. */
bool wg__all_tracked(const wg__question *q);
/* Likewise one tensor, `what` as messages name it. */
bool wg__one_tracked(const char *name, const char *what, wg_tensor *x);
/* wg_grad and wg_jvp_many for whoever asks. */
bool wg__grad_for(const wg__question *q, wg_tensor *y, wg_grad_options o, wg_tensor *gx[]);
bool wg__jvp_for(const wg__question *q, wg_tensor *const y[], int m, wg_tensor *const v[],
                 wg_tensor *dy[]);

/* As wg_grad and wg_jvp_many, but what was recorded before `floor` counts as independent of all
   else: partial derivatives. gx[i] and dy[j] are NULL where they are zero. */
bool wg__grad_above(uint32_t floor, wg_tensor *y, wg_tensor *const x[], int n,
                    const wg_grad_options *o, wg_tensor *gx[]);
bool wg__jvp_above(uint32_t floor, wg_tensor *const y[], int m, wg_along along, wg_tensor *dy[]);

/* Closes what a rule opened after `scope` and forgot, and reports it; always false: backward.c. */
bool wg__scope_left_open(const wg_op *op, const char *rule, const wg_scope *scope);
/* wg_backward, but only the gradients of these leaves are computed and changed; whether any of them
   was reached comes back in `reached`: grad.c. */
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
