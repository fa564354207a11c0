// SPDX-License-Identifier: MIT
/* test_matmul.c: products of matrices against three plain loops, on whole numbers, where every
   order of adding gives the same bits: all strides, all kinds of shape that the kernels tell apart,
   and stacks. Large products are checked by multiplying them with a vector (Freivalds 1977). */
#include "tests/core_test.h"

#include <pthread.h>
#include <sys/mman.h>

#include "tensor/kernels/kernels.h"

static wg_tensor *matrix(wg_dtype dtype, int64_t rows, int64_t cols, const double *values) {
    return wg_from_f64(dtype, WG_SHAPE(rows, cols), values);
}

static void fill_whole(wg_random *r, wg_view *v, int64_t most) {  // -most ... most
    for (int64_t k = 0, n = wg__numel(&v->shape); k < n; k++)
        wg_view_set(v, k, (double)between(r, -most, most));
}

static wg_tensor *whole(wg_random *r, wg_dtype dtype, wg_shape shape) {
    wg_tensor *x = wg_zeros(dtype, shape);
    fill_whole(r, &x->view, 4);
    return x;
}

/* ---- matmul: by hand ------------------------------------------------------------------------- */

START_TEST(a_product_of_matrices_by_hand) {
    wg_dtype dtype = _i ? WG_F64 : WG_F32;
    wg_tensor *a = matrix(dtype, 2, 3, (double[]){ 1, 2, 3, 4, 5, 6 });
    wg_tensor *b = matrix(dtype, 3, 2, (double[]){ 7, 8, 9, 10, 11, 12 });
    wg_tensor *y = wg_matmul(a, b);
    expect_shape(y, WG_SHAPE(2, 2));
    ck_assert_int_eq(wg_dtype_of(y), dtype);
    EXPECT_VALUES(y, 58, 64, 139, 154);
    EXPECT_VALUES(wg_matmul(b, a), 39, 54, 69, 49, 68, 87, 59, 82, 105);
    EXPECT_VALUES(wg_matmul(wg_transpose(b, 0, 1), wg_transpose(a, 0, 1)), 58, 139, 64, 154);
    EXPECT_VALUES(wg_matmul(wg_flip(a, 1), wg_flip(b, 0)), 58, 64, 139, 154);
}
END_TEST

START_TEST(the_axis_of_a_vector_goes_from_the_result) {
    wg_tensor *row = LIST(1, 2, 3), *column = LIST(1, -1, 2);
    wg_tensor *a = matrix(WG_F64, 3, 2, (double[]){ 1, 2, 3, 4, 5, 6 });
    expect_shape(wg_matmul(row, a), WG_SHAPE(2));
    EXPECT_VALUES(wg_matmul(row, a), 22, 28);
    wg_tensor *at = wg_transpose(a, 0, 1);
    expect_shape(wg_matmul(at, column), WG_SHAPE(2));
    EXPECT_VALUES(wg_matmul(at, column), 8, 10);
    expect_shape(wg_matmul(row, column), WG_SCALAR);
    EXPECT_VALUES(wg_matmul(row, column), 5);
    wg_tensor *stack = wg_reshape(wg_arange(WG_F64, 0, 12, 1), WG_SHAPE(2, 2, 3));
    expect_shape(wg_matmul(stack, column), WG_SHAPE(2, 2));
    EXPECT_VALUES(wg_matmul(stack, column), 3, 9, 15, 21);
    expect_shape(wg_matmul(LIST(1, 10), stack), WG_SHAPE(2, 3));
    EXPECT_VALUES(wg_matmul(LIST(1, 10), stack), 30, 41, 52, 96, 107, 118);
}
END_TEST

