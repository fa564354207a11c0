// SPDX-License-Identifier: MIT
/* loss.c: cross-entropy, fused from log-softmax and the weighted sum over classes. Forward keeps
   nothing but one number per sample; backward computes the exponentials again, straight into the
   gradient, since it needs them once either way. A class of weight 0 counts 0, even where log p is
   -inf. */
#include <string.h>

#include "autograd/autograd_impl.h"
#include "autograd/ops/class_weights.h"
#include "tensor/kernels/lines.h"
#include "tensor/kernels/rows.h"

typedef struct options {  // what the record keeps of wg_cross_entropy_options
    double smoothing;
    bool ignore;
    int64_t ignore_index;
} options;
static const wg_attr cross_entropy_attrs[] = {
    { "smoothing", WG_ATTR_REAL, offsetof(options, smoothing) },
    { "ignore", WG_ATTR_BOOL, offsetof(options, ignore) },
    { "ignore_index", WG_ATTR_INT, offsetof(options, ignore_index) },
    { .name = NULL },
};

static bool is_index(wg_dtype dtype) { return dtype == WG_I32 || dtype == WG_I64; }

static bool options_fit(const wg_call *c) {
    const options *o = c->attr;
    if (!(o->smoothing >= 0 && o->smoothing < 1))
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "smoothing %g is not within [0, 1)",
                            o->smoothing);
    if (o->ignore && !is_index(wg_call_dtype(c, 1)))
        return wg_call_fail(c, WG_ERROR_ARGUMENT,
                            "ignore goes with class indices, not with weights");
    return true;
}

static bool infer(const wg_call *c, wg_spec *out) {
    if (!wg_call_float(c, 0)) return false;
    wg_shape logits = wg_shape_of(c->in[0]), target = wg_shape_of(c->in[1]), each = logits;
    if (logits.rank == 0 || logits.dim[logits.rank - 1] == 0)
        return wg_call_fail(c, WG_ERROR_SHAPE, "the logits have no classes along their last axis");
    each.rank--;
    bool indexed = is_index(wg_call_dtype(c, 1));
    if (!indexed && wg_call_dtype(c, 1) != wg_call_dtype(c, 0))
        return wg_call_fail(c, WG_ERROR_DTYPE, "the target is %s, not i64, i32 or %s; use wg_cast",
                            wg_dtype_name(wg_call_dtype(c, 1)), wg_dtype_name(wg_call_dtype(c, 0)));
    if (!wg__shape_equal(&target, indexed ? &each : &logits))
        return wg_call_fail(c, WG_ERROR_SHAPE,
                            "logits (..., C) want indices (...) or weights (..., C)");
    return options_fit(c) && wg_spec_set(out, wg_call_dtype(c, 0), each);
}

/* ---- sample by sample ------------------------------------------------------------------------ */

typedef struct batch {
    const wg_call *call;
    const options *o;
    const wg__rows *row;
    wg__lines lines;                    // of logits, target and gy
    wg_view logits, target, gy;         // the last two with a class axis, of size 1 if need be
    wg__room logits_room, target_room;  // lines that are spread out are gathered here,
    void *logits_gathered, *target_gathered;
    size_t size;  // bytes of one element
    int64_t classes;
} batch;

typedef struct sample {
    const void *logits, *weights;  // (C), side by side; weights NULL for an index
    int64_t index;
    bool ignored;
    double gy;
} sample;

static wg_view with_class_axis(const wg_view *v, int rank) {
    wg_view w = *v;
    if (w.shape.rank < rank) w.shape.dim[w.shape.rank++] = 1;
    return w;
}

static bool batch_open(batch *b, const wg_call *c, const wg_view *const in[], const wg_view *gy) {
    int rank = in[0]->shape.rank;
    b->call = c;
    b->o = c->attr;
    b->row = &wg__row_loops[in[0]->dtype];
    b->size = wg__size_of(in[0]->dtype);
    b->classes = in[0]->shape.dim[rank - 1];
    b->logits = *in[0];
    b->target = with_class_axis(in[1], rank);
    b->gy = gy ? with_class_axis(gy, rank) : (wg_view){ .data = NULL };
    b->lines = wg__lines_of((const wg_view *[]){ &b->logits, &b->target, &b->gy }, gy ? 3 : 2,
                            1u << (rank - 1));
    b->logits_gathered = wg__room_open(&b->logits_room, b->classes, b->size);
    b->target_gathered = wg__room_open(&b->target_room, b->classes, b->size);
    return b->logits_gathered && b->target_gathered;
}

static void batch_close(batch *b) {
    wg__room_close(&b->logits_room);
    wg__room_close(&b->target_room);
}

