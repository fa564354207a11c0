// SPDX-License-Identifier: MIT
/* spec.c: a spec of a rule of one's own. It is looked at here, where it is made, so that the
   message comes before the optimiser, the group or the training that it is for. */
#include <math.h>

#include "optim/optim_impl.h"

wg_optim_spec wg_optim_spec_of(const wg_optim_rule *rule, double rate, const void *options,
                               size_t size) {
    const size_t most = sizeof((wg_optim_spec *)NULL)->options;
    if (wg__pending()) return wg__no_spec();
    wg__where("");
    if (!rule)
        wg_fail(WG_ERROR_ARGUMENT, "optim_spec_of: the rule is NULL");
    else if (size > most)
        wg_fail(WG_ERROR_ARGUMENT, "optim_spec_of: %zu bytes of options, at most %zu are kept",
                size, most);
    else if (!options && size > 0)
        wg_fail(WG_ERROR_ARGUMENT, "optim_spec_of: %zu bytes of options at NULL", size);
    else if (wg__optim_check("optim_spec_of", "the rate", rate, INFINITY))
        return wg__optim_spec(rule, rate, options ? options : "", size);
    return wg__no_spec();
}
