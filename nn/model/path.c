// SPDX-License-Identifier: MIT
/* path.c: the table of a model's paths, open addressing. A key is the chain of XXH3 over the parts
   of the path, each seeded with the chain so far: "b" below the part "a" and "a/b" below the root
   meet in one node, and looking it up builds no string. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <string.h>

#include "nn/nn_impl.h"

/* ---- keys ------------------------------------------------------------------------------------ */

bool wg__key_of(const wg_nn *m, const char *name, wg__key *k) {
    *k = (wg__key){ name, strlen(name), m->hash };
    if (wg__path_length(m, k->length) > WG__PATH_MAX) return false;
    for (const char *part = name, *end;; part = end + 1) {
        end = strchr(part, '/');
        size_t n = end ? (size_t)(end - part) : strlen(part);
        if (n == 0) return false;
        k->hash = XXH3_64bits_withSeed(part, n, k->hash);
        if (!end) return true;
    }
}

void *wg__name_fail(const wg_nn *m, const char *name) {
    size_t n = wg__path_length(m, strlen(name));
    if (n > WG__PATH_MAX)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT,
                             "the name \"%.40s...\" makes a path of %zu bytes, at most %d fit",
                             name, n, WG__PATH_MAX);
    return WG__FAIL_NULL(WG_ERROR_ARGUMENT,
                         "\"%s\" is no name: a name is not empty, nor begins or ends with '/', nor "
                         "holds \"//\"",
                         name);
}

/* ---- the table ------------------------------------------------------------------------------- */

static bool is_at(const wg_nn *node, const wg_nn *m, const wg__key *k) {
    if (node->hash != k->hash || node->length != wg__path_length(m, k->length)) return false;
    if (m->length && node->path[m->length] != '/')
        return false;  // hashes may collide, paths do not
    return memcmp(node->path, m->path, m->length) == 0 &&
           memcmp(node->path + node->length - k->length, k->name, k->length) == 0;
}

wg_nn *wg__nn_lookup(const wg_nn *m, const wg__key *k) {
    const wg__model *model = m->model;
    if (!model->slots) return NULL;
    for (size_t i = k->hash & (model->slots - 1);; i = (i + 1) & (model->slots - 1)) {
        wg_nn *node = model->slot[i];
        if (!node || is_at(node, m, k)) return node;
    }
}

static void put(wg_nn **slot, size_t slots, wg_nn *node) {
    size_t i = node->hash & (slots - 1);
    while (slot[i]) i = (i + 1) & (slots - 1);
    slot[i] = node;
}

static bool grow_table(wg__model *model) {
    if (4 * (model->used + 1) <= 3 * model->slots) return true;
    size_t slots = model->slots ? 2 * model->slots : 64;
    wg_nn **slot = wg__alloc_zero(slots * sizeof *slot);
    if (!slot) return false;
    for (size_t i = 0; i < model->slots; i++)
        if (model->slot[i]) put(slot, slots, model->slot[i]);
    wg__free(model->slot);
    model->slot = slot;
    model->slots = slots;
    return true;
}

wg_nn *wg__nn_node(wg__model *model, const wg_nn *m, const wg__key *k) {
    size_t length = m ? wg__path_length(m, k->length) : 0;
    wg_nn *node = wg__alloc_zero(sizeof *node + length + 1);
    if (!node) return NULL;
    node->model = model;
    node->length = length;
    node->hash = m ? k->hash : 0;
    if (m) {
        memcpy(node->path, m->path, m->length);
        if (m->length) node->path[m->length] = '/';
        memcpy(node->path + length - k->length, k->name, k->length);
    }
    node->stream = XXH3_64bits(node->path, length);
    return node;
}

wg_nn *wg__nn_find_or_make(wg_nn *m, const wg__key *k) {
    wg_nn *node = wg__nn_lookup(m, k);
    if (node || !grow_table(m->model)) return node;
    node = wg__nn_node(m->model, m, k);
    if (!node) return NULL;
    put(m->model->slot, m->model->slots, node);
    m->model->used++;
    return node;
}

wg_nn *wg_nn_enter(wg_nn *m, const char *name, const char *what) {
    if (wg__pending()) return NULL;
    wg__where(m ? m->path : "");
    if (!m || !name)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "%s: %s is NULL", what,
                             m ? "the name" : "the model");
    wg__key k;
    if (!wg__key_of(m, name, &k)) return wg__name_fail(m, name);
    wg_nn *node = wg__nn_find_or_make(m, &k);
    if (!node) return NULL;
    wg__where(node->path);
    if (WG_UNLIKELY(m->model->notes != NULL)) wg__note_entered(node);
    return node;
}

wg_tensor *wg_nn_leave(const wg_nn *m, wg_nn *layer, wg_tensor *y) {
    if (WG_UNLIKELY(m->model->notes != NULL)) wg__note_left(layer, y);
    wg__where(m->path);
    return y;
}

/* ---- patterns -------------------------------------------------------------------------------- */

/* On a mismatch the last '*' takes one character more; those before it need no second look, as the
   least that they can take leaves most to the rest. */
bool wg__path_matches(const char *pattern, const char *path) {
    const char *star = NULL, *rest = NULL;
    while (*path) {
        if (*pattern == '*')
            star = pattern++, rest = path;
        else if (*pattern == *path)
            pattern++, path++;
        else if (star)
            pattern = star + 1, path = ++rest;
        else
            return false;
    }
    while (*pattern == '*') pattern++;
    return !*pattern;
}
