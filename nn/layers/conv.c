// SPDX-License-Identifier: MIT
/* conv.c: convolutions and their transposes over lines and images: one function for the four, which
   differ in a row of a table. */
#include "nn/layers/layer_impl.h"

typedef wg_tensor *convolution(wg_tensor *x, wg_tensor *w, wg_tensor *bias, wg_conv_options o);
typedef struct kind {
    const char *what;
    convolution *apply;
    int axes;  // 1 or 2
    bool transposed;
} kind;
static const kind conv1d = { "nn_conv1d", wg_conv1d, 1, false };
static const kind conv2d = { "nn_conv2d", wg_conv2d, 2, false };
static const kind transpose1d = { "nn_conv_transpose1d", wg_conv_transpose1d, 1, true };
static const kind transpose2d = { "nn_conv_transpose2d", wg_conv_transpose2d, 2, true };

typedef struct conv {
    const kind *kind;
    wg_tensor *x;
    int64_t channels, kernel[2];  // the second number is 1 for lines
    wg_conv_layer_options o;
} conv;

/* ---- what fits ------------------------------------------------------------------------------- */

static bool input_valid(const conv *c) {
    static const wg__takes takes[] = { { 3, 3, "(B, C, L)" }, { 4, 4, "(B, C, H, W)" } };
    return wg__layer_takes(c->kind->what, "x", c->x, takes[c->kind->axes - 1]);
}

static bool sizes_valid(const conv *c) {
    if (c->channels < 1)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: %lld channels", c->kind->what,
                       (long long)c->channels);
    if (c->kind->axes == 1 && c->o.width != 0)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: a kernel of width %lld: lines have a size alone",
                       c->kind->what, (long long)c->o.width);
    return (c->kernel[0] >= 1 && c->kernel[1] >= 1) ||
           wg_fail(WG_ERROR_ARGUMENT, "%s: a kernel of %lld by %lld", c->kind->what,
                   (long long)c->kernel[0], (long long)c->kernel[1]);
}

static bool groups_valid(const conv *c) {
    const int64_t in = wg_dim(c->x, 1), groups = c->o.groups;
    return (groups >= 1 && in >= 1 && in % groups == 0 && c->channels % groups == 0) ||
           wg_fail(WG_ERROR_ARGUMENT, "%s: %lld groups do not divide %lld channels in and %lld out",
                   c->kind->what, (long long)groups, (long long)in, (long long)c->channels);
}

static bool padding_valid(const conv *c) {
    const wg_conv_layer_options *o = &c->o;
    if (c->kind->transposed && (o->same || o->padding_mode != WG_PAD_CONSTANT))
        return wg_fail(WG_ERROR_ARGUMENT, "%s: %s is for convolutions", c->kind->what,
                       o->same ? "same" : "a padding_mode");
    if ((unsigned)o->padding_mode > WG_PAD_CIRCULAR)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: there is no padding_mode %d", c->kind->what,
                       (int)o->padding_mode);
    if (!o->same) return true;
    if (o->stride[0] > 1 || o->stride[1] > 1)
        return wg_fail(WG_ERROR_ARGUMENT, "%s: same with a stride of [%lld,%lld]: wanted is 1",
                       c->kind->what, (long long)o->stride[0], (long long)o->stride[1]);
    return (o->padding[0] == 0 && o->padding[1] == 0) ||
           wg_fail(WG_ERROR_ARGUMENT,
                   "%s: same and a padding of [%lld,%lld]: wanted is one of them", c->kind->what,
                   (long long)o->padding[0], (long long)o->padding[1]);
}

static bool valid(const conv *c) {
    return input_valid(c) && sizes_valid(c) && groups_valid(c) && padding_valid(c);
}

/* ---- parameters ------------------------------------------------------------------------------ */

// 0, which is a fan from the shape, where there is no such number: the shape is refused then.
static int64_t fan(const conv *c, int64_t channels) {
    int64_t n = channels / c->o.groups;
    for (int i = 0; i < 2; i++)
        if (__builtin_mul_overflow(n, c->kernel[i], &n)) return 0;
    return n;
}

/* Each element of the result is a sum over fan_in elements of x, each of x goes into fan_out of the
   result: those of its group. */
static wg_init with_fans(const conv *c, int64_t in) {
    wg_init init = c->o.w;
    if (init.fan_in == 0) init.fan_in = fan(c, in);
    if (init.fan_out == 0) init.fan_out = fan(c, c->channels);
    return init;
}

// (out, in / groups, kernel), or of a transpose (in, out / groups, kernel)
static wg_shape weight_shape(const conv *c) {
    const int64_t in = wg_dim(c->x, 1), groups = c->o.groups;
    wg_shape shape = WG_SHAPE(c->channels, in / groups, c->kernel[0], c->kernel[1]);
    if (c->kind->transposed) shape.dim[0] = in, shape.dim[1] = c->channels / groups;
    shape.rank = 2 + c->kind->axes;
    return shape;
}

static bool inits_fit(const conv *c) {
    wg_dtype dtype = wg_dtype_of(c->x);
    return wg__init_fits(c->o.w, dtype, weight_shape(c)) &&
           wg__bias_fits(c->kind->what, c->o.no_bias, c->o.b, dtype, WG_SHAPE(c->channels));
}

/* ---- the four layers ------------------------------------------------------------------------- */

