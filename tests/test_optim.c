// SPDX-License-Identifier: MIT
/* test_optim.c: optimisers. Each follows its paper's formula, written out here in double; a step is
   all or nothing, and touches what has a gradient and nothing else. */
#include "tensor/tensor_impl.h"
#include "tests/optim_test.h"

/* ---- the formulas ---------------------------------------------------------------------------- */

enum { SGD, ADAM, ADAMW };

typedef struct rule_case {
    const char *name;
    int rule;
    wg_sgd_options sgd;
    wg_adam_options adam;
    double max_norm;
} rule_case;

static const rule_case cases[] = {
    { .name = "sgd", .rule = SGD, .sgd = { .rate = 0.05 } },
    { .name = "sgd by default", .rule = SGD },
    { .name = "sgd, decay", .rule = SGD, .sgd = { .rate = 0.05, .weight_decay = 0.3 } },
    { .name = "sgd, decay, clipped",
      .rule = SGD,
      .sgd = { .rate = 0.05, .weight_decay = 0.3 },
      .max_norm = 0.5 },
    { .name = "momentum", .rule = SGD, .sgd = { .rate = 0.05, .momentum = 0.9 } },
    { .name = "nesterov", .rule = SGD, .sgd = { .rate = 0.05, .momentum = 0.9, .nesterov = true } },
    { .name = "all of sgd", .rule = SGD, .sgd = { 0.05, 0.8, true, 0.3, 0 }, .max_norm = 0.5 },
    { .name = "adam", .rule = ADAM, .adam = { .rate = 0.05 } },
    { .name = "adam by default", .rule = ADAM },
    { .name = "all of adam",
      .rule = ADAM,
      .adam = { 0.05, 0.8, 0.99, 1e-3, 0.3, false },
      .max_norm = 0.5 },
    { .name = "adamw", .rule = ADAMW, .adam = { .rate = 0.05, .weight_decay = 0.3 } },
    { .name = "all of adamw",
      .rule = ADAMW,
      .adam = { 0.05, 0.8, 0.99, 1e-3, 0.3, false },
      .max_norm = 0.5 },
};
enum { CASES = sizeof cases / sizeof *cases, STEPS = 60, MOST = 1000 };

static wg_optim *make(wg_nn *m, const rule_case *c) {
    wg_optim *o = c->rule == SGD    ? wg_optim_sgd(m, c->sgd)
                  : c->rule == ADAM ? wg_optim_adam(m, c->adam)
                                    : wg_optim_adamw(m, c->adam);
    ck_assert_msg(o != NULL, "%s", wg_error_message());
    if (c->max_norm > 0) ck_assert(wg_optim_clip_norm(o, c->max_norm));
    return o;
}

static double or_else(double value, double standard) { return value == 0 ? standard : value; }

/* Sutskever et al. 2013, in PyTorch's form. */
static double sgd_formula(const wg_sgd_options *o, double w, double g, double *v) {
    double rate = or_else(o->rate, 0.01);
    g = g + o->weight_decay * w;
    if (o->momentum == 0) return w - rate * g;
    *v = o->momentum * *v + g;
    return w - rate * (o->nesterov ? g + o->momentum * *v : *v);
}

/* Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019, algorithm 2 with a schedule of 1. */
static double adam_formula(const rule_case *c, double w, double g, double state[2], int t) {
    const wg_adam_options *o = &c->adam;
    double rate = or_else(o->rate, 0.001), epsilon = or_else(o->epsilon, 1e-8);
    double beta1 = or_else(o->beta1, 0.9), beta2 = or_else(o->beta2, 0.999);
    if (c->rule == ADAM) g = g + o->weight_decay * w;
    state[0] = beta1 * state[0] + (1 - beta1) * g;
    state[1] = beta2 * state[1] + (1 - beta2) * g * g;
    double mean = state[0] / (1 - pow(beta1, t)), square = state[1] / (1 - pow(beta2, t));
    if (c->rule == ADAMW) w = w - rate * o->weight_decay * w;
    return w - rate * mean / (sqrt(square) + epsilon);
}

typedef struct reference {
    double w[MOST], state[MOST][2];
} reference;

static void reference_step(const rule_case *c, reference *r, const wg_tensor *g, int t) {
    int64_t n = wg_numel(g);
    double squares = 0, scale = 1;
    for (int64_t k = 0; k < n; k++) squares += element(g, k) * element(g, k);
    if (c->max_norm > 0 && sqrt(squares) > c->max_norm) scale = c->max_norm / sqrt(squares);
    for (int64_t k = 0; k < n; k++) {
        double grad = scale * element(g, k);
        r->w[k] = c->rule == SGD ? sgd_formula(&c->sgd, r->w[k], grad, &r->state[k][0])
                                 : adam_formula(c, r->w[k], grad, r->state[k], t);
    }
}

