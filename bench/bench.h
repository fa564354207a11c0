// SPDX-License-Identifier: MIT
/* bench.h: how every benchmark here measures: thread CPU time, many trials, 10th percentile and
   median. The clock speed of a shared machine moves, so only ratios of things timed in turn in one
   run mean much. */
#ifndef WG_BENCH_H
#define WG_BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <wengert.h>

enum { TRIALS = 41 };

typedef void bench_body(void *user);
typedef struct bench_time {
    double p10, median;  // seconds for one call of the body
} bench_time;

static double thread_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline bench_time summarise(double seconds[TRIALS]) {
    qsort(seconds, TRIALS, sizeof *seconds, by_value);
    return (bench_time){ seconds[TRIALS / 10], seconds[TRIALS / 2] };
}

/* Times `count` bodies in turn, each trial running each of them `repeat` times. */
static inline void bench_in_turn(bench_body *const body[], void *const user[], int count,
                                 int repeat, bench_time result[]) {
    static double seconds[8][TRIALS];
    for (int i = 0; i < count; i++) body[i](user[i]);  // warm-up
    for (int trial = 0; trial < TRIALS; trial++)
        for (int i = 0; i < count; i++) {
            double start = thread_seconds();
            for (int r = 0; r < repeat; r++) body[i](user[i]);
            seconds[i][trial] = (thread_seconds() - start) / repeat;
        }
    for (int i = 0; i < count; i++) result[i] = summarise(seconds[i]);
}

static inline double peak_mib(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

// The end of every benchmark: 1 if the library reported an error on the way.
static inline int bench_done(void) { return wg_error() ? EXIT_FAILURE : EXIT_SUCCESS; }

#endif
