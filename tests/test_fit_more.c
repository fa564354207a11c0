// SPDX-License-Identifier: MIT
/* test_fit_more.c: by what the training loop judges its epochs, and what callers may do to it. */
#include "tests/fit_test.h"

/* ---- by what it judges ----------------------------------------------------------------------- */

static double mean_error(wg_tensor *out, wg_tensor *y) {
    return wg_item(wg_mean(wg_abs(wg_sub(out, y))));
}

START_TEST(epochs_are_judged_by_what_fits_the_labels) {
    wg_data *train = sorts(1), *validation = sorts(2), *numbers = slope(1), *others = slope(2);
    wg_fit_report r;
    wg_fit_options o = { .epochs = 2 };
    wg_nn_free(fit(train, validation, o, &r));  // classes: the accuracy
    ck_assert(r.best.metric > 0 && r.best.metric <= 1);
    wg_nn_free(fit(train, NULL, o, &r));  // no validation: the training loss
    ck_assert(isnan(r.best.metric) && isnan(r.best.validation));
    ck_assert_double_eq(r.best.loss, fmin(r.history[0].loss, r.history[1].loss));
    wg_nn_free(wg_nn_fit(line, squares, numbers, others, o, &r));  // numbers: the loss
    ck_assert(isnan(r.best.metric));
    ck_assert_double_eq(r.best.validation, fmin(r.history[0].validation, r.history[1].validation));
    wg_nn_free(wg_nn_fit(NULL, squares, numbers, others, o, &r));  // no net: the loss
    ck_assert(isnan(r.best.metric) && !isnan(r.best.validation));
    o.metric = wg_metric_r2, o.epochs = 6;
    wg_nn *m = wg_nn_fit(line, squares, numbers, others, o, &r);
    for (int e = 0; e < 6; e++) ck_assert(r.history[e].metric <= r.best.metric);
    ck_assert_double_eq(wg_nn_measure(m, line, others, wg_metric_r2), r.best.metric);
    wg_nn_free(m);
    o.metric = mean_error, o.smaller = true;
    m = wg_nn_fit(line, squares, numbers, others, o, &r);
    for (int e = 0; e < 6; e++) ck_assert(r.history[e].metric >= r.best.metric);
    ck_assert_double_eq(wg_nn_measure(m, line, others, mean_error), r.best.metric);
    wg_nn_free(m);
    wg_nn_free(wg_nn_fit(line, squares, numbers, NULL, o, &r));  // of the training set
    ck_assert(!isnan(r.best.metric));
    expect_no_error();
    wg_data_free(train), wg_data_free(validation), wg_data_free(numbers), wg_data_free(others);
}
END_TEST

static double never(wg_tensor *out, wg_tensor *y) {
    (void)out, (void)y;
    return NAN;
}

static bool none_is_better(void *user, const wg_fit_facts *f) {
    (void)user;
    ck_assert(!f->better);
    return true;
}

START_TEST(a_metric_that_is_not_defined_leaves_the_latest_weights) {
    wg_data *train = sorts(1), *validation = sorts(2);
    wg_fit_report r;
    wg_fit_options o = {
        .epochs = 9, .metric = never, .patience = 3, .after_epoch = none_is_better
    };
    wg_nn *m = fit(train, validation, o, &r);
    ck_assert_double_eq(r.best.epoch, 0);
    ck_assert_double_eq(r.best.start, 0);
    ck_assert_int_eq(r.end, WG_FIT_PATIENCE);
    ck_assert_int_eq(r.epochs, 3);
    ck_assert_double_eq(wg_nn_loss(m, cost, validation), r.history[2].validation);
    wg_nn_free(m), wg_data_free(train), wg_data_free(validation);
}
END_TEST

static int measured;
static double rises_then_never(wg_tensor *out, wg_tensor *y) {
    (void)out, (void)y;
    measured++;  // the first time before training
    return measured == 3 || measured == 4 ? (double)measured : NAN;
}

START_TEST(an_epoch_without_a_score_is_never_better) {
    wg_data *train = sorts(1), *validation = sorts(2);
    wg_fit_report r;
    measured = 0;
    wg_fit_options o = { .epochs = 9, .metric = rises_then_never, .patience = 2 };
    wg_nn *m = fit(train, validation, o, &r);
    ck_assert_double_eq(r.best.epoch, 3);
    ck_assert_int_eq(r.epochs, 5);
    ck_assert_double_eq(wg_nn_loss(m, cost, validation), r.best.validation);
    wg_nn_free(m), wg_data_free(train), wg_data_free(validation);
}
END_TEST

START_TEST(losses_judge_by_validation_not_by_training) {
    wg_data *train = sorts(1), *validation = wg_data_first(train, 6);
    wg_fit_report r;
    // A rate at which the two losses are least in different epochs.
    wg_fit_options o = { .optim = wg_adam((wg_adam_options){ .rate = 0.1 }),
                         .epochs = 25,
                         .by_loss = true };
    wg_nn *m = fit(train, validation, o, &r);
    int least = 0, training = 0;
    for (int e = 1; e < r.epochs; e++) {
        if (r.history[e].validation < r.history[least].validation) least = e;
        if (r.history[e].loss < r.history[training].loss) training = e;
    }
    ck_assert_int_ne(least, training);  // or either would do
    ck_assert_double_eq(r.best.epoch, least + 1);
    ck_assert_double_eq(wg_nn_loss(m, cost, validation), r.best.validation);
    wg_nn_free(m), wg_data_free(train), wg_data_free(validation);
}
END_TEST

