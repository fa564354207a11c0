// SPDX-License-Identifier: MIT
/* rules.c: every rule of optim/ a second time, from its published formula, for one number at a time
   and in double: no moments of vectors, no fused loops, no corrections folded into the rate. And
   which options each has. */
#include <float.h>
#include <stddef.h>
#include <string.h>

#include "fuzz/net/net.h"

typedef const wg__net_element element;

/* What is kept in the dtype of w before it is used. Above its range, as the squares of gradients of
   1e19 are in f32, the formula has no number there. */
static double kept(element *e, double x) {
    const double most = e->mirror->dtype == WG_F32 ? FLT_MAX : DBL_MAX;
    return fabs(x) <= most ? wg__net_shaken(e->mirror, x) : NAN;
}

/* ---- the formulas ---------------------------------------------------------------------------- */

enum { SGD_RATE, SGD_MOMENTUM, SGD_NESTEROV, SGD_DECAY, SGD_DAMPENING };
static double sgd(element *e, double w, double g, double s[3], double *metric) {
    const double *o = e->o, mu = o[SGD_MOMENTUM];
    double d = g + o[SGD_DECAY] * w;
    s[0] = kept(e, e->t == 1 ? d : mu * s[0] + (1 - o[SGD_DAMPENING]) * d);
    double settled = (1 - o[SGD_DAMPENING]) / (1 - mu);  // v / d after long
    *metric = e->rate * (mu == 0 ? 1 : o[SGD_NESTEROV] != 0 ? 1 + mu * settled : settled);
    return w - e->rate * (mu == 0 ? d : o[SGD_NESTEROV] != 0 ? d + mu * s[0] : s[0]);
}

enum { RATE, BETA1, BETA2, EPSILON, DECAY, AMSGRAD, MOMENTUM_DECAY = 5 };

// Moments with their bias taken off.
typedef struct moments {
    double m, v;
} moments;
static moments unbiased(element *e, double d, double s[3]) {
    const double *o = e->o, t = (double)e->t;
    s[0] = kept(e, o[BETA1] * s[0] + (1 - o[BETA1]) * d);
    s[1] = kept(e, o[BETA2] * s[1] + (1 - o[BETA2]) * d * d);
    return (moments){ s[0] / (1 - pow(o[BETA1], t)), s[1] / (1 - pow(o[BETA2], t)) };
}

static double adam_step(element *e, double d, double s[3], double *metric) {
    moments h = unbiased(e, d, s);
    s[2] = isnan(s[1]) ? NAN : fmax(s[2], s[1]);
    if (e->o[AMSGRAD] != 0) h.v = s[2] / (1 - pow(e->o[BETA2], (double)e->t));
    *metric = e->rate / (sqrt(h.v) + e->epsilon);
    return e->rate * h.m / (sqrt(h.v) + e->epsilon);
}
static double adam(element *e, double w, double g, double s[3], double *metric) {
    return w - adam_step(e, g + e->o[DECAY] * w, s, metric);
}
static double adamw(element *e, double w, double g, double s[3], double *metric) {
    return w - e->rate * e->o[DECAY] * w - adam_step(e, g, s, metric);
}

static double nadam_mu(element *e, double t) {
    return e->o[BETA1] * (1 - 0.5 * pow(0.96, t * e->o[MOMENTUM_DECAY]));
}
static double nadam(element *e, double w, double g, double s[3], double *metric) {
    double d = g + e->o[DECAY] * w, t = (double)e->t;
    moments h = unbiased(e, d, s);
    double now = nadam_mu(e, t), next = nadam_mu(e, t + 1);
    double product = s[2] = now * (e->t == 1 ? 1 : s[2]);  // of those momenta that there were
    double a = (1 - now) / (1 - product), b = next / (1 - product * next);
    *metric = e->rate * (a + b) / (sqrt(h.v) + e->epsilon);
    return w - e->rate * (a * d + b * s[0]) / (sqrt(h.v) + e->epsilon);
}

static double radam(element *e, double w, double g, double s[3], double *metric) {
    double t = (double)e->t, b2 = e->o[BETA2], power = pow(b2, t);
    moments h = unbiased(e, g + e->o[DECAY] * w, s);
    double most = 2 / (1 - b2) - 1, r = most - 2 * t * power / (1 - power);
    *metric = e->rate;
    if (r > 5)
        *metric *= sqrt((r - 4) * (r - 2) * most / ((most - 4) * (most - 2) * r)) *
                   sqrt(1 - power) / (sqrt(s[1]) + e->epsilon);
    return w - *metric * h.m;
}

