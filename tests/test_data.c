// SPDX-License-Identifier: MIT
/* test_data.c: data sets. A pass hands out every sample once, in an order that seed alone decides,
   with the right contents and without asking for memory; parts are disjoint, complete and alike. */
#include <unistd.h>

#include "train/train_impl.h"
#include "tests/nn_test.h"

/* Sample i is (i, i + 0.25, i + 0.5), its label i % classes. */
static wg_data *numbered(int64_t n, int64_t classes, wg_data_options o) {
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(n, 3)), *y = wg_zeros(WG_I64, WG_SHAPE(n));
    float *values = malloc((size_t)n * 3 * sizeof *values + 1);
    int64_t *labels = malloc((size_t)n * sizeof *labels + 1);
    for (int64_t i = 0; i < n; i++) {
        for (int k = 0; k < 3; k++) values[3 * i + k] = (float)i + 0.25F * (float)k;
        labels[i] = i % classes;
    }
    wg_write(x, values, 3 * n), wg_write(y, labels, n);
    free(values), free(labels);
    wg_data *d = wg_data_new(x, y, o);
    ck_assert_msg(d != NULL, "%s", wg_error_message());
    return d;
}

static const wg_data_options PLAIN = { 0 };

/* The numbers of the samples of a pass, in the order handed out; checks contents and sizes of all
   batches. */
static void run_pass(wg_data *d, wg_batch b, int64_t classes, int64_t order[]) {
    int64_t seen = 0, n = wg_data_size(d);
    while (wg_data_next(d, &b)) {
        int64_t left = n - seen, count = wg_dim(b.x, 0);
        ck_assert_int_eq(count, left < b.size ? left : b.size);
        ck_assert_int_eq(wg_dim(b.y, 0), count);
        ck_assert_int_eq(wg_dim(b.x, 1), 3);
        for (int64_t i = 0; i < count; i++) {
            int64_t sample = (int64_t)element(b.x, 3 * i);
            ck_assert_double_eq(element(b.x, 3 * i + 1), (double)sample + 0.25);
            ck_assert_double_eq(element(b.x, 3 * i + 2), (double)sample + 0.5);
            ck_assert_double_eq(element(b.y, i), (double)(sample % classes));
            order[seen++] = sample;
        }
        ck_assert_int_eq(b.at, seen);
    }
    expect_no_error();
    ck_assert_int_eq(seen, n);
    ck_assert_ptr_null(b.x);
    ck_assert_int_eq(b.at, -1);
}

static int ascending(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* ---- passes ---------------------------------------------------------------------------------- */

static const int64_t sizes[] = { 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 100, 255, 256, 257, 1000 };
enum { MOST = 1000 };

START_TEST(a_pass_is_a_permutation) {
    int64_t n = sizes[_i], order[MOST];
    wg_data *d = numbered(n, 4, PLAIN);
    for (uint64_t seed = 0; seed < 20; seed++) {
        run_pass(d, (wg_batch){ .size = 7, .seed = seed }, 4, order);
        qsort(order, (size_t)n, sizeof *order, ascending);
        for (int64_t i = 0; i < n; i++) ck_assert_int_eq(order[i], i);
    }
    run_pass(d, (wg_batch){ .size = 7, .in_order = true }, 4, order);
    for (int64_t i = 0; i < n; i++) ck_assert_int_eq(order[i], i);
    wg_data_free(d);
}
END_TEST

START_TEST(the_order_is_given_by_the_seed_alone) {
    int64_t a[100], b[100], c[100];
    wg_data *d = numbered(100, 4, PLAIN), *other = numbered(100, 7, PLAIN);
    run_pass(d, (wg_batch){ .size = 8, .seed = 1 }, 4, a);
    run_pass(other, (wg_batch){ .size = 33, .seed = 1 }, 7, b);  // whatever the batches
    run_pass(d, (wg_batch){ .size = 8, .seed = 2 }, 4, c);
    ck_assert_int_eq(memcmp(a, b, sizeof a), 0);
    ck_assert_int_ne(memcmp(a, c, sizeof a), 0);
    wg_data_free(d), wg_data_free(other);
}
END_TEST

START_TEST(orders_look_random) {
    enum { N = 10, PASSES = 20000 };
    static int64_t place[N][N], next[N][N];
    wg_data *d = numbered(N, 1, PLAIN);
    memset(place, 0, sizeof place), memset(next, 0, sizeof next);
    for (uint64_t seed = 0; seed < PASSES; seed++) {
        int64_t order[N];
        run_pass(d, (wg_batch){ .size = N, .seed = seed }, 1, order);
        for (int i = 0; i < N; i++) place[i][order[i]]++;
        for (int i = 0; i + 1 < N; i++) next[order[i]][order[i + 1]]++;
    }
    // Each sample is at each place in a tenth of the passes, and each other one follows it in a
    // tenth: 190 counts, within six standard errors of a share.
    double bound = 6 * sqrt(0.1 * 0.9 / PASSES);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            expect_close((double)place[i][j] / PASSES, 0.1, bound, "place");
            if (i != j) expect_close((double)next[i][j] / PASSES, 0.1, bound, "next");
        }
    wg_data_free(d);
}
END_TEST

