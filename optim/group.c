// SPDX-License-Identifier: MIT
/* group.c: groups of parameters, each with a rule and numbers of its own. Which group a parameter
   follows is found once, and again when groups or parameters have come: a step matches no paths. */
#include <math.h>
#include <string.h>

#include "optim/optim_impl.h"

/* ---- one group ------------------------------------------------------------------------------- */

bool wg__rule_valid(const char *what, const wg_optim_rule *rule, const void *options, size_t size) {
    if (!rule) return wg_fail(WG_ERROR_ARGUMENT, "%s: the rule is NULL", what);
    if (!rule->name || (!rule->update && !rule->search))
        return wg_fail(WG_ERROR_ARGUMENT, "%s: the rule has no %s", what,
                       rule->name ? "update" : "name");
    if (rule->states < 0 || rule->states > WG__STATES)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: %s: %d states, at most %d are kept", what,
                       rule->name, rule->states, WG__STATES);
    if (!options && size > 0)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: %s: %zu bytes of options at NULL", what, rule->name,
                       size);
    return true;
}

// Room for the options and, behind them, the pattern.
static bool fill(wg__group *group, const char *pattern, const void *options, size_t size) {
    size_t length = pattern ? strlen(pattern) + 1 : 0;
    char *block = wg__alloc(size + length);
    if (!block) return false;
    if (size > 0) memcpy(block, options, size);
    if (pattern) group->pattern = memcpy(block + size, pattern, length);
    group->options = block;
    return true;
}

bool wg__spec_valid(const char *what, const wg_optim_spec *spec) {
    if (wg_optim_spec_is_refused(*spec))
        return wg_fail(WG_ERROR_ARGUMENT, "%s: the options were refused", what);
    if (!wg__rule_valid(what, spec->rule, spec->options.bytes, spec->size)) return false;
    if (spec->size > sizeof spec->options)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: %s: %zu bytes of options, at most %zu", what,
                       spec->rule->name, spec->size, sizeof spec->options);
    return wg__optim_check(what, "the rate", spec->rate, INFINITY);
}

/* ---- lists of them --------------------------------------------------------------------------- */

static bool same_pattern(const char *a, const char *b) {
    return !a || !b ? a == b : strcmp(a, b) == 0;
}

// Without the group of this very pattern, which the new one would hide.
static int drop_hidden(wg__group *list, int count, int first, const char *pattern) {
    int i = first;
    while (i < count && !same_pattern(list[i].pattern, pattern)) i++;
    if (i == count) return count;
    wg__free(list[i].options);
    memmove(list + i, list + i + 1, (size_t)(count - i - 1) * sizeof *list);
    return count - 1;
}

bool wg__groups_add(wg__group **list, int *count, int first, const wg__group *group,
                    const char *pattern, const void *options, size_t size) {
    wg__group added = *group;
    size_t keep = (size_t)*count * sizeof *group;
    wg__group *longer = wg__resize(*list, keep, keep + sizeof *group);
    if (!longer) return false;
    *list = longer;
    if (!fill(&added, pattern, options, size)) return false;
    *count = drop_hidden(longer, *count, first, pattern);
    longer[(*count)++] = added;
    return true;
}

bool wg__groups_match(const wg_optim *o, const wg__group *list, int count, const char *what) {
    for (int i = 0; i < count; i++)
        if (list[i].pattern && wg_nn_params(o->model.m, list[i].pattern) == 0)
            return wg_fail(WG_ERROR_STATE,
                           "optim_step: %s \"%s\" matches none of the model's %d parameters", what,
                           list[i].pattern, wg_nn_params(o->model.m, NULL));
    return true;
}

/* ---- an optimiser's -------------------------------------------------------------------------- */

static bool may_join(const wg_optim *o, const wg_optim_rule *rule) {
    if (!wg__optim_knows(o, "optim_group", "groups")) return false;
    return !rule->search ||
           wg_fail(WG_ERROR_ARGUMENT,
                   "optim_group: %s moves all parameters at once, and can be no group's",
                   rule->name);
}

bool wg_optim_group(wg_optim *o, const char *pattern, wg_optim_spec spec) {
    if (wg__pending()) return false;
    wg__where("");
    if (!wg__optim_usable(o, "optim_group") || !wg__spec_valid("optim_group", &spec) ||
        !may_join(o, spec.rule))
        return false;
    const wg__group group = { .rule = *spec.rule, .rate = spec.rate };
    if (!wg__groups_add(&o->group, &o->groups, 1, &group, pattern, spec.options.bytes, spec.size))
        return false;
    o->matched = false;
    return true;
}

static int group_of(const wg_optim *o, const char *path) {
    int g = o->groups - 1;
    while (g > 0 && o->group[g].pattern && !wg__path_matches(o->group[g].pattern, path)) g--;
    return g;
}

bool wg__groups_ready(wg_optim *o) {
    if (o->matched) return true;
    if (!wg__groups_match(o, o->group, o->groups, "the group") ||
        !wg__groups_match(o, o->proximal, o->proximals, "the proximal step of"))
        return false;
    for (int i = 0; i < o->slots; i++) o->slot[i].assigned = false;
    o->matched = true;
    return true;
}

void wg__slot_assign(const wg_optim *o, wg__slot *slot) {
    if (slot->assigned) return;
    const char *path = wg__nn_path(o->model.m, (int)(slot - o->slot));
    slot->group = group_of(o, path);
    slot->proximal = wg__proximal_of(o, path, slot->w);
    slot->assigned = true;
}

/* ---- rates ----------------------------------------------------------------------------------- */

double wg_optim_rate(const wg_optim *o) { return o ? o->group[0].rate : NAN; }

bool wg_optim_set_rate(wg_optim *o, double rate) {
    if (wg__pending()) return false;
    wg__where("");
    if (!o) return wg_fail(WG_ERROR_ARGUMENT, "optim_set_rate: the optimiser is NULL");
    if (!wg__optim_check("optim_set_rate", "the rate", rate, INFINITY)) return false;
    o->group[0].rate = rate;
    return true;
}

bool wg_optim_scale_rates(wg_optim *o, double factor) {
    if (wg__pending()) return false;
    wg__where("");
    if (!o) return wg_fail(WG_ERROR_ARGUMENT, "optim_scale_rates: the optimiser is NULL");
    if (!wg__optim_check("optim_scale_rates", "the factor", factor, INFINITY)) return false;
    for (int g = 0; g < o->groups; g++)  // none is changed if one would leave the range
        if (!wg__optim_check("optim_scale_rates", "a rate times the factor",
                             o->group[g].rate * factor, INFINITY))
            return false;
    for (int g = 0; g < o->groups; g++) o->group[g].rate *= factor;
    return true;
}
