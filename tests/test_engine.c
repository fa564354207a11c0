// SPDX-License-Identifier: MIT
/* test_engine.c: the tape and what is derived from it. Values are small whole numbers, so that
   every result is exact and compared bit by bit. */
#include <pthread.h>
#include <time.h>

#include "tests/core_test.h"

static uint32_t records(void) { return wg__ctx()->nodes; }
static void expect_gradient(const wg_tensor *leaf_, double want) {
    EXPECT_VALUES(wg_gradient(leaf_), want);
}
// One value out of a fresh backward pass.
static double slope_at(wg_tensor *y, wg_tensor *x) {
    wg_clear_gradient(x);
    ck_assert_msg(wg_backward(y), "%s", wg_error_message());
    return wg_item(wg_gradient(x));
}

/* ---- what is recorded ------------------------------------------------------------------------ */

START_TEST(only_what_depends_on_something_tracked_is_recorded) {
    wg_tensor *c = LIST(1, 2), *w = wg_variable(c);
    ck_assert(!wg_is_tracked(c) && wg_is_tracked(w) && !wg_is_tracked(NULL));
    wg_mul(c, c);
    wg_add(c, wg_num(1));
    ck_assert_uint_eq(records(), 0);
    wg_tensor *y = wg_mul(c, w);
    ck_assert(wg_is_tracked(y));
    ck_assert_uint_eq(records(), 2);  // the leaf, the product
    wg_mul(w, w);
    ck_assert_uint_eq(records(), 3);
    ck_assert(!wg_is_tracked(wg_gt(w, c)));  // bool
    ck_assert(!wg_is_tracked(wg_step(w)));   // derivative zero
    ck_assert(!wg_is_tracked(wg_cast(w, WG_I64)));
    ck_assert_uint_eq(records(), 3);
}
END_TEST

START_TEST(nothing_is_recorded_while_recording_is_off) {
    wg_tensor *w = leaf(3);
    ck_assert(wg_recording(false));
    wg_tensor *y = wg_square(w);
    ck_assert(!wg_recording(true));
    ck_assert_uint_eq(records(), 0);
    ck_assert(!wg_is_tracked(y));
    ck_assert(!wg_backward(y));
    expect_error(WG_ERROR_STATE, "not tracked");
}
END_TEST

START_TEST(a_variable_has_the_values_and_no_history) {
    wg_tensor *w = leaf(3), *v = wg_variable(wg_square(w));
    ck_assert(wg_backward(wg_square(v)));
    expect_gradient(v, 18);
    ck_assert_ptr_null(wg_gradient(w));
    ck_assert_ptr_null(wg_variable(wg_zeros(WG_I64, WG_SCALAR)));
    expect_error(WG_ERROR_DTYPE, "i64");
    ck_assert_ptr_null(wg_variable(wg_num(1)));
    expect_error(WG_ERROR_DTYPE, "wg_num");
    ck_assert_ptr_null(wg_variable(NULL));
    expect_error(WG_ERROR_ARGUMENT, "NULL");
}
END_TEST

START_TEST(stop_passes_values_and_no_gradient) {
    wg_tensor *x = leaf(3), *s = wg_stop(wg_square(x));
    ck_assert(!wg_is_tracked(s));
    ck_assert(slope_at(wg_mul(x, s), x) == 9);
    ck_assert(slope_at(wg_mul(x, wg_stop(x)), x) == 3);
}
END_TEST

/* ---- backward -------------------------------------------------------------------------------- */

START_TEST(each_use_of_a_tensor_counts) {
    wg_tensor *x = leaf(3), *y = leaf(5);
    ck_assert(slope_at(wg_mul(x, x), x) == 6);
    ck_assert(slope_at(wg_add(x, x), x) == 2);
    ck_assert(slope_at(wg_sub(x, x), x) == 0);
    ck_assert(slope_at(wg_div(x, x), x) == 0);
    wg_tensor *a = wg_mul(x, y), *z = wg_add(wg_mul(a, a), wg_mul(x, a));  // x^2 y^2 + x^2 y
    ck_assert(wg_backward(z) && wg_gradient(y));
    expect_gradient(y, 2 * 9 * 5 + 9);
    ck_assert(slope_at(z, x) == 2 * 3 * 25 + 2 * 3 * 5);
}
END_TEST

START_TEST(a_matrix_times_itself_counts_twice) {
    double values[] = { 1, 2, 3, 4 };
    wg_tensor *x = wg_variable(wg_from_f64(WG_F64, WG_SHAPE(2, 2), values));
    ck_assert(wg_backward(wg_sum(wg_matmul(x, x))));
    EXPECT_VALUES(wg_gradient(x), 3 + 4, 7 + 4, 3 + 6, 7 + 6);  // row sums + column sums
    wg_clear_gradient(x);
    ck_assert(wg_backward(wg_sum(wg_matmul(x, wg_transpose(x, 0, 1)))));
    EXPECT_VALUES(wg_gradient(x), 8, 12, 8, 12);  // twice the column sums
}
END_TEST

START_TEST(shared_subexpressions_take_linear_time) {
    wg_tensor *x = leaf(1), *y = x;
    for (int i = 0; i < 60; i++) y = wg_add(y, y);  // 2^60 paths
    ck_assert(slope_at(y, x) == 0x1p60);
    ck_assert(wg_item(wg_derivative(y, x)) == 0x1p60);
    ck_assert(wg_item(wg_jvp(y, &x, 1, (wg_tensor *[]){ scalar(1) })) == 0x1p60);
}
END_TEST

