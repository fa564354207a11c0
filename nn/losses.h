// SPDX-License-Identifier: MIT
/* losses.h: losses, which compare, and regularisers, which are added to them. */
#ifndef WG_NN_LOSSES_H
#define WG_NN_LOSSES_H

#include "nn/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- losses: loss.c loss_classes.c loss_triples.c -------------------------------------------- */

/* What becomes of the losses of single elements or samples. */
typedef enum wg_reduction {
    WG_MEAN,       // over all of them: with weights w sum(w loss) / sum(w); of nothing it is 0
    WG_SUM,        // sum(w loss)
    WG_BATCHMEAN,  // sum(w loss) / the size of axis 0
    WG_NONE        // w loss, one by one
} wg_reduction;

/* One struct for all losses; 0 is the default of every field. An option that a loss does not have
   is an error. */
typedef struct wg_loss_options {
    wg_reduction reduction;
    /* What each loss counts, of y's dtype: it broadcasts to the losses; in cross_entropy and
       nll_loss (C), one number to a class. A loss of weight 0 counts 0 whatever it is, so a mask of
       zeros and ones leaves out what is padding. (PyTorch's binary cross-entropies divide by the
       number of losses even then, not by the sum of the weights.) */
    wg_tensor *weight;
    wg_tensor *pos_weight;  // bce_with_logits: p, which broadcasts to y; 1
    bool ignore;            // cross_entropy, nll_loss: leave out samples whose class is
    int64_t ignore_index;   // this one; any integer, and an error without ignore
    double smoothing;       // cross_entropy: s in [0, 1); t becomes (1 - s) t + s / C
    double delta;           // huber_loss, smooth_l1_loss: where the square turns into a line; 1
    double margin;          // hinge losses and triplet_margin_loss: 1; cosine_embedding_loss: 0
    double p;               // triplet_margin_loss: of the norm, at least 1; 2
    bool swap;              // triplet_margin_loss: see there
    bool log_target;        // kl_div: target is log t
    bool rates;             // poisson_nll_loss: y is the rate, not its logarithm
    bool full;              // poisson_nll_loss, gaussian_nll_loss: with the terms that y is not in
    double epsilon;         // poisson_nll_loss with rates: 1e-8; gaussian_nll_loss: 1e-6
} wg_loss_options;

/* Of losses that compare y with a target: wg_nn_mse_loss(y, target) is the mean, and
   wg_nn_mse_loss_with(y, target, (wg_loss_options){ .reduction = WG_SUM }) what the options say.
   Both tensors have one dtype and one shape (else (B) against (B, 1) would quietly compare
   everything with everything), which is that of the losses, too. Targets may be differentiated as
   well. Names and formulas are PyTorch's; where ours differ it is said. The mean over no losses, or
   over weights that sum to 0, is 0 with gradient 0 (NaN in PyTorch, from where it reaches every
   weight). */
#define WG__LOSS(name)                                                                             \
    WG_API wg_tensor *wg_nn_##name(wg_tensor *y, wg_tensor *target);                               \
    WG_API wg_tensor *wg_nn_##name##_with(wg_tensor *y, wg_tensor *target, wg_loss_options o)

/* Of numbers, d = y - t: */
WG__LOSS(mse_loss);        // d^2
WG__LOSS(l1_loss);         // |d|
WG__LOSS(huber_loss);      // d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2) (Huber 1964)
WG__LOSS(smooth_l1_loss);  // huber_loss / delta; PyTorch calls this delta beta
WG__LOSS(log_cosh_loss);   // log cosh d: d^2 / 2 near 0, |d| - log 2 far from it

/* Of two classes, t in [0, 1]. bce_loss wants probabilities y, and is inf where what is impossible
   happened (PyTorch cuts the logarithm off at -100): train on logits instead, whose loss is finite
   and exact at any size. */
WG__LOSS(bce_loss);         // -t log y - (1 - t) log(1 - y), 0 log 0 being 0
WG__LOSS(bce_with_logits);  // -p t log sigmoid(y) - (1 - t) log sigmoid(-y)
/* t is -1 or 1. */
WG__LOSS(hinge_loss);          // max(0, margin - t y)
WG__LOSS(squared_hinge_loss);  // max(0, margin - t y)^2

/* Of one class of C: y (..., C), target class indices (...), i64 or i32, losses (...). For
   cross_entropy target may also be weights of classes (..., C) of y's dtype. Class weights w
   multiply the target; the mean over indices is sum(w[t] loss) / sum(w[t]). These are
   wg_cross_entropy and wg_nll but for the mean of nothing. */
