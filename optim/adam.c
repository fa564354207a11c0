// SPDX-License-Identifier: MIT
/* adam.c: Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019), one pass over w, g and
   both moments. Decay stands in one of two places, the other's factor being 0. The bias corrections
   are two numbers, taken in double: in float 1 - beta2^t has three digits at t = 1. */
#include <math.h>

#include "optim/optim_impl.h"

typedef struct adam_options {
    double beta1, beta2, epsilon;
    double coupled, decoupled;  // weight decay: as part of g, or apart from it
} adam_options;

#define ADAM(name, real, square_root)                                                              \
    static void name(const wg_optim_call *c) {                                                     \
        const adam_options *o = c->options;                                                        \
        const real scale = (real)c->scale, coupled = (real)o->coupled;                             \
        const real keep1 = (real)o->beta1, take1 = (real)(1 - o->beta1);                           \
        const real keep2 = (real)o->beta2, take2 = (real)(1 - o->beta2);                           \
        const real rate = (real)(c->rate / (1 - pow(o->beta1, (double)c->t)));                     \
        const real unbias = (real)(1 / sqrt(1 - pow(o->beta2, (double)c->t)));                     \
        const real epsilon = (real)o->epsilon, shrink = (real)(c->rate * o->decoupled);            \
        real *restrict w = c->w, *restrict m = c->state[0], *restrict v = c->state[1];             \
        const real *restrict g = c->g;                                                             \
        for (int64_t k = 0; k < c->n; k++) {                                                       \
            real d = scale * g[k] + coupled * w[k];                                                \
            m[k] = keep1 * m[k] + take1 * d;                                                       \
            v[k] = keep2 * v[k] + take2 * d * d;                                                   \
            w[k] -= shrink * w[k];                                                                 \
            w[k] -= rate * m[k] / (square_root(v[k]) * unbias + epsilon);                          \
        }                                                                                          \
    }
ADAM(adam_f32, float, sqrtf)
ADAM(adam_f64, double, sqrt)

static void adam(const wg_optim_call *c) {
    static void (*const run[WG_F64 + 1])(const wg_optim_call *) = { adam_f32, adam_f64 };
    run[c->dtype](c);
}

static bool valid(const char *name, wg_adam_options o) {
    return wg__optim_check(name, "the rate", o.rate, INFINITY) &&
           wg__optim_check(name, "beta1", o.beta1, 1) &&
           wg__optim_check(name, "beta2", o.beta2, 1) &&
           wg__optim_check(name, "epsilon", o.epsilon, INFINITY) &&
           wg__optim_check(name, "weight_decay", o.weight_decay, INFINITY);
}

static double or_default(double value, double standard) { return value == 0 ? standard : value; }

static wg_optim_spec make(wg_adam_options o, const wg_optim_rule *rule, bool decoupled) {
    const wg_optim_spec none = { .rule = NULL };
    if (wg__pending()) return none;
    wg__where("");
    if (!valid(decoupled ? "optim_adamw" : "optim_adam", o)) return none;
    adam_options all = { .beta1 = or_default(o.beta1, 0.9),
                         .beta2 = or_default(o.beta2, 0.999),
                         .epsilon = or_default(o.epsilon, 1e-8),
                         .coupled = decoupled ? 0 : o.weight_decay,
                         .decoupled = decoupled ? o.weight_decay : 0 };
    return wg__optim_spec(rule, or_default(o.rate, 0.001), &all, sizeof all);
}

wg_optim_spec wg_adam(wg_adam_options o) {
    static const wg_optim_rule rule = { .name = "adam", .states = 2, .update = adam };
    return make(o, &rule, false);
}
wg_optim_spec wg_adamw(wg_adam_options o) {
    static const wg_optim_rule rule = { .name = "adamw", .states = 2, .update = adam };
    return make(o, &rule, true);
}
WG__DEFINE_OPTIMISER(adam, wg_adam_options)
WG__DEFINE_OPTIMISER(adamw, wg_adam_options)
