// SPDX-License-Identifier: MIT
/* vector_norm.c: the p-norm (sum |x|^p)^(1/p) over axes, for any p. The element that decides the
   sum is divided out first, rounded down to a power of two so that nothing else is rounded: then
   neither 1e200 nor 1e-200 leaves the range of its square. */
#include "autograd/ops/reduce.h"

static double power_of(const wg_call *c) { return ((const wg__reduce_attr *)c->attr)->number; }

static bool infer(const wg_call *c, wg_spec *out) {
    if (isnan(power_of(c))) return wg_call_fail(c, WG_ERROR_ARGUMENT, "p is NaN");
    return wg__reduce_infer_float(c, out);
}

/* ---- values: strip by strip, in LANES lanes of doubles --------------------------------------- */

enum { LANES = 16 };

typedef struct source {
    wg__line line;
    wg_dtype dtype;
    int64_t length;
} source;

// |x| of n <= WG__STRIP elements of the line, from number `from` on.
static void sizes(const source *s, int64_t from, int64_t n, double *y) {
    double room[WG__STRIP];
    const void *x = wg__line_run(&s->line, from, n, room);
    if (s->dtype == WG_F32)
        for (int64_t k = 0; k < n; k++) y[k] = fabs((double)((const float *)x)[k]);
    else
        for (int64_t k = 0; k < n; k++) y[k] = fabs(((const double *)x)[k]);
}

/* Lane l := next, of a, what it holds, and b, elements l, l + LANES, ... */
typedef void lanes_loop(int64_t n, const double *x, const double by[2], double *lane);
#define LANES_LOOP(name, next)                                                                     \
    static void name(int64_t n, const double *x, const double by[2], double *lane) {               \
        (void)by;                                                                                  \
        for (; n >= LANES; n -= LANES, x += LANES)                                                 \
            for (int l = 0; l < LANES; l++) {                                                      \
                const double a = lane[l], b = x[l];                                                \
                lane[l] = (next);                                                                  \
            }                                                                                      \
        for (int l = 0; l < n; l++) {                                                              \
            const double a = lane[l], b = x[l];                                                    \
            lane[l] = (next);                                                                      \
        }                                                                                          \
    }
LANES_LOOP(most, b > a || b != b ? b : a)
LANES_LOOP(least, b < a || b != b ? b : a)
LANES_LOOP(count, a + (b != b ? b : b != 0))
LANES_LOOP(add, a + b)
LANES_LOOP(add_squares, a + b * b)
LANES_LOOP(add_powers, a + pow(b / by[1], by[0]))

// `loop` over the line, from `first`; `join` puts lanes and strips together.
static double over(const source *s, lanes_loop *loop, lanes_loop *join, double first,
                   const double by[2]) {
    double strip[WG__STRIP], lane[LANES], total = first;
    for (int64_t from = 0, n; from < s->length; from += n) {
        n = s->length - from < WG__STRIP ? s->length - from : WG__STRIP;
        for (int l = 0; l < LANES; l++) lane[l] = first;
        sizes(s, from, n, strip);
        loop(n, strip, by, lane);
        for (int half = LANES / 2; half > 0; half /= 2) join(half, lane + half, by, lane);
        join(1, lane, by, &total);
    }
    return total;
}

static double norm_of(const source *s, double p) {
    double by[2] = { p, 1 };
    if (p == 0) return over(s, count, add, 0, by);
    if (p == 1) return over(s, add, add, 0, by);
    double sum = p == 2 ? over(s, add_squares, add, 0, by) : 0;
    if (sum > 1e-270 && sum < 1e300) return sqrt(sum);  // no square has left its range
    double size = p < 0 ? over(s, least, least, INFINITY, by) : over(s, most, most, 0, by);
    if (isinf(p) || size == 0 || !isfinite(size)) return size;
    by[1] = ldexp(1, ilogb(size));
    return by[1] * pow(over(s, add_powers, add, 0, by), 1 / p);
}

static bool norm_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    wg__lines l = wg__lines_of(in, 1, (unsigned)wg__reduced(c));
    wg_dtype dtype = in[0]->dtype;
    for (int64_t k = 0; k < l.count; k++) {
        int64_t at[WG__LINE_ARRAYS];
        wg__axes_at(&l.kept, k, at);
        wg__line line = { wg__at(in[0], at[0]), &l.cut, 0, wg__size_of(dtype) };
        source s = { line, dtype, l.length };
        wg__store(dtype, wg__at(out, k), norm_of(&s, power_of(c)));
    }
    return true;
}

/* ---- rules ----------------------------------------------------------------------------------- */

/* sign(x) r^(p-1) for r = |x| / y, as that or as x/y r^(p-2): whichever has no pole at x = 0. Where
   y is 0 the slope is 0, and so are those of higher order: it is 0/0 for p > 0, and for p < 0 there
   is a kink in one element and nothing in the others. */
