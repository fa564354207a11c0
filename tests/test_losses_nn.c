// SPDX-License-Identifier: MIT
/* test_losses_nn.c: the losses of nn. Each case is held against PyTorch's numbers
   (tests/golden_nn/make_losses.py), in value and gradient under every reduction, and against the
   gradient checker; then what all of them share: weights, options, what is refused. */
#include "io/io.h"
#include "tests/io_test.h"
#include "tests/nn_test.h"

/* ---- cases ----------------------------------------------------------------------------------- */

typedef wg_tensor *call(wg_tensor *const x[3], wg_loss_options o);
#define PAIR(name)                                                                                 \
    static wg_tensor *name(wg_tensor *const x[3], wg_loss_options o) {                             \
        return wg_nn_##name##_with(x[0], x[1], o);                                                 \
    }
#define TRIPLE(name)                                                                               \
    static wg_tensor *name(wg_tensor *const x[3], wg_loss_options o) {                             \
        return wg_nn_##name##_with(x[0], x[1], x[2], o);                                           \
    }
PAIR(mse_loss)
PAIR(l1_loss)
PAIR(huber_loss)
PAIR(smooth_l1_loss)
PAIR(log_cosh_loss)
PAIR(bce_loss)
PAIR(bce_with_logits)
PAIR(hinge_loss)
PAIR(squared_hinge_loss)
PAIR(cross_entropy)
PAIR(nll_loss)
PAIR(kl_div)
PAIR(poisson_nll_loss)
TRIPLE(gaussian_nll_loss)
TRIPLE(cosine_embedding_loss)
TRIPLE(triplet_margin_loss)

enum { B = 4, C = 3 };
// clang-format off
#define ALL { 2, { B, C } }         // an input of one number to each y
#define PER_SAMPLE { 2, { B, 1 } }  // one that broadcasts
#define SAMPLES { 1, { B } }
#define PER_CLASS { 1, { C } }
#define NONE { -1, { 0 } }          // no such input
// clang-format on
typedef enum third { THIRD, WEIGHT, POS_WEIGHT } third;

static const struct {
    const char *name;
    call *loss;
    wg_loss_options o;
    wg_shape target, third, each;
    third use;     // what the third input is
    bool indices;  // the target is
} cases[] = {
    // clang-format off
    { "mse", mse_loss, { 0 }, ALL, NONE, ALL, 0, 0 },
    { "l1", l1_loss, { 0 }, ALL, NONE, ALL, 0, 0 },
    { "huber", huber_loss, { .delta = 0.75 }, ALL, NONE, ALL, 0, 0 },
    { "huber_1", huber_loss, { 0 }, ALL, NONE, ALL, 0, 0 },
    { "smooth_l1", smooth_l1_loss, { .delta = 0.75 }, ALL, NONE, ALL, 0, 0 },
    { "log_cosh", log_cosh_loss, { 0 }, ALL, NONE, ALL, 0, 0 },
    { "bce", bce_loss, { 0 }, ALL, NONE, ALL, 0, 0 },
    { "bce_weight", bce_loss, { 0 }, ALL, ALL, ALL, WEIGHT, 0 },
    { "bce_with_logits", bce_with_logits, { 0 }, ALL, NONE, ALL, 0, 0 },
    { "bce_pos_weight", bce_with_logits, { 0 }, ALL, PER_CLASS, ALL, POS_WEIGHT, 0 },
    { "hinge", hinge_loss, { 0 }, ALL, NONE, ALL, 0, 0 },
    { "hinge_margin", hinge_loss, { .margin = 0.5 }, ALL, NONE, ALL, 0, 0 },
    { "squared_hinge", squared_hinge_loss, { 0 }, ALL, NONE, ALL, 0, 0 },
    { "cross_entropy", cross_entropy, { 0 }, SAMPLES, NONE, SAMPLES, 0, true },
    { "cross_entropy_all", cross_entropy, { .ignore = true, .ignore_index = -1, .smoothing = 0.2 },
      SAMPLES, PER_CLASS, SAMPLES, WEIGHT, true },
    { "cross_entropy_shares", cross_entropy, { 0 }, ALL, PER_CLASS, SAMPLES, WEIGHT, 0 },
    { "nll", nll_loss, { .ignore = true, .ignore_index = -1 },
      SAMPLES, PER_CLASS, SAMPLES, WEIGHT, true },
    { "kl_div", kl_div, { 0 }, ALL, NONE, ALL, 0, 0 },
    { "kl_div_log", kl_div, { .log_target = true }, ALL, NONE, ALL, 0, 0 },
    { "poisson", poisson_nll_loss, { 0 }, ALL, NONE, ALL, 0, 0 },
    { "poisson_rates", poisson_nll_loss, { .rates = true }, ALL, NONE, ALL, 0, 0 },
    { "poisson_full", poisson_nll_loss, { .full = true }, ALL, NONE, ALL, 0, 0 },
    { "gaussian", gaussian_nll_loss, { 0 }, ALL, ALL, ALL, THIRD, 0 },
    { "gaussian_full", gaussian_nll_loss, { .full = true }, ALL, PER_SAMPLE, ALL, THIRD, 0 },
    { "cosine", cosine_embedding_loss, { .margin = 0.1 }, ALL, SAMPLES, SAMPLES, THIRD, 0 },
    { "triplet", triplet_margin_loss, { .margin = 2 }, ALL, ALL, SAMPLES, THIRD, 0 },
    { "triplet_swap", triplet_margin_loss, { .p = 3, .swap = true }, ALL, ALL, SAMPLES, THIRD, 0 },
    // clang-format on
};

