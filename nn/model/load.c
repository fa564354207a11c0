// SPDX-License-Identifier: MIT
/* load.c: a file into a model. It looks at everything and notes what does not fit, makes
   everything, and only then changes anything. */
#include <stdlib.h>
#include <string.h>

#include "io/io.h"
#include "nn/nn_impl.h"

/* ---- what does not fit ----------------------------------------------------------------------- */

/* "a/w f32 [2], b/w f32 [3], ...": as much as there is room for. */
typedef struct complaint {
    char text[240];
    size_t used;
    int count;
    bool full;
} complaint;

static void complain(complaint *c, const char *words) {
    size_t room = sizeof c->text - c->used;
    c->count++;
    if (c->full) return;
    c->full = strlen(words) + sizeof ", , ..." > room;
    c->used += (size_t)snprintf(c->text + c->used, room, "%s%s", c->used ? ", " : "",
                                c->full ? "..." : words);
}

enum { MISSING, UNEXPECTED, MISFIT, COMPLAINTS };

static bool report(const char *file, const complaint c[COMPLAINTS]) {
    static const char *const what[] = { "missing", "unexpected", "of another shape, dtype or tie" };
    char text[3 * (sizeof c->text + 60)] = "";
    size_t used = 0;
    for (int i = 0; i < COMPLAINTS; i++)
        if (c[i].count)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%d %s: %s",
                                     used ? "; " : "", c[i].count, what[i], c[i].text);
    return used == 0 ||
           wg_fail(WG_ERROR_ARGUMENT, "nn_load: %.150s does not fit the model: %s", file, text);
}

/* ---- the plan -------------------------------------------------------------------------------- */

/* One path, and what the file has for it. */
typedef struct move {
    wg_nn *node;
    const wg_tensor *from;  // NULL: a tie
    wg_nn *tie;             // to be tied to this one; NULL: not
    wg_tensor *made;        // what the node lacks
    bool buffer;
} move;

typedef struct loading {
    wg_nn *m;
    const wg_nn_file_options *o;
    const char *file;
    wg_archive a;                   // texts by name
    const wg_named_tensor **named;  // its tensors by name
    bool fresh;                     // m holds nothing: all is made
    move *move;
    int moves;
    complaint not_fit[COMPLAINTS];
} loading;

static void describe(char *text, size_t size, const char *path, const wg_view *v) {
    char shape[200];
    snprintf(text, size, "%s %s %s", path, wg_dtype_name(v->dtype),
             wg_shape_text(v->shape, shape, sizeof shape));
}

// The path by the caller's rename, which is not trusted to end what it writes.
static bool renamed(const loading *l, const char *name, char path[WG__PATH_MAX + 2]) {
    memset(path, 0, WG__PATH_MAX + 2);
    if (!l->o->rename(l->o->user, name, path, WG__PATH_MAX + 2)) return false;
    return memchr(path, 0, WG__PATH_MAX + 2) ||
           wg_fail(WG_ERROR_ARGUMENT,
                   "%s: rename gave \"%s\" a path without a closing 0 in %d bytes", l->file, name,
                   WG__PATH_MAX + 2);
}

/* The path for a name in the file; false if it is none of ours, or after reporting. */
static bool path_of(const loading *l, const char *name, char path[WG__PATH_MAX + 2]) {
    size_t n = l->o->prefix ? strlen(l->o->prefix) : 0;
    if (n && strncmp(name, l->o->prefix, n) != 0) return false;
    if (l->o->rename) return renamed(l, name + n, path);
    snprintf(path, WG__PATH_MAX + 2, "%s", name + n);  // one byte more than fits: refused as a key
    return true;
}

static wg_nn *node_at(const loading *l, const char *path, bool make) {
    wg__key k;
    if (!wg__key_of(l->m, path, &k)) return NULL;
    return make ? wg__nn_find_or_make(l->m, &k) : wg__nn_lookup(l->m, &k);
}

static int by_name(const void *a, const void *b) {
    const wg_named_tensor *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}
static int by_text_name(const void *a, const void *b) {
    return strcmp(((const wg_named_text *)a)->name, ((const wg_named_text *)b)->name);
}

