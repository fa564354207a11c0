// SPDX-License-Identifier: MIT
/* test_io_npy.c: NumPy's files. What NumPy wrote (tests/data/make_npy.py) is read, and written
   again byte for byte; headers are tried in every form that Python would take, and in those that it
   would not. */
#include <math.h>

#include "io/io_impl.h"
#include "tests/io_test.h"

static wg_tensor *parse(const void *bytes, size_t size) {
    unsigned char *copy = exact_copy(bytes, size);
    wg_tensor *x = wg_io_parse_npy("t.npy", copy, size);
    free(copy);
    return x;
}

/* A file of this version with this header, closed by a newline, and `bytes` bytes of value 1. */
static wg_tensor *parse_header(int version, const char *header, size_t bytes) {
    unsigned char file[1024] = { 0x93, 'N', 'U', 'M', 'P', 'Y', (unsigned char)version };
    size_t n = strlen(header) + 1, at = version == 1 ? 10 : 12;
    ck_assert_uint_le(at + n + bytes, sizeof file);
    file[8] = (unsigned char)(n & 255);
    file[9] = (unsigned char)(n >> 8);
    memcpy(file + at, header, n - 1);
    file[at + n - 1] = '\n';
    memset(file + at + n, 1, bytes);
    return parse(file, at + n + bytes);
}

/* ---- golden files ---------------------------------------------------------------------------- */

static const struct {
    const char *name;
    wg_dtype dtype;
    bool is_unsigned, written;  // the library writes these bytes too
    wg_shape shape;
} golden[] = {
    { "f4", WG_F32, false, true, { 2, { 2, 3 } } },
    { "f8", WG_F64, false, true, { 1, { 4 } } },
    { "i4", WG_I32, false, true, { 2, { 0, 5 } } },
    { "i8", WG_I64, false, true, { 0, { 0 } } },
    { "u1", WG_U8, true, true, { 3, { 3, 2, 1 } } },
    { "b1", WG_BOOL, false, true, { 1, { 7 } } },
    { "rank8", WG_F32, false, true, { 8, { 1, 2, 1, 3, 1, 1, 2, 1 } } },
    { "long", WG_U8, true, true, { 2, { 1234, 1 } } },
    { "f2", WG_F32, false, false, { 1, { 5 } } },
    { "i1", WG_I32, false, false, { 1, { 5 } } },
    { "i2", WG_I32, false, false, { 2, { 2, 2 } } },
    { "u2", WG_I32, true, false, { 1, { 5 } } },
    { "big_f4", WG_F32, false, false, { 2, { 2, 3 } } },
    { "big_f8", WG_F64, false, false, { 1, { 3 } } },
    { "big_i8", WG_I64, false, false, { 1, { 3 } } },
    { "fortran", WG_F32, false, false, { 3, { 2, 3, 4 } } },
    { "big_fortran_i2", WG_I32, false, false, { 2, { 3, 2 } } },
    { "version2", WG_F32, false, false, { 2, { 2, 3 } } },
    { "version3", WG_F32, false, false, { 2, { 2, 3 } } },
};

static const char *golden_path(const char *name) {
    char file[64];
    snprintf(file, sizeof file, "tests/data/npy_%s.npy", name);
    return repository_path(file);
}

START_TEST(npy_reads_what_numpy_wrote) {
    wg_tensor *x = wg_io_load_npy(golden_path(golden[_i].name));
    expect_dense(x, golden[_i].dtype, golden[_i].shape);
    double v[2048];
    ck_assert(wg_read_f64(x, v, wg_numel(x)));
    for (int k = 0; k < wg_numel(x); k++) {
        int wanted = golden[_i].is_unsigned ? k & 255 : k - 2;
        ck_assert_double_eq(v[k], golden[_i].dtype == WG_BOOL ? k % 3 == 0 : wanted);
    }
}
END_TEST

START_TEST(npy_writes_what_numpy_writes) {
    if (!golden[_i].written) return;
    file_bytes wanted = slurp(golden_path(golden[_i].name));
    wg_tensor *x = parse(wanted.data, wanted.size);
    ck_assert(wg_io_save_npy(temporary_path("x.npy"), x));
    file_bytes got = slurp(temporary_path("x.npy"));
    ck_assert_uint_eq(got.size, wanted.size);
    ck_assert_mem_eq(got.data, wanted.data, wanted.size);
    free(got.data);
    free(wanted.data);
}
END_TEST

