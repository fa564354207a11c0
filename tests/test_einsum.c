// SPDX-License-Identifier: MIT
/* test_einsum.c: equations against a plain loop over all indices, on whole numbers, where every
   order of adding gives the same bits: equations by hand, and random ones of up to four operands;
   and the words with which a wrong equation is refused. */
#include "tests/core_test.h"

static wg_tensor *counting(wg_shape shape) {  // 1, 2, 3, ... in C order
    return wg_reshape(wg_arange(WG_F64, 1, (double)wg_shape_numel(shape) + 1, 1), shape);
}

/* ---- by hand --------------------------------------------------------------------------------- */

START_TEST(equations_by_hand) {
    wg_tensor *a = counting(WG_SHAPE(2, 3)), *v = LIST(1, 0, -1), *m = counting(WG_SHAPE(2, 2));
    EXPECT_VALUES(wg_einsum("ij->ji", a), 1, 4, 2, 5, 3, 6);
    EXPECT_VALUES(wg_einsum("ji", a), 1, 4, 2, 5, 3, 6);  // the output in alphabetical order
    EXPECT_VALUES(wg_einsum("aB", a), 1, 4, 2, 5, 3, 6);  // capitals first
    EXPECT_VALUES(wg_einsum("ij,j", a, v), -2, -2);
    EXPECT_VALUES(wg_einsum("ij,j->ij", a, v), 1, 0, -3, 4, 0, -6);
    EXPECT_VALUES(wg_einsum("ii", m), 5);
    EXPECT_VALUES(wg_einsum("ii->i", m), 1, 4);
    EXPECT_VALUES(wg_einsum("ij->", a), 21);
    EXPECT_VALUES(wg_einsum("i,j->ij", LIST(1, 2), v), 1, 0, -1, 2, 0, -2);
    EXPECT_VALUES(wg_einsum(" i j , j k -> i k ", m, m), 7, 10, 15, 22);
    EXPECT_VALUES(wg_einsum("ij,jk,kl->il", m, m, m), 37, 54, 81, 118);
    EXPECT_VALUES(wg_einsum(",i,", scalar(2), v, scalar(3)), 6, 0, -6);
    EXPECT_VALUES(wg_einsum("ii,ii->", m, m), 17);
    wg_tensor *everything[] = { a, v };
    EXPECT_VALUES(wg_einsum_of("ij,j->", everything, 2), -4);
}
END_TEST

START_TEST(dots_stand_for_axes_that_broadcast) {
    wg_tensor *a = counting(WG_SHAPE(2, 1, 2)), *b = counting(WG_SHAPE(3, 2));
    wg_tensor *y = wg_einsum("...i,...i->...", a, b);
    expect_shape(y, WG_SHAPE(2, 3));
    EXPECT_VALUES(y, 5, 11, 17, 11, 25, 39);
    expect_shape(wg_einsum("...ij->...ji", b), WG_SHAPE(2, 3));
    expect_shape(wg_einsum("i...", a), WG_SHAPE(1, 2, 2));  // dots first, then letters
    EXPECT_VALUES(wg_einsum("...i->i", b), 9, 12);          // dots that the output lacks are summed
    EXPECT_VALUES(wg_einsum("...", b), 1, 2, 3, 4, 5, 6);
}
END_TEST

START_TEST(an_empty_sum_is_zero_and_an_empty_axis_stays) {
    wg_tensor *a = wg_zeros(WG_F32, WG_SHAPE(2, 0)), *b = wg_zeros(WG_F32, WG_SHAPE(0, 3));
    EXPECT_VALUES(wg_einsum("ij,jk->ik", a, b), 0, 0, 0, 0, 0, 0);
    EXPECT_VALUES(wg_einsum("ij->i", a), 0, 0);
    expect_shape(wg_einsum("ij,jk->ijk", a, b), WG_SHAPE(2, 0, 3));
}
END_TEST

/* From left to right the first three have no letter in common: 60^5 numbers. The cheapest pair
   first makes none of more than 60. */
START_TEST(a_chain_is_contracted_in_the_order_of_cost) {
    wg_tensor *m = wg_full(WG_F64, WG_SHAPE(60, 60), 1);
    wg_tensor *left = wg_ones(WG_F64, WG_SHAPE(1, 60));
    size_t before = counted.peak;
    wg_tensor *y = wg_einsum("ab,cd,ef,bc,de->af", left, m, m, m, m);
    ck_assert_uint_le(counted.peak - before, (size_t)1 << 18);
    expect_shape(y, WG_SHAPE(1, 60));
    ck_assert(wg_item(wg_max(y)) == 12960000 && wg_item(wg_min(y)) == 12960000);  // 60^4
}
END_TEST

