// SPDX-License-Identifier: MIT
/* test_conv.c: convolutions against seven plain loops, in sizes that take every way through the
   kernels: parts of an image, several images at once, one long line, no unfolding at all. Then what
   no single number shows: that fold is unfold's transpose, that memory stays bounded, and what is
   refused with which numbers. Derivatives are proven by test_ops, on small sizes; here on large
   ones. */
#include "tests/core_test.h"

static wg_tensor *counting(wg_dtype dtype, wg_shape shape) {  // 1, 2, 3, ... in C order
    return wg_reshape(wg_arange(dtype, 1, (double)wg_shape_numel(shape) + 1, 1), shape);
}

static const wg_conv_options plain = { .groups = 0 };

/* ---- known values ---------------------------------------------------------------------------- */

START_TEST(a_convolution_is_the_sum_of_products_in_each_window) {
    wg_dtype dtype = _i ? WG_F64 : WG_F32;
    wg_tensor *x = counting(dtype, WG_SHAPE(1, 1, 3, 3)),
              *w = counting(dtype, WG_SHAPE(1, 1, 2, 2));
    EXPECT_VALUES(wg_conv2d(x, w, NULL, plain), 37, 47, 67, 77);
    EXPECT_VALUES(wg_conv2d(x, w, wg_full(dtype, WG_SHAPE(1), 0.5), plain), 37.5, 47.5, 67.5, 77.5);
    EXPECT_VALUES(
        wg_conv2d(x, w, NULL, (wg_conv_options){ .padding = { 1, 0 }, .stride = { 3, 1 } }), 11, 18,
        23, 26);
    EXPECT_VALUES(wg_conv2d(x, w, NULL, (wg_conv_options){ .dilation = { 2, 2 } }),
                  1 + 2 * 3 + 3 * 7 + 4 * 9);
}
END_TEST

START_TEST(the_transpose_spreads_what_the_convolution_gathers) {
    wg_tensor *x = counting(WG_F64, WG_SHAPE(1, 1, 1, 2)),
              *w = counting(WG_F64, WG_SHAPE(1, 1, 1, 3));
    EXPECT_VALUES(wg_conv_transpose2d(x, w, NULL, plain), 1, 4, 7, 6);
    wg_conv_options o = { .stride = { 1, 2 }, .output_padding = { 0, 1 } };
    EXPECT_VALUES(wg_conv_transpose2d(x, w, NULL, o), 1, 2, 5, 4, 6, 0);
    wg_tensor *bias = wg_full(WG_F64, WG_SHAPE(1), 10);
    EXPECT_VALUES(wg_conv_transpose2d(x, w, bias, o), 11, 12, 15, 14, 16, 10);
}
END_TEST

START_TEST(columns_are_windows_channel_slowest) {
    wg_tensor *x = counting(WG_F32, WG_SHAPE(1, 2, 2, 3));
    wg_tensor *y = wg_unfold(x, WG_SHAPE(1, 2), (wg_window_options){ .padding = { 0, 0 } });
    expect_shape(y, WG_SHAPE(1, 4, 4));
    EXPECT_VALUES(y, 1, 2, 4, 5, 2, 3, 5, 6, 7, 8, 10, 11, 8, 9, 11, 12);
}
END_TEST

START_TEST(fold_of_unfold_counts_the_windows_that_reach_an_element) {
    wg_window_options o = { .stride = { 0, 0 } };
    wg_tensor *x = wg_ones(WG_F64, WG_SHAPE(1, 1, 3, 3));
    wg_tensor *y = wg_fold(wg_unfold(x, WG_SHAPE(2, 2), o), WG_SHAPE(3, 3), WG_SHAPE(2, 2), o);
    EXPECT_VALUES(y, 1, 2, 1, 2, 4, 2, 1, 2, 1);
}
END_TEST

START_TEST(lines_are_images_of_one_row) {
    wg_tensor *x = counting(WG_F64, WG_SHAPE(1, 1, 5)), *w = counting(WG_F64, WG_SHAPE(1, 1, 2));
    EXPECT_VALUES(wg_conv1d(x, w, NULL, plain), 5, 8, 11, 14);
    EXPECT_VALUES(wg_conv1d(x, w, NULL, (wg_conv_options){ .stride = { 2 }, .padding = { 1 } }), 2,
                  8, 14);
    EXPECT_VALUES(wg_conv_transpose1d(x, w, NULL, (wg_conv_options){ .padding = { 1 } }), 4, 7, 10,
                  13);
}
END_TEST

