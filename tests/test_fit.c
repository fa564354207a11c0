// SPDX-License-Identifier: MIT
/* test_fit.c: the training loop. It gives what a loop by hand gives, bit for bit; keeps the best
   weights however it ends; and says why it ended. */
#define _XOPEN_SOURCE 700  // posix_openpt
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "tests/fit_test.h"

/* ---- what it computes ------------------------------------------------------------------------ */

static const wg_augment flips = { .flip = 0.5, .rows = 2, .columns = 2 };

START_TEST(a_loop_by_hand_gives_the_same_weights) {
    enum { EPOCHS = 5, BATCH = 16 };
    wg_data *train = sorts(1);
    wg_adam_options adam = { .rate = 0.02 };
    wg_schedule down = wg_schedule_cosine(4 * EPOCHS, 0);

    wg_nn *m = wg_nn_new(7);
    wg_optim *optim = wg_optim_adam(m, adam);
    ck_assert(wg_optim_schedule(optim, down) && wg_optim_clip_norm(optim, 0.5));
    double losses[EPOCHS] = { 0 };
    for (int e = 1; e <= EPOCHS; e++) {
        wg_random r = { .seed = 7, .stream = (uint64_t)e };
        wg_batch b = { .size = BATCH, .seed = wg_random_u64(&r), .augment = flips };
        while (wg_data_next(train, &b)) {
            wg_scope *step = wg_scope_open();
            wg_tensor *loss = cost(m, b.x, b.y);
            wg_optim_minimize(optim, loss);
            losses[e - 1] += wg_item(loss) * (double)wg_dim(b.x, 0);
            wg_scope_close(step);
        }
    }
    wg_fit_report r;
    wg_fit_options o = { .optim = wg_adam(adam),
                         .schedule = down,
                         .clip_norm = 0.5,
                         .seed = 7,
                         .epochs = EPOCHS,
                         .batch = BATCH,
                         .augment = flips };
    wg_nn *same = fit(train, NULL, o, &r);
    ck_assert_int_eq(r.epochs, EPOCHS);
    for (int e = 0; e < EPOCHS; e++) {
        ck_assert_double_eq(r.history[e].loss, losses[e] / N);
        ck_assert_double_eq(r.history[e].rate, 0.02 * wg_schedule_at(&down, 4 * e));
        ck_assert_double_eq(r.history[e].epoch, e + 1);
    }
    ck_assert_double_eq(r.best.epoch, EPOCHS);  // or those of another came back
    expect_same_weights(m, same);
    wg_nn_free(m), wg_nn_free(same), wg_optim_free(optim), wg_data_free(train);
}
END_TEST

START_TEST(the_best_weights_come_back) {
    wg_data *train = sorts(1), *validation = sorts(2);
    wg_fit_report r;
    // A rate at which it gets better and worse again.
    wg_nn *m =
        fit(train, validation,
            (wg_fit_options){
                .optim = wg_adam((wg_adam_options){ .rate = 0.3 }), .epochs = 30, .seed = 3 },
            &r);
    ck_assert_int_eq(r.end, WG_FIT_EPOCHS);
    ck_assert_int_eq(r.epochs, 30);
    ck_assert(!wg_nn_is_training(m));
    ck_assert_double_eq(wg_nn_accuracy(m, net, validation), r.best.metric);
    ck_assert_double_eq(wg_nn_loss(m, cost, validation), r.best.validation);
    int first = 0;
    for (int e = 1; e < 30; e++)
        if (r.history[e].metric > r.history[first].metric) first = e;
    ck_assert_double_eq(r.best.epoch, first + 1);
    ck_assert_int_lt(first, 29);  // or the last would do as well
    ck_assert(r.history[29].metric < r.best.metric);
    wg_nn_free(m), wg_data_free(train), wg_data_free(validation);
}
END_TEST

