// SPDX-License-Identifier: MIT
/* test_tensor.c: making, reading, comparing and writing tensors, and what is refused. */
#include <limits.h>

#include "tests/core_test.h"

static const wg_dtype every_dtype[WG_DTYPES] = { WG_F32, WG_F64, WG_I32, WG_I64, WG_U8, WG_BOOL };

/* ---- dtypes and shapes ----------------------------------------------------------------------- */

START_TEST(dtypes_have_names_and_sizes) {
    static const struct {
        const char *name;
        size_t size;
    } want[WG_DTYPES] = { { "f32", 4 }, { "f64", 8 }, { "i32", 4 },
                          { "i64", 8 }, { "u8", 1 },  { "bool", 1 } };
    for (int i = 0; i < WG_DTYPES; i++) {
        ck_assert_str_eq(wg_dtype_name(every_dtype[i]), want[i].name);
        ck_assert_uint_eq(wg_dtype_size(every_dtype[i]), want[i].size);
        ck_assert_int_eq(wg_dtype_is_float(every_dtype[i]), i < 2);
    }
    ck_assert_str_eq(wg_dtype_name((wg_dtype)77), "?");
    ck_assert_str_eq(wg_dtype_name((wg_dtype)-1), "?");
    ck_assert_uint_eq(wg_dtype_size(WG_DTYPES), 0);
    ck_assert_str_eq(wg_version(), "0.1.0");
}
END_TEST

START_TEST(shapes_are_written_as_lists) {
    char text[200];
    ck_assert_str_eq(wg_shape_text(WG_SCALAR, text, sizeof text), "[]");
    ck_assert_str_eq(wg_shape_text(WG_SHAPE(2, 3), text, sizeof text), "[2,3]");
    wg_shape widest = WG_SHAPE(INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN,
                               INT64_MIN, INT64_MIN);
    ck_assert_uint_eq(strlen(wg_shape_text(widest, text, sizeof text)), 8 * 20 + 7 + 2);
    ck_assert_str_eq(wg_shape_text(WG_SHAPE(2, 3), text, 4), "[2,");
}
END_TEST

START_TEST(impossible_shapes_are_refused_with_their_numbers) {
    const int64_t half = INT64_C(1) << 32;
    static const char *const words[] = { "[2,-3]", "[4294967296,4294967296]", "rank 9", "rank -1",
                                         "[0,4294967296,4294967296]" };
    wg_shape shape[] = { WG_SHAPE(2, -3),
                         WG_SHAPE(half, half),
                         { .rank = 9 },
                         { .rank = -1 },
                         // A zero must not hide what the strides overflow with.
                         WG_SHAPE(0, half, half) };
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
        ck_assert_ptr_null(wg_zeros(WG_F32, shape[i]));
        expect_error(WG_ERROR_SHAPE, words[i]);
    }
    ck_assert_ptr_null(wg_zeros((wg_dtype)9, WG_SCALAR));
    expect_error(WG_ERROR_DTYPE, "9");
}
END_TEST

START_TEST(more_than_there_is_memory_is_an_error_not_a_crash) {
    size_t before = bytes_in_use();
    ck_assert_ptr_null(wg_zeros(WG_U8, WG_SHAPE(INT64_MAX / 8)));
    expect_error(WG_ERROR_MEMORY, "1152921504606846975 bytes");
    ck_assert_uint_eq(bytes_in_use(), before);
}
END_TEST

// NumPy's rule, said the other way round: pad with ones in front, then each pair is equal or has a
// 1.
static bool naive_broadcast(wg_shape a, wg_shape b, wg_shape *out) {
    *out = (wg_shape){ .rank = a.rank > b.rank ? a.rank : b.rank };
    for (int i = 0; i < out->rank; i++) {
        int ia = i - (out->rank - a.rank), ib = i - (out->rank - b.rank);
        int64_t da = ia < 0 ? 1 : a.dim[ia], db = ib < 0 ? 1 : b.dim[ib];
        if (da == db || db == 1)
            out->dim[i] = da;
        else if (da == 1)
            out->dim[i] = db;
        else
            return false;
    }
    return true;
}

