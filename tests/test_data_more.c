// SPDX-License-Identifier: MIT
/* test_data_more.c: folds, first samples, numbers of classes, sets that a function fills, targets
   from tables, and pairs of .npy files. */
#include <unistd.h>

#include "tests/nn_test.h"

static const wg_data_options PLAIN = { 0 };

/* Sample i is (i), its label i % classes. */
static wg_data *numbered(int64_t n, int64_t classes) {
    wg_tensor *x = wg_arange(WG_F32, 0, (double)n, 1), *y = wg_zeros(WG_I64, WG_SHAPE(n));
    int64_t *labels = malloc((size_t)n * sizeof *labels + 1);
    for (int64_t i = 0; i < n; i++) labels[i] = i % classes;
    wg_write(y, labels, n);
    free(labels);
    wg_data *d = wg_data_new(x, y, PLAIN);
    ck_assert_msg(d != NULL, "%s", wg_error_message());
    return d;
}

// Counts in seen[] how often each sample is in d, whose x is the sample's number.
static void count_samples(wg_data *d, int seen[]) {
    for (wg_batch b = { .size = 7, .in_order = true }; wg_data_next(d, &b);)
        for (int64_t i = 0; i < wg_dim(b.x, 0); i++) seen[(int64_t)element(b.x, i)]++;
    expect_no_error();
}

/* ---- folds ----------------------------------------------------------------------------------- */

static const struct {
    int64_t n, classes;
    int k;
} folds[] = { { 2, 1, 2 },    { 10, 2, 10 }, { 100, 3, 5 },
              { 103, 7, 10 }, { 49, 5, 49 }, { 1000, 10, 3 } };

START_TEST(folds_cover_every_sample_once_and_are_stratified) {
    enum { MOST = 1000, CLASSES = 10 };
    int64_t n = folds[_i].n, classes = folds[_i].classes;
    int k = folds[_i].k, validated[MOST] = { 0 };
    wg_data *d = numbered(n, classes);
    for (int i = 0; i < k; i++) {
        wg_data *train, *validation;
        ck_assert(wg_data_fold(d, (wg_fold_options){ k, i, 3 }, &train, &validation));
        int in_train[MOST] = { 0 }, in_validation[MOST] = { 0 }, of_class[CLASSES] = { 0 };
        count_samples(train, in_train), count_samples(validation, in_validation);
        for (int64_t s = 0; s < n; s++) {
            ck_assert_int_eq(in_train[s] + in_validation[s], 1);
            validated[s] += in_validation[s];
            of_class[s % classes] += in_validation[s];
        }
        expect_close((double)wg_data_size(validation), (double)n / k, 1, "size of a fold");
        for (int64_t c = 0; c < classes; c++) {
            double members = (double)((n + classes - 1 - c) / classes);
            expect_close(of_class[c], members / k, 1, "of a class in a fold");
        }
        wg_data_free(train), wg_data_free(validation);
    }
    for (int64_t s = 0; s < n; s++) ck_assert_int_eq(validated[s], 1);
    wg_data_free(d);
}
END_TEST

START_TEST(folds_are_drawn_by_their_seed) {
    wg_data *d = numbered(100, 2), *train, *validation;
    int seen[3][100] = { { 0 } };
    const uint64_t seed[] = { 1, 1, 2 };
    for (int i = 0; i < 3; i++) {
        ck_assert(wg_data_fold(d, (wg_fold_options){ 5, 0, seed[i] }, &train, &validation));
        count_samples(validation, seen[i]);
        wg_data_free(train), wg_data_free(validation);
    }
    ck_assert_int_eq(memcmp(seen[0], seen[1], sizeof seen[0]), 0);
    ck_assert_int_ne(memcmp(seen[0], seen[2], sizeof seen[0]), 0);
    wg_data_free(d);
}
END_TEST

