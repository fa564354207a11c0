// SPDX-License-Identifier: MIT
/* span.c: what the flags of instructions ask for, and the outputs. Spans are wished for in
   instructions and settled when all is known: what does not fit is made shorter until it does. */
#include "fuzz/vm/vm_impl.h"

/* ---- flags and spans ------------------------------------------------------------------------- */

void wg__vm_read_flags(wg__vm_decoder *d, unsigned flags, int r, wg__vm_reading *of) {
    unsigned what = flags % 32;
    bool floats = r >= WG__VM_LEAVES && wg_dtype_is_float(d->reg[r]->view.dtype);
    if (floats && (what == 9 || what == 10)) {
        d->p->step[r - WG__VM_LEAVES].flags |= what == 9 ? WG__VM_STOP : WG__VM_UNRECORDED;
        d->reaches[r] = false;
    }
    if (what >= 11 && what <= 14 && of->wishes < WG__VM_SPANS)
        of->wish[of->wishes++] = (wg__vm_wish){ what < 13 ? WG__VM_CHECKPOINT : WG__VM_SCOPE,
                                                of->count, of->count + (int)(flags / 32) };
}

bool wg__vm_can_run_again(const wg__vm_decoder *d, int first, int last) {
    if (!wg_dtype_is_float(d->reg[WG__VM_LEAVES + last]->view.dtype)) return false;
    if (d->p->step[last].flags) return false;
    return wg__vm_is_closed(d->p, WG__VM_LEAVES, first, last);
}

static bool crosses(const wg__vm_span *a, const wg__vm_span *b) {
    bool apart = a->last < b->first || b->last < a->first;
    bool within = (a->first >= b->first && a->last <= b->last) ||
                  (b->first >= a->first && b->last <= a->last);
    bool same = a->first == b->first && a->last == b->last;
    return same || (!apart && !within);
}

static bool is_free(const wg__vm_program *p, const wg__vm_span *s) {
    for (int i = 0; i < p->spans; i++)
        if (crosses(&p->span[i], s)) return false;
    return true;
}

// The longest part that begins where it was wished, and is closed and crosses no other.
static void settle_span(const wg__vm_decoder *d, const wg__vm_reading *of, const wg__vm_wish *w) {
    wg__vm_program *p = d->p;
    int last = w->last + 1 < of->count ? of->begins[w->last + 1] - 1 : p->steps - 1;
    wg__vm_span s = { w->kind, of->begins[w->first], last };
    for (; s.last >= s.first; s.last--) {
        bool can = s.kind == WG__VM_SCOPE || wg__vm_can_run_again(d, s.first, s.last);
        if (!can || !is_free(p, &s)) continue;
        p->span[p->spans++] = s;
        return;
    }
}

static void add_output(wg__vm_program *p, int r) {
    for (int i = 0; i < p->outputs; i++)
        if (p->output[i] == r) return;
    p->output[p->outputs++] = r;
}

/* The newest registers that depend on a variable, those first that nothing reads; where the byte
   says so or there are none, any that are floats. */
void wg__vm_choose_outputs(wg__vm_decoder *d, unsigned byte) {
    enum { UNREAD, REACHED, ANY, PASSES };
    int wanted = 1 + (int)(byte % WG__VM_OUTPUTS);
    int pass = byte / WG__VM_OUTPUTS % 16 == 15 ? ANY : UNREAD;
    for (; pass < PASSES && d->p->outputs < (pass == ANY ? 1 : wanted); pass++)
        for (int i = d->found; i-- > 0 && d->p->outputs < wanted;) {
            int r = d->order[i];
            bool fits = pass == ANY || (d->reaches[r] && (pass == REACHED || !d->read[r]));
            if (fits && wg_dtype_is_float(d->reg[r]->view.dtype)) add_output(d->p, r);
        }
}

void wg__vm_settle_spans(wg__vm_decoder *d, const wg__vm_reading *of) {
    for (int i = 0; i < of->wishes; i++) settle_span(d, of, &of->wish[i]);
}
