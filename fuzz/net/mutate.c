// SPDX-License-Identifier: MIT
/* mutate.c: how one plan's bytes become another's: record by record, since a byte moved by one
   place would mean something else everywhere. */
#include <string.h>

#include "fuzz/net/net.h"

typedef struct change {
    uint8_t *data;
    size_t size, most;
    wg_random r;
} change;

static size_t below(change *c, size_t n) { return (size_t)wg_random_below(&c->r, (int64_t)n); }

static void draw(change *c, size_t at, size_t n) {
    for (size_t i = at; i < at + n && i < c->size; i++) c->data[i] = (uint8_t)below(c, 256);
}

static void one_byte(change *c) {
    if (c->size > 0) draw(c, below(c, c->size), 1);
}
static void small_step(change *c) {
    if (c->size == 0) return;
    size_t at = below(c, c->size);
    c->data[at] = (uint8_t)(c->data[at] + (below(c, 2) ? 1 : 255));
}
static void one_bit(change *c) {
    if (c->size > 0) c->data[below(c, c->size)] ^= (uint8_t)(1u << below(c, 8));
}
static void head_record(change *c) {
    draw(c, WG__NET_RECORD * below(c, WG__NET_HEADS), WG__NET_RECORD);
}
static size_t layers(const change *c) {
    return c->size > WG__NET_HEAD_END ? (c->size - WG__NET_HEAD_END) / WG__NET_RECORD : 0;
}
static uint8_t *layer(const change *c, size_t i) {
    return c->data + WG__NET_HEAD_END + i * WG__NET_RECORD;
}
static void more_layers(change *c) {
    if (c->size < WG__NET_HEAD_END || c->size + WG__NET_RECORD > c->most) return;
    c->size += WG__NET_RECORD;
    draw(c, c->size - WG__NET_RECORD, WG__NET_RECORD);
}
static void fewer_layers(change *c) {
    size_t n = layers(c), i = n ? below(c, n) : 0;
    if (n == 0) return;
    memmove(layer(c, i), layer(c, i + 1), (n - i - 1) * WG__NET_RECORD);
    c->size -= WG__NET_RECORD;
}
static void other_layer(change *c) {
    size_t n = layers(c);
    if (n > 0) draw(c, (size_t)(layer(c, below(c, n)) - c->data), below(c, 2) ? WG__NET_RECORD : 1);
}
static void same_layer(change *c) {
    size_t n = layers(c);
    if (n > 1) memcpy(layer(c, below(c, n)), layer(c, n - 1), WG__NET_RECORD);
}
static void event(change *c) { draw(c, WG__NET_EVENTS + below(c, WG__NET_STEPS), 1); }
static void other_rule(change *c) { draw(c, WG__NET_RULE, 3); }

size_t wg__net_mutate(uint8_t *data, size_t size, size_t most, unsigned seed) {
    static void (*const by[])(change *) = { one_byte,     one_byte,    one_bit,     small_step,
                                            head_record,  more_layers, other_layer, more_layers,
                                            fewer_layers, same_layer,  event,       other_rule };
    change c = { data, size, most, { .seed = seed } };
    uint8_t plain[WG__NET_SIZE_MOST];
    size_t n = wg__net_expand(data, size, plain);
    // A seed becomes another, or what it stands for.
    if (n != size && n <= most && below(&c, 4) == 0) memcpy(data, plain, n), c.size = n;
    if (c.size == 0 && most > 0) c.size = most < WG__NET_SEED_MOST ? most : WG__NET_SEED_MOST;
    if (c.size <= WG__NET_SEED_MOST) draw(&c, 0, c.size);
    for (size_t times = 1 + below(&c, 4); c.size > WG__NET_SEED_MOST && times > 0; times--)
        by[below(&c, sizeof by / sizeof *by)](&c);
    return c.size;
}

size_t wg__net_cross(const uint8_t *a, size_t size_a, const uint8_t *b, size_t size_b, uint8_t *out,
                     size_t most, unsigned seed) {
    uint8_t of[2][WG__NET_SIZE_MOST];
    size_t n[2] = { wg__net_expand(a, size_a, of[0]), wg__net_expand(b, size_b, of[1]) };
    wg_random r = { .seed = seed };
    size_t size = n[1] < most ? n[1] : most;
    // Records of the head from either, layers of the second.
    memcpy(out, of[1], size);
    for (size_t at = 0; at < WG__NET_HEAD_END; at += WG__NET_RECORD)
        if (wg_random_u64(&r) & 1 && at + WG__NET_RECORD <= size && at + WG__NET_RECORD <= n[0])
            memcpy(out + at, of[0] + at, WG__NET_RECORD);
    return size;
}
