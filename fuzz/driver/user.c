// SPDX-License-Identifier: MIT
/* user.c: one input, for our targets and for those of everybody who brings operations (fuzz.h). */
#include "fuzz/driver/driver.h"

int wg__fuzz_target(const uint8_t *data, size_t size, wg__vm_limits limits, unsigned targets) {
    static wg__vm_program p;  // large, and there is one at a time
    wg__fuzz_most_steps(limits.instructions);
    wg_scope *scope = wg_scope_open();
    if (scope && wg__vm_decode(data, size, limits, &p)) wg__fuzz_judge(&p, targets);
    wg_error_clear();
    wg_scope_close(scope);
    return 0;
}

/* ---- operations of one's own ----------------------------------------------------------------- */

static int first_own = -1;  // place in the list

bool wg_fuzz_begin(int *count, char ***argument, bool (*register_ops)(void)) {
    first_own = wg_op_count();
    bool done = !register_ops || register_ops();
    if (!done) fprintf(stderr, "the operations are not registered: %s\n", wg_error_message());
    wg__fuzz_start(count, argument);
    return done;
}

/* Of every two programs one consists of a single operation, one of those that were brought; in the
   other they are among all. */
static const wg_op *only(const uint8_t *data, size_t size) {
    int own = first_own < 0 ? 0 : wg_op_count() - first_own;
    unsigned pick = size > WG__VM_HEAD_CHOICE + 1 ? data[WG__VM_HEAD_CHOICE + 1] : 0;
    return own > 0 && pick % 2 ? wg_op_at(first_own + (int)(pick / 2) % own) : NULL;
}

int wg_fuzz_input(const uint8_t *data, size_t size) {
    static const unsigned targets[] = { WG__FUZZ_GRAPH, WG__FUZZ_GRAPH, WG__FUZZ_HIGHER,
                                        WG__FUZZ_CHECKPOINT };
    unsigned pick = size > WG__VM_HEAD_CHOICE + 2 ? data[WG__VM_HEAD_CHOICE + 2] : 0;
    wg__vm_limits limits = { .only = only(data, size) };
    if (targets[pick % 4] != WG__FUZZ_GRAPH) limits.instructions = 8, limits.elements = 64;
    return wg__fuzz_target(data, size, limits, targets[pick % 4]);
}
