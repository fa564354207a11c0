// SPDX-License-Identifier: MIT
/* test_chart.c: charts. What is asked for stands in the script and its numbers; what is wrong is
   refused; and with no gnuplot, or one that fails, nothing is lost. */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <sys/time.h>

#include "tests/chart_test.h"

/* ---- what stands in the files ---------------------------------------------------------------- */

START_TEST(script_and_numbers_hold_what_was_asked_for) {
    set_path("/nowhere");
    wg_chart *c = wg_chart_new((wg_chart_options){ .title = "All", .width = 800, .columns = 2 });
    wg_chart_panel(c, (wg_panel_options){ .title = "First",
                                          .x = "epoch",
                                          .y = "cost",
                                          .log_x = true,
                                          .x_min = 1,
                                          .x_max = 100,
                                          .equal = true });
    wg_chart_xy(c, "curve", (wg_xy){ .n = 3, .x = three, .y = ys });
    wg_chart_xy(c, NULL,
                (wg_xy){ .mark = WG_MARK_POINTS, .n = 2, .x = three, .y = ys, .colour = 3 });
    wg_chart_panel(c, (wg_panel_options){ .y_min = 5,
                                          .y_max = -5,
                                          .x_names = (const char *const[]){ "a", "b", NULL } });
    wg_chart_xy(c, "band", (wg_xy){ .mark = WG_MARK_BAND, .n = 2, .y = ys, .y2 = three });
    bool drawn = true;
    ck_assert(wg_chart_save(c, temporary_path("c.svg"), &drawn));
    ck_assert(!drawn);
    wg_chart_free(c);

    static const char *const wanted[] = {
        "set terminal svg size 800,440",
        "set output \"./c.svg\"",
        "data = \"./c.dat\"",
        "set multiplot layout 1,2 title \"All\"",
        "set title \"First\"",
        "set xlabel \"epoch",
        "set ylabel \"cost\"",
        "set logscale x",
        "set xrange [1:100]",
        "set size ratio -1",
        "data index 0 using 1:2 with lines",
        "title \"curve\"",
        "data index 1 using 1:2 with points pt 9 ps 0.8 lc rgb '#009e73' notitle",
        "set yrange [5:-5]",
        "set xtics (\"a\" 0, \"b\" 1)",
        "data index 2 using 1:2:3 with filledcurves",
        "title \"band\"",
    };
    for (int i = 0; i < COUNT(wanted); i++) expect_in("c.gp", wanted[i]);
    char *numbers = text_of("c.dat");
    ck_assert_str_eq(numbers, "# 0: x y, 3 x 2\n1 0.5\n10 -2\n100 1e-09\n\n\n"
                              "# 1: x y, 2 x 2\n1 0.5\n10 -2\n\n\n"
                              "# 2: x y y2, 2 x 3\n0 0.5 1\n1 -2 10\n");
    free(numbers);
}
END_TEST

/* gnuplot counts blocks that have a row. */
START_TEST(an_empty_curve_leaves_the_others_their_numbers) {
    set_path("/nowhere");
    wg_chart *c = wg_chart_new((wg_chart_options){ 0 });
    wg_chart_xy(c, "empty", (wg_xy){ .n = 0 });
    wg_chart_xy(c, "one", (wg_xy){ .n = 1, .y = ys });
    ck_assert(wg_chart_save(c, temporary_path("c.svg"), NULL));
    wg_chart_free(c);
    char *numbers = text_of("c.dat");
    ck_assert_str_eq(numbers, "# 0: x y, 0 x 2\nNaN NaN NaN\n\n\n# 1: x y, 1 x 2\n0 0.5\n");
    free(numbers);
    expect_in("c.gp", "index 1 using 1:2 with linespoints");  // a line would show nothing
}
END_TEST

START_TEST(numbers_are_read_back_as_they_were) {
    set_path("/nowhere");
    const double x[] = { 1700000001, 1700000002, 1700000003 };
    const double y[] = { 0.5, (double)0.1f + 1e-12, -1e-300 / 3 };
    wg_chart *c = wg_chart_new((wg_chart_options){ 0 });
    wg_chart_xy(c, "seconds", (wg_xy){ .n = 3, .x = x, .y = y });
    ck_assert(wg_chart_save(c, temporary_path("c.svg"), NULL));
    wg_chart_free(c);
    char *numbers = text_of("c.dat"), *at = strchr(numbers, '\n');
    for (int i = 0; i < 3; i++) {
        ck_assert(strtod(at, &at) == x[i]);
        ck_assert(strtod(at, &at) == y[i]);
    }
    ck_assert_ptr_nonnull(strstr(numbers, "1700000001 0.5\n"));
    free(numbers);
}
END_TEST

