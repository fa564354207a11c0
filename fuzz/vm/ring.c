// SPDX-License-Identifier: MIT
/* ring.c: tags of two bytes as operations, by consistent hashing (Karger et al. 1997). Each name
   has a few places on a ring of 65536, and a tag means the next place at or after it. One operation
   more takes a few stretches over and leaves all else as it was, so a corpus stays what it is. */
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "fuzz/vm/vm.h"

enum { PLACES = 16 };  // of a name: more of them make the shares more even

typedef struct place {
    uint16_t at;
    uint16_t turn;  // which of the name's places: the first to come wins where two meet
    const wg_op *op;
} place;

static place *ring;
static int places, known;  // known: how many operations stand in it

// By place, then by name, so that the order of registration does not matter.
static int compare(const void *a, const void *b) {
    const place *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return strcmp(x->op->name, y->op->name);
}

void wg__vm_ring_update(void) {
    int count = wg_op_count();
    place *grown = realloc(ring, (size_t)count * PLACES * sizeof *ring);
    if (!grown) return;  // the old one serves
    ring = grown, known = count, places = 0;
    for (int i = 0; i < count; i++)
        for (int k = 0; k < PLACES; k++) {
            const wg_op *op = wg_op_at(i);
            uint64_t hash = XXH3_64bits_withSeed(op->name, strlen(op->name), (uint64_t)k);
            ring[places++] = (place){ (uint16_t)(hash >> 48), (uint16_t)k, op };
        }
    qsort(ring, (size_t)places, sizeof *ring, compare);
}

static void look_for_more(void) {
    if (known != wg_op_count()) wg__vm_ring_update();
}

const wg_op *wg__vm_op(uint16_t tag) {
    look_for_more();
    int low = 0, high = places;
    while (low < high) {
        int middle = (low + high) / 2;
        if (ring[middle].at < tag)
            low = middle + 1;
        else
            high = middle;
    }
    return places ? ring[low == places ? 0 : low].op : NULL;
}

uint16_t wg__vm_tag(const wg_op *op) {
    look_for_more();
    for (int i = 0; i < places; i++)
        if (ring[i].op == op && wg__vm_op(ring[i].at) == op) return ring[i].at;
    return 0;
}
