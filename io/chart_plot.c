// SPDX-License-Identifier: MIT
/* chart_plot.c: what stands in a panel. Each addition is a block of numbers and a clause of its
   panel's `plot`, which finds the block by its index. */
#include <math.h>
#include <string.h>

#include "io/chart_impl.h"

enum {
    MARKED = 30,  // points of a line
    FEW = 60,
    MANY = 400,  // points: the more, the smaller
    LEVELS_MAX = 100,
    CELLS = 400  // of a heat map, drawn as rectangles; more become an embedded image
};
static const int64_t numbers_max = 1 << 22;  // of an addition: gnuplot would take minutes

/* ---- numbers --------------------------------------------------------------------------------- */

static void write_number(wg__text *t, double value, char after) {
    wg__text_number(t, value);
    wg__text_add(t, "%c", after);
}

static void begin_block(wg_chart *c, const char *what, int64_t rows, int64_t columns) {
    wg__text *t = &c->text[WG__CHART_NUMBERS];
    wg__text_add(t, "%s# %d: %s, %lld x %lld\n", c->blocks ? "\n\n" : "", c->blocks, what,
                 (long long)rows, (long long)columns);
    c->blocks++;
}

static void begin_clause(wg_chart *c) {
    wg__text_add(&c->text[WG__CHART_PLOT], c->last.items++ ? ", \\\n  " : "  ");
}

static const char *note_hidden(wg_chart *c, int64_t hidden, char *text, size_t size) {
    if (hidden == 0) return NULL;
    snprintf(text, size, " (%lld not shown)", (long long)hidden);
    c->last.hidden = true;
    return text;
}

/* A panel of a surface has nothing else. */
static bool has_room(const wg_chart *c, const char *call, bool alone) {
    if (c->last.surface || (alone && c->last.items > 0))
        return wg_fail(WG_ERROR_STATE, "%s: a surface is alone in its panel", call);
    return true;
}

/* ---- curves and points ----------------------------------------------------------------------- */

typedef struct counts {
    int64_t shown, hidden;
} counts;

static double x_of(const wg_xy *p, int64_t i) { return p->x ? p->x[i] : (double)i; }

static counts count_points(const wg__panel *panel, const wg_xy *p) {
    counts n = { 0 };
    for (int64_t i = 0; i < p->n; i++) {
        double x = x_of(p, i), y = p->y[i], y2 = p->y2 ? p->y2[i] : y;
        if (isnan(x) || isnan(y) || isnan(y2)) continue;
        bool shown = isfinite(x) && isfinite(y) && isfinite(y2) && !(panel->log_x && x <= 0) &&
                     !(panel->log_y && fmin(y, y2) <= 0);
        n.shown += shown;
        n.hidden += !shown;
    }
    return n;
}

/* The width that bars have in all: what leaves a gap between the two that are nearest. */
static double bar_width(const wg_xy *p) {
    double nearest = INFINITY;
    for (int64_t i = 1; i < p->n; i++) {
        double gap = fabs(x_of(p, i) - x_of(p, i - 1));
        if (gap > 0 && gap < nearest) nearest = gap;
    }
    return isfinite(nearest) ? 0.8 * nearest : 0.8;
}

static void write_points(wg_chart *c, const wg_xy *p) {
    wg__text *t = &c->text[WG__CHART_NUMBERS];
    begin_block(c, p->y2 ? "x y y2" : "x y", p->n, p->y2 ? 3 : 2);
    for (int64_t i = 0; i < p->n && !wg__pending(); i++) {
        write_number(t, x_of(p, i), ' ');
        write_number(t, p->y[i], p->y2 ? ' ' : '\n');
        if (p->y2) write_number(t, p->y2[i], '\n');
    }
    if (p->n == 0) wg__text_add(t, "NaN NaN NaN\n");  // a block without a row would not count
}

typedef struct style {
    const char *colour, *dash;
    int shape;
} style;
static const style styles[WG__COLOURS] = {
    { "#0072b2", "1", 7 },           { "#d55e00", "(11,4)", 5 },    { "#009e73", "(3,3)", 9 },
    { "#b8558f", "(11,3,2,3)", 13 }, { "#000000", "1", 11 },        { "#3a9bd9", "(6,3)", 15 },
    { "#e69f00", "(2,4)", 7 },       { "#888888", "(6,3,2,3)", 5 },
};

static const char *point_size(int64_t n) { return n <= FEW ? "0.8" : n <= MANY ? "0.6" : "0.4"; }

