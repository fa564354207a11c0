// SPDX-License-Identifier: MIT
/* backward.c: reverse mode. One loop over the records that lead to the result, newest first; each
   hands its result's gradient to its rule and adds what comes back to the gradients of its inputs.
   No recursion, no queue, one fixed order of summation.

   It runs in one of two ways. Recorded: the rules' operations go on the tape like any others, so
   what comes out can be differentiated again. Plain: nothing is recorded, fused kernels replace
   rules where there are any, gradients are added in place, and each rule's temporaries go as soon
   as it returns. */
#include "autograd/sweep_impl.h"
#include "tensor/kernels/kernels.h"

/* ---- gathering ------------------------------------------------------------------------------- */

wg_tensor *wg__exclusive_copy(const wg_tensor *g) {
    wg_tensor *copy = wg__tensor_like_owned(g->view.dtype, &g->view.shape);
    if (copy) wg__copy_view(&copy->view, &g->view);
    return copy;
}

static bool gather_plain(wg_tensor **slot, wg_tensor *g) {
    if (!*slot) {
        *slot = g;
        return true;
    }
    if (!wg__is_exclusive(*slot) && wg__is_exclusive(g)) {
        wg_tensor *swap = *slot;
        *slot = g, g = swap;
    }
    if (!wg__is_exclusive(*slot)) {
        wg_tensor *copy = wg__exclusive_copy(*slot);
        if (copy) wg__tensor_free(*slot), *slot = copy;
        if (!copy) wg__tensor_free(g);
        if (!copy) return false;
    }
    wg__accumulate(&(*slot)->view, &g->view);
    wg__tensor_free(g);
    return true;
}

static bool gather_slot(wg__sweep *s, uint32_t at, wg_tensor *g) {
    wg_tensor **slot = &s->slot[at];
    bool sound = s->watching && *slot && wg__is_finite(*slot) && wg__is_finite(g);
    if (!s->recorded) {
        if (!gather_plain(slot, g)) return false;
    } else {
        s->ctx->watching = false;
        wg_tensor *sum = *slot ? wg_add(*slot, g) : g;
        s->ctx->watching = s->watching;
        if (!sum) return false;
        *slot = sum;
    }
    return !sound || wg__is_finite(*slot) ||
           wg__anomaly_sum(s->tape, wg__span_node(&s->span, at), *slot);
}

/* ---- one record ------------------------------------------------------------------------------ */

/* Takes `result` out of the scope, frees all else that was made since `mark`, and gives a handle
   that is the sweep's own even where the rule returned one that was there before. */
static wg_tensor *claim(wg__context *ctx, const wg_tensor *mark, wg_tensor *result) {
    bool fresh = false;
    for (wg_tensor *t = ctx->scope->first, *next; t != mark; t = next) {
        next = t->next;
        if (t == result)
            fresh = true;
        else
            wg__tensor_free(t);
    }
    if (!result) return NULL;
    if (!fresh) result = wg__tensor_alias(result);
    if (result) wg__scope_remove(result);
    return result;
}

static bool has_fused(const wg_call *c, const wg_tensor *gy) {
    const wg_map *map = c->op->map;
    return c->op->backward || (map && c->inputs == 1 && map->backward[gy->view.dtype]);
}

// What a rule left unsaid when it refused.
static bool refused(const wg_call *c, const char *rule) {
    if (wg__pending()) return false;
    return wg_call_fail(c, WG_ERROR_STATE, "its %s refused without a reason", rule);
}

static wg_tensor *fused(const wg_call *c, const wg_tensor *gy, int i) {
    wg_tensor *x = c->in[i], *gx = wg__tensor_like_owned(x->view.dtype, &x->view.shape);
    if (!gx) return NULL;
    if (!c->op->backward) {
        const wg_view *views[] = { &gx->view, &gy->view, &x->view, &c->out->view };
        wg__map(c->op->map->backward[gy->view.dtype], views, 4, c->attr);
    } else if (!c->op->backward(c, &gy->view, i, &gx->view)) {
        wg__tensor_free(gx);
        refused(c, "backward");
        return NULL;
    }
    return gx;
}

// The engine checks, it never repairs.
static bool fits(const wg_call *c, int i, const wg_tensor *g) {
    const wg_view *x = &c->in[i]->view;
    if (g->view.dtype == x->dtype && wg__shape_equal(&g->view.shape, &x->shape)) return true;
    char want[200], have[200];
    return wg_fail(WG_ERROR_SHAPE, "%s: its vjp for input %d gives %s %s, the input is %s %s",
                   c->op->name, i, wg_dtype_name(g->view.dtype),
                   wg_shape_text(g->view.shape, have, sizeof have), wg_dtype_name(x->dtype),
                   wg_shape_text(x->shape, want, sizeof want));
}

