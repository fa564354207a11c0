// SPDX-License-Identifier: MIT
/* test_optim_rules.c: every rule against its paper's formula, written out here one number at a time
   in double, and against PyTorch's optimisers over 100 steps (tests/golden_optim). */
#include "io/io.h"
#include "tests/nn_test.h"

static double or_else(double value, double standard) { return value == 0 ? standard : value; }

/* ---- the formulas: what becomes of w, given g, its state s and the step t -------------------- */

static double sgd(const void *options, double w, double g, double s[3], int t) {
    const wg_sgd_options *o = options;
    double rate = or_else(o->rate, 0.01), mu = o->momentum;
    g += o->weight_decay * w;
    if (mu == 0) return w - rate * g;
    s[0] = t == 1 ? g : mu * s[0] + (1 - o->dampening) * g;
    return w - rate * (o->nesterov ? g + mu * s[0] : s[0]);
}

static double adam_or_adamw(const wg_adam_options *o, bool decoupled, double w, double g,
                            double s[3], int t) {
    double rate = or_else(o->rate, 0.001), epsilon = or_else(o->epsilon, 1e-8);
    double beta1 = or_else(o->beta1, 0.9), beta2 = or_else(o->beta2, 0.999);
    if (!decoupled) g += o->weight_decay * w;
    if (decoupled) w -= rate * o->weight_decay * w;
    s[0] = beta1 * s[0] + (1 - beta1) * g;
    s[1] = beta2 * s[1] + (1 - beta2) * g * g;
    s[2] = fmax(s[2], s[1]);
    double v = o->amsgrad ? s[2] : s[1];
    return w - rate * s[0] / (1 - pow(beta1, t)) / (sqrt(v / (1 - pow(beta2, t))) + epsilon);
}
static double adam(const void *options, double w, double g, double s[3], int t) {
    return adam_or_adamw(options, false, w, g, s, t);
}
static double adamw(const void *options, double w, double g, double s[3], int t) {
    return adam_or_adamw(options, true, w, g, s, t);
}

static double nadam(const void *options, double w, double g, double s[3], int t) {
    const wg_nadam_options *o = options;
    double rate = or_else(o->rate, 0.002), epsilon = or_else(o->epsilon, 1e-8);
    double beta1 = or_else(o->beta1, 0.9), beta2 = or_else(o->beta2, 0.999);
    double psi = or_else(o->momentum_decay, 0.004), product = 1, mu = 0;
    g += o->weight_decay * w;
    for (int i = 1; i <= t; i++) product *= mu = beta1 * (1 - 0.5 * pow(0.96, i * psi));
    double next = beta1 * (1 - 0.5 * pow(0.96, (t + 1) * psi));
    s[0] = beta1 * s[0] + (1 - beta1) * g;
    s[1] = beta2 * s[1] + (1 - beta2) * g * g;
    double mean = next * s[0] / (1 - product * next) + (1 - mu) * g / (1 - product);
    return w - rate * mean / (sqrt(s[1] / (1 - pow(beta2, t))) + epsilon);
}

static double radam(const void *options, double w, double g, double s[3], int t) {
    const wg_radam_options *o = options;
    double rate = or_else(o->rate, 0.001), epsilon = or_else(o->epsilon, 1e-8);
    double beta1 = or_else(o->beta1, 0.9), beta2 = or_else(o->beta2, 0.999);
    g += o->weight_decay * w;
    s[0] = beta1 * s[0] + (1 - beta1) * g;
    s[1] = beta2 * s[1] + (1 - beta2) * g * g;
    double mean = s[0] / (1 - pow(beta1, t)), most = 2 / (1 - beta2) - 1;
    double rho = most - 2 * t * pow(beta2, t) / (1 - pow(beta2, t));
    if (rho <= 5) return w - rate * mean;
    double r = sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho));
    return w - rate * mean * r * sqrt(1 - pow(beta2, t)) / (sqrt(s[1]) + epsilon);
}

