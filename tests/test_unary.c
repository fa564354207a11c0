// SPDX-License-Identifier: MIT
/* test_unary.c: the elementwise operations of one tensor at their ends: NaN, infinities, poles,
   kinks and far tails, in f32 and f64, and numbers known from elsewhere. */
#include <complex.h>

#include "autograd/ops/special.h"
#include "tests/slope_test.h"

#define INF INFINITY

typedef struct place {
    const char *op;
    double x, y, slope;
    double attr[2];
} place;

static void expect_place(const place *p, wg_dtype dtype) {
    sloped s = sloped_at(wg_op_find(p->op), p->attr, dtype, &p->x);
    ck_assert_msg(alike(s.y, p->y, few(dtype), 0), "%s(%g) is %.17g, not %.17g", p->op, p->x, s.y,
                  p->y);
    ck_assert_msg(alike(s.dx[0], p->slope, few(dtype), 0), "%s'(%g) is %.17g, not %.17g", p->op,
                  p->x, s.dx[0], p->slope);
}

#define EXPECT_PLACES(table)                                                                       \
    for (int d = 0; d < 2; d++)                                                                    \
        for (int k = 0; k < COUNT(table); k++) expect_place(&(table)[k], floats[d])

/* ---- NaN ------------------------------------------------------------------------------------- */

static bool is_row(const wg_op *op) {
    return op->map && op->inputs == 1 && op->map->forward[WG_F32] && !op->map->predicate;
}

// But where the slope is the same everywhere.
START_TEST(nan_gives_nan_and_a_slope_of_nan) {
    int rows = 0;
    for (int i = 0; i < wg_op_count(); i++) {
        const wg_op *op = wg_op_at(i);
        for (int d = 0; d < 2 && is_row(op); d++, rows++) {
            sloped s = sloped_at(op, sample_attr(op), floats[d], &(double){ NAN });
            ck_assert_msg(isnan(s.y), "%s of NaN is %g", op->name, s.y);
            bool flat = op->saves == WG_SAVES_NOTHING;
            ck_assert_msg(flat || isnan(s.dx[0]), "%s at NaN: slope %g", op->name, s.dx[0]);
        }
    }
    ck_assert_int_gt(rows, 100);
}
END_TEST

// In the middle of a row of numbers, through the loops that vectorise.
START_TEST(a_nan_stays_where_it_is) {
    enum { N = 37 };
    for (int i = 0; i < wg_op_count(); i++) {
        const wg_op *op = wg_op_at(i);
        if (!is_row(op) || op->saves == WG_SAVES_NOTHING) continue;
        wg_tensor *x = wg_full(floats[_i], WG_SHAPE(N), 0.75), *gx = NULL;
        wg_view_set(&x->view, 20, NAN);
        x = wg_variable(x);
        wg_tensor *y = wg_apply(op, &x, 1, sample_attr(op));
        ck_assert(wg_grad(y, &x, 1, &gx, (wg_grad_options){ .constant = true }));
        for (int64_t k = 0; k < N; k++) {
            ck_assert_msg(isnan(wg_view_get(&gx->view, k)) ==
                              (k == 20 || strcmp(op->name, "acosh") == 0),
                          "%s: element %d of the gradient", op->name, (int)k);
        }
    }
}
END_TEST

// The loops that vectorise and their remainders, at every sample's attributes.
static void expect_fused_is_the_rule(const wg_op *op, const void *attr, wg_dtype dtype) {
    static const double at[] = { NAN, INF, -INF, 0, -0.0 };
    enum { N = 8 * COUNT(at) + 3 };
    wg_tensor *x = wg_full(dtype, WG_SHAPE(N), 0), *rule, *fused;
    for (int64_t k = 0; k < N; k++) wg_view_set(&x->view, k, at[k % COUNT(at)]);
    x = wg_variable(x);
    wg_tensor *y = wg_apply(op, &x, 1, attr);
    ck_assert(wg_grad(y, &x, 1, &rule, (wg_grad_options){ .constant = false }));
    ck_assert(wg_grad(y, &x, 1, &fused, (wg_grad_options){ .constant = true }));
    for (int64_t k = 0; k < N; k++) {
        double want = wg_view_get(&rule->view, k), have = wg_view_get(&fused->view, k);
        ck_assert_msg(alike(have, want, few(dtype), few(dtype)),
                      "%s at %g: slope %.17g fused, %.17g by the rule", op->name, at[k % COUNT(at)],
                      have, want);
    }
}

