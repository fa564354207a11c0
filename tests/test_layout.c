// SPDX-License-Identifier: MIT
/* test_layout.c: the kernels that walk arrays of any strides (map, copy, accumulate) and the
   conversions, against loops that go element by element, over thousands of random layouts. Bytes
   between the elements must stay as they were. */
#include "tensor/kernels/kernels.h"
#include "tests/core_test.h"

/* ---- walking, the plain way ------------------------------------------------------------------ */

/* Where element `flat` of shape `full` stands in v, which is broadcast to it. */
static char *element_at(const wg_view *v, const wg_shape *full, int64_t flat) {
    int64_t offset = 0;
    for (int i = full->rank - 1; i >= 0; i--) {
        int64_t index = flat % full->dim[i];
        flat /= full->dim[i];
        int k = i - (full->rank - v->shape.rank);
        if (k >= 0 && v->shape.dim[k] != 1) offset += index * v->stride[k];
    }
    return (char *)v->data + offset * (int64_t)wg_dtype_size(v->dtype);
}

/* The whole block that x is a view into, copied, to be compared afterwards. */
typedef struct snapshot {
    unsigned char *bytes;
    size_t size;
} snapshot;

static snapshot take_snapshot(const wg_tensor *x) {
    snapshot s = { .size = (size_t)wg_numel(x->next) * wg_dtype_size(x->view.dtype) };
    s.bytes = malloc(s.size + 1);
    memcpy(s.bytes, x->storage, s.size);
    return s;
}

static wg_tensor *layout(wg_random *r, wg_dtype dtype, wg_shape shape, bool shared) {
    wg_tensor *x = random_layout(r, dtype, shape, shared);
    int64_t bytes = wg_numel(x->next) * (int64_t)wg_dtype_size(dtype);  // x->next: all of the block
    ck_assert_ptr_eq(x->next->storage, x->storage);
    for (int64_t i = 0; i < bytes; i++)
        ((unsigned char *)x->storage)[i] = (unsigned char)wg_random_u64(r);
    return x;
}

/* ---- conversions ----------------------------------------------------------------------------- */

/* What `from` is as `to`, said in words of the header: floats go towards zero into integers, those
   outside become the nearest end, NaN becomes 0; an integer that does not fit wraps; bool is "not
   0". */
typedef struct number {
    bool whole;
    double real;
    int64_t integer;
} number;

static number load(wg_dtype dtype, const void *p) {
    float f;
    double d;
    int32_t i;
    int64_t l;
    switch (dtype) {
    case WG_F32: return memcpy(&f, p, sizeof f), (number){ false, (double)f, 0 };
    case WG_F64: return memcpy(&d, p, sizeof d), (number){ false, d, 0 };
    case WG_I32: return memcpy(&i, p, sizeof i), (number){ true, 0, i };
    case WG_I64: return memcpy(&l, p, sizeof l), (number){ true, 0, l };
    default: return (number){ true, 0, *(const uint8_t *)p };
    }
}

static int64_t cut(double x, int64_t low, int64_t high) {
    if (isnan(x)) return 0;
    if (x <= (double)low) return low;
    if (x >= (double)high) return high;
    return (int64_t)x;
}

static void store(wg_dtype dtype, void *p, number n) {
    float f = n.whole ? (float)n.integer : (float)n.real;
    double d = n.whole ? (double)n.integer : n.real;
    uint64_t bits = (uint64_t)n.integer;  // wrapping is what unsigned numbers do
    int32_t i = n.whole ? (int32_t)(uint32_t)bits : (int32_t)cut(n.real, INT32_MIN, INT32_MAX);
    int64_t l = n.whole ? n.integer : cut(n.real, INT64_MIN, INT64_MAX);
    uint8_t u = n.whole ? (uint8_t)bits : (uint8_t)cut(n.real, 0, 255);
    uint8_t b = n.whole ? n.integer != 0 : n.real != 0;
    const void *from[WG_DTYPES] = { &f, &d, &i, &l, &u, &b };
    memcpy(p, from[dtype], wg_dtype_size(dtype));
}

// Equal bit by bit, but one NaN is as good as another.
static bool same(wg_dtype dtype, const void *a, const void *b) {
    if (memcmp(a, b, wg_dtype_size(dtype)) == 0) return true;
    return wg_dtype_is_float(dtype) && isnan(load(dtype, a).real) && isnan(load(dtype, b).real);
}

