// SPDX-License-Identifier: MIT
/* conv.c: convolution, its transpose, and the gradient for the weights. All three come from one
   form, linear in each of its three factors,

       T(x, w, y) = sum y[n][o][p] w[o][c][k] x[n][c][p stride - padding + k dilation],

   each being T's derivative in one factor, given the other two. So the derivative of any of them is
   the other two, for every order. */
#include "autograd/ops/window.h"

/* wg_conv_options come first, so that they serve as the attributes of the records without a kernel
   of their own. */
typedef struct conv_attr {
    wg_conv_options o;
    int64_t kernel[2];  // of conv2d_weight alone
} conv_attr;

#define OPTION_ATTRS                                                                               \
    WG__PAIR(conv_attr, "stride", o.stride), WG__PAIR(conv_attr, "padding", o.padding),            \
        WG__PAIR(conv_attr, "dilation", o.dilation),                                               \
        WG__PAIR(conv_attr, "output_padding", o.output_padding), {                                 \
        "groups", WG_ATTR_INT, offsetof(conv_attr, o.groups)                                       \
    }
static const wg_attr conv_attrs[] = { OPTION_ATTRS, { .name = NULL } };
static const wg_attr weight_attrs[] = { OPTION_ATTRS,
                                        WG__PAIR(conv_attr, "kernel", kernel),
                                        { .name = NULL } };
#define CONV_ATTR .attr_size = sizeof(wg_conv_options), .attrs = conv_attrs

static const wg_conv_options *options(const wg_call *c) { return c->attr; }
static int64_t groups_of(const wg_call *c) { return options(c)->groups ? options(c)->groups : 1; }

static wg__window window_of(const wg_call *c, const int64_t image[2], const int64_t kernel[2]) {
    const wg_conv_options *o = options(c);
    return wg__window_of(image, kernel, o->stride, o->padding, o->dilation);
}

/* ---- what fits ------------------------------------------------------------------------------- */

// Two images, or an image and weights, of one dtype, and a bias where there may be one.
static bool operands_fit(const wg_call *c) {
    int64_t size[2];
    if (!wg__image_of(c, 0, size) || !wg__image_of(c, 1, size) || !wg_call_same_dtype(c))
        return false;
    if (groups_of(c) < 1)
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "%lld groups", (long long)groups_of(c));
    return true;
}

// The groups part both: `channels` of x and `outputs` of y.
static bool groups_fit(const wg_call *c, int64_t channels, int64_t outputs) {
    int64_t groups = groups_of(c);
    return (channels % groups == 0 && outputs % groups == 0) ||
           wg_call_fail(c, WG_ERROR_SHAPE, "%lld groups do not divide %lld and %lld channels",
                        (long long)groups, (long long)channels, (long long)outputs);
}

static bool bias_fits(const wg_call *c, int64_t channels) {
    if (c->inputs < 3 || !c->in[2]) return true;
    if (wg_call_rank(c, 2) == 1 && wg_call_dim(c, 2, 0) == channels) return true;
    return wg_call_fail(c, WG_ERROR_SHAPE, "the bias is not of %lld channels", (long long)channels);
}

static bool no_output_padding(const wg_call *c) {
    const int64_t *more = options(c)->output_padding;
    return (more[0] == 0 && more[1] == 0) ||
           wg_call_fail(c, WG_ERROR_ARGUMENT, "output_padding is for the transpose");
}

// Whoever comes from another library may have the channels last.
static bool channels_fail(const wg_call *c, const int64_t x[4], int64_t wanted) {
    const int64_t groups = groups_of(c), each = x[1] / groups;
    const bool last = x[3] / groups == wanted && x[3] % groups == 0;
    const char *order = c->op == &wg__op_conv2d ? "(N, C, H, W)" : "(N, C, L)";
    char hint[80] = "", parts[80] = "";
    if (last) snprintf(hint, sizeof hint, "; wanted is %s, is the last axis C?", order);
    if (groups > 1)
        snprintf(parts, sizeof parts, " in %lld groups, %lld to a group", (long long)groups,
                 (long long)each);
    return wg_call_fail(c, WG_ERROR_SHAPE, "x has %lld channels%s, the weights are for %lld%s%s",
                        (long long)x[1], parts, (long long)wanted, groups > 1 ? " to a group" : "",
                        hint);
}

