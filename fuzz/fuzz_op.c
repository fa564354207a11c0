// SPDX-License-Identifier: MIT
/* fuzz_op.c: one operation. Either at the very values, layouts and attributes that the bytes say,
   as a program of one instruction; or at fresh numbers for one of its own samples, through the
   comparisons of wg_op_selftest; or at its kinks. */
#include "fuzz/driver/driver.h"

WG__FUZZ_PROGRAMS();

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return wg__fuzz_target(data, size, (wg__vm_limits){ .instructions = 1 }, WG__FUZZ_OP);
}
