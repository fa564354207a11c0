// SPDX-License-Identifier: MIT
/* init.c: what parameters start from. A kind is one of four laws with two numbers, which schemes
   choose from the fans, or one that makes whole matrices. All draws are made in double, so that f32
   and f64 models start from the same numbers up to rounding. */
#include <math.h>

#include "nn/nn_impl.h"

typedef enum law { CONSTANT, UNIFORM, NORMAL, TRUNCATED } law;

/* Of variance-preserving schemes the bound, or the deviation, is sqrt(numerator / fans); for others
   the numerator is 0 and the numbers are the caller's. */
static const struct scheme {
    law law;
    double numerator;
    bool fan_out;           // counts as well
    wg__init_matrix *make;  // in place of a law
} scheme[WG_INIT_KINDS] = {
    [WG_INIT_ZEROS] = { .law = CONSTANT },
    [WG_INIT_CONSTANT] = { .law = CONSTANT },
    [WG_INIT_UNIFORM] = { .law = UNIFORM },
    [WG_INIT_NORMAL] = { .law = NORMAL },
    [WG_INIT_TRUNCATED_NORMAL] = { .law = TRUNCATED },
    [WG_INIT_XAVIER_UNIFORM] = { UNIFORM, 6, true, NULL },
    [WG_INIT_XAVIER_NORMAL] = { NORMAL, 2, true, NULL },
    [WG_INIT_HE_UNIFORM] = { UNIFORM, 6, false, NULL },
    [WG_INIT_HE_NORMAL] = { NORMAL, 2, false, NULL },
    [WG_INIT_LECUN_UNIFORM] = { UNIFORM, 3, false, NULL },
    [WG_INIT_LECUN_NORMAL] = { NORMAL, 1, false, NULL },
    [WG_INIT_ORTHOGONAL] = { .make = wg__init_orthogonal },
    [WG_INIT_SPARSE] = { .make = wg__init_sparse },
    [WG_INIT_IDENTITY] = { .make = wg__init_identity },
};

/* ---- the numbers of a law -------------------------------------------------------------------- */

static double fans(const wg_init *init, const wg_shape *s, bool fan_out) {
    double out = s->rank > 0 ? (double)s->dim[0] : 1, in = s->rank > 1 ? (double)s->dim[1] : 1;
    double field = 1;
    for (int i = 2; i < s->rank; i++) field *= (double)s->dim[i];
    return wg__or((double)init->fan_in, field * in) +
           (fan_out ? wg__or((double)init->fan_out, field * out) : 0);
}

// Fills in what was left at 0, and for a scheme a and b.
static wg_init resolve(wg_init init, const wg_shape *shape) {
    if (init.kind == WG_INIT_DEFAULT)
        init.kind = shape->rank < 2 ? WG_INIT_ZEROS : WG_INIT_XAVIER_UNIFORM;
    const struct scheme *s = &scheme[init.kind];
    init.gain = wg__or(init.gain, 1);
    init.cut = wg__or(init.cut, 2);
    if (init.kind == WG_INIT_ZEROS) init.a = 0;
    if (init.kind == WG_INIT_SPARSE) init.b = wg__or(init.b, 0.01);
    if (s->law == NORMAL || s->law == TRUNCATED) init.b = wg__or(init.b, 1);
    if (s->numerator > 0) {
        init.b = sqrt(s->numerator / fans(&init, shape, s->fan_out));
        init.a = s->law == UNIFORM ? -init.b : 0;
    }
    return init;
}

/* ---- drawing --------------------------------------------------------------------------------- */

// Box and Muller (1958); 1 - u keeps the logarithm finite.
double wg__init_normal(wg_random *r) {
    double u = 1 - wg_random_uniform(r), v = wg_random_uniform(r);
    return sqrt(-2 * log(u)) * cos(6.283185307179586477 * v);
}

static double constant(const wg_init *i, wg_random *r) {
    (void)r;
    return i->gain * i->a;
}
static double uniform(const wg_init *i, wg_random *r) {
    return i->gain * (i->a + (i->b - i->a) * wg_random_uniform(r));
}
static double normal(const wg_init *i, wg_random *r) {
    return i->gain * (i->a + i->b * wg__init_normal(r));
}
/* By rejection, from the normal law or, where little of that falls between the cuts, from the
   uniform one between them (Robert 1995). At least half of the proposals are taken. */
static double truncated(const wg_init *i, wg_random *r) {
    double z;
    if (i->cut > 1.25) do
            z = wg__init_normal(r);
        while (fabs(z) > i->cut);
    else
        do z = i->cut * (2 * wg_random_uniform(r) - 1);
        while (wg_random_uniform(r) > exp(-z * z / 2));
    return i->gain * (i->a + i->b * z);
}

