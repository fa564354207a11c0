// SPDX-License-Identifier: MIT
/* nn_test.h: what the tests of nn and optim share. Errors compared by their words, an allocator that counts,
   and fails when it is told to, and a fixture that ends with nothing left behind. */
#ifndef WG_TESTS_NN_TEST_H
#define WG_TESTS_NN_TEST_H

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optim/optim.h"

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

/* ---- numbers ---------------------------------------------------------------------------------------- */

/* |a - b| <= tolerance; NaN is close to nothing. */
static inline void expect_close(double a, double b, double tolerance, const char *what) {
    double gap = fabs(a - b);
    ck_assert_msg(gap <= tolerance, "%s: %.17g and %.17g are %g apart, at most %g", what, a, b, gap,
                  tolerance);
}

/* One element, by its place in C order. */
static inline double element(const wg_tensor *x, int64_t flat) {
    int64_t index[WG_MAX_RANK] = { 0 };
    for (int i = wg_rank(x) - 1; i >= 0; i--) {
        index[i] = flat % wg_dim(x, i);
        flat /= wg_dim(x, i);
    }
    return wg_at(x, index);
}

/* A tensor of normal values. */
static inline wg_tensor *normal(wg_dtype dtype, wg_shape shape, uint64_t seed) {
    return wg_randn(dtype, shape, &(wg_random){ .seed = seed });
}

/* ---- memory ----------------------------------------------------------------------------------------- */

typedef struct counter {
    int64_t left;   // allocations granted before all fail; negative: no end
    int64_t calls;  // so far
    int64_t live;   // blocks not released
} counter;

static counter counted;

static inline void *counted_allocate(void *user, size_t alignment, size_t size) {
    counter *c = user;
    void *block = NULL;
    if (c->left == 0 || posix_memalign(&block, alignment, size) != 0) return NULL;
    c->left -= c->left > 0;
    c->calls++;
    c->live++;
    return block;
}
static inline void counted_release(void *user, void *block, size_t size) {
    (void)size;
    ((counter *)user)->live--;
    free(block);
}

/* Starts counting, and after `granted` allocations failing. */
static inline void count_allocations(int64_t granted) {
    wg_reset();
    counted = (counter){ .left = granted };
    wg_set_allocator(&(wg_allocator){ counted_allocate, counted_release, &counted });
}

/* Bytes in live blocks. */
static inline size_t in_use(void) {
    wg_memory now = wg_memory_now();
    return now.held - now.cached;
}

/* Nothing is left of what was made: no handle, no block. */
static inline void expect_nothing_left(void) {
    wg_reset();
    ck_assert_int_eq(wg_memory_now().tensors, 0);
    ck_assert_msg(counted.live == 0, "%lld blocks leaked", (long long)counted.live);
}

/* Runs `attempt` with the first, the second, ... allocation failing, until it succeeds. It returns whether it did,
   frees whatever it made, and checks for itself that a failure changed nothing. */
static inline void fail_every_allocation(bool (*attempt)(void)) {
    for (int64_t n = 0;; n++) {
        ck_assert_int_lt(n, 2000);
        count_allocations(n);
        bool done = attempt();
        bool failed = wg_error() != WG_OK;
        ck_assert_msg(done != failed, "with %lld allocations: '%s'", (long long)n,
                      wg_error_message());
        if (failed) expect_error(WG_ERROR_MEMORY, "out of memory");
        expect_nothing_left();
        if (!done) continue;
        ck_assert_int_gt(n, 0);
        count_allocations(-1);
        return;
    }
}

/* ---- running ----------------------------------------------------------------------------------------- */

static inline void setup(void) {
    wg_on_error(NULL, NULL);
    count_allocations(-1);
}
static inline void teardown(void) {
    ck_assert_msg(wg_error() == WG_OK, "left behind: %s", wg_error_message());
    expect_nothing_left();
    wg_set_allocator(NULL);
}

typedef struct test_entry {
    const TTest *test;
    int times;  // 0: once, else a loop test
} test_entry;

static inline int run_tests(const char *name, const test_entry tests[], size_t count) {
    Suite *suite = suite_create(name);
    TCase *cases = tcase_create(name);
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 120);
    for (size_t i = 0; i < count; i++) {
        if (tests[i].times)
            tcase_add_loop_test(cases, tests[i].test, 0, tests[i].times);
        else
            tcase_add_test(cases, tests[i].test);
    }
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
