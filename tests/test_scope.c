// SPDX-License-Identifier: MIT
/* test_scope.c: who owns a tensor and for how long. Scopes, what is kept with its history, the
   block cache and allocators, the sticky error, and threads. */
#include <pthread.h>

#include "tests/core_test.h"

static int64_t tensors(void) { return wg_memory_now().tensors; }

/* ---- scopes ---------------------------------------------------------------------------------- */

START_TEST(closing_frees_what_was_made_inside) {
    wg_tensor *outside = LIST(1, 2);
    int64_t before = tensors();
    size_t bytes = bytes_in_use();
    wg_scope *s = wg_scope_open();
    for (int i = 0; i < 10; i++) wg_add(outside, wg_num(i));
    ck_assert_int_eq(tensors(), before + 20);
    wg_scope_close(s);
    ck_assert_int_eq(tensors(), before);
    ck_assert_uint_eq(bytes_in_use(), bytes);
    EXPECT_VALUES(outside, 1, 2);
}
END_TEST

START_TEST(closing_closes_what_is_open_inside) {
    wg_scope *a = wg_scope_open();
    scalar(1);
    wg_scope *b = wg_scope_open();
    scalar(2);
    wg_scope_open();  // an early return forgot this one, and b
    wg_tensor *x = scalar(3);
    ck_assert(wg_item(x) == 3);
    wg_scope_close(a);
    ck_assert_int_eq(tensors(), 0);
    wg_scope_close(b);  // not open any more
    ck_assert(wg_item(scalar(4)) == 4);
    ck_assert_int_eq(tensors(), 1);
}
END_TEST

START_TEST(closing_what_is_not_open_does_nothing) {
    wg_tensor *x = scalar(1);
    wg_scope *s = wg_scope_open();
    wg_scope_close(NULL);
    wg_scope_close((wg_scope *)(void *)&x);
    wg_tensor *y = scalar(2);
    ck_assert_int_eq(tensors(), 2);
    wg_scope_close(s);
    wg_scope_close(s);
    ck_assert_int_eq(tensors(), 1);
    (void)y;
}
END_TEST

START_TEST(scopes_work_while_an_error_is_pending) {
    wg_scope *a = wg_scope_open();
    scalar(1);
    wg_fail(WG_ERROR_STATE, "stop");
    wg_scope *b = wg_scope_open();
    ck_assert_ptr_nonnull(b);
    ck_assert_ptr_null(scalar(2));
    wg_scope_close(b);
    wg_scope_close(a);
    ck_assert_int_eq(tensors(), 0);
    expect_error(WG_ERROR_STATE, "stop");
}
END_TEST

START_TEST(closing_puts_recording_back) {
    wg_scope *a = wg_scope_open();
    ck_assert(wg_recording(false));
    wg_scope *b = wg_scope_open();
    ck_assert(!wg_recording(true));
    wg_scope_open();
    wg_recording(false);
    wg_scope_close(b);
    ck_assert(!wg_recording(false));
    wg_scope_close(a);
    ck_assert(wg_recording(true));
}
END_TEST

START_TEST(reset_closes_everything) {
    wg_scope *s = wg_scope_open();
    wg_scope_open();
    wg_mul(leaf(2), leaf(3));
    wg_recording(false);
    wg_reset();
    ck_assert_int_eq(tensors(), 0);
    ck_assert_uint_eq(wg_memory_now().held, 0);
    ck_assert(wg_recording(true));
    wg_scope_close(s);
    wg_tensor *x = leaf(2);
    ck_assert(wg_backward(wg_square(x)));
    EXPECT_VALUES(wg_gradient(x), 4);
}
END_TEST

START_TEST(ten_thousand_nested_scopes_close_at_once) {
    wg_scope *first = wg_scope_open();
    for (int i = 0; i < 10000; i++) wg_scope_open(), scalar(i);
    wg_scope_close(first);
    ck_assert_int_eq(tensors(), 0);
}
END_TEST

/* ---- keeping --------------------------------------------------------------------------------- */

