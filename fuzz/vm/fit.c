// SPDX-License-Identifier: MIT
/* fit.c: an instruction's operands. A ladder: the registers that it names, others in place of one
   of them, all brought to one shape, all brought to the shapes of the sample. What a rung needs
   besides is a step or a leaf like any other, and taken back if the rung does not hold. */
#include <string.h>

#include "fuzz/vm/vm_impl.h"

typedef struct call {  // one instruction being fitted
    wg__vm_decoder *d;
    const wg__vm_instruction *i;
    const wg__vm_sample *sample;
    bool as_is;  // the sample's own values, where it lists them
    void *attr;
    int in[WG__VM_OPERANDS];
} call;

/* ---- leaves that a sample asks for ----------------------------------------------------------- */

// Matrices of a form: the selftest knows how to make them.
static void draw_form(const wg__slot *slot, const wg_shape *shape, uint64_t seed, double *value) {
    wg__sample one = { .inputs = 1 };
    wg_random r = { .seed = seed };
    one.in[0] = *slot;
    one.in[0].shape = *shape;
    (void)wg__sample_draw(&one, &r, &value);  // if not, an error is pending
}

static void draw(const call *c, const wg__vm_input *in, const wg_shape *shape, uint64_t seed,
                 double *value) {
    const wg__slot *s = &in->slot;
    bool plain = s->kind == WG__FLOAT && s->low == WG__LOW && s->high == WG__HIGH;
    wg__vm_drawn how = { .mode = c->d->p->mode, .bounded = !plain, .low = s->low, .high = s->high };
    int64_t n = wg__numel(shape);
    how.integer = s->kind != WG__FLOAT;
    if (how.integer) how.mode = WG__WHOLE;
    if (s->form != WG__ANY)
        draw_form(s, shape, seed, value);
    else
        wg__vm_draw(&how, seed, n, value);
    if (in->exact && wg__shape_equal(&s->shape, shape) && (c->as_is || s->kind != WG__FLOAT))
        memcpy(value, in->exact, (size_t)n * sizeof *value);
}

static bool is_small(const double *value, int64_t n) {
    for (int64_t k = 0; k < n; k++)
        if (!(value[k] >= -WG__VM_MOST && value[k] <= WG__VM_MOST)) return false;
    return true;
}

static int fresh(const call *c, int slot, const wg_shape *shape) {
    const wg__vm_input *in = &c->sample->in[slot];
    uint64_t seed = c->i->seed + 1000003 * (uint64_t)(slot + 1);
    int64_t n = wg__numel(shape);
    wg__vm_leaf leaf = { .kind = in->slot.kind, .dtype = in->slot.dtype, .shape = *shape };
    leaf.variable = leaf.kind == WG__FLOAT;
    leaf.layout = (wg__layout)(wg__vm_next(&seed) % (2 * WG__FIRST_ZERO));
    if (leaf.layout >= WG__FIRST_ZERO) leaf.layout = WG__DENSE;
    leaf.value = n > c->d->elements ? NULL : wg__vm_room(c->d, n);
    if (!leaf.value) return -1;
    draw(c, in, shape, seed, leaf.value);
    if (c->d->p->mode != WG__SPECIAL && !is_small(leaf.value, n)) return -1;
    return wg__vm_add_leaf(c->d, &leaf);
}

/* ---- registers ------------------------------------------------------------------------------- */

static wg__kind kind_of(const wg_tensor *x) {
    wg_dtype dtype = x->view.dtype;
    return wg_dtype_is_float(dtype) ? WG__FLOAT : dtype == WG_BOOL ? WG__TRUTH : WG__INTEGER;
}

static bool takes(const wg__vm_decoder *d, const wg__slot *s, int r) {
    if (kind_of(d->reg[r]) != s->kind) return false;
    return s->kind == WG__FLOAT || wg__vm_within(d, r, s->low, s->high);
}

// A float that depends on a variable and that nothing with a gradient reads yet; or any integers.
static bool is_open(const wg__vm_decoder *d, int r) {
    if (!wg_dtype_is_float(d->reg[r]->view.dtype)) return true;
    return d->reaches[r] && !d->read[r];
}

