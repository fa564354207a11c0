// SPDX-License-Identifier: MIT
/* test_metrics.c: measures, against their definitions written out plainly and against numbers of
   scikit-learn 1.2.1 (its functions are named where they stand). */
#include "tests/nn_test.h"

static void expect_message_begins(const char *words) {
    ck_assert_msg(strncmp(wg_error_message(), words, strlen(words)) == 0,
                  "'%s' does not begin '%s'", wg_error_message(), words);
    wg_error_clear();
}

/* ---- of a model on a set --------------------------------------------------------------------- */

enum { SAMPLES = 600, CLASSES = 4 };

static bool saw_training, saw_recording;
static int64_t largest_batch;

// Logits are the input itself, made by a layer whose weights are the unit matrix.
static wg_tensor *identity(wg_nn *m, wg_tensor *x) {  // x (B, CLASSES)
    saw_training |= wg_nn_is_training(m);
    wg_tensor *w = wg_nn_param(m, "w", WG_F32, WG_SHAPE(CLASSES, CLASSES), (wg_init){ 0 });
    if (w) wg_copy(w, wg_eye(WG_F32, CLASSES));
    wg_tensor *y = wg_matmul(x, w);  // (B, CLASSES)
    saw_recording |= wg_is_tracked(y);
    if (wg_dim(x, 0) > largest_batch) largest_batch = wg_dim(x, 0);
    return wg_nn_dropout(m, "drop", y, 0.5);
}

// Sample i is of class i % 4; every fifth is made to look like the class after it.
static wg_data *labelled(wg_tensor **x) {
    *x = wg_zeros(WG_F32, WG_SHAPE(SAMPLES, CLASSES));
    wg_tensor *y = wg_arange(WG_I64, 0, SAMPLES, 1);
    float values[SAMPLES * CLASSES] = { 0 };
    int64_t labels[SAMPLES];
    for (int64_t i = 0; i < SAMPLES; i++) {
        labels[i] = i % CLASSES;
        values[i * CLASSES + (i + (i % 5 == 0)) % CLASSES] = 1;
    }
    wg_write(*x, values, SAMPLES * CLASSES), wg_write(y, labels, SAMPLES);
    return wg_data_new(*x, y, (wg_data_options){ .scale = 2 });
}

static void expect_state_untouched(const wg_nn *m) {
    ck_assert(wg_nn_is_training(m));
    bool recording = wg_recording(true);
    ck_assert(recording);
}

START_TEST(accuracy_is_the_share_of_right_classes) {
    wg_tensor *x;
    wg_data *d = labelled(&x);
    wg_nn *m = wg_nn_new(1);
    ck_assert_double_eq(wg_nn_accuracy(m, identity, d), 0.8);
    ck_assert(!saw_training && !saw_recording);
    ck_assert_int_le(largest_batch, 256);
    expect_state_untouched(m);
    wg_nn_train(m, false), wg_recording(false);
    ck_assert_double_eq(wg_nn_accuracy(m, identity, d), 0.8);
    ck_assert(!wg_nn_is_training(m));
    bool recording = wg_recording(true);
    ck_assert(!recording);
    wg_nn_free(m), wg_data_free(d);
}
END_TEST

// Of each sample the sum of squares, its logits being twice a unit vector; the mean over the batch.
static wg_tensor *mean_square(wg_nn *m, wg_tensor *x, wg_tensor *y) {
    wg_tensor *squares = wg_sum_axes(wg_square(identity(m, x)), WG_AXES(-1), false);  // (B)
    wg_tensor *weight = wg_add(wg_cast(y, WG_F32), wg_num(1));                        // (B)
    return wg_mean(wg_mul(squares, weight));                                          // ()
}
static wg_tensor *not_one_number(wg_nn *m, wg_tensor *x, wg_tensor *y) {
    (void)m, (void)y;
    return wg_nn_sub(m, "deep") ? x : NULL;
}
static wg_tensor *nothing(wg_nn *m, wg_tensor *x, wg_tensor *y) {
    (void)m, (void)x, (void)y;
    return NULL;
}

START_TEST(the_loss_of_a_set_is_the_mean_over_its_samples) {
    enum { ODD = 300 };  // a batch of 256 and one of 44, whose labels have other means
    float values[ODD * CLASSES] = { 0 };
    int64_t labels[ODD];
    for (int64_t i = 0; i < ODD; i++) {
        labels[i] = i < 256 ? 0 : 4;
        values[i * CLASSES] = 2;
    }
    wg_data *d = wg_data_new(wg_from(WG_F32, WG_SHAPE(ODD, CLASSES), values),
                             wg_from(WG_I64, WG_SHAPE(ODD), labels), (wg_data_options){ 0 });
    wg_nn *m = wg_nn_new(1);
    saw_training = saw_recording = false;
    // 4 (label + 1) each: 4 for 256 of them and 20 for 44. Exact but for the division.
    double wanted = (256 * 4 + 44 * 20) / 300.0;
    expect_close(wg_nn_loss(m, mean_square, d), wanted, 1e-14, "loss");
    ck_assert(!saw_training && !saw_recording);
    expect_state_untouched(m);
    wg_nn_free(m), wg_data_free(d);
}
END_TEST

