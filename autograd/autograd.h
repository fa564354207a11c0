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

/* a where condition (bool) is true, b elsewhere; all three broadcast. The branch that is not taken
   contributes exactly 0 to the gradient, whatever it holds. */
WG_API wg_tensor *wg_where(wg_tensor *condition, wg_tensor *a, wg_tensor *b);

/* The values in another dtype; floats go towards zero into integers, anything but 0 is true.
   Differentiable from float to float. */
WG_API wg_tensor *wg_cast(wg_tensor *x, wg_dtype dtype);

/* ---- shape: ops/view.c ops/slice.c ----------------------------------------------------------- */

/* None of these copies, but wg_reshape where strides leave no other way. */

/* Same elements in C order. One dimension may be WG_REST, what is left; WG_SAME keeps x's at that
   place. */
WG_API wg_tensor *wg_reshape(wg_tensor *x, wg_shape shape);
WG_API wg_tensor *wg_flatten(wg_tensor *x, int from_axis);  // all axes from this one on become one
WG_API wg_tensor *wg_permute(wg_tensor *x,
                             wg_shape axes);  // axis i of the result is axes.dim[i] of x
WG_API wg_tensor *wg_transpose(wg_tensor *x, int axis1, int axis2);
/* Elements start, start + step, ... before stop of one axis, as Python's x[start:stop:step]:
   negative positions count from the end, what lies outside is cut off, step may be negative but not
   0. For a negative step, stop = -WG_END runs through element 0. */
WG_API wg_tensor *wg_slice(wg_tensor *x, int axis, int64_t start, int64_t stop, int64_t step);
WG_API wg_tensor *wg_select(wg_tensor *x, int axis, int64_t index);  // one index; the axis goes
WG_API wg_tensor *wg_squeeze(wg_tensor *x, int axis);                // drops an axis of size 1
WG_API wg_tensor *wg_unsqueeze(wg_tensor *x, int axis);  // new axis of size 1 before this place
/* x broadcast; a dimension WG_SAME, or -1 as in PyTorch, keeps x's. */
WG_API wg_tensor *wg_expand(wg_tensor *x, wg_shape shape);
WG_API wg_tensor *wg_flip(wg_tensor *x, int axis);
WG_API wg_tensor *wg_contiguous(
    wg_tensor *x);  // x itself if it is in C order without gaps, else a copy
/* Sums x down to `shape`, from which it could have been broadcast: the transpose of wg_expand. */
WG_API wg_tensor *wg_sum_to(wg_tensor *x, wg_shape shape);

/* ---- reductions: ops/reduce.c ops/extreme.c -------------------------------------------------- */

/* Over all axes, or over those listed; keepdim leaves them with size 1. */

WG_API wg_tensor *wg_sum(wg_tensor *x);
WG_API wg_tensor *wg_mean(wg_tensor *x);
WG_API wg_tensor *wg_max(wg_tensor *x);  // ties share the gradient evenly; NaN if any is
WG_API wg_tensor *wg_min(wg_tensor *x);
WG_API wg_tensor *wg_sum_axes(wg_tensor *x, wg_shape axes, bool keepdim);
WG_API wg_tensor *wg_mean_axes(wg_tensor *x, wg_shape axes, bool keepdim);
WG_API wg_tensor *wg_max_axes(wg_tensor *x, wg_shape axes, bool keepdim);
WG_API wg_tensor *wg_min_axes(wg_tensor *x, wg_shape axes, bool keepdim);
/* sum (x - mean)^2 / (n - correction): correction 1 is the unbiased estimate, 0 the
   population's. */
WG_API wg_tensor *wg_var(wg_tensor *x, double correction);
WG_API wg_tensor *wg_var_axes(wg_tensor *x, wg_shape axes, bool keepdim, double correction);
WG_API wg_tensor *wg_logsumexp(wg_tensor *x, wg_shape axes, bool keepdim);  // log sum exp x, stable
WG_API wg_tensor *wg_argmax(wg_tensor *x, int axis, bool keepdim);  // i64; the first of equals

/* ---- joining and indexing: ops/cat.c ops/index.c ops/take.c ---------------------------------- */

/* An index is i64 or i32, in range, not negative. */

WG_API wg_tensor *wg_cat(wg_tensor *const x[], int n, int axis);
/* y[i][j] = x[i][index[i][j]] along `axis`, as NumPy's take_along_axis. */
WG_API wg_tensor *wg_gather(wg_tensor *x, int axis, wg_tensor *index);
/* x with source[i][j] added at [i][index[i][j]] along `axis`; equal indices add up. */
WG_API wg_tensor *wg_scatter_add(wg_tensor *x, int axis, wg_tensor *index, wg_tensor *source);
/* Whole slices: x[:, index, :] for index of rank 1, as NumPy's take. */
WG_API wg_tensor *wg_index_select(wg_tensor *x, int axis, wg_tensor *index);
WG_API wg_tensor *wg_index_add(wg_tensor *x, int axis, wg_tensor *index, wg_tensor *source);
/* index (...) -> (..., classes): 1 at the index, else 0. */
WG_API wg_tensor *wg_one_hot(wg_tensor *index, int64_t classes, wg_dtype dtype);

/* ---- products: ops/matmul.c ------------------------------------------------------------------ */

/* (..., M, K) x (..., K, N) -> (..., M, N), leading axes broadcast; rank 1 as in NumPy: a vector on
   the left is a row, on the right a column, and its axis goes from the result. f32 and f64. */
WG_API wg_tensor *wg_matmul(wg_tensor *a, wg_tensor *b);

/* ---- softmax and cross-entropy: ops/softmax.c ops/loss.c ------------------------------------- */

WG_API wg_tensor *wg_softmax(wg_tensor *x, int axis);      // exp(x - max) / sum of it
WG_API wg_tensor *wg_log_softmax(wg_tensor *x, int axis);  // x - logsumexp(x)

typedef struct wg_cross_entropy_options {
    double smoothing;      // in [0, 1): target := (1 - s) target + s sum(target) / C
    bool ignore;           // leave out samples whose class is ignore_index
    int64_t ignore_index;  // any integer
} wg_cross_entropy_options;

/* Mean over the samples of -sum_c target_c log softmax(logits)_c. logits (..., C); target either
   class indices (...), i64 or i32, or weights (..., C) of the logits' dtype, whose rows need not
   sum to one and may be differentiated too. With every sample ignored the mean is over nothing:
   NaN. */
WG_API wg_tensor *wg_cross_entropy(wg_tensor *logits, wg_tensor *target);
WG_API wg_tensor *wg_cross_entropy_with(wg_tensor *logits, wg_tensor *target,
                                        wg_cross_entropy_options o);
/* One loss per sample (...), 0 for those ignored. */
WG_API wg_tensor *wg_cross_entropy_each(wg_tensor *logits, wg_tensor *target,
                                        wg_cross_entropy_options o);

/* ---- dropout: ops/dropout.c ------------------------------------------------------------------ */

/* Each element is 0 with probability p in [0, 1), else x / (1 - p). The mask is a function of
   (seed, stream, counter), recomputed where it is needed and never stored; r.counter is the number
   of the draw: add 1 for the next. */
WG_API wg_tensor *wg_dropout(wg_tensor *x, double p, wg_random r);

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