static void follow(const rule_case *c, wg_dtype dtype, int64_t n) {
    static reference r;
    memset(&r, 0, sizeof r);
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", dtype, WG_SHAPE(n));
    wg_optim *o = make(m, c);
    ck_assert(wg_read_f64(w, r.w, n));
    for (int t = 1; t <= STEPS; t++) {
        wg_scope *scope = wg_scope_open();
        wg_tensor *g = normal(dtype, WG_SHAPE(n), (uint64_t)t);
        give(w, g);
        reference_step(c, &r, g, t);
        ck_assert_msg(wg_optim_step(o), "%s", wg_error_message());
        ck_assert(wg_equal(wg_gradient(w), g));  // never written to
        wg_optim_clear(o);
        ck_assert_ptr_null(wg_gradient(w));
        wg_scope_close(scope);
    }
    ck_assert_int_eq(wg_optim_steps(o), STEPS);
    // The moments carry a few roundings for each step so far, so step t, of the size of the rate
    // or, with momentum, ten times that, is off by some t units of it; w itself is rounded once or
    // twice a step.
    double unit = dtype == WG_F32 ? 0x1p-24 : 0x1p-53, rate = 0.05;
    double bound = unit * (4 * STEPS * 4 + 10 * rate * STEPS * STEPS);
    for (int64_t k = 0; k < n; k++) expect_close(element(w, k), r.w[k], bound, c->name);
    wg_nn_free(m), wg_optim_free(o);
}

START_TEST(each_follows_its_formula) {
    static const int64_t sizes[] = { 1, 7, MOST };
    for (int i = 0; i < 3; i++) {
        follow(&cases[_i], WG_F32, sizes[i]);
        follow(&cases[_i], WG_F64, sizes[i]);
    }
}
END_TEST

START_TEST(permuting_the_elements_permutes_the_result) {
    enum { N = 37 };
    wg_nn *m[2] = { wg_nn_new(1), wg_nn_new(1) };
    wg_tensor *w[2];
    wg_optim *o[2];
    for (int i = 0; i < 2; i++) w[i] = param(m[i], "w", WG_F32, WG_SHAPE(N));
    ck_assert(wg_copy(w[1], wg_flip(w[0], 0)));
    rule_case c = cases[_i];
    c.max_norm = 0;  // the norm is a sum, whose order counts
    for (int i = 0; i < 2; i++) o[i] = make(m[i], &c);
    for (int t = 0; t < 5; t++) {
        wg_tensor *g = normal(WG_F32, WG_SHAPE(N), (uint64_t)t);
        give(w[0], g), give(w[1], wg_flip(g, 0));
        for (int i = 0; i < 2; i++) ck_assert(wg_optim_step(o[i])), wg_optim_clear(o[i]);
    }
    ck_assert(wg_equal(w[1], wg_flip(w[0], 0)));  // to the bit
    for (int i = 0; i < 2; i++) wg_nn_free(m[i]), wg_optim_free(o[i]);
}
END_TEST

START_TEST(parameters_do_not_touch_each_other) {
    enum { PARAMS = 5 };
    char name[8];
    wg_nn *m[2] = { wg_nn_new(1), wg_nn_new(1) };
    rule_case c = cases[_i];
    c.max_norm = 0;
    for (int i = 0; i < 2; i++) {  // the second model makes them in the other order
        for (int k = 0; k < PARAMS; k++) {
            int which = i ? PARAMS - 1 - k : k;
            snprintf(name, sizeof name, "%d", which);
            param(m[i], name, which % 2 ? WG_F32 : WG_F64, WG_SHAPE(which + 1, 3));
        }
        wg_optim *o = make(m[i], &c);
        for (uint64_t t = 0; t < 3; t++) {
            for (int k = 0; k < PARAMS; k++) {
                snprintf(name, sizeof name, "%d", k);
                wg_tensor *w = wg_nn_find(m[i], name);
                give(w, normal(wg_dtype_of(w), wg_shape_of(w), 100 * t + (uint64_t)k));
            }
            ck_assert(wg_optim_step(o)), wg_optim_clear(o);
        }
        wg_optim_free(o);
    }
    for (int k = 0; k < PARAMS; k++)
        ck_assert(
            wg_equal(wg_nn_param_at(m[0], NULL, k), wg_nn_param_at(m[1], NULL, PARAMS - 1 - k)));
    wg_nn_free(m[0]), wg_nn_free(m[1]);
}
END_TEST

START_TEST(a_parameter_without_gradient_is_left_alone) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_F32, WG_SHAPE(9)), *v = param(m, "v", WG_F32, WG_SHAPE(9));
    wg_tensor *old = copy_of(v), *start = copy_of(w);
    wg_optim *o = make(m, &cases[_i]);
    for (uint64_t t = 0; t < 3; t++) {
        give(w, normal(WG_F32, WG_SHAPE(9), t));
        ck_assert(wg_optim_step(o)), wg_optim_clear(o);
    }
    ck_assert(!wg_equal(w, start));
    ck_assert(wg_equal(v, old));  // to the bit, decay or not
    // Its first gradient makes the step that a first step makes.
    wg_nn *n = wg_nn_new(1);
    wg_tensor *alone = param(n, "v", WG_F32, WG_SHAPE(9));
    wg_optim *p = make(n, &cases[_i]);
    give(v, normal(WG_F32, WG_SHAPE(9), 8)), give(alone, normal(WG_F32, WG_SHAPE(9), 8));
    ck_assert(wg_optim_step(o) && wg_optim_step(p));
    ck_assert(wg_equal(v, alone));
    wg_optim_free(o), wg_optim_free(p), wg_nn_free(m), wg_nn_free(n);
}
END_TEST

