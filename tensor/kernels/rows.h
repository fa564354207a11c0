// SPDX-License-Identifier: MIT
/* rows.h: what softmax, log-sum-exp and cross-entropy do to one line of n elements that lie side by
   side, f32 or f64. Each is one small loop; numbers come and go as double, elements keep their
   type. */
#ifndef WG_ROWS_H
#define WG_ROWS_H

#include "tensor/tensor_impl.h"

typedef struct wg__rows {
    double (*max)(int64_t n, const void *x);  // NaN left out; -inf of nothing
    double (*sum)(int64_t n, const void *x);
    double (*dot)(int64_t n, const void *a, const void *b);     // sum a b, exactly 0 where a is 0
    double (*sum_exp)(int64_t n, const void *x, double shift);  // sum exp(x - shift)
    double (*exp)(int64_t n, void *y, const void *x,
                  double shift);  // y = exp(x - shift); their sum
    void (*shift)(int64_t n, void *y, const void *x,
                  const double by[2]);                         // y = (x - by[0]) - by[1]
    void (*scale)(int64_t n, void *y, double a, double b);     // y = a y + b
    void (*add)(int64_t n, void *y, const void *x, double a);  // y += a x
    /* z = (g - a) y, exactly 0 where g is a */
    void (*weigh)(int64_t n, void *z, const void *y, const void *g, double a);
} wg__rows;

/* What is written may be one of those read. Sums add strips of 256 in 16 lanes each, then the
   strips, in double. */
extern const wg__rows wg__row_loops[WG_F64 + 1];

#endif