START_TEST(what_is_kept_moves_one_scope_out) {
    wg_scope *a = wg_scope_open(), *b = wg_scope_open();
    wg_tensor *x = LIST(1, 2);
    LIST(9, 9);
    ck_assert_ptr_eq(wg_keep(x), x);
    ck_assert_ptr_eq(wg_keep(x), x);  // it is in the outer scope already
    wg_scope_close(b);
    ck_assert_int_eq(tensors(), 1);
    EXPECT_VALUES(x, 1, 2);
    wg_scope_close(a);
    ck_assert_int_eq(tensors(), 0);
}
END_TEST

START_TEST(in_the_root_scope_keeping_changes_nothing) {
    wg_tensor *x = scalar(1);
    ck_assert_ptr_eq(wg_keep(x), x);
    wg_scope *s = wg_scope_open();
    ck_assert_ptr_eq(wg_keep(x), x);
    wg_scope_close(s);
    EXPECT_VALUES(x, 1);
    ck_assert_ptr_null(wg_keep(NULL));
    expect_error(WG_ERROR_ARGUMENT, "NULL");
}
END_TEST

START_TEST(a_kept_result_brings_the_history_that_its_gradient_needs) {
    wg_tensor *w = leaf(3);
    wg_scope *s = wg_scope_open();
    wg_tensor *a = wg_square(w), *b = wg_mul(a, w);  // w^3
    wg_exp(wg_exp(a));                               // leads nowhere
    wg_keep(b);
    wg_scope_close(s);
    ck_assert(wg_is_tracked(b));
    ck_assert_int_eq(tensors(), 4);  // w, what it was made from, a, b
    ck_assert(wg_backward(b));
    EXPECT_VALUES(wg_gradient(w), 27);
}
END_TEST

START_TEST(history_is_kept_through_several_scopes) {
    wg_scope *s[4];
    wg_tensor *w = leaf(2), *y = w;
    for (int i = 0; i < 4; i++) s[i] = wg_scope_open();
    for (int i = 3; i >= 0; i--) {
        wg_exp(y);
        y = wg_keep(wg_mul(y, wg_add(w, wg_num(0))));
        wg_exp(y);
        wg_scope_close(s[i]);
        // Only b = a (w + 0) of each scope stays: y, the sum, and the number.
        ck_assert_int_eq(tensors(), 2 + 3 * (4 - i));
    }
    ck_assert(wg_backward(y));
    EXPECT_VALUES(wg_gradient(w), 5 * 16);
}
END_TEST

START_TEST(two_kept_results_share_their_history) {
    wg_tensor *w = leaf(3);
    wg_scope *s = wg_scope_open();
    wg_tensor *a = wg_square(w), *x = wg_keep(wg_mul(a, a)), *y = wg_keep(wg_add(a, w));
    wg_scope_close(s);
    ck_assert(wg_backward(wg_add(x, y)));
    EXPECT_VALUES(wg_gradient(w), 4 * 27 + 6 + 1);
}
END_TEST

START_TEST(a_kept_leaf_keeps_its_gradient) {
    wg_scope *s = wg_scope_open();
    wg_tensor *x = wg_keep(leaf(3));
    ck_assert(wg_backward(wg_square(x)));
    wg_scope_close(s);
    EXPECT_VALUES(wg_gradient(x), 6);
    ck_assert(wg_backward(wg_square(x)));
    EXPECT_VALUES(wg_gradient(x), 12);
}
END_TEST

START_TEST(records_after_a_scope_with_something_kept_are_right) {
    wg_tensor *w = leaf(2);
    for (int round = 0; round < 50; round++) {
        wg_scope *s = wg_scope_open();
        wg_tensor *y = wg_square(w);
        if (round % 3 == 0) wg_keep(y);
        if (round % 3 == 1) wg_keep(wg_stop(y));
        wg_scope_close(s);
        wg_clear_gradient(w);
        ck_assert(wg_backward(wg_mul(wg_square(w), w)));
        EXPECT_VALUES(wg_gradient(w), 12);
    }
}
END_TEST

START_TEST(what_was_recorded_in_a_closed_scope_is_forgotten) {
    wg_tensor *w = leaf(2);
    wg_scope *s = wg_scope_open();
    wg_tensor *y = wg_square(w);
    ck_assert(wg_is_tracked(y));
    wg_scope_close(s);
    ck_assert_uint_eq(wg__ctx()->nodes, 0);
    ck_assert(wg_is_tracked(w));
    ck_assert_ptr_null(wg_gradient(w));
}
END_TEST

