// SPDX-License-Identifier: MIT
/* closure.c: a derivative inside a function that is itself differentiated, as in

       d/dx [ x d/dy f(x, y) ] at y = e(x),

   where whatever confuses the inner tangent with the outer one, or takes e for a part of f, gives
   another number (Siskind and Pearlmutter 2005). f is the program, y one of its variables, x the
   others; e moves y along with a variable of the same shape, or not at all. Substitution knows the
   answer: where x and y are variables side by side, it is a second derivative of f, and first ones
   by the product rule. Inside either mode, outside both, the inner one in a checkpoint or not. */
#include "fuzz/oracle/order.h"

typedef struct closure {
    wg__trial *t;
    int inner;     // the input that is y
    int partner;   // the one that it moves with, perhaps itself; -1: none
    int factor;    // the one in x d/dy f, -1: none
    bool reverse;  // the mode inside
    bool bent;     // f is no longer linear in its outputs
    bool checkpoint;
    double *u[WG_MAX_INPUTS], *v[WG_MAX_INPUTS], *c[WG_MAX_INPUTS];
} closure;

static const double PACE = 2;  // y moves as fast again as its partner

/* ---- the function ---------------------------------------------------------------------------- */

static wg_tensor *layer(const wg__trial *t, int i, const double *numbers) {
    return wg__lay_out(WG_F64, &t->sample->in[i].shape, numbers, WG__DENSE, NULL);
}

// <w, f>
static wg_tensor *number(const closure *c, wg_tensor *const in[]) {
    const wg__trial *t = c->t;
    wg_tensor *y = wg_apply(t->op, in, t->sample->inputs, t->sample->attr);
    if (!y) return NULL;
    if (c->bent) y = wg__order_bend(y);
    return wg_sum(wg_mul(y, wg__lay_out(WG_F64, &t->y_shape, t->w, WG__DENSE, NULL)));
}

// y = e(x), which has the value of its leaf.
static wg_tensor *inner_variable(const closure *c, wg_tensor *const x[]) {
    wg_tensor *here = layer(c->t, c->inner, c->t->value[c->inner]);
    if (c->partner < 0) return wg_variable(here);
    wg_tensor *moved = wg_sub(x[c->partner], wg_stop(x[c->partner]));
    return wg_add(here, wg_mul(wg_num(PACE), moved));
}

// d/dy f(x, y) along u.
static wg_tensor *inner_derivative(void *user, wg_tensor *const x[], int n) {
    const closure *c = user;
    wg_tensor *in[WG_MAX_INPUTS], *y = inner_variable(c, x), *g = NULL;
    wg_tensor *u = layer(c->t, c->inner, c->u[c->inner]);
    for (int i = 0; i < n; i++) in[i] = i == c->inner ? y : x[i];
    wg_tensor *s = y ? number(c, in) : NULL;
    if (!s || !c->reverse) return s ? wg_jvp(s, &y, 1, &u) : NULL;
    return wg_grad(s, &y, 1, &g, (wg_grad_options){ .seed = NULL }) ? wg_sum(wg_mul(g, u)) : NULL;
}

static wg_tensor *with_factor(const closure *c, wg_tensor *const x[], wg_tensor *d) {
    if (c->factor < 0 || !d) return d;
    return wg_mul(d, wg_sum(wg_mul(x[c->factor], layer(c->t, c->factor, c->c[c->factor]))));
}

/* ---- nested ---------------------------------------------------------------------------------- */

// The variables outside; false after reporting.
static bool outer_variables(const closure *c, wg__run *r) {
    uint64_t outer = c->t->floats;
    if (c->partner != c->inner) outer &= ~(1ull << c->inner);
    wg__setting set = { .dtype = WG_F64, .tracked = outer };
    return wg__run_inputs(c->t, &set, r);
}

static void nested(const closure *c, wg__several *ways) {
    wg__run r;
    wg_tensor *v[WG_MAX_INPUTS];
    int n = c->t->sample->inputs;
    if (!outer_variables(c, &r) || !wg__order_along(&r, c->v, v)) return;
    void *user = (void *)(uintptr_t)c;
    wg_tensor *d = c->checkpoint ? wg_checkpoint(inner_derivative, user, r.in, n)
                                 : inner_derivative(user, r.in, n);
    d = with_factor(c, r.in, d);
    if (wg_error()) return;
    wg__several_add(ways,
                    c->reverse ? "forward over a closure in reverse"
                               : "forward over a closure in forward mode",
                    wg__order_slope(&r, d, v, false));
    wg__several_add(ways,
                    c->reverse ? "reverse over a closure in reverse"
                               : "reverse over a closure in forward mode",
                    wg__order_slope(&r, d, v, true));
    if (!wg__several_meet(ways, c->t)) ways->size += wg__order_size(c->t, &r, d, c->v);
}