static bool conv2d_infer(const wg_call *c, wg_spec *out) {
    if (!operands_fit(c) || !no_output_padding(c)) return false;
    const int64_t *x = c->in[0]->view.shape.dim, *w = c->in[1]->view.shape.dim;
    wg__window window = window_of(c, x + 2, w + 2);
    if (!groups_fit(c, x[1], w[0])) return false;
    if (x[1] / groups_of(c) != w[1]) return channels_fail(c, x, w[1]);
    if (!bias_fits(c, w[0]) || !wg__window_fits(c, &window)) return false;
    return wg_spec_set(out, wg_call_dtype(c, 0),
                       WG_SHAPE(x[0], w[0], window.count[0], window.count[1]));
}

static bool conv_transpose2d_infer(const wg_call *c, wg_spec *out) {
    if (!operands_fit(c)) return false;
    const int64_t *y = c->in[0]->view.shape.dim, *w = c->in[1]->view.shape.dim;
    wg__window window = window_of(c, y + 2, w + 2);
    int64_t channels;
    for (int a = 0; a < 2; a++) window.count[a] = y[2 + a];
    if (y[1] != w[0])
        return wg_call_fail(c, WG_ERROR_SHAPE, "x has %lld channels, the weights are for %lld",
                            (long long)y[1], (long long)w[0]);
    if (__builtin_mul_overflow(w[1], groups_of(c), &channels))
        return wg_call_fail(c, WG_ERROR_SHAPE, "too many channels");
    if (!groups_fit(c, channels, y[1]) || !bias_fits(c, channels) ||
        !wg__window_grows(c, &window, options(c)->output_padding))
        return false;
    return wg_spec_set(out, wg_call_dtype(c, 0),
                       WG_SHAPE(y[0], channels, window.image[0], window.image[1]));
}

/* Elements of the padded image beyond the last of `count` windows, which is the output_padding that
   leads back to it. */
static int64_t beyond(const wg__window *w, int axis, int64_t count) {
    return w->image[axis] + 2 * w->padding[axis] - (count - 1) * w->stride[axis] -
           (w->kernel[axis] - 1) * w->dilation[axis] - 1;
}

// y has the windows that fit into x, or as many of them as a transpose would have made x from.
static bool windows_fit(const wg_call *c, const wg__window *w, const int64_t count[2]) {
    bool fits = true;
    for (int a = 0; a < 2; a++) {
        int64_t most = w->stride[a] > w->dilation[a] ? w->stride[a] : w->dilation[a];
        fits = fits && count[a] > 0 && count[a] <= w->count[a] && beyond(w, a, count[a]) < most;
    }
    return fits || wg_call_fail(c, WG_ERROR_SHAPE, "there are %lldx%lld windows, not %lldx%lld",
                                (long long)w->count[0], (long long)w->count[1], (long long)count[0],
                                (long long)count[1]);
}

static bool conv2d_weight_infer(const wg_call *c, wg_spec *out) {
    const conv_attr *attr = c->attr;
    if (!operands_fit(c) || !no_output_padding(c)) return false;
    const int64_t *x = c->in[0]->view.shape.dim, *y = c->in[1]->view.shape.dim;
    wg__window window = window_of(c, x + 2, attr->kernel);
    if (!groups_fit(c, x[1], y[1]) || !wg__window_fits(c, &window)) return false;
    if (x[0] != y[0])
        return wg_call_fail(c, WG_ERROR_SHAPE, "%lld and %lld images", (long long)x[0],
                            (long long)y[0]);
    if (!windows_fit(c, &window, y + 2)) return false;
    return wg_spec_set(out, wg_call_dtype(c, 0),
                       WG_SHAPE(y[1], x[1] / groups_of(c), attr->kernel[0], attr->kernel[1]));
}

/* ---- values ---------------------------------------------------------------------------------- */

// The three factors of T, by their shapes.
static wg__window window_between(const wg_call *c, const wg_shape *x, const wg_shape *w,
                                 const wg_shape *y) {
    wg__window window = window_of(c, &x->dim[2], &w->dim[2]);
    for (int a = 0; a < 2; a++) window.count[a] = y->dim[2 + a];
    return window;
}

static wg__conv form(const wg_call *c, const wg_view *x, const wg_view *w, const wg_view *y) {
    return (wg__conv){ .window = window_between(c, &x->shape, &w->shape, &y->shape),
                       .groups = groups_of(c),
                       .x = *x,
                       .w = *w,
                       .y = *y };
}

