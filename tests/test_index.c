// SPDX-License-Identifier: MIT
/* test_index.c: joining, picking, adding back, choosing and casting: numbers written out, then
   loops over random shapes and layouts. Picking moves values, so everything is compared bit by
   bit. */
#include "tests/core_test.h"

#include "autograd/autograd_impl.h"

static wg_tensor *counting(wg_shape shape) {  // 0, 1, 2, ... in C order
    return wg_reshape(wg_arange(WG_F64, 0, (double)wg_shape_numel(shape), 1), shape);
}

static const wg_dtype index_dtypes[] = { WG_I64, WG_I32 };

static wg_tensor *indices(wg_dtype dtype, wg_shape shape, const double *values) {
    return wg_from_f64(dtype, shape, values);
}
#define INDEX_LIST(dtype, ...)                                                                     \
    indices(dtype, WG_SHAPE((int64_t)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double))),        \
            (double[]){ __VA_ARGS__ })

static void fill_below(wg_random *r, wg_tensor *x, int64_t n) {  // 0 ... n-1
    for (int64_t k = 0; k < wg_numel(x); k++)
        wg_view_set(&x->view, k, (double)between(r, 0, n - 1));
}

static wg_dtype random_dtype(wg_random *r) { return (wg_dtype)between(r, 0, WG_DTYPES - 1); }

static void fill_any(wg_random *r, wg_tensor *x) {
    int64_t most = x->view.dtype == WG_BOOL ? 1 : 200;
    for (int64_t k = 0; k < wg_numel(x); k++) wg_view_set(&x->view, k, (double)between(r, 0, most));
}

/* ---- cat ------------------------------------------------------------------------------------- */

START_TEST(cat_joins_along_the_axis) {
    wg_tensor *a = counting(WG_SHAPE(2, 2)), *b = wg_add(counting(WG_SHAPE(2, 1)), wg_num(10));
    wg_tensor *y = wg_cat((wg_tensor *[]){ a, b, a }, 3, 1);
    expect_shape(y, WG_SHAPE(2, 5));
    EXPECT_VALUES(y, 0, 1, 10, 0, 1, 2, 3, 11, 2, 3);
    ck_assert(wg_equal(wg_cat((wg_tensor *[]){ a, b, a }, 3, -1), y));
    EXPECT_VALUES(wg_cat((wg_tensor *[]){ wg_flip(a, 0), wg_transpose(b, 0, 1) }, 2, 0), 2, 3, 0, 1,
                  10, 11);
    EXPECT_VALUES(wg_cat((wg_tensor *[]){ b }, 1, 0), 10, 11);
    wg_tensor *none = wg_zeros(WG_F64, WG_SHAPE(0, 2));
    EXPECT_VALUES(wg_cat((wg_tensor *[]){ none, a, none }, 3, 0), 0, 1, 2, 3);
    expect_shape(wg_cat((wg_tensor *[]){ none, none }, 2, 0), WG_SHAPE(0, 2));
    expect_shape(wg_cat((wg_tensor *[]){ none, none }, 2, 1), WG_SHAPE(0, 4));
}
END_TEST

START_TEST(cat_takes_up_to_sixty_four) {
    wg_tensor *x[WG_MAX_INPUTS + 1], *gx[WG_MAX_INPUTS];
    for (int i = 0; i <= WG_MAX_INPUTS; i++)
        x[i] = wg_variable(wg_full(WG_F64, WG_SHAPE(1 + i % 3), i));
    wg_tensor *y = wg_cat(x, WG_MAX_INPUTS, 0), *seed = counting(WG_SHAPE(127));
    expect_shape(y, WG_SHAPE(127));  // 21 times 1 + 2 + 3, and 1
    ck_assert(wg_grad(y, x, WG_MAX_INPUTS, gx, (wg_grad_options){ .seed = seed }));
    for (int64_t i = 0, at = 0; i < WG_MAX_INPUTS; i++)
        for (int64_t k = 0; k <= i % 3; k++, at++) {
            ck_assert(wg_at(y, &at) == (double)i);
            ck_assert(wg_at(gx[i], &k) == (double)at);
        }
    ck_assert_ptr_null(wg_cat(x, WG_MAX_INPUTS + 1, 0));
    expect_error(WG_ERROR_ARGUMENT, "cat: 65 inputs");
}
END_TEST

START_TEST(cat_refuses_what_does_not_fit) {
    wg_tensor *a = counting(WG_SHAPE(2, 2)), *b = counting(WG_SHAPE(2, 3)),
              *c = counting(WG_SHAPE(2));
    ck_assert_ptr_null(wg_cat((wg_tensor *[]){ a, b }, 2, 0));
    expect_error(WG_ERROR_SHAPE, "cat: [2,2] x [2,3]");
    ck_assert_ptr_null(wg_cat((wg_tensor *[]){ a, c }, 2, 0));
    expect_error(WG_ERROR_SHAPE, "cat");
    ck_assert_ptr_null(wg_cat((wg_tensor *[]){ a, b }, 2, 2));
    expect_error(WG_ERROR_SHAPE, "no axis 2");
    ck_assert_ptr_null(wg_cat((wg_tensor *[]){ a, wg_cast(a, WG_F32) }, 2, 0));
    expect_error(WG_ERROR_DTYPE, "cat");
    ck_assert_ptr_null(wg_cat((wg_tensor *[]){ wg_num(1), wg_num(2) }, 2, 0));
    expect_error(WG_ERROR_SHAPE, "cat");
    ck_assert_ptr_null(wg_cat((wg_tensor *[]){ a, NULL }, 2, 0));
    expect_error(WG_ERROR_ARGUMENT, "cat");
    ck_assert_ptr_null(wg_cat(NULL, 2, 0));
    expect_error(WG_ERROR_ARGUMENT, "cat");
    ck_assert_ptr_null(wg_cat((wg_tensor *[]){ a }, 0, 0));
    expect_error(WG_ERROR_ARGUMENT, "cat: 0 inputs");
}
END_TEST