START_TEST(one_matrix_serves_a_whole_stack) {
    wg_tensor *stack = wg_reshape(wg_arange(WG_F32, 0, 8, 1), WG_SHAPE(2, 2, 2));
    wg_tensor *b = matrix(WG_F32, 2, 2, (double[]){ 1, 1, 0, 2 });
    expect_shape(wg_matmul(stack, b), WG_SHAPE(2, 2, 2));
    EXPECT_VALUES(wg_matmul(stack, b), 0, 2, 2, 8, 4, 14, 6, 20);
    EXPECT_VALUES(wg_matmul(b, stack), 2, 4, 4, 6, 10, 12, 12, 14);
    // Rows that do not follow each other evenly cannot become one product.
    EXPECT_VALUES(wg_matmul(wg_flip(stack, 0), b), 4, 14, 6, 20, 0, 2, 2, 8);
}
END_TEST

START_TEST(nothing_added_is_zero) {
    wg_tensor *y = wg_matmul(wg_zeros(WG_F32, WG_SHAPE(2, 0)), wg_zeros(WG_F32, WG_SHAPE(0, 3)));
    expect_shape(y, WG_SHAPE(2, 3));
    EXPECT_VALUES(y, 0, 0, 0, 0, 0, 0);
    EXPECT_VALUES(wg_matmul(wg_zeros(WG_F64, WG_SHAPE(0)), wg_zeros(WG_F64, WG_SHAPE(0))), 0);
    y = wg_matmul(wg_zeros(WG_F32, WG_SHAPE(3, 0, 2)), wg_zeros(WG_F32, WG_SHAPE(2, 4)));
    expect_shape(y, WG_SHAPE(3, 0, 4));
    y = wg_matmul(wg_zeros(WG_F32, WG_SHAPE(0, 5, 2)), wg_zeros(WG_F32, WG_SHAPE(1, 2, 4)));
    expect_shape(y, WG_SHAPE(0, 5, 4));
    y = wg_matmul(wg_zeros(WG_F64, WG_SHAPE(2, 2, 0)), wg_zeros(WG_F64, WG_SHAPE(0, 1)));
    EXPECT_VALUES(y, 0, 0, 0, 0);
}
END_TEST

START_TEST(what_does_not_fit_is_refused_with_both_shapes) {
    wg_tensor *a = wg_zeros(WG_F32, WG_SHAPE(8, 64, 32)), *b = wg_zeros(WG_F32, WG_SHAPE(16, 64));
    ck_assert_ptr_null(wg_matmul(a, b));
    ck_assert_int_eq(wg_error(), WG_ERROR_SHAPE);
    ck_assert_str_eq(wg_error_message(),
                     "matmul: [8,64,32] x [16,64]: inner sizes 32 and 16 differ");
    ck_assert_ptr_null(wg_matmul(a, a));  // nothing while an error is pending
    wg_error_clear();
    ck_assert_ptr_null(wg_matmul(a, wg_zeros(WG_F32, WG_SHAPE(3, 32, 2))));
    expect_error(WG_ERROR_SHAPE, "matmul: [8,64,32] x [3,32,2]");
    ck_assert_ptr_null(wg_matmul(b, wg_zeros(WG_F64, WG_SHAPE(64, 2))));
    expect_error(WG_ERROR_DTYPE, "matmul");
    wg_tensor *whole_numbers = wg_zeros(WG_I64, WG_SHAPE(2, 2));
    ck_assert_ptr_null(wg_matmul(whole_numbers, whole_numbers));
    expect_error(WG_ERROR_DTYPE, "matmul");
    ck_assert_ptr_null(wg_matmul(b, wg_num(2)));
    expect_error(WG_ERROR_SHAPE, "matmul: [16,64] x []");
    ck_assert_ptr_null(wg_matmul(LIST(1, 2), LIST(1, 2, 3)));
    expect_error(WG_ERROR_SHAPE, "inner sizes 2 and 3 differ");
    ck_assert_ptr_null(wg_matmul(a, NULL));
    expect_error(WG_ERROR_ARGUMENT, "matmul");
    ck_assert_ptr_null(wg_matmul(NULL, LIST(1)));
    expect_error(WG_ERROR_ARGUMENT, "matmul");
}
END_TEST

