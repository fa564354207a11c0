// SPDX-License-Identifier: MIT
/* lines.c: convolution and pooling along one axis, (N, C, L), through the operation on images of
   one row, (N, C, 1, L). */
#include "autograd/ops/resample.h"

static wg_tensor *as_image(wg_tensor *x) { return wg_unsqueeze(x, 2); }
static wg_tensor *as_line(wg_tensor *x) { return wg_squeeze(x, 2); }

static wg_shape image_shape(const wg_shape *line) {
    return WG_SHAPE(line->dim[0], line->dim[1], 1, line->dim[2]);
}

/* What the operation on images infers, with these attributes, of the inputs seen as images, but
   for a bias; so that what does not fit is refused before anything is recorded. */
static bool infer(const wg_op *op, const wg_call *c, wg_spec *out, const void *attr) {
    wg_tensor image[3], *in[3];
    const wg_call on_images = { .op = c->op, .inputs = c->inputs, .in = in, .attr = attr };
    for (int i = 0; i < c->inputs; i++) {
        bool line = i < op->inputs;
        in[i] = c->in[i];
        if (line && wg_call_rank(c, i) != 3)
            return wg_call_fail(c, WG_ERROR_SHAPE, "input %d has %d dimensions, not 3: (N, C, L)",
                                i, wg_call_rank(c, i));
        if (!line) continue;
        image[i] = *c->in[i];
        image[i].view.shape = image_shape(&c->in[i]->view.shape);
        in[i] = &image[i];
    }
    if (!op->infer(&on_images, out)) return false;
    const int64_t *dim = out->shape.dim;
    return wg_spec_set(out, out->dtype, WG_SHAPE(dim[0], dim[1], dim[3]));
}

/* ---- what a line has not --------------------------------------------------------------------- */

static bool one_number(const wg_call *c, const char *name, const int64_t pair[2]) {
    return pair[1] == 0 || wg_call_fail(c, WG_ERROR_ARGUMENT,
                                        "%s[1] is %lld: a line has one axis, and %s[0] is its",
                                        name, (long long)pair[1], name);
}

/* The usual mistake in words of lines; what is out of any range is left to the operation on
   images. */
static bool covered(const wg_call *c, int64_t length, int64_t kernel, const int64_t padding[2],
                    const int64_t dilation[2]) {
    enum { MOST = 1 << 30 };
    const int64_t step = dilation[0] ? dilation[0] : 1;
    const int64_t number[] = { length, kernel, *padding + 1, step };
    for (int i = 0; i < 4; i++)
        if (number[i] < 1 || number[i] > MOST) return true;
    const int64_t covers = (kernel - 1) * step + 1, padded = length + 2 * padding[0];
    return covers <= padded ||
           wg_call_fail(c, WG_ERROR_SHAPE, "the kernel covers %lld, the padded line has %lld",
                        (long long)covers, (long long)padded);
}

static wg_zview image_view(const wg_zview *line) {
    wg_zview v = *line;
    if (line->shape.rank == 3) v.shape = image_shape(&line->shape);
    return v;
}

// That of the operation on images, with these attributes.
static bool reference(const wg_op *op, const wg_call *c, const wg_zview in[], wg_zview *out,
                      const void *attr) {
    const wg_call on_images = { .op = op, .inputs = c->inputs, .in = c->in, .attr = attr };
    wg_zview images[3], result = image_view(out);
    for (int i = 0; i < c->inputs; i++) images[i] = image_view(&in[i]);
    return op->reference(&on_images, images, &result);
}

/* ---- convolution ----------------------------------------------------------------------------- */

static const wg_attr conv_attrs[] = {
    { "stride", WG_ATTR_INT, offsetof(wg_conv_options, stride) },
    { "padding", WG_ATTR_INT, offsetof(wg_conv_options, padding) },
    { "dilation", WG_ATTR_INT, offsetof(wg_conv_options, dilation) },
    { "output_padding", WG_ATTR_INT, offsetof(wg_conv_options, output_padding) },
    { "groups", WG_ATTR_INT, offsetof(wg_conv_options, groups) },
    { .name = NULL },
};

static wg_conv_options across(const wg_call *c) {
    const wg_conv_options *o = c->attr;
    return (wg_conv_options){ .stride = { 0, o->stride[0] },
                              .padding = { 0, o->padding[0] },
                              .dilation = { 0, o->dilation[0] },
                              .output_padding = { 0, o->output_padding[0] },
                              .groups = o->groups };
}

typedef wg_tensor *convolution(wg_tensor *x, wg_tensor *w, wg_tensor *bias, wg_conv_options o);

static wg_tensor *convolve(const wg_call *c, convolution *on_images) {
    wg_tensor *bias = c->inputs > 2 ? c->in[2] : NULL;
    return as_line(on_images(as_image(c->in[0]), as_image(c->in[1]), bias, across(c)));
}

