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

/* unfold.c: a window of kernel[0] x kernel[1] taps, slid over the last two axes of x (N, C, H, W):
   tap (i, j) of window (r, s) stands at row r stride - padding + i dilation of the image, and
   likewise across; what lies outside is 0. count windows down and across, image = H, W. */
typedef struct wg__window {
    int64_t image[2], kernel[2], stride[2], padding[2], dilation[2], count[2];
} wg__window;
/* The windows of some images: first and how many, of images, down and across. */
typedef struct wg__windows {
    int64_t first[3], size[3];
} wg__windows;
/* columns (C kernel[0] kernel[1], windows) from x, or added to it. f32 or f64, any strides. */
void wg__unfold(const wg_view *columns, const wg_view *x, const wg__window *w,
                const wg__windows *part);
void wg__fold(const wg_view *x, const wg_view *columns, const wg__window *w,
              const wg__windows *part);
/* Windows from ... from + size - 1 along one axis, seen by one tap: `before` of them where it lies
   in the padding, then n where it is within the image, then `after` in the padding again. */
typedef struct wg__window_run {
    int64_t before, n, after;
    int64_t first;  // of the n, in the image
} wg__window_run;
wg__window_run wg__run_of(const wg__window *w, int axis, int64_t tap, int64_t from, int64_t size);

/* conv.c: y (N, O, count) = w (O, C / groups, kernel) slid over x (N, C, image), or one of the
   other two from what is given: the one form sum y w x, of which convolution and its two
   transposes are the derivatives. Each is false after reporting that there is no memory. */
typedef struct wg__conv {
    wg__window window;
    int64_t groups;
    wg_view x, w, y;      // f32 or f64, any strides; what is written is dense
    const wg_view *bias;  // (O) or NULL: wg__conv_value alone
} wg__conv;
bool wg__conv_value(const wg__conv *c);   // y = w x + bias
bool wg__conv_image(const wg__conv *c);   // x += w y
bool wg__conv_weight(const wg__conv *c);  // w = x y, over all images
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

/* pool.c: places in a dense image, counted row by row, of the largest element of each window in a
   row of them: the first of equals, or the first NaN. No window lies in the padding alone. f32 or
   f64. */
void wg__largest(int64_t *place, const wg_view *image, const wg__window *w, int64_t row);

/* A row or column of a resampled image: `count` of them from `first` on, times weight where they
   are one or two, else simply added; then divided. */
typedef struct wg__mix {
    int64_t first, count;
    double weight[2], divisor;
} wg__mix;
/* y (N, C, H', W') from x (N, C, H, W), mix[0] having H' and mix[1] W' entries; and the transpose,
   added to x. f32 or f64, any strides; row is room for W numbers. */
void wg__resample(const wg_view *y, const wg_view *x, const wg__mix *const mix[2], double *row);
void wg__resample_back(const wg_view *x, const wg_view *y, const wg__mix *const mix[2],
                       double *row);

#endif
