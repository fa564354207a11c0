// SPDX-License-Identifier: MIT
/* decimal_impl.h: a number as people write it, to the number that a dtype holds. Private to io. */
#ifndef WG_IO_DECIMAL_H
#define WG_IO_DECIMAL_H

#include "tensor/tensor_impl.h"

enum { WG__DECIMAL_MAX = 1000 };  // characters: a double written out in full has up to 767 digits

/* The text between `text` and `end`, blanks excluded, as a `dtype` into `to`: sign, digits with or
   without a point, exponent; for floats also inf, infinity and nan, in upper or lower case.
   Correctly rounded. Returns NULL, or what is wrong, to be put after the text: "is not a number".
   Wants the C locale's point (uselocale). */
const char *wg__decimal_read(const char *text, const char *end, wg_dtype dtype, void *to);

#endif
