// SPDX-License-Identifier: MIT
/* test_save.c: models into files and back. What comes back is what was there, bit for bit; what
   does not fit is named, and changes nothing. */
#include "io/io.h"
#include "tests/io_test.h"
#include "tests/nn_test.h"

static const char *const FILE_NAME = "m.safetensors";

/* Two layers, a buffer and a tie. */
static wg_nn *new_model(uint64_t seed) {
    wg_nn *m = wg_nn_new(seed);
    const wg_init init = { .kind = WG_INIT_NORMAL, .b = 1 };
    wg_nn_param(m, "in/w", WG_F32, WG_SHAPE(3, 4), init);
    wg_nn_param(m, "in/b", WG_F32, WG_SHAPE(3), init);
    wg_nn_param(m, "deep/w", WG_F64, WG_SHAPE(2, 2), init);
    wg_nn_buffer(m, "bn/mean", WG_F32, WG_SHAPE(4), init);
    wg_nn_buffer(m, "bn/steps", WG_I64, WG_SCALAR, (wg_init){ .kind = WG_INIT_CONSTANT, .a = 7 });
    wg_nn_tie(m, "out/w", "in/w");
    expect_no_error();
    return m;
}

static const char *const paths[] = { "in/w", "in/b", "deep/w", "bn/mean", "bn/steps", "out/w" };

static bool same(const wg_nn *a, const wg_nn *b) {
    for (int i = 0; i < COUNT(paths); i++)
        if (!wg_equal(wg_nn_find(a, paths[i]), wg_nn_find(b, paths[i]))) return false;
    return true;
}

static bool save(const wg_nn *m) { return wg_nn_save(m, temporary_path(FILE_NAME)); }
static bool load(wg_nn *m) { return wg_nn_load(m, temporary_path(FILE_NAME)); }
static bool load_with(wg_nn *m, wg_nn_file_options o) {
    return wg_nn_load_with(m, temporary_path(FILE_NAME), o);
}

/* ---- there and back -------------------------------------------------------------------------- */

START_TEST(a_model_takes_on_what_another_saved) {
    wg_nn *a = new_model(1), *b = new_model(2);
    ck_assert(wg_fill(wg_nn_find(a, "bn/steps"), 9));
    ck_assert(!same(a, b));
    ck_assert_msg(save(a) && load(b), "%s", wg_error_message());
    ck_assert(same(a, b));
    ck_assert_ptr_eq(wg_nn_find(b, "out/w"), wg_nn_find(b, "in/w"));
    wg_nn_seal(b);  // sealed models are loaded as well
    ck_assert(wg_fill(wg_nn_find(b, "in/w"), 0));
    ck_assert(load(b) && same(a, b));
    wg_nn_free(a), wg_nn_free(b);
}
END_TEST

START_TEST(a_fresh_model_gets_all_that_is_in_the_file) {
    wg_nn *a = new_model(1), *b = wg_nn_new(5);
    ck_assert_msg(save(a) && load(b), "%s", wg_error_message());
    ck_assert(same(a, b));
    ck_assert_int_eq(wg_nn_params(b, NULL), 3);
    ck_assert_ptr_eq(wg_nn_find(b, "out/w"), wg_nn_find(b, "in/w"));
    wg_nn_state s;
    int buffers = 0;
    for (int i = 0; wg_nn_next_state(b, NULL, &i, &s);) buffers += s.buffer;
    ck_assert_int_eq(buffers, 2);
    // and layers find it
    ck_assert_ptr_eq(wg_nn_param(b, "in/w", WG_F32, WG_SHAPE(3, 4), (wg_init){ 0 }),
                     wg_nn_find(b, "in/w"));
    ck_assert_ptr_nonnull(wg_nn_buffer(b, "bn/mean", WG_F32, WG_SHAPE(4), (wg_init){ 0 }));
    ck_assert(wg_is_tracked(wg_nn_find(b, "in/w")) && !wg_is_tracked(wg_nn_find(b, "bn/mean")));
    wg_nn_free(a), wg_nn_free(b);
}
END_TEST

