// SPDX-License-Identifier: MIT
/* test_optim_group.c: groups of parameters with rules of their own, and objectives that the
   optimiser evaluates itself. */
#include "optim/optim_impl.h"
#include "tests/optim_test.h"

/* ---- groups ---------------------------------------------------------------------------------- */

static const char *const path[] = { "a/w", "a/b", "c/w", "c/b" };
enum { PATHS = 4 };

static void step_all(wg_nn *m, wg_optim *o, uint64_t seed) {
    for (uint64_t k = 0; k < PATHS; k++) {
        wg_tensor *w = wg_nn_find(m, path[k]);
        if (w) give(w, normal(WG_F64, wg_shape_of(w), 10 * seed + k));
    }
    ck_assert_msg(wg_optim_step(o), "%s", wg_error_message());
    wg_optim_clear(o);
}

static wg_nn *model_of_four(void) {
    wg_nn *m = wg_nn_new(1);
    for (int k = 0; k < PATHS; k++) param(m, path[k], WG_F64, WG_SHAPE(3, 2));
    return m;
}

// Each parameter moves as if its group's optimiser had it alone.
static void expect_as_alone(const wg_nn *m, const wg_optim_spec spec[PATHS], int steps) {
    for (int k = 0; k < PATHS; k++) {
        wg_nn *one = wg_nn_new(1);
        wg_tensor *w = param(one, path[k], WG_F64, WG_SHAPE(3, 2));
        wg_optim *o = wg_optim_make(one, spec[k]);
        for (int t = 0; t < steps; t++) {
            give(w, normal(WG_F64, WG_SHAPE(3, 2), 10 * (uint64_t)t + (uint64_t)k));
            ck_assert(wg_optim_step(o));
            wg_optim_clear(o);
        }
        ck_assert_msg(wg_equal(w, wg_nn_find(m, path[k])), "%s", path[k]);
        wg_optim_free(o), wg_nn_free(one);
    }
}

START_TEST(each_group_follows_its_own_rule_and_the_last_that_matches_counts) {
    wg_nn *m = model_of_four();
    wg_optim_spec own = wg_adamw((wg_adam_options){ .weight_decay = 0.1 });
    wg_optim_spec bias = wg_adamw((wg_adam_options){ .rate = 0.02 });
    wg_optim_spec c = wg_sgd((wg_sgd_options){ .momentum = 0.9 });
    wg_optim_spec last = wg_sgd((wg_sgd_options){ .rate = 0.5 });
    wg_optim *o = wg_optim_make(m, own);
    ck_assert(wg_optim_group(o, "*b", last));  // hidden by the next of this pattern
    ck_assert(wg_optim_group(o, "c*", c));
    ck_assert(wg_optim_group(o, "*b", bias));
    for (uint64_t t = 0; t < 4; t++) step_all(m, o, t);
    expect_as_alone(m, (wg_optim_spec[]){ own, bias, c, bias }, 4);
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

START_TEST(the_group_of_null_is_all) {
    wg_nn *m = model_of_four();
    wg_optim_spec sgd = wg_sgd((wg_sgd_options){ .momentum = 0.9 });
    wg_optim *o = wg_optim_adam(m, (wg_adam_options){ 0 });
    ck_assert(wg_optim_group(o, NULL, wg_adam((wg_adam_options){ 0 })));
    ck_assert(wg_optim_group(o, NULL, sgd));
    for (uint64_t t = 0; t < 3; t++) step_all(m, o, t);
    expect_as_alone(m, (wg_optim_spec[]){ sgd, sgd, sgd, sgd }, 3);
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

// w = 0, gradients of 1: heavy ball of momentum 1/2 is 1, 3/2, ... times the rate.
START_TEST(a_new_rate_keeps_the_states_and_a_new_rule_starts_anew) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = wg_nn_param(m, "w", WG_F64, WG_SHAPE(1),
                               (wg_init){ .kind = WG_INIT_ZEROS, .a = 0, .b = 0 });
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 1, .momentum = 0.5 });
    give(w, wg_ones(WG_F64, WG_SHAPE(1)));  // stays: each step uses it again
    ck_assert(wg_optim_step(o));
    ck_assert_double_eq(element(w, 0), -1);
    ck_assert(wg_optim_group(o, "w", wg_sgd((wg_sgd_options){ .rate = 2, .momentum = 0.5 })));
    ck_assert(wg_optim_step(o));  // the velocity is 3/2
    ck_assert_double_eq(element(w, 0), -4);
    ck_assert(wg_optim_group(o, "w", wg_sgd((wg_sgd_options){ .rate = 1 })));
    ck_assert(wg_optim_step(o));
    ck_assert_double_eq(element(w, 0), -5);
    ck_assert(wg_optim_group(o, "w", wg_sgd((wg_sgd_options){ .rate = 1, .momentum = 0.5 })));
    ck_assert(wg_optim_step(o));  // the velocity is 1 again
    ck_assert_double_eq(element(w, 0), -6);
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

