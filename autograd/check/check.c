// SPDX-License-Identifier: MIT
/* check.c: wg_op_selftest. A record is held against itself: each sample, in each dtype, is a trial,
   and each row of a table below is an oracle that a trial goes through. Then random cases, each a
   trial that goes through a few of them.

   Numbers come from a seed, so a failure is there again tomorrow. */
#include <math.h>
#include <string.h>

#include "autograd/check/check_impl.h"

static const uint64_t SEED = 1964;

/* ---- oracles --------------------------------------------------------------------------------- */

enum {
    IN_F64 = 1,
    IN_F32 = 2,
    EXACT = 4,   // also where a sample lists its values, which may be kinks and poles
    SMOOTH = 8,  // only where there is a derivative
};

typedef struct oracle {
    const char *name;
    wg__oracle *check;
    unsigned when;
} oracle;

static const oracle oracles[] = {
    { "value against reference", wg__check_value, IN_F64 | EXACT },
    { "recording", wg__check_recording, IN_F64 | IN_F32 | EXACT },
    { "no gradient", wg__check_no_gradient, IN_F64 | EXACT },
    { "a derivative of zero", wg__check_constant, IN_F64 },
    { "forward mode against the complex step", wg__check_jvp, IN_F64 | SMOOTH },
    { "reverse against forward mode", wg__check_adjoint, IN_F64 | EXACT | SMOOTH },
    { "reverse mode against the complex step", wg__check_elements, IN_F64 | SMOOTH },
    { "second order", wg__check_second, IN_F64 | SMOOTH },
    { "f32 against f64", wg__check_twin, IN_F32 | EXACT },
    { "fused backward against the rule", wg__check_fused, IN_F64 | IN_F32 | EXACT | SMOOTH },
    { "linear in the cotangent", wg__check_cotangent, IN_F64 | IN_F32 | EXACT | SMOOTH },
    { "memory layout", wg__check_layouts, IN_F64 | IN_F32 | EXACT },
    { "writing the whole result and nothing else", wg__check_writes, IN_F64 | IN_F32 | EXACT },
    { "overwriting what .saves leaves out", wg__check_saves, IN_F64 | EXACT | SMOOTH },
    { "kinks", wg__check_ties, IN_F64 | EXACT | SMOOTH },
};

static bool applies(const wg__trial *t, const oracle *o) {
    if (!(o->when & (t->dtype == WG_F64 ? IN_F64 : IN_F32))) return false;
    if (t->sample->exact && !(o->when & EXACT)) return false;
    return t->differentiable || !(o->when & SMOOTH);
}

/* ---- trials ---------------------------------------------------------------------------------- */

// +-0.5 to +-1.5: no number so small that an error would hide behind it.
static double signed_number(wg_random *r) {
    double size = 0.5 + wg_random_uniform(r);
    return wg_random_u64(r) & 1 ? size : -size;
}

static double *draw_direction(const wg__trial *t, int64_t n, wg_random *r) {
    double *d = wg__scratch(n);
    for (int64_t k = 0; d && k < n; k++) {
        d[k] = signed_number(r);
        if (t->dtype == WG_F32) d[k] = (float)d[k];
    }
    return d;
}

// Values and directions; those of an f32 trial are f32 numbers, so that its f64 twin has the same.
static bool draw_numbers(wg__trial *t, wg_random *r) {
    for (int i = 0; i < t->sample->inputs; i++)
        if (!(t->value[i] = wg__scratch(wg__size(t, i)))) return false;
    if (!wg__sample_draw(t->sample, r, t->value)) return false;
    for (int i = 0; i < t->sample->inputs; i++) {
        if (t->sample->in[i].kind != WG__FLOAT) continue;
        int64_t n = wg__size(t, i);
        t->floats |= 1ull << i;
        for (int64_t k = 0; k < n && t->dtype == WG_F32; k++)
            t->value[i][k] = (float)t->value[i][k];
        t->largest = fmax(t->largest, wg__most(t->value[i], n));
        t->u[i] = draw_direction(t, n, r);
        t->v[i] = draw_direction(t, n, r);
    }
    return !wg_error();
}

// Needs the result's dtype: a cast to f32 is no more exact than f32, whatever it comes from.
static void set_bounds(wg__trial *t) {
    int64_t terms = 1;
    for (int i = 0; i < t->sample->inputs; i++)
        terms = wg__size(t, i) > terms ? wg__size(t, i) : terms;
    bool single = t->dtype == WG_F32 || t->y_dtype == WG_F32;
    t->rel = single ? (8 + 2 * sqrt((double)terms)) * 0x1p-24 : 1e-9;
    t->value_rel = single ? t->rel : 1e-12;
    unsigned none = WG_OP_ZERO_GRADIENT | WG_OP_NO_GRADIENT;
    t->differentiable = t->floats && wg_dtype_is_float(t->y_dtype) && !(t->op->flags & none);
}