/* ---- against a loop -------------------------------------------------------------------------- */

enum { MOST = 5 };  // different letters

typedef struct product {
    int n, rank[5];    // the last is the output
    int letter[5][6];  // of each
    int64_t size[MOST];
    char text[64];
} product;

static product random_product(wg_random *r) {
    product p = { .n = (int)between(r, 1, 4) };
    bool used[MOST] = { false };
    char *text = p.text;
    for (int l = 0; l < MOST; l++) p.size[l] = between(r, between(r, 0, 9) ? 1 : 0, 3);
    for (int i = 0; i < p.n; i++) {
        if (i > 0) *text++ = ',';
        p.rank[i] = (int)between(r, 0, 4);
        for (int k = 0; k < p.rank[i]; k++) {
            int l = p.letter[i][k] = (int)between(r, 0, MOST - 1);
            used[l] = true;
            *text++ = (char)('v' + l);
        }
    }
    *text++ = '-', *text++ = '>';
    int *rank = &p.rank[p.n], start = (int)between(r, 0, MOST - 1);
    for (int k = 0; k < MOST; k++) {
        int l = (start + 2 * k) % MOST;
        if (!used[l] || between(r, 0, 1)) continue;
        p.letter[p.n][(*rank)++] = l;
        *text++ = (char)('v' + l);
    }
    *text = 0;
    return p;
}

static int64_t place(const product *p, int i, const int64_t *index) {
    int64_t at = 0;
    for (int k = 0; k < p->rank[i]; k++)
        at = at * p->size[p->letter[i][k]] + index[p->letter[i][k]];
    return at;
}

static bool occurs(const product *p, int l) {
    for (int i = 0; i < p->n; i++)
        for (int k = 0; k < p->rank[i]; k++)
            if (p->letter[i][k] == l) return true;
    return false;
}

static void by_loop(const product *p, wg_tensor *const x[], double *want) {
    int64_t index[MOST], count = 1;
    for (int l = 0; l < MOST; l++) count *= occurs(p, l) ? p->size[l] : 1;
    for (int64_t e = 0; e < count; e++) {
        double term = 1;
        int64_t rest = e;
        for (int l = 0; l < MOST; l++) {
            int64_t size = occurs(p, l) ? p->size[l] : 1;
            index[l] = rest % size, rest /= size;
        }
        for (int i = 0; i < p->n; i++) term *= wg_view_get(&x[i]->view, place(p, i, index));
        want[place(p, p->n, index)] += term;
    }
}

START_TEST(random_equations_are_what_the_loop_over_all_indices_gives) {
    wg_random r = { .seed = 71, .stream = (uint64_t)_i };
    for (int trial = 0; trial < 100; trial++) {
        wg_scope *scope = wg_scope_open();
        product p = random_product(&r);
        wg_tensor *x[4];
        double want[243] = { 0 }, got[243];
        for (int i = 0; i < p.n; i++) {
            wg_shape s = { .rank = p.rank[i] };
            for (int k = 0; k < s.rank; k++) s.dim[k] = p.size[p.letter[i][k]];
            x[i] = random_layout(&r, _i & 1 ? WG_F32 : WG_F64, s, true);
            for (int64_t k = 0; k < wg_numel(x[i]); k++)
                wg_view_set(&x[i]->view, k, (double)between(&r, -2, 2));
        }
        wg_tensor *y = wg_einsum_of(p.text, x, p.n);
        ck_assert_msg(y != NULL, "%s: %s", p.text, wg_error_message());
        ck_assert_int_eq(wg_rank(y), p.rank[p.n]);
        by_loop(&p, x, want);
        ck_assert(wg_read_f64(y, got, wg_numel(y)));
        for (int64_t k = 0; k < wg_numel(y); k++)
            ck_assert_msg(got[k] == want[k], "%s at %lld: %g, not %g", p.text, (long long)k, got[k],
                          want[k]);
        wg_scope_close(scope);
    }
}
END_TEST

/* ---- refused --------------------------------------------------------------------------------- */

