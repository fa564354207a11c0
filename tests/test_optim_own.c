// SPDX-License-Identifier: MIT
/* test_optim_own.c: a rule of one's own as a spec, by public means alone: it makes optimisers and
   groups, and wg_nn_fit trains by it. */
#include "tests/nn_test.h"

typedef struct sign_options {
    double share;
} sign_options;

// w -= share rate sign(g), in f32.
static void step_by_sign(const wg_optim_call *c) {
    const sign_options *o = c->options;
    float *w = c->w;
    const float *g = c->g;
    for (int64_t k = 0; k < c->n; k++)
        w[k] -= (float)(o->share * c->rate) * (float)((g[k] > 0) - (g[k] < 0));
}
static const wg_optim_rule by_sign = { .name = "by_sign", .update = step_by_sign };

static wg_optim_spec spec(double rate) {
    return wg_optim_spec_of(&by_sign, rate, &(sign_options){ 0.5 }, sizeof(sign_options));
}

static wg_tensor *ones_at(wg_nn *m, const char *name) {
    return wg_nn_param(m, name, WG_F32, WG_SHAPE(2), (wg_init){ .kind = WG_INIT_CONSTANT, .a = 1 });
}

START_TEST(a_rule_of_ones_own_makes_optimisers_and_groups) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *a = ones_at(m, "a"), *b = ones_at(m, "b");
    wg_optim *o = wg_optim_make(m, spec(0.5));
    ck_assert(wg_optim_group(o, "b", spec(0.25)));
    ck_assert_msg(wg_optim_minimize(o, wg_sum(wg_add(a, b))), "%s", wg_error_message());
    EXPECT_VALUES(a, 0.75, 0.75);
    EXPECT_VALUES(b, 0.875, 0.875);
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

static wg_tensor *net(wg_nn *m, wg_tensor *x) { return wg_mul(x, ones_at(m, "w")); }
static wg_tensor *cost(wg_nn *m, wg_tensor *x, wg_tensor *y) {
    (void)y;
    return wg_sum(net(m, x));
}

START_TEST(training_takes_a_rule_of_ones_own) {
    wg_data *d = wg_data_new(wg_ones(WG_F32, WG_SHAPE(4, 2)), wg_zeros(WG_F32, WG_SHAPE(4, 2)),
                             (wg_data_options){ 0 });
    wg_fit_options o = { .optim = spec(0.25), .epochs = 1, .batch = 4 };
    wg_nn *m = wg_nn_fit(net, cost, d, NULL, o, NULL);
    ck_assert_msg(m != NULL, "%s", wg_error_message());
    EXPECT_VALUES(wg_nn_find(m, "w"), 0.875, 0.875);
    wg_nn_free(m), wg_data_free(d);
}
END_TEST

static void expect_refused(wg_optim_spec s, const char *words) {
    ck_assert_ptr_null(s.rule);
    expect_error(WG_ERROR_ARGUMENT, words);
}

START_TEST(a_spec_is_refused_where_it_is_made) {
    char bytes[129] = { 0 };
    ck_assert_ptr_nonnull(wg_optim_spec_of(&by_sign, 1, bytes, 128).rule);
    ck_assert_ptr_nonnull(wg_optim_spec_of(&by_sign, 1, NULL, 0).rule);
    expect_refused(wg_optim_spec_of(&by_sign, 1, bytes, 129),
                   "optim_spec_of: 129 bytes of options, at most 128 are kept");
    expect_refused(wg_optim_spec_of(NULL, 1, bytes, 1), "optim_spec_of: the rule is NULL");
    expect_refused(wg_optim_spec_of(&by_sign, 1, NULL, 8), "8 bytes of options at NULL");
    expect_refused(wg_optim_spec_of(&by_sign, -1, NULL, 0), "the rate is -1");
    expect_refused(wg_optim_spec_of(&by_sign, NAN, NULL, 0), "the rate is nan");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("optim_own");
    TCase *t = add_cases(suite, "specs");
    tcase_add_test(t, a_rule_of_ones_own_makes_optimisers_and_groups);
    tcase_add_test(t, training_takes_a_rule_of_ones_own);
    tcase_add_test(t, a_spec_is_refused_where_it_is_made);
    return run_suite(suite);
}