static double adamax(const void *options, double w, double g, double s[3], int t) {
    const wg_adamax_options *o = options;
    double rate = or_else(o->rate, 0.002), epsilon = or_else(o->epsilon, 1e-8);
    double beta1 = or_else(o->beta1, 0.9), beta2 = or_else(o->beta2, 0.999);
    g += o->weight_decay * w;
    s[0] = beta1 * s[0] + (1 - beta1) * g;
    s[1] = fmax(beta2 * s[1], fabs(g) + epsilon);
    return w - rate / (1 - pow(beta1, t)) * s[0] / s[1];
}

static double rmsprop(const void *options, double w, double g, double s[3], int t) {
    const wg_rmsprop_options *o = options;
    double rate = or_else(o->rate, 0.01), epsilon = or_else(o->epsilon, 1e-8);
    double alpha = or_else(o->alpha, 0.99);
    (void)t;
    g += o->weight_decay * w;
    s[0] = alpha * s[0] + (1 - alpha) * g * g;
    s[1] = alpha * s[1] + (1 - alpha) * g;
    double u = g / (sqrt(o->centred ? s[0] - s[1] * s[1] : s[0]) + epsilon);
    s[2] = o->momentum * s[2] + u;
    return w - rate * (o->momentum > 0 ? s[2] : u);
}

static double adagrad(const void *options, double w, double g, double s[3], int t) {
    const wg_adagrad_options *o = options;
    g += o->weight_decay * w;
    if (t == 1) s[0] = o->start;
    s[0] += g * g;
    double rate = or_else(o->rate, 0.01) / (1 + (t - 1) * o->rate_decay);
    return w - rate * g / (sqrt(s[0]) + or_else(o->epsilon, 1e-10));
}

static double adadelta(const void *options, double w, double g, double s[3], int t) {
    const wg_adadelta_options *o = options;
    double rho = or_else(o->rho, 0.9), epsilon = or_else(o->epsilon, 1e-6);
    (void)t;
    g += o->weight_decay * w;
    s[0] = rho * s[0] + (1 - rho) * g * g;
    double d = sqrt(s[1] + epsilon) / sqrt(s[0] + epsilon) * g;
    s[1] = rho * s[1] + (1 - rho) * d * d;
    return w - or_else(o->rate, 1) * d;
}

static double sign(double x) { return (x > 0) - (x < 0); }

static double rprop(const void *options, double w, double g, double s[3], int t) {
    const wg_rprop_options *o = options;
    double slower = or_else(o->slower, 0.5), faster = or_else(o->faster, 1.2);
    double least = or_else(o->least, 1e-6), most = or_else(o->most, 50);
    if (t == 1) s[1] = or_else(o->rate, 0.01);
    double turn = sign(g * s[0]);
    s[1] = fmin(fmax(s[1] * (turn > 0 ? faster : turn < 0 ? slower : 1), least), most);
    s[0] = turn < 0 ? 0 : g;
    return w - sign(s[0]) * s[1];
}

static double lion(const void *options, double w, double g, double s[3], int t) {
    const wg_lion_options *o = options;
    double beta1 = or_else(o->beta1, 0.9), beta2 = or_else(o->beta2, 0.99);
    double c = beta1 * s[0] + (1 - beta1) * g;
    (void)t;
    s[0] = beta2 * s[0] + (1 - beta2) * g;
    return w - or_else(o->rate, 1e-4) * (sign(c) + o->weight_decay * w);
}

/* ---- the cases, whose names are those of the golden files ------------------------------------ */

#define SPEC(rule)                                                                                 \
    static wg_optim_spec spec_##rule(const void *options) {                                        \
        return wg_##rule(*(const wg_##rule##_options *)options);                                   \
    }