START_TEST(slices_joined_again_are_the_whole) {
    wg_random r = { .seed = 81 };
    for (int trial = 0; trial < 300; trial++) {
        wg_scope *scope = wg_scope_open();
        wg_shape shape = random_shape(&r, 4, 5);
        if (shape.rank == 0) shape = WG_SHAPE(3);
        int axis = (int)between(&r, 0, shape.rank - 1);
        wg_tensor *x = random_layout(&r, random_dtype(&r), shape, true), *part[12];
        fill_any(&r, x);
        int parts = (int)between(&r, 1, 12);
        int64_t at = 0;
        for (int i = 0; i < parts; i++) {  // some of them empty
            int64_t next = i == parts - 1 ? shape.dim[axis] : between(&r, at, shape.dim[axis]);
            part[i] = wg_slice(x, axis, at, next, 1);
            at = next;
        }
        ck_assert_msg(wg_equal(wg_cat(part, parts, axis), x), "trial %d: %s", trial,
                      wg_error_message());
        wg_scope_close(scope);
    }
}
END_TEST

/* ---- gather and scatter_add ------------------------------------------------------------------ */

START_TEST(gather_is_numpys_take_along_axis) {
    wg_dtype dtype = index_dtypes[_i];
    wg_tensor *x = wg_mul(wg_add(counting(WG_SHAPE(2, 3)), wg_num(1)), wg_num(10));  // 10 ... 60
    wg_tensor *columns = indices(dtype, WG_SHAPE(2, 4), (double[]){ 0, 2, 1, 0, 2, 2, 0, 1 });
    wg_tensor *y = wg_gather(x, 1, columns);
    expect_shape(y, WG_SHAPE(2, 4));
    EXPECT_VALUES(y, 10, 30, 20, 10, 60, 60, 40, 50);
    wg_tensor *rows = indices(dtype, WG_SHAPE(1, 3), (double[]){ 1, 0, 1 });
    EXPECT_VALUES(wg_gather(x, 0, rows), 40, 20, 60);
    ck_assert(wg_equal(wg_gather(x, -2, rows), wg_gather(x, 0, rows)));
    EXPECT_VALUES(wg_gather(LIST(5, 6), 0, INDEX_LIST(dtype, 1, 1, 0)), 6, 6, 5);
    expect_shape(wg_gather(x, 1, wg_zeros(dtype, WG_SHAPE(2, 0))), WG_SHAPE(2, 0));
    wg_tensor *none = wg_zeros(WG_F32, WG_SHAPE(2, 0));
    expect_shape(wg_gather(none, 1, wg_zeros(dtype, WG_SHAPE(2, 0))), WG_SHAPE(2, 0));
}
END_TEST

START_TEST(scatter_add_adds_up_what_goes_to_one_place) {
    wg_dtype dtype = index_dtypes[_i];
    wg_tensor *x = counting(WG_SHAPE(2, 3));
    wg_tensor *index = indices(dtype, WG_SHAPE(2, 4), (double[]){ 0, 0, 0, 2, 1, 1, 2, 1 });
    wg_tensor *source = wg_add(counting(WG_SHAPE(2, 4)), wg_num(1));
    EXPECT_VALUES(wg_scatter_add(x, 1, index, source), 6, 1, 6, 3, 23, 12);
    EXPECT_VALUES(x, 0, 1, 2, 3, 4, 5);  // which is not written to
    wg_tensor *rows = indices(dtype, WG_SHAPE(1, 3), (double[]){ 1, 1, 0 });
    EXPECT_VALUES(wg_scatter_add(x, 0, rows, wg_reshape(LIST(10, 20, 30), WG_SHAPE(1, 3))), 0, 1,
                  32, 13, 24, 5);
    wg_tensor *none = wg_zeros(dtype, WG_SHAPE(2, 0));
    ck_assert(wg_equal(wg_scatter_add(x, 1, none, wg_zeros(WG_F64, WG_SHAPE(2, 0))), x));
}
END_TEST

START_TEST(the_gradient_of_a_gather_counts_how_often) {
    wg_tensor *x = wg_variable(LIST(5, 6, 7));
    wg_tensor *y = wg_gather(x, 0, INDEX_LIST(index_dtypes[_i], 2, 0, 2, 2));
    EXPECT_VALUES(wg_derivative(y, x), 1, 0, 3);
    wg_tensor *z = wg_index_select(x, 0, INDEX_LIST(index_dtypes[_i], 1, 1));
    EXPECT_VALUES(wg_derivative(z, x), 0, 2, 0);
}
END_TEST

// Where element `flat` of `part` is found in x: at[axis] replaced by its index.
static double picked(const wg_tensor *x, const wg_tensor *index, int axis, int64_t flat) {
    int64_t at[WG_MAX_RANK], rest = flat;
    for (int i = wg_rank(index) - 1; i >= 0; i--) {
        at[i] = rest % wg_dim(index, i);
        rest /= wg_dim(index, i);
    }
    at[axis] = (int64_t)wg_view_get(&index->view, flat);
    return wg_at(x, at);
}

START_TEST(gather_agrees_with_a_loop_in_any_layout) {
    wg_random r = { .seed = 82 };
    for (int trial = 0; trial < 1000; trial++) {
        wg_scope *scope = wg_scope_open();
        wg_shape shape = random_shape(&r, 5, 4);
        if (shape.rank == 0) shape = WG_SHAPE(2);
        int axis = (int)between(&r, 0, shape.rank - 1);
        if (shape.dim[axis] == 0) shape.dim[axis] = 3;
        wg_tensor *x = random_layout(&r, random_dtype(&r), shape, true);
        fill_any(&r, x);
        int64_t size = shape.dim[axis];
        shape.dim[axis] = between(&r, 0, 6);
        wg_tensor *index = random_layout(&r, index_dtypes[between(&r, 0, 1)], shape, true);
        fill_below(&r, index, size);
        wg_tensor *y = wg_gather(x, axis, index);
        expect_shape(y, shape);
        ck_assert_int_eq(wg_dtype_of(y), wg_dtype_of(x));
        for (int64_t k = 0; k < wg_numel(y); k++)
            ck_assert(wg_view_get(&y->view, k) == picked(x, index, axis, k));
        wg_scope_close(scope);
    }
}
END_TEST

