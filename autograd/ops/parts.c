// SPDX-License-Identifier: MIT
/* parts.c: several views of one tensor, or of several: functions that fill an array and make no
   record of their own, since slice and expand say it all. */
#include <string.h>

#include "autograd/autograd_impl.h"

static int none(wg_tensor *parts[], int64_t n) {
    for (int64_t i = 0; parts && i < n; i++) parts[i] = NULL;
    return 0;
}

// Every `size` elements of the axis; 0 after reporting.
static int cut(wg_tensor *x, int64_t size, int axis, wg_tensor *parts[], int count) {
    for (int i = 0; i < count; i++) {
        parts[i] = wg_slice(x, axis, i * size, (i + 1) * size, 1);
        if (!parts[i]) return none(parts, count);
    }
    return count;
}

// The axis, once x, its rank and the room for results are right; -1 after reporting.
static int checked(const char *name, const wg_tensor *x, int axis, wg_tensor *const parts[]) {
    char text[200];
    int at = wg__axis(axis, wg_rank(x));
    if (!x || !parts)
        wg_fail(WG_ERROR_ARGUMENT, "%s: %s is NULL", name, x ? "the array of parts" : "input 0");
    else if (wg__alive(name, x) && at < 0)
        wg_fail(WG_ERROR_SHAPE, "%s: %s: there is no axis %d", name,
                wg_shape_text(wg_shape_of(x), text, sizeof text), axis);
    return wg__pending() ? -1 : at;
}

int wg_split(wg_tensor *x, int64_t size, int axis, wg_tensor *parts[], int most) {
    none(parts, most);
    if (wg__pending()) return 0;
    int at = checked("split", x, axis, parts);
    if (at < 0) return 0;
    int64_t n = wg_dim(x, at);
    if (size < 0 || (size == 0 && n > 0))
        return wg_fail(WG_ERROR_ARGUMENT, "split: parts of %lld of an axis of %lld",
                       (long long)size, (long long)n);
    int64_t count = n == 0 ? 1 : (n - 1) / size + 1;
    if (count > most)
        return wg_fail(WG_ERROR_ARGUMENT, "split: %lld in parts of %lld makes %lld, not at most %d",
                       (long long)n, (long long)size, (long long)count, most);
    return cut(x, size < n ? size : n, at, parts, (int)count);
}

int wg_chunk(wg_tensor *x, int n, int axis, wg_tensor *parts[]) {
    none(parts, n);
    if (wg__pending()) return 0;
    int at = checked("chunk", x, axis, parts);
    if (at < 0) return 0;
    if (n < 1) return wg_fail(WG_ERROR_ARGUMENT, "chunk: %d parts", n);
    int64_t length = wg_dim(x, at), size = length / n + (length % n > 0);
    return cut(x, size, at, parts, length == 0 ? n : (int)((length - 1) / size + 1));
}

// List i of n as a line along axis i; NULL after reporting.
static wg_tensor *grid_line(wg_tensor *x, int i, int n) {
    wg_shape shape = { .rank = n };
    if (!x) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "meshgrid: input %d is NULL", i);
    if (!wg__alive("meshgrid", x)) return NULL;
    if (wg_rank(x) > 1)
        return WG__FAIL_NULL(WG_ERROR_SHAPE, "meshgrid: input %d has rank %d, not 0 or 1", i,
                             wg_rank(x));
    for (int k = 0; k < n; k++) shape.dim[k] = k == i ? wg_numel(x) : 1;
    return wg_reshape(x, shape);
}

bool wg_meshgrid(wg_tensor *const x[], int n, wg_tensor *grid[]) {
    if (!wg__pending() && (n < 1 || n > WG_MAX_RANK))
        wg_fail(WG_ERROR_ARGUMENT, "meshgrid: %d lists, not 1 to %d", n, WG_MAX_RANK);
    if (!wg__pending() && (!x || !grid))
        wg_fail(WG_ERROR_ARGUMENT, "meshgrid: the %s is NULL", x ? "result" : "list");
    if (wg__pending()) return none(grid, n);
    wg_tensor *line[WG_MAX_RANK] = { NULL };
    wg_shape whole = { .rank = n };
    for (int i = 0; i < n && !wg__pending(); i++) {
        line[i] = grid_line(x[i], i, n);
        whole.dim[i] = wg_numel(line[i]);
    }
    for (int i = 0; i < n; i++) grid[i] = wg_expand(line[i], whole);
    return !wg__pending() || none(grid, n);
}
