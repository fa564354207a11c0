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

/* ---- options of operations ------------------------------------------------------------------- */

typedef struct wg_cross_entropy_options {
    double smoothing;      // in [0, 1): target := (1 - s) target + s sum(target) / C
    bool ignore;           // leave out samples whose class is ignore_index
    int64_t ignore_index;  // any integer
    wg_tensor *weight;     // (C): the target is multiplied by it; NULL: 1
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

/* Windows over images. Pairs are (down, across); a stride or dilation of 0 is 1, but in pooling a
   stride of 0 is the kernel's size. Those with one axis take the first number of each pair, and
   refuse a second that is not 0. */
typedef struct wg_window_options {
    int64_t stride[2], padding[2], dilation[2];
} wg_window_options;
typedef struct wg_conv_options {
    int64_t stride[2], padding[2], dilation[2];
    int64_t output_padding[2];  // of the transposed ones: more rows and columns at the end
    int64_t groups;             // 0: 1
} wg_conv_options;
typedef struct wg_pool_options {
    int64_t stride[2], padding[2];
    int64_t dilation[2];     // of max_pool
    bool count_exclude_pad;  // avg_pool divides by the elements in the window that are not padding
} wg_pool_options;
typedef enum wg_interpolation { WG_NEAREST, WG_BILINEAR } wg_interpolation;
typedef struct wg_interpolate_options {
    wg_interpolation mode;
    bool align_corners;  // bilinear: the corners' centres coincide, not the images' edges
} wg_interpolate_options;
typedef struct wg_nll_options {
    bool ignore;           // leave out samples whose class is ignore_index
    int64_t ignore_index;  // any integer
    wg_tensor *weight;     // (C), one number to a class; NULL: 1
} wg_nll_options;

typedef struct wg_attention_options {
    bool causal;   // query t sees keys 0 ... t, also where T and S differ
    double scale;  // 0: 1 / sqrt(D)
} wg_attention_options;

typedef struct wg_batch_norm_options {
    wg_tensor *mean, *var;     // (C), both; NULL: those of the batch, var with divisor n
    wg_tensor *weight, *bias;  // (C); NULL: 1 and 0
    double eps;                // 0: 1e-5
} wg_batch_norm_options;

/* ---- the operations: ops/prototypes.def ------------------------------------------------------ */

/* wg_tanh(x), wg_add(a, b), wg_matmul(a, b), ... : the rows and lines of ops/unary.def,
   ops/binary.def and ops/ops.def say what each computes, docs/ops.md has more. */
#include "autograd/ops/prototypes.def"

/* wg_einsum("ij,jk->ik", a, b): an equation, then its operands. */
#ifdef __cplusplus
extern "C++" {
template <typename... Tensors> wg_tensor *wg__einsum(const char *equation, Tensors... x) {
    wg_tensor *list[] = { x... };
    return wg_einsum_of(equation, list, static_cast<int>(sizeof...(x)));
}
}
#define wg_einsum(...) wg__einsum(__VA_ARGS__)
#else
#define wg_einsum(equation, ...)                                                                   \
    wg_einsum_of(equation, (wg_tensor *[]){ __VA_ARGS__ },                                         \
                 (int)(sizeof((wg_tensor *[]){ __VA_ARGS__ }) / sizeof(wg_tensor *)))
#endif

/* ---- tracking: tape.c ------------------------------------------------------------------------ */

/* x as a new leaf: same values, no history, tracked. f32 or f64. Its gradient is freed with it. */
WG_API wg_tensor *wg_variable(wg_tensor *x);
/* x as a constant: same values, not tracked from here on. */
WG_API wg_tensor *wg_stop(wg_tensor *x);
WG_API bool wg_is_tracked(const wg_tensor *x);  // false for NULL

/* Turns recording on or off for this thread and returns what it was. Closing a scope puts back what
   was on when it was opened, so that an early return forgets nothing. */
WG_API bool wg_recording(bool on);

/* ---- derivatives: backward.c grad.c forward.c ------------------------------------------------ */

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
   x[i]; NULL: not at all). One x given more than once moves along the sum of its v. Zeros where y
   does not depend on any x. Differentiable as well. */
WG_API wg_tensor *wg_jvp(wg_tensor *y, wg_tensor *const x[], int n, wg_tensor *const v[]);

typedef struct wg_along {
    wg_tensor *const *x, *const *v;  // x[i] moves along v[i]
    int n;
} wg_along;
/* The tangents dy[j] of several y, in one pass. */
WG_API bool wg_jvp_many(wg_tensor *const y[], int m, wg_along along, wg_tensor *dy[]);

/* Whether y was computed from each x[i], by operations that pass a gradient: whether wg_grad would
   look for one there. A tensor reaches itself; one that is not tracked reaches nothing. NULL is an
   error. */
WG_API bool wg_reaches(wg_tensor *y, wg_tensor *const x[], int n, bool reached[]);

/* ---- higher derivatives: higher.c ------------------------------------------------------------ */

/* A function of n tensors: any program made of operations. What else it depends on comes through
   `user`. NULL, with an error, on failure. */
