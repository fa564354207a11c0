// SPDX-License-Identifier: MIT
/* magnitude.c: how large weights, gradients and updates are, path by path. */
#include <math.h>

#include "nn/nn_impl.h"

/* ---- norms ----------------------------------------------------------------------------------- */

/* Element k of x - y, where y may be NULL. */
static double element(const wg_view *x, const wg_view *y, int64_t k) {
    double value = wg__load(x->dtype, wg__at(x, wg__offset(x, k)));
    return y ? value - wg__load(y->dtype, wg__at(y, wg__offset(y, k))) : value;
}

static double sum_squares(const wg_view *x, const wg_view *y, double factor) {
    double sum = 0;
    for (int64_t k = 0, n = wg__numel(&x->shape); k < n; k++) {
        double v = element(x, y, k) * factor;
        sum += v * v;
    }
    return sum;
}

static double largest(const wg_view *x, const wg_view *y) {
    double most = 0;
    for (int64_t k = 0, n = wg__numel(&x->shape); k < n; k++)
        most = fmax(most, fabs(element(x, y, k)));
    return most;
}

static double norm(const wg_view *x, const wg_view *y) {
    double sum = sum_squares(x, y, 1);
    if (isnan(sum) || (sum > 1e-280 && sum < 1e300)) return sqrt(sum);
    // Squares of f64 values may have left the range: once more, with the largest value about 1.
    double most = largest(x, y);
    if (most == 0 || isinf(most)) return most;
    int exponent;
    (void)frexp(most, &exponent);
    if (exponent < -1000) exponent = -1000;  // 2^1000 lifts the least of numbers far enough
    return ldexp(sqrt(sum_squares(x, y, ldexp(1, -exponent))), exponent);
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
    *n = (wg_nn_norm){ node->path, norm(&w->view, NULL), -1, -1, -1 };
    if (w->gradient) n->gradient = norm(&w->gradient->view, NULL);
    const wg_view *was = value_before(before, m, node);
    if (!was) return true;
    n->update = norm(&w->view, was);
    n->ratio = ratio(n->update, norm(was, NULL));
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
