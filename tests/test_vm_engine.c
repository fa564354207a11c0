// SPDX-License-Identifier: MIT
/* The fuzzers' oracles of the engine, examined: each is silent where nothing is wrong, and ends the
   program where an operation does just what it is there to see. */
#include <signal.h>

#include "autograd/op.h"
#include "fuzz/vm/vm.h"
#include "tests/testing.h"

/* ---- consulting them ------------------------------------------------------------------------- */

static wg__fuzz_oracle *const engine[] = {
    wg__oracle_naive, wg__oracle_repeat, wg__oracle_hooks,   wg__oracle_scopes,  wg__oracle_layout,
    wg__oracle_stale, wg__oracle_status, wg__oracle_contain, wg__oracle_rewrite,
};

// The same program with these bytes for the oracle to choose by.
static void consult(wg__fuzz_oracle *check, const char *text, int choice) {
    static wg__vm_program p;
    wg_scope *scope = wg_scope_open();
    ck_assert(wg__vm_decode((const uint8_t *)text, strlen(text), (wg__vm_limits){ 0 }, &p));
    ck_assert_int_gt(p.steps, 0);
    p.choice[1] = (uint8_t)choice, p.choice[2] = (uint8_t)(choice >> 8);
    p.seed += (uint64_t)choice;
    check(&p);
    expect_no_error();
    wg_scope_close(scope);
}

/* Every leaf twice over, views of views, a stop, a span, an unused leaf; whole numbers. */
static const char *const right[] = {
    "wengert program 1\nmode general\ndtype f64\nseed 7\nchoice 0 0 0\n"
    "x0 = variable f64 [2,3] gaps 0.5 -1.25 2 0.75 -0.5 1.5\n"
    "x1 = variable f64 [3] negative 1.5 0.25 -2\n"
    "x2 = variable f64 [2] dense 1 1\n"
    "x3 = mul(x0, x1)\nx4 = mul(x3, x3)\nx5 = permute(x4) axes=1,0\n"
    "x6 = slice(x5) axis=0 start=1 stop=3 step=1\nx7 = tanh(x6)\nx8 = exp(x1) stop\n"
    "x9 = matmul(x0, x8)\nx10 = sigmoid(x9)\noutputs x10 x7 x3\n",
    "wengert program 1\nmode whole\ndtype f64\nseed 8\nchoice 0 0 0\n"
    "x0 = variable f64 [2,2] transposed 1 -2 3 2\nx1 = variable f64 [2,2] shifted 1 -2 3 2\n"
    "x2 = matmul(x0, x1)\nx3 = add(x2, x0)\nx4 = mul(x3, x2)\nx5 = sub(x4, x1)\n"
    "checkpoint x3 x4\noutputs x5 x4\n",
    "wengert program 1\nmode general\ndtype f64\nseed 9\nchoice 0 0 0\n"
    "x0 = variable f64 [0,3] dense\nx1 = variable f64 [] dense 0.5\n"
    "x2 = mul(x0, x1)\nx3 = sin(x1)\nx4 = mul(x3, x1)\noutputs x4 x2\n",
};

START_TEST(right_programs_pass_every_oracle) {
    for (int k = 0; k < COUNT(engine); k++)
        for (int choice = 0; choice < 200; choice++) consult(engine[k], right[_i], 37 * choice);
}
END_TEST

START_TEST(what_is_written_twice_is_the_same) {
    enum { ROWS = 1024 };  // more than there are: each comes up several times
    for (int choice = 0; choice < ROWS; choice++) consult(wg__oracle_rewrite, right[0], choice);
}
END_TEST

/* ---- operations that are wrong in one way each ----------------------------------------------- */

// Twice x; each does one thing otherwise.
static bool same_shape(const wg_call *c, wg_spec *out) {
    return wg_spec_set(out, wg_call_dtype(c, 0), wg_shape_of(c->in[0]));
}
static bool twice(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)c;
    for (int64_t k = 0; k < wg_view_numel(out); k++) wg_view_set(out, k, 2 * wg_view_get(in[0], k));
    return true;
}
static wg_tensor *twice_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)c, (void)i;
    return wg_mul(gy, wg_num(2));
}
static wg_tensor *twice_jvp(const wg_call *c, wg_tensor *const dx[]) {
    (void)c;
    return wg_mul(dx[0], wg_num(2));
}

static bool in_order_of_memory(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)c;
    const double *x = in[0]->data;
    for (int64_t k = 0; k < wg_view_numel(out); k++) wg_view_set(out, k, 2 * x[k]);
    return true;
}
static bool by_recording(const wg_call *c, const wg_view *const in[], wg_view *out) {
    bool on = wg_recording(false);
    wg_recording(on);
    return twice(c, in, out) && (wg_view_set(out, 0, on ? 1 : 2), true);
}
static wg_tensor *square_vjp(const wg_call *c, wg_tensor *gy, int i) {  // of 1 it is right
    (void)c, (void)i;
    return wg_mul(wg_mul(gy, gy), wg_num(2));
}
static wg_tensor *other_each_time(const wg_call *c, wg_tensor *gy, int i) {
    static int calls;
    (void)c, (void)i;
    return wg_mul(gy, wg_num(2 + calls++ % 7));
}
static wg_tensor *by_value(const wg_call *c, wg_tensor *gy, int i) {  // which .saves leaves out
    (void)i;
    return wg_mul(gy, wg_add(wg_num(2), wg_mul(c->in[0], wg_num(0.125))));
}
static bool written_to(const wg_call *c, wg_tensor *const in[]) {
    (void)c;
    return wg_fill(in[0], 1);
}
static wg_tensor *into_the_cotangent(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    wg_tensor *gx = wg_mul(gy, wg_num(2));
    return written_to(c, &gy) ? gx : (wg_error_clear(), gx);
}

