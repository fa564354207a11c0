// SPDX-License-Identifier: MIT
/* test_interpolate.c: images scaled, by numbers worked out by hand, as PyTorch gives them; what
   stays exact; and where infinities go. */
#include "tests/core_test.h"

static wg_tensor *row(int64_t n, const double *values) {  // (1, 1, 1, n)
    return wg_from_f64(WG_F64, WG_SHAPE(1, 1, 1, n), values);
}
#define ROW(...) row(COUNT(((double[]){ __VA_ARGS__ })), (double[]){ __VA_ARGS__ })

static const wg_interpolate_options nearest = { .mode = WG_NEAREST };
static const wg_interpolate_options bilinear = { .mode = WG_BILINEAR };
static const wg_interpolate_options corners = { .mode = WG_BILINEAR, .align_corners = true };

static wg_tensor *stretched(wg_tensor *x, int64_t n, wg_interpolate_options o) {
    return wg_interpolate(x, WG_SHAPE(1, n), o);
}

START_TEST(nearest_takes_the_element_that_a_position_falls_on) {
    EXPECT_VALUES(stretched(ROW(1, 2), 4, nearest), 1, 1, 2, 2);
    EXPECT_VALUES(stretched(ROW(1, 2, 3, 4), 2, nearest), 1, 3);
    EXPECT_VALUES(stretched(ROW(1, 2, 3, 4, 5), 3, nearest), 1, 2, 4);
    EXPECT_VALUES(stretched(ROW(1, 2, 3), 5, nearest), 1, 1, 2, 2, 3);
    EXPECT_VALUES(wg_interpolate(ROW(1, 2), WG_SHAPE(2, 2), nearest), 1, 2, 1, 2);
}
END_TEST

START_TEST(bilinear_mixes_neighbours_by_their_distance_and_keeps_to_the_edge) {
    EXPECT_VALUES(stretched(ROW(1, 2), 4, bilinear), 1, 1.25, 1.75, 2);
    EXPECT_VALUES(stretched(ROW(1, 2, 3, 4), 2, bilinear), 1.5, 3.5);
    EXPECT_VALUES(stretched(ROW(0, 8), 8, bilinear), 0, 0, 1, 3, 5, 7, 8, 8);
    wg_tensor *x = wg_reshape(ROW(0, 4, 8, 12), WG_SHAPE(1, 1, 2, 2));
    EXPECT_VALUES(wg_interpolate(x, WG_SHAPE(1, 1), bilinear), 6);
    EXPECT_VALUES(wg_interpolate(x, WG_SHAPE(4, 1), bilinear), 2, 4, 8, 10);
}
END_TEST

START_TEST(aligned_corners_stay_where_they_are) {
    EXPECT_VALUES(stretched(ROW(1, 2), 5, corners), 1, 1.25, 1.5, 1.75, 2);
    EXPECT_VALUES(stretched(ROW(1, 2, 3, 4, 9), 3, corners), 1, 3, 9);
    EXPECT_VALUES(stretched(ROW(1, 2, 3), 1, corners), 1);
    EXPECT_VALUES(stretched(ROW(3), 3, corners), 3, 3, 3);
}
END_TEST

START_TEST(the_same_size_is_the_same_image) {
    wg_random r = { .seed = 3 };
    const wg_interpolate_options *o[] = { &nearest, &bilinear, &corners };
    wg_tensor *x = wg_randn(_i % 2 ? WG_F64 : WG_F32, WG_SHAPE(2, 3, 5, 4), &r);
    ck_assert(wg_equal(wg_interpolate(x, WG_SHAPE(5, 4), *o[_i / 2]), x));
}
END_TEST

