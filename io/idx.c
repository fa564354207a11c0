// SPDX-License-Identifier: MIT
/* idx.c: the IDX format of MNIST (LeCun, Cortes and Burges), plain or gzipped.

   Both kinds are read through one `source` that hands out exactly as many bytes as are asked for. A
   gzip stream goes straight into the tensor: deflate cannot grow data by more than 1032 times, so a
   header that claims more than that is refused before any memory is asked for. */
#include <string.h>
#include <zlib.h>

#include "io/io_impl.h"

enum {
    DEFLATE_LIMIT = 1032,   // 258 bytes from 2 bits: zlib's technical notes
    GZIP_WINDOW = 15 + 16,  // largest window; gzip wrapper only
    PIECE = 1 << 18,        // bytes unpacked at once: zlib counts in unsigned int
    HEADER = 4
};

typedef struct source {
    const char *name;
    const unsigned char *at;  // not used yet
    size_t left, size;        // bytes there, bytes of the whole file
    size_t given;             // handed out so far
    bool packed;
    z_stream z;
} source;

static bool fail_short(const source *s, size_t wanted) {
    return wg_fail(WG_ERROR_FORMAT, "%s: ends after %zu %sbytes, %zu more wanted", s->name,
                   s->given, s->packed ? "unpacked " : "", wanted);
}

/* ---- gzip ------------------------------------------------------------------------------------ */

static voidpf z_allocate(voidpf user, uInt n, uInt size) {
    (void)user;
    return wg__alloc_quiet((size_t)n * size);
}
static void z_release(voidpf user, voidpf block) {
    (void)user;
    wg__free(block);
}

/* One call of inflate, on at most PIECE bytes either way. */
static int inflate_some(source *s, unsigned char *out, size_t room, size_t *made) {
    uInt in = (uInt)(s->left < PIECE ? s->left : PIECE);
    uInt space = (uInt)(room < PIECE ? room : PIECE);
    s->z.next_in = (Bytef *)(uintptr_t)s->at;  // zlib reads through a pointer that is not to const
    s->z.avail_in = in;
    s->z.next_out = out;
    s->z.avail_out = space;
    int code = inflate(&s->z, Z_NO_FLUSH);
    s->at += in - s->z.avail_in;
    s->left -= in - s->z.avail_in;
    *made = space - s->z.avail_out;
    return code;
}

static bool fail_gzip(const source *s, int code) {
    if (code == Z_MEM_ERROR) return wg_fail(WG_ERROR_MEMORY, "%s: out of memory in gzip", s->name);
    return wg_fail(WG_ERROR_FORMAT, "%s: damaged gzip stream at byte %zu: %s", s->name,
                   s->size - s->left, s->z.msg ? s->z.msg : "no reason given");
}

static bool take_packed(source *s, unsigned char *out, size_t n) {
    for (size_t done = 0; done < n;) {
        size_t made;
        int code = inflate_some(s, out + done, n - done, &made);
        done += made;
        s->given += made;
        if (done == n || code == Z_OK)
            continue;  // an error that comes with the last byte comes again
        if (code == Z_STREAM_END || code == Z_BUF_ERROR) return fail_short(s, n - done);
        return fail_gzip(s, code);
    }
    return true;
}

/* The stream must end here, with the right checksum, and nothing may follow it. */
static bool end_packed(source *s) {
    unsigned char more;
    size_t made = 0;
    int code = Z_OK;
    while (code == Z_OK && made == 0) code = inflate_some(s, &more, 1, &made);
    if (made > 0)
        return wg_fail(WG_ERROR_FORMAT,
                       "%s: more than the %zu unpacked bytes that its header claims", s->name,
                       s->given);
    if (code == Z_BUF_ERROR)
        return wg_fail(WG_ERROR_FORMAT, "%s: gzip stream cut off after %zu bytes", s->name,
                       s->size);
    if (code != Z_STREAM_END) return fail_gzip(s, code);
    if (s->left > 0)
        return wg_fail(WG_ERROR_FORMAT, "%s: %zu bytes after the end of the gzip stream", s->name,
                       s->left);
    return true;
}

/* ---- either ---------------------------------------------------------------------------------- */

static bool open_source(source *s, const char *name, const void *bytes, size_t size) {
    *s = (source){ .name = name, .at = bytes, .left = size, .size = size };
    s->packed = size >= 2 && s->at[0] == 0x1f && s->at[1] == 0x8b;
    if (!s->packed) return true;
    s->z = (z_stream){ .zalloc = z_allocate, .zfree = z_release };
    int code = inflateInit2(&s->z, GZIP_WINDOW);
    return code == Z_OK || fail_gzip(s, code);
}

