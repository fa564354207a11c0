// SPDX-License-Identifier: MIT
/* standard.c: standardising. Two passes, as sums of squares about the mean lose nothing to
   cancellation; what is constant is found by comparing, not by a variance that rounding leaves. */
#include <math.h>
#include <string.h>

#include "train/train_impl.h"

enum { BATCH = 256 };

/* ---- measuring ------------------------------------------------------------------------------- */

/* Sums over samples for each group of elements: of the values, then of squares about the mean. */
typedef struct moments {
    int64_t numel, group;  // of a sample; elements that share a number
    int64_t samples;
    double *mean, *sum, *least, *most;  // (groups)
} moments;

static const wg_tensor *measured(const wg_batch *b, bool targets) { return targets ? b->y : b->x; }

static bool add_value(moments *s, int64_t sample, int64_t k, double v, bool squares) {
    int64_t g = k / s->group;
    if (!isfinite(v))
        return wg_fail(WG_ERROR_NUMERIC,
                       "standard_of: element %lld of sample %lld is %g, not a finite number",
                       (long long)k, (long long)sample, v);
    if (squares) {
        s->sum[g] += (v - s->mean[g]) * (v - s->mean[g]);
        return true;
    }
    s->sum[g] += v;
    if (v < s->least[g]) s->least[g] = v;
    if (v > s->most[g]) s->most[g] = v;
    return true;
}

static bool add_batch(moments *s, const wg_tensor *x, bool squares) {
    for (int64_t i = 0, flat = 0, n = wg_dim(x, 0); i < n; i++)
        for (int64_t k = 0; k < s->numel; k++, flat++)
            if (!add_value(s, s->samples + i, k, wg__load(x->view.dtype, wg__at(&x->view, flat)),
                           squares))
                return false;
    s->samples += wg_dim(x, 0);
    return true;
}

static bool add_set(moments *s, wg_data *d, bool targets, bool squares) {
    wg_batch b = { .size = BATCH, .in_order = true };
    s->samples = 0;
    while (wg_data_next(d, &b))
        if (!add_batch(s, measured(&b, targets), squares)) return false;
    return !wg__pending();
}

// Leaves the deviations in s->sum.
static bool measure(moments *s, wg_data *d, bool targets, int64_t groups) {
    for (int64_t g = 0; g < groups; g++) s->least[g] = INFINITY, s->most[g] = -INFINITY;
    if (!add_set(s, d, targets, false)) return false;
    double n = (double)s->samples * (double)s->group;
    for (int64_t g = 0; g < groups; g++) s->mean[g] = s->sum[g] / n, s->sum[g] = 0;
    if (!add_set(s, d, targets, true)) return false;
    for (int64_t g = 0; g < groups; g++) {
        s->sum[g] = sqrt(s->sum[g] / n);
        if (s->most[g] > s->least[g] && s->sum[g] > 0) continue;
        s->mean[g] = 0, s->sum[g] = 1;  // constant: stays as it is
    }
    return true;
}

static void spread(wg_tensor *to, const double from[], int64_t group) {
    double *values = to->view.data;
    for (int64_t k = 0, n = wg_numel(to); k < n; k++) values[k] = from[k / group];
}

static wg_standard standard_of(wg_data *d, wg_standard_options o) {
    wg_shape shape = (o.targets ? d->y : d->x)->view.shape;
    memmove(shape.dim, shape.dim + 1, (size_t)--shape.rank * sizeof *shape.dim);
    wg_standard s = { wg_zeros(WG_F64, shape), wg_zeros(WG_F64, shape), o.targets };
    moments sums = { .numel = wg__numel(&shape), .group = 1 };
    int64_t groups = o.per_channel && shape.rank > 0 ? shape.dim[0] : sums.numel;
    if (groups > 0) sums.group = sums.numel / groups;
    if (sums.group == 0) groups = 0;
    double *room = s.deviation ? wg__alloc_zero((size_t)groups * 4 * sizeof *room) : NULL;
    sums.mean = room;
    if (room)
        sums.sum = room + groups, sums.least = room + 2 * groups, sums.most = room + 3 * groups;
    bool good = room && measure(&sums, d, o.targets, groups);
    if (good) spread(s.mean, sums.mean, sums.group), spread(s.deviation, sums.sum, sums.group);
    wg__free(room);
    return good ? s : (wg_standard){ 0 };
}

wg_standard wg_standard_of(wg_data *d, wg_standard_options o) {
    if (wg__pending()) return (wg_standard){ 0 };
    wg__where("");
    wg_dtype dtype = !d ? WG_F64 : o.targets ? wg_dtype_of(d->y) : d->dtype;
    if (d && d->size > 0 && wg_dtype_is_float(dtype)) return standard_of(d, o);
    if (!wg_dtype_is_float(dtype))
        wg_fail(WG_ERROR_DTYPE, "standard_of: batches of %s are %s, wanted are floats",
                o.targets ? "y" : "x", wg_dtype_name(dtype));
    wg_fail(WG_ERROR_ARGUMENT,
            d ? "standard_of: the set is empty" : "standard_of: the set is NULL");
    return (wg_standard){ 0 };
}

/* ---- using ----------------------------------------------------------------------------------- */

