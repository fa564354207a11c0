// SPDX-License-Identifier: MIT
/* test_higher.c: products with second derivatives, Jacobians, Hessians, gradients of single
   samples, and derivatives within derivatives. Values are small whole numbers, so that every result
   is exact; the others are held against formulas or against another way to the same derivative. */
#include "tests/core_test.h"

static wg_tensor *matrix(int64_t rows, int64_t columns, const double *values) {
    return wg_from_f64(WG_F64, WG_SHAPE(rows, columns), values);
}
static wg_tensor *cube(wg_tensor *x) { return wg_mul(x, wg_square(x)); }

// sum of x_i^3 y_i + x_i y_i^2, whose second derivatives are whole numbers.
static wg_tensor *polynomial(wg_tensor *x, wg_tensor *y) {
    return wg_sum(wg_add(wg_mul(cube(x), y), wg_mul(x, wg_square(y))));
}

/* ---- products -------------------------------------------------------------------------------- */

START_TEST(a_vjp_is_the_gradient_under_that_seed) {
    double a[] = { 1, 2, 3, 4, 5, 6 };
    wg_tensor *x = wg_variable(LIST(1, -1, 2)), *y = wg_matmul(matrix(2, 3, a), wg_square(x)), *gx;
    ck_assert(wg_vjp(y, &x, 1, LIST(1, 10), &gx));
    EXPECT_VALUES(gx, 2 * 41, -2 * 52, 4 * 63);
    ck_assert(wg_is_tracked(gx));
    ck_assert(!wg_vjp(y, &x, 1, NULL, &gx));
    expect_error(WG_ERROR_ARGUMENT, "gy is NULL");
    ck_assert(!wg_vjp(y, &x, 1, LIST(1, 2, 3), &gx));
    expect_error(WG_ERROR_SHAPE, "wg_vjp: gy is f64 [3], y is f64 [2]");
}
END_TEST

START_TEST(several_results_move_in_one_pass) {
    wg_tensor *x = leaf(3), *y = leaf(5), *c = scalar(1), *dy[4];
    wg_tensor *result[] = { wg_mul(x, y), wg_square(x), c, x }, *at[] = { x, y };
    wg_tensor *v[] = { scalar(1), scalar(10) };
    ck_assert(wg_jvp_many(result, 4, (wg_along){ at, v, 2 }, dy));
    EXPECT_VALUES(dy[0], 5 + 30);
    EXPECT_VALUES(dy[1], 6);
    EXPECT_VALUES(dy[2], 0);
    EXPECT_VALUES(dy[3], 1);
    ck_assert(wg_jvp_many(NULL, 0, (wg_along){ at, v, 2 }, NULL));
    ck_assert(wg_jvp_many(result, 1, (wg_along){ 0 }, dy));
    EXPECT_VALUES(dy[0], 0);
    ck_assert(!wg_jvp_many(result, 1, (wg_along){ at, NULL, 2 }, dy));
    expect_error(WG_ERROR_ARGUMENT, "wg_jvp_many: v is NULL");
}
END_TEST

START_TEST(the_tangents_of_one_x_given_twice_add_up) {
    wg_tensor *x = leaf(3), *y = leaf(5), *at[] = { x, y, x }, *dy;
    wg_tensor *v[] = { scalar(1), scalar(100), scalar(10) }, *result = wg_mul(wg_square(x), y);
    EXPECT_VALUES(wg_jvp(result, at, 3, v), 30 * 11 + 9 * 100);
    ck_assert(wg_jvp_many(&result, 1, (wg_along){ at, v, 3 }, &dy));
    EXPECT_VALUES(dy, 30 * 11 + 9 * 100);
    EXPECT_VALUES(wg_jvp(x, at, 3, v), 11);
    v[0] = NULL;
    EXPECT_VALUES(wg_jvp(result, at, 3, v), 30 * 10 + 9 * 100);
}
END_TEST

