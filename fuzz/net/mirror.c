// SPDX-License-Identifier: MIT
/* mirror.c: what an optimiser does around its rule a second time, in double and element by element:
   clipping, groups, counting, proximal steps. With noise every number that it keeps or is given
   is moved by a few units in the last place at every step, and every moment once more before it is
   used, so that the spread of several runs tells what rounding may do: among subnormal numbers,
   where squares of small gradients are, that is much. */
#include <float.h>
#include <string.h>

#include "fuzz/net/net.h"

typedef wg__net_mirror mirror;
typedef wg__net_slot slot;

/* ---- noise ----------------------------------------------------------------------------------- */

double wg__net_shaken(const mirror *m, double x) {
    const double unit = m->dtype == WG_F32 ? FLT_EPSILON : DBL_EPSILON;
    const double least = m->dtype == WG_F32 ? FLT_MIN : DBL_MIN;
    if (!m->noise || x == 0) return x;
    double by = 4 * wg_random_uniform(m->noise) - 2, moved = x + by * unit * (fabs(x) + least);
    return (moved > 0) == (x > 0) || !isfinite(x) ? moved : 0;
}

static void shake(const mirror *m, int64_t n, double *x) {
    for (int64_t k = 0; m->noise && x && k < n; k++) x[k] = wg__net_shaken(m, x[k]);
}

/* ---- clipping -------------------------------------------------------------------------------- */

static double norm(const double *x, int64_t n) {
    double sum = 0;
    for (int64_t k = 0; k < n; k++) sum += x[k] * x[k];
    return sqrt(sum);
}

static void clip_adaptive(const slot *s, double factor, double *g) {
    int64_t units = s->shape.rank < 2 ? 1 : s->shape.dim[0], length = units ? s->n / units : 0;
    for (int64_t u = 0; u < units; u++) {
        double size = norm(g + u * length, length);
        double most = factor * fmax(norm(s->w + u * length, length), 1e-3);
        for (int64_t k = u * length; size > most && k < (u + 1) * length; k++) g[k] *= most / size;
    }
}

static void clip(const mirror *m, const wg__net_config *c, double *const g[]) {
    double squares = 0;
    for (int i = 0; i < m->slots; i++) {
        const slot *s = &m->slot[i];
        if (!g[i]) continue;
        for (int64_t k = 0; c->clip_value > 0 && k < s->n; k++)
            g[i][k] = fmax(-c->clip_value, fmin(c->clip_value, g[i][k]));
        if (c->clip_adaptive > 0) clip_adaptive(s, c->clip_adaptive, g[i]);
        squares += norm(g[i], s->n) * norm(g[i], s->n);
    }
    if (!(c->clip_norm > 0 && sqrt(squares) > c->clip_norm)) return;
    for (int i = 0; i < m->slots; i++)
        for (int64_t k = 0; g[i] && k < m->slot[i].n; k++) g[i][k] *= c->clip_norm / sqrt(squares);
}

/* ---- proximal steps -------------------------------------------------------------------------- */

/* The row that minimises sum (x - w)^2 / 2s + c |x|: x = w t / (t + c s), t = |x| being where
   sum (w / (t + c s))^2 = 1, found by halving. */
static void shrink_row(int64_t n, double *w, const double *s, double c) {
    double low = 0, high = norm(w, n), sum = 0;
    for (int64_t k = 0; k < n; k++)
        if (w[k] != 0) sum += w[k] / (c * s[k]) * (w[k] / (c * s[k]));
    if (sum <= 1) high = 0;
    for (int i = 0; i < 200 && high > 0; i++) {
        double t = (low + high) / 2;
        sum = 0;
        for (int64_t k = 0; k < n; k++) sum += w[k] / (t + c * s[k]) * (w[k] / (t + c * s[k]));
        *(sum > 1 ? &low : &high) = t;
    }
    for (int64_t k = 0; k < n; k++)
        if (w[k] != 0) w[k] *= high == 0 ? 0 : high / (high + c * s[k]);
}