// d^3 x^3 / dx^3, x^3 being x convolved with itself twice.
START_TEST(the_third_derivative_goes_through_all_three_records) {
    wg_tensor *x = wg_variable(wg_full(WG_F64, WG_SHAPE(1, 1, 1, 1), 3));
    wg_tensor *y = wg_conv2d(wg_conv2d(x, x, NULL, plain), x, NULL, plain);
    EXPECT_VALUES(y, 27);
    wg_tensor *dy = wg_derivative(y, x), *ddy = wg_derivative(dy, x);
    EXPECT_VALUES(dy, 27);
    EXPECT_VALUES(ddy, 18);
    EXPECT_VALUES(wg_derivative(ddy, x), 6);
}
END_TEST

/* ---- against plain loops --------------------------------------------------------------------- */

typedef struct setup {
    int64_t n, c, h, w, o, kernel[2];
    wg_conv_options options;
} setup;

static const setup setups[] = {
    { 2, 3, 6, 5, 4, { 3, 2 }, { .groups = 1 } },
    { 1, 2, 9, 8, 3, { 3, 3 }, { .stride = { 2, 3 }, .padding = { 2, 1 }, .dilation = { 1, 2 } } },
    { 37, 3, 6, 6, 5, { 3, 3 }, { .padding = { 1, 1 } } },              // several images in a box
    { 3, 40, 40, 40, 3, { 3, 3 }, { .padding = { 1, 1 } } },            // several boxes in an image
    { 2, 30, 3, 1700, 2, { 3, 3 }, { .padding = { 0, 1 } } },           // and in a row
    { 2, 5, 20, 18, 7, { 1, 1 }, { .groups = 1 } },                     // no columns
    { 9, 5, 4, 3, 7, { 1, 1 }, { .groups = 1 } },                       // columns all the same
    { 2, 6, 20, 17, 4, { 1, 1 }, { .groups = 2 } },                     // no columns, in groups
    { 3, 6, 7, 19, 6, { 3, 3 }, { .groups = 6, .stride = { 2, 1 } } },  // depthwise
    { 2, 6, 18, 17, 12, { 2, 5 }, { .groups = 6, .padding = { 1, 2 } } },
    { 1, 4, 1, 3000, 8, { 1, 5 }, { .groups = 2, .dilation = { 1, 300 } } },
};

static int64_t or_one(int64_t n) { return n ? n : 1; }

static wg_shape result_shape(const setup *s) {
    int64_t size[2] = { s->h, s->w };
    for (int a = 0; a < 2; a++) {
        int64_t covers = or_one(s->options.dilation[a]) * (s->kernel[a] - 1) + 1;
        size[a] = (size[a] + 2 * s->options.padding[a] - covers) / or_one(s->options.stride[a]) + 1;
    }
    return WG_SHAPE(s->n, s->o, size[0], size[1]);
}

// What one convolution is made of, dense: x, w, y, and the gradients of sum(g y).
typedef struct numbers {
    double *x, *w, *g, *y, *gx, *gw;
} numbers;

// All terms of one element of y, in the order of w.
static void one_element(const setup *s, const numbers *d, const wg_shape *out, int64_t e) {
    const wg_conv_options *p = &s->options;
    int64_t across = e % out->dim[3], down = e / out->dim[3] % out->dim[2];
    int64_t o = e / out->dim[3] / out->dim[2] % s->o, n = e / out->dim[3] / out->dim[2] / s->o;
    int64_t groups = or_one(p->groups), each = s->c / groups, first = o / (s->o / groups) * each;
    for (int64_t k = 0; k < each * s->kernel[0] * s->kernel[1]; k++) {
        int64_t j = k % s->kernel[1], i = k / s->kernel[1] % s->kernel[0];
        int64_t c = first + k / s->kernel[1] / s->kernel[0];
        int64_t row = down * or_one(p->stride[0]) - p->padding[0] + i * or_one(p->dilation[0]);
        int64_t col = across * or_one(p->stride[1]) - p->padding[1] + j * or_one(p->dilation[1]);
        if (row < 0 || row >= s->h || col < 0 || col >= s->w) continue;
        int64_t at = ((n * s->c + c) * s->h + row) * s->w + col;
        int64_t weight = o * each * s->kernel[0] * s->kernel[1] + k;
        d->y[e] += d->x[at] * d->w[weight];
        d->gx[at] += d->g[e] * d->w[weight];
        d->gw[weight] += d->g[e] * d->x[at];
    }
}

