// SPDX-License-Identifier: MIT
/* sgd.c: stochastic gradient descent (Robbins and Monro 1951), with momentum in PyTorch's form of
   Sutskever et al. 2013: v = mu v + (1 - dampening) d, d = g + weight_decay w; w -= rate v, or
   rate (d + mu v) with nesterov. */
#include <math.h>

#include "optim/optim_impl.h"

#define SGD(name, real)                                                                            \
    static void name(const wg_optim_call *c) {                                                     \
        const wg_sgd_options *o = c->options;                                                      \
        const real scale = (real)c->scale, rate = (real)c->rate, decay = (real)o->weight_decay;    \
        real *restrict w = c->w;                                                                   \
        const real *restrict g = c->g;                                                             \
        for (int64_t k = 0; k < c->n; k++) w[k] -= rate * (scale * g[k] + decay * w[k]);           \
    }
SGD(sgd_f32, float)
SGD(sgd_f64, double)
WG__DEFINE_UPDATE(sgd)

/* Both forms are w -= rate (a d + b v), with (0, 1) or, for nesterov, (1, mu). v begins as d. Of a
   constant gradient v becomes (1 - dampening) / (1 - mu) times it. */
#define MOMENTUM(name, real)                                                                       \
    static void name(const wg_optim_call *c) {                                                     \
        const wg_sgd_options *o = c->options;                                                      \
        const real scale = (real)c->scale, rate = (real)c->rate, decay = (real)o->weight_decay;    \
        const real mu = (real)o->momentum, take = c->t == 1 ? 1 : (real)(1 - o->dampening);        \
        const real a = o->nesterov ? 1 : 0, b = o->nesterov ? mu : 1;                              \
        real *restrict w = c->w, *restrict v = c->state[0], *restrict step = c->step;              \
        const real *restrict g = c->g;                                                             \
        for (int64_t k = 0; k < c->n; k++) {                                                       \
            real d = scale * g[k] + decay * w[k];                                                  \
            v[k] = mu * v[k] + take * d;                                                           \
            w[k] -= rate * (a * d + b * v[k]);                                                     \
        }                                                                                          \
        const real gain = (real)(1 - o->dampening) / (1 - mu);                                     \
        for (int64_t k = 0; step && k < c->n; k++) step[k] = rate * (a + b * gain);                \
    }
MOMENTUM(momentum_f32, float)
MOMENTUM(momentum_f64, double)
WG__DEFINE_UPDATE(momentum)

wg_optim_spec wg_sgd(wg_sgd_options o) {
    static const wg_optim_rule plain = { .name = "sgd", .update = sgd };
    static const wg_optim_rule moving = { .name = "sgd", .states = 1, .update = momentum };
    if (!WG__CHECK("optim_sgd", { "the rate", o.rate, INFINITY }, { "momentum", o.momentum, 1 },
                   { "dampening", o.dampening, 1 }, { "weight_decay", o.weight_decay, INFINITY }))
        return wg__no_spec();
    if ((o.nesterov || o.dampening > 0) && o.momentum == 0) {
        wg_fail(WG_ERROR_ARGUMENT, "optim_sgd: %s wants momentum, which is 0",
                o.nesterov ? "nesterov" : "dampening");
        return wg__no_spec();
    }
    if (o.nesterov && o.dampening > 0) {
        wg_fail(WG_ERROR_ARGUMENT, "optim_sgd: nesterov takes no dampening, which is %g",
                o.dampening);
        return wg__no_spec();
    }
    o.rate = wg__or(o.rate, 0.01);
    return wg__optim_spec(o.momentum == 0 ? &plain : &moving, o.rate, &o, sizeof o);
}
WG__DEFINE_OPTIMISER(sgd, wg_sgd_options)