START_TEST(the_loss_of_a_set_refuses_what_is_no_loss) {
    wg_tensor *x;
    wg_data *d = labelled(&x), *empty;
    wg_nn *m = wg_nn_new(1);
    empty =
        wg_data_new(wg_slice(x, 0, 0, 0, 1), wg_zeros(WG_I64, WG_SHAPE(0)), (wg_data_options){ 0 });
    ck_assert(isnan(wg_nn_loss(m, not_one_number, d)));
    expect_message_begins("nn_loss: the cost is [256,4], wanted is one number");
    expect_state_untouched(m);
    ck_assert(isnan(wg_nn_loss(m, nothing, d)));
    expect_message_begins("nn_loss: the cost returned NULL");
    expect_state_untouched(m);
    ck_assert(isnan(wg_nn_loss(m, mean_square, empty)));
    expect_message_begins("nn_loss: the set is empty");
    ck_assert_ptr_nonnull(wg_nn_sub(m, "block3"));
    ck_assert(isnan(wg_nn_loss(NULL, mean_square, d)));
    expect_message_begins("nn_loss: the model is NULL");
    ck_assert(isnan(wg_nn_loss(m, NULL, d)));
    expect_message_begins("nn_loss: the cost is NULL");
    ck_assert(isnan(wg_nn_loss(m, mean_square, NULL)));
    expect_message_begins("nn_loss: the data is NULL");
    wg_nn_free(m), wg_data_free(d), wg_data_free(empty);
}
END_TEST

START_TEST(confusion_counts_each_class_taken_for_each) {
    wg_tensor *x;
    wg_data *d = labelled(&x);
    wg_nn *m = wg_nn_new(1);
    wg_tensor *c = wg_nn_confusion(m, identity, d, CLASSES);  // (CLASSES, CLASSES)
    for (int64_t row = 0; row < CLASSES; row++)
        for (int64_t column = 0; column < CLASSES; column++) {
            double wanted = column == row ? 120 : column == (row + 1) % CLASSES ? 30 : 0;
            ck_assert_double_eq(element(c, row * CLASSES + column), wanted);
        }
    expect_state_untouched(m);
    ck_assert_ptr_null(wg_nn_confusion(m, identity, d, 3));
    expect_error(WG_ERROR_ARGUMENT, "nn_confusion: 3 classes, out has 4");
    expect_state_untouched(m);
    ck_assert_ptr_null(wg_nn_confusion(m, identity, d, 0));
    expect_error(WG_ERROR_ARGUMENT, "0 classes");
    wg_nn_free(m), wg_data_free(d);
}
END_TEST

START_TEST(predictions_are_the_classes_of_all_samples) {
    wg_tensor *x;
    wg_data *d = labelled(&x);
    wg_nn *m = wg_nn_new(1);
    wg_tensor *y = wg_nn_predict(m, identity, x);  // (SAMPLES)
    ck_assert_int_eq(wg_dtype_of(y), WG_I64);
    ck_assert_int_eq(wg_numel(y), SAMPLES);
    for (int64_t i = 0; i < SAMPLES; i++)
        ck_assert_double_eq(element(y, i), (double)((i + (i % 5 == 0)) % CLASSES));
    ck_assert_int_le(largest_batch, 256);
    ck_assert_int_eq(wg_numel(wg_nn_predict(m, identity, wg_slice(x, 0, 0, 0, 1))), 0);
    expect_state_untouched(m);
    wg_nn_free(m), wg_data_free(d);
}
END_TEST

START_TEST(measuring_in_a_pass_leaves_its_batch_alone) {
    wg_tensor *x;
    wg_data *d = labelled(&x);
    wg_nn *m = wg_nn_new(1);
    wg_batch b = { .size = 10, .seed = 3 };
    ck_assert(wg_data_next(d, &b));
    wg_tensor *old = wg_zeros_like(b.x);
    wg_copy(old, b.x);
    ck_assert_double_eq(wg_nn_accuracy(m, identity, d), 0.8);
    ck_assert(wg_equal(b.x, old));
    wg_nn_free(m), wg_data_free(d);
}
END_TEST

static wg_tensor *broken(wg_nn *m, wg_tensor *x) {
    return wg_matmul(wg_nn_linear(m, "fc", x, 3), x);
}
static wg_tensor *flat(wg_nn *m, wg_tensor *x) {
    (void)m;
    return wg_reshape(x, WG_SHAPE(WG_REST));
}

START_TEST(measures_put_everything_back_when_the_net_fails) {
    wg_tensor *x;
    wg_data *d = labelled(&x);
    wg_nn *m = wg_nn_new(1);
    ck_assert(isnan(wg_nn_accuracy(m, broken, d)));
    expect_error(WG_ERROR_SHAPE, "matmul");
    expect_state_untouched(m);
    ck_assert_ptr_null(wg_nn_predict(m, broken, x));
    expect_error(WG_ERROR_SHAPE, "matmul");
    expect_state_untouched(m);
    ck_assert_ptr_null(wg_nn_predict(m, flat, x));
    expect_error(WG_ERROR_SHAPE, "predict: the classes are [] for 256 samples");
    ck_assert(isnan(wg_nn_accuracy(m, flat, d)));
    expect_error(WG_ERROR_SHAPE, "nn_accuracy: out is f32 [1024] and y i64 [256]");
    expect_state_untouched(m);
    wg_nn_free(m), wg_data_free(d);
}
END_TEST

