// SPDX-License-Identifier: MIT
/* test_pad.c: padding against what PyTorch and NumPy print, against a loop over coordinates in
   random layouts, and its transpose by <pad x, w> = <x, unpad w> on whole numbers, where both sides
   are exact. */
#include "autograd/autograd_impl.h"
#include "tests/core_test.h"

static wg_tensor *counting(wg_shape shape) {  // 0, 1, 2, ... in C order
    return wg_reshape(wg_arange(WG_F64, 0, (double)wg_shape_numel(shape), 1), shape);
}

static wg_tensor *pad1(wg_tensor *x, int64_t before, int64_t after, wg_pad_mode mode) {
    return wg_pad(x, WG_SHAPE(before), WG_SHAPE(after), (wg_pad_options){ .mode = mode });
}

/* ---- values ---------------------------------------------------------------------------------- */

START_TEST(each_mode_fills_the_ends_in_its_way) {
    wg_tensor *x = LIST(1, 2, 3, 4);
    EXPECT_VALUES(wg_pad(x, WG_SHAPE(2), WG_SHAPE(1), (wg_pad_options){ .value = 9 }), 9, 9, 1, 2,
                  3, 4, 9);
    EXPECT_VALUES(pad1(x, 1, 2, WG_PAD_CONSTANT), 0, 1, 2, 3, 4, 0, 0);
    EXPECT_VALUES(pad1(x, 3, 2, WG_PAD_REFLECT), 4, 3, 2, 1, 2, 3, 4, 3, 2);
    EXPECT_VALUES(pad1(x, 2, 3, WG_PAD_REPLICATE), 1, 1, 1, 2, 3, 4, 4, 4, 4);
    EXPECT_VALUES(pad1(x, 4, 2, WG_PAD_CIRCULAR), 1, 2, 3, 4, 1, 2, 3, 4, 1, 2);
}
END_TEST

START_TEST(the_lists_name_the_last_axes_in_their_order) {
    wg_tensor *x = counting(WG_SHAPE(2, 3, 2));
    expect_shape(wg_pad(x, WG_SHAPE(1, 0), WG_SHAPE(0, 3), (wg_pad_options){ 0 }),
                 WG_SHAPE(2, 4, 5));
    expect_shape(wg_pad(x, WG_SHAPE(5, 0, 0), WG_SHAPE(0, 0, 0), (wg_pad_options){ 0 }),
                 WG_SHAPE(7, 3, 2));
    wg_tensor *y = counting(WG_SHAPE(2, 2));
    EXPECT_VALUES(wg_pad(y, WG_SHAPE(1, 0), WG_SHAPE(0, 1), (wg_pad_options){ .value = 7 }), 7, 7,
                  7, 0, 1, 7, 2, 3, 7);
}
END_TEST

START_TEST(a_corner_is_a_border_of_borders) {
    wg_tensor *x = counting(WG_SHAPE(2, 2)), *y;
    const wg_shape one = WG_SHAPE(1, 1);
    y = wg_pad(x, one, one, (wg_pad_options){ .mode = WG_PAD_REFLECT });
    EXPECT_VALUES(y, 3, 2, 3, 2, 1, 0, 1, 0, 3, 2, 3, 2, 1, 0, 1, 0);
    y = wg_pad(x, one, one, (wg_pad_options){ .mode = WG_PAD_REPLICATE });
    EXPECT_VALUES(y, 0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3);
    y = wg_pad(x, one, one, (wg_pad_options){ .mode = WG_PAD_CIRCULAR });
    EXPECT_VALUES(y, 3, 2, 3, 2, 1, 0, 1, 0, 3, 2, 3, 2, 1, 0, 1, 0);
}
END_TEST

START_TEST(a_negative_width_crops_without_a_copy) {
    wg_tensor *x = counting(WG_SHAPE(5)), *y = pad1(x, -1, -2, WG_PAD_CONSTANT);
    EXPECT_VALUES(y, 1, 2);
    ck_assert(y->storage == x->storage);
    EXPECT_VALUES(wg_pad(x, WG_SHAPE(-3), WG_SHAPE(2), (wg_pad_options){ .value = 8 }), 3, 4, 8, 8);
    EXPECT_VALUES(wg_pad(x, WG_SHAPE(2), WG_SHAPE(-5), (wg_pad_options){ .value = 8 }), 8, 8);
    expect_shape(pad1(x, -2, -3, WG_PAD_CONSTANT), WG_SHAPE(0));
    ck_assert(pad1(x, 0, 0, WG_PAD_REFLECT)->storage == x->storage);
}
END_TEST

