// SPDX-License-Identifier: MIT
/* lbfgs.c: limited-memory BFGS (Nocedal 1980). The last few steps s and changes of the gradient y
   stand for the inverse of the second derivatives; two loops over them turn a gradient into a
   direction. All parameters are one vector, in double; where they are f32 it holds what they were
   rounded to, so that s and y belong together. */
#include <math.h>
#include <string.h>

#include "optim/line_search_impl.h"
#include "optim/optim_impl.h"

/* ---- what is kept ---------------------------------------------------------------------------- */

typedef struct memory {
    wg_lbfgs_report report;
    int64_t n;                 // of all elements
    int history, pairs, next;  // of pairs: room, how many there are, where the next one goes
    double *x, *g;             // (n): here, and the gradient; x outlives the call
    double *direction, *from_x, *from_g, *start;  // (n)
    double *s, *y;                                // (history, n)
    double *sy, *weight;                          // (history): s . y, and for the two loops
    double all[];
} memory;

typedef struct run {
    wg_optim *o;
    wg_objective *f;
    void *user;
    const wg_lbfgs_options *options;
    memory *m;
    double value;
    bool wide;  // every parameter is f64
} run;

static int64_t elements(const wg_optim *o) {
    int64_t n = 0;
    const wg_tensor *w;
    for (int i = 0; (w = wg__nn_param_next(o->model.m, &i));) n += wg_numel(w);
    return n;
}

static memory *make_memory(int64_t n, int history) {
    size_t numbers = (size_t)n * (6 + 2 * (size_t)history) + 2 * (size_t)history;
    memory *m = wg__alloc(sizeof *m + numbers * sizeof *m->all);
    if (!m) return NULL;
    *m = (memory){ .n = n, .history = history };
    double **part[] = { &m->x, &m->g, &m->direction, &m->from_x, &m->from_g, &m->start };
    double *at = m->all;
    for (size_t k = 0; k < sizeof part / sizeof *part; k++, at += n) *part[k] = at;
    m->s = at, at += n * history;
    m->y = at, at += n * history;
    m->sy = at, m->weight = at + history;
    return m;
}

/* ---- vectors --------------------------------------------------------------------------------- */

// Sums side by side: the compiler may not reorder one sum, but it may vectorise eight.
enum { LANES = 8 };

static double dot(int64_t n, const double *a, const double *b) {
    double sum[LANES] = { 0 };
    int64_t k = 0;
    for (; k + LANES <= n; k += LANES)
        for (int j = 0; j < LANES; j++) sum[j] += a[k + j] * b[k + j];
    for (; k < n; k++) sum[0] += a[k] * b[k];
    for (int j = 1; j < LANES; j++) sum[0] += sum[j];
    return sum[0];
}

static void add(int64_t n, double *restrict to, double factor, const double *restrict x) {
    for (int64_t k = 0; k < n; k++) to[k] += factor * x[k];
}

static double largest(int64_t n, const double *x) {
    double most = 0;
    for (int64_t k = 0; k < n; k++) most = fmax(most, fabs(x[k]));
    return most;
}

static void copy(int64_t n, double *to, const double *from) {
    memcpy(to, from, (size_t)n * sizeof *to);
}

/* ---- parameters and vectors ------------------------------------------------------------------ */

static void read_parameters(const wg_optim *o, double *x) {
    const wg_tensor *w;
    for (int i = 0; (w = wg__nn_param_next(o->model.m, &i)); x += wg_numel(w))
        wg_read_f64(w, x, wg_numel(w));
}

// Rounds x to what the parameters can hold.
static void write_parameters(const wg_optim *o, double *x) {
    wg_tensor *w;
    for (int i = 0; (w = wg__nn_param_next(o->model.m, &i)); x += wg_numel(w)) {
        int64_t n = wg_numel(w);
        if (w->view.dtype == WG_F64) {
            copy(n, w->view.data, x);
        } else {
            float *to = w->view.data;
            for (int64_t k = 0; k < n; k++) x[k] = to[k] = (float)x[k];
        }
        wg__touch(w);
    }
}

static void read_gradients(const wg_optim *o, double *g) {
    const wg_tensor *w;
    for (int i = 0; (w = wg__nn_param_next(o->model.m, &i)); g += wg_numel(w)) {
        if (w->gradient)
            wg_read_f64(w->gradient, g, wg_numel(w));
        else
            memset(g, 0, (size_t)wg_numel(w) * sizeof *g);
    }
}

/* ---- one line -------------------------------------------------------------------------------- */

static bool evaluate(run *r) {
    r->m->report.evaluations++;
    if (!wg__optim_evaluate(r->o, r->f, r->user, &r->value)) return false;
    if (elements(r->o) != r->m->n)
        return wg_fail(WG_ERROR_STATE, "optim_lbfgs: the model grew from %lld to %lld elements",
                       (long long)r->m->n, (long long)elements(r->o));
    read_gradients(r->o, r->m->g);
    return true;
}

