// SPDX-License-Identifier: MIT
/* loss_classes.c: losses of one class among several. They are operations already; here they get the
   reductions of all losses, and a mean of nothing that is 0. */
#include "autograd/ops/class_weights.h"
#include "nn/losses/loss_impl.h"

/* What the mean over class indices divides by: the weights of the classes that are there, or how
   many are left. */
static wg_tensor *total(wg_tensor *each, wg_tensor *target, const wg_loss_options *o) {
    wg_tensor *kept = o->ignore ? wg__kept_samples(target, o->ignore_index) : NULL;  // (...)
    if (o->weight) return wg_sum(wg__weight_of_samples(o->weight, target, kept));
    return wg_sum(wg_cast(kept, wg_dtype_of(each)));
}

static wg_tensor *reduce(const char *loss, wg_tensor *each, wg_tensor *target, wg_loss_options o) {
    bool indexed = each && !wg_dtype_is_float(wg_dtype_of(target));
    if (indexed && o.reduction == WG_MEAN && (o.weight || o.ignore))
        return wg__loss_mean(each, total(each, target, &o));
    o.weight = NULL;  // it is in `each` by now
    return wg__loss_reduce(loss, each, &o);
}

wg_tensor *wg_nn_cross_entropy_with(wg_tensor *y, wg_tensor *target, wg_loss_options o) {
    if (!wg__loss_ready("nn_cross_entropy", &o, WG__IGNORE | WG__SMOOTHING)) return NULL;
    wg_cross_entropy_options c = { .smoothing = o.smoothing,
                                   .ignore = o.ignore,
                                   .ignore_index = o.ignore_index,
                                   .weight = o.weight };
    return reduce("nn_cross_entropy", wg_cross_entropy_each(y, target, c), target, o);
}

wg_tensor *wg_nn_nll_loss_with(wg_tensor *y, wg_tensor *target, wg_loss_options o) {
    if (!wg__loss_ready("nn_nll_loss", &o, WG__IGNORE)) return NULL;
    wg_nll_options n = { .ignore = o.ignore, .ignore_index = o.ignore_index, .weight = o.weight };
    return reduce("nn_nll_loss", wg_nll_each(y, target, n), target, o);
}

wg_tensor *wg_nn_cross_entropy(wg_tensor *y, wg_tensor *target) {
    return wg_nn_cross_entropy_with(y, target, (wg_loss_options){ .delta = 0 });
}
wg_tensor *wg_nn_nll_loss(wg_tensor *y, wg_tensor *target) {
    return wg_nn_nll_loss_with(y, target, (wg_loss_options){ .delta = 0 });
}
