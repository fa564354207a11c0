// SPDX-License-Identifier: MIT
/* higher.c: what is made of sweeps: products with second derivatives, Jacobians, Hessians, and the
   gradients of single samples. While nothing is recorded each sweep has a scope of its own, so that
   only its result stays. */
#include "autograd/autograd_impl.h"

// A scope to work in where nothing is recorded; NULL where all of it is to stay.
typedef struct workshop {
    wg_scope *scope;
    bool recorded, open;
} workshop;

static workshop workshop_open(void) {
    workshop w = { .recorded = wg__ctx()->recording, .open = true };
    if (w.recorded) return w;
    w.scope = wg_scope_open();
    w.open = w.scope != NULL;
    return w;
}

static void workshop_close(const workshop *w, wg_tensor *result[], int n) {
    if (!w->scope) return;
    for (int i = 0; i < n && !wg__pending(); i++) wg_keep(result[i]);
    wg_scope_close(w->scope);
}

static bool one_element(const char *name, const wg_tensor *y) {
    char text[200];
    if (wg__pending()) return false;
    if (!y) return wg_fail(WG_ERROR_ARGUMENT, "%s: y is NULL", name);
    return wg_numel(y) == 1 || wg_fail(WG_ERROR_SHAPE, "%s: y is %s, not one element", name,
                                       wg_shape_text(y->view.shape, text, sizeof text));
}

// The shape a followed by that of b.
static bool shape_of_both(const char *name, const wg_shape *a, const wg_shape *b, wg_shape *both) {
    char left[200], right[200];
    if (a->rank + b->rank > WG_MAX_RANK)
        return wg_fail(WG_ERROR_SHAPE, "%s: %s by %s has %d axes, at most %d fit", name,
                       wg_shape_text(*a, left, sizeof left), wg_shape_text(*b, right, sizeof right),
                       a->rank + b->rank, WG_MAX_RANK);
    *both = *a;
    for (int i = 0; i < b->rank; i++) both->dim[both->rank++] = b->dim[i];
    return wg__shape_valid(WG_F64, both);
}

// Joins along axis 0, as many at a time as one record takes; reuses the array.
static wg_tensor *join(wg_tensor *row[], int64_t n) {
    while (n > 1) {
        int64_t made = 0;
        for (int64_t i = 0; i < n; i += WG_MAX_INPUTS) {
            int count = n - i < WG_MAX_INPUTS ? (int)(n - i) : WG_MAX_INPUTS;
            wg_tensor *part = count == 1 ? row[i] : wg_cat(row + i, count, 0);
            if (!part) return NULL;
            row[made++] = part;
        }
        n = made;
    }
    return row[0];
}

/* ---- products -------------------------------------------------------------------------------- */

bool wg_vjp(wg_tensor *y, wg_tensor *const x[], int n, wg_tensor *gy, wg_tensor *gx[]) {
    const wg__question q = { .name = "wg_vjp", .x = x, .n = n, .seed = "gy" };
    if (wg__pending()) return false;
    if (!gy) return wg_fail(WG_ERROR_ARGUMENT, "wg_vjp: gy is NULL");
    return wg__grad_for(&q, y, (wg_grad_options){ .seed = gy }, gx);
}

bool wg_hvp(wg_tensor *y, wg_tensor *const x[], int n, wg_tensor *const v[], wg_tensor *hv[]) {
    const wg__question q = { .name = "wg_hvp", .x = x, .n = n };
    if (!one_element(q.name, y) || !wg__all_tracked(&q)) return false;
    if (n > 0 && (!v || !hv))
        return wg_fail(WG_ERROR_ARGUMENT, "wg_hvp: %s is NULL", v ? "hv" : "v");
    wg_tensor **g = wg__alloc((size_t)n * sizeof *g);
    workshop w = workshop_open();
    wg_recording(true);
    bool done = g && w.open && wg__grad_for(&q, y, (wg_grad_options){ 0 }, g);
    wg_recording(w.recorded);
    done = done && wg__jvp_for(&q, g, n, v, hv);
    workshop_close(&w, hv, done ? n : 0);
    wg__free(g);
    return done && !wg__pending();
}

/* ---- Jacobians ------------------------------------------------------------------------------- */

// Zeros like x, with a one at this place.
static wg_tensor *unit(const wg_tensor *x, int64_t place) {
    wg_tensor *e = wg_zeros_like(x);
    if (e) wg__store(e->view.dtype, wg__at(&e->view, place), 1);
    return e;
}

