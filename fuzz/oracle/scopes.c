// SPDX-License-Identifier: MIT
/* scopes.c: what a program computes in a scope that closes is gone without a trace, and what was
   kept lives on with all that its gradient needs, bit by bit what it would have been. */
#include "fuzz/oracle/engine.h"

static const wg_grad_options PLAIN = { .constant = true };

/* The steps once more, on the leaves that are there; the same weights as before. `kept`: without
   checkpoints, whose functions need what would not outlive their scope. */
static wg_tensor *loss_again(wg__scene *s, wg__scene *again, bool kept) {
    if (!wg__vm_run_steps(s->p, kept, &again->run)) return NULL;
    return wg__scene_loss(again);
}

typedef struct trace {
    uint32_t nodes;
    int64_t tensors;
} trace;

static trace now(void) { return (trace){ wg__tape_now()->count, wg_memory_now().tensors }; }

static void check_closed(wg__scene *s, const wg__scene *start) {
    wg__scene again = *start;
    trace before = now();
    wg_scope *scope = wg_scope_open();
    wg_tensor *loss = scope ? loss_again(s, &again, false) : NULL;
    if (!loss || !wg__scene_backward(s, loss)) return;
    wg__scene_clear(s);
    wg_scope_close(scope);
    trace after = now();
    wg__scene_hold(s, after.nodes == before.nodes, "a closed scope leaves records");
    wg__scene_hold(s, after.tensors == before.tensors, "a closed scope leaves tensors");
}

/* ---- kept ------------------------------------------------------------------------------------ */

// Runs in `depth` scopes, one in the other, and closes them; the loss is kept through all.
static wg_tensor *kept_loss(wg__scene *s, wg__scene *again, int depth) {
    wg_scope *scope = wg_scope_open();
    if (!scope) return NULL;
    wg_tensor *loss = depth > 1 ? kept_loss(s, again, depth - 1) : loss_again(s, again, true);
    if (loss && !wg_keep(loss)) loss = NULL;
    wg_scope_close(scope);
    return loss;
}

static void check_kept(wg__scene *s, const wg__scene *start) {
    wg__scene plain = *start, again = *start;
    wg__gradients want, got;
    wg_tensor *outside = loss_again(s, &plain, true);
    if (!outside || !wg__scene_grad(s, outside, PLAIN, &want)) return;
    wg_tensor *loss = kept_loss(s, &again, 1 + wg__scene_below(s, 3));
    if (!loss) return;
    wg__scene_hold(s, wg_is_tracked(loss), "what was kept has no history any more");
    wg__scene_hold(s, wg__same_bits(loss, outside), "what was kept has other values");
    if (!wg__scene_grad(s, loss, PLAIN, &got)) return;
    wg__scene_equal_all(s, &got, &want, "what was kept has another gradient");
    if (!wg__scene_grad(s, outside, PLAIN, &got)) return;
    wg__scene_equal_all(s, &got, &want, "closing a scope changes a gradient outside it");
}

static void check(wg__scene *s) {
    wg__scene start = *s;
    if (!wg__scene_run(s, NULL)) return;
    start.run = s->run;
    if (s->p->choice[1] & 1)
        check_closed(s, &start);
    else
        check_kept(s, &start);
}

void wg__oracle_scopes(const wg__vm_program *p) { wg__scene_open(p, "O10 scopes", check); }