static const struct {
    const char *equation, *words;
    wg_status status;
} wrong[] = {
    { "ij,kj->", "einsum: [2,3] x [3,4]: \"ij,kj->\": j is 3 in operand 0, 4 in operand 1",
      WG_ERROR_SHAPE },
    { "ij,jkl", "operand 1 has 2 axes, the equation names 3", WG_ERROR_SHAPE },
    { "ij,j", "operand 1 has 2 axes, the equation names 1", WG_ERROR_SHAPE },
    { "ij", "it names 1 operands, 2 are given", WG_ERROR_ARGUMENT },
    { "ij,jk,k", "it names more operands than the 2 given", WG_ERROR_ARGUMENT },
    { "ij,jk->iz", "z is in no operand", WG_ERROR_ARGUMENT },
    { "ij,jk->ii", "i is twice in the output", WG_ERROR_ARGUMENT },
    { "ij,j1", "'1' at character 4", WG_ERROR_ARGUMENT },
    { "ij,jk->i->k", "more than one output", WG_ERROR_ARGUMENT },
    { "i...,...jkl", "operand 1 has 2 axes, the equation names 3", WG_ERROR_SHAPE },
    { "...,...", "under \"...\" operand 1 has 3 where another has 2", WG_ERROR_SHAPE },
};

START_TEST(a_wrong_equation_is_refused_with_its_operand_and_sizes) {
    wg_tensor *a = wg_zeros(WG_F64, WG_SHAPE(2, 3)), *b = wg_zeros(WG_F64, WG_SHAPE(3, 4));
    wg_tensor *c = wg_zeros(WG_F64, WG_SHAPE(3, 3));
    ck_assert_ptr_null(wg_einsum(wrong[_i].equation, a, _i == 10 ? c : b));
    expect_error(wrong[_i].status, wrong[_i].words);
}
END_TEST

START_TEST(what_cannot_be_an_equation_is_refused) {
    wg_tensor *a = LIST(1, 2);
    char text[300];
    memset(text, 'a', sizeof text);
    text[200] = 0;
    ck_assert_ptr_null(wg_einsum(text, a));
    expect_error(WG_ERROR_ARGUMENT, "einsum: the equation has more than 127 characters");
    memset(text, ' ', 250);
    memcpy(text + 250, "i->i", 5);
    EXPECT_VALUES(wg_einsum(text, a), 1, 2);  // blanks do not count
    ck_assert_ptr_null(wg_einsum(NULL, a));
    expect_error(WG_ERROR_ARGUMENT, "einsum: the equation is NULL");
    ck_assert_ptr_null(wg_einsum_of("i", NULL, 1));
    expect_error(WG_ERROR_ARGUMENT, "einsum: the list is NULL");
    ck_assert_ptr_null(wg_einsum("i", NULL));
    expect_error(WG_ERROR_ARGUMENT, "einsum: input 0 is NULL");
    ck_assert_ptr_null(wg_einsum("i,i", a, wg_zeros(WG_F32, WG_SHAPE(2))));
    expect_error(WG_ERROR_DTYPE, "f64 and f32 do not mix");
    ck_assert_ptr_null(wg_einsum("abcdefghi", wg_zeros(WG_F64, WG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1))));
    expect_error(WG_ERROR_ARGUMENT, "more than 8 letters in a row");
    ck_assert_ptr_null(wg_einsum("abcde,fghij", wg_zeros(WG_F64, WG_SHAPE(1, 1, 1, 1, 1)),
                                 wg_zeros(WG_F64, WG_SHAPE(1, 1, 1, 1, 1))));
    expect_error(WG_ERROR_SHAPE, "the result would have rank 10");
}
END_TEST

static bool a_gradient(void) {
    wg_tensor *a = wg_variable(wg_ones(WG_F64, WG_SHAPE(2, 3, 3)));
    wg_tensor *b = wg_variable(wg_ones(WG_F64, WG_SHAPE(3, 2)));
    return wg_backward(wg_sum(wg_einsum("bii,ij,bj->j", a, b, wg_ones(WG_F64, WG_SHAPE(2, 2)))));
}

START_TEST(an_allocation_that_fails_is_reported_and_leaks_nothing) {
    fail_every_allocation(a_gradient);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("einsum");
    TCase *values = add_cases(suite, "values");
    tcase_add_test(values, equations_by_hand);
    tcase_add_test(values, dots_stand_for_axes_that_broadcast);
    tcase_add_test(values, an_empty_sum_is_zero_and_an_empty_axis_stays);
    tcase_add_test(values, a_chain_is_contracted_in_the_order_of_cost);
    tcase_add_loop_test(values, random_equations_are_what_the_loop_over_all_indices_gives, 0, 6);
    TCase *refused = add_cases(suite, "refused");
    ADD_TABLE(refused, a_wrong_equation_is_refused_with_its_operand_and_sizes, wrong);
    tcase_add_test(refused, what_cannot_be_an_equation_is_refused);
    tcase_add_test(refused, an_allocation_that_fails_is_reported_and_leaks_nothing);
    return run_suite(suite);
}
