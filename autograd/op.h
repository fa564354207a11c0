// SPDX-License-Identifier: MIT
/* op.h: what an operation is, for those who add one.

   An operation is one constant record: its name and documentation, the shape rule, the value, how
   it is differentiated in both modes, a naive reference, and samples. Whatever needs to know about
   an operation reads it from there: the engine, the tests, the documents. The library's own
   operations are records like yours and have no privilege.

   The rules `vjp` and `jvp` are made of operations, so what they return can be differentiated
   again: a rule that is right for the first order is right for every order.

   wg_op_selftest() (autograd.h) holds a record against all of this. CONTRIBUTING.md walks through
   one record of each kind; examples/custom_op.c is a complete program. */
#ifndef WG_OP_H
#define WG_OP_H

#ifdef __cplusplus
#error "operations are written in C: their references compute with double complex"
#endif

#include <complex.h>
#include <math.h>

#include "autograd/autograd.h"

enum {
    WG_OP_ABI = 1,
    WG_MAX_INPUTS = 64,
    WG_MAX_SAMPLES = 16,
};

/* One application of an operation, as its functions see it. An optional input that is absent may be
   missing, `inputs` being smaller, or NULL: wg_call_has() knows both. `out` is set for vjp,
   vjp_all, jvp and backward only. */
typedef struct wg_call {
    const wg_op *op;
    int inputs;
    wg_tensor *const *in;
    wg_tensor *out;
    const void *attr;  // op->attr_size bytes, or NULL
} wg_call;

/* What `infer` fills in: dtype and shape of the result. An operation whose result shares the memory
   of input 0 sets `alias` and gives strides and the offset of the first element, both in elements
   and relative to input 0's first element; it then has no work left for `forward`. */
typedef struct wg_spec {
    wg_dtype dtype;
    wg_shape shape;
    bool alias;
    int64_t stride[WG_MAX_RANK];
    int64_t offset;
} wg_spec;

/* A dense complex array in C order: what `reference` computes with. */
typedef struct wg_zview {
    double complex *data;
    wg_shape shape;
} wg_zview;

/* An elementwise operation: its inputs are broadcast against each other as in NumPy and share one
   dtype. At most 7 of them. A NULL loop refuses that dtype. `backward` is for one-input operations:
   p = gx, gy, x, y, and computes gx = gy * dy/dx, or exactly 0 where either is 0. */
typedef struct wg_map {
    wg_loop *forward[WG_DTYPES];
    wg_loop *backward[WG_F64 + 1];
    bool predicate;  // the result is bool
} wg_map;

/* Which subgradient the rules choose where there are several. */
typedef enum wg_tie {
    WG_TIE_NONE,    // differentiable wherever it is defined
    WG_TIE_ZERO,    // 0 at the kink
    WG_TIE_LEFT,    // the derivative from the left
    WG_TIE_RIGHT,   // the derivative from the right
    WG_TIE_INSIDE,  // that of the inner piece (clamp: 1 on the bounds)
    WG_TIE_EVEN,    // shared evenly among the equals
    WG_TIE_ONE      // one of the equals has it all; .edges says which
} wg_tie;

typedef enum wg_op_flags {
    WG_OP_ZERO_GRADIENT = 1,  // the derivative is zero wherever it exists: the result is a constant
    WG_OP_NO_GRADIENT = 2,    // no derivative is defined: asking for one is an error
    WG_OP_LINEAR = 4,         // linear in all inputs together: jvp may be wg_op_jvp_linear
    // Inputs from number `inputs` on may be left out at the end, or be NULL; every function of the
    // record must take both, and asks wg_call_has(c, i) before it reads c->in[i] or in[i].
    WG_OP_OPTIONAL_INPUTS = 8
} wg_op_flags;

/* Which values `vjp`, `jvp` and `backward` read. The engine checks that none of these was
   overwritten since, and is free to drop all others. 0 means all of them; combine with |. Shapes
   may always be read. All inputs from the thirtieth on share one bit. */
