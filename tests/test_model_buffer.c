// SPDX-License-Identifier: MIT
/* test_model_buffer.c: buffers are found, copied and listed with the model, and nothing trains
   them. */
#include "tests/nn_test.h"

static const wg_init DEFAULT = { 0 };

static wg_tensor *buffer(wg_nn *m, const char *name, wg_dtype dtype, wg_shape shape) {
    wg_tensor *b = wg_nn_buffer(m, name, dtype, shape, DEFAULT);
    ck_assert_msg(b != NULL, "%s", wg_error_message());
    return b;
}

START_TEST(a_buffer_is_made_once_and_found_by_path) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *b = buffer(m, "norm/mean", WG_F32, WG_SHAPE(2, 3));
    ck_assert_ptr_eq(buffer(wg_nn_sub(m, "norm"), "mean", WG_F32, WG_SHAPE(2, 3)), b);
    ck_assert_ptr_eq(wg_nn_find(m, "norm/mean"), b);
    EXPECT_VALUES(b, 0, 0, 0, 0, 0, 0);  // by default, also of rank 2
    wg_init one = { .kind = WG_INIT_CONSTANT, .a = 1 };
    EXPECT_VALUES(wg_nn_buffer(m, "norm/var", WG_F64, WG_SHAPE(2), one), 1, 1);
    EXPECT_VALUES(wg_nn_buffer(m, "norm/var", WG_F64, WG_SHAPE(2), DEFAULT), 1, 1);
    wg_nn_free(m);
}
END_TEST

START_TEST(a_buffer_is_no_parameter) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = wg_nn_param(m, "w", WG_F64, WG_SHAPE(2), DEFAULT);
    wg_tensor *b = buffer(m, "b", WG_F64, WG_SHAPE(2));
    ck_assert(wg_is_tracked(w) && !wg_is_tracked(b));
    ck_assert_int_eq(wg_nn_params(m, NULL), 1);
    ck_assert_int_eq(wg_nn_params(m, "b"), 0);
    ck_assert_int_eq(wg_nn_count(m, NULL), 2);
    ck_assert_ptr_null(wg_nn_param_at(m, NULL, 1));
    ck_assert(wg_fill(b, 3));
    wg_tensor *loss = wg_sum(wg_mul(wg_add(w, wg_num(1)), b));  // ()
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 0.5 });
    ck_assert(wg_optim_minimize(o, loss));
    EXPECT_VALUES(w, -1.5, -1.5);
    EXPECT_VALUES(b, 3, 3);
    ck_assert_ptr_null(wg_gradient(b));
    ck_assert_int_eq(wg_nn_unreached(m, loss, (wg_nn_visitor){ 0 }), 0);
    wg_optim_free(o);
    wg_nn_free(m);
}
END_TEST

static const wg_dtype dtypes[] = { WG_F32, WG_F64, WG_I32, WG_I64, WG_U8, WG_BOOL };

START_TEST(a_buffer_may_be_of_any_dtype) {
    wg_nn *m = wg_nn_new(1);
    wg_init one = { .kind = WG_INIT_CONSTANT, .a = 1 };
    wg_tensor *b = wg_nn_buffer(m, "b", dtypes[_i], WG_SHAPE(2), one);
    EXPECT_VALUES(b, 1, 1);
    ck_assert_int_eq(wg_dtype_of(b), dtypes[_i]);
    wg_nn *copy = wg_nn_new(2);
    ck_assert(wg_nn_copy(copy, m));
    ck_assert(wg_equal(wg_nn_find(copy, "b"), b));
    wg_init normal_init = { .kind = WG_INIT_NORMAL, .b = 1 };
    wg_tensor *drawn = wg_nn_buffer(m, "n", dtypes[_i], WG_SHAPE(2), normal_init);
    ck_assert((drawn != NULL) == wg_dtype_is_float(dtypes[_i]));
    if (!drawn) expect_error(WG_ERROR_DTYPE, "values can only be constant");
    wg_nn_free(m), wg_nn_free(copy);
}
END_TEST

START_TEST(asking_for_the_other_kind_is_an_error) {
    wg_nn *m = wg_nn_new(1);
    buffer(m, "b", WG_F32, WG_SHAPE(2));
    ck_assert_ptr_nonnull(wg_nn_param(m, "w", WG_F32, WG_SHAPE(2), DEFAULT));
    ck_assert_ptr_null(wg_nn_param(m, "b", WG_F32, WG_SHAPE(2), DEFAULT));
    expect_error(WG_ERROR_STATE, "\"b\" is a buffer, asked for as a parameter");
    ck_assert_ptr_null(wg_nn_buffer(m, "w", WG_F32, WG_SHAPE(2), DEFAULT));
    expect_error(WG_ERROR_STATE, "\"w\" is a parameter, asked for as a buffer");
    ck_assert_ptr_null(wg_nn_buffer(m, "b", WG_F32, WG_SHAPE(3), DEFAULT));
    expect_error(WG_ERROR_SHAPE, "the buffer \"b\" is f32 [2], asked for as f32 [3]");
    ck_assert_ptr_null(wg_nn_buffer(NULL, "b", WG_F32, WG_SHAPE(3), DEFAULT));
    expect_error(WG_ERROR_ARGUMENT, "nn_buffer: the model is NULL");
    wg_nn_seal(m);
    ck_assert_ptr_null(wg_nn_buffer(m, "bb", WG_F32, WG_SHAPE(2), DEFAULT));
    expect_error(WG_ERROR_STATE, "no buffer \"bb\"; the nearest is \"b\"");
    wg_nn_free(m);
}
END_TEST