START_TEST(shapes_broadcast_as_in_numpy) {
    wg_random r = { .seed = 1 };
    int fitted = 0;
    for (int round = 0; round < 5000; round++) {
        wg_shape a = random_shape(&r, WG_MAX_RANK, 3), b = random_shape(&r, WG_MAX_RANK, 3);
        wg_shape got, want;
        bool fits = naive_broadcast(a, b, &want);
        ck_assert_int_eq(wg__broadcast(&a, &b, &got), fits);
        if (!fits) continue;
        fitted++;
        ck_assert(wg__shape_equal(&got, &want));
    }
    ck_assert_int_gt(fitted, 500);
}
END_TEST

/* ---- making ---------------------------------------------------------------------------------- */

START_TEST(every_dtype_is_filled) {
    for (int i = 0; i < WG_DTYPES; i++) {
        wg_dtype dtype = every_dtype[i];
        EXPECT_VALUES(wg_zeros(dtype, WG_SHAPE(3)), 0, 0, 0);
        EXPECT_VALUES(wg_ones(dtype, WG_SHAPE(1, 2)), 1, 1);
        EXPECT_VALUES(wg_full(dtype, WG_SCALAR, 1), 1);
        EXPECT_VALUES(wg_eye(dtype, 2), 1, 0, 0, 1);
        EXPECT_VALUES(wg_zeros_like(wg_ones(dtype, WG_SHAPE(2))), 0, 0);
        ck_assert_int_eq(wg_dtype_of(wg_eye(dtype, 2)), dtype);
        ck_assert_int_eq(wg_numel(wg_full(dtype, WG_SHAPE(4, 0, 3), 7)), 0);
    }
    ck_assert(signbit(wg_item(wg_full(WG_F32, WG_SCALAR, -0.0))));
}
END_TEST

START_TEST(from_copies_in_c_order_and_converts) {
    int64_t whole[] = { INT64_MAX, INT64_MIN, 0, 1, 2, 3 };
    wg_tensor *x = wg_from(WG_I64, WG_SHAPE(2, 3), whole);
    whole[0] = 0;
    ck_assert_int_eq(((const int64_t *)wg_values(x, WG_I64))[0], INT64_MAX);
    for (int64_t i = 0; i < 6; i++)
        ck_assert(wg_at(x, (int64_t[]){ i / 3, i % 3 }) == (i == 0 ? 0x1p63 : (double)whole[i]));
    EXPECT_VALUES(wg_from_f64(WG_U8, WG_SHAPE(4), (double[]){ -1, 2.9, 300, NAN }), 0, 2, 255, 0);
    ck_assert_int_eq(wg_numel(wg_from(WG_F32, WG_SHAPE(0), NULL)), 0);
    ck_assert_ptr_null(wg_from(WG_F32, WG_SHAPE(1), NULL));
    expect_error(WG_ERROR_ARGUMENT, "values is NULL");
}
END_TEST

START_TEST(sequences_have_the_counts_that_they_promise) {
    EXPECT_VALUES(wg_arange(WG_F64, 0, 1, 0.25), 0, 0.25, 0.5, 0.75);
    EXPECT_VALUES(wg_arange(WG_I64, 5, -1, -2), 5, 3, 1);
    EXPECT_VALUES(wg_arange(WG_F32, 1, 2.5, 1), 1, 2);
    ck_assert_int_eq(wg_numel(wg_arange(WG_F32, 0, -3, 1)), 0);
    EXPECT_VALUES(wg_linspace(WG_F64, 1, 3, 5), 1, 1.5, 2, 2.5, 3);
    EXPECT_VALUES(wg_linspace(WG_F64, 4, 9, 1), 4);
    wg_tensor *x = wg_linspace(WG_F64, 0, 0.7, 8);  // the last value is exact, whatever 7 * 0.1 is
    ck_assert(wg_at(x, (int64_t[]){ 7 }) == 0.7);
    wg_tensor *big = wg_arange(WG_I64, 0, 100001, 1);
    ck_assert(wg_at(big, (int64_t[]){ 100000 }) == 100000);
}
END_TEST