START_TEST(permutations_of_two_streams_differ) {
    enum { N = 1000 };
    wg__shuffle a = wg__shuffle_new(N, 7, 1), b = wg__shuffle_new(N, 7, 2);
    int same = 0;
    for (int64_t i = 0; i < N; i++) same += wg__shuffle_at(&a, i) == wg__shuffle_at(&b, i);
    ck_assert_int_lt(same, 12);  // one is expected; twelve has a chance of 1e-9
}
END_TEST

START_TEST(two_passes_may_take_turns) {
    wg_data *d = numbered(50, 4, PLAIN);
    int64_t alone[2][50], turns[2][50];
    for (int k = 0; k < 2; k++)
        run_pass(d, (wg_batch){ .size = 5, .seed = (uint64_t)k }, 4, alone[k]);
    wg_batch b[2] = { { .size = 5, .seed = 0 }, { .size = 5, .seed = 1 } };
    for (int round = 0; round < 10; round++)
        for (int k = 0; k < 2; k++) {
            ck_assert(wg_data_next(d, &b[k]));
            for (int i = 0; i < 5; i++) turns[k][5 * round + i] = (int64_t)element(b[k].x, 3 * i);
        }
    ck_assert_int_eq(memcmp(alone, turns, sizeof alone), 0);
    wg_data_free(d);
}
END_TEST

START_TEST(a_pass_asks_for_no_memory_once_warm) {
    wg_data *d = numbered(100, 4, PLAIN);
    int64_t order[100];
    run_pass(d, (wg_batch){ .size = 32 }, 4, order);
    int64_t calls = counted.calls, tensors = wg_memory_now().tensors;
    size_t used = bytes_in_use();
    for (uint64_t seed = 0; seed < 5; seed++) {
        wg_batch b = { .size = seed == 3 ? 10 : 32, .seed = seed };  // smaller ones fit as well
        while (wg_data_next(d, &b)) {
            ck_assert_uint_eq(bytes_in_use(), used);
            ck_assert_int_eq(wg_memory_now().tensors, tensors);
        }
    }
    ck_assert_int_eq(counted.calls, calls);
    wg_data_free(d);
}
END_TEST

START_TEST(batches_hold_no_more_than_the_set) {
    wg_data *d = numbered(3, 4, PLAIN);
    int64_t order[3];
    size_t used = bytes_in_use();
    run_pass(d, (wg_batch){ .size = INT64_MAX }, 4, order);
    ck_assert_uint_lt(bytes_in_use() - used, 4096);
    wg_data_free(d);
}
END_TEST

START_TEST(the_next_batch_makes_an_old_history_stale) {
    wg_data *d = numbered(8, 4, PLAIN);
    wg_tensor *w = wg_variable(wg_ones(WG_F32, WG_SHAPE(3)));
    wg_batch b = { .size = 4 };
    ck_assert(wg_data_next(d, &b));
    wg_tensor *loss = wg_sum(wg_mul(b.x, w));  // ()
    ck_assert(wg_backward(loss));
    ck_assert(wg_data_next(d, &b));
    ck_assert(!wg_backward(loss));
    expect_error(WG_ERROR_STATE, "mul");
    wg_data_free(d);
}
END_TEST

START_TEST(a_pass_that_is_over_is_not_another) {
    wg_data *d = numbered(8, 4, PLAIN);
    wg_batch b = { .size = 5 };
    ck_assert(wg_data_next(d, &b) && wg_data_next(d, &b) && !wg_data_next(d, &b));
    expect_no_error();
    ck_assert_int_eq(b.at, -1);
    ck_assert(!wg_data_next(d, &b));
    expect_error(WG_ERROR_STATE, "data_next: the pass is over: begin another with a new wg_batch");
    b = (wg_batch){ .size = 5 };
    ck_assert(wg_data_next(d, &b));
    wg_data_free(d);
}
END_TEST

