// SPDX-License-Identifier: MIT
/* status.c: whether something is recorded, or tracked at all, changes neither a status nor a bit.
   And a step that is given the wrong thing for one operand either says what is wrong or has a
   result, never both nor neither, and leaves no trace. */
#include <string.h>

#include "fuzz/oracle/engine.h"

static const wg_grad_options PLAIN = { .constant = true };

typedef struct outcome {
    wg_status status;
    wg__vm_run run;
} outcome;

static void hold_same_registers(wg__scene *s, const outcome *a, const outcome *b,
                                const char *what) {
    wg__scene_hold(s, a->status == b->status, what);
    for (int k = 0; a->status == WG_OK && k < s->p->leaves + s->p->steps; k++) {
        const wg_tensor *x = a->run.reg[k], *y = b->run.reg[k];
        if (!x || !y) continue;
        const double *p = wg__numbers(x), *q = wg__numbers(y);
        if (!p || !q) return;
        bool same = wg__shape_equal(&x->view.shape, &y->view.shape) &&
                    wg_dtype_of(x) == wg_dtype_of(y) && wg__same_numbers(p, q, wg_numel(x));
        if (!same) wg__fuzz_fail(s->p, s->oracle, "%s: register %d has another value", what, k);
    }
}

/* ---- recording, tracking --------------------------------------------------------------------- */

// The steps on the same leaves, as they are or as constants.
static void run_steps(wg__scene *s, const wg__vm_run *leaves, bool constant, outcome *o) {
    o->run = *leaves;
    for (int i = 0; constant && i < s->p->leaves; i++) o->run.reg[i] = wg_stop(leaves->reg[i]);
    wg__vm_run_steps(s->p, true, &o->run);
    o->status = wg_error();
    wg_error_clear();
}

static void hold_untracked(wg__scene *s, const outcome *o, const char *what) {
    for (int k = s->p->leaves; o->status == WG_OK && k < s->p->leaves + s->p->steps; k++)
        wg__scene_hold(s, !wg_is_tracked(o->run.reg[k]), what);
}

static void check_twins(wg__scene *s, const outcome *usual) {
    outcome silent, constant;
    uint32_t nodes = wg__tape_now()->count;
    wg_recording(false);
    run_steps(s, &usual->run, false, &silent);
    wg_recording(true);
    run_steps(s, &usual->run, true, &constant);
    wg__scene_hold(s, wg__tape_now()->count == nodes,
                   "something is recorded though recording is off, or nothing is tracked");
    hold_same_registers(s, &silent, usual, "recording is off");
    hold_same_registers(s, &constant, usual, "nothing is tracked");
    hold_untracked(s, &silent, "a result is tracked though recording is off");
    hold_untracked(s, &constant, "a result of constants is tracked");
}

// Integers and truth values have no derivative, and are no variables.
static void check_kinds(wg__scene *s, const outcome *usual) {
    for (int k = 0; usual->status == WG_OK && k < s->p->leaves + s->p->steps; k++) {
        wg_tensor *x = usual->run.reg[k];
        if (!x || wg_dtype_is_float(wg_dtype_of(x))) continue;
        bool refused = !wg_variable(x) && wg_error() == WG_ERROR_DTYPE;
        wg__scene_hold(s, refused, "what is no float becomes a variable");
        wg_error_clear();
        return;
    }
}

/* ---- the wrong thing for an operand ---------------------------------------------------------- */

static wg_tensor *nothing(wg_tensor *x) { return (void)x, NULL; }
static wg_tensor *other_float(wg_tensor *x) {
    return wg_cast(x, wg_dtype_of(x) == WG_F32 ? WG_F64 : WG_F32);
}
static wg_tensor *integers(wg_tensor *x) { return wg_cast(x, WG_I64); }
static wg_tensor *small(wg_tensor *x) { return wg_cast(x, WG_U8); }
static wg_tensor *truth(wg_tensor *x) { return wg_cast(x, WG_BOOL); }
static wg_tensor *flat(wg_tensor *x) { return wg_reshape(x, WG_SHAPE(WG_REST)); }
static wg_tensor *deeper(wg_tensor *x) { return wg_unsqueeze(x, wg_rank(x) / 2); }
static wg_tensor *longer(wg_tensor *x) {
    return wg_rank(x) ? wg_cat((wg_tensor *[]){ x, x }, 2, -1) : wg_stack(&x, 1, 0);
}
static wg_tensor *shorter(wg_tensor *x) {
    return wg_rank(x) && wg_dim(x, 0) ? wg_slice(x, 0, 1, WG_END, 1) : x;
}
static wg_tensor *deepest(wg_tensor *x) {
    wg_shape shape = { .rank = WG_MAX_RANK };
    for (int k = 0; k < WG_MAX_RANK; k++) shape.dim[k] = 1;
    shape.dim[WG_MAX_RANK - 1] = wg_numel(x);
    return wg_reshape(x, shape);
}
static wg_tensor *number(wg_tensor *x) { return (void)x, wg_num(0.5); }
static wg_tensor *negative(wg_tensor *x) {
    return wg_full(wg_dtype_of(x), wg_shape_of(x), wg_dtype_of(x) < WG_U8 ? -3 : 1);
}

