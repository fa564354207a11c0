// SPDX-License-Identifier: MIT
/* scope.c: who owns a handle. A scope is a list of the handles made while it was innermost; closing
   it frees the list. Handles keep their address when they move to another scope. */
#include <string.h>

#include "tensor/tensor_impl.h"

void wg__scope_add(wg_scope *scope, wg_tensor *x) {
    x->scope = scope;
    x->prev = NULL;
    x->next = scope->first;
    if (scope->first) scope->first->prev = x;
    scope->first = x;
}

void wg__scope_remove(wg_tensor *x) {
    if (!x->scope) return;
    if (x->prev)
        x->prev->next = x->next;
    else
        x->scope->first = x->next;
    if (x->next) x->next->prev = x->prev;
    x->scope = NULL;
}

wg_scope *wg_scope_open(void) {
    wg__context *ctx = wg__ctx();
    wg_scope *s = wg__alloc(sizeof *s);
    if (!s) return NULL;
    s->parent = ctx->scope, s->first = NULL;
    s->recording = ctx->recording, s->kept = false;
    s->nodes = ctx->nodes, s->mark = 0;
    s->where[0] = 0;
    if (ctx->where[0]) strcpy(s->where, ctx->where);
    ctx->scope = s;
    if (ctx->hooks) ctx->hooks->opened(s);
    return s;
}

static void free_all(wg_scope *s) {
    while (s->first) wg__tensor_free(s->first);
}

static void close_innermost(wg__context *ctx) {
    wg_scope *s = ctx->scope;
    if (ctx->hooks) ctx->hooks->closing(s);
    free_all(s);
    ctx->recording = s->recording;
    ctx->scope = s->parent;
    wg__where(s->where);
    wg__free(s);
}

static bool is_open(const wg__context *ctx, const wg_scope *scope) {
    for (const wg_scope *s = ctx->scope; s != &ctx->root; s = s->parent)
        if (s == scope) return true;
    return false;
}

// Whether closing `scope` would take away what a function of ours that is running still needs.
static bool is_fenced(const wg__context *ctx, const wg_scope *scope) {
    if (!ctx->fence) return false;
    for (const wg_scope *s = ctx->scope; s != ctx->fence; s = s->parent)
        if (s == scope) return false;
    wg_fail(WG_ERROR_STATE, "a function that the library calls closes a scope of its caller's");
    return true;
}

void wg_scope_close(wg_scope *scope) {
    wg__context *ctx = wg__ctx();
    if (!scope || !is_open(ctx, scope) || is_fenced(ctx, scope)) return;
    for (bool last = false; !last;) {
        last = ctx->scope == scope;
        close_innermost(ctx);
    }
}

// A gradient belongs to its leaf: to keep one is to keep the other.
static wg_tensor *owner_of(const wg_scope *s, wg_tensor *x) {
    for (wg_tensor *leaf = s->first; leaf && !x->scope && !x->leaf; leaf = leaf->next)
        if (leaf->gradient == x) return leaf;
    return x;
}

wg_tensor *wg_keep(wg_tensor *x) {
    wg__context *ctx = wg__ctx();
    if (ctx->status != WG_OK) return NULL;
    if (!x) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "wg_keep: x is NULL");
    wg_scope *s = ctx->scope;
    wg_tensor *owner = owner_of(s, x);
    if (owner->scope != s || s == &ctx->root) return x;  // it outlives this scope already
    wg__scope_remove(owner);
    wg__scope_add(s->parent, owner);
    s->kept = true;
    return x;
}

void wg__tensor_release_owned(wg_tensor *x) {
    wg__context *ctx = wg__ctx();
    if (!x) return;
    if (!x->named || ctx->nodes == 0) {
        wg__tensor_free(x);
        return;
    }
    // Records may still name x. They go with the outermost scope that has any.
    wg_scope *s = ctx->scope;
    while (s->parent && s->nodes > 0) s = s->parent;
    wg__scope_add(s, x);
}

void wg_reset(void) {
    wg__context *ctx = wg__ctx();
    if (is_fenced(ctx, &ctx->root)) return;
    while (ctx->scope != &ctx->root) close_innermost(ctx);
    if (ctx->hooks) ctx->hooks->reset();
    free_all(&ctx->root);
    ctx->recording = true;
    ctx->where[0] = 0;
    wg_memory_trim();
}
