// SPDX-License-Identifier: MIT
/* adamax.c: AdaMax (Kingma and Ba 2015, section 7.1): Adam with the largest |g|, fading, in place
   of the root of the second moment. */
#include <math.h>

#include "optim/optim_impl.h"

#define ADAMAX(name, real, magnitude)                                                              \
    static void name(const wg_optim_call *c) {                                                     \
        const wg_adamax_options *o = c->options;                                                   \
        const real scale = (real)c->scale, decay = (real)o->weight_decay;                          \
        const real keep1 = (real)o->beta1, take1 = (real)(1 - o->beta1), keep2 = (real)o->beta2;   \
        const real rate = (real)(c->rate / (1 - pow(o->beta1, (double)c->t)));                     \
        const real epsilon = (real)wg__epsilon(c, o->epsilon);                                     \
        real *restrict w = c->w, *restrict m = c->state[0], *restrict u = c->state[1];             \
        real *restrict step = c->step;                                                             \
        const real *restrict g = c->g;                                                             \
        for (int64_t k = 0; k < c->n; k++) {                                                       \
            real d = scale * g[k] + decay * w[k];                                                  \
            real fading = keep2 * u[k], size = magnitude(d) + epsilon;                             \
            m[k] = keep1 * m[k] + take1 * d;                                                       \
            u[k] = fading > size ? fading : size;                                                  \
            w[k] -= rate * m[k] / u[k];                                                            \
            if (step) step[k] = (real)c->rate / u[k];                                              \
        }                                                                                          \
    }
ADAMAX(adamax_f32, float, fabsf)
ADAMAX(adamax_f64, double, fabs)
WG__DEFINE_UPDATE(adamax)

wg_optim_spec wg_adamax(wg_adamax_options o) {
    static const wg_optim_rule rule = { .name = "adamax", .states = 2, .update = adamax };
    if (!WG__CHECK("optim_adamax", { "the rate", o.rate, INFINITY }, { "beta1", o.beta1, 1 },
                   { "beta2", o.beta2, 1 }, { "epsilon", o.epsilon, INFINITY },
                   { "weight_decay", o.weight_decay, INFINITY }))
        return wg__no_spec();
    o.rate = wg__or(o.rate, 0.002);
    o.beta1 = wg__or(o.beta1, 0.9);
    o.beta2 = wg__or(o.beta2, 0.999);
    o.epsilon = wg__or(o.epsilon, 1e-8);
    return wg__optim_spec(&rule, o.rate, &o, sizeof o);
}
WG__DEFINE_OPTIMISER(adamax, wg_adamax_options)
