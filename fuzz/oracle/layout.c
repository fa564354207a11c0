// SPDX-License-Identifier: MIT
/* layout.c: where numbers stand must not matter. The program runs on dense leaves and on leaves
   with gaps, negative strides, offsets and strides of 0, tangents and cotangents likewise, and
   gives the same; and nobody writes to what was given, nor reads or writes the gaps, which hold
   NaN. */
#include <string.h>

#include "fuzz/oracle/engine.h"

// The layouts that any values can have.
enum { FREE_LAYOUTS = WG__FIRST_ZERO };

typedef struct side {
    wg__vm_run run;
    wg_tensor *y, *dy, *gx[WG__VM_LEAVES];
} side;

static wg__layout chosen(const wg__scene *s) { return (wg__layout)(s->p->choice[2] % WG__LAYOUTS); }

// As an axis of stride 0 has it.
static void make_constant(double *x, const wg_shape *shape, wg__layout layout) {
    int axis = wg__zero_axis(layout, shape);
    wg_view v = { .shape = *shape };
    wg__contiguous_strides(&v);
    if (axis < 0) return;
    v.stride[axis] = 0;
    for (int64_t k = 0; k < wg__numel(shape); k++) x[k] = x[wg__offset(&v, k)];
}

// The same weights, laid out in memory of its own; its block comes back in `base`.
static wg_tensor *weight(wg__scene *s, const wg_tensor *y, wg__layout layout, wg_tensor **base) {
    double *w = wg__scene_weights(s, wg_numel(y));
    if (!w) return NULL;
    make_constant(w, &y->view.shape, chosen(s));
    return wg__lay_out(y->view.dtype, &y->view.shape, w, layout, base);
}

typedef struct block {
    wg_tensor *base;
    const double *before;
} block;

static bool note(block *b) {
    size_t bytes = (size_t)wg_numel(b->base) * wg_dtype_size(wg_dtype_of(b->base));
    void *copy = wg__scratch((int64_t)(bytes / sizeof(double)) + 1);
    if (copy) memcpy(copy, b->base->view.data, bytes);
    return (b->before = copy) != NULL;
}

static void hold_block(wg__scene *s, const block *b) {
    size_t bytes = (size_t)wg_numel(b->base) * wg_dtype_size(wg_dtype_of(b->base));
    wg__scene_hold(s, memcmp(b->before, b->base->view.data, bytes) == 0,
                   "a tangent or cotangent, or the memory around it, was written to");
}

static void hold_leaves(wg__scene *s, double *const value[]) {
    wg__scene_hold(s, wg__vm_gaps_are_whole(s->p, &s->run),
                   "the memory around a leaf was written to");
    for (int i = 0; i < s->p->leaves; i++) {
        const double *want = value ? value[i] : s->p->leaf[i].value;
        if (s->p->leaf[i].kind != WG__FLOAT) continue;  // converted, not kept
        const double *got = wg__numbers(s->run.reg[i]);
        if (!got) return;
        wg__scene_hold(s, wg__same_numbers(got, want, wg_numel(s->run.reg[i])),
                       "a leaf was written to");
    }
}

static wg_tensor *tracked_output(wg__scene *s) {
    int n = s->p->outputs, from = wg__scene_below(s, n);
    for (int k = 0; k < n; k++) {
        wg_tensor *y = s->run.reg[s->p->output[(from + k) % n]];
        if (wg_is_tracked(y)) return y;
    }
    return NULL;
}

static bool observe(wg__scene *s, const wg__vm_setting *how, side *o) {
    wg_tensor *v[WG__VM_LEAVES];
    wg__layout layout = how->dense ? WG__DENSE : chosen(s);
    block seed, moved[WG__VM_LEAVES];
    if (!wg__scene_run(s, how)) return false;
    o->y = tracked_output(s);
    for (int k = 0; k < s->run.variables; k++)
        if (!(v[k] = weight(s, s->run.x[k], layout, &moved[k].base)) || !note(&moved[k]))
            return false;
    wg_grad_options g = { .seed = weight(s, o->y, layout, &seed.base),
                          .constant = s->p->choice[1] & 1 };
    if (!g.seed || !note(&seed)) return false;
    if (!wg_grad(o->y, s->run.x, s->run.variables, o->gx, g)) return false;
    if (!(o->dy = wg_jvp(o->y, s->run.x, s->run.variables, v))) return false;
    hold_block(s, &seed);
    for (int k = 0; k < s->run.variables; k++) hold_block(s, &moved[k]);
    if (!how->dense) hold_leaves(s, how->value);
    o->run = s->run;
    return true;
}

static bool both(wg__scene *s, double *const value[], wg__sides *o) {
    side dense = { .y = NULL }, other = { .y = NULL };
    wg_random start = s->random;
    wg__vm_setting how = { .dtype = WG_F64, .dense = true, .value = value };
    if (!observe(s, &how, &dense)) return false;
    s->random = start;
    how.dense = false;
    if (!observe(s, &how, &other)) return false;
    for (int k = 0; k < s->p->outputs; k++) {
        int reg = s->p->output[k];
        if (!wg__sides_add(o, "another layout changes an output", other.run.reg[reg],
                           dense.run.reg[reg]))
            return false;
    }
    for (int k = 0; k < s->run.variables; k++)
        if (!wg__sides_add(o, "another layout changes a gradient", other.gx[k], dense.gx[k]))
            return false;
    return wg__sides_add(o, "another layout changes the tangent", other.dy, dense.dy);
}

static bool excused(const wg__scene *s) {
    for (int k = 0; k < s->p->steps; k++)
        if (s->p->step[k].op->flags & WG_OP_NO_GRADIENT) return true;
    return false;
}

static void check(wg__scene *s) {
    wg__vm_program *p = (wg__vm_program *)(void *)wg__scratch(sizeof *p / sizeof(double) + 1);
    if (!p || excused(s)) return;
    *p = *s->p;
    for (int i = 0; i < p->leaves; i++)
        if (p->leaf[i].layout == WG__DENSE)
            p->leaf[i].layout = (wg__layout)wg__scene_below(s, FREE_LAYOUTS);
    s->p = p;
    wg__scene_twins(s, both);
}

void wg__oracle_layout(const wg__vm_program *p) { wg__scene_open(p, "O7 memory layout", check); }
