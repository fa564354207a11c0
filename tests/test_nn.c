// SPDX-License-Identifier: MIT
/* test_nn.c: models. Parameters are found by path whichever way the path is told, start from what
   seed and path say, and no failure leaves half a model. */
#include "tests/nn_test.h"

static const wg_init DEFAULT = { .kind = WG_INIT_DEFAULT };

static wg_tensor *param(wg_nn *m, const char *name, wg_shape shape) {
    wg_tensor *w = wg_nn_param(m, name, WG_F32, shape, DEFAULT);
    ck_assert_msg(w != NULL, "%s", wg_error_message());
    return w;
}

/* ---- paths ----------------------------------------------------------------------------------- */

START_TEST(one_path_is_one_parameter_however_it_is_told) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "a/b/c", WG_SHAPE(2, 3));
    ck_assert_ptr_eq(param(wg_nn_sub(m, "a"), "b/c", WG_SHAPE(2, 3)), w);
    ck_assert_ptr_eq(param(wg_nn_sub(m, "a/b"), "c", WG_SHAPE(2, 3)), w);
    ck_assert_ptr_eq(param(wg_nn_sub(wg_nn_sub(m, "a"), "b"), "c", WG_SHAPE(2, 3)), w);
    ck_assert_ptr_eq(wg_nn_find(m, "a/b/c"), w);
    ck_assert_ptr_eq(wg_nn_find(wg_nn_sub(m, "a"), "b/c"), w);
    ck_assert_int_eq(wg_nn_params(m, NULL), 1);
    ck_assert_ptr_ne(param(m, "ab/c", WG_SHAPE(2, 3)), w);
    wg_nn_free(m);
}
END_TEST

START_TEST(the_path_in_messages_goes_with_the_scope_it_was_entered_in) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *bad[] = { wg_ones(WG_F32, WG_SHAPE(2)), wg_ones(WG_F32, WG_SHAPE(3)) };
    wg_scope *step = wg_scope_open();
    ck_assert_ptr_nonnull(wg_nn_sub(m, "block3"));
    ck_assert_ptr_null(wg_add(bad[0], bad[1]));
    expect_error(WG_ERROR_SHAPE, "block3: add: ");
    ck_assert_ptr_null(wg_io_load_npy("no/such/file.npy"));
    ck_assert_int_eq(strncmp(wg_error_message(), "no/such/file.npy: cannot", 24), 0);
    wg_error_clear();
    wg_scope_close(step);
    ck_assert_ptr_null(wg_add(bad[0], bad[1]));
    ck_assert_int_eq(strncmp(wg_error_message(), "add: ", 5), 0);
    wg_error_clear();
    wg_nn_free(m);
}
END_TEST

START_TEST(a_part_is_made_once_and_belongs_to_the_model) {
    wg_nn *m = wg_nn_new(1);
    wg_nn *sub = wg_nn_sub(m, "block%d", 7);
    ck_assert_ptr_nonnull(sub);
    ck_assert_ptr_eq(wg_nn_sub(m, "block%d", 7), sub);
    ck_assert_ptr_eq(wg_nn_sub(m, "%s%c", "block", '7'), sub);
    ck_assert_ptr_ne(wg_nn_sub(m, "block%d", 8), sub);
    param(sub, "w", WG_SHAPE(2, 2));
    ck_assert_str_eq(wg_nn_path_at(m, NULL, 0), "block7/w");
    wg_nn_train(sub, false);  // one model, so one mode
    ck_assert(!wg_nn_is_training(m));
    wg_nn_free(sub);  // frees all of it
}
END_TEST

START_TEST(a_look_up_asks_for_no_memory) {
    wg_nn *m = wg_nn_new(1);
    for (int pass = 0; pass < 3; pass++) {
        int64_t before = counted.calls;
        size_t used = bytes_in_use();
        param(wg_nn_sub(wg_nn_sub(m, "block%d", 3), "attention"), "query/w", WG_SHAPE(4, 4));
        if (pass > 0) ck_assert_int_eq(counted.calls, before);
        if (pass > 0) ck_assert_uint_eq(bytes_in_use(), used);
    }
    wg_nn_free(m);
}
END_TEST

