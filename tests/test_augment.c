// SPDX-License-Identifier: MIT
/* test_augment.c: images moved and mirrored, and samples standardised, on the way into a batch. */
#include "tests/nn_test.h"

static const wg_data_options PLAIN = { 0 };
enum { N = 400, ROWS = 5, COLUMNS = 6, PIXELS = ROWS * COLUMNS };

/* N images of random pixels, none of them 0. */
static wg_data *images(wg_shape shape, wg_data_options o) {
    int64_t numel = 1;
    for (int i = 0; i < shape.rank; i++) numel *= shape.dim[i];
    wg_random r = { .seed = 1 };
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(N, numel));
    float *values = malloc((size_t)(N * numel) * sizeof *values);
    for (int64_t i = 0; i < N * numel; i++) values[i] = (float)(1 + wg_random_below(&r, 1 << 20));
    ck_assert(wg_write(x, values, N * numel));
    free(values);
    wg_shape all = { .rank = shape.rank + 1, .dim = { N } };
    memcpy(all.dim + 1, shape.dim, (size_t)shape.rank * sizeof *shape.dim);
    wg_data *d = wg_data_new(wg_reshape(x, all), wg_arange(WG_I64, 0, N, 1), o);
    ck_assert_msg(d != NULL, "%s", wg_error_message());
    return d;
}

/* ---- one image, the plain way ---------------------------------------------------------------- */

typedef struct motion {
    int mirrored, down, right;
} motion;

static double pixel_of(const double *image, motion a, int row, int column) {
    row -= a.down, column -= a.right;
    if (row < 0 || row >= ROWS || column < 0 || column >= COLUMNS) return 0;
    return image[row * COLUMNS + (a.mirrored ? COLUMNS - 1 - column : column)];
}

static bool moved_by(const double *from, const double *to, motion a) {
    for (int i = 0; i < PIXELS; i++)
        if (to[i] != pixel_of(from, a, i / COLUMNS, i % COLUMNS)) return false;
    return true;
}

// The one motion within `shift` that leads from one image to the other.
static motion motion_of(const double *from, const double *to, int shift) {
    motion found = { -1, 0, 0 }, a;
    for (a.mirrored = 0; a.mirrored < 2; a.mirrored++)
        for (a.down = -shift; a.down <= shift; a.down++)
            for (a.right = -shift; a.right <= shift; a.right++)
                if (moved_by(from, to, a)) found = a;
    ck_assert_int_ge(found.mirrored, 0);
    return found;
}

/* A whole pass at once, in the order of the set. */
static double *pass(wg_data *d, wg_augment how, uint64_t seed) {
    wg_batch b = { .size = N, .seed = seed, .in_order = true, .augment = how };
    ck_assert_msg(wg_data_next(d, &b), "%s", wg_error_message());
    return elements_of(b.x, wg_numel(b.x));
}

static const wg_shape layouts[] = {
    { 1, { PIXELS } },
    { 2, { ROWS, COLUMNS } },
    { 3, { 1, ROWS, COLUMNS } },
    { 3, { 3, ROWS, COLUMNS } },
};

START_TEST(images_are_moved_and_mirrored_all_ways_alike) {
    enum { SHIFT = 2, WAYS = 2 * SHIFT + 1, PASSES = 5 };
    wg_data *d = images(layouts[_i], PLAIN);
    wg_augment how = { .shift = SHIFT, .flip = 0.25 };
    if (_i == 0) how.rows = ROWS, how.columns = COLUMNS;
    int planes = _i == 3 ? 3 : 1, down[WAYS] = { 0 }, right[WAYS] = { 0 }, mirrored = 0;
    double *from = pass(d, (wg_augment){ 0 }, 0);
    for (uint64_t seed = 0; seed < PASSES; seed++) {
        double *to = pass(d, how, seed);
        for (int i = 0; i < N; i++) {
            const double *a = from + i * planes * PIXELS, *b = to + i * planes * PIXELS;
            motion m = motion_of(a, b, SHIFT);
            for (int c = 1; c < planes; c++)  // all channels alike
                ck_assert(moved_by(a + c * PIXELS, b + c * PIXELS, m));
            down[m.down + SHIFT]++, right[m.right + SHIFT]++, mirrored += m.mirrored;
        }
        free(to);
    }
    free(from);
    // Five standard errors of a share of 0.2 or 0.25 among 2000 images.
    double total = N * PASSES;
    for (int k = 0; k < WAYS; k++) {
        expect_close(down[k] / total, 0.2, 5 * sqrt(0.16 / total), "down");
        expect_close(right[k] / total, 0.2, 5 * sqrt(0.16 / total), "right");
    }
    expect_close(mirrored / total, 0.25, 5 * sqrt(0.1875 / total), "mirrored");
    wg_data_free(d);
}
END_TEST