// False after reporting a class that is not there.
static bool read_index(const batch *b, int64_t k, const void *element, sample *s) {
    s->index = b->target.dtype == WG_I32 ? *(const int32_t *)element : *(const int64_t *)element;
    s->ignored = b->o->ignore && s->index == b->o->ignore_index;
    if (s->ignored || (s->index >= 0 && s->index < b->classes)) return true;
    return wg_call_fail(b->call, WG_ERROR_INDEX, "sample %lld has class %lld, not one of 0 to %lld",
                        (long long)k, (long long)s->index, (long long)(b->classes - 1));
}

static bool batch_sample(batch *b, int64_t k, sample *s) {
    int64_t at[WG__LINE_ARRAYS];
    wg__axes_at(&b->lines.kept, k, at);
    wg__line logits = { wg__at(&b->logits, at[0]), &b->lines.cut, 0, b->size };
    wg__line target = { wg__at(&b->target, at[1]), &b->lines.cut, 1, b->size };
    *s = (sample){ .logits = wg__line_run(&logits, 0, b->classes, b->logits_gathered) };
    if (b->gy.data) s->gy = wg__load(b->gy.dtype, wg__at(&b->gy, at[2]));
    if (is_index(b->target.dtype)) return read_index(b, k, target.first, s);
    s->weights = wg__line_run(&target, 0, b->classes, b->target_gathered);
    return true;
}

static double logit(const batch *b, const sample *s, int64_t class) {
    return wg__load(b->logits.dtype, (const char *)s->logits + class * (int64_t)b->size);
}

// log softmax(x)_c = (x_c - by[0]) - by[1]
static void log_softmax_shift(const batch *b, const sample *s, double by[2]) {
    by[0] = b->row->max(b->classes, s->logits);
    by[1] = log(b->row->sum_exp(b->classes, s->logits, by[0]));
}

typedef struct sums {
    double mass, weighted, even;  // sum t, sum t log p, sum log p
} sums;

static sums sum_classes(const batch *b, const sample *s, const double by[2]) {
    sums t = { .mass = s->weights ? 0 : 1 };
    wg__room room;
    void *log_p = &room.few;
    for (int64_t done = 0, n; done < b->classes; done += n) {
        n = b->classes - done < WG__STRIP ? b->classes - done : WG__STRIP;
        const char *weights = s->weights;
        b->row->shift(n, log_p, (const char *)s->logits + done * (int64_t)b->size, by);
        t.even += b->row->sum(n, log_p);
        if (!weights) continue;
        weights += done * (int64_t)b->size;
        t.mass += b->row->sum(n, weights);
        t.weighted += b->row->dot(n, weights, log_p);
    }
    if (!s->weights) t.weighted = (logit(b, s, s->index) - by[0]) - by[1];
    return t;
}

static double loss_of(const batch *b, const sample *s) {
    double by[2], smoothing = b->o->smoothing;
    if (s->ignored) return 0;
    log_softmax_shift(b, s, by);
    if (!s->weights && smoothing == 0) return (by[0] - logit(b, s, s->index)) + by[1];
    sums t = sum_classes(b, s, by);
    double uniform = smoothing * t.mass / (double)b->classes;
    return 0 - (1 - smoothing) * t.weighted - (uniform == 0 ? 0 : uniform * t.even);
}

static bool forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    batch b;
    sample s;
    bool good = batch_open(&b, c, in, NULL);
    for (int64_t k = 0; good && k < b.lines.count; k++) {
        good = batch_sample(&b, k, &s);
        if (good) wg__store(out->dtype, wg__at(out, k), loss_of(&b, &s));
    }
    batch_close(&b);
    return good;
}

// gx = gy (softmax(x) - t), t one class, smoothed
static void index_gradient(const batch *b, const sample *s, void *gx) {
    int64_t n = b->classes;
    double smoothing = b->o->smoothing;
    double sum = b->row->exp(n, gx, s->logits, b->row->max(n, s->logits));
    b->row->scale(n, gx, s->gy / sum, -s->gy * smoothing / (double)n);
    char *own = (char *)gx + s->index * (int64_t)b->size;
    double rest = wg__load(b->logits.dtype, own);
    wg__store(b->logits.dtype, own, rest - s->gy * (1 - smoothing));
}

// gx = gy (sum(t) softmax(x) - t), t smoothed. Its terms may cancel, so it rounds where the rule
// does.
static void weighted_gradient(const batch *b, const sample *s, void *gx) {
    int64_t n = b->classes;
    const void *t = s->weights;
    double smoothing = b->o->smoothing, mass = b->row->sum(n, t);
    double sum = b->row->exp(n, gx, s->logits, b->row->max(n, s->logits));
    b->row->scale(n, gx, 1 / sum, 0);
    b->row->scale(n, gx, mass, 0);
    if (mass == 0) memset(gx, 0, (size_t)n * b->size);  // even where softmax is NaN
    if (smoothing != 0) {
        b->row->shift(n, b->target_gathered, t, (double[]){ 0, 0 });
        b->row->scale(n, b->target_gathered, 1 - smoothing, mass * smoothing / (double)n);
        t = b->target_gathered;
    }
    b->row->add(n, gx, t, -1);
    b->row->scale(n, gx, s->gy, 0);
}