START_TEST(restarts_have_seeds_one_after_the_other_and_the_best_is_taken) {
    wg_data *train = sorts(1), *validation = sorts(2);
    wg_fit_report all, one;
    wg_fit_options o = { .epochs = 4, .seed = 10, .restarts = 3, .by_loss = true };
    wg_nn *best = fit(train, validation, o, &all);
    ck_assert_int_eq(all.epochs, 12);
    double least = INFINITY;
    for (int k = 0; k < 3; k++) {
        o.restarts = 0, o.seed = 10 + (uint64_t)k;
        wg_nn *m = fit(train, validation, o, &one);
        for (int e = 0; e < 4; e++) {
            const wg_fit_row *a = &all.history[4 * k + e], *b = &one.history[e];
            ck_assert_double_eq(a->start, k + 1);
            ck_assert_double_eq(a->epoch, b->epoch);
            ck_assert_double_eq(a->loss, b->loss);
            ck_assert_double_eq(a->validation, b->validation);
            ck_assert(isnan(a->metric));
        }
        if (one.best.validation < least) least = one.best.validation;
        if (all.best.start == k + 1) expect_same_weights(best, m);
        wg_nn_free(m);
    }
    ck_assert_double_eq(all.best.validation, least);
    wg_nn_free(best), wg_data_free(train), wg_data_free(validation);
}
END_TEST

START_TEST(patience_ends_a_start) {
    wg_data *train = sorts(1), *validation = sorts(2);
    wg_fit_report r;
    wg_fit_options o = {
        .schedule = wg_schedule_constant(0), .patience = 3, .epochs = 50, .restarts = 2
    };
    wg_nn *m = fit(train, validation, o, &r);  // nothing ever changes
    ck_assert_int_eq(r.end, WG_FIT_PATIENCE);
    ck_assert_int_eq(r.epochs, 8);
    ck_assert_double_eq(r.history[3].epoch, 4);
    ck_assert_double_eq(r.history[4].start, 2);
    ck_assert_double_eq(r.best.epoch, 1);
    wg_nn_free(m), wg_data_free(train), wg_data_free(validation);
}
END_TEST

START_TEST(training_goes_on_from_given_weights) {
    wg_data *train = sorts(1);
    wg_nn *from = fit(train, NULL, (wg_fit_options){ .epochs = 2, .seed = 4 }, NULL);
    wg_fit_report r;
    wg_nn *m =
        fit(train, NULL,
            (wg_fit_options){ .schedule = wg_schedule_constant(0), .epochs = 1, .from = from }, &r);
    expect_same_weights(from, m);
    wg_nn_free(m);
    m = fit(train, NULL, (wg_fit_options){ .epochs = 1, .seed = 4, .from = from }, &r);
    ck_assert(!wg_equal(wg_nn_find(m, "out/w"), wg_nn_find(from, "out/w")));
    wg_nn_free(m), wg_nn_free(from), wg_data_free(train);
}
END_TEST

static wg_tensor *batch_sizes(wg_nn *m, wg_tensor *x, wg_tensor *y) {
    if (wg_dim(x, 0) != 16) wg_fail(WG_ERROR_SHAPE, "a batch of %d", (int)wg_dim(x, 0));
    return cost(m, x, y);
}

START_TEST(a_smaller_batch_can_be_dropped) {
    wg_data *train = sorts(1);  // 60 = 3 * 16 + 12
    wg_fit_report r;
    wg_fit_options o = { .batch = 16, .epochs = 2, .drop_last = true };
    wg_nn *m = wg_nn_fit(net, batch_sizes, train, NULL, o, &r);
    expect_no_error();
    ck_assert_int_eq(r.epochs, 2);
    wg_nn_free(m);
    o.drop_last = false;
    m = wg_nn_fit(net, batch_sizes, train, NULL, o, &r);
    expect_error(WG_ERROR_SHAPE, "a batch of 12");
    wg_nn_free(m), wg_data_free(train);
}
END_TEST

/* ---- stopping -------------------------------------------------------------------------------- */

typedef struct watch {
    int64_t steps, epochs, begun;
    int64_t stop_at;  // step at which the flag is set; 0: never
    int64_t end_at;   // step at which the callback returns false
    bool by_signal;
    wg_nn *seen;  // weights at the last step
    double last_better;
} watch;

static volatile sig_atomic_t flag;
static void set_flag(int signal) {
    (void)signal;
    flag = 1;
}