static wg_tensor *conv1d_compose(const wg_call *c) { return convolve(c, wg_conv2d); }
static wg_tensor *conv_transpose1d_compose(const wg_call *c) {
    return convolve(c, wg_conv_transpose2d);
}

static bool pairs_fit(const wg_call *c) {
    const wg_conv_options *o = c->attr;
    return one_number(c, "stride", o->stride) && one_number(c, "padding", o->padding) &&
           one_number(c, "dilation", o->dilation) &&
           one_number(c, "output_padding", o->output_padding);
}

static bool conv1d_infer(const wg_call *c, wg_spec *out) {
    const wg_conv_options o = across(c), *given = c->attr;
    if (!pairs_fit(c)) return false;
    if (wg_call_rank(c, 0) == 3 && wg_call_rank(c, 1) == 3 &&
        !covered(c, wg_call_dim(c, 0, 2), wg_call_dim(c, 1, 2), given->padding, given->dilation))
        return false;
    return infer(&wg__op_conv2d, c, out, &o);
}

static bool conv_transpose1d_infer(const wg_call *c, wg_spec *out) {
    const wg_conv_options o = across(c);
    return pairs_fit(c) && infer(&wg__op_conv_transpose2d, c, out, &o);
}

static bool conv1d_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    const wg_conv_options o = across(c);
    return reference(&wg__op_conv2d, c, in, out, &o);
}

static bool conv_transpose1d_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    const wg_conv_options o = across(c);
    return reference(&wg__op_conv_transpose2d, c, in, out, &o);
}

#define CONVOLUTION(opname)                                                                        \
    .abi = WG_OP_ABI, .name = #opname, .inputs = 2, .inputs_max = 3,                               \
    .flags = WG_OP_OPTIONAL_INPUTS, .attr_size = sizeof(wg_conv_options), .attrs = conv_attrs,     \
    .infer = opname##_infer, .compose = opname##_compose, .reference = opname##_reference,         \
    .equals = "torch.nn.functional." #opname, .equivalent = "transposed: the bias is a vector"

WG__DEFINE_OP(conv1d) = {
    CONVOLUTION(conv1d),
    .doc = "y[n][o][p] = b[o] + sum_c,k w[o][c][k] x[n][c][p stride - padding + k dilation]",
    .shapes = "(N, C, L) x (O, C / groups, k) x (O) -> (N, O, L'), L' = floor((L + 2 padding - "
              "dilation (k - 1) - 1) / stride) + 1, the bias may be absent",
    .derivative = "that of conv2d on (N, C, 1, L)",
    .edges = "those of conv2d",
    .samples = { "2,1,5 2,1,3", "1,4,6 6,2,2 6 | groups=2 stride=2", "1,2,3 3,2,1 3",
                 "2,2,5 1,2,3 1 | padding=2 dilation=2 stride=3", "0,2,4 3,2,2 3" },
    .bad = { "2,2,5 2,3,3", "2,5 1,2,3", "1,2,2 3,2,3", "1,2,1,4 3,2,1,1", "1,2,4 3,2,2 2",
             "1,2,4 3,2,2 | stride=-1", "1,2,4 3,2,2 | output_padding=1" },
};

WG__DEFINE_OP(conv_transpose1d) = {
    CONVOLUTION(conv_transpose1d),
    .doc = "y[n][c][p stride - padding + k dilation] = b[c] + the sum over o, p, k of w[o][c][k] "
           "x[n][o][p]",
    .shapes = "(N, O, L) x (O, C / groups, k) x (C) -> (N, C, L'), L' = (L - 1) stride - 2 padding "
              "+ dilation (k - 1) + 1 + output_padding, the bias may be absent",
    .derivative = "that of conv_transpose2d on (N, O, 1, L)",
    .edges = "those of conv_transpose2d",
    .samples = { "2,2,3 2,1,3", "1,4,3 4,3,2 6 | groups=2 stride=2", "1,2,3 2,3,1 3",
                 "2,1,2 1,2,3 2 | padding=2 dilation=2 stride=3 output_padding=1",
                 "0,2,4 2,3,2 3" },
    .bad = { "2,2,5 3,2,3", "2,5 1,2,3", "1,2,1,4 2,3,1,1", "1,2,4 2,3,2 2",
             "1,2,4 2,3,2 | stride=-1", "1,2,4 2,3,2 | output_padding=1",
             "1,2,1 2,3,2 | padding=1" },
};

/* ---- pooling --------------------------------------------------------------------------------- */

