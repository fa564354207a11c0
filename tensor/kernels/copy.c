// SPDX-License-Identifier: MIT
/* copy.c: moving elements, with conversion, and adding them in place.

   Conversions are total: a float outside an integer's range becomes the nearest end of it and NaN
   becomes 0, where C leaves it undefined; an integer that does not fit wraps; bool is whether it is
   not 0. */
#include <string.h>

#include "tensor/kernels/kernels.h"
#include "tensor/kernels/lines.h"

static inline int32_t to_i32(double x) {
    return x >= 2147483647.0 ? INT32_MAX : x > -2147483649.0 ? (int32_t)x : x < 0 ? INT32_MIN : 0;
}
static inline int64_t to_i64(double x) {
    return x >= 0x1p63 ? INT64_MAX : x >= -0x1p63 ? (int64_t)x : x < 0 ? INT64_MIN : 0;
}
static inline uint8_t to_u8(double x) { return x >= 255 ? 255 : x > 0 ? (uint8_t)x : 0; }

#define AS_IS(x) (x)
#define FROM_BOOL(x) ((x) != 0)

/* FROM rows: name, C type. TO columns: name, C type, conversion. */
#define COPY_LOOP(from_name, from, to_name, to, convert)                                           \
    static void from_name##_to_##to_name(int64_t n, void *const p[], const int64_t step[],         \
                                         const double *param) {                                    \
        (void)param;                                                                               \
        to *y = p[0];                                                                              \
        const from *x = p[1];                                                                      \
        if (step[0] == 1 && step[1] == 1)                                                          \
            for (int64_t i = 0; i < n; i++) y[i] = (to)convert(x[i]);                              \
        else                                                                                       \
            for (int64_t i = 0; i < n; i++) y[i * step[0]] = (to)convert(x[i * step[1]]);          \
    }
#define FLOAT_ROW(name, type)                                                                      \
    COPY_LOOP(name, type, f32, float, AS_IS)                                                       \
    COPY_LOOP(name, type, f64, double, AS_IS)                                                      \
    COPY_LOOP(name, type, i32, int32_t, to_i32)                                                    \
    COPY_LOOP(name, type, i64, int64_t, to_i64)                                                    \
    COPY_LOOP(name, type, u8, uint8_t, to_u8)                                                      \
    COPY_LOOP(name, type, truth, uint8_t, FROM_BOOL)
#define WHOLE_ROW(name, type)                                                                      \
    COPY_LOOP(name, type, f32, float, AS_IS)                                                       \
    COPY_LOOP(name, type, f64, double, AS_IS)                                                      \
    COPY_LOOP(name, type, i32, int32_t, AS_IS)                                                     \
    COPY_LOOP(name, type, i64, int64_t, AS_IS)                                                     \
    COPY_LOOP(name, type, u8, uint8_t, AS_IS)                                                      \
    COPY_LOOP(name, type, truth, uint8_t, FROM_BOOL)
FLOAT_ROW(f32, float)
FLOAT_ROW(f64, double)
WHOLE_ROW(i32, int32_t)
WHOLE_ROW(i64, int64_t)
WHOLE_ROW(u8, uint8_t)
WHOLE_ROW(truth, uint8_t)

#define TABLE_ROW(name)                                                                            \
    { name##_to_f32, name##_to_f64, name##_to_i32, name##_to_i64, name##_to_u8, name##_to_truth }
static wg_loop *const copy_loop[WG_DTYPES][WG_DTYPES] = {
    TABLE_ROW(f32), TABLE_ROW(f64), TABLE_ROW(i32), TABLE_ROW(i64), TABLE_ROW(u8), TABLE_ROW(truth),
};

/* A row costs about 20 ns whatever its length, and to copy has no order. So where the last axis is
   short the longest becomes the innermost: (65536, 2) is two rows, not 65536. */
static void copy_rows(wg_loop *loop, const wg_view *to, const wg_view *from) {
    enum { SHORT = 8, WORTH_IT = 256 };
    const wg_view *views[2] = { to, from };
    int rank = to->shape.rank;
    bool narrow = rank > 1 && rank == from->shape.rank && to->shape.dim[rank - 1] < SHORT;
    if (narrow && wg__numel(&to->shape) >= WORTH_IT) {
        const wg__axes a = wg__lines_of(views, 2, 0).kept;  // merged
        wg_view turned[2] = { *to, *from };
        int last = a.rank - 1, longest = last;
        for (int i = 0; i < a.rank; i++)
            if (a.dim[i] > a.dim[longest]) longest = i;
        for (int v = 0; v < 2; v++) {
            turned[v].shape.rank = a.rank;
            for (int i = 0; i < a.rank; i++) {
                int k = i == last ? longest : i == longest ? last : i;
                turned[v].shape.dim[i] = a.dim[k];
                turned[v].stride[i] = a.step[k][v];
            }
        }
        wg__map(loop, (const wg_view *[]){ &turned[0], &turned[1] }, 2, NULL);
        return;
    }
    wg__map(loop, views, 2, NULL);
}

void wg__copy_view(const wg_view *to, const wg_view *from) {
    // Not bool: bytes from outside may be neither 0 nor 1, and the loop makes them so.
    bool same = to->dtype == from->dtype && to->dtype != WG_BOOL;
    if (same && wg__shape_equal(&to->shape, &from->shape) && wg__is_contiguous(to) &&
        wg__is_contiguous(from)) {
        size_t bytes = (size_t)wg__numel(&to->shape) * wg__size_of(to->dtype);
        if (bytes) memmove(to->data, from->data, bytes);
        return;
    }
    copy_rows(copy_loop[from->dtype][to->dtype], to, from);
}

void wg__fill_view(const wg_view *to, double value) {
    if (value == 0 && !__builtin_signbit(value) && wg__is_contiguous(to)) {
        memset(to->data, 0, (size_t)wg__numel(&to->shape) * wg__size_of(to->dtype));
        return;
    }
    const wg_view number = { .data = &value, .dtype = WG_F64 };
    wg__copy_view(to, &number);
}

#define ADD_LOOP(name, type)                                                                       \
    static void name(int64_t n, void *const p[], const int64_t step[], const double *param) {      \
        (void)param;                                                                               \
        type *y = p[0];                                                                            \
        const type *x = p[1];                                                                      \
        if (step[0] == 1 && step[1] == 1)                                                          \
            for (int64_t i = 0; i < n; i++) y[i] += x[i];                                          \
        else                                                                                       \
            for (int64_t i = 0; i < n; i++) y[i * step[0]] += x[i * step[1]];                      \
    }
ADD_LOOP(add_f32, float)
ADD_LOOP(add_f64, double)

void wg__accumulate(const wg_view *to, const wg_view *from) {
    wg__map(to->dtype == WG_F32 ? add_f32 : add_f64, (const wg_view *[]){ to, from }, 2, NULL);
}
