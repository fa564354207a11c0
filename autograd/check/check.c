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
    { "optional inputs that are NULL", wg__check_absent, IN_F64 | IN_F32 | EXACT },
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
    { "what is not chosen", wg__check_masks, IN_F64 | SMOOTH },
    { "kinks", wg__check_ties, IN_F64 | EXACT | SMOOTH },
};

static bool applies(const wg__trial *t, const oracle *o) {
    if (!(o->when & (t->dtype == WG_F64 ? IN_F64 : IN_F32))) return false;
    if (t->sample->exact && !(o->when & EXACT)) return false;
    return t->differentiable || !(o->when & SMOOTH);
}

/* ---- trials ---------------------------------------------------------------------------------- */

static bool is_over(const wg__trial *t) { return t->brief && t->report->failures > 0; }

static void run_good(wg__trial *t, wg_random *r) {
    wg__run plain;
    t->oracle = "value";
    bool ok = wg__draw(t, r) && (t->floats || t->dtype == WG_F64) && wg__try(t, &plain, r);
    wg__hold_no_error(t);
    for (size_t k = 0; ok && k < sizeof oracles / sizeof *oracles; k++)
        if (applies(t, &oracles[k]) && !is_over(t))
            wg__consult(t, oracles[k].name, oracles[k].check);
}

static void run_bad(wg__trial *t, wg_random *r) {
    t->oracle = "refusal";
    if (wg__draw(t, r)) wg__consult(t, "a bad sample", wg__check_bad);
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
}

// What could not be decided must be rare, or the test means nothing.
static void hold_decided(wg__trial *t) {
    t->oracle = "differences";
    int64_t most = 1 + (t->tally->measured + t->report->cases) / 100;
    wg__hold_that(t, t->report->inconclusive <= most,
                  "too many comparisons could not be decided; samples further from kinks and poles "
                  "would help");
}

bool wg__silence_begin(wg__silence *s) {
    wg__handler_get(&s->handler);
    wg_on_error(NULL, NULL);
    s->scope = wg_scope_open();
    s->recording = wg_recording(true);
    return s->scope != NULL;
}

void wg__silence_end(wg__silence *s) {
    wg_scope_close(s->scope);
    wg_recording(s->recording);
    wg__handler_put(&s->handler);
}

static void run_silently(wg__trial *t, wg_selftest_options o) {
    wg__silence quiet;
    if (wg__silence_begin(&quiet)) {
        run_all(t);
        wg__run_random(t, o);
        hold_decided(t);
    }
    t->oracle = "opening a scope";
    wg__hold_no_error(t);
    wg__silence_end(&quiet);
}

static bool cannot(const wg_op *op, const char *why, wg_check_report *report) {
    if (report) *report = (wg_check_report){ .failures = 1 };
    if (report)
        snprintf(report->text, sizeof report->text, "%s: %s",
                 op && op->name ? op->name : "operation", why);
    return false;
}

static bool selftest(const wg_op *op, bool brief, wg_selftest_options o, wg_check_report *report) {
    wg_check_report own;
    if (!report) report = &own;
    *report = (wg_check_report){ 0 };
    const char *missing = lacks(op);
    if (missing) return cannot(op, missing, report);
    wg__tally tally = { 0 };
    wg__sample none = { .text = NULL };
    wg__trial t = { .op = op, .sample = &none, .report = report, .tally = &tally };
    t.brief = brief, t.seed = o.seed, t.input = -1;
    run_silently(&t, o);
    return report->failures == 0;
}

bool wg__selftest_brief(const wg_op *op, wg_check_report *report) {
    return selftest(op, true, (wg_selftest_options){ 0 }, report);
}

bool wg_op_selftest(const wg_op *op, wg_selftest_report *report) {
    return selftest(op, false, (wg_selftest_options){ 0 }, report);
}

bool wg_op_selftest_with(const wg_op *op, wg_selftest_options o, wg_selftest_report *report) {
    bool some = o.cases > 0 || o.seconds > 0;
    if (o.cases < 0 || !(o.seconds >= 0) || !some)
        return cannot(op, "not tested: random cases need .cases or .seconds, neither negative",
                      report);
    return selftest(op, false, o, report);
}
