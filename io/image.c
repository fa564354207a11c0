// SPDX-License-Identifier: MIT
/* image.c: tensors as images, in files and in the terminal. A tensor becomes bytes first, 0 black
   and 255 white; everything else works on them. */
#include <math.h>
#include <string.h>

#include "io/image_impl.h"

enum { LINES_MAX = 1000 };
static const size_t bytes_max = 1 << 28;

/* ---- a tensor as bytes ----------------------------------------------------------------------- */

/* (..., rows, columns) or (..., rows, columns, 3), where `rank` is that of a grey image. */
static bool check_image(const char *call, const wg_tensor *x, int rank) {
    if (wg__pending()) return false;
    if (!x) return wg_fail(WG_ERROR_ARGUMENT, "%s: x is NULL", call);
    const wg_shape *s = &x->view.shape;
    char text[200];
    bool rgb = s->rank == rank + 1 && s->dim[rank] == 3;
    size_t bytes = 1;
    if (s->rank != rank && !rgb)
        return wg_fail(WG_ERROR_SHAPE, "%s: %s is not (%srows, columns) or (%srows, columns, 3)",
                       call, wg_shape_text(*s, text, sizeof text), rank == 3 ? "N, " : "",
                       rank == 3 ? "N, " : "");
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] == 0 || __builtin_mul_overflow(bytes, (size_t)s->dim[i], &bytes) ||
            bytes > bytes_max)
            return wg_fail(WG_ERROR_SHAPE, "%s: %s has no pixels, or more than %zu bytes of them",
                           call, wg_shape_text(*s, text, sizeof text), bytes_max);
    if (x->view.dtype == WG_U8 || wg_dtype_is_float(x->view.dtype)) return true;
    return wg_fail(WG_ERROR_DTYPE, "%s: dtype %s, of u8, f32 and f64", call,
                   wg_dtype_name(x->view.dtype));
}

static bool fill_pixels(const char *call, const wg_tensor *x, unsigned char *pixels) {
    int64_t n = wg__numel(&x->view.shape);
    bool bytes = x->view.dtype == WG_U8;
    for (int64_t i = 0; i < n; i++) {
        double v = wg__load(x->view.dtype, wg__at(&x->view, wg__offset(&x->view, i)));
        if (isnan(v))
            return wg_fail(WG_ERROR_NUMERIC, "%s: element %lld of %lld is nan", call, (long long)i,
                           (long long)n);
        pixels[i] = (unsigned char)(bytes ? v : floor(255 * fmin(fmax(v, 0), 1) + 0.5));
    }
    return true;
}

static bool read_image(const char *call, const wg_tensor *x, wg__image *m) {
    *m = (wg__image){ 0 };
    if (!check_image(call, x, 2)) return false;
    const int64_t *dim = x->view.shape.dim;
    *m = (wg__image){ (size_t)dim[0], (size_t)dim[1], x->view.shape.rank == 3 ? 3 : 1, NULL };
    m->pixels = wg__alloc(m->rows * m->columns * m->channels);
    if (!m->pixels) return false;
    bool ok = fill_pixels(call, x, m->pixels);
    if (!ok) wg__free(m->pixels);
    return ok;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Netpbm's binary formats: P5 and P6. */
static bool write_pnm(const char *path, const wg__image *m) {
    char header[80];
    int n = snprintf(header, sizeof header, "P%d\n%zu %zu\n255\n", m->channels == 3 ? 6 : 5,
                     m->columns, m->rows);
    wg__bytes part[] = { { header, (size_t)n }, { m->pixels, m->rows * m->columns * m->channels } };
    return wg__file_write(path, part, 2);
}

static const struct {
    char ending[5];
    size_t channels;  // 0: any
    bool (*write)(const char *path, const wg__image *m);
} formats[] = { { ".pgm", 1, write_pnm }, { ".ppm", 3, write_pnm }, { ".png", 0, wg__png_write } };

static bool write_image(const char *path, const wg__image *m) {
    size_t length = strlen(path);
    const char *ending = path + (length < 4 ? length : length - 4);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(ending, formats[i].ending) != 0) continue;
        if (formats[i].channels == 0 || formats[i].channels == m->channels)
            return formats[i].write(path, m);
    }
    return wg_fail(WG_ERROR_ARGUMENT, "%s: an image of %zu %s is saved as NAME.%s or NAME.png",
                   path, m->channels, m->channels == 3 ? "channels" : "channel",
                   m->channels == 3 ? "ppm" : "pgm");
}

