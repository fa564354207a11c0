// SPDX-License-Identifier: MIT
/* test_mistakes.c: records with the mistakes that people make, by name: a slope, a sum or a
   transpose that was forgotten, a flag that is not true, strides that are not looked at.
   wg_op_selftest finds each, and the registry refuses what is incomplete. */
#include <pthread.h>

#include "tests/op_test.h"

static const wg_op *victim;  // whose functions a mistaken one calls

/* ---- flags and samples ----------------------------------------------------------------------- */

START_TEST(a_wrong_flag_is_caught) {
    wg_op mutant = *wg_op_find("tanh");
    mutant.flags |= WG_OP_LINEAR;
    expect_caught(&mutant, "tanh is not linear", "second order");
    mutant = *wg_op_find("relu");
    mutant.tie = WG_TIE_RIGHT;
    expect_caught(&mutant, "relu has slope 0 at 0", "kinks");
    mutant.tie = WG_TIE_NONE;
    expect_caught(&mutant, "relu has a kink", "kinks");
    mutant = *wg_op_find("max");
    mutant.tie = WG_TIE_ZERO;
    expect_caught(&mutant, "equals share evenly", "kinks");
    mutant = *wg_op_find("exp");
    mutant.tie = WG_TIE_LEFT;
    expect_caught(&mutant, "exp has no kink", "no sample meets a kink");
}
END_TEST

START_TEST(a_bad_sample_that_is_accepted_is_caught) {
    wg_op mutant = *wg_op_find("add");
    mutant.bad[0] = "2,3 2,3";
    expect_caught(&mutant, "this is a good sample", "it is accepted");
    mutant = *wg_op_find("add");
    mutant.samples[0] = "2,3 4";
    expect_caught(&mutant, "this is a bad sample", "unexpected error: add");
    mutant.samples[0] = "no sample at all";
    expect_caught(&mutant, "this is no sample", "makes no sense");
}
END_TEST

/* ---- well-known mistakes --------------------------------------------------------------------- */

static wg_tensor *tanh_by_y(const wg_call *c, wg_tensor *gy, int i) {  // 1 - y, not 1 - y^2
    (void)i;
    return wg_xmul(gy, wg_sub(wg_num(1), c->out));
}

static bool refuse_in_silence(const wg_call *c, wg_spec *out) { return (void)c, (void)out, false; }

START_TEST(an_infer_that_refuses_its_samples_is_caught) {
    wg_op mutant = *wg_op_find("transpose");
    mutant.infer = refuse_in_silence;
    expect_caught(&mutant, "it is only a view, so nobody calls forward", "without a reason");
}
END_TEST

START_TEST(a_record_that_cannot_compute_is_caught) {
    wg_op mutant = *wg_op_find("sum");
    mutant.forward = NULL;
    expect_caught(&mutant, "only views need no forward", "no forward");
    mutant.infer = NULL;
    expect_caught(&mutant, "nothing tells the shape", "none of .map, .infer, .compose");
}
END_TEST

START_TEST(a_wrong_slope_of_tanh_is_caught) {
    wg_op mutant = *wg_op_find("tanh");
    mutant.vjp = tanh_by_y;
    expect_caught(&mutant, "1 - y", "reverse against forward mode");
}
END_TEST

static wg_tensor *add_without_sum(const wg_call *c, wg_tensor *gy, int i) {
    (void)c, (void)i;
    return gy;
}

// Undoes the axes in front, and of those that were stretched takes the first place in lieu of the
// sum.
static wg_tensor *add_with_half_a_sum(const wg_call *c, wg_tensor *gy, int i) {
    wg_tensor *x = c->in[i], *g = gy;
    while (wg_rank(g) > wg_rank(x)) g = wg_sum_axes(g, WG_AXES(0), false);
    for (int axis = 0; axis < wg_rank(x); axis++)
        if (wg_dim(x, axis) == 1 && wg_dim(g, axis) > 1) g = wg_slice(g, axis, 0, 1, 1);
    return g;
}

START_TEST(a_broadcast_that_is_not_summed_is_caught) {
    wg_op mutant = *wg_op_find("add");
    mutant.vjp = add_without_sum;
    expect_caught(&mutant, "the gradient has the result's shape", "its vjp for input 1 gives");
    mutant.vjp = add_with_half_a_sum;
    expect_caught(&mutant, "only leading axes are summed", "reverse against forward mode");
}
END_TEST

