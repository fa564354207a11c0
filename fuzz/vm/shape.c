// SPDX-License-Identifier: MIT
/* shape.c: registers brought to the shape and the range that an operation asks for, by operations
   that are steps of the program like all others, so that gradients go through. These few are the
   only ones that the machine knows by name. */
#include <string.h>

#include "fuzz/vm/vm_impl.h"

typedef enum helper { RESHAPE, EXPAND, TAKE, SIGMOID, TANH, MUL, ADD, HELPERS } helper;

static const wg_op *help(helper which) {
    static const char *const name[HELPERS] = { "reshape", "expand", "index_select", "sigmoid",
                                               "tanh",    "mul",    "add" };
    static const wg_op *op[HELPERS];
    if (!op[which]) op[which] = wg_op_find(name[which]);
    return op[which];
}

/* ---- shapes ---------------------------------------------------------------------------------- */

// An operation with one input and one attribute that is a list.
static int with_list(wg__vm_decoder *d, helper which, int r, const wg_shape *list) {
    if (r < 0) return -1;
    const wg_op *op = help(which);
    uint64_t attr[32] = { 0 };
    memcpy((char *)attr + op->attrs[0].offset, list, sizeof *list);
    return wg__vm_add_step(d, op, &r, 1, attr);
}

// The elements in C order, over and over, as many as are wanted.
static int take(wg__vm_decoder *d, int r, int64_t have, int64_t want) {
    double *at = wg__vm_room(d, want);
    uint64_t attr[4] = { 0 };
    int flat = d->reg[r]->view.shape.rank == 1 ? r : with_list(d, RESHAPE, r, &WG_SHAPE(have));
    for (int64_t k = 0; at && k < want; k++) at[k] = (double)(k % have);
    wg__vm_leaf leaf = {
        .kind = WG__INTEGER, .dtype = WG_I64, .shape = WG_SHAPE(want), .value = at
    };
    int index = at && flat >= 0 ? wg__vm_add_leaf(d, &leaf) : -1;
    if (index < 0) return -1;
    return wg__vm_add_step(d, help(TAKE), (int[]){ flat, index }, 2, attr);
}

int wg__vm_bring(wg__vm_decoder *d, int r, const wg_shape *shape) {
    const wg_shape *was = &d->reg[r]->view.shape;
    int64_t have = wg__numel(was), want = wg__numel(shape);
    wg_shape common;
    if (wg__shape_equal(was, shape)) return r;
    if (want > d->elements) return -1;
    if (have == want) return with_list(d, RESHAPE, r, shape);
    if (wg__broadcast(was, shape, &common) && wg__shape_equal(&common, shape))
        return with_list(d, EXPAND, r, shape);
    if (have == 0) return -1;
    int taken = take(d, r, have, want);
    if (taken < 0 || (shape->rank == 1)) return taken;
    return with_list(d, RESHAPE, taken, shape);
}

/* ---- ranges ---------------------------------------------------------------------------------- */

static int number(wg__vm_decoder *d, double value) {
    for (int i = 0; i < d->p->leaves; i++) {  // the same number may be there
        const wg__vm_leaf *leaf = &d->p->leaf[i];
        bool fits = leaf->kind == WG__FLOAT && !leaf->variable && leaf->shape.rank == 0;
        if (fits && !(leaf->value[0] != value)) return i;
    }
    double *at = wg__vm_room(d, 1);
    if (!at) return -1;
    *at = value;
    return wg__vm_add_leaf(d, &(wg__vm_leaf){ .kind = WG__FLOAT, .value = at });
}

static int both(wg__vm_decoder *d, helper which, int a, double b) {
    int in[2] = { a, a < 0 ? -1 : number(d, b) };
    return in[1] < 0 ? -1 : wg__vm_add_step(d, help(which), in, 2, NULL);
}

// low + (high - low) sigmoid(x), and for [0, 1] no more than that.
int wg__vm_squash(wg__vm_decoder *d, int r, double low, double high) {
    if (wg__vm_within(d, r, low, high)) return r;
    int y = wg__vm_add_step(d, help(SIGMOID), &r, 1, NULL);
    if (high - low < 1 || high - low > 1) y = both(d, MUL, y, high - low);
    if (low < 0 || low > 0) y = both(d, ADD, y, low);
    return y;
}

int wg__vm_tame(wg__vm_decoder *d, int r) { return wg__vm_add_step(d, help(TANH), &r, 1, NULL); }
