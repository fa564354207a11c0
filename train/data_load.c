// SPDX-License-Identifier: MIT
/* data_load.c: data sets from files. What the readers return is cut into samples and labels here.
   What is wrong with a file is reported in the file's name, as the readers do. */
#include <math.h>
#include <string.h>

#include "train/train_impl.h"

/* ---- CSV ------------------------------------------------------------------------------------- */

/* Below these a whole number is what the file said; from there on it may have been rounded. */
static const double exact[WG_F64 + 1] = { [WG_F32] = 0x1p24, [WG_F64] = 0x1p53 };

// False where row `row` of a table does not name a class.
static bool read_label(const wg_tensor *table, int64_t row, int64_t column, int64_t *label) {
    const wg_view *v = &table->view;
    int64_t offset = row * wg_dim(table, 1) + column;
    *label = 0;
    if (wg_dtype_is_float(v->dtype)) {
        double value = wg__load(v->dtype, wg__at(v, offset));
        if (!(value >= 0 && value < exact[v->dtype] && value == floor(value))) return false;
    }
    *label = wg__integer(v, offset);
    return *label >= 0;
}

static void *label_fail(const char *path, const wg_tensor *table, int64_t row, int64_t column) {
    wg_dtype dtype = wg_dtype_of(table);
    double label = wg_at(table, (int64_t[]){ row, column });
    if (wg_dtype_is_float(dtype) && label >= exact[dtype])
        return WG__FAIL_NULL(WG_ERROR_FORMAT,
                             "%s: row %lld has the label %.17g; read as %s labels are exact below "
                             "%.0f, csv.dtype chooses another",
                             path, (long long)row + 1, label, wg_dtype_name(dtype), exact[dtype]);
    return WG__FAIL_NULL(WG_ERROR_FORMAT,
                         "%s: row %lld has the label %g, wanted is a whole number from 0 on", path,
                         (long long)row + 1, label);
}

// The labels of a table (N, C) as (N) i64.
static wg_tensor *labels_of(const char *path, const wg_tensor *table, int64_t column) {
    int64_t n = wg_dim(table, 0);
    wg_tensor *y = wg__tensor_new_owned(WG_I64, WG_SHAPE(n));  // (N)
    for (int64_t i = 0; y && i < n; i++) {
        if (read_label(table, i, column, (int64_t *)y->view.data + i)) continue;
        wg__tensor_free(y);
        return label_fail(path, table, i, column);
    }
    return y;
}

// A table (N, C) without one of its columns.
static wg_tensor *samples_of(const wg_tensor *table, int64_t column) {
    int64_t n = wg_dim(table, 0), columns = wg_dim(table, 1);
    wg_tensor *x = wg__tensor_new_owned(table->view.dtype, WG_SHAPE(n, columns - 1));  // (N, C - 1)
    if (!x) return NULL;
    size_t size = wg__size_of(table->view.dtype);
    size_t before = (size_t)column * size, after = (size_t)(columns - 1 - column) * size;
    const char *from = table->view.data;
    char *to = x->view.data;
    for (int64_t i = 0; i < n; i++) {
        memcpy(to, from, before);
        memcpy(to + before, from + before + size, after);
        to += before + after, from += before + after + size;
    }
    return x;
}

// Columns start ... end of a table, on its storage.
static wg_tensor *columns_handle(wg_tensor *table, int64_t start, int64_t end) {
    const wg_tensor *part = wg_slice(table, 1, start, end, 1);  // (N, end - start)
    return part ? wg__data_handle(part) : NULL;
}

static wg_data *targets_of_table(const char *path, wg_tensor *table, wg_data_options o) {
    int64_t columns = wg_dim(table, 1);
    if (o.targets < 0 || o.targets >= columns || o.label_column != 0)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT,
                             "data_csv: %d targets and label column %d of the %lld columns in %s; "
                             "wanted is one of both, and an input left",
                             o.targets, o.label_column, (long long)columns, path);
    wg_tensor *y = columns_handle(table, columns - o.targets, columns);
    return wg__data_take(y ? columns_handle(table, 0, columns - o.targets) : NULL, y, o,
                         "data_csv");
}

static wg_data *data_of_table(const char *path, wg_tensor *table, wg_data_options o) {
    int64_t columns = wg_dim(table, 1);
    if (o.targets != 0) return targets_of_table(path, table, o);
    if (columns < 2)
        return WG__FAIL_NULL(WG_ERROR_FORMAT, "%s: %lld columns, wanted are samples and a label",
                             path, (long long)columns);
    if (o.label_column < 0 || o.label_column > columns)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "data_csv: label column %d of %lld in %s",
                             o.label_column, (long long)columns, path);
    int64_t column = o.label_column == 0 ? columns - 1 : o.label_column - 1;
    wg_tensor *y = labels_of(path, table, column);
    return wg__data_take(y ? samples_of(table, column) : NULL, y, o, "data_csv");
}