/* ---- blocks and allocators ------------------------------------------------------------------- */

START_TEST(blocks_are_aligned_large_enough_and_little_larger) {
    for (size_t bytes = 0; bytes < 100000; bytes += bytes < 3000 ? 1 : 997) {
        char *p = wg__alloc(bytes);
        ck_assert_ptr_nonnull(p);
        ck_assert_uint_eq((uintptr_t)p % 64, 0);
        size_t whole = wg__capacity(p) + WG__ALIGN, asked = bytes + WG__ALIGN;
        ck_assert(wg__capacity(p) >= bytes);
        ck_assert(whole <= (asked + 63) / 64 * 64 || whole * 4 <= asked * 5);
        memset(p, 0x5a, bytes);
        p = wg__resize(p, bytes, bytes + 100);
        for (size_t i = 0; i < bytes; i += 1 + bytes / 50) ck_assert_int_eq(p[i], 0x5a);
        wg__free(p);
    }
}
END_TEST

START_TEST(a_loop_asks_the_system_for_nothing_after_its_first_round) {
    int64_t calls = 0;
    for (int round = 0; round < 20; round++) {
        wg_scope *s = wg_scope_open();
        wg_tensor *x = wg_variable(wg_ones(WG_F32, WG_SHAPE(30, 40))), *y = x;
        for (int i = 0; i < 2000; i++) y = wg_add(wg_mul(y, y), wg_num(1));  // the arena grows, too
        wg_scope_close(s);
        if (round == 0) calls = counted.calls;
    }
    ck_assert_int_gt(calls, 0);
    ck_assert_int_eq(counted.calls, calls);
}
END_TEST

START_TEST(memory_is_told_as_the_allocator_sees_it) {
    wg_scope *s = wg_scope_open();
    wg_zeros(WG_F64, WG_SHAPE(1000));
    ck_assert_uint_eq(wg_memory_now().held, counted.bytes);
    size_t most = counted.bytes;
    wg_scope_close(s);
    ck_assert_uint_eq(wg_memory_now().cached, counted.bytes);
    ck_assert_uint_eq(bytes_in_use(), 0);
    wg_memory_trim();
    ck_assert_uint_eq(counted.bytes, 0);
    ck_assert_uint_eq(wg_memory_now().held, 0);
    ck_assert(wg_memory_now().peak >= most);
}
END_TEST

START_TEST(a_block_goes_back_to_the_allocator_that_made_it) {
    wg_tensor *mine = scalar(1);
    int64_t live = counted.live;
    wg_set_allocator(NULL);
    wg_tensor *other = scalar(2);
    ck_assert_int_eq(counted.live, live);
    ck_assert(wg_item(mine) + wg_item(other) == 3);
    wg_reset();
    ck_assert_int_eq(counted.live, 0);
}
END_TEST

// Makes and keeps things in scopes; whether all of it was done.
static bool scope_work(void) {
    wg_scope *a = wg_scope_open();
    wg_tensor *w = wg_variable(LIST(1, 2, 3)), *y = NULL;
    wg_scope *b = a ? wg_scope_open() : NULL;
    if (b) y = wg_keep(wg_mul(wg_exp(w), wg_num(2)));
    wg_scope_close(b);
    bool done = y && wg_is_tracked(y);
    wg_scope_close(a);
    return done && b;
}

START_TEST(whichever_allocation_fails_it_is_told_and_nothing_leaks) {
    ck_assert_int_gt(fail_every_allocation(scope_work), 7);
}
END_TEST

/* ---- errors ---------------------------------------------------------------------------------- */

typedef struct told {
    int times;
    wg_status status;
    char message[1100];
} told;

static void hear(void *user, wg_status status, const char *message) {
    told *t = user;
    t->times++;
    t->status = status;
    snprintf(t->message, sizeof t->message, "%s", message);
}