START_TEST(tied_weights_are_stored_once) {
    wg_nn *m = new_model(1);
    wg_archive a;
    ck_assert(save(m) && wg_io_load_safetensors(temporary_path(FILE_NAME), &a));
    ck_assert_int_eq(a.tensors, 5);
    ck_assert_str_eq(wg_archive_text(&a, "out/w"), "in/w");
    ck_assert_str_eq(wg_archive_text(&a, "bn/mean"), "buffer");
    ck_assert_str_eq(wg_archive_text(&a, "bn/steps"), "buffer");
    ck_assert_int_eq(a.texts, 3);
    wg_nn_free(m);
}
END_TEST

START_TEST(a_tie_in_the_file_serves_models_that_tie_otherwise) {
    wg_nn *m = new_model(1), *apart = wg_nn_new(2), *reversed = wg_nn_new(3);
    const wg_init init = { 0 };
    for (int i = 0; i < COUNT(paths); i++) {  // the same without a tie
        const wg_tensor *x = wg_nn_find(m, paths[i]);
        bool buffer = strncmp(paths[i], "bn/", 3) == 0;
        (buffer ? wg_nn_buffer : wg_nn_param)(apart, paths[i], wg_dtype_of(x), wg_shape_of(x),
                                              init);
        if (strcmp(paths[i], "in/w") == 0) continue;
        (buffer ? wg_nn_buffer : wg_nn_param)(reversed, paths[i], wg_dtype_of(x), wg_shape_of(x),
                                              init);
    }
    ck_assert(wg_nn_tie(reversed, "in/w", "out/w"));
    ck_assert(save(m));
    ck_assert_msg(load(apart) && same(m, apart), "%s", wg_error_message());
    ck_assert_ptr_ne(wg_nn_find(apart, "in/w"), wg_nn_find(apart, "out/w"));
    ck_assert_msg(load(reversed) && same(m, reversed), "%s", wg_error_message());
    // two values for one parameter are one too many
    ck_assert(wg_fill(wg_nn_find(apart, "out/w"), 1) && save(apart));
    ck_assert(!load(m));
    expect_error(WG_ERROR_ARGUMENT, "1 unexpected: in/w");
    wg_nn_free(m), wg_nn_free(apart), wg_nn_free(reversed);
}
END_TEST

START_TEST(a_part_of_a_model_is_a_model) {
    wg_nn *a = new_model(1), *b = wg_nn_new(2);
    ck_assert(wg_nn_save(wg_nn_sub(a, "in"), temporary_path(FILE_NAME)));
    ck_assert(load(wg_nn_sub(b, "first")));
    ck_assert(wg_equal(wg_nn_find(b, "first/w"), wg_nn_find(a, "in/w")));
    ck_assert_int_eq(wg_nn_params(b, NULL), 2);
    // a tie that leads out of the part is a value of its own
    ck_assert(wg_nn_save(wg_nn_sub(a, "out"), temporary_path(FILE_NAME)));
    wg_archive file;
    ck_assert(wg_io_load_safetensors(temporary_path(FILE_NAME), &file));
    ck_assert(file.texts == 0 && wg_equal(wg_archive_find(&file, "w"), wg_nn_find(a, "in/w")));
    // by prefix: one file, of which each part takes its own
    ck_assert(save(a));
    wg_nn *c = wg_nn_new(3);
    ck_assert(load_with(wg_nn_sub(c, "x"), (wg_nn_file_options){ .prefix = "in/" }));
    ck_assert(wg_equal(wg_nn_find(c, "x/b"), wg_nn_find(a, "in/b")));
    ck_assert_int_eq(wg_nn_params(c, NULL), 2);
    wg_nn_free(a), wg_nn_free(b), wg_nn_free(c);
}
END_TEST