static void write_bars(wg_chart *c, const wg_xy *p) {
    wg__text *t = &c->text[WG__CHART_PLOT];
    wg__text_add(t, "($1 + (%d - (bars - 1) / 2.0) * ", c->last.bars++);
    double width = bar_width(p);
    write_number(t, width, ' ');
    wg__text_add(t, "/ bars):2:(");
    write_number(t, 0.94 * width, ' ');
    wg__text_add(t, "/ bars)");
}

static const struct {
    const char *with;
    bool dash, shape;
    const char *fill;
} marks[WG_MARKS] = {
    [WG_MARK_LINE] = { "lines lw 2", true, false, "" },
    [WG_MARK_DASHES] = { "lines lw 1.5 dt (5,4)", false, false, "" },
    [WG_MARK_POINTS] = { "points", false, true, "" },
    [WG_MARK_LINE_POINTS] = { "linespoints lw 1.5", true, true, "" },
    [WG_MARK_STEPS] = { "steps lw 2", true, false, "" },
    [WG_MARK_BARS] = { "boxes", false, false, " fs solid 0.8 border lc rgb '#333333'" },
    [WG_MARK_BAND] = { "filledcurves", false, false, " fs transparent solid 0.25 noborder" },
};

/* What follows `using`. */
static void write_mark(wg_chart *c, const wg_xy *p, const style *s) {
    wg__text *t = &c->text[WG__CHART_PLOT];
    if (p->mark == WG_MARK_BARS)
        write_bars(c, p);
    else
        wg__text_add(t, p->mark == WG_MARK_BAND ? "1:2:3" : "1:2");
    wg__text_add(t, " with %s", marks[p->mark].with);
    if (marks[p->mark].dash) wg__text_add(t, " dt %s", s->dash);
    if (marks[p->mark].shape) wg__text_add(t, " pt %d ps %s", s->shape, point_size(p->n));
    if (p->mark == WG_MARK_LINE_POINTS)
        wg__text_add(t, " pi %lld", (long long)(1 + (p->n - 1) / MARKED));
    wg__text_add(t, " lc rgb '%s'%s", s->colour, marks[p->mark].fill);
}

/* Over the colours of a heat map, points have a white rim. */
static void write_rim(wg_chart *c, const wg_xy *p, const style *s) {
    begin_clause(c);
    wg__text_add(&c->text[WG__CHART_PLOT],
                 "data index %d using 1:2 with points pt %d ps %s*1.4 lc rgb 'white' notitle",
                 c->blocks - 1, s->shape, point_size(p->n));
}

static void write_title(wg_chart *c, const char *label, int64_t hidden) {
    char note[48];
    const char *more = note_hidden(c, hidden, note, sizeof note);
    wg__text *t = &c->text[WG__CHART_PLOT];
    if (!label && !more) {
        wg__text_add(t, " notitle");
        return;
    }
    wg__text_add(t, " title ");
    wg__text_label(t, label, more);
}

static bool check_points(const wg_xy *p) {
    static const char call[] = "wg_chart_xy";
    if (p->n < 0 || p->n > numbers_max / 3)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: %lld points, at most %lld", call, (long long)p->n,
                       (long long)numbers_max / 3);
    if (p->n > 0 && !p->y) return wg_fail(WG_ERROR_ARGUMENT, "%s: y is NULL", call);
    if ((unsigned)p->mark >= WG_MARKS)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: there is no mark %d", call, (int)p->mark);
    if (p->n > 0 && p->mark == WG_MARK_BAND && !p->y2)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: a band needs y2", call);
    if (p->colour < 0 || p->colour > WG__COLOURS)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: colour %d, of 1 to %d", call, p->colour,
                       WG__COLOURS);
    return true;
}

/* A line through a single value would show nothing. */
static wg_mark visible(const wg_xy *p, const counts *n) {
    bool line = p->mark == WG_MARK_LINE || p->mark == WG_MARK_DASHES || p->mark == WG_MARK_STEPS;
    return line && n->shown == 1 ? WG_MARK_LINE_POINTS : p->mark;
}

static void add_points(wg_chart *c, const char *label, wg_xy *p) {
    const style *s = &styles[p->colour ? p->colour - 1 : c->last.curves++ % WG__COLOURS];
    counts n = count_points(&c->last, p);
    p->mark = visible(p, &n);
    bool points = p->mark == WG_MARK_POINTS;
    c->last.seen |= n.shown > 0;
    c->last.loose |= points || p->mark == WG_MARK_BARS;
    write_points(c, p);
    if (points && c->last.heat) write_rim(c, p, s);
    begin_clause(c);
    wg__text_add(&c->text[WG__CHART_PLOT], "data index %d using ", c->blocks - 1);
    write_mark(c, p, s);
    write_title(c, label, n.hidden);
}

