// SPDX-License-Identifier: MIT
/* tape.c: the Wengert list of a thread (R. E. Wengert, "A simple automatic derivative evaluation
   program", 1964): one record for each operation applied to something tracked, in the order in
   which they ran.

   Whether a handle is on the tape is told by the tape itself: x is record x->node exactly if
   out[x->node] is x. So records can be dropped, when a scope closes, without touching the handles
   that they name.

   Inputs and attributes of a record stand in an arena of chunks that never move, since rules hold
   pointers into it while they record more. */
#include <string.h>

#include "autograd/autograd_impl.h"

enum { CHUNK = 64 << 10, FIRST_CAPACITY = 1024 };

typedef struct chunk {
    struct chunk *before;
    size_t used, size, total;  // total: bytes in all chunks before this one
    _Alignas(16) char bytes[];
} chunk;

typedef struct thread_tape {
    wg__tape tape;
    chunk *arena;
    bool hooked;
} thread_tape;

static _Thread_local thread_tape now __attribute__((tls_model("initial-exec")));

wg__tape *wg__tape_now(void) { return &now.tape; }

/* ---- the arena ------------------------------------------------------------------------------- */

static void *arena_take(size_t bytes) {
    bytes = (bytes + 15) & ~(size_t)15;
    chunk *c = now.arena;
    if (WG_UNLIKELY(!c || c->used + bytes > c->size)) {
        size_t size = bytes > CHUNK ? bytes : CHUNK;
        chunk *fresh = wg__alloc(sizeof *fresh + size);
        if (!fresh) return NULL;
        *fresh = (chunk){ .before = c, .size = size, .total = c ? c->total + c->used : 0 };
        now.arena = c = fresh;
    }
    void *p = c->bytes + c->used;
    c->used += bytes;
    return p;
}

static uint64_t arena_mark(void) { return now.arena ? now.arena->total + now.arena->used : 0; }

static void arena_rewind(uint64_t mark) {
    while (now.arena && now.arena->total >= mark && now.arena->before) {
        chunk *c = now.arena;
        now.arena = c->before;
        wg__free(c);
    }
    if (now.arena) now.arena->used = mark > now.arena->total ? mark - now.arena->total : 0;
}

/* ---- scopes: what was recorded in one goes when it closes ------------------------------------ */

static void scope_opened(wg_scope *s) { s->mark = arena_mark(); }

/* Marks which records from `from` on a surviving result needs, and moves their tensors out of
   `s`. */
static void mark_needed(const wg_scope *s, uint32_t from, uint8_t *needed) {
    wg__tape *t = &now.tape;
    for (uint32_t k = t->count; k-- > from;) {
        // The record of a leaf is made anew when it is next met.
        if (t->op[k] && t->out[k]->scope != s) needed[k - from] = 1;
        if (!needed[k - from]) continue;
        if (t->out[k]->scope == s) {
            wg__scope_remove(t->out[k]);
            wg__scope_add(s->parent, t->out[k]);
        }
        wg__payload *p = t->payload[k];
        for (uint32_t i = 0; p && i < p->inputs; i++) {
            wg_tensor *x = p->in[i];
            if (!x) continue;
            uint32_t node = wg__source_of(x, k, t);
            if (node != WG__NO_NODE && node >= from) needed[node - from] = 1;
            if (x->scope != s) continue;
            wg__scope_remove(x);
            wg__scope_add(s->parent, x);
        }
    }
}

// Slides the needed records down over the others. Whether any of them still stands in the arena.
static bool compact(uint32_t from, const uint8_t *needed) {
    wg__tape *t = &now.tape;
    uint32_t to = from;
    bool any = false;
    for (uint32_t k = from; k < t->count; k++) {
        if (!needed[k - from]) continue;
        any = any || t->payload[k];
        t->op[to] = t->op[k], t->payload[to] = t->payload[k], t->versions[to] = t->versions[k];
        t->out[to] = t->out[k];
        t->out[to]->node = to;
        to++;
    }
    t->count = to;
    return any;
}

// A gradient goes with its leaf, unless what was kept reads it.
static void move_gradients(const wg_scope *s) {
    for (wg_tensor *x = s->first; x; x = x->next) {
        if (!x->gradient || !x->gradient->named) continue;
        wg__scope_add(s->parent, x->gradient);
        x->gradient = NULL;
    }
}

static void keep_needed(wg_scope *s) {
    wg__tape *t = &now.tape;
    uint8_t *needed = wg__alloc_zero(t->count - s->nodes + 1);
    bool any = false;
    if (needed) {
        mark_needed(s, s->nodes, needed);
        any = compact(s->nodes, needed);
        if (any) move_gradients(s);
    } else {
        t->count = s->nodes;  // what was kept stays, as constants, and the error tells
    }
    wg__free(needed);
    if (!any) arena_rewind(s->mark);
}

static void scope_closing(wg_scope *s) {
    if (s->kept) {
        keep_needed(s);
    } else {
        now.tape.count = s->nodes;
        arena_rewind(s->mark);
    }
    wg__ctx()->nodes = now.tape.count;
}

