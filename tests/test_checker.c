// SPDX-License-Identifier: MIT
/* test_checker.c: wg_check_gradient, by functions whose derivatives are right, and by the same with
   one wrong operation in them: the report must name the input, the element, who is wrong, and that
   operation. */
#include "autograd/op.h"
#include "nn/nn.h"
#include "tests/testing.h"

/* ---- operations with wrong rules ------------------------------------------------------------- */

static double softclip_value(double x) { return x / (1 + fabs(x)); }
static void softclip_loop(int64_t n, void *const p[], const int64_t step[], const double *param) {
    double *y = p[0];
    const double *x = p[1];
    (void)param;
    for (int64_t k = 0; k < n; k++) y[k * step[0]] = softclip_value(x[k * step[1]]);
}
static const wg_map softclip_map = { .forward = { NULL, softclip_loop } };

static wg_tensor *right_slope(wg_tensor *x) {  // 1 / (1 + |x|)^2
    return wg_reciprocal(wg_square(wg_add(wg_abs(x), wg_num(1))));
}
static wg_tensor *wrong_slope(wg_tensor *x) {  // 1 / (1 + |x|)
    return wg_reciprocal(wg_add(wg_abs(x), wg_num(1)));
}
static wg_tensor *(*vjp_slope)(wg_tensor *x), *(*jvp_slope)(wg_tensor *x);

static wg_tensor *softclip_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return wg_xmul(gy, vjp_slope(c->in[0]));
}
static wg_tensor *softclip_jvp(const wg_call *c, wg_tensor *const dx[]) {
    return wg_xmul(dx[0], jvp_slope(c->in[0]));
}
static const wg_op softclip_op = { .abi = WG_OP_ABI,
                                   .name = "softclip",
                                   .doc = "x / (1 + |x|)",
                                   .inputs = 1,
                                   .map = &softclip_map,
                                   .vjp = softclip_vjp,
                                   .jvp = softclip_jvp,
                                   .samples = { "2,3" } };
static wg_tensor *softclip(wg_tensor *x) { return wg_apply(&softclip_op, &x, 1, NULL); }

// sum(tanh(x w) + softclip(x w) v), x (2, 3), w (3, 4), v (4)
static wg_tensor *layer(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    wg_tensor *h = wg_matmul(x[0], x[1]);  // (2, 4)
    return wg_mean(wg_add(wg_tanh(h), wg_mul(softclip(h), x[2])));
}

typedef struct three {
    wg_tensor *x[3];
} three;

static three inputs(wg_dtype dtype) {
    wg_random r = { .seed = 5 };
    wg_shape shape[] = { WG_SHAPE(2, 3), WG_SHAPE(3, 4), WG_SHAPE(4) };
    three t;
    for (int i = 0; i < 3; i++) t.x[i] = wg_randn(dtype, shape[i], &r);
    return t;
}

static wg_check_report report;

static bool check(wg_function *f, wg_tensor *const x[], int n, int order) {
    return wg_check_gradient(f, NULL, x, n, (wg_check_options){ .name = "my_loss", .order = order },
                             &report);
}

static void expect_words(const char *words) {
    ck_assert_msg(strstr(report.text, words) != NULL, "'%s' lacks '%s'", report.text, words);
}
static void expect_right(wg_function *f, wg_tensor *const x[], int n, int order) {
    ck_assert_msg(check(f, x, n, order), "%s", report.text);
    ck_assert_int_gt(report.checks, 0);
    expect_no_error();
}
static void expect_wrong(wg_function *f, wg_tensor *const x[], int n, const char *words) {
    ck_assert_msg(!check(f, x, n, 1), "nobody noticed");
    ck_assert_int_gt(report.failures, 0);
    expect_words("my_loss: ");
    expect_words(words);
    expect_no_error();
}

static void choose(bool vjp_right, bool jvp_right) {
    vjp_slope = vjp_right ? right_slope : wrong_slope;
    jvp_slope = jvp_right ? right_slope : wrong_slope;
}

/* ---- right and wrong ------------------------------------------------------------------------- */

START_TEST(a_right_function_passes_at_every_order) {
    choose(true, true);
    three t = inputs(WG_F64);
    for (int order = 0; order <= 3; order++) expect_right(layer, t.x, 3, order);
    ck_assert_int_eq(report.inconclusive, 0);
}
END_TEST

