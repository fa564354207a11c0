// SPDX-License-Identifier: MIT
/* properties.c: what holds for the gradient of any net: it is the transpose of forward mode, the
   same within checkpoints, the same whether or not others were recorded, and that of a weight with
   two names is the sum of what both uses ask for. */
#include <float.h>
#include <string.h>

#include "fuzz/net/net.h"

/* A net as it has run once. */
typedef struct result {
    wg__net_build b;
    wg_tensor *x, *y, *cost;
    int n;  // parameters, and the input last where it is tracked
    wg_tensor *leaf[WG__NET_PARAMS + 1], *g[WG__NET_PARAMS + 1];
} result;

static bool run_on(result *r, bool track_input) {
    if (r->b.m || (r->b.m = wg__net_model(r->b.plan))) r->x = wg__net_input(&r->b);
    if (r->x && track_input) r->x = wg_variable(r->x);
    r->y = r->x ? wg__net_run(&r->b, r->x) : NULL;
    r->cost = r->y ? wg__net_cost(&r->b, r->y) : NULL;
    r->n = wg_nn_params(r->b.m, NULL);
    if (!r->cost || r->n > WG__NET_PARAMS) return false;
    for (int i = 0; i < r->n; i++) r->leaf[i] = wg_nn_param_at(r->b.m, NULL, i);
    if (track_input) r->leaf[r->n++] = r->x;
    return true;
}

static bool gradients_of(result *r) {
    if (!wg_is_tracked(r->cost)) return false;
    return wg_grad(r->cost, r->leaf, r->n, r->g, (wg_grad_options){ .constant = true });
}

static void end(result *r) {
    wg_nn_free(r->b.m);
    r->b.m = NULL;
}

static const char *name_of(const result *r, int i) {
    const char *path = wg_nn_path_at(r->b.m, NULL, i);
    return path ? path : "the input";
}

/* ---- O1 -------------------------------------------------------------------------------------- */

/* What large numbers in between leave of precision: as for any function that is made of others,
   autograd/check/scale.c. */
static wg_tensor *never(const wg_call *c) { return (void)c, NULL; }
static double floor_of(const result *r, double *const u[]) {
    static const wg_op any = { .compose = never };
    double one = 1;
    wg__trial t = { .op = &any, .w = &one };
    wg__run as = { .y = r->cost, .leaves = r->n };
    double *dense[WG_MAX_INPUTS];
    if (r->n > WG_MAX_INPUTS) return INFINITY;
    for (int i = 0; i < r->n; i++) as.x[i] = r->leaf[i], as.which[i] = i, dense[i] = u[i];
    return wg__tape_floor(&t, &as, dense);
}

typedef struct sides {
    double forward, reverse, size;
} sides;

// Along random signed directions, the leaves' values times (1 + noise).
static bool both_sides(const wg__net_plan *p, double noise, sides *s, double *floor) {
    result r = { .b = { .plan = p, .dtype = WG_F64 } };
    wg_tensor *v[WG__NET_PARAMS + 1];
    double *u[WG__NET_PARAMS + 1];
    wg_random random = { .seed = p->seed, .stream = 200 };
    bool done = run_on(&r, true) && gradients_of(&r);
    *s = (sides){ 0 };
    for (int i = 0; done && i < r.n; i++) {
        int64_t n = wg_numel(r.leaf[i]);
        const double *g = wg__numbers(r.g[i]);
        done = g && (u[i] = wg__scratch(n));
        for (int64_t k = 0; done && k < n; k++) {
            u[i][k] = (wg_random_uniform(&random) + 0.5) * (wg_random_u64(&random) & 1 ? 1 : -1);
            s->reverse += g[k] * u[i][k];
            s->size += fabs(g[k] * u[i][k]);
        }
        done = done && (v[i] = wg_from_f64(WG_F64, wg_shape_of(r.leaf[i]), u[i]));
    }
    const wg_tensor *dy = done ? wg_jvp(r.cost, r.leaf, r.n, v) : NULL;
    if (dy) s->forward = wg_item(dy);
    if (dy && floor) *floor = floor_of(&r, u);
    (void)noise;
    end(&r);
    return dy != NULL;
}

