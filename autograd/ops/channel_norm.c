// SPDX-License-Identifier: MIT
/* channel_norm.c: group, instance and batch normalisation of x (N, C, ...), whose weight and bias
   have one number to a channel. All three are layer_norm of lines cut otherwise: what is normalised
   together is made one line by a view. */
#include "autograd/ops/ops_impl.h"

typedef struct group_attr {
    int64_t groups;
    double eps;
} group_attr;
typedef struct eps_attr {
    double eps;
} eps_attr;
static const wg_attr group_attrs[] = {
    { "groups", WG_ATTR_INT, offsetof(group_attr, groups) },
    { "eps", WG_ATTR_REAL, offsetof(group_attr, eps) },
    { .name = NULL },
};
static const wg_attr eps_attrs[] = {
    { "eps", WG_ATTR_REAL, offsetof(eps_attr, eps) },
    { .name = NULL },
};

/* ---- what fits ------------------------------------------------------------------------------- */

static const wg_tensor *input(const wg_call *c, int i) { return i < c->inputs ? c->in[i] : NULL; }

static bool fits_channels(const wg_call *c, int i) {
    static const char *const name[] = { "x", "weight", "bias", "mean", "var" };
    const wg_tensor *v = input(c, i);
    if (!v) return true;
    if (!wg__same_dtype(c, 0, i)) return false;
    return (wg_rank(v) == 1 && wg_dim(v, 0) == wg_call_dim(c, 0, 1)) ||
           wg_call_fail(c, WG_ERROR_SHAPE, "the %s must be [%lld], one number to a channel",
                        name[i], (long long)wg_call_dim(c, 0, 1));
}

static bool infer(const wg_call *c, wg_spec *out, int rank, double eps) {
    if (!wg_call_float(c, 0)) return false;
    if (wg_call_rank(c, 0) < rank)
        return wg_call_fail(c, WG_ERROR_SHAPE, "x must be %s",
                            rank == 2 ? "(N, C, ...)" : "(N, C, L, ...)");
    if (!(eps >= 0 && eps < INFINITY))
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "eps = %g is not within [0, inf)", eps);
    for (int i = 1; i < c->inputs; i++)
        if (!fits_channels(c, i)) return false;
    return wg_spec_set(out, wg_call_dtype(c, 0), wg_shape_of(c->in[0]));
}

static bool group_norm_infer(const wg_call *c, wg_spec *out) {
    const group_attr *a = c->attr;
    if (!infer(c, out, 2, a->eps)) return false;
    int64_t channels = wg_call_dim(c, 0, 1);
    return (a->groups > 0 && channels % a->groups == 0) ||
           wg_call_fail(c, WG_ERROR_ARGUMENT, "%lld channels do not make %lld groups",
                        (long long)channels, (long long)a->groups);
}

static bool instance_norm_infer(const wg_call *c, wg_spec *out) {
    return infer(c, out, 3, ((const eps_attr *)c->attr)->eps);
}

static bool batch_norm_infer(const wg_call *c, wg_spec *out) {
    if (!input(c, 3) != !input(c, 4))
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "mean and var go together");
    return infer(c, out, 2, ((const eps_attr *)c->attr)->eps);
}

/* ---- formulas -------------------------------------------------------------------------------- */

// v (C) as (C, 1, ...), to broadcast against x (N, C, ...).
static wg_tensor *by_channel(const wg_call *c, wg_tensor *v) {
    wg_shape shape = { .rank = wg_call_rank(c, 0) - 1 };
    for (int i = 0; i < shape.rank; i++) shape.dim[i] = i == 0 ? wg_call_dim(c, 0, 1) : 1;
    return wg_reshape(v, shape);
}

// h weight + bias, with h (N, C, ...)
static wg_tensor *affine(const wg_call *c, wg_tensor *h) {
    if (input(c, 1)) h = wg_mul(h, by_channel(c, c->in[1]));
    if (input(c, 2)) h = wg_add(h, by_channel(c, c->in[2]));
    return h;
}

static wg_tensor *in_groups(const wg_call *c, int64_t groups, double eps) {
    wg_shape x = wg_shape_of(c->in[0]), line = WG_SHAPE(x.dim[0], groups, x.dim[1] / groups);
    for (int i = 2; i < x.rank; i++) line.dim[2] *= x.dim[i];
    wg_tensor *lines = wg_reshape(c->in[0], line);  // (N, G, L)
    return affine(c, wg_reshape(wg_layer_norm(lines, 1, NULL, NULL, eps), x));
}

static wg_tensor *group_norm_compose(const wg_call *c) {
    const group_attr *a = c->attr;
    return in_groups(c, a->groups, a->eps);
}