WG__LOSS(cross_entropy);  // -sum_c t_c log softmax(y)_c, logits y
WG__LOSS(nll_loss);       // -y[t], log-probabilities y

/* Of distributions, y = log-probabilities, element by element: the divergence KL(t || y) is
   the sum over a sample, so with samples along axis 0 WG_BATCHMEAN is their mean. */
WG__LOSS(kl_div);  // t (log t - y), 0 where t = 0; with log_target e^t (t - y)

/* Of counts t with rate e^y: e^y - t y; with rates, y - t log(y + epsilon). full adds log t!,
   exactly (PyTorch takes Stirling's formula). */
WG__LOSS(poisson_nll_loss);

/* Of numbers t from normal distributions of mean y and variance v = max(var, epsilon):
   (log v + (y - t)^2 / v) / 2; full adds log(2 pi) / 2. var broadcasts to y and is not negative.
   Below epsilon the gradient of var is 0, that of the formula (PyTorch: as if it were not cut
   off). */
WG_API wg_tensor *wg_nn_gaussian_nll_loss(wg_tensor *y, wg_tensor *target, wg_tensor *var);
WG_API wg_tensor *wg_nn_gaussian_nll_loss_with(wg_tensor *y, wg_tensor *target, wg_tensor *var,
                                               wg_loss_options o);

/* Of pairs a, b (..., D) and target (...) of their dtype: 1 - cos(a, b) where it is 1,
   max(0, cos(a, b) - margin) where it is -1. */
WG_API wg_tensor *wg_nn_cosine_embedding_loss(wg_tensor *a, wg_tensor *b, wg_tensor *target);
WG_API wg_tensor *wg_nn_cosine_embedding_loss_with(wg_tensor *a, wg_tensor *b, wg_tensor *target,
                                                   wg_loss_options o);

/* Of an anchor a, a positive p and a negative n (..., D): max(0, |a - p| - |a - n| + margin), in
   the p-norm; with swap min(|a - n|, |p - n|) in place of |a - n| (Balntas et al. 2016). PyTorch
   adds 1e-6 to each difference against the NaN that its slope of |0| would be; it is 0 here. */
WG_API wg_tensor *wg_nn_triplet_margin_loss(wg_tensor *anchor, wg_tensor *positive,
                                            wg_tensor *negative);
WG_API wg_tensor *wg_nn_triplet_margin_loss_with(wg_tensor *anchor, wg_tensor *positive,
                                                 wg_tensor *negative, wg_loss_options o);

/* ---- regularisers: regularise.c -------------------------------------------------------------- */

/* Terms to add to the loss, over the parameters whose path matches. pattern NULL: the weights,
   which are those of rank 2 and more, not the biases. An error if nothing matches. Parameters exist
   once the network has run, and C may evaluate arguments in any order: let the network run in a
   statement before the one with the penalty.

       wg_tensor *loss = wg_cross_entropy(net(m, x), y);
       return wg_add(loss, wg_nn_l2(m, NULL, 1e-4));

   A strength is finite and not negative; a slope at a kink is 0. */
WG_API wg_tensor *wg_nn_l1(wg_nn *m, const char *pattern, double strength);  // strength sum |w|
WG_API wg_tensor *wg_nn_l2(wg_nn *m, const char *pattern, double strength);  // strength sum w^2
/* l1 sum |w| + l2 sum w^2, which keeps groups of correlated weights together (Zou and Hastie
   2005). */
WG_API wg_tensor *wg_nn_elastic_net(wg_nn *m, const char *pattern, double l1, double l2);

/* Groups of a parameter: what belongs to one place of an axis, which for 0 is what goes into one
   unit of a dense layer or one channel of a convolution, (out, in, ...), and for 1 what one input
   feeds. Every parameter that matches must have that axis. */
/* strength sum over groups g of sqrt(n) |w_g|, n numbers and the Euclidean norm: whole groups
   vanish (Yuan and Lin 2006). */
WG_API wg_tensor *wg_nn_group_lasso(wg_nn *m, const char *pattern, double strength, int axis);
/* strength sum over groups g of max(0, |w_g| - most)^2: norms up to `most` cost nothing. A bound
   that holds exactly is a step of the optimiser's, not a penalty. */
WG_API wg_tensor *wg_nn_max_norm(wg_nn *m, const char *pattern, double strength, double most,
                                 int axis);

/* Of what a layer gives, x (B, ...): (l1 sum |x| + l2 sum x^2) / B. Of no samples it is 0. */
WG_API wg_tensor *wg_nn_activity(wg_tensor *x, double l1, double l2);

#ifdef __cplusplus
}
#endif
#endif
