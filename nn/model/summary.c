// SPDX-License-Identifier: MIT
/* summary.c: what a model is made of, as a table. The net runs on a sample, and the layers' own
   entries and exits tell what there is and what each returned. */
#include <string.h>

#include "nn/nn_impl.h"

/* ---- the run --------------------------------------------------------------------------------- */

static wg__note *note_of(wg__notes *notes, const wg_nn *layer) {
    for (int i = 0; i < notes->count; i++)
        if (notes->note[i].layer == layer) return &notes->note[i];
    return NULL;
}

void wg__note_entered(wg_nn *layer) {
    wg__notes *notes = layer->model->notes;
    if (note_of(notes, layer)) return;
    if (notes->count == notes->room) {
        size_t size = sizeof *notes->note;
        int room = notes->room ? 2 * notes->room : 64;
        wg__note *note = wg__resize(notes->note, (size_t)notes->count * size, (size_t)room * size);
        if (!note) return;
        notes->note = note;
        notes->room = room;
    }
    notes->note[notes->count++] = (wg__note){ .layer = layer };
}

void wg__note_left(wg_nn *layer, const wg_tensor *y) {
    wg__note *note = note_of(layer->model->notes, layer);
    if (!note || !y) return;
    note->left = true;
    note->dtype = wg_dtype_of(y), note->shape = wg_shape_of(y);
}

static bool run(wg_nn *m, wg_net *net, wg_tensor *x, wg__notes *notes) {
    wg_scope *scope = wg_scope_open();
    if (!scope) return false;
    wg__notes *outer = m->model->notes;  // of a summary of something around
    bool recording = wg_recording(false), training = wg_nn_train(m, false);
    m->model->notes = notes;
    const wg_tensor *y = net(m, x);
    if (!y && !wg__pending()) wg_fail(WG_ERROR_ARGUMENT, "nn_summary: the net returned NULL");
    m->model->notes = outer;
    wg_nn_train(m, training);
    wg_recording(recording);
    wg_scope_close(scope);
    return !wg__pending();
}

/* ---- rows ------------------------------------------------------------------------------------ */

typedef struct row {
    bool inner;  // of what a layer holds
    const char *path;
    char shape[220], trained[8], output[220];
    int64_t parameters;
} row;

typedef struct table {
    const wg_nn *m;
    const wg__notes *notes;
    int path, shape;  // widths
    wg__bounded text;
} table;

typedef void emit(table *t, const row *r);

static void spec_text(char *text, size_t size, wg_dtype dtype, wg_shape shape) {
    char dims[200];
    snprintf(text, size, "%s %s", wg_dtype_name(dtype), wg_shape_text(shape, dims, sizeof dims));
}

// 100% is all of it and 0% none, never nearly so; nothing of nothing is no share.
static void share_text(char *text, size_t size, int64_t part, int64_t whole) {
    if (whole == 0) return;
    double share = 100 * (double)part / (double)whole;
    if (share > 99 && part < whole) share = 99;
    if (share < 1 && part > 0) share = 1;
    snprintf(text, size, "%.0f%%", share);
}

static void emit_layer(table *t, const wg__note *note, emit *out) {
    row r = { .path = note->layer->path };
    const wg_nn *node;
    int64_t trained = 0;
    for (int i = 0; (node = wg__nn_next(note->layer, NULL, &i));) {
        r.parameters += wg_numel(node->param);
        trained += node->frozen ? 0 : wg_numel(node->param);
    }
    share_text(r.trained, sizeof r.trained, trained, r.parameters);
    if (note->left) spec_text(r.output, sizeof r.output, note->dtype, note->shape);
    out(t, &r);
}

