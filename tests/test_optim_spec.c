// SPDX-License-Identifier: MIT
/* test_optim_spec.c: specs, the values that optimisers are made of: what is refused when it is made
   and when it is used, and numbers that the parameters' dtype cannot hold. */
#include "tensor/tensor_impl.h"
#include "tests/optim_test.h"

#ifdef WG_OPTIMISER
#error "WG_OPTIMISER is optim.h's own"
#endif

/* ---- specs ----------------------------------------------------------------------------------- */

START_TEST(options_larger_than_a_spec_holds_are_refused) {
    static const size_t sizes[] = { 129, 4096, (size_t)1 << 20, SIZE_MAX };
    wg_nn *m = wg_nn_new(1);
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ 0 });
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        wg_optim_spec spec = wg_adam((wg_adam_options){ 0 });
        spec.size = sizes[k];
        char words[100];
        snprintf(words, sizeof words, "optim_make: adam: %zu bytes of options, at most 128",
                 sizes[k]);
        ck_assert_ptr_null(wg_optim_make(m, spec));
        expect_error(WG_ERROR_ARGUMENT, words);
        ck_assert(!wg_optim_group(o, "w", spec));
        expect_error(WG_ERROR_ARGUMENT, "optim_group: adam: ");
    }
    wg_optim_spec full = wg_adam((wg_adam_options){ 0 });
    full.size = sizeof full.options;
    wg_optim *all = wg_optim_make(m, full);
    ck_assert_msg(all != NULL, "%s", wg_error_message());
    wg_optim_free(all), wg_optim_free(o), wg_nn_free(m);
}
END_TEST

START_TEST(a_refused_spec_is_not_one_left_out) {
    wg_nn *m = wg_nn_new(1);
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ 0 });
    wg_optim_spec bad[] = { wg_sgd((wg_sgd_options){ .rate = -1 }),
                            wg_sgd((wg_sgd_options){ 0 }),  // while an error is pending
                            wg_lbfgs((wg_lbfgs_options){ .curvature = 1e-5 }) };
    expect_error(WG_ERROR_ARGUMENT, "optim_sgd: the rate is -1");
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        ck_assert_ptr_null(bad[k].rule);
        ck_assert(wg_optim_spec_is_refused(bad[k]));
        ck_assert_ptr_null(wg_optim_make(m, bad[k]));
        expect_error(WG_ERROR_ARGUMENT, "optim_make: the options were refused");
        ck_assert(!wg_optim_group(o, NULL, bad[k]));
        expect_error(WG_ERROR_ARGUMENT, "optim_group: the options were refused");
    }
    wg_optim_spec left_out = { 0 };
    ck_assert(!wg_optim_spec_is_refused(left_out));
    ck_assert(!wg_optim_spec_is_refused(wg_sgd((wg_sgd_options){ 0 })));
    ck_assert_ptr_null(wg_optim_make(m, left_out));
    expect_error(WG_ERROR_ARGUMENT, "optim_make: the rule is NULL");
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

START_TEST(an_optimiser_without_a_model_says_its_own_name) {
    ck_assert_ptr_null(wg_optim_adam(NULL, (wg_adam_options){ 0 }));
    expect_error(WG_ERROR_ARGUMENT, "optim_adam: the model is NULL");
    ck_assert_ptr_null(wg_optim_lbfgs(NULL, (wg_lbfgs_options){ 0 }));
    expect_error(WG_ERROR_ARGUMENT, "optim_lbfgs: the model is NULL");
    ck_assert_ptr_null(wg_optim_make(NULL, wg_sgd((wg_sgd_options){ 0 })));
    expect_error(WG_ERROR_ARGUMENT, "optim_make: the model is NULL");
}
END_TEST

START_TEST(without_its_model_rates_limits_schedule_and_counts_remain) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_F64, WG_SHAPE(2));
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 0.5 });
    give(w, wg_ones(WG_F64, WG_SHAPE(2)));
    ck_assert(wg_optim_step(o));
    wg_nn_free(m);
    ck_assert(!wg_optim_step(o));
    expect_error(WG_ERROR_STATE, "optim_step: the optimiser's model was freed");
    ck_assert(!wg_optim_group(o, "w", wg_sgd((wg_sgd_options){ 0 })));
    expect_error(WG_ERROR_STATE, "optim_group: the optimiser's model was freed");
    wg_optim_clear(o);
    expect_error(WG_ERROR_STATE, "optim_clear: the optimiser's model was freed");
    ck_assert(wg_optim_scale_rates(o, 0.5) && wg_optim_clip_norm(o, 1));
    ck_assert(wg_optim_schedule(o, wg_schedule_warmup(3)));
    ck_assert_double_eq(wg_optim_rate(o), 0.25);
    ck_assert_int_eq(wg_optim_steps(o), 1);
    wg_optim_free(o);
}
END_TEST