START_TEST(measures_refuse_what_they_cannot_measure) {
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(0, CLASSES)), *y = wg_zeros(WG_I64, WG_SHAPE(0));
    wg_nn *m = wg_nn_new(1);
    wg_data *empty = wg_data_new(x, y, (wg_data_options){ 0 });
    ck_assert(isnan(wg_nn_accuracy(m, identity, empty)));
    expect_error(WG_ERROR_ARGUMENT, "the set is empty");
    ck_assert(isnan(wg_nn_accuracy(m, NULL, empty)));
    expect_error(WG_ERROR_ARGUMENT, "accuracy: the net is NULL");
    ck_assert(isnan(wg_nn_accuracy(NULL, identity, empty)));
    expect_error(WG_ERROR_ARGUMENT, "accuracy: the model is NULL");
    ck_assert(isnan(wg_nn_accuracy(m, identity, NULL)));
    expect_error(WG_ERROR_ARGUMENT, "accuracy: the data is NULL");
    ck_assert_ptr_null(wg_nn_predict(m, identity, wg_zeros(WG_F32, WG_SCALAR)));
    expect_error(WG_ERROR_SHAPE, "predict: x is []");
    wg_tensor *z = wg_zeros(WG_F32, WG_SHAPE(3, CLASSES));
    wg_data *real = wg_data_new(z, z, (wg_data_options){ 0 });
    ck_assert(isnan(wg_nn_accuracy(m, identity, real)));
    expect_error(WG_ERROR_SHAPE, "nn_accuracy: out is f32 [3,4] and y f32 [3,4]");
    wg_nn_free(m), wg_data_free(empty), wg_data_free(real);
}
END_TEST

// Two outputs for a sample, of which the second tells batches of 256 from smaller ones.
static wg_tensor *two_outputs(wg_nn *m, wg_tensor *x) {  // (B, 2, CLASSES)
    wg_tensor *y = identity(m, x);
    return wg_stack((wg_tensor *[]){ y, wg_neg(y) }, 2, 1);
}
static wg_tensor *batch_wide(wg_nn *m, wg_tensor *x) {  // (B, B)
    (void)m;
    return wg_matmul(x, wg_transpose(x, 0, 1));
}
static wg_tensor *no_output(wg_nn *m, wg_tensor *x) {
    (void)m, (void)x;
    return NULL;
}

START_TEST(outputs_are_those_of_all_samples_in_order) {
    wg_tensor *x, *y;
    wg_data *d = labelled(&x);
    wg_nn *m = wg_nn_new(1);
    wg_tensor *out = wg_nn_outputs(m, two_outputs, d, &y);  // (SAMPLES, 2, CLASSES), (SAMPLES)
    wg_tensor *twice = wg_mul(x, wg_num(2));                // as the set's scale has it
    ck_assert(wg_equal(wg_select(out, 1, 0), twice));
    ck_assert(wg_equal(wg_select(out, 1, 1), wg_neg(twice)));
    for (int64_t i = 0; i < SAMPLES; i++) ck_assert_double_eq(element(y, i), (double)(i % CLASSES));
    ck_assert_ptr_nonnull(wg_nn_outputs(m, identity, d, NULL));
    ck_assert_double_eq(wg_nn_measure(m, identity, d, wg_metric_accuracy), 0.8);
    expect_state_untouched(m);
    wg_nn_free(m), wg_data_free(d);
}
END_TEST

START_TEST(outputs_refuse_what_they_cannot_gather) {
    wg_tensor *x, *y;
    wg_data *d = labelled(&x), *none = wg_data_first(d, 0);
    wg_nn *m = wg_nn_new(1);
    ck_assert_ptr_null(wg_nn_outputs(m, batch_wide, d, &y));
    expect_error(WG_ERROR_SHAPE, "a batch gives [88,88] after others gave [600,256]");
    ck_assert_ptr_null(y);
    ck_assert_ptr_null(wg_nn_outputs(m, flat, d, &y));
    expect_error(WG_ERROR_SHAPE, "the net gives [1024] for 256 samples");
    ck_assert_ptr_null(wg_nn_outputs(m, no_output, d, &y));
    expect_message_begins("nn_outputs: the net returned NULL");
    ck_assert_ptr_null(wg_nn_outputs(m, identity, none, &y));
    expect_message_begins("nn_outputs: the set is empty");
    ck_assert_ptr_null(wg_nn_outputs(m, NULL, d, &y));
    expect_message_begins("nn_outputs: the net is NULL");
    ck_assert(isnan(wg_nn_measure(m, identity, d, NULL)));
    expect_message_begins("nn_measure: the metric is NULL");
    ck_assert(isnan(wg_nn_measure(m, broken, d, wg_metric_accuracy)));
    expect_error(WG_ERROR_SHAPE, "matmul");
    expect_state_untouched(m);
    wg_nn_free(m), wg_data_free(d), wg_data_free(none);
}
END_TEST

static wg_tensor *one_logit(wg_nn *m, wg_tensor *x) {  // (B, 1): positive for classes 2 and 3
    return wg_sub(wg_matmul(identity(m, x),
                            wg_from_f64(WG_F32, WG_SHAPE(CLASSES, 1), (double[]){ 0, 1, 2, 3 })),
                  wg_num(3));
}

START_TEST(one_logit_stands_for_two_classes) {
    wg_tensor *x;
    wg_data *d = labelled(&x);
    wg_nn *m = wg_nn_new(1);
    wg_tensor *y = wg_nn_predict(m, one_logit, wg_mul(x, wg_num(2)));  // (SAMPLES)
    for (int64_t i = 0; i < SAMPLES; i++)
        ck_assert_double_eq(element(y, i), (i + (i % 5 == 0)) % CLASSES >= 2);
    wg_data_free(d);
    d = wg_data_new(x, y, (wg_data_options){ .scale = 2 });
    ck_assert_double_eq(wg_nn_accuracy(m, one_logit, d), 1);
    wg_nn_free(m), wg_data_free(d);
}
END_TEST

/* ---- of numbers ------------------------------------------------------------------------------ */

