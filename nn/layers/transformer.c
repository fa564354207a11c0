// SPDX-License-Identifier: MIT
/* transformer.c: a block of a transformer. Each of its two or three parts is a function of its
   input, and what surrounds them, norm, dropout and the sum, is the same for all. */
#include "nn/layers/sequence_impl.h"

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

static wg_tensor *attention(const block *b, wg_tensor *x) {
    wg_multi_head_options o = b->o->attention;
    o.dropout = b->o->dropout, o.no_bias = b->o->no_bias;
    return wg_nn_multi_head_attention(b->layer, "attention", x, b->heads, o);
}

static wg_tensor *cross(const block *b, wg_tensor *x) {
    wg_multi_head_options o = { .key = b->o->memory,
                                .mask = b->o->memory_mask,
                                .lengths = b->o->memory_lengths,
                                .dropout = b->o->dropout,
                                .kv_heads = b->o->attention.kv_heads,
                                .no_bias = b->o->no_bias,
                                .w = b->o->attention.w };
    return wg_nn_multi_head_attention(b->layer, "cross", x, b->heads, o);
}

static wg_tensor *feed(const block *b, wg_tensor *x) {
    wg_linear_options o = { .no_bias = b->o->no_bias };
    int64_t width = wg_dim(x, -1), hidden = b->o->hidden ? b->o->hidden : 4 * width;
    wg_tensor *h = wg_nn_linear_with(b->layer, "up", x, hidden, o);  // (B, T, hidden)
    h = b->o->activation ? b->o->activation(h) : wg_gelu(h);
    return wg_nn_linear_with(b->layer, "down", drop(b, "drop", h), width, o);
}

/* ---- the block ------------------------------------------------------------------------------- */

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

static bool fits(const block *b, const wg_tensor *x) {
    const wg_transformer_options *o = b->o;
    char text[200];
    if (!x) return wg_fail(WG_ERROR_ARGUMENT, "nn_transformer_block: x is NULL");
    bool real = wg_dtype_is_float(wg_dtype_of(x));
    if (!real || wg_rank(x) != 3)
        return wg_fail(real ? WG_ERROR_SHAPE : WG_ERROR_DTYPE,
                       "nn_transformer_block: x is %s %s, wanted is (B, T, C) in f32 or f64",
                       wg_dtype_name(wg_dtype_of(x)),
                       wg_shape_text(wg_shape_of(x), text, sizeof text));
    if (o->hidden < 0)
        return wg_fail(WG_ERROR_ARGUMENT, "nn_transformer_block: a hidden width of %lld",
                       (long long)o->hidden);
    if (o->attention.key || o->attention.value)
        return wg_fail(WG_ERROR_ARGUMENT,
                       "nn_transformer_block: its attention is to x itself, and to .memory");
    return true;
}

wg_tensor *wg_nn_transformer_block(wg_nn *m, const char *name, wg_tensor *x, int64_t heads,
                                   wg_transformer_options o) {
    wg_nn *layer = wg__nn_enter(m, name, "nn_transformer_block");
    if (!layer) return NULL;
    block b = { layer, heads, &o };
    if (fits(&b, x)) {
        x = residual(&b, &attends, x);
        if (o.memory) x = residual(&b, &looks_across, x);
        x = residual(&b, &feeds, x);
    } else {
        x = NULL;
    }
    return wg__nn_leave(m, layer, x);
}
