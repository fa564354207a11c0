// SPDX-License-Identifier: MIT
/* test_optim_muon.c: Muon, against its formula in plain loops, and by what it is for: steps whose
   singular values are all about 1. */
#include "tests/optim_test.h"

/* ---- the formula (Jordan et al. 2024) -------------------------------------------------------- */

enum { SIDE = 40 };
typedef struct matrix {
    int rows, columns;
    double at[SIDE][SIDE];
} matrix;

static matrix product(const matrix *a, const matrix *b) {
    matrix c = { .rows = a->rows, .columns = b->columns };
    for (int i = 0; i < a->rows; i++)
        for (int j = 0; j < b->columns; j++)
            for (int k = 0; k < a->columns; k++) c.at[i][j] += a->at[i][k] * b->at[k][j];
    return c;
}
static matrix transposed(const matrix *a) {
    matrix t = { .rows = a->columns, .columns = a->rows };
    for (int i = 0; i < a->rows; i++)
        for (int j = 0; j < a->columns; j++) t.at[j][i] = a->at[i][j];
    return t;
}
static matrix mixed(double a, const matrix *x, double b, const matrix *y) {
    matrix z = *x;
    for (int i = 0; i < x->rows; i++)
        for (int j = 0; j < x->columns; j++) z.at[i][j] = a * x->at[i][j] + b * y->at[i][j];
    return z;
}

static matrix orthogonalised(const matrix *g) {
    double squares = 0;
    for (int i = 0; i < g->rows; i++)
        for (int j = 0; j < g->columns; j++) squares += g->at[i][j] * g->at[i][j];
    matrix x = mixed(1 / (sqrt(squares) + 1e-7), g, 0, g);
    for (int i = 0; i < 5; i++) {
        matrix t = transposed(&x), a = product(&x, &t), aa = product(&a, &a);
        matrix b = mixed(-4.7750, &a, 2.0315, &aa), bx = product(&b, &x);
        x = mixed(3.4445, &x, 1, &bx);
    }
    return x;
}

static matrix read_matrix(const wg_tensor *x, int rows, int columns) {
    matrix a = { .rows = rows, .columns = columns };
    for (int64_t k = 0; k < wg_numel(x); k++) a.at[k / columns][k % columns] = element(x, k);
    return a;
}

static const struct {
    wg_shape shape;
    int rows, columns;
    wg_muon_options options;
} cases[] = {
    { { 2, { 1, 1 } }, 1, 1, { .rate = 0.02 } },
    { { 2, { 1, 40 } }, 1, 40, { .rate = 0.02 } },
    { { 2, { 40, 1 } }, 40, 1, { .rate = 0.1 } },
    { { 2, { 8, 8 } }, 8, 8, { .rate = 0 } },
    { { 2, { 40, 17 } }, 40, 17, { .rate = 0.1, .weight_decay = 0.5 } },
    { { 2, { 12, 40 } }, 12, 40, { .rate = 0.1, .momentum = 0.5, .heavy_ball = true } },
    { { 4, { 6, 2, 3, 3 } }, 6, 18, { .rate = 0.1, .weight_decay = 0.1 } },
};

static void follow(int i, wg_dtype dtype) {
    static matrix v, w, x;
    const wg_muon_options *o = &cases[i].options;
    int rows = cases[i].rows, columns = cases[i].columns;
    double mu = o->momentum > 0 ? o->momentum : 0.95, rate = o->rate > 0 ? o->rate : 0.02;
    wg_nn *m = wg_nn_new(1);
    wg_tensor *p = param(m, "w", dtype, cases[i].shape);
    wg_optim *muon = wg_optim_muon(m, *o);
    v = (matrix){ .rows = rows, .columns = columns };
    w = read_matrix(p, rows, columns);
    for (uint64_t t = 0; t < 10; t++) {
        wg_tensor *g = normal(dtype, cases[i].shape, t);
        give(p, g);
        ck_assert_msg(wg_optim_step(muon), "%s", wg_error_message());
        wg_optim_clear(muon);
        matrix given = read_matrix(g, rows, columns);
        v = mixed(mu, &v, 1 - mu, &given);
        x = o->heavy_ball ? v : mixed(1 - mu, &given, mu, &v);
        x = orthogonalised(&x);
        double longer = sqrt(fmax(1, (double)rows / columns));
        w = mixed(1 - rate * o->weight_decay, &w, -rate * longer, &x);
    }
    // The iteration multiplies what is small by 3.4 five times, and with it its rounding: 500
    // units, for each of up to 40 terms in each of ten steps of at most 0.6.
    double bound = (dtype == WG_F32 ? 0x1p-24 : 0x1p-53) * 500 * 10;
    for (int k = 0; k < rows * columns; k++)
        expect_close(element(p, k), w.at[k / columns][k % columns], bound, "w");
    wg_optim_free(muon), wg_nn_free(m);
}

