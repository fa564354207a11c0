// SPDX-License-Identifier: MIT
/* backward.c: reverse mode. One loop over the records that lead to the result, newest first; each
   hands its result's gradient to its rule and adds what comes back to the gradients of its inputs.
   No recursion, no queue, one fixed order of summation.

   It runs in one of two ways. Recorded: the rules' operations go on the tape like any others, so
   what comes out can be differentiated again. Plain: nothing is recorded, fused kernels replace
   rules where there are any, gradients are added in place, and each rule's temporaries go as soon
   as it returns. */
#include <string.h>

#include "autograd/autograd_impl.h"
#include "tensor/kernels/kernels.h"

typedef struct sweep {
    wg__context *ctx;
    const wg__tape *tape;
    uint32_t top;      // the result's record
    wg_tensor **slot;  // per record: the gradient gathered so far
    uint8_t *needed;   // per record: whether anyone asks for it; NULL: all of them
    uint8_t *asked;    // per record: whether its own gradient is asked for
    bool recorded;
} sweep;

/* ---- gathering ------------------------------------------------------------------------------- */

// Whether nobody else sees this memory, so that it may be added to in place.
static bool exclusive(const wg_tensor *g) {
    return g->storage && !wg__has_overlap(&g->view) &&
           atomic_load_explicit(&wg__block_of(g->storage)->refs, memory_order_acquire) == 1;
}

static wg_tensor *exclusive_copy(const wg_tensor *g) {
    wg_tensor *copy = wg__tensor_like_owned(g->view.dtype, &g->view.shape);
    if (copy) wg__copy_view(&copy->view, &g->view);
    return copy;
}

static bool gather_plain(wg_tensor **slot, wg_tensor *g) {
    if (!*slot) {
        *slot = g;
        return true;
    }
    if (!exclusive(*slot) && exclusive(g)) {
        wg_tensor *swap = *slot;
        *slot = g, g = swap;
    }
    if (!exclusive(*slot)) {
        wg_tensor *copy = exclusive_copy(*slot);
        if (copy) wg__tensor_free(*slot), *slot = copy;
        if (!copy) wg__tensor_free(g);
        if (!copy) return false;
    }
    wg__accumulate(&(*slot)->view, &g->view);
    wg__tensor_free(g);
    return true;
}