// gt = -gy ((1 - s) log p + s mean(log p))
static void target_gradient(const batch *b, const sample *s, void *gt) {
    int64_t n = b->classes;
    double by[2], smoothing = b->o->smoothing;
    log_softmax_shift(b, s, by);
    b->row->shift(n, gt, s->logits, by);
    double even = smoothing == 0 ? 0 : smoothing * b->row->sum(n, gt) / (double)n;
    b->row->scale(n, gt, -s->gy * (1 - smoothing), -s->gy * even);
}

static bool backward(const wg_call *c, const wg_view *gy, int i, wg_view *gx) {
    batch b;
    sample s;
    bool good = batch_open(&b, c, (const wg_view *[]){ &c->in[0]->view, &c->in[1]->view }, gy);
    for (int64_t k = 0; good && k < b.lines.count; k++) {
        void *line = wg__at(gx, k * b.classes);
        good = batch_sample(&b, k, &s);
        if (!good) break;
        if (s.ignored || s.gy == 0)
            memset(line, 0, (size_t)b.classes * b.size);
        else
            (i == 1      ? target_gradient
             : s.weights ? weighted_gradient
                         : index_gradient)(&b, &s, line);
    }
    batch_close(&b);
    return good;
}

/* ---- rules: x logits (..., C), t the target as weights (..., C) ------------------------------ */

// (...) -> (..., 1)
static wg_tensor *class_axis(wg_tensor *x) { return wg_unsqueeze(x, wg_rank(x)); }

// (..., C): rows of ignored samples are 0.
static wg_tensor *weights_of_indices(const wg_call *c) {
    const options *o = c->attr;
    wg_dtype dtype = wg_dtype_of(c->in[0]);
    int64_t classes = wg_dim(c->in[0], -1);
    if (!o->ignore) return wg_one_hot(c->in[1], classes, dtype);
    wg_tensor *kept = wg__kept_samples(c->in[1], o->ignore_index);  // (...)
    wg_tensor *index = wg__known_classes(c->in[1], kept);           // (...)
    return wg_mul(wg_one_hot(index, classes, dtype), class_axis(wg_cast(kept, dtype)));
}

// sum(t) softmax(x) - t, t smoothed: the slope of the logits.
static wg_tensor *logits_slope(const wg_call *c) {
    const options *o = c->attr;
    double classes = (double)wg_dim(c->in[0], -1);
    wg_tensor *t = is_index(wg_dtype_of(c->in[1])) ? weights_of_indices(c) : c->in[1];  // (..., C)
    wg_tensor *mass = wg_sum_axes(t, WG_AXES(-1), true);                                // (..., 1)
    if (o->smoothing != 0)
        t = wg_add(wg_mul(t, wg_num(1 - o->smoothing)),
                   wg_mul(mass, wg_num(o->smoothing / classes)));
    return wg_sub(wg_xmul(mass, wg_softmax(c->in[0], -1)), t);
}

// -((1 - s) log p + s mean(log p)): the slope of the weights.
static wg_tensor *weights_slope(const wg_call *c) {
    const options *o = c->attr;
    wg_tensor *log_p = wg_log_softmax(c->in[0], -1);  // (..., C)
    if (o->smoothing == 0) return wg_neg(log_p);
    wg_tensor *even = wg_mean_axes(log_p, WG_AXES(-1), true);  // (..., 1)
    return wg_neg(
        wg_add(wg_mul(log_p, wg_num(1 - o->smoothing)), wg_mul(even, wg_num(o->smoothing))));
}

static wg_tensor *vjp(const wg_call *c, wg_tensor *gy, int i) {
    return wg_xmul(class_axis(gy), i == 0 ? logits_slope(c) : weights_slope(c));
}

static wg_tensor *jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg_tensor *dy = NULL;
    if (dx[0]) dy = wg_sum_axes(wg_xmul(dx[0], logits_slope(c)), WG_AXES(-1), false);
    if (!dx[1]) return dy;
    return wg_add_maybe(dy, wg_sum_axes(wg_xmul(dx[1], weights_slope(c)), WG_AXES(-1), false));
}

/* ---- reference ------------------------------------------------------------------------------- */