START_TEST(fused_slopes_are_those_of_the_rule_at_nan_infinities_and_both_zeros) {
    int rows = 0;
    for (int i = 0; i < wg_op_count(); i++) {
        const wg_op *op = wg_op_at(i);
        for (int k = 0; is_row(op) && op->vjp && k < WG_MAX_SAMPLES && op->samples[k]; k++) {
            wg__sample sample;
            ck_assert(wg__sample_parse(op, op->samples[k], &sample));
            expect_fused_is_the_rule(op, sample.attr, floats[_i]);
            rows++;
        }
    }
    ck_assert_int_gt(rows, 100);
}
END_TEST

/* ---- far away -------------------------------------------------------------------------------- */

static const place far_away[] = {
    { "sigmoid", -800, 0, 0, { 0 } },
    { "sigmoid", 800, 1, 0, { 0 } },
    { "sigmoid", -INF, 0, 0, { 0 } },
    { "logsigmoid", -1e4, -1e4, 1, { 0 } },
    { "logsigmoid", 1e4, 0, 0, { 0 } },
    { "logsigmoid", -INF, -INF, 1, { 0 } },
    { "softplus", -1e4, 0, 0, { 0 } },
    { "softplus", 1e4, 1e4, 1, { 0 } },
    { "softplus", INF, INF, 1, { 0 } },
    { "silu", -1e4, 0, 0, { 0 } },
    { "silu", 1e4, 1e4, 1, { 0 } },
    { "mish", -1e4, 0, 0, { 0 } },
    { "mish", 1e4, 1e4, 1, { 0 } },
    { "gelu", -1e4, 0, 0, { 0 } },
    { "gelu", 1e4, 1e4, 1, { 0 } },
    { "gelu_tanh", -1e4, 0, 0, { 0 } },
    { "gelu_tanh", 1e4, 1e4, 1, { 0 } },
    { "gelu_tanh", 1e30, 1e30, 1, { 0 } },  // its square is beyond f32
    { "gelu_tanh", -1e30, 0, 0, { 0 } },
    { "elu", -1e4, -0.5, 0, { 0.5 } },
    { "celu", -1e4, -0.5, 0, { 0.5 } },
    { "selu", -1e4, -1.7580993408473768, 0, { 0 } },
    { "tanh", -1e4, -1, 0, { 0 } },
    { "softsign", -9999, -0.9999, 1e-8, { 0 } },
    { "asinh", 1e30, 69.770699970381316, 1e-30, { 0 } },
    { "atan", -INF, -1.5707963267948966, 0, { 0 } },
    { "relu", INF, INF, 1, { 0 } },
    { "relu", -INF, 0, 0, { 0 } },
    { "relu6", INF, 6, 0, { 0 } },
    { "hardsigmoid", -INF, 0, 0, { 0 } },
    { "hardswish", INF, INF, 1, { 0 } },
    { "hardswish", -INF, 0, 0, { 0 } },
    { "leaky_relu", -INF, -INF, 0.25, { 0.25 } },
    { "clamp", -INF, -INF, 1, { -INFINITY, 2 } },
    { "clamp", INF, 2, 0, { -INFINITY, 2 } },
    { "threshold", INF, INF, 1, { 0.5, -1 } },
    { "softshrink", -INF, -INF, 1, { 0.5 } },
    { "lgamma", INF, INF, INF, { 0 } },
    { "digamma", INF, INF, 0, { 0 } },
    { "polygamma", INF, 0, 0, { 3 } },
};
START_TEST(far_away_nothing_overflows) { EXPECT_PLACES(far_away); }
END_TEST

