// SPDX-License-Identifier: MIT
/* test_view.c: views against numbers written out, and against loops over all cases that are small
   enough: every slice of every short axis, random reshapes of random layouts. That a view shares
   memory and that a reshape copies only when no strides serve are properties of their own. */
#include "tests/core_test.h"

#include "autograd/autograd_impl.h"

static wg_tensor *counting(wg_shape shape) {  // 0, 1, 2, ... in C order
    return wg_reshape(wg_arange(WG_F64, 0, (double)wg_shape_numel(shape), 1), shape);
}

static bool shares_memory(const wg_tensor *a, const wg_tensor *b) {
    return a->storage == b->storage;
}

static void number(wg_tensor *x) {  // its elements become 0, 1, 2, ...
    for (int64_t k = 0; k < wg_numel(x); k++) wg_view_set(&x->view, k, (double)k);
}

/* ---- reshape --------------------------------------------------------------------------------- */

START_TEST(a_reshape_keeps_the_elements_in_c_order) {
    wg_tensor *x = counting(WG_SHAPE(2, 3));
    wg_tensor *y = wg_reshape(x, WG_SHAPE(3, 2));
    expect_shape(y, WG_SHAPE(3, 2));
    EXPECT_VALUES(y, 0, 1, 2, 3, 4, 5);
    ck_assert(shares_memory(x, y));
    y = wg_reshape(wg_transpose(x, 0, 1), WG_SHAPE(6));
    EXPECT_VALUES(y, 0, 3, 1, 4, 2, 5);
    ck_assert(!shares_memory(x, y));
}
END_TEST

START_TEST(same_and_rest_stand_for_what_x_has) {
    wg_tensor *x = counting(WG_SHAPE(2, 3, 4));
    expect_shape(wg_reshape(x, WG_SHAPE(WG_SAME, WG_REST)), WG_SHAPE(2, 12));
    expect_shape(wg_reshape(x, WG_SHAPE(WG_SAME, WG_SAME, 2, WG_REST)), WG_SHAPE(2, 3, 2, 2));
    expect_shape(wg_reshape(x, WG_SHAPE(WG_REST)), WG_SHAPE(24));
    expect_shape(wg_reshape(x, WG_SHAPE(24, WG_REST)), WG_SHAPE(24, 1));
    expect_shape(wg_reshape(counting(WG_SHAPE(1, 1)), WG_SCALAR), WG_SCALAR);
    expect_shape(wg_reshape(wg_num(3), WG_SHAPE(WG_REST, 1)), WG_SHAPE(1, 1));
    wg_tensor *none = wg_zeros(WG_F32, WG_SHAPE(0, 3));
    expect_shape(wg_reshape(none, WG_SHAPE(7, 0, 2)), WG_SHAPE(7, 0, 2));
    expect_shape(wg_reshape(none, WG_SHAPE(WG_REST, 3)), WG_SHAPE(0, 3));
}
END_TEST

START_TEST(reshapes_that_make_no_sense_are_refused) {
    wg_tensor *x = counting(WG_SHAPE(2, 3)), *none = wg_zeros(WG_F32, WG_SHAPE(2, 0));
    const wg_shape bad[] = { WG_SHAPE(4),
                             WG_SHAPE(WG_REST, WG_REST),
                             WG_SHAPE(WG_REST, 4),
                             WG_SHAPE(-3, 2),
                             WG_SHAPE(3, 2, WG_SAME),
                             WG_SHAPE(0, WG_REST),
                             WG_SHAPE(6, 0),
                             WG_SCALAR,
                             { .rank = 9 },
                             { .rank = -1 },
                             WG_SHAPE(INT64_MAX, 2, 3),
                             WG_SHAPE(-6, -1) };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_ptr_null(wg_reshape(x, bad[i]));
        expect_error(WG_ERROR_SHAPE, "reshape: [2,3]");
    }
    ck_assert_ptr_null(wg_reshape(none, WG_SHAPE(0, WG_REST)));
    expect_error(WG_ERROR_SHAPE, "reshape: [2,0]");
    // Nothing but a 0 makes this fit, and its strides would overflow.
    ck_assert_ptr_null(wg_reshape(none, WG_SHAPE(0, INT64_MAX, INT64_MAX)));
    expect_error(WG_ERROR_SHAPE, "reshape: [2,0]");
    ck_assert_ptr_null(wg_reshape(NULL, WG_SHAPE(1)));
    expect_error(WG_ERROR_ARGUMENT, "reshape");
}
END_TEST

