// SPDX-License-Identifier: MIT
/* pool.c: the largest element of each window. Its derivative of any order goes through the place
   where it stands, which max_pool2d_index tells: gather in forward mode, scatter_add in reverse. */
#include "autograd/ops/window.h"

static const wg_attr pool_attrs[] = {
    WG__PAIR(wg__pool_attr, "kernel", kernel),
    WG__PAIR(wg__pool_attr, "stride", stride),
    WG__PAIR(wg__pool_attr, "padding", padding),
    WG__PAIR(wg__pool_attr, "dilation", dilation),
    { .name = NULL },
};

static wg__window window_of(const wg_call *c, const int64_t image[2]) {
    const wg__pool_attr *a = c->attr;
    int64_t stride[2], dilation[2];
    for (int k = 0; k < 2; k++) {
        stride[k] = a->stride[k] ? a->stride[k] : a->kernel[k];
        dilation[k] = a->kernel[k] == 1 && a->dilation[k] > 0 ? 1 : a->dilation[k];
    }
    return wg__window_of(image, a->kernel, stride, a->padding, dilation);
}

bool wg__half_padded(const wg_call *c, const wg__window *w) {
    for (int a = 0; a < 2; a++) {
        int64_t half = ((w->kernel[a] - 1) * w->dilation[a] + 1) / 2;
        if (w->padding[a] > half)
            return wg_call_fail(c, WG_ERROR_ARGUMENT, "padding %lld exceeds %lld, half the kernel",
                                (long long)w->padding[a], (long long)half);
        if (w->padding[a] > 0 && w->dilation[a] > w->image[a])
            return wg_call_fail(c, WG_ERROR_ARGUMENT,
                                "with dilation %lld on size %lld, a window may see padding alone",
                                (long long)w->dilation[a], (long long)w->image[a]);
    }
    return true;
}

static bool infer(const wg_call *c, wg_spec *out) {
    int64_t image[2] = { 0, 0 };
    if (!wg__image_of(c, 0, image)) return false;
    wg__window w = window_of(c, image);
    if (!wg__window_fits(c, &w) || !wg__half_padded(c, &w)) return false;
    return wg_spec_set(
        out, wg_call_dtype(c, 0),
        WG_SHAPE(wg_call_dim(c, 0, 0), wg_call_dim(c, 0, 1), w.count[0], w.count[1]));
}

static bool index_infer(const wg_call *c, wg_spec *out) {
    if (!infer(c, out)) return false;
    out->dtype = WG_I64;
    return true;
}

/* ---- row by row ------------------------------------------------------------------------------ */

/* One row of n windows: where in an image the largest stand, that image, and the row of y, `step`
   apart. */
typedef void row_loop(int64_t n, const int64_t *place, void *image, void *row, int64_t step);

#define ROW_LOOP(name, real, y_type, action)                                                       \
    static void name(int64_t n, const int64_t *place, void *image, void *row, int64_t step) {      \
        real *x = image;                                                                           \
        y_type *y = row;                                                                           \
        (void)x;                                                                                   \
        for (int64_t s = 0; s < n; s++) action;                                                    \
    }
ROW_LOOP(take_f32, float, float, y[s * step] = x[place[s]])
ROW_LOOP(take_f64, double, double, y[s * step] = x[place[s]])
ROW_LOOP(give_f32, float, float, x[place[s]] += y[s * step])
ROW_LOOP(give_f64, double, double, x[place[s]] += y[s * step])
ROW_LOOP(tell, float, int64_t, y[s * step] = place[s])

/* x and `to` are dense images, the loop sees the latter; y has an element for each window. */
static bool each_row(const wg_call *c, const wg_view *x, const wg_view *to, const wg_view *y,
                     row_loop *loop) {
    const int64_t *dim = y->shape.dim;
    wg__window w = window_of(c, &x->shape.dim[2]);
    w.count[0] = dim[2], w.count[1] = dim[3];
    int64_t *place = wg__alloc((size_t)dim[3] * sizeof *place);
    if (!place) return false;
    for (int64_t k = 0; k < dim[0] * dim[1]; k++) {
        int64_t image_at = k * w.image[0] * w.image[1];
        int64_t row = k / dim[1] * y->stride[0] + k % dim[1] * y->stride[1];
        wg_view image = *x;
        image.data = wg__at(x, image_at);
        for (int64_t r = 0; r < w.count[0]; r++, row += y->stride[2]) {
            wg__largest(place, &image, &w, r);
            loop(dim[3], place, wg__at(to, image_at), wg__at(y, row), y->stride[3]);
        }
    }
    wg__free(place);
    return true;
}

