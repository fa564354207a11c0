// SPDX-License-Identifier: MIT
/* How far the fuzzers' oracles of first order reach: operations without a reference, as most users'
   are, and values where a function jumps. Each wrong one ends the program; its right twin does
   not. */
#include <signal.h>

#include "autograd/op.h"
#include "fuzz/vm/vm.h"
#include "tests/testing.h"

/* ---- operations ------------------------------------------------------------------------------ */

static bool same_shape(const wg_call *c, wg_spec *out) {
    return wg_spec_set(out, wg_call_dtype(c, 0), wg_shape_of(c->in[0]));
}
static bool square(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)c;
    for (int64_t k = 0; k < wg_view_numel(out); k++) {
        double x = wg_view_get(in[0], k);
        wg_view_set(out, k, x * x);
    }
    return true;
}
static bool size_of(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)c;
    for (int64_t k = 0; k < wg_view_numel(out); k++)
        wg_view_set(out, k, fabs(wg_view_get(in[0], k)));
    return true;
}
static wg_tensor *twice(wg_tensor *x, wg_tensor *by) { return wg_mul(wg_mul(x, wg_num(2)), by); }
static wg_tensor *vjp_right(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return twice(c->in[0], gy);
}
static wg_tensor *jvp_right(const wg_call *c, wg_tensor *const dx[]) {
    return twice(c->in[0], dx[0]);
}
static wg_tensor *vjp_wrong(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return wg_mul(twice(c->in[0], gy), wg_num(1.01));
}
static wg_tensor *jvp_wrong(const wg_call *c, wg_tensor *const dx[]) {
    return wg_mul(twice(c->in[0], dx[0]), wg_num(1.01));
}
// At 0 each mode takes a side of its own, as it may.
static wg_tensor *vjp_left(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return wg_where(wg_gt(c->in[0], wg_num(0)), gy, wg_neg(gy));
}
static wg_tensor *jvp_right_of_0(const wg_call *c, wg_tensor *const dx[]) {
    return wg_where(wg_ge(c->in[0], wg_num(0)), dx[0], wg_neg(dx[0]));
}

#define ALONE(opname, value, reverse, ahead)                                                       \
    static const wg_op opname = { .abi = WG_OP_ABI,                                                \
                                  .name = #opname,                                                 \
                                  .doc = "an operation without a reference",                       \
                                  .inputs = 1,                                                     \
                                  .infer = same_shape,                                             \
                                  .forward = value,                                                \
                                  .vjp = reverse,                                                  \
                                  .jvp = ahead,                                                    \
                                  .saves = WG_SAVES_IN(0),                                         \
                                  .samples = { "2,3", "4" } };
ALONE(square_right, square, vjp_right, jvp_right)
ALONE(square_reverse_wrong, square, vjp_wrong, jvp_right)
ALONE(square_both_wrong, square, vjp_wrong, jvp_wrong)
ALONE(size_each_its_side, size_of, vjp_left, jvp_right_of_0)

/* The floor; but at whole numbers the first is what rounding might make of it, and the second is
   nothing that the floor is on any side. */
#define FLOOR(opname, at_whole_numbers)                                                            \
    static void opname##_loop(int64_t n, void *const p[], const int64_t step[],                    \
                              const double *param) {                                               \
        (void)param;                                                                               \
        for (int64_t k = 0; k < n; k++) {                                                          \
            double x = ((const double *)p[1])[k * step[1]];                                        \
            ((double *)p[0])[k * step[0]] = floor(x) == x ? (at_whole_numbers) : floor(x);         \
        }                                                                                          \
    }                                                                                              \
    static const wg_map opname##_map = { .forward = { [WG_F64] = opname##_loop } };                \
    static const wg_op opname = { .abi = WG_OP_ABI,                                                \
                                  .name = #opname,                                                 \
                                  .doc = "floor x, but for whole numbers",                         \
                                  .inputs = 1,                                                     \
                                  .map = &opname##_map,                                            \
                                  .flags = WG_OP_ZERO_GRADIENT,                                    \
                                  .reference = floor_reference,                                    \
                                  .samples = { "4@0.1..0.9" } };
static bool floor_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    (void)c;
    for (int64_t k = 0; k < wg_numel(c->in[0]); k++) out->data[k] = floor(creal(in[0].data[k]));
    return true;
}
FLOOR(floor_of_one_less, x - 1)
FLOOR(floor_far_off, x + 5)

/* ---- consulting ------------------------------------------------------------------------------ */

