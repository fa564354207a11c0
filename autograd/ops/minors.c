// SPDX-License-Identifier: MIT
/* minors.c: what det is differentiated by, to any order and at matrices of any rank. The k-th
   derivative of det at a, in directions e1 ... ek, is linear in each of them; minors(a, e1, ...,
   ek-1) is its gradient by ek: for k = 1 the cofactors of a. Its own derivative by a is such a
   thing again, with one direction more, and that by a direction too: one record closes the tower.

   With a = L D U by complete pivoting, D diagonal, everything is taken from a to D by changing the
   basis: f = L^-1 e U^-1. At D the derivative is a sum over k rows of what is left of the
   determinant without them, so nothing is ever divided by a small pivot. In double throughout. */
#include <string.h>

#include "autograd/ops/linalg.h"
#include "tensor/kernels/kernels.h"

typedef struct factors {
    int64_t n, order;      // k
    double *lu, *d;        // L below the diagonal of lu, U above it, both with ones on it
    int64_t *rows, *cols;  // row i of L D U is row rows[i] of a
    double sign;
    double **f;       // the directions in the new basis, order - 1 of them, n by n
    double *y;        // n by n
    double mantissa;  // of the product of all d that are not 0,
    long exponent;    // with this power of 2,
    int64_t zeros;    // and how many are 0
    int64_t index[WG_MAX_INPUTS];
} factors;

/* ---- a = L D U ------------------------------------------------------------------------------- */

static void swap_lines(double *a, double *b, int64_t n, int64_t step) {
    for (int64_t k = 0; k < n; k++) {
        double x = a[k * step];
        a[k * step] = b[k * step], b[k * step] = x;
    }
}

// The largest element from (j, j) on comes to (j, j); a NaN is larger than any.
static void choose_pivot(factors *f, int64_t j) {
    int64_t n = f->n, best = j * n + j;
    for (int64_t i = j; i < n; i++)
        for (int64_t k = j; k < n; k++) {
            double x = fabs(f->lu[i * n + k]);
            if (x > fabs(f->lu[best]) || isnan(x)) best = i * n + k;
        }
    int64_t row = best / n, col = best % n, was_row = f->rows[j], was_col = f->cols[j];
    swap_lines(f->lu + j * n, f->lu + row * n, n, 1);
    swap_lines(f->lu + j, f->lu + col, n, n);
    f->rows[j] = f->rows[row], f->rows[row] = was_row;
    f->cols[j] = f->cols[col], f->cols[col] = was_col;
    if ((row != j) != (col != j)) f->sign = -f->sign;
}

static void decompose(factors *f) {
    int64_t n = f->n;
    f->sign = 1;
    for (int64_t i = 0; i < n; i++) f->rows[i] = f->cols[i] = i;
    for (int64_t j = 0; j < n; j++) {
        choose_pivot(f, j);
        double *top = f->lu + j * n, d = f->d[j] = top[j];
        for (int64_t i = j + 1; i < n && d != 0; i++) {
            double *row = f->lu + i * n, l = row[j] /= d;
            for (int64_t k = j + 1; k < n; k++) row[k] -= l * top[k];
        }
        for (int64_t k = j + 1; k < n && d != 0; k++) top[k] /= d;
    }
}

// The product of all d, as what can be divided again without overflow.
static void multiply_pivots(factors *f) {
    f->mantissa = 1, f->exponent = 0, f->zeros = 0;
    for (int64_t i = 0; i < f->n; i++) {
        int e = 0;
        f->zeros += f->d[i] == 0;
        if (f->d[i] != 0) f->mantissa = frexp(f->mantissa * f->d[i], &e);
        f->exponent += isfinite(f->mantissa) ? e : 0;
    }
}

// The product of all d but those of the chosen rows.
static double product_without(const factors *f) {
    double mantissa = f->mantissa;
    long exponent = f->exponent;
    int64_t zeros = f->zeros;
    for (int64_t k = 0; k < f->order; k++) {
        int e = 0;
        double d = f->d[f->index[k]];
        zeros -= d == 0;
        if (d != 0) mantissa = frexp(mantissa / d, &e);
        exponent += isfinite(mantissa) ? e : 0;
    }
    return zeros > 0 ? 0 : scalbln(mantissa, exponent);
}

/* ---- at D ------------------------------------------------------------------------------------ */

/* Direction m takes row index[m] and a column among those of the chosen rows that `taken` leaves;
   a column that passes over free ones changes the sign. */
static void add_terms(factors *f, int64_t m, uint64_t taken, double product) {
    double sign = 1;
    for (int64_t k = 0; k < f->order; k++) {
        if (taken >> k & 1) continue;
        int64_t at = f->index[m] * f->n + f->index[k];
        if (m == f->order - 1) {
            f->y[at] += product;
            return;
        }
        double next = f->f[m][at] == 0 ? 0 : sign * product * f->f[m][at];
        if (next != 0) add_terms(f, m + 1, taken | 1ull << k, next);
        sign = -sign;
    }
}

