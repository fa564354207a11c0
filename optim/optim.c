// SPDX-License-Identifier: MIT
/* optim.c: what all optimisers share. A step has two halves: the first looks at everything and
   finds all memory, and may fail; the second runs the rule, and cannot. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "autograd/autograd_impl.h"
#include "optim/optim_impl.h"
#include "tensor/kernels/kernels.h"

/* ---- making ---------------------------------------------------------------------------------- */

bool wg__optim_check(const char *what, const char *name, double value, double below) {
    if (value >= 0 && value < below) return true;
    if (isinf(below))
        return wg_fail(WG_ERROR_ARGUMENT, "%s: %s is %g, wanted is a finite number from 0 on", what,
                       name, value);
    return wg_fail(WG_ERROR_ARGUMENT, "%s: %s is %g, wanted is a number in [0, %g)", what, name,
                   value, below);
}

static bool rule_valid(const wg_nn *m, const wg_optim_rule *rule, const void *options,
                       size_t size) {
    if (!m || !rule)
        return wg_fail(WG_ERROR_ARGUMENT, "optim_new: the %s is NULL", m ? "rule" : "model");
    if (!rule->name || !rule->update)
        return wg_fail(WG_ERROR_ARGUMENT, "optim_new: the rule has no %s",
                       rule->name ? "update" : "name");
    if (rule->states < 0 || rule->states > WG__STATES)
        return wg_fail(WG_ERROR_ARGUMENT, "optim_new: %s: %d states, at most %d are kept",
                       rule->name, rule->states, WG__STATES);
    if (!options && size > 0)
        return wg_fail(WG_ERROR_ARGUMENT, "optim_new: %s: %zu bytes of options at NULL", rule->name,
                       size);
    return true;
}

wg_optim *wg_optim_new(wg_nn *m, const wg_optim_rule *rule, double rate, const void *options,
                       size_t size) {
    if (wg__pending()) return NULL;
    wg__where("");
    if (!rule_valid(m, rule, options, size)) return NULL;
    if (!wg__optim_check("optim_new", "the rate", rate, INFINITY)) return NULL;
    wg_optim *o = wg__alloc(sizeof *o);
    void *copy = o ? wg__alloc(size) : NULL;
    if (!copy) {
        wg__free(o);
        return NULL;
    }
    if (size > 0) memcpy(copy, options, size);
    *o = (wg_optim){ .rule = *rule, .rate = rate, .options = copy };
    wg__nn_ref_take(&o->model, m);
    return o;
}

wg_optim *wg_optim_make(wg_nn *m, wg_optim_spec spec) {
    return wg_optim_new(m, spec.rule, spec.rate, spec.options.bytes, spec.size);
}

wg_optim_spec wg__optim_spec(const wg_optim_rule *rule, double rate, const void *options,
                             size_t size) {
    wg_optim_spec spec = { .rule = rule, .rate = rate, .size = size };
    assert(size <= sizeof spec.options);
    memcpy(spec.options.bytes, options, size);
    return spec;
}

static void free_states(const wg_optim *o, wg__slot *slot) {
    for (int k = 0; k < o->rule.states; k++) {
        wg__tensor_free(slot->state[k]);
        slot->state[k] = NULL;
    }
}

void wg_optim_free(wg_optim *o) {
    if (!o) return;
    wg__nn_ref_drop(&o->model);
    for (int i = 0; i < o->slots; i++) free_states(o, &o->slot[i]);
    wg__free(o->slot);
    wg__free(o->options);
    wg__free(o);
}

int64_t wg_optim_steps(const wg_optim *o) { return o ? o->steps : 0; }
double wg_optim_rate(const wg_optim *o) { return o ? o->rate : NAN; }

bool wg_optim_set_rate(wg_optim *o, double rate) {
    if (wg__pending()) return false;
    wg__where("");
    if (!o) return wg_fail(WG_ERROR_ARGUMENT, "optim_set_rate: the optimiser is NULL");
    if (!wg__optim_check("optim_set_rate", "the rate", rate, INFINITY)) return false;
    o->rate = rate;
    return true;
}

static bool usable(const wg_optim *o, const char *name) {
    if (!o) return wg_fail(WG_ERROR_ARGUMENT, "%s: the optimiser is NULL", name);
    return o->model.m || wg_fail(WG_ERROR_STATE, "%s: the optimiser's model was freed", name);
}

/* ---- the half that may fail ------------------------------------------------------------------ */

// A slot for every parameter of the model.
static bool reserve(wg_optim *o) {
    int wanted = wg__nn_places(o->model.m);
    if (wanted <= o->slots) return true;
    size_t keep = (size_t)o->slots * sizeof *o->slot, size = (size_t)wanted * sizeof *o->slot;
    wg__slot *slot = wg__resize(o->slot, keep, size);
    if (!slot) return false;
    memset(slot + o->slots, 0, size - keep);
    o->slot = slot;
    o->slots = wanted;
    return true;
}

static bool gradient_fits(const wg_optim *o, int place, const wg_tensor *w) {
    const wg_view *v = &w->view, *g = &w->gradient->view;
    if (g->dtype == v->dtype && wg__shape_equal(&g->shape, &v->shape)) return true;
    char a[200], b[200];
    return wg_fail(WG_ERROR_SHAPE,
                   "optim_step: the gradient of \"%s\" is %s %s, the parameter %s %s",
                   wg__nn_path(o->model.m, place), wg_dtype_name(g->dtype),
                   wg_shape_text(g->shape, a, sizeof a), wg_dtype_name(v->dtype),
                   wg_shape_text(v->shape, b, sizeof b));
}