START_TEST(a_second_pass_doubles_gradients_exactly) {
    wg_tensor *x = wg_variable(LIST(0.1, -0.7, 3)), *y = wg_sum(wg_tanh(wg_mul(wg_exp(x), x)));
    double once[3], twice[3];
    ck_assert(wg_backward(y) && wg_read(wg_gradient(x), once, 3));
    ck_assert(wg_backward(y) && wg_read(wg_gradient(x), twice, 3));
    for (int i = 0; i < 3; i++) ck_assert(twice[i] == 2 * once[i]);
    wg_clear_gradient(x);
    ck_assert_ptr_null(wg_gradient(x));
    ck_assert(wg_backward(y));
    expect_values(wg_gradient(x), once, 3);
}
END_TEST

START_TEST(gradients_gather_over_different_losses) {
    wg_tensor *x = leaf(2);
    ck_assert(wg_backward(wg_square(x)) && wg_backward(wg_mul(x, wg_num(10))));
    expect_gradient(x, 14);
}
END_TEST

START_TEST(the_loss_has_one_element_of_any_rank) {
    wg_tensor *x = wg_variable(wg_ones(WG_F64, WG_SHAPE(1, 1)));
    ck_assert(wg_backward(wg_mul(x, wg_num(3))));
    expect_gradient(x, 3);
    ck_assert(wg_backward(x));  // itself: 1 more
    expect_gradient(x, 4);
    ck_assert(!wg_backward(wg_mul(wg_variable(LIST(1, 2)), wg_num(3))));
    expect_error(WG_ERROR_SHAPE, "[2]");
    ck_assert(!wg_backward(NULL));
    expect_error(WG_ERROR_ARGUMENT, "NULL");
    ck_assert(!wg_backward(scalar(1)));
    expect_error(WG_ERROR_STATE, "not tracked");
}
END_TEST

START_TEST(a_leaf_that_is_not_reached_has_no_gradient) {
    wg_tensor *x = leaf(1), *y = leaf(2);
    wg_mul(x, y);
    ck_assert(wg_backward(wg_square(y)));
    ck_assert_ptr_null(wg_gradient(x));
    wg_clear_gradient(x);
    wg_clear_gradient(NULL);
    ck_assert_ptr_null(wg_gradient(NULL));
}
END_TEST

START_TEST(gradients_own_their_memory) {
    wg_tensor *a = wg_variable(LIST(1, 2)), *b = wg_variable(LIST(3, 4));
    wg_tensor *s = wg_add(a, b);  // both get the very gradient of s, which is ones with stride 0
    ck_assert(wg_backward(wg_sum(s)));
    ck_assert(wg_is_contiguous(wg_gradient(a)) && wg_is_contiguous(wg_gradient(b)));
    ck_assert(wg_fill(wg_gradient(a), 7));
    EXPECT_VALUES(wg_gradient(b), 1, 1);
    ck_assert(wg_backward(wg_sum(s)));
    EXPECT_VALUES(wg_gradient(a), 8, 8);
    EXPECT_VALUES(wg_gradient(b), 2, 2);
}
END_TEST

START_TEST(zero_size_tensors_have_zero_size_gradients) {
    wg_tensor *x = wg_variable(wg_zeros(WG_F32, WG_SHAPE(3, 0)));
    ck_assert(wg_backward(wg_sum(wg_mul(x, wg_exp(x)))));
    ck_assert(wg_equal(wg_gradient(x), wg_zeros(WG_F32, WG_SHAPE(3, 0))));
    ck_assert(wg_backward(wg_sum(wg_mul(x, wg_exp(x)))));
}
END_TEST

/* ---- wg_grad --------------------------------------------------------------------------------- */

START_TEST(inner_tensors_have_gradients_too) {
    wg_tensor *x = leaf(3), *a = wg_square(x), *b = wg_mul(a, x), *g[4];  // x^2, x^3
    wg_tensor *y = wg_mul(b, wg_add(a, wg_num(1)));                       // x^5 + x^3
    for (int constant = 0; constant < 2; constant++) {
        wg_grad_options o = { .constant = constant };
        ck_assert(wg_grad(y, (wg_tensor *[]){ x, a, b, y }, 4, g, o));
        EXPECT_VALUES(g[0], 5 * 81 + 3 * 9);
        EXPECT_VALUES(g[1], 27 + 3 * 10);  // through b, too
        EXPECT_VALUES(g[2], 10);
        EXPECT_VALUES(g[3], 1);
        ck_assert_int_eq(wg_is_tracked(g[0]), !constant);
    }
    ck_assert_ptr_null(wg_gradient(x));
}
END_TEST

START_TEST(the_same_x_may_be_asked_for_twice) {
    wg_tensor *x = leaf(3), *g[2];
    ck_assert(wg_grad(wg_square(x), (wg_tensor *[]){ x, x }, 2, g, (wg_grad_options){ 0 }));
    EXPECT_VALUES(g[0], 6);
    EXPECT_VALUES(g[1], 6);
}
END_TEST