#define WG_SAVES_IN(i) (1u << ((i) < 29 ? (i) : 29))
#define WG_SAVES_OUT (1u << 31)
#define WG_SAVES_NOTHING (1u << 30)

/* The fields of an attribute struct, so that calls can be printed and sampled. */
enum { WG_TEXT_SIZE = 128 };
typedef enum wg_attr_type {
    WG_ATTR_INT,   // int64_t
    WG_ATTR_REAL,  // double
    WG_ATTR_BOOL,  // bool
    WG_ATTR_LIST,  // wg_shape
    WG_ATTR_TEXT   // char[WG_TEXT_SIZE], without blanks
} wg_attr_type;
typedef struct wg_attr {
    const char *name;
    wg_attr_type type;
    size_t offset;
} wg_attr;

/* Samples are what the tests feed an operation, one string each: the inputs, then " | " and
   attributes. An input is its shape, "()" for rank 0, and after "@" the values to draw from:

       "2,3 3"               f32 or f64, normal values in general position
       "2,3@0.5..4"          uniform on [0.5, 4]
       "3@=0,-1,1"           these very values, in C order: kinks and extremes; "2@i=4,0", "2@b=1,0"
       "5@i0..2"             i64, from 0 to 2;   "5@b" bool
       "2,0,3"               zero-size
       "4,3,3@reg"           stacks of matrices that are well conditioned, though they need row
       "3,3@spd"             swaps; and of symmetric positive definite ones
       "2,3,4 | axes=0,-1 keepdim=1 p=2.5"      attributes by name; unnamed ones are zero

   Optional inputs are left out at the end, "2,3 4,3" for "2,3 4,3 4"; the tests run such a sample
   with NULLs in their places, too.

   Let some sample broadcast if the operation does: a rule that forgets wg_sum_to shows there and
   nowhere else. `bad` holds samples that `infer` or `forward` must refuse with a message. */
struct wg_op {
    uint32_t abi;            // WG_OP_ABI
    const char *name, *doc;  // a C identifier; one line, beginning with the formula
    /* More for the documents, one line each; NULL where there is nothing to say. */
    const char *shapes;      // "(..., M, K) x (..., K, N) -> (..., M, N)"; not for elementwise ones
    const char *derivative;  // "da = gy b', db = a' gy"
    const char *edges;       // at zero sizes, infinities, NaN, saturation; where others differ
    const char *equals;      // "torch.matmul, np.matmul"
    /* Damaged rules (wg_op_mutation_score) that equal the right one whatever the sample, and why:
       "transposed: the input is a vector; shifted: all elements are equal". */
    const char *equivalent;
    uint8_t inputs;      // how many tensors it takes,
    uint8_t inputs_max;  // or at most, where that varies (0: exactly `inputs`)
    uint32_t flags;      // wg_op_flags
    uint32_t saves;      // WG_SAVES_...
    wg_tie tie;
    size_t attr_size;
    const wg_attr *attrs;  // ends with a NULL name

    /* Shape and dtype of the result; reads no values. false after wg_call_fail on what does not
       fit. */
    bool (*infer)(const wg_call *c, wg_spec *out);
    /* The value. `out` is dense, in C order, and its bytes are undefined before. NULL if infer
       makes an alias always. */
    bool (*forward)(const wg_call *c, const wg_view *const in[], wg_view *out);
    /* Or, in place of both: one loop over elements. The shape is the common one; `infer`, if there
       is one, only refuses what does not fit, such as an attribute out of range. */
    const wg_map *map;

    /* Or, in place of those and of all rules: the operation as a formula of others, from which its
       derivatives of any order follow. `infer`, if there is one, speaks first, and what it says
       must come true. Shapes are asked of c->in[i] by wg_call_dim and its like. */
    wg_tensor *(*compose)(const wg_call *c);