START_TEST(in_a_hessian_vector_product_any_x_may_stand_still) {
    wg_tensor *x[] = { leaf(2), leaf(3), leaf(5) }, *hv[3];
    wg_tensor *p = wg_mul(wg_mul(wg_square(x[0]), x[1]), x[2]);  // a^2 b c
    wg_tensor *v[] = { scalar(1), NULL, scalar(10) };
    ck_assert(wg_hvp(p, x, 3, v, hv));
    EXPECT_VALUES(hv[0], 2 * 3 * 5 + 10 * 2 * 2 * 3);
    EXPECT_VALUES(hv[1], 2 * 2 * 5 + 10 * 2 * 2);
    EXPECT_VALUES(hv[2], 2 * 2 * 3);
}
END_TEST

START_TEST(a_hessian_vector_product_is_exact) {
    wg_tensor *x = wg_variable(LIST(1, 2)), *y = wg_variable(LIST(3, -1)), *at[] = { x, y }, *hv[2];
    wg_tensor *p = polynomial(x, y), *v[] = { LIST(1, 10), LIST(100, 2) };
    for (int recording = 0; recording < 2; recording++) {
        bool was = wg_recording(recording);
        ck_assert(wg_hvp(p, at, 2, v, hv));
        wg_recording(was);
        // xx: 6 x y, xy: 3 x^2 + 2 y, yy: 2 x
        EXPECT_VALUES(hv[0], 18 * 1 + 9 * 100, -12 * 10 + 10 * 2);
        EXPECT_VALUES(hv[1], 9 * 1 + 2 * 100, 10 * 10 + 4 * 2);
        ck_assert_int_eq(wg_is_tracked(hv[0]), recording);
    }
    ck_assert(wg_hvp(p, at, 2, (wg_tensor *[]){ NULL, v[1] }, hv));
    EXPECT_VALUES(hv[0], 900, 20);
    ck_assert_ptr_null(wg_gradient(x));
}
END_TEST

START_TEST(a_hessian_vector_product_can_be_differentiated) {
    wg_tensor *x = leaf(2), *v = leaf(5), *hv;
    ck_assert(wg_hvp(wg_square(wg_square(x)), &x, 1, &v, &hv));  // 12 x^2 v
    EXPECT_VALUES(hv, 240);
    EXPECT_VALUES(wg_derivative(hv, x), 240);
    EXPECT_VALUES(wg_derivative(hv, v), 48);
}
END_TEST

START_TEST(what_is_linear_or_not_reached_has_second_derivative_zero) {
    wg_tensor *x = wg_variable(LIST(1, 2)), *z = leaf(7), *at[] = { x, z }, *hv[2];
    wg_tensor *v[] = { LIST(1, 1), scalar(1) };
    ck_assert(wg_hvp(wg_sum(x), at, 2, v, hv));
    EXPECT_VALUES(hv[0], 0, 0);
    EXPECT_VALUES(hv[1], 0);
    EXPECT_VALUES(wg_hessian(wg_sum(wg_mul(x, wg_num(3))), x), 0, 0, 0, 0);
    EXPECT_VALUES(wg_hessian(scalar(3), x), 0, 0, 0, 0);
    EXPECT_VALUES(wg_jacobian(LIST(1, 2), z), 0, 0);
    EXPECT_VALUES(wg_jacobian(wg_square(x), z), 0, 0);
}
END_TEST