static wg_tensor *ints(int64_t n, const int64_t *values) {
    return wg_from(WG_I64, WG_SHAPE(n), values);
}
#define LABELS(...) ints(COUNT(((int64_t[]){ __VA_ARGS__ })), (int64_t[]){ __VA_ARGS__ })

// Scores (n, C), of which a good part are equal, and labels (n).
static wg_tensor *random_scores(int64_t n, int64_t columns, uint64_t seed, wg_tensor **y) {
    wg_random r = { .seed = seed };
    double *score = malloc((size_t)(n * columns) * sizeof *score);
    int64_t *label = malloc((size_t)n * sizeof *label);
    for (int64_t i = 0; i < n * columns; i++) score[i] = (double)wg_random_below(&r, 7) - 3;
    for (int64_t i = 0; i < n; i++) label[i] = wg_random_below(&r, columns == 1 ? 2 : columns);
    wg_tensor *x = wg_from_f64(WG_F64, WG_SHAPE(n, columns), score);
    *y = ints(n, label);
    free(score), free(label);
    return x;
}

// How often a sample of class c has the larger score than one of another, one pair after the other.
static double naive_area(const double *score, const wg_tensor *y, int64_t n, int64_t c) {
    double wins = 0, pairs = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            if (element(y, i) != (double)c || element(y, j) == (double)c) continue;
            wins += score[i] > score[j] ? 1 : score[i] == score[j] ? 0.5 : 0;
            pairs++;
        }
    return wins / pairs;
}

START_TEST(auc_is_the_share_of_pairs_in_order) {
    enum { N = 60 };
    for (uint64_t seed = 0; seed < 20; seed++) {
        wg_tensor *y, *x = random_scores(N, 1, seed, &y);
        double score[N];
        wg_read_f64(x, score, N);
        double wanted = naive_area(score, y, N, 1);
        ck_assert_double_eq(wg_metric_auc(x, y), wanted);  // both are sums of halves, divided once
        wg_tensor *two = wg_cat((wg_tensor *[]){ wg_neg(x), x }, 2, 1);  // (N, 2)
        ck_assert_double_eq(wg_metric_auc(two, y), wanted);
        // Turned round, all that was won is lost: one rounding more.
        expect_close(wg_metric_auc(wg_neg(x), y), 1 - wanted, 2e-16, "turned round");
    }
}
END_TEST

START_TEST(auc_of_many_classes_is_the_mean_of_each_against_the_rest) {
    enum { N = 50, C = 4 };
    for (uint64_t seed = 0; seed < 10; seed++) {
        wg_tensor *y,
            *x = wg_add(random_scores(N, C, seed, &y), normal(WG_F64, WG_SHAPE(N, C), seed));
        wg_tensor *p = wg_softmax(x, 1);  // (N, C)
        double wanted = 0, score[N];
        for (int64_t c = 0; c < C; c++) {
            wg_read_f64(wg_select(p, 1, c), score, N);
            wanted += naive_area(score, y, N, c) / C;
        }
        expect_close(wg_metric_auc(x, y), wanted, 1e-15, "auc");  // a sum of four, rounded
    }
}
END_TEST

START_TEST(auc_agrees_with_scikit_learn) {  // roc_auc_score; multi_class='ovr' of the softmax
    wg_tensor *s =
        wg_from_f64(WG_F64, WG_SHAPE(8, 1), (double[]){ .1, .4, .35, .8, .4, .4, .9, .9 });
    ck_assert_double_eq(wg_metric_auc(s, LABELS(0, 0, 1, 1, 0, 1, 1, 0)), 0.59375);
    const double logits[] = { 2,   1,    0,   0.5, 1, 0.25, 0,    0.5, 2, 1, 1.5,
                              0.5, 0.25, 0.5, 0,   1, 0,    1.25, 0,   2, 1 };
    wg_tensor *x = wg_from_f64(WG_F64, WG_SHAPE(7, 3), logits);
    wg_tensor *y = LABELS(0, 1, 2, 0, 1, 2, 2);
    expect_close(wg_metric_auc(x, y), 0.7722222222222221, 1e-15, "ovr");  // its own last place
    ck_assert_double_eq(wg_metric_top_k(x, y, 1), 5 / 7.0);               // top_k_accuracy_score
    ck_assert_double_eq(wg_metric_top_k(x, y, 2), 1);
}
END_TEST

START_TEST(auc_without_both_kinds_is_not_defined) {
    wg_tensor *x = wg_from_f64(WG_F32, WG_SHAPE(2, 1), (double[]){ 1, 2 });
    ck_assert(isnan(wg_metric_auc(x, LABELS(1, 1))));
    ck_assert(isnan(wg_metric_auc(x, LABELS(0, 0))));
    expect_no_error();
    // Of three classes one has no samples: the mean of the two others, in perfect order.
    wg_tensor *three = wg_from_f64(WG_F32, WG_SHAPE(2, 3), (double[]){ 5, 1, 0, 1, 5, 0 });
    ck_assert_double_eq(wg_metric_auc(three, LABELS(0, 1)), 1);
    ck_assert(isnan(
        wg_metric_auc(wg_from_f64(WG_F32, WG_SHAPE(2, 1), (double[]){ NAN, 2 }), LABELS(0, 1))));
    expect_error(WG_ERROR_NUMERIC, "the score of sample 0 is nan");
}
END_TEST

