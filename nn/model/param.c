// SPDX-License-Identifier: MIT
/* param.c: parameters and buffers, made on first use. A parameter is a leaf that its node owns, a
   buffer a constant; a list keeps the order in which they were made. */
#include <string.h>

#include "nn/nn_impl.h"

/* ---- what can be wrong ----------------------------------------------------------------------- */

// Levenshtein's distance, one row at a time.
static int edits(const char *a, const char *b) {
    int row[WG__PATH_MAX + 1], n = (int)strlen(b);
    for (int j = 0; j <= n; j++) row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[n];
}

static const char *nearest(const wg__model *model, const char *path) {
    const char *best = NULL;
    int least = 0;
    for (int i = 0; i < model->entries; i++) {
        int d = edits(path, model->entry[i]->path);
        if (best && d >= least) continue;
        best = model->entry[i]->path;
        least = d;
    }
    return best;
}

bool wg__nn_sealed_fail(const wg_nn *m, const char *name, const char *kind) {
    char path[WG__PATH_MAX + 1];
    snprintf(path, sizeof path, "%s%s%s", m->path, m->length ? "/" : "", name);
    const char *hint = nearest(m->model, path);
    return wg_fail(WG_ERROR_STATE, "the model is sealed and has no %s \"%s\"%s%s%s", kind, path,
                   hint ? "; the nearest is \"" : "", hint ? hint : "", hint ? "\"" : "");
}

bool wg__nn_same_spec(const wg_nn *node, wg_dtype dtype, const wg_shape *shape) {
    const wg_view *v = &wg__nn_value(node)->view;
    if (v->dtype == dtype && wg__shape_equal(&v->shape, shape)) return true;
    char has[200], wanted[200];
    return wg_fail(
        v->dtype == dtype ? WG_ERROR_SHAPE : WG_ERROR_DTYPE,
        "the %s \"%s\"%s%s%s is %s %s, asked for as %s %s", node->buffer ? "buffer" : "parameter",
        node->path, node->tied ? ", tied to \"" : "", node->tied ? node->tied->path : "",
        node->tied ? "\"," : "", wg_dtype_name(v->dtype), wg_shape_text(v->shape, has, sizeof has),
        wg_dtype_name(dtype), wg_shape_text(*shape, wanted, sizeof wanted));
}

/* ---- making ---------------------------------------------------------------------------------- */

bool wg__nn_reserve(wg__model *model, int more) {
    int wanted = model->entries + more;
    if (wanted <= model->room) return true;
    int room = wanted < 2 * model->room ? 2 * model->room : wanted + 14;
    size_t size = sizeof *model->entry;
    wg_nn **entry = wg__resize(model->entry, (size_t)model->entries * size, (size_t)room * size);
    if (!entry) return false;
    model->entry = entry;
    model->room = room;
    return true;
}

void wg__nn_adopt(wg_nn *node, wg_tensor *w, bool as_buffer) {
    w->leaf = !as_buffer;
    *(as_buffer ? &node->buffer : &node->param) = w;
    node->model->entry[node->model->entries++] = node;
}

void wg__nn_adopt_tie(wg_nn *node, wg_nn *target) {
    node->tied = target;
    node->model->entry[node->model->entries++] = node;
}

/* What is asked for. */
typedef struct wanted {
    const char *kind;
    wg_dtype dtype;
    wg_shape shape;
    wg_init init;
    bool buffer;
} wanted;

// What a parameter starts from is no draw of a function that may run again and then finds it here.
static bool fill(wg_tensor *w, wg_init init, wg_random r) {
    wg__context *ctx = wg__ctx();
    wg__journal *journal = ctx->journal;
    ctx->journal = NULL;
    bool done = wg__init_fill(w, init, r);
    ctx->journal = journal;
    return done;
}

static wg_tensor *make(wg_nn *m, const wg__key *k, const wanted *s) {
    wg_tensor *w = wg__tensor_new_owned(s->dtype, s->shape);
    wg_nn *node = w ? wg__nn_find_or_make(m, k) : NULL;
    if (!node || !wg__nn_reserve(m->model, 1) ||
        !fill(w, s->init, (wg_random){ .seed = m->model->seed, .stream = node->stream })) {
        wg__tensor_free(w);
        return NULL;
    }
    wg__nn_adopt(node, w, s->buffer);
    return w;
}

static wg_tensor *again(const wg_nn *node, const wanted *s) {
    if ((node->buffer != NULL) != s->buffer)
        return WG__FAIL_NULL(WG_ERROR_STATE, "\"%s\" is a %s, asked for as a %s", node->path,
                             node->buffer ? "buffer" : "parameter", s->kind);
    return wg__nn_same_spec(node, s->dtype, &s->shape) ? wg__nn_value(node) : NULL;
}

static wg_tensor *find_or_make(wg_nn *m, const char *name, const wanted *s) {
    if (wg__pending()) return NULL;
    wg__where(m ? m->path : "");
    if (!m || !name)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "%s: %s is NULL",
                             s->buffer ? "nn_buffer" : "nn_param", m ? "the name" : "the model");
    wg__key k;
    if (!wg__key_of(m, name, &k)) return wg__name_fail(m, name);
    const wg_nn *node = wg__nn_lookup(m, &k);
    if (node && wg__nn_holds(node)) return again(node, s);
    if (m->model->sealed) return wg__nn_sealed_fail(m, name, s->kind), NULL;
    if (!s->buffer && !wg_dtype_is_float(s->dtype))
        return WG__FAIL_NULL(WG_ERROR_DTYPE, "the parameter \"%s\" cannot be %s, but f32 or f64",
                             name, wg_dtype_name(s->dtype));
    return make(m, &k, s);
}

wg_tensor *wg_nn_param(wg_nn *m, const char *name, wg_dtype dtype, wg_shape shape, wg_init init) {
    wanted s = { "parameter", dtype, shape, init, false };
    return find_or_make(m, name, &s);
}

wg_tensor *wg_nn_buffer(wg_nn *m, const char *name, wg_dtype dtype, wg_shape shape, wg_init init) {
    if (init.kind == WG_INIT_DEFAULT) init.kind = WG_INIT_ZEROS;
    wanted s = { "buffer", dtype, shape, init, true };
    return find_or_make(m, name, &s);
}
