// SPDX-License-Identifier: MIT
/* test_schedule.c: schedules follow their papers' formulas and PyTorch's rates, have the values
   that they promise at the start, at the ends and beyond, and reach the update. */
#include <stdio.h>

#include "io/io.h"
#include "tests/nn_test.h"

enum { LAST = 100 };

static double slower(int64_t t, void *user) { return 1 / (1 + *(const double *)user * (double)t); }
static double tenth = 0.1;

/* ---- one table: made, its ends, its direction ------------------------------------------------ */

static wg_schedule constant(void) { return wg_schedule_constant(0.25); }
static wg_schedule nothing(void) { return (wg_schedule){ 0 }; }
static wg_schedule step(void) { return wg_schedule_step(30, 0.3); }
static wg_schedule exponential(void) { return wg_schedule_exponential(0.95); }
static wg_schedule linear(void) { return wg_schedule_linear(0.25, 0.75, 60); }
static wg_schedule warmup(void) { return wg_schedule_warmup(50); }
static wg_schedule polynomial(void) { return wg_schedule_polynomial(70, 2.5, 0); }
static wg_schedule polynomial_ended(void) { return wg_schedule_polynomial(70, 2, 0.125); }
static wg_schedule cosine(void) { return wg_schedule_cosine(100, 0.02); }
static wg_schedule own(void) { return wg_schedule_own(slower, &tenth); }
static wg_schedule inverse_sqrt(void) { return wg_schedule_inverse_sqrt(20); }
static wg_schedule multistep(void) {
    return wg_schedule_multistep((wg_multistep_options){ .at = { 10, 11, 50, 99 } });
}
static wg_schedule restarts(void) {
    return wg_schedule_restarts((wg_restarts_options){ .period = 13 });
}
static wg_schedule restarts_growing(void) {
    return wg_schedule_restarts((wg_restarts_options){ .period = 13, .growth = 2, .least = 0.1 });
}
static wg_schedule one_cycle(void) {
    return wg_schedule_one_cycle((wg_one_cycle_options){ .steps = 101 });
}
static wg_schedule one_cycle_linear(void) {
    return wg_schedule_one_cycle((wg_one_cycle_options){
        .steps = 101, .rise = 0.45, .start = 0.1, .end = 0.002, .linear = true });
}
static wg_schedule one_cycle_three(void) {
    return wg_schedule_one_cycle(
        (wg_one_cycle_options){ .steps = 101, .rise = 0.4, .three_phase = true });
}
static wg_schedule cyclic(void) {
    return wg_schedule_cyclic((wg_cyclic_options){ .rise = 12, .fall = 20, .least = 0.1 });
}
static wg_schedule cyclic_halving(void) {
    return wg_schedule_cyclic((wg_cyclic_options){ .rise = 9, .least = 0.1, .halve = true });
}
static wg_schedule cyclic_decaying(void) {
    return wg_schedule_cyclic(
        (wg_cyclic_options){ .rise = 9, .fall = 4, .least = 0.1, .decay = 0.98 });
}
static wg_schedule wsd(void) {
    return wg_schedule_wsd(
        (wg_wsd_options){ .warmup = 10, .stable = 40, .decay = 30, .least = 0.1 });
}
static wg_schedule wsd_sqrt(void) {
    return wg_schedule_wsd(
        (wg_wsd_options){ .warmup = 10, .stable = 40, .decay = 30, .least = 0.1, .sqrt = true });
}
static wg_schedule sequence(void) {
    return wg_schedule_then(wg_schedule_warmup(20), 20, wg_schedule_cosine(80, 0.1));
}
static wg_schedule third_first(void) {
    return wg_schedule_then(wg_schedule_constant(1.0 / 3), 30, (wg_schedule){ 0 });
}

typedef struct schedule_case {
    const char *name;
    wg_schedule (*make)(void);
    double first;  // at t = 0
    int64_t top;   // never falls before, never rises from here on; -1: neither
    double at_top;
    int64_t end;         // where it ends; -1: nowhere
    double last;         // there and beyond
    const char *golden;  // NULL: PyTorch has none
} schedule_case;