static const wg_named_tensor *tensor_of(const loading *l, const char *name) {
    const wg_named_tensor key = { name, NULL }, *at = &key;
    if (!l->a.tensors) return NULL;
    const wg_named_tensor **found =
        bsearch(&at, l->named, (size_t)l->a.tensors, sizeof at, by_name);
    return found ? *found : NULL;
}

static bool is_marked_buffer(const loading *l, const char *name) {
    const wg_named_text key = { name, NULL }, *found = NULL;
    if (l->a.texts) found = bsearch(&key, l->a.text, (size_t)l->a.texts, sizeof key, by_text_name);
    return found && strcmp(found->text, "buffer") == 0;
}

/* ---- looking at the file --------------------------------------------------------------------- */

static void note_misfit(loading *l, const wg_nn *node, const wg_view *have) {
    char shape[200], words[WG__PATH_MAX + 480];
    const wg_view *v = &wg__nn_value(node)->view;
    describe(words, sizeof words, node->path, have);
    size_t n = strlen(words);
    snprintf(words + n, sizeof words - n, " (the model: %s %s)", wg_dtype_name(v->dtype),
             wg_shape_text(v->shape, shape, sizeof shape));
    complain(&l->not_fit[MISFIT], words);
}

// `name` may be that of a tie, and t what it is tied to.
static bool look_at_tensor(loading *l, const char *name, const wg_named_tensor *t) {
    char path[WG__PATH_MAX + 2];
    if (!path_of(l, name, path)) return !wg__pending();
    wg_nn *node = node_at(l, path, l->fresh);
    if (!node && wg__pending()) return false;
    if (node && node->tied) node = node->tied;
    if (!node || (!l->fresh && !wg__nn_holds(node))) {
        if (!l->o->partial || l->fresh) complain(&l->not_fit[UNEXPECTED], name);
        return true;
    }
    const wg_view *v = &t->value->view, *own = l->fresh ? v : &wg__nn_value(node)->view;
    if (own->dtype != v->dtype || !wg__shape_equal(&own->shape, &v->shape)) note_misfit(l, node, v);
    bool buffer = !wg_dtype_is_float(v->dtype) || is_marked_buffer(l, name);
    l->move[l->moves++] = (move){ .node = node, .from = t->value, .buffer = buffer };
    return true;
}

/* Text "NAME": "OTHER" is a tie if OTHER is a tensor that can be a parameter, and NAME is none. */
static const wg_named_tensor *tied_to(const loading *l, const wg_named_text *t) {
    const wg_named_tensor *to = tensor_of(l, t->name) ? NULL : tensor_of(l, t->text);
    return to && wg_dtype_is_float(wg_dtype_of(to->value)) && !is_marked_buffer(l, t->text) ? to
                                                                                            : NULL;
}

static bool look_at_text(loading *l, const wg_named_text *t) {
    char path[WG__PATH_MAX + 2], other[WG__PATH_MAX + 2];
    const wg_named_tensor *to = tied_to(l, t);
    if (!to || !path_of(l, t->name, path) || !path_of(l, t->text, other)) return !wg__pending();
    wg_nn *node = node_at(l, path, l->fresh), *target = node_at(l, other, false);
    if (!node || !target) return !wg__pending();
    if (l->fresh)
        l->move[l->moves++] = (move){ .node = node, .tie = target };
    else if (node->tied && node->tied != target && node->tied != target->tied)
        complain(&l->not_fit[MISFIT], node->path);
    else if (!node->tied && target->tied != node)  // two parameters here: both get the value
        return look_at_tensor(l, t->name, to);
    return true;
}

/* ---- looking at the model -------------------------------------------------------------------- */

static int by_node(const void *a, const void *b) {
    uintptr_t x = (uintptr_t) * (wg_nn *const *)a, y = (uintptr_t) * (wg_nn *const *)b;
    return (x > y) - (x < y);
}

/* Whether each node is named once, and all that the model holds is. */
static void look_at_model(loading *l, wg_nn **named) {
    for (int i = 0; i < l->moves; i++) named[i] = l->move[i].node;
    if (l->moves) qsort(named, (size_t)l->moves, sizeof *named, by_node);
    for (int i = 1; i < l->moves; i++)
        if (named[i] == named[i - 1]) complain(&l->not_fit[UNEXPECTED], named[i]->path);
    wg_nn *node;
    for (int i = 0; !l->o->partial && (node = wg__nn_next_saved(l->m, NULL, &i));) {
        char words[WG__PATH_MAX + 240];
        if (node->tied ||
            (l->moves && bsearch(&node, named, (size_t)l->moves, sizeof node, by_node)))
            continue;
        describe(words, sizeof words, node->path, &wg__nn_value(node)->view);
        complain(&l->not_fit[MISSING], words);
    }
}