static wg_tensor *matmul_untransposed(const wg_call *c, wg_tensor *gy, int i) {
    return i == 0 ? wg_matmul(gy, c->in[1]) : wg_matmul(c->in[0], gy);
}

START_TEST(a_forgotten_transpose_in_matmul_is_caught) {
    wg_op mutant = *wg_op_find("matmul");
    memset(mutant.samples, 0, sizeof mutant.samples);
    mutant.samples[0] = "3,3 3,3";  // square, so that only the numbers tell
    expect_passes(&mutant);
    mutant.vjp = matmul_untransposed;
    expect_caught(&mutant, "no transpose", "reverse against forward mode");
}
END_TEST

// Right for dense inputs; of others it reads the first element over and over.
static bool strideless_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    wg_view flat = *in[0];
    int64_t n = 1;
    bool dense = true;
    for (int i = flat.shape.rank - 1; i >= 0; i--) {
        dense = dense && (flat.stride[i] == n || flat.shape.dim[i] == 1);
        n *= flat.shape.dim[i];
    }
    if (!dense) memset(flat.stride, 0, sizeof flat.stride);
    const wg_view *views[] = { &flat };
    return victim->forward(c, views, out);
}

static bool sum_forgetting_zeros(const wg_call *c, const wg_view *const in[], wg_view *out) {
    double values[64] = { 0 };
    wg_view right = *out;
    right.data = values;
    if (wg_view_numel(out) > 8) return victim->forward(c, in, out);
    if (!victim->forward(c, in, &right)) return false;
    for (int64_t k = 0; k < wg_view_numel(out); k++)  // "memory is zero already"
        if (wg_view_get(&right, k) != 0) wg_view_set(out, k, wg_view_get(&right, k));
    return true;
}

static bool sum_writing_past_the_end(const wg_call *c, const wg_view *const in[], wg_view *out) {
    int64_t n = wg_view_numel(out);
    if (!victim->forward(c, in, out)) return false;
    if (n % 4 != 0) memset((char *)out->data + (size_t)n * wg_dtype_size(out->dtype), 1, 4);
    return true;
}

START_TEST(a_forward_that_writes_too_little_or_too_much_is_caught) {
    wg_op mutant = *(victim = wg_op_find("sum"));
    mutant.forward = sum_forgetting_zeros;  // whatever stood there may show as a wrong value first
    expect_caught(&mutant, "elements stay unwritten", "sum: sample");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)  // under which the test itself would die
    mutant.forward = sum_writing_past_the_end;
    expect_caught(&mutant, "one element too many", "writing the whole result");
#else
    (void)sum_writing_past_the_end;
#endif
}
END_TEST

START_TEST(a_zero_gradient_flag_on_what_is_not_constant_is_caught) {
    wg_op mutant = *wg_op_find("relu");
    mutant.flags = WG_OP_ZERO_GRADIENT;
    mutant.vjp = NULL, mutant.jvp = NULL;
    expect_caught(&mutant, "relu is not constant", "a derivative of zero");
}
END_TEST

START_TEST(a_kink_without_a_tie_rule_is_named) {
    wg_op mutant = *wg_op_find("relu");
    mutant.tie = WG_TIE_NONE;
    expect_caught(&mutant, "relu has a kink", "set .tie");
}
END_TEST

// 0 times infinity at 0, where the library's rule takes 0 for it.
static wg_tensor *sqrt_unmasked(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return wg_mul(gy, wg_div(wg_num(0.5), c->out));
}

START_TEST(a_zero_cotangent_that_meets_an_infinite_slope_is_caught) {
    wg_op mutant = *wg_op_find("sqrt");
    mutant.vjp = sqrt_unmasked;
    expect_caught(&mutant, "0 * inf", "linear in the cotangent");
}
END_TEST

// The product rule as it stands in books, where no tangent is ever absent.
static wg_tensor *mul_without_null(const wg_call *c, wg_tensor *const dx[]) {
    return wg_add(wg_mul(dx[0], c->in[1]), wg_mul(c->in[0], dx[1]));
}

START_TEST(a_jvp_that_expects_all_tangents_is_caught) {
    wg_op mutant = *wg_op_find("mul");
    mutant.jvp = mul_without_null;
    expect_caught(&mutant, "NULL is zero", "unexpected error: mul: input");
}
END_TEST

