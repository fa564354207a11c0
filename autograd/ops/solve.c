// SPDX-License-Identifier: MIT
/* solve.c: systems of linear equations, by LU with partial pivoting or, where the matrix is
   triangular, by substitution; and the inverse. Derivatives of a solution are solutions with the
   same matrix, so the rules are made of the operations themselves. */
#include "autograd/ops/linalg.h"
#include "tensor/kernels/kernels.h"

bool wg__is_square(const wg_call *c, int i) {
    const wg_shape *s = &c->in[i]->view.shape;
    if (!wg_call_float(c, i)) return false;
    if (s->rank < 2)
        return wg_call_fail(c, WG_ERROR_SHAPE, "a matrix has 2 dimensions or more, not %d",
                            s->rank);
    int64_t rows = s->dim[s->rank - 2], cols = s->dim[s->rank - 1];
    return rows == cols || wg_call_fail(c, WG_ERROR_SHAPE, "%lld by %lld is not square",
                                        (long long)rows, (long long)cols);
}

bool wg__pivot_fail(const wg_call *c, const char *what, const int64_t at[2], int64_t count) {
    const wg_shape *s = &c->in[0]->view.shape;
    char which[64] = "the matrix";
    if (count > 1)
        snprintf(which, sizeof which, "matrix %lld of %lld", (long long)at[0] + 1,
                 (long long)count);
    return wg_call_fail(c, WG_ERROR_ARGUMENT, "%s is %s, pivot %lld of %lld", which, what,
                        (long long)at[1] + 1, (long long)s->dim[s->rank - 1]);
}

/* ---- LU of each matrix of a stack ------------------------------------------------------------ */

bool wg__lu_open(wg__lu_room *r, wg_dtype dtype, int64_t n) {
    size_t cells = (size_t)n * (size_t)n;
    r->of = NULL, r->zero = -1;
    r->lu = (wg_view){ .dtype = dtype, .shape = { 2, { n, n } }, .stride = { n, 1 } };
    r->lu.data = wg__alloc(cells * wg__size_of(dtype));
    r->pivot = r->lu.data ? wg__alloc((size_t)n * sizeof *r->pivot) : NULL;
    if (!r->pivot) wg__lu_close(r);
    return r->pivot != NULL;
}

void wg__lu_close(wg__lu_room *r) {
    wg__free(r->lu.data);
    wg__free(r->pivot);
}

// One matrix may serve many right-hand sides in a row.
int64_t wg__lu_of(wg__lu_room *r, const wg_view *a) {
    if (r->of == a->data) return r->zero;
    wg__copy_view(&r->lu, a);
    r->of = a->data;
    return r->zero = wg__lu(&r->lu, r->pivot);
}

static void back_substitute(const wg__lu_room *r, const wg_view *y) {
    wg__swap_rows(y, r->pivot, r->lu.shape.dim[0]);
    wg__solve_triangular(&r->lu, y, false, true);
    wg__solve_triangular(&r->lu, y, true, false);
}

/* ---- shapes ---------------------------------------------------------------------------------- */

// a (..., N, N), b (..., N, K), or with `vector` (..., N).
static bool fits(const wg_call *c, bool vector) {
    const wg_shape *a = &c->in[0]->view.shape, *b = &c->in[1]->view.shape;
    if (!wg__is_square(c, 0) || !wg_call_same_dtype(c)) return false;
    if (b->rank < 2 - vector)
        return wg_call_fail(c, WG_ERROR_SHAPE, "the right-hand side needs %d dimensions or more",
                            2 - vector);
    int64_t n = a->dim[a->rank - 1], rows = b->dim[b->rank - 2 + vector];
    return rows == n || wg_call_fail(c, WG_ERROR_SHAPE, "%lld equations have %lld right-hand sides",
                                     (long long)n, (long long)rows);
}

static bool solve_infer(const wg_call *c, wg_spec *out) {
    const wg_shape *a = &c->in[0]->view.shape, *b = &c->in[1]->view.shape;
    if (!fits(c, false)) return false;
    wg_shape left = *a, right = *b;
    left.rank -= 2, right.rank -= 2;
    wg_shape *full = &out->shape;
    if (!wg__broadcast(&left, &right, full))
        return wg_call_fail(c, WG_ERROR_SHAPE, "the leading dimensions do not broadcast");
    full->dim[full->rank++] = b->dim[b->rank - 2];
    full->dim[full->rank++] = b->dim[b->rank - 1];
    out->dtype = wg_call_dtype(c, 0);
    return true;
}

