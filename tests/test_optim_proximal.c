// SPDX-License-Identifier: MIT
/* test_optim_proximal.c: proximal steps. Each is the minimum that it claims to be; with an
   orthogonal design the LASSO and its kin have solutions in closed form, which every rule must
   find, zeros exactly. */
#include "tests/optim_test.h"

/* ---- one step against its formula ------------------------------------------------------------ */

enum { ROWS = 4, COLUMNS = 5 };

// What a step of plain descent, with the rate, leaves of w.
static void formula(double *w, double rate, const wg_proximal *p) {
    double s = rate / (1 + 2 * rate * p->l2);
    for (int k = 0; k < ROWS * COLUMNS; k++) {
        double x = w[k] / (1 + 2 * rate * p->l2), less = fabs(x) - s * p->l1;
        w[k] = less > 0 ? copysign(less, x) : 0;
    }
    for (double *row = w; row < w + ROWS * COLUMNS; row += COLUMNS) {
        double norm = 0, factor = 1;
        for (int k = 0; k < COLUMNS; k++) norm += row[k] * row[k];
        norm = sqrt(norm);
        if (p->group > 0) factor = fmax(0, 1 - s * p->group * sqrt(COLUMNS) / norm);
        if (p->max_norm > 0) factor *= fmin(1, p->max_norm / (norm * factor));
        for (int k = 0; k < COLUMNS; k++) row[k] = norm == 0 ? 0 : row[k] * factor;
    }
}

static const wg_proximal terms[] = {
    { .l1 = 2 },
    { .l2 = 3 },
    { .l1 = 1, .l2 = 3 },
    { .group = 1.5 },
    { .max_norm = 1.25 },
    { .l1 = 1, .group = 1 },
    { .l1 = 0.5, .l2 = 2, .group = 0.5, .max_norm = 1 },
};

static void follow(wg_dtype dtype, const wg_proximal *p) {
    wg_nn *m = wg_nn_new(3);
    wg_tensor *w = param(m, "w", dtype, WG_SHAPE(ROWS, COLUMNS, 1));
    wg_tensor *g = normal(dtype, WG_SHAPE(ROWS, COLUMNS, 1), 5);
    double want[ROWS * COLUMNS];
    for (int k = 0; k < ROWS * COLUMNS; k++) want[k] = element(w, k) - 0.25 * element(g, k);
    formula(want, 0.25, p);
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 0.25 });
    ck_assert(wg_optim_proximal(o, NULL, *p));
    give(w, g);
    ck_assert_msg(wg_optim_step(o), "%s", wg_error_message());
    // A handful of roundings of numbers up to 4.
    double unit = dtype == WG_F32 ? 0x1p-24 : 0x1p-53;
    for (int k = 0; k < ROWS * COLUMNS; k++) {
        ck_assert((element(w, k) == 0) == (want[k] == 0));
        expect_close(element(w, k), want[k], 40 * unit, "w");
    }
    wg_optim_free(o), wg_nn_free(m);
}

START_TEST(a_step_is_its_formula) {
    follow(WG_F32, &terms[_i]);
    follow(WG_F64, &terms[_i]);
}
END_TEST

