// SPDX-License-Identifier: MIT
/* mask.c: what is not chosen must not matter, whatever it holds. In an operation that only moves
   numbers about, by a mask or an index, an element whose gradient is exactly 0 takes no part: with
   NaN and infinity in its place neither value nor derivatives may change by a bit. */
#include "autograd/check/check_impl.h"

typedef struct outcome {
    wg__run run;
    wg_tensor *dy, *gx[WG_MAX_INPUTS];
} outcome;

static bool observe(const wg__trial *t, double *const value[], outcome *o) {
    wg__setting s = { t->dtype, WG__DENSE, t->floats, value };
    if (!wg__run_make(t, &s, &o->run)) return false;
    o->dy = wg__run_jvp(t, &o->run, t->u);
    return o->dy && wg__run_grad(&o->run, wg__seed_of(t, &o->run, t->w), false, o->gx);
}

// The trial's values, but others where the gradient is 0; false if it is 0 everywhere.
static bool change_others(const wg__trial *t, const outcome *o, const double with[3],
                          double *value[]) {
    bool any = false;
    for (int i = 0; i < t->sample->inputs; i++) value[i] = t->value[i];
    for (int k = 0; k < o->run.leaves; k++) {
        int i = o->run.which[k];
        const double *g = wg__numbers(o->gx[k]);
        value[i] = wg__scratch(wg__size(t, i));
        if (!g || !value[i]) return false;
        for (int64_t j = 0; j < wg__size(t, i); j++) {
            value[i][j] = g[j] == 0 ? with[j % 3] : t->value[i][j];
            any = any || g[j] != 0;
        }
    }
    return any;
}

static bool has_choice(const wg__trial *t) {
    for (int i = 0; i < t->sample->inputs; i++)
        if (t->sample->in[i].kind != WG__FLOAT) return true;
    return false;
}

// Whether twice the floats give twice the result, bit by bit: it is linear in them. With `open`,
// all truth values being true.
static bool is_linear(const wg__trial *t, bool open) {
    double *once[WG_MAX_INPUTS], *twice[WG_MAX_INPUTS];
    wg__run run, other;
    for (int i = 0; i < t->sample->inputs; i++) {
        bool truth = open && t->sample->in[i].kind == WG__TRUTH, real = wg__bit(t->floats, i);
        once[i] = wg__scratch(wg__size(t, i)), twice[i] = wg__scratch(wg__size(t, i));
        if (!once[i] || !twice[i]) return false;
        for (int64_t k = 0; k < wg__size(t, i); k++) {
            once[i][k] = truth ? 1 : t->value[i][k];
            twice[i][k] = once[i][k] * (real ? 2 : 1);
        }
    }
    if (!wg__run_make(t, &(wg__setting){ .dtype = t->dtype, .value = once }, &run)) return false;
    if (!wg__run_make(t, &(wg__setting){ .dtype = t->dtype, .value = twice }, &other)) return false;
    const double *a = wg__numbers(run.y), *b = wg__numbers(other.y);
    bool same = a && b;
    for (int64_t k = 0; same && k < wg_numel(run.y); k++) same = !(2 * a[k] != b[k]);
    return same;
}

// Attention whose queries see one key each is linear by chance, and not with all keys in sight.
static bool only_moves(const wg__trial *t) { return is_linear(t, false) && is_linear(t, true); }

void wg__check_masks(wg__trial *t) {
    static const double finite[] = { 1, 0.5, 3 }, spoilt[] = { NAN, INFINITY, -INFINITY };
    outcome here, there;
    double *value[WG_MAX_INPUTS];
    if (!has_choice(t) || !only_moves(t) || !observe(t, t->value, &here)) return;
    if (!change_others(t, &here, finite, value) || !observe(t, value, &there)) return;
    if (!wg__same_bits(here.run.y, there.run.y)) return;  // held constant, but used
    if (!change_others(t, &here, spoilt, value) || !observe(t, value, &there)) return;
    wg__hold_that(t, wg__same_bits(here.run.y, there.run.y),
                  "what is not chosen, but NaN or infinite, changes the value");
    wg__hold_that(t, wg__same_bits(here.dy, there.dy),
                  "what is not chosen, but NaN or infinite, changes forward mode");
    for (int k = 0; k < here.run.leaves; k++)
        wg__hold_that(t, wg__same_bits(here.gx[k], there.gx[k]),
                      "what is not chosen, but NaN or infinite, changes the gradient");
}