static bool on_begin(void *user, const wg_fit_facts *f) {
    watch *w = user;
    w->begun++;
    ck_assert_int_eq(f->start, w->begun);
    ck_assert_int_eq(f->epoch, 0);
    ck_assert(wg_nn_find(f->model, "hidden/w") && f->optim);
    return true;
}
static bool on_step(void *user, const wg_fit_facts *f) {
    watch *w = user;
    w->steps++;
    ck_assert_int_eq(f->steps, 4);
    ck_assert_int_eq(f->step, (w->steps - 1) % 4 + 1);
    ck_assert(isfinite(f->loss) && isnan(f->validation) && isnan(f->metric) && f->seconds >= 0);
    if (w->seen) ck_assert(wg_nn_copy(w->seen, f->model));
    if (w->steps == w->stop_at) {
        if (w->by_signal)
            raise(SIGINT);
        else
            flag = 1;
    }
    return w->steps != w->end_at;
}
static bool on_epoch(void *user, const wg_fit_facts *f) {
    watch *w = user;
    w->epochs++;
    ck_assert_int_eq(f->step, f->steps);
    ck_assert(isfinite(f->validation) && isfinite(f->metric) && isfinite(f->rate));
    if (f->better) w->last_better = f->metric;
    return true;
}

static wg_fit_options watched(watch *w) {
    flag = 0;
    return (wg_fit_options){ .batch = 16,
                             .epochs = 6,
                             .begin = on_begin,
                             .after_step = on_step,
                             .after_epoch = on_epoch,
                             .user = w,
                             .stop = &flag };
}

START_TEST(callbacks_see_every_step_and_epoch) {
    wg_data *train = sorts(1), *validation = sorts(2);
    wg_fit_report r;
    watch w = { 0 };
    wg_fit_options o = watched(&w);
    wg_nn *m = fit(train, validation, o, &r);
    ck_assert_int_eq(w.begun, 1);
    ck_assert_int_eq(w.steps, 24);
    ck_assert_int_eq(w.epochs, 6);
    ck_assert_double_eq(w.last_better, r.best.metric);
    wg_nn_free(m), wg_data_free(train), wg_data_free(validation);
}
END_TEST

START_TEST(a_signal_ends_training_with_the_best_weights) {
    wg_data *train = sorts(1), *validation = sorts(2);
    wg_fit_report r, whole;
    watch w = { .stop_at = 14, .by_signal = true };
    void (*before)(int) = signal(SIGINT, set_flag);
    wg_fit_options o = watched(&w);
    o.restarts = 5;
    wg_nn *m = fit(train, validation, o, &r);
    signal(SIGINT, before);
    ck_assert_int_eq(w.steps, 14);  // at once, in the fourth epoch
    ck_assert_int_eq(r.end, WG_FIT_STOPPED);
    ck_assert_int_eq(r.epochs, 3);
    wg_nn *same = fit(train, validation, (wg_fit_options){ .batch = 16, .epochs = 3 }, &whole);
    ck_assert_double_eq(whole.best.metric, r.best.metric);
    expect_same_weights(m, same);
    wg_nn_free(m), wg_nn_free(same), wg_data_free(train), wg_data_free(validation);
}
END_TEST

START_TEST(stopped_in_the_first_epoch_its_weights_come_back) {
    wg_data *train = sorts(1), *validation = sorts(2);
    for (int by_return = 0; by_return < 2; by_return++) {
        wg_fit_report r;
        watch w = { .stop_at = by_return ? 0 : 2,
                    .end_at = by_return ? 2 : 0,
                    .seen = wg_nn_new(1) };
        wg_nn *m = fit(train, validation, watched(&w), &r);
        ck_assert_int_eq(w.steps, 2);
        ck_assert_int_eq(r.end, WG_FIT_STOPPED);
        ck_assert_int_eq(r.epochs, 0);
        ck_assert_double_eq(r.best.epoch, 0);
        expect_same_weights(m, w.seen);
        wg_nn_free(m), wg_nn_free(w.seen);
    }
    wg_data_free(train), wg_data_free(validation);
}
END_TEST

START_TEST(a_flag_that_is_set_already_stops_before_the_first_step) {
    wg_data *train = sorts(1);
    watch w = { 0 };
    wg_fit_options o = watched(&w);
    flag = 1;
    wg_fit_report r;
    wg_nn *m = fit(train, NULL, o, &r);
    ck_assert_int_eq(w.steps, 0);
    ck_assert_int_eq(r.end, WG_FIT_STOPPED);
    ck_assert_int_eq(wg_nn_params(m, NULL), 4);
    wg_nn_free(m), wg_data_free(train);
}
END_TEST

/* ---- errors ---------------------------------------------------------------------------------- */