START_TEST(sequences_without_an_end_are_refused) {
    static const double bad[][3] = {
        { 0, 1, 0 },   { 0, 0, 0 },     { 0, INFINITY, 1 }, { NAN, 1, 1 },
        { 0, 1, NAN }, { 0, 1e300, 1 }, { 0, 1, 1e-300 },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_ptr_null(wg_arange(WG_F64, bad[i][0], bad[i][1], bad[i][2]));
        expect_error(WG_ERROR_ARGUMENT, "wg_arange");
    }
    ck_assert_ptr_null(wg_linspace(WG_F64, 0, 1, 0));
    expect_error(WG_ERROR_ARGUMENT, "0 values");
    ck_assert_ptr_null(wg_eye(WG_F64, -1));
    expect_error(WG_ERROR_SHAPE, "-1");
    ck_assert_ptr_null(wg_zeros_like(NULL));
    expect_error(WG_ERROR_ARGUMENT, "NULL");
}
END_TEST

/* ---- reading --------------------------------------------------------------------------------- */

START_TEST(readers_are_null_safe) {
    ck_assert_int_eq(wg_dtype_of(NULL), WG_F32);
    ck_assert_int_eq(wg_shape_of(NULL).rank, 0);
    ck_assert_int_eq(wg_rank(NULL), 0);
    ck_assert_int_eq(wg_dim(NULL, 0), 0);
    ck_assert_int_eq(wg_numel(NULL), 0);
    ck_assert(!wg_is_contiguous(NULL));
    ck_assert(isnan(wg_item(NULL)));
    ck_assert(isnan(wg_at(NULL, NULL)));
    ck_assert_ptr_null(wg_values(NULL, WG_F32));
    ck_assert(!wg_equal(NULL, NULL));
    ck_assert(!wg_allclose(NULL, scalar(1), 1, 1));
    expect_no_error();
    double v;
    ck_assert(!wg_read(NULL, &v, 1));
    expect_error(WG_ERROR_ARGUMENT, "x is NULL");
}
END_TEST

START_TEST(dimensions_count_from_the_end_too) {
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(2, 3, 4));
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(wg_dim(x, i), i + 2);
        ck_assert_int_eq(wg_dim(x, i - 3), i + 2);
    }
    ck_assert_int_eq(wg_dim(x, 3), 0);
    ck_assert_int_eq(wg_dim(x, -4), 0);
    ck_assert_int_eq(wg_dim(scalar(1), 0), 0);
    ck_assert_int_eq(wg_dim(scalar(1), -1), 0);
}
END_TEST

START_TEST(reading_what_is_not_there_is_an_error) {
    wg_tensor *x = LIST(1, 2, 3);
    float narrow[3];
    ck_assert(isnan(wg_item(x)));
    expect_error(WG_ERROR_SHAPE, "[3] is not one element");
    ck_assert(isnan(wg_at(x, (int64_t[]){ 3 })));
    expect_error(WG_ERROR_INDEX, "index 3 on axis 0 of [3]");
    ck_assert(isnan(wg_at(x, (int64_t[]){ -1 })));
    expect_error(WG_ERROR_INDEX, "index -1");
    ck_assert(!wg_read(x, narrow, 2));
    expect_error(WG_ERROR_SHAPE, "2 values for [3], which has 3");
    ck_assert(!wg_read(x, NULL, 3));
    expect_error(WG_ERROR_ARGUMENT, "values is NULL");
    ck_assert_ptr_null(wg_values(x, WG_F32));
    expect_error(WG_ERROR_DTYPE, "f32 asked of a tensor of f64");
    ck_assert(wg_read(wg_zeros(WG_F32, WG_SHAPE(0)), NULL, 0));
}
END_TEST

START_TEST(values_are_handed_out_only_in_c_order) {
    wg_tensor *x = backwards(LIST(1, 2, 3));
    ck_assert(!wg_is_contiguous(x));
    ck_assert_ptr_null(wg_values(x, WG_F64));
    expect_error(WG_ERROR_STATE, "wg_contiguous");
    EXPECT_VALUES(x, 3, 2, 1);
}
END_TEST

