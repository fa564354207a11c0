// SPDX-License-Identifier: MIT
/* test_layers_golden.c: layers against PyTorch's, whose numbers stand in golden_nn, and against the
   gradient checker, which knows neither. */
#include "tests/layer_cases.h"

/* ---- a file of numbers ----------------------------------------------------------------------- */

typedef struct numbers {
    const char *name;
    wg_tensor *file;
    const double *at, *end;
} numbers;

static numbers open_numbers(const char *name) {
    char path[200];
    snprintf(path, sizeof path, "tests/golden_nn/%s.npy", name);
    numbers f = { .name = name, .file = wg_io_load_npy(path) };
    f.at = wg_values(f.file, WG_F64);
    ck_assert_msg(f.at != NULL, "%s", wg_error_message());
    f.end = f.at + wg_numel(f.file);
    return f;
}

static const double *take(numbers *f, int64_t n) {
    const double *values = f->at;
    ck_assert_msg(n <= f->end - f->at, "%s ends too early", f->name);
    f->at += n;
    return values;
}

static void expect_end(const numbers *f) {
    ck_assert_msg(f->at == f->end, "%s has %lld numbers more", f->name,
                  (long long)(f->end - f->at));
}

static wg_tensor *take_tensor(numbers *f, wg_dtype dtype, wg_shape shape) {
    int64_t n = 1;
    for (int i = 0; i < shape.rank; i++) n *= shape.dim[i];
    return wg_from_f64(dtype, shape, take(f, n));
}

static void take_parameters(numbers *f, const wg_nn *m) {
    for (int i = 0; i < wg_nn_params(m, NULL); i++) {
        wg_tensor *p = wg_nn_param_at(m, NULL, i);
        ck_assert(wg_copy(p, take_tensor(f, wg_dtype_of(p), wg_shape_of(p))));
    }
}

/* ---- one layer ------------------------------------------------------------------------------- */

/* Both libraries compute in double by sums of at most 50 terms in different orders, of numbers up
   to 2, and normalising divides by deviations of about 1: an element may be off by this share of
   the largest in its array. In f32 our side rounds inputs, too: a few dozen units of 2^-24. */
static double bound(wg_dtype dtype) { return dtype == WG_F64 ? 1e-13 : 64 * 0x1p-24; }

static void compare(numbers *f, const wg_tensor *got, const char *what) {
    int64_t n = wg_numel(got);
    double *have = elements_of(got, n), largest = 1;
    const double *want = take(f, n);
    for (int64_t k = 0; k < n; k++) largest = fmax(largest, fabs(want[k]));
    for (int64_t k = 0; k < n; k++)
        ck_assert_msg(fabs(have[k] - want[k]) <= bound(wg_dtype_of(got)) * largest,
                      "%s: %s[%lld] is %.17g, PyTorch's is %.17g", f->name, what, (long long)k,
                      have[k], want[k]);
    free(have);
}

static int inputs_of(const layer_case *c) { return c->x[1].rank ? 2 : 1; }

static void follows_pytorch(const layer_case *c, wg_dtype dtype) {
    numbers f = open_numbers(c->name);
    wg_tensor *x[2] = { NULL };
    table_dtype = dtype;
    for (int i = 0; i < inputs_of(c); i++) {
        x[i] = take_tensor(&f, c->below ? WG_I64 : dtype, c->x[i]);
        if (!c->below) x[i] = wg_variable(x[i]);
    }
    wg_nn *m = wg_nn_new(1);
    ck_assert_msg(c->layer(m, x) != NULL, "%s: %s", c->name, wg_error_message());
    take_parameters(&f, m);
    wg_tensor *y = c->layer(m, x);
    wg_tensor *w = take_tensor(&f, dtype, wg_shape_of(y));
    ck_assert_int_eq(wg_dtype_of(y), dtype);
    compare(&f, y, "y");
    ck_assert_msg(wg_backward(wg_sum(wg_mul(y, w))), "%s: %s", c->name, wg_error_message());
    for (int i = 0; i < inputs_of(c) && !c->below; i++) compare(&f, wg_gradient(x[i]), "gx");
    for (int i = 0; i < wg_nn_params(m, NULL); i++)
        compare(&f, wg_gradient(wg_nn_param_at(m, NULL, i)), wg_nn_path_at(m, NULL, i));
    expect_end(&f);
    wg_nn_free(m);
}

