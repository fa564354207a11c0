// SPDX-License-Identifier: MIT
/* resample.c: what averages and interpolation share (resample.h), and the averages. All positions
   are found in whole numbers, so that no bin moves by a rounding error. */
#include "autograd/ops/resample.h"

static wg__resample_attr attr_of(const wg_call *c, int64_t kind) {
    wg__resample_attr a = *(const wg__resample_attr *)c->attr;
    a.kind = kind;
    for (int k = 0; k < 2; k++)
        if (a.stride[k] == 0) a.stride[k] = a.kernel[k];
    return a;
}

static wg__window window_of(const wg__resample_attr *a, const int64_t image[2]) {
    return wg__window_of(image, a->kernel, a->stride, a->padding, (int64_t[]){ 1, 1 });
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static bool averages_fit(const wg_call *c, const wg__resample_attr *a, const int64_t from[2],
                         int64_t to[2]) {
    wg__window w = window_of(a, from);
    if (!wg__window_fits(c, &w) || !wg__half_padded(c, &w)) return false;
    to[0] = w.count[0], to[1] = w.count[1];
    return true;
}

// Sizes whose products, which place an element, are whole numbers that an integer holds.
static bool sizes_fit(const wg_call *c, const wg__resample_attr *a, const int64_t from[2],
                      int64_t to[2]) {
    const int64_t least = a->kind == WG__ADAPTIVE ? 0 : 1;
    for (int k = 0; k < 2; k++) {
        int64_t product;
        to[k] = a->to[k];
        if (from[k] < 1 || to[k] < least || __builtin_mul_overflow(from[k], to[k], &product) ||
            product > INT64_MAX / 8)
            return wg_call_fail(c, WG_ERROR_SHAPE, "from %lldx%lld to %lldx%lld is no size",
                                (long long)from[0], (long long)from[1], (long long)a->to[0],
                                (long long)a->to[1]);
    }
    return true;
}

static bool result_size(const wg_call *c, const wg__resample_attr *a, const int64_t from[2],
                        int64_t to[2]) {
    return (a->kind == WG__AVERAGE ? averages_fit : sizes_fit)(c, a, from, to);
}

bool wg__resample_infer(const wg_call *c, wg_spec *out, int64_t kind) {
    int64_t from[2] = { 0, 0 }, to[2] = { 0, 0 };
    const wg__resample_attr a = attr_of(c, kind);
    if (!wg__image_of(c, 0, from) || !result_size(c, &a, from, to)) return false;
    return wg_spec_set(out, wg_call_dtype(c, 0),
                       WG_SHAPE(wg_call_dim(c, 0, 0), wg_call_dim(c, 0, 1), to[0], to[1]));
}

/* ---- which neighbours ------------------------------------------------------------------------ */

typedef wg__mix mix_rule(const wg__resample_attr *a, int axis, const int64_t size[2], int64_t o);

static wg__mix evenly(int64_t first, int64_t count) {
    return (wg__mix){ first, count, { 1, 1 }, (double)count };
}

static wg__mix average_mix(const wg__resample_attr *a, int axis, const int64_t size[2], int64_t o) {
    int64_t first = o * a->stride[axis] - a->padding[axis], end = first + a->kernel[axis];
    if (first < 0) first = 0;
    if (end > size[0]) end = size[0];
    wg__mix m = evenly(first, end - first);
    if (!a->count_exclude_pad) m.divisor = (double)a->kernel[axis];
    return m;
}

static wg__mix adaptive_mix(const wg__resample_attr *a, int axis, const int64_t size[2],
                            int64_t o) {
    (void)a, (void)axis;
    int64_t first = o * size[0] / size[1], end = ((o + 1) * size[0] - 1) / size[1] + 1;
    return evenly(first, end - first);
}

static wg__mix nearest_mix(const wg__resample_attr *a, int axis, const int64_t size[2], int64_t o) {
    (void)a, (void)axis;
    return evenly(o * size[0] / size[1], 1);
}

// A neighbour of weight 0 is left out, so that it may be infinite.
static wg__mix bilinear_mix(const wg__resample_attr *a, int axis, const int64_t size[2],
                            int64_t o) {
    (void)axis;
    int64_t above = a->align_corners ? o * (size[0] - 1) : (2 * o + 1) * size[0] - size[1];
    int64_t below = a->align_corners ? size[1] - 1 : 2 * size[1];
    if (above < 0 || below == 0) above = 0, below = 1;
    int64_t first = above / below, rest = above % below;
    if (rest == 0 || first >= size[0] - 1) return evenly(first, 1);
    double far = (double)rest / (double)below;
    return (wg__mix){ first, 2, { 1 - far, far }, 1 };
}

static mix_rule *const mix_rules[] = { [WG_NEAREST] = nearest_mix,
                                       [WG_BILINEAR] = bilinear_mix,
                                       [WG__AVERAGE] = average_mix,
                                       [WG__ADAPTIVE] = adaptive_mix };

/* ---- values ---------------------------------------------------------------------------------- */

typedef void resampler(const wg_view *to, const wg_view *from, const wg__mix *const mix[2],
                       double *row);

/* x is the image, y what is made of it, `to` and `from` those in the order the loop wants. */
static bool run(const wg__resample_attr *a, const wg_view *x, const wg_view *y, resampler *go) {
    const int64_t *from = &x->shape.dim[2], *to = &y->shape.dim[2];
    if (wg__numel(&y->shape) == 0 || wg__numel(&x->shape) == 0) return true;
    wg__mix *mix = wg__alloc((size_t)(to[0] + to[1]) * sizeof *mix);
    double *row = mix ? wg__alloc((size_t)from[1] * sizeof *row) : NULL;
    for (int axis = 0; row && axis < 2; axis++)
        for (int64_t o = 0; o < to[axis]; o++)
            mix[axis * to[0] + o] =
                mix_rules[a->kind](a, axis, (int64_t[]){ from[axis], to[axis] }, o);
    if (row) {
        const wg__mix *const parts[] = { mix, mix + to[0] };
        go == wg__resample ? go(y, x, parts, row) : go(x, y, parts, row);
    }
    wg__free(mix), wg__free(row);
    return row != NULL;
}

bool wg__resample_forward(const wg_call *c, const wg_view *x, wg_view *y, int64_t kind) {
    const wg__resample_attr a = attr_of(c, kind);
    return run(&a, x, y, wg__resample);
}

wg_tensor *wg__resample_vjp(const wg_call *c, wg_tensor *gy, int64_t kind) {
    wg__resample_attr a = attr_of(c, kind);
    a.from[0] = wg_dim(c->in[0], 2), a.from[1] = wg_dim(c->in[0], 3);
    return wg__op1(&wg__op_resample_transpose, gy, &a);
}

/* ---- references ------------------------------------------------------------------------------ */

/* How much element i of an axis counts in element o of the result, by the definition: the mean of
   what a window or a bin holds; the element that o falls on; and a tent around each element. */
static double share(const wg__resample_attr *a, int axis, const int64_t size[2], int64_t o,
                    int64_t i) {
    double from = (double)size[0], to = (double)size[1], at = (double)o, tent;
    int64_t held = 0, first = o * a->stride[axis] - a->padding[axis];
    bool holds = i >= first && i < first + a->kernel[axis];
    switch (a->kind) {
    case WG_NEAREST: return i * size[1] <= o * size[0] && o * size[0] < (i + 1) * size[1];
    case WG_BILINEAR:
        at = a->align_corners ? (to > 1 ? at * (from - 1) / (to - 1) : 0)
                              : (at + 0.5) * from / to - 0.5;
        tent = 1 - fabs(fmin(fmax(at, 0), from - 1) - (double)i);
        return tent > 0 ? tent : 0;
    case WG__AVERAGE:
        for (int64_t k = 0; k < size[0]; k++) held += k >= first && k < first + a->kernel[axis];
        return holds ? 1 / (double)(a->count_exclude_pad ? held : a->kernel[axis]) : 0;
    default:
        for (int64_t k = 0; k < size[0]; k++)
            held += (k + 1) * size[1] > o * size[0] && k * size[1] < (o + 1) * size[0];
        holds = (i + 1) * size[1] > o * size[0] && i * size[1] < (o + 1) * size[0];
        return holds ? 1 / (double)held : 0;
    }
}

// Whichever of the two is `to` gets the other's elements, each times its share.
static bool shares(const wg__resample_attr *a, const wg_zview *x, const wg_zview *y, wg_zview *to) {
    const int64_t *from = &x->shape.dim[2], *size = &y->shape.dim[2];
    int64_t in = from[0] * from[1], out = size[0] * size[1];
    for (int64_t k = 0; k < wg__numel(&to->shape); k++) to->data[k] = 0;
    for (int64_t n = 0; n < x->shape.dim[0] * x->shape.dim[1]; n++)
        for (int64_t k = 0; k < in * out; k++) {
            int64_t i = k / out, o = k % out;
            double s = share(a, 0, (int64_t[]){ from[0], size[0] }, o / size[1], i / from[1]) *
                       share(a, 1, (int64_t[]){ from[1], size[1] }, o % size[1], i % from[1]);
            if (to == y)
                to->data[n * out + o] += s * x->data[n * in + i];
            else
                to->data[n * in + i] += s * y->data[n * out + o];
        }
    return true;
}

bool wg__resample_reference(const wg_call *c, const wg_zview *x, wg_zview *y, int64_t kind) {
    const wg__resample_attr a = attr_of(c, kind);
    return shares(&a, x, y, y);
}

/* ---- the transpose --------------------------------------------------------------------------- */

#define KIND(c) (((const wg__resample_attr *)(c)->attr)->kind)

static bool resample_transpose_infer(const wg_call *c, wg_spec *out) {
    int64_t size[2] = { 0, 0 }, to[2] = { 0, 0 };
    if (KIND(c) < 0 || KIND(c) > WG__ADAPTIVE)
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "there is no kind %lld", (long long)KIND(c));
    const wg__resample_attr a = attr_of(c, KIND(c));
    if (a.align_corners && KIND(c) != WG_BILINEAR)
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "align_corners is for bilinear");
    if (!wg__image_of(c, 0, size) || !result_size(c, &a, a.from, to)) return false;
    if (size[0] != to[0] || size[1] != to[1])
        return wg_call_fail(c, WG_ERROR_SHAPE, "%lldx%lld is made of %lldx%lld", (long long)to[0],
                            (long long)to[1], (long long)a.from[0], (long long)a.from[1]);
    return wg_spec_set(out, wg_call_dtype(c, 0),
                       WG_SHAPE(wg_call_dim(c, 0, 0), wg_call_dim(c, 0, 1), a.from[0], a.from[1]));
}

