// SPDX-License-Identifier: MIT
/* test_solve.c: equations, inverses, Cholesky factors and determinants: by hand, by what defines
   them at sizes where the blocks of the kernels meet, in general position by differences along
   random directions, and at the edges: singular, empty, NaN, overflowing. */
#include "tests/core_test.h"

#include "tensor/kernels/kernels.h"

static wg_tensor *matrix(int64_t n, const double *values) {
    return wg_from_f64(WG_F64, WG_SHAPE(n, n), values);
}
#define MATRIX(n, ...) matrix(n, (double[]){ __VA_ARGS__ })

static wg_tensor *turned(wg_tensor *x) { return wg_transpose(x, -2, -1); }

// a a' / n + 1, symmetric positive definite with eigenvalues between 1 and about 5.
static wg_tensor *definite(wg_dtype dtype, wg_shape shape, wg_random *r) {
    int64_t n = shape.dim[shape.rank - 1];
    wg_tensor *a = wg_randn(dtype, shape, r);
    wg_tensor *square = wg_matmul(a, wg_mul(turned(a), wg_num(1.0 / (double)(n ? n : 1))));
    return wg_add(square, wg_eye(dtype, n));
}

// That with its rows turned round: regular, not symmetric, and in need of row swaps.
static wg_tensor *regular(wg_dtype dtype, wg_shape shape, wg_random *r) {
    wg_tensor *skew = wg_randn(dtype, shape, r);
    return wg_flip(wg_add(definite(dtype, shape, r), wg_sub(skew, turned(skew))), -2);
}

static double most(wg_tensor *x) {
    expect_no_error();
    return wg_numel(x) ? wg_item(wg_max(wg_abs(x))) : 0;
}

/* Backward errors of elimination are n roundings of the numbers that take part (Higham 2002,
   chapter 9), and random matrices have no growth to speak of: 16 n units of what a well conditioned
   matrix makes of them. */
static double bound(wg_dtype dtype, int64_t n) {
    return 16 * (double)(n + 4) * (dtype == WG_F64 ? 0x1p-53 : 0x1p-24);
}

static void expect_small(wg_tensor *residual, double size, wg_dtype dtype, int64_t n) {
    double gap = most(residual), tolerance = bound(dtype, n) * size;
    ck_assert_msg(gap <= tolerance, "n = %lld: %g, at most %g", (long long)n, gap, tolerance);
}

// Around the columns at which halving ends, and where products become gemm's.
static const int64_t sizes[] = { 1, 2, 3, 15, 16, 17, 31, 33, 64, 65, 130, 200 };

/* ---- solve ----------------------------------------------------------------------------------- */

START_TEST(equations_by_hand) {
    wg_tensor *a = MATRIX(2, 0, 2, 4, 0);  // needs its rows swapped
    EXPECT_VALUES(wg_solve(a, LIST(6, 8)), 2, 3);
    wg_tensor *b = wg_from_f64(WG_F64, WG_SHAPE(2, 1), (double[]){ 6, 8 });
    expect_shape(wg_solve(a, b), WG_SHAPE(2, 1));
    EXPECT_VALUES(wg_inverse(a), 0, 0.25, 0.5, 0);
    EXPECT_VALUES(wg_det(a), -8);
    EXPECT_VALUES(wg_triangular_solve(MATRIX(2, 2, 9, 1, 4), b, false, false, false), 3, 1.25);
    EXPECT_VALUES(wg_triangular_solve(MATRIX(2, 2, 1, 9, 4), b, true, false, false), 2, 2);
    EXPECT_VALUES(wg_triangular_solve(MATRIX(2, 9, 1, 9, 9), b, true, true, false), -2, 8);
    EXPECT_VALUES(wg_triangular_solve(MATRIX(2, 2, 1, 9, 4), b, true, false, true), 3, 1.25);
    EXPECT_VALUES(wg_cholesky(MATRIX(2, 4, 2, 2, 10)), 2, 0, 1, 3);
}
END_TEST