START_TEST(an_optimiser_of_a_part_steps_that_part) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "a/w", WG_F32, WG_SHAPE(4)), *v = param(m, "b/w", WG_F32, WG_SHAPE(4));
    wg_tensor *old = copy_of(w), *start = copy_of(v);
    wg_optim *o = make(wg_nn_sub(m, "b"), &cases[_i]);
    give(w, normal(WG_F32, WG_SHAPE(4), 1)), give(v, normal(WG_F32, WG_SHAPE(4), 2));
    ck_assert(wg_optim_step(o));
    ck_assert(wg_equal(w, old) && !wg_equal(v, start));
    wg_optim_clear(o);
    ck_assert(wg_gradient(w) && !wg_gradient(v));
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

/* ---- odd gradients --------------------------------------------------------------------------- */

// Makes `view` w's gradient, as an operation might leave it: with strides of its own.
static void set_gradient(wg_tensor *w, const wg_tensor *view) {
    wg_clear_gradient(w);
    w->gradient = wg__tensor_alias(view);
    ck_assert_ptr_nonnull(w->gradient);
    wg__scope_remove(w->gradient);
}

START_TEST(a_gradient_of_any_strides_will_do) {
    wg_nn *m[2] = { wg_nn_new(1), wg_nn_new(1) };
    wg_tensor *base = normal(WG_F32, WG_SHAPE(4, 3), 5);
    wg_tensor *views[] = { wg_transpose(base, 0, 1), wg_flip(wg_reshape(base, WG_SHAPE(3, 4)), 1),
                           wg_expand(wg_select(base, 1, 0), WG_SHAPE(3, 4)) };
    wg_tensor *w[2];
    wg_optim *o[2];
    for (int i = 0; i < 2; i++) {
        w[i] = param(m[i], "w", WG_F32, WG_SHAPE(3, 4));
        o[i] = make(m[i], &cases[_i]);
    }
    for (int k = 0; k < 3; k++) {
        wg_tensor *g = copy_of(views[k]);
        ck_assert(!wg_is_contiguous(views[k]) && wg_is_contiguous(g));
        set_gradient(w[0], views[k]), set_gradient(w[1], g);
        // Both are sums of twelve squares, in two orders.
        expect_close(wg_optim_gradient_norm(o[0]), wg_optim_gradient_norm(o[1]), 1e-14, "norms");
        ck_assert(wg_optim_step(o[0]) && wg_optim_step(o[1]));
        ck_assert(wg_equal(views[k], g));
        // To the bit; but for clipping, whose norms may differ in the last place.
        ck_assert(wg_allclose(w[0], w[1], cases[_i].max_norm > 0 ? 1e-6 : 0, 0));
    }
    for (int i = 0; i < 2; i++) wg_optim_free(o[i]), wg_nn_free(m[i]);
}
END_TEST

START_TEST(a_gradient_that_does_not_fit_is_refused_and_nothing_changes) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_F32, WG_SHAPE(3, 4)), *v = param(m, "v", WG_F32, WG_SHAPE(5));
    wg_tensor *old = copy_of(w);
    wg_optim *o = make(m, &cases[_i]);
    give(w, normal(WG_F32, WG_SHAPE(3, 4), 1));
    set_gradient(v, wg_zeros(WG_F32, WG_SHAPE(4)));
    ck_assert(!wg_optim_step(o));
    expect_error(WG_ERROR_SHAPE, "the gradient of \"v\" is f32 [4], the parameter f32 [5]");
    set_gradient(v, wg_zeros(WG_F64, WG_SHAPE(5)));
    ck_assert(!wg_optim_step(o));
    expect_error(WG_ERROR_SHAPE, "the gradient of \"v\" is f64 [5], the parameter f32 [5]");
    ck_assert(wg_equal(w, old));
    ck_assert_int_eq(wg_optim_steps(o), 0);
    ck_assert(!wg_nn_is_sealed(m));
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

/* ---- clipping -------------------------------------------------------------------------------- */

START_TEST(the_norm_is_over_all_gradients_together) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_F32, WG_SHAPE(2)), *v = param(m, "v", WG_F64, WG_SHAPE(11));
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ 0 });
    ck_assert_double_eq(wg_optim_gradient_norm(o), 0);
    give(w, wg_full(WG_F32, WG_SHAPE(2), 3));
    ck_assert_double_eq(wg_optim_gradient_norm(o), sqrt(18));
    give(v, wg_full(WG_F64, WG_SHAPE(11), -1));
    ck_assert_double_eq(wg_optim_gradient_norm(o), sqrt(29));
    ck_assert(isnan(wg_optim_gradient_norm(NULL)));
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

static const double far_values[] = { 1e200, 1e-200, 1.5e308, 5e-324, 3e-160 };

START_TEST(the_norm_neither_overflows_nor_vanishes) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_F64, WG_SHAPE(9));
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ 0 });
    const double values[9] = { 0, far_values[_i] };
    wg_tensor *g = wg_from_f64(WG_F64, WG_SHAPE(9), values);
    give(w, g);
    ck_assert_double_eq(wg_optim_gradient_norm(o), far_values[_i]);
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