static const char *const bad_names[] = { "", "/", "/a", "a/", "a//b", "//" };

START_TEST(a_bad_name_is_refused) {
    wg_nn *m = wg_nn_new(1);
    ck_assert_ptr_null(wg_nn_param(m, bad_names[_i], WG_F32, WG_SHAPE(1), DEFAULT));
    expect_error(WG_ERROR_ARGUMENT, "is no name");
    ck_assert_ptr_null(wg_nn_sub(m, "%s", bad_names[_i]));
    expect_error(WG_ERROR_ARGUMENT, "is no name");
    ck_assert_ptr_null(wg_nn_find(m, bad_names[_i]));
    expect_no_error();
    wg_nn_free(m);
}
END_TEST

START_TEST(a_path_has_a_longest_length_and_the_error_says_so) {
    wg_nn *m = wg_nn_new(1);
    char name[400];
    memset(name, 'x', sizeof name);
    name[100] = 0;
    wg_nn *sub = wg_nn_sub(m, "%s", name);
    name[89] = 0;  // 100 + 1 + 89 = 190
    ck_assert_ptr_eq(param(sub, name, WG_SHAPE(1)), wg_nn_param_at(m, NULL, 0));
    name[89] = 'x', name[90] = 0;
    ck_assert_ptr_null(wg_nn_param(sub, name, WG_F32, WG_SHAPE(1), DEFAULT));
    expect_error(WG_ERROR_ARGUMENT, "191 bytes, at most 190");
    name[90] = name[100] = 'x', name[399] = 0;
    ck_assert_ptr_null(wg_nn_sub(m, "%s", name));
    expect_error(WG_ERROR_ARGUMENT, "399 bytes, at most 190");
    wg_nn_free(m);
}
END_TEST

START_TEST(many_parameters_are_all_found_in_the_order_of_making) {
    enum { N = 3000 };
    wg_nn *m = wg_nn_new(1);
    char name[40];
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "layer%d/part%d", i % 10, i);
        param(m, name, WG_SHAPE(1 + i % 3));
    }
    for (int i = 0; i < N; i += 7) {
        snprintf(name, sizeof name, "layer%d/part%d", i % 10, i);
        ck_assert_str_eq(wg_nn_path_at(m, NULL, i), name);
        ck_assert_ptr_eq(wg_nn_find(m, name), wg_nn_param_at(m, NULL, i));
    }
    ck_assert_int_eq(wg_nn_params(m, NULL), N);
    ck_assert_int_eq(wg_nn_params(wg_nn_sub(m, "layer3"), NULL), N / 10);
    ck_assert_int_eq(wg_nn_params(wg_nn_sub(m, "layer"), NULL), 0);
    ck_assert_ptr_null(wg_nn_param_at(m, NULL, N));
    ck_assert_ptr_null(wg_nn_path_at(m, NULL, -1));
    wg_nn_free(m);
}
END_TEST

START_TEST(a_pattern_is_matched_against_the_whole_path) {
    wg_nn *m = wg_nn_new(1);
    const char *names[] = { "enc/1/w", "enc/1/b", "enc/2/w", "out/w", "w" };
    for (int i = 0; i < 5; i++) param(m, names[i], WG_SHAPE(10, 1 + i));
    ck_assert_int_eq(wg_nn_params(m, "*/w"), 3);
    ck_assert_int_eq(wg_nn_params(m, "*w"), 4);
    ck_assert_int_eq(wg_nn_params(m, "enc*"), 3);
    ck_assert_int_eq(wg_nn_params(m, "enc/*/b"), 1);
    ck_assert_int_eq(wg_nn_params(m, "w"), 1);
    ck_assert_int_eq(wg_nn_params(m, "enc"), 0);
    ck_assert_int_eq(wg_nn_params(wg_nn_sub(m, "enc"), "enc/1/*"), 2);
    ck_assert_int_eq(wg_nn_params(wg_nn_sub(m, "enc"), "1/*"), 0);
    ck_assert_str_eq(wg_nn_path_at(m, "*/w", 2), "out/w");
    ck_assert_int_eq(wg_nn_count(m, "*/w"), 10 + 30 + 40);
    wg_nn_free(m);
}
END_TEST