START_TEST(errors_name_the_function_that_was_called_and_the_tensor) {
    wg_tensor *x = wg_variable(LIST(1, 2)), *c = LIST(1, 2), *wrong = LIST(1, 2, 3), *g[2];
    wg_tensor *y = wg_sum(wg_square(x)), *s = wg_square(x), *xs[] = { x, c }, *bad[] = { x, NULL };
    wg_tensor *v[] = { wrong, NULL };
    const wg_grad_options none = { 0 }, seeded = { .seed = wrong };
    const wg_along along = { &x, v, 1 }, outside = { xs, v, 2 };
    ck_assert(!wg_grad(y, xs, 2, g, none));
    expect_error(WG_ERROR_STATE, "wg_grad: x[1] is not tracked: it depends on no parameter");
    ck_assert(!wg_grad(y, bad, 2, g, none));
    expect_error(WG_ERROR_ARGUMENT, "wg_grad: x[1] is NULL");
    ck_assert(!wg_grad(s, &x, 1, g, seeded));
    expect_error(WG_ERROR_SHAPE, "wg_grad: the seed is f64 [3], y is f64 [2]");
    ck_assert_ptr_null(wg_derivative(y, c));
    expect_error(WG_ERROR_STATE, "wg_derivative: x is not tracked");
    ck_assert_ptr_null(wg_derivative(NULL, x));
    expect_error(WG_ERROR_ARGUMENT, "wg_derivative: y is NULL");
    ck_assert(!wg_vjp(s, xs, 2, s, g));
    expect_error(WG_ERROR_STATE, "wg_vjp: x[1] is not tracked");
    ck_assert(!wg_vjp(s, &x, 1, wrong, g));
    expect_error(WG_ERROR_SHAPE, "wg_vjp: gy is f64 [3], y is f64 [2]");
    ck_assert_ptr_null(wg_jvp(y, xs, 2, v));
    expect_error(WG_ERROR_STATE, "wg_jvp: x[1] is not tracked");
    ck_assert_ptr_null(wg_jvp(NULL, &x, 1, v));
    expect_error(WG_ERROR_ARGUMENT, "wg_jvp: y is NULL");
    ck_assert(!wg_jvp_many(&y, 1, along, g));
    expect_error(WG_ERROR_SHAPE, "wg_jvp_many: v[0] is f64 [3], x[0] is f64 [2]");
    ck_assert(!wg_jvp_many(&y, 1, outside, g));
    expect_error(WG_ERROR_STATE, "wg_jvp_many: x[1] is not tracked");
    ck_assert(!wg_jvp_many(&bad[1], 1, along, g));
    expect_error(WG_ERROR_ARGUMENT, "wg_jvp_many: y[0] is NULL");
    ck_assert(!wg_hvp(y, &x, 1, v, g));
    expect_error(WG_ERROR_SHAPE, "wg_hvp: v[0] is f64 [3], x[0] is f64 [2]");
    ck_assert_ptr_null(wg_jacobian(s, c));
    expect_error(WG_ERROR_STATE, "wg_jacobian: x is not tracked");
    ck_assert_ptr_null(wg_hessian(y, NULL));
    expect_error(WG_ERROR_ARGUMENT, "wg_hessian: x is NULL");
}
END_TEST

START_TEST(to_ask_whether_nothing_is_reached_is_an_error) {
    wg_tensor *x = wg_variable(LIST(1, 2)), *list[] = { x, NULL };
    bool reached[2] = { false, false };
    ck_assert(!wg_reaches(wg_square(x), list, 2, reached));
    expect_error(WG_ERROR_ARGUMENT, "wg_reaches: x[1] is NULL");
    ck_assert(!reached[0]);
}
END_TEST

START_TEST(products_refuse_what_does_not_fit) {
    wg_tensor *x = wg_variable(LIST(1, 2)), *c = LIST(1, 2), *v = LIST(1, 1), *hv;
    ck_assert(!wg_hvp(wg_square(x), &x, 1, &v, &hv));
    expect_error(WG_ERROR_SHAPE, "wg_hvp: y is [2], not one element");
    ck_assert(!wg_hvp(wg_sum(x), &c, 1, &v, &hv));
    expect_error(WG_ERROR_STATE, "wg_hvp: x[0] is not tracked");
    ck_assert(!wg_hvp(wg_sum(wg_square(x)), &x, 1, &(wg_tensor *){ scalar(1) }, &hv));
    expect_error(WG_ERROR_SHAPE, "v[0] is f64 [], x[0] is f64 [2]");
    ck_assert(!wg_hvp(NULL, &x, 1, &v, &hv));
    expect_error(WG_ERROR_ARGUMENT, "NULL");
    ck_assert(!wg_hvp(wg_sum(x), &x, 1, NULL, &hv));
    expect_error(WG_ERROR_ARGUMENT, "v is NULL");
    ck_assert(!wg_hvp(wg_sum(x), &x, -1, &v, &hv));
    expect_error(WG_ERROR_ARGUMENT, "-1");
    ck_assert(wg_hvp(wg_sum(x), NULL, 0, NULL, NULL));
}
END_TEST