// The step that Adam's first update makes: rate / (|g| + epsilon) for each element.
START_TEST(with_steps_that_differ_a_row_solves_its_equation) {
    wg_nn *m = wg_nn_new(3);
    wg_tensor *w = param(m, "w", WG_F64, WG_SHAPE(ROWS, COLUMNS)), *old = copy_of(w);
    wg_tensor *g = normal(WG_F64, WG_SHAPE(ROWS, COLUMNS), 5);
    const double rate = 0.125, c = 6 * sqrt(COLUMNS);
    wg_optim *o = wg_optim_adam(m, (wg_adam_options){ .rate = rate });
    ck_assert(wg_optim_proximal(o, "w", (wg_proximal){ .group = 6 }));
    give(w, g);
    ck_assert(wg_optim_step(o));
    int zero = 0;
    for (int i = 0; i < ROWS; i++) {
        double norm = 0, pull = 0;  // of the row, and of what its elements are pulled with at 0
        for (int k = i * COLUMNS; k < (i + 1) * COLUMNS; k++) {
            double s = rate / (fabs(element(g, k)) + 1e-8);
            double free = element(old, k) - s * element(g, k);
            norm += element(w, k) * element(w, k);
            pull += free / s * free / s;
        }
        norm = sqrt(norm), pull = sqrt(pull);
        ck_assert((norm == 0) == (pull <= c));
        zero += norm == 0;
        // (x - w) / s + c x / |x| = 0, terms of size 1 to 30 in a dozen roundings.
        for (int k = i * COLUMNS; norm > 0 && k < (i + 1) * COLUMNS; k++) {
            double s = rate / (fabs(element(g, k)) + 1e-8);
            double free = element(old, k) - s * element(g, k);
            double x = element(w, k);
            expect_close((x - free) / s, -c * x / norm, 1e-12, "the row's equation");
        }
    }
    ck_assert_msg(0 < zero && zero < ROWS, "%d rows of zeros: a poor example", zero);
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

/* ---- the LASSO, whose solution is known ------------------------------------------------------ */

/* The columns of a Hadamard matrix are orthogonal: with X'X = N I and c = X'y / N, the loss
   |y - Xw|^2 / 2N is |w - c|^2 / 2 and a constant, in which every w_k stands alone:
   w = soft(c, l1) / (1 + 2 l2). */
enum { N = 16 };

static double hadamard(int i, int j) { return __builtin_popcount((unsigned)(i & j)) % 2 ? -1 : 1; }

typedef struct design {
    wg_tensor *x, *y;
    double c[N];
} design;

static void make_design(design *d) {
    double x[N * N], y[N] = { 0 };
    wg_random r = { .seed = 4 };
    for (int i = 0; i < N * N; i++) x[i] = hadamard(i / N, i % N);
    for (int k = 0; k < N; k++) d->c[k] = k % 3 == 0 ? 4 * wg_random_uniform(&r) - 2 : 0.1 * sin(k);
    for (int i = 0; i < N * N; i++) y[i / N] += x[i] * d->c[i % N];
    d->x = wg_from_f64(WG_F64, WG_SHAPE(N, N), x);
    d->y = wg_from_f64(WG_F64, WG_SHAPE(N), y);
}

static wg_optim_spec rule_at(int i) {
    switch (i) {
    case 0: return wg_sgd((wg_sgd_options){ .rate = 0.3 });
    case 1: return wg_sgd((wg_sgd_options){ .rate = 0.05, .momentum = 0.9 });
    case 2: return wg_sgd((wg_sgd_options){ .rate = 0.05, .momentum = 0.8, .nesterov = true });
    case 3: return wg_sgd((wg_sgd_options){ .rate = 0.1, .momentum = 0.8, .dampening = 0.5 });
    case 4: return wg_adam((wg_adam_options){ .rate = 0.02 });
    case 5: return wg_adam((wg_adam_options){ .rate = 0.02, .amsgrad = true });
    case 6: return wg_nadam((wg_nadam_options){ .rate = 0.02 });
    case 7: return wg_radam((wg_radam_options){ .rate = 0.02 });
    case 8: return wg_adamax((wg_adamax_options){ .rate = 0.02 });
    case 9: return wg_rmsprop((wg_rmsprop_options){ .rate = 0.01 });
    case 10: return wg_rmsprop((wg_rmsprop_options){ .rate = 0.002, .momentum = 0.8 });
    case 11: return wg_adagrad((wg_adagrad_options){ .rate = 0.5 });
    default: return wg_adadelta((wg_adadelta_options){ .rate = 1, .epsilon = 1e-4 });
    }
}
enum { RULES = 13 };

static void descend(const design *d, int rule, wg_proximal p, const double *want) {
    wg_nn *m = wg_nn_new(1);
    wg_optim *o = wg_optim_make(m, rule_at(rule));
    ck_assert(wg_optim_proximal(o, "w", p));
    wg_tensor *w = param(m, "w", WG_F64, WG_SHAPE(1, N));
    for (int t = 0; t < 6000; t++) {
        wg_scope *s = wg_scope_open();
        wg_tensor *gap = wg_sub(wg_matmul(d->x, wg_reshape(w, WG_SHAPE(N))), d->y);  // (N)
        ck_assert(wg_optim_minimize(o, wg_div(wg_sum(wg_square(gap)), wg_num(2 * N))));
        wg_scope_close(s);
    }
    // All contract towards the minimum by at least 1 % a step once they are near.
    for (int k = 0; k < N; k++) {
        ck_assert_msg((element(w, k) == 0) == (want[k] == 0), "rule %d: w[%d] is %g, not %g", rule,
                      k, element(w, k), want[k]);
        ck_assert_msg(fabs(element(w, k) - want[k]) <= 1e-9, "rule %d: w[%d] is %.12g, not %.12g",
                      rule, k, element(w, k), want[k]);
    }
    wg_optim_free(o), wg_nn_free(m);
}

START_TEST(every_rule_finds_the_lasso_with_its_zeros) {
    design d;
    double want[N];
    make_design(&d);
    for (int k = 0; k < N; k++) want[k] = copysign(fmax(fabs(d.c[k]) - 0.25, 0), d.c[k]);
    descend(&d, _i, (wg_proximal){ .l1 = 0.25 }, want);
}
END_TEST

START_TEST(every_rule_finds_the_elastic_net) {
    design d;
    double want[N];
    make_design(&d);
    for (int k = 0; k < N; k++)
        want[k] = copysign(fmax(fabs(d.c[k]) - 0.25, 0) / (1 + 2 * 0.5), d.c[k]);
    descend(&d, _i, (wg_proximal){ .l1 = 0.25, .l2 = 0.5 }, want);
}
END_TEST

// One row: all of w is a group.
START_TEST(every_rule_finds_the_group_lasso) {
    design d;
    double want[N], norm = 0;
    make_design(&d);
    for (int k = 0; k < N; k++) norm += d.c[k] * d.c[k];
    norm = sqrt(norm);
    ck_assert(norm > 0.25 * 4);
    for (int k = 0; k < N; k++) want[k] = d.c[k] * (1 - 0.25 * sqrt(N) / norm);
    descend(&d, _i, (wg_proximal){ .group = 0.25 }, want);
}
END_TEST

START_TEST(a_group_too_weak_is_all_zeros) {
    design d;
    const double want[N] = { 0 };
    make_design(&d);
    descend(&d, _i, (wg_proximal){ .group = 5 }, want);
}
END_TEST

/* ---- any design: the minimum's equations ----------------------------------------------------- */

enum { SAMPLES = 40, INPUTS = 12, TRUE_INPUTS = 4 };

// |y - X w|^2 / 2n + l1 |w|: g = X'(X w - y) / n is -l1 sign(w) where w is not 0, else within +-l1.
static void expect_lasso_equations(const wg_tensor *w, const wg_tensor *g, double l1) {
    int zeros = 0;
    for (int64_t k = 0; k < INPUTS; k++) {
        double x = element(w, k);
        zeros += x == 0;
        if (x == 0)
            ck_assert_msg(fabs(element(g, k)) <= l1, "g[%lld] is %g", (long long)k, element(g, k));
        else
            expect_close(element(g, k), copysign(l1, -x), 1e-8, "the slope where w is not 0");
    }
    ck_assert_msg(INPUTS / 3 <= zeros && zeros <= INPUTS - TRUE_INPUTS, "%d zeros", zeros);
}

START_TEST(the_lasso_of_correlated_inputs_is_found) {
    wg_tensor *x = normal(WG_F64, WG_SHAPE(SAMPLES, INPUTS), 1);
    x = wg_add(x, normal(WG_F64, WG_SHAPE(SAMPLES, 1), 2));  // in common to all inputs
    wg_tensor *truth = wg_from_f64(WG_F64, WG_SHAPE(INPUTS, 1),
                                   (double[INPUTS]){ 2, 0, 0, -1.5, 0, 0, 0, 1, 0, 0, -2 });
    wg_tensor *noise = wg_mul(normal(WG_F64, WG_SHAPE(SAMPLES, 1), 3), wg_num(0.1));
    wg_tensor *y = wg_add(wg_matmul(x, truth), noise);  // (40, 1)
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_F64, WG_SHAPE(INPUTS, 1));
    wg_optim_spec spec =
        _i == 0 ? wg_sgd((wg_sgd_options){ .rate = 0.02, .momentum = 0.8 }) : rule_at(_i);
    wg_optim *o = wg_optim_make(m, spec);
    ck_assert(wg_optim_proximal(o, "w", (wg_proximal){ .l1 = 0.2 }));
    for (int t = 0; t < 4000; t++) {
        wg_scope *s = wg_scope_open();
        wg_tensor *gap = wg_sub(wg_matmul(x, w), y);  // (40, 1)
        ck_assert(wg_optim_minimize(o, wg_div(wg_sum(wg_square(gap)), wg_num(2 * SAMPLES))));
        wg_scope_close(s);
    }
    wg_tensor *gap = wg_sub(wg_matmul(x, w), y);
    wg_tensor *g = wg_div(wg_matmul(wg_transpose(x, 0, 1), gap), wg_num(SAMPLES));
    expect_lasso_equations(w, g, 0.2);
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

/* ---- who gets one ---------------------------------------------------------------------------- */

START_TEST(no_pattern_means_the_weights_and_the_last_that_matches_counts) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w[3] = { param(m, "a/w", WG_F64, WG_SHAPE(2, 2)),
                        param(m, "a/b", WG_F64, WG_SHAPE(2)),
                        param(m, "c/w", WG_F64, WG_SHAPE(2, 2)) };
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 1 });
    wg_tensor *old[3];
    for (int i = 0; i < 3; i++) old[i] = copy_of(w[i]), give(w[i], wg_zeros_like(w[i]));
    ck_assert(wg_optim_proximal(o, NULL, (wg_proximal){ .l1 = 100 }));
    ck_assert(wg_optim_proximal(o, "c*", (wg_proximal){ .l2 = 0.5 }));
    ck_assert(wg_optim_step(o));
    ck_assert(wg_equal(w[0], wg_zeros_like(w[0])) && wg_equal(w[1], old[1]));
    ck_assert(wg_equal(w[2], wg_mul(old[2], wg_num(0.5))));
    ck_assert(wg_optim_proximal(o, "c*", (wg_proximal){ 0 }));
    ck_assert(wg_copy(w[2], old[2]) && wg_optim_step(o));
    ck_assert(wg_equal(w[2], old[2]));
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

