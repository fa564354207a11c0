// SPDX-License-Identifier: MIT
/* test_tile.c: joining along a new axis, repeating, rolling, and the functions that fill arrays of
   views. Only moves, so everything is compared exactly; random layouts against plain loops. */
#include "autograd/autograd_impl.h"
#include "tests/core_test.h"

static wg_tensor *counting(wg_shape shape) {  // 0, 1, 2, ... in C order
    return wg_reshape(wg_arange(WG_F64, 0, (double)wg_shape_numel(shape), 1), shape);
}

static wg_tensor *random_values(wg_random *r, wg_shape shape) {  // of any dtype and layout
    wg_tensor *x = random_layout(r, (wg_dtype)between(r, 0, WG_DTYPES - 1), shape, true);
    int64_t most = x->view.dtype == WG_BOOL ? 1 : 200;
    for (int64_t k = 0; k < wg_numel(x); k++) wg_view_set(&x->view, k, (double)between(r, 0, most));
    return x;
}

static void expect_empty(wg_tensor *const parts[], int n) {
    for (int i = 0; i < n; i++) ck_assert_ptr_null(parts[i]);
}

/* ---- stack ----------------------------------------------------------------------------------- */

START_TEST(stack_puts_tensors_side_by_side_on_a_new_axis) {
    wg_tensor *a = LIST(1, 2, 3), *b = LIST(4, 5, 6), *both[] = { a, b };
    expect_shape(wg_stack(both, 2, 0), WG_SHAPE(2, 3));
    EXPECT_VALUES(wg_stack(both, 2, 0), 1, 2, 3, 4, 5, 6);
    expect_shape(wg_stack(both, 2, -1), WG_SHAPE(3, 2));
    EXPECT_VALUES(wg_stack(both, 2, -1), 1, 4, 2, 5, 3, 6);
    ck_assert(wg_equal(wg_stack(both, 2, -2), wg_stack(both, 2, 0)));
    EXPECT_VALUES(wg_stack((wg_tensor *[]){ scalar(7), wg_num(8) }, 2, 0), 7, 8);
    expect_shape(wg_stack((wg_tensor *[]){ wg_zeros(WG_I32, WG_SHAPE(0, 2)) }, 1, 1),
                 WG_SHAPE(0, 1, 2));
}
END_TEST

START_TEST(what_is_stacked_can_be_selected_again) {
    wg_random r = { .seed = 11 };
    for (int trial = 0; trial < 300; trial++) {
        wg_scope *scope = wg_scope_open();
        wg_shape shape = random_shape(&r, 4, 4);
        int n = (int)between(&r, 1, 5), axis = (int)between(&r, 0, shape.rank);
        wg_dtype dtype = (wg_dtype)between(&r, 0, WG_DTYPES - 1);
        wg_tensor *x[5];
        for (int i = 0; i < n; i++) x[i] = wg_cast(random_values(&r, shape), dtype);
        wg_tensor *y = wg_stack(x, n, axis);
        for (int i = 0; i < n; i++) ck_assert(wg_equal(wg_select(y, axis, i), x[i]));
        wg_scope_close(scope);
    }
}
END_TEST

START_TEST(stack_names_the_one_that_does_not_fit) {
    wg_tensor *a = counting(WG_SHAPE(2)), *b = counting(WG_SHAPE(3));
    ck_assert_ptr_null(wg_stack((wg_tensor *[]){ a, a, b }, 3, 0));
    expect_error(WG_ERROR_SHAPE, "stack: [2] x [2] x [3]: input 2 has another shape");
    ck_assert_ptr_null(wg_stack((wg_tensor *[]){ a, a }, 2, 2));
    expect_error(WG_ERROR_SHAPE, "no axis 2");
    ck_assert_ptr_null(wg_stack(NULL, 2, 0));
    expect_error(WG_ERROR_ARGUMENT, "stack: the list is NULL");
    ck_assert_ptr_null(wg_stack((wg_tensor *[]){ a, NULL }, 2, 0));
    expect_error(WG_ERROR_ARGUMENT, "stack: input 1 is NULL");
}
END_TEST

/* ---- repeat, tile, repeat_interleave --------------------------------------------------------- */

