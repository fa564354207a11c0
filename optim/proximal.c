// SPDX-License-Identifier: MIT
/* proximal.c: proximal steps. All terms but max_norm are minimised in the metric of the step that
   the rule made for each element, one row at a time; they come apart into maps one after another
   (Yu 2013), of which only the group's wants more than a formula. */
#include <math.h>

#include "optim/optim_impl.h"

/* ---- the steps that patterns ask for --------------------------------------------------------- */

static bool valid(const wg_proximal *p) {
    return wg__optim_check("optim_proximal", "l1", p->l1, INFINITY) &&
           wg__optim_check("optim_proximal", "l2", p->l2, INFINITY) &&
           wg__optim_check("optim_proximal", "group", p->group, INFINITY) &&
           wg__optim_check("optim_proximal", "max_norm", p->max_norm, INFINITY);
}

bool wg_optim_proximal(wg_optim *o, const char *pattern, wg_proximal p) {
    if (wg__pending()) return false;
    wg__where("");
    if (!wg__optim_usable(o, "optim_proximal") ||
        !wg__optim_knows(o, "optim_proximal", "proximal steps") || !valid(&p))
        return false;
    const wg__group none = { .pattern = NULL };
    if (!wg__groups_add(&o->proximal, &o->proximals, 0, &none, pattern, &p, sizeof p)) return false;
    o->matched = false;
    return true;
}

static bool matches(const char *pattern, const char *path, const wg_tensor *w) {
    return pattern ? wg__path_matches(pattern, path) : wg_rank(w) >= 2;
}

static bool is_idle(const wg_proximal *p) {
    return p->l1 == 0 && p->l2 == 0 && p->group == 0 && p->max_norm == 0;
}

int wg__proximal_of(const wg_optim *o, const char *path, const wg_tensor *w) {
    int k = o->proximals - 1;
    while (k >= 0 && !matches(o->proximal[k].pattern, path, w)) k--;
    return k >= 0 && is_idle(o->proximal[k].options) ? -1 : k;
}

/* ---- the maps -------------------------------------------------------------------------------- */

/* Over n elements of w with steps s; `shrink` makes the steps what they are after it. Not less than
   or equal, rather than greater: NaN stays NaN. */
#define ELEMENTS(real)                                                                             \
    static void shrink_##real(int64_t n, real *restrict w, real *restrict s, double l2) {          \
        const real twice = (real)(2 * l2);                                                         \
        for (int64_t k = 0; k < n; k++) {                                                          \
            real divisor = 1 + twice * s[k];                                                       \
            w[k] /= divisor;                                                                       \
            s[k] /= divisor;                                                                       \
        }                                                                                          \
    }                                                                                              \
    static void soft_##real(int64_t n, real *restrict w, const real *restrict s, double l1) {      \
        const real strength = (real)l1;                                                            \
        for (int64_t k = 0; k < n; k++) {                                                          \
            real least = s[k] * strength, size = w[k] < 0 ? -w[k] : w[k];                          \
            real less = w[k] < 0 ? w[k] + least : w[k] - least;                                    \
            w[k] = !(size <= least) ? less : 0;                                                    \
        }                                                                                          \
    }

/* Over one row of n. The row x that minimises sum (x - w)^2 / 2s + c |x| is w t / (t + c s), where
   t = |x| solves sum (w / (t + c s))^2 = 1; x = 0 if that sum is at most 1 at t = 0 already. One
   over the root of the sum is concave in t, so that Newton's method climbs to t from below, and
   with equal steps begins there. */
#define ROWS(real)                                                                                 \
    static double norm_##real(int64_t n, const real *w) {                                          \
        double sum = 0;                                                                            \
        for (int64_t k = 0; k < n; k++) sum += (double)w[k] * (double)w[k];                        \
        return sqrt(sum);                                                                          \
    }                                                                                              \
    static double sum_##real(int64_t n, const real *w, const real *s, const double tc[2],          \
                             double *cubes) {                                                      \
        double sum = *cubes = 0;                                                                   \
        for (int64_t k = 0; k < n; k++) {                                                          \
            if (w[k] == 0) continue;                                                               \
            double d = tc[0] + tc[1] * (double)s[k], x = (double)w[k] / d;                         \
            sum += x * x;                                                                          \
            *cubes += x * x / d;                                                                   \
        }                                                                                          \
        return sum;                                                                                \
    }                                                                                              \
    static double length_##real(int64_t n, const real *w, const real *s, double c) {               \
        double tc[2] = { 0, c }, cubes, most = 0, still = 0;                                       \
        if (sum_##real(n, w, s, tc, &cubes) <= 1) return 0;                                        \
        for (int64_t k = 0; k < n; k++) {                                                          \
            most = fmax(most, (double)s[k]);                                                       \
            if (s[k] == 0) still += (double)w[k] * (double)w[k];                                   \
        }                                                                                          \
        tc[0] = fmax(sqrt(still), norm_##real(n, w) - c * most);                                   \
        for (int i = 0; i < NEWTON; i++) {                                                         \
            double sum = sum_##real(n, w, s, tc, &cubes), by = sum * (sqrt(sum) - 1) / cubes;      \
            tc[0] += by;                                                                           \
            if (!(by > 1e-15 * tc[0])) break;                                                      \
        }                                                                                          \
        return tc[0];                                                                              \
    }                                                                                              \
    static void group_##real(int64_t n, real *w, const real *s, double c) {                        \
        double t = length_##real(n, w, s, c);                                                      \
        for (int64_t k = 0; k < n; k++)                                                            \
            if (w[k] != 0)                                                                         \
                w[k] = t == 0 ? 0 : (real)((double)w[k] * (t / (t + c * (double)s[k])));           \
    }                                                                                              \
    static void cut_##real(int64_t n, real *w, double most) {                                      \
        double norm = norm_##real(n, w);                                                           \
        if (!(norm > most)) return;                                                                \
        for (int64_t k = 0; k < n; k++) w[k] = (real)((double)w[k] * (most / norm));               \
    }

enum { NEWTON = 50 };  // steps are quadratic: a handful, but for steps many orders apart

#define RUN(real)                                                                                  \
    static void run_##real(const wg_optim_call *c, const wg_proximal *p, int64_t rows) {           \
        real *w = c->w, *s = c->step;                                                              \
        int64_t length = rows > 0 ? c->n / rows : 0;                                               \
        double strength = p->group * sqrt((double)length);                                         \
        if (p->l2 > 0) shrink_##real(c->n, w, s, p->l2);                                           \
        if (p->l1 > 0) soft_##real(c->n, w, s, p->l1);                                             \
        for (int64_t i = 0; i < rows; i++, w += length, s += length) {                             \
            if (p->group > 0) group_##real(length, w, s, strength);                                \
            if (p->max_norm > 0) cut_##real(length, w, p->max_norm);                               \
        }                                                                                          \
    }

ELEMENTS(float)
ELEMENTS(double)
ROWS(float)
ROWS(double)
RUN(float)
RUN(double)

void wg__proximal_run(const wg_optim_call *call, const wg_proximal *p) {
    static void (*const run[WG_F64 + 1])(const wg_optim_call *, const wg_proximal *,
                                         int64_t) = { run_float, run_double };
    run[call->dtype](call, p, call->shape->rank > 0 ? call->shape->dim[0] : 1);
}