START_TEST(a_vector_that_does_not_fit_is_refused_with_its_own_shape) {
    wg_tensor *three = LIST(1, 2, 3), *four = LIST(1, 2, 3, 4);
    ck_assert_ptr_null(wg_matmul(three, four));
    expect_error(WG_ERROR_SHAPE, "matmul: [3] x [4]: inner sizes 3 and 4 differ");
    ck_assert_ptr_null(wg_matmul(three, wg_zeros(WG_F64, WG_SHAPE(5, 4, 2))));
    expect_error(WG_ERROR_SHAPE, "matmul: [3] x [5,4,2]: inner sizes 3 and 4 differ");
    ck_assert_ptr_null(wg_matmul(wg_zeros(WG_F64, WG_SHAPE(2, 3)), four));
    expect_error(WG_ERROR_SHAPE, "matmul: [2,3] x [4]: inner sizes 3 and 4 differ");
    ck_assert_ptr_null(wg_matmul(three, wg_num(2)));
    expect_error(WG_ERROR_SHAPE, "matmul: [3] x []");
    ck_assert_ptr_null(wg_matmul(three, wg_zeros(WG_F32, WG_SHAPE(3, 2))));
    expect_error(WG_ERROR_DTYPE, "matmul: [3] x [3,2]: f64 and f32");
}
END_TEST

/* ---- matmul: any stack ----------------------------------------------------------------------- */

// One axis less or of size 1 where the other operand stretches it.
static wg_shape stretched(wg_random *r, const wg_shape *lead, int64_t rows, int64_t cols) {
    int drop = (int)between(r, 0, lead->rank);
    wg_shape s = { .rank = 0 };
    for (int i = drop; i < lead->rank; i++) s.dim[s.rank++] = between(r, 0, 2) ? lead->dim[i] : 1;
    s.dim[s.rank++] = rows;
    s.dim[s.rank++] = cols;
    return s;
}

static double by_loop(const wg_view *a, const wg_view *b, const wg_shape *y, int64_t flat) {
    int64_t cols = y->dim[y->rank - 1], rows = y->dim[y->rank - 2],
            inner = a->shape.dim[a->shape.rank - 1];
    wg_shape lead = *y;
    lead.rank -= 2;
    wg_view va = *a, vb = *b;
    va.shape.rank -= 2, vb.shape.rank -= 2;
    va = wg__view_broadcast(&va, &lead), vb = wg__view_broadcast(&vb, &lead);
    int64_t row = flat / cols % rows, col = flat % cols, batch = flat / cols / rows;
    int64_t at = wg__offset(&va, batch) + row * a->stride[a->shape.rank - 2];
    int64_t bt = wg__offset(&vb, batch) + col * b->stride[b->shape.rank - 1];
    double sum = 0;
    for (int64_t k = 0; k < inner; k++)
        sum += wg__load(a->dtype, wg__at(a, at + k * a->stride[a->shape.rank - 1])) *
               wg__load(b->dtype, wg__at(b, bt + k * b->stride[b->shape.rank - 2]));
    return sum;
}

START_TEST(stacks_broadcast_in_any_layout) {
    wg_random r = { .seed = 31 };
    for (int trial = 0; trial < 400; trial++) {
        wg_scope *scope = wg_scope_open();
        wg_dtype dtype = between(&r, 0, 1) ? WG_F32 : WG_F64;
        wg_shape lead = random_shape(&r, between(&r, 0, 5) ? 3 : WG_MAX_RANK - 2, 3);
        int64_t m = between(&r, 0, 6), n = between(&r, 0, 6), k = between(&r, 0, 6);
        wg_tensor *a = random_layout(&r, dtype, stretched(&r, &lead, m, k), true);
        wg_tensor *b = random_layout(&r, dtype, stretched(&r, &lead, k, n), true);
        fill_whole(&r, &a->view, 4);
        fill_whole(&r, &b->view, 4);
        wg_tensor *y = wg_matmul(a, b);
        ck_assert_msg(y != NULL, "%s", wg_error_message());
        for (int64_t e = 0; e < wg_numel(y); e++) {
            double want = by_loop(&a->view, &b->view, &y->view.shape, e);
            ck_assert_msg(wg_view_get(&y->view, e) == want, "trial %d, element %lld: %g, not %g",
                          trial, (long long)e, wg_view_get(&y->view, e), want);
        }
        wg_scope_close(scope);
    }
}
END_TEST