/* How many elements stand before and behind along an axis. To keep the size it takes dilation
   (kernel - 1) of them, of which an odd one stands behind. What is out of any range gets none, and
   is refused by the operation. */
static void padding_of(const conv *c, int axis, int64_t *before, int64_t *after) {
    const int64_t most = (int64_t)1 << 30, given = c->o.dilation[axis];
    const int64_t dilation = given ? given : 1;
    *before = *after = c->o.padding[axis];
    if (!c->o.same || dilation < 0 || dilation > most || c->kernel[axis] > most) return;
    const int64_t total = (c->kernel[axis] - 1) * dilation;
    *before = total / 2;
    *after = total - *before;
}

// x with the padding that the operation cannot do, which only puts zeros, as many on both sides.
static wg_tensor *padded(const conv *c, wg_conv_options *o) {
    wg_shape before = { .rank = c->kind->axes }, after = before;
    const bool zeros = c->o.padding_mode == WG_PAD_CONSTANT;
    bool needed = false;
    for (int i = 0; i < c->kind->axes; i++) {
        padding_of(c, i, &before.dim[i], &after.dim[i]);
        o->padding[i] = zeros ? before.dim[i] : 0;
        before.dim[i] -= o->padding[i], after.dim[i] -= o->padding[i];
        needed = needed || before.dim[i] != 0 || after.dim[i] != 0;
    }
    return needed ? wg_pad(c->x, before, after, (wg_pad_options){ c->o.padding_mode, 0 }) : c->x;
}

static wg_tensor *apply(wg_nn *layer, const conv *c) {
    const wg_conv_layer_options *from = &c->o;
    wg_dtype dtype = wg_dtype_of(c->x);
    wg_tensor *b = NULL,
              *w = wg_nn_param(layer, "w", dtype, weight_shape(c), with_fans(c, wg_dim(c->x, 1)));
    if (w && !from->no_bias) b = wg_nn_param(layer, "b", dtype, WG_SHAPE(c->channels), from->b);
    if (!w || (!b && !from->no_bias)) return NULL;
    wg_conv_options o = { .groups = from->groups };
    for (int i = 0; i < 2; i++) {
        o.stride[i] = from->stride[i], o.padding[i] = from->padding[i];
        o.dilation[i] = from->dilation[i], o.output_padding[i] = from->output_padding[i];
    }
    wg_tensor *x = c->kind->transposed ? c->x : padded(c, &o);
    return c->kind->apply(x, w, b, o);
}

static wg_tensor *convolve(wg_nn *m, const char *name, conv c, int64_t size) {
    wg_nn *layer = wg_nn_enter(m, name, c.kind->what);
    if (!layer) return NULL;
    c.kernel[0] = size;
    c.kernel[1] = c.kind->axes == 1 ? 1 : c.o.width ? c.o.width : size;
    if (c.o.groups == 0) c.o.groups = 1;
    return wg_nn_leave(m, layer, valid(&c) && inits_fit(&c) ? apply(layer, &c) : NULL);
}

wg_tensor *wg_nn_conv1d_with(wg_nn *m, const char *name, wg_tensor *x, int64_t channels,
                             int64_t size, wg_conv_layer_options o) {
    return convolve(m, name, (conv){ .kind = &conv1d, .x = x, .channels = channels, .o = o }, size);
}
wg_tensor *wg_nn_conv1d(wg_nn *m, const char *name, wg_tensor *x, int64_t channels, int64_t size) {
    return wg_nn_conv1d_with(m, name, x, channels, size, (wg_conv_layer_options){ .same = false });
}

wg_tensor *wg_nn_conv2d_with(wg_nn *m, const char *name, wg_tensor *x, int64_t channels,
                             int64_t size, wg_conv_layer_options o) {
    return convolve(m, name, (conv){ .kind = &conv2d, .x = x, .channels = channels, .o = o }, size);
}
wg_tensor *wg_nn_conv2d(wg_nn *m, const char *name, wg_tensor *x, int64_t channels, int64_t size) {
    return wg_nn_conv2d_with(m, name, x, channels, size, (wg_conv_layer_options){ .same = false });
}

wg_tensor *wg_nn_conv_transpose1d_with(wg_nn *m, const char *name, wg_tensor *x, int64_t channels,
                                       int64_t size, wg_conv_layer_options o) {
    return convolve(m, name, (conv){ .kind = &transpose1d, .x = x, .channels = channels, .o = o },
                    size);
}
wg_tensor *wg_nn_conv_transpose1d(wg_nn *m, const char *name, wg_tensor *x, int64_t channels,
                                  int64_t size) {
    return wg_nn_conv_transpose1d_with(m, name, x, channels, size,
                                       (wg_conv_layer_options){ .same = false });
}

wg_tensor *wg_nn_conv_transpose2d_with(wg_nn *m, const char *name, wg_tensor *x, int64_t channels,
                                       int64_t size, wg_conv_layer_options o) {
    return convolve(m, name, (conv){ .kind = &transpose2d, .x = x, .channels = channels, .o = o },
                    size);
}
wg_tensor *wg_nn_conv_transpose2d(wg_nn *m, const char *name, wg_tensor *x, int64_t channels,
                                  int64_t size) {
    return wg_nn_conv_transpose2d_with(m, name, x, channels, size,
                                       (wg_conv_layer_options){ .same = false });
}