/* ---- Jacobians ------------------------------------------------------------------------------- */

START_TEST(a_jacobian_has_the_shape_of_y_then_x_either_way) {
    double a[] = { 1, 2, 3, 4, 5, 6 };
    for (int recording = 0; recording < 2; recording++) {
        wg_tensor *x = wg_variable(LIST(1, 2, 3)), *w = wg_variable(LIST(1, 2));
        wg_tensor *y = wg_matmul(matrix(2, 3, a), wg_square(x));                 // (2)
        wg_tensor *z = wg_matmul(wg_transpose(matrix(2, 3, a), 0, 1), cube(w));  // (3)
        bool was = wg_recording(recording);
        wg_tensor *wide = wg_jacobian(y, x), *tall = wg_jacobian(z, w);
        wg_recording(was);
        expect_shape(wide, WG_SHAPE(2, 3));
        EXPECT_VALUES(wide, 2, 8, 18, 8, 20, 36);
        expect_shape(tall, WG_SHAPE(3, 2));
        EXPECT_VALUES(tall, 3, 48, 6, 60, 9, 72);
        ck_assert(wg_is_tracked(wide) == recording && wg_is_tracked(tall) == recording);
    }
}
END_TEST

START_TEST(a_jacobian_of_matrices_is_a_kronecker_product) {
    double a[] = { 1, 2, 3, 4 };
    wg_tensor *x = wg_variable(matrix(2, 3, (double[]){ 1, 0, 2, 5, 1, 1 }));
    wg_tensor *j = wg_jacobian(wg_matmul(matrix(2, 2, a), x), x);
    expect_shape(j, WG_SHAPE(2, 3, 2, 3));
    for (int64_t i = 0; i < 36; i++) {
        int64_t at[] = { i / 18, i / 6 % 3, i / 3 % 2, i % 3 };
        ck_assert(wg_at(j, at) == (at[1] == at[3] ? a[2 * at[0] + at[2]] : 0));
    }
}
END_TEST

// As many as are joined at once, and one or two more.
static const int64_t counts[] = { WG_MAX_INPUTS,     WG_MAX_INPUTS + 1,     WG_MAX_INPUTS + 2,
                                  2 * WG_MAX_INPUTS, 2 * WG_MAX_INPUTS + 1, 200 };

START_TEST(jacobians_of_many_rows_are_joined_in_order) {
    int64_t n = counts[_i];
    wg_tensor *x = wg_variable(wg_arange(WG_F64, 1, (double)n + 1, 1)), *square = wg_square(x);
    wg_tensor *want = wg_mul(wg_eye(WG_F64, n), wg_mul(x, wg_num(2)));
    ck_assert(wg_equal(wg_jacobian(square, x), want));
    // One element more on either side: by rows and by columns.
    wg_tensor *more = wg_cat((wg_tensor *[]){ square, LIST(7) }, 2, 0);
    ck_assert(wg_equal(wg_slice(wg_jacobian(more, x), 0, 0, n, 1), want));
    ck_assert(
        wg_equal(wg_jacobian(wg_slice(square, 0, 0, n - 1, 1), x), wg_slice(want, 0, 0, n - 1, 1)));
}
END_TEST

START_TEST(jacobians_have_scalars_empty_ones_and_eight_axes_at_most) {
    wg_tensor *x = leaf(3), *e = wg_variable(wg_zeros(WG_F64, WG_SHAPE(0, 2)));
    wg_tensor *deep = wg_variable(wg_ones(WG_F64, WG_SHAPE(1, 1, 1, 1, 2)));
    EXPECT_VALUES(wg_jacobian(wg_square(x), x), 6);
    expect_shape(wg_jacobian(wg_square(x), x), WG_SCALAR);
    expect_shape(wg_jacobian(wg_exp(e), e), WG_SHAPE(0, 2, 0, 2));
    expect_shape(wg_jacobian(wg_sum(e), e), WG_SHAPE(0, 2));
    ck_assert_ptr_null(wg_jacobian(wg_exp(deep), deep));
    expect_error(WG_ERROR_SHAPE, "wg_jacobian: [1,1,1,1,2] by [1,1,1,1,2] has 10 axes, at most 8");
    ck_assert_ptr_null(wg_hessian(wg_sum(deep), deep));
    expect_error(WG_ERROR_SHAPE, "wg_hessian: [1,1,1,1,2] by [1,1,1,1,2] has 10 axes");
    ck_assert_ptr_null(wg_jacobian(NULL, x));
    expect_error(WG_ERROR_ARGUMENT, "y is NULL");
    ck_assert_ptr_null(wg_jacobian(x, scalar(1)));
    expect_error(WG_ERROR_STATE, "not tracked");
    ck_assert_ptr_null(wg_jacobian(wg_cast(x, WG_I64), x));
    expect_error(WG_ERROR_DTYPE, "i64");
}
END_TEST

