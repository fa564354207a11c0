// SPDX-License-Identifier: MIT
/* norm.h: what layer and RMS normalisation do to one line of n elements that lie side by side, f32
   or f64. The mean is kept in two parts, so that x = 1e4 + noise keeps the digits of the noise. */
#ifndef WG_NORM_H
#define WG_NORM_H

#include "tensor/tensor_impl.h"

/* A normalised element is h = ((x - mean) - rest) scale. */
typedef struct wg__norm {
    double mean, rest;  // mean has the elements' type, rest is what it lacks; both 0 unless centred
    double scale;       // 1 / sqrt(variance + eps), or of the mean square
} wg__norm;

typedef struct wg__norms {
    wg__norm (*measure)(int64_t n, const void *x, bool centred, double eps);
    /* y = h w + b, with w = affine[0] and b = affine[1], NULL for 1 and 0. */
    void (*apply)(int64_t n, void *y, const void *x, const wg__norm *m,
                  const void *const affine[2]);
    /* gx = (g - mean g - h mean(g h)) scale, g = gy w; without `mean g` unless centred. gx may be
       gy. Exactly 0 where all of gy is. */
    void (*back)(int64_t n, void *gx, const void *const gy_x_w[3], const wg__norm *m, bool centred);
    /* sum += gy h, exactly 0 where gy is. */
    void (*gather)(int64_t n, double *sum, const void *gy, const void *x, const wg__norm *m);
} wg__norms;

extern const wg__norms wg__norm_loops[WG_F64 + 1];

#endif
