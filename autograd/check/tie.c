// SPDX-License-Identifier: MIT
/* tie.c: kinks. One-sided differences of the value tell where the derivative from the left and from
   the right differ; there the rules must give what the record's tie rule says, and everywhere else
   the one derivative there is. A central difference cannot do this: at a kink it agrees with the
   mean.

   Looked at are the samples that list their values, and for every sample one more set of numbers,
   0, 1 and the operation's own parameters, each in several places: where formulas meet their ends
   and equals. */
#include <inttypes.h>

#include "autograd/check/check_impl.h"

enum { FEW = 24 };  // elements of the inputs together, and of the result

typedef struct place {
    wg__trial *t;
    double *value[WG_MAX_INPUTS];
    int64_t n, m;          // elements of float inputs, of the result
    double **at;           // all float elements, in one row
    const double *y;       // (m)
    double *slope;         // (m, n) by the rules
    double *left, *right;  // (m, n) by differences
} place;

/* ---- numbers --------------------------------------------------------------------------------- */

// 0, then real attributes, then 1, in turn.
static double special(const wg__trial *t, int64_t k) {
    int count = 0;
    const wg_attr *a = t->op->attrs;
    for (int i = 0; a && a[i].name; i++) count += a[i].type == WG_ATTR_REAL;
    int64_t turn = k % (count + 2);
    if (turn == 0) return 0;
    for (; turn <= count; a++)
        if (a->type == WG_ATTR_REAL && --turn == 0)
            return *(const double *)(const void *)((const char *)t->sample->attr + a->offset);
    return 1;
}

static bool copy_values(place *p, bool specials) {
    wg__trial *t = p->t;
    double **at = p->at;
    for (int i = 0; i < t->sample->inputs; i++) {
        p->value[i] = wg__scratch(wg__size(t, i));
        if (!p->value[i]) return false;
        bool real = wg__bit(t->floats, i);
        for (int64_t k = 0; k < wg__size(t, i); k++) {
            p->value[i][k] = real && specials ? special(t, k + i) : t->value[i][k];
            if (real) *at++ = &p->value[i][k];
        }
    }
    return true;
}

static const double *value_at(const place *p) {
    wg__run r;
    wg__setting s = { .dtype = WG_F64, .value = p->value };
    return wg__run_make(p->t, &s, &r) ? wg__numbers(r.y) : NULL;
}

// Row o of the Jacobian, for each o, by reverse mode.
static bool jacobian(place *p) {
    wg__run r;
    wg_tensor *gx[WG_MAX_INPUTS];
    wg__setting s = { .dtype = WG_F64, .tracked = p->t->floats, .value = p->value };
    double *unit = wg__scratch(p->m);
    if (!unit || !wg__run_make(p->t, &s, &r)) return false;
    for (int64_t o = 0; o < p->m; o++) {
        unit[o] = 1;
        if (!wg__run_grad(&r, wg__seed_of(p->t, &r, unit), false, gx)) return false;
        unit[o] = 0;
        double *row = p->slope + o * p->n;
        for (int k = 0; k < r.leaves; k++) {
            if (!wg_read_f64(gx[k], row, wg_numel(gx[k]))) return false;
            row += wg_numel(gx[k]);
        }
    }
    return true;
}

/* ---- one-sided derivatives ------------------------------------------------------------------- */

static const double SMALL = 1.0 / 4096;

/* 2 D(e/2) - D(e), for D the difference quotient with a step e of either sign: of second order, so
   right to 1e-7 or so. NaN where the two disagree, as at a pole or a jump, or where the value
   ends. */
static double settle(double y, double far, double near, double e) {
    double wide = (far - y) / e, narrow = (near - y) / (e / 2);
    double slope = 2 * narrow - wide;
    return fabs(narrow - wide) <= 1e-2 * (1 + fabs(slope)) ? slope : NAN;
}

// Moves the elements in `set` (or only `one`, where that is NULL) by e.
static bool side(place *p, const bool *set, int64_t one, double e, double *slope) {
    const double *y[2];
    double *before = wg__scratch(p->n);
    if (!before) return false;
    for (int64_t j = 0; j < p->n; j++) before[j] = *p->at[j];
    for (int half = 0; half < 2; half++) {
        for (int64_t j = 0; j < p->n; j++)
            if (set ? set[j] : j == one) *p->at[j] = before[j] + (half ? e / 2 : e);
        y[half] = value_at(p);
        for (int64_t j = 0; j < p->n; j++) *p->at[j] = before[j];
    }
    if (!y[0] || !y[1]) return false;
    for (int64_t o = 0; o < p->m; o++) slope[o] = settle(p->y[o], y[0][o], y[1][o], e);
    return true;
}

static bool measure(place *p) {
    double *l = wg__scratch(p->m), *r = wg__scratch(p->m);
    if (!l || !r) return false;
    for (int64_t j = 0; j < p->n; j++) {
        if (!side(p, NULL, j, -SMALL, l) || !side(p, NULL, j, SMALL, r)) return false;
        for (int64_t o = 0; o < p->m; o++)
            p->left[o * p->n + j] = l[o], p->right[o * p->n + j] = r[o];
    }
    return true;
}