START_TEST(a_constant_pad_makes_something_of_nothing) {
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(0, 2));
    wg_tensor *y = wg_pad(x, WG_SHAPE(1, 1), WG_SHAPE(1, 0), (wg_pad_options){ .value = 4 });
    expect_shape(y, WG_SHAPE(2, 3));
    EXPECT_VALUES(y, 4, 4, 4, 4, 4, 4);
    expect_shape(wg_pad(scalar(1), WG_SCALAR, WG_SCALAR, (wg_pad_options){ 0 }), WG_SCALAR);
}
END_TEST

START_TEST(special_values_are_moved_as_they_are) {
    wg_tensor *x = LIST(-0.0, INFINITY, NAN);
    wg_tensor *y = pad1(x, 2, 2, WG_PAD_REFLECT);
    ck_assert(isnan(wg_at(y, (int64_t[]){ 0 })) && isinf(wg_at(y, (int64_t[]){ 1 })));
    ck_assert(signbit(wg_at(y, (int64_t[]){ 6 })));
    y = wg_pad(x, WG_SHAPE(1), WG_SHAPE(0), (wg_pad_options){ .value = -INFINITY });
    ck_assert(wg_at(y, (int64_t[]){ 0 }) == -INFINITY);
}
END_TEST

/* ---- against a loop -------------------------------------------------------------------------- */

// Place on the axis of what stands at p - before; -1 for the value.
static int64_t origin(int64_t p, int64_t n, wg_pad_mode mode) {
    if (p >= 0 && p < n) return p;
    if (mode == WG_PAD_REPLICATE) return p < 0 ? 0 : n - 1;
    if (mode == WG_PAD_CIRCULAR) return (p + n) % n;
    return mode == WG_PAD_REFLECT ? (p < 0 ? -p : 2 * n - 2 - p) : -1;
}

typedef struct widths {
    wg_shape before, after;
    wg_pad_options o;
} widths;

static widths random_widths(wg_random *r, const wg_shape *x) {
    widths w = { .o = { .mode = (wg_pad_mode)between(r, 0, 3), .value = 1 } };
    w.before.rank = w.after.rank = (int)between(r, 0, x->rank);
    for (int i = 0; i < w.before.rank; i++) {
        int64_t n = x->dim[x->rank - w.before.rank + i], most = 3, least = 0;
        if (w.o.mode == WG_PAD_REFLECT) most = n > 0 ? n - 1 : 0;
        if (w.o.mode == WG_PAD_CIRCULAR || n == 0) most = n;
        if (w.o.mode == WG_PAD_CONSTANT) least = -n / 2, most = 3;
        w.before.dim[i] = between(r, least, most);
        w.after.dim[i] = between(r, least, most);
    }
    return w;
}

static double padded(const wg_tensor *x, const widths *w, const wg_shape *y, int64_t flat) {
    int64_t at[WG_MAX_RANK];
    for (int i = y->rank - 1; i >= 0; i--) {
        int k = i - (y->rank - w->before.rank);
        int64_t p = flat % y->dim[i] - (k < 0 ? 0 : w->before.dim[k]);
        at[i] = origin(p, wg_dim(x, i), w->o.mode);
        flat /= y->dim[i];
    }
    for (int i = 0; i < y->rank; i++)
        if (at[i] < 0) return w->o.value;
    return wg_at(x, at);
}

