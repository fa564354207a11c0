// SPDX-License-Identifier: MIT
/* test_deep.c: graphs of a hundred thousand records are differentiated, printed and freed on a
   stack of 256 KiB, and operations made of operations, checkpoints in checkpoints and sweeps in
   hooks fit there as well. That the time is linear is bench/deep.c's to show. */
#include <pthread.h>

#include "tests/core_test.h"
#include "tests/deep_graph.h"

enum { RECORDS = 100000, STACK = 256 << 10 };

// Check's assertions belong to the main thread; others hand a text back.
#define DEMAND(condition)                                                                          \
    if (!(condition)) return #condition

typedef const char *body(void *of);
typedef struct job {
    body *run;
    void *of;
    const char *wrong;
    char message[1024];
} job;

static void *run_job(void *of) {
    job *j = of;
    wg_on_error(NULL, NULL);
    j->wrong = j->run(j->of);
    snprintf(j->message, sizeof j->message, "%s", wg_error_message());
    return NULL;
}

static void on_a_small_stack(body *run, void *of) {
    pthread_attr_t small;
    pthread_t thread;
    job j = { .run = run, .of = of };
    pthread_attr_init(&small);
    ck_assert_int_eq(pthread_attr_setstacksize(&small, STACK), 0);
    ck_assert_int_eq(pthread_create(&thread, &small, run_job, &j), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&small);
    ck_assert_msg(!j.wrong, "%s: %s", j.wrong, j.message);
}

/* ---- many records ---------------------------------------------------------------------------- */

// First and second derivative by both modes, on one tape.
static const char *differentiate(void *of) {
    deep_graph *graph = *(deep_graph **)of;
    wg_scope *scope = wg_scope_open();
    wg_tensor *x = leaf(0.01), *one = scalar(1), *y = graph(x, RECORDS);
    DEMAND(wg_backward(y));
    wg_tensor *g = wg_derivative(y, x);
    DEMAND(g && wg_equal(g, wg_gradient(x)));
    wg_tensor *dy = wg_jvp(y, &x, 1, &one);
    // Sums over paths in another order: half a roundoff for each of 10^5 records, at most.
    DEMAND(dy && wg_allclose(dy, g, 1e-11, 1e-11));
    wg_tensor *second = wg_derivative(g, x), *also = wg_jvp(g, &x, 1, &one);
    DEMAND(second && also && wg_allclose(second, also, 1e-10, 1e-10));
    FILE *sink = fopen("/dev/null", "w");
    DEMAND(sink && wg_tape_print(sink, g) && wg_tape_draw(sink, y));
    fclose(sink);
    bool reached;
    DEMAND(wg_reaches(g, &x, 1, &reached) && reached);
    wg_scope_close(scope);
    DEMAND(wg_memory_now().tensors == 0);
    return NULL;
}

START_TEST(deep_graphs_need_little_stack) {
    deep_graph *graph = deep_graphs[_i];
    on_a_small_stack(differentiate, &graph);
}
END_TEST

static const char *keep_and_close(void *of) {
    (void)of;
    wg_scope *outer = wg_scope_open(), *inner = wg_scope_open();
    wg_tensor *x = wg_keep(leaf(0.5)), *y = wg_keep(deep_ladder(x, RECORDS));
    wg_scope_close(inner);
    DEMAND(wg_backward(y) && wg_gradient(x));
    wg_scope_close(outer);
    DEMAND(wg_memory_now().tensors == 0);
    return NULL;
}

START_TEST(a_deep_history_moves_with_what_is_kept) { on_a_small_stack(keep_and_close, NULL); }
END_TEST

/* ---- checkpoints ----------------------------------------------------------------------------- */

static wg_tensor *ten_steps(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    return deep_chain(x[0], 10);
}
static const char *many_checkpoints(void *of) {
    (void)of;
    wg_tensor *x = leaf(0.3), *y = x, *z;
    for (int i = 0; i < RECORDS / 10; i++) y = wg_checkpoint(ten_steps, NULL, &y, 1);
    z = deep_chain(x, RECORDS);
    DEMAND(wg_equal(y, z));
    wg_tensor *gy = wg_derivative(y, x), *gz = wg_derivative(z, x);
    DEMAND(wg_equal(gy, gz));
    DEMAND(wg_equal(wg_jvp(y, &x, 1, &gy), wg_jvp(z, &x, 1, &gz)));
    DEMAND(wg_backward(y) && wg_equal(wg_gradient(x), gz));
    return NULL;
}