/* <gather(x), s> = <x, scatter_add(0, s)> on whole numbers, where both sides are exact. */
START_TEST(scatter_add_is_the_transpose_of_gather_in_any_layout) {
    wg_random r = { .seed = 83 };
    for (int trial = 0; trial < 1000; trial++) {
        wg_scope *scope = wg_scope_open();
        wg_dtype dtype = between(&r, 0, 1) ? WG_F32 : WG_F64;
        wg_shape shape = random_shape(&r, 4, 4);
        if (shape.rank == 0) shape = WG_SHAPE(2);
        int axis = (int)between(&r, 0, shape.rank - 1);
        if (shape.dim[axis] == 0) shape.dim[axis] = 3;
        wg_tensor *x = random_layout(&r, dtype, shape, true),
                  *start = random_layout(&r, dtype, shape, true);
        int64_t size = shape.dim[axis];
        shape.dim[axis] = between(&r, 0, 6);
        wg_tensor *index = random_layout(&r, index_dtypes[between(&r, 0, 1)], shape, true);
        wg_tensor *source = random_layout(&r, dtype, shape, true);
        fill_below(&r, index, size), fill_below(&r, x, 9), fill_below(&r, source, 9);
        fill_below(&r, start, 9);
        wg_tensor *added = wg_sub(wg_scatter_add(start, axis, index, source), start);
        double left = wg_item(wg_sum(wg_mul(wg_gather(x, axis, index), source)));
        double right = wg_item(wg_sum(wg_mul(x, added)));
        ck_assert_msg(left == right, "trial %d: %g, not %g", trial, right, left);
        wg_scope_close(scope);
    }
}
END_TEST

/* ---- take_along_axis ------------------------------------------------------------------------- */

START_TEST(take_along_axis_broadcasts_off_the_axis_and_gather_does_not) {
    wg_dtype dtype = index_dtypes[_i];
    wg_tensor *x = counting(WG_SHAPE(2, 3)), *row = wg_slice(x, 0, 1, 2, 1);  // (1, 3)
    wg_tensor *index = indices(dtype, WG_SHAPE(2, 2), (double[]){ 2, 0, 1, 1 });
    EXPECT_VALUES(wg_take_along_axis(x, 1, index), 2, 0, 4, 4);
    EXPECT_VALUES(wg_take_along_axis(row, 1, index), 5, 3, 4, 4);
    EXPECT_VALUES(wg_take_along_axis(x, -1, wg_slice(index, 0, 0, 1, 1)), 2, 0, 5, 3);
    ck_assert_ptr_null(wg_gather(row, 1, index));
    expect_error(WG_ERROR_SHAPE, "gather: [1,3] x [2,2]");
    wg_tensor *v = wg_variable(row);
    EXPECT_VALUES(wg_derivative(wg_take_along_axis(v, 1, index), v), 1, 2, 1);
}
END_TEST

START_TEST(take_along_axis_refuses_other_ranks_sizes_and_negative_indices) {
    wg_dtype dtype = index_dtypes[_i];
    wg_tensor *x = counting(WG_SHAPE(2, 3));
    ck_assert_ptr_null(wg_take_along_axis(x, 1, INDEX_LIST(dtype, 0)));
    expect_error(WG_ERROR_SHAPE, "take_along_axis: [2,3] x [1]: x has rank 2 and the index 1");
    ck_assert_ptr_null(wg_take_along_axis(x, 1, wg_zeros(dtype, WG_SHAPE(3, 3))));
    expect_error(WG_ERROR_SHAPE, "sizes 2 and 3 of axis 0 do not broadcast");
    ck_assert_ptr_null(wg_take_along_axis(x, 1, wg_full(dtype, WG_SHAPE(1, 1), -1)));
    expect_error(WG_ERROR_INDEX, "take_along_axis");
}
END_TEST

/* ---- scatter --------------------------------------------------------------------------------- */

START_TEST(scatter_puts_in_place_of_what_was_there) {
    wg_dtype dtype = index_dtypes[_i];
    wg_tensor *x = counting(WG_SHAPE(2, 3));
    wg_tensor *index = indices(dtype, WG_SHAPE(2, 2), (double[]){ 2, 0, 1, 1 });
    wg_tensor *source = wg_reshape(LIST(10, 20, 30, 40), WG_SHAPE(2, 2));
    EXPECT_VALUES(wg_scatter(x, 1, index, source), 20, 1, 10, 3, 40, 5);
    EXPECT_VALUES(x, 0, 1, 2, 3, 4, 5);  // which is not written to
    for (int k = 0; k < WG_DTYPES; k++) {
        wg_tensor *y = wg_scatter(wg_zeros((wg_dtype)k, WG_SHAPE(3)), 0, INDEX_LIST(dtype, 1),
                                  wg_ones((wg_dtype)k, WG_SHAPE(1)));
        ck_assert_int_eq(wg_dtype_of(y), k);
        EXPECT_VALUES(y, 0, 1, 0);
    }
    ck_assert(wg_equal(
        wg_scatter(x, 1, wg_zeros(dtype, WG_SHAPE(2, 0)), wg_zeros(WG_F64, WG_SHAPE(2, 0))), x));
}
END_TEST

START_TEST(of_equal_indices_the_last_wins_and_has_the_whole_gradient) {
    wg_dtype dtype = index_dtypes[_i];
    wg_tensor *x = wg_variable(LIST(1, 2, 3)), *source = wg_variable(LIST(10, 20, 30, 40, 50)),
              *g[2];
    wg_tensor *index = INDEX_LIST(dtype, 0, 2, 0, 2, 0);
    wg_tensor *y = wg_scatter(x, 0, index, source);
    EXPECT_VALUES(y, 50, 2, 40);
    wg_grad_options o = { .seed = LIST(5, 6, 7) };
    ck_assert(wg_grad(y, (wg_tensor *[]){ x, source }, 2, g, o));
    EXPECT_VALUES(g[0], 0, 6, 0);
    EXPECT_VALUES(g[1], 0, 0, 0, 7, 5);
    // What was overwritten contributes exactly nothing, whatever it holds.
    wg_tensor *v = wg_variable(LIST(0, 4)), *z;
    z = wg_scatter(LIST(0), 0, INDEX_LIST(dtype, 0, 0), wg_sqrt(v));
    EXPECT_VALUES(wg_derivative(z, v), 0, 0.25);
}
END_TEST

// By a loop: which element of source, or -1, is in each place of x in the end.
static void last_written(const wg_tensor *index, int axis, const wg_shape *x, int64_t *last) {
    wg_shape s = wg_shape_of(index);
    for (int64_t k = 0; k < wg_shape_numel(*x); k++) last[k] = -1;
    for (int64_t k = 0; k < wg_numel(index); k++) {
        int64_t at[WG_MAX_RANK], rest = k, flat = 0;
        for (int i = s.rank - 1; i >= 0; i--) {
            at[i] = rest % s.dim[i];
            rest /= s.dim[i];
        }
        at[axis] = (int64_t)wg_view_get(&index->view, k);
        for (int i = 0; i < s.rank; i++) flat = flat * x->dim[i] + at[i];
        last[flat] = k;
    }
}