static const struct {
    const char *pattern, *path;
    bool matches;
} patterns[] = {
    { "a[0]", "a[0]", true },   { "a[0]", "a0", false },      { "a?", "ab", false },
    { "a?", "a?", true },       { "a\\b", "a\\b", true },     { "a\\*", "a*", false },
    { "*", "a/b", true },       { "*", "a", true },           { "**", "a", true },
    { "a*", "a", true },        { "*a", "ba/a", true },       { "*/w", "w", false },
    { "a*c*e", "abcde", true }, { "a*c*e", "abcdef", false }, { "*ab", "aab", true },
    { "*aab*", "aaaab", true }, { "a*b*c", "acb", false },    { "x/*/w", "x/1/2/w", true },
    { "x/*/w", "x/w", false },  { "", "a", false },           { "*.*", "a", false },
    { "*a*a*a", "aa", false },  { "*a*a*a", "abaca", true },  { "a", "A", false },
};

START_TEST(a_star_stands_for_anything_and_all_else_for_itself) {
    wg_nn *m = wg_nn_new(1);
    param(m, patterns[_i].path, WG_SHAPE(2));
    ck_assert_int_eq(wg_nn_params(m, patterns[_i].pattern), patterns[_i].matches);
    ck_assert_int_eq(wg_nn_count(m, patterns[_i].pattern), patterns[_i].matches ? 2 : 0);
    wg_nn_free(m);
}
END_TEST

START_TEST(readers_take_null) {
    ck_assert_int_eq(wg_nn_params(NULL, NULL), 0);
    ck_assert_int_eq(wg_nn_count(NULL, NULL), 0);
    ck_assert_ptr_null(wg_nn_find(NULL, "w"));
    ck_assert_ptr_null(wg_nn_param_at(NULL, NULL, 0));
    ck_assert_ptr_null(wg_nn_path_at(NULL, NULL, 0));
    ck_assert(!wg_nn_is_training(NULL) && !wg_nn_is_sealed(NULL));
    wg_nn_free(NULL);
    expect_no_error();
}
END_TEST

START_TEST(makers_refuse_null) {
    wg_nn *m = wg_nn_new(1);
    ck_assert_ptr_null(wg_nn_sub(NULL, "a"));
    expect_error(WG_ERROR_ARGUMENT, "model is NULL");
    ck_assert_ptr_null(wg_nn_param(NULL, "a", WG_F32, WG_SHAPE(1), DEFAULT));
    expect_error(WG_ERROR_ARGUMENT, "model is NULL");
    ck_assert_ptr_null(wg_nn_param(m, NULL, WG_F32, WG_SHAPE(1), DEFAULT));
    expect_error(WG_ERROR_ARGUMENT, "name is NULL");
    ck_assert(!wg_nn_copy(m, NULL));
    expect_error(WG_ERROR_ARGUMENT, "from is NULL");
    wg_nn_free(m);
}
END_TEST

START_TEST(nothing_is_made_while_an_error_is_pending) {
    wg_nn *m = wg_nn_new(1);
    wg_fail(WG_ERROR_ARGUMENT, "first");
    ck_assert_ptr_null(wg_nn_new(2));
    ck_assert_ptr_null(wg_nn_sub(m, "a"));
    ck_assert_ptr_null(wg_nn_param(m, "a", WG_F32, WG_SHAPE(1), DEFAULT));
    ck_assert(wg_nn_train(m, false));  // but modes can be put back
    expect_error(WG_ERROR_ARGUMENT, "first");
    ck_assert_int_eq(wg_nn_params(m, NULL), 0);
    wg_nn_free(m);
}
END_TEST

/* ---- asking again ---------------------------------------------------------------------------- */