bool wg_chart_xy(wg_chart *c, const char *label, wg_xy p) {
    wg_chart before;
    if (wg__pending() || !check_points(&p)) return false;
    if (p.mark != WG_MARK_BAND) p.y2 = NULL;
    if (wg__chart_begin(c, "wg_chart_xy", &before) && has_room(c, "wg_chart_xy", false))
        add_points(c, label, &p);
    return c && wg__chart_end(c, &before);
}

/* ---- grids ----------------------------------------------------------------------------------- */

static bool check_grid(const char *call, const wg_grid *g) {
    if (g->rows < 2 || g->columns < 2 || g->rows > numbers_max / 3 ||
        g->columns > numbers_max / 3 / g->rows)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: a grid of %lld x %lld, at least 2 x 2, at most %lld",
                       call, (long long)g->rows, (long long)g->columns, (long long)numbers_max / 3);
    if (!g->z) return wg_fail(WG_ERROR_ARGUMENT, "%s: z is NULL", call);
    double width = g->x_max - g->x_min, height = g->y_max - g->y_min;
    if (!isfinite(width) || !isfinite(height) || width == 0 || height == 0)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: x from %g to %g, y from %g to %g", call, g->x_min,
                       g->x_max, g->y_min, g->y_max);
    if (!isfinite(g->z_min) || !isfinite(g->z_max) || g->z_min > g->z_max)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: z from %g to %g", call, g->z_min, g->z_max);
    return true;
}

static double along(double min, double max, int64_t i, int64_t n) {
    return min + (max - min) * (double)i / (double)(n - 1);
}

static void cover(wg__panel *p, int axis, double a, double b) {
    p->least[axis] = fmin(p->least[axis], fmin(a, b));
    p->most[axis] = fmax(p->most[axis], fmax(a, b));
}

static void write_grid(wg_chart *c, const wg_grid *g) {
    wg__text *t = &c->text[WG__CHART_NUMBERS];
    cover(&c->last, 0, g->x_min, g->x_max);
    cover(&c->last, 1, g->y_min, g->y_max);
    begin_block(c, "x y z", g->rows, g->columns);
    for (int64_t i = 0; i < g->rows; i++) {
        wg__text_add(t, i ? "\n" : "");
        for (int64_t j = 0; j < g->columns && !wg__pending(); j++) {
            write_number(t, along(g->x_min, g->x_max, j, g->columns), ' ');
            write_number(t, along(g->y_min, g->y_max, i, g->rows), ' ');
            write_number(t, g->z[i * g->columns + j], '\n');
        }
    }
}

typedef struct range {
    double min, max;  // of the finite values; 0 and 1 if there are none
    counts n;
} range;
static range find_range(const wg_grid *g) {
    range r = { .min = INFINITY, .max = -INFINITY };
    for (int64_t i = 0; i < g->rows * g->columns; i++) {
        r.n.hidden += isinf(g->z[i]);
        r.n.shown += isfinite(g->z[i]);
        if (!isfinite(g->z[i])) continue;
        r.min = fmin(r.min, g->z[i]);
        r.max = fmax(r.max, g->z[i]);
    }
    if (r.n.shown == 0) r.min = 0, r.max = 1;
    return r;
}

/* An axis needs a length. */
static void write_z_range(wg__text *t, const char *axis, double min, double max) {
    if (!(min < max)) max = min + (min == 0 ? 1 : fabs(min));
    wg__text_add(t, "set %srange [", axis);
    write_number(t, min, ':');
    write_number(t, max, ']');
    wg__text_add(t, "\n");
}

/* The axis of the colours, which is named beside its bar, or, where it is also the height, above
   the top of that: labels beside a height may stand outside the picture. */
