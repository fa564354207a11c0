// SPDX-License-Identifier: MIT
/* hooks.c: whoever looks on by wg_on_gradient sees each gradient once, whole, and from the newest
   tensor to the oldest. The same gradients come from wg_grad for inner tensors, bit by bit. */
#include "fuzz/oracle/engine.h"

typedef struct watcher {
    int calls;
    double factor;  // of what is handed back; 0: nothing is
} watcher;
typedef struct sight {  // of one tracked register
    watcher *watcher;
    wg_tensor *x;
    int calls, place;  // how often it was called, and as which of all
    double *gradient;
} sight;
typedef struct view {
    watcher watcher;
    int count;
    sight of[WG__VM_REGISTERS];
} view;

static wg_tensor *look(void *user, wg_tensor *x, wg_tensor *gx) {
    sight *seen = user;
    if (x != seen->x) wg_fail(WG_ERROR_STATE, "a hook is called with another tensor than its own");
    seen->calls++;
    seen->place = seen->watcher->calls++;
    wg_read_f64(gx, seen->gradient, wg_numel(gx));
    return seen->watcher->factor != 0 ? wg_mul(gx, wg_num(seen->watcher->factor)) : NULL;
}

static bool is_known(const view *v, const wg_tensor *x) {
    for (int k = 0; k < v->count; k++)
        if (v->of[k].x == x) return true;
    return false;
}

static bool find_tracked(wg__scene *s, view *v) {
    for (int k = 0; k < s->p->leaves + s->p->steps; k++) {
        wg_tensor *x = s->run.reg[k];
        if (!x || !wg_is_tracked(x) || is_known(v, x)) continue;
        double *gradient = wg__scratch(wg_numel(x));
        if (!gradient) return false;
        v->of[v->count++] = (sight){ &v->watcher, x, 0, 0, gradient };
    }
    return true;
}

static bool hook_all(view *v, wg_gradient_hook *hook) {
    for (int k = 0; k < v->count; k++)
        if (!wg_on_gradient(v->of[k].x, hook, hook ? &v->of[k] : NULL)) return false;
    return true;
}

/* ---- what was seen --------------------------------------------------------------------------- */

static bool is_zero(const double *x, int64_t n) {
    for (int64_t k = 0; k < n; k++)
        if (x[k] != 0) return false;
    return true;
}

static void hold_order(wg__scene *s, const view *v) {
    for (int a = 0; a < v->count; a++)
        for (int b = 0; b < a; b++) {
            const sight *x = &v->of[a], *y = &v->of[b];
            bool both = x->calls && y->calls;
            wg__scene_hold(s, !both || (x->x->node > y->x->node) == (x->place < y->place),
                           "hooks are not called from the newest tensor to the oldest");
        }
}

/* Not bit by bit: a gradient that wg_grad hands out is not added to in place, so that what is made
   of it may stand elsewhere in memory and be summed in another order. */
static void hold_gradient(wg__scene *s, int which, const sight *seen, const double *want,
                          double scale) {
    for (int64_t e = 0; e < wg_numel(seen->x); e++) {
        double got = seen->gradient[e], bound = 1e-9 * (fabs(want[e]) + 1e-3 * (1 + scale));
        bool special = s->p->mode == WG__SPECIAL && !isfinite(got + want[e] + scale);
        if (special || got == want[e] || (isnan(got) && isnan(want[e]))) continue;
        if (!(fabs(got - want[e]) <= bound))
            wg__fuzz_fail(s->p, s->oracle,
                          "a hook sees another gradient than wg_grad gives, of tracked tensor %d, "
                          "element %lld: %.17g instead of %.17g",
                          which, (long long)e, got, want[e]);
    }
}

static double largest_of(const view *v, const double *const want[]) {
    double most = 0;
    for (int k = 0; k < v->count; k++) most = fmax(most, wg__most(want[k], wg_numel(v->of[k].x)));
    return most;
}

static void hold_seen(wg__scene *s, const view *v, const double *const want[]) {
    double scale = largest_of(v, want);
    for (int k = 0; k < v->count; k++) {
        const sight *seen = &v->of[k];
        int64_t n = wg_numel(seen->x);
        wg__scene_hold(s, seen->calls <= 1, "a hook is called twice in one sweep");
        wg__scene_hold(s, seen->calls || is_zero(want[k], n),
                       "a hook is not called though a gradient passes");
        if (seen->calls) hold_gradient(s, k, seen, want[k], scale);
    }
    hold_order(s, v);
}

