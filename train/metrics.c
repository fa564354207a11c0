// SPDX-License-Identifier: MIT
/* metrics.c: measures, computed in double from all outputs at once. */
#include <math.h>
#include <stdlib.h>

#include "train/train_impl.h"

/* ---- scores of classes and labels ------------------------------------------------------------ */

typedef struct scored {
    int64_t n, columns;  // samples, scores of each
    int64_t classes;
    int64_t first;   // how many samples came before, in messages
    double *score;   // (n, columns)
    int64_t *label;  // (n)
} scored;

static bool both_there(const char *name, const wg_tensor *out, const wg_tensor *y) {
    if (wg__pending()) return false;
    wg__where("");
    return (out && y) || wg_fail(WG_ERROR_ARGUMENT, "%s: %s is NULL", name, out ? "y" : "out");
}

static bool shapes_fail(const char *name, const wg_tensor *out, const wg_tensor *y,
                        const char *wanted) {
    char a[200], b[200];
    return wg_fail(WG_ERROR_SHAPE, "%s: out is %s %s and y %s %s, wanted are %s", name,
                   wg_dtype_name(wg_dtype_of(out)), wg_shape_text(wg_shape_of(out), a, sizeof a),
                   wg_dtype_name(wg_dtype_of(y)), wg_shape_text(wg_shape_of(y), b, sizeof b),
                   wanted);
}

static bool are_scores(const char *name, const wg_tensor *out, const wg_tensor *y) {
    bool good =
        wg_rank(out) == wg_rank(y) + 1 && wg_dim(out, -1) > 0 && !wg_dtype_is_float(wg_dtype_of(y));
    for (int i = 0; good && i < wg_rank(y); i++) good = wg_dim(out, i) == wg_dim(y, i);
    if (!good) return shapes_fail(name, out, y, "scores (..., C) and integers (...)");
    return wg_numel(y) > 0 || wg_fail(WG_ERROR_ARGUMENT, "%s: there are no samples", name);
}

static bool read_labels(const char *name, const wg_tensor *y, scored *s) {
    for (int64_t i = 0; i < s->n; i++) {
        s->label[i] = wg__integer(&y->view, wg__offset(&y->view, i));
        if (s->label[i] < 0 || s->label[i] >= s->classes)
            return wg_fail(WG_ERROR_INDEX, "%s: label %lld of %lld classes", name,
                           (long long)s->label[i], (long long)s->classes);
    }
    return true;
}

static bool read_scores(const char *name, const wg_tensor *out, scored *s) {
    int64_t n = s->n * s->columns;
    if (!wg_read_f64(out, s->score, n)) return false;
    for (int64_t i = 0; i < n; i++)
        if (isnan(s->score[i]))
            return wg_fail(WG_ERROR_NUMERIC, "%s: the score of sample %lld is nan", name,
                           (long long)(s->first + i / s->columns));
    return true;
}

static void scored_free(scored *s) {
    wg__free(s->score), wg__free(s->label);
    *s = (scored){ 0 };
}

// Labels are of `classes` classes, or where that is 0 of those that have scores. False after
// reporting; else *s is to be freed.
static bool scored_of(const char *name, const wg_tensor *out, const wg_tensor *y, int64_t classes,
                      scored *s) {
    if (!both_there(name, out, y) || !are_scores(name, out, y)) return false;
    *s = (scored){ .n = wg_numel(y), .columns = wg_dim(out, -1), .first = s->first };
    s->classes = s->columns == 1 ? 2 : s->columns;
    if (classes != 0 && classes < s->classes)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: %lld classes, out has %lld", name,
                       (long long)classes, (long long)s->classes);
    if (classes != 0) s->classes = classes;
    s->score = wg__alloc_items(wg_numel(out), sizeof *s->score);
    s->label = s->score ? wg__alloc_items(s->n, sizeof *s->label) : NULL;
    if (s->label && read_labels(name, y, s) && read_scores(name, out, s)) return true;
    scored_free(s);
    return false;
}

