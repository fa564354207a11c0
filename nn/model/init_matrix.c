// SPDX-License-Identifier: MIT
/* init_matrix.c: initialisers that look at a weight (out, in, ...) as a matrix (out, in * ...), or
   at its taps: orthogonal, sparse, identity. */
#include <math.h>
#include <string.h>

#include "nn/nn_impl.h"

static int64_t columns_of(const wg_view *v) {
    int64_t columns = 1;
    for (int i = 1; i < v->shape.rank; i++) columns *= v->shape.dim[i];
    return columns;
}

static void put(const wg_view *v, int64_t at, double value) {
    wg__store(v->dtype, wg__at(v, at), value);
}

/* ---- orthogonal ------------------------------------------------------------------------------ */

// Sums side by side: the compiler may not reorder one sum, but it may vectorise four.
static double dot(const double *x, const double *y, int64_t n) {
    double sum[4] = { 0 };
    int64_t k = 0;
    for (; k + 4 <= n; k += 4)
        for (int j = 0; j < 4; j++) sum[j] += x[k + j] * y[k + j];
    for (; k < n; k++) sum[0] += x[k] * y[k];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* Gram and Schmidt, modified, and twice, which is enough (Giraud, Langou and Rozloznik 2005). Of
   the factorisation q' r of a normal matrix the diagonal of r is positive, which makes q uniform
   among the orthogonal matrices (Stewart 1980). q (n, length), n <= length. */
static void orthonormalise(double *q, int64_t n, int64_t length) {
    for (int64_t j = 0; j < n; j++) {
        double *x = q + j * length;
        for (int64_t i = 0; i < 2 * j; i++) {
            const double *y = q + i % j * length;
            double along = dot(x, y, length);
            for (int64_t k = 0; k < length; k++) x[k] -= along * y[k];
        }
        double norm = sqrt(dot(x, x, length));
        for (int64_t k = 0; k < length; k++) x[k] /= norm;
    }
}

bool wg__init_orthogonal(wg_tensor *w, const wg_init *init, wg_random *r) {
    const wg_view *v = &w->view;
    int64_t rows = v->shape.dim[0], columns = columns_of(v);
    int64_t n = rows < columns ? rows : columns, length = rows < columns ? columns : rows;
    double *q = wg__alloc((size_t)(n * length) * sizeof *q);  // (n, length): rows or columns of w
    if (!q) return false;
    for (int64_t k = 0; k < n * length; k++) q[k] = wg__init_normal(r);
    orthonormalise(q, n, length);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            put(v, i * columns + j,
                init->gain * q[rows < columns ? i * length + j : j * length + i]);
    wg__free(q);
    return true;
}

/* ---- sparse ---------------------------------------------------------------------------------- */

// The zeros of a row are a sample without replacement, drawn in one pass (Fan et al. 1962).
bool wg__init_sparse(wg_tensor *w, const wg_init *init, wg_random *r) {
    const wg_view *v = &w->view;
    int64_t rows = v->shape.dim[0], columns = columns_of(v);
    for (int64_t i = 0; i < rows; i++) {
        int64_t zeros = (int64_t)ceil(init->a * (double)columns);
        for (int64_t j = 0; j < columns; j++) {
            bool zero = wg_random_below(r, columns - j) < zeros;
            put(v, i * columns + j, zero ? 0 : init->gain * init->b * wg__init_normal(r));
            zeros -= zero;
        }
    }
    return true;
}

/* ---- identity -------------------------------------------------------------------------------- */

/* How many rows make one of the weights that a weight consists of, as the groups of a convolution
   or the gates of a recurrent layer: told by the fans, which are of one of them, whichever of its
   axes is the first. All rows where that makes no sense. */
static int64_t rows_of_one(const wg_init *init, const wg_view *v, int64_t taps) {
    int64_t rows = v->shape.dim[0], columns = v->shape.dim[1];
    if (init->fan_out == 0) return rows;
    int64_t in = init->fan_in ? init->fan_in / taps : columns, out = init->fan_out / taps;
    if (in > rows + columns || out > rows + columns) return rows;  // their sum might overflow
    int64_t n = in + out - columns;
    return n > 0 && rows % n == 0 ? n : rows;
}

bool wg__init_identity(wg_tensor *w, const wg_init *init, wg_random *r) {
    (void)r;
    const wg_view *v = &w->view;
    if (wg_numel(w) == 0) return true;
    int64_t taps = 1, centre = 0;  // of the kernel, in C order
    for (int i = 2; i < v->shape.rank; i++) {
        taps *= v->shape.dim[i];
        centre = centre * v->shape.dim[i] + v->shape.dim[i] / 2;
    }
    memset(v->data, 0, (size_t)wg_numel(w) * wg__size_of(v->dtype));
    int64_t rows = rows_of_one(init, v, taps);
    for (int64_t i = 0; i < v->shape.dim[0]; i++)
        if (i % rows < v->shape.dim[1])
            put(v, (i * v->shape.dim[1] + i % rows) * taps + centre, init->gain);
    return true;
}
