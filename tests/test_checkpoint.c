// SPDX-License-Identifier: MIT
/* test_checkpoint.c: what is run again gives what keeping it would have given, bit for bit, and
   takes the memory of its inputs only. */
#include "nn/nn.h"
#include "tests/core_test.h"

typedef wg_tensor *runner(wg_function *f, void *user, wg_tensor *const x[], int n);
static wg_tensor *plainly(wg_function *f, void *user, wg_tensor *const x[], int n) {
    return f(user, x, n);
}

// How often the function ran, and what it reads besides its inputs.
typedef struct state {
    int runs;
    wg_tensor *w, *other;
    wg_random r;
    wg_nn *m;
    runner *inner;
    struct state *nested;
} state;

static wg_tensor *smooth(void *user, wg_tensor *const x[], int n) {
    state *s = user;
    s->runs++;
    wg_tensor *y = wg_tanh(wg_mul(wg_exp(x[0]), s->w));
    for (int i = 1; i < n; i++) y = wg_add(y, wg_sin(wg_mul(y, x[i])));
    return wg_mul(y, y);
}

static void expect_same(const wg_tensor *a, const wg_tensor *b) {
    expect_no_error();
    ck_assert(wg_equal(a, b));
}

/* ---- the same numbers ------------------------------------------------------------------------ */

// Values, gradients by both functions, second and third order, tangents, all after one another.
static void all_derivatives(runner *run, wg_tensor *out[10]) {
    state s = { .w = wg_variable(LIST(0.7, -0.3)) };
    wg_tensor *a = wg_variable(LIST(0.1, -0.2)), *b = wg_variable(LIST(0.5, 2));
    wg_tensor *at[] = { a, b, s.w }, *v[] = { LIST(1, 2), LIST(-1, 0.5), LIST(3, 1) };
    wg_tensor *in = wg_square(a);
    wg_tensor *y = wg_sum(wg_exp(run(smooth, &s, (wg_tensor *[]){ in, b, in }, 3)));
    out[0] = y;
    ck_assert_msg(wg_backward(y), "%s", wg_error_message());
    for (int i = 0; i < 3; i++) out[1 + i] = wg_gradient(at[i]);
    ck_assert_msg(wg_grad(y, at, 3, out + 4, (wg_grad_options){ 0 }), "%s", wg_error_message());
    ck_assert_msg(wg_hvp(wg_sum(out[4]), at, 3, v, out + 7), "%s", wg_error_message());
    out[7] = wg_jvp(wg_derivative(wg_sum(out[4]), s.w), at, 3, v);
}

START_TEST(values_and_derivatives_of_all_orders_are_those_of_the_plain_run) {
    wg_tensor *kept[10], *again[10];
    all_derivatives(plainly, kept);
    all_derivatives(wg_checkpoint, again);
    for (int i = 0; i < 7; i++) expect_same(again[i], kept[i]);
    // Sums over more paths than one run in another order: a few roundings.
    for (int i = 7; i < 10; i++) ck_assert(wg_allclose(again[i], kept[i], 1e-13, 1e-13));
}
END_TEST

START_TEST(tangents_pass_with_recording_on_and_off) {
    for (int recording = 0; recording < 2; recording++) {
        wg_tensor *dy[2];
        for (int plain = 0; plain < 2; plain++) {
            state s = { .w = leaf(0.5) };
            wg_tensor *x = leaf(0.25), *at[] = { x, s.w }, *v[] = { scalar(1), scalar(2) };
            wg_tensor *y = (plain ? plainly : wg_checkpoint)(smooth, &s, &x, 1);
            bool was = wg_recording(recording);
            dy[plain] = wg_jvp(y, at, 2, v);
            wg_recording(was);
            ck_assert_int_eq(wg_is_tracked(dy[plain]), recording);
            ck_assert_int_eq(s.runs, plain ? 1 : 2);
            expect_same(wg_jvp(y, at, 2, (wg_tensor *[]){ NULL, NULL }), scalar(0));
        }
        expect_same(dy[0], dy[1]);
    }
}
END_TEST

