// SPDX-License-Identifier: MIT
/* exact.c: which operations are made of sums and products, told by trying: whole numbers through
   all samples, a thousand results, none of them rounded, and the bits of the reference each time
   (check/verdict.c). A quotient does meet whole numbers now and then, but not always. */
#include <string.h>

#include "fuzz/oracle/oracle.h"

enum { CASES = 100, OPS = 1024 };  // of each sample; looked up by place in the list

static void try_case(wg__trial *t, wg_random *r) {
    wg__run plain;
    if (!wg__draw(t, r) || !wg__try(t, &plain, r)) return;
    t->moving = t->floats;
    wg__consult(t, "value", wg__check_value);
    if (!t->differentiable) return;
    wg__consult(t, "forward mode", wg__check_jvp);
    wg__consult(t, "reverse mode", wg__check_adjoint);
}

// Whether more cases could change the answer.
static bool is_open(const wg__trial *t) {
    bool broken = t->tally->broken[WG__VALUES] || t->tally->broken[WG__SLOPES];
    return !broken && t->report->failures == 0;
}

static void try_sample(wg__trial *t, const char *text) {
    wg__sample s;
    wg_scope *scope = wg_scope_open();
    if (scope && wg__sample_parse(t->op, text, &s) && !s.exact) {
        t->sample = &s;
        memset(t->u, 0, sizeof t->u);  // a float of the sample before may be an index in this one
        for (int k = 0; k < CASES && is_open(t); k++) {
            wg_random r = { .seed = 1, .stream = (uint64_t)k };
            wg_scope *inner = wg_scope_open();
            if (inner) try_case(t, &r);
            wg_scope_close(inner);
            wg_error_clear();
        }
    }
    wg_scope_close(scope);
    wg_error_clear();
}

static bool try_all(const wg_op *op) {
    wg_check_report report = { 0 };
    wg__tally tally = { 0 };
    wg__trial t = { .op = op, .report = &report, .tally = &tally, .mode = WG__WHOLE };
    t.dtype = WG_F64, t.input = -1, t.oracle = "whole numbers";
    if (!op->reference || op->tie != WG_TIE_NONE) return false;
    for (int i = 0; i < WG_MAX_SAMPLES && op->samples[i]; i++) try_sample(&t, op->samples[i]);
    t.exactly = true;
    bool smooth = wg__is_exact(&t, WG__SLOPES), linear = tally.whole[WG__SLOPES] == 0;
    return report.failures == 0 && wg__is_exact(&t, WG__VALUES) && (smooth || linear);
}

bool wg__op_is_exact(const wg_op *op) {
    static signed char known[OPS];  // 0: not tried yet
    int at = 0;
    while (at < wg_op_count() && wg_op_at(at) != op) at++;
    if (at >= OPS || at == wg_op_count()) return false;
    if (!known[at]) known[at] = try_all(op) ? 1 : -1;
    return known[at] > 0;
}
