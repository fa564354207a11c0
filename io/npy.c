// SPDX-License-Identifier: MIT
/* npy.c: NumPy's .npy files. The header says what the bytes after it must be, to the byte, so a
   file that is cut off or has something behind its end is refused before anything is allocated. */
#include <string.h>

#include "io/io_impl.h"

enum { MAGIC = 6, VERSION = 2 };

typedef struct file_parts {
    const char *name;
    const unsigned char *bytes;
    size_t size;
    int version;
    size_t header, values;  // where each begins
} file_parts;

/* ---- reading --------------------------------------------------------------------------------- */

static bool find_version(file_parts *f) {
    static const unsigned char magic[MAGIC] = { 0x93, 'N', 'U', 'M', 'P', 'Y' };
    if (f->size < MAGIC + VERSION)
        return wg_fail(WG_ERROR_FORMAT, "%s: not an npy file: %zu bytes", f->name, f->size);
    if (memcmp(f->bytes, magic, MAGIC) != 0)
        return wg_fail(WG_ERROR_FORMAT, "%s: not an npy file: it does not begin with \\x93NUMPY",
                       f->name);
    f->version = f->bytes[MAGIC];
    int minor = f->bytes[MAGIC + 1];
    if (f->version < 1 || f->version > 3 || minor != 0)
        return wg_fail(WG_ERROR_FORMAT, "%s: npy version %d.%d; 1.0, 2.0 and 3.0 are read", f->name,
                       f->version, minor);
    return true;
}

/* The length of the header is little-endian, 2 bytes in version 1 and 4 since. */
static bool find_parts(file_parts *f) {
    if (!find_version(f)) return false;
    size_t width = f->version == 1 ? 2 : 4, length = 0;
    f->header = MAGIC + VERSION + width;
    if (f->size < f->header)
        return wg_fail(WG_ERROR_FORMAT, "%s: cut off after %zu bytes", f->name, f->size);
    for (size_t i = 0; i < width; i++) length |= (size_t)f->bytes[MAGIC + VERSION + i] << 8 * i;
    if (length > WG__NPY_HEADER_READ)
        return wg_fail(WG_ERROR_FORMAT, "%s: header of %zu bytes, at most %d are read", f->name,
                       length, WG__NPY_HEADER_READ);
    if (f->size - f->header < length)
        return wg_fail(WG_ERROR_FORMAT, "%s: header of %zu bytes, but the file ends after %zu",
                       f->name, length, f->size - f->header);
    f->values = f->header + length;
    return true;
}

static bool check_size(const file_parts *f, const wg__npy_header *h) {
    char text[200];
    size_t claimed, there = f->size - f->values;
    wg_shape_text(h->shape, text, sizeof text);
    if (!wg__wire_claim(h->wire, &h->shape, &claimed))
        return wg_fail(WG_ERROR_FORMAT, "%s: shape %s is more than memory can hold", f->name, text);
    if (claimed != there)
        return wg_fail(WG_ERROR_FORMAT, "%s: shape %s of %s takes %zu bytes, there are %zu",
                       f->name, text, h->wire->code, claimed, there);
    return true;
}

/* The file's array in Fortran order, put into C order: one pass along the last axis, where the
   source steps over all the others, for each index of the axes before it. */
static void gather_fortran(const wg__npy_header *h, const unsigned char *from, unsigned char *to) {
    const wg_shape *s = &h->shape;
    const size_t size = h->wire->size;
    int last = s->rank - 1;
    int64_t index[WG_MAX_RANK] = { 0 };
    size_t step[WG_MAX_RANK], at = 0;
    for (int i = 0; i <= last; i++) step[i] = i ? step[i - 1] * (size_t)s->dim[i - 1] : size;
    for (int axis = last; axis >= 0;) {
        for (int64_t i = 0; i < s->dim[last]; i++, to += size)
            memcpy(to, from + at + (size_t)i * step[last], size);
        for (axis = last - 1; axis >= 0; axis--) {
            at += step[axis];
            if (++index[axis] < s->dim[axis]) break;
            at -= step[axis] * (size_t)s->dim[axis];
            index[axis] = 0;
        }
    }
}

static bool check_bools(const char *name, const unsigned char *values, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (values[i] > 1)
            return wg_fail(WG_ERROR_FORMAT, "%s: value %lld is %d, a bool is 0 or 1", name,
                           (long long)i, values[i]);
    return true;
}

static wg_tensor *read_values(const file_parts *f, const wg__npy_header *h) {
    const unsigned char *values = f->bytes + f->values;
    int64_t n = wg__numel(&h->shape);
    if (h->wire->dtype == WG_BOOL && !check_bools(f->name, values, n)) return NULL;
    wg_tensor *x = wg__tensor_new(h->wire->dtype, h->shape);
    if (!x || n == 0) return x;
    if (h->fortran_order && h->shape.rank > 1)
        gather_fortran(h, values, x->view.data);
    else
        memcpy(x->view.data, values, f->size - f->values);
    wg__wire_decode(h->wire, h->big_endian, x->view.data, n);
    return x;
}

wg_tensor *wg_io_parse_npy(const char *name, const void *bytes, size_t size) {
    if (!wg__io_ready("wg_io_parse_npy", name, bytes, size)) return NULL;
    file_parts f = { .name = name, .bytes = bytes, .size = size };
    wg__npy_header h;
    if (!find_parts(&f)) return NULL;
    const char *header = (const char *)f.bytes + f.header;
    if (!wg__npy_read_header(name, header, f.values - f.header, f.version, &h)) return NULL;
    return check_size(&f, &h) ? read_values(&f, &h) : NULL;
}

wg_tensor *wg_io_load_npy(const char *path) {
    wg__bytes file;
    if (!wg__file_read("wg_io_load_npy", path, &file)) return NULL;
    wg_tensor *x = wg_io_parse_npy(path, file.data, file.size);
    wg__file_free(&file);
    return x;
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool save(const char *path, const wg_tensor *x, const void *values) {
    char header[WG__NPY_HEADER_MAX];
    size_t length = wg__npy_write_header(x->view.dtype, &x->view.shape, header);
    size_t bytes = (size_t)wg_numel(x) * wg__size_of(x->view.dtype);
    const wg__bytes part[] = { { header, length }, { values, bytes } };
    return wg__file_write(path, part, 2);
}

bool wg_io_save_npy(const char *path, const wg_tensor *x) {
    if (wg__pending()) return false;
    if (!path) return wg_fail(WG_ERROR_ARGUMENT, "wg_io_save_npy: path is NULL");
    if (!x) return wg_fail(WG_ERROR_ARGUMENT, "wg_io_save_npy: x is NULL");
    if (wg_is_contiguous(x)) return save(path, x, x->view.data);
    void *copy = wg__alloc((size_t)wg_numel(x) * wg__size_of(x->view.dtype));
    bool ok = copy && wg_read(x, copy, wg_numel(x)) && save(path, x, copy);
    wg__free(copy);
    return ok;
}
