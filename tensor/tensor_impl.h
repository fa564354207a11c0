// SPDX-License-Identifier: MIT
/* tensor_impl.h: how a tensor is laid out, for this folder and the folders above it.

   A handle (wg_tensor) is a view, a reference to storage, and its place in a scope's list. Storage
   is one block: a 64-byte header, then the elements. Blocks come from a cache of bins by size, one
   per thread, so after the first step of a training loop nothing asks the system for memory. */
#ifndef WG_TENSOR_IMPL_H
#define WG_TENSOR_IMPL_H

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>

#include "tensor/tensor.h"

#define WG_LIKELY(x) __builtin_expect(!!(x), 1)
#define WG_UNLIKELY(x) __builtin_expect(!!(x), 0)

#define WG__NO_NODE UINT32_MAX  // wg_tensor.node of what the tape does not know

enum {
    WG__ALIGN = 64,
    WG__BINS = 4 * 60,  // of block sizes: four to each power of two
    WG__NAME_MAX = 64,  // bytes of an operation's name
    WG__WHERE = 192,    // bytes of a model path in messages, with the closing 0
};

/* ---- blocks: memory.c ------------------------------------------------------------------------ */

/* Stands before every block's bytes. As storage it also counts references and writes. */
typedef struct wg__block {
    void (*release)(void *user, void *block, size_t size);
    void *user;
    struct wg__block *next;  // in the cache
    size_t size;             // of the whole block, as allocated
    uint32_t bin;            // which list of the cache it goes to
    atomic_uint refs;
    _Atomic uint64_t version;
} wg__block;
_Static_assert(sizeof(wg__block) <= WG__ALIGN, "the header must leave the elements aligned");

/* Bytes aligned to 64, undefined; NULL after reporting that there is no memory. Free takes NULL.
   Not reported: wg__alloc_quiet. wg__resize keeps the first `keep` bytes and frees the old
   block. */
void *wg__alloc(size_t bytes);
void *wg__alloc_zero(size_t bytes);
void *wg__alloc_quiet(size_t bytes);
void *wg__resize(void *bytes, size_t keep, size_t size);
void wg__free(void *bytes);
static inline wg__block *wg__block_of(void *bytes) {
    return (wg__block *)(void *)((char *)bytes - WG__ALIGN);
}
size_t wg__capacity(void *bytes);  // usable bytes of a block, for the tests

/* ---- handles --------------------------------------------------------------------------------- */

/* Something to be called with a tensor's gradient. The layer above knows what `call` is; here it
   only goes with its tensor. */
typedef struct wg__hook {
    struct wg__hook *next;  // in the order in which they were added
    void (*call)(void);
    void *user;
} wg__hook;

struct wg_tensor {
    wg_view view;
    void *storage;           // the block that view.data points into; NULL for a number
    wg_tensor *prev, *next;  // in the scope's list
    wg_scope *scope;         // NULL: owned by an object (a model, a set, a gradient's leaf)
    wg_tensor *gradient;     // a leaf's, owned by it
    wg__hook *hook;          // first of those on its gradient
    uint32_t node;           // its record on the tape, if that record's result is this handle
    bool leaf;               // tracked without having been computed
    bool number;             // takes the dtype of what it meets; rank 0, f64
    bool dead;               // freed: what the memory says until it is used again
    bool named;              // an owned handle that some record has among its inputs
    double value;            // where a number's view.data points
};

struct wg_scope {
    wg_scope *parent;
    wg_tensor *first;       // newest
    bool recording;         // what to put back
    bool kept;              // something tracked moved out of it
    uint32_t nodes;         // tape length when it was opened
    uint64_t mark;          // of the layer above: where its arena stood
    char where[WG__WHERE];  // what to put back, likewise
};

/* What the tape wants to know of scopes. autograd sets it: this folder keeps the tape's marks in
   its structs, but calls nothing of it. */