// t NULL: all weight on `class`.
static double complex plain_loss(const double complex *x, const double complex *t, int64_t class,
                                 int64_t classes, double smoothing) {
    double most = -INFINITY;
    double complex sum = 0, mass = t ? 0 : 1, loss = 0;
    for (int64_t k = 0; k < classes; k++) most = fmax(most, creal(x[k]));
    for (int64_t k = 0; k < classes; k++) sum += cexp(x[k] - most);
    for (int64_t k = 0; t && k < classes; k++) mass += t[k];
    for (int64_t k = 0; k < classes; k++) {
        double complex weight = t ? t[k] : k == class;
        weight = (1 - smoothing) * weight + smoothing * mass / (double)classes;
        if (weight != 0) loss -= weight * (x[k] - most - clog(sum));
    }
    return loss;
}

static bool reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    const options *o = c->attr;
    int64_t classes = in[0].shape.dim[in[0].shape.rank - 1], count = wg__numel(&out->shape);
    bool indexed = in[1].shape.rank < in[0].shape.rank;
    for (int64_t k = 0; k < count; k++) {
        const double complex *x = in[0].data + k * classes;
        const double complex *t = indexed ? NULL : in[1].data + k * classes;
        int64_t class = indexed ? (int64_t)creal(in[1].data[k]) : 0;
        bool ignored = o->ignore && class == o->ignore_index;
        out->data[k] = ignored ? 0 : plain_loss(x, t, class, classes, o->smoothing);
    }
    return true;
}

WG__DEFINE_OP(cross_entropy) = {
    .abi = WG_OP_ABI,
    .name = "cross_entropy",
    .doc = "-sum_c t_c log softmax(x)_c per sample; t indices or weights of classes",
    .shapes = "(..., C) x (...) -> (...) for indices, (..., C) x (..., C) -> (...) for weights",
    .derivative = "dx = gy (sum(t) softmax(x) - t), dt = -gy log softmax(x)",
    .edges = "a class of weight 0 counts 0 even where log p = -inf, where PyTorch gives NaN; "
             "smoothing spreads s sum(t) / C, where PyTorch spreads s / C also if weights t do not "
             "sum to "
             "1; an ignored sample gives 0 and gradient 0 whatever it holds; +-1e4 is exact; the "
             "mean over "
             "no sample is NaN",
    .equals = "torch.nn.functional.cross_entropy with reduction='none'; the classes stand on the "
              "last axis",
    .inputs = 2,
    .saves = WG_SAVES_IN(0) | WG_SAVES_IN(1),
    .attr_size = sizeof(options),
    .attrs = cross_entropy_attrs,
    .infer = infer,
    .forward = forward,
    .vjp = vjp,
    .jvp = jvp,
    .backward = backward,
    .reference = reference,
    .samples = { "4,5 4@i0..4", "4,5 4,5@0..1", "2,3,4 2,3@i0..3 | ignore=1 ignore_index=2",
                 "4,3 4@i-1..2 | ignore=1 ignore_index=-1 smoothing=0.25",
                 "4,5 4@i0..4 | smoothing=0.125", "3,4 3,4 | smoothing=0.25", "5 ()@i0..4", "5 5",
                 "2,300 2@i0..299 | smoothing=0.125", "2,300 2,300", "3,1 3@i0..0", "0,3 0@i0..2",
                 "2,0,3 2,0,3" },
    .bad = { "4,5 4@i5..5", "4,5 4@i-1..-1", "4,5 5@i0..4", "4,5 4,1@i0..4", "4,5 4",
             "4,5 4,5@i0..1", "4,5 4@b", "4,5 4@i0..4 | smoothing=1",
             "4,5 4@i0..4 | smoothing=-0.5", "4,5 4,5 | ignore=1", "4,0 4@i0..0", "() ()@i0..0",
             "4,5@i0..3 4@i0..4" },
};

/* ---- the public functions -------------------------------------------------------------------- */

wg_tensor *wg_cross_entropy_each(wg_tensor *logits, wg_tensor *target, wg_cross_entropy_options o) {
    if (o.weight) return wg__weighted_cross_entropy(logits, target, o);
    return wg__op2(&wg__op_cross_entropy, logits, target,
                   &(options){ o.smoothing, o.ignore, o.ignore_index });
}

wg_tensor *wg_cross_entropy_with(wg_tensor *logits, wg_tensor *target, wg_cross_entropy_options o) {
    wg_tensor *each = wg_cross_entropy_each(logits, target, o);  // (...)
    if (!each || !is_index(wg_dtype_of(target))) return wg_mean(each);
    wg_tensor *kept = o.ignore ? wg__kept_samples(target, o.ignore_index) : NULL;
    return wg__mean_of_samples(each, o.weight, target, kept);
}

wg_tensor *wg_cross_entropy(wg_tensor *logits, wg_tensor *target) {
    return wg_cross_entropy_with(logits, target, (wg_cross_entropy_options){ 0 });
}