START_TEST(what_y_does_not_depend_on_gives_exact_zeros) {
    wg_tensor *x = wg_variable(LIST(INFINITY, 2)), *y = wg_square(leaf(3)), *later = leaf(1);
    wg_tensor *bad = wg_log(wg_mul(x, wg_num(0))), *g[3];  // NaN and -inf, and not on the way
    ck_assert_ptr_nonnull(bad);
    for (int constant = 0; constant < 2; constant++) {
        wg_grad_options o = { .constant = constant };
        ck_assert(wg_grad(y, (wg_tensor *[]){ x, bad, later }, 3, g, o));
        EXPECT_VALUES(g[0], 0, 0);
        EXPECT_VALUES(g[1], 0, 0);
        EXPECT_VALUES(g[2], 0);
    }
    EXPECT_VALUES(wg_jvp(y, &x, 1, (wg_tensor *[]){ LIST(1, 1) }), 0);
}
END_TEST

START_TEST(the_seed_weighs_the_elements_of_y) {
    wg_tensor *x = wg_variable(LIST(1, 2, 3)), *y = wg_square(x), *g;
    wg_tensor *seed = LIST(1, 0, -10);
    for (int constant = 0; constant < 2; constant++) {
        wg_grad_options o = { .seed = seed, .constant = constant };
        ck_assert(wg_grad(y, &x, 1, &g, o));
        EXPECT_VALUES(g, 2, 0, -60);
        EXPECT_VALUES(seed, 1, 0, -10);
    }
    ck_assert(!wg_grad(y, &x, 1, &g, (wg_grad_options){ .seed = scalar(1) }));
    expect_error(WG_ERROR_SHAPE, "the seed is f64 [], y is f64 [3]");
    ck_assert(!wg_grad(y, &x, 1, &g, (wg_grad_options){ .seed = wg_ones(WG_F32, WG_SHAPE(3)) }));
    expect_error(WG_ERROR_SHAPE, "f32");
}
END_TEST

START_TEST(a_seed_may_be_differentiated) {
    wg_tensor *x = leaf(3), *v = leaf(5), *g;
    ck_assert(wg_grad(wg_square(x), &x, 1, &g, (wg_grad_options){ .seed = v }));  // 2 x v
    EXPECT_VALUES(wg_derivative(g, v), 6);
    EXPECT_VALUES(wg_derivative(g, x), 10);
}
END_TEST

START_TEST(derivatives_of_derivatives_to_the_fifth_order) {
    static const double want[] = { 5 * 16, 20 * 8, 60 * 4, 120 * 2, 120 };
    wg_tensor *x = leaf(2), *y = wg_mul(wg_square(wg_square(x)), x);  // x^5
    for (int order = 0; order < 5; order++) {
        y = wg_derivative(y, x);
        EXPECT_VALUES(y, want[order]);
    }
}
END_TEST

START_TEST(third_order_agrees_with_formulas) {
    // A rule of few roundings each; 1e-13 relative is hundreds of them.
    wg_tensor *x = leaf(0.3), *y[3] = { wg_sin(x), wg_exp(wg_square(x)), wg_tanh(x) };
    double t = tanh(0.3), s = 1 - t * t, e = exp(0.09);
    double want[3] = { -cos(0.3), e * (12 * 0.3 + 8 * 0.027), -2 * s * (1 - 3 * t * t) };
    for (int i = 0; i < 3; i++) {
        for (int order = 0; order < 3; order++) y[i] = wg_derivative(y[i], x);
        ck_assert(fabs(wg_item(y[i]) - want[i]) <= 1e-13 * fabs(want[i]));
    }
}
END_TEST

START_TEST(mixed_second_derivatives_commute) {
    wg_tensor *x = leaf(2), *y = leaf(3);
    wg_tensor *f = wg_mul(wg_mul(x, x), wg_mul(y, wg_mul(y, y)));  // x^2 y^3
    EXPECT_VALUES(wg_derivative(wg_derivative(f, x), y), 2 * 2 * 3 * 9);
    EXPECT_VALUES(wg_derivative(wg_derivative(f, y), x), 2 * 2 * 3 * 9);
    EXPECT_VALUES(wg_derivative(wg_derivative(f, x), x), 2 * 27);
    EXPECT_VALUES(wg_derivative(wg_derivative(f, y), y), 4 * 6 * 3);
}
END_TEST

START_TEST(backward_reaches_through_a_gradient) {
    wg_tensor *x = leaf(2), *w = leaf(5), *g = wg_derivative(wg_mul(w, wg_square(x)), x);  // 2 w x
    ck_assert(wg_backward(wg_square(g)));  // 4 w^2 x^2
    expect_gradient(w, 8 * 5 * 4);
    expect_gradient(x, 8 * 25 * 2);
}
END_TEST

/* ---- forward mode ---------------------------------------------------------------------------- */

START_TEST(tangents_go_forward) {
    wg_tensor *x = leaf(3), *y = leaf(5), *f = wg_mul(wg_square(x), y), *at[] = { x, y };
    EXPECT_VALUES(wg_jvp(f, at, 2, (wg_tensor *[]){ scalar(1), scalar(0) }), 30);
    EXPECT_VALUES(wg_jvp(f, at, 2, (wg_tensor *[]){ NULL, scalar(1) }), 9);
    EXPECT_VALUES(wg_jvp(f, at, 2, (wg_tensor *[]){ scalar(2), scalar(-3) }), 60 - 27);
    EXPECT_VALUES(wg_jvp(f, at, 2, (wg_tensor *[]){ NULL, NULL }), 0);
    EXPECT_VALUES(wg_jvp(x, &x, 1, (wg_tensor *[]){ scalar(4) }), 4);
    wg_tensor *a = wg_square(x), *inner[] = { a, x };  // a moves by itself and with x
    EXPECT_VALUES(wg_jvp(wg_mul(a, x), inner, 2, (wg_tensor *[]){ scalar(1), scalar(1) }), 3 + 27);
}
END_TEST