START_TEST(what_becomes_of_an_image_follows_from_seed_and_number_alone) {
    wg_data *d = images(layouts[1], PLAIN), *part[2];
    wg_augment how = { .shift = 1, .flip = 0.5 };
    double *whole = pass(d, how, 9), *other = pass(d, how, 10);
    ck_assert_int_ne(memcmp(whole, other, N * PIXELS * sizeof *whole), 0);
    ck_assert(wg_data_split(d, (double[]){ 0.5, 0.5 }, 2, 3, part));
    for (int k = 0; k < 2; k++)
        for (wg_batch b = { .size = 7, .seed = 9, .augment = how }; wg_data_next(part[k], &b);)
            for (int64_t i = 0; i < wg_dim(b.x, 0); i++)
                for (int64_t p = 0; p < PIXELS; p++)
                    ck_assert_double_eq(element(b.x, i * PIXELS + p),
                                        whole[(int64_t)element(b.y, i) * PIXELS + p]);
    expect_no_error();
    free(whole), free(other);
    wg_data_free(d), wg_data_free(part[0]), wg_data_free(part[1]);
}
END_TEST

START_TEST(the_largest_shift_moves_as_far_as_a_pixel_is_left) {
    wg_data *d = images(layouts[1], PLAIN);
    double *from = pass(d, (wg_augment){ 0 }, 0), *to = pass(d, (wg_augment){ .shift = 4 }, 0);
    int most = 0;
    for (int i = 0; i < N; i++) {
        motion m = motion_of(from + i * PIXELS, to + i * PIXELS, 4);
        if (m.down == 4 || m.down == -4) most++;
    }
    ck_assert_int_gt(most, 0);
    free(from), free(to);
    wg_data_free(d);
}
END_TEST

// As the images of a set of tensors.
static bool fill_image(void *user, int64_t i, void *x, void *y) {
    memcpy(x, (const float *)user + i * PIXELS, PIXELS * sizeof(float));
    *(int64_t *)y = i;
    return true;
}

START_TEST(images_that_a_function_fills_are_each_moved_in_a_way_of_their_own) {
    wg_data *d = images(layouts[1], PLAIN);
    double *wanted = pass(d, (wg_augment){ .shift = 1, .flip = 0.5 }, 4);
    double *plain = pass(d, (wg_augment){ 0 }, 0);
    float *values = malloc(N * PIXELS * sizeof *values);
    for (int i = 0; i < N * PIXELS; i++) values[i] = (float)plain[i];
    wg_data *filled = wg_data_from((wg_data_source){ .fill = fill_image,
                                                     .user = values,
                                                     .size = N,
                                                     .x_shape = { 2, { ROWS, COLUMNS } },
                                                     .y_dtype = WG_I64 },
                                   PLAIN);
    double *got = pass(filled, (wg_augment){ .shift = 1, .flip = 0.5 }, 4);
    ck_assert_int_eq(memcmp(got, wanted, N * PIXELS * sizeof *got), 0);
    free(wanted), free(plain), free(got);
    wg_data_free(d), wg_data_free(filled);
    free(values);
}
END_TEST

START_TEST(a_share_of_the_images_keeps_still) {
    wg_data *d = images(layouts[1], PLAIN);
    double *from = pass(d, (wg_augment){ 0 }, 0), kept = 0;
    for (uint64_t seed = 0; seed < 5; seed++) {
        double *to = pass(d, (wg_augment){ .shift = 1, .still = 0.7 }, seed);
        for (int i = 0; i < N; i++)
            kept += !memcmp(from + i * PIXELS, to + i * PIXELS, PIXELS * sizeof *to);
        free(to);
    }
    // And a ninth of the others; within five standard errors.
    double share = 0.7 + 0.3 / 9;
    expect_close(kept / (5 * N), share, 5 * sqrt(share * (1 - share) / (5 * N)), "kept still");
    free(from);
    wg_data_free(d);
}
END_TEST

