// SPDX-License-Identifier: MIT
/* text.h: Debian's fortune cookies as letters, dealt out at random into cookies to learn from and
   cookies to be tested with. */
#ifndef WG_EXAMPLES_TEXT_H
#define WG_EXAMPLES_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LETTERS = 98 };  // 0 ends a line; 1 is a tab, or not of ASCII; else the byte - 30

typedef struct letters {
    uint8_t *letter;
    int64_t length;
} letters;

static inline uint8_t code_of(char c) {
    return (uint8_t)(c == '\n' ? 0 : c < ' ' || c > '~' ? 1 : c - 30);
}
static inline char char_of(uint8_t letter) {
    return letter > 1 ? (char)(letter + 30) : letter ? '\t' : '\n';
}

/* part[1] gets one cookie in ten, part[0] the others; each ends with its line "%". False if there
   is no such file, or no memory. part[i].letter is the caller's to free in any case. */
static inline bool read_cookies(const char *path, letters part[2]) {
    uint64_t random = 1;
    char line[1000];
    FILE *file = fopen(path, "r");
    const int64_t room = 1 << 22;
    for (int i = 0; i < 2; i++) part[i] = (letters){ file ? malloc((size_t)room) : NULL, 0 };
    if (!file) return false;
    letters *to = part;
    while (part[0].letter && part[1].letter && to->length < room - (int64_t)sizeof line &&
           fgets(line, sizeof line, file)) {
        for (const char *c = line; *c; c++) to->letter[to->length++] = code_of(*c);
        if (strcmp(line, "%\n") != 0) continue;
        random = random * 6364136223846793005u + 1442695040888963407u;  // Knuth's
        to = &part[random >> 33 < (1u << 31) / 10];
    }
    fclose(file);
    return part[0].length > 1000 && part[1].length > 1000;
}

/* The letter at which the sum of p reaches u. */
static inline uint8_t draw_letter(const double p[LETTERS], double u) {
    int i = 0;
    while (i < LETTERS - 1 && (u -= p[i]) > 0) i++;
    return (uint8_t)i;
}

#endif