START_TEST(repeat_puts_x_side_by_side_with_itself) {
    wg_tensor *x = counting(WG_SHAPE(2, 2));
    EXPECT_VALUES(wg_repeat(LIST(1, 2), WG_SHAPE(3)), 1, 2, 1, 2, 1, 2);
    expect_shape(wg_repeat(x, WG_SHAPE(2, 3)), WG_SHAPE(4, 6));
    EXPECT_VALUES(wg_repeat(x, WG_SHAPE(1, 2)), 0, 1, 0, 1, 2, 3, 2, 3);
    EXPECT_VALUES(wg_repeat(LIST(1, 2), WG_SHAPE(2, 1)), 1, 2, 1, 2);
    expect_shape(wg_repeat(scalar(3), WG_SHAPE(2, 2)), WG_SHAPE(2, 2));
    expect_shape(wg_repeat(x, WG_SHAPE(0, 3)), WG_SHAPE(0, 6));
    expect_shape(wg_repeat(wg_zeros(WG_U8, WG_SHAPE(2, 0)), WG_SHAPE(3, 4)), WG_SHAPE(6, 0));
}
END_TEST

START_TEST(tile_takes_fewer_repeats_than_axes_and_repeat_does_not) {
    wg_tensor *x = counting(WG_SHAPE(2, 2));
    ck_assert(wg_equal(wg_tile(x, WG_SHAPE(2)), wg_repeat(x, WG_SHAPE(1, 2))));
    ck_assert(wg_equal(wg_tile(x, WG_SCALAR), x));
    ck_assert(wg_equal(wg_tile(x, WG_SHAPE(3, 1, 2)), wg_repeat(x, WG_SHAPE(3, 1, 2))));
    ck_assert_ptr_null(wg_repeat(x, WG_SHAPE(2)));
    expect_error(WG_ERROR_SHAPE, "repeat: [2,2]: 1 repeats for 2 axes");
    ck_assert_ptr_null(wg_tile(x, WG_SHAPE(-1)));
    expect_error(WG_ERROR_ARGUMENT, "repeat: [2,2]: it cannot be repeated -1 times");
    ck_assert_ptr_null(wg_tile(NULL, WG_SHAPE(1)));
    expect_error(WG_ERROR_ARGUMENT, "repeat: input 0 is NULL");
}
END_TEST

START_TEST(repeat_agrees_with_a_loop_in_any_layout) {
    wg_random r = { .seed = 12 };
    for (int trial = 0; trial < 500; trial++) {
        wg_scope *scope = wg_scope_open();
        wg_shape shape = random_shape(&r, 4, 4), repeats = { .rank = shape.rank };
        int extra = (int)between(&r, 0, 2);
        wg_tensor *x = random_values(&r, shape);
        repeats.rank += extra;
        for (int i = 0; i < repeats.rank; i++) repeats.dim[i] = between(&r, trial % 20 ? 1 : 0, 3);
        wg_tensor *y = wg_repeat(x, repeats);
        ck_assert_int_eq(wg_dtype_of(y), wg_dtype_of(x));
        ck_assert(wg_is_contiguous(y));
        for (int64_t k = 0; k < wg_numel(y); k++) {
            int64_t at[WG_MAX_RANK], rest = k;
            for (int i = repeats.rank - 1; i >= 0; i--) {
                int64_t own = i < extra ? 1 : shape.dim[i - extra], n = own * repeats.dim[i];
                ck_assert_int_eq(wg_dim(y, i), n);
                if (i >= extra) at[i - extra] = rest % n % own;
                rest /= n;
            }
            ck_assert(wg_view_get(&y->view, k) == wg_at(x, at));
        }
        wg_scope_close(scope);
    }
}
END_TEST

START_TEST(repeat_interleave_keeps_copies_together) {
    wg_tensor *x = counting(WG_SHAPE(2, 2));
    EXPECT_VALUES(wg_repeat_interleave(LIST(1, 2), 3, 0), 1, 1, 1, 2, 2, 2);
    EXPECT_VALUES(wg_repeat_interleave(x, 2, 0), 0, 1, 0, 1, 2, 3, 2, 3);
    EXPECT_VALUES(wg_repeat_interleave(x, 2, -1), 0, 0, 1, 1, 2, 2, 3, 3);
    expect_shape(wg_repeat_interleave(x, 0, 1), WG_SHAPE(2, 0));
    EXPECT_VALUES(wg_repeat_interleave(wg_transpose(x, 0, 1), 2, 1), 0, 0, 2, 2, 1, 1, 3, 3);
    ck_assert_ptr_null(wg_repeat_interleave(x, -1, 0));
    expect_error(WG_ERROR_ARGUMENT, "repeat_interleave: [2,2]: it cannot be repeated -1 times");
}
END_TEST