/* ---- comparing ------------------------------------------------------------------------------- */

START_TEST(equal_means_same_shape_dtype_and_values) {
    ck_assert(wg_equal(LIST(1, 2), LIST(1, 2)));
    ck_assert(!wg_equal(LIST(1, 2), LIST(1, 3)));
    ck_assert(!wg_equal(LIST(1, 2), wg_ones(WG_F32, WG_SHAPE(2))));
    ck_assert(!wg_equal(wg_ones(WG_F64, WG_SHAPE(2, 1)), wg_ones(WG_F64, WG_SHAPE(2))));
    ck_assert(wg_equal(scalar(0), scalar(-0.0)));
    ck_assert(wg_equal(scalar(INFINITY), scalar(INFINITY)));
    ck_assert(!wg_equal(scalar(NAN), scalar(NAN)));
    ck_assert(wg_equal(wg_zeros(WG_U8, WG_SHAPE(0, 2)), wg_zeros(WG_U8, WG_SHAPE(0, 2))));
    ck_assert(!wg_equal(wg_zeros(WG_U8, WG_SHAPE(0, 2)), wg_zeros(WG_U8, WG_SHAPE(2, 0))));
}
END_TEST

START_TEST(equal_tells_large_whole_numbers_apart) {
    int64_t a = (INT64_C(1) << 53) + 1, b = INT64_C(1) << 53;
    wg_tensor *x = wg_from(WG_I64, WG_SCALAR, &a), *y = wg_from(WG_I64, WG_SCALAR, &b);
    ck_assert(!wg_equal(x, y));
    ck_assert(wg_equal(x, x));
    ck_assert(!wg_equal(wg_zeros(WG_I64, WG_SHAPE(2)), wg_zeros(WG_I64, WG_SHAPE(3))));
    wg_tensor *z = wg_zeros(WG_I64, WG_SCALAR);
    ck_assert(wg_copy(z, x));
    ck_assert(wg_equal(z, x));
}
END_TEST