START_TEST(top_k_counts_labels_among_the_k_largest) {
    enum { N = 80, C = 6 };
    wg_tensor *y, *x = random_scores(N, C, 3, &y);
    for (int64_t k = 1; k <= C + 1; k++) {
        int64_t right = 0;
        for (int64_t i = 0; i < N; i++) {  // strike out the first largest, k times
            double row[C];
            wg_read_f64(wg_select(x, 0, i), row, C);
            for (int64_t round = 0; round < k && round < C; round++) {
                int64_t best = 0;
                for (int64_t c = 1; c < C; c++)
                    if (row[c] > row[best]) best = c;
                right += (double)best == element(y, i);
                row[best] = -INFINITY;
            }
        }
        ck_assert_double_eq(wg_metric_top_k(x, y, k), (double)right / N);
    }
    ck_assert_double_eq(wg_metric_top_k(x, y, 1), wg_metric_accuracy(x, y));
    ck_assert_double_eq(wg_metric_top_k(x, y, C), 1);
    ck_assert(isnan(wg_metric_top_k(x, y, 0)));
    expect_error(WG_ERROR_ARGUMENT, "metric_top_k: k is 0");
}
END_TEST

// The classes 0 1 2 2 1 0 3 1 0 2 taken for 0 2 2 2 1 1 0 1 0 0.
static wg_tensor *taken(void) {
    static const int64_t is[] = { 0, 1, 2, 2, 1, 0, 3, 1, 0, 2 };
    static const int64_t as[] = { 0, 2, 2, 2, 1, 1, 0, 1, 0, 0 };
    double score[10 * 4] = { 0 };
    for (int i = 0; i < 10; i++) score[4 * i + as[i]] = 1;
    return wg_metric_confusion(wg_from_f64(WG_F32, WG_SHAPE(10, 4), score), ints(10, is), 4);
}

START_TEST(scores_agree_with_scikit_learn) {  // confusion_matrix, precision_recall_fscore_support
    wg_tensor *m = taken();
    EXPECT_VALUES(m, 2, 1, 0, 0, 0, 2, 1, 0, 1, 0, 2, 0, 1, 0, 0, 0);
    const double wanted[3][3] = { { 0.45833333333333326, 0.5, 0.47619047619047616 },
                                  { 0.6, 0.6, 0.6 },
                                  { 0.55, 0.6, 0.5714285714285714 } };
    for (int a = WG_MACRO; a <= WG_WEIGHTED; a++) {  // sums of four, in another order
        wg_scores s = wg_metric_scores(m, (wg_average)a);
        expect_close(s.precision, wanted[a][0], 2e-16, "precision");
        expect_close(s.recall, wanted[a][1], 2e-16, "recall");
        expect_close(s.f1, wanted[a][2], 2e-16, "F1");
        ck_assert_int_eq(s.samples, 10);
    }
    wg_scores zero = wg_metric_class_scores(m, 0), three = wg_metric_class_scores(m, 3);
    ck_assert_double_eq(zero.precision, 0.5);
    ck_assert_double_eq(zero.recall, 2 / 3.0);
    ck_assert_double_eq(zero.f1, 4 / 7.0);
    ck_assert_int_eq(zero.samples, 3);
    ck_assert_double_eq(three.precision, 0);  // never answered
    ck_assert_double_eq(three.recall, 0);
    ck_assert_double_eq(three.f1, 0);
    ck_assert_int_eq(three.samples, 1);
}
END_TEST

START_TEST(a_class_that_does_not_occur_leaves_averages_alone) {
    wg_tensor *small = wg_from(WG_I64, WG_SHAPE(2, 2), (int64_t[]){ 3, 1, 2, 4 });
    wg_tensor *large = wg_from(WG_I64, WG_SHAPE(3, 3), (int64_t[]){ 3, 0, 1, 0, 0, 0, 2, 0, 4 });
    for (int a = WG_MACRO; a <= WG_WEIGHTED; a++) {
        wg_scores s = wg_metric_scores(small, (wg_average)a),
                  l = wg_metric_scores(large, (wg_average)a);
        ck_assert_double_eq(s.precision, l.precision);
        ck_assert_double_eq(s.recall, l.recall);
        ck_assert_double_eq(s.f1, l.f1);
    }
    wg_scores none = wg_metric_scores(wg_zeros(WG_I64, WG_SHAPE(3, 3)), WG_MACRO);
    ck_assert(isnan(none.precision) && isnan(none.recall) && isnan(none.f1));
    expect_no_error();
}
END_TEST

START_TEST(f1_is_the_macro_average) {
    wg_tensor *y, *x = random_scores(40, 3, 5, &y);
    ck_assert_double_eq(wg_metric_f1(x, y),
                        wg_metric_scores(wg_metric_confusion(x, y, 3), WG_MACRO).f1);
    wg_tensor *one = random_scores(40, 1, 5, &y);
    ck_assert_double_eq(wg_metric_f1(one, y),
                        wg_metric_scores(wg_metric_confusion(one, y, 2), WG_MACRO).f1);
}
END_TEST

static double top_1(wg_tensor *out, wg_tensor *y) { return wg_metric_top_k(out, y, 1); }

START_TEST(a_score_that_is_no_number_is_an_error) {
    wg_metric *const all[] = { wg_metric_accuracy, wg_metric_auc, wg_metric_f1, top_1 };
    wg_tensor *x = wg_full(WG_F32, WG_SHAPE(3, 2), NAN), *y = LABELS(0, 0, 1);
    wg_tensor *one = wg_from_f64(WG_F32, WG_SHAPE(3, 1), (double[]){ 1, NAN, 2 });
    for (int k = 0; k < COUNT(all); k++) {
        ck_assert(isnan(all[k](x, y)));
        expect_error(WG_ERROR_NUMERIC, "the score of sample 0 is nan");
        ck_assert(isnan(all[k](one, y)));
        expect_error(WG_ERROR_NUMERIC, "the score of sample 1 is nan");
    }
}
END_TEST