START_TEST(forward_over_reverse_is_reverse_over_forward) {
    wg_tensor *x = leaf(3), *one = scalar(1), *y = wg_mul(wg_square(x), wg_square(x));  // x^4
    wg_tensor *g = wg_derivative(y, x), *d = wg_jvp(y, &x, 1, &one);
    EXPECT_VALUES(g, 108);
    EXPECT_VALUES(d, 108);
    EXPECT_VALUES(wg_jvp(g, &x, 1, &one), 12 * 9);
    EXPECT_VALUES(wg_derivative(d, x), 12 * 9);
    EXPECT_VALUES(wg_jvp(d, &x, 1, &one), 12 * 9);
    EXPECT_VALUES(wg_jvp(wg_jvp(d, &x, 1, &one), &x, 1, &one), 24 * 3);
}
END_TEST

START_TEST(tangents_must_fit) {
    wg_tensor *x = wg_variable(LIST(1, 2)), *y = wg_square(x), *c = LIST(1, 2);
    ck_assert_ptr_null(wg_jvp(y, &x, 1, (wg_tensor *[]){ scalar(1) }));
    expect_error(WG_ERROR_SHAPE, "v[0] is f64 [], x[0] is f64 [2]");
    ck_assert_ptr_null(wg_jvp(y, &x, 1, (wg_tensor *[]){ wg_ones(WG_F32, WG_SHAPE(2)) }));
    expect_error(WG_ERROR_SHAPE, "f32");
    ck_assert_ptr_null(wg_jvp(y, &c, 1, &c));
    expect_error(WG_ERROR_STATE, "x[0] is not tracked");
    ck_assert_ptr_null(wg_jvp(y, (wg_tensor *[]){ NULL }, 1, &c));
    expect_error(WG_ERROR_ARGUMENT, "NULL");
    ck_assert_ptr_null(wg_jvp(NULL, &x, 1, &c));
    expect_error(WG_ERROR_ARGUMENT, "NULL");
}
END_TEST

START_TEST(a_constant_has_derivative_zero_in_both_modes) {
    wg_tensor *x = wg_variable(LIST(1, 2)), *v = LIST(1, 1);
    wg_tensor *slope = wg_derivative(wg_mul(x, wg_num(3)), x);  // 3, whatever x is
    EXPECT_VALUES(wg_derivative(slope, x), 0, 0);
    EXPECT_VALUES(wg_jvp(slope, &x, 1, &v), 0, 0);
}
END_TEST

/* Derivatives within derivatives: an engine that mixes up its perturbations gives 2, 3, ...
   (Siskind and Pearlmutter 2005). */
START_TEST(perturbations_are_not_confused) {
    wg_tensor *one = scalar(1), *x = leaf(1), *y = leaf(1);
    ck_assert(slope_at(wg_mul(x, wg_derivative(wg_add(x, y), y)), x) == 1);  // d/dx x * 1
    ck_assert(slope_at(wg_mul(x, wg_jvp(wg_add(x, y), &y, 1, &one)), x) == 1);
    x = leaf(3), y = leaf(5);
    ck_assert(slope_at(wg_mul(x, wg_derivative(wg_mul(x, y), y)), x) == 6);  // d/dx x * x
    EXPECT_VALUES(wg_jvp(wg_mul(x, wg_jvp(wg_mul(x, y), &y, 1, &one)), &x, 1, &one), 6);
    // The inner variable is the outer one's value, but another variable: d/dx x * 2 v = 2 v.
    wg_tensor *v = wg_variable(x);
    ck_assert(slope_at(wg_mul(x, wg_derivative(wg_square(v), v)), x) == 6);
    // And with the connection kept: d/dx x * (d/da (a x) at a = x^2) = d/dx x^2.
    wg_tensor *a = wg_square(x);
    ck_assert(slope_at(wg_mul(x, wg_derivative(wg_mul(a, x), a)), x) == 6);
}
END_TEST

/* ---- stale values ---------------------------------------------------------------------------- */

START_TEST(overwriting_a_saved_value_is_noticed) {
    wg_tensor *c = scalar(2), *x = leaf(3), *y = wg_mul(x, c), *z = wg_exp(x);
    ck_assert(wg_backward(y));
    ck_assert(wg_fill(c, 7));
    ck_assert(!wg_backward(y));
    expect_error(WG_ERROR_STATE, "mul -> []: a value that it saved");
    ck_assert_ptr_null(wg_derivative(y, x));
    expect_error(WG_ERROR_STATE, "mul");
    ck_assert_ptr_null(wg_jvp(y, &x, 1, (wg_tensor *[]){ scalar(1) }));
    expect_error(WG_ERROR_STATE, "mul");
    expect_gradient(x, 2);     // as it was
    ck_assert(wg_fill(z, 1));  // the result is what exp saved
    ck_assert(!wg_backward(z));
    expect_error(WG_ERROR_STATE, "exp -> []");
}
END_TEST

