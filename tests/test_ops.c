// SPDX-License-Identifier: MIT
/* test_ops.c: every registered operation, by its own record. One test case for each operation,
   named after it, so that what fails is named; no operation is named here. Then the texts that
   records are made of: samples and attributes. */
#include "autograd/check/check_impl.h"
#include "tests/op_test.h"

/* ---- every operation ------------------------------------------------------------------------- */

START_TEST(an_operation_passes_every_oracle) {
    const wg_op *op = wg_op_at(_i);
    expect_passes(op);
}
END_TEST

START_TEST(a_selftest_leaves_nothing_behind) {
    const wg_op *op = wg_op_at(_i);
    ck_assert(wg_op_selftest(op, NULL));  // fills what is kept for good: the tape's arrays
    int64_t tensors = wg_memory_now().tensors;
    size_t used = wg_memory_now().held - wg_memory_now().cached;
    ck_assert(wg_op_selftest(op, NULL));
    ck_assert_int_eq(wg_memory_now().tensors, tensors);
    ck_assert_uint_eq(wg_memory_now().held - wg_memory_now().cached, used);
    ck_assert_int_eq(wg_error(), WG_OK);
}
END_TEST

/* ---- random cases ---------------------------------------------------------------------------- */

START_TEST(an_operation_passes_random_cases) {
    wg_selftest_report report;
    wg_selftest_options o = { .seed = 7, .cases = 100 };
    ck_assert_msg(wg_op_selftest_with(wg_op_at(_i), o, &report), "%s", report.text);
}
END_TEST

static const wg_op *victim;

static void expect_caught_by_chance(const wg_op *op, const char *words) {
    wg_selftest_report report;
    expect_passes(op);  // the fixed samples do not see it
    ck_assert(!wg_op_selftest_with(op, (wg_selftest_options){ .cases = 4000 }, &report));
    ck_assert_msg(strstr(report.text, words) != NULL, "'%s' lacks '%s'", report.text, words);
    ck_assert_int_eq(wg_error(), WG_OK);
}

static wg_tensor *hardly_scaled(const wg_call *c, wg_tensor *gy, int i) {
    return wg_mul(victim->vjp(c, gy, i), wg_num(1 + 1e-13));
}
static wg_tensor *hardly_scaled_jvp(const wg_call *c, wg_tensor *const dx[]) {
    return wg_mul(victim->jvp(c, dx), wg_num(1 + 1e-13));
}

START_TEST(whole_numbers_show_an_error_of_any_size) {
    wg_op mutant = *(victim = wg_op_find("mul"));
    wg_map without_fused = *victim->map;
    mutant.map = &without_fused;
    mutant.vjp = hardly_scaled;
    expect_caught_by_chance(&mutant, ", whole case ");
    mutant = *(victim = wg_op_find("matmul"));
    mutant.jvp = hardly_scaled_jvp;
    expect_caught_by_chance(&mutant, ", whole case ");
}
END_TEST

// Wrong where a number is between 1.7 and 1.71: one in two hundred of the samples' numbers.
static wg_tensor *rarely_wrong(const wg_call *c, wg_tensor *gy, int i) {
    wg_tensor *x = c->in[i], *g = victim->vjp(c, gy, i);
    wg_tensor *low = wg_gt(x, wg_num(1.7)), *high = wg_lt(x, wg_num(1.71));
    return wg_where(wg_logical_and(low, high), wg_num(0), g);
}

START_TEST(a_branch_that_is_rarely_taken_is_found) {
    wg_op mutant = *(victim = wg_op_find("tanh"));
    wg_map without_fused = { .forward = { victim->map->forward[0], victim->map->forward[1] } };
    mutant.map = &without_fused;
    mutant.saves = 0;
    mutant.vjp = rarely_wrong;
    expect_caught_by_chance(&mutant, ", general case ");
}
END_TEST

// Right but for minus infinity, whose slope is 0 and no number here.
static wg_tensor *sigmoid_by_x(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    wg_tensor *e = wg_exp(wg_neg(c->in[0]));
    return wg_mul(gy, wg_div(e, wg_square(wg_add(e, wg_num(1)))));
}

