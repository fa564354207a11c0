// SPDX-License-Identifier: MIT
/* test_planted.c: the checker is checked. Records of the library are copied and spoilt, in ways in
   which gradients have been wrong elsewhere; wg_op_selftest must notice each, and must pass the
   record that it was copied from. What is done to a vjp alone is in test_mutation.c. */
#include "autograd/check/check_impl.h"
#include "tests/op_test.h"

/* ---- every kind of damage, to many operations ------------------------------------------------ */

/* What is done to a right result g of a rule, to its cotangent, or to its inputs. */
typedef enum damage {
    NONE,
    SCALED,  // 1 + 1e-5
    NEGATED,
    ZEROED,
    DROPPED,     // NULL for one input
    ONES,        // the cotangent taken as ones
    FIRST,       // all elements but the first are lost
    SHIFTED,     // by one element
    TRANSPOSED,  // the right shape, the elements in another order
    ROUNDED,     // to f32 and back
    STOPPED,     // right once, but not to be differentiated again
    DAMAGES
} damage;

static const char *const damage_name[DAMAGES] = {
    "none",
    "scaled by 1 + 1e-5",
    "negated",
    "zeroed",
    "dropped",
    "cotangent of ones",
    "first element only",
    "shifted by one",
    "transposed",
    "rounded to f32",
    "stopped",
};

// What a failure says that comes from comparing numbers, and not from an error on the way.
static const char *const MEASURED = " apart where ";

static const wg_op *victim;  // whose functions are called before the damage is done
static damage planted;
static int planted_input;  // which input's gradient is damaged

static wg_tensor *first_only(wg_tensor *g) {
    wg_tensor *mask = wg_zeros_like(g);
    double one = 1;
    int64_t n = wg_numel(g);
    if (n == 0) return g;
    wg_tensor *first = wg_reshape(mask, WG_SHAPE(WG_REST));
    if (wg_dtype_of(g) == WG_F32)
        wg_write(wg_slice(first, 0, 0, 1, 1), (float[]){ 1 }, 1);
    else
        wg_write(wg_slice(first, 0, 0, 1, 1), &one, 1);
    return wg_mul(g, mask);
}

static wg_tensor *shifted(wg_tensor *g) {
    wg_tensor *row = wg_reshape(g, WG_SHAPE(wg_numel(g)));
    wg_tensor *part[] = { wg_slice(row, 0, -1, WG_END, 1), wg_slice(row, 0, 0, -1, 1) };
    return wg_reshape(wg_cat(part, 2, 0), wg_shape_of(g));
}

static wg_tensor *transposed(wg_tensor *g) {
    wg_shape shape = wg_shape_of(g), back = shape, axes = shape;
    for (int i = 0; i < shape.rank; i++) {
        back.dim[i] = shape.dim[shape.rank - 1 - i];
        axes.dim[i] = shape.rank - 1 - i;
    }
    return wg_permute(wg_reshape(g, back), axes);
}

static wg_tensor *spoil(wg_tensor *g) {
    if (!g) return NULL;
    switch (planted) {
    case SCALED: return wg_mul(g, wg_num(1 + 1e-5));
    case NEGATED: return wg_neg(g);
    case ZEROED: return wg_zeros_like(g);
    case DROPPED: return NULL;
    case FIRST: return first_only(g);
    case SHIFTED: return shifted(g);
    case TRANSPOSED: return transposed(g);
    case ROUNDED: return wg_cast(wg_cast(g, WG_F32), wg_dtype_of(g));
    case STOPPED: return wg_stop(g);
    case ONES:
    case NONE:
    case DAMAGES: break;
    }
    return g;
}

static wg_tensor *spoilt_vjp(const wg_call *c, wg_tensor *gy, int i) {
    if (i != planted_input) return victim->vjp(c, gy, i);
    if (planted == ONES) gy = wg_ones(wg_dtype_of(gy), wg_shape_of(gy));
    return spoil(victim->vjp(c, gy, i));
}

static wg_tensor *spoilt_jvp(const wg_call *c, wg_tensor *const dx[]) {
    return spoil(victim->jvp(c, dx));
}

/* Every registered operation that has rules is a victim. */
static const wg_op *victims[1024];
static int victim_count;

static void find_victims(void) {
    for (int i = 0; i < wg_op_count(); i++)
        if (wg_op_at(i)->vjp) victims[victim_count++] = wg_op_at(i);
}

