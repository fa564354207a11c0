// SPDX-License-Identifier: MIT
/* window.h: what the operations that slide a window over images share: how its numbers are read
   from options, where 0 is the default, and what is refused. */
#ifndef WG_WINDOW_H
#define WG_WINDOW_H

#include "autograd/ops/ops_impl.h"
#include "tensor/kernels/kernels.h"

/* Two fields of an attribute struct, as `name_h` and `name_w`. */
#define WG__PAIR(type, name, field)                                                                \
    { name "_h", WG_ATTR_INT, offsetof(type, field) }, {                                           \
        name "_w", WG_ATTR_INT, offsetof(type, field) + sizeof(int64_t)                            \
    }

/* The numbers of a window, but for its count; where stride or dilation is 0 it becomes 1. */
wg__window wg__window_of(const int64_t image[2], const int64_t kernel[2], const int64_t stride[2],
                         const int64_t padding[2], const int64_t dilation[2]);
/* In infer: finds the count; false after reporting numbers that are out of range, or a kernel that
   is larger than the padded image. */
bool wg__window_fits(const wg_call *c, wg__window *w);
/* In infer, for pooling, once the window fits: padding is at most half of what the kernel covers,
   and no window sees padding alone; reports otherwise. */
bool wg__half_padded(const wg_call *c, const wg__window *w);
/* In infer: finds the image of which `count` windows, and `more` elements beyond the last of them,
   are all; reports likewise. */
bool wg__window_grows(const wg_call *c, wg__window *w, const int64_t more[2]);
/* In infer: input i has shape (N, C, H, W), float elements, and its image comes back. */
bool wg__image_of(const wg_call *c, int i, int64_t image[2]);

typedef struct wg__pool_attr {  // of max_pool2d
    int64_t kernel[2], stride[2], padding[2], dilation[2];
} wg__pool_attr;

/* For references: calls `term` for each tap of each window of each image and channel, with the
   offsets of the tap in x (N, C, image), dense, and of that element in unfold's result. */
typedef void wg__tap(void *user, int64_t at, int64_t column);
void wg__each_tap(const wg__window *w, int64_t images, int64_t channels, wg__tap *term, void *user);

/* Two numbers out of a list; reports any other length. */
bool wg__pair_of(const char *op, const char *what, const wg_shape *from, int64_t pair[2]);
/* The first rows and columns of x (N, C, H, W), as many as `size` says. */
wg_tensor *wg__crop(wg_tensor *x, const int64_t size[2]);

#endif