START_TEST(another_shape_or_dtype_is_an_error_with_both) {
    wg_nn *m = wg_nn_new(1);
    param(m, "fc/w", WG_SHAPE(64, 32));
    ck_assert_ptr_null(wg_nn_param(m, "fc/w", WG_F32, WG_SHAPE(64, 16), DEFAULT));
    expect_error(WG_ERROR_SHAPE, "\"fc/w\" is f32 [64,32], asked for as f32 [64,16]");
    ck_assert_ptr_null(wg_nn_param(m, "fc/w", WG_F64, WG_SHAPE(64, 32), DEFAULT));
    expect_error(WG_ERROR_DTYPE, "\"fc/w\" is f32 [64,32], asked for as f64 [64,32]");
    ck_assert_ptr_null(wg_nn_param(m, "n", WG_I64, WG_SHAPE(1), DEFAULT));
    expect_error(WG_ERROR_DTYPE, "\"n\" cannot be i64");
    ck_assert_int_eq(wg_nn_params(m, NULL), 1);
    wg_nn_free(m);
}
END_TEST

START_TEST(a_sealed_model_refuses_new_paths_and_names_the_nearest) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "hidden/w", WG_SHAPE(2, 2));
    param(m, "out/w", WG_SHAPE(2, 2));
    ck_assert(!wg_nn_is_sealed(m));
    wg_nn_seal(m);
    ck_assert(wg_nn_is_sealed(m));
    ck_assert_ptr_eq(param(m, "hidden/w", WG_SHAPE(2, 2)), w);
    ck_assert_ptr_null(wg_nn_param(wg_nn_sub(m, "hiden"), "w", WG_F32, WG_SHAPE(2, 2), DEFAULT));
    expect_error(WG_ERROR_STATE, "no parameter \"hiden/w\"; the nearest is \"hidden/w\"");
    ck_assert_ptr_null(wg_nn_param(m, "ot/w", WG_F32, WG_SHAPE(2, 2), DEFAULT));
    expect_error(WG_ERROR_STATE, "no parameter \"ot/w\"; the nearest is \"out/w\"");
    ck_assert_int_eq(wg_nn_params(m, NULL), 2);
    wg_nn_free(m);
    m = wg_nn_new(1);
    wg_nn_seal(m);
    ck_assert_ptr_null(wg_nn_param(m, "a", WG_F32, WG_SHAPE(2), DEFAULT));
    expect_error(WG_ERROR_STATE, "no parameter \"a\"");
    wg_nn_free(m);
}
END_TEST

START_TEST(a_sealed_model_grows_by_distinct_names_at_most) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_ones(WG_F32, WG_SHAPE(2, 2));
    param(m, "w", WG_SHAPE(2, 2));
    wg_nn_seal(m);
    wg_nn_train(m, false);
    size_t used = 0;
    for (int pass = 0; pass < 1000; pass++) {
        ck_assert_ptr_nonnull(wg_nn_sub(m, "other%d", pass % 3));
        ck_assert_ptr_eq(wg_nn_dropout(m, "drop", x, 0.5), x);
        ck_assert_ptr_null(wg_nn_linear(m, "new", x, 2));
        expect_error(WG_ERROR_STATE, "no parameter \"new/w\"");
        if (pass == 10) used = bytes_in_use();
    }
    ck_assert_uint_eq(bytes_in_use(), used);
    ck_assert_int_eq(wg_nn_params(m, NULL), 1);
    wg_nn_free(m);
}
END_TEST

START_TEST(dense_nets_have_the_number_of_parameters_of_the_formula) {
    static const int64_t width[] = { 5, 7, 3, 11, 2, 13 };
    wg_nn *m = wg_nn_new(1);
    int64_t wanted = 0;
    for (int depth = 1; depth < 6; depth++) {
        wg_nn *net = wg_nn_sub(m, "net%d", depth);
        wg_tensor *x = wg_zeros(WG_F64, WG_SHAPE(1, width[0]));  // (1, n0)
        char name[8];
        for (int l = 1; l <= depth; l++) {
            snprintf(name, sizeof name, "%d", l);
            x = wg_nn_linear(net, name, x, width[l]);  // (1, n_l)
        }
        wanted += width[depth] * (width[depth - 1] + 1);
        ck_assert_int_eq(wg_nn_count(net, NULL), wanted);  // sum of n_l (n_{l-1} + 1)
        ck_assert_int_eq(wg_nn_params(net, NULL), 2 * depth);
    }
    wg_nn_free(m);
}
END_TEST

