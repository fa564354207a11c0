// SPDX-License-Identifier: MIT
/* fuzz_checkpoint.c: programs that run again for their gradients, in whole and in parts, against
   the same programs with all of it kept; free memory filled; memory held. Each input goes through
   one oracle, which a byte of it names. */
#include "fuzz/driver/driver.h"
#include "fuzz/must.h"
#include "fuzz/vm/vm.h"

WG__FUZZ_PROGRAMS();

static const wg__vm_limits limits = { .instructions = 8, .elements = 64 };

/* ---- parts that run again -------------------------------------------------------------------- */

/* A program that has no part of its own gets one: the longest that ends with a step of the
   program's choice. */
static void add_span(wg__vm_program *p) {
    wg_scope *scope = wg_scope_open();
    static wg__vm_run r;
    int last = p->steps ? p->choice[2] % p->steps : 0, first = last;
    bool ran = p->spans == 0 && p->steps > 0 && wg__vm_run_usual(p, &r);
    const wg_tensor *y = ran ? r.reg[p->leaves + last] : NULL;
    if (y && wg_dtype_is_float(wg_dtype_of(y)) && !p->step[last].flags) {
        for (int k = last; k >= 0; k--)
            if (wg__vm_is_closed(p, p->leaves, k, last)) first = k;
        p->span[p->spans++] = (wg__vm_span){ WG__VM_CHECKPOINT, first, last };
    }
    wg_scope_close(scope);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static wg__vm_program p;
    wg_scope *scope = wg_scope_open();
    wg__fuzz_most_steps(limits.instructions);
    if (scope && wg__vm_decode(data, size, limits, &p)) {
        add_span(&p);
        wg__fuzz_judge(&p, WG__FUZZ_CHECKPOINT);
    }
    wg_error_clear();
    wg_scope_close(scope);
    return 0;
}