START_TEST(a_stale_value_is_told_by_its_place_among_the_inputs) {
    wg_tensor *c = wg_ones(WG_F64, WG_SHAPE(3, 2)), *x = wg_variable(LIST(1, 2, 3));
    wg_tensor *y = wg_sum(wg_matmul(x, c)), *z = wg_sum(wg_exp(x)), *e = wg_exp(x);
    ck_assert(wg_fill(c, 2));
    ck_assert(!wg_backward(y));
    expect_error(WG_ERROR_STATE, "a value that it saved for its gradient, input 1, "
                                 "f64 [3,2], was overwritten afterwards");
    ck_assert(wg_backward(z));
    ck_assert(wg_fill(e, 0));
    ck_assert(!wg_backward(wg_sum(e)));
    expect_error(WG_ERROR_STATE, "exp -> [3]: a value that it saved for its gradient, its result, "
                                 "f64 [3], was");
    ck_assert(wg_fill(x, 1));  // an addition reads nothing, whatever changes
    ck_assert(wg_backward(wg_sum(wg_add(x, LIST(1, 1, 1)))));
}
END_TEST

START_TEST(a_write_through_a_view_is_noticed_too) {
    wg_tensor *c = LIST(1, 2), *x = wg_variable(LIST(3, 4)), *y = wg_sum(wg_mul(x, c));
    ck_assert(wg_fill(wg_stop(c), 0));
    ck_assert(!wg_backward(y));
    expect_error(WG_ERROR_STATE, "mul -> [2]");
    wg_tensor *shared = LIST(1, 2), *v = wg_variable(shared), *z = wg_sum(wg_square(v));
    ck_assert(wg_fill(shared, 9));  // a variable shares the memory of what it was made from
    ck_assert(!wg_backward(z));
    expect_error(WG_ERROR_STATE, "square");
}
END_TEST

START_TEST(a_tape_that_grows_still_knows_what_was_saved) {
    wg_tensor *one = scalar(0), *x = leaf(3), *y = x;
    for (int i = 0; i < 5; i++) wg_fill(one, 1);
    for (int i = 0; i < 5000; i++) y = wg_mul(y, one);
    ck_assert(slope_at(y, x) == 1);
    wg_fill(one, 1);
    ck_assert(!wg_backward(y));
    expect_error(WG_ERROR_STATE, "mul -> []");
}
END_TEST

START_TEST(a_gradient_that_grows_is_a_value_overwritten) {
    wg_tensor *x = leaf(3), *w = leaf(2), *loss = wg_square(x);
    ck_assert(wg_backward(loss));
    wg_tensor *y = wg_mul(w, wg_gradient(x));
    ck_assert(wg_backward(y));
    ck_assert(wg_backward(loss));  // adds to what y's rule reads
    ck_assert(!wg_backward(y));
    expect_error(WG_ERROR_STATE, "mul -> []");
}
END_TEST

START_TEST(values_that_no_rule_reads_may_be_overwritten) {
    wg_tensor *c = LIST(1, 2), *x = wg_variable(LIST(3, 4)), *y = wg_sum(wg_add(x, c));
    wg_tensor *z = wg_mul(y, wg_num(2));
    ck_assert(wg_fill(c, 0) && wg_fill(x, 0));
    ck_assert(wg_backward(y));
    EXPECT_VALUES(wg_gradient(x), 1, 1);
    ck_assert(wg_backward(z));
    wg_tensor *v = leaf(3), *product = wg_mul(v, scalar(5));
    ck_assert(wg_fill(product, 0));  // its rule reads the factors only
    ck_assert(wg_backward(product));
    expect_gradient(v, 5);
}
END_TEST

/* ---- rules that are wrong -------------------------------------------------------------------- */

typedef enum fault { NONE, SHAPE, DTYPE, ZERO, FAILS, SCOPE_LEFT, SCOPE_OF_ITS_OWN } fault;
static fault vjp_does, jvp_does;

// y = 2 x, with rules that do what they are told.
static bool twice_infer(const wg_call *c, wg_spec *out) {
    return wg_spec_set(out, wg_call_dtype(c, 0), wg_shape_of(c->in[0]));
}
static bool twice_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)c;
    for (int64_t k = 0; k < wg_view_numel(out); k++) wg_view_set(out, k, 2 * wg_view_get(in[0], k));
    return true;
}
static wg_tensor *misbehave(wg_tensor *g, fault f) {
    wg_scope *s = f >= SCOPE_LEFT ? wg_scope_open() : NULL;
    wg_tensor *x = wg_mul(g, wg_num(2));
    switch (f) {
    case SHAPE: return wg_unsqueeze(x, 0);
    case DTYPE: return wg_cast(x, WG_F32);
    case ZERO: return NULL;
    case FAILS: return wg_fail(WG_ERROR_STATE, "on purpose"), NULL;
    case SCOPE_OF_ITS_OWN: return wg_keep(x), wg_scope_close(s), x;
    default: return x;
    }
}
static wg_tensor *twice_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)c, (void)i;
    return misbehave(gy, vjp_does);
}
static wg_tensor *twice_jvp(const wg_call *c, wg_tensor *const dx[]) {
    (void)c;
    return misbehave(dx[0], jvp_does);
}
#define TWICE                                                                                      \
    .abi = WG_OP_ABI, .name = "twice", .doc = "2 x", .inputs = 1, .infer = twice_infer,            \
    .forward = twice_forward, .samples = { "2" }
