// SPDX-License-Identifier: MIT
/* slice.c: of a program only what one step needs. A failure of a step is reported so: its text and
   its C have the step's result as the one output, and nothing else to look through. */
#include "fuzz/oracle/steps.h"

static void mark(const wg__vm_program *p, int k, bool need[]) {
    need[k] = true;
    for (int i = k; i >= 0; i--)
        for (int j = 0; need[i] && j < p->step[i].inputs; j++)
            if (p->step[i].in[j] >= p->leaves) need[p->step[i].in[j] - p->leaves] = true;
}

/* All leaves stay, so that the same directions are drawn for those that matter. */
int wg__program_slice(const wg__vm_program *p, int k, wg__vm_program *out) {
    bool need[WG__VM_STEPS] = { false };
    int to[WG__VM_REGISTERS];
    *out = *p;
    out->steps = out->spans = 0, out->outputs = 1;
    mark(p, k, need);
    for (int i = 0; i < p->leaves; i++) to[i] = i;
    for (int i = 0; i <= k; i++) {
        if (!need[i]) continue;
        wg__vm_step *s = &out->step[out->steps];
        *s = p->step[i];
        for (int j = 0; j < s->inputs; j++)
            if (s->in[j] >= 0) s->in[j] = to[s->in[j]];
        to[p->leaves + i] = out->leaves + out->steps++;
    }
    out->output[0] = to[p->leaves + k];
    return out->steps - 1;
}
