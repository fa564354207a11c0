// SPDX-License-Identifier: MIT
/* run.c: a program run: leaves in their memory layouts, then steps; spans of them under
   wg_checkpoint, or in a scope of their own. */
#include <string.h>

#include "fuzz/vm/vm_impl.h"

// What a checkpoint runs, and may run again when the caller's registers are gone.
typedef struct frame {
    const wg__vm_program *p;
    const wg__vm_span *span;
    struct frame *all;  // one for each span of the program
    int inputs;
    int in[WG__VM_REGISTERS];
} frame;

typedef struct state {
    const wg__vm_program *p;
    frame *frames;  // NULL: without spans
    wg_tensor **reg;
} state;

static bool run_steps(const state *s, int first, int last, const wg__vm_span *within);

static bool run_step(const state *s, int k) {
    const wg__vm_step *step = &s->p->step[k];
    wg_tensor *in[WG__VM_OPERANDS];
    for (int i = 0; i < step->inputs; i++) in[i] = step->in[i] < 0 ? NULL : s->reg[step->in[i]];
    bool was = step->flags & WG__VM_UNRECORDED ? wg_recording(false) : true;
    wg_tensor *y = wg_apply(step->op, in, step->inputs, step->attr);
    if (step->flags & WG__VM_UNRECORDED) wg_recording(was);
    if (step->flags & WG__VM_STOP && y) y = wg_stop(y);
    s->reg[s->p->leaves + k] = y;
    return y != NULL;
}

/* ---- spans ----------------------------------------------------------------------------------- */

static wg_tensor *run_frame(void *user, wg_tensor *const x[], int n) {
    const frame *f = user;
    wg_tensor *reg[WG__VM_REGISTERS] = { NULL };
    for (int i = 0; i < n; i++) reg[f->in[i]] = x[i];
    state inner = { f->p, f->all, reg };
    if (!run_steps(&inner, f->span->first, f->span->last, f->span)) return NULL;
    return reg[f->p->leaves + f->span->last];
}

static void note_inputs(frame *f) {
    bool seen[WG__VM_REGISTERS] = { false };
    for (int k = f->span->first; k <= f->span->last; k++)
        for (int i = 0; i < f->p->step[k].inputs; i++) {
            int r = f->p->step[k].in[i];
            if (r < 0 || r >= f->p->leaves + f->span->first || seen[r]) continue;
            seen[r] = true;
            f->in[f->inputs++] = r;
        }
}

// They live as long as the run: a checkpoint may run again after a scope around it was closed.
static frame *make_frames(const wg__vm_program *p) {
    size_t bytes = (size_t)p->spans * sizeof(frame);
    frame *all = (frame *)(void *)wg__scratch((int64_t)(bytes / sizeof(double)) + 1);
    for (int i = 0; all && i < p->spans; i++) {
        all[i] = (frame){ .p = p, .span = &p->span[i], .all = all };
        note_inputs(&all[i]);
    }
    return all;
}

static bool run_checkpoint(const state *s, const wg__vm_span *span) {
    frame *f = &s->frames[span - s->p->span];
    wg_tensor *x[WG__VM_REGISTERS];
    for (int i = 0; i < f->inputs; i++) x[i] = s->reg[f->in[i]];
    wg_tensor *y = wg_checkpoint(run_frame, f, x, f->inputs);
    s->reg[s->p->leaves + span->last] = y;
    return y != NULL;
}

bool wg__vm_is_read(const wg__vm_program *p, int r, int last) {
    for (int i = 0; i < p->outputs; i++)
        if (p->output[i] == r) return true;
    for (int k = last + 1; k < p->steps; k++)
        for (int i = 0; i < p->step[k].inputs; i++)
            if (p->step[k].in[i] == r) return true;
    return false;
}

bool wg__vm_is_closed(const wg__vm_program *p, int base, int first, int last) {
    for (int k = first; k < last; k++)
        if (wg__vm_is_read(p, base + k, last)) return false;
    return true;
}

static bool run_scope(const state *s, const wg__vm_span *span) {
    wg_scope *scope = wg_scope_open();
    if (!scope) return false;
    bool done = run_steps(s, span->first, span->last, span);
    for (int k = span->first; k <= span->last; k++) {
        int r = s->p->leaves + k;
        bool wanted = k == span->last || wg__vm_is_read(s->p, r, span->last);
        bool kept = done && s->reg[r] && wanted;
        if (kept)
            done = wg_keep(s->reg[r]) != NULL;
        else
            s->reg[r] = NULL;
    }
    wg_scope_close(scope);
    return done;
}

