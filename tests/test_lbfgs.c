// SPDX-License-Identifier: MIT
/* test_lbfgs.c: the line search keeps Wolfe's conditions; L-BFGS finds minima that are known, and
   those that Newton's method and PyTorch find; what goes wrong changes nothing. */
#include "io/io.h"
#include "optim/line_search_impl.h"
#include "tests/nn_test.h"

/* ---- the line search, on functions of one number --------------------------------------------- */

typedef struct curve {
    double (*value)(double a);
    double (*slope)(double a);
    int calls, stop_at;
} curve;

// Moré and Thuente 1994, functions 1, 2 and 3.
static double wide(double a) { return -a / (a * a + 2); }
static double wide_slope(double a) { return (a * a - 2) / ((a * a + 2) * (a * a + 2)); }
static double steep(double a) { return pow(a + 0.004, 5) - 2 * pow(a + 0.004, 4); }
static double steep_slope(double a) { return 5 * pow(a + 0.004, 4) - 8 * pow(a + 0.004, 3); }
static double wavy(double a) {
    double l = 39, b = 0.01, pi = acos(-1);
    double base = a <= 1 - b ? 1 - a : a >= 1 + b ? a - 1 : (a - 1) * (a - 1) / (2 * b) + b / 2;
    return base + 2 * (1 - b) / (l * pi) * sin(l * pi / 2 * a);
}
static double wavy_slope(double a) {
    double l = 39, b = 0.01, pi = acos(-1);
    double base = a <= 1 - b ? -1 : a >= 1 + b ? 1 : (a - 1) / b;
    return base + (1 - b) * cos(l * pi / 2 * a);
}
// Not defined from 1 on; its minimum is at 0.9.
static double walled(double a) { return -9 * a - log(1 - a) / 1.0 + 0 * (a < 1 ? 0 : NAN); }
static double walled_slope(double a) { return a < 1 ? -9 + 1 / (1 - a) : NAN; }
static double bowl_value(double a) { return (a - 3) * (a - 3); }
static double bowl_slope(double a) { return 2 * (a - 3); }

static bool follow_curve(void *user, wg__point *p) {
    curve *c = user;
    if (++c->calls == c->stop_at) return false;
    p->value = c->value(p->step);
    p->slope = c->slope(p->step);
    return true;
}

static const curve curves[] = { { wide, wide_slope, 0, 0 },
                                { steep, steep_slope, 0, 0 },
                                { wavy, wavy_slope, 0, 0 },
                                { walled, walled_slope, 0, 0 },
                                { bowl_value, bowl_slope, 0, 0 } };
static const double constants[][2] = { { 1e-4, 0.9 }, { 1e-4, 0.1 }, { 0.1, 0.2 }, { 0.3, 0.9 } };

START_TEST(wolfes_conditions_hold_wherever_it_starts) {
    for (int k = 0; k < COUNT(constants); k++)
        for (double first = 1e-3; first < 2e3; first *= 10) {
            curve c = curves[_i];
            wg__line line = { follow_curve, &c, constants[k][0], constants[k][1], 0, 60 };
            wg__point start = { 0, c.value(0), c.slope(0) }, p = { 0, 0, 0 };
            ck_assert_int_eq(wg__line_search(&line, start, first, &p), WG__LINE_FOUND);
            ck_assert(p.step > 0 && p.value == c.value(p.step) && p.slope == c.slope(p.step));
            ck_assert(p.value <= start.value + line.decrease * p.step * start.slope);
            ck_assert(fabs(p.slope) <= line.curvature * fabs(start.slope));
            ck_assert_int_le(c.calls, 40);
        }
}
END_TEST

START_TEST(on_a_parabola_the_cubic_is_exact) {
    curve c = curves[4];
    wg__line line = { follow_curve, &c, 1e-4, 1e-12, 0, 10 };
    wg__point start = { 0, 9, -6 }, p;
    static const double firsts[] = { 1, 2.5, 4, 20 };
    for (int k = 0; k < COUNT(firsts); k++) {
        c.calls = 0;
        ck_assert_int_eq(wg__line_search(&line, start, firsts[k], &p), WG__LINE_FOUND);
        expect_close(p.step, 3, 1e-11, "the minimum");  // where the slope is 1e-12 of 6 at most
        ck_assert_int_le(c.calls, 3);
    }
}
END_TEST