START_TEST(partial_loading_takes_what_both_have) {
    wg_nn *a = new_model(1), *b = wg_nn_new(2);
    const wg_init init = { .kind = WG_INIT_CONSTANT, .a = 3 };
    wg_tensor *other = wg_nn_param(b, "new/w", WG_F32, WG_SHAPE(2), init);
    wg_tensor *b_in = wg_nn_param(b, "in/b", WG_F32, WG_SHAPE(3), init);
    ck_assert(save(a) && load_with(b, (wg_nn_file_options){ .partial = true }));
    ck_assert(wg_equal(b_in, wg_nn_find(a, "in/b")));
    EXPECT_VALUES(other, 3, 3);
    ck_assert_int_eq(wg_nn_params(b, NULL), 2);
    wg_nn_free(a), wg_nn_free(b);
}
END_TEST

/* ---- PyTorch --------------------------------------------------------------------------------- */

START_TEST(a_file_of_pytorch_loads_into_layers) {
    wg_nn *m = wg_nn_new(1);
    const wg_nn_file_options o = { .rename = wg_nn_from_pytorch };
    wg_tensor *x = wg_from_f64(WG_F32, WG_SHAPE(1, 3), (double[]){ 1, 2, 4 });
    for (int fresh = 1; fresh >= 0; fresh--) {
        const char *file = repository_path("tests/data/safetensors_torch.safetensors");
        ck_assert_msg(wg_nn_load_with(m, file, o), "%s", wg_error_message());
        // 1.5 - 5 + 14 + 0.5 and 0.25 - 0.25 + 32 - 0.5
        wg_tensor *h = wg_nn_linear(m, "0", x, 2);
        EXPECT_VALUES(h, 11, 31.5);
        h = wg_nn_linear_with(m, "2", h, 2, (wg_linear_options){ .no_bias = true });
        EXPECT_VALUES(h, 74, 159);  // 11 + 63, 33 + 126
        ck_assert_ptr_eq(wg_nn_find(m, "tied/w"), wg_nn_find(m, "2/w"));
        for (int i = 0; i < 3; i++) wg_fill(wg_nn_param_at(m, NULL, i), 0);
    }
    wg_nn_free(m);
}
END_TEST

START_TEST(names_go_to_pytorch_and_back) {
    static const char *const row[][2] = {
        { "encoder.layers.0.weight", "encoder/layers/0/w" },
        { "bias", "b" },
        { "bn.running_mean", "bn/running_mean" },
        { "weights.bias_x", "weights/bias_x" },
        { "", "" },
    };
    char text[64];
    for (int i = 0; i < COUNT(row); i++) {
        ck_assert(wg_nn_from_pytorch(NULL, row[i][0], text, sizeof text));
        ck_assert_str_eq(text, row[i][1]);
        ck_assert(wg_nn_to_pytorch(NULL, row[i][1], text, sizeof text));
        ck_assert_str_eq(text, row[i][0]);
        size_t n = strlen(row[i][1]);
        ck_assert(wg_nn_from_pytorch(NULL, row[i][0], text, n + 1));
        ck_assert(!wg_nn_from_pytorch(NULL, row[i][0], text, n));
    }
    ck_assert(!wg_nn_from_pytorch(NULL, "bn.num_batches_tracked", text, sizeof text));
    wg_nn *a = new_model(1), *b = new_model(2);
    wg_archive file;
    ck_assert(
        wg_nn_save_with(a, temporary_path(FILE_NAME),
                        (wg_nn_file_options){ .rename = wg_nn_to_pytorch, .prefix = "net." }));
    ck_assert(wg_io_load_safetensors(temporary_path(FILE_NAME), &file));
    ck_assert_ptr_nonnull(wg_archive_find(&file, "net.deep.weight"));
    ck_assert_str_eq(wg_archive_text(&file, "net.out.weight"), "net.in.weight");
    ck_assert(load_with(b, (wg_nn_file_options){ .rename = wg_nn_from_pytorch, .prefix = "net." }));
    ck_assert(same(a, b));
    wg_nn_free(a), wg_nn_free(b);
}
END_TEST