START_TEST(a_grid_stands_row_by_row) {
    set_path("/nowhere");
    wg_chart *c = wg_chart_new((wg_chart_options){ 0 });
    wg_grid g = { .rows = 2,
                  .columns = 3,
                  .x_max = 1,
                  .y_min = 4,
                  .y_max = 5,
                  .z = (double[]){ 1, 2, NAN, 4, 5, 6 } };
    ck_assert(wg_chart_heat(c, "z", g));
    ck_assert(wg_chart_contour(c, "level", g, 2, (double[]){ 2.5, 3.5 }));
    ck_assert(wg_chart_save(c, temporary_path("g.svg"), NULL));
    wg_chart_free(c);
    char *numbers = text_of("g.dat");
    const char want[] = "# 0: x y z, 2 x 3\n0 4 1\n0.5 4 2\n1 4 NaN\n\n0 5 4\n0.5 5 5\n1 5 6\n";
    ck_assert_msg(strncmp(numbers, want, strlen(want)) == 0, "%s", numbers);
    free(numbers);
    expect_in("g.gp", "set cbrange [1:6]");
    expect_in("g.gp", "set cblabel \"z\"");
    expect_in("g.gp", "set cntrparam levels discrete 2.5, 3.5");
    expect_in("g.gp", "data index 0 using 1:2:3 with image");
    expect_in("g.gp", "$lines1 using 1:2 with lines lw 0.8");
}
END_TEST

START_TEST(diverging_colours_are_white_in_the_middle) {
    set_path("/nowhere");
    wg_chart *c = wg_chart_new((wg_chart_options){ 0 });
    wg_grid g = { .rows = 2,
                  .columns = 2,
                  .x_max = 1,
                  .y_max = 1,
                  .z = (double[]){ -1, 3, 0, 0 },
                  .diverging = true };
    ck_assert(wg_chart_heat(c, NULL, g));
    ck_assert(wg_chart_save(c, temporary_path("g.svg"), NULL));
    wg_chart_free(c);
    expect_in("g.gp", "set cbrange [-3:3]");
    expect_in("g.gp", "2 '#ffffff'");
}
END_TEST

/* Infinities, and what a logarithm does not take; NaN is a gap that was meant. */
START_TEST(what_is_not_shown_is_counted) {
    set_path("/nowhere");
    const double y[] = { 1, 0, -3, INFINITY, NAN, 5 };
    wg_chart *c = wg_chart_new((wg_chart_options){ 0 });
    wg_chart_panel(c, (wg_panel_options){ .log_y = true, .no_key = true });
    wg_chart_xy(c, "cost", (wg_xy){ .n = 6, .y = y });
    wg_chart_panel(c, (wg_panel_options){ .no_key = true });
    wg_chart_xy(c, "same", (wg_xy){ .n = 6, .y = y });
    wg_chart_panel(c, (wg_panel_options){ .no_key = true });
    wg_chart_xy(c, "fine", (wg_xy){ .n = 3, .y = y });
    wg_chart_panel(c, (wg_panel_options){ 0 });
    wg_chart_heat(c, "z", (wg_grid){ .rows = 2, .columns = 3, .x_max = 1, .y_max = 1, .z = y });
    ck_assert(wg_chart_save(c, temporary_path("h.svg"), NULL));
    wg_chart_free(c);
    expect_in("h.gp", "title \"cost (3 not shown)\"");
    expect_in("h.gp", "title \"same (1 not shown)\"");
    expect_in("h.gp", "title \"fine\"");
    expect_in("h.gp", "set cblabel \"z (1 not shown)\"");
    expect_in("h.gp", "set cbrange [-3:5]");
    char *script = text_of("h.gp");
    int hidden = 0, keys = 0;  // a key, wanted or not, stands where it must tell something
    for (const char *s = script; (s = strstr(s, "unset key")); s++) hidden++;
    for (const char *s = script; (s = strstr(s, "set key")); s++) keys++;
    ck_assert_int_eq(hidden, 1);
    ck_assert_int_eq(keys, 3 + 1);  // "unset key" has "set key" in it
    free(script);
}
END_TEST

