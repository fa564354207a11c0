// SPDX-License-Identifier: MIT
/* attention.c: multi-head attention, four dense layers around the operation. All masks become one
   before it, but for the plain causal one, which it makes itself. */
#include <math.h>

#include "nn/layers/sequence_impl.h"

#define NAME "nn_multi_head_attention"

typedef struct attention {
    wg_nn *layer;
    const wg_multi_head_options *o;
    int64_t heads, groups, width;  // of queries; of keys and values; numbers in a head
    int64_t at;                    // steps before these
    wg_tensor *q, *k, *v;          // (B, heads, T, D), (B, heads, S, D) twice
} attention;

/* ---- what fits ------------------------------------------------------------------------------- */

static const wg__takes takes = { 3, 3, "(B, T, C)" };

// And it goes with the query, which is known to fit.
static bool input_fits(const wg_tensor *x, const wg_tensor *query, const char *which) {
    if (x == query) return true;
    if (!wg__layer_takes(NAME, which, x, takes)) return false;
    char text[200], wanted[200];
    bool same = wg_dtype_of(x) == wg_dtype_of(query);
    if (same && wg_dim(x, 0) == wg_dim(query, 0)) return true;
    return wg_fail(same ? WG_ERROR_SHAPE : WG_ERROR_DTYPE,
                   NAME ": %s is %s %s, which does not go with the query, %s %s", which,
                   wg_dtype_name(wg_dtype_of(x)), wg_shape_text(wg_shape_of(x), text, sizeof text),
                   wg_dtype_name(wg_dtype_of(query)),
                   wg_shape_text(wg_shape_of(query), wanted, sizeof wanted));
}

static bool heads_fit(const wg_tensor *x, int64_t heads, const wg_multi_head_options *o) {
    int64_t width = wg_dim(x, 2);
    if (heads < 1 || width % heads != 0 || width == 0)
        return wg_fail(WG_ERROR_ARGUMENT, NAME ": a width of %lld does not make %lld heads",
                       (long long)width, (long long)heads);
    if (o->kv_heads < 0 || (o->kv_heads > 0 && heads % o->kv_heads != 0))
        return wg_fail(WG_ERROR_ARGUMENT, NAME ": %lld heads do not share %lld of keys and values",
                       (long long)heads, (long long)o->kv_heads);
    if (o->rotary && width / heads % 2 != 0)
        return wg_fail(WG_ERROR_ARGUMENT, NAME ": rotary heads of %lld numbers, which is odd",
                       (long long)(width / heads));
    return true;
}

static bool cache_fits(const wg_nn *layer, const wg_multi_head_options *o) {
    if (!o->cache) return true;
    if (layer->model->training)
        return wg_fail(WG_ERROR_STATE, NAME ": a cache is for evaluation, the model is training");
    return (!o->key && !o->value) ||
           wg_fail(WG_ERROR_ARGUMENT, NAME ": a cache is for self-attention, a key is given");
}

static bool mask_fits(const wg_tensor *mask, wg_dtype wants, wg_shape scores) {
    wg_shape has = wg_shape_of(mask), both;
    wg_dtype dtype = wg_dtype_of(mask);
    char text[200], wanted[200];
    if (dtype != WG_BOOL && dtype != wants)
        return wg_fail(WG_ERROR_DTYPE, NAME ": the mask is %s, wanted is bool or %s",
                       wg_dtype_name(dtype), wg_dtype_name(wants));
    return (wg__broadcast(&has, &scores, &both) && wg__shape_equal(&both, &scores)) ||
           wg_fail(WG_ERROR_SHAPE, NAME ": the mask, %s, does not broadcast to %s",
                   wg_shape_text(has, text, sizeof text),
                   wg_shape_text(scores, wanted, sizeof wanted));
}

