// SPDX-License-Identifier: MIT
/* cast.c: another dtype, and the choice between two tensors, or a tensor and a number. */
#include "autograd/ops/ops_impl.h"
#include "tensor/kernels/kernels.h"

/* ---- cast ------------------------------------------------------------------------------------ */

typedef struct cast_attr {
    int64_t dtype;
} cast_attr;
static const wg_attr cast_attrs[] = { { "dtype", WG_ATTR_INT, 0 }, { .name = NULL } };

static bool cast_infer(const wg_call *c, wg_spec *out) {
    const cast_attr *a = c->attr;
    if (a->dtype < 0 || a->dtype >= WG_DTYPES)
        return wg_call_fail(c, WG_ERROR_DTYPE, "there is no dtype %lld", (long long)a->dtype);
    return wg_spec_set(out, (wg_dtype)a->dtype, c->in[0]->view.shape);
}

static bool cast_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)c;
    wg__copy_view(out, in[0]);
    return true;
}

// Back to the input's dtype. Results of integer dtype are never tracked, so both ends are floats
// here.
static wg_tensor *cast_vjp(const wg_call *c, wg_tensor *gy, int i) {
    return wg_cast(gy, wg_dtype_of(c->in[i]));
}

static wg_tensor *cast_jvp(const wg_call *c, wg_tensor *const dx[]) {
    return wg_cast(dx[0], wg_dtype_of(c->out));
}

// What a float becomes among whole numbers; a small whole number is itself in every dtype.
static double saturated(wg_dtype dtype, double x) {
    if (dtype == WG_BOOL) return x != 0;
    double low = dtype == WG_U8 ? 0 : dtype == WG_I32 ? INT32_MIN : INT64_MIN;
    double high = dtype == WG_U8 ? UINT8_MAX : dtype == WG_I32 ? INT32_MAX : (double)INT64_MAX;
    return isnan(x) ? 0 : trunc(fmin(fmax(x, low), high));
}

static bool cast_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    wg_dtype dtype = (wg_dtype)((const cast_attr *)c->attr)->dtype;
    bool real = wg_dtype_is_float(dtype);
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++)
        out->data[k] = real ? in[0].data[k] : saturated(dtype, creal(in[0].data[k]));
    return true;
}

WG__DEFINE_OP(cast) = {
    .abi = WG_OP_ABI,
    .name = "cast",
    .doc = "x in another dtype; floats go towards zero into integers, saturating, NaN to 0",
    .shapes = "any -> the same",
    .derivative = "dx = gy in the dtype of x, from float to float",
    .edges = "anything but 0 is true, NaN too; f64 beyond the range of f32 becomes +-inf",
    .equals = "torch.Tensor.to, np.astype",
    .inputs = 1,
    .flags = WG_OP_LINEAR,
    .saves = WG_SAVES_NOTHING,
    .attr_size = sizeof(cast_attr),
    .attrs = cast_attrs,
    .infer = cast_infer,
    .forward = cast_forward,
    .vjp = cast_vjp,
    .jvp = cast_jvp,
    .reference = cast_reference,
    .samples = { "2,3 | dtype=1", "() | dtype=1", "0,2 | dtype=1", "4@i0..3 | dtype=1",
                 "4@i0..3 | dtype=2" },
    .bad = { "2 | dtype=6", "2 | dtype=-1" },
};

wg_tensor *wg_cast(wg_tensor *x, wg_dtype dtype) {
    return wg__op1(&wg__op_cast, x, &(cast_attr){ dtype });
}

/* ---- where ----------------------------------------------------------------------------------- */

