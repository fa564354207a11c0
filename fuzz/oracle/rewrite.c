// SPDX-License-Identifier: MIT
/* rewrite.c: the same thing written in two ways (rewrites.def), on operands made of the program's
   leaves, in any memory layout, in value, in both modes, and once more. A reference that was
   written from the same misunderstanding as the operation agrees with it; a textbook identity does
   not. */
#include <string.h>

#include "fuzz/oracle/engine.h"

enum { OPERANDS = 4 };

typedef struct operands {
    int64_t i, j, k;
    int n;          // chooses an axis, say
    uint64_t seed;  // of indices
    int count;
    wg_tensor *x[OPERANDS];
} operands;

/* ---- what both sides are made of ------------------------------------------------------------- */

static wg_tensor *num(double x) { return wg_num(x); }
static wg_tensor *row(wg_tensor *x, int64_t i) { return wg_select(x, 0, i); }
static wg_tensor *at(wg_tensor *x, int64_t i, int64_t j) {
    return wg_select(wg_select(x, -2, i), -1, j);
}
static wg_tensor *squared(wg_tensor *x) { return wg_matmul(x, wg_transpose(x, -2, -1)); }

// (x - mean) / sqrt(var + eps) over the last axis.
static wg_tensor *centred(wg_tensor *x, double eps) {
    wg_shape last = WG_AXES(-1);
    wg_tensor *d = wg_sub(x, wg_mean_axes(x, last, true));
    return wg_div(d, wg_sqrt(wg_add(wg_mean_axes(wg_square(d), last, true), num(eps))));
}

// n indices below `most`, by the seed, the same in each call.
static wg_tensor *places(const operands *o, int64_t n, int64_t most) {
    double *place = wg__scratch(n);
    wg_random r = { .seed = o->seed };
    for (int64_t k = 0; place && k < n; k++) place[k] = (double)wg_random_below(&r, most);
    return place ? wg_from_f64(WG_I64, WG_SHAPE(n), place) : NULL;
}
static wg_tensor *truth(const operands *o, int64_t most) {
    return wg_cast(wg_reshape(places(o, o->i * o->j, most), WG_SHAPE(o->i, o->j)), WG_BOOL);
}
// n-1 ... 0, and 0 ... most-1 again and again.
static wg_tensor *downwards(int64_t n) { return wg_flip(wg_arange(WG_I64, 0, (double)n, 1), 0); }
static wg_tensor *around(int64_t most, int64_t n) {
    return wg_tile(wg_arange(WG_I64, 0, (double)most, 1), WG_SHAPE(n / most));
}

/* ---- the table ------------------------------------------------------------------------------- */

typedef wg_tensor *side(const operands *o, wg_tensor *a, wg_tensor *b, wg_tensor *c, wg_tensor *d);
typedef struct rewrite {
    const char *name, *shapes;
    side *left, *right;
} rewrite;

#define SIDE(name, formula)                                                                        \
    static wg_tensor *name(const operands *o, wg_tensor *a, wg_tensor *b, wg_tensor *c,            \
                           wg_tensor *d) {                                                         \
        (void)o, (void)a, (void)b, (void)c, (void)d;                                               \
        return formula;                                                                            \
    }
