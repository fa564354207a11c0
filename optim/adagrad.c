// SPDX-License-Identifier: MIT
/* adagrad.c: AdaGrad (Duchi, Hazan and Singer 2011) and AdaDelta (Zeiler 2012): steps divided by
   the root of all squares so far, or of their fading mean. */
#include <math.h>

#include "optim/optim_impl.h"

#define ADAGRAD(name, real, square_root)                                                           \
    static void name(const wg_optim_call *c) {                                                     \
        const wg_adagrad_options *o = c->options;                                                  \
        const real scale = (real)c->scale, decay = (real)o->weight_decay;                          \
        const real rate = (real)(c->rate / (1 + (double)(c->t - 1) * o->rate_decay));              \
        const real epsilon = (real)wg__epsilon(c, o->epsilon),                                     \
                   start = c->t == 1 ? (real)o->start : 0;                                         \
        real *restrict w = c->w, *restrict sum = c->state[0], *restrict step = c->step;            \
        const real *restrict g = c->g;                                                             \
        for (int64_t k = 0; k < c->n; k++) {                                                       \
            real d = scale * g[k] + decay * w[k];                                                  \
            sum[k] = start + sum[k] + d * d;                                                       \
            real divisor = square_root(sum[k]) + epsilon;                                          \
            w[k] -= rate * d / divisor;                                                            \
            if (step) step[k] = rate / divisor;                                                    \
        }                                                                                          \
    }
ADAGRAD(adagrad_f32, float, sqrtf)
ADAGRAD(adagrad_f64, double, sqrt)
WG__DEFINE_UPDATE(adagrad)

#define ADADELTA(name, real, square_root)                                                          \
    static void name(const wg_optim_call *c) {                                                     \
        const wg_adadelta_options *o = c->options;                                                 \
        const real scale = (real)c->scale, decay = (real)o->weight_decay, rate = (real)c->rate;    \
        const real keep = (real)o->rho, take = (real)(1 - o->rho),                                 \
                   epsilon = (real)wg__square_epsilon(c, o->epsilon);                              \
        real *restrict w = c->w, *restrict v = c->state[0], *restrict u = c->state[1];             \
        real *restrict step = c->step;                                                             \
        const real *restrict g = c->g;                                                             \
        for (int64_t k = 0; k < c->n; k++) {                                                       \
            real d = scale * g[k] + decay * w[k];                                                  \
            v[k] = keep * v[k] + take * d * d;                                                     \
            real by = square_root(u[k] + epsilon) / square_root(v[k] + epsilon);                   \
            u[k] = keep * u[k] + take * (by * d) * (by * d);                                       \
            w[k] -= rate * by * d;                                                                 \
            if (step) step[k] = rate * by;                                                         \
        }                                                                                          \
    }
ADADELTA(adadelta_f32, float, sqrtf)
ADADELTA(adadelta_f64, double, sqrt)
WG__DEFINE_UPDATE(adadelta)

wg_optim_spec wg_adagrad(wg_adagrad_options o) {
    static const wg_optim_rule rule = { .name = "adagrad", .states = 1, .update = adagrad };
    if (!WG__CHECK("optim_adagrad", { "the rate", o.rate, INFINITY },
                   { "rate_decay", o.rate_decay, INFINITY }, { "start", o.start, INFINITY },
                   { "epsilon", o.epsilon, INFINITY },
                   { "weight_decay", o.weight_decay, INFINITY }))
        return wg__no_spec();
    o.rate = wg__or(o.rate, 0.01);
    o.epsilon = wg__or(o.epsilon, 1e-10);
    return wg__optim_spec(&rule, o.rate, &o, sizeof o);
}

wg_optim_spec wg_adadelta(wg_adadelta_options o) {
    static const wg_optim_rule rule = { .name = "adadelta", .states = 2, .update = adadelta };
    if (!WG__CHECK("optim_adadelta", { "the rate", o.rate, INFINITY }, { "rho", o.rho, 1 },
                   { "epsilon", o.epsilon, INFINITY },
                   { "weight_decay", o.weight_decay, INFINITY }))
        return wg__no_spec();
    o.rate = wg__or(o.rate, 1);
    o.rho = wg__or(o.rho, 0.9);
    o.epsilon = wg__or(o.epsilon, 1e-6);
    return wg__optim_spec(&rule, o.rate, &o, sizeof o);
}
WG__DEFINE_OPTIMISER(adagrad, wg_adagrad_options)
WG__DEFINE_OPTIMISER(adadelta, wg_adadelta_options)
