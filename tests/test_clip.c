// SPDX-License-Identifier: MIT
/* test_clip.c: clipping against its plain formulas. A rule that stores what it is handed shows what
   a step would use; the gradients themselves are never written to. */
#include "tensor/tensor_impl.h"
#include "tests/optim_test.h"

/* ---- a rule that shows its gradient ---------------------------------------------------------- */

static void keep(const wg_optim_call *c) {
    for (int64_t k = 0; k < c->n; k++)
        if (c->dtype == WG_F32)
            ((float *)c->w)[k] = (float)c->scale * ((const float *)c->g)[k];
        else
            ((double *)c->w)[k] = c->scale * ((const double *)c->g)[k];
}
static const wg_optim_rule keeper = { .name = "keeper", .update = keep };

// g is all of w's gradient, whatever it was.
static void give_only(wg_tensor *w, wg_tensor *g) {
    wg_clear_gradient(w);
    give(w, g);
}

/* ---- the formulas, on plain arrays ----------------------------------------------------------- */

enum { PARAMS = 5, MOST = 120 };
static const char *const names[PARAMS] = { "a/w", "a/b", "conv/w", "out/w", "s" };
static const wg_shape shapes[PARAMS] = { { .rank = 2, .dim = { 7, 9 } },
                                         { .rank = 1, .dim = { 7 } },
                                         { .rank = 4, .dim = { 5, 3, 2, 2 } },
                                         { .rank = 2, .dim = { 1, 11 } },
                                         { .rank = 0 } };
// How many units each has, by Brock et al. 2021: outputs; a vector or a number is one.
static const int64_t units[PARAMS] = { 7, 1, 5, 1, 1 };

typedef struct plain {
    int64_t n[PARAMS];
    double w[PARAMS][MOST], g[PARAMS][MOST];
} plain;

static double length(const double *x, int64_t n) {
    double sum = 0;
    for (int64_t k = 0; k < n; k++) sum += x[k] * x[k];
    return sqrt(sum);
}

static void by_value(plain *p, double most) {
    for (int i = 0; i < PARAMS; i++)
        for (int64_t k = 0; k < p->n[i]; k++) p->g[i][k] = fmax(-most, fmin(most, p->g[i][k]));
}

static void adaptive(plain *p, double factor, const char *skip) {
    for (int i = 0; i < PARAMS; i++) {
        if (skip && strcmp(names[i], skip) == 0) continue;
        int64_t size = p->n[i] / units[i];
        for (int64_t u = 0; u < units[i]; u++) {
            double *g = &p->g[i][u * size], w = length(&p->w[i][u * size], size);
            double most = factor * fmax(w, 1e-3), now = length(g, size);
            for (int64_t k = 0; now > most && k < size; k++) g[k] *= most / now;
        }
    }
}

static void by_norm(plain *p, double most) {
    double sum = 0;
    for (int i = 0; i < PARAMS; i++) sum += pow(length(p->g[i], p->n[i]), 2);
    double now = sqrt(sum);
    for (int i = 0; i < PARAMS && now > most; i++)
        for (int64_t k = 0; k < p->n[i]; k++) p->g[i][k] *= most / now;
}

typedef struct clip_case {
    const char *name;
    double value, factor, norm;  // 0: off
    const char *skip;
} clip_case;
static const clip_case cases[] = {
    { "nothing", 0, 0, 0, NULL },
    { "value", 0.7, 0, 0, NULL },
    { "value, none reached", 100, 0, 0, NULL },
    { "adaptive", 0, 0.05, 0, NULL },
    { "adaptive, some reached", 0, 1, 0, NULL },
    { "adaptive, one left out", 0, 0.05, 0, "out/w" },
    { "norm", 0, 0, 0.5, NULL },
    { "value and norm", 0.7, 0, 0.5, NULL },
    { "value and adaptive", 0.7, 1, 0, "conv/w" },
    { "adaptive and norm", 0, 1, 2, NULL },
    { "all", 0.7, 1, 2, "a/b" },
};