START_TEST(a_parameter_without_gradient_takes_no_proximal_step) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_F64, WG_SHAPE(2, 2)),
              *v = param(m, "v", WG_F64, WG_SHAPE(2, 2));
    wg_tensor *old = copy_of(v);
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 1 });
    ck_assert(wg_optim_proximal(o, NULL, (wg_proximal){ .l1 = 100 }));
    give(w, wg_zeros_like(w));
    ck_assert(wg_optim_step(o));
    ck_assert(wg_equal(v, old) && wg_equal(w, wg_zeros_like(w)));
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

// Lion has no metric: a threshold of rate * l1 beside moves of one rate.
START_TEST(a_rule_of_signs_takes_the_rate) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = wg_nn_param(m, "w", WG_F64, WG_SHAPE(1),
                               (wg_init){ .kind = WG_INIT_CONSTANT, .a = 8, .b = 0 });
    wg_optim *o = wg_optim_lion(m, (wg_lion_options){ .rate = 0.5 });
    ck_assert(wg_optim_proximal(o, "w", (wg_proximal){ .l1 = 4 }));
    give(w, wg_full(WG_F64, wg_shape_of(w), 1));
    ck_assert(wg_optim_step(o));
    ck_assert_double_eq(element(w, 0), 8 - 0.5 - 2);
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

