// SPDX-License-Identifier: MIT
/* optim.h: optimisers. Each is one rule, w and its state updated from its gradient g, in one pass.

       wg_optim *adam = wg_optim_adam(m, (wg_adam_options){ .rate = 3e-3 });
       wg_optim_minimize(adam, loss);

   An option left at zero takes the default that stands beside it. Where that is not 0 and none at
   all is meant, give a tiny value, such as .beta1 = 1e-30, which rounds to nothing beside 1;
   negative ones are refused. A rate of 0 can be set afterwards. What a rule divides by must not
   vanish: epsilon is at least 1.1e-19 for f32 and 1.5e-154 for f64 (adadelta's, which is added to
   squares, the squares of these), whatever is given.

   A parameter without a gradient, such as one that is frozen, is left alone: no decay moves it, no
   momentum and no proximal step.

   A step first finds all the memory that it needs and then changes the parameters, so that on an
   error every one is as it was. It never writes to the gradients. */
#ifndef WG_OPTIM_H
#define WG_OPTIM_H

#include "nn/nn.h"
#include "optim/schedule.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct wg_optim wg_optim;

/* ---- a rule with its numbers ----------------------------------------------------------------- */

/* What an optimiser is made of, as a value. Each optimiser below is declared twice, with the same
   options: wg_adam(o) is such a value, and wg_optim_adam(m, o) is wg_optim_make(m, wg_adam(o)).
   Options out of range are reported. What comes back then, and while an error is pending, is a
   refused spec: its rule is NULL and its rate NaN, which wg_optim_spec_is_refused tells from one
   that was left out, all zeros. Neither makes an optimiser or a group. */
typedef struct wg_optim_rule wg_optim_rule;
typedef struct wg_optim_spec {
    const wg_optim_rule *rule;
    double rate;
    size_t size;  // of the options
    union {
        double number;
        void *pointer;
        char bytes[128];
    } options;
} wg_optim_spec;
WG_API wg_optim *wg_optim_make(wg_nn *m, wg_optim_spec spec);
WG_API bool wg_optim_spec_is_refused(wg_optim_spec spec);

#define WG_OPTIMISER(name, options)                                                                \
    WG_API wg_optim_spec wg_##name(options o);                                                     \
    WG_API wg_optim *wg_optim_##name(wg_nn *m, options o)

/* ---- optimisers; t counts the steps from 1 --------------------------------------------------- */

/* All are elementwise but muon, with g the gradient after clipping; defaults and forms are
   PyTorch's where it has the rule. weight_decay is coupled, g += weight_decay w, first of all,
   where nothing else is said; decoupled it is w -= rate weight_decay w, beside the step. */

/* Stochastic gradient descent (Robbins and Monro 1951): sgd.c. Without momentum w -= rate g. With
   momentum mu (Sutskever et al. 2013): v = mu v + (1 - dampening) g, v = g at first; w -= rate v,
   or with nesterov w -= rate (g + mu v). */
typedef struct wg_sgd_options {
    double rate;          // 0.01
    double momentum;      // 0
    bool nesterov;        // wants momentum, and no dampening
    double weight_decay;  // 0
    double dampening;     // 0; wants momentum
} wg_sgd_options;
WG_OPTIMISER(sgd, wg_sgd_options);

/* Adam (Kingma and Ba 2015): adam.c. m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
   w -= rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon). With amsgrad (Reddi, Kale
   and Kumar 2018) the largest v so far stands for v in the step. */
typedef struct wg_adam_options {
    double rate;          // 0.001
    double beta1, beta2;  // 0.9, 0.999
    double epsilon;       // 1e-8
    double weight_decay;  // 0; coupled for adam, decoupled for adamw
    bool amsgrad;
} wg_adam_options;
WG_OPTIMISER(adam, wg_adam_options);
/* AdamW (Loshchilov and Hutter 2019): the decay does not pass through the moments. */
WG_OPTIMISER(adamw, wg_adam_options);

/* NAdam (Dozat 2016): nadam.c. Adam's m and v; mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2), and
   P_t the product of mu_1 ... mu_t:
   w -= rate ((1 - mu_t) / (1 - P_t) g + mu_(t+1) / (1 - P_(t+1)) m) /
        (sqrt(v / (1 - beta2^t)) + epsilon). */