typedef wg_tensor *wg_function(void *user, wg_tensor *const x[], int n);

/* All of these take tracked tensors as wg_grad does, give exact zeros where y does not depend on x,
   and touch no leaf's gradient. While recording is on their results can be differentiated again,
   and whatever was computed on the way stays with the scope; while it is off they are constants,
   and what was computed on the way goes at once. */

/* Reverse product: gx[i] = (dy/dx[i])' gy, for gy shaped like y. */
WG_API bool wg_vjp(wg_tensor *y, wg_tensor *const x[], int n, wg_tensor *gy, wg_tensor *gx[]);
/* hv[i] = sum_j d^2 y / dx[i] dx[j] v[j] for a one-element y, v[j] shaped like x[j] or NULL for
   zero: forward over reverse mode, exact, for about the cost of four times y (Pearlmutter 1994). */
WG_API bool wg_hvp(wg_tensor *y, wg_tensor *const x[], int n, wg_tensor *const v[],
                   wg_tensor *hv[]);
/* dy/dx, of shape (y.shape..., x.shape...), which has at most 8 axes, and y's dtype: one reverse
   sweep for each element of y or one forward sweep for each of x, whichever are fewer. */
WG_API wg_tensor *wg_jacobian(wg_tensor *y, wg_tensor *x);
/* d^2 y / dx^2 of a one-element y, of shape (x.shape..., x.shape...). */
WG_API wg_tensor *wg_hessian(wg_tensor *y, wg_tensor *x);

/* A function of a batch whose tensors all have the samples along axis 0, all the same number. */
typedef struct wg_samples {
    wg_function *f;  // one element out; called with each sample alone, as a batch of one
    void *user;
    wg_tensor *const *batch;
    int n;
} wg_samples;
/* The gradients of f's value on each sample by itself: gx[i] is (B, x[i].shape...). For clipping
   sample by sample, or their variance. */
WG_API bool wg_grad_each(wg_samples of, wg_tensor *const x[], int n, wg_tensor *gx[]);

/* ---- recomputing: checkpoint.c --------------------------------------------------------------- */

/* f(user, x, n), of which only the inputs are kept: f runs again when a gradient passes, once a
   sweep, and what it computed on the way takes no memory in between (Griewank and Walther 2000).
   Values and tangents are the same as without, bit for bit, and so are gradients, but those of
   tensors that f reads more than once and that something reads later on, too: they, and derivatives
   of the second order and beyond, are so but for rounding, since their sums are taken in another
   order. It may read other tracked tensors, such as parameters, which get their gradients too, and
   hold checkpoints itself.

   f must do the same when it runs again: it depends on x and on what else it reads, all of which
   stays as it is and lives as long as the result. Random numbers drawn by wg_rand and its like, and
   by wg_nn_dropout, are drawn again as they were. Another result the second time is an error. Only
   its result is tracked; wg_backward within it is an error. */
WG_API wg_tensor *wg_checkpoint(wg_function *f, void *user, wg_tensor *const x[], int n);
/* Whether what runs now ran before and only runs again for a gradient: what counts its calls or
   writes a buffer, as running statistics do, must leave that out then. */
WG_API bool wg_is_replay(void);

/* ---- looking on: hook.c trace.c anomaly.c ---------------------------------------------------- */

/* Calls `hook` whenever a reverse sweep that passes x (wg_backward, wg_grad and all made of them)
   has its whole gradient gx: from the newest tensor to the oldest, several on one tensor in the
   order in which they were added, each with what the one before left. It returns NULL, or what is
   to take gx's place, of the same shape and dtype, for x itself and for all before it. gx lives as
   long as the call; wg_stop(gx) is a handle for longer. An error in it fails the sweep, which then
   changes nothing. What is made of several sweeps meets it in each: wg_hessian differentiates a
   gradient that it has changed, while wg_hvp and forward mode go past the second time. It goes with
   x; `hook` NULL removes all of x's now. */
typedef wg_tensor *wg_gradient_hook(void *user, wg_tensor *x, wg_tensor *gx);
WG_API bool wg_on_gradient(wg_tensor *x, wg_gradient_hook *hook, void *user);

/* What y depends on, oldest first, a line a record:

       12 take(3, i64 [5]) axis=-1 -> f64 [2,5] saves 1 at net.c:31

   that is number, operation, its inputs by number or, untracked, by what they are, attributes,
   result, which inputs (and "y", the result) its gradient reads, and where it was made if anomaly
   mode was on. NULL: the whole tape. */
WG_API bool wg_tape_print(FILE *file, wg_tensor *y);
/* The same as a graph in DOT, for Graphviz: wg_tape_draw(file, y), then dot -Tsvg. */
WG_API bool wg_tape_draw(FILE *file, wg_tensor *y);