static double adamax(element *e, double w, double g, double s[3], double *metric) {
    const double *o = e->o;
    double d = g + o[DECAY] * w;
    s[0] = kept(e, o[BETA1] * s[0] + (1 - o[BETA1]) * d);
    s[1] = kept(e, fmax(o[BETA2] * s[1], fabs(d) + e->epsilon));
    *metric = e->rate / s[1];
    return w - e->rate * s[0] / (1 - pow(o[BETA1], (double)e->t)) / s[1];
}

enum { RMS_RATE, RMS_ALPHA, RMS_EPSILON, RMS_CENTRED, RMS_MOMENTUM, RMS_DECAY };
static double rmsprop(element *e, double w, double g, double s[3], double *metric) {
    const double *o = e->o, d = g + o[RMS_DECAY] * w;
    s[0] = kept(e, o[RMS_ALPHA] * s[0] + (1 - o[RMS_ALPHA]) * d * d);
    s[1] = kept(e, o[RMS_ALPHA] * s[1] + (1 - o[RMS_ALPHA]) * d);
    double v = o[RMS_CENTRED] != 0 ? fmax(0, s[0] - s[1] * s[1]) : s[0];
    if (isnan(s[0])) v = NAN;  // which fmax drops
    double u = d / (sqrt(v) + e->epsilon);
    s[2] = kept(e, o[RMS_MOMENTUM] * s[2] + u);
    *metric = e->rate / (1 - o[RMS_MOMENTUM]) / (sqrt(v) + e->epsilon);
    return w - e->rate * s[2];
}

enum { AG_RATE, AG_RATE_DECAY, AG_START, AG_EPSILON, AG_DECAY };
static double adagrad(element *e, double w, double g, double s[3], double *metric) {
    const double *o = e->o, d = g + o[AG_DECAY] * w;
    s[0] = kept(e, (e->t == 1 ? o[AG_START] : s[0]) + d * d);
    *metric = e->rate / (1 + (double)(e->t - 1) * o[AG_RATE_DECAY]) / (sqrt(s[0]) + e->epsilon);
    return w - *metric * d;
}

enum { AD_RATE, AD_RHO, AD_EPSILON, AD_DECAY };
static double adadelta(element *e, double w, double g, double s[3], double *metric) {
    const double *o = e->o, g2 = g + o[AD_DECAY] * w;
    s[0] = kept(e, o[AD_RHO] * s[0] + (1 - o[AD_RHO]) * g2 * g2);
    double d = sqrt(s[1] + e->epsilon) / sqrt(s[0] + e->epsilon) * g2;
    *metric = e->rate * sqrt(s[1] + e->epsilon) / sqrt(s[0] + e->epsilon);
    s[1] = o[AD_RHO] * s[1] + (1 - o[AD_RHO]) * d * d;
    return w - e->rate * d;
}

static double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }

enum { RP_RATE, RP_SLOWER, RP_FASTER, RP_LEAST, RP_MOST };
static double rprop(element *e, double w, double g, double s[3], double *metric) {
    const double *o = e->o, turn = sign(g) * sign(s[0]);
    double size = (e->t == 1 ? e->rate : s[1]);
    size *= turn > 0 ? o[RP_FASTER] : turn < 0 ? o[RP_SLOWER] : 1;
    s[1] = fmin(fmax(size, o[RP_LEAST]), o[RP_MOST]);
    s[0] = turn < 0 ? 0 : g;
    *metric = e->rate;
    return w - s[1] * sign(s[0]);
}

enum { LION_RATE, LION_BETA1, LION_BETA2, LION_DECAY };
static double lion(element *e, double w, double g, double s[3], double *metric) {
    const double *o = e->o, u = o[LION_BETA1] * s[0] + (1 - o[LION_BETA1]) * g;
    s[0] = o[LION_BETA2] * s[0] + (1 - o[LION_BETA2]) * g;
    *metric = e->rate;
    return w - e->rate * (sign(u) + o[LION_DECAY] * w);
}