static const char *const steep =
    "wengert program 1\nmode general\ndtype f64\nseed 7\nchoice 0 0 0\n"
    "x0 = variable f64 [2,3] gaps 0.5 1.25 2 0.75 0.5 1.5\n"
    "x1 = permute(x0) axes=1,0\nx2 = %s(x1)\nx3 = add(x2, x1)\nx4 = tanh(x3)\noutputs x4 x2\n";
static const char *const flat = "wengert program 1\nmode whole\ndtype f64\nseed 7\nchoice 0 0 0\n"
                                "x0 = variable f64 [4] dense 0 1.5 2 -3\n"
                                "x1 = %s(x0)\nx2 = add(x1, x0)\noutputs x2\n";

static const wg__vm_program *program_with(const char *text, const wg_op *op) {
    static wg__vm_program p;
    char line[600];
    ck_assert(wg_op_find(op->name) || wg_op_register(op));
    snprintf(line, sizeof line, text, op->name);
    ck_assert(wg__vm_decode((const uint8_t *)line, strlen(line), (wg__vm_limits){ 0 }, &p));
    ck_assert_int_gt(p.steps, 1);
    return &p;
}

static void consult(wg__fuzz_oracle *check, const char *text, const wg_op *op) {
    wg_scope *scope = wg_scope_open();
    check(program_with(text, op));
    expect_no_error();
    wg_scope_close(scope);
}

static const struct row {
    wg__fuzz_oracle *check;
    const char *text;
    const wg_op *op;
} wrong[] = {
    { wg__oracle_adjoint, steep, &square_reverse_wrong },
    { wg__oracle_difference, steep, &square_both_wrong },
    { wg__oracle_steps, steep, &square_both_wrong },
    { wg__oracle_steps, flat, &floor_far_off },
}, right[] = {
    { wg__oracle_adjoint, steep, &square_right },
    { wg__oracle_difference, steep, &square_right },
    { wg__oracle_steps, steep, &square_right },
    { wg__oracle_cotangent, steep, &square_right },
    { wg__oracle_adjoint, steep, &square_both_wrong },  // the two agree
    { wg__oracle_adjoint, flat, &size_each_its_side },
    { wg__oracle_difference, flat, &size_each_its_side },
    { wg__oracle_steps, flat, &floor_of_one_less },
};

START_TEST(an_oracle_of_first_order_ends_what_is_wrong) {
    consult(wrong[_i].check, wrong[_i].text, wrong[_i].op);
}
END_TEST

START_TEST(what_is_right_or_has_no_derivative_passes) {
    consult(right[_i].check, right[_i].text, right[_i].op);
}
END_TEST

/* ---- references of little rounding ----------------------------------------------------------- */

/* Of one key attention is the value: the reference must not bring in the tangent of the
   score, which is a million here, only to cancel it. */
START_TEST(a_tangent_of_one_key_is_that_of_its_value) {
    static wg__vm_program p;
    for (int seed = 0; seed < 20; seed++) {
        char text[400];
        wg_scope *scope = wg_scope_open();
        snprintf(text, sizeof text,
                 "wengert program 1\nmode general\nseed %d\n"
                 "x0 = variable f64 [1,1] dense 87.3\nx1 = mul(x0, x0)\n"
                 "x2 = scaled_dot_product_attention(x1, x1, x1, x1) causal=1 scale=0\n",
                 seed);
        ck_assert(wg__vm_decode((const uint8_t *)text, strlen(text), (wg__vm_limits){ 0 }, &p));
        ck_assert_int_eq(p.steps, 2);
        wg__oracle_steps(&p);
        wg_scope_close(scope);
    }
}
END_TEST

/* ---- which is consulted ---------------------------------------------------------------------- */

// The adjoint identity holds for this one, so that it is another oracle that ends the program.
START_TEST(the_commonest_byte_chooses_more_than_the_adjoint_identity) {
    wg_scope *scope = wg_scope_open();
    const wg__vm_program *p = program_with(steep, &square_both_wrong);
    ck_assert_int_eq(p->choice[0], 0);
    wg__fuzz_judge(p, WG__FUZZ_GRAPH);
    wg_scope_close(scope);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("oracles of first order");
    TCase *silent = add_cases(suite, "silent"), *heard = add_cases(suite, "heard");
    ADD_TABLE(silent, what_is_right_or_has_no_derivative_passes, right);
    tcase_add_test(silent, a_tangent_of_one_key_is_that_of_its_value);
    tcase_add_loop_test_raise_signal(heard, an_oracle_of_first_order_ends_what_is_wrong, SIGABRT, 0,
                                     COUNT(wrong));
    tcase_add_test_raise_signal(heard, the_commonest_byte_chooses_more_than_the_adjoint_identity,
                                SIGABRT);
    return run_suite(suite);
}