typedef struct wg_nadam_options {
    double rate;            // 0.002
    double beta1, beta2;    // 0.9, 0.999
    double epsilon;         // 1e-8
    double momentum_decay;  // 0.004
    double weight_decay;    // 0
} wg_nadam_options;
WG_OPTIMISER(nadam, wg_nadam_options);

/* RAdam (Liu et al. 2020): radam.c. Adam's m and v; R = 2 / (1 - beta2) - 1,
   r = R - 2 t beta2^t / (1 - beta2^t). While r <= 5: w -= rate m / (1 - beta1^t). Then
   w -= rate (m / (1 - beta1^t)) sqrt((r - 4) (r - 2) R / ((R - 4) (R - 2) r)) sqrt(1 - beta2^t) /
   (sqrt(v) + epsilon). */
typedef struct wg_radam_options {
    double rate;          // 0.001
    double beta1, beta2;  // 0.9, 0.999
    double epsilon;       // 1e-8
    double weight_decay;  // 0
} wg_radam_options;
WG_OPTIMISER(radam, wg_radam_options);

/* AdaMax (Kingma and Ba 2015): adamax.c. Adam's m; u = max(beta2 u, |g| + epsilon);
   w -= rate m / (1 - beta1^t) / u. */
typedef struct wg_adamax_options {
    double rate;          // 0.002
    double beta1, beta2;  // 0.9, 0.999
    double epsilon;       // 1e-8
    double weight_decay;  // 0
} wg_adamax_options;
WG_OPTIMISER(adamax, wg_adamax_options);

/* RMSProp (Tieleman and Hinton 2012): rmsprop.c. v = alpha v + (1 - alpha) g^2; u = g / (sqrt(v) +
   epsilon), or centred (Graves 2013) with v - a^2 for v, a = alpha a + (1 - alpha) g; w -= rate u,
   or with momentum b = momentum b + u; w -= rate b. */
typedef struct wg_rmsprop_options {
    double rate;     // 0.01
    double alpha;    // 0.99
    double epsilon;  // 1e-8
    bool centred;
    double momentum;      // 0
    double weight_decay;  // 0
} wg_rmsprop_options;
WG_OPTIMISER(rmsprop, wg_rmsprop_options);

/* AdaGrad (Duchi, Hazan and Singer 2011): adagrad.c. s += g^2, from `start` on;
   w -= rate / (1 + (t - 1) rate_decay) g / (sqrt(s) + epsilon). */
typedef struct wg_adagrad_options {
    double rate;          // 0.01
    double rate_decay;    // 0
    double start;         // 0
    double epsilon;       // 1e-10
    double weight_decay;  // 0
} wg_adagrad_options;
WG_OPTIMISER(adagrad, wg_adagrad_options);

/* AdaDelta (Zeiler 2012): adagrad.c. v = rho v + (1 - rho) g^2;
   d = sqrt(u + epsilon) / sqrt(v + epsilon) g;  u = rho u + (1 - rho) d^2;  w -= rate d. */
typedef struct wg_adadelta_options {
    double rate;          // 1
    double rho;           // 0.9
    double epsilon;       // 1e-6
    double weight_decay;  // 0
} wg_adadelta_options;
WG_OPTIMISER(adadelta, wg_adadelta_options);

/* RPROP (Riedmiller and Braun 1993, as iRprop-, Igel and Huesken 2000), for gradients of all the
   data: rprop.c. Each element's step s, the rate at first, becomes `faster` times itself where g
   has the sign that it had, `slower` times where it turned, within [least, most]; w -= s sign(g),
   but not where g turned, which is then forgotten. A rate set later changes nothing. */
typedef struct wg_rprop_options {
    double rate;            // 0.01
    double slower, faster;  // 0.5, 1.2
    double least, most;     // 1e-6, 50
} wg_rprop_options;
WG_OPTIMISER(rprop, wg_rprop_options);

/* Lion (Chen et al. 2023): lion.c. w -= rate (sign(beta1 m + (1 - beta1) g) + weight_decay w);
   m = beta2 m + (1 - beta2) g. The rate is best a third to a tenth of Adam's, and the decay as much
   larger. */
typedef struct wg_lion_options {
    double rate;          // 1e-4
    double beta1, beta2;  // 0.9, 0.99
    double weight_decay;  // 0; decoupled
} wg_lion_options;
WG_OPTIMISER(lion, wg_lion_options);

