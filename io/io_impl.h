// SPDX-License-Identifier: MIT
/* io_impl.h: what the readers and writers of this folder share. Files as whole blocks of bytes, and
   the number formats that files use, turned into the library's dtypes in place. */
#ifndef WG_IO_IMPL_H
#define WG_IO_IMPL_H

#include "io/io.h"
#include "tensor/tensor_impl.h"

/* ---- whole files: file.c --------------------------------------------------------------------- */

typedef struct wg__bytes {
    const void *data;
    size_t size;
} wg__bytes;

/* What every parser begins with: no error pending, a name, and bytes unless there are none. */
bool wg__io_ready(const char *call, const char *name, const void *bytes, size_t size);

/* The whole of a file, to be given back with wg__file_free. A pipe or device may give 1 GiB at
   most. */
bool wg__file_read(const char *call, const char *path, wg__bytes *out);
void wg__file_free(wg__bytes *file);

/* Reports that it cannot `what` path, and why: `code` is errno's. Always false. */
bool wg__file_fail(const char *path, const char *what, int code);

/* Writes the parts one after the other to a new file beside `path`, syncs it and renames it to
   `path`: whoever looks finds the old file or the new one, both whole. On failure nothing is left
   behind. */
bool wg__file_write(const char *path, const wg__bytes part[], int parts);

/* ---- numbers as files hold them: wire.c ------------------------------------------------------ */

/* Named as NumPy does, without the byte order: u1 b1 i1 i2 u2 f2 i4 i8 f4 f8. */
typedef struct wg__wire {
    char code[3];
    uint8_t size;                            // bytes of a number in the file
    wg_dtype dtype;                          // that holds each of them exactly
    void (*widen)(void *values, int64_t n);  // from the file's width to the dtype's; NULL: the same
} wg__wire;

const wg__wire *wg__wire_find(const char *code, size_t length);  // NULL if it is none of these

/* n numbers as the file has them stand at the head of memory that is large enough for n elements of
   w->dtype: makes them those elements. */
void wg__wire_decode(const wg__wire *w, bool big_endian, void *values, int64_t n);

/* The bytes that `shape` takes in the file. False, without reporting, if a tensor of it could not
   be made: an axis of size 0 does not hide the overflow of the others, which strides would still
   meet. */
bool wg__wire_claim(const wg__wire *w, const wg_shape *shape, size_t *bytes);

static inline bool wg__little_endian(void) {
    const uint16_t one = 1;
    return *(const unsigned char *)&one == 1;
}

/* ---- npy: npy_header.c ----------------------------------------------------------------------- */

enum {
    WG__NPY_PREFIX = 10,         // magic, version 1.0, length of what follows
    WG__NPY_HEADER_MAX = 512,    // bytes of the longest header written: rank 8, 19 digits an axis
    WG__NPY_HEADER_READ = 10000  // and of the longest that is read: NumPy's own limit
};

typedef struct wg__npy_header {
    const wg__wire *wire;
    bool big_endian, fortran_order;
    wg_shape shape;
} wg__npy_header;

/* The dict literal of `size` bytes; `version` 1 to 3 decides about Python 2's long integers. */
bool wg__npy_read_header(const char *name, const char *text, size_t size, int version,
                         wg__npy_header *out);
/* Everything that stands before the elements of x, in C order; returns its length. */
size_t wg__npy_write_header(wg_dtype dtype, const wg_shape *shape, char out[WG__NPY_HEADER_MAX]);

#endif
