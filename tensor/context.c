// SPDX-License-Identifier: MIT
/* context.c: a thread's state: made when the thread first calls, freed when it ends.

   It lives on the heap, and only a pointer to it in thread storage, for a library that is loaded at
   run time gets next to none of that. A thread for whose state there is no memory is given one that
   is out of memory for good, and tries again at its next call. */
#include <pthread.h>
#include <stdlib.h>

#include "tensor/tensor_impl.h"

_Thread_local wg__context *wg__thread;

static pthread_key_t at_thread_end;
static pthread_once_t key_made = PTHREAD_ONCE_INIT;

static void thread_ends(void *context) {
    wg_reset();
    wg__thread = NULL;
    free(context);
}
static void make_key(void) { (void)pthread_key_create(&at_thread_end, thread_ends); }

// The main thread runs no key destructors when main returns.
__attribute__((destructor)) static void process_ends(void) {
    if (wg__thread) thread_ends(wg__thread);
}

static void *no_memory(void *user, size_t alignment, size_t size) {
    (void)user, (void)alignment, (void)size;
    return NULL;
}

/* Shared by all threads that it happens to; nothing writes to it but who clears the error. */
static wg__context exhausted = { .status = WG_ERROR_MEMORY,
                                 .message = "out of memory: the thread's own state",
                                 .recording = true,
                                 .root.recording = true,
                                 .scope = &exhausted.root,
                                 .allocator = { .allocate = no_memory } };

wg__context *wg__context_init(void) {
    wg__context *ctx = calloc(1, sizeof *ctx);
    if (!ctx) return &exhausted;
    wg__thread = ctx;
    ctx->recording = ctx->root.recording = true;
    ctx->scope = &ctx->root;
    wg_set_allocator(NULL);
    (void)pthread_once(&key_made, make_key);
    (void)pthread_setspecific(at_thread_end, ctx);
    return ctx;
}