static void set(wg_optim *o, const clip_case *c) {
    ck_assert(wg_optim_clip_value(o, c->value));
    ck_assert(wg_optim_clip_adaptive(o, c->factor, c->skip));
    ck_assert(wg_optim_clip_norm(o, c->norm));
}

static void follow(const clip_case *c, wg_dtype dtype) {
    static plain p;
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w[PARAMS], *g[PARAMS];
    wg_optim *o = wg_optim_new(m, &keeper, 1, NULL, 0);
    set(o, c);
    for (int i = 0; i < PARAMS; i++) {
        w[i] = param(m, names[i], dtype, shapes[i]);
        if (i == 2) ck_assert(wg_copy(wg_select(w[i], 0, 1), wg_zeros(dtype, WG_SHAPE(3, 2, 2))));
        g[i] = normal(dtype, shapes[i], 10 + (uint64_t)i);
        give_only(w[i], g[i]);
        p.n[i] = wg_numel(w[i]);
        ck_assert(wg_read_f64(w[i], p.w[i], p.n[i]) && wg_read_f64(g[i], p.g[i], p.n[i]));
    }
    if (c->value > 0) by_value(&p, dtype == WG_F32 ? (double)(float)c->value : c->value);
    if (c->factor > 0) adaptive(&p, c->factor, c->skip);
    if (c->norm > 0) by_norm(&p, c->norm);
    ck_assert_msg(wg_optim_step(o), "%s", wg_error_message());
    // Two products, each by a factor rounded to the dtype; the norms themselves are sums in double
    // of a hundred squares, in some order.
    double unit = dtype == WG_F32 ? 0x1p-24 : 0x1p-53;
    for (int i = 0; i < PARAMS; i++) {
        expect_near(w[i], p.g[i], p.n[i], 6 * unit + 100 * 0x1p-53, 0);
        ck_assert(wg_equal(wg_gradient(w[i]), g[i]));
    }
    wg_nn_free(m), wg_optim_free(o);
}

START_TEST(each_follows_its_formula) {
    follow(&cases[_i], WG_F32);
    follow(&cases[_i], WG_F64);
}
END_TEST

/* ---- single properties ----------------------------------------------------------------------- */

static wg_nn *m;
static wg_optim *o;
static wg_tensor *w;  // (2, 2)

static void begin(void) {
    begin_counted();
    m = wg_nn_new(1);
    w = param(m, "w", WG_F64, WG_SHAPE(2, 2));
    o = wg_optim_new(m, &keeper, 1, NULL, 0);
}
static void end(void) {
    wg_nn_free(m), wg_optim_free(o);
    end_counted();
}

static void put(double a, double b, double c, double d) {
    ck_assert(wg_write(w, (double[]){ a, b, c, d }, 4));
}
static void give_values(double a, double b, double c, double d) {
    give_only(w, wg_from(WG_F64, WG_SHAPE(2, 2), (double[]){ a, b, c, d }));
}

START_TEST(the_order_is_value_then_adaptive_then_norm) {
    put(3, 4, 0, 0);
    give_values(8, 6, 0, -100);
    ck_assert(wg_optim_clip_norm(o, 1) && wg_optim_clip_adaptive(o, 1, NULL) &&
              wg_optim_clip_value(o, 6));
    // by value (6, 6) and (0, -6); to the lengths 5 and 0.001; to the length 1 together
    double unit = sqrt(0.5) * 5 / hypot(5, 0.001), rest = -0.001 / hypot(5, 0.001);
    ck_assert(wg_optim_step(o));
    expect_near(w, (double[]){ unit, unit, 0, rest }, 4, 8 * 0x1p-53, 0);  // a few roundings
}
END_TEST

START_TEST(a_limit_of_zero_is_none) {
    set(o, &cases[COUNT(cases) - 1]);
    set(o, &cases[0]);
    give_values(1e30, -2, 3, 4);
    ck_assert(wg_optim_step(o));
    EXPECT_VALUES(w, 1e30, -2, 3, 4);
}
END_TEST

