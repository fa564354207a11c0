// SPDX-License-Identifier: MIT
/* consult.c: which oracles look at a program. */
#include "fuzz/vm/vm.h"

static unsigned kind_of(const wg__vm_program *p) {
    return (p->dtype == WG_F32 ? WG__FUZZ_F32 : WG__FUZZ_F64) |
           (p->mode == WG__SPECIAL ? WG__FUZZ_SPECIAL
            : p->mode == WG__WHOLE ? WG__FUZZ_WHOLE
                                   : WG__FUZZ_GENERAL);
}

static void ask(const wg__vm_program *p, const wg__fuzz_choice *c) {
    wg_scope *scope = wg_scope_open();
    if (scope) c->check(p);
    if (wg_error()) wg__fuzz_fail(p, c->name, "it leaves an error behind: %s", wg_error_message());
    wg_scope_close(scope);
}

// That one has the registers in hand, and counts what they meet itself.
static bool counts_coverage(const wg__fuzz_choice *c, unsigned kind) {
    for (; c->name; c++)
        if (c->check == wg__oracle_adjoint && (c->wants & kind) == kind) return true;
    return false;
}

void wg__fuzz_consult(const wg__vm_program *p, const wg__fuzz_choice *c) {
    unsigned kind = kind_of(p);
    if (!counts_coverage(c, kind)) wg__fuzz_cover_program(p, 1);
    for (; c->name; c++)
        if ((c->wants & kind) == kind) ask(p, c);
}