static const double *scores_at(const scored *s, int64_t i) { return s->score + i * s->columns; }

// As argmax decides: of equal scores the first.
static int64_t class_at(const scored *s, int64_t i) {
    const double *score = scores_at(s, i);
    if (s->columns == 1) return score[0] > 0;
    int64_t best = 0;
    for (int64_t c = 1; c < s->columns; c++)
        if (score[c] > score[best]) best = c;
    return best;
}

static void count_hits(const scored *s, wg__hits *h) {
    int64_t *cell = h->matrix ? h->matrix->view.data : NULL;
    for (int64_t i = 0; i < s->n; i++) {
        int64_t answer = class_at(s, i);
        h->right += answer == s->label[i];
        if (cell) cell[s->label[i] * s->classes + answer]++;
    }
    h->all += s->n;
}

bool wg__hits_add(const char *name, const wg_tensor *out, const wg_tensor *y, wg__hits *h) {
    scored s = { .first = h->all };
    if (!scored_of(name, out, y, h->matrix ? wg_dim(h->matrix, 0) : 0, &s)) return false;
    count_hits(&s, h);
    scored_free(&s);
    return true;
}

double wg_metric_accuracy(wg_tensor *out, wg_tensor *y) {
    wg__hits h = { 0 };
    if (!wg__hits_add("metric_accuracy", out, y, &h)) return NAN;
    return (double)h.right / (double)h.all;
}

// Whether fewer than k scores stand before the label's.
static bool among(const scored *s, int64_t i, int64_t k) {
    const double *score = scores_at(s, i);
    int64_t label = s->label[i], before = 0;
    for (int64_t c = 0; c < s->columns; c++)
        before += score[c] > score[label] || (score[c] == score[label] && c < label);
    return before < k;
}

double wg_metric_top_k(const wg_tensor *out, const wg_tensor *y, int64_t k) {
    scored s = { 0 };
    if (!both_there("metric_top_k", out, y)) return NAN;
    if (k < 1) {
        wg_fail(WG_ERROR_ARGUMENT, "metric_top_k: k is %lld", (long long)k);
        return NAN;
    }
    if (!scored_of("metric_top_k", out, y, 0, &s)) return NAN;
    int64_t right = 0;
    for (int64_t i = 0; i < s.n; i++)
        right += s.columns == 1 ? k > 1 || class_at(&s, i) == s.label[i] : among(&s, i, k);
    double share = (double)right / (double)s.n;
    scored_free(&s);
    return share;
}

/* ---- area under the curve -------------------------------------------------------------------- */

typedef struct ranked {
    double score;
    bool positive;
} ranked;

static int by_score(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    return (x->score > y->score) - (x->score < y->score);
}

// NaN where one of the two kinds has no samples. Ranks are counted in halves, exactly.
static double area(ranked *r, int64_t n) {
    qsort(r, (size_t)n, sizeof *r, by_score);
    double positives = 0, halves = 0;
    for (int64_t start = 0, end; start < n; start = end) {
        double equal = 0;
        for (end = start; end < n && r[end].score == r[start].score; end++)
            equal += r[end].positive;
        positives += equal;
        halves += equal * (double)(start + end + 1);  // twice the midrank
    }
    double wins = (halves - positives * (positives + 1)) / 2;  // over samples of the other kind
    return wins / (positives * ((double)n - positives));
}

// What a class's score is, so that of two or more it grows with the softmax.
static double score_for(const scored *s, int64_t i, int64_t c) {
    const double *x = scores_at(s, i);
    if (s->columns == 1) return x[0];
    if (s->columns == 2) return x[c] - x[1 - c];
    double most = x[0], sum = 0;
    for (int64_t k = 1; k < s->columns; k++) most = fmax(most, x[k]);
    for (int64_t k = 0; k < s->columns; k++) sum += exp(x[k] - most);
    return x[c] - most - log(sum);
}