static const double awkward[] = {
    0,      -0.0,         0.5,          -0.5,         0.999999,      -0.999999,     1,
    -1,     254.9,        255,          255.5,        256,           -1e-9,         1e30,
    -1e30,  2147483646.5, 2147483647.0, 2147483648.0, -2147483648.0, -2147483648.5, -2147483649.0,
    0x1p62, 0x1p63,       -0x1p63,      -0x1.8p63,    NAN,           INFINITY,      -INFINITY,
    1e300,  -1e300,       1e-310,       16777217,     0x1p-149,
};

START_TEST(every_conversion_is_total) {
    enum { N = sizeof awkward / sizeof *awkward };
    for (int from = 0; from < WG_DTYPES; from++) {
        wg_tensor *x = wg_from_f64((wg_dtype)from, WG_SHAPE(N), awkward);
        for (int to = 0; to < WG_DTYPES; to++) {
            wg_tensor *y = wg_zeros((wg_dtype)to, WG_SHAPE(N));
            ck_assert(wg_copy(y, x));
            for (int64_t i = 0; i < N; i++) {
                char want[8];
                store((wg_dtype)to, want, load((wg_dtype)from, wg__at(&x->view, i)));
                ck_assert_msg(same((wg_dtype)to, want, wg__at(&y->view, i)), "%g as %s as %s",
                              awkward[i], wg_dtype_name((wg_dtype)from),
                              wg_dtype_name((wg_dtype)to));
            }
        }
    }
}
END_TEST

START_TEST(floats_become_integers_as_the_header_says) {
    static const struct {
        double x;
        int32_t i32;
        int64_t i64;
        uint8_t u8, truth;
    } row[] = {
        { NAN, 0, 0, 0, 1 },
        { INFINITY, INT32_MAX, INT64_MAX, 255, 1 },
        { -INFINITY, INT32_MIN, INT64_MIN, 0, 1 },
        { -2147483648.9, INT32_MIN, -2147483648, 0, 1 },
        { 2147483647.9, INT32_MAX, 2147483647, 255, 1 },
        { -0.9, 0, 0, 0, 1 },
        { 254.99, 254, 254, 254, 1 },
        { -0.0, 0, 0, 0, 0 },
        { 9223372036854775807.0, INT32_MAX, INT64_MAX, 255, 1 },
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        int32_t i32;
        int64_t i64;
        uint8_t u8, truth;
        ck_assert(wg_read(wg_full(WG_I32, WG_SCALAR, row[i].x), &i32, 1));
        ck_assert(wg_read(wg_full(WG_I64, WG_SCALAR, row[i].x), &i64, 1));
        ck_assert(wg_read(wg_full(WG_U8, WG_SCALAR, row[i].x), &u8, 1));
        ck_assert(wg_read(wg_full(WG_BOOL, WG_SCALAR, row[i].x), &truth, 1));
        ck_assert_msg(i32 == row[i].i32 && i64 == row[i].i64 && u8 == row[i].u8 &&
                          truth == row[i].truth,
                      "%g", row[i].x);
    }
}
END_TEST

/* ---- copies ---------------------------------------------------------------------------------- */

// A shape that broadcasts to `full`: some axes become 1, some leading ones go.
static wg_shape smaller(wg_random *r, wg_shape full) {
    wg_shape s = full;
    int gone = between(r, 0, 2) == 0 ? (int)between(r, 0, full.rank) : 0;
    s.rank -= gone;
    for (int i = 0; i < s.rank; i++) s.dim[i] = between(r, 0, 3) == 0 ? 1 : full.dim[i + gone];
    return s;
}

static void replay_copy(snapshot *s, const wg_tensor *to, const wg_view *from) {
    const wg_shape *full = &to->view.shape;
    for (int64_t i = 0, n = wg_numel(to); i < n; i++) {
        ptrdiff_t at = element_at(&to->view, full, i) - (char *)to->storage;
        store(to->view.dtype, s->bytes + at, load(from->dtype, element_at(from, full, i)));
    }
}

static void expect_snapshot(const snapshot *s, const wg_tensor *x) {
    size_t size = wg_dtype_size(x->view.dtype);
    for (size_t i = 0; i < s->size; i += size)
        ck_assert(same(x->view.dtype, s->bytes + i, (char *)x->storage + i));
    free(s->bytes);
}

