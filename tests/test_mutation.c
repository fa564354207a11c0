// SPDX-License-Identifier: MIT
/* test_mutation.c: the samples of every registered operation would show a wrong gradient. One test
   case for each operation, named after it; then the score itself: what it makes of records whose
   samples are too poor, and of excuses. */
#include "tests/op_test.h"
#include "tests/times_op.h"

START_TEST(every_wrong_gradient_is_noticed) {
    wg_mutation_report report;
    int score = wg_op_mutation_score(wg_op_at(_i), &report);
    ck_assert_msg(score == WG_MUTANTS, "%d of %d: %s", score, WG_MUTANTS, report.text);
}
END_TEST

/* ---- the score ------------------------------------------------------------------------------- */

static void expect_score(const wg_op *op, int score, const char *words) {
    wg_mutation_report report;
    ck_assert_msg(wg_op_mutation_score(op, &report) == score, "%d, wanted is %d: %s", report.killed,
                  score, report.text);
    ck_assert_int_eq(report.killed, score);
    ck_assert_msg(strstr(report.text, words) != NULL, "'%s' lacks '%s'", report.text, words);
    ck_assert_int_eq(wg_error(), WG_OK);
}

static wg_op with_samples(const char *name, const char *const samples[], int n) {
    wg_op op = *wg_op_find(name);
    memset(op.samples, 0, sizeof op.samples);
    for (int i = 0; i < n; i++) op.samples[i] = samples[i];
    return op;
}

START_TEST(samples_of_one_element_let_wrong_orders_survive) {
    wg_op op = with_samples("tanh", (const char *[]){ "()", "1" }, 2);
    expect_score(&op, 7, "first (input 0) cannot be told");
    expect_score(&op, 7, "shifted (input 0) cannot be told");
    expect_score(&op, 7, "transposed (input 0) cannot be told");
}
END_TEST

START_TEST(an_excuse_counts_where_nothing_can_be_told) {
    wg_op op = with_samples("tanh", (const char *[]){ "7" }, 1);
    expect_score(&op, 9, "transposed (input 0) cannot be told from the right rule on any sample");
    op.equivalent = "shifted: wrong; transposed: it takes vectors only";
    expect_score(&op, 9, "shifted (input 0) is noticed, though .equivalent excuses it");
    op.equivalent = "transposed: it takes vectors only";
    expect_score(&op, 10, "transposed (input 0) is excused: it takes vectors only;");
    wg_mutation_report report;
    wg_op_mutation_score(&op, &report);
    ck_assert_int_eq(report.excused, 1);
}
END_TEST

START_TEST(an_excuse_for_what_can_be_told_does_not_count) {
    wg_op op = *wg_op_find("tanh");
    op.equivalent = "transposed: no";
    expect_score(&op, 9, "though .equivalent excuses it");
    op.equivalent = ";;transposed;: ;";  // no excuse at all
    expect_score(&op, 10, "");
}
END_TEST

START_TEST(a_record_that_fails_undamaged_scores_nothing) {
    wg_op op = *wg_op_find("relu");
    op.tie = WG_TIE_NONE;
    expect_score(&op, 0, "undamaged: relu: ");
    expect_score(NULL, 0, "the record is NULL");
    wg_on_error(NULL, NULL);
    wg_fail(WG_ERROR_FILE, "before");
    ck_assert_int_eq(wg_op_mutation_score(wg_op_find("tanh"), NULL), 0);
    ck_assert_int_eq(wg_error(), WG_ERROR_FILE);
    wg_error_clear();
}
END_TEST

START_TEST(what_has_no_derivative_cannot_be_damaged) {
    expect_score(wg_op_find("step"), 10, "no derivative to damage");
    expect_score(wg_op_find("argmax"), 10, "no derivative to damage");
}
END_TEST

/* ---- all gradients at once ------------------------------------------------------------------- */

static double second_factor = 1;  // of the gradient of b
static bool times_all(const wg_call *c, wg_tensor *gy, const bool wanted[], wg_tensor *gx[]) {
    if (wanted[0]) gx[0] = wg_xmul(gy, c->in[1]);
    if (wanted[1]) gx[1] = wg_mul(wg_xmul(gy, c->in[0]), wg_num(second_factor));
    return !wg_error();
}
static const wg_op times_op = TIMES_OP("times_at_once", times_all);

