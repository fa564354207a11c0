// SPDX-License-Identifier: MIT
/* test_model_surgery.c: tied paths are one parameter in every respect, and frozen parameters stay
   as they are whatever is done to the model. */
#include "tests/nn_test.h"

static const wg_init DEFAULT = { 0 };

static wg_tensor *param(wg_nn *m, const char *name, wg_shape shape, double value) {
    wg_init init = { .kind = WG_INIT_CONSTANT, .a = value };
    wg_tensor *w = wg_nn_param(m, name, WG_F64, shape, init);
    ck_assert_msg(w != NULL, "%s", wg_error_message());
    return w;
}

static wg_tensor *again(wg_nn *m, const char *name) {  // of shape (2)
    return wg_nn_param(m, name, WG_F64, WG_SHAPE(2), DEFAULT);
}

/* ---- tying ----------------------------------------------------------------------------------- */

START_TEST(a_tied_path_names_the_same_parameter) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "in/w", WG_SHAPE(2), 1);
    ck_assert(wg_nn_tie(m, "out/w", "in/w"));
    ck_assert(wg_nn_tie(m, "out/w", "in/w"));  // again
    ck_assert_ptr_eq(again(m, "out/w"), w);
    ck_assert_ptr_eq(again(wg_nn_sub(m, "out"), "w"), w);
    ck_assert_ptr_eq(wg_nn_find(m, "out/w"), w);
    ck_assert_ptr_eq(wg_nn_find(m, "in/w"), w);
    ck_assert_int_eq(wg_nn_params(m, NULL), 1);
    ck_assert_int_eq(wg_nn_count(m, NULL), 2);
    ck_assert_int_eq(wg_nn_params(m, "out*"), 0);
    ck_assert_int_eq(wg_nn_params(wg_nn_sub(m, "out"), NULL), 0);
    ck_assert_str_eq(wg_nn_path_at(m, NULL, 0), "in/w");
    wg_nn_free(m);
}
END_TEST

START_TEST(a_tied_weight_gets_both_gradients) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "in", WG_SHAPE(2), 3);
    ck_assert(wg_nn_tie(m, "out", "in"));
    wg_tensor *sum = wg_add(wg_mul(w, wg_num(5)), wg_square(again(m, "out")));  // (2)
    ck_assert(wg_backward(wg_sum(sum)));
    EXPECT_VALUES(wg_gradient(w), 5 + 2 * 3, 5 + 2 * 3);
    wg_clear_gradient(w);
    wg_nn_free(m);
}
END_TEST

START_TEST(a_tied_weight_is_updated_once) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "in", WG_SHAPE(2), 1);
    ck_assert(wg_nn_tie(m, "out", "in"));
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 0.5 });
    ck_assert(wg_optim_minimize(o, wg_sum(wg_add(w, again(m, "out")))));
    EXPECT_VALUES(w, 0, 0);  // 1 - 0.5 (1 + 1)
    wg_optim_free(o);
    wg_nn_free(m);
}
END_TEST

START_TEST(a_tie_of_a_tie_leads_to_the_parameter) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "a", WG_SHAPE(2), 1);
    ck_assert(wg_nn_tie(m, "b", "a"));
    ck_assert(wg_nn_tie(m, "c", "b"));
    ck_assert(wg_nn_tie(m, "c", "a"));  // which is what it is
    ck_assert_ptr_eq(wg_nn_find(m, "c"), w);
    wg_nn_state s;
    const char *tied_to[] = { NULL, "a", "a" };
    for (int i = 0; wg_nn_next_state(m, NULL, &i, &s);) {
        ck_assert_ptr_eq(s.value, w);
        ck_assert(tied_to[i - 1] ? strcmp(s.tied_to, tied_to[i - 1]) == 0 : !s.tied_to);
    }
    wg_nn_free(m);
}
END_TEST

