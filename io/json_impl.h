// SPDX-License-Identifier: MIT
/* json_impl.h: JSON (RFC 8259) as a cursor over text that the caller owns: each call takes the next
   piece, which must be there, or reports what stands in its place and at which byte. Nothing is
   allocated and nothing recurses; strings are decoded where they stand. */
#ifndef WG_IO_JSON_IMPL_H
#define WG_IO_JSON_IMPL_H

#include "io/io_impl.h"

typedef struct wg__json {
    const char *name;  // of the file, for messages
    char *text;
    size_t size, at;
} wg__json;

/* The bytes of the UTF-8 character that text, of `size` bytes, begins with; 0 if it is none. */
size_t wg__utf8_length(const char *text, size_t size);
/* Whether all bytes are UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. Else
   *where is where it ends. */
bool wg__utf8_valid(const char *text, size_t size, size_t *where);

bool wg__json_fail(const wg__json *j, const char *wanted);  // always false
bool wg__json_take(wg__json *j, char c);                    // this character, behind blanks
bool wg__json_at(wg__json *j, char c);  // whether it stands there; takes nothing
bool wg__json_null(wg__json *j);        // takes null if it stands there
/* A string of valid UTF-8, decoded and closed with a 0, which it must not hold itself. It is no
   longer than it was in quotes. */
bool wg__json_string(wg__json *j, const char **out);
bool wg__json_key(wg__json *j, const char **out);  // a string, then ':'
bool wg__json_number(wg__json *j, int64_t *out);   // 0, 1, 2, ... 2^63 - 1
/* Within { } or [ ]: 1 if item number n follows, whose comma is taken; 0 if the end is, which is
   taken; -1 after reporting. */
int wg__json_item(wg__json *j, char end, int64_t n);

#endif