// Relative to what is tiny there: 60 is far for f32, and 600 for f64.
START_TEST(tails_keep_their_digits) {
    double x = floats[_i] == WG_F32 ? 60 : 600, e = exp(-x);
    struct {
        const char *op;
        double x, y;
    } tail[] = {
        { "sigmoid", -x, e },
        { "softplus", -x, e },
        { "logsigmoid", x, -e },
        { "silu", -x, -x * e },
        { "mish", -x, -x * e },
        { "expm1", 1e-20, 1e-20 },
        { "log1p", 1e-20, 1e-20 },
        { "erfc", 5, erfc(5) },
        { "gelu", -5, -2.5 * erfc(5 / sqrt(2)) },
        { "tanh", 1e-20, 1e-20 },
        { "sinh", 1e-20, 1e-20 },
        { "atanh", 1e-20, 1e-20 },
        { "asinh", -1e-20, -1e-20 },
        { "logit", 1e-20, log(1e-20) },
    };
    for (int k = 0; k < COUNT(tail); k++) {
        sloped s = sloped_at(wg_op_find(tail[k].op), NULL, floats[_i], &tail[k].x);
        // An exponential of x has x roundings of it as an error.
        ck_assert_msg(alike(s.y, tail[k].y, x * few(floats[_i]), 0), "%s(%g) is %.17g, not %.17g",
                      tail[k].op, tail[k].x, s.y, tail[k].y);
    }
    double step = floats[_i] == WG_F32 ? 0x1p-20 : 0x1p-40, near = 0.5 + step;
    sloped s = sloped_at(wg_op_find("logit"), NULL, floats[_i], &near);
    ck_assert_msg(alike(s.y, 4 * step, few(floats[_i]), 0), "%.17g", s.y);
    // x sigmoid(2 u), for which 1 + tanh(u) has lost all digits in f32
    double u2 = 2 * sqrt(2 / acos(-1)) * (-5 + 0.044715 * -125), at = -5;
    s = sloped_at(wg_op_find("gelu_tanh"), NULL, floats[_i], &at);
    ck_assert_msg(alike(s.y, -5 / (1 + exp(-u2)), 30 * few(floats[_i]), 0), "%.17g", s.y);
}
END_TEST

/* ---- poles and ends -------------------------------------------------------------------------- */

static const place poles[] = {
    { "sqrt", 0, 0, INFINITY, { 0 } },
    { "sqrt", -1, NAN, NAN, { 0 } },
    { "rsqrt", 0, INFINITY, -INFINITY, { 0 } },
    { "cbrt", 0, 0, INFINITY, { 0 } },
    { "cbrt", -8, -2, 1.0 / 12, { 0 } },
    { "log", 0, -INFINITY, INFINITY, { 0 } },
    { "log2", 0, -INFINITY, INFINITY, { 0 } },
    { "log10", 0, -INFINITY, INFINITY, { 0 } },
    { "log1p", -1, -INFINITY, INFINITY, { 0 } },
    { "logit", 0, -INFINITY, INFINITY, { 0 } },
    { "logit", 1, INFINITY, INFINITY, { 0 } },
    { "asin", 1, 1.5707963267948966, INFINITY, { 0 } },
    { "asin", 2, NAN, NAN, { 0 } },
    { "acos", -1, 3.1415926535897932, -INFINITY, { 0 } },
    { "acosh", 1, 0, INFINITY, { 0 } },
    { "acosh", -2, NAN, NAN, { 0 } },
    { "atanh", 1, INFINITY, INFINITY, { 0 } },
    { "reciprocal", 0, INFINITY, -INFINITY, { 0 } },
    { "lgamma", 0, INFINITY, -INFINITY, { 0 } },
    { "lgamma", -2, INFINITY, NAN, { 0 } },
    { "digamma", 0, -INFINITY, INFINITY, { 0 } },
    { "digamma", -0.0, INFINITY, INFINITY, { 0 } },
    { "digamma", -3, NAN, INFINITY, { 0 } },
    { "digamma", -INFINITY, NAN, NAN, { 0 } },
    { "polygamma", -1, INFINITY, NAN, { 1 } },
    { "polygamma", 0, INFINITY, -INFINITY, { 1 } },
    { "polygamma", 1, NAN, NAN, { 1.5 } },
    { "polygamma", 1, NAN, NAN, { -2 } },
};
START_TEST(poles_are_infinite_on_the_right_side) { EXPECT_PLACES(poles); }
END_TEST