static const struct {
    const char *name;
    wg_status status;
    const char *words;
} refused_golden[] = {
    { "objects", WG_ERROR_FORMAT, "descr '|O' holds pickled Python objects" },
    { "record", WG_ERROR_FORMAT, "column 11: a quoted string wanted, '[' found" },
    { "complex", WG_ERROR_DTYPE, "descr '<c8' has no dtype here" },
    { "text", WG_ERROR_DTYPE, "descr '<U2' has no dtype here" },
    { "u4", WG_ERROR_DTYPE, "descr '<u4' has no dtype here" },
};

START_TEST(npy_refuses_what_has_no_dtype_here) {
    ck_assert_ptr_null(wg_io_load_npy(golden_path(refused_golden[_i].name)));
    expect_error(refused_golden[_i].status, refused_golden[_i].words);
}
END_TEST

/* ---- round trips ----------------------------------------------------------------------------- */

static void expect_round_trip(wg_tensor *x) {
    ck_assert(wg_io_save_npy(temporary_path("x.npy"), x));
    wg_tensor *y = wg_io_load_npy(temporary_path("x.npy"));
    expect_dense(y, wg_dtype_of(x), wg_shape_of(x));
    size_t size = (size_t)wg_numel(x) * wg_dtype_size(wg_dtype_of(x));
    unsigned char *a = malloc(size + 1), *b = malloc(size + 1);
    ck_assert(wg_read(x, a, wg_numel(x)) && wg_read(y, b, wg_numel(y)));
    ck_assert_mem_eq(a, b, size);  // bytes: NaNs and zeros keep their sign and payload
    free(a);
    free(b);
}

START_TEST(npy_keeps_every_bit_of_every_dtype_and_rank) {
    wg_random r = { .seed = (uint64_t)_i };
    wg_dtype dtype = (wg_dtype)(_i % WG_DTYPES);
    wg_shape shape = { .rank = _i / WG_DTYPES };
    for (int i = 0; i < shape.rank; i++) shape.dim[i] = wg_random_below(&r, i == 2 ? 2 : 4);
    unsigned char bytes[8 * 6561];  // 3 along each of 8 axes
    size_t size = (size_t)wg__numel(&shape) * wg_dtype_size(dtype);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(wg_random_u64(&r) & (dtype == WG_BOOL ? 1 : 255));
    wg_tensor *x = wg_from(dtype, shape, bytes);
    expect_round_trip(x);
}
END_TEST

START_TEST(npy_writes_views_of_any_stride_in_c_order) {
    static const struct {
        int64_t offset;
        wg_shape shape;
        int64_t stride[3];
    } views[] = {
        { 0, { 2, { 4, 3 } }, { 1, 4 } },        // transposed
        { 11, { 2, { 3, 4 } }, { -4, -1 } },     // reversed
        { 1, { 2, { 3, 2 } }, { 4, 2 } },        // every other column
        { 0, { 3, { 2, 3, 2 } }, { 0, 1, 0 } },  // stretched
        { 5, { 1, { 0 } }, { 7 } },              // nothing
    };
    double v[12];
    wg_tensor *x = wg_arange(WG_F32, 0, 12, 1), *y;
    for (size_t k = 0; k < sizeof views / sizeof views[0]; k++) {
        wg_tensor view = *x;  // a handle of its own on x's elements
        view.view.shape = views[k].shape;
        memcpy(view.view.stride, views[k].stride, sizeof views[k].stride);
        view.view.data = (float *)x->view.data + views[k].offset;
        expect_round_trip(&view);
        y = wg_io_load_npy(temporary_path("x.npy"));
        ck_assert(wg_read_f64(y, v, wg_numel(y)));
        for (int64_t i = 0; i < wg_numel(y); i++)
            ck_assert_double_eq(v[i], (double)(views[k].offset + wg__offset(&view.view, i)));
    }
}
END_TEST

START_TEST(npy_writes_a_number_as_a_double) {
    ck_assert(wg_io_save_npy(temporary_path("x.npy"), wg_num(0.1)));
    wg_tensor *x = wg_io_load_npy(temporary_path("x.npy"));
    expect_dense(x, WG_F64, WG_SCALAR);
    ck_assert_double_eq(wg_item(x), 0.1);
}
END_TEST

