// SPDX-License-Identifier: MIT
/* fuzz_graph.c: programs of up to 24 instructions with sharing, cuts and spans, in both modes of
   differentiation. */
#include "fuzz/driver/driver.h"

WG__FUZZ_PROGRAMS();

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return wg__fuzz_target(data, size, (wg__vm_limits){ 0 }, WG__FUZZ_GRAPH);
}