// A shape of n elements, with axes of size 1 strewn in.
static wg_shape random_factors(wg_random *r, int64_t n) {
    wg_shape s = { .rank = 0 };
    while (s.rank < 7 && (n > 1 || between(r, 0, 2) == 0)) {
        int64_t d = between(r, 1, n < 4 ? n : 4);
        if (n % d != 0 || (n == 1 && s.rank > 5)) continue;
        s.dim[s.rank++] = d;
        n /= d;
    }
    if (n > 1 || s.rank == 0) s.dim[s.rank++] = n;
    return s;
}

/* If strides serve at all, they are the distances of the first elements along each axis. */
static bool strides_serve(const wg_view *x, const wg_shape *shape) {
    wg_view v = { .shape = *shape }, dense = { .shape = *shape };
    wg__contiguous_strides(&dense);
    for (int i = 0; i < shape->rank; i++)
        if (shape->dim[i] > 1) v.stride[i] = wg__offset(x, dense.stride[i]);
    for (int64_t k = 0; k < wg__numel(shape); k++)
        if (wg__offset(&v, k) != wg__offset(x, k)) return false;
    return true;
}

START_TEST(a_reshape_copies_only_when_no_strides_serve) {
    wg_random r = { .seed = 71 };
    int64_t copies = 0, views = 0;
    for (int trial = 0; trial < 4000; trial++) {
        wg_scope *scope = wg_scope_open();
        static const int64_t sizes[] = { 1, 2, 4, 6, 8, 12, 16, 24, 36, 48 };
        int64_t n = sizes[between(&r, 0, 9)];
        wg_tensor *x = random_layout(&r, WG_F64, random_factors(&r, n), between(&r, 0, 1));
        for (int64_t k = 0; k < n; k++) wg_view_set(&x->view, k, (double)k);
        wg_shape shape = random_factors(&r, n);
        wg_tensor *y = wg_reshape(x, shape);
        expect_shape(y, shape);
        for (int64_t k = 0; k < n; k++)
            ck_assert(wg_view_get(&y->view, k) == wg_view_get(&x->view, k));
        bool serve = strides_serve(&x->view, &shape);
        ck_assert_msg(shares_memory(x, y) == serve, "trial %d: strides %s", trial,
                      serve ? "serve, but it copied" : "do not serve");
        *(serve ? &views : &copies) += 1;
        wg_scope_close(scope);
    }
    ck_assert_int_gt(copies, 400);  // or the trials would show nothing
    ck_assert_int_gt(views, 400);
}
END_TEST

START_TEST(axes_of_size_one_come_and_go_without_a_copy) {
    wg_tensor *x = wg_transpose(counting(WG_SHAPE(2, 3)), 0, 1);
    for (int axis = -3; axis <= 2; axis++) {
        wg_tensor *y = wg_unsqueeze(x, axis);
        ck_assert(shares_memory(x, y));
        ck_assert_int_eq(wg_dim(y, axis), 1);
        wg_tensor *z = wg_squeeze(y, axis);
        expect_shape(z, WG_SHAPE(3, 2));
        ck_assert(shares_memory(x, z));
        EXPECT_VALUES(z, 0, 3, 1, 4, 2, 5);
    }
    expect_shape(wg_unsqueeze(x, 0), WG_SHAPE(1, 3, 2));
    expect_shape(wg_unsqueeze(x, 1), WG_SHAPE(3, 1, 2));
    expect_shape(wg_unsqueeze(x, -1), WG_SHAPE(3, 2, 1));
    expect_shape(wg_unsqueeze(wg_zeros(WG_F32, WG_SCALAR), 0), WG_SHAPE(1));
    expect_shape(wg_squeeze(wg_zeros(WG_F32, WG_SHAPE(0, 1)), 1), WG_SHAPE(0));
    ck_assert_ptr_null(wg_squeeze(x, 1));
    expect_error(WG_ERROR_SHAPE, "squeeze: [3,2]: axis 1 has size 2, not 1");
    ck_assert_ptr_null(wg_squeeze(x, 2));
    expect_error(WG_ERROR_SHAPE, "squeeze: [3,2]: there is no axis 2 among 2");
    ck_assert_ptr_null(wg_unsqueeze(x, 4));
    expect_error(WG_ERROR_SHAPE, "unsqueeze: [3,2]: there is no axis 4 among 3");
    ck_assert_ptr_null(wg_unsqueeze(wg_zeros(WG_F32, WG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1)), 0));
    expect_error(WG_ERROR_SHAPE, "unsqueeze");
    ck_assert_ptr_null(wg_squeeze(wg_unsqueeze(NULL, 0), 0));
    expect_error(WG_ERROR_ARGUMENT, "unsqueeze");
}
END_TEST