START_TEST(it_runs_once_more_for_each_sweep_however_many_inputs) {
    state s = { .w = leaf(1) };
    wg_tensor *x[5], *gx[5];
    for (int i = 0; i < 5; i++) x[i] = leaf(i);
    wg_tensor *y = wg_checkpoint(smooth, &s, x, 5);
    ck_assert_int_eq(s.runs, 1);
    ck_assert(wg_backward(y));
    ck_assert_int_eq(s.runs, 2);
    ck_assert(wg_grad(y, x, 5, gx, (wg_grad_options){ 0 }));
    ck_assert_int_eq(s.runs, 3);
    wg_tensor *elsewhere = leaf(1);
    ck_assert(wg_grad(wg_mul(y, elsewhere), &elsewhere, 1, gx, (wg_grad_options){ 0 }));
    ck_assert_int_eq(s.runs, 3);  // no gradient passes it
}
END_TEST

/* ---- random numbers -------------------------------------------------------------------------- */

// A small net with dropout in two places, and noise from a generator of the caller's.
static wg_tensor *noisy(void *user, wg_tensor *const x[], int n) {
    state *s = user;
    (void)n;
    s->runs++;
    wg_random own = { .seed = 9 };
    uint64_t twist = wg_random_u64(&own);  // moves the counter that the next line passes on
    wg_tensor *h = wg_nn_dropout(s->m, "first", wg_tanh(wg_nn_linear(s->m, "a", x[0], 8)), 0.5);
    h = wg_add(h, wg_randn(WG_F64, wg_shape_of(h), &s->r));
    h = wg_dropout(h, 0.25, (wg_random){ own.seed + twist % 3, 1, own.counter });
    h = wg_nn_dropout(s->m, "second", wg_nn_linear(s->m, "b", h, 4), 0.5);
    return wg_mul(h, wg_rand(WG_F64, WG_SHAPE(4), &s->r));
}

static void noisy_steps(runner *run, double out[3 + 4]) {
    state s = { .m = wg_nn_new(5), .r = { .seed = 3 } };
    wg_tensor *x = wg_variable(wg_randn(WG_F64, WG_SHAPE(6, 3), &(wg_random){ .seed = 1 }));
    for (int step = 0; step < 3; step++) {
        wg_tensor *y = run(noisy, &s, &x, 1);
        if (step == 1) y = wg_mul(y, run(noisy, &s, &x, 1));  // two of them before any backward
        y = wg_sum(wg_square(y));
        ck_assert_msg(wg_backward(y), "%s", wg_error_message());
        out[step] = wg_item(y);
    }
    wg_tensor *w = wg_gradient(wg_nn_find(s.m, "a/w"));
    out[3] = wg_item(wg_sum(w)), out[4] = wg_item(wg_sum(wg_gradient(x)));
    out[5] = wg_item(wg_sum(wg_gradient(wg_nn_find(s.m, "b/b"))));
    out[6] = (double)s.r.counter;
    wg_nn_free(s.m);
}

START_TEST(what_is_drawn_is_drawn_again_and_no_counter_moves_twice) {
    double kept[7], again[7];
    noisy_steps(plainly, kept);
    noisy_steps(wg_checkpoint, again);
    expect_no_error();
    ck_assert_mem_eq(kept, again, sizeof kept);
}
END_TEST

static wg_tensor *shuffled(void *user, wg_tensor *const x[], int n) {
    (void)n;
    state *s = user;
    wg_tensor *y = wg_index_select(x[0], 0, wg_permutation(wg_numel(x[0]), &s->r));
    if (s->inner) y = s->inner(shuffled, s->nested, &y, 1);
    double scale = wg_random_uniform(&s->r) + (double)wg_random_below(&s->r, 10);
    return wg_mul(wg_mul(y, wg_arange(WG_F64, 0, 10, 1)), wg_num(scale));
}

