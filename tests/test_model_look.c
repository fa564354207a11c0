// SPDX-License-Identifier: MIT
/* test_model_look.c: what is told of a model: norms that are exact where they can be, and a summary
   that names every layer, shape and number, and leaves the model as it was. */
#include "nn/nn_impl.h"
#include "tests/nn_test.h"

static const wg_init DEFAULT = { 0 };

static wg_tensor *param(wg_nn *m, const char *name, wg_shape shape, double value) {
    wg_init init = { .kind = WG_INIT_CONSTANT, .a = value };
    wg_tensor *w = wg_nn_param(m, name, WG_F64, shape, init);
    ck_assert_msg(w != NULL, "%s", wg_error_message());
    return w;
}

/* ---- norms ----------------------------------------------------------------------------------- */

START_TEST(norms_are_those_of_weight_gradient_and_update) {
    wg_nn *m = wg_nn_new(1), *before = wg_nn_new(2);
    wg_tensor *w = param(m, "part/w", WG_SHAPE(4), 1.5);  // |w| = 3
    param(m, "part/b", WG_SHAPE(2), 0);
    wg_nn *part = wg_nn_sub(m, "part");
    ck_assert(wg_nn_copy(before, part));
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 0.25 });
    ck_assert(wg_backward(wg_sum(wg_mul(w, wg_num(3)))));
    ck_assert(wg_optim_step(o));
    int i = 0;
    wg_nn_norm n;
    ck_assert(wg_nn_next_norm(part, before, NULL, &i, &n));
    ck_assert_str_eq(n.path, "part/w");
    ck_assert_double_eq(n.weight, 1.5);     // 2 (1.5 - 0.75)
    ck_assert_double_eq(n.gradient, 6);     // 2 3
    ck_assert_double_eq(n.update, 1.5);     // 2 0.75
    ck_assert_double_eq(n.ratio, 1.5 / 3);  // of what it was
    ck_assert(wg_nn_next_norm(part, before, NULL, &i, &n));
    ck_assert_double_eq(n.weight, 0);
    ck_assert_double_eq(n.gradient, -1);
    ck_assert_double_eq(n.ratio, 0);
    wg_fill(wg_nn_find(m, "part/b"), 1);
    i = 1;
    ck_assert(wg_nn_next_norm(part, before, NULL, &i, &n));
    ck_assert_double_eq(n.update, sqrt(2));
    ck_assert_double_eq(n.ratio, INFINITY);
    ck_assert(!wg_nn_next_norm(part, before, NULL, &i, &n));
    wg_optim_free(o);
    wg_nn_free(m), wg_nn_free(before);
}
END_TEST

START_TEST(what_is_not_known_is_minus_1) {
    wg_nn *m = wg_nn_new(1), *before = wg_nn_new(2);
    param(m, "a", WG_SHAPE(4), 1), param(m, "b", WG_SHAPE(4), 1);
    param(before, "b", WG_SHAPE(3), 1);
    wg_nn_norm n;
    for (int i = 0; wg_nn_next_norm(m, before, NULL, &i, &n);)
        ck_assert(n.weight == 2 && n.gradient == -1 && n.update == -1 && n.ratio == -1);
    for (int i = 0; wg_nn_next_norm(m, NULL, "b", &i, &n);) ck_assert_str_eq(n.path, "b");
    int i = 0;
    ck_assert(!wg_nn_next_norm(NULL, NULL, NULL, &i, &n));
    int below = -7;
    ck_assert(!wg_nn_next_norm(m, NULL, NULL, &below, &n));
    ck_assert(!wg_nn_next_norm(m, NULL, NULL, NULL, &n));
    wg_nn_free(m), wg_nn_free(before);
}
END_TEST

static const double extremes[] = { 1e-200, 1e200, 1e-310, 1e308, 1 };

START_TEST(norms_hold_where_squares_leave_the_range) {
    wg_nn *m = wg_nn_new(1);
    param(m, "w", WG_SHAPE(4), extremes[_i] / 2);
    int i = 0;
    wg_nn_norm n;
    ck_assert(wg_nn_next_norm(m, NULL, NULL, &i, &n));
    // Four roundings; one of a denormal is up to half of the least number.
    expect_close(n.weight, extremes[_i], 4e-16 * extremes[_i] + 1e-323, "norm");
    wg_nn_free(m);
}
END_TEST

START_TEST(norms_of_what_is_not_finite_say_so) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_SHAPE(2), 1);
    wg_nn_norm n;
    wg_fill(w, INFINITY);
    for (int i = 0; wg_nn_next_norm(m, NULL, NULL, &i, &n);) ck_assert(isinf(n.weight));
    wg_fill(w, NAN);
    for (int i = 0; wg_nn_next_norm(m, NULL, NULL, &i, &n);) ck_assert(isnan(n.weight));
    wg_nn_free(m);
}
END_TEST

