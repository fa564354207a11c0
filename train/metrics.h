// SPDX-License-Identifier: MIT
/* metrics.h: measures of how good a network is: numbers from outputs and what they should have
   been, and the same of a model on a whole set.

       double auc = wg_nn_measure(m, net, test, wg_metric_auc);
       wg_scores s = wg_metric_scores(wg_nn_confusion(m, net, test, 10), WG_MACRO);            */
#ifndef WG_TRAIN_METRICS_H
#define WG_TRAIN_METRICS_H

#include "nn/nn.h"
#include "train/data.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- of numbers: metrics.c ------------------------------------------------------------------- */

/* A measure: what a net gave for all samples against what it should have, NaN after an error and
   where it is not defined. Yours fits wherever one of these does, a formula like
   wg_item(wg_mean(wg_abs(wg_sub(out, y)))) too. Here `out` (..., C) are scores of
   C classes, the larger the likelier, and y (...) are labels, integers from 0 to C - 1; any other
   label is an error, and so is a score of NaN. With C = 1 there are two classes, and the score is
   that of class 1 against 0: a logit. */
typedef double wg_metric(wg_tensor *out, wg_tensor *y);

/* The share of samples whose label has the largest score, of equal ones the first; with C = 1,
   that is class 1 where the score is positive. */
WG_API double wg_metric_accuracy(wg_tensor *out, wg_tensor *y);
/* The share whose label is among the k largest (1 <= k), equal ones counting in their order: with
   k = 1 the accuracy, with k >= C 1. */
WG_API double wg_metric_top_k(const wg_tensor *out, const wg_tensor *y, int64_t k);
/* The area under the curve of true against false positives: how often, of a sample of class 1 and
   one of class 0, the former has the larger score, equal ones counting half (Hanley and McNeil
   1982), from midranks. The score of two classes is the second's minus the first's. For C > 2
   the mean over all classes of each against the rest, `out` being logits: scores are their softmax
   (give logarithms of probabilities). A class without samples, or with all of them, is left out;
   NaN, without an error, if none is left. */
WG_API double wg_metric_auc(wg_tensor *out, wg_tensor *y);
/* F1, the macro average of wg_metric_scores. */
WG_API double wg_metric_f1(wg_tensor *out, wg_tensor *y);
/* R^2 = 1 - sum (y - out)^2 / sum (y - mean y)^2 for `out` and y of one shape (N, ...), floats; the
   mean over all columns. A column whose target is constant counts 1 where out equals it in all
   samples, else 0, as scikit-learn has it. NaN where `out` or y has one. */
WG_API double wg_metric_r2(wg_tensor *out, wg_tensor *y);

/* (C, C) i64, C = classes: how often class row was taken for class column. There may be more
   classes than scores, for labels of classes that the net does not know, but not fewer. */
WG_API wg_tensor *wg_metric_confusion(const wg_tensor *out, const wg_tensor *y, int64_t classes);

/* From a confusion matrix M: precision M_cc / column sum, recall M_cc / row sum and F1
   2 M_cc / (row sum + column sum) of each class c. What has nothing to divide by is 0: the
   precision of a class that is never answered, the recall of one without samples. */
typedef struct wg_scores {
    double precision, recall, f1;
    int64_t samples;  // row sum; of an average: of all classes
} wg_scores;
typedef enum wg_average {
    WG_MACRO,    // the mean over the classes that occur, as labels or as answers
    WG_MICRO,    // over all samples together: all three are the accuracy
    WG_WEIGHTED  // the mean over classes, each counting as often as it has samples
} wg_average;
/* NaNs after an error, and of an average over no samples. */
WG_API wg_scores wg_metric_class_scores(const wg_tensor *confusion, int64_t c);
WG_API wg_scores wg_metric_scores(const wg_tensor *confusion, wg_average average);

/* ---- of a model on a set: evaluate.c --------------------------------------------------------- */

/* All evaluate in batches, without recording, and put the model's mode back. A score of NaN is an
   error wherever a class is wanted. */

/* wg_metric_accuracy of all batches together. NaN on error. */
WG_API double wg_nn_accuracy(wg_nn *m, wg_net *net, wg_data *d);
/* The mean of the cost over the set, a batch counting as often as it has samples: for a cost that
   is a mean over its batch, the mean over all samples. NaN on error. */
WG_API double wg_nn_loss(wg_nn *m, wg_cost *cost, wg_data *d);
/* wg_metric_confusion of all batches together. */
WG_API wg_tensor *wg_nn_confusion(wg_nn *m, wg_net *net, wg_data *d, int64_t classes);
/* Classes (B) i64 of x (B, ...): one sample is (1, ...). */
WG_API wg_tensor *wg_nn_predict(wg_nn *m, wg_net *net, wg_tensor *x);
/* Of all samples of a set, in its order: what the net gives (N, ...) and, unless y is NULL, what it
   should (N, ...). They belong to the innermost scope. */
WG_API wg_tensor *wg_nn_outputs(wg_nn *m, wg_net *net, wg_data *d, wg_tensor **y);
/* metric(outputs, y) of the whole set. */
WG_API double wg_nn_measure(wg_nn *m, wg_net *net, wg_data *d, wg_metric *metric);

#ifdef __cplusplus
}
#endif
#endif