// The first that the slot takes, beginning `back` places before the newest of those in question.
static int walk(const call *c, int slot, bool open, int back) {
    const wg__vm_decoder *d = c->d;
    int count = 0, list[WG__VM_ROOM];
    for (int i = d->found; i-- > 0;)
        if (takes(d, &c->sample->in[slot].slot, d->order[i]) && (!open || is_open(d, d->order[i])))
            list[count++] = d->order[i];
    return count ? list[back % count] : -1;
}

/* The register that the slot's pick names, counted back from the newest that it takes. Most picks
   are among those that are open, so that little is computed for nothing. -1: there is none. */
static int pick(const call *c, int slot, int further) {
    int byte = c->i->byte[WG__VM_STEP_PICK + slot % 3], back = byte + slot / 3 * 5 + further;
    int r = byte < 208 ? walk(c, slot, true, back) : -1;
    return r < 0 ? walk(c, slot, false, back) : r;
}

// In the range that the slot asks for: as it is, squashed, or, where that would make fractions of
// whole numbers, a leaf in its place.
static int ranged(const call *c, int slot, int r) {
    const wg__slot *s = &c->sample->in[slot].slot;
    bool anything = s->kind != WG__FLOAT || (s->low == WG__LOW && s->high == WG__HIGH);
    if (anything || c->d->p->mode == WG__SPECIAL) return r;
    if (wg__vm_within(c->d, r, s->low, s->high)) return r;
    if (c->d->p->mode == WG__WHOLE) return fresh(c, slot, &c->d->reg[r]->view.shape);
    return wg__vm_squash(c->d, r, s->low, s->high);
}

static bool wants_leaf(const call *c, int slot) {
    const wg__vm_input *in = &c->sample->in[slot];
    return in->slot.form != WG__ANY || (in->exact && c->as_is) ||
           c->i->byte[WG__VM_STEP_PICK + slot % 3] >= 240;
}

/* ---- the ladder ------------------------------------------------------------------------------ */

static int apply(const call *c) {
    return wg__vm_add_step(c->d, c->i->op, c->in, c->sample->inputs, c->attr);
}

static bool find_named(call *c) {
    for (int i = 0; i < c->sample->inputs; i++) {
        int r = wants_leaf(c, i) ? -1 : pick(c, i, i % 3);
        c->in[i] = r < 0 ? fresh(c, i, &c->sample->in[i].slot.shape) : ranged(c, i, r);
        if (c->in[i] < 0) return false;
    }
    return true;
}

// Other registers for the last operand, then for the first.
static int replaced(call *c) {
    int n = c->sample->inputs, tries = c->i->op->map ? 3 : 1;
    wg__vm_mark mark = wg__vm_mark_now(c->d);
    for (int k = 0; k < 2; k++) {
        int slot = k ? 0 : n - 1, was = c->in[slot];
        for (int further = 1; !wants_leaf(c, slot) && further <= tries; further++) {
            int other = pick(c, slot, slot % 3 + further);
            c->in[slot] = other < 0 || other == was ? -1 : ranged(c, slot, other);
            int r = c->in[slot] < 0 ? -1 : apply(c);
            if (r >= 0) return r;
            wg__vm_back_to(c->d, mark);
        }
        c->in[slot] = was;
    }
    return -1;
}

// All in the shape of the first: what elementwise operations can do with.
static int alike(call *c) {
    wg_shape shape = c->d->reg[c->in[0]]->view.shape;
    for (int i = 1; i < c->sample->inputs; i++) {
        c->in[i] = wg__vm_bring(c->d, c->in[i], &shape);
        if (c->in[i] < 0) return -1;
    }
    return apply(c);
}

static int named(call *c) {
    bool several = c->sample->inputs > 1;
    if (!find_named(c)) return -1;
    int r = apply(c);
    if (r < 0 && several) r = replaced(c);
    return r < 0 && several && c->i->op->map ? alike(c) : r;
}

/* Every 3 becomes a 5, say, in all inputs at once, so that what fits fits still; code 0 leaves them
   as they are. What lists its values stays. */
