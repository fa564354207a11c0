// SPDX-License-Identifier: MIT
/* unfold.c: the windows of images as columns, and columns added back to images: each is the other's
   transpose. Also what is common to all that slides a window: its numbers, read and checked. */
#include "autograd/ops/window.h"

/* ---- the window's numbers -------------------------------------------------------------------- */

wg__window wg__window_of(const int64_t image[2], const int64_t kernel[2], const int64_t stride[2],
                         const int64_t padding[2], const int64_t dilation[2]) {
    wg__window w = { .count = { 0, 0 } };
    for (int a = 0; a < 2; a++) {
        w.image[a] = image[a], w.kernel[a] = kernel[a], w.padding[a] = padding[a];
        w.stride[a] = stride[a] ? stride[a] : 1;
        w.dilation[a] = dilation[a] ? dilation[a] : 1;
    }
    return w;
}

#define PAIR(p) (long long)(p)[0], (long long)(p)[1]

static bool in_range(const wg_call *c, const wg__window *w) {
    for (int a = 0; a < 2; a++) {
        if (w->kernel[a] < 1)
            return wg_call_fail(c, WG_ERROR_SHAPE, "the kernel is %lldx%lld", PAIR(w->kernel));
        if (w->stride[a] < 1 || w->dilation[a] < 1 || w->padding[a] < 0)
            return wg_call_fail(c, WG_ERROR_ARGUMENT,
                                "stride %lldx%lld, padding %lldx%lld, dilation %lldx%lld: a number "
                                "is negative",
                                PAIR(w->stride), PAIR(w->padding), PAIR(w->dilation));
    }
    return true;
}

static bool too_large(const wg_call *c, const wg__window *w) {
    return wg_call_fail(c, WG_ERROR_SHAPE,
                        "kernel %lldx%lld, stride %lldx%lld, padding %lldx%lld, dilation "
                        "%lldx%lld: too large",
                        PAIR(w->kernel), PAIR(w->stride), PAIR(w->padding), PAIR(w->dilation));
}

// What the kernel covers, and what padding adds; false if that is more than an integer holds.
static bool extents(const wg__window *w, int a, int64_t *covers, int64_t *padding) {
    return !__builtin_mul_overflow(w->kernel[a] - 1, w->dilation[a], covers) &&
           !__builtin_add_overflow(*covers, 1, covers) &&
           !__builtin_mul_overflow(w->padding[a], 2, padding);
}

bool wg__window_fits(const wg_call *c, wg__window *w) {
    int64_t covers[2], padded[2];
    if (!in_range(c, w)) return false;
    if (w->image[0] < 1 || w->image[1] < 1)
        return wg_call_fail(c, WG_ERROR_SHAPE, "the image is %lldx%lld", PAIR(w->image));
    for (int a = 0; a < 2; a++)
        if (!extents(w, a, &covers[a], &padded[a]) ||
            __builtin_add_overflow(padded[a], w->image[a], &padded[a]))
            return too_large(c, w);
    if (covers[0] > padded[0] || covers[1] > padded[1])
        return wg_call_fail(c, WG_ERROR_SHAPE,
                            "the kernel covers %lldx%lld, the padded image is %lldx%lld",
                            PAIR(covers), PAIR(padded));
    for (int a = 0; a < 2; a++) w->count[a] = (padded[a] - covers[a]) / w->stride[a] + 1;
    return true;
}

bool wg__window_grows(const wg_call *c, wg__window *w, const int64_t more[2]) {
    const wg__window given = *w;
    if (!in_range(c, w)) return false;
    for (int a = 0; a < 2; a++) {
        int64_t covers, padding, size, most = w->stride[a];
        if (w->dilation[a] > most) most = w->dilation[a];
        if (more[a] < 0 || more[a] >= most)
            return wg_call_fail(c, WG_ERROR_ARGUMENT,
                                "output_padding %lldx%lld: it must be less than stride or dilation",
                                PAIR(more));
        if (w->count[a] < 1)
            return wg_call_fail(c, WG_ERROR_SHAPE, "the image is %lldx%lld", PAIR(w->count));
        if (!extents(w, a, &covers, &padding) ||
            __builtin_mul_overflow(w->count[a] - 1, w->stride[a], &size) ||
            __builtin_add_overflow(size, covers, &size) ||
            __builtin_add_overflow(size, more[a], &size))
            return too_large(c, w);
        w->image[a] = size - padding;
        if (w->image[a] < 1)
            return wg_call_fail(c, WG_ERROR_SHAPE, "padding %lldx%lld leaves nothing of the result",
                                PAIR(w->padding));
    }
    if (!wg__window_fits(c, w)) return false;  // the padded image overflows, then
    for (int a = 0; a < 2; a++) w->count[a] = given.count[a];
    return true;
}

