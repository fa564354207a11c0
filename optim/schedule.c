// SPDX-License-Identifier: MIT
/* schedule.c: factors of the rate, step by step. A schedule is a product of pieces, each with a
   range of steps: "first this, then that" cuts the one's ranges off and moves the other's, so that
   all combinations are such products again, and values. */
#include <math.h>

#include "optim/optim_impl.h"

static const double PI = 3.14159265358979323846;
typedef wg_schedule_piece piece;

/* ---- the formulas; t from 0 on --------------------------------------------------------------- */

static double lower(int64_t a, double b) { return (double)a < b ? (double)a : b; }
static double half_cosine(double x) { return (1 + cos(PI * x)) / 2; }  // x: 0 to 1; 1 to 0
// From 1 down to `least` as x goes from 1 to 0; exact at both.
static double above(double least, double x) { return least + (1 - least) * x; }

static double constant(const piece *p, int64_t t) { return (void)t, p->number[0]; }
static double own(const piece *p, int64_t t) { return p->own(t, p->user); }

static double stairs(const piece *p, int64_t t) {  // every, factor
    return pow(p->number[1], floor((double)t / p->number[0]));
}

static double linear(const piece *p, int64_t t) {  // from, to, steps
    double from = p->number[0], to = p->number[1], n = p->number[2];
    return (double)t < n ? from + (to - from) * ((double)t / n) : to;
}

static double polynomial(const piece *p, int64_t t) {  // steps, least, power
    return above(p->number[1], pow(1 - lower(t, p->number[0]) / p->number[0], p->number[2]));
}

static double cosine(const piece *p, int64_t t) {  // steps, least
    return above(p->number[1], half_cosine(lower(t, p->number[0]) / p->number[0]));
}

static double rooted(const piece *p, int64_t t) {  // steps, least
    return 1 - (1 - p->number[1]) * sqrt(lower(t, p->number[0]) / p->number[0]);
}

static double inverse_sqrt(const piece *p, int64_t t) {  // warmup
    double s = (double)t + 1, w = p->number[0];
    return fmin(s / w, sqrt(w / s));
}

enum { MILESTONES = 8 };
static double multistep(const piece *p, int64_t t) {  // MILESTONES steps, factor
    int passed = 0;
    while (passed < MILESTONES && p->number[passed] > 0 && p->number[passed] <= (double)t) passed++;
    return pow(p->number[MILESTONES], passed);
}

static double restarts(const piece *p, int64_t t) {  // period, least, growth
    int64_t n = (int64_t)p->number[0], growth = (int64_t)p->number[2], rest = t;
    if (growth == 1) rest %= n;
    for (; rest >= n; n = n > INT64_MAX / growth ? INT64_MAX : n * growth) rest -= n;
    return above(p->number[1], half_cosine((double)rest / (double)n));
}

// The three values that one cycle goes from and to, and the steps at which it has reached them.
typedef struct phase {
    double to, end;
} phase;

static double one_cycle(const piece *p, int64_t t) {  // steps, rise, start, end, linear, three
    double n = p->number[0], top = fmax(0, p->number[1] * n - 1);
    double start = p->number[2], end = p->number[3];
    phase to[] = { { start, 0 }, { 1, top }, { start, 2 * top }, { end, n - 1 } };
    if (p->number[5] == 0) to[2] = to[3];
    for (int k = 1; k < 4; k++) {
        if ((double)t > to[k].end || to[k].end <= to[k - 1].end) continue;
        double x = ((double)t - to[k - 1].end) / (to[k].end - to[k - 1].end);
        double left = p->number[4] != 0 ? 1 - x : half_cosine(x);
        return to[k].to * (1 - left) + to[k - 1].to * left;  // exact at both ends
    }
    return end;
}

static double cyclic(const piece *p, int64_t t) {  // rise, least, fall, decay, halve
    double rise = p->number[0], fall = p->number[2], cycle = floor((double)t / (rise + fall));
    double at = (double)t - cycle * (rise + fall);
    double height = at <= rise ? at / rise : (rise + fall - at) / fall;
    double scale = p->number[4] != 0 ? exp2(-cycle) : pow(p->number[3], (double)t);
    return above(p->number[1], height * scale);
}

double wg_schedule_at(const wg_schedule *s, int64_t t) {
    if (!s || t < 0 || s->pieces < 0 || s->pieces > WG_SCHEDULE_PIECES) return NAN;
    double factor = 1;
    for (const piece *p = s->piece; p < s->piece + s->pieces; p++)
        if (t >= p->from && t < p->until) factor *= p->factor(p, t - p->from);
    return factor;
}

/* ---- putting together ------------------------------------------------------------------------ */

static const wg_schedule refused = { .pieces = -1 };

static wg_schedule single(piece p) {
    p.until = INT64_MAX;
    return (wg_schedule){ 1, { p } };
}