// Rounding may have reached the open end of an interval.
static void stay_below(const wg_tensor *w, void *element, const wg_init *i) {
    double end = i->gain * i->b, begin = i->gain * i->a;
    if (wg__load(w->view.dtype, element) < end) return;
    if (w->view.dtype == WG_F32)
        *(float *)element = nextafterf((float)end, (float)begin);
    else
        *(double *)element = nextafter(end, begin);
}

static void draw_all(wg_tensor *w, law how, const wg_init *init, wg_random *r) {
    static double (*const draw[])(const wg_init *, wg_random *) = {
        [CONSTANT] = constant, [UNIFORM] = uniform, [NORMAL] = normal, [TRUNCATED] = truncated
    };
    for (int64_t k = 0, n = wg_numel(w); k < n; k++) {
        void *element = wg__at(&w->view, k);
        wg__store(w->view.dtype, element, draw[how](init, r));
        if (how == UNIFORM) stay_below(w, element, init);
    }
}

/* ---- what can be wrong ----------------------------------------------------------------------- */

static bool in_range(const char *what, double value, double most) {
    if (value >= 0 && value <= most && isfinite(value)) return true;
    if (isinf(most))
        return wg_fail(WG_ERROR_ARGUMENT, "init: %s %g is negative or not finite", what, value);
    return wg_fail(WG_ERROR_ARGUMENT, "init: %s %g is not in [0, %g]", what, value, most);
}

static bool valid(wg_init init) {
    if ((unsigned)init.kind >= WG_INIT_KINDS)
        return wg_fail(WG_ERROR_ARGUMENT, "init: there is no kind %d", (int)init.kind);
    if (!isfinite(init.a) || !isfinite(init.b))
        return wg_fail(WG_ERROR_ARGUMENT, "init: a is %g and b is %g, wanted are finite numbers",
                       init.a, init.b);
    if (init.kind == WG_INIT_UNIFORM && !(init.a < init.b))
        return wg_fail(WG_ERROR_ARGUMENT, "init: uniform on [%g, %g) is empty", init.a, init.b);
    bool has_deviation = init.kind == WG_INIT_NORMAL || init.kind == WG_INIT_TRUNCATED_NORMAL ||
                         init.kind == WG_INIT_SPARSE;
    if (has_deviation && !in_range("the standard deviation", init.b, INFINITY)) return false;
    if (init.kind == WG_INIT_SPARSE && !in_range("the share of zeros", init.a, 1)) return false;
    if (init.fan_in < 0 || init.fan_out < 0)
        return wg_fail(WG_ERROR_ARGUMENT, "init: fan_in is %lld and fan_out %lld, one is negative",
                       (long long)init.fan_in, (long long)init.fan_out);
    return in_range("the gain", init.gain, INFINITY) && in_range("the cut", init.cut, INFINITY);
}

bool wg__init_fits(wg_init init, wg_dtype dtype, wg_shape shape) {
    if (!valid(init)) return false;
    const struct scheme *s = &scheme[resolve(init, &shape).kind];
    char text[200];
    if (!wg_dtype_is_float(dtype) && (s->make || s->law != CONSTANT))
        return wg_fail(WG_ERROR_DTYPE, "init: %s values can only be constant",
                       wg_dtype_name(dtype));
    return !s->make || shape.rank >= 2 ||
           wg_fail(WG_ERROR_SHAPE, "init: %s is no matrix, nor can be seen as one",
                   wg_shape_text(shape, text, sizeof text));
}

bool wg__init_fill(wg_tensor *w, wg_init init, wg_random r) {
    if (!wg__init_fits(init, w->view.dtype, w->view.shape)) return false;
    init = resolve(init, &w->view.shape);
    if (scheme[init.kind].make) return scheme[init.kind].make(w, &init, &r);
    draw_all(w, scheme[init.kind].law, &init, &r);
    return true;
}

/* ---- gains ----------------------------------------------------------------------------------- */

double wg_init_gain(wg_gain kind, double slope) {
    static const double gain[] = { [WG_GAIN_LINEAR] = 1,
                                   [WG_GAIN_SIGMOID] = 1,
                                   [WG_GAIN_TANH] = 5.0 / 3,
                                   [WG_GAIN_RELU] = 1.4142135623730950488,
                                   [WG_GAIN_SELU] = 0.75 };
    if ((unsigned)kind > WG_GAIN_LEAKY_RELU || !isfinite(slope)) {
        wg_fail(WG_ERROR_ARGUMENT, "init_gain: kind %d with slope %g", (int)kind, slope);
        return NAN;
    }
    return kind == WG_GAIN_LEAKY_RELU ? sqrt(2 / (1 + slope * slope)) : gain[kind];
}