static double *of(const wg_tensor *x) { return elements_of(x, wg_numel(x)); }
static double *nothing(const wg_tensor *x) {
    return calloc((size_t)wg_numel(x) + 1, sizeof(double));
}

static wg_tensor *drawn(wg_random *r, wg_dtype dtype, wg_shape shape) {
    wg_tensor *x = random_layout(r, dtype, shape, false);
    ck_assert(wg_copy(x, wg_randn(dtype, shape, r)));
    return x;
}

// Sums of at most `terms` standard normal products: a few roundings each, growing as a random walk.
static void expect_sum(const wg_tensor *got, const double *want, int64_t terms) {
    double eps = wg_dtype_of(got) == WG_F32 ? 0x1p-24 : 0x1p-53;
    expect_near(got, want, wg_numel(got), 0, 16 * eps * (double)terms);
}

START_TEST(value_and_gradients_are_those_of_plain_loops) {
    const setup *s = &setups[_i / 2];
    wg_dtype dtype = _i % 2 ? WG_F64 : WG_F32;
    wg_random r = { .seed = 5, .stream = (uint64_t)_i };
    wg_shape out = result_shape(s);
    int64_t each = s->c / or_one(s->options.groups), taps = each * s->kernel[0] * s->kernel[1];
    wg_tensor *x = wg_variable(drawn(&r, dtype, WG_SHAPE(s->n, s->c, s->h, s->w)));
    wg_tensor *w = wg_variable(drawn(&r, dtype, WG_SHAPE(s->o, each, s->kernel[0], s->kernel[1])));
    wg_tensor *g = drawn(&r, dtype, out), *y = wg_conv2d(x, w, NULL, s->options), *gradient[2];
    expect_shape(y, out);
    numbers d = { of(x), of(w), of(g), nothing(y), nothing(x), nothing(w) };
    for (int64_t e = 0; e < wg_numel(y); e++) one_element(s, &d, &out, e);
    ck_assert(wg_grad(y, (wg_tensor *[]){ x, w }, 2, gradient, (wg_grad_options){ .seed = g }));
    expect_sum(y, d.y, taps);
    expect_sum(gradient[0], d.gx, s->o * s->kernel[0] * s->kernel[1]);
    expect_sum(gradient[1], d.gw, s->n * out.dim[2] * out.dim[3]);
    free(d.x), free(d.w), free(d.g), free(d.y), free(d.gx), free(d.gw);
}
END_TEST

START_TEST(a_convolution_is_a_product_with_the_columns) {
    wg_random r = { .seed = 6 };
    wg_tensor *x = wg_randn(WG_F64, WG_SHAPE(2, 3, 7, 6), &r);
    wg_tensor *w = wg_randn(WG_F64, WG_SHAPE(4, 3, 3, 2), &r);
    wg_tensor *columns = wg_unfold(x, WG_SHAPE(3, 2),
                                   (wg_window_options){ .stride = { 2, 1 }, .padding = { 1, 1 } });
    wg_tensor *y = wg_matmul(wg_reshape(w, WG_SHAPE(4, 18)), columns);
    wg_tensor *z = wg_conv2d(x, w, NULL, (wg_conv_options){ { 2, 1 }, { 1, 1 }, { 0 }, { 0 }, 0 });
    // Eighteen products of normal numbers.
    ck_assert(wg_allclose(wg_reshape(y, wg_shape_of(z)), z, 0, 1e-14));
}
END_TEST

static wg_tensor *whole(wg_tensor *x) { return wg_cast(wg_cast(x, WG_I64), wg_dtype_of(x)); }

/* In whole numbers both sides are exact. */
START_TEST(the_transpose_is_the_transpose) {
    wg_random r = { .seed = 7 };
    wg_conv_options o = { .stride = { 2, 3 }, .padding = { 1, 2 }, .groups = 2 };
    wg_tensor *x = whole(wg_randn(WG_F64, WG_SHAPE(2, 4, 9, 10), &r));
    wg_tensor *w = whole(wg_randn(WG_F64, WG_SHAPE(6, 2, 3, 3), &r));
    wg_tensor *y = wg_conv2d(x, w, NULL, o);
    wg_tensor *z = whole(wg_randn(WG_F64, wg_shape_of(y), &r));
    o.output_padding[1] = 2;  // (10 + 2 * 2 - 3) mod 3
    wg_tensor *back = wg_conv_transpose2d(z, w, NULL, o);
    expect_shape(back, wg_shape_of(x));
    ck_assert(wg_item(wg_sum(wg_mul(y, z))) == wg_item(wg_sum(wg_mul(x, back))));
}
END_TEST

