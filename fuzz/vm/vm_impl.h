// SPDX-License-Identifier: MIT
/* vm_impl.h: what the files that decode share. While a program is decoded, leaf i is register i and
   step k register WG__VM_LEAVES + k; in the end they close ranks. */
#ifndef WG_FUZZ_VM_IMPL_H
#define WG_FUZZ_VM_IMPL_H

#include "fuzz/vm/vm.h"

/* ---- samples, read once: sample.c ------------------------------------------------------------ */

typedef struct wg__vm_input {
    wg__slot slot;
    double *exact;  // the values that it lists, or NULL
} wg__vm_input;
typedef struct wg__vm_sample {
    int inputs;
    void *attr;
    wg__vm_input *in;
} wg__vm_sample;
typedef struct wg__vm_samples {
    const wg_op *op;
    int count;
    const wg__vm_sample *sample;
} wg__vm_samples;
/* NULL after reporting. What it gives lives as long as the program. */
const wg__vm_samples *wg__vm_samples_of(const wg_op *op);

/* ---- numbers: value.c ------------------------------------------------------------------------ */

/* SplitMix64 (Steele et al. 2014): one multiplication a number is what decoding can afford. */
static inline uint64_t wg__vm_next(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}
static inline int64_t wg__vm_below(uint64_t *state, int64_t n) {
    return (int64_t)(wg__vm_next(state) % (uint64_t)n);
}

typedef struct wg__vm_drawn {
    wg__mode mode;
    unsigned table;
    bool bounded;  // to low ... high
    bool integer;  // and without fractions, however few whole numbers lie between
    double low, high;
} wg__vm_drawn;
void wg__vm_draw(const wg__vm_drawn *how, uint64_t seed, int64_t n, double *value);
/* Makes equal what stands on one place in this layout. */
void wg__vm_settle_layout(wg__layout layout, const wg_shape *shape, double *value);

/* ---- decoding: decode.c try.c ---------------------------------------------------------------- */

enum { WG__VM_ROOM = WG__VM_LEAVES + WG__VM_STEPS };
typedef struct wg__vm_extent {
    double least, most;  // infinities the wrong way round where there is no element
    bool nan;            // some element is
} wg__vm_extent;
typedef struct wg__vm_decoder {
    wg__vm_program *p;
    int64_t elements;
    wg_tensor *reg[WG__VM_ROOM];
    wg__vm_extent extent[WG__VM_ROOM];
    bool reaches[WG__VM_ROOM];  // a variable passes it a tangent
    bool read[WG__VM_ROOM];     // some step has it among its inputs
    int order[WG__VM_ROOM];     // what instructions find, oldest first
    int found;
    bool failed;   // no memory
    double *room;  // what is left of a block of numbers
    int64_t left;
} wg__vm_decoder;
typedef struct wg__vm_mark {
    int leaves, steps, found;
} wg__vm_mark;
static inline wg__vm_mark wg__vm_mark_now(const wg__vm_decoder *d) {
    return (wg__vm_mark){ d->p->leaves, d->p->steps, d->found };
}
static inline void wg__vm_back_to(wg__vm_decoder *d, wg__vm_mark m) {
    d->p->leaves = m.leaves, d->p->steps = m.steps, d->found = m.found;
}

/* `count` doubles, undefined, that live while decoding does; NULL after reporting. */
double *wg__vm_room(wg__vm_decoder *d, int64_t count);
/* Both give the register, or -1. */
int wg__vm_add_leaf(wg__vm_decoder *d, const wg__vm_leaf *leaf);
int wg__vm_add_step(wg__vm_decoder *d, const wg_op *op, const int in[], int n, const void *attr);

/* ---- flags, spans, outputs: span.c ----------------------------------------------------------- */

/* Whether steps first ... last can be a checkpoint: its one result is a float with a history, and
   nothing else that it computes is read outside. span.c */
bool wg__vm_can_run_again(const wg__vm_decoder *d, int first, int last);

typedef struct wg__vm_wish {  // of a span, in instructions
    wg__vm_span_kind kind;
    int first, last;
} wg__vm_wish;
typedef struct wg__vm_reading {
    wg__vm_wish wish[WG__VM_SPANS];
    int wishes;
    int begins[WG__VM_INSTRUCTIONS + 1];  // the first step of each instruction
    int count;
} wg__vm_reading;
/* Those of the instruction that gave register r. */
void wg__vm_read_flags(wg__vm_decoder *d, unsigned flags, int r, wg__vm_reading *of);
/* When all instructions are read: first the outputs. */
void wg__vm_choose_outputs(wg__vm_decoder *d, unsigned byte);
void wg__vm_settle_spans(wg__vm_decoder *d, const wg__vm_reading *of);

/* ---- finding operands: fit.c ----------------------------------------------------------------- */

typedef struct wg__vm_instruction {
    const wg_op *op;
    const uint8_t *byte;
    uint64_t seed;
} wg__vm_instruction;
/* The register with the result; -1 if nothing works. */
int wg__vm_instruct(wg__vm_decoder *d, const wg__vm_instruction *i);

/* ---- bringing registers into shape: shape.c -------------------------------------------------- */

/* Register r in this shape; -1 if that does not work. */
int wg__vm_bring(wg__vm_decoder *d, int r, const wg_shape *shape);
/* Register r within low ... high; itself if it is. */
int wg__vm_squash(wg__vm_decoder *d, int r, double low, double high);
/* Register r through tanh. */
int wg__vm_tame(wg__vm_decoder *d, int r);
static inline bool wg__vm_within(const wg__vm_decoder *d, int r, double low, double high) {
    const wg__vm_extent *e = &d->extent[r];
    return !e->nan && (e->least > e->most || (e->least >= low && e->most <= high));
}

/* ---- attributes: attribute.c ----------------------------------------------------------------- */

/* Changes one of them, by `code`. */
void wg__vm_change_attribute(const wg_op *op, void *attr, unsigned code, int rank);

#endif
