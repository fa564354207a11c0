// SPDX-License-Identifier: MIT
/* fuzz_csv.c: the first byte chooses dtype, separator and lines to skip ('0': f32, comma, none),
   the rest is the file. What is read must have the promised form and, printed exactly, be read
   again bit for bit. */
#include <string.h>

#include "fuzz/must.h"
#include "io/io.h"

enum {
    PRINTED = 64,
    DIGITS = 32
};  // elements of a table that is read twice, characters of a number

static wg_csv_options choose(unsigned byte) {
    static const char separators[] = { ',', ';', '\t', ' ' };
    return (wg_csv_options){ (wg_dtype)(byte % WG_DTYPES), separators[byte / WG_DTYPES % 4],
                             byte / (WG_DTYPES * 4) % 3 };
}

static int print_element(char *text, wg_dtype dtype, const void *values, int64_t i) {
    switch (dtype) {
    case WG_F32: return snprintf(text, DIGITS, "%.9g", (double)((const float *)values)[i]);
    case WG_F64: return snprintf(text, DIGITS, "%.17g", ((const double *)values)[i]);
    case WG_I32: return snprintf(text, DIGITS, "%ld", (long)((const int32_t *)values)[i]);
    case WG_I64: return snprintf(text, DIGITS, "%lld", (long long)((const int64_t *)values)[i]);
    default: return snprintf(text, DIGITS, "%d", ((const uint8_t *)values)[i]);
    }
}

/* 9 and 17 digits are enough to tell any two floats and any two doubles apart. */
static void check_twice(const wg_tensor *x, wg_csv_options o) {
    char text[PRINTED * (DIGITS + 1)];
    const void *values = wg_values(x, o.dtype);
    size_t size = 0;
    for (int64_t i = 0; i < wg_numel(x); i++) {
        size += (size_t)print_element(text + size, o.dtype, values, i);
        text[size++] = (i + 1) % wg_dim(x, 1) ? o.separator : '\n';
    }
    o.skip = 0;
    const wg_tensor *y = wg_io_parse_csv("again", text, size, o);
    MUST(y && wg_dim(y, 0) == wg_dim(x, 0) && wg_dim(y, 1) == wg_dim(x, 1));
    MUST(memcmp(wg_values(y, o.dtype), values, (size_t)wg_numel(x) * wg_dtype_size(o.dtype)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    wg_on_error(NULL, NULL);
    wg_csv_options o = choose((unsigned)(data[0] - '0') & 255);
    const wg_tensor *x = wg_io_parse_csv("fuzz", data + 1, size - 1, o);
    MUST((x == NULL) == (wg_error() != WG_OK));
    if (x) {
        MUST(wg_rank(x) == 2 && wg_dtype_of(x) == o.dtype && wg_is_contiguous(x));
        MUST(wg_numel(x) > 0 && wg_numel(x) <= (int64_t)size);
        if (wg_numel(x) <= PRINTED) check_twice(x, o);
    }
    wg_error_clear();
    wg_reset();
    return 0;
}
