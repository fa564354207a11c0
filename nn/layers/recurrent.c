// SPDX-License-Identifier: MIT
/* recurrent.c: recurrent cells, their parameters, and single steps. A cell is a row of a table: how
   many gates it has, and a formula for one step. What x contributes is computed apart, so that a
   whole sequence can do it in few large products (unroll.c). */
#include <math.h>

#include "nn/layers/sequence_impl.h"

/* ---- the formulas: gx (B, G H), h and c (B, H) ----------------------------------------------- */

static wg_tensor *recur(const wg__recurrence *r, wg_tensor *h) {  // (B, G H)
    wg_tensor *a = wg_matmul(h, r->u);
    return r->d ? wg_add(a, r->d) : a;
}

static void rnn_step(const wg__recurrence *r, wg_tensor *gx, wg_recurrent_state *s) {
    wg_tensor *a = wg_add(gx, recur(r, s->h));  // (B, H)
    s->h = r->o->relu ? wg_relu(a) : wg_tanh(a);
}

static void lstm_step(const wg__recurrence *r, wg_tensor *gx, wg_recurrent_state *s) {
    wg_tensor *a[4] = { NULL };  // (B, H) each: i f g o
    wg_chunk(wg_add(gx, recur(r, s->h)), 4, 1, a);
    wg_tensor *kept = wg_mul(wg_sigmoid(a[1]), s->c);  // (B, H)
    s->c = wg_add(kept, wg_mul(wg_sigmoid(a[0]), wg_tanh(a[2])));
    s->h = wg_mul(wg_sigmoid(a[3]), wg_tanh(s->c));
}

static void gru_step(const wg__recurrence *r, wg_tensor *gx, wg_recurrent_state *s) {
    wg_tensor *x[3] = { NULL }, *h[3] = { NULL };  // (B, H) each: r z n
    wg_chunk(gx, 3, 1, x);
    wg_chunk(recur(r, s->h), 3, 1, h);
    wg_tensor *reset = wg_sigmoid(wg_add(x[0], h[0])), *z = wg_sigmoid(wg_add(x[1], h[1]));
    wg_tensor *n = wg_tanh(wg_add(x[2], wg_mul(reset, h[2])));
    s->h = wg_add(n, wg_mul(z, wg_sub(s->h, n)));  // (1 - z) n + z h
}

const wg__cell wg__cell_rnn = { .gates = 1, .plain = true, .step = rnn_step };
const wg__cell wg__cell_lstm = { 4, .has_c = true, .plain = true, .forget = true, lstm_step };
const wg__cell wg__cell_gru = { .gates = 3, .step = gru_step };

/* ---- what fits ------------------------------------------------------------------------------- */

enum { MOST_LAYERS = 1000 };  // so that nothing counted by them overflows

static bool options_valid(const wg__recurrent_call *c) {
    const wg_recurrent_options *o = &c->o;
    if (c->units < 1 || c->units > INT64_MAX / c->cell->gates)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: %lld units", c->name, (long long)c->units);
    if (o->layers < 0 || o->layers > MOST_LAYERS)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: %lld layers, wanted are at most %d", c->name,
                       (long long)o->layers, MOST_LAYERS);
    if (o->reverse && o->bidirectional)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: either reverse or bidirectional", c->name);
    if (o->relu && c->cell != &wg__cell_rnn)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: relu is an option of nn_rnn", c->name);
    if (!isfinite(o->forget_bias) || (o->forget_bias != 0 && !c->cell->forget))
        return wg_fail(WG_ERROR_ARGUMENT, "%s: a forget bias of %g%s", c->name, o->forget_bias,
                       c->cell->forget ? "" : ", which is an option of nn_lstm");
    if (o->forget_bias != 0 && o->no_bias)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: a forget bias of %g, but there is no bias", c->name,
                       o->forget_bias);
    return wg__probability_valid(c->name, o->dropout);
}

static bool inits_fit(const wg__recurrent_call *c, const wg_tensor *x) {
    wg_dtype dtype = wg_dtype_of(x);
    int64_t rows = c->cell->gates * c->units;
    return wg__init_fits(c->o.w_ih, dtype, WG_SHAPE(rows, wg_dim(x, -1))) &&
           wg__init_fits(c->o.w_hh, dtype, WG_SHAPE(rows, c->units)) &&
           wg__bias_fits(c->name, c->o.no_bias, c->o.b, dtype, WG_SHAPE(rows));
}

bool wg__recurrent_check(const wg__recurrent_call *c, const wg_tensor *x, int rank) {
    const wg__takes takes = { rank, rank, rank == 3 ? "(B, T, in)" : "(B, in)" };
    return wg__layer_takes(c->name, "x", x, takes) && options_valid(c) && inits_fit(c, x);
}

static wg_tensor *start(const wg__recurrent_call *c, const wg_tensor *x, wg_shape want,
                        const char *which, wg_tensor *given) {
    wg_dtype dtype = wg_dtype_of(x);
    if (!given) return wg_zeros(dtype, want);
    wg_shape have = wg_shape_of(given);
    if (wg__shape_equal(&have, &want) && wg_dtype_of(given) == dtype) return given;
    char has[200], wanted[200];
    return WG__FAIL_NULL(wg_dtype_of(given) == dtype ? WG_ERROR_SHAPE : WG_ERROR_DTYPE,
                         "%s: the state's %s is %s %s, wanted is %s %s", c->name, which,
                         wg_dtype_name(wg_dtype_of(given)), wg_shape_text(have, has, sizeof has),
                         wg_dtype_name(dtype), wg_shape_text(want, wanted, sizeof wanted));
}

