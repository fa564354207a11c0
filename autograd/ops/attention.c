// SPDX-License-Identifier: MIT
/* attention.c: scaled dot-product attention, a formula of other operations. Masks act on the
   scores, before softmax. A query that may look at nothing gets scores of 0, and its result is then
   put to 0: so no NaN arises that a gradient could carry on. */
#include "autograd/ops/ops_impl.h"

typedef struct attention_attr {
    bool causal;
    double scale;
} attention_attr;
static const wg_attr attention_attrs[] = {
    { "causal", WG_ATTR_BOOL, offsetof(attention_attr, causal) },
    { "scale", WG_ATTR_REAL, offsetof(attention_attr, scale) },
    { .name = NULL },
};

enum { Q, K, V, MASK };

static bool masked(const wg_call *c) { return c->inputs > MASK && c->in[MASK]; }

/* ---- what fits ------------------------------------------------------------------------------- */

static wg_shape leading(const wg_call *c, int i) {
    wg_shape s = wg_shape_of(c->in[i]);
    s.rank -= 2;
    return s;
}

static bool sizes_agree(const wg_call *c) {
    int64_t d = wg_call_dim(c, Q, -1), own = wg_call_dim(c, K, -1);
    int64_t keys = wg_call_dim(c, K, -2), values = wg_call_dim(c, V, -2);
    if (d != own)
        return wg_call_fail(c, WG_ERROR_SHAPE, "a query has %lld numbers, a key %lld", (long long)d,
                            (long long)own);
    return keys == values || wg_call_fail(c, WG_ERROR_SHAPE, "%lld keys and %lld values",
                                          (long long)keys, (long long)values);
}

static bool mask_fits(const wg_call *c, const wg_shape *scores) {
    wg_shape mask = wg_shape_of(c->in[MASK]), both;
    char text[200];
    if (wg_call_dtype(c, MASK) != WG_BOOL && !wg__same_dtype(c, Q, MASK)) return false;
    return (wg__broadcast(&mask, scores, &both) && wg__shape_equal(&both, scores)) ||
           wg_call_fail(c, WG_ERROR_SHAPE, "the mask does not broadcast to the scores, %s",
                        wg_shape_text(*scores, text, sizeof text));
}

static bool attention_infer(const wg_call *c, wg_spec *out) {
    const attention_attr *a = c->attr;
    for (int i = 0; i < MASK; i++) {
        if (!wg_call_float(c, i) || !wg__same_dtype(c, Q, i)) return false;
        if (wg_call_rank(c, i) < 2)
            return wg_call_fail(c, WG_ERROR_SHAPE, "q, k and v are (..., T, D)");
    }
    wg_shape q = leading(c, Q), k = leading(c, K), v = leading(c, V), scores, y;
    if (!sizes_agree(c)) return false;
    if (!wg__broadcast(&q, &k, &scores) || !wg__broadcast(&scores, &v, &y))
        return wg_call_fail(c, WG_ERROR_SHAPE, "the leading dimensions do not broadcast");
    if (!isfinite(a->scale))
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "the scale %g is not finite", a->scale);
    y.dim[y.rank++] = scores.dim[scores.rank++] = wg_call_dim(c, Q, -2);
    y.dim[y.rank++] = wg_call_dim(c, V, -1);
    scores.dim[scores.rank++] = wg_call_dim(c, K, -2);
    if (masked(c) && !mask_fits(c, &scores)) return false;
    return wg_spec_set(out, wg_call_dtype(c, Q), y);
}

/* ---- masks: (..., T, S), or what broadcasts to it -------------------------------------------- */

static wg_tensor *truth(bool value) { return wg_full(WG_BOOL, WG_SCALAR, value); }

typedef struct masks {
    wg_tensor *keep;   // bool: elsewhere scores become -inf; NULL: all are kept
    wg_tensor *add;    // to the scores; NULL: nothing
    wg_tensor *alive;  // bool (..., T, 1): the queries that see a key; NULL: all
    wg_tensor *seen;   // bool: who sees what; NULL: all see all
} masks;

// Some element of the last axis is true.
static wg_tensor *any(wg_tensor *mask, wg_dtype dtype) {
    return wg_gt(wg_sum_axes(wg_cast(mask, dtype), WG_AXES(-1), true), wg_num(0));
}

static void keep_where(masks *m, wg_tensor *mask, wg_dtype dtype) {
    if (m->keep) mask = wg_where(m->keep, mask, truth(false));
    m->alive = any(mask, dtype);
    m->keep = m->seen = mask;
}

static void add_mask(masks *m, wg_tensor *mask) {
    wg_tensor *seen = wg_stop(mask);
    m->add = mask;
    if (wg_dim(mask, -1) == 0) return;  // no key, and no largest
    if (m->keep) seen = wg_where(m->keep, seen, wg_num(-INFINITY));
    wg_tensor *most = wg_max_axes(seen, WG_AXES(-1), true);
    m->alive = wg_ne(most, wg_num(-INFINITY));
}

