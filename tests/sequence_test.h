// SPDX-License-Identifier: MIT
/* sequence_test.h: what the tests of layers for sequences share: golden files, and gradients of
   parameters against differences. */
#ifndef WG_TESTS_SEQUENCE_TEST_H
#define WG_TESTS_SEQUENCE_TEST_H

#include "tests/nn_test.h"

/* ---- golden files: tests/golden_nn/make_sequence.py says what is in them --------------------- */

/* Both compute in double, sums of at most a few dozen products of numbers about 1, ten layers deep:
   an element may be off by this share of the largest in its array, and of 1. */
static const double GOLDEN_BOUND = 1e-13;

enum { MOST_INPUTS = 4, MOST_PARAMETERS = 40, MOST_RESULTS = 3 };

typedef struct named_shape {
    const char *path;
    wg_shape shape;
} named_shape;

typedef struct golden_case {
    const char *file;
    int inputs, parameters;
    wg_shape input[MOST_INPUTS];
    named_shape parameter[MOST_PARAMETERS];
    /* results[0 ...] of the inputs; returns how many. */
    int (*run)(wg_nn *m, wg_tensor *const x[], wg_tensor *results[], const void *user);
    const void *user;
} golden_case;

typedef struct golden {
    const char *file;
    wg_tensor *all;  // (n) f64
    int64_t at;
} golden;

static inline golden golden_open(const char *file) {
    char path[200];
    snprintf(path, sizeof path, "tests/golden_nn/%s.npy", file);
    golden g = { file, wg_io_load_npy(path), 0 };
    ck_assert_msg(g.all != NULL, "%s", wg_error_message());
    return g;
}

static inline wg_tensor *golden_take(golden *g, wg_shape shape) {
    int64_t n = 1;
    for (int i = 0; i < shape.rank; i++) n *= shape.dim[i];
    ck_assert_msg(g->at + n <= wg_numel(g->all), "%s ends too early", g->file);
    const double *values = wg_values(g->all, WG_F64);
    g->at += n;
    return wg_from_f64(WG_F64, shape, values + g->at - n);
}

static inline void golden_compare(golden *g, const wg_tensor *have, const char *what) {
    expect_no_error();
    ck_assert_msg(have != NULL, "%s: no %s", g->file, what);
    int64_t n = wg_numel(have);
    wg_tensor *want = golden_take(g, wg_shape_of(have));
    double largest = 1;
    for (int64_t k = 0; k < n; k++) largest = fmax(largest, fabs(element(want, k)));
    for (int64_t k = 0; k < n; k++) {
        double gap = fabs(element(have, k) - element(want, k));
        ck_assert_msg(gap <= GOLDEN_BOUND * largest, "%s: %s [%lld] is %.17g, wanted is %.17g",
                      g->file, what, (long long)k, element(have, k), element(want, k));
    }
}

static inline void golden_check(const golden_case *c) {
    golden g = golden_open(c->file);
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x[MOST_INPUTS + MOST_PARAMETERS], *gx[MOST_INPUTS + MOST_PARAMETERS];
    wg_tensor *result[MOST_RESULTS], *w[MOST_RESULTS], *total = NULL;
    int n = 0;
    for (int i = 0; i < c->inputs; i++) x[n++] = wg_variable(golden_take(&g, c->input[i]));
    for (int i = 0; i < c->parameters; i++) {
        const named_shape *p = &c->parameter[i];
        x[n] = wg_nn_param(m, p->path, WG_F64, p->shape, (wg_init){ 0 });
        wg_copy(x[n++], golden_take(&g, p->shape));
    }
    int results = c->run(m, x, result, c->user);
    expect_no_error();
    ck_assert_int_eq(wg_nn_params(m, NULL), c->parameters);  // all names are right
    for (int i = 0; i < results; i++) w[i] = golden_take(&g, wg_shape_of(result[i]));
    for (int i = 0; i < results; i++) {
        wg_tensor *term = wg_sum(wg_mul(w[i], result[i]));
        total = total ? wg_add(total, term) : term;
        golden_compare(&g, result[i], "a result");
    }
    ck_assert(wg_grad(total, x, n, gx, (wg_grad_options){ 0 }));
    for (int i = 0; i < n; i++)
        golden_compare(&g, gx[i],
                       i < c->inputs ? "an input's gradient" : c->parameter[i - c->inputs].path);
    ck_assert_int_eq(g.at, wg_numel(g.all));
    wg_nn_free(m);
}

/* ---- gradients of parameters ----------------------------------------------------------------- */

typedef struct function_at {
    wg_function *f;
    wg_nn *m;
    wg_tensor *const *x;
    int n;
} function_at;

static inline wg_tensor *sum_of(const function_at *a) { return wg_sum(a->f(a->m, a->x, a->n)); }

/* The sum with the parameter w moved by `by` along v. */
static inline double sum_moved(const function_at *a, wg_tensor *w, wg_tensor *v, double by) {
    bool was = wg_recording(false);
    wg_tensor *before = wg_add(w, wg_num(0));
    wg_copy(w, wg_add(w, wg_mul(v, wg_num(by))));
    double sum = wg_item(sum_of(a));
    wg_copy(w, before);
    wg_recording(was);
    return sum;
}

/* Of every parameter: the sum changes along a random direction as its gradient says. */
static inline void expect_parameter_slopes(const function_at *a) {
    ck_assert_msg(wg_backward(sum_of(a)), "%s", wg_error_message());
    for (int i = 0; i < wg_nn_params(a->m, NULL); i++) {
        const char *path = wg_nn_path_at(a->m, NULL, i);
        wg_tensor *w = wg_nn_param_at(a->m, NULL, i), *g = wg_gradient(w);
        ck_assert_msg(g != NULL, "%s has no gradient", path);
        wg_tensor *v = normal(WG_F64, wg_shape_of(w), (uint64_t)i + 77);
        const double by = 1e-5;
        double difference = (sum_moved(a, w, v, by) - sum_moved(a, w, v, -by)) / (2 * by);
        double slope = wg_item(wg_sum(wg_mul(g, v)));
        // by^2 times a third derivative that may be 100, and rounding, 1e-15 / by
        expect_close(slope, difference, 1e-8 * (1 + fabs(slope)), path);
    }
}

static inline void expect_gradients(wg_function *f, wg_tensor *const x[], int n, const char *name) {
    wg_nn *m = wg_nn_new(3);
    wg_check_report r;
    wg_check_options o = { .name = name, .order = 1, .seed = 5 };
    ck_assert_msg(wg_check_gradient(f, m, x, n, o, &r), "%s", r.text);
    expect_parameter_slopes(&(function_at){ f, m, x, n });
    wg_nn_free(m);
}

#endif
