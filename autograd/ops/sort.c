// SPDX-License-Identifier: MIT
/* sort.c: places of the elements of each line in order, and what stands there. Elements of any
   dtype become unsigned keys of the same order, NaN above all, so one stable sort by digits (LSD
   radix) and one heap serve them all; descending order is that of the inverted keys. */
#include "autograd/ops/ops_impl.h"
#include "tensor/kernels/lines.h"

typedef struct sort_attr {
    int64_t axis;
    bool descending;
} sort_attr;
typedef struct topk_attr {
    int64_t axis, k;
    bool largest;
} topk_attr;

static const wg_attr sort_attrs[] = { { "axis", WG_ATTR_INT, offsetof(sort_attr, axis) },
                                      { "descending", WG_ATTR_BOOL,
                                        offsetof(sort_attr, descending) },
                                      { .name = NULL } };
static const wg_attr topk_attrs[] = { { "axis", WG_ATTR_INT, offsetof(topk_attr, axis) },
                                      { "k", WG_ATTR_INT, offsetof(topk_attr, k) },
                                      { "largest", WG_ATTR_BOOL, offsetof(topk_attr, largest) },
                                      { .name = NULL } };

static bool argsort_infer(const wg_call *c, wg_spec *out) {
    int rank = wg_call_rank(c, 0);
    return wg_call_axis(c, ((const sort_attr *)c->attr)->axis, rank) >= 0 &&
           wg_spec_set(out, WG_I64, wg_shape_of(c->in[0]));
}

static bool argtopk_infer(const wg_call *c, wg_spec *out) {
    const topk_attr *attr = c->attr;
    int axis = wg_call_axis(c, attr->axis, wg_call_rank(c, 0));
    if (axis < 0) return false;
    wg_spec_set(out, WG_I64, wg_shape_of(c->in[0]));
    int64_t n = out->shape.dim[axis];
    if (attr->k < 0 || attr->k > n)
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "%lld are wanted of %lld along axis %d",
                            (long long)attr->k, (long long)n, axis);
    out->shape.dim[axis] = attr->k;
    return true;
}

/* ---- keys ------------------------------------------------------------------------------------ */

typedef struct item {
    uint64_t key;
    int64_t index;
} item;

static const uint64_t SIGN = (uint64_t)1 << 63;

// Negative numbers grow as their bits fall.
static uint64_t key_of_real(double x) {
    uint64_t bits;
    if (isnan(x)) return UINT64_MAX;
    if (x == 0) x = 0;  // -0 too
    memcpy(&bits, &x, sizeof bits);
    return bits & SIGN ? ~bits : bits | SIGN;
}
static uint64_t key_of_integer(int64_t x) { return (uint64_t)x ^ SIGN; }

typedef void key_loop(int64_t n, const void *x, int64_t step, item *to);
#define KEY_LOOP(loop, type, key_of)                                                               \
    static void loop(int64_t n, const void *from, int64_t step, item *to) {                        \
        const type *x = from;                                                                      \
        for (int64_t k = 0; k < n; k++) to[k] = (item){ key_of(x[k * step]), k };                  \
    }
KEY_LOOP(keys_f32, float, key_of_real)
KEY_LOOP(keys_f64, double, key_of_real)
KEY_LOOP(keys_i32, int32_t, key_of_integer)
KEY_LOOP(keys_i64, int64_t, key_of_integer)
KEY_LOOP(keys_u8, uint8_t, key_of_integer)

/* ---- sorting items --------------------------------------------------------------------------- */

enum { FEW = 48, DIGITS = 8, VALUES = 256 };

static void sort_few(int64_t n, item *x) {
    for (int64_t k = 1; k < n; k++) {
        item moving = x[k];
        int64_t at = k;
        for (; at > 0 && x[at - 1].key > moving.key; at--) x[at] = x[at - 1];
        x[at] = moving;
    }
}

static int digit_of(uint64_t key, int d) { return (int)(key >> 8 * d & (VALUES - 1)); }