static bool resample_transpose_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    const wg__resample_attr a = attr_of(c, KIND(c));
    wg__fill_view(out, 0);
    return run(&a, out, in[0], wg__resample_back);
}

static wg_tensor *resample_transpose_vjp(const wg_call *c, wg_tensor *gx, int i) {
    static const wg_op *const op[] = { [WG_NEAREST] = &wg__op_interpolate,
                                       [WG_BILINEAR] = &wg__op_interpolate,
                                       [WG__AVERAGE] = &wg__op_avg_pool2d,
                                       [WG__ADAPTIVE] = &wg__op_adaptive_avg_pool2d };
    (void)i;
    return wg__op1(op[KIND(c)], gx, c->attr);
}

static bool resample_transpose_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    const wg__resample_attr a = attr_of(c, KIND(c));
    return shares(&a, out, &in[0], out);
}

static const wg_attr transpose_attrs[] = {
    { "kind", WG_ATTR_INT, offsetof(wg__resample_attr, kind) },
    WG__PAIR(wg__resample_attr, "from", from),
    WG__PAIR(wg__resample_attr, "to", to),
    WG__PAIR(wg__resample_attr, "kernel", kernel),
    WG__PAIR(wg__resample_attr, "stride", stride),
    WG__PAIR(wg__resample_attr, "padding", padding),
    { "count_exclude_pad", WG_ATTR_BOOL, offsetof(wg__resample_attr, count_exclude_pad) },
    { "align_corners", WG_ATTR_BOOL, offsetof(wg__resample_attr, align_corners) },
    { .name = NULL },
};