START_TEST(clipping_shortens_long_gradients_and_leaves_short_ones) {
    wg_nn *m[2] = { wg_nn_new(1), wg_nn_new(1) };
    wg_tensor *w[2], *g = wg_from_f64(WG_F64, WG_SHAPE(2), (double[]){ 3, 4 });
    wg_optim *o[2];
    for (int i = 0; i < 2; i++) {
        w[i] = param(m[i], "w", WG_F64, WG_SHAPE(2));
        o[i] = wg_optim_sgd(m[i], (wg_sgd_options){ .rate = 0.5 });
    }
    wg_tensor *start = copy_of(w[0]);
    ck_assert(wg_optim_clip_norm(o[0], 2.5));  // half of 5, so exact
    give(w[0], g);
    ck_assert(wg_optim_step(o[0]));
    ck_assert_double_eq(element(w[0], 0), element(start, 0) - 0.5 * 1.5);
    ck_assert_double_eq(element(w[0], 1), element(start, 1) - 0.5 * 2);
    ck_assert(wg_copy(w[0], start));
    ck_assert(wg_optim_clip_norm(o[0], 5));
    give(w[1], g);
    ck_assert(wg_optim_step(o[0]) && wg_optim_step(o[1]));
    ck_assert(wg_equal(w[0], w[1]));
    ck_assert(wg_copy(w[0], start) && wg_copy(w[1], start));
    ck_assert(wg_optim_clip_norm(o[0], 1) && wg_optim_clip_norm(o[0], 0));  // off again
    ck_assert(wg_optim_step(o[0]) && wg_optim_step(o[1]));
    ck_assert(wg_equal(w[0], w[1]));
    for (int i = 0; i < 2; i++) wg_nn_free(m[i]), wg_optim_free(o[i]);
}
END_TEST

START_TEST(a_gradient_that_is_not_finite_is_refused_by_its_path) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_F32, WG_SHAPE(3)), *old = copy_of(w);
    wg_optim *o = wg_optim_adam(m, (wg_adam_options){ 0 });
    ck_assert(wg_optim_clip_norm(o, 1));
    const double bad[] = { NAN, INFINITY };
    const char *words[] = { "the gradient of \"w\" is nan", "the gradient of \"w\" is inf" };
    for (int i = 0; i < 2; i++) {
        set_gradient(w, wg_from_f64(WG_F32, WG_SHAPE(3), (double[]){ 1, bad[i], 1 }));
        ck_assert(!wg_optim_step(o));
        expect_error(WG_ERROR_STATE, words[i]);
    }
    ck_assert(wg_equal(w, old));
    ck_assert_int_eq(wg_optim_steps(o), 0);
    ck_assert(!wg_optim_clip_norm(o, -1));
    expect_error(WG_ERROR_ARGUMENT, "max_norm is -1");
    ck_assert(!wg_optim_clip_norm(o, NAN));
    expect_error(WG_ERROR_ARGUMENT, "max_norm is nan");
    ck_assert(!wg_optim_clip_norm(NULL, 1));
    expect_error(WG_ERROR_ARGUMENT, "optimiser is NULL");
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

/* ---- options --------------------------------------------------------------------------------- */

static const struct {
    int rule;
    wg_sgd_options sgd;
    wg_adam_options adam;
    const char *words;
} bad_options[] = {
    { .rule = SGD, .sgd = { .rate = -0.1 }, .words = "optim_sgd: the rate is -0.1" },
    { .rule = SGD, .sgd = { .rate = NAN }, .words = "optim_sgd: the rate is nan" },
    { .rule = SGD, .sgd = { .rate = INFINITY }, .words = "optim_sgd: the rate is inf" },
    { .rule = SGD,
      .sgd = { .momentum = 1 },
      .words = "optim_sgd: momentum is 1, wanted is a number in [0, 1)" },
    { .rule = SGD, .sgd = { .momentum = -0.5 }, .words = "optim_sgd: momentum is -0.5" },
    { .rule = SGD, .sgd = { .nesterov = true }, .words = "nesterov wants momentum" },
    { .rule = SGD, .sgd = { .weight_decay = -1 }, .words = "optim_sgd: weight_decay is -1" },
    { .rule = ADAM, .adam = { .rate = -2 }, .words = "optim_adam: the rate is -2" },
    { .rule = ADAM,
      .adam = { .beta1 = 1 },
      .words = "optim_adam: beta1 is 1, wanted is a number in [0, 1)" },
    { .rule = ADAM, .adam = { .beta2 = 1.5 }, .words = "optim_adam: beta2 is 1.5" },
    { .rule = ADAM, .adam = { .beta2 = NAN }, .words = "optim_adam: beta2 is nan" },
    { .rule = ADAM, .adam = { .epsilon = -1e-8 }, .words = "optim_adam: epsilon is -1e-08" },
    { .rule = ADAMW, .adam = { .weight_decay = NAN }, .words = "optim_adamw: weight_decay is nan" },
};

START_TEST(an_option_out_of_range_is_refused_with_its_number) {
    wg_nn *m = wg_nn_new(1);
    int rule = bad_options[_i].rule;
    wg_optim *o = rule == SGD    ? wg_optim_sgd(m, bad_options[_i].sgd)
                  : rule == ADAM ? wg_optim_adam(m, bad_options[_i].adam)
                                 : wg_optim_adamw(m, bad_options[_i].adam);
    ck_assert_ptr_null(o);
    expect_error(WG_ERROR_ARGUMENT, bad_options[_i].words);
    wg_nn_free(m);
}
END_TEST