START_TEST(copies_between_random_layouts_are_those_of_a_plain_loop) {
    wg_random r = { .seed = 11, .stream = (uint64_t)_i };
    for (int round = 0; round < 1500; round++) {
        wg_scope *scope = wg_scope_open();
        wg_dtype into = (wg_dtype)(_i / WG_DTYPES), of = (wg_dtype)(_i % WG_DTYPES);
        wg_shape shape = random_shape(&r, 5, 4);
        wg_tensor *to = layout(&r, into, shape, false);
        wg_tensor *from = layout(&r, of, smaller(&r, shape), true);
        snapshot s = take_snapshot(to);
        replay_copy(&s, to, &from->view);
        wg__copy_view(&to->view, &from->view);
        expect_snapshot(&s, to);
        wg_scope_close(scope);
    }
}
END_TEST

START_TEST(fills_touch_exactly_the_elements_of_the_view) {
    wg_random r = { .seed = 12 };
    static const double value[] = { 0, -0.0, 1, -2.5, NAN, 300 };
    for (int round = 0; round < 3000; round++) {
        wg_scope *scope = wg_scope_open();
        wg_tensor *to =
            layout(&r, (wg_dtype)between(&r, 0, WG_DTYPES - 1), random_shape(&r, 5, 4), false);
        double v = value[between(&r, 0, 5)];
        const wg_view one = { .data = &v, .dtype = WG_F64 };
        snapshot s = take_snapshot(to);
        replay_copy(&s, to, &one);
        ck_assert(wg_fill(to, v));
        expect_snapshot(&s, to);
        wg_scope_close(scope);
    }
}
END_TEST

START_TEST(writes_and_reads_of_random_layouts_are_in_c_order) {
    wg_random r = { .seed = 13 };
    for (int round = 0; round < 3000; round++) {
        wg_scope *scope = wg_scope_open();
        wg_dtype dtype = (wg_dtype)between(&r, 0, WG_DTYPES - 1);
        wg_tensor *x = layout(&r, dtype, random_shape(&r, 5, 4), false);
        int64_t n = wg_numel(x);
        size_t size = wg_dtype_size(dtype);
        char *in = calloc((size_t)n + 1, 8), *out = malloc((size_t)n * 8 + 8);
        for (int64_t i = 0; i < n; i++)
            store(dtype, in + i * (int64_t)size,
                  (number){ true, 0, dtype == WG_BOOL ? i % 2 : i - 3 });
        ck_assert(wg_write(x, in, n));
        ck_assert(wg_read(x, out, n));
        ck_assert_mem_eq(in, out, (size_t)n * size);
        for (int64_t i = 0; i < n; i++)
            ck_assert(same(dtype, element_at(&x->view, &x->view.shape, i), in + i * (int64_t)size));
        free(in), free(out);
        wg_scope_close(scope);
    }
}
END_TEST

/* ---- map ------------------------------------------------------------------------------------- */

static int64_t loop_calls;

// y = a + 2 b + 3 c + param: different weights, so that no two operands can be mistaken for each
// other.
static void weigh(int64_t n, void *const p[], const int64_t step[], const double *param) {
    float *y = p[0];
    const double *a = p[1];
    const int32_t *b = p[2];
    const uint8_t *c = p[3];
    loop_calls++;
    for (int64_t i = 0; i < n; i++)
        y[i * step[0]] =
            (float)(a[i * step[1]] + 2.0 * b[i * step[2]] + 3.0 * c[i * step[3]] + *param);
}

static void fill_small(wg_random *r, wg_tensor *x) {
    for (int64_t i = 0; i < wg_numel(x); i++) {
        number n = { !wg_dtype_is_float(x->view.dtype), (double)between(r, 0, 9),
                     between(r, 0, 9) };
        store(x->view.dtype, element_at(&x->view, &x->view.shape, i), n);
    }
}

