// SPDX-License-Identifier: MIT
/* einsum.c: sums of products over named axes. The operands are contracted pair by pair, each time
   the pair of least cost. The labels of a pair are of four kinds: those of a alone, of b alone, of
   both and still needed, of both and summed; in that order a pair is a stack of matrix products,
   and runs at their speed. A label is a letter, or a place under "...", counted from its end. */
#include <string.h>

#include "autograd/ops/linalg.h"

enum { LETTERS = 52, LABELS = LETTERS + WG_MAX_RANK };

typedef struct einsum_attr {
    char equation[WG_TEXT_SIZE];
} einsum_attr;
static const wg_attr einsum_attrs[] = { { "equation", WG_ATTR_TEXT, 0 }, { .name = NULL } };

typedef struct term {
    int rank, dots;  // dots: how many axes the ellipsis stands for, -1 if there is none
    int8_t label[WG_MAX_RANK];
} term;

typedef struct plan {
    term in[WG_MAX_INPUTS], out;
    int64_t size[LABELS];  // -1 for labels that do not occur
    int owner[LABELS];     // the operand that set it, for messages
    int dots;              // axes under "..." at most
} plan;

/* ---- reading --------------------------------------------------------------------------------- */

static const char *equation_of(const wg_call *c) {
    return ((const einsum_attr *)c->attr)->equation;
}

/* 'A' ... 'Z', 'a' ... 'z' as 0 ... 51, the order in which an output that is not written lists
   them; -1 for anything else. */
static int letter(char ch) {
    if (ch >= 'A' && ch <= 'Z') return ch - 'A';
    return ch >= 'a' && ch <= 'z' ? ch - 'a' + 26 : -1;
}
static char letter_of(int label) { return (char)(label < 26 ? 'A' + label : 'a' + label - 26); }

static bool ends(const char *p) { return *p == 0 || *p == ',' || (p[0] == '-' && p[1] == '>'); }

/* Reads up to the next "," or "->" or the end: letters and where "..." stands among them, -1 if
   nowhere. */
static bool read_letters(const wg_call *c, const char **p, term *t, int *dots_at) {
    t->rank = 0, *dots_at = -1;
    for (; !ends(*p); (*p)++) {
        int label = letter(**p);
        if (strncmp(*p, "...", 3) == 0 && *dots_at < 0) {
            *dots_at = t->rank, *p += 2;
        } else if (label < 0) {
            return wg_call_fail(c, WG_ERROR_ARGUMENT, "\"%s\": '%c' at character %d",
                                equation_of(c), **p, (int)(*p - equation_of(c)));
        } else if (t->rank == WG_MAX_RANK) {
            return wg_call_fail(c, WG_ERROR_ARGUMENT, "\"%s\": more than %d letters in a row",
                                equation_of(c), WG_MAX_RANK);
        } else {
            t->label[t->rank++] = (int8_t)label;
        }
    }
    return true;
}

// Puts the labels of `dots` axes in at place `at`; there is room for them.
static void put_dots(term *t, int at, int dots) {
    for (int i = t->rank - 1; i >= at; i--) t->label[i + dots] = t->label[i];
    for (int i = 0; i < dots; i++) t->label[at + i] = (int8_t)(LETTERS + dots - 1 - i);
    t->rank += dots, t->dots = dots;
}

// Letters must agree; what stands under "..." broadcasts.
static bool meet_sizes(const wg_call *c, plan *p, int i) {
    const wg_shape *s = &c->in[i]->view.shape;
    for (int k = 0; k < s->rank; k++) {
        int label = p->in[i].label[k];
        int64_t *size = &p->size[label];
        bool stretches = label >= LETTERS && (*size == 1 || s->dim[k] == 1);
        if (*size < 0) p->owner[label] = i;
        if (*size < 0 || (stretches && *size == 1)) *size = s->dim[k];
        if (*size == s->dim[k] || stretches) continue;
        if (label >= LETTERS)
            return wg_call_fail(c, WG_ERROR_SHAPE,
                                "\"%s\": under \"...\" operand %d has %lld where another has %lld",
                                equation_of(c), i, (long long)s->dim[k], (long long)*size);
        return wg_call_fail(c, WG_ERROR_SHAPE,
                            "\"%s\": %c is %lld in operand %d, %lld in operand %d", equation_of(c),
                            letter_of(label), (long long)*size, p->owner[label],
                            (long long)s->dim[k], i);
    }
    return true;
}

