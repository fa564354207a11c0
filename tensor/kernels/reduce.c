// SPDX-License-Identifier: MIT
/* reduce.c: sums along axes. What is added to what is a function of the line's length alone: blocks
   of BLOCK elements, in each of which lane l adds elements l, l + LANES, ... and the lanes are then
   added in halves; blocks are added in pairs (Higham 1993). So neither strides, nor which axes are
   summed, nor the instructions used change a bit of the result, and the walk may follow memory:
   along a line, or along many lines at once where those lie side by side. The file includes itself
   for each type. */
#ifndef REAL

#include <stdlib.h>

#include "tensor/kernels/kernels.h"
#include "tensor/kernels/lines.h"

enum { LANES = 16, BLOCK = 128, TILE = 64 };

// How many of n > BLOCK elements the left half gets: whole blocks.
static int64_t left_half(int64_t n) {
    int64_t blocks = (n + BLOCK - 1) / BLOCK;
    return (blocks + 1) / 2 * BLOCK;
}

typedef struct rows {  // lines side by side: element r of all of them is row r
    const wg__axes *cut;
    const void *first;
    int64_t width, step;  // how many, up to TILE, and how far from one to the next
} rows;

/* -0 is the sum of nothing inside: it alone changes no x in x + 0. Integers of all sizes are summed
   in 64 bits, which wrap, as in NumPy. ITEM is what is read, REAL what is added and written. */
#define ITEM float
#define REAL float
#define ZERO (-0.0F)
#define NAMED(name) name##_f32
#include "tensor/kernels/reduce.c"
#define ITEM double
#define REAL double
#define ZERO (-0.0)
#define NAMED(name) name##_f64
#include "tensor/kernels/reduce.c"
#define ITEM int32_t
#define REAL uint64_t
#define ZERO 0
#define NAMED(name) name##_i32
#include "tensor/kernels/reduce.c"
#define ITEM int64_t
#define REAL uint64_t
#define ZERO 0
#define NAMED(name) name##_i64
#include "tensor/kernels/reduce.c"
#define ITEM uint8_t
#define REAL uint64_t
#define ZERO 0
#define NAMED(name) name##_u8
#include "tensor/kernels/reduce.c"

void wg__reduce_sum(const wg_view *y, const wg_view *from) {
    static void (*const sum[WG_DTYPES])(const wg__lines *l, const void *x, void *y) = {
        sum_f32, sum_f64, sum_i32, sum_i64, sum_u8, sum_u8,
    };
    unsigned cut = 0;
    for (int i = 0; i < from->shape.rank; i++)
        if (y->shape.dim[i] == 1) cut |= 1u << i;
    wg__lines l = wg__lines_of((const wg_view *[]){ from, y }, 2, cut);
    if (l.length == 0)
        wg__fill_view(y, 0);
    else if (l.count != 0)
        sum[from->dtype](&l, from->data, y->data);
}

#else

