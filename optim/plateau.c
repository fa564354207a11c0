// SPDX-License-Identifier: MIT
/* plateau.c: a lower rate when nothing has become better for a while. */
#include <math.h>

#include "optim/optim_impl.h"

static bool valid(const wg_plateau *p) {
    static const char what[] = "plateau_step";
    if (!wg__optim_check(what, "the factor", p->factor, 1) ||
        !wg__optim_check(what, "the threshold", p->threshold, INFINITY) ||
        !wg__optim_check(what, "least", p->least, INFINITY))
        return false;
    if (p->patience >= 0 && p->cooldown >= 0) return true;
    return wg_fail(WG_ERROR_ARGUMENT, "%s: patience %lld and cooldown %lld, one is negative", what,
                   (long long)p->patience, (long long)p->cooldown);
}

static bool better(const wg_plateau *p, double value) {
    double threshold = p->threshold == 0 ? 1e-4 : p->threshold;
    double sign = p->larger ? 1 : -1;
    double margin = p->absolute ? threshold : threshold * p->best;
    return !isnan(value) && (isnan(p->best) || sign * value > sign * (p->best + sign * margin));
}

static bool lower(wg_plateau *p, wg_optim *o) {
    double rate = wg_optim_rate(o), next = rate * (p->factor == 0 ? 0.1 : p->factor);
    if (next < p->least) next = p->least;
    if (next >= rate) return true;
    p->lowered++;
    return wg_optim_scale_rates(o, next / rate) && wg_optim_set_rate(o, next);  // which is exact
}

bool wg_plateau_step(wg_plateau *p, wg_optim *o, double value) {
    if (wg__pending()) return false;
    wg__where("");
    if (!p || !o)
        return wg_fail(WG_ERROR_ARGUMENT, "plateau_step: the %s is NULL",
                       p ? "optimiser" : "plateau");
    if (!valid(p)) return false;
    if (p->calls++ == 0) p->best = NAN;
    bool improved = better(p, value);
    if (improved) p->best = value;
    p->bad = improved ? 0 : p->bad + 1;
    if (p->cooling > 0) p->cooling--, p->bad = 0;
    if (p->bad <= p->patience) return true;
    p->cooling = p->cooldown;
    p->bad = 0;
    return lower(p, o);
}