START_TEST(a_right_hand_side_is_a_vector_where_pytorch_takes_it_for_one) {
    wg_random r = { .seed = 81 };
    wg_tensor *a = regular(WG_F64, WG_SHAPE(4, 3, 3), &r);
    expect_shape(wg_solve(a, wg_randn(WG_F64, WG_SHAPE(4, 3), &r)), WG_SHAPE(4, 3));
    expect_shape(wg_solve(a, wg_randn(WG_F64, WG_SHAPE(3), &r)), WG_SHAPE(4, 3));
    expect_shape(wg_solve(a, wg_randn(WG_F64, WG_SHAPE(3, 2), &r)), WG_SHAPE(4, 3, 2));
    expect_shape(wg_solve(wg_select(a, 0, 0), wg_randn(WG_F64, WG_SHAPE(5, 3, 1), &r)),
                 WG_SHAPE(5, 3, 1));
    wg_tensor *vectors = wg_randn(WG_F64, WG_SHAPE(4, 3), &r);
    wg_tensor *columns = wg_solve(a, wg_unsqueeze(vectors, -1));
    ck_assert(wg_equal(wg_unsqueeze(wg_solve(a, vectors), -1), columns));
    wg_tensor *v = wg_variable(vectors);
    expect_shape(wg_derivative(wg_solve(a, v), v), WG_SHAPE(4, 3));
    ck_assert_ptr_null(wg_solve(a, LIST(1, 2)));
    expect_error(WG_ERROR_SHAPE, "solve: [4,3,3] x [2]: 3 equations have 2 right-hand sides");
    ck_assert_ptr_null(wg_solve(a, scalar(1)));
    expect_error(WG_ERROR_SHAPE, "solve: [4,3,3] x []");
    ck_assert_ptr_null(wg_solve(vectors, vectors));
    expect_error(WG_ERROR_SHAPE, "solve: [4,3] x [4,3]: 4 by 3 is not square");
    ck_assert_ptr_null(wg_solve(a, wg_zeros(WG_F32, WG_SHAPE(3, 1))));
    expect_error(WG_ERROR_DTYPE, "f64 and f32 do not mix");
}
END_TEST

START_TEST(a_solution_solves_at_every_size) {
    wg_random r = { .seed = 82, .stream = (uint64_t)_i };
    int64_t n = sizes[_i];
    for (int d = 0; d < 2; d++) {
        wg_dtype dtype = d ? WG_F64 : WG_F32;
        wg_tensor *a = regular(dtype, WG_SHAPE(n, n), &r), *b = wg_randn(dtype, WG_SHAPE(n, 3), &r);
        wg_tensor *y = wg_solve(a, b), *inverse = wg_inverse(a);
        double size = (1 + most(wg_matmul(wg_abs(a), wg_abs(inverse)))) * (1 + most(b));
        expect_small(wg_sub(wg_matmul(a, y), b), size, dtype, n);
        expect_small(wg_sub(wg_matmul(a, inverse), wg_eye(dtype, n)), size, dtype, n);
        for (int form = 0; form < 8; form++) {
            bool upper = form & 1, unit = form & 2, transposed = form & 4;
            // Small off the diagonal, or a triangle's inverse grows beyond all bounds.
            wg_tensor *off = wg_mul(wg_randn(dtype, WG_SHAPE(n, n), &r), wg_num(1.0 / (double)n));
            wg_tensor *t = wg_add(off, wg_mul(wg_eye(dtype, n), wg_num(2)));
            wg_tensor *x = wg_triangular_solve(t, b, upper, unit, transposed);
            t = upper ? wg_triu(t, unit) : wg_tril(t, unit ? -1 : 0);
            if (unit) t = wg_add(t, wg_eye(dtype, n));
            if (transposed) t = turned(t);
            size = 1 + most(wg_matmul(wg_abs(t), wg_abs(x)));
            expect_small(wg_sub(wg_matmul(t, x), b), size, dtype, n);
        }
    }
}
END_TEST

