// SPDX-License-Identifier: MIT
/* grad.c: what is asked of reverse mode: the gradients of all leaves, added to what they hold, or
   those of some tensors, handed out. */
#include "autograd/sweep_impl.h"
#include "tensor/kernels/kernels.h"

bool wg__one_tracked(const char *name, const char *what, wg_tensor *x) {
    if (!x) return wg_fail(WG_ERROR_ARGUMENT, "%s: %s is NULL", name, what);
    if (!wg__is_tracked(x))
        return wg_fail(WG_ERROR_STATE,
                       "%s: %s is not tracked: it depends on no parameter or variable "
                       "that was recorded",
                       name, what);
    return wg__tape_node(x) != WG__NO_NODE;
}

bool wg__all_tracked(const wg__question *q) {
    char what[32] = "x";
    if (q->n < 0 || (q->n > 0 && !q->x))
        return wg_fail(WG_ERROR_ARGUMENT, "%s: %d tensors, x %s", q->name, q->n,
                       q->x ? "given" : "NULL");
    for (int i = 0; i < q->n; i++) {
        if (!q->single) snprintf(what, sizeof what, "x[%d]", i);
        if (!wg__one_tracked(q->name, what, q->x[i])) return false;
    }
    return true;
}

/* ---- wg_backward ----------------------------------------------------------------------------- */

// All memory is found before the first leaf changes.
static bool prepare_leaves(wg__sweep *s) {
    for (uint32_t at = 0, size = wg__span_size(&s->span); at < size; at++) {
        wg_tensor *g = s->slot[at];
        if (!g || (wg__is_exclusive(g) && wg__is_contiguous(&g->view))) continue;
        wg_tensor *copy = wg__exclusive_copy(g);
        if (!copy) return false;
        wg__tensor_free(g);
        s->slot[at] = copy;
    }
    return true;
}

static void commit_leaves(wg__sweep *s) {
    for (uint32_t at = 0, size = wg__span_size(&s->span); at < size; at++) {
        wg_tensor *leaf = s->tape->out[wg__span_node(&s->span, at)], *g = s->slot[at];
        if (!g) continue;
        if (leaf->gradient) {
            wg__accumulate(&leaf->gradient->view, &g->view);
            wg__touch(leaf->gradient);
            wg__tensor_free(g);
        } else {
            leaf->gradient = g;
        }
        s->slot[at] = NULL;
    }
}

static bool is_loss(wg_tensor *loss) {
    char text[200];
    if (wg__pending() || !wg__one_tracked("wg_backward", "the loss", loss)) return false;
    if (wg__ctx()->journal)
        return wg_fail(WG_ERROR_STATE, "wg_backward: not within a checkpointed function, which "
                                       "runs again and would add its gradients again");
    return wg_numel(loss) == 1 ||
           wg_fail(WG_ERROR_SHAPE, "wg_backward: the loss is %s, not one element",
                   wg_shape_text(loss->view.shape, text, sizeof text));
}

static bool run_backward(wg__sweep *s, wg_tensor *loss) {
    bool done = wg__sweep_seed(s, loss, NULL) && wg__sweep_run(s) && prepare_leaves(s);
    if (done) commit_leaves(s);
    return done;
}

bool wg_backward(wg_tensor *loss) {
    wg__sweep s;
    if (!is_loss(loss)) return false;
    wg__sweep_open(&s, loss, false);
    bool done = wg__sweep_all(&s) && run_backward(&s, loss);
    wg__sweep_close(&s);
    return done;
}

wg_tensor *wg_gradient(const wg_tensor *leaf) { return leaf ? leaf->gradient : NULL; }

void wg_clear_gradient(wg_tensor *leaf) {
    if (!leaf) return;
    wg__tensor_release_owned(leaf->gradient);
    leaf->gradient = NULL;
}

/* ---- some leaves only, and wg_grad ----------------------------------------------------------- */

bool wg__backward_to(wg_tensor *loss, wg_tensor *const leaf[], int n, bool *reached) {
    wg__sweep s;
    if (!is_loss(loss)) return false;
    for (int i = 0; i < n; i++)
        if (wg__tape_node(leaf[i]) == WG__NO_NODE) return false;
    wg__sweep_open(&s, loss, false);
    bool done = wg__sweep_towards(&s, wg__lowest(leaf, n, s.span.top), leaf, n);
    *reached = done && s.needed[s.span.top - s.span.floor];
    done = done && (!*reached || run_backward(&s, loss));
    wg__sweep_close(&s);
    return done;
}

