// SPDX-License-Identifier: MIT
/* loss.c: losses, as formulas over operations. y and target must have one shape: broadcasting (B)
   against (B, 1) would quietly compare everything with everything. */
#include <math.h>

#include "nn/nn_impl.h"

static bool loss_check(const char *name, const wg_tensor *y, const wg_tensor *target) {
    if (wg__pending()) return false;
    if (!y || !target)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: %s is NULL", name, y ? "the target" : "y");
    wg_shape a = wg_shape_of(y), b = wg_shape_of(target);
    char has[200], wanted[200];
    if (wg__shape_equal(&a, &b)) return true;
    return wg_fail(WG_ERROR_SHAPE, "%s: y is %s and the target %s, wanted is one shape", name,
                   wg_shape_text(a, has, sizeof has), wg_shape_text(b, wanted, sizeof wanted));
}

wg_tensor *wg_nn_mse_loss(wg_tensor *y, wg_tensor *target) {
    if (!loss_check("nn_mse_loss", y, target)) return NULL;
    return wg_mean(wg_square(wg_sub(y, target)));
}

wg_tensor *wg_nn_l1_loss(wg_tensor *y, wg_tensor *target) {
    if (!loss_check("nn_l1_loss", y, target)) return NULL;
    return wg_mean(wg_abs(wg_sub(y, target)));
}

/* With c = clamp(d, -delta, delta) both pieces are c (d - c / 2), and no branch overflows. */
wg_tensor *wg_nn_huber_loss(wg_tensor *y, wg_tensor *target, double delta) {
    if (!loss_check("nn_huber_loss", y, target)) return NULL;
    if (!(delta > 0 && isfinite(delta)))
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "nn_huber_loss: delta is %g, wanted is more than 0",
                             delta);
    wg_tensor *d = wg_sub(y, target);
    wg_tensor *c = wg_clamp(d, -delta, delta);
    return wg_mean(wg_mul(c, wg_sub(d, wg_mul(c, wg_num(0.5)))));
}

/* The header's formula as t softplus(-y) + (1 - t) softplus(y): both terms are positive, so nothing
   cancels where the prediction is right, and y = 0 is no kink. */
wg_tensor *wg_nn_bce_with_logits(wg_tensor *y, wg_tensor *target) {
    if (!loss_check("nn_bce_with_logits", y, target)) return NULL;
    wg_tensor *one = wg_mul(target, wg_softplus(wg_neg(y)));
    wg_tensor *zero = wg_mul(wg_sub(wg_num(1), target), wg_softplus(y));
    return wg_mean(wg_add(one, zero));
}