typedef wg_adam_options wg_adamw_options;
SPEC(sgd)
SPEC(adam)
SPEC(adamw)
SPEC(nadam)
SPEC(radam)
SPEC(adamax)
SPEC(rmsprop)
SPEC(adagrad)
SPEC(adadelta)
SPEC(rprop)
SPEC(lion)
SPEC(muon)

typedef struct rule_case {
    const char *name;
    wg_optim_spec (*spec)(const void *options);
    double (*formula)(const void *options, double w, double g, double s[3], int t);
    const void *options;
    int64_t rows;  // of a matrix; 0: a vector
} rule_case;
#define CASE(name, rule, ...)                                                                      \
    { name, spec_##rule, rule, &(const wg_##rule##_options){ __VA_ARGS__ }, 0 }
#define MATRIX(name, rows, ...)                                                                    \
    { name, spec_muon, NULL, &(const wg_muon_options){ __VA_ARGS__ }, rows }

static const rule_case cases[] = {
    CASE("sgd", sgd, 0),
    CASE("sgd_decay", sgd, .rate = 0.05, .weight_decay = 0.3),
    CASE("sgd_momentum", sgd, .rate = 0.05, .momentum = 0.9),
    CASE("sgd_dampening", sgd, 0.05, 0.9, false, 0.1, 0.4),
    CASE("sgd_nesterov", sgd, 0.05, 0.8, true, 0.1, 0),
    CASE("adam", adam, 0),
    CASE("adam_all", adam, 0.05, 0.8, 0.99, 1e-3, 0.3, false),
    CASE("adam_amsgrad", adam, .rate = 0.05, .beta1 = 0.8, .beta2 = 0.9, .amsgrad = true),
    CASE("adamw", adamw, 0),
    CASE("adamw_all", adamw, 0.05, 0.8, 0.99, 1e-3, 0.3, false),
    CASE("adamw_amsgrad", adamw, 0.05, 0.8, 0.9, .weight_decay = 0.1, .amsgrad = true),
    CASE("nadam", nadam, 0),
    CASE("nadam_all", nadam, 0.05, 0.8, 0.99, 1e-3, 0.1, 0.3),
    CASE("radam", radam, 0),
    CASE("radam_all", radam, 0.05, 0.8, 0.95, 1e-3, 0.3),
    CASE("adamax", adamax, 0),
    CASE("adamax_all", adamax, 0.05, 0.8, 0.9, 1e-3, 0.3),
    CASE("rmsprop", rmsprop, 0),
    CASE("rmsprop_centred", rmsprop, .centred = true),
    CASE("rmsprop_momentum", rmsprop, .rate = 0.02, .alpha = 0.9, .momentum = 0.8),
    CASE("rmsprop_all", rmsprop, 0.02, 0.9, 1e-3, true, 0.8, 0.3),
    CASE("adagrad", adagrad, 0),
    CASE("adagrad_all", adagrad, 0.3, 0.1, 0.5, 1e-3, 0.3),
    CASE("adadelta", adadelta, 0),
    CASE("adadelta_all", adadelta, 0.7, 0.8, 1e-3, 0.3),
    CASE("rprop", rprop, 0),
    CASE("rprop_all", rprop, 0.1, 0.3, 1.5, 0.01, 0.4),
    CASE("lion", lion, 0),
    CASE("lion_all", lion, 0.01, 0.8, 0.95, 0.3),
    MATRIX("muon", 3, 0),
    MATRIX("muon_tall", 6, 0),
    MATRIX("muon_all", 2, 0.1, 0.8, true, 0.3, 4),
};

static wg_tensor *param(wg_nn *m, wg_dtype dtype, wg_shape shape) {
    wg_tensor *w =
        wg_nn_param(m, "w", dtype, shape, (wg_init){ .kind = WG_INIT_NORMAL, .a = 0, .b = 1 });
    ck_assert_msg(w != NULL, "%s", wg_error_message());
    return w;
}

static void step_with(wg_optim *o, wg_tensor *w, wg_tensor *g) {
    ck_assert_msg(wg_backward(wg_sum(wg_mul(w, g))), "%s", wg_error_message());
    ck_assert_msg(wg_optim_step(o), "%s", wg_error_message());
    wg_optim_clear(o);
}

/* ---- against the formulas -------------------------------------------------------------------- */

enum { STEPS = 60, MOST = 1000 };

/* Each step is a few roundings of its own for every step before it, which its states remember;
   beside it w itself is rounded once or twice. path is how far w went in all. A quotient whose
   divisor has cancelled, as a centred variance does, has up to ten times the error. */
static double bound(wg_dtype dtype, double path) {
    return (dtype == WG_F32 ? 0x1p-24 : 0x1p-53) * (16 * STEPS + 10 * path * STEPS);
}

static void follow(const rule_case *c, wg_dtype dtype, int64_t n) {
    static double want[MOST], state[MOST][3], path[MOST];
    memset(state, 0, sizeof state), memset(path, 0, sizeof path);
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, dtype, WG_SHAPE(n));
    wg_optim *o = wg_optim_make(m, c->spec(c->options));
    ck_assert_msg(o && wg_read_f64(w, want, n), "%s", wg_error_message());
    for (int t = 1; t <= STEPS; t++) {
        wg_scope *scope = wg_scope_open();
        wg_tensor *g = normal(dtype, WG_SHAPE(n), (uint64_t)t);
        step_with(o, w, g);
        for (int64_t k = 0; k < n; k++) {
            double next = c->formula(c->options, want[k], element(g, k), state[k], t);
            path[k] += fabs(next - want[k]);
            want[k] = next;
        }
        wg_scope_close(scope);
    }
    for (int64_t k = 0; k < n; k++)
        expect_close(element(w, k), want[k], bound(dtype, path[k]), c->name);
    wg_nn_free(m), wg_optim_free(o);
}

