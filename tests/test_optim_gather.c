// SPDX-License-Identifier: MIT
/* test_optim_gather.c: several losses to one step, and steps that are left out because something is
   no finite number. */
#include "tests/nn_test.h"

static wg_tensor *constant(wg_nn *m, const char *name, wg_shape shape, double value) {
    return wg_nn_param(m, name, WG_F64, shape,
                       (wg_init){ .kind = WG_INIT_CONSTANT, .a = value, .b = 0 });
}

/* ---- accumulation ---------------------------------------------------------------------------- */

enum { PARTS = 4, EACH = 8, FEATURES = 5 };

static wg_tensor *net(wg_nn *m, wg_tensor *x) {    // x (B, 5)
    x = wg_tanh(wg_nn_linear(m, "hidden", x, 6));  // (B, 6)
    return wg_nn_linear(m, "out", x, 1);           // (B, 1)
}

static void minimise(wg_optim *o, wg_nn *m, wg_tensor *x, wg_tensor *y) {
    wg_scope *s = wg_scope_open();
    ck_assert_msg(wg_optim_minimize(o, wg_nn_mse_loss(net(m, x), y)), "%s", wg_error_message());
    wg_scope_close(s);
}

static const struct {
    wg_dtype dtype;
    double max_norm;
} kinds[] = { { WG_F32, 0 }, { WG_F64, 0 }, { WG_F64, 0.1 } };

START_TEST(parts_of_a_batch_make_the_step_of_the_whole) {
    wg_nn *m[2] = { wg_nn_new(1), wg_nn_new(1) };
    wg_optim *o[2];
    for (int i = 0; i < 2; i++) {
        o[i] = wg_optim_sgd(m[i], (wg_sgd_options){ .rate = 0.1, .momentum = 0.5 });
        ck_assert(wg_optim_clip_norm(o[i], kinds[_i].max_norm));
    }
    ck_assert(wg_optim_accumulate(o[1], PARTS));
    for (uint64_t t = 0; t < 5; t++) {
        wg_tensor *x = normal(kinds[_i].dtype, WG_SHAPE(PARTS * EACH, FEATURES), 2 * t);
        wg_tensor *y = normal(kinds[_i].dtype, WG_SHAPE(PARTS * EACH, 1), 2 * t + 1);
        minimise(o[0], m[0], x, y);
        for (int64_t k = 0; k < PARTS; k++) {
            ck_assert_int_eq(wg_optim_steps(o[1]), (int64_t)t);
            minimise(o[1], m[1], wg_slice(x, 0, k * EACH, (k + 1) * EACH, 1),
                     wg_slice(y, 0, k * EACH, (k + 1) * EACH, 1));
        }
        ck_assert_int_eq(wg_optim_steps(o[1]), (int64_t)t + 1);
    }
    // The same sums in another order: some units in the last place of numbers about 1.
    double unit = kinds[_i].dtype == WG_F32 ? 0x1p-24 : 0x1p-53;
    for (int k = 0; k < wg_nn_params(m[0], NULL); k++) {
        const wg_tensor *a = wg_nn_param_at(m[0], NULL, k), *b = wg_nn_param_at(m[1], NULL, k);
        ck_assert_ptr_null(wg_gradient(wg_nn_param_at(m[1], NULL, k)));
        for (int64_t j = 0; j < wg_numel(a); j++)
            expect_close(element(a, j), element(b, j), 32 * unit, "parts");
    }
    for (int i = 0; i < 2; i++) wg_optim_free(o[i]), wg_nn_free(m[i]);
}
END_TEST

START_TEST(what_has_gathered_can_be_dropped_or_used_at_once) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = constant(m, "w", WG_SCALAR, 8);
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 1 });
    ck_assert(wg_optim_accumulate(o, 4));
    ck_assert(wg_optim_minimize(o, wg_mul(w, wg_num(4))));
    ck_assert(!wg_optim_accumulate(o, 2));
    expect_error(WG_ERROR_STATE, "1 of 4 losses have gathered; wg_optim_clear drops them");
    wg_optim_clear(o);
    for (int k = 0; k < 3; k++) ck_assert(wg_optim_minimize(o, wg_mul(w, wg_num(4))));
    ck_assert(wg_item(w) == 8 && wg_item(wg_gradient(w)) == 3);
    ck_assert(wg_optim_step(o));
    ck_assert_double_eq(wg_item(w), 5);
    wg_optim_clear(o);
    ck_assert(wg_optim_accumulate(o, 1));
    ck_assert(wg_optim_minimize(o, wg_mul(w, wg_num(4))));
    ck_assert_double_eq(wg_item(w), 1);
    ck_assert(!wg_optim_accumulate(o, 0));
    expect_error(WG_ERROR_ARGUMENT, "a step every 0 losses, at least 1");
    ck_assert(!wg_optim_accumulate(NULL, 2));
    expect_error(WG_ERROR_ARGUMENT, "the optimiser is NULL");
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

