// SPDX-License-Identifier: MIT
/* verdict.c: comparisons, counted, and the first failure put into words. Every comparison is
   written !(gap <= bound), so that NaN fails, and every bound says where it comes from.

   Where numbers are random a bound cannot foresee everything: a failure is looked at again with the
   inputs a few units in the last place away. If what is compared scatters by as much as it is
   apart, the point is ill-conditioned and nothing is decided. */
#include <inttypes.h>
#include <math.h>

#include "autograd/check/check_impl.h"

/* ---- words ----------------------------------------------------------------------------------- */

static const char *const layout_name[WG__LAYOUTS] = {
    "dense",
    "transposed",
    "sliced with gaps",
    "negative strides",
    "shifted",
    "stride 0 on the first axis",
    "stride 0 on the last axis",
};
static const char *const mode_name[] = { "", "general ", "whole ", "special " };

/* "NAME: sample "2,3", transposed, f64: ORACLE" for the first failure; returns its length, else
   0. */
static size_t begin_text(wg__trial *t) {
    char *text = t->report->text, number[180] = "";
    size_t size = sizeof t->report->text;
    const char *floats = t->floats ? wg_dtype_name(t->dtype) : "no floats";
    if (t->report->failures++ > 0) return 0;
    if (t->mode)
        snprintf(number, sizeof number, "%scase %" PRId64 " of seed %" PRIu64 "%s, ",
                 mode_name[t->mode], t->number, t->seed, t->sizes);
    int n = snprintf(text, size, "%s: %s", t->op->name, t->oracle);
    if (t->sample->text)
        n = snprintf(text, size, "%s: sample \"%s\", %s%s, %s: %s", t->op->name, t->sample->text,
                     number, layout_name[t->layout], floats, t->oracle);
    return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

void wg__fail_text(wg__trial *t, const char *what) {
    size_t used = begin_text(t);
    if (t->watch) t->watch->hard = true;
    if (used) snprintf(t->report->text + used, sizeof t->report->text - used, ": %s", what);
}

const char *wg__input_name(const wg__trial *t, int i, char text[WG__NAME]) {
    if (t->names && t->names[i])
        snprintf(text, WG__NAME, "\"%s\"", t->names[i]);
    else
        snprintf(text, WG__NAME, "x[%d]", i);
    return text;
}

// " at [1,2] of [2,3]" for an element in C order of what has this shape.
static void place_text(const wg_shape *shape, int64_t index, char *text, size_t size) {
    wg_shape at = { .rank = shape->rank };
    char place[100], whole[100];
    for (int i = shape->rank - 1; i >= 0; i--) {
        at.dim[i] = index % shape->dim[i];
        index /= shape->dim[i];
    }
    snprintf(text, size, " at %s of %s", wg_shape_text(at, place, sizeof place),
             wg_shape_text(*shape, whole, sizeof whole));
}

static void fail_numbers(wg__trial *t, int64_t index, const double number[3]) {
    char place[250] = "", input[40] = "";
    if (index >= 0) snprintf(place, sizeof place, " at element %" PRId64, index);
    if (index >= 0 && t->shape && index < wg__numel(t->shape))
        place_text(t->shape, index, place, sizeof place);
    if (t->input >= 0 && t->shape) snprintf(input, sizeof input, ", input %d", t->input);
    size_t used = begin_text(t);
    if (used)
        snprintf(t->report->text + used, sizeof t->report->text - used,
                 "%s%s: %.17g instead of %.17g, %.3g apart where %.3g is allowed", input, place,
                 number[0], number[1], fabs(number[0] - number[1]), number[2]);
}

/* ---- comparisons ----------------------------------------------------------------------------- */

static const double LARGE = 0x1p24;

/* A sum or product of small whole numbers (or of 2^-16 of such) is computed without rounding, by
   whatever order of summation. Anything else hardly ever lands on that grid. */
static bool is_whole(double x) { return fabs(x) < LARGE && floor(x * 0x1p16) == x * 0x1p16; }

/* So many numbers on the grid, and none off it, before all have to be. Quotients and roots of small
   whole numbers do land on it now and then (6 / 3, sqrt 4), but not a thousand times in a row. */
enum { ENOUGH = 1000 };

void wg__note_whole(wg__trial *t, wg__channel channel, const double *want, int64_t n) {
    wg__tally *y = t->tally;
    for (int64_t k = 0; t->exactly && k < n; k++)
        if (fabs(want[k]) < LARGE)
            ++*(is_whole(want[k]) ? &y->whole[channel] : &y->broken[channel]);
}

void wg__note_values(wg__trial *t, const double *got, const double *want, int64_t n) {
    wg__tally *y = t->tally;
    wg__note_whole(t, WG__VALUES, want, n);
    for (int64_t k = 0; t->exactly && y->whole[WG__VALUES] <= ENOUGH && k < n; k++)
        y->broken[WG__VALUES] += is_whole(want[k]) && got[k] != want[k];
}

bool wg__is_exact(const wg__trial *t, wg__channel channel) {
    for (int c = 0; t->exactly && c <= (int)channel; c++)
        if (t->tally->broken[c] > 0 || t->tally->whole[c] <= ENOUGH) return false;
    return t->exactly;
}

// Remembers a failure, to look at it again; or, looking again, what is there now.
static void watch(wg__watch *w, double got, double want, double bound) {
    wg__suspect *s = w->suspect;
    if (!w->again) {
        if (w->count == WG__SUSPECTS || !(bound > 0))
            w->hard = true;
        else
            s[w->count++] = (wg__suspect){ w->ordinal, fabs(got - want), got, got, want, want };
        return;
    }
    for (int k = 0; k < w->count; k++) {
        if (s[k].ordinal != w->ordinal) continue;
        s[k].got_low = fmin(s[k].got_low, got), s[k].got_high = fmax(s[k].got_high, got);
        s[k].want_low = fmin(s[k].want_low, want), s[k].want_high = fmax(s[k].want_high, want);
    }
}

bool wg__hold(wg__trial *t, int64_t index, double got, double want, double bound) {
    t->report->checks++;
    if (t->watch) t->watch->ordinal++;
    if (t->watch && t->watch->again) watch(t->watch, got, want, bound);
    if (t->exactly && is_whole(want) && (t->strict || is_whole(got))) bound = 0;
    double gap = fabs(got - want);
    // Listed and whole numbers may stand on a pole, where both may be no number.
    bool open = t->sample->exact || t->mode == WG__WHOLE;
    bool same = got == want || (open && isnan(got) && isnan(want));
    // An infinite bound would let anything pass.
    if (same || (gap <= bound && bound < INFINITY)) {
        if (!same && gap / bound > t->report->worst) t->report->worst = gap / bound;
        return true;
    }
    if (t->watch && !t->watch->again) watch(t->watch, got, want, bound);
    fail_numbers(t, index, (double[]){ got, want, bound });
    return false;
}

void wg__hold_all(wg__trial *t, const double *got, const double *want, int64_t n, double rel,
                  double floor) {
    for (int64_t k = 0; k < n; k++)
        wg__hold(t, k, got[k], want[k], rel > 0 ? rel * (fabs(want[k]) + floor) : 0);
}

void wg__hold_that(wg__trial *t, bool truth, const char *what) {
    t->report->checks++;
    if (!truth) wg__fail_text(t, what);
}

void wg__hold_slope(wg__trial *t, double got, wg__curve *f, void *user, double slack) {
    wg__slope slope[WG__RUNS];
    int best = 0;
    wg__verdict verdict = wg__consensus(f, user, got, slack, slope, &best);
    if (verdict == WG__DIFFERS && wg__has_kink(f, user)) verdict = WG__UNDECIDED;
    t->report->checks++;
    t->tally->measured += verdict != WG__UNDECIDED;
    t->report->inconclusive += verdict == WG__UNDECIDED;
    if (verdict != WG__DIFFERS) return;
    if (t->watch) t->watch->hard = true;
    double bound = WG__ERRORS * slope[best].error + WG__NEAR * fabs(got) + slack;
    fail_numbers(t, -1, (double[]){ got, slope[best].value, bound });
}

/* An error that an oracle did not provoke is a failure of its own. */
void wg__hold_no_error(wg__trial *t) {
    if (wg_error() == WG_OK) return;
    char what[700];
    snprintf(what, sizeof what, "unexpected error: %s", wg_error_message());
    wg__fail_text(t, what);
    wg_error_clear();
}

/* ---- looking again --------------------------------------------------------------------------- */

// Numbers 1 to 3 units in the last place away, in f32 of that; NULL after reporting.
static double *nudged(const wg__trial *t, const double *from, int64_t n, wg_random *r) {
    double unit = t->dtype == WG_F32 ? 0x1p-23 : 0x1p-52;
    double *to = wg__scratch(n);
    for (int64_t k = 0; to && k < n; k++) {
        double steps = (double)(1 + wg_random_below(r, 3));
        double x = from[k] * (1 + (wg_random_u64(r) & 1 ? unit : -unit) * steps);
        to[k] = t->dtype == WG_F32 ? (float)x : x;
    }
    return to;
}

// Directions as well, where they have been computed and have rounding of their own.
static bool nudge(wg__trial *t, wg_random *r) {
    for (int i = 0; i < t->sample->inputs; i++) {
        if (!wg__bit(t->floats, i)) continue;
        t->value[i] = nudged(t, t->value[i], wg__size(t, i), r);
        if (t->computed && t->u[i]) t->u[i] = nudged(t, t->u[i], wg__size(t, i), r);
        if (!t->value[i]) return false;
    }
    return true;
}

/* Six probes see only a part of the spread, which a bad draw of roundings leaves several times
   smaller than it can be; 30 has room for that. It hides little: to pass for scatter, an error must
   be within 30 of what the last bits of the inputs do to the result anyway. */
static const double SCATTER = 30;

static bool all_scatter(const wg__watch *w) {
    for (int k = 0; k < w->count; k++) {
        const wg__suspect *s = &w->suspect[k];
        double noise = s->got_high - s->got_low + (s->want_high - s->want_low);
        if (!(s->gap <= SCATTER * noise)) return false;
    }
    return w->count > 0;
}

static bool is_ill_conditioned(const wg__trial *whole, wg__watch *w, wg__oracle *check) {
    enum { PROBES = 6 };
    wg_check_report ignored = { 0 };
    wg__tally tally = { 0 };
    wg_random r = { .seed = 6 };
    w->again = true;
    for (int k = 0; k < PROBES; k++) {
        wg__trial t = *whole;
        wg_scope *scope = wg_scope_open();
        t.report = &ignored, t.tally = &tally;
        w->ordinal = 0;
        if (scope && nudge(&t, &r)) check(&t);
        wg_scope_close(scope);
        wg_error_clear();
    }
    return all_scatter(w);
}

void wg__consult(wg__trial *t, const char *name, wg__oracle *check) {
    wg_check_report *report = t->report, before = { .failures = report->failures };
    wg__watch w = { .count = 0 };
    wg__layout layout = t->layout;
    wg_scope *scope = wg_scope_open();
    t->oracle = name;
    t->shape = NULL, t->input = -1, t->strict = false;
    bool first = t->ladder && report->failures == 0;
    t->watch = first ? &w : NULL;
    if (scope) check(t);
    wg__hold_no_error(t);
    t->layout = layout;
    if (first && report->failures > before.failures && !w.hard &&
        is_ill_conditioned(t, &w, check)) {
        report->failures = 0;
        report->text[0] = 0;
        report->inconclusive++;
    }
    t->watch = NULL;
    wg_scope_close(scope);
}