START_TEST(an_empty_set_has_no_batch) {
    wg_data *d = numbered(0, 4, PLAIN);
    wg_batch b = { .size = 4 };
    ck_assert(!wg_data_next(d, &b));
    expect_no_error();
    wg_data_free(d);
}
END_TEST

START_TEST(a_pass_is_asked_for_properly) {
    wg_data *d = numbered(8, 4, PLAIN);
    wg_batch b = { .size = 0 }, c = { .size = 1, .at = -2 };
    ck_assert(!wg_data_next(d, &b));
    expect_error(WG_ERROR_ARGUMENT, "batches of 0 from sample 0");
    ck_assert(!wg_data_next(d, &c));
    expect_error(WG_ERROR_ARGUMENT, "batches of 1 from sample -2");
    ck_assert(!wg_data_next(NULL, &b));
    expect_error(WG_ERROR_ARGUMENT, "the set is NULL");
    ck_assert(!wg_data_next(d, NULL));
    expect_error(WG_ERROR_ARGUMENT, "the batch is NULL");
    wg_data_free(d), wg_data_free(NULL);
    ck_assert_int_eq(wg_data_size(NULL), 0);
}
END_TEST

/* ---- contents -------------------------------------------------------------------------------- */

START_TEST(batches_are_converted_and_scaled) {
    for (int from = 0; from < WG_DTYPES; from++)
        for (int to = WG_F32; to <= WG_F64; to++) {
            const double values[] = { 0, 1, 7, 200, 255, 3 };
            wg_tensor *x = wg_from_f64((wg_dtype)from, WG_SHAPE(3, 2), values);
            wg_tensor *y = wg_arange(WG_U8, 0, 3, 1);
            wg_data *d =
                wg_data_new(x, y, (wg_data_options){ .scale = 1 / 255.0, .dtype = (wg_dtype)to });
            wg_batch b = { .size = 3, .in_order = true };
            ck_assert(wg_data_next(d, &b));
            ck_assert_int_eq(wg_dtype_of(b.x), to);
            ck_assert_int_eq(wg_dtype_of(b.y), WG_U8);
            for (int64_t k = 0; k < 6; k++) {
                double wanted = element(x, k) * (1 / 255.0);
                ck_assert_double_eq(element(b.x, k), to == WG_F32 ? (double)(float)wanted : wanted);
            }
            ck_assert(wg_equal(b.y, y));
            wg_data_free(d);
        }
}
END_TEST

START_TEST(rows_of_any_layout_come_out_right) {
    wg_tensor *base = normal(WG_F64, WG_SHAPE(4, 5, 6), 1);  // (4, 5, 6)
    wg_tensor *views[] = { base,
                           wg_transpose(base, 0, 2),
                           wg_transpose(base, 1, 2),
                           wg_flip(base, 0),
                           wg_slice(wg_flip(base, 1), 2, 0, WG_END, 2),
                           wg_expand(wg_select(base, 0, 1), WG_SHAPE(3, 5, 6)) };
    for (int v = 0; v < 6; v++) {
        wg_tensor *x = views[v];
        wg_data *d = wg_data_new(x, x, (wg_data_options){ .scale = 2, .dtype = WG_F64 });
        wg_batch b = { .size = wg_dim(x, 0), .in_order = true };
        ck_assert(wg_data_next(d, &b));
        ck_assert(wg_equal(b.y, x));
        for (int64_t k = 0; k < wg_numel(x); k++)  // twice is exact
            ck_assert_double_eq(element(b.x, k), 2 * element(x, k));
        wg_data_free(d);
    }
}
END_TEST

START_TEST(integers_pass_through_unscaled) {
    const int64_t tokens[] = { 1, INT64_MAX, -5, 7 };
    wg_tensor *x = wg_from(WG_I64, WG_SHAPE(2, 2), tokens);
    wg_data *d = wg_data_new(x, x, (wg_data_options){ .dtype = WG_I64 });
    wg_batch b = { .size = 2, .in_order = true };
    ck_assert(wg_data_next(d, &b));
    ck_assert(wg_equal(b.x, x));
    wg_data_free(d);
    ck_assert_ptr_null(wg_data_new(x, x, (wg_data_options){ .dtype = WG_I64, .scale = 2 }));
    expect_error(WG_ERROR_DTYPE, "batches of i64 from x of i64 times 2");
    ck_assert_ptr_null(wg_data_new(x, x, (wg_data_options){ .dtype = WG_U8 }));
    expect_error(WG_ERROR_DTYPE, "batches of u8 from x of i64");
}
END_TEST