// With x dense, be it as a copy.
static bool run(const wg_call *c, const wg_view *x, const wg_view *to, const wg_view *y,
                row_loop *loop) {
    if (wg__numel(&x->shape) == 0) return true;
    if (wg__is_contiguous(x)) return each_row(c, x, to ? to : x, y, loop);
    wg_view dense = *x;
    dense.data = wg__alloc((size_t)wg__numel(&x->shape) * wg__size_of(x->dtype));
    if (!dense.data) return false;
    wg__contiguous_strides(&dense);
    wg__copy_view(&dense, x);
    bool done = each_row(c, &dense, to ? to : &dense, y, loop);
    wg__free(dense.data);
    return done;
}

static bool max_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    return run(c, in[0], NULL, out, out->dtype == WG_F32 ? take_f32 : take_f64);
}

static bool index_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    return run(c, in[0], NULL, out, tell);
}

static bool max_backward(const wg_call *c, const wg_view *gy, int i, wg_view *gx) {
    wg__fill_view(gx, 0);
    return run(c, &c->in[i]->view, gx, gy, gx->dtype == WG_F32 ? give_f32 : give_f64);
}

/* ---- rules ----------------------------------------------------------------------------------- */

static wg_shape flat(const wg_tensor *x) {  // (N, C, H W)
    return WG_SHAPE(wg_dim(x, 0), wg_dim(x, 1), wg_dim(x, 2) * wg_dim(x, 3));
}

static wg_tensor *places(const wg_call *c) {  // (N, C, H' W')
    return wg_reshape(wg__op1(&wg__op_max_pool2d_index, c->in[0], c->attr), flat(c->out));
}

static wg_tensor *max_vjp(const wg_call *c, wg_tensor *gy, int i) {
    const wg_tensor *x = c->in[i];
    wg_tensor *none = wg_zeros(wg_dtype_of(x), flat(x));
    wg_tensor *gx = wg_scatter_add(none, 2, places(c), wg_reshape(gy, flat(c->out)));
    return wg_reshape(gx, wg_shape_of(x));
}

static wg_tensor *max_jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg_tensor *dy = wg_gather(wg_reshape(dx[0], flat(dx[0])), 2, places(c));
    return wg_reshape(dy, wg_shape_of(c->out));
}

/* ---- references ------------------------------------------------------------------------------ */

typedef struct largest {
    const double complex *x;
    int64_t *place;  // by window, -1 for none yet
    int64_t taps, windows;
} largest;

// Taps come row by row, so the first of equals stays.
static void compare(void *user, int64_t at, int64_t column) {
    const largest *l = user;
    int64_t window = column / l->windows / l->taps * l->windows + column % l->windows;
    int64_t *best = &l->place[window];
    double x = creal(l->x[at]), most = *best < 0 ? 0 : creal(l->x[*best]);
    if (*best < 0 || x > most || (isnan(x) && !isnan(most))) *best = at;
}

static bool reference(const wg_call *c, const wg_zview *x, wg_zview *y, bool index) {
    const int64_t *from = x->shape.dim, *to = y->shape.dim, n = wg__numel(&y->shape);
    wg__window w = window_of(c, from + 2);
    w.count[0] = to[2], w.count[1] = to[3];
    int64_t *place = wg__alloc((size_t)n * sizeof *place);
    largest l = { x->data, place, w.kernel[0] * w.kernel[1], w.count[0] * w.count[1] };
    for (int64_t k = 0; place && k < n; k++) place[k] = -1;
    if (place) wg__each_tap(&w, from[0], from[1], compare, &l);
    for (int64_t k = 0; place && k < n; k++)
        y->data[k] = index ? (double)(place[k] % (from[2] * from[3])) : x->data[place[k]];
    wg__free(place);
    return place != NULL;
}

static bool max_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    return reference(c, &in[0], out, false);
}

static bool index_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    return reference(c, &in[0], out, true);
}

/* ---- records --------------------------------------------------------------------------------- */