START_TEST(flatten_makes_one_axis_of_the_last_ones) {
    wg_tensor *x = counting(WG_SHAPE(2, 3, 4));
    expect_shape(wg_flatten(x, 0), WG_SHAPE(24));
    expect_shape(wg_flatten(x, 1), WG_SHAPE(2, 12));
    expect_shape(wg_flatten(x, -1), WG_SHAPE(2, 3, 4));
    expect_shape(wg_flatten(wg_zeros(WG_F32, WG_SCALAR), 0), WG_SHAPE(1));
    expect_shape(wg_flatten(wg_zeros(WG_F32, WG_SHAPE(3, 0, 2)), 1), WG_SHAPE(3, 0));
    ck_assert_ptr_null(wg_flatten(x, 3));
    expect_error(WG_ERROR_SHAPE, "flatten");
    ck_assert_ptr_null(wg_flatten(NULL, 0));
    expect_error(WG_ERROR_SHAPE, "flatten");
}
END_TEST

/* ---- permute and transpose ------------------------------------------------------------------- */

START_TEST(permute_moves_axes_and_nothing_else) {
    wg_tensor *x = counting(WG_SHAPE(2, 3, 4));
    wg_tensor *y = wg_permute(x, WG_AXES(2, 0, 1));
    expect_shape(y, WG_SHAPE(4, 2, 3));
    ck_assert(shares_memory(x, y));
    for (int64_t i = 0; i < 4; i++)
        for (int64_t j = 0; j < 2; j++)
            for (int64_t k = 0; k < 3; k++)
                ck_assert(wg_at(y, (int64_t[]){ i, j, k }) == (double)(12 * j + 4 * k + i));
    ck_assert(wg_equal(wg_permute(x, WG_AXES(-1, -3, -2)), y));
    ck_assert(wg_equal(wg_permute(y, WG_AXES(1, 2, 0)), x));
    expect_shape(wg_transpose(x, 0, -1), WG_SHAPE(4, 3, 2));
    ck_assert(wg_equal(wg_transpose(wg_transpose(x, 1, 2), 2, 1), x));
    ck_assert(wg_equal(wg_transpose(x, 1, 1), x));
    expect_shape(wg_permute(wg_zeros(WG_F32, WG_SCALAR), WG_SCALAR), WG_SCALAR);
}
END_TEST

START_TEST(a_permutation_lists_each_axis_once) {
    wg_tensor *x = counting(WG_SHAPE(2, 3));
    ck_assert_ptr_null(wg_permute(x, WG_AXES(0)));
    expect_error(WG_ERROR_SHAPE, "permute: [2,3]");
    ck_assert_ptr_null(wg_permute(x, WG_AXES(0, 0)));
    expect_error(WG_ERROR_SHAPE, "listed twice");
    ck_assert_ptr_null(wg_permute(x, WG_AXES(0, -2)));
    expect_error(WG_ERROR_SHAPE, "listed twice");
    ck_assert_ptr_null(wg_permute(x, WG_AXES(0, 2)));
    expect_error(WG_ERROR_SHAPE, "no axis 2");
    ck_assert_ptr_null(wg_transpose(x, 0, 2));
    expect_error(WG_ERROR_SHAPE, "transpose");
    ck_assert_ptr_null(wg_transpose(NULL, 0, 1));
    expect_error(WG_ERROR_ARGUMENT, "transpose");
}
END_TEST

START_TEST(movedim_takes_one_axis_and_keeps_the_order_of_the_others) {
    wg_tensor *x = counting(WG_SHAPE(2, 3, 4, 5));
    for (int from = -4; from < 4; from++)
        for (int to = -4; to < 4; to++) {
            wg_shape axes = { .rank = 4 };
            int a = (from + 4) % 4, b = (to + 4) % 4;
            for (int i = 0, next = 0; i < 4; i++) {
                next += next == a;
                axes.dim[i] = i == b ? a : next++;
            }
            wg_tensor *y = wg_movedim(x, from, to);
            ck_assert(shares_memory(x, y));
            ck_assert(wg_equal(y, wg_permute(x, axes)));
            ck_assert(wg_equal(wg_movedim(y, to, from), x));
        }
    ck_assert_ptr_null(wg_movedim(x, 0, 4));
    expect_error(WG_ERROR_SHAPE, "movedim: [2,3,4,5]: there is no axis 4 among 4");
}
END_TEST

