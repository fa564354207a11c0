// SPDX-License-Identifier: MIT
/* wrong_op.c: a fuzzer for an operation of one's own, and an operation that is wrong.

   mish x = x tanh(softplus x). Its author saves work: beyond 3, they say, the slope is 1. It is
   1.02 at 3 and 1.0008 at 5, so every value is right and the gradient is not; and the selftest does
   not see it, because the samples stay between -2 and 2. docs/fuzzing.md shows what the fuzzer
   says. */
#include <fuzz/fuzz.h>

static double softplus_of(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }

static wg_tensor *slope(wg_tensor *x) {
    wg_tensor *t = wg_tanh(wg_softplus(x));
    wg_tensor *exact = wg_add(
        t, wg_mul(wg_mul(x, wg_sigmoid(x)), wg_sub(wg_num(1), wg_square(t))));  // shaped like x
    return wg_where(wg_gt(x, wg_num(3)), wg_num(1), exact);
}

WG_UNARY(mish_of_mine, "x tanh(log(1 + exp x))", x *tanh(softplus_of(x)), slope(x),
         z *ctanh(clog(1 + cexp(z))), "-2..2")

static bool register_mine(void) { return wg_op_register(&mish_of_mine_op); }

WG_FUZZ_MAIN(register_mine)