// 13 + 26 + 52 = 91 is where the fourth of the growing cycles begins.
static const schedule_case cases[] = {
    { "constant", constant, 0.25, 0, 0.25, 0, 0.25, NULL },
    { "nothing", nothing, 1, 0, 1, 0, 1, NULL },
    { "constant, then 1", third_first, 1.0 / 3, 30, 1, 30, 1, "constant" },
    { "step", step, 1, 29, 1, -1, 0, "step" },
    { "multistep", multistep, 1, 9, 1, 99, 1e-4, "multistep" },
    { "exponential", exponential, 1, 0, 1, -1, 0, "exponential" },
    { "linear", linear, 0.25, 60, 0.75, 60, 0.75, "linear" },
    { "warmup", warmup, 1.0 / 51, 50, 1, 50, 1, "warmup" },
    { "polynomial", polynomial, 1, 0, 1, 70, 0, "polynomial" },
    { "polynomial, ended", polynomial_ended, 1, 0, 1, 70, 0.125, NULL },
    { "cosine", cosine, 1, 0, 1, 100, 0.02, "cosine" },
    { "restarts", restarts, 1, -1, 1, -1, 0, "restarts" },
    { "restarts, growing", restarts_growing, 1, -1, 1, -1, 0, "restarts_growing" },
    { "one cycle", one_cycle, 0.04, -1, 1, 100, 0.04 / 1e4, "one_cycle" },
    { "one cycle, linear", one_cycle_linear, 0.1, -1, 1, 100, 0.002, "one_cycle_linear" },
    { "one cycle, three", one_cycle_three, 0.04, -1, 1, 100, 0.04 / 1e4, "one_cycle_three" },
    { "cyclic", cyclic, 0.1, -1, 1, -1, 0, "cyclic" },
    { "cyclic, halving", cyclic_halving, 0.1, -1, 1, -1, 0, "cyclic_halving" },
    { "cyclic, decaying", cyclic_decaying, 0.1, -1, 1, -1, 0, "cyclic_decaying" },
    { "inverse sqrt", inverse_sqrt, 0.05, 19, 1, -1, 0, "inverse_sqrt" },
    { "wsd", wsd, 1.0 / 11, 50, 1, 80, 0.1, "wsd" },
    { "wsd, sqrt", wsd_sqrt, 1.0 / 11, 50, 1, 80, 0.1, "wsd_sqrt" },
    { "own", own, 1, 0, 1, -1, 0, "own" },
    { "sequence", sequence, 1.0 / 21, 20, 1, 100, 0.1, "sequence" },
};

// The formula is one or two operations from these numbers, each of which rounds.
static const double ROUNDED = 4 * 0x1p-53;

START_TEST(each_starts_and_ends_where_it_says) {
    const schedule_case *c = &cases[_i];
    wg_schedule s = c->make();
    expect_no_error();
    expect_close(wg_schedule_at(&s, 0), c->first, ROUNDED, c->name);
    if (c->top >= 0) ck_assert_double_eq(wg_schedule_at(&s, c->top), c->at_top);
    static const int64_t beyond[] = { 0, 1, 7, 1000, (int64_t)1 << 40, INT64_MAX - 200 };
    for (int k = 0; c->end >= 0 && k < COUNT(beyond); k++)
        expect_close(wg_schedule_at(&s, c->end + beyond[k]), c->last, ROUNDED, c->name);
    for (int k = 0; k < COUNT(beyond); k++)
        ck_assert(wg_schedule_at(&s, beyond[k]) >= 0 && wg_schedule_at(&s, beyond[k]) <= 1);
}
END_TEST

START_TEST(each_rises_to_its_top_and_falls_from_it) {
    const schedule_case *c = &cases[_i];
    wg_schedule s = c->make();
    for (int64_t t = 0; c->top >= 0 && t < 3 * LAST; t++) {
        double now = wg_schedule_at(&s, t), next = wg_schedule_at(&s, t + 1);
        ck_assert_msg(t < c->top ? next >= now : next <= now, "%s: %.17g at %d, then %.17g",
                      c->name, now, (int)t, next);
    }
    ck_assert(isnan(wg_schedule_at(&s, -1)));
}
END_TEST

START_TEST(each_has_the_rates_of_pytorch) {
    const schedule_case *c = &cases[_i];
    if (!c->golden) return;
    char path[200];
    snprintf(path, sizeof path, "tests/golden_optim/schedule_%s.npy", c->golden);
    wg_tensor *want = wg_io_load_npy(path);  // (LAST + 1,)
    ck_assert_msg(want != NULL, "%s", wg_error_message());
    ck_assert_int_eq(wg_numel(want), LAST + 1);
    wg_schedule s = c->make();
    // Many of theirs are made from the rate before, by up to 100 products, each rounded; the cosine
    // near its end also from 1 + cos, which has cancelled to a thousandth.
    for (int64_t t = 0; t <= LAST; t++) {
        double rate = element(want, t), bound = 1e-13 * rate + 1e-15;
        expect_close(0.5 * wg_schedule_at(&s, t), rate, bound, c->name);
    }
}
END_TEST