static bool where_infer(const wg_call *c, wg_spec *out) {
    wg_shape shape;
    const wg_shape *s[3] = { &c->in[0]->view.shape, &c->in[1]->view.shape, &c->in[2]->view.shape };
    if (wg_call_dtype(c, 0) != WG_BOOL)
        return wg_call_fail(c, WG_ERROR_DTYPE, "the condition is %s, not bool",
                            wg_dtype_name(wg_call_dtype(c, 0)));
    if (c->in[1]->number && c->in[2]->number)
        return wg_call_fail(c, WG_ERROR_DTYPE, "two wg_num() and nothing that tells their dtype");
    if (!wg__same_dtype(c, 1, 2)) return false;
    if (!wg__broadcast(s[0], s[1], &shape) || !wg__broadcast(&shape, s[2], &out->shape))
        return wg_call_fail(c, WG_ERROR_SHAPE, "the shapes do not broadcast");
    out->dtype = wg_call_dtype(c, 1);
    return true;
}

/* Dense, or dense against one number. Both values are loaded first: so there is no branch to
   predict, and the compiler can make vectors of it. */
#define CHOOSE(ia, ib)                                                                             \
    for (int64_t k = 0; k < n; k++) {                                                              \
        const real u = a[ia], v = b[ib];                                                           \
        y[k] = condition[k] ? u : v;                                                               \
    }
#define WHERE_LOOP(name, type)                                                                     \
    static void name(int64_t n, void *const p[], const int64_t s[], const double *param) {         \
        typedef type real;                                                                         \
        (void)param;                                                                               \
        type *restrict y = p[0];                                                                   \
        const uint8_t *condition = p[1];                                                           \
        const type *a = p[2], *b = p[3];                                                           \
        bool dense = s[0] == 1 && s[1] == 1;                                                       \
        if (dense && s[2] == 1 && s[3] == 1)                                                       \
            CHOOSE(k, k)                                                                           \
        else if (dense && s[2] == 1 && s[3] == 0)                                                  \
            CHOOSE(k, 0)                                                                           \
        else if (dense && s[2] == 0 && s[3] == 1)                                                  \
            CHOOSE(0, k)                                                                           \
        else                                                                                       \
            for (int64_t k = 0; k < n; k++) {                                                      \
                const real u = a[k * s[2]], v = b[k * s[3]];                                       \
                y[k * s[0]] = condition[k * s[1]] ? u : v;                                         \
            }                                                                                      \
    }
WHERE_LOOP(where_f32, float)
WHERE_LOOP(where_f64, double)
WHERE_LOOP(where_i32, int32_t)
WHERE_LOOP(where_i64, int64_t)
WHERE_LOOP(where_u8, uint8_t)

static bool where_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    static wg_loop *const loop[WG_DTYPES] = { where_f32, where_f64, where_i32,
                                              where_i64, where_u8,  where_u8 };
    (void)c;
    wg__map(loop[out->dtype], (const wg_view *[]){ out, in[0], in[1], in[2] }, 4, NULL);
    return true;
}

// g where the branch was taken, 0 elsewhere: chosen, not multiplied, so that nothing leaks.
static wg_tensor *taken(const wg_call *c, wg_tensor *g, int i) {
    wg_tensor *zero = wg_zeros(wg_dtype_of(g), WG_SCALAR);
    return i == 1 ? wg_where(c->in[0], g, zero) : wg_where(c->in[0], zero, g);
}

static wg_tensor *where_vjp(const wg_call *c, wg_tensor *gy, int i) {
    return wg_sum_to(taken(c, gy, i), wg_shape_of(c->in[i]));
}

static wg_tensor *where_jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg_tensor *dy = dx[1] ? taken(c, dx[1], 1) : NULL;
    if (dx[2]) dy = wg_add_maybe(dy, taken(c, dx[2], 2));
    return dy ? wg_expand(dy, wg_shape_of(c->out)) : NULL;
}

static bool where_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    (void)c;
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++) {
        bool first = creal(wg__broadcast_at(&in[0], &out->shape, k)) != 0;
        out->data[k] = wg__broadcast_at(&in[first ? 1 : 2], &out->shape, k);
    }
    return true;
}

