// SPDX-License-Identifier: MIT
/* unfold.c: windows slid over images, written side by side as the columns of a matrix ("im2col",
   Chellapilla et al. 2006), and such columns added back. A row of the matrix is one tap of the
   window in one channel; along a row of windows it reads evenly spaced elements of one row of the
   image, of which those in the padding are cut off at both ends before the loop. */
#include <string.h>

#include "tensor/kernels/kernels.h"

wg__window_run wg__run_of(const wg__window *w, int axis, int64_t tap, int64_t from, int64_t size) {
    int64_t step = w->stride[axis], shift = tap * w->dilation[axis] - w->padding[axis];
    int64_t last = w->image[axis] - 1 - shift, low = from, high = from + size;
    if (shift < 0) low = (-shift - 1) / step + 1;
    if (low < from) low = from;
    if (last < (high - 1) * step) high = last < 0 ? 0 : last / step + 1;
    if (high <= low) return (wg__window_run){ .before = size };
    return (wg__window_run){ low - from, high - low, from + size - high, low * step + shift };
}

typedef struct walk {
    const wg__window *w;
    const wg__windows *part;
    const wg_view *x, *columns;
} walk;

/* What one tap reads of one image. `image` is the first element that it reads, if there is any;
   across and down say where in the columns the windows are that read it. */
typedef struct tap {
    wg__window_run down, across;
    int64_t row_step, step;      // in the image, from window to window
    int64_t column_step, width;  // in the columns; windows in a row
    char *column, *image;
} tap;
typedef void tap_loop(const tap *t);

static void one_tap(const walk *k, tap_loop *loop, int64_t row, const int64_t at[3]) {
    const wg__windows *part = k->part;
    const wg_view *x = k->x, *columns = k->columns;
    tap t = { .down = wg__run_of(k->w, 0, at[1], part->first[1], part->size[1]),
              .across = wg__run_of(k->w, 1, at[2], part->first[2], part->size[2]),
              .column_step = columns->stride[1],
              .width = part->size[2] };
    // A single element is never stepped from, so a huge stride must not overflow.
    t.row_step = t.down.n > 1 ? k->w->stride[0] * x->stride[2] : 0;
    t.step = t.across.n > 1 ? k->w->stride[1] * x->stride[3] : 1;
    int64_t first =
        at[0] * x->stride[1] + t.down.first * x->stride[2] + t.across.first * x->stride[3];
    int64_t column = row * columns->stride[0];
    for (int64_t b = 0; b < part->size[0]; b++) {
        t.image = wg__at(x, (part->first[0] + b) * x->stride[0] + first);
        t.column = wg__at(columns, column + b * part->size[1] * t.width * t.column_step);
        loop(&t);
    }
}

static void each_tap(const walk *k, tap_loop *loop) {
    int64_t row = 0, channels = k->x->shape.dim[1];
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < k->w->kernel[0]; i++)
            for (int64_t j = 0; j < k->w->kernel[1]; j++)
                one_tap(k, loop, row++, (int64_t[]){ c, i, j });
}

/* n elements side by side, at least `part`, by copies of `part` elements of which the last
   overlaps: of constant size, they are a load and a store each, where a call would cost more than a
   short run. */
#define BY_PARTS(part)                                                                             \
    do {                                                                                           \
        for (int64_t l = 0; l + (part) < n; l += (part)) memcpy(y + l, x + l, (part) * sizeof *y); \
        memcpy(y + n - (part), x + n - (part), (part) * sizeof *y);                                \
    } while (0)

#define TAP_LOOPS(real, copy, zero, read, add)                                                     \
    static inline void copy(real *restrict y, const real *restrict x, int64_t n) {                 \
        if (n >= 8)                                                                                \
            BY_PARTS(8);                                                                           \
        else if (n >= 4)                                                                           \
            BY_PARTS(4);                                                                           \
        else                                                                                       \
            for (int64_t l = 0; l < n; l++) y[l] = x[l];                                           \
    }                                                                                              \
    static inline real *zero(real *y, int64_t n, int64_t step) {                                   \
        for (int64_t l = 0; l < n; l++) y[l * step] = 0;                                           \
        return y + n * step;                                                                       \
    }                                                                                              \
    static void read(const tap *t) {                                                               \
        const int64_t dy = t->column_step, dx = t->step, n = t->across.n;                          \
        const real *x = (const real *)(const void *)t->image;                                      \
        real *y = zero((real *)(void *)t->column, t->down.before * t->width, dy);                  \
        for (int64_t r = 0; r < t->down.n; r++, x += t->row_step) {                                \
            y = zero(y, t->across.before, dy);                                                     \
            if (dx == 1 && dy == 1)                                                                \
                copy(y, x, n);                                                                     \
            else                                                                                   \
                for (int64_t l = 0; l < n; l++) y[l * dy] = x[l * dx];                             \
            y = zero(y + n * dy, t->across.after, dy);                                             \
        }                                                                                          \
        zero(y, t->down.after * t->width, dy);                                                     \
    }                                                                                              \
    static void add(const tap *t) {                                                                \
        const int64_t dy = t->column_step, dx = t->step, n = t->across.n;                          \
        real *restrict x = (real *)(void *)t->image;                                               \
        const real *restrict y = (const real *)(const void *)t->column;                            \
        y += (t->down.before * t->width + t->across.before) * dy;                                  \
        for (int64_t r = 0; r < t->down.n; r++, x += t->row_step, y += t->width * dy) {            \
            if (dx == 1 && dy == 1)                                                                \
                for (int64_t l = 0; l < n; l++) x[l] += y[l];                                      \
            else                                                                                   \
                for (int64_t l = 0; l < n; l++) x[l * dx] += y[l * dy];                            \
        }                                                                                          \
    }
TAP_LOOPS(float, copy_f32, zero_f32, read_f32, add_f32)
TAP_LOOPS(double, copy_f64, zero_f64, read_f64, add_f64)

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
