// SPDX-License-Identifier: MIT
/* test_io_idx.c: MNIST's format, plain from bytes written here, gzipped from the files that
   tests/data/make_idx.py made. What a header claims is never believed. */
#include <math.h>

#include "tests/io_test.h"

static wg_tensor *parse(const void *bytes, size_t size) {
    unsigned char *copy = exact_copy(bytes, size);
    wg_tensor *x = wg_io_parse_idx("t.idx", copy, size);
    free(copy);
    return x;
}
#define PARSE(...)                                                                                 \
    parse((const unsigned char[]){ __VA_ARGS__ }, sizeof((const unsigned char[]){ __VA_ARGS__ }))

static wg_tensor *parse_packed(const char *file) {
    file_bytes f = slurp_data(file);
    wg_tensor *x = parse(f.data, f.size);
    free(f.data);
    return x;
}

/* ---- plain ----------------------------------------------------------------------------------- */

START_TEST(idx_reads_every_type) {
    wg_tensor *x = PARSE(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255);
    expect_dense(x, WG_U8, WG_SHAPE(2, 3));
    ck_assert(wg_equal(x, wg_from(WG_U8, WG_SHAPE(2, 3), (uint8_t[]){ 1, 2, 3, 4, 5, 255 })));

    x = PARSE(0, 0, 9, 1, 0, 0, 0, 3, 127, 128, 255);
    expect_dense(x, WG_I32, WG_SHAPE(3));
    ck_assert(wg_equal(x, wg_from(WG_I32, WG_SHAPE(3), (int32_t[]){ 127, -128, -1 })));

    x = PARSE(0, 0, 11, 1, 0, 0, 0, 3, 0x01, 0x02, 0x80, 0x00, 0xff, 0xfe);
    expect_dense(x, WG_I32, WG_SHAPE(3));
    ck_assert(wg_equal(x, wg_from(WG_I32, WG_SHAPE(3), (int32_t[]){ 258, -32768, -2 })));

    x = PARSE(0, 0, 12, 1, 0, 0, 0, 2, 0x12, 0x34, 0x56, 0x78, 0x80, 0, 0, 1);
    expect_dense(x, WG_I32, WG_SHAPE(2));
    ck_assert(wg_equal(x, wg_from(WG_I32, WG_SHAPE(2), (int32_t[]){ 0x12345678, -2147483647 })));

    x = PARSE(0, 0, 13, 1, 0, 0, 0, 2, 0x3f, 0xc0, 0, 0, 0xff, 0x80, 0, 0);
    expect_dense(x, WG_F32, WG_SHAPE(2));
    ck_assert(wg_equal(x, wg_from(WG_F32, WG_SHAPE(2), (float[]){ 1.5f, -INFINITY })));

    x = PARSE(0, 0, 14, 1, 0, 0, 0, 1, 0x40, 0x09, 0x21, 0xfb, 0x54, 0x44, 0x2d, 0x18);
    expect_dense(x, WG_F64, WG_SHAPE(1));
    ck_assert_double_eq(wg_item(x), 3.141592653589793);
}
END_TEST

START_TEST(idx_reads_scalars_and_empty_arrays) {
    expect_dense(PARSE(0, 0, 8, 0, 9), WG_U8, WG_SCALAR);
    expect_dense(PARSE(0, 0, 13, 2, 0, 0, 0, 0, 0, 0, 0, 5), WG_F32, WG_SHAPE(0, 5));
    expect_dense(PARSE(0, 0, 9, 2, 255, 255, 255, 255, 0, 0, 0, 0), WG_I32,
                 WG_SHAPE(4294967295, 0));
}
END_TEST

START_TEST(idx_reads_rank_8_and_refuses_9) {
    unsigned char bytes[4 + 9 * 4 + 1] = { 0, 0, 8, 8 };
    for (int i = 0; i < 9; i++) bytes[4 + 4 * i + 3] = 1;
    wg_tensor *x = parse(bytes, 4 + 8 * 4 + 1);
    expect_dense(x, WG_U8, WG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1));
    bytes[3] = 9;
    ck_assert_ptr_null(parse(bytes, sizeof bytes));
    expect_error(WG_ERROR_FORMAT, "t.idx: rank 9, at most 8");
}
END_TEST

START_TEST(idx_refuses_with_the_numbers) {
    ck_assert_ptr_null(PARSE(0x89, 'P', 'N', 'G'));
    expect_error(WG_ERROR_FORMAT, "t.idx: not an IDX file: it begins with 89 50");
    ck_assert_ptr_null(PARSE(0, 0, 10, 1, 0, 0, 0, 0));
    expect_error(WG_ERROR_FORMAT, "t.idx: there is no IDX type 0x0a");
    ck_assert_ptr_null(PARSE(0, 0, 8));
    expect_error(WG_ERROR_FORMAT, "t.idx: ends after 0 bytes, 1 more wanted");
    ck_assert_ptr_null(PARSE(0, 0, 8, 2, 0, 0, 0, 1, 0, 0));
    expect_error(WG_ERROR_FORMAT, "t.idx: ends after 8 bytes, 2 more wanted");
    ck_assert_ptr_null(PARSE(0, 0, 13, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3));
    expect_error(WG_ERROR_FORMAT, "t.idx: header claims 24 bytes of values, there are 3");
    ck_assert_ptr_null(PARSE(0, 0, 8, 1, 0, 0, 0, 1, 7, 7));
    expect_error(WG_ERROR_FORMAT, "t.idx: header claims 1 bytes of values, there are 2");
}
END_TEST