START_TEST(what_is_within_the_limits_stays_to_the_bit) {
    put(3, 4, 1e-9, 0);
    give_values(0.3, -0.4, 1e-4, -0.0);  // 0.1 * 5 is long enough, and 0.1 * 0.001
    ck_assert(wg_optim_clip_value(o, 0.4) && wg_optim_clip_adaptive(o, 0.101, NULL) &&
              wg_optim_clip_norm(o, 0.6));
    ck_assert(wg_optim_step(o));
    EXPECT_VALUES(w, 0.3, -0.4, 1e-4, 0);
}
END_TEST

static const double no_numbers[] = { INFINITY, -INFINITY, NAN };

START_TEST(what_is_not_finite_is_not_clipped_into_use) {
    put(1, 2, 3, 4);
    give_values(1, 2, no_numbers[_i], 4);
    for (int k = 0; k < 3; k++) {
        ck_assert(wg_optim_clip_value(o, k == 0) && wg_optim_clip_adaptive(o, k == 1, NULL) &&
                  wg_optim_clip_norm(o, k == 2));
        ck_assert(!wg_optim_step(o));
        expect_error(WG_ERROR_STATE, "the gradient of \"w\" is");
        EXPECT_VALUES(w, 1, 2, 3, 4);
    }
    ck_assert_int_eq(wg_optim_steps(o), 0);
}
END_TEST

START_TEST(a_norm_beyond_all_numbers_is_an_error) {
    put(1, 2, 3, 4);
    give_values(1, 1.5e308, 1.5e308, 1.5e308);  // 2.1e308 in the second row, and more in all
    ck_assert(wg_optim_clip_adaptive(o, 1, NULL));
    ck_assert(!wg_optim_step(o));
    expect_error(WG_ERROR_STATE, "\"w\" has a unit whose gradient has a norm of inf");
    ck_assert(wg_optim_clip_adaptive(o, 0, NULL) && wg_optim_clip_norm(o, 1));
    ck_assert(!wg_optim_step(o));
    expect_error(WG_ERROR_STATE, "the norm of the gradients is inf");
    EXPECT_VALUES(w, 1, 2, 3, 4);
    ck_assert(wg_optim_clip_value(o, 1));  // first of all, so that there is a norm
    ck_assert(wg_optim_step(o));
    EXPECT_VALUES(w, 0.5, 0.5, 0.5, 0.5);
}
END_TEST

START_TEST(units_of_extreme_size_are_clipped) {
    put(3e200, 4e200, 3e-200, 4e-200);
    give_values(6e300, 8e300, 3e-3, 4e-3);  // 1e301 against 5e200, 5e-3 against 1e-3
    ck_assert(wg_optim_clip_adaptive(o, 1, NULL));
    ck_assert(wg_optim_step(o));
    expect_near(w, (double[]){ 3e200, 4e200, 6e-4, 8e-4 }, 4, 8 * 0x1p-53, 0);  // a few roundings
}
END_TEST

START_TEST(a_gradient_of_any_strides_is_clipped) {
    wg_tensor *base = wg_from(WG_F64, WG_SHAPE(2, 2), (double[]){ 3, -30, 4, 40 });
    wg_tensor *view = wg_transpose(base, 0, 1);  // (3, 4), (-30, 40)
    put(3, 4, 3, 4);
    wg_clear_gradient(w);
    w->gradient = wg__tensor_alias(view);
    wg__scope_remove(w->gradient);
    ck_assert(wg_optim_clip_value(o, 10) && wg_optim_clip_adaptive(o, 0.5, NULL));
    ck_assert(wg_optim_step(o));
    double half = 2.5 * sqrt(0.5);
    expect_near(w, (double[]){ 1.5, 2, -half, half }, 4, 8 * 0x1p-53, 0);  // a few roundings
    EXPECT_VALUES(base, 3, -30, 4, 40);
}
END_TEST