typedef wg_tensor *change(wg_tensor *x);
static change *const changes[] = { nothing, other_float, integers, small,   truth,  flat,
                                   deeper,  longer,      shorter,  deepest, number, negative };
enum { CHANGES = sizeof changes / sizeof *changes };

// Step k with another operand; y comes back, and what was said is cleared.
static wg_tensor *apply_wrongly(wg__scene *s, const wg__vm_step *step, int operand, wg_tensor *x) {
    wg_tensor *in[WG__VM_OPERANDS];
    for (int i = 0; i < step->inputs; i++) {
        in[i] = step->in[i] < 0 ? NULL : s->run.reg[step->in[i]];
        if (i == operand) in[i] = x;
    }
    uint32_t nodes = wg__tape_now()->count;
    wg_tensor *y = wg_apply(step->op, in, step->inputs, step->attr);
    wg__scene_hold(s, !y == (wg_error() != WG_OK), "there is a result and an error, or neither");
    // A formula may have come some way before it fails; its records lead nowhere.
    wg__scene_hold(s, y || step->op->compose || wg__tape_now()->count == nodes,
                   "a step that is refused was recorded");
    if (!y && !strstr(wg_error_message(), step->op->name))
        wg__fuzz_fail(s->p, s->oracle, "%s refuses with a message that lacks its name: %s",
                      step->op->name, wg_error_message());
    wg_error_clear();
    return y;
}

static void check_wrong(wg__scene *s) {
    const wg__vm_step *step = &s->p->step[s->p->choice[1] % s->p->steps];
    int operand = s->p->choice[2] / CHANGES % (step->inputs ? step->inputs : 1);
    if (step->inputs == 0 || step->in[operand] < 0) return;
    wg_tensor *x = changes[s->p->choice[2] % CHANGES](s->run.reg[step->in[operand]]);
    wg_error_clear();  // no such change, as of a rank that is the highest
    wg_tensor *y = apply_wrongly(s, step, operand, x), *gx;
    bool takes = y && x && wg_is_tracked(y) && wg_is_tracked(x);
    // What is taken can be differentiated, or says why not.
    if (takes && !wg_grad(y, &x, 1, &gx, PLAIN)) wg_error_clear();
}

static void check(wg__scene *s) {
    wg__vm_setting how = { .dtype = s->p->dtype, .plain = true };
    wg__gradients before, after;
    outcome usual, again;
    bool ran = wg__vm_run_make(s->p, &how, &s->run);
    usual = (outcome){ wg_error(), s->run };
    if (!ran && s->p->dtype != WG_F32) return;
    wg_error_clear();
    for (int k = 0; k < s->p->leaves; k++)
        if (!s->run.reg[k]) return;
    check_twins(s, &usual);
    check_kinds(s, &usual);
    if (!ran || s->p->steps == 0) return;
    s->loss = s->run.variables ? wg__scene_loss(s) : NULL;
    bool given = s->loss && wg__scene_grad(s, s->loss, PLAIN, &before);
    check_wrong(s);
    run_steps(s, &usual.run, false, &again);
    hold_same_registers(s, &again, &usual, "after a mistake");
    if (given && wg__scene_grad(s, s->loss, PLAIN, &after))
        wg__scene_equal_all(s, &after, &before, "after a mistake the gradient is another");
}

void wg__oracle_status(const wg__vm_program *p) { wg__scene_open(p, "O14 status twin", check); }
