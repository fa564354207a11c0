// SPDX-License-Identifier: MIT
/* first.c: first derivatives. Forward mode is held against the complex step of the reference,
   reverse mode against forward mode by <w, J u> = <J'w, u> for random signed u and w: an identity
   without any step size, which almost no wrong entry of J' survives.

   Bounds are 1e-9 of S, the size of the terms plus 1e-3 (1 + |tangents|) (1 + |adjoints|): the
   rules' own rounding is a few 1e-16 of that, and the smallest error worth finding, an f32 in an
   f64 path, 6e-8. */
#include "autograd/check/check_impl.h"

// The directions of the inputs in `moving`, NULL for all others.
static void pick(const wg__trial *t, double *const from[], uint64_t moving, double *to[]) {
    for (int i = 0; i < t->sample->inputs; i++)
        to[i] = wg__bit(moving & t->floats, i) ? from[i] : NULL;
}

/* ---- forward mode ---------------------------------------------------------------------------- */

static void tangent_by_reference(wg__trial *t, const double *dy, double *const u[]) {
    int64_t n = wg__numel(&t->y_shape);
    const double *want = wg__complex_step(t, &(wg__point){ .value = t->value, .step = u });
    if (!want) return;
    // In elementwise operations no element's rounding can come from another.
    double largest = t->op->map ? 0 : wg__most(want, n);
    t->shape = &t->y_shape;
    wg__note_whole(t, WG__SLOPES, want, n);
    t->strict = wg__is_exact(t, WG__SLOPES);
    wg__hold_all(t, dy, want, n, t->rel, wg__floor(t, largest));
}

// <w, f(x + s u)>
double wg__along_line(void *user, double s, double *size) {
    const wg__line *l = user;
    const wg__trial *t = l->t;
    wg_scope *scope = wg_scope_open();
    double *value[WG_MAX_INPUTS], result = NAN;
    wg__run r;
    bool ok = scope && wg__move(t, l->u, s, value) &&
              wg__run_make(t, &(wg__setting){ .dtype = t->dtype, .value = value }, &r);
    const double *y = ok ? wg__numbers(r.y) : NULL;
    if (y) result = wg__dot(t->w, y, wg_numel(r.y)), *size = wg__dot_abs(t->w, y, wg_numel(r.y));
    wg_scope_close(scope);
    return result;
}

// Without a reference: differences of the value itself.
static void tangent_by_difference(wg__trial *t, const wg__run *r, const double *dy,
                                  double *const u[]) {
    int64_t n = wg__numel(&t->y_shape);
    double scale = wg__dot_abs(t->w, dy, n) + 1e-3 * (1 + wg__most(dy, n));
    scale += wg__tape_floor(t, r, u);
    wg__hold_slope(t, wg__dot(t->w, dy, n), wg__along_line, &(wg__line){ t, u }, t->rel * scale);
}

static void check_tangent(wg__trial *t, uint64_t tracked, uint64_t moving) {
    double *u[WG_MAX_INPUTS];
    wg__run r;
    pick(t, t->u, moving, u);
    wg__setting s = { .dtype = t->dtype, .layout = t->layout, .tracked = tracked };
    if (!wg__run_make(t, &s, &r)) return;
    const double *dy = wg__numbers(wg__run_jvp(t, &r, u));
    if (dy && t->op->reference) tangent_by_reference(t, dy, u);
    if (dy && !t->op->reference) tangent_by_difference(t, &r, dy, u);
}

// All at once; each alone, the others constant; each standing still, the others moving.
void wg__check_jvp(wg__trial *t) {
    check_tangent(t, t->floats, t->moving);
    if (t->mode) return;
    if ((t->floats & (t->floats - 1)) == 0) return;
    for (int i = 0; i < t->sample->inputs && !wg_error(); i++) {
        uint64_t one = 1ull << i;
        if (!(t->floats & one)) continue;
        check_tangent(t, one, one);
        if (t->always) continue;
        check_tangent(t, t->floats, one);
        check_tangent(t, t->floats, t->floats & ~one);
    }
}

/* ---- reverse mode ---------------------------------------------------------------------------- */

enum { FEW = 24 };  // elements: the reference is evaluated once for each

// w' df/dx_k for one element of input i.
static double slope_of_element(const wg__trial *t, int i, int64_t k, double *unit) {
    double *step[WG_MAX_INPUTS] = { 0 };
    step[i] = unit;
    unit[k] = 1;
    const double *column = wg__complex_step(t, &(wg__point){ .value = t->value, .step = step });
    unit[k] = 0;
    return column ? wg__dot(column, t->w, wg__numel(&t->y_shape)) : NAN;
}

// The first element of input i's gradient that is wrong, where there is a reference to tell: held,
// so that the failure names it. False if there is none.
static bool hold_element(wg__trial *t, int i, bool constant) {
    wg__run r;
    wg_tensor *gx[WG_MAX_INPUTS];
    int64_t n = wg__size(t, i);
    wg__setting s = { .dtype = t->dtype, .layout = t->layout, .tracked = 1ull << i };
    if (!t->op->reference || n > FEW || t->always || t->sample->exact) return false;
    if (!wg__run_make(t, &s, &r)) return false;
    if (!wg__run_grad(&r, wg__seed_of(t, &r, t->w), constant, gx)) return false;
    const double *g = wg__numbers(gx[0]);
    double *unit = wg__scratch(n), floor = wg__floor(t, g ? wg__most(g, n) : 0);
    for (int64_t k = 0; g && unit && k < n; k++) {
        double want = slope_of_element(t, i, k, unit), bound = t->rel * (fabs(want) + floor);
        if (!(fabs(g[k] - want) <= bound)) return wg__hold(t, k, g[k], want, bound), true;
    }
    return false;
}