START_TEST(a_parameter_without_gradient_and_one_of_no_elements_are_no_trouble) {
    wg_tensor *none = param(m, "none", WG_F32, WG_SHAPE(0, 3)),
              *v = param(m, "v", WG_F32, WG_SHAPE(2));
    wg_tensor *old = wg_zeros_like(v);
    ck_assert(wg_copy(old, v));
    set(o, &cases[COUNT(cases) - 1]);
    ck_assert(wg_optim_clip_adaptive(o, 1, NULL));  // "a/b" is no name here
    give_values(1, 2, 3, 4);
    give_only(none, wg_zeros(WG_F32, WG_SHAPE(0, 3)));
    ck_assert_msg(wg_optim_step(o), "%s", wg_error_message());
    ck_assert(wg_equal(v, old));
}
END_TEST

START_TEST(mistakes_are_told) {
    ck_assert(!wg_optim_clip_value(o, -1));
    expect_error(WG_ERROR_ARGUMENT, "optim_clip_value: max_value is -1");
    ck_assert(!wg_optim_clip_value(NULL, 1));
    expect_error(WG_ERROR_ARGUMENT, "optim_clip_value: the optimiser is NULL");
    ck_assert(!wg_optim_clip_adaptive(o, INFINITY, NULL));
    expect_error(WG_ERROR_ARGUMENT, "optim_clip_adaptive: the factor is inf");
    ck_assert(!wg_optim_clip_adaptive(NULL, 1, NULL));
    expect_error(WG_ERROR_ARGUMENT, "optim_clip_adaptive: the optimiser is NULL");
    char pattern[300];
    memset(pattern, '*', 299);
    pattern[299] = 0;
    ck_assert(!wg_optim_clip_adaptive(o, 1, pattern));
    expect_error(WG_ERROR_ARGUMENT, "a pattern of 299 bytes");
    give_values(1, 2, 3, 4);  // none of it has been taken
    ck_assert(wg_optim_step(o));
    EXPECT_VALUES(w, 1, 2, 3, 4);
}
END_TEST

START_TEST(whichever_allocation_fails_a_clipped_step_is_made_whole_or_not_at_all) {
    wg_tensor *v = param(m, "v", WG_F64, WG_SHAPE(2, 2));
    set(o, &cases[COUNT(cases) - 1]);
    ck_assert(wg_optim_clip_adaptive(o, 1, NULL));  // "a/b" is no name here
    int failures = 0;
    for (bool done = false; !done; failures += !done) {
        put(1, 2, 3, 4);
        ck_assert(wg_copy(v, w));
        give_values(5, 6, 7, 8);
        give_only(v, wg_ones(WG_F64, WG_SHAPE(2, 2)));
        wg_memory_trim();
        counted.left = failures;
        done = wg_optim_step(o);
        counted.left = -1;
        if (done) break;
        expect_error(WG_ERROR_MEMORY, "out of memory");
        EXPECT_VALUES(w, 1, 2, 3, 4);
        EXPECT_VALUES(v, 1, 2, 3, 4);
    }
    ck_assert_int_ge(failures, 2);  // each has a copy
    ck_assert(element(w, 0) < 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("clip");
    ADD_TABLE(add_cases(suite, "formulas"), each_follows_its_formula, cases);
    TCase *t = tcase_create("properties");
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, begin, end);
    tcase_add_test(t, the_order_is_value_then_adaptive_then_norm);
    tcase_add_test(t, a_limit_of_zero_is_none);
    tcase_add_test(t, what_is_within_the_limits_stays_to_the_bit);
    ADD_TABLE(t, what_is_not_finite_is_not_clipped_into_use, no_numbers);
    tcase_add_test(t, a_norm_beyond_all_numbers_is_an_error);
    tcase_add_test(t, units_of_extreme_size_are_clipped);
    tcase_add_test(t, a_gradient_of_any_strides_is_clipped);
    tcase_add_test(t, a_parameter_without_gradient_and_one_of_no_elements_are_no_trouble);
    tcase_add_test(t, mistakes_are_told);
    tcase_add_test(t, whichever_allocation_fails_a_clipped_step_is_made_whole_or_not_at_all);
    return run_suite(suite);
}