/* ---- peaks and valleys of those that have several -------------------------------------------- */

typedef struct point {
    wg_schedule (*make)(void);
    int64_t t;
    double factor;
} point;
static const point points[] = {
    { restarts, 13, 1 },
    { restarts, 26, 1 },
    { restarts_growing, 13, 1 },
    { restarts_growing, 39, 1 },
    { restarts_growing, 91, 1 },
    { restarts_growing, 26, 0.55 },
    { cyclic, 12, 1 },
    { cyclic, 32, 0.1 },
    { cyclic, 44, 1 },
    { cyclic, 22, 0.55 },
    { cyclic, 32 * 1000 + 12, 1 },
    { cyclic_halving, 9, 1 },
    { cyclic_halving, 27, 0.55 },
    { cyclic_halving, 45, 0.325 },
    { cyclic_halving, 36, 0.1 },
    { step, 29, 1 },
    { step, 30, 0.3 },
    { step, 60, 0.09 },
    { multistep, 9, 1 },
    { multistep, 10, 0.1 },
    { multistep, 11, 0.01 },
    { inverse_sqrt, 79, 0.5 },
    { inverse_sqrt, 9, 0.5 },
    { cosine, 50, 0.51 },
    { linear, 30, 0.5 },
    { wsd, 65, 0.55 },
    { own, 10, 0.5 },
    { exponential, 2, 0.9025 },
    { wsd, 9, 10.0 / 11 },
    { wsd, 10, 1 },
};

START_TEST(known_points_are_met) {
    const point *p = &points[_i];
    wg_schedule s = p->make();
    // cos and pow are within a unit or two, and their arguments rounded.
    expect_close(wg_schedule_at(&s, p->t), p->factor, 8 * 0x1p-53, "a known point");
}
END_TEST

START_TEST(one_cycle_peaks_at_its_rise) {
    wg_schedule s = wg_schedule_one_cycle((wg_one_cycle_options){ .steps = 100 });
    ck_assert_double_eq(wg_schedule_at(&s, 29), 1);
    ck_assert_double_eq(wg_schedule_at(&s, 0), 0.04);
    wg_schedule three = wg_schedule_one_cycle(
        (wg_one_cycle_options){ .steps = 100, .rise = 0.25, .three_phase = true, .linear = true });
    ck_assert_double_eq(wg_schedule_at(&three, 24), 1);
    ck_assert_double_eq(wg_schedule_at(&three, 48), 0.04);
    for (int64_t n = 1; n < 5; n++) {  // too short to rise
        wg_schedule few = wg_schedule_one_cycle((wg_one_cycle_options){ .steps = n });
        for (int64_t t = 0; t < 6; t++)
            ck_assert(wg_schedule_at(&few, t) > 0 && wg_schedule_at(&few, t) <= 1);
        ck_assert_double_eq(wg_schedule_at(&few, 6), 0.04 / 1e4);
    }
}
END_TEST

START_TEST(warmup_stable_decay_takes_two_pieces) {
    ck_assert_int_eq(wsd().pieces, 2);
    ck_assert_int_eq(wsd_sqrt().pieces, 2);
    ck_assert_int_eq(wg_schedule_wsd((wg_wsd_options){ .decay = 5 }).pieces, 2);
}
END_TEST

/* ---- putting together ------------------------------------------------------------------------ */

START_TEST(then_is_the_one_and_then_the_other) {
    wg_schedule a = cyclic(), b = restarts_growing(), ab = wg_schedule_then(a, 17, b);
    for (int64_t t = 0; t < 300; t++)
        ck_assert_double_eq(wg_schedule_at(&ab, t),
                            t < 17 ? wg_schedule_at(&a, t) : wg_schedule_at(&b, t - 17));
}
END_TEST