bool wg__scope_left_open(const wg_op *op, const char *rule, const wg_scope *scope) {
    const wg__context *ctx = wg__ctx();
    const wg_scope *s = ctx->scope;
    while (s && s != scope) s = s->parent;
    while (s && ctx->scope != scope) wg_scope_close(ctx->scope);
    return wg_fail(WG_ERROR_STATE, "%s: its %s left a scope open", op->name, rule);
}

// What a rule's operations compute is judged by what the rule returns.
static wg_tensor *call_vjp(wg__sweep *s, const wg_call *c, wg_tensor *gy, int i) {
    s->ctx->watching = false;
    wg_tensor *g = c->op->vjp(c, gy, i);
    s->ctx->watching = s->watching;
    return g;
}

static wg_tensor *by_rule(wg__sweep *s, const wg_call *c, wg_tensor *gy, int i) {
    if (!s->recorded && has_fused(c, gy)) return fused(c, gy, i);
    const wg_scope *scope = s->ctx->scope;
    const wg_tensor *mark = scope->first;
    wg_tensor *g = call_vjp(s, c, gy, i);
    if (WG_UNLIKELY(s->ctx->scope != scope)) {
        wg__scope_left_open(c->op, "vjp", scope);
        return NULL;
    }
    return s->recorded ? g : claim(s->ctx, mark, g);
}

// A gradient that a rule gave for input i: checked, then added to the others at that place.
static bool take(wg__sweep *s, const wg_call *c, wg_tensor *gy, int i, uint32_t at, wg_tensor *g) {
    if (WG_UNLIKELY(!g)) return s->ctx->status == WG_OK;  // zero, unless it failed
    bool sound = s->ctx->status == WG_OK && fits(c, i, g) &&
                 (!s->watching || wg__anomaly_gradient(c, gy, i, g));
    if (WG_UNLIKELY(!sound)) {
        if (!s->recorded) wg__tensor_free(g);
        return false;
    }
    if (WG_LIKELY(!s->recorded && !s->watching)) return gather_plain(&s->slot[at], g);
    return gather_slot(s, at, g);
}

// Where the gradient of record k's input x is gathered; WG__NO_NODE if nobody asks for it.
static inline uint32_t wanted_at(const wg__sweep *s, uint32_t k, const wg_tensor *x) {
    uint32_t node = wg__source_of(x, k, s->tape);
    if (node == WG__NO_NODE) return node;
    uint32_t at = wg__span_at(&s->span, node);
    return at != WG__NO_NODE && s->needed && !s->needed[at] ? WG__NO_NODE : at;
}
static bool is_wanted(const wg__sweep *s, uint32_t k, const wg_tensor *x) {
    return wanted_at(s, k, x) != WG__NO_NODE;
}

// Whether record k has a rule, and the values that it reads.
static bool has_rule(const wg_call *c, uint32_t k) {
    if (c->op->flags & WG_OP_NO_GRADIENT || (!c->op->vjp && !c->op->vjp_all))
        return wg_fail(WG_ERROR_STATE, "%s: it has no derivative", c->op->name);
    return wg__tape_fresh(k);
}

/* ---- rules that give all gradients at once --------------------------------------------------- */

// Makes the results of a plain sweep's rule the sweep's own; the rest goes with the scope.
static bool claim_all(const wg_scope *scope, int n, wg_tensor *g[]) {
    for (int i = 0; i < n; i++) {
        if (!g[i]) continue;
        if (g[i]->scope != scope) g[i] = wg__tensor_alias(g[i]);
        if (g[i]) wg__scope_remove(g[i]);
        if (g[i]) continue;
        while (i-- > 0) wg__tensor_free(g[i]);
        return false;
    }
    return true;
}

// A gradient that nobody wants has no place: its input may not even be tracked.
static bool unasked(const wg_call *c, int i) {
    return wg_call_fail(c, WG_ERROR_STATE,
                        "its vjp_all gives a gradient for input %d, which is not wanted", i);
}

static bool take_all(wg__sweep *s, const wg_call *c, wg_tensor *gy, const bool *wanted,
                     wg_tensor *g[]) {
    bool done = true;
    for (int i = 0; i < c->inputs; i++) {
        if (!g[i]) continue;
        done = done && (wanted[i] || unasked(c, i));
        if (done)
            done = take(s, c, gy, i, wanted_at(s, c->out->node, c->in[i]), g[i]);
        else if (!s->recorded)
            wg__tensor_free(g[i]);
    }
    return done;
}

static bool call_vjp_all(wg__sweep *s, const wg_call *c, wg_tensor *gy, const bool *wanted,
                         wg_tensor *g[]) {
    wg_scope *scope = s->recorded ? s->ctx->scope : wg_scope_open();
    if (!scope) return false;
    bool done = c->op->vjp_all(c, gy, wanted, g) || refused(c, "vjp_all");
    done = done && s->ctx->status == WG_OK;
    if (s->ctx->scope != scope) done = wg__scope_left_open(c->op, "vjp_all", scope);
    if (!s->recorded) {
        done = done && claim_all(scope, c->inputs, g);
        wg_scope_close(scope);
    }
    return done && take_all(s, c, gy, wanted, g);
}

