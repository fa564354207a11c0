// SPDX-License-Identifier: MIT
/* order.c: programs as trials of the checker, and several ways to one derivative held against each
   other. The bound is cheap at first, the sizes of the last terms; only where that is not kept is
   the whole tape measured, since large things may have cancelled anywhere on it. */
#include <math.h>

#include "fuzz/oracle/order.h"

/* ---- the trial ------------------------------------------------------------------------------- */

static bool all_finite(const wg__program_trial *a) {
    const double *value = wg__numbers(a->inputs.y);
    for (int64_t k = 0; value && k < wg_numel(a->inputs.y); k++)
        if (!isfinite(value[k])) return false;
    return value != NULL;
}

static bool may_differentiate(const wg__vm_program *p) {
    for (int k = 0; k < p->steps; k++)
        if (p->step[k].op->flags & WG_OP_NO_GRADIENT) return false;
    return true;
}

bool wg__order_begin(wg__program_trial *a, const wg__vm_program *p) {
    bool plain = p->choice[1] & 4;
    if (!may_differentiate(p) || !wg__program_trial_make(a, p, plain) || a->t.single) return false;
    bool finite = all_finite(a);
    // One stride of 0 would tie what is to move apart.
    a->t.layouts = NULL, a->t.layout = WG__DENSE;
    a->t.exactly = p->mode == WG__WHOLE;
    wg_error_clear();
    return finite;
}

bool wg__order_draw(const wg__trial *t, uint64_t which, double *d[]) {
    wg_random r = { .seed = t->seed, .stream = which };
    for (int i = 0; i < t->sample->inputs; i++)
        d[i] = wg__bit(t->floats, i) ? wg__draw_direction(t, wg__size(t, i), &r) : NULL;
    return !wg_error();
}

unsigned wg__order_bits(const wg__trial *t) {
    const wg__program_trial *a = *(wg__program_trial *const *)t->sample->attr;
    return a->p->choice[1] | (unsigned)a->p->choice[2] << 8;
}

/* ---- kinks ----------------------------------------------------------------------------------- */

static bool take_value(const wg_tensor *x, wg__vm_leaf *leaf) {
    if (!x) return false;
    bool real = wg_dtype_is_float(wg_dtype_of(x));
    *leaf = (wg__vm_leaf){ .kind = real ? WG__FLOAT : WG__INTEGER,
                           .dtype = wg_dtype_of(x),
                           .shape = wg_shape_of(x),
                           .variable = real && wg_is_tracked(x),
                           .value = wg__numbers(x) };
    return leaf->value != NULL;
}

// Step k on what reaches it, each operand a leaf of its own.
static bool one_step(const wg__vm_program *p, const wg__vm_run *r, int k, wg__vm_program *q) {
    const wg__vm_step *step = &p->step[k];
    *q = (wg__vm_program){ .mode = WG__GENERAL, .dtype = WG_F64, .seed = p->seed };
    q->choice[1] = q->choice[2] = 0xff;  // bent, and every way
    q->steps = q->outputs = 1;
    q->step[0] = *step, q->step[0].flags = 0;
    for (int i = 0; i < step->inputs; i++) {
        if (step->in[i] < 0) continue;
        if (!take_value(r->reg[step->in[i]], &q->leaf[q->leaves])) return false;
        q->step[0].in[i] = q->leaves++;
    }
    q->output[0] = q->leaves;
    return true;
}

// Each number on its own, so that what was tied is no more.
static void move_apart(wg__trial *t) {
    wg_random r = { .seed = 18 };
    for (int i = 0; i < t->sample->inputs; i++)
        for (int64_t k = 0; wg__bit(t->floats, i) && k < wg__size(t, i); k++)
            t->value[i][k] += (wg_random_uniform(&r) - 0.5) * 0x1p-8 * (1 + fabs(t->value[i][k]));
}

typedef struct finding {
    bool wrong, undecided;
} finding;

static finding try_alone(const wg__vm_program *q, bool apart, wg__oracle *smooth) {
    static wg__program_trial a;
    if (!wg__order_begin(&a, q)) return (finding){ false, false };
    if (apart) move_apart(&a.t);
    wg__consult(&a.t, "alone", smooth);
    return (finding){ a.report.failures > 0, a.report.inconclusive > 0 };
}