START_TEST(then_can_be_grouped_either_way) {
    wg_schedule a = cosine(), b = cyclic(), c = own();
    wg_schedule left = wg_schedule_then(wg_schedule_then(a, 20, b), 50, c);
    wg_schedule right = wg_schedule_then(a, 20, wg_schedule_then(b, 30, c));
    for (int64_t t = 0; t < 300; t++)
        ck_assert_double_eq(wg_schedule_at(&left, t), wg_schedule_at(&right, t));
    // A cut before the first one's end leaves nothing of what came after it.
    wg_schedule early = wg_schedule_then(wg_schedule_then(a, 20, b), 5, c);
    for (int64_t t = 0; t < 60; t++)
        ck_assert_double_eq(wg_schedule_at(&early, t),
                            t < 5 ? wg_schedule_at(&a, t) : wg_schedule_at(&c, t - 5));
}
END_TEST

START_TEST(times_is_the_product) {
    wg_schedule a = sequence(), b = exponential(), ab = wg_schedule_times(a, b);
    for (int64_t t = 0; t < 300; t++)  // two or three factors, in one order or another
        expect_close(wg_schedule_at(&ab, t), wg_schedule_at(&a, t) * wg_schedule_at(&b, t),
                     2 * 0x1p-53, "product");
    // and a part of a sequence
    wg_schedule s = wg_schedule_then(ab, 30, wg_schedule_constant(0.5));
    ck_assert_double_eq(wg_schedule_at(&s, 29), wg_schedule_at(&ab, 29));
    ck_assert_double_eq(wg_schedule_at(&s, 30), 0.5);
}
END_TEST

START_TEST(more_pieces_than_fit_are_refused) {
    wg_schedule s = exponential();
    for (int k = 1; k < WG_SCHEDULE_PIECES; k++) s = wg_schedule_then(s, 10, exponential());
    expect_no_error();
    ck_assert_double_eq(wg_schedule_at(&s, 0), 1);
    s = wg_schedule_times(s, exponential());
    expect_error(WG_ERROR_ARGUMENT, "schedule_times: 8 pieces and 1, at most 8");
    ck_assert(isnan(wg_schedule_at(&s, 0)));
    wg_schedule_then(s, 3, exponential());
    expect_error(WG_ERROR_ARGUMENT, "schedule_then: a schedule that was refused");
    wg_schedule_then(exponential(), -1, exponential());
    expect_error(WG_ERROR_ARGUMENT, "schedule_then: steps is -1");
}
END_TEST

/* ---- wrong use ------------------------------------------------------------------------------- */

static const char *const mistakes[] = {
    "schedule_constant: the factor is -1",
    "schedule_constant: the factor is nan",
    "schedule_step: every is 0",
    "schedule_step: the factor is -0.5",
    "schedule_exponential: the factor is inf",
    "schedule_linear: from is -1",
    "schedule_linear: to is nan",
    "schedule_linear: steps is 0",
    "schedule_warmup: steps is -3",
    "schedule_polynomial: steps is 0",
    "schedule_polynomial: power is -2",
    "schedule_polynomial: least is 1.5",
    "schedule_cosine: steps is 9223372036854775807",
    "schedule_cosine: least is -0.1",
    "schedule_inverse_sqrt: warmup is 0",
    "schedule_multistep: at[0] is 0",
    "schedule_multistep: at[2] is 5, behind 7",
    "schedule_multistep: at[2] is 9, behind 0",
    "schedule_multistep: the factor is -1",
    "schedule_restarts: period is 0",
    "schedule_restarts: growth is -1",
    "schedule_restarts: least is 2",
    "schedule_one_cycle: steps is 0",
    "schedule_one_cycle: rise is 1.5",
    "schedule_one_cycle: start is 25",
    "schedule_one_cycle: end is nan",
    "schedule_one_cycle: rise is 0.6, at most 0.5 with three phases",
    "schedule_cyclic: rise is 0",
    "schedule_cyclic: fall is -1",
    "schedule_cyclic: least is 2",
    "schedule_cyclic: halve and a decay of 0.9",
    "schedule_wsd: warmup is -1",
    "schedule_wsd: stable is -1",
    "schedule_wsd: decay is 0",
    "schedule_wsd: least is 7",
    "schedule_own: the function is NULL",
};