START_TEST(padding_agrees_with_a_loop_in_any_layout_and_dtype) {
    wg_random r = { .seed = 21 };
    for (int trial = 0; trial < 1000; trial++) {
        wg_scope *scope = wg_scope_open();
        wg_shape shape = random_shape(&r, 4, 4);
        wg_tensor *x = random_layout(&r, (wg_dtype)between(&r, 0, WG_DTYPES - 1), shape, true);
        for (int64_t k = 0; k < wg_numel(x); k++)
            wg_view_set(&x->view, k, (double)between(&r, 0, x->view.dtype == WG_BOOL ? 1 : 99));
        widths w = random_widths(&r, &shape);
        wg_tensor *y = wg_pad(x, w.before, w.after, w.o);
        expect_no_error();
        ck_assert_int_eq(wg_dtype_of(y), wg_dtype_of(x));
        wg_shape s = wg_shape_of(y);
        for (int64_t k = 0; k < wg_numel(y); k++)
            ck_assert_msg(wg_view_get(&y->view, k) == padded(x, &w, &s, k), "trial %d, mode %d",
                          trial, (int)w.o.mode);
        wg_scope_close(scope);
    }
}
END_TEST

START_TEST(the_gradient_adds_up_all_copies_of_an_element) {
    wg_random r = { .seed = 22 };
    for (int trial = 0; trial < 500; trial++) {
        wg_scope *scope = wg_scope_open();
        wg_dtype dtype = trial % 2 ? WG_F32 : WG_F64;
        wg_shape shape = random_shape(&r, 3, 4);
        wg_tensor *x = random_layout(&r, dtype, shape, true), *gx;
        for (int64_t k = 0; k < wg_numel(x); k++)
            wg_view_set(&x->view, k, (double)between(&r, -9, 9));
        widths w = random_widths(&r, &shape);
        w.o.value = 0;
        wg_tensor *v = wg_variable(x), *y = wg_pad(v, w.before, w.after, w.o);
        wg_tensor *seed = random_layout(&r, dtype, wg_shape_of(y), true);
        for (int64_t k = 0; k < wg_numel(y); k++)
            wg_view_set(&seed->view, k, (double)between(&r, -9, 9));
        ck_assert(wg_grad(y, &v, 1, &gx, (wg_grad_options){ .seed = seed }));
        double left = wg_item(wg_sum(wg_mul(y, seed))), right = wg_item(wg_sum(wg_mul(v, gx)));
        ck_assert_msg(left == right, "trial %d, mode %d: %g, not %g", trial, (int)w.o.mode, right,
                      left);
        wg_scope_close(scope);
    }
    wg_tensor *x = wg_variable(LIST(1, 2, 3));
    EXPECT_VALUES(wg_derivative(pad1(x, 2, 2, WG_PAD_REFLECT), x), 2, 3, 2);
    EXPECT_VALUES(wg_derivative(pad1(x, 2, 3, WG_PAD_REPLICATE), x), 3, 1, 4);
    EXPECT_VALUES(wg_derivative(pad1(x, 1, 2, WG_PAD_CIRCULAR), x), 2, 2, 2);
    EXPECT_VALUES(wg_derivative(pad1(x, -1, 2, WG_PAD_CONSTANT), x), 0, 1, 1);
}
END_TEST

/* ---- refusals -------------------------------------------------------------------------------- */

typedef struct refusal {
    int64_t size, before, after;
    wg_pad_mode mode;
    wg_status status;
    const char *words;
} refusal;

static const refusal refusals[] = {
    { 3, 3, 0, WG_PAD_REFLECT, WG_ERROR_SHAPE,
      "pad: [3]: axis 0: a width of 3 is more than n - 1 for n = 3" },
    { 1, 0, 1, WG_PAD_REFLECT, WG_ERROR_SHAPE, "a width of 1 is more than n - 1 for n = 1" },
    { 3, 0, 4, WG_PAD_CIRCULAR, WG_ERROR_SHAPE, "a width of 4 is more than n for n = 3" },
    { 0, 1, 0, WG_PAD_REPLICATE, WG_ERROR_SHAPE, "axis 0 is empty: there is nothing to copy" },
    { 0, 0, 1, WG_PAD_REFLECT, WG_ERROR_SHAPE, "axis 0 is empty" },
    { 3, -1, 0, WG_PAD_REFLECT, WG_ERROR_ARGUMENT, "only a constant pad may be negative: -1" },
    { 3, -2, -2, WG_PAD_CONSTANT, WG_ERROR_SHAPE, "axis 0 of 3 with -2 before and -2 after" },
    { 3, -4, 9, WG_PAD_CONSTANT, WG_ERROR_SHAPE, "axis 0 of 3 with -4 before and 9 after" },
    { 3, INT64_MAX, 0, WG_PAD_CONSTANT, WG_ERROR_SHAPE, "9223372036854775807 before" },
    { 3, INT64_MIN, INT64_MAX, WG_PAD_CONSTANT, WG_ERROR_SHAPE, "-9223372036854775808 before" },
    { 3, INT64_MAX / 2, 0, WG_PAD_CONSTANT, WG_ERROR_SHAPE, "more elements than memory can hold" },
    { 3, 1, 1, (wg_pad_mode)9, WG_ERROR_ARGUMENT, "there is no mode 9" },
};