START_TEST(the_rate_can_be_set) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_F64, WG_SHAPE(2)), *start = copy_of(w);
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ 0 }),
             *a = wg_optim_adam(m, (wg_adam_options){ 0 });
    ck_assert_double_eq(wg_optim_rate(o), 0.01);
    ck_assert_double_eq(wg_optim_rate(a), 0.001);
    give(w, wg_ones(WG_F64, WG_SHAPE(2)));
    ck_assert(wg_optim_set_rate(o, 0) && wg_optim_step(o));
    ck_assert(wg_equal(w, start));
    ck_assert(wg_optim_set_rate(o, 2) && wg_optim_step(o));
    ck_assert_double_eq(element(w, 0), element(start, 0) - 2);
    ck_assert_double_eq(wg_optim_rate(o), 2);
    ck_assert(!wg_optim_set_rate(o, -1));
    expect_error(WG_ERROR_ARGUMENT, "optim_set_rate: the rate is -1");
    ck_assert(!wg_optim_set_rate(o, NAN));
    expect_error(WG_ERROR_ARGUMENT, "rate is nan");
    ck_assert_double_eq(wg_optim_rate(o), 2);
    ck_assert(isnan(wg_optim_rate(NULL)));
    ck_assert_int_eq(wg_optim_steps(NULL), 0);
    wg_nn_free(m), wg_optim_free(o), wg_optim_free(a), wg_optim_free(NULL);
}
END_TEST

/* ---- an optimiser of the user's -------------------------------------------------------------- */

static struct {
    int calls;
    int64_t t;
    double scale, rate;
} seen;

// w -= rate scale g * options[0], counting its calls in every element of both states.
static void own_update(const wg_optim_call *c) {
    const double *o = c->options, *g = c->g;
    double *w = c->w, *first = c->state[0], *second = c->state[1];
    ck_assert_int_eq(c->dtype, WG_F64);
    seen.calls++, seen.t = c->t, seen.scale = c->scale, seen.rate = c->rate;
    for (int64_t k = 0; k < c->n; k++) {
        ck_assert_double_eq(first[k], (double)c->t - 1);
        ck_assert_double_eq(second[k], 2 * first[k]);
        w[k] -= c->rate * c->scale * g[k] * o[0];
        first[k] += 1, second[k] += 2;
    }
}

START_TEST(a_rule_of_ones_own_is_run_like_the_others) {
    const wg_optim_rule rule = { .name = "own", .states = 2, .update = own_update };
    double options[] = { 10 };
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_F64, WG_SHAPE(3, 2)), *start = copy_of(w);
    wg_optim *o = wg_optim_new(m, &rule, 0.5, options, sizeof options);
    options[0] = 77;  // a copy was taken
    seen.calls = 0;
    ck_assert(wg_optim_clip_norm(o, 1));
    for (int t = 1; t <= 4; t++) {
        give(w, wg_full(WG_F64, WG_SHAPE(3, 2), 2));
        ck_assert(wg_optim_step(o)), wg_optim_clear(o);
        ck_assert_int_eq(seen.calls, t);
        ck_assert_int_eq(seen.t, t);
        ck_assert_double_eq(seen.scale, 1 / sqrt(24));
        ck_assert_double_eq(seen.rate, 0.5);
    }
    // Four steps of 0.5 * 2 / sqrt(24) * 10, each rounded at w's size, about 10.
    for (int64_t k = 0; k < 6; k++)
        expect_close(element(w, k), element(start, k) - 40 / sqrt(24), 1e-14, "w");
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

START_TEST(a_rule_is_described_properly) {
    wg_nn *m = wg_nn_new(1);
    const wg_optim_rule good = { .name = "own", .update = own_update },
                        many = { .name = "own", .states = 5, .update = own_update };
    const wg_optim_rule nameless = { .update = own_update }, idle = { .name = "own" };
    ck_assert_ptr_null(wg_optim_new(m, &many, 0.1, NULL, 0));
    expect_error(WG_ERROR_ARGUMENT, "optim_new: own: 5 states, at most 4");
    ck_assert_ptr_null(wg_optim_new(m, &nameless, 0.1, NULL, 0));
    expect_error(WG_ERROR_ARGUMENT, "no name");
    ck_assert_ptr_null(wg_optim_new(m, &idle, 0.1, NULL, 0));
    expect_error(WG_ERROR_ARGUMENT, "no update");
    ck_assert_ptr_null(wg_optim_new(m, NULL, 0.1, NULL, 0));
    expect_error(WG_ERROR_ARGUMENT, "rule is NULL");
    ck_assert_ptr_null(wg_optim_new(NULL, &good, 0.1, NULL, 0));
    expect_error(WG_ERROR_ARGUMENT, "model is NULL");
    ck_assert_ptr_null(wg_optim_new(m, &good, 0.1, NULL, 8));
    expect_error(WG_ERROR_ARGUMENT, "8 bytes of options at NULL");
    ck_assert_ptr_null(wg_optim_new(m, &good, NAN, NULL, 0));
    expect_error(WG_ERROR_ARGUMENT, "optim_new: the rate is nan");
    wg_nn_free(m);
}
END_TEST

/* ---- minimising ------------------------------------------------------------------------------ */

START_TEST(minimising_a_bowl_finds_its_bottom) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_F64, WG_SHAPE(5));
    rule_case c = cases[_i];
    c.sgd.rate = c.adam.rate = 0.05;
    c.sgd.weight_decay = c.adam.weight_decay = 0;  // pulls elsewhere
    wg_optim *o = make(m, &c);
    for (int t = 0; t < 2000; t++) {
        wg_scope *scope = wg_scope_open();
        wg_tensor *loss = wg_sum(wg_square(wg_sub(w, wg_num(3))));  // ()
        ck_assert_msg(wg_optim_minimize(o, loss), "%s", wg_error_message());
        ck_assert_ptr_null(wg_gradient(w));
        wg_scope_close(scope);
    }
    // Steps shrink geometrically here; Adam's may still move by a small share of its rate.
    for (int64_t k = 0; k < 5; k++) expect_close(element(w, k), 3, 1e-3, c.name);
    ck_assert_int_eq(wg_optim_steps(o), 2000);
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

