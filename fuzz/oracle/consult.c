// SPDX-License-Identifier: MIT
/* consult.c: which oracles look at a program: one, chosen by a byte of the input, so that an input
   is cheap and the fuzzer learns which oracle is worth trying on it. */
#include "fuzz/vm/vm.h"

typedef struct row {
    const char *name;
    wg__fuzz_oracle *check;
    unsigned wants, targets;
    int often;
} row;
#define ORACLE(name, number, wants, targets, often)                                                \
    { number " " #name, wg__oracle_##name, wants, targets, often },
static const row rows[] = {
#include "fuzz/oracle/oracles.def"
};
#undef ORACLE
enum { ROWS = sizeof rows / sizeof *rows };

static const row *choose(unsigned targets, int byte) {
    int all = 0, k = 0;
    for (int i = 0; i < ROWS; i++) all += rows[i].targets & targets ? rows[i].often : 0;
    if (all == 0) return NULL;
    for (byte = byte * all / 256;; k++)
        if (rows[k].targets & targets && (byte -= rows[k].often) < 0) return &rows[k];
}

static unsigned kind_of(const wg__vm_program *p) {
    return (p->dtype == WG_F32 ? WG__FUZZ_F32 : WG__FUZZ_F64) |
           (p->mode == WG__SPECIAL ? WG__FUZZ_SPECIAL
            : p->mode == WG__WHOLE ? WG__FUZZ_WHOLE
                                   : WG__FUZZ_GENERAL);
}

static bool does_want(const row *o, const wg__vm_program *p) {
    unsigned kind = kind_of(p);
    return (o->wants & kind) == kind;
}

static void ask(const wg__vm_program *p, const row *o) {
    if (!does_want(o, p)) return;
    wg_scope *scope = wg_scope_open();
    if (scope) o->check(p);
    if (wg_error()) wg__fuzz_fail(p, o->name, "it leaves an error behind: %s", wg_error_message());
    wg_scope_close(scope);
}

// The adjoint identity, which every program of fuzz_graph goes through.
static const row *always(unsigned targets) {
    int k = 0;
    while (rows[k].check != wg__oracle_adjoint) k++;
    return targets & WG__FUZZ_GRAPH ? &rows[k] : NULL;
}

void wg__fuzz_judge(const wg__vm_program *p, unsigned targets) {
    const row *first = always(targets), *chosen = choose(targets, p->choice[0]);
    // It counts the coverage of its own run.
    if (!first || !does_want(first, p))
        wg__fuzz_cover_program(p, targets & WG__FUZZ_HIGHER ? 2 : 1);
    if (first && chosen != first) ask(p, first);
    ask(p, chosen);
}