static void emit_held(table *t, const wg_nn *node, bool inner, emit *out) {
    const wg_view *v = &wg__nn_value(node)->view;
    row r = { .inner = inner, .path = node->path };
    spec_text(r.shape, sizeof r.shape, v->dtype, v->shape);
    if (node->param) {
        r.parameters = wg__numel(&v->shape);
        share_text(r.trained, sizeof r.trained, node->frozen ? 0 : r.parameters, r.parameters);
    } else if (node->tied) {
        snprintf(r.output, sizeof r.output, "tied to %s", node->tied->path);
    } else {
        snprintf(r.output, sizeof r.output, "buffer");
    }
    out(t, &r);
}

// The innermost layer that the node is below; NULL if none that was entered.
static const wg_nn *layer_of(const wg__notes *notes, const wg_nn *node) {
    const wg_nn *best = NULL;
    for (int i = 0; i < notes->count; i++) {
        const wg_nn *layer = notes->note[i].layer;
        if (wg__nn_is_below(node, layer) && (!best || layer->length > best->length)) best = layer;
    }
    return best;
}

static void each_held(table *t, const wg_nn *layer, emit *out) {
    const wg_nn *node;
    for (int i = 0; (node = wg__nn_next_saved(layer ? layer : t->m, NULL, &i));)
        if (layer_of(t->notes, node) == layer) emit_held(t, node, layer != NULL, out);
}

// Layers in the order in which they ran, each with what it holds, then what no layer holds.
static void each_row(table *t, emit *out) {
    for (int i = 0; i < t->notes->count; i++) {
        emit_layer(t, &t->notes->note[i], out);
        each_held(t, t->notes->note[i].layer, out);
    }
    each_held(t, NULL, out);
}

/* ---- the table ------------------------------------------------------------------------------- */

static void measure(table *t, const row *r) {
    int path = (int)strlen(r->path) + 2 * r->inner, shape = (int)strlen(r->shape);
    if (path > t->path) t->path = path;
    if (shape > t->shape) t->shape = shape;
}

static void print(table *t, const row *r) {
    int path = t->path - 2 * r->inner;
    wg__bounded_add(&t->text, "%s%-*s  %-*s  %10lld", r->inner ? "  " : "", path, r->path, t->shape,
                    r->shape, (long long)r->parameters);
    if (r->trained[0] || r->output[0]) wg__bounded_add(&t->text, "  %7s", r->trained);
    if (r->output[0]) wg__bounded_add(&t->text, "  %s", r->output);
    wg__bounded_add(&t->text, "\n");
}

static void print_totals(table *t) {
    int64_t count = 0, frozen = 0;
    size_t bytes = 0, buffers = 0;
    const wg_nn *node;
    for (int i = 0; (node = wg__nn_next_saved(t->m, NULL, &i));) {
        const wg_tensor *w = wg__nn_value(node);
        size_t size = (size_t)wg_numel(w) * wg_dtype_size(wg_dtype_of(w));
        if (node->buffer) buffers += size;
        if (!node->param) continue;
        count += wg_numel(w), bytes += size;
        frozen += node->frozen ? wg_numel(w) : 0;
    }
    wg__bounded_add(&t->text,
                    "%lld parameters, %lld of them frozen: %zu bytes; buffers: %zu bytes\n",
                    (long long)count, (long long)frozen, bytes, buffers);
}

size_t wg_nn_summary(wg_nn *m, wg_net *net, wg_tensor *x, char *text, size_t size) {
    wg__notes notes = { 0 };
    table t = { .m = m, .notes = &notes, .path = 4, .shape = 5 };
    if (!wg__bounded_begin(&t.text, "nn_summary", text, size) || wg__pending()) return 0;
    wg__where("");
    if (!m || (net && !x)) {
        wg_fail(WG_ERROR_ARGUMENT, "nn_summary: the %s is NULL", m ? "sample" : "model");
        return 0;
    }
    if (!net || run(m, net, x, &notes)) {
        each_row(&t, measure);
        wg__bounded_add(&t.text, "%-*s  %-*s  parameters  trained  output\n", t.path, "path",
                        t.shape, "shape");
        each_row(&t, print);
        print_totals(&t);
    }
    wg__free(notes.note);
    return t.text.length;
}
