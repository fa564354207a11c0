// SPDX-License-Identifier: MIT
/* test_io_safetensors.c: safetensors. Files of other writers (tests/data/make_safetensors.py) are
   read, the reference implementation's bytes are written, and whatever the format forbids is
   refused by name and number. */
#include <math.h>

#include "io/io_impl.h"
#include "tests/io_test.h"

/* A file of this header, its length in front and `data` bytes of value 1 behind. */
static bool parse_header(const char *header, size_t data, wg_archive *out) {
    size_t n = strlen(header), size = 8 + n + data;
    unsigned char *file = calloc(size, 1);
    for (int i = 0; i < 8; i++) file[i] = (unsigned char)(n >> 8 * i);
    memcpy(file + 8, header, n);
    memset(file + 8 + n, 1, data);
    bool done = wg_io_parse_safetensors("t", file, size, out);
    free(file);
    return done;
}

static bool load(const char *name, wg_archive *out) {
    char file[80];
    snprintf(file, sizeof file, "tests/data/safetensors_%s.safetensors", name);
    return wg_io_load_safetensors(repository_path(file), out);
}

static void expect_counting(const wg_tensor *x, bool is_unsigned) {
    for (int64_t k = 0; k < wg_numel(x); k++) {
        double wanted = is_unsigned ? (double)k : (double)(k - 2);
        double got = wg__load(wg_dtype_of(x), wg__at(&x->view, k));
        ck_assert_double_eq(got, wg_dtype_of(x) == WG_BOOL ? k % 3 == 0 : wanted);
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

START_TEST(every_type_is_read_into_the_dtype_that_holds_it) {
    static const struct {
        const char *name;
        wg_dtype dtype;
        bool is_unsigned;
    } types[] = {
        { "I64", WG_I64, false }, { "F64", WG_F64, false },   { "F32", WG_F32, false },
        { "I32", WG_I32, false }, { "BF16", WG_F32, false },  { "F16", WG_F32, false },
        { "U16", WG_I32, true },  { "I16", WG_I32, false },   { "I8", WG_I32, false },
        { "U8", WG_U8, true },    { "BOOL", WG_BOOL, false },
    };
    wg_archive a;
    ck_assert(load("types", &a));
    ck_assert_int_eq(a.tensors, COUNT(types));
    for (int i = 0; i < COUNT(types); i++) {
        ck_assert_str_eq(a.tensor[i].name, types[i].name);  // in the order of their values
        const wg_tensor *x = wg_archive_find(&a, types[i].name);
        ck_assert_ptr_eq(x, a.tensor[i].value);
        expect_dense(x, types[i].dtype, WG_SHAPE(2, 3));
        expect_counting(x, types[i].is_unsigned);
    }
    ck_assert_ptr_null(wg_archive_find(&a, "I6"));
    ck_assert_ptr_null(wg_archive_find(&a, NULL));
    ck_assert_ptr_null(wg_archive_find(NULL, "I64"));
    ck_assert_ptr_null(wg_archive_text(&a, "I64"));
}
END_TEST

START_TEST(scalars_and_tensors_of_nothing_are_read) {
    wg_archive a;
    ck_assert(load("shapes", &a));
    ck_assert_int_eq(a.tensors, 3);
    expect_dense(wg_archive_find(&a, "scalar"), WG_F64, WG_SCALAR);
    ck_assert_double_eq(wg_item(wg_archive_find(&a, "scalar")), -2);
    expect_dense(wg_archive_find(&a, "empty"), WG_F64, WG_SHAPE(0, 3));
    expect_dense(wg_archive_find(&a, "rank8"), WG_F32, WG_SHAPE(1, 2, 1, 3, 1, 1, 2, 1));
    expect_counting(wg_archive_find(&a, "rank8"), false);
}
END_TEST

START_TEST(text_and_names_are_utf_8) {
    wg_archive a;
    ck_assert(load("text", &a));
    ck_assert_str_eq(a.tensor[0].name, "gr\xc3\xb6\xc3\x9f"
                                       "e/w");
    ck_assert_int_eq(a.texts, 2);
    ck_assert_str_eq(a.text[0].name, "a");
    ck_assert_str_eq(wg_archive_text(&a, "a"), "quote \" and \\ and \n");
    ck_assert_str_eq(wg_archive_text(&a, "b"), "\xf0\x9f\x98\x80 \xc3\xa9");
    ck_assert_ptr_null(wg_archive_text(&a, "c"));
    ck_assert(load("blanks", &a));
    ck_assert_str_eq(wg_archive_text(&a, "k"), "v");
    expect_counting(wg_archive_find(&a, "w"), true);
    ck_assert(parse_header("{\"__metadata__\":null}  ", 0, &a));
    ck_assert_int_eq(a.texts + a.tensors, 0);
    ck_assert(parse_header("{ }", 0, &a));
    ck_assert(
        parse_header("{\"__metadata__\":{\"\\u00e9\\/\\b\\f\\r\\t\":\"\\ud83d\\uDE00\"}}", 0, &a));
    ck_assert_str_eq(wg_archive_text(&a, "\xc3\xa9/\b\f\r\t"), "\xf0\x9f\x98\x80");
}
END_TEST

START_TEST(the_vector_of_the_format_is_read_and_written) {
    static const char vector[] = "8\0\0\0\0\0\0\0{\"x\":{\"dtype\":\"F32\",\"shape\":[2],"
                                 "\"data_offsets\":[0,8]}}  \0\0\x80\x3f\0\0\0\x40";
    wg_archive a;
    ck_assert(wg_io_parse_safetensors("vector", vector, 72, &a));
    EXPECT_VALUES(wg_archive_find(&a, "x"), 1, 2);
    ck_assert(wg_io_save_safetensors(temporary_path("x"), &a));
    file_bytes got = slurp(temporary_path("x"));
    ck_assert_uint_eq(got.size, 72);
    ck_assert_mem_eq(got.data, vector, 72);
    free(got.data);
}
END_TEST

START_TEST(everything_belongs_to_the_innermost_scope) {
    wg_archive a;
    wg_scope *scope = wg_scope_open();
    int64_t before = wg_memory_now().tensors;
    ck_assert(load("written", &a));
    ck_assert_int_gt(wg_memory_now().tensors, before);
    wg_scope_close(scope);
    ck_assert_int_eq(wg_memory_now().tensors, before);
}
END_TEST

/* ---- writing --------------------------------------------------------------------------------- */

START_TEST(the_bytes_of_the_reference_implementation_are_written) {
    wg_archive a;
    ck_assert(load("written", &a));
    ck_assert_int_eq(a.tensors, 8);
    wg_named_tensor list[8];  // any order gives the same file
    for (int i = 0; i < 8; i++) list[i] = a.tensor[(5 * i + 3) % 8];
    a.tensor = list;
    ck_assert(wg_io_save_safetensors(temporary_path("x"), &a));
    file_bytes got = slurp(temporary_path("x")),
               want = slurp_data("safetensors_written.safetensors");
    ck_assert_uint_eq(got.size, want.size);
    ck_assert_mem_eq(got.data, want.data, want.size);
    free(got.data), free(want.data);
}
END_TEST

START_TEST(views_are_written_in_c_order) {
    wg_tensor *x = wg_arange(WG_F32, 0, 6, 1), *y = wg__tensor_alias(x);
    y->view.shape = WG_SHAPE(3, 2);
    y->view.stride[0] = 1, y->view.stride[1] = 3;
    wg_named_tensor list[] = { { "x", x }, { "y", y } };
    wg_archive a = { .tensor = list, .tensors = 2 };
    ck_assert(wg_io_save_safetensors(temporary_path("x"), &a));
    ck_assert(wg_io_load_safetensors(temporary_path("x"), &a));
    EXPECT_VALUES(wg_archive_find(&a, "y"), 0, 3, 1, 4, 2, 5);
}
END_TEST

START_TEST(every_bit_and_every_text_comes_back) {
    wg_random r = { .seed = (uint64_t)_i };
    wg_dtype dtype = (wg_dtype)(_i % WG_DTYPES);
    unsigned char bytes[24 * 8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(wg_random_u64(&r) & (dtype == WG_BOOL ? 1 : 255));
    char text[128] = "";
    for (int i = 0; i < 127; i++) text[i] = (char)(i + 1);
    wg_named_tensor list[] = { { text, wg_from(dtype, WG_SHAPE(2, 3, 4), bytes) } };
    wg_named_text about[] = { { "", text }, { text, "" } };
    wg_archive a = { list, 1, about, 2 }, b;
    ck_assert(wg_io_save_safetensors(temporary_path("x"), &a));
    ck_assert(wg_io_load_safetensors(temporary_path("x"), &b));
    expect_dense(wg_archive_find(&b, text), dtype, WG_SHAPE(2, 3, 4));
    ck_assert_mem_eq(b.tensor[0].value->view.data, bytes, 24 * wg_dtype_size(dtype));
    ck_assert_str_eq(wg_archive_text(&b, ""), text);
    ck_assert_str_eq(wg_archive_text(&b, text), "");
}
END_TEST

START_TEST(a_save_that_fails_leaves_the_old_file_and_nothing_else) {
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(2));
    wg_archive a = { .tensor = (wg_named_tensor[]){ { "x", x } }, .tensors = 1 };
    ck_assert(wg_io_save_safetensors(temporary_path("x"), &a));
    wg_named_tensor bad[] = { { "x", x }, { "x", x } };
    wg_archive twice = { .tensor = bad, .tensors = 2 };
    ck_assert(!wg_io_save_safetensors(temporary_path("x"), &twice));
    expect_error(WG_ERROR_ARGUMENT, "\"x\" is there twice");
    bad[1].name = "__metadata__";
    ck_assert(!wg_io_save_safetensors(temporary_path("x"), &twice));
    expect_error(WG_ERROR_ARGUMENT, "no tensor can be named __metadata__");
    bad[1].name = "a\xff";
    ck_assert(!wg_io_save_safetensors(temporary_path("x"), &twice));
    expect_error(WG_ERROR_ARGUMENT, "is not UTF-8 from byte 1 on");
    bad[1] = (wg_named_tensor){ "y", NULL };
    ck_assert(!wg_io_save_safetensors(temporary_path("x"), &twice));
    expect_error(WG_ERROR_ARGUMENT, "the tensor \"y\" is NULL");
    bad[1].name = NULL;
    ck_assert(!wg_io_save_safetensors(temporary_path("x"), &twice));
    expect_error(WG_ERROR_ARGUMENT, "the name of a tensor is NULL");
    wg_named_text text[] = { { "k", "v" }, { "k", NULL } };
    wg_archive texts = { .text = text, .texts = 2 };
    ck_assert(!wg_io_save_safetensors(temporary_path("x"), &texts));
    expect_error(WG_ERROR_ARGUMENT, "a text is NULL");
    text[1].text = "w";
    ck_assert(!wg_io_save_safetensors(temporary_path("x"), &texts));
    expect_error(WG_ERROR_ARGUMENT, "\"k\" is there twice");
    ck_assert(!wg_io_save_safetensors(temporary_path("x"), &(wg_archive){ .tensors = 1 }));
    expect_error(WG_ERROR_ARGUMENT, "1 tensors at NULL");
    ck_assert(!wg_io_save_safetensors(NULL, &a));
    expect_error(WG_ERROR_ARGUMENT, "path is NULL");
    ck_assert(!wg_io_save_safetensors("x", NULL));
    expect_error(WG_ERROR_ARGUMENT, "the archive is NULL");
    ck_assert(!wg_io_save_safetensors("/nowhere/x", &a));
    expect_error(WG_ERROR_FILE, "/nowhere/x");
    ck_assert_int_eq(files_in_temporary_folder(false), 1);
    ck_assert(wg_io_load_safetensors(temporary_path("x"), &a));
}
END_TEST

/* ---- what is refused ------------------------------------------------------------------------- */

#define X "{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}"
static const struct {
    const char *header;
    int data;
    wg_status status;
    const char *words;
} refused[] = {
    // JSON
    { "[]", 0, WG_ERROR_FORMAT, "t: header byte 0: '{' wanted, '[' found" },
    { " {}", 0, WG_ERROR_FORMAT, "header byte 0: '{' wanted, byte 0x20 found" },
    { "{} \n", 0, WG_ERROR_FORMAT, "header byte 3: nothing but spaces wanted, byte 0x0a found" },
    { "{}{}", 0, WG_ERROR_FORMAT, "nothing but spaces wanted" },
    { "{\"a\"", 0, WG_ERROR_FORMAT, "the header ends where ':' is wanted" },
    { "{\"a", 0, WG_ERROR_FORMAT, "the header ends where '\"' is wanted" },
    { "{\"a\":" X, 2, WG_ERROR_FORMAT, "the header ends where ',' or '}' is wanted" },
    { "{\"a\":" X ",}", 2, WG_ERROR_FORMAT, "'\"' wanted, '}' found" },
    { "{\"a\":" X " \"b\":" X "}", 2, WG_ERROR_FORMAT, "',' or '}' wanted, '\"' found" },
    { "{,\"a\":" X "}", 2, WG_ERROR_FORMAT, "'\"' wanted, ',' found" },
    { "{\"a\":1}", 0, WG_ERROR_FORMAT, "'{' wanted, '1' found" },
    { "{\"a\n\":" X "}", 2, WG_ERROR_FORMAT, "a character of a string wanted, byte 0x0a found" },
    { "{\"\\x\":" X "}", 2, WG_ERROR_FORMAT, "an escape wanted, 'x' found" },
    { "{\"\\u12g4\":" X "}", 2, WG_ERROR_FORMAT, "a hexadecimal digit wanted, 'g' found" },
    { "{\"\\u0000\":" X "}", 2, WG_ERROR_FORMAT, "a character other than U+0000" },
    { "{\"\\ud800\":" X "}", 2, WG_ERROR_FORMAT, "a pair of surrogates" },
    { "{\"\\udc00\":" X "}", 2, WG_ERROR_FORMAT, "a pair of surrogates" },
    { "{\"\\ud800\\u0041\":" X "}", 2, WG_ERROR_FORMAT, "a pair of surrogates" },
    { "{\"\xff\":" X "}", 2, WG_ERROR_FORMAT, "header byte 2 is not UTF-8" },
    { "{\"\xc0\x80\":" X "}", 2, WG_ERROR_FORMAT, "header byte 2 is not UTF-8" },
    { "{\"a\xed\xa0\x80\":" X "}", 2, WG_ERROR_FORMAT, "header byte 3 is not UTF-8" },
    { "{\"\xf4\x90\x80\x80\":" X "}", 2, WG_ERROR_FORMAT, "header byte 2 is not UTF-8" },
    { "{}\xc3", 0, WG_ERROR_FORMAT, "header byte 2 is not UTF-8" },
    // names
    { "{\"a\":" X ",\"a\":" X "}", 2, WG_ERROR_FORMAT, "t: \"a\" is there twice" },
    { "{\"a\":" X ",\"\\u0061\":" X "}", 2, WG_ERROR_FORMAT, "\"a\" is there twice" },
    { "{\"__metadata__\":{},\"__metadata__\":{}}", 0, WG_ERROR_FORMAT,
      "\"__metadata__\" is there" },
    { "{\"__metadata__\":{\"k\":\"\",\"k\":\"\"}}", 0, WG_ERROR_FORMAT, "\"k\" is there twice" },
    { "{\"__metadata__\":{\"k\":1}}", 0, WG_ERROR_FORMAT, "'\"' wanted, '1' found" },
    { "{\"__metadata__\":[]}", 0, WG_ERROR_FORMAT, "'{' wanted, '[' found" },
    // fields
    { "{\"a\":{}}", 0, WG_ERROR_FORMAT, "\"a\" lacks dtype, shape or data_offsets" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[2]}}", 2, WG_ERROR_FORMAT, "\"a\" lacks" },
    { "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}", 2, WG_ERROR_FORMAT, "each once" },
    { "{\"a\":{\"stride\":[1]}}", 2, WG_ERROR_FORMAT, "\"dtype\", \"shape\" or \"data_offsets\"" },
    { "{\"a\":{\"dtype\":\"C64\"}}", 2, WG_ERROR_DTYPE, "\"a\" is C64, which has no dtype here" },
    { "{\"a\":{\"dtype\":\"u8\"}}", 2, WG_ERROR_DTYPE, "\"a\" is u8" },
    { "{\"a\":{\"shape\":[-1]}}", 2, WG_ERROR_FORMAT, "a whole number wanted, '-' found" },
    { "{\"a\":{\"shape\":[01]}}", 2, WG_ERROR_FORMAT, "a whole number wanted, '0' found" },
    { "{\"a\":{\"shape\":[1.0]}}", 2, WG_ERROR_FORMAT, "',' or ']' wanted, '.' found" },
    { "{\"a\":{\"shape\":[9223372036854775808]}}", 2, WG_ERROR_FORMAT, "a number below 2^63" },
    { "{\"a\":{\"shape\":[1,1,1,1,1,1,1,1,1]}}", 1, WG_ERROR_FORMAT, "\"a\" has more than 8 axes" },
    { "{\"a\":{\"data_offsets\":[0]}}", 2, WG_ERROR_FORMAT, "',' wanted, ']' found" },
    { "{\"a\":{\"data_offsets\":[0,1,2]}}", 2, WG_ERROR_FORMAT, "']' wanted, ',' found" },
    // places
    { "{\"a\":" X "}", 1, WG_ERROR_FORMAT, "the tensors take 2 bytes, there are 1" },
    { "{\"a\":" X "}", 3, WG_ERROR_FORMAT, "the tensors take 2 bytes, there are 3" },
    { "{}", 1, WG_ERROR_FORMAT, "the tensors take 0 bytes, there are 1" },
    { "{\"a\":" X ",\"b\":" X "}", 2, WG_ERROR_FORMAT, "\"b\" begins at 0, wanted is 2" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3, WG_ERROR_FORMAT,
      "\"a\" begins at 1, wanted is 0" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,0]}}", 2, WG_ERROR_FORMAT,
      "\"a\": shape [2] takes 2 bytes, its offsets are 2 to 0" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2, WG_ERROR_FORMAT,
      "shape [2] takes 8 bytes, its offsets are 0 to 2" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
      WG_ERROR_FORMAT, "is more than memory can hold" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[0,4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
      WG_ERROR_FORMAT, "is more than memory can hold" },
    { "{\"a\":{\"dtype\":\"F64\",\"shape\":[1099511627776],\"data_offsets\":[0,8796093022208]}}", 8,
      WG_ERROR_FORMAT, "the tensors take 8796093022208 bytes, there are 8" },
};