static bool is_kink(const wg__vm_program *p, const wg__vm_run *r, int k, wg__oracle *smooth) {
    static wg__vm_program q;
    if (!one_step(p, r, k, &q)) return false;
    finding here = try_alone(&q, false, smooth);
    return (here.wrong || here.undecided) && !try_alone(&q, true, smooth).wrong;
}

static bool is_excused(const wg__vm_program *p, wg__oracle *smooth) {
    static wg__vm_run r;
    wg__vm_setting s = { .dtype = WG_F64, .dense = true, .plain = true };
    bool excused = false;
    wg_scope *scope = wg_scope_open();
    bool ran = scope && wg__vm_run_make(p, &s, &r);
    for (int k = 0; ran && k < p->steps && !excused; k++) excused = is_kink(p, &r, k, smooth);
    wg_scope_close(scope);
    wg_error_clear();
    return excused;
}

void wg__order_hold(wg__program_trial *a, const char *name, wg__oracle *check, wg__oracle *smooth) {
    wg__consult(&a->t, name, check);
    if (a->report.failures > 0 && !is_excused(a->p, smooth))
        wg__fuzz_fail(a->p, name, "%s", a->report.text);
}

void wg__order_ask(const wg__vm_program *p, const char *name, wg__oracle *check,
                   wg__oracle *smooth) {
    static wg__program_trial a;  // too large for small stacks, as is the program
    static wg__vm_program q;
    wg_scope *scope = wg_scope_open();
    q = *p, q.dtype = WG_F64;
    if (scope && wg__order_begin(&a, &q)) wg__order_hold(&a, name, check, smooth);
    wg_scope_close(scope);
    wg_error_clear();
}

/* ---- one step by itself ---------------------------------------------------------------------- */

/* Makes it a trial of its operation itself, with its reference, where its second derivative is a
   number; false where it is none, or where not even the first derivative is what the reference, or
   without one differences, say: that is held elsewhere, and a reference may be beyond its range, as
   e^-600 times a tiny step is. */
static bool look_alone(wg__program_trial *a, const wg__vm_program *q) {
    wg__consult(&a->t, "alone", wg__order_second);
    if (a->report.failures + a->report.inconclusive > 0) return false;
    a->t.op = q->step[0].op, a->sample.attr = q->step[0].attr;
    const wg__point here = { .value = a->t.value };
    bool known = !a->t.op->reference || wg__reference(&a->t, &here);
    wg_error_clear();
    if (known) wg__consult(&a->t, "first order of one step", wg__check_jvp);
    return known && a->report.failures == 0;
}

static bool is_wrong_alone(wg__program_trial *a, const wg__vm_program *q, bool apart) {
    if (!wg__order_begin(a, q) || q->leaves != q->step[0].inputs) return false;
    if (apart) move_apart(&a->t);
    if (!look_alone(a, q)) return false;
    wg__consult(&a->t, "second order of one step", wg__check_second);
    return a->report.failures > 0;
}

/* Rules may agree with each other in every nesting, and be wrong: a factor that no longer depends
   on its input loses half of a curvature in all of them. The reference of one step, at the values
   that reach it in a program, knows, and by induction the whole program is right: not so by
   differences of the program, which see what operations cut off by intention. */
void wg__oracle_curve(const wg__vm_program *p) {
    static wg__vm_run r;
    static wg__vm_program q;
    static wg__program_trial a;
    wg__vm_setting s = { .dtype = WG_F64, .dense = true, .plain = true };
    wg_scope *scope = wg_scope_open();
    int k = p->steps ? p->choice[2] % p->steps : 0;
    bool ran = scope && p->steps && wg__vm_run_make(p, &s, &r) && one_step(p, &r, k, &q);
    wg_error_clear();
    if (ran && is_wrong_alone(&a, &q, false) && is_wrong_alone(&a, &q, true))
        wg__fuzz_fail(p, "O5 curvature of one step", "%s", a.report.text);
    wg_scope_close(scope);
}

/* ---- derivatives ----------------------------------------------------------------------------- */

wg_tensor *wg__order_bend(wg_tensor *x) {
    return wg_add(x, wg_mul(wg_num(0.5), wg_square(wg_sub(x, wg_stop(x)))));
}

