// SPDX-License-Identifier: MIT
/* fuzz_nn_optim.c: random small nets, and random runs that train them. Every input that has a net is
   held to the transpose of its derivative, and to one of the other properties, by its first byte. */
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    wg_on_error(NULL, NULL);
    wg__net_plan p;
    if (wg__net_decode(data, size, &p)) {
        wg__net_oracle *check = further[p.head[WG__NET_KIND] % FURTHER];
        if (p.layers == 0) check = wg__net_train;
        if (p.layers > 0 && p.dtype == WG_F64) consult(wg__net_adjoint, &p);
        consult(check, &p);
    }
    wg_error_clear();
    wg_reset();
    return 0;
}