START_TEST(the_gradient_of_a_shared_matrix_is_the_sum_over_the_stack) {
    wg_random r = { .seed = 32 };
    const wg_shape b_shapes[] = { WG_SHAPE(4, 5), WG_SHAPE(1, 4, 5), WG_SHAPE(1, 1, 1, 4, 5) };
    for (int i = 0; i < 3; i++) {
        wg_tensor *a = wg_variable(wg_transpose(whole(&r, WG_F64, WG_SHAPE(3, 2, 4)), 0, 1));
        wg_tensor *b = wg_variable(whole(&r, WG_F64, b_shapes[i]));
        wg_tensor *y = wg_matmul(a, b), *gx[2], *gy = whole(&r, WG_F64, wg_shape_of(y));
        ck_assert(wg_grad(y, (wg_tensor *[]){ a, b }, 2, gx, (wg_grad_options){ .seed = gy }));
        expect_shape(gx[0], WG_SHAPE(2, 3, 4));
        expect_shape(gx[1], b_shapes[i]);
        wg_tensor *want = wg_zeros(WG_F64, WG_SHAPE(4, 5));
        wg_tensor *flat = wg_reshape(gy, WG_SHAPE(2, 3, 5));
        for (int s = 0; s < 2; s++)
            want = wg_add(want,
                          wg_matmul(wg_transpose(wg_select(a, 0, s), 0, 1), wg_select(flat, 0, s)));
        ck_assert(wg_equal(wg_reshape(gx[1], WG_SHAPE(4, 5)), want));
    }
    wg_tensor *a = wg_variable(wg_zeros(WG_F64, WG_SHAPE(2, 3, 0)));
    wg_tensor *b = wg_variable(wg_zeros(WG_F64, WG_SHAPE(0, 5))), *gx[2];
    ck_assert(wg_grad(wg_matmul(a, b), (wg_tensor *[]){ a, b }, 2, gx, (wg_grad_options){ 0 }));
    expect_shape(gx[0], WG_SHAPE(2, 3, 0));
    expect_shape(gx[1], WG_SHAPE(0, 5));
}
END_TEST

/* ---- the kernel: any strides ----------------------------------------------------------------- */

typedef struct operands {
    wg_tensor *c, *a, *b;
} operands;

static operands random_operands(wg_random *r, int64_t m, int64_t n, int64_t k) {
    wg_dtype dtype = between(r, 0, 1) ? WG_F32 : WG_F64;
    operands o = { NULL, random_layout(r, dtype, WG_SHAPE(m, k), true),
                   random_layout(r, dtype, WG_SHAPE(k, n), true) };
    o.c = random_layout(r, dtype, WG_SHAPE(m, n), false);
    fill_whole(r, &o.a->view, 4);
    fill_whole(r, &o.b->view, 4);
    return o;
}

// Runs one product and compares each element of c, and the bytes around it.
static void check_gemm(wg_random *r, const operands *o, bool accumulate) {
    wg_view *c = &o->c->view;
    const wg_tensor *block = o->c->next;  // all of the memory that c is a view into
    const size_t size = wg__size_of(c->dtype), bytes = (size_t)wg_numel(block) * size;
    const int64_t cells = wg__numel(&c->shape), n = c->shape.dim[1],
                  inner = o->a->view.shape.dim[1];
    double *want = calloc((size_t)cells + 1, sizeof *want);
    ck_assert_ptr_eq(block->storage, o->c->storage);
    memset(o->c->storage, 0x7e, bytes);
    for (int64_t e = 0; e < cells; e++) {
        want[e] = accumulate ? (double)between(r, -9, 9) : 0;
        wg_view_set(c, e, accumulate ? want[e] : NAN);
        for (int64_t k = 0; k < inner; k++)
            want[e] += wg_view_get(&o->a->view, e / n * inner + k) *
                       wg_view_get(&o->b->view, k * n + e % n);
    }
    char *before = malloc(bytes);
    memcpy(before, o->c->storage, bytes);
    wg__gemm(c, &o->a->view, &o->b->view, accumulate);
    for (int64_t e = 0; e < cells; e++) {
        char *p = wg__at(c, wg__offset(c, e));
        ck_assert_msg(wg__load(c->dtype, p) == want[e], "%lldx%lldx%lld at %lld: %g, not %g",
                      (long long)c->shape.dim[0], (long long)n, (long long)inner, (long long)e,
                      wg__load(c->dtype, p), want[e]);
        memcpy(before + (p - (char *)o->c->storage), p, size);
    }
    ck_assert_msg(memcmp(before, o->c->storage, bytes) == 0, "written outside of c");
    free(before), free(want);
}

