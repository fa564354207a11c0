// SPDX-License-Identifier: MIT
/* function.c: wg_check_gradient. A user's function is an operation made of others that nobody has
   registered: it goes through the same oracles, at the one place that the user gives. */
#include <string.h>

#include "autograd/check/check_impl.h"

/* ---- the function as an operation ------------------------------------------------------------ */

typedef struct target {
    wg_function *f;
    void *user;
    bool unused;  // inputs may be
} target;

static wg_tensor *call(const wg_call *c) {
    const target *t = c->attr;
    wg_tensor *y = t->f(t->user, c->in, c->inputs);
    if (!y && !wg__pending()) wg_fail(WG_ERROR_STATE, "NULL came back, and no error with it");
    return y;
}

/* ---- oracles --------------------------------------------------------------------------------- */

// A hidden state, or a draw that is not the same each time, would make all else meaningless.
static void check_same(wg__trial *t) {
    wg__run once, twice;
    if (!wg__run_usual(t, &once) || !wg__run_usual(t, &twice)) return;
    bool shape = wg_dtype_of(once.y) == wg_dtype_of(twice.y);
    wg_shape a = wg_shape_of(once.y), b = wg_shape_of(twice.y);
    shape = shape && wg__shape_equal(&a, &b);
    wg__hold_that(t, shape && wg__same_bits(once.y, twice.y),
                  "the same inputs give another result the second time");
}

// Whether the value moves along u though the derivative is no more than 0.
static bool does_move(wg__trial *t, double *const u[]) {
    wg__slope slope[WG__RUNS];
    int best = 0;
    wg__line line = { t, u };
    return wg__consensus(wg__along_line, &line, 0, 1e-3 * t->rel, slope, &best) == WG__DIFFERS;
}

/* An input that no record leads from, while the value changes with it, or does not: whatever was to
   be checked, it was not this. Both modes would give 0 and agree with each other; neither is to
   blame. */
static void hold_reached(wg__trial *t, int i, bool reached) {
    const target *about = t->sample->attr;
    char what[WG__NAME + 200], name[WG__NAME];
    double *u[WG_MAX_INPUTS] = { NULL };
    u[i] = t->u[i];
    wg__input_name(t, i, name);
    snprintf(what, sizeof what,
             "%s is cut off: f makes a constant or a variable of it (wg_stop, wg_variable, or "
             "reading its values)",
             name);
    wg__hold_that(t, reached || !does_move(t, u), what);
    snprintf(what, sizeof what,
             "%s does not reach the result, so nothing of it is checked: does f read it, or "
             "something else?",
             name);
    wg__hold_that(t, reached || about->unused, what);
}

static void check_reached(wg__trial *t) {
    wg__run r;
    bool reached[WG_MAX_INPUTS];
    if (!t->differentiable || !wg__run_usual(t, &r)) return;
    if (!wg_reaches(r.y, r.x, r.leaves, reached)) return;
    for (int k = 0; k < r.leaves; k++) hold_reached(t, r.which[k], reached[k]);
    wg__hold_that(t, wg_is_tracked(r.y),
                  "the result does not depend on x by anything that was recorded");
}

enum { FEW = 24 };  // elements of all inputs together: each is measured

static void check_elements(wg__trial *t) {
    wg__run r;
    wg_tensor *gx[WG_MAX_INPUTS];
    int64_t all = 0;
    for (int i = 0; i < t->sample->inputs; i++)
        if (wg__bit(t->floats, i)) all += wg__size(t, i);
    if (all > FEW || !wg__run_usual(t, &r)) return;
    if (!wg__run_grad(&r, wg__seed_of(t, &r, t->w), false, gx)) return;
    double floor = wg__tape_floor(t, &r, t->u);
    for (int j = 0; j < r.leaves; j++) {
        double *unit[WG_MAX_INPUTS] = { 0 }, *u = wg__scratch(wg_numel(gx[j]));
        const double *g = wg__numbers(gx[j]);
        unit[r.which[j]] = u;
        for (int64_t k = 0; u && g && k < wg_numel(gx[j]); k++) {
            u[k] = 1;
            wg__hold_slope(t, g[k], wg__along_line, &(wg__line){ t, unit },
                           t->rel * (fabs(g[k]) + 1e-3 + floor));
            u[k] = 0;
        }
    }
}

static void check_linear(wg__trial *t) {
    wg__check_doubling(t);
    wg__check_sum(t);
    wg__check_zero(t);
}

static void check_all(wg__trial *t, int order) {
    wg__consult(t, "a second call", check_same);
    if (t->report->failures == 0) wg__consult(t, "what depends on what", check_reached);
    if (t->report->failures > 0 || !t->differentiable) return;
    wg__consult(t, "forward mode against differences", wg__check_jvp);
    wg__consult(t, "reverse against forward mode", wg__check_adjoint);
    wg__consult(t, "reverse mode against differences", check_elements);
    wg__consult(t, "linear in the cotangent", check_linear);
    if (order >= 2) wg__consult(t, "second order", wg__check_second);
    if (order >= 3) wg__consult(t, "third order", wg__check_third);
    if (t->report->failures > 0) wg__blame(t, order);
}