START_TEST(the_first_error_sticks_and_is_told_once) {
    told t = { 0 };
    wg_on_error(hear, &t);
    ck_assert_str_eq(wg_error_message(), "");
    ck_assert(!wg_fail(WG_ERROR_FORMAT, "number %d", 1));
    ck_assert(!wg_fail(WG_ERROR_FILE, "number %d", 2));
    ck_assert_int_eq(t.times, 1);
    ck_assert_int_eq(t.status, WG_ERROR_FORMAT);
    ck_assert_str_eq(t.message, "number 1");
    ck_assert_int_eq(wg_error(), WG_ERROR_FORMAT);
    ck_assert_str_eq(wg_error_message(), "number 1");
    wg_error_clear();
    ck_assert_int_eq(wg_error(), WG_OK);
    ck_assert_str_eq(wg_error_message(), "");
    ck_assert(!wg_fail(WG_ERROR_FILE, "number %d", 3));
    ck_assert_int_eq(t.times, 2);
    wg_error_clear();
}
END_TEST

START_TEST(long_messages_are_cut_and_ok_is_no_error) {
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    wg__where("model/block3/attention");
    wg_fail(WG_OK, "%s", text);
    ck_assert_int_eq(wg_error(), WG_ERROR_ARGUMENT);
    ck_assert_uint_eq(strlen(wg_error_message()), sizeof wg__ctx()->message - 1);
    expect_error(WG_ERROR_ARGUMENT, "model/block3/attention: xxx");
    wg__where(text);  // no more than there is room for
    wg_fail(WG_ERROR_STATE, "end");
    wg__where("");
    expect_error(WG_ERROR_STATE, "x: end");
}
END_TEST