START_TEST(allclose_bounds_the_gap_and_nothing_is_close_to_nan) {
    static const struct {
        double a, b, rtol, atol;
        bool close;
    } row[] = {
        { 1, 1.1, 0, 0.11, true },
        { 1, 1.1, 0, 0.09, false },
        { 90, 100, 0.1, 0, true },
        { 100, 90, 0.1, 0, false },  // relative to the second
        { NAN, NAN, 1, 1, false },
        { NAN, 1, INFINITY, INFINITY, false },
        { INFINITY, INFINITY, 0, 0, true },
        { INFINITY, -INFINITY, 1, 1, false },
        { 1, INFINITY, 1, 1, false },
        { INFINITY, 1, 1, 1, false },
        { 1, 2, NAN, 0, false },
        { 1, 2, 0, NAN, false },
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        ck_assert_msg(wg_allclose(scalar(row[i].a), scalar(row[i].b), row[i].rtol, row[i].atol) ==
                          row[i].close,
                      "row %zu", i);
    ck_assert(wg_allclose(wg_ones(WG_F32, WG_SHAPE(2)), LIST(1, 1), 0, 0));  // dtypes may differ
    ck_assert(!wg_allclose(wg_ones(WG_F32, WG_SHAPE(1)), LIST(1, 1), 0, 0));
}
END_TEST

/* ---- writing --------------------------------------------------------------------------------- */

static uint64_t version_of(const wg_tensor *x) {
    return atomic_load(&wg__block_of(x->storage)->version);
}

START_TEST(each_write_counts_for_all_views_of_the_storage) {
    wg_tensor *x = LIST(1, 2, 3), *view = wg_stop(x);
    uint64_t v = version_of(x);
    ck_assert(wg_write(view, (double[]){ 4, 5, 6 }, 3));
    ck_assert_uint_eq(version_of(x), v + 1);
    EXPECT_VALUES(x, 4, 5, 6);
    ck_assert(wg_fill(x, 7));
    ck_assert_uint_eq(version_of(view), v + 2);
    ck_assert(wg_copy(x, wg_from_f64(WG_I32, WG_SHAPE(3), (double[]){ 1, 2, 3 })));
    ck_assert_uint_eq(version_of(view), v + 3);
    EXPECT_VALUES(view, 1, 2, 3);
}
END_TEST

START_TEST(a_refused_write_changes_nothing) {
    wg_tensor *x = LIST(1, 2, 3);
    uint64_t v = version_of(x);
    ck_assert(!wg_write(x, (double[]){ 9, 9 }, 2));
    expect_error(WG_ERROR_SHAPE, "2 values for [3]");
    ck_assert(!wg_write(x, NULL, 3));
    expect_error(WG_ERROR_ARGUMENT, "values is NULL");
    ck_assert(!wg_copy(x, LIST(9)));
    expect_error(WG_ERROR_SHAPE, "[1] to [3]");
    ck_assert(!wg_copy(x, NULL));
    expect_error(WG_ERROR_ARGUMENT, "from is NULL");
    ck_assert(!wg_fill(NULL, 0));
    expect_error(WG_ERROR_ARGUMENT, "x is NULL");
    ck_assert(!wg_fill(wg_num(1), 0));
    expect_error(WG_ERROR_STATE, "constant");
    ck_assert_uint_eq(version_of(x), v);
    EXPECT_VALUES(x, 1, 2, 3);
}
END_TEST

START_TEST(one_element_in_several_places_cannot_be_written) {
    wg_tensor *x = wg_stop(scalar(1));
    x->view.shape = WG_SHAPE(2);
    x->view.stride[0] = 0;
    ck_assert(!wg_fill(x, 2));
    expect_error(WG_ERROR_STATE, "several places");
    x->view.shape = WG_SHAPE(1);  // once is no overlap, whatever the stride
    ck_assert(wg_fill(x, 2));
}
END_TEST

START_TEST(copying_between_views_of_one_storage_is_as_from_a_copy) {
    wg_random r = { .seed = 5 };
    for (int round = 0; round < 300; round++) {
        int64_t n = between(&r, 1, 6);
        double values[6], want[6];
        for (int64_t i = 0; i < n; i++) values[i] = (double)between(&r, -50, 50);
        wg_tensor *x = list(n, values), *back = backwards(x);
        bool reversed = between(&r, 0, 1) == 0;
        ck_assert(reversed ? wg_copy(back, x) : wg_copy(x, back));
        for (int64_t i = 0; i < n; i++) want[i] = values[n - 1 - i];
        expect_values(x, want, n);
    }
}
END_TEST

/* ---- errors in general ----------------------------------------------------------------------- */

START_TEST(while_an_error_is_pending_nothing_is_made_or_changed) {
    wg_tensor *x = LIST(1, 2);
    wg_random r = { .seed = 1 };
    int64_t tensors = wg_memory_now().tensors;
    wg_fail(WG_ERROR_STATE, "first");
    wg_tensor *made[] = { wg_num(1),
                          wg_zeros(WG_F32, WG_SCALAR),
                          wg_full(WG_F32, WG_SCALAR, 1),
                          wg_zeros_like(x),
                          wg_from(WG_F64, WG_SCALAR, &r),
                          wg_from_f64(WG_F64, WG_SHAPE(0), NULL),
                          wg_arange(WG_F32, 0, 1, 1),
                          wg_linspace(WG_F32, 0, 1, 2),
                          wg_eye(WG_F32, 2),
                          wg_rand(WG_F32, WG_SCALAR, &r),
                          wg_randn(WG_F32, WG_SCALAR, &r),
                          wg_permutation(3, &r),
                          wg_keep(x),
                          wg_stop(x),
                          wg_variable(x) };
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        ck_assert_msg(made[i] == NULL, "function %zu", i);
    ck_assert(!wg_fill(x, 5));
    ck_assert(!wg_write(x, (double[]){ 5, 5 }, 2));
    ck_assert(!wg_copy(x, wg_stop(x)));
    ck_assert(r.counter == 0);
    ck_assert_int_eq(wg_memory_now().tensors, tensors);
    expect_error(WG_ERROR_STATE, "first");
    EXPECT_VALUES(x, 1, 2);
}
END_TEST

/* ---- what was wrong once --------------------------------------------------------------------- */

START_TEST(zero_size_tensors_are_contiguous_and_can_be_written) {
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(3, 0));  // strides (0, 1)
    ck_assert(wg_fill(x, 1));
    ck_assert(wg_write(x, NULL, 0));
    ck_assert(wg_copy(x, wg_zeros(WG_F64, WG_SHAPE(3, 0))));
    wg_tensor *turned = wg_stop(x);  // (0, 3), strides (1, 0)
    turned->view.shape = WG_SHAPE(0, 3);
    turned->view.stride[0] = 1, turned->view.stride[1] = 0;
    ck_assert(wg_is_contiguous(turned));
    ck_assert(wg_fill(turned, 1));
    ck_assert_ptr_nonnull(wg_values(turned, WG_F32));
}
END_TEST

