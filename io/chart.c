// SPDX-License-Identifier: MIT
/* chart.c: charts, their panels, and how they are saved. What is added to a chart becomes numbers
   and clauses of gnuplot's script at once; to save is to write these texts out. An error takes the
   texts back to where they were. */
#include <math.h>
#include <string.h>

#include "io/chart_impl.h"

enum { WIDTH = 720, ONE_HEIGHT = 440, ROW_HEIGHT = 330, SIDE_LIMIT = 10000, NAMES_ABREAST = 70 };

void wg_chart_free(wg_chart *c) {
    if (!c) return;
    for (int i = 0; i < WG__CHART_TEXTS; i++) wg__free(c->text[i].data);
    wg__free(c);
}

wg_chart *wg_chart_new(wg_chart_options o) {
    if (wg__pending()) return NULL;
    int least = o.width < o.height ? o.width : o.height;
    if (least < 0 || o.width > SIDE_LIMIT || o.height > SIDE_LIMIT)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "wg_chart_new: %d by %d pixels, at most %d",
                             o.width, o.height, SIDE_LIMIT);
    if (o.columns < 0)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "wg_chart_new: %d columns", o.columns);
    wg_chart *c = wg__alloc_zero(sizeof *c);
    if (!c) return NULL;
    c->width = o.width ? o.width : WIDTH;
    c->height = o.height;
    c->columns = o.columns ? o.columns : 1;
    if (o.title) wg__text_label(&c->text[WG__CHART_TITLE], o.title, NULL);
    if (!wg__pending()) return c;
    wg_chart_free(c);
    return NULL;
}

/* ---- all or nothing -------------------------------------------------------------------------- */

static bool begin(wg_chart *c, const char *call, wg_chart *before) {
    if (wg__pending()) return false;
    if (!c) return wg_fail(WG_ERROR_ARGUMENT, "%s: the chart is NULL", call);
    *before = *c;
    return true;
}

bool wg__chart_begin(wg_chart *c, const char *call, wg_chart *before) {
    if (!begin(c, call, before)) return false;
    return c->last.open || wg_chart_panel(c, (wg_panel_options){ 0 });
}

bool wg__chart_end(wg_chart *c, const wg_chart *before) {
    if (!wg__pending()) return true;
    wg__text text[WG__CHART_TEXTS];  // which may have moved
    memcpy(text, c->text, sizeof text);
    *c = *before;
    memcpy(c->text, text, sizeof text);
    for (int i = 0; i < WG__CHART_TEXTS; i++) c->text[i].size = before->text[i].size;
    return false;
}

/* ---- a panel --------------------------------------------------------------------------------- */

static bool is_range(double min, double max) { return min != 0 || max != 0; }

static bool check_range(char axis, double min, double max, bool log) {
    if (!is_range(min, max)) return true;
    if (!isfinite(min) || !isfinite(max) || min == max)
        return wg_fail(WG_ERROR_ARGUMENT, "wg_chart_panel: %c from %g to %g", axis, min, max);
    if (log && !(fmin(min, max) > 0))
        return wg_fail(WG_ERROR_ARGUMENT, "wg_chart_panel: %c from %g to %g, on a logarithmic axis",
                       axis, min, max);
    return true;
}

void wg__chart_range(wg__text *t, char axis, double min, double max) {
    wg__text_add(t, "set %crange [", axis);
    wg__text_number(t, min);
    wg__text_add(t, ":");
    wg__text_number(t, max);
    wg__text_add(t, "]\n");
}

static void set_label(wg__text *t, const char *what, const char *label, const char *more) {
    if (!label) return;
    wg__text_add(t, "set %s ", what);
    wg__text_label(t, label, more);
    wg__text_add(t, "\n");
}

/* Names that are too long to stand beside each other stand aslant. */
static void set_names(wg__text *t, char axis, const char *const *names) {
    if (!names) return;
    size_t length = 0;
    for (int i = 0; names[i]; i++) length += strlen(names[i]) + 1;
    wg__text_add(t, "set %ctics %s(", axis,
                 axis == 'x' && length > NAMES_ABREAST ? "rotate by -30 " : "");
    for (int i = 0; names[i]; i++) {
        wg__text_add(t, i ? ", " : "");
        wg__text_format(t, names[i]);
        wg__text_add(t, " %d", i);
    }
    wg__text_add(t, ")\n");
}