static const struct {
    wg_fold_options f;
    wg_status status;
    const char *words;
} bad_folds[] = {
    { { 1, 0, 0 }, WG_ERROR_ARGUMENT, "1 folds of 10 samples" },
    { { 11, 0, 0 }, WG_ERROR_ARGUMENT, "11 folds of 10 samples" },
    { { 5, 5, 0 }, WG_ERROR_INDEX, "fold 5 of 5" },
    { { 5, -1, 0 }, WG_ERROR_INDEX, "fold -1 of 5" },
};

START_TEST(folds_are_asked_for_properly) {
    wg_data *d = numbered(10, 2), *train = d, *validation = d;
    ck_assert(!wg_data_fold(d, bad_folds[_i].f, &train, &validation));
    expect_error(bad_folds[_i].status, bad_folds[_i].words);
    ck_assert(!train && !validation);
    ck_assert(!wg_data_fold(NULL, bad_folds[_i].f, &train, &validation));
    expect_error(WG_ERROR_ARGUMENT, "the set is NULL");
    ck_assert(!wg_data_fold(d, bad_folds[_i].f, NULL, &validation));
    expect_error(WG_ERROR_ARGUMENT, "train is NULL");
    ck_assert(!wg_data_fold(d, bad_folds[_i].f, &train, NULL));
    expect_error(WG_ERROR_ARGUMENT, "validation is NULL");
    wg_data_free(d);
}
END_TEST

/* ---- first samples, classes ------------------------------------------------------------------ */

START_TEST(the_first_samples_are_a_set_of_their_own) {
    wg_data *d = numbered(10, 2), *part[2], *first, *more;
    ck_assert(wg_data_split(d, (double[]){ 0.5, 0.5 }, 2, 1, part));
    ck_assert_ptr_nonnull(first = wg_data_first(part[1], 3));
    ck_assert_ptr_nonnull(more = wg_data_first(part[1], 99));
    wg_batch all = { .size = 5, .in_order = true }, b = all, c = all;
    ck_assert(wg_data_next(part[1], &all) && wg_data_next(first, &b) && wg_data_next(more, &c));
    ck_assert_int_eq(wg_data_size(first), 3);
    ck_assert(wg_equal(b.x, wg_slice(all.x, 0, 0, 3, 1)));
    ck_assert(wg_equal(c.x, all.x));
    wg_data_free(first);
    ck_assert_ptr_nonnull(first = wg_data_first(d, 0));
    ck_assert_int_eq(wg_data_size(first), 0);
    ck_assert_ptr_null(wg_data_first(d, -1));
    expect_error(WG_ERROR_ARGUMENT, "data_first: -1 samples");
    ck_assert_ptr_null(wg_data_first(NULL, 1));
    expect_error(WG_ERROR_ARGUMENT, "data_first: the set is NULL");
    wg_data_free(first), wg_data_free(more);
    wg_data_free(part[0]), wg_data_free(part[1]), wg_data_free(d);
}
END_TEST

START_TEST(classes_are_one_more_than_the_largest_label) {
    wg_data *d = numbered(10, 4), *none = numbered(0, 1), *two = wg_data_first(d, 2);
    ck_assert_int_eq(wg_data_classes(d), 4);
    ck_assert_int_eq(wg_data_classes(two), 2);
    ck_assert_int_eq(wg_data_classes(none), 0);
    wg_tensor *x = wg_arange(WG_F32, 0, 2, 1), *y = wg_from(WG_I32, WG_SHAPE(2), (int[]){ 1, -3 });
    wg_data *negative = wg_data_new(x, y, PLAIN), *real = wg_data_new(x, x, PLAIN);
    ck_assert_int_eq(wg_data_classes(negative), -1);
    expect_error(WG_ERROR_INDEX, "data_classes: sample 1 has the label -3");
    ck_assert_int_eq(wg_data_classes(real), -1);
    expect_error(WG_ERROR_DTYPE, "data_classes: y is f32 [2], wanted are integers (N)");
    ck_assert_int_eq(wg_data_classes(NULL), -1);
    expect_error(WG_ERROR_ARGUMENT, "the set is NULL");
    wg_data_free(d), wg_data_free(none), wg_data_free(two);
    wg_data_free(negative), wg_data_free(real);
}
END_TEST