START_TEST(a_certain_flip_is_its_own_inverse_and_keeps_integers) {
    wg_tensor *x = wg_arange(WG_U8, 0, 12, 1);
    wg_data *d = wg_data_new(wg_reshape(x, WG_SHAPE(2, 2, 3)), wg_arange(WG_I64, 0, 2, 1),
                             (wg_data_options){ .dtype = WG_U8 });
    wg_batch b = { .size = 2, .in_order = true, .augment = { .flip = 1 } };
    ck_assert(wg_data_next(d, &b));
    EXPECT_VALUES(b.x, 2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9);
    wg_data_free(d);
}
END_TEST

static const struct {
    wg_shape shape;
    wg_augment how;
    wg_status status;
    const char *words;
} bad[] = {
    { { 1, { 30 } }, { .shift = 1 }, WG_ERROR_SHAPE, "0 rows, 0 columns; a batch is [400,30]" },
    { { 1, { 30 } },
      { .shift = 1, .rows = 5, .columns = 5 },
      WG_ERROR_SHAPE,
      "5 rows, 5 columns; a batch is [400,30]" },
    { { 0, { 0 } }, { .flip = 1 }, WG_ERROR_SHAPE, "a batch is [400]" },
    { { 4, { 1, 1, 5, 6 } }, { .flip = 1 }, WG_ERROR_SHAPE, "a batch is [400,1,1,5,6]" },
    { { 2, { 5, 6 } },
      { .shift = -1 },
      WG_ERROR_ARGUMENT,
      "augment by shift -1, still 0, flip 0; wanted are a shift from 0 on and probabilities" },
    { { 2, { 5, 6 } }, { .shift = 1, .still = -0.5 }, WG_ERROR_ARGUMENT, "still -0.5" },
    { { 2, { 5, 6 } }, { .flip = 1.5 }, WG_ERROR_ARGUMENT, "flip 1.5" },
    { { 2, { 5, 6 } }, { .flip = NAN }, WG_ERROR_ARGUMENT, "flip nan" },
    { { 1, { 30 } }, { .flip = 1, .rows = -5, .columns = -6 }, WG_ERROR_ARGUMENT, "-5 rows" },
    { { 2, { 5, 6 } }, { .shift = 5 }, WG_ERROR_ARGUMENT, "by shift 5 moves images of 5 rows" },
    { { 2, { 6, 5 } }, { .shift = INT64_MAX }, WG_ERROR_ARGUMENT, "6 rows, 5 columns out of" },
    { { 1, { 30 } }, { .rows = 5 }, WG_ERROR_ARGUMENT, "5 rows, 0 columns, still 0, by shift 0" },
    { { 1, { 30 } }, { .columns = 6 }, WG_ERROR_ARGUMENT, "which is nothing" },
    { { 2, { 5, 6 } }, { .still = 0.5 }, WG_ERROR_ARGUMENT, "still 0.5, by shift 0 and flip 0" },
};

START_TEST(what_is_no_image_is_refused) {
    wg_data *d = images(bad[_i].shape, PLAIN);
    wg_batch b = { .size = N, .augment = bad[_i].how };
    ck_assert(!wg_data_next(d, &b));
    expect_error(bad[_i].status, bad[_i].words);
    wg_data_free(d);
}
END_TEST

/* ---- standardising --------------------------------------------------------------------------- */

/* x (100, 4): columns far from 0 with deviations of their own, the third constant; y (100). */
static wg_data *columns(wg_tensor **x, wg_tensor **y) {
    wg_tensor *z = normal(WG_F64, WG_SHAPE(100, 4), 2);
    *x = wg_add(wg_mul(z, wg_from_f64(WG_F64, WG_SHAPE(4), (double[]){ 1, 0.001, 0, 50 })),
                wg_from_f64(WG_F64, WG_SHAPE(4), (double[]){ 5, 1000, 0.3, -7 }));
    *y = wg_mul(normal(WG_F64, WG_SHAPE(100), 3), wg_num(9));
    return wg_data_new(*x, *y, (wg_data_options){ .dtype = WG_F64 });
}