/* ---- numbers that the dtype cannot hold ------------------------------------------------------ */

#define SPEC(name, rule, options, ...)                                                             \
    static wg_optim_spec name(double epsilon) {                                                    \
        return wg_##rule((options){ .rate = 100, .epsilon = epsilon, __VA_ARGS__ });               \
    }
SPEC(adam, adam, wg_adam_options, .amsgrad = false)
SPEC(amsgrad, adam, wg_adam_options, .amsgrad = true)
SPEC(adamw, adamw, wg_adam_options, .weight_decay = 0)
SPEC(nadam, nadam, wg_nadam_options, .weight_decay = 0)
SPEC(radam, radam, wg_radam_options, .weight_decay = 0)
SPEC(adamax, adamax, wg_adamax_options, .weight_decay = 0)
SPEC(rmsprop, rmsprop, wg_rmsprop_options, .centred = false)
SPEC(centred, rmsprop, wg_rmsprop_options, .centred = true, .momentum = 0.5)
SPEC(adagrad, adagrad, wg_adagrad_options, .weight_decay = 0)
SPEC(adadelta, adadelta, wg_adadelta_options, .weight_decay = 0)

static const struct {
    const char *name;
    wg_optim_spec (*spec)(double epsilon);
} dividing[] = { { "adam", adam },       { "amsgrad", amsgrad },
                 { "adamw", adamw },     { "nadam", nadam },
                 { "radam", radam },     { "adamax", adamax },
                 { "rmsprop", rmsprop }, { "rmsprop, centred", centred },
                 { "adagrad", adagrad }, { "adadelta", adadelta } };

/* 1e-50 is 0 in f32, and 0 / 0 NaN. A gradient of 0 moves nothing, and no one else's step is
   disturbed; the proximal step, which uses what the rule divides by, stays finite. */
START_TEST(a_tiny_epsilon_divides_no_zero_by_zero) {
    static const double tiny[] = { 1e-50, 4.9e-324 };
    for (int i = 0; i < 4; i++) {
        wg_dtype dtype = i & 1 ? WG_F64 : WG_F32;
        wg_nn *m = wg_nn_new(1);
        wg_tensor *w = param(m, "w", dtype, WG_SHAPE(2, 2)), *start = wg_zeros_like(w);
        ck_assert(wg_copy(start, w));
        wg_optim *o = wg_optim_make(m, dividing[_i].spec(tiny[i / 2]));
        ck_assert_msg(o != NULL, "%s", wg_error_message());
        for (int t = 0; t < 8; t++) {
            give(w, wg_zeros(dtype, WG_SHAPE(2, 2)));
            ck_assert(wg_optim_step(o)), wg_optim_clear(o);
        }
        ck_assert_msg(wg_equal(w, start), "%s: %g", dividing[_i].name, element(w, 0));
        ck_assert(wg_optim_proximal(o, "w", (wg_proximal){ .l1 = 1e-3, .group = 1e-3 }));
        give(w, wg_zeros(dtype, WG_SHAPE(2, 2)));
        ck_assert(wg_optim_step(o)), wg_optim_clear(o);
        for (int k = 0; k < 4; k++)
            ck_assert_msg(isfinite(element(w, k)), "%s: %g", dividing[_i].name, element(w, k));
        wg_nn_free(m), wg_optim_free(o);
    }
}
END_TEST

/* Squares of less than 1e-23 are 0 in f32 while the gradient is not: a step, at most the rate times
   sqrt(1 / (1 - beta2)), does not explode for it. */
START_TEST(a_tiny_epsilon_bounds_steps_whose_squares_vanish) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_F32, WG_SHAPE(1));
    wg_optim *o = wg_optim_make(m, dividing[_i].spec(1e-50));
    double before = element(w, 0);
    give(w, wg_full(WG_F32, WG_SHAPE(1), 1e-23));
    ck_assert(wg_optim_step(o));
    // The rates are at most 100, and the root of what 1 - beta2 divides at most 32.
    double moved = fabs(element(w, 0) - before);
    ck_assert_msg(moved <= 3200, "%s: %g", dividing[_i].name, moved);
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