static int64_t good_steps;  // after which the loss is not a number
static bool count_down(void *user, const wg_fit_facts *f) {
    (void)user, (void)f;
    good_steps--;
    return true;
}
static wg_tensor *spoilt(wg_nn *m, wg_tensor *x, wg_tensor *y) {
    wg_tensor *loss = cost(m, x, y);
    return good_steps > 0 ? loss : wg_mul(loss, wg_num(NAN));
}

START_TEST(a_loss_that_is_no_number_loses_nothing) {
    wg_data *train = sorts(1), *validation = sorts(2);
    wg_fit_report r, whole;
    wg_fit_options o = { .batch = 16, .epochs = 6, .restarts = 2, .after_step = count_down };
    good_steps = 10;
    wg_nn *m = wg_nn_fit(net, spoilt, train, validation, o, &r);
    expect_error(WG_ERROR_NUMERIC, "nn_fit: the loss is nan in step 3 of epoch 3, start 1");
    ck_assert_int_eq(r.end, WG_FIT_ERROR);
    ck_assert_int_eq(r.epochs, 2);
    ck_assert(!wg_nn_is_training(m));
    wg_nn *same = fit(train, validation, (wg_fit_options){ .batch = 16, .epochs = 2 }, &whole);
    ck_assert_double_eq(r.best.epoch, whole.best.epoch);
    ck_assert_double_eq(r.history[1].loss, whole.history[1].loss);
    expect_same_weights(m, same);
    wg_nn_free(m), wg_nn_free(same);
    good_steps = 1;  // in the first epoch: what it started from
    m = wg_nn_fit(net, spoilt, train, validation, o, &r);
    expect_error(WG_ERROR_NUMERIC, "step 2 of epoch 1, start 1");
    wg_nn *fresh = wg_nn_new(0);
    ck_assert_ptr_nonnull(net(fresh, wg_zeros(WG_F32, WG_SHAPE(1, FEATURES))));
    expect_same_weights(m, fresh);
    wg_nn_free(m), wg_nn_free(fresh), wg_data_free(train), wg_data_free(validation);
}
END_TEST

static wg_tensor *no_cost(wg_nn *m, wg_tensor *x, wg_tensor *y) {
    (void)net(m, x), (void)y;
    return NULL;
}
static wg_tensor *long_cost(wg_nn *m, wg_tensor *x, wg_tensor *y) {
    (void)y;
    return wg_sum_axes(net(m, x), WG_AXES(1), false);
}
static wg_tensor *bad_net(wg_nn *m, wg_tensor *x) {
    return wg_matmul(wg_nn_linear(wg_nn_sub(m, "block"), "fc", x, 3), x);
}

START_TEST(a_network_that_does_not_work_is_an_error) {
    wg_data *train = sorts(1);
    const struct {
        wg_net *net;
        wg_cost *cost;
        wg_status status;
        const char *words;
    } bad[] = {
        { net, no_cost, WG_ERROR_ARGUMENT, "nn_fit: the cost returned NULL" },
        { net, long_cost, WG_ERROR_SHAPE, "[32]" },
        { bad_net, cost, WG_ERROR_SHAPE, "matmul: [32,3] x [32,4]" },
    };
    for (int k = 0; k < COUNT(bad); k++) {
        wg_fit_report r;
        wg_nn *m = wg_nn_fit(bad[k].net, bad[k].cost, train, NULL, (wg_fit_options){ 0 }, &r);
        expect_error(bad[k].status, bad[k].words);
        ck_assert_int_eq(r.end, WG_FIT_ERROR);
        ck_assert_int_eq(r.epochs, 0);
        wg_nn_free(m);
    }
    wg_data_free(train);
}
END_TEST

START_TEST(a_label_out_of_range_is_an_error) {
    wg_tensor *x = normal(WG_F32, WG_SHAPE(3, FEATURES), 1);
    wg_data *bad = wg_data_new(x, wg_from(WG_I64, WG_SHAPE(3), (int64_t[]){ 0, 3, 1 }),
                               (wg_data_options){ 0 });
    wg_data *good = sorts(1);
    ck_assert_ptr_null(wg_nn_fit(net, cost, bad, NULL, (wg_fit_options){ 0 }, NULL));
    expect_error(WG_ERROR_INDEX, "3");
    wg_fit_report r;
    watch w = { 0 };
    wg_nn *m = wg_nn_fit(net, cost, good, bad, watched(&w), &r);
    expect_error(WG_ERROR_INDEX, "3");
    ck_assert_int_eq(w.steps, 0);  // told before anything was learned
    ck_assert_int_eq(r.epochs, 0);
    wg_nn_free(m), wg_data_free(bad), wg_data_free(good);
}
END_TEST