static bool rank_class(const scored *s, int64_t c, ranked *r) {
    for (int64_t i = 0; i < s->n; i++) {
        r[i] = (ranked){ score_for(s, i, c), s->label[i] == c };
        if (isnan(r[i].score))
            return wg_fail(WG_ERROR_NUMERIC, "metric_auc: the score of sample %lld is nan",
                           (long long)i);
    }
    return true;
}

static double mean_area(const scored *s, ranked *r) {
    double sum = 0;
    int64_t defined = 0;
    for (int64_t c = s->columns <= 2; c < s->classes; c++) {
        if (!rank_class(s, c, r)) return NAN;
        double one = area(r, s->n);
        if (!isnan(one)) sum += one, defined++;
    }
    return sum / (double)defined;
}

double wg_metric_auc(wg_tensor *out, wg_tensor *y) {
    scored s = { 0 };
    if (!scored_of("metric_auc", out, y, 0, &s)) return NAN;
    ranked *r = wg__alloc_items(s.n, sizeof *r);
    double value = r ? mean_area(&s, r) : NAN;
    wg__free(r);
    scored_free(&s);
    return value;
}

/* ---- confusion ------------------------------------------------------------------------------- */

static wg_tensor *confusion(const char *name, const wg_tensor *out, const wg_tensor *y,
                            int64_t classes) {
    scored s = { 0 };
    if (!scored_of(name, out, y, classes, &s)) return NULL;
    wg__hits h = { .matrix = wg_zeros(WG_I64, WG_SHAPE(s.classes, s.classes)) };  // (C, C)
    if (h.matrix) count_hits(&s, &h);
    scored_free(&s);
    return h.matrix;
}

wg_tensor *wg_metric_confusion(const wg_tensor *out, const wg_tensor *y, int64_t classes) {
    static const char name[] = "metric_confusion";
    if (!both_there(name, out, y)) return NULL;
    if (classes < 1)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "%s: %lld classes", name, (long long)classes);
    return confusion(name, out, y, classes);
}

static double ratio(double a, double b) { return b > 0 ? a / b : 0; }

/* A class's cell of the diagonal, and the sums of its row and column. */
typedef struct sums {
    double right, row, column;
} sums;

static sums sums_of(const wg_tensor *confusion, int64_t c) {
    int64_t n = wg_dim(confusion, 0);
    const int64_t *cell = confusion->view.data;
    sums s = { .right = (double)cell[c * n + c] };
    for (int64_t i = 0; i < n; i++) {
        s.row += (double)cell[c * n + i];
        s.column += (double)cell[i * n + c];
    }
    return s;
}

static const wg_scores undefined = { NAN, NAN, NAN, 0 };

static wg_scores class_scores(const wg_tensor *confusion, int64_t c) {
    sums s = sums_of(confusion, c);
    return (wg_scores){ ratio(s.right, s.column), ratio(s.right, s.row),
                        ratio(2 * s.right, s.row + s.column), (int64_t)s.row };
}

static bool confusion_valid(const char *name, const wg_tensor *confusion) {
    if (wg__pending()) return false;
    wg__where("");
    if (!confusion) return wg_fail(WG_ERROR_ARGUMENT, "%s: the confusion matrix is NULL", name);
    if (wg_rank(confusion) == 2 && wg_dim(confusion, 0) == wg_dim(confusion, 1) &&
        wg_dtype_of(confusion) == WG_I64 && wg_is_contiguous(confusion))
        return true;
    char text[200];
    return wg_fail(WG_ERROR_SHAPE, "%s: a confusion matrix is (C, C) i64, contiguous, not %s %s",
                   name, wg_shape_text(wg_shape_of(confusion), text, sizeof text),
                   wg_dtype_name(wg_dtype_of(confusion)));
}