/* ---- verdicts -------------------------------------------------------------------------------- */

// Differences are good to 1e-6; kinks worth the name are steps of 1e-2 and more.
static const double CLOSE = 1e-4;

static bool is_kink(const place *p, int64_t k) {
    double step = fabs(p->left[k] - p->right[k]);
    return step > 10 * CLOSE * (1 + fabs(p->left[k]));
}

static double chosen(wg_tie tie, double left, double right) {
    switch (tie) {
    case WG_TIE_ZERO: return 0;
    case WG_TIE_LEFT: return left;
    case WG_TIE_RIGHT: return right;
    case WG_TIE_INSIDE: return fabs(left) > fabs(right) ? left : right;  // outside it is constant
    case WG_TIE_NONE:
    case WG_TIE_EVEN:
    case WG_TIE_ONE: break;
    }
    return NAN;  // NONE: there should be no kink
}

// Whether kinks are those of several equals, which are judged together.
static bool is_shared(wg_tie tie) { return tie == WG_TIE_EVEN || tie == WG_TIE_ONE; }

static const char *const tie_words[] = {
    [WG_TIE_NONE] = "none",
    [WG_TIE_ZERO] = "zero",
    [WG_TIE_LEFT] = "the derivative from the left",
    [WG_TIE_RIGHT] = "the derivative from the right",
    [WG_TIE_INSIDE] = "that of the inner piece",
    [WG_TIE_EVEN] = "an even share",
    [WG_TIE_ONE] = "all or nothing",
};

// The slope of element j of the inputs, where .tie is what chooses it.
static void hold_tie(wg__trial *t, int64_t j, double slope, double want, double bound) {
    char what[200];
    snprintf(what, sizeof what, "slope %.4g at a kink, element %" PRId64 ", .tie says %.4g: %s",
             slope, j, want, tie_words[t->op->tie]);
    wg__hold_that(t, fabs(slope - want) <= bound, what);
}

/* Elements whose increase and decrease act differently on result o are the equals. What moving all
   of them together does is shared evenly by them, or is one's alone. */
static void hold_shares(place *p, int64_t o) {
    bool tied[FEW] = { false }, even = p->t->op->tie == WG_TIE_EVEN;
    double together[FEW], sum = 0;
    const double *slope = p->slope + o * p->n;
    int count = 0;
    for (int64_t j = 0; j < p->n; j++) {
        tied[j] = is_kink(p, o * p->n + j);
        if (tied[j]) sum += slope[j], count++;
    }
    if (count == 0 || !side(p, tied, -1, SMALL, together)) return;
    wg__hold(p->t, o, sum, together[o], CLOSE * (1 + fabs(together[o])));
    for (int64_t j = 0; j < p->n; j++) {
        if (!tied[j]) continue;
        double want = even ? sum / count : slope[j] == 0 ? 0 : sum;
        hold_tie(p->t, j, slope[j], want, 1e-9);
    }
}

static void judge(place *p) {
    wg__trial *t = p->t;
    for (int64_t k = 0; k < p->m * p->n; k++) {
        double left = p->left[k], right = p->right[k];
        if (!isfinite(left) || !isfinite(right)) continue;
        bool kink = is_kink(p, k);
        t->tally->kinks += kink;
        if (kink && is_shared(t->op->tie)) continue;
        if (kink && t->op->tie == WG_TIE_NONE) {
            char what[120];
            snprintf(what, sizeof what, "a kink, slope %.4g left of it and %.4g right: set .tie",
                     left, right);
            wg__hold_that(t, false, what);
            continue;
        }
        double want = kink ? chosen(t->op->tie, left, right) : left;
        double bound = CLOSE * (1 + fabs(left));
        if (kink)
            hold_tie(t, k % p->n, p->slope[k], want, bound);
        else
            wg__hold(t, k % p->n, p->slope[k], want, bound);
    }
    for (int64_t o = 0; o < p->m && is_shared(t->op->tie) && !wg_error(); o++) hold_shares(p, o);
}

static void check_place(wg__trial *t, int64_t n, bool specials) {
    double *at[FEW];
    place p = { .t = t, .n = n, .m = wg__numel(&t->y_shape), .at = at };
    p.slope = wg__scratch(p.n * p.m);
    p.left = wg__scratch(p.n * p.m);
    p.right = wg__scratch(p.n * p.m);
    if (!p.right || !copy_values(&p, specials)) return;
    p.y = value_at(&p);
    if (p.y && jacobian(&p) && measure(&p)) judge(&p);
    if (!p.y && specials) wg_error_clear();  // it may refuse numbers that no sample promised
}

void wg__check_ties(wg__trial *t) {
    int64_t n = 0;
    for (int i = 0; i < t->sample->inputs; i++)
        if (wg__bit(t->floats, i)) n += wg__size(t, i);
    if (n > FEW || wg__numel(&t->y_shape) > FEW || t->y_dtype != WG_F64) return;
    check_place(t, n, !t->sample->exact);
}