START_TEST(a_last_smaller_batch_can_be_dropped) {
    wg_data *d = numbered(10, 2);
    for (int64_t size = 1; size <= 12; size++) {
        int64_t batches = 0;
        for (wg_batch b = { .size = size, .drop_last = true }; wg_data_next(d, &b); batches++)
            ck_assert_int_eq(wg_dim(b.x, 0), size);
        ck_assert_int_eq(batches, 10 / size);
    }
    wg_data_free(d);
}
END_TEST

START_TEST(batches_are_counted_as_a_pass_hands_them_out) {
    for (int64_t n = 0; n < 9; n++) {
        wg_data *d = numbered(n, 2);
        for (int64_t size = 1; size < 12; size++) {
            int64_t batches = 0;
            for (wg_batch b = { .size = size }; wg_data_next(d, &b);) batches++;
            ck_assert_int_eq(wg_data_batches(d, size), batches);
        }
        ck_assert_int_eq(wg_data_batches(d, 0), 0);
        ck_assert_int_eq(wg_data_batches(d, INT64_MAX), n > 0);
        wg_data_free(d);
    }
    ck_assert_int_eq(wg_data_batches(NULL, 1), 0);
}
END_TEST

/* ---- sets that a function fills -------------------------------------------------------------- */

typedef struct filling {
    int64_t calls, fails_at;
    bool reports;
} filling;

// x (2, 3): i + k / 8; y (): i % 4.
static bool fill(void *user, int64_t i, void *x, void *y) {
    filling *f = user;
    f->calls++;
    if (i == f->fails_at) return f->reports ? wg_fail(WG_ERROR_FILE, "camera %d is off", 7) : false;
    for (int k = 0; k < 6; k++) ((double *)x)[k] = (double)i + k / 8.0;
    *(int64_t *)y = i % 4;
    return true;
}

static wg_data_source source(filling *f, int64_t n) {
    return (wg_data_source){ fill, f, n, WG_SHAPE(2, 3), WG_SCALAR, WG_F64, WG_I64 };
}

START_TEST(a_filled_set_is_like_one_of_tensors) {
    enum { N = 50 };
    filling f = { .fails_at = -1 };
    wg_tensor *x = wg_zeros(WG_F64, WG_SHAPE(N, 2, 3)), *y = wg_zeros(WG_I64, WG_SHAPE(N));
    double values[N * 6];
    int64_t labels[N];
    for (int64_t i = 0; i < N; i++) fill(&f, i, values + 6 * i, labels + i);
    wg_write(x, values, N * 6), wg_write(y, labels, N);
    wg_data_options o = { .scale = 0.5 };
    wg_data *a = wg_data_from(source(&f, N), o), *b = wg_data_new(x, y, o);
    ck_assert_msg(a != NULL, "%s", wg_error_message());
    ck_assert_int_eq(wg_data_size(a), N);
    ck_assert_int_eq(wg_data_classes(a), 4);
    wg_data *pa[3] = { a }, *pb[3] = { b };
    ck_assert(wg_data_split(a, (double[]){ 0.6, 0.4 }, 2, 5, pa + 1));
    ck_assert(wg_data_split(b, (double[]){ 0.6, 0.4 }, 2, 5, pb + 1));
    for (int k = 0; k < 3; k++) {
        wg_batch ba = { .size = 8, .seed = 3 }, bb = ba;
        f.calls = 0;
        while (wg_data_next(pb[k], &bb)) {
            ck_assert(wg_data_next(pa[k], &ba));
            ck_assert(wg_equal(ba.x, bb.x) && wg_equal(ba.y, bb.y));
        }
        ck_assert(!wg_data_next(pa[k], &ba));
        ck_assert_int_eq(f.calls, wg_data_size(pa[k]));  // once for each sample
    }
    for (int k = 0; k < 3; k++) wg_data_free(pa[k]), wg_data_free(pb[k]);
}
END_TEST

