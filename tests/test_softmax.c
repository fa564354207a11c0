// SPDX-License-Identifier: MIT
/* test_softmax.c: softmax, log-softmax and cross-entropy by numbers worked out by hand, and what
   they do at the ends: infinities, masked rows, ignored samples, long and spread-out lines; and the
   tail of gelu. */
#include <float.h>

#include "tests/core_test.h"

#include "tensor/kernels/kernels.h"

static const double INF = INFINITY;

/* Absolute bounds: a few roundings of numbers of size 1, of which each output here takes part in
   some ten. */
static double few(wg_dtype dtype) { return dtype == WG_F32 ? 1e-6 : 2e-15; }

#define EXPECT_CLOSE(x, ...)                                                                       \
    expect_near(x, (double[]){ __VA_ARGS__ }, COUNT(((double[]){ __VA_ARGS__ })), 0,               \
                few(wg_dtype_of(x)))

static wg_tensor *matrix(wg_dtype dtype, int64_t m, int64_t n, const double *values) {
    return wg_from_f64(dtype, WG_SHAPE(m, n), values);
}
static wg_tensor *classes(int64_t n, const double *index) {
    return wg_from_f64(WG_I64, WG_SHAPE(n), index);
}
#define CLASSES(...)                                                                               \
    classes((int64_t)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)),                         \
            (double[]){ __VA_ARGS__ })

static const wg_dtype floats[] = { WG_F32, WG_F64 };

// The gradient by rules and fused: they must agree before anything else is said.
static wg_tensor *gradient(wg_tensor *y, wg_tensor *x, wg_tensor *gy) {
    wg_tensor *ruled = NULL, *fused = NULL;
    ck_assert(wg_grad(y, &x, 1, &ruled, (wg_grad_options){ .seed = gy }));
    ck_assert(wg_grad(y, &x, 1, &fused, (wg_grad_options){ .seed = gy, .constant = true }));
    int64_t n = wg_numel(x);
    for (int64_t k = 0; k < n; k++) {
        double a = wg_view_get(&ruled->view, k), b = wg_view_get(&fused->view, k);
        bool same =
            a == b || fabs(a - b) <= few(wg_dtype_of(x)) * (1 + fabs(b)) || (isnan(a) && isnan(b));
        ck_assert_msg(same, "[%lld]: the rule says %.17g, backward %.17g", (long long)k, a, b);
    }
    return fused;
}

/* ---- softmax --------------------------------------------------------------------------------- */

START_TEST(softmax_of_a_few_numbers) {
    wg_tensor *x = matrix(floats[_i], 2, 2, (double[]){ 0, 0, log(3), 0 });
    EXPECT_CLOSE(wg_softmax(x, 1), 0.5, 0.5, 0.75, 0.25);
    EXPECT_CLOSE(wg_softmax(x, -2), 0.25, 0.5, 0.75, 0.5);
    EXPECT_CLOSE(wg_log_softmax(x, -1), -log(2), -log(2), log(0.75), log(0.25));
    EXPECT_CLOSE(wg_softmax(wg_zeros(floats[_i], WG_SHAPE(2, 1)), 1), 1, 1);
    ck_assert_int_eq(wg_numel(wg_softmax(wg_zeros(floats[_i], WG_SHAPE(2, 0)), 1)), 0);
    ck_assert_int_eq(wg_numel(wg_log_softmax(wg_zeros(floats[_i], WG_SHAPE(0, 2)), 1)), 0);
}
END_TEST

START_TEST(large_numbers_are_exact) {
    wg_tensor *x = matrix(floats[_i], 2, 2, (double[]){ 1e4, -1e4, -1e4, -1e4 });
    EXPECT_VALUES(wg_softmax(x, 1), 1, 0, 0.5, 0.5);
    wg_tensor *y = wg_log_softmax(x, 1);
    EXPECT_VALUES(wg_slice(y, 0, 0, 1, 1), 0, -2e4);
    EXPECT_CLOSE(wg_slice(y, 0, 1, 2, 1), -log(2), -log(2));
}
END_TEST

