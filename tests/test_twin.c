// SPDX-License-Identifier: MIT
/* test_twin.c: the engine against a naive twin. Random scalar formulas over whole numbers are
   differentiated by the engine in every way that it has, and by a textbook interpreter that turns a
   formula into the formula of its derivative, walks every path on its own, and shares nothing. All
   values stay below 2^53, so the two must be equal bit by bit, whatever order they add in. */
#include "tests/core_test.h"

/* ---- formulas -------------------------------------------------------------------------------- */

typedef enum kind {
    LEAF,
    NUMBER,
    ADD,
    SUB,
    MUL,
    NEG,
    SQUARE,
    RELU,
    ABS,
    STOP,
    STEP,
    SIGN,
    KINDS
} kind;

typedef struct node {
    kind kind;
    int a, b;
    int64_t value;  // of a LEAF or NUMBER
} node;

enum { MOST = 200000, SIZE = 9, LEAVES = 3 };

typedef struct formulas {
    node at[MOST];
    int count;
    bool full, large;  // no room, a value too large to be exact: this formula proves nothing
} formulas;

static formulas f;

static int put(kind k, int a, int b, int64_t value) {
    if (f.count == MOST) {
        f.full = true;
        return 0;
    }
    f.at[f.count] = (node){ k, a, b, value };
    return f.count++;
}
static int number(int64_t value) { return put(NUMBER, 0, 0, value); }
static bool is_number(int k, int64_t value) {
    return f.at[k].kind == NUMBER && f.at[k].value == value;
}
static int times(int a, int b) {
    return is_number(a, 0) || is_number(b, 0) ? number(0) : put(MUL, a, b, 0);
}
static int plus(int a, int b) {
    return is_number(a, 0) ? b : is_number(b, 0) ? a : put(ADD, a, b, 0);
}

/* The formula of d k / d x, x being any node: every path from k to x is walked on its own. */
static int derivative(int k, int x) {
    if (k == x) return number(1);
    const node n = f.at[k];
    if (n.kind <= NUMBER || n.kind >= STOP || f.full) return number(0);
    int da = derivative(n.a, x), db = n.kind <= MUL ? derivative(n.b, x) : 0;
    switch (n.kind) {
    case ADD: return plus(da, db);
    case SUB: return plus(da, times(number(-1), db));
    case MUL: return plus(times(da, n.b), times(n.a, db));
    case NEG: return times(number(-1), da);
    case SQUARE: return times(times(number(2), n.a), da);
    case RELU: return times(put(STEP, n.a, 0, 0), da);
    default: return times(put(SIGN, n.a, 0, 0), da);
    }
}

static int64_t guard(int64_t value, bool overflow) {
    if (overflow || value > INT64_C(1) << 50 || value < -(INT64_C(1) << 50)) f.large = true;
    return f.large ? 0 : value;
}

static int64_t evaluate(int k) {
    if (f.large) return 0;
    const node n = f.at[k];
    if (n.kind <= NUMBER) return n.value;
    int64_t a = evaluate(n.a), b = n.kind <= MUL ? evaluate(n.b) : 0, y;
    bool over;
    switch (n.kind) {
    case ADD: return over = __builtin_add_overflow(a, b, &y), guard(y, over);
    case SUB: return over = __builtin_sub_overflow(a, b, &y), guard(y, over);
    case MUL: return over = __builtin_mul_overflow(a, b, &y), guard(y, over);
    case NEG: return -a;
    case SQUARE: return over = __builtin_mul_overflow(a, a, &y), guard(y, over);
    case RELU: return a > 0 ? a : 0;
    case ABS: return a < 0 ? -a : a;
    case STEP: return a > 0;
    case SIGN: return (a > 0) - (a < 0);
    default: return a;
    }
}

/* Partial sums of the engine may be larger than the result: the same formula with every term made
   positive bounds them all. */
static int64_t magnitude(int k) {
    if (f.large) return 0;
    const node n = f.at[k];
    if (n.kind <= NUMBER) return n.value < 0 ? -n.value : n.value;
    int64_t a = magnitude(n.a), b = n.kind <= MUL ? magnitude(n.b) : 0, y;
    bool over = false;
    if (n.kind == ADD || n.kind == SUB)
        over = __builtin_add_overflow(a, b, &y);
    else if (n.kind == MUL || n.kind == SQUARE)
        over = __builtin_mul_overflow(a, n.kind == MUL ? b : a, &y);
    else
        y = n.kind >= STEP ? 1 : a;
    return guard(y, over);
}