START_TEST(what_the_format_forbids_is_refused) {
    wg_archive a = { .tensors = 3 };
    int64_t before = wg_memory_now().tensors;
    ck_assert(!parse_header(refused[_i].header, (size_t)refused[_i].data, &a));
    expect_error(refused[_i].status, refused[_i].words);
    ck_assert(a.tensors == 0 && a.tensor == NULL && a.texts == 0);
    ck_assert_int_eq(wg_memory_now().tensors, before);
}
END_TEST

START_TEST(lengths_and_bools_that_lie_are_refused) {
    wg_archive a;
    const struct {
        const char *bytes;
        size_t size;
        const char *words;
    } row[] = {
        { "", 0, "not safetensors: 0 bytes" },
        { "\2\0\0\0\0\0\0", 7, "not safetensors: 7 bytes" },
        { "\1\0\0\0\0\0\0\0{}", 10, "header of 1 bytes, at least 2 are wanted" },
        { "\0\0\0\0\0\0\0\0{}", 10, "header of 0 bytes, at least 2 are wanted" },
        { "\3\0\0\0\0\0\0\0{}", 10, "header of 3 bytes, but the file ends after 2" },
        { "\1\341\365\5\0\0\0\0{}", 10, "header of 100000001 bytes, at most 100000000 are read" },
        { "\377\377\377\377\377\377\377\377{}", 10, "header of 18446744073709551615 bytes" },
    };
    for (int i = 0; i < COUNT(row); i++) {
        unsigned char *copy = exact_copy(row[i].bytes, row[i].size);
        ck_assert(!wg_io_parse_safetensors("t", copy, row[i].size, &a));
        expect_error(WG_ERROR_FORMAT, row[i].words);
        free(copy);
    }
    static const char bools[] = "\70\0\0\0\0\0\0\0{\"x\":{\"dtype\":\"BOOL\",\"shape\":[2],"
                                "\"data_offsets\":[0,2]}} \1\2";
    ck_assert(!wg_io_parse_safetensors("t", bools, 66, &a));
    expect_error(WG_ERROR_FORMAT, "\"x\": value 1 is 2, a bool is 0 or 1");
    ck_assert(!wg_io_parse_safetensors("t", bools, 66, NULL));
    expect_error(WG_ERROR_ARGUMENT, "out is NULL");
    ck_assert(!wg_io_parse_safetensors(NULL, bools, 66, &a));
    expect_error(WG_ERROR_ARGUMENT, "name is NULL");
    ck_assert(!wg_io_load_safetensors("/nowhere", &a));
    expect_error(WG_ERROR_FILE, "/nowhere");
}
END_TEST