// Loops of one dtype that belong to another function: tanh and its slope from y, for sigmoid's.
START_TEST(a_wrong_loop_of_one_dtype_is_caught) {
    const wg_map *right = wg_op_find("tanh")->map, *wrong = wg_op_find("sigmoid")->map;
    wg_map map = *right;
    wg_op mutant = *wg_op_find("tanh");
    mutant.map = &map;
    expect_passes(&mutant);
    map.forward[WG_F32] = wrong->forward[WG_F32];
    expect_caught(&mutant, "f32 value", "f32 against f64");
    map = *right;
    map.forward[WG_F64] = wrong->forward[WG_F64];
    expect_caught(&mutant, "f64 value", "value against reference");
    map = *right;
    map.backward[WG_F32] = wrong->backward[WG_F32];
    expect_caught(&mutant, "f32 slope", "f32: fused backward");
    map = *right;
    map.backward[WG_F64] = wrong->backward[WG_F64];
    expect_caught(&mutant, "f64 slope", "f64: fused backward");
}
END_TEST

START_TEST(strides_that_are_ignored_are_caught) {
    victim = wg_op_find("sum");
    wg_op mutant = *victim;
    mutant.forward = strideless_forward;
    expect_caught(&mutant, "strides are ignored", "memory layout");
}
END_TEST

// Adds one to what it should only read.
static bool writing_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    bool done = victim->forward(c, in, out);
    wg_view x = *in[0];
    if (done && wg_view_numel(&x) > 0) wg_view_set(&x, 0, wg_view_get(&x, 0) + 1);
    return done;
}

START_TEST(an_input_that_is_written_to_is_caught) {
    victim = wg_op_find("sum");
    wg_op mutant = *victim;
    mutant.forward = writing_forward;
    expect_caught(&mutant, "an input is written to", "was written to");
}
END_TEST

/* ---- equals and masks ------------------------------------------------------------------------ */

// y as it is compared with x: with the axes that were reduced put back, by the sample's keepdim.
static wg_tensor *of_largest(const wg_call *c, wg_tensor *gy) {
    wg_tensor *x = c->in[0];
    if (wg_rank(c->out) != wg_rank(x)) return victim->vjp(c, gy, 0);
    return wg_mul(wg_cast(wg_eq(x, c->out), wg_dtype_of(x)), gy);
}
static wg_tensor *max_to_all(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return of_largest(c, gy);
}

START_TEST(a_tied_maximum_that_gives_each_the_whole_gradient_is_caught) {
    wg_op mutant = *(victim = wg_op_find("max"));
    mutant.vjp = max_to_all;
    mutant.backward = NULL;
    memset(mutant.samples, 0, sizeof mutant.samples);
    mutant.samples[0] = "2,3 | axes=1 keepdim=1";
    mutant.samples[1] = "2,3@=1,1,0,2,2,2 | axes=1 keepdim=1";
    expect_caught(&mutant, "equals count more than once", "kinks");
    mutant.vjp = victim->vjp;
    expect_passes(&mutant);
}
END_TEST

// condition a + (1 - condition) b: right for all numbers, and NaN where either holds NaN.
static wg_tensor *select_by_products(const wg_call *c) {
    wg_tensor *yes = wg_cast(c->in[0], wg_dtype_of(c->in[1]));
    return wg_add(wg_mul(yes, c->in[1]), wg_mul(wg_sub(wg_num(1), yes), c->in[2]));
}
static wg_tensor *select_by_where(const wg_call *c) {
    return wg_where(c->in[0], c->in[1], c->in[2]);
}

START_TEST(a_mask_that_multiplies_is_caught) {
    wg_op mutant = { .abi = WG_OP_ABI,
                     .name = "select_of",
                     .doc = "a where the condition holds, else b",
                     .inputs = 3,
                     .compose = select_by_where,
                     .samples = { "2,3@b 2,3 2,3", "3@b 2,3 3" } };
    expect_passes(&mutant);
    mutant.compose = select_by_products;
    expect_caught(&mutant, "0 * NaN", "what is not chosen, but NaN or infinite, changes");
}
END_TEST

/* ---- what a failure says --------------------------------------------------------------------- */

static bool mute_infer(const wg_call *c, wg_spec *out) {
    return wg_call_rank(c, 0) == 2 && victim->infer(c, out);
}

START_TEST(a_refusal_without_a_reason_is_caught) {
    wg_op mutant = *(victim = wg_op_find("tril"));
    mutant.infer = mute_infer;
    memset(mutant.samples, 0, sizeof mutant.samples);
    memset(mutant.bad, 0, sizeof mutant.bad);
    mutant.samples[0] = "3,3";
    expect_passes(&mutant);
    mutant.bad[0] = "3";
    expect_caught(&mutant, "nothing is said", "it is refused without a reason");
}
END_TEST

