// SPDX-License-Identifier: MIT
/* loss_impl.h: what the losses share. Each checks what it was given, makes a formula of it, the
   losses one by one, and hands them to the reduction. */
#ifndef WG_NN_LOSS_IMPL_H
#define WG_NN_LOSS_IMPL_H

#include "nn/nn_impl.h"

/* The options that not every loss has, as bits in the order of the names in loss.c. */
enum {
    WG__POS_WEIGHT = 1,
    WG__IGNORE = 2,
    WG__SMOOTHING = 4,
    WG__DELTA = 8,
    WG__MARGIN = 16,
    WG__NORM = 32,
    WG__SWAP = 64,
    WG__LOG_TARGET = 128,
    WG__RATES = 256,
    WG__FULL = 512,
    WG__EPSILON = 1024
};

/* No error is pending, and `o` has none but the options that the loss takes, in range. */
bool wg__loss_ready(const char *loss, const wg_loss_options *o, unsigned takes);

/* One of a loss's inputs, and what messages call it. */
typedef struct wg__part {
    const char *name;
    wg_tensor *x;
} wg__part;
/* Neither is NULL, and both have one floating dtype and, unless `broadcasts`, one shape; otherwise
   b's must broadcast to a's. */
bool wg__loss_fit(const char *loss, wg__part a, wg__part b, bool broadcasts);

/* Whether x holds nothing for which `wrong` is true; reports the first that it does, and what is
   wanted. */
bool wg__loss_values(const char *loss, wg__part x, bool (*wrong)(double), const char *wanted);
bool wg__no_sign(double v);  // neither -1 nor 1

/* `each` with o.weight, reduced; NULL for NULL. */
wg_tensor *wg__loss_reduce(const char *loss, wg_tensor *each, const wg_loss_options *o);
/* sum(each) / total, 0 where total is. */
wg_tensor *wg__loss_mean(wg_tensor *each, wg_tensor *total);

#endif
