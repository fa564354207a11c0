// SPDX-License-Identifier: MIT
/* test_random.c: the generator against its published values, the distributions against theirs.
   Seeds are fixed, so a bound of five standard deviations that holds once holds always. */
#include "tests/core_test.h"

/* ---- Philox ---------------------------------------------------------------------------------- */

// From the known-answer tests that come with the authors' Random123.
static const struct {
    uint32_t counter[4], key[2], out[4];
} published[] = {
    { { 0 }, { 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
    { { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX },
      { UINT32_MAX, UINT32_MAX },
      { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
    { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
      { 0xa4093822, 0x299f31d0 },
      { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
};

START_TEST(philox_gives_the_published_words) {
    uint32_t out[4];
    wg__philox(published[_i].counter, published[_i].key, out);
    ck_assert_mem_eq(out, published[_i].out, sizeof out);
}
END_TEST

START_TEST(many_words_at_once_are_those_of_block_after_block) {
    const wg_random r = { .seed = 5, .stream = 9 };
    for (int64_t blocks = 0; blocks < 40;
         blocks++) {  // around the width at which they run side by side
        uint32_t many[4 * 40 + 1], one[4];
        many[4 * blocks] = 77;
        wg__random_words(&r, UINT32_MAX - 7u, many, blocks);
        ck_assert_uint_eq(many[4 * blocks], 77);
        for (int64_t k = 0; k < 4 * blocks; k++) {
            wg__random_block(&r, UINT32_MAX - 7u + (uint64_t)k / 4, one);
            ck_assert_uint_eq(many[k], one[k % 4]);
        }
    }
}
END_TEST

START_TEST(seed_stream_and_counter_are_key_and_halves_of_the_counter) {
    wg_random r = { .seed = UINT64_C(0x299f31d0a4093822),
                    .stream = UINT64_C(0x0370734413198a2e),
                    .counter = UINT64_C(0x85a308d3243f6a88) };
    uint32_t out[4];
    wg__random_block(&r, r.counter, out);
    ck_assert_mem_eq(out, published[2].out, sizeof out);
    ck_assert_uint_eq(wg_random_u64(&r), UINT64_C(0x94fdccebd16cfe09));
    ck_assert_uint_eq(r.counter, UINT64_C(0x85a308d3243f6a89));
}
END_TEST

START_TEST(the_counter_may_start_at_its_end) {
    wg_random r = { .seed = 3, .counter = UINT64_MAX };
    wg_random_u64(&r);
    ck_assert_uint_eq(r.counter, 0);
    r.counter = UINT64_MAX - 1;
    wg_tensor *x = wg_rand(WG_F64, WG_SHAPE(4), &r);
    wg_random from_zero = { .seed = 3 };
    ck_assert(wg_at(x, (int64_t[]){ 2 }) == wg_random_uniform(&from_zero));
}
END_TEST

/* ---- which numbers --------------------------------------------------------------------------- */

START_TEST(element_k_is_the_same_in_any_shape_and_part) {
    wg_random all = { .seed = 5, .stream = 2 }, rows = all, parts = all;
    wg_tensor *flat = wg_randn(WG_F64, WG_SHAPE(24), &all);
    wg_tensor *cube = wg_randn(WG_F64, WG_SHAPE(2, 3, 4), &rows);
    wg_tensor *head = wg_randn(WG_F64, WG_SHAPE(10), &parts),
              *tail = wg_randn(WG_F64, WG_SHAPE(14), &parts);
    ck_assert_uint_eq(all.counter, 24);
    ck_assert_uint_eq(parts.counter, 24);
    double a[24], b[24], c[24];
    ck_assert(wg_read(flat, a, 24) && wg_read(cube, b, 24));
    ck_assert(wg_read(head, c, 10) && wg_read(tail, c + 10, 14));
    ck_assert_mem_eq(a, b, sizeof a);
    ck_assert_mem_eq(a, c, sizeof a);
}
END_TEST

START_TEST(f32_is_f64_rounded) {
    wg_random r = { .seed = 5 }, s = r;
    float narrow[1000];
    double wide[1000];
    ck_assert(wg_read(wg_randn(WG_F32, WG_SHAPE(1000), &r), narrow, 1000));
    ck_assert(wg_read(wg_randn(WG_F64, WG_SHAPE(1000), &s), wide, 1000));
    for (int i = 0; i < 1000; i++) ck_assert(narrow[i] == (float)wide[i]);
}
END_TEST

START_TEST(uniform_numbers_agree_with_single_draws) {
    wg_random r = { .seed = 9, .counter = 100 }, s = r;
    double x[100];
    ck_assert(wg_read(wg_rand(WG_F64, WG_SHAPE(100), &r), x, 100));
    for (int i = 0; i < 100; i++) ck_assert(x[i] == wg_random_uniform(&s));
}
END_TEST

START_TEST(seeds_and_streams_differ) {
    const wg_random r[] = { { .seed = 1 },
                            { .seed = 2 },
                            { .seed = 1, .stream = 1 },
                            { .seed = 2, .stream = 1 },
                            { .seed = UINT64_C(1) << 32 },
                            { .stream = UINT64_C(1) << 32, .seed = 1 } };
    enum { N = sizeof r / sizeof *r };
    uint64_t first[N];
    for (int i = 0; i < N; i++) {
        wg_random copy = r[i];
        first[i] = wg_random_u64(&copy);
        for (int k = 0; k < i; k++) ck_assert_uint_ne(first[i], first[k]);
    }
}
END_TEST

/* ---- distributions --------------------------------------------------------------------------- */

enum { MANY = 200000 };

/* Sample mean of x^power must be `moment`, within five deviations of a mean of MANY values whose
   own deviation is `spread`. */
static void expect_moment(const double *x, int power, double moment, double spread) {
    double sum = 0;
    for (int i = 0; i < MANY; i++) sum += pow(x[i], power);
    double gap = fabs(sum / MANY - moment), bound = 5 * spread / sqrt(MANY);
    ck_assert_msg(gap <= bound, "moment %d is %g, wanted %g +- %g", power, sum / MANY, moment,
                  bound);
}

START_TEST(uniform_numbers_have_the_moments_of_theirs) {
    static double x[MANY];
    wg_random r = { .seed = 21 };
    ck_assert(wg_read_f64(wg_rand(_i ? WG_F32 : WG_F64, WG_SHAPE(MANY), &r), x, MANY));
    for (int i = 0; i < MANY; i++) ck_assert(x[i] >= 0 && x[i] < 1);
    for (int p = 1; p <= 4; p++) {  // E x^p = 1 / (p + 1)
        double mean = 1.0 / (p + 1), square = 1.0 / (2 * p + 1);
        expect_moment(x, p, mean, sqrt(square - mean * mean));
    }
    int bin[16] = { 0 };
    for (int i = 0; i < MANY; i++) bin[(int)(16 * x[i])]++;
    double chi2 = 0, want = MANY / 16.0;
    for (int k = 0; k < 16; k++) chi2 += (bin[k] - want) * (bin[k] - want) / want;
    ck_assert_msg(chi2 <= 44.3, "%g", chi2);  // 15 degrees of freedom: passed by all but 1 in 10^4
}
END_TEST

START_TEST(normal_numbers_have_the_moments_of_theirs) {
    static double x[MANY];
    wg_random r = { .seed = 22 };
    ck_assert(wg_read_f64(wg_randn(_i ? WG_F32 : WG_F64, WG_SHAPE(MANY), &r), x, MANY));
    expect_moment(x, 1, 0, 1);
    expect_moment(x, 2, 1, sqrt(2));        // E x^4 - 1
    expect_moment(x, 3, 0, sqrt(15));       // E x^6
    expect_moment(x, 4, 3, sqrt(105 - 9));  // E x^8 - 9
    double lag = 0;
    for (int i = 1; i < MANY; i++) lag += x[i] * x[i - 1];
    ck_assert(fabs(lag / MANY) <= 5 / sqrt(MANY));
    int outside = 0;
    for (int i = 0; i < MANY; i++) outside += fabs(x[i]) > 1.959963984540054;
    ck_assert(abs(outside - MANY / 20) <= 5 * sqrt(MANY * 0.05 * 0.95));
}
END_TEST

START_TEST(below_is_even_for_sizes_that_divide_nothing) {
    static const int64_t size[] = { 1, 2, 3, 7, 10, 100 };
    int64_t n = size[_i];
    int count[100] = { 0 };
    wg_random r = { .seed = 23 };
    for (int i = 0; i < MANY; i++) {
        int64_t v = wg_random_below(&r, n);
        ck_assert(v >= 0 && v < n);
        count[v]++;
    }
    double p = 1.0 / (double)n, deviation = sqrt(MANY * p * (1 - p));
    for (int64_t k = 0; k < n; k++) ck_assert(fabs(count[k] - MANY * p) <= 5 * deviation);
}
END_TEST

/* With n = 3 * 2^61 and no rejection, values below 2^62 would have three preimages among 2^64 for
   each two of the others, and probability 3/4 in place of 2/3. */
START_TEST(below_is_unbiased_where_the_modulus_would_not_be) {
    int64_t n = 3 * (INT64_C(1) << 61), low = 0;
    wg_random r = { .seed = 24 };
    for (int i = 0; i < MANY; i++) low += wg_random_below(&r, n) < INT64_C(1) << 62;
    double p = 2.0 / 3;
    ck_assert(fabs((double)low - MANY * p) <= 5 * sqrt(MANY * p * (1 - p)));
}
END_TEST

START_TEST(below_has_no_number_below_one) {
    wg_random r = { .seed = 1 };
    ck_assert_int_eq(wg_random_below(&r, 0), 0);
    ck_assert_int_eq(wg_random_below(&r, -5), 0);
    ck_assert_int_eq(wg_random_below(&r, 1), 0);
    for (int i = 0; i < 100; i++) ck_assert_int_ge(wg_random_below(&r, INT64_MAX), 0);
}
END_TEST

/* ---- permutations ---------------------------------------------------------------------------- */

START_TEST(a_permutation_holds_each_number_once) {
    wg_random r = { .seed = 31 };
    for (int64_t n = 0; n < 200; n += 13) {
        wg_tensor *p = wg_permutation(n, &r);
        ck_assert_int_eq(wg_dtype_of(p), WG_I64);
        ck_assert_int_eq(wg_numel(p), n);
        const int64_t *value = wg_values(p, WG_I64);
        bool seen[200] = { false };
        for (int64_t i = 0; i < n; i++) {
            ck_assert(value[i] >= 0 && value[i] < n && !seen[value[i]]);
            seen[value[i]] = true;
        }
    }
}
END_TEST

START_TEST(all_permutations_are_equally_likely) {
    enum { ROUNDS = 60000 };
    int count[24] = { 0 };
    wg_random r = { .seed = 32 };
    for (int round = 0; round < ROUNDS; round++) {
        wg_scope *scope = wg_scope_open();
        const int64_t *p = wg_values(wg_permutation(4, &r), WG_I64);
        int64_t b = p[1] - (p[1] > p[0]), c = p[2] - (p[2] > p[0]) - (p[2] > p[1]);
        count[p[0] * 6 + b * 2 + c]++;
        wg_scope_close(scope);
    }
    double mean = ROUNDS / 24.0, chi2 = 0;
    for (int k = 0; k < 24; k++) chi2 += (count[k] - mean) * (count[k] - mean) / mean;
    ck_assert_msg(chi2 <= 56.8, "%g", chi2);  // 23 degrees of freedom: passed by all but 1 in 10^4
}
END_TEST

/* ---- what is refused ------------------------------------------------------------------------- */

START_TEST(without_a_generator_or_a_float_nothing_is_drawn) {
    wg_random r = { .seed = 1 };
    ck_assert_ptr_null(wg_rand(WG_F32, WG_SCALAR, NULL));
    expect_error(WG_ERROR_ARGUMENT, "NULL");
    ck_assert_ptr_null(wg_randn(WG_F32, WG_SCALAR, NULL));
    expect_error(WG_ERROR_ARGUMENT, "NULL");
    ck_assert_ptr_null(wg_permutation(3, NULL));
    expect_error(WG_ERROR_ARGUMENT, "NULL");
    wg_random_u64(NULL);
    expect_error(WG_ERROR_ARGUMENT, "NULL");
    wg_random_uniform(NULL);
    expect_error(WG_ERROR_ARGUMENT, "NULL");
    wg_random_below(NULL, 3);
    expect_error(WG_ERROR_ARGUMENT, "NULL");
    ck_assert_ptr_null(wg_rand(WG_I64, WG_SCALAR, &r));
    expect_error(WG_ERROR_DTYPE, "i64");
    ck_assert_ptr_null(wg_permutation(-1, &r));
    expect_error(WG_ERROR_ARGUMENT, "-1 values");
    ck_assert_ptr_null(wg_rand(WG_F32, WG_SHAPE(-1), &r));
    expect_error(WG_ERROR_SHAPE, "[-1]");
    ck_assert_uint_eq(r.counter, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("random");
    TCase *cases = add_cases(suite, "generator");
    tcase_add_loop_test(cases, philox_gives_the_published_words, 0,
                        sizeof published / sizeof *published);
    tcase_add_test(cases, many_words_at_once_are_those_of_block_after_block);
    tcase_add_test(cases, seed_stream_and_counter_are_key_and_halves_of_the_counter);
    tcase_add_test(cases, the_counter_may_start_at_its_end);
    tcase_add_test(cases, element_k_is_the_same_in_any_shape_and_part);
    tcase_add_test(cases, f32_is_f64_rounded);
    tcase_add_test(cases, uniform_numbers_agree_with_single_draws);
    tcase_add_test(cases, seeds_and_streams_differ);
    tcase_add_loop_test(cases, uniform_numbers_have_the_moments_of_theirs, 0, 2);
    tcase_add_loop_test(cases, normal_numbers_have_the_moments_of_theirs, 0, 2);
    tcase_add_loop_test(cases, below_is_even_for_sizes_that_divide_nothing, 0, 6);
    tcase_add_test(cases, below_is_unbiased_where_the_modulus_would_not_be);
    tcase_add_test(cases, below_has_no_number_below_one);
    tcase_add_test(cases, a_permutation_holds_each_number_once);
    tcase_add_test(cases, all_permutations_are_equally_likely);
    tcase_add_test(cases, without_a_generator_or_a_float_nothing_is_drawn);
    return run_suite(suite);
}
