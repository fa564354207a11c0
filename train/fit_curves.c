// SPDX-License-Identifier: MIT
/* fit_curves.c: learning curves. A row goes to the CSV as soon as its epoch is finished, so that a
   program that is killed leaves what it had; the picture is drawn at the end. */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <string.h>

#include "io/io_impl.h"
#include "train/fit_impl.h"
#include "train/train_impl.h"

enum { KEYS = 6 };  // starts that are named in the picture

/* ---- numbers --------------------------------------------------------------------------------- */

static bool write_fail(const char *path) { return wg__file_fail(path, "write", errno); }

FILE *wg__curves_open(const char *path) {
    FILE *file = fopen(path, "w");
    if (file && fputs("start,epoch,rate,loss,validation,metric,seconds\n", file) >= 0 &&
        fflush(file) == 0)
        return file;
    write_fail(path);
    if (file) fclose(file);
    return NULL;
}

static int write_row(FILE *file, const wg_fit_row *r) {
    return fprintf(file, "%.0f,%.0f,%.9g,%.9g,%.9g,%.9g,%.3f\n", r->start, r->epoch, r->rate,
                   r->loss, r->validation, r->metric, r->seconds);
}

// With a decimal point, whatever the program's locale.
bool wg__curves_add(FILE *file, const char *path, const wg_fit_row *row) {
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c == (locale_t)0) return wg_fail(WG_ERROR_MEMORY, "%s: no memory for a locale", path);
    locale_t before = uselocale(c);
    int n = write_row(file, row);
    uselocale(before);
    freelocale(c);
    return (n >= 0 && fflush(file) == 0) || write_fail(path);
}

bool wg__curves_close(FILE *file, const char *path) {
    return !file || fclose(file) == 0 || write_fail(path);
}

/* ---- picture --------------------------------------------------------------------------------- */

typedef double field(const wg_fit_row *r);
static double loss_of(const wg_fit_row *r) { return r->loss; }
static double validation_of(const wg_fit_row *r) { return r->validation; }
static double metric_of(const wg_fit_row *r) { return r->metric; }

/* A curve of each start: the rows of one after those of another. */
typedef struct curve {
    wg_chart *chart;
    const wg_fit_report *r;
    double *x, *y;  // room for all rows
    int starts;
} curve;

static bool measured(const curve *c, field *of) {
    for (int i = 0; i < c->r->epochs; i++)
        if (isfinite(of(&c->r->history[i]))) return true;
    return false;
}

static bool draw_start(const curve *c, int start, field *of, const char *name, wg_mark mark) {
    int64_t n = 0;
    for (int i = 0; i < c->r->epochs; i++) {
        const wg_fit_row *row = &c->r->history[i];
        if ((int)row->start != start) continue;
        c->x[n] = row->epoch, c->y[n++] = of(row);
    }
    char label[80];
    snprintf(label, sizeof label, c->starts > 1 ? "%s, start %d" : "%s", name, start);
    // The colours of a start's two losses are told apart where it is alone.
    int colour = c->starts > 1 ? 1 + (start - 1) % 8 : 0;
    wg_xy line = { .mark = mark, .n = n, .x = c->x, .y = c->y, .colour = colour };
    // A key of many starts would be larger than the picture.
    return n == 0 || wg_chart_xy(c->chart, start <= KEYS ? label : NULL, line);
}

static bool draw_field(const curve *c, field *of, const char *name, wg_mark mark) {
    if (!measured(c, of)) return true;
    for (int start = 1; start <= c->starts; start++)
        if (!draw_start(c, start, of, name, mark)) return false;
    return true;
}

static bool draw_best(const curve *c, field *of) {
    double x = c->r->best.epoch, y = of(&c->r->best);
    wg_xy point = { .mark = WG_MARK_POINTS, .n = 1, .x = &x, .y = &y, .colour = 5 };
    return c->r->best.epoch == 0 || !isfinite(y) || wg_chart_xy(c->chart, "taken", point);
}

static bool draw(const curve *c, const char *metric) {
    field *judge = measured(c, validation_of) ? validation_of : loss_of;
    if (!wg_chart_panel(c->chart, (wg_panel_options){ .x = "epoch", .y = "loss" }) ||
        !draw_field(c, loss_of, "training", WG_MARK_DASHES) ||
        !draw_field(c, validation_of, "validation", WG_MARK_LINE) || !draw_best(c, judge))
        return false;
    if (!measured(c, metric_of)) return true;
    return wg_chart_panel(c->chart, (wg_panel_options){ .x = "epoch", .y = metric }) &&
           draw_field(c, metric_of, metric, WG_MARK_LINE) && draw_best(c, metric_of);
}

// NAME.csv as NAME.svg, anything else with .svg behind; to be freed.
static char *picture_path(const char *path) {
    size_t length = strlen(path);
    if (length >= 4 && strcmp(path + length - 4, ".csv") == 0) length -= 4;
    char *svg = wg__alloc(length + 5);
    if (!svg) return NULL;
    memcpy(svg, path, length);
    memcpy(svg + length, ".svg", 5);
    return svg;
}

static bool draw_and_save(curve *c, const char *path, const char *metric) {
    for (int i = 0; i < c->r->epochs; i++)
        if (c->r->history[i].start > c->starts) c->starts = (int)c->r->history[i].start;
    char *svg = picture_path(path);
    c->x = svg ? wg__alloc_items(c->r->epochs, 2 * sizeof *c->x) : NULL;
    c->chart = c->x ? wg_chart_new((wg_chart_options){ .title = "Learning curves" }) : NULL;
    bool good = c->chart != NULL;
    if (good) {
        c->y = c->x + c->r->epochs;
        good = draw(c, metric) && wg_chart_save(c->chart, svg, NULL);
    }
    wg_chart_free(c->chart);
    wg__free(c->x), wg__free(svg);
    return good;
}

bool wg__curves_draw(const char *path, const char *metric, const wg_fit_report *r) {
    curve c = { .r = r };
    return r->epochs == 0 || draw_and_save(&c, path, metric ? metric : "metric");
}
