// SPDX-License-Identifier: MIT
/* one_op.c: what an operation costs when there is nothing to compute: a chain on one float, forward
   alone without recording, forward recorded, and forward with backward. Nanoseconds per
   operation. */
#include "bench.h"

enum { CHAIN = 1000 };

typedef wg_tensor *link(wg_tensor *y, wg_tensor *x);
static wg_tensor *by_tanh(wg_tensor *y, wg_tensor *x) { return (void)x, wg_tanh(y); }
static wg_tensor *by_add(wg_tensor *y, wg_tensor *x) { return wg_add(y, x); }
static wg_tensor *by_mul(wg_tensor *y, wg_tensor *x) { return wg_mul(y, x); }

static void chain(link *step, bool record, bool backward) {
    wg_scope *scope = wg_scope_open();
    wg_recording(record);
    wg_tensor *x = wg_variable(wg_full(WG_F32, WG_SCALAR, 0.999)), *y = x;
    for (int i = 0; i < CHAIN; i++) y = step(y, x);
    if (backward) wg_backward(y);
    wg_scope_close(scope);
}

static void unrecorded(void *step) { chain(*(link **)step, false, false); }
static void recorded(void *step) { chain(*(link **)step, true, false); }
static void with_backward(void *step) { chain(*(link **)step, true, true); }

int main(void) {
    static const char *const name[] = { "tanh", "add", "mul" };
    link *step[] = { by_tanh, by_add, by_mul };
    bench_body *body[] = { unrecorded, recorded, with_backward };
    printf("one operation on one float, ns (10th percentile, median)\n");
    printf("%-6s %18s %18s %22s\n", "", "not recorded", "recorded", "recorded + backward");
    for (int i = 0; i < 3; i++) {
        void *user[] = { &step[i], &step[i], &step[i] };
        bench_time t[3];
        bench_in_turn(body, user, 3, 20, t);
        printf("%-6s", name[i]);
        for (int k = 0; k < 3; k++)
            printf("   %7.1f %7.1f", t[k].p10 * 1e9 / CHAIN, t[k].median * 1e9 / CHAIN);
        printf("\n");
    }
    return bench_done();
}
