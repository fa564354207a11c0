// SPDX-License-Identifier: MIT
/* decode.c: bytes as a program. Instructions are carried out as they are read, unrecorded, in f64,
   dense: what was tried and does not work is taken back, and what stays is the program. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "fuzz/vm/vm_impl.h"

/* ---- what is tried --------------------------------------------------------------------------- */

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
    d->reg[at] = x, d->extent[at] = extent_of(x);
    d->reaches[at] = leaf->variable;
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
    if (c->op->map) return fits_map(c, most);
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
    d->reg[at] = y, d->reaches[at] = false;
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

/* ---- reading --------------------------------------------------------------------------------- */

static void read_record(const uint8_t *data, size_t size, size_t record,
                        uint8_t byte[WG__VM_RECORD]) {
    size_t from = record * WG__VM_RECORD;
    for (size_t k = 0; k < WG__VM_RECORD; k++) byte[k] = from + k < size ? data[from + k] : 0;
}

static void read_head(const uint8_t *byte, wg__vm_program *p) {
    static const wg__mode mode[8] = { WG__GENERAL, WG__GENERAL, WG__GENERAL, WG__GENERAL,
                                      WG__WHOLE,   WG__WHOLE,   WG__WHOLE,   WG__SPECIAL };
    p->mode = mode[byte[WG__VM_HEAD_MODE] % 8];
    p->dtype = byte[WG__VM_HEAD_MODE] / 8 % 4 == 3 ? WG_F32 : WG_F64;
    memcpy(p->choice, byte + WG__VM_HEAD_CHOICE, sizeof p->choice);
    p->seed = (uint64_t)byte[WG__VM_HEAD_SEED] << 8 | byte[WG__VM_HEAD_SEED + 1];
}

/* Code 0 is 2, 3, 4 ...: the sizes that most samples have, so that what was never written fits. */
static int64_t read_size(unsigned code, int axis) {
    static const int8_t sizes[16] = { 0, 3, 2, 4, 1, 5, 3, 2, 1, 7, 8, 9, 0, 16, 17, 2 };
    return code ? sizes[code] : 2 + axis % 3;
}

static wg_shape read_shape(const uint8_t *byte, int64_t most) {
    static const int8_t ranks[16] = { 2, 1, 2, 3, 2, 1, 0, 3, 2, 4, 1, 3, 2, 0, 4, -1 };
    wg_shape s = { .rank = ranks[byte[WG__VM_LEAF_RANK] % 16] };
    if (s.rank < 0) s.rank = 5 + byte[WG__VM_LEAF_RANK] / 16 % 4;
    unsigned codes = byte[WG__VM_LEAF_SIZES] | (unsigned)byte[WG__VM_LEAF_SIZES + 1] << 8;
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = i < 4 ? read_size(codes >> 4 * i & 15, i) : 1 + (codes >> 2 * i & 1);
    for (int i = 0; wg__numel(&s) > most && i < s.rank; i++) s.dim[i] = 2;
    for (int i = 0; wg__numel(&s) > most && i < s.rank; i++) s.dim[i] = 1;
    return s;
}

static void draw_leaf(const uint8_t *byte, wg__mode mode, int number, wg__vm_leaf *leaf) {
    unsigned table = byte[WG__VM_LEAF_TABLE];
    uint64_t seed = byte[WG__VM_LEAF_VALUES] | (uint64_t)byte[WG__VM_LEAF_VALUES + 1] << 8;
    seed += table & 64 ? 0 : 65536 * (uint64_t)(number + 1);  // so that two may be alike
    wg__vm_drawn how = { .mode = mode, .table = table };
    if (leaf->kind != WG__FLOAT) {
        how = (wg__vm_drawn){ WG__WHOLE, 0, true, true, 0, (double)(seed % 3 + 1) };
        if (leaf->kind == WG__TRUTH) how.high = 1;
    }
    wg__vm_draw(&how, seed, wg__numel(&leaf->shape), leaf->value);
    wg__vm_settle_layout(leaf->layout, &leaf->shape, leaf->value);
}

static bool read_leaf(wg__vm_decoder *d, const uint8_t *byte) {
    unsigned kind = byte[WG__VM_LEAF_KIND] % 8, table = byte[WG__VM_LEAF_TABLE] % 4;
    wg__vm_leaf leaf = { .shape = read_shape(byte, d->elements), .dtype = WG_I64 };
    leaf.layout = (wg__layout)(byte[WG__VM_LEAF_LAYOUT] % WG__LAYOUTS);
    leaf.kind = kind < 7 || d->found == 0 ? WG__FLOAT : table == 2 ? WG__TRUTH : WG__INTEGER;
    leaf.variable = leaf.kind == WG__FLOAT && kind != 6;
    if (leaf.kind == WG__TRUTH) leaf.dtype = WG_BOOL;
    if (leaf.kind == WG__INTEGER && table == 3) leaf.dtype = WG_I32;
    leaf.value = wg__vm_room(d, wg__numel(&leaf.shape));
    if (!leaf.value) return false;
    draw_leaf(byte, d->p->mode, d->found, &leaf);
    int at = wg__vm_add_leaf(d, &leaf);
    if (at >= 0) d->order[d->found++] = at;
    return at >= 0;
}

