// SPDX-License-Identifier: MIT
/* factor.c: triangular systems, LU and Cholesky. Each halves its matrix until a few columns are
   left (Toledo 1997), so that nearly all of the work is products of blocks, and those are gemm's.
   gemm adds; to subtract, one factor, or the sum, changes its sign before and after, which is
   exact. */
#include <math.h>
#include <string.h>

#include "tensor/kernels/kernels.h"

enum {
    FEW = 16,    // columns at which halving ends
    WIDTH = 64,  // columns of a right-hand side that are solved together, on the stack
    TILE = 64,   // of a symmetric product whose upper half is computed in vain
};

static wg_view block(const wg_view *v, const int64_t at[2], int64_t rows, int64_t cols) {
    wg_view b = { .data = wg__at(v, at[0] * v->stride[0] + at[1] * v->stride[1]),
                  .dtype = v->dtype,
                  .shape = { 2, { rows, cols } } };
    b.stride[0] = v->stride[0], b.stride[1] = v->stride[1];
    return b;
}
#define BLOCK(v, i, j, rows, cols) block(v, (const int64_t[]){ i, j }, rows, cols)

static wg_view turned(const wg_view *v) {
    wg_view t = *v;
    t.shape.dim[0] = v->shape.dim[1], t.shape.dim[1] = v->shape.dim[0];
    t.stride[0] = v->stride[1], t.stride[1] = v->stride[0];
    return t;
}

/* ---- few columns ----------------------------------------------------------------------------- */

/* panel: LU of a few columns of any length, rows swapped where they are; a NaN is the largest pivot
   of all, so that it is seen. small_solve: t has at most FEW rows. small_cholesky: likewise. */
#define FEW_COLUMNS(type, real, absolute, root)                                                    \
    static void negate_##type(const wg_view *v) {                                                  \
        real *x = v->data;                                                                         \
        const int64_t step = v->stride[1];                                                         \
        for (int64_t i = 0; i < v->shape.dim[0]; i++, x += v->stride[0]) {                         \
            for (int64_t j = 0; j < v->shape.dim[1] && step == 1; j++) x[j] = -x[j];               \
            for (int64_t j = 0; j < v->shape.dim[1] && step != 1; j++) x[j * step] = -x[j * step]; \
        }                                                                                          \
    }                                                                                              \
    static int64_t panel_##type(const wg_view *v, int64_t *pivot) {                                \
        real *a = v->data;                                                                         \
        const int64_t m = v->shape.dim[0], n = v->shape.dim[1], rs = v->stride[0];                 \
        for (int64_t j = 0; j < n; j++) {                                                          \
            int64_t best = j;                                                                      \
            for (int64_t i = j + 1; i < m; i++) {                                                  \
                const real x = absolute(a[i * rs + j]), most = absolute(a[best * rs + j]);         \
                if (x > most || x != x) best = i;                                                  \
            }                                                                                      \
            real *row = a + j * rs, *other = a + best * rs;                                        \
            pivot[j] = best;                                                                       \
            if (other[j] == 0) return j;                                                           \
            for (int64_t k = 0; k < n && best != j; k++) {                                         \
                const real x = row[k];                                                             \
                row[k] = other[k], other[k] = x;                                                   \
            }                                                                                      \
            for (int64_t i = j + 1; i < m; i++) {                                                  \
                real *x = a + i * rs;                                                              \
                const real l = x[j] /= row[j];                                                     \
                for (int64_t k = j + 1; k < n; k++) x[k] -= l * row[k];                            \
            }                                                                                      \
        }                                                                                          \
        return -1;                                                                                 \
    }                                                                                              \
    static void small_solve_##type(const wg_view *t, const wg_view *v, bool upper, bool unit) {    \
        real room[FEW][WIDTH];                                                                     \
        const int64_t n = t->shape.dim[0], bs = v->stride[0], cs = v->stride[1];                   \
        const real *a = t->data;                                                                   \
        for (int64_t first = 0, w; first < v->shape.dim[1]; first += w) {                          \
            w = v->shape.dim[1] - first < WIDTH ? v->shape.dim[1] - first : WIDTH;                 \
            real *b = (real *)v->data + first * cs;                                                \
            for (int64_t i = 0; i < n; i++)                                                        \
                for (int64_t j = 0; j < w; j++) room[i][j] = b[i * bs + j * cs];                   \
            for (int64_t s = 0; s < n; s++) {                                                      \
                const int64_t i = upper ? n - 1 - s : s;                                           \
                const real *row = a + i * t->stride[0], by = row[i * t->stride[1]];                \
                for (int64_t r = 0; r < s; r++) {                                                  \
                    const int64_t k = upper ? n - 1 - r : r;                                       \
                    const real l = row[k * t->stride[1]];                                          \
                    for (int64_t j = 0; j < w; j++) room[i][j] -= l * room[k][j];                  \
                }                                                                                  \
                for (int64_t j = 0; j < w && !unit; j++) room[i][j] /= by;                         \
            }                                                                                      \
            for (int64_t i = 0; i < n; i++)                                                        \
                for (int64_t j = 0; j < w; j++) b[i * bs + j * cs] = room[i][j];                   \
        }                                                                                          \
    }                                                                                              \
    static int64_t small_cholesky_##type(const wg_view *v) {                                       \
        real *a = v->data;                                                                         \
        const int64_t n = v->shape.dim[0], rs = v->stride[0];                                      \
        for (int64_t j = 0; j < n; j++)                                                            \
            for (int64_t i = j; i < n; i++) {                                                      \
                real sum = a[i * rs + j];                                                          \
                for (int64_t k = 0; k < j; k++) sum -= a[i * rs + k] * a[j * rs + k];              \
                if (i == j && sum <= 0) return j;                                                  \
                a[i * rs + j] = i == j ? root(sum) : sum / a[j * rs + j];                          \
            }                                                                                      \
        return -1;                                                                                 \
    }