START_TEST(each_view_is_one_record_of_its_own_name) {
    wg_tensor *x = wg_variable(counting(WG_SHAPE(1, 3)));
    wg_tensor *y[] = { wg_transpose(x, 0, 1),  wg_squeeze(x, 0), wg_unsqueeze(x, 1),
                       wg_select(x, 1, 2),     wg_flip(x, 1),    wg_movedim(x, 0, 1),
                       wg_slice(x, 1, 0, 2, 1) };
    static const char *const name[] = { "transpose", "squeeze", "unsqueeze", "select",
                                        "flip",      "movedim", "slice" };
    uint32_t first = y[0]->node;
    for (uint32_t i = 0; i < 7; i++) {
        ck_assert(shares_memory(x, y[i]));
        ck_assert_uint_eq(y[i]->node, first + i);
        ck_assert_str_eq(wg__tape_call(first + i).op->name, name[i]);
    }
}
END_TEST

/* ---- slice ----------------------------------------------------------------------------------- */

typedef struct slice_case {
    int64_t start, stop, step;
    int count;
    double want[5];
} slice_case;

// What Python 3.11 gives for list(range(5))[start:stop:step].
static const slice_case python[] = {
    { 0, WG_END, 1, 5, { 0, 1, 2, 3, 4 } },
    { 1, 4, 1, 3, { 1, 2, 3 } },
    { -3, -1, 1, 2, { 2, 3 } },
    { 0, WG_END, 2, 3, { 0, 2, 4 } },
    { 1, WG_END, 3, 2, { 1, 4 } },
    { 4, -WG_END, -1, 5, { 4, 3, 2, 1, 0 } },
    { WG_END, -WG_END, -1, 5, { 4, 3, 2, 1, 0 } },
    { WG_END, -WG_END, -2, 3, { 4, 2, 0 } },
    { -1, -6, -1, 5, { 4, 3, 2, 1, 0 } },
    { -1, -5, -2, 2, { 4, 2 } },
    { 3, 0, -1, 3, { 3, 2, 1 } },
    { 10, 2, -3, 1, { 4 } },
    { -10, 10, 2, 3, { 0, 2, 4 } },
    { 2, 2, 1, 0, { 0 } },
    { 3, 1, 1, 0, { 0 } },
    { 1, 3, -1, 0, { 0 } },
    { 0, 100, 7, 1, { 0 } },
    { 4, -100, -7, 1, { 4 } },
    { -100, -99, 1, 0, { 0 } },
    { 100, 99, -1, 0, { 0 } },
};

START_TEST(slices_are_what_python_takes) {
    const slice_case *s = &python[_i];
    wg_tensor *x = counting(WG_SHAPE(5)), *y = wg_slice(x, 0, s->start, s->stop, s->step);
    ck_assert(shares_memory(x, y));
    expect_values(y, s->want, s->count);
}
END_TEST

/* Python's definition, position by position: from the cut-off start in steps while before the
   stop. */
static int64_t python_positions(int64_t n, const int64_t bound[2], int64_t step,
                                int64_t *position) {
    int64_t end[2], count = 0;
    for (int k = 0; k < 2; k++) {
        end[k] = bound[k] < 0 ? (bound[k] < -n ? -1 : bound[k] + n) : bound[k] > n ? n : bound[k];
        if (step > 0 && end[k] < 0) end[k] = 0;
        if (step < 0 && end[k] >= n) end[k] = n - 1;
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t p = step > 0 ? i : n - 1 - i;
        uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
        bool inside = step > 0 ? p >= end[0] && p < end[1] : p <= end[0] && p > end[1];
        uint64_t gone = (uint64_t)(step > 0 ? p - end[0] : end[0] - p);
        if (inside && gone % stride == 0) position[count++] = p;
    }
    return count;
}

START_TEST(every_slice_of_a_short_axis_and_its_way_back) {
    static const int64_t bounds[] = { INT64_MIN, -WG_END, -7, -5, -4, -3, -2,         -1,    0,
                                      1,         2,       3,  4,  5,  7,  WG_END - 1, WG_END };
    static const int64_t steps[] = {
        1, 2, 3, 5, 6, WG_END, -1, -2, -3, -5, -6, -WG_END, INT64_MIN
    };
    enum { BOUNDS = sizeof bounds / sizeof bounds[0], STEPS = sizeof steps / sizeof steps[0] };
    for (int64_t n = 0; n <= 5; n++)
        for (int k = 0; k < BOUNDS * BOUNDS * STEPS; k++) {
            wg_scope *scope = wg_scope_open();
            const int64_t bound[2] = { bounds[k % BOUNDS], bounds[k / BOUNDS % BOUNDS] };
            int64_t step = steps[k / BOUNDS / BOUNDS], position[5], count;
            count = python_positions(n, bound, step, position);
            wg_tensor *x = wg_variable(counting(WG_SHAPE(2, n)));
            wg_tensor *y = wg_slice(x, 1, bound[0], bound[1], step);
            expect_shape(y, WG_SHAPE(2, count));
            double value[10], back[10] = { 0 };
            for (int64_t i = 0; i < 2 * count; i++) {
                int64_t place = i / count * n + position[i % count];
                value[i] = (double)place;
                back[place] = (double)i + 1;
            }
            expect_values(y, value, 2 * count);
            wg_tensor *gy = wg_add(counting(WG_SHAPE(2, count)), wg_num(1)), *gx;
            ck_assert(wg_grad(y, &x, 1, &gx, (wg_grad_options){ .seed = gy }));
            expect_values(gx, back, 2 * n);
            wg_scope_close(scope);
        }
}
END_TEST

