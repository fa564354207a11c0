// SPDX-License-Identifier: MIT
/* soak.c: many random cases of every operation, for a night or a release:

       build/release/tests/soak [-s SEED] [CASES [FAMILY or OPERATION ...]]

   CASES, 20000 by default, are shared among the operations of each family, as docs/ops.md has
   them ("softmax and losses"). Every alarm names its case; the same seed brings it back. It is
   counted as false until somebody finds the bug behind it. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "autograd/op.h"
#include "autograd/ops/families.h"

typedef struct totals {
    int operations;
    long long cases, checks, inconclusive, alarms;
    double seconds;
} totals;

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static bool is_in(int i, const char *family) {
    const char *own = wg__family_of(wg_op_at(i)->name);
    return own && strcmp(own, family) == 0;
}

static bool is_wanted(int i, int count, char **names) {
    for (int k = 0; k < count; k++)
        if (!strcmp(names[k], wg_op_at(i)->name) || is_in(i, names[k])) return true;
    return count == 0;
}

static void soak(int i, long long cases, uint64_t seed, totals *t) {
    wg_selftest_report r;
    double start = seconds_now();
    const wg_selftest_options o = { .seed = seed, .cases = cases };
    if (!wg_op_selftest_with(wg_op_at(i), o, &r)) printf("ALARM %s\n", r.text);
    t->operations++;
    t->cases += r.cases;
    t->checks += r.checks;
    t->inconclusive += r.inconclusive;
    t->alarms += r.failures > 0;
    t->seconds += seconds_now() - start;
}

static void add(totals *sum, const totals *t) {
    sum->operations += t->operations, sum->cases += t->cases, sum->checks += t->checks;
    sum->inconclusive += t->inconclusive, sum->alarms += t->alarms, sum->seconds += t->seconds;
}

static void print(const char *name, const totals *t) {
    printf("%-28s %4d %12lld %14lld %12lld %7lld %9.1f\n", name, t->operations, t->cases, t->checks,
           t->inconclusive, t->alarms, t->seconds);
    fflush(stdout);
}

int main(int count, char **argument) {
    bool seeded = count > 2 && strcmp(argument[1], "-s") == 0;
    uint64_t seed = seeded ? strtoull(argument[2], NULL, 10) : 1964;
    char **rest = argument + (seeded ? 3 : 1);
    int left = count - (seeded ? 3 : 1);
    long long cases = left > 0 ? strtoll(rest[0], NULL, 10) : 20000;
    char **names = rest + (left > 0);
    int wanted = left > 0 ? left - 1 : 0;
    totals whole = { 0 };
    if (cases <= 0) {
        fprintf(stderr, "usage: soak [-s SEED] [CASES [FAMILY or OPERATION ...]]\n");
        return EXIT_FAILURE;
    }
    printf("%-28s %4s %12s %14s %12s %7s %9s\n", "family", "ops", "cases", "comparisons",
           "inconclusive", "alarms", "seconds");
    const char *family;
    for (int f = 0; (family = wg__family_at(f)) != NULL; f++) {
        totals t = { 0 };
        int members = 0;
        for (int i = 0; i < wg_op_count(); i++)
            members += is_in(i, family) && is_wanted(i, wanted, names);
        for (int i = 0; i < wg_op_count(); i++)
            if (is_in(i, family) && is_wanted(i, wanted, names))
                soak(i, (cases + members - 1) / members, seed, &t);
        if (members > 0) print(family, &t);
        add(&whole, &t);
    }
    print("all", &whole);
    return whole.alarms > 0 || whole.operations == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
