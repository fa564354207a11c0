// SPDX-License-Identifier: MIT
/* test_binary.c: the elementwise operations of two and three tensors at their ends: NaN,
   infinities, ties and zeros, in f32 and f64, and choices that let nothing leak. */
#include "tests/slope_test.h"

#define INF INFINITY

typedef struct place {
    const char *op;
    double at[3], y, slope[3];
} place;

static void expect_place(const place *p, wg_dtype dtype) {
    const wg_op *op = wg_op_find(p->op);
    sloped s = sloped_at(op, NULL, dtype, p->at);
    ck_assert_msg(alike(s.y, p->y, few(dtype), 0), "%s(%g, %g) is %.17g, not %.17g", p->op,
                  p->at[0], p->at[1], s.y, p->y);
    for (int i = 0; i < op->inputs; i++)
        ck_assert_msg(alike(s.dx[i], p->slope[i], few(dtype), 0),
                      "%s(%g, %g): slope %d is %.17g, not %.17g", p->op, p->at[0], p->at[1], i,
                      s.dx[i], p->slope[i]);
}

#define EXPECT_PLACES(table)                                                                       \
    for (int d = 0; d < 2; d++)                                                                    \
        for (int k = 0; k < COUNT(table); k++) expect_place(&(table)[k], floats[d])

// y as a function of one number, the other fixed, differentiated `n` times.
static double derivative_of(wg_tensor *y, wg_tensor *x, int n) {
    for (; n > 0; n--) y = wg_derivative(y, x);
    return number_of(y);
}

/* ---- NaN ------------------------------------------------------------------------------------- */

// But xmul, whose point it is, and the slopes that are the same everywhere.
START_TEST(nan_in_any_place_gives_nan_and_slopes_of_nan) {
    int rows = 0;
    for (int i = 0; i < wg_op_count(); i++) {
        const wg_op *op = wg_op_at(i);
        if (!op->map || op->inputs < 2 || op->map->predicate || strcmp(op->name, "xmul") == 0)
            continue;
        for (int i_nan = 0; i_nan < op->inputs; i_nan++, rows++) {
            double at[3] = { -0.75, 0.5, 0.25 };
            at[i_nan] = NAN;
            sloped s = sloped_at(op, NULL, floats[_i], at);
            ck_assert_msg(isnan(s.y), "%s with NaN as input %d is %g", op->name, i_nan, s.y);
            bool chooses = strstr(op->name, "imum") != NULL;
            for (int k = 0; chooses && k < 2; k++) ck_assert(isnan(s.dx[k]));
        }
    }
    ck_assert_int_gt(rows, 20);
}
END_TEST

START_TEST(comparisons_with_nan_are_false_but_for_ne) {
    wg_tensor *x = wg_full(floats[_i], WG_SCALAR, NAN), *one = wg_ones(floats[_i], WG_SCALAR);
    wg_tensor *none = wg_zeros(floats[_i], WG_SCALAR);
    EXPECT_VALUES(wg_eq(x, x), 0);
    EXPECT_VALUES(wg_ne(x, x), 1);
    EXPECT_VALUES(wg_lt(x, one), 0);
    EXPECT_VALUES(wg_ge(x, one), 0);
    EXPECT_VALUES(wg_logical_and(x, one), 1);  // NaN is not 0
    EXPECT_VALUES(wg_logical_or(x, none), 1);
    EXPECT_VALUES(wg_logical_xor(x, one), 0);
}
END_TEST

START_TEST(logic_takes_every_dtype) {
    for (wg_dtype dtype = 0; dtype < WG_DTYPES; dtype++) {
        wg_tensor *a = wg_cast(LIST(0, 0, 1, 1), dtype), *b = wg_cast(LIST(0, 1, 0, 1), dtype);
        EXPECT_VALUES(wg_logical_and(a, b), 0, 0, 0, 1);
        EXPECT_VALUES(wg_logical_or(a, b), 0, 1, 1, 1);
        EXPECT_VALUES(wg_logical_xor(a, b), 0, 1, 1, 0);
        ck_assert_int_eq(wg_dtype_of(wg_logical_and(a, b)), WG_BOOL);
    }
    EXPECT_VALUES(wg_logical_xor(LIST(0.5, -2), wg_num(1)), 0, 0);
}
END_TEST

/* ---- ties and ends --------------------------------------------------------------------------- */

