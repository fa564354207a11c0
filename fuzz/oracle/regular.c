// SPDX-License-Identifier: MIT
/* regular.c: where a step's reference can be trusted to tell a derivative. Complex steps of two
   sizes and a central difference agree where there is one, and not at kinks, poles and the ends of
   domains. */
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
static bool is_usual(const wg__vm_step *s) {
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

// Nor is there a jump.
static bool is_continuous(const wg__look *l, double *const d[], double most) {
    double h = 0x1p-20 / (1 + most);
    const double *a = values_by(l, d, -h), *b = values_by(l, d, h);
    for (int64_t k = 0; a && b && k < l->n; k++)
        if (!(fabs(a[k] - b[k]) <= 1e-3 * (1 + fabs(a[k])))) return false;
    return a && b;
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
           is_smooth(l, d, most, b) && is_usual(l->s);
}

// Directions in which everything moves.
static void draw_all(const wg__look *l, double *d[]) {
    wg__trial t = { .mode = WG__GENERAL };
    wg_random r = { .seed = l->a->p->seed, .stream = 1789 };
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
    draw_all(l, all);
    return is_regular(l, d, l->moves) && is_regular(l, all, 1.5);
}

bool wg__look_is_continuous(const wg__look *l) {
    double *d[WG__VM_OPERANDS];
    draw_all(l, d);
    return is_usual(l->s) && is_continuous(l, d, l->most_in);
}

bool wg__step_is_regular(const wg__pass *a, int k) {
    double *d[WG__VM_OPERANDS];
    wg__look l;
    unsigned none = WG_OP_ZERO_GRADIENT | WG_OP_NO_GRADIENT;
    if (a->p->step[k].op->flags & none) return true;
    if (!wg__look_at(&l, a, k)) return false;
    draw_all(&l, d);
    return !l.real || is_regular(&l, d, 1.5);
}