static bool conv2d_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    wg__conv f = form(c, in[0], in[1], out);
    if (c->inputs > 2) f.bias = in[2];
    return wg__conv_value(&f);
}

static bool conv_transpose2d_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    const wg__conv f = form(c, out, in[1], in[0]);
    wg__fill_view(out, 0);
    if (c->inputs > 2 && in[2]) {
        wg_view bias = *in[2];  // (C) seen as (C, 1, 1)
        bias.shape = WG_SHAPE(bias.shape.dim[0], 1, 1);
        bias = wg__view_broadcast(&bias, &out->shape);
        wg__copy_view(out, &bias);
    }
    return wg__conv_image(&f);
}

static bool conv2d_weight_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    const wg__conv f = form(c, in[0], out, in[1]);
    return wg__conv_weight(&f);
}

/* ---- rules ----------------------------------------------------------------------------------- */

/* T's derivative in x, for an x of this size: the transpose makes the smallest image that has so
   many windows, and the rest is output_padding. */
static wg_tensor *towards_image(const wg_call *c, const int64_t size[2], wg_tensor *y,
                                wg_tensor *w) {
    wg_conv_options o = *options(c);
    const wg_view *windows = &y->view, *weights = &w->view;
    wg__window window = window_of(c, size, &weights->shape.dim[2]);
    for (int a = 0; a < 2; a++) o.output_padding[a] = beyond(&window, a, windows->shape.dim[2 + a]);
    return wg_conv_transpose2d(y, w, NULL, o);
}

// In y, for a y of this size, which may have fewer windows than would fit.
static wg_tensor *towards_windows(const wg_call *c, const int64_t size[2], wg_tensor *x,
                                  wg_tensor *w) {
    wg_conv_options o = *options(c);
    o.output_padding[0] = o.output_padding[1] = 0;
    return wg__crop(wg_conv2d(x, w, NULL, o), size);
}

// In w.
static wg_tensor *towards_weights(const wg_call *c, const int64_t kernel[2], wg_tensor *x,
                                  wg_tensor *y) {
    conv_attr a = { .o = *options(c), .kernel = { kernel[0], kernel[1] } };
    a.o.output_padding[0] = a.o.output_padding[1] = 0;
    return wg__op2(&wg__op_conv2d_weight, x, y, &a);
}

static wg_tensor *bias_gradient(wg_tensor *gy) { return wg_sum_axes(gy, WG_AXES(0, 2, 3), false); }

static const int64_t *image_size(const wg_tensor *x) { return &x->view.shape.dim[2]; }

static wg_tensor *conv2d_vjp(const wg_call *c, wg_tensor *gy, int i) {
    wg_tensor *x = c->in[0], *w = c->in[1];
    if (i == 0) return towards_image(c, image_size(x), gy, w);
    if (i == 1) return towards_weights(c, image_size(w), x, gy);
    return bias_gradient(gy);
}

static wg_tensor *conv_transpose2d_vjp(const wg_call *c, wg_tensor *gx, int i) {
    wg_tensor *y = c->in[0], *w = c->in[1];
    if (i == 0) return towards_windows(c, image_size(y), gx, w);
    if (i == 1) return towards_weights(c, image_size(w), gx, y);
    return bias_gradient(gx);
}

static wg_tensor *conv2d_weight_vjp(const wg_call *c, wg_tensor *gw, int i) {
    wg_tensor *x = c->in[0], *y = c->in[1];
    if (i == 0) return towards_image(c, image_size(x), y, gw);
    return towards_windows(c, image_size(y), x, gw);
}

// Linear in each of the first two inputs; the bias is added to one of the two terms, if there is
// one.
static wg_tensor *jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg_tensor *left[] = { dx[0], c->in[1], c->inputs > 2 ? dx[2] : NULL };
    wg_tensor *right[] = { c->in[0], dx[1], dx[0] ? NULL : left[2] };
    if (!dx[0] && !dx[1])
        return wg_expand(wg_reshape(left[2], WG_SHAPE(WG_REST, 1, 1)), wg_shape_of(c->out));
    wg_tensor *a = dx[0] ? wg_apply(c->op, left, c->inputs, c->attr) : NULL;
    wg_tensor *b = dx[1] ? wg_apply(c->op, right, c->inputs, c->attr) : NULL;
    return wg_add_maybe(a, b);
}