/* 1e-9 of the terms, and of the tape's numbers: the rules' own rounding is some 1e-16 of these, the
   smallest error worth finding 6e-8. */
void wg__net_adjoint(const wg__net_plan *p) {
    sides s;
    double floor = 0;
    if (!both_sides(p, 0, &s, NULL)) return;
    if (fabs(s.forward - s.reverse) <= 1e-9 * s.size || !isfinite(s.size)) return;
    if (!both_sides(p, 0, &s, &floor)) return;
    if (!(fabs(s.forward - s.reverse) <= 1e-9 * (s.size + floor)))
        wg__net_fail(p, "adjoint",
                     "forward mode says %.17g along random directions, reverse mode %.17g; terms "
                     "of size %.3g, tape %.3g",
                     s.forward, s.reverse, s.size, floor);
}

/* ---- O11, O14 -------------------------------------------------------------------------------- */

static void hold_same(const wg__net_plan *p, const char *oracle, const char *what,
                      const wg_tensor *a, const wg_tensor *b) {
    if (!wg__same_bits(a, b)) {
        const double *x = wg__numbers(a), *y = wg__numbers(b);
        int64_t k = 0;
        while (x && y && k + 1 < wg_numel(a) && memcmp(&x[k], &y[k], sizeof *x) == 0) k++;
        wg__net_fail(p, oracle, "%s differs: [%lld] is %.17g and %.17g", what, (long long)k,
                     x && wg_numel(a) ? x[k] : NAN, y && wg_numel(b) ? y[k] : NAN);
    }
}

static void hold_same_buffers(const wg__net_plan *p, const char *oracle, const result *a,
                              const result *b) {
    wg_nn_state s, t;
    for (int i = 0, j = 0; wg_nn_next_state(a->b.m, NULL, &i, &s);) {
        if (!wg_nn_next_state(b->b.m, NULL, &j, &t) || strcmp(s.path, t.path) != 0)
            wg__net_fail(p, oracle, "one model has %s, the other has not", s.path);
        if (s.buffer) hold_same(p, oracle, s.path, s.value, t.value);
    }
}

/* A few sums in another order, of terms that are no larger than the largest gradients: what is
   added up within a checkpoint first, and then to what comes from outside, or lies in another
   layout. fuzz_checkpoint holds programs to the very bits where these are promised; here it is
   masks and statistics that matter, and they move gradients by far more. */
static void hold_near(const wg__net_plan *p, const char *path, const wg_tensor *a,
                      const wg_tensor *b, double largest) {
    const double *x = wg__numbers(a), *y = wg__numbers(b);
    const double unit = p->dtype == WG_F32 ? FLT_EPSILON : DBL_EPSILON;
    for (int64_t k = 0; x && y && isfinite(largest) && k < wg_numel(a); k++)
        if ((isfinite(x[k]) || isfinite(y[k])) && !(fabs(x[k] - y[k]) <= 64 * unit * (1 + largest)))
            wg__net_fail(p, "checkpoint", "%s differs: [%lld] is %.17g and %.17g", path,
                         (long long)k, x[k], y[k]);
}

static double largest_in(const result *r) {
    double most = 0;
    for (int i = 0; i < r->n; i++) {
        const double *g = wg__numbers(r->g[i]);
        for (int64_t k = 0; g && k < wg_numel(r->g[i]); k++) most = fmax(most, fabs(g[k]));
    }
    return most;
}

static void hold_gradients(const wg__net_plan *p, const result *plain, const result *again) {
    const double largest = largest_in(plain);
    for (int i = 0; i < plain->n; i++)
        hold_near(p, name_of(plain, i), plain->g[i], again->g[i], largest);
}

// Gradients, dropout's masks, and statistics that count a batch once.
void wg__net_checkpoint(const wg__net_plan *p) {
    result plain = { .b = { .plan = p, .dtype = p->dtype } }, again = plain;
    again.b.checkpoint = true;
    for (int step = 0; step < p->steps; step++) {
        bool a = run_on(&plain, false), b = run_on(&again, false);
        if (a != b)
            wg__net_fail(p, "checkpoint", "the net %s within checkpoints: %s",
                         a ? "fails" : "does not fail", wg_error_message());
        if (!a) break;
        hold_same(p, "checkpoint", "the loss", plain.cost, again.cost);
        a = gradients_of(&plain), b = gradients_of(&again);
        if (a != b)
            wg__net_fail(p, "checkpoint", "there are gradients %s: %s",
                         a ? "but with checkpoints" : "with checkpoints alone", wg_error_message());
        if (a) hold_gradients(p, &plain, &again);
        hold_same_buffers(p, "checkpoint", &plain, &again);
    }
    end(&plain), end(&again);
}

