// SPDX-License-Identifier: MIT
/* fuzz_safetensors.c: a safetensors file. What is read takes no more values than there are bytes,
   and, written again as the library writes it, is read again with the same names, texts and
   bits. */
#include <string.h>

#include "fuzz/must.h"
#include "io/safetensors_impl.h"

static wg_archive again;

static bool read_again(const char *name, const wg__bytes part[], int parts) {
    size_t size = 0;
    for (int i = 0; i < parts; i++) size += part[i].size;
    char *file = malloc(size), *to = file;
    MUST(file != NULL && part[0].size % 8 == 0);
    for (int i = 0; i < parts; to += part[i++].size)
        if (part[i].size) memcpy(to, part[i].data, part[i].size);
    MUST(wg_io_parse_safetensors(name, file, size, &again));
    free(file);
    return true;
}

static void check_same(const wg_tensor *x, const wg_tensor *y) {
    MUST(y && y->view.dtype == x->view.dtype && wg__shape_equal(&y->view.shape, &x->view.shape));
    size_t bytes = (size_t)wg_numel(x) * wg_dtype_size(x->view.dtype);
    if (bytes) MUST(memcmp(y->view.data, x->view.data, bytes) == 0);
}

static void check_twice(const wg_archive *a) {
    MUST(wg__st_write("again", a, read_again));
    MUST(again.tensors == a->tensors && again.texts == a->texts);
    for (int i = 0; i < a->tensors; i++)
        check_same(a->tensor[i].value, wg_archive_find(&again, a->tensor[i].name));
    for (int i = 0; i < a->texts; i++) {
        const char *text = wg_archive_text(&again, a->text[i].name);
        MUST(text && strcmp(text, a->text[i].text) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    wg_on_error(NULL, NULL);
    wg_archive a;
    int64_t values = 0;
    bool done = wg_io_parse_safetensors("fuzz", data, size, &a);
    MUST(done == (wg_error() == WG_OK));
    wg_error_clear();
    for (int i = 0; i < a.tensors; i++) {
        MUST(wg_is_contiguous(a.tensor[i].value));
        values += wg_numel(a.tensor[i].value);
    }
    MUST(values <= (int64_t)size);
    if (done) check_twice(&a);
    wg_reset();
    return 0;
}