static bool gather_slot(sweep *s, uint32_t k, wg_tensor *g) {
    if (!s->recorded) return gather_plain(&s->slot[k], g);
    wg_tensor *sum = s->slot[k] ? wg_add(s->slot[k], g) : g;
    if (sum) s->slot[k] = sum;
    return sum != NULL;
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

static wg_tensor *fused(const wg_call *c, const wg_tensor *gy, int i) {
    wg_tensor *x = c->in[i], *gx = wg__tensor_like_owned(x->view.dtype, &x->view.shape);
    if (!gx) return NULL;
    if (!c->op->backward) {
        const wg_view *views[] = { &gx->view, &gy->view, &x->view, &c->out->view };
        wg__map(c->op->map->backward[gy->view.dtype], views, 4, c->attr);
    } else if (!c->op->backward(c, &gy->view, i, &gx->view)) {
        wg__tensor_free(gx);
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

static bool pull_back_input(sweep *s, const wg_call *c, wg_tensor *gy, int i, uint32_t node) {
    wg_tensor *g;
    if (!s->recorded && has_fused(c, gy)) {
        g = fused(c, gy, i);
    } else {
        const wg_scope *scope = s->ctx->scope;
        const wg_tensor *mark = scope->first;
        g = c->op->vjp(c, gy, i);
        if (WG_UNLIKELY(s->ctx->scope != scope)) return wg__scope_left_open(c->op, "vjp", scope);
        if (!s->recorded) g = claim(s->ctx, mark, g);
    }
    if (WG_UNLIKELY(!g)) return s->ctx->status == WG_OK;  // zero, unless it failed
    if (WG_UNLIKELY(s->ctx->status != WG_OK || !fits(c, i, g))) {
        if (!s->recorded) wg__tensor_free(g);
        return false;
    }
    return gather_slot(s, node, g);
}

// Whether record k has a rule, and the values that it reads.
static bool has_rule(const wg_call *c, uint32_t k) {
    if (c->op->flags & WG_OP_NO_GRADIENT || !c->op->vjp)
        return wg_fail(WG_ERROR_STATE, "%s: it has no derivative", c->op->name);
    return wg__tape_fresh(k);
}

static bool pull_back(sweep *s, uint32_t k) {
    wg_call c = wg__tape_call(k);
    bool ready = false;  // looked at only where a rule is called for
    for (int i = 0; i < c.inputs; i++) {
        if (!c.in[i]) continue;
        uint32_t node = wg__node_of(c.in[i], s->tape);
        if (node == WG__NO_NODE || (s->needed && !s->needed[node])) continue;
        if (!ready && !(ready = has_rule(&c, k))) return false;
        if (!pull_back_input(s, &c, s->slot[k], i, node)) return false;
    }
    return true;
}

/* ---- the sweep ------------------------------------------------------------------------------- */

static bool sweep_open(sweep *s, const wg_tensor *y, bool recorded) {
    *s = (sweep){ .ctx = wg__ctx(), .tape = wg__tape_now(), .recorded = recorded };
    s->top = wg__node_of(y, s->tape);
    s->slot = wg__alloc_zero((s->top + 1) * sizeof *s->slot);
    return s->slot != NULL;
}

static void sweep_close(sweep *s) {
    for (uint32_t k = 0; s->slot && !s->recorded && k <= s->top; k++) wg__tensor_free(s->slot[k]);
    wg__free(s->slot), wg__free(s->needed), wg__free(s->asked);
}

static bool sweep_run(sweep *s) {
    bool was = s->ctx->recording;
    s->ctx->recording = s->recorded;
    bool done = true;
    for (uint32_t k = s->top + 1; done && k-- > 0;) {
        if (!s->slot[k] || !s->tape->op[k]) continue;
        done = pull_back(s, k);
        if (s->recorded || (s->asked && s->asked[k])) continue;
        wg__tensor_free(s->slot[k]);
        s->slot[k] = NULL;
    }
    s->ctx->recording = was;
    return done;
}

// A seed of ones, or the caller's, as the sweep's own handle.
static bool sweep_seed(sweep *s, wg_tensor *y, wg_tensor *seed) {
    wg_tensor *g = seed;
    if (!seed) g = wg_ones(y->view.dtype, y->view.shape);
    if (seed && !s->recorded) g = wg__tensor_alias(seed);
    if (g && !s->recorded) wg__scope_remove(g);
    s->slot[s->top] = g;
    return g != NULL;
}

static bool tracked_input(const char *name, const char *what, wg_tensor *x) {
    if (!x) return wg_fail(WG_ERROR_ARGUMENT, "%s: %s is NULL", name, what);
    if (!wg__is_tracked(x))
        return wg_fail(WG_ERROR_STATE,
                       "%s: %s is not tracked: it depends on no parameter or variable "
                       "that was recorded",
                       name, what);
    return wg__tape_node(x) != WG__NO_NODE;
}

/* ---- wg_backward ----------------------------------------------------------------------------- */

// All memory is found before the first leaf changes.
static bool prepare_leaves(sweep *s) {
    for (uint32_t k = 0; k <= s->top; k++) {
        wg_tensor *g = s->slot[k];
        if (!g || (exclusive(g) && wg__is_contiguous(&g->view))) continue;
        wg_tensor *copy = exclusive_copy(g);
        if (!copy) return false;
        wg__tensor_free(g);
        s->slot[k] = copy;
    }
    return true;
}

static void commit_leaves(sweep *s) {
    for (uint32_t k = 0; k <= s->top; k++) {
        wg_tensor *leaf = s->tape->out[k], *g = s->slot[k];
        if (!g) continue;
        if (leaf->gradient) {
            wg__accumulate(&leaf->gradient->view, &g->view);
            wg__touch(leaf->gradient);
            wg__tensor_free(g);
        } else {
            leaf->gradient = g;
        }
        s->slot[k] = NULL;
    }
}

static bool is_loss(wg_tensor *loss) {
    char text[200];
    if (wg__pending() || !tracked_input("wg_backward", "the loss", loss)) return false;
    return wg_numel(loss) == 1 ||
           wg_fail(WG_ERROR_SHAPE, "wg_backward: the loss is %s, not one element",
                   wg_shape_text(loss->view.shape, text, sizeof text));
}

static bool run_backward(sweep *s, wg_tensor *loss) {
    bool done = sweep_seed(s, loss, NULL) && sweep_run(s) && prepare_leaves(s);
    if (done) commit_leaves(s);
    return done;
}

bool wg_backward(wg_tensor *loss) {
    sweep s;
    if (!is_loss(loss)) return false;
    bool done = sweep_open(&s, loss, false) && run_backward(&s, loss);
    sweep_close(&s);
    return done;
}

wg_tensor *wg_gradient(const wg_tensor *leaf) { return leaf ? leaf->gradient : NULL; }

void wg_clear_gradient(wg_tensor *leaf) {
    if (!leaf) return;
    wg__tensor_release_owned(leaf->gradient);
    leaf->gradient = NULL;
}

/* ---- some leaves only, and wg_grad ----------------------------------------------------------- */

// Marks the x, and what is computed from them.
static bool mark_paths(sweep *s, wg_tensor *const x[], int n) {
    s->needed = wg__alloc_zero(s->top + 1);
    s->asked = s->needed ? wg__alloc_zero(s->top + 1) : NULL;
    if (!s->asked) return false;
    for (int i = 0; i < n; i++)
        if (x[i]->node <= s->top) s->needed[x[i]->node] = s->asked[x[i]->node] = 1;
    for (uint32_t k = 0; k <= s->top; k++) {
        const wg__payload *p = s->tape->payload[k];
        for (uint32_t i = 0; p && !s->needed[k] && i < p->inputs; i++) {
            uint32_t node = p->in[i] ? wg__node_of(p->in[i], s->tape) : WG__NO_NODE;
            if (node != WG__NO_NODE && node < k) s->needed[k] = s->needed[node];
        }
    }
    return true;
}

bool wg__backward_to(wg_tensor *loss, wg_tensor *const leaf[], int n, bool *reached) {
    sweep s;
    if (!is_loss(loss)) return false;
    for (int i = 0; i < n; i++)
        if (wg__tape_node(leaf[i]) == WG__NO_NODE) return false;
    bool done = sweep_open(&s, loss, false) && mark_paths(&s, leaf, n);
    *reached = done && s.needed[s.top];
    done = done && (!*reached || run_backward(&s, loss));
    sweep_close(&s);
    return done;
}

// Hands out what was asked for; a plain sweep's in handles of the caller's scope.
static bool collect(sweep *s, wg_tensor *const x[], int n, wg_tensor *gx[]) {
    for (int i = 0; i < n; i++) {
        wg_tensor *g = x[i]->node <= s->top ? s->slot[x[i]->node] : NULL;
        if (!g)
            gx[i] = wg_zeros_like(x[i]);
        else
            gx[i] = s->recorded ? g : wg__tensor_alias(g);
        if (!gx[i]) return false;
    }
    return true;
}

static bool fitting_seed(const wg_tensor *y, const wg_tensor *seed) {
    if (!seed ||
        (seed->view.dtype == y->view.dtype && wg__shape_equal(&seed->view.shape, &y->view.shape)))
        return true;
    char a[200], b[200];
    return wg_fail(WG_ERROR_SHAPE, "wg_grad: the seed is %s %s, y is %s %s",
                   wg_dtype_name(seed->view.dtype), wg_shape_text(seed->view.shape, a, sizeof a),
                   wg_dtype_name(y->view.dtype), wg_shape_text(y->view.shape, b, sizeof b));
}

static bool all_zero(wg_tensor *const x[], int n, wg_tensor *gx[]) {
    for (int i = 0; i < n; i++)
        if (!(gx[i] = wg_zeros_like(x[i]))) return false;
    return true;
}

bool wg_grad(wg_tensor *y, wg_tensor *const x[], int n, wg_tensor *gx[], wg_grad_options o) {
    if (wg__pending()) return false;
    if (!y) return wg_fail(WG_ERROR_ARGUMENT, "wg_grad: y is NULL");
    if (n < 0 || (n > 0 && (!x || !gx)))
        return wg_fail(WG_ERROR_ARGUMENT, "wg_grad: %d tensors, x %s, gx %s", n,
                       x ? "given" : "NULL", gx ? "given" : "NULL");
    for (int i = 0; i < n; i++)
        if (!tracked_input("wg_grad", "an x", x[i])) return false;
    if (!fitting_seed(y, o.seed)) return false;
    // A constant: the derivative of something linear, say, on its way to the second order.
    if (!wg__is_tracked(y)) return all_zero(x, n, gx);
    if (wg__tape_node(y) == WG__NO_NODE) return false;
    sweep s;
    bool done = sweep_open(&s, y, wg__ctx()->recording && !o.constant) && mark_paths(&s, x, n) &&
                sweep_seed(&s, y, o.seed) && sweep_run(&s) && collect(&s, x, n, gx);
    sweep_close(&s);
    return done;
}

wg_tensor *wg_derivative(wg_tensor *y, wg_tensor *x) {
    wg_tensor *gx;
    return wg_grad(y, &x, 1, &gx, (wg_grad_options){ 0 }) ? gx : NULL;
}