// Mean and deviation of elements start, start + step, ..., n of them.
static void moments_of(const wg_tensor *x, int64_t start, int64_t step, int64_t n, double out[2]) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) sum += element(x, start + i * step);
    for (int64_t i = 0; i < n; i++) {
        double gap = element(x, start + i * step) - sum / (double)n;
        squares += gap * gap;
    }
    out[0] = sum / (double)n, out[1] = sqrt(squares / (double)n);
}

START_TEST(standardised_columns_have_mean_zero_and_deviation_one) {
    wg_tensor *x, *y;
    wg_data *d = columns(&x, &y);
    wg_standard s = wg_standard_of(d, (wg_standard_options){ 0 });
    ck_assert_msg(s.mean != NULL, "%s", wg_error_message());
    expect_shape(s.mean, WG_SHAPE(4));
    ck_assert(wg_data_standardise(d, s));
    wg_batch b = { .size = 100, .in_order = true };
    ck_assert(wg_data_next(d, &b));
    for (int64_t k = 0; k < 4; k++) {
        double own[2], is[2];
        moments_of(x, k, 4, 100, own), moments_of(b.x, k, 4, 100, is);
        if (k == 2) {  // constant: stays
            ck_assert_double_eq(element(s.mean, k), 0);
            ck_assert_double_eq(element(s.deviation, k), 1);
            for (int64_t i = 0; i < 100; i++) ck_assert_double_eq(element(b.x, 4 * i + k), 0.3);
            continue;
        }
        // Sums of a hundred numbers up to 1000, and then of deviations in their last digits.
        expect_close(element(s.mean, k), own[0], 1e-11, "mean");
        expect_close(element(s.deviation, k), own[1], 1e-11, "deviation");
        expect_close(is[0], 0, 1e-9, "mean of the standardised");
        expect_close(is[1], 1, 1e-9, "deviation of the standardised");
    }
    ck_assert(wg_equal(b.y, y));
    wg_tensor *same = wg_standard_apply(s, x);
    ck_assert(wg_equal(same, b.x));
    ck_assert(wg_allclose(wg_standard_invert(s, same), x, 1e-14, 0));  // a few roundings
    wg_data_free(d);
}
END_TEST

START_TEST(the_numbers_are_those_of_the_training_part) {
    wg_tensor *x, *y;
    wg_data *d = columns(&x, &y), *part[2];
    ck_assert(wg_data_split(d, (double[]){ 0.5, 0.5 }, 2, 1, part));
    wg_standard s = wg_standard_of(part[0], (wg_standard_options){ 0 });
    ck_assert(wg_data_standardise(part[1], s));
    wg_data *later = wg_data_first(part[1], 10);  // what is cut from it is standardised as well
    wg_batch raw = { .size = 100, .in_order = true }, b = { .size = 10, .in_order = true };
    ck_assert(wg_data_next(part[0], &raw) && wg_data_next(later, &b));
    double own[2];
    moments_of(raw.x, 0, 4, 50, own);
    expect_close(element(s.mean, 0), own[0], 1e-13, "mean");  // fifty numbers about 5
    for (int64_t i = 0; i < 10; i++) {
        wg_tensor *row = wg_select(b.x, 0, i);  // (4): that of some sample, standardised
        bool found = false;
        for (int64_t j = 0; j < 100; j++)
            found |= wg_equal(row, wg_standard_apply(s, wg_select(x, 0, j)));
        ck_assert(found);
    }
    wg_data_free(d), wg_data_free(part[0]), wg_data_free(part[1]), wg_data_free(later);
}
END_TEST

