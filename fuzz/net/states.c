// SPDX-License-Identifier: MIT
/* states.c: looks into an optimiser, to see whether what must stay stays. */
#include "fuzz/net/states.h"

#include <string.h>

#include "optim/optim_impl.h"

_Static_assert((int)WG__NET_STATES == (int)WG__STATES, "as many as are kept");

void wg__net_states(const wg_optim *o, const char *path, const wg_tensor *state[WG__NET_STATES]) {
    memset(state, 0, WG__NET_STATES * sizeof *state);
    for (int i = 0; i < o->slots; i++)
        if (strcmp(wg__nn_path(o->model.m, i), path) == 0)
            for (int k = 0; k < WG__NET_STATES; k++) state[k] = o->slot[i].state[k];
}
