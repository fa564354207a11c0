// SPDX-License-Identifier: MIT
/* anomaly.c: which operation was the first to make a value that is not finite. Each result is held
   against its inputs: what is not finite already is somebody else's doing. */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "autograd/autograd_impl.h"

bool wg_anomaly(bool on) {
    wg__context *ctx = wg__ctx();
    bool was = ctx->anomaly;
    ctx->anomaly = ctx->watching = on;
    return was;
}

/* ---- looking at values ----------------------------------------------------------------------- */

typedef struct range {
    double low, high;  // of the finite ones
    int64_t bad;       // place of the first that is not, in C order; -1: none
    double value;      // that one
} range;

static range range_of(const wg_view *v) {
    range r = { INFINITY, -INFINITY, -1, 0 };
    for (int64_t k = 0, n = wg__numel(&v->shape); k < n; k++) {
        double value = wg__load(v->dtype, wg__at(v, wg__offset(v, k)));
        if (isfinite(value)) {
            r.low = fmin(r.low, value), r.high = fmax(r.high, value);
        } else if (r.bad < 0) {
            r.bad = k, r.value = value;
        }
    }
    return r;
}

bool wg__is_finite(const wg_tensor *x) {
    return !wg_dtype_is_float(x->view.dtype) || range_of(&x->view).bad < 0;
}

static bool all_finite(wg_tensor *const x[], int n) {
    for (int i = 0; i < n; i++)
        if (x[i] && !wg__is_finite(x[i])) return false;
    return true;
}

// An attribute may be infinite on purpose, as in filling with -inf.
static bool attributes_finite(const wg_call *c) {
    for (const wg_attr *a = c->attr ? c->op->attrs : NULL; a && a->name; a++) {
        double value;
        if (a->type != WG_ATTR_REAL) continue;
        memcpy(&value, (const char *)c->attr + a->offset, sizeof value);
        if (!isfinite(value)) return false;
    }
    return true;
}

/* ---- telling --------------------------------------------------------------------------------- */

// "[1,0]" for the element at `flat` in C order.
static const char *index_text(const wg_shape *shape, int64_t flat, char text[200]) {
    wg_shape index = { .rank = shape->rank };
    for (int i = shape->rank - 1; i >= 0; i--) {
        index.dim[i] = flat % shape->dim[i];
        flat /= shape->dim[i];
    }
    return wg_shape_text(index, text, 200);
}

typedef struct words {
    char text[600];
    size_t used;
} words;

WG_PRINTF(2, 3) static void say(words *w, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(w->text + w->used, sizeof w->text - w->used, format, arguments);
    va_end(arguments);
    size_t room = sizeof w->text - w->used - 1;
    if (n > 0) w->used += (size_t)n < room ? (size_t)n : room;
}

// printf's "-nan" tells a bit that nobody asked for.
static void say_value(words *w, double value) {
    if (isnan(value))
        say(w, "nan");
    else
        say(w, "%g", value);
}

static void say_type(words *w, const wg_tensor *x) {
    char shape[200];
    say(w, ", %s %s,", wg_dtype_name(x->view.dtype),
        wg_shape_text(x->view.shape, shape, sizeof shape));
}

// "; its input 0, f64 [2,3], lies in -1 .. 4"
static void say_source(words *w, const char *what, int i, const wg_tensor *x) {
    range r = range_of(&x->view);
    say(w, "; %s", what);
    if (i >= 0) say(w, " %d", i);
    say_type(w, x);
    if (r.low <= r.high)
        say(w, " lies in %g .. %g", r.low, r.high);
    else
        say(w, r.bad < 0 ? " is empty" : " has no finite element");
}

static void say_sources(words *w, const char *what, wg_tensor *const x[], int n) {
    enum { MOST = 6 };
    for (int i = 0, said = 0; i < n; i++) {
        if (!x[i]) continue;
        if (said++ == MOST) {
            say(w, "; ...");
            return;
        }
        say_source(w, what, i, x[i]);
    }
}

// "the result, f64 [2,3], is nan at [0,1]"
static void say_bad(words *w, const char *what, const wg_tensor *y) {
    range r = range_of(&y->view);
    char index[200];
    say(w, "%s", what);
    say_type(w, y);
    say(w, " is ");
    say_value(w, r.value);
    if (y->view.shape.rank > 0) say(w, " at %s", index_text(&y->view.shape, r.bad, index));
}

/* The operation, what was said, and the place; the place and the model path are the record's, where
   it has one. */
static bool tell(const char *name, const wg__site *place, const words *w) {
    wg__context *ctx = wg__ctx();
    char at[400], where[WG__WHERE];
    const char *within = ctx->within;
    memcpy(where, ctx->where, sizeof where);
    wg__site_text(place, at, sizeof at);
    if (place) wg__where(place->path);
    if (place && place->within) ctx->within = place->within;
    wg_fail(WG_ERROR_NUMERIC, "%s: %s%s%s", name, w->text, at[0] ? "; at " : "", at);
    ctx->within = within;
    wg__where(where);
    return false;
}

// What the rules of a call read besides what comes in: none of it is to blame itself.
static bool call_finite(const wg_call *c) {
    return all_finite(c->in, c->inputs) && attributes_finite(c);
}

bool wg__anomaly_result(const wg_call *c, const wg_tensor *y) {
    if (wg__is_finite(y) || !call_finite(c)) return true;
    words w = { .used = 0 };
    say_bad(&w, "the result", y);
    say_sources(&w, "its input", c->in, c->inputs);
    return tell(c->op->name, wg__site_now(), &w);
}

static const wg__site *place_of(const wg_call *c) {
    uint32_t k = wg__node_of(c->out, wg__tape_now());
    return k == WG__NO_NODE ? NULL : wg__tape_site(k);
}

bool wg__anomaly_gradient(const wg_call *c, const wg_tensor *gy, int i, const wg_tensor *g) {
    if (wg__is_finite(g) || !wg__is_finite(gy) || !call_finite(c)) return true;
    words w = { .used = 0 };
    char what[64];
    snprintf(what, sizeof what, "the gradient for input %d", i);
    say_bad(&w, what, g);
    say_source(&w, "that of the result", -1, gy);
    say_sources(&w, "its input", c->in, c->inputs);
    return tell(c->op->name, place_of(c), &w);
}

bool wg__anomaly_sum(const wg__tape *t, uint32_t k, const wg_tensor *g) {
    const wg_op *op = t->op[k];
    words w = { .used = 0 };
    say_bad(&w, op ? "the sum of its result's gradients" : "the sum of its gradients", g);
    return tell(op ? op->name : "a variable", op ? wg__tape_site(k) : NULL, &w);
}

bool wg__anomaly_tangent(const wg_call *c, wg_tensor *const dx[], const wg_tensor *dy) {
    if (wg__is_finite(dy) || !all_finite(dx, c->inputs) || !call_finite(c)) return true;
    words w = { .used = 0 };
    say_bad(&w, "the tangent", dy);
    say_sources(&w, "the tangent of input", dx, c->inputs);
    say_sources(&w, "its input", c->in, c->inputs);
    return tell(c->op->name, place_of(c), &w);
}