bool wg_io_save_image(const char *path, const wg_tensor *x) {
    static const char call[] = "wg_io_save_image";
    if (wg__pending()) return false;
    if (!path) return wg_fail(WG_ERROR_ARGUMENT, "%s: path is NULL", call);
    wg__image m;
    if (!read_image(call, x, &m)) return false;
    bool ok = write_image(path, &m);
    wg__free(m.pixels);
    return ok;
}

/* ---- characters ------------------------------------------------------------------------------ */

/* The part of `size` pixels that the i-th of n characters covers: at least one. */
typedef struct span {
    size_t from, to;
} span;
static span part_of(size_t size, size_t i, size_t n) {
    span s = { i * size / n, (i + 1) * size / n };
    if (s.to == s.from) s.to++;
    return s;
}

/* The brightness of (R, G, B) is that of ITU-R BT.601. */
static double brightness(const wg__image *m, size_t pixel) {
    const unsigned char *p = m->pixels + pixel * m->channels;
    return m->channels == 3 ? 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2] : p[0];
}

static char shade(const wg__image *m, span row, span column) {
    double sum = 0;
    for (size_t i = row.from; i < row.to; i++)
        for (size_t j = column.from; j < column.to; j++) sum += brightness(m, i * m->columns + j);
    double mean = sum / (double)((row.to - row.from) * (column.to - column.from));
    return " .:-=+*#%@"[(int)(mean / 25.6)];
}

static size_t write_shades(const wg__image *m, size_t lines, char *text, size_t size) {
    size_t across = (2 * lines * m->columns + m->rows / 2) / m->rows, n = 0;
    if (across == 0) across = 1;
    const size_t whole = lines * (across + 1);
    for (size_t i = 0; i < lines && n + 1 < size; i++) {
        for (size_t j = 0; j <= across && n + 1 < size; j++, n++)
            text[n] = j == across
                          ? '\n'
                          : shade(m, part_of(m->rows, i, lines), part_of(m->columns, j, across));
    }
    if (size > 0) text[n] = 0;
    return whole;
}

size_t wg_io_image_text(const wg_tensor *x, int lines, char *text, size_t size) {
    static const char call[] = "wg_io_image_text";
    wg__image m;
    if (text && size > 0) text[0] = 0;
    if (wg__pending()) return 0;
    if (lines < 1 || lines > LINES_MAX || (!text && size > 0)) {
        wg_fail(WG_ERROR_ARGUMENT, "%s: %d lines, of 1 to %d%s", call, lines, LINES_MAX,
                text ? "" : ", into NULL");
        return 0;
    }
    if (!read_image(call, x, &m)) return 0;
    size_t n = write_shades(&m, (size_t)lines, text, size);
    wg__free(m.pixels);
    return n;
}

/* ---- many as one ----------------------------------------------------------------------------- */

/* Image k of x at its place in `whole`, row by row. */
static void place(const wg_tensor *x, int64_t k, int64_t across, wg_tensor *whole) {
    const wg_shape *s = &x->view.shape;
    int64_t rows = s->dim[1], row = wg__numel(s) / s->dim[0] / rows;  // elements of a row
    int64_t channels = row / s->dim[2], wide = whole->view.stride[0];
    int64_t at = k / across * (rows + 1) * wide + k % across * (row + channels);
    size_t element = wg__size_of(x->view.dtype);
    for (int64_t i = 0; i < rows * row; i++)
        memcpy(wg__at(&whole->view, at + i / row * wide + i % row),
               wg__at(&x->view, wg__offset(&x->view, k * rows * row + i)), element);
}

wg_tensor *wg_io_image_grid(const wg_tensor *x, int across) {
    static const char call[] = "wg_io_image_grid";
    if (!check_image(call, x, 3)) return NULL;
    if (across < 1) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "%s: %d across", call, across);
    const int64_t *dim = x->view.shape.dim;
    int64_t wide = across < dim[0] ? across : dim[0], high = (dim[0] + wide - 1) / wide;
    wg_shape shape = { x->view.shape.rank - 1,
                       { high * (dim[1] + 1) - 1, wide * (dim[2] + 1) - 1, 3 } };
    wg_tensor *whole = wg_full(x->view.dtype, shape, x->view.dtype == WG_U8 ? 128 : 0.5);
    if (!whole) return NULL;
    for (int64_t k = 0; k < dim[0]; k++) place(x, k, wide, whole);
    return whole;
}