// A cotangent of 0 stays 0 there.
START_TEST(no_pole_poisons_a_zero_cotangent) {
    for (int k = 0; k < COUNT(poles); k++) {
        wg_tensor *x = wg_variable(wg_full(floats[_i], WG_SCALAR, poles[k].x)), *gx = NULL;
        wg_tensor *y = wg_apply(wg_op_find(poles[k].op), &x, 1, poles[k].attr);
        wg_tensor *zero = wg_zeros(floats[_i], WG_SCALAR);
        for (int constant = 0; constant < 2; constant++) {
            wg_grad_options o = { .seed = zero, .constant = constant };
            ck_assert(wg_grad(y, &x, 1, &gx, o));
            EXPECT_VALUES(gx, 0);
        }
    }
}
END_TEST

/* ---- kinks ----------------------------------------------------------------------------------- */

static const place kinks[] = {
    { "abs", 0, 0, 0, { 0 } },
    { "relu", 0, 0, 0, { 0 } },
    { "relu6", 0, 0, 0, { 0 } },
    { "relu6", 6, 6, 0, { 0 } },
    { "hardtanh", -1, -1, 0, { -1, 2 } },
    { "hardtanh", 2, 2, 0, { -1, 2 } },
    { "clamp", -1, -1, 1, { -1, 2 } },
    { "clamp", 2, 2, 1, { -1, 2 } },
    { "clamp", 1, 0, 0, { 3, 0 } },  // low above high
    { "hardsigmoid", -3, 0, 0, { 0 } },
    { "hardsigmoid", 3, 1, 0, { 0 } },
    { "hardswish", -3, 0, -0.5, { 0 } },
    { "hardswish", 3, 3, 1.5, { 0 } },
    { "softshrink", 0.5, 0, 0, { 0.5 } },
    { "softshrink", -0.5, 0, 0, { 0.5 } },
    { "hardshrink", 0.5, 0, 0, { 0.5 } },
    { "hardshrink", -0.75, -0.75, 1, { 0.5 } },
    { "threshold", 0.5, -2, 0, { 0.5, -2 } },
    { "leaky_relu", 0, 0, 0.25, { 0.25 } },
    { "elu", 0, 0, 0.5, { 0.5 } },
    { "celu", 0, 0, 1, { 0.5 } },
    { "selu", 0, 0, 1.7580993408473768, { 0 } },
    { "softsign", 0, 0, 1, { 0 } },
    { "frac", 2, 0, 1, { 0 } },
};
START_TEST(kinks_have_the_slope_of_their_tie_rule) { EXPECT_PLACES(kinks); }
END_TEST

/* ---- known values ---------------------------------------------------------------------------- */

// By other means: closed forms, and tables of the functions.
static const place known[] = {
    { "exp2", 3, 8, 5.5451774444795625, { 0 } },
    { "log2", 8, 3, 0.18033688011112043, { 0 } },
    { "log10", 1000, 3, 4.3429448190325183e-4, { 0 } },
    { "tan", 0.78539816339744831, 1, 2, { 0 } },
    { "asin", 0.5, 0.52359877559829887, 1.1547005383792515, { 0 } },
    { "acos", 0.5, 1.0471975511965977, -1.1547005383792515, { 0 } },
    { "atan", 1, 0.78539816339744831, 0.5, { 0 } },
    { "sinh", 1, 1.1752011936438015, 1.5430806348152438, { 0 } },
    { "cosh", 1, 1.5430806348152438, 1.1752011936438015, { 0 } },
    { "asinh", 0.75, 0.69314718055994531, 0.8, { 0 } },
    { "acosh", 1.25, 0.69314718055994531, 1.3333333333333333, { 0 } },
    { "atanh", 0.5, 0.54930614433405485, 1.3333333333333333, { 0 } },
    { "logit", 0.75, 1.0986122886681098, 5.333333333333333, { 0 } },
    { "lgamma", 0.5, 0.57236494292470009, -1.9635100260214235, { 0 } },
    { "lgamma", 10, 12.801827480081469, 2.2517525890667211, { 0 } },
    { "lgamma", -1.5, 0.86004701537648101, 0.70315664064524319, { 0 } },
    { "digamma", 1, -0.57721566490153286, 1.6449340668482264, { 0 } },
    { "polygamma", 1, 1.6449340668482264, -2.4041138063191886, { 1 } },
    { "polygamma", 0.5, -16.828796644234320, 97.409091034002437, { 2 } },
    { "polygamma", -0.25, 18.541879647671606, 122.69736678366236, { 1 } },
    { "mish", 1, 0.86509838826731035, 1.0490362200997922, { 0 } },
    { "gelu_tanh", 1, 0.84119199060827676, 1.0829640838457826, { 0 } },
    { "selu", -1, -1.1113307378125626, 0.64676860303481416, { 0 } },
    { "celu", -1, -0.43233235838169365, 0.1353352832366127, { 0.5 } },
    { "hardswish", 1, 0.66666666666666667, 0.83333333333333333, { 0 } },
    { "tanhshrink", 1, 0.23840584404423517, 0.58002565838597393, { 0 } },
};
START_TEST(values_known_from_elsewhere) { EXPECT_PLACES(known); }
END_TEST