static void move_to(const run *r, double step) {
    memory *m = r->m;
    for (int64_t k = 0; k < m->n; k++) m->x[k] = m->from_x[k] + step * m->direction[k];
    write_parameters(r->o, m->x);
}

static bool at(void *user, wg__point *p) {
    run *r = user;
    move_to(r, p->step);
    if (!evaluate(r)) return false;
    p->value = r->value;
    p->slope = dot(r->m->n, r->m->g, r->m->direction);
    return true;
}

static void go_back(run *r, double value) {
    copy(r->m->n, r->m->x, r->m->from_x);
    copy(r->m->n, r->m->g, r->m->from_g);
    write_parameters(r->o, r->m->x);
    r->value = value;
}

static const double DECREASE = 1e-4;  // c1 of Wolfe's conditions

static double rounding(const run *r) { return r->wide ? 8 * 0x1p-53 : 8 * 0x1p-24; }

// Moves along the direction; if no step is found everything is where it was.
static wg__line_end search_line(run *r, double slope) {
    memory *m = r->m;
    wg__line line = {
        at, r, DECREASE, r->options->curvature, rounding(r), r->options->evaluations
    };
    wg__point start = { 0, r->value, slope }, found = start;
    double first = r->o->group[0].rate * r->o->factor;
    if (m->pairs == 0) first *= fmin(1, 1 / sqrt(dot(m->n, m->g, m->g)));
    wg__line_end end = first > 0 ? wg__line_search(&line, start, first, &found) : WG__LINE_NONE;
    if (end == WG__LINE_DECREASED) {  // the last point tried may have been another
        if (!at(r, &found)) return WG__LINE_STOPPED;
        if (!isfinite(found.value)) end = WG__LINE_NONE;
    }
    if (end == WG__LINE_NONE) go_back(r, start.value);
    return end;
}

/* ---- directions ------------------------------------------------------------------------------ */

static int pair_before(const memory *m, int age) {  // 0: the newest
    return (m->next - 1 - age + 2 * m->history) % m->history;
}

// direction = - H g (Nocedal and Wright 2006, algorithm 7.4).
static void find_direction(memory *m) {
    int64_t n = m->n;
    double *d = m->direction;
    for (int64_t k = 0; k < n; k++) d[k] = -m->g[k];
    for (int age = 0; age < m->pairs; age++) {
        int p = pair_before(m, age);
        m->weight[p] = dot(n, m->s + p * n, d) / m->sy[p];
        add(n, d, -m->weight[p], m->y + p * n);
    }
    if (m->pairs > 0) {
        int p = pair_before(m, 0);
        double scale = m->sy[p] / dot(n, m->y + p * n, m->y + p * n);
        for (int64_t k = 0; k < n; k++) d[k] *= scale;
    }
    for (int age = m->pairs - 1; age >= 0; age--) {
        int p = pair_before(m, age);
        add(n, d, m->weight[p] - dot(n, m->y + p * n, d) / m->sy[p], m->s + p * n);
    }
}

// Keeps the last step as a pair, if the curvature along it is positive, beyond rounding.
static void learn(memory *m) {
    int64_t n = m->n;
    double *s = m->s + m->next * n, *y = m->y + m->next * n;
    for (int64_t k = 0; k < n; k++) {
        s[k] = m->x[k] - m->from_x[k];
        y[k] = m->g[k] - m->from_g[k];
    }
    double sy = dot(n, s, y);
    if (m->pairs == m->history) m->pairs--;  // the oldest, which stood there
    if (!(sy > 0x1p-52 * dot(n, y, y)) || isinf(sy)) return;
    m->sy[m->next] = sy;
    m->next = (m->next + 1) % m->history;
    m->pairs++;
}

/* ---- all of it ------------------------------------------------------------------------------- */

// One step; if no line search helps, a second one straight down the gradient.
static wg__line_end step(run *r) {
    memory *m = r->m;
    copy(m->n, m->from_x, m->x);
    copy(m->n, m->from_g, m->g);
    for (;;) {
        find_direction(m);
        double slope = dot(m->n, m->g, m->direction);
        wg__line_end end = slope < 0 && isfinite(slope) ? search_line(r, slope) : WG__LINE_NONE;
        if (end != WG__LINE_NONE || m->pairs == 0) return end;
        m->pairs = 0;
    }
}

static bool end_at(run *r, wg_lbfgs_why why) {
    r->m->report.why = why;
    r->m->report.value = r->value;
    r->m->report.gradient = largest(r->m->n, r->m->g);
    return true;
}

