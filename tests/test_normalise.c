// SPDX-License-Identifier: MIT
/* test_normalise.c: layer, RMS, group, instance and batch normalisation against the same formulas
   spelled out in operations, and what they do at the ends: large offsets, lines of equal elements,
   infinities, nothing at all. */
#include <float.h>

#include "tests/core_test.h"

#include "tensor/kernels/kernels.h"

static const wg_dtype floats[] = { WG_F32, WG_F64 };

// The gradient of sum(y gy) by rules and fused; the fused one comes back.
static wg_tensor *gradient(wg_tensor *y, wg_tensor *x, wg_tensor *gy, double bound) {
    wg_tensor *ruled = NULL, *fused = NULL;
    ck_assert(wg_grad(y, &x, 1, &ruled, (wg_grad_options){ .seed = gy }));
    ck_assert(wg_grad(y, &x, 1, &fused, (wg_grad_options){ .seed = gy, .constant = true }));
    ck_assert(wg_allclose(ruled, fused, bound, bound));
    return fused;
}

/* Values and gradients of two functions of the same leaves agree. 1e-12: both round some ten times
   in numbers of size 1 to 10, and sum at most 100 of them. */
static void expect_same(wg_tensor *y, wg_tensor *want, wg_tensor *const leaf[], int leaves) {
    static const double FEW = 1e-12;
    wg_random r = { .seed = 99 };
    expect_no_error();
    ck_assert(wg_allclose(y, want, FEW, FEW));
    wg_tensor *gy = wg_randn(WG_F64, wg_shape_of(y), &r);
    for (int i = 0; i < leaves; i++) {
        wg_tensor *gx = gradient(y, leaf[i], gy, FEW);
        wg_tensor *again = gradient(want, leaf[i], gy, FEW);
        ck_assert_msg(wg_allclose(gx, again, FEW, FEW), "the gradients of leaf %d differ", i);
    }
}

// (x - mean) / sqrt(var + eps) over these axes, in plain operations.
static wg_tensor *standard(wg_tensor *x, wg_shape axes, double eps) {
    wg_tensor *off = wg_sub(x, wg_mean_axes(x, axes, true));
    wg_tensor *var = wg_mean_axes(wg_mul(off, off), axes, true);
    return wg_div(off, wg_sqrt(wg_add(var, wg_num(eps))));
}

static wg_tensor *normal(wg_shape shape, uint64_t stream) {
    return wg_variable(wg_randn(WG_F64, shape, &(wg_random){ .seed = 5, .stream = stream }));
}

/* ---- formulas -------------------------------------------------------------------------------- */

START_TEST(layer_norm_is_its_formula) {
    wg_tensor *x = normal(WG_SHAPE(3, 4, 5), 0), *w = normal(WG_SHAPE(5), 1),
              *b = normal(WG_SHAPE(5), 2), *w2 = normal(WG_SHAPE(4, 5), 3),
              *b2 = normal(WG_SHAPE(4, 5), 4);
    wg_tensor *h = standard(x, WG_AXES(-1), 1e-5), *h2 = standard(x, WG_AXES(-2, -1), 0.5);
    expect_same(wg_layer_norm(x, 1, w, b, 1e-5), wg_add(wg_mul(h, w), b),
                (wg_tensor *[]){ x, w, b }, 3);
    expect_same(wg_layer_norm(x, 2, w2, b2, 0.5), wg_add(wg_mul(h2, w2), b2),
                (wg_tensor *[]){ x, w2, b2 }, 3);
    expect_same(wg_layer_norm(x, 1, NULL, b, 1e-5), wg_add(h, b), (wg_tensor *[]){ x, b }, 2);
    expect_same(wg_layer_norm(x, 1, w, NULL, 1e-5), wg_mul(h, w), (wg_tensor *[]){ x, w }, 2);
    expect_same(wg_layer_norm(x, 1, NULL, NULL, 1e-5), h, &x, 1);
}
END_TEST

START_TEST(rms_norm_is_its_formula) {
    wg_tensor *x = normal(WG_SHAPE(3, 4, 5), 0), *w = normal(WG_SHAPE(5), 1);
    wg_tensor *square = wg_mean_axes(wg_square(x), WG_AXES(-1), true);
    wg_tensor *h = wg_div(x, wg_sqrt(wg_add(square, wg_num(1e-5))));
    expect_same(wg_rms_norm(x, 1, w, 1e-5), wg_mul(h, w), (wg_tensor *[]){ x, w }, 2);
    expect_same(wg_rms_norm(x, 1, NULL, 1e-5), h, &x, 1);
}
END_TEST