START_TEST(a_layer_in_f64_and_its_gradients_are_pytorchs) {
    follows_pytorch(&layer_cases[_i], WG_F64);
}
END_TEST

START_TEST(a_layer_in_f32_and_its_gradients_are_pytorchs) {
    follows_pytorch(&layer_cases[_i], WG_F32);
}
END_TEST

/* ---- the gradient checker -------------------------------------------------------------------- */

typedef struct small_net {
    const layer_case *layer;
    wg_nn *m;
    wg_tensor *index;  // of a layer that takes indices
    wg_tensor *v;      // what the net's outputs are weighted with
} small_net;

// The layer of sin x, where x are parameters, too; of indices as they are.
static wg_tensor *layer_of(const small_net *s) {
    static const char *const names[] = { "x0", "x1" };
    wg_tensor *in[2] = { s->index };
    for (int i = 0; i < inputs_of(s->layer) && !s->index; i++)
        in[i] = wg_sin(wg_nn_param(s->m, names[i], WG_F64, s->layer->x[i],
                                   (wg_init){ .kind = WG_INIT_NORMAL, .b = 1 }));
    return s->layer->layer(s->m, in);
}
static wg_tensor *small_net_of(void *user) {  // mean(v tanh(layer(sin x)))
    const small_net *s = user;
    return wg_mean(wg_mul(wg_tanh(layer_of(s)), s->v));
}

static void passes_the_checker(const layer_case *c, bool training) {
    small_net s = { .layer = c, .m = wg_nn_new(3) };
    table_dtype = WG_F64;
    if (c->below) {  // 0, 1, ..., below - 1, 0, ...
        s.index = wg_zeros(WG_I64, c->x[0]);
        int64_t flat[40];
        for (int64_t k = 0; k < wg_numel(s.index); k++) flat[k] = k % c->below;
        ck_assert(wg_write(s.index, flat, wg_numel(s.index)));
    }
    s.v = normal(WG_F64, wg_shape_of(layer_of(&s)), 9);
    wg_nn_train(s.m, training);
    for (int i = 0; i < wg_nn_params(s.m, NULL); i++) {  // no bias at 0, nor scale at 1
        wg_tensor *p = wg_nn_param_at(s.m, NULL, i);
        ck_assert(wg_copy(p, wg_add(wg_stop(p), normal(WG_F64, wg_shape_of(p), 20 + (uint64_t)i))));
    }
    wg_check_report report;
    wg_check_options o = { .name = c->name, .order = 2 };
    ck_assert_msg(wg_nn_check_gradient(s.m, small_net_of, &s, o, &report), "%s", report.text);
    ck_assert_int_gt(report.checks, 0);
    wg_nn_free(s.m);
}

START_TEST(a_layer_passes_the_gradient_checker_in_a_small_net) {
    // What padding leaves at 0 is a choice, and no derivative.
    if (strcmp(layer_cases[_i].name, "embedding_padding") == 0) return;
    passes_the_checker(&layer_cases[_i], true);
}
END_TEST

START_TEST(a_layer_passes_the_gradient_checker_when_evaluating) {
    if (strncmp(layer_cases[_i].name, "batch_norm", 10) == 0)
        passes_the_checker(&layer_cases[_i], false);
}
END_TEST

/* ---- training with batch normalisation ------------------------------------------------------- */