static wg_schedule make_mistake(int which) {
    switch (which) {
    case 0: return wg_schedule_constant(-1);
    case 1: return wg_schedule_constant(NAN);
    case 2: return wg_schedule_step(0, 0.5);
    case 3: return wg_schedule_step(1, -0.5);
    case 4: return wg_schedule_exponential(INFINITY);
    case 5: return wg_schedule_linear(-1, 1, 3);
    case 6: return wg_schedule_linear(1, NAN, 3);
    case 7: return wg_schedule_linear(1, 1, 0);
    case 8: return wg_schedule_warmup(-3);
    case 9: return wg_schedule_polynomial(0, 1, 0);
    case 10: return wg_schedule_polynomial(1, -2, 0);
    case 11: return wg_schedule_polynomial(1, 2, 1.5);
    case 12: return wg_schedule_cosine(INT64_MAX, 0);
    case 13: return wg_schedule_cosine(9, -0.1);
    case 14: return wg_schedule_inverse_sqrt(0);
    case 15: return wg_schedule_multistep((wg_multistep_options){ .factor = 0.5 });
    case 16: return wg_schedule_multistep((wg_multistep_options){ .at = { 3, 7, 5 } });
    case 17: return wg_schedule_multistep((wg_multistep_options){ .at = { 3, 0, 9 } });
    case 18: return wg_schedule_multistep((wg_multistep_options){ .at = { 3 }, .factor = -1 });
    case 19: return wg_schedule_restarts((wg_restarts_options){ .least = 0.1 });
    case 20: return wg_schedule_restarts((wg_restarts_options){ .period = 5, .growth = -1 });
    case 21: return wg_schedule_restarts((wg_restarts_options){ .period = 5, .least = 2 });
    case 22: return wg_schedule_one_cycle((wg_one_cycle_options){ .rise = 0.1 });
    case 23: return wg_schedule_one_cycle((wg_one_cycle_options){ .steps = 9, .rise = 1.5 });
    case 24: return wg_schedule_one_cycle((wg_one_cycle_options){ .steps = 9, .start = 25 });
    case 25: return wg_schedule_one_cycle((wg_one_cycle_options){ .steps = 9, .end = NAN });
    case 26:
        return wg_schedule_one_cycle(
            (wg_one_cycle_options){ .steps = 9, .rise = 0.6, .three_phase = true });
    case 27: return wg_schedule_cyclic((wg_cyclic_options){ .fall = 3 });
    case 28: return wg_schedule_cyclic((wg_cyclic_options){ .rise = 2, .fall = -1 });
    case 29: return wg_schedule_cyclic((wg_cyclic_options){ .rise = 2, .least = 2 });
    case 30: return wg_schedule_cyclic((wg_cyclic_options){ 2, 2, 0, 0.9, true });
    case 31: return wg_schedule_wsd((wg_wsd_options){ .warmup = -1, .decay = 3 });
    case 32: return wg_schedule_wsd((wg_wsd_options){ .stable = -1, .decay = 3 });
    case 33: return wg_schedule_wsd((wg_wsd_options){ .warmup = 1 });
    case 34: return wg_schedule_wsd((wg_wsd_options){ .decay = 1, .least = 7 });
    default: return wg_schedule_own(NULL, NULL);
    }
}

START_TEST(a_mistake_is_told_and_no_optimiser_takes_it) {
    wg_schedule s = make_mistake(_i);
    expect_error(WG_ERROR_ARGUMENT, mistakes[_i]);
    ck_assert(isnan(wg_schedule_at(&s, 0)));
    wg_nn *m = wg_nn_new(1);
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 0.5 });
    ck_assert(!wg_optim_schedule(o, s));
    expect_error(WG_ERROR_ARGUMENT, "optim_schedule: a schedule that was refused");
    ck_assert_double_eq(wg_optim_rate_now(o), 0.5);
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

START_TEST(null_and_pending_errors_are_no_trouble) {
    ck_assert(isnan(wg_schedule_at(NULL, 0)));
    ck_assert(isnan(wg_optim_rate_now(NULL)));
    ck_assert(!wg_optim_schedule(NULL, cosine()));
    expect_error(WG_ERROR_ARGUMENT, "optim_schedule: the optimiser is NULL");
    wg_fail(WG_ERROR_STATE, "first");
    wg_schedule s = cosine();
    ck_assert(isnan(wg_schedule_at(&s, 0)));
    expect_error(WG_ERROR_STATE, "first");
}
END_TEST

/* ---- with an optimiser ----------------------------------------------------------------------- */

// One step with a gradient of ones.
static bool step_by_ones(wg_optim *o, wg_tensor *w) {
    wg_scope *scope = wg_scope_open();
    bool done = wg_backward(wg_sum(w)) && wg_optim_step(o);
    wg_optim_clear(o);
    wg_scope_close(scope);
    return done;
}

