// SPDX-License-Identifier: MIT
/* show.h: what the examples that classify images share: an end on Ctrl-C, results in a terminal,
   a confusion matrix and images in characters, several side by side. An image takes twice as many
   columns as lines, since a character is about twice as high as wide. */
#ifndef WG_EXAMPLES_SHOW_H
#define WG_EXAMPLES_SHOW_H

#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <wengert.h>

enum { ACROSS = 8, LINES = 16 };  // at most

/* Images and what became of them. */
typedef struct gallery {
    wg_tensor *x;                     // (N, side * side) f32, 0 ... 1
    const wg_tensor *label, *answer;  // (N) i64
    const char *const *name;          // of each class
    int side, lines, across;  // pixels of a side, lines of text for them, images side by side
} gallery;

/* Ctrl-C asks training to end with what it has; pressed again it ends the program. */
static volatile sig_atomic_t interrupted;
static inline void on_interrupt(int number) {
    interrupted = 1;
    signal(number, SIG_DFL);
}

static inline double now(void) {  // seconds
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline void show_captions(const gallery *g, const int64_t pick[], int n) {
    const int64_t *label = wg_values(g->label, WG_I64), *answer = wg_values(g->answer, WG_I64);
    for (int k = 0; k < n; k++) {
        int64_t is = label[pick[k]], taken = answer[pick[k]];
        char caption[80];
        snprintf(caption, sizeof caption, is == taken ? "%s" : "%s, not %s", g->name[taken],
                 g->name[is]);
        printf("  %-*s", 2 * g->lines, caption);
    }
    printf("\n");
}

static inline void show_images(const gallery *g, const int64_t pick[], int n) {
    char text[ACROSS][LINES * (2 * LINES + 1) + 1];
    for (int k = 0; k < n; k++) {
        wg_tensor *image = wg_reshape(wg_select(g->x, 0, pick[k]), WG_SHAPE(g->side, g->side));
        wg_io_image_text(image, g->lines, text[k], sizeof text[k]);
    }
    for (int line = 0; line < g->lines; line++) {
        for (int k = 0; k < n; k++)
            printf("  %.*s", 2 * g->lines, text[k] + line * (2 * g->lines + 1));
        printf("\n");
    }
    show_captions(g, pick, n);
}

/* One row of the first images with right answers (or wrong ones). */
static inline void show_first(const gallery *g, bool right) {
    if (wg_error()) return;
    const int64_t *label = wg_values(g->label, WG_I64), *answer = wg_values(g->answer, WG_I64);
    int64_t pick[ACROSS];
    int n = 0;
    for (int64_t i = 0; i < wg_numel(g->label) && n < g->across && n < ACROSS; i++)
        if ((label[i] == answer[i]) == right) pick[n++] = i;
    printf("%s:\n", right ? "right" : "wrong");
    show_images(g, pick, n);
}

/* Rows are what the samples are, columns what they were taken for; matrix (C, C) i64. */
static inline void show_confusion(const wg_tensor *matrix, const char *const name[]) {
    const int64_t *count = wg_values(matrix, WG_I64);
    int64_t classes = wg_dim(matrix, 0);
    if (!count) return;
    printf("%9s", "");
    for (int64_t j = 0; j < classes; j++) printf(" %5.5s", name[j]);
    for (int64_t i = 0; i < classes; i++) {
        printf("\n%9s", name[i]);
        for (int64_t j = 0; j < classes; j++, count++)
            *count ? printf(" %5lld", (long long)*count) : printf("     .");
    }
    printf("\n");
}

#endif