static double exact(int k) {
    magnitude(k);
    return (double)evaluate(k);
}

/* ---- the same with the engine ---------------------------------------------------------------- */

static wg_tensor *compute(const node *n, wg_tensor *const t[]) {
    wg_tensor *a = t[n->a], *b = t[n->b];
    switch (n->kind) {
    case LEAF: return leaf((double)n->value);
    case NUMBER: return wg_num((double)n->value);
    case ADD: return wg_add(a, b);
    case SUB: return wg_sub(a, b);
    case MUL: return wg_mul(a, b);
    case NEG: return wg_neg(a);
    case SQUARE: return wg_square(a);
    case RELU: return wg_relu(a);
    case ABS: return wg_abs(a);
    case STEP: return wg_step(a);
    case SIGN: return wg_sign(a);
    default: return wg_stop(a);
    }
}

static void make_formula(wg_random *r, int leaves) {
    f.count = 0, f.full = f.large = false;
    for (int i = 0; i < leaves; i++) put(LEAF, 0, 0, between(r, -3, 3));
    int size = (int)between(r, leaves + 1, SIZE);
    while (f.count < size) {
        kind k = (kind)between(r, NUMBER, STOP);
        int near = between(r, 0, 1) ? f.count - 1 : (int)between(r, 0, f.count - 1);
        put(k, near, (int)between(r, 0, f.count - 1), between(r, -3, 3));
    }
}

static int differences;

static void expect_exact(wg_tensor *got, int want_formula, const char *what) {
    expect_no_error();
    double want = exact(want_formula);
    if (f.large || f.full) return;
    double have = wg_item(got);
    ck_assert_msg(have == want, "%s: %.17g, the twin has %.17g", what, have, want);
    differences += want != 0;
}

// y may be a tensor that no variable leads to any more: that is zero by the twin as well.
static wg_tensor *derive(wg_tensor *y, wg_tensor *x, bool forward) {
    return forward ? wg_jvp(y, &x, 1, (wg_tensor *[]){ scalar(1) }) : wg_derivative(y, x);
}

static void compare_order(wg_tensor *y, int k, wg_tensor *x, int xk, int order) {
    for (int forward = 0; forward < 2; forward++) {
        wg_tensor *d = derive(y, x, forward);
        int dk = derivative(k, xk);
        static const char *const name[2] = { "reverse", "forward" };
        expect_exact(d, dk, name[forward]);
        if (order > 1 && !f.large && !f.full) compare_order(d, dk, x, xk, order - 1);
    }
}

/* ---- the twins agree ------------------------------------------------------------------------- */

START_TEST(values_and_first_derivatives_by_every_node_agree) {
    wg_random r = { .seed = 51, .stream = (uint64_t)_i };
    differences = 0;
    for (int round = 0; round < 3000; round++) {
        wg_scope *s = wg_scope_open();
        int leaves = (int)between(&r, 1, LEAVES);
        make_formula(&r, leaves);
        int y = f.count - 1, size = f.count;
        wg_tensor *t[SIZE + 1] = { NULL }, *g[SIZE], *x[SIZE];
        for (int k = 0; k < size; k++) t[k] = compute(&f.at[k], t);
        exact(y);
        if (!f.large) ck_assert(wg_item(t[y]) == exact(y));
        int asked = 0, which[SIZE];
        for (int k = 0; k < size; k++)
            if (wg_is_tracked(t[k])) which[asked] = k, x[asked++] = t[k];
        for (int constant = 0; constant < 2; constant++) {
            ck_assert(wg_grad(t[y], x, asked, g, (wg_grad_options){ .constant = constant }));
            for (int i = 0; i < asked; i++)
                expect_exact(g[i], derivative(y, which[i]), constant ? "constant" : "all at once");
        }
        for (int i = 0; i < asked; i++) {
            expect_exact(derive(t[y], x[i], false), derivative(y, which[i]), "one by one");
            expect_exact(derive(t[y], x[i], true), derivative(y, which[i]), "forward");
        }
        wg_scope_close(s);
    }
    ck_assert_int_gt(differences, 3000);  // most rounds compared something
}
END_TEST