/* Of the shorter side first: X = 3.4445 X - 4.7750 A X + 2.0315 A A X with A = X X'. */
enum { MUON_RATE, MUON_MOMENTUM, MUON_HEAVY, MUON_DECAY, MUON_TIMES };
static void newton_schulz(int64_t least, int64_t most, double *x) {
    double *a = wg__scratch(least * least), *ax = wg__scratch(least * most),
           *aax = wg__scratch(least * most);
    if (!a || !ax || !aax) return;
    for (int64_t i = 0; i < least; i++)
        for (int64_t j = 0; j < least; j++)
            for (int64_t k = 0; k < most; k++)
                a[i * least + j] += x[i * most + k] * x[j * most + k];
    for (int64_t i = 0; i < least * most; i++)
        for (int64_t k = 0; k < least; k++)
            ax[i] += a[i / most * least + k] * x[k * most + i % most];
    for (int64_t i = 0; i < least * most; i++)
        for (int64_t k = 0; k < least; k++)
            aax[i] += a[i / most * least + k] * ax[k * most + i % most];
    for (int64_t i = 0; i < least * most; i++)
        x[i] = 3.4445 * x[i] - 4.7750 * ax[i] + 2.0315 * aax[i];
}

void wg__net_muon(const wg__net_element *e, const wg_shape *shape, double *w, const double *g,
                  double *v) {
    const double *o = e->o, mu = o[MUON_MOMENTUM];
    int64_t n = wg__numel(shape), rows = shape->dim[0], columns = n / (rows > 0 ? rows : 1);
    bool tall = rows > columns;
    double *x = wg__scratch(n), sum = 0;
    if (!x || n == 0) return;
    for (int64_t k = 0; k < n; k++) {
        v[k] = mu * v[k] + (1 - mu) * g[k];
        double d = o[MUON_HEAVY] != 0 ? v[k] : (1 - mu) * g[k] + mu * v[k];
        x[tall ? k % columns * rows + k / columns : k] = d;
        sum += d * d;
    }
    for (int64_t k = 0; k < n; k++) x[k] /= sqrt(sum) + 1e-7;
    for (int i = 0; i < (int)o[MUON_TIMES]; i++)
        newton_schulz(tall ? columns : rows, tall ? rows : columns, x);
    double longer = sqrt(fmax(1, (double)rows / (double)columns));
    for (int64_t k = 0; k < n; k++)
        w[k] -= e->rate *
                (o[MUON_DECAY] * w[k] + longer * x[tall ? k % columns * rows + k / columns : k]);
}

/* ---- what they are called with --------------------------------------------------------------- */

#define MAKE(name, type)                                                                           \
    static wg_optim_spec make_##name(const void *o) {                                              \
        wg_##type##_options all;                                                                   \
        memcpy(&all, o, sizeof all);                                                               \
        return wg_##name(all);                                                                     \
    }
MAKE(sgd, sgd)
MAKE(adam, adam)
MAKE(adamw, adam)
MAKE(nadam, nadam)
MAKE(radam, radam)
MAKE(adamax, adamax)
MAKE(rmsprop, rmsprop)
MAKE(adagrad, adagrad)
MAKE(adadelta, adadelta)
MAKE(rprop, rprop)
MAKE(lion, lion)
MAKE(muon, muon)

static int sgd_variant(const double *o) { return o[SGD_MOMENTUM] != 0; }
static int adam_variant(const double *o) { return o[AMSGRAD] != 0; }
static int rmsprop_variant(const double *o) {
    return 2 * (o[RMS_CENTRED] != 0) + (o[RMS_MOMENTUM] != 0);
}
static void sgd_repair(double *o) {
    if (o[SGD_MOMENTUM] == 0) o[SGD_NESTEROV] = o[SGD_DAMPENING] = 0;
    if (o[SGD_NESTEROV] != 0) o[SGD_DAMPENING] = 0;
}

