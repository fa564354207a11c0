// SPDX-License-Identifier: MIT
/* regularise.c: penalties, to be added to the loss. Those on parameters walk over what the pattern
   matches and add up one term for each; a penalty is the function that makes the term. */
#include <math.h>

#include "nn/nn_impl.h"

/* What a penalty is made of; a term reads what it needs. */
typedef struct penalty {
    const char *name;
    double strength[2];
    double most;
    bool groups;  // along `axis`
    int axis;
    wg_tensor *(*term)(const struct penalty *p, wg_tensor *w);  // to ()
} penalty;

/* ---- checks ---------------------------------------------------------------------------------- */

static bool strength_fits(const char *name, double strength) {
    return (strength >= 0 && isfinite(strength)) ||
           wg_fail(WG_ERROR_ARGUMENT, "%s: the strength %g is not finite or negative", name,
                   strength);
}

static bool counts(const wg_nn *node, const char *pattern) {
    return pattern || node->param->view.shape.rank >= 2;  // unless asked for, biases are left alone
}

static bool has_axis(const penalty *p, const wg_nn *node) {
    char text[200];
    wg_shape shape = wg_shape_of(node->param);
    return wg__axis(p->axis, shape.rank) >= 0 ||
           wg_fail(WG_ERROR_SHAPE, "%s: \"%s\" is %s, which has no axis %d", p->name, node->path,
                   wg_shape_text(shape, text, sizeof text), p->axis);
}

/* ---- the walk -------------------------------------------------------------------------------- */

// Often because the net was not run before, or beside: C orders no arguments.
static void *nothing_matches(const penalty *p, const wg_nn *m, const char *pattern) {
    int params = wg_nn_params(m, NULL);
    return WG__FAIL_NULL(WG_ERROR_ARGUMENT,
                         "%s: none of the %d parameters so far below \"%s\" matches %s%s", p->name,
                         params, m->path, pattern ? pattern : "(weights)",
                         params ? "" : ": the network must run first");
}

static wg_tensor *over(wg_nn *m, const char *pattern, const penalty *p) {
    if (wg__pending()) return NULL;
    wg__where(m ? m->path : "");
    if (!m) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "%s: the model is NULL", p->name);
    if (!strength_fits(p->name, p->strength[0]) || !strength_fits(p->name, p->strength[1]))
        return NULL;
    wg_tensor *sum = NULL;  // ()
    const wg_nn *node;
    for (int i = 0; (node = wg__nn_next(m, pattern, &i));) {
        if (!counts(node, pattern)) continue;
        if (p->groups && !has_axis(p, node)) return NULL;
        wg_tensor *term = p->term(p, node->param);  // ()
        sum = sum ? wg_add(sum, term) : term;
        if (!sum) return NULL;
    }
    return sum ? sum : nothing_matches(p, m, pattern);
}

/* ---- terms ----------------------------------------------------------------------------------- */

// a sum |x| + b sum x^2; a term of strength 0 is not computed
static wg_tensor *elastic(wg_tensor *x, double a, double b) {
    wg_tensor *one = a != 0 || b == 0 ? wg_mul(wg_sum(wg_abs(x)), wg_num(a)) : NULL;
    wg_tensor *two = b != 0 ? wg_mul(wg_sum(wg_square(x)), wg_num(b)) : NULL;
    return one && two ? wg_add(one, two) : one ? one : two;
}

static wg_tensor *elastic_term(const penalty *p, wg_tensor *w) {
    return elastic(w, p->strength[0], p->strength[1]);
}

// The Euclidean norms of w's groups, whose slope at 0 is 0, and how many numbers a group has.
static wg_tensor *norms(const penalty *p, wg_tensor *w, double *size) {
    wg_shape axes = { 0 };
    int rank = wg_rank(w), kept = wg__axis(p->axis, rank);
    *size = 1;
    for (int i = 0; i < rank; i++) {
        if (i == kept) continue;
        axes.dim[axes.rank++] = i;
        *size *= (double)wg_dim(w, i);
    }
    return axes.rank ? wg_norm_axes(w, 2, axes, false) : wg_abs(w);
}

static wg_tensor *group_term(const penalty *p, wg_tensor *w) {
    double size;
    wg_tensor *norm = norms(p, w, &size);  // (groups)
    return wg_mul(wg_sum(norm), wg_num(p->strength[0] * sqrt(size)));
}

static wg_tensor *max_norm_term(const penalty *p, wg_tensor *w) {
    double size;
    wg_tensor *over_it = wg_relu(wg_sub(norms(p, w, &size), wg_num(p->most)));  // (groups)
    return wg_mul(wg_sum(wg_square(over_it)), wg_num(p->strength[0]));
}

/* ---- the penalties --------------------------------------------------------------------------- */

wg_tensor *wg_nn_l1(wg_nn *m, const char *pattern, double strength) {
    return over(m, pattern, &(penalty){ "nn_l1", { strength, 0 }, .term = elastic_term });
}
wg_tensor *wg_nn_l2(wg_nn *m, const char *pattern, double strength) {
    return over(m, pattern, &(penalty){ "nn_l2", { 0, strength }, .term = elastic_term });
}
wg_tensor *wg_nn_elastic_net(wg_nn *m, const char *pattern, double l1, double l2) {
    return over(m, pattern, &(penalty){ "nn_elastic_net", { l1, l2 }, .term = elastic_term });
}

wg_tensor *wg_nn_group_lasso(wg_nn *m, const char *pattern, double strength, int axis) {
    return over(m, pattern,
                &(penalty){ "nn_group_lasso", { strength, 0 }, 0, true, axis, group_term });
}

wg_tensor *wg_nn_max_norm(wg_nn *m, const char *pattern, double strength, double most, int axis) {
    if (wg__pending()) return NULL;
    if (!(most >= 0 && isfinite(most)))
        return wg__where(m ? m->path : ""),
               WG__FAIL_NULL(WG_ERROR_ARGUMENT,
                             "nn_max_norm: the norm %g is not finite or negative", most);
    return over(m, pattern,
                &(penalty){ "nn_max_norm", { strength, 0 }, most, true, axis, max_norm_term });
}

wg_tensor *wg_nn_activity(wg_tensor *x, double l1, double l2) {
    if (wg__pending()) return NULL;
    if (!x) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "nn_activity: x is NULL");
    if (!strength_fits("nn_activity", l1) || !strength_fits("nn_activity", l2)) return NULL;
    if (wg_rank(x) == 0)
        return WG__FAIL_NULL(WG_ERROR_SHAPE, "nn_activity: a single number has no axis of samples");
    double samples = wg_dim(x, 0) ? (double)wg_dim(x, 0) : 1;
    return elastic(x, l1 / samples, l2 / samples);
}
