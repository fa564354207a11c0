// SPDX-License-Identifier: MIT
/* fuzz_graph.c: programs of up to 24 instructions with sharing, cuts and spans, in both modes of
   differentiation. Every one is held to the adjoint identity; and to one more oracle of the first
   order, which a byte of the program chooses. */
#include <string.h>

#include "fuzz/driver/driver.h"
#include "fuzz/fuzz.h"
#include "fuzz/vm/vm.h"

WG__FUZZ_PROGRAMS();

typedef struct row {
    wg__fuzz_choice choice;
    const char *number;
} row;
#define ORACLE(name, number, wants) { { #name, wg__oracle_##name, wants }, number },
static const row all[] = {
#include "fuzz/oracle/oracles.def"
};
#undef ORACLE
enum { SMOOTH = WG__FUZZ_ANY & ~WG__FUZZ_SPECIAL };
enum { ALL = sizeof all / sizeof *all };

/* What else is asked here, by its number: fuzz_higher has O5, fuzz_checkpoint O11. */
static bool belongs(const char *number) {
    static const char *const numbers[] = {
        "O4", "O6", "O7", "O8", "O9", "O10", "O13", "O14", "O17"
    };
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        if (strcmp(number, numbers[k]) == 0) return true;
    return false;
}

// Every other time the steps, which see most; else what the rest of the byte says.
static const wg__fuzz_choice *further(const wg__vm_program *p) {
    static const wg__fuzz_choice steps = { "steps", wg__oracle_steps, SMOOTH };
    int count = 0;
    const wg__fuzz_choice *some[ALL];
    for (int k = 0; k < ALL; k++)
        if (belongs(all[k].number)) some[count++] = &all[k].choice;
    return p->choice[0] % 2 == 0 ? &steps : some[p->choice[0] / 2 % count];
}

static void check(const wg__vm_program *p) {
    wg__fuzz_choice chosen[] = { { "adjoint", wg__oracle_adjoint, SMOOTH },
                                 *further(p),
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