START_TEST(scalars_and_permutations_too_also_in_nested_ones) {
    wg_tensor *g[2];
    for (int plain = 0; plain < 2; plain++) {
        runner *run = plain ? plainly : wg_checkpoint;
        state nested = { .r = { .seed = 8 } };
        state s = { .r = { .seed = 4 }, .inner = run, .nested = &nested };
        wg_tensor *x = wg_variable(wg_arange(WG_F64, 0, 10, 1));
        wg_tensor *y = run(shuffled, &s, (wg_tensor *[]){ wg_square(x) }, 1);
        wg_tensor *z = run(shuffled, &s, &y, 1);
        ck_assert_msg(wg_grad(wg_sum(wg_square(z)), &x, 1, &g[plain], (wg_grad_options){ 0 }), "%s",
                      wg_error_message());
    }
    expect_same(g[0], g[1]);
}
END_TEST

static wg_tensor *counts_replays(void *user, wg_tensor *const x[], int n) {
    (void)n;
    *(int *)user += wg_is_replay() ? 100 : 1;
    return wg_exp(x[0]);
}

START_TEST(what_counts_its_calls_can_tell_a_second_run_from_a_first) {
    int count = 0;
    wg_tensor *x = leaf(1), *y = wg_checkpoint(counts_replays, &count, &x, 1);
    ck_assert_int_eq(count, 1);
    ck_assert(wg_backward(y));
    ck_assert_int_eq(count, 101);
    ck_assert(!wg_is_replay());
}
END_TEST

/* ---- what it reads besides its inputs -------------------------------------------------------- */

enum { MANY = 150 };
static wg_tensor *of_many(void *user, wg_tensor *const x[], int n) {
    wg_tensor **w = user, *y = x[0];
    (void)n;
    for (int i = 0; i < MANY; i++) y = wg_add(y, wg_mul(w[i], wg_num(i)));
    return y;
}

START_TEST(any_number_of_tensors_that_it_closes_over_get_their_gradients) {
    wg_tensor *w[MANY], *x = leaf(1), *dy[MANY];
    for (int i = 0; i < MANY; i++) w[i] = leaf(i);
    wg_tensor *y = wg_checkpoint(of_many, w, &x, 1);
    ck_assert(wg_backward(wg_mul(y, wg_num(2))));
    EXPECT_VALUES(wg_gradient(x), 2);
    for (int i = 0; i < MANY; i++) {
        ck_assert(i == 0 || wg_gradient(w[i]));
        ck_assert(wg_item(wg_gradient(w[i])) == 2 * i);
        dy[i] = scalar(1);
    }
    EXPECT_VALUES(wg_jvp(y, w, MANY, dy), MANY * (MANY - 1) / 2);
}
END_TEST

// Reads w, and what was made of w before: each is counted by itself, then the chain joins them.
static wg_tensor *with_both(void *user, wg_tensor *const x[], int n) {
    (void)n;
    const state *s = user;
    return wg_mul(x[0], wg_mul(s->w, s->other));
}

START_TEST(a_tensor_and_what_was_made_of_it_are_not_counted_twice) {
    wg_tensor *w = leaf(3), *x = leaf(2);
    state s = { .w = w, .other = wg_square(w) };
    wg_tensor *y = wg_checkpoint(with_both, &s, &x, 1);  // x w^3
    ck_assert(wg_backward(y));
    EXPECT_VALUES(wg_gradient(w), 2 * 27);
    EXPECT_VALUES(wg_gradient(x), 27);
    EXPECT_VALUES(wg_derivative(wg_derivative(y, w), w), 2 * 18);
    EXPECT_VALUES(wg_jvp(y, &w, 1, (wg_tensor *[]){ scalar(1) }), 2 * 27);
}
END_TEST

START_TEST(parameters_made_on_the_first_run_are_found) {
    state s = { .m = wg_nn_new(5), .r = { .seed = 3 } };
    wg_tensor *x = wg_ones(WG_F64, WG_SHAPE(2, 3));  // not tracked: only the parameters are
    ck_assert_msg(wg_backward(wg_sum(wg_checkpoint(noisy, &s, &x, 1))), "%s", wg_error_message());
    ck_assert_int_eq(wg_nn_params(s.m, NULL), 4);
    for (int i = 0; i < 4; i++) ck_assert_ptr_nonnull(wg_gradient(wg_nn_param_at(s.m, NULL, i)));
    wg_nn_free(s.m);
}
END_TEST

