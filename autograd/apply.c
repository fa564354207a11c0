// SPDX-License-Identifier: MIT
/* apply.c: the gate. Every operation, ours or the caller's, comes through wg_apply: an error
   pending? the inputs there? what shape? then memory, the value, and, where an input is tracked,
   the record. */
#include <stdarg.h>
#include <string.h>

#include "autograd/autograd_impl.h"
#include "tensor/kernels/kernels.h"

/* ---- what infer says when it refuses --------------------------------------------------------- */

bool wg_call_fail(const wg_call *c, wg_status status, const char *format, ...) {
    char message[300], shapes[500] = "", one[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    size_t used = 0;
    for (int i = 0; i < c->inputs && used < sizeof shapes - 1; i++) {
        const char *text = c->in[i] ? wg_shape_text(c->in[i]->view.shape, one, sizeof one) : "NULL";
        int n = snprintf(shapes + used, sizeof shapes - used, i ? " x %s" : "%s", text);
        used += n > 0 ? (size_t)n : 0;
    }
    return wg_fail(status, "%s: %s: %s", c->op->name, shapes, message);
}

bool wg_call_has(const wg_call *c, int i) { return i >= 0 && i < c->inputs && c->in[i]; }

const wg_view *wg_call_view(const wg_call *c, int i) {
    const wg_tensor *x = i == WG_OUT ? c->out : wg_call_has(c, i) ? c->in[i] : NULL;
    return x ? &x->view : NULL;
}

int wg_call_rank(const wg_call *c, int i) { return wg_rank(c->in[i]); }
int64_t wg_call_dim(const wg_call *c, int i, int axis) { return wg_dim(c->in[i], axis); }

int wg_call_axis(const wg_call *c, int64_t axis, int rank) {
    int i = wg__axis(axis, rank);
    if (i < 0)
        wg_call_fail(c, WG_ERROR_SHAPE, "there is no axis %lld among %d", (long long)axis, rank);
    return i;
}

bool wg_spec_set(wg_spec *out, wg_dtype dtype, wg_shape shape) {
    out->dtype = dtype;
    out->shape = shape;
    out->alias = false;
    return true;
}

/* ---- numbers: wg_num() takes the dtype of what it meets -------------------------------------- */

// That of the first float among the inputs, else of the first that is no truth value, else bool.
static wg_dtype met_dtype(wg_tensor *const in[], int n) {
    const wg_tensor *met = NULL;
    for (int i = 0; i < n; i++) {
        if (!in[i] || in[i]->number) continue;
        if (wg_dtype_is_float(in[i]->view.dtype)) return in[i]->view.dtype;
        if (!met || met->view.dtype == WG_BOOL) met = in[i];
    }
    return met ? met->view.dtype : WG_F64;
}

wg_dtype wg_call_dtype(const wg_call *c, int i) {
    return !c->in[i] || c->in[i]->number ? met_dtype(c->in, c->inputs) : c->in[i]->view.dtype;
}

bool wg_call_same_dtype(const wg_call *c) {
    wg_dtype dtype = wg_call_dtype(c, 0);
    for (int i = 1; i < c->inputs; i++)
        if (c->in[i] && wg_call_dtype(c, i) != dtype)
            return wg_call_fail(c, WG_ERROR_DTYPE, "%s and %s do not mix; use wg_cast",
                                wg_dtype_name(dtype), wg_dtype_name(wg_call_dtype(c, i)));
    return true;
}

bool wg_call_float(const wg_call *c, int i) {
    if (wg_dtype_is_float(wg_call_dtype(c, i))) return true;
    return wg_call_fail(c, WG_ERROR_DTYPE, "input %d is %s, not f32 or f64", i,
                        wg_dtype_name(wg_call_dtype(c, i)));
}

/* The views that kernels see: the result's first, then the inputs', numbers converted into
   `room`. */
typedef struct converted_number {
    wg_view view;
    double value;
} converted_number;
enum { FEW_NUMBERS = 4 };  // more of them take memory from elsewhere: stacks may be small
typedef struct operands {
    const wg_view *view[1 + WG_MAX_INPUTS];
    bool any_number, all_numbers;
    converted_number few[FEW_NUMBERS], *many;
} operands;

// A number that meets integers must be one: 0.5 is not to become 0 in silence.
static bool number_fits(const wg_call *c, const wg_view *converted, double value) {
    if (wg_dtype_is_float(converted->dtype) || wg__load(converted->dtype, converted->data) == value)
        return true;
    return wg_call_fail(c, WG_ERROR_DTYPE, "the number %g is no %s; cast the tensor it meets",
                        value, wg_dtype_name(converted->dtype));
}

static bool convert_numbers(operands *o, const wg_call *c) {
    wg_dtype dtype = met_dtype(c->in, c->inputs);
    converted_number *room = o->few;
    o->all_numbers = true;
    if (c->inputs > FEW_NUMBERS) room = o->many = wg__alloc((size_t)c->inputs * sizeof *room);
    if (!room) return false;
    for (int i = 0; i < c->inputs; i++) {
        if (!c->in[i] || !c->in[i]->number) {
            o->all_numbers = false;
        } else {
            wg_view *v = &room->view;
            *v = (wg_view){ .data = &room->value, .dtype = dtype };
            room++;
            wg__copy_view(v, &c->in[i]->view);
            o->view[1 + i] = v;
            if (!number_fits(c, v, wg__load(WG_F64, c->in[i]->view.data))) return false;
        }
    }
    return true;
}

/* Whether op can be applied to these inputs at all; collects their views on the way. */
__attribute__((always_inline)) static inline bool take_inputs(operands *o, const wg_call *c) {
    const wg_op *op = c->op;
    if (WG_UNLIKELY(!op)) return wg_fail(WG_ERROR_ARGUMENT, "wg_apply: the operation is NULL");
    int n = c->inputs, most = op->inputs_max ? op->inputs_max : op->inputs;
    if (WG_UNLIKELY(op->abi != WG_OP_ABI))
        return wg_fail(WG_ERROR_ARGUMENT, "%s: its record is of version %u, not %d",
                       op->name ? op->name : "?", op->abi, WG_OP_ABI);
    if (WG_UNLIKELY(!op->map && !op->infer && !op->compose))
        return wg_fail(WG_ERROR_ARGUMENT, "%s: it has none of .map, .infer, .compose", op->name);
    if (WG_UNLIKELY(n < op->inputs || n > most || n > WG_MAX_INPUTS))
        return wg_fail(WG_ERROR_ARGUMENT, "%s: %d inputs, not %d to %d", op->name, n, op->inputs,
                       most);
    if (WG_UNLIKELY(op->attr_size && !c->attr))
        return wg_fail(WG_ERROR_ARGUMENT, "%s: its attributes are NULL", op->name);
    if (WG_UNLIKELY(op->map && (n < 1 || n > WG__MAP_INPUTS || op->flags & WG_OP_OPTIONAL_INPUTS)))
        return wg_fail(WG_ERROR_ARGUMENT,
                       "%s: with .map, inputs are 1 to %d and none is optional, not %d", op->name,
                       WG__MAP_INPUTS, n);
    o->any_number = o->all_numbers = false;
    for (int i = 0; i < n; i++) {
        wg_tensor *x = c->in[i];
        if (WG_UNLIKELY(!x) && !(op->flags & WG_OP_OPTIONAL_INPUTS && i >= op->inputs))
            return wg_fail(WG_ERROR_ARGUMENT, "%s: input %d is NULL", op->name, i);
        o->view[1 + i] = x ? &x->view : NULL;
        if (WG_UNLIKELY(x && x->dead)) return wg__alive(op->name, x);
        o->any_number |= x && x->number;
    }
    return !o->any_number || convert_numbers(o, c);
}

/* ---- elementwise operations ------------------------------------------------------------------ */

/* The common shape: that of an input where all fit, else the broadcast one, in `room`. NULL after
   reporting. */
static const wg_shape *common_shape(const wg_call *c, const operands *o, wg_shape *room) {
    const wg_shape *shape = &o->view[1]->shape;
    for (int i = 1; i < c->inputs; i++) {
        const wg_shape *b = &o->view[1 + i]->shape;
        if (o->view[1 + i]->dtype != o->view[1]->dtype) return wg_call_same_dtype(c), NULL;
        if (WG_LIKELY(wg__shape_equal(shape, b)) || b->rank == 0) continue;
        wg_shape left = *shape;
        if (!wg__broadcast(&left, b, room)) {
            wg_call_fail(c, WG_ERROR_SHAPE, "the shapes do not broadcast");
            return NULL;
        }
        if (!wg__shape_valid(WG_F64, room)) return NULL;
        shape = room;
    }
    return shape;
}

static wg_tensor *compute_map(const wg_call *c, operands *o) {
    const wg_map *map = c->op->map;
    wg_dtype dtype = o->view[1]->dtype;
    wg_shape room;
    const wg_shape *shape = common_shape(c, o, &room);
    if (WG_UNLIKELY(!shape)) return NULL;
    wg_spec spec;
    if (WG_UNLIKELY(c->op->infer != NULL) && !c->op->infer(c, &spec)) return NULL;
    if (WG_UNLIKELY(!map->forward[dtype])) {
        wg_call_fail(c, WG_ERROR_DTYPE, "it does not take %s; use wg_cast", wg_dtype_name(dtype));
        return NULL;
    }
    wg_tensor *out = wg__tensor_like(map->predicate ? WG_BOOL : dtype, shape);
    if (WG_UNLIKELY(!out)) return NULL;
    o->view[0] = &out->view;
    wg__map(map->forward[dtype], o->view, c->inputs + 1, c->attr);
    return out;
}

void wg_map_run(wg_loop *loop, const wg_view *const views[], int count, const double *param) {
    wg__map(loop, views, count, param);
}

/* ---- all others ------------------------------------------------------------------------------ */

// A number lives in its handle; what is no scalar any more needs memory that views can share.
static wg_tensor *settled(const wg_tensor *number) {
    wg_tensor *x = wg__tensor_new(WG_F64, WG_SCALAR);
    if (x) wg__copy_view(&x->view, &number->view);
    return x;
}

/* Whether elements from `low` to `high`, counted from x's first, lie in the memory behind x. */
static inline bool lies_within(const wg_tensor *x, int64_t low, int64_t high) {
    if (!x->storage) return low == 0 && high == 0;
    int64_t size = (int64_t)wg__size_of(x->view.dtype);
    int64_t before = (char *)x->view.data - (char *)x->storage;
    int64_t after = (int64_t)wg__block_of(x->storage)->size - WG__ALIGN - before;
    return low * size >= -before && high * size <= after - size;
}

/* Whether a view shows only what x holds, if it shows something and all its numbers are so small
   that nothing here overflows; false does not mean that it does not. Most views are of this kind,
   and this is all that looking at them costs. */
static inline bool is_plainly_within(const wg_tensor *x, const wg_spec *spec) {
    enum { SIZES = 1 << 20 };
    const int64_t strides = (int64_t)1 << 36;
    int64_t low = spec->offset, high = low;
    double n = 1;
    if ((unsigned)spec->shape.rank > WG_MAX_RANK || low < -strides || low > strides) return false;
    for (int i = 0; i < spec->shape.rank; i++) {
        int64_t last = spec->shape.dim[i] - 1, stride = spec->stride[i];
        if ((uint64_t)last >= SIZES || stride < -strides || stride > strides) return false;
        *(stride < 0 ? &low : &high) += last * stride;
        n *= (double)(last + 1);
    }
    return n < 0x1p40 && lies_within(x, low, high);
}

// The first and the last of the elements that a view shows; false where no memory is so large.
static bool find_ends(const wg_spec *spec, int64_t *low, int64_t *high) {
    const int64_t most = PTRDIFF_MAX / 16;
    *low = *high = spec->offset;
    for (int i = 0; i < spec->shape.rank; i++) {
        int64_t reach, *end = spec->stride[i] < 0 ? low : high;
        if (__builtin_mul_overflow(spec->shape.dim[i] - 1, spec->stride[i], &reach)) return false;
        if (__builtin_add_overflow(*end, reach, end)) return false;
    }
    return *low >= -most && *high <= most;
}

// What infer says of an alias is what is read from then on.
__attribute__((noinline)) static bool sound_alias(const wg_call *c, const wg_spec *spec) {
    int64_t low, high;
    if (!wg_call_has(c, 0))
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "infer makes an alias of input 0, which is NULL");
    if (spec->dtype != wg_call_dtype(c, 0))
        return wg_fail(WG_ERROR_DTYPE, "%s: infer makes an alias of another dtype", c->op->name);
    if (!wg__shape_valid(spec->dtype, &spec->shape)) return false;
    if (wg__numel(&spec->shape) == 0) return true;
    return (find_ends(spec, &low, &high) && lies_within(c->in[0], low, high)) ||
           wg_call_fail(c, WG_ERROR_SHAPE, "infer makes an alias that reaches out of input 0");
}

