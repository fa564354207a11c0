// SPDX-License-Identifier: MIT
/* tensor.h: numbers in memory. Shapes, scopes, errors, making, reading, writing and printing
   tensors.

   Everything that computes is an operation and stands in autograd.h. What stands here never appears
   in a gradient: it brings numbers in, takes them out, and decides how long they live.

   Two rules hold in every header of this library:
   - A function that returns a pointer returns NULL on failure, one that returns bool returns false,
     and then wg_error() is set. While an error is pending every function that makes something
     returns NULL at once, so a formula needs no checks: look once, after the step.
   - What makes or changes something treats NULL as an error; what reads, frees or clears is
     NULL-safe and says what it gives for NULL.

   All state is per thread: the error, the scopes, the tape, the cache. Threads may use different
   models at the same time, and read tensors that none of them writes; a tensor whose gradient is
   wanted belongs to one thread (wg_variable() makes another leaf of the same values). Switches,
   such as wg_recording() or wg_nn_train(), and whatever closes, clears or frees work also while an
   error is pending. */
#ifndef WG_TENSOR_H
#define WG_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define WG_VERSION_MAJOR 0
#define WG_VERSION_MINOR 1
#define WG_VERSION_PATCH 0

#if defined(__GNUC__)
#define WG_API __attribute__((visibility("default")))
#define WG_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define WG_API
#define WG_PRINTF(text, first)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- types ---------------------------------------------------------------------------------- */

typedef struct wg_tensor wg_tensor;  // a handle; always by pointer, owned by a scope or an object
typedef struct wg_scope wg_scope;

typedef enum wg_dtype {
    WG_F32,   // float, trainable
    WG_F64,   // double, trainable
    WG_I32,   // int32_t
    WG_I64,   // int64_t: indices and class labels
    WG_U8,    // uint8_t: images
    WG_BOOL,  // one byte, 0 or 1: what comparisons give
    WG_DTYPES
} wg_dtype;

enum { WG_MAX_RANK = 8 };

typedef struct wg_shape {
    int rank;  // 0 (a scalar) to WG_MAX_RANK
    int64_t dim[WG_MAX_RANK];
} wg_shape;

/* WG_SHAPE(2, 3) is the shape of a 2 by 3 matrix; WG_SCALAR is rank 0. WG_AXES is the same thing,
   read as a list of axes: WG_AXES(0, -1) is the first and the last. */
#ifdef __cplusplus
extern "C++" {
template <typename... Sizes> constexpr wg_shape wg__shape_from(Sizes... size) {
    return wg_shape{ static_cast<int>(sizeof...(size)), { static_cast<int64_t>(size)... } };
}
}
#define WG_SHAPE(...) wg__shape_from(__VA_ARGS__)
#define WG_SCALAR wg__shape_from()
#else
#define WG_SHAPE(...)                                                                              \
    ((wg_shape){ (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), { __VA_ARGS__ } })
#define WG_SCALAR ((wg_shape){ 0, { 0 } })
#endif
#define WG_AXES(...) WG_SHAPE(__VA_ARGS__)

/* Raw memory as a kernel sees it: element (i, j, ...) stands at data + i*stride[0] + j*stride[1]
   ..., strides counted in elements, of any sign, 0 where one element serves a whole axis. */
typedef struct wg_view {
    void *data;
    wg_dtype dtype;
    wg_shape shape;
    int64_t stride[WG_MAX_RANK];
} wg_view;

/* One value at a time, n times: p[0] is written, p[1 ...] are read, element i of array k stands at
   p[k] + i * step[k] elements. param is the operation's attribute struct, which for elementwise
   operations holds doubles and nothing else; NULL if there is none. */
typedef void wg_loop(int64_t n, void *const p[], const int64_t step[], const double *param);

WG_API const char *wg_version(void);               // "0.1.0"
WG_API const char *wg_dtype_name(wg_dtype dtype);  // "f32", ...; "?" for anything else
WG_API size_t wg_dtype_size(wg_dtype dtype);       // bytes of one element; 0 for anything else
WG_API bool wg_dtype_is_float(wg_dtype dtype);     // f32 or f64

/* ---- errors: error.c ------------------------------------------------------------------------ */

