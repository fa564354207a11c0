// SPDX-License-Identifier: MIT
/* twins.c: two ways to the same numbers, in another order of summation. A bound cannot foresee what
   a whole program makes of the last bit of a sum, so a difference is measured against the scatter
   of either side while the leaves move by a few units in the last place, as verdict.c does for
   single operations. */
#include <string.h>

#include "fuzz/oracle/engine.h"

enum { PROBES = 6, SUSPECTS = 64 };
/* Six probes see only a part of the spread: 30 has room for that, as in verdict.c. */
static const double SCATTER = 30;
/* Relative, of derivatives as of values: what comes before may have amplified the rounding. */
static const double NEAR = 1e-9;

typedef struct spread {
    double low, high;
    int open;  // how many of the probes gave no finite number
} spread;
typedef struct suspect {
    int part;
    int64_t element;
    double gap, bound;
    spread got, want;
} suspect;

bool wg__sides_add(wg__sides *o, const char *what, const wg_tensor *got, const wg_tensor *want) {
    if (o->parts == WG__PARTS || !got || !want) return false;
    wg__part part = { what, wg_numel(want), wg__numbers(got), wg__numbers(want), 0 };
    if (!part.got || !part.want) return false;
    for (int64_t k = 0; k < part.n; k++)
        if (isfinite(part.want[k])) part.floor = fmax(part.floor, fabs(part.want[k]));
    part.floor = 2.5e-3 * (1 + part.floor);
    o->part[o->parts++] = part;
    return true;
}

static double bound_of(const wg__scene *s, const wg__part *p, int64_t k) {
    bool whole = s->p->mode == WG__WHOLE && wg__is_whole(p->got[k]) && wg__is_whole(p->want[k]);
    return whole ? 0 : NEAR * (fabs(p->want[k]) + p->floor);
}

static int find_suspects(const wg__scene *s, const wg__sides *o, suspect *list) {
    int count = 0;
    for (int k = 0; k < o->parts; k++) {
        const wg__part *p = &o->part[k];
        for (int64_t e = 0; e < p->n; e++) {
            double gap = fabs(p->got[e] - p->want[e]), bound = bound_of(s, p, e);
            bool same = p->got[e] == p->want[e] || (isnan(p->got[e]) && isnan(p->want[e]));
            if (same || (gap <= bound && bound < INFINITY)) continue;
            if (count == SUSPECTS) return count;
            list[count++] = (suspect){ .part = k, .element = e, .gap = gap, .bound = bound };
        }
    }
    return count;
}

/* ---- looking again --------------------------------------------------------------------------- */

static void widen(spread *s, double x, bool first) {
    s->open += !isfinite(x);
    if (!isfinite(x)) return;
    s->low = first ? x : fmin(s->low, x);
    s->high = first ? x : fmax(s->high, x);
}

// By 1 to 3 units in the last place, equal numbers of one leaf alike: strides of 0 stay possible.
static double nudged(double x, int leaf, int probe) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits =
        (bits ^ (uint64_t)(leaf * PROBES + probe + 1) * 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
    double steps = (double)(1 + (bits >> 60) % 3);
    return x * (1 + (bits >> 59 & 1 ? 0x1p-52 : -0x1p-52) * steps);
}

static bool nudge(const wg__vm_program *p, int probe, double *value[]) {
    for (int i = 0; i < p->leaves; i++) {
        const wg__vm_leaf *leaf = &p->leaf[i];
        int64_t n = wg__numel(&leaf->shape);
        value[i] = leaf->value;
        if (leaf->kind != WG__FLOAT) continue;
        if (!(value[i] = wg__scratch(n))) return false;
        for (int64_t k = 0; k < n; k++) value[i][k] = nudged(leaf->value[k], i, probe);
    }
    return true;
}

static bool look_again(const wg__scene *s, wg__ways *ways, int probe, suspect *list, int count) {
    double *value[WG__VM_LEAVES];
    wg__sides o = { .parts = 0 };
    wg__scene again = { .p = s->p, .oracle = s->oracle, .random = s->random };
    wg_scope *scope = wg_scope_open();
    bool done = scope && nudge(s->p, probe, value) && ways(&again, value, &o);
    for (int k = 0; done && k < count; k++) {
        const wg__part *p = &o.part[list[k].part];
        widen(&list[k].got, p->got[list[k].element], probe == 0);
        widen(&list[k].want, p->want[list[k].element], probe == 0);
    }
    wg_error_clear();
    wg_scope_close(scope);
    return done;
}

static bool is_scatter(const suspect *s) {
    double noise = s->got.high - s->got.low + (s->want.high - s->want.low);
    if (s->got.open || s->want.open)
        return !(s->got.open + s->want.open == PROBES && (s->got.open == 0 || s->want.open == 0));
    return s->gap <= SCATTER * noise;
}

static void judge(wg__scene *s, const wg__sides *o, const suspect *x) {
    const wg__part *p = &o->part[x->part];
    if (is_scatter(x)) return;
    wg__fuzz_fail(s->p, s->oracle,
                  "%s, element %lld: %.17g instead of %.17g, %.3g apart where %.3g is allowed",
                  p->what, (long long)x->element, p->got[x->element], p->want[x->element], x->gap,
                  x->bound);
}

void wg__scene_twins(wg__scene *s, wg__ways *ways) {
    wg__sides o = { .parts = 0 };
    suspect list[SUSPECTS];
    wg__scene start = *s;
    if (!ways(s, NULL, &o)) return;
    int count = find_suspects(s, &o, list);
    if (count == 0) return;
    for (int k = 0; k < PROBES; k++)
        if (!look_again(&start, ways, k, list, count)) return;  // an edge of what can be computed
    for (int k = 0; k < count; k++) judge(s, &o, &list[k]);
}
