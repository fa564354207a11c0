// SPDX-License-Identifier: MIT
/* activation.c: activations that take more than a tensor and numbers. All others are rows of
   unary.def. */
#include "autograd/ops/ops_impl.h"

/* ---- prelu ----------------------------------------------------------------------------------- */

// How many channels x has: the size of axis 1, as long as there is one.
static int64_t channels_of(const wg_call *c) {
    return wg_call_rank(c, 0) < 2 ? 1 : wg_call_dim(c, 0, 1);
}

static bool prelu_infer(const wg_call *c, wg_spec *out) {
    int64_t size = wg_numel(c->in[1]), channels = channels_of(c);
    if (!wg_call_float(c, 0) || !wg_call_same_dtype(c)) return false;
    if (wg_call_rank(c, 1) > 1 || (size != 1 && size != channels))
        return wg_call_fail(c, WG_ERROR_SHAPE,
                            "the weight must be of rank 0, or of rank 1 and size 1 or %lld, the "
                            "number of channels",
                            (long long)channels);
    return wg_spec_set(out, wg_call_dtype(c, 0), wg_shape_of(c->in[0]));
}

// The weight stands against axis 1: (C) becomes (C, 1, 1, ...).
static wg_tensor *prelu_compose(const wg_call *c) {
    wg_tensor *x = c->in[0], *w = c->in[1];
    int rank = wg_call_rank(c, 0);
    wg_shape shape = { .rank = rank < 2 ? 0 : rank - 1 };
    for (int i = 0; i < shape.rank; i++) shape.dim[i] = i == 0 ? wg_numel(w) : 1;
    return wg_leak(x, wg__shape_equal(&w->view.shape, &shape) ? w : wg_reshape(w, shape));
}

static bool prelu_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    int64_t n = wg__numel(&out->shape), weights = wg__numel(&in[1].shape), inner = 1;
    (void)c;
    for (int i = 2; i < out->shape.rank; i++) inner *= out->shape.dim[i];
    for (int64_t k = 0; k < n; k++) {
        double complex z = in[0].data[k], w = in[1].data[k / inner % weights];
        out->data[k] = creal(z) > 0 ? z : w * z;
    }
    return true;
}

WG__DEFINE_OP(prelu) = {
    .abi = WG_OP_ABI,
    .name = "prelu",
    .doc = "x above 0, weight x below, one weight for all or for each channel (He et al. 2015)",
    .shapes = "(N, C, ...) x (C) or () -> (N, C, ...)",
    .derivative = "dx = gy where x > 0, else gy weight; dweight = sum of gy x where x <= 0",
    .edges = "below rank 2 there is one channel; NaN gives a slope of NaN",
    .equals = "torch.nn.functional.prelu",
    .equivalent = "transposed: the weights are a vector",
    .inputs = 2,
    .tie = WG_TIE_LEFT,
    .infer = prelu_infer,
    .compose = prelu_compose,
    .reference = prelu_reference,
    .samples = { "2,3 3", "2,3 ()", "2,3,2 3", "2,3 1", "4 ()", "4 1", "() ()", "0,2 2", "2,0 0",
                 "1,3,2,2 3", "3@=-1,0,2 ()@=0.25" },
    .bad = { "2,3 2", "2,3 1,3", "2,3@i0..3 3", "3 3", "2,3 0" },
};

wg_tensor *wg_prelu(wg_tensor *x, wg_tensor *weight) {
    return wg__op2(&wg__op_prelu, x, weight, NULL);
}

/* ---- glu ------------------------------------------------------------------------------------- */

static bool glu_infer(const wg_call *c, wg_spec *out) {
    const wg_shape *shape = &c->in[0]->view.shape;
    int axis = wg_call_float(c, 0) ? wg__axis_of(c, shape->rank) : -1;
    if (axis < 0) return false;
    if (shape->dim[axis] % 2 != 0)
        return wg_call_fail(c, WG_ERROR_SHAPE, "axis %d has size %lld, which is odd", axis,
                            (long long)shape->dim[axis]);
    wg_spec_set(out, wg_call_dtype(c, 0), *shape);
    out->shape.dim[axis] /= 2;
    return true;
}

static wg_tensor *glu_compose(const wg_call *c) {
    wg_tensor *x = c->in[0];  // (..., 2 N, ...)
    int axis = wg__known_axis(c, wg_call_rank(c, 0));
    int64_t half = wg_call_dim(c, 0, axis) / 2;
    wg_tensor *a = wg_slice(x, axis, 0, half, 1);       // (..., N, ...)
    wg_tensor *b = wg_slice(x, axis, half, WG_END, 1);  // (..., N, ...)
    return wg_mul(a, wg_sigmoid(b));
}

static bool glu_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    int axis = wg__known_axis(c, out->shape.rank);
    int64_t n = wg__numel(&out->shape), block = 1;  // of one half
    for (int i = axis; i < out->shape.rank; i++) block *= out->shape.dim[i];
    for (int64_t k = 0; k < n; k++) {
        const double complex *z = in[0].data + k / block * 2 * block + k % block;
        out->data[k] = z[0] / (1 + cexp(-z[block]));
    }
    return true;
}

WG__DEFINE_OP(glu) = {
    .abi = WG_OP_ABI,
    .name = "glu",
    .doc = "a sigmoid(b), a and b the halves of x along the axis (Dauphin et al. 2017)",
    .shapes = "(..., 2 N, ...) -> (..., N, ...)",
    .derivative = "da = gy sigmoid(b), db = gy a sigmoid(b) (1 - sigmoid(b))",
    .edges = "an odd size is an error; a size of 0 stays 0",
    .equals = "torch.nn.functional.glu",
    .inputs = 1,
    WG__AXIS_ATTR,
    .infer = glu_infer,
    .compose = glu_compose,
    .reference = glu_reference,
    .samples = { "4 | axis=0", "3,4 | axis=1", "3,4 | axis=-1", "4,3 | axis=0", "2,4,3 | axis=1",
                 "2,0 | axis=1", "0,2 | axis=1" },
    .bad = { "3 | axis=0", "() | axis=0", "2,4 | axis=2", "4@i0..3 | axis=0" },
};

wg_tensor *wg_glu(wg_tensor *x, int axis) {
    return wg__op1(&wg__op_glu, x, &(wg__axis_attr){ axis });
}