typedef struct pool_attr {
    int64_t kernel;
    wg_pool_options o;
} pool_attr;
#define KERNEL_ATTRS                                                                               \
    { "kernel", WG_ATTR_INT, offsetof(pool_attr, kernel) },                                        \
        { "stride", WG_ATTR_INT, offsetof(pool_attr, o.stride) }, {                                \
        "padding", WG_ATTR_INT, offsetof(pool_attr, o.padding)                                     \
    }
static const wg_attr max_attrs[] = { KERNEL_ATTRS,
                                     { "dilation", WG_ATTR_INT, offsetof(pool_attr, o.dilation) },
                                     { .name = NULL } };
static const wg_attr avg_attrs[] = {
    KERNEL_ATTRS,
    { "count_exclude_pad", WG_ATTR_BOOL, offsetof(pool_attr, o.count_exclude_pad) },
    { .name = NULL },
};

typedef wg_tensor *pooling(wg_tensor *x, wg_shape kernel, wg_pool_options o);

static wg_tensor *pool(const wg_call *c, pooling *on_images) {
    const pool_attr *a = c->attr;
    const wg_pool_options o = { .stride = { 0, a->o.stride[0] },
                                .padding = { 0, a->o.padding[0] },
                                .dilation = { 0, a->o.dilation[0] },
                                .count_exclude_pad = a->o.count_exclude_pad };
    return as_line(on_images(as_image(c->in[0]), WG_SHAPE(1, a->kernel), o));
}

static wg_tensor *max_compose(const wg_call *c) { return pool(c, wg_max_pool2d); }
static wg_tensor *avg_compose(const wg_call *c) { return pool(c, wg_avg_pool2d); }

static wg__pool_attr max_across(const wg_call *c) {
    const pool_attr *a = c->attr;
    return (wg__pool_attr){ .kernel = { 1, a->kernel },
                            .stride = { 0, a->o.stride[0] },
                            .padding = { 0, a->o.padding[0] },
                            .dilation = { 0, a->o.dilation[0] } };
}

static wg__resample_attr avg_across(const wg_call *c) {
    const pool_attr *a = c->attr;
    return (wg__resample_attr){ .kernel = { 1, a->kernel },
                                .stride = { 0, a->o.stride[0] },
                                .padding = { 0, a->o.padding[0] },
                                .count_exclude_pad = a->o.count_exclude_pad };
}

static bool window_fits(const wg_call *c) {
    const pool_attr *a = c->attr;
    return one_number(c, "stride", a->o.stride) && one_number(c, "padding", a->o.padding) &&
           one_number(c, "dilation", a->o.dilation) &&
           (wg_call_rank(c, 0) != 3 ||
            covered(c, wg_call_dim(c, 0, 2), a->kernel, a->o.padding, a->o.dilation));
}

static bool max_infer(const wg_call *c, wg_spec *out) {
    const wg__pool_attr a = max_across(c);
    if (((const pool_attr *)c->attr)->o.count_exclude_pad)
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "count_exclude_pad is for averages");
    return window_fits(c) && infer(&wg__op_max_pool2d, c, out, &a);
}

static bool avg_infer(const wg_call *c, wg_spec *out) {
    const wg__resample_attr a = avg_across(c);
    const int64_t dilation = ((const pool_attr *)c->attr)->o.dilation[0];
    if (dilation > 1)
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "dilation %lld: it has none",
                            (long long)dilation);
    return window_fits(c) && infer(&wg__op_avg_pool2d, c, out, &a);
}

static bool max_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    const wg__pool_attr a = max_across(c);
    return reference(&wg__op_max_pool2d, c, in, out, &a);
}

static bool avg_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    const wg__resample_attr a = avg_across(c);
    return reference(&wg__op_avg_pool2d, c, in, out, &a);
}

#define POOL .abi = WG_OP_ABI, .inputs = 1, .attr_size = sizeof(pool_attr)

WG__DEFINE_OP(max_pool1d) = {
    POOL,
    .name = "max_pool1d",
    .doc = "the largest element of each window",
    .shapes = "(N, C, L) -> (N, C, L'), L' = floor((L + 2 padding - dilation (k - 1) - 1) / "
              "stride) + 1",
    .derivative = "that of max_pool2d on (N, C, 1, L)",
    .edges = "those of max_pool2d: of equals the first has the whole gradient, NaN if any is",
    .equals = "torch.nn.functional.max_pool1d",
    .attrs = max_attrs,
    .infer = max_infer,
    .tie = WG_TIE_ONE,
    .compose = max_compose,
    .reference = max_reference,
    .samples = { "2,2,7 | kernel=2", "1,1,7@=1,1,0,0,-1,2,2 | kernel=2 stride=1",
                 "1,3,9 | kernel=3 stride=1 padding=1",
                 "1,2,13 | kernel=2 dilation=3 padding=2 stride=2", "0,2,3 | kernel=2" },
    .bad = { "2,7 | kernel=2", "1,2,1,7 | kernel=1", "1,2,3 | kernel=4", "1,2,3",
             "1,2,3 | kernel=2 padding=2", "1,2,3 | kernel=2 stride=-1" },
};

