// SPDX-License-Identifier: MIT
/* fit.h: the training loop, for those who do not want to write one.

       wg_fit_report r;
       wg_nn *best = wg_nn_fit(net, cost, train, validation,
           (wg_fit_options){ .optim = wg_adam((wg_adam_options){ .rate = 3e-3 }), .epochs = 50,
                             .patience = 5, .restarts = 3, .progress = stdout }, &r);

   It calls nothing that you cannot: a loop by hand with the same seeds gives the same weights, bit
   for bit. */
#ifndef WG_TRAIN_FIT_H
#define WG_TRAIN_FIT_H

#include <signal.h>

#include "optim/optim.h"
#include "optim/schedule.h"
#include "train/metrics.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what happens meanwhile ------------------------------------------------------------------ */

/* How far it is. After an epoch loss is the mean over the training samples, as they were learned;
   after a step it is the batch's, and validation and metric are NaN. */
typedef struct wg_fit_facts {
    wg_nn *model;  // as it is now; to use, not to free
    wg_optim *optim;
    int start, epoch;     // each from 1
    int64_t step, steps;  // made in this epoch, and how many it has
    double rate;          // of the epoch's first step
    double loss, validation, metric;
    bool better;     // after an epoch: than all others of this start
    double seconds;  // since the beginning
} wg_fit_facts;
/* False ends the training as *stop does. */
typedef bool wg_fit_callback(void *user, const wg_fit_facts *f);

/* ---- how ------------------------------------------------------------------------------------- */

typedef struct wg_fit_options {
    wg_optim_spec optim;   // wg_adam(...), wg_sgd(...), ...; left out: Adam as it comes
    wg_schedule schedule;  // of each start; left out: none
    double clip_norm;      // 0: none
    int epochs;            // at most, of each start; 0: 10
    int64_t batch;         // samples in one; 0: 32
    bool drop_last;        // no smaller batch at the end of an epoch (one sample alone is too few
                           // for wg_nn_batch_norm, an error)
    wg_augment augment;    // of the training samples
    uint64_t seed;         // of start 1; start k has seed + k - 1
    int restarts;          // starts in all, the first among them: 3 makes 3; 0: one
    int patience;          // ends a start after so many epochs that were not better; 0: never
    const wg_nn *from;     // NULL, or weights to start from (copied)

    /* What makes an epoch better: a metric of the validation set, the larger the better unless
       said; NULL: the accuracy where the labels are integers and the net gives scores of classes,
       else the loss, the smaller the better. */
    wg_metric *metric;
    const char *metric_name;  // of that metric, for progress line and picture; NULL: "metric"
    bool smaller;             // the smaller that metric the better
    bool by_loss;             // no metric, also where the accuracy would be taken

    FILE *progress;      // NULL: silent. One line, rewritten, on a terminal; else one now and then
    const char *curves;  // NULL, or "NAME.csv": a row an epoch, as it is made; NAME.svg at the end.
                         // An older file goes when the first step is about to be made
    wg_fit_callback *begin;             // NULL, or called before the first step of each start,
    wg_fit_callback *after_step;        // after each step
    wg_fit_callback *after_epoch;       // and after each epoch
    void *user;                         // for these
    const volatile sig_atomic_t *stop;  // NULL, or where not 0 after a step, it ends: for Ctrl-C
} wg_fit_options;

/* ---- what came of it ------------------------------------------------------------------------- */

typedef enum wg_fit_end {
    WG_FIT_EPOCHS,    // all of them were made
    WG_FIT_PATIENCE,  // no better ones came
    WG_FIT_STOPPED,   // on request
    WG_FIT_ERROR      // wg_error() says which
} wg_fit_end;

/* An epoch: the columns of the CSV. Where something was not measured it is NaN. */
typedef struct wg_fit_row {
    double start, epoch;  // from 1
    double rate;          // of its first step
    double loss;          // mean over the training samples, while they were learned
    double validation;    // mean loss of the validation set, afterwards
    double metric;
    double seconds;  // since the beginning
} wg_fit_row;

typedef struct wg_fit_report {
    wg_fit_row best;  // whose weights came back; start and epoch are 0 if none was finished or none
                      // could be judged
    wg_fit_end end;   // of the last start
    double seconds;
    int epochs;                 // finished, in all starts
    const wg_fit_row *history;  // (epochs), NULL for none; see below for how long
} wg_fit_report;

/* Trains models of net by cost on `train` and returns the one with the best weights of all epochs
   of all starts, judged on `validation`; in evaluate mode, yours to free. Without a validation set
   (NULL) epochs are judged by their training loss, or by `metric`, if given, of the training set.
   net may be NULL where no metric is wanted. An optimiser that was refused when it was made is not
   one left out: it is refused here, too. The cost is the mean over a batch.

   Epoch e of a start with seed s runs over a pass with the seed that wg_random_u64() draws from
   { .seed = s, .stream = e }. One forward pass without recording, in evaluate mode, goes before the
   first step of a start: there the parameters are made. The validation set is measured before the
   very first step as well, so that what is wrong with it is told before anything was learned.

   A metric of NaN is not better than anything: patience counts such epochs. If it is NaN in all of
   them, the weights of the latest come back, and r->best.epoch is 0.

   While it trains the history is in no scope: callbacks, and the net and the cost, may open scopes
   of their own, and callbacks may call wg_reset(), which frees what the caller made before. At the
   end the history is given to the scope that is the innermost then.

   When it is stopped, an epoch under way does not count, unless it is the first of all: then its
   weights come back as they are. After an error (a loss that is not finite, a net that fails) the
   error is pending and the best weights so far come back all the same, those that it started from
   if no epoch was finished; NULL where there never were any. r may be NULL; it is filled in any
   case. What was written to `curves` stays. */
WG_API wg_nn *wg_nn_fit(wg_net *net, wg_cost *cost, wg_data *train, wg_data *validation,
                        wg_fit_options o, wg_fit_report *r);

#ifdef __cplusplus
}
#endif
#endif