static bool begin(void) {
    if (wg__pending()) return false;
    wg__where("");
    return true;
}

static bool counts(const char *what, const char *name, int64_t value, int64_t least) {
    if (value >= least && value <= (int64_t)1 << 53) return true;
    return wg_fail(WG_ERROR_ARGUMENT, "%s: %s is %lld, wanted is a number from %lld to 2^53", what,
                   name, (long long)value, (long long)least);
}

static bool part(const char *what, const char *name, double value) {
    if (value >= 0 && value <= 1) return true;
    return wg_fail(WG_ERROR_ARGUMENT, "%s: %s is %g, wanted is a number in [0, 1]", what, name,
                   value);
}

static bool positive(const char *what, const char *name, double value) {
    return wg__optim_check(what, name, value, INFINITY);
}

static bool joins(const char *what, const wg_schedule *a, const wg_schedule *b) {
    if (!begin()) return false;
    if (a->pieces < 0 || b->pieces < 0)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: a schedule that was refused when it was made", what);
    if (a->pieces + b->pieces <= WG_SCHEDULE_PIECES) return true;
    return wg_fail(WG_ERROR_ARGUMENT, "%s: %d pieces and %d, at most %d are kept", what, a->pieces,
                   b->pieces, WG_SCHEDULE_PIECES);
}

wg_schedule wg_schedule_times(wg_schedule a, wg_schedule b) {
    if (!joins("schedule_times", &a, &b)) return refused;
    for (int k = 0; k < b.pieces; k++) a.piece[a.pieces++] = b.piece[k];
    return a;
}

wg_schedule wg_schedule_then(wg_schedule first, int64_t steps, wg_schedule second) {
    if (!joins("schedule_then", &first, &second) || !counts("schedule_then", "steps", steps, 0))
        return refused;
    for (int k = 0; k < first.pieces; k++)
        if (first.piece[k].until > steps) first.piece[k].until = steps;
    for (int k = 0; k < second.pieces; k++) {
        piece *p = &second.piece[k];
        p->from += steps;
        if (p->until <= INT64_MAX - steps) p->until += steps;
    }
    return wg_schedule_times(first, second);
}

/* ---- making ---------------------------------------------------------------------------------- */

wg_schedule wg_schedule_own(double (*factor)(int64_t t, void *user), void *user) {
    if (!begin()) return refused;
    if (factor) return single((piece){ .factor = own, .own = factor, .user = user });
    wg_fail(WG_ERROR_ARGUMENT, "schedule_own: the function is NULL");
    return refused;
}

wg_schedule wg_schedule_constant(double factor) {
    if (!begin() || !positive("schedule_constant", "the factor", factor)) return refused;
    return single((piece){ .factor = constant, .number = { factor } });
}

wg_schedule wg_schedule_step(int64_t every, double factor) {
    if (!begin() || !counts("schedule_step", "every", every, 1) ||
        !positive("schedule_step", "the factor", factor))
        return refused;
    return single((piece){ .factor = stairs, .number = { (double)every, factor } });
}

wg_schedule wg_schedule_exponential(double factor) {
    if (!begin() || !positive("schedule_exponential", "the factor", factor)) return refused;
    return single((piece){ .factor = stairs, .number = { 1, factor } });
}

wg_schedule wg_schedule_linear(double from, double to, int64_t steps) {
    if (!begin() || !positive("schedule_linear", "from", from) ||
        !positive("schedule_linear", "to", to) || !counts("schedule_linear", "steps", steps, 1))
        return refused;
    return single((piece){ .factor = linear, .number = { from, to, (double)steps } });
}

wg_schedule wg_schedule_warmup(int64_t steps) {
    if (!begin() || !counts("schedule_warmup", "steps", steps, 0)) return refused;
    double n = (double)steps;
    return single((piece){ .factor = linear, .number = { 1 / (n + 1), 1, n } });
}

wg_schedule wg_schedule_polynomial(int64_t steps, double power, double least) {
    if (!begin() || !counts("schedule_polynomial", "steps", steps, 1) ||
        !positive("schedule_polynomial", "power", power) ||
        !part("schedule_polynomial", "least", least))
        return refused;
    return single((piece){ .factor = polynomial, .number = { (double)steps, least, power } });
}

wg_schedule wg_schedule_cosine(int64_t steps, double least) {
    if (!begin() || !counts("schedule_cosine", "steps", steps, 1) ||
        !part("schedule_cosine", "least", least))
        return refused;
    return single((piece){ .factor = cosine, .number = { (double)steps, least } });
}

wg_schedule wg_schedule_inverse_sqrt(int64_t warmup) {
    if (!begin() || !counts("schedule_inverse_sqrt", "warmup", warmup, 1)) return refused;
    return single((piece){ .factor = inverse_sqrt, .number = { (double)warmup } });
}