static const struct {
    const char *path, *to;
    wg_status status;
    const char *words;
} bad_ties[] = {
    { "new", "none", WG_ERROR_ARGUMENT, "\"none\" below \"\" is no parameter yet" },
    { "new", "mean", WG_ERROR_ARGUMENT, "is a buffer, wanted is a parameter" },
    { "a", "a", WG_ERROR_STATE, "\"a\" has a parameter of its own already" },
    { "a", "b", WG_ERROR_STATE, "\"a\" has a parameter of its own already" },
    { "mean", "a", WG_ERROR_STATE, "\"mean\" has a buffer of its own already" },
    { "tied", "b", WG_ERROR_STATE, "\"tied\" is tied to \"a\" already" },
    { "tied", "tied", WG_OK, NULL },  // it names a already, and shall name what it names
    { "a", "tied", WG_ERROR_STATE, "\"a\" has a parameter of its own already" },  // a cycle
    { "x//y", "a", WG_ERROR_ARGUMENT, "is no name" },
    { "x", "", WG_ERROR_ARGUMENT, "is no name" },
    { NULL, "a", WG_ERROR_ARGUMENT, "nn_tie: the path is NULL" },
    { "x", NULL, WG_ERROR_ARGUMENT, "nn_tie: the path is NULL" },
};

START_TEST(a_bad_tie_is_refused) {
    wg_nn *m = wg_nn_new(1);
    param(m, "a", WG_SHAPE(2), 1), param(m, "b", WG_SHAPE(2), 1);
    ck_assert_ptr_nonnull(wg_nn_buffer(m, "mean", WG_F64, WG_SHAPE(2), DEFAULT));
    ck_assert(wg_nn_tie(m, "tied", "a"));
    bool done = wg_nn_tie(m, bad_ties[_i].path, bad_ties[_i].to);
    ck_assert(done == (bad_ties[_i].status == WG_OK));
    if (!done) expect_error(bad_ties[_i].status, bad_ties[_i].words);
    wg_nn_state s;
    int held = 0;
    while (wg_nn_next_state(m, NULL, &held, &s)) continue;
    ck_assert_int_eq(held, 4);
    ck_assert(!wg_nn_tie(NULL, "a", "b"));
    expect_error(WG_ERROR_ARGUMENT, "nn_tie: the model is NULL");
    wg_nn_free(m);
}
END_TEST

START_TEST(the_shape_of_a_tied_parameter_is_checked_on_use) {
    wg_nn *m = wg_nn_new(1);
    param(m, "in", WG_SHAPE(2, 3), 1);
    ck_assert(wg_nn_tie(m, "out", "in"));
    ck_assert_ptr_null(again(m, "out"));
    expect_error(WG_ERROR_SHAPE,
                 "the parameter \"out\", tied to \"in\", is f64 [2,3], asked for as f64 [2]");
    ck_assert_ptr_null(wg_nn_buffer(m, "out", WG_F64, WG_SHAPE(2, 3), DEFAULT));
    expect_error(WG_ERROR_STATE, "\"out\" is a parameter, asked for as a buffer");
    wg_nn_free(m);
}
END_TEST

START_TEST(a_sealed_model_takes_ties) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "in", WG_SHAPE(2), 1);
    wg_nn_seal(m);
    ck_assert(wg_nn_tie(m, "out", "in"));
    ck_assert_ptr_eq(again(m, "out"), w);
    wg_nn_free(m);
}
END_TEST

START_TEST(a_copy_is_tied_as_well) {
    wg_nn *a = wg_nn_new(1), *b = wg_nn_new(2);
    wg_nn *net = wg_nn_sub(a, "net");
    param(net, "in", WG_SHAPE(2), 3);
    ck_assert(wg_nn_tie(a, "net/out", "net/in"));
    ck_assert(wg_nn_copy(b, net));
    ck_assert_ptr_eq(wg_nn_find(b, "out"), wg_nn_find(b, "in"));
    ck_assert_ptr_ne(wg_nn_find(b, "out"), wg_nn_find(a, "net/in"));
    EXPECT_VALUES(wg_nn_find(b, "out"), 3, 3);
    ck_assert(wg_nn_copy(b, net));  // and onto itself
    wg_nn *c = wg_nn_new(3);
    param(c, "in", WG_SHAPE(2), 5);
    wg_nn_seal(c);
    ck_assert(wg_nn_copy(c, net));
    ck_assert_ptr_eq(wg_nn_find(c, "out"), wg_nn_find(c, "in"));
    wg_nn_free(a), wg_nn_free(b), wg_nn_free(c);
}
END_TEST