static bool read_operand(const wg_call *c, const char **text, plan *p, int i) {
    term *t = &p->in[i];
    int at, rank = wg_call_rank(c, i);
    if (!read_letters(c, text, t, &at)) return false;
    t->dots = -1;
    if (at < 0 ? t->rank != rank : t->rank > rank)
        return wg_call_fail(c, WG_ERROR_SHAPE,
                            "\"%s\": operand %d has %d axes, the equation names %d", equation_of(c),
                            i, rank, t->rank);
    if (at >= 0) put_dots(t, at, rank - t->rank);
    if (t->dots > p->dots) p->dots = t->dots;
    return meet_sizes(c, p, i);
}

// The output that is not written: what "..." stands for, then letters that occur once.
static bool implied_output(const wg_call *c, plan *p) {
    int count[LETTERS] = { 0 }, once = 0;
    for (int i = 0; i < c->inputs; i++)
        for (int k = 0; k < p->in[i].rank; k++)
            if (p->in[i].label[k] < LETTERS) count[p->in[i].label[k]]++;
    for (int l = 0; l < LETTERS; l++) once += count[l] == 1;
    if (once + p->dots > WG_MAX_RANK)
        return wg_call_fail(c, WG_ERROR_SHAPE, "\"%s\": the result would have rank %d",
                            equation_of(c), once + p->dots);
    p->out.rank = 0;
    put_dots(&p->out, 0, p->dots);
    for (int l = 0; l < LETTERS; l++)
        if (count[l] == 1) p->out.label[p->out.rank++] = (int8_t)l;
    return true;
}

static bool read_output(const wg_call *c, const char *text, plan *p) {
    int at;
    bool seen[LETTERS] = { false };
    if (!read_letters(c, &text, &p->out, &at)) return false;
    if (*text)
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "\"%s\": more than one output", equation_of(c));
    for (int k = 0; k < p->out.rank; k++) {
        int label = p->out.label[k];
        if (p->size[label] < 0 || seen[label])
            return wg_call_fail(c, WG_ERROR_ARGUMENT, "\"%s\": %c %s", equation_of(c),
                                letter_of(label),
                                seen[label] ? "is twice in the output" : "is in no operand");
        seen[label] = true;
    }
    if (at >= 0 && p->out.rank + p->dots > WG_MAX_RANK)
        return wg_call_fail(c, WG_ERROR_SHAPE, "\"%s\": the result would have rank %d",
                            equation_of(c), p->out.rank + p->dots);
    if (at >= 0) put_dots(&p->out, at, p->dots);
    return true;
}

static bool read_equation(const wg_call *c, plan *p) {
    const char *text = equation_of(c);
    p->dots = 0;
    for (int l = 0; l < LABELS; l++) p->size[l] = -1;
    for (int i = 0; i < c->inputs; i++) {
        if (i > 0 && *text++ != ',')
            return wg_call_fail(c, WG_ERROR_ARGUMENT, "\"%s\": it names %d operands, %d are given",
                                equation_of(c), i, c->inputs);
        if (!read_operand(c, &text, p, i)) return false;
    }
    if (*text == ',')
        return wg_call_fail(c, WG_ERROR_ARGUMENT,
                            "\"%s\": it names more operands than the %d given", equation_of(c),
                            c->inputs);
    return *text ? read_output(c, text + 2, p) : implied_output(c, p);
}

static wg_shape shape_of(const plan *p, const term *t) {
    wg_shape s = { .rank = t->rank };
    for (int k = 0; k < t->rank; k++) s.dim[k] = p->size[t->label[k]];
    return s;
}