START_TEST(the_last_in_c_order_wins_in_any_layout) {
    wg_random r = { .seed = 85 };
    for (int trial = 0; trial < 500; trial++) {
        wg_scope *scope = wg_scope_open();
        wg_shape shape = random_shape(&r, 4, 4), part;
        if (shape.rank == 0) shape = WG_SHAPE(2);
        int axis = (int)between(&r, 0, shape.rank - 1);
        if (shape.dim[axis] == 0) shape.dim[axis] = 3;
        wg_dtype dtype = random_dtype(&r);
        part = shape, part.dim[axis] = between(&r, 0, 6);
        wg_tensor *x = random_layout(&r, dtype, shape, true);
        wg_tensor *index = random_layout(&r, index_dtypes[between(&r, 0, 1)], part, true);
        wg_tensor *source = random_layout(&r, dtype, part, true);
        fill_below(&r, index, shape.dim[axis]), fill_any(&r, x), fill_any(&r, source);
        wg_tensor *y = wg_scatter(x, axis, index, source);
        int64_t last[256];
        last_written(index, axis, &shape, last);
        for (int64_t k = 0; k < wg_numel(y); k++) {
            double want =
                last[k] < 0 ? wg_view_get(&x->view, k) : wg_view_get(&source->view, last[k]);
            ck_assert_msg(wg_view_get(&y->view, k) == want, "trial %d", trial);
        }
        wg_scope_close(scope);
    }
}
END_TEST

START_TEST(scatter_refuses_what_does_not_fit) {
    wg_tensor *x = counting(WG_SHAPE(2, 3)), *grid = wg_zeros(WG_I64, WG_SHAPE(2, 2));
    ck_assert_ptr_null(wg_scatter(x, 1, grid, counting(WG_SHAPE(2, 1))));
    expect_error(WG_ERROR_SHAPE,
                 "scatter: [2,3] x [2,2] x [2,1]: index and source do not have one");
    ck_assert_ptr_null(wg_scatter(x, 1, grid, wg_zeros(WG_I32, WG_SHAPE(2, 2))));
    expect_error(WG_ERROR_DTYPE, "f64 and i32 do not mix");
    ck_assert_ptr_null(
        wg_scatter(x, 1, wg_full(WG_I64, WG_SHAPE(2, 2), 3), counting(WG_SHAPE(2, 2))));
    expect_error(WG_ERROR_INDEX, "index 3 at position 0 is out of range for size 3");
}
END_TEST

/* ---- embedding ------------------------------------------------------------------------------- */

START_TEST(embedding_gives_rows_for_an_index_of_any_shape) {
    wg_dtype dtype = index_dtypes[_i];
    wg_tensor *w = counting(WG_SHAPE(3, 2));
    wg_tensor *index = indices(dtype, WG_SHAPE(2, 2), (double[]){ 2, 0, 2, 1 });
    wg_tensor *y = wg_embedding(w, index);
    expect_shape(y, WG_SHAPE(2, 2, 2));
    EXPECT_VALUES(y, 4, 5, 0, 1, 4, 5, 2, 3);
    expect_shape(wg_embedding(w, wg_full(dtype, WG_SCALAR, 1)), WG_SHAPE(2));
    EXPECT_VALUES(wg_embedding(w, wg_full(dtype, WG_SCALAR, 1)), 2, 3);
    expect_shape(wg_embedding(w, wg_zeros(dtype, WG_SHAPE(0, 3))), WG_SHAPE(0, 3, 2));
    EXPECT_VALUES(wg_embedding(w, wg_transpose(index, 0, 1)), 4, 5, 4, 5, 0, 1, 2, 3);
    EXPECT_VALUES(wg_embedding(wg_transpose(counting(WG_SHAPE(2, 3)), 0, 1), index), 2, 5, 0, 3, 2,
                  5, 1, 4);
}
END_TEST

START_TEST(rows_that_are_used_often_add_up_and_the_padding_row_stays) {
    wg_dtype dtype = index_dtypes[_i];
    wg_tensor *w = wg_variable(counting(WG_SHAPE(3, 2))), *gw;
    wg_tensor *index = indices(dtype, WG_SHAPE(2, 2), (double[]){ 2, 0, 2, 2 });
    wg_grad_options seed = { .seed = wg_reshape(wg_arange(WG_F64, 1, 9, 1), WG_SHAPE(2, 2, 2)) };
    ck_assert(wg_grad(wg_embedding(w, index), &w, 1, &gw, seed));
    EXPECT_VALUES(gw, 3, 4, 0, 0, 1 + 5 + 7, 2 + 6 + 8);
    static const int64_t last[] = { 2, -1 };
    for (int k = 0; k < 2; k++) {
        wg_embedding_options o = { .padding = true, .padding_index = last[k] };
        wg_tensor *y = wg_embedding_with(w, index, o);
        ck_assert(wg_equal(y, wg_embedding(w, index)));
        ck_assert(wg_grad(y, &w, 1, &gw, seed));
        EXPECT_VALUES(gw, 3, 4, 0, 0, 0, 0);
    }
    wg_embedding_options off = { .padding_index = 2 };  // without .padding it is not looked at
    ck_assert(wg_grad(wg_embedding_with(w, index, off), &w, 1, &gw, seed));
    EXPECT_VALUES(gw, 3, 4, 0, 0, 13, 16);
}
END_TEST