// From x to y by one digit; start[v] is where those whose digit is v begin.
static void deal(int64_t n, const item *x, item *y, int d, int64_t start[VALUES]) {
    int64_t sum = 0;
    for (int v = 0; v < VALUES; v++) {
        int64_t count = start[v];
        start[v] = sum;
        sum += count;
    }
    for (int64_t k = 0; k < n; k++) y[start[digit_of(x[k].key, d)]++] = x[k];
}

// Sorts x by key, with as much room in y; returns which of the two holds the result.
static const item *sort_items(int64_t n, item *x, item *y) {
    int64_t count[DIGITS][VALUES] = { { 0 } };
    if (n <= FEW) {
        sort_few(n, x);
        return x;
    }
    for (int64_t k = 0; k < n; k++)
        for (int d = 0; d < DIGITS; d++) count[d][digit_of(x[k].key, d)]++;
    for (int d = 0; d < DIGITS; d++) {
        if (count[d][digit_of(x[0].key, d)] == n) continue;  // they all have this digit in common
        deal(n, x, y, d, count[d]);
        item *swap = x;
        x = y, y = swap;
    }
    return x;
}

/* ---- the first k: a heap with the last of them on top ---------------------------------------- */

static bool before(item a, item b) {
    return a.key < b.key || (a.key == b.key && a.index < b.index);
}

static void sift(item *heap, int64_t size, int64_t at) {
    item moving = heap[at];
    for (int64_t child; (child = 2 * at + 1) < size; at = child) {
        if (child + 1 < size && before(heap[child], heap[child + 1])) child++;
        if (!before(moving, heap[child])) break;
        heap[at] = heap[child];
    }
    heap[at] = moving;
}

static void select_items(int64_t n, item *x, int64_t k) {  // to x[0] ... x[k-1], in order
    for (int64_t at = k / 2 - 1; at >= 0; at--) sift(x, k, at);
    for (int64_t at = k; k > 0 && at < n; at++) {
        if (!before(x[at], x[0])) continue;
        x[0] = x[at];
        sift(x, k, 0);
    }
    for (int64_t size = k - 1; size > 0; size--) {
        item last = x[0];
        x[0] = x[size], x[size] = last;
        sift(x, size, 0);
    }
}

/* ---- values ---------------------------------------------------------------------------------- */

typedef struct job {
    int axis;
    bool descending;
    int64_t k;  // the first so many; -1: all
} job;

static void invert(int64_t n, item *x) {
    for (int64_t k = 0; k < n; k++) x[k].key = ~x[k].key;
}

static bool order_lines(const job *j, const wg_view *x, wg_view *out) {
    static key_loop *const keys[WG_DTYPES] = { keys_f32, keys_f64, keys_i32,
                                               keys_i64, keys_u8,  keys_u8 };
    wg__lines l = wg__lines_of((const wg_view *[]){ x, out }, 2, 1u << j->axis);
    int64_t n = l.length, take = j->k < 0 ? n : j->k, *place = out->data;
    bool few = take <= n / 8;  // else the sort is faster than the heap
    size_t bytes;
    if (take == 0 || l.count == 0) return true;
    if (__builtin_mul_overflow((size_t)n, (few ? 1 : 2) * sizeof(item), &bytes))
        return wg_fail(WG_ERROR_MEMORY, "out of memory: %lld elements to sort", (long long)n);
    item *a = wg__alloc(bytes);
    for (int64_t line = 0; a && line < l.count; line++) {
        int64_t at[WG__LINE_ARRAYS], step = wg__inner_step(&l.cut, 1);
        const item *sorted = a;
        wg__axes_at(&l.kept, line, at);
        keys[x->dtype](n, wg__at(x, at[0]), wg__inner_step(&l.cut, 0), a);
        if (j->descending) invert(n, a);
        if (few)
            select_items(n, a, take);
        else
            sorted = sort_items(n, a, a + n);
        for (int64_t k = 0; k < take; k++) place[at[1] + k * step] = sorted[k].index;
    }
    wg__free(a);
    return a != NULL;
}