// A layer by public means alone: it counts the batches that it has seen.
static wg_tensor *counting_layer(void *user, wg_tensor *const x[], int n) {
    wg_tensor *seen = wg_nn_buffer(user, "seen", WG_F64, WG_SHAPE(1), DEFAULT);
    (void)n;
    if (seen && !wg_is_replay()) wg_fill(seen, wg_item(seen) + 1);
    return wg_sum(wg_square(x[0]));
}

START_TEST(a_layer_of_ones_own_writes_its_buffer_once_under_a_checkpoint) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_variable(wg_ones(WG_F64, WG_SHAPE(2)));
    wg_tensor *y = wg_checkpoint(counting_layer, m, &x, 1);
    ck_assert(wg_backward(y));
    EXPECT_VALUES(wg_gradient(x), 2, 2);
    EXPECT_VALUES(wg_nn_find(m, "seen"), 1);
    ck_assert(!wg_is_replay());
    wg_nn_free(m);
}
END_TEST

START_TEST(a_written_buffer_is_noticed_by_a_backward_pass_that_reads_it) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_variable(wg_ones(WG_F64, WG_SHAPE(2)));
    wg_tensor *b = buffer(m, "b", WG_F64, WG_SHAPE(2));
    wg_tensor *loss = wg_sum(wg_mul(x, b));  // ()
    ck_assert(wg_copy(b, wg_ones(WG_F64, WG_SHAPE(2))));
    ck_assert(!wg_backward(loss));
    expect_error(WG_ERROR_STATE, "mul");
    loss = wg_sum(wg_add(x, b));  // reads no value
    ck_assert(wg_fill(b, 7));
    ck_assert(wg_backward(loss));
    EXPECT_VALUES(wg_gradient(x), 1, 1);
    wg_nn_free(m);
}
END_TEST

START_TEST(everything_that_is_saved_is_listed_in_the_order_of_making) {
    wg_nn *m = wg_nn_new(1);
    static const char *const path[] = { "a/w", "a/mean", "b/w", "b/mean" };
    for (int i = 0; i < 4; i++)
        if (i % 2)
            buffer(m, path[i], WG_F32, WG_SHAPE(2));
        else
            ck_assert_ptr_nonnull(wg_nn_param(m, path[i], WG_F32, WG_SHAPE(2), DEFAULT));
    wg_nn_state s;
    int n = 0;
    for (int i = 0; wg_nn_next_state(m, NULL, &i, &s); n++) {
        ck_assert_str_eq(s.path, path[n]);
        ck_assert_ptr_eq(s.value, wg_nn_find(m, path[n]));
        ck_assert(s.buffer == (n % 2 == 1) && !s.tied_to && !s.frozen);
    }
    ck_assert_int_eq(n, 4);
    n = 0;
    for (int i = 0; wg_nn_next_state(wg_nn_sub(m, "b"), "*n", &i, &s); n++)
        ck_assert_str_eq(s.path, "b/mean");
    ck_assert_int_eq(n, 1);
    ck_assert(!wg_nn_next_state(NULL, NULL, &n, &s));
    int below = -1;
    ck_assert(!wg_nn_next_state(m, NULL, &below, &s));
    ck_assert_int_eq(below, -1);
    wg_nn_free(m);
}
END_TEST

START_TEST(copying_wants_the_same_kinds) {
    wg_nn *a = wg_nn_new(1), *b = wg_nn_new(2);
    wg_fill(buffer(a, "first", WG_F32, WG_SHAPE(2)), 5);
    buffer(a, "x", WG_F32, WG_SHAPE(2));
    buffer(b, "first", WG_F32, WG_SHAPE(2));
    ck_assert_ptr_nonnull(wg_nn_param(b, "x", WG_F32, WG_SHAPE(2), DEFAULT));
    ck_assert(!wg_nn_copy(b, a));
    expect_error(WG_ERROR_STATE, "\"x\" is a parameter, and to be copied from a buffer");
    EXPECT_VALUES(wg_nn_find(b, "first"), 0, 0);
    wg_nn_free(a), wg_nn_free(b);
}
END_TEST

static bool make_and_copy(void) {
    wg_nn *a = wg_nn_new(1), *b = wg_nn_new(2);
    bool done = a && b;
    char name[8];
    for (int i = 0; done && i < 20; i++) {
        snprintf(name, sizeof name, "b%d", i);
        done = wg_nn_buffer(a, name, WG_I64, WG_SHAPE(2), DEFAULT) != NULL;
    }
    if (done && !wg_nn_copy(b, a)) {
        done = false;
        int i = 0;
        wg_nn_state s;
        ck_assert(!wg_nn_next_state(b, NULL, &i, &s));
    }
    wg_nn_free(a), wg_nn_free(b);
    return done;
}

START_TEST(every_allocation_may_fail) { fail_every_allocation(make_and_copy); }
END_TEST

int main(void) {
    Suite *suite = suite_create("model_buffer");
    TCase *t = add_cases(suite, "model_buffer");
    tcase_add_test(t, a_buffer_is_made_once_and_found_by_path);
    tcase_add_test(t, a_buffer_is_no_parameter);
    ADD_TABLE(t, a_buffer_may_be_of_any_dtype, dtypes);
    tcase_add_test(t, asking_for_the_other_kind_is_an_error);
    tcase_add_test(t, a_layer_of_ones_own_writes_its_buffer_once_under_a_checkpoint);
    tcase_add_test(t, a_written_buffer_is_noticed_by_a_backward_pass_that_reads_it);
    tcase_add_test(t, everything_that_is_saved_is_listed_in_the_order_of_making);
    tcase_add_test(t, copying_wants_the_same_kinds);
    tcase_add_test(t, every_allocation_may_fail);
    return run_suite(suite);
}
