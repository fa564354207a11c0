// SPDX-License-Identifier: MIT
/* scan.h: what scans along an axis share, and the recurrence that most of their rules are. */
#ifndef WG_OPS_SCAN_H
#define WG_OPS_SCAN_H

#include "autograd/autograd_impl.h"

typedef struct wg__scan_attr {
    int64_t axis;
    bool reverse;  // from the last element to the first
} wg__scan_attr;

wg_tensor *wg__scan(const wg_op *op, wg_tensor *x, int axis, bool reverse);
/* h_k = a_k h_(k-1) + b_k, h before the first being 0; a product with 0 is 0, as in wg_xmul. */
wg_tensor *wg__linear_scan(wg_tensor *a, wg_tensor *b, wg__scan_attr way);
/* x moved on by one place in the direction of the scan: the last element drops out and `first`
   comes in. */
wg_tensor *wg__moved_on(wg_tensor *x, wg__scan_attr way, double first);

#endif