START_TEST(a_tie_that_leads_out_of_the_part_is_copied_as_a_parameter) {
    wg_nn *m = wg_nn_new(1), *b = wg_nn_new(2);
    param(m, "shared", WG_SHAPE(2), 3);
    ck_assert(wg_nn_tie(m, "net/out", "shared"));
    for (int pass = 0; pass < 2; pass++) {
        ck_assert(wg_nn_copy(b, wg_nn_sub(m, "net")));
        EXPECT_VALUES(wg_nn_find(b, "out"), 3 + pass, 3 + pass);
        wg_fill(wg_nn_find(m, "shared"), 4);
    }
    ck_assert_int_eq(wg_nn_params(b, NULL), 1);
    ck_assert_str_eq(wg_nn_path_at(b, NULL, 0), "out");
    wg_nn_free(m), wg_nn_free(b);
}
END_TEST

START_TEST(models_tied_otherwise_are_not_copied_and_stay_as_they_are) {
    wg_nn *tied = wg_nn_new(1), *apart = wg_nn_new(2), *other = wg_nn_new(3);
    param(tied, "a", WG_SHAPE(2), 1), param(tied, "b", WG_SHAPE(2), 1);
    ck_assert(wg_nn_tie(tied, "c", "a"));
    param(apart, "a", WG_SHAPE(2), 2), param(apart, "c", WG_SHAPE(2), 2);
    param(other, "a", WG_SHAPE(2), 3), param(other, "b", WG_SHAPE(2), 3);
    ck_assert(wg_nn_tie(other, "c", "b"));
    ck_assert(!wg_nn_copy(apart, tied));
    expect_error(WG_ERROR_STATE, "\"c\" is a parameter, and to be copied from a tie");
    ck_assert(!wg_nn_copy(tied, apart));
    expect_error(WG_ERROR_STATE, "\"c\" is a tie to \"a\", and to be copied from a parameter");
    ck_assert(!wg_nn_copy(other, tied));
    expect_error(WG_ERROR_STATE, "\"c\" is a tie to \"b\", and to be copied from a tie");
    EXPECT_VALUES(wg_nn_find(apart, "a"), 2, 2);
    EXPECT_VALUES(wg_nn_find(tied, "a"), 1, 1);
    EXPECT_VALUES(wg_nn_find(other, "a"), 3, 3);
    wg_nn_free(tied), wg_nn_free(apart), wg_nn_free(other);
}
END_TEST

static bool tie_and_copy(void) {
    wg_nn *a = wg_nn_new(1), *b = wg_nn_new(2);
    bool done = a && b && wg_nn_param(a, "in", WG_F64, WG_SHAPE(2), DEFAULT);
    char name[8];
    for (int i = 0; done && i < 60; i++) {
        snprintf(name, sizeof name, "tie%d", i);
        done = wg_nn_tie(a, name, "in");
        ck_assert((wg_nn_find(a, name) != NULL) == done);
    }
    if (done && !wg_nn_copy(b, a)) {
        done = false;
        ck_assert(!wg_nn_find(b, "in") && !wg_nn_find(b, "tie0"));
    }
    wg_nn_free(a), wg_nn_free(b);
    return done;
}

START_TEST(every_allocation_may_fail) { fail_every_allocation(tie_and_copy); }
END_TEST

static wg_tensor *times_w(void *user, wg_tensor *const x[], int n) {
    (void)n;
    return wg_mul(x[0], again(user, "w"));
}