START_TEST(a_report_may_be_null) {
    three t = inputs(WG_F64);
    choose(true, true);
    ck_assert(wg_check_gradient(layer, NULL, t.x, 3, (wg_check_options){ 0 }, NULL));
    ck_assert(wg_op_selftest(wg_op_find("tanh"), NULL));
    ck_assert(wg_op_selftest_with(wg_op_find("tanh"), (wg_selftest_options){ .cases = 3 }, NULL));
    ck_assert_int_eq(wg_op_mutation_score(wg_op_find("tanh"), NULL), WG_MUTANTS);
    choose(false, true);
    ck_assert(!wg_check_gradient(layer, NULL, t.x, 3, (wg_check_options){ 0 }, NULL));
}
END_TEST

START_TEST(a_wrong_rule_is_found_with_its_element_and_its_operation) {
    three t = inputs(WG_F64);
    choose(false, false);
    expect_wrong(layer, t.x, 3, "both modes are wrong, first at op softclip");
    expect_words("d/dx[0] at [0,0]: backward ");
    choose(false, true);
    expect_wrong(layer, t.x, 3, "reverse mode is wrong, first at op softclip");
    choose(true, false);
    expect_wrong(layer, t.x, 3, "forward mode is wrong, first at op softclip");
}
END_TEST

/* x with the gradient of one element, number 7, off by 1e-5. */
static bool copy_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)c;
    for (int64_t k = 0; k < wg_view_numel(out); k++) wg_view_set(out, k, wg_view_get(in[0], k));
    return true;
}
static bool copy_infer(const wg_call *c, wg_spec *out) {
    return wg_spec_set(out, WG_F64, wg_shape_of(c->in[0]));
}
static wg_tensor *off_by_little(const wg_call *c, wg_tensor *gy, int i) {
    (void)c, (void)i;
    double factor[12];
    for (int k = 0; k < 12; k++) factor[k] = k == 7 ? 1 + 1e-5 : 1;
    return wg_mul(gy, wg_from(WG_F64, WG_SHAPE(3, 4), factor));
}
static const wg_op off_op = { .abi = WG_OP_ABI,
                              .name = "off",
                              .doc = "x",
                              .inputs = 1,
                              .flags = WG_OP_LINEAR,
                              .infer = copy_infer,
                              .forward = copy_forward,
                              .vjp = off_by_little,
                              .jvp = wg_op_jvp_linear,
                              .samples = { "3,4" } };
static wg_tensor *one_element_off(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    return wg_matmul(x[0], wg_exp(wg_apply(&off_op, &x[1], 1, NULL)));
}

START_TEST(one_wrong_element_in_a_hundred_thousandth_is_found) {
    three t = inputs(WG_F64);
    expect_wrong(one_element_off, t.x, 2, "d/dx[1] at [1,3]: ");
    expect_words("reverse mode is wrong, first at op off");
}
END_TEST

/* ---- what is no number ----------------------------------------------------------------------- */

static wg_tensor *pick_rows(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    return wg_square(wg_index_select(x[0], 0, x[1]));
}

START_TEST(integers_stay_what_they_are) {
    three t = inputs(WG_F64);
    wg_tensor *x[] = { t.x[1], wg_from(WG_I32, WG_SHAPE(3), (int32_t[]){ 2, 0, 2 }) };
    expect_right(pick_rows, x, 2, 2);
}
END_TEST

static wg_tensor *cosine(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    return wg_cos(x[0]);
}

START_TEST(f32_inputs_are_measured_by_their_f64_twins) {
    choose(true, true);
    three t = inputs(WG_F32);
    expect_right(layer, t.x, 3, 2);
    expect_right(cosine, t.x, 1, 3);
}
END_TEST

static wg_tensor *only_f32(void *user, wg_tensor *const x[], int n) {
    (void)n;
    return wg_mul(x[0], user);
}

START_TEST(what_takes_only_f32_is_told_why_that_does_not_do) {
    wg_tensor *w = wg_full(WG_F32, WG_SHAPE(3), 2);
    three t = inputs(WG_F32);
    ck_assert(!wg_check_gradient(only_f32, w, t.x, 1, (wg_check_options){ 0 }, &report));
    expect_words("function: the first call: differences need f64");
    expect_words("mul: [2,3] x [3]: f64 and f32 do not mix");
    expect_words("Call it with everything in f64");
    expect_no_error();
}
END_TEST

static wg_tensor *model_loss(void *user, wg_tensor *const x[], int n) {
    (void)n;
    return wg_mean(wg_square(wg_nn_linear(user, "out", x[0], 2)));
}