START_TEST(a_proximal_step_is_described_properly) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_F64, WG_SHAPE(2, 2)), *old = copy_of(w);
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ 0 });
    ck_assert(!wg_optim_proximal(NULL, NULL, (wg_proximal){ 0 }));
    expect_error(WG_ERROR_ARGUMENT, "optim_proximal: the optimiser is NULL");
    ck_assert(!wg_optim_proximal(o, NULL, (wg_proximal){ .l1 = -1 }));
    expect_error(WG_ERROR_ARGUMENT, "optim_proximal: l1 is -1");
    ck_assert(!wg_optim_proximal(o, NULL, (wg_proximal){ .l2 = NAN }));
    expect_error(WG_ERROR_ARGUMENT, "l2 is nan");
    ck_assert(!wg_optim_proximal(o, NULL, (wg_proximal){ .group = INFINITY }));
    expect_error(WG_ERROR_ARGUMENT, "group is inf");
    ck_assert(!wg_optim_proximal(o, NULL, (wg_proximal){ .max_norm = -2 }));
    expect_error(WG_ERROR_ARGUMENT, "max_norm is -2");
    ck_assert(wg_optim_proximal(o, "x*", (wg_proximal){ .l1 = 1 }));
    give(w, wg_full(WG_F64, wg_shape_of(w), 1));
    ck_assert(!wg_optim_step(o));
    expect_error(WG_ERROR_STATE, "the proximal step of \"x*\" matches none of the model's 1 param");
    ck_assert(wg_equal(w, old));
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("optim_proximal");
    TCase *t = add_cases(suite, "proximal steps");
    ADD_TABLE(t, a_step_is_its_formula, terms);
    tcase_add_test(t, with_steps_that_differ_a_row_solves_its_equation);
    tcase_add_test(t, no_pattern_means_the_weights_and_the_last_that_matches_counts);
    tcase_add_test(t, a_parameter_without_gradient_takes_no_proximal_step);
    tcase_add_test(t, a_rule_of_signs_takes_the_rate);
    tcase_add_test(t, a_proximal_step_is_described_properly);
    TCase *u = add_cases(suite, "minima");
    tcase_add_loop_test(u, every_rule_finds_the_lasso_with_its_zeros, 0, RULES);
    tcase_add_loop_test(u, every_rule_finds_the_elastic_net, 0, RULES);
    tcase_add_loop_test(u, every_rule_finds_the_group_lasso, 0, RULES);
    tcase_add_loop_test(u, the_lasso_of_correlated_inputs_is_found, 4, 8);  // of Adam's family
    tcase_add_loop_test(u, the_lasso_of_correlated_inputs_is_found, 0, 1);
    tcase_add_loop_test(u, a_group_too_weak_is_all_zeros, 0, RULES);
    return run_suite(suite);
}
