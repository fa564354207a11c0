// SPDX-License-Identifier: MIT
/* magnitude.c: how large weights, gradients and updates are, path by path. */
#include <math.h>

#include "nn/nn_impl.h"

/* ---- norms ----------------------------------------------------------------------------------- */

// Sums side by side: the compiler may not reorder one sum, but it may vectorise eight.
enum { LANES = 8 };

#define SUM_SQUARES(name, real)                                                                    \
    static double name(int64_t n, const void *from, double factor) {                               \
        const real *x = from;                                                                      \
        double sum[LANES] = { 0 };                                                                 \
        int64_t k = 0;                                                                             \
        for (; k + LANES <= n; k += LANES)                                                         \
            for (int j = 0; j < LANES; j++) {                                                      \
                double v = (double)x[k + j] * factor;                                              \
                sum[j] += v * v;                                                                   \
            }                                                                                      \
        for (; k < n; k++) sum[0] += ((double)x[k] * factor) * ((double)x[k] * factor);            \
        for (int j = 1; j < LANES; j++) sum[0] += sum[j];                                          \
        return sum[0];                                                                             \
    }
SUM_SQUARES(sum_squares_f32, float)
SUM_SQUARES(sum_squares_f64, double)

static double element(wg__difference d, int64_t k) {
    double value = wg__load(d.x->dtype, wg__at(d.x, wg__offset(d.x, k)));
    return d.y ? value - wg__load(d.y->dtype, wg__at(d.y, wg__offset(d.y, k))) : value;
}

static double sum_squares(wg__difference d, double factor) {
    static double (*const sum[WG_F64 + 1])(int64_t, const void *, double) = { sum_squares_f32,
                                                                              sum_squares_f64 };
    int64_t n = wg__numel(&d.x->shape);
    if (!d.y && wg__is_contiguous(d.x)) return sum[d.x->dtype](n, d.x->data, factor);
    double total = 0;
    for (int64_t k = 0; k < n; k++) {
        double v = element(d, k) * factor;
        total += v * v;
    }
    return total;
}

static double sum_all(wg__next_difference *next, const void *user, double factor) {
    double sum = 0;
    wg__difference d;
    for (int i = 0; (d = next(user, &i)).x;) sum += sum_squares(d, factor);
    return sum;
}

static double largest(wg__next_difference *next, const void *user) {
    double most = 0;
    wg__difference d;
    for (int i = 0; (d = next(user, &i)).x;)
        for (int64_t k = 0, n = wg__numel(&d.x->shape); k < n; k++)
            most = fmax(most, fabs(element(d, k)));
    return most;
}

double wg__norm_of_all(wg__next_difference *next, const void *user) {
    double sum = sum_all(next, user, 1);
    if (isnan(sum) || (sum > 1e-280 && sum < 1e300)) return sqrt(sum);
    // Squares of f64 values may have left the range: once more, with the largest value about 1.
    double most = largest(next, user);
    if (most == 0 || isinf(most)) return most;
    int exponent;
    (void)frexp(most, &exponent);
    if (exponent < -1000) exponent = -1000;  // 2^1000 lifts the least of numbers far enough
    return ldexp(sqrt(sum_all(next, user, ldexp(1, -exponent))), exponent);
}

static wg__difference only_one(const void *user, int *i) {
    return (*i)++ == 0 ? *(const wg__difference *)user : (wg__difference){ NULL, NULL };
}

double wg__norm(const wg_view *x, const wg_view *y) {
    return wg__norm_of_all(only_one, &(wg__difference){ x, y });
}

/* ---- of a model ------------------------------------------------------------------------------ */

static const wg_view *value_before(const wg_nn *before, const wg_nn *m, const wg_nn *node) {
    const wg_tensor *w = before ? wg_nn_find(before, node->path + wg__path_length(m, 0)) : NULL;
    bool same = w && wg__shape_equal(&w->view.shape, &node->param->view.shape);
    return same ? &w->view : NULL;
}

// 0 is no part of anything, but what did not move has not moved.
static double ratio(double update, double weight) { return update == 0 ? 0 : update / weight; }

bool wg_nn_next_norm(const wg_nn *m, const wg_nn *before, const char *pattern, int *i,
                     wg_nn_norm *n) {
    const wg_nn *node = m && i && n ? wg__nn_next(m, pattern, i) : NULL;
    if (!node) return false;
    const wg_tensor *w = node->param;
    *n = (wg_nn_norm){ node->path, wg__norm(&w->view, NULL), -1, -1, -1 };
    if (w->gradient) n->gradient = wg__norm(&w->gradient->view, NULL);
    const wg_view *was = value_before(before, m, node);
    if (!was) return true;
    n->update = wg__norm(&w->view, was);
    n->ratio = ratio(n->update, wg__norm(was, NULL));
    return true;
}

/* ---- as text --------------------------------------------------------------------------------- */

static void add_number(wg__bounded *t, double value) {
    if (value < 0)
        wg__bounded_add(t, "  %9s", "-");
    else
        wg__bounded_add(t, "  %9.3g", value);
}

size_t wg_nn_norms_text(const wg_nn *m, const wg_nn *before, const char *pattern, char *text,
                        size_t size) {
    wg__bounded t;
    if (!wg__bounded_begin(&t, "nn_norms_text", text, size) || !m) return 0;
    int width = 4;
    const wg_nn *node;
    for (int i = 0; (node = wg__nn_next(m, pattern, &i));)
        if ((int)node->length > width) width = (int)node->length;
    wg__bounded_add(&t, "%-*s  %9s  %9s  %9s  %9s\n", width, "path", "|w|", "|g|", "|dw|",
                    "|dw|/|w|");
    wg_nn_norm n;
    for (int i = 0; wg_nn_next_norm(m, before, pattern, &i, &n);) {
        wg__bounded_add(&t, "%-*s", width, n.path);
        add_number(&t, n.weight), add_number(&t, n.gradient);
        add_number(&t, n.update), add_number(&t, n.ratio);
        wg__bounded_add(&t, "\n");
    }
    return t.length;
}
