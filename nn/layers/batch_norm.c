// SPDX-License-Identifier: MIT
/* batch_norm.c: normalising by channel over the batch. While training it goes by the batch and
   notes what it saw in two buffers, by which it goes when evaluating. The buffers are written last,
   once nothing can fail any more, and never on the tape. */
#include "nn/layers/norm_impl.h"

typedef struct running {
    wg_tensor *mean, *var;  // (C)
} running;

static const wg_init at_zero = { .kind = WG_INIT_ZEROS };
static const wg_init at_one = { .kind = WG_INIT_CONSTANT, .a = 1 };

static bool running_of(const wg__norm_layer *n, running *r) {
    wg_shape channels = WG_SHAPE(wg_dim(n->x, 1));
    wg_dtype dtype = wg_dtype_of(n->x);
    r->mean = wg_nn_buffer(n->layer, "running_mean", dtype, channels, at_zero);
    r->var = wg_nn_buffer(n->layer, "running_var", dtype, channels, at_one);
    return r->mean && r->var;
}

static bool momentum_valid(wg__norm_layer *n) {
    n->o.momentum = wg__or(n->o.momentum, 0.1);
    return (n->o.momentum > 0 && n->o.momentum <= 1) ||
           wg_fail(WG_ERROR_ARGUMENT, "%s: momentum %g is not within (0, 1]", n->what,
                   n->o.momentum);
}

static bool goes_by_batch(const wg__norm_layer *n) {
    return n->layer->model->training || n->o.no_running;
}

// A channel's variance needs two values.
static bool batch_large_enough(const wg__norm_layer *n) {
    if (!goes_by_batch(n)) return true;
    char text[200];
    wg_shape shape = wg_shape_of(n->x);
    int64_t each = 1;
    for (int i = 0; i < shape.rank; i++) each *= i == 1 ? 1 : shape.dim[i];
    return each > 1 || wg_fail(WG_ERROR_SHAPE,
                               "%s: x is %s, %lld values to a channel: while training wanted are "
                               "two at least",
                               n->what, wg_shape_text(shape, text, sizeof text), (long long)each);
}

// to = (1 - momentum) to + momentum seen
static void move_towards(wg_tensor *to, const wg_tensor *seen, double momentum) {
    wg_dtype dtype = to->view.dtype;
    for (int64_t k = 0, n = wg_numel(to); k < n; k++) {
        void *at = wg__at(&to->view, k);
        double value = wg__load(dtype, wg__at(&seen->view, wg__offset(&seen->view, k)));
        wg__store(dtype, at, (1 - momentum) * wg__load(dtype, at) + momentum * value);
    }
    wg__touch(to);
}

// False after reporting; a function that runs again has noted its batch already.
static bool note_batch(const wg__norm_layer *n, const running *r) {
    if (wg_is_replay()) return true;
    wg_shape axes = { .rank = 0 };
    for (int i = 0; i < wg_rank(n->x); i++)
        if (i != 1) axes.dim[axes.rank++] = i;
    wg_tensor *x = wg_stop(n->x);
    wg_tensor *mean = wg_mean_axes(x, axes, false);   // (C)
    wg_tensor *var = wg_var_axes(x, axes, false, 1);  // (C)
    if (!mean || !var) return false;
    move_towards(r->mean, mean, n->o.momentum);
    move_towards(r->var, var, n->o.momentum);
    return true;
}

static wg_tensor *apply(wg__norm_layer *n) {
    wg_batch_norm_options o = { .weight = n->w, .bias = n->b, .eps = n->o.epsilon };
    bool training = n->layer->model->training, by_batch = goes_by_batch(n);
    running r = { 0 };
    if (!n->o.no_running && !running_of(n, &r)) return NULL;
    if (!by_batch) o.mean = r.mean, o.var = r.var;  // no rule reads them: they may move on
    wg_tensor *y = wg_batch_norm(n->x, o);
    if (y && training && !n->o.no_running && !note_batch(n, &r)) return NULL;
    return y;
}

wg_tensor *wg_nn_batch_norm_with(wg_nn *m, const char *name, wg_tensor *x, wg_norm_options o) {
    static const wg__takes takes = { 2, WG_MAX_RANK, "(B, C, ...)" };
    wg__norm_layer n = { .what = "nn_batch_norm", .x = x, .o = o };
    if (!wg__norm_enter(&n, m, name)) return NULL;
    wg_tensor *y = NULL;
    if (wg__layer_takes(n.what, "x", x, takes) && wg__norm_options_valid(&n, false, true) &&
        momentum_valid(&n) && batch_large_enough(&n) && wg__norm_affine(&n, WG_SHAPE(wg_dim(x, 1))))
        y = apply(&n);
    return wg_nn_leave(m, n.layer, y);
}

wg_tensor *wg_nn_batch_norm(wg_nn *m, const char *name, wg_tensor *x) {
    return wg_nn_batch_norm_with(m, name, x, (wg_norm_options){ 0 });
}
