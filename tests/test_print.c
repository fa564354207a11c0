// SPDX-License-Identifier: MIT
/* test_print.c: tensors as text, exactly. */
#include "tests/core_test.h"

static void expect_text(const wg_tensor *x, const char *want) {
    char text[2000];
    size_t length = wg_format(x, text, sizeof text);
    ck_assert_str_eq(text, want);
    ck_assert_uint_eq(length, strlen(want));
}

START_TEST(numbers_share_one_width_and_one_style) {
    static const double mixed[] = { 1, 2, 3, 4.5, -5, 6 };
    expect_text(wg_from_f64(WG_F32, WG_SHAPE(2, 3), mixed),
                "[[ 1.0000,  2.0000,  3.0000],\n"
                " [ 4.5000, -5.0000,  6.0000]]  f32[2,3]");
    expect_text(LIST(1, -2, 30), "[ 1., -2., 30.]  f64[3]");
    expect_text(LIST(1e-9, 2, 3), "[1.0000e-09, 2.0000e+00, 3.0000e+00]  f64[3]");
    expect_text(LIST(12345.678, 0.5), "[1.2346e+04, 5.0000e-01]  f64[2]");
    expect_text(LIST(1e8, 1), "[1.0000e+08, 1.0000e+00]  f64[2]");
    expect_text(LIST(1e300, -1e-300), "[ 1.0000e+300, -1.0000e-300]  f64[2]");
    expect_text(LIST(99999999, 1), "[99999999.,        1.]  f64[2]");
}
END_TEST

START_TEST(what_is_no_finite_number_has_its_name) {
    expect_text(LIST(NAN, INFINITY, -INFINITY, 1.5), "[   nan,    inf,   -inf, 1.5000]  f64[4]");
    expect_text(LIST(NAN, -NAN), "[nan, nan]  f64[2]");
    expect_text(LIST(-0.0, 0), "[-0.,  0.]  f64[2]");
}
END_TEST

START_TEST(integers_and_bools_are_written_whole) {
    const int64_t large[] = { INT64_MIN, INT64_MAX, 3 };
    expect_text(wg_from(WG_I64, WG_SHAPE(3), large),
                "[-9223372036854775808,  9223372036854775807,                    3]  i64[3]");
    expect_text(wg_from_f64(WG_U8, WG_SHAPE(2, 2), (double[]){ 0, 1, 255, 0 }),
                "[[  0,   1],\n [255,   0]]  u8[2,2]");
    expect_text(wg_from_f64(WG_I32, WG_SHAPE(2), (double[]){ -2147483648, 7 }),
                "[-2147483648,           7]  i32[2]");
    expect_text(wg_from_f64(WG_BOOL, WG_SHAPE(2), (double[]){ 0, 1 }), "[false,  true]  bool[2]");
}
END_TEST

START_TEST(scalars_numbers_and_null_stand_bare) {
    expect_text(scalar(3), "3.  f64[]");
    expect_text(scalar(3.25), "3.2500  f64[]");
    expect_text(wg_num(-0.5), "-0.5000  f64[]");
    expect_text(wg_zeros(WG_I32, WG_SCALAR), "0  i32[]");
    expect_text(NULL, "NULL");
}
END_TEST

START_TEST(rows_are_nested_and_indented) {
    expect_text(wg_zeros(WG_I32, WG_SHAPE(2, 2, 2)),
                "[[[0, 0],\n  [0, 0]],\n [[0, 0],\n  [0, 0]]]  i32[2,2,2]");
    expect_text(wg_ones(WG_U8, WG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1)),
                "[[[[[[[[1]]]]]]]]  u8[1,1,1,1,1,1,1,1]");
}
END_TEST

START_TEST(long_tensors_show_their_ends) {
    expect_text(wg_arange(WG_I64, 0, 2000, 1),
                "[   0,    1,    2, ..., 1997, 1998, 1999]  i64[2000]");
    expect_text(
        wg_zeros(WG_I32, WG_SHAPE(500, 3)),
        "[[0, 0, 0],\n [0, 0, 0],\n [0, 0, 0],\n ...,\n [0, 0, 0],\n [0, 0, 0],\n [0, 0, 0]]"
        "  i32[500,3]");
    char text[20000];
    size_t all =
        wg_format(wg_zeros(WG_U8, WG_SHAPE(10, 100)), text, sizeof text);  // 1000: not long
    ck_assert_uint_eq(all, 10 * (1 + 100 * 3 - 2 + 1) + 9 * 3 + 2 + 2 + strlen("u8[10,100]"));
    ck_assert_ptr_null(strstr(text, "..."));
}
END_TEST

