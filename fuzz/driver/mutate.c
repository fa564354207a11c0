// SPDX-License-Identifier: MIT
/* mutate.c: changes of an input that mean something: a program with one instruction more, another
   operand, another layout, rather than with a bit flipped. One in four is libFuzzer's own, so that
   what nobody thought of is reached, too. */
#include <string.h>

#include "fuzz/driver/driver.h"

enum {
    RECORD = WG__VM_RECORD,
    LONGEST = RECORD * (1 + WG__VM_FIRST_LEAVES + WG__VM_INSTRUCTIONS),  // more is never read
    OWN_OPS = 0
#define ENTRY(name) +1
#include "autograd/ops/all.def"
#undef ENTRY
};

/* An input in records: the head, `leaves`, `steps`. */
typedef struct bytes {
    uint8_t *data;
    size_t size, max;  // whole records
    size_t leaves, steps;
    wg_random r;
} bytes;

static size_t below(wg_random *r, size_t n) { return (size_t)wg_random_below(r, (int64_t)n); }
static uint8_t any_byte(wg_random *r) { return (uint8_t)wg_random_below(r, 256); }
// Mostly small, as most fields are best.
static uint8_t small_byte(wg_random *r) { return (uint8_t)(any_byte(r) >> below(r, 8)); }

static void count(bytes *b) {
    size_t records = b->size / RECORD,
           leaves = 1 + b->data[WG__VM_HEAD_LEAVES] % WG__VM_FIRST_LEAVES;
    b->leaves = leaves < records ? leaves : records - 1;
    b->steps = records - 1 - b->leaves;
}

static uint8_t *leaf(const bytes *b, size_t i) { return b->data + RECORD * (1 + i); }
static uint8_t *step(const bytes *b, size_t i) { return leaf(b, b->leaves + i); }

/* ---- records in and out ---------------------------------------------------------------------- */

// Room for a record at place `at`; NULL if there is none.
static uint8_t *open_gap(bytes *b, size_t at) {
    if (b->size + RECORD > b->max) return NULL;
    uint8_t *place = b->data + RECORD * at;
    memmove(place + RECORD, place, b->size - RECORD * at);
    b->size += RECORD;
    return place;
}

static void close_gap(bytes *b, size_t at) {
    uint8_t *place = b->data + RECORD * at;
    memmove(place, place + RECORD, b->size - RECORD * (at + 1));
    b->size -= RECORD;
}

/* ---- operations ------------------------------------------------------------------------------ */

/* Those that somebody registered are what he wants to know about. All take turns, since chance
   would need six times as long until each of a few hundred was drawn. */
static unsigned turn;
static const wg_op *any_op(wg_random *r) {
    int n = wg_op_count(), from = n > OWN_OPS && below(r, 3) == 0 ? OWN_OPS : 0;
    if (turn == 0) turn = (unsigned)below(r, 1 << 16);
    return wg_op_at(from + (int)(turn++ % (unsigned)(n - from)));
}

static const wg_op *op_with_inputs(wg_random *r, int inputs) {
    for (int tries = 0; tries < 64; tries++) {
        const wg_op *op = any_op(r);
        if (op->inputs == inputs) return op;
    }
    return any_op(r);
}

static uint16_t tag_of(const uint8_t *s) {
    return (uint16_t)(s[WG__VM_STEP_TAG] | s[WG__VM_STEP_TAG + 1] << 8);
}

static void set_op(uint8_t *s, const wg_op *op) {
    uint16_t tag = wg__vm_tag(op);
    s[WG__VM_STEP_TAG] = (uint8_t)(tag & 0xff);
    s[WG__VM_STEP_TAG + 1] = (uint8_t)(tag >> 8);
}

/* ---- changes of the head --------------------------------------------------------------------- */

static void change_mode(bytes *b) { b->data[WG__VM_HEAD_MODE] = any_byte(&b->r); }
static void change_choice(bytes *b) {
    b->data[WG__VM_HEAD_CHOICE + below(&b->r, 3)] = any_byte(&b->r);
}
static void change_seed(bytes *b) { b->data[WG__VM_HEAD_SEED + below(&b->r, 2)] = any_byte(&b->r); }
static void change_outputs(bytes *b) { b->data[WG__VM_HEAD_OUTPUTS] = small_byte(&b->r); }

/* ---- changes of leaves ----------------------------------------------------------------------- */

static void change_leaf(bytes *b) {
    if (b->leaves == 0) return;
    uint8_t *l = leaf(b, below(&b->r, b->leaves));
    l[below(&b->r, RECORD)] = any_byte(&b->r);
}

static void set_leaves(bytes *b, size_t n) { b->data[WG__VM_HEAD_LEAVES] = (uint8_t)(n - 1); }

static void add_leaf(bytes *b) {
    if (b->leaves == 0 || b->leaves == WG__VM_FIRST_LEAVES) return;
    uint8_t *l = open_gap(b, 1 + b->leaves);
    if (!l) return;
    for (int i = 0; i < RECORD; i++) l[i] = small_byte(&b->r);
    set_leaves(b, b->leaves + 1);
}