static void reset(void) {
    wg__tape *t = &now.tape;
    wg__free(t->op), wg__free(t->out), wg__free(t->payload), wg__free(t->versions);
    *t = (wg__tape){ 0 };
    for (chunk *c = now.arena, *before; c; c = before) {
        before = c->before;
        wg__free(c);
    }
    now.arena = NULL;
    now.hooked = false;
    wg__ctx()->hooks = NULL;
    wg__ctx()->nodes = 0;
}

static void hook_scopes(void) {
    static const wg__scope_hooks hooks = { scope_opened, scope_closing, reset };
    wg__ctx()->hooks = &hooks;
    now.hooked = true;
}

/* ---- recording ------------------------------------------------------------------------------- */

static bool grow(wg__tape *t) {
    if (!now.hooked) hook_scopes();
    uint32_t capacity = t->capacity ? 2 * t->capacity : FIRST_CAPACITY;
    if (capacity >= WG__NO_NODE / 2)
        return wg_fail(WG_ERROR_MEMORY, "the tape is full: %u records", t->count);
    wg__tape g = { .count = t->count, .capacity = capacity };
    g.op = wg__alloc(capacity * sizeof *g.op);
    g.out = wg__alloc(capacity * sizeof *g.out);
    g.payload = wg__alloc(capacity * sizeof *g.payload);
    g.versions = wg__alloc(capacity * sizeof *g.versions);
    bool ready = g.op && g.out && g.payload && g.versions;
    wg__tape *old = ready ? t : &g;
    if (ready && t->count) {
        memcpy(g.op, t->op, t->count * sizeof *g.op);
        memcpy(g.out, t->out, t->count * sizeof *g.out);
        memcpy(g.payload, t->payload, t->count * sizeof *g.payload);
        memcpy(g.versions, t->versions, t->count * sizeof *g.versions);
    }
    wg__free(old->op), wg__free(old->out), wg__free(old->payload), wg__free(old->versions);
    if (ready) *t = g;
    return ready;
}

bool wg__is_tracked(const wg_tensor *x) {
    return x->leaf || wg__node_of(x, &now.tape) != WG__NO_NODE;
}

static bool append(const wg_op *op, wg_tensor *out, wg__payload *payload, uint64_t versions) {
    wg__tape *t = &now.tape;
    if (WG_UNLIKELY(t->count == t->capacity) && !grow(t)) return false;
    uint32_t k = t->count++;
    t->op[k] = op, t->out[k] = out, t->payload[k] = payload, t->versions[k] = versions;
    out->node = k;
    wg__ctx()->nodes = t->count;
    return true;
}

uint32_t wg__tape_node(wg_tensor *x) {
    uint32_t k = wg__node_of(x, &now.tape);
    if (k != WG__NO_NODE || !x->leaf) return k;
    return append(NULL, x, NULL, 0) ? x->node : WG__NO_NODE;
}

static uint64_t version_of(const wg_tensor *x) {
    return x && x->storage
               ? atomic_load_explicit(&wg__block_of(x->storage)->version, memory_order_relaxed)
               : 0;
}

/* Versions only grow, so the sum over what is saved changes exactly if one of them does. */
static uint64_t saved_versions(const wg_op *op, wg_tensor *const in[], uint32_t n,
                               const wg_tensor *out) {
    uint32_t saves = wg__saves(op);
    uint64_t sum = 0;
    if (!saves) return 0;
    for (uint32_t i = 0; i < n; i++)
        if (saves >> (i < 29 ? i : 29) & 1) sum += version_of(in[i]);
    if (saves & WG_SAVES_OUT) sum += version_of(out);
    return sum;
}

static bool reach_leaves(const wg_call *c) {
    for (int i = 0; i < c->inputs; i++)
        if (c->in[i] && c->in[i]->leaf && wg__tape_node(c->in[i]) == WG__NO_NODE) return false;
    return true;
}

/* After the inputs stand the low halves of their versions, if saved, which tell an error
   what it was that was overwritten; then the attributes, aligned for whatever they hold; then the
   place. */
static uint32_t *versions_at(wg__payload *p) { return (uint32_t *)(void *)(p->in + p->inputs); }
static size_t attr_offset(uint32_t inputs) {
    size_t bytes = sizeof(wg__payload) + inputs * (sizeof(wg_tensor *) + 4);
    return (bytes + 15) & ~(size_t)15;
}
static size_t place_offset(const wg__payload *p) {
    return (attr_offset(p->inputs) + p->attr_size + 15) & ~(size_t)15;
}

static uint64_t save_versions(const wg_op *op, wg__payload *p, const wg_tensor *out) {
    uint32_t saves = wg__saves(op);
    uint32_t *versions = versions_at(p);
    uint64_t sum = 0;
    if (!saves) return 0;
    for (uint32_t i = 0; i < p->inputs; i++) {
        if (!(saves >> (i < 29 ? i : 29) & 1)) continue;
        uint64_t version = version_of(p->in[i]);
        versions[i] = (uint32_t)version;
        sum += version;
    }
    return sum + (saves & WG_SAVES_OUT ? version_of(out) : 0);
}