START_TEST(what_is_not_shown_does_not_decide_the_style) {
    wg_tensor *x = wg_zeros(WG_F64, WG_SHAPE(2000));
    *(double *)(void *)wg__at(&x->view, 1000) = -1e-30;
    expect_text(x, "[0., 0., 0., ..., 0., 0., 0.]  f64[2000]");
}
END_TEST

START_TEST(views_are_printed_in_their_own_order) {
    expect_text(backwards(LIST(1, 2, 3)), "[3., 2., 1.]  f64[3]");
}
END_TEST

START_TEST(a_short_buffer_gets_what_fits_and_the_whole_length) {
    wg_tensor *x = LIST(1, 2, 3);
    char text[64], whole[64];
    size_t length = wg_format(x, whole, sizeof whole);
    for (size_t size = 0; size <= length + 1; size++) {
        memset(text, '#', sizeof text);
        ck_assert_uint_eq(wg_format(x, text, size), length);
        size_t kept = size == 0 ? 0 : size - 1 < length ? size - 1 : length;
        ck_assert_mem_eq(text, whole, kept);
        if (size > 0) ck_assert_int_eq(text[kept], 0);
        ck_assert_int_eq(text[size == 0 ? 0 : kept + 1], '#');
    }
    ck_assert_uint_eq(wg_format(x, NULL, 0), length);
}
END_TEST

START_TEST(printing_writes_one_line_more) {
    char text[100] = "";
    FILE *file = tmpfile();
    ck_assert(wg_print(file, LIST(1, 2)));
    rewind(file);
    ck_assert_uint_eq(fread(text, 1, sizeof text - 1, file), strlen("[1., 2.]  f64[2]\n"));
    ck_assert_str_eq(text, "[1., 2.]  f64[2]\n");
    fclose(file);
    ck_assert(!wg_print(NULL, LIST(1)));
    expect_error(WG_ERROR_ARGUMENT, "file is NULL");
}
END_TEST

START_TEST(a_file_that_cannot_be_written_is_an_error) {
    FILE *file = fopen("/dev/null", "r");
    ck_assert_ptr_nonnull(file);
    ck_assert(!wg_print(file, LIST(1)));
    expect_error(WG_ERROR_FILE, "cannot be written");
    fclose(file);
}
END_TEST

/* ---- what was wrong once --------------------------------------------------------------------- */

START_TEST(a_billion_empty_rows_are_printed_at_once) {
    expect_text(wg_zeros(WG_F32, WG_SHAPE(1000000000, 0)), "[]  f32[1000000000,0]");
    expect_text(wg_zeros(WG_F32, WG_SHAPE(0)), "[]  f32[0]");
    expect_text(wg_zeros(WG_F32, WG_SHAPE(0, 3)), "[]  f32[0,3]");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("print");
    TCase *cases = add_cases(suite, "text");
    tcase_add_test(cases, numbers_share_one_width_and_one_style);
    tcase_add_test(cases, what_is_no_finite_number_has_its_name);
    tcase_add_test(cases, integers_and_bools_are_written_whole);
    tcase_add_test(cases, scalars_numbers_and_null_stand_bare);
    tcase_add_test(cases, rows_are_nested_and_indented);
    tcase_add_test(cases, long_tensors_show_their_ends);
    tcase_add_test(cases, what_is_not_shown_does_not_decide_the_style);
    tcase_add_test(cases, views_are_printed_in_their_own_order);
    tcase_add_test(cases, a_short_buffer_gets_what_fits_and_the_whole_length);
    tcase_add_test(cases, printing_writes_one_line_more);
    tcase_add_test(cases, a_file_that_cannot_be_written_is_an_error);
    tcase_add_test(cases, a_billion_empty_rows_are_printed_at_once);
    return run_suite(suite);
}