// dy[place]/dx, or dy/dx[place], as (1, elements).
static wg_tensor *sweep(const wg__question *q, wg_tensor *y, bool reverse, int64_t place) {
    wg_tensor *e = unit(reverse ? y : q->x[0], place), *row = NULL;
    bool done = e && (reverse ? wg__grad_for(q, y, (wg_grad_options){ .seed = e }, &row)
                              : wg__jvp_for(q, &y, 1, &e, &row));
    if (!done) return NULL;
    if (row) row = wg_cast(row, y->view.dtype);
    return row ? wg_reshape(row, WG_SHAPE(1, wg_numel(row))) : NULL;
}

static wg_tensor *all_sweeps(const wg__question *q, wg_tensor *y, bool reverse, wg_tensor *row[]) {
    int64_t n = wg_numel(reverse ? y : q->x[0]);
    for (int64_t i = 0; i < n; i++) {
        workshop w = workshop_open();
        row[i] = w.open ? sweep(q, y, reverse, i) : NULL;
        bool made = row[i] != NULL;
        workshop_close(&w, &row[i], made);
        if (!made || wg__pending()) return NULL;
    }
    wg_tensor *j = join(row, n);  // (ny, nx), or (nx, ny)
    return !j || reverse ? j : wg_transpose(j, 0, 1);
}

static wg_tensor *jacobian(const wg__question *q, wg_tensor *y, wg_shape shape) {
    const wg_tensor *x = q->x[0];
    if (wg__numel(&shape) == 0 || !wg__is_tracked(y)) return wg_zeros(y->view.dtype, shape);
    bool reverse = wg_numel(y) <= wg_numel(x);
    wg_tensor **row = wg__alloc((size_t)wg_numel(reverse ? y : x) * sizeof(wg_tensor *));
    workshop w = workshop_open();
    wg_tensor *j = row && w.open ? all_sweeps(q, y, reverse, row) : NULL;
    if (j) j = wg_reshape(j, shape);
    workshop_close(&w, &j, j != NULL);
    wg__free(row);
    return wg__pending() ? NULL : j;
}

wg_tensor *wg_jacobian(wg_tensor *y, wg_tensor *x) {
    const wg__question q = { .name = "wg_jacobian", .x = &x, .n = 1, .single = true };
    wg_shape shape;
    if (wg__pending()) return NULL;
    if (!y) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "wg_jacobian: y is NULL");
    if (!wg_dtype_is_float(y->view.dtype))
        return WG__FAIL_NULL(WG_ERROR_DTYPE, "wg_jacobian: y is %s, not f32 or f64",
                             wg_dtype_name(y->view.dtype));
    if (!wg__all_tracked(&q)) return NULL;
    if (!shape_of_both(q.name, &y->view.shape, &x->view.shape, &shape)) return NULL;
    return jacobian(&q, y, shape);
}

wg_tensor *wg_hessian(wg_tensor *y, wg_tensor *x) {
    const wg__question q = { .name = "wg_hessian", .x = &x, .n = 1, .single = true };
    wg_shape shape;
    if (!one_element(q.name, y) || !wg__all_tracked(&q)) return NULL;
    if (!shape_of_both(q.name, &x->view.shape, &x->view.shape, &shape)) return NULL;
    workshop w = workshop_open();
    wg_recording(true);
    wg_tensor *g = NULL;
    bool done = w.open && wg__grad_for(&q, y, (wg_grad_options){ 0 }, &g);
    wg_recording(w.recorded);
    wg_tensor *h = done ? jacobian(&q, g, shape) : NULL;
    workshop_close(&w, &h, h != NULL);
    return wg__pending() ? NULL : h;
}

/* ---- single samples -------------------------------------------------------------------------- */

// How many samples there are; -1 after reporting.
static int64_t count_samples(wg_samples of) {
    if (!of.f || of.n < 1 || !of.batch)
        return wg_fail(WG_ERROR_ARGUMENT, "wg_grad_each: f %s, %d tensors in the batch, batch %s",
                       of.f ? "given" : "NULL", of.n, of.batch ? "given" : "NULL"),
               -1;
    for (int k = 0; k < of.n; k++) {
        char text[200];
        const wg_tensor *b = of.batch[k];
        if (!b) return wg_fail(WG_ERROR_ARGUMENT, "wg_grad_each: batch[%d] is NULL", k), -1;
        if (wg_rank(b) == 0 || wg_dim(b, 0) != wg_dim(of.batch[0], 0))
            return wg_fail(WG_ERROR_SHAPE,
                           "wg_grad_each: batch[%d] is %s, wanted are %lld samples along axis 0", k,
                           wg_shape_text(b->view.shape, text, sizeof text),
                           (long long)wg_dim(of.batch[0], 0)),
                   -1;
    }
    return wg_dim(of.batch[0], 0);
}