START_TEST(minimise_is_backward_step_and_clear) {
    wg_nn *m[2] = { wg_nn_new(1), wg_nn_new(1) };
    for (int i = 0; i < 2; i++) {
        wg_tensor *x = normal(WG_F32, WG_SHAPE(6, 4), 1);  // (6, 4)
        wg_optim *o = NULL;
        for (int t = 0; t < 3; t++) {
            wg_tensor *y = wg_nn_linear(m[i], "fc", x, 3);                          // (6, 3)
            wg_tensor *loss = wg_nn_mse_loss(y, wg_zeros(WG_F32, WG_SHAPE(6, 3)));  // ()
            if (!o) o = make(m[i], &cases[_i]);
            if (i == 0) ck_assert(wg_optim_minimize(o, loss));
            if (i == 1) ck_assert(wg_backward(loss) && wg_optim_step(o));
            if (i == 1) wg_optim_clear(o);
        }
        wg_optim_free(o);
    }
    for (int k = 0; k < 2; k++)
        ck_assert(wg_equal(wg_nn_param_at(m[0], NULL, k), wg_nn_param_at(m[1], NULL, k)));
    wg_nn_free(m[0]), wg_nn_free(m[1]);
}
END_TEST

START_TEST(the_first_step_seals_the_model) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F32, WG_SHAPE(2, 4), 1);
    wg_optim *o = make(m, &cases[_i]);
    wg_tensor *loss = wg_sum(wg_nn_linear(m, "hidden", x, 3));  // ()
    ck_assert(!wg_optim_minimize(o, x));
    expect_error(WG_ERROR_STATE, "not tracked");
    ck_assert(!wg_nn_is_sealed(m));
    ck_assert(wg_optim_minimize(o, loss));
    ck_assert(wg_nn_is_sealed(m));
    ck_assert_ptr_null(wg_nn_linear(m, "hiden", x, 3));
    expect_error(WG_ERROR_STATE, "hiden: the model is sealed and has no parameter \"hiden/w\"; the "
                                 "nearest is \"hidden/w\"");
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

START_TEST(a_step_makes_older_histories_stale) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_F32, WG_SHAPE(3));
    wg_optim *o = make(m, &cases[_i]);
    wg_tensor *loss = wg_sum(wg_square(w)), *again = wg_sum(wg_square(w));
    ck_assert(wg_optim_minimize(o, loss));
    ck_assert(!wg_optim_minimize(o, again));
    expect_error(WG_ERROR_STATE, "square");
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

// 0, and no number for a slope.
static wg_tensor *infinitely_steep(wg_tensor *v) { return wg_sqrt(wg_sub(v, wg_stop(v))); }

START_TEST(minimise_on_an_error_changes_nothing) {
    wg_nn *m = wg_nn_new(1), *other = wg_nn_new(2);
    wg_tensor *w = param(m, "w", WG_F32, WG_SHAPE(3)), *v = param(m, "v", WG_F32, WG_SHAPE(3));
    wg_tensor *old = copy_of(w);
    wg_optim *o = make(m, &cases[_i]);
    ck_assert(!wg_optim_minimize(o, NULL));
    expect_error(WG_ERROR_ARGUMENT, "the loss is NULL");
    ck_assert(!wg_optim_minimize(NULL, w));
    expect_error(WG_ERROR_ARGUMENT, "the optimiser is NULL");
    ck_assert(!wg_optim_minimize(o, wg_square(w)));
    expect_error(WG_ERROR_SHAPE, "not one element");
    wg_tensor *elsewhere = wg_sum(param(other, "w", WG_F32, WG_SHAPE(3)));
    ck_assert(!wg_optim_minimize(o, elsewhere));
    expect_error(WG_ERROR_STATE, "depends on none of the model's 2 parameters");
    give(w, wg_ones(WG_F32, WG_SHAPE(3)));  // a gradient that was there before stays
    ck_assert(!wg_optim_minimize(o, wg_square(v)));
    expect_error(WG_ERROR_SHAPE, "not one element");
    ck_assert(wg_gradient(w) && !wg_gradient(v));
    // Fails in the step, after the backward pass.
    wg_clear_gradient(w);
    wg_tensor *loss = wg_sum(infinitely_steep(v));
    ck_assert(!wg_optim_minimize(o, loss));
    expect_error(WG_ERROR_STATE, "the gradient of \"v\" is inf; nothing was changed");
    ck_assert(!wg_gradient(v));
    wg_fail(WG_ERROR_ARGUMENT, "first");
    ck_assert(!wg_optim_minimize(o, elsewhere) && !wg_optim_step(o));
    expect_error(WG_ERROR_ARGUMENT, "first");
    ck_assert(wg_equal(w, old) && !wg_gradient(w));
    ck_assert_int_eq(wg_optim_steps(o), 0);
    wg_nn_free(m), wg_nn_free(other), wg_optim_free(o);
}
END_TEST

