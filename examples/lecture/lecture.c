// SPDX-License-Identifier: MIT
/* lecture.c: a section in three forms at once: plain text in the terminal, a fragment of HTML and
   one of Markdown in the folder $LECTURE, or build/lecture. Seconds stand in the HTML only: the
   Markdown is kept, and changes only where the numbers do. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lecture.h"

enum { ROWS = 61, COLUMNS = 12, CELL = 64, TEXT = 2000, WIDTH = 96, CODES = 64, PIXELS = 320 };

typedef enum kind { NOTHING, PARAGRAPH, NUMBERS, TABLE, CHECKS, FIGURE, KINDS } kind;

static struct {
    FILE *html, *md;
    char name[80];     // "1.1-network"
    char folder[400];  // of the fragments
    kind open;         // what the next line may go on with
    int rows, checks, failed, codes;
    int broken;  // what could not be written
    char cell[ROWS][COLUMNS][CELL];
    const char *code[CODES];  // shown already
    double start;
} page;

/* ---- text in three forms --------------------------------------------------------------------- */

static void put(FILE *f, const char *format, ...) WG_PRINTF(2, 3);
static void put(FILE *f, const char *format, ...) {
    va_list list;
    va_start(list, format);
    if (f) vfprintf(f, format, list);
    va_end(list);
}

static void put_html(const char *before, const char *text, const char *after) {
    put(page.html, "%s", before);
    for (; *text; text++) {
        const char *entity = *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : NULL;
        entity ? put(page.html, "%s", entity) : put(page.html, "%c", *text);
    }
    put(page.html, "%s", after);
}

static void put_md(const char *before, const char *text, const char *after) {
    put(page.md, "%s", before);
    for (; *text; text++) put(page.md, strchr("\\`*_[]<>|$~#", *text) ? "\\%c" : "%c", *text);
    put(page.md, "%s", after);
}

static void put_both(const char *html, const char *md, const char *text, const char *html_end) {
    put_html(html, text, html_end);
    put_md(md, text, "\n");
}