static bool argsort_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    const sort_attr *attr = c->attr;
    job j = { wg__axis(attr->axis, out->shape.rank), attr->descending, -1 };
    return order_lines(&j, in[0], out);
}

static bool argtopk_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    const topk_attr *attr = c->attr;
    job j = { wg__axis(attr->axis, out->shape.rank), attr->largest, attr->k };
    return order_lines(&j, in[0], out);
}

static wg_tensor *sort_compose(const wg_call *c) {
    const sort_attr *attr = c->attr;
    wg_tensor *place = wg__op1(&wg__op_argsort, c->in[0], attr);
    return wg_gather(c->in[0], (int)attr->axis, place);
}

static wg_tensor *topk_compose(const wg_call *c) {
    const topk_attr *attr = c->attr;
    wg_tensor *place = wg__op1(&wg__op_argtopk, c->in[0], attr);
    return wg_gather(c->in[0], (int)attr->axis, place);
}

/* ---- references ------------------------------------------------------------------------------ */

// Whether a comes before b, NaN counting as greatest.
static bool plain_before(double a, double b, bool descending) {
    bool less = a < b || (isnan(b) && !isnan(a)), more = a > b || (isnan(a) && !isnan(b));
    return descending ? more : less;
}

/* Where along its line element k comes to stand: after so many others. */
static int64_t plain_rank(const double complex *line, int64_t n, int64_t step, int64_t k,
                          bool descending) {
    int64_t count = 0;
    double own = creal(line[k * step]);
    for (int64_t i = 0; i < n; i++) {
        double other = creal(line[i * step]);
        bool equal = !plain_before(own, other, descending);
        count += plain_before(other, own, descending) || (equal && i < k);
    }
    return count;
}

/* Each element goes where its rank says, if the result reaches so far: its value, or its place. */
static void plain_order(const job *j, const wg_zview *x, wg_zview *out, bool values) {
    int64_t inner = 1, n = x->shape.dim[j->axis], size = out->shape.dim[j->axis];
    for (int i = j->axis + 1; i < out->shape.rank; i++) inner *= out->shape.dim[i];
    for (int64_t flat = 0; flat < wg__numel(&x->shape); flat++) {
        int64_t outer = flat / inner / n, k = flat / inner % n;
        const double complex *line = x->data + outer * n * inner + flat % inner;
        int64_t to = plain_rank(line, n, inner, k, j->descending);
        if (to >= size) continue;
        out->data[(outer * size + to) * inner + flat % inner] =
            values ? line[k * inner] : (double)k;
    }
}

#define REFERENCE(name, attr_type, down, values)                                                   \
    static bool name##_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {           \
        const attr_type *attr = c->attr;                                                           \
        job j = { wg__axis(attr->axis, out->shape.rank), attr->down, -1 };                         \
        plain_order(&j, &in[0], out, values);                                                      \
        return true;                                                                               \
    }
REFERENCE(argsort, sort_attr, descending, false)
REFERENCE(argtopk, topk_attr, largest, false)
REFERENCE(sort, sort_attr, descending, true)
REFERENCE(topk, topk_attr, largest, true)

/* ---- records --------------------------------------------------------------------------------- */

#define COMMON(opname, kind)                                                                       \
    .abi = WG_OP_ABI, .name = #opname, .inputs = 1, .attr_size = sizeof(kind##_attr),              \
    .attrs = kind##_attrs, .reference = opname##_reference
#define PLACES(opname)                                                                             \
    .infer = opname##_infer, .forward = opname##_forward, .flags = WG_OP_ZERO_GRADIENT,            \
    .saves = WG_SAVES_NOTHING
#define EDGES "stable: equals keep their order; -0 equals 0; NaN counts as greatest"
#define PERMUTES "dx = gy, each element back to where it was taken from, also among equals"

/* The floats below are more than 24: among fewer the tie rule is tried out, and none of its names
   says "one of the equals". */