START_TEST(a_masked_element_has_weight_zero_and_a_masked_row_none) {
    wg_tensor *x = wg_variable(matrix(floats[_i], 3, 2, (double[]){ -INF, 5, -INF, -INF, 0, 0 }));
    wg_tensor *y = wg_softmax(x, 1), *z = wg_log_softmax(x, 1);
    EXPECT_CLOSE(y, 0, 1, NAN, NAN, 0.5, 0.5);
    EXPECT_CLOSE(z, -INF, 0, NAN, NAN, -log(2), -log(2));
    // Where nothing comes back to the masked row, nothing goes on.
    wg_tensor *gy = matrix(floats[_i], 3, 2, (double[]){ 1, 3, 0, 0, 1, 3 });
    EXPECT_CLOSE(gradient(y, x, gy), 0, 0, 0, 0, -0.5, 0.5);
    EXPECT_CLOSE(gradient(z, x, gy), 1, -1, 0, 0, -1, 1);
}
END_TEST

START_TEST(plus_infinity_and_nan_spoil_their_own_row_only) {
    wg_tensor *x = matrix(floats[_i], 3, 2, (double[]){ INF, 0, NAN, 0, 0, 0 });
    wg_tensor *y = wg_softmax(x, 1);
    ck_assert(isnan(wg_at(y, (int64_t[]){ 0, 0 })));
    EXPECT_CLOSE(wg_slice(y, 0, 1, 3, 1), NAN, NAN, 0.5, 0.5);
    EXPECT_CLOSE(wg_slice(wg_log_softmax(x, 1), 0, 1, 3, 1), NAN, NAN, -log(2), -log(2));
}
END_TEST

/* Lines of n elements: along the last axis, along the first, backwards, with gaps: bit for bit the
   same. */
START_TEST(a_line_gives_the_same_wherever_it_lies) {
    static const int64_t lengths[] = { 1, 3, 16, 17, 255, 256, 257, 600 };
    wg_random r = { .seed = 3, .stream = (uint64_t)_i };
    wg_dtype dtype = floats[_i % 2];
    wg_shape shape = WG_SHAPE(2, lengths[_i / 2], 3);
    wg_tensor *x = wg_variable(wg_randn(dtype, shape, &r));
    wg_tensor *dense = wg_contiguous(wg_transpose(x, 1, 2)), *gy = wg_randn(dtype, shape, &r);
    wg_tensor *spread = random_layout(&r, dtype, shape, false);
    wg__copy_view(&spread->view, &x->view);
    for (int op = 0; op < 2; op++) {
        wg_tensor *(*f)(wg_tensor *, int) = op ? wg_log_softmax : wg_softmax;
        wg_tensor *y = f(dense, 2);
        ck_assert(wg_equal(wg_transpose(f(x, 1), 1, 2), y));
        ck_assert(wg_equal(wg_transpose(f(spread, -2), 1, 2), y));
        wg_tensor *gx = gradient(f(x, 1), x, gy);
        wg_tensor *leaf = wg_variable(dense);
        wg_tensor *same = gradient(f(leaf, -1), leaf, wg_contiguous(wg_transpose(gy, 1, 2)));
        ck_assert(wg_equal(wg_transpose(gx, 1, 2), same));
    }
}
END_TEST

/* Against the formula in long double; 5000 elements of size 1e-4, each a few roundings of itself
   and of a sum in double. */
