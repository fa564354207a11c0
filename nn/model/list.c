// SPDX-License-Identifier: MIT
/* list.c: what a model holds, found by path, by place and by pattern. */
#include <string.h>

#include "nn/nn_impl.h"

bool wg__nn_is_below(const wg_nn *node, const wg_nn *m) {
    return m->length == 0 || (node->length > m->length && node->path[m->length] == '/' &&
                              memcmp(node->path, m->path, m->length) == 0);
}

wg_nn *wg__nn_next_saved(const wg_nn *m, const char *pattern, int *i) {
    const wg__model *model = m->model;
    while (*i >= 0 && *i < model->entries) {
        wg_nn *node = model->entry[(*i)++];
        if (wg__nn_is_below(node, m) && (!pattern || wg__path_matches(pattern, node->path)))
            return node;
    }
    return NULL;
}

wg_nn *wg__nn_next(const wg_nn *m, const char *pattern, int *i) {
    wg_nn *node;
    while ((node = wg__nn_next_saved(m, pattern, i)))
        if (node->param) return node;
    return NULL;
}

wg_nn *wg__nn_next_trained(const wg_nn *m, int *i) {
    wg_nn *node;
    while ((node = wg__nn_next(m, NULL, i)))
        if (!node->frozen) return node;
    return NULL;
}

/* ---- for optim ------------------------------------------------------------------------------- */

int wg__nn_places(const wg_nn *m) { return m->model->entries; }
const char *wg__nn_path(const wg_nn *m, int place) { return m->model->entry[place]->path; }
wg_tensor *wg__nn_param_next(const wg_nn *m, int *i) {
    const wg_nn *node = wg__nn_next_trained(m, i);
    return node ? node->param : NULL;
}

/* ---- parameters ------------------------------------------------------------------------------ */

int wg_nn_params(const wg_nn *m, const char *pattern) {
    int count = 0;
    for (int i = 0; m && wg__nn_next(m, pattern, &i);) count++;
    return count;
}

static const wg_nn *node_at(const wg_nn *m, const char *pattern, int i) {
    const wg_nn *node = NULL;
    for (int at = 0; m && i >= 0; i--)
        if (!(node = wg__nn_next(m, pattern, &at))) return NULL;
    return node;
}
wg_tensor *wg_nn_param_at(const wg_nn *m, const char *pattern, int i) {
    const wg_nn *node = node_at(m, pattern, i);
    return node ? node->param : NULL;
}
const char *wg_nn_path_at(const wg_nn *m, const char *pattern, int i) {
    const wg_nn *node = node_at(m, pattern, i);
    return node ? node->path : NULL;
}

int64_t wg_nn_count(const wg_nn *m, const char *pattern) {
    int64_t count = 0;
    const wg_nn *node;
    for (int i = 0; m && (node = wg__nn_next(m, pattern, &i));) count += wg_numel(node->param);
    return count;
}

/* ---- whatever it holds ----------------------------------------------------------------------- */

wg_tensor *wg_nn_find(const wg_nn *m, const char *path) {
    wg__key k;
    if (!m || !path || !wg__key_of(m, path, &k)) return NULL;
    const wg_nn *node = wg__nn_lookup(m, &k);
    return node ? wg__nn_value(node) : NULL;
}

bool wg_nn_next_state(const wg_nn *m, const char *pattern, int *i, wg_nn_state *state) {
    const wg_nn *node = m && i && state ? wg__nn_next_saved(m, pattern, i) : NULL;
    if (!node) return false;
    *state = (wg_nn_state){ .path = node->path,
                            .value = wg__nn_value(node),
                            .tied_to = node->tied ? node->tied->path : NULL,
                            .buffer = node->buffer != NULL,
                            .frozen = (node->tied ? node->tied : node)->frozen };
    return true;
}
