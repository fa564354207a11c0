// SPDX-License-Identifier: MIT
/* try.c: a leaf or a step added to the program that is being decoded, if it works: if the operation
   takes it, and what comes out is neither too large nor without meaning. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "fuzz/vm/vm_impl.h"

double *wg__vm_room(wg__vm_decoder *d, int64_t count) {
    enum { BLOCK = 2048 };
    if (count > d->left || !d->room) {
        int64_t size = count > BLOCK ? count : BLOCK;
        wg_tensor *block = wg__tensor_new(WG_F64, WG_SHAPE(size));
        d->failed = d->failed || !block;
        if (!block) return NULL;
        d->room = block->view.data, d->left = size;
    }
    double *at = d->room;
    d->room += count, d->left -= count;
    return at;
}

static void note(wg__vm_extent *e, double v) {
    if (v < e->least) e->least = v;
    if (v > e->most) e->most = v;
    if (isnan(v)) e->nan = true;
}

static wg__vm_extent extent_of(const wg_tensor *x) {
    const wg_view *v = &x->view;
    wg__vm_extent e = { HUGE_VAL, -HUGE_VAL, false };
    int64_t n = wg__numel(&v->shape);
    bool direct = v->dtype == WG_F64 && wg__is_contiguous(v);
    const double *value = v->data;
    for (int64_t k = 0; direct && k < n; k++) note(&e, value[k]);
    for (int64_t k = 0; !direct && k < n; k++)
        note(&e, wg__load(v->dtype, wg__at(v, wg__offset(v, k))));
    return e;
}

static wg_tensor *dense(const wg__vm_leaf *leaf) {
    int64_t n = wg__numel(&leaf->shape);
    wg_tensor *x = wg__tensor_new(leaf->kind == WG__FLOAT ? WG_F64 : leaf->dtype, leaf->shape);
    if (x && leaf->kind == WG__FLOAT && n > 0)
        memcpy(x->view.data, leaf->value, (size_t)n * sizeof(double));
    for (int64_t k = 0; x && leaf->kind != WG__FLOAT && k < n; k++)
        wg__store(leaf->dtype, wg__at(&x->view, k), leaf->value[k]);
    return x;
}

// Gaps along many axes take megabytes: 5^8 elements for 2^8.
static wg__layout affordable(wg__layout layout, const wg_shape *shape) {
    int64_t block = 1;
    for (int i = 0; i < shape->rank; i++) block *= 2 * shape->dim[i] + 1;
    return layout == WG__GAPS && block > 16 * WG__VM_ELEMENTS ? WG__NEGATIVE : layout;
}

int wg__vm_add_leaf(wg__vm_decoder *d, const wg__vm_leaf *leaf) {
    wg__vm_program *p = d->p;
    if (p->leaves == WG__VM_LEAVES) return -1;
    int64_t n = wg__numel(&leaf->shape);
    for (int64_t k = 0; p->dtype == WG_F32 && leaf->kind == WG__FLOAT && k < n; k++)
        leaf->value[k] = (float)leaf->value[k];
    wg_tensor *x = dense(leaf);
    if (!x) return -1;
    int at = p->leaves++;
    p->leaf[at] = *leaf;
    p->leaf[at].layout = affordable(leaf->layout, &leaf->shape);
    d->reg[at] = x, d->extent[at] = extent_of(x);
    d->reaches[at] = leaf->variable, d->read[at] = false;
    return at;
}

// Whether inputs of this size may be given to an operation of which only trying tells the result's.
static bool is_small(const wg_call *c, int64_t most) {
    double all = 1;
    for (int i = 0; i < c->inputs; i++)
        if (c->in[i]) all *= fmax(1, (double)wg_numel(c->in[i]));
    return all <= 64.0 * (double)most;
}

static bool fits_map(const wg_call *c, int64_t most) {
    wg_dtype dtype = c->in[0]->view.dtype;
    wg_shape shape = c->in[0]->view.shape, wider;
    if (!c->op->map->forward[dtype]) return false;
    for (int i = 1; i < c->inputs; i++) {
        if (c->in[i]->view.dtype != dtype) return false;
        if (!wg__broadcast(&shape, &c->in[i]->view.shape, &wider)) return false;
        shape = wider;
        if (wg__numel(&shape) > most) return false;
    }
    return wg__numel(&shape) <= most;
}

/* The derivatives of a determinant along directions, all of them square matrices alike, take N to
   the power of how many they are, and their gradients more: what looks like them is kept small. */
