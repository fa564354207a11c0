// SPDX-License-Identifier: MIT
/* 1.1 Network of perceptrons: together they compute what one of them cannot. A perceptron is a
   NAND, of NANDs comes a half adder, and of half adders what adds any two numbers: all sums of two
   bytes are tried, at once. */
#include <math.h>

#include "lecture.h"

enum { BITS = 8, PAIRS = 1 << (2 * BITS) };
static int nands;

/* y = 1 if -2a - 2b > -3, else 0, for all of a (B) and b (B) at once. */
static wg_tensor *nand(wg_tensor *a, wg_tensor *b) {
    nands++;
    wg_tensor *sum = wg_add(wg_mul(a, wg_num(-2)), wg_mul(b, wg_num(-2)));
    return CODE(wg_step(wg_add(sum, wg_num(3))));
}

/* The sum of two bits, and what is carried. */
static wg_tensor *half_adder(wg_tensor *a, wg_tensor *b, wg_tensor **carry) {
    wg_tensor *c = nand(a, b);
    *carry = nand(c, c);
    return nand(nand(a, c), nand(b, c));
}

/* Bit k of 0 ... PAIRS - 1. */
static wg_tensor *bit(wg_tensor *x, int k) {
    return wg_fmod(wg_floor(wg_mul(x, wg_num(ldexp(1, -k)))), wg_num(2));
}

/* All pairs of numbers of BITS bits, added bit by bit; how many sums are wrong. */
static double add_numbers(void) {
    wg_tensor *pair = wg_arange(WG_F64, 0, PAIRS, 1), *carry = wg_zeros_like(pair);  // (PAIRS)
    wg_tensor *total = wg_zeros_like(pair), *first, *second;
    for (int k = 0; k < BITS; k++) {
        wg_tensor *s = half_adder(bit(pair, k), bit(pair, BITS + k), &first);
        s = half_adder(s, carry, &second);
        carry = nand(nand(first, first), nand(second, second));  // one of them or the other
        total = wg_add(total, wg_mul(s, wg_num(ldexp(1, k))));
    }
    total = wg_add(total, wg_mul(carry, wg_num(ldexp(1, BITS))));
    wg_tensor *low = wg_fmod(pair, wg_num(1 << BITS));
    wg_tensor *high = wg_floor(wg_mul(pair, wg_num(ldexp(1, -BITS))));
    return wg_item(wg_sum(wg_cast(wg_ne(total, wg_add(low, high)), WG_F64)));
}

static void add_bits(void) {
    wg_tensor *a = wg_from(WG_F64, WG_SHAPE(4), (double[]){ 0, 0, 1, 1 }), *carry;
    wg_tensor *b = wg_from(WG_F64, WG_SHAPE(4), (double[]){ 0, 1, 0, 1 });
    wg_tensor *sum = half_adder(a, b, &carry);
    bool right = !wg_error();
    table("a | b | carry | sum");
    for (int64_t i = 0; i < 4; i++) {
        double x = wg_at(a, &i), y = wg_at(b, &i), c = wg_at(carry, &i), s = wg_at(sum, &i);
        row("%g | %g | %g | %g", x, y, c, s);
        right = right && 2 * c + s == x + y;
    }
    must(right, "a half adder of %d perceptrons, all of them NAND", nands);
}

int main(void) {
    begin_section("Network of perceptrons",
                  "We are dividing the task at hand into smaller subtasks that can be performed by "
                  "layers of our networks. This way, we can make subtle and complex decisions.");
    add_bits();
    nands = 0;
    double wrong = add_numbers();
    must(wrong == 0, "%d of them add numbers of %d bits: of all %d sums %g are wrong", nands, BITS,
         PAIRS, wrong);
    return end_section();
}