static REAL NAMED(sum_block)(const ITEM *x, int64_t n) {
    REAL lane[LANES];
    int64_t k = 0;
    for (int l = 0; l < LANES; l++) lane[l] = ZERO;
    for (; k + LANES <= n; k += LANES)
        for (int l = 0; l < LANES; l++) lane[l] += (REAL)x[k + l];
    for (int l = 0; k + l < n; l++) lane[l] += (REAL)x[k + l];
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

static REAL NAMED(sum_line)(const wg__line *line, int64_t from, int64_t n) {
    if (n <= BLOCK) {
        ITEM room[BLOCK];
        return NAMED(sum_block)(wg__line_run(line, from, n, room), n);
    }
    int64_t left = left_half(n);
    return NAMED(sum_line)(line, from, left) + NAMED(sum_line)(line, from + left, n - left);
}

static void NAMED(add_row)(REAL *restrict y, const REAL *restrict x, int64_t n) {
    for (int64_t k = 0; k < n; k++) y[k] += x[k];
}

static const ITEM *NAMED(row)(const rows *r, int64_t index, ITEM room[TILE]) {
    int64_t at[WG__LINE_ARRAYS];
    wg__axes_at(r->cut, index, at);
    const ITEM *row = (const ITEM *)r->first + at[0];
    if (r->step == 1) return row;
    wg__copy_run(room, 1, row, r->step, r->width, sizeof(ITEM));
    return room;
}

// Lane l of sum_block on all lines at once: rows from + l, from + l + LANES, ...
static void NAMED(sum_lane)(const rows *r, int64_t from, int64_t end, REAL y[TILE]) {
    ITEM a_room[TILE], b_room[TILE];
    const ITEM *a = NAMED(row)(r, from, a_room), *b;
    for (int64_t k = 0; k < r->width; k++) y[k] = (REAL)a[k];
    for (from += LANES; from + LANES < end; from += 2 * LANES) {
        a = NAMED(row)(r, from, a_room), b = NAMED(row)(r, from + LANES, b_room);
        for (int64_t k = 0; k < r->width; k++) y[k] = (y[k] + (REAL)a[k]) + (REAL)b[k];
    }
    if (from >= end) return;
    a = NAMED(row)(r, from, a_room);
    for (int64_t k = 0; k < r->width; k++) y[k] += (REAL)a[k];
}

static void NAMED(sum_row_block)(const rows *r, int64_t from, int64_t n, REAL y[TILE]) {
    REAL lane[LANES][TILE];
    int64_t lanes = n < LANES ? n : LANES;
    for (int64_t l = 0; l < lanes; l++) NAMED(sum_lane)(r, from + l, from + n, lane[l]);
    for (int64_t half = LANES / 2; half > 0; half /= 2)
        for (int64_t l = 0; l < half && l + half < lanes; l++)
            NAMED(add_row)(lane[l], lane[l + half], r->width);
    memcpy(y, lane[0], (size_t)r->width * sizeof(REAL));
}

static void NAMED(sum_rows)(const rows *r, int64_t from, int64_t n, REAL y[TILE]) {
    if (n <= BLOCK) {
        NAMED(sum_row_block)(r, from, n, y);
        return;
    }
    REAL right[TILE];
    int64_t left = left_half(n);
    NAMED(sum_rows)(r, from, left, y);
    NAMED(sum_rows)(r, from + left, n - left, right);
    NAMED(add_row)(y, right, r->width);
}

static void NAMED(sum_by_rows)(const wg__lines *l, const ITEM *x, REAL *y) {
    int64_t width = wg__inner_dim(&l->kept);
    for (int64_t k = 0; k < l->count;) {
        int64_t at[WG__LINE_ARRAYS], left = width - k % width;
        REAL tile[TILE];
        wg__axes_at(&l->kept, k, at);
        rows r = { &l->cut, x + at[0], left < TILE ? left : TILE, wg__inner_step(&l->kept, 0) };
        NAMED(sum_rows)(&r, 0, l->length, tile);
        wg__copy_run(y + at[1], wg__inner_step(&l->kept, 1), tile, 1, r.width, sizeof(REAL));
        k += r.width;
    }
}

static void NAMED(sum)(const wg__lines *l, const void *x, void *y) {
    // Rows shorter than a vector or two are not worth their overhead, nor are lines.
    bool near = llabs(wg__inner_step(&l->kept, 0)) < llabs(wg__inner_step(&l->cut, 0));
    if (wg__inner_dim(&l->kept) >= 8 && (near || l->length < LANES)) {
        NAMED(sum_by_rows)(l, x, y);
        return;
    }
    for (int64_t k = 0; k < l->count; k++) {
        int64_t at[WG__LINE_ARRAYS];
        wg__axes_at(&l->kept, k, at);
        wg__line line = { (const ITEM *)x + at[0], &l->cut, 0, sizeof(ITEM) };
        ((REAL *)y)[at[1]] = NAMED(sum_line)(&line, 0, l->length);
    }
}

#undef ITEM
#undef REAL
#undef ZERO
#undef NAMED
#endif