typedef struct wg__scope_hooks {
    void (*opened)(wg_scope *scope);
    void (*closing)(wg_scope *scope);  // before its tensors go
    void (*reset)(void);               // the thread is going, or wg_reset()
} wg__scope_hooks;

/* ---- the thread's state ---------------------------------------------------------------------- */

typedef struct wg__context {
    wg_status status;
    bool recording;
    bool anomaly;   // wg_anomaly(): records remember where they were made,
    bool watching;  // and results are looked at; not within the rules of an operation
    bool handler_set;
    int hooks_running;  // of those on gradients: none may be removed meanwhile
    wg_scope *scope;    // innermost
    wg_scope *fence;    // not to be closed, nor what is around it; NULL: all may
    uint32_t nodes;     // length of the tape
    const wg__scope_hooks *hooks;
    wg_scope root;
    wg_allocator allocator;
    wg__block *cache[WG__BINS];
    wg_memory memory;
    wg_error_handler *handler;
    void *handler_user;
    char where[WG__WHERE];  // path of the part of a model last entered, for messages
    const char *within;     // the operation that is being made of others, likewise; NULL for none
    int depth;              // how many of those are open, one within the other
    struct wg__journal *journal;  // innermost
    char message[1024];
} wg__context;

/* While a function of the caller's runs within one of ours, the scopes that were open before are
   not its to close: we hold what is in them. Gives what to put back into ctx->fence afterwards. */
static inline wg_scope *wg__fence_up(wg__context *ctx) {
    wg_scope *before = ctx->fence;
    ctx->fence = ctx->scope;
    return before;
}

/* Only this pointer is in static thread storage, of which a library that is loaded at run time gets
   little. */
extern _Thread_local wg__context *wg__thread __attribute__((tls_model("initial-exec")));
wg__context *wg__context_init(void);
static inline wg__context *wg__ctx(void) {
    return WG_LIKELY(wg__thread != NULL) ? wg__thread : wg__context_init();
}

/* ---- making and freeing handles: scope.c tensor.c -------------------------------------------- */

/* A handle for a new contiguous tensor with undefined elements; in the innermost scope, or `owned`,
   in none, to be freed with wg__tensor_free. NULL after reporting. Checks rank, sizes and
   overflow. */
wg_tensor *wg__tensor_new(wg_dtype dtype, wg_shape shape);
wg_tensor *wg__tensor_new_owned(wg_dtype dtype, wg_shape shape);
/* The same for a shape that is known to be valid. */
wg_tensor *wg__tensor_like(wg_dtype dtype, const wg_shape *shape);
wg_tensor *wg__tensor_like_owned(wg_dtype dtype, const wg_shape *shape);
/* A handle in the innermost scope on x's storage, with x's view; not tracked. */
wg_tensor *wg__tensor_alias(const wg_tensor *x);
/* Frees a handle at once, taking it out of its scope's list if it is in one. NULL is fine. */
void wg__tensor_free(wg_tensor *x);
/* An owned handle's end: now, or, while a tape may still refer to it, with the outermost scope. */
void wg__tensor_release_owned(wg_tensor *x);
void wg__scope_add(wg_scope *scope, wg_tensor *x);  // into a scope's list
void wg__scope_remove(wg_tensor *x);                // out of its list: owned from now on

/* Freed memory still says so until somebody else has it: the best that can be done for a pointer
   that is held past its scope, in a build without AddressSanitizer. */
static inline bool wg__alive(const char *name, const wg_tensor *x) {
    return WG_LIKELY(!x->dead) ||
           wg_fail(WG_ERROR_STATE, "%s: a tensor is used after its scope was closed", name);
}
static inline void wg__touch(wg_tensor *x) {  // its storage was written to
    if (x->storage) atomic_fetch_add(&wg__block_of(x->storage)->version, 1);
}

/* ---- shapes: shape.c ------------------------------------------------------------------------- */

