// SPDX-License-Identifier: MIT
/* test_compose.c: operations that are formulas of others. They are recorded as their pieces, so
   everything the pieces can do they can; their errors carry their name; and the selftest treats
   their records like any other. */
#include "tests/core_test.h"
#include "tests/op_test.h"

/* ---- a record to play with ------------------------------------------------------------------- */

// tanh(a) b + a, of any shapes that broadcast.
static wg_tensor *bent_compose(const wg_call *c) {
    wg_tensor *a = c->in[0], *b = c->in[1];
    return wg_add(wg_mul(wg_tanh(a), b), a);
}
static bool bent_infer(const wg_call *c, wg_spec *out) {
    if (wg_call_rank(c, 0) != wg_call_rank(c, 1))
        return wg_call_fail(c, WG_ERROR_SHAPE, "ranks %d and %d", wg_call_rank(c, 0),
                            wg_call_rank(c, 1));
    return wg_spec_set(out, wg_call_dtype(c, 0), wg_shape_of(c->in[0]));
}
static bool bent_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    (void)c;
    for (int64_t k = 0; k < wg_shape_numel(out->shape); k++)
        out->data[k] = ctanh(in[0].data[k]) * in[1].data[k] + in[0].data[k];
    return true;
}
static const wg_op bent_op = {
    .abi = WG_OP_ABI,
    .name = "bent",
    .doc = "tanh(a) b + a",
    .inputs = 2,
    .infer = bent_infer,
    .compose = bent_compose,
    .reference = bent_reference,
    .samples = { "2,3 2,3", "() ()", "0 0" },
    .bad = { "2 2,2", "2@i0..3 2" },
};

static wg_tensor *apply(const wg_op *op, wg_tensor *a, wg_tensor *b) {
    return wg_apply(op, (wg_tensor *[]){ a, b }, 2, NULL);
}

/* ---- what holds of it ------------------------------------------------------------------------ */

START_TEST(a_composed_record_passes_every_oracle) {
    expect_passes(&bent_op);
    wg_op untyped = bent_op;  // infer is optional
    untyped.infer = NULL;
    untyped.bad[0] = "2 3";
    expect_passes(&untyped);
}
END_TEST

START_TEST(a_composed_operation_differentiates_like_its_formula) {
    wg_tensor *a = wg_variable(wg_from_f64(WG_F64, WG_SHAPE(2), (double[]){ 0.5, -1 }));
    wg_tensor *b = wg_from_f64(WG_F64, WG_SHAPE(2), (double[]){ 2, 3 });
    wg_tensor *composed = wg_derivative(wg_derivative(apply(&bent_op, a, b), a), a);
    wg_tensor *written = wg_derivative(wg_derivative(wg_add(wg_mul(wg_tanh(a), b), a), a), a);
    double *want = elements_of(written, 2);
    expect_values(composed, want, 2);
    free(want);
}
END_TEST

START_TEST(an_error_inside_carries_the_name_of_the_whole) {
    wg_op untyped = bent_op;
    untyped.infer = NULL;
    wg_tensor *a = wg_ones(WG_F64, WG_SHAPE(2)), *b = wg_ones(WG_F64, WG_SHAPE(3));
    ck_assert_ptr_null(apply(&untyped, a, b));
    expect_error(WG_ERROR_SHAPE, "bent: mul: [2] x [3]: the shapes do not broadcast");
    ck_assert_ptr_null(apply(&bent_op, a, wg_ones(WG_F64, WG_SCALAR)));
    expect_error(WG_ERROR_SHAPE, "bent: [2] x []: ranks 1 and 0");
    ck_assert_ptr_null(wg_add(a, b));  // and no longer afterwards
    ck_assert_int_eq(strncmp(wg_error_message(), "add: ", 5), 0);
    wg_error_clear();
}
END_TEST

static wg_tensor *outer_compose(const wg_call *c) { return apply(&bent_op, c->in[0], c->in[1]); }