#define REAL(of, name, none, ...)                                                                  \
    { #name, offsetof(wg_##of##_options, name), none, { __VA_ARGS__ }, WG__NET_REAL }
#define FLAG(of, name)                                                                             \
    { #name, offsetof(wg_##of##_options, name), 0, { 1, 1, 1 }, WG__NET_FLAG }
#define INT(of, name, none, ...)                                                                   \
    { #name, offsetof(wg_##of##_options, name), none, { __VA_ARGS__ }, WG__NET_INT }
#define ADAM(of, ...)                                                                              \
    REAL(of, rate, __VA_ARGS__), REAL(of, beta1, 0.9, 0.5, 0.99, 1e-30),                           \
        REAL(of, beta2, 0.999, 0.5, 0.9, 0.99), REAL(of, epsilon, 1e-8, 1e-3, 0.1, 1e-300),        \
        REAL(of, weight_decay, 0, 0.01, 0.5, 3)

/* Name, maker, formula, states, repairs; then the options: default, and three other values. Of lion
   none is tiny: in f32 its product with a small moment is 0, which has no sign. */
// clang-format off
const wg__net_rule wg__net_rules[] = {
    { "sgd", make_sgd, sgd, sgd_variant, sgd_repair, {
        REAL(sgd, rate, 0.01, 0.1, 0.5, 1), REAL(sgd, momentum, 0, 0.5, 0.9, 1e-30),
        FLAG(sgd, nesterov), REAL(sgd, weight_decay, 0, 0.01, 0.5, 3),
        REAL(sgd, dampening, 0, 0.1, 0.5, 0.9) } },
    { "adam", make_adam, adam, adam_variant, NULL, {
        ADAM(adam, 0.001, 0.01, 0.1, 1), FLAG(adam, amsgrad) } },
    { "adamw", make_adamw, adamw, adam_variant, NULL, {
        ADAM(adam, 0.001, 0.01, 0.1, 1), FLAG(adam, amsgrad) } },
    { "nadam", make_nadam, nadam, NULL, NULL, {
        ADAM(nadam, 0.002, 0.01, 0.1, 1), REAL(nadam, momentum_decay, 0.004, 0.1, 1, 0.5) } },
    { "radam", make_radam, radam, NULL, NULL, { ADAM(radam, 0.001, 0.01, 0.1, 1) } },
    { "adamax", make_adamax, adamax, NULL, NULL, { ADAM(adamax, 0.002, 0.01, 0.1, 1) } },
    { "rmsprop", make_rmsprop, rmsprop, rmsprop_variant, NULL, {
        REAL(rmsprop, rate, 0.01, 0.001, 0.1, 1), REAL(rmsprop, alpha, 0.99, 0.5, 0.9, 0.1),
        REAL(rmsprop, epsilon, 1e-8, 1e-3, 0.1, 1e-300), FLAG(rmsprop, centred),
        REAL(rmsprop, momentum, 0, 0.5, 0.9, 1e-30),
        REAL(rmsprop, weight_decay, 0, 0.01, 0.5, 3) } },
    { "adagrad", make_adagrad, adagrad, NULL, NULL, {
        REAL(adagrad, rate, 0.01, 0.001, 0.1, 1), REAL(adagrad, rate_decay, 0, 0.1, 1, 0.5),
        REAL(adagrad, start, 0, 0.1, 1, 10), REAL(adagrad, epsilon, 1e-10, 1e-3, 0.1, 1e-300),
        REAL(adagrad, weight_decay, 0, 0.01, 0.5, 3) } },
    { "adadelta", make_adadelta, adadelta, NULL, NULL, {
        REAL(adadelta, rate, 1, 0.1, 0.5, 3), REAL(adadelta, rho, 0.9, 0.5, 0.99, 0.1),
        REAL(adadelta, epsilon, 1e-6, 1e-3, 0.1, 1e-12),
        REAL(adadelta, weight_decay, 0, 0.01, 0.5, 3) } },
    { "rprop", make_rprop, rprop, NULL, NULL, {
        REAL(rprop, rate, 0.01, 0.1, 1, 1e-6), REAL(rprop, slower, 0.5, 0.1, 0.9, 0.75),
        REAL(rprop, faster, 1.2, 1.5, 2, 1), REAL(rprop, least, 1e-6, 0.01, 0.05, 1e-3),
        REAL(rprop, most, 50, 0.1, 0.5, 1) } },
    { "lion", make_lion, lion, NULL, NULL, {
        REAL(lion, rate, 1e-4, 0.01, 0.1, 1), REAL(lion, beta1, 0.9, 0.5, 0.99, 0.1),
        REAL(lion, beta2, 0.99, 0.5, 0.9, 0.999), REAL(lion, weight_decay, 0, 0.01, 0.5, 3) } },
    { "muon", make_muon, NULL, NULL, NULL, {
        REAL(muon, rate, 0.02, 0.1, 0.5, 1), REAL(muon, momentum, 0.95, 0.5, 0.9, 1e-30),
        FLAG(muon, heavy_ball), REAL(muon, weight_decay, 0, 0.01, 0.5, 3),
        INT(muon, iterations, 5, 1, 2, 3) } },
};
// clang-format on
const int wg__net_rule_count = sizeof wg__net_rules / sizeof *wg__net_rules;