// Runs over all choices of different rows index[m], index[m + 1], ...
static void choose_rows(factors *f, int64_t m) {
    if (m == f->order) {
        double product = product_without(f);
        if (product != 0) add_terms(f, 0, 0, product);
        return;
    }
    for (int64_t i = 0; i < f->n; i++) {
        bool used = false;
        for (int64_t k = 0; k < m; k++) used = used || f->index[k] == i;
        f->index[m] = i;
        if (!used) choose_rows(f, m + 1);
    }
}

/* ---- there and back -------------------------------------------------------------------------- */

static wg_view square(double *data, int64_t n, bool turned) {
    wg_view v = { .data = data, .dtype = WG_F64, .shape = { 2, { n, n } } };
    v.stride[turned] = n, v.stride[!turned] = 1;
    return v;
}

// Rows and columns of e in the order of the pivots, then L^-1 e U^-1.
static void to_basis(const factors *f, const wg_view *e, double *to) {
    int64_t n = f->n;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            to[i * n + j] = wg__load(
                e->dtype, wg__at(e, f->rows[i] * e->stride[0] + f->cols[j] * e->stride[1]));
    wg_view lu = square(f->lu, n, false), lu_turned = square(f->lu, n, true);
    wg_view x = square(to, n, false), x_turned = square(to, n, true);
    wg__solve_triangular(&lu, &x, false, true);
    wg__solve_triangular(&lu_turned, &x_turned, false, true);
}

// The transpose of it: y = L'^-1 y U'^-1, to where its rows and columns came from.
static void from_basis(const factors *f, const wg_view *out) {
    int64_t n = f->n;
    wg_view lu = square(f->lu, n, false), lu_turned = square(f->lu, n, true);
    wg_view y = square(f->y, n, false), y_turned = square(f->y, n, true);
    wg__solve_triangular(&lu_turned, &y, true, true);
    wg__solve_triangular(&lu, &y_turned, true, true);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            wg__store(out->dtype, wg__at(out, f->rows[i] * out->stride[0] + f->cols[j]),
                      f->sign * f->y[i * n + j]);
}

/* ---- cofactors of a large matrix that is far from singular ----------------------------------- */

enum { LARGE = 32 };  // rows; below this complete pivoting is as fast
static const double FAR = 1e6;

static double largest(const double *x, int64_t n) {
    double most = 0;
    for (int64_t k = 0; k < n; k++) most = fabs(x[k]) > most || isnan(x[k]) ? fabs(x[k]) : most;
    return most;
}

/* det a a'^-1 through a blocked LU: at 256 rows 4 times as fast. Its error is that of the inverse,
   so it is taken only where the condition, known by then, leaves all but 6 of the digits. */
static bool by_inverse(factors *f, const wg_view *a, const wg_view *out) {
    int64_t n = f->n;
    wg_view lu = square(f->lu, n, false), y = square(f->y, n, false);
    wg__copy_view(&lu, a);
    double size = largest(f->lu, n * n);
    if (wg__lu(&lu, f->rows) >= 0) return false;
    for (int64_t e = 0; e < n * n; e++) f->y[e] = e / n == e % n;
    wg__swap_rows(&y, f->rows, n);
    wg__solve_triangular(&lu, &y, false, true);
    wg__solve_triangular(&lu, &y, true, false);
    if (!(size * largest(f->y, n * n) * (double)n < FAR)) return false;
    for (int64_t i = 0; i < n; i++)
        f->d[i] = f->rows[i] == i ? f->lu[i * n + i] : -f->lu[i * n + i];
    multiply_pivots(f);
    for (int64_t e = 0; e < n * n; e++)
        wg__store(out->dtype, wg__at(out, e % n * out->stride[0] + e / n),
                  scalbln(f->mantissa * f->y[e], f->exponent));
    return true;
}

/* ---- the record ------------------------------------------------------------------------------ */

static bool minors_infer(const wg_call *c, wg_spec *out) {
    if (!wg__is_square(c, 0) || !wg_call_same_dtype(c)) return false;
    for (int i = 1; i < c->inputs; i++)
        if (!wg__shape_equal(&c->in[i]->view.shape, &c->in[0]->view.shape))
            return wg_call_fail(c, WG_ERROR_SHAPE, "direction %d has another shape", i);
    return wg_spec_set(out, wg_call_dtype(c, 0), wg_shape_of(c->in[0]));
}

static void minors_of(factors *f, const wg_view *const in[], wg_view *y, int64_t batch) {
    int64_t n = f->n;
    const wg_shape *s = &y->shape;
    wg_view a = wg__matrix_at(in[0], s, batch), lu = square(f->lu, n, false);
    wg_view out = wg__matrix_at(y, s, batch);
    if (n >= LARGE && f->order == 1 && by_inverse(f, &a, &out)) return;
    wg__copy_view(&lu, &a);
    decompose(f);
    multiply_pivots(f);
    for (int64_t k = 0; k + 1 < f->order; k++) {
        wg_view e = wg__matrix_at(in[k + 1], s, batch);
        to_basis(f, &e, f->f[k]);
    }
    memset(f->y, 0, (size_t)(n * n) * sizeof(double));
    choose_rows(f, 0);
    from_basis(f, &out);
}