static const wg_op twice_op = { TWICE, .vjp = twice_vjp, .jvp = twice_jvp };
static wg_tensor *apply1(const wg_op *op, wg_tensor *x) { return wg_apply(op, &x, 1, NULL); }

START_TEST(a_vjp_of_the_wrong_form_is_an_error_and_changes_no_gradient) {
    static const struct {
        fault f;
        wg_status status;
        const char *words;
    } row[] = { { SHAPE, WG_ERROR_SHAPE,
                  "twice: its vjp for input 0 gives f64 [1,2], the input is f64 [2]" },
                { DTYPE, WG_ERROR_SHAPE, "gives f32 [2], the input is f64 [2]" },
                { FAILS, WG_ERROR_STATE, "on purpose" },
                { SCOPE_LEFT, WG_ERROR_STATE, "twice: its vjp left a scope open" } };
    wg_tensor *a = wg_variable(LIST(1, 2)), *b = wg_variable(LIST(3, 4)), *g;
    wg_tensor *y = wg_sum(wg_mul(b, apply1(&twice_op, a)));
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        wg_scope *s = wg_scope_open();
        vjp_does = row[i].f;
        ck_assert(!wg_backward(y));
        expect_error(row[i].status, row[i].words);
        ck_assert(!wg_grad(y, &a, 1, &g, (wg_grad_options){ 0 }));
        expect_error(row[i].status, row[i].words);
        ck_assert(wg_recording(true));
        wg_scope_close(s);
        ck_assert_ptr_null(wg_gradient(a));
        ck_assert_ptr_null(wg_gradient(b));
    }
    vjp_does = SCOPE_OF_ITS_OWN;
    ck_assert(wg_backward(y));
    EXPECT_VALUES(wg_gradient(a), 6, 8);
}
END_TEST

START_TEST(a_vjp_that_returns_null_is_zero) {
    wg_tensor *a = leaf(1), *b = leaf(2), *g[2];
    wg_tensor *y = wg_add(apply1(&twice_op, a), b);
    vjp_does = ZERO;
    ck_assert(wg_grad(y, (wg_tensor *[]){ a, b }, 2, g, (wg_grad_options){ 0 }));
    EXPECT_VALUES(g[0], 0);
    EXPECT_VALUES(g[1], 1);
    ck_assert(wg_backward(y));
    ck_assert_ptr_null(wg_gradient(a));
    expect_gradient(b, 1);
}
END_TEST

START_TEST(a_jvp_of_the_wrong_form_is_an_error) {
    wg_tensor *x = wg_variable(LIST(1, 2)), *v = LIST(1, 1), *y = apply1(&twice_op, x);
    jvp_does = NONE;
    EXPECT_VALUES(wg_jvp(y, &x, 1, &v), 2, 2);
    jvp_does = SHAPE;
    ck_assert_ptr_null(wg_jvp(y, &x, 1, &v));
    expect_error(WG_ERROR_SHAPE, "twice: its jvp gives f64 [1,2], the result is f64 [2]");
    jvp_does = DTYPE;
    ck_assert_ptr_null(wg_jvp(y, &x, 1, &v));
    expect_error(WG_ERROR_SHAPE, "f32");
    jvp_does = FAILS;
    ck_assert_ptr_null(wg_jvp(y, &x, 1, &v));
    expect_error(WG_ERROR_STATE, "on purpose");
    jvp_does = ZERO;
    EXPECT_VALUES(wg_jvp(y, &x, 1, &v), 0, 0);
}
END_TEST

START_TEST(without_a_rule_there_is_an_error_and_no_silent_zero) {
    static const wg_op missing = { TWICE }, none = { TWICE, .flags = WG_OP_NO_GRADIENT };
    static const wg_op flat = { TWICE, .flags = WG_OP_ZERO_GRADIENT };
    const wg_op *op[] = { &missing, &none };
    for (int i = 0; i < 2; i++) {
        wg_tensor *x = leaf(3), *one = scalar(1), *y = wg_square(apply1(op[i], x)), *g;
        ck_assert(!wg_backward(y));
        expect_error(WG_ERROR_STATE, "twice: it has no derivative");
        ck_assert(!wg_grad(y, &x, 1, &g, (wg_grad_options){ 0 }));
        expect_error(WG_ERROR_STATE, "twice");
        ck_assert_ptr_null(wg_jvp(y, &x, 1, &one));
        expect_error(WG_ERROR_STATE, "twice");
    }
    ck_assert(!wg_is_tracked(apply1(&flat, leaf(3))));
}
END_TEST

/* ---- depth, memory, lifetimes ---------------------------------------------------------------- */