START_TEST(a_gradient_from_before_is_put_back_when_the_step_fails) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_F32, WG_SHAPE(3)), *v = param(m, "v", WG_F32, WG_SHAPE(3));
    wg_optim *o = make(m, &cases[_i]);
    ck_assert(wg_optim_clip_norm(o, 1));
    give(w, normal(WG_F32, WG_SHAPE(3), 5));
    wg_tensor *gradient = wg_gradient(w), *old = copy_of(gradient);
    wg_tensor *both = wg_add(w, infinitely_steep(v));
    ck_assert(!wg_optim_minimize(o, wg_sum(both)));
    expect_error(WG_ERROR_STATE, "optim_step: the gradient of \"v\" is inf");
    ck_assert_ptr_eq(wg_gradient(w), gradient);
    ck_assert(wg_equal(gradient, old) && !wg_gradient(v));
    wg_nn *other = wg_nn_new(2);
    wg_optim *none = make(other, &cases[_i]);  // of a model without parameters
    ck_assert(!wg_optim_minimize(none, wg_sum(w)));
    expect_error(WG_ERROR_STATE, "optim_minimize: the loss depends on none");
    ck_assert(wg_optim_minimize(o, wg_sum(wg_square(w))));  // both gradients together
    ck_assert(!wg_gradient(w));
    wg_nn_free(m), wg_nn_free(other), wg_optim_free(o), wg_optim_free(none);
}
END_TEST

// Adam without a mean, by a beta1 that rounds to nothing: rate g / (|g| + epsilon) at the first
// step.
START_TEST(a_tiny_beta1_is_none) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_F64, WG_SHAPE(4));
    wg_optim *o = wg_optim_adam(m, (wg_adam_options){ .rate = 0.1, .beta1 = 1e-30 });
    double square[4] = { 0 }, wanted[4];
    ck_assert(wg_read_f64(w, wanted, 4));
    for (int t = 1; t <= 20; t++) {
        wg_tensor *g = normal(WG_F64, WG_SHAPE(4), (uint64_t)t);
        for (int64_t k = 0; k < 4; k++) {
            double gk = element(g, k);
            square[k] = 0.999 * square[k] + 0.001 * gk * gk;
            wanted[k] -= 0.1 * gk / (sqrt(square[k] / (1 - pow(0.999, t))) + 1e-8);
        }
        give(w, g);
        ck_assert(wg_optim_step(o)), wg_optim_clear(o);
    }
    // Twenty steps of a handful of roundings each, at numbers of about 1.
    for (int64_t k = 0; k < 4; k++) expect_close(element(w, k), wanted[k], 1e-13, "w");
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

START_TEST(messages_begin_with_the_function_whatever_layer_came_before) {
    wg_nn *m = wg_nn_new(1);
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ 0 });
    ck_assert_ptr_nonnull(wg_nn_sub(m, "block3"));
    ck_assert(!wg_optim_set_rate(o, -1));
    ck_assert_int_eq(strncmp(wg_error_message(), "optim_set_rate: the rate", 24), 0);
    wg_error_clear();
    ck_assert_ptr_nonnull(wg_nn_sub(m, "block3"));
    ck_assert(!wg_optim_clip_norm(o, -1));
    ck_assert_int_eq(strncmp(wg_error_message(), "optim_clip_norm: max_norm", 25), 0);
    wg_error_clear();
    ck_assert_ptr_nonnull(wg_nn_sub(m, "block3"));
    wg_optim_clear(NULL);
    ck_assert_int_eq(strncmp(wg_error_message(), "optim_clear: the optimiser", 26), 0);
    wg_error_clear();
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

START_TEST(training_asks_for_no_memory_once_warm) {
    wg_nn *m = wg_nn_new(1);
    wg_optim *o = make(m, &cases[_i]);
    wg_tensor *x = normal(WG_F32, WG_SHAPE(8, 2, 5), 1), *t = wg_zeros(WG_F32, WG_SHAPE(8, 2, 3));
    int64_t calls = 0;
    size_t used = 0;
    for (int step = 0; step < 20; step++) {
        wg_scope *scope = wg_scope_open();
        wg_tensor *h = wg_tanh(wg_nn_linear(wg_nn_sub(m, "block%d", 1), "up", x, 7));  // (8, 2, 7)
        h = wg_nn_dropout(m, "drop", h, 0.5);
        wg_tensor *loss = wg_nn_mse_loss(wg_nn_linear(m, "out", h, 3), t);  // ()
        loss = wg_add(loss, wg_nn_l2(m, "*/w", 1e-4));
        ck_assert_msg(wg_optim_minimize(o, loss), "%s", wg_error_message());
        wg_scope_close(scope);
        if (step >= 3) ck_assert_int_eq(counted.calls, calls);
        if (step >= 3) ck_assert_uint_eq(bytes_in_use(), used);
        calls = counted.calls, used = bytes_in_use();
    }
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

static const rule_case *failing;

static bool train_once(void) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F32, WG_SHAPE(4, 3), 1);       // (4, 3)
    wg_tensor *y = m ? wg_nn_linear(m, "fc", x, 2) : NULL;  // (4, 2)
    wg_tensor *loss = wg_mean(wg_square(y));                // ()
    wg_tensor *w = m ? wg_nn_find(m, "fc/w") : NULL, *old = w ? wg_zeros_like(w) : NULL;
    wg_optim *o = NULL;
    bool ready = loss && old && wg_copy(old, w);
    if (ready)
        o = failing->rule == SGD ? wg_optim_sgd(m, failing->sgd) : wg_optim_adam(m, failing->adam);
    wg_tensor *held = NULL;  // a gradient of the bias from before
    if (o && wg_backward(wg_sum(wg_nn_find(m, "fc/b")))) held = wg_gradient(wg_nn_find(m, "fc/b"));
    bool done = held && wg_optim_minimize(o, loss);
    if (ready && !done) {
        ck_assert(wg_equal(w, old) && !wg_gradient(w) && !wg_nn_is_sealed(m));
        if (held) ck_assert(element(held, 0) == 1 && element(held, 1) == 1);
        ck_assert_int_eq(wg_optim_steps(o), 0);
    }
    wg_nn_free(m), wg_optim_free(o);
    return done;
}