static wg_tensor *instance_norm_compose(const wg_call *c) {
    int64_t channels = wg_call_dim(c, 0, 1);
    return in_groups(c, channels ? channels : 1, ((const eps_attr *)c->attr)->eps);
}

static wg_tensor *batch_norm_compose(const wg_call *c) {
    double eps = ((const eps_attr *)c->attr)->eps;
    wg_tensor *x = c->in[0];
    if (input(c, 3)) {
        wg_tensor *scale = wg_rsqrt(wg_add(by_channel(c, c->in[4]), wg_num(eps)));  // (C, 1, ...)
        return affine(c, wg_mul(wg_sub(x, by_channel(c, c->in[3])), scale));
    }
    wg_tensor *lines = wg_transpose(x, 0, 1);                              // (C, N, ...)
    wg_tensor *h = wg_layer_norm(lines, wg_rank(x) - 1, NULL, NULL, eps);  // (C, N, ...)
    return affine(c, wg_transpose(h, 0, 1));
}

/* ---- references ------------------------------------------------------------------------------ */

// Which of the sets that are normalised together holds the element (sample, channel).
typedef int64_t set_of(const wg_call *c, int64_t sample, int64_t channel);

static int64_t group_of(const wg_call *c, int64_t sample, int64_t channel) {
    const group_attr *a = c->attr;
    return sample * a->groups + channel / (wg_call_dim(c, 0, 1) / a->groups);
}
static int64_t instance_of(const wg_call *c, int64_t sample, int64_t channel) {
    return sample * wg_call_dim(c, 0, 1) + channel;
}
static int64_t batch_of(const wg_call *c, int64_t sample, int64_t channel) {
    return (void)c, (void)sample, channel;
}

typedef struct place {
    int64_t sample, channel;
} place;
static place place_of(const wg_shape *x, int64_t flat) {
    int64_t inner = 1;
    for (int i = 2; i < x->rank; i++) inner *= x->dim[i];
    return (place){ flat / inner / x->dim[1], flat / inner % x->dim[1] };
}

// Mean and variance of the set that the element at `p` is in.
static void plain_moments(const wg_call *c, const wg_zview *x, set_of *set, place p,
                          double complex moment[2]) {
    int64_t own = set(c, p.sample, p.channel), count = wg__numel(&x->shape);
    moment[0] = moment[1] = 0;
    for (int pass = 0; pass < 2; pass++) {
        double complex sum = 0;
        double n = 0;
        for (int64_t k = 0; k < count; k++) {
            place q = place_of(&x->shape, k);
            double complex d = x->data[k] - moment[0];
            if (set(c, q.sample, q.channel) != own) continue;
            sum += pass ? d * d : d, n += 1;
        }
        moment[pass] = sum / n;
    }
}

static bool reference(const wg_call *c, const wg_zview in[], wg_zview *out, set_of *set) {
    double eps =
        set == group_of ? ((const group_attr *)c->attr)->eps : ((const eps_attr *)c->attr)->eps;
    for (int64_t k = 0, count = wg__numel(&out->shape); k < count; k++) {
        place p = place_of(&out->shape, k);
        double complex moment[2];
        if (c->inputs > 4)
            moment[0] = in[3].data[p.channel], moment[1] = in[4].data[p.channel];
        else
            plain_moments(c, &in[0], set, p, moment);
        double complex y = (in[0].data[k] - moment[0]) / csqrt(moment[1] + eps);
        if (c->inputs > 1) y *= in[1].data[p.channel];
        if (c->inputs > 2) y += in[2].data[p.channel];
        out->data[k] = y;
    }
    return true;
}

static bool group_norm_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    return reference(c, in, out, group_of);
}
static bool instance_norm_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    return reference(c, in, out, instance_of);
}
static bool batch_norm_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    return reference(c, in, out, batch_of);
}

/* ---- records --------------------------------------------------------------------------------- */

#define COMMON(opname, most, type, table)                                                          \
    .abi = WG_OP_ABI, .name = #opname, .inputs = 1, .inputs_max = most,                            \
    .flags = WG_OP_OPTIONAL_INPUTS, .attr_size = sizeof(type), .attrs = table,                     \
    .infer = opname##_infer, .compose = opname##_compose, .reference = opname##_reference

#define OF_LAYER_NORM "as layer_norm's, each set being one line; dw and db are summed by channel"