START_TEST(each_rule_follows_its_formula) {
    static const int64_t sizes[] = { 1, 7, MOST };
    const rule_case *c = &cases[_i];
    for (int i = 0; c->formula && i < 6; i++) follow(c, i % 2 ? WG_F64 : WG_F32, sizes[i / 2]);
}
END_TEST

/* ---- against PyTorch ------------------------------------------------------------------------- */

enum { SIZE = 12, GOLDEN_STEPS = 100 };
static const int kept[] = { 1, 2, 10, 50, 100 };

static wg_tensor *golden(const char *name) {
    char path[200];
    snprintf(path, sizeof path, "tests/golden_optim/%s.npy", name);
    wg_tensor *x = wg_io_load_npy(path);
    ck_assert_msg(x != NULL, "%s", wg_error_message());
    return x;
}

START_TEST(each_rule_goes_where_pytorch_goes) {
    const rule_case *c = &cases[_i];
    wg_shape shape = c->rows ? WG_SHAPE(c->rows, SIZE / c->rows) : WG_SHAPE(SIZE);
    wg_tensor *given = golden("gradients"), *want = golden(c->name);  // (101, 12), (5, 12)
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, WG_F64, shape);
    wg_optim *o = wg_optim_make(m, c->spec(c->options));
    ck_assert(wg_copy(w, wg_reshape(wg_select(given, 0, 0), shape)));
    for (int t = 1, at = 0; t <= GOLDEN_STEPS; t++) {
        step_with(o, w, wg_reshape(wg_select(given, 0, t), shape));
        if (t != kept[at]) continue;
        // Two orders of the same roundings, of numbers up to 10, in each step.
        for (int64_t k = 0; k < SIZE; k++)
            expect_close(element(w, k), element(want, at * SIZE + k), 1e-14 * t + 1e-14, c->name);
        at++;
    }
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

/* ---- options --------------------------------------------------------------------------------- */

