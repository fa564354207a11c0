// SPDX-License-Identifier: MIT
/* fuzz_op.c: one operation. Either at the very values, layouts and attributes that the bytes say,
   as a program of one instruction; or at fresh numbers for one of its own samples, through one of
   the comparisons of wg_op_selftest; or at its kinks. */
#include "fuzz/driver/driver.h"
#include "fuzz/oracle/op.h"

WG__FUZZ_PROGRAMS();

#define ORACLE(name, number, wants) enum { WANTS_##name = wants };
#include "fuzz/oracle/oracles.def"
#undef ORACLE
#define CHOICE(name)                                                                               \
    { #name, wg__oracle_##name, WANTS_##name }

static const wg__fuzz_choice further[] = {
    CHOICE(second), CHOICE(layout), CHOICE(cotangent),  CHOICE(status),
    CHOICE(repeat), CHOICE(naive),  CHOICE(difference), CHOICE(contain),
};
enum { FURTHER = sizeof further / sizeof *further };

static void check_program(const wg__vm_program *p) {
    wg__fuzz_choice chosen[] = {
        CHOICE(adjoint), CHOICE(steps), { .name = NULL }, { .name = NULL }
    };
    if (p->choice[0] & 4) chosen[2] = further[p->choice[1] % FURTHER];
    wg__fuzz_consult(p, chosen);
}

static void check_case(const wg__vm_program *p) {
    wg__fuzz_choice chosen[] = { { "case", wg__op_case, WG__FUZZ_ANY }, { .name = NULL } };
    wg__fuzz_consult(p, chosen);
}

static void check_ties(const wg__vm_program *p) {
    wg__fuzz_choice chosen[] = { { "ties", wg__op_ties, WG__FUZZ_ANY }, { .name = NULL } };
    wg__fuzz_consult(p, chosen);
}

static void (*const checks[])(const wg__vm_program *p) = { check_program, check_case, check_program,
                                                           check_ties };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static wg__vm_program p;
    wg_scope *scope = wg_scope_open();
    if (scope && wg__vm_decode(data, size, (wg__vm_limits){ .instructions = 1 }, &p))
        checks[p.choice[0] % 4](&p);
    wg_error_clear();
    wg_scope_close(scope);
    return 0;
}
