// SPDX-License-Identifier: MIT
/* memory.c: O11. Bytes that were given back, and bytes that nobody has written yet, must not
   matter: with every free block filled with ones, NaN as a float and no valid index, the bits are
   the same. And what a run holds afterwards is what it held before. */
#include <string.h>

#include "fuzz/oracle/body.h"

#if defined(__SANITIZE_ADDRESS__)
#define ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN 1
#endif
#endif
#ifdef ASAN
#include <sanitizer/asan_interface.h>
#define OPEN(p, n) __asan_unpoison_memory_region(p, n)
#define SHUT(p, n) __asan_poison_memory_region(p, n)
#else
#define OPEN(p, n) ((void)(p), (void)(n))
#define SHUT(p, n) ((void)(p), (void)(n))
#endif

// The blocks that wait for reuse; only the newest of each size, which are those that get used.
enum { NEWEST = 24 };
static void fill_free_blocks(void) {
    const wg__context *ctx = wg__ctx();
    for (int bin = 0; bin < WG__BINS; bin++) {
        int left = NEWEST;
        for (wg__block *b = ctx->cache[bin]; b && left > 0; b = b->next, left--) {
            char *bytes = (char *)b + WG__ALIGN;
            size_t size = b->size - WG__ALIGN < 4096 ? b->size - WG__ALIGN : 4096;
            OPEN(bytes, size);
            memset(bytes, 0xff, size);
            SHUT(bytes, size);
        }
    }
}

/* ---- runs ------------------------------------------------------------------------------------ */

// The value and what reverse and forward mode make of it, as plain numbers.
typedef struct result {
    int count;
    int64_t n[WG__VM_LEAVES + 2];
    const double *number[WG__VM_LEAVES + 2];
} result;

static bool add(result *r, const wg_tensor *x) {
    r->n[r->count] = wg_numel(x);
    r->number[r->count] = wg__numbers(x);
    return r->number[r->count++] != NULL;
}

// False, without an error, where a step fails. `s` is a copy each time: the same weights.
static bool run(wg__scene s, wg__body b, result *r) {
    wg_tensor *g[WG__VM_LEAVES], *v[WG__VM_LEAVES];
    r->count = 0;
    wg_tensor *y = wg__body_leaves(s.p, &s.run) ? wg__body_run(&b, s.run.reg) : NULL;
    if (!y) wg_error_clear();
    if (!y || !wg_is_tracked(y)) return false;
    int n = s.run.variables;
    wg_tensor *w = wg__scene_weight(&s, y);
    for (int k = 0; k < n; k++) v[k] = wg__scene_weight(&s, s.run.x[k]);
    if (b.between) b.between();
    if (!wg_grad(y, s.run.x, n, g, (wg_grad_options){ .seed = w, .constant = s.p->seed & 1 }))
        return false;
    if (b.between) b.between();
    wg_tensor *dy = wg_jvp(y, s.run.x, n, v);
    bool done = add(r, y) && dy && add(r, dy);
    for (int k = 0; done && k < n; k++) done = add(r, g[k]);
    return done;
}

static bool same(const result *a, const result *b) {
    if (a->count != b->count) return false;
    for (int k = 0; k < a->count; k++)
        if (a->n[k] != b->n[k] || !wg__same_numbers(a->number[k], b->number[k], a->n[k]))
            return false;
    return true;
}

static wg__body body_of(const wg__scene *s) {
    wg__body b = { .p = s->p, .random = { .seed = s->p->seed }, .drawn = 0 };
    while (b.drawn < s->p->leaves - 1 && !s->p->leaf[b.drawn].variable) b.drawn++;
    b.draws = s->p->choice[1] & 1 && s->p->leaf[b.drawn].variable;
    b.depth = s->p->choice[1] >> 1 & 1;
    return b;
}

static bool may_differentiate(const wg__vm_program *p) {
    for (int k = 0; k < p->steps; k++)
        if (p->step[k].op->flags & WG_OP_NO_GRADIENT) return false;
    return p->outputs > 0;
}

/* ---- the oracles ----------------------------------------------------------------------------- */

static void check_free(wg__scene *s) {
    result clean, filled;
    wg__body b = body_of(s);
    if (!may_differentiate(s->p) || !run(*s, b, &clean)) return;
    b.between = fill_free_blocks;
    bool done = run(*s, b, &filled);
    wg__scene_hold(s, wg_error() || (done && same(&clean, &filled)),
                   "what memory held before shows in the result");
}

void wg__oracle_poison(const wg__vm_program *p) { wg__scene_open(p, "O11 memory", check_free); }

typedef struct amount {
    size_t used;
    int64_t tensors;
} amount;

static amount now(void) {
    wg_memory m = wg_memory_now();
    return (amount){ m.held - m.cached, m.tensors };
}

// Two runs before, by which the tape and whatever else grows has grown.
static void check_held(wg__scene *s) {
    amount before = { 0 };
    result ignored;
    if (!may_differentiate(s->p)) return;
    for (int k = 0; k < 3; k++) {
        if (k == 2) before = now();
        wg_scope *scope = wg_scope_open();
        bool ran = scope && run(*s, body_of(s), &ignored);
        wg_scope_close(scope);
        if (!ran) return;
    }
    amount after = now();
    wg__scene_hold(s, after.tensors == before.tensors, "a run leaves tensors behind");
    wg__scene_hold(s, after.used == before.used, "a run leaves memory behind");
}

void wg__oracle_held(const wg__vm_program *p) { wg__scene_open(p, "O11 memory held", check_held); }