static bool inputs_fit(const wg_tensor *x, const wg_multi_head_options *o) {
    const wg_tensor *key = o->key ? o->key : x, *value = o->value ? o->value : key;
    if (!wg__layer_takes(NAME, "the query", x, takes)) return false;
    if (!input_fits(key, x, "the key") || !input_fits(value, x, "the value")) return false;
    return wg_dim(key, 1) == wg_dim(value, 1) ||
           wg_fail(WG_ERROR_SHAPE, NAME ": %lld keys and %lld values", (long long)wg_dim(key, 1),
                   (long long)wg_dim(value, 1));
}

// S counts what the cache has.
static bool masks_fit(const wg_nn *layer, const wg_tensor *x, int64_t heads,
                      const wg_multi_head_options *o) {
    int64_t keys = wg__kv_cache_at(o->cache, layer) + wg_dim(o->key ? o->key : x, 1);
    wg_shape scores = WG_SHAPE(wg_dim(x, 0), heads, wg_dim(x, 1), keys);  // (B, heads, T, S)
    return (!o->mask || mask_fits(o->mask, wg_dtype_of(x), scores)) &&
           (!o->lengths || wg__lengths_fit(NAME, o->lengths, wg_dim(x, 0), keys));
}

bool wg__attention_fits(wg_nn *layer, const wg_tensor *x, int64_t heads,
                        const wg_multi_head_options *o) {
    wg__where(layer->path);
    if (!inputs_fit(x, o) || !heads_fit(x, heads, o) || !cache_fits(layer, o)) return false;
    wg_shape matrix = WG_SHAPE(wg_dim(x, 2), wg_dim(x, 2));
    return wg__probability_valid(NAME, o->dropout) && masks_fit(layer, x, heads, o) &&
           wg__rotary_base_valid(NAME, o->rotary_base) &&
           wg__init_fits(o->w, wg_dtype_of(x), matrix);
}

/* ---- masks ----------------------------------------------------------------------------------- */

// What both let through; either may be NULL. `keep` is bool.
static wg_tensor *both(wg_tensor *keep, wg_tensor *mask) {
    if (!keep || !mask) return keep ? keep : mask;
    if (wg_dtype_of(mask) == WG_BOOL) return wg_logical_and(keep, mask);
    return wg_where(keep, mask, wg_num(-INFINITY));
}

// (T, S) bool: query at + t sees keys up to its own.
static wg_tensor *causal_mask(const attention *a) {
    int64_t queries = wg_dim(a->q, 2);
    return wg_slice(wg_causal_mask(a->at + queries, wg_dim(a->k, 2)), 0, a->at, WG_END, 1);
}

/* Everything that hides a key, broadcasting to (B, heads, T, S); NULL: nothing does. *causal is
   left to the operation where it can do it. */
static bool mask_of(const attention *a, bool *causal, wg_tensor **mask) {
    const wg_multi_head_options *o = a->o;
    int64_t batch = wg_dim(a->q, 0), keys = wg_dim(a->k, 2);
    *mask = o->mask;
    *causal = o->causal && (wg_dim(a->q, 2) > 1 || keys > a->at + 1);  // else it hides nothing
    if (o->lengths) {
        wg_tensor *keep = wg__within_lengths(o->lengths, keys);
        *mask = both(wg_reshape(keep, WG_SHAPE(batch, 1, 1, keys)), *mask);
    }
    if (*causal && a->at > 0) *mask = both(causal_mask(a), *mask), *causal = false;
    return !wg__pending();
}

/* ---- attention ------------------------------------------------------------------------------- */

// Queries that see a key, (..., T or 1, 1) bool.
static wg_tensor *alive_of(wg_tensor *mask) {
    if (wg_rank(mask) == 0) mask = wg_unsqueeze(mask, 0);
    if (wg_dtype_of(mask) == WG_BOOL) return wg_any_axes(mask, WG_AXES(-1), true);
    return wg_gt(wg_max_axes(wg_stop(mask), WG_AXES(-1), true), wg_num(-INFINITY));
}

static wg_tensor *hidden(wg_tensor *scores, wg_tensor *mask) {
    if (wg_dtype_of(mask) == WG_BOOL) return wg_where(mask, scores, wg_num(-INFINITY));
    return wg_add(scores, mask);
}