START_TEST(a_step_uses_the_rate_times_the_factor) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = wg_nn_param(m, "w", WG_F64, WG_SHAPE(3), (wg_init){ .kind = WG_INIT_ZEROS });
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 0.5 });
    wg_schedule s = wg_schedule_then(wg_schedule_warmup(4), 4, wg_schedule_cosine(6, 0.1));
    ck_assert(wg_optim_schedule(o, s));
    double want = 0;
    for (int64_t t = 0; t < 15; t++) {
        ck_assert_double_eq(wg_optim_rate_now(o), 0.5 * wg_schedule_at(&s, t));
        ck_assert(step_by_ones(o, w));
        want -= 0.5 * wg_schedule_at(&s, t);
        ck_assert_double_eq(element(w, 0), want);  // the same operations in the same order
        ck_assert_double_eq(wg_optim_rate(o), 0.5);
    }
    ck_assert(wg_optim_set_rate(o, 2));  // under the schedule
    ck_assert_double_eq(wg_optim_rate_now(o), 0.2);
    ck_assert(wg_optim_schedule(o, (wg_schedule){ 0 }));
    ck_assert(step_by_ones(o, w));
    ck_assert_double_eq(element(w, 0), want - 2);
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

static double given(int64_t t, void *user) { return ((const double *)user)[t]; }

START_TEST(a_factor_that_is_no_rate_changes_nothing) {
    static double factor[] = { 1, 0, -0.25, 1 };
    factor[2] = (double[]){ -0.25, NAN, INFINITY }[_i];
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w =
        wg_nn_param(m, "w", WG_F64, WG_SHAPE(3), (wg_init){ .kind = WG_INIT_CONSTANT, .a = 1 });
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 0.5, .momentum = 0.5 });
    ck_assert(wg_optim_schedule(o, wg_schedule_own(given, factor)));
    ck_assert(step_by_ones(o, w) && step_by_ones(o, w));
    ck_assert_double_eq(element(w, 0), 0.5);  // the second with a rate of 0
    ck_assert(!step_by_ones(o, w));
    expect_error(WG_ERROR_STATE, "optim_step: the schedule's factor of step 2 is");
    ck_assert_double_eq(element(w, 0), 0.5);
    ck_assert_int_eq(wg_optim_steps(o), 2);
    factor[2] = 1;
    wg_optim_clear(o);
    ck_assert(step_by_ones(o, w));
    ck_assert_double_eq(element(w, 0), 0.5 - 0.5 * 1.75);  // v = 1, 1.5, 1.75: it was kept
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

/* ---- plateau --------------------------------------------------------------------------------- */

typedef struct plateau_case {
    const char *golden;
    wg_plateau plateau;
} plateau_case;
static const plateau_case plateaus[] = {
    { "default", { .patience = 3 } },
    { "larger",
      { .larger = true, .patience = 2, .factor = 0.5, .threshold = 0.01, .cooldown = 4 } },
    { "absolute", { .absolute = true, .factor = 0.8, .threshold = 0.05, .least = 0.1 } },
    { "larger_absolute",
      { .larger = true,
        .absolute = true,
        .patience = 5,
        .factor = 0.3,
        .threshold = 0.02,
        .cooldown = 1 } },
};

START_TEST(a_plateau_has_the_rates_of_pytorch) {
    char path[200];
    snprintf(path, sizeof path, "tests/golden_optim/plateau_%s.npy", plateaus[_i].golden);
    wg_tensor *table = wg_io_load_npy(path);  // (2, LAST): measured, rate
    ck_assert_msg(table != NULL, "%s", wg_error_message());
    wg_nn *m = wg_nn_new(1);
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 0.5 });
    wg_plateau p = plateaus[_i].plateau;
    for (int64_t t = 0; t < LAST; t++) {
        double rate = element(table, LAST + t);
        if (rate < 2e-8) break;  // theirs leaves changes below 1e-8 out
        ck_assert(wg_plateau_step(&p, o, element(table, t)));
        expect_close(wg_optim_rate(o), rate, 1e-15, plateaus[_i].golden);  // a few products
    }
    ck_assert_int_gt(p.lowered, 1);
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

static double rate_after(wg_plateau *p, wg_optim *o, double value) {
    ck_assert_msg(wg_plateau_step(p, o, value), "%s", wg_error_message());
    return wg_optim_rate(o);
}

