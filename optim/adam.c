// SPDX-License-Identifier: MIT
/* adam.c: Adam (Kingma and Ba 2015), AMSGrad (Reddi, Kale and Kumar 2018) and AdamW (Loshchilov and
   Hutter 2019), one pass over w, g and the moments. Decay stands in one of two places, the other's
   factor being 0. The bias corrections are two numbers, taken in double: in float 1 - beta2^t has
   three digits at t = 1. */
#include <math.h>

#include "optim/optim_impl.h"

typedef struct adam_options {
    double beta1, beta2, epsilon;
    double coupled, decoupled;  // weight decay: as part of g, or apart from it
} adam_options;

// With LARGEST the largest v so far divides the step.
#define ADAM(name, real, square_root, LARGEST)                                                     \
    static void name(const wg_optim_call *c) {                                                     \
        const adam_options *o = c->options;                                                        \
        const real scale = (real)c->scale, coupled = (real)o->coupled;                             \
        const real keep1 = (real)o->beta1, take1 = (real)(1 - o->beta1);                           \
        const real keep2 = (real)o->beta2, take2 = (real)(1 - o->beta2);                           \
        const real rate = (real)(c->rate / (1 - pow(o->beta1, (double)c->t)));                     \
        const real unbias = (real)(1 / sqrt(1 - pow(o->beta2, (double)c->t)));                     \
        const real epsilon = (real)wg__epsilon(c, o->epsilon),                                     \
                   shrink = (real)(c->rate * o->decoupled);                                        \
        real *restrict w = c->w, *restrict m = c->state[0], *restrict v = c->state[1];             \
        real *restrict top = c->state[2], *restrict step = c->step;                                \
        const real *restrict g = c->g;                                                             \
        for (int64_t k = 0; k < c->n; k++) {                                                       \
            real d = scale * g[k] + coupled * w[k];                                                \
            m[k] = keep1 * m[k] + take1 * d;                                                       \
            v[k] = keep2 * v[k] + take2 * d * d;                                                   \
            if (LARGEST) top[k] = v[k] > top[k] ? v[k] : top[k];                                   \
            real divisor = square_root(LARGEST ? top[k] : v[k]) * unbias + epsilon;                \
            w[k] -= shrink * w[k];                                                                 \
            w[k] -= rate * m[k] / divisor;                                                         \
            if (step) step[k] = (real)c->rate / divisor;                                           \
        }                                                                                          \
    }
ADAM(adam_f32, float, sqrtf, 0)
ADAM(adam_f64, double, sqrt, 0)
WG__DEFINE_UPDATE(adam)
ADAM(amsgrad_f32, float, sqrtf, 1)
ADAM(amsgrad_f64, double, sqrt, 1)
WG__DEFINE_UPDATE(amsgrad)

static wg_optim_spec make(wg_adam_options o, const wg_optim_rule rule[2], const char *name,
                          bool decoupled) {
    if (!WG__CHECK(name, { "the rate", o.rate, INFINITY }, { "beta1", o.beta1, 1 },
                   { "beta2", o.beta2, 1 }, { "epsilon", o.epsilon, INFINITY },
                   { "weight_decay", o.weight_decay, INFINITY }))
        return wg__no_spec();
    adam_options all = { .beta1 = wg__or(o.beta1, 0.9),
                         .beta2 = wg__or(o.beta2, 0.999),
                         .epsilon = wg__or(o.epsilon, 1e-8),
                         .coupled = decoupled ? 0 : o.weight_decay,
                         .decoupled = decoupled ? o.weight_decay : 0 };
    return wg__optim_spec(&rule[o.amsgrad], wg__or(o.rate, 0.001), &all, sizeof all);
}

wg_optim_spec wg_adam(wg_adam_options o) {
    static const wg_optim_rule rule[] = { { .name = "adam", .states = 2, .update = adam },
                                          { .name = "adam", .states = 3, .update = amsgrad } };
    return make(o, rule, "optim_adam", false);
}
wg_optim_spec wg_adamw(wg_adam_options o) {
    static const wg_optim_rule rule[] = { { .name = "adamw", .states = 2, .update = adam },
                                          { .name = "adamw", .states = 3, .update = amsgrad } };
    return make(o, rule, "optim_adamw", true);
}
WG__DEFINE_OPTIMISER(adam, wg_adam_options)
WG__DEFINE_OPTIMISER(adamw, wg_adam_options)