START_TEST(a_slice_of_a_slice_stays_a_view) {
    wg_tensor *x = counting(WG_SHAPE(4, 6));
    wg_tensor *y = wg_slice(wg_slice(x, 1, WG_END, -WG_END, -2), 0, 1, 4, 2);
    expect_shape(y, WG_SHAPE(2, 3));
    ck_assert(shares_memory(x, y));
    EXPECT_VALUES(y, 11, 9, 7, 23, 21, 19);
    EXPECT_VALUES(wg_slice(y, -1, -2, -3, -1), 9, 21);
    ck_assert(wg_fill(wg_slice(y, 1, 0, 1, 1), 100));  // written through the view
    ck_assert(wg_at(x, (int64_t[]){ 1, 5 }) == 100 && wg_at(x, (int64_t[]){ 3, 5 }) == 100);
}
END_TEST

START_TEST(a_slice_needs_a_step_and_an_axis) {
    wg_tensor *x = counting(WG_SHAPE(3));
    ck_assert_ptr_null(wg_slice(x, 0, 0, 3, 0));
    expect_error(WG_ERROR_ARGUMENT, "slice: [3]: the step is 0");
    ck_assert_ptr_null(wg_slice(x, 1, 0, 3, 1));
    expect_error(WG_ERROR_SHAPE, "no axis 1");
    ck_assert_ptr_null(wg_slice(wg_zeros(WG_F32, WG_SCALAR), 0, 0, 3, 1));
    expect_error(WG_ERROR_SHAPE, "no axis 0");
    ck_assert_ptr_null(wg_slice(NULL, 0, 0, 3, 1));
    expect_error(WG_ERROR_ARGUMENT, "slice");
}
END_TEST

START_TEST(select_takes_one_index_and_its_axis_goes) {
    wg_tensor *x = counting(WG_SHAPE(2, 3, 2));
    EXPECT_VALUES(wg_select(x, 1, 0), 0, 1, 6, 7);
    expect_shape(wg_select(x, 1, -1), WG_SHAPE(2, 2));
    EXPECT_VALUES(wg_select(x, 1, -1), 4, 5, 10, 11);
    EXPECT_VALUES(wg_select(x, -3, 1), 6, 7, 8, 9, 10, 11);
    EXPECT_VALUES(wg_select(wg_select(wg_select(x, 0, 1), 0, 2), 0, -2), 10);
    ck_assert(shares_memory(wg_select(x, 2, 1), x));
    static const int64_t outside[] = { 3, -4, INT64_MAX, INT64_MIN };
    for (int i = 0; i < 4; i++) {
        ck_assert_ptr_null(wg_select(x, 1, outside[i]));
        expect_error(WG_ERROR_INDEX, "select: [2,3,2]: index ");
    }
    ck_assert_ptr_null(wg_select(x, 1, -4));
    expect_error(WG_ERROR_INDEX, "index -4 is out of range for axis 1 of size 3");
    ck_assert_ptr_null(wg_select(wg_zeros(WG_F32, WG_SHAPE(0)), 0, 0));
    expect_error(WG_ERROR_INDEX, "select");
    ck_assert_ptr_null(wg_select(NULL, 0, 0));
    expect_error(WG_ERROR_ARGUMENT, "NULL");
}
END_TEST

START_TEST(flip_turns_one_axis_round) {
    wg_tensor *x = counting(WG_SHAPE(2, 3));
    EXPECT_VALUES(wg_flip(x, 0), 3, 4, 5, 0, 1, 2);
    EXPECT_VALUES(wg_flip(x, -1), 2, 1, 0, 5, 4, 3);
    ck_assert(shares_memory(wg_flip(x, 1), x));
    ck_assert(wg_equal(wg_flip(wg_flip(x, 1), 1), x));
    expect_shape(wg_flip(wg_zeros(WG_F32, WG_SHAPE(2, 0)), 1), WG_SHAPE(2, 0));
    ck_assert_ptr_null(wg_flip(x, 2));
    expect_error(WG_ERROR_SHAPE, "no axis 2");
}
END_TEST

