// SPDX-License-Identifier: MIT
/* nadam.c: NAdam (Dozat 2016) with its warming momentum: the product of the momenta so far is what
   the first moment's bias is made of, and the number that the rule keeps for each parameter. */
#include <math.h>

#include "optim/optim_impl.h"

/* w -= rate (a d + b m) / (sqrt(v) unbias + epsilon) */
typedef struct nadam_step {
    double a, b, unbias;
} nadam_step;

static nadam_step step_of(const wg_optim_call *c, const wg_nadam_options *o) {
    double t = (double)c->t, *product = &c->number[0];
    double mu = o->beta1 * (1 - 0.5 * pow(0.96, t * o->momentum_decay));
    double next = o->beta1 * (1 - 0.5 * pow(0.96, (t + 1) * o->momentum_decay));
    *product = mu * (c->t == 1 ? 1 : *product);
    return (nadam_step){ .a = (1 - mu) / (1 - *product),
                         .b = next / (1 - *product * next),
                         .unbias = 1 / sqrt(1 - pow(o->beta2, t)) };
}

#define NADAM(name, real, square_root)                                                             \
    static void name(const wg_optim_call *c) {                                                     \
        const wg_nadam_options *o = c->options;                                                    \
        const nadam_step s = step_of(c, o);                                                        \
        const real scale = (real)c->scale, decay = (real)o->weight_decay, rate = (real)c->rate;    \
        const real keep1 = (real)o->beta1, take1 = (real)(1 - o->beta1);                           \
        const real keep2 = (real)o->beta2, take2 = (real)(1 - o->beta2);                           \
        const real a = (real)s.a, b = (real)s.b, unbias = (real)s.unbias;                          \
        const real epsilon = (real)wg__epsilon(c, o->epsilon);                                     \
        real *restrict w = c->w, *restrict m = c->state[0], *restrict v = c->state[1];             \
        real *restrict step = c->step;                                                             \
        const real *restrict g = c->g;                                                             \
        for (int64_t k = 0; k < c->n; k++) {                                                       \
            real d = scale * g[k] + decay * w[k];                                                  \
            m[k] = keep1 * m[k] + take1 * d;                                                       \
            v[k] = keep2 * v[k] + take2 * d * d;                                                   \
            real divisor = square_root(v[k]) * unbias + epsilon;                                   \
            w[k] -= rate * (a * d + b * m[k]) / divisor;                                           \
            if (step) step[k] = rate * (a + b) / divisor;                                          \
        }                                                                                          \
    }
NADAM(nadam_f32, float, sqrtf)
NADAM(nadam_f64, double, sqrt)
WG__DEFINE_UPDATE(nadam)

wg_optim_spec wg_nadam(wg_nadam_options o) {
    static const wg_optim_rule rule = { .name = "nadam", .states = 2, .update = nadam };
    if (!WG__CHECK("optim_nadam", { "the rate", o.rate, INFINITY }, { "beta1", o.beta1, 1 },
                   { "beta2", o.beta2, 1 }, { "epsilon", o.epsilon, INFINITY },
                   { "momentum_decay", o.momentum_decay, INFINITY },
                   { "weight_decay", o.weight_decay, INFINITY }))
        return wg__no_spec();
    o.rate = wg__or(o.rate, 0.002);
    o.beta1 = wg__or(o.beta1, 0.9);
    o.beta2 = wg__or(o.beta2, 0.999);
    o.epsilon = wg__or(o.epsilon, 1e-8);
    o.momentum_decay = wg__or(o.momentum_decay, 0.004);
    return wg__optim_spec(&rule, o.rate, &o, sizeof o);
}
WG__DEFINE_OPTIMISER(nadam, wg_nadam_options)