/* Half precision against its definition (IEEE 754-2019, 3.4), all 65536 of them. */
START_TEST(npy_widens_every_half_exactly) {
    enum { N = 65536 };
    char header[WG__NPY_HEADER_MAX];
    size_t n = wg__npy_write_header(WG_F32, &WG_SHAPE(N), header);
    unsigned char *file = malloc(n + 2 * N);
    memcpy(file, header, n);
    *strchr((char *)file + WG__NPY_PREFIX, '4') = '2';  // '<f4' -> '<f2'
    file[WG__NPY_PREFIX + 11] = '<';
    for (int i = 0; i < N; i++) {
        file[n + 2 * (size_t)i] = (unsigned char)(i & 255);
        file[n + 2 * (size_t)i + 1] = (unsigned char)(i >> 8);
    }
    const float *v = wg_values(parse(file, n + 2 * N), WG_F32);
    int wrong = 0;
    expect_no_error();
    for (int i = 0; i < N; i++) {
        int exponent = i >> 10 & 31, fraction = i & 1023;
        double y = ldexp(exponent ? 1024 + fraction : fraction, (exponent ? exponent : 1) - 25);
        if (exponent == 31) y = fraction ? NAN : INFINITY;
        bool right = isnan(y) ? isnan(v[i]) : (double)v[i] == (i >> 15 ? -y : y);
        wrong += !right || (signbit(v[i]) != 0) != i >> 15;
    }
    ck_assert_int_eq(wrong, 0);
    free(file);
}
END_TEST

/* ---- headers --------------------------------------------------------------------------------- */

static const char *const same_header[] = {
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}",
    "{'shape': (2, 3), 'descr': '<f4', 'fortran_order': False, }",
    "{\"fortran_order\":False,\"shape\":(2,3,),\"descr\":\"<f4\"}",
    " { 'descr' :\t'<f4' , 'fortran_order' : False ,\n 'shape' : ( 2 , 3 ) , }   \r\n\f ",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }",
};

START_TEST(npy_reads_a_header_in_every_form_that_python_takes) {
    for (int version = 1; version <= 2; version++)
        expect_dense(parse_header(version, same_header[_i], 24), WG_F32, WG_SHAPE(2, 3));
}
END_TEST

START_TEST(npy_reads_every_byte_order_mark) {
    const int32_t ones = 0x01010101;
    for (const char *order = "<>=|"; *order; order++) {
        char header[80];
        snprintf(header, sizeof header, "{'descr': '%ci4', 'fortran_order': True, 'shape': (1,)}",
                 *order);
        wg_tensor *x = parse_header(1, header, 4);
        expect_dense(x, WG_I32, WG_SHAPE(1));
        ck_assert_double_eq(wg_item(x), ones);
    }
}
END_TEST