bool wg__recurrent_start(const wg__recurrent_call *c, const wg_tensor *x, int64_t n,
                         wg_recurrent_state *s) {
    wg_shape one = WG_SHAPE(wg_dim(x, 0), c->units), all = WG_SHAPE(n, wg_dim(x, 0), c->units);
    *s = c->o.state ? *c->o.state : (wg_recurrent_state){ 0 };
    if (s->c && !c->cell->has_c)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: the state has c, which is of nn_lstm alone",
                       c->name);
    s->h = start(c, x, n > 1 ? all : one, "h", s->h);
    if (c->cell->has_c) s->c = start(c, x, n > 1 ? all : one, "c", s->c);
    return s->h && (s->c || !c->cell->has_c);
}

/* ---- parameters ------------------------------------------------------------------------------ */

static wg_init init_of(wg_init init, int64_t units) {
    double bound = 1 / sqrt((double)units);
    init = wg__init_or(init, (wg_init){ .kind = WG_INIT_UNIFORM, .a = -bound, .b = bound });
    if (init.fan_out == 0) init.fan_out = units;  // the gates are weights of their own
    return init;
}

// Gate 1 of a bias (G H) that was just made: no memory is asked for, so nothing can be half done.
static void set_forget(wg_tensor *b, int64_t units, double value) {
    for (int64_t k = units; k < 2 * units; k++)
        wg__store(b->view.dtype, wg__at(&b->view, k), value);
    wg__touch(b);
}

static wg_tensor *bias(wg_nn *part, const char *name, wg_dtype dtype, const wg__recurrent_call *c,
                       double forget) {
    bool fresh = !wg_nn_find(part, name);
    wg_tensor *b = wg_nn_param(part, name, dtype, WG_SHAPE(c->cell->gates * c->units),
                               init_of(c->o.b, c->units));
    if (b && fresh && c->o.forget_bias != 0) set_forget(b, c->units, forget);
    return b;
}

bool wg__recurrence_at(wg__recurrence *r, wg_nn *part, const wg_tensor *x,
                       const wg__recurrent_call *c) {
    int64_t units = c->units, rows = c->cell->gates * units;
    wg_dtype dtype = wg_dtype_of(x);
    *r = (wg__recurrence){ .cell = c->cell, .o = &c->o };
    r->w =
        wg_nn_param(part, "w_ih", dtype, WG_SHAPE(rows, wg_dim(x, -1)), init_of(c->o.w_ih, units));
    wg_tensor *w_hh =
        wg_nn_param(part, "w_hh", dtype, WG_SHAPE(rows, units), init_of(c->o.w_hh, units));
    if (!w_hh) return false;
    r->u = wg_transpose(w_hh, 0, 1);  // (H, G H)
    if (c->o.no_bias) return r->u != NULL;
    r->b = bias(part, "b_ih", dtype, c, c->o.forget_bias);
    r->d = bias(part, "b_hh", dtype, c, 0);
    if (c->cell->plain) r->b = wg_add(r->b, r->d), r->d = NULL;
    return r->b != NULL;
}

/* ---- single steps ---------------------------------------------------------------------------- */

static bool step_options(const wg__recurrent_call *c) {
    const wg_recurrent_options *o = &c->o;
    if (!o->state)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: there is no state to go on from and into", c->name);
    if (o->lengths || o->reverse || o->bidirectional || o->layers > 1 || o->dropout != 0)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: an option is for whole sequences", c->name);
    return true;
}

static wg_tensor *one_step(wg_nn *m, const char *name, wg_tensor *x, const wg__recurrent_call *c) {
    wg_nn *layer = wg_nn_enter(m, name, c->name);
    if (!layer) return NULL;
    wg__recurrence r;
    wg_recurrent_state s = { NULL, NULL };
    if (wg__recurrent_check(c, x, 2) && step_options(c) && wg__recurrent_start(c, x, 1, &s) &&
        wg__recurrence_at(&r, layer, x, c)) {
        wg__where(layer->path);
        c->cell->step(&r, wg_linear(x, r.w, r.b), &s);
        if (s.h) *c->o.state = s;
    } else {
        s.h = NULL;
    }
    return wg_nn_leave(m, layer, s.h);
}

wg_tensor *wg_nn_rnn_step(wg_nn *m, const char *name, wg_tensor *x, int64_t units,
                          wg_recurrent_options o) {
    return one_step(m, name, x, &(wg__recurrent_call){ "nn_rnn_step", &wg__cell_rnn, units, o });
}
wg_tensor *wg_nn_lstm_step(wg_nn *m, const char *name, wg_tensor *x, int64_t units,
                           wg_recurrent_options o) {
    return one_step(m, name, x, &(wg__recurrent_call){ "nn_lstm_step", &wg__cell_lstm, units, o });
}
wg_tensor *wg_nn_gru_step(wg_nn *m, const char *name, wg_tensor *x, int64_t units,
                          wg_recurrent_options o) {
    return one_step(m, name, x, &(wg__recurrent_call){ "nn_gru_step", &wg__cell_gru, units, o });
}