START_TEST(groups_do_not_see_each_other) {
    wg_tensor *x = wg_ones(WG_F32, WG_SHAPE(1, 4, 5, 5)),
              *w = wg_ones(WG_F32, WG_SHAPE(4, 2, 3, 3));
    wg_tensor *nan = wg_full(WG_F32, WG_SHAPE(1, 2, 5, 5), NAN);
    x = wg_cat((wg_tensor *[]){ wg_slice(x, 1, 0, 2, 1), nan }, 2, 1);
    wg_tensor *y = wg_conv2d(x, w, NULL, (wg_conv_options){ .groups = 2 });
    double *got = elements_of(y, 36);
    for (int k = 0; k < 18; k++) ck_assert(got[k] == 18);
    for (int k = 18; k < 36; k++) ck_assert(isnan(got[k]));
    free(got);
}
END_TEST

START_TEST(a_nan_reaches_the_windows_that_see_it_and_no_others) {
    wg_tensor *x = wg_ones(WG_F64, WG_SHAPE(1, 1, 1, 6)),
              *w = wg_ones(WG_F64, WG_SHAPE(1, 1, 1, 2));
    ck_assert(wg_fill(wg_slice(x, 3, 2, 3, 1), NAN));
    double want[] = { 2, NAN, NAN, 2, 2 };
    expect_near(wg_conv2d(x, w, NULL, plain), want, 5, 0, 0);
}
END_TEST

/* ---- sizes ----------------------------------------------------------------------------------- */

START_TEST(an_empty_batch_has_an_empty_result_and_a_gradient_of_zero) {
    wg_tensor *x = wg_variable(wg_zeros(WG_F32, WG_SHAPE(0, 2, 4, 4)));
    wg_tensor *w = wg_variable(wg_ones(WG_F32, WG_SHAPE(1, 2, 2, 2)));
    wg_tensor *b = wg_variable(wg_ones(WG_F32, WG_SHAPE(1)));
    wg_tensor *y = wg_conv2d(x, w, b, plain);
    expect_shape(y, WG_SHAPE(0, 1, 3, 3));
    ck_assert(wg_backward(wg_sum(y)));
    EXPECT_VALUES(wg_gradient(w), 0, 0, 0, 0, 0, 0, 0, 0);
    EXPECT_VALUES(wg_gradient(b), 0);
    expect_shape(wg_gradient(x), WG_SHAPE(0, 2, 4, 4));
}
END_TEST

START_TEST(without_channels_the_bias_is_left) {
    wg_tensor *x = wg_zeros(WG_F64, WG_SHAPE(1, 0, 3, 2)),
              *w = wg_zeros(WG_F64, WG_SHAPE(2, 0, 2, 2));
    EXPECT_VALUES(wg_conv2d(x, w, counting(WG_F64, WG_SHAPE(2)), plain), 1, 1, 2, 2);
    EXPECT_VALUES(wg_conv2d(x, w, NULL, plain), 0, 0, 0, 0);
}
END_TEST

// All columns together would be 18 MiB; a box of them is half of one.
START_TEST(columns_never_stand_in_memory_all_at_once) {
    wg_random r = { .seed = 8 };
    wg_tensor *x = wg_variable(wg_randn(WG_F32, WG_SHAPE(1, 8, 256, 256), &r));
    wg_tensor *w = wg_variable(wg_randn(WG_F32, WG_SHAPE(1, 8, 3, 3), &r));
    size_t before = counted.bytes;
    counted.peak = before;
    ck_assert(wg_backward(wg_sum(wg_conv2d(x, w, NULL, plain))));
    size_t image = 8 * 256 * 256 * sizeof(float);
    ck_assert_uint_le(counted.peak - before, 2 * image);
}
END_TEST

static bool attempt(void) {
    wg_tensor *x = wg_variable(wg_transpose(wg_ones(WG_F32, WG_SHAPE(9, 2, 6, 5)), 2, 3));
    wg_tensor *w = wg_variable(wg_transpose(wg_ones(WG_F32, WG_SHAPE(4, 1, 3, 2)), 2, 3));
    wg_tensor *b = wg_variable(wg_ones(WG_F32, WG_SHAPE(4)));
    wg_tensor *y = wg_conv2d(x, w, b, (wg_conv_options){ .groups = 2, .padding = { 1, 1 } });
    return wg_backward(
        wg_sum(wg_conv1d(wg_flatten(y, 2), wg_ones(WG_F32, WG_SHAPE(2, 4, 3)), NULL, plain)));
}
START_TEST(any_allocation_may_fail) { ck_assert_int_gt(fail_every_allocation(attempt), 10); }
END_TEST