/* ---- freezing -------------------------------------------------------------------------------- */

START_TEST(freezing_counts_what_matches) {
    wg_nn *m = wg_nn_new(1);
    param(m, "enc/w", WG_SHAPE(2), 1), param(m, "enc/b", WG_SHAPE(2), 1);
    param(m, "out/w", WG_SHAPE(2), 1);
    ck_assert(wg_nn_tie(m, "tied", "enc/w"));
    ck_assert_int_eq(wg_nn_freeze(m, "enc*"), 2);
    ck_assert_int_eq(wg_nn_freeze(m, "enc*"), 2);
    ck_assert(wg_nn_is_frozen(m, "enc/w") && wg_nn_is_frozen(wg_nn_sub(m, "enc"), "b"));
    ck_assert(wg_nn_is_frozen(m, "tied") && !wg_nn_is_frozen(m, "out/w"));
    ck_assert(!wg_nn_is_frozen(m, "none") && !wg_nn_is_frozen(NULL, "enc/w"));
    ck_assert_int_eq(wg_nn_unfreeze(wg_nn_sub(m, "enc"), "*/w"), 1);
    ck_assert(!wg_nn_is_frozen(m, "enc/w") && !wg_nn_is_frozen(m, "tied"));
    ck_assert(wg_nn_is_frozen(m, "enc/b"));
    ck_assert_int_eq(wg_nn_freeze(m, "tied"), -1);  // a name of "enc/w", not another parameter
    expect_error(WG_ERROR_ARGUMENT, "none of the model's 3 parameters matches \"tied\"");
    ck_assert(!wg_nn_find(m, "enc/none") && wg_nn_freeze(m, "enc/none") == -1);
    ck_assert_int_eq(wg_nn_unfreeze(m, "*"), 3);  // a switch: the error may wait
    ck_assert(!wg_nn_is_frozen(m, "enc/b"));
    expect_error(WG_ERROR_ARGUMENT, "nn_freeze: none of the model's 3 parameters matches");
    ck_assert_int_eq(wg_nn_freeze(m, NULL), 3);
    ck_assert_int_eq(wg_nn_params(m, NULL), 3);  // still there
    ck_assert_int_eq(wg_nn_freeze(NULL, NULL), -1);
    expect_error(WG_ERROR_ARGUMENT, "nn_freeze: the model is NULL");
    wg_nn_free(m);
}
END_TEST

START_TEST(a_frozen_parameter_is_a_constant) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_SHAPE(2), 3), *v = param(m, "v", WG_SHAPE(2), 5);
    ck_assert_int_eq(wg_nn_freeze(m, "w"), 1);
    ck_assert(!wg_is_tracked(w) && wg_is_tracked(v));
    ck_assert(!wg_is_tracked(wg_square(w)));
    wg_tensor *loss = wg_sum(wg_mul(w, v));  // ()
    ck_assert(wg_backward(loss));
    ck_assert_ptr_null(wg_gradient(w));
    EXPECT_VALUES(wg_gradient(v), 3, 3);
    ck_assert_int_eq(wg_nn_unreached(m, loss, (wg_nn_visitor){ 0 }), 0);
    wg_nn_free(m);
}
END_TEST

