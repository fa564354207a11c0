// SPDX-License-Identifier: MIT
/* autograd.h: the operations, the tape that records them, and what can be asked of it.

   Operations are pure: none writes to its inputs, all return a new tensor. Each that has a tracked
   input is recorded on the thread's tape, a Wengert list (Wengert 1964). A tensor is tracked if it
   is a parameter of a model, was made by wg_variable(), or was computed from a tracked one.

   Both operands of a binary operation have one dtype, or one of them is wg_num(); there is no
   silent conversion, use wg_cast(). Shapes broadcast as in NumPy. Axes count from the end when
   negative. docs/ops.md lists every operation with its formula. */
#ifndef WG_AUTOGRAD_H
#define WG_AUTOGRAD_H

#include "tensor/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct wg_op wg_op;  // op.h

enum { WG_REST = -1, WG_SAME = -2 };  // in the shape for wg_reshape
#define WG_END INT64_MAX              // in wg_slice: to the end

/* Arithmetic is of f32 and f64; comparisons, shapes and indexing take every dtype. */

/* ---- elementwise: ops/unary.def, ops/binary.def ---------------------------------------------- */

/* One function for each row: wg_tanh(x), wg_leaky_relu(x, slope), wg_clamp(x, low, high), wg_add(a,
   b), wg_lt(a, b), ... The rows say what each computes. */
#define UNARY(name, ...) WG_API wg_tensor *wg_##name(wg_tensor *x);
#define UNARY1(name, a, ...) WG_API wg_tensor *wg_##name(wg_tensor *x, double a);
#define UNARY2(name, a, b, ...) WG_API wg_tensor *wg_##name(wg_tensor *x, double a, double b);
#define UNARY_FLAT(name, ...) UNARY(name, )
#define PREDICATE(name, ...) UNARY(name, )
#include "autograd/ops/unary.def"
#undef UNARY_FLAT
#undef PREDICATE
#undef UNARY
#undef UNARY1
#undef UNARY2
#define BINARY(name, ...) WG_API wg_tensor *wg_##name(wg_tensor *a, wg_tensor *b);
#define COMPARE(name, ...) WG_API wg_tensor *wg_##name(wg_tensor *a, wg_tensor *b);
#include "autograd/ops/binary.def"
#undef BINARY
#undef COMPARE

/* ---- options of operations ------------------------------------------------------------------- */

typedef struct wg_cross_entropy_options {
    double smoothing;      // in [0, 1): target := (1 - s) target + s sum(target) / C
    bool ignore;           // leave out samples whose class is ignore_index
    int64_t ignore_index;  // any integer
} wg_cross_entropy_options;

typedef struct wg_embedding_options {
    bool padding;           // the row padding_index gets no gradient
    int64_t padding_index;  // from the end if negative
} wg_embedding_options;

typedef enum wg_pad_mode {
    WG_PAD_CONSTANT,   // value everywhere
    WG_PAD_REFLECT,    // d c b | a b c d | c b a: mirrored at the outermost element
    WG_PAD_REPLICATE,  // a a a | a b c d | d d d
    WG_PAD_CIRCULAR    // b c d | a b c d | a b c
} wg_pad_mode;
typedef struct wg_pad_options {
    wg_pad_mode mode;
    double value;  // for WG_PAD_CONSTANT
} wg_pad_options;

/* ---- all others: ops/ops.def ----------------------------------------------------------------- */

/* One function for each line, with what it computes beside it. */
#define OP(name, parameters) WG_API wg_tensor *wg_##name parameters;
#define ALSO(name, parameters) OP(name, parameters)
#define INNER(name)
#include "autograd/ops/ops.def"
#undef OP
#undef ALSO
#undef INNER

/* ---- several results at once: ops/parts.c ---------------------------------------------------- */

/* x cut along an axis, without a copy, into parts of `size`, the last being what is left: at most
   `most` parts, or it is an error. Returns how many; 0 on failure. An axis of size 0 makes one
   empty part. The entries that get no part become NULL. */