START_TEST(a_very_long_line_is_summed_whole) {
    enum { N = 5000 };
    double y[N], log_y[N], gx[N];
    wg_dtype dtype = floats[_i];
    double bound = dtype == WG_F32 ? 1e-5 : 1e-13;
    wg_random r = { .seed = 11 };
    wg_tensor *x = wg_variable(wg_randn(dtype, WG_SHAPE(N), &r)),
              *gy = wg_rand(dtype, WG_SHAPE(N), &r);
    long double sum = 0, dot = 0, total = 0;
    for (int64_t k = 0; k < N; k++) sum += expl((long double)wg_view_get(&x->view, k));
    for (int64_t k = 0; k < N; k++) {
        long double v = (long double)wg_view_get(&x->view, k), g = wg_view_get(&gy->view, k);
        y[k] = (double)(expl(v) / sum);
        log_y[k] = (double)(v - logl(sum));
        dot += g * (long double)y[k];
        total += g;
    }
    expect_near(wg_softmax(x, 0), y, N, bound, 0);
    expect_near(wg_log_softmax(x, 0), log_y, N, bound, 0);
    for (int64_t k = 0; k < N; k++)
        gx[k] = y[k] * (double)((long double)wg_view_get(&gy->view, k) - dot);
    expect_near(gradient(wg_softmax(x, 0), x, gy), gx, N, bound, bound * 1e-3);
    for (int64_t k = 0; k < N; k++)
        gx[k] = (double)((long double)wg_view_get(&gy->view, k) - total * (long double)y[k]);
    expect_near(gradient(wg_log_softmax(x, 0), x, gy), gx, N, bound, bound);
}
END_TEST

// gx = gy - p sum gy: sums that are small but not 0 count, down to the smallest.
START_TEST(a_small_sum_of_cotangents_is_no_zero) {
    static const double scale[] = { 1, 1e-3, 1e-6, 1e-12, 1e-30 };
    wg_dtype dtype = floats[_i];
    wg_tensor *x = wg_variable(matrix(dtype, 1, 2, (double[]){ 0, 0 }));
    for (int i = 0; i < COUNT(scale); i++) {
        wg_tensor *y = wg_log_softmax(x, 1), *ruled = NULL, *fused = NULL;
        wg_tensor *gy = matrix(dtype, 1, 2, (double[]){ 3 * scale[i], -scale[i] });
        ck_assert(wg_grad(y, &x, 1, &ruled, (wg_grad_options){ .seed = gy }));
        ck_assert(wg_grad(y, &x, 1, &fused, (wg_grad_options){ .seed = gy, .constant = true }));
        // 3 - 1/2 (3 - 1) and -1 - 1/2 (3 - 1), times the scale: a rounding or two
        const double want[] = { 2 * scale[i], -2 * scale[i] };
        expect_near(ruled, want, 2, 4 * (dtype == WG_F32 ? FLT_EPSILON : DBL_EPSILON), 0);
        expect_near(fused, want, 2, 4 * (dtype == WG_F32 ? FLT_EPSILON : DBL_EPSILON), 0);
    }
}
END_TEST

START_TEST(softmax_refuses_what_it_cannot_take) {
    ck_assert_ptr_null(wg_softmax(wg_ones(WG_F32, WG_SHAPE(2, 3)), 2));
    expect_error(WG_ERROR_SHAPE, "softmax: [2,3]: there is no axis 2");
    ck_assert_ptr_null(wg_log_softmax(wg_num(1), 0));
    expect_error(WG_ERROR_SHAPE, "no axis 0");
    ck_assert_ptr_null(wg_softmax(wg_ones(WG_I64, WG_SHAPE(3)), 0));
    expect_error(WG_ERROR_DTYPE, "i64");
}
END_TEST

/* ---- cross-entropy --------------------------------------------------------------------------- */

static const double e1 = 2.71828182845904523536;

// Logits 1, 2, 3: log sum exp is 3.4076059644443806.
static const double ABC[] = { 1, 2, 3 }, LSE = 3.4076059644443806;