static wg_tensor *finite_slope(const wg_call *c, double p) {
    wg_tensor *x = c->in[0], *y = wg__reduce_as_kept(c, c->out);
    if (p == 0) return wg_zeros_like(x);
    if (p == 1) return wg_sign(x);
    wg_tensor *none = wg_eq(y, wg_num(0));
    y = wg_where(none, wg_num(INFINITY), y);
    if (p == 2) return wg_div(x, y);
    wg_tensor *r = wg_div(wg_abs(x), y);
    if (p > 2) return wg_mul(wg_div(x, y), wg_pow(r, wg_num(p - 2)));
    wg_tensor *slope = wg_xmul(wg_sign(x), wg_pow(r, wg_num(p - 1)));
    return p > 0 ? slope : wg_where(none, wg_num(0), slope);
}

static wg_tensor *slope(const wg_call *c) {
    double p = power_of(c);
    if (!isinf(p)) return finite_slope(c, p);
    wg_tensor *equal = wg_eq(wg_abs(c->in[0]), wg__reduce_as_kept(c, c->out));
    return wg_mul(wg_sign(c->in[0]), wg__reduce_shares(c, equal));
}
WG__REDUCE_RULES(norm, slope)

/* ---- reference ------------------------------------------------------------------------------- */

static double complex plain_size(double complex z) { return creal(z) < 0 ? -z : z; }

static double complex plain_extreme(int64_t n, const double complex *z, double p) {
    double complex most = p < 0 ? INFINITY : 0;
    for (int64_t k = 0; k < n; k++) {
        double complex size = plain_size(z[k]);
        if (p < 0 ? creal(size) < creal(most) : creal(size) > creal(most)) most = size;
    }
    return most;
}

static double complex plain_norm(const wg_call *c, int64_t n, const double complex *z) {
    double p = power_of(c);
    double complex sum = 0, unit = plain_extreme(n, z, p);
    if (isinf(p) || (p != 0 && (unit == 0 || isinf(creal(unit))))) return unit;
    for (int64_t k = 0; k < n; k++)
        if (p == 0)
            sum += z[k] != 0;
        else if (z[k] != 0)
            sum += cexp(p * clog(plain_size(z[k]) / unit));
    return p == 0 ? sum : unit * cexp(clog(sum) / p);
}
WG__REDUCE_REFERENCE(norm, plain_norm)

/* ---- the record and its functions ------------------------------------------------------------ */

static const wg_attr attrs[] = { WG__REDUCE_ATTRS,
                                 WG__REDUCE_ATTR(p, WG_ATTR_REAL, number),
                                 { .name = NULL } };

// Among 24 elements and fewer the tie rule is tried out, which for infinite p is another one.
WG__DEFINE_OP(norm) = {
    WG__REDUCE_COMMON(norm),
    .doc = "(sum |x|^p)^(1/p) over axes, scaled against overflow; max |x| for p = inf, min |x| for "
           "-inf, how many are not 0 for 0",
    .derivative = "dx = gy sign(x) (|x| / y)^(p-1); for infinite p gy sign(x) where |x| = y, in "
                  "equal shares",
    .edges = "slope 0 in x = 0 and where y is 0; of nothing 0, or inf for p < 0; NaN if any is, "
             "for p = 0 too, where NumPy counts it",
    .equals = "torch.linalg.vector_norm, np.linalg.norm",
    .saves = WG_SAVES_IN(0) | WG_SAVES_OUT,
    .tie = WG_TIE_ZERO,
    .attrs = attrs,
    .infer = infer,
    .forward = norm_forward,
    .vjp = norm_vjp,
    .jvp = norm_jvp,
    .samples = { "2,3 | all=1 p=2", "2,3 | axes=0 p=1", "2,3 | axes=-1 keepdim=1 p=3",
                 "3,2,4 | axes=2,0 p=2.5", "2,3 | p=2", "() | all=1 p=0.5", "2,1,3 | axes=1 p=1.5",
                 "0,3 | axes=1 p=2", "2,0 | axes=1 p=3", "3,150 | axes=1 p=2", "2,3 | axes=1 p=-2",
                 "4,7 | axes=1 p=inf", "7,4 | axes=0 keepdim=1 p=-inf", "2,3 | axes=1",
                 "2,3@=0,0,0,0,2,0 | axes=1 p=2", "4@=3,-4,0,12 | all=1 p=3" },
    .bad = { WG__REDUCE_BAD_FLOAT, "2 | all=1 p=nan" },
};

wg_tensor *wg_norm(wg_tensor *x, double p) {
    return wg__op1(&wg__op_norm, x, &(wg__reduce_attr){ .all = true, .number = p });
}
wg_tensor *wg_norm_axes(wg_tensor *x, double p, wg_shape axes, bool keepdim) {
    wg__reduce_attr attr = { .axes = axes, .keepdim = keepdim, .number = p };
    return wg__op1(&wg__op_norm, x, &attr);
}
