// SPDX-License-Identifier: MIT
/* fuzz_oom.c: programs, their gradients and optimisers where an allocation fails, any of them. */
#include "fuzz/driver/driver.h"
#include "fuzz/oracle/oom.h"

WG__FUZZ_PROGRAMS();

static const wg__vm_limits limits = { .instructions = 6 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static wg__vm_program p;
    const wg__vm_program *kept = NULL;
    wg_scope *scope = wg_scope_open();
    wg__fuzz_most_steps(limits.instructions);
    if (scope && wg__vm_decode(data, size, limits, &p)) {
        wg__fuzz_cover_program(&p, 1);
        kept = wg__oom_keep(&p);
    }
    wg_error_clear();
    wg_scope_close(scope);
    if (kept) wg__out_of_memory(kept);
    wg_reset();
    return 0;
}