WG__DEFINE_OP(group_norm) = {
    COMMON(group_norm, 3, group_attr, group_attrs),
    .doc = "(x - mean) / sqrt(var + eps) w + b, over each sample's channels in groups (Wu and He "
           "2018)",
    .shapes = "(N, C, ...) x (C) x (C) -> (N, C, ...)",
    .derivative = OF_LAYER_NORM,
    .edges = "equal elements give b, but NaN for eps = 0; an infinity or NaN makes its group NaN",
    .equals = "torch.nn.functional.group_norm",
    .equivalent = "transposed: all but x are vectors",
    .samples = { "2,4,3 4 4 | groups=2 eps=0.125", "2,4 4 | groups=2 eps=0.25",
                 "1,3,2,2 3 | groups=1 eps=0.125", "2,3,2 | groups=3 eps=0.25",
                 "0,2,3 2 2 | groups=1 eps=1", "2,2,0 2 | groups=2 eps=1",
                 "1,2,2@=1,3,0,0 | groups=2" },
    .bad = { "4 | groups=1", "2,4 | groups=3", "2,4 | groups=0", "2,4 3 | groups=2",
             "2,4 4 1 | groups=2", "2,4 | groups=-2", "2,4 | groups=2 eps=-1",
             "2,4@i0..3 | groups=2", "2,4 4@i0..3 | groups=2", "2,4 4 4 4 | groups=2" },
};

WG__DEFINE_OP(instance_norm) = {
    COMMON(instance_norm, 3, eps_attr, eps_attrs),
    .doc = "(x - mean) / sqrt(var + eps) w + b, over each channel of each sample (Ulyanov et al. "
           "2016)",
    .shapes = "(N, C, L, ...) x (C) x (C) -> (N, C, L, ...)",
    .derivative = OF_LAYER_NORM,
    .edges = "equal elements, and so a single one (an error in PyTorch), give b, but NaN for "
             "eps = 0; an infinity or NaN makes its channel of that sample NaN",
    .equals = "torch.nn.functional.instance_norm",
    .equivalent = "transposed: all but x are vectors",
    .samples = { "2,3,4 3 3 | eps=0.125", "2,2,2,3 2 | eps=0.25", "1,2,5 | eps=0.125",
                 "2,2,1 2 2 | eps=1", "0,2,3 2 | eps=1", "2,0,3 0 | eps=1" },
    .bad = { "4", "2,4", "2,4,3 3", "2,4,3 4 3", "2,4,3 | eps=-1", "2,4,3@i0..3", "2,4,3 4@i0..3" },
};

WG__DEFINE_OP(batch_norm) = {
    COMMON(batch_norm, 5, eps_attr, eps_attrs),
    .doc = "(x - mean) / sqrt(var + eps) w + b by channel, mean and var given or the batch's own "
           "(Ioffe and Szegedy 2015)",
    .shapes = "(N, C, ...) x (C) x (C) x (C) x (C) -> (N, C, ...)",
    .derivative = "own statistics: " OF_LAYER_NORM "; given ones: of the formula, by mean and var "
                  "as well",
    .edges = "own statistics: equal elements, and so a batch of one (an error in PyTorch), give b, "
             "but NaN for eps = 0, and an infinity or NaN makes its channel NaN",
    .equals = "torch.nn.functional.batch_norm",
    .equivalent = "transposed: all but x are vectors",
    .samples = { "4,3 3 3 | eps=0.125", "2,2,3 2 | eps=0.25", "2,3,2,2 | eps=0.125",
                 "2,3,2 3 3 3 3@0.5..2 | eps=0.125", "3,2 2 2 2 2@0.5..2", "1,2 2 2 | eps=1",
                 "0,2 2 2 | eps=1", "0,2 2 2 2 2@0.5..2 | eps=1", "2,0 0 0 | eps=1" },
    .bad = { "4", "2,3 2", "2,3 3 1", "2,3 3 3 3", "2,3 3 3 3 2@0.5..2", "2,3 3 3 2 3@0.5..2",
             "2,3 | eps=-1", "2,3@i0..3", "2,3 3@i0..3" },
};

wg_tensor *wg_group_norm(wg_tensor *x, int64_t groups, wg_tensor *weight, wg_tensor *bias,
                         double eps) {
    return wg_apply(&wg__op_group_norm, (wg_tensor *[]){ x, weight, bias }, 3,
                    &(group_attr){ groups, eps });
}

wg_tensor *wg_instance_norm(wg_tensor *x, wg_tensor *weight, wg_tensor *bias, double eps) {
    return wg_apply(&wg__op_instance_norm, (wg_tensor *[]){ x, weight, bias }, 3,
                    &(eps_attr){ eps });
}

wg_tensor *wg_batch_norm(wg_tensor *x, wg_batch_norm_options o) {
    return wg_apply(&wg__op_batch_norm, (wg_tensor *[]){ x, o.weight, o.bias, o.mean, o.var }, 5,
                    &(eps_attr){ o.eps == 0 ? 1e-5 : o.eps });
}
