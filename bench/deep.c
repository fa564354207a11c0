// SPDX-License-Identifier: MIT
/* deep.c: that derivatives take time linear in the records: nanoseconds per record of graphs of
   10^4 and 10^5 of them, each way and freed. The two columns differ by what no longer fits the
   caches. */
#include "bench.h"
#include "tests/deep_graph.h"

typedef struct way {
    const char *name;
    bool (*run)(wg_tensor *y, wg_tensor *x);
} way;

static bool nothing(wg_tensor *y, wg_tensor *x) { return y && x; }
static bool reverse(wg_tensor *y, wg_tensor *x) { return (void)x, wg_backward(y); }
static bool recorded(wg_tensor *y, wg_tensor *x) { return wg_derivative(y, x) != NULL; }
static bool forward(wg_tensor *y, wg_tensor *x) {
    wg_tensor *one = wg_ones(WG_F64, WG_SCALAR);
    return wg_jvp(y, &x, 1, &one) != NULL;
}
static bool twice(wg_tensor *y, wg_tensor *x) {
    wg_tensor *g = wg_derivative(y, x);
    return g && wg_derivative(g, x) != NULL;
}

static const way ways[] = { { "value", nothing },
                            { "reverse", reverse },
                            { "recorded", recorded },
                            { "forward", forward },
                            { "reverse of it", twice } };

// Best of three, ns for each record of the value.
static double ns_per_record(deep_graph *graph, const way *w, int records) {
    double best = 1e30;
    for (int round = 0; round < 3; round++) {
        double start = thread_seconds();
        wg_scope *scope = wg_scope_open();
        wg_tensor *x = wg_variable(wg_full(WG_F64, WG_SCALAR, 0.01));
        (void)w->run(graph(x, records), x);
        wg_scope_close(scope);
        double seconds = thread_seconds() - start;
        if (seconds < best) best = seconds;
    }
    return best * 1e9 / records;
}

int main(void) {
    printf("ns a record, at 10^4 and 10^5 records; building and freeing included\n");
    for (int i = 0; i < DEEP_GRAPHS; i++)
        for (size_t k = 0; k < sizeof ways / sizeof *ways; k++)
            printf("%-8s %-16s %8.0f %8.0f\n", deep_names[i], ways[k].name,
                   ns_per_record(deep_graphs[i], &ways[k], 10000),
                   ns_per_record(deep_graphs[i], &ways[k], 100000));
    return bench_done();
}
