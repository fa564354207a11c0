// SPDX-License-Identifier: MIT
/* fuzz_mine.c: somebody else's operation under the library's fuzzer. */
#include <fuzz/fuzz.h>

WG_UNARY(log_cosh, "log cosh x, a smooth |x|", fabs(x) + log1p(exp(-2 * fabs(x))) - WG_LN2,
         wg_tanh(x), clog(ccosh(z)), "-3..3")

static bool register_mine(void) { return wg_op_register(&log_cosh_op); }

WG_FUZZ_MAIN(register_mine)