START_TEST(repeating_works_at_the_highest_rank) {
    wg_tensor *x = wg_reshape(counting(WG_SHAPE(8)), WG_SHAPE(2, 1, 2, 1, 1, 1, 1, 2));
    expect_shape(wg_repeat(x, WG_SHAPE(1, 2, 1, 1, 3, 1, 1, 2)), WG_SHAPE(2, 2, 2, 1, 3, 1, 1, 4));
    expect_shape(wg_repeat_interleave(x, 3, 2), WG_SHAPE(2, 1, 6, 1, 1, 1, 1, 2));
}
END_TEST

START_TEST(the_gradient_of_what_is_repeated_adds_up) {
    wg_tensor *x = wg_variable(LIST(1, 2)), *gx;
    wg_grad_options o = { .seed = counting(WG_SHAPE(6)) };
    ck_assert(wg_grad(wg_repeat(x, WG_SHAPE(3)), &x, 1, &gx, o));
    EXPECT_VALUES(gx, 0 + 2 + 4, 1 + 3 + 5);
    ck_assert(wg_grad(wg_repeat_interleave(x, 3, 0), &x, 1, &gx, o));
    EXPECT_VALUES(gx, 0 + 1 + 2, 3 + 4 + 5);
    EXPECT_VALUES(wg_derivative(wg_repeat(x, WG_SHAPE(0)), x), 0, 0);
}
END_TEST

START_TEST(what_is_repeated_can_be_written_to) {
    wg_tensor *x = LIST(1), *y = wg_repeat(x, WG_SHAPE(3)), *z = wg_repeat_interleave(x, 2, 0);
    ck_assert(wg_fill(y, 5) && wg_fill(z, 6));
    EXPECT_VALUES(x, 1);
}
END_TEST

/* ---- roll ------------------------------------------------------------------------------------ */

START_TEST(roll_moves_on_and_comes_in_again) {
    EXPECT_VALUES(wg_roll(LIST(0, 1, 2, 3), 1, 0), 3, 0, 1, 2);
    EXPECT_VALUES(wg_roll(LIST(0, 1, 2, 3), -1, 0), 1, 2, 3, 0);
    wg_tensor *x = counting(WG_SHAPE(2, 3));
    EXPECT_VALUES(wg_roll(x, 1, -1), 2, 0, 1, 5, 3, 4);
    EXPECT_VALUES(wg_roll(x, 1, 0), 3, 4, 5, 0, 1, 2);
    ck_assert_ptr_null(wg_roll(x, 1, 2));
    expect_error(WG_ERROR_SHAPE, "roll: [2,3]: there is no axis 2");
}
END_TEST

START_TEST(any_shift_is_one_within_the_axis) {
    wg_tensor *x = counting(WG_SHAPE(5));
    static const int64_t shifts[] = { 0, 5, -5, 7, -12, INT64_MAX, INT64_MIN };
    for (int i = 0; i < COUNT(shifts); i++) {
        int64_t by = (shifts[i] % 5 + 5) % 5;
        ck_assert(wg_equal(wg_roll(x, shifts[i], 0), wg_roll(x, by, 0)));
        ck_assert(wg_equal(wg_roll(wg_roll(x, shifts[i], 0), 5 - by, 0), x));
    }
    expect_shape(wg_roll(wg_zeros(WG_BOOL, WG_SHAPE(2, 0)), 3, 1), WG_SHAPE(2, 0));
}
END_TEST

/* ---- split, chunk, meshgrid ------------------------------------------------------------------ */

