// SPDX-License-Identifier: MIT
/* evaluate.c: how good a model is. One loop evaluates a set in batches, each in a scope of its own,
   and shows them to a visitor; the model's mode and the recording are put back however it ends. */
#include <math.h>

#include "train/train_impl.h"

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

static bool complete(const char *name, const char *missing) {
    if (wg__pending()) return false;
    wg__where("");
    return !missing || wg_fail(WG_ERROR_ARGUMENT, "%s: the %s is NULL", name, missing);
}
static bool arguments_valid(const char *name, const wg_nn *m, wg_net *net, const void *on) {
    return complete(name, !m ? "model" : !net ? "net" : !on ? "data" : NULL);
}

static bool are_numbers(wg_tensor *logits) {
    wg_tensor *strange = wg_any(wg_ne(logits, logits));  // ()
    return strange && (wg_item(strange) == 0 ||
                       wg_fail(WG_ERROR_NUMERIC, "nn_predict: a score that the net gives is nan"));
}

// The classes that net gives to x (B, ...): dense i64, in the innermost scope.
static wg_tensor *classify(wg_nn *m, wg_net *net, wg_tensor *x) {
    wg_tensor *logits = net(m, x);  // (B, C)
    wg__where("");
    if (logits && !are_numbers(logits)) return NULL;
    if (wg_rank(logits) > 1 && wg_dim(logits, -1) == 1)  // one logit: class 1 where it is positive
        return wg_cast(wg_gt(wg_select(logits, -1, 0), wg_num(0)), WG_I64);  // (B)
    return wg_contiguous(wg_argmax(logits, -1, false));                      // (B)
}

/* Looks at a batch; false after reporting. */
typedef bool visitor(void *user, wg_nn *m, const wg_batch *b);

static bool evaluate_set(wg_nn *m, wg_data *d, visitor *visit, void *user) {
    wg_data own = *d;  // with batches of its own: those of a pass under way stay as they are
    own.batch_x = own.batch_y = NULL;
    mode was = evaluate(m);
    wg_batch b = { .size = BATCH, .in_order = true };
    bool good = true;
    while (good && wg_data_next(&own, &b)) {
        wg_scope *scope = wg_scope_open();
        good = visit(user, m, &b);
        wg_scope_close(scope);
    }
    put_back(m, was);
    wg__where("");
    wg__tensor_release_owned(own.batch_x);
    wg__tensor_release_owned(own.batch_y);
    return good && !wg__pending();
}

/* ---- loss ------------------------------------------------------------------------------------ */

typedef struct costs {
    wg_cost *cost;
    double sum;  // over samples
    int64_t all;
} costs;

static bool add_cost(void *user, wg_nn *m, const wg_batch *b) {
    costs *c = user;
    const wg_tensor *cost = c->cost(m, b->x, b->y);  // ()
    wg__where("");
    if (!cost) return wg_fail(WG_ERROR_ARGUMENT, "nn_loss: the cost returned NULL");
    char text[200];
    if (wg_numel(cost) != 1)
        return wg_fail(WG_ERROR_SHAPE, "nn_loss: the cost is %s, wanted is one number",
                       wg_shape_text(wg_shape_of(cost), text, sizeof text));
    int64_t n = wg_dim(b->x, 0);
    c->sum += wg_item(cost) * (double)n;
    c->all += n;
    return true;
}

double wg_nn_loss(wg_nn *m, wg_cost *cost, wg_data *d) {
    costs c = { .cost = cost };
    if (!complete("nn_loss", !m ? "model" : !cost ? "cost" : !d ? "data" : NULL)) return NAN;
    if (!evaluate_set(m, d, add_cost, &c)) return NAN;
    if (c.all == 0) wg_fail(WG_ERROR_ARGUMENT, "nn_loss: the set is empty");
    return c.sum / (double)c.all;
}

/* ---- classes against labels ------------------------------------------------------------------ */

typedef struct tally {
    const char *name;  // of the measure
    wg_net *net;
    wg__hits hits;
} tally;

static bool add_hits(void *user, wg_nn *m, const wg_batch *b) {
    tally *t = user;
    const wg_tensor *out = t->net(m, b->x);  // (B, C)
    wg__where("");
    if (!out) return wg_fail(WG_ERROR_ARGUMENT, "%s: the net returned NULL", t->name);
    return wg__hits_add(t->name, out, b->y, &t->hits);
}

double wg_nn_accuracy(wg_nn *m, wg_net *net, wg_data *d) {
    tally t = { .name = "nn_accuracy", .net = net };
    if (!arguments_valid(t.name, m, net, d) || !evaluate_set(m, d, add_hits, &t)) return NAN;
    if (t.hits.all == 0) wg_fail(WG_ERROR_ARGUMENT, "nn_accuracy: the set is empty");
    return (double)t.hits.right / (double)t.hits.all;
}

wg_tensor *wg_nn_confusion(wg_nn *m, wg_net *net, wg_data *d, int64_t classes) {
    if (!arguments_valid("nn_confusion", m, net, d)) return NULL;
    if (classes < 1)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "nn_confusion: %lld classes", (long long)classes);
    wg_tensor *matrix = wg_zeros(WG_I64, WG_SHAPE(classes, classes));  // (C, C)
    tally t = { .name = "nn_confusion", .net = net, .hits.matrix = matrix };
    return matrix && evaluate_set(m, d, add_hits, &t) ? matrix : NULL;
}

