// SPDX-License-Identifier: MIT
/* embedding.c: rows of a table by number. The padding row is set to zero when the table is made,
   and stays so, having no gradient. */
#include <string.h>

#include "nn/layers/layer_impl.h"

typedef struct table {
    int64_t count, width;
} table;

static bool index_valid(const wg_tensor *index) {
    if (!index) return wg_fail(WG_ERROR_ARGUMENT, "nn_embedding: the index is NULL");
    wg_dtype dtype = wg_dtype_of(index);
    return (!wg_dtype_is_float(dtype) && dtype != WG_BOOL) ||
           wg_fail(WG_ERROR_DTYPE, "nn_embedding: the index is %s, wanted is i64, i32 or u8",
                   wg_dtype_name(dtype));
}

static bool options_valid(table t, const wg_embedding_layer_options *o) {
    if (t.count < 1 || t.width < 1)
        return wg_fail(WG_ERROR_ARGUMENT, "nn_embedding: %lld rows of width %lld",
                       (long long)t.count, (long long)t.width);
    return !o->padding || (o->padding_index >= -t.count && o->padding_index < t.count) ||
           wg_fail(WG_ERROR_INDEX, "nn_embedding: padding_index %lld is out of range for %lld rows",
                   (long long)o->padding_index, (long long)t.count);
}

static void clear_row(wg_tensor *w, int64_t row) {
    const wg_view *v = &w->view;
    size_t bytes = (size_t)v->shape.dim[1] * wg__size_of(v->dtype);
    if (row < 0) row += v->shape.dim[0];
    memset((char *)v->data + (size_t)row * bytes, 0, bytes);
    wg__touch(w);
}

// (count, width)
static wg_tensor *table_of(wg_nn *layer, table t, const wg_embedding_layer_options *o) {
    static const wg_init normal = { .kind = WG_INIT_NORMAL, .a = 0, .b = 1 };
    bool is_new = !wg_nn_find(layer, "w");
    wg_tensor *w =
        wg_nn_param(layer, "w", o->dtype, WG_SHAPE(t.count, t.width), wg__init_or(o->w, normal));
    if (w && is_new && o->padding) clear_row(w, o->padding_index);
    return w;
}

wg_tensor *wg_nn_embedding_with(wg_nn *m, const char *name, wg_tensor *index, int64_t count,
                                int64_t width, wg_embedding_layer_options o) {
    wg_nn *layer = wg_nn_enter(m, name, "nn_embedding");
    if (!layer) return NULL;
    const table t = { count, width };
    wg_tensor *w = NULL, *y = NULL;
    if (index_valid(index) && options_valid(t, &o)) w = table_of(layer, t, &o);
    if (w) {
        if (wg_dtype_of(index) == WG_U8) index = wg_cast(index, WG_I64);
        wg_embedding_options padding = { .padding = o.padding, .padding_index = o.padding_index };
        y = wg_embedding_with(w, index, padding);  // (..., width)
    }
    return wg_nn_leave(m, layer, y);
}

wg_tensor *wg_nn_embedding(wg_nn *m, const char *name, wg_tensor *index, int64_t count,
                           int64_t width) {
    return wg_nn_embedding_with(m, name, index, count, width, (wg_embedding_layer_options){ 0 });
}