START_TEST(one_composed_of_another_names_the_outermost_first) {
    const wg_op outer = { .abi = WG_OP_ABI,
                          .name = "outer_bent",
                          .doc = "the same",
                          .inputs = 2,
                          .compose = outer_compose,
                          .samples = { "2 2" } };
    wg_tensor *a = wg_ones(WG_F64, WG_SHAPE(2));
    ck_assert_ptr_null(apply(&outer, a, wg_ones(WG_F64, WG_SCALAR)));
    expect_error(WG_ERROR_SHAPE, "outer_bent: bent: [2] x []");
    expect_passes(&outer);  // without a reference, too
}
END_TEST

static bool lying_infer(const wg_call *c, wg_spec *out) {
    return wg_spec_set(out, wg_call_dtype(c, 0), WG_SHAPE(7));
}

START_TEST(an_infer_that_does_not_come_true_is_an_error) {
    wg_op lying = bent_op;
    lying.infer = lying_infer;
    wg_tensor *a = wg_ones(WG_F64, WG_SHAPE(2));
    ck_assert_ptr_null(apply(&lying, a, a));
    expect_error(WG_ERROR_SHAPE, "infer says f64 [7], compose makes f64 [2]");
}
END_TEST

static wg_tensor *silent_compose(const wg_call *c) {
    (void)c;
    return NULL;
}

START_TEST(a_formula_that_gives_nothing_is_an_error) {
    wg_op silent = bent_op;
    silent.compose = silent_compose;
    wg_tensor *a = wg_ones(WG_F64, WG_SHAPE(2));
    ck_assert_ptr_null(apply(&silent, a, a));
    expect_error(WG_ERROR_ARGUMENT, "bent: [2] x [2]: refused without a reason");
}
END_TEST

extern const wg_op endless_op;
static wg_tensor *endless_compose(const wg_call *c) {
    return wg_apply(&endless_op, c->in, c->inputs, c->attr);
}
const wg_op endless_op = { .abi = WG_OP_ABI,
                           .name = "endless",
                           .doc = "itself",
                           .inputs = 1,
                           .compose = endless_compose,
                           .samples = { "2" } };

START_TEST(a_formula_that_applies_itself_is_an_error) {
    wg_tensor *a = wg_ones(WG_F64, WG_SHAPE(2));
    for (int again = 0; again < 2; again++) {  // and leaves no depth behind
        ck_assert_ptr_null(wg_apply(&endless_op, &a, 1, NULL));
        expect_error(WG_ERROR_STATE, "endless: [2]: formulas nest more than 64 deep");
    }
    ck_assert_ptr_nonnull(apply(&bent_op, a, a));
}
END_TEST

static wg_tensor *wrong_compose(const wg_call *c) {
    return wg_add(wg_mul(wg_tanh(c->in[0]), wg_stop(c->in[1])), c->in[0]);
}

START_TEST(a_formula_that_cuts_a_gradient_is_caught) {
    wg_op wrong = bent_op;
    wrong.compose = wrong_compose;
    expect_caught(&wrong, "b is a constant in it", "bent");
}
END_TEST

static wg_tensor *no_rule(const wg_call *c, wg_tensor *gy, int i) {
    (void)c, (void)i;
    return gy;
}

START_TEST(a_formula_beside_rules_is_refused) {
    wg_op both = bent_op;
    both.vjp = no_rule;
    ck_assert(!wg_op_register(&both));
    expect_error(WG_ERROR_ARGUMENT, "with .compose all else follows from its pieces");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("compose");
    TCase *composed = add_cases(suite, "composed");
    tcase_add_test(composed, a_composed_record_passes_every_oracle);
    tcase_add_test(composed, a_composed_operation_differentiates_like_its_formula);
    tcase_add_test(composed, an_error_inside_carries_the_name_of_the_whole);
    tcase_add_test(composed, one_composed_of_another_names_the_outermost_first);
    tcase_add_test(composed, an_infer_that_does_not_come_true_is_an_error);
    tcase_add_test(composed, a_formula_that_gives_nothing_is_an_error);
    tcase_add_test(composed, a_formula_that_applies_itself_is_an_error);
    tcase_add_test(composed, a_formula_that_cuts_a_gradient_is_caught);
    tcase_add_test(composed, a_formula_beside_rules_is_refused);
    return run_suite(suite);
}
