// SPDX-License-Identifier: MIT
/* fuzz_higher.c: second and third derivatives of short programs, by every nesting of the two modes;
   derivatives inside of functions that are differentiated; what is made of many sweeps. */
#include "fuzz/driver/driver.h"

WG__FUZZ_PROGRAMS();

/* More would be slow rather than find more: each nesting makes the tape several times longer. */
static const wg__vm_limits limits = { .instructions = 6, .elements = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return wg__fuzz_target(data, size, limits, WG__FUZZ_HIGHER);
}
