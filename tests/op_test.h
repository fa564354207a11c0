// SPDX-License-Identifier: MIT
/* op_test.h: what the tests of operations' records share: a case with its fixtures, and running a suite. */
#ifndef WG_TESTS_OP_TEST_H
#define WG_TESTS_OP_TEST_H

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/op.h"

static inline void op_setup(void) { wg_on_error(NULL, NULL); }
static inline void op_teardown(void) {
    ck_assert_msg(wg_error() == WG_OK, "left behind: %s", wg_error_message());
    wg_reset();
    ck_assert_int_eq(wg_memory_now().tensors, 0);
}

static inline TCase *add_case(Suite *suite, const char *name) {
    TCase *c = tcase_create(name);
    tcase_add_checked_fixture(c, op_setup, op_teardown);
    tcase_set_timeout(c, 300);  // for an instrumented build on a busy machine
    suite_add_tcase(suite, c);
    return c;
}

static inline int run_suite(Suite *suite) {
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static inline void expect_passes(const wg_op *op) {
    wg_selftest_report report;
    ck_assert_msg(wg_op_selftest(op, &report), "%lld of %lld checks failed; first: %s",
                  (long long)report.failures, (long long)report.checks, report.text);
    ck_assert_int_gt(report.checks, 0);
}

/* The record fails, and the first failure's text has these words. */
static inline void expect_caught(const wg_op *op, const char *what, const char *words) {
    wg_selftest_report report;
    ck_assert_msg(!wg_op_selftest(op, &report), "%s: nobody noticed: %s", op->name, what);
    ck_assert_msg(strstr(report.text, words) != NULL, "'%s' lacks '%s'", report.text, words);
    ck_assert_int_gt(report.failures, 0);
    ck_assert_msg(strstr(report.text, op->name) != NULL, "%s", report.text);
    ck_assert_int_eq(wg_error(), WG_OK);
}

#endif
