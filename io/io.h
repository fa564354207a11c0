// SPDX-License-Identifier: MIT
/* io.h: numbers in and out of files, in the formats that the field already uses.

   Every reader is strict and bounded: a truncated, oversized or hostile file is an error that says
   what was found where, never a crash and never more memory than the file's own size accounts for
   (a pipe or a device is read up to 1 GiB).
   A `load` function reads a file; the `parse` function beside it reads the same bytes from memory
   and puts `name` before its messages. What they return is contiguous and belongs to the innermost
   scope. */
#ifndef WG_IO_H
#define WG_IO_H

#include "tensor/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- CSV: csv.c ----------------------------------------------------------------------------- */

typedef struct wg_csv_options {
    wg_dtype dtype;  // of the result, f32 unless said; values that it cannot hold are errors
    char separator;  // 0: a comma
    int64_t skip;    // lines to skip at the start: headings
} wg_csv_options;

/* Numbers only, one row a line, all of one length -> (rows, columns). Blank lines and lines that
   start with '#' are passed over; LF and CRLF both end a line; blanks around a number are allowed,
   and with a blank for a separator any run of them separates; the decimal point is a point in every
   locale. */
WG_API wg_tensor *wg_io_load_csv(const char *path, wg_csv_options o);
WG_API wg_tensor *wg_io_parse_csv(const char *name, const void *bytes, size_t size,
                                  wg_csv_options o);

/* ---- IDX, plain or gzipped: idx.c ------------------------------------------------------------ */

/* The format of MNIST and its successors: 00 00 type rank, big-endian sizes, big-endian values.
   Types u8, i32, f32 and f64 keep their dtype, i8 and i16 become i32. gzip is recognised by its
   first two bytes. */
WG_API wg_tensor *wg_io_load_idx(const char *path);
WG_API wg_tensor *wg_io_parse_idx(const char *name, const void *bytes, size_t size);

/* ---- npy: npy.c ------------------------------------------------------------------------------ */

/* NumPy's .npy, versions 1.0 to 3.0. Reads '<' '>' '=' '|' of f4 f8 i4 i8 u1 b1, both array orders,
   and i1 i2 u2 f2 widened to the next dtype that holds them exactly; refuses the rest, pickles
   first of all. Writes version 1.0, byte for byte as NumPy does. Saving goes through a temporary
   file and a rename: a process that is killed half-way leaves the old file whole, and its temporary
   file, PATH.PID-N.tmp, behind. */
WG_API wg_tensor *wg_io_load_npy(const char *path);
WG_API wg_tensor *wg_io_parse_npy(const char *name, const void *bytes, size_t size);
WG_API bool wg_io_save_npy(const char *path, const wg_tensor *x);

/* ---- safetensors: safetensors.c safetensors_write.c ------------------------------------------ */

/* Named tensors, and named text about them. */
typedef struct wg_named_tensor {
    const char *name;
    wg_tensor *value;
} wg_named_tensor;
typedef struct wg_named_text {
    const char *name, *text;
} wg_named_text;
typedef struct wg_archive {
    const wg_named_tensor *tensor;
    int tensors;
    const wg_named_text *text;
    int texts;
} wg_archive;

/* Hugging Face's .safetensors, which is what reading gives and writing takes:

       wg_named_tensor list[] = { { "w", w }, { "b", b } };
       wg_io_save_safetensors("x.safetensors", &(wg_archive){ .tensor = list, .tensors = 2 });

   Reads F64 F32 I64 I32 U8 BOOL, and F16 BF16 I8 I16 U16 widened to the next dtype that holds them
   exactly; refuses the rest, and whatever the format does not allow: names twice, gaps or overlaps
   between values, a file that is longer or shorter than they are, text that is not UTF-8. Tensors
   come in the order of their values, texts by name. Everything in *out belongs to the innermost
   scope, names too; on failure it is empty.

   Writes byte for byte what the reference implementation does, texts in the order given. Names are
   UTF-8, each there once, and not "__metadata__". Saving is atomic, as for npy. */
WG_API bool wg_io_load_safetensors(const char *path, wg_archive *out);
WG_API bool wg_io_parse_safetensors(const char *name, const void *bytes, size_t size,
                                    wg_archive *out);
WG_API bool wg_io_save_safetensors(const char *path, const wg_archive *a);
/* By name; NULL, without an error, if there is none. */
WG_API wg_tensor *wg_archive_find(const wg_archive *a, const char *name);
WG_API const char *wg_archive_text(const wg_archive *a, const char *name);

#ifdef __cplusplus
}
#endif
#endif
