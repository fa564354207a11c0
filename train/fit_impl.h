// SPDX-License-Identifier: MIT
/* fit_impl.h: what the files of the training loop share. They use the library's public headers and
   no others, but for the memory of the history: what they do, a program can. */
#ifndef WG_TRAIN_FIT_IMPL_H
#define WG_TRAIN_FIT_IMPL_H

#include "train/fit.h"

double wg__seconds(void);  // of some clock

/* ---- the progress line: fit_progress.c ------------------------------------------------------- */

typedef struct wg__progress {
    FILE *file;  // NULL: silent
    bool terminal;
    double shown;            // when the last line was
    double began;            // the epoch
    int length;              // of the line on the terminal
    int starts, epochs;      // planned
    const char *metric;      // its name; NULL: none
    bool share;              // it is shown in percent
    int64_t samples, batch;  // of the training set
} wg__progress;

wg__progress wg__progress_new(const wg_fit_options *o, int64_t samples);
void wg__progress_step(wg__progress *p, const wg_fit_facts *f);
void wg__progress_epoch(wg__progress *p, const wg_fit_facts *f, bool last);
void wg__progress_end(wg__progress *p);  // of the line that is on the terminal

/* ---- the rows of the epochs: fit_history.c --------------------------------------------------- */

/* Adds a row to `count` others. *history is (rows, columns), NULL at first, in no scope; false
   after reporting, and it is as it was. */
bool wg__history_add(wg_tensor **history, int count, const wg_fit_row *row);
/* Gives it to the innermost scope, also while an error is pending; its rows, NULL for NULL. */
const wg_fit_row *wg__history_end(wg_tensor *history);

/* ---- learning curves: fit_curves.c ----------------------------------------------------------- */

FILE *wg__curves_open(const char *path);  // NULL after reporting
bool wg__curves_add(FILE *file, const char *path, const wg_fit_row *row);
bool wg__curves_close(FILE *file, const char *path);
bool wg__curves_draw(const char *path, const char *metric, const wg_fit_report *r);

#endif