static void drop_leaf(bytes *b) {
    if (b->leaves < 2) return;
    close_gap(b, 1 + below(&b->r, b->leaves));
    set_leaves(b, b->leaves - 1);
}

// One leaf as another is: equal shapes and equal values make operands that fit, and ties.
static void copy_leaf(bytes *b) {
    if (b->leaves < 2) return;
    uint8_t *to = leaf(b, below(&b->r, b->leaves)), *from = leaf(b, below(&b->r, b->leaves));
    memmove(to, from, below(&b->r, 2) ? RECORD : WG__VM_LEAF_LAYOUT);
}

/* ---- changes of instructions ----------------------------------------------------------------- */

static unsigned most_steps;  // that the target reads
void wg__fuzz_most_steps(int instructions) {
    unsigned n = instructions > 0 ? (unsigned)instructions : WG__VM_INSTRUCTIONS;
    if (n > most_steps) most_steps = n;
}

static bool is_full(const bytes *b) { return most_steps > 0 && b->steps >= most_steps; }

static void new_step(bytes *b, uint8_t *s) {
    memset(s, 0, RECORD);
    set_op(s, any_op(&b->r));
    for (int i = 0; i < 3; i++) s[WG__VM_STEP_PICK + i] = small_byte(&b->r);
    s[WG__VM_STEP_SAMPLE] = any_byte(&b->r);
    if (below(&b->r, 4) == 0) s[WG__VM_STEP_ATTR] = any_byte(&b->r);
    if (below(&b->r, 8) == 0) s[WG__VM_STEP_FLAGS] = any_byte(&b->r);
}

// Where no more are read it takes the place of another.
static void add_step(bytes *b) {
    uint8_t *s = is_full(b) ? step(b, below(&b->r, most_steps))
                            : open_gap(b, 1 + b->leaves + below(&b->r, b->steps + 1));
    if (s) new_step(b, s);
}

static void drop_step(bytes *b) {
    if (b->steps > 0) close_gap(b, 1 + b->leaves + below(&b->r, b->steps));
}

static void double_step(bytes *b) {
    uint8_t copy[RECORD];
    if (b->steps == 0 || is_full(b)) return;
    memcpy(copy, step(b, below(&b->r, b->steps)), RECORD);
    uint8_t *to = open_gap(b, 1 + b->leaves + below(&b->r, b->steps + 1));
    if (to) memcpy(to, copy, RECORD);
}

static uint8_t *any_step(bytes *b) {
    size_t read = is_full(b) ? most_steps : b->steps;
    return read > 0 ? step(b, below(&b->r, read)) : NULL;
}

static void swap_steps(bytes *b) {
    uint8_t copy[RECORD], *s = any_step(b), *t = any_step(b);
    if (!s || s == t) return;
    memcpy(copy, s, RECORD), memcpy(s, t, RECORD), memcpy(t, copy, RECORD);
}

static void change_operand(bytes *b) {
    uint8_t *s = any_step(b);
    if (s) s[WG__VM_STEP_PICK + below(&b->r, 3)] = small_byte(&b->r);
}

static void change_sample(bytes *b) {
    uint8_t *s = any_step(b);
    if (s) s[WG__VM_STEP_SAMPLE] = any_byte(&b->r);
}

static void change_attr(bytes *b) {
    uint8_t *s = any_step(b);
    if (s) s[WG__VM_STEP_ATTR] = below(&b->r, 4) ? any_byte(&b->r) : 0;
}

static void change_flags(bytes *b) {
    uint8_t *s = any_step(b);
    if (s) s[WG__VM_STEP_FLAGS] = below(&b->r, 2) ? any_byte(&b->r) : 0;
}

static void change_op(bytes *b) {
    uint8_t *s = any_step(b);
    if (s) set_op(s, any_op(&b->r));
}

static void change_op_alike(bytes *b) {
    uint8_t *s = any_step(b);
    const wg_op *was = s ? wg__vm_op(tag_of(s)) : NULL;
    if (was) set_op(s, op_with_inputs(&b->r, was->inputs));
}

/* Another operation, asked another question. The multiples of 159 / 256, nearly the golden section,
   go evenly over the choice of oracles each time that an operation's turn comes again. */