static void write_head(wg__text *t, const wg_panel_options *o) {
    set_label(t, "title", o->title, NULL);
    set_label(t, "xlabel", o->x, o->no_key ? NULL : "\n");  // a line's room above the key
    set_label(t, "ylabel", o->y, NULL);
    if (o->log_x) wg__text_add(t, "set logscale x\n");
    if (o->log_y) wg__text_add(t, "set logscale y\n");
    if (is_range(o->x_min, o->x_max)) wg__chart_range(t, 'x', o->x_min, o->x_max);
    if (is_range(o->y_min, o->y_max)) wg__chart_range(t, 'y', o->y_min, o->y_max);
    if (o->equal) wg__text_add(t, "set size ratio -1\n");
    set_names(t, 'x', o->x_names);
    set_names(t, 'y', o->y_names);
}

/* Axes of a panel that may show nothing, where gnuplot would give up. */
static void write_blank(wg__text *t, const wg__panel *p) {
    const bool fixed[2] = { p->fixed_x, p->fixed_y }, log[2] = { p->log_x, p->log_y };
    for (int i = 0; i < 2 && !p->seen; i++) {
        double min = log[i] ? 1 : 0, max = log[i] ? 10 : 1;
        if (p->least[i] < p->most[i] && !(log[i] && p->least[i] <= 0)) {
            min = p->least[i];
            max = p->most[i];
        }
        if (!fixed[i]) wg__chart_range(t, "xy"[i], min, max);
    }
    if (!p->seen && p->surface) wg__chart_range(t, 'z', 0, 1);
}

/* The script of the panel that is being filled. */
static void write_panel(const wg_chart *c, wg__text *t) {
    const wg__panel *p = &c->last;
    wg__text_add(t, "\nreset\n"
                    "set format '%%g'\n"
                    "set tics nomirror out scale 0.6\n");
    if (!p->heat) wg__text_add(t, "set grid lt 1 lc rgb '#e4e4e4' lw 0.6\n");
    if (!p->heat && !p->surface) wg__text_add(t, "set border 3\n");
    if (!p->surface) wg__text_add(t, "set xlabel offset 0, 0.5\n");
    if (p->heat || !p->loose) wg__text_add(t, "set autoscale xfix\n");
    if (p->heat) wg__text_add(t, "set autoscale yfix\n");
    if (p->bars && !p->log_y && !p->fixed_y) wg__text_add(t, "set yrange [*<0:0<*]\n");
    wg__text_append(t, &c->text[WG__CHART_HEAD]);
    write_blank(t, p);
    wg__text_add(t, p->no_key && !p->hidden ? "unset key\n"
                                            : "set key below left Left reverse samplen 2.5\n");
    if (p->bars) wg__text_add(t, "bars = %d\nset offsets 0.2, 0.2, 0, 0\n", p->bars);
    wg__text_add(t, "%splot \\\n", p->surface ? "s" : "");
    wg__text_append(t, &c->text[WG__CHART_PLOT]);
    wg__text_add(t, p->items ? "\n" : "  NaN notitle\n");
}

static wg__panel begin_panel(const wg_panel_options *o) {
    return (wg__panel){ .open = true,
                        .log_x = o->log_x,
                        .log_y = o->log_y,
                        .no_key = o->no_key,
                        .fixed_x = is_range(o->x_min, o->x_max),
                        .fixed_y = is_range(o->y_min, o->y_max),
                        .least = { INFINITY, INFINITY },
                        .most = { -INFINITY, -INFINITY } };
}

