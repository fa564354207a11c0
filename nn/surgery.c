// SPDX-License-Identifier: MIT
/* surgery.c: tying and freezing. A tied path is a node that points to another's parameter, so there
   is one tensor, which has one gradient and one place in every list. A frozen parameter is no leaf:
   to the tape it is a constant. */
#include "nn/nn_impl.h"

/* ---- tying ----------------------------------------------------------------------------------- */

static bool tie_taken(const wg_nn *node) {
    if (node->tied)
        return wg_fail(WG_ERROR_STATE, "nn_tie: \"%s\" is tied to \"%s\" already", node->path,
                       node->tied->path);
    return wg_fail(WG_ERROR_STATE, "nn_tie: \"%s\" has a %s of its own already", node->path,
                   node->buffer ? "buffer" : "parameter");
}

// What `to` names in the end: a tie of a tie leads to the parameter itself, so there are no cycles.
static wg_nn *target_of(const wg_nn *m, const char *to) {
    wg__key k;
    if (!wg__key_of(m, to, &k)) return wg__name_fail(m, to);
    wg_nn *node = wg__nn_lookup(m, &k);
    if (node && node->tied) node = node->tied;
    if (node && node->param) return node;
    return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "nn_tie: \"%s\" below \"%s\" is %s", to, m->path,
                         node && node->buffer ? "a buffer, wanted is a parameter"
                                              : "no parameter yet: make it first");
}

bool wg_nn_tie(wg_nn *m, const char *path, const char *to) {
    if (wg__pending()) return false;
    wg__where("");
    if (!m || !path || !to)
        return wg_fail(WG_ERROR_ARGUMENT, "nn_tie: the %s is NULL", m ? "path" : "model");
    wg__key k;
    if (!wg__key_of(m, path, &k)) return wg__name_fail(m, path), false;
    wg_nn *target = target_of(m, to);
    if (!target) return false;
    wg_nn *node = wg__nn_lookup(m, &k);
    if (node && node->tied == target) return true;
    if (node && wg__nn_holds(node)) return tie_taken(node);
    node = wg__nn_find_or_make(m, &k);
    if (!node || !wg__nn_reserve(m->model, 1)) return false;
    wg__nn_adopt_tie(node, target);
    return true;
}

/* ---- freezing -------------------------------------------------------------------------------- */

/* All that the tape knows of a parameter is the number of its record, which is kept here meanwhile:
   without it, what was recorded passes no gradient to it. */
static void set_frozen(wg_nn *node, bool on) {
    wg_tensor *w = node->param;
    if (node->frozen == on) return;
    if (on) {
        node->record = w->node;
        w->node = WG__NO_NODE;
        wg_clear_gradient(w);
    } else {
        w->node = node->record;
    }
    w->leaf = !on;
    node->frozen = on;
}

static int set_all(wg_nn *m, const char *pattern, bool on) {
    if (wg__pending()) return -1;
    wg__where("");
    if (!m) return wg_fail(WG_ERROR_ARGUMENT, "nn_%sfreeze: the model is NULL", on ? "" : "un"), -1;
    int count = 0;
    wg_nn *node;
    for (int i = 0; (node = wg__nn_next(m, pattern, &i)); count++) set_frozen(node, on);
    return count;
}

int wg_nn_freeze(wg_nn *m, const char *pattern) { return set_all(m, pattern, true); }
int wg_nn_unfreeze(wg_nn *m, const char *pattern) { return set_all(m, pattern, false); }

bool wg_nn_is_frozen(const wg_nn *m, const char *path) {
    wg__key k;
    if (!m || !path || !wg__key_of(m, path, &k)) return false;
    const wg_nn *node = wg__nn_lookup(m, &k);
    return node && (node->tied ? node->tied : node)->frozen;
}
