// SPDX-License-Identifier: MIT
/* tensor.c: handles; making, reading, comparing and writing tensors. */
#include <math.h>
#include <string.h>

#include "tensor/kernels/kernels.h"
#include "tensor/tensor_impl.h"

/* ---- handles --------------------------------------------------------------------------------- */

static wg_tensor *new_handle(void) {
    wg_tensor *x = wg__alloc(sizeof *x);
    if (WG_UNLIKELY(!x)) return NULL;
    x->storage = NULL;
    x->scope = NULL;
    x->gradient = NULL;
    x->hook = NULL;
    x->node = WG__NO_NODE;
    x->leaf = x->number = x->dead = x->named = false;
    wg__ctx()->memory.tensors++;
    return x;
}

wg_tensor *wg__tensor_like_owned(wg_dtype dtype, const wg_shape *shape) {
    wg_tensor *x = new_handle();
    if (WG_UNLIKELY(!x)) return NULL;
    x->view.dtype = dtype;
    wg__shape_set(&x->view.shape, shape);
    wg__contiguous_strides(&x->view);
    x->storage = wg__alloc((size_t)wg__numel(shape) * wg__size_of(dtype));
    if (WG_UNLIKELY(!x->storage)) {
        wg__tensor_free(x);
        return NULL;
    }
    x->view.data = x->storage;
    return x;
}

wg_tensor *wg__tensor_new_owned(wg_dtype dtype, wg_shape shape) {
    return wg__shape_valid(dtype, &shape) ? wg__tensor_like_owned(dtype, &shape) : NULL;
}

wg_tensor *wg__tensor_like(wg_dtype dtype, const wg_shape *shape) {
    wg_tensor *x = wg__tensor_like_owned(dtype, shape);
    if (WG_LIKELY(x != NULL)) wg__scope_add(wg__ctx()->scope, x);
    return x;
}

wg_tensor *wg__tensor_new(wg_dtype dtype, wg_shape shape) {
    if (WG_UNLIKELY(wg__pending()) || !wg__shape_valid(dtype, &shape)) return NULL;
    return wg__tensor_like(dtype, &shape);
}

wg_tensor *wg__tensor_alias(const wg_tensor *x) {
    wg__context *ctx = wg__ctx();
    wg_tensor *y = new_handle();
    if (WG_UNLIKELY(!y)) return NULL;
    y->view = x->view;
    y->storage = x->storage;
    if (x->storage)
        atomic_fetch_add_explicit(&wg__block_of(x->storage)->refs, 1, memory_order_relaxed);
    if (x->number) {
        y->number = true;
        y->value = x->value;
        if (!x->storage) y->view.data = &y->value;
    }
    wg__scope_add(ctx->scope, y);
    return y;
}

static void free_hooks(wg__hook *hook) {
    for (wg__hook *next; hook; hook = next) {
        next = hook->next;
        wg__free(hook);
    }
}

void wg__tensor_free(wg_tensor *x) {
    if (!x) return;
    wg__scope_remove(x);
    wg__tensor_free(x->gradient);
    if (WG_UNLIKELY(x->hook)) free_hooks(x->hook);
    if (x->storage) {
        atomic_uint *refs = &wg__block_of(x->storage)->refs;
        if (atomic_load_explicit(refs, memory_order_acquire) == 1 ||
            atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1)
            wg__free(x->storage);
    }
    wg__ctx()->memory.tensors--;
    x->dead = true;
    wg__free(x);
}

/* ---- making ---------------------------------------------------------------------------------- */

wg_tensor *wg_num(double value) {
    wg__context *ctx = wg__ctx();
    if (WG_UNLIKELY(ctx->status != WG_OK)) return NULL;
    wg_tensor *x = new_handle();
    if (WG_UNLIKELY(!x)) return NULL;
    x->number = true;
    x->value = value;
    x->view.data = &x->value;
    x->view.dtype = WG_F64;
    x->view.shape.rank = 0;
    wg__scope_add(ctx->scope, x);
    return x;
}

wg_tensor *wg_full(wg_dtype dtype, wg_shape shape, double value) {
    wg_tensor *x = wg__tensor_new(dtype, shape);
    if (x) wg__fill_view(&x->view, value);
    return x;
}
wg_tensor *wg_zeros(wg_dtype dtype, wg_shape shape) { return wg_full(dtype, shape, 0); }
wg_tensor *wg_ones(wg_dtype dtype, wg_shape shape) { return wg_full(dtype, shape, 1); }

wg_tensor *wg_zeros_like(const wg_tensor *x) {
    if (wg__pending()) return NULL;
    if (!x) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "wg_zeros_like: x is NULL");
    return wg_zeros(x->view.dtype, x->view.shape);
}

// A dense array of the caller's, as a view.
static wg_view dense_view(const void *values, wg_dtype dtype, wg_shape shape) {
    union {
        const void *in;
        void *out;
    } p = { .in = values };  // kernels take one kind of view; those of inputs are only read
    wg_view v = { .data = p.out, .dtype = dtype, .shape = shape };
    wg__contiguous_strides(&v);
    return v;
}

