// SPDX-License-Identifier: MIT
/* op.c: an operation by itself. Bytes choose what chance chooses in wg_op_selftest_with: the
   sample, the numbers, the layout and the comparison. */
#include "fuzz/vm/vm.h"

// The operation of the last step: the program only says which, and with which numbers.
static const wg_op *op_under_test(const wg__vm_program *p) {
    return p->steps > 0 ? p->step[p->steps - 1].op : NULL;
}

/* A sample that leaves its numbers to chance, or one that lists them; NULL if there is none. */
static const char *pick_sample(const wg_op *op, unsigned which, bool listed) {
    const char *found[WG_MAX_SAMPLES];
    unsigned count = 0;
    for (int i = 0; i < WG_MAX_SAMPLES && op->samples[i]; i++) {
        wg__sample s;
        bool open = wg__sample_parse(op, op->samples[i], &s) && !s.exact;
        if (open != listed) found[count++] = op->samples[i];
    }
    return count ? found[which % count] : NULL;
}

typedef struct test {
    wg__trial t;
    wg__sample sample;
    wg_check_report report;
    wg__tally tally;
} test;

static void test_make(test *a, const wg__vm_program *p, const wg_op *op) {
    *a = (test){ .t = { .op = op, .seed = p->seed, .input = -1, .ladder = true } };
    a->t.sample = &a->sample, a->t.report = &a->report, a->t.tally = &a->tally;
}

static void test_end(const test *a, const wg__vm_program *p, const char *name) {
    if (a->report.failures > 0) wg__fuzz_fail(p, name, "%s", a->report.text);
}

void wg__oracle_case(const wg__vm_program *p) {
    const wg_op *op = op_under_test(p);
    const char *text = op ? pick_sample(op, p->choice[1], false) : NULL;
    test a;
    if (!text) return;
    test_make(&a, p, op);
    int which = p->seed & 1 ? p->choice[2] : WG__BY_CHANCE;
    wg__run_case(&a.t, text, p->choice[2], which);
    test_end(&a, p, "case of one operation");
}

// One-sided differences where formulas have their kinks, and the rule that .tie declares.
void wg__oracle_ties(const wg__vm_program *p) {
    const wg_op *op = op_under_test(p);
    const char *text = op ? pick_sample(op, p->choice[1], p->choice[2] & 1) : NULL;
    wg_random r = { .seed = p->seed, .stream = 1965 };
    wg__run plain;
    test a;
    if (!text || !wg__sample_parse(op, text, &a.sample)) return;
    wg__sample sample = a.sample;
    test_make(&a, p, op);
    a.sample = sample;
    a.t.dtype = WG_F64, a.t.oracle = "kinks";
    bool drawn = wg__draw(&a.t, &r) && wg__try(&a.t, &plain, &r);
    wg__hold_no_error(&a.t);
    if (drawn && a.t.differentiable) wg__consult(&a.t, "kinks", wg__check_ties);
    test_end(&a, p, "O18 ties and kinks");
}
