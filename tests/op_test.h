// SPDX-License-Identifier: MIT
/* op_test.h: what the tests of operations' records share: a record that passes, and one whose error
   is caught. */
#ifndef WG_TESTS_OP_TEST_H
#define WG_TESTS_OP_TEST_H

#include "autograd/op.h"
#include "tests/testing.h"

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
