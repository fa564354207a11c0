// SPDX-License-Identifier: MIT
/* kv_cache.c: keys and values of the steps before, for generation: one entry to a layer, made with
   all its room when the layer first appends. An entry knows its layer by a reference that turns to
   NULL with the model, so that no other model is ever taken for it. */
#include <string.h>

#include "nn/layers/sequence_impl.h"

typedef struct entry {
    struct entry *next;
    wg__nn_ref layer;
    wg_tensor *k, *v;  // (B, H, capacity, D), owned
    int64_t length;
} entry;

struct wg_kv_cache {
    int64_t capacity;
    entry *first;
};

wg_kv_cache *wg_kv_cache_new(int64_t capacity) {
    if (wg__pending()) return NULL;
    wg__where("");
    if (capacity < 1)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "kv_cache_new: room for %lld steps",
                             (long long)capacity);
    wg_kv_cache *cache = wg__alloc_zero(sizeof *cache);
    if (cache) cache->capacity = capacity;
    return cache;
}

static void drop(entry *e) {
    wg__tensor_release_owned(e->k), wg__tensor_release_owned(e->v);
    wg__nn_ref_drop(&e->layer);
    wg__free(e);
}

void wg_kv_cache_free(wg_kv_cache *cache) {
    if (!cache) return;
    for (entry *e = cache->first, *next; e; e = next) {
        next = e->next;
        drop(e);
    }
    wg__free(cache);
}

int64_t wg_kv_cache_length(const wg_kv_cache *cache) {
    int64_t least = -1;
    for (const entry *e = cache ? cache->first : NULL; e; e = e->next)
        if (e->layer.m && (least < 0 || e->length < least)) least = e->length;
    return least < 0 ? 0 : least;
}

bool wg_kv_cache_cut(wg_kv_cache *cache, int64_t length) {
    if (!cache) return wg__where(""), wg_fail(WG_ERROR_ARGUMENT, "kv_cache_cut: the cache is NULL");
    if (length < 0)
        return wg__where(""),
               wg_fail(WG_ERROR_ARGUMENT, "kv_cache_cut: to %lld steps", (long long)length);
    for (entry *e = cache->first; e; e = e->next)
        if (e->length > length) e->length = length;
    return true;
}

/* ---- what a layer has ------------------------------------------------------------------------ */

static entry *find(const wg_kv_cache *cache, const wg_nn *layer) {
    entry *e = cache ? cache->first : NULL;
    while (e && e->layer.m != layer) e = e->next;
    return e;
}

void wg__kv_cache_back(wg_kv_cache *cache, const wg_nn *layer, int64_t at) {
    for (entry *e = cache ? cache->first : NULL; e; e = e->next)
        if (e->layer.m && e->layer.m->model == layer->model && e->length > at) e->length = at;
}

int64_t wg__kv_cache_at(const wg_kv_cache *cache, const wg_nn *layer) {
    const entry *e = find(cache, layer);
    return e ? e->length : 0;
}

static wg_tensor *room(const wg_kv_cache *cache, const wg_tensor *x) {
    wg_shape shape = wg_shape_of(x);
    shape.dim[2] = cache->capacity;
    return wg__tensor_new_owned(wg_dtype_of(x), shape);
}

// But for the steps, x is as what the entry has.
static bool alike(const wg_tensor *has, const wg_tensor *x) {
    wg_shape shape = wg_shape_of(x);
    shape.dim[2] = wg_dim(has, 2);
    return wg_dtype_of(has) == wg_dtype_of(x) && wg__shape_equal(&has->view.shape, &shape);
}

static entry *make(wg_kv_cache *cache, wg_nn *layer, const wg_tensor *k, const wg_tensor *v) {
    entry *e = wg__alloc_zero(sizeof *e);
    if (!e) return NULL;
    e->k = room(cache, k), e->v = room(cache, v);
    if (!e->k || !e->v) {
        wg__tensor_free(e->k), wg__tensor_free(e->v), wg__free(e);
        return NULL;
    }
    wg__nn_ref_take(&e->layer, layer);
    e->next = cache->first, cache->first = e;
    return e;
}

/* An empty entry makes room for batches of another size; those of models that are gone go, too.
   `which` may be NULL. */
static void forget(wg_kv_cache *cache, const entry *which) {
    for (entry **at = &cache->first; *at;) {
        entry *e = *at;
        if (e != which && e->layer.m) {
            at = &e->next;
            continue;
        }
        *at = e->next;
        drop(e);
    }
}

static entry *entry_for(wg_kv_cache *cache, wg_nn *layer, const wg_tensor *k, const wg_tensor *v) {
    entry *e = find(cache, layer);
    if (e && alike(e->k, k) && alike(e->v, v)) return e;
    if (e && e->length > 0) {
        char has[200], given[200];
        return WG__FAIL_NULL(
            WG_ERROR_SHAPE, "the cache has keys %s %s, and gets %s %s",
            wg_dtype_name(wg_dtype_of(e->k)), wg_shape_text(wg_shape_of(e->k), has, sizeof has),
            wg_dtype_name(wg_dtype_of(k)), wg_shape_text(wg_shape_of(k), given, sizeof given));
    }
    forget(cache, e);
    return make(cache, layer, k, v);
}

static bool put(wg_tensor *to, int64_t at, const wg_tensor *x) {
    wg_tensor *part = wg_slice(to, 2, at, at + wg_dim(x, 2), 1);
    return part && wg_copy(part, x);
}

bool wg__kv_cache_append(wg_kv_cache *cache, wg_nn *layer, wg_tensor **k, wg_tensor **v) {
    if (!*k || !*v) return false;
    if (wg_is_tracked(*k) || wg_is_tracked(*v))
        return wg_fail(WG_ERROR_STATE, "a cache has no gradient: turn recording off");
    int64_t at = wg__kv_cache_at(cache, layer), more = wg_dim(*k, 2);
    if (more > cache->capacity - at)
        return wg_fail(WG_ERROR_ARGUMENT, "the cache has room for %lld steps, has %lld, gets %lld",
                       (long long)cache->capacity, (long long)at, (long long)more);
    entry *e = entry_for(cache, layer, *k, *v);
    if (!e || !put(e->k, at, *k) || !put(e->v, at, *v)) return false;
    wg_tensor *keys = wg_slice(e->k, 2, 0, at + more, 1);    // (B, H, S, D)
    wg_tensor *values = wg_slice(e->v, 2, 0, at + more, 1);  // (B, H, S, D)
    if (!keys || !values) return false;
    e->length = at + more, *k = keys, *v = values;
    return true;
}