START_TEST(embedding_names_the_row_that_is_not_there) {
    wg_dtype dtype = index_dtypes[_i];
    wg_tensor *w = counting(WG_SHAPE(3, 2));
    ck_assert_ptr_null(wg_embedding(w, indices(dtype, WG_SHAPE(2, 2), (double[]){ 0, 1, 3, 0 })));
    expect_error(WG_ERROR_INDEX, "index 3 at position 2 is out of range for size 3");
    ck_assert_ptr_null(wg_embedding(w, INDEX_LIST(dtype, -1)));
    expect_error(WG_ERROR_INDEX, "embedding");
    wg_embedding_options o = { .padding = true, .padding_index = 3 };
    ck_assert_ptr_null(wg_embedding_with(w, INDEX_LIST(dtype, 0), o));
    expect_error(WG_ERROR_INDEX, "padding_index 3 is out of range for 3 rows");
    ck_assert_ptr_null(wg_embedding(LIST(1, 2), INDEX_LIST(dtype, 0)));
    expect_error(WG_ERROR_SHAPE, "embedding: [2] x [1]: the table has rank 1, not 2");
    ck_assert_ptr_null(wg_embedding(INDEX_LIST(dtype, 0), w));  // the other way round
    expect_error(WG_ERROR_SHAPE, "embedding");
}
END_TEST

/* ---- index_select and index_add -------------------------------------------------------------- */

START_TEST(index_select_takes_whole_slices) {
    wg_dtype dtype = index_dtypes[_i];
    wg_tensor *x = counting(WG_SHAPE(3, 2));
    wg_tensor *y = wg_index_select(x, 0, INDEX_LIST(dtype, 2, 0, 2));
    expect_shape(y, WG_SHAPE(3, 2));
    EXPECT_VALUES(y, 4, 5, 0, 1, 4, 5);
    EXPECT_VALUES(wg_index_select(x, -1, INDEX_LIST(dtype, 1)), 1, 3, 5);
    EXPECT_VALUES(wg_index_select(wg_transpose(x, 0, 1), 0, INDEX_LIST(dtype, 1, 0)), 1, 3, 5, 0, 2,
                  4);
    expect_shape(wg_index_select(x, 0, wg_zeros(dtype, WG_SHAPE(0))), WG_SHAPE(0, 2));
    wg_tensor *empty = wg_zeros(WG_F32, WG_SHAPE(3, 0));
    expect_shape(wg_index_select(empty, 0, INDEX_LIST(dtype, 2, 2)), WG_SHAPE(2, 0));
}
END_TEST

START_TEST(index_add_adds_whole_slices) {
    wg_dtype dtype = index_dtypes[_i];
    wg_tensor *x = counting(WG_SHAPE(3, 2)), *source = wg_mul(counting(WG_SHAPE(3, 2)), wg_num(10));
    EXPECT_VALUES(wg_index_add(x, 0, INDEX_LIST(dtype, 1, 1, 0), source), 40, 51, 22, 43, 4, 5);
    EXPECT_VALUES(wg_index_add(x, 1, INDEX_LIST(dtype, 1, 1), source), 0, 11, 2, 53, 4, 95);
    EXPECT_VALUES(x, 0, 1, 2, 3, 4, 5);
    ck_assert(wg_equal(
        wg_index_add(x, 0, wg_zeros(dtype, WG_SHAPE(0)), wg_zeros(WG_F64, WG_SHAPE(0, 2))), x));
}
END_TEST

// index as gather wants it: shaped like the slices, equal but along the axis.
static wg_tensor *spread_out(wg_tensor *index, wg_shape shape, int axis) {
    wg_shape line = { .rank = shape.rank };
    for (int i = 0; i < shape.rank; i++) line.dim[i] = i == axis ? wg_dim(index, 0) : 1;
    shape.dim[axis] = wg_dim(index, 0);
    return wg_expand(wg_reshape(index, line), shape);
}

START_TEST(slices_by_index_are_elements_by_index) {
    wg_random r = { .seed = 84 };
    for (int trial = 0; trial < 1000; trial++) {
        wg_scope *scope = wg_scope_open();
        wg_shape shape = random_shape(&r, 5, 4);
        if (shape.rank == 0) shape = WG_SHAPE(2);
        int axis = (int)between(&r, 0, shape.rank - 1);
        if (shape.dim[axis] == 0) shape.dim[axis] = 3;
        wg_tensor *x = random_layout(&r, random_dtype(&r), shape, true);
        wg_tensor *index =
            random_layout(&r, index_dtypes[between(&r, 0, 1)], WG_SHAPE(between(&r, 0, 6)), true);
        fill_any(&r, x), fill_below(&r, index, shape.dim[axis]);
        wg_tensor *every = spread_out(index, shape, axis);
        ck_assert(wg_equal(wg_index_select(x, axis, index), wg_gather(x, axis, every)));
        wg_tensor *to = random_layout(&r, WG_F32, shape, true);
        wg_tensor *source = random_layout(&r, WG_F32, wg_shape_of(every), true);
        fill_below(&r, to, 9), fill_below(&r, source, 9);
        ck_assert_msg(wg_equal(wg_index_add(to, axis, index, source),
                               wg_scatter_add(to, axis, every, source)),
                      "trial %d: %s", trial, wg_error_message());
        wg_scope_close(scope);
    }
}
END_TEST

/* ---- what an index must be ------------------------------------------------------------------- */

START_TEST(an_index_out_of_range_is_named_with_its_place_and_the_size) {
    wg_dtype dtype = index_dtypes[_i];
    wg_tensor *x = counting(WG_SHAPE(3, 2)), *source = counting(WG_SHAPE(3, 2));
    wg_tensor *high = indices(dtype, WG_SHAPE(3, 2), (double[]){ 0, 2, 1, 3, 0, 0 });
    wg_tensor *low = INDEX_LIST(dtype, 0, -1, 2);
    ck_assert_ptr_null(wg_gather(x, 0, high));
    expect_error(WG_ERROR_INDEX,
                 "gather: [3,2] x [3,2]: index 3 at position 3 is out of range for size 3");
    ck_assert_ptr_null(wg_scatter_add(x, 0, high, source));
    expect_error(WG_ERROR_INDEX, "index 3 at position 3 is out of range for size 3");
    ck_assert_ptr_null(wg_index_select(x, 0, low));
    expect_error(WG_ERROR_INDEX,
                 "index_select: [3,2] x [3]: index -1 at position 1 is out of range for size 3");
    ck_assert_ptr_null(wg_index_add(x, 0, wg_flip(low, 0), source));
    expect_error(WG_ERROR_INDEX, "index -1 at position 1 is out of range for size 3");
    ck_assert_ptr_null(wg_index_select(x, 1, INDEX_LIST(dtype, 1, 2)));
    expect_error(WG_ERROR_INDEX, "index 2 at position 1 is out of range for size 2");
    ck_assert_ptr_null(wg_one_hot(low, 3, WG_F32));
    expect_error(WG_ERROR_INDEX, "one_hot: [3]: index -1 at position 1 is out of range for size 3");
    ck_assert_ptr_null(wg_gather(wg_zeros(WG_F32, WG_SHAPE(0)), 0, INDEX_LIST(dtype, 0)));
    expect_error(WG_ERROR_INDEX, "index 0 at position 0 is out of range for size 0");
    if (dtype == WG_I32) return;
    int64_t extreme = INT64_MIN;
    ck_assert_ptr_null(wg_index_select(x, 0, wg_from(WG_I64, WG_SHAPE(1), &extreme)));
    expect_error(WG_ERROR_INDEX, "-9223372036854775808");
}
END_TEST