START_TEST(a_sample_that_cannot_be_had_ends_the_pass) {
    filling f = { .fails_at = 5 };
    wg_data *d = wg_data_from(source(&f, 10), PLAIN), *part[2];
    for (int reports = 0; reports < 2; reports++) {
        f.reports = reports;
        wg_status status = reports ? WG_ERROR_FILE : WG_ERROR_STATE;
        const char *words = reports ? "camera 7 is off" : "data_next: fill gave no sample 5";
        wg_batch b = { .size = 4, .in_order = true };
        ck_assert(wg_data_next(d, &b));
        ck_assert(!wg_data_next(d, &b));
        ck_assert_ptr_null(b.x);
        expect_error(status, words);
        ck_assert(!wg_data_split(d, (double[]){ 0.5 }, 1, 1, part));
        expect_error(status, words);
        ck_assert_int_eq(wg_data_classes(d), -1);
        expect_error(status, words);
    }
    wg_data_free(d);
}
END_TEST

START_TEST(a_filled_set_is_asked_for_properly) {
    filling f = { .fails_at = -1 };
    wg_data_source s = source(&f, 10);
    s.fill = NULL;
    ck_assert_ptr_null(wg_data_from(s, PLAIN));
    expect_error(WG_ERROR_ARGUMENT, "data_from: fill is NULL");
    ck_assert_ptr_null(wg_data_from(source(&f, -1), PLAIN));
    expect_error(WG_ERROR_ARGUMENT, "data_from: -1 samples");
    s = source(&f, 10), s.x_shape.rank = WG_MAX_RANK;
    ck_assert_ptr_null(wg_data_from(s, PLAIN));
    expect_error(WG_ERROR_SHAPE, "a sample's x has rank 8, at most 7");
    s = source(&f, 10), s.y_shape = WG_SHAPE(-2);
    ck_assert_ptr_null(wg_data_from(s, PLAIN));
    expect_error(WG_ERROR_SHAPE, "-2");
    ck_assert_ptr_null(wg_data_from(source(&f, 10), (wg_data_options){ .dtype = WG_U8 }));
    expect_error(WG_ERROR_DTYPE, "data_from: batches of u8 from x of f64");
}
END_TEST

START_TEST(a_filled_set_of_any_size_is_shared_out_or_refused) {
    filling f = { .fails_at = -1 };
    const int64_t size[] = { 1000, 1LL << 40, 1LL << 61, 1LL << 62, INT64_MAX };
    for (int k = 0; k < COUNT(size); k++) {
        wg_data *d = wg_data_from(source(&f, size[k]), PLAIN), *own = wg_data_first(d, size[k]);
        ck_assert_msg(own != NULL, "%s", wg_error_message());  // all of a set takes no memory
        ck_assert_int_eq(wg_data_size(own), size[k]);
        wg_batch b = { .size = 1, .in_order = true };
        ck_assert(wg_data_next(own, &b));
        ck_assert_double_eq(element(b.x, 5), 5 / 8.0);
        wg_data_free(own), wg_data_free(d);
    }
    // The least size whose table of int64_t and of ints has no size_t.
    for (int k = 2; k < COUNT(size); k++) {
        wg_data *d = wg_data_from(source(&f, size[k]), PLAIN), *part[2];
        ck_assert(!wg_data_split(d, (double[]){ 0.5, 0.5 }, 2, 1, part));
        expect_error(WG_ERROR_MEMORY, "out of memory");
        ck_assert(part[0] == NULL && part[1] == NULL);
        ck_assert(!wg_data_fold(d, (wg_fold_options){ .k = 2 }, part, part + 1));
        expect_error(WG_ERROR_MEMORY, "out of memory");
        wg_data_free(d);
    }
}
END_TEST

/* ---- files ----------------------------------------------------------------------------------- */