START_TEST(polygamma_obeys_its_recurrence_on_both_sides_of_zero) {
    static const double at[] = { 0.3, 5.25, 17, -0.4, -3.3, -20.75 };
    double factorial = 1;
    for (int n = 1; n < 40; n++) {
        factorial *= n;
        for (int k = 0; k < COUNT(at); k++) {
            double here = wg__polygamma(n, at[k]), next = wg__polygamma(n, at[k] + 1);
            double step = (n % 2 ? -1 : 1) * factorial / pow(at[k], n + 1);
            // What cancels: three numbers of the size of the largest, and n roundings in its power.
            double size = fmax(fabs(here), fmax(fabs(next), fabs(step)));
            ck_assert_msg(alike(next - here, step, 0, (10 + n) * 4e-16 * size), "n = %d, x = %g", n,
                          at[k]);
        }
    }
}
END_TEST

START_TEST(large_orders_of_polygamma_do_not_overflow_on_the_way) {
    ck_assert(alike(wg__polygamma(150, 1000), -4.1017783919253754e-190, 1e-12, 0));
    ck_assert(alike(wg__polygamma(170, 200), -4.2355428001125095e-87, 1e-12, 0));
    ck_assert(alike(wg__polygamma(60, 0.5), -1.9186889963671974e100, 1e-12, 0));
}
END_TEST

START_TEST(digamma_differentiates_to_any_order) {
    wg_tensor *x = leaf(1.75), *y = wg_lgamma(x);
    for (int n = 0; n < 6; n++) {
        y = wg_derivative(y, x);
        expect_near(y, &(double){ wg__polygamma(n, 1.75) }, 1, 1e-14, 0);
    }
}
END_TEST

// exp(z) and 1 / gamma(1 + i) and so on, off the real axis: from the Handbook's tables.
START_TEST(references_in_complex_numbers_hold_off_the_real_axis) {
    const double complex z = 1 + I;
    struct {
        double complex got, want;
    } pair[] = {
        { wg__complex_erf(z), 1.3161512816979476 + I * 0.19045346923783469 },
        { wg__complex_erfc(z), -0.31615128169794764 - I * 0.19045346923783469 },
        { wg__complex_erfc(3 + 0.5 * I), 1 - wg__complex_erf(3 + 0.5 * I) },
        { wg__complex_lgamma(z), -0.65092319930185634 - I * 0.30164032046753320 },
        { wg__complex_polygamma(0, z), 0.094650320622476977 + I * 1.0766740474685812 },
        { wg__complex_polygamma(1, z), 0.46300009662276379 - I * 0.79423354275931887 },
    };
    for (int k = 0; k < COUNT(pair); k++)
        ck_assert_msg(cabs(pair[k].got - pair[k].want) < 1e-14, "%d: %.17g + %.17g i", k,
                      creal(pair[k].got), cimag(pair[k].got));
}
END_TEST

/* ---- rounding and predicates ----------------------------------------------------------------- */

START_TEST(rounding_goes_where_it_says) {
    wg_tensor *x = wg_cast(LIST(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 1e30, -INF), floats[_i]);
    double big = wg_view_get(&x->view, 6);
    EXPECT_VALUES(wg_round(x), -2, -2, 0, 0, 2, 2, big, -INF);
    EXPECT_VALUES(wg_floor(x), -3, -2, -1, 0, 1, 2, big, -INF);
    EXPECT_VALUES(wg_ceil(x), -2, -1, 0, 1, 2, 3, big, -INF);
    EXPECT_VALUES(wg_trunc(x), -2, -1, 0, 0, 1, 2, big, -INF);
    expect_near(wg_frac(x), (double[]){ -0.5, -0.5, -0.5, 0.5, 0.5, 0.5, 0, NAN }, 8, 0, 0);
    ck_assert(!wg_is_tracked(wg_floor(wg_variable(x))));
    ck_assert(wg_is_tracked(wg_frac(wg_variable(x))));
}
END_TEST