START_TEST(shapes_and_dtypes_of_an_index_are_checked) {
    wg_tensor *x = counting(WG_SHAPE(3, 2)), *floats = wg_zeros(WG_F32, WG_SHAPE(3, 2));
    wg_tensor *list = INDEX_LIST(WG_I64, 0, 1), *grid = wg_zeros(WG_I64, WG_SHAPE(2, 2));
    ck_assert_ptr_null(wg_gather(x, 0, floats));
    expect_error(WG_ERROR_DTYPE, "gather");
    ck_assert_ptr_null(wg_gather(x, 0, list));
    expect_error(WG_ERROR_SHAPE, "gather: [3,2] x [2]");
    ck_assert_ptr_null(wg_gather(x, 1, grid));  // would have to broadcast
    expect_error(WG_ERROR_SHAPE, "gather");
    ck_assert_ptr_null(wg_gather(x, 2, grid));
    expect_error(WG_ERROR_SHAPE, "no axis 2");
    ck_assert_ptr_null(wg_scatter_add(x, 0, grid, counting(WG_SHAPE(1, 2))));
    expect_error(WG_ERROR_SHAPE, "scatter_add");
    ck_assert_ptr_null(wg_scatter_add(x, 0, grid, wg_zeros(WG_F32, WG_SHAPE(2, 2))));
    expect_error(WG_ERROR_DTYPE, "scatter_add");
    ck_assert_ptr_null(wg_index_select(x, 0, grid));
    expect_error(WG_ERROR_SHAPE, "index_select");
    ck_assert_ptr_null(wg_index_add(x, 0, list, counting(WG_SHAPE(3, 2))));
    expect_error(WG_ERROR_SHAPE, "index_add");
    ck_assert_ptr_null(wg_index_add(x, 0, list, counting(WG_SHAPE(2, 3))));
    expect_error(WG_ERROR_SHAPE, "index_add");
    ck_assert_ptr_null(wg_index_select(wg_zeros(WG_F32, WG_SCALAR), 0, list));
    expect_error(WG_ERROR_SHAPE, "no axis 0");
    ck_assert_ptr_null(wg_gather(x, 0, NULL));
    expect_error(WG_ERROR_ARGUMENT, "gather");
}
END_TEST

START_TEST(one_hot_marks_the_class) {
    wg_dtype dtype = index_dtypes[_i];
    wg_tensor *y = wg_one_hot(INDEX_LIST(dtype, 2, 0), 3, WG_F32);
    expect_shape(y, WG_SHAPE(2, 3));
    ck_assert_int_eq(wg_dtype_of(y), WG_F32);
    EXPECT_VALUES(y, 0, 0, 1, 1, 0, 0);
    for (int to = 0; to < WG_DTYPES; to++) {
        wg_tensor *z = wg_one_hot(wg_flip(INDEX_LIST(dtype, 2, 0), 0), 3, (wg_dtype)to);
        ck_assert_int_eq(wg_dtype_of(z), to);
        EXPECT_VALUES(z, 1, 0, 0, 0, 0, 1);
    }
    expect_shape(wg_one_hot(wg_zeros(dtype, WG_SHAPE(2, 2)), 5, WG_BOOL), WG_SHAPE(2, 2, 5));
    EXPECT_VALUES(wg_one_hot(wg_full(dtype, WG_SCALAR, 1), 2, WG_F64), 0, 1);
    expect_shape(wg_one_hot(wg_zeros(dtype, WG_SHAPE(0)), 0, WG_F64), WG_SHAPE(0, 0));
    ck_assert_ptr_null(wg_one_hot(wg_zeros(dtype, WG_SHAPE(2)), -1, WG_F32));
    expect_error(WG_ERROR_ARGUMENT, "one_hot");
    ck_assert_ptr_null(wg_one_hot(wg_zeros(dtype, WG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1)), 2, WG_F32));
    expect_error(WG_ERROR_SHAPE, "one_hot");
    ck_assert_ptr_null(wg_one_hot(LIST(0, 1), 2, WG_F32));
    expect_error(WG_ERROR_DTYPE, "one_hot");
}
END_TEST

/* ---- where ----------------------------------------------------------------------------------- */

static wg_tensor *truth(wg_shape shape, const double *values) {
    return wg_from_f64(WG_BOOL, shape, values);
}

START_TEST(where_picks_and_broadcasts) {
    wg_tensor *condition = truth(WG_SHAPE(2, 1), (double[]){ 1, 0 });
    wg_tensor *y = wg_where(condition, LIST(1, 2, 3), scalar(9));
    expect_shape(y, WG_SHAPE(2, 3));
    EXPECT_VALUES(y, 1, 2, 3, 9, 9, 9);
    EXPECT_VALUES(wg_where(condition, wg_num(1), LIST(5, 6)), 1, 1, 5, 6);
    EXPECT_VALUES(wg_where(truth(WG_SCALAR, (double[]){ 0 }), LIST(1), LIST(2)), 2);
    for (int dtype = 0; dtype < WG_DTYPES; dtype++) {
        wg_tensor *a = wg_cast(LIST(1, 1, 0), (wg_dtype)dtype),
                  *b = wg_cast(LIST(0, 1, 1), (wg_dtype)dtype);
        y = wg_where(truth(WG_SHAPE(3), (double[]){ 1, 0, 1 }), a, b);
        ck_assert_int_eq(wg_dtype_of(y), dtype);
        EXPECT_VALUES(y, 1, 1, 0);
    }
    const double special[] = { -0.0, NAN };
    y = wg_where(truth(WG_SHAPE(2), (double[]){ 1, 1 }), list(2, special), wg_num(1));
    ck_assert(signbit(wg_at(y, (int64_t[]){ 0 })) && isnan(wg_at(y, (int64_t[]){ 1 })));
}
END_TEST