START_TEST(split_leaves_the_rest_to_the_last_part) {
    wg_tensor *x = counting(WG_SHAPE(2, 5)), *part[4];
    ck_assert_int_eq(wg_split(x, 2, 1, part, 4), 3);
    EXPECT_VALUES(part[0], 0, 1, 5, 6);
    EXPECT_VALUES(part[2], 4, 9);
    ck_assert_ptr_null(part[3]);
    for (int i = 0; i < 3; i++) ck_assert(part[i]->storage == x->storage);
    ck_assert(wg_equal(wg_cat(part, 3, 1), x));
    ck_assert_int_eq(wg_split(x, 100, -2, part, 4), 1);
    ck_assert(wg_equal(part[0], x));
    ck_assert_int_eq(wg_split(x, INT64_MAX, 0, part, 4), 1);
    ck_assert_int_eq(wg_split(wg_zeros(WG_U8, WG_SHAPE(0, 2)), 0, 0, part, 4), 1);
    expect_shape(part[0], WG_SHAPE(0, 2));
}
END_TEST

START_TEST(chunk_gives_parts_of_the_ceiling_and_so_perhaps_fewer) {
    // What torch.chunk gives: sizes of the parts of an axis of n in k.
    static const struct {
        int64_t n;
        int k, count, size, last;
    } torch[] = { { 6, 3, 3, 2, 2 }, { 5, 4, 3, 2, 1 },  { 5, 2, 2, 3, 2 }, { 2, 4, 2, 1, 1 },
                  { 7, 7, 7, 1, 1 }, { 10, 6, 5, 2, 2 }, { 1, 1, 1, 1, 1 }, { 0, 3, 3, 0, 0 } };
    wg_tensor *part[8], *x = counting(WG_SHAPE(torch[_i].n));
    int count = wg_chunk(x, torch[_i].k, 0, part);
    ck_assert_int_eq(count, torch[_i].count);
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(wg_dim(part[i], 0), i == count - 1 ? torch[_i].last : torch[_i].size);
    expect_empty(part + count, torch[_i].k - count);
    ck_assert(wg_equal(wg_cat(part, count, 0), x));
}
END_TEST

START_TEST(parts_that_make_no_sense_are_refused_and_leave_null) {
    wg_tensor *x = counting(WG_SHAPE(5)), *part[3] = { x, x, x };
    ck_assert_int_eq(wg_split(x, 1, 0, part, 3), 0);
    expect_error(WG_ERROR_ARGUMENT, "split: 5 in parts of 1 makes 5, not at most 3");
    expect_empty(part, 3);
    ck_assert_int_eq(wg_split(x, 0, 0, part, 3), 0);
    expect_error(WG_ERROR_ARGUMENT, "split: parts of 0 of an axis of 5");
    ck_assert_int_eq(wg_split(x, -2, 0, part, 3), 0);
    expect_error(WG_ERROR_ARGUMENT, "split: parts of -2");
    ck_assert_int_eq(wg_split(x, 2, 1, part, 3), 0);
    expect_error(WG_ERROR_SHAPE, "split: [5]: there is no axis 1");
    ck_assert_int_eq(wg_split(NULL, 2, 0, part, 3), 0);
    expect_error(WG_ERROR_ARGUMENT, "split: input 0 is NULL");
    ck_assert_int_eq(wg_split(x, 2, 0, NULL, 3), 0);
    expect_error(WG_ERROR_ARGUMENT, "split: the array of parts is NULL");
    ck_assert_int_eq(wg_chunk(x, 0, 0, part), 0);
    expect_error(WG_ERROR_ARGUMENT, "chunk: 0 parts");
    ck_assert_int_eq(wg_chunk(wg_zeros(WG_F32, WG_SCALAR), 2, 0, part), 0);
    expect_error(WG_ERROR_SHAPE, "chunk: []: there is no axis 0");
    wg_fail(WG_ERROR_STATE, "earlier");
    part[0] = x;
    ck_assert_int_eq(wg_chunk(x, 1, 0, part), 0);
    ck_assert_ptr_null(part[0]);
    expect_error(WG_ERROR_STATE, "earlier");
}
END_TEST

START_TEST(parts_pass_their_gradients_on) {
    wg_tensor *x = wg_variable(LIST(1, 2, 3, 4, 5)), *part[3];
    ck_assert_int_eq(wg_split(x, 2, 0, part, 3), 3);
    wg_tensor *y = wg_add(wg_sum(wg_square(part[0])), wg_mul(wg_sum(part[2]), wg_num(7)));
    EXPECT_VALUES(wg_derivative(y, x), 2, 4, 0, 0, 7);
}
END_TEST