START_TEST(cross_entropy_of_a_few_numbers) {
    wg_dtype dtype = floats[_i];
    wg_tensor *x = matrix(dtype, 3, 3, (double[]){ 1, 2, 3, 1, 2, 3, 0, 0, 0 });
    wg_tensor *y = wg_cross_entropy_each(x, CLASSES(2, 0, 1), (wg_cross_entropy_options){ 0 });
    EXPECT_CLOSE(y, LSE - 3, LSE - 1, log(3));
    EXPECT_CLOSE(wg_cross_entropy(x, CLASSES(2, 0, 1)), (2 * LSE - 4 + log(3)) / 3);
    EXPECT_CLOSE(wg_cross_entropy(x, wg_cast(CLASSES(2, 0, 1), WG_I32)),
                 (2 * LSE - 4 + log(3)) / 3);
    EXPECT_CLOSE(wg_cross_entropy(wg_zeros(dtype, WG_SHAPE(2, 1)), CLASSES(0, 0)), 0);
}
END_TEST

START_TEST(one_sample_needs_no_batch_axis) {
    wg_tensor *x = wg_from_f64(floats[_i], WG_SHAPE(3), ABC);
    wg_tensor *y = wg_cross_entropy(x, wg_full(WG_I64, WG_SCALAR, 2));
    ck_assert_int_eq(wg_rank(y), 0);
    EXPECT_CLOSE(y, LSE - 3);
    EXPECT_CLOSE(wg_cross_entropy(x, wg_from_f64(floats[_i], WG_SHAPE(3), (double[]){ 0, 2, 1 })),
                 2 * (LSE - 2) + LSE - 3);
}
END_TEST

START_TEST(the_gradient_is_probability_minus_target) {
    wg_dtype dtype = floats[_i];
    double sum = 1 + e1 + e1 * e1;  // of exp(x - 1)
    wg_tensor *x = wg_variable(matrix(dtype, 2, 3, (double[]){ 1, 2, 3, 0, 0, 0 }));
    wg_tensor *each = wg_cross_entropy_each(x, CLASSES(2, 0), (wg_cross_entropy_options){ 0 });
    wg_tensor *gy = wg_from_f64(dtype, WG_SHAPE(2), (double[]){ 1, -3 });
    EXPECT_CLOSE(gradient(each, x, gy), 1 / sum, e1 / sum, e1 * e1 / sum - 1, 2, -1, -1);
    wg_tensor *smooth =
        wg_cross_entropy_each(x, CLASSES(2, 0), (wg_cross_entropy_options){ .smoothing = 0.3 });
    EXPECT_CLOSE(gradient(smooth, x, gy), 1 / sum - 0.1, e1 / sum - 0.1, e1 * e1 / sum - 0.8, 1.4,
                 -0.7, -0.7);
}
END_TEST

START_TEST(weights_need_not_sum_to_one_and_have_a_gradient) {
    wg_dtype dtype = floats[_i];
    wg_tensor *x = wg_variable(matrix(dtype, 1, 3, ABC));
    wg_tensor *t = wg_variable(matrix(dtype, 1, 3, (double[]){ 2, 0, 3 })),
              *one = wg_ones(dtype, WG_SHAPE(1));
    wg_tensor *y = wg_cross_entropy_each(x, t, (wg_cross_entropy_options){ 0 });
    double p[3] = { exp(1 - LSE), exp(2 - LSE), exp(3 - LSE) };
    // The loss is about 6, so its rounding, and that of the gradient's parts, is that much larger.
    expect_near(y, (double[]){ 2 * (LSE - 1) + 3 * (LSE - 3) }, 1, 0, 8 * few(dtype));
    expect_near(gradient(y, x, one), (double[]){ 5 * p[0] - 2, 5 * p[1], 5 * p[2] - 3 }, 3, 0,
                8 * few(dtype));
    EXPECT_CLOSE(gradient(y, t, one), LSE - 1, LSE - 2, LSE - 3);
    // Smoothed by 0.5: log p mixed with its mean, 2 - LSE.
    y = wg_cross_entropy_each(x, t, (wg_cross_entropy_options){ .smoothing = 0.5 });
    EXPECT_CLOSE(gradient(y, t, one), LSE - 1.5, LSE - 2, LSE - 2.5);
}
END_TEST