/* Wrapped and indented by two; a character of several bytes counts as one. */
static void put_terminal(const char *text) {
    int column = 0;
    for (const char *word = text; *word;) {
        size_t bytes = strcspn(word, " "), width = 0;
        for (size_t i = 0; i < bytes; i++) width += (word[i] & 0xc0) != 0x80;
        bool wrap = column > 0 && column + 1 + (int)width > WIDTH;
        printf("%s%.*s", column == 0 ? "  " : wrap ? "\n  " : " ", (int)bytes, word);
        column = (wrap || column == 0 ? 0 : column + 1) + (int)width;
        word += bytes + strspn(word + bytes, " ");
    }
    printf("\n");
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void split(char *text) {
    if (page.rows == ROWS) return;
    char(*cell)[CELL] = page.cell[page.rows++];
    memset(cell, 0, sizeof page.cell[0]);
    for (int j = 0; j < COLUMNS && text; j++) {
        char *bar = strchr(text, '|');
        if (bar) *bar = 0;
        text += strspn(text, " ");
        snprintf(cell[j], CELL, "%s", text);
        for (size_t n = strlen(cell[j]); n > 0 && cell[j][n - 1] == ' '; n--) cell[j][n - 1] = 0;
        text = bar ? bar + 1 : NULL;
    }
}

static int width_of(const char *cell) {
    int n = 0;
    for (; *cell; cell++) n += (*cell & 0xc0) != 0x80;
    return n;
}

static int count_columns(void) {
    int columns = 0;
    for (int i = 0; i < page.rows; i++)
        for (int j = 0; j < COLUMNS; j++)
            if (page.cell[i][j][0] && j >= columns) columns = j + 1;
    return columns;
}

static void put_row(int i, int columns, const int width[]) {
    put(page.html, "<tr>");
    printf("  ");
    for (int j = 0; j < columns; j++) {
        const char *cell = page.cell[i][j];
        put_html(i ? "<td>" : "<th>", cell, i ? "</td>" : "</th>");
        put_md(j ? " | " : "| ", cell, "");
        printf("%s%*s%s", j ? "  " : "", width[j] - width_of(cell), "", cell);
    }
    put(page.html, "</tr>\n");
    put(page.md, " |\n");
    printf("\n");
    for (int j = 0; i == 0 && j < columns; j++) put(page.md, j ? "---:|" : "|---:|");
    if (i == 0) put(page.md, "\n");
}

static void put_table(void) {
    int columns = count_columns(), width[COLUMNS] = { 0 };
    for (int i = 0; i < page.rows; i++)
        for (int j = 0; j < columns; j++)
            if (width_of(page.cell[i][j]) > width[j]) width[j] = width_of(page.cell[i][j]);
    put(page.html, "<table>\n");
    put(page.md, "\n");
    for (int i = 0; i < page.rows; i++) put_row(i, columns, width);
    put(page.html, "</table>\n");
}

/* ---- what may go on, and what begins anew ---------------------------------------------------- */

static void turn_to(kind next) {
    static const char *const first[KINDS] = {
        [NUMBERS] = "<ul class=numbers>\n", [CHECKS] = "<ul class=checks>\n"
    };
    static const char *const last[KINDS] = { [NUMBERS] = "</ul>\n", [CHECKS] = "</ul>\n" };
    if (next == page.open && (next == NUMBERS || next == CHECKS)) return;
    if (page.open == TABLE) put_table();
    if (last[page.open]) put(page.html, "%s", last[page.open]);
    if (first[next]) put(page.html, "%s", first[next]);
    put(page.md, "\n");
    if (page.open != NOTHING) printf("\n");
    page.open = next;
    page.rows = 0;
}

#define FORMAT_INTO(text, format)                                                                  \
    do {                                                                                           \
        va_list list;                                                                              \
        va_start(list, format);                                                                    \
        vsnprintf(text, sizeof text, format, list);                                                \
        va_end(list);                                                                              \
    } while (0)

void say(const char *format, ...) {
    char text[TEXT];
    FORMAT_INTO(text, format);
    turn_to(PARAGRAPH);
    put_terminal(text);
    put_both("<p>", "", text, "</p>\n");
}

void number(const char *name, double value, const char *unit) {
    char text[100];
    bool whole = value == floor(value) && fabs(value) < 1e15;
    snprintf(text, sizeof text, whole ? "%.0f" : "%.4g", value);
    turn_to(NUMBERS);
    printf("  %-50s %12s %s\n", name, text, unit);
    put_html("<li>", name, ": <b>");
    put_html("", text, "</b> ");
    put_html("", unit, "</li>\n");
    put_md("- ", name, ": **");
    put_md("", text, "** ");
    put_md("", unit, "\n");
}

void table(const char *headings) {
    char text[TEXT];
    snprintf(text, sizeof text, "%s", headings);
    turn_to(TABLE);
    split(text);
}

void row(const char *format, ...) {
    char text[TEXT];
    FORMAT_INTO(text, format);
    if (page.open == TABLE)
        split(text);
    else
        must(false, "a row stands in a table: %s", text);
}

void lecture_code(const char *text) {
    for (int i = 0; i < page.codes; i++)
        if (strcmp(page.code[i], text) == 0) return;
    if (page.codes < CODES) page.code[page.codes++] = text;
    if (page.open != TABLE) turn_to(PARAGRAPH);  // a table comes when its last row is there
    printf("  > %s\n", text);
    put_html("<pre><code>", text, "</code></pre>\n");
    put(page.md, "\n```c\n%s\n```\n", text);
}

bool must(bool condition, const char *format, ...) {
    char text[TEXT], line[TEXT + 8];
    FORMAT_INTO(text, format);
    turn_to(CHECKS);
    page.checks++;
    page.failed += !condition;
    snprintf(line, sizeof line, "%-4s %s", condition ? "ok" : "NOT", text);
    put_terminal(line);
    const char *html = condition ? "<li class=ok>" : "<li class=not>";
    put_both(html, condition ? "- ✓ " : "- **✗ not:** ", text, "</li>\n");
    return condition;
}

/* ---- pictures -------------------------------------------------------------------------------- */

static void put_figure(const char *file, const char *path, const char *caption) {
    char line[TEXT];
    snprintf(line, sizeof line, "[%s] %s", path, caption);
    put_terminal(line);
    put(page.html, "<figure><img src=\"%s\" alt=\"", file);
    for (const char *c = caption; *c; c++)
        *c == '"' ? put(page.html, "&quot;") : put(page.html, "%c", *c);
    put_html("\"><figcaption>", caption, "</figcaption></figure>\n");
    put(page.md, "![%s](lecture/%s)\n\n", file, file);
    put_md("*", caption, "*\n");
}

static void name_picture(char file[200], char path[700], const char *name, const char *ending) {
    bool ended = strchr(name, '.') != NULL;
    snprintf(file, 200, "%s-%s%s", page.name, name, ended ? "" : ending);
    snprintf(path, 700, "%s/%s", page.folder, file);
}

void picture(wg_chart *c, const char *name, const char *caption) {
    char file[200], path[700];
    bool drawn;
    name_picture(file, path, name, ".svg");
    if (!wg_chart_save(c, path, &drawn)) {
        page.broken++;
    } else if (drawn) {
        turn_to(FIGURE);
        put_figure(file, path, caption);
    } else {
        say("[%s is not drawn: there is no gnuplot. Its numbers and its script are there.] %s",
            path, caption);
    }
    wg_chart_free(c);
}

/* Every pixel as `times` by `times`, so that no viewer smooths what is there. */
static wg_tensor *enlarge(wg_tensor *x, int64_t times) {
    return wg_repeat_interleave(wg_repeat_interleave(x, times, 0), times, 1);
}

static void print_image(const wg_tensor *x) {
    char text[4000];
    int64_t rows = wg_dim(x, 0), lines = WIDTH * rows / (2 * wg_dim(x, 1) + 1);
    if (lines > rows) lines = rows;
    lines = lines > 24 ? 24 : lines < 1 ? 1 : lines;
    if (wg_io_image_text(x, (int)lines, text, sizeof text) > 0) fputs(text, stdout);
}

void image(wg_tensor *x, const char *name, const char *caption) {
    char file[200], path[700];
    name_picture(file, path, name, ".png");
    wg_scope *scope = wg_scope_open();
    int64_t side = wg_dim(x, 1) > 0 ? wg_dim(x, 1) : 1;
    turn_to(FIGURE);
    if (x) print_image(x);
    if (wg_io_save_image(path, enlarge(x, side < PIXELS ? PIXELS / side : 1)))
        put_figure(file, path, caption);
    else
        page.broken++;
    wg_scope_close(scope);
}

/* ---- the section ----------------------------------------------------------------------------- */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static FILE *open_fragment(const char *ending) {
    char path[700];
    snprintf(path, sizeof path, "%s/%s%s", page.folder, page.name, ending);
    FILE *f = fopen(path, "w");
    if (!f) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        page.broken++;
    }
    return f;
}

