// SPDX-License-Identifier: MIT
/* optim.h: optimisers. Each is one rule, w and its state updated from its gradient g, in one pass.

       wg_optim *adam = wg_optim_adam(m, (wg_adam_options){ .rate = 3e-3 });
       wg_optim_minimize(adam, loss);

   An option left at zero takes the default that stands beside it. Where that is not 0 and none at
   all is meant, give a tiny value, such as .beta1 = 1e-30, which rounds to nothing beside 1;
   negative ones are refused. A rate of 0 can be set afterwards.

   A step first finds all the memory that it needs and then changes the parameters, so that on an
   error every one is as it was. It never writes to the gradients, and a parameter without a
   gradient is left alone. */
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
   Options out of range are reported, and leave the rule NULL. */
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

#define WG_OPTIMISER(name, options)                                                                \
    WG_API wg_optim_spec wg_##name(options o);                                                     \
    WG_API wg_optim *wg_optim_##name(wg_nn *m, options o)

/* ---- optimisers; t counts the steps from 1 --------------------------------------------------- */

/* Stochastic gradient descent: sgd.c. Without momentum w -= rate g. With momentum mu (Sutskever et
   al. 2013, in PyTorch's form): v = mu v + g, v = g at first; w -= rate v, or with nesterov
   w -= rate (g + mu v). */
typedef struct wg_sgd_options {
    double rate;          // 0.01
    double momentum;      // 0
    bool nesterov;        // wants momentum
    double weight_decay;  // 0: g += weight_decay w, first of all
} wg_sgd_options;
WG_OPTIMISER(sgd, wg_sgd_options);

/* Adam (Kingma and Ba 2015): adam.c. m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
   w -= rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon). */
typedef struct wg_adam_options {
    double rate;          // 0.001
    double beta1, beta2;  // 0.9, 0.999
    double epsilon;       // 1e-8
    double weight_decay;  // 0. Adam: g += weight_decay w; AdamW: w -= rate weight_decay w, first
} wg_adam_options;
WG_OPTIMISER(adam, wg_adam_options);
/* AdamW (Loshchilov and Hutter 2019): the decay does not pass through the moments. */
WG_OPTIMISER(adamw, wg_adam_options);

/* ---- groups: group.c ------------------------------------------------------------------------- */

/* Parameters whose full path matches (as in wg_nn_params: '*' stands for any characters) follow
   another spec: other numbers, another rate, another rule. NULL matches all. Of several groups that
   match, the one given last counts; the optimiser's own spec is that of all the others.

       wg_optim *o = wg_optim_adamw(m, (wg_adam_options){ .rate = 3e-4, .weight_decay = 0.01 });
       wg_optim_group(o, "*b", wg_adamw((wg_adam_options){ .rate = 3e-4 }));  // no decay

   A group may come, or be given anew with the same pattern, at any time: a parameter whose rule
   stays what it was keeps its states, one that changes to another rule starts anew with it. That a
   pattern matches no parameter is an error of the next step. */
WG_API bool wg_optim_group(wg_optim *o, const char *pattern, wg_optim_spec spec);

/* NULL is fine; before or after the model, without which an optimiser can do nothing else. */
WG_API void wg_optim_free(wg_optim *o);

/* ---- stepping: optim.c ----------------------------------------------------------------------- */

/* Backward, clip, step, clear: all of it or, on an error, nothing. Only the parameters of the
   optimiser's model, which may be a part of another, get gradients: several optimisers on several
   losses do not disturb each other. A loss that is not finite is an error and changes nothing. */
WG_API bool wg_optim_minimize(wg_optim *o, wg_tensor *loss);
/* One update from the gradients that are there. The first one seals the model. */
WG_API bool wg_optim_step(wg_optim *o);
WG_API void wg_optim_clear(wg_optim *o);           // drops the gradients of all parameters
WG_API int64_t wg_optim_steps(const wg_optim *o);  // made so far; 0 for NULL
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
   factor, is what each line search tries first. Clipping and groups are refused. */
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

/* What a step uses in place of the gradients, from now on, which stay what they are. Several can be
   on: first by value, then adaptive, then by norm. A limit of 0 turns one off. What has NaN is not
   clipped but an error of the step, which then changes nothing. */
/* Each element into [-max_value, max_value], infinite ones too. */
WG_API bool wg_optim_clip_value(wg_optim *o, double max_value);
/* By the size of what is moved (Brock et al. 2021): each unit's g is multiplied with
   min(1, factor max(|w|, 1e-3) / |g|), in 2-norms over the unit: one of the first dimension, or all
   of a vector. The paper's factors are from 0.01, for large batches, to 0.16, and it leaves the
   last layer alone: `skip` is a pattern of such paths, or NULL. */
WG_API bool wg_optim_clip_adaptive(wg_optim *o, double factor, const char *skip);
/* g * min(1, max_norm / |g|), |g| being the 2-norm over all gradients together (Pascanu et al.
   2013). */
WG_API bool wg_optim_clip_norm(wg_optim *o, double max_norm);
/* |g| now, before any clipping; 0 without gradients, NaN for NULL and without a model. */
WG_API double wg_optim_gradient_norm(const wg_optim *o);

/* ---- an optimiser of your own ---------------------------------------------------------------- */

/* One parameter's update: w, its gradient g (to be multiplied by `scale`, which clips it, before
   use) and the rule's states, all dense, n elements, of one dtype; t counts this parameter's
   updates by this rule, from 1. States and numbers start at zero. */
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
    void *step;  // NULL, or n elements to be set to the step that each made for its gradient: what
                 // a constant gradient g would make w lose, over g. Found set to the rate.
} wg_optim_call;
struct wg_optim_rule {
    const char *name;
    int states;  // tensors like w, at most 4
    void (*update)(const wg_optim_call *c);
    /* NULL, or called before any parameter is changed, with w, g, state and work NULL: may refuse
       the parameter (wg_fail; false), and ask for bytes of working memory. */
    bool (*prepare)(const wg_optim_call *c, size_t *work);
    /* In place of update: a method that evaluates its objective several times a step, all of the
       model's parameters at once, and is run by wg_optim_minimize_by alone. */
    bool (*search)(wg_optim *o, wg_objective *f, void *user, double *value);
};
/* Copies `size` bytes of options. */
WG_API wg_optim *wg_optim_new(wg_nn *m, const wg_optim_rule *rule, double rate, const void *options,
                              size_t size);

#ifdef __cplusplus
}
#endif
#endif