void wg__standardise_row(const wg__standardiser *s, wg_dtype dtype, void *row) {
    const double *mean = s->mean->view.data, *deviation = s->deviation->view.data;
    int64_t n = wg_numel(s->mean);
    if (dtype == WG_F32) {
        float *x = row;
        for (int64_t k = 0; k < n; k++) x[k] = (float)(((double)x[k] - mean[k]) / deviation[k]);
        return;
    }
    double *x = row;
    for (int64_t k = 0; k < n; k++) x[k] = (x[k] - mean[k]) / deviation[k];
}

static bool numbers_valid(wg_standard s, const char *what) {
    const double *mean = s.mean->view.data, *deviation = s.deviation->view.data;
    for (int64_t k = 0, n = wg_numel(s.mean); k < n; k++)
        if (!isfinite(mean[k]) || !isfinite(deviation[k]) || deviation[k] <= 0)
            return wg_fail(WG_ERROR_NUMERIC,
                           "%s: element %lld has mean %g and deviation %g, wanted are finite "
                           "numbers, the deviation above 0",
                           what, (long long)k, mean[k], deviation[k]);
    return true;
}

static bool complete(wg_standard s, const void *on, const char *what) {
    if (wg__pending()) return false;
    wg__where("");
    if (!s.mean || !s.deviation || !on)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: %s is NULL", what,
                       !s.mean        ? "the mean"
                       : !s.deviation ? "the deviation"
                       : s.targets    ? "y"
                                      : "x");
    if (wg_dtype_of(s.mean) == WG_F64 && wg_dtype_of(s.deviation) == WG_F64 &&
        wg_is_contiguous(s.mean) && wg_is_contiguous(s.deviation) &&
        wg__shape_equal(&s.mean->view.shape, &s.deviation->view.shape))
        return numbers_valid(s, what);
    char a[200], b[200];
    return wg_fail(WG_ERROR_SHAPE,
                   "%s: mean is %s %s and deviation %s %s, wanted is f64 twice, of one shape, "
                   "contiguous",
                   what, wg_dtype_name(wg_dtype_of(s.mean)),
                   wg_shape_text(wg_shape_of(s.mean), a, sizeof a),
                   wg_dtype_name(wg_dtype_of(s.deviation)),
                   wg_shape_text(wg_shape_of(s.deviation), b, sizeof b));
}

// x is (..., as one sample).
static bool fits(const wg_tensor *mean, const wg_tensor *x, const char *what) {
    int before = wg_rank(x) - wg_rank(mean);
    bool good = before >= 0 && wg_dtype_is_float(wg_dtype_of(x));
    for (int i = 0; good && i < wg_rank(mean); i++) good = wg_dim(x, before + i) == wg_dim(mean, i);
    if (good) return true;
    char a[200], b[200];
    return wg_fail(WG_ERROR_SHAPE, "%s: the mean is %s for %s %s, wanted are floats (..., %s)",
                   what, wg_shape_text(wg_shape_of(mean), a, sizeof a),
                   wg_dtype_name(wg_dtype_of(x)), wg_shape_text(wg_shape_of(x), b, sizeof b),
                   "as the mean");
}

// As batches of d come out, one sample of x or y.
static bool fits_set(const wg_data *d, wg_standard s) {
    wg_tensor of = s.targets ? *d->y : *d->x;
    if (!s.targets) of.view.dtype = d->dtype;
    if (wg_rank(&of) == wg_rank(s.mean) + 1) return fits(s.mean, &of, "data_standardise");
    char a[200], b[200];
    return wg_fail(WG_ERROR_SHAPE, "data_standardise: the mean is %s for samples %s",
                   wg_shape_text(wg_shape_of(s.mean), a, sizeof a),
                   wg_shape_text(wg_shape_of(&of), b, sizeof b));
}

bool wg_data_standardise(wg_data *d, wg_standard s) {
    if (!complete(s, d, "data_standardise") || !fits_set(d, s)) return false;
    wg__standardiser *to = s.targets ? &d->standard_y : &d->standard_x;
    if (to->mean)
        return wg_fail(WG_ERROR_STATE, "data_standardise: the set is standardised already");
    wg__standardiser own = { wg__data_handle(s.mean), NULL };
    own.deviation = own.mean ? wg__data_handle(s.deviation) : NULL;
    if (own.deviation)
        *to = own;
    else
        wg__tensor_free(own.mean);
    return own.deviation != NULL;
}

wg_tensor *wg_standard_apply(wg_standard s, wg_tensor *x) {
    if (!complete(s, x, "standard_apply") || !fits(s.mean, x, "standard_apply")) return NULL;
    wg_dtype dtype = wg_dtype_of(x);
    return wg_div(wg_sub(x, wg_cast(s.mean, dtype)), wg_cast(s.deviation, dtype));
}

wg_tensor *wg_standard_invert(wg_standard s, wg_tensor *z) {
    if (!complete(s, z, "standard_invert") || !fits(s.mean, z, "standard_invert")) return NULL;
    wg_dtype dtype = wg_dtype_of(z);
    return wg_add(wg_mul(z, wg_cast(s.deviation, dtype)), wg_cast(s.mean, dtype));
}