/* ---- refusals -------------------------------------------------------------------------------- */

static wg_tensor *image(int64_t c, int64_t h, int64_t w) {
    return wg_ones(WG_F32, WG_SHAPE(1, c, h, w));
}

START_TEST(what_does_not_fit_is_refused_with_its_numbers) {
    wg_tensor *w = wg_ones(WG_F32, WG_SHAPE(4, 2, 3, 3));
    wg_conv2d(image(3, 5, 5), w, NULL, plain);
    expect_error(WG_ERROR_SHAPE, "conv2d: [1,3,5,5] x [4,2,3,3]: x has 3 channels, the weights "
                                 "are for 2");
    wg_conv2d(image(9, 5, 5), wg_ones(WG_F32, WG_SHAPE(6, 2, 3, 3)), NULL,
              (wg_conv_options){ .groups = 3 });
    expect_error(WG_ERROR_SHAPE,
                 "x has 9 channels in 3 groups, 3 to a group, the weights are for 2 "
                 "to a group");
    wg_conv2d(image(6, 5, 5), w, NULL, (wg_conv_options){ .groups = 3 });
    expect_error(WG_ERROR_SHAPE, "3 groups do not divide 6 and 4 channels");
    wg_conv2d(image(2, 2, 5), w, NULL, plain);
    expect_error(WG_ERROR_SHAPE, "the kernel covers 3x3, the padded image is 2x5");
    wg_conv2d(image(2, 5, 5), w, wg_ones(WG_F32, WG_SHAPE(3)), plain);
    expect_error(WG_ERROR_SHAPE, "x [3]: the bias is not of 4 channels");
    wg_conv2d(image(2, 5, 5), w, NULL, (wg_conv_options){ .padding = { 0, INT64_MAX } });
    expect_error(WG_ERROR_SHAPE, "padding 0x9223372036854775807, dilation 1x1: too large");
    wg_conv2d(image(2, 5, 5), w, NULL, (wg_conv_options){ .stride = { -1, 1 } });
    expect_error(WG_ERROR_ARGUMENT, "stride -1x1");
    wg_conv2d(wg_ones(WG_F32, WG_SHAPE(2, 5, 5)), w, NULL, plain);
    expect_error(WG_ERROR_SHAPE, "input 0 has 3 dimensions, not 4: (N, C, H, W)");
    wg_conv2d(image(2, 5, 5), wg_ones(WG_F64, WG_SHAPE(4, 2, 3, 3)), NULL, plain);
    expect_error(WG_ERROR_DTYPE, "f32 and f64 do not mix");
    wg_conv2d(NULL, w, NULL, plain);
    expect_error(WG_ERROR_ARGUMENT, "conv2d: input 0 is NULL");
}
END_TEST

START_TEST(the_transpose_and_lines_refuse_likewise) {
    wg_tensor *w = wg_ones(WG_F32, WG_SHAPE(2, 3, 2, 2));
    wg_conv_transpose2d(image(3, 5, 5), w, NULL, plain);
    expect_error(WG_ERROR_SHAPE, "x has 3 channels, the weights are for 2");
    wg_conv_transpose2d(image(2, 5, 5), w, NULL, (wg_conv_options){ .output_padding = { 0, 1 } });
    expect_error(WG_ERROR_ARGUMENT, "output_padding 0x1");
    wg_conv_transpose2d(image(2, 1, 5), w, NULL, (wg_conv_options){ .padding = { 1, 0 } });
    expect_error(WG_ERROR_SHAPE, "padding 1x0 leaves nothing");
    wg_conv1d(wg_ones(WG_F32, WG_SHAPE(1, 2, 2)), wg_ones(WG_F32, WG_SHAPE(1, 2, 3)), NULL, plain);
    expect_error(WG_ERROR_SHAPE, "conv1d: [1,2,2] x [1,2,3]: the kernel covers 3, the padded "
                                 "line has 2");
    wg_conv1d(image(2, 5, 5), w, NULL, plain);
    expect_error(WG_ERROR_SHAPE, "conv1d: [1,2,5,5] x [2,3,2,2]: input 0 has 4 dimensions, not 3");
}
END_TEST

