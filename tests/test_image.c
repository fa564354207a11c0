// SPDX-License-Identifier: MIT
/* test_image.c: images. Netpbm's formats to the byte; PNG by unpacking it again with zlib, after
   the format's own checksums; characters and grids as they must look. */
#include <zlib.h>

#include "autograd/autograd.h"
#include "tests/io_test.h"

static wg_tensor *grey(int64_t rows, int64_t columns, const uint8_t *v) {
    return wg_from(WG_U8, WG_SHAPE(rows, columns), v);
}

static void expect_bytes(const char *file, const void *want, size_t size) {
    file_bytes f = slurp(temporary_path(file));
    ck_assert_uint_eq(f.size, size);
    ck_assert_int_eq(memcmp(f.data, want, size), 0);
    free(f.data);
}
#define SAVE(file, x)                                                                              \
    ck_assert_msg(wg_io_save_image(temporary_path(file), x), "%s", wg_error_message())

/* ---- Netpbm ---------------------------------------------------------------------------------- */

START_TEST(pgm_has_netpbms_bytes) {
    SAVE("g.pgm", grey(2, 3, (const uint8_t[]){ 0, 1, 127, 128, 254, 255 }));
    expect_bytes("g.pgm", "P5\n3 2\n255\n\x00\x01\x7f\x80\xfe\xff", 17);
    SAVE("c.ppm", wg_from(WG_U8, WG_SHAPE(1, 2, 3), (const uint8_t[]){ 1, 2, 3, 4, 5, 6 }));
    expect_bytes("c.ppm", "P6\n2 1\n255\n\1\2\3\4\5\6", 17);
}
END_TEST

/* 0.5 is 127.5, which goes up; what is outside goes to the end. */
START_TEST(floats_run_from_0_to_1) {
    const double v[] = { 0, 1, 0.5, -7, 1e300, 1.0 / 255, INFINITY, -INFINITY };
    const char want[] = "P5\n8 1\n255\n\x00\xff\x80\x00\xff\x01\xff\x00";
    SAVE("f.pgm", wg_from_f64(WG_F64, WG_SHAPE(1, 8), v));
    expect_bytes("f.pgm", want, sizeof want - 1);
    SAVE("f.pgm", wg_from_f64(WG_F32, WG_SHAPE(1, 8), v));
    expect_bytes("f.pgm", want, sizeof want - 1);
}
END_TEST

START_TEST(a_view_is_saved_as_it_is_seen) {
    wg_tensor *x = grey(2, 3, (const uint8_t[]){ 1, 2, 3, 4, 5, 6 });
    SAVE("t.pgm", wg_flip(wg_transpose(x, 0, 1), 0));
    expect_bytes("t.pgm", "P5\n2 3\n255\n\3\6\2\5\1\4", 17);
}
END_TEST

/* ---- PNG ------------------------------------------------------------------------------------- */