// The first input that is a float in the record's first sample.
static int first_float_input(const wg_op *op) {
    wg__sample sample;
    ck_assert(wg__sample_parse(op, op->samples[0], &sample));
    for (int i = 0; i < sample.inputs; i++)
        if (sample.in[i].kind == WG__FLOAT) return i;
    return 0;
}

static void choose(int number, damage d) {
    victim = victims[number];
    planted = d;
    planted_input = first_float_input(victim);
}

// As expect_caught, but only as far as the first failure.
static void expect_caught_soon(const wg_op *op) {
    wg_selftest_report report;
    ck_assert_msg(!wg__selftest_brief(op, &report), "%s: nobody noticed: %s", op->name,
                  damage_name[planted]);
    ck_assert_msg(strstr(report.text, MEASURED) != NULL, "%s", report.text);
    ck_assert_int_eq(wg_error(), WG_OK);
}

// test_mutation.c has all other damage to a vjp.
START_TEST(a_vjp_that_cannot_be_differentiated_again_is_caught) {
    choose(_i, STOPPED);
    wg_op mutant = *victim;
    mutant.vjp = spoilt_vjp;
    expect_caught_soon(&mutant);
}
END_TEST

static bool differ(const wg_tensor *a, const wg_tensor *b) {
    for (int64_t k = 0; a && b && k < wg_numel(a); k++) {
        double x = wg_view_get(&a->view, k), y = wg_view_get(&b->view, k);
        if (x != y && !(isnan(x) && isnan(y))) return true;
    }
    return !a != !b;
}

static bool changed;  // the damage has changed some tangent
static wg_tensor *compared_jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg_tensor *right = victim->jvp(c, dx), *wrong = spoil(right);
    changed = changed || differ(right, wrong);
    return wrong;
}

// What changes nothing on any sample, as a transposed vector, cannot be caught.
static bool is_no_change(void) {
    wg_op mutant = *victim;
    mutant.jvp = compared_jvp;
    changed = false;
    return wg_op_selftest(&mutant, NULL) && !changed;
}

START_TEST(a_damaged_jvp_is_caught) {
    for (damage d = SCALED; d < DAMAGES; d++) {
        choose(_i, d);
        wg_op mutant = *victim;
        mutant.jvp = spoilt_jvp;
        if (d == ONES) continue;  // there is no cotangent
        if (d == TRANSPOSED && is_no_change()) continue;
        expect_caught_soon(&mutant);
    }
}
END_TEST

START_TEST(rules_without_damage_pass) {
    choose(_i, NONE);
    wg_op copy = *victim;
    copy.vjp = spoilt_vjp, copy.jvp = spoilt_jvp;
    expect_passes(&copy);
}
END_TEST

/* Wrong, but in agreement with each other. With a reference the complex step tells; without one the
   differences of the value do. */
START_TEST(the_same_damage_to_both_rules_is_caught) {
    static const char *const some[] = { "tanh", "exp", "softmax", "logsumexp" };
    for (size_t k = 0; k < sizeof some / sizeof *some; k++) {
        victim = wg_op_find(some[k]);
        planted = (damage)_i;
        planted_input = 0;
        wg_op mutant = *victim;
        if (planted == ONES) continue;  // it has no counterpart in forward mode
        mutant.vjp = spoilt_vjp, mutant.jvp = spoilt_jvp;
        expect_caught(&mutant, damage_name[planted], MEASURED);
        mutant.reference = NULL;
        expect_caught(&mutant, damage_name[planted], MEASURED);
        mutant.vjp = victim->vjp, mutant.jvp = victim->jvp;
        expect_passes(&mutant);
    }
}
END_TEST

/* ---- what the record says is read ------------------------------------------------------------ */

// Right numbers, but from an input where the record says that the result is saved.
static wg_tensor *recomputing_vjp(const wg_call *c, wg_tensor *gy, int i) {
    wg_call again = *c;
    again.out = wg_apply(victim, c->in, c->inputs, c->attr);
    return victim->vjp(&again, gy, i);
}

START_TEST(an_input_read_where_the_output_was_saved_is_caught) {
    static const char *const saving_output[] = { "exp", "tanh", "sigmoid", "sqrt", "softmax" };
    victim = wg_op_find(saving_output[_i]);
    ck_assert(victim->saves == WG_SAVES_OUT);
    wg_op mutant = *victim;
    mutant.vjp = recomputing_vjp;
    expect_caught(&mutant, "an undeclared input is read", MEASURED);
}
END_TEST