static wg_tensor *mul_wrong_for_b(const wg_call *c, wg_tensor *gy, int i) {
    wg_tensor *g = victim->vjp(c, gy, i);
    if (i == 0) return g;
    wg_tensor *last = wg_from_f64(WG_F64, WG_SHAPE(2, 3), (double[]){ 0, 0, 0, 0, 0, 1 });
    return wg_add(g, wg_cast(last, wg_dtype_of(g)));
}

START_TEST(a_wrong_gradient_is_named_by_input_and_element) {
    wg_op mutant = *(victim = wg_op_find("mul"));
    memset(mutant.samples, 0, sizeof mutant.samples);
    mutant.samples[0] = "2,3 2,3";
    mutant.vjp = mul_wrong_for_b;
    expect_caught(&mutant, "the last element of b's",
                  "reverse against forward mode, input 1 at [1,2] of");
    wg_selftest_report report;
    mutant.reference = NULL;
    ck_assert(!wg_op_selftest(&mutant, &report));
    ck_assert_msg(strstr(report.text, "reverse against forward mode, input 1: "), "%s",
                  report.text);
}
END_TEST

START_TEST(a_value_that_is_read_undeclared_is_named) {
    wg_op mutant = *wg_op_find("mul");
    mutant.saves = WG_SAVES_IN(0);
    expect_caught(&mutant, "a's gradient reads b", "leaves out (the value of input 1): gradient");
    mutant = *wg_op_find("tanh");
    mutant.saves = WG_SAVES_IN(0);
    expect_caught(&mutant, "the slope reads y", "leaves out (the result): gradient");
}
END_TEST

START_TEST(a_sample_that_leaves_the_domain_is_named) {
    wg_op mutant = *wg_op_find("log");
    memset(mutant.samples, 0, sizeof mutant.samples);
    mutant.samples[0] = "3@-2..-1";
    expect_caught(&mutant, "log of negative numbers", "leaves the function's domain");
}
END_TEST

START_TEST(a_wrong_tie_is_named_as_such) {
    wg_op mutant = *wg_op_find("relu");
    mutant.tie = WG_TIE_RIGHT;
    expect_caught(&mutant, "the slope at 0 is 0",
                  "slope 0 at a kink, element 0, .tie says 1: the derivative from the right");
}
END_TEST

/* ---- random cases ---------------------------------------------------------------------------- */

static const wg_selftest_options by_chance = { .cases = 4000 };

static wg_tensor *back_and_forth(const wg_call *c) {  // a b / b
    return wg_div(wg_mul(c->in[0], c->in[1]), c->in[1]);
}
static bool back_and_forth_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    (void)c;
    for (int64_t k = 0; k < wg_shape_numel(out->shape); k++)
        out->data[k] = in[0].data[k] * in[1].data[k] / in[1].data[k];
    return true;
}
static wg_tensor *weighted_mean(const wg_call *c) {
    wg_tensor *sum = wg_sum_axes(wg_mul(c->in[0], c->in[1]), WG_AXES(1), false);
    return wg_div(sum, wg_sum_axes(c->in[1], WG_AXES(1), false));
}
static bool weighted_mean_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    (void)c;
    int64_t n = in[0].shape.dim[1];
    for (int64_t k = 0; k < wg_shape_numel(out->shape); k++) {
        double complex sum = 0, weight = 0;
        for (int64_t j = k * n; j < (k + 1) * n; j++)
            sum += in[0].data[j] * in[1].data[j], weight += in[1].data[j];
        out->data[k] = sum / weight;
    }
    return true;
}

START_TEST(whole_results_of_inexact_steps_need_not_be_exact) {
    wg_op op = { .abi = WG_OP_ABI,
                 .name = "whole_result",
                 .doc = "a, by way of quotients",
                 .inputs = 2,
                 .compose = back_and_forth,
                 .reference = back_and_forth_reference,
                 .samples = { "2,3@0.5..4 2,3@0.5..4" } };
    wg_selftest_report report;
    ck_assert_msg(wg_op_selftest_with(&op, by_chance, &report), "%s", report.text);
    op.samples[0] = "3,1 3,1@0.5..2";
    op.compose = weighted_mean, op.reference = weighted_mean_reference;
    ck_assert_msg(wg_op_selftest_with(&op, by_chance, &report), "%s", report.text);
}
END_TEST