START_TEST(optimisers_leave_frozen_parameters_alone) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_SHAPE(2), 3), *v = param(m, "v", WG_SHAPE(2), 5);
    wg_sgd_options with = { .rate = 0.5, .momentum = 0.5, .weight_decay = 0.25 };
    wg_optim *o = wg_optim_sgd(m, with);
    ck_assert(wg_optim_minimize(o, wg_sum(wg_add(w, v))));  // step 1 - 0.5 (1 + 0.25 w)
    EXPECT_VALUES(w, 3 - 0.5 * 1.75, 3 - 0.5 * 1.75);
    ck_assert_int_eq(wg_nn_freeze(m, "w"), 1);
    double at = element(w, 0), before = element(v, 0);
    for (int step = 0; step < 3; step++) ck_assert(wg_optim_minimize(o, wg_sum(wg_add(w, v))));
    EXPECT_VALUES(w, at, at);
    ck_assert(element(v, 0) != before);
    ck_assert_int_eq(wg_nn_unfreeze(m, "w"), 1);
    ck_assert(wg_optim_minimize(o, wg_sum(wg_add(w, v))));
    double next = at - 0.5 * (0.5 * 1.75 + 1 + 0.25 * at);  // its momentum is from the first step
    EXPECT_VALUES(w, next, next);
    ck_assert_int_eq(wg_nn_freeze(m, NULL), 2);
    ck_assert(!wg_optim_minimize(o, wg_add(wg_sum(w), wg_sum(wg_variable(v)))));
    expect_error(WG_ERROR_STATE, "depends on none of the model's 0 parameters");
    wg_optim_free(o);
    wg_nn_free(m);
}
END_TEST

START_TEST(freezing_drops_the_gradient_that_was_there) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_SHAPE(2), 3);
    ck_assert(wg_backward(wg_sum(wg_square(w))));
    ck_assert_ptr_nonnull(wg_gradient(w));
    wg_nn_freeze(m, NULL);
    ck_assert_ptr_null(wg_gradient(w));
    wg_nn_unfreeze(m, NULL);
    ck_assert_ptr_null(wg_gradient(w));
    wg_nn_free(m);
}
END_TEST

START_TEST(freezing_cuts_what_was_recorded_off_for_good) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_SHAPE(2), 3), *v = param(m, "v", WG_SHAPE(2), 5);
    wg_scope *scope = wg_scope_open();
    wg_tensor *loss = wg_sum(wg_mul(w, v));  // ()
    ck_assert_int_eq(wg_nn_freeze(m, "w"), 1);
    ck_assert(!wg_is_tracked(w) && !wg_is_tracked(wg_square(w)));
    ck_assert(wg_backward(loss));
    ck_assert_ptr_null(wg_gradient(w));
    EXPECT_VALUES(wg_gradient(v), 3, 3);
    wg_tensor *gw = NULL, *one = wg_ones(WG_F64, WG_SHAPE(2));
    ck_assert(!wg_grad(loss, &w, 1, &gw, (wg_grad_options){ 0 }));
    expect_error(WG_ERROR_STATE, "not tracked");
    ck_assert_int_eq(wg_nn_unfreeze(m, "w"), 1);
    bool reached = true;
    ck_assert(wg_reaches(loss, &w, 1, &reached) && !reached);
    wg_tensor *both = wg_add(loss, wg_sum(wg_square(w)));  // ()
    ck_assert(wg_grad(both, &w, 1, &gw, (wg_grad_options){ 0 }));
    EXPECT_VALUES(gw, 6, 6);
    EXPECT_VALUES(wg_jvp(both, &w, 1, &one), 12);
    ck_assert(wg_backward(both));
    EXPECT_VALUES(wg_gradient(w), 6, 6);
    wg_scope_close(scope);
    ck_assert(wg_is_tracked(w));
    wg_nn_free(m);
}
END_TEST

START_TEST(every_way_to_a_gradient_agrees_on_what_was_kept_and_cut_off) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_SHAPE(2), 3), *v = param(m, "v", WG_SHAPE(2), 5);
    wg_scope *scope = wg_scope_open();
    wg_tensor *kept = wg_keep(wg_sum(wg_mul(w, v)));  // ()
    wg_nn_freeze(m, "w");
    wg_scope_close(scope);
    wg_nn_unfreeze(m, "w");
    wg_tensor *loss = wg_add(kept, wg_sum(wg_square(w))), *gw = NULL;  // ()
    wg_tensor *one = wg_ones(WG_F64, WG_SHAPE(2));
    ck_assert(wg_grad(loss, &w, 1, &gw, (wg_grad_options){ 0 }));
    EXPECT_VALUES(gw, 6, 6);
    EXPECT_VALUES(wg_jvp(loss, &w, 1, &one), 12);
    ck_assert(wg_backward(loss));
    EXPECT_VALUES(wg_gradient(w), 6, 6);
    EXPECT_VALUES(wg_gradient(v), 3, 3);
    wg_nn_free(m);
    EXPECT_VALUES(kept, 30);
}
END_TEST

