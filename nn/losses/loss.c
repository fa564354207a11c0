// SPDX-License-Identifier: MIT
/* loss.c: losses of y against a target, each a formula over operations; the frame around them,
   which all losses share, comes first. Products with what may be infinite are wg_xmul, for which 0
   times infinity is 0. */
#include "nn/losses/loss_impl.h"

#include <math.h>

/* ---- options --------------------------------------------------------------------------------- */

static unsigned options_given(const wg_loss_options *o) {
    return (o->pos_weight ? WG__POS_WEIGHT : 0u) |
           (o->ignore || o->ignore_index ? WG__IGNORE : 0u) |
           (o->smoothing != 0 ? WG__SMOOTHING : 0u) | (o->delta != 0 ? WG__DELTA : 0u) |
           (o->margin != 0 ? WG__MARGIN : 0u) | (o->p != 0 ? WG__NORM : 0u) |
           (o->swap ? WG__SWAP : 0u) | (o->log_target ? WG__LOG_TARGET : 0u) |
           (o->rates ? WG__RATES : 0u) | (o->full ? WG__FULL : 0u) |
           (o->epsilon != 0 ? WG__EPSILON : 0u);
}

static bool takes_all(const char *loss, unsigned given, unsigned takes) {
    static const char *const names[] = { "pos_weight", "ignore", "smoothing", "delta",
                                         "margin",     "p",      "swap",      "log_target",
                                         "rates",      "full",   "epsilon" };
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if ((given & ~takes) >> i & 1)
            return wg_fail(WG_ERROR_ARGUMENT, "%s: %s is no option of this loss", loss, names[i]);
    return true;
}

bool wg__loss_ready(const char *loss, const wg_loss_options *o, unsigned takes) {
    if (wg__pending()) return false;
    if ((unsigned)o->reduction > WG_NONE)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: there is no reduction %d", loss, (int)o->reduction);
    if (!takes_all(loss, options_given(o), takes)) return false;
    if (o->ignore_index && !o->ignore)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: ignore_index is %lld, but ignore is not set", loss,
                       (long long)o->ignore_index);
    const struct {
        const char *name, *wanted;
        double value;
        bool fits;
    } range[] = {
        { "delta", "more than 0", o->delta, o->delta >= 0 && isfinite(o->delta) },
        { "margin", "finite", o->margin, isfinite(o->margin) },
        { "p", "at least 1", o->p, o->p == 0 || o->p >= 1 },
        { "epsilon", "more than 0", o->epsilon, o->epsilon >= 0 && isfinite(o->epsilon) },
    };
    for (unsigned i = 0; i < sizeof range / sizeof *range; i++)
        if (!range[i].fits)
            return wg_fail(WG_ERROR_ARGUMENT, "%s: %s is %g, wanted is %s", loss, range[i].name,
                           range[i].value, range[i].wanted);
    return true;
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static bool is_there(const char *loss, wg__part a) {
    if (!a.x) return wg_fail(WG_ERROR_ARGUMENT, "%s: %s is NULL", loss, a.name);
    return wg__alive(loss, a.x);
}

bool wg__loss_fit(const char *loss, wg__part a, wg__part b, bool broadcasts) {
    if (!is_there(loss, a) || !is_there(loss, b)) return false;
    wg_shape sa = wg_shape_of(a.x), sb = wg_shape_of(b.x), both;
    wg_dtype da = wg_dtype_of(a.x), db = wg_dtype_of(b.x);
    char has[200], wanted[200];
    if (!wg_dtype_is_float(da) || da != db)
        return wg_fail(WG_ERROR_DTYPE,
                       "%s: %s is %s and %s %s, wanted is f32 or f64 for both; use wg_cast", loss,
                       a.name, wg_dtype_name(da), b.name, wg_dtype_name(db));
    if (broadcasts ? wg__broadcast(&sa, &sb, &both) && wg__shape_equal(&both, &sa)
                   : wg__shape_equal(&sa, &sb))
        return true;
    return wg_fail(WG_ERROR_SHAPE, "%s: %s is %s and %s %s, %s", loss, a.name,
                   wg_shape_text(sa, has, sizeof has), b.name,
                   wg_shape_text(sb, wanted, sizeof wanted),
                   broadcasts ? "which does not broadcast to that" : "wanted is one shape");
}

