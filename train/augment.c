// SPDX-License-Identifier: MIT
/* augment.c: images moved and mirrored, in place in the batch. Every sample draws from a stream of
   its own, so that neither the order of a pass nor the size of its batches decides what becomes of
   it. */
#include <math.h>
#include <string.h>

#include "train/train_impl.h"

enum { AUGMENT = 3, STREAMS = 4 };  // sample i draws from stream AUGMENT + STREAMS * i

/* ---- which images ---------------------------------------------------------------------------- */

static bool is_probability(double p) { return p >= 0 && p <= 1; }

static bool moves(const wg_augment *a) { return a->shift > 0 || a->flip > 0; }

static bool how_valid(const wg_augment *a) {
    if (a->shift < 0 || !is_probability(a->flip) || !is_probability(a->still))
        return wg_fail(WG_ERROR_ARGUMENT,
                       "data_next: augment by shift %lld, still %g, flip %g; wanted are a shift "
                       "from 0 on and probabilities",
                       (long long)a->shift, a->still, a->flip);
    if (a->rows < 0 || a->columns < 0)
        return wg_fail(WG_ERROR_ARGUMENT, "data_next: augment images of %lld rows, %lld columns",
                       (long long)a->rows, (long long)a->columns);
    if (moves(a) || (a->still == 0 && a->rows == 0 && a->columns == 0)) return true;
    return wg_fail(WG_ERROR_ARGUMENT,
                   "data_next: augment images of %lld rows, %lld columns, still %g, by shift 0 and "
                   "flip 0, which is nothing",
                   (long long)a->rows, (long long)a->columns, a->still);
}

static bool no_images(const wg_batch *b, const wg_tensor *x) {
    char text[200];
    return wg_fail(WG_ERROR_SHAPE,
                   "data_next: augment takes samples (H, W), (C, H, W) or flat ones of %lld rows, "
                   "%lld columns; a batch is %s",
                   (long long)b->augment.rows, (long long)b->augment.columns,
                   wg_shape_text(wg_shape_of(x), text, sizeof text));
}

static bool shift_fits(const wg__images *im) {
    int64_t shift = im->how.shift;
    if (shift == 0 || (shift < im->rows && shift < im->columns)) return true;
    return wg_fail(
        WG_ERROR_ARGUMENT,
        "data_next: augment by shift %lld moves images of %lld rows, %lld columns out of "
        "sight",
        (long long)shift, (long long)im->rows, (long long)im->columns);
}

static bool lay_out(const wg_batch *b, const wg_tensor *x, wg__images *im) {
    const wg_augment *a = &b->augment;
    int rank = wg_rank(x);
    im->channels = 1, im->rows = a->rows, im->columns = a->columns;
    if (rank == 2) {
        if (a->rows > 0 && wg_dim(x, 1) % a->rows == 0 && wg_dim(x, 1) / a->rows == a->columns)
            return true;
        return no_images(b, x);
    }
    if (rank != 3 && rank != 4) return no_images(b, x);
    if (rank == 4) im->channels = wg_dim(x, 1);
    im->rows = wg_dim(x, -2), im->columns = wg_dim(x, -1);
    return true;
}

bool wg__images_of(const wg_batch *b, const wg_tensor *x, wg__images *im) {
    const wg_augment *a = &b->augment;
    *im = (wg__images){ .how = *a, .seed = b->seed, .size = wg__size_of(wg_dtype_of(x)) };
    if (!how_valid(a)) return false;
    return !moves(a) || (lay_out(b, x, im) && shift_fits(im));
}

/* ---- moving ---------------------------------------------------------------------------------- */

// A row moved to the right (to the left if negative), zeros coming in.
static void shift_row(const wg__images *im, char *to, const char *from, int64_t right) {
    int64_t moved = right < 0 ? -right : right;
    if (moved > im->columns) moved = im->columns;
    size_t kept = (size_t)(im->columns - moved) * im->size, gap = (size_t)moved * im->size;
    memmove(right < 0 ? to : to + gap, right < 0 ? from + gap : from, kept);
    memset(right < 0 ? to + kept : to, 0, gap);
}

// From the side that the image moves to, so that no row is overwritten before it is read.
static void shift_plane(const wg__images *im, char *plane, int64_t down, int64_t right) {
    size_t bytes = (size_t)im->columns * im->size;
    for (int64_t i = 0; i < im->rows; i++) {
        int64_t row = down < 0 ? i : im->rows - 1 - i, from = row - down;
        char *to = plane + (size_t)row * bytes;
        if (from >= 0 && from < im->rows)
            shift_row(im, to, plane + (size_t)from * bytes, right);
        else
            memset(to, 0, bytes);
    }
}

static void swap(char *a, char *b, size_t size) {
    char kept[8];
    memcpy(kept, a, size);
    memcpy(a, b, size);
    memcpy(b, kept, size);
}

static void mirror_plane(const wg__images *im, char *plane) {
    for (int64_t row = 0; row < im->rows; row++)
        for (int64_t i = 0, j = im->columns - 1; i < j; i++, j--) {
            char *start = plane + (size_t)(row * im->columns) * im->size;
            swap(start + (size_t)i * im->size, start + (size_t)j * im->size, im->size);
        }
}

void wg__augment(const wg__images *im, int64_t sample, char *image) {
    wg_random r = { .seed = im->seed, .stream = AUGMENT + STREAMS * (uint64_t)sample };
    int64_t most = im->how.shift, down = 0, right = 0;
    bool mirrored = wg_random_uniform(&r) < im->how.flip;
    if (most > 0 && wg_random_uniform(&r) >= im->how.still) {
        down = wg_random_below(&r, 2 * most + 1) - most;
        right = wg_random_below(&r, 2 * most + 1) - most;
    }
    for (int64_t c = 0; c < im->channels; c++) {
        char *plane = image + (size_t)(c * im->rows * im->columns) * im->size;
        if (mirrored) mirror_plane(im, plane);
        if (down != 0 || right != 0) shift_plane(im, plane, down, right);
    }
}
