// SPDX-License-Identifier: MIT
/* text.h: what the text of a program and its C have in common: the words, and numbers of which
   every bit comes back.

       wengert program 1
       mode general
       dtype f64
       seed 7
       choice 0 1 2
       x0 = variable f64 [2,3] transposed 0.5 -1 0 1 2 3
       x1 = constant i64 [2] dense 0 1
       x2 = index_select(x0, x1) axis=1
       x3 = tanh(x2) stop
       checkpoint x2 x3
       outputs x3

   `stop` and `unrecorded` are a step's flags; a span names its first and its last step. */
#ifndef WG_FUZZ_TEXT_H
#define WG_FUZZ_TEXT_H

#include "fuzz/vm/vm.h"

enum { WG__VM_MODES = WG__SPECIAL + 1, WG__VM_SPAN_KINDS = WG__VM_SCOPE + 1, WG__VM_FLAGS = 2 };
extern const char *const wg__vm_mode_name[WG__VM_MODES];
extern const char *const wg__vm_layout_name[WG__LAYOUTS];
extern const char *const wg__vm_span_name[WG__VM_SPAN_KINDS];
extern const char *const wg__vm_flag_name[WG__VM_FLAGS];  // [i] is the flag 1 << i

enum { WG__VM_NUMBER = 32 };
/* A double, in few digits: the shortest of 15, 16 or 17 that reads back as the same. A NaN other
   than C's two is its bits, "#7ff8000000000001". Any locale. */
const char *wg__vm_number(double value, char text[WG__VM_NUMBER]);

/* The dtype in which a leaf stands when the program is run as it asks. */
static inline wg_dtype wg__vm_leaf_dtype(const wg__vm_program *p, const wg__vm_leaf *l) {
    return l->kind == WG__FLOAT ? p->dtype : l->dtype;
}

/* Whether wg_check_gradient can tell anything of the outputs as a function of the variables: all in
   f64, no special numbers, no kinks, and nothing cut off on purpose, which differences would see.
   Needs no pending error; runs the program. reproduce.c */
bool wg__vm_is_checkable(const wg__vm_program *p);

/* One line of the text, without its end; for the C, too. */
void wg__vm_print_step(FILE *file, const wg__vm_program *p, int i);

#endif
