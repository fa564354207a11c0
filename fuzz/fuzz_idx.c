// SPDX-License-Identifier: MIT
/* fuzz_idx.c: an IDX file, plain or gzipped. What is read must fit what the file can hold and,
   written out plainly here, be read again bit for bit. */
#include <string.h>

#include "fuzz/must.h"
#include "io/io.h"

/* Big-endian, the way the format wants every number. */
static void put_number(uint8_t *to, const void *from, size_t size) {
    const uint16_t one = 1;
    const uint8_t *byte = from;
    int little = *(const uint8_t *)&one;
    for (size_t i = 0; i < size; i++) to[i] = byte[little ? size - 1 - i : i];
}

static size_t write_idx(const wg_tensor *x, uint8_t *out) {
    static const uint8_t type[WG_DTYPES] = {
        [WG_U8] = 8, [WG_I32] = 12, [WG_F32] = 13, [WG_F64] = 14
    };
    wg_dtype dtype = wg_dtype_of(x);
    size_t size = wg_dtype_size(dtype), n = (size_t)wg_numel(x), at = 4;
    const uint8_t *values = wg_values(x, dtype);
    MUST(type[dtype] != 0);
    memcpy(out, (uint8_t[]){ 0, 0, type[dtype], (uint8_t)wg_rank(x) }, 4);
    for (int i = 0; i < wg_rank(x); i++, at += 4) {
        uint32_t dim = (uint32_t)wg_dim(x, i);
        put_number(out + at, &dim, 4);
    }
    for (size_t i = 0; i < n; i++, at += size) put_number(out + at, values + i * size, size);
    return at;
}

static void check_twice(const wg_tensor *x) {
    size_t bytes = (size_t)wg_numel(x) * wg_dtype_size(wg_dtype_of(x));
    uint8_t *file = malloc(4 + 4 * WG_MAX_RANK + bytes);
    MUST(file != NULL);
    const wg_tensor *y = wg_io_parse_idx("again", file, write_idx(x, file));
    MUST(y && wg_dtype_of(y) == wg_dtype_of(x) && wg_rank(y) == wg_rank(x));
    for (int i = 0; i < wg_rank(x); i++) MUST(wg_dim(y, i) == wg_dim(x, i));
    if (bytes) MUST(memcmp(wg_values(x, wg_dtype_of(x)), wg_values(y, wg_dtype_of(x)), bytes) == 0);
    free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    wg_on_error(NULL, NULL);
    const wg_tensor *x = wg_io_parse_idx("fuzz", data, size);
    MUST((x == NULL) == (wg_error() != WG_OK));
    if (x) {
        MUST(wg_is_contiguous(x));
        // deflate makes at most 1032 bytes of one
        MUST((size_t)wg_numel(x) <= 1032 * size);
        check_twice(x);
    }
    wg_error_clear();
    wg_reset();
    return 0;
}