static masks masks_of(const wg_call *c) {
    masks m = { NULL, NULL, NULL, NULL };
    int64_t queries = wg_call_dim(c, Q, -2), keys = wg_call_dim(c, K, -2);
    wg_tensor *mask = masked(c) ? c->in[MASK] : NULL;
    if (((const attention_attr *)c->attr)->causal) m.keep = wg_causal_mask(queries, keys);
    if (keys > queries) m.seen = m.keep;  // the last keys are hidden from every query
    if (!mask) return m;
    if (wg_rank(mask) == 0) mask = wg_unsqueeze(mask, 0);
    if (wg_dtype_of(mask) == WG_BOOL)
        keep_where(&m, mask, wg_call_dtype(c, Q));
    else
        add_mask(&m, mask);
    return m;
}

/* ---- the formula ----------------------------------------------------------------------------- */

static double scale_of(const wg_call *c) {
    double scale = ((const attention_attr *)c->attr)->scale, d = (double)wg_call_dim(c, Q, -1);
    return scale != 0 ? scale : 1 / sqrt(fmax(d, 1));
}

/* Where any query looks, (..., S or 1, 1); NULL: everywhere, as far as is known. */
static wg_tensor *rows_of(const masks *m) {
    wg_tensor *seen = m->seen;  // (..., T or 1, S or 1)
    if (!seen) return NULL;
    if (wg_rank(seen) == 1) seen = wg_unsqueeze(seen, 0);
    return wg_transpose(wg_any_axes(seen, WG_AXES(-2), true), -2, -1);
}

/* k or v, with 0 where no query looks: padding may hold anything, and 0 times infinity is NaN, in
   the result for v and in the gradient of q for k. */
static wg_tensor *looked_at(wg_tensor *x, wg_tensor *rows) {
    return rows ? wg_where(rows, x, wg_num(0)) : x;
}

static wg_tensor *attention_compose(const wg_call *c) {
    masks m = masks_of(c);
    wg_tensor *rows = rows_of(&m), *k = looked_at(c->in[K], rows), *v = looked_at(c->in[V], rows);
    wg_tensor *q = wg_mul(c->in[Q], wg_num(scale_of(c)));       // (..., T, D)
    wg_tensor *scores = wg_matmul(q, wg_transpose(k, -2, -1));  // (..., T, S)
    if (m.keep) scores = wg_where(m.keep, scores, wg_num(-INFINITY));
    if (m.add) scores = wg_add(scores, m.add);
    if (m.alive) scores = wg_where(m.alive, scores, wg_num(0));
    wg_tensor *y = wg_matmul(wg_softmax(scores, -1), v);  // (..., T, E)
    return m.alive ? wg_where(m.alive, y, wg_num(0)) : y;
}

/* ---- reference ------------------------------------------------------------------------------- */

static double complex plainly_scaled(const wg_call *c, double complex score) {
    const attention_attr *a = c->attr;
    if (a->scale != 0) return a->scale * score;
    return score == 0 ? 0 : score / sqrt((double)wg_call_dim(c, Q, -1));
}

// The score of key s for query t; -inf where it is masked. flat counts (batch, t, s).
static double complex plain_score(const wg_call *c, const wg_zview in[], const wg_shape *scores,
                                  int64_t flat) {
    int64_t keys = scores->dim[scores->rank - 1], queries = scores->dim[scores->rank - 2];
    int64_t d = wg_call_dim(c, Q, -1), s = flat % keys, t = flat / keys % queries;
    int64_t batch = flat / keys / queries;
    wg_shape q = *scores, k = *scores;
    q.dim[q.rank - 1] = k.dim[k.rank - 1] = d;
    k.dim[k.rank - 2] = keys;
    double complex score = 0, mask = 0;
    if (((const attention_attr *)c->attr)->causal && s > t) return -INFINITY;
    if (masked(c)) mask = wg__broadcast_at(&in[MASK], scores, flat);
    if (masked(c) && wg_call_dtype(c, MASK) == WG_BOOL) {
        if (mask == 0) return -INFINITY;
        mask = 0;
    }
    for (int64_t i = 0; i < d; i++)
        score += wg__broadcast_at(&in[Q], &q, (batch * queries + t) * d + i) *
                 wg__broadcast_at(&in[K], &k, (batch * keys + s) * d + i);
    return plainly_scaled(c, score) + mask;
}

