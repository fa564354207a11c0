// SPDX-License-Identifier: MIT
/* show.h: what the examples that classify images share: an end on Ctrl-C, results in a terminal,
   a confusion matrix and images drawn in shades of grey. An image takes twice as many columns as
   lines, since a character is about twice as high as wide; a character shows the mean of the pixels
   that it covers. */
#ifndef WG_EXAMPLES_SHOW_H
#define WG_EXAMPLES_SHOW_H

#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <wengert.h>

/* Images and what became of them. */
typedef struct gallery {
    const wg_tensor *x;               // (N, side * side) f32, 0 ... 1
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

static inline char shade(const gallery *g, const float *image, int line, int column) {
    int top = line * g->side / g->lines, bottom = (line + 1) * g->side / g->lines;
    int left = column * g->side / (2 * g->lines), right = (column + 1) * g->side / (2 * g->lines);
    if (right == left) right++;
    double sum = 0;
    for (int i = top; i < bottom; i++)
        for (int j = left; j < right; j++) sum += (double)image[i * g->side + j];
    return " .:-=+*#%@"[(int)(9.99 * sum / ((bottom - top) * (right - left)))];
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
    const float *x = wg_values(g->x, WG_F32);
    for (int line = 0; line < g->lines; line++) {
        for (int k = 0; k < n; k++) {
            printf("  ");
            const float *image = x + pick[k] * g->side * g->side;
            for (int column = 0; column < 2 * g->lines; column++)
                putchar(shade(g, image, line, column));
        }
        printf("\n");
    }
    show_captions(g, pick, n);
}

/* One row of the first images with right answers (or wrong ones). */
static inline void show_first(const gallery *g, bool right) {
    if (wg_error()) return;
    const int64_t *label = wg_values(g->label, WG_I64), *answer = wg_values(g->answer, WG_I64);
    int64_t pick[16];
    int n = 0;
    for (int64_t i = 0; i < wg_numel(g->label) && n < g->across && n < 16; i++)
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
