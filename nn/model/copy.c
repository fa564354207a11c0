// SPDX-License-Identifier: MIT
/* copy.c: copying and averaging models. Both look at everything, make everything, and only then
   change anything. */
#include <math.h>
#include <string.h>

#include "nn/nn_impl.h"

/* One path of `from`, and what becomes of it in `to`. */
typedef struct move {
    const wg_nn *from;
    const char *name;  // below `from`, and below `to`
    const wg_nn *tie;  // in `from`: what it is tied to there, and shall be in `to`; NULL: no tie
    wg_nn *to;         // its node; NULL if there is none yet
    wg_tensor *made;   // what `to` lacks
} move;

typedef struct plan {
    wg_nn *to;
    const wg_nn *from;
    move *move;
    int moves;
    double decay;  // to = decay to + (1 - decay) from
} plan;

static const char *name_below(const wg_nn *node, const wg_nn *m) {
    return node->path + wg__path_length(m, 0);
}

static wg_nn *node_of(wg_nn *m, const char *name) {
    wg__key k;
    return wg__key_of(m, name, &k) ? wg__nn_lookup(m, &k) : NULL;
}

/* ---- looking --------------------------------------------------------------------------------- */

static const char *kind_of(const wg_nn *node) {
    return node->tied ? "a tie" : node->buffer ? "a buffer" : "a parameter";
}

static bool kinds_differ(const move *v) {
    return wg_fail(WG_ERROR_STATE, "\"%s\" is %s%s%s%s, and to be copied from %s", v->to->path,
                   kind_of(v->to), v->to->tied ? " to \"" : "",
                   v->to->tied ? v->to->tied->path : "", v->to->tied ? "\"" : "", kind_of(v->from));
}

static bool fits(const plan *p, const move *v) {
    if (v->tie) {
        const wg_nn *target = node_of(p->to, name_below(v->tie, p->from));
        return (v->to->tied && v->to->tied == target) || kinds_differ(v);
    }
    if (v->to->tied || (v->to->buffer != NULL) != (v->from->buffer != NULL)) return kinds_differ(v);
    const wg_view *view = &wg__nn_value(v->from)->view;
    return wg__nn_same_spec(v->to, view->dtype, &view->shape);
}

static bool look(plan *p) {
    const wg_nn *node;
    for (int i = 0; (node = wg__nn_next_saved(p->from, NULL, &i));) {
        const char *name = name_below(node, p->from);
        wg__key k;
        if (!wg__key_of(p->to, name, &k)) return wg__name_fail(p->to, name), false;
        move *v = &p->move[p->moves++];
        *v = (move){ .from = node, .name = name, .to = wg__nn_lookup(p->to, &k) };
        // A tie that leads out of `from` becomes a parameter of its own.
        if (node->tied && wg__nn_is_below(node->tied, p->from)) v->tie = node->tied;
        if (v->to && wg__nn_holds(v->to)) {
            if (!fits(p, v)) return false;
        } else if (p->to->model->sealed && !v->tie) {
            return wg__nn_sealed_fail(p->to, name, node->buffer ? "buffer" : "parameter");
        }
    }
    return true;
}

/* ---- making ---------------------------------------------------------------------------------- */

static bool make_one(wg_nn *to, move *v) {
    wg__key k;
    (void)wg__key_of(to, v->name, &k);
    v->to = wg__nn_find_or_make(to, &k);
    if (!v->to || v->tie) return v->to != NULL;
    const wg_view *view = &wg__nn_value(v->from)->view;
    v->made = wg__tensor_new_owned(view->dtype, view->shape);
    return v->made != NULL;
}

static bool make(plan *p) {
    int missing = 0;
    bool done = true;
    for (int i = 0; done && i < p->moves; i++) {
        if (p->move[i].to && wg__nn_holds(p->move[i].to)) continue;
        missing++;
        done = make_one(p->to, &p->move[i]);
    }
    if (done && wg__nn_reserve(p->to->model, missing)) return true;
    for (int i = 0; i < p->moves; i++) wg__tensor_free(p->move[i].made);
    return false;
}

/* ---- changing -------------------------------------------------------------------------------- */

static void copy(const wg_view *to, const wg_view *from) {
    if (to->data != from->data)  // a tie out of `from` may lead to where it is copied to
        memcpy(to->data, from->data, (size_t)wg__numel(&to->shape) * wg__size_of(to->dtype));
}

#define BLEND(name, real)                                                                          \
    static void name(int64_t n, void *to, const void *from, double decay) {                        \
        real *x = to;                                                                              \
        const real *y = from;                                                                      \
        for (int64_t k = 0; k < n; k++)                                                            \
            x[k] = (real)((double)x[k] + (1 - decay) * ((double)y[k] - (double)x[k]));             \
    }
BLEND(blend_f32, float)
BLEND(blend_f64, double)

static void blend(const wg_view *to, const wg_view *from, double decay) {
    static void (*const run[WG_F64 + 1])(int64_t, void *, const void *, double) = { blend_f32,
                                                                                    blend_f64 };
    run[to->dtype](wg__numel(&to->shape), to->data, from->data, decay);
}

static void change(const plan *p) {
    for (int i = 0; i < p->moves; i++) {
        const move *v = &p->move[i];
        if (v->tie) {
            if (!v->to->tied) wg__nn_adopt_tie(v->to, node_of(p->to, name_below(v->tie, p->from)));
            continue;
        }
        bool buffer = v->from->buffer != NULL;
        if (v->made) wg__nn_adopt(v->to, v->made, buffer);
        wg_tensor *to = wg__nn_value(v->to);
        const wg_view *from = &wg__nn_value(v->from)->view;
        if (v->made || buffer || p->decay == 0)
            copy(&to->view, from);
        else if (p->decay < 1)  // with 1, infinity in `from` would be NaN
            blend(&to->view, from, p->decay);
        wg__touch(to);
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int held_below(const wg_nn *m) {
    int count = 0;
    for (int i = 0; wg__nn_next_saved(m, NULL, &i);) count++;
    return count;
}

static bool transfer(const char *what, wg_nn *to, const wg_nn *from, double decay) {
    if (wg__pending()) return false;
    wg__where("");
    if (!to || !from) return wg_fail(WG_ERROR_ARGUMENT, "%s: %s is NULL", what, to ? "from" : "to");
    if (!(decay >= 0 && decay <= 1))
        return wg_fail(WG_ERROR_ARGUMENT, "%s: the decay %g is not in [0, 1]", what, decay);
    if (to == from) return true;
    if (to->model == from->model && (wg__nn_is_below(to, from) || wg__nn_is_below(from, to)))
        return wg_fail(WG_ERROR_ARGUMENT, "%s: one of \"%s\" and \"%s\" contains the other", what,
                       to->path, from->path);
    plan p = { .to = to, .from = from, .decay = decay };
    p.move = wg__alloc((size_t)held_below(from) * sizeof *p.move);
    bool done = p.move && look(&p) && make(&p);
    if (done) change(&p);
    wg__free(p.move);
    return done;
}

bool wg_nn_copy(wg_nn *to, const wg_nn *from) { return transfer("nn_copy", to, from, 0); }

bool wg_nn_average(wg_nn *to, const wg_nn *from, double decay) {
    return transfer("nn_average", to, from, decay);
}