#define HEAD "{'descr': '<f4', 'fortran_order': False, 'shape': "
static const struct {
    const char *header;
    size_t bytes;
    wg_status status;
    const char *words;
} refused[] = {
    { "", 0, WG_ERROR_FORMAT, "t.npy: header, column 2: '{' wanted, the end found" },
    { "{}", 0, WG_ERROR_FORMAT, "header: no key 'descr'" },
    { "[1]", 0, WG_ERROR_FORMAT, "header, column 1: '{' wanted, '[' found" },
    { "{'descr': '<f4', 'shape': ()}", 4, WG_ERROR_FORMAT, "no key 'fortran_order'" },
    { "{'descr': '<f4', 'fortran_order': False}", 4, WG_ERROR_FORMAT, "no key 'shape'" },
    { "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}", 4, WG_ERROR_FORMAT,
      "key 'descr' stands twice" },
    { HEAD "(), 'more': 1}", 4, WG_ERROR_FORMAT, "key 'more' is not known" },
    { HEAD "()", 4, WG_ERROR_FORMAT, "'}' wanted, the end found" },
    { HEAD "()} x", 4, WG_ERROR_FORMAT, "column 55: nothing more wanted, 'x' found" },
    { HEAD "3}", 12, WG_ERROR_FORMAT, "column 51: '(' wanted, '3' found" },
    { HEAD "(3)}", 12, WG_ERROR_FORMAT, "column 53: ',' wanted, ')' found" },
    { HEAD "(,)}", 4, WG_ERROR_FORMAT, "column 52: a size wanted, ',' found" },
    { HEAD "(2,,3)}", 24, WG_ERROR_FORMAT, "column 54: a size wanted, ',' found" },
    { HEAD "(2 3)}", 24, WG_ERROR_FORMAT, "column 54: ',' wanted, '3' found" },
    { HEAD "(-1,)}", 0, WG_ERROR_FORMAT, "column 52: a size wanted, '-' found" },
    { HEAD "(02,)}", 8, WG_ERROR_FORMAT, "column 52: a size without leading zeros wanted" },
    { HEAD "(1.0,)}", 4, WG_ERROR_FORMAT, "column 53: ',' wanted, '.' found" },
    { HEAD "(True,)}", 4, WG_ERROR_FORMAT, "a size wanted, 'T' found" },
    { HEAD "(9223372036854775808,)}", 0, WG_ERROR_FORMAT, "column 52: a size below 2^63" },
    { HEAD "(9223372036854775807,)}", 0, WG_ERROR_FORMAT,
      "[9223372036854775807] is more than memory" },
    { HEAD "(4294967296, 4294967296)}", 0, WG_ERROR_FORMAT,
      "[4294967296,4294967296] is more than" },
    { HEAD "(4294967296, 0, 4294967296)}", 0, WG_ERROR_FORMAT, "is more than memory can hold" },
    { HEAD "(1, 1, 1, 1, 1, 1, 1, 1, 1)}", 4, WG_ERROR_FORMAT, "t.npy: rank above 8" },
    { HEAD "(2, 3)}", 23, WG_ERROR_FORMAT, "shape [2,3] of f4 takes 24 bytes, there are 23" },
    { HEAD "(2, 3)}", 25, WG_ERROR_FORMAT, "shape [2,3] of f4 takes 24 bytes, there are 25" },
    { HEAD "(0, 3)}", 1, WG_ERROR_FORMAT, "shape [0,3] of f4 takes 0 bytes, there are 1" },
    { "{'descr': 'f4', 'fortran_order': False, 'shape': ()}", 4, WG_ERROR_DTYPE, "descr 'f4'" },
    { "{'descr': '@f4', 'fortran_order': False, 'shape': ()}", 4, WG_ERROR_DTYPE, "descr '@f4'" },
    { "{'descr': '', 'fortran_order': False, 'shape': ()}", 4, WG_ERROR_DTYPE, "descr '' has" },
    { "{'descr': '<f16', 'fortran_order': False, 'shape': ()}", 16, WG_ERROR_DTYPE,
      "descr '<f16'" },
    { "{'descr': '<V4', 'fortran_order': False, 'shape': ()}", 4, WG_ERROR_DTYPE, "descr '<V4'" },
    { "{'descr': '<f\\x34', 'fortran_order': False, 'shape': ()}", 4, WG_ERROR_FORMAT,
      "column 14: a plain character wanted, '\\' found" },
    { "{'descr': '<f\xe9', 'fortran_order': False, 'shape': ()}", 4, WG_ERROR_FORMAT,
      "column 14: a plain character wanted, byte 0xe9 found" },
    { "{'descr': '<f4", 4, WG_ERROR_FORMAT, "a plain character wanted, byte 0x0a found" },
    { "{'descr': '<f4\", 'fortran_order': False, 'shape': ()}", 4, WG_ERROR_DTYPE,
      "has no dtype here" },
    { "{'descr': '<f4', 'fortran_order': 0, 'shape': ()}", 4, WG_ERROR_FORMAT,
      "column 35: True or False wanted, '0' found" },
    { "{'descr': '<f4', 'fortran_order': Falsey, 'shape': ()}", 4, WG_ERROR_FORMAT,
      "'}' wanted, 'y'" },
    { "{'descr' '<f4', 'fortran_order': False, 'shape': ()}", 4, WG_ERROR_FORMAT, "':' wanted" },
    { "{descr: '<f4'}", 4, WG_ERROR_FORMAT, "column 2: a quoted string wanted, 'd' found" },
    { "{,}", 4, WG_ERROR_FORMAT, "column 2: a quoted string wanted, ',' found" },
    { "{'descr': '|b1', 'fortran_order': False, 'shape': (9,)}", 8, WG_ERROR_FORMAT,
      "shape [9] of b1 takes 9 bytes, there are 8" },
};

START_TEST(npy_refuses_a_header_with_the_place_and_the_numbers) {
    ck_assert_ptr_null(parse_header(1, refused[_i].header, refused[_i].bytes));
    expect_error(refused[_i].status, refused[_i].words);
}
END_TEST

START_TEST(npy_refuses_long_integers_in_version_3) {
    ck_assert_ptr_null(parse_header(3, HEAD "(2L, 3L)}", 24));
    expect_error(WG_ERROR_FORMAT, "column 53: ',' wanted, 'L' found");
}
END_TEST