/* Muon (Jordan et al. 2024), for matrices; of more dimensions all but the first count as one:
   muon.c. v = momentum v + (1 - momentum) g; X = (1 - momentum) g + momentum v, or v with
   heavy_ball; X = X / (|X| + 1e-7). Five times (Newton and Schulz) with A = X X', of the shorter
   side: X = 3.4445 X - 4.7750 A X + 2.0315 A A X, which takes all singular values to about 1. Then
   w -= rate weight_decay w;  w -= rate sqrt(max(1, rows / columns)) X. Vectors want a group of
   their own:

       wg_optim *o = wg_optim_muon(m, (wg_muon_options){ 0 });
       wg_optim_group(o, "*b", wg_adamw((wg_adam_options){ 0 })); */
typedef struct wg_muon_options {
    double rate;          // 0.02
    double momentum;      // 0.95
    bool heavy_ball;      // rather than Nesterov's momentum
    double weight_decay;  // 0; decoupled
    int iterations;       // 5
} wg_muon_options;
WG_OPTIMISER(muon, wg_muon_options);

/* ---- groups: group.c ------------------------------------------------------------------------- */

/* Parameters whose full path matches (as in wg_nn_params: '*' stands for any characters) follow
   another spec: other numbers, another rate, another rule. NULL matches all. Of several groups that
   match, the one given last counts; the optimiser's own spec is that of all the others.

       wg_optim *o = wg_optim_adamw(m, (wg_adam_options){ .rate = 3e-4, .weight_decay = 0.01 });
       wg_optim_group(o, "*b", wg_adamw((wg_adam_options){ .rate = 3e-4 }));  // no decay

   A group may come, or be given anew with the same pattern, at any time: a parameter whose rule
   stays what it was keeps its states, one that changes to another rule (adam to adamw is one, and
   so is momentum in sgd where there was none) starts anew with it. That a
   pattern matches no parameter is an error of the next step. */
WG_API bool wg_optim_group(wg_optim *o, const char *pattern, wg_optim_spec spec);

/* NULL is fine; before or after the model. Without its model an optimiser refuses all that concerns
   parameters, such as steps, groups and clearing; its rates, limits, schedule and counts remain. */
WG_API void wg_optim_free(wg_optim *o);

/* ---- stepping: optim.c ----------------------------------------------------------------------- */

/* Backward, clip, step, clear: all of it or, on an error, nothing. Only the parameters of the
   optimiser's model, which may be a part of another, get gradients: several optimisers on several
   losses do not disturb each other. */
WG_API bool wg_optim_minimize(wg_optim *o, wg_tensor *loss);
/* One update from the gradients that are there; none at all, as before wg_backward, is an error.
   The first one seals the model. */
WG_API bool wg_optim_step(wg_optim *o);
WG_API void wg_optim_clear(wg_optim *o);           // drops the gradients of all parameters
WG_API int64_t wg_optim_steps(const wg_optim *o);  // made so far; 0 for NULL
/* From now on wg_optim_minimize steps once in `every` calls, with the mean of their losses'
   gradients: batches too large for the memory come in parts. What has gathered is kept in the
   gradients as sum / every; wg_optim_clear drops it, and wg_optim_step steps with it at once. */
WG_API bool wg_optim_accumulate(wg_optim *o, int every);

/* A loss or a gradient that is not finite is an error, which names the parameter, and changes
   nothing. With skipping on it is none: the step is left out, counted and noted, and training goes
   on. A loss that is skipped while losses accumulate does not count among them; with a gradient all
   that has gathered is dropped. */
WG_API bool wg_optim_skip_nonfinite(wg_optim *o, bool on);
WG_API int64_t wg_optim_skipped(const wg_optim *o);  // steps left out so far; 0 for NULL
/* The last of them, `step 12: the gradient of "fc1/w" is nan`: at most `size` bytes with the
   closing 0; returns the length of the whole text, 0 if there was none. A text of NULL has size 0,
   or it is an error. */
WG_API size_t wg_optim_last_skip(const wg_optim *o, char *text, size_t size);

/* The optimiser's own rate. Groups have rates of their own, which setting it leaves alone; scaling
   multiplies all of them, by a finite factor that is not negative. */