/* ---- what does not fit ----------------------------------------------------------------------- */

static wg_nn *other_model(void) {
    wg_nn *m = wg_nn_new(3);
    const wg_init init = { .kind = WG_INIT_CONSTANT, .a = 3 };
    wg_nn_param(m, "in/w", WG_F32, WG_SHAPE(4, 3), init);
    wg_nn_param(m, "in/b", WG_F32, WG_SHAPE(3), init);
    wg_nn_param(m, "deep/w", WG_F32, WG_SHAPE(2, 2), init);
    wg_nn_param(m, "new/w", WG_F32, WG_SHAPE(5), init);
    return m;
}

START_TEST(one_error_lists_all_that_does_not_fit_and_nothing_changes) {
    wg_nn *a = new_model(1), *b = other_model();
    ck_assert(save(a) && !load(b));
    expect_error(WG_ERROR_ARGUMENT,
                 "m.safetensors does not fit the model: 1 missing: new/w f32 [5]; "
                 "2 unexpected: bn/steps, bn/mean; 2 of another shape, dtype or tie: "
                 "deep/w f64 [2,2] (the model: f32 [2,2]), in/w f32 [3,4] (the model: f32 [4,3])");
    ck_assert(!load_with(b, (wg_nn_file_options){ .partial = true }));
    expect_error(WG_ERROR_ARGUMENT, "does not fit the model: 2 of another shape");
    EXPECT_VALUES(wg_nn_find(b, "in/b"), 3, 3, 3);
    wg_nn *sealed = wg_nn_new(1);
    wg_nn_seal(sealed);
    ck_assert(!load(sealed));
    expect_error(WG_ERROR_ARGUMENT, "5 unexpected: bn/steps, deep/w, bn/mean, in/b, in/w");
    ck_assert_int_eq(wg_nn_params(sealed, NULL), 0);
    wg_nn_free(a), wg_nn_free(b), wg_nn_free(sealed);
}
END_TEST

START_TEST(a_prefix_that_fits_nothing_is_told_and_not_taken_for_success) {
    wg_nn *a = new_model(1), *fresh = wg_nn_new(2);
    ck_assert(save(a));
    const wg_nn_file_options wrong[] = { { .prefix = "model." },
                                         { .prefix = "model.", .partial = true } };
    for (int i = 0; i < COUNT(wrong); i++) {
        ck_assert(!load_with(fresh, wrong[i]));
        expect_error(WG_ERROR_FORMAT, "tensors is one of the model's after the prefix \"model.\"");
        ck_assert(!load_with(a, wrong[i]));
        expect_error(WG_ERROR_FORMAT, "the first is \"");
    }
    ck_assert_int_eq(wg_nn_params(fresh, NULL), 0);
    wg_nn_free(a), wg_nn_free(fresh);
}
END_TEST

START_TEST(a_long_list_is_cut_but_counted) {
    wg_nn *a = wg_nn_new(1), *b = wg_nn_new(2);
    for (int i = 0; i < 100; i++)
        wg_nn_param(wg_nn_sub(a, "block%d", i), "w", WG_F32, WG_SHAPE(2), (wg_init){ 0 });
    wg_nn_param(b, "w", WG_F32, WG_SHAPE(2), (wg_init){ 0 });
    ck_assert(save(a) && !load(b));
    ck_assert_ptr_nonnull(strstr(wg_error_message(), "100 unexpected: block0/w, block1/w"));
    ck_assert_ptr_nonnull(strstr(wg_error_message(), "1 missing: w f32 [2]; "));
    expect_error(WG_ERROR_ARGUMENT, ", ...");
    wg_nn_free(a), wg_nn_free(b);
}
END_TEST

static void expect_refused(const wg_archive *a, wg_nn *m, const char *words) {
    ck_assert(wg_io_save_safetensors(temporary_path(FILE_NAME), a));
    ck_assert(!load(m));
    expect_error(WG_ERROR_ARGUMENT, words);
    ck_assert_int_eq(wg_nn_params(m, NULL), 0);
}