static inline bool plainly_sound(const wg_call *c, const wg_spec *spec) {
    return wg_call_has(c, 0) && !c->in[0]->number && spec->dtype == c->in[0]->view.dtype &&
           is_plainly_within(c->in[0], spec);
}

static wg_tensor *make_alias(const wg_call *c, const wg_spec *spec) {
    if (!plainly_sound(c, spec) && !sound_alias(c, spec)) return NULL;
    bool settles = c->in[0]->number && spec->shape.rank > 0;
    wg_tensor *out = settles ? settled(c->in[0]) : wg__tensor_alias(c->in[0]);
    if (!out) return NULL;
    wg_view *v = &out->view;
    if (wg__numel(&spec->shape) > 0) v->data = wg__at(v, spec->offset);
    v->shape = spec->shape;
    memcpy(v->stride, spec->stride, sizeof v->stride);
    return out;
}

static wg_tensor *compute(const wg_call *c, const operands *o) {
    wg_spec spec;  // of nothing, so that an infer which forgets to fill it in is refused
    spec.dtype = WG_DTYPES, spec.shape.rank = -1, spec.alias = false, spec.offset = 0;
    if (!c->op->infer(c, &spec) || wg__pending()) return NULL;
    if (spec.alias) return make_alias(c, &spec);
    if (WG_UNLIKELY(!c->op->forward))
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "%s: it has no .forward", c->op->name);
    wg_tensor *out = wg__tensor_new(spec.dtype, spec.shape);
    if (WG_UNLIKELY(!out) || (c->op->forward(c, o->view + 1, &out->view) && !wg__pending()))
        return out;
    wg__tensor_free(out);
    return NULL;
}

