// SPDX-License-Identifier: MIT
/* tile.c: the same elements several times over. Both ways are one thing: x as rows (outer, run),
   each row repeated, (outer, n, run), through expand. So no rank is too high, and the gradient is
   expand's, a sum. */
#include "autograd/ops/view.h"

static int64_t product(const wg_shape *s, int from, int to) {
    int64_t n = 1;
    for (int i = from; i < to; i++) n *= s->dim[i];
    return n;
}

// x, rows of `run` elements, with each row n times; of rank 3 or x itself.
static wg_tensor *rows_repeated(wg_tensor *x, int64_t run, int64_t n) {
    if (n == 1) return x;
    int64_t outer = wg_numel(x) / run;
    wg_tensor *rows = wg_reshape(x, WG_SHAPE(outer, 1, run));
    return wg_expand(rows, WG_SHAPE(outer, n, run));
}

// Nothing is left of x, but the result still hangs on it.
static wg_tensor *nothing_of(wg_tensor *x, const wg_shape *shape) {
    return wg_reshape(wg_slice(wg_reshape(x, WG_SHAPE(WG_REST)), 0, 0, 0, 1), *shape);
}

// Results are dense, so that one can be written to like any other.
static wg_tensor *finished(wg_tensor *x, const wg_shape *shape) {
    return wg_contiguous(wg_reshape(x, *shape));
}

static bool times(const wg_call *c, int64_t *dim, int64_t n) {
    if (n < 0)
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "it cannot be repeated %lld times", (long long)n);
    return !__builtin_mul_overflow(*dim, n, dim) ||
           wg_call_fail(c, WG_ERROR_SHAPE, "the result has too many elements");
}

/* ---- repeat ---------------------------------------------------------------------------------- */

static const wg_attr repeats_attrs[] = { { "repeats", WG_ATTR_LIST, 0 }, { .name = NULL } };

static bool repeat_infer(const wg_call *c, wg_spec *out) {
    const wg_shape *x = &wg__viewed(c)->shape, *r = wg__listed(c);
    int extra = r->rank - x->rank;
    if (extra < 0 || r->rank > WG_MAX_RANK)
        return wg_call_fail(c, WG_ERROR_SHAPE, "%d repeats for %d axes, up to 8 of which are new",
                            r->rank, x->rank);
    wg_spec_set(out, wg_call_dtype(c, 0), *r);
    for (int i = 0; i < r->rank; i++) {
        out->shape.dim[i] = i < extra ? 1 : x->dim[i - extra];
        if (!times(c, &out->shape.dim[i], r->dim[i])) return false;
    }
    return wg__fits_memory(c, out);
}

// From the last axis on: what is copied at an inner step is small beside the next.
static wg_tensor *repeat_compose(const wg_call *c) {
    const wg_shape *r = wg__listed(c);
    wg_tensor *x = c->in[0];
    wg_shape s = { .rank = r->rank };
    for (int i = 0, extra = r->rank - wg_rank(x); i < s.rank; i++)
        s.dim[i] = i < extra ? 1 : wg_dim(x, i - extra);
    wg_shape whole = s;
    for (int i = 0; i < s.rank; i++) whole.dim[i] *= r->dim[i];
    if (wg__numel(&whole) == 0) return nothing_of(x, &whole);
    for (int i = s.rank - 1; i >= 0; i--) {
        x = rows_repeated(x, product(&s, i, s.rank), r->dim[i]);
        s.dim[i] *= r->dim[i];
    }
    return finished(x, &whole);
}

static bool repeated_from(const wg_call *c, const wg_shape *x, const wg_shape *y,
                          const int64_t at[], int64_t from[]) {
    (void)c;
    for (int i = 0; i < x->rank; i++) from[i] = at[y->rank - x->rank + i] % x->dim[i];
    return true;
}