START_TEST(a_rule_for_all_inputs_at_once_is_damaged_input_by_input) {
    wg_mutation_report report;
    ck_assert_msg(wg_op_mutation_score(&times_op, &report) == WG_MUTANTS, "%s", report.text);
    ck_assert_int_gt(report.tests, 2 * WG_MUTANTS);  // two inputs, so that much was damaged
    wg_op poor = times_op;
    memset(poor.samples, 0, sizeof poor.samples);
    poor.samples[0] = "1 1";
    expect_score(&poor, 7, "first (input 1) cannot be told");
    second_factor = 2;
    expect_score(&times_op, 0, "undamaged: times_at_once: ");
    second_factor = 1;
}
END_TEST

START_TEST(samples_without_any_gradient_score_nothing) {
    wg_op op = with_samples("mul", (const char *[]){ "0,2 2" }, 1);
    expect_score(&op, 0, "on no sample is there a gradient but zero, and no flag says so");
}
END_TEST

/* ---- composed operations --------------------------------------------------------------------- */

typedef struct power {
    double p;
} power;
static const wg_attr power_attrs[] = { { "p", WG_ATTR_REAL, offsetof(power, p) },
                                       { .name = NULL } };

// a b + tanh(a)^p: a stands in two places, and b may broadcast.
static wg_tensor *mixed_compose(const wg_call *c) {
    wg_tensor *t = wg_pow(wg_tanh(c->in[0]), wg_num(((const power *)c->attr)->p));
    return wg_add(wg_mul(c->in[0], c->in[1]), t);
}
static bool mixed_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    double p = ((const power *)c->attr)->p;
    int64_t n = wg_shape_numel(in[0].shape), m = wg_shape_numel(in[1].shape);
    for (int64_t k = 0; k < n; k++)
        out->data[k] = in[0].data[k] * in[1].data[k % m] + cpow(ctanh(in[0].data[k]), p);
    return true;
}
static const wg_op mixed_op = { .abi = WG_OP_ABI,
                                .name = "mixed",
                                .doc = "a b + tanh(a)^p",
                                .inputs = 2,
                                .attr_size = sizeof(power),
                                .attrs = power_attrs,
                                .compose = mixed_compose,
                                .reference = mixed_reference,
                                .samples = { "2,3@0.2..2 3 | p=2", "2,3@0.2..2 () | p=0.5",
                                             "2,3@0.2..2 2,3 | p=3" },
                                .bad = { "2,3 2" } };

static wg_tensor *one_place_compose(const wg_call *c) {  // a is a constant in the second term
    return wg_add(wg_square(c->in[0]), wg_stop(c->in[0]));
}

START_TEST(a_composed_operation_is_damaged_like_any_other) {
    expect_passes(&mixed_op);
    expect_score(&mixed_op, 10, "");
    wg_op poor = mixed_op;
    memset(poor.samples, 0, sizeof poor.samples);
    poor.samples[0] = "2@0.2..2 2 | p=2";
    expect_score(&poor, 9, "transposed (input 1) cannot be told");
    poor.reference = NULL;  // differences of the value take its place
    poor.samples[1] = mixed_op.samples[2];
    expect_score(&poor, 10, "");
    poor.compose = one_place_compose, poor.inputs = 1;
    poor.samples[0] = "2,3 | p=0", poor.samples[1] = poor.bad[0] = NULL;
    expect_score(&poor, 0, "undamaged: mixed: ");
}
END_TEST

START_TEST(a_score_leaves_nothing_behind) {
    const wg_op *const some[] = { &mixed_op, wg_op_find("matmul"), wg_op_find("cat") };
    for (int i = 0; i < COUNT(some); i++) {
        ck_assert_int_eq(wg_op_mutation_score(some[i], NULL), WG_MUTANTS);
        int64_t tensors = wg_memory_now().tensors;
        wg_op_mutation_score(some[i], NULL);
        ck_assert_int_eq(wg_memory_now().tensors, tensors);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("mutation");
    TCase *score = add_cases(suite, "score");
    tcase_add_test(score, samples_of_one_element_let_wrong_orders_survive);
    tcase_add_test(score, an_excuse_counts_where_nothing_can_be_told);
    tcase_add_test(score, an_excuse_for_what_can_be_told_does_not_count);
    tcase_add_test(score, a_record_that_fails_undamaged_scores_nothing);
    tcase_add_test(score, what_has_no_derivative_cannot_be_damaged);
    tcase_add_test(score, a_rule_for_all_inputs_at_once_is_damaged_input_by_input);
    tcase_add_test(score, samples_without_any_gradient_score_nothing);
    tcase_add_test(score, a_composed_operation_is_damaged_like_any_other);
    tcase_add_test(score, a_score_leaves_nothing_behind);
    for (int i = 0; i < wg_op_count(); i++) {
        TCase *c = add_cases(suite, wg_op_at(i)->name);
        tcase_add_loop_test(c, every_wrong_gradient_is_noticed, i, i + 1);
    }
    return run_suite(suite);
}