static void proximal(const slot *sl, const wg_proximal *p, double *s) {
    int64_t rows = sl->shape.rank > 0 ? sl->shape.dim[0] : 1, length = rows ? sl->n / rows : 0;
    double *w = sl->w;
    for (int64_t k = 0; k < sl->n; k++) {
        w[k] /= 1 + 2 * s[k] * p->l2;
        s[k] /= 1 + 2 * s[k] * p->l2;
        w[k] = copysign(fmax(0, fabs(w[k]) - s[k] * p->l1), w[k]);
    }
    for (int64_t i = 0; i < rows; i++) {
        double *row = w + i * length;
        if (p->group > 0) shrink_row(length, row, s + i * length, p->group * sqrt((double)length));
        double size = norm(row, length);
        for (int64_t k = 0; p->max_norm > 0 && size > p->max_norm && k < length; k++)
            row[k] *= p->max_norm / size;
    }
}

/* ---- a step ---------------------------------------------------------------------------------- */

// No smaller than what can be divided by: optim.h.
static double epsilon_of(const wg__net_spec *s, wg_dtype dtype) {
    double least = dtype == WG_F32 ? FLT_MIN : DBL_MIN;
    for (int i = 0; i < WG__NET_FIELDS && s->rule->field[i].name; i++)
        if (strcmp(s->rule->field[i].name, "epsilon") == 0)
            return fmax(s->option[i], strcmp(s->rule->name, "adadelta") == 0 ? least : sqrt(least));
    return 0;
}

static void begin_states(const mirror *m, slot *s, const wg__net_spec *spec) {
    if (!s->begun || !wg__net_spec_same(&s->rule, spec)) {
        for (int k = 0; k < 3; k++) memset(s->state[k], 0, (size_t)s->n * sizeof(double));
        s->t = 0;
    }
    s->begun = true;
    s->rule = *spec;
    for (int k = 0; k < 3; k++) shake(m, s->n, s->state[k]);
}

static void update(const mirror *m, const wg__net_config *c, slot *s, double *g) {
    const int which = c->grouped && s->in_group;
    const wg__net_spec *spec = &c->spec[which];
    double rate = c->rate[which] * c->factor, *metric = m->room + 5 * m->n + s->at;
    begin_states(m, s, spec);
    shake(m, 1, &rate);
    wg__net_element e = { spec->option, rate, epsilon_of(spec, m->dtype), ++s->t, m };
    for (int64_t k = 0; k < s->n; k++) metric[k] = rate;
    if (!spec->rule->update) wg__net_muon(&e, &s->shape, s->w, g, s->state[0]);
    for (int64_t k = 0; spec->rule->update && k < s->n; k++) {
        double own[3] = { s->state[0][k], s->state[1][k], s->state[2][k] };
        double to = spec->rule->update(&e, s->w[k], g[k], own, &metric[k]), by = to - s->w[k];
        s->w[k] = to + (wg__net_shaken(m, by) - by);  // it may be far larger than where it ends
        for (int i = 0; i < 3; i++) s->state[i][k] = own[i];
    }
    shake(m, s->n, s->w);
    if (c->proximal_on && s->shape.rank >= 2) proximal(s, &c->proximal, metric);
}

void wg__net_mirror_place(wg__net_mirror *m, double *room) {
    m->room = room;
    for (int i = 0; i < m->slots; i++) {
        slot *s = &m->slot[i];
        s->w = room + s->at;
        for (int k = 0; k < 3; k++) s->state[k] = room + (k + 1) * m->n + s->at;
        s->begun = false;
    }
}

void wg__net_mirror_step(wg__net_mirror *m, const wg__net_config *c, double *const gradient[]) {
    double *g[WG__NET_PARAMS] = { NULL };
    for (int i = 0; i < m->slots; i++) {
        if (!gradient[i]) continue;
        g[i] = m->room + 4 * m->n + m->slot[i].at;
        if (m->slot[i].n > 0) memcpy(g[i], gradient[i], (size_t)m->slot[i].n * sizeof(double));
        shake(m, m->slot[i].n, g[i]);
    }
    clip(m, c, g);
    for (int i = 0; i < m->slots; i++) {
        if (!g[i]) continue;
        shake(m, m->slot[i].n, g[i]);  // what is clipped to a number has lost its noise
        update(m, c, &m->slot[i], g[i]);
    }
}
