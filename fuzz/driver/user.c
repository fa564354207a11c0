// SPDX-License-Identifier: MIT
/* user.c: what fuzz.h offers to those who bring operations of their own. */
#include "fuzz/driver/driver.h"

size_t wg_fuzz_mutate(uint8_t *data, size_t size, size_t most, unsigned seed) {
    return wg__fuzz_mutate(data, size, most, seed);
}

size_t wg_fuzz_cross(wg_fuzz_bytes a, wg_fuzz_bytes b, uint8_t *out, size_t most, unsigned seed) {
    return wg__fuzz_cross((wg__fuzz_input){ a.data, a.size }, (wg__fuzz_input){ b.data, b.size },
                          out, most, seed);
}