START_TEST(flip_takes_several_axes_at_once) {
    wg_tensor *x = counting(WG_SHAPE(2, 3));
    EXPECT_VALUES(wg_flip_axes(x, WG_AXES(0, 1)), 5, 4, 3, 2, 1, 0);
    ck_assert(wg_equal(wg_flip_axes(x, WG_AXES(-1, 0)), wg_flip(wg_flip(x, 0), 1)));
    ck_assert(wg_equal(wg_flip_axes(x, WG_SCALAR), x));
    ck_assert_ptr_null(wg_flip_axes(x, WG_AXES(1, -1)));
    expect_error(WG_ERROR_SHAPE, "flip: [2,3]: axis 1 is listed twice");
    ck_assert_ptr_null(wg_flip_axes(x, (wg_shape){ .rank = 9 }));
    expect_error(WG_ERROR_SHAPE, "flip: [2,3]: 9 axes are listed");
}
END_TEST

/* ---- expand and sum_to ----------------------------------------------------------------------- */

START_TEST(expand_repeats_without_a_copy) {
    wg_tensor *x = counting(WG_SHAPE(2, 1));
    wg_tensor *y = wg_expand(x, WG_SHAPE(3, -1, 2));
    expect_shape(y, WG_SHAPE(3, 2, 2));
    ck_assert(shares_memory(x, y));
    EXPECT_VALUES(y, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1);
    ck_assert(!wg_fill(y, 1));
    expect_error(WG_ERROR_STATE, "one element serves several places");
    expect_shape(wg_expand(x, WG_SHAPE(2, 0)), WG_SHAPE(2, 0));
    expect_shape(wg_expand(wg_num(1), WG_SHAPE(2, 2)), WG_SHAPE(2, 2));
    EXPECT_VALUES(wg_expand(wg_num(7), WG_SHAPE(2)), 7, 7);
}
END_TEST

START_TEST(expand_keeps_what_is_same_as_reshape_does) {
    wg_tensor *x = counting(WG_SHAPE(2, 1));
    expect_shape(wg_expand(x, WG_SHAPE(WG_SAME, 3)), WG_SHAPE(2, 3));
    expect_shape(wg_expand(x, WG_SHAPE(4, WG_SAME, WG_SAME)), WG_SHAPE(4, 2, 1));
    expect_shape(wg_expand(x, WG_SHAPE(-1, 3)), WG_SHAPE(2, 3));
    EXPECT_VALUES(wg_expand(x, WG_SHAPE(WG_SAME, 3)), 0, 0, 0, 1, 1, 1);
}
END_TEST

START_TEST(expand_refuses_what_does_not_broadcast) {
    wg_tensor *x = counting(WG_SHAPE(2, 3));
    const wg_shape bad[] = { WG_SHAPE(3),     WG_SHAPE(3, 3),          WG_SHAPE(-1, 2, 3),
                             WG_SHAPE(2, 0),  WG_SHAPE(0, 3),          WG_SCALAR,
                             WG_SHAPE(2, -3), WG_SHAPE(WG_SAME, 2, 3), { .rank = 9 },
                             { .rank = -1 } };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_ptr_null(wg_expand(x, bad[i]));
        expect_error(WG_ERROR_SHAPE, "expand: [2,3]");
    }
    wg_tensor *one = wg_zeros(WG_F32, WG_SHAPE(1, 1));
    ck_assert_ptr_null(wg_expand(one, WG_SHAPE(INT64_MAX, 2)));
    expect_error(WG_ERROR_SHAPE, "more elements");
    ck_assert_ptr_null(wg_expand(one, WG_SHAPE(0, INT64_MAX, INT64_MAX)));
    expect_error(WG_ERROR_SHAPE, "more elements");
}
END_TEST

START_TEST(sum_to_adds_what_expand_repeated) {
    wg_tensor *x = counting(WG_SHAPE(2, 3));
    EXPECT_VALUES(wg_sum_to(x, WG_SHAPE(3)), 3, 5, 7);
    EXPECT_VALUES(wg_sum_to(x, WG_SHAPE(1, 3)), 3, 5, 7);
    EXPECT_VALUES(wg_sum_to(x, WG_SHAPE(2, 1)), 3, 12);
    EXPECT_VALUES(wg_sum_to(x, WG_SCALAR), 15);
    expect_shape(wg_sum_to(x, WG_SHAPE(1, 1)), WG_SHAPE(1, 1));
    ck_assert_ptr_eq(wg_sum_to(x, WG_SHAPE(2, 3)), x);
    EXPECT_VALUES(wg_sum_to(wg_expand(x, WG_SHAPE(5, 2, 3)), WG_SHAPE(2, 3)), 0, 5, 10, 15, 20, 25);
    EXPECT_VALUES(wg_sum_to(wg_zeros(WG_F32, WG_SHAPE(0, 2)), WG_SHAPE(1, 2)), 0, 0);
    EXPECT_VALUES(wg_sum_to(wg_zeros(WG_F32, WG_SHAPE(0, 2)), WG_SHAPE(2)), 0, 0);
    expect_shape(wg_sum_to(wg_zeros(WG_F32, WG_SHAPE(2, 0)), WG_SHAPE(0)), WG_SHAPE(0));
}
END_TEST