static const char *path_of(const char *name) {
    static char path[2][64];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "/tmp/wengert-more-%ld-%s", (long)getpid(), name);
    return path[turn];
}

START_TEST(a_pair_of_npy_files_is_a_set) {
    const char *xp = path_of("x.npy"), *yp = path_of("y.npy");
    wg_tensor *x = normal(WG_F32, WG_SHAPE(3, 2, 2), 1);
    wg_tensor *y[] = { wg_from_f64(WG_U8, WG_SHAPE(3), (double[]){ 2, 0, 9 }),
                       wg_from_f64(WG_I32, WG_SHAPE(3), (double[]){ 2, 0, 9 }),
                       wg_from_f64(WG_F64, WG_SHAPE(3), (double[]){ 0.5, -1, 9 }),
                       wg_from_f64(WG_I32, WG_SHAPE(3, 1), (double[]){ 0, -1, 9 }) };
    ck_assert(wg_io_save_npy(xp, x));
    for (int k = 0; k < 4; k++) {
        ck_assert(wg_io_save_npy(yp, y[k]));
        wg_data *d = wg_data_npy(xp, yp, PLAIN);
        ck_assert_msg(d != NULL, "%s", wg_error_message());
        wg_batch b = { .size = 3, .in_order = true };
        ck_assert(wg_data_next(d, &b));
        ck_assert(wg_equal(b.x, x));
        ck_assert(wg_equal(b.y, k < 2 ? wg_cast(y[k], WG_I64) : y[k]));
        wg_data_free(d);
    }
    unlink(xp), unlink(yp);
}
END_TEST

START_TEST(npy_files_that_do_not_pair_are_refused) {
    const char *xp = path_of("x.npy"), *yp = path_of("y.npy");
    ck_assert_ptr_null(wg_data_npy(xp, yp, PLAIN));
    expect_error(WG_ERROR_FILE, "x.npy");
    ck_assert(wg_io_save_npy(xp, wg_zeros(WG_F32, WG_SHAPE(3, 2))));
    ck_assert_ptr_null(wg_data_npy(xp, yp, PLAIN));
    expect_error(WG_ERROR_FILE, "y.npy");
    ck_assert(wg_io_save_npy(yp, wg_zeros(WG_I64, WG_SHAPE(4))));
    ck_assert_ptr_null(wg_data_npy(xp, yp, PLAIN));
    expect_error(WG_ERROR_FORMAT, "x.npy has 3 samples and");
    ck_assert(wg_io_save_npy(yp, wg_from_f64(WG_I32, WG_SHAPE(3), (double[]){ 0, 1, -1 })));
    ck_assert_ptr_null(wg_data_npy(xp, yp, PLAIN));
    expect_error(WG_ERROR_FORMAT, "y.npy: label 2 is -1");
    ck_assert(wg_io_save_npy(yp, wg_zeros(WG_F32, WG_SCALAR)));
    ck_assert_ptr_null(wg_data_npy(xp, yp, PLAIN));
    expect_error(WG_ERROR_FORMAT, "y.npy holds one number");
    ck_assert_int_eq(truncate(yp, 100), 0);
    ck_assert_ptr_null(wg_data_npy(xp, yp, PLAIN));
    expect_error(WG_ERROR_FORMAT, "y.npy");
    ck_assert_ptr_null(wg_data_npy(NULL, yp, PLAIN));
    expect_error(WG_ERROR_ARGUMENT, "the path of x is NULL");
    ck_assert_ptr_null(wg_data_npy(xp, NULL, PLAIN));
    expect_error(WG_ERROR_ARGUMENT, "the path of y is NULL");
    unlink(xp), unlink(yp);
}
END_TEST