/* The text that `size` bytes hold is the beginning of the whole, closed; the length is that of the
   whole. */
#define EXPECT_TEXT(wanted, call)                                                                  \
    do {                                                                                           \
        char text[2000];                                                                           \
        for (size_t size = 1; size <= sizeof wanted + 5; size++) {                                 \
            memset(text, '#', sizeof text);                                                        \
            ck_assert_uint_eq(call, sizeof wanted - 1);                                            \
            ck_assert_int_eq(text[size], '#');                                                     \
            size_t fits = size < sizeof wanted ? size - 1 : sizeof wanted - 1;                     \
            ck_assert_uint_eq(strlen(text), fits);                                                 \
            ck_assert_msg(strncmp(text, wanted, fits) == 0, "have:\n%s", text);                    \
        }                                                                                          \
    } while (0)

START_TEST(norms_make_a_table) {
    static const char wanted[] = "path           |w|        |g|       |dw|   |dw|/|w|\n"
                                 "layer/w          4          2          2          1\n"
                                 "layer/b        0.5          -        nan        nan\n";
    wg_nn *m = wg_nn_new(1), *before = wg_nn_new(2);
    wg_tensor *w = param(m, "layer/w", WG_SHAPE(4), 2);
    param(m, "layer/b", WG_SHAPE(1), 0.5), param(m, "other", WG_SHAPE(1), 0.5);
    ck_assert(wg_nn_copy(before, m));
    wg_fill(wg_nn_find(before, "layer/w"), 1), wg_fill(w, 2);  // |before| = 2, |dw| = 2
    wg_fill(wg_nn_find(before, "layer/b"), NAN);
    ck_assert(wg_backward(wg_sum(w)));
    EXPECT_TEXT(wanted, wg_nn_norms_text(m, before, "layer*", text, size));
    ck_assert_uint_eq(wg_nn_norms_text(NULL, NULL, NULL, NULL, 0), 0);
    wg_nn_free(m), wg_nn_free(before);
}
END_TEST

/* ---- summaries ------------------------------------------------------------------------------- */

/* A layer as the library's are, with one buffer. */
static wg_tensor *scale(wg_nn *m, const char *name, wg_tensor *x) {
    wg_nn *layer = wg_nn_enter(m, name, "scale");
    if (!layer) return NULL;
    wg_tensor *w = wg_nn_param(layer, "w", WG_F64, WG_SHAPE(wg_dim(x, -1)), DEFAULT);
    wg_tensor *b = wg_nn_buffer(layer, "seen", WG_I64, WG_SCALAR, DEFAULT);
    return wg_nn_leave(m, layer, b ? wg_mul(x, w) : NULL);
}

static wg_tensor *net(wg_nn *m, wg_tensor *x) {
    ck_assert(!wg_nn_is_training(m));
    wg_nn *block = wg_nn_enter(m, "block", "net");
    if (!block) return NULL;
    wg_tensor *y = scale(block, "in", x);                              // (B, 3)
    y = scale(block, "again", wg_cat((wg_tensor *[]){ y, y }, 2, 1));  // (B, 6)
    wg_tensor *w = wg_nn_param(m, "loose", WG_F32, WG_SHAPE(2, 2), DEFAULT);
    if (w) ck_assert(!wg_is_tracked(wg_square(w)));  // not recorded
    return wg_nn_leave(m, block, y);
}

START_TEST(a_summary_names_layers_shapes_and_numbers) {
    static const char wanted[] =
        "path                shape      parameters  trained  output\n"
        "block                                   9      67%  f64 [2,6]\n"
        "block/in                                3       0%  f64 [2,3]\n"
        "  block/in/w        f64 [3]             3       0%\n"
        "  block/in/seen     i64 []              0           buffer\n"
        "block/again                             6     100%  f64 [2,6]\n"
        "  block/again/w     f64 [6]             6     100%\n"
        "  block/again/seen  i64 []              0           buffer\n"
        "loose               f32 [2,2]           4     100%\n"
        "tied                f64 [3]             0           tied to block/in/w\n"
        "13 parameters, 3 of them frozen: 88 bytes; buffers: 16 bytes\n";
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_ones(WG_F64, WG_SHAPE(2, 3));    // (B, 3)
    ck_assert(wg_nn_summary(m, net, x, NULL, 0) > 0);  // makes what there is
    ck_assert(wg_nn_is_training(m) && wg_recording(true));
    ck_assert_int_eq(wg_nn_freeze(m, "block/in/w"), 1);
    ck_assert(wg_nn_tie(m, "tied", "block/in/w"));
    EXPECT_TEXT(wanted, wg_nn_summary(m, net, x, text, size));
    wg_nn_free(m);
}
END_TEST