/* ---- solve ----------------------------------------------------------------------------------- */

static bool solve_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    const wg_shape *s = &out->shape, *a_shape = &in[0]->shape;
    wg__lu_room room;
    bool ok = true;
    if (wg__numel(s) == 0) return true;
    if (!wg__lu_open(&room, out->dtype, a_shape->dim[a_shape->rank - 1])) return false;
    for (int64_t k = 0; k < wg__batches(s) && ok; k++) {
        wg_view a = wg__matrix_at(in[0], s, k), b = wg__matrix_at(in[1], s, k);
        wg_view y = wg__matrix_at(out, s, k);
        int64_t zero = wg__lu_of(&room, &a);
        ok =
            zero < 0 || wg__pivot_fail(c, "singular", (const int64_t[]){ k, zero }, wg__batches(s));
        if (!ok) break;
        wg__copy_view(&y, &b);
        back_substitute(&room, &y);
    }
    wg__lu_close(&room);
    return ok;
}

// a y = b: gb = a'^-1 gy, ga = -gb y'.
static wg_tensor *solve_vjp(const wg_call *c, wg_tensor *gy, int i) {
    wg_tensor *g = wg_solve(wg__transposed(c->in[0]), gy);
    if (i == 0) g = wg_neg(wg_matmul(g, wg__transposed(c->out)));
    return wg_sum_to(g, wg_shape_of(c->in[i]));
}

// db - da y, where either may be NULL.
static wg_tensor *residual(wg_tensor *da, wg_tensor *y, wg_tensor *db) {
    return wg_add_maybe(db, da ? wg_neg(wg_matmul(da, y)) : NULL);
}

static wg_tensor *solve_jvp(const wg_call *c, wg_tensor *const dx[]) {
    return wg__op2(c->op, c->in[0], residual(dx[0], c->out, dx[1]), NULL);
}

/* y = a^-1 b by elimination; a (n, n) and y (n, k), which holds b before, are overwritten. */
static void eliminate(int64_t n, int64_t k, double complex *a, double complex *y) {
    for (int64_t j = 0; j < n; j++) {
        int64_t best = j;
        for (int64_t i = j; i < n; i++)
            if (cabs(a[i * n + j]) > cabs(a[best * n + j])) best = i;
        for (int64_t l = 0; l < n + k && best != j; l++) {
            double complex *p = l < n ? &a[j * n + l] : &y[j * k + l - n];
            double complex *q = l < n ? &a[best * n + l] : &y[best * k + l - n], x = *p;
            *p = *q, *q = x;
        }
        for (int64_t i = 0; i < n; i++) {
            double complex factor = i == j ? 0 : a[i * n + j] / a[j * n + j];
            for (int64_t l = 0; l < n; l++) a[i * n + l] -= factor * a[j * n + l];
            for (int64_t l = 0; l < k; l++) y[i * k + l] -= factor * y[j * k + l];
        }
    }
    for (int64_t e = 0; e < n * k; e++) y[e] /= a[e / k * n + e / k];
}

enum { REFERENCE_MAX = 32 };  // rows that a reference has room for

static bool solve_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    static const int64_t most = REFERENCE_MAX;
    double complex a[REFERENCE_MAX * REFERENCE_MAX];
    const wg_shape *s = &out->shape;
    int64_t n = s->dim[s->rank - 2], k = s->dim[s->rank - 1];
    (void)c;
    for (int64_t m = 0; m < wg__batches(s) && n * k > 0 && n <= most; m++) {
        const double complex *from = wg__zmatrix_at(&in[0], s, m),
                             *b = wg__zmatrix_at(&in[1], s, m);
        for (int64_t e = 0; e < n * n; e++) a[e] = from[e];
        for (int64_t e = 0; e < n * k; e++) out->data[m * n * k + e] = b[e];
        eliminate(n, k, a, out->data + m * n * k);
    }
    return n <= most;
}