static const struct {
    wg_fit_options o;
    const char *words;
} bad_options[] = {
    { { .epochs = -1 }, "-1 epochs" },
    { { .batch = -3 }, "batches of -3" },
    { { .restarts = -1 }, "-1 restarts" },
    { { .patience = -2 }, "patience -2" },
    { { .clip_norm = -1 }, "clip_norm is -1" },
    { { .clip_norm = NAN }, "clip_norm is nan" },
    { { .batch = 99, .drop_last = true }, "no batch of 99 from 60 training samples" },
    { { .augment = { .shift = 1 } }, "augment takes samples" },
    { { .smaller = true }, "nn_fit: smaller is said of a metric, and none is given" },
    { { .metric = wg_metric_f1, .by_loss = true }, "nn_fit: a metric is given, and by_loss" },
    { { .metric_name = "F1" }, "nn_fit: the metric_name is F1, and no metric is given" },
    { { .curves = "/tmp/notes.txt" }, "curves is \"/tmp/notes.txt\", wanted is a NAME.csv" },
    { { .curves = ".csv" }, "curves is \".csv\"" },
};

START_TEST(options_out_of_range_are_refused) {
    wg_data *train = sorts(1);
    wg_fit_report r;
    wg_nn_free(wg_nn_fit(net, cost, train, NULL, bad_options[_i].o, &r));
    expect_error(wg_error(), bad_options[_i].words);
    ck_assert_int_eq(r.end, WG_FIT_ERROR);
    wg_data_free(train);
}
END_TEST

START_TEST(a_refused_optimiser_is_not_one_left_out) {
    wg_data *train = sorts(1);
    wg_fit_options o = { .optim = wg_sgd((wg_sgd_options){ .rate = -1 }), .epochs = 1 };
    expect_error(WG_ERROR_ARGUMENT, "rate");  // and is cleared
    ck_assert_ptr_null(wg_nn_fit(net, cost, train, NULL, o, NULL));
    expect_error(WG_ERROR_ARGUMENT, "nn_fit: the optimiser was refused when it was made");
    wg_data_free(train);
}
END_TEST

START_TEST(fitting_is_asked_for_properly) {
    wg_data *train = sorts(1), *none = wg_data_first(train, 0);
    wg_fit_options o = { 0 };
    ck_assert_ptr_null(wg_nn_fit(net, NULL, train, NULL, o, NULL));
    expect_error(WG_ERROR_ARGUMENT, "nn_fit: the cost is NULL");
    ck_assert_ptr_null(wg_nn_fit(net, cost, NULL, NULL, o, NULL));
    expect_error(WG_ERROR_ARGUMENT, "nn_fit: the training set is NULL");
    ck_assert_ptr_null(wg_nn_fit(net, cost, none, NULL, o, NULL));
    expect_error(WG_ERROR_ARGUMENT, "nn_fit: the training set is empty");
    ck_assert_ptr_null(wg_nn_fit(net, cost, train, none, o, NULL));
    expect_error(WG_ERROR_ARGUMENT, "nn_fit: the validation set is empty");
    o.metric = wg_metric_f1;
    ck_assert_ptr_null(wg_nn_fit(NULL, cost, train, NULL, o, NULL));
    expect_error(WG_ERROR_ARGUMENT, "nn_fit: the net is NULL, and a metric is wanted");
    o = (wg_fit_options){ .optim = wg_adam((wg_adam_options){ .rate = -1 }) };
    ck_assert_ptr_null(wg_nn_fit(net, cost, train, NULL, o, NULL));
    expect_error(WG_ERROR_ARGUMENT, "rate");
    o = (wg_fit_options){ .curves = "/nonexistent/curves.csv" };
    wg_fit_report r;
    wg_nn_free(wg_nn_fit(net, cost, train, NULL, o, &r));
    expect_error(WG_ERROR_FILE, "/nonexistent/curves.csv: cannot write");
    ck_assert_int_eq(r.epochs, 0);  // told before anything was learned
    wg_data_free(train), wg_data_free(none);
}
END_TEST

/* ---- what it tells --------------------------------------------------------------------------- */

static void path_of(char path[64], const char *name) {
    snprintf(path, 64, "/tmp/wengert-fit-%ld%s", (long)getpid(), name);
}