/* ---- flags, spans, outputs ------------------------------------------------------------------- */

typedef struct wish {  // of a span, in instructions
    wg__vm_span_kind kind;
    int first, last;
} wish;
typedef struct reading {
    wish wish[WG__VM_SPANS];
    int wishes;
    int begins[WG__VM_INSTRUCTIONS + 1];  // the first step of each instruction
    int count;
} reading;

static void read_flags(wg__vm_decoder *d, unsigned flags, int r, reading *of) {
    unsigned what = flags % 16;
    bool floats = r >= WG__VM_LEAVES && wg_dtype_is_float(d->reg[r]->view.dtype);
    if (floats && (what == 9 || what == 10)) {
        d->p->step[r - WG__VM_LEAVES].flags |= what == 9 ? WG__VM_STOP : WG__VM_UNRECORDED;
        d->reaches[r] = false;
    }
    if (what >= 11 && what <= 14 && of->wishes < WG__VM_SPANS)
        of->wish[of->wishes++] = (wish){ what < 13 ? WG__VM_CHECKPOINT : WG__VM_SCOPE, of->count,
                                         of->count + (int)(flags / 16 % 8) };
}

static int read_by(const wg__vm_program *p, int step, int from) {
    for (int k = from; k < p->steps; k++)
        for (int i = 0; i < p->step[k].inputs; i++)
            if (p->step[k].in[i] == WG__VM_LEAVES + step) return true;
    for (int i = 0; i < p->outputs; i++)
        if (p->output[i] == WG__VM_LEAVES + step) return true;
    return false;
}

// What a checkpoint computes is known outside by its last step alone.
static bool is_closed(const wg__vm_decoder *d, int first, int last) {
    if (!wg_dtype_is_float(d->reg[WG__VM_LEAVES + last]->view.dtype)) return false;
    if (d->p->step[last].flags) return false;
    for (int k = first; k < last; k++)
        if (read_by(d->p, k, last + 1)) return false;
    return true;
}

static bool crosses(const wg__vm_span *a, const wg__vm_span *b) {
    bool apart = a->last < b->first || b->last < a->first;
    bool within = (a->first >= b->first && a->last <= b->last) ||
                  (b->first >= a->first && b->last <= a->last);
    bool same = a->first == b->first && a->last == b->last;
    return same || (!apart && !within);
}

static bool is_free(const wg__vm_program *p, const wg__vm_span *s) {
    for (int i = 0; i < p->spans; i++)
        if (crosses(&p->span[i], s)) return false;
    return true;
}

// The longest part that begins where it was wished, and is closed and crosses no other.
static void settle_span(const wg__vm_decoder *d, const reading *of, const wish *w) {
    wg__vm_program *p = d->p;
    int last = w->last + 1 < of->count ? of->begins[w->last + 1] - 1 : p->steps - 1;
    wg__vm_span s = { w->kind, of->begins[w->first], last };
    for (; s.last >= s.first; s.last--) {
        bool can = s.kind == WG__VM_SCOPE || is_closed(d, s.first, s.last);
        if (!can || !is_free(p, &s)) continue;
        p->span[p->spans++] = s;
        return;
    }
}

static void add_output(wg__vm_program *p, int r) {
    for (int i = 0; i < p->outputs; i++)
        if (p->output[i] == r) return;
    p->output[p->outputs++] = r;
}

/* The newest registers that depend on a variable; where the byte says so or there are none, any
   that are floats. */
static void choose_outputs(wg__vm_decoder *d, unsigned byte) {
    int wanted = 1 + (int)(byte % WG__VM_OUTPUTS);
    bool any = byte / WG__VM_OUTPUTS % 8 == 7;
    for (int pass = any ? 1 : 0; pass < 2 && d->p->outputs < (pass ? 1 : wanted) + any; pass++)
        for (int i = d->found; i-- > 0 && d->p->outputs < wanted;) {
            int r = d->order[i];
            if (wg_dtype_is_float(d->reg[r]->view.dtype) && (pass || d->reaches[r]))
                add_output(d->p, r);
        }
}

/* ---- the end --------------------------------------------------------------------------------- */

static int final(const wg__vm_program *p, int r) {
    return r < WG__VM_LEAVES ? r : p->leaves + r - WG__VM_LEAVES;
}