START_TEST(a_jacobian_has_the_dtype_of_y) {
    wg_tensor *x = wg_variable(LIST(1, 2, 3));
    wg_tensor *few = wg_jacobian(wg_cast(wg_sum(wg_square(x)), WG_F32), x);
    ck_assert_int_eq(wg_dtype_of(few), WG_F32);
    EXPECT_VALUES(few, 2, 4, 6);
    wg_tensor *w = leaf(2), *many = wg_cast(wg_expand(wg_square(w), WG_SHAPE(3)), WG_F32);
    wg_tensor *j = wg_jacobian(many, w);
    ck_assert_int_eq(wg_dtype_of(j), WG_F32);
    EXPECT_VALUES(j, 4, 4, 4);
}
END_TEST

START_TEST(jacobians_of_jacobians_are_hessians) {
    wg_tensor *x = wg_variable(LIST(1, 2)), *p = wg_mul(wg_sum(cube(x)), wg_sum(x));
    const double want[] = { 6 * 3 + 6, 3 + 12, 3 + 12, 12 * 3 + 24 };
    expect_values(wg_jacobian(wg_jacobian(p, x), x), want, 4);
    expect_values(wg_hessian(p, x), want, 4);
    bool was = wg_recording(false);
    wg_tensor *h = wg_hessian(p, x);
    wg_recording(was);
    expect_values(h, want, 4);
    ck_assert(!wg_is_tracked(h));
    // A Hessian is differentiated further: d/dx of 12 x^2 at each place.
    EXPECT_VALUES(wg_derivative(wg_sum(wg_hessian(wg_sum(wg_square(wg_square(x))), x)), x), 24, 48);
}
END_TEST

START_TEST(without_recording_nothing_stays_but_the_result) {
    wg_tensor *x = wg_variable(wg_ones(WG_F64, WG_SHAPE(20))), *p = wg_sum(cube(wg_tanh(x)));
    wg_tensor *v = wg_ones(WG_F64, WG_SHAPE(20)), *hv;
    wg_recording(false);
    uint32_t records = wg__ctx()->nodes;
    int64_t before = wg_memory_now().tensors;
    wg_tensor *h = wg_hessian(p, x);
    ck_assert_int_le(wg_memory_now().tensors, before + 1);
    ck_assert(wg_hvp(p, &x, 1, &v, &hv));
    ck_assert_int_le(wg_memory_now().tensors, before + 2);
    ck_assert_uint_eq(wg__ctx()->nodes, records);
    // The row sums, by another order of summation: 20 terms of which one is not zero.
    ck_assert(wg_allclose(wg_matmul(h, v), hv, 1e-14, 0));
}
END_TEST

/* ---- single samples -------------------------------------------------------------------------- */

typedef struct weights {
    wg_tensor *w, *b;
    int calls;
} weights;

// Sum over the batch of (x w + b)^2 y, for x (B, 2), y (B).
static wg_tensor *weighted(void *user, wg_tensor *const x[], int n) {
    weights *p = user;
    p->calls++;
    ck_assert_int_eq(n, 2);
    return wg_sum(wg_mul(wg_square(wg_add(wg_matmul(x[0], p->w), p->b)), x[1]));
}

