// SPDX-License-Identifier: MIT
/* io.h: numbers in and out of files, in the formats that the field already uses, and as pictures.

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

/* ---- charts: chart.c, drawn by gnuplot ------------------------------------------------------- */

/* A chart is a grid of panels; what is added goes to the last panel, and the first opens by itself.
   Texts and values are copied. On an error nothing is added, and false comes back. A text is only
   ever text: whatever characters it has, they are what the picture shows.

   A chart is at most 10000 pixels wide and high. What is added at once has at most 1,398,101
   points, or cells of a grid: with more gnuplot would take minutes.

   NaN is a gap, in a line or a surface. An infinity, and on a logarithmic axis what is not
   positive, is a gap as well, and the key says how many values are not shown. */
typedef struct wg_chart wg_chart;
typedef struct wg_chart_options {
    const char *title;  // NULL: none
    int width, height;  // pixels of the whole; 0: 720, and as high as the panels need
    int columns;        // of panels side by side; 0: 1
} wg_chart_options;
typedef struct wg_panel_options {
    const char *title, *x, *y;  // NULL: none; x and y name the axes, with their units
    bool log_x, log_y;
    double x_min, x_max, y_min, y_max;  // both 0: as the values have it; min above max: reversed
    bool equal;                         // a unit is as long on y as on x
    bool no_key;
    const char *const *x_names, *const *y_names;  // of 0, 1, 2, ... on that axis; NULL ends them
} wg_panel_options;
WG_API wg_chart *wg_chart_new(wg_chart_options o);
WG_API void wg_chart_free(wg_chart *c);  // NULL is fine
WG_API bool wg_chart_panel(wg_chart *c, wg_panel_options o);

typedef enum wg_mark {
    WG_MARK_LINE,
    WG_MARK_DASHES,
    WG_MARK_POINTS,       // filled, of a shape for each colour: a class each
    WG_MARK_LINE_POINTS,  // points on a line; of more than 30 only some are marked
    WG_MARK_STEPS,        // y holds up to the next x
    WG_MARK_BARS,         // from 0 to y; several sets in a panel stand side by side
    WG_MARK_BAND,         // the area between y and y2
    WG_MARKS
} wg_mark;
/* y over x. The colours (Okabe and Ito 2008) differ for the colour-blind, and each comes with a
   dash and a shape of its own for those who see it in grey: 1 blue, 2 vermilion, 3 green,
   4 purple, 5 black, 6 sky, 7 orange, 8 grey. In an SVG a point of a line
   takes 15 bytes, a point by itself 100, a cell of a surface 400. */
typedef struct wg_xy {
    wg_mark mark;
    int64_t n;
    const double *x;  // NULL: 0, 1, 2, ...
    const double *y, *y2;
    int colour;  // 1 to 8; 0: the next
} wg_xy;
WG_API bool wg_chart_xy(wg_chart *c, const char *label, wg_xy p);  // label NULL: not in the key

/* z[i * columns + j] over a grid of 2 x 2 or more: rows along y from y_min to y_max, columns along
   x; the ends are where the outermost values stand. A heat map shades a cell around each value, and
   its colour bar has the label; a contour draws lines over what is there, a black one if `count` is
   1, else thin grey ones, one for each of up to 100 levels; a surface draws z as height, and is
   alone in its panel. Colours are viridis, from dark to bright; or diverging, blue below the middle
   of the range, white there, and orange above it, where the range is even around 0 unless it is
   given. */
typedef struct wg_grid {
    int64_t rows, columns;
    double x_min, x_max, y_min, y_max;
    const double *z;
    double z_min, z_max;  // both 0: as the values have it
    bool diverging;
} wg_grid;
WG_API bool wg_chart_heat(wg_chart *c, const char *label, wg_grid g);
WG_API bool wg_chart_contour(wg_chart *c, const char *label, wg_grid g, int count,
                             const double levels[]);
WG_API bool wg_chart_surface(wg_chart *c, const char *label, wg_grid g);

/* Writes STEM.dat and STEM.gp, numbers and script, and has gnuplot draw PATH, which is STEM.svg or
   STEM.png; the same bytes for the same chart. `gnuplot STEM.gp`, in its folder, draws it again.
   Where there is no gnuplot in PATH, numbers and script are all: true comes back all the same,
   *drawn, unless NULL, is false, and an older picture stays. */
WG_API bool wg_chart_save(const wg_chart *c, const char *path, bool *drawn);

/* ---- images: image.c image_png.c ------------------------------------------------------------- */

/* x (rows, columns) in grey or (rows, columns, 3) in RGB: u8, or f32 and f64 with 0 black and 1
   white, clamped; NaN is an error. PATH ends in .pgm (grey), .ppm (RGB) or .png. At most 256 MiB of
   pixels. */
WG_API bool wg_io_save_image(const char *path, const wg_tensor *x);
/* The same in characters, from a blank for black to '@' for white, for light text on a dark
   terminal; each shows the mean of the pixels it covers. A line of characters is twice as high as
   one is wide, so there are 2 * columns / rows as many in a line as there are lines, of which there
   are 1 to 1000. Writes at most `size` bytes with the closing 0 and returns the length that the
   whole text has; 0 on an error. */
WG_API size_t wg_io_image_text(const wg_tensor *x, int lines, char *text, size_t size);
/* Images (N, rows, columns) or (N, rows, columns, 3) as one, `across` in a row, one pixel of middle
   grey between them and where there is none. */
WG_API wg_tensor *wg_io_image_grid(const wg_tensor *x, int across);

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