START_TEST(setting_a_rate_leaves_groups_alone_and_scaling_moves_all) {
    wg_nn *m = wg_nn_new(1);
    wg_init zeros = { .kind = WG_INIT_ZEROS, .a = 0, .b = 0 };
    wg_tensor *w = wg_nn_param(m, "w", WG_F64, WG_SHAPE(1), zeros);
    wg_tensor *b = wg_nn_param(m, "b", WG_F64, WG_SHAPE(1), zeros);
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 1 });
    ck_assert(wg_optim_group(o, "b", wg_sgd((wg_sgd_options){ .rate = 4 })));
    ck_assert(wg_optim_set_rate(o, 2) && wg_optim_scale_rates(o, 0.5));
    ck_assert_double_eq(wg_optim_rate(o), 1);
    give(w, wg_ones(WG_F64, WG_SHAPE(1))), give(b, wg_ones(WG_F64, WG_SHAPE(1)));
    ck_assert(wg_optim_step(o));
    ck_assert(element(w, 0) == -1 && element(b, 0) == -2);
    ck_assert(!wg_optim_scale_rates(o, -1));
    expect_error(WG_ERROR_ARGUMENT, "optim_scale_rates: the factor is -1");
    ck_assert(wg_optim_set_rate(o, 0.5) && !wg_optim_scale_rates(o, 1e308));
    expect_error(WG_ERROR_ARGUMENT, "a rate times the factor is inf");
    ck_assert_double_eq(wg_optim_rate(o), 0.5);
    ck_assert(!wg_optim_scale_rates(NULL, 1));
    expect_error(WG_ERROR_ARGUMENT, "optimiser is NULL");
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

START_TEST(a_group_that_matches_nothing_is_an_error_of_the_step_and_changes_nothing) {
    wg_nn *m = model_of_four();
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ 0 });
    wg_tensor *w = wg_nn_find(m, "a/w"), *old = copy_of(w);
    ck_assert(wg_optim_group(o, "decoder*", wg_sgd((wg_sgd_options){ 0 })));
    give(w, wg_ones(WG_F64, WG_SHAPE(3, 2)));
    ck_assert(!wg_optim_step(o));
    expect_error(WG_ERROR_STATE, "\"decoder*\" matches none of the model's 4 parameters");
    ck_assert(wg_equal(w, old) && wg_optim_steps(o) == 0);
    param(m, "decoder/w", WG_F64, WG_SHAPE(2));  // not sealed yet
    ck_assert(wg_optim_step(o));
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

START_TEST(a_group_is_described_properly) {
    wg_nn *m = model_of_four();
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ 0 });
    ck_assert(!wg_optim_group(NULL, "*", wg_sgd((wg_sgd_options){ 0 })));
    expect_error(WG_ERROR_ARGUMENT, "optim_group: the optimiser is NULL");
    ck_assert(!wg_optim_group(o, "*", (wg_optim_spec){ .rate = 1 }));
    expect_error(WG_ERROR_ARGUMENT, "the rule is NULL");
    wg_optim_spec spec = wg_sgd((wg_sgd_options){ 0 });
    spec.rate = NAN;
    ck_assert(!wg_optim_group(o, "*", spec));
    expect_error(WG_ERROR_ARGUMENT, "optim_group: the rate is nan");
    spec.rate = 1, spec.size = 129;
    ck_assert(!wg_optim_group(o, "*", spec));
    expect_error(WG_ERROR_ARGUMENT, "sgd: 129 bytes of options, at most 128");
    ck_assert(!wg_optim_group(o, "*", wg_sgd((wg_sgd_options){ .rate = -1 })));
    expect_error(WG_ERROR_ARGUMENT, "optim_sgd: the rate is -1");
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

