// SPDX-License-Identifier: MIT
/* lion.c: Lion (Chen et al. 2023): the sign of a momentum that looks further ahead than the one
   that is kept. A sign makes a whole step of the smallest number, so a beta that rounds to nothing
   beside 1 must become nothing: 1 - (1 - beta). */
#include <math.h>

#include "optim/optim_impl.h"

#define LION(name, real)                                                                           \
    static void name(const wg_optim_call *c) {                                                     \
        const wg_lion_options *o = c->options;                                                     \
        const real scale = (real)c->scale, rate = (real)c->rate;                                   \
        const real keep1 = (real)(1 - (1 - o->beta1)), take1 = (real)(1 - o->beta1);               \
        const real keep2 = (real)(1 - (1 - o->beta2)), take2 = (real)(1 - o->beta2);               \
        const real shrink = (real)(c->rate * o->weight_decay);                                     \
        real *restrict w = c->w, *restrict m = c->state[0];                                        \
        const real *restrict g = c->g;                                                             \
        for (int64_t k = 0; k < c->n; k++) {                                                       \
            real d = scale * g[k], u = keep1 * m[k] + take1 * d;                                   \
            m[k] = keep2 * m[k] + take2 * d;                                                       \
            w[k] -= shrink * w[k];                                                                 \
            w[k] -= u > 0 ? rate : u < 0 ? -rate : 0;                                              \
        }                                                                                          \
    }
LION(lion_f32, float)
LION(lion_f64, double)
WG__DEFINE_UPDATE(lion)

wg_optim_spec wg_lion(wg_lion_options o) {
    static const wg_optim_rule rule = { .name = "lion", .states = 1, .update = lion };
    if (!WG__CHECK("optim_lion", { "the rate", o.rate, INFINITY }, { "beta1", o.beta1, 1 },
                   { "beta2", o.beta2, 1 }, { "weight_decay", o.weight_decay, INFINITY }))
        return wg__no_spec();
    o.rate = wg__or(o.rate, 1e-4);
    o.beta1 = wg__or(o.beta1, 0.9);
    o.beta2 = wg__or(o.beta2, 0.99);
    return wg__optim_spec(&rule, o.rate, &o, sizeof o);
}
WG__DEFINE_OPTIMISER(lion, wg_lion_options)
