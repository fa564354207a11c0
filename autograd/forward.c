// SPDX-License-Identifier: MIT
/* forward.c: forward mode, along what the tape recorded: each record between x and y turns the
   tangents of its inputs into that of its result. Since this runs over a finished tape and not
   beside the program, two derivatives at once cannot mistake each other's perturbations. */
#include "autograd/autograd_impl.h"

typedef struct push {
    wg__tape *tape;
    uint32_t top;
    wg_tensor **tangent;  // per record; NULL: zero
    uint8_t *leads;       // per record: whether y depends on it
} push;

static void mark_leading(push *p) {
    p->leads[p->top] = 1;
    for (uint32_t k = p->top + 1; k-- > 0;) {
        const wg__payload *load = p->tape->payload[k];
        for (uint32_t i = 0; load && p->leads[k] && i < load->inputs; i++) {
            uint32_t node = load->in[i] ? wg__node_of(load->in[i], p->tape) : WG__NO_NODE;
            if (node != WG__NO_NODE) p->leads[node] = 1;
        }
    }
}

static bool fits(const wg_call *c, const wg_tensor *dy) {
    const wg_view *y = &c->out->view;
    if (dy->view.dtype == y->dtype && wg__shape_equal(&dy->view.shape, &y->shape)) return true;
    char want[200], have[200];
    return wg_fail(WG_ERROR_SHAPE, "%s: its jvp gives %s %s, the result is %s %s", c->op->name,
                   wg_dtype_name(dy->view.dtype), wg_shape_text(dy->view.shape, have, sizeof have),
                   wg_dtype_name(y->dtype), wg_shape_text(y->shape, want, sizeof want));
}

// The tangent of record k from those of its inputs, added to one that the caller gave.
static bool push_record(push *p, uint32_t k) {
    wg_call c = wg__tape_call(k);
    wg_tensor *dx[WG_MAX_INPUTS];
    bool any = false;
    for (int i = 0; i < c.inputs; i++) {
        uint32_t node = c.in[i] ? wg__node_of(c.in[i], p->tape) : WG__NO_NODE;
        dx[i] = node == WG__NO_NODE ? NULL : p->tangent[node];
        any = any || dx[i];
    }
    if (!any) return true;
    if (c.op->flags & WG_OP_NO_GRADIENT || !c.op->jvp)
        return wg_fail(WG_ERROR_STATE, "%s: it has no derivative", c.op->name);
    if (!wg__tape_fresh(k)) return false;
    const wg_scope *scope = wg__ctx()->scope;
    wg_tensor *dy = c.op->jvp(&c, dx);
    if (wg__ctx()->scope != scope) return wg__scope_left_open(c.op, "jvp", scope);
    if (wg__pending() || (dy && !fits(&c, dy))) return false;
    p->tangent[k] = wg_add_maybe(dy, p->tangent[k]);
    return !wg__pending();
}

static bool all_tracked(wg_tensor *const x[], int n) {
    for (int i = 0; i < n; i++)
        if (!x[i] || !wg__is_tracked(x[i]))
            return wg_fail(x[i] ? WG_ERROR_STATE : WG_ERROR_ARGUMENT, "wg_jvp: x[%d] is %s", i,
                           x[i] ? "not tracked" : "NULL");
    return true;
}

static bool seed(push *p, wg_tensor *const x[], int n, wg_tensor *const v[]) {
    for (int i = 0; i < n; i++) {
        uint32_t node = wg__tape_node(x[i]);
        if (node == WG__NO_NODE) return false;
        if (!v[i] || node > p->top) continue;
        if (v[i]->view.dtype != x[i]->view.dtype ||
            !wg__shape_equal(&v[i]->view.shape, &x[i]->view.shape)) {
            char a[200], b[200];
            return wg_fail(
                WG_ERROR_SHAPE, "wg_jvp: v[%d] is %s %s, x[%d] is %s %s", i,
                wg_dtype_name(v[i]->view.dtype), wg_shape_text(v[i]->view.shape, a, sizeof a), i,
                wg_dtype_name(x[i]->view.dtype), wg_shape_text(x[i]->view.shape, b, sizeof b));
        }
        p->tangent[node] = wg_add_maybe(p->tangent[node], v[i]);
    }
    return !wg__pending();
}

static wg_tensor *run(push *p, wg_tensor *y) {
    for (uint32_t k = 0; k <= p->top; k++)
        if (p->tape->op[k] && p->leads[k] && !push_record(p, k)) return NULL;
    return p->tangent[p->top] ? p->tangent[p->top] : wg_zeros_like(y);
}

wg_tensor *wg_jvp(wg_tensor *y, wg_tensor *const x[], int n, wg_tensor *const v[]) {
    if (wg__pending()) return NULL;
    if (!y) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "wg_jvp: y is NULL");
    if (n < 0 || (n > 0 && (!x || !v)))
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "wg_jvp: %d tensors, x %s, v %s", n,
                             x ? "given" : "NULL", v ? "given" : "NULL");
    if (!all_tracked(x, n)) return NULL;
    if (!wg__is_tracked(y)) return wg_zeros_like(y);
    push p = { .tape = wg__tape_now(), .top = wg__tape_node(y) };
    if (p.top == WG__NO_NODE) return NULL;
    p.tangent = wg__alloc_zero((p.top + 1) * sizeof *p.tangent);
    p.leads = p.tangent ? wg__alloc_zero(p.top + 1) : NULL;
    wg_tensor *dy = NULL;
    if (p.leads && seed(&p, x, n, v)) {
        mark_leading(&p);
        dy = run(&p, y);
    }
    wg__free(p.tangent), wg__free(p.leads);
    return dy;
}