/* Once thawed and met anew, w has a record: one that is newer than those that read w as a
   constant, and no input of theirs. */
START_TEST(what_was_recorded_while_a_parameter_was_frozen_gives_it_no_gradient) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_SHAPE(2), 3), *v = param(m, "v", WG_SHAPE(2), 5);
    wg_tensor *one = wg_ones(WG_F64, WG_SHAPE(2)), *x[] = { w, v }, *along[] = { one, one }, *gx[2];
    wg_nn_freeze(m, "w");
    wg_tensor *loss = wg_sum(wg_mul(w, v));  // ()
    wg_nn_unfreeze(m, "w");
    wg_tensor *more = wg_add(loss, wg_sum(wg_square(w)));  // ()
    wg_tensor *longer = wg_mul(loss, wg_num(2));           // ()
    bool reached = true;
    ck_assert(wg_reaches(longer, &w, 1, &reached) && !reached);
    ck_assert(wg_grad(longer, x, 2, gx, (wg_grad_options){ 0 }));
    EXPECT_VALUES(gx[0], 0, 0);
    EXPECT_VALUES(gx[1], 6, 6);
    ck_assert(wg_grad(more, x, 2, gx, (wg_grad_options){ .constant = true }));
    EXPECT_VALUES(gx[0], 6, 6);
    EXPECT_VALUES(gx[1], 3, 3);
    EXPECT_VALUES(wg_jvp(longer, x, 2, along), 12);
    EXPECT_VALUES(wg_jvp(more, x, 2, along), 18);
    ck_assert(wg_backward(longer));
    ck_assert_ptr_null(wg_gradient(w));
    EXPECT_VALUES(wg_gradient(v), 6, 6);
    wg_nn_free(m);
}
END_TEST

START_TEST(minimising_does_not_move_what_was_frozen_when_the_loss_was_made) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_SHAPE(2), 3), *v = param(m, "v", WG_SHAPE(2), 5);
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 0.5 });
    wg_nn_freeze(m, "w");
    wg_tensor *loss = wg_sum(wg_mul(w, v));  // ()
    wg_nn_unfreeze(m, "w");
    ck_assert(wg_is_tracked(wg_square(w)));  // w has a record from here on
    ck_assert(wg_optim_accumulate(o, 2));
    ck_assert(wg_optim_minimize(o, loss));
    ck_assert(wg_optim_minimize(o, wg_sum(v)));
    EXPECT_VALUES(w, 3, 3);
    EXPECT_VALUES(v, 5 - 0.5 * (3 + 1) / 2, 5 - 0.5 * (3 + 1) / 2);
    wg_optim_free(o);
    wg_nn_free(m);
}
END_TEST

START_TEST(what_was_recorded_still_notices_that_a_frozen_parameter_was_written) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_SHAPE(2), 3), *v = param(m, "v", WG_SHAPE(2), 5);
    wg_tensor *loss = wg_sum(wg_mul(w, v));  // ()
    wg_nn_freeze(m, "w");
    wg_fill(w, 4);
    ck_assert(!wg_backward(loss));
    expect_error(WG_ERROR_STATE, "mul");
    ck_assert_ptr_null(wg_gradient(v));
    wg_nn_free(m);
}
END_TEST