START_TEST(a_broadcast_that_no_sample_shows_is_found_by_chance) {
    wg_selftest_report report;
    wg_op mutant = *wg_op_find("add");
    memset(mutant.samples, 0, sizeof mutant.samples);
    mutant.samples[0] = "2,3 2,3";
    ck_assert_msg(wg_op_selftest_with(&mutant, by_chance, &report), "%s", report.text);
    mutant.vjp = add_without_sum;
    expect_passes(&mutant);
    ck_assert(!wg_op_selftest_with(&mutant, by_chance, &report));
    ck_assert_msg(strstr(report.text, "its vjp for input"), "%s", report.text);
    mutant.vjp = add_with_half_a_sum;
    ck_assert(!wg_op_selftest_with(&mutant, by_chance, &report));
    ck_assert_msg(strstr(report.text, "reverse against forward mode"), "%s", report.text);
}
END_TEST

START_TEST(random_cases_that_cannot_be_run_are_an_error) {
    static const wg_selftest_options none[] = {
        { 0 }, { .cases = -1 }, { .seconds = -1 }, { .cases = 5, .seconds = NAN }
    };
    for (size_t k = 0; k < sizeof none / sizeof *none; k++) {
        wg_selftest_report report = { 0 };
        ck_assert(!wg_op_selftest_with(wg_op_find("add"), none[k], &report));
        ck_assert_int_eq(report.failures, 1);
        ck_assert_msg(strstr(report.text, "neither negative"), "%s", report.text);
        ck_assert(!wg_op_selftest_with(wg_op_find("add"), none[k], NULL));
    }
}
END_TEST

/* ---- optional inputs ------------------------------------------------------------------------- */

// a, or a + b: how it is asked whether b is there decides.
static bool careless;
static wg_tensor *maybe_add(const wg_call *c) {
    bool there = careless ? c->inputs > 1 : wg_call_has(c, 1);
    if (!there) return wg_mul(c->in[0], wg_num(1));
    return wg_add(c->in[0], c->in[1] ? c->in[1] : wg_num(1));
}

START_TEST(an_optional_input_that_is_null_is_one_that_is_left_out) {
    wg_op op = { .abi = WG_OP_ABI,
                 .name = "maybe_add",
                 .doc = "a, or a + b",
                 .inputs = 1,
                 .inputs_max = 2,
                 .flags = WG_OP_OPTIONAL_INPUTS,
                 .compose = maybe_add,
                 .samples = { "3 3", "2" } };
    careless = false;
    expect_passes(&op);
    careless = true;
    expect_caught(&op, "NULL is taken for there", "optional inputs that are NULL");
}
END_TEST

/* ---- the registry ---------------------------------------------------------------------------- */

static void expect_refused(const wg_op *op, const char *words) {
    int count = wg_op_count();
    ck_assert(!wg_op_register(op));
    ck_assert_int_eq(wg_error(), WG_ERROR_ARGUMENT);
    ck_assert_msg(strstr(wg_error_message(), words) != NULL, "%s", wg_error_message());
    ck_assert_int_eq(wg_op_count(), count);
    wg_error_clear();
}

static wg_op renamed(const char *name) {
    wg_op op = *wg_op_find("tanh");
    op.name = name;
    return op;
}

START_TEST(an_incomplete_record_is_not_registered) {
    wg_op op = renamed("planted_incomplete");
    op.vjp = NULL;
    expect_refused(&op, "vjp");
    ck_assert(!wg_op_selftest(&op, NULL));
    op = renamed("planted_incomplete");
    op.jvp = NULL;
    expect_refused(&op, "jvp");
    ck_assert(!wg_op_selftest(&op, NULL));
    op = renamed("planted_incomplete");
    memset(op.samples, 0, sizeof op.samples);
    expect_refused(&op, "samples");
    ck_assert(!wg_op_selftest(&op, NULL));
    op = renamed("planted_incomplete");
    op.abi++;
    expect_refused(&op, "version");
    ck_assert(!wg_op_selftest(&op, NULL));
}
END_TEST

START_TEST(a_name_is_taken_once) {
    static wg_op op;
    op = renamed("tanh");
    expect_refused(&op, "taken");
    op = renamed("not an identifier");
    expect_refused(&op, "identifier");
    op = renamed("planted_complete");
    int count = wg_op_count();
    ck_assert(wg_op_register(&op));
    ck_assert_int_eq(wg_op_count(), count + 1);
    ck_assert_ptr_eq(wg_op_find("planted_complete"), &op);
    ck_assert_ptr_eq(wg_op_at(count), &op);
    expect_refused(&op, "taken");
}
END_TEST