static wg_tensor *from(wg_dtype dtype, wg_shape shape, const void *values, wg_dtype given) {
    wg_tensor *x = wg__tensor_new(dtype, shape);
    if (!x) return NULL;
    if (!values && wg__numel(&shape) > 0)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "wg_from: values is NULL");
    wg_view v = dense_view(values, given, shape);
    wg__copy_view(&x->view, &v);
    return x;
}
wg_tensor *wg_from(wg_dtype dtype, wg_shape shape, const void *values) {
    return from(dtype, shape, values, dtype);
}
wg_tensor *wg_from_f64(wg_dtype dtype, wg_shape shape, const double *values) {
    return from(dtype, shape, values, WG_F64);
}

// start + i * step for i below count; the steps are taken in double, so they do not drift.
static wg_tensor *sequence(wg_dtype dtype, double start, double step, int64_t count) {
    wg_tensor *x = wg__tensor_new(dtype, WG_SHAPE(count));
    for (int64_t i = 0; x && i < count; i++)
        wg__store(dtype, wg__at(&x->view, i), start + (double)i * step);
    return x;
}

wg_tensor *wg_arange(wg_dtype dtype, double start, double stop, double step) {
    double count = ceil((stop - start) / step);
    if (!(fabs(count) < 1e18) || step == 0)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "wg_arange: from %g to %g by %g never ends", start,
                             stop, step);
    return sequence(dtype, start, step, count > 0 ? (int64_t)count : 0);
}

wg_tensor *wg_linspace(wg_dtype dtype, double start, double stop, int64_t count) {
    if (count < 1)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "wg_linspace: %lld values", (long long)count);
    wg_tensor *x =
        sequence(dtype, start, count > 1 ? (stop - start) / (double)(count - 1) : 0, count);
    if (x && count > 1) wg__store(dtype, wg__at(&x->view, count - 1), stop);  // exactly
    return x;
}

wg_tensor *wg_eye(wg_dtype dtype, int64_t n) {
    wg_tensor *x = wg_zeros(dtype, WG_SHAPE(n, n));
    for (int64_t i = 0; x && i < n; i++) wg__store(dtype, wg__at(&x->view, i * (n + 1)), 1);
    return x;
}

/* ---- reading --------------------------------------------------------------------------------- */

wg_dtype wg_dtype_of(const wg_tensor *x) { return x ? x->view.dtype : WG_F32; }
wg_shape wg_shape_of(const wg_tensor *x) { return x ? x->view.shape : WG_SCALAR; }
int wg_rank(const wg_tensor *x) { return x ? x->view.shape.rank : 0; }
int64_t wg_numel(const wg_tensor *x) { return x ? wg__numel(&x->view.shape) : 0; }
bool wg_is_contiguous(const wg_tensor *x) { return x && wg__is_contiguous(&x->view); }

int64_t wg_dim(const wg_tensor *x, int axis) {
    int i = wg__axis(axis, wg_rank(x));
    return i < 0 ? 0 : x->view.shape.dim[i];
}

static const char *shape_of(const wg_tensor *x, char text[200]) {
    return wg_shape_text(x->view.shape, text, 200);
}

double wg_item(const wg_tensor *x) {
    if (!x || !wg__alive("wg_item", x)) return NAN;
    char text[200];
    if (wg_numel(x) != 1) {
        wg_fail(WG_ERROR_SHAPE, "wg_item: %s is not one element", shape_of(x, text));
        return NAN;
    }
    return wg__load(x->view.dtype, x->view.data);
}

double wg_at(const wg_tensor *x, const int64_t index[]) {
    if (!x || !wg__alive("wg_at", x)) return NAN;
    if (!index && wg_rank(x) > 0) return wg_fail(WG_ERROR_ARGUMENT, "wg_at: index is NULL"), NAN;
    int64_t offset = 0;
    char text[200];
    for (int i = 0; i < x->view.shape.rank; i++) {
        if (index[i] < 0 || index[i] >= x->view.shape.dim[i]) {
            wg_fail(WG_ERROR_INDEX, "wg_at: index %lld on axis %d of %s", (long long)index[i], i,
                    shape_of(x, text));
            return NAN;
        }
        offset += index[i] * x->view.stride[i];
    }
    return wg__load(x->view.dtype, wg__at(&x->view, offset));
}

// True if x has `count` elements and there is somewhere to copy them.
static bool fits(const char *name, const wg_tensor *x, const void *values, int64_t count) {
    char text[200];
    if (!x || (!values && count != 0))
        return wg_fail(WG_ERROR_ARGUMENT, "%s: %s is NULL", name, x ? "values" : "x");
    if (!wg__alive(name, x)) return false;
    if (count == wg_numel(x)) return true;
    return wg_fail(WG_ERROR_SHAPE, "%s: %lld values for %s, which has %lld", name, (long long)count,
                   shape_of(x, text), (long long)wg_numel(x));
}

