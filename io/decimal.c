// SPDX-License-Identifier: MIT
/* decimal.c: decimal text to binary numbers, exactly.

   A scan makes digits * 10^exponent out of the text and at once checks its grammar. Integers come
   from that by integer arithmetic alone. Floats take the short way when both digits and power of
   ten are exact in a double, since one division or multiplication then rounds only once (Clinger
   1990, "How to read floating point numbers accurately"); else the C library does it. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "io/decimal_impl.h"

typedef struct decimal {
    const char *text;
    size_t length;
    bool negative;
    uint64_t digits;   // the first 19 that count
    int64_t exponent;  // of ten
    bool more;         // something other than zeros followed them
    double special;    // NaN or infinity where the text says so, else 0
} decimal;

static const char not_a_number[] = "is not a number";
static const char too_long[] = "has too many characters for a number";
static const char out_of_range[] = "is out of range";
static const char no_integer[] = "is not an integer";

/* ---- scanning -------------------------------------------------------------------------------- */

static const char *scan_digits(const char *at, const char *end, decimal *d, bool fraction) {
    const uint64_t room = UINT64_C(1000000000000000000);  // below it one more digit fits
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        bool fits = d->digits < room;
        if (fits)
            d->digits = d->digits * 10 + (uint64_t)(*at - '0');
        else
            d->more |= *at != '0';
        d->exponent += (fits ? 0 : 1) - (fraction ? 1 : 0);
    }
    return at;
}

static const char *scan_exponent(const char *at, const char *end, decimal *d) {
    const int64_t enough = 100000;  // to be out of range whatever the digits are
    if (at == end || (*at != 'e' && *at != 'E')) return at;
    at++;
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    const char *start = at;
    int64_t exponent = 0;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        exponent = exponent < enough ? exponent * 10 + (*at - '0') : enough;
    d->exponent += negative ? -exponent : exponent;
    return at > start ? at : NULL;
}

static bool scan_special(const char *at, const char *end, decimal *d) {
    static const struct {
        const char *word;
        double value;
    } words[] = { { "nan", NAN }, { "inf", INFINITY }, { "infinity", INFINITY } };
    size_t n = (size_t)(end - at);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i].word) != n || strncasecmp(words[i].word, at, n) != 0) continue;
        d->special = words[i].value;
        return true;
    }
    return false;
}

static bool scan(const char *at, const char *end, decimal *d) {
    *d = (decimal){ .text = at, .length = (size_t)(end - at) };
    if (at < end && (*at == '-' || *at == '+')) d->negative = *at++ == '-';
    if (scan_special(at, end, d)) return true;
    const char *start = at;
    at = scan_digits(at, end, d, false);
    bool point = at < end && *at == '.';
    if (point) at = scan_digits(at + 1, end, d, true);
    if (at - start == point) return false;  // no digit at all
    return scan_exponent(at, end, d) == end;
}

/* ---- floats ---------------------------------------------------------------------------------- */

/* Digits and powers of ten up to these are exact. For f32 the work is done in double, whose 53 bits
   are more than 2 * 24 + 2, so that rounding twice is rounding once (Figueroa 1995). */
typedef struct exact {
    uint64_t digits;
    int64_t power;
} exact;

static bool short_way(const decimal *d, exact limit, double *out) {
    static const double power[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    int64_t e = d->exponent;
    if (FLT_EVAL_METHOD != 0 || d->more || d->digits > limit.digits) return false;
    if (e < -limit.power || e > limit.power) return false;
    double y = (double)d->digits;
    y = e < 0 ? y / power[-e] : y * power[e];
    *out = d->negative ? -y : y;
    return true;
}

static double long_way(const decimal *d, bool single) {
    char text[WG__DECIMAL_MAX + 1];
    memcpy(text, d->text, d->length);  // strtod wants a closing 0
    text[d->length] = 0;
    return single ? (double)strtof(text, NULL) : strtod(text, NULL);
}

static const char *read_float(const decimal *d, bool single, double *y) {
    const exact limit =
        single ? (exact){ UINT64_C(1) << 24, 10 } : (exact){ UINT64_C(1) << 53, 22 };
    if (d->special != 0)
        *y = copysign(d->special, d->negative ? -1 : 1);
    else if (!short_way(d, limit, y) && isinf(*y = long_way(d, single)))
        return out_of_range;
    return NULL;
}

static const char *put_f32(const decimal *d, void *to) {
    double y = 0;
    const char *wrong = read_float(d, true, &y);
    memcpy(to, &(float){ (float)y }, sizeof(float));
    return wrong;
}
static const char *put_f64(const decimal *d, void *to) {
    double y = 0;
    const char *wrong = read_float(d, false, &y);
    memcpy(to, &y, sizeof y);
    return wrong;
}

/* ---- integers -------------------------------------------------------------------------------- */

/* The magnitude, whichever way it is written: 300, 3e2, 300.00. Where digits were dropped there are
   19 before them: with any power of ten left that is beyond 64 bits, and without one they are a
   fraction. */
static const char *read_magnitude(const decimal *d, uint64_t *out) {
    uint64_t m = d->digits;
    int64_t e = d->exponent;
    if (d->special != 0) return no_integer;
    if (d->more) return e > 0 ? out_of_range : no_integer;
    for (; m > 0 && e < 0; e++, m /= 10)
        if (m % 10 != 0) return no_integer;
    for (; m > 0 && e > 0; e--)
        if (__builtin_mul_overflow(m, (uint64_t)10, &m)) return out_of_range;
    *out = m;
    return NULL;
}

static const char *read_integer(const decimal *d, uint64_t lowest, uint64_t highest, int64_t *out) {
    uint64_t m = 0;
    const char *wrong = read_magnitude(d, &m);
    if (wrong) return wrong;
    if (m > (d->negative ? lowest : highest)) return out_of_range;
    *out = (int64_t)(d->negative ? 0 - m : m);
    return NULL;
}

#define PUT_INTEGER(name, type, lowest, highest)                                                   \
    static const char *name(const decimal *d, void *to) {                                          \
        int64_t y = 0;                                                                             \
        const char *wrong = read_integer(d, lowest, highest, &y);                                  \
        memcpy(to, &(type){ (type)y }, sizeof(type));                                              \
        return wrong;                                                                              \
    }
PUT_INTEGER(put_i32, int32_t, UINT64_C(1) << 31, INT32_MAX)
PUT_INTEGER(put_i64, int64_t, UINT64_C(1) << 63, INT64_MAX)
PUT_INTEGER(put_u8, uint8_t, 0, UINT8_MAX)
PUT_INTEGER(put_bool, uint8_t, 0, 1)

const char *wg__decimal_read(const char *text, const char *end, wg_dtype dtype, void *to) {
    static const char *(*const put[WG_DTYPES])(
        const decimal *, void *) = { put_f32, put_f64, put_i32, put_i64, put_u8, put_bool };
    decimal d;
    if (end - text > WG__DECIMAL_MAX) return too_long;
    if (!scan(text, end, &d)) return not_a_number;
    return put[dtype](&d, to);
}
