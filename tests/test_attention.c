// SPDX-License-Identifier: MIT
/* test_attention.c: scaled dot-product attention against the plain formula, one query at a time,
   and what masks do: hide keys, hide all of them, and keep what is hidden out of values and
   gradients. */
#include <float.h>

#include "tests/core_test.h"

static const double INF = INFINITY;

/* Values and gradients round some ten times in numbers of size 1 to 10. */
static const double FEW = 1e-12;

static const wg_attention_options PLAIN = { .causal = false };
static const wg_attention_options CAUSAL = { .causal = true };

static wg_tensor *normal(wg_shape shape, uint64_t stream) {
    return wg_variable(wg_randn(WG_F64, shape, &(wg_random){ .seed = 2, .stream = stream }));
}

static wg_tensor *truths(int64_t m, int64_t n, const double *values) {
    return wg_from_f64(WG_BOOL, WG_SHAPE(m, n), values);
}

// Gradients of sum(y gy) for the leaves; those by rules and fused agree.
static void gradients(wg_tensor *y, wg_tensor *const leaf[], int leaves, wg_tensor *gx[]) {
    wg_tensor *ruled[4];
    wg_tensor *gy = wg_randn(WG_F64, wg_shape_of(y), &(wg_random){ .seed = 77 });
    expect_no_error();
    ck_assert(wg_grad(y, leaf, leaves, ruled, (wg_grad_options){ .seed = gy }));
    ck_assert(wg_grad(y, leaf, leaves, gx, (wg_grad_options){ .seed = gy, .constant = true }));
    for (int i = 0; i < leaves; i++) ck_assert(wg_allclose(gx[i], ruled[i], FEW, FEW));
}

static void expect_same(wg_tensor *y, wg_tensor *want, wg_tensor *const leaf[], int leaves) {
    wg_tensor *gx[4], *again[4];
    expect_no_error();
    ck_assert(wg_allclose(y, want, FEW, FEW));
    gradients(y, leaf, leaves, gx);
    gradients(want, leaf, leaves, again);
    for (int i = 0; i < leaves; i++)
        ck_assert_msg(wg_allclose(gx[i], again[i], FEW, FEW), "the gradients of leaf %d differ", i);
}

// Query t of (T, D) over the first `seen` keys only, no masks involved: (1, E).
static wg_tensor *one_query(wg_tensor *const qkv[3], int64_t t, int64_t seen, double scale) {
    wg_tensor *q = wg_slice(qkv[0], 0, t, t + 1, 1), *k = wg_slice(qkv[1], 0, 0, seen, 1);
    wg_tensor *scores = wg_mul(wg_matmul(q, wg_transpose(k, 0, 1)), wg_num(scale));  // (1, seen)
    wg_tensor *e = wg_exp(scores), *p = wg_div(e, wg_sum(e));
    return wg_matmul(p, wg_slice(qkv[2], 0, 0, seen, 1));
}

static wg_tensor *all_queries(wg_tensor *const qkv[3], bool causal, double scale) {
    wg_tensor *y[8];
    int64_t queries = wg_dim(qkv[0], 0), keys = wg_dim(qkv[1], 0);
    for (int64_t t = 0; t < queries; t++)
        y[t] = one_query(qkv, t, causal && t + 1 < keys ? t + 1 : keys, scale);
    return wg_cat(y, (int)queries, 0);
}

/* ---- the formula ----------------------------------------------------------------------------- */

START_TEST(attention_is_its_formula) {
    wg_tensor *qkv[] = { normal(WG_SHAPE(3, 4), 0), normal(WG_SHAPE(5, 4), 1),
                         normal(WG_SHAPE(5, 2), 2) };
    wg_tensor *y = wg_scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], NULL, PLAIN);
    expect_shape(y, WG_SHAPE(3, 2));
    expect_same(y, all_queries(qkv, false, 0.5), qkv, 3);
    y = wg_scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], NULL,
                                        (wg_attention_options){ .scale = 2 });
    expect_same(y, all_queries(qkv, false, 2), qkv, 3);
}
END_TEST

// Query t sees keys 0 ... t: more keys than queries, as many, and fewer.
START_TEST(causal_is_aligned_top_left) {
    static const int64_t keys[] = { 6, 4, 2, 1 };
    wg_tensor *qkv[] = { normal(WG_SHAPE(4, 4), 0), normal(WG_SHAPE(keys[_i], 4), 1),
                         normal(WG_SHAPE(keys[_i], 3), 2) };
    expect_same(wg_scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], NULL, CAUSAL),
                all_queries(qkv, true, 0.5), qkv, 3);
    wg_tensor *mask = wg_causal_mask(4, keys[_i]);
    expect_same(wg_scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], mask, PLAIN),
                all_queries(qkv, true, 0.5), qkv, 3);
}
END_TEST