WG_API double wg_optim_rate(const wg_optim *o);           // NaN for NULL
WG_API bool wg_optim_set_rate(wg_optim *o, double rate);  // finite and not negative
WG_API bool wg_optim_scale_rates(wg_optim *o, double factor);

/* A loss as a function of whatever `user` is, for methods that want it more than once a step. */
typedef wg_tensor *wg_objective(void *user);
/* Minimises f: evaluates it in a scope of its own, as often as the method wants, and steps. `value`
   (may be NULL) gets the loss before the step. All or nothing, as wg_optim_minimize is. */
WG_API bool wg_optim_minimize_by(wg_optim *o, wg_objective *f, void *user, double *value);

/* ---- L-BFGS: lbfgs.c ------------------------------------------------------------------------- */

/* Limited-memory BFGS (Nocedal 1980; Liu and Nocedal 1989) with a line search for the strong Wolfe
   conditions (Nocedal and Wright 2006, algorithms 3.5 and 3.6), for an objective that is the same
   whenever it is called: all of the data, no dropout. It works in double whatever the dtype.

       wg_optim *o = wg_optim_lbfgs(m, (wg_lbfgs_options){ 0 });
       while (wg_optim_minimize_by(o, loss, &problem, NULL) &&
              wg_optim_lbfgs_report(o).why == WG_LBFGS_ITERATIONS) {
       }

   One call makes up to `iterations` steps of it, each of which lowers the objective; in the trials
   of a line search it may be infinite or NaN. What it has learnt of the curvature lasts from call
   to call, until somebody else changes the parameters or a call fails. The rate, with a schedule's
   factor, is what each line search tries first. Clipping, groups, accumulating, skipping and
   proximal steps are refused. */
typedef struct wg_lbfgs_options {
    double rate;       // 1
    int history;       // 10: pairs of steps and changes of the gradient that are kept
    int iterations;    // 20 in a call
    int evaluations;   // 25 in a line search
    double curvature;  // 0.9: c2 of Wolfe's conditions, above c1 = 1e-4; the smaller, the more
                       // exact is each line search
    double gradient;   // 1e-7: done when no element of the gradient is larger
    double change;     // 1e-9: done when a step lowers the objective by less than this part of it;
                       // less than 1e-15: never
} wg_lbfgs_options;
WG_OPTIMISER(lbfgs, wg_lbfgs_options);

typedef enum wg_lbfgs_why {
    WG_LBFGS_ITERATIONS,  // all made: there may be more to gain
    WG_LBFGS_GRADIENT,    // converged: the gradient is small
    WG_LBFGS_CHANGE,      // converged: so was the last change
    WG_LBFGS_NO_STEP      // no step was found that lowers the objective, downhill neither: it is as
                          // low as its rounding lets it be, or its gradient is wrong
} wg_lbfgs_why;
/* Of the last call of wg_optim_minimize_by that did not fail; zeros before it, for NULL and for
   another method. `value` and `gradient` (its largest element) are those of the end. */
typedef struct wg_lbfgs_report {
    wg_lbfgs_why why;
    int iterations, evaluations;
    double value, gradient;
} wg_lbfgs_report;
WG_API wg_lbfgs_report wg_optim_lbfgs_report(const wg_optim *o);

/* ---- clipping: clip.c ------------------------------------------------------------------------ */

/* What a step uses in place of the gradients, from now on; they stay what they are. Several can be
   on: first by value, then adaptive, then by norm. A limit of 0 turns one off. Gradients that are
   not finite are never clipped into use: such a step is refused or skipped. */
/* Each element into [-max_value, max_value]. */
WG_API bool wg_optim_clip_value(wg_optim *o, double max_value);
/* By the size of what is moved (Brock et al. 2021): each unit's g is multiplied with
   min(1, factor max(|w|, 1e-3) / |g|), in 2-norms over the unit: one of the first dimension, or all
   of a vector. The paper's factors are from 0.01, for large batches, to 0.16, and it leaves the
   last layer alone: `skip` is a pattern of such paths, or NULL; one that matches none is an error
   of the next step. */
WG_API bool wg_optim_clip_adaptive(wg_optim *o, double factor, const char *skip);
/* g * min(1, max_norm / |g|), |g| being the 2-norm over all gradients together (Pascanu et al.
   2013). */