WG__DEFINE_OP(solve) = {
    .abi = WG_OP_ABI,
    .name = "solve",
    .doc = "a^-1 b, by LU with partial pivoting; leading axes broadcast",
    .shapes = "(..., N, N) x (..., N, K) -> (..., N, K); wg_solve also takes vectors b",
    .derivative = "db = a'^-1 gy, da = -db y'",
    .edges =
        "an exactly singular matrix is an error with the number of the pivot that is 0; one that "
        "is nearly so gives large numbers; NaN in a matrix gives NaN",
    .equals = "torch.linalg.solve, np.linalg.solve",
    .inputs = 2,
    .saves = WG_SAVES_IN(0) | WG_SAVES_OUT,
    .infer = solve_infer,
    .forward = solve_forward,
    .vjp = solve_vjp,
    .jvp = solve_jvp,
    .reference = solve_reference,
    .samples = { "3,3@reg 3,2", "1,1@1..2 1,1", "4,4@reg 4,1", "2,3,3@reg 2,3,2", "3,3@reg 2,3,1",
                 "2,2,2@reg 2,2", "2,1,2,2@reg 3,2,1", "0,0 0,3", "3,3@reg 3,0", "0,2,2 2,1",
                 "17,17@reg 17,1" },
    .bad = { "2,3 2,1", "3,3@reg 2,1", "3 3,1", "3,3@reg 3", "2,2,2@reg 3,2,1", "2,2@i1..2 2,1",
             "2,2@=1,2,2,4 2,1", "1,1@=0 1,1", "2,2,2@=1,0,0,1,0,0,0,1 2,1" },
};

/* PyTorch's rule: b is a stack of vectors if it has rank 1 or the shape of a without its last
   axis. */
static bool is_vector(const wg_tensor *a, const wg_tensor *b) {
    wg_shape rows = wg_shape_of(a), s = wg_shape_of(b);
    rows.rank -= rows.rank > 0;
    return s.rank == 1 || (s.rank > 0 && wg__shape_equal(&rows, &s));
}

wg_tensor *wg_solve(wg_tensor *a, wg_tensor *b) {
    if (wg__pending()) return NULL;
    if (!a || !b || wg_rank(a) < 2 || !is_vector(a, b)) return wg__op2(&wg__op_solve, a, b, NULL);
    const wg_call given = { .op = &wg__op_solve, .inputs = 2, .in = (wg_tensor *[]){ a, b } };
    if (!fits(&given, true)) return NULL;  // while the message can show the caller's shapes
    return wg_squeeze(wg__op2(&wg__op_solve, a, wg_unsqueeze(b, -1), NULL), -1);
}

/* ---- triangular_solve ------------------------------------------------------------------------ */

typedef struct triangle_attr {
    bool upper, unit, transposed;
} triangle_attr;
#define FIELD(name)                                                                                \
    { #name, WG_ATTR_BOOL, offsetof(triangle_attr, name) }
static const wg_attr triangle_attrs[] = {
    FIELD(upper), FIELD(unit), FIELD(transposed), { .name = NULL }
};

// The diagonal of matrix k has no 0; reports otherwise.
static bool has_pivots(const wg_call *c, const wg_view *t, int64_t k, int64_t count) {
    for (int64_t i = 0; i < t->shape.dim[0]; i++)
        if (wg__load(t->dtype, wg__at(t, i * (t->stride[0] + t->stride[1]))) == 0)
            return wg__pivot_fail(c, "singular", (const int64_t[]){ k, i }, count);
    return true;
}

static bool triangular_solve_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    const triangle_attr *attr = c->attr;
    const wg_shape *s = &out->shape;
    int64_t count = wg__numel(s) ? wg__batches(s) : 0;
    for (int64_t k = 0; k < count; k++) {
        wg_view t = wg__matrix_at(in[0], s, k), b = wg__matrix_at(in[1], s, k);
        wg_view y = wg__matrix_at(out, s, k);
        if (!attr->unit && !has_pivots(c, &t, k, count)) return false;
        int64_t down = t.stride[0];
        if (attr->transposed) t.stride[0] = t.stride[1], t.stride[1] = down;
        wg__copy_view(&y, &b);
        wg__solve_triangular(&t, &y, attr->upper != attr->transposed, attr->unit);
    }
    return true;
}

static wg_tensor *masked(const triangle_attr *attr, wg_tensor *x) {
    return attr->upper ? wg_triu(x, attr->unit ? 1 : 0) : wg_tril(x, attr->unit ? -1 : 0);
}

