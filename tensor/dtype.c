// SPDX-License-Identifier: MIT
/* dtype.c: the six element types. */
#include "tensor/kernels/kernels.h"

const char *wg_dtype_name(wg_dtype dtype) {
    static const char *const name[WG_DTYPES] = { "f32", "f64", "i32", "i64", "u8", "bool" };
    return (unsigned)dtype < WG_DTYPES ? name[dtype] : "?";
}

size_t wg_dtype_size(wg_dtype dtype) {
    return (unsigned)dtype < WG_DTYPES ? wg__size_of(dtype) : 0;
}

bool wg_dtype_is_float(wg_dtype dtype) { return dtype == WG_F32 || dtype == WG_F64; }

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
const char *wg_version(void) {
    return TEXT(WG_VERSION_MAJOR) "." TEXT(WG_VERSION_MINOR) "." TEXT(WG_VERSION_PATCH);
}

double wg__load(wg_dtype dtype, const void *element) {
    switch (dtype) {
    case WG_F32: return (double)*(const float *)element;
    case WG_F64: return *(const double *)element;
    case WG_I32: return (double)*(const int32_t *)element;
    case WG_I64: return (double)*(const int64_t *)element;
    default: return (double)*(const uint8_t *)element;
    }
}

void wg__store(wg_dtype dtype, void *element, double value) {
    const wg_view to = { .data = element, .dtype = dtype };
    const wg_view from = { .data = &value, .dtype = WG_F64 };
    wg__copy_view(&to, &from);
}