/* ---- operations made of others --------------------------------------------------------------- */

static bool comes_true(const wg_call *c, const wg_spec *spec, const wg_tensor *y) {
    const wg_view *v = &y->view;
    if (v->dtype == spec->dtype && wg__shape_equal(&v->shape, &spec->shape)) return true;
    char want[200], have[200];
    return wg_call_fail(c, WG_ERROR_SHAPE, "infer says %s %s, compose makes %s %s",
                        wg_dtype_name(spec->dtype), wg_shape_text(spec->shape, want, sizeof want),
                        wg_dtype_name(v->dtype), wg_shape_text(v->shape, have, sizeof have));
}

/* A formula that applies itself would end where the stack does. */
enum { DEEPEST = 64 };

static wg_tensor *compose(const wg_call *c) {
    wg__context *ctx = wg__ctx();
    const char *outer = ctx->within;
    wg_spec spec;
    if (c->op->infer && !c->op->infer(c, &spec)) return NULL;
    if (ctx->depth == DEEPEST) {
        wg_call_fail(c, WG_ERROR_STATE, "formulas nest more than %d deep: it applies itself",
                     DEEPEST);
        return NULL;
    }
    if (!outer) ctx->within = c->op->name;
    wg_scope *scope = ctx->scope, *fence = wg__fence_up(ctx);
    ctx->depth++;
    wg_tensor *y = c->op->compose(c);
    ctx->depth--;
    ctx->fence = fence;
    ctx->within = outer;
    if (ctx->scope != scope) return wg__scope_left_open(c->op, "compose", scope), NULL;
    if (y && !wg__pending() && c->op->infer && !comes_true(c, &spec, y)) return NULL;
    return wg__pending() ? NULL : y;
}

