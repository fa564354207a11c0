// SPDX-License-Identifier: MIT
/* special.c: asymptotic series far from 0, recurrences to get there. Of the gamma function's
   relatives: psi(x) = psi(x + 1) - 1/x, and the n-th derivative of psi is, but for the sign,
   n! zeta(n + 1, x), where zeta(s, x) = sum over k >= 0 of (x + k)^-s is Hurwitz' zeta function
   (NIST Handbook of Mathematical Functions, 5.15 and 25.11). */
#include "autograd/ops/special.h"

#include <math.h>
#include <stdbool.h>

static const double PI = 3.14159265358979323846;
static const double HALF_LOG_2PI = 0.91893853320467274178;
static const double TWO_BY_ROOT_PI = 1.12837916709551257390;
static const double ROOT_PI = 1.77245385090551602730;

// Bernoulli's numbers B_2, B_4, ...
static const double bernoulli[] = { 1.0 / 6,       -1.0 / 30,      1.0 / 42, -1.0 / 30,
                                    5.0 / 66,      -691. / 2730,   7.0 / 6,  -3617.0 / 510,
                                    43867.0 / 798, -174611.0 / 330 };
enum { TERMS = sizeof bernoulli / sizeof bernoulli[0] };

/* ---- real ------------------------------------------------------------------------------------ */

double wg__lgamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

static bool is_pole(double x) { return x <= 0 && !(x != floor(x)); }

// x > 0. From 10 on, eight terms of the series reach 1e-17.
static double digamma_above(double x) {
    double y = 0, power = 1, sum = 0;
    for (; x < 10; x++) y -= 1 / x;
    for (int k = 0; k < 8; k++) {
        power /= x * x;
        sum += bernoulli[k] / (2 * k + 2) * power;
    }
    return y + log(x) - 0.5 / x - sum;
}

// Below 0 by reflection; the tangent's argument is reduced first, which is exact.
double wg__digamma(double x) {
    if (x > 0) return isinf(x) ? x : digamma_above(x);
    if (!(x < 0)) return -1 / x;  // infinite at 0, and NaN
    if (is_pole(x)) return NAN;
    return digamma_above(1 - x) - PI / tan(PI * (x - rint(x)));
}

// gamma(s) / x^s for x > 0, by logarithms where a factor leaves the range of numbers.
static double scale(double s, double x) {
    double power = pow(x, -s), factor = tgamma(s);
    return isnormal(power) && isfinite(factor) ? factor * power : exp(wg__lgamma(s) - s * log(x));
}

/* gamma(s) zeta(s, x) for x > 0, s >= 2: term by term up to a = x + N, unless terms vanish before,
   then by Euler and Maclaurin. The sum is taken relative to its first term, so that nothing
   overflows. The ratio of the series' terms is about (s + 2j)^2 / (2 pi a)^2: with a >= 10 + s ten
   of them suffice. */
static double zeta_above(double s, double x) {
    if (isinf(x)) return 0;
    double a = x, sum = 0, term = 1;
    for (; a < 10 + s && term > 0x1p-60; term = pow(x / ++a, s)) sum += term;
    if (a < 10 + s) return scale(s, x) * sum;
    double factor = s, tail = a / (s - 1) + 0.5;
    for (int j = 0; j < TERMS; j++) {  // factor: s (s+1) ... (s+2j) / ((2j+2)! / 2) / a^(2j+1)
        tail += bernoulli[j] * factor / (2 * a);
        factor *= (s + 2 * j + 1) * (s + 2 * j + 2) / ((2 * j + 3.0) * (2 * j + 4.0) * a * a);
    }
    return scale(s, x) * (sum + term * tail);
}

/* Below 0: the sum over all whole k, of either sign, of (x + k)^-s has period 1, so it is that for
   f = x - round(x), all of whose parts are above 0 but for f^-s itself. */
static double zeta_below(double s, double x, double sign) {
    double f = x - rint(x);
    double all =
        scale(s, fabs(f)) * (f < 0 ? sign : 1) + zeta_above(s, 1 + f) + sign * zeta_above(s, 1 - f);
    return all - sign * zeta_above(s, 1 - x);
}

double wg__polygamma(double n, double x) {
    if (!(n >= 0) || n != floor(n) || isinf(n)) return NAN;
    if (n < 1) return wg__digamma(x);
    bool odd = fmod(n, 2) > 0;
    double sign = odd ? 1 : -1;  // (-1)^(n+1)
    if (isnan(x) || (isinf(x) && x < 0)) return NAN;
    if (is_pole(x)) return odd ? INFINITY : x < 0 ? NAN : -copysign(INFINITY, x);
    return sign * (x > 0 ? zeta_above(n + 1, x) : zeta_below(n + 1, x, sign));
}

/* ---- complex: the gamma function ------------------------------------------------------------- */

enum { FAR = 16 };  // the real part from which Stirling's series is used

// By multiplication: a logarithm's imaginary part would drown a tiny one of z.
static double complex power_of(double complex z, int n) {
    double complex y = 1;
    for (int k = 0; k < n; k++) y *= z;
    return y;
}

double complex wg__complex_lgamma(double complex z) {
    double complex y = 0;
    for (; creal(z) < FAR; z += 1) y -= clog(z * z) / 2;
    y += (z - 0.5) * clog(z) - z + HALF_LOG_2PI;
    for (int k = 1; k <= TERMS; k++)
        y += bernoulli[k - 1] / (2 * k * (2 * k - 1)) / power_of(z, 2 * k - 1);
    return y;
}

// The series of lgamma, differentiated term by term n + 1 times.
double complex wg__complex_polygamma(int n, double complex z) {
    double sign = n % 2 ? 1 : -1, factorial = tgamma(n + 1.0);
    double complex y = 0;
    for (; creal(z) < FAR + n; z += 1) y += sign * factorial / power_of(z, n + 1);
    y += n == 0 ? clog(z) : sign * tgamma(n) / power_of(z, n);
    y += sign * factorial / 2 / power_of(z, n + 1);
    for (int k = 1; k <= TERMS; k++)
        y += sign * bernoulli[k - 1] * tgamma(2.0 * k + n) / tgamma(2.0 * k + 1) /
             power_of(z, 2 * k + n);
    return y;
}

/* ---- complex: erf ---------------------------------------------------------------------------- */

// 2 / sqrt(pi) exp(-z^2) sum of 2^n z^(2n+1) / (2n+1)!!, whose terms do not cancel for real z.
static double complex erf_series(double complex z) {
    double complex term = z, sum = z;
    for (int n = 1; cabs(term) > 1e-18 * cabs(sum); n++) {
        term *= 2 * z * z / (2 * n + 1);
        sum += term;
    }
    return TWO_BY_ROOT_PI * cexp(-z * z) * sum;
}

// exp(-z^2) / sqrt(pi) / (z + (1/2) / (z + (2/2) / (z + (3/2) / (z + ...)))), for Re z >= 2.
static double complex erfc_fraction(double complex z) {
    double complex f = z;
    for (int k = 100; k > 0; k--) f = z + k / 2.0 / f;
    return cexp(-z * z) / (ROOT_PI * f);
}

double complex wg__complex_erfc(double complex z) {
    if (creal(z) < -2) return 2 - erfc_fraction(-z);
    return creal(z) > 2 ? erfc_fraction(z) : 1 - erf_series(z);
}

double complex wg__complex_erf(double complex z) {
    return fabs(creal(z)) > 2 ? 1 - wg__complex_erfc(z) : erf_series(z);
}
