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
   size 1 (any strides elsewhere), so that axes pair up. f32 and f64 into their own dtype, integers
   and bool into i64. */
void wg__reduce_sum(const wg_view *y, const wg_view *from);  // pairwise (Higham 1993)

/* gemm.c: c (m, n) = a (m, k) b (k, n) [+ c when accumulate], f32 or f64, any strides. The only
   file that knows BLIS. */
void wg__gemm(const wg_view *c, const wg_view *a, const wg_view *b, bool accumulate);

#endif