// Softmax is NaN there, but counts sum(t) = 0 times.
START_TEST(weights_that_sum_to_zero_keep_nan_logits_out_of_the_gradient) {
    wg_dtype dtype = floats[_i];
    double logits[] = { 1, NAN, 3, INF, INF, 0 }, weights[] = { 1, -1, 0, 2, 1, -3 };
    wg_tensor *x = wg_variable(matrix(dtype, 2, 3, logits)), *t = matrix(dtype, 2, 3, weights), *gx;
    wg_tensor *one = wg_ones(dtype, WG_SHAPE(2));
    for (int smooth = 0; smooth < 2; smooth++) {
        wg_cross_entropy_options o = { .smoothing = smooth ? 0.5 : 0 };
        double by = smooth ? -0.5 : -1;
        wg_tensor *y = wg_cross_entropy_each(x, t, o);
        for (int constant = 0; constant < 2; constant++) {
            ck_assert(
                wg_grad(y, &x, 1, &gx, (wg_grad_options){ .seed = one, .constant = constant }));
            EXPECT_VALUES(gx, by, -by, 0, 2 * by, by, -3 * by);
        }
    }
}
END_TEST

START_TEST(smoothing_mixes_the_target_with_the_uniform_one) {
    wg_dtype dtype = floats[_i];
    wg_tensor *x = matrix(dtype, 1, 3, ABC);
    wg_cross_entropy_options o = { .smoothing = 0.3 };
    double want = 0.1 * (LSE - 1) + 0.1 * (LSE - 2) + 0.8 * (LSE - 3);
    EXPECT_CLOSE(wg_cross_entropy_with(x, CLASSES(2), o), want);
    EXPECT_CLOSE(wg_cross_entropy_with(x, matrix(dtype, 1, 3, (double[]){ 0, 0, 1 }), o), want);
    EXPECT_CLOSE(wg_cross_entropy(x, matrix(dtype, 1, 3, (double[]){ 0.1, 0.1, 0.8 })), want);
}
END_TEST

START_TEST(ignored_samples_count_for_nothing_whatever_they_hold) {
    wg_dtype dtype = floats[_i];
    wg_tensor *x = wg_variable(matrix(dtype, 3, 3, (double[]){ 1, 2, 3, NAN, INF, -INF, 1, 2, 3 }));
    wg_cross_entropy_options o = { .ignore = true, .ignore_index = -100 };
    wg_tensor *target = CLASSES(2, -100, 0), *one = wg_ones(dtype, WG_SHAPE(3));
    wg_tensor *each = wg_cross_entropy_each(x, target, o);
    EXPECT_CLOSE(each, LSE - 3, 0, LSE - 1);
    EXPECT_CLOSE(wg_cross_entropy_with(x, target, o), LSE - 2);
    EXPECT_CLOSE(wg_cross_entropy_with(x, wg_cast(target, WG_I32), o), LSE - 2);
    double p[3] = { exp(1 - LSE), exp(2 - LSE), exp(3 - LSE) };
    EXPECT_CLOSE(gradient(each, x, one), p[0], p[1], p[2] - 1, 0, 0, 0, p[0] - 1, p[1], p[2]);
    EXPECT_CLOSE(wg_cross_entropy_with(x, CLASSES(-100, -100, -100), o), NAN);
    // A class that is there can be left out, too.
    o.ignore_index = 2;
    EXPECT_CLOSE(wg_cross_entropy_with(wg_slice(x, 0, 0, 3, 2), CLASSES(2, 0), o), LSE - 1);
}
END_TEST

