// SPDX-License-Identifier: MIT
/* sgd.c: stochastic gradient descent (Robbins and Monro 1951), with momentum in PyTorch's form of
   Sutskever et al. 2013: v = mu v + d, d = g + weight_decay w; w -= rate v, or rate (d + mu v) with
   nesterov. */
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

// Both forms are w -= rate (a d + b v), with (0, 1) or, for nesterov, (1, mu).
#define MOMENTUM(name, real)                                                                       \
    static void name(const wg_optim_call *c) {                                                     \
        const wg_sgd_options *o = c->options;                                                      \
        const real scale = (real)c->scale, rate = (real)c->rate, decay = (real)o->weight_decay;    \
        const real mu = (real)o->momentum, a = o->nesterov ? 1 : 0, b = o->nesterov ? mu : 1;      \
        real *restrict w = c->w, *restrict v = c->state[0];                                        \
        const real *restrict g = c->g;                                                             \
        for (int64_t k = 0; k < c->n; k++) {                                                       \
            real d = scale * g[k] + decay * w[k];                                                  \
            v[k] = mu * v[k] + d;                                                                  \
            w[k] -= rate * (a * d + b * v[k]);                                                     \
        }                                                                                          \
    }
MOMENTUM(momentum_f32, float)
MOMENTUM(momentum_f64, double)

static void sgd(const wg_optim_call *c) {
    static void (*const run[WG_F64 + 1])(const wg_optim_call *) = { sgd_f32, sgd_f64 };
    run[c->dtype](c);
}
static void momentum(const wg_optim_call *c) {
    static void (*const run[WG_F64 + 1])(const wg_optim_call *) = { momentum_f32, momentum_f64 };
    run[c->dtype](c);
}

wg_optim_spec wg_sgd(wg_sgd_options o) {
    static const wg_optim_rule plain = { .name = "sgd", .update = sgd },
                               moving = { .name = "sgd", .states = 1, .update = momentum };
    const wg_optim_spec none = { .rule = NULL };
    if (wg__pending()) return none;
    wg__where("");
    if (!wg__optim_check("optim_sgd", "the rate", o.rate, INFINITY) ||
        !wg__optim_check("optim_sgd", "momentum", o.momentum, 1) ||
        !wg__optim_check("optim_sgd", "weight_decay", o.weight_decay, INFINITY))
        return none;
    if (o.nesterov && o.momentum == 0) {
        wg_fail(WG_ERROR_ARGUMENT, "optim_sgd: nesterov wants momentum, which is 0");
        return none;
    }
    double rate = o.rate == 0 ? 0.01 : o.rate;
    return wg__optim_spec(o.momentum == 0 ? &plain : &moving, rate, &o, sizeof o);
}
WG__DEFINE_OPTIMISER(sgd, wg_sgd_options)