static wg_shape resized(const call *c, int slot, unsigned code) {
    static const int8_t sizes[] = { 2, 3, 4, 5, 6, 7, 8, 9, 11, 16, 17 };
    wg_shape s = c->sample->in[slot].slot.shape;
    for (int i = 0; i < c->sample->inputs; i++)
        if (c->sample->in[i].exact) return s;
    for (int i = 0; code && i < s.rank; i++) {
        unsigned at = (unsigned)s.dim[i] * 7 + code * 3;
        if (s.dim[i] >= 2 && s.dim[i] < 10 && sizes[at % sizeof sizes] > s.dim[i])
            s.dim[i] = sizes[at % sizeof sizes];
    }
    return s;
}

static int brought(const call *c, int slot, const wg_shape *shape) {
    int r = wants_leaf(c, slot) || c->sample->in[slot].slot.kind != WG__FLOAT
                ? -1
                : pick(c, slot, slot % 3);
    int64_t want = wg__numel(shape), have = r < 0 ? 0 : wg_numel(c->d->reg[r]);
    if (r < 0 || 2 * have < want) return fresh(c, slot, shape);
    int there = wg__vm_bring(c->d, r, shape);
    return there < 0 ? fresh(c, slot, shape) : ranged(c, slot, there);
}

static int in_shapes(call *c, unsigned code) {
    for (int i = 0; i < c->sample->inputs; i++) {
        wg_shape shape = resized(c, i, code);
        c->in[i] = brought(c, i, &shape);
        if (c->in[i] < 0) return -1;
    }
    return apply(c);
}

static int with_fresh(call *c) {
    for (int i = 0; i < c->sample->inputs; i++) {
        c->in[i] = fresh(c, i, &c->sample->in[i].slot.shape);
        if (c->in[i] < 0) return -1;
    }
    return apply(c);
}

static int climb(call *c, unsigned code) {
    enum { NAMED, RESIZED, BROUGHT, FRESH, RUNGS };
    wg__vm_mark mark = wg__vm_mark_now(c->d);
    for (int rung = NAMED; rung < RUNGS && !c->d->failed; rung++) {
        int r = -1;
        if (rung == NAMED) r = named(c);
        if (rung == RESIZED && code) r = in_shapes(c, code);
        if (rung == BROUGHT) r = in_shapes(c, 0);
        if (rung == FRESH) r = with_fresh(c);
        if (r >= 0) return r;
        wg__vm_back_to(c->d, mark);
    }
    return -1;
}

static int newest_rank(const wg__vm_decoder *d) { return wg_rank(d->reg[d->order[d->found - 1]]); }

// With the change; without it and with the values that the sample lists; and with neither.
static int try_sample(call *c, unsigned change, unsigned code) {
    size_t size = c->i->op->attr_size;
    for (int attempt = change ? 0 : 1; attempt < 3; attempt++) {
        if (c->attr) memcpy(c->attr, c->sample->attr, size);
        if (attempt == 0) wg__vm_change_attribute(c->i->op, c->attr, change, newest_rank(c->d));
        c->as_is = attempt == 1 && !change;
        int r = climb(c, code);
        if (r >= 0 || c->d->failed || (attempt == 1 && change)) return r;
    }
    return -1;
}

// A sample that does not do, one that is too large, say, leaves it to the next.
int wg__vm_instruct(wg__vm_decoder *d, const wg__vm_instruction *i) {
    enum { SAMPLES = 3 };
    const wg__vm_samples *all = i->op ? wg__vm_samples_of(i->op) : NULL;
    if (!all || all->count == 0) return -1;
    unsigned byte = i->byte[WG__VM_STEP_SAMPLE], count = (unsigned)all->count;
    call c = { .d = d, .i = i };
    size_t words = i->op->attr_size / sizeof(double) + 1;
    c.attr = i->op->attr_size ? wg__vm_room(d, (int64_t)words) : NULL;
    if (i->op->attr_size && !c.attr) return -1;
    for (unsigned k = 0; k < SAMPLES && k < count; k++) {
        c.sample = &all->sample[(byte + k) % count];
        if (c.sample->inputs > WG__VM_OPERANDS) continue;
        int r = try_sample(&c, k ? 0 : i->byte[WG__VM_STEP_ATTR], byte / count);
        if (r >= 0 || d->failed) return r;
    }
    return -1;
}