START_TEST(targets_and_channels_are_standardised_too) {
    wg_tensor *x, *y;
    wg_data *d = columns(&x, &y);
    wg_standard s = wg_standard_of(d, (wg_standard_options){ .targets = true });
    expect_shape(s.mean, WG_SCALAR);
    ck_assert(wg_data_standardise(d, s));
    wg_batch b = { .size = 100, .in_order = true };
    ck_assert(wg_data_next(d, &b));
    ck_assert(wg_equal(b.x, x));
    ck_assert(wg_equal(b.y, wg_standard_apply(s, y)));
    ck_assert(wg_allclose(wg_standard_invert(s, b.y), y, 1e-14, 1e-13));  // numbers about 9
    wg_data_free(d);
    wg_tensor *image = normal(WG_F64, WG_SHAPE(20, 3, 2, 2), 4);
    d = wg_data_new(image, image, (wg_data_options){ .dtype = WG_F64 });
    s = wg_standard_of(d, (wg_standard_options){ .per_channel = true });
    wg_tensor *mean = wg_mean_axes(image, WG_AXES(0, 2, 3), false);  // (3)
    for (int64_t k = 0; k < 12; k++)                                 // 80 numbers about 1
        expect_close(element(s.mean, k), element(mean, k / 4), 1e-14, "mean of a channel");
    wg_data_free(d);
}
END_TEST

START_TEST(zeros_of_a_shift_come_before_standardising) {
    wg_data *d = images(layouts[1], PLAIN);
    wg_standard s = wg_standard_of(d, (wg_standard_options){ 0 });
    wg_augment how = { .shift = 2, .flip = 0.5 };
    double *raw = pass(d, how, 1);
    ck_assert(wg_data_standardise(d, s));
    wg_tensor *x = wg_from_f64(WG_F64, WG_SHAPE(N, ROWS, COLUMNS), raw);
    double *wanted = elements_of(wg_standard_apply(s, x), N * PIXELS), *got = pass(d, how, 1);
    for (int i = 0; i < N * PIXELS; i++) ck_assert_double_eq(got[i], (double)(float)wanted[i]);
    free(raw), free(wanted), free(got);
    wg_data_free(d);
}
END_TEST

START_TEST(a_set_is_standardised_once_and_only_by_what_fits) {
    wg_tensor *x, *y;
    wg_data *d = columns(&x, &y), *none = wg_data_first(d, 0);
    wg_standard s = wg_standard_of(d, (wg_standard_options){ 0 }), t = s;
    ck_assert_ptr_null(wg_standard_of(none, (wg_standard_options){ 0 }).mean);
    expect_error(WG_ERROR_ARGUMENT, "standard_of: the set is empty");
    ck_assert_ptr_null(wg_standard_of(NULL, (wg_standard_options){ 0 }).mean);
    expect_error(WG_ERROR_ARGUMENT, "standard_of: the set is NULL");
    t.targets = true;
    ck_assert(!wg_data_standardise(d, t));
    expect_error(WG_ERROR_SHAPE, "data_standardise: the mean is [4] for samples [100]");
    t = s, t.deviation = NULL;
    ck_assert(!wg_data_standardise(d, t));
    expect_error(WG_ERROR_ARGUMENT, "the deviation is NULL");
    t = s, t.mean = wg_zeros(WG_F32, WG_SHAPE(4));
    ck_assert(!wg_data_standardise(d, t));
    expect_error(WG_ERROR_SHAPE, "mean is f32 [4]");
    ck_assert_ptr_null(wg_standard_apply(s, wg_zeros(WG_F64, WG_SHAPE(3, 5))));
    expect_error(WG_ERROR_SHAPE, "standard_apply: the mean is [4] for f64 [3,5]");
    ck_assert(!wg_data_standardise(NULL, s));
    expect_error(WG_ERROR_ARGUMENT, "x is NULL");
    ck_assert(wg_data_standardise(d, s));
    ck_assert(!wg_data_standardise(d, s));
    expect_error(WG_ERROR_STATE, "standardised already");
    double values[] = { 1, 2, INFINITY, 4 };
    wg_tensor *z = wg_from_f64(WG_F64, WG_SHAPE(2, 2), values);
    wg_data *infinite = wg_data_new(z, z, PLAIN);
    ck_assert_ptr_null(wg_standard_of(infinite, (wg_standard_options){ 0 }).mean);
    expect_error(WG_ERROR_NUMERIC, "element 0 of sample 1 is inf");
    wg_data_free(d), wg_data_free(none), wg_data_free(infinite);
}
END_TEST

