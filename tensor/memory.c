// SPDX-License-Identifier: MIT
/* memory.c: blocks of memory, kept for reuse in bins by size.

   Four bins to each power of two, so at most a fifth of a large block is unused. A freed block goes
   to the list of its bin in the thread that frees it and stays there until wg_memory_trim(), so a
   loop that asks for the same sizes again and again asks the system for nothing and touches no
   fresh page. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tensor/tensor_impl.h"

#if defined(__SANITIZE_ADDRESS__)
#define WG_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WG_ASAN 1
#endif
#endif
#ifdef WG_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n) __asan_poison_memory_region(p, n)
#define UNPOISON(p, n) __asan_unpoison_memory_region(p, n)
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

enum { HUGE_PAGE = 2 << 20 };

static void *default_allocate(void *user, size_t alignment, size_t size) {
    (void)user;
    bool huge = size >= 2 * (size_t)HUGE_PAGE;
    void *block = NULL;
    if (posix_memalign(&block, huge ? HUGE_PAGE : alignment, size)) return NULL;
        // Only a hint: page faults and TLB misses cost more than the arithmetic on large arrays.
#ifdef MADV_HUGEPAGE
    if (huge) (void)madvise(block, size, MADV_HUGEPAGE);
#endif
    return block;
}
static void default_release(void *user, void *block, size_t size) {
    (void)user, (void)size;
    free(block);
}

void wg_set_allocator(const wg_allocator *allocator) {
    static const wg_allocator standard = { default_allocate, default_release, NULL };
    wg_memory_trim();
    wg__ctx()->allocator = allocator ? *allocator : standard;
}

/* The bin of a size, and that bin's size: multiples of 64 up to 256, then 5/4, 6/4, 7/4, 8/4 of
   each power of two. */
static uint32_t bin_of(size_t size, size_t *rounded) {
    if (size <= 256) {
        *rounded = (size + 63) & ~(size_t)63;
        return (uint32_t)(*rounded / 64 - 1);
    }
    uint32_t shift = 61 - (uint32_t)__builtin_clzll(size - 1);
    size_t quarter = (size - 1) >> shift;  // 4 ... 7
    *rounded = (quarter + 1) << shift;
    return 4 * (shift - 6) + (uint32_t)quarter;
}

static wg__block *fresh_block(wg__context *ctx, size_t size, uint32_t bin) {
    wg__block *b = ctx->allocator.allocate(ctx->allocator.user, WG__ALIGN, size);
    if (!b) return NULL;
    b->release = ctx->allocator.release;
    b->user = ctx->allocator.user;
    b->size = size;
    b->bin = bin;
    atomic_init(&b->version, 0);
    ctx->memory.held += size;
    if (ctx->memory.held > ctx->memory.peak) ctx->memory.peak = ctx->memory.held;
    return b;
}

void *wg__alloc_quiet(size_t bytes) {
    wg__context *ctx = wg__ctx();
    if (bytes > PTRDIFF_MAX / 2) return NULL;
    size_t size;
    uint32_t bin = bin_of(bytes + WG__ALIGN, &size);
    wg__block *b = ctx->cache[bin];
    if (WG_LIKELY(b != NULL)) {
        ctx->cache[bin] = b->next;
    } else if (!(b = fresh_block(ctx, size, bin))) {
        return NULL;
    }
    atomic_store_explicit(&b->refs, 1, memory_order_relaxed);
    char *data = (char *)b + WG__ALIGN;
    UNPOISON(data, bytes);
    POISON(data + bytes,
           size - WG__ALIGN - bytes);  // what lies past the bytes asked for is not the caller's
    return data;
}

void *wg__alloc(size_t bytes) {
    void *p = wg__alloc_quiet(bytes);
    if (WG_UNLIKELY(!p)) wg_fail(WG_ERROR_MEMORY, "out of memory: %zu bytes", bytes);
    return p;
}

void *wg__alloc_zero(size_t bytes) {
    void *p = wg__alloc(bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

void *wg__resize(void *bytes, size_t keep, size_t size) {
    void *p = wg__alloc(size);
    if (!p) return NULL;
    if (bytes) memcpy(p, bytes, keep < size ? keep : size);
    wg__free(bytes);
    return p;
}

void wg__free(void *bytes) {
    if (!bytes) return;
    wg__context *ctx = wg__ctx();
    wg__block *b = wg__block_of(bytes);
    POISON(bytes, b->size - WG__ALIGN);
    b->next = ctx->cache[b->bin];
    ctx->cache[b->bin] = b;
}

size_t wg__capacity(void *bytes) { return wg__block_of(bytes)->size - WG__ALIGN; }

void wg_memory_trim(void) {
    wg__context *ctx = wg__ctx();
    for (int bin = 0; bin < WG__BINS; bin++) {
        for (wg__block *b = ctx->cache[bin], *next; b; b = next) {
            next = b->next;
            UNPOISON(b, b->size);
            ctx->memory.held -= b->size < ctx->memory.held ? b->size : ctx->memory.held;
            b->release(b->user, b, b->size);
        }
        ctx->cache[bin] = NULL;
    }
}

// Counted when asked for, so that handing blocks out and in stays free of it.
wg_memory wg_memory_now(void) {
    wg__context *ctx = wg__ctx();
    wg_memory m = ctx->memory;
    for (int bin = 0; bin < WG__BINS; bin++)
        for (const wg__block *b = ctx->cache[bin]; b; b = b->next) m.cached += b->size;
    return m;
}