// A change of rules in the middle of training: the old states live until the new ones are all
// there.
START_TEST(whichever_allocation_fails_a_change_of_rules_is_made_whole_or_not_at_all) {
    wg_optim_spec sgd = wg_sgd((wg_sgd_options){ .momentum = 0.9 });
    int64_t n = 0;  // granted; at first all
    bool done = false;
    double want[6];
    for (int64_t left = -1; n == 0 || !done; left = n++) {
        count_allocations(-1);
        wg_nn *m = model_of_four();
        wg_optim *o = wg_optim_adam(m, (wg_adam_options){ .rate = 0.1 });
        step_all(m, o, 1);
        wg_tensor *w = wg_nn_find(m, "c/w"), *b = wg_nn_find(m, "a/b");
        give(w, wg_ones(WG_F64, WG_SHAPE(3, 2))), give(b, wg_ones(WG_F64, WG_SHAPE(3, 2)));
        double before[2][6], after[2][6];
        ck_assert(wg_read(w, before[0], 6) && wg_read(b, before[1], 6));
        wg_memory_trim();
        counted.left = left;
        bool grouped = wg_optim_group(o, "c*", sgd);
        done = grouped && wg_optim_step(o);
        counted.left = -1;
        if (!done) expect_error(WG_ERROR_MEMORY, "bytes");
        ck_assert(wg_read(w, after[0], 6) && wg_read(b, after[1], 6));
        if (!done) ck_assert_mem_eq(before, after, sizeof before);
        // What comes after is what it would have been.
        if (!grouped) ck_assert(wg_optim_group(o, "c*", sgd));
        if (!done) ck_assert(wg_optim_step(o));
        ck_assert(wg_read(w, after[0], 6));
        if (left < 0) done = false, memcpy(want, after[0], sizeof want);
        ck_assert_mem_eq(want, after[0], sizeof want);
        wg_optim_free(o), wg_nn_free(m);
        expect_all_released();
    }
    ck_assert_int_gt(n, 5);
    count_allocations(-1);
}
END_TEST

/* ---- frozen ---------------------------------------------------------------------------------- */

START_TEST(what_is_frozen_is_left_alone_and_goes_on_where_it_stood) {
    wg_nn *m[2] = { wg_nn_new(1), wg_nn_new(1) };
    wg_optim *o[2];
    wg_tensor *w[2];
    for (int i = 0; i < 2; i++) {
        w[i] = param(m[i], "w", WG_F64, WG_SHAPE(3, 2));
        param(m[i], "v", WG_F64, WG_SHAPE(3, 2));
        o[i] = wg_optim_adamw(m[i], (wg_adam_options){ .rate = 0.1, .weight_decay = 0.5 });
        ck_assert(wg_optim_group(o[i], "w", wg_sgd((wg_sgd_options){ .momentum = 0.9 })));
        ck_assert(wg_optim_proximal(o[i], NULL, (wg_proximal){ .l1 = 0.1, .max_norm = 1 }));
    }
    for (int t = 0; t < 6; t++) {
        bool frozen = t == 2 || t == 3;  // two steps that the second model does not make
        if (t == 2) ck_assert_int_eq(wg_nn_freeze(m[0], "w"), 1);
        if (t == 4) ck_assert_int_eq(wg_nn_unfreeze(m[0], "w"), 1);
        wg_tensor *old = copy_of(w[0]);
        for (int i = 0; i < 2; i++) {
            if (i == 1 && frozen) continue;
            wg_tensor *sum = wg_add(wg_sum(wg_square(w[i])), wg_sum(wg_nn_find(m[i], "v")));
            ck_assert_msg(wg_optim_minimize(o[i], sum), "%s", wg_error_message());
        }
        if (frozen) ck_assert(wg_equal(w[0], old));
    }
    ck_assert(wg_equal(w[0], w[1]));
    for (int i = 0; i < 2; i++) wg_optim_free(o[i]), wg_nn_free(m[i]);
}
END_TEST