static uint32_t u32(const unsigned char *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The chunk at *at, whose name and checksum must be right; *at moves behind it. */
static const unsigned char *take_chunk(const unsigned char **at, const char *name, uint32_t *size) {
    const unsigned char *c = *at;
    *size = u32(c);
    ck_assert_int_eq(memcmp(c + 4, name, 4), 0);
    ck_assert_uint_eq(u32(c + 8 + *size), crc32(0, c + 4, *size + 4));
    *at = c + 12 + *size;
    return c + 8;
}

/* The pixels, to be freed. */
static unsigned char *read_png(const char *file, uint32_t rows, uint32_t columns, int type) {
    file_bytes f = slurp(temporary_path(file));
    const unsigned char *at = f.data + 8;
    uint32_t size, row = columns * (type == 2 ? 3 : 1);
    ck_assert_int_eq(memcmp(f.data, "\x89PNG\r\n\x1a\n", 8), 0);
    const unsigned char *head = take_chunk(&at, "IHDR", &size);
    ck_assert_uint_eq(size, 13);
    ck_assert(u32(head) == columns && u32(head + 4) == rows);
    const unsigned char rest[5] = { 8, (unsigned char)type, 0, 0, 0 };
    ck_assert_int_eq(memcmp(head + 8, rest, 5), 0);
    const unsigned char *data = take_chunk(&at, "IDAT", &size);
    uLongf raw = (uLongf)rows * (row + 1), wanted = raw;
    unsigned char *lines = malloc(raw), *pixels = malloc((size_t)rows * row);
    ck_assert_int_eq(uncompress(lines, &raw, data, size), Z_OK);
    ck_assert_uint_eq(raw, wanted);
    for (uint32_t i = 0; i < rows; i++) {
        ck_assert_int_eq(lines[(size_t)i * (row + 1)], 0);  // no filter
        memcpy(pixels + (size_t)i * row, lines + (size_t)i * (row + 1) + 1, row);
    }
    take_chunk(&at, "IEND", &size);
    ck_assert(size == 0 && at == f.data + f.size);
    free(lines);
    free(f.data);
    return pixels;
}

START_TEST(png_gives_back_the_pixels) {
    wg_random r = { .seed = 3 };
    wg_tensor *x = wg_cast(wg_mul(wg_rand(WG_F64, WG_SHAPE(37, 53, 3), &r), wg_num(256)), WG_U8);
    SAVE("c.png", x);
    unsigned char *pixels = read_png("c.png", 37, 53, 2);
    ck_assert_int_eq(memcmp(pixels, wg_values(x, WG_U8), 37 * 53 * 3), 0);
    free(pixels);
    x = wg_contiguous(wg_select(x, 2, 0));
    SAVE("g.png", x);
    pixels = read_png("g.png", 37, 53, 0);
    ck_assert_int_eq(memcmp(pixels, wg_values(x, WG_U8), 37 * 53), 0);
    free(pixels);
}
END_TEST

START_TEST(png_of_one_pixel_and_of_many) {
    SAVE("one.png", grey(1, 1, (const uint8_t[]){ 77 }));
    unsigned char *pixels = read_png("one.png", 1, 1, 0);
    ck_assert_int_eq(pixels[0], 77);
    free(pixels);
    wg_tensor *x = wg_full(WG_U8, WG_SHAPE(3000, 2000), 9);
    SAVE("many.png", x);
    pixels = read_png("many.png", 3000, 2000, 0);
    ck_assert_int_eq(memcmp(pixels, wg_values(x, WG_U8), 6000000), 0);
    free(pixels);
}
END_TEST

/* ---- refused --------------------------------------------------------------------------------- */

START_TEST(images_are_refused_with_the_numbers) {
    wg_tensor *x = grey(1, 1, (const uint8_t[]){ 1 });
    wg_tensor *rgb = wg_zeros(WG_U8, WG_SHAPE(2, 2, 3));
    static const struct {
        int which;
        const char *path, *words;
    } bad[] = {
        { 0, "x.jpg", "x.jpg: an image of 1 channel is saved as NAME.pgm or NAME.png" },
        { 0, "x.ppm", "x.ppm: an image of 1 channel" },
        { 1, "x.pgm", "x.pgm: an image of 3 channels is saved as NAME.ppm or NAME.png" },
        { 0, "x", "x: an image" },
        { 0, "", "an image" },
        { 0, NULL, "wg_io_save_image: path is NULL" },
        { 2, "x.png", "wg_io_save_image: x is NULL" },
    };
    for (int i = 0; i < COUNT(bad); i++) {
        wg_tensor *const which[] = { x, rgb, NULL };
        ck_assert(!wg_io_save_image(bad[i].path, which[bad[i].which]));
        expect_error(WG_ERROR_ARGUMENT, bad[i].words);
    }
    const char *path = temporary_path("x.png");
    ck_assert(!wg_io_save_image(path, wg_zeros(WG_U8, WG_SHAPE(4))));
    expect_error(WG_ERROR_SHAPE, "[4] is not (rows, columns) or (rows, columns, 3)");
    ck_assert(!wg_io_save_image(path, wg_zeros(WG_U8, WG_SHAPE(2, 2, 4))));
    expect_error(WG_ERROR_SHAPE, "[2,2,4] is not (rows, columns)");
    ck_assert(!wg_io_save_image(path, wg_zeros(WG_U8, WG_SHAPE(2, 0))));
    expect_error(WG_ERROR_SHAPE, "[2,0] has no pixels, or more than");
    wg_tensor *wide = wg_expand(x, WG_SHAPE((int64_t)1 << 40, (int64_t)1 << 20));
    ck_assert(!wg_io_save_image(path, wide));
    expect_error(WG_ERROR_SHAPE, "has no pixels, or more than 268435456 bytes");
    ck_assert(!wg_io_save_image(path, wg_zeros(WG_I64, WG_SHAPE(2, 2))));
    expect_error(WG_ERROR_DTYPE, "wg_io_save_image: dtype i64, of u8, f32 and f64");
    ck_assert(!wg_io_save_image(path, wg_from_f64(WG_F32, WG_SHAPE(1, 2), (double[]){ 0, NAN })));
    expect_error(WG_ERROR_NUMERIC, "wg_io_save_image: element 1 of 2 is nan");
    ck_assert(!wg_io_save_image(temporary_path("none/x.png"), x));
    expect_error(WG_ERROR_FILE, "none/x.png: cannot create");
    ck_assert_int_eq(files_in_temporary_folder(false), 0);
}
END_TEST

static bool save_rgb(void) {
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(5, 4, 3));
    bool ok = wg_io_save_image(temporary_path("m.png"), x);
    if (!ok) ck_assert_int_eq(files_in_temporary_folder(false), 0);
    return ok;
}