static void make_folder(void) {
    const char *folder = getenv("LECTURE");
    if (folder && !*folder) folder = NULL;
    snprintf(page.folder, sizeof page.folder, "%s", folder ? folder : "build/lecture");
    if (!folder) mkdir("build", 0777);
    mkdir(page.folder, 0777);  // if there is none, the files tell
}

void lecture_begin(const char *file, const char *title, const char *claim) {
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
    int length = (int)strlen(name) - 2, digits = (int)strcspn(name, "-");
    page.start = now();
    snprintf(page.name, sizeof page.name, "%.*s", length, name);
    make_folder();
    page.html = open_fragment(".html");
    page.md = open_fragment(".md");
    printf("%.*s %s\n\n", digits, name, title);
    put(page.html, "<section id=\"%s\">\n<h2>%.*s ", page.name, digits, name);
    put_html("", title, "</h2>\n");
    put(page.md, "## %.*s ", digits, name);
    put_md("", title, "\n\n");
    turn_to(PARAGRAPH);
    put_terminal(claim);
    put_both("<blockquote>", "> ", claim, "</blockquote>\n");
}

static bool close_fragment(FILE *f) { return f && fclose(f) == 0; }

int end_section(void) {
    turn_to(NOTHING);
    if (wg_error()) must(false, "no error: %s", wg_error_message());
    if (page.checks == 0) must(false, "there is a check");
    double seconds = now() - page.start;
    turn_to(NOTHING);
    put(page.html, "<p class=source>examples/lecture/%s.c, %.1f s</p>\n</section>\n", page.name,
        seconds);
    put(page.md, "Program: [examples/lecture/%s.c](../examples/lecture/%s.c)\n", page.name,
        page.name);
    page.broken += !close_fragment(page.html);
    page.broken += !close_fragment(page.md);
    printf("%s: %d of %d checks hold, %.1f s\n", page.name, page.checks - page.failed, page.checks,
           seconds);
    wg_reset();
    return page.failed == 0 && page.broken == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