START_TEST(a_zero_cotangent_that_meets_infinity_is_found) {
    wg_op mutant = *wg_op_find("sigmoid");
    wg_map without_fused = { .forward = { mutant.map->forward[0], mutant.map->forward[1] } };
    mutant.map = &without_fused;
    mutant.saves = 0;
    mutant.vjp = sigmoid_by_x;
    expect_caught_by_chance(&mutant, ", special case ");
}
END_TEST

START_TEST(a_case_is_there_again_with_its_seed) {
    wg_selftest_report a, b;
    wg_selftest_options o = { .seed = 3, .cases = 200 };
    ck_assert(wg_op_selftest_with(wg_op_find("softmax"), o, &a));
    ck_assert(wg_op_selftest_with(wg_op_find("softmax"), o, &b));
    ck_assert_int_eq(a.cases, 200);
    ck_assert_int_eq(a.checks, b.checks);
    ck_assert(!(a.worst != b.worst));
    o.seed = 4;
    ck_assert(wg_op_selftest_with(wg_op_find("softmax"), o, &b));
    ck_assert_int_ne(a.checks, b.checks);
}
END_TEST

START_TEST(a_limit_of_time_is_kept) {
    wg_selftest_report report;
    wg_selftest_options o = { .seconds = 0.05 };
    ck_assert(wg_op_selftest_with(wg_op_find("tanh"), o, &report));
    ck_assert_int_gt(report.cases, 0);
    o = (wg_selftest_options){ .cases = 3, .seconds = 1000 };
    ck_assert(wg_op_selftest_with(wg_op_find("tanh"), o, &report));
    ck_assert_int_eq(report.cases, 3);
}
END_TEST

/* ---- differences ----------------------------------------------------------------------------- */

START_TEST(differences_do_for_a_reference) {
    wg_op op = *wg_op_at(_i);
    op.reference = NULL;
    // The padding row's gradient is 0 by decree; differences see what it would be.
    if (strcmp(op.name, "embedding") == 0) return;
    wg_selftest_report report;
    ck_assert_msg(wg_op_selftest(&op, &report), "%s", report.text);
}
END_TEST

static double wave(void *user, double s, double *size) {
    double y = sin(((const double *)user)[0] * s);
    return *size = fabs(y), y;
}
static double ramp(void *user, double s, double *size) {
    double y = s > 0 ? s : ((const double *)user)[0] * s;
    return *size = fabs(y), y;
}
static double half_line(void *user, double s, double *size) {
    (void)user;
    return *size = 1, s < -1e-3 ? NAN : exp(s);
}

START_TEST(differences_know_what_they_cannot_tell) {
    wg__slope slope[WG__RUNS];
    int best;
    for (double k = 1; k <= 1e3; k *= 10) {
        ck_assert_int_eq(wg__consensus(wave, &k, k, 0, slope, &best), WG__AGREES);
        ck_assert_int_eq(wg__consensus(wave, &k, k * (1 + 1e-6), 0, slope, &best), WG__DIFFERS);
        ck_assert_int_eq(wg__consensus(wave, &k, 0, 0, slope, &best), WG__DIFFERS);
        ck_assert_int_eq(wg__consensus(wave, &k, -k, 0, slope, &best), WG__DIFFERS);
        ck_assert_int_ne(wg__consensus(wave, &k, NAN, 0, slope, &best), WG__AGREES);
        ck_assert(!wg__has_kink(wave, &k));
    }
    double fast = 1e7;  // many waves within the smallest step
    ck_assert_int_ne(wg__consensus(wave, &fast, fast, 0, slope, &best), WG__DIFFERS);
    ck_assert_int_eq(wg__consensus(half_line, NULL, 1, 0, slope, &best), WG__AGREES);
    ck_assert_int_eq(wg__consensus(half_line, NULL, 1.001, 0, slope, &best), WG__DIFFERS);
    double below = 0;
    ck_assert(wg__has_kink(ramp, &below));
    below = 1;
    ck_assert(!wg__has_kink(ramp, &below));
}
END_TEST

/* ---- what a selftest does to its thread ------------------------------------------------------ */

typedef struct told {
    int times;
} told;
static void count_errors(void *user, wg_status status, const char *message) {
    (void)status, (void)message;
    ((told *)user)->times++;
}