static double seconds(void) {  // of this thread, whatever else the machine does
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// Best of three times for a chain of n records and its derivative both ways; 0 if a value is wrong.
static double chain_seconds(int n) {
    double best = INFINITY;
    for (int round = 0; round < 3; round++) {
        wg_scope *s = wg_scope_open();
        double begin = seconds();
        wg_tensor *x = leaf(1), *y = x, *one = scalar(1);
        for (int i = 0; i < n; i++) y = i % 2 ? wg_neg(y) : wg_add(y, wg_num(1));
        bool right = wg_backward(y) && wg_item(wg_gradient(x)) == (n / 2 % 2 ? -1 : 1);
        right = right && wg_item(wg_jvp(y, &x, 1, &one)) == wg_item(wg_gradient(x));
        double gap = seconds() - begin;
        if (gap < best) best = gap;
        wg_scope_close(s);
        if (!right) return 0;
    }
    return best;
}

static double chain_time[2];
static void *measure_chains(void *unused) {
    (void)unused;
    wg_on_error(NULL, NULL);
    chain_time[0] = chain_seconds(10000);
    chain_time[1] = chain_seconds(100000);
    return NULL;
}

START_TEST(a_hundred_thousand_records_fit_a_small_stack_and_take_linear_time) {
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    ck_assert_int_eq(pthread_attr_setstacksize(&small, 256 << 10), 0);
    ck_assert_int_eq(pthread_create(&thread, &small, measure_chains, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&small);
    ck_assert(chain_time[0] > 0 && chain_time[1] > 0);
    // Linear is 10; memory that no longer fits the caches may triple it; quadratic would be 100.
    ck_assert_msg(chain_time[1] <= 40 * chain_time[0], "%g s, %g s", chain_time[0], chain_time[1]);
}
END_TEST

static wg_tensor *chain_of_rules(wg_tensor *x) {
    return wg_sum(wg_mul(wg_tanh(wg_add(wg_mul(x, x), wg_num(1))), wg_exp(x)));
}

START_TEST(whichever_allocation_fails_a_derivative_is_all_or_nothing) {
    for (int kind = 0; kind < 4; kind++) {
        bool done = false;
        for (int64_t n = 0; !done; n++) {
            count_allocations(-1);
            wg_tensor *x = wg_variable(LIST(1, 2)), *w = wg_variable(LIST(1, 1)), *g[2],
                      *v = LIST(1, 1);
            wg_tensor *y = wg_add(chain_of_rules(wg_mul(x, w)), wg_sum(w));
            double before[2], after[2];
            ck_assert(wg_backward(wg_sum(x)) && wg_read(wg_gradient(x), before, 2));
            wg_memory_trim();
            counted.left = n;
            wg_scope *s = wg_scope_open();
            if (kind == 0) done = s && wg_backward(y);
            if (kind == 1)
                done = s && wg_grad(y, (wg_tensor *[]){ x, w }, 2, g, (wg_grad_options){ 0 });
            if (kind == 2)
                done = s && wg_grad(y, (wg_tensor *[]){ x, w }, 2, g,
                                    (wg_grad_options){ .constant = true });
            if (kind == 3) done = s && wg_jvp(y, &x, 1, &v);
            counted.left = -1;
            if (!done) expect_error(WG_ERROR_MEMORY, "bytes");
            wg_scope_close(s);
            ck_assert(wg_read(wg_gradient(x), after, 2));
            if (!done || kind > 0) ck_assert_mem_eq(before, after, sizeof before);
            if (!done || kind > 0) ck_assert_ptr_null(wg_gradient(w));
            if (done && kind == 0) ck_assert(after[0] != before[0] && wg_gradient(w));
            ck_assert(wg_recording(true));
            expect_all_released();
            ck_assert_int_le(n, 500);
        }
    }
    count_allocations(-1);
}
END_TEST

START_TEST(a_gradient_that_the_tape_names_outlives_its_clearing) {
    wg_tensor *x = leaf(3), *w = leaf(2);
    ck_assert(wg_backward(wg_square(x)));
    wg_tensor *y = wg_mul(w, wg_gradient(x));
    wg_clear_gradient(x);
    wg_full(WG_F64, WG_SCALAR, -1e9);  // takes the block if it was freed
    ck_assert(wg_backward(y));
    expect_gradient(w, 6);
}
END_TEST

START_TEST(a_leaf_that_the_tape_names_outlives_its_owner) {
    wg_scope *s = wg_scope_open();
    wg_tensor *p = wg__tensor_new_owned(WG_F64, WG_SHAPE(2)), *x = wg_variable(LIST(1, 2));
    p->leaf = true;  // as a model makes them
    ck_assert(wg_fill(p, 5));
    wg_tensor *y = wg_sum(wg_mul(x, p));
    ck_assert(wg_backward(y));
    wg__tensor_release_owned(p);
    wg_zeros(WG_F64, WG_SHAPE(2));
    ck_assert(wg_backward(y));
    EXPECT_VALUES(wg_gradient(x), 10, 10);
    wg_scope_close(s);
    ck_assert_int_eq(wg_memory_now().tensors, 0);
}
END_TEST

START_TEST(an_early_return_leaves_recording_as_it_was) {
    wg_tensor *x = leaf(2), *g;
    vjp_does = FAILS;
    wg_tensor *y = apply1(&twice_op, x);
    wg_recording(false);
    ck_assert(!wg_grad(y, &x, 1, &g, (wg_grad_options){ 0 }));
    expect_error(WG_ERROR_STATE, "on purpose");
    ck_assert(!wg_recording(true));
    ck_assert(!wg_backward(y));
    expect_error(WG_ERROR_STATE, "on purpose");
    ck_assert(wg_recording(true));
    vjp_does = NONE;
    ck_assert(wg_backward(y));
    expect_gradient(x, 2);
}
END_TEST

START_TEST(gradients_can_be_had_while_recording_is_off) {
    wg_tensor *x = leaf(3), *y = wg_mul(wg_square(x), x), *g;
    wg_recording(false);
    ck_assert(wg_grad(y, &x, 1, &g, (wg_grad_options){ 0 }));
    EXPECT_VALUES(g, 27);
    ck_assert(!wg_is_tracked(g));
    ck_assert(wg_backward(y));
    expect_gradient(x, 27);
    ck_assert(!wg_recording(true));
}
END_TEST

/* ---- what was wrong once --------------------------------------------------------------------- */

START_TEST(the_gradient_of_an_inner_tensor_does_not_need_its_own_rule) {
    static const wg_op none = { TWICE, .flags = WG_OP_NO_GRADIENT };
    wg_tensor *c = scalar(5), *x = leaf(3), *g;
    wg_tensor *a = wg_mul(x, c), *b = apply1(&none, x), *y = wg_add(wg_square(a), wg_square(b));
    ck_assert(wg_fill(c, 7));  // a's rule could not run any more, and b has none
    wg_tensor *inner[] = { a, b };
    for (int i = 0; i < 2; i++) {
        ck_assert_msg(wg_grad(y, &inner[i], 1, &g, (wg_grad_options){ .constant = i }), "%s",
                      wg_error_message());
        EXPECT_VALUES(g, i ? 12 : 30);
    }
    ck_assert(wg_grad(y, &(wg_tensor *){ leaf(1) }, 1, &g, (wg_grad_options){ 0 }));
    EXPECT_VALUES(g, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("engine");
    TCase *recording = add_cases(suite, "recording");
    tcase_add_test(recording, only_what_depends_on_something_tracked_is_recorded);
    tcase_add_test(recording, nothing_is_recorded_while_recording_is_off);
    tcase_add_test(recording, a_variable_has_the_values_and_no_history);
    tcase_add_test(recording, stop_passes_values_and_no_gradient);
    tcase_add_test(recording, an_early_return_leaves_recording_as_it_was);
    tcase_add_test(recording, gradients_can_be_had_while_recording_is_off);
    TCase *backward = add_cases(suite, "backward");
    tcase_add_test(backward, each_use_of_a_tensor_counts);
    tcase_add_test(backward, a_matrix_times_itself_counts_twice);
    tcase_add_test(backward, shared_subexpressions_take_linear_time);
    tcase_add_test(backward, a_second_pass_doubles_gradients_exactly);
    tcase_add_test(backward, gradients_gather_over_different_losses);
    tcase_add_test(backward, the_loss_has_one_element_of_any_rank);
    tcase_add_test(backward, a_leaf_that_is_not_reached_has_no_gradient);
    tcase_add_test(backward, gradients_own_their_memory);
    tcase_add_test(backward, zero_size_tensors_have_zero_size_gradients);
    TCase *grad = add_cases(suite, "grad");
    tcase_add_test(grad, inner_tensors_have_gradients_too);
    tcase_add_test(grad, the_same_x_may_be_asked_for_twice);
    tcase_add_test(grad, what_y_does_not_depend_on_gives_exact_zeros);
    tcase_add_test(grad, the_seed_weighs_the_elements_of_y);
    tcase_add_test(grad, a_seed_may_be_differentiated);
    tcase_add_test(grad, derivatives_of_derivatives_to_the_fifth_order);
    tcase_add_test(grad, third_order_agrees_with_formulas);
    tcase_add_test(grad, mixed_second_derivatives_commute);
    tcase_add_test(grad, backward_reaches_through_a_gradient);
    tcase_add_test(grad, the_gradient_of_an_inner_tensor_does_not_need_its_own_rule);
    TCase *forward = add_cases(suite, "forward");
    tcase_add_test(forward, tangents_go_forward);
    tcase_add_test(forward, forward_over_reverse_is_reverse_over_forward);
    tcase_add_test(forward, tangents_must_fit);
    tcase_add_test(forward, a_constant_has_derivative_zero_in_both_modes);
    tcase_add_test(forward, perturbations_are_not_confused);
    TCase *wrong = add_cases(suite, "what is wrong is told");
    tcase_add_test(wrong, overwriting_a_saved_value_is_noticed);
    tcase_add_test(wrong, a_stale_value_is_told_by_its_place_among_the_inputs);
    tcase_add_test(wrong, a_write_through_a_view_is_noticed_too);
    tcase_add_test(wrong, a_tape_that_grows_still_knows_what_was_saved);
    tcase_add_test(wrong, a_gradient_that_grows_is_a_value_overwritten);
    tcase_add_test(wrong, values_that_no_rule_reads_may_be_overwritten);
    tcase_add_test(wrong, a_vjp_of_the_wrong_form_is_an_error_and_changes_no_gradient);
    tcase_add_test(wrong, a_vjp_that_returns_null_is_zero);
    tcase_add_test(wrong, a_jvp_of_the_wrong_form_is_an_error);
    tcase_add_test(wrong, without_a_rule_there_is_an_error_and_no_silent_zero);
    TCase *depth = add_cases(suite, "depth, memory, lifetimes");
    tcase_add_test(depth, a_hundred_thousand_records_fit_a_small_stack_and_take_linear_time);
    tcase_add_test(depth, whichever_allocation_fails_a_derivative_is_all_or_nothing);
    tcase_add_test(depth, a_gradient_that_the_tape_names_outlives_its_clearing);
    tcase_add_test(depth, a_leaf_that_the_tape_names_outlives_its_owner);
    return run_suite(suite);
}