START_TEST(every_allocation_may_fail) {
    failing = &cases[_i];
    fail_every_allocation(train_once);
}
END_TEST

START_TEST(a_step_that_found_no_memory_can_be_made_again) {
    for (int64_t n = 0, failures = 0;; n++) {
        wg_nn *m[2] = { wg_nn_new(1), wg_nn_new(1) };
        wg_optim *o[2];
        for (int i = 0; i < 2; i++) {
            o[i] = make(m[i], &cases[_i]);
            give(param(m[i], "w", WG_F32, WG_SHAPE(500)), wg_ones(WG_F32, WG_SHAPE(500)));
            give(param(m[i], "v", WG_F64, WG_SHAPE(900)), wg_ones(WG_F64, WG_SHAPE(900)));
        }
        ck_assert(wg_optim_step(o[0]));
        wg_memory_trim();
        counted.left = n;
        bool done = wg_optim_step(o[1]);
        counted.left = -1;
        if (!done) expect_error(WG_ERROR_MEMORY, "out of memory");
        if (!done) ck_assert(wg_optim_step(o[1]));
        for (int k = 0; k < 2; k++)
            ck_assert(wg_equal(wg_nn_param_at(m[0], NULL, k), wg_nn_param_at(m[1], NULL, k)));
        for (int i = 0; i < 2; i++) wg_nn_free(m[i]), wg_optim_free(o[i]);
        wg_reset();
        failures += !done;
        if (!done) continue;
        ck_assert_int_gt(failures, 0);
        return;
    }
}
END_TEST

START_TEST(model_and_optimiser_may_go_in_either_order) {
    for (int order = 0; order < 2; order++) {
        wg_nn *m = wg_nn_new(1);
        wg_tensor *w = param(m, "w", WG_F32, WG_SHAPE(3));
        wg_optim *o = make(m, &cases[_i]);
        ck_assert(wg_optim_minimize(o, wg_sum(wg_square(w))));
        if (order == 0) wg_nn_free(m), wg_optim_free(o);
        if (order == 1) wg_optim_free(o), wg_nn_free(m);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("optim");
    TCase *t = add_cases(suite, "optim");
    tcase_add_loop_test(t, each_follows_its_formula, 0, CASES);
    tcase_add_loop_test(t, permuting_the_elements_permutes_the_result, 0, CASES);
    tcase_add_loop_test(t, parameters_do_not_touch_each_other, 0, CASES);
    tcase_add_loop_test(t, a_parameter_without_gradient_is_left_alone, 0, CASES);
    tcase_add_loop_test(t, an_optimiser_of_a_part_steps_that_part, 0, CASES);
    tcase_add_loop_test(t, a_gradient_of_any_strides_will_do, 0, CASES);
    tcase_add_loop_test(t, a_gradient_that_does_not_fit_is_refused_and_nothing_changes, 0, CASES);
    tcase_add_test(t, the_norm_is_over_all_gradients_together);
    ADD_TABLE(t, the_norm_neither_overflows_nor_vanishes, far_values);
    tcase_add_test(t, clipping_shortens_long_gradients_and_leaves_short_ones);
    tcase_add_test(t, a_gradient_that_is_not_finite_is_refused_by_its_path);
    ADD_TABLE(t, an_option_out_of_range_is_refused_with_its_number, bad_options);
    tcase_add_test(t, the_rate_can_be_set);
    tcase_add_test(t, a_rule_of_ones_own_is_run_like_the_others);
    tcase_add_test(t, a_rule_is_described_properly);
    tcase_add_loop_test(t, minimising_a_bowl_finds_its_bottom, 0, CASES);
    tcase_add_loop_test(t, minimise_is_backward_step_and_clear, 0, CASES);
    tcase_add_loop_test(t, the_first_step_seals_the_model, 0, CASES);
    tcase_add_loop_test(t, a_step_makes_older_histories_stale, 0, CASES);
    tcase_add_loop_test(t, minimise_on_an_error_changes_nothing, 0, CASES);
    tcase_add_loop_test(t, a_gradient_from_before_is_put_back_when_the_step_fails, 0, CASES);
    tcase_add_test(t, a_tiny_beta1_is_none);
    tcase_add_test(t, messages_begin_with_the_function_whatever_layer_came_before);
    tcase_add_loop_test(t, training_asks_for_no_memory_once_warm, 0, CASES);
    tcase_add_loop_test(t, every_allocation_may_fail, 0, CASES);
    tcase_add_loop_test(t, a_step_that_found_no_memory_can_be_made_again, 0, CASES);
    tcase_add_loop_test(t, model_and_optimiser_may_go_in_either_order, 0, CASES);
    return run_suite(suite);
}