/* ---- side by side ---------------------------------------------------------------------------- */

// How y moves where it is a variable of its own.
static double *moves(const closure *c) {
    int64_t n = wg__size(c->t, c->inner);
    double *d = wg__scratch(n);
    for (int64_t k = 0; d && k < n && c->partner >= 0; k++) d[k] = PACE * c->v[c->partner][k];
    return d;
}

static double product(const closure *c, double slope, double bend) {
    if (c->factor < 0) return bend;
    int64_t n = wg__size(c->t, c->factor);
    const double *by = c->c[c->factor];
    return wg__dot(by, c->v[c->factor], n) * slope + wg__dot(by, c->t->value[c->factor], n) * bend;
}

typedef struct beside {  // x and y as variables of one run
    wg__run r;
    double *only_u[WG_MAX_INPUTS], *v[WG_MAX_INPUTS];
} beside;

static wg_tensor *begin_beside(const closure *c, beside *b) {
    wg__setting set = { .dtype = WG_F64, .tracked = c->t->floats };
    for (int i = 0; i < c->t->sample->inputs; i++) b->v[i] = c->v[i], b->only_u[i] = NULL;
    b->only_u[c->inner] = c->u[c->inner], b->v[c->inner] = moves(c);
    return wg__run_inputs(c->t, &set, &b->r) ? number(c, b->r.in) : NULL;
}

static bool side_by_side(const closure *c, wg__several *ways) {
    beside b;
    wg_tensor *along[WG_MAX_INPUTS], *g[WG_MAX_INPUTS], *h[WG_MAX_INPUTS];
    wg_tensor *s = begin_beside(c, &b);
    if (!s || !wg_is_tracked(s) || !wg__order_along(&b.r, b.v, along)) return false;
    if (!wg_hvp(s, b.r.x, b.r.leaves, along, h)) return false;
    if (!wg_grad(s, b.r.x, b.r.leaves, g, (wg_grad_options){ .constant = true })) return false;
    wg__several part = { .count = 0 };
    wg__several_add_pairing(&part, "", &b.r, g, b.only_u);
    wg__several_add_pairing(&part, "", &b.r, h, b.only_u);
    ways->name[ways->count] = "substitution";
    ways->value[ways->count++] = product(c, part.value[0], part.value[1]);
    ways->size += part.size * (1 + fabs(product(c, 1, 0)) + fabs(product(c, 0, 1)));
    return true;
}

// How large the numbers on its way are: of the gradient, along v.
static double size_beside(const closure *c) {
    beside b;
    wg_tensor *u[WG_MAX_INPUTS], *s = begin_beside(c, &b);
    if (!s || !wg__order_along(&b.r, b.only_u, u)) return 0;
    double size = wg__order_size(c->t, &b.r, wg__order_slope(&b.r, s, u, true), b.v);
    return size * (1 + fabs(product(c, 1, 0)) + fabs(product(c, 0, 1)));
}

/* ---- the oracle ------------------------------------------------------------------------------ */

// One of the trial's variables; -1 if the number asks for none.
static int variable(const wg__trial *t, unsigned number) {
    uint64_t left = t->floats;
    int count = __builtin_popcountll(left);
    for (unsigned k = number % (unsigned)count; k > 0; k--) left &= left - 1;
    return __builtin_ctzll(left);
}

static int partner_of(const closure *c, unsigned number) {
    const wg__trial *t = c->t;
    int i = variable(t, number);
    const wg_shape *a = &t->sample->in[i].shape, *b = &t->sample->in[c->inner].shape;
    bool alone = __builtin_popcountll(t->floats) == 1;
    return wg__shape_equal(a, b) ? i : alone || number & 1 ? c->inner : -1;
}

static void check(wg__trial *t) {
    unsigned bits = wg__order_bits(t);
    closure c = { .t = t, .inner = variable(t, bits >> 4 & 7), .factor = -1 };
    c.bent = bits & 1, c.reverse = bits & 2, c.checkpoint = bits & 8;
    c.partner = partner_of(&c, bits >> 7 & 15);
    int factor = variable(t, bits >> 11 & 7);
    if (bits >> 14 && (factor != c.inner || c.partner == c.inner)) c.factor = factor;
    if (!wg__order_draw(t, 1, c.u) || !wg__order_draw(t, 2, c.v) || !wg__order_draw(t, 3, c.c))
        return;
    wg__several ways = { .count = 0 };
    if (!side_by_side(&c, &ways)) return;
    nested(&c, &ways);
    if (!wg__several_meet(&ways, t)) ways.size += size_beside(&c);
    if (!wg_error()) wg__several_hold(&ways, t);
}

void wg__oracle_closure(const wg__vm_program *p) {
    wg__order_ask(p, "O5 derivatives within derivatives", check, wg__order_second);
}