wg_schedule wg_schedule_multistep(wg_multistep_options o) {
    static const char what[] = "schedule_multistep";
    piece p = { .factor = multistep };
    if (!begin() || !positive(what, "the factor", o.factor) || !counts(what, "at[0]", o.at[0], 1))
        return refused;
    bool ended = false;
    for (int k = 0; k < MILESTONES; k++) {
        ended = ended || o.at[k] == 0;
        if (ended ? o.at[k] != 0 : k > 0 && !(o.at[k] > o.at[k - 1])) {
            wg_fail(WG_ERROR_ARGUMENT, "%s: at[%d] is %lld, behind %lld", what, k,
                    (long long)o.at[k], (long long)o.at[k - 1]);
            return refused;
        }
        p.number[k] = (double)o.at[k];
    }
    p.number[MILESTONES] = o.factor == 0 ? 0.1 : o.factor;
    return single(p);
}

wg_schedule wg_schedule_restarts(wg_restarts_options o) {
    static const char what[] = "schedule_restarts";
    if (!begin() || !counts(what, "period", o.period, 1) || !counts(what, "growth", o.growth, 0) ||
        !part(what, "least", o.least))
        return refused;
    double growth = o.growth == 0 ? 1 : (double)o.growth;
    return single((piece){ .factor = restarts, .number = { (double)o.period, o.least, growth } });
}

wg_schedule wg_schedule_one_cycle(wg_one_cycle_options o) {
    static const char what[] = "schedule_one_cycle";
    if (o.rise == 0) o.rise = 0.3;
    if (o.start == 0) o.start = 0.04;
    if (o.end == 0) o.end = o.start / 1e4;
    if (!begin() || !counts(what, "steps", o.steps, 1) || !part(what, "rise", o.rise) ||
        !part(what, "start", o.start) || !part(what, "end", o.end))
        return refused;
    if (o.three_phase && o.rise > 0.5) {
        wg_fail(WG_ERROR_ARGUMENT, "%s: rise is %g, at most 0.5 with three phases", what, o.rise);
        return refused;
    }
    return single(
        (piece){ .factor = one_cycle,
                 .number = { (double)o.steps, o.rise, o.start, o.end, o.linear, o.three_phase } });
}

wg_schedule wg_schedule_cyclic(wg_cyclic_options o) {
    static const char what[] = "schedule_cyclic";
    if (o.fall == 0) o.fall = o.rise;
    if (!begin() || !counts(what, "rise", o.rise, 1) || !counts(what, "fall", o.fall, 1) ||
        !part(what, "least", o.least) || !part(what, "decay", o.decay))
        return refused;
    if (o.halve && o.decay != 0) {
        wg_fail(WG_ERROR_ARGUMENT, "%s: halve and a decay of %g, wanted is one", what, o.decay);
        return refused;
    }
    double decay = o.decay == 0 ? 1 : o.decay;
    return single((piece){ .factor = cyclic,
                           .number = { (double)o.rise, o.least, (double)o.fall, decay, o.halve } });
}

wg_schedule wg_schedule_wsd(wg_wsd_options o) {
    static const char what[] = "schedule_wsd";
    if (!begin() || !counts(what, "warmup", o.warmup, 0) || !counts(what, "stable", o.stable, 0) ||
        !counts(what, "decay", o.decay, 1) || !part(what, "least", o.least))
        return refused;
    wg_schedule fall =
        o.sqrt ? single((piece){ .factor = rooted, .number = { (double)o.decay, o.least } })
               : wg_schedule_linear(1, o.least, o.decay);
    return wg_schedule_then(wg_schedule_warmup(o.warmup), o.warmup + o.stable, fall);
}

/* ---- with an optimiser ----------------------------------------------------------------------- */

bool wg_optim_schedule(wg_optim *o, wg_schedule s) {
    if (!begin()) return false;
    if (!o) return wg_fail(WG_ERROR_ARGUMENT, "optim_schedule: the optimiser is NULL");
    if (s.pieces < 0 || s.pieces > WG_SCHEDULE_PIECES)
        return wg_fail(WG_ERROR_ARGUMENT,
                       "optim_schedule: a schedule that was refused when it was made");
    o->schedule = s;
    return true;
}

double wg_optim_rate_now(const wg_optim *o) {
    return o ? wg_optim_rate(o) * wg_schedule_at(&o->schedule, o->steps) : NAN;
}

bool wg__schedule_factor(wg_optim *o) {
    double factor = wg_schedule_at(&o->schedule, o->steps);
    if (!(factor >= 0 && factor < INFINITY))
        return wg_fail(WG_ERROR_STATE, "optim_step: the schedule's factor of step %lld is %g",
                       (long long)o->steps, factor);
    o->factor = factor;
    return true;
}