// Differentiates inside, with respect to its input and to a variable of its own.
static wg_tensor *slope_inside(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    wg_tensor *v = wg_variable(scalar(5)), *y = wg_mul(wg_mul(x[0], x[0]), wg_mul(x[0], v));
    return wg_mul(wg_derivative(y, x[0]), wg_derivative(y, v));  // 15 x^2 x^3
}

START_TEST(derivatives_may_be_taken_inside) {
    wg_tensor *x = leaf(2), *y = wg_checkpoint(slope_inside, NULL, &x, 1);
    EXPECT_VALUES(y, 15 * 32);
    EXPECT_VALUES(wg_derivative(y, x), 75 * 16);
    EXPECT_VALUES(wg_derivative(wg_derivative(y, x), x), 300 * 8);
    ck_assert(wg_backward(y));
    EXPECT_VALUES(wg_gradient(x), 75 * 16);
}
END_TEST

/* ---- nesting --------------------------------------------------------------------------------- */

static wg_tensor *block(void *user, wg_tensor *const x[], int n) {
    state *s = user;
    (void)n;
    s->runs++;
    return wg_tanh(wg_mul(wg_exp(x[0]), s->w));
}
static wg_tensor *two_blocks(void *user, wg_tensor *const x[], int n) {
    state *s = user;
    wg_tensor *h = s->inner(block, s, x, n);
    return wg_mul(h, s->inner(block, s, &h, 1));
}

START_TEST(nested_ones_give_the_same_bits_and_from_second_order_on_all_but_rounding) {
    for (int order = 1; order <= 3; order++) {
        wg_tensor *d[2];
        for (int plain = 0; plain < 2; plain++) {
            runner *run = plain ? plainly : wg_checkpoint;
            state s = { .w = leaf(0.3), .inner = run };
            wg_tensor *x = leaf(0.2), *y = run(two_blocks, &s, &x, 1);
            for (int i = 0; i < order; i++) y = wg_derivative(y, i % 2 ? s.w : x);
            d[plain] = y;
        }
        expect_no_error();
        ck_assert(wg_allclose(d[0], d[1], order == 1 ? 0 : 1e-14, 0));
    }
}
END_TEST

/* ---- what it returns ------------------------------------------------------------------------- */

static wg_tensor *first_input(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    wg_exp(x[0]);
    return x[0];
}
static wg_tensor *constant(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n, (void)x;
    return wg_mul(scalar(3), scalar(4));
}
static wg_tensor *a_view(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    return wg_slice(wg_square(x[0]), 0, 1, 2, 1);
}
static wg_tensor *own_leaf(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n, (void)x;
    return leaf(6);
}
static wg_tensor *kept_inside(void *user, wg_tensor *const x[], int n) {
    state *s = user;
    (void)n;
    wg_scope *inner = wg_scope_open();
    s->other = wg_keep(wg_exp(x[0]));
    wg_tensor *y = wg_keep(wg_square(x[0]));
    wg_scope_close(inner);
    wg_keep(s->other);
    return wg_keep(y);
}
static wg_tensor *third(void *user, wg_tensor *const x[], int n) {
    (void)user;
    ck_assert(n == 3 && !x[1]);
    return wg_mul(x[0], x[2]);
}

