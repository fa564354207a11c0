// SPDX-License-Identifier: MIT
/* oom.h: what must hold when there is no memory. */
#ifndef WG_FUZZ_OOM_H
#define WG_FUZZ_OOM_H

#include "fuzz/vm/vm.h"

/* Runs the program with an allocator that fails, at a place that p->choice says: O16. Begins and
   ends with wg_reset(), so that p must not live in a scope: wg__oom_keep makes a copy that does
   not, NULL where it is too large. */
void wg__out_of_memory(const wg__vm_program *p);
const wg__vm_program *wg__oom_keep(const wg__vm_program *p);

#endif