static bool einsum_infer(const wg_call *c, wg_spec *out) {
    plan p;
    if (!wg_call_float(c, 0) || !wg_call_same_dtype(c) || !read_equation(c, &p)) return false;
    return wg_spec_set(out, wg_call_dtype(c, 0), shape_of(&p, &p.out));
}

/* ---- one operand ----------------------------------------------------------------------------- */

typedef struct operand {
    wg_tensor *x;
    term t;  // a label for each axis of x
} operand;

static uint64_t labels_of(const term *t) {
    uint64_t set = 0;
    for (int k = 0; k < t->rank; k++) set |= 1ull << t->label[k];
    return set;
}

static void drop(term *t, int axis) {
    t->rank--;
    for (int k = axis; k < t->rank; k++) t->label[k] = t->label[k + 1];
}

// A label that occurs twice is a diagonal.
static void take_diagonals(operand *o) {
    for (int b = 1; b < o->t.rank; b++)
        for (int a = 0; a < b; a++) {
            if (o->t.label[a] != o->t.label[b]) continue;
            int8_t label = o->t.label[a];
            o->x = wg_diagonal(o->x, 0, a, b);
            drop(&o->t, b), drop(&o->t, a);
            o->t.label[o->t.rank++] = label;
            b = 0;  // from the start: axes have moved
            break;
        }
}

// An axis of size 1 that another operand stretches says nothing, and goes.
static void drop_stretched(const plan *p, operand *o) {
    for (int k = o->t.rank - 1; k >= 0; k--) {
        if (wg_dim(o->x, k) == p->size[o->t.label[k]]) continue;
        o->x = wg_squeeze(o->x, k);
        drop(&o->t, k);
    }
}

static void sum_unneeded(operand *o, uint64_t needed) {
    wg_shape axes = { .rank = 0 };
    for (int k = 0; k < o->t.rank; k++)
        if (!(needed >> o->t.label[k] & 1)) axes.dim[axes.rank++] = k;
    if (axes.rank == 0) return;
    o->x = wg_sum_axes(o->x, axes, false);
    for (int k = axes.rank - 1; k >= 0; k--) drop(&o->t, (int)axes.dim[k]);
}

// x with its axes in this order of labels.
static wg_tensor *ordered(const operand *o, const term *want) {
    wg_shape axes = { .rank = want->rank };
    bool as_is = true;
    for (int k = 0; k < want->rank; k++)
        for (int a = 0; a < o->t.rank; a++)
            if (o->t.label[a] == want->label[k]) axes.dim[k] = a, as_is = as_is && a == k;
    return as_is ? o->x : wg_permute(o->x, axes);
}

/* ---- two operands ---------------------------------------------------------------------------- */

// Appends the labels of `from` that are in the set, in from's order; the product of their sizes.
static int64_t append(const plan *p, term *to, const term *from, uint64_t set) {
    int64_t count = 1;
    for (int k = 0; k < from->rank; k++) {
        int8_t label = from->label[k];
        if (!(set >> label & 1)) continue;
        if (to->rank < WG_MAX_RANK) to->label[to->rank] = label;
        to->rank++;
        count *= p->size[label];
    }
    return count;
}

// Nothing is summed and one operand has all labels: a product element by element, broadcast.
static wg_tensor *scale(const plan *p, const operand *all, const operand *part, const term *y) {
    term order = { .rank = 0 };
    append(p, &order, y, labels_of(&part->t));
    wg_shape s = shape_of(p, &order);
    while (s.rank < y->rank) s.dim[s.rank++] = 1;
    return wg_mul(ordered(all, y), wg_reshape(ordered(part, &order), s));
}

