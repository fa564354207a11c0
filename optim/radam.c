// SPDX-License-Identifier: MIT
/* radam.c: RAdam (Liu et al. 2020): Adam whose steps are rectified by how well v is known, and that
   is plain momentum while it is not known at all. */
#include <math.h>

#include "optim/optim_impl.h"

// The rectification times the bias correction of sqrt(v); 0: v is not to be used yet.
static double rectified(const wg_radam_options *o, double t) {
    double power = pow(o->beta2, t), most = 2 / (1 - o->beta2) - 1;
    double length = most - 2 * t * power / (1 - power);
    if (!(length > 5)) return 0;
    double r = (length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length);
    return sqrt(r * (1 - power));
}

#define RADAM(name, real, square_root)                                                             \
    static void name(const wg_optim_call *c) {                                                     \
        const wg_radam_options *o = c->options;                                                    \
        const real scale = (real)c->scale, decay = (real)o->weight_decay;                          \
        const real keep1 = (real)o->beta1, take1 = (real)(1 - o->beta1);                           \
        const real keep2 = (real)o->beta2, take2 = (real)(1 - o->beta2);                           \
        const real unbias = (real)(1 / (1 - pow(o->beta1, (double)c->t)));                         \
        const double r = rectified(o, (double)c->t);                                               \
        const real rate = (real)(c->rate * (r > 0 ? r : 1)),                                       \
                   epsilon = (real)wg__epsilon(c, o->epsilon);                                     \
        real *restrict w = c->w, *restrict m = c->state[0], *restrict v = c->state[1];             \
        real *restrict step = c->step;                                                             \
        const real *restrict g = c->g;                                                             \
        for (int64_t k = 0; k < c->n; k++) {                                                       \
            real d = scale * g[k] + decay * w[k];                                                  \
            m[k] = keep1 * m[k] + take1 * d;                                                       \
            v[k] = keep2 * v[k] + take2 * d * d;                                                   \
            real by = r > 0 ? rate / (square_root(v[k]) + epsilon) : rate;                         \
            w[k] -= by * (m[k] * unbias);                                                          \
            if (step) step[k] = by;                                                                \
        }                                                                                          \
    }
RADAM(radam_f32, float, sqrtf)
RADAM(radam_f64, double, sqrt)
WG__DEFINE_UPDATE(radam)

wg_optim_spec wg_radam(wg_radam_options o) {
    static const wg_optim_rule rule = { .name = "radam", .states = 2, .update = radam };
    if (!WG__CHECK("optim_radam", { "the rate", o.rate, INFINITY }, { "beta1", o.beta1, 1 },
                   { "beta2", o.beta2, 1 }, { "epsilon", o.epsilon, INFINITY },
                   { "weight_decay", o.weight_decay, INFINITY }))
        return wg__no_spec();
    o.rate = wg__or(o.rate, 0.001);
    o.beta1 = wg__or(o.beta1, 0.9);
    o.beta2 = wg__or(o.beta2, 0.999);
    o.epsilon = wg__or(o.epsilon, 1e-8);
    return wg__optim_spec(&rule, o.rate, &o, sizeof o);
}
WG__DEFINE_OPTIMISER(radam, wg_radam_options)
