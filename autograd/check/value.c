// SPDX-License-Identifier: MIT
/* value.c: the value against the reference, recorded and not; what has no gradient; what must be
   refused. */
#include <fenv.h>
#include <inttypes.h>
#include <string.h>

#include "autograd/check/check_impl.h"

/* ---- whether all of it is exact -------------------------------------------------------------- */

// Whole steps, one for each input, of the size that makes wg__reference compute at x + i u.
static bool unit_steps(const wg__trial *t, double *step[]) {
    for (int i = 0; i < t->sample->inputs; i++) {
        int64_t n = wg__size(t, i);
        step[i] = t->u[i] ? wg__scratch(n) : NULL;
        if (t->u[i] && !step[i]) return false;
        for (int64_t k = 0; step[i] && k < n; k++) step[i][k] = t->u[i][k] / WG__STEP;
    }
    return true;
}

/* Whole results alone do not tell that nothing was rounded on the way: a b / b gives a, and its
   slopes are of thirds. But where the reference computes with whole complex numbers, real and
   imaginary part both, and the processor's flag says that it rounded nothing, it is made of sums
   and products; and so are then its derivatives. Results too large for that tell nothing. */
static bool rounds(const wg__trial *t) {
    double *step[WG_MAX_INPUTS];
    if (!unit_steps(t, step)) return false;
#ifdef FE_INEXACT
    feclearexcept(FE_INEXACT);
    const double complex *z = wg__reference(t, &(wg__point){ .value = t->value, .step = step });
    bool rounded = fetestexcept(FE_INEXACT);
    for (int64_t k = 0; z && k < wg__numel(&t->y_shape); k++)
        if (!(cabs(z[k]) < 0x1p24)) return false;
    return rounded;
#else
    return true;
#endif
}

/* ---- the value ------------------------------------------------------------------------------- */

// The reference has no real value there, and no number could be right.
static void tell_domain(wg__trial *t, int64_t k, double got) {
    char what[200];
    snprintf(what, sizeof what,
             "element %" PRId64 " of the reference is no real number (the value is %.17g): the "
             "range that the sample draws from leaves the function's domain",
             k, got);
    wg__hold_that(t, false, what);
}

/* The reference is naive, so its own rounding decides the bound: 1e-12 of the numbers that take
   part, some thousand units in the last place. Integers and truth values must be exact. Where the
   reference leaves the real axis, as the logarithm of a negative number does, the value has to be
   NaN. */
void wg__check_value(wg__trial *t) {
    if (!t->op->reference) return;
    wg__run r;
    if (!wg__run_make(t, &(wg__setting){ .dtype = t->dtype, .layout = t->layout }, &r)) return;
    const double *y = wg__numbers(r.y);
    const double complex *z = wg__reference(t, &(wg__point){ .value = t->value });
    int64_t n = wg_numel(r.y);
    double floor = 0, rel = wg_dtype_is_float(t->y_dtype) ? t->value_rel : 0;
    for (int64_t k = 0; y && z && k < n && !t->op->map; k++)  // sums: each may have large terms
        if (isfinite(creal(z[k]))) floor = fmax(floor, fabs(creal(z[k])));
    double *want = y && z ? wg__scratch(n) : NULL;
    t->shape = &t->y_shape;
    for (int64_t k = 0; want && k < n; k++) {
        want[k] = creal(z[k]);
        if (fabs(cimag(z[k])) > rel * (1 + fabs(want[k]))) want[k] = NAN;
    }
    if (want) wg__note_values(t, y, want, n);
    if (want && t->exactly && t->tally->broken[WG__VALUES] == 0)
        t->tally->broken[WG__VALUES] += rounds(t);
    t->strict = wg__is_exact(t, WG__VALUES);
    bool open = t->sample->exact || t->mode == WG__WHOLE;
    for (int64_t k = 0; want && k < n; k++)
        if (isnan(want[k]) && !open)
            tell_domain(t, k, y[k]);
        else
            wg__hold(t, k, y[k], want[k], rel * (1 + t->largest) * (1 + floor + fabs(want[k])));
}

/* ---- recording and flags --------------------------------------------------------------------- */