WG__MOVED_REFERENCE(repeat, repeated_from)
WG__DEFINE_OP(repeat) = {
    .abi = WG_OP_ABI,
    .name = "repeat",
    .doc = "x side by side with itself, repeats[i] times along axis i",
    .shapes = "(d0, ...) -> (..., r0 d0, ...)",
    .derivative = "dx = the sum of gy over the repeats",
    .edges =
        "more repeats than axes put new axes in front; 0 repeats leave nothing; fewer are refused, "
        "where tile takes them",
    .equals = "torch.Tensor.repeat, np.tile",
    .inputs = 1,
    .attr_size = sizeof(wg__shape_attr),
    .attrs = repeats_attrs,
    .infer = repeat_infer,
    .compose = repeat_compose,
    .reference = repeat_reference,
    .samples = { "3 | repeats=2", "2,3 | repeats=2,2", "2,3 | repeats=1,1", "2 | repeats=3,2",
                 "() | repeats=", "() | repeats=2,2", "2,1,2 | repeats=1,3,2", "2,3 | repeats=0,2",
                 "0,2 | repeats=2,3", "2,1 | repeats=3,1", "1 | repeats=4",
                 "2,2@i0..9 | repeats=1,2" },
    .bad = { "2,3 | repeats=2", "2 | repeats=-1", "2 | repeats=9223372036854775807",
             "2,2 | repeats=4294967296,4294967296", "1 | repeats=0,4611686018427387904,4" },
};

wg_tensor *wg_repeat(wg_tensor *x, wg_shape repeats) {
    return wg__op1(&wg__op_repeat, x, &(wg__shape_attr){ repeats });
}

wg_tensor *wg_tile(wg_tensor *x, wg_shape repeats) {
    wg_shape all = { .rank = wg_rank(x) };
    int missing = all.rank - repeats.rank;
    if (missing <= 0 || repeats.rank < 0) return wg_repeat(x, repeats);
    for (int i = 0; i < all.rank; i++) all.dim[i] = i < missing ? 1 : repeats.dim[i - missing];
    return wg_repeat(x, all);
}

/* ---- repeat_interleave ----------------------------------------------------------------------- */

typedef struct interleave_attr {
    int64_t n, axis;
} interleave_attr;
static const wg_attr interleave_attrs[] = { { "n", WG_ATTR_INT, offsetof(interleave_attr, n) },
                                            { "axis", WG_ATTR_INT,
                                              offsetof(interleave_attr, axis) },
                                            { .name = NULL } };

static bool repeat_interleave_infer(const wg_call *c, wg_spec *out) {
    const interleave_attr *a = c->attr;
    int axis = wg_call_axis(c, a->axis, wg_call_rank(c, 0));
    if (axis < 0) return false;
    wg_spec_set(out, wg_call_dtype(c, 0), wg__viewed(c)->shape);
    return times(c, &out->shape.dim[axis], a->n) && wg__fits_memory(c, out);
}

static wg_tensor *repeat_interleave_compose(const wg_call *c) {
    const interleave_attr *a = c->attr;
    wg_shape s = wg_shape_of(c->in[0]);
    int axis = wg__axis(a->axis, s.rank);
    int64_t run = product(&s, axis + 1, s.rank);
    s.dim[axis] *= a->n;
    if (wg__numel(&s) == 0) return nothing_of(c->in[0], &s);
    return finished(rows_repeated(c->in[0], run, a->n), &s);
}

static bool interleaved_from(const wg_call *c, const wg_shape *x, const wg_shape *y,
                             const int64_t at[], int64_t from[]) {
    const interleave_attr *a = c->attr;
    for (int i = 0; i < y->rank; i++) from[i] = at[i];
    from[wg__axis(a->axis, x->rank)] /= a->n;
    return true;
}

WG__MOVED_REFERENCE(repeat_interleave, interleaved_from)
WG__DEFINE_OP(repeat_interleave) = {
    .abi = WG_OP_ABI,
    .name = "repeat_interleave",
    .doc = "y[i] = x[i / n] along an axis: each element n times, one after the other",
    .shapes = "(..., N, ...) -> (..., n N, ...)",
    .derivative = "dx = the sum of gy over each element's n",
    .edges = "n = 0 leaves nothing; one n for all elements",
    .equals = "torch.repeat_interleave, np.repeat",
    .inputs = 1,
    .attr_size = sizeof(interleave_attr),
    .attrs = interleave_attrs,
    .infer = repeat_interleave_infer,
    .compose = repeat_interleave_compose,
    .reference = repeat_interleave_reference,
    .samples = { "3 | n=2", "2,3 | n=3 axis=1", "2,3,2 | n=2 axis=-2", "2,3 | n=1", "2,2 | n=0",
                 "0,2 | n=3", "2,0 | n=2", "1 | n=4", "3@i0..9 | n=2" },
    .bad = { "2 | n=-1", "() | n=2", "2 | n=2 axis=1", "3 | n=9223372036854775807",
             "0,268435456 | n=68719476736 axis=1" },
};

wg_tensor *wg_repeat_interleave(wg_tensor *x, int64_t n, int axis) {
    return wg__op1(&wg__op_repeat_interleave, x, &(interleave_attr){ n, axis });
}