static double falling(double a) { return -a; }
static double falling_slope(double a) { return -1 + 0 * a; }
static double rising(double a) { return a == 0 ? 1 : 2 + a; }
static double lying_slope(double a) { return -1 + 0 * a; }

START_TEST(how_it_ends_is_told) {
    curve c = { falling, falling_slope, 0, 0 };
    wg__line line = { follow_curve, &c, 1e-4, 0.9, 0, 7 };
    wg__point start = { 0, 0, -1 }, p = { -1, 0, 0 };
    ck_assert_int_eq(wg__line_search(&line, start, 1, &p), WG__LINE_DECREASED);
    ck_assert(p.step == 1e6 && c.calls == 7);
    c = (curve){ rising, lying_slope, 0, 0 };
    start.value = 1;
    ck_assert_int_eq(wg__line_search(&line, start, 1, &p), WG__LINE_NONE);
    ck_assert_int_eq(c.calls, 7);
    for (int k = 1; k <= 7; k++) {
        c = (curve){ rising, lying_slope, 0, k };
        ck_assert_int_eq(wg__line_search(&line, start, 1, &p), WG__LINE_STOPPED);
        ck_assert_int_eq(c.calls, k);
    }
}
END_TEST

/* ---- problems -------------------------------------------------------------------------------- */

typedef struct problem {
    wg_nn *m;
    wg_tensor *(*loss)(struct problem *p, wg_tensor *w);
    int64_t n;
    wg_dtype dtype;
    double start;
    wg_tensor *x, *y;    // of a regression
    int calls, fail_at;  // from 1 on; 0: never
    double low;          // of the smallest element of w that it was called with
} problem;

static wg_tensor *w_of(const problem *p) {
    return wg_nn_param(p->m, "w", p->dtype, WG_SHAPE(p->n),
                       (wg_init){ .kind = WG_INIT_CONSTANT, .a = p->start });
}

static wg_tensor *objective(void *user) {
    problem *p = user;
    if (++p->calls == p->fail_at) {
        wg_fail(WG_ERROR_STATE, "the objective does not feel like it");
        return NULL;
    }
    return p->loss(p, w_of(p));
}

// sum_i 100 (w_(i+1) - w_i^2)^2 + (1 - w_i)^2: 0 at w = 1.
static wg_tensor *rosenbrock(problem *p, wg_tensor *w) {
    wg_tensor *a = wg_slice(w, 0, 0, p->n - 1, 1), *b = wg_slice(w, 0, 1, p->n, 1);  // (n - 1)
    wg_tensor *valley = wg_mul(wg_num(100), wg_square(wg_sub(b, wg_square(a))));
    return wg_sum(wg_add(valley, wg_square(wg_sub(wg_num(1), a))));
}

// sum_i c_i (w_i - i)^2 / 2 with curvatures c from 1 to 1000.
static wg_tensor *quadratic(problem *p, wg_tensor *w) {
    wg_tensor *i = wg_arange(p->dtype, 0, (double)p->n, 1);
    wg_tensor *c = wg_pow(wg_num(1000), wg_div(i, wg_num((double)p->n - 1)));
    return wg_mul(wg_num(0.5), wg_sum(wg_mul(c, wg_square(wg_sub(w, i)))));
}

// sum_i w_i - log(w_i): infinite at 0, NaN below; 1 each at w = 1.
static wg_tensor *barrier(problem *p, wg_tensor *w) {
    p->low = fmin(p->low, wg_item(wg_min(wg_stop(w))));
    return wg_sum(wg_sub(w, wg_log(w)));
}

static wg_tensor *logistic(problem *p, wg_tensor *w) {
    wg_tensor *z = wg_matmul(p->x, w);                          // (40)
    wg_tensor *each = wg_sub(wg_softplus(z), wg_mul(p->y, z));  // (40)
    return wg_add(wg_mean(each), wg_mul(wg_num(0.01), wg_sum(wg_square(w))));
}

