// SPDX-License-Identifier: MIT
/* core_test.h: what the tests of tensor and of the engine share. Errors compared by their words, an allocator
   that counts, and fails when it is told to, tensors of random layout, and a fixture that ends with nothing
   left behind. */
#ifndef WG_TESTS_CORE_TEST_H
#define WG_TESTS_CORE_TEST_H

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/autograd.h"
#include "autograd/op.h"
#include "tensor/tensor_impl.h"

/* ---- errors --------------------------------------------------------------------------------------- */

/* The pending error has this status and these words in its message; it is cleared. */
static inline void expect_error(wg_status status, const char *words) {
    ck_assert_msg(wg_error() == status, "status %d, wanted %d with '%s': '%s'", (int)wg_error(),
                  (int)status, words, wg_error_message());
    ck_assert_msg(strstr(wg_error_message(), words) != NULL, "'%s' lacks '%s'", wg_error_message(),
                  words);
    wg_error_clear();
}

static inline void expect_no_error(void) {
    ck_assert_msg(wg_error() == WG_OK, "%s", wg_error_message());
}

/* ---- memory --------------------------------------------------------------------------------------- */

typedef struct counter {
    int64_t left;   // allocations granted before all fail; negative: no end
    int64_t calls;  // granted and refused, so far
    int64_t live;   // blocks not released
    size_t bytes;   // in them
} counter;

static counter counted;

static inline void *counted_allocate(void *user, size_t alignment, size_t size) {
    counter *c = user;
    void *block = NULL;
    c->calls++;
    if (c->left == 0 || posix_memalign(&block, alignment, size) != 0) return NULL;
    c->left -= c->left > 0;
    c->live++;
    c->bytes += size;
    return block;
}
static inline void counted_release(void *user, void *block, size_t size) {
    counter *c = user;
    c->live--;
    c->bytes -= size;
    free(block);
}

/* Bytes in blocks that are in use. */
static inline size_t bytes_in_use(void) {
    wg_memory m = wg_memory_now();
    return m.held - m.cached;
}

/* Starts counting, and after `granted` allocations failing. */
static inline void count_allocations(int64_t granted) {
    wg_reset();
    counted = (counter){ .left = granted };
    wg_set_allocator(&(wg_allocator){ counted_allocate, counted_release, &counted });
}
/* Frees all tensors; everything that was allocated must be back. */
static inline void expect_all_released(void) {
    wg_reset();
    ck_assert_msg(counted.live == 0 && counted.bytes == 0, "%lld blocks of %zu bytes leaked",
                  (long long)counted.live, counted.bytes);
    ck_assert_int_eq(wg_memory_now().tensors, 0);
    ck_assert_uint_eq(wg_memory_now().held, 0);
}

/* ---- random choices --------------------------------------------------------------------------------- */

static inline int64_t between(wg_random *r, int64_t low, int64_t high) {  // both included
    return low + wg_random_below(r, high - low + 1);
}

static inline wg_shape random_shape(wg_random *r, int most_axes, int64_t most) {
    wg_shape s = { .rank = (int)between(r, 0, most_axes) };
    for (int i = 0; i < s.rank; i++) s.dim[i] = between(r, between(r, 0, 9) == 0 ? 0 : 1, most);
    return s;
}

/* A tensor of `shape` with undefined elements, whose axes lie in memory in a random order, with gaps and
   some of them backwards; with `shared`, some axes have stride 0. */
static inline wg_tensor *random_layout(wg_random *r, wg_dtype dtype, wg_shape shape, bool shared) {
    int order[WG_MAX_RANK] = { 0 };
    for (int i = 0; i < shape.rank; i++) {
        int64_t j = between(r, 0, i);
        order[i] = order[j], order[j] = i;
    }
    int64_t stride[WG_MAX_RANK], size = 1, first = 0;
    for (int i = 0; i < shape.rank; i++) {
        int axis = order[i];
        bool stands = shared && between(r, 0, 3) == 0, back = between(r, 0, 2) == 0;
        stride[axis] = stands ? 0 : size * between(r, 1, between(r, 0, 2) ? 1 : 3);
        int64_t length = stride[axis] * (shape.dim[axis] > 0 ? shape.dim[axis] : 1);
        if (length > 0) size = length;
        if (back && shape.dim[axis] > 0) first += stride[axis] * (shape.dim[axis] - 1);
        if (back) stride[axis] = -stride[axis];
    }
    int64_t before = between(r, 0, 3), after = between(r, 0, 3);
    wg_tensor *all = wg__tensor_new(dtype, WG_SHAPE(before + size + after));
    wg_tensor *x = wg__tensor_alias(all);
    ck_assert_ptr_nonnull(x);
    x->view.data = wg__at(&all->view, before + first);
    x->view.shape = shape;
    memcpy(x->view.stride, stride, sizeof stride);
    return x;
}

/* x read from its last element to its first: a view. */
static inline wg_tensor *backwards(const wg_tensor *x) {
    wg_tensor *y = wg__tensor_alias(x);
    for (int i = 0; i < x->view.shape.rank; i++) {
        y->view.data = wg__at(&y->view, (x->view.shape.dim[i] - 1) * x->view.stride[i]);
        y->view.stride[i] = -x->view.stride[i];
    }
    return y;
}

/* ---- numbers ---------------------------------------------------------------------------------------- */

static inline wg_tensor *scalar(double value) { return wg_full(WG_F64, WG_SCALAR, value); }
static inline wg_tensor *leaf(double value) { return wg_variable(scalar(value)); }
static inline wg_tensor *list(int64_t n, const double *values) {
    return wg_from_f64(WG_F64, WG_SHAPE(n), values);
}
#define LIST(...)                                                                                  \
    list((int64_t)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)), (double[]){ __VA_ARGS__ })

/* Every element of x is exactly as listed; -0 is 0, NaN is nothing. */
static inline void expect_values(const wg_tensor *x, const double *values, int64_t n) {
    expect_no_error();
    ck_assert_ptr_nonnull(x);
    ck_assert_int_eq(wg_numel(x), n);
    double *got = malloc((size_t)n * sizeof *got + 1);
    ck_assert(wg_read_f64(x, got, n));
    for (int64_t i = 0; i < n; i++)
        ck_assert_msg(got[i] == values[i], "[%lld] is %.17g, wanted is %.17g", (long long)i, got[i],
                      values[i]);
    free(got);
}
#define EXPECT_VALUES(x, ...)                                                                      \
    expect_values(x, (double[]){ __VA_ARGS__ },                                                    \
                  (int64_t)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)))

/* ---- running ---------------------------------------------------------------------------------------- */

static inline void core_setup(void) {
    wg_on_error(NULL, NULL);
    count_allocations(-1);
}
static inline void core_teardown(void) {
    ck_assert_msg(wg_error() == WG_OK, "left behind: %s", wg_error_message());
    expect_all_released();
    wg_set_allocator(NULL);
}

static inline TCase *core_cases(Suite *suite, const char *name) {
    TCase *cases = tcase_create(name);
    suite_add_tcase(suite, cases);
    tcase_add_checked_fixture(cases, core_setup, core_teardown);
    tcase_set_timeout(cases, 120);  // with sanitizers, on a busy machine
    return cases;
}

static inline int run_suite(Suite *suite) {
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