static bool iterate(run *r) {
    const wg_lbfgs_options *o = r->options;
    memory *m = r->m;
    for (; m->report.iterations < o->iterations; m->report.iterations++) {
        if (largest(m->n, m->g) <= o->gradient) return end_at(r, WG_LBFGS_GRADIENT);
        double before = r->value;
        wg__line_end end = step(r);
        if (end == WG__LINE_STOPPED) return false;
        if (end == WG__LINE_NONE) return end_at(r, WG_LBFGS_NO_STEP);
        learn(m);
        if (o->change < 1e-15 || before - r->value >= o->change * fabs(before)) continue;
        m->report.iterations++;
        return end_at(r, WG_LBFGS_CHANGE);
    }
    bool done = largest(m->n, m->g) <= o->gradient;
    return end_at(r, done ? WG_LBFGS_GRADIENT : WG_LBFGS_ITERATIONS);
}

// The vectors, and what is still good of what they hold from the last call.
static bool recall(run *r) {
    memory *old = r->o->memory;
    int64_t n = elements(r->o);
    r->m = old;
    if (!old || old->n != n) {
        r->m = make_memory(n, r->options->history);
        if (!r->m) return false;
        wg__free(old);
        r->o->memory = r->m;
    }
    read_parameters(r->o, r->m->start);
    size_t size = (size_t)n * sizeof(double);
    if (r->m->pairs > 0 && memcmp(r->m->start, r->m->x, size) != 0) r->m->pairs = 0;
    memcpy(r->m->x, r->m->start, size);
    const wg_tensor *w;
    r->wide = true;
    for (int i = 0; (w = wg__nn_param_next(r->o->model.m, &i));)
        r->wide = r->wide && w->view.dtype == WG_F64;
    return true;
}

// From the value where we are, which has been evaluated: it may have made the parameters.
static bool search_from(run *r) {
    if (!isfinite(r->value))
        return wg_fail(WG_ERROR_STATE, "optim_lbfgs: the loss is %g to begin with", r->value);
    if (!recall(r)) return false;
    wg_lbfgs_report before = r->m->report;
    r->m->report = (wg_lbfgs_report){ .evaluations = 1 };
    read_gradients(r->o, r->m->g);
    double g = largest(r->m->n, r->m->g);
    bool done =
        isfinite(g) ? iterate(r) : wg_fail(WG_ERROR_STATE, "optim_lbfgs: the gradient is %g", g);
    if (done) return true;
    write_parameters(r->o, r->m->start);
    r->m->pairs = 0;
    r->m->report = before;
    return false;
}

static bool search(wg_optim *o, wg_objective *f, void *user, double *value) {
    run r = { .o = o, .f = f, .user = user, .options = o->group[0].options };
    if (!wg__schedule_factor(o) || !wg__optim_evaluate(o, f, user, &r.value)) return false;
    double first = r.value;
    if (!search_from(&r)) return false;
    *value = first;
    return true;
}

static const wg__search method = { .run = search };

wg_lbfgs_report wg_optim_lbfgs_report(const wg_optim *o) {
    bool ours = o && o->group[0].rule.search == &method && o->memory;
    return ours ? ((const memory *)o->memory)->report : (wg_lbfgs_report){ 0 };
}

static bool count(const char *name, int value) {
    return (value >= 0 && value <= 1000000) ||
           wg_fail(WG_ERROR_ARGUMENT, "optim_lbfgs: %s is %d, wanted is a number from 0 to 1000000",
                   name, value);
}

wg_optim_spec wg_lbfgs(wg_lbfgs_options o) {
    static const wg_optim_rule rule = { .name = "lbfgs", .search = &method };
    if (!WG__CHECK("optim_lbfgs", { "the rate", o.rate, INFINITY },
                   { "gradient", o.gradient, INFINITY }, { "change", o.change, 1 },
                   { "curvature", o.curvature, 1 }) ||
        !count("history", o.history) || !count("iterations", o.iterations) ||
        !count("evaluations", o.evaluations))
        return wg__no_spec();
    if (o.curvature > 0 && o.curvature <= DECREASE) {
        wg_fail(WG_ERROR_ARGUMENT, "optim_lbfgs: curvature is %g, wanted is more than %g",
                o.curvature, DECREASE);
        return wg__no_spec();
    }
    if (o.history == 0) o.history = 10;
    if (o.iterations == 0) o.iterations = 20;
    if (o.evaluations == 0) o.evaluations = 25;
    o.curvature = wg__or(o.curvature, 0.9);
    o.gradient = wg__or(o.gradient, 1e-7);
    o.change = wg__or(o.change, 1e-9);
    return wg__optim_spec(&rule, wg__or(o.rate, 1), &o, sizeof o);
}
WG__DEFINE_OPTIMISER(lbfgs, wg_lbfgs_options)
