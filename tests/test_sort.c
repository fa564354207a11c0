// SPDX-License-Identifier: MIT
/* test_sort.c: sort, topk and the places they come from, against a plain stable sort over random
   numbers full of ties, and by name what order means for equals, zeros, infinities and NaN. */
#include "tests/core_test.h"

#include "tensor/kernels/kernels.h"

static const double INF = INFINITY;

#define VECTOR(dtype, ...)                                                                         \
    wg_from_f64(dtype, WG_SHAPE(COUNT(((double[]){ __VA_ARGS__ }))), (double[]){ __VA_ARGS__ })

/* ---- against the plainest sort --------------------------------------------------------------- */

static bool before(double a, double b, bool descending) { return descending ? a > b : a < b; }

// place[] of n values `step` apart, by insertion, which is stable.
static void plain_argsort(const double *x, int64_t n, int64_t step, bool descending,
                          double *place) {
    for (int64_t k = 0; k < n; k++) {
        int64_t at = k;
        for (; at > 0 && before(x[k * step], x[(int64_t)place[at - 1] * step], descending); at--)
            place[at] = place[at - 1];
        place[at] = (double)k;
    }
}

typedef struct ordered {
    wg_tensor *x;
    int axis;
    int64_t n, count;  // along the axis, and elements in all
    double *value, *place, *sorted;
    wg_shape shape;
} ordered;

// Small whole numbers, so most are tied; negative ones where the dtype has them.
static void draw(ordered *o, wg_random *r, wg_dtype dtype) {
    int64_t low = dtype == WG_U8 || dtype == WG_BOOL ? 0 : -9, high = dtype == WG_BOOL ? 1 : 9;
    o->x = random_layout(r, dtype, o->shape, true);
    o->count = wg_numel(o->x), o->n = o->shape.dim[o->axis];
    o->value = calloc((size_t)o->count, sizeof(double));
    o->place = calloc((size_t)o->count, sizeof(double));
    o->sorted = calloc((size_t)o->count, sizeof(double));
    for (int64_t k = 0; k < o->count; k++) {
        double value = (double)between(r, low, high) * (wg_dtype_is_float(dtype) ? 0.5 : 1);
        wg_view_set(&o->x->view, k, value);
    }
    wg_read_f64(o->x, o->value, o->count);
}

static void plain_sort(ordered *o, bool descending) {
    int64_t step = 1;
    double *place = calloc((size_t)o->n, sizeof *place);
    for (int k = o->axis + 1; k < o->shape.rank; k++) step *= o->shape.dim[k];
    for (int64_t k = 0; k < o->count; k++) {
        if (k / step % o->n != 0) continue;
        plain_argsort(o->value + k, o->n, step, descending, place);
        for (int64_t i = 0; i < o->n; i++) {
            o->place[k + i * step] = place[i];
            o->sorted[k + i * step] = o->value[k + (int64_t)place[i] * step];
        }
    }
    free(place);
}

START_TEST(order_is_that_of_a_plain_stable_sort) {
    wg_random r = { .seed = 8, .stream = (uint64_t)_i };
    ordered o = { .shape = { .rank = (int)between(&r, 1, 3) } };
    for (int k = 0; k < o.shape.rank; k++) o.shape.dim[k] = between(&r, 1, 5);
    o.axis = (int)between(&r, 0, o.shape.rank - 1);
    o.shape.dim[o.axis] = between(&r, 1, _i % 2 ? 20 : 200);  // by insertion, and by digits
    draw(&o, &r, (wg_dtype)(_i % WG_DTYPES));
    for (int descending = 0; descending < 2; descending++) {
        plain_sort(&o, descending);
        expect_values(wg_argsort(o.x, o.axis, descending), o.place, o.count);
        wg_tensor *sorted = wg_sort(o.x, o.axis, descending);
        ck_assert_int_eq(wg_dtype_of(sorted), wg_dtype_of(o.x));
        expect_values(sorted, o.sorted, o.count);
        for (int64_t k = 0; k <= o.n; k += 1 + o.n / 7) {  // both by the heap and by the sort
            wg_tensor *places = wg_from_f64(WG_I64, o.shape, o.place);
            places = wg_slice(places, o.axis, 0, k, 1);
            ck_assert(wg_equal(wg_argtopk(o.x, k, o.axis, descending), places));
            ck_assert(
                wg_equal(wg_topk(o.x, k, o.axis, descending), wg_gather(o.x, o.axis, places)));
        }
    }
    free(o.value), free(o.place), free(o.sorted);
}
END_TEST