START_TEST(an_old_file_of_curves_stays_where_preparing_fails) {
    wg_data *train = sorts(1);
    char csv[64], text[16] = "";
    path_of(csv, "-old.csv");
    FILE *file = fopen(csv, "w");
    ck_assert(file && fputs("an old run", file) >= 0 && fclose(file) == 0);
    wg_nn_free(wg_nn_fit(bad_net, cost, train, NULL, (wg_fit_options){ .curves = csv }, NULL));
    expect_error(WG_ERROR_SHAPE, "matmul");
    file = fopen(csv, "r");
    ck_assert(file && fgets(text, sizeof text, file) && fclose(file) == 0);
    ck_assert_str_eq(text, "an old run");
    unlink(csv);
    wg_data_free(train);
}
END_TEST

START_TEST(curves_are_written_and_drawn) {
    wg_data *train = sorts(1), *validation = sorts(2);
    char csv[64], svg[64], rest[64];
    path_of(csv, ".csv"), path_of(svg, ".svg");
    wg_fit_report r;
    wg_nn *m =
        fit(train, validation, (wg_fit_options){ .epochs = 3, .restarts = 2, .curves = csv }, &r);
    wg_tensor *table = wg_io_load_csv(csv, (wg_csv_options){ .dtype = WG_F64, .skip = 1 });
    expect_shape(table, WG_SHAPE(6, 7));
    for (int64_t i = 0; i < 6; i++) {
        const double *row = (const double *)&r.history[i];
        for (int64_t k = 0; k < 6; k++)  // nine digits were written
            expect_close(element(table, 7 * i + k), row[k], 1e-8 * fabs(row[k]), "a number");
    }
    FILE *file = fopen(svg, "r");
    char text[100] = "";
    bool drawn = file && fread(text, 1, sizeof text - 1, file) > 0;
    if (file) fclose(file);
    path_of(rest, ".gp");
    ck_assert_int_eq(access(rest, R_OK), 0);  // the script is there also without gnuplot
    if (drawn) ck_assert(strstr(text, "<?xml") || strstr(text, "<svg"));
    unlink(csv), unlink(svg), unlink(rest);
    path_of(rest, ".dat"), unlink(rest);
    wg_nn_free(m), wg_data_free(train), wg_data_free(validation);
}
END_TEST

START_TEST(curves_stay_when_training_fails) {
    wg_data *train = sorts(1);
    char csv[64];
    path_of(csv, "-nan.csv");
    good_steps = 5;
    wg_nn *m =
        wg_nn_fit(net, spoilt, train, NULL,
                  (wg_fit_options){ .batch = 16, .curves = csv, .after_step = count_down }, NULL);
    expect_error(WG_ERROR_NUMERIC, "step 2 of epoch 2");
    wg_tensor *table = wg_io_load_csv(csv, (wg_csv_options){ .dtype = WG_F64, .skip = 1 });
    expect_shape(table, WG_SHAPE(1, 7));
    ck_assert(isnan(element(table, 4)));  // no validation
    unlink(csv);
    wg_nn_free(m), wg_data_free(train);
}
END_TEST

START_TEST(plain_lines_go_to_what_is_no_terminal) {
    wg_data *train = sorts(1), *validation = sorts(2);
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    wg_nn *m = fit(train, validation,
                   (wg_fit_options){ .epochs = 100, .restarts = 2, .progress = file }, NULL);
    rewind(file);
    char line[300];
    int lines = 0;
    while (fgets(line, sizeof line, file)) {
        ck_assert_msg(!strchr(line, '\r') && !strchr(line, '\033'), "%s", line);
        int start, epoch;
        ck_assert_int_eq(sscanf(line, "start %d/2  epoch %d/100", &start, &epoch), 2);
        ck_assert_int_eq(start, lines < 20 ? 1 : 2);
        ck_assert_int_eq(epoch, 5 * (lines % 20 + 1));
        ck_assert_msg(strstr(line, "  loss ") && strstr(line, "  validation ") &&
                          strstr(line, "  accuracy ") && strstr(line, " %") &&
                          strstr(line, "/s  ") && strstr(line, " left\n"),
                      "%s", line);
        lines++;
    }
    ck_assert_int_eq(lines, 40);
    fclose(file);
    wg_nn_free(m), wg_data_free(train), wg_data_free(validation);
}
END_TEST

