// SPDX-License-Identifier: MIT
/* map.c: one loop over all elements of several arrays of any strides. Axes of size 1 vanish and
   axes that follow each other in memory in every array are merged, so that what is left is few
   calls of the loop, each over as many elements as possible. */
#include "tensor/kernels/kernels.h"

enum { MAX_VIEWS = 1 + WG__MAP_INPUTS };

typedef struct plan {
    int rank, count;
    int64_t dim[WG_MAX_RANK];
    int64_t step[WG_MAX_RANK][MAX_VIEWS];  // elements
    size_t size[MAX_VIEWS];
} plan;

// Step of view v along axis i of the full shape; 0 where it is broadcast.
static int64_t step_of(const wg_view *v, const wg_shape *full, int i) {
    int k = i - (full->rank - v->shape.rank);
    return k < 0 || v->shape.dim[k] == 1 ? 0 : v->stride[k];
}

static bool merges(const plan *p, const int64_t step[MAX_VIEWS], int64_t dim) {
    const int64_t *outer = p->step[p->rank - 1];
    for (int v = 0; v < p->count; v++)
        if (outer[v] != step[v] * dim) return false;
    return true;
}

static void add_axis(plan *p, const int64_t step[MAX_VIEWS], int64_t dim) {
    if (dim == 1) return;
    bool merged = p->rank > 0 && merges(p, step, dim);
    if (merged)
        p->dim[p->rank - 1] *= dim;
    else
        p->dim[p->rank++] = dim;
    for (int v = 0; v < p->count; v++) p->step[p->rank - 1][v] = step[v];
}

static void make_plan(plan *p, const wg_view *const views[], int count) {
    const wg_shape *full = &views[0]->shape;
    p->rank = 0;
    p->count = count;
    for (int v = 0; v < count; v++) p->size[v] = wg__size_of(views[v]->dtype);
    for (int i = 0; i < full->rank; i++) {
        int64_t step[MAX_VIEWS];
        for (int v = 0; v < count; v++) step[v] = step_of(views[v], full, i);
        add_axis(p, step, full->dim[i]);
    }
}

static void advance(const plan *p, void *at[], int axis, int64_t by) {
    for (int v = 0; v < p->count; v++)
        at[v] = (char *)at[v] + by * p->step[axis][v] * (int64_t)p->size[v];
}

void wg__map(wg_loop *loop, const wg_view *const views[], int count, const double *param) {
    assert(count <= MAX_VIEWS);
    plan p;
    void *at[MAX_VIEWS];
    static const int64_t none[MAX_VIEWS];
    int64_t n = wg__numel(&views[0]->shape);
    if (n == 0) return;
    for (int v = 0; v < count; v++) at[v] = views[v]->data;
    if (n == 1) {  // for a single element the plan would cost more than the work
        loop(1, at, none, param);
        return;
    }
    make_plan(&p, views, count);
    if (p.rank <= 1) {
        loop(p.rank ? p.dim[0] : 1, at, p.rank ? p.step[0] : none, param);
        return;
    }
    int inner = p.rank - 1;
    for (int64_t index[WG_MAX_RANK] = { 0 };;) {
        loop(p.dim[inner], at, p.step[inner], param);
        int axis = inner - 1;
        for (; axis >= 0; axis--) {  // the next row, as an odometer turns
            advance(&p, at, axis, 1);
            if (++index[axis] < p.dim[axis]) break;
            advance(&p, at, axis, -index[axis]);
            index[axis] = 0;
        }
        if (axis < 0) return;
    }
}