/* The header's beginnings, each as the whole file: refused without a look behind its end. */
START_TEST(npy_refuses_a_header_cut_anywhere) {
    static const char header[] = "{\"descr\": '<f4', 'fortran_order': True, 'shape': (0L, 3L)}";
    unsigned char file[10 + sizeof header] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1 };
    memcpy(file + 10, header, sizeof header);
    for (size_t n = 0; n < sizeof header; n++) {
        file[8] = (unsigned char)n;
        wg_tensor *x = parse(file, 10 + n);
        ck_assert_int_eq(x != NULL, n == sizeof header - 1);
        if (!x) expect_error(WG_ERROR_FORMAT, "t.npy: ");
    }
}
END_TEST

START_TEST(npy_refuses_bools_other_than_0_and_1) {
    unsigned char file[131];
    file_bytes f = slurp(golden_path("b1"));
    memcpy(file, f.data, 131);
    free(f.data);
    static const char shape[] = "(3,)";
    memcpy(strstr((char *)file + 10, "(7,)"), shape, 4);
    file[130] = 2;
    ck_assert_ptr_null(parse(file, sizeof file));
    expect_error(WG_ERROR_FORMAT, "t.npy: value 2 is 2, a bool is 0 or 1");
}
END_TEST

START_TEST(npy_refuses_what_is_no_npy_file) {
    ck_assert_ptr_null(parse("\x93NUMP", 5));
    expect_error(WG_ERROR_FORMAT, "t.npy: not an npy file: 5 bytes");
    ck_assert_ptr_null(parse("PK\3\4 and so on", 12));
    expect_error(WG_ERROR_FORMAT, "t.npy: not an npy file: it does not begin with");
    ck_assert_ptr_null(parse("\x93NUMPY\4\0\0\0", 10));
    expect_error(WG_ERROR_FORMAT, "t.npy: npy version 4.0; 1.0, 2.0 and 3.0 are read");
    ck_assert_ptr_null(parse("\x93NUMPY\1\1\0\0", 10));
    expect_error(WG_ERROR_FORMAT, "t.npy: npy version 1.1");
    ck_assert_ptr_null(parse("\x93NUMPY\2\0\0\0\0", 11));
    expect_error(WG_ERROR_FORMAT, "t.npy: cut off after 11 bytes");
    ck_assert_ptr_null(parse("\x93NUMPY\1\0\x11\x27", 10));
    expect_error(WG_ERROR_FORMAT, "t.npy: header of 10001 bytes, at most 10000");
    ck_assert_ptr_null(parse("\x93NUMPY\2\0\xff\xff\xff\xff", 12));
    expect_error(WG_ERROR_FORMAT, "t.npy: header of 4294967295 bytes, at most 10000");
    ck_assert_ptr_null(parse("\x93NUMPY\1\0\5\0{}", 12));
    expect_error(WG_ERROR_FORMAT, "t.npy: header of 5 bytes, but the file ends after 2");
}
END_TEST

START_TEST(npy_asks_for_no_memory_on_a_header_alone) {
    count_allocations(0);  // none is granted, so asking would be another error
    ck_assert_ptr_null(parse_header(1, HEAD "(100000, 100000)}", 8));
    expect_error(WG_ERROR_FORMAT, "takes 40000000000 bytes, there are 8");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("io: npy");
    TCase *t = add_file_cases(suite, "npy");
    ADD_TABLE(t, npy_reads_what_numpy_wrote, golden);
    ADD_TABLE(t, npy_writes_what_numpy_writes, golden);
    ADD_TABLE(t, npy_refuses_what_has_no_dtype_here, refused_golden);
    tcase_add_loop_test(t, npy_keeps_every_bit_of_every_dtype_and_rank, 0, 9 * WG_DTYPES);
    tcase_add_test(t, npy_writes_views_of_any_stride_in_c_order);
    tcase_add_test(t, npy_writes_a_number_as_a_double);
    tcase_add_test(t, npy_widens_every_half_exactly);
    ADD_TABLE(t, npy_reads_a_header_in_every_form_that_python_takes, same_header);
    tcase_add_test(t, npy_reads_every_byte_order_mark);
    ADD_TABLE(t, npy_refuses_a_header_with_the_place_and_the_numbers, refused);
    tcase_add_test(t, npy_refuses_long_integers_in_version_3);
    tcase_add_test(t, npy_refuses_a_header_cut_anywhere);
    tcase_add_test(t, npy_refuses_bools_other_than_0_and_1);
    tcase_add_test(t, npy_refuses_what_is_no_npy_file);
    tcase_add_test(t, npy_asks_for_no_memory_on_a_header_alone);
    return run_suite(suite);
}
