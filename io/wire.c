// SPDX-License-Identifier: MIT
/* wire.c: numbers as files hold them, turned into the library's dtypes. Everything happens in
   place: the raw numbers stand at the head of the tensor's own memory, are put into the machine's
   byte order, and are widened from the last to the first, so that no number is overwritten before
   it has been read. */
#include <math.h>
#include <string.h>

#include "io/io_impl.h"

/* IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits. */
static float half_value(uint16_t h) {
    uint32_t exponent = (h >> 10) & 31, fraction = h & 1023, bits;
    float y = ldexpf((float)fraction, -24);  // subnormal
    memcpy(&bits, &y, sizeof bits);
    if (exponent == 31)
        bits = 0x7f800000u | fraction << 13;
    else if (exponent > 0)
        bits = (exponent + 112) << 23 | fraction << 13;
    bits |= (uint32_t)(h & 0x8000) << 16;
    memcpy(&y, &bits, sizeof y);
    return y;
}

#define WIDEN(name, from, to, value)                                                               \
    static void name(void *values, int64_t n) {                                                    \
        char *p = values;                                                                          \
        for (int64_t i = n - 1; i >= 0; i--) {                                                     \
            from v;                                                                                \
            memcpy(&v, p + i * (int64_t)sizeof v, sizeof v);                                       \
            to wide = (value);                                                                     \
            memcpy(p + i * (int64_t)sizeof wide, &wide, sizeof wide);                              \
        }                                                                                          \
    }
WIDEN(widen_i1, int8_t, int32_t, v)
WIDEN(widen_i2, int16_t, int32_t, v)
WIDEN(widen_u2, uint16_t, int32_t, v)
WIDEN(widen_f2, uint16_t, float, half_value(v))

static const wg__wire wires[] = {
    { "u1", 1, WG_U8, NULL },      { "b1", 1, WG_BOOL, NULL },    { "i1", 1, WG_I32, widen_i1 },
    { "i2", 2, WG_I32, widen_i2 }, { "u2", 2, WG_I32, widen_u2 }, { "f2", 2, WG_F32, widen_f2 },
    { "i4", 4, WG_I32, NULL },     { "i8", 8, WG_I64, NULL },     { "f4", 4, WG_F32, NULL },
    { "f8", 8, WG_F64, NULL },
};

const wg__wire *wg__wire_find(const char *code, size_t length) {
    for (size_t i = 0; i < sizeof wires / sizeof wires[0]; i++)
        if (length == 2 && memcmp(wires[i].code, code, 2) == 0) return &wires[i];
    return NULL;
}

#define SWAP(name, type, swapped)                                                                  \
    static void name(void *values, int64_t n) {                                                    \
        char *p = values;                                                                          \
        for (int64_t i = 0; i < n; i++, p += sizeof(type)) {                                       \
            type v;                                                                                \
            memcpy(&v, p, sizeof v);                                                               \
            v = swapped(v);                                                                        \
            memcpy(p, &v, sizeof v);                                                               \
        }                                                                                          \
    }
SWAP(swap_2, uint16_t, __builtin_bswap16)
SWAP(swap_4, uint32_t, __builtin_bswap32)
SWAP(swap_8, uint64_t, __builtin_bswap64)

void wg__wire_decode(const wg__wire *w, bool big_endian, void *values, int64_t n) {
    static void (*const swap[9])(void *, int64_t) = { [2] = swap_2, [4] = swap_4, [8] = swap_8 };
    if (big_endian == wg__little_endian() && swap[w->size]) swap[w->size](values, n);
    if (w->widen) w->widen(values, n);
}

bool wg__wire_claim(const wg__wire *w, const wg_shape *shape, size_t *bytes) {
    const int64_t element = (int64_t)wg__size_of(w->dtype);
    int64_t memory = element;
    bool empty = false;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] == 0)
            empty = true;
        else if (__builtin_mul_overflow(memory, shape->dim[i], &memory))
            return false;
    }
    if (memory > PTRDIFF_MAX / 4) return false;
    *bytes = empty ? 0 : (size_t)(memory / element) * w->size;
    return true;
}