/* The operation's formula once more, for what it does not do: dropout of the weights. */
static wg_tensor *attend_dropping(const attention *a, wg_tensor *mask, bool causal) {
    wg_tensor *q = wg_mul(a->q, wg_num(1 / sqrt((double)a->width)));
    wg_tensor *scores = wg_matmul(q, wg_transpose(a->k, -2, -1)), *alive = NULL;
    if (causal) mask = both(causal_mask(a), mask);
    if (mask) {
        alive = alive_of(mask);
        scores = wg_where(alive, hidden(scores, mask), wg_num(0));  // (B, heads, T, S)
    }
    wg_tensor *p = wg_nn_dropout(a->layer, "dropout", wg_softmax(scores, -1), a->o->dropout);
    wg__where(a->layer->path);
    wg_tensor *y = wg_matmul(p, a->v);  // (B, heads, T, D)
    return alive ? wg_where(alive, y, wg_num(0)) : y;
}

static wg_tensor *attend(const attention *a) {
    wg_tensor *mask;
    bool causal;
    if (!a->q || !a->k || !a->v || !mask_of(a, &causal, &mask)) return NULL;
    if (a->o->dropout > 0 && a->layer->model->training) return attend_dropping(a, mask, causal);
    return wg_scaled_dot_product_attention(a->q, a->k, a->v, mask,
                                           (wg_attention_options){ .causal = causal });
}

/* ---- heads ----------------------------------------------------------------------------------- */

static wg_tensor *project(const attention *a, const char *name, wg_tensor *x, int64_t units) {
    wg_linear_options o = { .w = a->o->w, .no_bias = a->o->no_bias };
    return wg_nn_linear_with(a->layer, name, x, units, o);
}

// (B, T, C) -> (B, heads, T, D)
static wg_tensor *split_heads(const attention *a, const char *name, wg_tensor *x, int64_t heads) {
    x = project(a, name, x, heads * a->width);
    return wg_transpose(wg_reshape(x, WG_SHAPE(WG_SAME, WG_SAME, heads, a->width)), 1, 2);
}

static wg_tensor *shared(const attention *a, wg_tensor *x) {  // (B, groups, S, D)
    return a->groups == a->heads ? x : wg_repeat_interleave(x, a->heads / a->groups, 1);
}

static bool make_heads(attention *a, wg_tensor *x) {
    const wg_multi_head_options *o = a->o;
    wg_tensor *key = o->key ? o->key : x;
    a->q = split_heads(a, "query", x, a->heads);
    a->k = split_heads(a, "key", key, a->groups);
    a->v = split_heads(a, "value", o->value ? o->value : key, a->groups);
    if (o->rotary) {
        a->q = wg_rotary(a->q, a->at, o->rotary_base);
        a->k = wg_rotary(a->k, a->at, o->rotary_base);
    }
    if (o->cache && !wg__kv_cache_append(o->cache, a->layer, &a->k, &a->v)) return false;
    a->k = shared(a, a->k), a->v = shared(a, a->v);
    return true;
}

wg_tensor *wg_nn_multi_head_attention(wg_nn *m, const char *name, wg_tensor *query, int64_t heads,
                                      wg_multi_head_options o) {
    wg_nn *layer = wg_nn_enter(m, name, NAME);
    if (!layer) return NULL;
    attention a = { .layer = layer, .o = &o, .heads = heads };
    a.at = wg__kv_cache_at(o.cache, layer);
    wg_tensor *y = NULL;
    if (wg__attention_fits(layer, query, heads, &o)) {
        a.groups = o.kv_heads ? o.kv_heads : heads;
        a.width = wg_dim(query, 2) / heads;
        if (make_heads(&a, query)) y = wg_transpose(attend(&a), 1, 2);  // (B, T, heads, D)
        y = wg_reshape(y, WG_SHAPE(WG_SAME, WG_SAME, wg_dim(query, 2)));
        y = project(&a, "out", y, wg_dim(query, 2));
    }
    if (!y) wg__kv_cache_back(o.cache, layer, a.at);
    return wg_nn_leave(m, layer, y);
}