START_TEST(signs_and_intervals_say_where_a_number_is) {
    wg_tensor *x = wg_cast(LIST(-INF, -2, -0.0, 0, 3, INF, NAN), floats[_i]);
    expect_near(wg_sign(x), (double[]){ -1, -1, 0, 0, 1, 1, NAN }, 7, 0, 0);
    expect_near(wg_step(x), (double[]){ 0, 0, 0, 0, 1, 1, NAN }, 7, 0, 0);
    expect_near(wg_inside(x, -2, 3), (double[]){ 0, 0, 1, 1, 0, 0, NAN }, 7, 0, 0);
    expect_near(wg_between(x, -2, 3), (double[]){ 0, 1, 1, 1, 1, 0, NAN }, 7, 0, 0);
    expect_near(wg_between(x, -INF, 0), (double[]){ 1, 1, 1, 1, 0, 0, NAN }, 7, 0, 0);
}
END_TEST

START_TEST(predicates_take_every_dtype) {
    wg_tensor *x = wg_cast(LIST(NAN, INF, -INF, 0, 1), floats[_i]);
    EXPECT_VALUES(wg_isnan(x), 1, 0, 0, 0, 0);
    EXPECT_VALUES(wg_isinf(x), 0, 1, 1, 0, 0);
    EXPECT_VALUES(wg_isfinite(x), 0, 0, 0, 1, 1);
    EXPECT_VALUES(wg_logical_not(x), 0, 0, 0, 1, 0);
    for (wg_dtype dtype = WG_I32; dtype < WG_DTYPES; dtype++) {
        wg_tensor *i = wg_ones(dtype, WG_SHAPE(1));
        EXPECT_VALUES(wg_isnan(i), 0);
        EXPECT_VALUES(wg_isinf(i), 0);
        EXPECT_VALUES(wg_isfinite(i), 1);
        ck_assert_int_eq(wg_dtype_of(wg_isnan(i)), WG_BOOL);
    }
}
END_TEST

/* ---- references ------------------------------------------------------------------------------ */

// What the reference of an elementwise operation gives for x.
static void expect_reference(const char *name, wg_tensor *x, const void *attr) {
    const wg_op *op = wg_op_find(name);
    wg_tensor *y = wg_apply(op, &x, 1, attr);
    ck_assert_ptr_nonnull(y);
    wg_call call = { op, 1, &x, y, attr };
    double complex in[16], out[16];
    int64_t n = wg_numel(x);
    ck_assert_int_le(n, COUNT(in));
    for (int64_t k = 0; k < n; k++) in[k] = wg_view_get(&x->view, k);
    wg_zview from = { in, wg_shape_of(x) }, to = { out, wg_shape_of(y) };
    ck_assert(op->reference(&call, &from, &to));
    for (int64_t k = 0; k < n; k++)
        ck_assert_msg(cimag(out[k]) == 0 && creal(out[k]) == wg_view_get(&y->view, k),
                      "%s at %g: %.17g, and by the reference %.17g", name, creal(in[k]),
                      wg_view_get(&y->view, k), creal(out[k]));
}

