// SPDX-License-Identifier: MIT
/* testing.h: what all tests share. Errors compared by their words, an allocator that counts, and
   fails when it is told to, values compared exactly or within a bound, and test cases that begin
   silent and end with no error pending, no handle and no block left. */
#ifndef WG_TESTS_TESTING_H
#define WG_TESTS_TESTING_H

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/tensor.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))

/* ---- errors ---------------------------------------------------------------------------------- */

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

/* ---- memory ---------------------------------------------------------------------------------- */

typedef struct counter {
    int64_t left;        // allocations granted before all fail; negative: no end
    int64_t calls;       // granted and refused, so far
    int64_t live;        // blocks not released
    size_t bytes, peak;  // in live blocks, now and at most
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
    if (c->bytes > c->peak) c->peak = c->bytes;
    return block;
}
static inline void counted_release(void *user, void *block, size_t size) {
    counter *c = user;
    c->live--;
    c->bytes -= size;
    free(block);
}

/* Starts counting, and after `granted` allocations failing. */
static inline void count_allocations(int64_t granted) {
    wg_reset();
    counted = (counter){ .left = granted };
    wg_set_allocator(&(wg_allocator){ counted_allocate, counted_release, &counted });
}

/* Bytes in blocks that are in use. */
static inline size_t bytes_in_use(void) {
    wg_memory m = wg_memory_now();
    return m.held - m.cached;
}

/* Frees all tensors; everything that was allocated must be back. */
static inline void expect_all_released(void) {
    wg_reset();
    ck_assert_msg(counted.live == 0 && counted.bytes == 0, "%lld blocks of %zu bytes leaked",
                  (long long)counted.live, counted.bytes);
    ck_assert_int_eq(wg_memory_now().tensors, 0);
    ck_assert_uint_eq(wg_memory_now().held, 0);
}

/* Runs `attempt` with the first, the second, ... allocation failing, until it succeeds. It returns
   whether it did, frees whatever it made but tensors, and checks for itself that a failure changed
   nothing. Returns how many allocations it needed, at least one. */
static inline int64_t fail_every_allocation(bool (*attempt)(void)) {
    int64_t n = 0;
    for (bool done = false; !done; n++) {
        ck_assert_int_lt(n, 2000);
        count_allocations(n);
        done = attempt();
        ck_assert_msg(done == (wg_error() == WG_OK), "with %lld allocations: '%s'", (long long)n,
                      wg_error_message());
        if (!done) expect_error(WG_ERROR_MEMORY, "out of memory");
        expect_all_released();
    }
    count_allocations(-1);
    ck_assert_int_gt(n, 1);
    return n - 1;
}

/* ---- values ---------------------------------------------------------------------------------- */

static inline void expect_shape(const wg_tensor *x, wg_shape want) {
    char have_text[200], want_text[200];
    wg_shape_text(wg_shape_of(x), have_text, sizeof have_text);
    wg_shape_text(want, want_text, sizeof want_text);
    ck_assert_msg(x && strcmp(have_text, want_text) == 0, "%s, wanted is %s: %s", have_text,
                  want_text, wg_error_message());
}

/* The n elements of x, in C order; for the caller to free. */
static inline double *elements_of(const wg_tensor *x, int64_t n) {
    expect_no_error();
    ck_assert_ptr_nonnull(x);
    ck_assert_int_eq(wg_numel(x), n);
    double *got = malloc((size_t)n * sizeof *got + 1);
    ck_assert(wg_read_f64(x, got, n));
    return got;
}

/* Every element of x is exactly as listed; -0 is 0, NaN is nothing. */
static inline void expect_values(const wg_tensor *x, const double *want, int64_t n) {
    double *got = elements_of(x, n);
    for (int64_t i = 0; i < n; i++)
        ck_assert_msg(got[i] == want[i], "[%lld] is %.17g, wanted is %.17g", (long long)i, got[i],
                      want[i]);
    free(got);
}
#define EXPECT_VALUES(x, ...)                                                                      \
    expect_values(x, (double[]){ __VA_ARGS__ }, COUNT(((double[]){ __VA_ARGS__ })))

/* Finite elements are at most atol + rtol |wanted| away from those listed; infinities and NaN are
   the same. */
static inline void expect_near(const wg_tensor *x, const double *want, int64_t n, double rtol,
                               double atol) {
    double *got = elements_of(x, n);
    for (int64_t i = 0; i < n; i++) {
        bool same = isfinite(want[i]) ? fabs(got[i] - want[i]) <= atol + rtol * fabs(want[i])
                                      : got[i] == want[i] || (isnan(got[i]) && isnan(want[i]));
        ck_assert_msg(same, "[%lld] is %.17g, wanted is %.17g", (long long)i, got[i], want[i]);
    }
    free(got);
}

/* |a - b| <= tolerance; NaN is close to nothing. */
static inline void expect_close(double a, double b, double tolerance, const char *what) {
    double gap = fabs(a - b);
    ck_assert_msg(gap <= tolerance, "%s: %.17g and %.17g are %g apart, at most %g", what, a, b, gap,
                  tolerance);
}

/* ---- running --------------------------------------------------------------------------------- */

static inline void begin_counted(void) {
    wg_on_error(NULL, NULL);
    count_allocations(-1);
}
static inline void end_counted(void) {
    ck_assert_msg(wg_error() == WG_OK, "left behind: %s", wg_error_message());
    expect_all_released();
    wg_set_allocator(NULL);
}

static inline TCase *add_cases(Suite *suite, const char *name) {
    TCase *cases = tcase_create(name);
    suite_add_tcase(suite, cases);
    tcase_add_checked_fixture(cases, begin_counted, end_counted);
    tcase_set_timeout(cases, 300);  // for an instrumented build on a busy machine
    return cases;
}

/* A test that runs once for each row of a table. */
#define ADD_TABLE(cases, test, table) tcase_add_loop_test(cases, test, 0, COUNT(table))

static inline int run_suite(Suite *suite) {
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