#define COMMON                                                                                     \
    .abi = WG_OP_ABI, .inputs = 1, .attr_size = sizeof(wg__pool_attr), .attrs = pool_attrs,        \
    .shapes =                                                                                      \
        "(N, C, H, W) -> (N, C, H', W'), H' = floor((H + 2 padding - dilation (kh - 1) - 1) "      \
        "/ stride) + 1",                                                                           \
    .samples = { "2,2,4,5 | kernel_h=2 kernel_w=2",                                                \
                 "1,2,3,5 | kernel_h=3 kernel_w=2 stride_w=1",                                     \
                 "1,2,4,5 | kernel_h=3 kernel_w=2 stride_h=2 stride_w=3 padding_h=1 padding_w=1",  \
                 "1,1,5,6 | kernel_h=2 kernel_w=2 dilation_h=3 dilation_w=2 padding_h=1 "          \
                 "stride_h=1 stride_w=1",                                                          \
                 "2,3,3,2 | kernel_h=1 kernel_w=1 dilation_w=9223372036854775807",                 \
                 "3,3,1,3 | kernel_h=1 kernel_w=2 stride_w=1",                                     \
                 "1,1,3,3@=1,1,0,2,2,1,1,2,0 | kernel_h=2 kernel_w=2 stride_h=1 stride_w=1",       \
                 "1,1,5,5@=1,1,0,2,2,1,1,2,0,2,3,-1,-1,0,0,3,-2,-1,5,5,7,7,7,7,7 | kernel_h=2 "    \
                 "kernel_w=2",                                                                     \
                 "1,1,5,5@=1,nan,0,2,2,1,1,2,0,2,-inf,-inf,-1,0,inf,-inf,-inf,-1,nan,nan,7,7,7,7," \
                 "7 | kernel_h=2 kernel_w=2",                                                      \
                 "0,2,3,3 | kernel_h=2 kernel_w=2",                                                \
                 "2,0,3,3 | kernel_h=2 kernel_w=2" },                                              \
    .bad = { "1,3,4 | kernel_h=2 kernel_w=2",                                                      \
             "1,1,3,3 | kernel_h=4 kernel_w=1",                                                    \
             "1,1,3,3",                                                                            \
             "1,1,3,3 | kernel_h=2 kernel_w=2 padding_h=2",                                        \
             "1,1,1,3 | kernel_h=2 kernel_w=2 padding_h=1 dilation_h=2",                           \
             "1,1,3,3 | kernel_h=2 kernel_w=2 padding_h=-1",                                       \
             "1,1,3,3 | kernel_h=2 kernel_w=2 stride_w=-1",                                        \
             "1,1,3,3@i0..3 | kernel_h=2 kernel_w=2",                                              \
             "1,1,0,3 | kernel_h=1 kernel_w=1" }

WG__DEFINE_OP(max_pool2d) = {
    COMMON,
    .name = "max_pool2d",
    .doc = "the largest element of each window",
    .derivative = "dx = gy added where the largest stood, through max_pool2d_index",
    .edges = "of equals the first, row by row, has the whole gradient, as in PyTorch; NaN if any "
             "is; stride 0 is the kernel's size; padding counts as -inf and is at most half the "
             "kernel; a window that might see padding alone is refused, where PyTorch gives -inf",
    .equals = "torch.nn.functional.max_pool2d",
    .saves = WG_SAVES_IN(0),
    .tie = WG_TIE_ONE,
    .infer = infer,
    .forward = max_forward,
    .backward = max_backward,
    .vjp = max_vjp,
    .jvp = max_jvp,
    .reference = max_reference,
};

WG__DEFINE_OP(max_pool2d_index) = {
    COMMON,
    .name = "max_pool2d_index",
    .doc = "where the largest element of each window stands: row W + column, i64",
    .derivative = "0: a constant",
    .edges = "the first of equals, the first NaN (PyTorch has the last) before all numbers; the "
             "image is counted without padding",
    .equals = "torch.nn.functional.max_pool2d(..., return_indices=True)[1]",
    .flags = WG_OP_ZERO_GRADIENT,
    .saves = WG_SAVES_NOTHING,
    .infer = index_infer,
    .forward = index_forward,
    .reference = index_reference,
};

static wg_tensor *apply(const wg_op *op, wg_tensor *x, const wg_shape *kernel,
                        const wg_pool_options *o) {
    wg__pool_attr a = { .kernel = { 0, 0 } };
    if (!wg__pair_of(op->name, "kernel", kernel, a.kernel)) return NULL;
    if (o->count_exclude_pad)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "%s: count_exclude_pad is for averages", op->name);
    for (int k = 0; k < 2; k++)
        a.stride[k] = o->stride[k], a.padding[k] = o->padding[k], a.dilation[k] = o->dilation[k];
    return wg__op1(op, x, &a);
}

wg_tensor *wg_max_pool2d(wg_tensor *x, wg_shape kernel, wg_pool_options o) {
    return apply(&wg__op_max_pool2d, x, &kernel, &o);
}

wg_tensor *wg_max_pool2d_index(wg_tensor *x, wg_shape kernel, wg_pool_options o) {
    return apply(&wg__op_max_pool2d_index, x, &kernel, &o);
}