START_TEST(a_set_shares_memory_and_outlives_the_tensors) {
    wg_scope *scope = wg_scope_open();
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(2, 1)), *y = wg_zeros(WG_I64, WG_SHAPE(2));
    wg_data *d = wg_data_new(x, y, PLAIN);
    wg_fill(x, 5);
    wg_scope_close(scope);
    wg_batch b = { .size = 2 };
    ck_assert(wg_data_next(d, &b));
    ck_assert_double_eq(element(b.x, 1), 5);
    wg_data_free(d);
}
END_TEST

START_TEST(a_set_is_asked_for_properly) {
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(4, 3)), *y = wg_zeros(WG_I64, WG_SHAPE(5));
    ck_assert_ptr_null(wg_data_new(x, y, PLAIN));
    expect_error(WG_ERROR_SHAPE, "x is [4,3] and y [5]");
    ck_assert_ptr_null(wg_data_new(x, wg_zeros(WG_I64, WG_SCALAR), PLAIN));
    expect_error(WG_ERROR_SHAPE, "x is [4,3] and y []");
    ck_assert_ptr_null(wg_data_new(NULL, y, PLAIN));
    expect_error(WG_ERROR_ARGUMENT, "x is NULL");
    ck_assert_ptr_null(wg_data_new(x, NULL, PLAIN));
    expect_error(WG_ERROR_ARGUMENT, "y is NULL");
    ck_assert_ptr_null(wg_data_new(x, x, (wg_data_options){ .scale = NAN }));
    expect_error(WG_ERROR_ARGUMENT, "scale is nan");
}
END_TEST

/* ---- parts ----------------------------------------------------------------------------------- */

enum { PARTS = 3 };

// Which part each sample went to; -1 for none. No sample may be in two.
static void owners(wg_data *part[], int n, int64_t size, int64_t classes, int owner[]) {
    static int64_t order[2000];
    for (int64_t i = 0; i < size; i++) owner[i] = -1;
    for (int k = 0; k < n; k++) {
        run_pass(part[k], (wg_batch){ .size = 64, .seed = 9 }, classes, order);
        for (int64_t i = 0; i < wg_data_size(part[k]); i++) {
            ck_assert_int_eq(owner[order[i]], -1);
            owner[order[i]] = k;
        }
    }
}

static void free_parts(wg_data *part[], int n) {
    for (int k = 0; k < n; k++) wg_data_free(part[k]);
}

enum { CLASSES = 333 };  // at most

static const struct {
    int64_t size, classes;
    double share[PARTS];
} splits[] = {
    { 1000, 7, { 0.6, 0.2, 0.2 } },    { 1000, 7, { 0.7, 0.2, 0.1 } },
    { 997, 7, { 0.29, 0.29, 0.42 } },  { 10, 7, { 0.5, 0.25, 0.25 } },
    { 1000, 7, { 0.1, 0.2, 0.3 } },    { 20, 7, { 1, 0, 0 } },
    { 7, 7, { 0.34, 0.33, 0.33 } },    { 0, 7, { 0.5, 0.5, 0 } },
    { 1000, 1, { 0.29, 0.29, 0.42 } }, { 1000, 100, { 0.29, 0.29, 0.42 } },
    { 999, 333, { 0.7, 0.2, 0.1 } },   { 990, 331, { 0.05, 0.15, 0.77 } },
    { 900, 300, { 0.5, 0.3, 0.15 } },  { 700, 100, { 0.85, 0.05, 0.05 } },
};

START_TEST(a_split_is_disjoint_complete_and_stratified) {
    int64_t size = splits[_i].size, classes = splits[_i].classes;
    const double *share = splits[_i].share, all = share[0] + share[1] + share[2];
    wg_data *d = numbered(size, classes, PLAIN), *part[PARTS];
    ck_assert(wg_data_split(d, share, PARTS, 5, part));
    wg_data_free(d);  // parts outlive what they were cut from
    int owner[1000], count[PARTS + 1] = { 0 }, of_class[CLASSES][PARTS + 1] = { { 0 } };
    owners(part, PARTS, size, classes, owner);
    for (int64_t i = 0; i < size; i++) {
        int k = owner[i] < 0 ? PARTS : owner[i];
        count[k]++, of_class[i % classes][k]++;
    }
    if (all > 0.9999) ck_assert_int_eq(count[PARTS], 0);
    for (int k = 0; k < PARTS; k++) {
        // Both are roundings up or down, of a product that is itself a hair off.
        expect_close(count[k], share[k] * (double)size, 1 + 1e-6, "size of a part");
        for (int64_t c = 0; c < classes; c++) {
            double members = (double)((size + classes - 1 - c) / classes);
            expect_close(of_class[c][k], share[k] * members, 1 + 1e-6, "a class's share");
        }
    }
    free_parts(part, PARTS);
}
END_TEST