    /* Reverse mode, made of operations: the gradient for input i, given gy for the result. Its
       shape and dtype must be those of input i: undo broadcasting with wg_sum_to. Multiply gy by
       slopes with wg_xmul, for which 0 times infinity is 0. NULL without an error is zero. */
    wg_tensor *(*vjp)(const wg_call *c, wg_tensor *gy, int i);
    /* Or, in place of vjp, for gradients that share work: all of them at once. gx comes with a NULL
       for each input; those that are not `wanted` must stay NULL. false after reporting. */
    bool (*vjp_all)(const wg_call *c, wg_tensor *gy, const bool wanted[], wg_tensor *gx[]);
    /* Forward mode, made of operations: the tangent of the result. dx[i] is NULL where it is
       zero. */
    wg_tensor *(*jvp)(const wg_call *c, wg_tensor *const dx[]);
    /* Optional: the same as `vjp` in one pass, used when nobody differentiates the gradient. gx is
       dense, shaped like input i, its bytes undefined before; gy has any strides. The values of
       inputs and result, those that `saves` names, come from wg_call_view(). False after
       reporting. */
    bool (*backward)(const wg_call *c, const wg_view *gy, int i, wg_view *gx);
    /* The plainest possible statement in complex numbers, so that the complex step measures
       derivatives without error (Squire and Trapp 1998). Integer and bool inputs come as real
       numbers. False where the sizes are beyond it, but not on the samples. */
    bool (*reference)(const wg_call *c, const wg_zview in[], wg_zview *out);

    const char *samples[WG_MAX_SAMPLES];
    const char *bad[WG_MAX_SAMPLES];
};

/* ---- applying and registering --------------------------------------------------------------- */

/* The one way in: checks the inputs, infers, allocates, computes, records. */
WG_API wg_tensor *wg_apply(const wg_op *op, wg_tensor *const in[], int n, const void *attr);

/* Adds a record, which must live as long as the program, to its list of operations, over which
   tests and tools run. wg_apply does not need it. Refused, with the reason: a record without both
   rules and without a flag that says why, without samples, or with a name that is taken. Any
   thread may call it, at any time, and walk the list while others do; nothing ever leaves it. */
WG_API bool wg_op_register(const wg_op *op);
WG_API int wg_op_count(void);
WG_API const wg_op *wg_op_at(int i);               // NULL out of range
WG_API const wg_op *wg_op_find(const char *name);  // NULL if there is none

/* ---- for all functions ---------------------------------------------------------------------- */

WG_API int64_t wg_shape_numel(wg_shape shape);  // how many elements an array of this shape has
/* Whether input i is there: neither missing nor NULL. */
WG_API bool wg_call_has(const wg_call *c, int i);
/* The memory of input i, or of the result for WG_OUT: for `backward`, which is given no views of
   them. Any strides; a number, wg_num(), is f64 whatever it met, so ask .dtype or use
   wg_view_get(). NULL where there is none: an absent input, the result before it is computed. */
enum { WG_OUT = -1 };
WG_API const wg_view *wg_call_view(const wg_call *c, int i);

/* ---- for infer ------------------------------------------------------------------------------ */

WG_API int wg_call_rank(const wg_call *c, int i);
WG_API int64_t wg_call_dim(const wg_call *c, int i, int axis);  // axis from the end if negative
WG_API wg_dtype wg_call_dtype(const wg_call *c, int i);
/* Reports "NAME: [2,3] x [4]: MESSAGE" with the shapes of all inputs; always false. */
WG_API bool wg_call_fail(const wg_call *c, wg_status status, const char *format, ...)
    WG_PRINTF(3, 4);
/* Turns a negative axis into a positive one; -1 after wg_call_fail if x (rank) has no such axis. */
WG_API int wg_call_axis(const wg_call *c, int64_t axis, int rank);
WG_API bool wg_call_same_dtype(const wg_call *c);    // all inputs, or fails
WG_API bool wg_call_float(const wg_call *c, int i);  // input i is f32 or f64, or fails
WG_API bool wg_spec_set(wg_spec *out, wg_dtype dtype, wg_shape shape);  // always true

/* ---- for forward and backward --------------------------------------------------------------- */