// All bits of the keys count: numbers of every size and sign.
START_TEST(numbers_of_every_size_are_sorted) {
    wg_random r = { .seed = 4 };
    enum { MANY = 5000 };
    wg_dtype dtype = _i ? WG_F64 : WG_F32;
    wg_tensor *exponent = wg_mul(wg_num(_i ? 300 : 30), wg_randn(dtype, WG_SHAPE(MANY), &r));
    wg_tensor *x = wg_mul(wg_randn(dtype, WG_SHAPE(MANY), &r), wg_exp(exponent));
    wg_tensor *y = wg_sort(x, 0, false);
    const wg_tensor *falling = wg_flip(wg_sort(x, 0, true), 0);
    ck_assert(wg_item(wg_all(wg_le(wg_slice(y, 0, 0, MANY - 1, 1), wg_slice(y, 0, 1, MANY, 1)))));
    ck_assert(wg_equal(y, falling));
    ck_assert(wg_item(wg_max(x)) == wg_at(y, &(int64_t){ MANY - 1 }));
    // The places are a permutation.
    wg_tensor *places = wg_sort(wg_argsort(x, 0, false), 0, false);
    ck_assert(wg_equal(places, wg_arange(WG_I64, 0, MANY, 1)));
}
END_TEST

START_TEST(large_integers_are_told_apart) {
    const int64_t large[] = { INT64_MAX, INT64_MIN, INT64_MAX - 1, 0, -1, INT64_MIN + 1 };
    wg_tensor *x = wg_from(WG_I64, WG_SHAPE(6), large);
    EXPECT_VALUES(wg_argsort(x, 0, false), 1, 5, 4, 3, 2, 0);
    EXPECT_VALUES(wg_argtopk(x, 2, 0, true), 0, 2);
}
END_TEST

/* ---- what order means ------------------------------------------------------------------------ */

START_TEST(nan_counts_as_greatest) {
    wg_tensor *x = VECTOR(_i ? WG_F64 : WG_F32, 2, NAN, INF, -INF, -NAN, 0);
    EXPECT_VALUES(wg_argsort(x, 0, false), 3, 5, 0, 2, 1, 4);
    EXPECT_VALUES(wg_argsort(x, 0, true), 1, 4, 2, 0, 5, 3);
    EXPECT_VALUES(wg_argtopk(x, 3, 0, true), 1, 4, 2);
    EXPECT_VALUES(wg_argtopk(x, 3, 0, false), 3, 5, 0);
    const double want[] = { -INF, 0, 2, INF, NAN, NAN };
    expect_near(wg_sort(x, 0, false), want, 6, 0, 0);
}
END_TEST

START_TEST(equals_keep_their_order_and_zeros_are_equal) {
    wg_tensor *x = VECTOR(WG_F64, 0, -0.0, 1, 0, -0.0, 1);
    EXPECT_VALUES(wg_argsort(x, 0, false), 0, 1, 3, 4, 2, 5);
    EXPECT_VALUES(wg_argsort(x, 0, true), 2, 5, 0, 1, 3, 4);
    EXPECT_VALUES(wg_argtopk(x, 3, 0, false), 0, 1, 3);
    EXPECT_VALUES(wg_argtopk(wg_ones(WG_BOOL, WG_SHAPE(100)), 3, 0, true), 0, 1, 2);
}
END_TEST

START_TEST(topk_takes_from_none_to_all) {
    wg_tensor *x = wg_from_f64(WG_F32, WG_SHAPE(2, 3), (double[]){ 5, 7, 6, 1, 3, 2 });
    expect_shape(wg_topk(x, 0, 1, true), WG_SHAPE(2, 0));
    EXPECT_VALUES(wg_topk(x, 1, 1, true), 7, 3);
    EXPECT_VALUES(wg_topk(x, 2, -1, false), 5, 6, 1, 2);
    EXPECT_VALUES(wg_topk(x, 3, 1, true), 7, 6, 5, 3, 2, 1);
    EXPECT_VALUES(wg_topk(x, 1, 0, false), 1, 3, 2);
    expect_shape(wg_topk(wg_zeros(WG_F32, WG_SHAPE(0, 3)), 2, 1, true), WG_SHAPE(0, 2));
    expect_shape(wg_sort(wg_zeros(WG_F32, WG_SHAPE(2, 0)), 1, true), WG_SHAPE(2, 0));
}
END_TEST