START_TEST(each_sample_has_its_own_gradient) {
    double values[] = { 1, 2, 3, 4, 5, 6 };
    wg_tensor *batch[] = { matrix(3, 2, values), LIST(1, 2, -1) };
    weights p = { wg_variable(LIST(1, -1)), leaf(2), 0 };
    wg_tensor *at[] = { p.w, p.b }, *each[2], *all[2];
    for (int recording = 0; recording < 2; recording++) {
        bool was = wg_recording(recording);
        wg_samples of = { weighted, &p, batch, 2 };
        ck_assert_msg(wg_grad_each(of, at, 2, each), "%s", wg_error_message());
        wg_recording(was);
        expect_shape(each[0], WG_SHAPE(3, 2));
        expect_shape(each[1], WG_SHAPE(3));
        EXPECT_VALUES(each[0], 2, 4, 12, 16, -10, -12);  // 2 (x w + b) y x, and x w + b = 1
        EXPECT_VALUES(each[1], 2, 4, -2);
        ck_assert_int_eq(wg_is_tracked(each[0]), recording);
    }
    ck_assert(wg_grad(weighted(&p, batch, 2), at, 2, all, (wg_grad_options){ 0 }));
    ck_assert(wg_equal(wg_sum_axes(each[0], WG_AXES(0), false), all[0]));
    EXPECT_VALUES(wg_derivative(wg_sum(each[1]), p.b), 2 * (1 + 2 - 1));
    ck_assert_int_eq(p.calls, 7);
}
END_TEST

START_TEST(gradients_of_many_samples_are_joined_in_order) {
    int64_t n = counts[_i];
    wg_tensor *index = wg_arange(WG_F64, 0, (double)n, 1);
    wg_tensor *batch[] = { wg_stack((wg_tensor *[]){ index, wg_neg(index) }, 2, 1), index }, *gx[2];
    weights p = { wg_variable(LIST(1, 1)), leaf(0.5), 0 };  // x w + b is 0.5
    ck_assert(
        wg_grad_each((wg_samples){ weighted, &p, batch, 2 }, (wg_tensor *[]){ p.w, p.b }, 2, gx));
    ck_assert_int_eq(p.calls, (int)n);
    expect_shape(gx[0], WG_SHAPE(n, 2));
    ck_assert(wg_equal(gx[0], wg_mul(batch[0], wg_unsqueeze(index, 1))));
    ck_assert(wg_equal(gx[1], index));
}
END_TEST

START_TEST(samples_must_agree_and_may_be_none) {
    double values[] = { 1, 2, 3, 4, 5, 6 };
    weights p = { wg_variable(LIST(1, -1)), leaf(2), 0 };
    wg_tensor *batch[] = { matrix(3, 2, values), LIST(1, 2) }, *gx;
    wg_samples of = { weighted, &p, batch, 2 };
    ck_assert(!wg_grad_each(of, &p.w, 1, &gx));
    expect_error(WG_ERROR_SHAPE, "batch[1] is [2], wanted are 3 samples");
    batch[1] = scalar(1);
    ck_assert(!wg_grad_each(of, &p.w, 1, &gx));
    expect_error(WG_ERROR_SHAPE, "batch[1] is []");
    batch[0] = wg_zeros(WG_F64, WG_SHAPE(0, 2)), batch[1] = wg_zeros(WG_F64, WG_SHAPE(0));
    ck_assert(wg_grad_each(of, &p.w, 1, &gx));
    expect_shape(gx, WG_SHAPE(0, 2));
    ck_assert(!wg_grad_each((wg_samples){ NULL, &p, batch, 2 }, &p.w, 1, &gx));
    expect_error(WG_ERROR_ARGUMENT, "f NULL");
    wg_tensor *deep = wg_variable(wg_ones(WG_F64, WG_SHAPE(1, 1, 1, 1, 1, 1, 1, 2)));
    ck_assert(!wg_grad_each(of, &deep, 1, &gx));
    expect_error(WG_ERROR_SHAPE, "9 axes, at most 8");
    ck_assert_int_eq(p.calls, 0);
}
END_TEST

/* ---- derivatives within derivatives ---------------------------------------------------------- */