START_TEST(a_product_is_exact_for_any_strides) {
    wg_random r = { .seed = 41, .stream = (uint64_t)_i };
    for (int trial = 0; trial < 300; trial++) {
        wg_scope *scope = wg_scope_open();
        int64_t most = between(&r, 0, 4) ? 20 : 70;
        operands o =
            random_operands(&r, between(&r, 0, most), between(&r, 0, most), between(&r, 0, most));
        check_gemm(&r, &o, between(&r, 0, 1));
        wg_scope_close(scope);
    }
}
END_TEST

START_TEST(a_product_is_exact_for_thin_and_deep_shapes) {
    // One row, one column, around the width of a strip, and around the depths at which k is cut.
    static const int64_t size[] = { 1, 2, 5, 6, 7, 8, 9, 31, 32, 33 };
    static const int64_t depth[] = { 1, 15, 16, 17, 127, 128, 129, 1023, 1024, 1025 };
    wg_random r = { .seed = 42 };
    for (int i = 0; i < 10; i++)
        for (int k = 0; k < 10; k++) {
            wg_scope *scope = wg_scope_open();
            int64_t other = size[between(&r, 0, 9)];
            operands rows = random_operands(&r, size[i], other, depth[k]);
            check_gemm(&r, &rows, false);
            operands columns = random_operands(&r, other, size[i], depth[k]);
            check_gemm(&r, &columns, true);
            wg_scope_close(scope);
        }
}
END_TEST

/* ---- the kernel: large products -------------------------------------------------------------- */

enum { M = 530, N = 520, K = 510 };  // more than any own kernel takes: this is BLIS

static wg_tensor *large(wg_random *r, wg_dtype dtype, int64_t rows, int64_t cols, bool transposed) {
    if (transposed) return wg_transpose(whole(r, dtype, WG_SHAPE(cols, rows)), 0, 1);
    return whole(r, dtype, WG_SHAPE(rows, cols));
}

// y[i] = sum of x[i][j] v[j], of whole numbers below 2^53 in all
static void times_vector(const wg_tensor *x, const double *v, double *y) {
    int64_t rows = wg_dim(x, 0), cols = wg_dim(x, 1);
    for (int64_t i = 0; i < rows; i++) {
        y[i] = 0;
        for (int64_t j = 0; j < cols; j++)
            y[i] += wg__load(x->view.dtype,
                             wg__at(&x->view, i * x->view.stride[0] + j * x->view.stride[1])) *
                    v[j];
    }
}

static void expect_product(wg_random *r, const wg_tensor *c, const wg_tensor *a,
                           const wg_tensor *b) {
    static double v[N], bv[K], want[M], got[M];
    for (int j = 0; j < N; j++) v[j] = (double)between(r, -1000, 1000);
    times_vector(b, v, bv);
    times_vector(a, bv, want);
    times_vector(c, v, got);
    for (int i = 0; i < M; i++)
        ck_assert_msg(got[i] == want[i], "row %d: %g, not %g", i, got[i], want[i]);
}