/* ---- copying --------------------------------------------------------------------------------- */

START_TEST(a_copy_has_all_parameters_and_their_values) {
    wg_nn *a = wg_nn_new(1), *b = wg_nn_new(2);
    param(a, "x/w", WG_SHAPE(3, 4)), param(a, "y", WG_SHAPE(5)), param(a, "z/w", WG_SHAPE(2, 2));
    wg_fill(wg_nn_find(a, "y"), 3);
    wg_tensor *before = param(b, "z/w", WG_SHAPE(2, 2));
    ck_assert(wg_nn_copy(b, a));
    ck_assert_int_eq(wg_nn_params(b, NULL), 3);
    ck_assert_ptr_eq(wg_nn_find(b, "z/w"), before);
    for (int i = 0; i < 3; i++) {
        wg_tensor *w = wg_nn_param_at(a, NULL, i), *v = wg_nn_find(b, wg_nn_path_at(a, NULL, i));
        ck_assert(wg_equal(v, w));
        ck_assert_ptr_ne(v, w);
        ck_assert(wg_is_tracked(v));
    }
    wg_fill(wg_nn_find(a, "y"), 4);  // no storage is shared
    ck_assert_double_eq(element(wg_nn_find(b, "y"), 0), 3);
    ck_assert(wg_nn_copy(b, b));
    wg_nn_free(a), wg_nn_free(b);
}
END_TEST

START_TEST(a_part_can_be_copied_to_another_path) {
    wg_nn *m = wg_nn_new(1);
    wg_nn *online = wg_nn_sub(m, "online"), *target = wg_nn_sub(m, "target/net");
    param(online, "fc/w", WG_SHAPE(3, 3)), param(online, "fc/b", WG_SHAPE(3));
    ck_assert(wg_nn_copy(target, online));
    ck_assert(wg_equal(wg_nn_find(m, "target/net/fc/w"), wg_nn_find(m, "online/fc/w")));
    ck_assert_int_eq(wg_nn_params(m, NULL), 4);
    ck_assert(!wg_nn_copy(wg_nn_sub(online, "fc"), online));
    expect_error(WG_ERROR_ARGUMENT, "one of \"online/fc\" and \"online\" contains the other");
    wg_nn_free(m);
}
END_TEST

START_TEST(a_copy_that_fails_changes_nothing) {
    wg_nn *a = wg_nn_new(1), *b = wg_nn_new(2);
    param(a, "first", WG_SHAPE(3, 4)), param(a, "new", WG_SHAPE(1)), param(a, "last", WG_SHAPE(5));
    wg_tensor *first = param(b, "first", WG_SHAPE(3, 4)), *old = wg_zeros_like(first);
    wg_copy(old, first);
    param(b, "last", WG_SHAPE(6));
    ck_assert(!wg_nn_copy(b, a));
    expect_error(WG_ERROR_SHAPE, "\"last\" is f32 [6], asked for as f32 [5]");
    ck_assert(wg_equal(first, old));
    ck_assert_int_eq(wg_nn_params(b, NULL), 2);
    wg_nn *c = wg_nn_new(2);
    param(c, "first", WG_SHAPE(3, 4));
    wg_nn_seal(c);
    ck_assert(!wg_nn_copy(c, a));
    expect_error(WG_ERROR_STATE, "no parameter \"new\"; the nearest is \"first\"");
    ck_assert(wg_equal(wg_nn_find(c, "first"), old));
    wg_nn_free(a), wg_nn_free(b), wg_nn_free(c);
}
END_TEST

