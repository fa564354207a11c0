// SPDX-License-Identifier: MIT
/* regular.c: where a step's reference can be trusted to tell a derivative. Complex steps of two
   sizes and a central difference agree where there is one, and not at kinks, poles and the ends of
   domains. And where it jumps, what values it may have. */
#include <string.h>

#include "fuzz/oracle/steps.h"

bool wg__look_reference(const wg__look *l, const double complex *const z[], double complex *out) {
    wg_zview in[WG__VM_OPERANDS], y = { out, wg_shape_of(l->a->r.reg[l->reg]) };
    for (int i = 0; i < l->s->inputs; i++) {
        in[i] = (wg_zview){ NULL, WG_SCALAR };
        if (!l->in[i]) continue;
        size_t bytes = (size_t)wg_numel(l->in[i]) * sizeof *out;
        // A copy, for references that work in place.
        in[i].data = (double complex *)(void *)wg__scratch((int64_t)(bytes / sizeof(double)));
        in[i].shape = wg_shape_of(l->in[i]);
        if (!in[i].data) return false;
        memcpy(in[i].data, z[i], bytes);
    }
    wg_call call = { l->s->op, l->s->inputs, l->in, NULL, l->s->attr };
    return l->s->op->reference(&call, in, &y);
}

/* ---- what an operation promises ------------------------------------------------------------- */

static int sign_of(double x) { return isnan(x) ? 2 : (x > 0) - (x < 0); }

static bool sample_has(const wg_op *op, const char *text, size_t offset, int sign) {
    wg__sample s;
    if (!wg__sample_parse(op, text, &s)) return false;
    return sign_of(*(const double *)(const void *)((const char *)s.attr + offset)) == sign;
}

/* Attributes have no declared range: a divisor of 0 or a negative width is what no sample has the
   like of, and no promise. */
bool wg__step_is_usual(const wg__vm_step *s) {
    for (const wg_attr *a = s->op->attrs; a && a->name; a++) {
        if (a->type != WG_ATTR_REAL) continue;
        const void *field = (const char *)s->attr + a->offset;
        int sign = sign_of(*(const double *)field);
        bool seen = false;
        for (int i = 0; i < WG_MAX_SAMPLES && s->op->samples[i] && !seen; i++)
            seen = sample_has(s->op, s->op->samples[i], a->offset, sign);
        if (!seen) return false;
    }
    return true;
}

/* ---- where there is a derivative ------------------------------------------------------------- */

// The reference at the step's inputs moved by h d, which is real or imaginary.
static double complex *reference_by(const wg__look *l, double *const d[], double complex h) {
    const double complex *z[WG__VM_OPERANDS];
    double complex *out = (double complex *)(void *)wg__scratch(2 * l->n);
    for (int i = 0; i < l->s->inputs; i++) {
        int64_t n = l->in[i] ? wg_numel(l->in[i]) : 0;
        double complex *at = (double complex *)(void *)wg__scratch(2 * n);
        if (!at) return NULL;
        for (int64_t k = 0; k < n; k++) at[k] = l->a->y[l->s->in[i]][k] + (d[i] ? h * d[i][k] : 0);
        z[i] = at;
    }
    return out && wg__look_reference(l, z, out) ? out : NULL;
}

/* The slopes along directions d by a complex step of h. At a pole, at the end of a domain and where
   something underflows on the way, they depend on h. */
static double *slopes_by(const wg__look *l, double *const d[], double h) {
    const double complex *out = reference_by(l, d, I * h);
    double *slope = wg__scratch(l->n);
    for (int64_t k = 0; out && slope && k < l->n; k++) slope[k] = cimag(out[k]) / h;
    return out ? slope : NULL;
}
// The value a real step along d away; NULL where it is no real number.
static double *values_by(const wg__look *l, double *const d[], double h) {
    double complex *out = reference_by(l, d, h);
    double *value = wg__scratch(l->n);
    for (int64_t k = 0; out && value && k < l->n; k++) {
        value[k] = creal(out[k]);
        if (!(fabs(cimag(out[k])) <= 1e-12 * (1 + fabs(value[k])))) return NULL;
    }
    return out ? value : NULL;
}

/* Nor a kink: there the complex step takes one side, and a central difference the mean. 1e-3 is far
   above the error of the difference, and below what tells one side of a kink from another. */
static bool is_smooth(const wg__look *l, double *const d[], double most, const double *slope) {
    double h = 0x1p-20 / (1 + most);
    const double *a = values_by(l, d, -h), *b = values_by(l, d, h);
    for (int64_t k = 0; a && b && k < l->n; k++) {
        double rounding = 1e-9 * (1 + most) * (1 + fabs(a[k]));
        double gap = fabs((b[k] - a[k]) / (2 * h) - slope[k]);
        if (!(gap <= 1e-3 * fabs(slope[k]) + rounding)) return false;
    }
    return a && b;
}