WG_API int wg_split(wg_tensor *x, int64_t size, int axis, wg_tensor *parts[], int most);
/* The same with parts of ceil(size of the axis / n): as in PyTorch these are at most n, and of an
   axis of 5 in 4 parts only 3, of 2, 2 and 1. An axis of size 0 makes n empty parts. */
WG_API int wg_chunk(wg_tensor *x, int n, int axis, wg_tensor *parts[]);
/* Of n lists x[i] of sizes d_i, rank 1 or 0, grids of shape (d_0, ..., d_n-1) in which grid[i]
   varies along axis i: PyTorch's and NumPy's indexing "ij". Without a copy; grid may be x. On
   failure all are NULL. */
WG_API bool wg_meshgrid(wg_tensor *const x[], int n, wg_tensor *grid[]);

/* ---- tracking: tape.c ------------------------------------------------------------------------ */

/* x as a new leaf: same values, no history, tracked. f32 or f64. Its gradient is freed with it. */
WG_API wg_tensor *wg_variable(wg_tensor *x);
/* x as a constant: same values, not tracked from here on. */
WG_API wg_tensor *wg_stop(wg_tensor *x);
WG_API bool wg_is_tracked(const wg_tensor *x);  // false for NULL

/* Turns recording on or off for this thread and returns what it was. Closing a scope puts back what
   was on when it was opened, so that an early return forgets nothing. */
WG_API bool wg_recording(bool on);

/* ---- derivatives: backward.c forward.c ------------------------------------------------------- */

/* Adds d loss / d leaf to the gradient of every leaf that the one-element `loss` depends on. All of
   them are changed or, on an error, none. May be called again: the tape lives as long as its
   scope. */
WG_API bool wg_backward(wg_tensor *loss);
/* The gradient that wg_backward gathered in a leaf; NULL if there is none. It belongs to the
   leaf. */
WG_API wg_tensor *wg_gradient(const wg_tensor *leaf);
WG_API void wg_clear_gradient(wg_tensor *leaf);

typedef struct wg_grad_options {
    wg_tensor *seed;  // gy, the shape of y; NULL: ones, i.e. the gradient of sum(y)
    bool constant;  // faster, and not recorded: a loss made of them trains as if they were numbers
} wg_grad_options;
/* gx[i] = d sum(y * seed) / d x[i] for any tracked x[i], inner ones too; exact zeros where y does
   not depend on it. Touches no leaf's gradient. The results can be differentiated again, to any
   order: for a Hessian-vector product H v differentiate sum(gx * v). */
WG_API bool wg_grad(wg_tensor *y, wg_tensor *const x[], int n, wg_tensor *gx[], wg_grad_options o);
/* d sum(y) / dx for one x, differentiable. */
WG_API wg_tensor *wg_derivative(wg_tensor *y, wg_tensor *x);
/* Forward mode along what was recorded: the tangent of y when x[i] moves along v[i] (shaped like
   x[i]; NULL: not at all). Zeros where y does not depend on any x. Differentiable as well. */
WG_API wg_tensor *wg_jvp(wg_tensor *y, wg_tensor *const x[], int n, wg_tensor *const v[]);

/* ---- proof: check/ --------------------------------------------------------------------------- */

typedef struct wg_selftest_report {
    int64_t checks;    // single comparisons made
    int64_t failures;  // of them failed
    double worst;      // largest gap relative to its bound, over the checks that passed
    char text[1024];   // the first failure: op, sample, layout, what differs from what, by how much
} wg_selftest_report;
/* Holds an operation's record against itself, on every sample, memory layout and dtype: value
   against reference, forward mode against the complex step of the reference, reverse against
   forward mode, second order three ways, fused backward against the rule, saved values, zero
   cotangents, bad samples refused. True if all hold. It needs no pending error and leaves none. */
WG_API bool wg_op_selftest(const wg_op *op, wg_selftest_report *report);

#ifdef __cplusplus
}
#endif
#endif