WG__DEFINE_OP(resample_transpose) = {
    WG__RESAMPLE_RECORD(resample_transpose),
    .doc = "the gradient for x of interpolate (kind 0 nearest, 1 bilinear), avg_pool2d (2) and "
           "adaptive_avg_pool2d (3): gy's elements times their shares, added up where they came "
           "from",
    .shapes = "(N, C, H', W') -> (N, C, H, W)",
    .derivative = "dy = the operation itself, on gx",
    .edges = "0 where no element of the result came from",
    .attrs = transpose_attrs,
    .samples = { "2,2,3,5 | kind=0 from_h=2 from_w=3 to_h=3 to_w=5",
                 "1,2,4,3 | kind=1 from_h=3 from_w=5 to_h=4 to_w=3",
                 "1,1,4,3 | kind=1 from_h=3 from_w=2 to_h=4 to_w=3 align_corners=1",
                 "1,2,2,2 | kind=2 from_h=4 from_w=5 kernel_h=2 kernel_w=2",
                 "1,1,3,2 | kind=2 from_h=4 from_w=4 kernel_h=2 kernel_w=3 stride_h=2 padding_h=1 "
                 "stride_w=1 count_exclude_pad=1",
                 "2,1,3,2 | kind=3 from_h=5 from_w=4 to_h=3 to_w=2",
                 "2,1,0,2 | kind=3 from_h=5 from_w=4 to_h=0 to_w=2",
                 "0,1,3,2 | kind=3 from_h=5 from_w=4 to_h=3 to_w=2" },
    .bad = { "1,1,2,2 | kind=4 from_h=2 from_w=2 to_h=2 to_w=2",
             "1,1,2,2 | kind=-1 from_h=2 from_w=2 to_h=2 to_w=2",
             "1,1,2,2 | kind=0 from_h=2 from_w=2 to_h=2 to_w=2 align_corners=1",
             "1,1,2,2 | kind=1 from_h=2 from_w=2 to_h=2 to_w=3", "1,1,2,2 | kind=1 to_h=2 to_w=2",
             "1,2,2 | kind=1 from_h=2 from_w=2 to_h=2 to_w=2" },
};

