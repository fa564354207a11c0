// SPDX-License-Identifier: MIT
/* image_impl.h: an image as bytes, between image.c, which makes it of a tensor, and image_png.c. */
#ifndef WG_IMAGE_IMPL_H
#define WG_IMAGE_IMPL_H

#include "io/io_impl.h"

typedef struct wg__image {
    size_t rows, columns, channels;  // 1: grey, 3: RGB
    unsigned char *pixels;           // to be freed with wg__free
} wg__image;

/* Writes an 8-bit PNG (ISO/IEC 15948). */
bool wg__png_write(const char *path, const wg__image *m);

#endif