START_TEST(every_allocation_may_fail) {
    fail_every_allocation(save_rgb);
    free(read_png("m.png", 5, 4, 2));
}
END_TEST

/* ---- characters ------------------------------------------------------------------------------ */

START_TEST(text_shades_from_black_to_white) {
    char text[64];
    uint8_t v[10];
    for (int i = 0; i < 10; i++) v[i] = (uint8_t)(i * 255 / 9);
    ck_assert_uint_eq(wg_io_image_text(grey(1, 10, v), 1, text, sizeof text), 21);
    ck_assert_str_eq(text, "  ..::--==++**##%%@@\n");
    // ten shades of 25.6 each: 230.4 is where the last begins
    ck_assert_uint_eq(wg_io_image_text(grey(1, 2, (uint8_t[]){ 230, 231 }), 1, text, 64), 5);
    ck_assert_str_eq(text, "%%@@\n");
}
END_TEST

/* Two characters for a line's height; each the mean of what it covers. */
START_TEST(text_keeps_the_shape_of_the_image) {
    char text[64];
    const uint8_t v[] = { 0, 0, 255, 255, 0, 0, 255, 255, 255, 255, 0, 0, 255, 255, 0, 0 };
    ck_assert_uint_eq(wg_io_image_text(grey(4, 4, v), 2, text, sizeof text), 10);
    ck_assert_str_eq(text, "  @@\n@@  \n");
    ck_assert_uint_eq(wg_io_image_text(grey(4, 4, v), 1, text, sizeof text), 3);
    ck_assert_str_eq(text, "==\n");  // half of each is black: 127.5
    ck_assert_uint_eq(wg_io_image_text(grey(1, 2, v + 1), 2, text, sizeof text), 18);
    ck_assert_str_eq(text, "    @@@@\n    @@@@\n");
}
END_TEST

START_TEST(text_of_colours_is_their_brightness) {
    char text[64];
    // BT.601: red 0.299, green 0.587, blue 0.114 of 255
    const uint8_t v[] = { 255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255 };
    wg_io_image_text(wg_from(WG_U8, WG_SHAPE(1, 4, 3), v), 1, text, sizeof text);
    ck_assert_str_eq(text, "::++..@@\n");
}
END_TEST

START_TEST(text_is_cut_to_its_room) {
    char text[8] = "1234567";
    const uint8_t v[] = { 255, 255 };
    wg_tensor *x = grey(1, 2, v);
    ck_assert_uint_eq(wg_io_image_text(x, 2, NULL, 0), 18);
    ck_assert_uint_eq(wg_io_image_text(x, 2, text, 1), 18);
    ck_assert_str_eq(text, "");
    ck_assert_uint_eq(wg_io_image_text(x, 2, text, 4), 18);
    ck_assert_str_eq(text, "@@@");
    ck_assert_str_eq(text + 4, "567");
    ck_assert_uint_eq(wg_io_image_text(x, 0, text, 4), 0);
    ck_assert_str_eq(text, "");
    expect_error(WG_ERROR_ARGUMENT, "wg_io_image_text: 0 lines, of 1 to 1000");
    ck_assert_uint_eq(wg_io_image_text(x, 3, NULL, 4), 0);
    expect_error(WG_ERROR_ARGUMENT, "into NULL");
    ck_assert_uint_eq(wg_io_image_text(NULL, 3, text, 4), 0);
    expect_error(WG_ERROR_ARGUMENT, "wg_io_image_text: x is NULL");
}
END_TEST

