// SPDX-License-Identifier: MIT
/* contain.c: the branch that is not taken contributes exactly nothing, whatever it holds. Elements
   of a register are chosen against what an elementwise operation makes of infinities, NaN and the
   edges of its domain, where slopes are infinite or none; the gradient must be what it is against a
   constant 0. */
#include "fuzz/oracle/engine.h"

// Elementwise, with slopes, of one or two tensors: all that need no shapes of their own.
static bool is_fit(const wg_op *op) {
    unsigned none = WG_OP_ZERO_GRADIENT | WG_OP_NO_GRADIENT;
    return op->map && !op->map->predicate && !(op->flags & none) && op->inputs >= 1 &&
           op->inputs <= 2 && op->map->forward[WG_F64];
}

static const wg_op *pick_op(wg__scene *s) {
    int n = wg_op_count(), at = wg__scene_below(s, n);
    for (int k = 0; k < n; k++) {
        const wg_op *op = wg_op_at((at + k) % n);
        if (is_fit(op)) return op;
    }
    return NULL;
}

static const double specials[] = { INFINITY, -INFINITY, NAN, 0,      -0.0,      1,  -1,
                                   1e300,    -1e300,    800, -800.0, 0x1p-1074, 0.5 };
enum { SPECIALS = sizeof specials / sizeof *specials };

static wg_tensor *special(wg__scene *s, const wg_tensor *x) {
    int64_t n = wg_numel(x);
    double *c = wg__scratch(n);
    for (int64_t k = 0; c && k < n; k++) c[k] = specials[wg__scene_below(s, SPECIALS)];
    return c ? wg_from_f64(WG_F64, wg_shape_of(x), c) : NULL;
}

/* The operation at special points, which x moves: x - x is 0 in value and 1, then -1, in slope. Or
   x itself against a special other operand. */
static wg_tensor *spoilt(wg__scene *s, wg_tensor *x) {
    const wg_op *op = pick_op(s);
    if (!op) return NULL;
    wg_tensor *c = special(s, x), *u = wg_add(wg_sub(x, wg_stop(x)), c), *in[2] = { u, c };
    wg__sample sample = { .attr = NULL };  // zeros may be refused, as an alpha is
    if (op->attr_size && !wg__sample_parse(op, op->samples[0], &sample)) return NULL;
    if (op->inputs == 2) {
        int way = wg__scene_below(s, 3);
        in[0] = way == 0 ? u : way == 1 ? x : c;
        in[1] = way == 0 ? x : way == 1 ? c : x;
    }
    return wg_apply(op, in, op->inputs, sample.attr);
}

typedef struct choice {
    const double *mask, *seed;  // true where x is taken; 0 where it is not
    wg_tensor *condition, *weight;
} choice;

static bool draw(wg__scene *s, const wg_tensor *x, choice *o) {
    int64_t n = wg_numel(x);
    double *mask = wg__scratch(n), *seed = wg__scene_weights(s, n);
    int most = 1 + wg__scene_below(s, 4);  // all are taken if 1
    for (int64_t k = 0; mask && seed && k < n; k++) {
        mask[k] = most == 1 || wg__scene_below(s, most) > 0;
        seed[k] = mask[k] != 0 ? seed[k] : 0;
    }
    if (!mask || !seed) return false;
    o->mask = mask, o->seed = seed;
    o->condition = wg_from_f64(WG_BOOL, wg_shape_of(x), mask);
    o->weight = wg_from_f64(WG_F64, wg_shape_of(x), seed);
    return o->condition && o->weight;
}

static wg_tensor *choose(const choice *o, wg_tensor *taken, wg_tensor *other, bool swapped) {
    if (!swapped) return wg_where(o->condition, taken, other);
    return wg_where(wg_logical_not(o->condition), other, taken);
}

/* ---- both modes ------------------------------------------------------------------------------ */

static void check_reverse(wg__scene *s, wg_tensor *clean, wg_tensor *dirty, const choice *o) {
    wg__gradients want, got;
    wg_grad_options how = { .seed = o->weight, .constant = wg__scene_below(s, 2) };
    if (!wg__scene_grad(s, clean, how, &want) || !wg__scene_grad(s, dirty, how, &got)) return;
    for (int v = 0; v < s->run.variables; v++)
        for (int64_t k = 0; k < wg_numel(s->run.x[v]); k++) {
            double a = got.of[v][k], b = want.of[v][k];
            if (a == b || (isnan(a) && isnan(b))) continue;  // -0 + 0 is 0
            wg__scene_apart(s, v, k, a, b, 0, "what is not taken contributes to the gradient");
        }
}

static void check_forward(wg__scene *s, wg_tensor *clean, wg_tensor *dirty, const choice *o) {
    wg_tensor *v[WG__VM_LEAVES];
    for (int k = 0; k < s->run.variables; k++)
        if (!(v[k] = wg__scene_weight(s, s->run.x[k]))) return;
    const double *want = wg__numbers(wg_jvp(clean, s->run.x, s->run.variables, v));
    const double *got = wg__numbers(wg_jvp(dirty, s->run.x, s->run.variables, v));
    const double *a = wg__numbers(clean), *b = wg__numbers(dirty);
    for (int64_t k = 0; want && got && a && b && k < wg_numel(clean); k++) {
        if (o->mask[k] == 0) continue;
        wg__scene_hold(s, wg__same_number(a[k], b[k]), "what is not taken changes the value");
        if (want[k] != got[k] && !wg__same_number(want[k], got[k]))
            wg__fuzz_fail(s->p, s->oracle,
                          "what is not taken changes the tangent, element %lld: %.17g, not %.17g",
                          (long long)k, got[k], want[k]);
    }
}

static wg_tensor *pick(wg__scene *s) {
    int all = s->p->leaves + s->p->steps, at = s->p->choice[1] % all;
    for (int k = 0; k < all; k++) {
        wg_tensor *x = s->run.reg[(at + k) % all];
        if (x && wg_is_tracked(x) && wg_dtype_of(x) == WG_F64) return x;
    }
    return NULL;
}

static void check(wg__scene *s) {
    choice o;
    wg_tensor *x = wg__scene_run(s, NULL) ? pick(s) : NULL;
    if (!x || !draw(s, x, &o)) return;
    bool swapped = wg__scene_below(s, 2);
    wg_tensor *clean = choose(&o, x, wg_zeros_like(x), swapped);
    wg_tensor *dirty = choose(&o, x, spoilt(s, x), swapped);
    if (!clean || !dirty) return;
    check_reverse(s, clean, dirty, &o);
    check_forward(s, clean, dirty, &o);
}

void wg__oracle_contain(const wg__vm_program *p) { wg__scene_open(p, "O17 containment", check); }