static wg_tensor *nowhere(wg_nn *m, wg_tensor *x) { return wg_mul(identity(m, x), wg_num(NAN)); }
static wg_tensor *axis_lost(wg_nn *m, wg_tensor *x) {  // (CLASSES)
    return wg_nn_linear(m, "fc", x, CLASSES);
}

START_TEST(an_answer_that_is_no_number_is_an_error) {
    wg_tensor *x;
    wg_data *d = labelled(&x);
    wg_nn *m = wg_nn_new(1);
    ck_assert(isnan(wg_nn_accuracy(m, nowhere, d)));
    expect_error(WG_ERROR_NUMERIC, "nn_accuracy: the score of sample 0 is nan");
    ck_assert_ptr_null(wg_nn_confusion(m, nowhere, d, CLASSES));
    expect_error(WG_ERROR_NUMERIC, "nn_confusion: the score of sample 0 is nan");
    ck_assert_ptr_null(wg_nn_predict(m, nowhere, x));
    expect_error(WG_ERROR_NUMERIC, "nn_predict: a score that the net gives is nan");
    expect_state_untouched(m);
    wg_nn_free(m), wg_data_free(d);
}
END_TEST

static int evaluated;
static wg_tensor *lost_later(wg_nn *m, wg_tensor *x) {
    return evaluated++ < 1 ? identity(m, x) : nowhere(m, x);
}

START_TEST(a_message_counts_samples_over_all_batches) {
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(300, CLASSES)), *y = wg_zeros(WG_I64, WG_SHAPE(300));
    wg_data *d = wg_data_new(x, y, (wg_data_options){ 0 });
    wg_nn *m = wg_nn_new(1);
    evaluated = 0;
    ck_assert(isnan(wg_nn_accuracy(m, lost_later, d)));
    expect_error(WG_ERROR_NUMERIC, "nn_accuracy: the score of sample 256 is nan");
    wg_nn_free(m), wg_data_free(d);
}
END_TEST

START_TEST(a_sample_without_its_batch_is_told_so) {
    wg_nn *m = wg_nn_new(1);
    ck_assert_ptr_null(wg_nn_predict(m, axis_lost, wg_zeros(WG_F32, WG_SHAPE(64))));
    expect_error(WG_ERROR_SHAPE, "x is [64], wanted is a batch (B, ...)");
    wg_nn_free(m);
}
END_TEST

START_TEST(one_logit_is_class_1_above_0_and_not_at_0) {
    wg_tensor *x = wg_from_f64(WG_F64, WG_SHAPE(4, 1), (double[]){ -0.4, 0, 0.4, 1e-30 });
    ck_assert_double_eq(wg_metric_accuracy(x, LABELS(0, 0, 1, 1)), 1);
    EXPECT_VALUES(wg_metric_confusion(x, LABELS(0, 0, 1, 1), 2), 2, 0, 0, 2);
}
END_TEST

START_TEST(macro_f1_counts_a_class_that_is_answered_but_never_labelled) {
    wg_tensor *m = wg_from(WG_I64, WG_SHAPE(3, 3), (int64_t[]){ 2, 0, 0, 0, 1, 1, 0, 0, 0 });
    // F1 of 1, of 2 / 3 and of 0.
    expect_close(wg_metric_scores(m, WG_MACRO).f1, (1 + 2 / 3.0) / 3, 2e-16, "F1");
}
END_TEST

START_TEST(r2_does_not_hide_what_is_no_number) {
    wg_tensor *constant = wg_full(WG_F64, WG_SHAPE(3), 2), *out = wg_full(WG_F64, WG_SHAPE(3), NAN);
    ck_assert(isnan(wg_metric_r2(out, constant)));
    ck_assert(isnan(wg_metric_r2(constant, out)));
    ck_assert(isnan(wg_metric_r2(out, wg_arange(WG_F64, 0, 3, 1))));
    expect_no_error();
}
END_TEST

START_TEST(r2_agrees_with_scikit_learn) {  // r2_score
    wg_tensor *t = wg_from_f64(WG_F64, WG_SHAPE(3, 2), (double[]){ 0.5, 1, -1, 1, 7, -6 });
    wg_tensor *p = wg_from_f64(WG_F64, WG_SHAPE(3, 2), (double[]){ 0, 2, -1, 2, 8, -5 });
    expect_close(wg_metric_r2(p, t), 0.9368005266622779, 2e-16, "two columns");
    t = wg_from_f64(WG_F64, WG_SHAPE(4), (double[]){ 3, -0.5, 2, 7 });
    p = wg_from_f64(WG_F64, WG_SHAPE(4), (double[]){ 2.5, 0, 2, 8 });
    expect_close(wg_metric_r2(p, t), 0.9486081370449679, 2e-16, "one column");
    wg_tensor *mean = wg_full(WG_F64, WG_SHAPE(4), 2.875);
    ck_assert_double_eq(wg_metric_r2(mean, t), 0);
    ck_assert_double_eq(wg_metric_r2(t, t), 1);
}
END_TEST

START_TEST(r2_of_a_constant_target_is_one_or_zero) {
    wg_tensor *t = wg_full(WG_F64, WG_SHAPE(3), 0.1);  // whose mean is not quite 0.1
    wg_tensor *p = wg_from_f64(WG_F64, WG_SHAPE(3), (double[]){ 0.1, 0.1, 0.2 });
    ck_assert_double_eq(wg_metric_r2(t, t), 1);
    ck_assert_double_eq(wg_metric_r2(p, t), 0);
}
END_TEST