// An axis of stride 0 may be longer than any memory.
START_TEST(a_line_too_long_for_any_memory_is_refused) {
    wg_tensor *x = wg_expand(wg_ones(WG_BOOL, WG_SHAPE(1)), WG_SHAPE((int64_t)1 << 60));
    ck_assert_ptr_null(wg_argtopk(x, 2, 0, true));
    expect_error(WG_ERROR_MEMORY, "1152921504606846976 elements");
}
END_TEST

START_TEST(refusals_name_their_numbers) {
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(2, 3));
    ck_assert_ptr_null(wg_argtopk(x, 4, 1, true));
    expect_error(WG_ERROR_ARGUMENT, "argtopk: [2,3]: 4 are wanted of 3 along axis 1");
    ck_assert_ptr_null(wg_topk(x, -1, 0, true));
    expect_error(WG_ERROR_ARGUMENT, "topk");
    ck_assert_ptr_null(wg_sort(x, 2, false));
    expect_error(WG_ERROR_SHAPE, "there is no axis 2 among 2");
    ck_assert_ptr_null(wg_argsort(wg_num(1), 0, false));
    expect_error(WG_ERROR_SHAPE, "argsort: []: there is no axis 0");
    ck_assert_ptr_null(wg_sort(NULL, 0, false));
    expect_error(WG_ERROR_ARGUMENT, "sort: input 0 is NULL");
}
END_TEST

/* ---- gradients ------------------------------------------------------------------------------- */

// A permutation: each element's slope is that of the place where it went, equals by their order.
START_TEST(the_gradient_goes_back_to_where_each_value_came_from) {
    wg_tensor *x = wg_variable(VECTOR(WG_F64, 5, 1, 5, 3)), *gx;
    wg_tensor *seed = VECTOR(WG_F64, 10, 20, 30, 40);
    ck_assert(wg_grad(wg_sort(x, 0, false), &x, 1, &gx, (wg_grad_options){ .seed = seed }));
    EXPECT_VALUES(gx, 30, 10, 40, 20);
    ck_assert(wg_grad(wg_sort(x, 0, true), &x, 1, &gx, (wg_grad_options){ .seed = seed }));
    EXPECT_VALUES(gx, 10, 40, 20, 30);
    EXPECT_VALUES(wg_derivative(wg_topk(x, 1, 0, true), x), 1, 0, 0, 0);
    ck_assert(!wg_is_tracked(wg_argsort(x, 0, false)));
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

static bool some_orders(void) {
    wg_tensor *x = wg_variable(wg_full(WG_F64, WG_SHAPE(3, 70), 0.5));
    wg_tensor *y = wg_mul(wg_sort(x, 0, true), wg_sort(x, 1, false));
    return wg_backward(wg_sum(wg_mul(wg_topk(y, 1, 1, true), wg_topk(y, 60, 1, false))));
}

START_TEST(an_allocation_that_fails_is_reported_and_leaks_nothing) {
    fail_every_allocation(some_orders);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sort");
    TCase *plain = add_cases(suite, "plain");
    tcase_add_loop_test(plain, order_is_that_of_a_plain_stable_sort, 0, 120);
    tcase_add_loop_test(plain, numbers_of_every_size_are_sorted, 0, 2);
    tcase_add_test(plain, large_integers_are_told_apart);
    TCase *order = add_cases(suite, "order");
    tcase_add_loop_test(order, nan_counts_as_greatest, 0, 2);
    tcase_add_test(order, equals_keep_their_order_and_zeros_are_equal);
    tcase_add_test(order, topk_takes_from_none_to_all);
    tcase_add_test(order, a_line_too_long_for_any_memory_is_refused);
    tcase_add_test(order, refusals_name_their_numbers);
    tcase_add_test(order, the_gradient_goes_back_to_where_each_value_came_from);
    TCase *memory = add_cases(suite, "memory");
    tcase_add_test(memory, an_allocation_that_fails_is_reported_and_leaks_nothing);
    return run_suite(suite);
}