START_TEST(a_selftest_provokes_errors_silently_and_puts_the_handler_back) {
    told t = { 0 };
    wg_on_error(count_errors, &t);
    ck_assert(wg_op_selftest(wg_op_find("add"), NULL));  // it has bad samples
    ck_assert_int_eq(t.times, 0);
    wg_fail(WG_ERROR_STATE, "on purpose");
    ck_assert_int_eq(t.times, 1);
    wg_error_clear();
    wg_on_error(NULL, NULL);
}
END_TEST

START_TEST(a_selftest_records_whatever_the_caller_does_and_puts_it_back) {
    wg_recording(false);
    ck_assert(wg_op_selftest(wg_op_find("tanh"), NULL));
    ck_assert(!wg_recording(true));
    ck_assert(wg_op_selftest(wg_op_find("tanh"), NULL));
    ck_assert(wg_recording(true));
}
END_TEST

START_TEST(a_selftest_with_an_error_pending_fails_and_keeps_the_error) {
    wg_selftest_report report;
    wg_on_error(NULL, NULL);
    wg_fail(WG_ERROR_FILE, "before");
    ck_assert(!wg_op_selftest(wg_op_find("tanh"), &report));
    ck_assert(strstr(report.text, "pending") != NULL);
    ck_assert_int_eq(report.checks, 0);
    ck_assert_int_eq(wg_error(), WG_ERROR_FILE);
    wg_error_clear();
    ck_assert(!wg_op_selftest(NULL, &report));
    ck_assert_int_eq(report.failures, 1);
}
END_TEST

START_TEST(a_selftest_makes_the_same_checks_each_time) {
    wg_selftest_report a, b;
    ck_assert(wg_op_selftest(wg_op_find("mul"), &a));
    ck_assert(wg_op_selftest(wg_op_find("mul"), &b));
    ck_assert_int_eq(a.checks, b.checks);
    ck_assert(!(a.worst != b.worst));  // the same numbers, to the last bit
}
END_TEST

/* ---- memory runs out ------------------------------------------------------------------------- */

// Whatever allocation is the last that succeeds, the selftest fails, or it needed no more; none is
// lost.
START_TEST(a_selftest_survives_any_failing_allocation) {
    const wg_op *op = wg_op_find("tanh");
    bool passed = false;
    ck_assert(wg_op_selftest(op, NULL));  // or no number of allocations would be enough
    for (int64_t n = 0; !passed; n = n < 40 ? n + 1 : n + n / 8) {
        count_allocations(n);
        wg_selftest_report report;
        passed = wg_op_selftest(op, &report);
        ck_assert(passed || report.failures > 0);
        ck_assert_int_eq(wg_error(), WG_OK);
        expect_all_released();
    }
}
END_TEST

/* ---- attributes as text ---------------------------------------------------------------------- */

typedef struct things {
    bool on;
    int64_t n;
    double p;
    wg_shape axes;
} things;
static const wg_attr thing_attrs[] = {
    { "n", WG_ATTR_INT, offsetof(things, n) },
    { "p", WG_ATTR_REAL, offsetof(things, p) },
    { "on", WG_ATTR_BOOL, offsetof(things, on) },
    { "axes", WG_ATTR_LIST, offsetof(things, axes) },
    { .name = NULL },
};
static const wg_op thing_op = { .name = "thing",
                                .attr_size = sizeof(things),
                                .attrs = thing_attrs };

static void round_trip(const char *text, const char *canonical) {
    things a;
    char out[200];
    ck_assert_msg(wg__attr_parse(&thing_op, text, &a), "%s", wg_error_message());
    size_t length = wg__attr_text(&thing_op, &a, out, sizeof out);
    ck_assert_str_eq(out, canonical);
    ck_assert_uint_eq(length, strlen(canonical));
}