// Numbers that no sample has, and programs by chance have.
START_TEST(the_references_of_clamp_and_hardtanh_give_high_where_low_is_above_it) {
    static const char *const names[] = { "clamp", "hardtanh" };
    static const double bounds[][2] = { { 3, 0 }, { -1, -2 }, { INF, -INF }, { 1, 1 }, { -1, 2 } };
    wg_tensor *x = wg_cast(LIST(-INF, -2, -1.5, 0, 0.5, 1, 3, 4, INF), floats[_i]);
    for (int k = 0; k < COUNT(names); k++)
        for (int b = 0; b < COUNT(bounds); b++) expect_reference(names[k], x, bounds[b]);
    wg_tensor *y = wg_apply(wg_op_find("clamp"), &x, 1, bounds[0]);
    EXPECT_VALUES(y, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}
END_TEST

START_TEST(the_reference_of_cast_goes_towards_zero_and_saturates) {
    wg_tensor *x =
        wg_cast(LIST(-2.5, -1, -0.5, 0, 0.75, 1.5, 300, 3e9, -3e9, INF, -INF, NAN), floats[_i]);
    for (wg_dtype dtype = WG_I32; dtype < WG_DTYPES; dtype++)
        expect_reference("cast", x, &(int64_t){ dtype });
}
END_TEST

/* ---- records --------------------------------------------------------------------------------- */

START_TEST(a_row_documents_its_own_slope) {
    ck_assert_str_eq(wg_op_find("tanh")->derivative, "dx = gy s, s = 1 - y * y");
    ck_assert_str_eq(wg_op_find("relu6")->derivative, "dx = gy s, s = inside(x, 0, 6)");
    ck_assert_str_eq(wg_op_find("atan")->equals, "torch.atan, np.arctan");
    for (int i = 0; i < wg_op_count(); i++) {
        const wg_op *op = wg_op_at(i);
        bool said = op->derivative || op->flags & WG_OP_ZERO_GRADIENT;
        ck_assert_msg(!is_row(op) || said, "%s does not say its slope", op->name);
    }
}
END_TEST

START_TEST(celu_does_not_divide_by_zero) {
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(2)), *wide = wg_cast(x, WG_F64);
    ck_assert_ptr_null(wg_celu(x, 0));
    expect_error(WG_ERROR_ARGUMENT, "celu: [2]: alpha = 0 is 0 in f32, and x is divided by it");
    ck_assert_ptr_null(wg_celu(wide, -0.0));
    expect_error(WG_ERROR_ARGUMENT, "celu: [2]: alpha = -0 is 0 in f64");
    ck_assert_ptr_null(wg_celu(x, 1e-50));
    expect_error(WG_ERROR_ARGUMENT, "celu: [2]: alpha = 1e-50 is 0 in f32");
    EXPECT_VALUES(wg_celu(wide, 1e-50), 0, 0);
}
END_TEST

START_TEST(integers_are_refused_by_name) {
    ck_assert_ptr_null(wg_digamma(wg_ones(WG_I64, WG_SHAPE(2))));
    expect_error(WG_ERROR_DTYPE, "digamma: [2]: it does not take i64");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("unary");
    TCase *c = add_cases(suite, "ends");
    tcase_add_test(c, nan_gives_nan_and_a_slope_of_nan);
    tcase_add_loop_test(c, fused_slopes_are_those_of_the_rule_at_nan_infinities_and_both_zeros, 0,
                        2);
    ADD_TABLE(c, a_nan_stays_where_it_is, floats);
    tcase_add_test(c, far_away_nothing_overflows);
    ADD_TABLE(c, tails_keep_their_digits, floats);
    tcase_add_test(c, poles_are_infinite_on_the_right_side);
    ADD_TABLE(c, no_pole_poisons_a_zero_cotangent, floats);
    tcase_add_test(c, kinks_have_the_slope_of_their_tie_rule);
    TCase *v = add_cases(suite, "values");
    tcase_add_test(v, values_known_from_elsewhere);
    tcase_add_test(v, polygamma_obeys_its_recurrence_on_both_sides_of_zero);
    tcase_add_test(v, large_orders_of_polygamma_do_not_overflow_on_the_way);
    tcase_add_test(v, digamma_differentiates_to_any_order);
    tcase_add_test(v, references_in_complex_numbers_hold_off_the_real_axis);
    ADD_TABLE(v, rounding_goes_where_it_says, floats);
    ADD_TABLE(v, signs_and_intervals_say_where_a_number_is, floats);
    ADD_TABLE(v, predicates_take_every_dtype, floats);
    TCase *r = add_cases(suite, "records");
    ADD_TABLE(r, the_references_of_clamp_and_hardtanh_give_high_where_low_is_above_it, floats);
    ADD_TABLE(r, the_reference_of_cast_goes_towards_zero_and_saturates, floats);
    tcase_add_test(r, a_row_documents_its_own_slope);
    tcase_add_test(r, celu_does_not_divide_by_zero);
    tcase_add_test(r, integers_are_refused_by_name);
    return run_suite(suite);
}