WG__DEFINE_OP(where) = {
    .abi = WG_OP_ABI,
    .name = "where",
    .doc = "a where condition is true, else b; the branch not taken gets gradient 0, whatever it "
           "holds",
    .shapes = "(...) x (...) x (...) -> (...), broadcast against each other",
    .derivative = "da = gy where condition, else 0; db = 0 where condition, else gy",
    .edges = "infinities and NaN in the branch not taken reach neither the value nor a gradient",
    .equals = "torch.where, np.where",
    .inputs = 3,
    .saves = WG_SAVES_IN(0),
    .infer = where_infer,
    .forward = where_forward,
    .vjp = where_vjp,
    .jvp = where_jvp,
    .reference = where_reference,
    .samples = { "2,3@b 2,3 2,3", "2,3@b 3 ()", "()@b 2,3 2,3", "2,1@b 1,3 2,3", "0,2@b 2 2",
                 "4@b 4@i0..3 4@i0..3" },
    .bad = { "2,3 2,3 2,3", "2@b 3 2", "2@b 2@i0..3 2" },
};

wg_tensor *wg_where(wg_tensor *condition, wg_tensor *a, wg_tensor *b) {
    return wg_apply(&wg__op_where, (wg_tensor *[]){ condition, a, b }, 3, NULL);
}

/* ---- masked_fill ----------------------------------------------------------------------------- */

typedef struct fill_attr {
    double value;
} fill_attr;
static const wg_attr fill_attrs[] = { { "value", WG_ATTR_REAL, 0 }, { .name = NULL } };

static bool fill_infer(const wg_call *c, wg_spec *out) {
    if (c->in[1]->view.dtype != WG_BOOL)
        return wg_call_fail(c, WG_ERROR_DTYPE, "the mask is %s, not bool",
                            wg_dtype_name(c->in[1]->view.dtype));
    if (!wg__broadcast(&c->in[0]->view.shape, &c->in[1]->view.shape, &out->shape))
        return wg_call_fail(c, WG_ERROR_SHAPE, "the shapes do not broadcast");
    return wg_spec_set(out, wg_call_dtype(c, 0), out->shape);
}

static wg_tensor *fill_compose(const wg_call *c) {
    return wg_where(c->in[1], wg_num(((const fill_attr *)c->attr)->value), c->in[0]);
}

static bool fill_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    double value = ((const fill_attr *)c->attr)->value;
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++) {
        bool filled = creal(wg__broadcast_at(&in[1], &out->shape, k)) != 0;
        out->data[k] = filled ? value : wg__broadcast_at(&in[0], &out->shape, k);
    }
    return true;
}

WG__DEFINE_OP(masked_fill) = {
    .abi = WG_OP_ABI,
    .name = "masked_fill",
    .doc = "value where mask is true, else x",
    .shapes = "(...) x (...) -> (...), broadcast against each other",
    .derivative = "dx = 0 where mask, else gy",
    .edges = "what x holds where mask is true reaches neither the value nor the gradient",
    .equals = "torch.masked_fill",
    .inputs = 2,
    .attr_size = sizeof(fill_attr),
    .attrs = fill_attrs,
    .infer = fill_infer,
    .compose = fill_compose,
    .reference = fill_reference,
    .samples = { "2,3 2,3@b | value=-0.5", "2,3 3@b | value=2", "3@=1,2,3 2,1@b=1,0 | value=-inf",
                 "() ()@b | value=1", "0,2 2@b | value=1", "4@i0..3 4@b | value=7",
                 "4@=nan,inf,-inf,1 4@b=1,1,1,0 | value=0" },
    .bad = { "2,3 2,3 | value=1", "2 3@b | value=1", "4@i0..3 4@b | value=0.5" },
};

wg_tensor *wg_masked_fill(wg_tensor *x, wg_tensor *mask, double value) {
    return wg__op2(&wg__op_masked_fill, x, mask, &(fill_attr){ value });
}