static wg_tensor *dense_net(wg_nn *m, wg_tensor *x) {              // x (6, 3)
    x = wg_nn_batch_norm(m, "norm", wg_nn_linear(m, "in", x, 4));  // (6, 4)
    return wg_nn_linear(m, "out", wg_tanh(x), 2);                  // (6, 2)
}
static wg_tensor *image_net(wg_nn *m, wg_tensor *x) {  // x (3, 2, 4, 4)
    x = wg_nn_conv2d(m, "in", x, 3, 3);                // (3, 3, 2, 2)
    x = wg_tanh(wg_nn_batch_norm_with(m, "norm", x, NORM(.momentum = 0.3)));
    return wg_nn_linear(m, "out", wg_flatten(x, 1), 2);  // (3, 2)
}

static const struct {
    const char *name;
    wg_net *net;
    wg_shape x;
} runs[] = { { "batch_norm_steps_dense", dense_net, { 2, { 6, 3 } } },
             { "batch_norm_steps_images", image_net, { 4, { 3, 2, 4, 4 } } } };

/* Twenty steps on from one rounding to the next: each may multiply what the last was off by, so
   ten times the bound above. */
static void expect_same(numbers *f, const wg_tensor *got, const char *what, int step) {
    int64_t n = wg_numel(got);
    double *have = elements_of(got, n);
    const double *want = take(f, n);
    for (int64_t k = 0; k < n; k++)
        ck_assert_msg(fabs(have[k] - want[k]) <= 1e-12 * (1 + fabs(want[k])),
                      "%s, step %d: %s[%lld] is %.17g, PyTorch's is %.17g", f->name, step, what,
                      (long long)k, have[k], want[k]);
    free(have);
}

START_TEST(twenty_steps_have_pytorchs_losses_and_running_statistics) {
    numbers f = open_numbers(runs[_i].name);
    wg_nn *m = wg_nn_new(1);
    wg_tensor *zeros = wg_zeros(WG_F64, runs[_i].x);
    ck_assert_msg(runs[_i].net(m, zeros) != NULL, "%s", wg_error_message());
    wg_tensor *mean = wg_nn_find(m, "norm/running_mean");
    wg_tensor *var = wg_nn_find(m, "norm/running_var");
    ck_assert(wg_fill(mean, 0) && wg_fill(var, 1));
    take_parameters(&f, m);
    wg_optim *sgd = wg_optim_sgd(m, (wg_sgd_options){ .rate = 0.1 });
    for (int step = 0; step < 20; step++) {
        wg_scope *scope = wg_scope_open();
        wg_tensor *x = take_tensor(&f, WG_F64, runs[_i].x);
        wg_tensor *target = take_tensor(&f, WG_F64, WG_SHAPE(runs[_i].x.dim[0], 2));
        wg_tensor *loss = wg_nn_mse_loss(runs[_i].net(m, x), target);
        ck_assert_msg(wg_optim_minimize(sgd, loss), "%s", wg_error_message());
        expect_same(&f, loss, "loss", step);
        expect_same(&f, mean, "running mean", step);
        expect_same(&f, var, "running variance", step);
        wg_scope_close(scope);
    }
    wg_nn_train(m, false);
    wg_tensor *x = take_tensor(&f, WG_F64, runs[_i].x);
    expect_same(&f, runs[_i].net(m, x), "y", 20);
    expect_end(&f);
    wg_optim_free(sgd);
    wg_nn_free(m);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("layers_golden");
    TCase *t = add_cases(suite, "layers");
    ADD_TABLE(t, a_layer_in_f64_and_its_gradients_are_pytorchs, layer_cases);
    ADD_TABLE(t, a_layer_in_f32_and_its_gradients_are_pytorchs, layer_cases);
    ADD_TABLE(t, a_layer_passes_the_gradient_checker_in_a_small_net, layer_cases);
    ADD_TABLE(t, a_layer_passes_the_gradient_checker_when_evaluating, layer_cases);
    ADD_TABLE(t, twenty_steps_have_pytorchs_losses_and_running_statistics, runs);
    return run_suite(suite);
}