static problem regression(void) {
    enum { N = 40 };
    double x[N][4], y[N];
    for (int i = 0; i < N; i++) {
        x[i][0] = sin(i), x[i][1] = cos(1.3 * i), x[i][2] = i / 20.0 - 1, x[i][3] = 1;
        y[i] = sin(i) + 0.5 * (i / 20.0 - 1) + 0.8 * sin(7 * i) > 0;
    }
    return (problem){ .loss = logistic,
                      .n = 4,
                      .dtype = WG_F64,
                      .x = wg_from_f64(WG_F64, WG_SHAPE(N, 4), x[0]),
                      .y = wg_from_f64(WG_F64, WG_SHAPE(N), y) };
}

static wg_optim *open(problem *p, wg_lbfgs_options options) {
    p->m = wg_nn_new(1);
    wg_optim *o = wg_optim_lbfgs(p->m, options);
    ck_assert_msg(o != NULL, "%s", wg_error_message());
    return o;
}

static wg_lbfgs_report minimise(wg_optim *o, problem *p) {
    ck_assert_msg(wg_optim_minimize_by(o, objective, p, NULL), "%s", wg_error_message());
    return wg_optim_lbfgs_report(o);
}

static void close(problem *p, wg_optim *o) { wg_nn_free(p->m), wg_optim_free(o); }

// Of w from what is wanted of every element.
static double farthest(const problem *p, double want) {
    double most = 0;
    wg_tensor *w = wg_nn_find(p->m, "w");
    for (int64_t k = 0; k < p->n; k++) most = fmax(most, fabs(element(w, k) - want));
    return most;
}

/* ---- minima ---------------------------------------------------------------------------------- */

// How far 1e-10 is, and how many evaluations it may take: half as many again as it took.
static const struct {
    int64_t n;
    double start;
    int evaluations;
} valleys[] = { { 2, -1.2, 56 }, { 2, 0, 42 }, { 10, 0, 137 }, { 100, 0, 939 } };

START_TEST(rosenbrocks_valley_is_followed_to_its_end) {
    problem p = {
        .loss = rosenbrock, .n = valleys[_i].n, .dtype = WG_F64, .start = valleys[_i].start
    };
    wg_optim *o =
        open(&p, (wg_lbfgs_options){ .iterations = 5000, .gradient = 1e-11, .change = 1e-30 });
    wg_lbfgs_report r = minimise(o, &p);
    ck_assert_int_eq(r.why, WG_LBFGS_GRADIENT);
    ck_assert(farthest(&p, 1) <= 1e-10);
    ck_assert(r.value <= 1e-20 && r.gradient <= 1e-11);
    ck_assert_int_eq(r.evaluations, p.calls);
    ck_assert_int_le(r.evaluations, valleys[_i].evaluations);
    ck_assert_int_eq(wg_optim_steps(o), 1);
    close(&p, o);
}
END_TEST

// With exact line searches and a history of n the directions are conjugate, and n steps are enough;
// these are nearly so.
START_TEST(a_quadratic_of_n_numbers_is_solved_in_about_n_steps) {
    problem p = { .loss = quadratic, .n = 12, .dtype = WG_F64, .start = 5 };
    wg_optim *o = open(&p, (wg_lbfgs_options){ .history = 12,
                                               .iterations = 1000,
                                               .curvature = 2e-4,
                                               .gradient = 1e-9,
                                               .change = 1e-30 });
    wg_lbfgs_report r = minimise(o, &p);
    ck_assert_int_eq(r.why, WG_LBFGS_GRADIENT);
    ck_assert_int_le(r.iterations, 12 + 4);
    for (int k = 0; k < 12; k++)  // the curvature is 1 at least
        expect_close(element(wg_nn_find(p.m, "w"), k), k, 1e-9, "the minimum");
    close(&p, o);
}
END_TEST