static void close_source(source *s) {
    if (s->packed) inflateEnd(&s->z);
}

static bool take(source *s, void *out, size_t n) {
    if (s->packed) return take_packed(s, out, n);
    if (s->left < n) return fail_short(s, n - s->left);
    if (n > 0) memcpy(out, s->at, n);
    s->at += n;
    s->left -= n;
    s->given += n;
    return true;
}

/* Whether `bytes` more bytes can be there at all; known before any memory is asked for them. */
static bool holds(const source *s, size_t bytes) {
    if (s->packed && bytes / DEFLATE_LIMIT > s->size)
        return wg_fail(WG_ERROR_FORMAT,
                       "%s: header claims %zu bytes, more than %zu bytes of gzip can hold", s->name,
                       bytes, s->size);
    if (!s->packed && s->left != bytes)
        return wg_fail(WG_ERROR_FORMAT, "%s: header claims %zu bytes of values, there are %zu",
                       s->name, bytes, s->left);
    return true;
}

/* ---- the format ------------------------------------------------------------------------------ */

static const wg__wire *find_type(unsigned char type) {
    static const struct {
        unsigned char type;
        char code[3];
    } types[] = {
        { 8, "u1" }, { 9, "i1" }, { 11, "i2" }, { 12, "i4" }, { 13, "f4" }, { 14, "f8" }
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].type == type) return wg__wire_find(types[i].code, 2);
    return NULL;
}

static bool read_sizes(source *s, wg_shape *shape) {
    for (int i = 0; i < shape->rank; i++) {
        unsigned char b[4];
        if (!take(s, b, sizeof b)) return false;
        shape->dim[i] = (int64_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
    }
    return true;
}

static bool read_header(source *s, const wg__wire **wire, wg_shape *shape) {
    unsigned char h[HEADER];
    if (!take(s, h, sizeof h)) return false;
    if (h[0] != 0 || h[1] != 0)
        return wg_fail(WG_ERROR_FORMAT,
                       "%s: not an IDX file: it begins with %02x %02x, not with 00 00", s->name,
                       h[0], h[1]);
    if (!(*wire = find_type(h[2])))
        return wg_fail(WG_ERROR_FORMAT, "%s: there is no IDX type 0x%02x", s->name, h[2]);
    if (h[3] > WG_MAX_RANK)
        return wg_fail(WG_ERROR_FORMAT, "%s: rank %d, at most %d are read", s->name, h[3],
                       WG_MAX_RANK);
    *shape = (wg_shape){ .rank = h[3] };
    return read_sizes(s, shape);
}

static bool read_values(source *s, const wg__wire *wire, size_t bytes, wg_tensor *x) {
    if (!take(s, x->view.data, bytes)) return false;
    if (s->packed && !end_packed(s)) return false;
    wg__wire_decode(wire, true, x->view.data, wg_numel(x));
    return true;
}

static wg_tensor *read_source(source *s) {
    const wg__wire *wire = NULL;
    wg_shape shape;
    size_t bytes;
    char text[200];
    if (!read_header(s, &wire, &shape)) return NULL;
    if (!wg__wire_claim(wire, &shape, &bytes))
        return WG__FAIL_NULL(WG_ERROR_FORMAT, "%s: sizes %s are more than memory can hold", s->name,
                             wg_shape_text(shape, text, sizeof text));
    if (!holds(s, bytes)) return NULL;
    wg_tensor *x = wg__tensor_new(wire->dtype, shape);
    if (x && !read_values(s, wire, bytes, x)) {
        wg__tensor_free(x);
        x = NULL;
    }
    return x;
}

wg_tensor *wg_io_parse_idx(const char *name, const void *bytes, size_t size) {
    if (!wg__io_ready("wg_io_parse_idx", name, bytes, size)) return NULL;
    source s;
    if (!open_source(&s, name, bytes, size)) return NULL;
    wg_tensor *x = read_source(&s);
    close_source(&s);
    return x;
}

wg_tensor *wg_io_load_idx(const char *path) {
    wg__bytes file;
    if (!wg__file_read("wg_io_load_idx", path, &file)) return NULL;
    wg_tensor *x = wg_io_parse_idx(path, file.data, file.size);
    wg__file_free(&file);
    return x;
}