START_TEST(backward_agrees_on_every_leaf_and_touches_no_other) {
    wg_random r = { .seed = 52, .stream = (uint64_t)_i };
    differences = 0;
    for (int round = 0; round < 3000; round++) {
        wg_scope *s = wg_scope_open();
        make_formula(&r, LEAVES);
        int y = f.count - 1, size = f.count;
        wg_tensor *t[SIZE + 1] = { NULL };
        for (int k = 0; k < size; k++) t[k] = compute(&f.at[k], t);
        bool tracked = wg_is_tracked(t[y]);
        for (int pass = 1; tracked && pass < 4; pass++) {
            ck_assert(wg_backward(t[y]));
            for (int k = 0; k < size; k++) {
                wg_tensor *gradient = wg_gradient(t[k]);
                ck_assert(k < LEAVES || !gradient);
                if (k >= LEAVES) continue;
                int d = derivative(y, k);
                if (gradient)
                    expect_exact(gradient, times(number(pass), d), "backward");
                else
                    ck_assert(f.large || exact(d) == 0);
            }
        }
        wg_scope_close(s);
    }
    ck_assert_int_gt(differences, 3000);
}
END_TEST

START_TEST(higher_orders_agree_in_all_mixtures_of_modes) {
    wg_random r = { .seed = 53, .stream = (uint64_t)_i };
    differences = 0;
    for (int round = 0; round < 600; round++) {
        wg_scope *s = wg_scope_open();
        make_formula(&r, 2);
        int y = f.count - 1, size = f.count;
        wg_tensor *t[SIZE + 1] = { NULL };
        for (int k = 0; k < size; k++) t[k] = compute(&f.at[k], t);
        for (int x = 0; x < 2; x++) compare_order(t[y], y, t[x], x, 3);
        wg_scope_close(s);
    }
    ck_assert_int_gt(differences, 600);
}
END_TEST

START_TEST(mixed_second_derivatives_agree) {
    wg_random r = { .seed = 54, .stream = (uint64_t)_i };
    differences = 0;
    for (int round = 0; round < 4000; round++) {
        wg_scope *s = wg_scope_open();
        make_formula(&r, LEAVES);
        int y = f.count - 1, size = f.count;
        wg_tensor *t[SIZE + 1] = { NULL }, *g[LEAVES];
        for (int k = 0; k < size; k++) t[k] = compute(&f.at[k], t);
        ck_assert(wg_grad(t[y], t, LEAVES, g, (wg_grad_options){ 0 }));
        for (int i = 0; i < LEAVES; i++)
            for (int k = 0; k < LEAVES; k++)
                expect_exact(derive(g[i], t[k], between(&r, 0, 1) == 0),
                             derivative(derivative(y, i), k), "mixed");
        wg_scope_close(s);
    }
    ck_assert_int_gt(differences, 1000);
}
END_TEST

/* The same formula cut into nested scopes, of which only what is needed later is kept, has the same
   derivatives. */
START_TEST(formulas_kept_through_scopes_have_the_same_derivatives) {
    wg_random r = { .seed = 55, .stream = (uint64_t)_i };
    differences = 0;
    for (int round = 0; round < 3000; round++) {
        wg_scope *whole = wg_scope_open();
        make_formula(&r, LEAVES);
        int y = f.count - 1, size = f.count;
        wg_tensor *t[SIZE + 1] = { NULL };
        for (int k = 0; k < size;) {
            wg_scope *outer = wg_scope_open(), *inner = between(&r, 0, 1) ? wg_scope_open() : NULL;
            int first = k, last = (int)between(&r, k + 1, size);
            for (; k < last; k++) t[k] = compute(&f.at[k], t);
            for (int i = first; i < last; i++) wg_keep(t[i]);
            wg_exp(t[first]);  // something to leave behind
            wg_scope_close(inner);
            for (int i = first; i < last; i++) wg_keep(t[i]);
            wg_scope_close(outer);
        }
        if (wg_is_tracked(t[y])) {
            ck_assert(wg_backward(t[y]));
            for (int k = 0; k < LEAVES; k++)
                if (wg_gradient(t[k])) expect_exact(wg_gradient(t[k]), derivative(y, k), "kept");
        }
        wg_scope_close(whole);
    }
    ck_assert_int_gt(differences, 2000);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("twin");
    TCase *cases = add_cases(suite, "naive twin");
    tcase_add_loop_test(cases, values_and_first_derivatives_by_every_node_agree, 0, 3);
    tcase_add_loop_test(cases, backward_agrees_on_every_leaf_and_touches_no_other, 0, 3);
    tcase_add_loop_test(cases, higher_orders_agree_in_all_mixtures_of_modes, 0, 3);
    tcase_add_loop_test(cases, mixed_second_derivatives_agree, 0, 3);
    tcase_add_loop_test(cases, formulas_kept_through_scopes_have_the_same_derivatives, 0, 3);
    return run_suite(suite);
}