static bool pull_back_all(wg__sweep *s, uint32_t k, const wg_call *c, wg_tensor *gy) {
    size_t n = (size_t)c->inputs;
    bool *wanted = wg__alloc(n * sizeof *wanted), any = false;
    wg_tensor **g = wanted ? wg__alloc_zero(n * sizeof *g) : NULL;
    for (int i = 0; g && i < c->inputs; i++) any |= wanted[i] = is_wanted(s, k, c->in[i]);
    bool done = g && (!any || (has_rule(c, k) && call_vjp_all(s, c, gy, wanted, g)));
    wg__free(wanted), wg__free(g);
    return done;
}

static bool pull_back(wg__sweep *s, uint32_t k, wg_tensor *gy) {
    wg_call c = wg__tape_call(k);
    if (WG_UNLIKELY(c.op->vjp_all)) return pull_back_all(s, k, &c, gy);
    bool ready = false;  // looked at only where a rule is called for
    for (int i = 0; i < c.inputs; i++) {
        uint32_t at = wanted_at(s, k, c.in[i]);
        if (at == WG__NO_NODE) continue;
        if (!ready && !(ready = has_rule(&c, k))) return false;
        if (!take(s, &c, gy, i, at, by_rule(s, &c, gy, i))) return false;
    }
    return true;
}

/* ---- the sweep ------------------------------------------------------------------------------- */

void wg__sweep_open(wg__sweep *s, const wg_tensor *y, bool recorded) {
    *s = (wg__sweep){ .ctx = wg__ctx(), .tape = wg__tape_now(), .recorded = recorded };
    s->watching = s->ctx->watching;
    s->span.top = wg__node_of(y, s->tape);
}

bool wg__sweep_all(wg__sweep *s) {
    s->slot = wg__alloc_zero(wg__span_size(&s->span) * sizeof *s->slot);
    return s->slot != NULL;
}

// Marks what is computed from the x.
static void mark_paths(wg__sweep *s) {
    for (uint32_t k = s->span.floor; k <= s->span.top; k++) {
        const wg__payload *p = s->tape->payload[k];
        uint8_t *mark = &s->needed[k - s->span.floor];
        for (uint32_t i = 0; p && !*mark && i < p->inputs; i++) *mark = is_wanted(s, k, p->in[i]);
    }
}

bool wg__sweep_towards(wg__sweep *s, uint32_t floor, wg_tensor *const x[], int n) {
    if (!wg__span_open(&s->span, floor, s->span.top, x, n)) return false;
    uint32_t size = wg__span_size(&s->span);
    s->slot = wg__alloc_zero(size * sizeof *s->slot);
    s->needed = s->slot ? wg__alloc_zero(size) : NULL;
    s->asked = s->needed ? wg__alloc_zero(size) : NULL;
    if (!s->asked) return false;
    for (int i = 0; i < n; i++) {
        uint32_t at = wg__span_at(&s->span, x[i]->node);
        if (at != WG__NO_NODE) s->needed[at] = s->asked[at] = 1;
    }
    mark_paths(s);
    return true;
}

// What a plain sweep gathers is its own: in no scope.
bool wg__sweep_seed(wg__sweep *s, wg_tensor *y, wg_tensor *seed) {
    wg_tensor *g = seed;
    if (!seed) g = wg_ones(y->view.dtype, y->view.shape);
    if (seed && !s->recorded) g = wg__tensor_alias(seed);
    if (g && !s->recorded) wg__scope_remove(g);
    s->slot[s->span.top - s->span.floor] = g;
    return g != NULL;
}

static bool visit(wg__sweep *s, uint32_t k, wg_tensor **slot) {
    wg_tensor *x = s->tape->out[k];
    if (WG_UNLIKELY(x->hook) && !wg__hooks_call(x, slot, s->recorded)) return false;
    return !s->tape->op[k] || pull_back(s, k, *slot);
}

bool wg__sweep_run(wg__sweep *s) {
    bool was = s->ctx->recording, done = true;
    wg_scope *fence = wg__fence_up(s->ctx);
    s->ctx->recording = s->recorded;
    for (uint32_t at = s->span.top - s->span.floor + 1; done && at-- > 0;) {
        if (!s->slot[at]) continue;
        uint32_t k = s->span.floor + at;
        done = visit(s, k, &s->slot[at]);
        if (s->recorded || !s->tape->op[k] || (s->asked && s->asked[at])) continue;
        wg__tensor_free(s->slot[at]);
        s->slot[at] = NULL;
    }
    s->ctx->recording = was;
    s->ctx->fence = fence;
    return done;
}

void wg__sweep_close(wg__sweep *s) {
    uint32_t size = s->slot && !s->recorded ? wg__span_size(&s->span) : 0;
    for (uint32_t at = 0; at < size; at++) wg__tensor_free(s->slot[at]);
    wg__free(s->slot), wg__free(s->needed), wg__free(s->asked);
    wg__span_close(&s->span);
}