wg_scores wg_metric_class_scores(const wg_tensor *confusion, int64_t c) {
    if (!confusion_valid("metric_class_scores", confusion)) return undefined;
    if (c >= 0 && c < wg_dim(confusion, 0)) return class_scores(confusion, c);
    wg_fail(WG_ERROR_INDEX, "metric_class_scores: class %lld of %lld", (long long)c,
            (long long)wg_dim(confusion, 0));
    return undefined;
}

// How much a class counts.
static double weight_of(const wg_tensor *confusion, int64_t c, wg_average average) {
    sums s = sums_of(confusion, c);
    return average == WG_MACRO ? s.row + s.column > 0 : s.row;
}

/* Micro: each class's recall counts as often as it has samples, which is the accuracy. */
wg_scores wg_metric_scores(const wg_tensor *confusion, wg_average average) {
    if (!confusion_valid("metric_scores", confusion)) return undefined;
    if (average < WG_MACRO || average > WG_WEIGHTED) {
        wg_fail(WG_ERROR_ARGUMENT, "metric_scores: average %d", (int)average);
        return undefined;
    }
    wg_scores mean = { 0 };
    double total = 0;
    for (int64_t c = 0; c < wg_dim(confusion, 0); c++) {
        wg_scores one = class_scores(confusion, c);
        double weight = weight_of(confusion, c, average);
        if (average == WG_MICRO) one.precision = one.f1 = one.recall;
        mean.precision += weight * one.precision;
        mean.recall += weight * one.recall;
        mean.f1 += weight * one.f1;
        mean.samples += one.samples;
        total += weight;
    }
    mean.precision /= total, mean.recall /= total, mean.f1 /= total;
    return mean;
}

double wg_metric_f1(wg_tensor *out, wg_tensor *y) {
    wg_scope *scope = wg_scope_open();
    const wg_tensor *matrix = confusion("metric_f1", out, y, 0);  // (C, C)
    double f1 = matrix ? wg_metric_scores(matrix, WG_MACRO).f1 : NAN;
    wg_scope_close(scope);
    return f1;
}

/* ---- regression ------------------------------------------------------------------------------ */

// Of one column of n rows.
static double r2(const double *out, const double *y, int64_t n, int64_t columns) {
    double mean = 0, gap = 0, spread = 0, least = y[0], most = y[0];
    for (int64_t i = 0; i < n; i++) {
        double v = y[i * columns];
        mean += v / (double)n;
        least = fmin(least, v), most = fmax(most, v);
    }
    for (int64_t i = 0; i < n; i++) {
        double v = y[i * columns], d = v - out[i * columns];
        gap += d * d;
        spread += (v - mean) * (v - mean);
    }
    if (isnan(gap)) return NAN;
    if (least == most) return gap == 0;  // where rounding of the mean leaves a spread
    return 1 - gap / spread;
}

static bool are_numbers(const wg_tensor *out, const wg_tensor *y) {
    wg_shape a = wg_shape_of(out), b = wg_shape_of(y);
    if (wg_rank(out) < 1 || !wg__shape_equal(&a, &b) || !wg_dtype_is_float(wg_dtype_of(out)) ||
        !wg_dtype_is_float(wg_dtype_of(y)))
        return shapes_fail("metric_r2", out, y, "floats (N, ...), both of one shape");
    return wg_numel(y) > 0 || wg_fail(WG_ERROR_ARGUMENT, "metric_r2: there are no samples");
}

double wg_metric_r2(wg_tensor *out, wg_tensor *y) {
    if (!both_there("metric_r2", out, y) || !are_numbers(out, y)) return NAN;
    int64_t numel = wg_numel(y), n = wg_dim(y, 0), columns = numel / n;
    double *a = wg__alloc_items(numel, 2 * sizeof *a), *b = a ? a + numel : NULL, sum = NAN;
    if (a && wg_read_f64(out, a, numel) && wg_read_f64(y, b, numel)) {
        sum = 0;
        for (int64_t c = 0; c < columns; c++) sum += r2(a + c, b + c, n, columns);
    }
    wg__free(a);
    return sum / (double)columns;
}