typedef struct pairing {
    double value, size, most;  // sum of products, of their absolute values; largest factor
} pairing;

static void pair(pairing *p, const double *a, const double *b, int64_t n) {
    p->value += wg__dot(a, b, n);
    p->size += wg__dot_abs(a, b, n);
    p->most = fmax(p->most, wg__most(a, n));
}

typedef struct identity {
    double forward, reverse, bound;
} identity;

// <w, J u> and <J'w, u> with these inputs tracked, all moving; false where they mean nothing.
static bool measure(wg__trial *t, uint64_t tracked, bool constant, identity *p) {
    wg__run r;
    wg_tensor *gx[WG_MAX_INPUTS];
    wg__setting s = { .dtype = t->dtype, .layout = t->layout, .tracked = tracked };
    if (!wg__run_make(t, &s, &r)) return false;
    const double *dy = wg__numbers(wg__run_jvp(t, &r, t->u));
    if (!dy || !wg__run_grad(&r, wg__seed_of(t, &r, t->w), constant, gx)) return false;
    pairing left = { 0 }, right = { 0 };
    pair(&left, dy, t->w, wg_numel(r.y));
    for (int k = 0; k < r.leaves; k++) {
        const double *g = wg__numbers(gx[k]);
        if (!g) return false;
        pair(&right, g, t->u[r.which[k]], wg_numel(gx[k]));
    }
    bool finite = isfinite(left.value + right.value);
    if (t->sample->exact && !finite) return false;  // a pole; see tie.c
    double scale = left.size + right.size + 1e-3 * (1 + left.most) * (1 + right.most);
    // The tape is gone over only where it decides something.
    bool near = fabs(left.value - right.value) <= t->rel * scale;
    double floor = near ? 0 : wg__tape_floor(t, &r, t->u);
    if (finite && !(floor < WG__TOO_LARGE)) return t->report->inconclusive++, false;
    scale += floor;
    t->strict = wg__is_exact(t, WG__SLOPES) && left.size + right.size < 0x1p24;
    *p = (identity){ left.value, right.value, t->rel * scale };
    return true;
}

static bool fails(const wg__trial *t, const identity *p) {
    double gap = fabs(p->reverse - p->forward);
    return !(gap <= (t->strict ? 0 : p->bound));
}

static bool is_one(uint64_t set) { return set && (set & (set - 1)) == 0; }
static int lowest(uint64_t set) { return set ? __builtin_ctzll(set) : -1; }

// The first of these inputs whose gradient is wrong by itself, for the message; -1 for none.
static int culprit(wg__trial *t, uint64_t tracked, bool constant) {
    if (is_one(tracked)) return lowest(tracked);
    if (t->always) return -1;
    bool strict = t->strict;
    int guilty = -1;
    for (uint64_t rest = tracked; rest && guilty < 0 && !wg_error(); rest &= rest - 1) {
        identity alone;
        uint64_t one = rest & -rest;
        if (measure(t, one, constant, &alone) && fails(t, &alone)) guilty = lowest(one);
    }
    t->strict = strict;
    return guilty;
}

static void check_pairing(wg__trial *t, uint64_t tracked, bool constant) {
    identity p;
    if (!measure(t, tracked, constant, &p)) return;
    int guilty = fails(t, &p) ? culprit(t, tracked, constant) : -1;
    if (guilty >= 0) wg__about_input(t, guilty);
    if (guilty < 0 || t->ladder || !hold_element(t, guilty, constant))
        wg__hold(t, -1, p.reverse, p.forward, p.bound);
    t->shape = NULL, t->input = -1;
}

// Rules that give all gradients at once choose by what is wanted: each subset, in either way.
static void check_subsets(wg__trial *t) {
    enum { MOST = 6 };  // inputs
    uint64_t first = t->floats & ((1 << MOST) - 1);
    for (uint64_t some = first; some && !wg_error(); some = (some - 1) & first) {
        check_pairing(t, some, false);
        check_pairing(t, some, true);
    }
}

// Each alone before all, so that a failure names its input.
void wg__check_adjoint(wg__trial *t) {
    bool several = !t->mode && !t->always && !is_one(t->floats);
    if (several && t->op->vjp_all) check_subsets(t);
    for (int i = 0; several && i < t->sample->inputs && !wg_error(); i++)
        if (wg__bit(t->floats, i)) check_pairing(t, 1ull << i, false);
    if (!wg_error()) check_pairing(t, t->moving, t->constant);
}

/* ---- reverse mode, element by element -------------------------------------------------------- */

// Says which element is wrong, where the identity above only says that one is.
void wg__check_elements(wg__trial *t) {
    wg__run r;
    wg_tensor *gx[WG_MAX_INPUTS];
    if (!t->op->reference || !wg__run_usual(t, &r)) return;
    if (!wg__run_grad(&r, wg__seed_of(t, &r, t->w), false, gx)) return;
    for (int j = 0; j < r.leaves; j++) {
        int64_t n = wg_numel(gx[j]);
        const double *g = n <= FEW ? wg__numbers(gx[j]) : NULL;
        double *unit = wg__scratch(n);
        double floor = wg__floor(t, g ? wg__most(g, n) : 0);
        wg__about_input(t, r.which[j]);
        for (int64_t k = 0; g && unit && k < n; k++) {
            double want = slope_of_element(t, r.which[j], k, unit);
            wg__hold(t, k, g[k], want, t->rel * (fabs(want) + floor));
        }
    }
}
