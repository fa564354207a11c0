// SPDX-License-Identifier: MIT
/* case.c: a trial's numbers as tensors, in every memory layout.

   The block behind each input is filled with ones before, bit by bit: NaN as a float, -1 as an
   index, no valid bool. Whoever reads a gap gets what cannot pass, and whoever writes anywhere is
   found by comparing the block with what it was. */
#include <string.h>

#include "autograd/check/check_impl.h"

static const int64_t SHIFT = 3;  // odd, so that no vector stands aligned

int wg__zero_axis(wg__layout layout, const wg_shape *shape) {
    int first = -1, last = -1;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] <= 1) continue;
        if (first < 0) first = i;
        last = i;
    }
    return layout == WG__FIRST_ZERO ? first : layout == WG__LAST_ZERO ? last : -1;
}

typedef struct extent {
    int64_t offset, size;  // of the first element, and of the block
} extent;

/* Whether the k-th axis has gaps, where the layout has: not all of many, since 2^8 elements would
   take a block of 5^8. */
static bool has_gaps(int k, int rank) { return rank <= 4 || k == 0 || k == rank - 1; }

// Sets v's strides, axis by axis from the fastest.
static extent set_strides(wg_view *v, wg__layout layout) {
    extent e = { .size = 1 };
    int rank = v->shape.rank, zero = wg__zero_axis(layout, &v->shape);
    for (int k = 0; k < rank; k++) {
        int i = layout == WG__TRANSPOSED ? k : rank - 1 - k;
        int64_t d = v->shape.dim[i];
        bool gaps = layout == WG__GAPS && has_gaps(k, rank);
        v->stride[i] = i == zero ? 0 : gaps ? 2 * e.size : e.size;
        if (gaps) e.offset += e.size;
        if (layout == WG__NEGATIVE) {
            e.offset += (d - 1) * e.size;
            v->stride[i] = -e.size;
        }
        e.size *= gaps ? 2 * d + 1 : i == zero ? 1 : d;
    }
    if (wg__numel(&v->shape) == 0) return (extent){ .size = 1 };
    if (layout == WG__SHIFTED) e.offset = SHIFT, e.size += 2 * SHIFT;
    return e;
}

wg_tensor *wg__lay_out(wg_dtype dtype, const wg_shape *shape, const double *values,
                       wg__layout layout, wg_tensor **base) {
    wg_view v = { .dtype = dtype, .shape = *shape };
    extent e = set_strides(&v, layout);
    wg_tensor *block = wg__tensor_new(dtype, WG_SHAPE(e.size));
    wg_tensor *x = block ? wg__tensor_alias(block) : NULL;
    if (!x) return NULL;
    memset(block->view.data, 0xff, (size_t)e.size * wg__size_of(dtype));
    v.data = wg__at(&block->view, e.offset);
    x->view = v;
    int64_t n = wg__numel(shape);
    if (dtype == WG_F64 && (layout == WG__DENSE || layout == WG__SHIFTED))
        memcpy(v.data, values, (size_t)n * sizeof *values);
    else
        for (int64_t k = 0; k < n; k++) wg__store(dtype, wg__at(&v, wg__offset(&v, k)), values[k]);
    if (base) *base = block;
    return x;
}

bool wg__run_inputs(const wg__trial *t, const wg__setting *s, wg__run *r) {
    double *const *value = s->value ? s->value : t->value;
    r->leaves = 0;
    r->y = NULL;
    for (int i = 0; i < t->sample->inputs; i++) {
        const wg__slot *slot = &t->sample->in[i];
        wg_dtype dtype = slot->kind == WG__FLOAT ? s->dtype : slot->dtype;
        wg__layout layout = t->layouts ? t->layouts[i] : s->layout;
        r->in[i] = wg__lay_out(dtype, &slot->shape, value[i], layout, &r->base[i]);
        if (slot->kind == WG__FLOAT && wg__bit(s->tracked | t->always, i)) {
            r->in[i] = r->x[r->leaves] = wg_variable(r->in[i]);
            r->which[r->leaves++] = i;
        }
        if (!r->in[i]) return false;
    }
    return true;
}

bool wg__run_make(const wg__trial *t, const wg__setting *s, wg__run *r) {
    if (!wg__run_inputs(t, s, r)) return false;
    r->y = wg_apply(t->op, r->in, t->sample->inputs, t->sample->attr);
    return r->y != NULL;
}

bool wg__run_usual(const wg__trial *t, wg__run *r) {
    wg__setting s = { .dtype = t->dtype, .layout = t->layout, .tracked = t->floats };
    return wg__run_make(t, &s, r);
}

bool wg__run_grad(const wg__run *r, wg_tensor *gy, bool constant, wg_tensor *gx[]) {
    if (!gy) return false;
    return wg_grad(r->y, r->x, r->leaves, gx,
                   (wg_grad_options){ .seed = gy, .constant = constant });
}

wg_tensor *wg__run_jvp(const wg__trial *t, const wg__run *r, double *const direction[]) {
    wg_tensor *v[WG_MAX_INPUTS];
    for (int k = 0; k < r->leaves; k++) {
        const double *d = direction[r->which[k]];
        const wg_view *x = &r->x[k]->view;
        v[k] = d ? wg__lay_out(x->dtype, &x->shape, d, t->layout, NULL) : NULL;
        if (d && !v[k]) return NULL;
    }
    return wg_jvp(r->y, r->x, r->leaves, v);
}

wg_tensor *wg__seed_of(const wg__trial *t, const wg__run *r, const double *w) {
    return wg__lay_out(r->y->view.dtype, &r->y->view.shape, w, t->layout, NULL);
}

bool wg__move(const wg__trial *t, double *const direction[], double e, double *value[]) {
    for (int i = 0; i < t->sample->inputs; i++) {
        const double *d = direction[i];
        value[i] = wg__scratch(wg__size(t, i));
        if (!value[i]) return false;
        for (int64_t k = 0; k < wg__size(t, i); k++)
            value[i][k] = t->value[i][k] + (d ? e * d[k] : 0);
    }
    return true;
}

/* ---- numbers --------------------------------------------------------------------------------- */

double *wg__numbers(const wg_tensor *x) {
    if (!x) return NULL;
    double *values = wg__scratch(wg_numel(x));
    if (!values || !wg_read_f64(x, values, wg_numel(x))) return NULL;
    return values;
}

bool wg__same_bits(const wg_tensor *a, const wg_tensor *b) {
    size_t bytes = (size_t)wg_numel(a) * wg_dtype_size(wg_dtype_of(a));
    void *copy[2] = { wg__scratch((int64_t)bytes / 8 + 1), wg__scratch((int64_t)bytes / 8 + 1) };
    if (!copy[0] || !copy[1]) return false;
    if (!wg_read(a, copy[0], wg_numel(a)) || !wg_read(b, copy[1], wg_numel(b))) return false;
    return memcmp(copy[0], copy[1], bytes) == 0;
}

double wg__most(const double *x, int64_t n) {
    double most = 0;
    for (int64_t k = 0; k < n; k++) most = fmax(most, fabs(x[k]));
    return most;
}

double wg__dot(const double *a, const double *b, int64_t n) {
    double sum = 0;
    for (int64_t k = 0; k < n; k++) sum += a[k] * b[k];
    return sum;
}

double wg__dot_abs(const double *a, const double *b, int64_t n) {
    double sum = 0;
    for (int64_t k = 0; k < n; k++) sum += fabs(a[k] * b[k]);
    return sum;
}