static wg_op shared;
static void *register_shared(void *won) {
    wg_on_error(NULL, NULL);
    for (int i = 0; i < 200; i++) {
        *(int *)won += wg_op_register(&shared);
        wg_error_clear();
        // Whoever finds it meanwhile finds all of it.
        for (int k = 0; k < wg_op_count(); k++)
            if (!wg_op_at(k) || !wg_op_at(k)->name) *(int *)won += 1000;
    }
    return NULL;
}

START_TEST(threads_may_register_at_once_and_one_wins_a_name) {
    enum { THREADS = 4 };
    pthread_t thread[THREADS];
    int won[THREADS] = { 0 }, all = 0, count = wg_op_count();
    shared = renamed("planted_by_threads");
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, register_shared, &won[i]), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
    for (int i = 0; i < THREADS; i++) all += won[i];
    ck_assert_int_eq(all, 1);
    ck_assert_int_eq(wg_op_count(), count + 1);
}
END_TEST

START_TEST(an_undefined_derivative_must_be_refused) {
    wg_op op = renamed("planted_undefined");
    op.flags = WG_OP_NO_GRADIENT;
    op.vjp = NULL, op.jvp = NULL;
    expect_passes(&op);
}
END_TEST

/* ---- main ------------------------------------------------------------------------------------ */

// A gradient of 1e-40 in f32 has fewer digits than its double.
START_TEST(subnormal_gradients_double_to_their_last_place) {
    wg_op op = *wg_op_find("exp");
    memset(op.samples, 0, sizeof op.samples);
    op.samples[0] = "40@-100..-88";
    expect_passes(&op);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("mistakes");
    TCase *known = add_cases(suite, "mistakes");
    tcase_add_test(known, a_wrong_flag_is_caught);
    tcase_add_test(known, subnormal_gradients_double_to_their_last_place);
    tcase_add_test(known, a_bad_sample_that_is_accepted_is_caught);
    tcase_add_test(known, a_record_that_cannot_compute_is_caught);
    tcase_add_test(known, an_infer_that_refuses_its_samples_is_caught);
    tcase_add_test(known, a_wrong_slope_of_tanh_is_caught);
    tcase_add_test(known, a_broadcast_that_is_not_summed_is_caught);
    tcase_add_test(known, a_forgotten_transpose_in_matmul_is_caught);
    tcase_add_test(known, a_zero_cotangent_that_meets_an_infinite_slope_is_caught);
    tcase_add_test(known, a_jvp_that_expects_all_tangents_is_caught);
    tcase_add_test(known, a_wrong_loop_of_one_dtype_is_caught);
    tcase_add_test(known, strides_that_are_ignored_are_caught);
    tcase_add_test(known, an_input_that_is_written_to_is_caught);
    tcase_add_test(known, a_tied_maximum_that_gives_each_the_whole_gradient_is_caught);
    tcase_add_test(known, a_mask_that_multiplies_is_caught);
    TCase *words = add_cases(suite, "words");
    tcase_add_test(words, a_refusal_without_a_reason_is_caught);
    tcase_add_test(words, a_wrong_gradient_is_named_by_input_and_element);
    tcase_add_test(words, a_value_that_is_read_undeclared_is_named);
    tcase_add_test(words, a_sample_that_leaves_the_domain_is_named);
    tcase_add_test(words, a_wrong_tie_is_named_as_such);
    TCase *chance = add_cases(suite, "random cases");
    tcase_add_test(chance, whole_results_of_inexact_steps_need_not_be_exact);
    tcase_add_test(chance, a_broadcast_that_no_sample_shows_is_found_by_chance);
    tcase_add_test(chance, random_cases_that_cannot_be_run_are_an_error);
    tcase_add_test(chance, an_optional_input_that_is_null_is_one_that_is_left_out);
    TCase *registry = add_cases(suite, "registry");
    tcase_add_test(registry, an_incomplete_record_is_not_registered);
    tcase_add_test(registry, a_name_is_taken_once);
    tcase_add_test(registry, threads_may_register_at_once_and_one_wins_a_name);
    tcase_add_test(registry, an_undefined_derivative_must_be_refused);
    tcase_add_test(registry, a_forward_that_writes_too_little_or_too_much_is_caught);
    tcase_add_test(registry, a_zero_gradient_flag_on_what_is_not_constant_is_caught);
    tcase_add_test(registry, a_kink_without_a_tie_rule_is_named);
    return run_suite(suite);
}