static double falls(wg_tensor *out, wg_tensor *y) {
    (void)out, (void)y;
    measured++;  // the first time before training; 4 epochs of start 1, then start 2
    return measured <= 5 ? 100.0 + measured : (double)measured;
}

START_TEST(patience_of_a_start_does_not_look_at_earlier_ones) {
    wg_data *train = sorts(1);
    wg_fit_report r;
    measured = 0;
    wg_fit_options o = { .epochs = 4, .restarts = 2, .patience = 2, .metric = falls };
    wg_data *validation = sorts(2);
    wg_nn *m = fit(train, validation, o, &r);
    ck_assert_int_eq(r.epochs, 8);  // the second rises all the time, but below the first
    ck_assert_int_eq(r.end, WG_FIT_EPOCHS);
    ck_assert_double_eq(r.best.start, 1);
    wg_nn_free(m), wg_data_free(train), wg_data_free(validation);
}
END_TEST

/* ---- what callers do ------------------------------------------------------------------------- */

static bool reset_all(void *user, const wg_fit_facts *f) {
    (void)user, (void)f;
    wg_reset();
    return true;
}

START_TEST(a_callback_may_free_everything) {
    wg_data *train = sorts(1), *validation = sorts(2);
    wg_fit_report r, s;
    wg_nn *same = fit(train, validation, (wg_fit_options){ .epochs = 70 }, &s);
    double last = s.history[69].loss;
    wg_nn *m = fit(
        train, validation,
        (wg_fit_options){
            .epochs = 70, .begin = reset_all, .after_step = reset_all, .after_epoch = reset_all },
        &r);
    ck_assert_int_eq(r.epochs, 70);
    for (int e = 0; e < 70; e++) ck_assert_double_eq(r.history[e].epoch, e + 1);
    ck_assert_double_eq(r.history[69].loss, last);
    expect_same_weights(m, same);
    wg_nn_free(m), wg_nn_free(same), wg_data_free(train), wg_data_free(validation);
}
END_TEST

static wg_tensor *no_net(wg_nn *m, wg_tensor *x) {
    (void)net(m, x);
    return NULL;
}

START_TEST(a_net_that_gives_nothing_is_an_error) {
    wg_data *train = sorts(1), *validation = sorts(2);
    wg_fit_report r;
    ck_assert_ptr_null(wg_nn_fit(no_net, cost, train, validation, (wg_fit_options){ 0 }, &r));
    expect_error(WG_ERROR_ARGUMENT, "nn_fit: the net returned NULL");
    ck_assert_ptr_null(wg_nn_fit(no_net, cost, train, NULL, (wg_fit_options){ 0 }, &r));
    expect_error(WG_ERROR_ARGUMENT, "nn_fit: the net returned NULL");
    ck_assert_int_eq(r.epochs, 0);
    wg_data_free(train), wg_data_free(validation);
}
END_TEST

static wg_tensor *looks_up(wg_nn *m, wg_tensor *x, wg_tensor *y) {
    wg_gather(net(m, x), 1, wg_full(WG_I64, WG_SHAPE(wg_dim(x, 0), 1), 7));  // no such column
    return cost(m, x, y);
}

START_TEST(a_message_names_the_sample_of_a_wrong_label) {
    wg_data *good = sorts(1);
    for (int which = 0; which < 2; which++) {
        int64_t label[N];
        for (int64_t i = 0; i < N; i++) label[i] = i == 47 ? 3 + 5 * which : i % CLASSES;
        wg_tensor *x = normal(WG_F32, WG_SHAPE(N, FEATURES), 1);
        wg_data *bad = wg_data_new(x, wg_from(WG_I64, WG_SHAPE(N), label), (wg_data_options){ 0 });
        wg_nn_free(wg_nn_fit(net, cost, which ? good : bad, which ? bad : NULL,
                             (wg_fit_options){ .batch = 16 }, NULL));
        expect_error(WG_ERROR_INDEX,
                     which ? "nn_fit: validation sample 47 has the label 8, of 3 classes"
                           : "nn_fit: training sample 47 has the label 3, of 3 classes");
        wg_data_free(bad);
    }
    wg_nn_free(wg_nn_fit(net, looks_up, good, NULL, (wg_fit_options){ 0 }, NULL));
    expect_error(WG_ERROR_INDEX, "gather");  // what no label caused is told as it was
    wg_data_free(good);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("fit_more");
    TCase *t = add_cases(suite, "fit_more");
    tcase_add_test(t, epochs_are_judged_by_what_fits_the_labels);
    tcase_add_test(t, a_metric_that_is_not_defined_leaves_the_latest_weights);
    tcase_add_test(t, an_epoch_without_a_score_is_never_better);
    tcase_add_test(t, losses_judge_by_validation_not_by_training);
    tcase_add_test(t, patience_of_a_start_does_not_look_at_earlier_ones);
    tcase_add_test(t, a_callback_may_free_everything);
    tcase_add_test(t, a_net_that_gives_nothing_is_an_error);
    tcase_add_test(t, a_message_names_the_sample_of_a_wrong_label);
    return run_suite(suite);
}
