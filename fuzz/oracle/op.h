// SPDX-License-Identifier: MIT
/* op.h: an operation by itself: fresh numbers for one of its samples, through the comparisons of
   wg_op_selftest. */
#ifndef WG_FUZZ_OP_H
#define WG_FUZZ_OP_H

#include "fuzz/vm/vm.h"

/* The operation of the program's last step; NULL if there is none. Its record is what a failure is
   about: the program only says which, and with which numbers. */
const wg_op *wg__op_under_test(const wg__vm_program *p);
/* A random case (random.c): cheap comparisons and one that is not. O1 to O7, O12, O14, O17. */
wg__fuzz_oracle wg__op_case;
/* One-sided differences where formulas have their kinks, and the rule that .tie declares: O18. */
wg__fuzz_oracle wg__op_ties;

#endif