// t y = b, t = a or a': gb = t'^-1 gy, gt = -gb y', and of that what is read of a.
static wg_tensor *triangular_solve_vjp(const wg_call *c, wg_tensor *gy, int i) {
    triangle_attr other = *(const triangle_attr *)c->attr;
    other.transposed = !other.transposed;
    wg_tensor *gb = wg__op2(c->op, c->in[0], gy, &other);
    if (i == 1) return wg_sum_to(gb, wg_shape_of(c->in[1]));
    wg_tensor *ga = other.transposed ? wg_matmul(gb, wg__transposed(c->out))
                                     : wg_matmul(c->out, wg__transposed(gb));
    return masked(&other, wg_neg(wg_sum_to(ga, wg_shape_of(c->in[0]))));
}

static wg_tensor *triangular_solve_jvp(const wg_call *c, wg_tensor *const dx[]) {
    const triangle_attr *attr = c->attr;
    wg_tensor *dt = dx[0] ? masked(attr, dx[0]) : NULL;
    if (dt && attr->transposed) dt = wg__transposed(dt);
    return wg__op2(c->op, c->in[0], residual(dt, c->out, dx[1]), attr);
}

static bool triangular_solve_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    const triangle_attr *attr = c->attr;
    const wg_shape *s = &out->shape;
    int64_t n = s->dim[s->rank - 2], k = s->dim[s->rank - 1];
    bool upper = attr->upper != attr->transposed;
    for (int64_t m = 0, count = wg__numel(s) ? wg__batches(s) : 0; m < count; m++) {
        const double complex *a = wg__zmatrix_at(&in[0], s, m), *b = wg__zmatrix_at(&in[1], s, m);
        double complex *y = out->data + m * n * k;
        for (int64_t e = 0; e < n * k; e++) {
            int64_t i = upper ? n - 1 - e / k : e / k, col = e % k;
            double complex sum = b[i * k + col];
            for (int64_t j = upper ? i + 1 : 0; j < (upper ? n : i); j++)
                sum -= (attr->transposed ? a[j * n + i] : a[i * n + j]) * y[j * k + col];
            y[i * k + col] = attr->unit ? sum : sum / a[i * n + i];
        }
    }
    return true;
}

WG__DEFINE_OP(triangular_solve) = {
    .abi = WG_OP_ABI,
    .name = "triangular_solve",
    .doc = "t^-1 b, t being the lower or upper triangle of a, or that transposed",
    .shapes = "(..., N, N) x (..., N, K) -> (..., N, K)",
    .derivative = "db = t'^-1 gy, da = -db y' (transposed: -y db') within the triangle, else 0",
    .edges =
        "the other triangle is not read, nor with unit the diagonal, which counts as 1; a 0 on "
        "the diagonal is an error with its number, where PyTorch gives infinities",
    .equals = "torch.linalg.solve_triangular, scipy.linalg.solve_triangular",
    .inputs = 2,
    .saves = WG_SAVES_IN(0) | WG_SAVES_OUT,
    .attr_size = sizeof(triangle_attr),
    .attrs = triangle_attrs,
    .infer = solve_infer,
    .forward = triangular_solve_forward,
    .vjp = triangular_solve_vjp,
    .jvp = triangular_solve_jvp,
    .reference = triangular_solve_reference,
    .samples = { "3,3@1..3 3,2", "3,3@1..3 3,2 | upper=1", "3,3@1..3 3,2 | transposed=1",
                 "3,3@1..3 3,2 | upper=1 transposed=1", "3,3 3,2 | unit=1",
                 "3,3 3,2 | upper=1 unit=1 transposed=1", "2,2,2@1..3 2,1 | upper=1",
                 "2,2@1..3 3,2,1 | transposed=1", "0,0 0,2", "2,2@1..2 2,0", "1,1@1..2 1,3",
                 "2,2@=2,nan,1,4 2,1", "18,18@0.5..1 18,1 | unit=1", "2,2@=0,5,3,0 2,2 | unit=1" },
    .bad = { "2,3 2,1", "2,2 3,1", "2,2@=1,0,0,0 2,1", "3 3,1", "2,2 2", "2,2,2 3,2,1" },
};

wg_tensor *wg_triangular_solve(wg_tensor *a, wg_tensor *b, bool upper, bool unit, bool transposed) {
    return wg__op2(&wg__op_triangular_solve, a, b, &(triangle_attr){ upper, unit, transposed });
}

/* ---- inverse --------------------------------------------------------------------------------- */