START_TEST(an_input_a_constant_or_a_leaf_stays_what_it_is) {
    wg_tensor *x = wg_variable(LIST(2, 3)), *a = wg_square(x);
    ck_assert_ptr_eq(wg_checkpoint(first_input, NULL, &a, 1), a);
    ck_assert_ptr_eq(wg_checkpoint(first_input, NULL, &x, 1), x);
    wg_tensor *c = wg_checkpoint(constant, NULL, &x, 1);
    EXPECT_VALUES(c, 12);
    ck_assert(!wg_is_tracked(c));
    wg_tensor *l = wg_checkpoint(own_leaf, NULL, NULL, 0);
    EXPECT_VALUES(wg_derivative(wg_square(l), l), 12);
    wg_tensor *v = wg_checkpoint(a_view, NULL, &x, 1);
    EXPECT_VALUES(v, 9);
    EXPECT_VALUES(wg_derivative(v, x), 0, 6);
    wg_tensor *y = wg_checkpoint(third, NULL, (wg_tensor *[]){ x, NULL, x }, 3);
    EXPECT_VALUES(wg_derivative(y, x), 4, 6);
}
END_TEST

START_TEST(what_it_keeps_itself_is_a_constant_and_its_result_has_a_gradient) {
    wg_tensor *x = leaf(3);
    state s = { 0 };
    wg_scope *outer = wg_scope_open();
    wg_tensor *y = wg_checkpoint(kept_inside, &s, &x, 1);
    expect_no_error();
    EXPECT_VALUES(y, 9);
    ck_assert(!wg_is_tracked(s.other));
    ck_assert(wg_item(s.other) == exp(3));
    ck_assert(wg_backward(y));
    EXPECT_VALUES(wg_gradient(x), 6);
    wg_scope_close(outer);
}
END_TEST

START_TEST(without_recording_it_is_the_function_alone) {
    state s = { .w = leaf(1) };
    wg_tensor *x = leaf(2);
    wg_recording(false);
    int64_t before = wg_memory_now().tensors;
    wg_tensor *y = wg_checkpoint(smooth, &s, &x, 1);
    ck_assert_int_eq(wg_memory_now().tensors, before + 1);
    ck_assert(!wg_is_tracked(y));
    ck_assert_int_eq(s.runs, 1);
}
END_TEST