START_TEST(measures_read_any_layout) {
    wg_tensor *y, *x = random_scores(12, 3, 8, &y);
    wg_tensor *back = wg_transpose(wg_contiguous(wg_transpose(x, 0, 1)), 0, 1);
    ck_assert(!wg_is_contiguous(back));
    ck_assert_double_eq(wg_metric_auc(back, y), wg_metric_auc(x, y));
    ck_assert_double_eq(wg_metric_accuracy(wg_flip(x, 0), wg_flip(y, 0)), wg_metric_accuracy(x, y));
    ck_assert_double_eq(
        wg_metric_accuracy(wg_reshape(x, WG_SHAPE(3, 4, 3)), wg_reshape(y, WG_SHAPE(3, 4))),
        wg_metric_accuracy(x, y));
}
END_TEST

START_TEST(measures_refuse_what_does_not_fit) {
    wg_metric *const all[] = { wg_metric_accuracy, wg_metric_auc, wg_metric_f1 };
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(3, 2)), *y = LABELS(0, 1, 2), *z = LABELS(0, -1, 1);
    static const char *const name[] = { "metric_accuracy: label", "metric_auc: label",
                                        "metric_f1: label" };
    for (int k = 0; k < COUNT(all); k++) {
        ck_assert(isnan(all[k](x, y)));
        ck_assert_ptr_nonnull(strstr(wg_error_message(), name[k]));
        expect_error(WG_ERROR_INDEX, "label 2 of 2 classes");
        ck_assert(isnan(all[k](x, z)));
        expect_error(WG_ERROR_INDEX, "label -1 of 2 classes");
        ck_assert(isnan(all[k](x, x)));
        expect_error(WG_ERROR_SHAPE, "out is f32 [3,2] and y f32 [3,2]");
        ck_assert(isnan(all[k](x, LABELS(0, 1))));
        expect_error(WG_ERROR_SHAPE, "out is f32 [3,2] and y i64 [2]");
        ck_assert(isnan(all[k](wg_zeros(WG_F32, WG_SHAPE(0, 2)), wg_zeros(WG_I64, WG_SHAPE(0)))));
        expect_error(WG_ERROR_ARGUMENT, "there are no samples");
        ck_assert(isnan(all[k](NULL, y)));
        expect_error(WG_ERROR_ARGUMENT, "out is NULL");
        ck_assert(isnan(all[k](x, NULL)));
        expect_error(WG_ERROR_ARGUMENT, "y is NULL");
    }
    ck_assert(isnan(wg_metric_r2(x, y)));
    expect_error(WG_ERROR_SHAPE, "metric_r2: out is f32 [3,2] and y i64 [3]");
    ck_assert(isnan(wg_metric_r2(wg_zeros(WG_F32, WG_SHAPE(0)), wg_zeros(WG_F32, WG_SHAPE(0)))));
    expect_error(WG_ERROR_ARGUMENT, "metric_r2: there are no samples");
    ck_assert_ptr_null(wg_metric_confusion(x, LABELS(0, 1, 1), 1));
    expect_error(WG_ERROR_ARGUMENT, "metric_confusion: 1 classes, out has 2");
    ck_assert(isnan(wg_metric_scores(x, WG_MACRO).f1));
    expect_error(WG_ERROR_SHAPE, "a confusion matrix is (C, C) i64, contiguous, not [3,2] f32");
    ck_assert(isnan(wg_metric_class_scores(taken(), 4).f1));
    expect_error(WG_ERROR_INDEX, "class 4 of 4");
    ck_assert(isnan(wg_metric_scores(NULL, WG_MACRO).f1));
    expect_error(WG_ERROR_ARGUMENT, "the confusion matrix is NULL");
}
END_TEST

START_TEST(measures_of_views_larger_than_memory_are_refused) {
    wg_tensor *out = wg_expand(wg_zeros(WG_U8, WG_SHAPE(1, 1)), WG_SHAPE(1LL << 60, 1));
    wg_tensor *y = wg_expand(wg_zeros(WG_U8, WG_SHAPE(1)), WG_SHAPE(1LL << 60));
    wg_tensor *z = wg_expand(wg_zeros(WG_F32, WG_SCALAR), WG_SHAPE(1LL << 58));
    expect_no_error();
    ck_assert(isnan(wg_metric_accuracy(out, y)));
    expect_error(WG_ERROR_MEMORY, "out of memory");
    ck_assert(isnan(wg_metric_auc(out, y)));
    expect_error(WG_ERROR_MEMORY, "out of memory");
    ck_assert(isnan(wg_metric_r2(z, z)));
    expect_error(WG_ERROR_MEMORY, "out of memory");
}
END_TEST

/* ---- a label that is no class ---------------------------------------------------------------- */

START_TEST(a_label_that_is_no_class_is_refused_by_all_measures_alike) {
    for (int k = 0; k < 2; k++) {
        wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(4, CLASSES));
        wg_tensor *y = wg_from(WG_I64, WG_SHAPE(4), (int64_t[]){ 0, 1, k ? 99 : -1, 0 });
        wg_data *d = wg_data_new(x, y, (wg_data_options){ 0 });
        wg_nn *m = wg_nn_new(1);
        char words[40];
        snprintf(words, sizeof words, "label %d of %d classes", k ? 99 : -1, CLASSES);
        ck_assert(isnan(wg_nn_accuracy(m, identity, d)));
        expect_error(WG_ERROR_INDEX, words);
        ck_assert(isnan(wg_nn_measure(m, identity, d, wg_metric_accuracy)));
        expect_error(WG_ERROR_INDEX, words);
        ck_assert_ptr_null(wg_nn_confusion(m, identity, d, CLASSES));
        expect_error(WG_ERROR_INDEX, words);
        ck_assert_ptr_null(wg_metric_confusion(x, y, CLASSES));
        expect_error(WG_ERROR_INDEX, words);
        expect_state_untouched(m);
        wg_nn_free(m), wg_data_free(d);
    }
}
END_TEST

