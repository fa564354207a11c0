// SPDX-License-Identifier: MIT
/* fit_progress.c: a line that tells how far training is. On a terminal it is rewritten in place, by
   a carriage return and blanks alone: there is no colour to switch off, and no other control
   character. Elsewhere whole lines come, few enough to be read. */
#include <math.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include "train/fit_impl.h"

enum { LINES = 20 };                                       // of a start, where there is no terminal
static const double OFTEN = 0.1, PATIENT = 10, LONG = 60;  // seconds between lines

double wg__seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

wg__progress wg__progress_new(const wg_fit_options *o, int64_t samples) {
    wg__progress p = { .file = o->progress,
                       .starts = o->restarts,
                       .epochs = o->epochs,
                       .samples = samples,
                       .batch = o->batch };
    p.terminal = p.file && isatty(fileno(p.file));
    p.shown = p.began = wg__seconds();
    return p;
}

/* ---- text ------------------------------------------------------------------------------------ */

typedef struct line {
    char text[240];
    int length;
} line;

static void add(line *l, const char *format, ...) WG_PRINTF(2, 3);
static void add(line *l, const char *format, ...) {
    va_list list;
    va_start(list, format);
    int room = (int)sizeof l->text - l->length;
    int n = vsnprintf(l->text + l->length, (size_t)room, format, list);
    va_end(list);
    if (n > 0) l->length += n < room ? n : room - 1;
}

static void add_time(line *l, double seconds) {
    if (!(seconds < 1e8)) return;
    long long s = (long long)(seconds + 0.5);
    if (s >= 3600)
        add(l, "  %lld:%02lld:%02lld left", s / 3600, s / 60 % 60, s % 60);
    else
        add(l, "  %lld:%02lld left", s / 60, s % 60);
}

/* What was done, as a part of all that may be to do; patience can only shorten it. */
static double done(const wg__progress *p, const wg_fit_facts *f) {
    double steps = (double)f->steps * p->epochs;
    double made = (double)f->steps * (f->epoch - 1) + (double)f->step;
    return (steps * (f->start - 1) + made) / (steps * p->starts);
}

static void add_measures(line *l, const wg__progress *p, const wg_fit_facts *f) {
    add(l, "  loss %#.4g", f->loss);
    if (!isnan(f->validation)) add(l, "  validation %#.4g", f->validation);
    if (p->metric && !isnan(f->metric))
        add(l, "  %s %.*f%s", p->metric, p->share ? 2 : 4, p->share ? 100 * f->metric : f->metric,
            p->share ? " %" : "");
}

static line line_of(const wg__progress *p, const wg_fit_facts *f, double now) {
    line l = { .length = 0 };
    if (p->starts > 1) add(&l, "start %d/%d  ", f->start, p->starts);
    add(&l, "epoch %d/%d", f->epoch, p->epochs);
    if (f->step < f->steps) add(&l, " %3d %%", (int)(100 * f->step / f->steps));
    add_measures(&l, p, f);
    double seen = fmin((double)f->step * (double)p->batch, (double)p->samples);
    add(&l, "  %.0f/s", seen / fmax(now - p->began, 1e-9));
    double part = done(p, f);
    add_time(&l, f->seconds * (1 - part) / part);
    return l;
}

/* ---- when ------------------------------------------------------------------------------------ */

static void show(wg__progress *p, const line *l, double now, bool last) {
    if (p->terminal) {
        int blanks = p->length > l->length ? p->length - l->length : 0;
        fprintf(p->file, "\r%s%*s%s", l->text, blanks, "", last ? "\n" : "");
        p->length = last ? 0 : l->length;
    } else {
        fprintf(p->file, "%s\n", l->text);
    }
    fflush(p->file);
    p->shown = now;
}

void wg__progress_step(wg__progress *p, const wg_fit_facts *f) {
    if (!p->file) return;
    double now = wg__seconds();
    if (now - p->shown < (p->terminal ? OFTEN : LONG)) return;
    line l = line_of(p, f, now);
    show(p, &l, now, false);
}

void wg__progress_epoch(wg__progress *p, const wg_fit_facts *f, bool last) {
    if (!p->file) return;
    double now = wg__seconds();
    int every = (p->epochs + LINES - 1) / LINES;
    if (p->terminal || last || f->epoch % every == 0 || now - p->shown > PATIENT) {
        line l = line_of(p, f, now);
        show(p, &l, now, last);
    }
}

void wg__progress_end(wg__progress *p) {
    if (!p->file || p->length == 0) return;
    fputs("\n", p->file);
    fflush(p->file);
    p->length = 0;
}