// An engine that mixes up its perturbations gives 2 where this gives 1 (Siskind, Pearlmutter 2005).
typedef wg_tensor *derive(wg_tensor *y, wg_tensor *x);
static wg_tensor *in_reverse(wg_tensor *y, wg_tensor *x) { return wg_derivative(y, x); }
static wg_tensor *forwards(wg_tensor *y, wg_tensor *x) {
    return wg_jvp(y, &x, 1, (wg_tensor *[]){ wg_ones(WG_F64, WG_SCALAR) });
}
static wg_tensor *jacobian_of(wg_tensor *y, wg_tensor *x) { return wg_jacobian(y, x); }
static derive *const ways[] = { in_reverse, forwards, jacobian_of };

START_TEST(perturbations_are_not_confused_whatever_is_nested_in_what) {
    derive *outer = ways[_i / 3], *inner = ways[_i % 3];
    wg_tensor *x = leaf(1), *y = leaf(1);
    EXPECT_VALUES(outer(wg_mul(x, inner(wg_add(x, y), y)), x), 1);
    x = leaf(3), y = leaf(5);
    EXPECT_VALUES(outer(wg_mul(x, inner(wg_mul(x, y), y)), x), 6);              // d/dx x x
    EXPECT_VALUES(outer(wg_mul(x, inner(wg_mul(x, wg_square(y)), y)), x), 60);  // d/dx 2 x^2 y
    // The same variable inside and out: d/dx (x d/dx x^3) = d/dx 3 x^3.
    EXPECT_VALUES(outer(wg_mul(x, inner(cube(x), x)), x), 81);
    // A fresh variable with the outer's value is independent of it.
    wg_tensor *v = wg_variable(x);
    EXPECT_VALUES(outer(wg_mul(x, inner(wg_mul(x, wg_square(v)), v)), x), 2 * 2 * 3 * 3);
    // And a closure three deep: d/dx x d/dy (y x d/dz (x y z)) = d/dx 2 x^3 y.
    wg_tensor *z = leaf(7);
    wg_tensor *deepest = inner(wg_mul(wg_mul(x, y), z), z);
    wg_tensor *middle = outer(wg_mul(wg_mul(y, x), deepest), y);
    EXPECT_VALUES(inner(wg_mul(x, middle), x), 6 * 9 * 5);
}
END_TEST

/* ---- accumulating, and parts that stand still ------------------------------------------------ */

START_TEST(gradients_of_parts_of_a_batch_add_up_to_that_of_the_whole) {
    double values[] = { 1, 2, 3, 4, 5, 6 };
    wg_tensor *w = wg_variable(LIST(1, -2)), *x = matrix(3, 2, values);
    ck_assert(wg_backward(wg_sum(wg_square(wg_matmul(x, w)))));
    double whole[2];
    ck_assert(wg_read(wg_gradient(w), whole, 2));
    wg_clear_gradient(w);
    for (int64_t i = 0; i < 3; i++) {
        wg_scope *s = wg_scope_open();
        ck_assert(wg_backward(wg_sum(wg_square(wg_matmul(wg_slice(x, 0, i, i + 1, 1), w)))));
        wg_scope_close(s);
    }
    expect_values(wg_gradient(w), whole, 2);
}
END_TEST

