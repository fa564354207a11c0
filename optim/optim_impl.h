// SPDX-License-Identifier: MIT
/* optim_impl.h: what the files of this folder share. */
#ifndef WG_OPTIM_IMPL_H
#define WG_OPTIM_IMPL_H

#include "nn/nn_impl.h"
#include "optim/optim.h"

enum { WG__STATES = 4 };

/* A rule with its numbers, and the parameters that follow it. */
typedef struct wg__group {
    wg_optim_rule rule;
    double rate;
    char *pattern;  // NULL: every parameter
    void *options;  // in one block with the pattern
} wg__group;

/* What an optimiser knows of one parameter. */
typedef struct wg__slot {
    wg_tensor *state[WG__STATES];            // shaped like it; NULL before its first gradient
    int states;                              // how many there are,
    void (*update)(const wg_optim_call *c);  // and the rule that they are of; NULL before a step
    double number[2];                        // the rule's, of this parameter
    int64_t t;                               // updates made
    int group;                               // which it follows
    wg_tensor *w, *g;  // of the step at hand: it and its dense gradient; NULL: left alone
    wg_tensor *made[WG__STATES];  // by the step at hand, in place of those it has
    wg_tensor *before;  // during minimize: a copy of the gradient it had; NULL: it had none
} wg__slot;

struct wg_optim {
    wg__nn_ref model;  // or a part of one
    wg__group *group;  // the first is the optimiser's own, for all; the last that matches counts
    int groups;
    bool assigned;    // every slot knows its group
    double max_norm;  // 0: no clipping
    wg_schedule schedule;
    double factor;  // the schedule's, of the step at hand
    int64_t steps;
    void *memory;    // of rule.search: a block of its own, freed with the optimiser; NULL at first
    wg__slot *slot;  // by the parameter's place in the model's list, which only grows
    int slots;
};

/* Value is in [0, below); otherwise reports it by name, `what` being the function. */
bool wg__optim_check(const char *what, const char *name, double value, double below);

/* Defines wg_optim_NAME from wg_NAME. */
#define WG__DEFINE_OPTIMISER(name, options)                                                        \
    wg_optim *wg_optim_##name(wg_nn *m, options o) { return wg_optim_make(m, wg_##name(o)); }

/* A spec with a copy of the options; at most 128 bytes. */
wg_optim_spec wg__optim_spec(const wg_optim_rule *rule, double rate, const void *options,
                             size_t size);

/* ---- making and stepping: optim.c ------------------------------------------------------------ */

/* False after reporting that it is NULL or without a model, or a rule that only searches. */
bool wg__optim_usable(const wg_optim *o, const char *name);
bool wg__optim_is_stepper(const wg_optim *o, const char *name);
/* A slot for every parameter of the model. */
bool wg__optim_reserve(wg_optim *o);

/* ---- groups: group.c ------------------------------------------------------------------------- */

/* Fills a group with copies of all that is given; false after reporting. */
bool wg__group_make(wg__group *group, const wg_optim_rule *rule, double rate, const void *options,
                    size_t size);
/* Finds every parameter's group; false after reporting a pattern that matches none. */
bool wg__groups_assign(wg_optim *o);

/* ---- for rule.search: minimise.c ------------------------------------------------------------- */

/* The value of f and, as the gradients of the model's parameters and nothing else's, its gradient;
   gradients that were there are dropped. With a value that is not finite there are none. The first
   evaluation may be what makes the parameters. wg_optim_minimize_by has put the gradients from
   before aside, puts them back if the search returns false, and else clears them, counts the step
   and seals the model. */
bool wg__optim_evaluate(wg_optim *o, wg_objective *f, void *user, double *value);

/* ---- clipping: clip.c ------------------------------------------------------------------------ */

/* What clipping multiplies gradients with; false, after reporting, if their norm is no finite
   number. */
bool wg__clip_scale(const wg_optim *o, double *scale);

/* ---- schedules: schedule.c ------------------------------------------------------------------- */

/* Sets o->factor for the next step; false, after reporting, if no rate can be multiplied by it. */
bool wg__schedule_factor(wg_optim *o);

#endif
