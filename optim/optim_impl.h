// SPDX-License-Identifier: MIT
/* optim_impl.h: what the files of this folder share. */
#ifndef WG_OPTIM_IMPL_H
#define WG_OPTIM_IMPL_H

#include "nn/nn_impl.h"
#include "optim/optim.h"

enum { WG__STATES = 4 };

/* What an optimiser knows of one parameter. */
typedef struct wg__slot {
    wg_tensor *state[WG__STATES];  // shaped like it; NULL before its first gradient
    int64_t t;                     // updates made
    wg_tensor *w, *g;   // of the step at hand: it and its dense gradient; NULL: left alone
    bool fresh;         // the states were made by the step at hand
    wg_tensor *before;  // during minimize: a copy of the gradient it had; NULL: it had none
} wg__slot;

struct wg_optim {
    wg__nn_ref model;  // or a part of one
    wg_optim_rule rule;
    double rate;
    double max_norm;  // 0: no clipping
    wg_schedule schedule;
    int64_t steps;
    void *options;
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

/* What clipping multiplies gradients with; false, after reporting, if their norm is no finite
   number. */
bool wg__clip_scale(const wg_optim *o, double *scale);

/* What the schedule multiplies every rate with in the next step; false, after reporting, if that is
   no rate. */
bool wg__schedule_factor(const wg_optim *o, double *factor);

#endif
