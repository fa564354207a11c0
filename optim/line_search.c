// SPDX-License-Identifier: MIT
/* line_search.c: a point that satisfies the strong Wolfe conditions, f(a) <= f(0) + c1 a f'(0) and
   |f'(a)| <= c2 |f'(0)| (Nocedal and Wright 2006, algorithm 3.5 to bracket it and 3.6 to zoom in).
   Where f is not finite it counts as too high. Values that differ by their rounding count as
   equal, as near a minimum slopes are still known well where values no longer are (Hager and Zhang
   2005). */
#include <math.h>

#include "optim/line_search_impl.h"

/* What both algorithms know. `low` satisfies the first condition and is the lowest such point so
   far, but for rounding; between it and `high` is one that satisfies both. */
typedef struct search {
    const wg__line *line;
    wg__point start, low, high;
    int left;  // evaluations
    bool stopped;
} search;

static bool usable(const wg__point *p) { return isfinite(p->value) && isfinite(p->slope); }

static bool evaluate(search *s, double step, wg__point *p) {
    *p = (wg__point){ .step = step };
    if (s->left-- <= 0) return false;
    s->stopped = !s->line->at(s->line->user, p);
    return !s->stopped;
}

static double slack(const search *s) { return s->line->rounding * fabs(s->start.value); }

static bool too_high(const search *s, const wg__point *p) {
    double most = s->start.value + s->line->decrease * p->step * s->start.slope;
    return !usable(p) || p->value > most + slack(s) || p->value > s->low.value + slack(s);
}

static bool flat_enough(const search *s, const wg__point *p) {
    return fabs(p->slope) <= -s->line->curvature * s->start.slope;
}

/* The minimum of the cubic through both points with their slopes (equation 3.59); NaN or infinite
   if it has none. */
static double cubic_minimum(const wg__point *a, const wg__point *b) {
    double width = b->step - a->step;
    double d1 = a->slope + b->slope - 3 * (b->value - a->value) / width;
    double d2 = copysign(sqrt(d1 * d1 - a->slope * b->slope), width);
    return b->step - width * (b->slope + d2 - d1) / (b->slope - a->slope + 2 * d2);
}

/* Inside of the interval by a tenth at least. The middle if there is no cubic, or where the last
   two steps together did not shorten the interval by a third. */
static double inside(const search *s, double width_before) {
    const wg__point *a = &s->low, *b = &s->high;
    double width = b->step - a->step, near = a->step + 0.1 * width, far = b->step - 0.1 * width;
    if (!usable(b)) return a->step + 0.25 * width;  // down quickly to where it is finite
    double step = cubic_minimum(a, b);
    if (!isfinite(step) || fabs(width) > 0.66 * width_before) return a->step + 0.5 * width;
    return fmax(fmin(near, far), fmin(fmax(near, far), step));
}

static wg__line_end lowest(const search *s, wg__point *found) {
    if (s->stopped) return WG__LINE_STOPPED;
    *found = s->low;
    return s->low.value < s->start.value ? WG__LINE_DECREASED : WG__LINE_NONE;
}

static wg__line_end zoom(search *s, wg__point *found) {
    double width[2] = { INFINITY, INFINITY };  // the last two
    wg__point p;
    while (evaluate(s, inside(s, width[1]), &p)) {
        width[1] = width[0], width[0] = fabs(s->high.step - s->low.step);
        if (too_high(s, &p)) {
            s->high = p;
            continue;
        }
        if (flat_enough(s, &p)) return *found = p, WG__LINE_FOUND;
        if (p.slope * (s->high.step - s->low.step) >= 0) s->high = s->low;
        s->low = p;
    }
    return lowest(s, found);
}

// Beyond both points, where the cubic has its minimum, but by a tenth of the last stride at least.
static double beyond(const wg__point *before, const wg__point *p) {
    double near = p->step + 0.1 * (p->step - before->step), far = 10 * p->step;
    double step = cubic_minimum(before, p);
    return isfinite(step) && step > p->step ? fmax(near, fmin(far, step)) : far;
}

wg__line_end wg__line_search(const wg__line *line, wg__point start, double first,
                             wg__point *found) {
    search s = { .line = line, .start = start, .low = start, .left = line->evaluations };
    wg__point p;
    double step = first;
    while (evaluate(&s, step, &p)) {
        if (too_high(&s, &p)) return s.high = p, zoom(&s, found);
        if (flat_enough(&s, &p)) return *found = p, WG__LINE_FOUND;
        if (p.slope >= 0) return s.high = s.low, s.low = p, zoom(&s, found);
        step = beyond(&s.low, &p);
        s.low = p;
    }
    return lowest(&s, found);
}