/* Runs a loop over the common broadcast shape of views, views[0] being the written one. */
WG_API void wg_map_run(wg_loop *loop, const wg_view *const views[], int count, const double *param);
WG_API int64_t wg_view_numel(const wg_view *v);
/* Element `flat`, counted in C order, as a double; for references and small things, not for speed.
   Out of range it is NaN, and setting it does nothing. */
WG_API double wg_view_get(const wg_view *v, int64_t flat);
WG_API void wg_view_set(wg_view *v, int64_t flat, double value);

/* ---- for vjp and jvp ------------------------------------------------------------------------ */

/* a + b where either may be NULL, a zero that takes no work. */
WG_API wg_tensor *wg_add_maybe(wg_tensor *a, wg_tensor *b);
/* The jvp of a linear operation: itself, on the tangents. */
WG_API wg_tensor *wg_op_jvp_linear(const wg_call *c, wg_tensor *const dx[]);

/* ---- elementwise operations in one row ------------------------------------------------------- */

#define WG_LN2 0.69314718055994530942

/* For operations outside the library. Defines `wg_tensor *opname(wg_tensor *x)` and its record
   `opname##_op`.
     value    in C, of a double x
     slope    dy/dx, made of operations on the tensors x and y, y the result
     plain    in complex C, of a double complex z
     domain   as in a sample, "-3..3"
   For functions that are smooth on their domain; one with a kink is a record of its own, with .tie
   set. The user's macro computes in double for both dtypes. */
#define WG_UNARY(opname, doc_line, value, slope, plain, domain)                                    \
    static inline double opname##_value(double x) { return (value); }                              \
    static wg_tensor *opname##_slope(wg_tensor *x, wg_tensor *y) {                                 \
        (void)x, (void)y;                                                                          \
        return (slope);                                                                            \
    }                                                                                              \
    WG__UNARY_LOOP(opname##_f32, float, opname##_value)                                            \
    WG__UNARY_LOOP(opname##_f64, double, opname##_value)                                           \
    static wg_tensor *opname##_vjp(const wg_call *c, wg_tensor *gy, int i) {                       \
        (void)i;                                                                                   \
        return wg_xmul(gy, opname##_slope(c->in[0], c->out));                                      \
    }                                                                                              \
    static wg_tensor *opname##_jvp(const wg_call *c, wg_tensor *const dx[]) {                      \
        return wg_xmul(dx[0], opname##_slope(c->in[0], c->out));                                   \
    }                                                                                              \
    static bool opname##_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {         \
        (void)c;                                                                                   \
        for (int64_t k = 0; k < wg_shape_numel(out->shape); k++) {                                 \
            double complex z = in[0].data[k];                                                      \
            out->data[k] = (plain);                                                                \
        }                                                                                          \
        return true;                                                                               \
    }                                                                                              \
    static const wg_map opname##_map = { .forward = { opname##_f32, opname##_f64 } };              \
    extern const wg_op opname##_op;                                                                \
    const wg_op opname##_op = { .abi = WG_OP_ABI,                                                  \
                                .name = #opname,                                                   \
                                .doc = doc_line,                                                   \
                                .inputs = 1,                                                       \
                                .derivative = "dx = gy s, s = " #slope,                            \
                                .map = &opname##_map,                                              \
                                .vjp = opname##_vjp,                                               \
                                .jvp = opname##_jvp,                                               \
                                .reference = opname##_reference,                                   \
                                .samples = { "7@" domain, "2,3@" domain, "()@" domain,             \
                                             "0,2@" domain } };                                    \
    wg_tensor *opname(wg_tensor *x);                                                               \
    wg_tensor *opname(wg_tensor *x) {                                                              \
        return wg_apply(&opname##_op, (wg_tensor *[]){ x }, 1, NULL);                              \
    }

#define WG__UNARY_LOOP(loop, real, value)                                                          \
    static void loop(int64_t n, void *const p[], const int64_t step[], const double *param) {      \
        (void)param;                                                                               \
        real *y = p[0];                                                                            \
        const real *x = p[1];                                                                      \
        for (int64_t k = 0; k < n; k++) y[k * step[0]] = (real)value((double)x[k * step[1]]);      \
    }

#endif
