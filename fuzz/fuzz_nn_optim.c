// SPDX-License-Identifier: MIT
/* fuzz_nn_optim.c: random small nets, and random runs that train them. Its first
   byte says what an input is held to. */
#include "fuzz/must.h"
#include "fuzz/net/net.h"

static wg__net_oracle *const further[] = {
    wg__net_train,      wg__net_train,     wg__net_train,  wg__net_checkpoint,
    wg__net_checkpoint, wg__net_recording, wg__net_untied,
};
enum { FURTHER = sizeof further / sizeof *further };

static void consult(wg__net_oracle *check, const wg__net_plan *p) {
    wg_scope *scope = wg_scope_open();
    if (scope) check(p);
    wg_error_clear();
    wg_scope_close(scope);
}

/* What a scope had goes back into the library's own cache, which is cheaper than giving all memory
   back each time; that is done now and then, for the sanitisers to see. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static unsigned ran;
    wg_on_error(NULL, NULL);
    wg_scope *scope = wg_scope_open();
    wg__net_plan p;
    if (scope && wg__net_decode(data, size, &p)) {
        wg__net_oracle *check = further[p.head[WG__NET_KIND] % FURTHER];
        consult(p.layers > 0 || check == wg__net_renamed ? check : wg__net_train, &p);
    }
    wg_error_clear();
    wg_scope_close(scope);
    if (++ran % 64 == 0) wg_reset();
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
    return wg__net_mutate(data, size, most, seed);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t most, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                 uint8_t *out, size_t most, unsigned seed) {
    return wg__net_cross(a, a_size, b, b_size, out, most, seed);
}