bool wg__image_of(const wg_call *c, int i, int64_t image[2]) {
    if (!wg_call_float(c, i)) return false;
    if (wg_call_rank(c, i) != 4)
        return wg_call_fail(c, WG_ERROR_SHAPE, "input %d has %d dimensions, not 4: (N, C, H, W)", i,
                            wg_call_rank(c, i));
    image[0] = wg_call_dim(c, i, 2), image[1] = wg_call_dim(c, i, 3);
    return true;
}

bool wg__pair_of(const char *op, const char *what, const wg_shape *from, int64_t pair[2]) {
    pair[0] = from->dim[0], pair[1] = from->rank > 1 ? from->dim[1] : 1;
    return from->rank == 2 || wg_fail(WG_ERROR_ARGUMENT, "%s: the %s has %d number%s, not 2", op,
                                      what, from->rank, from->rank == 1 ? "" : "s");
}

wg_tensor *wg__crop(wg_tensor *x, const int64_t size[2]) {
    for (int a = 0; a < 2; a++)
        if (wg_dim(x, 2 + a) != size[a]) x = wg_slice(x, 2 + a, 0, size[a], 1);
    return x;
}

/* One tap after the other, and of all of them those within the image. */
void wg__each_tap(const wg__window *w, int64_t images, int64_t channels, wg__tap *term,
                  void *user) {
    int64_t size[] = { images * channels, w->kernel[0], w->kernel[1], w->count[0], w->count[1] };
    int64_t total = size[0] * size[1] * size[2] * size[3] * size[4];
    for (int64_t k = 0; k < total; k++) {
        int64_t s = k % size[4], r = k / size[4] % size[3], rest = k / size[4] / size[3];
        int64_t j = rest % size[2], i = rest / size[2] % size[1], c = rest / size[2] / size[1];
        int64_t y = r * w->stride[0] - w->padding[0] + i * w->dilation[0];
        int64_t x = s * w->stride[1] - w->padding[1] + j * w->dilation[1];
        if (y >= 0 && y < w->image[0] && x >= 0 && x < w->image[1])
            term(user, (c * w->image[0] + y) * w->image[1] + x, k);
    }
}

/* ---- unfold and fold ------------------------------------------------------------------------- */

typedef struct unfold_attr {
    int64_t kernel[2];
    wg_window_options o;
    int64_t size[2];  // of fold alone: the image
} unfold_attr;
static const wg_attr unfold_attrs[] = {
    WG__PAIR(unfold_attr, "kernel", kernel),     WG__PAIR(unfold_attr, "stride", o.stride),
    WG__PAIR(unfold_attr, "padding", o.padding), WG__PAIR(unfold_attr, "dilation", o.dilation),
    WG__PAIR(unfold_attr, "size", size),         { .name = NULL },
};

static wg__window window_of(const wg_call *c, const int64_t image[2]) {
    const unfold_attr *a = c->attr;
    return wg__window_of(image, a->kernel, a->o.stride, a->o.padding, a->o.dilation);
}

// Rows and columns of the matrix that an image of so many channels unfolds to.
static bool matrix_size(const wg_call *c, const wg__window *w, int64_t channels, int64_t size[2]) {
    return (!__builtin_mul_overflow(w->kernel[0], w->kernel[1], &size[0]) &&
            !__builtin_mul_overflow(size[0], channels, &size[0]) &&
            !__builtin_mul_overflow(w->count[0], w->count[1], &size[1])) ||
           too_large(c, w);
}

static bool unfold_infer(const wg_call *c, wg_spec *out) {
    int64_t image[2], size[2] = { 0, 0 };
    if (!wg__image_of(c, 0, image)) return false;
    wg__window w = window_of(c, image);
    if (!wg__window_fits(c, &w) || !matrix_size(c, &w, wg_call_dim(c, 0, 1), size)) return false;
    return wg_spec_set(out, wg_call_dtype(c, 0), WG_SHAPE(wg_call_dim(c, 0, 0), size[0], size[1]));
}