#define TWICE(opname, value, rule)                                                                 \
    static const wg_op opname = { .abi = WG_OP_ABI,                                                \
                                  .name = #opname,                                                 \
                                  .doc = "2 x, but for what a test wants of it",                   \
                                  .inputs = 1,                                                     \
                                  .flags = WG_OP_LINEAR,                                           \
                                  .saves = WG_SAVES_NOTHING,                                       \
                                  .infer = same_shape,                                             \
                                  .forward = value,                                                \
                                  .vjp = rule,                                                     \
                                  .jvp = twice_jvp,                                                \
                                  .samples = { "2,3", "4" } };
TWICE(fine, twice, twice_vjp)
TWICE(dense_only, in_order_of_memory, twice_vjp)
TWICE(recording_matters, by_recording, twice_vjp)
TWICE(not_linear, twice, square_vjp)
TWICE(has_a_state, twice, other_each_time)
TWICE(saves_too_little, twice, by_value)
TWICE(writes_to_cotangents, twice, into_the_cotangent)

static void slope_loop(int64_t n, void *const p[], const int64_t step[], const double *param) {
    (void)param;
    for (int64_t k = 0; k < n; k++)
        ((double *)p[0])[k * step[0]] = log(((const double *)p[1])[k * step[1]]);
}
static wg_tensor *leaking_vjp(const wg_call *c, wg_tensor *gy, int i) {  // 0 / 0 where gy is 0
    (void)i;
    return wg_div(gy, c->in[0]);
}
static wg_tensor *log_jvp(const wg_call *c, wg_tensor *const dx[]) {
    return wg_xmul(dx[0], wg_reciprocal(c->in[0]));
}
static const wg_map leaking_map = { .forward = { [WG_F64] = slope_loop } };
static const wg_op leaking = { .abi = WG_OP_ABI,
                               .name = "leaking",
                               .doc = "log x, whose slope meets the cotangent in a quotient",
                               .inputs = 1,
                               .map = &leaking_map,
                               .vjp = leaking_vjp,
                               .jvp = log_jvp,
                               .samples = { "4@0.5..2" } };

static const struct {
    const wg_op *op;
    wg__fuzz_oracle *check;
} wrong[] = {
    { &dense_only, wg__oracle_layout },
    { &recording_matters, wg__oracle_status },
    { &not_linear, wg__oracle_naive },
    { &has_a_state, wg__oracle_repeat },
    { &has_a_state, wg__oracle_hooks },
    { &saves_too_little, wg__oracle_stale },
    { &writes_to_cotangents, wg__oracle_layout },
    { &has_a_state, wg__oracle_scopes },
    { &leaking, wg__oracle_contain },
};

static const char *const around =
    "wengert program 1\nmode general\ndtype f64\nseed 7\nchoice 0 0 0\n"
    "x0 = variable f64 [2,3] gaps 0.5 1.25 2 0.75 0.5 1.5\n"
    "x1 = permute(x0) axes=1,0\nx2 = %s(x1)\nx3 = add(x2, x1)\nx4 = tanh(x3)\noutputs x4 x2\n";

static void consult_about(const wg_op *op, wg__fuzz_oracle *check) {
    char text[600];
    ck_assert(wg_op_register(op));
    snprintf(text, sizeof text, around, op->name);
    for (int choice = 0; choice < 4000; choice++) consult(check, text, choice);
}

START_TEST(each_oracle_sees_what_it_is_there_to_see) {
    consult_about(wrong[_i].op, wrong[_i].check);
}
END_TEST

START_TEST(an_operation_of_ones_own_passes) {
    for (int k = 0; k < COUNT(engine); k++) {
        char text[600];
        ck_assert(k > 0 || wg_op_register(&fine));
        snprintf(text, sizeof text, around, fine.name);
        for (int choice = 0; choice < 200; choice++) consult(engine[k], text, 31 * choice);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("oracles of the engine");
    TCase *silent = add_cases(suite, "silent"), *heard = add_cases(suite, "heard");
    tcase_add_loop_test(silent, right_programs_pass_every_oracle, 0, COUNT(right));
    tcase_add_test(silent, what_is_written_twice_is_the_same);
    tcase_add_test(silent, an_operation_of_ones_own_passes);
    tcase_add_loop_test_raise_signal(heard, each_oracle_sees_what_it_is_there_to_see, SIGABRT, 0,
                                     COUNT(wrong));
    return run_suite(suite);
}
