// SPDX-License-Identifier: MIT
/* test_step.c: one whole training step. With the n-th allocation failed, for every n, it either did
   everything or nothing; and after a first round it allocates nothing at all. */
#include "train/train.h"
#include "tests/core_test.h"

/* ---- a small step ---------------------------------------------------------------------------- */

enum { PARAMETERS = 4, LARGEST = 64, FEATURES = 6, CLASSES = 3, BATCH = 5 };

static wg_tensor *small_net(wg_nn *m, wg_tensor *x) {  // x (B, 6)
    x = wg_tanh(wg_nn_linear(m, "hidden", x, 4));      // (B, 4)
    x = wg_nn_dropout(wg_nn_sub(m, "part"), "drop", x, 0.25);
    return wg_nn_linear(m, "out", x, CLASSES);  // (B, 3)
}

typedef struct trial {
    wg_nn *m;
    wg_optim *adam;
    wg_tensor *x, *y;  // a batch
} trial;

static bool small_step(const trial *t) {
    wg_scope *s = wg_scope_open();
    wg_tensor *loss = wg_cross_entropy(small_net(t->m, t->x), t->y);
    loss = wg_add(loss, wg_nn_l2(t->m, NULL, 0.01));
    bool done = wg_optim_minimize(t->adam, loss) && s;
    wg_scope_close(s);
    return done;
}

static trial new_trial(void) {
    wg_random r = { .seed = 3 };
    trial t = { .m = wg_nn_new(7) };
    t.adam = wg_optim_adam(t.m, (wg_adam_options){ .rate = 0.05 });
    wg_optim_clip_norm(t.adam, 0.5);
    t.x = wg_randn(WG_F64, WG_SHAPE(BATCH, FEATURES), &r);
    t.y = wg_from_f64(WG_I64, WG_SHAPE(BATCH), (double[]){ 0, 1, 2, 2, 0 });
    expect_no_error();
    return t;
}
static void end_trial(const trial *t) {
    wg_optim_free(t->adam);
    wg_nn_free(t->m);
    expect_all_released();
}

/* All that a step may change, by path: what is not there yet has n = 0. */
typedef struct state {
    struct {
        int64_t n;
        double value[LARGEST];
        bool has_gradient;
        double gradient[LARGEST];
    } of[PARAMETERS];
    int64_t steps;
} state;
static const char *const path[PARAMETERS] = { "hidden/w", "hidden/b", "out/w", "out/b" };

static void take_state(const trial *t, state *s) {
    memset(s, 0, sizeof *s);
    s->steps = wg_optim_steps(t->adam);
    for (int i = 0; i < PARAMETERS; i++) {
        wg_tensor *p = wg_nn_find(t->m, path[i]), *g = wg_gradient(p);
        s->of[i].n = wg_numel(p);
        ck_assert_int_le(s->of[i].n, LARGEST);
        if (p) ck_assert(wg_read(p, s->of[i].value, s->of[i].n));
        s->of[i].has_gradient = g != NULL;
        if (g) ck_assert(wg_read(g, s->of[i].gradient, s->of[i].n));
    }
}

/* Every parameter that was there before is bit by bit as it was; one that was made by a step that
   failed has the value that it starts from. */
static void expect_old(const state *now, const state *before, const state *initial, int64_t n) {
    ck_assert_int_eq(now->steps, before->steps);
    for (int i = 0; i < PARAMETERS; i++) {
        const double *want = before->of[i].n ? before->of[i].value : initial->of[i].value;
        size_t size = (size_t)now->of[i].n * sizeof *want;
        ck_assert_msg(memcmp(now->of[i].value, want, size) == 0, "%s changed, allocation %lld",
                      path[i], (long long)n);
        ck_assert_msg(now->of[i].has_gradient == before->of[i].has_gradient,
                      "%s: gradient %d, allocation %lld", path[i], now->of[i].has_gradient,
                      (long long)n);
        ck_assert_mem_eq(now->of[i].gradient, before->of[i].gradient, sizeof now->of[i].gradient);
    }
}

/* What comes before the step at hand: nothing; or steps; or steps and a backward pass whose
   gradients wait. */
typedef enum past { NOTHING, STEPS, GRADIENTS, PASTS } past;

static trial trial_with(past p) {
    trial t = new_trial();
    if (p >= STEPS) ck_assert(small_step(&t) && small_step(&t));
    if (p == GRADIENTS) {
        wg_scope *s = wg_scope_open();
        ck_assert(wg_backward(wg_nn_l2(t.m, "*", 3)));
        wg_scope_close(s);
    }
    return t;
}

// What every parameter starts from: a model of the same seed, made and not trained.
static void take_initial(state *initial) {
    trial t = new_trial();
    wg_scope *s = wg_scope_open();
    ck_assert_ptr_nonnull(small_net(t.m, t.x));
    wg_scope_close(s);
    take_state(&t, initial);
    end_trial(&t);
}

