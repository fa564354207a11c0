// SPDX-License-Identifier: MIT
/* fuzz_higher.c: second and third derivatives of short programs, by every nesting of the two modes;
   derivatives inside of functions that are differentiated; what is made of many sweeps. Each input
   goes through one oracle, which a byte of it names; the dear ones have few of its values. */
#include "fuzz/driver/driver.h"
#include "fuzz/must.h"
#include "fuzz/vm/vm.h"

WG__FUZZ_PROGRAMS();

/* More would be slow rather than find more: each nesting makes the tape several times longer. */
static const wg__vm_limits limits = { .instructions = 8, .elements = 64 };

enum { NOT_SPECIAL = WG__FUZZ_ANY & ~WG__FUZZ_SPECIAL };
#define ROW(name)                                                                                  \
    { #name, wg__oracle_##name, NOT_SPECIAL }
static const wg__fuzz_choice often[] = { ROW(second), ROW(closure), ROW(second),   ROW(closure),
                                         ROW(third),  ROW(hessian), ROW(jacobian), ROW(samples) };
#undef ROW
static const wg__fuzz_choice rarely = { "bend", wg__oracle_bend,
                                        WG__FUZZ_F64 | WG__FUZZ_F32 | WG__FUZZ_GENERAL };

static const wg__fuzz_choice *chosen(const wg__vm_program *p) {
    if (p->choice[0] == 0xff) return &rarely;
    return &often[p->choice[0] % (sizeof often / sizeof *often)];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static wg__vm_program p;
    wg_scope *scope = wg_scope_open();
    if (scope && wg__vm_decode(data, size, limits, &p))
        wg__fuzz_consult(&p, (wg__fuzz_choice[]){ *chosen(&p), { .name = NULL } });
    wg_error_clear();
    wg_scope_close(scope);
    return 0;
}