static bool is_costly(const wg_call *c) {
    const wg_shape *s = &c->in[0]->view.shape;
    double cost = 1;
    if (c->inputs < 2 || s->rank < 2 || s->dim[s->rank - 1] != s->dim[s->rank - 2]) return false;
    for (int i = 0; i < c->inputs; i++) {
        if (!c->in[i] || !wg__shape_equal(s, &c->in[i]->view.shape)) return false;
        cost *= (double)s->dim[s->rank - 1];
    }
    return cost > 128;
}

// Whether it is taken, and the result no larger than may be.
static bool fits(const wg_call *c, int64_t most) {
    wg_spec spec;
    memset(&spec, 0, sizeof spec);
    if (c->op->map) return fits_map(c, most) && (!c->op->infer || c->op->infer(c, &spec));
    if (is_costly(c)) return false;
    if (!c->op->infer) return is_small(c, most);
    return c->op->infer(c, &spec) && wg__numel(&spec.shape) <= most;
}

typedef enum amount { FINE, LARGE, WRONG } amount;
static amount amount_of(const wg__vm_decoder *d, const wg_tensor *y, const wg__vm_extent *e) {
    double limit = d->p->mode == WG__WHOLE ? 0x1p31 : WG__VM_MOST;
    if (wg__numel(&y->view.shape) > d->elements) return WRONG;
    if (d->p->mode == WG__SPECIAL || !wg_dtype_is_float(y->view.dtype)) return FINE;
    if (e->nan || e->most > DBL_MAX || e->least < -DBL_MAX) return WRONG;
    if (e->most <= limit && e->least >= -limit) return FINE;
    return d->p->mode == WG__WHOLE ? WRONG : LARGE;
}

static wg_tensor *try_out(wg__vm_decoder *d, const wg_op *op, const int in[], int n,
                          const void *attr) {
    wg_tensor *x[WG__VM_OPERANDS] = { NULL };
    for (int i = 0; i < n; i++) x[i] = in[i] < 0 ? NULL : d->reg[in[i]];
    wg_call c = { op, n, x, NULL, attr };
    wg_tensor *y = fits(&c, d->elements) ? wg_apply(op, x, n, attr) : NULL;
    d->failed = d->failed || wg_error() == WG_ERROR_MEMORY;
    if (!d->failed) wg_error_clear();
    return y;
}

static int settle_step(wg__vm_decoder *d, const wg__vm_step *step, wg_tensor *y) {
    wg__vm_program *p = d->p;
    int at = WG__VM_LEAVES + p->steps;
    p->step[p->steps++] = *step;
    d->reg[at] = y, d->reaches[at] = d->read[at] = false;
    bool passes = !(step->op->flags & (WG_OP_ZERO_GRADIENT | WG_OP_NO_GRADIENT));
    for (int i = 0; i < step->inputs; i++)
        if (step->in[i] >= 0 && passes && wg_dtype_is_float(y->view.dtype))
            d->reaches[at] = d->reaches[at] || d->reaches[step->in[i]];
    return at;
}

int wg__vm_add_step(wg__vm_decoder *d, const wg_op *op, const int in[], int n, const void *attr) {
    wg__vm_program *p = d->p;
    wg__vm_step step = { .op = op, .inputs = n };
    if (p->steps == WG__VM_STEPS || n > WG__VM_OPERANDS || d->failed) return -1;
    for (int i = 0; i < n; i++) step.in[i] = in[i];
    wg_tensor *y = try_out(d, op, in, n, attr);
    if (!y) return -1;
    wg__vm_extent extent = extent_of(y);
    amount much = amount_of(d, y, &extent);
    if (much == WRONG) return -1;
    if (op->attr_size) {
        double *room = wg__vm_room(d, (int64_t)(op->attr_size / sizeof(double)) + 1);
        if (!room) return -1;
        step.attr = memcpy(room, attr, op->attr_size);
    }
    if (op->flags & WG_OP_NO_GRADIENT) step.flags = WG__VM_STOP;
    int at = settle_step(d, &step, y);
    d->extent[at] = extent;
    return much == FINE ? at : wg__vm_tame(d, at);
}
