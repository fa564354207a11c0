// SPDX-License-Identifier: MIT
/* chart_test.h: what the tests of charts share. Files read as text, programs called gnuplot that
   are written here, and a chart with everything in it. */
#ifndef WG_TESTS_CHART_TEST_H
#define WG_TESTS_CHART_TEST_H

#include "tests/io_test.h"

/* ---- files and programs ---------------------------------------------------------------------- */

static inline char *text_of(const char *file) {
    file_bytes f = slurp(temporary_path(file));
    f.data[f.size] = 0;
    return (char *)f.data;
}

static inline void expect_in(const char *file, const char *words) {
    char *text = text_of(file);
    ck_assert_msg(strstr(text, words) != NULL, "%s lacks '%s':\n%s", file, words, text);
    free(text);
}

static inline bool is_there(const char *file) { return access(temporary_path(file), F_OK) == 0; }

static char old_path[4096];
static inline void set_path(const char *path) {
    if (old_path[0] == 0) snprintf(old_path, sizeof old_path, "%s", getenv("PATH"));
    setenv("PATH", path, 1);
}
static inline void restore_path(void) {
    if (old_path[0]) setenv("PATH", old_path, 1);
}

/* A program called gnuplot that does this, in front of all others. */
static inline void plant_gnuplot(const char *commands) {
    char text[500], path[5000];
    snprintf(text, sizeof text, "#!/bin/sh\n%s\n", commands);
    spill(temporary_path("gnuplot"), text, strlen(text));
    ck_assert_int_eq(chmod(temporary_path("gnuplot"), 0755), 0);
    snprintf(path, sizeof path, "%s:/usr/bin:/bin", temporary_folder());
    set_path(path);
}

static inline bool has_gnuplot(void) { return system("command -v gnuplot >/dev/null 2>&1") == 0; }

/* ---- charts ---------------------------------------------------------------------------------- */

static const double three[] = { 1, 10, 100 }, ys[] = { 0.5, -2, 1e-9 };

/* Saves and frees c; whether it was drawn, which it must be where there is a gnuplot. */
static inline bool save(wg_chart *c, const char *file) {
    bool drawn = false;
    ck_assert_msg(wg_chart_save(c, temporary_path(file), &drawn), "%s", wg_error_message());
    wg_chart_free(c);
    ck_assert_msg(drawn == has_gnuplot(), "%s", drawn ? "drawn by nothing" : "not drawn");
    ck_assert(is_there(file) == drawn);
    return drawn;
}

static inline wg_chart *every_mark_quietly(void) {
    wg_chart *c = wg_chart_new((wg_chart_options){ .title = "Everything", .columns = 2 });
    double y[40], y2[40], z[36];
    for (int i = 0; i < 40; i++) y[i] = sin(i / 5.0), y2[i] = y[i] + 0.3;
    for (int i = 0; i < 36; i++) z[i] = (i % 6 - 2.5) * (i / 6 - 2.5);
    for (int mark = 0; mark < WG_MARKS; mark++)
        wg_chart_xy(c, "a", (wg_xy){ .mark = (wg_mark)mark, .n = 40, .y = y, .y2 = y2 });
    wg_grid g = { .rows = 6, .columns = 6, .x_max = 1, .y_max = 1, .z = z };
    wg_chart_panel(c, (wg_panel_options){ .x = "x", .y = "y" });
    wg_chart_heat(c, "heat", g);
    wg_chart_contour(c, "contour", g, 1, (double[]){ 0 });
    wg_chart_contour(c, "none", g, 1, (double[]){ 99 });
    wg_chart_xy(c, "a", (wg_xy){ .mark = WG_MARK_POINTS, .n = 40, .y = y });
    wg_chart_panel(c, (wg_panel_options){ .x = "x", .y = "y" });
    wg_chart_surface(c, "height", g);
    wg_chart_panel(c, (wg_panel_options){ .title = "nothing at all" });
    wg_chart_panel(c,
                   (wg_panel_options){ .title = "nothing to see", .log_x = true, .log_y = true });
    wg_chart_xy(c, "dead", (wg_xy){ .n = 3, .y = (double[]){ NAN, -1, INFINITY } });
    wg_chart_xy(c, "empty", (wg_xy){ .n = 0 });
    wg_chart_panel(c, (wg_panel_options){ .title = "all the same" });
    wg_chart_xy(c, "one", (wg_xy){ .n = 1, .y = (double[]){ 3 } });
    wg_chart_panel(c, (wg_panel_options){ 0 });
    wg_chart_heat(c, NULL,
                  (wg_grid){ .rows = 2,
                             .columns = 2,
                             .x_max = 1,
                             .y_max = 1,
                             .z = (double[]){ NAN, NAN, NAN, NAN } });
    g.z = (double[]){ NAN, INFINITY, NAN, NAN };
    g.rows = g.columns = 2;
    wg_chart_panel(c, (wg_panel_options){ .log_y = true });
    wg_chart_contour(c, "gaps", g, 1, (double[]){ 1 });
    wg_chart_panel(c, (wg_panel_options){ 0 });
    wg_chart_surface(c, "gaps", g);
    g.z = (double[]){ 7, 7, 7, 7 };
    wg_chart_panel(c, (wg_panel_options){ 0 });
    wg_chart_contour(c, "flat", g, 1, (double[]){ 7 });
    wg_chart_panel(c, (wg_panel_options){ 0 });
    wg_chart_surface(c, "flat", g);
    return c;
}
static inline wg_chart *every_mark(void) {
    wg_chart *c = every_mark_quietly();
    expect_no_error();
    return c;
}

#endif