static bool fold_infer(const wg_call *c, wg_spec *out) {
    int64_t size[2] = { 0, 0 };
    wg__window w = window_of(c, ((const unfold_attr *)c->attr)->size);
    if (!wg_call_float(c, 0)) return false;
    if (wg_call_rank(c, 0) != 3)
        return wg_call_fail(c, WG_ERROR_SHAPE, "it has %d dimensions, not 3", wg_call_rank(c, 0));
    if (!wg__window_fits(c, &w) || !matrix_size(c, &w, 1, size)) return false;
    int64_t rows = wg_call_dim(c, 0, 1), columns = wg_call_dim(c, 0, 2);
    if (rows % size[0] != 0)
        return wg_call_fail(c, WG_ERROR_SHAPE, "%lld rows are no multiple of the kernel's %lld",
                            (long long)rows, (long long)size[0]);
    if (columns != size[1])
        return wg_call_fail(c, WG_ERROR_SHAPE, "%lld columns, but %lldx%lld windows",
                            (long long)columns, PAIR(w.count));
    return wg_spec_set(out, wg_call_dtype(c, 0),
                       WG_SHAPE(wg_call_dim(c, 0, 0), rows / size[0], w.image[0], w.image[1]));
}

/* The window of a call that was inferred before, its image being that of x (N, C, H, W). */
static wg__window known_window(const wg_call *c, const wg_shape *x) {
    wg__window w = window_of(c, &x->dim[2]);
    wg__window_fits(c, &w);
    return w;
}

typedef void move(const wg_view *columns, const wg_view *x, const wg__window *w,
                  const wg__windows *part);

static void each_image(const wg_call *c, move *go, const wg_view *columns, const wg_view *x) {
    const wg__window w = known_window(c, &x->shape);
    for (int64_t n = 0; n < x->shape.dim[0]; n++) {
        wg_view matrix = { .data = wg__at(columns, n * columns->stride[0]),
                           .dtype = columns->dtype,
                           .shape = WG_SHAPE(columns->shape.dim[1], columns->shape.dim[2]),
                           .stride = { columns->stride[1], columns->stride[2] } };
        go(&matrix, x, &w, &(wg__windows){ { n, 0, 0 }, { 1, w.count[0], w.count[1] } });
    }
}

static bool unfold_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    each_image(c, wg__unfold, out, in[0]);
    return true;
}

static void add_back(const wg_view *columns, const wg_view *x, const wg__window *w,
                     const wg__windows *part) {
    wg__fold(x, columns, w, part);
}

static bool fold_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    wg__fill_view(out, 0);
    each_image(c, add_back, in[0], out);
    return true;
}

static wg_tensor *unfold_vjp(const wg_call *c, wg_tensor *gy, int i) {
    unfold_attr a = *(const unfold_attr *)c->attr;
    for (int k = 0; k < 2; k++) a.size[k] = wg_dim(c->in[i], 2 + k);
    return wg__op1(&wg__op_fold, gy, &a);
}

static wg_tensor *fold_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return wg__op1(&wg__op_unfold, gy, c->attr);
}

typedef struct two {
    const double complex *from;
    double complex *to;
} two;
static void take_tap(void *user, int64_t at, int64_t column) {
    ((two *)user)->to[column] = ((two *)user)->from[at];
}
static void add_tap(void *user, int64_t at, int64_t column) {
    ((two *)user)->to[at] += ((two *)user)->from[column];
}

static bool reference(const wg_call *c, const wg_zview *x, const wg_zview *y, wg__tap *term) {
    const wg_shape *image = term == take_tap ? &x->shape : &y->shape;
    wg__window w = known_window(c, image);
    for (int64_t k = 0, n = wg__numel(&y->shape); k < n; k++) y->data[k] = 0;
    wg__each_tap(&w, image->dim[0], image->dim[1], term, &(two){ x->data, y->data });
    return true;
}

static bool unfold_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    return reference(c, &in[0], out, take_tap);
}

static bool fold_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    return reference(c, &in[0], out, add_tap);
}

#define COMMON                                                                                     \
    .abi = WG_OP_ABI, .inputs = 1, .flags = WG_OP_LINEAR, .saves = WG_SAVES_NOTHING,               \
    .attr_size = sizeof(unfold_attr), .attrs = unfold_attrs, .jvp = wg_op_jvp_linear