// Element `flat`, counted over (batch, t, e), of the result.
static double complex plain_attention(const wg_call *c, const wg_zview in[], const wg_shape *y,
                                      int64_t flat) {
    int64_t keys = wg_call_dim(c, K, -2), width = y->dim[y->rank - 1],
            queries = y->dim[y->rank - 2];
    wg_shape scores = *y, v = *y;
    scores.dim[y->rank - 1] = v.dim[y->rank - 2] = keys;
    double complex most = -INFINITY, sum = 0, total = 0;
    // With its imaginary part: large tangents of scores then cancel before they meet v.
    for (int64_t s = 0; s < keys; s++) {
        double complex score = plain_score(c, in, &scores, flat / width * keys + s);
        if (creal(score) > creal(most)) most = score;
    }
    for (int64_t s = 0; s < keys; s++) {
        double complex score = plain_score(c, in, &scores, flat / width * keys + s);
        double complex weight = creal(score) == -INFINITY ? 0 : cexp(score - most);
        int64_t batch = flat / width / queries;
        sum += weight;
        total += weight * wg__broadcast_at(&in[V], &v, (batch * keys + s) * width + flat % width);
    }
    return sum == 0 ? 0 : total / sum;
}

static bool attention_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++)
        out->data[k] = plain_attention(c, in, &out->shape, k);
    return true;
}

/* ---- record ---------------------------------------------------------------------------------- */

WG__DEFINE_OP(scaled_dot_product_attention) = {
    .abi = WG_OP_ABI,
    .name = "scaled_dot_product_attention",
    .doc = "softmax(scale q k' + mask) v, softmax over the keys (Vaswani et al. 2017)",
    .shapes = "(..., T, D) x (..., S, D) x (..., S, E) x (..., T, S) -> (..., T, E)",
    .derivative =
        "p = softmax, gp = gy v', gs = p (gp - sum gp p): dq = scale gs k, dk = scale gs' q, "
        "dv = p' gy, dmask = gs",
    .edges =
        "a query whose keys are all masked gives 0 and gradients exactly 0, where PyTorch gives "
        "NaN; so does S = 0; causal hides keys s > t, top left aligned as in PyTorch, for "
        "S > T too; what a bool mask or causal hides from every query may be NaN or infinite, k "
        "and v alike",
    .equals = "torch.nn.functional.scaled_dot_product_attention",
    .inputs = 3,
    .inputs_max = 4,
    .flags = WG_OP_OPTIONAL_INPUTS,
    .attr_size = sizeof(attention_attr),
    .attrs = attention_attrs,
    .infer = attention_infer,
    .compose = attention_compose,
    .reference = attention_reference,
    .samples = { "3,2 4,2 4,3", "2,3,2 2,3,2 2,3,2 | causal=1", "3,2 2,2 2,1 | causal=1",
                 "2,2 4,2 4,2 | causal=1 scale=-0.5", "2,3 3,3 3,2 2,3@b=1,0,1,0,0,0",
                 "3,2 3,2 3,2 3,3@b=0,1,1,1,0,1,1,1,1 | causal=1", "2,2 3,2 3,2 2,3",
                 "2,2 3,2 3,2 3 | causal=1 scale=2", "2,1,2,2 2,3,2 3,2 2,1,1,3@b",
                 "2,2 2,2 2,2 ()@b", "2,2 2,2 2,2 2,1 | causal=1", "2,2 0,2 0,3", "0,2 2,2 2,3",
                 "2,0 3,0 3,2", "0,2,2 0,3,2 0,3,2 2,3", "2,2 0,2 0,3 2,0 | causal=1" },
    .bad = { "2 2,2 2,2", "2,3 2,2 2,2", "2,2 3,2 2,2", "2,2,2 3,2,2 3,2,2", "2,2 2,2 2,2 3,2",
             "2,2 2,2 2,2 2,2,2", "2,2 2,2 2,2 2,2@i0..1", "2,2@i0..3 2,2 2,2", "2,2 2,2@i0..3 2,2",
             "2,2 2,2 2,2 | scale=inf", "2,2 2,2" },
};

wg_tensor *wg_scaled_dot_product_attention(wg_tensor *q, wg_tensor *k, wg_tensor *v,
                                           wg_tensor *mask, wg_attention_options o) {
    return wg_apply(&wg__op_scaled_dot_product_attention, (wg_tensor *[]){ q, k, v, mask }, 4,
                    &(attention_attr){ o.causal, o.scale });
}

wg_tensor *wg_causal_mask(int64_t rows, int64_t columns) {
    if (rows < 0 || columns < 0)
        return wg__pending() ? NULL
                             : WG__FAIL_NULL(WG_ERROR_ARGUMENT, "causal_mask: %lld rows of %lld",
                                             (long long)rows, (long long)columns);
    wg_tensor *row = wg_unsqueeze(wg_arange(WG_I64, 0, (double)rows, 1), 1);  // (rows, 1)
    return wg_ge(row, wg_arange(WG_I64, 0, (double)columns, 1));              // (rows, columns)
}