WG__DEFINE_OP(sort) = {
    COMMON(sort, sort),
    .doc = "x in order along an axis: gather(x, argsort x)",
    .shapes = "any, of rank 1 or more -> the same",
    .derivative = PERMUTES,
    .edges = EDGES,
    .equals = "torch.sort's values with stable=True, np.sort",
    .compose = sort_compose,
    .samples = { "3,9 | axis=1", "9,3 | descending=1", "3,3,3 | axis=-2", "70", "0,3 | axis=1",
                 "2,0 | axis=1", "2,7@i0..3 | axis=1", "6@b | descending=1" },
    .bad = { "2,3 | axis=2", "2,3 | axis=-3", "()" },
};

WG__DEFINE_OP(argsort) = {
    COMMON(argsort, sort),
    PLACES(argsort),
    .doc = "places of the elements of x in order along an axis; i64",
    .shapes = "any, of rank 1 or more -> the same",
    .edges = EDGES,
    .equals = "torch.argsort with stable=True, np.argsort(kind='stable')",
    .samples = { "2,3 | axis=1", "4,3 | descending=1", "3,3,3 | axis=-2", "70", "1", "0,3 | axis=1",
                 "2,0 | axis=1", "2,7@i0..3 | axis=1", "6@b | descending=1", "300@i-9..9",
                 "6@=0,1,0,-1,1,-1 | descending=1" },
    .bad = { "2,3 | axis=2", "2,3 | axis=-3", "()" },
};

WG__DEFINE_OP(topk) = {
    COMMON(topk, topk),
    .doc = "the k largest of x along an axis, or smallest, best first: gather(x, argtopk x)",
    .shapes = "any, of rank 1 or more -> k along the axis",
    .derivative = PERMUTES,
    .edges = EDGES,
    .equals = "torch.topk's values",
    .compose = topk_compose,
    .samples = { "3,9 | axis=1 k=3 largest=1", "9,3 | k=2", "3,3,3 | axis=-2 k=3 largest=1",
                 "70 | k=8 largest=1", "0,3 | axis=1 k=1", "2,3 | axis=1 k=0", "2,0 | axis=1",
                 "2,7@i0..3 | axis=1 k=4", "6@b | k=3 largest=1" },
    .bad = { "2,3 | axis=2", "2,3 | axis=1 k=4", "3 | k=-1", "()" },
};

WG__DEFINE_OP(argtopk) = {
    COMMON(argtopk, topk),
    PLACES(argtopk),
    .doc = "places of the k largest of x along an axis, or smallest, best first; i64",
    .shapes = "any, of rank 1 or more -> k along the axis",
    .edges = EDGES,
    .equals = "torch.topk's indices, but for the order of equals, which it leaves open",
    .samples = { "2,5 | axis=1 k=2 largest=1", "4,3 | k=3", "3,3,3 | axis=-2 k=1 largest=1",
                 "99 | k=12", "0,3 | axis=1 k=2", "2,3 | axis=1 k=0", "2,0 | axis=1",
                 "2,7@i0..3 | axis=1 k=4 largest=1", "6@b | k=6", "300@i-9..9 | k=37",
                 "6@=0,1,0,-1,1,-1 | k=4 largest=1" },
    .bad = { "2,3 | axis=2", "2,3 | axis=1 k=4", "3 | k=-1", "()" },
};

/* ---- the public functions -------------------------------------------------------------------- */

wg_tensor *wg_sort(wg_tensor *x, int axis, bool descending) {
    return wg__op1(&wg__op_sort, x, &(sort_attr){ .axis = axis, .descending = descending });
}
wg_tensor *wg_argsort(wg_tensor *x, int axis, bool descending) {
    return wg__op1(&wg__op_argsort, x, &(sort_attr){ .axis = axis, .descending = descending });
}
wg_tensor *wg_topk(wg_tensor *x, int64_t k, int axis, bool largest) {
    return wg__op1(&wg__op_topk, x, &(topk_attr){ .axis = axis, .k = k, .largest = largest });
}
wg_tensor *wg_argtopk(wg_tensor *x, int64_t k, int axis, bool largest) {
    return wg__op1(&wg__op_argtopk, x, &(topk_attr){ .axis = axis, .k = k, .largest = largest });
}
