// SPDX-License-Identifier: MIT
/* loss_triples.c: losses of three tensors. */
#include <math.h>

#include "nn/losses/loss_impl.h"

static bool is_negative(double v) { return v < 0; }

/* ---- a normal distribution ------------------------------------------------------------------- */

wg_tensor *wg_nn_gaussian_nll_loss_with(wg_tensor *y, wg_tensor *target, wg_tensor *var,
                                        wg_loss_options o) {
    const char *loss = "nn_gaussian_nll_loss";
    wg__part mean = { "y", y }, variance = { "the variance", var };
    if (!wg__loss_ready(loss, &o, WG__FULL | WG__EPSILON) ||
        !wg__loss_fit(loss, mean, (wg__part){ "the target", target }, false) ||
        !wg__loss_fit(loss, mean, variance, true) ||
        !wg__loss_values(loss, variance, is_negative, "0 or more"))
        return NULL;
    wg_tensor *v = wg_clamp(var, wg__or(o.epsilon, 1e-6), INFINITY);
    wg_tensor *twice = wg_add(wg_log(v), wg_div(wg_square(wg_sub(y, target)), v));
    wg_tensor *each = wg_mul(twice, wg_num(0.5));  // of y's shape
    if (o.full) each = wg_add(each, wg_num(0.5 * log(2 * M_PI)));
    return wg__loss_reduce(loss, each, &o);
}

wg_tensor *wg_nn_gaussian_nll_loss(wg_tensor *y, wg_tensor *target, wg_tensor *var) {
    return wg_nn_gaussian_nll_loss_with(y, target, var, (wg_loss_options){ .delta = 0 });
}

/* ---- pairs ----------------------------------------------------------------------------------- */

static bool pairs_fit(const char *loss, wg__part a, wg__part b) {
    if (!wg__loss_fit(loss, a, b, false)) return false;
    return wg_rank(a.x) > 0 ||
           wg_fail(WG_ERROR_SHAPE, "%s: %s is a single number, not (..., D)", loss, a.name);
}

/* One target to each vector of a. */
static bool target_fits(const char *loss, const wg_tensor *a, wg_tensor *target) {
    if (!target) return wg_fail(WG_ERROR_ARGUMENT, "%s: the target is NULL", loss);
    wg_shape each = wg_shape_of(a), have = wg_shape_of(target);
    each.rank--;
    char has[200], wanted[200];
    if (!wg__shape_equal(&each, &have))
        return wg_fail(WG_ERROR_SHAPE, "%s: the target is %s, wanted is %s", loss,
                       wg_shape_text(have, has, sizeof has),
                       wg_shape_text(each, wanted, sizeof wanted));
    if (wg_dtype_of(target) != wg_dtype_of(a))
        return wg_fail(WG_ERROR_DTYPE, "%s: the target is %s, wanted is %s; use wg_cast", loss,
                       wg_dtype_name(wg_dtype_of(target)), wg_dtype_name(wg_dtype_of(a)));
    return wg__loss_values(loss, (wg__part){ "the target", target }, wg__no_sign, "-1 or 1");
}

wg_tensor *wg_nn_cosine_embedding_loss_with(wg_tensor *a, wg_tensor *b, wg_tensor *target,
                                            wg_loss_options o) {
    const char *loss = "nn_cosine_embedding_loss";
    if (!wg__loss_ready(loss, &o, WG__MARGIN) ||
        !pairs_fit(loss, (wg__part){ "a", a }, (wg__part){ "b", b }) ||
        !target_fits(loss, a, target))
        return NULL;
    wg_tensor *cos = wg_cosine_similarity(a, b, -1, 1e-8);      // (...)
    wg_tensor *alike = wg_sub(wg_num(1), cos);                  // (...)
    wg_tensor *apart = wg_relu(wg_sub(cos, wg_num(o.margin)));  // (...)
    return wg__loss_reduce(loss, wg_where(wg_gt(target, wg_num(0)), alike, apart), &o);
}

wg_tensor *wg_nn_cosine_embedding_loss(wg_tensor *a, wg_tensor *b, wg_tensor *target) {
    return wg_nn_cosine_embedding_loss_with(a, b, target, (wg_loss_options){ .delta = 0 });
}

/* ---- triplets -------------------------------------------------------------------------------- */

static wg_tensor *distance(wg_tensor *a, wg_tensor *b, double p) {  // (..., D) to (...)
    return wg_norm_axes(wg_sub(a, b), p, WG_AXES(-1), false);
}

wg_tensor *wg_nn_triplet_margin_loss_with(wg_tensor *anchor, wg_tensor *positive,
                                          wg_tensor *negative, wg_loss_options o) {
    const char *loss = "nn_triplet_margin_loss";
    wg__part a = { "the anchor", anchor };
    if (!wg__loss_ready(loss, &o, WG__MARGIN | WG__NORM | WG__SWAP) ||
        !pairs_fit(loss, a, (wg__part){ "the positive", positive }) ||
        !pairs_fit(loss, a, (wg__part){ "the negative", negative }))
        return NULL;
    double p = wg__or(o.p, 2);
    wg_tensor *far = distance(anchor, negative, p);  // (...)
    if (o.swap) far = wg_minimum(far, distance(positive, negative, p));
    wg_tensor *gap = wg_sub(distance(anchor, positive, p), far);  // (...)
    return wg__loss_reduce(loss, wg_relu(wg_add(gap, wg_num(wg__or(o.margin, 1)))), &o);
}

wg_tensor *wg_nn_triplet_margin_loss(wg_tensor *anchor, wg_tensor *positive, wg_tensor *negative) {
    return wg_nn_triplet_margin_loss_with(anchor, positive, negative,
                                          (wg_loss_options){ .delta = 0 });
}
