// SPDX-License-Identifier: MIT
/* matrix.c: derivatives that are made of many sweeps, each against single sweeps: Jacobians and
   Hessians, seen between two directions, and the gradients of single samples, added up with
   weights. */
#include "fuzz/oracle/order.h"

enum { FEW = 8, SAMPLES = 3 };  // elements of a variable that gets a matrix; samples of a batch

// Which leaf of the run: the first small one from this number on; -1 for none.
static int small_leaf(const wg__run *r, unsigned number) {
    for (int k = 0; k < r->leaves; k++) {
        int i = (int)((number + (unsigned)k) % (unsigned)r->leaves);
        if (wg_numel(r->x[i]) <= FEW) return i;
    }
    return -1;
}

typedef struct between {  // a' M b, M of rows by columns
    const double *a, *b;
    int64_t rows, columns;
} between;

static void add_form(wg__several *w, const char *name, const wg_tensor *m, between f) {
    const double *number = m ? wg__numbers(m) : NULL;
    double value = 0, size = 0;
    for (int64_t i = 0; number && i < f.rows * f.columns; i++) {
        double term = f.a[i / f.columns] * number[i] * f.b[i % f.columns];
        value += term, size += fabs(term) + 1e-3;
    }
    w->name[w->count] = name, w->value[w->count++] = value, w->size += size;
}

static wg__run single(const wg__run *r, int k, wg_tensor *y) {
    wg__run one = *r;
    one.x[0] = r->x[k], one.which[0] = r->which[k], one.leaves = 1, one.y = y;
    return one;
}

static void settle(wg__several *w, wg__trial *t, const wg__run *r, wg_tensor *s) {
    if (wg_error()) return;
    if (!wg__several_meet(w, t)) w->size += wg__order_size(t, r, s, t->u);
    wg__several_hold(w, t);
}

/* ---- Jacobians ------------------------------------------------------------------------------- */

static void check_jacobian(wg__trial *t) {
    wg__run r;
    unsigned bits = wg__order_bits(t);
    wg__several ways = { .count = 0 };
    wg_tensor *v, *g, *dy;
    if (!wg__run_usual(t, &r)) return;
    int k = small_leaf(&r, bits >> 4 & 7);
    if (k < 0 || wg_rank(r.y) + wg_rank(r.x[k]) > WG_MAX_RANK || wg_numel(r.y) > 4 * FEW) return;
    wg__run one = single(&r, k, r.y);
    int i = r.which[k];
    wg_tensor *w = wg__seed_of(t, &r, t->w);
    if (!w || !wg_is_tracked(r.y) || !wg__order_along(&one, t->u, &v)) return;
    dy = wg_jvp(r.y, &r.x[k], 1, &v);
    if (!dy || !wg_vjp(r.y, &r.x[k], 1, w, &g)) return;
    wg_recording(bits & 1);
    wg_tensor *j = wg_jacobian(r.y, r.x[k]);
    wg_recording(true);
    add_form(&ways, "forward mode", dy, (between){ t->w, (double[]){ 1 }, wg_numel(dy), 1 });
    add_form(&ways, "reverse mode", g, (between){ t->u[i], (double[]){ 1 }, wg_numel(g), 1 });
    add_form(&ways, "the Jacobian", j, (between){ t->w, t->u[i], wg_numel(dy), wg_numel(g) });
    settle(&ways, t, &one, wg_sum(wg_mul(r.y, w)));
}

/* ---- Hessians -------------------------------------------------------------------------------- */

static void check_hessian(wg__trial *t) {
    wg__run r;
    unsigned bits = wg__order_bits(t);
    wg__several ways = { .count = 0 };
    wg_tensor *v, *hv;
    if (!wg__order_make(t, bits & 1, &r) || !wg_is_tracked(r.y)) return;
    int k = small_leaf(&r, bits >> 4 & 7);
    if (k < 0 || 2 * wg_rank(r.x[k]) > WG_MAX_RANK) return;
    wg__run one = single(&r, k, r.y);
    const double *a = t->u[r.which[k]], *b = t->v[r.which[k]];
    if (!wg__order_along(&one, t->v, &v) || !wg_hvp(r.y, &r.x[k], 1, &v, &hv)) return;
    wg_recording(bits & 2);
    wg_tensor *h = wg_hessian(r.y, r.x[k]);
    wg_recording(true);
    int64_t n = wg_numel(hv);
    add_form(&ways, "the product", hv, (between){ a, (double[]){ 1 }, n, 1 });
    add_form(&ways, "the Hessian", h, (between){ a, b, n, n });
    add_form(&ways, "the Hessian transposed", h, (between){ b, a, n, n });
    wg_tensor *along = wg__order_slope(&one, r.y, &v, true);
    settle(&ways, t, &one, along);
}

/* ---- samples --------------------------------------------------------------------------------- */

typedef struct samples {
    wg__trial *t;
    const wg__run *r;
    int batched;  // the input that comes in samples
} samples;