// More lines than one block of the weight's sum, each longer than a strip.
START_TEST(many_long_lines_are_all_counted) {
    wg_tensor *x = normal(WG_SHAPE(130, 300), 0), *w = normal(WG_SHAPE(300), 1),
              *b = normal(WG_SHAPE(300), 2);
    wg_tensor *h = standard(x, WG_AXES(-1), 1e-5);
    expect_same(wg_layer_norm(x, 1, w, b, 1e-5), wg_add(wg_mul(h, w), b),
                (wg_tensor *[]){ x, w, b }, 3);
}
END_TEST

START_TEST(group_and_instance_norm_are_their_formulas) {
    wg_tensor *x = normal(WG_SHAPE(2, 6, 2, 3), 0), *w = normal(WG_SHAPE(6), 1),
              *b = normal(WG_SHAPE(6), 2), *leaf[] = { x, w, b };
    wg_tensor *w4 = wg_reshape(w, WG_SHAPE(6, 1, 1)), *b4 = wg_reshape(b, WG_SHAPE(6, 1, 1));
    wg_tensor *groups = standard(wg_reshape(x, WG_SHAPE(2, 3, 12)), WG_AXES(-1), 1e-5);
    wg_tensor *h = wg_reshape(groups, WG_SHAPE(2, 6, 2, 3));
    expect_same(wg_group_norm(x, 3, w, b, 1e-5), wg_add(wg_mul(h, w4), b4), leaf, 3);
    expect_same(wg_group_norm(x, 3, NULL, b, 1e-5), wg_add(h, b4), (wg_tensor *[]){ x, b }, 2);
    h = standard(x, WG_AXES(2, 3), 1e-5);
    expect_same(wg_instance_norm(x, w, b, 1e-5), wg_add(wg_mul(h, w4), b4), leaf, 3);
    ck_assert(wg_equal(wg_instance_norm(x, w, b, 1e-5), wg_group_norm(x, 6, w, b, 1e-5)));
    ck_assert(
        wg_equal(wg_group_norm(x, 1, NULL, NULL, 1e-5), wg_layer_norm(x, 3, NULL, NULL, 1e-5)));
}
END_TEST

START_TEST(batch_norm_takes_the_statistics_of_the_batch) {
    static const wg_shape shapes[] = { { 2, { 5, 3 } }, { 3, { 4, 3, 2 } }, { 4, { 2, 3, 2, 2 } } };
    wg_shape shape = shapes[_i], axes = { .rank = shape.rank - 1 };
    for (int i = 1; i < axes.rank; i++) axes.dim[i] = i + 1;  // all but 1
    wg_tensor *x = normal(shape, 0), *w = normal(WG_SHAPE(3), 1), *b = normal(WG_SHAPE(3), 2);
    wg_tensor *w4 = wg_reshape(w, (wg_shape){ shape.rank - 1, { 3, 1, 1 } }),
              *b4 = wg_reshape(b, (wg_shape){ shape.rank - 1, { 3, 1, 1 } });
    wg_tensor *h = standard(x, axes, 1e-5);
    wg_batch_norm_options o = { .weight = w, .bias = b };
    expect_same(wg_batch_norm(x, o), wg_add(wg_mul(h, w4), b4), (wg_tensor *[]){ x, w, b }, 3);
    expect_same(wg_batch_norm(x, (wg_batch_norm_options){ .bias = b, .eps = 0.5 }),
                wg_add(standard(x, axes, 0.5), b4), (wg_tensor *[]){ x, b }, 2);
    // Given the same statistics, tracked, it is the same function.
    o.mean = wg_mean_axes(x, axes, false);
    o.var = wg_var_axes(x, axes, false, 0);
    expect_same(wg_batch_norm(x, o), wg_add(wg_mul(h, w4), b4), (wg_tensor *[]){ x, w, b }, 3);
}
END_TEST

START_TEST(batch_norm_with_given_statistics_leaves_them_out_of_the_gradient) {
    wg_tensor *x = wg_variable(wg_from_f64(WG_F64, WG_SHAPE(2, 2), (double[]){ 1, 2, 3, 6 }));
    wg_tensor *mean = LIST(1, 4), *var = LIST(4, 1);
    // eps 0 means 1e-5, so the variances are made to give 2 and 1 with it.
    var = wg_sub(var, wg_num(1e-5));
    wg_tensor *y = wg_batch_norm(x, (wg_batch_norm_options){ .mean = mean, .var = var });
    expect_near(y, (double[]){ 0, -2, 1, 2 }, 4, 1e-14, 1e-14);
    expect_near(wg_derivative(y, x), (double[]){ 0.5, 1, 0.5, 1 }, 4, 1e-14, 0);
}
END_TEST