/* A terminal to write to, and its other end. */
static FILE *terminal(int *end) {
    *end = posix_openpt(O_RDWR | O_NOCTTY);
    if (*end < 0 || grantpt(*end) != 0 || unlockpt(*end) != 0) return NULL;
    int fd = open(ptsname(*end), O_RDWR | O_NOCTTY);
    return fd < 0 ? NULL : fdopen(fd, "w");
}

START_TEST(a_terminal_gets_one_line_that_is_rewritten) {
    wg_data *train = sorts(1);
    int end;
    FILE *file = terminal(&end);
    if (file) {  // where there are terminals to be had
        wg_nn *m = fit(train, NULL, (wg_fit_options){ .epochs = 4, .progress = file }, NULL);
        char text[4000] = "";
        for (size_t n = 0; !strchr(text, '\n') && n < sizeof text - 1;) {  // it comes in pieces
            ssize_t got = read(end, text + n, sizeof text - 1 - n);
            ck_assert_int_gt(got, 0);
            n += (size_t)got;
        }
        ck_assert_int_eq(text[0], '\r');
        ck_assert_ptr_null(strchr(text, '\033'));
        const char *newline = strchr(text, '\n');
        ck_assert(newline && newline[1] == 0);  // one, at the end
        ck_assert_ptr_nonnull(strstr(text, "epoch 1/4"));
        ck_assert_ptr_nonnull(strstr(text, "epoch 4/4"));
        wg_nn_free(m);
        fclose(file), close(end);
    }
    wg_data_free(train);
}
END_TEST

/* ---- threads, memory ------------------------------------------------------------------------- */

typedef struct job {
    uint64_t seed;
    float weights[FEATURES * 6];
    double loss;
} job;

static void *work(void *user) {
    job *j = user;
    wg_data *train = sorts(j->seed), *validation = sorts(j->seed + 1);
    wg_fit_report r;
    wg_nn *m = wg_nn_fit(net, cost, train, validation,
                         (wg_fit_options){ .epochs = 20, .seed = j->seed, .restarts = 2 }, &r);
    if (m) wg_read(wg_nn_find(m, "hidden/w"), j->weights, FEATURES * 6);
    j->loss = r.best.loss;
    wg_nn_free(m), wg_data_free(train), wg_data_free(validation);
    wg_reset();
    return NULL;
}

START_TEST(two_threads_train_as_one_after_the_other) {
    job alone[2] = { { .seed = 1 }, { .seed = 5 } }, together[2] = { { .seed = 1 }, { .seed = 5 } };
    pthread_t thread[2];
    for (int k = 0; k < 2; k++) work(&alone[k]);
    for (int k = 0; k < 2; k++)
        ck_assert_int_eq(pthread_create(&thread[k], NULL, work, &together[k]), 0);
    for (int k = 0; k < 2; k++) pthread_join(thread[k], NULL);
    for (int k = 0; k < 2; k++) {
        ck_assert_double_eq(together[k].loss, alone[k].loss);
        ck_assert_int_eq(memcmp(together[k].weights, alone[k].weights, sizeof alone[k].weights), 0);
    }
    ck_assert_int_ne(memcmp(alone[0].weights, alone[1].weights, sizeof alone[0].weights), 0);
}
END_TEST

START_TEST(nothing_stays_behind_but_the_model) {
    wg_data *train = sorts(1), *validation = sorts(2);
    wg_nn_free(fit(train, validation, (wg_fit_options){ .epochs = 2 }, NULL));  // batches are made
    wg_scope *scope = wg_scope_open();
    int64_t before = wg_memory_now().tensors;
    wg_nn *m = fit(train, validation, (wg_fit_options){ .epochs = 2 }, NULL);
    wg_scope_close(scope);
    ck_assert_int_eq(wg_memory_now().tensors, before + 4);
    wg_nn_free(m), wg_data_free(train), wg_data_free(validation);
}
END_TEST

START_TEST(a_history_of_many_epochs_is_whole) {
    wg_data *train = slope(1);
    wg_fit_report r;
    wg_nn *m =
        wg_nn_fit(NULL, squares, train, NULL, (wg_fit_options){ .epochs = 300, .batch = N }, &r);
    ck_assert_int_eq(r.epochs, 300);
    for (int e = 0; e < 300; e++) {
        ck_assert_double_eq(r.history[e].epoch, e + 1);
        ck_assert(e == 0 || r.history[e].loss != r.history[e - 1].loss);
    }
    wg_nn_free(m), wg_data_free(train);
}
END_TEST