START_TEST(channels_that_come_last_are_told_where_they_belong) {
    wg_tensor *w = wg_ones(WG_F32, WG_SHAPE(4, 3, 3, 3));
    wg_conv2d(image(8, 8, 3), w, NULL, plain);
    expect_error(WG_ERROR_SHAPE, "x has 8 channels, the weights are for 3; wanted is (N, C, H, W), "
                                 "is the last axis C?");
    wg_conv2d(image(8, 8, 5), w, NULL, plain);
    ck_assert_ptr_null(strstr(wg_error_message(), "last axis"));
    wg_error_clear();
}
END_TEST

START_TEST(on_lines_the_second_number_of_a_pair_is_refused) {
    wg_tensor *x = wg_ones(WG_F32, WG_SHAPE(1, 2, 9)), *w = wg_ones(WG_F32, WG_SHAPE(2, 2, 3));
    static const struct {
        wg_conv_options o;
        const char *words;
    } row[] = { { { .stride = { 2, 2 } }, "stride[1] is 2" },
                { { .padding = { 0, 1 } }, "padding[1] is 1" },
                { { .dilation = { 1, -3 } }, "dilation[1] is -3" },
                { { .output_padding = { 0, 1 } }, "output_padding[1] is 1" } };
    for (int i = 0; i < COUNT(row); i++) {
        ck_assert_ptr_null(wg_conv1d(x, w, NULL, row[i].o));
        expect_error(WG_ERROR_ARGUMENT, row[i].words);
        ck_assert_ptr_null(wg_conv_transpose1d(x, w, NULL, row[i].o));
        expect_error(WG_ERROR_ARGUMENT, row[i].words);
    }
}
END_TEST

START_TEST(columns_that_do_not_fit_an_image_are_refused) {
    wg_window_options o = { .stride = { 0, 0 } };
    wg_tensor *x = wg_ones(WG_F32, WG_SHAPE(1, 8, 5));
    wg_fold(x, WG_SHAPE(3, 3), WG_SHAPE(2, 2), o);
    expect_error(WG_ERROR_SHAPE, "fold: [1,8,5]: 5 columns, but 2x2 windows");
    wg_fold(x, WG_SHAPE(3, 3), WG_SHAPE(1, 3), o);
    expect_error(WG_ERROR_SHAPE, "8 rows are no multiple of the kernel's 3");
    wg_unfold(x, WG_SHAPE(3), o);
    expect_error(WG_ERROR_ARGUMENT, "unfold: the kernel has 1 number, not 2");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("conv");
    TCase *values = add_cases(suite, "known values"), *loops = add_cases(suite, "plain loops"),
          *sizes = add_cases(suite, "sizes"), *refusals = add_cases(suite, "refusals");
    tcase_add_loop_test(values, a_convolution_is_the_sum_of_products_in_each_window, 0, 2);
    tcase_add_test(values, the_transpose_spreads_what_the_convolution_gathers);
    tcase_add_test(values, columns_are_windows_channel_slowest);
    tcase_add_test(values, fold_of_unfold_counts_the_windows_that_reach_an_element);
    tcase_add_test(values, lines_are_images_of_one_row);
    tcase_add_test(values, the_third_derivative_goes_through_all_three_records);
    tcase_add_loop_test(loops, value_and_gradients_are_those_of_plain_loops, 0, 2 * COUNT(setups));
    tcase_add_test(loops, a_convolution_is_a_product_with_the_columns);
    tcase_add_test(loops, the_transpose_is_the_transpose);
    tcase_add_test(loops, groups_do_not_see_each_other);
    tcase_add_test(loops, a_nan_reaches_the_windows_that_see_it_and_no_others);
    tcase_add_test(sizes, an_empty_batch_has_an_empty_result_and_a_gradient_of_zero);
    tcase_add_test(sizes, without_channels_the_bias_is_left);
    tcase_add_test(sizes, columns_never_stand_in_memory_all_at_once);
    tcase_add_test(sizes, any_allocation_may_fail);
    tcase_add_test(refusals, what_does_not_fit_is_refused_with_its_numbers);
    tcase_add_test(refusals, the_transpose_and_lines_refuse_likewise);
    tcase_add_test(refusals, channels_that_come_last_are_told_where_they_belong);
    tcase_add_test(refusals, on_lines_the_second_number_of_a_pair_is_refused);
    tcase_add_test(refusals, columns_that_do_not_fit_an_image_are_refused);
    return run_suite(suite);
}
