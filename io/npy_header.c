// SPDX-License-Identifier: MIT
/* npy_header.c: the header of a .npy file, a Python dict literal with exactly the keys descr,
   fortran_order and shape. Read by a recursive descent that knows this much Python and no more:
   both quotes, any order of keys, any white space, trailing commas, and Python 2's 3L. Written byte
   for byte as NumPy writes it. */
#include <string.h>

#include "io/io_impl.h"

typedef struct text {
    const char *name;
    const char *start, *at, *end;
    bool long_suffix;  // integers may end in L
} text;

/* ---- tokens ---------------------------------------------------------------------------------- */

/* What stands where something else was wanted, with its place in the header. */
static bool fail_at(const text *t, const char *at, const char *wanted) {
    char found[16] = "the end";
    if (at < t->end) {
        unsigned char c = (unsigned char)*at;
        snprintf(found, sizeof found, c >= ' ' && c < 127 ? "'%c'" : "byte 0x%02x", c);
    }
    return wg_fail(WG_ERROR_FORMAT, "%s: header, column %zu: %s wanted, %s found", t->name,
                   (size_t)(at - t->start) + 1, wanted, found);
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static void skip_space(text *t) {
    while (t->at < t->end && memchr(" \t\r\n\f", *t->at, 5)) t->at++;
}

static bool next_is(text *t, char c) {
    skip_space(t);
    return t->at < t->end && *t->at == c;
}
static bool accept(text *t, char c) {
    if (!next_is(t, c)) return false;
    t->at++;
    return true;
}
static bool expect(text *t, char c) {
    const char wanted[] = { '\'', c, '\'', 0 };
    return accept(t, c) || fail_at(t, t->at, wanted);
}
static bool accept_word(text *t, const char *word) {
    size_t n = strlen(word);
    skip_space(t);
    if ((size_t)(t->end - t->at) < n || memcmp(t->at, word, n) != 0) return false;
    t->at += n;
    return true;
}

/* A quoted string without escapes. */
static bool read_string(text *t, const char **string, size_t *length) {
    char quote = next_is(t, '"') ? '"' : '\'';
    if (!accept(t, quote)) return fail_at(t, t->at, "a quoted string");
    *string = t->at;
    while (t->at < t->end && *t->at != quote) {
        if (*t->at == '\\' || *t->at < ' ' || *t->at > '~')
            return fail_at(t, t->at, "a plain character");
        t->at++;
    }
    *length = (size_t)(t->at - *string);
    return expect(t, quote);
}

static bool read_size(text *t, int64_t *out) {
    skip_space(t);
    const char *start = t->at;
    int64_t n = 0;
    for (; t->at < t->end && is_digit(*t->at); t->at++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *t->at - '0', &n))
            return fail_at(t, start, "a size below 2^63");
    if (t->at == start) return fail_at(t, t->at, "a size");
    if (*start == '0' && t->at - start > 1)
        return fail_at(t, start, "a size without leading zeros");
    if (t->long_suffix && t->at < t->end && *t->at == 'L') t->at++;
    *out = n;
    return true;
}

/* ---- the values of the three keys ------------------------------------------------------------ */

static bool fail_descr(const text *t, const char *string, size_t length) {
    bool objects = length > 0 && memchr(string, 'O', length);
    return wg_fail(objects ? WG_ERROR_FORMAT : WG_ERROR_DTYPE, "%s: descr '%.*s' %s", t->name,
                   (int)(length < 32 ? length : 32), string,
                   objects ? "holds pickled Python objects, which are not read"
                           : "has no dtype here: f2 f4 f8 i1 i2 i4 i8 u1 u2 b1 are read");
}

static bool read_descr(text *t, wg__npy_header *h) {
    const char *string;
    size_t length;
    if (!read_string(t, &string, &length)) return false;
    if (length != 3 || !memchr("<>=|", string[0], 4)) return fail_descr(t, string, length);
    h->wire = wg__wire_find(string + 1, length - 1);
    if (!h->wire) return fail_descr(t, string, length);
    h->big_endian = string[0] == '>' || (string[0] != '<' && !wg__little_endian());
    return true;
}

static bool read_order(text *t, wg__npy_header *h) {
    h->fortran_order = accept_word(t, "True");
    return h->fortran_order || accept_word(t, "False") || fail_at(t, t->at, "True or False");
}

/* (), (3,), (2, 3), (2, 3,); but (3) is a number in Python. */
static bool read_shape(text *t, wg__npy_header *h) {
    bool comma = true;
    if (!expect(t, '(')) return false;
    h->shape = WG_SCALAR;
    while (comma && !next_is(t, ')')) {
        if (h->shape.rank == WG_MAX_RANK)
            return wg_fail(WG_ERROR_FORMAT, "%s: rank above %d", t->name, WG_MAX_RANK);
        if (!read_size(t, &h->shape.dim[h->shape.rank++])) return false;
        comma = accept(t, ',');
    }
    if (!comma && h->shape.rank == 1) return fail_at(t, t->at, "','");
    return expect(t, ')');
}

