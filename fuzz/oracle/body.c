// SPDX-License-Identifier: MIT
/* body.c: what checkpoints run. Each level of checkpoints around the program draws once more, so
   that journals nest as well. */
#include "fuzz/oracle/body.h"

/* ---- one run --------------------------------------------------------------------------------- */

static wg_tensor *noisy(wg__body *b, wg_tensor *x) {
    if (!b->draws || !x) return x;
    bool fewer = b->spoil == WG__SPOIL_DRAWS && wg_is_replay();
    wg_shape shape = wg_shape_of(x);
    wg_tensor *noise =
        fewer ? wg_ones(wg_dtype_of(x), shape) : wg_rand(wg_dtype_of(x), shape, &b->random);
    return wg_mul(x, wg_add(noise, wg_num(0.5)));
}

static wg_tensor *spoiled(const wg__body *b, wg_tensor *y) {
    if (!y || !wg_is_replay()) return y;
    switch (b->spoil) {
    case WG__SPOIL_ERROR: wg_fail(WG_ERROR_ARGUMENT, "not the second time"); return NULL;
    case WG__SPOIL_NULL: return NULL;
    case WG__SPOIL_VALUES: return wg_add(y, wg_num(1));
    case WG__SPOIL_SHAPE: return wg_unsqueeze(y, 0);
    case WG__SPOIL_CONSTANT: return wg_stop(y);
    default: return y;
    }
}

static wg_tensor *outputs(const wg__vm_program *p, const wg__vm_run *r) {
    wg_tensor *y[WG__VM_OUTPUTS];
    int n = 0;
    for (int k = 0; k < p->outputs; k++) {
        wg_tensor *x = r->reg[p->output[k]];
        if (!x || !wg_is_tracked(x)) continue;
        y[n] = wg_reshape(x, WG_SHAPE(wg_numel(x)));
        if (wg_dtype_of(x) != p->dtype) y[n] = wg_cast(y[n], p->dtype);
        if (!y[n++]) return NULL;
    }
    if (n == 0) return wg_zeros(p->dtype, WG_SHAPE(1));
    return n == 1 ? y[0] : wg_cat(y, n, 0);
}

static wg_tensor *run_once(void *user, wg_tensor *const x[], int n) {
    wg__body *b = user;
    wg__vm_run r = { .variables = 0 };
    b->calls++;
    for (int i = 0; i < n; i++) r.reg[i] = x[i];
    if (b->between) b->between();
    r.reg[b->drawn] = noisy(b, r.reg[b->drawn]);
    if (wg_error() || !wg__vm_run_steps(b->p, b->depth == 0, &r)) return NULL;
    if (b->between) b->between();
    return spoiled(b, outputs(b->p, &r));
}

/* ---- levels ---------------------------------------------------------------------------------- */

static wg_tensor *run_second(void *user, wg_tensor *const x[], int n) {
    wg__body *b = user;
    return noisy(b, b->depth > 0 ? wg_checkpoint(run_once, b, x, n) : run_once(b, x, n));
}

// One level more than the program asks for itself, or two.
wg_tensor *wg__body_run(wg__body *b, wg_tensor *const leaf[]) {
    int n = b->p->leaves;
    wg__body *const user = b;
    if (b->depth == 0) return run_second(user, leaf, n);
    return b->depth == 1 ? run_second(user, leaf, n) : wg_checkpoint(run_second, user, leaf, n);
}

bool wg__body_leaves(const wg__vm_program *p, wg__vm_run *r) {
    static wg__vm_program leaves;  // the same without its steps
    leaves = *p;
    leaves.steps = leaves.spans = 0;
    return wg__vm_run_make(&leaves, &(wg__vm_setting){ .dtype = p->dtype }, r);
}
