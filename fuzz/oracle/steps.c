// SPDX-License-Identifier: MIT
/* steps.c: every step of a program by itself. With the engine's own values and tangents as inputs,
   a step's value must be that of its reference, and its tangent the reference's complex step along
   the tangents of its inputs. By induction all of forward mode is then right; and no conditioning
   of a whole program stands between an error and its bound. O2: in general position. O3: bit for
   bit, where whole numbers meet an operation made of sums and products. O12: the same in f32.

   A step that seems wrong is looked at again as a trial of its operation alone (verdict.c); and
   where it stands at a kink, at which the reference may choose another branch, it is left to the
   checks of single operations. */
#include <fenv.h>

#include "fuzz/oracle/steps.h"

static wg__pass now;  // too large for small stacks; fuzzers have one thread

/* ---- one run, in forward mode ---------------------------------------------------------------- */

static bool draw_directions(const wg__pass *a, wg_tensor *u[]) {
    wg__trial t = { .mode = a->p->mode, .seed = a->p->seed };
    for (int i = 0; i < a->r.variables; i++) {
        const wg_view *x = &a->r.x[i]->view;
        int64_t n = wg__numel(&x->shape);
        double *d = wg__scratch(n);
        if (d) wg__fuzz_directions(&t, d, n, 4 + (uint64_t)i);
        u[i] = d ? wg__lay_out(x->dtype, &x->shape, d, WG__DENSE, NULL) : NULL;
        if (!u[i]) return false;
    }
    return true;
}

// False without an error where nothing moves, and where some operation has no derivative.
static bool push(wg__pass *a) {
    wg_tensor *u[WG__VM_LEAVES], *x[WG__VM_REGISTERS], *dx[WG__VM_REGISTERS];
    int which[WG__VM_REGISTERS], n = 0;
    for (int i = 0; i < a->count; i++)
        if (wg_is_tracked(a->r.reg[i])) which[n] = i, x[n++] = a->r.reg[i];
    if (n == 0 || a->r.variables == 0 || !draw_directions(a, u)) return false;
    wg_recording(false);
    bool done = wg_jvp_many(x, n, (wg_along){ a->r.x, u, a->r.variables }, dx);
    wg_recording(true);
    for (int k = 0; done && k < n; k++) {
        double *d = wg__numbers(dx[k]);
        a->dy[which[k]] = d;
        a->dmost[which[k]] = d ? wg__most_of(d, wg_numel(dx[k])) : INFINITY;
    }
    return done;
}

static bool complex_of(wg__pass *a, int i) {
    int64_t n = wg_numel(a->r.reg[i]);
    a->z[i] = (double complex *)(void *)wg__scratch(2 * n);
    for (int64_t k = 0; a->z[i] && k < n; k++)
        a->z[i][k] = a->y[i][k] + I * (a->dy[i] ? WG__STEP * a->dy[i][k] : 0);
    return a->z[i] != NULL;
}

static bool pass_make(wg__pass *a, const wg__vm_program *p) {
    *a = (wg__pass){ .p = p, .count = p->leaves + p->steps };
    if (!wg__vm_run_make(p, &(wg__vm_setting){ .dtype = p->dtype, .plain = true }, &a->r))
        return false;
    push(a);
    wg_error_clear();
    for (int i = 0; i < a->count; i++) {
        a->y[i] = wg__numbers(a->r.reg[i]);
        if (!a->y[i] || !complex_of(a, i)) return false;
        a->most[i] = wg__most_of(a->y[i], wg_numel(a->r.reg[i]));
    }
    return true;
}

/* ---- a step against its reference ------------------------------------------------------------ */

