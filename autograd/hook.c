// SPDX-License-Identifier: MIT
/* hook.c: functions of the caller's that see a tensor's gradient as soon as it is complete. A list
   of them hangs on the tensor's handle and goes with it. */
#include "autograd/autograd_impl.h"

static bool remove_all(wg_tensor *x) {
    if (wg__ctx()->hooks_running)
        return wg_fail(WG_ERROR_STATE, "wg_on_gradient: no hook can be removed while one runs");
    for (wg__hook *next; x->hook; x->hook = next) {
        next = x->hook->next;
        wg__free(x->hook);
    }
    return true;
}

bool wg_on_gradient(wg_tensor *x, wg_gradient_hook *hook, void *user) {
    if (wg__pending()) return false;
    if (!x) return wg_fail(WG_ERROR_ARGUMENT, "wg_on_gradient: x is NULL");
    if (!wg__alive("wg_on_gradient", x)) return false;
    if (!hook) return remove_all(x);
    if (!wg__is_tracked(x))
        return wg_fail(WG_ERROR_STATE, "wg_on_gradient: x is not tracked and gets no gradient");
    wg__hook *fresh = wg__alloc(sizeof *fresh), **end = &x->hook;
    if (!fresh) return false;
    *fresh = (wg__hook){ .call = (void (*)(void))hook, .user = user };
    while (*end) end = &(*end)->next;
    *end = fresh;
    return true;
}

static bool fits(const wg_tensor *x, const wg_tensor *g) {
    if (g->view.dtype == x->view.dtype && wg__shape_equal(&g->view.shape, &x->view.shape))
        return true;
    char want[200], have[200];
    return wg_fail(WG_ERROR_SHAPE, "wg_on_gradient: a hook gives %s %s for a gradient of %s %s",
                   wg_dtype_name(g->view.dtype), wg_shape_text(g->view.shape, have, sizeof have),
                   wg_dtype_name(x->view.dtype), wg_shape_text(x->view.shape, want, sizeof want));
}

static bool replace(wg_tensor **g, wg_tensor *with, bool recorded) {
    if (with == *g) return true;
    if (!recorded) {
        with = wg__tensor_alias(with);
        if (!with) return false;
        wg__scope_remove(with);
        wg__tensor_free(*g);
    }
    *g = with;
    return true;
}

bool wg__hooks_call(wg_tensor *x, wg_tensor **g, bool recorded) {
    wg__context *ctx = wg__ctx();
    static const wg_op name = { .name = "wg_on_gradient" };
    for (const wg__hook *h = x->hook; h; h = h->next) {
        const wg_scope *scope = ctx->scope;
        wg_scope *fence = wg__fence_up(ctx);
        ctx->hooks_running++;
        wg_tensor *with = ((wg_gradient_hook *)h->call)(h->user, x, *g);
        ctx->hooks_running--;
        ctx->fence = fence;
        if (ctx->scope != scope) return wg__scope_left_open(&name, "hook", scope);
        if (wg__pending()) return false;
        if (with && (!fits(x, with) || !replace(g, with, recorded))) return false;
    }
    return true;
}
