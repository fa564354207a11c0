// SPDX-License-Identifier: MIT
/* init.c: what parameters start from. Every kind is one of three laws with two numbers; the schemes
   only choose the numbers from the fans. All draws are made in double, so that f32 and f64 models
   start from the same numbers up to rounding. */
#include <math.h>

#include "nn/nn_impl.h"

typedef enum law { CONSTANT, UNIFORM, NORMAL } law;

// Variance-preserving schemes: the bound, or the deviation, is sqrt(numerator / fans).
static const struct {
    law law;
    double numerator;
    bool fan_out;  // counts as well
} scheme[] = {
    [WG_INIT_XAVIER_UNIFORM] = { UNIFORM, 6, true },
    [WG_INIT_XAVIER_NORMAL] = { NORMAL, 2, true },
    [WG_INIT_HE_UNIFORM] = { UNIFORM, 6, false },
    [WG_INIT_HE_NORMAL] = { NORMAL, 2, false },
};

static double or_else(int64_t given, double otherwise) {
    return given > 0 ? (double)given : otherwise;
}

static double fans(const wg_init *init, const wg_shape *s, bool fan_out) {
    double out = s->rank > 0 ? (double)s->dim[0] : 1, in = s->rank > 1 ? (double)s->dim[1] : 1;
    double field = 1;
    for (int i = 2; i < s->rank; i++) field *= (double)s->dim[i];
    return or_else(init->fan_in, field * in) + (fan_out ? or_else(init->fan_out, field * out) : 0);
}

// The law of an initialiser for this shape; its numbers go to a and b.
static law resolve(wg_init init, const wg_shape *shape, double *a, double *b) {
    static const law plain[] = { [WG_INIT_ZEROS] = CONSTANT,
                                 [WG_INIT_CONSTANT] = CONSTANT,
                                 [WG_INIT_UNIFORM] = UNIFORM,
                                 [WG_INIT_NORMAL] = NORMAL };
    double gain = init.gain == 0 ? 1 : init.gain;
    if (init.kind == WG_INIT_DEFAULT)
        init.kind = shape->rank < 2 ? WG_INIT_ZEROS : WG_INIT_XAVIER_UNIFORM;
    if (init.kind == WG_INIT_ZEROS) init.a = 0;
    *a = gain * init.a, *b = gain * init.b;
    if (init.kind <= WG_INIT_NORMAL) return plain[init.kind];
    double s =
        gain * sqrt(scheme[init.kind].numerator / fans(&init, shape, scheme[init.kind].fan_out));
    *a = scheme[init.kind].law == UNIFORM ? -s : 0, *b = s;
    return scheme[init.kind].law;
}

static bool valid(wg_init init) {
    if ((unsigned)init.kind > WG_INIT_HE_NORMAL)
        return wg_fail(WG_ERROR_ARGUMENT, "init: there is no kind %d", (int)init.kind);
    if (!isfinite(init.a) || !isfinite(init.b))
        return wg_fail(WG_ERROR_ARGUMENT, "init: a is %g and b is %g, wanted are finite numbers",
                       init.a, init.b);
    if (init.kind == WG_INIT_UNIFORM && !(init.a < init.b))
        return wg_fail(WG_ERROR_ARGUMENT, "init: uniform on [%g, %g) is empty", init.a, init.b);
    if (init.kind == WG_INIT_NORMAL && init.b < 0)
        return wg_fail(WG_ERROR_ARGUMENT, "init: the standard deviation %g is negative", init.b);
    if (!(init.gain >= 0 && isfinite(init.gain)))
        return wg_fail(WG_ERROR_ARGUMENT, "init: the gain %g is negative or not finite", init.gain);
    if (init.fan_in < 0 || init.fan_out < 0)
        return wg_fail(WG_ERROR_ARGUMENT, "init: fan_in %lld and fan_out %lld, one is negative",
                       (long long)init.fan_in, (long long)init.fan_out);
    return true;
}

static double constant(double a, double b, wg_random *r) {
    (void)b, (void)r;
    return a;
}
static double uniform(double a, double b, wg_random *r) {
    return a + (b - a) * wg_random_uniform(r);
}
// Box and Muller (1958); 1 - u keeps the logarithm finite.
static double normal(double a, double b, wg_random *r) {
    double u = 1 - wg_random_uniform(r), v = wg_random_uniform(r);
    return a + b * sqrt(-2 * log(u)) * cos(6.283185307179586477 * v);
}

bool wg__init_fill(wg_tensor *w, wg_init init, wg_random r) {
    static double (*const draw[])(double, double, wg_random *) = {
        [CONSTANT] = constant, [UNIFORM] = uniform, [NORMAL] = normal
    };
    if (!valid(init)) return false;
    double a, b;
    law how = resolve(init, &w->view.shape, &a, &b);
    if (how != CONSTANT && !wg_dtype_is_float(w->view.dtype))
        return wg_fail(WG_ERROR_DTYPE, "init: %s values can only be constant",
                       wg_dtype_name(w->view.dtype));
    for (int64_t k = 0, n = wg_numel(w); k < n; k++) {
        void *element = wg__at(&w->view, k);
        wg__store(w->view.dtype, element, draw[how](a, b, &r));
        // Rounding may have reached the open end.
        if (how != UNIFORM || wg__load(w->view.dtype, element) < b) continue;
        if (w->view.dtype == WG_F32)
            *(float *)element = nextafterf((float)b, (float)a);
        else
            *(double *)element = nextafter(b, a);
    }
    return true;
}