/* ---- another rule ---------------------------------------------------------------------------- */

START_TEST(adamw_in_place_of_adam_starts_anew) {
    wg_nn *m[2] = { wg_nn_new(1), wg_nn_new(1) };
    wg_tensor *w[2] = { param(m[0], "w", WG_F64, WG_SHAPE(3)),
                        param(m[1], "w", WG_F64, WG_SHAPE(3)) };
    const wg_adam_options options = { .rate = 0.1 };
    wg_optim *changed = wg_optim_adam(m[0], options);
    give(w[0], wg_full(WG_F64, WG_SHAPE(3), 5));
    ck_assert(wg_optim_step(changed)), wg_optim_clear(changed);
    ck_assert(wg_optim_group(changed, "w", wg_adamw(options)));
    ck_assert(wg_copy(w[1], w[0]));
    wg_optim *fresh = wg_optim_adamw(m[1], options);
    for (int t = 0; t < 3; t++) {
        for (int i = 0; i < 2; i++) give(w[i], wg_full(WG_F64, WG_SHAPE(3), -1));
        ck_assert(wg_optim_step(changed) && wg_optim_step(fresh));
        wg_optim_clear(changed), wg_optim_clear(fresh);
        ck_assert(wg_equal(w[0], w[1]));
    }
    for (int i = 0; i < 2; i++) wg_nn_free(m[i]);
    wg_optim_free(changed), wg_optim_free(fresh);
}
END_TEST

/* ---- what a step wants ----------------------------------------------------------------------- */

START_TEST(a_step_without_any_gradient_is_an_error_and_no_step) {
    wg_nn *m = wg_nn_new(1);
    wg_optim *o = wg_optim_adam(m, (wg_adam_options){ 0 });
    ck_assert(!wg_optim_step(o));
    expect_error(WG_ERROR_STATE, "none of the model's 0 parameters has a gradient");
    ck_assert(!wg_nn_is_sealed(m));
    wg_tensor *w = param(m, "w", WG_F32, WG_SHAPE(2));
    ck_assert(!wg_optim_step(o));
    expect_error(WG_ERROR_STATE, "none of the model's 1 parameters has a gradient: wg_backward");
    ck_assert_int_eq(wg_optim_steps(o), 0);
    give(w, wg_full(WG_F32, WG_SHAPE(2), 1));
    ck_assert(wg_optim_step(o));
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

START_TEST(a_misspelt_pattern_of_what_clipping_skips_is_told_at_the_step) {
    wg_nn *m = wg_nn_new(1);
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ 0 });
    wg_tensor *w = param(m, "out/w", WG_F32, WG_SHAPE(2));
    give(w, wg_full(WG_F32, WG_SHAPE(2), 1));
    ck_assert(wg_optim_clip_adaptive(o, 0.1, "outt/*"));
    ck_assert(!wg_optim_step(o));
    expect_error(WG_ERROR_STATE, "\"outt/*\", matches none of the model's 1 parameters");
    ck_assert(wg_optim_clip_adaptive(o, 0.1, "out/*") && wg_optim_step(o));
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("optim_spec");
    TCase *specs = add_cases(suite, "specs");
    tcase_add_test(specs, options_larger_than_a_spec_holds_are_refused);
    tcase_add_test(specs, a_refused_spec_is_not_one_left_out);
    tcase_add_test(specs, an_optimiser_without_a_model_says_its_own_name);
    tcase_add_test(specs, without_its_model_rates_limits_schedule_and_counts_remain);
    TCase *numbers = add_cases(suite, "numbers");
    ADD_TABLE(numbers, a_tiny_epsilon_divides_no_zero_by_zero, dividing);
    ADD_TABLE(numbers, a_tiny_epsilon_bounds_steps_whose_squares_vanish, dividing);
    tcase_add_test(numbers, adamw_in_place_of_adam_starts_anew);
    TCase *steps = add_cases(suite, "steps");
    tcase_add_test(steps, a_step_without_any_gradient_is_an_error_and_no_step);
    tcase_add_test(steps, a_misspelt_pattern_of_what_clipping_skips_is_told_at_the_step);
    return run_suite(suite);
}