bool wg__look_at(wg__look *l, const wg__pass *a, int k) {
    *l = (wg__look){ .a = a, .s = &a->p->step[k], .reg = a->p->leaves + k };
    const wg_tensor *y = a->r.reg[l->reg];
    l->single = a->p->dtype == WG_F32;
    l->real = wg_dtype_is_float(wg_dtype_of(y));
    l->n = wg_numel(y);
    l->single = l->single || wg_dtype_of(y) == WG_F32;
    for (int i = 0; i < l->s->inputs; i++) {
        int from = l->s->in[i];
        if (from < 0) continue;
        l->in[i] = a->r.reg[from];
        if (!wg_dtype_is_float(wg_dtype_of(l->in[i]))) continue;
        l->single = l->single || wg_dtype_of(l->in[i]) == WG_F32;
        l->most_in = fmax(l->most_in, a->most[from]);
        l->moves = fmax(l->moves, a->dy[from] ? a->dmost[from] : 0);
    }
    return l->s->op->reference && l->most_in < INFINITY && a->most[l->reg] < INFINITY &&
           l->moves < 1e30 && (l->moves == 0 || l->moves > 1e-150);
}

// False where the reference gives up, or is no real number there: it is only promised on the
// samples.
static bool take_reference(wg__look *l) {
    const double complex *z[WG__VM_OPERANDS];
    double complex *out = (double complex *)(void *)wg__scratch(2 * l->n);
    l->want = wg__scratch(l->n), l->slope = wg__scratch(l->n);
    for (int i = 0; i < l->s->inputs; i++) z[i] = l->in[i] ? l->a->z[l->s->in[i]] : NULL;
    if (!out || !l->want || !l->slope || !wg__look_reference(l, z, out)) return false;
    for (int64_t k = 0; k < l->n; k++) {
        l->want[k] = creal(out[k]), l->slope[k] = cimag(out[k]) / WG__STEP;
        bool off = fabs(cimag(out[k])) > 1e-12 * (1 + fabs(l->want[k]));
        if (off || !isfinite(l->want[k]) || !isfinite(l->slope[k])) return false;
        if (l->single && !(fabs(l->want[k]) < 1e37 && fabs(l->slope[k]) < 1e37)) return false;
    }
    return true;
}

/* Bounds are those of the checks of single operations (value.c, first.c, reverse.c), but that
   directions are of any size here, and so count in. */
typedef struct bounds {
    double rel, value_floor, slope_floor;
} bounds;

static bounds bounds_of(const wg__look *l) {
    int64_t terms = l->n;
    for (int i = 0; i < l->s->inputs; i++)
        if (l->in[i] && wg_numel(l->in[i]) > terms) terms = wg_numel(l->in[i]);
    double single = (8 + 2 * sqrt((double)terms)) * 0x1p-24;
    double value = l->s->op->map ? 0 : wg__most_of(l->want, l->n);
    double slope = l->s->op->map ? 0 : wg__most_of(l->slope, l->n);
    bounds b = { l->single ? single : 1e-9, 1 + value, l->moves + slope };
    b.slope_floor *= l->single ? 1 + l->most_in : 2.5e-3;
    return b;
}

static bool values_agree(const wg__look *l, const double *y, const bounds *b, double *worst) {
    double rel = !l->real ? 0 : (l->single ? b->rel : 1e-12) * (1 + l->most_in);
    for (int64_t k = 0; k < l->n; k++) {
        double gap = fabs(y[k] - l->want[k]);
        *worst = fmax(*worst, gap);
        if (!(gap <= rel * (b->value_floor + fabs(l->want[k])))) return false;
    }
    return true;
}

static bool slopes_agree(const wg__look *l, const double *dy, const bounds *b, double *worst) {
    double more = l->single ? 1 + l->most_in : 1;
    for (int64_t k = 0; k < l->n; k++) {
        double gap = fabs((dy ? dy[k] : 0) - l->slope[k]);
        *worst = fmax(*worst, gap);
        if (!(gap <= b->rel * (more * fabs(l->slope[k]) + b->slope_floor))) return false;
    }
    return true;
}

/* ---- a second look --------------------------------------------------------------------------- */

// The step's operation alone, at these values, as a trial.
typedef struct second {
    wg__trial t;
    wg__sample sample;
    wg_check_report report;
    wg__tally tally;
    wg__run plain;
    const wg__look *l;
    bounds b;
} second;