/* Anomaly mode, off at first; returns what it was. While it is on, the first value that is not
   finite though the operation's inputs and attributes, and whatever gradient or tangents came to
   it, all are, is an error (WG_ERROR_NUMERIC): a result, a gradient or a tangent. It names the
   operation, the shapes and ranges of what it was given, the model path and the place in your
   program:

       log: the result, f32 [3], is nan at [0]; its input 0, f32 [3], lies in -0.5 .. 2; at net.c:18

   File and line are told if your program was compiled with -g and the library found libdw when it
   was built (WENGERT_BACKTRACE), otherwise function and offset, and no place where the C library
   has no backtrace(). The line is exact at -O0 and -O1; from -O2 on a call in tail position shows
   your function's caller instead, unless you compile with -fno-optimize-sibling-calls. Every
   operation then looks at all its values: for looking for a mistake, not for training. */
WG_API bool wg_anomaly(bool on);

/* ---- proof: check/ --------------------------------------------------------------------------- */

/* What a checker found. */
typedef struct wg_check_report {
    int64_t checks;        // single comparisons made
    int64_t failures;      // of them failed
    int64_t cases;         // random cases run
    int64_t inconclusive;  // comparisons that the numbers at hand could not decide
    double worst;          // largest gap relative to its bound, over the checks that passed
    char text[1024];       // the first failure: what differs from what, where and by how much
} wg_check_report;

typedef struct wg_check_options {
    const char *name;          // for the report; NULL: "function"
    int order;                 // of derivative, up to which to check: 1 (also 0), 2 or 3
    uint64_t seed;             // of the random directions; any number is fine
    bool unused;               // inputs that the result does not depend on are no failure
    const char *const *names;  // n of them, of the inputs, for the report; NULL: x[0], x[1] ...
} wg_check_options;
/* Holds the derivatives of f at x against differences of its value, reverse mode against forward
   mode, and, from order 2 on, the ways to a second derivative against each other. It also wants the
   same bits from a second call, and gradients that are linear in the cotangent. x keep their
   values, need not be tracked, and some may be integers or bool. They may be f32: f is then called
   with f64 twins, since differences of f32 tell nothing. So f must be fit for f64: a model in it
   should be a new one, in which f64 inputs make f64 parameters; with parameters in f32 it fails,
   and the report says so. f must not write to anything.

   On failure report->text names the input, the element, what reverse, forward mode and differences
   give there, and the first operation whose own rules are wrong; or the input that f cuts off, by
   wg_stop, wg_variable or reading its values; or one that does not reach the result at all, of
   which nothing can be checked (`unused` allows it): f may have read another tensor than the x that
   it is given, as a model's parameter, for which nn has wg_nn_check_gradient; or f's own error.
   Where f has a kink at x, differences decide nothing: those are counted as inconclusive, and a
   check that decided nothing at all has failed. It needs no pending error and leaves none, nor any
   tensor but what f keeps. Here and below `report` may be NULL. */
WG_API bool wg_check_gradient(wg_function *f, void *user, wg_tensor *const x[], int n,
                              wg_check_options o, wg_check_report *report);

typedef wg_check_report wg_selftest_report;  // one type: its other name is what it is about
/* Holds an operation's record against itself, on every sample, memory layout and dtype: value
   against reference, forward mode against the complex step of the reference, reverse against
   forward mode, second order three ways, fused backward against the rule, saved values, zero
   cotangents, bad samples refused. Without a reference, differences of the value take its place.
   True if all hold. It needs no pending error and leaves none. */
WG_API bool wg_op_selftest(const wg_op *op, wg_selftest_report *report);

typedef struct wg_selftest_options {
    uint64_t seed;   // of the random cases
    int64_t cases;   // how many, after the fixed ones; 0: as many as fit into `seconds`
    double seconds;  // or fewer, when the time is over; 0: no limit. Not both 0, neither negative
} wg_selftest_options;
/* The same, and then random cases: fresh numbers for a sample, in general position, small and
   whole (where results must be exact), or special (infinities, NaN, denormals), in a random memory
   layout and dtype, through a random choice of the same comparisons. A failure's text names the
   case; the same seed brings it back. */
WG_API bool wg_op_selftest_with(const wg_op *op, wg_selftest_options o, wg_selftest_report *report);

enum { WG_MUTANTS = 10 };
typedef struct wg_mutation_report {
    int killed;       // of WG_MUTANTS, excused ones included
    int excused;      // cannot be told from the right rule, and .equivalent says why
    int64_t tests;    // selftests run
    char text[1024];  // who survived, and who was excused and why
} wg_mutation_report;
/* Whether the selftest would notice a wrong rule: `vjp` (or one gradient of `vjp_all`, or that of
   a composed operation) is damaged in ten ways, for each input in turn, and each must fail the
   selftest: scaled by 1 + 1e-5, negated, zeroed, computed for a cotangent of ones, the first
   element only, shifted by one element, transposed, dropped, reading a value that .saves leaves
   out, rounded to f32. Returns how many of the ten were noticed for all inputs; 10 if a flag says
   that there is no derivative to damage, 0 if the record fails undamaged or its samples show no
   gradient. Less than 10 means that samples are missing. */
WG_API int wg_op_mutation_score(const wg_op *op, wg_mutation_report *report);

#ifdef __cplusplus
}
#endif
#endif
