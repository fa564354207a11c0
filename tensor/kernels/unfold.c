// SPDX-License-Identifier: MIT
/* unfold.c: windows slid over images, written side by side as the columns of a matrix ("im2col",
   Chellapilla et al. 2006), and such columns added back. A row of the matrix is one tap of the
   window in one channel; along a row of windows it reads evenly spaced elements of one row of the
   image, of which those in the padding are cut off at both ends before the loop. */
#include <string.h>

#include "tensor/kernels/kernels.h"

/* One row of windows, seen by one tap: `before` windows whose tap lies in the padding, then n
   elements of the image, then `after` in the padding again. */
typedef struct run {
    int64_t before, n, after;
    int64_t first;  // the first element's column in the image
} run;

// Of windows from ... from + size - 1 along one axis, those whose tap is within the image.
static run run_of(const wg__window *w, int axis, int64_t tap, int64_t from, int64_t size) {
    int64_t step = w->stride[axis], shift = tap * w->dilation[axis] - w->padding[axis];
    int64_t last = w->image[axis] - 1 - shift;  // of what a window's stride may be times its number
    int64_t low = shift < 0 ? (-shift - 1) / step + 1 : 0, high = last < 0 ? 0 : last / step + 1;
    if (low < from) low = from;
    if (high > from + size) high = from + size;
    if (high <= low) return (run){ .before = size };
    return (run){ low - from, high - low, from + size - high, low * step + shift };
}

typedef struct walk {
    const wg__window *w;
    const wg__windows *part;
    const wg_view *x, *columns;
} walk;

/* `image` is the element that the run begins with, or NULL where there is none. */
typedef void run_loop(const walk *k, const run *r, char *column, char *image);

static void one_tap(const walk *k, run_loop *loop, int64_t row, const int64_t at[3]) {
    const wg__windows *part = k->part;
    const wg_view *x = k->x, *columns = k->columns;
    const run across = run_of(k->w, 1, at[2], part->first[2], part->size[2]);
    const run none = { .before = part->size[2] };
    const run down = run_of(k->w, 0, at[1], part->first[1], part->size[1]);
    int64_t column = row * columns->stride[0], step = part->size[2] * columns->stride[1];
    for (int64_t b = 0; b < part->size[0]; b++) {
        int64_t image = (part->first[0] + b) * x->stride[0] + at[0] * x->stride[1] +
                        down.first * x->stride[2] + across.first * x->stride[3];
        for (int64_t r = 0; r < part->size[1]; r++, column += step) {
            bool within = r >= down.before && r < down.before + down.n && across.n > 0;
            loop(k, within ? &across : &none, wg__at(columns, column),
                 within ? wg__at(x, image) : NULL);
            if (within) image += k->w->stride[0] * x->stride[2];
        }
    }
}

static void each_tap(const walk *k, run_loop *loop) {
    int64_t row = 0, channels = k->x->shape.dim[1];
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < k->w->kernel[0]; i++)
            for (int64_t j = 0; j < k->w->kernel[1]; j++)
                one_tap(k, loop, row++, (int64_t[]){ c, i, j });
}

#define RUN_LOOPS(real, read, add)                                                                 \
    static void read(const walk *k, const run *r, char *column, char *image) {                     \
        const int64_t dy = k->columns->stride[1], dx = k->w->stride[1] * k->x->stride[3];          \
        real *y = (real *)(void *)column;                                                          \
        const real *x = (const real *)(const void *)image;                                         \
        for (int64_t l = 0; l < r->before; l++) y[l * dy] = 0;                                     \
        y += r->before * dy;                                                                       \
        if (dx == 1 && dy == 1)                                                                    \
            memcpy(y, x ? x : y, (size_t)r->n * sizeof(real));                                     \
        else                                                                                       \
            for (int64_t l = 0; l < r->n; l++) y[l * dy] = x[l * dx];                              \
        y += r->n * dy;                                                                            \
        for (int64_t l = 0; l < r->after; l++) y[l * dy] = 0;                                      \
    }                                                                                              \
    static void add(const walk *k, const run *r, char *column, char *image) {                      \
        const int64_t dy = k->columns->stride[1], dx = k->w->stride[1] * k->x->stride[3];          \
        const real *y = (const real *)(const void *)column + r->before * dy;                       \
        real *x = (real *)(void *)image;                                                           \
        if (dx == 1 && dy == 1)                                                                    \
            for (int64_t l = 0; l < r->n; l++) x[l] += y[l];                                       \
        else                                                                                       \
            for (int64_t l = 0; l < r->n; l++) x[l * dx] += y[l * dy];                             \
    }
RUN_LOOPS(float, read_f32, add_f32)
RUN_LOOPS(double, read_f64, add_f64)

void wg__unfold(const wg_view *columns, const wg_view *x, const wg__window *w,
                const wg__windows *part) {
    const walk k = { w, part, x, columns };
    each_tap(&k, x->dtype == WG_F32 ? read_f32 : read_f64);
}

void wg__fold(const wg_view *x, const wg_view *columns, const wg__window *w,
              const wg__windows *part) {
    const walk k = { w, part, x, columns };
    each_tap(&k, x->dtype == WG_F32 ? add_f32 : add_f64);
}