START_TEST(numbers_that_cannot_standardise_are_refused) {
    static const struct {
        double mean, deviation;
        const char *words;
    } wrong[] = { { 0, 0, "element 1 has mean 0 and deviation 0" },
                  { 0, -2, "deviation -2" },
                  { 0, NAN, "deviation nan" },
                  { 0, INFINITY, "deviation inf" },
                  { NAN, 1, "mean nan" },
                  { -INFINITY, 1, "mean -inf" } };
    wg_tensor *z = wg_from_f64(WG_F64, WG_SHAPE(2, 2), (double[]){ 1, 2, 3, 4 });
    wg_data *d = wg_data_new(z, z, PLAIN);
    for (int k = 0; k < COUNT(wrong); k++) {
        wg_standard s = { wg_from_f64(WG_F64, WG_SHAPE(2), (double[]){ 0, wrong[k].mean }),
                          wg_from_f64(WG_F64, WG_SHAPE(2), (double[]){ 1, wrong[k].deviation }),
                          false };
        ck_assert(!wg_data_standardise(d, s));
        expect_error(WG_ERROR_NUMERIC, wrong[k].words);
        ck_assert_ptr_null(wg_standard_apply(s, z));
        expect_error(WG_ERROR_NUMERIC, wrong[k].words);
    }
    wg_data *labels = wg_data_new(z, wg_arange(WG_I64, 0, 2, 1), PLAIN);
    ck_assert_ptr_null(wg_standard_of(labels, (wg_standard_options){ .targets = true }).mean);
    expect_error(WG_ERROR_DTYPE, "standard_of: batches of y are i64, wanted are floats");
    wg_data_free(d), wg_data_free(labels);
}
END_TEST

START_TEST(parts_share_the_standardised_targets) {
    wg_tensor *z = wg_from_f64(WG_F64, WG_SHAPE(4, 1), (double[]){ 1, 2, 3, 4 });
    wg_data *d = wg_data_new(z, z, PLAIN);
    wg_standard s = wg_standard_of(d, (wg_standard_options){ .targets = true });
    ck_assert(wg_data_standardise(d, s));
    wg_data *part = wg_data_first(d, 2);
    wg_batch b = { .size = 2, .in_order = true };
    ck_assert(wg_data_next(part, &b));
    for (int k = 0; k < 2; k++)
        ck_assert_double_eq(element(b.y, k), (k + 1 - 2.5) / element(s.deviation, 0));
    EXPECT_VALUES(b.x, 1, 2);
    wg_data_free(d), wg_data_free(part);
}
END_TEST

static bool standardise(void) {
    wg_tensor *z = wg_from_f64(WG_F64, WG_SHAPE(2, 2), (double[]){ 1, 2, 3, 4 });
    wg_data *d = z ? wg_data_new(z, z, PLAIN) : NULL, *first = NULL;
    wg_standard s = d ? wg_standard_of(d, (wg_standard_options){ 0 }) : (wg_standard){ 0 };
    bool done = s.mean && wg_data_standardise(d, s) && (first = wg_data_first(d, 1)) != NULL;
    wg_data_free(d), wg_data_free(first);
    return done;
}

START_TEST(every_allocation_may_fail) { fail_every_allocation(standardise); }
END_TEST

int main(void) {
    Suite *suite = suite_create("augment");
    TCase *t = add_cases(suite, "augment");
    ADD_TABLE(t, images_are_moved_and_mirrored_all_ways_alike, layouts);
    tcase_add_test(t, what_becomes_of_an_image_follows_from_seed_and_number_alone);
    tcase_add_test(t, the_largest_shift_moves_as_far_as_a_pixel_is_left);
    tcase_add_test(t, images_that_a_function_fills_are_each_moved_in_a_way_of_their_own);
    tcase_add_test(t, a_share_of_the_images_keeps_still);
    tcase_add_test(t, a_certain_flip_is_its_own_inverse_and_keeps_integers);
    ADD_TABLE(t, what_is_no_image_is_refused, bad);
    tcase_add_test(t, standardised_columns_have_mean_zero_and_deviation_one);
    tcase_add_test(t, the_numbers_are_those_of_the_training_part);
    tcase_add_test(t, targets_and_channels_are_standardised_too);
    tcase_add_test(t, zeros_of_a_shift_come_before_standardising);
    tcase_add_test(t, a_set_is_standardised_once_and_only_by_what_fits);
    tcase_add_test(t, numbers_that_cannot_standardise_are_refused);
    tcase_add_test(t, parts_share_the_standardised_targets);
    tcase_add_test(t, every_allocation_may_fail);
    return run_suite(suite);
}