// Both take labels that the scores have no column for where `classes` says that there are such.
static wg_tensor *as_it_is(wg_nn *m, wg_tensor *x) { return (void)m, x; }

START_TEST(both_confusions_take_the_same_classes) {
    wg_tensor *x = wg_from(WG_F64, WG_SHAPE(3, 2), (double[]){ 1, 0, 0, 1, 1, 0 });
    wg_tensor *y = LABELS(0, 1, 2);
    wg_data *d = wg_data_new(x, y, (wg_data_options){ 0 });
    wg_nn *m = wg_nn_new(1);
    for (int64_t classes = 0; classes < 5; classes++) {
        const wg_tensor *a = wg_nn_confusion(m, as_it_is, d, classes);
        wg_status of_a = wg_error();
        wg_error_clear();
        const wg_tensor *b = wg_metric_confusion(x, y, classes);
        ck_assert_int_eq(of_a, wg_error());
        wg_error_clear();
        ck_assert_int_eq(a != NULL, classes >= 3);
        ck_assert_int_eq(b != NULL, classes >= 3);
        ck_assert(!a || wg_equal(a, b));
    }
    wg_nn_free(m), wg_data_free(d);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

static bool use_measures(void) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F32, WG_SHAPE(6, CLASSES), 1), *y = wg_zeros(WG_I64, WG_SHAPE(6));
    wg_data *d = wg_data_new(x, y, (wg_data_options){ 0 });
    bool done = m && d && !isnan(wg_nn_accuracy(m, identity, d)) &&
                !isnan(wg_nn_loss(m, mean_square, d)) && wg_nn_confusion(m, identity, d, CLASSES) &&
                wg_nn_predict(m, identity, x) &&
                !isnan(wg_nn_measure(m, identity, d, wg_metric_f1));
    bool recording = wg_recording(true);
    ck_assert(recording && (!m || wg_nn_is_training(m)));
    wg_nn_free(m), wg_data_free(d);
    return done;
}

static bool measure_numbers(void) {
    wg_tensor *x = normal(WG_F64, WG_SHAPE(6, 3), 1),
              *y = wg_from(WG_I64, WG_SHAPE(6), (int64_t[]){ 0, 1, 2, 1, 0, 2 });
    return x && y && !isnan(wg_metric_auc(x, y)) && !isnan(wg_metric_r2(x, x)) &&
           !isnan(wg_metric_top_k(x, y, 2));
}

START_TEST(every_allocation_may_fail) {
    fail_every_allocation(use_measures);
    fail_every_allocation(measure_numbers);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("metrics");
    TCase *t = add_cases(suite, "metrics");
    tcase_add_test(t, accuracy_is_the_share_of_right_classes);
    tcase_add_test(t, the_loss_of_a_set_is_the_mean_over_its_samples);
    tcase_add_test(t, the_loss_of_a_set_refuses_what_is_no_loss);
    tcase_add_test(t, confusion_counts_each_class_taken_for_each);
    tcase_add_test(t, predictions_are_the_classes_of_all_samples);
    tcase_add_test(t, measuring_in_a_pass_leaves_its_batch_alone);
    tcase_add_test(t, measures_put_everything_back_when_the_net_fails);
    tcase_add_test(t, measures_refuse_what_they_cannot_measure);
    tcase_add_test(t, outputs_are_those_of_all_samples_in_order);
    tcase_add_test(t, outputs_refuse_what_they_cannot_gather);
    tcase_add_test(t, one_logit_stands_for_two_classes);
    tcase_add_test(t, auc_is_the_share_of_pairs_in_order);
    tcase_add_test(t, auc_of_many_classes_is_the_mean_of_each_against_the_rest);
    tcase_add_test(t, auc_agrees_with_scikit_learn);
    tcase_add_test(t, auc_without_both_kinds_is_not_defined);
    tcase_add_test(t, top_k_counts_labels_among_the_k_largest);
    tcase_add_test(t, scores_agree_with_scikit_learn);
    tcase_add_test(t, a_class_that_does_not_occur_leaves_averages_alone);
    tcase_add_test(t, f1_is_the_macro_average);
    tcase_add_test(t, a_score_that_is_no_number_is_an_error);
    tcase_add_test(t, an_answer_that_is_no_number_is_an_error);
    tcase_add_test(t, a_message_counts_samples_over_all_batches);
    tcase_add_test(t, a_sample_without_its_batch_is_told_so);
    tcase_add_test(t, one_logit_is_class_1_above_0_and_not_at_0);
    tcase_add_test(t, macro_f1_counts_a_class_that_is_answered_but_never_labelled);
    tcase_add_test(t, r2_does_not_hide_what_is_no_number);
    tcase_add_test(t, r2_agrees_with_scikit_learn);
    tcase_add_test(t, r2_of_a_constant_target_is_one_or_zero);
    tcase_add_test(t, measures_read_any_layout);
    tcase_add_test(t, measures_refuse_what_does_not_fit);
    tcase_add_test(t, measures_of_views_larger_than_memory_are_refused);
    tcase_add_test(t, a_label_that_is_no_class_is_refused_by_all_measures_alike);
    tcase_add_test(t, both_confusions_take_the_same_classes);
    tcase_add_test(t, every_allocation_may_fail);
    return run_suite(suite);
}
