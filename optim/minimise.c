// SPDX-License-Identifier: MIT
/* minimise.c: a loss, or a function that gives one, to a step. Gradients that were there before are
   put aside and, on an error, put back. */
#include <math.h>

#include "autograd/autograd_impl.h"
#include "optim/optim_impl.h"
#include "tensor/kernels/kernels.h"

/* ---- gradients put aside --------------------------------------------------------------------- */

static void forget(const wg_optim *o) {
    for (int i = 0; i < o->slots; i++) {
        wg__tensor_free(o->slot[i].before);
        o->slot[i].before = NULL;
    }
}

// Copies the gradients that are there, of which there are none in the usual loop.
static bool remember(wg_optim *o) {
    if (!wg__optim_reserve(o)) return false;
    const wg_tensor *w;
    for (int i = 0; (w = wg__nn_param_next(o->model.m, &i));) {
        if (!w->gradient) continue;
        const wg_view *g = &w->gradient->view;
        wg_tensor *copy = wg__tensor_new_owned(g->dtype, g->shape);
        if (!copy) return false;
        wg__copy_view(&copy->view, g);
        o->slot[i - 1].before = copy;
    }
    return true;
}

// Puts those gradients back, in their own tensors if these are still there, and drops the others.
static void restore(const wg_optim *o) {
    wg_tensor *w;
    for (int i = 0; (w = wg__nn_param_next(o->model.m, &i));) {
        wg_tensor **before = i <= o->slots ? &o->slot[i - 1].before : NULL;
        if (!before || !*before) {
            wg_clear_gradient(w);
        } else if (w->gradient) {
            wg__copy_view(&w->gradient->view, &(*before)->view);
            wg__touch(w->gradient);
        } else {
            w->gradient = *before;
            *before = NULL;
        }
    }
}

/* ---- the loss -------------------------------------------------------------------------------- */

// Only this optimiser's parameters get gradients: another one's must not find ours added to theirs.
static bool backward(wg_optim *o, wg_tensor *loss) {
    wg_tensor **leaf = wg__alloc((size_t)o->slots * sizeof *leaf + 1), *w;
    if (!leaf) return false;
    int n = 0;
    bool reached = false;
    for (int i = 0; (w = wg__nn_param_next(o->model.m, &i));) leaf[n++] = w;
    bool done = wg__backward_to(loss, leaf, n, &reached);
    wg__free(leaf);
    if (done && !reached)
        return wg_fail(WG_ERROR_STATE,
                       "optim_minimize: the loss depends on none of the model's %d parameters", n);
    return done;
}

// The gradients of loss / every, on top of those that have gathered.
static bool gather(wg_optim *o, wg_tensor *loss) {
    if (o->every > 1) {
        bool was = wg_recording(true);
        loss = wg_mul(loss, wg_num(1.0 / o->every));
        wg_recording(was);
    }
    return loss && backward(o, loss);
}

static bool gather_and_step(wg_optim *o, wg_tensor *loss) {
    if (!remember(o) || !gather(o, loss)) return false;
    if (o->gathered + 1 < o->every) return o->gathered++, true;
    if (wg_optim_step(o)) return wg_optim_clear(o), true;
    restore(o);
    return false;
}

bool wg_optim_minimize(wg_optim *o, wg_tensor *loss) {
    if (wg__pending()) return false;
    wg__where("");
    if (!wg__optim_usable(o, "optim_minimize") || !wg__optim_is_stepper(o, "optim_minimize"))
        return false;
    if (!loss) return wg_fail(WG_ERROR_ARGUMENT, "optim_minimize: the loss is NULL");
    wg__verdict v = wg__judge_loss(o, loss);
    if (v != WG__STEP) return v == WG__SKIP;
    bool done = gather_and_step(o, loss);
    forget(o);
    return done;
}

bool wg_optim_accumulate(wg_optim *o, int every) {
    if (wg__pending()) return false;
    wg__where("");
    if (!wg__optim_usable(o, "optim_accumulate") ||
        !wg__optim_knows(o, "optim_accumulate", "parts"))
        return false;
    if (every < 1)
        return wg_fail(WG_ERROR_ARGUMENT, "optim_accumulate: a step every %d losses, at least 1",
                       every);
    if (o->gathered > 0)
        return wg_fail(WG_ERROR_STATE,
                       "optim_accumulate: %d of %d losses have gathered; wg_optim_clear drops them",
                       o->gathered, o->every);
    o->every = every;
    return true;
}

/* ---- an objective ---------------------------------------------------------------------------- */

// The function's loss; it cannot close our scope, in which it is.
static wg_tensor *call(wg_objective *f, void *user) {
    wg_scope *fence = wg__fence_up(wg__ctx());
    wg_tensor *loss = f(user);
    wg__ctx()->fence = fence;
    wg__where("");
    if (wg__pending()) return NULL;
    if (!loss) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "optim_minimize_by: the function gave NULL");
    if (wg_numel(loss) == 1) return loss;
    char text[200];
    return WG__FAIL_NULL(WG_ERROR_SHAPE,
                         "optim_minimize_by: the loss has shape %s, not one element",
                         wg_shape_text(loss->view.shape, text, sizeof text));
}

bool wg__optim_evaluate(wg_optim *o, wg_objective *f, void *user, double *value) {
    wg_optim_clear(o);
    wg_scope *scope = wg_scope_open();
    wg_tensor *loss = scope ? call(f, user) : NULL;
    if (loss) *value = wg_item(loss);
    bool done = loss && (!isfinite(*value) || (wg__optim_reserve(o) && backward(o, loss)));
    wg_scope_close(scope);
    return done;
}

static bool search(wg_optim *o, wg_objective *f, void *user, double *value) {
    bool done = remember(o) && o->group[0].rule.search->run(o, f, user, value);
    if (!done) {
        restore(o);
    } else {
        wg_optim_clear(o);
        o->steps++;
        wg_nn_seal(o->model.m);
    }
    forget(o);
    return done;
}

static bool evaluate_and_step(wg_optim *o, wg_objective *f, void *user, double *value) {
    wg_scope *scope = wg_scope_open();
    wg_tensor *loss = scope ? call(f, user) : NULL;
    bool done = loss && wg_optim_minimize(o, loss);
    if (done) *value = wg_item(loss);
    wg_scope_close(scope);
    return done;
}

bool wg_optim_minimize_by(wg_optim *o, wg_objective *f, void *user, double *value) {
    double unused;
    if (wg__pending()) return false;
    wg__where("");
    if (!wg__optim_usable(o, "optim_minimize_by")) return false;
    if (!f) return wg_fail(WG_ERROR_ARGUMENT, "optim_minimize_by: the function is NULL");
    if (!value) value = &unused;
    return o->group[0].rule.search ? search(o, f, user, value)
                                   : evaluate_and_step(o, f, user, value);
}