FEW_COLUMNS(f32, float, fabsf, sqrtf)
FEW_COLUMNS(f64, double, fabs, sqrt)

static void negate(const wg_view *v) { (v->dtype == WG_F64 ? negate_f64 : negate_f32)(v); }

/* c -= a b; b may be written to. */
static void subtract(const wg_view *c, const wg_view *a, const wg_view *b) {
    negate(b);
    wg__gemm(c, a, b, true);
    negate(b);
}

/* ---- triangular systems ---------------------------------------------------------------------- */

void wg__solve_triangular(const wg_view *t, const wg_view *b, bool upper, bool unit) {
    int64_t n = t->shape.dim[0], cols = b->shape.dim[1], half = n / 2;
    if (n <= FEW) {
        (t->dtype == WG_F64 ? small_solve_f64 : small_solve_f32)(t, b, upper, unit);
        return;
    }
    // `first` is solved first, and then taken out of the rest by the block of t between them.
    int64_t first = upper ? half : 0, rest = upper ? 0 : half;
    int64_t count = upper ? n - half : half, others = n - count;
    wg_view own = BLOCK(t, first, first, count, count), x = BLOCK(b, first, 0, count, cols);
    wg_view next = BLOCK(t, rest, rest, others, others), y = BLOCK(b, rest, 0, others, cols);
    wg_view between = BLOCK(t, rest, first, others, count);
    wg__solve_triangular(&own, &x, upper, unit);
    subtract(&y, &between, &x);
    wg__solve_triangular(&next, &y, upper, unit);
}

/* ---- LU -------------------------------------------------------------------------------------- */

static void swap(char *a, char *b, size_t bytes) {
    char room[512];
    for (size_t n; bytes > 0; a += n, b += n, bytes -= n) {
        n = bytes < sizeof room ? bytes : sizeof room;
        memcpy(room, a, n), memcpy(a, b, n), memcpy(b, room, n);
    }
}

void wg__swap_rows(const wg_view *b, const int64_t *pivot, int64_t n) {
    size_t bytes = (size_t)b->shape.dim[1] * wg__size_of(b->dtype);
    for (int64_t i = 0; i < n; i++)
        if (pivot[i] != i)
            swap(wg__at(b, i * b->stride[0]), wg__at(b, pivot[i] * b->stride[0]), bytes);
}

int64_t wg__lu(const wg_view *a, int64_t *pivot) {
    int64_t m = a->shape.dim[0], n = a->shape.dim[1], half = n / 2;
    if (n <= FEW) return (a->dtype == WG_F64 ? panel_f64 : panel_f32)(a, pivot);
    wg_view left = BLOCK(a, 0, 0, m, half), right = BLOCK(a, 0, half, m, n - half);
    int64_t zero = wg__lu(&left, pivot);
    if (zero >= 0) return zero;
    wg__swap_rows(&right, pivot, half);
    wg_view l = BLOCK(a, 0, 0, half, half), u = BLOCK(a, 0, half, half, n - half);
    wg_view below = BLOCK(a, half, 0, m - half, half),
            rest = BLOCK(a, half, half, m - half, n - half);
    wg__solve_triangular(&l, &u, false, true);
    subtract(&rest, &below, &u);
    zero = wg__lu(&rest, pivot + half);
    if (zero >= 0) return zero + half;
    wg__swap_rows(&below, pivot + half, n - half);
    for (int64_t i = half; i < n; i++) pivot[i] += half;
    return -1;
}

/* ---- Cholesky -------------------------------------------------------------------------------- */

/* The lower half of c -= a a', and tiles on the diagonal in full. */
static void subtract_square(const wg_view *c, const wg_view *a) {
    int64_t n = c->shape.dim[0], half = n / 2, k = a->shape.dim[1];
    wg_view at = turned(a);
    if (n <= TILE) {
        negate(c);
        wg__gemm(c, a, &at, true);
        negate(c);
        return;
    }
    wg_view above = BLOCK(a, 0, 0, half, k), below = BLOCK(a, half, 0, n - half, k);
    wg_view first = BLOCK(c, 0, 0, half, half), corner = BLOCK(c, half, 0, n - half, half);
    wg_view last = BLOCK(c, half, half, n - half, n - half);
    wg_view above_turned = turned(&above);
    subtract_square(&first, &above);
    subtract_square(&last, &below);
    negate(&corner);
    wg__gemm(&corner, &below, &above_turned, true);
    negate(&corner);
}

int64_t wg__cholesky(const wg_view *a) {
    int64_t n = a->shape.dim[0], half = n / 2;
    if (n <= FEW) return (a->dtype == WG_F64 ? small_cholesky_f64 : small_cholesky_f32)(a);
    wg_view first = BLOCK(a, 0, 0, half, half), below = BLOCK(a, half, 0, n - half, half);
    wg_view last = BLOCK(a, half, half, n - half, n - half);
    int64_t bad = wg__cholesky(&first);
    if (bad >= 0) return bad;
    wg_view turned_below = turned(&below);  // below = below first'^-1
    wg__solve_triangular(&first, &turned_below, false, false);
    subtract_square(&last, &below);
    bad = wg__cholesky(&last);
    return bad < 0 ? -1 : bad + half;
}