START_TEST(an_empty_tensor_overlaps_nothing_and_can_be_written) {
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(3, 0));  // its strides are 0
    ck_assert(wg_write(x, NULL, 0));
    ck_assert(wg_fill(x, 1));
    ck_assert(wg_copy(x, x));
}
END_TEST

START_TEST(a_bool_is_0_or_1_whatever_bytes_it_is_made_from) {
    const unsigned char bytes[] = { 0, 1, 2, 255 };
    wg_tensor *x = wg_from(WG_BOOL, WG_SHAPE(4), bytes);
    EXPECT_VALUES(x, 0, 1, 1, 1);
    ck_assert(wg_fill(x, 0));
    ck_assert(wg_write(x, bytes, 4));
    EXPECT_VALUES(x, 0, 1, 1, 1);
    ck_assert(wg_equal(x, wg_from_f64(WG_BOOL, WG_SHAPE(4), (double[]){ 0, 0.5, -3, NAN })));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("tensor");
    TCase *shapes = add_cases(suite, "dtypes and shapes");
    tcase_add_test(shapes, dtypes_have_names_and_sizes);
    tcase_add_test(shapes, shapes_are_written_as_lists);
    tcase_add_test(shapes, impossible_shapes_are_refused_with_their_numbers);
    tcase_add_test(shapes, more_than_there_is_memory_is_an_error_not_a_crash);
    tcase_add_test(shapes, shapes_broadcast_as_in_numpy);
    TCase *making = add_cases(suite, "making");
    tcase_add_test(making, every_dtype_is_filled);
    tcase_add_test(making, from_copies_in_c_order_and_converts);
    tcase_add_test(making, sequences_have_the_counts_that_they_promise);
    tcase_add_test(making, sequences_without_an_end_are_refused);
    TCase *reading = add_cases(suite, "reading and comparing");
    tcase_add_test(reading, readers_are_null_safe);
    tcase_add_test(reading, dimensions_count_from_the_end_too);
    tcase_add_test(reading, reading_what_is_not_there_is_an_error);
    tcase_add_test(reading, values_are_handed_out_only_in_c_order);
    tcase_add_test(reading, equal_means_same_shape_dtype_and_values);
    tcase_add_test(reading, equal_tells_large_whole_numbers_apart);
    tcase_add_test(reading, allclose_bounds_the_gap_and_nothing_is_close_to_nan);
    TCase *writing = add_cases(suite, "writing");
    tcase_add_test(writing, each_write_counts_for_all_views_of_the_storage);
    tcase_add_test(writing, a_refused_write_changes_nothing);
    tcase_add_test(writing, one_element_in_several_places_cannot_be_written);
    tcase_add_test(writing, copying_between_views_of_one_storage_is_as_from_a_copy);
    tcase_add_test(writing, while_an_error_is_pending_nothing_is_made_or_changed);
    tcase_add_test(writing, zero_size_tensors_are_contiguous_and_can_be_written);
    tcase_add_test(writing, a_bool_is_0_or_1_whatever_bytes_it_is_made_from);
    tcase_add_test(writing, an_empty_tensor_overlaps_nothing_and_can_be_written);
    return run_suite(suite);
}
