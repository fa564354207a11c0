// SPDX-License-Identifier: MIT
/* linalg.h: what operations on stacks of matrices share: the last two axes are a matrix, all before
   them count matrices and broadcast. */
#ifndef WG_OPS_LINALG_H
#define WG_OPS_LINALG_H

#include "autograd/ops/ops_impl.h"

/* How many matrices a stack of this shape (rank 2 or more) holds. */
static inline int64_t wg__batches(const wg_shape *s) {
    int64_t n = 1;
    for (int i = 0; i < s->rank - 2; i++) n *= s->dim[i];
    return n;
}

/* Offset of v's matrix at the batch index that `flat` counts in C order of y's leading axes. */
static inline int64_t wg__batch_offset(const wg_view *v, const wg_shape *y, int64_t flat) {
    int64_t offset = 0;
    for (int axis = y->rank - 3; axis >= 0; axis--) {
        int64_t index = flat % y->dim[axis];
        flat /= y->dim[axis];
        int own = axis - (y->rank - v->shape.rank);
        if (own >= 0 && v->shape.dim[own] != 1) offset += index * v->stride[own];
    }
    return offset;
}

/* And the matrix itself. */
static inline wg_view wg__matrix_at(const wg_view *v, const wg_shape *y, int64_t flat) {
    wg_view m = { .data = v->data, .dtype = v->dtype, .shape = { .rank = 2 } };
    int rank = v->shape.rank;
    for (int k = 0; k < 2; k++) {
        m.shape.dim[k] = v->shape.dim[rank - 2 + k];
        m.stride[k] = v->stride[rank - 2 + k];
    }
    m.data = wg__at(&m, wg__batch_offset(v, y, flat));
    return m;
}

/* A stack of matrices, rank 1 or more, as one matrix of all its rows; false where these do not
   follow each other evenly. */
static inline bool wg__rows_of(const wg_view *a, wg_view *m) {
    int rank = a->shape.rank;
    *m = (wg_view){ .data = a->data,
                    .dtype = a->dtype,
                    .shape = { 2, { 1, a->shape.dim[rank - 1] } } };
    m->stride[1] = a->stride[rank - 1];
    for (int i = rank - 2; i >= 0; i--) {
        if (a->shape.dim[i] == 1) continue;
        if (m->shape.dim[0] == 1)
            m->stride[0] = a->stride[i];
        else if (a->stride[i] != m->stride[0] * m->shape.dim[0])
            return false;
        m->shape.dim[0] *= a->shape.dim[i];
    }
    if (m->shape.dim[0] == 1) m->stride[0] = m->shape.dim[1];
    return true;
}

/* For references: where the dense matrix of x begins that belongs to matrix `flat` of y. */
static inline const double complex *wg__zmatrix_at(const wg_zview *x, const wg_shape *y,
                                                   int64_t flat) {
    wg_view v = { .shape = x->shape };
    wg__contiguous_strides(&v);
    return x->data + wg__batch_offset(&v, y, flat);
}

static inline wg_tensor *wg__transposed(wg_tensor *x) { return wg_transpose(x, -2, -1); }

/* Input i is floats, of rank 2 or more, its last two sizes equal; reports otherwise. */
bool wg__is_square(const wg_call *c, int i);

/* "NAME: [4,3,3]: matrix 2 of 4 is WHAT, pivot 3 of 3" for at = { 1, 2 }; always false. */
bool wg__pivot_fail(const wg_call *c, const char *what, const int64_t at[2], int64_t count);

/* ---- LU: solve.c ----------------------------------------------------------------------------- */

/* Room for one matrix' LU. wg__lu_of gives what wg__lu does, and is for nothing if it is the matrix
   it was before. */
typedef struct wg__lu_room {
    wg_view lu;
    int64_t *pivot;
    const void *of;
    int64_t zero;
} wg__lu_room;
bool wg__lu_open(wg__lu_room *r, wg_dtype dtype, int64_t n);  // false after reporting
void wg__lu_close(wg__lu_room *r);
int64_t wg__lu_of(wg__lu_room *r, const wg_view *a);

/* For references: the determinant of n rows in the columns whose bits are set, expanded along the
   first row; n! terms. */
enum { WG__LAPLACE_MAX = 6 };
double complex wg__laplace(int64_t n, const double complex *const row[], uint64_t columns);

/* a^-1, and NaN for each matrix that has none. */
wg_tensor *wg__lenient_inverse(wg_tensor *a);

#endif
