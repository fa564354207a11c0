// SPDX-License-Identifier: MIT
/* surgery.c: tying and freezing. A tied path is a node that points to another's parameter, so there
   is one tensor, which has one gradient and one place in every list. A frozen parameter is no leaf:
   to the tape it is a constant. */
#include "autograd/autograd_impl.h"
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

/* What was recorded before is given a constant of the same storage for the frozen parameter. So no
   gradient passes from there, and when the parameter is unfrozen it meets the tape as a new leaf,
   whose record stands below all that reads it, as the tape wants. */
static void replace(const wg_tensor *w, wg_tensor *constant) {
    wg__tape *t = wg__tape_now();
    uint32_t first = w->node;
    t->out[first] = constant;
    for (uint32_t k = first; k < t->count; k++) {
        wg__payload *p = t->payload[k];
        for (uint32_t i = 0; p && i < p->inputs; i++)
            if (p->in[i] == w) p->in[i] = constant;
    }
}

static bool is_recorded(const wg_nn *node) {
    return !node->frozen && wg__node_of(node->param, wg__tape_now()) != WG__NO_NODE;
}

// A constant for each that matches and is on the tape, in order; all of them or none.
static bool make_constants(const wg_nn *m, const char *pattern, wg_tensor *constant[]) {
    int made = 0;
    const wg_nn *node;
    for (int i = 0; (node = wg__nn_next(m, pattern, &i));) {
        if (!is_recorded(node)) continue;
        if ((constant[made++] = wg__tensor_alias(node->param))) continue;
        while (made > 0) wg__tensor_free(constant[--made]);
        return false;
    }
    return true;
}

static void freeze(wg_nn *node, wg_tensor *constant) {
    if (constant) {
        replace(node->param, constant);
        wg__scope_remove(constant);  // and to where it lives as long as the tape may name it
        constant->named = true;
        wg__tensor_release_owned(constant);
    }
    wg_clear_gradient(node->param);
    node->param->node = WG__NO_NODE;
    node->param->leaf = false;
    node->frozen = true;
}

// Whether there is a model, with a parameter that matches.
static bool matches(const wg_nn *m, const char *pattern, const char *what) {
    wg__where("");
    if (!m) return wg_fail(WG_ERROR_ARGUMENT, "%s: the model is NULL", what);
    return !pattern || wg_nn_params(m, pattern) > 0 ||
           wg_fail(WG_ERROR_ARGUMENT, "%s: none of the model's %d parameters matches \"%s\"", what,
                   wg_nn_params(m, NULL), pattern);
}

int wg_nn_freeze(wg_nn *m, const char *pattern) {
    if (wg__pending() || !matches(m, pattern, "nn_freeze")) return -1;
    int n = wg_nn_params(m, pattern), made = 0;
    wg_tensor **constant = wg__alloc((size_t)n * sizeof(wg_tensor *));
    bool done = constant && make_constants(m, pattern, constant);
    wg_nn *node;
    for (int i = 0; done && (node = wg__nn_next(m, pattern, &i));)
        freeze(node, is_recorded(node) ? constant[made++] : NULL);
    wg__free(constant);
    return done ? n : -1;
}

int wg_nn_unfreeze(wg_nn *m, const char *pattern) {
    if (!matches(m, pattern, "nn_unfreeze")) return -1;
    int n = 0;
    wg_nn *node;
    for (int i = 0; (node = wg__nn_next(m, pattern, &i)); n++)
        node->frozen = false, node->param->leaf = true;
    return n;
}

bool wg_nn_is_frozen(const wg_nn *m, const char *path) {
    wg__key k;
    if (!m || !path || !wg__key_of(m, path, &k)) return false;
    const wg_nn *node = wg__nn_lookup(m, &k);
    return node && (node->tied ? node->tied : node)->frozen;
}