/* ---- references ------------------------------------------------------------------------------ */

typedef enum factor { IMAGE, WEIGHTS, WINDOWS } factor;
typedef struct terms {
    const double complex *from[3];
    double complex *to;
    factor wanted;
    int64_t channels, outputs, groups, kernel, windows;
} terms;

// All terms of T that take this element of x: it is read for `column` of its channel.
static void add_terms(void *user, int64_t at, int64_t column) {
    const terms *t = user;
    int64_t p = column % t->windows, k = column / t->windows % t->kernel;
    int64_t image = column / t->windows / t->kernel, n = image / t->channels;
    int64_t c = image % t->channels, each = t->channels / t->groups;
    int64_t mine = t->outputs / t->groups, first = c / each * mine;
    for (int64_t o = first; o < first + mine; o++) {
        int64_t place[] = { at, (o * each + c % each) * t->kernel + k,
                            (n * t->outputs + o) * t->windows + p };
        double complex product = 1;
        for (int f = 0; f < 3; f++)
            if (f != (int)t->wanted) product *= t->from[f][place[f]];
        t->to[place[t->wanted]] += product;
    }
}

// f: x, w and y, in this order; the wanted one is written.
static bool reference(const wg_call *c, const wg_zview *const f[3], factor wanted) {
    const wg_shape *x = &f[0]->shape, *w = &f[1]->shape, *y = &f[2]->shape;
    wg__window window = window_between(c, x, w, y);
    terms t = { .to = f[wanted]->data,
                .wanted = wanted,
                .channels = x->dim[1],
                .outputs = y->dim[1],
                .groups = groups_of(c),
                .kernel = w->dim[2] * w->dim[3],
                .windows = y->dim[2] * y->dim[3] };
    for (int k = 0; k < 3; k++) t.from[k] = f[k]->data;
    wg__each_tap(&window, x->dim[0], x->dim[1], add_terms, &t);
    return true;
}

// The bias, or 0, everywhere.
static void begin_with(const wg_zview *bias, wg_zview *out) {
    const int64_t *dim = out->shape.dim;
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++)
        out->data[k] = bias ? bias->data[k / dim[3] / dim[2] % dim[1]] : 0;
}

static bool conv2d_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    begin_with(c->inputs > 2 ? &in[2] : NULL, out);
    return reference(c, (const wg_zview *[]){ &in[0], &in[1], out }, WINDOWS);
}

static bool conv_transpose2d_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    begin_with(c->inputs > 2 ? &in[2] : NULL, out);
    return reference(c, (const wg_zview *[]){ out, &in[1], &in[0] }, IMAGE);
}

static bool conv2d_weight_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    begin_with(NULL, out);
    return reference(c, (const wg_zview *[]){ &in[0], out, &in[1] }, WEIGHTS);
}

/* ---- records --------------------------------------------------------------------------------- */