// f's value on one sample, recorded.
static wg_tensor *value_of_sample(wg_samples of, int64_t place, wg_tensor *slice[]) {
    static const wg_op name = { .name = "wg_grad_each" };
    const wg_scope *scope = wg__ctx()->scope;
    for (int k = 0; k < of.n; k++)
        if (!(slice[k] = wg_slice(of.batch[k], 0, place, place + 1, 1))) return NULL;
    wg_scope *fence = wg__fence_up(wg__ctx());
    bool was = wg_recording(true);
    wg_tensor *y = of.f(of.user, slice, of.n);
    wg_recording(was);
    wg__ctx()->fence = fence;
    if (wg__ctx()->scope != scope) return wg__scope_left_open(&name, "function", scope), NULL;
    return one_element("wg_grad_each", y) ? y : NULL;
}

/* Its gradients, to row[i * stride]. */
static bool grads_of_sample(wg_samples of, int64_t place, const wg__question *q, wg_tensor *gx[]) {
    int n = q->n;
    wg_tensor **slice = wg__alloc((size_t)of.n * sizeof *slice);
    workshop w = workshop_open();
    wg_tensor *y = slice && w.open ? value_of_sample(of, place, slice) : NULL;
    bool done = y && wg__grad_for(q, y, (wg_grad_options){ 0 }, gx);
    for (int i = 0; done && i < n; i++) done = (gx[i] = wg_unsqueeze(gx[i], 0)) != NULL;
    workshop_close(&w, gx, done ? n : 0);
    wg__free(slice);
    return done && !wg__pending();
}

// row is (samples, n), then gathered by columns.
static bool all_samples(wg_samples of, int64_t samples, const wg__question *q, wg_tensor *row[]) {
    for (int64_t b = 0; b < samples; b++)
        if (!grads_of_sample(of, b, q, row + b * q->n)) return false;
    return true;
}

static bool join_columns(wg_tensor *row[], int64_t samples, int n, wg_tensor *gx[]) {
    wg_tensor **column = wg__alloc((size_t)samples * sizeof *column);
    bool done = column != NULL;
    for (int i = 0; done && i < n; i++) {
        for (int64_t b = 0; b < samples; b++) column[b] = row[b * n + i];
        done = (gx[i] = join(column, samples)) != NULL;
    }
    wg__free(column);
    return done;
}

static bool no_samples(const wg_shape *batch, wg_tensor *const x[], int n, wg_tensor *gx[]) {
    for (int i = 0; i < n; i++) {
        wg_shape shape;
        (void)shape_of_both("wg_grad_each", batch, &x[i]->view.shape, &shape);
        if (!(gx[i] = wg_zeros(x[i]->view.dtype, shape))) return false;
    }
    return true;
}

bool wg_grad_each(wg_samples of, wg_tensor *const x[], int n, wg_tensor *gx[]) {
    const wg__question q = { .name = "wg_grad_each", .x = x, .n = n };
    int64_t samples = wg__pending() ? -1 : count_samples(of);
    if (samples < 0 || !wg__all_tracked(&q)) return false;
    if (n > 0 && !gx) return wg_fail(WG_ERROR_ARGUMENT, "wg_grad_each: gx is NULL");
    const wg_shape batch = WG_SHAPE(samples);
    for (int i = 0; i < n; i++) {
        wg_shape shape;
        if (!shape_of_both("wg_grad_each", &batch, &x[i]->view.shape, &shape)) return false;
    }
    if (samples == 0) return no_samples(&batch, x, n, gx);
    wg_tensor **row = wg__alloc((size_t)samples * (size_t)n * sizeof *row);
    workshop w = workshop_open();
    bool done =
        row && w.open && all_samples(of, samples, &q, row) && join_columns(row, samples, n, gx);
    workshop_close(&w, gx, done ? n : 0);
    wg__free(row);
    return done && !wg__pending();
}