START_TEST(a_class_of_weight_zero_counts_zero_even_where_it_is_impossible) {
    wg_dtype dtype = floats[_i];
    wg_tensor *x = wg_variable(matrix(dtype, 2, 3, (double[]){ 0, 0, -INF, 0, -INF, -INF }));
    wg_tensor *t = matrix(dtype, 2, 3, (double[]){ 0.5, 0.5, 0, 0, 1, 0 });
    wg_tensor *y = wg_cross_entropy_each(x, t, (wg_cross_entropy_options){ 0 });
    EXPECT_CLOSE(y, log(2), INF);
    EXPECT_CLOSE(gradient(y, x, wg_ones(dtype, WG_SHAPE(2))), 0, 0, 0, 1, -1, 0);
    EXPECT_CLOSE(wg_cross_entropy_each(x, CLASSES(1, 2), (wg_cross_entropy_options){ 0 }), log(2),
                 INF);
}
END_TEST

START_TEST(what_is_not_asked_for_has_gradient_zero_even_where_nothing_is_possible) {
    wg_dtype dtype = floats[_i];
    wg_tensor *x = wg_variable(matrix(dtype, 2, 2, (double[]){ -INF, -INF, 0, -INF }));
    wg_tensor *t = wg_variable(matrix(dtype, 2, 2, (double[]){ 0, 0, 1, 0 })),
              *one = wg_ones(dtype, WG_SHAPE(2));
    wg_tensor *gy = wg_from_f64(dtype, WG_SHAPE(2), (double[]){ 0, 1 });
    wg_tensor *y = wg_cross_entropy_each(x, t, (wg_cross_entropy_options){ 0 });
    EXPECT_CLOSE(y, 0, 0);
    EXPECT_CLOSE(gradient(y, x, one), 0, 0, 0, 0);   // no weight
    EXPECT_CLOSE(gradient(y, t, gy), 0, 0, 0, INF);  // no cotangent; log p is -inf
    wg_tensor *z = wg_cross_entropy_each(x, CLASSES(0, 0), (wg_cross_entropy_options){ 0 });
    EXPECT_CLOSE(z, NAN, 0);
    EXPECT_CLOSE(gradient(z, x, gy), 0, 0, 0, 0);
}
END_TEST

START_TEST(large_logits_are_exact) {
    wg_tensor *x = matrix(floats[_i], 2, 2, (double[]){ 1e4, -1e4, 1e4, -1e4 });
    EXPECT_VALUES(wg_cross_entropy_each(x, CLASSES(0, 1), (wg_cross_entropy_options){ 0 }), 0, 2e4);
}
END_TEST

START_TEST(logits_and_weights_may_lie_anywhere) {
    wg_random r = { .seed = 5, .stream = (uint64_t)_i };
    wg_dtype dtype = floats[_i % 2];
    wg_shape shape = WG_SHAPE(2, 3, _i < 8 ? 7 : 600);
    wg_cross_entropy_options o = { .smoothing = _i % 4 < 2 ? 0 : 0.25 };
    wg_tensor *x = wg_randn(dtype, shape, &r), *t = wg_rand(dtype, shape, &r);
    wg_tensor *x2 = random_layout(&r, dtype, shape, false),
              *t2 = random_layout(&r, dtype, shape, false);
    wg__copy_view(&x2->view, &x->view);
    wg__copy_view(&t2->view, &t->view);
    ck_assert(wg_equal(wg_cross_entropy_each(x, t, o), wg_cross_entropy_each(x2, t2, o)));
    wg_tensor *index = wg_argmax(t, -1, false),
              *index2 = random_layout(&r, WG_I64, WG_SHAPE(2, 3), false);
    wg__copy_view(&index2->view, &index->view);
    ck_assert(wg_equal(wg_cross_entropy_each(x, index, o), wg_cross_entropy_each(x2, index2, o)));
    // One column of numbers serves as gy for both axes, too.
    x = wg_variable(x), x2 = wg_variable(x2), t = wg_variable(t), t2 = wg_variable(t2);
    wg_tensor *gy = wg_expand(wg_randn(dtype, WG_SHAPE(2, 1), &r), WG_SHAPE(2, 3));
    wg_tensor *y = wg_cross_entropy_each(x, t, o), *y2 = wg_cross_entropy_each(x2, t2, o);
    ck_assert(wg_equal(gradient(y, x, gy), gradient(y2, x2, gy)));
    ck_assert(wg_equal(gradient(y, t, gy), gradient(y2, t2, gy)));
    y = wg_cross_entropy_each(x, index, o), y2 = wg_cross_entropy_each(x2, index2, o);
    ck_assert(wg_equal(gradient(y, x, gy), gradient(y2, x2, gy)));
}
END_TEST