START_TEST(a_split_is_drawn_by_its_seed) {
    wg_data *d = numbered(300, 7, PLAIN), *a[2], *b[2], *c[2];
    const double half[] = { 0.5, 0.5 };
    int first[300], same[300], other[300];
    wg_data_split(d, half, 2, 1, a), wg_data_split(d, half, 2, 1, b),
        wg_data_split(d, half, 2, 2, c);
    owners(a, 2, 300, 7, first), owners(b, 2, 300, 7, same), owners(c, 2, 300, 7, other);
    ck_assert_int_eq(memcmp(first, same, sizeof first), 0);
    int agree = 0;
    for (int i = 0; i < 300; i++) agree += first[i] == other[i];
    expect_close(agree, 150, 5 * sqrt(300) / 2, "samples drawn alike");  // five standard errors
    free_parts(a, 2), free_parts(b, 2), free_parts(c, 2);
    wg_data_free(d);
}
END_TEST

START_TEST(a_part_can_be_split_again) {
    wg_data *d = numbered(700, 7, PLAIN), *half[2], *quarter[2];
    const double shares[] = { 0.5, 0.5 };
    ck_assert(wg_data_split(d, shares, 2, 1, half));
    ck_assert(wg_data_split(half[1], shares, 2, 1, quarter));
    int whole[700], owner[700];
    owners(half, 2, 700, 7, whole), owners(quarter, 2, 700, 7, owner);
    int of_class[7] = { 0 };
    for (int i = 0; i < 700; i++) {
        ck_assert_int_eq(owner[i] >= 0, whole[i] == 1);
        of_class[i % 7] += owner[i] == 0;
    }
    for (int c = 0; c < 7; c++) ck_assert_int_eq(of_class[c], 25);
    free_parts(half, 2), free_parts(quarter, 2);
    wg_data_free(d);
}
END_TEST

START_TEST(a_split_of_targets_that_are_no_classes_is_plain) {
    wg_tensor *x = wg_arange(WG_F32, 0, 100, 1), *y = normal(WG_F32, WG_SHAPE(100, 2), 1);
    wg_data *d = wg_data_new(x, y, PLAIN), *part[2];
    ck_assert(wg_data_split(d, (double[]){ 0.8, 0.2 }, 2, 1, part));
    ck_assert_int_eq(wg_data_size(part[0]), 80);
    ck_assert_int_eq(wg_data_size(part[1]), 20);
    wg_batch b = { .size = 20 };
    ck_assert(wg_data_next(part[1], &b));
    for (int64_t i = 0; i < 20; i++)
        for (int64_t k = 0; k < 2; k++)
            ck_assert_double_eq(element(b.y, 2 * i + k),
                                element(y, 2 * (int64_t)element(b.x, i) + k));
    free_parts(part, 2);
    wg_data_free(d);
}
END_TEST

static const struct {
    double share[2];
    const char *words;
} bad_splits[] = {
    { { 0.6, 0.5 }, "the 2 shares add up to 1.1" },
    { { 0.5, -0.1 }, "share 1 is -0.1" },
    { { NAN, 0.1 }, "share 0 is nan" },
    { { 0.5, 1.5 }, "share 1 is 1.5" },
};

START_TEST(a_part_without_samples_is_told_when_it_is_cut) {
    wg_data *d = numbered(3, 1, PLAIN), *part[2] = { d, d };
    ck_assert(!wg_data_split(d, (double[]){ 0.9, 0.1 }, 2, 1, part));
    expect_error(WG_ERROR_ARGUMENT, "data_split: part 1, a share of 0.1, is empty of 3 samples");
    ck_assert(!part[0] && !part[1]);
    ck_assert(wg_data_split(d, (double[]){ 1, 0 }, 2, 1, part));
    ck_assert_int_eq(wg_data_size(part[1]), 0);
    free_parts(part, 2);
    wg_data_free(d);
}
END_TEST

START_TEST(a_split_is_asked_for_properly) {
    wg_data *d = numbered(10, 2, PLAIN), *part[2] = { d, d };
    ck_assert(!wg_data_split(d, bad_splits[_i].share, 2, 1, part));
    expect_error(WG_ERROR_ARGUMENT, bad_splits[_i].words);
    ck_assert(!part[0] && !part[1]);
    ck_assert(!wg_data_split(d, bad_splits[_i].share, 0, 1, part));
    expect_error(WG_ERROR_ARGUMENT, "0 parts");
    ck_assert(!wg_data_split(NULL, bad_splits[_i].share, 2, 1, part));
    expect_error(WG_ERROR_ARGUMENT, "the set is NULL");
    wg_data_free(d);
}
END_TEST