// The widest span that begins with this step, but for the one that runs and those around it.
static const wg__vm_span *span_at(const state *s, int k, int last, const wg__vm_span *within) {
    const wg__vm_span *found = NULL;
    for (int i = 0; s->frames && i < s->p->spans; i++) {
        const wg__vm_span *span = &s->p->span[i];
        if (span == within || span->first != k || span->last > last) continue;
        if (within && span->first <= within->first && span->last >= within->last) continue;
        if (!found || span->last > found->last) found = span;
    }
    return found;
}

static bool run_steps(const state *s, int first, int last, const wg__vm_span *within) {
    for (int k = first; k <= last;) {
        const wg__vm_span *span = span_at(s, k, last, within);
        bool done = !span                             ? run_step(s, k)
                    : span->kind == WG__VM_CHECKPOINT ? run_checkpoint(s, span)
                                                      : run_scope(s, span);
        if (!done) return false;
        k = span ? span->last + 1 : k + 1;
    }
    return true;
}

bool wg__vm_run_steps(const wg__vm_program *p, bool plain, wg__vm_run *r) {
    for (int k = 0; k < p->steps; k++) r->reg[p->leaves + k] = NULL;
    if (wg__pending()) return false;
    bool spans = p->spans > 0 && !plain;
    state s = { p, spans ? make_frames(p) : NULL, r->reg };
    return (s.frames || !spans) && run_steps(&s, 0, p->steps - 1, NULL) && !wg__pending();
}

/* ---- leaves ---------------------------------------------------------------------------------- */

static bool make_leaf(const wg__vm_program *p, const wg__vm_setting *s, int i, wg__vm_run *r) {
    const wg__vm_leaf *leaf = &p->leaf[i];
    const double *value = s->value && s->value[i] ? s->value[i] : leaf->value;
    wg_dtype dtype = leaf->kind == WG__FLOAT ? s->dtype : leaf->dtype;
    wg__layout layout = s->dense ? WG__DENSE : leaf->layout;
    wg_tensor *x = layout == WG__DENSE && dtype == WG_F64
                       ? r->base[i] = wg_from(WG_F64, leaf->shape, value)
                       : wg__lay_out(dtype, &leaf->shape, value, layout, &r->base[i]);
    r->reg[i] = x && leaf->variable ? wg_variable(x) : x;
    if (leaf->variable) r->x[r->variables] = r->reg[i], r->which[r->variables++] = i;
    return r->reg[i] != NULL;
}

bool wg__vm_run_make(const wg__vm_program *p, const wg__vm_setting *s, wg__vm_run *r) {
    r->variables = 0;
    for (int i = 0; i < p->leaves; i++)
        if (!make_leaf(p, s, i, r)) return false;
    return wg__vm_run_steps(p, s->plain, r);
}

bool wg__vm_run_usual(const wg__vm_program *p, wg__vm_run *r) {
    return wg__vm_run_make(p, &(wg__vm_setting){ .dtype = WG_F64 }, r);
}

/* ---- gaps ------------------------------------------------------------------------------------ */

// Marks the bytes that belong to elements; all others were filled with ones.
static bool gaps_are_whole(const wg_tensor *x, const wg_tensor *base) {
    size_t size = wg__size_of(x->view.dtype), bytes = (size_t)wg__numel(&base->view.shape) * size;
    const unsigned char *byte = base->view.data;
    unsigned char *used = (unsigned char *)wg__scratch((int64_t)(bytes / sizeof(double)) + 1);
    if (!used) return false;
    int64_t start = ((const char *)x->view.data - (const char *)base->view.data) / (int64_t)size;
    for (int64_t k = 0, n = wg__numel(&x->view.shape); k < n; k++)
        memset(used + (size_t)(start + wg__offset(&x->view, k)) * size, 1, size);
    for (size_t k = 0; k < bytes; k++)
        if (!used[k] && byte[k] != 0xff) return false;
    return true;
}

bool wg__vm_gaps_are_whole(const wg__vm_program *p, const wg__vm_run *r) {
    wg_scope *scope = wg_scope_open();
    bool whole = scope != NULL;
    for (int i = 0; whole && i < p->leaves; i++)
        whole = r->reg[i] == r->base[i] || gaps_are_whole(r->reg[i], r->base[i]);
    wg_scope_close(scope);
    return whole;
}
