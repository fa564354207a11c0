// SPDX-License-Identifier: MIT
/* digits.h: the handwritten digits that many sections use, 8 by 8 pixels each. */
#ifndef WG_EXAMPLES_DIGITS_H
#define WG_EXAMPLES_DIGITS_H

#include "lecture.h"

enum { DIGITS = 1797, PIXELS = 64, CLASSES = 10 };

/* x (DIGITS, PIXELS) from 0 to 1, in f64; label (DIGITS) i64, unless NULL. */
static inline wg_tensor *load_digits(wg_tensor **label) {
    wg_tensor *all =
        wg_io_load_csv("examples/data/digits.csv", (wg_csv_options){ .dtype = WG_F64 });
    if (label) *label = wg_cast(wg_select(all, 1, PIXELS), WG_I64);
    return wg_div(wg_slice(all, 1, 0, PIXELS, 1), wg_num(16));
}

#endif