bool wg__order_make(wg__trial *t, bool bent, wg__run *r) {
    wg__setting set = { .dtype = t->dtype, .tracked = t->floats };
    if (!wg__run_inputs(t, &set, r)) return false;
    for (int k = 0; k < r->leaves && bent; k++) r->in[r->which[k]] = wg__order_bend(r->x[k]);
    if (wg_error()) return false;
    wg_tensor *y = wg_apply(t->op, r->in, t->sample->inputs, t->sample->attr);
    if (!y) return false;
    wg_tensor *w = wg__lay_out(WG_F64, &t->y_shape, t->w, WG__DENSE, NULL);
    r->y = wg_sum(wg_mul(w, bent ? wg__order_bend(y) : y));
    return r->y != NULL;
}

bool wg__order_along(const wg__run *r, double *const d[], wg_tensor *v[]) {
    for (int k = 0; k < r->leaves; k++) {
        const double *numbers = d[r->which[k]];
        const wg_shape *shape = &r->x[k]->view.shape;
        v[k] = numbers ? wg__lay_out(WG_F64, shape, numbers, WG__DENSE, NULL) : NULL;
    }
    return !wg_error();
}

/* What is not tracked does not depend on the leaves. */
wg_tensor *wg__order_slope(const wg__run *r, wg_tensor *s, wg_tensor *const v[], bool reverse) {
    wg_tensor *g[WG_MAX_INPUTS], *sum = NULL;
    if (!s || wg_error() || !wg_is_tracked(s)) return NULL;
    if (!reverse) return wg_jvp(s, r->x, r->leaves, v);
    if (!wg_grad(s, r->x, r->leaves, g, (wg_grad_options){ .seed = NULL })) return NULL;
    for (int k = 0; k < r->leaves; k++)
        if (v[k]) sum = wg_add_maybe(sum, wg_sum(wg_mul(g[k], v[k])));
    return sum;
}

double wg__order_size(const wg__trial *t, const wg__run *r, wg_tensor *s, double *const d[]) {
    static double one[1] = { 1 };
    wg__trial of_number = *t;
    wg__run run = *r;
    if (!s || wg_error()) return 0;
    of_number.w = one, run.y = s;
    return wg__tape_floor(&of_number, &run, d);
}

/* ---- several ways ---------------------------------------------------------------------------- */

static void add(wg__several *w, const char *name, double value, double size) {
    w->name[w->count] = name;
    w->value[w->count++] = value;
    w->size += size;
}

void wg__several_add(wg__several *w, const char *name, wg_tensor *s) {
    double value = s ? wg_item(s) : 0;
    add(w, name, value, fabs(value) + 1e-3);
}

void wg__several_add_pairing(wg__several *w, const char *name, const wg__run *r,
                             wg_tensor *const g[], double *const d[]) {
    double value = 0, size = 0;
    for (int k = 0; k < r->leaves; k++) {
        const double *to = d[r->which[k]], *a = to && g[k] ? wg__numbers(g[k]) : NULL;
        if (!a) continue;
        int64_t n = wg_numel(g[k]);
        value += wg__dot(a, to, n);
        size += wg__dot_abs(a, to, n) + 1e-3 * (1 + wg__most(a, n));
    }
    add(w, name, value, size);
}

bool wg__several_meet(const wg__several *w, const wg__trial *t) {
    for (int k = 1; k < w->count; k++)
        if (!(fabs(w->value[k] - w->value[0]) <= t->rel * w->size)) return false;
    return true;
}

static const double BEYOND = 1e12;  // terms of that size leave no digits

void wg__several_hold(const wg__several *w, wg__trial *t) {
    bool finite = w->size <= BEYOND;
    for (int k = 0; k < w->count; k++) finite = finite && isfinite(w->value[k]);
    if (!finite) t->report->inconclusive++;
    const char *about = t->oracle;
    char text[160];
    for (int k = 1; finite && k < w->count; k++) {
        snprintf(text, sizeof text, "%s: %s against %s", about, w->name[k], w->name[0]);
        t->oracle = text;
        wg__hold(t, -1, w->value[k], w->value[0], t->rel * w->size);
    }
    t->oracle = about;
}