START_TEST(numbers_have_points_under_a_locale_that_has_commas) {
    static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "C.UTF-8" };
    set_path("/nowhere");
    locale_t mine = (locale_t)0;
    for (int i = 0; i < COUNT(names) && mine == (locale_t)0; i++)
        mine = newlocale(LC_ALL_MASK, names[i], (locale_t)0);
    if (mine == (locale_t)0) mine = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    uselocale(mine);
    wg_chart *c = wg_chart_new((wg_chart_options){ 0 });
    wg_chart_panel(c, (wg_panel_options){ .x_min = -0.25, .x_max = 1.5 });
    wg_chart_xy(c, NULL, (wg_xy){ .n = 1, .y = (double[]){ -1234.5678e-30 } });
    ck_assert(wg_chart_save(c, temporary_path("l.svg"), NULL));
    wg_chart_free(c);
    uselocale(LC_GLOBAL_LOCALE);
    freelocale(mine);
    expect_in("l.dat", "\n0 -1.2345678e-27\n");
    expect_in("l.gp", "set xrange [-0.25:1.5]");
}
END_TEST

/* ---- what goes wrong ------------------------------------------------------------------------- */

static wg_chart *small(void) {
    wg_chart *c = wg_chart_new((wg_chart_options){ .title = "small" });
    wg_chart_xy(c, "y", (wg_xy){ .n = 3, .y = ys });
    return c;
}

START_TEST(without_gnuplot_numbers_and_script_stay) {
    set_path(temporary_folder());
    spill(temporary_path("c.svg"), "old", 3);
    wg_chart *c = small();
    bool drawn = true;
    ck_assert(wg_chart_save(c, temporary_path("c.svg"), &drawn));
    ck_assert(!drawn);
    wg_chart_free(c);
    expect_no_error();
    ck_assert(is_there("c.dat") && is_there("c.gp"));
    expect_in("c.svg", "old");
}
END_TEST

static const struct {
    const char *commands, *words;
} failing[] = {
    { "echo 'line 3: no such thing' >&2; exit 3",
      "c.svg: gnuplot did not draw it: status 3: line 3: no such thing" },
    { "kill -9 $$", "c.svg: gnuplot did not draw it: signal 9: it gives no reason" },
    { "echo '<svg> and no end'", "c.svg: gnuplot did not draw it: status 0: it gives no reason" },
    { "exit 0", "c.svg: gnuplot did not draw it: status 0" },
    { "[ $(head -c 1 | wc -c) = 0 ] || exit 9; echo \"stdin is empty\" >&2; exit 4",
      "status 4: stdin is empty" },
    { "head -c 3000000 /dev/zero >&2; echo the last words >&2; exit 1", "the last words" },
};

START_TEST(a_gnuplot_that_fails_loses_nothing) {
    plant_gnuplot(failing[_i].commands);
    spill(temporary_path("c.svg"), "old", 3);
    wg_chart *c = small();
    bool drawn = true;
    // something to read, which is not for it
    int held = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10), in = open("/dev/zero", O_RDONLY);
    dup2(in, STDIN_FILENO);
    ck_assert(!wg_chart_save(c, temporary_path("c.svg"), &drawn));
    if (held >= 0) dup2(held, STDIN_FILENO);
    close(held);
    close(in);
    ck_assert(!drawn);
    expect_error(WG_ERROR_FILE, failing[_i].words);
    wg_chart_free(c);
    expect_in("c.svg", "old");
    ck_assert_int_eq(files_in_temporary_folder(false), 4);  // and gnuplot, .dat, .gp
}
END_TEST

/* It takes what gnuplot writes as it is, and asks it for nothing but the script. */
START_TEST(gnuplot_is_run_on_the_script) {
    plant_gnuplot("echo \"$1 $2 $3 $4 $#\"; echo '</svg>'");
    wg_chart *c = small();
    bool drawn = false;
    ck_assert_msg(wg_chart_save(c, temporary_path("c.svg"), &drawn), "%s", wg_error_message());
    wg_chart_free(c);
    ck_assert(drawn);
    char want[200], *text = text_of("c.svg");
    snprintf(want, sizeof want, "-d -e to_stdout = 1; cd \"%s/\" ./c.gp 4\n</svg>\n",
             temporary_folder());
    ck_assert_str_eq(text, want);
    free(text);
}
END_TEST

static void do_nothing(int signal_number) { (void)signal_number; }