WG__DEFINE_OP(avg_pool1d) = {
    POOL,
    .name = "avg_pool1d",
    .doc = "the mean of each window; padding counts as zeros, unless count_exclude_pad leaves it "
           "out",
    .shapes = "(N, C, L) -> (N, C, L'), L' = floor((L + 2 padding - k) / stride) + 1",
    .derivative = "dx = gy / k, added to every element of its window",
    .edges = "those of avg_pool2d",
    .equals = "torch.nn.functional.avg_pool1d",
    .attrs = avg_attrs,
    .infer = avg_infer,
    .compose = avg_compose,
    .reference = avg_reference,
    .samples = { "2,2,7 | kernel=2", "1,2,5 | kernel=3 stride=1 padding=1",
                 "1,2,5 | kernel=3 stride=2 padding=1 count_exclude_pad=1", "0,2,3 | kernel=2" },
    .bad = { "2,7 | kernel=2", "1,2,1,7 | kernel=1", "1,2,3 | kernel=4", "1,2,3",
             "1,2,3 | kernel=2 padding=2", "1,2,3 | kernel=2 stride=-1" },
};

typedef struct size_attr {
    int64_t size;
} size_attr;
static const wg_attr size_attrs[] = { { "size", WG_ATTR_INT, offsetof(size_attr, size) },
                                      { .name = NULL } };

static wg_tensor *adaptive_compose(const wg_call *c) {
    const size_attr *a = c->attr;
    return as_line(wg_adaptive_avg_pool2d(as_image(c->in[0]), WG_SHAPE(1, a->size)));
}

static wg__resample_attr adaptive_across(const wg_call *c) {
    return (wg__resample_attr){ .to = { 1, ((const size_attr *)c->attr)->size } };
}

static bool adaptive_infer(const wg_call *c, wg_spec *out) {
    const wg__resample_attr a = adaptive_across(c);
    return infer(&wg__op_adaptive_avg_pool2d, c, out, &a);
}

static bool adaptive_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    const wg__resample_attr a = adaptive_across(c);
    return reference(&wg__op_adaptive_avg_pool2d, c, in, out, &a);
}

WG__DEFINE_OP(adaptive_avg_pool1d) = {
    .abi = WG_OP_ABI,
    .name = "adaptive_avg_pool1d",
    .doc = "the mean of each of L' bins, bin r being floor(r L / L') ... ceil((r + 1) L / L') - 1",
    .shapes = "(N, C, L) -> (N, C, L')",
    .derivative = "dx = gy / elements of the bin, added to every element of it",
    .edges = "those of adaptive_avg_pool2d",
    .equals = "torch.nn.functional.adaptive_avg_pool1d",
    .inputs = 1,
    .attr_size = sizeof(size_attr),
    .attrs = size_attrs,
    .infer = adaptive_infer,
    .compose = adaptive_compose,
    .reference = adaptive_reference,
    .samples = { "2,2,7 | size=3", "1,2,3 | size=5", "2,1,4 | size=1", "0,2,3 | size=2",
                 "1,2,3 | size=0" },
    .bad = { "2,7 | size=2", "1,2,1,7 | size=1", "1,2,3 | size=-1", "1,2,0 | size=1" },
};

/* ---- with options ---------------------------------------------------------------------------- */

wg_tensor *wg_conv1d(wg_tensor *x, wg_tensor *w, wg_tensor *bias, wg_conv_options o) {
    return wg_apply(&wg__op_conv1d, (wg_tensor *[]){ x, w, bias }, bias ? 3 : 2, &o);
}

wg_tensor *wg_conv_transpose1d(wg_tensor *x, wg_tensor *w, wg_tensor *bias, wg_conv_options o) {
    return wg_apply(&wg__op_conv_transpose1d, (wg_tensor *[]){ x, w, bias }, bias ? 3 : 2, &o);
}

wg_tensor *wg_max_pool1d(wg_tensor *x, int64_t kernel, wg_pool_options o) {
    return wg__op1(&wg__op_max_pool1d, x, &(pool_attr){ kernel, o });
}

wg_tensor *wg_avg_pool1d(wg_tensor *x, int64_t kernel, wg_pool_options o) {
    return wg__op1(&wg__op_avg_pool1d, x, &(pool_attr){ kernel, o });
}

wg_tensor *wg_adaptive_avg_pool1d(wg_tensor *x, int64_t size) {
    return wg__op1(&wg__op_adaptive_avg_pool1d, x, &(size_attr){ size });
}