START_TEST(a_singular_matrix_is_refused_with_its_pivot) {
    wg_tensor *a = MATRIX(3, 1, 2, 3, 2, 4, 7, 1, 2, 4);
    ck_assert_ptr_null(wg_solve(a, LIST(1, 2, 3)));
    expect_error(WG_ERROR_ARGUMENT, "the matrix is singular, pivot 2 of 3");
    ck_assert_ptr_null(wg_inverse(
        wg_cat((wg_tensor *[]){ wg_unsqueeze(wg_eye(WG_F64, 3), 0), wg_unsqueeze(a, 0) }, 2, 0)));
    expect_error(WG_ERROR_ARGUMENT, "inverse: [2,3,3]: matrix 2 of 2 is singular, pivot 2 of 3");
    wg_tensor *b = wg_ones(WG_F64, WG_SHAPE(3, 1));
    ck_assert_ptr_null(wg_triangular_solve(MATRIX(3, 1, 9, 9, 1, 1, 9, 1, 1, 0), b, 0, 0, 0));
    expect_error(WG_ERROR_ARGUMENT,
                 "triangular_solve: [3,3] x [3,1]: the matrix is singular, pivot 3 of 3");
    ck_assert_ptr_null(wg_cholesky(MATRIX(3, 4, 2, 0, 2, 1, 0, 0, 0, 1)));
    expect_error(WG_ERROR_ARGUMENT,
                 "cholesky: [3,3]: the matrix is not positive definite, pivot 2 of 3");
    wg_random r = { .seed = 83 };
    wg_tensor *large = wg_randn(WG_F64, WG_SHAPE(40, 40), &r);
    ck_assert(wg_copy(wg_slice(large, 1, 30, 31, 1), wg_zeros(WG_F64, WG_SHAPE(40, 1))));
    ck_assert_ptr_null(wg_inverse(large));
    expect_error(WG_ERROR_ARGUMENT, "singular, pivot 31 of 40");
}
END_TEST

START_TEST(nan_goes_in_and_nan_comes_out) {
    const double nan = NAN;
    double y[4];
    ck_assert(wg_read(wg_inverse(MATRIX(2, nan, 0, 0, 1)), y, 4));
    ck_assert(isnan(y[0]));
    ck_assert(isnan(wg_item(wg_det(MATRIX(2, nan, 1, 1, 1)))));
    ck_assert(isnan(wg_item(wg_logdet(MATRIX(2, nan, 1, 1, 1)))));
    ck_assert(wg_read(wg_cholesky(MATRIX(2, nan, 1, 1, 1)), y, 4));
    ck_assert(isnan(y[0]) && y[1] == 0 && isnan(y[3]));
    // What is not read does not matter.
    wg_tensor *b = wg_ones(WG_F64, WG_SHAPE(2, 1));
    EXPECT_VALUES(wg_triangular_solve(MATRIX(2, 1, nan, 0, 1), b, false, false, false), 1, 1);
    EXPECT_VALUES(wg_triangular_solve(MATRIX(2, nan, 0, nan, nan), b, true, true, false), 1, 1);
}
END_TEST

START_TEST(only_the_triangle_that_is_read_has_a_gradient) {
    wg_random r = { .seed = 84 };
    for (int form = 0; form < 8; form++) {
        bool upper = form & 1, unit = form & 2, transposed = form & 4;
        wg_tensor *a = wg_variable(wg_add(wg_randn(WG_F64, WG_SHAPE(3, 3), &r), wg_eye(WG_F64, 3)));
        wg_tensor *b = wg_randn(WG_F64, WG_SHAPE(3, 2), &r);
        wg_tensor *g = wg_derivative(wg_triangular_solve(a, b, upper, unit, transposed), a);
        for (int64_t i = 0; i < 3; i++)
            for (int64_t j = 0; j < 3; j++) {
                bool read = i == j ? !unit : upper == (j > i);
                ck_assert_int_eq(wg_at(g, (int64_t[]){ i, j }) != 0, read);
            }
    }
}
END_TEST