START_TEST(map_pairs_the_elements_of_broadcast_views) {
    wg_random r = { .seed = 14 };
    static const wg_dtype dtype[] = { WG_F32, WG_F64, WG_I32, WG_U8 };
    const double five = 5;
    for (int round = 0; round < 4000; round++) {
        wg_scope *scope = wg_scope_open();
        wg_shape shape = random_shape(&r, 6, 4);
        wg_tensor *x[4];
        const wg_view *views[4];
        for (int k = 0; k < 4; k++) {
            x[k] = layout(&r, dtype[k], k ? smaller(&r, shape) : shape, k > 0);
            fill_small(&r, x[k]);
            views[k] = &x[k]->view;
        }
        snapshot s = take_snapshot(x[0]);
        wg__map(weigh, views, 4, &five);
        for (int64_t i = 0; i < wg_numel(x[0]); i++) {
            float want = 5;
            for (int k = 1; k < 4; k++) {
                number n = load(dtype[k], element_at(views[k], &shape, i));
                want += (float)k * (float)(n.whole ? (double)n.integer : n.real);
            }
            char *at = element_at(views[0], &shape, i);
            ck_assert(same(WG_F32, at, &want));  // small whole numbers: exact
            memcpy(s.bytes + (at - (char *)x[0]->storage), at, sizeof want);
        }
        expect_snapshot(&s, x[0]);
        wg_scope_close(scope);
    }
}
END_TEST

START_TEST(map_runs_dense_arrays_of_any_rank_in_one_loop) {
    const double zero = 0;
    wg_shape shape = WG_SHAPE(2, 1, 3, 4, 1, 5);
    static const wg_dtype dtype[] = { WG_F32, WG_F64, WG_I32, WG_U8 };
    const wg_view *views[4];
    for (int k = 0; k < 4; k++) views[k] = &wg_zeros(dtype[k], k == 2 ? WG_SCALAR : shape)->view;
    loop_calls = 0;
    wg__map(weigh, views, 4, &zero);
    ck_assert_int_eq(loop_calls, 1);
}
END_TEST

START_TEST(accumulating_adds_elementwise_in_any_layout) {
    wg_random r = { .seed = 15 };
    for (int round = 0; round < 3000; round++) {
        wg_scope *scope = wg_scope_open();
        wg_dtype dtype = between(&r, 0, 1) ? WG_F32 : WG_F64;
        wg_shape shape = random_shape(&r, 5, 4);
        wg_tensor *to = layout(&r, dtype, shape, false), *from = layout(&r, dtype, shape, true);
        fill_small(&r, to), fill_small(&r, from);
        snapshot s = take_snapshot(to);
        for (int64_t i = 0; i < wg_numel(to); i++) {
            char *at = element_at(&to->view, &shape, i);
            double sum =
                load(dtype, at).real + load(dtype, element_at(&from->view, &shape, i)).real;
            store(dtype, s.bytes + (at - (char *)to->storage), (number){ false, sum, 0 });
        }
        wg__accumulate(&to->view, &from->view);
        expect_snapshot(&s, to);
        wg_scope_close(scope);
    }
}
END_TEST

/* ---- what the layouts are called ------------------------------------------------------------- */

START_TEST(contiguous_means_that_element_i_stands_at_place_i) {
    wg_random r = { .seed = 16 };
    int dense = 0;
    for (int round = 0; round < 4000; round++) {
        wg_scope *scope = wg_scope_open();
        wg_tensor *x = layout(&r, WG_F32, random_shape(&r, 4, 3), between(&r, 0, 1));
        bool want = true;
        for (int64_t i = 0; i < wg_numel(x); i++) {
            ptrdiff_t at = element_at(&x->view, &x->view.shape, i) - (char *)x->view.data;
            want = want && at == 4 * i;
            ck_assert_int_eq(wg__offset(&x->view, i) * 4, at);
        }
        ck_assert_int_eq(wg_is_contiguous(x), want);
        dense += want;
        wg_scope_close(scope);
    }
    ck_assert(dense > 200 && dense < 3800);  // both cases were met
}
END_TEST

int main(void) {
    Suite *suite = suite_create("layout");
    TCase *cases = add_cases(suite, "layouts and conversions");
    tcase_add_test(cases, every_conversion_is_total);
    tcase_add_test(cases, floats_become_integers_as_the_header_says);
    tcase_add_loop_test(cases, copies_between_random_layouts_are_those_of_a_plain_loop, 0,
                        WG_DTYPES * WG_DTYPES);
    tcase_add_test(cases, fills_touch_exactly_the_elements_of_the_view);
    tcase_add_test(cases, writes_and_reads_of_random_layouts_are_in_c_order);
    tcase_add_test(cases, map_pairs_the_elements_of_broadcast_views);
    tcase_add_test(cases, map_runs_dense_arrays_of_any_rank_in_one_loop);
    tcase_add_test(cases, accumulating_adds_elementwise_in_any_layout);
    tcase_add_test(cases, contiguous_means_that_element_i_stands_at_place_i);
    return run_suite(suite);
}