bool wg_chart_panel(wg_chart *c, wg_panel_options o) {
    wg_chart before;
    wg__text head = { 0 };  // apart, until the last panel is safe among the closed
    if (!begin(c, "wg_chart_panel", &before)) return false;
    if (!check_range('x', o.x_min, o.x_max, o.log_x)) return false;
    if (!check_range('y', o.y_min, o.y_max, o.log_y)) return false;
    if (c->last.open) write_panel(c, &c->text[WG__CHART_CLOSED]);
    write_head(&head, &o);
    if (!wg__chart_end(c, &before)) {
        wg__free(head.data);
        return false;
    }
    wg__free(c->text[WG__CHART_HEAD].data);
    c->text[WG__CHART_HEAD] = head;
    c->text[WG__CHART_PLOT].size = 0;
    c->last = begin_panel(&o);
    c->panels++;
    return true;
}

/* ---- saving ---------------------------------------------------------------------------------- */

static bool cut_name(const char *path, wg__picture *p) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    *p = (wg__picture){ .path = path, .folder = (size_t)(name - path) };
    p->stem = dot ? (size_t)(dot - name) : 0;
    p->png = dot && strcmp(dot, ".png") == 0;
    if (p->stem > 0 && (p->png || strcmp(dot, ".svg") == 0)) return true;
    return wg_fail(WG_ERROR_ARGUMENT, "wg_chart_save: %s: a chart is saved as NAME.svg or NAME.png",
                   path);
}

static void add_name(wg__text *t, const wg__picture *p, const char *ending) {
    wg__text name = { 0 };
    wg__text_add(&name, "%.*s%s", (int)p->stem, p->path + p->folder, ending);
    wg__text_path(t, name.data, name.size);
    wg__free(name.data);
}

/* The colours and fonts of all panels are the terminal's. */
static void write_start(const wg_chart *c, const wg__picture *p, wg__text *t) {
    int rows = (c->panels + c->columns - 1) / c->columns;
    int height = c->height ? c->height : rows <= 1 ? ONE_HEIGHT : rows * ROW_HEIGHT;
    wg__text_add(t, "# gnuplot 5.2 or later, in this folder\nset encoding utf8\n");
    wg__text_add(t, "set terminal %s size %d,%d %s noenhanced font '%s' background '#ffffff'\n",
                 p->png ? "pngcairo" : "svg", c->width, height, p->png ? "" : "fixed",
                 p->png ? "Sans,9" : "sans-serif,13");
    wg__text_add(t, "if (!exists('to_stdout')) set output ");
    add_name(t, p, p->png ? ".png" : ".svg");
    wg__text_add(t, "\ndata = ");
    add_name(t, p, ".dat");
    wg__text_add(t, "\n");
    wg__text_append(t, &c->text[WG__CHART_CONTOURS]);
    if (c->panels < 2 && c->text[WG__CHART_TITLE].size == 0) return;
    wg__text_add(t, "\nset multiplot layout %d,%d", rows ? rows : 1, c->columns);
    if (c->text[WG__CHART_TITLE].size > 0) wg__text_add(t, " title ");
    wg__text_append(t, &c->text[WG__CHART_TITLE]);
    wg__text_add(t, "\n");
}

static bool write_beside(const wg__picture *p, const char *ending, const wg__text *t) {
    wg__text path = { 0 };
    wg__text_add(&path, "%.*s%s%c", (int)(p->folder + p->stem), p->path, ending, 0);
    bool ok = !wg__pending() && wg__file_write(path.data, (wg__bytes[]){ { t->data, t->size } }, 1);
    wg__free(path.data);
    return ok;
}

bool wg_chart_save(const wg_chart *c, const char *path, bool *drawn) {
    bool there = false;
    if (drawn) *drawn = false;
    if (wg__pending()) return false;
    if (!c || !path)
        return wg_fail(WG_ERROR_ARGUMENT, "wg_chart_save: %s is NULL", c ? "path" : "the chart");
    wg__picture p;
    if (!cut_name(path, &p)) return false;
    wg__text script = { 0 };
    write_start(c, &p, &script);
    wg__text_append(&script, &c->text[WG__CHART_CLOSED]);
    write_panel(c, &script);
    bool ok = write_beside(&p, ".dat", &c->text[WG__CHART_NUMBERS]) &&
              write_beside(&p, ".gp", &script) && wg__picture_draw(&p, &there);
    wg__free(script.data);
    if (drawn) *drawn = ok && there;
    return ok;
}
