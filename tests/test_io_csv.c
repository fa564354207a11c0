// SPDX-License-Identifier: MIT
/* test_io_csv.c: tables of numbers. What is read is compared bit for bit with the C library's own
   strtod and strtof; what is refused must say where it stands. */
#include <locale.h>
#include <math.h>

#include "tests/io_test.h"

static wg_tensor *parse(const char *text, wg_csv_options o) {
    size_t size = strlen(text);
    unsigned char *copy = exact_copy(text, size);  // without the closing 0
    wg_tensor *x = wg_io_parse_csv("t.csv", copy, size, o);
    free(copy);
    return x;
}

static void expect_table(wg_tensor *x, int64_t rows, int64_t columns, const double *values) {
    expect_shape(x, WG_SHAPE(rows, columns));
    expect_values(x, values, rows * columns);
}

/* ---- layout ---------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    char separator;
    int64_t skip;
} same_table[] = {
    { "1,2\n3,4\n", 0, 0 },
    { "1,2\n3,4", 0, 0 },
    { "1,2\r\n3,4\r\n", 0, 0 },
    { "1,2\r\n3,4\r", 0, 0 },
    { "\n\n1,2\n  \t \n# 7,8,9\n3,4\n\r\n", 0, 0 },
    { " 1 ,\t2\t\n3 , 4 ", 0, 0 },
    { "a,b\n1,2\n3,4\n", 0, 1 },
    { "# \n\nwords\n1,2\n3,4\n", 0, 3 },
    { "1;2\n3;4\n", ';', 0 },
    { "1\t2\n 3 \t 4 \n", '\t', 0 },
    { "1 2\n3 4\n", ' ', 0 },
    { "  1   2 \n3\t 4\n", ' ', 0 },
    { "\xef\xbb\xbf"
      "1,2\n3,4\n",
      0, 0 },
    { "+1,2e0\n300e-2,.4e+1\n", 0, 0 },
};

START_TEST(csv_reads_one_table_in_every_layout) {
    for (int d = 0; d < WG_BOOL; d++) {
        wg_csv_options o = { (wg_dtype)d, same_table[_i].separator, same_table[_i].skip };
        wg_tensor *x = parse(same_table[_i].text, o);
        ck_assert_int_eq(wg_dtype_of(x), d);
        ck_assert(wg_is_contiguous(x));
        expect_table(x, 2, 2, (double[]){ 1, 2, 3, 4 });
    }
}
END_TEST

START_TEST(csv_reads_bools) {
    expect_table(parse("0,1\n1,1", (wg_csv_options){ .dtype = WG_BOOL }), 2, 2,
                 (double[]){ 0, 1, 1, 1 });
}
END_TEST

START_TEST(csv_loads_the_digits) {
    wg_tensor *x =
        wg_io_load_csv(repository_path("examples/data/digits.csv"), (wg_csv_options){ 0 });
    expect_no_error();
    ck_assert_int_eq(wg_dim(x, 0), 1797);
    ck_assert_int_eq(wg_dim(x, 1), 65);
    const float *v = wg_values(x, WG_F32);
    double first_row = 0;
    int wrong = 0;
    for (int i = 0; i < 1797 * 65; i++) wrong += !(v[i] >= 0 && v[i] <= 16 && v[i] == floorf(v[i]));
    ck_assert_int_eq(wrong, 0);
    for (int i = 0; i < 64; i++) first_row += (double)v[i];
    ck_assert_double_eq(first_row, 294);
}
END_TEST

/* ---- numbers --------------------------------------------------------------------------------- */

/* One number, alone in its file, is bit for bit what the C library makes of it in both float types.
   One that the type cannot hold is left out here. */
static bool as_the_c_library(const char *text) {
    double d = strtod(text, NULL), got_d = 0;
    float f = strtof(text, NULL), got_f = 0;
    bool special = strpbrk(text, "nN"), right = true;
    wg_scope *scope = wg_scope_open();
    if (isfinite(d) || special)
        right = wg_read(parse(text, (wg_csv_options){ .dtype = WG_F64 }), &got_d, 1) &&
                memcmp(&d, &got_d, sizeof d) == 0;
    if (right && (isfinite(f) || special))
        right = wg_read(parse(text, (wg_csv_options){ 0 }), &got_f, 1) &&
                memcmp(&f, &got_f, sizeof f) == 0;
    wg_scope_close(scope);
    return right;
}
static void expect_as_the_c_library(const char *text) {
    if (!as_the_c_library(text)) ck_abort_msg("%s is read otherwise: %s", text, wg_error_message());
}