START_TEST(meshgrid_varies_each_grid_along_its_own_axis) {
    wg_tensor *x[] = { LIST(1, 2), LIST(3, 4, 5), wg_num(6) };
    ck_assert(wg_meshgrid(x, 3, x));  // in place of the lists
    for (int i = 0; i < 3; i++) expect_shape(x[i], WG_SHAPE(2, 3, 1));
    EXPECT_VALUES(x[0], 1, 1, 1, 2, 2, 2);
    EXPECT_VALUES(x[1], 3, 4, 5, 3, 4, 5);
    EXPECT_VALUES(x[2], 6, 6, 6, 6, 6, 6);
    wg_tensor *v = wg_variable(LIST(1, 2)), *grid[2];
    ck_assert(wg_meshgrid((wg_tensor *[]){ v, LIST(1, 10, 100) }, 2, grid));
    EXPECT_VALUES(wg_derivative(wg_mul(grid[0], grid[1]), v), 111, 111);
}
END_TEST

START_TEST(meshgrid_takes_one_to_eight_lists) {
    wg_tensor *a = LIST(1, 2), *grid[9], *nine[9] = { a, a, a, a, a, a, a, a, a };
    ck_assert(wg_meshgrid(nine, 8, grid));
    ck_assert_int_eq(wg_numel(grid[7]), 256);
    ck_assert(!wg_meshgrid(nine, 9, grid));
    expect_error(WG_ERROR_ARGUMENT, "meshgrid: 9 lists, not 1 to 8");
    ck_assert(!wg_meshgrid(nine, 0, grid));
    expect_error(WG_ERROR_ARGUMENT, "meshgrid: 0 lists");
    ck_assert(!wg_meshgrid((wg_tensor *[]){ a, counting(WG_SHAPE(1, 2)) }, 2, grid));
    expect_error(WG_ERROR_SHAPE, "meshgrid: input 1 has rank 2");
    expect_empty(grid, 2);
    ck_assert(!wg_meshgrid((wg_tensor *[]){ a, NULL }, 2, grid));
    expect_error(WG_ERROR_ARGUMENT, "meshgrid: input 1 is NULL");
    ck_assert(!wg_meshgrid(NULL, 2, grid));
    expect_error(WG_ERROR_ARGUMENT, "meshgrid: the list is NULL");
}
END_TEST

/* ---------------------------------------------------------------------------------------------- */

int main(void) {
    Suite *suite = suite_create("tile");
    TCase *joining = add_cases(suite, "stack");
    tcase_add_test(joining, stack_puts_tensors_side_by_side_on_a_new_axis);
    tcase_add_test(joining, what_is_stacked_can_be_selected_again);
    tcase_add_test(joining, stack_names_the_one_that_does_not_fit);
    TCase *repeating = add_cases(suite, "repeat");
    tcase_add_test(repeating, repeat_puts_x_side_by_side_with_itself);
    tcase_add_test(repeating, tile_takes_fewer_repeats_than_axes_and_repeat_does_not);
    tcase_add_test(repeating, repeat_agrees_with_a_loop_in_any_layout);
    tcase_add_test(repeating, repeat_interleave_keeps_copies_together);
    tcase_add_test(repeating, repeating_works_at_the_highest_rank);
    tcase_add_test(repeating, the_gradient_of_what_is_repeated_adds_up);
    tcase_add_test(repeating, what_is_repeated_can_be_written_to);
    TCase *rolling = add_cases(suite, "roll");
    tcase_add_test(rolling, roll_moves_on_and_comes_in_again);
    tcase_add_test(rolling, any_shift_is_one_within_the_axis);
    TCase *parts = add_cases(suite, "parts");
    tcase_add_test(parts, split_leaves_the_rest_to_the_last_part);
    tcase_add_loop_test(parts, chunk_gives_parts_of_the_ceiling_and_so_perhaps_fewer, 0, 8);
    tcase_add_test(parts, parts_that_make_no_sense_are_refused_and_leave_null);
    tcase_add_test(parts, parts_pass_their_gradients_on);
    tcase_add_test(parts, meshgrid_varies_each_grid_along_its_own_axis);
    tcase_add_test(parts, meshgrid_takes_one_to_eight_lists);
    return run_suite(suite);
}