// g itself, or a copy in the innermost scope if it is a view that a rule could not run through.
static wg_tensor *dense(wg_tensor *g) {
    if (wg__is_contiguous(&g->view)) return g;
    wg_tensor *copy = wg__tensor_new(g->view.dtype, g->view.shape);
    return copy && wg_copy(copy, g) ? copy : NULL;
}

static bool make_states(const wg_optim *o, wg__slot *slot) {
    if (o->rule.states == 0 || slot->state[0]) return true;
    slot->fresh = true;
    const wg_view *v = &slot->w->view;
    for (int k = 0; k < o->rule.states; k++) {
        slot->state[k] = wg__tensor_new_owned(v->dtype, v->shape);
        if (!slot->state[k]) return false;
        memset(slot->state[k]->view.data, 0, (size_t)wg__numel(&v->shape) * wg__size_of(v->dtype));
    }
    return true;
}

static bool prepare(wg_optim *o) {
    if (!reserve(o)) return false;
    for (int i = 0; i < o->slots; i++) o->slot[i].w = NULL, o->slot[i].fresh = false;
    wg_tensor *w;
    for (int i = 0; (w = wg__nn_param_next(o->model.m, &i));) {
        if (!w->gradient) continue;
        wg__slot *slot = &o->slot[i - 1];
        slot->w = w;
        if (!gradient_fits(o, i - 1, w) || !(slot->g = dense(w->gradient)) || !make_states(o, slot))
            return false;
    }
    return true;
}

static void undo(wg_optim *o) {
    for (int i = 0; i < o->slots; i++)
        if (o->slot[i].fresh) free_states(o, &o->slot[i]);
}

/* ---- the half that cannot -------------------------------------------------------------------- */

/* t is the parameter's own count of updates: states that begin later are young when others are
   old. */
static void update(const wg_optim *o, wg__slot *slot, double scale, double factor) {
    void *state[WG__STATES] = { 0 };
    for (int k = 0; k < o->rule.states; k++) state[k] = slot->state[k]->view.data;
    wg_optim_call call = { .n = wg_numel(slot->w),
                           .t = ++slot->t,
                           .dtype = slot->w->view.dtype,
                           .w = slot->w->view.data,
                           .g = slot->g->view.data,
                           .state = state,
                           .scale = scale,
                           .rate = o->rate * factor,
                           .options = o->options };
    o->rule.update(&call);
    wg__touch(slot->w);
}

static bool step_in_scope(wg_optim *o) {
    double scale = 1, factor = 1;
    if (!prepare(o) || !wg__schedule_factor(o, &factor) || !wg__clip_scale(o, &scale)) {
        undo(o);
        return false;
    }
    for (int i = 0; i < o->slots; i++)
        if (o->slot[i].w) update(o, &o->slot[i], scale, factor);
    o->steps++;
    wg_nn_seal(o->model.m);
    return true;
}

bool wg_optim_step(wg_optim *o) {
    if (wg__pending()) return false;
    wg__where("");
    if (!usable(o, "optim_step")) return false;
    wg_scope *scope = wg_scope_open();  // for dense copies of gradients
    bool done = scope && step_in_scope(o);
    wg_scope_close(scope);
    return done;
}

void wg_optim_clear(wg_optim *o) {
    wg__where("");
    if (!usable(o, "optim_clear")) return;
    wg_tensor *w;
    for (int i = 0; (w = wg__nn_param_next(o->model.m, &i));) wg_clear_gradient(w);
}

/* ---- both, after a backward pass ------------------------------------------------------------- */

static void forget(const wg_optim *o) {
    for (int i = 0; i < o->slots; i++) {
        wg__tensor_free(o->slot[i].before);
        o->slot[i].before = NULL;
    }
}

// Copies the gradients that are there, of which there are none in the usual loop.
static bool remember(wg_optim *o) {
    if (!reserve(o)) return false;
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

// Puts those gradients back and drops the others.
static void restore(const wg_optim *o) {
    wg_tensor *w;
    for (int i = 0; (w = wg__nn_param_next(o->model.m, &i));) {
        const wg_tensor *before = i <= o->slots ? o->slot[i - 1].before : NULL;
        if (!before) {
            wg_clear_gradient(w);
        } else {
            wg__copy_view(&w->gradient->view, &before->view);
            wg__touch(w->gradient);
        }
    }
}

static bool is_finite(const wg_tensor *loss) {
    double value =
        wg_numel(loss) == 1 ? wg_item(loss) : 0;  // another shape is wg_backward's to refuse
    return isfinite(value) ||
           wg_fail(WG_ERROR_STATE, "optim_minimize: the loss is %g; nothing was changed", value);
}

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

static bool backward_and_step(wg_optim *o, wg_tensor *loss) {
    if (!is_finite(loss) || !remember(o) || !backward(o, loss)) return false;
    if (wg_optim_step(o)) return true;
    restore(o);
    return false;
}

bool wg_optim_minimize(wg_optim *o, wg_tensor *loss) {
    if (wg__pending()) return false;
    wg__where("");
    if (!usable(o, "optim_minimize")) return false;
    if (!loss) return wg_fail(WG_ERROR_ARGUMENT, "optim_minimize: the loss is NULL");
    bool done = backward_and_step(o, loss);
    forget(o);
    if (done) wg_optim_clear(o);
    return done;
}
