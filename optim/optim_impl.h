// SPDX-License-Identifier: MIT
/* optim_impl.h: what the files of this folder share. */
#ifndef WG_OPTIM_IMPL_H
#define WG_OPTIM_IMPL_H

#include <float.h>
#include <math.h>

#include "nn/nn_impl.h"
#include "optim/optim.h"

enum { WG__STATES = 4, WG__SKIP_TEXT = 320 };

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
    void (*update)(const wg_optim_call *c);  // and the rule that they are of; NULL before a step:
    const char *name;                        // its name
    double number[2];                        // the rule's, of this parameter
    int64_t t;                               // updates made
    bool assigned;                           // what follows is known:
    int group;                               // which it follows
    int proximal;                            // and which proximal step; -1: none
    wg_tensor *w, *g;  // of the step at hand: it and its dense gradient; NULL: left alone
    wg_tensor *made[WG__STATES];  // by the step at hand, in place of those it has
    wg_tensor *before;  // during minimize: a copy of the gradient it had; NULL: it had none
} wg__slot;

/* What gradients are clipped to; 0: not at all. */
typedef struct wg__clipping {
    double value, adaptive, norm;  // in this order
    bool skips;                    // adaptive: what matches this pattern
    char skip[WG__PATH_MAX + 2];
} wg__clipping;

struct wg_optim {
    wg__nn_ref model;  // or a part of one
    wg__group *group;  // the first is the optimiser's own, for all; the last that matches counts
    int groups;
    wg__group *proximal;  // likewise; options are wg_proximal, and there is no rule
    int proximals;
    bool matched;              // every pattern matches something
    bool skipping;             // of steps that are not finite
    int64_t skipped;           // how many were,
    char skip[WG__SKIP_TEXT];  // and the last
    int every, gathered;  // wg_optim_minimize steps once in `every` calls, and this many were made
    wg__clipping clip;
    wg_schedule schedule;
    double factor;  // the schedule's, of the step at hand
    int64_t steps;
    void *memory;    // of rule.search: a block of its own, freed with the optimiser; NULL at first
    wg__slot *slot;  // by the parameter's place in the model's list, which only grows
    int slots;
};

/* ---- for the rules --------------------------------------------------------------------------- */

/* Value is in [0, below); otherwise reports it by name, `what` being the function. */
bool wg__optim_check(const char *what, const char *name, double value, double below);

/* All of them are, and no error is pending. */
typedef struct wg__range {
    const char *name;
    double value, below;
} wg__range;
bool wg__optim_check_all(const char *what, const wg__range *range, size_t n);
#define WG__CHECK(what, ...)                                                                       \
    wg__optim_check_all(what, (const wg__range[]){ __VA_ARGS__ },                                  \
                        sizeof((const wg__range[]){ __VA_ARGS__ }) / sizeof(wg__range))

/* Defines wg_optim_NAME from wg_NAME. */
#define WG__DEFINE_OPTIMISER(name, options)                                                        \
    wg_optim *wg_optim_##name(wg_nn *m, options o) {                                               \
        const wg_optim_spec spec = wg_##name(o);                                                   \
        return wg__optim_make("optim_" #name, m, &spec);                                           \
    }

