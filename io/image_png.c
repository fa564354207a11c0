// SPDX-License-Identifier: MIT
/* image_png.c: PNG, as far as it takes to write one. The format is three chunks around a zlib
   stream, and zlib is here already for gzip: that is less than what libpng would have to be told.
   https://www.w3.org/TR/png/ */
#include <string.h>
#include <zlib.h>

#include "io/image_impl.h"

enum { CHUNK = 12, HEADER = 13, GREY = 0, RGB = 2 };  // bytes around a chunk's own, and in IHDR

static voidpf z_allocate(voidpf user, uInt n, uInt size) {
    (void)user;
    return wg__alloc_quiet((size_t)n * size);
}
static void z_release(voidpf user, voidpf block) {
    (void)user;
    wg__free(block);
}

static void put_u32(unsigned char *to, size_t value) {
    for (int i = 0; i < 4; i++) to[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* Length, name, `size` bytes that stand in their place already, and the checksum of the last two;
   returns where the next chunk begins. */
static unsigned char *close_chunk(unsigned char *chunk, const char *name, size_t size) {
    put_u32(chunk, size);
    memcpy(chunk + 4, name, 4);
    put_u32(chunk + 8 + size, crc32(0, chunk + 4, (uInt)size + 4));
    return chunk + CHUNK + size;
}

static unsigned char *put_header(unsigned char *at, const wg__image *m) {
    static const unsigned char magic[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    memcpy(at, magic, sizeof magic);
    unsigned char *chunk = at + sizeof magic, *h = chunk + 8;
    put_u32(h, m->columns);
    put_u32(h + 4, m->rows);
    h[8] = 8;  // bits
    h[9] = m->channels == 3 ? RGB : GREY;
    h[10] = h[11] = h[12] = 0;  // deflate, filters by row, not interlaced
    return close_chunk(chunk, "IHDR", HEADER);
}

/* Each row follows its filter, which is 0: none. False if there is no memory. */
static bool pack(z_stream *z, const wg__image *m) {
    size_t row = m->columns * m->channels;
    unsigned char none = 0;
    for (size_t i = 0; i < m->rows; i++) {
        z->next_in = &none;
        z->avail_in = 1;
        if (deflate(z, Z_NO_FLUSH) != Z_OK) return false;
        z->next_in = m->pixels + i * row;
        z->avail_in = (uInt)row;
        if (deflate(z, Z_NO_FLUSH) != Z_OK) return false;
    }
    return deflate(z, Z_FINISH) == Z_STREAM_END;
}

/* The file, to be freed with wg__free; `bound` is what zlib says that the packed rows may take. */
static unsigned char *make_file(z_stream *z, const wg__image *m, size_t bound, size_t *size) {
    unsigned char *file = wg__alloc(8 + CHUNK + HEADER + CHUNK + bound + CHUNK);
    if (!file) return NULL;
    unsigned char *data = put_header(file, m), *end;
    z->next_out = data + 8;
    z->avail_out = (uInt)bound;
    if (!pack(z, m)) {
        wg__free(file);
        return WG__FAIL_NULL(WG_ERROR_MEMORY, "wg_io_save_image: zlib has no room for %zu rows",
                             m->rows);
    }
    end = close_chunk(data, "IDAT", bound - z->avail_out);
    end = close_chunk(end, "IEND", 0);
    *size = (size_t)(end - file);
    return file;
}

bool wg__png_write(const char *path, const wg__image *m) {
    z_stream z = { .zalloc = z_allocate, .zfree = z_release };
    size_t raw = m->rows * (1 + m->columns * m->channels), size = 0;
    if (deflateInit(&z, Z_DEFAULT_COMPRESSION) != Z_OK)
        return wg_fail(WG_ERROR_MEMORY, "%s: out of memory in zlib", path);
    unsigned char *file = make_file(&z, m, deflateBound(&z, raw), &size);
    deflateEnd(&z);
    bool ok = file && wg__file_write(path, (wg__bytes[]){ { file, size } }, 1);
    wg__free(file);
    return ok;
}
