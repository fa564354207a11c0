// SPDX-License-Identifier: MIT
/* clip.c: clipping by value, unit by unit (Brock et al. 2021), and by the norm over all gradients
   together (Pascanu, Mikolov and Bengio 2013), in this order. The last one's factor is handed to
   the rules and takes no pass of its own; the others change copies, so that no gradient is written
   to. */
#include <math.h>
#include <string.h>

#include "optim/optim_impl.h"

/* ---- norms ----------------------------------------------------------------------------------- */

static wg__difference next_gradient(const void *user, int *i) {
    const wg_optim *o = user;
    const wg_tensor *w;
    while ((w = wg__nn_param_next(o->model.m, i)))
        if (w->gradient) return (wg__difference){ &w->gradient->view, NULL };
    return (wg__difference){ NULL, NULL };
}

// Of what a step will use.
static wg__difference next_used(const void *user, int *i) {
    const wg_optim *o = user;
    while (*i < o->slots) {
        const wg__slot *slot = &o->slot[(*i)++];
        if (slot->w) return (wg__difference){ &slot->g->view, NULL };
    }
    return (wg__difference){ NULL, NULL };
}

double wg_optim_gradient_norm(const wg_optim *o) {
    return o && o->model.m ? wg__norm_of_all(next_gradient, o) : NAN;
}

/* ---- asked for ------------------------------------------------------------------------------- */

static bool limit_valid(const wg_optim *o, const char *what, const char *name, double limit) {
    if (wg__pending()) return false;
    wg__where("");
    if (!o) return wg_fail(WG_ERROR_ARGUMENT, "%s: the optimiser is NULL", what);
    return wg__optim_knows(o, what, "clipping") && wg__optim_check(what, name, limit, INFINITY);
}

bool wg_optim_clip_norm(wg_optim *o, double max_norm) {
    if (!limit_valid(o, "optim_clip_norm", "max_norm", max_norm)) return false;
    o->clip.norm = max_norm;
    return true;
}

bool wg_optim_clip_value(wg_optim *o, double max_value) {
    if (!limit_valid(o, "optim_clip_value", "max_value", max_value)) return false;
    o->clip.value = max_value;
    return true;
}

bool wg_optim_clip_adaptive(wg_optim *o, double factor, const char *skip) {
    if (!limit_valid(o, "optim_clip_adaptive", "the factor", factor)) return false;
    size_t length = skip ? strlen(skip) : 0;
    if (length >= sizeof o->clip.skip)
        return wg_fail(WG_ERROR_ARGUMENT,
                       "optim_clip_adaptive: a pattern of %zu bytes, no path has more than %d",
                       length, WG__PATH_MAX);
    o->clip.adaptive = factor;
    o->clip.skips = skip != NULL;
    if (skip) memcpy(o->clip.skip, skip, length + 1);
    return true;
}

bool wg__clip_knows_its_pattern(const wg_optim *o) {
    return !o->clip.skips || wg_nn_params(o->model.m, o->clip.skip) > 0 ||
           wg_fail(WG_ERROR_STATE,
                   "optim_step: what clipping skips, \"%s\", matches none of the model's %d "
                   "parameters",
                   o->clip.skip, wg_nn_params(o->model.m, NULL));
}

/* ---- by value -------------------------------------------------------------------------------- */

#define CLAMP(name, real)                                                                          \
    static void name(int64_t n, void *to, double limit) {                                          \
        real *x = to, most = (real)limit;                                                          \
        for (int64_t k = 0; k < n; k++) x[k] = x[k] > most ? most : x[k] < -most ? -most : x[k];   \
    }
CLAMP(clamp_f32, float)
CLAMP(clamp_f64, double)

static void clip_value(const wg_view *g, double most) {
    static void (*const clamp[WG_F64 + 1])(int64_t, void *, double) = { clamp_f32, clamp_f64 };
    clamp[g->dtype](wg__numel(&g->shape), g->data, most);
}

/* ---- by the size of what it moves ------------------------------------------------------------ */

static const double EPSILON = 1e-3;  // what a unit of zeros may move by, over the factor

#define MULTIPLY(name, real)                                                                       \
    static void name(int64_t n, void *to, double factor) {                                         \
        real *x = to;                                                                              \
        for (int64_t k = 0; k < n; k++) x[k] *= (real)factor;                                      \
    }
MULTIPLY(multiply_f32, float)
MULTIPLY(multiply_f64, double)

// Unit k of several in a dense tensor.
static wg_view unit(const wg_view *x, int64_t k, int64_t size) {
    wg_view v = { .dtype = x->dtype, .shape = WG_SHAPE(size) };
    v.stride[0] = 1;
    v.data = (char *)x->data + (size_t)(k * size) * wg__size_of(x->dtype);
    return v;
}

static bool clip_unit(const wg_optim *o, const wg__slot *slot, wg_view w, wg_view g) {
    static void (*const multiply[WG_F64 + 1])(int64_t, void *, double) = { multiply_f32,
                                                                           multiply_f64 };
    double size = wg__norm(&g, NULL);
    double most = o->clip.adaptive * fmax(wg__norm(&w, NULL), EPSILON);
    if (!isfinite(size))
        return wg_fail(WG_ERROR_STATE,
                       "optim_step: \"%s\" has a unit whose gradient has a norm of %g, not to be "
                       "clipped to %g",
                       wg__nn_path(o->model.m, (int)(slot - o->slot)), size, most);
    if (size > most) multiply[g.dtype](g.shape.dim[0], g.data, most / size);
    return true;
}

static bool clip_adaptive(const wg_optim *o, const wg__slot *slot) {
    const wg_view *w = &slot->w->view, *g = &slot->g->view;
    const char *path = wg__nn_path(o->model.m, (int)(slot - o->slot));
    if (o->clip.skips && wg__path_matches(o->clip.skip, path)) return true;
    int64_t units = w->shape.rank < 2 ? 1 : w->shape.dim[0], n = wg__numel(&w->shape);
    for (int64_t k = 0; n > 0 && k < units; k++)
        if (!clip_unit(o, slot, unit(w, k, n / units), unit(g, k, n / units))) return false;
    return true;
}

/* ---- all ------------------------------------------------------------------------------------- */

// A gradient of the step's own, in the innermost scope, that may be written to.
static bool own_copy(wg__slot *slot) {
    if (slot->g != slot->w->gradient) return true;  // made dense just now
    wg_tensor *copy = wg__tensor_new(slot->g->view.dtype, slot->g->view.shape);
    if (!copy || !wg_copy(copy, slot->g)) return false;
    slot->g = copy;
    return true;
}

static bool clip_each(const wg_optim *o) {
    if (o->clip.value == 0 && o->clip.adaptive == 0) return true;
    for (int i = 0; i < o->slots; i++) {
        wg__slot *slot = &o->slot[i];
        if (!slot->w) continue;
        if (!own_copy(slot)) return false;
        if (o->clip.value > 0) clip_value(&slot->g->view, o->clip.value);
        if (o->clip.adaptive > 0 && !clip_adaptive(o, slot)) return false;
    }
    return true;
}

bool wg__clip(const wg_optim *o, double *scale) {
    *scale = 1;
    if (!clip_each(o)) return false;
    if (o->clip.norm == 0) return true;
    double now = wg__norm_of_all(next_used, o);
    if (!isfinite(now))
        return wg_fail(WG_ERROR_STATE,
                       "optim_step: the norm of the gradients is %g, not to be clipped to %g", now,
                       o->clip.norm);
    if (now > o->clip.norm) *scale = o->clip.norm / now;
    return true;
}