WG_API bool wg_optim_clip_norm(wg_optim *o, double max_norm);
/* |g| now, before any clipping; 0 without gradients, NaN for NULL and without a model. */
WG_API double wg_optim_gradient_norm(const wg_optim *o);

/* ---- proximal steps: proximal.c -------------------------------------------------------------- */

/* Terms that are not differentiated, but minimised exactly beside each update (Parikh and Boyd
   2014): they reach exact zeros, which a gradient does not. A row is what belongs to one unit of a
   layer: w seen as (first dimension, all others). With step s after w was updated, w becomes

       argmin over x of  sum (x - w)^2 / 2s  +  the terms of x,

   in closed form: x = w / (1 + 2 s l2), s / (1 + 2 s l2) being the step from here on; soft
   threshold x = sign(x) max(0, |x| - s l1); rows x = x max(0, 1 - s group sqrt(n) / |x|), n being
   their length (Yuan and Lin 2006); last, rows longer than max_norm are cut to it (Srivastava et
   al. 2014). l1 with l2 is the elastic net (Zou and Hastie 2005), l1 with group the sparse group
   lasso (Simon et al. 2013). The minimum is that of loss + wg_nn_l1(m, pattern, l1) +
   wg_nn_l2(m, pattern, l2).

   The step s is the one that the rule made for each element: rate / (sqrt(v) + epsilon) for Adam
   (Yun, Lozano and Yang 2021), rate / (1 - momentum) for SGD. With the plain rate in its place, the
   rule would rest where |g| is not l1 but l1 times what divides its steps: at another minimum. A
   row whose elements have different steps solves its equation by Newton's method. Rules whose steps
   do not grow with the gradient (lion, rprop, muon) have no such metric, and take the rate. */
typedef struct wg_proximal {
    double l1;        // l1 sum |w|
    double l2;        // l2 sum w^2
    double group;     // group sum over rows sqrt(n) |row|
    double max_norm;  // 0: rows of any length
} wg_proximal;
/* For parameters whose full path matches; NULL: the weights, which are those of rank 2 and more.
   The last that matches counts; zeros take it back. A pattern that matches none is an error of the
   next step. */
WG_API bool wg_optim_proximal(wg_optim *o, const char *pattern, wg_proximal p);

/* ---- an optimiser of your own ---------------------------------------------------------------- */

/* One parameter's update: w, its gradient g (to be multiplied by `scale`, which clips it, before
   use) and the rule's states, all dense, n elements, of one dtype; t counts this parameter's
   updates by this rule, from 1. States and numbers start at zero. Where there is a `step`, a rule
   whose steps grow with the gradient writes how much for each element: what a gradient that stays
   g would make w lose in one step, over g, such as rate / (sqrt(v) + epsilon). */
typedef struct wg_optim_call {
    int64_t n, t;
    wg_dtype dtype;
    void *w;
    const void *g;
    void *const *state;
    double scale, rate;
    const void *options;
    const wg_shape *shape;
    const char *path;
    double *number;  // two numbers of this parameter's, for the rule to keep
    void *work;      // what `prepare` asked for; undefined contents
    void *step;      // NULL, or n elements, found set to the rate: see above
} wg_optim_call;
struct wg_optim_rule {
    const char *name;
    int states;  // tensors like w, at most 4
    void (*update)(const wg_optim_call *c);
    /* NULL, or called before any parameter is changed, with w, g, state and work NULL: may refuse
       the parameter (wg_fail; false), and ask for bytes of working memory. */
    bool (*prepare)(const wg_optim_call *c, size_t *work);
    const struct wg__search *search;  // lbfgs's, in place of update; NULL in a rule of your own
};
/* Copies the rule, but not its name, and `size` bytes of options. Parameters keep their states from
   a rule to one of the same name, update and number of states. */
WG_API wg_optim *wg_optim_new(wg_nn *m, const wg_optim_rule *rule, double rate, const void *options,
                              size_t size);
/* The same as a spec, for wg_optim_make, wg_optim_group and wg_nn_fit: spec.c. It holds a copy of
   the options, of at most 128 bytes, and points to the rule. What is wrong is reported, and leaves
   the spec's rule NULL. */
WG_API wg_optim_spec wg_optim_spec_of(const wg_optim_rule *rule, double rate, const void *options,
                                      size_t size);

#undef WG_OPTIMISER

#ifdef __cplusplus
}
#endif
#endif