bool wg__grad_above(uint32_t floor, wg_tensor *y, wg_tensor *const x[], int n,
                    const wg_grad_options *o, wg_tensor *gx[]) {
    wg__sweep s;
    wg__sweep_open(&s, y, wg__ctx()->recording && !o->constant);
    bool done =
        wg__sweep_towards(&s, floor, x, n) && wg__sweep_seed(&s, y, o->seed) && wg__sweep_run(&s);
    for (int i = 0; done && i < n; i++) {  // a plain sweep's in handles of the caller's scope
        gx[i] = wg__sweep_result(&s, x[i]);
        if (!gx[i] || s.recorded) continue;
        gx[i] = wg__tensor_alias(gx[i]);
        done = gx[i] != NULL;
    }
    wg__sweep_close(&s);
    return done;
}

static bool fitting_seed(const wg__question *q, const wg_tensor *y, const wg_tensor *seed) {
    if (!seed ||
        (seed->view.dtype == y->view.dtype && wg__shape_equal(&seed->view.shape, &y->view.shape)))
        return true;
    char a[200], b[200];
    return wg_fail(WG_ERROR_SHAPE, "%s: %s is %s %s, y is %s %s", q->name,
                   q->seed ? q->seed : "the seed", wg_dtype_name(seed->view.dtype),
                   wg_shape_text(seed->view.shape, a, sizeof a), wg_dtype_name(y->view.dtype),
                   wg_shape_text(y->view.shape, b, sizeof b));
}

static bool zeros_for_null(wg_tensor *const x[], int n, wg_tensor *gx[]) {
    for (int i = 0; i < n; i++)
        if (!gx[i] && !(gx[i] = wg_zeros_like(x[i]))) return false;
    return true;
}

bool wg__grad_for(const wg__question *q, wg_tensor *y, wg_grad_options o, wg_tensor *gx[]) {
    if (wg__pending()) return false;
    if (!y) return wg_fail(WG_ERROR_ARGUMENT, "%s: y is NULL", q->name);
    if (!wg__all_tracked(q)) return false;
    if (q->n > 0 && !gx) return wg_fail(WG_ERROR_ARGUMENT, "%s: gx is NULL", q->name);
    if (!fitting_seed(q, y, o.seed)) return false;
    for (int i = 0; i < q->n; i++) gx[i] = NULL;
    if (wg__is_tracked(y)) {  // else a constant: the derivative of something linear, say
        uint32_t top = wg__tape_node(y);
        if (top == WG__NO_NODE ||
            !wg__grad_above(wg__lowest(q->x, q->n, top), y, q->x, q->n, &o, gx))
            return false;
    }
    return zeros_for_null(q->x, q->n, gx);
}

bool wg_grad(wg_tensor *y, wg_tensor *const x[], int n, wg_tensor *gx[], wg_grad_options o) {
    return wg__grad_for(&(wg__question){ .name = "wg_grad", .x = x, .n = n }, y, o, gx);
}

wg_tensor *wg_derivative(wg_tensor *y, wg_tensor *x) {
    const wg__question q = { .name = "wg_derivative", .x = &x, .n = 1, .single = true };
    wg_tensor *gx;
    return wg__grad_for(&q, y, (wg_grad_options){ 0 }, &gx) ? gx : NULL;
}

/* ---- what is reached ------------------------------------------------------------------------- */

bool wg_reaches(wg_tensor *y, wg_tensor *const x[], int n, bool reached[]) {
    if (wg__pending()) return false;
    if (!y || n < 0 || (n > 0 && (!x || !reached)))
        return wg_fail(WG_ERROR_ARGUMENT, "wg_reaches: y %s, %d tensors, x %s, reached %s",
                       y ? "given" : "NULL", n, x ? "given" : "NULL", reached ? "given" : "NULL");
    for (int i = 0; i < n; i++)
        if (!x[i]) return wg_fail(WG_ERROR_ARGUMENT, "wg_reaches: x[%d] is NULL", i);
    const wg__tape *t = wg__tape_now();
    uint32_t top = wg__node_of(y, t);
    uint8_t *leads = wg__leading(top);
    if (!leads) return false;
    for (int i = 0; i < n; i++) {
        uint32_t node = wg__node_of(x[i], t);
        reached[i] =
            x[i] == y ? wg__is_tracked(y) : top != WG__NO_NODE && node <= top && leads[node];
    }
    wg__free(leads);
    return true;
}