typedef struct inverse_attr {
    bool lenient;  // a singular matrix gives NaN and is no error
} inverse_attr;
static const wg_attr inverse_attrs[] = { { "lenient", WG_ATTR_BOOL, 0 }, { .name = NULL } };

static bool inverse_infer(const wg_call *c, wg_spec *out) {
    return wg__is_square(c, 0) && wg_spec_set(out, wg_call_dtype(c, 0), wg_shape_of(c->in[0]));
}

static void make_identity(const wg_view *y) {
    wg_view diagonal = { .data = y->data, .dtype = y->dtype, .shape = { 1, { y->shape.dim[0] } } };
    diagonal.stride[0] = y->stride[0] + y->stride[1];
    wg__fill_view(y, 0);
    wg__fill_view(&diagonal, 1);
}

static bool inverse_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    const wg_shape *s = &out->shape;
    wg__lu_room room;
    bool ok = true, lenient = ((const inverse_attr *)c->attr)->lenient;
    if (wg__numel(s) == 0) return true;
    if (!wg__lu_open(&room, out->dtype, s->dim[s->rank - 1])) return false;
    for (int64_t k = 0; k < wg__batches(s) && ok; k++) {
        wg_view a = wg__matrix_at(in[0], s, k), y = wg__matrix_at(out, s, k);
        int64_t zero = wg__lu_of(&room, &a);
        if (zero < 0)
            make_identity(&y), back_substitute(&room, &y);
        else if (lenient)
            wg__fill_view(&y, NAN);
        else
            ok = wg__pivot_fail(c, "singular", (const int64_t[]){ k, zero }, wg__batches(s));
    }
    wg__lu_close(&room);
    return ok;
}

// -b x c
static wg_tensor *between(wg_tensor *b, wg_tensor *x, wg_tensor *c) {
    return wg_neg(wg_matmul(b, wg_matmul(x, c)));
}

static wg_tensor *inverse_vjp(const wg_call *c, wg_tensor *gy, int i) {
    wg_tensor *turned = wg__transposed(c->out);
    (void)i;
    return between(turned, gy, turned);
}

static wg_tensor *inverse_jvp(const wg_call *c, wg_tensor *const dx[]) {
    return between(c->out, dx[0], c->out);
}

static bool inverse_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    double complex a[REFERENCE_MAX * REFERENCE_MAX];
    const wg_shape *s = &out->shape;
    int64_t n = s->dim[s->rank - 1];
    (void)c;
    for (int64_t m = 0; m < wg__batches(s) && n > 0 && n <= REFERENCE_MAX; m++) {
        double complex *y = out->data + m * n * n;
        for (int64_t e = 0; e < n * n; e++) a[e] = in[0].data[m * n * n + e];
        for (int64_t e = 0; e < n * n; e++) y[e] = e / n == e % n;
        eliminate(n, n, a, y);
    }
    return n <= REFERENCE_MAX;
}

WG__DEFINE_OP(inverse) = {
    .abi = WG_OP_ABI,
    .name = "inverse",
    .doc = "a^-1; to solve equations take solve, which is faster and loses fewer digits",
    .shapes = "(..., N, N) -> (..., N, N)",
    .derivative = "da = -y' gy y'",
    .edges =
        "an exactly singular matrix is an error with the number of the pivot that is 0, or NaN "
        "where `lenient`, which only the rules of logdet set; NaN gives NaN",
    .equals = "torch.linalg.inv, np.linalg.inv",
    .inputs = 1,
    .saves = WG_SAVES_OUT,
    .attr_size = sizeof(inverse_attr),
    .attrs = inverse_attrs,
    .infer = inverse_infer,
    .forward = inverse_forward,
    .vjp = inverse_vjp,
    .jvp = inverse_jvp,
    .reference = inverse_reference,
    .samples = { "3,3@reg", "1,1@1..2", "2,2,2@reg", "4,4@spd", "0,0", "0,2,2", "18,18@reg" },
    .bad = { "2,3", "3", "()", "2,2@=1,2,2,4", "3,3@=1,0,0,0,0,0,0,0,1", "2,2@i1..3" },
};

wg_tensor *wg_inverse(wg_tensor *a) {
    return wg__op1(&wg__op_inverse, a, &(inverse_attr){ false });
}

wg_tensor *wg__lenient_inverse(wg_tensor *a) {
    return wg__op1(&wg__op_inverse, a, &(inverse_attr){ true });
}