#define BAD(rule, words, ...)                                                                      \
    { spec_##rule, &(const wg_##rule##_options){ __VA_ARGS__ }, "optim_" #rule ": " words }

static const struct {
    wg_optim_spec (*spec)(const void *options);
    const void *options;
    const char *words;
} bad_options[] = {
    BAD(sgd, "dampening is 1, wanted is a number in [0, 1)", .momentum = 0.5, .dampening = 1),
    BAD(sgd, "dampening wants momentum, which is 0", .dampening = 0.5),
    BAD(sgd, "nesterov takes no dampening, which is 0.5", .momentum = 0.9, .dampening = 0.5,
        .nesterov = true),
    BAD(nadam, "the rate is -1", .rate = -1),
    BAD(nadam, "beta1 is 1, wanted is a number in [0, 1)", .beta1 = 1),
    BAD(nadam, "beta2 is nan", .beta2 = NAN),
    BAD(nadam, "epsilon is inf", .epsilon = INFINITY),
    BAD(nadam, "momentum_decay is -0.1", .momentum_decay = -0.1),
    BAD(nadam, "weight_decay is -1", .weight_decay = -1),
    BAD(radam, "the rate is nan", .rate = NAN),
    BAD(radam, "beta1 is -0.5", .beta1 = -0.5),
    BAD(radam, "beta2 is 1", .beta2 = 1),
    BAD(radam, "epsilon is -1", .epsilon = -1),
    BAD(radam, "weight_decay is nan", .weight_decay = NAN),
    BAD(adamax, "the rate is inf", .rate = INFINITY),
    BAD(adamax, "beta1 is 2", .beta1 = 2),
    BAD(adamax, "beta2 is 1", .beta2 = 1),
    BAD(adamax, "epsilon is -1", .epsilon = -1),
    BAD(adamax, "weight_decay is -1", .weight_decay = -1),
    BAD(rmsprop, "the rate is -1", .rate = -1),
    BAD(rmsprop, "alpha is 1, wanted is a number in [0, 1)", .alpha = 1),
    BAD(rmsprop, "epsilon is -1", .epsilon = -1),
    BAD(rmsprop, "momentum is 1", .momentum = 1),
    BAD(rmsprop, "weight_decay is -1", .weight_decay = -1),
    BAD(adagrad, "the rate is -1", .rate = -1),
    BAD(adagrad, "rate_decay is -1", .rate_decay = -1),
    BAD(adagrad, "start is -1", .start = -1),
    BAD(adagrad, "epsilon is nan", .epsilon = NAN),
    BAD(adagrad, "weight_decay is -1", .weight_decay = -1),
    BAD(adadelta, "the rate is -1", .rate = -1),
    BAD(adadelta, "rho is 1", .rho = 1),
    BAD(adadelta, "epsilon is -1", .epsilon = -1),
    BAD(adadelta, "weight_decay is -1", .weight_decay = -1),
    BAD(rprop, "the rate is -1", .rate = -1),
    BAD(rprop, "slower is 1, wanted is a number in [0, 1)", .slower = 1),
    BAD(rprop, "faster is 0.5, wanted is at least 1", .faster = 0.5),
    BAD(rprop, "least is -1", .least = -1),
    BAD(rprop, "steps from 2 to 1", .least = 2, .most = 1),
    BAD(lion, "the rate is -1", .rate = -1),
    BAD(lion, "beta1 is 1", .beta1 = 1),
    BAD(lion, "beta2 is 1", .beta2 = 1),
    BAD(lion, "weight_decay is -1", .weight_decay = -1),
    BAD(muon, "the rate is -1", .rate = -1),
    BAD(muon, "momentum is 1", .momentum = 1),
    BAD(muon, "weight_decay is -1", .weight_decay = -1),
    BAD(muon, "iterations is -1", .iterations = -1),
};

START_TEST(an_option_out_of_range_is_refused_with_its_number) {
    wg_optim_spec spec = bad_options[_i].spec(bad_options[_i].options);
    ck_assert_ptr_null(spec.rule);
    expect_error(WG_ERROR_ARGUMENT, bad_options[_i].words);
}
END_TEST

/* ---- what a formula does not say ------------------------------------------------------------- */

// A constant gradient has no variance, but roundings that may make it negative.
START_TEST(a_centred_mean_square_is_not_negative) {
    for (int i = 0; i < 2; i++) {
        wg_dtype dtype = i ? WG_F64 : WG_F32;
        wg_nn *m = wg_nn_new(1);
        wg_tensor *w = param(m, dtype, WG_SHAPE(100));
        wg_optim *o = wg_optim_rmsprop(m, (wg_rmsprop_options){ .alpha = 0.5, .centred = true });
        wg_tensor *g = normal(dtype, WG_SHAPE(100), 1);
        for (int t = 0; t < 100; t++) step_with(o, w, g);
        for (int64_t k = 0; k < 100; k++) ck_assert(isfinite(element(w, k)));
        wg_nn_free(m), wg_optim_free(o);
    }
}
END_TEST

// No gradient ever: m / (sqrt(v) + epsilon) is 0 / epsilon, and not 0 / 0.
START_TEST(a_gradient_of_zero_moves_nothing) {
    const rule_case *c = &cases[_i];
    wg_nn *m = wg_nn_new(1);
    wg_shape shape = c->rows ? WG_SHAPE(c->rows, 12 / c->rows) : WG_SHAPE(12);
    wg_tensor *w = wg_nn_param(m, "w", WG_F32, shape, (wg_init){ .kind = WG_INIT_ZEROS });
    wg_optim *o = wg_optim_make(m, c->spec(c->options));
    for (int t = 0; t < 10; t++) step_with(o, w, wg_zeros(WG_F32, shape));
    ck_assert(wg_equal(w, wg_zeros(WG_F32, shape)));
    wg_nn_free(m), wg_optim_free(o);
}
END_TEST

/* A beta of 1e-30 stands for none: what it weighs must vanish also where g is 0, since a sign would
   make a whole step of it. */
static const wg_lion_options no_memory[] = { { .rate = 0.5, .beta1 = 1e-30 },
                                             { .rate = 0.5, .beta1 = 1e-30, .beta2 = 1e-30 },
                                             { .rate = 0.5, .beta1 = 0.5, .beta2 = 1e-30 } };

START_TEST(lion_without_memory_makes_no_step_where_the_gradient_is_zero) {
    for (wg_dtype dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_nn *m = wg_nn_new(1);
        wg_tensor *w = wg_nn_param(m, "w", dtype, WG_SHAPE(2), (wg_init){ .kind = WG_INIT_ZEROS });
        wg_tensor *g = wg_cast(wg_from(WG_F64, WG_SHAPE(2), (double[]){ 0, -2 }), dtype);
        wg_optim *o = wg_optim_lion(m, no_memory[_i]);
        step_with(o, w, wg_ones(dtype, WG_SHAPE(2)));
        step_with(o, w, wg_zeros(dtype, WG_SHAPE(2)));  // with .beta1 = 0.5, of what is remembered
        wg_fill(w, -0.5);
        step_with(o, w, g);
        EXPECT_VALUES(w, -0.5, 0);
        wg_nn_free(m), wg_optim_free(o);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("optim_rules");
    TCase *t = add_cases(suite, "formulas");
    ADD_TABLE(t, each_rule_follows_its_formula, cases);
    TCase *u = add_cases(suite, "PyTorch");
    ADD_TABLE(u, each_rule_goes_where_pytorch_goes, cases);
    TCase *v = add_cases(suite, "corners");
    ADD_TABLE(v, an_option_out_of_range_is_refused_with_its_number, bad_options);
    ADD_TABLE(v, a_gradient_of_zero_moves_nothing, cases);
    ADD_TABLE(v, lion_without_memory_makes_no_step_where_the_gradient_is_zero, no_memory);
    tcase_add_test(v, a_centred_mean_square_is_not_negative);
    return run_suite(suite);
}
