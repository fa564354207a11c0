// SPDX-License-Identifier: MIT
/* boots.h: what the sections on training and test share: two classes of Fashion-MNIST, bags and
   ankle boots, told by two numbers of each picture alone, so that they overlap and can be drawn;
   and a network with one hidden layer that learns them as well as it can, not regularised. */
#ifndef WG_EXAMPLES_BOOTS_H
#define WG_EXAMPLES_BOOTS_H

#include "lecture.h"

typedef struct boots {
    wg_tensor *x, *t;  // (B, 2): mean brightness, and how it changes upside down; (B, 1): 1 a boot
} boots;

/* All bags (8) and ankle boots (9) among Fashion-MNIST's 10000 pictures for tests; each feature has
   mean 0 and deviation 1, over all of them. */
static inline boots load_boots(void) {
    const char *images = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz";
    const char *labels = "/usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz";
    wg_data *all =
        wg_data_idx(images, labels, (wg_data_options){ .scale = 1.0 / 255, .dtype = WG_F64 });
    wg_batch b = { .size = wg_data_size(all), .in_order = true };
    boots d = { 0 };
    if (!wg_data_next(all, &b)) {
        say("This section needs Fashion-MNIST: Debian's package dataset-fashion-mnist.");
        return d;
    }
    wg_tensor *label = wg_cast(b.y, WG_F64), *order = wg_argsort(label, 0, true);  // 9s, then 8s
    int64_t n = (int64_t)wg_item(wg_sum(wg_step(wg_sub(label, wg_num(7.5)))));
    wg_tensor *ours = wg_slice(order, 0, 0, n, 1);
    wg_tensor *picture = wg_reshape(wg_index_select(b.x, 0, ours), WG_SHAPE(n, 28, 28));
    wg_tensor *turned = wg_abs(wg_sub(picture, wg_flip(picture, 1)));
    wg_tensor *feature[] = { wg_mean_axes(picture, WG_AXES(1, 2), false),
                             wg_mean_axes(turned, WG_AXES(1, 2), false) };
    wg_tensor *x = wg_stack(feature, 2, 1);  // (n, 2)
    x = wg_div(wg_sub(x, wg_mean_axes(x, WG_AXES(0), true)), wg_std_axes(x, WG_AXES(0), true, 0));
    d.x = x, d.t = wg_unsqueeze(wg_sub(wg_index_select(label, 0, ours), wg_num(8)), 1);
    wg_data_free(all);
    return d;
}

/* n of them from the i-th on, in an order of the seed's. */
static inline boots some_boots(boots d, uint64_t seed, int64_t i, int64_t n) {
    wg_tensor *order = wg_permutation(wg_dim(d.x, 0), &(wg_random){ .seed = seed });
    wg_tensor *ours = wg_slice(order, 0, i, n == WG_REST ? WG_END : i + n, 1);
    return (boots){ wg_index_select(d.x, 0, ours), wg_index_select(d.t, 0, ours) };
}

typedef struct learner {
    wg_nn *m;
    int64_t hidden;  // units; 0: no hidden layer
    boots d;         // what it learns from
    wg_lbfgs_report report;
} learner;

/* x (B, 2) -> the logarithm of the odds of a boot (B, 1). */
static inline wg_tensor *odds(const learner *l, wg_tensor *x) {
    wg_init normal = { .kind = WG_INIT_NORMAL, .b = 1 };  // so that kinks lie among the samples
    wg_linear_options o = { .w = normal, .b = normal };
    if (l->hidden > 0) x = wg_tanh(wg_nn_linear_with(l->m, "hidden", x, l->hidden, o));
    return wg_nn_linear(l->m, "out", x, 1);
}

static inline wg_tensor *boots_cost(void *user) {
    learner *l = user;
    return wg_nn_bce_with_logits(odds(l, l->d.x), l->d.t);
}

/* Share of d that it tells wrong; and the cost on d. */
static inline double share_wrong(const learner *l, boots d, double *cost) {
    wg_scope *scope = wg_scope_open();
    wg_recording(false);
    wg_tensor *z = odds(l, d.x);
    double wrong = wg_item(wg_mean(wg_cast(wg_ne(wg_step(z), d.t), WG_F64)));
    if (cost) *cost = wg_item(wg_nn_bce_with_logits(z, d.t));
    wg_scope_close(scope);
    return wrong;
}

/* From random weights of the seed's downhill by L-BFGS, to a minimum or as far as 1000 steps go.
   Free l.m afterwards. */
static inline learner learn_boots(boots d, int64_t hidden, uint64_t seed) {
    learner l = { .m = wg_nn_new(seed), .hidden = hidden, .d = d };
    boots_cost(&l);
    wg_optim *o = wg_optim_lbfgs(
        l.m, (wg_lbfgs_options){ .iterations = 1000, .gradient = 1e-6, .change = 1e-15 });
    wg_optim_minimize_by(o, boots_cost, &l, NULL);
    l.report = wg_optim_lbfgs_report(o);
    wg_optim_free(o);
    return l;
}

#endif
