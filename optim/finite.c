// SPDX-License-Identifier: MIT
/* finite.c: losses and gradients that are no finite numbers: refused, or skipped and noted. A look
   at every gradient is one pass that only reads, many elements at a time. */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "optim/optim_impl.h"

// Sums side by side, which vectorise: x - x is 0 where x is finite, and else NaN.
enum { LANES = 16 };

#define ALL_FINITE(name, real)                                                                     \
    static bool name(int64_t n, const void *from) {                                                \
        const real *x = from;                                                                      \
        real sum[LANES] = { 0 };                                                                   \
        int64_t k = 0;                                                                             \
        for (; k + LANES <= n; k += LANES)                                                         \
            for (int j = 0; j < LANES; j++) sum[j] += x[k + j] - x[k + j];                         \
        for (; k < n; k++) sum[0] += x[k] - x[k];                                                  \
        for (int j = 1; j < LANES; j++) sum[0] += sum[j];                                          \
        return sum[0] == 0;                                                                        \
    }
ALL_FINITE(all_finite_f32, float)
ALL_FINITE(all_finite_f64, double)

static bool all_finite(const wg_tensor *g) {  // dense
    static bool (*const look[WG_F64 + 1])(int64_t, const void *) = { all_finite_f32,
                                                                     all_finite_f64 };
    return look[g->view.dtype](wg_numel(g), g->view.data);
}

static double first_bad(const wg_tensor *g) {
    const wg_view *v = &g->view;
    for (int64_t k = 0, n = wg_numel(g); k < n; k++) {
        double value = wg__load(v->dtype, wg__at(v, wg__offset(v, k)));
        if (!isfinite(value)) return value;
    }
    return 0;
}

// Notes the step, counting from 1, and what is wrong with it.
static void note(wg_optim *o, const char *format, ...) WG_PRINTF(2, 3);
static void note(wg_optim *o, const char *format, ...) {
    o->skipped++;
    int n = snprintf(o->skip, sizeof o->skip, "step %lld: ", (long long)o->steps + 1);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(o->skip + n, sizeof o->skip - (size_t)n, format, arguments);
    va_end(arguments);
}

wg__verdict wg__judge_loss(wg_optim *o, const wg_tensor *loss) {
    // Another shape is wg_backward's to refuse.
    double value = wg_numel(loss) == 1 ? wg_item(loss) : 0;
    if (isfinite(value)) return WG__STEP;
    if (o->skipping) {
        note(o, "the loss is %g", value);
        return WG__SKIP;
    }
    wg_fail(WG_ERROR_STATE, "optim_minimize: the loss is %g; nothing was changed", value);
    return WG__REFUSE;
}

wg__verdict wg__judge_gradients(wg_optim *o) {
    int i = 0;
    while (i < o->slots && (!o->slot[i].w || all_finite(o->slot[i].g))) i++;
    if (i == o->slots) return WG__STEP;
    const char *path = wg__nn_path(o->model.m, i);
    double value = first_bad(o->slot[i].g);
    if (o->skipping) {
        note(o, "the gradient of \"%s\" is %g", path, value);
        return WG__SKIP;
    }
    wg_fail(WG_ERROR_STATE, "optim_step: the gradient of \"%s\" is %g; nothing was changed", path,
            value);
    return WG__REFUSE;
}

bool wg_optim_skip_nonfinite(wg_optim *o, bool on) {
    if (wg__pending()) return false;
    wg__where("");
    if (!wg__optim_usable(o, "optim_skip_nonfinite") ||
        !wg__optim_knows(o, "optim_skip_nonfinite", "skipping"))
        return false;
    o->skipping = on;
    return true;
}

int64_t wg_optim_skipped(const wg_optim *o) { return o ? o->skipped : 0; }

size_t wg_optim_last_skip(const wg_optim *o, char *text, size_t size) {
    if (!text && size > 0) {
        wg__where("");
        wg_fail(WG_ERROR_ARGUMENT, "optim_last_skip: %zu bytes of text at NULL", size);
        return 0;
    }
    if (size > 0) snprintf(text, size, "%s", o ? o->skip : "");
    return o ? strlen(o->skip) : 0;
}