START_TEST(a_branch_not_taken_gets_exactly_zero) {
    const double awkward[] = { INFINITY, NAN, 0, -INFINITY };
    wg_tensor *condition = truth(WG_SHAPE(4), (double[]){ 0, 0, 0, 1 }), *gx[2];
    wg_tensor *a = wg_variable(list(4, awkward)), *b = wg_variable(LIST(1, 2, 3, 4));
    wg_tensor *y = wg_where(condition, wg_log(a), wg_square(b));
    wg_tensor *seed = list(4, (double[]){ 1, INFINITY, NAN, 1 });
    ck_assert(wg_grad(y, (wg_tensor *[]){ a, b }, 2, gx, (wg_grad_options){ .seed = seed }));
    EXPECT_VALUES(wg_slice(gx[0], 0, 0, 3, 1), 0, 0, 0);
    ck_assert(wg_at(gx[1], (int64_t[]){ 0 }) == 2 && wg_at(gx[1], (int64_t[]){ 3 }) == 0);
    ck_assert(wg_at(gx[1], (int64_t[]){ 1 }) == INFINITY && isnan(wg_at(gx[1], (int64_t[]){ 2 })));
}
END_TEST

START_TEST(where_wants_a_condition_and_two_of_one_kind) {
    wg_tensor *condition = truth(WG_SHAPE(2), (double[]){ 1, 0 });
    ck_assert_ptr_null(wg_where(LIST(1, 0), LIST(1, 2), LIST(3, 4)));
    expect_error(WG_ERROR_DTYPE, "where");
    ck_assert_ptr_null(wg_where(condition, LIST(1, 2), wg_zeros(WG_F32, WG_SHAPE(2))));
    expect_error(WG_ERROR_DTYPE, "where");
    ck_assert_ptr_null(wg_where(condition, LIST(1, 2, 3), LIST(1)));
    expect_error(WG_ERROR_SHAPE, "where: [2] x [3] x [1]");
    ck_assert_ptr_null(wg_where(condition, wg_num(1), wg_num(0)));
    expect_error(WG_ERROR_DTYPE, "where");
    ck_assert_ptr_null(wg_where(NULL, LIST(1), LIST(1)));
    expect_error(WG_ERROR_ARGUMENT, "where");
}
END_TEST

/* ---- cast ------------------------------------------------------------------------------------ */

START_TEST(cast_goes_towards_zero_and_saturates) {
    const double x[] = {
        1.9, -1.9, 0.5, 3e9, -3e9, 1e30, -1e30, INFINITY, -INFINITY, NAN, 300, -0.0
    };
    wg_tensor *t = list(12, x);
    EXPECT_VALUES(wg_cast(t, WG_I32), 1, -1, 0, INT32_MAX, INT32_MIN, INT32_MAX, INT32_MIN,
                  INT32_MAX, INT32_MIN, 0, 300, 0);
    EXPECT_VALUES(wg_cast(t, WG_U8), 1, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 0);
    EXPECT_VALUES(wg_cast(t, WG_BOOL), 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0);
    wg_tensor *y = wg_cast(t, WG_I64);
    int64_t values[12];
    ck_assert(wg_read(y, values, 12));
    ck_assert(values[3] == 3000000000 && values[5] == INT64_MAX && values[8] == INT64_MIN &&
              values[9] == 0);
    EXPECT_VALUES(wg_cast(wg_cast(LIST(0, 1, 2), WG_U8), WG_F32), 0, 1, 2);
    EXPECT_VALUES(wg_cast(wg_flip(LIST(0, 1, 2), 0), WG_F32), 2, 1, 0);
    expect_shape(wg_cast(wg_zeros(WG_F32, WG_SHAPE(0, 2)), WG_I64), WG_SHAPE(0, 2));
    ck_assert_ptr_null(wg_cast(t, (wg_dtype)17));
    expect_error(WG_ERROR_DTYPE, "cast");
    ck_assert_ptr_null(wg_cast(t, (wg_dtype)-1));
    expect_error(WG_ERROR_DTYPE, "cast");
}
END_TEST

START_TEST(gradients_come_back_in_the_dtype_they_left) {
    wg_tensor *x = wg_variable(wg_cast(LIST(1, 2), WG_F32));
    wg_tensor *gx = wg_derivative(wg_square(wg_cast(x, WG_F64)), x);
    ck_assert_int_eq(wg_dtype_of(gx), WG_F32);
    EXPECT_VALUES(gx, 2, 4);
    ck_assert(!wg_is_tracked(wg_cast(x, WG_I32)));
    EXPECT_VALUES(wg_derivative(wg_add(wg_cast(wg_cast(x, WG_I32), WG_F32), x), x), 1, 1);
}
END_TEST

/* ---- dropout --------------------------------------------------------------------------------- */

START_TEST(dropout_keeps_and_scales_or_gives_zero) {
    const int64_t n = 20000;
    const double p = _i / 10.0;
    wg_tensor *x = wg_add(wg_arange(WG_F64, 0, (double)n, 1), wg_num(1));
    wg_tensor *y = wg_dropout(x, p, (wg_random){ .seed = 7, .stream = 3 });
    const double *in = wg_values(x, WG_F64), *out = wg_values(y, WG_F64);
    int64_t dropped = 0;
    for (int64_t k = 0; k < n; k++) {
        dropped += out[k] == 0;
        // One rounding of 1 / (1 - p) and one of the product.
        ck_assert(out[k] == 0 || fabs(out[k] - in[k] / (1 - p)) <= 3 * 0x1p-53 * out[k]);
    }
    // Five standard deviations of a binomial: a wrong rate fails, a right one does not, for this
    // seed.
    ck_assert(fabs((double)dropped - (double)n * p) <= 5 * sqrt((double)n * p * (1 - p)));
}
END_TEST