static const place ties[] = {
    { "maximum", { 2, 2, 0 }, 2, { 0.5, 0.5, 0 } },
    { "maximum", { INFINITY, INFINITY, 0 }, INFINITY, { 0.5, 0.5, 0 } },
    { "maximum", { -INFINITY, -INFINITY, 0 }, -INFINITY, { 0.5, 0.5, 0 } },
    { "maximum", { 1, 2, 0 }, 2, { 0, 1, 0 } },
    { "minimum", { 2, 2, 0 }, 2, { 0.5, 0.5, 0 } },
    { "minimum", { 1, INFINITY, 0 }, 1, { 1, 0, 0 } },
    { "leak", { 0, 0.25, 0 }, 0, { 0.25, 0, 0 } },
    { "leak", { -2, 0.25, 0 }, -0.5, { 0.25, -2, 0 } },
    { "leak", { INFINITY, 0.25, 0 }, INFINITY, { 1, 0, 0 } },
    { "hypot", { 0, 0, 0 }, 0, { 0, 0, 0 } },
    { "hypot", { 3e30, -4e30, 0 }, 5e30, { 0.6, -0.8, 0 } },  // whose squares are beyond f32
    { "hypot", { 3e-30, 4e-30, 0 }, 5e-30, { 0.6, 0.8, 0 } },
    { "hypot", { 0, -2, 0 }, 2, { 0, -1, 0 } },
    { "atan2", { 0, 0, 0 }, 0, { 0, 0, 0 } },
    { "atan2", { 1, 0, 0 }, 1.5707963267948966, { 0, -1, 0 } },
    { "atan2", { 0, -2, 0 }, 3.1415926535897932, { -0.5, 0, 0 } },
    { "atan2", { -1, -1, 0 }, -2.3561944901923448, { -0.5, 0.5, 0 } },
    { "atan2", { 1e25, 1e25, 0 }, 0.78539816339744831, { 5e-26, -5e-26, 0 } },
    { "fmod", { 7.5, 2, 0 }, 1.5, { 1, -3, 0 } },
    { "fmod", { -7.5, 2, 0 }, -1.5, { 1, 3, 0 } },
    { "fmod", { 7.5, -2, 0 }, 1.5, { 1, 3, 0 } },
    { "fmod", { 1, INFINITY, 0 }, 1, { 1, 0, 0 } },
    { "xmul", { 0, INFINITY, 0 }, 0, { INFINITY, 0, 0 } },
    { "xmul", { NAN, 0, 0 }, 0, { 0, NAN, 0 } },
    { "lerp", { 1, 3, 0.25 }, 1.5, { 0.75, 0.25, 2 } },
};
START_TEST(ties_and_ends_are_as_documented) { EXPECT_PLACES(ties); }
END_TEST

// In f64, 1 / 0.1 is 10, and yet fmod takes 0.1 away nine times: it knows that 0.1 is a bit more.
START_TEST(the_slope_of_fmod_counts_what_was_taken_away) {
    wg_tensor *a = leaf(1), *b = leaf(0.1), *y = wg_fmod(a, b);
    EXPECT_VALUES(wg_lt(y, b), 1);
    expect_near(y, &(double){ 0.1 }, 1, 0, 1e-15);
    EXPECT_VALUES(wg_derivative(y, b), -9);
    EXPECT_VALUES(wg_derivative(y, a), 1);
}
END_TEST

START_TEST(lerp_is_exact_at_both_ends) {
    wg_tensor *a = wg_cast(LIST(0.1, 1e30, -7), floats[_i]);
    wg_tensor *b = wg_cast(LIST(0.3, -1.1, 1e-30), floats[_i]);
    for (int64_t k = 0; k < 3; k++) {
        wg_tensor *low = wg_lerp(a, b, wg_num(0)), *high = wg_lerp(a, b, wg_num(1));
        ck_assert(!(wg_view_get(&low->view, k) != wg_view_get(&a->view, k)));
        ck_assert(!(wg_view_get(&high->view, k) != wg_view_get(&b->view, k)));
    }
    EXPECT_VALUES(wg_lerp(wg_num(2), wg_num(4), wg_cast(LIST(-1, 0.5, 2), floats[_i])), 0, 3, 6);
    ck_assert_ptr_null(wg_lerp(a, b, wg_zeros(floats[_i], WG_SHAPE(2))));
    expect_error(WG_ERROR_SHAPE, "lerp: [3] x [3] x [2]: the shapes do not broadcast");
}
END_TEST

/* ---- pow ------------------------------------------------------------------------------------- */

static const place powers[] = {
    { "pow", { 0, 2, 0 }, 0, { 0, 0, 0 } },
    { "pow", { 0, 1, 0 }, 0, { 1, 0, 0 } },
    { "pow", { 0, 0.5, 0 }, 0, { INFINITY, 0, 0 } },
    { "pow", { 0, 0, 0 }, 1, { 0, -INFINITY, 0 } },
    { "pow", { 0, -1, 0 }, INFINITY, { -INFINITY, -INFINITY, 0 } },
    { "pow", { -2, 3, 0 }, -8, { 12, NAN, 0 } },
    { "pow", { -2, 0.5, 0 }, NAN, { NAN, NAN, 0 } },
    { "pow", { 2, 0, 0 }, 1, { 0, 0.69314718055994531, 0 } },
    { "pow", { 1, INFINITY, 0 }, 1, { INFINITY, 0, 0 } },
};
START_TEST(pow_is_right_at_base_zero_and_below) { EXPECT_PLACES(powers); }
END_TEST