START_TEST(what_cannot_be_padded_is_refused_with_its_numbers) {
    const refusal *f = &refusals[_i];
    wg_tensor *x = wg_zeros(WG_F64, WG_SHAPE(f->size));
    ck_assert_ptr_null(pad1(x, f->before, f->after, f->mode));
    expect_error(f->status, f->words);
}
END_TEST

START_TEST(lists_and_value_must_fit_the_tensor) {
    const wg_pad_options half = { .value = 0.5 }, two = { .value = 2 };
    wg_tensor *x = wg_zeros(WG_I64, WG_SHAPE(2)), *b = wg_zeros(WG_BOOL, WG_SHAPE(2));
    ck_assert_ptr_null(wg_pad(x, WG_SHAPE(1), WG_SHAPE(1), half));
    expect_error(WG_ERROR_DTYPE, "pad: [2]: the value 0.5 is no i64");
    ck_assert_ptr_null(wg_pad(b, WG_SHAPE(1), WG_SHAPE(1), two));
    expect_error(WG_ERROR_DTYPE, "the value 2 is no bool");
    EXPECT_VALUES(wg_pad(x, WG_SHAPE(1), WG_SHAPE(0), two), 2, 0, 0);
    ck_assert_ptr_null(wg_pad(x, WG_SHAPE(1), WG_SHAPE(1, 1), two));
    expect_error(WG_ERROR_SHAPE, "1 widths before and 2 after, for 1 axes");
    ck_assert_ptr_null(wg_pad(NULL, WG_SHAPE(1), WG_SHAPE(1), two));
    expect_error(WG_ERROR_ARGUMENT, "pad: input 0 is NULL");
}
END_TEST

static bool attempt(void) {
    wg_tensor *x = wg_variable(wg_ones(WG_F32, WG_SHAPE(4))), *gx;
    wg_tensor *y = pad1(x, 3, 3, WG_PAD_REFLECT);
    return wg_grad(y, &x, 1, &gx, (wg_grad_options){ .constant = true });
}
START_TEST(every_allocation_may_fail) { ck_assert_int_gt(fail_every_allocation(attempt), 1); }
END_TEST

/* ---------------------------------------------------------------------------------------------- */

int main(void) {
    Suite *suite = suite_create("pad");
    TCase *values = add_cases(suite, "values");
    tcase_add_test(values, each_mode_fills_the_ends_in_its_way);
    tcase_add_test(values, the_lists_name_the_last_axes_in_their_order);
    tcase_add_test(values, a_corner_is_a_border_of_borders);
    tcase_add_test(values, a_negative_width_crops_without_a_copy);
    tcase_add_test(values, a_constant_pad_makes_something_of_nothing);
    tcase_add_test(values, special_values_are_moved_as_they_are);
    TCase *loops = add_cases(suite, "loops");
    tcase_add_test(loops, padding_agrees_with_a_loop_in_any_layout_and_dtype);
    tcase_add_test(loops, the_gradient_adds_up_all_copies_of_an_element);
    TCase *bad = add_cases(suite, "refusals");
    ADD_TABLE(bad, what_cannot_be_padded_is_refused_with_its_numbers, refusals);
    tcase_add_test(bad, lists_and_value_must_fit_the_tensor);
    tcase_add_test(bad, every_allocation_may_fail);
    return run_suite(suite);
}