static const char *table(void) {
    const char *path = path_of("t.csv");
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs("1,2,0.5,-3\n4,5,1.5,7\n", file);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

START_TEST(a_table_can_end_in_numbers_to_predict) {
    const char *path = table();
    wg_data *d = wg_data_csv(path, (wg_data_options){ .targets = 2 });
    ck_assert_msg(d != NULL, "%s", wg_error_message());
    wg_batch b = { .size = 2, .in_order = true };
    ck_assert(wg_data_next(d, &b));
    expect_shape(b.y, WG_SHAPE(2, 2));
    EXPECT_VALUES(b.x, 1, 2, 4, 5);
    EXPECT_VALUES(b.y, 0.5, -3, 1.5, 7);
    wg_data_free(d);
    for (int targets = -1; targets <= 4; targets += 5) {
        ck_assert_ptr_null(wg_data_csv(path, (wg_data_options){ .targets = targets }));
        expect_error(WG_ERROR_ARGUMENT, "targets and label column 0 of the 4 columns in");
    }
    ck_assert_ptr_null(wg_data_csv(path, (wg_data_options){ .targets = 1, .label_column = 1 }));
    expect_error(WG_ERROR_ARGUMENT, "1 targets and label column 1 of the 4 columns");
    unlink(path);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

static bool use_all(void) {
    filling f = { .fails_at = -1 };
    wg_data *d = wg_data_from(source(&f, 9), PLAIN), *train = NULL, *validation = NULL;
    wg_data *first = d ? wg_data_first(d, 4) : NULL;
    bool done = first && wg_data_fold(d, (wg_fold_options){ 3, 1, 2 }, &train, &validation);
    ck_assert(done == (train && validation));
    wg_batch b = { .size = 3 };
    done = done && wg_data_next(train, &b) && wg_data_classes(first) == 4;
    wg_data_free(d), wg_data_free(first), wg_data_free(train), wg_data_free(validation);
    return done;
}
static bool load_npy(void) {
    wg_data *d = wg_data_npy(path_of("x.npy"), path_of("y.npy"), PLAIN);
    wg_data_free(d);
    return d != NULL;
}
static bool load_targets(void) {
    const char *path = table();
    wg_data *d = wg_data_csv(path, (wg_data_options){ .targets = 2 });
    wg_data_free(d);
    unlink(path);
    return d != NULL;
}

START_TEST(every_allocation_may_fail) {
    const char *xp = path_of("x.npy"), *yp = path_of("y.npy");
    ck_assert(wg_io_save_npy(xp, wg_zeros(WG_F32, WG_SHAPE(3, 2))));
    ck_assert(wg_io_save_npy(yp, wg_zeros(WG_I32, WG_SHAPE(3))));
    fail_every_allocation(use_all);
    fail_every_allocation(load_npy);
    fail_every_allocation(load_targets);
    unlink(path_of("x.npy")), unlink(path_of("y.npy"));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("data_more");
    TCase *t = add_cases(suite, "data_more");
    ADD_TABLE(t, folds_cover_every_sample_once_and_are_stratified, folds);
    tcase_add_test(t, folds_are_drawn_by_their_seed);
    ADD_TABLE(t, folds_are_asked_for_properly, bad_folds);
    tcase_add_test(t, the_first_samples_are_a_set_of_their_own);
    tcase_add_test(t, classes_are_one_more_than_the_largest_label);
    tcase_add_test(t, a_last_smaller_batch_can_be_dropped);
    tcase_add_test(t, batches_are_counted_as_a_pass_hands_them_out);
    tcase_add_test(t, a_filled_set_is_like_one_of_tensors);
    tcase_add_test(t, a_sample_that_cannot_be_had_ends_the_pass);
    tcase_add_test(t, a_filled_set_is_asked_for_properly);
    tcase_add_test(t, a_filled_set_of_any_size_is_shared_out_or_refused);
    tcase_add_test(t, a_pair_of_npy_files_is_a_set);
    tcase_add_test(t, npy_files_that_do_not_pair_are_refused);
    tcase_add_test(t, a_table_can_end_in_numbers_to_predict);
    tcase_add_test(t, every_allocation_may_fail);
    return run_suite(suite);
}