START_TEST(without_a_net_nothing_runs) {
    static const char wanted[] = "path  shape      parameters  trained  output\n"
                                 "a/w   f64 [2,3]           6     100%\n"
                                 "none  f64 [0]             0\n"
                                 "6 parameters, 0 of them frozen: 48 bytes; buffers: 0 bytes\n";
    wg_nn *m = wg_nn_new(1);
    param(m, "a/w", WG_SHAPE(2, 3), 0), param(m, "none", WG_SHAPE(0), 0);
    EXPECT_TEXT(wanted, wg_nn_summary(m, NULL, NULL, text, size));
    wg_nn_free(m);
}
END_TEST

static wg_tensor *enter_most(wg_nn *m, wg_tensor *x) {
    wg_nn *layer = wg_nn_enter(m, "most", "enter_most");
    return wg_nn_leave(m, layer, x);
}

START_TEST(a_share_is_100_or_0_percent_only_if_it_is_all_or_nothing) {
    wg_nn *m = wg_nn_new(1);
    param(m, "most/w", WG_SHAPE(2000), 0), param(m, "most/b", WG_SHAPE(1), 0);
    wg_tensor *x = wg_ones(WG_F64, WG_SHAPE(1));
    static const char *const frozen[] = { "*b", "*w" }, *const share[] = { " 99% ", " 1% " };
    for (int i = 0; i < 2; i++) {
        char text[1000];
        wg_nn_unfreeze(m, NULL), wg_nn_freeze(m, frozen[i]);
        ck_assert(wg_nn_summary(m, enter_most, x, text, sizeof text) < sizeof text);
        ck_assert_msg(strstr(text, share[i]) != NULL, "%s", text);
    }
    wg_nn_free(m);
}
END_TEST

static wg_tensor *failing(wg_nn *m, wg_tensor *x) {
    wg_scope_open();  // left open
    wg_recording(true);
    return wg_add(scale(m, "in", x), wg_ones(WG_F64, WG_SHAPE(7)));
}
static wg_tensor *nothing(wg_nn *m, wg_tensor *x) {
    (void)m, (void)x;
    return NULL;
}

START_TEST(a_summary_that_fails_leaves_mode_and_recording_as_they_were) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_ones(WG_F64, WG_SHAPE(2, 3));
    char text[100] = "old";
    wg_recording(false);
    ck_assert_uint_eq(wg_nn_summary(m, failing, x, text, sizeof text), 0);
    expect_error(WG_ERROR_SHAPE, "add");
    ck_assert_str_eq(text, "");
    ck_assert(wg_nn_is_training(m) && !wg_recording(true));
    ck_assert_uint_eq(wg_nn_summary(m, nothing, x, text, sizeof text), 0);
    expect_error(WG_ERROR_ARGUMENT, "nn_summary: the net returned NULL");
    ck_assert_uint_eq(wg_nn_summary(m, net, NULL, text, sizeof text), 0);
    expect_error(WG_ERROR_ARGUMENT, "nn_summary: the sample is NULL");
    ck_assert_uint_eq(wg_nn_summary(NULL, net, x, text, sizeof text), 0);
    expect_error(WG_ERROR_ARGUMENT, "nn_summary: the model is NULL");
    wg_nn_free(m);
}
END_TEST

static bool summarise(void) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = m ? wg_ones(WG_F64, WG_SHAPE(2, 3)) : NULL;
    bool done = x && wg_nn_summary(m, net, x, NULL, 0) > 0;
    ck_assert(!m || (wg_nn_is_training(m) && !m->model->notes));
    wg_nn_free(m);
    return done;
}

START_TEST(every_allocation_may_fail) { fail_every_allocation(summarise); }
END_TEST

int main(void) {
    Suite *suite = suite_create("model_look");
    TCase *t = add_cases(suite, "norms");
    tcase_add_test(t, norms_are_those_of_weight_gradient_and_update);
    tcase_add_test(t, what_is_not_known_is_minus_1);
    ADD_TABLE(t, norms_hold_where_squares_leave_the_range, extremes);
    tcase_add_test(t, norms_of_what_is_not_finite_say_so);
    tcase_add_test(t, norms_make_a_table);
    t = add_cases(suite, "summary");
    tcase_add_test(t, a_summary_names_layers_shapes_and_numbers);
    tcase_add_test(t, without_a_net_nothing_runs);
    tcase_add_test(t, a_share_is_100_or_0_percent_only_if_it_is_all_or_nothing);
    tcase_add_test(t, a_summary_that_fails_leaves_mode_and_recording_as_they_were);
    tcase_add_test(t, every_allocation_may_fail);
    return run_suite(suite);
}
