// SPDX-License-Identifier: MIT
/* clip.c: clipping by value, unit by unit (Brock et al. 2021), and by the norm over all gradients
   together (Pascanu, Mikolov and Bengio 2013), in this order. The last one's factor is handed to
   the rules and takes no pass of its own; the others change copies, so that no gradient is written
   to. */
#include <math.h>
#include <string.h>

#include "optim/optim_impl.h"

// Sums side by side: the compiler may not reorder one sum, but it may vectorise eight.
enum { LANES = 8 };

#define SUM_SQUARES(name, real)                                                                    \
    static double name(int64_t n, const void *from, double factor) {                               \
        const real *x = from;                                                                      \
        double sum[LANES] = { 0 };                                                                 \
        int64_t k = 0;                                                                             \
        for (; k + LANES <= n; k += LANES)                                                         \
            for (int j = 0; j < LANES; j++) {                                                      \
                double v = (double)x[k + j] * factor;                                              \
                sum[j] += v * v;                                                                   \
            }                                                                                      \
        for (; k < n; k++) sum[0] += ((double)x[k] * factor) * ((double)x[k] * factor);            \
        for (int j = 1; j < LANES; j++) sum[0] += sum[j];                                          \
        return sum[0];                                                                             \
    }
SUM_SQUARES(sum_squares_f32, float)
SUM_SQUARES(sum_squares_f64, double)

static double sum_squares(const wg_view *g, double factor) {
    static double (*const sum[WG_F64 + 1])(int64_t, const void *, double) = { sum_squares_f32,
                                                                              sum_squares_f64 };
    int64_t n = wg__numel(&g->shape);
    if (wg__is_contiguous(g)) return sum[g->dtype](n, g->data, factor);
    double total = 0;
    for (int64_t k = 0; k < n; k++) total += sum[g->dtype](1, wg__at(g, wg__offset(g, k)), factor);
    return total;
}

static double largest(const wg_view *g) {
    double most = 0;
    for (int64_t k = 0, n = wg__numel(&g->shape); k < n; k++)
        most = fmax(most, fabs(wg__load(g->dtype, wg__at(g, wg__offset(g, k)))));
    return most;
}

/* ---- norms ----------------------------------------------------------------------------------- */

// Views, one after the other: of what the gradients are, of what a step will use, or a single one.
typedef struct source {
    const wg_view *(*next)(const struct source *s, int *i);  // NULL after the last
    const wg_optim *o;
    const wg_view *single;
} source;

static const wg_view *next_gradient(const source *s, int *i) {
    const wg_tensor *w;
    while ((w = wg__nn_param_next(s->o->model.m, i)))
        if (w->gradient) return &w->gradient->view;
    return NULL;
}

static const wg_view *next_used(const source *s, int *i) {
    while (*i < s->o->slots) {
        const wg__slot *slot = &s->o->slot[(*i)++];
        if (slot->w) return &slot->g->view;
    }
    return NULL;
}

static const wg_view *only_one(const source *s, int *i) { return (*i)++ == 0 ? s->single : NULL; }

static double sum_all(const source *s, double factor) {
    double sum = 0;
    const wg_view *g;
    for (int i = 0; (g = s->next(s, &i));) sum += sum_squares(g, factor);
    return sum;
}

static double largest_of_all(const source *s) {
    double most = 0;
    const wg_view *g;
    for (int i = 0; (g = s->next(s, &i));) most = fmax(most, largest(g));
    return most;
}

static double norm(source s) {
    double sum = sum_all(&s, 1);
    if (isnan(sum) || (sum > 1e-280 && sum < 1e300)) return sqrt(sum);
    // Squares of f64 values may have left the range: once more, with the largest value scaled to 1.
    double most = largest_of_all(&s);
    if (most == 0 || isinf(most)) return most;
    int exponent;
    (void)frexp(most, &exponent);
    if (exponent < -1000) exponent = -1000;  // 2^1000 lifts the least of numbers far enough
    return ldexp(sqrt(sum_all(&s, ldexp(1, -exponent))), exponent);
}

double wg_optim_gradient_norm(const wg_optim *o) {
    return o && o->model.m ? norm((source){ .next = next_gradient, .o = o }) : NAN;
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
    double size = norm((source){ .next = only_one, .single = &g });
    double most =
        o->clip.adaptive * fmax(norm((source){ .next = only_one, .single = &w }), EPSILON);
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
    double now = norm((source){ .next = next_used, .o = o });
    if (!isfinite(now))
        return wg_fail(WG_ERROR_STATE,
                       "optim_step: the norm of the gradients is %g, not to be clipped to %g", now,
                       o->clip.norm);
    if (now > o->clip.norm) *scale = o->clip.norm / now;
    return true;
}