START_TEST(names_that_are_no_paths_are_unexpected_even_in_a_fresh_model) {
    char long_name[400];
    memset(long_name, 'x', sizeof long_name);
    long_name[399] = 0;
    wg_nn *m = wg_nn_new(1);
    static const char *const names[] = { "", "/w", "a//w", "w/" };
    wg_named_tensor list[] = { { "", wg_ones(WG_F32, WG_SHAPE(2)) } };
    const wg_archive a = { .tensor = list, .tensors = 1 };
    for (int i = 0; i < COUNT(names); i++) {
        list[0].name = names[i];
        expect_refused(&a, m, "1 unexpected: ");
    }
    list[0].name = long_name;
    expect_refused(&a, m, "1 unexpected: ...");
    // text that speaks of no tensor, or ties to what is no parameter, says nothing
    wg_named_tensor fine[] = { { "n", wg_ones(WG_I32, WG_SHAPE(2)) }, { "w", list[0].value } };
    wg_named_text text[] = { { "format", "pt" }, { "x", "n" }, { "y", "z" }, { "w", "n" } };
    ck_assert(wg_io_save_safetensors(temporary_path(FILE_NAME), &(wg_archive){ fine, 2, text, 4 }));
    ck_assert_msg(load(m), "%s", wg_error_message());
    ck_assert_int_eq(wg_nn_params(m, NULL), 1);
    ck_assert(!wg_nn_find(m, "x") && !wg_nn_find(m, "y") && !wg_nn_find(m, "format"));
    wg_nn_free(m);
}
END_TEST

static bool to_one(void *user, const char *name, char *to, size_t size) {
    (void)user, (void)name;
    return snprintf(to, size, "one") > 0;
}
static bool to_none(void *user, const char *name, char *to, size_t size) {
    (void)user, (void)name, (void)to, (void)size;
    return false;
}

START_TEST(names_that_meet_are_an_error) {
    wg_nn *a = new_model(1), *b = wg_nn_new(2);
    ck_assert(save(a));
    ck_assert(!load_with(b, (wg_nn_file_options){ .rename = to_one }));
    expect_error(WG_ERROR_ARGUMENT, "unexpected: one, one");
    ck_assert_int_eq(wg_nn_params(b, NULL), 0);
    ck_assert(!wg_nn_save_with(a, temporary_path("n"), (wg_nn_file_options){ .rename = to_one }));
    expect_error(WG_ERROR_ARGUMENT, "\"one\" is there twice");
    ck_assert(!wg_nn_save_with(a, temporary_path("n"), (wg_nn_file_options){ .rename = to_none }));
    expect_error(WG_ERROR_ARGUMENT, "\"in/w\" has no name of at most 511 bytes");
    ck_assert_int_eq(files_in_temporary_folder(false), 1);
    wg_nn_free(a), wg_nn_free(b);
}
END_TEST

static bool to_no_end(void *user, const char *name, char *to, size_t size) {
    (void)user, (void)name;
    memset(to, 'a', size);
    return true;
}

START_TEST(a_name_without_a_closing_0_is_an_error_both_ways) {
    wg_nn *a = new_model(1), *b = wg_nn_new(2);
    const wg_nn_file_options o = { .rename = to_no_end };
    ck_assert(!wg_nn_save_with(a, temporary_path("n"), o));
    expect_error(WG_ERROR_ARGUMENT, "rename gave \"in/w\" a name without a closing 0");
    ck_assert(save(a));
    ck_assert(!load_with(b, o));
    expect_error(WG_ERROR_ARGUMENT, "a path without a closing 0");
    ck_assert_int_eq(wg_nn_params(b, NULL), 0);
    wg_nn_free(a), wg_nn_free(b);
}
END_TEST