START_TEST(csv_rounds_hard_numbers_as_the_c_library_does) {
    static const char *const hard[] = {
        "0",
        "-0",
        "0.0",
        "-0e5",
        "0e-99999",
        "1e-400",
        "5e-324",
        "2.5e-324",
        "2.4e-324",
        "1e-45",
        "7e-46",
        "1.1754942807573643e-38",
        "2.2250738585072011e-308",
        "1.7976931348623157e308",
        "3.4028235e38",
        // halfway between two floats, and just beside: twice rounded, the last goes wrong
        "16777217",
        "16777219",
        "1.00000005960464477539",
        "1.000000059604644775390625",
        "1.0000000596046447753906250000000001",
        "1.00000017881393432617187499",
        // more digits than 64 bits hold, in front of the point and behind it
        "123456789012345678901234567890",
        "0.000000000000000000000000000123456789012345678901234567890",
        "9007199254740993",
        "9007199254740992.5e1",
        "18446744073709551615",
        "1e22",
        "1e23",
        "8.5e22",
        "3e-22",
        "10000000000000000000000000000000000000000e-40",
        "nan",
        "-nan",
        "+NaN",
        "inf",
        "-inf",
        "Infinity",
        "-INFINITY",
        "1.",
        ".5",
        "-.5e-3",
        "+7",
        "007",
    };
    for (size_t i = 0; i < sizeof hard / sizeof hard[0]; i++) expect_as_the_c_library(hard[i]);
}
END_TEST

START_TEST(csv_rounds_random_numbers_as_the_c_library_does) {
    wg_random r = { .seed = 11 };
    for (int k = 0; k < 20000; k++) {
        char text[80], *p = text;
        int64_t digits = 1 + wg_random_below(&r, 24), point = wg_random_below(&r, digits + 1);
        if (wg_random_below(&r, 2)) *p++ = '-';
        for (int64_t i = 0; i < digits; i++) {
            if (i == point) *p++ = '.';
            *p++ = (char)('0' + wg_random_below(&r, 10));
        }
        int exponent = (int)wg_random_below(&r, 61) - 30;
        if (k % 3)
            snprintf(p, 16, "e%d", exponent);
        else
            *p = 0;
        expect_as_the_c_library(text);
    }
}
END_TEST

START_TEST(csv_brings_printed_doubles_back_exactly) {
    wg_random r = { .seed = 12 };
    for (int k = 0; k < 5000; k++) {
        uint64_t bits = wg_random_u64(&r);
        double y;
        char text[40];
        memcpy(&y, &bits, sizeof y);
        if (!isfinite(y)) continue;
        snprintf(text, sizeof text, "%.17g", y);
        if (!(strtod(text, NULL) == y)) ck_abort_msg("%s is not %a", text, y);
        expect_as_the_c_library(text);
    }
}
END_TEST

START_TEST(csv_reads_integers_exactly) {
    static const struct {
        const char *text;
        int64_t value;
    } exact[] = {
        { "9223372036854775807", INT64_MAX },
        { "-9223372036854775808", INT64_MIN },
        { "9007199254740993", 9007199254740993 },
        { "922337203685477580.7e1", INT64_MAX },
        { "1000000000000000000", 1000000000000000000 },
        { "12300000000000000000000e-4", 1230000000000000000 },
        { "3.000000000000000000e+00", 3 },
        { "42.00000000000000000000000000000000000", 42 },
        { "-0", 0 },
        { "0e99999999999999999999", 0 },
        { "0.00e-99999", 0 },
    };
    for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++) {
        int64_t value = -1;
        ck_assert(wg_read(parse(exact[i].text, (wg_csv_options){ .dtype = WG_I64 }), &value, 1));
        ck_assert_msg(value == exact[i].value, "%s: %lld", exact[i].text, (long long)value);
    }
}
END_TEST