WG__DEFINE_OP(unfold) = {
    COMMON,
    .name = "unfold",
    .doc = "y[n][(c, i, j)][(r, s)] = x[n][c][r stride - padding + i dilation][likewise s, j]: "
           "the windows of images as columns (im2col)",
    .shapes = "(N, C, H, W) -> (N, C kh kw, L), L the number of windows",
    .derivative = "dx = fold(gy)",
    .edges = "the padding is 0; an empty batch gives an empty result; an image or a kernel without "
             "elements is refused",
    .equals = "torch.nn.functional.unfold",
    .infer = unfold_infer,
    .forward = unfold_forward,
    .vjp = unfold_vjp,
    .reference = unfold_reference,
    .samples = { "1,1,3,4 | kernel_h=2 kernel_w=3", "2,2,3,3 | kernel_h=2 kernel_w=2",
                 "1,2,4,5 | kernel_h=3 kernel_w=2 stride_h=2 stride_w=3 padding_h=1 padding_w=2",
                 "1,1,5,4 | kernel_h=2 kernel_w=2 dilation_h=3 dilation_w=2 padding_w=1",
                 "2,3,2,2 | kernel_h=1 kernel_w=1",
                 "1,1,1,7 | kernel_h=1 kernel_w=3 stride_w=2 stride_h=9223372036854775807",
                 "1,1,2,2 | kernel_h=1 kernel_w=1 padding_h=2 padding_w=3 stride_w=2",
                 "0,2,3,3 | kernel_h=2 kernel_w=2", "2,0,3,3 | kernel_h=2 kernel_w=2" },
    .bad = { "1,3,4 | kernel_h=2 kernel_w=2", "1,1,3,3 | kernel_h=4 kernel_w=1",
             "1,1,3,3 | kernel_h=2 kernel_w=2 dilation_w=3", "1,1,3,3", "1,1,0,3 | kernel_w=1",
             "1,1,3,3 | kernel_h=2 kernel_w=2 padding_h=-1",
             "1,1,3,3 | kernel_h=2 kernel_w=2 stride_w=-1", "1,1,3,3@i0..3 | kernel_h=2 kernel_w=2",
             "1,1,3,3 | kernel_h=4611686018427387904 kernel_w=2 dilation_h=3",
             "1,1,3,3 | kernel_h=1 kernel_w=2 padding_h=6000000000000000000",
             "0,1,3,3 | kernel_h=1 kernel_w=2 padding_h=4000000000000000000 padding_w=9" },
};

WG__DEFINE_OP(fold) = {
    COMMON,
    .name = "fold",
    .doc =
        "y[n][c][...] = the sum of all x[n][(c, i, j)][(r, s)] that unfold takes from there: its "
        "transpose",
    .shapes = "(N, C kh kw, L) -> (N, C, H, W)",
    .derivative = "dx = unfold(gy)",
    .edges = "0 where no window reaches; what lies in the padding is dropped",
    .equals = "torch.nn.functional.fold",
    .infer = fold_infer,
    .forward = fold_forward,
    .vjp = fold_vjp,
    .reference = fold_reference,
    .samples = { "1,6,4 | kernel_h=2 kernel_w=3 size_h=3 size_w=4",
                 "2,8,4 | kernel_h=2 kernel_w=2 size_h=3 size_w=3",
                 "1,12,4 | kernel_h=3 kernel_w=2 stride_h=2 stride_w=4 padding_h=1 padding_w=2 "
                 "size_h=4 size_w=3",
                 "1,4,4 | kernel_h=2 kernel_w=2 dilation_h=2 dilation_w=2 size_h=4 size_w=4",
                 "2,3,4 | kernel_h=1 kernel_w=1 size_h=2 size_w=2",
                 "1,2,1 | kernel_h=1 kernel_w=2 stride_h=9 size_h=3 size_w=2",
                 "0,4,4 | kernel_h=2 kernel_w=2 size_h=3 size_w=3",
                 "2,0,4 | kernel_h=2 kernel_w=2 size_h=3 size_w=3" },
    .bad = { "1,6,5 | kernel_h=2 kernel_w=3 size_h=3 size_w=4",
             "1,7,4 | kernel_h=2 kernel_w=3 size_h=3 size_w=4",
             "6,4 | kernel_h=2 kernel_w=3 size_h=3 size_w=4", "1,6,4 | kernel_h=2 kernel_w=3",
             "1,6,4@i0..3 | kernel_h=2 kernel_w=3 size_h=3 size_w=4",
             "1,0,1 | kernel_h=4000000000 kernel_w=4000000000 size_h=4000000000 "
             "size_w=4000000000" },
};

wg_tensor *wg_unfold(wg_tensor *x, wg_shape kernel, wg_window_options o) {
    unfold_attr a = { .o = o };
    if (!wg__pair_of("unfold", "kernel", &kernel, a.kernel)) return NULL;
    return wg__op1(&wg__op_unfold, x, &a);
}

wg_tensor *wg_fold(wg_tensor *x, wg_shape size, wg_shape kernel, wg_window_options o) {
    unfold_attr a = { .o = o };
    if (!wg__pair_of("fold", "size", &size, a.size) ||
        !wg__pair_of("fold", "kernel", &kernel, a.kernel))
        return NULL;
    return wg__op1(&wg__op_fold, x, &a);
}
