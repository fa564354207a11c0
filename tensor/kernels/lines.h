// SPDX-License-Identifier: MIT
/* lines.h: an array parted into lines. To reduce some axes of x is to take, for each index into the
   axes that stay, the line of all elements along the axes that go, in C order. Axes of size 1
   vanish and axes that follow each other in memory are merged, so most lines are one run of evenly
   spaced elements. */
#ifndef WG_LINES_H
#define WG_LINES_H

#include <string.h>

#include "tensor/tensor_impl.h"

enum {
    WG__LINE_ARRAYS = 3,  // at most this many arrays are walked together
    WG__STRIP = 256,      // elements of a line that fit on the stack
};

typedef struct wg__axes {  // outermost first
    int rank;
    int64_t dim[WG_MAX_RANK];
    int64_t step[WG_MAX_RANK][WG__LINE_ARRAYS];  // elements
} wg__axes;

typedef struct wg__lines {
    wg__axes kept, cut;
    int64_t count, length;  // number of lines, elements in each
} wg__lines;

static inline bool wg__axes_merge(const wg__axes *a, int64_t dim, const int64_t *step) {
    if (a->rank == 0) return false;
    const int64_t *outer = a->step[a->rank - 1];
    for (int v = 0; v < WG__LINE_ARRAYS; v++)
        if (outer[v] != step[v] * dim) return false;
    return true;
}

static inline void wg__axes_push(wg__axes *a, int64_t dim, const int64_t step[WG__LINE_ARRAYS]) {
    if (dim == 1) return;
    if (wg__axes_merge(a, dim, step))
        a->dim[a->rank - 1] *= dim;
    else
        a->dim[a->rank++] = dim;
    memcpy(a->step[a->rank - 1], step, sizeof a->step[0]);
}

/* Parts views of equal rank, the first of the full shape, along the axes whose bits are set in
   `cut`. A view that has size 1 where the first has more stands still along that axis. */
static inline wg__lines wg__lines_of(const wg_view *const views[], int count, unsigned cut) {
    wg__lines l = { .count = 1, .length = 1 };
    const wg_shape *full = &views[0]->shape;
    bool empty = wg__numel(full) == 0;  // its strides may mean nothing
    for (int i = 0; i < full->rank; i++) {
        int64_t step[WG__LINE_ARRAYS] = { 0 };
        for (int v = 0; v < count; v++)
            if (views[v]->shape.dim[i] != 1) step[v] = views[v]->stride[i];
        bool goes = cut >> i & 1;
        *(goes ? &l.length : &l.count) *= full->dim[i];
        if (!empty) wg__axes_push(goes ? &l.cut : &l.kept, full->dim[i], step);
    }
    return l;
}

/* Where element `flat`, in C order over these axes, stands in each array. */
static inline void wg__axes_at(const wg__axes *a, int64_t flat, int64_t at[WG__LINE_ARRAYS]) {
    for (int v = 0; v < WG__LINE_ARRAYS; v++) at[v] = 0;
    for (int i = a->rank - 1; i >= 0; i--) {
        int64_t index = i ? flat % a->dim[i] : flat;  // the outermost needs no division
        if (i) flat /= a->dim[i];
        for (int v = 0; v < WG__LINE_ARRAYS; v++) at[v] += index * a->step[i][v];
    }
}

static inline int64_t wg__inner_dim(const wg__axes *a) { return a->rank ? a->dim[a->rank - 1] : 1; }
static inline int64_t wg__inner_step(const wg__axes *a, int v) {
    return a->rank ? a->step[a->rank - 1][v] : 1;
}

/* n elements of `size` 1, 4 or 8 bytes, evenly spaced on one side or both. */
static inline void wg__copy_run(void *to, int64_t to_step, const void *from, int64_t step,
                                int64_t n, size_t size) {
    char *y = to;
    const char *x = from;
    int64_t dy = to_step * (int64_t)size, dx = step * (int64_t)size;
    if (size == 4)
        for (int64_t k = 0; k < n; k++) memcpy(y + k * dy, x + k * dx, 4);
    else if (size == 8)
        for (int64_t k = 0; k < n; k++) memcpy(y + k * dy, x + k * dx, 8);
    else
        for (int64_t k = 0; k < n; k++) y[k * dy] = x[k * dx];
}

typedef struct wg__line {
    const void *first;    // of the line
    const wg__axes *cut;  // along these axes,
    int array;            // in this of their arrays
    size_t size;          // bytes of one element
} wg__line;

/* Elements from ... from + n - 1 of a line, side by side: in place where they are so, else copied
   to `room`. */
static inline const void *wg__line_run(const wg__line *l, int64_t from, int64_t n, void *room) {
    int64_t at[WG__LINE_ARRAYS], inner = wg__inner_dim(l->cut),
                                 step = wg__inner_step(l->cut, l->array);
    int64_t size = (int64_t)l->size, done = 0;
    bool one_run = l->cut->rank <= 1 || from % inner + n <= inner;
    wg__axes_at(l->cut, from, at);
    const char *run = (const char *)l->first + at[l->array] * size;
    if (one_run && (step == 1 || n <= 1)) return run;
    while (done < n) {
        int64_t left = inner - (from + done) % inner, part = left < n - done ? left : n - done;
        wg__axes_at(l->cut, from + done, at);
        run = (const char *)l->first + at[l->array] * size;
        wg__copy_run((char *)room + done * size, 1, run, step, part, l->size);
        done += part;
    }
    return room;
}

/* Room for a line of n elements: on the stack if it is short. */
typedef struct wg__room {
    union {
        float f32[WG__STRIP];
        double f64[WG__STRIP];
    } few;
    void *many;
} wg__room;
static inline void *wg__room_open(wg__room *room, int64_t n, size_t size) {  // NULL after reporting
    room->many = n > WG__STRIP ? wg__alloc((size_t)n * size) : NULL;
    return n > WG__STRIP ? room->many : &room->few;
}
static inline void wg__room_close(wg__room *room) { wg__free(room->many); }

#endif