START_TEST(idx_refuses_sizes_whose_product_overflows) {
    // the product is 2^64, which is 0 in 64 bits
    ck_assert_ptr_null(PARSE(0, 0, 8, 4, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0));
    expect_error(WG_ERROR_FORMAT, "[65536,65536,65536,65536] are more than memory can hold");
    // and here a 0 would hide it
    ck_assert_ptr_null(PARSE(0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0));
    expect_error(WG_ERROR_FORMAT, "[4294967295,4294967295,0] are more than memory can hold");
}
END_TEST

START_TEST(idx_asks_for_no_memory_on_a_header_alone) {
    count_allocations(0);  // none is granted, so asking would be another error
    ck_assert_ptr_null(PARSE(0, 0, 14, 2, 0, 0, 255, 255, 0, 0, 255, 255, 1));
    expect_error(WG_ERROR_FORMAT, "header claims 34358689800 bytes of values, there are 1");
}
END_TEST

/* ---- gzip ------------------------------------------------------------------------------------ */

START_TEST(idx_reads_gzip) {
    wg_tensor *x = parse_packed("idx_u1.gz");
    expect_dense(x, WG_U8, WG_SHAPE(2, 3, 4));
    for (int i = 0; i < 24; i++)
        ck_assert_double_eq(wg_at(x, (int64_t[]){ i / 12, i / 4 % 3, i % 4 }), i);
    x = parse_packed("idx_f4.gz");
    expect_dense(x, WG_F32, WG_SHAPE(3));
    ck_assert(wg_equal(x, wg_from(WG_F32, WG_SHAPE(3), (float[]){ 1.5f, -2, 1e30f })));
}
END_TEST

/* More than is unpacked at once. */
START_TEST(idx_reads_gzip_in_pieces) {
    wg_tensor *x = parse_packed("idx_large.gz");
    expect_dense(x, WG_U8, WG_SHAPE(600, 1000));
    const uint8_t *v = wg_values(x, WG_U8);
    int wrong = 0;
    for (int i = 0; i < 600000; i++) wrong += v[i] != i % 251;
    ck_assert_int_eq(wrong, 0);
}
END_TEST

/* A thousand to one is what deflate reaches: the bound that refuses liars must let it through. */
START_TEST(idx_reads_the_densest_gzip) {
    wg_tensor *x = parse_packed("idx_zeros.gz");
    expect_dense(x, WG_U8, WG_SHAPE(1000, 1000));
    const uint8_t *v = wg_values(x, WG_U8);
    int wrong = 0;
    for (int i = 0; i < 1000000; i++) wrong += v[i] != 0;
    ck_assert_int_eq(wrong, 0);
}
END_TEST

static const struct {
    const char *file, *words;
} refused[] = {
    { "idx_short.gz", "t.idx: ends after 35 unpacked bytes, 5 more wanted" },
    { "idx_long.gz", "t.idx: more than the 40 unpacked bytes that its header claims" },
    { "idx_endless.gz", "t.idx: more than the 40 unpacked bytes that its header claims" },
    { "idx_liar.gz", "t.idx: header claims 47040000 bytes, more than 35 bytes of gzip can hold" },
    { "idx_trailing.gz", "t.idx: 7 bytes after the end of the gzip stream" },
    { "idx_two.gz", "t.idx: 20 bytes after the end of the gzip stream" },
    { "idx_checksum.gz", "t.idx: damaged gzip stream at byte 52: incorrect" },
};

START_TEST(idx_refuses_bad_gzip_in_little_memory) {
    ck_assert_ptr_null(parse_packed(refused[_i].file));
    expect_error(WG_ERROR_FORMAT, refused[_i].words);
    // zlib's window and state; the tensor that is claimed has 40 bytes, or is not asked for
    ck_assert_uint_lt(counted.peak, 65536);
}
END_TEST

START_TEST(idx_refuses_gzip_cut_off_in_its_checksum) {
    file_bytes f = slurp_data("idx_u1.gz");
    ck_assert_ptr_null(parse(f.data, f.size - 1));
    expect_error(WG_ERROR_FORMAT, "t.idx: gzip stream cut off after 55 bytes");
    free(f.data);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("io: idx");
    TCase *t = add_file_cases(suite, "idx");
    tcase_add_test(t, idx_reads_every_type);
    tcase_add_test(t, idx_reads_scalars_and_empty_arrays);
    tcase_add_test(t, idx_reads_rank_8_and_refuses_9);
    tcase_add_test(t, idx_refuses_with_the_numbers);
    tcase_add_test(t, idx_refuses_sizes_whose_product_overflows);
    tcase_add_test(t, idx_asks_for_no_memory_on_a_header_alone);
    tcase_add_test(t, idx_reads_gzip);
    tcase_add_test(t, idx_reads_gzip_in_pieces);
    tcase_add_test(t, idx_reads_the_densest_gzip);
    ADD_TABLE(t, idx_refuses_bad_gzip_in_little_memory, refused);
    tcase_add_test(t, idx_refuses_gzip_cut_off_in_its_checksum);
    return run_suite(suite);
}