START_TEST(logistic_regression_ends_where_newtons_method_and_pytorch_do) {
    problem p = regression();
    wg_optim *o =
        open(&p, (wg_lbfgs_options){ .iterations = 200, .gradient = 1e-12, .change = 1e-30 });
    wg_lbfgs_report r = minimise(o, &p);
    ck_assert_int_eq(r.why, WG_LBFGS_GRADIENT);
    wg_tensor *w = wg_zeros(WG_F64, WG_SHAPE(4));
    for (int k = 0; k < 10; k++) {
        wg_tensor *at = wg_variable(w), *loss = logistic(&p, at);
        w = wg_stop(wg_sub(w, wg_solve(wg_hessian(loss, at), wg_derivative(loss, at))));
    }
    wg_tensor *torch = wg_io_load_npy("tests/golden_optim/lbfgs_logistic.npy");
    ck_assert_msg(torch != NULL, "%s", wg_error_message());
    // The ridge makes every curvature 0.02 at least, so gradients of 1e-12 leave 5e-11 each.
    for (int k = 0; k < 4; k++) {
        double ours = element(wg_nn_find(p.m, "w"), k);
        expect_close(ours, element(w, k), 1e-10, "Newton's");
        expect_close(ours, element(torch, k), 1e-10, "PyTorch's");
    }
    close(&p, o);
}
END_TEST

static wg_tensor *from_formula(wg_shape shape, double factor, double a, double b, bool cosine) {
    double v[6];
    for (int k = 0; k < 6; k++) v[k] = factor * (cosine ? cos(a * k + b) : sin(a * k + b));
    return wg_from_f64(WG_F64, shape, v);
}

// A net of six units on a sine, as in make_lbfgs.py.
static wg_tensor *net(void *user) {
    wg_nn *m = user;
    wg_init zero = { .kind = WG_INIT_ZEROS };
    wg_tensor *a = wg_nn_param(m, "a", WG_F64, WG_SHAPE(6, 1), zero);
    wg_tensor *b = wg_nn_param(m, "b", WG_F64, WG_SHAPE(6), zero);
    wg_tensor *c = wg_nn_param(m, "c", WG_F64, WG_SHAPE(6, 1), zero);
    wg_tensor *t = wg_unsqueeze(wg_linspace(WG_F64, -1, 1, 21), 1);               // (21, 1)
    wg_tensor *hidden = wg_tanh(wg_add(wg_matmul(t, wg_transpose(a, 0, 1)), b));  // (21, 6)
    wg_tensor *gap = wg_sub(wg_matmul(hidden, c), wg_sin(wg_mul(wg_num(2), t)));  // (21, 1)
    wg_tensor *size =
        wg_add(wg_sum(wg_square(a)), wg_add(wg_sum(wg_square(b)), wg_sum(wg_square(c))));
    return wg_add(wg_mean(wg_square(gap)), wg_mul(wg_num(1e-3), size));
}