static bool contract(const wg_call *c, const plan *p, operand *a, const operand *b,
                     uint64_t needed) {
    const uint64_t in_a = labels_of(&a->t), in_b = labels_of(&b->t), both = in_a & in_b;
    const uint64_t batch = both & needed, summed = both & ~needed;
    term left = { .rank = 0 }, right = { .rank = 0 }, y = { .rank = 0 };
    int64_t count = append(p, &left, &a->t, batch);
    int64_t rows = append(p, &left, &a->t, in_a & ~both), inner = append(p, &left, &a->t, summed);
    append(p, &right, &a->t, batch);
    append(p, &right, &a->t, summed);
    int64_t cols = append(p, &right, &b->t, in_b & ~both);
    append(p, &y, &a->t, batch);
    append(p, &y, &a->t, in_a & ~both);
    append(p, &y, &b->t, in_b & ~both);
    if (y.rank > WG_MAX_RANK)
        return wg_call_fail(c, WG_ERROR_SHAPE, "\"%s\": a product of two operands has rank %d",
                            equation_of(c), y.rank);
    if (!summed && in_b == both) {
        a->x = scale(p, a, b, &y);
    } else if (!summed && in_a == both) {
        a->x = scale(p, b, a, &y);
    } else {
        wg_shape l = WG_SHAPE(count, rows, inner), r = WG_SHAPE(count, inner, cols);
        if (!batch) l = WG_SHAPE(rows, inner), r = WG_SHAPE(inner, cols);
        wg_tensor *ab =
            wg_matmul(wg_reshape(ordered(a, &left), l), wg_reshape(ordered(b, &right), r));
        a->x = wg_reshape(ab, shape_of(p, &y));
    }
    a->t = y;
    return a->x != NULL;
}

/* ---- all ------------------------------------------------------------------------------------- */

// Labels of the output and of all operands but two.
static uint64_t needed_by_others(const plan *p, const operand *o, int n, int i, int j) {
    uint64_t set = labels_of(&p->out);
    for (int k = 0; k < n; k++)
        if (k != i && k != j) set |= labels_of(&o[k].t);
    return set;
}

// Multiplications that the pair takes.
static double cost(const plan *p, const operand *a, const operand *b) {
    uint64_t set = labels_of(&a->t) | labels_of(&b->t);
    double product = 1;
    for (int l = 0; l < LABELS; l++)
        if (set >> l & 1) product *= (double)p->size[l];
    return product;
}

static void cheapest(const plan *p, const operand *o, int n, int pair[2]) {
    double least = INFINITY;
    pair[0] = 0, pair[1] = 1;
    for (int i = 0; i < n && n > 2; i++)
        for (int j = i + 1; j < n; j++) {
            double here = cost(p, &o[i], &o[j]);
            if (!(here < least)) continue;
            least = here;
            pair[0] = i, pair[1] = j;
        }
}

static wg_tensor *einsum_compose(const wg_call *c) {
    plan p;
    operand o[WG_MAX_INPUTS];
    int n = c->inputs, pair[2];
    if (!read_equation(c, &p)) return NULL;
    for (int i = 0; i < n; i++) {
        o[i] = (operand){ c->in[i], p.in[i] };
        take_diagonals(&o[i]);
        drop_stretched(&p, &o[i]);
    }
    for (int i = 0; i < n; i++) sum_unneeded(&o[i], needed_by_others(&p, o, n, i, i));
    for (; n > 1; n--) {
        cheapest(&p, o, n, pair);
        uint64_t needed = needed_by_others(&p, o, n, pair[0], pair[1]);
        if (!contract(c, &p, &o[pair[0]], &o[pair[1]], needed)) return NULL;
        o[pair[1]] = o[n - 1];
    }
    return ordered(&o[0], &p.out);
}

/* ---- reference ------------------------------------------------------------------------------- */

// Offset of an operand's element in its dense array, for these values of the labels.
static int64_t place(const term *t, const wg_shape *s, const int64_t index[LABELS]) {
    int64_t offset = 0;
    for (int k = 0; k < t->rank; k++)
        offset = offset * s->dim[k] + (s->dim[k] == 1 ? 0 : index[t->label[k]]);
    return offset;
}