void wg__check_recording(wg__trial *t) {
    wg__run recorded, silent, constant;
    if (!wg__run_usual(t, &recorded)) return;
    wg_recording(false);
    bool ok = wg__run_usual(t, &silent);
    wg_recording(true);
    if (!ok ||
        !wg__run_make(t, &(wg__setting){ .dtype = t->dtype, .layout = t->layout }, &constant))
        return;
    wg__hold_that(t, wg__same_bits(recorded.y, silent.y), "recording off changes the value");
    wg__hold_that(t, wg__same_bits(recorded.y, constant.y), "tracking changes the value");
    wg__hold_that(t, !wg_is_tracked(silent.y), "the result is tracked though recording is off");
    wg__hold_that(t, !wg_is_tracked(constant.y), "the result of constants is tracked");
    bool zero = t->op->flags & WG_OP_ZERO_GRADIENT || !wg_dtype_is_float(t->y_dtype);
    if (zero)
        wg__hold_that(t, !wg_is_tracked(recorded.y), "the result is tracked though it is constant");
    if (t->differentiable)
        wg__hold_that(t, wg_is_tracked(recorded.y), "the result of variables is not tracked");
}

// What is flagged as having no derivative must say so when asked, in both modes, not give zeros.
void wg__check_no_gradient(wg__trial *t) {
    if (!(t->op->flags & WG_OP_NO_GRADIENT) || !wg_dtype_is_float(t->y_dtype) || !t->floats) return;
    wg__run r;
    wg_tensor *gx[WG_MAX_INPUTS];
    if (!wg__run_usual(t, &r)) return;
    wg_tensor *gy = wg__seed_of(t, &r, t->w);
    if (!gy) return;
    bool given = wg__run_grad(&r, gy, false, gx);
    wg__hold_that(t, !given && wg_error() != WG_OK,
                  "a gradient is given that is flagged as undefined");
    wg_error_clear();
    wg_tensor *dy = wg__run_jvp(t, &r, t->u);
    wg__hold_that(t, !dy && wg_error() != WG_OK, "a tangent is given that is flagged as undefined");
    wg_error_clear();
}

// What is flagged as having derivative zero must not change when its inputs move a little.
void wg__check_constant(wg__trial *t) {
    if (!(t->op->flags & WG_OP_ZERO_GRADIENT) || !t->floats) return;
    double *value[WG_MAX_INPUTS];
    wg__run here, there;
    if (!wg__run_usual(t, &here) || !wg__move(t, t->u, 0x1p-20, value)) return;
    wg__setting moved = { .dtype = t->dtype, .layout = t->layout, .value = value };
    if (!wg__run_make(t, &moved, &there)) return;
    wg__hold_that(t, wg__same_bits(here.y, there.y),
                  "it is flagged so, and changes with its inputs");
}

/* ---- writing --------------------------------------------------------------------------------- */

enum { GUARD = 9 };  // elements around the result that nobody may touch

// A dense view of `shape` in the middle of a block of 0xff, which is NaN in floats and -1 in
// integers.
static bool guarded(wg_dtype dtype, const wg_shape *shape, wg_view *v) {
    int64_t n = wg__numel(shape);
    char *block = (char *)wg__scratch(n + 2 * GUARD);
    if (!block) return false;
    memset(block, 0xff, (size_t)(n + 2 * GUARD) * wg__size_of(dtype));
    *v = (wg_view){ .data = block + GUARD * wg__size_of(dtype), .dtype = dtype, .shape = *shape };
    wg__contiguous_strides(v);
    return true;
}

static bool guards_hold(const wg_view *v) {
    size_t size = wg__size_of(v->dtype), bytes = (size_t)wg__numel(&v->shape) * size;
    const unsigned char *before = (unsigned char *)v->data - GUARD * size;
    const unsigned char *after = (unsigned char *)v->data + bytes;
    for (size_t k = 0; k < GUARD * size; k++)
        if (before[k] != 0xff || after[k] != 0xff) return false;
    return true;
}

// The value once more, into memory that tells who wrote where; y is what the gate made of it.
static void check_forward(wg__trial *t, const wg__run *r) {
    const wg_view *in[WG_MAX_INPUTS];
    wg_view out;
    for (int i = 0; i < t->sample->inputs; i++) in[i] = r->in[i] ? &r->in[i]->view : NULL;
    wg_call c = { t->op, t->sample->inputs, r->in, NULL, t->sample->attr };
    if (!guarded(t->y_dtype, &t->y_shape, &out) || !t->op->forward(&c, in, &out)) return;
    size_t bytes = (size_t)wg_numel(r->y) * wg__size_of(t->y_dtype);
    wg__hold_that(t, guards_hold(&out), "forward writes outside the result");
    wg__hold_that(t, memcmp(out.data, r->y->view.data, bytes) == 0,
                  "forward leaves elements of the result unwritten, or depends on what was there");
}