START_TEST(csv_reads_points_under_a_locale_that_has_commas) {
    static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8",
                                         "it_IT.UTF-8" };
    locale_t comma = (locale_t)0;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && comma == (locale_t)0; i++)
        comma = newlocale(LC_ALL_MASK, names[i], (locale_t)0);
    // without any such locale the machine's own must still be put back
    locale_t mine = comma != (locale_t)0 ? comma : newlocale(LC_ALL_MASK, "C", (locale_t)0);
    uselocale(mine);
    wg_tensor *x = parse("0.5;1.23456789012345678901", (wg_csv_options){ WG_F64, ';', 0 });
    ck_assert(uselocale((locale_t)0) == mine);
    uselocale(LC_GLOBAL_LOCALE);
    expect_table(x, 1, 2, (double[]){ 0.5, 1.23456789012345678901 });
    freelocale(mine);
}
END_TEST

/* ---- refusals -------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    wg_csv_options o;
    const char *words;
} refused[] = {
    { "", { 0 }, "t.csv: no numbers in 0 lines" },
    { "# only\n\n", { 0 }, "t.csv: no numbers in 2 lines" },
    { "1,2\n", { .skip = 5 }, "t.csv: no numbers in 1 lines" },
    { "1,2\n3\n", { 0 }, "t.csv:2: 1 columns, the rows before have 2" },
    { "1,2\n\n3,4,5", { 0 }, "t.csv:3: 3 columns, the rows before have 2" },
    { "1,2\n3,4,", { 0 }, "t.csv:2: 3 columns, the rows before have 2" },
    { "1,,2", { 0 }, "t.csv:1:3: empty field" },
    { "1,2\n 3 , \n", { 0 }, "t.csv:2:6: empty field" },
    { ",", { 0 }, "t.csv:1:1: empty field" },
    { "1\t\t2", { .separator = '\t' }, "t.csv:1:3: empty field" },
    { "1,2\n3, abc", { 0 }, "t.csv:2:4: \"abc\" is not a number, f32 wanted" },
    { "1 2", { 0 }, "t.csv:1:1: \"1 2\" is not a number" },
    { "0x10", { 0 }, "\"0x10\" is not a number" },
    { "1e", { 0 }, "\"1e\" is not a number" },
    { "1e+", { 0 }, "\"1e+\" is not a number" },
    { ".", { 0 }, "\".\" is not a number" },
    { "+", { 0 }, "\"+\" is not a number" },
    { "--1", { 0 }, "\"--1\" is not a number" },
    { "1.2.3", { 0 }, "\"1.2.3\" is not a number" },
    { "1,5;2", { .separator = ';' }, "t.csv:1:1: \"1,5\" is not a number" },
    { "nano", { 0 }, "\"nano\" is not a number" },
    { "nan(1)", { 0 }, "\"nan(1)\" is not a number" },
    { "infinit", { 0 }, "\"infinit\" is not a number" },
    { "\"1\"", { 0 }, "\"\"1\"\" is not a number" },
    { "1\r2", { 0 }, "\"1?2\" is not a number" },
    { "a\xff\x01z", { 0 }, "\"a??z\" is not a number" },
    { "aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd",
      { 0 },
      "\"aaaaaaaaaabbbbbbbbbbccccccccccdd...\" is not" },
    { "1e39", { 0 }, "\"1e39\" is out of range, f32 wanted" },
    { "3.4028236e38", { 0 }, "is out of range, f32" },
    { "1e309", { .dtype = WG_F64 }, "is out of range, f64 wanted" },
    { "-1e99999999999999999999", { .dtype = WG_F64 }, "is out of range, f64 wanted" },
    { "1.5", { .dtype = WG_I32 }, "\"1.5\" is not an integer, i32 wanted" },
    { "15e-1", { .dtype = WG_I64 }, "\"15e-1\" is not an integer" },
    { "1e-99999", { .dtype = WG_U8 }, "is not an integer" },
    { "1.0000000000000000000000001", { .dtype = WG_I64 }, "is not an integer" },
    { "1234567890123456789.5", { .dtype = WG_I64 }, "is not an integer" },
    { "nan", { .dtype = WG_I32 }, "\"nan\" is not an integer" },
    { "inf", { .dtype = WG_U8 }, "\"inf\" is not an integer" },
    { "2147483648", { .dtype = WG_I32 }, "is out of range, i32" },
    { "-2147483649", { .dtype = WG_I32 }, "is out of range, i32" },
    { "9223372036854775808", { .dtype = WG_I64 }, "is out of range, i64" },
    { "-9223372036854775809", { .dtype = WG_I64 }, "is out of range, i64" },
    { "123456789012345678901234567890", { .dtype = WG_I64 }, "is out of range, i64" },
    { "1e19", { .dtype = WG_I64 }, "is out of range, i64" },
    { "1e99999", { .dtype = WG_I64 }, "is out of range, i64" },
    { "256", { .dtype = WG_U8 }, "\"256\" is out of range, u8 wanted" },
    { "-1", { .dtype = WG_U8 }, "\"-1\" is out of range, u8" },
    { "2", { .dtype = WG_BOOL }, "\"2\" is out of range, bool" },
};

START_TEST(csv_refuses_with_the_place_and_the_text) {
    ck_assert_ptr_null(parse(refused[_i].text, refused[_i].o));
    expect_error(WG_ERROR_FORMAT, refused[_i].words);
}
END_TEST

START_TEST(csv_refuses_a_0_byte) {
    ck_assert_ptr_null(wg_io_parse_csv("t.csv", "1,2\0,3", 6, (wg_csv_options){ 0 }));
    expect_error(WG_ERROR_FORMAT, "t.csv:1:3: \"2?\" is not a number");
}
END_TEST

START_TEST(csv_reads_1000_characters_and_refuses_1001) {
    char text[1002];
    memset(text, '3', 1001);
    text[1] = '.';
    text[1001] = 0;
    ck_assert_ptr_null(parse(text, (wg_csv_options){ 0 }));
    expect_error(WG_ERROR_FORMAT, "has too many characters for a number");
    text[1000] = 0;
    expect_as_the_c_library(text);
}
END_TEST

START_TEST(csv_refuses_bad_options) {
    static const char bad[] = "0azZ+-.#\"\r\n\xe9";
    for (size_t i = 0; i + 1 < sizeof bad; i++) {
        char words[40];
        snprintf(words, sizeof words, "byte 0x%02x cannot be a separator", (unsigned char)bad[i]);
        ck_assert_ptr_null(parse("1", (wg_csv_options){ .separator = bad[i] }));
        expect_error(WG_ERROR_ARGUMENT, words);
    }
    ck_assert_ptr_null(parse("1", (wg_csv_options){ .skip = -3 }));
    expect_error(WG_ERROR_ARGUMENT, "skip is -3");
    ck_assert_ptr_null(parse("1", (wg_csv_options){ .dtype = (wg_dtype)77 }));
    expect_error(WG_ERROR_DTYPE, "no dtype 77");
    ck_assert_ptr_null(wg_io_load_csv("no such file", (wg_csv_options){ .skip = -1 }));
    expect_error(WG_ERROR_ARGUMENT, "skip is -1");
}
END_TEST

/* A wide first row and many short ones claim rows * columns, which the bytes do not hold. */
START_TEST(csv_takes_no_more_memory_than_the_bytes_account_for) {
    enum { N = 200000 };
    char *text = malloc(2 * N);
    for (int i = 0; i < N; i++) memcpy(text + 2 * i, i < N / 2 ? "1," : "1\n", 2);
    count_allocations(-1);
    ck_assert_ptr_null(wg_io_parse_csv("t.csv", text, 2 * N, (wg_csv_options){ .dtype = WG_F64 }));
    expect_error(WG_ERROR_FORMAT, "1 columns, the rows before have 100001");
    ck_assert_uint_lt(counted.peak, 4096);
    free(text);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("io: csv");
    TCase *t = add_file_cases(suite, "csv");
    ADD_TABLE(t, csv_reads_one_table_in_every_layout, same_table);
    tcase_add_test(t, csv_reads_bools);
    tcase_add_test(t, csv_loads_the_digits);
    tcase_add_test(t, csv_rounds_hard_numbers_as_the_c_library_does);
    tcase_add_test(t, csv_rounds_random_numbers_as_the_c_library_does);
    tcase_add_test(t, csv_brings_printed_doubles_back_exactly);
    tcase_add_test(t, csv_reads_integers_exactly);
    tcase_add_test(t, csv_reads_points_under_a_locale_that_has_commas);
    ADD_TABLE(t, csv_refuses_with_the_place_and_the_text, refused);
    tcase_add_test(t, csv_refuses_a_0_byte);
    tcase_add_test(t, csv_reads_1000_characters_and_refuses_1001);
    tcase_add_test(t, csv_refuses_bad_options);
    tcase_add_test(t, csv_takes_no_more_memory_than_the_bytes_account_for);
    return run_suite(suite);
}