START_TEST(attributes_read_back_as_they_were_written) {
    round_trip("", "n=0 p=0 on=0 axes=");
    round_trip("axes=0,-1 on=1 p=2.5 n=-7", "n=-7 p=2.5 on=1 axes=0,-1");
    round_trip("  n=9223372036854775807  p=0.1 ", "n=9223372036854775807 p=0.1 on=0 axes=");
    round_trip("p=-inf axes=1,2,3,4,5,6,7,8", "n=0 p=-inf on=0 axes=1,2,3,4,5,6,7,8");
    round_trip("p=0.30000000000000004 axes=", "n=0 p=0.30000000000000004 on=0 axes=");
    round_trip("p=1e300", "n=0 p=1e+300 on=0 axes=");
}
END_TEST

START_TEST(attribute_text_is_cut_to_its_buffer_and_tells_its_whole_length) {
    things a = { .n = 12345, .p = 1 };
    char out[8] = "#######";
    size_t whole = strlen("n=12345 p=1 on=0 axes=");
    ck_assert_uint_eq(wg__attr_text(&thing_op, &a, out, 5), whole);
    ck_assert_str_eq(out, "n=12");
    ck_assert_int_eq(out[5], '#');
    ck_assert_uint_eq(wg__attr_text(&thing_op, &a, NULL, 0), whole);
    ck_assert_uint_eq(wg__attr_text(&thing_op, NULL, out, sizeof out), 0);
    ck_assert_str_eq(out, "");
}
END_TEST

static const char *const bad_attributes[] = {
    "q=1",
    "n",
    "n=",
    "n=1.5",
    "n=1x",
    "n=99999999999999999999",
    "p=",
    "p=1,5",
    "p=one",
    "on=2",
    "on=true",
    "axes=1,",
    "axes=,",
    "axes=a",
    "=1",
    "n==1",
    "axes=1,2,3,4,5,6,7,8,9",
};
START_TEST(bad_attributes_are_refused_by_name) {
    things a;
    wg_on_error(NULL, NULL);
    ck_assert_msg(!wg__attr_parse(&thing_op, bad_attributes[_i], &a), "%s", bad_attributes[_i]);
    ck_assert_int_eq(wg_error(), WG_ERROR_ARGUMENT);
    ck_assert(strncmp(wg_error_message(), "thing: ", 7) == 0);
    wg_error_clear();
}
END_TEST

/* ---- samples --------------------------------------------------------------------------------- */

START_TEST(a_sample_says_shapes_kinds_ranges_and_attributes) {
    wg__sample s;
    ck_assert(
        wg__sample_parse(&thing_op, " 2,3 ()@1..2.5 4@i-2..2 0,2@b 3@=0,-1.5,1 2@i=4,5 | n=3", &s));
    ck_assert_int_eq(s.inputs, 6);
    ck_assert_int_eq(s.in[0].shape.rank, 2);
    ck_assert_int_eq(s.in[0].shape.dim[1], 3);
    ck_assert(s.in[0].low <= -2 && s.in[0].high >= 2);
    ck_assert_int_eq(s.in[1].shape.rank, 0);
    ck_assert(!(s.in[1].low != 1) && !(s.in[1].high != 2.5));
    ck_assert_int_eq(s.in[2].kind, WG__INTEGER);
    ck_assert_int_eq(s.in[3].kind, WG__TRUTH);
    ck_assert(s.exact && s.in[4].exact && s.in[5].exact);
    ck_assert_int_eq(s.in[5].kind, WG__INTEGER);
    ck_assert_int_eq(((const things *)s.attr)->n, 3);
}
END_TEST

START_TEST(drawn_values_are_distinct_in_range_and_the_same_each_time) {
    enum { N = 40 };
    double a[N], b[N], c[3], d[3];
    wg__sample s;
    ck_assert(wg__sample_parse(&thing_op, "40 3@=0,-1.5,1", &s));
    ck_assert(wg__sample_draw(&s, &(wg_random){ .seed = 7 }, (double *[]){ a, c }));
    ck_assert(wg__sample_draw(&s, &(wg_random){ .seed = 7 }, (double *[]){ b, d }));
    ck_assert(memcmp(a, b, sizeof a) == 0);
    ck_assert(!(c[0] != 0) && !(c[1] != -1.5) && !(c[2] != 1));
    for (int i = 0; i < N; i++) {
        ck_assert(fabs(a[i]) > 1e-3 && fabs(a[i]) < 2);
        for (int j = 0; j < i; j++) ck_assert(fabs(a[i] - a[j]) > 1e-3);
    }
}
END_TEST