START_TEST(muon_follows_its_formula) {
    follow(_i, WG_F32);
    follow(_i, WG_F64);
}
END_TEST

// With weights of 0 and a rate of 1 the weights are the step: X'X has eigenvalues near 1.
START_TEST(the_singular_values_of_a_step_are_about_one) {
    enum { ROWS = 30, COLUMNS = 20 };
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w =
        wg_nn_param(m, "w", WG_F64, WG_SHAPE(ROWS, COLUMNS), (wg_init){ .kind = WG_INIT_ZEROS });
    wg_optim *o = wg_optim_muon(m, (wg_muon_options){ .rate = 1 });
    give(w, normal(WG_F64, WG_SHAPE(ROWS, COLUMNS), 3));
    ck_assert(wg_optim_step(o));
    for (uint64_t seed = 0; seed < 20; seed++) {  // |W x| / |x| lies between the extreme ones
        wg_tensor *x = normal(WG_F64, WG_SHAPE(COLUMNS, 1), seed);
        double ratio = sqrt(wg_item(wg_sum(wg_square(wg_matmul(w, x)))) /
                            wg_item(wg_sum(wg_square(x))) / ((double)ROWS / COLUMNS));
        ck_assert_msg(0.6 < ratio && ratio < 1.3, "%g", ratio);  // the paper: 0.7 to 1.2, about
    }
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

START_TEST(the_size_of_the_gradient_is_no_matter_and_zero_moves_nothing) {
    wg_nn *m[3];
    wg_tensor *w[3], *old = NULL;
    const double factor[] = { 1, 0x1p60, 0 };
    for (int i = 0; i < 3; i++) {
        m[i] = wg_nn_new(1);
        w[i] = param(m[i], "w", WG_F32, WG_SHAPE(7, 5));
        if (i == 2) old = wg_add(w[i], wg_zeros_like(w[i]));
        wg_optim *o = wg_optim_muon(m[i], (wg_muon_options){ 0 });
        give(w[i], wg_mul(normal(WG_F32, WG_SHAPE(7, 5), 2), wg_num(factor[i])));
        ck_assert(wg_optim_step(o));
        wg_optim_free(o);
    }
    ck_assert(wg_allclose(w[0], w[1], 0, 1e-6));  // but for the 1e-7 beside the norm
    ck_assert(wg_equal(w[2], old));
    for (int i = 0; i < 3; i++) wg_nn_free(m[i]);
}
END_TEST

/* ---- beside other rules ---------------------------------------------------------------------- */

START_TEST(a_vector_is_refused_before_anything_changes_and_may_have_another_rule) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "fc/w", WG_F32, WG_SHAPE(6, 4)),
              *b = param(m, "fc/b", WG_F32, WG_SHAPE(6));
    wg_tensor *old[] = { wg_add(w, wg_num(0)), wg_add(b, wg_num(0)) };
    wg_optim *o = wg_optim_muon(m, (wg_muon_options){ 0 });
    give(w, normal(WG_F32, WG_SHAPE(6, 4), 1)), give(b, normal(WG_F32, WG_SHAPE(6), 2));
    ck_assert(!wg_optim_step(o));
    expect_error(WG_ERROR_SHAPE,
                 "muon is for matrices, and \"fc/b\" is [6]: give it a group with another rule");
    ck_assert(wg_equal(w, old[0]) && wg_equal(b, old[1]) && wg_optim_steps(o) == 0);
    ck_assert(wg_optim_group(o, "*b", wg_adamw((wg_adam_options){ 0 })));
    ck_assert(wg_optim_step(o));
    ck_assert(!wg_equal(w, old[0]) && !wg_equal(b, old[1]));
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

static wg_tensor *net(wg_nn *m, wg_tensor *x) {    // x (B, 5)
    x = wg_tanh(wg_nn_linear(m, "hidden", x, 6));  // (B, 6)
    return wg_nn_linear(m, "out", x, 3);           // (B, 3)
}