static wg_tensor *value_of(void *user, wg_tensor *const x[], int n) {
    const samples *s = user;
    const wg__trial *t = s->t;
    wg_tensor *in[WG_MAX_INPUTS];
    (void)n;
    for (int i = 0; i < t->sample->inputs; i++) in[i] = s->r->in[i];
    in[s->batched] = wg_reshape(x[0], t->sample->in[s->batched].shape);
    wg_tensor *y = in[s->batched] ? wg_apply(t->op, in, t->sample->inputs, t->sample->attr) : NULL;
    return y ? wg_sum(wg_mul(y, wg__seed_of(t, &(wg__run){ .y = y }, t->w))) : NULL;
}

// Row b of the batch is the leaf's values, each time a little smaller.
static wg_tensor *rows_of(const samples *s, int64_t from, int64_t to) {
    const wg__trial *t = s->t;
    const wg_shape *one = &t->sample->in[s->batched].shape;
    wg_shape shape = { .rank = one->rank + 1, .dim = { to - from } };
    int64_t n = wg__numel(one);
    double *value = wg__scratch((to - from) * n);
    for (int i = 0; i < one->rank; i++) shape.dim[i + 1] = one->dim[i];
    for (int64_t k = 0; value && k < (to - from) * n; k++)
        value[k] = t->value[s->batched][k % n] * (1 - 0x1p-6 * (double)(from + k / n));
    return value ? wg__lay_out(WG_F64, &shape, value, WG__DENSE, NULL) : NULL;
}

static double weight(int64_t sample) { return sample == 1 ? -2 : 1 + (double)sample; }

// One by one; false, without an error, where a sample has no value.
static bool loop(const samples *s, wg__several *ways) {
    const wg__run *r = s->r;
    wg__several each = { .count = 0 };
    wg_tensor *g[WG_MAX_INPUTS];
    double sum = 0;
    for (int64_t b = 0; b < SAMPLES && !wg_error(); b++) {
        wg_tensor *x = rows_of(s, b, b + 1), *y = x ? value_of((void *)(uintptr_t)s, &x, 1) : NULL;
        if (!y || !wg_is_tracked(y)) break;
        if (!wg_grad(y, r->x, r->leaves, g, (wg_grad_options){ .constant = true })) break;
        wg__several_add_pairing(&each, "", r, g, s->t->u);
        sum += weight(b) * each.value[each.count - 1];
    }
    wg_error_clear();
    ways->name[ways->count] = "one sample at a time";
    ways->value[ways->count++] = sum;
    ways->size += 3 * each.size;
    return each.count == SAMPLES;
}

static void at_once(const samples *s, wg__several *ways) {
    const wg__run *r = s->r;
    wg_tensor *batch = rows_of(s, 0, SAMPLES), *gx[WG_MAX_INPUTS];
    wg_samples of = { value_of, (void *)(uintptr_t)s, &batch, 1 };
    if (!batch || !wg_grad_each(of, r->x, r->leaves, gx)) return;
    double sum = 0;
    for (int k = 0; k < r->leaves; k++) {
        int64_t n = wg_numel(r->x[k]);
        const double *g = wg__numbers(gx[k]);
        for (int64_t b = 0; g && b < SAMPLES; b++)
            sum += weight(b) * wg__dot(g + b * n, s->t->u[r->which[k]], n);
    }
    ways->name[ways->count] = "wg_grad_each";
    ways->value[ways->count++] = sum;
}

// The batch is one of the floats, the variables are all others.
static void check_samples(wg__trial *t) {
    wg__run r;
    wg__several ways = { .count = 0 };
    samples s = { .t = t, .r = &r };
    uint64_t left = t->floats;
    for (unsigned k = wg__order_bits(t) >> 4 & 7; k > 0 && (left & (left - 1)); k--)
        left &= left - 1;
    s.batched = __builtin_ctzll(left);
    wg__setting set = { .dtype = WG_F64, .tracked = t->floats & ~(1ull << s.batched) };
    if (t->sample->in[s.batched].shape.rank == WG_MAX_RANK || !set.tracked) return;
    if (!wg__run_inputs(t, &set, &r)) return;
    for (int k = 0; k < r.leaves; k++)
        if (wg_rank(r.x[k]) == WG_MAX_RANK) return;
    if (!loop(&s, &ways)) return;
    at_once(&s, &ways);
    if (!wg_error()) wg__several_hold(&ways, t);
}

/* ---- the oracle ------------------------------------------------------------------------------ */

void wg__oracle_jacobian(const wg__vm_program *p) {
    wg__order_ask(p, "O5 the Jacobian", check_jacobian, wg__order_second);
}
void wg__oracle_hessian(const wg__vm_program *p) {
    wg__order_ask(p, "O5 the Hessian", check_hessian, wg__order_second);
}
void wg__oracle_samples(const wg__vm_program *p) {
    wg__order_ask(p, "O5 gradients of single samples", check_samples, wg__order_second);
}