static bool einsum_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    plan p;
    int64_t count = 1, index[LABELS];
    if (!read_equation(c, &p)) return false;
    for (int l = 0; l < LABELS; l++) count *= p.size[l] < 0 ? 1 : p.size[l];
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++) out->data[k] = 0;
    for (int64_t k = 0; k < count; k++) {
        double complex product = 1;
        int64_t rest = k;
        for (int l = 0; l < LABELS; l++) {
            index[l] = p.size[l] < 0 ? 0 : rest % p.size[l];
            rest /= p.size[l] < 0 ? 1 : p.size[l];
        }
        for (int i = 0; i < c->inputs; i++)
            product *= in[i].data[place(&p.in[i], &in[i].shape, index)];
        out->data[place(&p.out, &out->shape, index)] += product;
    }
    return true;
}

/* ---- record ---------------------------------------------------------------------------------- */

WG__DEFINE_OP(einsum) = {
    .abi = WG_OP_ABI,
    .name = "einsum",
    .doc = "sum of products over axes named by letters: wg_einsum(\"bmn,bn->bm\", a, b)",
    .shapes = "what the equation says",
    .derivative = "da = einsum of gy with the other operands, a's letters for output",
    .edges =
        "without \"->\" the output is what \"...\" stands for, then the letters that occur once, "
        "A to Z before a to z; \"...\" that the output does not name is summed, as in PyTorch "
        "(NumPy refuses it); a letter has one size everywhere, 1 is not stretched",
    .equals = "torch.einsum, np.einsum",
    .inputs = 1,
    .inputs_max = WG_MAX_INPUTS,
    .attr_size = sizeof(einsum_attr),
    .attrs = einsum_attrs,
    .infer = einsum_infer,
    .compose = einsum_compose,
    .reference = einsum_reference,
    .samples = { "2,3,4 2,4 | equation=bmn,bn->bm", "2,3 3,2 | equation=ij,jk",
                 "2,3,4 | equation=cab->bc", "3,3,2 | equation=iij->ji", "2,2,2 | equation=iii",
                 "2,3 2,4 3,4 | equation=ij,ik,jk->", "2,1,3,2 3,2,2 | equation=...ij,...jk",
                 "3 4 2 | equation=a,B,c", "2,3 2,3 | equation=ij,ij->ij",
                 "2,3,2 3 | equation=a...a,...->...", "3,2,1 2,2 | equation=i...,...j->j",
                 "2,2 2,3 3,2 2,2 | equation=ab,bc,cd,da->ca", "() 3 | equation=,i->i",
                 "2,0 0,3 | equation=ij,jk->ki", "2,3,2,2 2,2,4 | equation=bhij,bjd->bhid",
                 "2,3 4,3 | equation=xi,yi->yx" },
    .bad = { "2,3 3,2 | equation=ij,kl->im", "2,3 4,2 | equation=ij,jk", "2,3 | equation=i",
             "2,3 | equation=ij,jk", "2,3 3,2 | equation=ij", "2,3 | equation=ij->ii",
             "2,3 | equation=i1", "2,3 | equation=i......j", "2,3 | equation=ij->i->j",
             "2,3 | equation=ijk...", "2,2,3 3,3,2 | equation=...ij,...jk", "2,3 | equation=ii",
             "2,3@i0..4 | equation=ij", "2,3 | equation=i-j", "2,3 | equation=i..j" },
};

wg_tensor *wg_einsum_of(const char *equation, wg_tensor *const x[], int n) {
    if (wg__pending()) return NULL;
    if (!equation || !x)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "einsum: the %s is NULL",
                             equation ? "list" : "equation");
    einsum_attr attr = { { 0 } };
    size_t length = 0;
    for (const char *p = equation; *p; p++) {
        if (*p == ' ') continue;
        if (length + 1 == WG_TEXT_SIZE)
            return WG__FAIL_NULL(WG_ERROR_ARGUMENT,
                                 "einsum: the equation has more than %d characters: \"%.40s...\"",
                                 WG_TEXT_SIZE - 1, equation);
        attr.equation[length++] = *p;
    }
    return wg_apply(&wg__op_einsum, x, n, &attr);
}
