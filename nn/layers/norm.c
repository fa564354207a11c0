// SPDX-License-Identifier: MIT
/* norm.c: layers that normalise within each sample, by what stands in the sample alone; training
   and evaluating are the same. */
#include "nn/layers/norm_impl.h"

/* ---- what all of them share ------------------------------------------------------------------ */

bool wg__norm_enter(wg__norm_layer *n, wg_nn *m, const char *name) {
    n->layer = wg_nn_enter(m, name, n->what);
    if (!n->layer) return false;
    n->o.epsilon = wg__or(n->o.epsilon, 1e-5);
    return true;
}

bool wg__norm_options_valid(const wg__norm_layer *n, bool axes, bool momentum) {
    const wg_norm_options *o = &n->o;
    if (!(o->epsilon > 0 && o->epsilon < INFINITY))
        return wg_fail(WG_ERROR_ARGUMENT, "%s: epsilon %g is not within (0, inf)", n->what,
                       o->epsilon);
    if (!axes && o->axes)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: axes = %d is for layer_norm and rms_norm", n->what,
                       o->axes);
    return momentum || (o->momentum == 0 && !o->no_running) ||
           wg_fail(WG_ERROR_ARGUMENT, "%s: momentum = %g and no_running = %d are for batch_norm",
                   n->what, o->momentum, o->no_running);
}

static bool inits_fit(const wg__norm_layer *n, wg_shape shape) {
    const wg_norm_options *o = &n->o;
    wg_dtype dtype = wg_dtype_of(n->x);
    if (o->no_affine && wg__init_given(o->w))
        return wg_fail(WG_ERROR_ARGUMENT, "%s: .w is given, but no_affine, too", n->what);
    return wg__init_fits(o->w, dtype, shape) &&
           wg__bias_fits(n->what, o->no_bias || o->no_affine, o->b, dtype, shape);
}

bool wg__norm_affine(wg__norm_layer *n, wg_shape shape) {
    static const wg_init ones = { .kind = WG_INIT_CONSTANT, .a = 1 };
    const wg_norm_options *o = &n->o;
    wg_dtype dtype = wg_dtype_of(n->x);
    if (!inits_fit(n, shape)) return false;
    if (o->no_affine) return true;
    n->w = wg_nn_param(n->layer, "w", dtype, shape, wg__init_or(o->w, ones));
    if (!n->w || o->no_bias) return n->w != NULL;
    n->b = wg_nn_param(n->layer, "b", dtype, shape,
                       wg__init_or(o->b, (wg_init){ .kind = WG_INIT_ZEROS }));
    return n->b != NULL;
}

/* ---- over the last axes ---------------------------------------------------------------------- */

static const wg__takes lines = { 1, WG_MAX_RANK, "(..., C)" };

static bool axes_valid(wg__norm_layer *n) {
    if (n->o.axes == 0) n->o.axes = 1;
    return (n->o.axes > 0 && n->o.axes <= wg_rank(n->x)) ||
           wg_fail(WG_ERROR_SHAPE, "%s: the last %d of %d axes", n->what, n->o.axes, wg_rank(n->x));
}

static wg_shape last_axes(const wg_tensor *x, int axes) {
    wg_shape shape = { .rank = axes };
    for (int i = 0; i < axes; i++) shape.dim[i] = wg_dim(x, i - axes);
    return shape;
}

static bool line_ready(wg__norm_layer *n) {
    return wg__layer_takes(n->what, "x", n->x, lines) && wg__norm_options_valid(n, true, false) &&
           axes_valid(n) && wg__norm_affine(n, last_axes(n->x, n->o.axes));
}

wg_tensor *wg_nn_layer_norm_with(wg_nn *m, const char *name, wg_tensor *x, wg_norm_options o) {
    wg__norm_layer n = { .what = "nn_layer_norm", .x = x, .o = o };
    if (!wg__norm_enter(&n, m, name)) return NULL;
    wg_tensor *y = NULL;
    if (line_ready(&n)) y = wg_layer_norm(x, n.o.axes, n.w, n.b, n.o.epsilon);
    return wg_nn_leave(m, n.layer, y);
}

wg_tensor *wg_nn_layer_norm(wg_nn *m, const char *name, wg_tensor *x) {
    return wg_nn_layer_norm_with(m, name, x, (wg_norm_options){ 0 });
}

wg_tensor *wg_nn_rms_norm_with(wg_nn *m, const char *name, wg_tensor *x, wg_norm_options o) {
    wg__norm_layer n = { .what = "nn_rms_norm", .x = x, .o = o };
    n.o.no_bias = true;
    if (!wg__norm_enter(&n, m, name)) return NULL;
    wg_tensor *y = NULL;
    if (line_ready(&n)) y = wg_rms_norm(x, n.o.axes, n.w, n.o.epsilon);
    return wg_nn_leave(m, n.layer, y);
}

wg_tensor *wg_nn_rms_norm(wg_nn *m, const char *name, wg_tensor *x) {
    return wg_nn_rms_norm_with(m, name, x, (wg_norm_options){ 0 });
}

/* ---- over groups of channels ----------------------------------------------------------------- */

static bool groups_valid(const wg__norm_layer *n, int64_t groups) {
    int64_t channels = wg_dim(n->x, 1);
    return (groups > 0 && channels > 0 && channels % groups == 0) ||
           wg_fail(WG_ERROR_ARGUMENT, "%s: %lld channels do not make %lld groups", n->what,
                   (long long)channels, (long long)groups);
}

wg_tensor *wg_nn_group_norm_with(wg_nn *m, const char *name, wg_tensor *x, int64_t groups,
                                 wg_norm_options o) {
    static const wg__takes takes = { 2, WG_MAX_RANK, "(B, C, ...)" };
    wg__norm_layer n = { .what = "nn_group_norm", .x = x, .o = o };
    if (!wg__norm_enter(&n, m, name)) return NULL;
    wg_tensor *y = NULL;
    if (wg__layer_takes(n.what, "x", x, takes) && wg__norm_options_valid(&n, false, false) &&
        groups_valid(&n, groups) && wg__norm_affine(&n, WG_SHAPE(wg_dim(x, 1))))
        y = wg_group_norm(x, groups, n.w, n.b, n.o.epsilon);
    return wg_nn_leave(m, n.layer, y);
}

wg_tensor *wg_nn_group_norm(wg_nn *m, const char *name, wg_tensor *x, int64_t groups) {
    return wg_nn_group_norm_with(m, name, x, groups, (wg_norm_options){ 0 });
}

wg_tensor *wg_nn_instance_norm_with(wg_nn *m, const char *name, wg_tensor *x, wg_norm_options o) {
    static const wg__takes takes = { 3, WG_MAX_RANK, "(B, C, L, ...)" };
    wg__norm_layer n = { .what = "nn_instance_norm", .x = x, .o = o };
    if (!wg__norm_enter(&n, m, name)) return NULL;
    wg_tensor *y = NULL;
    if (wg__layer_takes(n.what, "x", x, takes) && wg__norm_options_valid(&n, false, false) &&
        wg__norm_affine(&n, WG_SHAPE(wg_dim(x, 1))))
        y = wg_instance_norm(x, n.w, n.b, n.o.epsilon);
    return wg_nn_leave(m, n.layer, y);
}

wg_tensor *wg_nn_instance_norm(wg_nn *m, const char *name, wg_tensor *x) {
    return wg_nn_instance_norm_with(m, name, x, (wg_norm_options){ 0 });
}