/* What the file of a case says, row by row. */
enum { INPUTS = 0, EACH = 3, GRADIENTS = 4, REDUCED = 7, ROWS = 8 };

typedef struct golden {
    wg_tensor *file;  // (ROWS, width)
    wg_tensor *x[3];  // NULL: there is none
    int inputs;
} golden;

static wg_tensor *row(const golden *g, int i, wg_shape shape) {
    int64_t n = 1;
    for (int k = 0; k < shape.rank; k++) n *= shape.dim[k];
    return wg_reshape(wg_slice(wg_select(g->file, 0, i), 0, 0, n, 1), shape);
}

static golden open_case(int i, wg_dtype dtype) {
    char path[80];
    snprintf(path, sizeof path, "tests/golden_nn/loss_%s.npy", cases[i].name);
    golden g = { .file = wg_io_load_npy(repository_path(path)), .inputs = 2 };
    expect_no_error();
    ck_assert_int_eq(wg_dim(g.file, 0), ROWS);
    const wg_shape shape[3] = { ALL, cases[i].target, cases[i].third };
    g.inputs += cases[i].third.rank >= 0;
    for (int k = 0; k < g.inputs; k++) {
        bool indices = k == 1 && cases[i].indices;
        g.x[k] = wg_cast(row(&g, INPUTS + k, shape[k]), indices ? WG_I64 : dtype);
        if (!indices) g.x[k] = wg_variable(g.x[k]);
    }
    return g;
}

static wg_tensor *call_case(int i, wg_tensor *const x[3], wg_reduction reduction) {
    wg_loss_options o = cases[i].o;
    o.reduction = reduction;
    if (cases[i].third.rank >= 0 && cases[i].use == WEIGHT) o.weight = x[2];
    if (cases[i].third.rank >= 0 && cases[i].use == POS_WEIGHT) o.pos_weight = x[2];
    return cases[i].loss(x, o);
}

static void expect_row(const golden *g, int i, const wg_tensor *x, const char *what) {
    wg_tensor *want = row(g, i, wg_shape_of(x));
    // Some ten roundings of numbers up to 10, and the 1e-12 that PyTorch adds to squared lengths.
    double bound = wg_dtype_of(x) == WG_F32 ? 1e-5 : 3e-12;
    expect_no_error();
    for (int64_t k = 0; k < wg_numel(x); k++)
        expect_close(element(x, k), element(want, k), bound * (1 + fabs(element(want, k))), what);
}

/* ---- PyTorch --------------------------------------------------------------------------------- */

START_TEST(losses_are_what_pytorch_says) {
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        golden g = open_case(_i, (wg_dtype)dtype);
        wg_tensor *each = call_case(_i, g.x, WG_NONE), *mean = call_case(_i, g.x, WG_MEAN);
        expect_no_error();
        ck_assert_int_eq(wg_dtype_of(each), (wg_dtype)dtype);
        expect_shape(each, cases[_i].each);
        expect_row(&g, EACH, each, cases[_i].name);
        wg_tensor *reduced[] = { mean, call_case(_i, g.x, WG_SUM),
                                 call_case(_i, g.x, WG_BATCHMEAN) };
        for (int k = 0; k < 3; k++) expect_shape(reduced[k], WG_SCALAR);
        expect_row(&g, REDUCED, wg_stack(reduced, 3, 0), "mean, sum, batch mean");
        for (int k = 0; k < g.inputs; k++)  // weights have no gradient in PyTorch
            if (wg_is_tracked(g.x[k]) && !(k == 2 && cases[_i].use != THIRD))
                expect_row(&g, GRADIENTS + k, wg_derivative(mean, g.x[k]), "a gradient");
    }
}
END_TEST

/* ---- the checker ----------------------------------------------------------------------------- */

typedef struct reduced_case {
    int i, sign;  // the case, and which input is a sign: it stays as it is
    wg_reduction reduction;
    wg_tensor *const *x;
} reduced_case;

static wg_tensor *reduced(void *user, wg_tensor *const x[], int n) {
    const reduced_case *r = user;
    wg_tensor *all[3] = { r->x[0], r->x[1], r->x[2] };
    for (int k = 0, next = 0; next < n; k++)
        if (k != r->sign) all[k] = x[next++];
    return call_case(r->i, all, r->reduction);
}

static int sign_of(int i) {
    call *loss = cases[i].loss;
    if (loss == cosine_embedding_loss) return 2;
    return loss == hinge_loss || loss == squared_hinge_loss ? 1 : -1;
}

START_TEST(losses_pass_the_gradient_checker) {
    golden g = open_case(_i, WG_F64);
    wg_tensor *x[3];
    int n = 0, sign = sign_of(_i);
    for (int k = 0; k < g.inputs; k++)
        if (k != sign) x[n++] = g.x[k];
    for (int reduction = WG_MEAN; reduction <= WG_NONE; reduction++) {
        reduced_case r = { _i, sign, (wg_reduction)reduction, g.x };
        wg_check_report report;
        wg_check_options o = { .name = cases[_i].name, .order = 2 };
        bool right = wg_check_gradient(reduced, &r, x, n, o, &report);
        ck_assert_msg(right && report.failures == 0, "%s", report.text);
        ck_assert_int_gt(report.checks, report.inconclusive);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("losses of nn");
    TCase *t = add_cases(suite, "cases");
    ADD_TABLE(t, losses_are_what_pytorch_says, cases);
    ADD_TABLE(t, losses_pass_the_gradient_checker, cases);
    return run_suite(suite);
}