START_TEST(sum_to_agrees_with_a_loop_in_any_layout) {
    wg_random r = { .seed = 72 };
    for (int trial = 0; trial < 500; trial++) {
        wg_scope *scope = wg_scope_open();
        wg_tensor *x =
            random_layout(&r, between(&r, 0, 1) ? WG_F32 : WG_F64, random_shape(&r, 5, 5), true);
        number(x);
        wg_shape to = { .rank = 0 };
        for (int i = (int)between(&r, 0, wg_rank(x)); i < wg_rank(x); i++)
            to.dim[to.rank++] = between(&r, 0, 1) ? wg_dim(x, i) : 1;
        wg_tensor *want = wg_zeros(WG_F64, to), *got = wg_sum_to(x, to);
        wg_view spread = wg__view_broadcast(&want->view, &x->view.shape);
        for (int64_t k = 0; k < wg_numel(x); k++) {
            double *sum = (double *)(void *)wg__at(&spread, wg__offset(&spread, k));
            *sum += wg_view_get(&x->view, k);
        }
        expect_shape(got, to);
        ck_assert(wg_equal(wg_cast(got, WG_F64), want));
        wg_scope_close(scope);
    }
}
END_TEST

START_TEST(sum_to_refuses_what_could_not_have_been_expanded) {
    wg_tensor *x = counting(WG_SHAPE(2, 3));
    const wg_shape bad[] = { WG_SHAPE(2),    WG_SHAPE(1, 2, 3), WG_SHAPE(2, 2),
                             WG_SHAPE(0, 3), { .rank = -1 },    { .rank = 9 } };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_ptr_null(wg_sum_to(x, bad[i]));
        expect_error(WG_ERROR_SHAPE, "sum_to: [2,3]");
    }
    ck_assert_ptr_null(wg_sum_to(NULL, WG_SCALAR));
    expect_error(WG_ERROR_ARGUMENT, "sum_to");
}
END_TEST

/* ---- contiguous, and views in general -------------------------------------------------------- */

START_TEST(contiguous_copies_only_what_is_not) {
    wg_tensor *x = counting(WG_SHAPE(2, 3));
    ck_assert_ptr_eq(wg_contiguous(x), x);
    wg_tensor *rows = wg_slice(x, 0, 1, 2, 1);
    ck_assert_ptr_eq(wg_contiguous(rows), rows);
    wg_tensor *y = wg_contiguous(wg_transpose(x, 0, 1));
    ck_assert(wg_is_contiguous(y) && !shares_memory(x, y));
    EXPECT_VALUES(y, 0, 3, 1, 4, 2, 5);
    wg_tensor *odd = wg_reshape(LIST(1, 0, 1, 0, 1, 0), WG_SHAPE(2, 3));
    for (int dtype = 0; dtype < WG_DTYPES; dtype++) {
        wg_tensor *z = wg_cast(odd, (wg_dtype)dtype);
        y = wg_contiguous(wg_flip(z, 1));
        ck_assert_int_eq(wg_dtype_of(y), dtype);
        EXPECT_VALUES(y, 1, 0, 1, 0, 1, 0);
    }
    ck_assert_ptr_null(wg_contiguous(NULL));
    expect_error(WG_ERROR_ARGUMENT, "contiguous");
}
END_TEST

START_TEST(copies_of_many_short_rows_are_right_in_any_layout) {
    wg_random r = { .seed = 73 };
    for (int trial = 0; trial < 300; trial++) {
        wg_scope *scope = wg_scope_open();
        wg_shape shape = { 3, { between(&r, 1, 30), between(&r, 1, 30), between(&r, 1, 9) } };
        wg_dtype dtype = (wg_dtype)between(&r, 0, WG_DTYPES - 1);
        wg_tensor *x = random_layout(&r, dtype, shape, true);
        for (int64_t k = 0; k < wg_numel(x); k++)
            wg_view_set(&x->view, k, (double)(dtype == WG_BOOL ? k % 3 == 0 : k % 251));
        wg_tensor *y = wg_contiguous(x), *z = random_layout(&r, dtype, shape, false);
        ck_assert(wg_copy(z, x));
        for (int64_t k = 0; k < wg_numel(x); k++) {
            double want = wg_view_get(&x->view, k);
            ck_assert(wg_view_get(&y->view, k) == want && wg_view_get(&z->view, k) == want);
        }
        wg_scope_close(scope);
    }
}
END_TEST