START_TEST(a_part_that_fails_leaves_those_before_it) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = constant(m, "w", WG_SHAPE(2), 1);
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 1 });
    ck_assert(wg_optim_accumulate(o, 2));
    ck_assert(wg_optim_minimize(o, wg_sum(w)));
    ck_assert(!wg_optim_minimize(o, w));  // no loss
    expect_error(WG_ERROR_SHAPE, "not one element");
    wg_tensor *steep = wg_sum(wg_sqrt(wg_sub(w, wg_stop(w))));  // 0, and no number for a slope
    ck_assert(!wg_optim_minimize(o, steep));
    expect_error(WG_ERROR_STATE, "the gradient of \"w\" is inf");
    EXPECT_VALUES(wg_gradient(w), 0.5, 0.5);
    ck_assert(wg_optim_steps(o) == 0 && wg_optim_minimize(o, wg_sum(w)));
    EXPECT_VALUES(w, 0, 0);
    ck_assert_int_eq(wg_optim_steps(o), 1);
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

// Of every allocation: the gathered gradients, w and the count stay, and what comes after
// is the same.
START_TEST(whichever_allocation_fails_a_part_is_gathered_whole_or_not_at_all) {
    for (int gathered = 0; gathered < 2; gathered++) {
        bool done = false;
        int64_t n = 0;
        for (; !done; n++) {
            count_allocations(-1);
            wg_nn *m = wg_nn_new(1);
            wg_tensor *w = constant(m, "w", WG_SHAPE(2, 2), 8);
            wg_optim *o = wg_optim_adam(m, (wg_adam_options){ .rate = 1 });
            ck_assert(wg_optim_accumulate(o, 2));
            ck_assert(wg_optim_proximal(o, "w", (wg_proximal){ .l1 = 0.5 }));
            if (gathered) ck_assert(wg_optim_minimize(o, wg_sum(w)));
            wg_memory_trim();
            counted.left = n;
            done = wg_optim_minimize(o, wg_sum(w));
            counted.left = -1;
            if (!done) {
                expect_error(WG_ERROR_MEMORY, "bytes");
                ck_assert(element(w, 3) == 8 && wg_optim_steps(o) == 0);
                ck_assert((wg_gradient(w) != NULL) == gathered);
                if (gathered) ck_assert_double_eq(element(wg_gradient(w), 2), 0.5);
                ck_assert(wg_optim_minimize(o, wg_sum(w)));
            }
            if (!gathered) ck_assert(wg_optim_minimize(o, wg_sum(w)));
            ck_assert(wg_optim_steps(o) == 1 && !wg_gradient(w));
            // Adam's first step is its rate, or 1e-8 less, and the threshold half of it.
            expect_close(element(w, 1), 8 - 1 - 0.5, 2e-8, "w");
            wg_optim_free(o), wg_nn_free(m);
            expect_all_released();
        }
        ck_assert_int_gt(n, gathered ? 7 : 3);
    }
    count_allocations(-1);
}
END_TEST

/* ---- skipping -------------------------------------------------------------------------------- */

static void expect_skip(const wg_optim *o, int64_t count, const char *words) {
    char text[100] = "?", little[6];
    expect_no_error();
    ck_assert_int_eq(wg_optim_skipped(o), count);
    ck_assert_uint_eq(wg_optim_last_skip(o, text, sizeof text), strlen(words));
    ck_assert_str_eq(text, words);
    ck_assert_uint_eq(wg_optim_last_skip(o, little, sizeof little), strlen(words));
    ck_assert(strncmp(little, words, 5) == 0 && strlen(little) <= 5);
}

START_TEST(a_step_that_is_not_finite_is_left_out_counted_and_named) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = constant(m, "w", WG_SHAPE(3), 2), *v = constant(m, "part/v", WG_SHAPE(3), 2);
    wg_optim *o = wg_optim_adam(m, (wg_adam_options){ .rate = 1 });
    expect_skip(o, 0, "");
    ck_assert(wg_optim_skip_nonfinite(o, true));
    ck_assert(wg_optim_minimize(o, wg_mul(wg_sum(w), wg_num(-INFINITY))));
    expect_skip(o, 1, "step 1: the loss is -inf");
    wg_tensor *steep = wg_sqrt(wg_sub(v, wg_stop(v)));  // 0, and no number for a slope
    ck_assert(wg_optim_minimize(o, wg_sum(wg_add(w, steep))));
    expect_skip(o, 2, "step 1: the gradient of \"part/v\" is inf");
    EXPECT_VALUES(w, 2, 2, 2);
    ck_assert(!wg_gradient(w) && !wg_gradient(v) && wg_optim_steps(o) == 0);
    ck_assert(wg_optim_minimize(o, wg_add(wg_sum(w), wg_sum(v))));
    expect_close(element(w, 0), 1, 2e-8, "as if it were the first step, which it is");
    expect_skip(o, 2, "step 1: the gradient of \"part/v\" is inf");
    ck_assert(wg_backward(
        wg_sum(wg_mul(w, wg_from_f64(WG_F64, WG_SHAPE(3), (double[]){ 1, NAN, INFINITY })))));
    ck_assert(wg_optim_step(o));
    expect_skip(o, 3, "step 2: the gradient of \"w\" is nan");
    ck_assert(wg_optim_steps(o) == 1 && wg_gradient(w));  // a step clears nothing
    ck_assert(wg_optim_skip_nonfinite(o, false));
    ck_assert(!wg_optim_step(o));
    expect_error(WG_ERROR_STATE, "optim_step: the gradient of \"w\" is nan; nothing was changed");
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