START_TEST(the_mask_depends_on_the_generator_and_the_position_alone) {
    const wg_random r = { .seed = 1, .stream = 2, .counter = 3 };
    wg_tensor *ones = wg_ones(WG_F64, WG_SHAPE(13, 11));
    wg_tensor *y = wg_dropout(ones, 0.5, r);
    ck_assert(wg_equal(y, wg_dropout(ones, 0.5, r)));
    ck_assert(
        wg_equal(wg_reshape(y, WG_SHAPE(143)), wg_dropout(wg_ones(WG_F64, WG_SHAPE(143)), 0.5, r)));
    ck_assert(
        wg_equal(y, wg_dropout(wg_transpose(wg_ones(WG_F64, WG_SHAPE(11, 13)), 0, 1), 0.5, r)));
    ck_assert(wg_equal(wg_cast(y, WG_F32), wg_dropout(wg_cast(ones, WG_F32), 0.5, r)));
    const wg_random other[] = { { 2, 2, 3 }, { 1, 3, 3 }, { 1, 2, 4 }, { 1, 2, 3 + (1ULL << 40) } };
    for (int i = 0; i < 4; i++) ck_assert(!wg_equal(y, wg_dropout(ones, 0.5, other[i])));
    // The next counter's mask must not be this one's, moved along by a block.
    wg_tensor *flat = wg_ones(WG_F64, WG_SHAPE(400));
    wg_tensor *a = wg_slice(wg_dropout(flat, 0.5, r), 0, 4, 400, 1);
    wg_tensor *b = wg_slice(wg_dropout(flat, 0.5, (wg_random){ 1, 2, 4 }), 0, 0, 396, 1);
    ck_assert(!wg_equal(a, b));
}
END_TEST

START_TEST(dropout_drops_the_gradient_where_it_dropped_the_value) {
    wg_tensor *x = wg_variable(list(4, (double[]){ 1, INFINITY, NAN, 4 }));
    const wg_random r = { .seed = 5 };
    wg_tensor *y = wg_dropout(x, 0.75, r), *gx = wg_derivative(y, x);
    wg_tensor *mask = wg_dropout(wg_ones(WG_F64, WG_SHAPE(4)), 0.75, r);
    ck_assert(wg_equal(gx, mask));
    for (int64_t k = 0; k < 4; k++)
        if (wg_at(mask, &k) == 0) ck_assert(wg_at(y, &k) == 0);  // exactly, whatever x holds
    ck_assert(wg_equal(wg_dropout(x, 0, r), x) == false);        // NaN equals nothing
    EXPECT_VALUES(wg_dropout(LIST(1, 2, 3), 0, r), 1, 2, 3);
    const double bad[] = { 1, -0.1, 2, NAN, INFINITY };
    for (int i = 0; i < 5; i++) {
        ck_assert_ptr_null(wg_dropout(LIST(1), bad[i], r));
        expect_error(WG_ERROR_ARGUMENT, "dropout: [1]: p = ");
    }
    ck_assert_ptr_null(wg_dropout(wg_zeros(WG_I32, WG_SHAPE(2)), 0.5, r));
    expect_error(WG_ERROR_DTYPE, "dropout");
}
END_TEST

/* ---------------------------------------------------------------------------------------------- */

int main(void) {
    Suite *suite = suite_create("index");
    TCase *joining = add_cases(suite, "cat");
    tcase_add_test(joining, cat_joins_along_the_axis);
    tcase_add_test(joining, cat_takes_up_to_sixty_four);
    tcase_add_test(joining, cat_refuses_what_does_not_fit);
    tcase_add_test(joining, slices_joined_again_are_the_whole);
    TCase *elements = add_cases(suite, "gather");
    tcase_add_loop_test(elements, gather_is_numpys_take_along_axis, 0, 2);
    tcase_add_loop_test(elements, scatter_add_adds_up_what_goes_to_one_place, 0, 2);
    tcase_add_loop_test(elements, the_gradient_of_a_gather_counts_how_often, 0, 2);
    tcase_add_test(elements, gather_agrees_with_a_loop_in_any_layout);
    tcase_add_test(elements, scatter_add_is_the_transpose_of_gather_in_any_layout);
    TCase *along = add_cases(suite, "take_along_axis");
    tcase_add_loop_test(along, take_along_axis_broadcasts_off_the_axis_and_gather_does_not, 0, 2);
    tcase_add_loop_test(along, take_along_axis_refuses_other_ranks_sizes_and_negative_indices, 0,
                        2);
    TCase *putting = add_cases(suite, "scatter");
    tcase_add_loop_test(putting, scatter_puts_in_place_of_what_was_there, 0, 2);
    tcase_add_loop_test(putting, of_equal_indices_the_last_wins_and_has_the_whole_gradient, 0, 2);
    tcase_add_test(putting, the_last_in_c_order_wins_in_any_layout);
    tcase_add_test(putting, scatter_refuses_what_does_not_fit);
    TCase *tables = add_cases(suite, "embedding");
    tcase_add_loop_test(tables, embedding_gives_rows_for_an_index_of_any_shape, 0, 2);
    tcase_add_loop_test(tables, rows_that_are_used_often_add_up_and_the_padding_row_stays, 0, 2);
    tcase_add_loop_test(tables, embedding_names_the_row_that_is_not_there, 0, 2);
    TCase *slices = add_cases(suite, "index_select");
    tcase_add_loop_test(slices, index_select_takes_whole_slices, 0, 2);
    tcase_add_loop_test(slices, index_add_adds_whole_slices, 0, 2);
    tcase_add_test(slices, slices_by_index_are_elements_by_index);
    TCase *refusals = add_cases(suite, "index");
    tcase_add_loop_test(refusals, an_index_out_of_range_is_named_with_its_place_and_the_size, 0, 2);
    tcase_add_test(refusals, shapes_and_dtypes_of_an_index_are_checked);
    tcase_add_loop_test(refusals, one_hot_marks_the_class, 0, 2);
    TCase *choosing = add_cases(suite, "where and cast");
    tcase_add_test(choosing, where_picks_and_broadcasts);
    tcase_add_test(choosing, a_branch_not_taken_gets_exactly_zero);
    tcase_add_test(choosing, where_wants_a_condition_and_two_of_one_kind);
    tcase_add_test(choosing, cast_goes_towards_zero_and_saturates);
    tcase_add_test(choosing, gradients_come_back_in_the_dtype_they_left);
    TCase *dropping = add_cases(suite, "dropout");
    tcase_add_loop_test(dropping, dropout_keeps_and_scales_or_gives_zero, 0, 10);
    tcase_add_test(dropping, the_mask_depends_on_the_generator_and_the_position_alone);
    tcase_add_test(dropping, dropout_drops_the_gradient_where_it_dropped_the_value);
    return run_suite(suite);
}