static bool fit_little(void) {
    wg_tensor *x = normal(WG_F32, WG_SHAPE(6, FEATURES), 1);
    wg_tensor *y = wg_from(WG_I64, WG_SHAPE(6), (int64_t[]){ 0, 1, 2, 0, 1, 2 });
    wg_data *d = x && y ? wg_data_new(x, y, (wg_data_options){ 0 }) : NULL;
    wg_nn *m =
        d ? wg_nn_fit(net, cost, d, d, (wg_fit_options){ .epochs = 2, .batch = 4 }, NULL) : NULL;
    bool done = m && wg_error() == WG_OK;
    wg_nn_free(m), wg_data_free(d);
    return done;
}

START_TEST(every_allocation_may_fail) { fail_every_allocation(fit_little); }
END_TEST

static bool fit_with_curves(void) {
    wg_tensor *x = normal(WG_F32, WG_SHAPE(6, FEATURES), 1);
    wg_tensor *y = wg_from(WG_I64, WG_SHAPE(6), (int64_t[]){ 0, 1, 2, 0, 1, 2 });
    wg_data *d = x && y ? wg_data_new(x, y, (wg_data_options){ 0 }) : NULL;
    char csv[64];
    path_of(csv, "-memory.csv");
    wg_fit_options o = { .epochs = 1, .batch = 6, .curves = csv };
    wg_nn *m = d ? wg_nn_fit(net, cost, d, NULL, o, NULL) : NULL;
    bool done = m && wg_error() == WG_OK;
    wg_nn_free(m), wg_data_free(d);
    return done;
}

START_TEST(every_allocation_of_learning_curves_may_fail) {
    const char *search = getenv("PATH");
    char before[4000];
    snprintf(before, sizeof before, "%s", search ? search : "");
    setenv("PATH", "/nowhere", 1);  // no gnuplot: it would be run once for each
    fail_every_allocation(fit_with_curves);
    setenv("PATH", before, 1);
    static const char *const ending[] = { "csv", "dat", "gp" };
    for (int i = 0; i < COUNT(ending); i++) {
        char path[64], name[24];
        snprintf(name, sizeof name, "-memory.%s", ending[i]);
        path_of(path, name), unlink(path);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("fit");
    TCase *t = add_cases(suite, "fit");
    tcase_add_test(t, a_loop_by_hand_gives_the_same_weights);
    tcase_add_test(t, the_best_weights_come_back);
    tcase_add_test(t, restarts_have_seeds_one_after_the_other_and_the_best_is_taken);
    tcase_add_test(t, patience_ends_a_start);
    tcase_add_test(t, training_goes_on_from_given_weights);
    tcase_add_test(t, a_smaller_batch_can_be_dropped);
    tcase_add_test(t, an_old_file_of_curves_stays_where_preparing_fails);
    tcase_add_test(t, callbacks_see_every_step_and_epoch);
    tcase_add_test(t, a_signal_ends_training_with_the_best_weights);
    tcase_add_test(t, stopped_in_the_first_epoch_its_weights_come_back);
    tcase_add_test(t, a_flag_that_is_set_already_stops_before_the_first_step);
    tcase_add_test(t, a_loss_that_is_no_number_loses_nothing);
    tcase_add_test(t, a_network_that_does_not_work_is_an_error);
    tcase_add_test(t, a_label_out_of_range_is_an_error);
    ADD_TABLE(t, options_out_of_range_are_refused, bad_options);
    tcase_add_test(t, a_refused_optimiser_is_not_one_left_out);
    tcase_add_test(t, fitting_is_asked_for_properly);
    tcase_add_test(t, curves_are_written_and_drawn);
    tcase_add_test(t, curves_stay_when_training_fails);
    tcase_add_test(t, plain_lines_go_to_what_is_no_terminal);
    tcase_add_test(t, a_terminal_gets_one_line_that_is_rewritten);
    tcase_add_test(t, two_threads_train_as_one_after_the_other);
    tcase_add_test(t, nothing_stays_behind_but_the_model);
    tcase_add_test(t, a_history_of_many_epochs_is_whole);
    tcase_add_test(t, every_allocation_may_fail);
    tcase_add_test(t, every_allocation_of_learning_curves_may_fail);
    return run_suite(suite);
}