bool wg__loss_values(const char *loss, wg__part part, bool (*wrong)(double), const char *wanted) {
    const wg_view *v = &part.x->view;
    bool dense = wg_is_contiguous(part.x);
    for (int64_t k = 0, n = wg_numel(part.x); k < n; k++) {
        double value = wg__load(v->dtype, wg__at(v, dense ? k : wg__offset(v, k)));
        if (wrong(value))
            return wg_fail(WG_ERROR_ARGUMENT, "%s: element %lld of %s is %g, wanted is %s", loss,
                           (long long)k, part.name, value, wanted);
    }
    return true;
}

bool wg__no_sign(double v) { return v != 1 && v != -1; }
static bool no_probability(double v) { return v < 0 || v > 1; }

/* ---- reduction ------------------------------------------------------------------------------- */

wg_tensor *wg__loss_mean(wg_tensor *each, wg_tensor *total) {
    wg_tensor *none = wg_eq(total, wg_num(0));
    wg_tensor *mean = wg_div(wg_sum(each), wg_where(none, wg_num(1), total));  // ()
    return wg_where(none, wg_num(0), mean);
}

wg_tensor *wg__loss_reduce(const char *loss, wg_tensor *each, const wg_loss_options *o) {
    if (!each) return NULL;
    if (o->weight) {
        wg__part losses = { "the loss", each }, weight = { "the weight", o->weight };
        if (!wg__loss_fit(loss, losses, weight, true)) return NULL;
        each = wg_xmul(each, o->weight);
    }
    switch (o->reduction) {
    case WG_NONE: return each;
    case WG_SUM: return wg_sum(each);
    case WG_BATCHMEAN:
        if (wg_rank(each) == 0)
            return WG__FAIL_NULL(WG_ERROR_SHAPE, "%s: a single loss has no axis of samples", loss);
        return wg_mul(wg_sum(each), wg_num(wg_dim(each, 0) ? 1 / (double)wg_dim(each, 0) : 0));
    default:
        if (o->weight) return wg__loss_mean(each, wg_sum(wg_expand(o->weight, wg_shape_of(each))));
        return wg_numel(each) ? wg_mean(each) : wg_sum(each);
    }
}

/* ---- formulas -------------------------------------------------------------------------------- */

/* With c = clamp(d, -delta, delta) both pieces are c (d - c / 2), and no branch overflows. */
static wg_tensor *huber(wg_tensor *d, double delta) {
    wg_tensor *c = wg_clamp(d, -delta, delta);
    return wg_mul(c, wg_sub(d, wg_mul(c, wg_num(0.5))));
}

/* log cosh c = log(1 + 2 sinh(c / 2)^2), of which nothing cancels near 0. Beyond 20 log cosh is a
   line in all digits of f64, and added as such. */
static wg_tensor *log_cosh(wg_tensor *d) {
    wg_tensor *c = wg_clamp(d, -20, 20);
    wg_tensor *sinh = wg_sinh(wg_mul(c, wg_num(0.5)));
    wg_tensor *near = wg_log1p(wg_mul(wg_square(sinh), wg_num(2)));
    return wg_add(near, wg_abs(wg_sub(d, c)));
}

static wg_tensor *bce(wg_tensor *y, wg_tensor *t) {
    wg__part probability = { "y", y };
    if (!wg__loss_values("nn_bce_loss", probability, no_probability,
                         "a probability; nn_bce_with_logits takes logits"))
        return NULL;
    wg_tensor *one = wg_xmul(t, wg_log(y));
    return wg_neg(wg_add(one, wg_xmul(wg_sub(wg_num(1), t), wg_log1p(wg_neg(y)))));
}