START_TEST(drawn_integers_cover_their_range) {
    double value[200];
    int seen[5] = { 0 };
    wg__sample s;
    ck_assert(wg__sample_parse(&thing_op, "200@i-2..2", &s));
    ck_assert(wg__sample_draw(&s, &(wg_random){ .seed = 7 }, (double *[]){ value }));
    for (int i = 0; i < 200; i++) {
        ck_assert(value[i] >= -2 && value[i] <= 2 && !(value[i] != floor(value[i])));
        seen[(int)value[i] + 2]++;
    }
    for (int k = 0; k < 5; k++) ck_assert_int_gt(seen[k], 0);
}
END_TEST

static const char *const bad_texts[] = {
    "2,",
    ",2",
    "(2",
    "2x",
    "-1",
    "2@",
    "2@1",
    "2@2..1",
    "2@1..",
    "2@..1",
    "2@i",
    "2@=1",
    "2@=1,2,3",
    "2@=1,",
    "2@b3",
    "2@a..b",
    "1,1,1,1,1,1,1,1,1",
    "2 | q=1",
    "2@i1,2",
    "2@1..2..3",
    "2@i0..1e30",
    "2@i-inf..0",
    "2@0..inf",
    "999999999,999999999,999999999@=0",
};
START_TEST(bad_sample_texts_are_refused) {
    wg__sample s;
    wg_on_error(NULL, NULL);
    ck_assert_msg(!wg__sample_parse(&thing_op, bad_texts[_i], &s), "%s", bad_texts[_i]);
    ck_assert_int_eq(wg_error(), WG_ERROR_ARGUMENT);
    wg_error_clear();
}
END_TEST

/* ---- main ------------------------------------------------------------------------------------ */

int main(void) {
    Suite *suite = suite_create("ops");
    for (int i = 0; i < wg_op_count(); i++) {
        TCase *c = add_cases(suite, wg_op_at(i)->name);
        tcase_add_loop_test(c, an_operation_passes_every_oracle, i, i + 1);
        tcase_add_loop_test(c, a_selftest_leaves_nothing_behind, i, i + 1);
        tcase_add_loop_test(c, an_operation_passes_random_cases, i, i + 1);
        tcase_add_loop_test(c, differences_do_for_a_reference, i, i + 1);
    }
    TCase *random = add_cases(suite, "random cases");
    tcase_add_test(random, whole_numbers_show_an_error_of_any_size);
    tcase_add_test(random, a_branch_that_is_rarely_taken_is_found);
    tcase_add_test(random, a_zero_cotangent_that_meets_infinity_is_found);
    tcase_add_test(random, a_case_is_there_again_with_its_seed);
    tcase_add_test(random, a_limit_of_time_is_kept);
    tcase_add_test(random, differences_know_what_they_cannot_tell);
    TCase *thread = add_cases(suite, "selftest");
    tcase_add_test(thread, a_selftest_provokes_errors_silently_and_puts_the_handler_back);
    tcase_add_test(thread, a_selftest_records_whatever_the_caller_does_and_puts_it_back);
    tcase_add_test(thread, a_selftest_with_an_error_pending_fails_and_keeps_the_error);
    tcase_add_test(thread, a_selftest_makes_the_same_checks_each_time);
    tcase_add_test(thread, a_selftest_survives_any_failing_allocation);
    TCase *text = add_cases(suite, "samples");
    tcase_add_test(text, attributes_read_back_as_they_were_written);
    tcase_add_test(text, attribute_text_is_cut_to_its_buffer_and_tells_its_whole_length);
    tcase_add_loop_test(text, bad_attributes_are_refused_by_name, 0, COUNT(bad_attributes));
    tcase_add_test(text, a_sample_says_shapes_kinds_ranges_and_attributes);
    tcase_add_test(text, drawn_values_are_distinct_in_range_and_the_same_each_time);
    tcase_add_test(text, drawn_integers_cover_their_range);
    tcase_add_loop_test(text, bad_sample_texts_are_refused, 0, COUNT(bad_texts));
    return run_suite(suite);
}