static bool gradients_of_all(wg__scene *s, const view *v, const double *want[]) {
    wg_tensor *x[WG__VM_REGISTERS], *gx[WG__VM_REGISTERS];
    for (int k = 0; k < v->count; k++) x[k] = v->of[k].x;
    if (!wg_grad(s->loss, x, v->count, gx, (wg_grad_options){ .constant = true })) return false;
    for (int k = 0; k < v->count; k++)
        if (!(want[k] = wg__numbers(gx[k]))) return false;
    return true;
}

static bool backward(wg__scene *s, wg__gradients *g) {
    wg__scene_clear(s);
    return wg_backward(s->loss) && wg__scene_gathered(s, g);
}

// A leaf's own hook may change its gradient, and nothing but that.
static void check_factor(wg__scene *s, view *v, const wg__gradients *plain) {
    wg__gradients now;
    int which = wg__scene_below(s, s->run.variables);
    sight seen = { .watcher = &v->watcher, .x = s->run.x[which] };
    seen.gradient = wg__scratch(wg_numel(seen.x));
    v->watcher.factor = 2;
    if (!seen.gradient || !hook_all(v, NULL) || !wg_on_gradient(seen.x, look, &seen)) return;
    int calls = v->watcher.calls;
    if (!backward(s, &now)) return;
    wg__scene_hold(s, v->watcher.calls == calls + (now.of[which] != NULL),
                   "a hook that was removed is called, or a leaf's is not");
    for (int k = 0; k < s->run.variables; k++) {
        double *want = wg__scratch(wg_numel(s->run.x[k]));
        if (!want) return;
        for (int64_t e = 0; plain->of[k] && e < wg_numel(s->run.x[k]); e++)
            want[e] = plain->of[k][e] * (k == which ? 2 : 1);
        wg__scene_equal(s, k, now.of[k], plain->of[k] ? want : NULL,
                        "a hook gave twice the gradient of one leaf");
    }
    wg_on_gradient(seen.x, NULL, NULL);
}

// That of the loss changes all others, which are linear in it; twice is exact, if nothing is tiny.
static void check_loss(wg__scene *s, view *v, const wg__gradients *plain) {
    wg__gradients now;
    sight seen = { .watcher = &v->watcher, .x = s->loss };
    seen.gradient = wg__scratch(wg_numel(seen.x));
    v->watcher.factor = 2;
    if (!seen.gradient || !hook_all(v, NULL) || !wg_on_gradient(seen.x, look, &seen)) return;
    if (!backward(s, &now)) return;
    for (int k = 0; k < s->run.variables; k++)
        for (int64_t e = 0; plain->of[k] && now.of[k] && e < wg_numel(s->run.x[k]); e++) {
            double got = now.of[k][e], want = 2 * plain->of[k][e];
            if (fabs(want) < 0x1p-900 || !isfinite(want) || got == want) continue;
            wg__scene_apart(s, k, e, got, want, 0, "a hook gave twice the gradient of the loss");
        }
    wg_on_gradient(seen.x, NULL, NULL);
}

static void check(wg__scene *s) {
    wg__gradients plain, watched;
    const double *want[WG__VM_REGISTERS];
    view v = { .count = 0 };
    if (!wg__scene_run(s, NULL)) return;
    if (!wg__scene_backward(s, s->loss) || !wg__scene_gathered(s, &plain)) return;
    if (!find_tracked(s, &v) || !gradients_of_all(s, &v, want) || !hook_all(&v, look)) return;
    if (!backward(s, &watched)) return;
    wg__scene_equal_all(s, &watched, &plain, "hooks that only look change the gradient");
    hold_seen(s, &v, want);
    bool loss = s->p->choice[1] & 1 && s->p->mode != WG__SPECIAL;
    (loss ? check_loss : check_factor)(s, &v, &plain);
}

void wg__oracle_hooks(const wg__vm_program *p) { wg__scene_open(p, "O10 hooks", check); }