/* Derivatives there are where they do not depend on the step. */
static bool is_regular(const wg__look *l, double *const d[], double most) {
    const double *a = slopes_by(l, d, WG__STEP), *b = slopes_by(l, d, 0x1p-200);
    for (int64_t k = 0; a && b && k < l->n; k++)
        if (!(fabs(a[k] - b[k]) <= 1e-6 * fabs(b[k]))) return false;
    return a && b && wg__most_of(b, l->n) < WG__TOO_LARGE * (1 + most) &&
           is_smooth(l, d, most, b) && wg__step_is_usual(l->s);
}

// Directions in which everything moves.
static void draw_all(const wg__look *l, uint64_t which, double *d[]) {
    wg__trial t = { .mode = WG__GENERAL };
    wg_random r = { .seed = l->a->p->seed, .stream = 1789 + which };
    for (int i = 0; i < l->s->inputs; i++) {
        bool real = l->in[i] && wg_dtype_is_float(wg_dtype_of(l->in[i]));
        d[i] = real ? wg__draw_direction(&t, wg_numel(l->in[i]), &r) : NULL;
    }
}

/* Both along the tangents and where everything moves: whole tangents may happen to meet the mean of
   a kink's sides, and tiny ones tell nothing. */
bool wg__look_is_regular(const wg__look *l) {
    double *d[WG__VM_OPERANDS], *all[WG__VM_OPERANDS];
    for (int i = 0; i < l->s->inputs; i++) d[i] = l->in[i] ? l->a->dy[l->s->in[i]] : NULL;
    draw_all(l, 0, all);
    return is_regular(l, d, l->moves) && is_regular(l, all, 1.5);
}

bool wg__step_is_regular(const wg__pass *a, int k) {
    double *d[WG__VM_OPERANDS];
    wg__look l;
    unsigned none = WG_OP_ZERO_GRADIENT | WG_OP_NO_GRADIENT;
    if (a->p->step[k].op->flags & none) return true;
    if (!wg__look_at(&l, a, k)) return false;
    if (!l.s->op->reference) return !l.real || (wg__step_is_usual(l.s) && !wg__look_has_kink(&l));
    draw_all(&l, 0, d);
    return !l.real || is_regular(&l, d, 1.5);
}

/* ---- jumps ----------------------------------------------------------------------------------- */

enum { SIDES = 4 };  // of two directions both

typedef struct sides {
    double complex *value[SIDES];  // NULL: the reference gives up
} sides;

static void take_sides(const wg__look *l, sides *s) {
    double h = 0x1p-20 / (1 + l->most_in), *d[WG__VM_OPERANDS];
    for (int i = 0; i < SIDES; i++) {
        if (i % 2 == 0) draw_all(l, (uint64_t)i, d);
        s->value[i] = reference_by(l, d, i % 2 ? -h : h);
    }
}

// 1e-3 is more than what a step so short changes where there is no jump, but for the steepest.
static bool is_near(double a, double b) { return fabs(a - b) <= 1e-3 * (1 + fabs(b)); }

static bool is_on_side(const double complex *value, int64_t k, double y) {
    if (!value) return false;
    double v = creal(value[k]);
    return fabs(cimag(value[k])) <= 1e-12 * (1 + fabs(v)) && is_near(y, v);
}

/* Rounding may choose a side, so the value may be that of any. Of an elementwise operation of one
   input there are two. Around a point as around that of atan2 there are as many as directions, and
   of elements in competition, as in a sort, as many as orders: there a jump excuses all. So it does
   in f32, which rounds by more than the distance to the sides. */
static bool has_two_sides(const wg__look *l) {
    return l->s->op->map && l->s->inputs == 1 && !l->single;
}

static bool is_jump(const wg__look *l, const sides *s, int64_t k, double y) {
    bool jumps = false, seen = is_near(y, l->want[k]) || !has_two_sides(l);
    for (int i = 0; i < SIDES; i++) {
        jumps = jumps || !is_on_side(s->value[i], k, l->want[k]);
        seen = seen || is_on_side(s->value[i], k, y);
    }
    return jumps && seen;
}

bool wg__look_is_at_a_jump(const wg__look *l, const double *bound) {
    const double *y = l->a->y[l->reg];
    sides s;
    if (!wg__step_is_usual(l->s)) return true;
    take_sides(l, &s);
    for (int64_t k = 0; k < l->n; k++)
        if (!(fabs(y[k] - l->want[k]) <= bound[k]) && !is_jump(l, &s, k, y[k])) return false;
    return true;
}