static bool minors_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    const wg_shape *s = &out->shape;
    if (wg__numel(s) == 0) return true;
    int64_t n = s->dim[s->rank - 1], squares = c->inputs + 1;
    double *f[WG_MAX_INPUTS];
    double *room = wg__alloc((size_t)(squares * n * n + n) * sizeof *room);
    int64_t *order = room ? wg__alloc((size_t)(2 * n) * sizeof *order) : NULL;
    factors work = { .n = n, .order = c->inputs, .f = f, .rows = order };
    if (order) {
        work.lu = room, work.y = room + n * n, work.d = room + squares * n * n;
        work.cols = order + n;
        for (int64_t k = 0; k + 1 < work.order; k++) f[k] = room + (k + 2) * n * n;
        for (int64_t k = 0; k < wg__batches(s); k++) minors_of(&work, in, out, k);
    }
    wg__free(room);
    wg__free(order);
    return order != NULL;
}

// The same with x in the place of direction i, or as one more for i = 0.
static wg_tensor *with(const wg_call *c, int i, wg_tensor *x) {
    wg_tensor *in[WG_MAX_INPUTS + 1];
    for (int k = 0; k < c->inputs; k++) in[k] = c->in[k];
    in[i ? i : c->inputs] = x;
    return wg_apply(c->op, in, c->inputs + (i == 0), NULL);
}

static wg_tensor *minors_vjp(const wg_call *c, wg_tensor *gy, int i) { return with(c, i, gy); }

static wg_tensor *minors_jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg_tensor *sum = NULL;
    for (int i = 0; i < c->inputs; i++)
        if (dx[i]) sum = wg_add_maybe(sum, with(c, i, dx[i]));
    return sum;
}

/* det is linear in each row, so the derivative in k directions is the sum, over all ways to give
   each a row of its own, of det a with those rows put in; the last direction is one element. */
static double complex replaced(const wg_call *c, const double complex *const matrix[],
                               const double complex *row[], int i) {
    int64_t n = wg_call_dim(c, 0, -1);
    double complex sum = 0;
    if (i == c->inputs) return wg__laplace(n, row, (1ull << n) - 1);
    for (int64_t r = 0; r < n; r++) {
        const double complex *was = row[r];
        if (was != matrix[0] + r * n) continue;
        row[r] = matrix[i] + r * n;
        sum += replaced(c, matrix, row, i + 1);
        row[r] = was;
    }
    return sum;
}

static bool minors_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    const double complex *row[WG__LAPLACE_MAX], *matrix[WG_MAX_INPUTS];
    int64_t n = wg_call_dim(c, 0, -1);
    for (int64_t e = 0; n <= WG__LAPLACE_MAX && e < wg__numel(&out->shape); e++) {
        double complex unit[WG__LAPLACE_MAX] = { 0 };
        for (int i = 0; i < c->inputs; i++) matrix[i] = in[i].data + e / (n * n) * n * n;
        for (int64_t r = 0; r < n; r++) row[r] = matrix[0] + r * n;
        unit[e % n] = 1;
        row[e / n % n] = unit;
        out->data[e] = replaced(c, matrix, row, 1);
    }
    return n <= WG__LAPLACE_MAX;
}

WG__DEFINE_OP(minors) = {
    .abi = WG_OP_ABI,
    .name = "minors",
    .doc =
        "gradient by e_k of the k-th derivative of det a in directions e_1 ... e_k: for k = 1 the "
        "cofactors",
    .shapes = "(..., N, N), and k - 1 more of that shape -> (..., N, N)",
    .derivative = "da = minors(a, e_1, ..., gy), de_i = minors(a, e_1, ..., gy for e_i, ...)",
    .edges = "right for every rank of a; order k costs N^3 + k! N^k",
    .inputs = 1,
    .inputs_max = WG_MAX_INPUTS,
    .infer = minors_infer,
    .forward = minors_forward,
    .vjp = minors_vjp,
    .jvp = minors_jvp,
    .reference = minors_reference,
    .samples = { "3,3", "1,1", "2,2 2,2", "3,3 3,3", "4,4@reg 4,4", "3,3 3,3 3,3", "2,2,2", "0,0",
                 "0,2,2 0,2,2", "3,3@=1,2,3,4,5,6,7,8,9", "3,3@=1,2,3,2,4,6,3,6,9 3,3",
                 "3,3@=0,0,0,0,0,0,0,0,0 3,3", "4,4@reg 4,4 4,4", "2,2 2,2 2,2",
                 "4,4 4,4 4,4 4,4" },
    .bad = { "2,3", "2,2 3,3", "3", "2,2,2 2,2" },
};