static bool second_make(second *d, const wg__look *l) {
    wg_random r = { .seed = l->a->p->seed, .stream = 1921 };
    *d = (second){ .l = l, .b = bounds_of(l) };
    wg__trial *t = &d->t;
    *t = (wg__trial){ .op = l->s->op, .sample = &d->sample, .report = &d->report };
    t->tally = &d->tally, t->ladder = true, t->input = -1, t->computed = true, t->user = d;
    t->dtype = l->single ? WG_F32 : WG_F64, t->seed = l->a->p->seed;
    d->sample.inputs = l->s->inputs, d->sample.attr = l->s->attr;
    while (d->sample.inputs > 0 && !l->in[d->sample.inputs - 1]) d->sample.inputs--;
    for (int i = 0; i < d->sample.inputs; i++) {
        int from = l->s->in[i];
        if (from < 0) return false;
        wg_dtype dtype = wg_dtype_of(l->in[i]);
        bool real = wg_dtype_is_float(dtype) && dtype == t->dtype;
        d->sample.in[i] = (wg__slot){ .shape = wg_shape_of(l->in[i]), .dtype = dtype };
        d->sample.in[i].kind = real ? WG__FLOAT : WG__INTEGER;
        t->value[i] = l->a->y[from];
    }
    if (!wg__draw_directions(t, &r) || !wg__try(t, &d->plain, &r)) return false;
    for (int i = 0; i < d->sample.inputs; i++)
        if (wg__bit(t->floats, i)) t->u[i] = l->a->dy[l->s->in[i]];
    return true;
}

// What the program had; or, looking again, the operation alone.
static bool take_numbers(wg__trial *t, const double **y, const double **dy) {
    const second *d = t->user;
    wg__run r;
    *y = d->l->a->y[d->l->reg], *dy = d->l->a->dy[d->l->reg];
    if (!t->watch || !t->watch->again) return true;
    if (!wg__run_usual(t, &r) || !(*y = wg__numbers(r.y))) return false;
    *dy = r.leaves && wg_is_tracked(r.y) ? wg__numbers(wg__run_jvp(t, &r, t->u)) : NULL;
    return !wg_error();
}

static void hold_value(wg__trial *t) {
    const second *d = t->user;
    const double *y, *dy;
    const double complex *z = wg__reference(t, &(wg__point){ .value = t->value });
    double rel = !d->l->real ? 0 : (d->l->single ? d->b.rel : 1e-12) * (1 + d->l->most_in);
    t->shape = &t->y_shape;
    if (!z || !take_numbers(t, &y, &dy)) return;
    for (int64_t k = 0; k < d->l->n; k++) {
        double want = creal(z[k]);
        wg__hold(t, k, y[k], want, rel * (d->b.value_floor + fabs(want)));
    }
}

static void hold_slope(wg__trial *t) {
    const second *d = t->user;
    const double *y, *dy;
    const double *want = wg__complex_step(t, &(wg__point){ .value = t->value, .step = t->u });
    double more = d->l->single ? 1 + d->l->most_in : 1;
    t->shape = &t->y_shape;
    if (!want || !take_numbers(t, &y, &dy)) return;
    for (int64_t k = 0; k < d->l->n; k++)
        wg__hold(t, k, dy ? dy[k] : 0, want[k],
                 d->b.rel * (more * fabs(want[k]) + d->b.slope_floor));
}

static void look_again(const wg__look *l, const char *name, wg__oracle *check) {
    second *d = (second *)(void *)wg__scratch((int64_t)(sizeof *d / sizeof(double)) + 1);
    bool made = d && second_make(d, l);
    char error[300];
    snprintf(error, sizeof error, "%s", wg_error() ? wg_error_message() : "not a trial");
    wg_error_clear();
    if (!made)
        wg__fuzz_fail(l->a->p, name, "step %d, %s: wrong here, and alone it fails: %s",
                      l->reg - l->a->p->leaves, l->s->op->name, error);
    wg__consult(&d->t, name, check);
    if (d->report.failures == 0) return;
    if (check == hold_slope ? !wg__look_is_regular(l) : !wg__look_is_continuous(l)) return;
    wg__fuzz_fail(l->a->p, name, "step %d: %s", l->reg - l->a->p->leaves, d->report.text);
}

/* ---- whole numbers --------------------------------------------------------------------------- */

static bool is_whole(const double *x, int64_t n) {
    for (int64_t k = 0; x && k < n; k++)
        if (!(fabs(x[k]) < 0x1p24 && floor(x[k]) == x[k])) return false;
    return true;
}