START_TEST(large_products_are_exact) {
    wg_random r = { .seed = 51 };
    wg_dtype dtype = _i & 1 ? WG_F64 : WG_F32;
    wg_tensor *a = large(&r, dtype, M, K, _i & 2), *b = large(&r, dtype, K, N, _i & 4);
    wg_tensor *c = wg_matmul(a, b);
    expect_no_error();
    expect_product(&r, c, a, b);
    wg__gemm(&c->view, &a->view, &b->view, true);
    expect_product(&r, wg_mul(c, wg_num(0.5)), a, b);
}
END_TEST

START_TEST(large_products_take_strides_that_blis_does_not) {
    wg_random r = { .seed = 52 };
    wg_tensor *a = large(&r, WG_F32, M, K, false), *b = large(&r, WG_F32, K, N, false);
    wg_tensor *back = wg_flip(wg_flip(a, 0), 1),
              *row = wg_expand(wg_slice(b, 0, 3, 4, 1), WG_SHAPE(K, N));
    expect_product(&r, wg_matmul(back, b), back, b);
    expect_product(&r, wg_matmul(a, wg_flip(b, 1)), a, wg_flip(b, 1));
    expect_product(&r, wg_matmul(a, row), a, row);
    wg_tensor *wide = large(&r, WG_F32, M, 2 * K, false),
              *every_other = wg_slice(wide, 1, 1, WG_END, 2);
    expect_product(&r, wg_matmul(every_other, b), every_other, b);
}
END_TEST

typedef struct job {
    const wg_tensor *a, *b;
    wg_tensor *c;
} job;

static void *run_job(void *user) {
    job *j = user;
    for (int repeat = 0; repeat < 3; repeat++)
        wg__gemm(&j->c->view, &j->a->view, &j->b->view, false);
    return NULL;
}

START_TEST(threads_that_multiply_at_once_get_the_same_bits) {
    wg_random r = { .seed = 53 };
    wg_tensor *a = wg_randn(WG_F32, WG_SHAPE(M, K), &r), *b = wg_randn(WG_F32, WG_SHAPE(K, N), &r);
    wg_tensor *want = wg_matmul(a, b);
    job jobs[4];
    pthread_t threads[4];
    for (int t = 0; t < 4; t++) {
        jobs[t] = (job){ a, b, wg_zeros(WG_F32, WG_SHAPE(M, N)) };
        ck_assert_int_eq(pthread_create(&threads[t], NULL, run_job, &jobs[t]), 0);
    }
    for (int t = 0; t < 4; t++) ck_assert_int_eq(pthread_join(threads[t], NULL), 0);
    for (int t = 0; t < 4; t++) ck_assert(wg_equal(jobs[t].c, want));
}
END_TEST

/* Each element within K + 2 roundings of f32 of the sum of the terms' sizes (Higham 2002, section
   3.1): one for each multiplication and addition along k, whatever the order, and those of the
   comparison. */
START_TEST(rounding_stays_within_the_bound_of_a_sum) {
    wg_random r = { .seed = 54 };
    static const int64_t shape[][3] = {
        { 30, 40, 200 }, { 1, 50, 300 }, { 70, 1, 300 }, { M, N, K }
    };
    for (int i = 0; i < 4; i++) {
        int64_t m = shape[i][0], n = shape[i][1], k = shape[i][2];
        wg_tensor *a = wg_randn(WG_F32, WG_SHAPE(m, k), &r),
                  *b = wg_randn(WG_F32, WG_SHAPE(k, n), &r);
        wg_tensor *a64 = wg_cast(a, WG_F64), *b64 = wg_cast(b, WG_F64);
        wg_tensor *gap = wg_abs(wg_sub(wg_cast(wg_matmul(a, b), WG_F64), wg_matmul(a64, b64)));
        wg_tensor *size = wg_matmul(wg_abs(a64), wg_abs(b64));
        double worst = wg_item(wg_max(wg_div(gap, size)));
        ck_assert_msg(!(worst > (double)(k + 2) * 0x1p-24) && worst == worst, "%g", worst);
        ck_assert_msg(worst > 0,
                      "f32 and f64 agree to the last bit: one of them is not what it says");
    }
}
END_TEST

/* ---- the kernel reads its operands and nothing beyond ---------------------------------------- */

enum { ROOM = 24 << 20, PAGE = 1 << 16 };

