// SPDX-License-Identifier: MIT
/* json.c: the pieces of JSON, strictly. docs/decisions/0012 says why no library reads it. */
#include "io/json_impl.h"

#include <string.h>

/* ---- UTF-8 ----------------------------------------------------------------------------------- */

/* The table of well-formed sequences (Unicode 15, table 3-7): by first byte, how many follow and
   what the first of those may be. */
static const struct {
    unsigned char first, last, more, low, high;
} sequences[] = {
    { 0x00, 0x7f, 0, 0x80, 0xbf }, { 0xc2, 0xdf, 1, 0x80, 0xbf }, { 0xe0, 0xe0, 2, 0xa0, 0xbf },
    { 0xe1, 0xec, 2, 0x80, 0xbf }, { 0xed, 0xed, 2, 0x80, 0x9f }, { 0xee, 0xef, 2, 0x80, 0xbf },
    { 0xf0, 0xf0, 3, 0x90, 0xbf }, { 0xf1, 0xf3, 3, 0x80, 0xbf }, { 0xf4, 0xf4, 3, 0x80, 0x8f },
};

size_t wg__utf8_length(const char *string, size_t size) {
    const unsigned char *text = (const unsigned char *)string;
    size_t i = 0, n = sizeof sequences / sizeof *sequences;
    if (size == 0) return 0;
    while (i < n && !(text[0] >= sequences[i].first && text[0] <= sequences[i].last)) i++;
    if (i == n || size <= sequences[i].more) return 0;
    for (size_t k = 1; k <= sequences[i].more; k++) {
        unsigned char low = k == 1 ? sequences[i].low : 0x80,
                      high = k == 1 ? sequences[i].high : 0xbf;
        if (text[k] < low || text[k] > high) return 0;
    }
    return sequences[i].more + 1u;
}

bool wg__utf8_valid(const char *text, size_t size, size_t *where) {
    for (*where = 0; *where < size;) {
        size_t n = wg__utf8_length(text + *where, size - *where);
        if (n == 0) return false;
        *where += n;
    }
    return true;
}

static char *put_utf8(char *out, uint32_t code) {
    if (code < 0x80) return *out = (char)code, out + 1;
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 };
    for (int k = more; k > 0; k--, code >>= 6) out[k] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(lead[more] | code);
    return out + more + 1;
}

/* ---- the cursor ------------------------------------------------------------------------------ */

bool wg__json_fail(const wg__json *j, const char *wanted) {
    if (j->at >= j->size)
        return wg_fail(WG_ERROR_FORMAT, "%s: the header ends where %s is wanted", j->name, wanted);
    unsigned char c = (unsigned char)j->text[j->at];
    return c > ' ' && c < 0x7f
               ? wg_fail(WG_ERROR_FORMAT, "%s: header byte %zu: %s wanted, '%c' found", j->name,
                         j->at, wanted, c)
               : wg_fail(WG_ERROR_FORMAT, "%s: header byte %zu: %s wanted, byte 0x%02x found",
                         j->name, j->at, wanted, c);
}

static void skip_blanks(wg__json *j) {
    while (j->at < j->size && memchr(" \t\n\r", j->text[j->at], 4)) j->at++;
}

bool wg__json_at(wg__json *j, char c) {
    skip_blanks(j);
    return j->at < j->size && j->text[j->at] == c;
}

bool wg__json_take(wg__json *j, char c) {
    if (!wg__json_at(j, c)) return wg__json_fail(j, (const char[]){ '\'', c, '\'', 0 });
    j->at++;
    return true;
}

bool wg__json_null(wg__json *j) {
    skip_blanks(j);
    bool there = j->size - j->at >= 4 && memcmp(j->text + j->at, "null", 4) == 0;
    if (there) j->at += 4;
    return there;
}

int wg__json_item(wg__json *j, char end, int64_t n) {
    if (wg__json_at(j, end)) return j->at++, 0;
    if (n > 0 && !wg__json_at(j, ','))
        return wg__json_fail(
                   j, (const char[]){ '\'', ',', '\'', ' ', 'o', 'r', ' ', '\'', end, '\'', 0 }),
               -1;
    j->at += n > 0;
    return 1;
}

bool wg__json_number(wg__json *j, int64_t *out) {
    skip_blanks(j);
    size_t start = j->at;
    *out = 0;
    for (; j->at < j->size && j->text[j->at] >= '0' && j->text[j->at] <= '9'; j->at++)
        if (__builtin_mul_overflow(*out, 10, out) ||
            __builtin_add_overflow(*out, j->text[j->at] - '0', out))
            return j->at = start, wg__json_fail(j, "a number below 2^63");
    if (j->at == start || (j->text[start] == '0' && j->at > start + 1))
        return j->at = start, wg__json_fail(j, "a whole number");
    return true;
}

/* ---- strings --------------------------------------------------------------------------------- */

static bool four_digits(wg__json *j, uint32_t *code) {
    *code = 0;
    for (int k = 0; k < 4; k++, j->at++) {
        static const char digits[] = "0123456789abcdef";
        int c = j->at < j->size ? (unsigned char)j->text[j->at] : 0;
        const char *digit = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
        if (!digit) return wg__json_fail(j, "a hexadecimal digit");
        *code = *code << 4 | (uint32_t)(digit - digits);
    }
    return true;
}

// What follows \u: one code, or two that are a surrogate pair.
static bool unicode_escape(wg__json *j, uint32_t *code) {
    uint32_t low;
    size_t start = j->at;
    if (!four_digits(j, code)) return false;
    if (*code < 0xd800 || *code > 0xdfff)
        return *code != 0 || (j->at = start, wg__json_fail(j, "a character other than U+0000"));
    bool pair = *code < 0xdc00 && j->size - j->at >= 6 && memcmp(j->text + j->at, "\\u", 2) == 0;
    j->at += pair ? 2 : 0;
    if (!pair || !four_digits(j, &low) || low < 0xdc00 || low > 0xdfff)
        return j->at = start, wg__json_fail(j, "a pair of surrogates");
    *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

static bool escape(wg__json *j, char **out) {
    static const char name[] = "\"\\/bfnrt", value[] = "\"\\/\b\f\n\r\t";
    char c = j->at < j->size ? j->text[j->at] : 0;
    const char *known = c ? strchr(name, c) : NULL;
    uint32_t code;
    if (!known && c != 'u') return wg__json_fail(j, "an escape");
    j->at++;
    if (known) return *(*out)++ = value[known - name], true;
    if (!unicode_escape(j, &code)) return false;
    *out = put_utf8(*out, code);
    return true;
}

bool wg__json_string(wg__json *j, const char **out) {
    if (!wg__json_take(j, '"')) return false;
    char *to = j->text + j->at;
    *out = to;
    while (j->at < j->size && j->text[j->at] != '"') {
        char c = j->text[j->at];
        if ((unsigned char)c < ' ') return wg__json_fail(j, "a character of a string");
        j->at++;
        if (c != '\\')
            *to++ = c;
        else if (!escape(j, &to))
            return false;
    }
    if (j->at == j->size) return wg__json_fail(j, "'\"'");
    j->at++;
    *to = 0;  // at the closing quote or before it
    return true;
}

bool wg__json_key(wg__json *j, const char **out) {
    return wg__json_string(j, out) && wg__json_take(j, ':');
}
