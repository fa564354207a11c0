// SPDX-License-Identifier: MIT
/* forward.c: forward mode, along what the tape recorded: each record between x and y turns the
   tangents of its inputs into that of its result. Since this runs over a finished tape and not
   beside the program, two derivatives at once cannot mistake each other's perturbations. */
#include "autograd/autograd_impl.h"

typedef struct push {
    wg__context *ctx;
    wg__tape *tape;
    wg__span span;
    wg_tensor **tangent;  // per record; NULL: zero
    uint8_t *leads;       // per record: whether some y depends on it
    bool watching;        // anomaly mode
} push;

// The place of a tensor in those arrays; WG__NO_NODE if it has none.
static uint32_t place_of(const push *p, const wg_tensor *x) {
    uint32_t node = x ? wg__node_of(x, p->tape) : WG__NO_NODE;
    return node == WG__NO_NODE ? node : wg__span_at(&p->span, node);
}

// That of an input of record k.
static uint32_t source_place(const push *p, uint32_t k, const wg_tensor *x) {
    uint32_t node = wg__source_of(x, k, p->tape);
    return node == WG__NO_NODE ? node : wg__span_at(&p->span, node);
}

static void mark_leading(push *p) {
    for (uint32_t at = p->span.top - p->span.floor + 1; at-- > 0;) {
        uint32_t k = p->span.floor + at;
        const wg__payload *load = p->tape->payload[k];
        for (uint32_t i = 0; load && p->leads[at] && i < load->inputs; i++) {
            uint32_t input = source_place(p, k, load->in[i]);
            if (input != WG__NO_NODE) p->leads[input] = 1;
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

static wg_tensor *call_jvp(push *p, const wg_call *c, wg_tensor *const dx[]) {
    const wg_scope *scope = p->ctx->scope;
    wg_scope *fence = wg__fence_up(p->ctx);
    p->ctx->watching = false;  // what the rule's operations compute is judged by what it returns
    wg_tensor *dy = c->op->jvp(c, dx);
    p->ctx->fence = fence;
    p->ctx->watching = p->watching;
    if (p->ctx->scope != scope) wg__scope_left_open(c->op, "jvp", scope);
    return dy;
}

// The tangent of record k from those of its inputs, added to one that the caller gave.
static bool push_through(push *p, uint32_t k, const wg_call *c, wg_tensor *const dx[]) {
    if (c->op->flags & WG_OP_NO_GRADIENT || !c->op->jvp)
        return wg_fail(WG_ERROR_STATE, "%s: it has no derivative", c->op->name);
    if (!wg__tape_fresh(k)) return false;
    wg_tensor *dy = call_jvp(p, c, dx);
    if (wg__pending() || (dy && !fits(c, dy))) return false;
    if (p->watching && dy && !wg__anomaly_tangent(c, dx, dy)) return false;
    wg_tensor **tangent = &p->tangent[k - p->span.floor];
    *tangent = wg_add_maybe(dy, *tangent);
    return !wg__pending();
}

static bool push_record(push *p, uint32_t k) {
    wg_call c = wg__tape_call(k);
    wg_tensor *few[WG_MAX_INPUTS], **dx = few;
    if (c.inputs > WG_MAX_INPUTS) dx = wg__alloc((size_t)c.inputs * sizeof *dx);
    if (!dx) return false;
    bool any = false;
    for (int i = 0; i < c.inputs; i++) {
        uint32_t at = source_place(p, k, c.in[i]);
        dx[i] = at == WG__NO_NODE ? NULL : p->tangent[at];
        any = any || dx[i];
    }
    bool done = !any || push_through(p, k, &c, dx);
    if (dx != few) wg__free(dx);
    return done;
}

/* ---- what it starts from --------------------------------------------------------------------- */

static bool all_fit(const wg__question *q, wg_tensor *const v[]) {
    for (int i = 0; i < q->n; i++) {
        const wg_tensor *x = q->x[i];
        if (!v[i] || (v[i]->view.dtype == x->view.dtype &&
                      wg__shape_equal(&v[i]->view.shape, &x->view.shape)))
            continue;
        char a[200], b[200];
        return wg_fail(WG_ERROR_SHAPE, "%s: v[%d] is %s %s, x[%d] is %s %s", q->name, i,
                       wg_dtype_name(v[i]->view.dtype),
                       wg_shape_text(v[i]->view.shape, a, sizeof a), i,
                       wg_dtype_name(x->view.dtype), wg_shape_text(x->view.shape, b, sizeof b));
    }
    return true;
}

static bool push_open(push *p, uint32_t floor, uint32_t top, wg_along along) {
    *p = (push){ .ctx = wg__ctx(), .tape = wg__tape_now() };
    p->watching = p->ctx->watching;
    if (!wg__span_open(&p->span, floor, top, along.x, along.n)) return false;
    uint32_t size = wg__span_size(&p->span);
    p->tangent = wg__alloc_zero(size * sizeof *p->tangent);
    p->leads = p->tangent ? wg__alloc_zero(size) : NULL;
    return p->leads != NULL;
}

static void push_close(push *p) {
    wg__free(p->tangent), wg__free(p->leads);
    wg__span_close(&p->span);
}

static bool seed(push *p, wg_along along) {
    for (int i = 0; i < along.n; i++) {
        uint32_t at = place_of(p, along.x[i]);
        if (!along.v[i] || at == WG__NO_NODE) continue;
        p->tangent[at] = wg_add_maybe(p->tangent[at], along.v[i]);
    }
    return !wg__pending();
}

static bool run(push *p) {
    for (uint32_t k = p->span.floor; k <= p->span.top; k++)
        if (p->tape->op[k] && p->leads[k - p->span.floor] && !push_record(p, k)) return false;
    return true;
}

/* ---- the functions --------------------------------------------------------------------------- */

bool wg__jvp_above(uint32_t floor, wg_tensor *const y[], int m, wg_along along, wg_tensor *dy[]) {
    const wg__tape *t = wg__tape_now();
    uint32_t top = floor;
    for (int j = 0; j < m; j++) {
        uint32_t node = wg__node_of(y[j], t);
        if (node != WG__NO_NODE && node > top) top = node;
    }
    push p;
    bool done = push_open(&p, floor, top, along) && seed(&p, along);
    for (int j = 0; done && j < m; j++) {
        uint32_t at = place_of(&p, y[j]);
        if (at != WG__NO_NODE) p.leads[at] = 1;
    }
    if (done) mark_leading(&p);
    done = done && run(&p);
    for (int j = 0; done && j < m; j++) {
        uint32_t at = place_of(&p, y[j]);
        dy[j] = at == WG__NO_NODE ? NULL : p.tangent[at];
    }
    push_close(&p);
    return done;
}

// Leaves that were never met get their records here, so that y may be one of the x.
static bool all_there(const char *name, wg_tensor *const y[], int m) {
    for (int j = 0; j < m; j++) {
        if (!y[j]) return wg_fail(WG_ERROR_ARGUMENT, "%s: y[%d] is NULL", name, j);
        if (wg__is_tracked(y[j]) && wg__tape_node(y[j]) == WG__NO_NODE) return false;
    }
    return true;
}

bool wg__jvp_for(const wg__question *q, wg_tensor *const y[], int m, wg_tensor *const v[],
                 wg_tensor *dy[]) {
    if (wg__pending()) return false;
    if (m < 0 || (m > 0 && (!y || !dy)))
        return wg_fail(WG_ERROR_ARGUMENT, "%s: %d results, y %s, dy %s", q->name, m,
                       y ? "given" : "NULL", dy ? "given" : "NULL");
    if (q->n > 0 && !v) return wg_fail(WG_ERROR_ARGUMENT, "%s: v is NULL", q->name);
    if (!all_there(q->name, y, m) || !wg__all_tracked(q) || !all_fit(q, v)) return false;
    for (int j = 0; j < m; j++) dy[j] = NULL;
    uint32_t count = wg__tape_now()->count;
    if (q->n > 0 && m > 0) {
        uint32_t floor = wg__lowest(q->x, q->n, count - 1);
        if (!wg__jvp_above(floor, y, m, (wg_along){ q->x, v, q->n }, dy)) return false;
    }
    for (int j = 0; j < m; j++)
        if (!dy[j] && !(dy[j] = wg_zeros_like(y[j]))) return false;
    return true;
}

bool wg_jvp_many(wg_tensor *const y[], int m, wg_along along, wg_tensor *dy[]) {
    const wg__question q = { .name = "wg_jvp_many", .x = along.x, .n = along.n };
    return wg__jvp_for(&q, y, m, along.v, dy);
}

wg_tensor *wg_jvp(wg_tensor *y, wg_tensor *const x[], int n, wg_tensor *const v[]) {
    const wg__question q = { .name = "wg_jvp", .x = x, .n = n };
    wg_tensor *dy = NULL;
    if (wg__pending()) return NULL;
    if (!y) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "wg_jvp: y is NULL");
    return wg__jvp_for(&q, &y, 1, v, &dy) ? dy : NULL;
}