/* ---- files ----------------------------------------------------------------------------------- */

static const char *spill(const char *name, const void *bytes, size_t size) {
    static char path[2][64];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "/tmp/wengert-data-%ld-%s", (long)getpid(), name);
    FILE *file = fopen(path[turn], "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
    return path[turn];
}

static const char table[] = "a;b;class\n1.5;2;0\n3;4;12\n5;6;3\n";
static const wg_csv_options headed = { .separator = ';', .skip = 1 };

START_TEST(a_table_is_cut_into_samples_and_labels) {
    const char *path = spill("t.csv", table, sizeof table - 1);
    const double x[3][3][2] = { { { 2, 0 }, { 4, 12 }, { 6, 3 } },  // by the label's column, from 1
                                { { 1.5, 0 }, { 3, 12 }, { 5, 3 } },
                                { { 1.5, 2 }, { 3, 4 }, { 5, 6 } } };
    const double y[3][3] = { { 1, 3, 5 }, { 2, 4, 6 }, { 0, 12, 3 } };
    for (int column = 0; column <= 3; column++) {
        if (column == 1) continue;  // 1.5 is no label
        wg_data *d = wg_data_csv(path, (wg_data_options){ .label_column = column, .csv = headed });
        ck_assert_msg(d != NULL, "%s", wg_error_message());
        wg_batch b = { .size = 3, .in_order = true };
        ck_assert(wg_data_next(d, &b));
        ck_assert_int_eq(wg_dtype_of(b.y), WG_I64);
        ck_assert_int_eq(wg_dim(b.x, 1), 2);
        int which = column == 0 ? 2 : column - 1;
        for (int64_t i = 0; i < 3; i++) {
            ck_assert_double_eq(element(b.y, i), y[which][i]);
            for (int64_t k = 0; k < 2; k++)
                ck_assert_double_eq(element(b.x, 2 * i + k), x[which][i][k]);
        }
        wg_data_free(d);
    }
    ck_assert_ptr_null(wg_data_csv(path, (wg_data_options){ .label_column = 1, .csv = headed }));
    expect_error(WG_ERROR_FORMAT, "t.csv: row 1 has the label 1.5");
    ck_assert_ptr_null(wg_data_csv(path, (wg_data_options){ .label_column = 4, .csv = headed }));
    expect_error(WG_ERROR_ARGUMENT, "label column 4 of 3");
    ck_assert_ptr_null(wg_data_csv(path, (wg_data_options){ .label_column = -1, .csv = headed }));
    expect_error(WG_ERROR_ARGUMENT, "label column -1 of 3");
    unlink(path);
}
END_TEST

static const struct {
    const char *text, *words;
} bad_tables[] = {
    { "1,0\n2,-1\n", "row 2 has the label -1" },
    { "1,0\n2,1\n3,0.5\n", "row 3 has the label 0.5" },
    { "1\n2\n", "1 columns" },
};

START_TEST(a_table_without_labels_is_refused) {
    const char *path = spill("bad.csv", bad_tables[_i].text, strlen(bad_tables[_i].text));
    ck_assert_ptr_null(wg_data_csv(path, PLAIN));
    expect_error(WG_ERROR_FORMAT, bad_tables[_i].words);
    unlink(path);
    ck_assert_ptr_null(wg_data_csv(path, PLAIN));
    expect_error(WG_ERROR_FILE, "bad.csv");
    ck_assert_ptr_null(wg_data_csv(NULL, PLAIN));
    expect_error(WG_ERROR_ARGUMENT, "path is NULL");
}
END_TEST

static const struct {
    wg_dtype dtype;
    const char *label;
    int64_t value;  // -1: refused, for the words
    const char *words;
} large_labels[] = {
    { WG_F32, "16777215", 16777215, NULL },
    { WG_F32, "16777216", -1,
      "row 2 has the label 16777216; read as f32 labels are exact below 16777216" },
    { WG_F32, "16777217", -1, "read as f32 labels are exact below 16777216" },
    { WG_F64, "16777217", 16777217, NULL },
    { WG_F64, "9007199254740991", 9007199254740991, NULL },
    { WG_F64, "9007199254740993", -1, "read as f64 labels are exact below 9007199254740992" },
    { WG_I32, "16777217", 16777217, NULL },
    { WG_I64, "9007199254740993", 9007199254740993, NULL },
    { WG_I64, "9223372036854775807", INT64_MAX, NULL },
    { WG_I64, "-1", -1, "row 2 has the label -1, wanted is a whole number from 0 on" },
};

