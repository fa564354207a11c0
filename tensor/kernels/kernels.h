// SPDX-License-Identifier: MIT
/* kernels.h: loops on raw arrays. They get views that already fit each other, check nothing,
   allocate nothing unless they say so, and know no operation by name. */
#ifndef WG_KERNELS_H
#define WG_KERNELS_H

#include "tensor/tensor_impl.h"

/* map.c: runs `loop` over the common broadcast shape of the views (views[0] being the written one,
   of the full shape), merging axes so that the inner loop is as long as it can be. At most 1 +
   WG__MAP_INPUTS views. */
enum { WG__MAP_INPUTS = 7 };
void wg__map(wg_loop *loop, const wg_view *const views[], int count, const double *param);

/* copy.c: to = from, converting dtypes, any strides, shapes equal or from broadcast to to's. */
void wg__copy_view(const wg_view *to, const wg_view *from);
void wg__fill_view(const wg_view *to, double value);
/* to += from, same shape and dtype, f32 or f64: how gradients gather. */
void wg__accumulate(const wg_view *to, const wg_view *from);

/* reduce.c: `from` seen as kept axes and reduced axes. y has from's rank with the reduced axes of
   size 1 (any strides elsewhere), so that axes pair up. f32 and f64; sums also of integers, into
   the same dtype. */
void wg__reduce_sum(const wg_view *y, const wg_view *from);  // pairwise (Higham 1993)

/* gemm.c: c (m, n) = a (m, k) b (k, n) [+ c when accumulate], f32 or f64, any strides. The only
   file that knows BLIS. */
void wg__gemm(const wg_view *c, const wg_view *a, const wg_view *b, bool accumulate);

/* factor.c: matrices of f32 or f64; those that are factored, and b for swap_rows, have their rows'
   elements side by side.
   solve_triangular: b (n, k) becomes t^-1 b. Of t (n, n) only the triangle is read, and its
   diagonal only if it is not `unit`. Any strides.
   lu: a (m, n), m >= n, becomes L (unit, lower) and U in one, with rows swapped for the largest
   pivot: row i with pivot[i] >= i, one after another. -1, or the column in which all pivots are 0;
   then a is of no use. swap_rows does the same swaps to b.
   cholesky: the lower triangle of a (n, n) becomes L, only it is read, and what stands above is
   overwritten. -1, or the column whose pivot is not positive. NaN passes through all of them. */
void wg__solve_triangular(const wg_view *t, const wg_view *b, bool upper, bool unit);
int64_t wg__lu(const wg_view *a, int64_t *pivot);
void wg__swap_rows(const wg_view *b, const int64_t *pivot, int64_t n);
int64_t wg__cholesky(const wg_view *a);

#endif