START_TEST(a_file_cut_anywhere_is_refused) {
    file_bytes f = slurp_data("safetensors_written.safetensors");
    for (size_t n = 0; n < f.size; n++) {
        unsigned char *cut = exact_copy(f.data, n);
        wg_archive a;
        ck_assert(!wg_io_parse_safetensors("t", cut, n, &a));
        expect_error(WG_ERROR_FORMAT, "t: ");
        free(cut);
    }
    free(f.data);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

static bool there_and_back(void) {
    wg_archive a;
    return load("written", &a) && wg_io_save_safetensors(temporary_path("x"), &a);
}

START_TEST(every_allocation_may_fail) {
    fail_every_allocation(there_and_back);
    ck_assert_int_eq(files_in_temporary_folder(false), 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("safetensors");
    TCase *t = add_file_cases(suite, "reading");
    tcase_add_test(t, every_type_is_read_into_the_dtype_that_holds_it);
    tcase_add_test(t, scalars_and_tensors_of_nothing_are_read);
    tcase_add_test(t, text_and_names_are_utf_8);
    tcase_add_test(t, the_vector_of_the_format_is_read_and_written);
    tcase_add_test(t, everything_belongs_to_the_innermost_scope);
    t = add_file_cases(suite, "writing");
    tcase_add_test(t, the_bytes_of_the_reference_implementation_are_written);
    tcase_add_test(t, views_are_written_in_c_order);
    tcase_add_loop_test(t, every_bit_and_every_text_comes_back, 0, 2 * WG_DTYPES);
    tcase_add_test(t, a_save_that_fails_leaves_the_old_file_and_nothing_else);
    t = add_file_cases(suite, "refused");
    ADD_TABLE(t, what_the_format_forbids_is_refused, refused);
    tcase_add_test(t, lengths_and_bools_that_lie_are_refused);
    tcase_add_test(t, a_file_cut_anywhere_is_refused);
    tcase_add_test(t, every_allocation_may_fail);
    return run_suite(suite);
}