/* p t softplus(-y) + (1 - t) softplus(y): both terms are positive, so nothing cancels where the
   prediction is right, and y = 0 is no kink. */
static wg_tensor *bce_with_logits(wg_tensor *y, wg_tensor *t, wg_tensor *p) {
    if (p && !wg__loss_fit("nn_bce_with_logits", (wg__part){ "y", y },
                           (wg__part){ "pos_weight", p }, true))
        return NULL;
    wg_tensor *one = wg_xmul(t, wg_softplus(wg_neg(y)));
    if (p) one = wg_xmul(p, one);
    return wg_add(one, wg_xmul(wg_sub(wg_num(1), t), wg_softplus(y)));
}

static wg_tensor *hinge(const char *loss, wg_tensor *y, wg_tensor *t, const wg_loss_options *o) {
    if (!wg__loss_values(loss, (wg__part){ "the target", t }, wg__no_sign, "-1 or 1")) return NULL;
    return wg_relu(wg_sub(wg_num(wg__or(o->margin, 1)), wg_mul(t, y)));
}

static wg_tensor *kl_div(wg_tensor *y, wg_tensor *t, bool log_target) {
    if (log_target) return wg_xmul(wg_exp(t), wg_sub(t, y));
    return wg_xmul(t, wg_sub(wg_log(t), y));
}

static wg_tensor *poisson(wg_tensor *y, wg_tensor *t, const wg_loss_options *o) {
    wg_tensor *log_rate = o->rates ? wg_log(wg_add(y, wg_num(wg__or(o->epsilon, 1e-8)))) : y;
    wg_tensor *loss = wg_sub(o->rates ? y : wg_exp(y), wg_xmul(t, log_rate));
    return o->full ? wg_add(loss, wg_lgamma(wg_add(t, wg_num(1)))) : loss;
}

/* ---- the losses ------------------------------------------------------------------------------ */

/* LOSS(name, options that it takes, the losses one by one): of y, the target t and options o. */
#define LOSS(name, takes, formula)                                                                 \
    wg_tensor *wg_nn_##name##_with(wg_tensor *y, wg_tensor *t, wg_loss_options o) {                \
        if (!wg__loss_ready("nn_" #name, &o, takes) ||                                             \
            !wg__loss_fit("nn_" #name, (wg__part){ "y", y }, (wg__part){ "the target", t },        \
                          false))                                                                  \
            return NULL;                                                                           \
        return wg__loss_reduce("nn_" #name, formula, &o);                                          \
    }                                                                                              \
    wg_tensor *wg_nn_##name(wg_tensor *y, wg_tensor *t) {                                          \
        return wg_nn_##name##_with(y, t, (wg_loss_options){ .delta = 0 });                         \
    }

// clang-format off
LOSS(mse_loss, 0, wg_square(wg_sub(y, t)))
LOSS(l1_loss, 0, wg_abs(wg_sub(y, t)))
LOSS(huber_loss, WG__DELTA, huber(wg_sub(y, t), wg__or(o.delta, 1)))
LOSS(smooth_l1_loss, WG__DELTA,
     wg_div(huber(wg_sub(y, t), wg__or(o.delta, 1)), wg_num(wg__or(o.delta, 1))))
LOSS(log_cosh_loss, 0, log_cosh(wg_sub(y, t)))
LOSS(bce_loss, 0, bce(y, t))
LOSS(bce_with_logits, WG__POS_WEIGHT, bce_with_logits(y, t, o.pos_weight))
LOSS(hinge_loss, WG__MARGIN, hinge("nn_hinge_loss", y, t, &o))
LOSS(squared_hinge_loss, WG__MARGIN, wg_square(hinge("nn_squared_hinge_loss", y, t, &o)))
LOSS(kl_div, WG__LOG_TARGET, kl_div(y, t, o.log_target))
LOSS(poisson_nll_loss, WG__RATES | WG__FULL | WG__EPSILON, poisson(y, t, &o))
// clang-format on
