// SPDX-License-Identifier: MIT
/* prod.c: the product over axes. The slope at one element is the product of all others, taken from
   both sides and never by dividing, so that it is right with any number of zeros, and, as it is
   made of cumulative products, in any order. */
#include "autograd/ops/reduce.h"
#include "autograd/ops/scan.h"
#include "tensor/kernels/kernels.h"

// One lane: what is rounded depends on the order of the elements alone.
WG__FOLD_LOOP(prod_f32, float, float, 1, a *b)
WG__FOLD_LOOP(prod_f64, double, double, 1, a *b)
WG__FOLD_LOOP(prod_i32, int32_t, uint64_t, 1, a *(uint64_t)b)
WG__FOLD_LOOP(prod_i64, int64_t, uint64_t, 1, a *(uint64_t)b)
WG__FOLD_LOOP(prod_u8, uint8_t, uint64_t, 1, a *b)

static bool prod_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    static wg_loop *const loop[WG_DTYPES] = { prod_f32, prod_f64, prod_i32,
                                              prod_i64, prod_u8,  prod_u8 };
    wg__fill_view(out, 1);
    wg__reduce_fold(c, in[0], out, loop[in[0]->dtype]);
    return true;
}

/* ---- rules ----------------------------------------------------------------------------------- */

// The axes that stay, then those that go.
static wg_shape order_of(const wg_call *c, int rank) {
    int bits = wg__reduced(c);
    wg_shape order = { .rank = 0 };
    for (int goes = 0; goes < 2; goes++)
        for (int i = 0; i < rank; i++)
            if ((bits >> i & 1) == goes) order.dim[order.rank++] = i;
    return order;
}

static wg_tensor *others_in_row(wg_tensor *x) {  // (count, n)
    wg__scan_attr on = { .axis = 1 }, back = { .axis = 1, .reverse = true };
    wg_tensor *left = wg__scan(&wg__op_cumprod, wg__moved_on(x, on, 1), 1, false);
    wg_tensor *right = wg__scan(&wg__op_cumprod, wg__moved_on(x, back, 1), 1, true);
    return wg_mul(left, right);
}

static wg_tensor *others(const wg_call *c) {
    wg_tensor *x = c->in[0];
    int64_t n = wg__reduced_length(c), numel = wg_numel(x);
    if (numel == 0) return wg_zeros_like(x);
    wg_shape order = order_of(c, wg_rank(x)), back = { .rank = order.rank };
    for (int i = 0; i < order.rank; i++) back.dim[order.dim[i]] = i;
    wg_tensor *moved = wg_permute(x, order);
    wg_tensor *y = others_in_row(wg_reshape(moved, WG_SHAPE(numel / n, n)));
    return wg_permute(wg_reshape(y, wg_shape_of(moved)), back);
}
WG__REDUCE_RULES(prod, others)

/* ---- the record and its functions ------------------------------------------------------------ */

static double complex plain_prod(const wg_call *c, int64_t n, const double complex *z) {
    double complex product = 1;
    (void)c;
    for (int64_t k = 0; k < n; k++) product *= z[k];
    return product;
}
WG__REDUCE_REFERENCE(prod, plain_prod)

WG__DEFINE_OP(prod) = {
    WG__REDUCE_COMMON(prod),
    .doc = "product of x over axes, from first to last; integers and bool give i64",
    .derivative = "dx_i = gy times the product of all x_j but x_i",
    .edges = "1 of nothing; slopes are exact at zeros; an i64 that overflows wraps",
    .equals = "torch.prod, np.prod",
    .saves = WG_SAVES_IN(0),
    .attrs = wg__reduce_attrs,
    .infer = wg__reduce_infer_total,
    .forward = prod_forward,
    .vjp = prod_vjp,
    .jvp = prod_jvp,
    .samples = { "2,3 | all=1", "2,3 | axes=0", "2,3 | axes=-1 keepdim=1", "3,2,4 | axes=2,0",
                 "2,3", "() | all=1", "2,1,3 | axes=1", "0,3 | axes=1", "2,0 | axes=1",
                 "2,40@0.8..1.3 | axes=1", "2,3@i-4..4 | axes=1", "2,3@b | axes=0",
                 "3,4@=2,0,3,1,0,4,0,1,0,0,0,5 | axes=1", "2,2,2@=0,1,2,3,4,5,0,6 | axes=0,2",
                 "2,3,4 | axes=0", "2,3,1,2 | axes=0,2" },
    .bad = { WG__REDUCE_BAD },
};

WG__REDUCE_FUNCTIONS(prod)
