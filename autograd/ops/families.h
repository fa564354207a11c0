// SPDX-License-Identifier: MIT
/* families.h: which family an operation of the library belongs to, from the FAMILY lines of the
   lists, for documents and tests that go through them family by family. */
#ifndef WG_FAMILIES_H
#define WG_FAMILIES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Lines in order: a title, or the name of an operation of the last title. */
static const struct wg__family_line {
    const char *title, *name;
} wg__family_lines[] = {
#define FAMILY(title) { title, NULL },
#define ENTRY(name) { NULL, #name },
#include "autograd/ops/all.def"
#undef ENTRY
};
enum { WG__FAMILY_LINES = sizeof wg__family_lines / sizeof *wg__family_lines };

/* NULL for an operation that is not of the library. */
static inline const char *wg__family_of(const char *name) {
    const char *title = NULL;
    for (int k = 0; k < WG__FAMILY_LINES; k++) {
        const struct wg__family_line *line = &wg__family_lines[k];
        if (line->title) title = line->title;
        if (line->name && strcmp(line->name, name) == 0) return title;
    }
    return NULL;
}

/* The k-th title, each once, a family that goes on later being where it begins; NULL after the
   last. */
static inline const char *wg__family_at(int k) {
    for (int i = 0; i < WG__FAMILY_LINES; i++) {
        const char *title = wg__family_lines[i].title;
        bool known = !title;
        for (int j = 0; j < i && !known; j++)
            known = wg__family_lines[j].title && !strcmp(wg__family_lines[j].title, title);
        if (!known && k-- == 0) return title;
    }
    return NULL;
}

#endif