static bool record_place(wg__payload *p) {
    const wg__site *place = wg__site_now();
    if (!place) return false;
    memcpy((char *)p + place_offset(p), &place, sizeof place);
    p->placed = 1;
    return true;
}

bool wg__tape_record(const wg_call *c) {
    if (!reach_leaves(c)) return false;
    bool anomaly = wg__ctx()->anomaly;
    size_t bytes = attr_offset((uint32_t)c->inputs) + c->op->attr_size;
    wg__payload *p = arena_take(bytes + (anomaly ? 16 + sizeof(wg__site *) : 0));
    if (WG_UNLIKELY(!p)) return false;
    p->inputs = (uint32_t)c->inputs;
    p->attr_size = (c->attr ? (uint32_t)c->op->attr_size : 0) & INT32_MAX;
    p->placed = 0;
    for (int i = 0; i < c->inputs; i++) {
        p->in[i] = c->in[i];
        if (c->in[i] && !c->in[i]->scope) c->in[i]->named = true;
    }
    if (p->attr_size) memcpy((char *)p + attr_offset(p->inputs), c->attr, p->attr_size);
    if (WG_UNLIKELY(anomaly) && !record_place(p)) return false;
    return append(c->op, c->out, p, save_versions(c->op, p, c->out));
}

void *wg__tape_take(size_t bytes) {
    if (!now.hooked) hook_scopes();
    return arena_take(bytes);
}

const wg__site *wg__tape_site(uint32_t k) {
    const wg__payload *p = now.tape.payload[k];
    const wg__site *place = NULL;
    if (p && p->placed) memcpy(&place, (const char *)p + place_offset(p), sizeof place);
    return place;
}

wg_call wg__tape_call(uint32_t k) {
    const wg__tape *t = &now.tape;
    wg__payload *p = t->payload[k];
    return (wg_call){ .op = t->op[k],
                      .inputs = (int)p->inputs,
                      .in = p->in,
                      .out = t->out[k],
                      .attr = p->attr_size ? (char *)p + attr_offset(p->inputs) : NULL };
}

// Which of the saved values has changed: input 0 ... inputs - 1, or `inputs` for the result.
static uint32_t which_changed(const wg_op *op, wg__payload *p) {
    const uint32_t *versions = versions_at(p);
    for (uint32_t i = 0; i < p->inputs; i++)
        if (wg__saves_input(op, i) && (uint32_t)version_of(p->in[i]) != versions[i]) return i;
    return p->inputs;
}

static bool stale(uint32_t k) {
    const wg__tape *t = &now.tape;
    wg__payload *p = t->payload[k];
    uint32_t i = which_changed(t->op[k], p);
    char out[200], text[200], place[400], which[32] = "its result";
    const wg_view *v = i < p->inputs ? &p->in[i]->view : &t->out[k]->view;
    if (i < p->inputs) snprintf(which, sizeof which, "input %u", i);
    wg__site_text(wg__tape_site(k), place, sizeof place);
    return wg_fail(
        WG_ERROR_STATE,
        "%s -> %s%s%s: a value that it saved for its gradient, %s, %s %s, was overwritten "
        "afterwards",
        t->op[k]->name, wg_shape_text(t->out[k]->view.shape, out, sizeof out),
        place[0] ? " at " : "", place, which, wg_dtype_name(v->dtype),
        wg_shape_text(v->shape, text, sizeof text));
}

bool wg__tape_fresh(uint32_t k) {
    const wg__tape *t = &now.tape;
    const wg__payload *p = t->payload[k];
    return WG_LIKELY(saved_versions(t->op[k], p->in, p->inputs, t->out[k]) == t->versions[k]) ||
           stale(k);
}

/* ---- tracking -------------------------------------------------------------------------------- */

static wg_tensor *alias_of(const char *name, wg_tensor *x) {
    if (wg__pending()) return NULL;
    if (!x) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "%s: x is NULL", name);
    return wg__tensor_alias(x);
}

wg_tensor *wg_variable(wg_tensor *x) {
    wg_tensor *y = alias_of("wg_variable", x);
    if (!y) return NULL;
    if (!wg_dtype_is_float(x->view.dtype) || x->number) {
        wg__tensor_free(y);
        return WG__FAIL_NULL(WG_ERROR_DTYPE, "wg_variable: %s cannot be tracked, only f32 and f64",
                             x->number ? "a wg_num()" : wg_dtype_name(x->view.dtype));
    }
    y->leaf = true;
    return y;
}

wg_tensor *wg_stop(wg_tensor *x) { return alias_of("wg_stop", x); }

bool wg_is_tracked(const wg_tensor *x) { return x && wg__is_tracked(x); }

bool wg_recording(bool on) {
    wg__context *ctx = wg__ctx();
    bool was = ctx->recording;
    ctx->recording = on;
    return was;
}