WG__DEFINE_OP(conv2d) = {
    .abi = WG_OP_ABI,
    .name = "conv2d",
    .doc = "y[n][o][p] = b[o] + sum_c,k w[o][c][k] x[n][c][p stride - padding + k dilation], p and "
           "k being pairs: cross-correlation, the convolution of networks",
    .shapes = "(N, C, H, W) x (O, C / groups, kh, kw) x (O) -> (N, O, H', W'), H' = floor((H + 2 "
              "padding - dilation (kh - 1) - 1) / stride) + 1, the bias may be absent",
    .derivative = "dx = conv_transpose2d(gy, w), dw = conv2d_weight(x, gy), db = sum of gy over N, "
                  "H', W'",
    .edges = "an empty batch gives an empty result and dw = 0; no input channels give the bias "
             "alone; an image or a kernel without elements is refused; padding contributes w 0, "
             "which is NaN for an infinite w",
    .equals = "torch.nn.functional.conv2d",
    .equivalent = "transposed: the bias is a vector",
    .inputs = 2,
    .inputs_max = 3,
    .flags = WG_OP_OPTIONAL_INPUTS,
    .saves = WG_SAVES_IN(0) | WG_SAVES_IN(1),
    CONV_ATTR,
    .infer = conv2d_infer,
    .forward = conv2d_forward,
    .vjp = conv2d_vjp,
    .jvp = jvp,
    .reference = conv2d_reference,
    .samples = { "2,1,3,4 2,1,2,2", "1,2,3,3 3,2,2,2 3", "1,2,3,3 2,2,1,1 2",
                 "1,1,4,5 1,1,2,3 1 | stride_h=2 stride_w=3 padding_h=1 padding_w=2",
                 "1,1,4,4 2,1,2,2 | dilation_h=2 dilation_w=3 padding_w=1",
                 "1,4,2,3 6,2,2,2 | groups=2 padding_h=1", "2,3,3,2 3,1,2,2 3 | groups=3",
                 "1,2,1,3 4,1,1,2 | groups=2 stride_h=9", "1,1,5,5 1,1,2,2 | stride_h=2 stride_w=2",
                 "1,1,2,2 1,1,1,1 | padding_h=2 padding_w=1 stride_h=3", "0,2,3,3 3,2,2,2 3",
                 "2,0,3,3 2,0,2,2 2", "1,2,3,3 0,2,2,2 0", "1,2,16,17 2,2,1,1 2",
                 "3,1,15,15 1,1,2,2 | stride_h=3 stride_w=3" },
    .bad = { "2,2,3,3 2,3,2,2", "1,3,3 2,3,2,2", "1,2,3,3 2,2,4,1", "1,2,3,3 2,2,2",
             "1,4,3,3 3,2,2,2 | groups=2", "1,3,3,3 2,1,2,2 | groups=2", "1,2,3,3 2,2,2,2 3",
             "1,2,3,3 2,2,2,2 2,1", "1,2,3,3 2,2,2,2 | groups=-1", "1,2,3,3 2,2,2,2 | stride_w=-1",
             "1,2,3,3 2,2,2,2 | output_padding_h=1", "1,2,3,3@i0..2 2,2,2,2@i0..2",
             "1,2,0,3 2,2,1,1", "1,2,3,3 2,2,0,2",
             "1,1,3,3 1,1,2,2 | padding_h=9000000000000000000",
             "1,1,3,3 1,1,2,2 | dilation_w=9223372036854775807 padding_w=2" },
};

WG__DEFINE_OP(conv_transpose2d) = {
    .abi = WG_OP_ABI,
    .name = "conv_transpose2d",
    .doc = "y[n][c][p stride - padding + k dilation] = b[c] + the sum over o, p, k of w[o][c][k] "
           "x[n][o][p]: what conv2d with the same numbers does, transposed",
    .shapes = "(N, O, H, W) x (O, C / groups, kh, kw) x (C) -> (N, C, H', W'), H' = (H - 1) stride "
              "- 2 padding + dilation (kh - 1) + 1 + output_padding, the bias may be absent",
    .derivative = "dx = conv2d(gy, w), dw = conv2d_weight(gy, x), db = sum of gy over N, H', W'",
    .edges =
        "the bias alone where no window reaches, as in output_padding; an empty batch gives an "
        "empty result; padding that leaves nothing is refused",
    .equals = "torch.nn.functional.conv_transpose2d",
    .equivalent = "transposed: the bias is a vector",
    .inputs = 2,
    .inputs_max = 3,
    .flags = WG_OP_OPTIONAL_INPUTS,
    .saves = WG_SAVES_IN(0) | WG_SAVES_IN(1),
    CONV_ATTR,
    .infer = conv_transpose2d_infer,
    .forward = conv_transpose2d_forward,
    .vjp = conv_transpose2d_vjp,
    .jvp = jvp,
    .reference = conv_transpose2d_reference,
    .samples = { "2,2,2,3 2,1,2,2", "1,3,2,2 3,2,2,2 2", "1,2,3,3 2,2,1,1 2",
                 "1,1,2,3 1,1,2,3 1 | stride_h=2 stride_w=3 padding_h=1 padding_w=2 "
                 "output_padding_h=1 output_padding_w=2",
                 "1,2,2,2 2,1,2,2 | dilation_h=3 dilation_w=3 stride_w=2 output_padding_h=2 "
                 "output_padding_w=2",
                 "1,4,2,2 4,3,2,1 | groups=2 padding_h=1", "2,3,2,2 3,1,2,2 3 | groups=3",
                 "1,1,2,2 1,1,1,1 1 | stride_h=3 output_padding_h=2", "0,2,3,3 2,3,2,2 3",
                 "2,0,3,3 0,2,2,2 2", "1,2,3,3 2,0,2,2 0", "1,2,16,17 2,2,1,1 2",
                 "3,1,2,2 1,1,3,3 | stride_h=4 stride_w=4" },
    .bad = { "2,2,3,3 3,2,2,2", "1,3,3 3,2,2,2", "1,2,3,3 2,2,2", "1,3,3,3 3,2,2,2 | groups=2",
             "1,2,3,3 2,1,2,2 2", "1,2,3,3 2,2,2,2 | groups=-1", "1,2,2,2 2,2,2,2 | padding_w=2",
             "1,2,3,3 2,2,2,2 | output_padding_h=1", "1,2,3,3 2,2,2,2 | output_padding_w=-1",
             "1,2,3,3@i0..2 2,2,2,2@i0..2", "1,2,0,3 2,2,1,1", "1,2,3,3 2,2,0,2",
             "1,1,3,3 1,1,2,2 | stride_h=9000000000000000000",
             "1,1,3,3 1,1,2,2 | padding_h=4611686018427387904",
             "1,4,3,3 4,1,2,2 | groups=9223372036854775807" },
};

