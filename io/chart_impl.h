// SPDX-License-Identifier: MIT
/* chart_impl.h: what the files of a chart share. Text that grows, in which a label can only ever be
   text: not gnuplot's code, not its markup, not broken XML. */
#ifndef WG_CHART_IMPL_H
#define WG_CHART_IMPL_H

#include "io/io_impl.h"

/* ---- text that grows: chart_text.c ----------------------------------------------------------- */

/* While an error is pending nothing is added, so a long text needs one look at its end. { 0 } is
   empty; to be freed with wg__free(t->data). */
typedef struct wg__text {
    char *data;
    size_t size, room;
} wg__text;

void wg__text_add(wg__text *t, const char *format, ...) WG_PRINTF(2, 3);
void wg__text_append(wg__text *t, const wg__text *more);
/* 9 digits where those are all of it, else 17, with a point in every locale; NaN for what is not
   finite. */
void wg__text_number(wg__text *t, double value);
/* A string of gnuplot, in its double quotes. Line breaks stay, other control characters become
   blanks, and what is not UTF-8, or not allowed in XML, a question mark. */
void wg__text_label(wg__text *t, const char *label, const char *more);
/* The same where gnuplot would take it for a format of a number: the name of a tic. */
void wg__text_format(wg__text *t, const char *label);
/* The same with all bytes as they are: a path. */
void wg__text_path(wg__text *t, const char *path, size_t length);

/* ---- a chart: chart.c ------------------------------------------------------------------------ */

enum { WG__COLOURS = 8 };

/* Nothing is kept but text: the numbers, and parts of the script. Of the panel that is being
   filled, what stands before `plot`, and what after it. */
enum {
    WG__CHART_TITLE,
    WG__CHART_NUMBERS,
    WG__CHART_CONTOURS,  // what must come before the first panel
    WG__CHART_CLOSED,    // the panels before the last
    WG__CHART_HEAD,
    WG__CHART_PLOT,
    WG__CHART_TEXTS
};

typedef struct wg__panel {
    int items, curves, bars;  // curves and bars among the items
    bool open, log_x, log_y, no_key;
    bool fixed_x, fixed_y;       // the range was given
    bool seen;                   // something in it is sure to be drawn
    bool loose;                  // the axes go on to their next tics
    bool heat, surface, hidden;  // hidden: some values are not shown
    double least[2], most[2];    // x and y of its grids; least > most: none
} wg__panel;

struct wg_chart {
    int width, height, columns;
    int panels, blocks;  // blocks of numbers
    wg__panel last;
    wg__text text[WG__CHART_TEXTS];
};

/* Begins an addition: no error pending, a chart, an open panel. *before is what wg__chart_end takes
   the chart back to if there was an error meanwhile; it returns whether there was none. */
bool wg__chart_begin(wg_chart *c, const char *call, wg_chart *before);
bool wg__chart_end(wg_chart *c, const wg_chart *before);

/* "set xrange [min:max]" for axis 'x'. */
void wg__chart_range(wg__text *t, char axis, double min, double max);

/* ---- running gnuplot: chart_draw.c ----------------------------------------------------------- */

/* The name of a picture, cut up: folder, stem and ending stand in `path` one after the other. */
typedef struct wg__picture {
    const char *path;
    size_t folder, stem;  // lengths; the folder's with its last slash, the stem's without it
    bool png;
} wg__picture;

/* Has gnuplot run STEM.gp, which writes the picture to its standard output when `to_stdout` is
   defined, and puts what comes into p->path. True with *drawn false if there is no gnuplot. */
bool wg__picture_draw(const wg__picture *p, bool *drawn);

#endif