/* Defines the update NAME, which is NAME_f32 or NAME_f64. */
#define WG__DEFINE_UPDATE(name)                                                                    \
    static void name(const wg_optim_call *c) {                                                     \
        static void (*const run[WG_F64 + 1])(const wg_optim_call *) = { name##_f32, name##_f64 };  \
        run[c->dtype](c);                                                                          \
    }

/* What a rule divides by: an epsilon of 1e-50 is 0 in f32, and 0 / 0 no number. Not below the
   smallest normal number, where squares are added to it; and not below its root, where roots of
   squares are, which are 0 for all that is smaller. */
static inline double wg__square_epsilon(const wg_optim_call *c, double epsilon) {
    return fmax(epsilon, c->dtype == WG_F32 ? (double)FLT_MIN : DBL_MIN);
}
static inline double wg__epsilon(const wg_optim_call *c, double epsilon) {
    return fmax(epsilon, sqrt(wg__square_epsilon(c, 0)));
}

/* A spec with a copy of the options, at most 128 bytes; and a refused one. */
wg_optim_spec wg__optim_spec(const wg_optim_rule *rule, double rate, const void *options,
                             size_t size);
wg_optim_spec wg__no_spec(void);
/* wg_optim_make, for the function `what`. */
wg_optim *wg__optim_make(const char *what, wg_nn *m, const wg_optim_spec *spec);

/* ---- making and stepping: optim.c ------------------------------------------------------------ */

/* False after reporting that it is NULL or without a model, or a rule that only searches. */
bool wg__optim_usable(const wg_optim *o, const char *name);
bool wg__optim_is_stepper(const wg_optim *o, const char *name);
/* The same for what is asked for ahead of a step: `what` is several. */
bool wg__optim_knows(const wg_optim *o, const char *name, const char *what);
/* A slot for every parameter of the model. */
bool wg__optim_reserve(wg_optim *o);

/* ---- groups: group.c ------------------------------------------------------------------------- */

/* False after reporting, `what` being the function. A spec says its rate and its size, too. */
bool wg__rule_valid(const char *what, const wg_optim_rule *rule, const void *options, size_t size);
bool wg__spec_valid(const char *what, const wg_optim_spec *spec);
/* Adds it to a list of groups, or puts it in place of the one with this pattern from `first` on, at
   the end. */
bool wg__groups_add(wg__group **list, int *count, int first, const wg__group *group,
                    const char *pattern, const void *options, size_t size);
/* Whether each one's pattern matches something; false after reporting, `what` being what it is. */
bool wg__groups_match(const wg_optim *o, const wg__group *list, int count, const char *what);
/* False after reporting a pattern that matches nothing. */
bool wg__groups_ready(wg_optim *o);
/* Finds the group and the proximal step of slot->w, if they are not known. */
void wg__slot_assign(const wg_optim *o, wg__slot *slot);

/* ---- proximal.c ------------------------------------------------------------------------------ */

int wg__proximal_of(const wg_optim *o, const char *path, const wg_tensor *w);  // which, -1: none
/* After the update that `call` is, with call->step filled. */
void wg__proximal_run(const wg_optim_call *call, const wg_proximal *p);

/* ---- what is not finite: finite.c ------------------------------------------------------------ */

/* Whether all the gradients of the step at hand are finite; if not, whether the step is to be
   skipped, which is then noted, or else the error is reported. */
typedef enum wg__verdict { WG__STEP, WG__SKIP, WG__REFUSE } wg__verdict;
wg__verdict wg__judge_gradients(wg_optim *o);
wg__verdict wg__judge_loss(wg_optim *o, const wg_tensor *loss);

/* ---- for rule.search: minimise.c ------------------------------------------------------------- */

/* A method that evaluates its objective several times a step, all of the model's parameters at
   once, and is run by wg_optim_minimize_by alone. */
typedef struct wg__search {
    bool (*run)(wg_optim *o, wg_objective *f, void *user, double *value);
} wg__search;

/* The value of f and, as the gradients of the model's parameters and nothing else's, its gradient;
   gradients that were there are dropped. With a value that is not finite there are none. The first
   evaluation may be what makes the parameters. wg_optim_minimize_by has put the gradients from
   before aside, puts them back if the search returns false, and else clears them, counts the step
   and seals the model. */
bool wg__optim_evaluate(wg_optim *o, wg_objective *f, void *user, double *value);

/* ---- clipping: clip.c ------------------------------------------------------------------------ */

/* False after reporting that the pattern of what clipping skips matches nothing. */
bool wg__clip_knows_its_pattern(const wg_optim *o);

/* Clips what the slots will use, which is finite, in copies, all but the norm; that is left to
   `scale`. False after reporting a norm out of range. */
bool wg__clip(const wg_optim *o, double *scale);

/* ---- schedules: schedule.c ------------------------------------------------------------------- */

/* Sets o->factor for the next step; false, after reporting, if no rate can be multiplied by it. */
bool wg__schedule_factor(wg_optim *o);

#endif
