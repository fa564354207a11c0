// SPDX-License-Identifier: MIT
/* trial.c: a program as an operation under trial. */
#include <string.h>

#include "fuzz/driver/driver.h"
#include "fuzz/oracle/oracle.h"

/* ---- directions ------------------------------------------------------------------------------ */

// Steele, Lea and Flood 2014: several times cheaper than what users are given, and good enough.
static uint64_t splitmix(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void wg__fuzz_directions(const wg__trial *t, double *d, int64_t n, uint64_t stream) {
    uint64_t state = t->seed ^ stream << 32;
    for (int64_t k = 0; k < n; k++) {
        uint64_t bits = splitmix(&state);
        double size = t->mode == WG__WHOLE ? (double)(1 + (bits >> 8) % 3)
                                           : 0.5 + (double)(bits >> 40) * 0x1p-24;
        d[k] = bits & 1 ? size : -size;
    }
}

/* ---- the program as an operation ------------------------------------------------------------- */

// Several outputs as one: a row of all their elements.
static wg_tensor *join(const wg__vm_program *p, const wg__vm_run *r) {
    wg_tensor *row[WG__VM_OUTPUTS];
    if (p->outputs == 1) return r->reg[p->output[0]];
    for (int j = 0; j < p->outputs; j++) {
        wg_tensor *y = r->reg[p->output[j]];
        row[j] = wg_reshape(y, WG_SHAPE(wg_numel(y)));
        if (wg_dtype_of(y) != p->dtype) row[j] = wg_cast(row[j], p->dtype);
        if (!row[j]) return NULL;
    }
    return wg_cat(row, p->outputs, 0);
}

static bool any_single(const wg__vm_program *p, const wg__vm_run *r) {
    for (int i = 0; i < p->leaves + p->steps; i++)
        if (r->reg[i] && wg_dtype_of(r->reg[i]) == WG_F32) return true;
    return false;
}

/* The first run tells what the result is like, and so needs no run of its own before. */
static bool meet(wg__program_trial *a, const wg_tensor *y) {
    wg__trial *t = &a->t;
    int64_t n = wg_numel(y);
    if (t->w) return true;
    if (n > WG__PROGRAM_RESULT)
        return wg_fail(WG_ERROR_ARGUMENT, "program: %lld results", (long long)n);
    t->y_dtype = wg_dtype_of(y), t->y_shape = wg_shape_of(y), t->w = a->w;
    wg__fuzz_directions(t, t->w, n, 3);
    wg__set_bounds(t);
    t->exactly = false;
    return true;
}

static wg_tensor *compose(const wg_call *c) {
    wg__program_trial *a = *(wg__program_trial *const *)c->attr;
    wg__vm_run r = { .variables = 0 };
    for (int i = 0; i < c->inputs; i++) r.reg[i] = c->in[i];
    if (!wg__vm_run_steps(a->p, a->plain, &r)) return NULL;
    a->t.single = any_single(a->p, &r);
    if (a->counts) wg__fuzz_cover_run(a->p, &r, 1);
    a->counts = false;
    wg_tensor *y = join(a->p, &r);
    return y && meet(a, y) ? y : NULL;
}

/* ---- its inputs ------------------------------------------------------------------------------ */

// A constant is no input that moves, though it is a float.
static void take_leaf(wg__program_trial *a, int i) {
    const wg__vm_leaf *leaf = &a->p->leaf[i];
    bool moves = leaf->kind == WG__FLOAT && leaf->variable;
    wg__slot *slot = &a->sample.in[i];
    *slot = (wg__slot){ .shape = leaf->shape, .low = WG__LOW, .high = WG__HIGH };
    slot->kind = moves ? WG__FLOAT : leaf->kind == WG__FLOAT ? WG__INTEGER : leaf->kind;
    slot->dtype = leaf->kind == WG__FLOAT ? a->t.dtype : leaf->dtype;
    a->t.value[i] = leaf->value;
    a->layout[i] = leaf->layout;
    if (!moves) return;
    int64_t n = wg__size(&a->t, i);
    a->t.floats |= 1ull << i;
    a->t.u[i] = wg__scratch(n);
    if (a->t.u[i]) wg__fuzz_directions(&a->t, a->t.u[i], n, 4 + (uint64_t)i);
    a->t.largest = fmax(a->t.largest, wg__most(leaf->value, n));
}

bool wg__program_trial_begin(wg__program_trial *a, const wg__vm_program *p, bool plain) {
    *a = (wg__program_trial){ .p = p, .plain = plain };
    a->op = (wg_op){ .abi = WG_OP_ABI, .name = "program", .doc = "program", .compose = compose };
    a->op.inputs = a->op.inputs_max = (uint8_t)p->leaves;
    a->op.attr_size = sizeof a->self;
    a->sample.inputs = p->leaves;
    a->self = a;
    a->sample.attr = &a->self;
    a->t = (wg__trial){ .op = &a->op, .sample = &a->sample, .report = &a->report };
    wg__trial *t = &a->t;
    t->tally = &a->tally, t->dtype = p->dtype, t->mode = p->mode, t->seed = p->seed;
    t->ladder = true, t->input = -1, t->oracle = "the program", t->layouts = a->layout;
    t->constant = p->seed >> 1 & 1;
    for (int i = 0; i < p->leaves; i++) take_leaf(a, i);
    t->moving = t->floats;
    return p->outputs > 0 && t->floats && !wg_error();
}

bool wg__program_trial_make(wg__program_trial *a, const wg__vm_program *p, bool plain) {
    wg_random r = { .seed = p->seed, .stream = 1982 };
    wg__trial *t = &a->t;
    bool made = wg__program_trial_begin(a, p, plain) && wg__draw_directions(t, &r) &&
                wg__try(t, &a->inputs, &r);
    t->exactly = false;
    wg_error_clear();
    return made && t->differentiable;
}

void wg__program_consult(wg__program_trial *a, const char *name, wg__oracle *check) {
    a->report.failures = 0;
    wg__consult(&a->t, name, check);
    if (a->report.failures > 0 && wg__program_is_regular(a->p))
        wg__fuzz_fail(a->p, name, "%s", a->report.text);
}