START_TEST(empty_matrices_have_inverses_and_determinant_one) {
    wg_tensor *none = wg_zeros(WG_F64, WG_SHAPE(0, 0));
    expect_shape(wg_solve(none, wg_zeros(WG_F64, WG_SHAPE(0, 2))), WG_SHAPE(0, 2));
    expect_shape(wg_solve(none, wg_zeros(WG_F64, WG_SHAPE(0))), WG_SHAPE(0));
    expect_shape(wg_inverse(none), WG_SHAPE(0, 0));
    expect_shape(wg_cholesky(none), WG_SHAPE(0, 0));
    EXPECT_VALUES(wg_det(none), 1);
    EXPECT_VALUES(wg_logdet(none), 0);
    EXPECT_VALUES(wg_det(wg_zeros(WG_F32, WG_SHAPE(2, 0, 0))), 1, 1);
    expect_shape(wg_det(wg_zeros(WG_F32, WG_SHAPE(0, 2, 2))), WG_SHAPE(0));
    expect_shape(wg_solve(MATRIX(2, 0, 0, 0, 0), wg_zeros(WG_F64, WG_SHAPE(2, 0))), WG_SHAPE(2, 0));
}
END_TEST

/* ---- cholesky -------------------------------------------------------------------------------- */

START_TEST(a_cholesky_factor_times_its_transpose_is_the_matrix) {
    wg_random r = { .seed = 85, .stream = (uint64_t)_i };
    int64_t n = sizes[_i];
    for (int d = 0; d < 2; d++) {
        wg_dtype dtype = d ? WG_F64 : WG_F32;
        wg_tensor *a = definite(dtype, WG_SHAPE(2, n, n), &r), *l = wg_cholesky(a);
        expect_small(wg_sub(wg_matmul(l, turned(l)), a), 1 + most(a), dtype, n);
        ck_assert(wg_equal(wg_tril(l, 0), l));
        ck_assert(wg_item(wg_min(wg_diagonal(l, 0, -2, -1))) > 0);
    }
}
END_TEST

START_TEST(cholesky_is_a_function_of_the_symmetrised_matrix) {
    wg_tensor *a = wg_variable(MATRIX(2, 4, 1, 3, 10));  // (a + a') / 2 is [4 2; 2 10]
    EXPECT_VALUES(wg_cholesky(a), 2, 0, 1, 3);
    wg_tensor *g = wg_derivative(wg_cholesky(a), a);
    ck_assert(wg_equal(g, turned(g)));
}
END_TEST

/* ---- in general position: the rules against differences -------------------------------------- */

typedef wg_tensor *of_matrix(wg_tensor *a);
static wg_tensor *solved(wg_tensor *a) {
    return wg_solve(a, wg_linspace(WG_F64, -1, 1, wg_dim(a, -1)));
}
static const struct {
    of_matrix *f;
    bool symmetric;
} functions[] = { { wg_inverse, false },
                  { wg_det, false },
                  { wg_logdet, true },
                  { wg_cholesky, true },
                  { solved, false } };

/* d/de f(a + e u) at 0, and its own derivative: central differences with e = 2^-13 have an error of
   e^2 times the third derivative, which for these is below 1e3 |f|. */
START_TEST(derivatives_are_those_of_differences) {
    wg_random r = { .seed = 86 };
    of_matrix *f = functions[_i].f;
    for (int64_t n = 1; n <= 20; n += n < 6 ? 1 : 14) {
        wg_shape s = WG_SHAPE(n, n);
        wg_tensor *u = wg_mul(wg_randn(WG_F64, s, &r), wg_num(1.0 / (double)n));
        wg_tensor *at = functions[_i].symmetric ? definite(WG_F64, s, &r) : regular(WG_F64, s, &r);
        wg_tensor *a = wg_variable(at), *y = f(a);
        const double e = 0x1p-13;
        wg_tensor *v[] = { wg_add(at, wg_mul(u, wg_num(e))), wg_sub(at, wg_mul(u, wg_num(e))) };
        wg_tensor *first = wg_mul(wg_sub(f(v[0]), f(v[1])), wg_num(0.5 / e));
        wg_tensor *second = wg_sub(wg_add(f(v[0]), f(v[1])), wg_mul(y, wg_num(2)));
        wg_tensor *tangent = wg_jvp(y, &a, 1, &u), *w = wg_randn(WG_F64, wg_shape_of(y), &r);
        double size = 1 + most(y) + most(tangent);
        double gap = most(wg_sub(tangent, first));
        ck_assert_msg(gap <= 1e3 * e * e * size, "n = %lld: jvp off by %g", (long long)n, gap);
        wg_tensor *gx, *bent = wg_jvp(tangent, &a, 1, &u);
        gap = most(wg_sub(bent, wg_mul(second, wg_num(1 / (e * e)))));
        size += most(bent);
        ck_assert_msg(gap <= 1e3 * e * e * size + 0x1p-48 / (e * e) * size, "second by %g", gap);
        ck_assert(wg_grad(y, &a, 1, &gx, (wg_grad_options){ .seed = w }));
        double left = wg_item(wg_sum(wg_mul(gx, u))), right = wg_item(wg_sum(wg_mul(w, tangent)));
        expect_close(left, right, 1e-11 * (double)(n * n) * size * (1 + most(w)), "<w, Ju>");
    }
}
END_TEST