START_TEST(the_causal_mask_is_true_up_to_the_diagonal) {
    EXPECT_VALUES(wg_causal_mask(2, 3), 1, 0, 0, 1, 1, 0);
    EXPECT_VALUES(wg_causal_mask(3, 2), 1, 0, 1, 1, 1, 1);
    ck_assert_int_eq(wg_dtype_of(wg_causal_mask(2, 2)), WG_BOOL);
    expect_shape(wg_causal_mask(0, 3), WG_SHAPE(0, 3));
    ck_assert_ptr_null(wg_causal_mask(-1, 3));
    expect_error(WG_ERROR_ARGUMENT, "causal_mask: -1 rows of 3");
}
END_TEST

START_TEST(heads_and_batches_are_independent_and_broadcast) {
    wg_tensor *q = normal(WG_SHAPE(2, 3, 4, 2), 0), *k = normal(WG_SHAPE(3, 5, 2), 1),
              *v = normal(WG_SHAPE(2, 1, 5, 2), 2);
    wg_tensor *y = wg_scaled_dot_product_attention(q, k, v, NULL, CAUSAL);  // (2, 3, 4, 2)
    for (int64_t b = 0; b < 2; b++)
        for (int64_t h = 0; h < 3; h++) {
            wg_tensor *one[] = { wg_select(wg_select(q, 0, b), 0, h), wg_select(k, 0, h),
                                 wg_select(wg_select(v, 0, b), 0, 0) };
            wg_tensor *want = all_queries(one, true, 1 / sqrt(2));
            ck_assert(wg_allclose(wg_select(wg_select(y, 0, b), 0, h), want, FEW, FEW));
        }
}
END_TEST

START_TEST(a_float_mask_is_added_and_has_a_gradient) {
    wg_tensor *q = normal(WG_SHAPE(3, 4), 0), *k = normal(WG_SHAPE(5, 4), 1),
              *v = normal(WG_SHAPE(5, 2), 2), *mask = normal(WG_SHAPE(5), 3);
    wg_tensor *scores = wg_mul(wg_matmul(q, wg_transpose(k, 0, 1)), wg_num(0.5));
    wg_tensor *want = wg_matmul(wg_softmax(wg_add(scores, mask), -1), v);
    wg_tensor *leaf[] = { q, k, v, mask };
    expect_same(wg_scaled_dot_product_attention(q, k, v, mask, PLAIN), want, leaf, 4);
}
END_TEST

/* ---- masks ----------------------------------------------------------------------------------- */

// 0 and -inf as floats are the bool mask; keys that no query sees take no part, whatever they hold.
START_TEST(a_hidden_key_does_not_matter) {
    const double seen[] = { 1, 1, 0, 1, 0, 0 }, added[] = { 0, 0, -INF, 0, -INF, -INF };
    wg_tensor *qkv[] = { normal(WG_SHAPE(2, 4), 0), normal(WG_SHAPE(3, 4), 1),
                         normal(WG_SHAPE(3, 2), 2) };
    wg_tensor *two[] = { one_query(qkv, 0, 2, 0.5), one_query(qkv, 1, 1, 0.5) };
    wg_tensor *want = wg_cat(two, 2, 0), *floats = wg_from_f64(WG_F64, WG_SHAPE(2, 3), added);
    expect_same(wg_scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], truths(2, 3, seen), PLAIN),
                want, qkv, 3);
    expect_same(wg_scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], floats, PLAIN), want, qkv,
                3);
    wg_tensor *gx[3];
    gradients(wg_scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], truths(2, 3, seen), PLAIN),
              qkv, 3, gx);
    EXPECT_VALUES(wg_select(gx[1], 0, 2), 0, 0, 0, 0);
    EXPECT_VALUES(wg_select(gx[2], 0, 2), 0, 0);
}
END_TEST