START_TEST(a_model_in_f32_is_told_to_be_made_in_f64) {
    wg_nn *used = wg_nn_new(1), *fresh = wg_nn_new(2);
    three t = inputs(WG_F32);
    ck_assert_ptr_nonnull(model_loss(used, t.x, 1));
    ck_assert(!wg_check_gradient(model_loss, used, t.x, 1, (wg_check_options){ 0 }, &report));
    expect_words("the parameter \"out/w\" is f32 [2,3], asked for as f64 [2,3]");
    expect_words("f64 inputs to a new model make f64 parameters");
    ck_assert_msg(wg_check_gradient(model_loss, fresh, t.x, 1, (wg_check_options){ 0 }, &report),
                  "%s", report.text);
    wg_nn_free(used), wg_nn_free(fresh);
    expect_no_error();
}
END_TEST

/* ---- what is cut off ------------------------------------------------------------------------- */

static wg_tensor *stopped(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    return wg_stop(wg_tanh(x[0]));
}
static wg_tensor *of_a_variable(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    return wg_mul(wg_tanh(wg_variable(x[0])), wg_exp(x[1]));
}
static wg_tensor *of_a_constant(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    return wg_mul(wg_tanh(x[0]), wg_exp(wg_stop(x[1])));
}
static wg_tensor *of_its_values(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    return wg_mul(x[0], wg_num(wg_item(wg_sum(x[1]))));
}
static wg_tensor *of_one_alone(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    return wg_tanh(x[0]);
}
static wg_tensor *partly_constant(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    return wg_mul(wg_stop(wg_tanh(x[0])), x[0]);
}

START_TEST(an_input_that_the_function_cuts_off_is_named) {
    wg_tensor *x[] = { wg_linspace(WG_F64, -1, 1, 3), wg_linspace(WG_F64, 0.5, 2, 3) };
    expect_wrong(of_a_variable, x, 2, "x[0] is cut off: f makes a constant or a variable of it");
    expect_wrong(of_a_constant, x, 2, "x[1] is cut off: ");
    expect_wrong(of_its_values, x, 2, "x[1] is cut off: ");
    expect_wrong(stopped, x, 1, "x[0] is cut off: ");
}
END_TEST

// Reads a weight of its own in place of x[1], and cuts its gradient.
static wg_tensor *of_another_weight(void *user, wg_tensor *const x[], int n) {
    (void)n;
    return wg_sum(wg_square(wg_mul(x[0], wg_stop(user))));
}

START_TEST(an_input_that_does_not_reach_the_result_is_named_unless_allowed) {
    wg_tensor *x[] = { wg_linspace(WG_F64, -1, 1, 3), wg_linspace(WG_F64, 0.5, 2, 3) };
    wg_check_options o = { .order = 2 };
    expect_wrong(of_one_alone, x, 2, "x[1] does not reach the result");
    ck_assert(!wg_check_gradient(of_another_weight, x[1], x, 2, o, &report));
    expect_words("x[1] does not reach the result");
    o.names = (const char *const[]){ "in", "fc/w" };
    ck_assert(!wg_check_gradient(of_another_weight, x[1], x, 2, o, &report));
    expect_words("\"fc/w\" does not reach the result");
    o.unused = true;  // nothing is wrong where nothing moves
    ck_assert_msg(wg_check_gradient(of_one_alone, NULL, x, 2, o, &report), "%s", report.text);
    choose(false, true);
    three t = inputs(WG_F64);
    o.names = (const char *const[]){ "a", "b", "c" };
    ck_assert(!wg_check_gradient(layer, NULL, t.x, 3, o, &report));
    expect_words("d/d\"a\" at [0,0]: backward ");
}
END_TEST

START_TEST(a_path_that_is_cut_off_is_no_operation_s_fault) {
    wg_tensor *x = wg_linspace(WG_F64, -1, 1.5, 3);
    expect_wrong(partly_constant, &x, 1,
                 "both modes are wrong, and alike, by no operation's fault");
}
END_TEST

START_TEST(inputs_that_are_no_floats_are_told_before_the_first_call) {
    wg_tensor *x[] = { wg_from(WG_I64, WG_SHAPE(2), (int64_t[]){ 1, 2 }),
                       wg_zeros(WG_BOOL, WG_SHAPE(2)) };
    expect_wrong(cosine, x, 2, "no input is f32 or f64");
    expect_words("wg_cast");
}
END_TEST