WG__DEFINE_OP(conv2d_weight) = {
    .abi = WG_OP_ABI,
    .name = "conv2d_weight",
    .doc = "w[o][c][k] = the sum over n, p of y[n][o][p] x[n][c][p stride - padding + k dilation]: "
           "the gradient of conv2d for its weights",
    .shapes = "(N, C, H, W) x (N, O, H', W') -> (O, C / groups, kh, kw)",
    .derivative = "dx = conv_transpose2d(y, gw), dy = conv2d(x, gw)",
    .edges = "0 of an empty batch",
    .equals = "torch.nn.grad.conv2d_weight",
    .inputs = 2,
    .saves = WG_SAVES_IN(0) | WG_SAVES_IN(1),
    .attr_size = sizeof(conv_attr),
    .attrs = weight_attrs,
    .infer = conv2d_weight_infer,
    .forward = conv2d_weight_forward,
    .vjp = conv2d_weight_vjp,
    .jvp = jvp,
    .reference = conv2d_weight_reference,
    .samples = { "2,1,3,4 2,2,2,3 | kernel_h=2 kernel_w=2",
                 "1,2,3,3 1,3,2,2 | kernel_h=2 kernel_w=2",
                 "1,1,4,5 1,1,3,2 | kernel_h=2 kernel_w=3 stride_h=2 stride_w=3 padding_h=1 "
                 "padding_w=1",
                 "1,1,4,4 1,2,2,2 | kernel_h=2 kernel_w=2 dilation_h=2 dilation_w=3 padding_w=1",
                 "1,1,5,5 1,2,1,2 | kernel_h=2 kernel_w=2 dilation_h=3 dilation_w=3",
                 "1,4,2,3 1,6,2,2 | groups=2 padding_h=1 kernel_h=3 kernel_w=2",
                 "0,2,3,3 0,3,2,2 | kernel_h=2 kernel_w=2",
                 "2,0,3,3 2,2,2,2 | kernel_h=2 kernel_w=2",
                 "3,2,2,3 3,2,2,3 | kernel_h=1 kernel_w=1 groups=2" },
    .bad = { "2,1,3,4 1,2,2,3 | kernel_h=2 kernel_w=2", "2,1,3,4 2,2,3,3 | kernel_h=2 kernel_w=2",
             "2,1,3,4 2,2,2,3", "2,1,3,4 2,2,1,3 | kernel_h=2 kernel_w=2",
             "2,1,3,4 2,2,2 | kernel_h=2 kernel_w=2",
             "1,3,2,3 1,6,2,2 | groups=2 kernel_h=1 kernel_w=2" },
};

static wg_tensor *apply(const wg_op *op, wg_tensor *const in[3], const wg_conv_options *o) {
    return wg_apply(op, in, in[2] ? 3 : 2, o);
}

wg_tensor *wg_conv2d(wg_tensor *x, wg_tensor *w, wg_tensor *bias, wg_conv_options o) {
    return apply(&wg__op_conv2d, (wg_tensor *[]){ x, w, bias }, &o);
}

wg_tensor *wg_conv_transpose2d(wg_tensor *x, wg_tensor *w, wg_tensor *bias, wg_conv_options o) {
    return apply(&wg__op_conv_transpose2d, (wg_tensor *[]){ x, w, bias }, &o);
}