/* ---- all outputs ----------------------------------------------------------------------------- */

/* What a net says of a whole set. */
typedef struct answers {
    wg_net *net;
    int64_t n, seen;
    wg_tensor *out, *y;  // (N, ...), (N, ...): of nobody's scope
} answers;

static bool same_but_first(const wg_tensor *a, const wg_tensor *b) {
    if (wg_rank(a) != wg_rank(b) || wg_dtype_of(a) != wg_dtype_of(b)) return false;
    for (int i = 1; i < wg_rank(a); i++)
        if (wg_dim(a, i) != wg_dim(b, i)) return false;
    return true;
}

static wg_tensor *like_batch(const wg_tensor *of, int64_t n) {
    wg_shape shape = wg_shape_of(of);
    shape.dim[0] = n;
    return wg__tensor_new_owned(wg_dtype_of(of), shape);
}

// Copies a batch to its rows of `all`, which is made when the first one comes.
static bool append(wg_tensor **all, const wg_tensor *batch, const answers *a) {
    if (!*all && !(*all = like_batch(batch, a->n))) return false;
    char text[200], first[200];
    if (!same_but_first(*all, batch))
        return wg_fail(WG_ERROR_SHAPE, "nn_outputs: a batch gives %s after others gave %s",
                       wg_shape_text(wg_shape_of(batch), text, sizeof text),
                       wg_shape_text(wg_shape_of(*all), first, sizeof first));
    int64_t row = 1;
    for (int i = 1; i < wg_rank(batch); i++) row *= wg_dim(batch, i);
    return wg_read(batch, wg__at(&(*all)->view, a->seen * row), wg_numel(batch));
}

static bool gather_answers(void *user, wg_nn *m, const wg_batch *b) {
    answers *a = user;
    const wg_tensor *out = a->net(m, b->x);  // (B, ...)
    wg__where("");
    if (!out) return wg_fail(WG_ERROR_ARGUMENT, "nn_outputs: the net returned NULL");
    char text[200];
    if (wg_rank(out) < 1 || wg_dim(out, 0) != wg_dim(b->x, 0))
        return wg_fail(WG_ERROR_SHAPE, "nn_outputs: the net gives %s for %lld samples",
                       wg_shape_text(wg_shape_of(out), text, sizeof text),
                       (long long)wg_dim(b->x, 0));
    if (!append(&a->out, out, a) || !append(&a->y, b->y, a)) return false;
    a->seen += wg_dim(out, 0);
    return true;
}

static wg_tensor *into_scope(wg_tensor *x) {
    wg__scope_add(wg__ctx()->scope, x);
    return x;
}

wg_tensor *wg_nn_outputs(wg_nn *m, wg_net *net, wg_data *d, wg_tensor **y) {
    if (y) *y = NULL;
    answers a = { .net = net, .n = wg_data_size(d) };
    if (!arguments_valid("nn_outputs", m, net, d)) return NULL;
    if (a.n == 0) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "nn_outputs: the set is empty");
    if (!evaluate_set(m, d, gather_answers, &a)) {
        wg__tensor_free(a.out), wg__tensor_free(a.y);
        return NULL;
    }
    if (y)
        *y = into_scope(a.y);
    else
        wg__tensor_free(a.y);
    return into_scope(a.out);
}

double wg_nn_measure(wg_nn *m, wg_net *net, wg_data *d, wg_metric *metric) {
    if (!complete("nn_measure", metric ? NULL : "metric")) return NAN;
    wg_scope *scope = wg_scope_open();
    wg_tensor *y, *out = wg_nn_outputs(m, net, d, &y);  // (N, ...), (N, ...)
    double value = out ? metric(out, y) : NAN;
    wg_scope_close(scope);
    return value;
}

/* ---- predictions ----------------------------------------------------------------------------- */

static bool no_batch(const wg_tensor *x, const wg_tensor *classes, int64_t count) {
    char a[200], b[200];
    return wg_fail(WG_ERROR_SHAPE,
                   "nn_predict: the classes are %s for %lld samples; x is %s, wanted is a batch "
                   "(B, ...)",
                   wg_shape_text(wg_shape_of(classes), a, sizeof a), (long long)count,
                   wg_shape_text(wg_shape_of(x), b, sizeof b));
}

// Writes the classes of x[start ... end) to y.
static bool predict_batch(wg_nn *m, wg_net *net, wg_tensor *x, wg_tensor *y, int64_t start) {
    int64_t left = wg_dim(x, 0) - start, count = left < BATCH ? left : BATCH;
    const wg_tensor *classes = classify(m, net, wg_slice(x, 0, start, start + count, 1));  // (B)
    if (!classes) return false;
    if (wg_rank(classes) != 1 || wg_dim(classes, 0) != count) return no_batch(x, classes, count);
    return wg_read(classes, (int64_t *)y->view.data + start, count);
}

wg_tensor *wg_nn_predict(wg_nn *m, wg_net *net, wg_tensor *x) {
    if (!arguments_valid("nn_predict", m, net, x)) return NULL;
    if (wg_rank(x) < 1)
        return WG__FAIL_NULL(WG_ERROR_SHAPE, "nn_predict: x is [], wanted is (B, ...)");
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