START_TEST(ten_thousand_checkpoints_in_a_row) { on_a_small_stack(many_checkpoints, NULL); }
END_TEST

// A checkpoint of a sine, and of what is left of the chain: the level is the address.
static const char level_of[6];
static wg_tensor *nested(void *user, wg_tensor *const x[], int n) {
    const char *level = user;
    wg_tensor *y = wg_sin(x[0]);
    if (level == level_of) return y;
    union {
        const char *in;
        void *out;
    } below = { level - 1 };
    return wg_checkpoint(nested, below.out, &y, n);
}
static const char *nested_checkpoints(void *of) {
    (void)of;
    wg_tensor *x = leaf(0.3), *z = x;
    union {
        const char *in;
        void *out;
    } top = { level_of + 5 };
    wg_tensor *y = wg_checkpoint(nested, top.out, &x, 1);
    for (int i = 0; i < 6; i++) z = wg_sin(z);
    DEMAND(wg_equal(y, z));
    DEMAND(wg_equal(wg_derivative(y, x), wg_derivative(z, x)));
    DEMAND(wg_backward(y) && wg_equal(wg_gradient(x), wg_derivative(z, x)));
    return NULL;
}

START_TEST(checkpoints_in_checkpoints) { on_a_small_stack(nested_checkpoints, NULL); }
END_TEST

/* ---- nesting of operations ------------------------------------------------------------------- */

static wg_tensor *level_compose(const wg_call *c);
#define LEVEL(k)                                                                                   \
    {                                                                                              \
        .abi = WG_OP_ABI, .name = "level" #k, .doc = "2^" #k " x", .inputs = 1,                    \
        .compose = level_compose, .samples = {                                                     \
            "2"                                                                                    \
        }                                                                                          \
    }
static const wg_op level_op[] = { LEVEL(0), LEVEL(1), LEVEL(2), LEVEL(3),
                                  LEVEL(4), LEVEL(5), LEVEL(6), LEVEL(7) };
static wg_tensor *level_compose(const wg_call *c) {
    if (c->op == level_op) return wg_add(c->in[0], c->in[0]);
    return wg_apply(c->op - 1, c->in, 1, NULL);
}

static const char *nested_compositions(void *of) {
    (void)of;
    wg_tensor *x = leaf(3), *y = x;
    for (int i = 0; i < 100; i++) y = wg_apply(&level_op[7], &y, 1, NULL);
    DEMAND(y && wg_item(y) == 3 * 0x1p100);
    DEMAND(wg_item(wg_derivative(y, x)) == 0x1p100);
    return NULL;
}

START_TEST(operations_made_of_operations_nest) { on_a_small_stack(nested_compositions, NULL); }
END_TEST

static const char *all_numbers(void *of) {
    (void)of;
    wg_tensor *x[64], *y = wg_variable(LIST(1));
    for (int i = 0; i < 64; i++) x[i] = i == 3 ? y : wg_unsqueeze(wg_num(i), 0);
    y = wg_cat(x, 64, 0);
    DEMAND(y && wg_at(y, (int64_t[]){ 63 }) == 63 && wg_at(y, (int64_t[]){ 3 }) == 1);
    return NULL;
}

START_TEST(many_inputs_of_one_operation) { on_a_small_stack(all_numbers, NULL); }
END_TEST

int main(void) {
    Suite *suite = suite_create("deep");
    TCase *t = add_cases(suite, "deep");
    tcase_add_loop_test(t, deep_graphs_need_little_stack, 0, DEEP_GRAPHS);
    tcase_add_test(t, a_deep_history_moves_with_what_is_kept);
    tcase_add_test(t, ten_thousand_checkpoints_in_a_row);
    tcase_add_test(t, checkpoints_in_checkpoints);
    tcase_add_test(t, operations_made_of_operations_nest);
    tcase_add_test(t, many_inputs_of_one_operation);
    return run_suite(suite);
}
