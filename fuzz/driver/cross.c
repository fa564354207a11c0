// SPDX-License-Identifier: MIT
/* cross.c: two inputs made one, at the borders of records: the head and leaves of one, instructions
   of both. Operands are counted back from the newest register, so instructions that belong together
   keep each other when they move together. */
#include <string.h>

#include "fuzz/driver/driver.h"

static size_t below(wg_random *r, size_t n) { return (size_t)wg_random_below(r, (int64_t)n); }

typedef struct output {
    uint8_t *data;
    size_t size, max;
} output;

static void put(output *o, const uint8_t *data, size_t size) {
    if (size > o->max - o->size) size = o->max - o->size;
    if (size > 0) memcpy(o->data + o->size, data, size);
    o->size += size;
}

/* ---- records --------------------------------------------------------------------------------- */

// Where the instructions begin.
static size_t first_step(wg_fuzz_bytes a) {
    size_t leaves =
        a.size > WG__VM_HEAD_LEAVES ? 1 + a.data[WG__VM_HEAD_LEAVES] % WG__VM_FIRST_LEAVES : 1;
    size_t at = WG__VM_RECORD * (1 + leaves);
    return at < a.size ? at : a.size;
}

// Somewhere from `from` to the end, at a border.
static size_t border(wg_fuzz_bytes a, size_t from, wg_random *r) {
    return from + WG__VM_RECORD * below(r, (a.size - from) / WG__VM_RECORD + 1);
}

// a, but for what lies between two borders, which is b's.
static void cross_records(wg_fuzz_bytes a, wg_fuzz_bytes b, output *o, wg_random *r) {
    size_t a_from = border(a, first_step(a), r), b_from = border(b, first_step(b), r);
    size_t a_to = border(a, a_from, r), b_to = border(b, b_from, r);
    bool other_leaves = below(r, 4) == 0;
    wg_fuzz_bytes lead = other_leaves ? b : a;
    put(o, lead.data, first_step(lead));
    put(o, a.data + first_step(a), a_from - first_step(a));
    put(o, b.data + b_from, b_to - b_from);
    put(o, a.data + a_to, a.size - a_to);
}

/* ---- text ------------------------------------------------------------------------------------ */

static size_t line_end(wg_fuzz_bytes a, size_t at) {
    const uint8_t *end = at < a.size ? memchr(a.data + at, '\n', a.size - at) : NULL;
    return end ? (size_t)(end - a.data) + 1 : a.size;
}

// Lines of a up to some place, then those of b from some place on.
static void cross_text(wg_fuzz_bytes a, wg_fuzz_bytes b, output *o, wg_random *r) {
    put(o, a.data, line_end(a, below(r, a.size)));
    size_t from = line_end(b, below(r, b.size));
    put(o, b.data + from, b.size - from);
}

size_t wg_fuzz_cross(wg_fuzz_bytes a, wg_fuzz_bytes b, uint8_t *out, size_t max, unsigned seed) {
    wg_random r = { .seed = seed };
    output o = { out, 0, max };
    bool text = wg__fuzz_is_text(a.data, a.size);
    if (text != wg__fuzz_is_text(b.data, b.size))
        put(&o, a.data, a.size);
    else if (text)
        cross_text(a, b, &o, &r);
    else
        cross_records(a, b, &o, &r);
    return o.size;
}