#define PLAIN(...) __VA_ARGS__
#define REWRITE(name, shapes, left, right)                                                         \
    SIDE(name##_left, PLAIN(left))                                                                 \
    SIDE(name##_right, PLAIN(right))
#include "fuzz/oracle/rewrites.def"
#undef REWRITE

static const rewrite table[] = {
#define REWRITE(name, shapes, left, right) { #name, shapes, name##_left, name##_right },
#include "fuzz/oracle/rewrites.def"
#undef REWRITE
};
enum { REWRITES = sizeof table / sizeof *table };

/* ---- operands -------------------------------------------------------------------------------- */

static int64_t size_of(const operands *o, char letter) {
    return letter == 'i' ? o->i : letter == 'j' ? o->j : letter == 'k' ? o->k : letter - '0';
}

// One operand of the list; its mark comes back, and where the next one begins.
static const char *read_shape(const operands *o, const char *text, wg_shape *shape, char *mark) {
    *mark = 0;
    shape->rank = 0;
    for (; *text && *text != ' '; text++) {
        if (strchr("+~!*", *text))
            *mark = *text;
        else if (*text != '-')
            shape->dim[shape->rank++] = size_of(o, *text);
    }
    return *text ? text + 1 : text;
}

// A leaf's numbers, again and again, within +-1; 0.5 if it has none.
static double number_of(const wg__scene *s, double *const value[], int leaf, int64_t k) {
    const double *x = value ? value[leaf] : s->p->leaf[leaf].value;
    int64_t n = wg__numel(&s->p->leaf[leaf].shape);
    return n ? tanh(x[k % n]) : 0.5;
}

/* Of n places in all, k's in a shuffled order: 0 to n-1. 61 is prime and larger than what has a
   factor of it. */
static int64_t shuffled(int64_t k, int64_t n) { return n % 61 ? k * 61 % n : k; }

static double element(double x, char mark, int64_t k, const wg_shape *shape) {
    int64_t n = wg__numel(shape), width = shape->rank ? shape->dim[shape->rank - 1] : 1;
    switch (mark) {
    case '+': return 1 + x / 2;
    case '~': return 0.9 * x;
    case '!':
        x = (x * 0.005 + 0.1 + 0.07 * (double)shuffled(k, n));
        return shuffled(k, n) % 2 ? x : -x;
    case '*': return (k / width % width == k % width ? 2 : 0) + x / 2;
    default: return 2 * x;
    }
}

static wg_tensor *make(wg__scene *s, double *const value[], const wg_shape *shape, char mark) {
    int64_t n = wg__numel(shape);
    int leaf = wg__scene_below(s, s->p->leaves), from = wg__scene_below(s, 64);
    wg__layout layout = (wg__layout)wg__scene_below(s, WG__FIRST_ZERO);
    double *x = wg__scratch(n);
    if (!x) return NULL;
    for (int64_t k = 0; k < n; k++)
        x[k] = s->p->leaf[leaf].kind == WG__FLOAT ? number_of(s, value, leaf, from + k) : 0.25;
    for (int64_t k = 0; k < n; k++) x[k] = element(x[k], mark, k, shape);
    return wg_variable(wg__lay_out(WG_F64, shape, x, layout, NULL));
}

// One tensor for two operands, now and then.
static bool make_operands(wg__scene *s, double *const value[], const char *shapes, operands *o) {
    char mark, before = 0;
    wg_shape shape = { 0 };
    for (const char *place = shapes; *place; o->count++) {
        place = read_shape(o, place, &shape, &mark);
        const wg_tensor *last = o->count ? o->x[o->count - 1] : NULL;
        bool same = last && mark == before && wg__shape_equal(&last->view.shape, &shape) &&
                    wg__scene_below(s, 8) == 0;
        o->x[o->count] = same ? o->x[o->count - 1] : make(s, value, &shape, mark);
        if (!o->x[o->count]) return false;
        before = mark;
    }
    return true;
}

/* ---- both sides ------------------------------------------------------------------------------ */

// Lives as long as the scope.
static const char *words(const rewrite *r, const char *what) {
    enum { ROOM = 12 };
    char *text = (char *)wg__scratch(ROOM);
    if (!text) return what;
    snprintf(text, ROOM * sizeof(double), "%s, %s, written in two ways", r->name, what);
    return text;
}

static wg_tensor *apply(const operands *o, side *f) {
    return f(o, o->x[0], o->x[1], o->x[2], o->x[3]);
}

// sum <gx, v>: its gradient is a product with second derivatives.
static wg_tensor *paired(int n, wg_tensor *const gx[], wg_tensor *const v[]) {
    wg_tensor *sum = NULL;
    for (int k = 0; k < n; k++) {
        wg_tensor *term = wg_sum(wg_mul(gx[k], v[k]));
        sum = sum ? wg_add(sum, term) : term;
    }
    return sum;
}

typedef struct result {
    wg_tensor *y, *dy, *gx[OPERANDS], *hx[OPERANDS];
} result;

static bool differentiate(const operands *o, wg_tensor *const v[], wg_tensor *w, bool twice,
                          result *r) {
    wg_grad_options how = { .seed = w, .constant = !twice && o->n & 2 };
    if (!wg_grad(r->y, o->x, o->count, r->gx, how)) return false;
    if (!(r->dy = wg_jvp(r->y, o->x, o->count, v))) return false;
    if (!twice) return true;
    wg_tensor *sum = paired(o->count, r->gx, v);
    return sum && wg_grad(sum, o->x, o->count, r->hx, (wg_grad_options){ .constant = true });
}

static bool compare(const rewrite *r, const operands *o, bool twice, const result *left,
                    const result *right, wg__sides *sides) {
    bool done = wg__sides_add(sides, words(r, "the tangent"), left->dy, right->dy);
    for (int k = 0; done && k < o->count; k++) {
        done = wg__sides_add(sides, words(r, "a gradient"), left->gx[k], right->gx[k]);
        if (done && twice)
            done = wg__sides_add(sides, words(r, "a second derivative"), left->hx[k], right->hx[k]);
    }
    return done;
}

static bool both(wg__scene *s, double *const value[], wg__sides *sides) {
    const rewrite *r = &table[(s->p->choice[1] | s->p->choice[2] << 8) % REWRITES];
    operands o = { .n = wg__scene_below(s, 4), .seed = s->p->seed };
    result left = { 0 }, right = { 0 };
    wg_tensor *v[OPERANDS];
    o.i = 1 + wg__scene_below(s, 4), o.j = 1 + wg__scene_below(s, 4);
    o.k = 1 + wg__scene_below(s, 3);
    if (!make_operands(s, value, r->shapes, &o)) return false;
    left.y = apply(&o, r->left), right.y = apply(&o, r->right);
    if (!wg__sides_add(sides, words(r, "the value"), left.y, right.y)) return false;
    wg__scene_hold(s, wg__shape_equal(&left.y->view.shape, &right.y->view.shape), r->name);
    wg_tensor *w = wg__scene_weight(s, left.y);
    for (int k = 0; k < o.count; k++)
        if (!(v[k] = wg__scene_weight(s, o.x[k]))) return false;
    bool twice = wg__scene_below(s, 4) == 0;
    return differentiate(&o, v, w, twice, &left) && differentiate(&o, v, w, twice, &right) &&
           compare(r, &o, twice, &left, &right, sides);
}

static void check(wg__scene *s) { wg__scene_twins(s, both); }

void wg__oracle_rewrite(const wg__vm_program *p) { wg__scene_open(p, "O13 rewriting", check); }