/* Whoever ignores SIGCHLD has no children to wait for. */
START_TEST(a_program_that_ignores_its_children_gets_its_picture) {
    plant_gnuplot("sleep 0.1; echo '</svg>'");
    void (*before)(int) = signal(SIGCHLD, SIG_IGN);
    wg_chart *c = small();
    bool drawn = false, ok = wg_chart_save(c, temporary_path("c.svg"), &drawn);
    signal(SIGCHLD, before);
    wg_chart_free(c);
    ck_assert_msg(ok && drawn, "%s", wg_error_message());
}
END_TEST

START_TEST(signals_do_not_disturb) {
    plant_gnuplot("sleep 0.2; echo '</svg>'");
    struct sigaction act = { .sa_handler = do_nothing }, before;
    sigaction(SIGALRM, &act, &before);
    struct itimerval often = { { 0, 10000 }, { 0, 10000 } }, never = { 0 };
    setitimer(ITIMER_REAL, &often, NULL);
    wg_chart *c = small();
    bool drawn = false, ok = wg_chart_save(c, temporary_path("c.svg"), &drawn);
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &before, NULL);
    wg_chart_free(c);
    ck_assert_msg(ok && drawn, "%s", wg_error_message());
}
END_TEST

/* Then the temporary files get the numbers of the standard ones. */
START_TEST(closed_standard_files_do_not_disturb) {
    plant_gnuplot("echo '</svg>'; echo noise >&2");
    int held[3];
    for (int i = 0; i < 3; i++) held[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
    for (int i = 0; i < 3; i++) close(i);
    wg_chart *c = small();
    bool drawn = false, ok = wg_chart_save(c, temporary_path("c.svg"), &drawn);
    for (int i = 0; i < 3; i++)
        if (held[i] >= 0) dup2(held[i], i);
    for (int i = 0; i < 3; i++) close(held[i]);
    wg_chart_free(c);
    ck_assert_msg(ok && drawn, "%s", wg_error_message());
    char *text = text_of("c.svg");
    ck_assert_str_eq(text, "</svg>\n");
    free(text);
}
END_TEST

START_TEST(a_missing_folder_is_named) {
    wg_chart *c = small();
    ck_assert(!wg_chart_save(c, temporary_path("none/c.svg"), NULL));
    expect_error(WG_ERROR_FILE, "none/c.dat: cannot create a temporary file beside it: No such");
    ck_assert(!wg_chart_save(c, "/dev/full/c.svg", NULL));
    expect_error(WG_ERROR_FILE, "/dev/full/c.dat");
    wg_chart_free(c);
    ck_assert_int_eq(files_in_temporary_folder(false), 0);
}
END_TEST

static const struct {
    const char *path, *words;
} bad_names[] = {
    { "c.jpg", "c.jpg: a chart is saved as NAME.svg or NAME.png" },
    { "c", "c: a chart is saved" },
    { ".svg", ".svg: a chart is saved" },
    { "folder.svg/c", "folder.svg/c: a chart" },
    { "", "a chart is saved" },
    { NULL, "wg_chart_save: path is NULL" },
};

START_TEST(names_that_say_no_format_are_refused) {
    wg_chart *c = small();
    ck_assert(!wg_chart_save(c, bad_names[_i].path, NULL));
    expect_error(WG_ERROR_ARGUMENT, bad_names[_i].words);
    ck_assert(!wg_chart_save(NULL, "c.svg", NULL));
    expect_error(WG_ERROR_ARGUMENT, "wg_chart_save: the chart is NULL");
    wg_chart_free(c);
}
END_TEST

static void expect_refused(bool refused, const char *words) {
    ck_assert_msg(refused, "taken, not refused with '%s'", words);
    ck_assert_msg(wg_error() == WG_ERROR_ARGUMENT || wg_error() == WG_ERROR_STATE, "%d",
                  wg_error());
    expect_error(wg_error(), words);
}

/* And nothing of them is in the chart. */
START_TEST(wrong_use_is_refused_with_the_numbers) {
    set_path("/nowhere");
    double z[4] = { 0, 1, 2, 3 }, nan_level = NAN;
    wg_grid g = { .rows = 2, .columns = 2, .x_max = 1, .y_max = 1, .z = z }, bad = g;
    wg_chart *c = small();
    ck_assert(wg_chart_heat(c, NULL, g));
    ck_assert(wg_chart_save(c, temporary_path("before.svg"), NULL));
#define XY(...) !wg_chart_xy(c, "bad", (wg_xy){ __VA_ARGS__ })
#define PANEL(...) !wg_chart_panel(c, (wg_panel_options){ __VA_ARGS__ })
    expect_refused(XY(.n = -1, .y = ys), "wg_chart_xy: -1 points");
    expect_refused(XY(.n = INT64_MAX, .y = ys), "9223372036854775807 points, at most 1398101");
    expect_refused(XY(.n = 3), "wg_chart_xy: y is NULL");
    expect_refused(XY(.n = 3, .y = ys, .mark = WG_MARK_BAND), "a band needs y2");
    expect_refused(XY(.n = 3, .y = ys, .mark = (wg_mark)77), "there is no mark 77");
    expect_refused(XY(.n = 3, .y = ys, .colour = 9), "colour 9, of 1 to 8");
    expect_refused(!wg_chart_xy(NULL, NULL, (wg_xy){ .n = 3, .y = ys }), "the chart is NULL");
    expect_refused(PANEL(.x_min = 2, .x_max = 2), "x from 2 to 2");
    expect_refused(PANEL(.y_min = 2, .y_max = NAN), "y from 2 to nan");
    expect_refused(PANEL(.y_max = 2, .log_y = true), "y from 0 to 2, on a logarithmic axis");
    expect_refused(!wg_chart_panel(NULL, (wg_panel_options){ 0 }), "the chart is NULL");
    expect_refused(!wg_chart_heat(c, NULL, g), "wg_chart_heat: the panel has one already");
    expect_refused(!wg_chart_surface(c, NULL, g), "a surface is alone in its panel");
    expect_refused(!wg_chart_contour(c, NULL, g, 0, z), "0 levels, 1 to 100");
    expect_refused(!wg_chart_contour(c, NULL, g, 1, &nan_level), "level 0 is nan");
    bad.rows = INT64_MAX;
    expect_refused(!wg_chart_contour(c, NULL, bad, 1, z), "a grid of 9223372036854775807 x 2");
    bad = (wg_grid){ .rows = 1, .columns = 2, .x_max = 1, .z = z };
    expect_refused(!wg_chart_contour(c, NULL, bad, 1, z), "a grid of 1 x 2, at least 2 x 2");
    bad = (wg_grid){ .rows = 2, .columns = 2, .x_max = 1, .z = z };
    expect_refused(!wg_chart_contour(c, NULL, bad, 1, z), "x from 0 to 1, y from 0 to 0");
    bad = g, bad.z = NULL;
    expect_refused(!wg_chart_contour(c, NULL, bad, 1, z), "z is NULL");
    bad = g, bad.z_min = 2;
    expect_refused(!wg_chart_heat(c, NULL, bad), "z from 2 to 0");
    expect_refused(!wg_chart_new((wg_chart_options){ .width = -5 }), "-5 by 0 pixels");
    expect_refused(!wg_chart_new((wg_chart_options){ .columns = -1 }), "-1 columns");
    ck_assert(wg_chart_save(c, temporary_path("after.svg"), NULL));
    wg_chart_free(c);
    char *before = text_of("before.dat"), *after = text_of("after.dat");
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    before = text_of("before.gp"), after = text_of("after.gp");
    ck_assert_str_eq(strstr(before, "reset"), strstr(after, "reset"));
    free(before);
    free(after);
}
END_TEST

START_TEST(a_surface_stays_alone) {
    double z[4] = { 0, 1, 2, 3 };
    wg_grid g = { .rows = 2, .columns = 2, .x_max = 1, .y_max = 1, .z = z };
    wg_chart *c = wg_chart_new((wg_chart_options){ 0 });
    ck_assert(wg_chart_surface(c, NULL, g));
    ck_assert(!wg_chart_xy(c, NULL, (wg_xy){ .n = 3, .y = ys }));
    expect_error(WG_ERROR_STATE, "wg_chart_xy: a surface is alone in its panel");
    ck_assert(wg_chart_panel(c, (wg_panel_options){ 0 }));
    ck_assert(wg_chart_xy(c, NULL, (wg_xy){ .n = 3, .y = ys }));
    save(c, "s.svg");
}
END_TEST

START_TEST(while_an_error_is_pending_nothing_happens) {
    wg_chart *c = small();
    wg_fail(WG_ERROR_NUMERIC, "mine");
    ck_assert(!wg_chart_xy(c, NULL, (wg_xy){ .n = 3, .y = ys }));
    ck_assert(!wg_chart_panel(c, (wg_panel_options){ 0 }));
    ck_assert(!wg_chart_save(c, temporary_path("p.svg"), NULL));
    ck_assert_ptr_null(wg_chart_new((wg_chart_options){ 0 }));
    wg_chart_free(c);
    expect_error(WG_ERROR_NUMERIC, "mine");
    ck_assert_int_eq(files_in_temporary_folder(false), 0);
}
END_TEST

/* With no memory left, whatever is added then. */
START_TEST(what_fails_is_not_in_the_chart) {
    set_path("/nowhere");
    char *label = malloc(100001);
    memset(label, 'x', 100000);
    label[100000] = 0;
    double z[4] = { 0, 1, 2, 3 };
    wg_grid g = { .rows = 2, .columns = 2, .x_max = 1, .y_max = 1, .z = z };
    wg_chart *c = small();
    ck_assert(wg_chart_panel(c, (wg_panel_options){ .title = "second" }));
    ck_assert(wg_chart_xy(c, "y", (wg_xy){ .n = 3, .y = ys }));
    ck_assert(wg_chart_save(c, temporary_path("before.svg"), NULL));
    for (int i = 0; i < 5; i++) {
        wg_memory_trim();
        counted.left = 0;
        ck_assert(!(i == 0   ? wg_chart_panel(c, (wg_panel_options){ .title = label })
                    : i == 1 ? wg_chart_xy(c, label, (wg_xy){ .n = 3, .y = ys })
                    : i == 2 ? wg_chart_heat(c, label, g)
                    : i == 3 ? wg_chart_contour(c, label, g, 1, z)
                             : wg_chart_save(c, temporary_path("x.svg"), NULL)));
        counted.left = -1;
        expect_error(WG_ERROR_MEMORY, "out of memory");
    }
    ck_assert(wg_chart_save(c, temporary_path("after.svg"), NULL));
    wg_chart_free(c);
    free(label);
    char *before = text_of("before.dat"), *after = text_of("after.dat");
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    before = text_of("before.gp"), after = text_of("after.gp");
    ck_assert_str_eq(strstr(before, "reset"), strstr(after, "reset"));
    free(before);
    free(after);
}
END_TEST

static bool draw_and_save(void) {
    wg_chart *c = every_mark_quietly();
    bool ok = c && wg_chart_save(c, temporary_path("m.svg"), NULL);
    wg_chart_free(c);
    if (!ok) ck_assert(!is_there("m.svg"));
    return ok;
}

START_TEST(every_allocation_may_fail) {
    plant_gnuplot("echo '</svg>'");
    fail_every_allocation(draw_and_save);
    ck_assert(is_there("m.svg"));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("io: charts");
    TCase *t = add_file_cases(suite, "charts");
    tcase_add_checked_fixture(t, NULL, restore_path);
    tcase_add_test(t, script_and_numbers_hold_what_was_asked_for);
    tcase_add_test(t, an_empty_curve_leaves_the_others_their_numbers);
    tcase_add_test(t, numbers_are_read_back_as_they_were);
    tcase_add_test(t, a_grid_stands_row_by_row);
    tcase_add_test(t, diverging_colours_are_white_in_the_middle);
    tcase_add_test(t, what_is_not_shown_is_counted);
    tcase_add_test(t, numbers_have_points_under_a_locale_that_has_commas);
    tcase_add_test(t, without_gnuplot_numbers_and_script_stay);
    ADD_TABLE(t, a_gnuplot_that_fails_loses_nothing, failing);
    tcase_add_test(t, gnuplot_is_run_on_the_script);
    tcase_add_test(t, a_program_that_ignores_its_children_gets_its_picture);
    tcase_add_test(t, signals_do_not_disturb);
    tcase_add_test(t, closed_standard_files_do_not_disturb);
    tcase_add_test(t, a_missing_folder_is_named);
    ADD_TABLE(t, names_that_say_no_format_are_refused, bad_names);
    tcase_add_test(t, wrong_use_is_refused_with_the_numbers);
    tcase_add_test(t, a_surface_stays_alone);
    tcase_add_test(t, while_an_error_is_pending_nothing_happens);
    tcase_add_test(t, what_fails_is_not_in_the_chart);
    tcase_add_test(t, every_allocation_may_fail);
    return run_suite(suite);
}