START_TEST(frozen_parts_get_no_gradient_and_pass_none_down) {
    wg_tensor *a = leaf(2), *b = leaf(3), *c = leaf(5);
    wg_recording(false);
    wg_tensor *frozen = wg_mul(a, b);
    wg_recording(true);
    ck_assert(wg_backward(wg_mul(wg_add(frozen, wg_stop(wg_square(b))), c)));
    ck_assert_ptr_null(wg_gradient(a));
    ck_assert_ptr_null(wg_gradient(b));
    EXPECT_VALUES(wg_gradient(c), 15);
    bool reached[4];
    wg_tensor *y = wg_mul(wg_stop(a), wg_mul(b, c)), *of[] = { a, b, y, scalar(1) };
    ck_assert(wg_reaches(y, of, 4, reached));
    ck_assert(!reached[0] && reached[1] && reached[2] && !reached[3]);
    ck_assert(wg_reaches(scalar(1), of, 4, reached));
    ck_assert(!reached[0] && !reached[1]);
    ck_assert(wg_reaches(c, &c, 1, reached) && reached[0]);
    wg_tensor *constant = scalar(1);
    ck_assert(wg_reaches(constant, &constant, 1, reached) && !reached[0]);
    ck_assert(!wg_reaches(NULL, of, 4, reached));
    expect_error(WG_ERROR_ARGUMENT, "y NULL");
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

static bool all_of_it(bool recording) {
    wg_tensor *x = wg_variable(LIST(1, 2)), *v = LIST(1, 1), *hv, *gx;
    wg_tensor *y = x ? wg_sum(cube(x)) : NULL, *batch = LIST(1, 2, 3);
    weights p = { x, leaf(1), 0 };
    wg_tensor *b[] = { batch ? wg_expand(wg_unsqueeze(batch, 1), WG_SHAPE(3, 2)) : NULL, batch };
    bool was = wg_recording(recording);
    bool done = y && v && wg_hvp(y, &x, 1, &v, &hv) && wg_hessian(y, x) && b[0] &&
                wg_grad_each((wg_samples){ weighted, &p, b, 2 }, &x, 1, &gx) &&
                wg_jacobian(wg_square(x), x);
    wg_recording(was);
    return done;
}
static bool recorded(void) { return all_of_it(true); }
static bool unrecorded(void) { return all_of_it(false); }

START_TEST(whichever_allocation_fails_it_is_told_and_nothing_leaks) {
    ck_assert_int_gt(fail_every_allocation(recorded), 20);
    ck_assert_int_gt(fail_every_allocation(unrecorded), 20);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("higher");
    TCase *products = add_cases(suite, "products");
    tcase_add_test(products, a_vjp_is_the_gradient_under_that_seed);
    tcase_add_test(products, several_results_move_in_one_pass);
    tcase_add_test(products, the_tangents_of_one_x_given_twice_add_up);
    tcase_add_test(products, in_a_hessian_vector_product_any_x_may_stand_still);
    tcase_add_test(products, a_hessian_vector_product_is_exact);
    tcase_add_test(products, a_hessian_vector_product_can_be_differentiated);
    tcase_add_test(products, what_is_linear_or_not_reached_has_second_derivative_zero);
    tcase_add_test(products, errors_name_the_function_that_was_called_and_the_tensor);
    tcase_add_test(products, to_ask_whether_nothing_is_reached_is_an_error);
    tcase_add_test(products, products_refuse_what_does_not_fit);
    TCase *jacobians = add_cases(suite, "jacobians");
    tcase_add_test(jacobians, a_jacobian_has_the_shape_of_y_then_x_either_way);
    tcase_add_test(jacobians, a_jacobian_of_matrices_is_a_kronecker_product);
    tcase_add_loop_test(jacobians, jacobians_of_many_rows_are_joined_in_order, 0, COUNT(counts));
    tcase_add_test(jacobians, jacobians_have_scalars_empty_ones_and_eight_axes_at_most);
    tcase_add_test(jacobians, a_jacobian_has_the_dtype_of_y);
    tcase_add_test(jacobians, jacobians_of_jacobians_are_hessians);
    tcase_add_test(jacobians, without_recording_nothing_stays_but_the_result);
    TCase *samples = add_cases(suite, "samples");
    tcase_add_test(samples, each_sample_has_its_own_gradient);
    tcase_add_loop_test(samples, gradients_of_many_samples_are_joined_in_order, 0, COUNT(counts));
    tcase_add_test(samples, samples_must_agree_and_may_be_none);
    TCase *nested = add_cases(suite, "nested");
    tcase_add_loop_test(nested, perturbations_are_not_confused_whatever_is_nested_in_what, 0, 9);
    tcase_add_test(nested, gradients_of_parts_of_a_batch_add_up_to_that_of_the_whole);
    tcase_add_test(nested, frozen_parts_get_no_gradient_and_pass_none_down);
    TCase *memory = add_cases(suite, "memory");
    tcase_add_test(memory, whichever_allocation_fails_it_is_told_and_nothing_leaks);
    return run_suite(suite);
}
