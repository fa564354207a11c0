// SPDX-License-Identifier: MIT
/* transformer.c: a block of a transformer. Each of its two or three parts is a function of its
   input, and what surrounds them, norm, dropout and the sum, is the same for all. */
#include <math.h>

#include "nn/layers/sequence_impl.h"

#define NAME "nn_transformer_block"

typedef struct block {
    wg_nn *layer;
    int64_t heads;
    const wg_transformer_options *o;
} block;

static wg_tensor *norm(const block *b, const char *name, wg_tensor *x) {  // x (B, T, C)
    wg_norm_options o = { .epsilon = b->o->epsilon, .no_bias = b->o->no_bias };
    return (b->o->rms_norm ? wg_nn_rms_norm_with : wg_nn_layer_norm_with)(b->layer, name, x, o);
}

static wg_tensor *drop(const block *b, const char *name, wg_tensor *x) {
    return wg_nn_dropout(b->layer, name, x, b->o->dropout);
}

/* ---- the parts: (B, T, C) -> (B, T, C) ------------------------------------------------------- */

static wg_multi_head_options attention_options(const block *b) {
    wg_multi_head_options o = b->o->attention;
    o.dropout = b->o->dropout, o.no_bias = b->o->no_bias;
    return o;
}
static wg_tensor *attention(const block *b, wg_tensor *x) {
    return wg_nn_multi_head_attention(b->layer, "attention", x, b->heads, attention_options(b));
}

static wg_multi_head_options cross_options(const block *b) {
    return (wg_multi_head_options){ .key = b->o->memory,
                                    .mask = b->o->memory_mask,
                                    .lengths = b->o->memory_lengths,
                                    .dropout = b->o->dropout,
                                    .kv_heads = b->o->attention.kv_heads,
                                    .no_bias = b->o->no_bias,
                                    .w = b->o->attention.w };
}
static wg_tensor *cross(const block *b, wg_tensor *x) {
    return wg_nn_multi_head_attention(b->layer, "cross", x, b->heads, cross_options(b));
}

static wg_tensor *feed(const block *b, wg_tensor *x) {
    wg_linear_options o = { .no_bias = b->o->no_bias };
    int64_t width = wg_dim(x, -1), hidden = b->o->hidden ? b->o->hidden : 4 * width;
    wg_tensor *h = wg_nn_linear_with(b->layer, "up", x, hidden, o);  // (B, T, hidden)
    h = b->o->activation ? b->o->activation(h) : wg_gelu(h);
    return wg_nn_linear_with(b->layer, "down", drop(b, "drop", h), width, o);
}

/* ---- what surrounds a part ------------------------------------------------------------------- */

typedef struct part {
    const char *norm, *drop;
    wg_tensor *(*f)(const block *b, wg_tensor *x);
} part;
static const part attends = { "norm1", "drop1", attention };
static const part looks_across = { "norm_cross", "drop_cross", cross };
static const part feeds = { "norm2", "drop2", feed };

static wg_tensor *residual(const block *b, const part *p, wg_tensor *x) {
    wg_tensor *inner = b->o->post_norm ? x : norm(b, p->norm, x);
    wg_tensor *y = wg_add(x, drop(b, p->drop, p->f(b, inner)));
    return b->o->post_norm ? norm(b, p->norm, y) : y;
}

/* ---- what fits, all of it before a parameter is made ----------------------------------------- */

static bool refuse(const char *why) { return wg_fail(WG_ERROR_ARGUMENT, NAME ": %s", why); }

// What one option says of another.
static bool options_agree(const wg_transformer_options *o) {
    const wg_multi_head_options *a = &o->attention;
    if (a->key || a->value) return refuse("its attention is to x itself, and to .memory");
    if (a->dropout != 0 && a->dropout != o->dropout)
        return refuse(".attention.dropout is not .dropout, which is for the whole block");
    if (a->no_bias && !o->no_bias)
        return refuse(".attention.no_bias without .no_bias, which is for the whole block");
    if (o->memory_mask && !o->memory) return refuse(".memory_mask without .memory");
    return !o->memory_lengths || o->memory || refuse(".memory_lengths without .memory");
}

static bool options_valid(const wg_transformer_options *o) {
    if (o->hidden < 0)
        return wg_fail(WG_ERROR_ARGUMENT, NAME ": a hidden width of %lld", (long long)o->hidden);
    if (!(o->epsilon >= 0 && isfinite(o->epsilon)))
        return wg_fail(WG_ERROR_ARGUMENT, NAME ": epsilon %g is not within [0, inf)", o->epsilon);
    return options_agree(o);
}

// The node of an attention of the block, which is entered later.
static wg_nn *node_of(const block *b, const char *name) {
    wg__key k;
    return wg__key_of(b->layer, name, &k) ? wg__nn_find_or_make(b->layer, &k)
                                          : wg__name_fail(b->layer, name);
}

static bool attention_fits(const block *b, const char *name, const wg_tensor *x,
                           wg_multi_head_options o) {
    wg_nn *inner = node_of(b, name);
    if (!inner || !wg__attention_fits(inner, x, b->heads, &o)) return false;
    wg__where(b->layer->path);
    return true;
}

static bool fits(const block *b, const wg_tensor *x) {
    static const wg__takes takes = { 3, 3, "(B, T, C)" };
    return wg__layer_takes(NAME, "x", x, takes) && options_valid(b->o) &&
           attention_fits(b, "attention", x, attention_options(b)) &&
           (!b->o->memory || attention_fits(b, "cross", x, cross_options(b)));
}

/* ---- the block ------------------------------------------------------------------------------- */

static wg_tensor *through(const block *b, wg_tensor *x) {
    wg_kv_cache *cache = b->o->attention.cache;
    const wg_nn *inner = node_of(b, "attention");
    int64_t before = wg__kv_cache_at(cache, inner);
    x = residual(b, &attends, x);
    if (b->o->memory) x = residual(b, &looks_across, x);
    x = residual(b, &feeds, x);
    if (!x && inner) wg__kv_cache_back(cache, inner, before);
    return x;
}

wg_tensor *wg_nn_transformer_block(wg_nn *m, const char *name, wg_tensor *x, int64_t heads,
                                   wg_transformer_options o) {
    wg_nn *layer = wg_nn_enter(m, name, NAME);
    if (!layer) return NULL;
    block b = { layer, heads, &o };
    return wg_nn_leave(m, layer, fits(&b, x) ? through(&b, x) : NULL);
}