/* ---- numbers --------------------------------------------------------------------------------- */

/* Noise of size 1 on an offset that leaves it few digits: the result is that of the noise
   alone, but for what the input itself has lost. */
START_TEST(a_large_offset_costs_no_digits) {
    static const double offsets[] = { 1e4, 1e8 };  // f32, f64
    enum { N = 768 };
    wg_dtype dtype = floats[_i];
    wg_random r = { .seed = 8 };
    wg_tensor *x = wg_add(wg_randn(dtype, WG_SHAPE(2, N), &r), wg_num(offsets[_i]));
    // The offset goes without rounding, since both are multiples of the same power of two.
    wg_tensor *exact = wg_cast(wg_sub(x, wg_num(offsets[_i])), WG_F64);
    wg_tensor *want = standard(exact, WG_AXES(-1), 1e-5);
    wg_tensor *y = wg_cast(wg_layer_norm(x, 1, NULL, NULL, 1e-5), WG_F64);
    // A few roundings of numbers up to 4.
    double bound = dtype == WG_F32 ? 4 * 4 * FLT_EPSILON : 4 * 4 * DBL_EPSILON;
    ck_assert(wg_allclose(y, want, 0, bound));
    // A batch has the same care for its channels.
    y = wg_batch_norm(wg_transpose(x, 0, 1), (wg_batch_norm_options){ .eps = 1e-5 });
    ck_assert(wg_allclose(wg_cast(wg_transpose(y, 0, 1), WG_F64), want, 0, bound));
}
END_TEST

// 0.1 is no sum of powers of two, so a mean of many need not be exact by itself.
START_TEST(equal_elements_give_the_bias_exactly) {
    static const int64_t lengths[] = { 1, 2, 3, 7, 100, 257, 1000 };
    wg_dtype dtype = floats[_i];
    for (int i = 0; i < COUNT(lengths); i++) {
        wg_tensor *x = wg_variable(wg_full(dtype, WG_SHAPE(2, lengths[i]), 0.1));
        wg_tensor *b = wg_full(dtype, WG_SHAPE(lengths[i]), 3), *w = wg_ones(dtype, wg_shape_of(b));
        wg_tensor *y = wg_layer_norm(x, 1, w, b, 1e-12);
        ck_assert(wg_equal(y, wg_expand(b, wg_shape_of(x))));
        // Without eps it is 0 / 0.
        ck_assert(isnan(wg_at(wg_layer_norm(x, 1, w, b, 0), (int64_t[]){ 1, 0 })));
        wg_tensor *gx = NULL, *none = wg_zeros_like(x);
        ck_assert(wg_grad(wg_layer_norm(x, 1, w, b, 0), &x, 1, &gx,
                          (wg_grad_options){ .seed = none, .constant = true }));
        ck_assert(wg_equal(gx, none));
    }
    wg_tensor *zero = wg_zeros(dtype, WG_SHAPE(1, 3));
    EXPECT_VALUES(wg_rms_norm(zero, 1, NULL, 1e-12), 0, 0, 0);
    ck_assert(isnan(wg_at(wg_rms_norm(zero, 1, NULL, 0), (int64_t[]){ 0, 0 })));
}
END_TEST

START_TEST(infinities_and_nan_spoil_their_own_line_only) {
    wg_dtype dtype = floats[_i];
    const double values[] = { INFINITY, 0, NAN, 0, -1, 1 };
    wg_tensor *x = wg_variable(wg_from_f64(dtype, WG_SHAPE(3, 2), values));
    wg_tensor *y = wg_layer_norm(x, 1, NULL, NULL, 0);
    expect_near(y, (double[]){ NAN, NAN, NAN, NAN, -1, 1 }, 6, 0, 0);
    expect_near(wg_rms_norm(x, 1, NULL, 0), (double[]){ NAN, 0, NAN, NAN, -1, 1 }, 6, 0, 0);
    // Where nothing comes back to the spoiled lines, nothing goes on.
    wg_tensor *gy = wg_from_f64(dtype, WG_SHAPE(3, 2), (double[]){ 0, 0, 0, 0, 1, 1 });
    EXPECT_VALUES(gradient(y, x, gy, 0), 0, 0, 0, 0, 0, 0);
    wg_tensor *w = wg_variable(wg_ones(dtype, WG_SHAPE(2)));
    EXPECT_VALUES(gradient(wg_layer_norm(x, 1, w, NULL, 0), w, gy, 0), -1, 1);
}
END_TEST