static void close_ranks(wg__vm_program *p) {
    for (int k = 0; k < p->steps; k++)
        for (int i = 0; i < p->step[k].inputs; i++) p->step[k].in[i] = final(p, p->step[k].in[i]);
    for (int i = 0; i < p->outputs; i++) p->output[i] = final(p, p->output[i]);
}

static int64_t attr_words(const wg__vm_step *s) {
    return s->attr ? (int64_t)(s->op->attr_size / sizeof(double)) + 1 : 0;
}

// All values and attributes in one block, which goes to the caller's scope.
static bool keep_memory(wg__vm_program *p) {
    int64_t all = 1;
    for (int i = 0; i < p->leaves; i++) all += wg__numel(&p->leaf[i].shape);
    for (int k = 0; k < p->steps; k++) all += attr_words(&p->step[k]);
    wg_tensor *block = wg__tensor_new(WG_F64, WG_SHAPE(all));
    if (!block || !wg_keep(block)) return false;
    double *at = block->view.data;
    for (int i = 0; i < p->leaves; i++) {
        int64_t n = wg__numel(&p->leaf[i].shape);
        p->leaf[i].value = memcpy(at, p->leaf[i].value, (size_t)n * sizeof *at);
        at += n;
    }
    for (int k = 0; k < p->steps; k++) {
        wg__vm_step *s = &p->step[k];
        if (s->attr) s->attr = memcpy(at, s->attr, s->op->attr_size);
        at += attr_words(s);
    }
    return true;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void read_instruction(wg__vm_decoder *d, const uint8_t *byte, const wg_op *only,
                             reading *of) {
    unsigned tag = byte[WG__VM_STEP_TAG] | (unsigned)byte[WG__VM_STEP_TAG + 1] << 8;
    wg__vm_instruction i = { only ? only : wg__vm_op((uint16_t)tag), byte, 0 };
    for (int k = 0; k < WG__VM_RECORD; k++) i.seed = i.seed * 257 + byte[k];
    i.seed += (uint64_t)of->count << 32;
    of->begins[of->count] = d->p->steps;
    int r = wg__vm_instruct(d, &i);
    if (r >= 0) {
        d->order[d->found++] = r;
        read_flags(d, byte[WG__VM_STEP_FLAGS], r, of);
    }
    of->begins[++of->count] = d->p->steps;
}

static void read_all(wg__vm_decoder *d, const uint8_t *data, size_t size,
                     const wg__vm_limits *limits) {
    uint8_t byte[WG__VM_RECORD];
    reading of = { .wishes = 0 };
    size_t record = 1;
    int most = limits->instructions ? limits->instructions : WG__VM_INSTRUCTIONS;
    if (most > WG__VM_INSTRUCTIONS) most = WG__VM_INSTRUCTIONS;
    read_record(data, size, 0, byte);
    read_head(byte, d->p);
    unsigned outputs = byte[WG__VM_HEAD_OUTPUTS];
    for (int i = 1 + byte[WG__VM_HEAD_LEAVES] % WG__VM_FIRST_LEAVES; i > 0; i--) {
        read_record(data, size, record++, byte);
        if (!read_leaf(d, byte)) return;
    }
    for (; of.count < most && record * WG__VM_RECORD < size && !d->failed; record++) {
        read_record(data, size, record, byte);
        read_instruction(d, byte, limits->only, &of);
    }
    choose_outputs(d, outputs);
    for (int i = 0; i < of.wishes; i++) settle_span(d, &of, &of.wish[i]);
}

static bool decode(const uint8_t *data, size_t size, const wg__vm_limits *limits,
                   wg__vm_program *p) {
    wg__vm_decoder d;
    d.p = p, d.found = 0, d.failed = false, d.left = 0, d.room = NULL;
    d.elements = limits->elements ? limits->elements : WG__VM_ELEMENTS;
    wg_scope *scope = wg_scope_open();
    if (!scope) return false;
    wg_recording(false);
    read_all(&d, data, size, limits);
    if (!wg_error()) close_ranks(p);
    bool done = !wg_error() && keep_memory(p);
    wg_scope_close(scope);
    return done;
}

bool wg__vm_decode(const uint8_t *data, size_t size, wg__vm_limits limits, wg__vm_program *p) {
    static const char magic[] = WG__VM_MAGIC;
    wg__handler handler;
    if (wg__pending()) return false;
    p->leaves = p->steps = p->outputs = p->spans = 0;  // the rest is as much as these say
    if (size >= sizeof magic - 1 && memcmp(data, magic, sizeof magic - 1) == 0)
        return wg__vm_parse((const char *)data, size, p);
    wg__handler_get(&handler);
    wg_on_error(NULL, NULL);
    bool done = decode(data, size, &limits, p);
    wg__handler_put(&handler);
    return done;
}