// Of a frozen parameter's pattern nothing is stepped, but it matches something.
START_TEST(a_group_may_be_frozen_as_a_whole) {
    wg_nn *m = model_of_four();
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ 0 });
    ck_assert(wg_optim_group(o, "c*", wg_adam((wg_adam_options){ 0 })));
    ck_assert_int_eq(wg_nn_freeze(m, "c*"), 2);
    wg_tensor *w = wg_nn_find(m, "a/w");
    ck_assert_msg(wg_optim_minimize(o, wg_sum(w)), "%s", wg_error_message());
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

/* ---- a rule that uses all that it is told ---------------------------------------------------- */

static struct { int prepared, updated; } told;

// Wants two numbers of room for each column.
static bool tell_prepare(const wg_optim_call *c, size_t *work) {
    told.prepared++;
    ck_assert(!c->w && !c->g && !c->state && !c->work && !c->number);
    ck_assert_str_eq(c->path, c->shape->dim[1] == 2 ? "a/w" : "long");
    if (c->shape->dim[0] == 4) return wg_fail(WG_ERROR_SHAPE, "%s: four rows", c->path);
    *work = (size_t)(2 * c->shape->dim[1]) * sizeof(double);
    return true;
}
static void tell_update(const wg_optim_call *c) {
    told.updated++;
    double *work = c->work, *step = c->step;
    for (int64_t k = 0; k < 2 * c->shape->dim[1]; k++) work[k] = 1;  // all of it is there
    ck_assert_double_eq(c->number[0], (double)(c->t - 1));
    ck_assert_double_eq(c->number[1], (double)(1 - c->t));
    c->number[0] += 1, c->number[1] -= 1;
    ck_assert((step != NULL) == (c->shape->dim[1] == 2));
    for (int64_t k = 0; step && k < c->n; k++) {
        ck_assert_double_eq(step[k], c->rate);
        step[k] = 3;  // the threshold is three times l1
    }
}

START_TEST(a_rule_is_told_shape_path_and_room_and_may_refuse) {
    const wg_optim_rule rule = { .name = "tell", .update = tell_update, .prepare = tell_prepare };
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = wg_nn_param(m, "a/w", WG_F64, WG_SHAPE(3, 2),
                               (wg_init){ .kind = WG_INIT_CONSTANT, .a = 8 });
    wg_tensor *v = param(m, "long", WG_F64, WG_SHAPE(3, 1000)), *old = copy_of(v);
    wg_optim *o = wg_optim_new(m, &rule, 0.5, NULL, 0);
    ck_assert(wg_optim_proximal(o, "a*", (wg_proximal){ .l1 = 0.25 }));
    give(w, wg_zeros_like(w)), give(v, wg_zeros_like(v));
    for (int t = 1; t <= 3; t++) {
        ck_assert_msg(wg_optim_step(o), "%s", wg_error_message());
        ck_assert(told.prepared == 2 * t && told.updated == 2 * t);
        ck_assert_double_eq(element(w, 5), 8 - 0.75 * t);
    }
    ck_assert(wg_equal(v, old));
    wg_optim_free(o), wg_nn_free(m);
    m = wg_nn_new(1);
    w = param(m, "a/w", WG_F64, WG_SHAPE(3, 2)), v = param(m, "long", WG_F64, WG_SHAPE(4, 1));
    o = wg_optim_new(m, &rule, 0.5, NULL, 0);
    give(w, wg_zeros_like(w)), give(v, wg_zeros_like(v));
    ck_assert(!wg_optim_step(o));
    expect_error(WG_ERROR_SHAPE, "long: four rows");
    ck_assert_int_eq(told.updated, 6);
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

/* ---- objectives ------------------------------------------------------------------------------ */

typedef struct problem {
    wg_nn *m;
    int calls;
    double factor;
    bool null, wide;
    wg_scope *theirs;
} problem;

static wg_tensor *bowl(void *user) {
    problem *p = user;
    p->calls++;
    if (p->null) return NULL;
    wg_scope_close(p->theirs);
    (void)wg_scope_open();  // left open
    wg_tensor *w = wg_nn_param(p->m, "w", WG_F64, WG_SHAPE(2),
                               (wg_init){ .kind = WG_INIT_CONSTANT, .a = 3, .b = 0 });
    wg_tensor *y = wg_mul(wg_square(w), wg_num(p->factor));  // (2)
    return p->wide ? y : wg_sum(y);
}

START_TEST(minimising_an_objective_is_minimising_its_loss) {
    wg_nn *m = wg_nn_new(1);
    problem p = {
        .m = m,
        .factor = 1,
    };
    int64_t tensors = wg_memory_now().tensors;
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 0.25 });
    double value = 0;
    ck_assert_msg(wg_optim_minimize_by(o, bowl, &p, &value), "%s", wg_error_message());
    ck_assert(value == 18 && p.calls == 1 && wg_optim_steps(o) == 1);
    ck_assert_double_eq(element(wg_nn_find(m, "w"), 0), 1.5);
    ck_assert(wg_optim_minimize_by(o, bowl, &p, NULL));
    ck_assert_double_eq(element(wg_nn_find(m, "w"), 1), 0.75);
    ck_assert_int_eq(wg_memory_now().tensors, tensors + 1);  // w alone
    wg_scope *s = p.theirs = wg_scope_open();
    ck_assert(!wg_optim_minimize_by(o, bowl, &p, NULL));
    expect_error(WG_ERROR_STATE, "closes a scope of its caller's");
    wg_scope_close(s);
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