// Squares of 1e30 are beyond f32, but the sums are in double.
START_TEST(very_large_and_small_f32_are_normalised) {
    static const float size[] = { 1e30f, 1e-30f };
    wg_tensor *x = wg_mul(wg_from_f64(WG_F32, WG_SHAPE(2), (double[]){ -1, 1 }), wg_num(size[_i]));
    expect_near(wg_layer_norm(x, 1, NULL, NULL, 0), (double[]){ -1, 1 }, 2, 2 * FLT_EPSILON, 0);
    expect_near(wg_rms_norm(x, 1, NULL, 0), (double[]){ -1, 1 }, 2, 2 * FLT_EPSILON, 0);
}
END_TEST

START_TEST(nothing_to_normalise_gives_nothing) {
    wg_dtype dtype = floats[_i];
    wg_tensor *x = wg_variable(wg_zeros(dtype, WG_SHAPE(0, 3))),
              *w = wg_variable(wg_ones(dtype, WG_SHAPE(3))), *gw = NULL;
    wg_tensor *y[] = { wg_layer_norm(x, 1, w, NULL, 0), wg_rms_norm(x, 1, w, 0),
                       wg_group_norm(x, 3, w, NULL, 0),
                       wg_batch_norm(x, (wg_batch_norm_options){ .weight = w }) };
    for (int i = 0; i < COUNT(y); i++) {
        expect_shape(y[i], WG_SHAPE(0, 3));
        ck_assert(wg_grad(wg_sum(y[i]), &w, 1, &gw, (wg_grad_options){ .constant = true }));
        EXPECT_VALUES(gw, 0, 0, 0);
    }
    expect_shape(wg_layer_norm(wg_zeros(dtype, WG_SHAPE(2, 0)), 1, NULL, NULL, 0), WG_SHAPE(2, 0));
    expect_shape(wg_instance_norm(wg_zeros(dtype, WG_SHAPE(2, 3, 0)), NULL, NULL, 0),
                 WG_SHAPE(2, 3, 0));
}
END_TEST

/* ---- layouts --------------------------------------------------------------------------------- */

START_TEST(a_line_gives_the_same_wherever_it_lies) {
    static const int64_t lengths[] = { 1, 5, 256, 257, 600 };
    wg_random r = { .seed = 3, .stream = (uint64_t)_i };
    wg_dtype dtype = floats[_i % 2];
    int64_t n = lengths[_i / 2];
    wg_shape shape = WG_SHAPE(3, 2, n), line = WG_SHAPE(2, n);
    wg_tensor *x = wg_randn(dtype, shape, &r), *w = wg_randn(dtype, line, &r),
              *b = wg_randn(dtype, line, &r), *gy = wg_randn(dtype, shape, &r);
    wg_tensor *x2 = random_layout(&r, dtype, shape, false),
              *w2 = random_layout(&r, dtype, line, false),
              *b2 = random_layout(&r, dtype, line, false),
              *gy2 = random_layout(&r, dtype, shape, false);
    wg__copy_view(&x2->view, &x->view), wg__copy_view(&w2->view, &w->view);
    wg__copy_view(&b2->view, &b->view), wg__copy_view(&gy2->view, &gy->view);
    wg_tensor *leaf[] = { wg_variable(x), wg_variable(w), wg_variable(b) }, *gx[3];
    wg_tensor *leaf2[] = { wg_variable(x2), wg_variable(w2), wg_variable(b2) }, *gx2[3];
    wg_tensor *y = wg_layer_norm(leaf[0], 2, leaf[1], leaf[2], 1e-5);
    wg_tensor *y2 = wg_layer_norm(leaf2[0], 2, leaf2[1], leaf2[2], 1e-5);
    ck_assert(wg_equal(y, y2));
    ck_assert(wg_equal(y, wg_layer_norm(x2, 2, w2, b2, 1e-5)));
    ck_assert(wg_grad(y, leaf, 3, gx, (wg_grad_options){ .seed = gy, .constant = true }));
    ck_assert(wg_grad(y2, leaf2, 3, gx2, (wg_grad_options){ .seed = gy2, .constant = true }));
    for (int i = 0; i < 2; i++) ck_assert(wg_equal(gx[i], gx2[i]));
    ck_assert(wg_allclose(gx[2], gx2[2], 0, 4 * FLT_EPSILON));  // sums may run in another order
}
END_TEST

/* ---- refusals and memory --------------------------------------------------------------------- */

