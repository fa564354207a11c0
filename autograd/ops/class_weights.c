// SPDX-License-Identifier: MIT
/* class_weights.c: what class weights make of a loss. Each sample counts as much as its class, in
   the sum and in the number it is divided by. */
#include "autograd/ops/class_weights.h"

#include "autograd/autograd_impl.h"

/* ---- samples and their classes --------------------------------------------------------------- */

wg_tensor *wg__kept_samples(wg_tensor *index, int64_t ignored) {
    return wg_ne(wg_cast(index, WG_I64), wg_from(WG_I64, WG_SCALAR, &ignored));
}

wg_tensor *wg__known_classes(wg_tensor *index, wg_tensor *kept) {
    return kept ? wg_where(kept, index, wg_full(wg_dtype_of(index), WG_SCALAR, 0)) : index;
}

wg_tensor *wg__weight_of_samples(wg_tensor *weight, wg_tensor *index, wg_tensor *kept) {
    wg_tensor *flat = wg_reshape(wg__known_classes(index, kept), WG_SHAPE(wg_numel(index)));
    wg_tensor *w = wg_reshape(wg_index_select(weight, 0, flat), wg_shape_of(index));  // (...)
    return kept ? wg_where(kept, w, wg_num(0)) : w;
}

wg_tensor *wg__mean_of_samples(wg_tensor *each, wg_tensor *weight, wg_tensor *index,
                               wg_tensor *kept) {
    if (weight) return wg_div(wg_sum(each), wg_sum(wg__weight_of_samples(weight, index, kept)));
    return kept ? wg_div(wg_sum(each), wg_sum(wg_cast(kept, wg_dtype_of(each)))) : wg_mean(each);
}

/* ---- cross-entropy --------------------------------------------------------------------------- */

static bool fit_classes(const wg_tensor *weight, const wg_tensor *logits) {
    char have[200];
    wg_dtype dtype = wg_dtype_of(logits);
    if (wg_dtype_of(weight) != dtype)
        return wg_fail(WG_ERROR_DTYPE, "cross_entropy: the class weights are %s, not %s",
                       wg_dtype_name(wg_dtype_of(weight)), wg_dtype_name(dtype));
    return (wg_rank(weight) == 1 && wg_dim(weight, 0) == wg_dim(logits, -1)) ||
           wg_fail(WG_ERROR_SHAPE, "cross_entropy: the class weights are %s, not [%lld]",
                   wg_shape_text(wg_shape_of(weight), have, sizeof have),
                   (long long)wg_dim(logits, -1));
}

// (..., C): indices as weights, rows of samples that are left out 0.
static wg_tensor *spread(wg_tensor *index, wg_tensor *kept, wg_dtype dtype, int64_t classes) {
    wg_tensor *t = wg_one_hot(wg__known_classes(index, kept), classes, dtype);
    return kept ? wg_where(wg_unsqueeze(kept, wg_rank(kept)), t, wg_num(0)) : t;
}

// (1 - s) t + s sum(t) / C
static wg_tensor *smoothed(wg_tensor *t, double smoothing, int64_t classes) {
    if (smoothing == 0) return t;
    wg_tensor *mass = wg_sum_axes(t, WG_AXES(-1), true);  // (..., 1)
    return wg_add(wg_mul(t, wg_num(1 - smoothing)),
                  wg_mul(mass, wg_num(smoothing / (double)classes)));
}

wg_tensor *wg__weighted_cross_entropy(wg_tensor *logits, wg_tensor *target,
                                      wg_cross_entropy_options o) {
    wg_tensor *weight = o.weight;
    o.weight = NULL;
    wg_tensor *each = wg_cross_entropy_each(logits, target, o);  // (...), and all is checked
    if (!each || !fit_classes(weight, logits)) return NULL;
    bool indexed = !wg_dtype_is_float(wg_dtype_of(target));
    wg_tensor *kept = o.ignore ? wg__kept_samples(target, o.ignore_index) : NULL;  // (...)
    if (indexed && o.smoothing == 0)
        return wg_xmul(each, wg__weight_of_samples(weight, target, kept));
    int64_t classes = wg_dim(logits, -1);
    wg_tensor *t = indexed ? spread(target, kept, wg_dtype_of(logits), classes) : target;
    return wg_cross_entropy_each(logits, wg_mul(smoothed(t, o.smoothing, classes), weight),
                                 (wg_cross_entropy_options){ 0 });
}