START_TEST(a_net_ends_in_the_minimum_of_pytorch) {
    wg_nn *m = wg_nn_new(1);
    wg_optim *o = wg_optim_lbfgs(
        m, (wg_lbfgs_options){
               .history = 20, .iterations = 2000, .gradient = 1e-10, .change = 1e-30 });
    ck_assert_ptr_nonnull(net(m));  // makes the parameters
    ck_assert(wg_copy(wg_nn_find(m, "a"), from_formula(WG_SHAPE(6, 1), 1, 1, 1, false)));
    ck_assert(wg_copy(wg_nn_find(m, "b"), from_formula(WG_SHAPE(6), 1, 2, 0, true)));
    ck_assert(wg_copy(wg_nn_find(m, "c"), from_formula(WG_SHAPE(6, 1), 0.5, 3, 0, false)));
    ck_assert_msg(wg_optim_minimize_by(o, net, m, NULL), "%s", wg_error_message());
    wg_lbfgs_report r = wg_optim_lbfgs_report(o);
    wg_tensor *torch = wg_io_load_npy("tests/golden_optim/lbfgs_net.npy");
    ck_assert_msg(torch != NULL, "%s", wg_error_message());
    ck_assert_int_eq(r.why, WG_LBFGS_GRADIENT);
    // Its own gradient is small, of 1e-10, and the value's error is the square of that over the
    // least curvature, of 1e-3 or so.
    expect_close(r.value, element(torch, 0), 1e-12, "the minimum");
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

START_TEST(single_precision_ends_within_its_rounding) {
    problem p = regression(), q = { .loss = rosenbrock, .n = 2, .dtype = WG_F32, .start = -1.2 };
    wg_tensor *w = wg_zeros(WG_F64, WG_SHAPE(4));
    wg_optim *o = open(&p, (wg_lbfgs_options){ .iterations = 200, .change = 1e-30 });
    minimise(o, &p);
    ck_assert(wg_copy(w, wg_nn_find(p.m, "w")));
    close(&p, o);
    p.dtype = WG_F32, p.x = wg_cast(p.x, WG_F32), p.y = wg_cast(p.y, WG_F32);
    o = open(&p, (wg_lbfgs_options){ .iterations = 200, .gradient = 1e-6 });
    minimise(o, &p);
    // Gradients of 1e-6 and their rounding, over curvatures of 0.02; its change may be too small to
    // see a little before.
    for (int k = 0; k < 4; k++)
        expect_close(element(wg_nn_find(p.m, "w"), k), element(w, k), 1e-3, "in f32");
    close(&p, o);
    o = open(&q, (wg_lbfgs_options){ .iterations = 200 });
    minimise(o, &q);
    ck_assert(farthest(&q, 1) <= 1e-3);
    close(&q, o);
}
END_TEST

/* ---- where the objective is not finite ------------------------------------------------------- */

START_TEST(a_step_into_nan_is_shortened) {
    static const double starts[] = { 30, 0.01, 1e-6 };
    for (int k = 0; k < COUNT(starts); k++) {
        problem p = { .loss = barrier, .n = 3, .dtype = WG_F64, .start = starts[k], .low = 1 };
        wg_optim *o = open(&p, (wg_lbfgs_options){ .rate = 100, .iterations = 100 });
        wg_lbfgs_report r = minimise(o, &p);
        ck_assert(r.why == WG_LBFGS_GRADIENT || r.why == WG_LBFGS_CHANGE);
        ck_assert(farthest(&p, 1) <= 1e-4);
        if (k == 0) ck_assert(p.low < 0);  // it was there
        close(&p, o);
    }
}
END_TEST

START_TEST(a_start_at_nan_is_an_error) {
    problem p = { .loss = barrier, .n = 3, .dtype = WG_F64, .start = -1 };
    wg_optim *o = open(&p, (wg_lbfgs_options){ 0 });
    double value = 7;
    ck_assert(!wg_optim_minimize_by(o, objective, &p, &value));
    expect_error(WG_ERROR_STATE, "nan to begin with");
    ck_assert(value == 7 && farthest(&p, -1) == 0 && wg_optim_steps(o) == 0);
    close(&p, o);
}
END_TEST

// As large as it is, with a gradient that points uphill.
static wg_tensor *lying(problem *p, wg_tensor *w) {
    wg_tensor *y = wg_sum(wg_square(w));
    return (void)p, wg_sub(wg_mul(wg_num(2), wg_stop(y)), y);
}

START_TEST(a_wrong_gradient_leaves_all_where_it_was) {
    problem p = { .loss = lying, .n = 3, .dtype = WG_F64, .start = 2 };
    wg_optim *o = open(&p, (wg_lbfgs_options){ 0 });
    wg_lbfgs_report r = minimise(o, &p);
    ck_assert(r.why == WG_LBFGS_NO_STEP && r.iterations == 0 && r.value == 12);
    ck_assert(r.evaluations == 26 && r.gradient == 4 && farthest(&p, 2) == 0);
    close(&p, o);
}
END_TEST

static wg_tensor *bottomless(problem *p, wg_tensor *w) { return (void)p, wg_neg(wg_sum(w)); }

START_TEST(without_a_minimum_it_ends_at_something_finite) {
    for (int k = 0; k < 2; k++) {
        problem p = { .loss = bottomless, .n = 3, .dtype = k ? WG_F32 : WG_F64, .start = 2 };
        wg_optim *o = open(&p, (wg_lbfgs_options){ .iterations = 50 });
        wg_lbfgs_report r = minimise(o, &p);
        ck_assert(isfinite(r.value) && r.value < -1e20 && isfinite(farthest(&p, 0)));
        close(&p, o);
    }
}
END_TEST

/* ---- calls ----------------------------------------------------------------------------------- */

START_TEST(many_short_calls_are_one_long_one) {
    problem p[2];
    wg_optim *o[2];
    for (int i = 0; i < 2; i++) {
        p[i] = (problem){ .loss = rosenbrock, .n = 6, .dtype = WG_F64, .start = 0 };
        o[i] = open(&p[i], (wg_lbfgs_options){ .history = 3, .iterations = i ? 1 : 12 });
    }
    wg_lbfgs_report r = minimise(o[0], &p[0]), last = { 0 };
    for (int k = 0; k < 12; k++) last = minimise(o[1], &p[1]);
    ck_assert(r.iterations == 12 && last.iterations == 1 && r.why == WG_LBFGS_ITERATIONS);
    ck_assert(wg_equal(wg_nn_find(p[0].m, "w"), wg_nn_find(p[1].m, "w")));  // to the bit
    ck_assert(last.value == r.value && last.gradient == r.gradient);
    ck_assert_int_eq(wg_optim_steps(o[1]), 12);
    for (int i = 0; i < 2; i++) close(&p[i], o[i]);
}
END_TEST

START_TEST(each_call_tells_the_value_before_it_and_lowers_it) {
    problem p = { .loss = rosenbrock, .n = 6, .dtype = WG_F64, .start = 0 };
    wg_optim *o = open(&p, (wg_lbfgs_options){ .iterations = 2 });
    double value = 0, last = 5;  // 5 (1 - 0)^2
    for (int k = 0; k < 8; k++) {
        ck_assert(wg_optim_minimize_by(o, objective, &p, &value));
        ck_assert_double_eq(value, last);
        last = wg_optim_lbfgs_report(o).value;
        ck_assert(last < value);
        ck_assert_ptr_null(wg_gradient(wg_nn_find(p.m, "w")));
    }
    close(&p, o);
}
END_TEST

START_TEST(parameters_that_somebody_changed_are_a_new_beginning) {
    problem p[2];
    wg_optim *o[2];
    for (int i = 0; i < 2; i++) {
        p[i] = (problem){ .loss = rosenbrock, .n = 6, .dtype = WG_F64, .start = 0.25 };
        o[i] = open(&p[i], (wg_lbfgs_options){ .iterations = 5 });
    }
    minimise(o[0], &p[0]), minimise(o[0], &p[0]);
    ck_assert(wg_fill(wg_nn_find(p[0].m, "w"), 0.25));
    for (int i = 0; i < 2; i++) minimise(o[i], &p[i]);
    ck_assert(wg_equal(wg_nn_find(p[0].m, "w"), wg_nn_find(p[1].m, "w")));
    for (int i = 0; i < 2; i++) close(&p[i], o[i]);
}
END_TEST

static wg_tensor *only_the_first(problem *p, wg_tensor *w) {
    wg_nn_param(p->m, "other", WG_F32, WG_SHAPE(2, 2),
                (wg_init){ .kind = WG_INIT_NORMAL, .a = 0, .b = 1 });
    return rosenbrock(p, w);
}

START_TEST(what_the_loss_does_not_depend_on_stays) {
    problem p = { .loss = only_the_first, .n = 2, .dtype = WG_F64, .start = 0 };
    wg_optim *o = open(&p, (wg_lbfgs_options){ .iterations = 1, .gradient = 1e-10 });
    minimise(o, &p);
    wg_tensor *other = wg_nn_find(p.m, "other"), *old = wg_zeros_like(other);
    ck_assert(wg_copy(old, other));
    for (int k = 0; k < 60; k++) minimise(o, &p);
    ck_assert(farthest(&p, 1) <= 1e-6);
    ck_assert(wg_equal(other, old));
    close(&p, o);
}
END_TEST

/* ---- errors ---------------------------------------------------------------------------------- */

START_TEST(an_error_of_the_objective_leaves_all_where_it_was) {
    problem p = { .loss = rosenbrock, .n = 4, .dtype = WG_F64, .start = 0 };
    wg_optim *o = open(&p, (wg_lbfgs_options){ .iterations = 3 });
    minimise(o, &p);
    wg_tensor *w = wg_nn_find(p.m, "w"), *old = wg_zeros_like(w);
    wg_lbfgs_report before = wg_optim_lbfgs_report(o);
    ck_assert(wg_copy(old, w));
    bool done = false;
    for (int k = 1; !done; k++) {
        ck_assert_int_lt(k, 50);
        p.calls = 0, p.fail_at = k;
        done = wg_optim_minimize_by(o, objective, &p, NULL);
        if (done) break;
        expect_error(WG_ERROR_STATE, "does not feel like it");
        ck_assert(wg_equal(w, old));
        ck_assert_ptr_null(wg_gradient(w));
        ck_assert_double_eq(wg_optim_lbfgs_report(o).value, before.value);
        ck_assert_int_eq(wg_optim_steps(o), 1);
    }
    ck_assert_int_gt(p.calls, 3);
    ck_assert(!wg_equal(w, old));
    ck_assert(wg_optim_lbfgs_report(o).value < before.value);
    close(&p, o);
}
END_TEST

static wg_tensor *growing(problem *p, wg_tensor *w) {
    if (p->calls == 2)
        wg_nn_param(p->m, "late", WG_F64, WG_SHAPE(3), (wg_init){ .kind = WG_INIT_ZEROS });
    return rosenbrock(p, w);
}

START_TEST(a_model_that_grows_in_the_middle_is_an_error) {
    problem p = { .loss = growing, .n = 4, .dtype = WG_F64, .start = 0 };
    wg_optim *o = open(&p, (wg_lbfgs_options){ 0 });
    ck_assert(!wg_optim_minimize_by(o, objective, &p, NULL));
    expect_error(WG_ERROR_STATE, "the model grew from 4 to 7 elements");
    ck_assert(farthest(&p, 0) == 0);
    minimise(o, &p);  // all of it is there now
    ck_assert(farthest(&p, 0) > 0);
    close(&p, o);
}
END_TEST

START_TEST(whichever_allocation_fails_a_call_is_made_whole_or_not_at_all) {
    int64_t failures = 0;
    for (bool done = false; !done; failures++) {
        ck_assert_int_lt(failures, 1000);
        count_allocations(-1);
        problem p = { .loss = rosenbrock, .n = 2, .dtype = WG_F64, .start = 0.5 };
        wg_optim *o = open(&p, (wg_lbfgs_options){ .iterations = 2 });
        wg_tensor *w = w_of(&p);
        wg_memory_trim();
        counted.left = failures;
        done = wg_optim_minimize_by(o, objective, &p, NULL);
        counted.left = -1;
        if (!done) {
            expect_error(WG_ERROR_MEMORY, "out of memory");
            ck_assert(farthest(&p, 0.5) == 0);
            ck_assert(!wg_gradient(w));
            minimise(o, &p);
        }
        ck_assert(farthest(&p, 0.5) > 0);
        close(&p, o);
        expect_all_released();
    }
    ck_assert_int_gt(failures, 5);
    count_allocations(-1);
}
END_TEST

START_TEST(what_it_cannot_do_is_refused_when_it_is_asked_for) {
    problem p = { .loss = rosenbrock, .n = 4, .dtype = WG_F64, .start = 0 };
    wg_optim *o = open(&p, (wg_lbfgs_options){ 0 });
    ck_assert(!wg_optim_clip_norm(o, 1));
    expect_error(WG_ERROR_ARGUMENT,
                 "optim_clip_norm: lbfgs moves all parameters at once, and knows "
                 "no clipping");
    ck_assert(!wg_optim_clip_value(o, 1));
    expect_error(WG_ERROR_ARGUMENT, "optim_clip_value: lbfgs");
    ck_assert(!wg_optim_clip_adaptive(o, 1, NULL));
    expect_error(WG_ERROR_ARGUMENT, "optim_clip_adaptive: lbfgs");
    ck_assert(!wg_optim_accumulate(o, 2));
    expect_error(WG_ERROR_ARGUMENT, "optim_accumulate: lbfgs");
    ck_assert(!wg_optim_skip_nonfinite(o, true));
    expect_error(WG_ERROR_ARGUMENT, "optim_skip_nonfinite: lbfgs");
    ck_assert(!wg_optim_proximal(o, "*", (wg_proximal){ .l1 = 0.1 }));
    expect_error(WG_ERROR_ARGUMENT, "optim_proximal: lbfgs");
    ck_assert(!wg_optim_group(o, "*", wg_sgd((wg_sgd_options){ 0 })));
    expect_error(WG_ERROR_ARGUMENT, "optim_group: lbfgs");
    ck_assert_msg(wg_optim_minimize_by(o, objective, &p, NULL), "%s", wg_error_message());
    close(&p, o);
}
END_TEST

START_TEST(mistakes_are_told) {
    problem p = { .loss = rosenbrock, .n = 4, .dtype = WG_F64, .start = 0 };
    wg_optim *o = open(&p, (wg_lbfgs_options){ 0 });
    ck_assert_int_eq(wg_optim_lbfgs_report(o).evaluations, 0);
    ck_assert_int_eq(wg_optim_lbfgs_report(NULL).evaluations, 0);
    ck_assert(!wg_optim_step(o));
    expect_error(WG_ERROR_ARGUMENT, "call wg_optim_minimize_by");
    ck_assert(!wg_optim_proximal(o, "*", (wg_proximal){ .l1 = 0.1 }));
    expect_error(WG_ERROR_ARGUMENT, "lbfgs");
    ck_assert_int_eq(p.calls, 0);
    close(&p, o);
    static const struct {
        wg_lbfgs_options options;
        const char *words;
    } wrong[] = { { { .rate = -1 }, "optim_lbfgs: the rate is -1" },
                  { { .history = -1 }, "optim_lbfgs: history is -1" },
                  { { .iterations = -5 }, "optim_lbfgs: iterations is -5" },
                  { { .evaluations = 2000000 }, "optim_lbfgs: evaluations is 2000000" },
                  { { .gradient = NAN }, "optim_lbfgs: gradient is nan" },
                  { { .change = 1 }, "optim_lbfgs: change is 1" },
                  { { .curvature = 1 }, "optim_lbfgs: curvature is 1" },
                  { { .curvature = 1e-5 }, "curvature is 1e-05, wanted is more than 0.0001" } };
    for (int k = 0; k < COUNT(wrong); k++) {
        ck_assert_ptr_null(wg_lbfgs(wrong[k].options).rule);
        expect_error(WG_ERROR_ARGUMENT, wrong[k].words);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("lbfgs");
    TCase *line = add_cases(suite, "line");
    ADD_TABLE(line, wolfes_conditions_hold_wherever_it_starts, curves);
    tcase_add_test(line, on_a_parabola_the_cubic_is_exact);
    tcase_add_test(line, how_it_ends_is_told);
    TCase *minima = add_cases(suite, "minima");
    ADD_TABLE(minima, rosenbrocks_valley_is_followed_to_its_end, valleys);
    tcase_add_test(minima, a_quadratic_of_n_numbers_is_solved_in_about_n_steps);
    tcase_add_test(minima, logistic_regression_ends_where_newtons_method_and_pytorch_do);
    tcase_add_test(minima, a_net_ends_in_the_minimum_of_pytorch);
    tcase_add_test(minima, single_precision_ends_within_its_rounding);
    TCase *odd = add_cases(suite, "odd");
    tcase_add_test(odd, a_step_into_nan_is_shortened);
    tcase_add_test(odd, a_start_at_nan_is_an_error);
    tcase_add_test(odd, a_wrong_gradient_leaves_all_where_it_was);
    tcase_add_test(odd, without_a_minimum_it_ends_at_something_finite);
    TCase *calls = add_cases(suite, "calls");
    tcase_add_test(calls, many_short_calls_are_one_long_one);
    tcase_add_test(calls, each_call_tells_the_value_before_it_and_lowers_it);
    tcase_add_test(calls, parameters_that_somebody_changed_are_a_new_beginning);
    tcase_add_test(calls, what_the_loss_does_not_depend_on_stays);
    TCase *errors = add_cases(suite, "errors");
    tcase_add_test(errors, an_error_of_the_objective_leaves_all_where_it_was);
    tcase_add_test(errors, a_model_that_grows_in_the_middle_is_an_error);
    tcase_add_test(errors, whichever_allocation_fails_a_call_is_made_whole_or_not_at_all);
    tcase_add_test(errors, what_it_cannot_do_is_refused_when_it_is_asked_for);
    tcase_add_test(errors, mistakes_are_told);
    return run_suite(suite);
}