START_TEST(what_does_not_fit_is_refused_by_number) {
    wg_tensor *x = wg_ones(WG_F32, WG_SHAPE(2, 6)), *w = wg_ones(WG_F32, WG_SHAPE(4));
    ck_assert_ptr_null(wg_layer_norm(x, 3, NULL, NULL, 1));
    expect_error(WG_ERROR_SHAPE, "layer_norm: [2,6] x NULL x NULL: the last 3 of 2 axes");
    ck_assert_ptr_null(wg_layer_norm(x, 1, NULL, w, 1));
    expect_error(WG_ERROR_SHAPE, "the bias must be [6]");
    ck_assert_ptr_null(wg_rms_norm(x, 2, w, 1));
    expect_error(WG_ERROR_SHAPE, "rms_norm: [2,6] x [4]: the weight must be [2,6]");
    ck_assert_ptr_null(wg_rms_norm(x, 1, NULL, NAN));
    expect_error(WG_ERROR_ARGUMENT, "eps = nan");
    ck_assert_ptr_null(wg_layer_norm(x, 1, wg_ones(WG_F64, WG_SHAPE(6)), NULL, 1));
    expect_error(WG_ERROR_DTYPE, "wg_cast");
    ck_assert_ptr_null(wg_layer_norm(NULL, 1, NULL, NULL, 1));
    expect_error(WG_ERROR_ARGUMENT, "layer_norm: input 0 is NULL");
    ck_assert_ptr_null(wg_group_norm(x, 4, NULL, NULL, 1));
    expect_error(WG_ERROR_ARGUMENT, "6 channels do not make 4 groups");
    ck_assert_ptr_null(wg_instance_norm(x, NULL, NULL, 1));
    expect_error(WG_ERROR_SHAPE, "x must be (N, C, L, ...)");
    ck_assert_ptr_null(wg_batch_norm(x, (wg_batch_norm_options){ .weight = w }));
    expect_error(WG_ERROR_SHAPE, "the weight must be [6], one number to a channel");
    ck_assert_ptr_null(wg_batch_norm(x, (wg_batch_norm_options){ .mean = w }));
    expect_error(WG_ERROR_ARGUMENT, "mean and var go together");
}
END_TEST

// Lines of 300 elements that are spread out have to be gathered, and so do weight and bias.
static bool some_norms(void) {
    wg_tensor *x = wg_variable(wg_linspace(WG_F64, 0, 1, 600));
    wg_tensor *w = wg_variable(wg_flip(wg_ones(WG_F64, WG_SHAPE(300)), 0));
    wg_tensor *lines = wg_transpose(wg_reshape(x, WG_SHAPE(300, 2)), 0, 1);  // (2, 300)
    wg_tensor *y = wg_layer_norm(lines, 1, w, wg_slice(x, 0, 0, 600, 2), 1e-5);
    return wg_backward(wg_sum(wg_square(wg_rms_norm(y, 1, w, 1e-5))));
}

START_TEST(an_allocation_that_fails_is_reported_and_leaks_nothing) {
    fail_every_allocation(some_norms);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("normalise");
    TCase *formulas = add_cases(suite, "formulas");
    tcase_add_test(formulas, layer_norm_is_its_formula);
    tcase_add_test(formulas, rms_norm_is_its_formula);
    tcase_add_test(formulas, many_long_lines_are_all_counted);
    tcase_add_test(formulas, group_and_instance_norm_are_their_formulas);
    tcase_add_loop_test(formulas, batch_norm_takes_the_statistics_of_the_batch, 0, 3);
    tcase_add_test(formulas, batch_norm_with_given_statistics_leaves_them_out_of_the_gradient);
    TCase *numbers = add_cases(suite, "numbers");
    tcase_add_loop_test(numbers, a_large_offset_costs_no_digits, 0, 2);
    tcase_add_loop_test(numbers, equal_elements_give_the_bias_exactly, 0, 2);
    tcase_add_loop_test(numbers, infinities_and_nan_spoil_their_own_line_only, 0, 2);
    tcase_add_loop_test(numbers, very_large_and_small_f32_are_normalised, 0, 2);
    tcase_add_loop_test(numbers, nothing_to_normalise_gives_nothing, 0, 2);
    TCase *layouts = add_cases(suite, "layouts");
    tcase_add_loop_test(layouts, a_line_gives_the_same_wherever_it_lies, 0, 10);
    TCase *rest = add_cases(suite, "refusals and memory");
    tcase_add_test(rest, what_does_not_fit_is_refused_by_number);
    tcase_add_test(rest, an_allocation_that_fails_is_reported_and_leaks_nothing);
    return run_suite(suite);
}
