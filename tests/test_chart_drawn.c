// SPDX-License-Identifier: MIT
/* test_chart_drawn.c: what gnuplot makes of charts, where there is one. Whole pictures, the same
   each time; and texts and names are only ever text, whatever they look like. */
#include "tests/chart_test.h"

/* ---- XML, as far as a picture goes ----------------------------------------------------------- */

typedef struct xml {
    const char *at;
    const char *open[64];  // names, where they begin
    int depth;
} xml;

static void expect_entity(const char *s) {
    static const char *const known[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&apos;", "&#" };
    for (int i = 0; i < COUNT(known); i++)
        if (strncmp(s, known[i], strlen(known[i])) == 0) return;
    ck_abort_msg("a bare ampersand: %.40s", s);
}

/* From behind < to behind >. */
static void read_tag(xml *x) {
    bool end = *x->at == '/', empty = false;
    const char *name = x->at + end;
    size_t n = strcspn(name, " \t\n/>");
    for (char quote = 0; quote || *x->at != '>'; x->at++) {
        ck_assert_msg(*x->at && *x->at != '<', "a tag without an end: <%.40s", name);
        if (*x->at == '&') expect_entity(x->at);
        if (quote ? *x->at == quote : *x->at == '"' || *x->at == '\'') quote = quote ? 0 : *x->at;
        empty = *x->at == '/';
    }
    x->at++;
    if (end) {
        ck_assert_int_gt(x->depth, 0);
        const char *open = x->open[--x->depth];
        ck_assert_msg(strncmp(open, name, n) == 0, "</%.20s closes <%.20s", name, open);
    } else if (!empty && *name != '?') {
        ck_assert_int_lt(x->depth, 64);
        x->open[x->depth++] = name;
    }
}

/* Every tag is closed by its own, nothing is bare that must not be, and no control characters. */
static void expect_xml(const char *file) {
    char *text = text_of(file);
    xml x = { .at = text };
    while (*x.at) {
        unsigned char c = (unsigned char)*x.at;
        ck_assert_msg(c >= ' ' || c == '\n' || c == '\t', "byte %d in %s", c, file);
        if (c == '&') expect_entity(x.at);
        x.at++;
        if (c == '<') read_tag(&x);
    }
    ck_assert_int_eq(x.depth, 0);
    ck_assert_ptr_nonnull(strstr(text, "<svg"));
    free(text);
}

/* ---- drawn ----------------------------------------------------------------------------------- */

START_TEST(gnuplot_draws_every_mark) {
    if (!save(every_mark(), "e.svg")) return;
    expect_xml("e.svg");
    expect_in("e.svg", ">Everything</text>");
    expect_in("e.svg", ">contour</text>");
    expect_in("e.svg", ">dead (2 not shown)</text>");
}
END_TEST

START_TEST(gnuplot_draws_png) {
    if (!save(every_mark(), "e.png")) return;
    file_bytes f = slurp(temporary_path("e.png"));
    ck_assert_int_eq(memcmp(f.data, "\x89PNG\r\n\x1a\n", 8), 0);
    free(f.data);
}
END_TEST

START_TEST(the_same_chart_gives_the_same_bytes) {
    if (!save(every_mark(), "e.svg")) return;
    file_bytes first = slurp(temporary_path("e.svg"));
    save(every_mark(), "e.svg");
    file_bytes second = slurp(temporary_path("e.svg"));
    ck_assert_uint_eq(first.size, second.size);
    ck_assert_int_eq(memcmp(first.data, second.data, first.size), 0);
    free(first.data);
    free(second.data);
}
END_TEST

START_TEST(the_script_draws_it_again) {
    if (!save(every_mark(), "e.svg")) return;
    file_bytes first = slurp(temporary_path("e.svg"));
    ck_assert_int_eq(unlink(temporary_path("e.svg")), 0);
    char command[200];
    snprintf(command, sizeof command, "cd %s && gnuplot -d e.gp 2>/dev/null", temporary_folder());
    ck_assert_int_eq(system(command), 0);
    file_bytes second = slurp(temporary_path("e.svg"));
    ck_assert_uint_eq(first.size, second.size);
    ck_assert_int_eq(memcmp(first.data, second.data, first.size), 0);
    free(first.data);
    free(second.data);
}
END_TEST

START_TEST(a_chart_may_grow_after_it_was_saved) {
    wg_chart *c = wg_chart_new((wg_chart_options){ 0 });
    wg_chart_xy(c, "first", (wg_xy){ .n = 3, .y = ys });
    ck_assert(wg_chart_save(c, temporary_path("a.svg"), NULL));
    wg_chart_xy(c, "second", (wg_xy){ .n = 3, .y = three });
    if (!save(c, "b.svg")) return;
    expect_in("b.svg", ">first</text>");
    expect_in("b.svg", ">second</text>");
    char *text = text_of("a.svg");
    ck_assert_ptr_null(strstr(text, "second"));
    free(text);
}
END_TEST

/* ---- texts and names that look like something else ------------------------------------------- */

static const struct {
    const char *label, *shown;  // as XML
} labels[] = {
    { "`touch HERE/bad`", "`touch HERE/bad`" },
    { "\" ; system('touch HERE/bad') ; \"", "\" ; system('touch HERE/bad') ; \"" },
    { "'; set output 'HERE/bad", "'; set output 'HERE/bad" },
    { "\\\"; !touch HERE/bad", "\\\"; !touch HERE/bad" },
    { "@GPVAL_VERSION @x", "@GPVAL_VERSION @x" },
    { "{/Bold x_2^3} \\alpha @x &{y}", "{/Bold x_2^3} \\alpha @x &amp;{y}" },
    { "%s %n %d 50%", "%s %n %d 50%" },
    { "\\141\\n\\t", "\\141\\n\\t" },
    { "a\tb\rc\x01"
      "d\x7f",
      "a b c d " },
    { "\xc3\xa9 \xcf\x83 \xe2\x88\x82 \xf0\x9d\x9c\x95",
      "\xc3\xa9 \xcf\x83 \xe2\x88\x82 \xf0\x9d\x9c\x95" },
    { "\xff \xc3( \xed\xa0\x80 \xef\xbf\xbe \xc0\x80 \xf4\x90\x80\x80", "? ?( ??? ??? ?? ????" },
    { "# no comment", "# no comment" },
    { "two\nlines; bad", "lines; bad" },
    { "end \\", "end \\" },
};

static void put_folder(const char *from, char *to, size_t size) {
    const char *here = strstr(from, "HERE");
    if (here)
        snprintf(to, size, "%.*s%s%s", (int)(here - from), from, temporary_folder(), here + 4);
    else
        snprintf(to, size, "%s", from);
}

START_TEST(a_label_is_only_text) {
    char label[200], shown[200];
    put_folder(labels[_i].label, label, sizeof label);
    put_folder(labels[_i].shown, shown, sizeof shown);
    wg_chart *c = wg_chart_new((wg_chart_options){ .title = label });
    wg_chart_panel(c, (wg_panel_options){ .title = label,
                                          .x = label,
                                          .y = label,
                                          .x_names = (const char *const[]){ label, NULL } });
    wg_chart_xy(c, label, (wg_xy){ .n = 3, .y = ys });
    wg_chart_panel(c, (wg_panel_options){ 0 });
    wg_chart_heat(
        c, label,
        (wg_grid){
            .rows = 2, .columns = 2, .x_max = 1, .y_max = 1, .z = (double[]){ 1, 2, 3, 4 } });
    bool drawn = save(c, "t.svg");
    ck_assert_msg(!is_there("bad"), "'%s' was run", label);
    if (!drawn) return;
    expect_xml("t.svg");
    char *text = text_of("t.svg"), *at = text;
    char want[220];
    snprintf(want, sizeof want, "%s</text>", shown);
    for (char *s = text; (s = strstr(s, "&lt;")); s++) memmove(s + 1, s + 4, strlen(s + 4) + 1);
    for (int i = 0; i < 6; i++) {  // title, panel, x, its tic, y, key, colours: at least six
        at = strstr(at, want);
        ck_assert_msg(at != NULL, "'%s' stands there %d times only", want, i);
        at++;
    }
    free(text);
}
END_TEST

START_TEST(a_label_may_be_long) {
    char *label = malloc(20001);
    memset(label, '`', 20000);
    label[20000] = 0;
    wg_chart *c = wg_chart_new((wg_chart_options){ .title = label });
    if (save(c, "t.svg")) expect_in("t.svg", label);
    free(label);
}
END_TEST

static const char *const names[] = {
    "<touch bad.svg",      "|touch bad .svg", "a'b\"c`touch bad`d.svg", "-e.svg", "~root.svg",
    "two words\nline.svg", "@x\\y.svg",       "\xff%s%n.svg",           "-.svg",  "a.b.svg",
};

START_TEST(a_name_is_only_a_name) {
    char before[1000];
    ck_assert_ptr_nonnull(getcwd(before, sizeof before));
    for (int here = 0; here < 2; here++) {  // as a relative path too
        char path[600];
        if (here) ck_assert_int_eq(chdir(temporary_folder()), 0);
        snprintf(path, sizeof path, "%s", here ? names[_i] : temporary_path(names[_i]));
        wg_chart *c = wg_chart_new((wg_chart_options){ 0 });
        wg_chart_xy(c, "a", (wg_xy){ .n = 3, .y = ys });
        wg_chart_contour(
            c, "b",
            (wg_grid){
                .rows = 2, .columns = 2, .x_max = 1, .y_max = 1, .z = (double[]){ 0, 1, 1, 0 } },
            1, (double[]){ 0.5 });
        bool drawn = false;
        ck_assert_msg(wg_chart_save(c, path, &drawn), "%s", wg_error_message());
        wg_chart_free(c);
        ck_assert_int_eq(chdir(before), 0);
        ck_assert(drawn == has_gnuplot());
        ck_assert(!is_there("bad") && !is_there("bad.svg") && !is_there("bad .svg"));
        // the picture, its numbers and its script, and nothing else
        ck_assert_int_eq(files_in_temporary_folder(true), drawn ? 3 : 2);
    }
}
END_TEST

START_TEST(a_folder_is_only_a_name) {
    char folder[600], path[700];
    snprintf(folder, sizeof folder, "%s", temporary_path("a'b\"c`touch bad`\\d"));
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    snprintf(path, sizeof path, "%s/c.svg", folder);
    wg_chart *c = wg_chart_new((wg_chart_options){ 0 });
    bool drawn;
    ck_assert_msg(wg_chart_save(c, path, &drawn), "%s", wg_error_message());
    wg_chart_free(c);
    ck_assert(drawn == has_gnuplot());
    static const char *const endings[] = { "svg", "dat", "gp" };
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/c.%s", folder, endings[i]);
        ck_assert_msg(unlink(path) == 0 || i == 0, "%s is missing", path);
    }
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("io: charts drawn");
    TCase *t = add_file_cases(suite, "charts");
    tcase_add_checked_fixture(t, NULL, restore_path);
    tcase_add_test(t, gnuplot_draws_every_mark);
    tcase_add_test(t, gnuplot_draws_png);
    tcase_add_test(t, the_same_chart_gives_the_same_bytes);
    tcase_add_test(t, the_script_draws_it_again);
    tcase_add_test(t, a_chart_may_grow_after_it_was_saved);
    ADD_TABLE(t, a_label_is_only_text, labels);
    tcase_add_test(t, a_label_may_be_long);
    ADD_TABLE(t, a_name_is_only_a_name, names);
    tcase_add_test(t, a_folder_is_only_a_name);
    return run_suite(suite);
}