/* ---- averages -------------------------------------------------------------------------------- */

WG__RESAMPLE_RULES(avg_pool2d, WG__AVERAGE)
static const wg_attr avg_attrs[] = {
    WG__PAIR(wg__resample_attr, "kernel", kernel),
    WG__PAIR(wg__resample_attr, "stride", stride),
    WG__PAIR(wg__resample_attr, "padding", padding),
    { "count_exclude_pad", WG_ATTR_BOOL, offsetof(wg__resample_attr, count_exclude_pad) },
    { .name = NULL },
};

WG__DEFINE_OP(avg_pool2d) = {
    WG__RESAMPLE_RECORD(avg_pool2d),
    .doc = "the mean of each window; padding counts as zeros, unless count_exclude_pad leaves it "
           "out",
    .shapes = "(N, C, H, W) -> (N, C, H', W'), H' = floor((H + 2 padding - kh) / stride) + 1",
    .derivative = "dx = gy / (kh kw), added to every element of its window",
    .edges = "stride 0 is the kernel's size; padding beyond half of the kernel is refused; the sum "
             "is in double and divided once",
    .equals = "torch.nn.functional.avg_pool2d",
    .attrs = avg_attrs,
    .samples = { "2,2,4,5 | kernel_h=2 kernel_w=2", "1,2,3,4 | kernel_h=3 kernel_w=2 stride_w=1",
                 "1,1,4,5 | kernel_h=3 kernel_w=2 stride_h=2 stride_w=3 padding_h=1 padding_w=1",
                 "1,1,4,5 | kernel_h=2 kernel_w=4 stride_h=1 stride_w=3 padding_h=1 padding_w=2 "
                 "count_exclude_pad=1",
                 "2,3,2,2 | kernel_h=1 kernel_w=1", "1,2,3,3 | kernel_h=3 kernel_w=3",
                 "0,2,3,3 | kernel_h=2 kernel_w=2", "2,0,3,3 | kernel_h=2 kernel_w=2" },
    .bad = { "1,3,4 | kernel_h=2 kernel_w=2", "1,1,3,3 | kernel_h=4 kernel_w=1", "1,1,3,3",
             "1,1,3,3 | kernel_h=2 kernel_w=2 padding_h=2",
             "1,1,3,3 | kernel_h=2 kernel_w=2 padding_h=-1",
             "1,1,3,3 | kernel_h=2 kernel_w=2 stride_w=-1", "1,1,3,3@i0..3 | kernel_h=2 kernel_w=2",
             "1,1,0,3 | kernel_h=1 kernel_w=1" },
};