START_TEST(patience_cooldown_and_the_least_rate_are_kept) {
    wg_nn *m = wg_nn_new(1);
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 1 });
    wg_plateau p = { .patience = 1, .cooldown = 2, .factor = 0.25, .least = 0.125 };
    ck_assert_double_eq(rate_after(&p, o, 5), 1);
    ck_assert_double_eq(rate_after(&p, o, 5), 1);       // bad
    ck_assert_double_eq(rate_after(&p, o, NAN), 0.25);  // and again
    for (int k = 0; k < 3; k++)                         // two cool down, one is bad
        ck_assert_double_eq(rate_after(&p, o, 6), 0.25);
    ck_assert_double_eq(rate_after(&p, o, 4), 0.25);         // better
    ck_assert_double_eq(rate_after(&p, o, 4 - 3e-4), 0.25);  // by less than the threshold: bad
    ck_assert_double_eq(rate_after(&p, o, 4), 0.125);
    for (int k = 0; k < 20; k++) ck_assert_double_eq(rate_after(&p, o, 4), 0.125);
    ck_assert_int_eq(p.lowered, 2);
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

START_TEST(a_first_value_of_nan_is_no_best_one) {
    wg_nn *m = wg_nn_new(1);
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 1 });
    wg_plateau p = { .patience = 1 };
    ck_assert_double_eq(rate_after(&p, o, NAN), 1);
    ck_assert_double_eq(rate_after(&p, o, 1e300), 1);
    ck_assert_double_eq(p.best, 1e300);
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

START_TEST(mistakes_with_a_plateau_are_told) {
    wg_nn *m = wg_nn_new(1);
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 1 });
    static const plateau_case wrong[] = {
        { "the factor is 1", { .factor = 1 } },
        { "the threshold is -1", { .threshold = -1 } },
        { "least is nan", { .least = NAN } },
        { "patience -2 and cooldown 0", { .patience = -2 } },
        { "patience 0 and cooldown -1", { .cooldown = -1 } },
    };
    for (int k = 0; k < COUNT(wrong); k++) {
        wg_plateau p = wrong[k].plateau;
        ck_assert(!wg_plateau_step(&p, o, 1));
        expect_error(WG_ERROR_ARGUMENT, wrong[k].golden);
        ck_assert_int_eq(p.calls, 0);
    }
    wg_plateau p = { 0 };
    ck_assert(!wg_plateau_step(NULL, o, 1));
    expect_error(WG_ERROR_ARGUMENT, "plateau_step: the plateau is NULL");
    ck_assert(!wg_plateau_step(&p, NULL, 1));
    expect_error(WG_ERROR_ARGUMENT, "plateau_step: the optimiser is NULL");
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("schedule");
    TCase *each = add_cases(suite, "each");
    ADD_TABLE(each, each_starts_and_ends_where_it_says, cases);
    ADD_TABLE(each, each_rises_to_its_top_and_falls_from_it, cases);
    ADD_TABLE(each, each_has_the_rates_of_pytorch, cases);
    ADD_TABLE(each, known_points_are_met, points);
    tcase_add_test(each, one_cycle_peaks_at_its_rise);
    tcase_add_test(each, warmup_stable_decay_takes_two_pieces);
    TCase *together = add_cases(suite, "together");
    tcase_add_test(together, then_is_the_one_and_then_the_other);
    tcase_add_test(together, then_can_be_grouped_either_way);
    tcase_add_test(together, times_is_the_product);
    tcase_add_test(together, more_pieces_than_fit_are_refused);
    TCase *wrong = add_cases(suite, "mistakes");
    ADD_TABLE(wrong, a_mistake_is_told_and_no_optimiser_takes_it, mistakes);
    tcase_add_test(wrong, null_and_pending_errors_are_no_trouble);
    TCase *steps = add_cases(suite, "steps");
    tcase_add_test(steps, a_step_uses_the_rate_times_the_factor);
    tcase_add_loop_test(steps, a_factor_that_is_no_rate_changes_nothing, 0, 3);
    TCase *plateau = add_cases(suite, "plateau");
    ADD_TABLE(plateau, a_plateau_has_the_rates_of_pytorch, plateaus);
    tcase_add_test(plateau, patience_cooldown_and_the_least_rate_are_kept);
    tcase_add_test(plateau, a_first_value_of_nan_is_no_best_one);
    tcase_add_test(plateau, mistakes_with_a_plateau_are_told);
    return run_suite(suite);
}