/* At x + i u, all of it whole, the processor tells whether the reference rounds anything
   (value.c). */
static bool reference_rounds(const wg__look *l) {
    const double complex *z[WG__VM_OPERANDS];
    double complex *out = (double complex *)(void *)wg__scratch(2 * l->n);
    for (int i = 0; i < l->s->inputs; i++) {
        const double *x = l->in[i] ? l->a->y[l->s->in[i]] : NULL;
        const double *u = l->in[i] ? l->a->dy[l->s->in[i]] : NULL;
        int64_t n = l->in[i] ? wg_numel(l->in[i]) : 0;
        double complex *at = (double complex *)(void *)wg__scratch(2 * n);
        if (!at) return true;
        for (int64_t k = 0; k < n; k++) at[k] = x[k] + I * (u ? u[k] : 0);
        z[i] = at;
    }
    feclearexcept(FE_INEXACT);
    return !out || !wg__look_reference(l, z, out) || fetestexcept(FE_INEXACT);
}

static bool must_be_exact(const wg__look *l) {
    if (l->a->p->mode != WG__WHOLE || l->single || !l->real) return false;
    if (!is_whole(l->want, l->n) || !is_whole(l->slope, l->n)) return false;
    for (int i = 0; i < l->s->inputs; i++) {
        int from = l->s->in[i];
        if (from < 0) continue;
        int64_t n = wg_numel(l->in[i]);
        if (!is_whole(l->a->y[from], n) || !is_whole(l->a->dy[from], n)) return false;
    }
    return wg__op_is_exact(l->s->op) && !reference_rounds(l);
}

static void hold_bits(const wg__look *l, const double *got, const double *want, const char *what) {
    for (int64_t k = 0; k < l->n; k++)
        if (got && got[k] != want[k])
            wg__fuzz_fail(l->a->p, "O3 whole numbers", "step %d, %s: %s %lld is %.17g, not %.17g",
                          l->reg - l->a->p->leaves, l->s->op->name, what, (long long)k, got[k],
                          want[k]);
}

/* ---- the oracle ------------------------------------------------------------------------------ */

static bool stands_still(const double *dy, int64_t n) {
    for (int64_t k = 0; dy && k < n; k++)
        if (dy[k] != 0) return false;
    return true;
}

// A derivative of zero by declaration, or cut off on purpose.
static bool is_constant(const wg__look *l) {
    unsigned none = WG_OP_ZERO_GRADIENT | WG_OP_NO_GRADIENT;
    return l->s->op->flags & none || l->s->flags & (WG__VM_STOP | WG__VM_UNRECORDED) || !l->real;
}

static void check_step(const wg__pass *a, int k) {
    wg__look l;
    double worst = 0;
    if (!wg__look_at(&l, a, k) || !take_reference(&l)) return;
    bounds b = bounds_of(&l);
    const double *y = a->y[l.reg], *dy = a->dy[l.reg];
    const char *value = l.single ? "O12 value in f32" : "O2 value against reference";
    const char *slope = l.single ? "O12 forward mode in f32" : "O2 forward mode against reference";
    if (!values_agree(&l, y, &b, &worst)) look_again(&l, value, hold_value);
    if (is_constant(&l) && !stands_still(dy, l.n))
        wg__fuzz_fail(a->p, slope, "step %d, %s: a constant moves", k, l.s->op->name);
    if (!is_constant(&l) && !slopes_agree(&l, dy, &b, &worst)) look_again(&l, slope, hold_slope);
    if (worst == 0 || !must_be_exact(&l)) return;
    hold_bits(&l, y, l.want, "element");
    if (!is_constant(&l)) hold_bits(&l, dy, l.slope, "the tangent of element");
}

bool wg__program_is_regular(const wg__vm_program *p) {
    bool regular = pass_make(&now, p);
    for (int k = 0; regular && k < p->steps; k++) regular = wg__step_is_regular(&now, k);
    wg_error_clear();
    return regular;
}

void wg__oracle_steps(const wg__vm_program *p) {
    bool made = pass_make(&now, p);
    wg_error_clear();
    for (int k = 0; made && k < p->steps; k++) {
        check_step(&now, k);
        wg_error_clear();
    }
}