// NaN in a key and value that truth values or causal hide from all stays there, forward and
// backward: what the others get is as if it were not there, and its own gradient is exactly 0.
START_TEST(nan_in_a_hidden_key_is_not_seen) {
    const double seen[] = { 1, 1, 0, 1, 1, 0 };
    wg_tensor *q = normal(WG_SHAPE(2, 2), 0);
    wg_tensor *k =
        wg_variable(wg_from_f64(WG_F64, WG_SHAPE(3, 2), (double[]){ 1, 2, -1, 0.5, NAN, NAN }));
    wg_tensor *v =
        wg_variable(wg_from_f64(WG_F64, WG_SHAPE(3, 2), (double[]){ 3, -1, 2, 0.5, NAN, NAN }));
    wg_tensor *mask = _i ? NULL : truths(2, 3, seen);
    wg_attention_options o = _i ? CAUSAL : PLAIN;
    wg_tensor *x[] = { q, k, v }, *gx[3], *want[3];
    wg_tensor *two[] = { q, wg_slice(k, 0, 0, 2, 1), wg_slice(v, 0, 0, 2, 1) };
    wg_tensor *y = wg_scaled_dot_product_attention(q, k, v, mask, o);
    wg_tensor *without = wg_scaled_dot_product_attention(two[0], two[1], two[2], NULL, o);
    ck_assert(wg_allclose(y, without, FEW, FEW));
    gradients(y, x, 3, gx);
    gradients(without, two, 3, want);
    ck_assert(wg_allclose(gx[0], want[0], FEW, FEW));
    for (int i = 1; i < 3; i++) {
        ck_assert(wg_allclose(wg_slice(gx[i], 0, 0, 2, 1), want[i], FEW, FEW));
        EXPECT_VALUES(wg_select(gx[i], 0, 2), 0, 0);
    }
}
END_TEST

// The second query sees nothing: by truth values, by -inf, or only because causal hides the rest.
START_TEST(a_query_that_sees_nothing_gives_zero_and_gradients_of_exactly_zero) {
    const double seen[] = { 1, 1, 0, 0, 0, 1 }, added[] = { 0, 0, -INF, -INF, -INF, 0 };
    wg_tensor *q = normal(WG_SHAPE(2, 2), 0), *k = normal(WG_SHAPE(3, 2), 1),
              *v = normal(WG_SHAPE(3, 2), 2), *m = NULL;
    const double none[] = { 1, 1, 0, 0, 0, 0 }, minus[] = { 0, 0, -INF, -INF, -INF, -INF };
    wg_attention_options o = _i < 2 ? PLAIN : CAUSAL;
    if (_i == 0) m = truths(2, 3, none);
    if (_i == 1) m = wg_variable(wg_from_f64(WG_F64, WG_SHAPE(2, 3), minus));
    if (_i == 2) m = truths(2, 3, seen);
    if (_i == 3) m = wg_variable(wg_from_f64(WG_F64, WG_SHAPE(2, 3), added));
    wg_tensor *y = wg_scaled_dot_product_attention(q, k, v, m, o), *gx[4];
    EXPECT_VALUES(wg_select(y, 0, 1), 0, 0);
    wg_tensor *leaf[] = { q, k, v, m };
    gradients(y, leaf, _i % 2 ? 4 : 3, gx);
    EXPECT_VALUES(wg_select(gx[0], 0, 1), 0, 0);
    if (_i % 2) EXPECT_VALUES(wg_select(gx[3], 0, 1), 0, 0, 0);
    // The first query is as it would be alone.
    wg_tensor *alone =
        wg_scaled_dot_product_attention(wg_slice(q, 0, 0, 1, 1), k, v, wg_slice(m, 0, 0, 1, 1), o);
    ck_assert(wg_allclose(wg_slice(y, 0, 0, 1, 1), alone, FEW, FEW));
    // Second derivatives: finite, and 0 for that query.
    wg_tensor *first = wg_derivative(wg_square(y), q);
    wg_tensor *second = wg_derivative(wg_square(first), q);
    EXPECT_VALUES(wg_select(second, 0, 1), 0, 0);
    ck_assert(isfinite(wg_item(wg_sum(second))));
}
END_TEST

START_TEST(without_keys_everything_is_zero) {
    wg_tensor *q = normal(WG_SHAPE(2, 2), 0), *k = normal(WG_SHAPE(0, 2), 1),
              *v = normal(WG_SHAPE(0, 3), 2), *gq = NULL;
    wg_tensor *mask[] = { NULL, wg_zeros(WG_BOOL, WG_SHAPE(2, 0)), wg_zeros(WG_F64, WG_SHAPE(2, 0)),
                          wg_ones(WG_BOOL, WG_SCALAR) };
    for (int i = 0; i < COUNT(mask); i++)
        for (int causal = 0; causal < 2; causal++) {
            wg_tensor *y =
                wg_scaled_dot_product_attention(q, k, v, mask[i], causal ? CAUSAL : PLAIN);
            EXPECT_VALUES(y, 0, 0, 0, 0, 0, 0);
            ck_assert(wg_grad(wg_sum(y), &q, 1, &gq, (wg_grad_options){ .constant = true }));
            EXPECT_VALUES(gq, 0, 0, 0, 0);
        }
    wg_tensor *none = wg_zeros(WG_F32, WG_SHAPE(0, 4, 2, 8));
    expect_shape(wg_scaled_dot_product_attention(none, none, none, NULL, CAUSAL),
                 WG_SHAPE(0, 4, 2, 8));
}
END_TEST