/* ---- kinks and edges ------------------------------------------------------------------------- */

static wg_tensor *rectify(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    return wg_relu(x[0]);
}

START_TEST(a_kink_decides_nothing) {
    wg_tensor *x = wg_from(WG_F64, WG_SHAPE(3), (double[]){ -1, 0, 2 });
    expect_right(rectify, &x, 1, 1);
    ck_assert_int_gt(report.inconclusive, 0);
    x = wg_zeros(WG_F64, WG_SHAPE(2));
    expect_wrong(rectify, &x, 1, "nothing could be decided");
    x = wg_from(WG_F64, WG_SHAPE(2), (double[]){ 1e-4, -1e-4 });  // near, but not at it
    expect_right(rectify, &x, 1, 1);
}
END_TEST

static wg_tensor *logarithm(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    return wg_log(x[0]);
}

START_TEST(near_the_edge_of_its_domain_it_is_measured_from_inside) {
    wg_tensor *x = wg_from(WG_F64, WG_SHAPE(3), (double[]){ 1e-3, 0.01, 2 });
    expect_right(logarithm, &x, 1, 2);
    x = wg_full(WG_F64, WG_SCALAR, -1);
    expect_wrong(logarithm, &x, 1, "my_loss: ");
}
END_TEST

// (x + 1e8) - 1e8, squared: what is left of x is right to 1e-8 only
static wg_tensor *cancelling(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    wg_tensor *big = wg_mul(x[0], wg_num(1e6));
    return wg_square(wg_sub(wg_add(x[0], big), big));
}

START_TEST(large_terms_that_cancel_are_no_failure) {
    three t = inputs(WG_F64);
    expect_right(cancelling, t.x, 1, 2);
}
END_TEST

/* ---- functions that misbehave ---------------------------------------------------------------- */

static wg_tensor *counting(void *user, wg_tensor *const x[], int n) {
    (void)n;
    int *calls = user;
    return wg_mul(x[0], wg_num(++*calls));
}

START_TEST(a_hidden_state_is_found) {
    int calls = 0;
    three t = inputs(WG_F64);
    ck_assert(!wg_check_gradient(counting, &calls, t.x, 1, (wg_check_options){ 0 }, &report));
    expect_words("function: a second call: the same inputs give another result the second time");
}
END_TEST

static wg_tensor *failing(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    wg_scope_open();  // and left open
    return wg_matmul(x[0], x[2]);
}
static wg_tensor *failing_in_the_open(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    return wg_matmul(x[0], x[2]);
}
static wg_tensor *nothing(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)x, (void)n;
    return NULL;
}
static wg_tensor *compared(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    return wg_gt(x[0], wg_num(0));
}

START_TEST(a_failing_function_leaves_nothing_behind) {
    static wg_function *const f[] = { failing, failing_in_the_open, nothing, stopped, compared };
    static const char *const words[] = { "matmul: [2,3] x [4]", "matmul: [2,3] x [4]",
                                         "the first call: the function failed: ", "x[0] is cut off",
                                         "the result is bool" };
    three t = inputs(WG_F64);
    wg_recording(false);
    for (int k = 0; k < COUNT(f); k++) {
        int64_t tensors = wg_memory_now().tensors;
        expect_wrong(f[k], t.x, 3, words[k]);
        ck_assert_int_eq(wg_memory_now().tensors, tensors);
    }
    ck_assert(!wg_recording(true));
}
END_TEST

START_TEST(a_passing_check_leaves_nothing_behind) {
    three t = inputs(WG_F64);
    choose(true, true);
    int64_t tensors = wg_memory_now().tensors;
    expect_right(layer, t.x, 3, 3);
    ck_assert_int_eq(wg_memory_now().tensors, tensors);
    choose(false, true);
    expect_wrong(layer, t.x, 3, "softclip");
    ck_assert_int_eq(wg_memory_now().tensors, tensors);
}
END_TEST

START_TEST(parameters_of_the_function_keep_their_gradients) {
    wg_tensor *w = wg_variable(wg_ones(WG_F32, WG_SHAPE(3)));
    three t = inputs(WG_F64);
    w = wg_variable(wg_ones(WG_F64, WG_SHAPE(3)));
    ck_assert(wg_check_gradient(only_f32, w, t.x, 1, (wg_check_options){ .order = 2 }, &report));
    ck_assert_ptr_null(wg_gradient(w));
}
END_TEST

