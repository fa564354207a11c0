// SPDX-License-Identifier: MIT
/* adjoint.c: what holds of the gradient of a whole program. O1: reverse mode against forward mode,
   <w, J u> = <J'w, u>, all leaves and outputs at once. O6: linear in the cotangent, and exactly
   zero where that is. */
#include "fuzz/oracle/oracle.h"

static wg__program_trial trial;  // too large for small stacks; fuzzers have one thread

/* ---- whole numbers --------------------------------------------------------------------------- */

static bool ops_are_exact(const wg__vm_program *p) {
    for (int k = 0; k < p->steps; k++)
        if (!wg__op_is_exact(p->step[k].op)) return false;
    return true;
}

static bool is_whole(const wg_tensor *x) {
    for (int64_t k = 0, n = wg_numel(x); k < n; k++) {
        double v = wg_view_get(&x->view, k);
        if (!(fabs(v) < 0x1p24 && floor(v) == v)) return false;
    }
    return true;
}

/* All values on the tape whole, and all gradients and tangents, and the products of these: then
   nothing was rounded anywhere, in whatever order sums were taken. */
static bool numbers_are_whole(wg__trial *t) {
    wg__run r;
    wg_tensor *dy[WG__VM_REGISTERS], *gx[WG__VM_REGISTERS], *x[WG__VM_REGISTERS];
    wg_tensor *u[WG__VM_LEAVES];
    const wg__tape *tape = wg__tape_now();
    uint32_t from = tape->count;
    int n = 0;
    if (!wg__run_usual(t, &r) || tape->count - from > WG__VM_REGISTERS) return false;
    wg_recording(false);
    for (uint32_t k = from; k < tape->count; k++) x[n++] = tape->out[k];
    for (int i = 0; i < r.leaves; i++)
        u[i] = wg__lay_out(t->dtype, &r.x[i]->view.shape, t->u[r.which[i]], WG__DENSE, NULL);
    wg_tensor *gy = wg__seed_of(t, &r, t->w);
    bool whole = gy && wg_jvp_many(x, n, (wg_along){ r.x, u, r.leaves }, dy) &&
                 wg_grad(r.y, x, n, gx, (wg_grad_options){ .seed = gy, .constant = true });
    for (int k = 0; whole && k < n; k++)
        whole = is_whole(x[k]) && is_whole(dy[k]) && is_whole(gx[k]);
    wg_recording(true);
    return whole;
}

// The identity once more, now without any bound.
static void hold_exactly(wg__program_trial *a) {
    wg_scope *scope = wg_scope_open();
    bool whole = scope && numbers_are_whole(&a->t) && ops_are_exact(a->p);
    wg_error_clear();
    wg_scope_close(scope);
    if (!whole) return;
    for (int c = 0; c < WG__CHANNELS; c++) a->tally.whole[c] = INT32_MAX;
    a->t.exactly = true;
    wg__program_consult(a, "O3 whole numbers, reverse against forward mode", wg__check_adjoint);
}

/* ---- the oracles ----------------------------------------------------------------------------- */

void wg__oracle_adjoint(const wg__vm_program *p) {
    // In f32 a step may fail, which a run of its own tells.
    bool single = p->dtype == WG_F32;
    if (!(single ? wg__program_trial_make : wg__program_trial_begin)(&trial, p, false)) return;
    trial.counts = true;
    wg__program_consult(&trial, "O1 reverse against forward mode", wg__check_adjoint);
    bool rounded = trial.report.worst > 0;
    if (rounded && p->mode == WG__WHOLE && p->dtype == WG_F64) hold_exactly(&trial);
}

void wg__oracle_cotangent(const wg__vm_program *p) {
    if (!wg__program_trial_make(&trial, p, false)) return;
    wg__program_consult(&trial, "O6 twice the cotangent", wg__check_doubling);
    wg__program_consult(&trial, "O6 the sum of cotangents", wg__check_sum);
    wg__program_consult(&trial, "O6 a cotangent of zero", wg__check_zero);
}
