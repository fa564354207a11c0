// SPDX-License-Identifier: MIT
/* regularise.c: penalties on parameters, to be added to the loss: strength * sum over w of a
   norm. */
#include <math.h>

#include "nn/nn_impl.h"

static bool counts(const wg_nn *node, const char *pattern) {
    return pattern || node->param->view.shape.rank >= 2;  // unless asked for, biases are left alone
}

static wg_tensor *penalty(wg_nn *m, const char *pattern, double strength, const char *name,
                          wg_tensor *(*of)(wg_tensor *)) {
    if (wg__pending()) return NULL;
    wg__where(m ? m->path : "");
    if (!m) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "%s: the model is NULL", name);
    if (!(strength >= 0 && isfinite(strength)))
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "%s: the strength %g is not finite or negative",
                             name, strength);
    wg_tensor *sum = NULL;  // ()
    const wg_nn *node;
    for (int i = 0; (node = wg__nn_next(m, pattern, &i));) {
        if (!counts(node, pattern)) continue;
        wg_tensor *term = wg_sum(of(node->param));  // ()
        sum = sum ? wg_add(sum, term) : term;
        if (!sum) return NULL;
    }
    if (!sum)  // often because the net was not run before, or beside: C orders no arguments
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT,
                             "%s: none of the %d parameters so far below \"%s\" matches %s%s", name,
                             wg_nn_params(m, NULL), m->path, pattern ? pattern : "(weights)",
                             wg_nn_params(m, NULL) ? "" : ": the network must run first");
    return wg_mul(sum, wg_num(strength));
}

wg_tensor *wg_nn_l1(wg_nn *m, const char *pattern, double strength) {
    return penalty(m, pattern, strength, "nn_l1", wg_abs);
}
wg_tensor *wg_nn_l2(wg_nn *m, const char *pattern, double strength) {
    return penalty(m, pattern, strength, "nn_l2", wg_square);
}
