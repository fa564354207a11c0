// SPDX-License-Identifier: MIT
/* truth.c: is any element, are all elements of a line other than 0? Of any dtype. */
#include "autograd/ops/reduce.h"
#include "tensor/kernels/kernels.h"

#define TRUTH(opname, first, next)                                                                 \
    WG__FOLD_LOOP(opname##_f32, float, uint8_t, 16, next)                                          \
    WG__FOLD_LOOP(opname##_f64, double, uint8_t, 16, next)                                         \
    WG__FOLD_LOOP(opname##_i32, int32_t, uint8_t, 16, next)                                        \
    WG__FOLD_LOOP(opname##_i64, int64_t, uint8_t, 16, next)                                        \
    WG__FOLD_LOOP(opname##_u8, uint8_t, uint8_t, 16, next)                                         \
    static bool opname##_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {      \
        static wg_loop *const loop[WG_DTYPES] = { opname##_f32, opname##_f64, opname##_i32,        \
                                                  opname##_i64, opname##_u8,  opname##_u8 };       \
        wg__fill_view(out, first);                                                                 \
        wg__reduce_fold(c, in[0], out, loop[in[0]->dtype]);                                        \
        return true;                                                                               \
    }                                                                                              \
    static double complex plain_##opname(const wg_call *c, int64_t n, const double complex *z) {   \
        double a = first;                                                                          \
        (void)c;                                                                                   \
        for (int64_t k = 0; k < n; k++) {                                                          \
            double b = creal(z[k]);                                                                \
            a = (next);                                                                            \
        }                                                                                          \
        return a;                                                                                  \
    }                                                                                              \
    WG__REDUCE_REFERENCE(opname, plain_##opname)
TRUTH(any, false, a != 0 || b != 0)
TRUTH(all, true, a != 0 && b != 0)

static bool infer(const wg_call *c, wg_spec *out) { return wg__reduce_infer(c, out, WG_BOOL); }

#define COMMON(opname)                                                                             \
    WG__REDUCE_COMMON(opname), .flags = WG_OP_ZERO_GRADIENT, .saves = WG_SAVES_NOTHING,            \
                               .attrs = wg__reduce_attrs, .infer = infer,                          \
                               .forward = opname##_forward,                                        \
                               .samples = { WG__REDUCE_SAMPLES,                                    \
                                            "2,0 | axes=1",                                        \
                                            "2,3@b | axes=1",                                      \
                                            "3,4@i-1..1 | axes=0",                                 \
                                            "2,3@=0,0,0,0,-1,0 | axes=1",                          \
                                            "2,3@=1,2,-3,4,0,5 | axes=1" },                        \
                               .bad = { WG__REDUCE_BAD }

WG__DEFINE_OP(any) = {
    COMMON(any),
    .doc = "x is not 0 somewhere along axes; bool",
    .edges = "false of nothing; NaN is not 0",
    .equals = "torch.any, np.any",
};
WG__DEFINE_OP(all) = {
    COMMON(all),
    .doc = "x is not 0 everywhere along axes; bool",
    .edges = "true of nothing; NaN is not 0",
    .equals = "torch.all, np.all",
};

WG__REDUCE_FUNCTIONS(any)
WG__REDUCE_FUNCTIONS(all)