typedef enum wg_status {
    WG_OK,
    WG_ERROR_ARGUMENT,  // NULL, an option out of its range, a name that is not there
    WG_ERROR_SHAPE,     // shapes that do not fit each other
    WG_ERROR_DTYPE,     // dtypes that do not fit, or that an operation does not take
    WG_ERROR_INDEX,     // an index or a class label out of range
    WG_ERROR_STATE,     // right call, wrong time: stale value, sealed model, nothing recorded
    WG_ERROR_MEMORY,    // an allocation failed
    WG_ERROR_FILE,      // the system could not open, read or write a file
    WG_ERROR_FORMAT,    // a file's bytes are not what its format demands
    WG_ERROR_NUMERIC    // a value that is not finite, where anomaly mode looks for them
} wg_status;

/* The first error of a thread sticks until it is cleared; later ones are dropped, since the first
   is the one that tells. wg_error_message() is "" when there is none, and stays valid until
   cleared. */
WG_API wg_status wg_error(void);
WG_API const char *wg_error_message(void);
WG_API void wg_error_clear(void);

/* Called once for each error that sticks, at the place where it happens. The handler of a thread
   that never set one writes "wengert: MESSAGE" to stderr; NULL keeps silent. */
typedef void wg_error_handler(void *user, wg_status status, const char *message);
WG_API void wg_on_error(wg_error_handler *handler, void *user);

/* Reports an error of your own, as the library's are reported; for ops, layers and loaders written
   outside. Always returns false. */
WG_API bool wg_fail(wg_status status, const char *format, ...) WG_PRINTF(2, 3);

/* ---- memory and scopes: memory.c scope.c ---------------------------------------------------- */

/* A tensor belongs to the innermost scope that its thread has open when it is made. Closing a scope
   frees all of them, forgets what was recorded on them, closes any scope still open inside it, and
   puts recording, and the model path that messages begin with, back to what they were. Before any
   is open there is the thread's root scope, which wg_reset() or the thread's end frees. Both calls
   work while an error is pending. Closing NULL does nothing, nor does closing a scope that this
   thread has not open; but a closed scope's pointer is dead, and the next one opened may be given
   the same.

   Nothing stops a pointer to a tensor from outliving its scope. Such a use is reported while the
   memory still says so; a library built with AddressSanitizer (the preset `asan`) reports it
   always. */
WG_API wg_scope *wg_scope_open(void);
WG_API void wg_scope_close(wg_scope *scope);

/* Lets x outlive the innermost scope: x, and the history that its gradient needs, move to the scope
   outside it when this one closes. Returns x, still valid. In the root scope it changes nothing. */
WG_API wg_tensor *wg_keep(wg_tensor *x);

/* Closes every scope of this thread, frees what the root scope holds and gives cached memory
   back. */
WG_API void wg_reset(void);

/* Counted per thread: a block freed in another thread than the one that made it counts there. */
typedef struct wg_memory {
    size_t held;      // bytes taken from the allocator and not given back
    size_t peak;      // the largest that `held` has been
    size_t cached;    // of those held, bytes in no use now
    int64_t tensors;  // live tensor handles
} wg_memory;
WG_API wg_memory wg_memory_now(void);
WG_API void wg_memory_trim(void);  // gives cached blocks back to the allocator

/* Where blocks come from, per thread. `allocate` returns NULL when there is no memory; `size` is
   what was asked for. A block is released through the allocator that made it, perhaps from another
   thread. NULL brings back the default (aligned, large blocks on huge pages). Drops cached
   blocks. */
typedef struct wg_allocator {
    void *(*allocate)(void *user, size_t alignment, size_t size);
    void (*release)(void *user, void *block, size_t size);
    void *user;
} wg_allocator;
WG_API void wg_set_allocator(const wg_allocator *allocator);

/* ---- making --------------------------------------------------------------------------------- */

/* A number in a formula: rank 0, taking the dtype of the tensor it meets, as in
   wg_mul(x, wg_num(0.5)). */
WG_API wg_tensor *wg_num(double value);

WG_API wg_tensor *wg_zeros(wg_dtype dtype, wg_shape shape);
WG_API wg_tensor *wg_ones(wg_dtype dtype, wg_shape shape);
WG_API wg_tensor *wg_full(wg_dtype dtype, wg_shape shape, double value);
WG_API wg_tensor *wg_zeros_like(const wg_tensor *x);
WG_API wg_tensor *wg_from(wg_dtype dtype, wg_shape shape, const void *values);  // copies, C order
WG_API wg_tensor *wg_from_f64(wg_dtype dtype, wg_shape shape, const double *values);  // converts