START_TEST(a_csv_label_is_exact_or_refused) {
    char text[64];
    snprintf(text, sizeof text, "1,0\n2,%s\n", large_labels[_i].label);
    const char *path = spill("large.csv", text, strlen(text));
    wg_data *d = wg_data_csv(path, (wg_data_options){ .csv = { .dtype = large_labels[_i].dtype } });
    ck_assert_int_eq(d != NULL, large_labels[_i].value >= 0);
    if (d) {
        wg_batch b = { .size = 2, .in_order = true };
        ck_assert(wg_data_next(d, &b));
        ck_assert_int_eq(((const int64_t *)wg_values(b.y, WG_I64))[1], large_labels[_i].value);
    } else {
        expect_error(WG_ERROR_FORMAT, large_labels[_i].words);
    }
    wg_data_free(d);
    unlink(path);
}
END_TEST

START_TEST(messages_begin_with_the_function_whatever_layer_came_before) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(4, 3)), *y = wg_zeros(WG_I64, WG_SHAPE(5));
    ck_assert_ptr_nonnull(wg_nn_sub(m, "block3"));
    ck_assert_ptr_null(wg_data_new(x, y, PLAIN));
    ck_assert_int_eq(strncmp(wg_error_message(), "data_new: x is", 14), 0);
    wg_error_clear();
    ck_assert_ptr_nonnull(wg_nn_sub(m, "block3"));
    ck_assert_ptr_null(wg_data_csv(NULL, PLAIN));
    ck_assert_int_eq(strncmp(wg_error_message(), "data_csv: the path", 18), 0);
    wg_error_clear();
    wg_nn_free(m);
}
END_TEST

START_TEST(the_digits_are_all_there) {
    wg_data *d = wg_data_csv("examples/data/digits.csv", (wg_data_options){ .scale = 1 / 16.0 });
    ck_assert_msg(d != NULL, "%s", wg_error_message());
    ck_assert_int_eq(wg_data_size(d), 1797);
    wg_batch b = { .size = 1797, .in_order = true };
    ck_assert(wg_data_next(d, &b));
    ck_assert_int_eq(wg_dim(b.x, 1), 64);
    for (int64_t k = 0; k < 1797 * 64; k += 101)
        ck_assert(element(b.x, k) >= 0 && element(b.x, k) <= 1);
    ck_assert_double_eq(element(b.x, 2), 5 / 16.0);
    for (int64_t i = 0; i < 3; i++) ck_assert_double_eq(element(b.y, i), (double)i);
    wg_data *part[3];
    ck_assert(wg_data_split(d, (double[]){ 0.6, 0.2, 0.2 }, 3, 7, part));
    ck_assert_int_eq(wg_data_size(part[0]) + wg_data_size(part[1]) + wg_data_size(part[2]), 1797);
    free_parts(part, 3);
    wg_data_free(d);
}
END_TEST

static const unsigned char images[] = { 0, 0,  8,   3,   0,   0,   0, 2, 0, 0, 0, 2, 0, 0, 0, 3,  //
                                        0, 51, 102, 153, 204, 255, 5, 4, 3, 2, 1, 0 };
static const unsigned char labels[] = { 0, 0, 8, 1, 0, 0, 0, 2, 9, 4 };
static const unsigned char three[] = { 0, 0, 8, 1, 0, 0, 0, 3, 9, 4, 1 };

START_TEST(a_pair_of_idx_files_is_a_set) {
    const char *x = spill("images", images, sizeof images),
               *y = spill("labels", labels, sizeof labels);
    wg_data *d = wg_data_idx(x, y, (wg_data_options){ .scale = 1 / 51.0, .dtype = WG_F64 });
    ck_assert_msg(d != NULL, "%s", wg_error_message());
    wg_batch b = { .size = 2, .in_order = true };
    ck_assert(wg_data_next(d, &b));
    ck_assert_int_eq(wg_rank(b.x), 2);
    ck_assert_int_eq(wg_dim(b.x, 1), 6);
    ck_assert_int_eq(wg_dtype_of(b.y), WG_I64);
    for (int64_t k = 0; k < 6; k++)  // one rounding of numbers up to 5
        expect_close(element(b.x, k), (double)k, 1e-15, "a pixel");
    ck_assert_double_eq(element(b.y, 0), 9);
    ck_assert_double_eq(element(b.y, 1), 4);
    wg_data_free(d);
    unlink(x), unlink(y);
}
END_TEST

