// SPDX-License-Identifier: MIT
/* unroll.c: recurrent layers over whole sequences. Time comes first inside, (T, B, ...), so that
   what belongs to a step lies together.

   The gradient of a slice is as large as what it was cut from, so T slices of one tensor would cost
   T^2. Sequences are therefore cut like a tree, which costs T log T; and inputs are projected by
   blocks of steps, just large enough for the product to be fast, so that the tree over the wide
   projections stays low. */
#include "nn/layers/sequence_impl.h"

enum { FAN = 4, ROWS = 128, MOST = 64 };  // parts of a cut, rows of a product, inputs of a join

typedef struct sequence {
    int64_t steps, batch;
    wg_tensor *alive;  // (T, B, 1) bool: the step is one of the sample's; NULL: all are
    wg_tensor **step;  // room for one tensor a step
} sequence;

/* ---- cutting and joining along axis 0 -------------------------------------------------------- */

/* at[0] has `steps` of them; afterwards at[0], at[size], at[2 size] ... have `size` each, and the
   last what is left. */
static void cut(wg_tensor *at[], int64_t steps, int64_t size) {
    int64_t width = size;
    while (width < steps) width *= FAN;
    for (; width > size; width /= FAN)
        for (int64_t i = 0; i < steps; i += width) {
            wg_tensor *part[FAN] = { NULL };
            int n = wg_split(at[i], width / FAN, 0, part, FAN);
            for (int k = 0; k < n; k++) at[i + k * width / FAN] = part[k];
        }
}

/* at[0 ... n-1] (B, H) -> (n, B, H); at is used up. */
static wg_tensor *join(wg_tensor *at[], int64_t n) {
    wg_tensor *(*how)(wg_tensor *const[], int, int) = wg_stack;
    do {
        int64_t made = 0;
        for (int64_t i = 0; i < n; i += MOST)
            at[made++] = how(at + i, (int)(n - i < MOST ? n - i : MOST), 0);
        n = made, how = wg_cat;
    } while (n > 1);
    return at[0];
}

/* ---- one layer in one direction -------------------------------------------------------------- */

/* W x + b of all steps, each (B, G H), into q->step; x (T, B, in). */
static void project(const wg__recurrence *r, wg_tensor *x, const sequence *q) {
    int64_t size = 1;
    while (size < q->steps && size * q->batch < ROWS) size *= 2;
    q->step[0] = x;
    cut(q->step, q->steps, size);
    for (int64_t t = 0; t < q->steps; t += size) {
        q->step[t] = wg_linear(q->step[t], r->w, r->b);  // (size, B, G H)
        cut(q->step + t, size < q->steps - t ? size : q->steps - t, 1);
    }
    for (int64_t t = 0; t < q->steps; t++) q->step[t] = wg_squeeze(q->step[t], 0);
}

static wg_tensor *choose(wg_tensor *alive, wg_tensor *now, wg_tensor *before) {
    return alive ? wg_where(alive, now, before) : now;
}

/* x (T, B, in) -> (T, B, H), from the state s to the last one. */
static wg_tensor *run(const wg__recurrence *r, wg_tensor *x, const sequence *q, bool reverse,
                      wg_recurrent_state *s) {
    project(r, x, q);
    for (int64_t k = 0; k < q->steps; k++) {
        int64_t t = reverse ? q->steps - 1 - k : k;
        wg_tensor *alive = q->alive ? wg_select(q->alive, 0, t) : NULL;  // (B, 1)
        wg_recurrent_state before = *s;
        r->cell->step(r, q->step[t], s);
        s->h = choose(alive, s->h, before.h);
        if (r->cell->has_c) s->c = choose(alive, s->c, before.c);
        if (!s->h) return NULL;
        q->step[t] = s->h;
    }
    return join(q->step, q->steps);
}

/* ---- layers and directions ------------------------------------------------------------------- */

typedef struct stack {
    const wg__recurrent_call *call;
    const sequence *q;
    wg_nn *layer;  // where the parameters are
    int64_t layers, directions;
    wg_recurrent_state start;  // of all
    wg_tensor **h, **c;        // the last ones, layer by layer
} stack;

static wg_tensor *part_of(const stack *k, wg_tensor *all, int64_t i) {
    return all && k->layers * k->directions > 1 ? wg_select(all, 0, i) : all;
}

static wg_tensor *direction(const stack *k, wg_nn *part, wg_tensor *x, int64_t i) {
    wg__recurrence r;
    bool back = k->call->o.reverse || i % k->directions == 1;
    wg_recurrent_state s = { part_of(k, k->start.h, i), part_of(k, k->start.c, i) };
    if (k->directions > 1 && back) part = wg_nn_sub(part, "reverse");
    if (!part || !wg__recurrence_at(&r, part, x, k->call)) return NULL;
    wg__where(part->path);
    wg_tensor *y = run(&r, x, k->q, back, &s);  // (T, B, H)
    k->h[i] = s.h, k->c[i] = s.c;
    return y;
}