START_TEST(a_class_that_is_not_there_is_refused_by_number) {
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(2, 3));
    ck_assert_ptr_null(wg_cross_entropy(x, CLASSES(2, 3)));
    expect_error(WG_ERROR_INDEX, "sample 1 has class 3, not one of 0 to 2");
    ck_assert_ptr_null(wg_cross_entropy(x, CLASSES(-1, 0)));
    expect_error(WG_ERROR_INDEX, "sample 0 has class -1");
    ck_assert_ptr_null(
        wg_cross_entropy_with(x, CLASSES(5, -1), (wg_cross_entropy_options){ .ignore = true }));
    expect_error(WG_ERROR_INDEX, "class 5");
}
END_TEST

START_TEST(targets_that_do_not_fit_are_refused) {
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(2, 3)), *index = CLASSES(0, 1);
    ck_assert_ptr_null(wg_cross_entropy(x, CLASSES(0, 1, 2)));
    expect_error(WG_ERROR_SHAPE, "[2,3] x [3]");
    ck_assert_ptr_null(wg_cross_entropy(x, wg_zeros(WG_F32, WG_SHAPE(2))));
    expect_error(WG_ERROR_SHAPE, "weights (..., C)");
    ck_assert_ptr_null(wg_cross_entropy(x, wg_zeros(WG_F64, WG_SHAPE(2, 3))));
    expect_error(WG_ERROR_DTYPE, "wg_cast");
    ck_assert_ptr_null(wg_cross_entropy(wg_zeros(WG_F32, WG_SHAPE(2, 0)), index));
    expect_error(WG_ERROR_SHAPE, "no classes");
    ck_assert_ptr_null(wg_cross_entropy(wg_ones(WG_F32, WG_SCALAR), wg_full(WG_I64, WG_SCALAR, 0)));
    expect_error(WG_ERROR_SHAPE, "no classes");
    ck_assert_ptr_null(
        wg_cross_entropy_with(x, index, (wg_cross_entropy_options){ .smoothing = 1 }));
    expect_error(WG_ERROR_ARGUMENT, "smoothing 1");
    ck_assert_ptr_null(
        wg_cross_entropy_with(x, index, (wg_cross_entropy_options){ .smoothing = NAN }));
    expect_error(WG_ERROR_ARGUMENT, "smoothing");
    ck_assert_ptr_null(wg_cross_entropy_with(x, x, (wg_cross_entropy_options){ .ignore = true }));
    expect_error(WG_ERROR_ARGUMENT, "ignore");
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

// Lines of 300 elements that are spread out have to be gathered, in forward and in backward.
static bool some_losses(void) {
    wg_tensor *x = wg_transpose(wg_variable(wg_full(WG_F64, WG_SHAPE(300, 2), 2)), 0, 1);
    wg_tensor *t = wg_softmax(x, 1), *index = wg_zeros(WG_I64, WG_SHAPE(2));
    wg_tensor *by_weight = wg_cross_entropy(wg_log_softmax(x, 1), t),
              *by_index = wg_cross_entropy(x, index);
    return wg_backward(wg_add(by_weight, by_index));
}

START_TEST(an_allocation_that_fails_is_reported_and_leaks_nothing) {
    fail_every_allocation(some_losses);
}
END_TEST