static void write_colours(wg_chart *c, const wg_grid *g, const char *label, bool height) {
    const char *where = height ? "label 1" : "cblabel";
    const char *place = height ? " at graph 0, 1, 1.15 center" : "";
    wg__text *t = &c->text[WG__CHART_HEAD];
    range r = find_range(g);
    char note[48];
    const char *more = note_hidden(c, r.n.hidden, note, sizeof note);
    double most = fmax(fabs(r.min), fabs(r.max));
    bool given = g->z_min != 0 || g->z_max != 0;
    wg__text_add(t, g->diverging ? "set palette defined (0 '#2166ac', 1 '#92c5de', 2 '#ffffff', "
                                   "3 '#fdb863', 4 '#b35806')\n"
                                 : "set palette defined (0 '#440154', 1 '#3b528b', 2 '#21918c', "
                                   "3 '#5ec962', 4 '#fde725')\n");
    wg__text_add(t, "set palette maxcolors 64\n");
    if (given)
        write_z_range(t, "cb", g->z_min, g->z_max);
    else
        write_z_range(t, "cb", g->diverging ? -most : r.min, g->diverging ? most : r.max);
    wg__text_add(t, "set %s ", where);
    wg__text_label(t, label, more);
    wg__text_add(t, "%s\n", place);
    c->last.seen |= r.n.shown > 0;
}

bool wg_chart_heat(wg_chart *c, const char *label, wg_grid g) {
    static const char call[] = "wg_chart_heat";
    wg_chart before;
    if (wg__pending() || !check_grid(call, &g)) return false;
    if (wg__chart_begin(c, call, &before) && has_room(c, call, false)) {
        if (c->last.heat) wg_fail(WG_ERROR_STATE, "%s: the panel has one already", call);
        write_colours(c, &g, label, false);
        write_grid(c, &g);
        begin_clause(c);
        wg__text_add(&c->text[WG__CHART_PLOT], "data index %d using 1:2:3 with image%s notitle",
                     c->blocks - 1, g.rows * g.columns <= CELLS ? " pixels" : "");
        c->last.heat = true;
    }
    return c && wg__chart_end(c, &before);
}

static void add_contour(wg_chart *c, const char *label, const wg_grid *g, int count,
                        const double levels[]) {
    range r = find_range(g);
    wg__text *t = &c->text[WG__CHART_CONTOURS];
    wg__text_add(t, "\nreset\n");
    wg__chart_range(t, 'x', fmin(g->x_min, g->x_max), fmax(g->x_min, g->x_max));
    wg__chart_range(t, 'y', fmin(g->y_min, g->y_max), fmax(g->y_min, g->y_max));
    write_z_range(t, "z", r.min, r.max);
    wg__text_add(t, "set contour base\nunset surface\nset cntrparam levels discrete ");
    for (int i = 0; i < count; i++) {
        wg__text_add(t, i ? ", " : "");
        wg__text_number(t, levels[i]);
    }
    wg__text_add(t, "\nset table $lines%d\nsplot data index %d using 1:2:3\nunset table\n",
                 c->blocks - 1, c->blocks - 1);
    begin_clause(c);
    wg__text_add(&c->text[WG__CHART_PLOT], "$lines%d using 1:2 with lines %s", c->blocks - 1,
                 count == 1 ? "lw 1.5 lc rgb '#000000'" : "lw 0.8 lc rgb '#777777'");
    write_title(c, label, r.n.hidden);
}

bool wg_chart_contour(wg_chart *c, const char *label, wg_grid g, int count, const double levels[]) {
    static const char call[] = "wg_chart_contour";
    wg_chart before;
    if (wg__pending() || !check_grid(call, &g)) return false;
    if (count < 1 || count > LEVELS_MAX || !levels)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: %d levels, 1 to %d", call, levels ? count : 0,
                       LEVELS_MAX);
    for (int i = 0; i < count; i++)
        if (!isfinite(levels[i]))
            return wg_fail(WG_ERROR_ARGUMENT, "%s: level %d is %g", call, i, levels[i]);
    if (wg__chart_begin(c, call, &before) && has_room(c, call, false)) {
        write_grid(c, &g);
        add_contour(c, label, &g, count, levels);
    }
    return c && wg__chart_end(c, &before);
}

bool wg_chart_surface(wg_chart *c, const char *label, wg_grid g) {
    static const char call[] = "wg_chart_surface";
    wg_chart before;
    if (wg__pending() || !check_grid(call, &g)) return false;
    if (wg__chart_begin(c, call, &before) && has_room(c, call, true)) {
        write_colours(c, &g, label, true);
        wg__text_add(&c->text[WG__CHART_HEAD],
                     "set view 55,330,0.9,1.2\nset xyplane relative 0.05\nunset colorbox\n"
                     "set pm3d depthorder border lc rgb '#444444' lw 0.3\n");
        write_grid(c, &g);
        begin_clause(c);
        wg__text_add(&c->text[WG__CHART_PLOT], "data index %d using 1:2:3 with pm3d notitle",
                     c->blocks - 1);
        c->last.surface = true;
    }
    return c && wg__chart_end(c, &before);
}