static const struct {
    const char *key;
    bool (*read)(text *t, wg__npy_header *h);
} fields[] = { { "descr", read_descr }, { "fortran_order", read_order }, { "shape", read_shape } };
enum { FIELDS = sizeof fields / sizeof fields[0] };

/* ---- the dict -------------------------------------------------------------------------------- */

static int find_field(const char *key, size_t length) {
    for (int i = 0; i < FIELDS; i++)
        if (strlen(fields[i].key) == length && memcmp(fields[i].key, key, length) == 0) return i;
    return -1;
}

static bool read_field(text *t, wg__npy_header *h, unsigned *seen) {
    const char *key;
    size_t length;
    if (!read_string(t, &key, &length)) return false;
    int i = find_field(key, length);
    if (i < 0 || *seen & 1u << i)
        return wg_fail(WG_ERROR_FORMAT, "%s: header: key '%.*s' %s", t->name,
                       (int)(length < 32 ? length : 32), key,
                       i < 0 ? "is not known" : "stands twice");
    *seen |= 1u << i;
    return expect(t, ':') && fields[i].read(t, h);
}

static bool read_dict(text *t, wg__npy_header *h) {
    unsigned seen = 0;
    bool comma = true;
    if (!expect(t, '{')) return false;
    while (comma && !next_is(t, '}')) {
        if (!read_field(t, h, &seen)) return false;
        comma = accept(t, ',');
    }
    if (!expect(t, '}')) return false;
    for (int i = 0; i < FIELDS; i++)
        if (!(seen & 1u << i))
            return wg_fail(WG_ERROR_FORMAT, "%s: header: no key '%s'", t->name, fields[i].key);
    return true;
}

bool wg__npy_read_header(const char *name, const char *header, size_t size, int version,
                         wg__npy_header *out) {
    text t = { name, header, header, header + size, version < 3 };
    *out = (wg__npy_header){ 0 };
    if (!read_dict(&t, out)) return false;
    skip_space(&t);
    return t.at == t.end || fail_at(&t, t.at, "nothing more");
}

/* ---- writing --------------------------------------------------------------------------------- */

/* NumPy leaves room for the first size to grow to 21 digits, then pads to a multiple of 64. */
enum { GROWTH = 21, ALIGNMENT = 64 };

static size_t add_shape(char *out, size_t room, const wg_shape *s) {
    size_t n = (size_t)snprintf(out, room, "(");
    for (int i = 0; i < s->rank; i++)
        n += (size_t)snprintf(out + n, room - n, i ? ", %lld" : "%lld", (long long)s->dim[i]);
    return n + (size_t)snprintf(out + n, room - n, s->rank == 1 ? ",)" : ")");
}

static size_t growth_room(const wg_shape *s) {
    char first[GROWTH + 1];
    if (s->rank == 0) return 0;
    return GROWTH - (size_t)snprintf(first, sizeof first, "%lld", (long long)s->dim[0]);
}

size_t wg__npy_write_header(wg_dtype dtype, const wg_shape *shape, char out[WG__NPY_HEADER_MAX]) {
    static const char *const code[WG_DTYPES] = { "f4", "f8", "i4", "i8", "u1", "b1" };
    const size_t size = WG__NPY_HEADER_MAX;
    char order = wg__size_of(dtype) == 1 ? '|' : wg__little_endian() ? '<' : '>';
    size_t n = WG__NPY_PREFIX;
    n +=
        (size_t)snprintf(out + n, size - n,
                         "{'descr': '%c%s', 'fortran_order': False, 'shape': ", order, code[dtype]);
    n += add_shape(out + n, size - n, shape);
    n += (size_t)snprintf(out + n, size - n, ", }");
    size_t spaces = growth_room(shape);
    spaces += ALIGNMENT - (n + spaces + 1) % ALIGNMENT;
    memset(out + n, ' ', spaces);
    n += spaces;
    out[n++] = '\n';
    size_t length = n - WG__NPY_PREFIX;
    const unsigned char prefix[WG__NPY_PREFIX] = { 0x93,
                                                   'N',
                                                   'U',
                                                   'M',
                                                   'P',
                                                   'Y',
                                                   1,
                                                   0,
                                                   (unsigned char)(length & 255),
                                                   (unsigned char)(length >> 8) };
    memcpy(out, prefix, sizeof prefix);
    return n;
}