static void check_backward(wg__trial *t, const wg__run *r, int i) {
    wg_view gx;
    wg_call c = { t->op, t->sample->inputs, r->in, r->y, t->sample->attr };
    wg_tensor *gy = wg__seed_of(t, r, t->w);
    if (!gy || !guarded(t->dtype, &t->sample->in[i].shape, &gx)) return;
    if (t->op->backward(&c, &gy->view, i, &gx))
        wg__hold_that(t, guards_hold(&gx), "backward writes outside the gradient");
}

void wg__check_writes(wg__trial *t) {
    wg__run r;
    if (!t->op->forward || !wg__run_usual(t, &r)) return;
    bool alias = r.in[0] && r.y->storage == r.in[0]->storage;
    if (!alias) check_forward(t, &r);
    for (int i = 0; t->op->backward && t->differentiable && i < t->sample->inputs; i++)
        if (wg__bit(t->floats, i)) check_backward(t, &r, i);
}

/* ---- optional inputs ------------------------------------------------------------------------- */

typedef struct given {
    wg_tensor *y, *dy, *gx[2][WG_MAX_INPUTS];
} given;

static bool observe(const wg__trial *t, wg__run *r, int inputs, given *o) {
    wg__setting s = { .dtype = t->dtype, .layout = t->layout, .tracked = t->floats };
    if (!wg__run_inputs(t, &s, r)) return false;
    for (int i = t->sample->inputs; i < inputs; i++) r->in[i] = NULL;
    *o = (given){ .y = r->y = wg_apply(t->op, r->in, inputs, t->sample->attr) };
    if (!o->y || !t->differentiable || t->sample->exact) return o->y != NULL;
    o->dy = wg__run_jvp(t, r, t->u);
    wg_tensor *gy = wg__seed_of(t, r, t->w);
    return o->dy && wg__run_grad(r, gy, false, o->gx[0]) && wg__run_grad(r, gy, true, o->gx[1]);
}

// An optional input that is NULL is one that is left out.
void wg__check_absent(wg__trial *t) {
    given left_out, null;
    wg__run r, s;
    int most = t->op->inputs_max;
    if (!(t->op->flags & WG_OP_OPTIONAL_INPUTS) || t->sample->inputs >= most) return;
    if (!observe(t, &r, t->sample->inputs, &left_out) || !observe(t, &s, most, &null)) return;
    wg__hold_that(t, wg__same_bits(left_out.y, null.y), "the value is not that without them");
    if (!left_out.dy) return;
    wg__hold_that(t, wg__same_bits(left_out.dy, null.dy), "forward mode is not that without them");
    for (int k = 0; k < 2 * r.leaves; k++)
        wg__hold_that(t, wg__same_bits(left_out.gx[k % 2][k / 2], null.gx[k % 2][k / 2]),
                      "a gradient is not that without them");
}

/* ---- refusals -------------------------------------------------------------------------------- */

static wg_status refusal(wg__trial *t, const wg__run *r) {
    uint32_t nodes = wg__tape_now()->count;
    wg_tensor *y = wg_apply(t->op, r->in, t->sample->inputs, t->sample->attr);
    wg_status status = wg_error();
    bool named = strstr(wg_error_message(), t->op->name) != NULL;
    bool silent = strstr(wg_error_message(), "refused without a reason") != NULL;
    wg_error_clear();
    wg__hold_that(t, !y, "it is accepted");
    wg__hold_that(t, status != WG_OK, "it is refused without an error");
    wg__hold_that(t, status == WG_OK || named, "it is refused with a message that lacks the name");
    wg__hold_that(t, !silent, "it is refused without a reason: say it by wg_call_fail");
    // A formula may have come some way before it fails; its records lead nowhere.
    wg__hold_that(t, t->op->compose || wg__tape_now()->count == nodes,
                  "it is refused, but something was recorded");
    return status;
}

// Refused once and, the error cleared, again; and no matter whether anything is recorded.
void wg__check_bad(wg__trial *t) {
    wg__run r;
    if (!wg__run_inputs(t, &(wg__setting){ .dtype = t->dtype, .tracked = t->floats }, &r)) return;
    wg_status first = refusal(t, &r), second = refusal(t, &r);
    wg_recording(false);
    wg_status silent = refusal(t, &r);
    wg_recording(true);
    wg__hold_that(t, first == second && second == silent,
                  "the error depends on more than the input");
}
