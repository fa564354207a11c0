// SPDX-License-Identifier: MIT
/* norm.c: the loops of norm.h. Moments are added in double, in lanes that do not wait for each
   other, strip by strip, by the corrected two-pass method (Chan, Golub and LeVeque 1983): what the
   rounded mean lacks comes back as the mean of the differences, so a line of equal elements has a
   variance of exactly 0. The file includes itself for each type. */
#ifndef REAL

#include <math.h>

#include "tensor/kernels/lines.h"
#include "tensor/kernels/norm.h"

enum { LANES = 8 };

static int64_t strip_of(int64_t left) { return left < WG__STRIP ? left : WG__STRIP; }

static double strip_sum(int64_t n, const double *d) {
    double lane[LANES] = { 0 };
    int64_t k = 0;
    for (; k + LANES <= n; k += LANES)
        for (int l = 0; l < LANES; l++) lane[l] += d[k + l];
    for (int l = 0; k + l < n; l++) lane[l] += d[k + l];
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

#define REAL float
#define NAMED(name) name##_f32
#include "tensor/kernels/norm.c"
#define REAL double
#define NAMED(name) name##_f64
#include "tensor/kernels/norm.c"

#define LOOPS(type)                                                                                \
    { measure_##type, apply_##type, back_##type, gather_##type }
const wg__norms wg__norm_loops[WG_F64 + 1] = { LOOPS(f32), LOOPS(f64) };

#else

// Apart from the sums, so that the compiler turns several elements into doubles at once.
static void NAMED(differences)(int64_t n, double *d, const REAL *x, REAL mean) {
    for (int64_t k = 0; k < n; k++) d[k] = (double)(x[k] - mean);
}

static double NAMED(sum)(int64_t n, const REAL *x) {  // of one strip
    double d[WG__STRIP];
    NAMED(differences)(n, d, x, 0);
    return strip_sum(n, d);
}

static double NAMED(mean)(int64_t n, const REAL *x) {
    double total = 0;
    for (int64_t done = 0; done < n; done += WG__STRIP)
        total += NAMED(sum)(strip_of(n - done), x + done);
    return total / (double)n;
}

// Adds sum d and sum d^2 of d = x - mean over one strip.
static void NAMED(moments)(int64_t n, const REAL *x, REAL mean, double total[2]) {
    double d[WG__STRIP];
    NAMED(differences)(n, d, x, mean);
    total[0] += strip_sum(n, d);
    for (int64_t k = 0; k < n; k++) d[k] *= d[k];
    total[1] += strip_sum(n, d);
}

static wg__norm NAMED(measure)(int64_t n, const void *line, bool centred, double eps) {
    const REAL *x = line, mean = centred ? (REAL)NAMED(mean)(n, x) : 0;
    double total[2] = { 0 };
    for (int64_t done = 0; done < n; done += WG__STRIP)
        NAMED(moments)(strip_of(n - done), x + done, mean, total);
    double rest = centred ? total[0] / (double)n : 0;
    double square = total[1] / (double)n - rest * rest;
    if (square < 0) square = 0;
    return (wg__norm){ (double)mean, rest, 1 / sqrt(square + eps) };
}

// One strip of h.
static void NAMED(normal)(int64_t n, REAL *h, const REAL *x, const wg__norm *m) {
    const REAL mean = (REAL)m->mean, rest = (REAL)m->rest, scale = (REAL)m->scale;
    for (int64_t k = 0; k < n; k++) h[k] = ((x[k] - mean) - rest) * scale;
}

static void NAMED(apply)(int64_t n, void *to, const void *line, const wg__norm *m,
                         const void *const affine[2]) {
    const REAL *w = affine[0], *b = affine[1];
    REAL *y = to;
    for (int64_t done = 0; done < n; done += WG__STRIP) {
        int64_t part = strip_of(n - done);
        NAMED(normal)(part, y + done, (const REAL *)line + done, m);
        if (w)
            for (int64_t k = done; k < done + part; k++) y[k] *= w[k];
        if (b)
            for (int64_t k = done; k < done + part; k++) y[k] += b[k];
    }
}

// One strip of g.
static void NAMED(weighted)(int64_t n, REAL *g, const REAL *gy, const REAL *w) {
    for (int64_t k = 0; k < n; k++) {
        REAL product = w ? gy[k] * w[k] : gy[k];
        g[k] = gy[k] == 0 ? 0 : product;
    }
}

static void NAMED(back)(int64_t n, void *to, const void *const in[3], const wg__norm *m,
                        bool centred) {
    const REAL *gy = in[0], *x = in[1], *w = in[2], scale = (REAL)m->scale;
    REAL *gx = to, g[WG__STRIP], h[WG__STRIP];
    double along_one = 0, along_h = 0;
    for (int64_t done = 0, part; done < n; done += part) {
        part = strip_of(n - done);
        NAMED(weighted)(part, g, gy + done, w ? w + done : NULL);
        NAMED(normal)(part, h, x + done, m);
        for (int64_t k = 0; k < part; k++) {
            REAL product = g[k] * h[k];
            h[k] = g[k] == 0 ? 0 : product;
        }
        if (centred) along_one += NAMED(sum)(part, g);
        along_h += NAMED(sum)(part, h);
    }
    const REAL one = (REAL)(along_one / (double)n), turn = (REAL)(along_h / (double)n);
    for (int64_t done = 0, part; done < n; done += part) {
        part = strip_of(n - done);
        NAMED(weighted)(part, g, gy + done, w ? w + done : NULL);
        NAMED(normal)(part, h, x + done, m);
        for (int64_t k = 0; k < part; k++) {
            REAL turned = h[k] * turn, off = (g[k] - one) - (turn == 0 ? 0 : turned);
            REAL product = off * scale;
            gx[done + k] = off == 0 ? 0 : product;
        }
    }
}

static void NAMED(gather)(int64_t n, double *sum, const void *gradient, const void *line,
                          const wg__norm *m) {
    const REAL *gy = gradient, *x = line;
    const REAL mean = (REAL)m->mean, rest = (REAL)m->rest, scale = (REAL)m->scale;
    for (int64_t k = 0; k < n; k++) {
        REAL product = gy[k] * (((x[k] - mean) - rest) * scale);
        sum[k] += gy[k] == 0 ? 0 : (double)product;
    }
}

#undef REAL
#undef NAMED
#endif