/* ---- determinants ---------------------------------------------------------------------------- */

START_TEST(a_determinant_that_fits_does_not_overflow_on_the_way) {
    wg_tensor *d = wg_full(WG_F64, WG_SHAPE(600), 1e-3);
    ck_assert(wg_fill(wg_slice(d, 0, 0, 300, 1), 1e3));
    wg_tensor *a = wg_mul(wg_eye(WG_F64, 600), d);
    expect_close(wg_item(wg_det(a)), 1, 600 * 0x1p-52, "det");  // one rounding for each pivot
    expect_close(wg_item(wg_logdet(wg_mul(wg_eye(WG_F64, 600), wg_num(100)))), 600 * log(100),
                 600 * 2800 * 0x1p-53, "logdet");  // as many additions, the sum being 2763
    wg_tensor *v = wg_variable(a), *g = wg_derivative(wg_det(v), v);
    expect_close(wg_at(g, (int64_t[]){ 0, 0 }), 1e-3, 1e-3 * 1200 * 0x1p-52, "cofactor");
    expect_close(wg_at(g, (int64_t[]){ 599, 599 }), 1e3, 1e3 * 1200 * 0x1p-52, "cofactor");
    ck_assert(wg_at(g, (int64_t[]){ 0, 1 }) == 0);
}
END_TEST

START_TEST(large_cofactors_are_the_inverse_times_the_determinant) {
    wg_random r = { .seed = 87 };
    wg_tensor *a = wg_variable(regular(WG_F64, WG_SHAPE(50, 50), &r));
    wg_tensor *det = wg_det(a), *g = wg_derivative(det, a);
    wg_tensor *want = wg_mul(turned(wg_inverse(a)), det);
    expect_small(wg_sub(g, want), most(want), WG_F64, 50);
    // And of one that is nearly singular, where another method takes over: a' C = det 1.
    wg_tensor *row = wg_add(wg_slice(wg_stop(a), 0, 1, 2, 1), wg_full(WG_F64, WG_SCALAR, 1e-9));
    wg_tensor *rows[] = { row, wg_slice(wg_stop(a), 0, 1, 50, 1) };
    wg_tensor *near = wg_variable(wg_cat(rows, 2, 0));
    g = wg_derivative(wg_det(near), near);
    wg_tensor *one = wg_mul(wg_eye(WG_F64, 50), wg_det(near));
    expect_small(wg_sub(wg_matmul(turned(near), g), one), most(near) * most(g), WG_F64, 50);
}
END_TEST