// Scores of +-1e4 pick one key and overflow nothing, in f32 as well.
START_TEST(extreme_scores_pick_one_key) {
    wg_dtype dtype = _i ? WG_F64 : WG_F32;
    wg_tensor *q = wg_full(dtype, WG_SHAPE(1, 1), 100);
    wg_tensor *k = wg_from_f64(dtype, WG_SHAPE(3, 1), (double[]){ -100, 100, 0 });
    wg_tensor *v = wg_from_f64(dtype, WG_SHAPE(3, 2), (double[]){ 1, 2, 3, 4, 5, 6 });
    EXPECT_VALUES(wg_scaled_dot_product_attention(q, k, v, NULL, PLAIN), 3, 4);
    EXPECT_VALUES(wg_scaled_dot_product_attention(q, k, v, NULL, CAUSAL), 1, 2);
}
END_TEST

/* ---- refusals and memory --------------------------------------------------------------------- */

START_TEST(what_does_not_fit_is_refused_by_number) {
    wg_tensor *q = wg_ones(WG_F32, WG_SHAPE(2, 4)), *k = wg_ones(WG_F32, WG_SHAPE(3, 4)),
              *v = wg_ones(WG_F32, WG_SHAPE(3, 5));
    ck_assert_ptr_null(wg_scaled_dot_product_attention(q, v, v, NULL, PLAIN));
    expect_error(WG_ERROR_SHAPE, "a query has 4 numbers, a key 5");
    ck_assert_ptr_null(wg_scaled_dot_product_attention(q, k, q, NULL, PLAIN));
    expect_error(WG_ERROR_SHAPE, "3 keys and 2 values");
    ck_assert_ptr_null(wg_scaled_dot_product_attention(q, k, v, wg_causal_mask(3, 2), PLAIN));
    expect_error(WG_ERROR_SHAPE, "the mask does not broadcast to the scores, [2,3]");
    ck_assert_ptr_null(
        wg_scaled_dot_product_attention(q, k, v, wg_zeros(WG_I64, WG_SHAPE(2, 3)), PLAIN));
    expect_error(WG_ERROR_DTYPE, "f32 and i64 do not mix");
    ck_assert_ptr_null(
        wg_scaled_dot_product_attention(q, k, v, NULL, (wg_attention_options){ .scale = NAN }));
    expect_error(WG_ERROR_ARGUMENT, "the scale nan is not finite");
    ck_assert_ptr_null(wg_scaled_dot_product_attention(q, NULL, v, NULL, PLAIN));
    expect_error(WG_ERROR_ARGUMENT, "scaled_dot_product_attention: input 1 is NULL");
}
END_TEST

static bool some_attention(void) {
    wg_tensor *x = wg_variable(wg_linspace(WG_F64, -1, 1, 12));
    wg_tensor *h = wg_reshape(x, WG_SHAPE(2, 3, 2));
    wg_tensor *mask = wg_full(WG_F64, WG_SHAPE(3), 1);
    return wg_backward(wg_sum(wg_scaled_dot_product_attention(h, h, h, mask, CAUSAL)));
}

START_TEST(an_allocation_that_fails_is_reported_and_leaks_nothing) {
    fail_every_allocation(some_attention);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("attention");
    TCase *formula = add_cases(suite, "formula");
    tcase_add_test(formula, attention_is_its_formula);
    tcase_add_loop_test(formula, causal_is_aligned_top_left, 0, 4);
    tcase_add_test(formula, the_causal_mask_is_true_up_to_the_diagonal);
    tcase_add_test(formula, heads_and_batches_are_independent_and_broadcast);
    tcase_add_test(formula, a_float_mask_is_added_and_has_a_gradient);
    TCase *masks = add_cases(suite, "masks");
    tcase_add_test(masks, a_hidden_key_does_not_matter);
    tcase_add_loop_test(masks, nan_in_a_hidden_key_is_not_seen, 0, 2);
    tcase_add_loop_test(masks, a_query_that_sees_nothing_gives_zero_and_gradients_of_exactly_zero,
                        0, 4);
    tcase_add_test(masks, without_keys_everything_is_zero);
    tcase_add_loop_test(masks, extreme_scores_pick_one_key, 0, 2);
    TCase *rest = add_cases(suite, "refusals and memory");
    tcase_add_test(rest, what_does_not_fit_is_refused_by_number);
    tcase_add_test(rest, an_allocation_that_fails_is_reported_and_leaks_nothing);
    return run_suite(suite);
}