// d^k/da^k a^b at a = 0, by b.
START_TEST(pow_at_base_zero_has_its_higher_derivatives_too) {
    const double want[4][4] = { { 1, 0, 0, 0 }, { 0, 1, 0, 0 }, { 0, 0, 2, 0 }, { 0, 0, 0, 6 } };
    for (int b = 0; b < 4; b++)
        for (int k = 0; k < 4; k++) {
            wg_tensor *a = leaf(0), *y = wg_pow(a, wg_num(b));
            double got = derivative_of(y, a, k);
            ck_assert_msg(!(got != want[b][k]), "%d times 0^%d: %g", k, b, got);
        }
    wg_tensor *a = leaf(0);
    ck_assert(isinf(derivative_of(wg_pow(a, wg_num(1.5)), a, 2)));
    // By the exponent at base 0: a^b log(a)^2 and, mixed, a^(b - 1) (1 + b log a), at b = 2.
    for (int i = 0; i < 2; i++) {
        wg_tensor *x[2] = { leaf(0), leaf(2) }, *y = wg_pow(x[0], x[1]);
        ck_assert(!(derivative_of(y, x[1], 2) != 0));
        ck_assert(!(derivative_of(wg_derivative(y, x[i]), x[1 - i], 1) != 0));
        x[1] = leaf(1), y = wg_pow(x[0], x[1]);  // 1 + log a
        double mixed = derivative_of(wg_derivative(y, x[i]), x[1 - i], 1);
        ck_assert_msg(!(mixed != -INFINITY), "%d first: %g", i, mixed);
    }
}
END_TEST

/* ---- choosing -------------------------------------------------------------------------------- */

START_TEST(masked_fill_lets_nothing_leak) {
    wg_tensor *x = wg_variable(wg_cast(LIST(NAN, INF, 0, 4), floats[_i]));
    wg_tensor *mask = wg_cast(LIST(1, 1, 1, 0), WG_BOOL), *gx = NULL;
    wg_tensor *y = wg_masked_fill(wg_log(x), mask, -2);
    expect_near(y, (double[]){ -2, -2, -2, log(4) }, 4, few(floats[_i]), 0);
    for (int constant = 0; constant < 2; constant++) {
        ck_assert(wg_grad(y, &x, 1, &gx, (wg_grad_options){ .constant = constant }));
        EXPECT_VALUES(gx, 0, 0, 0, 0.25);
    }
    EXPECT_VALUES(wg_masked_fill(x, wg_ones(WG_BOOL, WG_SCALAR), -INF), -INF, -INF, -INF, -INF);
}
END_TEST

START_TEST(masked_fill_broadcasts_keeps_dtypes_and_says_what_it_refuses) {
    wg_tensor *x = wg_cast(LIST(1, 2, 3), WG_I64), *mask = wg_cast(LIST(0, 1, 0), WG_BOOL);
    EXPECT_VALUES(wg_masked_fill(x, mask, 7), 1, 7, 3);
    ck_assert_int_eq(wg_dtype_of(wg_masked_fill(x, mask, 7)), WG_I64);
    wg_tensor *column = wg_reshape(mask, WG_SHAPE(3, 1));
    expect_shape(wg_masked_fill(x, column, 7), WG_SHAPE(3, 3));
    expect_shape(wg_masked_fill(wg_zeros(WG_F32, WG_SHAPE(0, 3)), mask, 7), WG_SHAPE(0, 3));
    ck_assert_ptr_null(wg_masked_fill(x, mask, 0.5));
    expect_error(WG_ERROR_DTYPE, "the number 0.5 is no i64");
    ck_assert_ptr_null(wg_masked_fill(x, x, 1));
    expect_error(WG_ERROR_DTYPE, "masked_fill: [3] x [3]: the mask is i64, not bool");
    ck_assert_ptr_null(wg_masked_fill(x, wg_zeros(WG_BOOL, WG_SHAPE(2)), 1));
    expect_error(WG_ERROR_SHAPE, "masked_fill: [3] x [2]: the shapes do not broadcast");
}
END_TEST

START_TEST(a_row_documents_its_own_slopes) {
    ck_assert_str_eq(wg_op_find("mul")->derivative, "da = gy * b, db = gy * a");
    ck_assert_str_eq(wg_op_find("lerp")->derivative,
                     "da = gy * wg_sub(wg_num(1), weight), db = gy * weight, dweight = gy * "
                     "wg_sub(b, a)");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("binary");
    TCase *c = add_cases(suite, "ends");
    ADD_TABLE(c, nan_in_any_place_gives_nan_and_slopes_of_nan, floats);
    ADD_TABLE(c, comparisons_with_nan_are_false_but_for_ne, floats);
    tcase_add_test(c, logic_takes_every_dtype);
    tcase_add_test(c, ties_and_ends_are_as_documented);
    tcase_add_test(c, the_slope_of_fmod_counts_what_was_taken_away);
    ADD_TABLE(c, lerp_is_exact_at_both_ends, floats);
    tcase_add_test(c, pow_is_right_at_base_zero_and_below);
    tcase_add_test(c, pow_at_base_zero_has_its_higher_derivatives_too);
    ADD_TABLE(c, masked_fill_lets_nothing_leak, floats);
    tcase_add_test(c, masked_fill_broadcasts_keeps_dtypes_and_says_what_it_refuses);
    tcase_add_test(c, a_row_documents_its_own_slopes);
    return run_suite(suite);
}
