// SPDX-License-Identifier: MIT
/* states.h: the states that an optimiser keeps of a parameter. Apart from net.h, since what lies
   within optim/ has names that the checker's has, too. */
#ifndef WG_FUZZ_NET_STATES_H
#define WG_FUZZ_NET_STATES_H

#include "optim/optim.h"

enum { WG__NET_STATES = 4 };
/* NULL where there is none. */
void wg__net_states(const wg_optim *o, const char *path, const wg_tensor *state[WG__NET_STATES]);

#endif
