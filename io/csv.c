// SPDX-License-Identifier: MIT
/* csv.c: tables of numbers. Two passes over the bytes: the first counts rows and columns and finds
   rows of another length, so that the second can write into a tensor of the right size. A field
   takes at least its separator in the file, so the file's size bounds the tensor's before anything
   is allocated. */
#include <ctype.h>
#include <locale.h>
#include <string.h>

#include "io/decimal_impl.h"
#include "io/io_impl.h"

typedef struct reader {
    const char *name;
    const char *rest, *stop;  // the lines not read yet
    const char *line, *end;   // this line, without what ends it
    const char *at;           // where the next field begins; NULL after the last
    int64_t number;           // of this line, from 1
    wg_csv_options o;
} reader;

typedef struct field {
    const char *start, *end;
} field;

/* ---- lines and fields ------------------------------------------------------------------------ */

static bool is_blank(const reader *r, char c) {
    return c == ' ' || (c == '\t' && r->o.separator != '\t');
}
static const char *skip_blanks(const reader *r, const char *at) {
    while (at < r->end && is_blank(r, *at)) at++;
    return at;
}

static bool next_line(reader *r) {
    if (r->rest == r->stop) return false;
    const char *newline = memchr(r->rest, '\n', (size_t)(r->stop - r->rest));
    r->line = r->rest;
    r->end = newline ? newline : r->stop;
    r->rest = newline ? newline + 1 : r->stop;
    if (r->end > r->line && r->end[-1] == '\r') r->end--;
    r->number++;
    return true;
}

static bool next_row(reader *r) {
    while (next_line(r)) {
        r->at = skip_blanks(r, r->line);
        if (r->number > r->o.skip && *r->line != '#' && r->at < r->end) return true;
    }
    return false;
}

/* Where the separator is a space, any run of blanks separates, and those at the ends of a line do
   not. */
static bool next_field(reader *r, field *f) {
    if (!r->at) return false;
    f->start = f->end = skip_blanks(r, r->at);
    if (r->o.separator == ' ' && f->start == r->end) return false;
    while (f->end < r->end && *f->end != r->o.separator &&
           (r->o.separator != ' ' || *f->end != '\t'))
        f->end++;
    r->at = f->end < r->end ? f->end + 1 : NULL;
    while (f->end > f->start && is_blank(r, f->end[-1])) f->end--;
    return true;
}

static reader reader_at_start(const char *name, const void *bytes, size_t size, wg_csv_options o) {
    const char *text = bytes, *stop = text + size;
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;  // byte order mark: spreadsheets
    return (reader){ .name = name, .rest = text, .stop = stop, .o = o };
}

/* ---- first pass ------------------------------------------------------------------------------ */

static int64_t count_fields(reader *r) {
    field f;
    int64_t n = 0;
    while (next_field(r, &f)) n++;
    return n;
}

static bool measure(reader r, int64_t *rows, int64_t *columns) {
    for (*rows = 0; next_row(&r); ++*rows) {
        int64_t n = count_fields(&r);
        if (*rows == 0) *columns = n;
        if (n != *columns)
            return wg_fail(WG_ERROR_FORMAT, "%s:%lld: %lld columns, the rows before have %lld",
                           r.name, (long long)r.number, (long long)n, (long long)*columns);
    }
    if (*rows == 0)
        return wg_fail(WG_ERROR_FORMAT, "%s: no numbers in %lld lines", r.name,
                       (long long)r.number);
    return true;
}

/* ---- second pass ----------------------------------------------------------------------------- */

static bool fail_field(const reader *r, field f, const char *wrong) {
    enum { SHOWN = 32 };
    char text[SHOWN + 4];
    size_t n = (size_t)(f.end - f.start), shown = n < SHOWN ? n : SHOWN;
    for (size_t i = 0; i < shown; i++)
        text[i] = f.start[i] >= ' ' && f.start[i] <= '~' ? f.start[i] : '?';
    snprintf(text + shown, sizeof text - shown, "%s", n > SHOWN ? "..." : "");
    long long line = r->number, column = f.start - r->line + 1;
    if (n == 0) return wg_fail(WG_ERROR_FORMAT, "%s:%lld:%lld: empty field", r->name, line, column);
    return wg_fail(WG_ERROR_FORMAT, "%s:%lld:%lld: \"%s\" %s, %s wanted", r->name, line, column,
                   text, wrong, wg_dtype_name(r->o.dtype));
}

static bool read_rows(reader r, char *to) {
    const size_t size = wg__size_of(r.o.dtype);
    field f;
    while (next_row(&r))
        for (; next_field(&r, &f); to += size) {
            const char *wrong = wg__decimal_read(f.start, f.end, r.o.dtype, to);
            if (wrong) return fail_field(&r, f, wrong);
        }
    return true;
}

/* Under the C locale, whose decimal point is a point; only this thread's, and only meanwhile. */
static bool read_rows_in_c_locale(reader r, char *to) {
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c == (locale_t)0) return wg_fail(WG_ERROR_MEMORY, "%s: no memory for a locale", r.name);
    locale_t before = uselocale(c);
    bool ok = read_rows(r, to);
    uselocale(before);
    freelocale(c);
    return ok;
}

/* ---- the functions of io.h ------------------------------------------------------------------- */

/* Characters of numbers, of line ends and of comments cannot separate. */
static bool check_options(wg_csv_options *o) {
    if (o->separator == 0) o->separator = ',';
    unsigned char c = (unsigned char)o->separator;
    if (c > '~' || isalnum(c) || strchr("+-.#\"\r\n", c))
        return wg_fail(WG_ERROR_ARGUMENT, "csv: byte 0x%02x cannot be a separator", c);
    if ((unsigned)o->dtype >= WG_DTYPES)
        return wg_fail(WG_ERROR_DTYPE, "csv: there is no dtype %d", (int)o->dtype);
    if (o->skip < 0)
        return wg_fail(WG_ERROR_ARGUMENT, "csv: skip is %lld, not 0 or more", (long long)o->skip);
    return true;
}

static wg_tensor *read_table(reader r) {
    int64_t rows = 0, columns = 0;
    if (!measure(r, &rows, &columns)) return NULL;
    wg_tensor *x = wg__tensor_new(r.o.dtype, WG_SHAPE(rows, columns));
    if (x && !read_rows_in_c_locale(r, x->view.data)) {
        wg__tensor_free(x);
        x = NULL;
    }
    return x;
}

wg_tensor *wg_io_parse_csv(const char *name, const void *bytes, size_t size, wg_csv_options o) {
    if (!wg__io_ready("wg_io_parse_csv", name, bytes, size) || !check_options(&o)) return NULL;
    return read_table(reader_at_start(name, bytes ? bytes : "", size, o));
}

wg_tensor *wg_io_load_csv(const char *path, wg_csv_options o) {
    wg__bytes file;
    if (wg__pending() || !check_options(&o)) return NULL;
    if (!wg__file_read("wg_io_load_csv", path, &file)) return NULL;
    wg_tensor *x = wg_io_parse_csv(path, file.data, file.size, o);
    wg__file_free(&file);
    return x;
}