START_TEST(a_read_that_is_not_declared_is_caught) {
    static const char *const reading[] = { "square", "mul", "div", "matmul", "tanh", "logsumexp" };
    wg_op mutant = *wg_op_find(reading[_i]);
    ck_assert(wg_op_selftest(&mutant, NULL));
    mutant.saves = WG_SAVES_NOTHING;
    expect_caught(&mutant, "saves nothing", MEASURED);
}
END_TEST

/* ---- forward, reference and flags ------------------------------------------------------------ */

static double spoil_number(double value, int64_t flat) {
    switch (planted) {
    case SCALED: return value * (1 + 1e-5);
    case NEGATED: return -value;
    case ZEROED: return 0;
    case FIRST: return flat ? 0 : value;
    case ROUNDED: return (float)value;
    default: return value;
    }
}

static void spoil_view(wg_view *v) {
    for (int64_t k = 0; k < wg_view_numel(v); k++)
        wg_view_set(v, k, spoil_number(wg_view_get(v, k), k));
}

static bool spoilt_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    if (!victim->forward(c, in, out)) return false;
    spoil_view(out);
    return true;
}

static bool spoilt_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    if (!victim->reference(c, in, out)) return false;
    for (int64_t k = 0; k < wg_shape_numel(out->shape); k++) {
        double real = spoil_number(creal(out->data[k]), k), slope = cimag(out->data[k]);
        out->data[k] = real + I * slope;
    }
    return true;
}

static const damage of_values[] = { SCALED, NEGATED, ZEROED, FIRST, ROUNDED };

START_TEST(a_damaged_value_is_caught) {
    static const char *const computing[] = { "matmul", "sum", "softmax", "gather", "cat", "var" };
    planted = of_values[_i];
    for (size_t k = 0; k < sizeof computing / sizeof *computing; k++) {
        victim = wg_op_find(computing[k]);
        wg_op mutant = *victim;
        mutant.forward = spoilt_forward;
        expect_caught(&mutant, damage_name[planted], MEASURED);
    }
}
END_TEST

START_TEST(a_reference_that_disagrees_is_caught) {
    planted = of_values[_i];
    victim = wg_op_find("tanh");
    wg_op mutant = *victim;
    mutant.reference = spoilt_reference;
    expect_caught(&mutant, damage_name[planted], MEASURED);
}
END_TEST

/* A fused backward of its own: gy times the rule for a cotangent of ones, then damage to it. */
static bool spoilt_backward(const wg_call *c, const wg_view *gy, int i, wg_view *gx) {
    (void)i;
    wg_tensor *x = c->in[0], *ones = wg_ones(wg_dtype_of(x), wg_shape_of(x));
    wg_tensor *gradient = wg_xmul(ones, victim->vjp(c, ones, 0));  // dy/dx
    if (!gradient) return false;
    for (int64_t k = 0; k < wg_view_numel(gx); k++) {
        double g = wg_view_get(gy, k) * wg_at(wg_reshape(gradient, WG_SHAPE(WG_REST)), &k);
        wg_view_set(gx, k, spoil_number(g, k));
    }
    return !wg_error();
}

START_TEST(a_damaged_fused_backward_is_caught) {
    static const char *const fused[] = { "tanh", "exp", "sin" };
    planted = of_values[_i];
    for (size_t k = 0; k < sizeof fused / sizeof *fused; k++) {
        victim = wg_op_find(fused[k]);
        wg_op mutant = *victim;
        mutant.backward = spoilt_backward;
        expect_caught(&mutant, damage_name[planted], MEASURED);
    }
}
END_TEST

/* ---- main ------------------------------------------------------------------------------------ */

int main(void) {
    find_victims();
    Suite *suite = suite_create("planted");
    TCase *rules = add_cases(suite, "rules");
    tcase_add_loop_test(rules, rules_without_damage_pass, 0, victim_count);
    tcase_add_loop_test(rules, a_vjp_that_cannot_be_differentiated_again_is_caught, 0,
                        victim_count);
    tcase_add_loop_test(rules, a_damaged_jvp_is_caught, 0, victim_count);
    tcase_add_loop_test(rules, the_same_damage_to_both_rules_is_caught, SCALED, DAMAGES);
    tcase_add_loop_test(rules, an_input_read_where_the_output_was_saved_is_caught, 0, 5);
    tcase_add_loop_test(rules, a_read_that_is_not_declared_is_caught, 0, 6);
    TCase *values = add_cases(suite, "values");
    tcase_add_loop_test(values, a_damaged_value_is_caught, 0, 5);
    tcase_add_loop_test(values, a_reference_that_disagrees_is_caught, 0, 5);
    tcase_add_loop_test(values, a_damaged_fused_backward_is_caught, 0, 5);
    return run_suite(suite);
}
