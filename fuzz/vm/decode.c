// SPDX-License-Identifier: MIT
/* decode.c: bytes as a program. Instructions are carried out as they are read, unrecorded, in f64,
   dense: what was tried and does not work is taken back, and what stays is the program. */
#include <string.h>

#include "fuzz/vm/vm_impl.h"

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

// What only constants are made of is as good as unread.
static void note_reads(wg__vm_decoder *d, int first) {
    for (int k = first; k < d->p->steps; k++)
        if (d->reaches[WG__VM_LEAVES + k])
            for (int i = 0; i < d->p->step[k].inputs; i++)
                if (d->p->step[k].in[i] >= 0) d->read[d->p->step[k].in[i]] = true;
}

static void read_instruction(wg__vm_decoder *d, const uint8_t *byte, const wg_op *only,
                             wg__vm_reading *of) {
    unsigned tag = byte[WG__VM_STEP_TAG] | (unsigned)byte[WG__VM_STEP_TAG + 1] << 8;
    wg__vm_instruction i = { only ? only : wg__vm_op((uint16_t)tag), byte, 0 };
    for (int k = 0; k < WG__VM_RECORD; k++) i.seed = i.seed * 257 + byte[k];
    i.seed += (uint64_t)of->count << 32;
    of->begins[of->count] = d->p->steps;
    int r = wg__vm_instruct(d, &i);
    if (r >= 0) {
        d->order[d->found++] = r;
        wg__vm_read_flags(d, byte[WG__VM_STEP_FLAGS], r, of);
        note_reads(d, of->begins[of->count]);
    }
    of->begins[++of->count] = d->p->steps;
}

static void read_all(wg__vm_decoder *d, const uint8_t *data, size_t size,
                     const wg__vm_limits *limits) {
    uint8_t byte[WG__VM_RECORD];
    wg__vm_reading of = { .wishes = 0 };
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
    wg__vm_choose_outputs(d, outputs);
    wg__vm_settle_spans(d, &of);
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
    bool done = decode(data, size, &limits, p) && !wg__pending();
    wg__handler_put(&handler);
    return done;
}