// Where not one is taken, prefix or rename do not fit, or it is another model's file.
static bool takes_any(const loading *l) {
    if (l->moves || !l->a.tensors || !(l->o->prefix || l->o->rename || l->o->partial)) return true;
    const char *prefix = l->o->prefix ? l->o->prefix : "";
    return wg_fail(WG_ERROR_FORMAT,
                   "%s: none of its %d tensors is one of the model's%s%s%s; the first is \"%s\"",
                   l->file, l->a.tensors, *prefix ? " after the prefix \"" : "", prefix,
                   *prefix ? "\"" : "", l->a.tensor[0].name);
}

static bool look(loading *l) {
    bool done = true;
    for (int i = 0; i < l->a.tensors; i++) l->named[i] = &l->a.tensor[i];
    if (l->a.tensors) qsort(l->named, (size_t)l->a.tensors, sizeof *l->named, by_name);
    for (int i = 0; done && i < l->a.tensors; i++)
        done = look_at_tensor(l, l->a.tensor[i].name, &l->a.tensor[i]);
    for (int i = 0; done && i < l->a.texts; i++) done = look_at_text(l, &l->a.text[i]);
    done = done && takes_any(l);
    wg_nn **node = done ? wg__alloc(((size_t)l->moves + 1) * sizeof *node) : NULL;
    if (!node) return false;
    look_at_model(l, node);
    wg__free(node);
    return report(l->file, l->not_fit);
}

/* ---- making and changing --------------------------------------------------------------------- */

static bool make(loading *l) {
    bool done = wg__nn_reserve(l->m->model, l->fresh ? l->moves : 0);
    for (int i = 0; done && l->fresh && i < l->moves; i++) {
        move *v = &l->move[i];
        if (v->tie) continue;
        v->made = wg__tensor_new_owned(v->from->view.dtype, v->from->view.shape);
        done = v->made != NULL;
    }
    for (int i = 0; !done && i < l->moves; i++) wg__tensor_free(l->move[i].made);
    return done;
}

static void change(const loading *l) {
    for (int i = 0; i < l->moves; i++) {
        const move *v = &l->move[i];
        if (v->tie) {
            wg__nn_adopt_tie(v->node, v->tie);
            continue;
        }
        if (v->made) wg__nn_adopt(v->node, v->made, v->buffer);
        wg_tensor *to = wg__nn_value(v->node);
        size_t bytes = (size_t)wg_numel(to) * wg__size_of(to->view.dtype);
        if (bytes) memcpy(to->view.data, v->from->view.data, bytes);
        wg__touch(to);
    }
}

static bool load(loading *l) {
    if (!wg_io_load_safetensors(l->file, &l->a)) return false;
    size_t tensors = (size_t)l->a.tensors + 1, texts = (size_t)l->a.texts;
    int at = 0;
    l->fresh = !wg__nn_next_saved(l->m, NULL, &at) && !l->m->model->sealed;
    l->named = wg__alloc(tensors * sizeof *l->named);
    l->move = l->named ? wg__alloc_zero((tensors + texts) * sizeof *l->move) : NULL;
    bool done = l->move && look(l) && make(l);
    if (done) change(l);
    wg__free(l->move);
    wg__free(l->named);
    return done;
}

bool wg_nn_load_with(wg_nn *m, const char *path, wg_nn_file_options o) {
    if (wg__pending()) return false;
    wg__where(m ? m->path : "");
    if (!m || !path)
        return wg_fail(WG_ERROR_ARGUMENT, "nn_load: %s is NULL", m ? "the path" : "the model");
    wg_scope *scope = wg_scope_open();  // for what is read
    if (!scope) return false;
    loading l = { .m = m, .o = &o, .file = path };
    bool done = load(&l);
    wg_scope_close(scope);
    return done;
}

bool wg_nn_load(wg_nn *m, const char *path) {
    return wg_nn_load_with(m, path, (wg_nn_file_options){ .prefix = NULL });
}
