// SPDX-License-Identifier: MIT
/* special.h: functions that C lacks, or lacks in complex numbers: the gamma function's relatives
   and erf. The complex ones are for references: written apart from the real ones, and by another
   method where there is one. */
#ifndef WG_SPECIAL_H
#define WG_SPECIAL_H

#include <complex.h>

/* log |gamma(x)|; +inf at 0, -1, -2, ... Unlike C's it writes no global. */
double wg__lgamma(double x);
/* psi(x), the derivative of lgamma. At +0 and -0 it is -inf and +inf, at -1, -2, ... NaN. */
double wg__digamma(double x);
/* The n-th derivative of psi, for whole n >= 0, else NaN. At 0, -1, -2, ... an odd n has its limit
   +inf; an even n is as psi. */
double wg__polygamma(double n, double x);

/* Analytic near the real axis, in full relative precision but at zeros; |z| below 30 or so. lgamma
   leaves out the imaginary constant that log z has left of 0. */
double complex wg__complex_lgamma(double complex z);
double complex wg__complex_polygamma(int n, double complex z);
double complex wg__complex_erf(double complex z);
double complex wg__complex_erfc(double complex z);

#endif