/* ---- the place ------------------------------------------------------------------------------- */

// The function's inputs as a sample, floats of either kind as f64.
static bool take_values(wg__trial *t, wg__sample *s, wg_tensor *const x[], int n) {
    s->inputs = n;
    for (int i = 0; i < n; i++) {
        wg_dtype dtype = wg_dtype_of(x[i]);
        bool real = wg_dtype_is_float(dtype);
        s->in[i] = (wg__slot){ .shape = wg_shape_of(x[i]),
                               .kind = real ? WG__FLOAT : WG__INTEGER,
                               .dtype = dtype };
        t->value[i] = wg__numbers(x[i]);
        if (!t->value[i]) return false;
    }
    return true;
}

bool wg__trial_at(wg__trial *t, wg__sample *s, wg_tensor *const x[], int n) {
    wg_random r = { .seed = t->seed, .stream = 1982 };
    t->sample = s;
    return take_values(t, s, x, n) && wg__draw_directions(t, &r);
}

static bool any_f32(wg_tensor *const x[], int n) {
    for (int i = 0; i < n; i++)
        if (wg_dtype_of(x[i]) == WG_F32) return true;
    return false;
}

#define TWINS                                                                                      \
    "differences need f64, and called with f64 twins of its f32 inputs the function says: "        \
    "%.600s. "                                                                                     \
    "Call it with everything in f64: f64 inputs to a new model make f64 parameters"

// The first call, which also tells the result's shape.
static bool first_call(wg__trial *t, wg_tensor *const x[], wg__run *plain) {
    wg_random r = { .seed = t->seed, .stream = 1 };
    t->oracle = "the first call";
    bool done = wg__try(t, plain, &r);
    if (done || !wg_error()) return done;
    char what[900];
    bool twins = wg_error() == WG_ERROR_DTYPE && any_f32(x, t->sample->inputs);
    snprintf(what, sizeof what, twins ? TWINS : "the function failed: %.600s", wg_error_message());
    wg_error_clear();
    wg__fail_text(t, what);
    return false;
}

static void examine(wg__trial *t, wg_tensor *const x[], int n, int order) {
    wg__sample sample = *t->sample;
    wg__run plain;
    if (wg__trial_at(t, &sample, x, n)) {
        t->always = t->floats;
        if (first_call(t, x, &plain)) check_all(t, order);
    }
    wg__hold_no_error(t);
    t->oracle = "differences";
    if (t->report->failures > 0) return;
    char what[100];
    snprintf(what, sizeof what, "the result is %s, which has no derivative: wanted is f32 or f64",
             wg_dtype_name(t->y_dtype));
    wg__hold_that(t, t->differentiable, what);
    if (t->report->failures > 0) return;
    wg__hold_that(t, t->tally->measured > 0,
                  "nothing could be decided: is there a kink, a pole or an edge at x?");
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool any_float(wg_tensor *const x[], int n) {
    for (int i = 0; i < n; i++)
        if (wg_dtype_is_float(wg_dtype_of(x[i]))) return true;
    return false;
}

static const char *flaw(wg_function *f, wg_tensor *const x[], int n, int order) {
    if (!f) return "the function is NULL";
    if (wg__pending()) return "not checked, since an error is pending";
    if (n < 1 || n > WG_MAX_INPUTS || !x) return "it takes 1 to 64 inputs";
    for (int i = 0; i < n; i++)
        if (!x[i] || x[i]->dead) return "an input is NULL, or its scope was closed";
    if (!any_float(x, n))
        return "no input is f32 or f64, and there is no derivative by integers or truth values: "
               "make it a float by wg_cast";
    return order < 0 || order > 3 ? "the order is 1, 2 or 3" : NULL;
}

bool wg_check_gradient(wg_function *f, void *user, wg_tensor *const x[], int n, wg_check_options o,
                       wg_check_report *report) {
    wg_check_report own;
    wg__tally tally = { 0 };
    target about = { f, user, o.unused };
    wg__sample sample = { .text = NULL, .attr = &about };
    const char *name = o.name ? o.name : "function", *wrong = flaw(f, x, n, o.order);
    report = report ? report : &own;
    *report = (wg_check_report){ .failures = wrong != NULL };
    if (wrong) snprintf(report->text, sizeof report->text, "%s: %s", name, wrong);
    if (wrong) return false;
    wg_op op = { .abi = WG_OP_ABI, .name = name, .doc = name, .compose = call };
    op.inputs = op.inputs_max = (uint8_t)n;
    op.attr_size = sizeof about;
    wg__trial t = { .op = &op, .sample = &sample, .report = report, .tally = &tally };
    t.dtype = WG_F64, t.seed = o.seed, t.ladder = true, t.input = -1, t.names = o.names;
    wg__silence quiet;
    if (wg__silence_begin(&quiet)) examine(&t, x, n, o.order);
    wg__hold_no_error(&t);
    wg__silence_end(&quiet);
    return report->failures == 0;
}
