// SPDX-License-Identifier: MIT
/* shape.c: arithmetic on shapes and strides. */
#include "tensor/tensor_impl.h"

bool wg__is_contiguous(const wg_view *v) {
    bool dense = true;
    int64_t n = 1;
    for (int i = v->shape.rank - 1; i >= 0; i--) {
        if (v->shape.dim[i] == 0) return true;  // whatever the strides are
        if (v->shape.dim[i] != 1 && v->stride[i] != n) dense = false;
        n *= v->shape.dim[i];
    }
    return dense;
}

bool wg__has_overlap(const wg_view *v) {
    if (wg__numel(&v->shape) == 0) return false;  // though (3, 0) has stride 0
    for (int i = 0; i < v->shape.rank; i++)
        if (v->shape.dim[i] > 1 && v->stride[i] == 0) return true;
    return false;
}

bool wg__shape_valid(wg_dtype dtype, const wg_shape *s) {
    if ((unsigned)dtype >= WG_DTYPES)
        return wg_fail(WG_ERROR_DTYPE, "there is no dtype %d", (int)dtype);
    if (s->rank < 0 || s->rank > WG_MAX_RANK)
        return wg_fail(WG_ERROR_SHAPE, "rank %d is not within 0 to %d", s->rank, WG_MAX_RANK);
    int64_t limit = PTRDIFF_MAX / 4 / (int64_t)wg__size_of(dtype), n = 1;
    char text[200];
    for (int i = 0; i < s->rank; i++) {
        int64_t d = s->dim[i];
        if (d < 0)
            return wg_fail(WG_ERROR_SHAPE, "%s has a negative size",
                           wg_shape_text(*s, text, sizeof text));
        // A zero elsewhere must not hide an overflow: strides are products of all sizes after them.
        if (d > 1 && n > limit / d)
            return wg_fail(WG_ERROR_SHAPE, "%s has more elements than memory can hold",
                           wg_shape_text(*s, text, sizeof text));
        if (d > 1) n *= d;
    }
    return true;
}

bool wg__broadcast(const wg_shape *a, const wg_shape *b, wg_shape *out) {
    int rank = a->rank > b->rank ? a->rank : b->rank;
    out->rank = rank;
    for (int k = 1; k <= rank; k++) {  // from the last axis
        int64_t da = k <= a->rank ? a->dim[a->rank - k] : 1;
        int64_t db = k <= b->rank ? b->dim[b->rank - k] : 1;
        if (da != db && da != 1 && db != 1) return false;
        out->dim[rank - k] = da == 1 ? db : da;
    }
    return true;
}

wg_view wg__view_broadcast(const wg_view *v, const wg_shape *shape) {
    wg_view w = { .data = v->data, .dtype = v->dtype, .shape = *shape };
    int extra = shape->rank - v->shape.rank;
    for (int i = 0; i < shape->rank; i++) {
        bool stretched = i < extra || v->shape.dim[i - extra] == 1;
        w.stride[i] = stretched ? 0 : v->stride[i - extra];
    }
    return w;
}

int64_t wg__offset(const wg_view *v, int64_t flat) {
    int64_t offset = 0;
    for (int i = v->shape.rank - 1; i >= 0; i--) {
        offset += flat % v->shape.dim[i] * v->stride[i];
        flat /= v->shape.dim[i];
    }
    return offset;
}

const char *wg_shape_text(wg_shape shape, char *text, size_t size) {
    char whole[WG_MAX_RANK * 21 + 3] = "[";
    int used = 1;
    for (int i = 0; i < shape.rank && i < WG_MAX_RANK; i++)
        used += snprintf(whole + used, sizeof whole - (size_t)used, i ? ",%lld" : "%lld",
                         (long long)shape.dim[i]);
    if (text) snprintf(text, size, "%s]", whole);
    return text;
}