START_TEST(a_kept_result_takes_along_what_its_gradient_needs) {
    state s = { .w = leaf(1), .r = { .seed = 2 } };
    wg_tensor *x = leaf(2), *want, *y;
    want = wg_derivative(wg_mul(smooth(&s, (wg_tensor *[]){ wg_square(x) }, 1), wg_num(1)), x);
    wg_scope *outer = wg_scope_open(), *inner = wg_scope_open();
    y = wg_keep(wg_checkpoint(smooth, &s, (wg_tensor *[]){ wg_square(x) }, 1));
    wg_scope_close(inner);
    for (int i = 0; i < 10; i++) wg_full(WG_F64, WG_SCALAR, -1e9);  // takes what was freed
    ck_assert(wg_backward(y));
    expect_same(wg_gradient(x), want);
    wg_scope_close(outer);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

enum { SEGMENTS = 16, LENGTH = 16, ELEMENTS = 4096 };
static wg_tensor *long_chain(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    wg_tensor *y = x[0];
    for (int i = 0; i < LENGTH; i++) y = wg_tanh(y);
    return y;
}
static size_t peak_of(runner *run, double *sum) {
    count_allocations(-1);
    wg_tensor *x = wg_variable(wg_full(WG_F64, WG_SHAPE(ELEMENTS), 0.5)), *y = x;
    for (int i = 0; i < SEGMENTS; i++) y = run(long_chain, NULL, &y, 1);
    ck_assert(wg_backward(wg_sum(y)));
    *sum = wg_item(wg_sum(wg_gradient(x)));
    return counted.peak;
}

START_TEST(the_peak_is_that_of_one_segment_and_the_inputs_of_all) {
    double a, b;
    size_t kept = peak_of(plainly, &a), again = peak_of(wg_checkpoint, &b);
    size_t one = ELEMENTS * sizeof(double) * 5 / 4;  // as blocks come
    ck_assert(a == b);
    ck_assert_uint_ge(kept, SEGMENTS * LENGTH * ELEMENTS * sizeof(double));
    // Their ends, one segment's inside, and a few for gradients, tape and what is in passing.
    ck_assert_msg(again <= (SEGMENTS + LENGTH + 12) * one, "%zu against %zu", again, kept);
}
END_TEST

/* ---- what is wrong is told ------------------------------------------------------------------- */

static wg_tensor *fails(void *user, wg_tensor *const x[], int n) {
    state *s = user;
    (void)n;
    s->runs++;
    if ((uint64_t)s->runs == s->r.seed) return wg_add(x[0], LIST(1, 2, 3, 4));
    if ((uint64_t)s->runs == s->r.stream) return NULL;
    if ((uint64_t)s->runs == s->r.counter) return wg_unsqueeze(wg_exp(x[0]), 0);
    return wg_exp(x[0]);
}

START_TEST(errors_in_the_function_come_back_the_first_time_and_again) {
    wg_tensor *x = wg_variable(LIST(1, 2)), *y;
    state first = { .r = { .seed = 1 } }, second = { .r = { .seed = 2 } };
    ck_assert_ptr_null(wg_checkpoint(fails, &first, &x, 1));
    expect_error(WG_ERROR_SHAPE, "add: [2] x [4]");
    y = wg_checkpoint(fails, &second, &x, 1);
    ck_assert(!wg_backward(wg_sum(y)));
    expect_error(WG_ERROR_SHAPE, "add: [2] x [4]");
    ck_assert_ptr_null(wg_gradient(x));
    state none = { .r = { .stream = 1 } }, later = { .r = { .stream = 2 } },
          other = { .r = { .counter = 2 } };
    ck_assert_ptr_null(wg_checkpoint(fails, &none, &x, 1));
    expect_error(WG_ERROR_ARGUMENT, "the function gave NULL");
    y = wg_checkpoint(fails, &later, &x, 1);
    ck_assert(!wg_backward(wg_sum(y)));
    expect_error(WG_ERROR_STATE, "run again, the function returned NULL");
    y = wg_checkpoint(fails, &other, &x, 1);
    ck_assert(!wg_backward(wg_sum(y)));
    expect_error(WG_ERROR_STATE, "run again, the function gave f64 [1,2], not f64 [2]");
    ck_assert(wg_recording(true));
    ck_assert_ptr_null(wg__ctx()->journal);
    ck_assert_ptr_null(wg_checkpoint(NULL, NULL, &x, 1));
    expect_error(WG_ERROR_ARGUMENT, "f NULL");
    ck_assert_ptr_null(wg_checkpoint(fails, NULL, NULL, 1));
    expect_error(WG_ERROR_ARGUMENT, "x NULL");
}
END_TEST

static wg_tensor *draws(void *user, wg_tensor *const x[], int n) {
    state *s = user;
    (void)n;
    s->runs++;
    wg_random r = { .seed = 1 };
    int count = s->runs == 1 ? 3 : (int)s->r.counter;
    for (int i = 0; i < count; i++) wg_random_u64(&r);
    return wg_exp(x[0]);
}
static wg_tensor *goes_backward(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    wg_tensor *y = wg_exp(x[0]);
    return wg_backward(y) ? y : NULL;
}
static wg_tensor *leaves_open(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    wg_scope_open();
    return wg_exp(x[0]);
}

START_TEST(a_function_that_is_another_when_it_runs_again_is_noticed) {
    wg_tensor *x = leaf(1), *c = scalar(2);
    state more = { .r = { .counter = 4 } }, fewer = { .r = { .counter = 2 } };
    ck_assert(!wg_backward(wg_checkpoint(draws, &more, &x, 1)));
    expect_error(WG_ERROR_STATE, "draws more random numbers");
    ck_assert(!wg_backward(wg_checkpoint(draws, &fewer, &x, 1)));
    expect_error(WG_ERROR_STATE, "drew fewer random numbers");
    ck_assert_ptr_null(wg_checkpoint(goes_backward, NULL, &x, 1));
    expect_error(WG_ERROR_STATE, "not within a checkpointed function");
    ck_assert_ptr_null(wg_checkpoint(leaves_open, NULL, &x, 1));
    expect_error(WG_ERROR_STATE, "left a scope open");
    wg_tensor *y = wg_checkpoint(third, NULL, (wg_tensor *[]){ x, NULL, c }, 3);
    ck_assert(wg_fill(c, 7));
    ck_assert(!wg_backward(y));
    expect_error(WG_ERROR_STATE,
                 "checkpoint -> []: a value that it saved for its gradient, input 3");
    ck_assert_ptr_null(wg_gradient(x));
}
END_TEST

static bool differentiate_checkpoint(void) {
    wg_tensor *x = wg_variable(LIST(1, 2)), *g, *dy = NULL;
    state s = { .r = { .seed = 4 }, .inner = wg_checkpoint, .w = x };
    wg_tensor *y = x ? wg_checkpoint(two_blocks, &s, &x, 1) : NULL;
    y = y ? wg_mul(y, wg_rand(WG_F64, WG_SHAPE(2), &s.r)) : NULL;
    bool done = y && wg_backward(wg_sum(y));
    if (!done) ck_assert(!x || !wg_gradient(x));
    done = done && wg_grad(wg_sum(y), &x, 1, &g, (wg_grad_options){ 0 }) &&
           (dy = wg_jvp(g, &x, 1, &g)) != NULL;
    ck_assert_ptr_null(wg__ctx()->journal);
    return done;
}
static bool draw_in_checkpoint(void) {
    state s = { .r = { .counter = 3 } };
    wg_tensor *x = leaf(1), *y = x ? wg_checkpoint(draws, &s, &x, 1) : NULL;
    return y && wg_backward(y);
}

START_TEST(whichever_allocation_fails_it_is_told_and_nothing_leaks) {
    ck_assert_int_gt(fail_every_allocation(differentiate_checkpoint), 30);
    ck_assert_int_gt(fail_every_allocation(draw_in_checkpoint), 10);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("checkpoint");
    TCase *same = add_cases(suite, "the same numbers");
    tcase_add_test(same, values_and_derivatives_of_all_orders_are_those_of_the_plain_run);
    tcase_add_test(same, tangents_pass_with_recording_on_and_off);
    tcase_add_test(same, it_runs_once_more_for_each_sweep_however_many_inputs);
    tcase_add_test(same, what_is_drawn_is_drawn_again_and_no_counter_moves_twice);
    tcase_add_test(same, scalars_and_permutations_too_also_in_nested_ones);
    tcase_add_test(same, what_counts_its_calls_can_tell_a_second_run_from_a_first);
    TCase *reads = add_cases(suite, "what it reads");
    tcase_add_test(reads, any_number_of_tensors_that_it_closes_over_get_their_gradients);
    tcase_add_test(reads, a_tensor_and_what_was_made_of_it_are_not_counted_twice);
    tcase_add_test(reads, parameters_made_on_the_first_run_are_found);
    tcase_add_test(reads, derivatives_may_be_taken_inside);
    tcase_add_test(reads, nested_ones_give_the_same_bits_and_from_second_order_on_all_but_rounding);
    TCase *gives = add_cases(suite, "what it returns");
    tcase_add_test(gives, an_input_a_constant_or_a_leaf_stays_what_it_is);
    tcase_add_test(gives, what_it_keeps_itself_is_a_constant_and_its_result_has_a_gradient);
    tcase_add_test(gives, without_recording_it_is_the_function_alone);
    tcase_add_test(gives, a_kept_result_takes_along_what_its_gradient_needs);
    TCase *memory = add_cases(suite, "memory");
    tcase_add_test(memory, the_peak_is_that_of_one_segment_and_the_inputs_of_all);
    tcase_add_test(memory, whichever_allocation_fails_it_is_told_and_nothing_leaks);
    TCase *wrong = add_cases(suite, "what is wrong is told");
    tcase_add_test(wrong, errors_in_the_function_come_back_the_first_time_and_again);
    tcase_add_test(wrong, a_function_that_is_another_when_it_runs_again_is_noticed);
    return run_suite(suite);
}