START_TEST(an_objective_that_gives_no_loss_is_refused) {
    wg_nn *m = wg_nn_new(1);
    problem p = { .m = m, .factor = 1, .null = true };
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ 0 });
    double value = 7;
    ck_assert(!wg_optim_minimize_by(o, bowl, &p, &value));
    expect_error(WG_ERROR_ARGUMENT, "optim_minimize_by: the function gave NULL");
    p.null = false, p.wide = true;
    ck_assert(!wg_optim_minimize_by(o, bowl, &p, &value));
    expect_error(WG_ERROR_SHAPE, "the loss has shape [2], not one element");
    p.wide = false, p.factor = NAN;
    ck_assert(!wg_optim_minimize_by(o, bowl, &p, &value));
    expect_error(WG_ERROR_STATE, "the loss is nan");
    ck_assert(!wg_optim_minimize_by(o, NULL, &p, &value));
    expect_error(WG_ERROR_ARGUMENT, "the function is NULL");
    ck_assert(!wg_optim_minimize_by(NULL, bowl, &p, &value));
    expect_error(WG_ERROR_ARGUMENT, "the optimiser is NULL");
    ck_assert(value == 7 && element(wg_nn_find(m, "w"), 0) == 3 && wg_optim_steps(o) == 0);
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

static wg_tensor *square(void *user) {
    wg_tensor *w =
        wg_nn_param(user, "w", WG_F64, WG_SHAPE(2), (wg_init){ .kind = WG_INIT_CONSTANT, .a = 3 });
    return wg_sum(wg_square(w));
}

static bool minimise_once(void) {
    double value = 7;
    wg_nn *m = wg_nn_new(1);
    wg_optim *o = m ? wg_optim_adam(m, (wg_adam_options){ .rate = 0.5 }) : NULL;
    bool ready = o && wg_optim_group(o, "w", wg_adam((wg_adam_options){ .rate = 1 })) &&
                 wg_optim_proximal(o, "w", (wg_proximal){ .l1 = 1e-3 });
    bool done = ready && wg_optim_minimize_by(o, square, m, &value);
    wg_tensor *w = m ? wg_nn_find(m, "w") : NULL;
    ck_assert(done ? value == 18 : value == 7);
    if (w) ck_assert(done ? element(w, 0) < 2.1 : element(w, 0) == 3);
    if (w) ck_assert(!wg_gradient(w) && wg_optim_steps(o) == done);
    wg_optim_free(o), wg_nn_free(m);
    return done;
}

