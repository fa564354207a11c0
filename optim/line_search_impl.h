// SPDX-License-Identifier: MIT
/* line_search_impl.h: a step along a line that is long enough and short enough. */
#ifndef WG_OPTIM_LINE_SEARCH_IMPL_H
#define WG_OPTIM_LINE_SEARCH_IMPL_H

#include <stdbool.h>

typedef struct wg__point {
    double step, value, slope;
} wg__point;

/* A function of one variable, with numbers of the search. */
typedef struct wg__line {
    bool (*at)(void *user, wg__point *p);  // fills value and slope at p->step; false: stop at once
    void *user;
    double decrease, curvature;  // the two constants of Wolfe's conditions, c1 < c2
    double rounding;             // of a value, as a part of it
    int evaluations;             // at most
} wg__line;

typedef enum wg__line_end {
    WG__LINE_STOPPED,    // by `at`
    WG__LINE_NONE,       // found no point that is low enough
    WG__LINE_DECREASED,  // low enough, but still steep: evaluations ran out
    WG__LINE_FOUND       // both conditions hold
} wg__line_end;

/* From `start`, which is at step 0 and slopes down, trying the step `first` > 0 first. *found, if
   one was, need not be the point that was evaluated last. */
wg__line_end wg__line_search(const wg__line *line, wg__point start, double first, wg__point *found);

#endif