/* The gradient of a gradient: recording has to be on inside. */
static wg_tensor *penalty(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    wg_tensor *y = wg_sum(wg_mul(wg_square(x[0]), wg_sin(x[0])));
    return wg_sum(wg_square(wg_derivative(y, x[0])));
}
START_TEST(a_function_may_differentiate) {
    three t = inputs(WG_F64);
    expect_right(penalty, t.x, 1, 2);
}
END_TEST

START_TEST(wrong_arguments_are_told) {
    three t = inputs(WG_F64);
    expect_wrong(NULL, t.x, 3, "the function is NULL");
    expect_wrong(cosine, t.x, 0, "1 to 64 inputs");
    expect_wrong(cosine, NULL, 1, "1 to 64 inputs");
    ck_assert(!check(cosine, t.x, 1, 4));
    expect_words("the order is 1, 2 or 3");
    t.x[1] = NULL;
    expect_wrong(layer, t.x, 3, "an input is NULL");
    wg_fail(WG_ERROR_FILE, "before");
    ck_assert(!check(cosine, t.x, 1, 1));
    expect_words("an error is pending");
    expect_error(WG_ERROR_FILE, "before");
    ck_assert(!wg_check_gradient(NULL, NULL, t.x, 1, (wg_check_options){ 0 }, NULL));
}
END_TEST

// Only the second derivative is wrong: the slope is right, but a constant.
static wg_tensor *frozen_slope(wg_tensor *x) { return wg_stop(right_slope(x)); }
START_TEST(a_wrong_second_order_is_found) {
    three t = inputs(WG_F64);
    vjp_slope = jvp_slope = frozen_slope;
    expect_right(layer, t.x, 3, 1);
    ck_assert(!check(layer, t.x, 3, 2));
    expect_words("my_loss: second order: ");
    expect_words("first at op softclip");
}
END_TEST

static bool check_with_few_allocations(void) {
    three t = inputs(WG_F64);
    if (wg_error()) return false;
    choose(true, true);
    bool passed = check(layer, t.x, 3, 1);
    ck_assert(passed || report.failures > 0);
    return passed;
}
START_TEST(a_check_survives_any_failing_allocation) {
    bool passed = false;
    for (int64_t n = 0; !passed; n = n < 40 ? n + 1 : n + n / 4) {
        count_allocations(n);
        passed = check_with_few_allocations();
        wg_error_clear();
        expect_all_released();
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("checker");
    TCase *t = add_cases(suite, "functions");
    tcase_add_test(t, a_right_function_passes_at_every_order);
    tcase_add_test(t, a_report_may_be_null);
    tcase_add_test(t, a_wrong_rule_is_found_with_its_element_and_its_operation);
    tcase_add_test(t, one_wrong_element_in_a_hundred_thousandth_is_found);
    tcase_add_test(t, a_wrong_second_order_is_found);
    tcase_add_test(t, integers_stay_what_they_are);
    tcase_add_test(t, f32_inputs_are_measured_by_their_f64_twins);
    tcase_add_test(t, what_takes_only_f32_is_told_why_that_does_not_do);
    tcase_add_test(t, a_model_in_f32_is_told_to_be_made_in_f64);
    tcase_add_test(t, a_kink_decides_nothing);
    tcase_add_test(t, near_the_edge_of_its_domain_it_is_measured_from_inside);
    tcase_add_test(t, large_terms_that_cancel_are_no_failure);
    tcase_add_test(t, a_function_may_differentiate);
    TCase *cut = add_cases(suite, "cut off");
    tcase_add_test(cut, an_input_that_the_function_cuts_off_is_named);
    tcase_add_test(cut, an_input_that_does_not_reach_the_result_is_named_unless_allowed);
    tcase_add_test(cut, a_path_that_is_cut_off_is_no_operation_s_fault);
    tcase_add_test(cut, inputs_that_are_no_floats_are_told_before_the_first_call);
    TCase *bad = add_cases(suite, "misbehaviour");
    tcase_add_test(bad, a_hidden_state_is_found);
    tcase_add_test(bad, a_failing_function_leaves_nothing_behind);
    tcase_add_test(bad, a_passing_check_leaves_nothing_behind);
    tcase_add_test(bad, parameters_of_the_function_keep_their_gradients);
    tcase_add_test(bad, wrong_arguments_are_told);
    tcase_add_test(bad, a_check_survives_any_failing_allocation);
    return run_suite(suite);
}