// Position 49 (2 - 1) / (99 - 1), say, is 1/2 and no more: no rounding moves an element.
START_TEST(positions_are_exact) {
    wg_tensor *y = stretched(ROW(0, 1), 99, corners);
    ck_assert(wg_at(y, (int64_t[]){ 0, 0, 0, 49 }) == 0.5);
    for (int64_t n = 1; n < 200; n++) {  // element k of n covers 3 of 3 n
        wg_tensor *x = wg_reshape(wg_arange(WG_F64, 0, (double)n, 1), WG_SHAPE(1, 1, 1, n));
        wg_tensor *z = stretched(stretched(x, 3 * n, nearest), n, nearest);
        ck_assert(wg_equal(z, x));
    }
}
END_TEST

START_TEST(a_neighbour_without_weight_may_be_infinite) {
    double want[] = { 1, INFINITY, INFINITY, INFINITY, 5 };
    expect_near(stretched(ROW(1, INFINITY, 5), 5, corners), want, 5, 0, 0);
    EXPECT_VALUES(stretched(ROW(1, INFINITY), 1, corners), 1);
    EXPECT_VALUES(stretched(ROW(1, NAN, 3), 2, corners), 1, 3);
}
END_TEST

// All weights of one element of the result add to 1, so all gradients to the number of elements.
START_TEST(the_gradient_is_shared_out) {
    wg_tensor *x = wg_variable(ROW(1, 2)), *gx = wg_derivative(stretched(x, 4, bilinear), x);
    EXPECT_VALUES(gx, 2, 2);
    EXPECT_VALUES(wg_derivative(stretched(x, 1, nearest), x), 1, 0);
    EXPECT_VALUES(wg_derivative(stretched(x, 3, corners), x), 1.5, 1.5);
}
END_TEST

START_TEST(an_empty_batch_stays_empty) {
    wg_tensor *x = wg_variable(wg_zeros(WG_F32, WG_SHAPE(0, 2, 3, 3)));
    wg_tensor *y = wg_interpolate(x, WG_SHAPE(6, 1), bilinear);
    expect_shape(y, WG_SHAPE(0, 2, 6, 1));
    expect_shape(wg_derivative(y, x), WG_SHAPE(0, 2, 3, 3));
}
END_TEST

START_TEST(no_size_and_no_mode_are_refused) {
    wg_tensor *x = wg_ones(WG_F32, WG_SHAPE(1, 1, 2, 3));
    wg_interpolate(x, WG_SHAPE(0, 3), nearest);
    expect_error(WG_ERROR_SHAPE, "interpolate: [1,1,2,3]: from 2x3 to 0x3 is no size");
    wg_interpolate(x, WG_SHAPE(3), nearest);
    expect_error(WG_ERROR_ARGUMENT, "interpolate: the size has 1 number, not 2");
    wg_interpolate(x, WG_SHAPE(3, 3), (wg_interpolate_options){ .align_corners = true });
    expect_error(WG_ERROR_ARGUMENT, "align_corners is for bilinear");
    wg_interpolate(x, WG_SHAPE(3, 3), (wg_interpolate_options){ .mode = (wg_interpolation)7 });
    expect_error(WG_ERROR_ARGUMENT, "there is no mode 7");
    wg_interpolate(x, WG_SHAPE(INT64_MAX, 3), nearest);
    expect_error(WG_ERROR_SHAPE, "from 2x3 to 9223372036854775807x3 is no size");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("interpolate");
    TCase *cases = add_cases(suite, "interpolate");
    tcase_add_test(cases, nearest_takes_the_element_that_a_position_falls_on);
    tcase_add_test(cases, bilinear_mixes_neighbours_by_their_distance_and_keeps_to_the_edge);
    tcase_add_test(cases, aligned_corners_stay_where_they_are);
    tcase_add_loop_test(cases, the_same_size_is_the_same_image, 0, 6);
    tcase_add_test(cases, positions_are_exact);
    tcase_add_test(cases, a_neighbour_without_weight_may_be_infinite);
    tcase_add_test(cases, the_gradient_is_shared_out);
    tcase_add_test(cases, an_empty_batch_stays_empty);
    tcase_add_test(cases, no_size_and_no_mode_are_refused);
    return run_suite(suite);
}
