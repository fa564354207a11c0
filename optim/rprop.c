// SPDX-License-Identifier: MIT
/* rprop.c: RPROP (Riedmiller and Braun 1993) in the form iRprop- (Igel and Huesken 2000): each
   weight's step grows while its gradient keeps its sign, and shrinks, for once without a move, when
   it turns. */
#include <math.h>

#include "optim/optim_impl.h"

#define RPROP(name, real)                                                                          \
    static void name(const wg_optim_call *c) {                                                     \
        const wg_rprop_options *o = c->options;                                                    \
        const real scale = (real)c->scale, start = (real)c->rate;                                  \
        const real slower = (real)o->slower, faster = (real)o->faster;                             \
        const real least = (real)o->least, most = (real)o->most;                                   \
        real *restrict w = c->w, *restrict before = c->state[0], *restrict size = c->state[1];     \
        const real *restrict g = c->g;                                                             \
        for (int64_t k = 0; k < c->n; k++) {                                                       \
            real d = scale * g[k];                                                                 \
            bool same = (d > 0 && before[k] > 0) || (d < 0 && before[k] < 0);                      \
            bool turned = (d > 0 && before[k] < 0) || (d < 0 && before[k] > 0);                    \
            real s = (c->t == 1 ? start : size[k]) * (same ? faster : turned ? slower : 1);        \
            s = s < least ? least : s > most ? most : s;                                           \
            d = turned ? 0 : d;                                                                    \
            w[k] -= d > 0 ? s : d < 0 ? -s : 0;                                                    \
            size[k] = s;                                                                           \
            before[k] = d;                                                                         \
        }                                                                                          \
    }
RPROP(rprop_f32, float)
RPROP(rprop_f64, double)
WG__DEFINE_UPDATE(rprop)

wg_optim_spec wg_rprop(wg_rprop_options o) {
    static const wg_optim_rule rule = { .name = "rprop", .states = 2, .update = rprop };
    if (!WG__CHECK("optim_rprop", { "the rate", o.rate, INFINITY }, { "slower", o.slower, 1 },
                   { "faster", o.faster, INFINITY }, { "least", o.least, INFINITY },
                   { "most", o.most, INFINITY }))
        return wg__no_spec();
    o.rate = wg__or(o.rate, 0.01);
    o.slower = wg__or(o.slower, 0.5);
    o.faster = wg__or(o.faster, 1.2);
    o.least = wg__or(o.least, 1e-6);
    o.most = wg__or(o.most, 50);
    if (o.faster < 1) {
        wg_fail(WG_ERROR_ARGUMENT, "optim_rprop: faster is %g, wanted is at least 1", o.faster);
        return wg__no_spec();
    }
    if (o.least > o.most) {
        wg_fail(WG_ERROR_ARGUMENT, "optim_rprop: steps from %g to %g", o.least, o.most);
        return wg__no_spec();
    }
    return wg__optim_spec(&rule, o.rate, &o, sizeof o);
}
WG__DEFINE_OPTIMISER(rprop, wg_rprop_options)