START_TEST(a_singular_matrix_has_cofactors_to_any_order) {
    // Rank 2 of 3, by hand: the cofactors of [1 2 3; 4 5 6; 7 8 9].
    wg_tensor *a = wg_variable(MATRIX(3, 1, 2, 3, 4, 5, 6, 7, 8, 9)), *g, *u = wg_eye(WG_F64, 3);
    const double cofactor[] = { -3, 6, -3, 6, -12, 6, -3, 6, -3 };
    ck_assert(wg_grad(wg_det(a), &a, 1, &g, (wg_grad_options){ 0 }));
    expect_near(g, cofactor, 9, 0, 9 * 9 * 0x1p-50);  // some roundings of products of two
    // det(a + t) is a polynomial in t: 0 - 18 t + 15 t^2 + t^3; by the third derivative it is over.
    wg_tensor *y = wg_det(a);
    const double want[] = { -18, 30, 6, 0 };
    for (int k = 0; k < 4; k++) {
        y = wg_jvp(y, &a, 1, &u);
        expect_close(wg_item(y), want[k], 81 * 0x1p-48, "the next derivative");
    }
    // Rank 0: all is zero but the third derivative.
    wg_tensor *zero = wg_variable(wg_zeros(WG_F64, WG_SHAPE(3, 3)));
    y = wg_det(zero);
    const double none[] = { 0, 0, 6, 0 };
    for (int k = 0; k < 4; k++) {
        y = wg_jvp(y, &zero, 1, &u);
        EXPECT_VALUES(y, none[k]);
    }
}
END_TEST

START_TEST(log_of_a_determinant_at_its_edges) {
    ck_assert(isnan(wg_item(wg_logdet(MATRIX(2, 0, 1, 1, 0)))));
    EXPECT_VALUES(wg_logdet(MATRIX(2, 0, 1, -1, 0)), 0);
    wg_tensor *singular = wg_variable(MATRIX(2, 1, 2, 2, 4)), *y = wg_logdet(singular);
    ck_assert(wg_item(y) == -INFINITY);
    wg_tensor *g = wg_derivative(wg_mul(y, wg_num(0)), singular);
    EXPECT_VALUES(g, 0, 0, 0, 0);  // a branch not taken does not poison
    wg_tensor *a = wg_variable(MATRIX(2, 2, 0, 0, 4));
    EXPECT_VALUES(wg_derivative(wg_logdet(a), a), 0.5, 0, 0, 0.25);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

static bool some_equations(void) {
    wg_tensor *a = wg_variable(MATRIX(2, 3, 1, 1, 2)), *y = wg_solve(a, LIST(1, 2));
    y = wg_add(wg_sum(y), wg_add(wg_det(a), wg_logdet(a)));
    return wg_backward(wg_add(y, wg_sum(wg_add(wg_inverse(a), wg_cholesky(a)))));
}

START_TEST(an_allocation_that_fails_is_reported_and_leaks_nothing) {
    fail_every_allocation(some_equations);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("solve");
    TCase *equations = add_cases(suite, "equations");
    tcase_add_test(equations, equations_by_hand);
    tcase_add_test(equations, a_right_hand_side_is_a_vector_where_pytorch_takes_it_for_one);
    ADD_TABLE(equations, a_solution_solves_at_every_size, sizes);
    tcase_add_test(equations, a_singular_matrix_is_refused_with_its_pivot);
    tcase_add_test(equations, nan_goes_in_and_nan_comes_out);
    tcase_add_test(equations, only_the_triangle_that_is_read_has_a_gradient);
    tcase_add_test(equations, empty_matrices_have_inverses_and_determinant_one);
    TCase *factors = add_cases(suite, "cholesky");
    ADD_TABLE(factors, a_cholesky_factor_times_its_transpose_is_the_matrix, sizes);
    tcase_add_test(factors, cholesky_is_a_function_of_the_symmetrised_matrix);
    TCase *rules = add_cases(suite, "derivatives");
    ADD_TABLE(rules, derivatives_are_those_of_differences, functions);
    TCase *determinants = add_cases(suite, "determinants");
    tcase_add_test(determinants, a_determinant_that_fits_does_not_overflow_on_the_way);
    tcase_add_test(determinants, large_cofactors_are_the_inverse_times_the_determinant);
    tcase_add_test(determinants, a_singular_matrix_has_cofactors_to_any_order);
    tcase_add_test(determinants, log_of_a_determinant_at_its_edges);
    TCase *memory = add_cases(suite, "memory");
    tcase_add_test(memory, an_allocation_that_fails_is_reported_and_leaks_nothing);
    return run_suite(suite);
}