/* start, start + step, ... up to but without stop: ceil((stop - start) / step) values. */
WG_API wg_tensor *wg_arange(wg_dtype dtype, double start, double stop, double step);
/* count values from start to stop, both included. */
WG_API wg_tensor *wg_linspace(wg_dtype dtype, double start, double stop, int64_t count);
WG_API wg_tensor *wg_eye(wg_dtype dtype, int64_t n);  // (n, n)

/* ---- random numbers: random.c --------------------------------------------------------------- */

/* Philox4x32-10 (Salmon et al. 2011): the numbers are a function of (seed, stream, counter) alone,
   the same on any machine (wg_randn up to the last bits of its libm) and for any number of threads.
   { .seed = 7 } is a good start; drawing moves `counter` on; different streams are independent. */
typedef struct wg_random {
    uint64_t seed, stream, counter;
} wg_random;
WG_API wg_tensor *wg_rand(wg_dtype dtype, wg_shape shape, wg_random *r);  // uniform on [0, 1)
WG_API wg_tensor *wg_randn(wg_dtype dtype, wg_shape shape,
                           wg_random *r);                   // standard normal (Box-Muller)
WG_API wg_tensor *wg_permutation(int64_t n, wg_random *r);  // 0 ... n-1 shuffled, i64
WG_API uint64_t wg_random_u64(wg_random *r);
WG_API double wg_random_uniform(wg_random *r);            // on [0, 1), 53 bits
WG_API int64_t wg_random_below(wg_random *r, int64_t n);  // on 0 ... n-1, unbiased; 0 for n < 1

/* ---- reading: NULL-safe --------------------------------------------------------------------- */

WG_API wg_dtype wg_dtype_of(const wg_tensor *x);  // WG_F32 for NULL
WG_API wg_shape wg_shape_of(const wg_tensor *x);  // rank 0 for NULL
WG_API int wg_rank(const wg_tensor *x);           // 0 for NULL
WG_API int64_t wg_dim(const wg_tensor *x,
                      int axis);                   // axis from the end if negative; 0 if not there
WG_API int64_t wg_numel(const wg_tensor *x);       // number of elements; 0 for NULL
WG_API bool wg_is_contiguous(const wg_tensor *x);  // C order without gaps; false for NULL

/* The value of a one-element tensor as a double; NaN for NULL, an error otherwise. */
WG_API double wg_item(const wg_tensor *x);
/* The element at index[0 ... rank-1] as a double; NaN for NULL, an error out of range. */
WG_API double wg_at(const wg_tensor *x, const int64_t index[]);

/* Copies all elements out in C order; `count` must be wg_numel(x). wg_read keeps x's dtype. */
WG_API bool wg_read(const wg_tensor *x, void *values, int64_t count);
WG_API bool wg_read_f64(const wg_tensor *x, double *values, int64_t count);

/* The elements of a contiguous tensor of this dtype, in place: valid while x lives. NULL and an
   error otherwise (use wg_contiguous first). */
WG_API const void *wg_values(const wg_tensor *x, wg_dtype dtype);

/* Same shape, dtype and values; NaN equals nothing. */
WG_API bool wg_equal(const wg_tensor *a, const wg_tensor *b);
/* Same shape and |a - b| <= atol + rtol |b| everywhere; NaN is close to nothing, equal infinities
   are. */
WG_API bool wg_allclose(const wg_tensor *a, const wg_tensor *b, double rtol, double atol);

/* ---- writing: the only ways to change a tensor ---------------------------------------------- */

/* Each marks the storage as changed, for all views of it: a backward pass that would read a value
   recorded before then reports it. A tensor in which one element serves several places (wg_expand)
   is refused. wg_copy converts dtypes, and wants the same shape. */
WG_API bool wg_write(wg_tensor *x, const void *values, int64_t count);  // x's dtype, C order
WG_API bool wg_fill(wg_tensor *x, double value);
WG_API bool wg_copy(wg_tensor *to, const wg_tensor *from);

/* ---- printing: print.c ---------------------------------------------------------------------- */

/* As NumPy prints, with "..." in the middle of long axes, then shape and dtype. wg_format writes at
   most `size` bytes with the closing 0 and returns the length that the whole text has. */
WG_API size_t wg_format(const wg_tensor *x, char *text, size_t size);
WG_API bool wg_print(FILE *file, const wg_tensor *x);
/* "[2,3]" into text; returns text. */
WG_API const char *wg_shape_text(wg_shape shape, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