/* x (T, B, in) through layer number l -> (T, B, H * directions). */
static wg_tensor *through(const stack *k, wg_tensor *x, int64_t l) {
    wg_nn *part = l == 0 ? k->layer : wg_nn_sub(k->layer, "layer%lld", (long long)l);
    if (l > 0) x = wg_nn_dropout(part, "dropout", x, k->call->o.dropout);
    wg_tensor *y[2] = { NULL };
    for (int64_t d = 0; x && d < k->directions; d++)
        y[d] = direction(k, part, x, l * k->directions + d);
    wg__where(k->layer->path);
    return k->directions > 1 ? wg_cat(y, 2, 2) : y[0];
}

// The last states of all, as they were given.
static bool put_state(const stack *k) {
    int64_t n = k->layers * k->directions;
    wg_recurrent_state last = { k->h[0], k->c[0] };
    if (!k->call->o.state) return true;
    if (n > 1) last.h = join(k->h, n);
    if (n > 1 && last.c) last.c = join(k->c, n);
    if (wg__pending()) return false;
    *k->call->o.state = last;
    return true;
}

static wg_tensor *through_all(stack *k, wg_tensor *x) {  // (B, T, in) -> (B, T, H * directions)
    wg_tensor *y = wg_transpose(x, 0, 1), *alive = k->q->alive;
    if (alive) y = wg_where(alive, y, wg_num(0));  // what stands beyond the end may be NaN
    for (int64_t l = 0; y && l < k->layers; l++) y = through(k, y, l);
    if (alive) y = wg_where(alive, y, wg_num(0));
    y = wg_transpose(y, 0, 1);
    return y && put_state(k) ? y : NULL;
}

static bool mark_alive(const wg__recurrent_call *c, sequence *q) {
    if (!c->o.lengths) return true;
    if (!wg__lengths_fit(c->name, c->o.lengths, q->batch, q->steps)) return false;
    wg_tensor *within = wg__within_lengths(c->o.lengths, q->steps);  // (B, T)
    q->alive = wg_unsqueeze(wg_transpose(within, 0, 1), 2);          // (T, B, 1)
    return q->alive != NULL;
}

/* ---- the layers ------------------------------------------------------------------------------ */

static wg_tensor *with_room(wg_nn *layer, wg_tensor *x, const wg__recurrent_call *c, sequence *q) {
    stack k = { c,     q,    layer, c->o.layers ? c->o.layers : 1, c->o.bidirectional ? 2 : 1,
                { 0 }, NULL, NULL };
    int64_t n = k.layers * k.directions;
    if (!wg__recurrent_start(c, x, n, &k.start)) return NULL;
    q->step = wg__alloc_zero((size_t)q->steps * sizeof(wg_tensor *));
    k.h = wg__alloc_zero(2 * (size_t)n * sizeof(wg_tensor *));
    k.c = k.h ? k.h + n : NULL;
    wg_tensor *y = q->step && k.h ? through_all(&k, x) : NULL;
    wg__free(q->step), wg__free(k.h);
    return y;
}

static wg_tensor *unroll(wg_nn *m, const char *name, wg_tensor *x, const wg__recurrent_call *c) {
    wg_nn *layer = wg_nn_enter(m, name, c->name);
    if (!layer) return NULL;
    sequence q = { .steps = wg_rank(x) > 1 ? wg_dim(x, 1) : 0, .batch = wg_dim(x, 0) };
    wg_tensor *y = NULL;
    if (wg__recurrent_check(c, x, 3)) {
        if (q.steps < 1)
            wg_fail(WG_ERROR_SHAPE, "%s: x has no steps", c->name);
        else if (mark_alive(c, &q))
            y = with_room(layer, x, c, &q);
    }
    return wg_nn_leave(m, layer, y);
}

wg_tensor *wg_nn_rnn_with(wg_nn *m, const char *name, wg_tensor *x, int64_t units,
                          wg_recurrent_options o) {
    return unroll(m, name, x, &(wg__recurrent_call){ "nn_rnn", &wg__cell_rnn, units, o });
}
wg_tensor *wg_nn_lstm_with(wg_nn *m, const char *name, wg_tensor *x, int64_t units,
                           wg_recurrent_options o) {
    return unroll(m, name, x, &(wg__recurrent_call){ "nn_lstm", &wg__cell_lstm, units, o });
}
wg_tensor *wg_nn_gru_with(wg_nn *m, const char *name, wg_tensor *x, int64_t units,
                          wg_recurrent_options o) {
    return unroll(m, name, x, &(wg__recurrent_call){ "nn_gru", &wg__cell_gru, units, o });
}

wg_tensor *wg_nn_rnn(wg_nn *m, const char *name, wg_tensor *x, int64_t units) {
    return wg_nn_rnn_with(m, name, x, units, (wg_recurrent_options){ 0 });
}
wg_tensor *wg_nn_lstm(wg_nn *m, const char *name, wg_tensor *x, int64_t units) {
    return wg_nn_lstm_with(m, name, x, units, (wg_recurrent_options){ 0 });
}
wg_tensor *wg_nn_gru(wg_nn *m, const char *name, wg_tensor *x, int64_t units) {
    return wg_nn_gru_with(m, name, x, units, (wg_recurrent_options){ 0 });
}