/* ---- many as one ----------------------------------------------------------------------------- */

START_TEST(a_grid_has_grey_between) {
    uint8_t v[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    wg_tensor *g = wg_io_image_grid(wg_from(WG_U8, WG_SHAPE(3, 2, 2), v), 2);
    expect_shape(g, WG_SHAPE(5, 5));
    EXPECT_VALUES(g, 1, 2, 128, 5, 6, 3, 4, 128, 7, 8, 128, 128, 128, 128, 128, 9, 10, 128, 128,
                  128, 11, 12, 128, 128, 128);
    g = wg_io_image_grid(wg_from(WG_U8, WG_SHAPE(2, 1, 2, 3), v), 9);
    expect_shape(g, WG_SHAPE(1, 5, 3));
    EXPECT_VALUES(g, 1, 2, 3, 4, 5, 6, 128, 128, 128, 7, 8, 9, 10, 11, 12);
}
END_TEST

START_TEST(a_grid_takes_views_and_floats) {
    wg_tensor *x = wg_arange(WG_F32, 0, 8, 1);
    x = wg_permute(wg_reshape(x, WG_SHAPE(2, 2, 2)), WG_AXES(2, 1, 0));
    wg_tensor *g = wg_io_image_grid(x, 1);
    ck_assert_int_eq(wg_dtype_of(g), WG_F32);
    expect_shape(g, WG_SHAPE(5, 2));
    EXPECT_VALUES(g, 0, 4, 2, 6, 0.5, 0.5, 1, 5, 3, 7);
}
END_TEST

START_TEST(a_grid_is_refused_with_the_numbers) {
    ck_assert_ptr_null(wg_io_image_grid(wg_zeros(WG_U8, WG_SHAPE(2, 2)), 1));
    expect_error(WG_ERROR_SHAPE,
                 "wg_io_image_grid: [2,2] is not (N, rows, columns) or (N, rows, columns, 3)");
    ck_assert_ptr_null(wg_io_image_grid(wg_zeros(WG_U8, WG_SHAPE(0, 2, 2)), 1));
    expect_error(WG_ERROR_SHAPE, "[0,2,2] has no pixels");
    ck_assert_ptr_null(wg_io_image_grid(wg_zeros(WG_U8, WG_SHAPE(1, 2, 2)), 0));
    expect_error(WG_ERROR_ARGUMENT, "wg_io_image_grid: 0 across");
    ck_assert_ptr_null(wg_io_image_grid(NULL, 1));
    expect_error(WG_ERROR_ARGUMENT, "x is NULL");
}
END_TEST

START_TEST(the_length_of_a_wide_text_is_told_without_making_it) {
    wg_tensor *x = wg_zeros(WG_U8, WG_SHAPE(1, 10000000));  // 2e10 characters, in no time
    ck_assert(wg_io_image_text(x, 1000, NULL, 0) == 1000 * (2 * (size_t)10000000 * 1000 + 1));
    char text[4];
    ck_assert(wg_io_image_text(x, 1000, text, sizeof text) > 4 && strcmp(text, "   ") == 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("io: images");
    TCase *t = add_file_cases(suite, "images");
    tcase_add_test(t, pgm_has_netpbms_bytes);
    tcase_add_test(t, floats_run_from_0_to_1);
    tcase_add_test(t, a_view_is_saved_as_it_is_seen);
    tcase_add_test(t, png_gives_back_the_pixels);
    tcase_add_test(t, png_of_one_pixel_and_of_many);
    tcase_add_test(t, images_are_refused_with_the_numbers);
    tcase_add_test(t, every_allocation_may_fail);
    tcase_add_test(t, text_shades_from_black_to_white);
    tcase_add_test(t, the_length_of_a_wide_text_is_told_without_making_it);
    tcase_add_test(t, text_keeps_the_shape_of_the_image);
    tcase_add_test(t, text_of_colours_is_their_brightness);
    tcase_add_test(t, text_is_cut_to_its_room);
    tcase_add_test(t, a_grid_has_grey_between);
    tcase_add_test(t, a_grid_takes_views_and_floats);
    tcase_add_test(t, a_grid_is_refused_with_the_numbers);
    return run_suite(suite);
}