wg_data *wg_data_csv(const char *path, wg_data_options o) {
    if (wg__pending()) return NULL;
    wg__where("");
    if (!path) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "data_csv: the path is NULL");
    wg_scope *scope = wg_scope_open();
    wg_tensor *table = wg_io_load_csv(path, o.csv);  // (N, C)
    wg_data *d = table ? data_of_table(path, table, o) : NULL;
    wg_scope_close(scope);
    return d;
}

/* ---- IDX ------------------------------------------------------------------------------------- */

// (N, ...) as (N, M), on the same storage.
static wg_tensor *flat_handle(const wg_tensor *x) {
    wg_tensor *flat = wg__data_handle(x);
    if (!flat) return NULL;
    int64_t n = wg_dim(x, 0), m = 1;
    for (int i = 1; i < wg_rank(x); i++) m *= wg_dim(x, i);
    flat->view.shape = WG_SHAPE(n, m);
    wg__contiguous_strides(&flat->view);
    return flat;
}

static wg_tensor *i64_of(const wg_tensor *labels) {
    wg_tensor *y = wg__tensor_new_owned(WG_I64, labels->view.shape);  // (N)
    if (!y || wg_copy(y, labels)) return y;
    wg__tensor_free(y);
    return NULL;
}

static bool pair_valid(const wg_tensor *x, const char *images, const wg_tensor *y,
                       const char *labels) {
    char text[200];
    if (wg_rank(x) < 2)
        return wg_fail(WG_ERROR_FORMAT, "%s: %s, wanted are images (N, rows, columns)", images,
                       wg_shape_text(wg_shape_of(x), text, sizeof text));
    if (wg_rank(y) != 1 || wg_dtype_is_float(wg_dtype_of(y)))
        return wg_fail(WG_ERROR_FORMAT, "%s: %s %s, wanted are labels (N), integers", labels,
                       wg_dtype_name(wg_dtype_of(y)),
                       wg_shape_text(wg_shape_of(y), text, sizeof text));
    if (wg_dim(x, 0) == wg_dim(y, 0)) return true;
    return wg_fail(WG_ERROR_FORMAT, "%s has %lld images and %s %lld labels", images,
                   (long long)wg_dim(x, 0), labels, (long long)wg_dim(y, 0));
}

wg_data *wg_data_idx(const char *images, const char *labels, wg_data_options o) {
    if (wg__pending()) return NULL;
    wg__where("");
    if (!images || !labels)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "data_idx: the path of the %s is NULL",
                             images ? "labels" : "images");
    wg_scope *scope = wg_scope_open();
    const wg_tensor *x = wg_io_load_idx(images);             // (N, rows, columns)
    const wg_tensor *y = x ? wg_io_load_idx(labels) : NULL;  // (N)
    wg_data *d = NULL;
    if (y && pair_valid(x, images, y, labels))
        d = wg__data_take(flat_handle(x), i64_of(y), o, "data_idx");
    wg_scope_close(scope);
    return d;
}

/* ---- npy ------------------------------------------------------------------------------------- */

static bool npy_pair_valid(const wg_tensor *x, const char *x_path, const wg_tensor *y,
                           const char *y_path) {
    if (wg_rank(x) < 1 || wg_rank(y) < 1)
        return wg_fail(WG_ERROR_FORMAT, "%s holds one number, wanted is (N, ...)",
                       wg_rank(x) < 1 ? x_path : y_path);
    if (wg_dim(x, 0) == wg_dim(y, 0)) return true;
    return wg_fail(WG_ERROR_FORMAT, "%s has %lld samples and %s %lld labels", x_path,
                   (long long)wg_dim(x, 0), y_path, (long long)wg_dim(y, 0));
}

// Class labels as (N) i64, none negative; anything else as it is.
static wg_tensor *npy_labels(const char *path, const wg_tensor *y) {
    if (wg_rank(y) != 1 || wg_dtype_is_float(wg_dtype_of(y))) return wg__data_handle(y);
    for (int64_t i = 0, n = wg_numel(y); i < n; i++) {
        int64_t label = wg__integer(&y->view, i * y->view.stride[0]);
        if (label < 0)
            return WG__FAIL_NULL(WG_ERROR_FORMAT,
                                 "%s: label %lld is %lld, wanted is a class from 0 on", path,
                                 (long long)i, (long long)label);
    }
    return i64_of(y);
}

wg_data *wg_data_npy(const char *x_path, const char *y_path, wg_data_options o) {
    if (wg__pending()) return NULL;
    wg__where("");
    if (!x_path || !y_path)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "data_npy: the path of %s is NULL",
                             x_path ? "y" : "x");
    wg_scope *scope = wg_scope_open();
    const wg_tensor *x = wg_io_load_npy(x_path);             // (N, ...)
    const wg_tensor *y = x ? wg_io_load_npy(y_path) : NULL;  // (N, ...)
    wg_data *d = NULL;
    if (y && npy_pair_valid(x, x_path, y, y_path)) {
        wg_tensor *labels = npy_labels(y_path, y);
        d = wg__data_take(labels ? wg__data_handle(x) : NULL, labels, o, "data_npy");
    }
    wg_scope_close(scope);
    return d;
}
