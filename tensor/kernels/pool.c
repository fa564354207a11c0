// SPDX-License-Identifier: MIT
/* pool.c: where the largest element of a window stands, and images resampled: every element of the
   result mixes a few neighbouring rows and columns, rows first, so that all but the last step runs
   along memory. Sums are in double. */
#include "tensor/kernels/kernels.h"

/* ---- the largest ----------------------------------------------------------------------------- */

/* One tap of all windows in a row after the other, and without branches, since nobody can guess
   which element is the largest: p + (mask & (q - p)) is q where the mask is all ones. */
#define LARGEST(name, real)                                                                        \
    static void name(int64_t *restrict place, const void *image, int64_t n, int64_t at,            \
                     int64_t step) {                                                               \
        const real *restrict x = image;                                                            \
        for (int64_t l = 0; l < n; l++, at += step) {                                              \
            const real z = x[at], most = x[place[l]];                                              \
            const int64_t better = (z > most) | ((z != z) & (most == most));                       \
            place[l] += -better & (at - place[l]);                                                 \
        }                                                                                          \
    }
LARGEST(largest_f32, float)
LARGEST(largest_f64, double)

// The first tap of each window that is within the image, on this row of it.
static void begin(int64_t *place, const wg__window *w, int64_t image_row) {
    for (int64_t j = w->kernel[1] - 1; j >= 0; j--) {
        const wg__window_run r = wg__run_of(w, 1, j, 0, w->count[1]);
        int64_t at = image_row * w->image[1] + r.first;
        for (int64_t l = 0; l < r.n; l++) place[r.before + l] = at + l * w->stride[1];
    }
}

void wg__largest(int64_t *place, const wg_view *image, const wg__window *w, int64_t row) {
    bool begun = false;
    for (int64_t i = 0; i < w->kernel[0]; i++) {
        const wg__window_run down = wg__run_of(w, 0, i, row, 1);
        if (down.n && !begun) begin(place, w, down.first);
        begun |= down.n;
        for (int64_t j = 0; down.n && j < w->kernel[1]; j++) {
            const wg__window_run r = wg__run_of(w, 1, j, 0, w->count[1]);
            (image->dtype == WG_F32 ? largest_f32 : largest_f64)(place + r.before, image->data, r.n,
                                                                 down.first * w->image[1] + r.first,
                                                                 r.n > 1 ? w->stride[1] : 0);
        }
    }
}

/* ---- resampling ------------------------------------------------------------------------------ */

static double weight(const wg__mix *m, int64_t t) { return m->count > 2 ? 1 : m->weight[t]; }

/* row[j] = the sum over m's rows of x, each times its weight; and the other way: m's rows of x are
   added to. sx: strides of x down and across. */
#define ROWS(real, mix, spread)                                                                    \
    static void mix(double *row, const void *image, const int64_t sx[2], const wg__mix *m,         \
                    int64_t width) {                                                               \
        for (int64_t t = 0; t < m->count; t++) {                                                   \
            const real *x = (const real *)image + (m->first + t) * sx[0];                          \
            const double a = weight(m, t);                                                         \
            if (t == 0)                                                                            \
                for (int64_t j = 0; j < width; j++) row[j] = a * (double)x[j * sx[1]];             \
            else if (sx[1] == 1)                                                                   \
                for (int64_t j = 0; j < width; j++) row[j] += a * (double)x[j];                    \
            else                                                                                   \
                for (int64_t j = 0; j < width; j++) row[j] += a * (double)x[j * sx[1]];            \
        }                                                                                          \
    }                                                                                              \
    static void spread(const double *row, void *image, const int64_t sx[2], const wg__mix *m,      \
                       int64_t width) {                                                            \
        for (int64_t t = 0; t < m->count; t++) {                                                   \
            real *x = (real *)image + (m->first + t) * sx[0];                                      \
            const double a = weight(m, t);                                                         \
            for (int64_t j = 0; j < width; j++) x[j * sx[1]] += (real)(a * row[j]);                \
        }                                                                                          \
    }
ROWS(float, mix_f32, spread_f32)
ROWS(double, mix_f64, spread_f64)

static double mixed(const double *row, const wg__mix *m) {
    double sum = 0;
    for (int64_t t = 0; t < m->count; t++) sum += weight(m, t) * row[m->first + t];
    return sum;
}

static void spread_one(double *row, double g, const wg__mix *m) {
    for (int64_t t = 0; t < m->count; t++) row[m->first + t] += weight(m, t) * g;
}

// The image that is number `flat` among (N, C), and its strides.
static char *image_at(const wg_view *x, int64_t flat) {
    int64_t c = x->shape.dim[1];
    return wg__at(x, flat / c * x->stride[0] + flat % c * x->stride[1]);
}

void wg__resample(const wg_view *y, const wg_view *x, const wg__mix *const mix[2], double *row) {
    const int64_t height = y->shape.dim[2], across = y->shape.dim[3], width = x->shape.dim[3];
    if (wg__numel(&y->shape) == 0) return;
    for (int64_t k = 0; k < y->shape.dim[0] * y->shape.dim[1]; k++)
        for (int64_t r = 0; r < height; r++) {
            const wg__mix *m = &mix[0][r];
            char *out = image_at(y, k);
            (x->dtype == WG_F32 ? mix_f32 : mix_f64)(row, image_at(x, k), &x->stride[2], m, width);
            for (int64_t s = 0; s < across; s++) {
                double value = mixed(row, &mix[1][s]) / (m->divisor * mix[1][s].divisor);
                int64_t at = r * y->stride[2] + s * y->stride[3];
                if (y->dtype == WG_F32)
                    ((float *)(void *)out)[at] = (float)value;
                else
                    ((double *)(void *)out)[at] = value;
            }
        }
}

void wg__resample_back(const wg_view *x, const wg_view *y, const wg__mix *const mix[2],
                       double *row) {
    const int64_t height = y->shape.dim[2], across = y->shape.dim[3], width = x->shape.dim[3];
    if (wg__numel(&y->shape) == 0) return;
    for (int64_t k = 0; k < y->shape.dim[0] * y->shape.dim[1]; k++)
        for (int64_t r = 0; r < height; r++) {
            const wg__mix *m = &mix[0][r];
            const char *in = image_at(y, k);
            for (int64_t j = 0; j < width; j++) row[j] = 0;
            for (int64_t s = 0; s < across; s++) {
                int64_t at = r * y->stride[2] + s * y->stride[3];
                double g = y->dtype == WG_F32 ? (double)((const float *)(const void *)in)[at]
                                              : ((const double *)(const void *)in)[at];
                spread_one(row, g / (m->divisor * mix[1][s].divisor), &mix[1][s]);
            }
            (x->dtype == WG_F32 ? spread_f32 : spread_f64)(row, image_at(x, k), &x->stride[2], m,
                                                           width);
        }
}