START_TEST(a_written_parameter_is_noticed_by_a_backward_pass) {
    wg_nn *a = wg_nn_new(1), *b = wg_nn_new(2);
    wg_tensor *w = param(a, "w", WG_SHAPE(2, 2));
    param(b, "w", WG_SHAPE(2, 2));
    wg_tensor *loss = wg_sum(wg_square(w));  // ()
    ck_assert(wg_nn_copy(a, b));
    ck_assert(!wg_backward(loss));
    expect_error(WG_ERROR_STATE, "square");
    wg_nn_free(a), wg_nn_free(b);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

static bool grow_and_copy(void) {
    wg_nn *a = wg_nn_new(1), *b = wg_nn_new(2);
    char name[16];
    bool done = a && b;
    for (int i = 0; done && i < 60; i++) {
        snprintf(name, sizeof name, "part%d/w", i);
        int had = wg_nn_params(a, NULL);
        done = wg_nn_param(a, name, WG_F32, WG_SHAPE(2, 2), DEFAULT) != NULL;
        ck_assert_int_eq(wg_nn_params(a, NULL), had + done);
    }
    wg_tensor *w = done ? wg_nn_param(b, "part0/w", WG_F32, WG_SHAPE(2, 2), DEFAULT) : NULL;
    done = w != NULL;
    double old = w ? element(w, 0) : 0;
    if (done && !wg_nn_copy(b, a)) {
        done = false;
        ck_assert_int_eq(wg_nn_params(b, NULL), 1);
        ck_assert_double_eq(element(w, 0), old);
    }
    wg_nn_free(a), wg_nn_free(b);
    return done;
}

START_TEST(every_allocation_may_fail) { fail_every_allocation(grow_and_copy); }
END_TEST

START_TEST(a_model_may_go_while_the_tape_still_names_its_parameters) {
    wg_scope *scope = wg_scope_open();
    wg_nn *m = wg_nn_new(1);
    wg_tensor *loss = wg_sum(wg_square(param(m, "w", WG_SHAPE(2, 2))));  // ()
    wg_nn_free(m);
    ck_assert(wg_backward(loss));
    wg_scope_close(scope);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("nn");
    TCase *t = add_cases(suite, "nn");
    tcase_add_test(t, one_path_is_one_parameter_however_it_is_told);
    tcase_add_test(t, the_path_in_messages_goes_with_the_scope_it_was_entered_in);
    tcase_add_test(t, a_part_is_made_once_and_belongs_to_the_model);
    tcase_add_test(t, a_look_up_asks_for_no_memory);
    ADD_TABLE(t, a_bad_name_is_refused, bad_names);
    tcase_add_test(t, a_path_has_a_longest_length_and_the_error_says_so);
    tcase_add_test(t, many_parameters_are_all_found_in_the_order_of_making);
    tcase_add_test(t, a_pattern_is_matched_against_the_whole_path);
    ADD_TABLE(t, a_star_stands_for_anything_and_all_else_for_itself, patterns);
    tcase_add_test(t, readers_take_null);
    tcase_add_test(t, makers_refuse_null);
    tcase_add_test(t, nothing_is_made_while_an_error_is_pending);
    tcase_add_test(t, another_shape_or_dtype_is_an_error_with_both);
    tcase_add_test(t, a_sealed_model_refuses_new_paths_and_names_the_nearest);
    tcase_add_test(t, a_sealed_model_grows_by_distinct_names_at_most);
    tcase_add_test(t, dense_nets_have_the_number_of_parameters_of_the_formula);
    tcase_add_test(t, a_copy_has_all_parameters_and_their_values);
    tcase_add_test(t, a_part_can_be_copied_to_another_path);
    tcase_add_test(t, a_copy_that_fails_changes_nothing);
    tcase_add_test(t, a_written_parameter_is_noticed_by_a_backward_pass);
    tcase_add_test(t, every_allocation_may_fail);
    tcase_add_test(t, a_model_may_go_while_the_tape_still_names_its_parameters);
    return run_suite(suite);
}
