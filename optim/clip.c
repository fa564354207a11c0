// SPDX-License-Identifier: MIT
/* clip.c: clipping by the norm over all gradients together (Pascanu, Mikolov and Bengio 2013). The
   factor is handed to the rules, so that clipping takes no pass of its own and no gradient is
   written to. */
#include <math.h>

#include "optim/optim_impl.h"

// Sums side by side: the compiler may not reorder one sum, but it may vectorise eight.
enum { LANES = 8 };

#define SUM_SQUARES(name, real)                                                                    \
    static double name(int64_t n, const void *from, double factor) {                               \
        const real *x = from;                                                                      \
        double sum[LANES] = { 0 };                                                                 \
        int64_t k = 0;                                                                             \
        for (; k + LANES <= n; k += LANES)                                                         \
            for (int j = 0; j < LANES; j++) {                                                      \
                double v = (double)x[k + j] * factor;                                              \
                sum[j] += v * v;                                                                   \
            }                                                                                      \
        for (; k < n; k++) sum[0] += ((double)x[k] * factor) * ((double)x[k] * factor);            \
        for (int j = 1; j < LANES; j++) sum[0] += sum[j];                                          \
        return sum[0];                                                                             \
    }
SUM_SQUARES(sum_squares_f32, float)
SUM_SQUARES(sum_squares_f64, double)

static double sum_squares(const wg_view *g, double factor) {
    static double (*const sum[WG_F64 + 1])(int64_t, const void *, double) = { sum_squares_f32,
                                                                              sum_squares_f64 };
    int64_t n = wg__numel(&g->shape);
    if (wg__is_contiguous(g)) return sum[g->dtype](n, g->data, factor);
    double total = 0;
    for (int64_t k = 0; k < n; k++) total += sum[g->dtype](1, wg__at(g, wg__offset(g, k)), factor);
    return total;
}

static double largest(const wg_view *g) {
    double most = 0;
    for (int64_t k = 0, n = wg__numel(&g->shape); k < n; k++)
        most = fmax(most, fabs(wg__load(g->dtype, wg__at(g, wg__offset(g, k)))));
    return most;
}

static double sum_all(const wg_optim *o, double factor) {
    double sum = 0;
    const wg_tensor *w;
    for (int i = 0; (w = wg__nn_param_next(o->model.m, &i));)
        if (w->gradient) sum += sum_squares(&w->gradient->view, factor);
    return sum;
}

static double largest_of_all(const wg_optim *o) {
    double most = 0;
    const wg_tensor *w;
    for (int i = 0; (w = wg__nn_param_next(o->model.m, &i));)
        if (w->gradient) most = fmax(most, largest(&w->gradient->view));
    return most;
}

double wg_optim_gradient_norm(const wg_optim *o) {
    if (!o || !o->model.m) return NAN;
    double sum = sum_all(o, 1);
    if (isnan(sum) || (sum > 1e-280 && sum < 1e300)) return sqrt(sum);
    // Squares of f64 values may have left the range: once more, with the largest value scaled to 1.
    double most = largest_of_all(o);
    if (most == 0 || isinf(most)) return most;
    int exponent;
    (void)frexp(most, &exponent);
    if (exponent < -1000) exponent = -1000;  // 2^1000 lifts the least of numbers far enough
    return ldexp(sqrt(sum_all(o, ldexp(1, -exponent))), exponent);
}

bool wg_optim_clip_norm(wg_optim *o, double max_norm) {
    if (wg__pending()) return false;
    wg__where("");
    if (!o) return wg_fail(WG_ERROR_ARGUMENT, "optim_clip_norm: the optimiser is NULL");
    if (!wg__optim_check("optim_clip_norm", "max_norm", max_norm, INFINITY)) return false;
    o->max_norm = max_norm;
    return true;
}

bool wg__clip_scale(const wg_optim *o, double *scale) {
    *scale = 1;
    if (o->max_norm == 0) return true;
    double norm = wg_optim_gradient_norm(o);
    if (!isfinite(norm))
        return wg_fail(WG_ERROR_STATE,
                       "optim_step: the norm of the gradients is %g, not to be clipped to %g", norm,
                       o->max_norm);
    if (norm > o->max_norm) *scale = o->max_norm / norm;
    return true;
}