START_TEST(a_loss_that_is_skipped_does_not_count_among_those_that_gather) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = constant(m, "w", WG_SCALAR, 8);
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 1 });
    ck_assert(wg_optim_accumulate(o, 2) && wg_optim_skip_nonfinite(o, true));
    ck_assert(wg_optim_minimize(o, wg_mul(w, wg_num(2))));
    ck_assert(wg_optim_minimize(o, wg_mul(w, wg_num(NAN))));
    ck_assert(wg_optim_steps(o) == 0 && wg_optim_skipped(o) == 1);
    ck_assert(wg_optim_minimize(o, wg_mul(w, wg_num(4))));
    ck_assert(wg_optim_steps(o) == 1 && wg_item(w) == 5);
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

static const double bad_values[] = { NAN, INFINITY, -INFINITY };

// Wherever it stands, in both dtypes; and the largest of numbers is one.
START_TEST(one_bad_element_anywhere_is_found) {
    static const int64_t sizes[] = { 1, 7, 64, 1001 };
    for (int i = 0; i < 8; i++) {
        wg_dtype dtype = i % 2 ? WG_F32 : WG_F64;
        int64_t n = sizes[i / 2];
        wg_nn *m = wg_nn_new(1);
        wg_tensor *w = wg_nn_param(m, "w", dtype, WG_SHAPE(n),
                                   (wg_init){ .kind = WG_INIT_CONSTANT, .a = 1, .b = 0 });
        wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 1e-300 });
        ck_assert(wg_optim_skip_nonfinite(o, true));
        for (int64_t at = 0; at < n; at += 1 + n / 13) {
            wg_tensor *g = wg_full(dtype, WG_SHAPE(n), dtype == WG_F32 ? 0x1.fffffep127 : 1e308);
            wg_clear_gradient(w);
            ck_assert(wg_backward(wg_sum(wg_mul(w, g))) && wg_optim_step(o));
            ck_assert_int_eq(wg_optim_skipped(o), at / (1 + n / 13));
            wg_clear_gradient(w);
            wg_tensor *here = wg_slice(g, 0, at, at + 1, 1);
            ck_assert(wg_copy(here, wg_full(dtype, WG_SHAPE(1), bad_values[_i])));
            ck_assert(wg_backward(wg_sum(wg_mul(w, g))) && wg_optim_step(o));
            ck_assert_int_eq(wg_optim_skipped(o), at / (1 + n / 13) + 1);
        }
        wg_optim_free(o), wg_nn_free(m);
    }
}
END_TEST

START_TEST(skipping_wants_an_optimiser) {
    ck_assert(!wg_optim_skip_nonfinite(NULL, true));
    expect_error(WG_ERROR_ARGUMENT, "optim_skip_nonfinite: the optimiser is NULL");
    ck_assert_int_eq(wg_optim_skipped(NULL), 0);
    char text[4] = "abc";
    ck_assert_uint_eq(wg_optim_last_skip(NULL, text, sizeof text), 0);
    ck_assert_str_eq(text, "");
    ck_assert_uint_eq(wg_optim_last_skip(NULL, NULL, 0), 0);
    ck_assert_uint_eq(wg_optim_last_skip(NULL, NULL, 1), 0);
    expect_error(WG_ERROR_ARGUMENT, "optim_last_skip: 1 bytes of text at NULL");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("optim_gather");
    TCase *t = add_cases(suite, "accumulation");
    ADD_TABLE(t, parts_of_a_batch_make_the_step_of_the_whole, kinds);
    tcase_add_test(t, what_has_gathered_can_be_dropped_or_used_at_once);
    tcase_add_test(t, a_part_that_fails_leaves_those_before_it);
    tcase_add_test(t, whichever_allocation_fails_a_part_is_gathered_whole_or_not_at_all);
    TCase *u = add_cases(suite, "skipping");
    tcase_add_test(u, a_step_that_is_not_finite_is_left_out_counted_and_named);
    tcase_add_test(u, a_loss_that_is_skipped_does_not_count_among_those_that_gather);
    ADD_TABLE(u, one_bad_element_anywhere_is_found, bad_values);
    tcase_add_test(u, skipping_wants_an_optimiser);
    return run_suite(suite);
}
