// SPDX-License-Identifier: MIT
/* fuzz_graph.c: programs of up to 24 instructions with sharing, cuts and spans, in both modes of
   differentiation. Every one is held to the adjoint identity and each of its steps to its
   reference; one more oracle is chosen by a byte of the program. */
#include "fuzz/driver/driver.h"
#include "fuzz/fuzz.h"
#include "fuzz/vm/vm.h"

WG__FUZZ_PROGRAMS();

#define ORACLE(name, number, wants) { #name, wg__oracle_##name, wants },
static const wg__fuzz_choice all[] = {
#include "fuzz/oracle/oracles.def"
};
#undef ORACLE
enum { ALL = sizeof all / sizeof *all };

static void check(const wg__vm_program *p) {
    enum { SMOOTH = WG__FUZZ_ANY & ~WG__FUZZ_SPECIAL };
    wg__fuzz_choice further = all[p->choice[0] % ALL];
    bool twice = further.check == wg__oracle_adjoint || further.check == wg__oracle_steps;
    wg__fuzz_choice chosen[] = { { "adjoint", wg__oracle_adjoint, SMOOTH },
                                 { "steps", wg__oracle_steps, SMOOTH },
                                 { twice ? NULL : further.name, further.check, further.wants },
                                 { .name = NULL } };
    wg__fuzz_consult(p, chosen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static wg__vm_program p;
    wg_scope *scope = wg_scope_open();
    if (scope && wg__vm_decode(data, size, (wg__vm_limits){ 0 }, &p)) check(&p);
    wg_error_clear();
    wg_scope_close(scope);
    return 0;
}