START_TEST(a_message_has_room_whatever_an_operation_is_called) {
    char name[3000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    wg__where("model/block3/attention");
    wg__ctx()->within = name;
    wg_fail(WG_ERROR_STATE, "the end");
    wg__ctx()->within = NULL;
    wg__where("");
    ck_assert_uint_eq(strlen(wg_error_message()), strlen("model/block3/attention: : the end") + 64);
    expect_error(WG_ERROR_STATE, "nnnn: the end");
}
END_TEST

START_TEST(closing_puts_the_model_path_of_messages_back) {
    wg__where("model");
    wg_scope *s = wg_scope_open(), *t = NULL;
    wg__where("model/block");
    t = wg_scope_open();
    wg__where("model/block/inner");
    wg_scope_close(t);
    wg_fail(WG_ERROR_STATE, "one");
    expect_error(WG_ERROR_STATE, "model/block: one");
    wg_scope_close(s);
    wg_fail(WG_ERROR_STATE, "two");
    ck_assert_str_eq(wg_error_message(), "model: two");
    wg_reset();
    wg_error_clear();
    wg_fail(WG_ERROR_STATE, "three");
    ck_assert_str_eq(wg_error_message(), "three");
    wg_error_clear();
}
END_TEST

START_TEST(what_is_wrong_with_a_file_is_told_without_a_model_path) {
    wg__where("model/block");
    wg_fail(WG_ERROR_FILE, "x.csv: cannot open");
    ck_assert_str_eq(wg_error_message(), "x.csv: cannot open");
    wg_error_clear();
    wg_fail(WG_ERROR_FORMAT, "x.csv:3: empty field");
    ck_assert_str_eq(wg_error_message(), "x.csv:3: empty field");
    wg_error_clear();
    wg__where("");
}
END_TEST

static void clear_at_once(void *user, wg_status status, const char *message) {
    (void)status, (void)message;
    ++*(int *)user;
    wg_error_clear();
}

START_TEST(a_handler_may_clear_the_error) {
    int times = 0;
    wg_on_error(clear_at_once, &times);
    ck_assert_ptr_null(wg_zeros(WG_F32, WG_SHAPE(-1)));
    ck_assert_int_eq(wg_error(), WG_OK);
    ck_assert_ptr_null(wg_add(LIST(1, 2), LIST(1, 2, 3)));
    ck_assert_int_eq(wg_error(), WG_OK);
    ck_assert_int_ge(times, 2);
    wg_on_error(NULL, NULL);
}
END_TEST

/* ---- threads --------------------------------------------------------------------------------- */

enum { THREADS = 4 };

static void run_threads(void *(*body)(void *), void *argument[THREADS]) {
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, body, argument[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        ck_assert_int_eq(pthread_join(thread[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
}

// Check's assertions belong to the main thread; others hand a text back.
#define DEMAND(condition)                                                                          \
    if (!(condition)) return #condition
static void *as_result(const char *text) {
    union {
        const char *in;
        void *out;
    } u = { text };
    return u.out;
}

static const char *own_state(const int *me) {
    wg_on_error(NULL, NULL);
    DEMAND(wg_error() == WG_OK && tensors() == 0);
    for (int round = 0; round < 200; round++) {
        wg_scope *s = wg_scope_open();
        wg_tensor *x = leaf(*me);
        DEMAND(wg_backward(wg_mul(wg_square(x), wg_num(round))));
        DEMAND(wg_item(wg_gradient(x)) == 2.0 * *me * round);
        DEMAND(!wg_fail(WG_ERROR_STATE, "of %d", *me));
        DEMAND(strchr(wg_error_message(), '0' + *me) != NULL);
        wg_recording(round % 2 == 0);
        wg_scope_close(s);
        wg_error_clear();
        DEMAND(tensors() == 0);
    }
    wg_scope_open();  // left open, and a tensor in it: the thread's end sees to them
    leaf(1);
    wg_square(leaf(1));
    return NULL;
}
static void *own_state_thread(void *me) { return as_result(own_state(me)); }

START_TEST(each_thread_has_its_own_error_scopes_and_tape) {
    int number[THREADS] = { 0, 1, 2, 3 };
    wg_tensor *mine = leaf(7);
    wg_tensor *y = wg_square(mine);
    run_threads(own_state_thread, (void *[]){ &number[0], &number[1], &number[2], &number[3] });
    ck_assert_int_eq(wg_error(), WG_OK);
    ck_assert(wg_backward(y));
    EXPECT_VALUES(wg_gradient(mine), 14);
}
END_TEST

/* Of the main thread, read by all: a constant; what it computed and recorded, a constant to others;
   and a leaf, which others use while they record nothing, as when a model only evaluates. */
typedef struct shared {
    wg_tensor *x, *computed, *parameter;
} shared;

static const char *read_shared(const shared *of) {
    wg_on_error(NULL, NULL);
    for (int round = 0; round < 300; round++) {
        wg_scope *s = wg_scope_open();
        wg_tensor *w = leaf(round), *mine = wg_stop(of->x);  // the same storage
        wg_tensor *y = wg_sum(wg_mul(w, wg_add(wg_mul(of->x, mine), of->computed)));
        DEMAND(!wg_is_tracked(of->computed));
        DEMAND(wg_backward(y));
        DEMAND(wg_item(wg_gradient(w)) == 1 + 4 + 9 + 3 * 10);
        wg_recording(false);
        DEMAND(wg_item(wg_sum(wg_mul(of->parameter, of->x))) == 5 * 6);
        wg_scope_close(s);
    }
    return NULL;
}
static void *read_shared_thread(void *of) { return as_result(read_shared(of)); }

START_TEST(threads_share_tensors_that_none_writes) {
    wg_tensor *a = leaf(5);
    shared s = { .x = LIST(1, 2, 3), .computed = wg_add(a, a), .parameter = a };
    run_threads(read_shared_thread, (void *[]){ &s, &s, &s, &s });
    ck_assert(wg_is_tracked(s.computed));
    ck_assert(wg_backward(s.computed));
    EXPECT_VALUES(wg_gradient(a), 2);
}
END_TEST

// A thread that makes a tensor, lets another take a view of it, and ends.
typedef struct hand_over {
    pthread_barrier_t made, taken;
    wg_tensor *x;
} hand_over;
static void *make_and_go(void *of) {
    hand_over *h = of;
    h->x = LIST(1, 2, 3);
    pthread_barrier_wait(&h->made);
    pthread_barrier_wait(&h->taken);
    return NULL;
}

START_TEST(storage_outlives_the_thread_that_made_it_while_others_hold_it) {
    hand_over h;
    pthread_t thread;
    pthread_barrier_init(&h.made, NULL, 2), pthread_barrier_init(&h.taken, NULL, 2);
    ck_assert_int_eq(pthread_create(&thread, NULL, make_and_go, &h), 0);
    wg_scope *s = wg_scope_open();
    pthread_barrier_wait(&h.made);
    wg_tensor *mine = wg_stop(h.x);
    pthread_barrier_wait(&h.taken);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    EXPECT_VALUES(mine, 1, 2, 3);
    wg_scope_close(s);
    EXPECT_VALUES(wg_zeros(WG_F64, WG_SHAPE(3)), 0, 0, 0);  // in a block that came from there
    pthread_barrier_destroy(&h.made), pthread_barrier_destroy(&h.taken);
}
END_TEST

static void *count_in_thread(void *unused) {
    (void)unused;
    static counter own;  // outlives the thread
    own = (counter){ .left = -1 };
    wg_set_allocator(&(wg_allocator){ counted_allocate, counted_release, &own });
    wg_scope_open();
    wg_square(leaf(3));
    return &own;
}

START_TEST(a_thread_that_ends_gives_all_its_memory_back) {
    pthread_t thread;
    void *own;
    ck_assert_int_eq(pthread_create(&thread, NULL, count_in_thread, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, &own), 0);
    ck_assert_int_gt(((counter *)own)->calls, 0);
    ck_assert_int_eq(((counter *)own)->live, 0);
}
END_TEST

/* ---- what was wrong once --------------------------------------------------------------------- */

// By how much memory grows while a loop keeps one constant a round.
static int64_t growth(bool recording) {
    wg_tensor *w = wg_variable(LIST(1, 2));
    wg_scope *all = wg_scope_open();
    int64_t held = 0;
    wg_recording(recording);
    for (int round = 0; round < 1000; round++) {
        wg_scope *s = wg_scope_open();
        wg_tensor *y = w;
        for (int i = 0; i < 20; i++) y = wg_tanh(y);
        wg_keep(wg_stop(y));
        wg_scope_close(s);
        if (round == 0) held = (int64_t)wg_memory_now().held;
        ck_assert_uint_eq(wg__ctx()->nodes, 0);  // the leaf's record goes, too
    }
    held = (int64_t)wg_memory_now().held - held;
    wg_scope_close(all);
    wg_memory_trim();
    return held;
}

START_TEST(what_led_to_a_kept_constant_takes_no_memory) {
    ck_assert_int_eq(growth(true), growth(false));
}
END_TEST

START_TEST(a_cleared_gradient_is_freed_though_the_root_scope_has_records) {
    wg_tensor *w = wg_variable(LIST(1, 2));
    wg_tensor *first = wg_sum(wg_square(w));  // recorded in the root scope, for good
    int64_t before = 0;
    for (int round = 0; round < 100; round++) {
        wg_scope *s = wg_scope_open();
        ck_assert(wg_backward(wg_sum(wg_square(w))));
        wg_clear_gradient(w);
        wg_scope_close(s);
        if (round == 0) before = tensors();
    }
    ck_assert_int_eq(tensors(), before);
    ck_assert(wg_backward(first));
    EXPECT_VALUES(wg_gradient(w), 2, 4);
}
END_TEST

START_TEST(a_kept_result_that_read_a_gradient_can_still_be_differentiated) {
    wg_tensor *w = leaf(5);
    wg_scope *s = wg_scope_open();
    wg_tensor *x = leaf(3);
    ck_assert(wg_backward(wg_square(x)));
    wg_tensor *y = wg_keep(wg_mul(w, wg_gradient(x)));  // x goes with its scope
    wg_scope_close(s);
    for (int i = 0; i < 10; i++) wg_full(WG_F64, WG_SCALAR, -1e9);  // takes what was freed
    ck_assert(wg_backward(y));
    EXPECT_VALUES(wg_gradient(w), 6);
}
END_TEST

START_TEST(a_kept_gradient_outlives_its_leafs_scope) {
    wg_scope *s = wg_scope_open();
    wg_tensor *x = leaf(3);
    ck_assert(wg_backward(wg_square(x)));
    wg_tensor *g = wg_gradient(x);
    ck_assert_ptr_eq(wg_keep(g), g);
    wg_scope_close(s);
    for (int i = 0; i < 10; i++) wg_full(WG_F64, WG_SCALAR, -1e9);  // takes what was freed
    EXPECT_VALUES(g, 6);
}
END_TEST

START_TEST(history_lost_for_want_of_memory_is_an_error) {
    wg_tensor *w = leaf(2);
    wg_scope *s = wg_scope_open();
    wg_tensor *y = w;
    for (int i = 0; i < 900; i++) y = wg_add(y, w);
    wg_keep(y);
    wg_memory_trim();
    counted.left = 0;
    wg_scope_close(s);
    counted.left = -1;
    expect_error(WG_ERROR_MEMORY, "bytes");
    ck_assert(!wg_is_tracked(y));
    EXPECT_VALUES(y, 2 * 901);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("scope");
    TCase *scopes = add_cases(suite, "scopes");
    tcase_add_test(scopes, closing_frees_what_was_made_inside);
    tcase_add_test(scopes, closing_closes_what_is_open_inside);
    tcase_add_test(scopes, closing_what_is_not_open_does_nothing);
    tcase_add_test(scopes, scopes_work_while_an_error_is_pending);
    tcase_add_test(scopes, closing_puts_recording_back);
    tcase_add_test(scopes, reset_closes_everything);
    tcase_add_test(scopes, ten_thousand_nested_scopes_close_at_once);
    TCase *keeping = add_cases(suite, "keeping");
    tcase_add_test(keeping, what_is_kept_moves_one_scope_out);
    tcase_add_test(keeping, in_the_root_scope_keeping_changes_nothing);
    tcase_add_test(keeping, a_kept_result_brings_the_history_that_its_gradient_needs);
    tcase_add_test(keeping, history_is_kept_through_several_scopes);
    tcase_add_test(keeping, two_kept_results_share_their_history);
    tcase_add_test(keeping, a_kept_leaf_keeps_its_gradient);
    tcase_add_test(keeping, records_after_a_scope_with_something_kept_are_right);
    tcase_add_test(keeping, what_was_recorded_in_a_closed_scope_is_forgotten);
    tcase_add_test(keeping, what_led_to_a_kept_constant_takes_no_memory);
    tcase_add_test(keeping, a_cleared_gradient_is_freed_though_the_root_scope_has_records);
    tcase_add_test(keeping, a_kept_result_that_read_a_gradient_can_still_be_differentiated);
    tcase_add_test(keeping, a_kept_gradient_outlives_its_leafs_scope);
    tcase_add_test(keeping, history_lost_for_want_of_memory_is_an_error);
    TCase *memory = add_cases(suite, "memory");
    tcase_add_test(memory, blocks_are_aligned_large_enough_and_little_larger);
    tcase_add_test(memory, a_loop_asks_the_system_for_nothing_after_its_first_round);
    tcase_add_test(memory, memory_is_told_as_the_allocator_sees_it);
    tcase_add_test(memory, a_block_goes_back_to_the_allocator_that_made_it);
    tcase_add_test(memory, whichever_allocation_fails_it_is_told_and_nothing_leaks);
    TCase *errors = add_cases(suite, "errors");
    tcase_add_test(errors, the_first_error_sticks_and_is_told_once);
    tcase_add_test(errors, long_messages_are_cut_and_ok_is_no_error);
    tcase_add_test(errors, a_message_has_room_whatever_an_operation_is_called);
    tcase_add_test(errors, closing_puts_the_model_path_of_messages_back);
    tcase_add_test(errors, what_is_wrong_with_a_file_is_told_without_a_model_path);
    tcase_add_test(errors, a_handler_may_clear_the_error);
    TCase *threads = add_cases(suite, "threads");
    tcase_add_test(threads, each_thread_has_its_own_error_scopes_and_tape);
    tcase_add_test(threads, threads_share_tensors_that_none_writes);
    tcase_add_test(threads, storage_outlives_the_thread_that_made_it_while_others_hold_it);
    tcase_add_test(threads, a_thread_that_ends_gives_all_its_memory_back);
    return run_suite(suite);
}