static inline int64_t wg__numel(const wg_shape *s) {
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++) n *= s->dim[i];
    return n;
}
static inline void wg__contiguous_strides(wg_view *v) {
    int64_t n = 1;
    for (int i = v->shape.rank - 1; i >= 0; i--) {
        v->stride[i] = n;
        n *= v->shape.dim[i];
    }
}
static inline void wg__shape_set(wg_shape *to, const wg_shape *from) {  // only what counts
    to->rank = from->rank;
    for (int i = 0; i < from->rank; i++) to->dim[i] = from->dim[i];
}
static inline bool wg__shape_equal(const wg_shape *a, const wg_shape *b) {
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}
bool wg__is_contiguous(const wg_view *v);
bool wg__has_overlap(const wg_view *v);  // some stride 0 serves more than one element
/* Rank 0 to 8, no negative size, numel * size of dtype within PTRDIFF_MAX; reports otherwise. */
bool wg__shape_valid(wg_dtype dtype, const wg_shape *s);
/* NumPy broadcasting of a and b into out; false, without reporting, if they do not fit. */
bool wg__broadcast(const wg_shape *a, const wg_shape *b, wg_shape *out);
/* v seen as `shape`, to which it broadcasts: new and stretched axes get stride 0. */
wg_view wg__view_broadcast(const wg_view *v, const wg_shape *shape);
/* Offset in elements of element `flat` in C order. */
int64_t wg__offset(const wg_view *v, int64_t flat);
/* axis from the end if negative; -1 if there is no such axis. */
static inline int wg__axis(int64_t axis, int rank) {
    if (axis < -rank || axis >= rank) return -1;
    return (int)(axis < 0 ? axis + rank : axis);
}

/* ---- dtypes: dtype.c ------------------------------------------------------------------------- */

static inline size_t wg__size_of(wg_dtype dtype) {
    static const uint8_t size[WG_DTYPES] = { 4, 8, 4, 8, 1, 1 };
    return size[dtype];
}
static inline char *wg__at(const wg_view *v, int64_t offset) {
    return (char *)v->data + offset * (int64_t)wg__size_of(v->dtype);
}
double wg__load(wg_dtype dtype, const void *element);
void wg__store(wg_dtype dtype, void *element, double value);

/* ---- errors ---------------------------------------------------------------------------------- */

/* The handler as it is, to be put back by whoever provokes errors on purpose. */
typedef struct wg__handler {
    wg_error_handler *handler;
    void *user;
    bool set;
} wg__handler;
void wg__handler_get(wg__handler *h);
void wg__handler_put(const wg__handler *h);

/* Names the model path that messages of this thread begin with; "" for none. */
void wg__where(const char *path);

static inline bool wg__pending(void) { return wg__ctx()->status != WG_OK; }
#define WG__FAIL_NULL(...) (wg_fail(__VA_ARGS__), (void *)NULL)

/* ---- random numbers: random.c ---------------------------------------------------------------- */

/* What was drawn while something ran, so that it can run again and draw the same: where the counter
   of each draw stood, in order. Whatever draws asks wg__draw_begin where to start, and says after
   it has drawn n numbers, in wg__draw_end. A counter that has moved on since is not moved by a
   replay. Journals nest, each in its user's memory; `at` is the user's to free, and given for a
   replay. */
typedef struct wg__journal {
    struct wg__journal *outer;
    bool replay;
    uint64_t *at;
    size_t count, room;
    size_t next;  // to be replayed
} wg__journal;
bool wg__draw_begin(const uint64_t *counter, uint64_t *at);  // false after reporting
void wg__draw_end(uint64_t *counter, uint64_t at, uint64_t n);
void wg__journal_open(wg__journal *j);
void wg__journal_close(const wg__journal *j);

/* Philox4x32-10, one block. */
void wg__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
/* The block at position `block` of (seed, stream); and `blocks` of them from there on, four words
   each. */
void wg__random_block(const wg_random *r, uint64_t block, uint32_t out[4]);
void wg__random_words(const wg_random *r, uint64_t block, uint32_t *out, int64_t blocks);

#endif