START_TEST(freezing_between_the_runs_of_a_checkpoint_is_harmless) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_SHAPE(2), 3);
    wg_tensor *x = wg_variable(wg_ones(WG_F64, WG_SHAPE(2)));
    wg_tensor *loss = wg_sum(wg_checkpoint(times_w, m, &x, 1));  // ()
    wg_nn_freeze(m, "w");
    ck_assert(wg_backward(loss));
    EXPECT_VALUES(wg_gradient(x), 3, 3);
    ck_assert_ptr_null(wg_gradient(w));
    wg_nn_unfreeze(m, "w");
    ck_assert(wg_backward(loss));
    EXPECT_VALUES(wg_gradient(x), 6, 6);
    wg_nn_free(m);
}
END_TEST

static bool run_and_freeze(void) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *sum = NULL;
    char name[8];
    bool done = m;
    for (int i = 0; done && i < 10; i++) {
        snprintf(name, sizeof name, "w%d", i);
        wg_tensor *w = wg_nn_param(m, name, WG_F64, WG_SHAPE(2), DEFAULT);
        sum = w ? wg_sum(wg_square(w)) : NULL;  // ()
        done = sum != NULL;
    }
    done = done && wg_nn_freeze(m, NULL) == 10;
    ck_assert(!wg_nn_find(m, "w0") || wg_nn_is_frozen(m, "w0") == done);
    ck_assert(!wg_nn_find(m, "w9") || wg_nn_is_frozen(m, "w9") == done);
    wg_nn_free(m);
    return done;
}

START_TEST(every_allocation_of_freezing_may_fail) { fail_every_allocation(run_and_freeze); }
END_TEST

START_TEST(clipping_does_not_see_what_is_frozen) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_SHAPE(2), 3), *v = param(m, "v", WG_SHAPE(1), 5);
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 1 });
    wg_nn_freeze(m, "w");
    ck_assert(wg_backward(wg_add(wg_sum(wg_square(w)), wg_sum(wg_square(v)))));
    ck_assert_double_eq(wg_optim_gradient_norm(o), 10);
    wg_optim_free(o);
    wg_nn_free(m);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("model_surgery");
    TCase *t = add_cases(suite, "tie");
    tcase_add_test(t, a_tied_path_names_the_same_parameter);
    tcase_add_test(t, a_tied_weight_gets_both_gradients);
    tcase_add_test(t, a_tied_weight_is_updated_once);
    tcase_add_test(t, a_tie_of_a_tie_leads_to_the_parameter);
    ADD_TABLE(t, a_bad_tie_is_refused, bad_ties);
    tcase_add_test(t, the_shape_of_a_tied_parameter_is_checked_on_use);
    tcase_add_test(t, a_sealed_model_takes_ties);
    tcase_add_test(t, a_copy_is_tied_as_well);
    tcase_add_test(t, a_tie_that_leads_out_of_the_part_is_copied_as_a_parameter);
    tcase_add_test(t, models_tied_otherwise_are_not_copied_and_stay_as_they_are);
    tcase_add_test(t, every_allocation_may_fail);
    t = add_cases(suite, "freeze");
    tcase_add_test(t, freezing_counts_what_matches);
    tcase_add_test(t, a_frozen_parameter_is_a_constant);
    tcase_add_test(t, optimisers_leave_frozen_parameters_alone);
    tcase_add_test(t, freezing_drops_the_gradient_that_was_there);
    tcase_add_test(t, freezing_cuts_what_was_recorded_off_for_good);
    tcase_add_test(t, every_way_to_a_gradient_agrees_on_what_was_kept_and_cut_off);
    tcase_add_test(t, what_was_recorded_while_a_parameter_was_frozen_gives_it_no_gradient);
    tcase_add_test(t, minimising_does_not_move_what_was_frozen_when_the_loss_was_made);
    tcase_add_test(t, what_was_recorded_still_notices_that_a_frozen_parameter_was_written);
    tcase_add_test(t, freezing_between_the_runs_of_a_checkpoint_is_harmless);
    tcase_add_test(t, every_allocation_of_freezing_may_fail);
    tcase_add_test(t, clipping_does_not_see_what_is_frozen);
    return run_suite(suite);
}
