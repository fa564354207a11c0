// SPDX-License-Identifier: MIT
/* test_minimise.c: several optimisers at once, and losses that are no numbers. */
#include "tests/nn_test.h"

// f = g * d, as a generator and a judge have it: each optimiser sees its own part's gradient alone.
START_TEST(two_optimisers_on_parts_of_a_model_do_not_mix_gradients) {
    wg_nn *m = wg_nn_new(1), *part[] = { wg_nn_sub(m, "g"), wg_nn_sub(m, "d") };
    wg_optim *sgd[2];
    wg_tensor *w[2];
    for (int k = 0; k < 2; k++) {
        w[k] = wg_nn_param(part[k], "w", WG_F64, WG_SCALAR,
                           (wg_init){ .kind = WG_INIT_CONSTANT, .a = k + 2 });
        sgd[k] = wg_optim_sgd(part[k], (wg_sgd_options){ .rate = 0.5 });
    }
    ck_assert(wg_optim_minimize(sgd[0], wg_mul(w[0], w[1])));  // g = 2 - 3/2
    ck_assert(wg_gradient(w[1]) == NULL);
    ck_assert(wg_optim_minimize(sgd[1], wg_neg(wg_mul(w[0], w[1]))));  // d = 3 + 1/4
    ck_assert(wg_item(w[0]) == 0.5 && wg_item(w[1]) == 3.25);
    for (int k = 0; k < 2; k++) wg_optim_free(sgd[k]);
    wg_nn_free(m);
}
END_TEST

START_TEST(a_loss_that_is_not_finite_is_refused_and_changes_nothing) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w =
        wg_nn_param(m, "w", WG_F64, WG_SCALAR, (wg_init){ .kind = WG_INIT_CONSTANT, .a = 2 });
    wg_optim *sgd = wg_optim_sgd(m, (wg_sgd_options){ 0 });
    const double bad[] = { NAN, INFINITY };
    const char *words[] = { "nan; nothing", "inf; nothing" };
    for (int k = 0; k < 2; k++) {
        ck_assert(!wg_optim_minimize(sgd, wg_mul(w, wg_num(bad[k]))));
        expect_error(WG_ERROR_STATE, words[k]);
    }
    ck_assert(wg_item(w) == 2 && wg_gradient(w) == NULL && wg_optim_steps(sgd) == 0);
    wg_optim_free(sgd), wg_nn_free(m);
}
END_TEST

START_TEST(an_optimiser_whose_model_was_freed_says_so) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_variable(wg_full(WG_F64, WG_SCALAR, 1));
    wg_nn_param(m, "w", WG_F64, WG_SCALAR, (wg_init){ .kind = WG_INIT_CONSTANT, .a = 2 });
    wg_optim *o[3];
    for (int k = 0; k < 3; k++) o[k] = wg_optim_sgd(m, (wg_sgd_options){ 0 });
    wg_optim_free(o[1]);  // from the middle of those that know the model
    wg_nn_free(m);
    for (int k = 0; k < 3; k += 2) {
        ck_assert(!wg_optim_minimize(o[k], wg_square(x)));
        expect_error(WG_ERROR_STATE, "optim_minimize: the optimiser's model was freed");
        ck_assert(!wg_optim_step(o[k]));
        expect_error(WG_ERROR_STATE, "optim_step: the optimiser's model was freed");
        ck_assert(isnan(wg_optim_gradient_norm(o[k])));
        wg_error_clear();
        wg_optim_free(o[k]);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("minimise");
    TCase *t = add_cases(suite, "minimise");
    tcase_add_test(t, two_optimisers_on_parts_of_a_model_do_not_mix_gradients);
    tcase_add_test(t, a_loss_that_is_not_finite_is_refused_and_changes_nothing);
    tcase_add_test(t, an_optimiser_whose_model_was_freed_says_so);
    return run_suite(suite);
}
