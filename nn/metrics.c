// SPDX-License-Identifier: MIT
/* metrics.c: how good a model is. One loop evaluates a set in batches, each in a scope of its own, and hands
   classes and labels to a counter; the model's mode and the recording are put back however it ends. */
#include <math.h>

#include "nn/nn_impl.h"

enum { BATCH = 256 };

/* What to put back. */
typedef struct mode {
    bool training, recording;
} mode;

static mode evaluate(wg_nn *m) {
    return (mode){ .training = wg_nn_train(m, false), .recording = wg_recording(false) };
}
static void put_back(wg_nn *m, mode was) {
    wg_nn_train(m, was.training);
    wg_recording(was.recording);
}

static bool arguments_valid(const char *name, wg_nn *m, wg_net *net, const void *on) {
    if (wg__pending()) return false;
    if (m && net && on) return true;
    return wg_fail(WG_ERROR_ARGUMENT, "%s: %s is NULL", name,
                   !m     ? "the model"
                   : !net ? "the net"
                          : "the data");
}

/* Takes classes, dense i64, and labels of any integer dtype, as many; false after reporting. */
typedef bool counter(void *user, const wg_tensor *classes, const wg_tensor *labels);

static bool labels_valid(const wg_tensor *classes, const wg_tensor *labels) {
    wg_shape a = wg_shape_of(classes), b = wg_shape_of(labels);
    if (wg_dtype_is_float(wg_dtype_of(labels)))
        return wg_fail(WG_ERROR_DTYPE, "metrics: the labels are %s, wanted are integers",
                       wg_dtype_name(wg_dtype_of(labels)));
    if (wg__shape_equal(&a, &b)) return true;
    char has[200], wanted[200];
    return wg_fail(WG_ERROR_SHAPE, "metrics: the classes are %s for labels %s",
                   wg_shape_text(a, has, sizeof has), wg_shape_text(b, wanted, sizeof wanted));
}

// The classes that net gives to x (B, ...): dense i64, in the innermost scope.
static wg_tensor *classify(wg_nn *m, wg_net *net, wg_tensor *x) {
    return wg_contiguous(wg_argmax(net(m, x), -1, false));  // (B)
}

static bool evaluate_set(wg_nn *m, wg_net *net, wg_data *d, counter *count, void *user) {
    wg_data own = *d;  // with batches of its own: those of a pass under way stay as they are
    own.batch_x = own.batch_y = NULL;
    mode was = evaluate(m);
    wg_batch b = { .size = BATCH, .in_order = true };
    bool good = true;
    while (good && wg_data_next(&own, &b)) {
        wg_scope *scope = wg_scope_open();
        const wg_tensor *classes = classify(m, net, b.x);  // (B)
        good = classes && labels_valid(classes, b.y) && count(user, classes, b.y);
        wg_scope_close(scope);
    }
    put_back(m, was);
    wg__tensor_release_owned(own.batch_x);
    wg__tensor_release_owned(own.batch_y);
    return good && !wg__pending();
}

static int64_t label_at(const wg_tensor *labels, int64_t i) {
    return (int64_t)wg__load(labels->view.dtype, wg__at(&labels->view, i));
}

/* ---- accuracy -------------------------------------------------------------------------------------- */

typedef struct hits {
    int64_t right, all;
} hits;

static bool count_hits(void *user, const wg_tensor *classes, const wg_tensor *labels) {
    hits *h = user;
    const int64_t *class = classes->view.data;
    int64_t n = wg_numel(classes);
    for (int64_t i = 0; i < n; i++) h->right += class[i] == label_at(labels, i);
    h->all += n;
    return true;
}

double wg_nn_accuracy(wg_nn *m, wg_net *net, wg_data *d) {
    hits h = { 0 };
    if (!arguments_valid("accuracy", m, net, d) || !evaluate_set(m, net, d, count_hits, &h))
        return NAN;
    if (h.all == 0) wg_fail(WG_ERROR_ARGUMENT, "accuracy: the set is empty");
    return (double)h.right / (double)h.all;
}

/* ---- confusion ------------------------------------------------------------------------------------- */

static bool count_pairs(void *user, const wg_tensor *classes, const wg_tensor *labels) {
    wg_tensor *matrix = user;  // (C, C)
    const int64_t *class = classes->view.data;
    int64_t size = wg_dim(matrix, 0), *cell = matrix->view.data;
    for (int64_t i = 0, n = wg_numel(classes); i < n; i++) {
        int64_t label = label_at(labels, i);
        if (label < 0 || label >= size || class[i] >= size)
            return wg_fail(WG_ERROR_INDEX,
                           "confusion: label %lld taken for class %lld, of %lld classes",
                           (long long)label, (long long)class[i], (long long)size);
        cell[label * size + class[i]]++;
    }
    return true;
}

wg_tensor *wg_nn_confusion(wg_nn *m, wg_net *net, wg_data *d, int64_t classes) {
    if (!arguments_valid("confusion", m, net, d)) return NULL;
    if (classes < 1)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "confusion: %lld classes", (long long)classes);
    wg_tensor *matrix = wg_zeros(WG_I64, WG_SHAPE(classes, classes));  // (C, C)
    return matrix && evaluate_set(m, net, d, count_pairs, matrix) ? matrix : NULL;
}

/* ---- predictions ----------------------------------------------------------------------------------- */

// Writes the classes of x[start ... end) to y.
static bool predict_batch(wg_nn *m, wg_net *net, wg_tensor *x, wg_tensor *y, int64_t start) {
    int64_t left = wg_dim(x, 0) - start, count = left < BATCH ? left : BATCH;
    const wg_tensor *classes = classify(m, net, wg_slice(x, 0, start, start + count, 1));  // (B)
    if (!classes) return false;
    char text[200];
    if (wg_rank(classes) != 1 || wg_dim(classes, 0) != count)
        return wg_fail(WG_ERROR_SHAPE, "predict: the classes are %s for %lld samples",
                       wg_shape_text(wg_shape_of(classes), text, sizeof text), (long long)count);
    return wg_read(classes, (int64_t *)y->view.data + start, count);
}

wg_tensor *wg_nn_predict(wg_nn *m, wg_net *net, wg_tensor *x) {
    if (!arguments_valid("predict", m, net, x)) return NULL;
    if (wg_rank(x) < 1)
        return WG__FAIL_NULL(WG_ERROR_SHAPE, "predict: x is [], wanted is (B, ...)");
    wg_tensor *y = wg_zeros(WG_I64, WG_SHAPE(wg_dim(x, 0)));  // (B)
    mode was = evaluate(m);
    bool good = y != NULL;
    for (int64_t start = 0; good && start < wg_dim(x, 0); start += BATCH) {
        wg_scope *scope = wg_scope_open();
        good = predict_batch(m, net, x, y, start);
        wg_scope_close(scope);
    }
    put_back(m, was);
    return good ? y : NULL;
}
