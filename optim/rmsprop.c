// SPDX-License-Identifier: MIT
/* rmsprop.c: RMSProp (Tieleman and Hinton 2012), centred (Graves 2013) and with momentum, each or
   both: four kernels from one text. */
#include <math.h>

#include "optim/optim_impl.h"

/* States: the mean square, then the mean of g if centred, then the momentum. A variance is not
   negative, but its rounding can be. */
#define RMSPROP(name, real, square_root, CENTRED, MOVING)                                          \
    static void name(const wg_optim_call *c) {                                                     \
        const wg_rmsprop_options *o = c->options;                                                  \
        const real scale = (real)c->scale, decay = (real)o->weight_decay, rate = (real)c->rate;    \
        const real keep = (real)o->alpha, take = (real)(1 - o->alpha), mu = (real)o->momentum;     \
        const real epsilon = (real)wg__epsilon(c, o->epsilon), gain = MOVING ? 1 / (1 - mu) : 1;   \
        real *restrict w = c->w, *restrict v = c->state[0], *restrict mean = c->state[1];          \
        real *restrict b = c->state[1 + CENTRED], *restrict step = c->step;                        \
        const real *restrict g = c->g;                                                             \
        for (int64_t k = 0; k < c->n; k++) {                                                       \
            real d = scale * g[k] + decay * w[k], square;                                          \
            square = v[k] = keep * v[k] + take * d * d;                                            \
            if (CENTRED) {                                                                         \
                mean[k] = keep * mean[k] + take * d;                                               \
                square -= mean[k] * mean[k];                                                       \
                square = square < 0 ? 0 : square;                                                  \
            }                                                                                      \
            real divisor = square_root(square) + epsilon;                                          \
            if (MOVING) b[k] = mu * b[k] + d / divisor;                                            \
            w[k] -= rate * (MOVING ? b[k] : d / divisor);                                          \
            if (step) step[k] = rate * gain / divisor;                                             \
        }                                                                                          \
    }
RMSPROP(plain_f32, float, sqrtf, 0, 0)
RMSPROP(plain_f64, double, sqrt, 0, 0)
RMSPROP(moving_f32, float, sqrtf, 0, 1)
RMSPROP(moving_f64, double, sqrt, 0, 1)
RMSPROP(centred_f32, float, sqrtf, 1, 0)
RMSPROP(centred_f64, double, sqrt, 1, 0)
RMSPROP(both_f32, float, sqrtf, 1, 1)
RMSPROP(both_f64, double, sqrt, 1, 1)
WG__DEFINE_UPDATE(plain)
WG__DEFINE_UPDATE(moving)
WG__DEFINE_UPDATE(centred)
WG__DEFINE_UPDATE(both)

wg_optim_spec wg_rmsprop(wg_rmsprop_options o) {
    static const wg_optim_rule rule[2][2] = {
        { { .name = "rmsprop", .states = 1, .update = plain },
          { .name = "rmsprop", .states = 2, .update = moving } },
        { { .name = "rmsprop", .states = 2, .update = centred },
          { .name = "rmsprop", .states = 3, .update = both } }
    };
    if (!WG__CHECK("optim_rmsprop", { "the rate", o.rate, INFINITY }, { "alpha", o.alpha, 1 },
                   { "epsilon", o.epsilon, INFINITY }, { "momentum", o.momentum, 1 },
                   { "weight_decay", o.weight_decay, INFINITY }))
        return wg__no_spec();
    o.rate = wg__or(o.rate, 0.01);
    o.alpha = wg__or(o.alpha, 0.99);
    o.epsilon = wg__or(o.epsilon, 1e-8);
    return wg__optim_spec(&rule[o.centred][o.momentum > 0], o.rate, &o, sizeof o);
}
WG__DEFINE_OPTIMISER(rmsprop, wg_rmsprop_options)