START_TEST(views_pass_gradients_through_all_at_once) {
    wg_tensor *x = wg_variable(counting(WG_SHAPE(2, 3, 2)));
    wg_tensor *y = wg_flip(wg_transpose(wg_reshape(x, WG_SHAPE(3, 4)), 0, 1), 1);  // (4, 3)
    y = wg_contiguous(wg_expand(wg_unsqueeze(wg_slice(y, 0, 3, 0, -2), 0), WG_SHAPE(5, 2, 3)));
    wg_tensor *gx = wg_derivative(y, x);  // columns 3 and 1 of (3, 4), five times each
    EXPECT_VALUES(gx, 0, 5, 0, 5, 0, 5, 0, 5, 0, 5, 0, 5);
    expect_shape(gx, WG_SHAPE(2, 3, 2));
}
END_TEST

START_TEST(nothing_is_made_while_an_error_is_pending) {
    wg_tensor *x = counting(WG_SHAPE(2, 1));
    wg_fail(WG_ERROR_ARGUMENT, "before");
    ck_assert_ptr_null(wg_reshape(x, WG_SHAPE(2)));
    ck_assert_ptr_null(wg_flatten(x, 0));
    ck_assert_ptr_null(wg_transpose(x, 0, 1));
    ck_assert_ptr_null(wg_slice(x, 0, 0, 1, 1));
    ck_assert_ptr_null(wg_select(x, 0, 9));
    ck_assert_ptr_null(wg_squeeze(x, 1));
    ck_assert_ptr_null(wg_unsqueeze(x, 9));
    ck_assert_ptr_null(wg_sum_to(x, WG_SHAPE(2, 1)));
    ck_assert_ptr_null(wg_contiguous(x));
    ck_assert_ptr_null(wg_flip(NULL, 0));
    expect_error(WG_ERROR_ARGUMENT, "before");
}
END_TEST

/* ---------------------------------------------------------------------------------------------- */

int main(void) {
    Suite *suite = suite_create("view");
    TCase *shapes = add_cases(suite, "reshape");
    tcase_add_test(shapes, a_reshape_keeps_the_elements_in_c_order);
    tcase_add_test(shapes, same_and_rest_stand_for_what_x_has);
    tcase_add_test(shapes, reshapes_that_make_no_sense_are_refused);
    tcase_add_test(shapes, a_reshape_copies_only_when_no_strides_serve);
    tcase_add_test(shapes, axes_of_size_one_come_and_go_without_a_copy);
    tcase_add_test(shapes, flatten_makes_one_axis_of_the_last_ones);
    TCase *axes = add_cases(suite, "permute");
    tcase_add_test(axes, permute_moves_axes_and_nothing_else);
    tcase_add_test(axes, a_permutation_lists_each_axis_once);
    tcase_add_test(axes, movedim_takes_one_axis_and_keeps_the_order_of_the_others);
    tcase_add_test(axes, each_view_is_one_record_of_its_own_name);
    TCase *slices = add_cases(suite, "slice");
    tcase_add_loop_test(slices, slices_are_what_python_takes, 0, sizeof python / sizeof python[0]);
    tcase_add_test(slices, every_slice_of_a_short_axis_and_its_way_back);
    tcase_add_test(slices, a_slice_of_a_slice_stays_a_view);
    tcase_add_test(slices, a_slice_needs_a_step_and_an_axis);
    tcase_add_test(slices, select_takes_one_index_and_its_axis_goes);
    tcase_add_test(slices, flip_turns_one_axis_round);
    tcase_add_test(slices, flip_takes_several_axes_at_once);
    TCase *spread = add_cases(suite, "expand");
    tcase_add_test(spread, expand_repeats_without_a_copy);
    tcase_add_test(spread, expand_keeps_what_is_same_as_reshape_does);
    tcase_add_test(spread, expand_refuses_what_does_not_broadcast);
    tcase_add_test(spread, sum_to_adds_what_expand_repeated);
    tcase_add_test(spread, sum_to_agrees_with_a_loop_in_any_layout);
    tcase_add_test(spread, sum_to_refuses_what_could_not_have_been_expanded);
    TCase *all = add_cases(suite, "views");
    tcase_add_test(all, contiguous_copies_only_what_is_not);
    tcase_add_test(all, copies_of_many_short_rows_are_right_in_any_layout);
    tcase_add_test(all, views_pass_gradients_through_all_at_once);
    tcase_add_test(all, nothing_is_made_while_an_error_is_pending);
    return run_suite(suite);
}