/* ---- gelu ------------------------------------------------------------------------------------ */

/* x Phi(x) and Phi(x) + x phi(x), worked out with 64-bit mantissas. The argument of erfc is rounded
   twice, by at most one epsilon together, which the normal tail makes x^2 = 36 of; a few more come
   from erfc and exp. */
START_TEST(gelu_keeps_its_digits_far_below_zero) {
    double epsilon = floats[_i] == WG_F32 ? FLT_EPSILON : DBL_EPSILON;
    wg_tensor *x = wg_variable(wg_full(floats[_i], WG_SHAPE(1), -6)), *y = wg_gelu(x);
    expect_near(y, (double[]){ -5.9195258702261889e-9 }, 1, 40 * epsilon, 0);
    wg_tensor *ruled = wg_derivative(y, x), *fused = NULL;
    ck_assert(wg_grad(y, &x, 1, &fused, (wg_grad_options){ .constant = true }));
    expect_near(ruled, (double[]){ -3.5468709453902015e-8 }, 1, 40 * epsilon, 0);
    expect_near(fused, (double[]){ -3.5468709453902015e-8 }, 1, 40 * epsilon, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("softmax");
    TCase *softmax = add_cases(suite, "softmax");
    tcase_add_loop_test(softmax, softmax_of_a_few_numbers, 0, 2);
    tcase_add_loop_test(softmax, large_numbers_are_exact, 0, 2);
    tcase_add_loop_test(softmax, a_masked_element_has_weight_zero_and_a_masked_row_none, 0, 2);
    tcase_add_loop_test(softmax, plus_infinity_and_nan_spoil_their_own_row_only, 0, 2);
    tcase_add_loop_test(softmax, a_line_gives_the_same_wherever_it_lies, 0, 16);
    tcase_add_loop_test(softmax, a_very_long_line_is_summed_whole, 0, 2);
    tcase_add_loop_test(softmax, a_small_sum_of_cotangents_is_no_zero, 0, 2);
    tcase_add_test(softmax, softmax_refuses_what_it_cannot_take);
    tcase_add_loop_test(add_cases(suite, "gelu"), gelu_keeps_its_digits_far_below_zero, 0, 2);
    TCase *loss = add_cases(suite, "cross_entropy");
    tcase_add_loop_test(loss, cross_entropy_of_a_few_numbers, 0, 2);
    tcase_add_loop_test(loss, one_sample_needs_no_batch_axis, 0, 2);
    tcase_add_loop_test(loss, the_gradient_is_probability_minus_target, 0, 2);
    tcase_add_loop_test(loss, weights_need_not_sum_to_one_and_have_a_gradient, 0, 2);
    tcase_add_loop_test(loss, weights_that_sum_to_zero_keep_nan_logits_out_of_the_gradient, 0, 2);
    tcase_add_loop_test(loss, smoothing_mixes_the_target_with_the_uniform_one, 0, 2);
    tcase_add_loop_test(loss, ignored_samples_count_for_nothing_whatever_they_hold, 0, 2);
    tcase_add_loop_test(loss, a_class_of_weight_zero_counts_zero_even_where_it_is_impossible, 0, 2);
    tcase_add_loop_test(
        loss, what_is_not_asked_for_has_gradient_zero_even_where_nothing_is_possible, 0, 2);
    tcase_add_loop_test(loss, large_logits_are_exact, 0, 2);
    tcase_add_loop_test(loss, logits_and_weights_may_lie_anywhere, 0, 16);
    tcase_add_test(loss, a_class_that_is_not_there_is_refused_by_number);
    tcase_add_test(loss, targets_that_do_not_fit_are_refused);
    TCase *memory = add_cases(suite, "memory");
    tcase_add_test(memory, an_allocation_that_fails_is_reported_and_leaks_nothing);
    return run_suite(suite);
}