/* ---- the gate -------------------------------------------------------------------------------- */

// What infer and forward left unsaid when they refused.
static wg_tensor *refused(const wg_call *c) {
    if (!wg__pending()) wg_call_fail(c, WG_ERROR_ARGUMENT, "refused without a reason");
    return NULL;
}

static bool any_tracked(const wg_call *c) {
    if (c->op->flags & WG_OP_ZERO_GRADIENT) return false;
    for (int i = 0; i < c->inputs; i++)
        if (c->in[i] && wg__is_tracked(c->in[i])) return true;
    return false;
}

// Not within wg_apply: compositions nest, and the operands of what is composed are not needed.
__attribute__((noinline)) static bool can_compose(const wg_call *c) {
    operands o;
    o.many = NULL;
    bool can = take_inputs(&o, c);
    if (WG_UNLIKELY(o.many)) wg__free(o.many);
    return can;
}

__attribute__((noinline)) static wg_tensor *apply_composed(const wg_call *c) {
    if (!can_compose(c)) return NULL;
    wg_tensor *y = compose(c);
    return y ? y : refused(c);
}

__attribute__((always_inline)) static inline wg_tensor *apply_computed(wg__context *ctx,
                                                                       wg_call *c) {
    operands o;
    o.many = NULL;
    bool taken = take_inputs(&o, c);
    wg_tensor *out = !taken ? NULL : c->op->map ? compute_map(c, &o) : compute(c, &o);
    if (WG_UNLIKELY(o.many)) wg__free(o.many);
    if (WG_UNLIKELY(!out)) return taken ? refused(c) : NULL;
    if (o.all_numbers && out->view.shape.rank == 0 && out->view.dtype == WG_F64) out->number = true;
    if (WG_UNLIKELY(ctx->watching) && !wg__anomaly_result(c, out)) return NULL;
    if (!ctx->recording || !wg_dtype_is_float(out->view.dtype) || !any_tracked(c)) return out;
    c->out = out;
    if (WG_LIKELY(wg__tape_record(c))) return out;
    wg__tensor_free(out);
    return NULL;
}

