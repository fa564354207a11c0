// SPDX-License-Identifier: MIT
/* cover.c: coverage of meanings. Code coverage cannot tell a matrix that is broadcast from one that
   is transposed, since the same loop runs. So what an instruction meets is counted in libFuzzer's
   extra counters, where a thing that was not there before makes an input worth keeping.

   Not the product of all there is, which would keep every input; but for each operation rank with
   broadcasting, each operand's layout, and dtype with mode and order of derivative. */
#include "fuzz/driver/driver.h"

enum { COUNTERS = 1 << 15 };

#if defined(__clang__) && defined(__linux__)
// libFuzzer finds them by the section; volatile, or what is never read would not be written.
__attribute__((section("__libfuzzer_extra_counters"),
               used)) static volatile uint8_t counter[COUNTERS];
#else
static volatile uint8_t counter[COUNTERS];
#endif

typedef enum aspect { SHAPES, LAYOUT, SETTING } aspect;

// FNV-1a, of a name once and then of what is met.
static uint32_t mix(uint32_t hash, uint32_t value) { return (hash ^ value) * 16777619u; }

static uint32_t mix_name(const char *name) {
    uint32_t hash = 2166136261u;
    for (; *name; name++) hash = mix(hash, (uint8_t)*name);
    return hash;
}

static void note(uint32_t name, aspect about, uint32_t what) {
    uint32_t hash = mix(mix(name, about), what);
    hash ^= hash >> 15;
    volatile uint8_t *c = &counter[(hash * 2654435761u) >> (32 - 15)];
    if (*c < UINT8_MAX) ++*c;
}
_Static_assert(COUNTERS == 1 << 15, "a place among them is 15 bits");

/* ---- what an instruction meets --------------------------------------------------------------- */

// How two operands differ: in rank, by an axis of 1 in the one or the other, by a size of 0.
enum { OTHER_RANK = 1, FIRST_STRETCHED = 2, SECOND_STRETCHED = 4, EMPTY = 8 };
static unsigned broadcasting(const wg_shape *a, const wg_shape *b) {
    unsigned kind = a->rank != b->rank ? OTHER_RANK : 0;
    for (int i = 1; i <= a->rank && i <= b->rank; i++) {
        int64_t m = a->dim[a->rank - i], n = b->dim[b->rank - i];
        if (m == 1 && n != 1) kind |= FIRST_STRETCHED;
        if (n == 1 && m != 1) kind |= SECOND_STRETCHED;
        if (m == 0 || n == 0) kind |= EMPTY;
    }
    return kind;
}

// A leaf's is known; of others, how the strides run.
enum { PLAIN = WG__LAYOUTS, REPEATED, BACKWARDS, STRIDED };
static unsigned layout_of(const wg__vm_program *p, int reg, const wg_tensor *x) {
    if (reg < p->leaves) return (unsigned)p->leaf[reg].layout;
    if (wg_is_contiguous(x)) return PLAIN;
    if (wg__has_overlap(&x->view)) return REPEATED;
    for (int i = 0; i < x->view.shape.rank; i++)
        if (x->view.stride[i] < 0) return BACKWARDS;
    return STRIDED;
}

static void note_shapes(const wg__vm_step *s, const wg__vm_run *r, uint32_t name) {
    const wg_tensor *first = s->inputs > 0 && s->in[0] >= 0 ? r->reg[s->in[0]] : NULL;
    const wg_tensor *second = s->inputs > 1 && s->in[1] >= 0 ? r->reg[s->in[1]] : NULL;
    if (!first) return;
    const wg_shape *a = &first->view.shape, *b = second ? &second->view.shape : a;
    note(name, SHAPES, (unsigned)a->rank << 8 | broadcasting(a, b));
}

static void note_layouts(const wg__vm_program *p, const wg__vm_run *r, const wg__vm_step *s,
                         uint32_t name) {
    for (int k = 0; k < s->inputs && k < 3; k++) {
        const wg_tensor *x = s->in[k] >= 0 ? r->reg[s->in[k]] : NULL;
        if (x) note(name, LAYOUT, (unsigned)k << 8 | layout_of(p, s->in[k], x));
    }
}

void wg__fuzz_cover_run(const wg__vm_program *p, const wg__vm_run *r, int order) {
    unsigned setting = (unsigned)p->dtype << 16 | (unsigned)p->mode << 8 | (unsigned)order;
    for (int i = 0; i < p->steps; i++) {
        const wg__vm_step *s = &p->step[i];
        uint32_t name = mix_name(s->op->name);
        note(name, SETTING, setting << 4 | s->flags);
        note_shapes(s, r, name);
        note_layouts(p, r, s, name);
    }
}

void wg__fuzz_cover_program(const wg__vm_program *p, int order) {
    wg__vm_setting s = { .dtype = WG_F64, .plain = true };
    wg__vm_run r;
    wg_scope *scope = wg_scope_open();
    wg_recording(false);  // until the scope closes
    if (scope && wg__vm_run_make(p, &s, &r)) wg__fuzz_cover_run(p, &r, order);
    wg_error_clear();
    wg_scope_close(scope);
}