// Without forward and map the result must be a view.
static bool can_compute(wg__trial *t, const wg__run *r) {
    wg_call call = { t->op, t->sample->inputs, r->in, NULL, t->sample->attr };
    wg_spec spec = { .alias = false };
    if (t->op->map || t->op->forward || t->op->compose || call.inputs < t->op->inputs) return true;
    if (!t->op->infer(&call, &spec)) return false;
    if (!spec.alias) wg__fail_text(t, "the record has no forward, and the result is no view");
    return spec.alias;
}

// Applies the operation once, to learn what its result looks like. An f32 that is not taken is no
// failure.
static bool try_once(wg__trial *t, wg__run *plain, wg_random *r) {
    if (!wg__run_inputs(t, &(wg__setting){ .dtype = t->dtype }, plain)) return false;
    if (!can_compute(t, plain)) return false;
    plain->y = wg_apply(t->op, plain->in, t->sample->inputs, t->sample->attr);
    if (t->dtype == WG_F32 && wg_error() == WG_ERROR_DTYPE) wg_error_clear();
    if (!plain->y) return false;
    t->plain = plain->in;
    t->y_dtype = wg_dtype_of(plain->y);
    t->y_shape = wg_shape_of(plain->y);
    t->w = draw_direction(t, wg_numel(plain->y), r);
    set_bounds(t);
    return t->w != NULL;
}

static bool is_over(const wg__trial *t) { return t->brief && t->report->failures > 0; }

static void run_good(wg__trial *t, wg_random *r) {
    wg__run plain;
    t->oracle = "value";
    bool ok = draw_numbers(t, r) && (t->floats || t->dtype == WG_F64) && try_once(t, &plain, r);
    wg__hold_no_error(t);
    for (size_t k = 0; ok && k < sizeof oracles / sizeof *oracles; k++)
        if (applies(t, &oracles[k]) && !is_over(t))
            wg__consult(t, oracles[k].name, oracles[k].check);
}

static void run_bad(wg__trial *t, wg_random *r) {
    t->oracle = "refusal";
    if (draw_numbers(t, r)) wg__consult(t, "a bad sample", wg__check_bad);
    wg__hold_no_error(t);
}

typedef void run_trial(wg__trial *t, wg_random *r);

static void run_sample(const wg__trial *whole, const char *text, int index, run_trial *run) {
    if (is_over(whole)) return;
    wg__trial t = *whole;
    wg_random r = { .seed = SEED, .stream = (uint64_t)index };
    wg__sample sample = { .text = text };
    wg_scope *scope = wg_scope_open();
    bool read = scope && wg__sample_parse(t.op, text, &sample);
    t.sample = &sample;
    t.oracle = "reading the sample";
    wg__hold_no_error(&t);
    if (read) run(&t, &r);
    wg_scope_close(scope);
}

/* ---- the whole ------------------------------------------------------------------------------- */

// Why the record cannot be tested: the first thing that must be there for any of this to mean
// something.
static const char *lacks(const wg_op *op) {
    if (!op) return "the record is NULL";
    if (wg__pending()) return "not tested, since an error is pending";
    return wg__op_flaw(op);
}

static void run_all(wg__trial *t) {
    for (int d = 0; d < 2; d++) {
        t->dtype = d ? WG_F32 : WG_F64;
        for (int i = 0; i < WG_MAX_SAMPLES && t->op->samples[i]; i++)
            run_sample(t, t->op->samples[i], i, run_good);
        for (int i = 0; i < WG_MAX_SAMPLES && t->op->bad[i]; i++)
            run_sample(t, t->op->bad[i], i, run_bad);
    }
    t->oracle = "kinks";
    wg__hold_that(t, t->op->tie == WG_TIE_NONE || t->tally->kinks > 0,
                  "the record declares a tie rule, but no sample meets a kink");
    t->oracle = "differences";
    int64_t most = 1 + (t->tally->measured + t->report->cases) / 100;
    wg__hold_that(t, t->report->inconclusive <= most,
                  "too many comparisons could not be decided; samples further from kinks and poles "
                  "would help");
}

// Errors are provoked here, in the thread's own recording state: both are put back.
static void run_silently(wg__trial *t) {
    wg__handler handler;
    wg__handler_get(&handler);
    wg_on_error(NULL, NULL);
    wg_scope *scope = wg_scope_open();
    wg_recording(true);
    if (scope) run_all(t);
    t->oracle = "opening a scope";
    wg__hold_no_error(t);
    wg_scope_close(scope);
    wg__handler_put(&handler);
}

bool wg_op_selftest(const wg_op *op, wg_selftest_report *report) {
    return wg__selftest(op, false, report);
}

bool wg__selftest(const wg_op *op, bool brief, wg_check_report *report) {
    wg_selftest_report own;
    if (!report) report = &own;
    *report = (wg_selftest_report){ 0 };
    const char *missing = lacks(op);
    if (missing) {
        report->failures = 1;
        snprintf(report->text, sizeof report->text, "%s: %s",
                 op && op->name ? op->name : "operation", missing);
        return false;
    }
    wg__tally tally = { 0 };
    wg__sample none = { .text = NULL };
    run_silently(&(wg__trial){
        .op = op, .sample = &none, .report = report, .tally = &tally, .brief = brief });
    return report->failures == 0;
}
