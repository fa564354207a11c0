// SPDX-License-Identifier: MIT
/* fuzz_npy.c: a NumPy file. What is read, written again as the library writes it, must be read
   again bit for bit: values are compared as bytes, so that NaN equals itself. */
#include <string.h>

#include "fuzz/must.h"
#include "io/io_impl.h"

static void check_twice(const wg_tensor *x) {
    char header[WG__NPY_HEADER_MAX];
    size_t n = wg__npy_write_header(x->view.dtype, &x->view.shape, header);
    size_t bytes = (size_t)wg_numel(x) * wg_dtype_size(x->view.dtype);
    MUST(n % 64 == 0 && n <= sizeof header && header[n - 1] == '\n');
    char *file = malloc(n + bytes);
    MUST(file != NULL);
    memcpy(file, header, n);
    if (bytes) memcpy(file + n, x->view.data, bytes);
    const wg_tensor *y = wg_io_parse_npy("again", file, n + bytes);
    MUST(y && y->view.dtype == x->view.dtype && wg__shape_equal(&y->view.shape, &x->view.shape));
    if (bytes) MUST(memcmp(y->view.data, x->view.data, bytes) == 0);
    free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    wg_on_error(NULL, NULL);
    const wg_tensor *x = wg_io_parse_npy("fuzz", data, size);
    MUST((x == NULL) == (wg_error() != WG_OK));
    if (x) {
        MUST(wg_is_contiguous(x) && wg_numel(x) <= (int64_t)size);
        check_twice(x);
    }
    wg_error_clear();
    wg_reset();
    return 0;
}