static bool step(wg_nn *m, wg_optim *o) {
    wg_scope *s = wg_scope_open();
    wg_tensor *x = normal(WG_F64, WG_SHAPE(8, 5), 1), *y = normal(WG_F64, WG_SHAPE(8, 3), 2);
    bool done = wg_optim_minimize(o, wg_nn_mse_loss(net(m, x), y));
    wg_scope_close(s);
    return done;
}

static wg_optim *make(wg_nn *m) {
    wg_optim *o = wg_optim_muon(m, (wg_muon_options){ 0 });
    ck_assert(wg_optim_group(o, "*b", wg_nadam((wg_nadam_options){ 0 })));
    ck_assert(wg_optim_proximal(o, "out/w", (wg_proximal){ .l1 = 0.01, .group = 0.01 }));
    return o;
}

enum { NUMBERS = 6 * 5 + 6 + 3 * 6 + 3 };

static void read_all(const wg_nn *m, double *to) {
    ck_assert_int_eq(wg_nn_count(m, NULL), NUMBERS);
    for (int k = 0; k < wg_nn_params(m, NULL); k++) {
        const wg_tensor *w = wg_nn_param_at(m, NULL, k);
        ck_assert(wg_read(w, to, wg_numel(w)));
        to += wg_numel(w);
    }
}

// Makes a step with `granted` allocations, which changes all or nothing, and if need be another
// one.
static bool try_step(int64_t granted, double *after) {
    double before[NUMBERS];
    count_allocations(-1);
    wg_nn *m = wg_nn_new(1);
    wg_optim *o = make(m);
    wg_scope *s = wg_scope_open();  // the parameters are made, and have no states yet
    ck_assert(net(m, normal(WG_F64, WG_SHAPE(8, 5), 1)) != NULL);
    wg_scope_close(s);
    read_all(m, before);
    wg_memory_trim();
    counted.left = granted;
    bool done = step(m, o);
    counted.left = -1;
    read_all(m, after);
    if (!done) {
        expect_error(WG_ERROR_MEMORY, "bytes");
        ck_assert_mem_eq(before, after, sizeof before);
        ck_assert(step(m, o));
        read_all(m, after);
    }
    wg_optim_free(o), wg_nn_free(m);
    expect_all_released();
    return done;
}

// Groups of two rules, working memory and proximal steps.
START_TEST(whichever_allocation_fails_all_groups_step_or_none_does) {
    double want[NUMBERS], after[NUMBERS];
    ck_assert(try_step(-1, want));
    int64_t n = 0;
    for (bool done = false; !done; n++) {
        done = try_step(n, after);
        ck_assert_mem_eq(want, after, sizeof want);
    }
    ck_assert_int_gt(n, 30);
    count_allocations(-1);
}
END_TEST

START_TEST(after_the_first_steps_no_step_allocates) {
    wg_nn *m = wg_nn_new(1);
    wg_optim *o = make(m);
    ck_assert(step(m, o) && step(m, o));
    int64_t calls = counted.calls;
    for (int t = 0; t < 5; t++) ck_assert(step(m, o));
    ck_assert_int_eq(counted.calls, calls);
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

START_TEST(nothing_in_it_is_nothing_to_do) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = param(m, "w", WG_F32, WG_SHAPE(0, 4));
    wg_optim *o = wg_optim_muon(m, (wg_muon_options){ 0 });
    ck_assert(wg_optim_proximal(o, "w", (wg_proximal){ .l1 = 1, .group = 1, .max_norm = 1 }));
    give(w, wg_zeros(WG_F32, WG_SHAPE(0, 4)));
    ck_assert(wg_optim_step(o));
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("optim_muon");
    TCase *t = add_cases(suite, "muon");
    ADD_TABLE(t, muon_follows_its_formula, cases);
    tcase_add_test(t, the_singular_values_of_a_step_are_about_one);
    tcase_add_test(t, the_size_of_the_gradient_is_no_matter_and_zero_moves_nothing);
    tcase_add_test(t, a_vector_is_refused_before_anything_changes_and_may_have_another_rule);
    tcase_add_test(t, whichever_allocation_fails_all_groups_step_or_none_does);
    tcase_add_test(t, after_the_first_steps_no_step_allocates);
    tcase_add_test(t, nothing_in_it_is_nothing_to_do);
    return run_suite(suite);
}