wg_tensor *wg_apply(const wg_op *op, wg_tensor *const in[], int n, const void *attr) {
    wg__context *ctx = wg__ctx();
    if (WG_UNLIKELY(ctx->status != WG_OK)) return NULL;
    wg_call c = { op, n, in, NULL, attr };
    if (WG_UNLIKELY(op && op->compose)) return apply_composed(&c);
    return apply_computed(ctx, &c);
}

/* ---- for those who write operations ---------------------------------------------------------- */

int64_t wg_shape_numel(wg_shape shape) {
    return shape.rank < 0 || shape.rank > WG_MAX_RANK ? 0 : wg__numel(&shape);
}
int64_t wg_view_numel(const wg_view *v) { return wg__numel(&v->shape); }

double wg_view_get(const wg_view *v, int64_t flat) {
    if (flat < 0 || flat >= wg__numel(&v->shape)) return NAN;
    return wg__load(v->dtype, wg__at(v, wg__offset(v, flat)));
}
void wg_view_set(wg_view *v, int64_t flat, double value) {
    if (flat < 0 || flat >= wg__numel(&v->shape)) return;
    wg__store(v->dtype, wg__at(v, wg__offset(v, flat)), value);
}

wg_tensor *wg_add_maybe(wg_tensor *a, wg_tensor *b) { return !a ? b : !b ? a : wg_add(a, b); }

wg_tensor *wg_op_jvp_linear(const wg_call *c, wg_tensor *const dx[]) {
    wg_tensor *full[WG_MAX_INPUTS];
    for (int i = 0; i < c->inputs; i++) {
        bool floats = c->in[i] && wg_dtype_is_float(c->in[i]->view.dtype);
        full[i] = dx[i]                        ? dx[i]
                  : floats && c->in[i]->number ? wg_num(0)
                  : floats                     ? wg_zeros_like(c->in[i])
                                               : c->in[i];
    }
    return wg_apply(c->op, full, c->inputs, c->attr);
}