static void ask_another(bytes *b) {
    if (b->steps == 0) {
        add_step(b);
        count(b);
    }
    uint8_t *s = any_step(b);
    if (!s) return;
    new_step(b, s);
    unsigned round = turn / (unsigned)wg_op_count(), place = turn % (unsigned)wg_op_count();
    b->data[WG__VM_HEAD_CHOICE] = (uint8_t)(159 * (round + place));
    for (int i = 1; i < 5; i++) b->data[WG__VM_HEAD_CHOICE + i] = any_byte(&b->r);
    if (below(&b->r, 2)) change_mode(b);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

typedef void change(bytes *b);
static change *const CHANGES[] = {
    // Those listed more than once are made more often.
    add_step,       add_step,        add_step,       drop_step,     drop_step,     double_step,
    swap_steps,     change_operand,  change_operand, change_sample, change_attr,   change_flags,
    change_op,      change_op_alike, change_leaf,    change_leaf,   change_leaf,   copy_leaf,
    add_leaf,       drop_leaf,       change_mode,    change_choice, change_choice, change_seed,
    change_outputs, ask_another,     ask_another,    ask_another,   ask_another,   ask_another,
    ask_another,
};

__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

static size_t change_bytes(uint8_t *data, size_t size, size_t max, wg_random *r) {
    if (LLVMFuzzerMutate) return LLVMFuzzerMutate(data, size, max);
    if (size < max && below(r, 2)) data[size++] = 0;
    if (size > 0) data[below(r, size)] = any_byte(r);
    return size;
}

static size_t change_records(uint8_t *data, size_t size, size_t max, wg_random r) {
    bytes b = { .data = data, .max = max / RECORD * RECORD, .r = r };
    size_t whole = (size + RECORD - 1) / RECORD * RECORD;
    if (whole == 0) whole = RECORD;
    if (whole > b.max) whole = b.max;
    if (whole > size) memset(data + size, 0, whole - size);
    b.size = whole;
    count(&b);
    if (most_steps == 1 && below(&b.r, 2)) {  // of one operation there is little to change
        ask_another(&b);
        return b.size;
    }
    for (bool more = true; more; more = below(&b.r, 3) == 0) {
        count(&b);
        CHANGES[below(&b.r, sizeof CHANGES / sizeof *CHANGES)](&b);
    }
    return b.size;
}

/* ---- text: its lines ------------------------------------------------------------------------- */

enum { LINES = 256 };
typedef struct line {
    const uint8_t *data;
    size_t size;  // with its end
} line;
typedef struct lines {
    line of[LINES];
    size_t count;
    wg_random r;
} lines;

static void split(const uint8_t *data, size_t size, lines *l) {
    for (size_t at = 0; at < size && l->count < LINES;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t length = end ? (size_t)(end - data) + 1 - at : size - at;
        l->of[l->count++] = (line){ data + at, length };
        at += length;
    }
}

// The first line says that it is text.
static size_t any_line(lines *l) { return 1 + below(&l->r, l->count - 1); }

static void drop_line(lines *l) {
    size_t i = any_line(l);
    memmove(&l->of[i], &l->of[i + 1], (l->count - i - 1) * sizeof *l->of);
    l->count--;
}

static void double_line(lines *l) {
    if (l->count == LINES) return;
    line copy = l->of[any_line(l)];
    size_t i = any_line(l);
    memmove(&l->of[i + 1], &l->of[i], (l->count - i) * sizeof *l->of);
    l->of[i] = copy, l->count++;
}

static void swap_lines(lines *l) {
    size_t i = any_line(l), k = any_line(l);
    line copy = l->of[i];
    l->of[i] = l->of[k], l->of[k] = copy;
}

static size_t join(const lines *l, uint8_t *out, size_t max) {
    size_t size = 0;
    for (size_t i = 0; i < l->count && size + l->of[i].size <= max; i++) {
        memcpy(out + size, l->of[i].data, l->of[i].size);
        size += l->of[i].size;
    }
    return size;
}

static void change_digit(uint8_t *data, size_t size, wg_random *r) {
    size_t from = sizeof WG__VM_MAGIC " 1" - 1;
    for (int tries = 0; tries < 64 && from < size; tries++) {
        uint8_t *c = data + from + below(r, size - from);
        if (*c < '0' || *c > '9') continue;
        *c = (uint8_t)('0' + below(r, 10));
        return;
    }
}

static size_t change_text(uint8_t *data, size_t size, size_t max, wg_random r) {
    static void (*const change_lines[])(lines *) = { drop_line, double_line, swap_lines };
    lines l = { .r = r };
    uint8_t *copy = below(&l.r, 2) ? malloc(size) : NULL;
    if (!copy) {
        change_digit(data, size, &l.r);
        return size;
    }
    memcpy(copy, data, size);
    split(copy, size, &l);
    if (l.count > 2) change_lines[below(&l.r, 3)](&l);
    size_t joined = join(&l, data, max);
    free(copy);
    return joined;
}

/* ---- both ------------------------------------------------------------------------------------ */

bool wg__fuzz_is_text(const uint8_t *data, size_t size) {
    size_t length = sizeof WG__VM_MAGIC - 1;
    return size >= length && memcmp(data, WG__VM_MAGIC, length) == 0;
}

size_t wg_fuzz_mutate(uint8_t *data, size_t size, size_t max, unsigned seed) {
    wg_random r = { .seed = seed };
    bool text = wg__fuzz_is_text(data, size);
    if (!text && max > LONGEST) max = LONGEST;
    if (size > max) size = max;
    bool plain = below(&r, 4) == 0;
    if (plain || max < RECORD) return change_bytes(data, size, max, &r);
    return text ? change_text(data, size, max, r) : change_records(data, size, max, r);
}