static bool read_as(const wg_tensor *x, void *values, int64_t count, wg_dtype dtype) {
    if (!fits("wg_read", x, values, count)) return false;
    if (count == 0) return true;
    wg_view v = dense_view(values, dtype, x->view.shape);
    wg__copy_view(&v, &x->view);
    return true;
}
bool wg_read(const wg_tensor *x, void *values, int64_t count) {
    return read_as(x, values, count, wg_dtype_of(x));
}
bool wg_read_f64(const wg_tensor *x, double *values, int64_t count) {
    return read_as(x, values, count, WG_F64);
}

const void *wg_values(const wg_tensor *x, wg_dtype dtype) {
    if (!x || !wg__alive("wg_values", x)) return NULL;
    if (x->view.dtype != dtype)
        return WG__FAIL_NULL(WG_ERROR_DTYPE, "wg_values: %s asked of a tensor of %s",
                             wg_dtype_name(dtype), wg_dtype_name(x->view.dtype));
    if (!wg__is_contiguous(&x->view))
        return WG__FAIL_NULL(WG_ERROR_STATE, "wg_values: the tensor is a view with gaps or another "
                                             "order; use wg_contiguous first");
    return x->view.data;
}

static bool close_enough(double a, double b, double rtol, double atol) {
    return a == b || fabs(a - b) <= atol + rtol * fabs(b);
}

bool wg_allclose(const wg_tensor *a, const wg_tensor *b, double rtol, double atol) {
    if (!a || !b || !wg__shape_equal(&a->view.shape, &b->view.shape)) return false;
    for (int64_t i = 0, n = wg_numel(a); i < n; i++) {
        double va = wg__load(a->view.dtype, wg__at(&a->view, wg__offset(&a->view, i)));
        double vb = wg__load(b->view.dtype, wg__at(&b->view, wg__offset(&b->view, i)));
        // An infinite bound would let anything pass.
        if (!close_enough(va, vb, rtol, atol) || (isinf(vb) && va != vb)) return false;
    }
    return true;
}

static int64_t load_i64(const wg_view *v, int64_t flat) {
    int64_t value;
    const wg_view to = { .data = &value, .dtype = WG_I64 };
    wg_view element = { .data = wg__at(v, wg__offset(v, flat)), .dtype = v->dtype };
    wg__copy_view(&to, &element);
    return value;
}

bool wg_equal(const wg_tensor *a, const wg_tensor *b) {
    if (!a || !b || a->view.dtype != b->view.dtype) return false;
    if (a->view.dtype != WG_I64) return wg_allclose(a, b, 0, 0);
    if (!wg__shape_equal(&a->view.shape, &b->view.shape)) return false;
    for (int64_t i = 0, n = wg_numel(a); i < n; i++)  // doubles cannot tell large i64 apart
        if (load_i64(&a->view, i) != load_i64(&b->view, i)) return false;
    return true;
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool writable(const char *name, wg_tensor *x) {
    if (wg__pending()) return false;
    if (!x) return wg_fail(WG_ERROR_ARGUMENT, "%s: x is NULL", name);
    if (!wg__alive(name, x)) return false;
    if (x->number) return wg_fail(WG_ERROR_STATE, "%s: a wg_num() is a constant", name);
    if (wg__has_overlap(&x->view))
        return wg_fail(WG_ERROR_STATE, "%s: one element serves several places here (wg_expand)",
                       name);
    return true;
}

bool wg_write(wg_tensor *x, const void *values, int64_t count) {
    if (!writable("wg_write", x) || !fits("wg_write", x, values, count)) return false;
    if (count == 0) return true;
    wg_view v = dense_view(values, x->view.dtype, x->view.shape);
    wg__copy_view(&x->view, &v);
    wg__touch(x);
    return true;
}

bool wg_fill(wg_tensor *x, double value) {
    if (!writable("wg_fill", x)) return false;
    wg__fill_view(&x->view, value);
    wg__touch(x);
    return true;
}

// Whether writing `to` in order could overwrite what is still to be read from `from`.
static bool may_overlap(const wg_tensor *to, const wg_tensor *from) {
    return to->storage && to->storage == from->storage;
}

bool wg_copy(wg_tensor *to, const wg_tensor *from) {
    if (!writable("wg_copy", to)) return false;
    if (!from) return wg_fail(WG_ERROR_ARGUMENT, "wg_copy: from is NULL");
    char a[200], b[200];
    if (!wg__shape_equal(&to->view.shape, &from->view.shape))
        return wg_fail(WG_ERROR_SHAPE, "wg_copy: %s to %s", shape_of(from, a), shape_of(to, b));
    wg_tensor *aside = NULL;
    if (may_overlap(to, from)) {
        aside = wg__tensor_new_owned(from->view.dtype, from->view.shape);
        if (!aside) return false;
        wg__copy_view(&aside->view, &from->view);
        from = aside;
    }
    wg__copy_view(&to->view, &from->view);
    wg__touch(to);
    wg__tensor_free(aside);
    return true;
}