START_TEST(idx_files_that_do_not_pair_are_refused) {
    const char *x = spill("images", images, sizeof images),
               *y = spill("three", three, sizeof three);
    ck_assert_ptr_null(wg_data_idx(x, y, PLAIN));
    expect_error(WG_ERROR_FORMAT, "has 2 images and");
    ck_assert_ptr_null(wg_data_idx(x, y, PLAIN));
    expect_error(WG_ERROR_FORMAT, "three 3 labels");
    ck_assert_ptr_null(wg_data_idx(y, y, PLAIN));
    expect_error(WG_ERROR_FORMAT, "three: [3], wanted are images");
    ck_assert_ptr_null(wg_data_idx(x, x, PLAIN));
    expect_error(WG_ERROR_FORMAT, "images: u8 [2,2,3], wanted are labels");
    ck_assert_ptr_null(wg_data_idx(x, "/nonexistent", PLAIN));
    expect_error(WG_ERROR_FILE, "/nonexistent");
    ck_assert_ptr_null(wg_data_idx(x, NULL, PLAIN));
    expect_error(WG_ERROR_ARGUMENT, "path of the labels is NULL");
    unlink(x), unlink(y);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

static bool load_split_and_pass(void) {
    const char *path = spill("oom.csv", table, sizeof table - 1);
    wg_data *d = wg_data_csv(path, (wg_data_options){ .csv = headed }), *part[2] = { NULL, NULL };
    bool done = d && wg_data_split(d, (double[]){ 0.5, 0.5 }, 2, 1, part);
    ck_assert(done || (!part[0] && !part[1]));
    int64_t seen = 0;
    for (int k = 0; done && k < 2; k++)
        for (wg_batch b = { .size = 1 + k }; wg_data_next(part[k], &b);) seen += wg_dim(b.x, 0);
    wg_data_free(d), free_parts(part, 2);
    unlink(path);
    return done && seen == 3;
}
static bool load_idx(void) {
    const char *x = spill("oom-x", images, sizeof images),
               *y = spill("oom-y", labels, sizeof labels);
    wg_data *d = wg_data_idx(x, y, PLAIN);
    unlink(x), unlink(y);
    wg_data_free(d);
    return d != NULL;
}

START_TEST(every_allocation_may_fail) {
    fail_every_allocation(load_split_and_pass);
    fail_every_allocation(load_idx);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("data");
    TCase *t = add_cases(suite, "data");
    ADD_TABLE(t, a_pass_is_a_permutation, sizes);
    tcase_add_test(t, the_order_is_given_by_the_seed_alone);
    tcase_add_test(t, orders_look_random);
    tcase_add_test(t, permutations_of_two_streams_differ);
    tcase_add_test(t, two_passes_may_take_turns);
    tcase_add_test(t, a_pass_asks_for_no_memory_once_warm);
    tcase_add_test(t, batches_hold_no_more_than_the_set);
    tcase_add_test(t, the_next_batch_makes_an_old_history_stale);
    tcase_add_test(t, a_pass_that_is_over_is_not_another);
    tcase_add_test(t, an_empty_set_has_no_batch);
    tcase_add_test(t, a_pass_is_asked_for_properly);
    tcase_add_test(t, batches_are_converted_and_scaled);
    tcase_add_test(t, rows_of_any_layout_come_out_right);
    tcase_add_test(t, integers_pass_through_unscaled);
    tcase_add_test(t, a_set_shares_memory_and_outlives_the_tensors);
    tcase_add_test(t, a_set_is_asked_for_properly);
    ADD_TABLE(t, a_split_is_disjoint_complete_and_stratified, splits);
    tcase_add_test(t, a_split_is_drawn_by_its_seed);
    tcase_add_test(t, a_part_can_be_split_again);
    tcase_add_test(t, a_part_without_samples_is_told_when_it_is_cut);
    tcase_add_test(t, a_split_of_targets_that_are_no_classes_is_plain);
    ADD_TABLE(t, a_split_is_asked_for_properly, bad_splits);
    tcase_add_test(t, a_table_is_cut_into_samples_and_labels);
    ADD_TABLE(t, a_table_without_labels_is_refused, bad_tables);
    ADD_TABLE(t, a_csv_label_is_exact_or_refused, large_labels);
    tcase_add_test(t, messages_begin_with_the_function_whatever_layer_came_before);
    tcase_add_test(t, the_digits_are_all_there);
    tcase_add_test(t, a_pair_of_idx_files_is_a_set);
    tcase_add_test(t, idx_files_that_do_not_pair_are_refused);
    tcase_add_test(t, every_allocation_may_fail);
    return run_suite(suite);
}