START_TEST(whichever_allocation_fails_a_step_is_made_whole_or_not_at_all) {
    static state initial, before, after, want;
    take_initial(&initial);
    count_allocations(-1);
    trial whole = trial_with((past)_i);
    ck_assert(small_step(&whole));
    take_state(&whole, &want);
    end_trial(&whole);
    bool done = false;
    int64_t n = 0;
    for (; !done; n++) {
        count_allocations(-1);
        trial t = trial_with((past)_i);
        take_state(&t, &before);
        wg_memory_trim();  // so that every block comes from the allocator
        counted.left = n;
        done = small_step(&t);
        counted.left = -1;
        if (!done) expect_error(WG_ERROR_MEMORY, "bytes");
        take_state(&t, &after);
        if (done)
            ck_assert_mem_eq(&after, &want, sizeof want);
        else
            expect_old(&after, &before, &initial, n);
        ck_assert_msg(small_step(&t), "after allocation %lld: %s", (long long)n,
                      wg_error_message());
        ck_assert_int_eq(wg_optim_steps(t.adam), after.steps + 1);
        end_trial(&t);
    }
    ck_assert_int_gt(n, 30);
}
END_TEST

START_TEST(whichever_allocation_fails_making_a_trial_leaks_nothing) {
    bool done = false;
    for (int64_t n = 0; !done; n++) {
        count_allocations(n);
        wg_nn *m = wg_nn_new(7);
        wg_optim *adam = m ? wg_optim_adam(m, (wg_adam_options){ 0 }) : NULL;
        done = adam != NULL;
        if (!done) expect_error(WG_ERROR_MEMORY, "bytes");
        wg_optim_free(adam);
        wg_nn_free(m);
        expect_all_released();
    }
    count_allocations(-1);
}
END_TEST

/* ---- the digits' step ------------------------------------------------------------------------ */

// As in examples/digits.c.
static wg_tensor *digits_net(wg_nn *m, wg_tensor *x) {  // x (B, 64)
    x = wg_relu(wg_nn_linear(m, "hidden", x, 256));     // (B, 256)
    x = wg_nn_dropout(m, "drop", x, 0.3);
    return wg_nn_linear(m, "out", x, 10);  // (B, 10)
}

static wg_tensor *moved(wg_tensor *x, wg_random *random) {  // x (B, 64)
    static const int64_t by[] = { 1, -1, 8, -8 };
    int64_t i = wg_random_below(random, 8);
    if (i >= 4) return x;
    wg_tensor *part[] = { wg_slice(x, 1, by[i], WG_END, 1), wg_slice(x, 1, 0, by[i], 1) };
    return wg_cat(part, 2, 1);
}

static wg_data *load_digits(void) {
    const char here[] = __FILE__;
    char name[4096];
    int root = (int)(sizeof here - sizeof "tests/test_step.c");
    snprintf(name, sizeof name, "%.*sexamples/data/digits.csv", root, here);
    return wg_data_csv(name, (wg_data_options){ .scale = 1.0 / 16 });
}

typedef struct passes {
    wg_data *train;
    wg_nn *m;
    wg_optim *adam;
    wg_batch batch;
    wg_random random;
    double loss;  // of the last step
} passes;

static void digits_step(passes *p) {
    if (!wg_data_next(p->train, &p->batch)) {  // the next pass over the data, in another order
        p->batch = (wg_batch){ .size = 32, .seed = p->batch.seed + 1 };
        ck_assert_msg(wg_data_next(p->train, &p->batch), "%s", wg_error_message());
    }
    wg_scope *s = wg_scope_open();
    wg_tensor *loss = wg_cross_entropy(digits_net(p->m, moved(p->batch.x, &p->random)), p->batch.y);
    loss = wg_add(loss, wg_nn_l2(p->m, NULL, 1e-4));
    ck_assert_msg(wg_optim_minimize(p->adam, loss), "%s", wg_error_message());
    p->loss = wg_item(loss);
    wg_scope_close(s);
}

START_TEST(a_step_of_the_digits_allocates_nothing_after_a_first_pass) {
    enum { PASS = 34, STEPS_COUNTED = 50 };  // 1078 samples in batches of 32: the last is smaller
    wg_data *all = load_digits();
    ck_assert_msg(all != NULL, "%s", wg_error_message());
    passes p = { .m = wg_nn_new(1), .batch = { .size = 32 } };
    ck_assert(wg_data_split(all, (double[]){ 0.6 }, 1, 7, &p.train));
    ck_assert_int_eq((wg_data_size(p.train) + 31) / 32, PASS);
    p.adam = wg_optim_adam(p.m, (wg_adam_options){ .rate = 3e-3 });
    digits_step(&p);
    double first = p.loss;
    for (int i = 1; i < PASS; i++) digits_step(&p);
    int64_t calls = counted.calls, tensors = wg_memory_now().tensors;
    size_t held = wg_memory_now().held;
    ck_assert_int_gt(calls, 0);
    for (int i = 0; i < STEPS_COUNTED; i++) digits_step(&p);
    ck_assert_int_eq(counted.calls - calls, 0);
    ck_assert_uint_eq(wg_memory_now().held, held);
    ck_assert_int_eq(wg_memory_now().tensors, tensors);
    ck_assert_msg(p.loss < first / 2, "%g, after %g", p.loss, first);  // and it learns
    wg_optim_free(p.adam);
    wg_nn_free(p.m);
    wg_data_free(p.train), wg_data_free(all);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("step");
    TCase *failing = add_cases(suite, "failing allocations");
    tcase_add_loop_test(failing, whichever_allocation_fails_a_step_is_made_whole_or_not_at_all, 0,
                        PASTS);
    tcase_add_test(failing, whichever_allocation_fails_making_a_trial_leaks_nothing);
    TCase *steady = add_cases(suite, "steady state");
    tcase_add_test(steady, a_step_of_the_digits_allocates_nothing_after_a_first_pass);
    return run_suite(suite);
}