// With recording off, and as parameters that are frozen: the same values, and nothing tracked.
void wg__net_recording(const wg__net_plan *p) {
    result on = { .b = { .plan = p, .dtype = p->dtype } }, off = on, frozen = on;
    bool a = run_on(&on, false);
    wg_recording(false);
    bool b = run_on(&off, false);
    wg_recording(true);
    if (a != b) wg__net_fail(p, "recording", "whether the net fails depends on recording");
    if (a) hold_same(p, "recording", "the loss", on.cost, off.cost);
    if (b && wg_is_tracked(off.cost))
        wg__net_fail(p, "recording", "the loss is tracked, though recording is off");
    if (a) hold_same_buffers(p, "recording", &on, &off);
    // A second step, all parameters frozen, against a second one that is recorded.
    frozen.b.m = off.b.m;
    if (a && wg_nn_params(off.b.m, NULL) > 0) {
        wg_nn_freeze(off.b.m, NULL);
        if (run_on(&frozen, false) && run_on(&on, false)) {
            hold_same(p, "recording", "the loss of frozen parameters", on.cost, frozen.cost);
            if (wg_is_tracked(frozen.cost))
                wg__net_fail(p, "recording", "a loss of frozen parameters is tracked");
        }
    }
    end(&on), end(&off);
}

/* ---- ties ------------------------------------------------------------------------------------ */

static bool is_tied(const wg__net_plan *p) {
    bool tied = false;
    for (int i = 0; i < p->layers; i++) tied = tied || p->layer[i].tied[0];
    return tied;
}

static wg_tensor *gradient_at(const result *r, const char *path) {
    for (int i = 0; i < r->n; i++)
        if (strcmp(name_of(r, i), path) == 0) return r->g[i];
    return NULL;
}

// The gradient of path, and of all that is tied to it, where each has its own weights.
static void hold_sum(const result *tied, const result *apart, int i) {
    const char *path = name_of(tied, i);
    int64_t n = wg_numel(tied->g[i]);
    double *sum = wg__scratch(n), *size = wg__scratch(n);
    const double *got = wg__numbers(tied->g[i]);
    wg_nn_state s;
    for (int j = 0; sum && size && got && wg_nn_next_state(tied->b.m, NULL, &j, &s);) {
        if (strcmp(s.path, path) != 0 && !(s.tied_to && strcmp(s.tied_to, path) == 0)) continue;
        const double *part = wg__numbers(gradient_at(apart, s.path));
        for (int64_t k = 0; part && k < n; k++) sum[k] += part[k], size[k] += fabs(part[k]);
    }
    // The same numbers, added in another order.
    double unit = tied->b.dtype == WG_F32 ? FLT_EPSILON : DBL_EPSILON;
    for (int64_t k = 0; sum && size && got && k < n; k++)
        if (isfinite(sum[k]) && !(fabs(got[k] - sum[k]) <= 8 * unit * size[k]))
            wg__net_fail(tied->b.plan, "ties", "%s[%lld] has the gradient %.17g, its uses %.17g",
                         path, (long long)k, got[k], sum[k]);
}

void wg__net_untied(const wg__net_plan *p) {
    // A penalty would count each name of a weight for itself.
    result tied = { .b = { .plan = p, .dtype = p->dtype, .bare = true } }, apart = tied;
    result first = tied;
    if (!is_tied(p)) return;
    apart.b.untied = true;
    first.b.untied = true;
    bool was = wg_recording(false);
    bool made = run_on(&first, false);  // makes the parameters; the model is not used as it is
    wg_recording(was);
    made = made && run_on(&tied, false) && gradients_of(&tied);
    apart.b.m = made ? wg__net_model(p) : NULL;
    wg_nn_state s;
    for (int i = 0; made && wg_nn_next_state(tied.b.m, NULL, &i, &s);)
        if (!s.buffer) {
            wg_tensor *w = wg_nn_param(apart.b.m, s.path, p->dtype, wg_shape_of(s.value),
                                       (wg_init){ .kind = WG_INIT_ZEROS });
            made = w && wg_copy(w, s.value);
        }
    if (made && run_on(&apart, false) && gradients_of(&apart)) {
        hold_same(p, "ties", "the loss", tied.cost, apart.cost);
        for (int i = 0; i < tied.n; i++) hold_sum(&tied, &apart, i);
    }
    end(&first), end(&tied), end(&apart);
}