START_TEST(files_and_arguments_that_are_wrong_are_errors) {
    wg_nn *m = new_model(1), *empty = wg_nn_new(1);
    ck_assert(!wg_nn_load(m, "/nowhere/x"));
    expect_error(WG_ERROR_FILE, "/nowhere/x");
    spill(temporary_path(FILE_NAME), "rubbish!", 8);
    ck_assert(!load(m));
    expect_error(WG_ERROR_FORMAT, "m.safetensors: not safetensors, or a header of");
    ck_assert(!wg_nn_save(m, "/nowhere/x"));
    expect_error(WG_ERROR_FILE, "/nowhere/x");
    ck_assert(!wg_nn_save(empty, temporary_path(FILE_NAME)));
    expect_error(WG_ERROR_STATE, "the model holds nothing: the network must run first");
    ck_assert(!wg_nn_save(NULL, "x"));
    expect_error(WG_ERROR_ARGUMENT, "nn_save: the model is NULL");
    ck_assert(!wg_nn_load(m, NULL));
    expect_error(WG_ERROR_ARGUMENT, "nn_load: the path is NULL");
    wg_nn_free(m), wg_nn_free(empty);
}
END_TEST

START_TEST(loading_leaves_no_tensor_behind_and_is_seen_by_the_tape) {
    wg_nn *a = new_model(1);
    ck_assert(save(a));
    wg_tensor *w = wg_nn_find(a, "in/w"), *loss = wg_sum(wg_square(w));  // ()
    int64_t before = wg_memory_now().tensors;
    ck_assert(load(a));
    ck_assert_int_eq(wg_memory_now().tensors, before);
    ck_assert(!wg_backward(loss));  // it would read values that are no longer there
    expect_error(WG_ERROR_STATE, "square");
    wg_nn_free(a);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

static bool there_and_back(void) {
    wg_nn *m = wg_nn_new(1), *fresh = wg_nn_new(2);
    bool done = m && fresh && wg_nn_param(m, "a/w", WG_F32, WG_SHAPE(2, 3), (wg_init){ 0 }) &&
                wg_nn_buffer(m, "a/n", WG_I64, WG_SCALAR, (wg_init){ 0 }) &&
                wg_nn_tie(m, "b/w", "a/w") && save(m) && load(m);
    bool loaded = done && load(fresh);
    if (fresh) ck_assert_int_eq(wg_nn_params(fresh, NULL), loaded);
    wg_nn_free(m), wg_nn_free(fresh);
    return loaded;
}

START_TEST(every_allocation_may_fail) { fail_every_allocation(there_and_back); }
END_TEST

int main(void) {
    Suite *suite = suite_create("saving models");
    TCase *t = add_file_cases(suite, "there and back");
    tcase_add_test(t, a_model_takes_on_what_another_saved);
    tcase_add_test(t, a_fresh_model_gets_all_that_is_in_the_file);
    tcase_add_test(t, tied_weights_are_stored_once);
    tcase_add_test(t, a_tie_in_the_file_serves_models_that_tie_otherwise);
    tcase_add_test(t, a_part_of_a_model_is_a_model);
    tcase_add_test(t, partial_loading_takes_what_both_have);
    tcase_add_test(t, a_file_of_pytorch_loads_into_layers);
    tcase_add_test(t, names_go_to_pytorch_and_back);
    tcase_add_test(t, loading_leaves_no_tensor_behind_and_is_seen_by_the_tape);
    t = add_file_cases(suite, "refused");
    tcase_add_test(t, one_error_lists_all_that_does_not_fit_and_nothing_changes);
    tcase_add_test(t, a_prefix_that_fits_nothing_is_told_and_not_taken_for_success);
    tcase_add_test(t, a_long_list_is_cut_but_counted);
    tcase_add_test(t, names_that_are_no_paths_are_unexpected_even_in_a_fresh_model);
    tcase_add_test(t, names_that_meet_are_an_error);
    tcase_add_test(t, a_name_without_a_closing_0_is_an_error_both_ways);
    tcase_add_test(t, files_and_arguments_that_are_wrong_are_errors);
    tcase_add_test(t, every_allocation_may_fail);
    return run_suite(suite);
}