START_TEST(whichever_allocation_fails_an_objective_is_minimised_or_nothing_changes) {
    ck_assert_int_gt(fail_every_allocation(minimise_once), 15);
}
END_TEST

// A rule that searches: it asks twice, and moves w to 0 if the value is below the options' number.
static bool jump(wg_optim *o, wg_objective *f, void *user, double *value) {
    problem *p = user;
    ck_assert(o != NULL);
    if (!f(user) || !f(user)) return false;
    wg_tensor *w = wg_nn_find(p->m, "w");
    *value = 5;
    return p->factor < 2 ? wg_copy(w, wg_zeros_like(w)) : wg_fail(WG_ERROR_STATE, "no way down");
}

START_TEST(a_rule_that_searches_is_run_by_minimize_by_alone) {
    const wg__search method = { .run = jump };
    const wg_optim_rule rule = { .name = "jump", .search = &method };
    wg_nn *m = wg_nn_new(1);
    problem p = { .m = m, .factor = 1 };
    wg_optim *o = wg_optim_new(m, &rule, 1, NULL, 0);
    double value;
    wg_scope *s = wg_scope_open();
    ck_assert(!wg_optim_minimize(o, bowl(&p)));
    expect_error(WG_ERROR_ARGUMENT,
                 "optim_minimize: jump evaluates its objective several times: call wg_optim_");
    ck_assert(!wg_optim_step(o));
    expect_error(WG_ERROR_ARGUMENT, "optim_step: jump evaluates");
    ck_assert(!wg_optim_group(o, "w", wg_sgd((wg_sgd_options){ 0 })));
    expect_error(WG_ERROR_ARGUMENT, "jump moves all parameters at once, and knows no groups");
    wg_tensor *w = wg_nn_find(m, "w"), *g = normal(WG_F64, WG_SHAPE(2), 1);
    give(w, g);
    p.factor = 3;
    ck_assert(!wg_optim_minimize_by(o, bowl, &p, &value));
    expect_error(WG_ERROR_STATE, "no way down");
    ck_assert(wg_equal(wg_gradient(w), g) && wg_optim_steps(o) == 0);
    p.factor = 1, p.calls = 0;
    ck_assert(wg_optim_minimize_by(o, bowl, &p, &value));
    ck_assert(p.calls == 2 && value == 5 && element(w, 0) == 0 && !wg_gradient(w));
    ck_assert(wg_optim_steps(o) == 1 && wg_nn_is_sealed(m));
    wg_scope_close(s);
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("optim_group");
    TCase *t = add_cases(suite, "groups");
    tcase_add_test(t, each_group_follows_its_own_rule_and_the_last_that_matches_counts);
    tcase_add_test(t, the_group_of_null_is_all);
    tcase_add_test(t, a_new_rate_keeps_the_states_and_a_new_rule_starts_anew);
    tcase_add_test(t, setting_a_rate_leaves_groups_alone_and_scaling_moves_all);
    tcase_add_test(t, a_group_that_matches_nothing_is_an_error_of_the_step_and_changes_nothing);
    tcase_add_test(t, a_group_is_described_properly);
    tcase_add_test(t, whichever_allocation_fails_a_change_of_rules_is_made_whole_or_not_at_all);
    tcase_add_test(t, what_is_frozen_is_left_alone_and_goes_on_where_it_stood);
    tcase_add_test(t, a_group_may_be_frozen_as_a_whole);
    tcase_add_test(t, a_rule_is_told_shape_path_and_room_and_may_refuse);
    TCase *u = add_cases(suite, "objectives");
    tcase_add_test(u, minimising_an_objective_is_minimising_its_loss);
    tcase_add_test(u, an_objective_that_gives_no_loss_is_refused);
    tcase_add_test(u, whichever_allocation_fails_an_objective_is_minimised_or_nothing_changes);
    tcase_add_test(u, a_rule_that_searches_is_run_by_minimize_by_alone);
    return run_suite(suite);
}
