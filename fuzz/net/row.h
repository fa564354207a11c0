// SPDX-License-Identifier: MIT
/* row.h: what the rows of layers are written with: ROW(name) is a function that takes what comes
   and gives what goes on; SAY tells the same as a line of C. */
#ifndef WG_FUZZ_ROW_H
#define WG_FUZZ_ROW_H

#include "fuzz/net/net.h"

typedef const wg__net_build build;
typedef const wg__net_layer layer;
typedef wg_tensor tensor;
#define ROW(name) static tensor *name(build *b, layer *l, tensor *h)
#define SAY(...) wg__net_say(b, "    h = " __VA_ARGS__)

static inline unsigned option(layer *l) {
    return l->byte[WG__NET_OPTION] + 256u * l->byte[WG__NET_OPTION + 1];
}
static inline uint8_t form(layer *l) { return l->byte[WG__NET_FORM]; }

#endif