/* ---- O12 ------------------------------------------------------------------------------------- */

/* The rounding of every number on the tape, each counting as much as the loss moves with it, is
   what the loss may be off by at first order. Numbers that an operation adds up may cancel within
   it, so what counts is the largest of a record's inputs; and single records round several
   times. */
static double largest_around(const wg__tape *t, uint32_t k) {
    wg_call c = t->op[k] ? wg__tape_call(k) : (wg_call){ .inputs = 0 };
    double most = 0;
    for (int i = -1; i < c.inputs; i++) {
        const wg_tensor *x = i < 0 ? t->out[k] : c.in[i];
        if (!x || !wg_dtype_is_float(wg_dtype_of(x))) continue;
        for (int64_t j = 0; j < wg_numel(x); j++) {
            double size = fabs(wg_view_get(&x->view, j));
            if (isfinite(size)) most = fmax(most, size);  // masks are infinite
        }
    }
    return most;
}

static double rounding_of(const result *r) {
    const wg__tape *t = wg__tape_now();
    const uint32_t top = wg__tape_node(r->cost);
    wg_tensor **x = (wg_tensor **)(void *)wg__scratch(2 * (int64_t)(top + 1)), **gx = x + top + 1;
    double sum = 0;
    int n = 0;
    if (!x) return INFINITY;
    for (uint32_t k = 0; k <= top; k++)
        if (wg_dtype_is_float(wg_dtype_of(t->out[k]))) x[n++] = t->out[k];
    if (!wg_grad(r->cost, x, n, gx, (wg_grad_options){ .constant = true })) return INFINITY;
    for (int k = 0; k < n; k++) {
        const double *g = wg__numbers(gx[k]);
        double most = g ? largest_around(t, wg__tape_node(x[k])) : 0;
        for (int64_t j = 0; g && j < wg_numel(gx[k]); j++) sum += fabs(g[j]) * most;
    }
    return sum;
}

void wg__net_twin(const wg__net_plan *p) {
    result wide = { .b = { .plan = p, .dtype = WG_F64 } }, narrow = { .b = { .plan = p } };
    wg_nn_state s;
    bool made = run_on(&wide, false) && wg_is_tracked(wide.cost);
    double bound = made ? rounding_of(&wide) : INFINITY;
    narrow.b.m = made ? wg__net_model(p) : NULL;
    narrow.b.dtype = WG_F32;
    // The parameters of f64, rounded; this moves the loss by as much as their part of the bound.
    for (int i = 0; made && wg_nn_next_state(wide.b.m, NULL, &i, &s);)
        if (!s.buffer && !s.tied_to) {
            wg_tensor *w = wg_nn_param(narrow.b.m, s.path, WG_F32, wg_shape_of(s.value),
                                       (wg_init){ .kind = WG_INIT_ZEROS });
            const double *value = wg__numbers(s.value);
            wg_tensor *rounded = value ? wg_from_f64(WG_F32, wg_shape_of(s.value), value) : NULL;
            made = w && rounded && wg_copy(w, rounded);
        }
    if (made && run_on(&narrow, false)) {
        double gap = fabs(wg_item(narrow.cost) - wg_item(wide.cost));
        if (isfinite(bound) && !(gap <= 64 * FLT_EPSILON * (1 + bound)))
            wg__net_fail(p, "twin",
                         "the loss is %.9g in f32 and %.17g in f64; %.3g may be rounding",
                         wg_item(narrow.cost), wg_item(wide.cost), 64 * FLT_EPSILON * (1 + bound));
    }
    end(&wide), end(&narrow);
}