WG__RESAMPLE_RULES(adaptive_avg_pool2d, WG__ADAPTIVE)
static const wg_attr adaptive_attrs[] = { WG__PAIR(wg__resample_attr, "to", to), { .name = NULL } };

WG__DEFINE_OP(adaptive_avg_pool2d) = {
    WG__RESAMPLE_RECORD(adaptive_avg_pool2d),
    .doc =
        "the mean of each of H' x W' bins, bin r being the rows floor(r H / H') ... ceil((r + 1) "
        "H / H') - 1, which may overlap",
    .shapes = "(N, C, H, W) -> (N, C, H', W')",
    .derivative = "dx = gy / elements of the bin, added to every element of it",
    .edges = "any result size, larger than the image or 0 as well; an image without elements is "
             "refused",
    .equals = "torch.nn.functional.adaptive_avg_pool2d",
    .attrs = adaptive_attrs,
    .samples = { "2,2,4,5 | to_h=2 to_w=2", "1,2,5,3 | to_h=3 to_w=3", "1,1,3,2 | to_h=5 to_w=3",
                 "2,3,3,4 | to_h=1 to_w=1", "1,1,7,1 | to_h=4 to_w=2", "0,2,3,3 | to_h=2 to_w=1",
                 "2,0,3,3 | to_h=2 to_w=1", "2,1,3,3 | to_h=0 to_w=1", "1,1,1,7 | to_h=1 to_w=25",
                 "1,1,1,36 | to_h=1 to_w=28", "1,1,1,30 | to_h=1 to_w=22" },
    .bad = { "1,3,4 | to_h=2 to_w=2", "1,1,3,3 | to_h=-1 to_w=2", "1,1,0,3 | to_h=1 to_w=1",
             "1,1,3,3@i0..3 | to_h=2 to_w=2", "0,1,3,3 | to_h=9000000000000000000 to_w=2" },
};

wg_tensor *wg_avg_pool2d(wg_tensor *x, wg_shape kernel, wg_pool_options o) {
    wg__resample_attr a = { .kind = WG__AVERAGE, .count_exclude_pad = o.count_exclude_pad };
    if (!wg__pair_of("avg_pool2d", "kernel", &kernel, a.kernel)) return NULL;
    if (o.dilation[0] > 1 || o.dilation[1] > 1)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "avg_pool2d: dilation %lldx%lld: it has none",
                             (long long)o.dilation[0], (long long)o.dilation[1]);
    for (int k = 0; k < 2; k++) a.stride[k] = o.stride[k], a.padding[k] = o.padding[k];
    return wg__op1(&wg__op_avg_pool2d, x, &a);
}

wg_tensor *wg_adaptive_avg_pool2d(wg_tensor *x, wg_shape size) {
    wg__resample_attr a = { .kind = WG__ADAPTIVE };
    if (!wg__pair_of("adaptive_avg_pool2d", "size", &size, a.to)) return NULL;
    return wg__op1(&wg__op_adaptive_avg_pool2d, x, &a);
}