// Bytes with a forbidden page before and behind.
static char *fenced(void) {
    char *p = mmap(NULL, ROOM + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(p, MAP_FAILED);
    ck_assert_int_eq(mprotect(p + PAGE, ROOM, PROT_READ | PROT_WRITE), 0);
    return p + PAGE;
}

// A matrix in row or column order that begins, or ends, exactly at the fence.
static wg_view fenced_matrix(wg_random *r, char *room, wg_dtype dtype, int64_t rows, int64_t cols) {
    wg_view v = { .dtype = dtype, .shape = WG_SHAPE(rows, cols) };
    bool by_rows = between(r, 0, 1), at_end = between(r, 0, 1);
    int64_t pad = between(r, 0, 1) ? 0 : between(r, 0, 40);
    v.stride[0] = by_rows ? cols + pad : 1;
    v.stride[1] = by_rows ? 1 : rows + pad;
    int64_t extent = (rows - 1) * v.stride[0] + (cols - 1) * v.stride[1] + 1;
    size_t bytes = (size_t)extent * wg__size_of(dtype);
    ck_assert_uint_le(bytes, ROOM);
    v.data = at_end ? room + ROOM - bytes : room;
    return v;
}

START_TEST(a_product_touches_nothing_beyond_its_operands) {
    wg_random r = { .seed = 61 };
    char *room[3] = { fenced(), fenced(), fenced() };
    for (int trial = 0; trial < 400; trial++) {
        int64_t m = between(&r, 1, 40), n = between(&r, 1, 40);
        int64_t k = between(&r, 1, between(&r, 0, 3) ? 40 : 300);
        if (trial % 50 == 0) m = M, n = N, k = K;
        if (trial % 10 == 1) m = between(&r, 85, 95), n = between(&r, 85, 95), k = 20000;
        wg_dtype dtype = between(&r, 0, 1) ? WG_F32 : WG_F64;
        wg_view a = fenced_matrix(&r, room[0], dtype, m, k),
                b = fenced_matrix(&r, room[1], dtype, k, n);
        wg_view c = fenced_matrix(&r, room[2], dtype, m, n);
        wg__gemm(&c, &a, &b, between(&r, 0, 1));  // a crash is the failure
    }
    for (int i = 0; i < 3; i++) ck_assert_int_eq(munmap(room[i] - PAGE, ROOM + 2 * PAGE), 0);
}
END_TEST

/* ---------------------------------------------------------------------------------------------- */

int main(void) {
    Suite *suite = suite_create("matmul");
    TCase *hand = add_cases(suite, "by hand");
    tcase_add_loop_test(hand, a_product_of_matrices_by_hand, 0, 2);
    tcase_add_test(hand, the_axis_of_a_vector_goes_from_the_result);
    tcase_add_test(hand, one_matrix_serves_a_whole_stack);
    tcase_add_test(hand, nothing_added_is_zero);
    tcase_add_test(hand, what_does_not_fit_is_refused_with_both_shapes);
    tcase_add_test(hand, a_vector_that_does_not_fit_is_refused_with_its_own_shape);
    TCase *stacks = add_cases(suite, "stacks");
    tcase_add_test(stacks, stacks_broadcast_in_any_layout);
    tcase_add_test(stacks, the_gradient_of_a_shared_matrix_is_the_sum_over_the_stack);
    TCase *kernel = add_cases(suite, "kernel");
    tcase_add_loop_test(kernel, a_product_is_exact_for_any_strides, 0, 4);
    tcase_add_test(kernel, a_product_is_exact_for_thin_and_deep_shapes);
    tcase_add_loop_test(kernel, large_products_are_exact, 0, 8);
    tcase_add_test(kernel, large_products_take_strides_that_blis_does_not);
    tcase_add_test(kernel, threads_that_multiply_at_once_get_the_same_bits);
    tcase_add_test(kernel, rounding_stays_within_the_bound_of_a_sum);
    tcase_add_test(kernel, a_product_touches_nothing_beyond_its_operands);
    return run_suite(suite);
}
