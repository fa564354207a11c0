// SPDX-License-Identifier: MIT
/* error.c: the sticky error of a thread.

   The first error is kept and told once; whatever fails afterwards fails because of it. */
#include <stdarg.h>
#include <string.h>

#include "tensor/tensor_impl.h"

wg_status wg_error(void) { return wg__ctx()->status; }
const char *wg_error_message(void) { return wg__ctx()->message; }

void wg_error_clear(void) {
    wg__context *ctx = wg__ctx();
    ctx->status = WG_OK;
    ctx->message[0] = 0;
}

void wg_on_error(wg_error_handler *handler, void *user) {
    wg__context *ctx = wg__ctx();
    ctx->handler = handler;
    ctx->handler_user = user;
    ctx->handler_set = true;
}

void wg__handler_get(wg__handler *h) {
    wg__context *ctx = wg__ctx();
    *h = (wg__handler){ ctx->handler, ctx->handler_user, ctx->handler_set };
}
void wg__handler_put(const wg__handler *h) {
    wg__context *ctx = wg__ctx();
    ctx->handler = h->handler, ctx->handler_user = h->user, ctx->handler_set = h->set;
}

void wg__where(const char *path) {
    char *where = wg__ctx()->where;
    if (where[0] == 0 && path[0] == 0) return;
    size_t n = strnlen(path, sizeof wg__ctx()->where - 1);
    memcpy(where, path, n);
    where[n] = 0;
}

static void tell(wg__context *ctx) {
    if (ctx->handler)
        ctx->handler(ctx->handler_user, ctx->status, ctx->message);
    else if (!ctx->handler_set)
        fprintf(stderr, "wengert: %s\n", ctx->message);
}

// Whether the text begins with "NAME:".
static bool begins_with(const char *text, const char *name) {
    size_t n = strlen(name);
    return strncmp(text, name, n) == 0 && text[n] == ':';
}

/* "block3: layer_norm: " before the text, and how long that is. What is wrong with a file is no
   matter of a model. A record that was never registered may have a name of any length. */
static size_t put_prefix(wg__context *ctx, const char *text) {
    bool of_a_file = ctx->status == WG_ERROR_FILE || ctx->status == WG_ERROR_FORMAT;
    const char *where = of_a_file ? "" : ctx->where;
    const char *within = ctx->within && !begins_with(text, ctx->within) ? ctx->within : "";
    int used = snprintf(ctx->message, sizeof ctx->message, "%s%s%.*s%s", where,
                        where[0] ? ": " : "", WG__NAME_MAX, within, within[0] ? ": " : "");
    return used < 0                             ? 0
           : (size_t)used < sizeof ctx->message ? (size_t)used
                                                : sizeof ctx->message - 1;
}

bool wg_fail(wg_status status, const char *format, ...) {
    wg__context *ctx = wg__ctx();
    if (ctx->status != WG_OK) return false;
    ctx->status = status == WG_OK ? WG_ERROR_ARGUMENT : status;
    char text[sizeof ctx->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t used = put_prefix(ctx, text);
    memccpy(ctx->message + used, text, 0, sizeof ctx->message - used);
    ctx->message[sizeof ctx->message - 1] = 0;
    tell(ctx);
    return false;
}
