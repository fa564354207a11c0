// SPDX-License-Identifier: MIT
/* random.c: random cases of an operation: one of its samples, fresh numbers, one memory layout, and
   the comparisons that are cheap; one case in eight also goes through one that is not. So a case
   takes some ten microseconds, and a million of them a coffee.

   Numbers are in general position, or small and whole, where sums and products are exact and so
   must be all that is made of them; or they are special, where little can be said but that nothing
   depends on whether it is recorded, and that a zero cotangent gives zero. */
#include <string.h>
#include <time.h>

#include "autograd/check/check_impl.h"

/* ---- special numbers ------------------------------------------------------------------------- */

typedef struct outcome {
    wg_status status;
    wg_tensor *y;
} outcome;

static outcome apply(const wg__trial *t, uint64_t tracked, bool recording, wg__run *r) {
    outcome o = { .y = NULL };
    bool was = wg_recording(recording);
    if (wg__run_make(t, &(wg__setting){ t->dtype, t->layout, tracked, NULL }, r)) o.y = r->y;
    o.status = wg_error();
    wg_error_clear();
    wg_recording(was);
    return o;
}

static void hold_same(wg__trial *t, const outcome *a, const outcome *b) {
    wg__hold_that(t, a->status == b->status, "the error depends on what is recorded");
    wg__hold_that(t, (a->y != NULL) == (a->status == WG_OK), "no result and no error, or both");
    if (a->y && b->y)
        wg__hold_that(t, wg__same_bits(a->y, b->y), "the value depends on what is recorded");
}

// NaN where the same numbers, dense, give NaN; sums may overflow in one order and not in another.
static void hold_nan(wg__trial *t, const outcome *got, const outcome *want) {
    if (!t->op->map || !got->y || !want->y || !wg_dtype_is_float(wg_dtype_of(got->y))) return;
    const double *a = wg__numbers(got->y), *b = wg__numbers(want->y);
    for (int64_t k = 0; a && b && k < wg_numel(got->y); k++)
        wg__hold_that(t, isnan(a[k]) == isnan(b[k]), "NaN depends on the memory layout");
}

static bool all_finite(const double *x, int64_t n) {
    for (int64_t k = 0; x && k < n; k++)
        if (!isfinite(x[k])) return false;
    return x != NULL;
}

/* Products of matrices do not look for zeros: there 0 times infinity is only 0 where no infinity
   comes up. */
static bool may_be_masked(const wg__trial *t, const wg_tensor *y) {
    bool finite = all_finite(wg__numbers(y), wg_numel(y));
    for (int i = 0; i < t->sample->inputs; i++)
        if (wg__bit(t->floats, i)) finite = finite && all_finite(t->value[i], wg__size(t, i));
    return finite || t->op->map;
}

static void hold_zero_gradient(wg__trial *t, const wg__run *r, bool constant) {
    wg_tensor *gx[WG_MAX_INPUTS];
    wg_tensor *zero = wg_zeros(wg_dtype_of(r->y), wg_shape_of(r->y));
    if (!wg__run_grad(r, zero, constant, gx)) {  // a rule may refuse such numbers
        wg_error_clear();
        return;
    }
    for (int k = 0; k < r->leaves; k++) {
        const double *g = wg__numbers(gx[k]);
        for (int64_t j = 0; g && j < wg_numel(gx[k]); j++) wg__hold(t, j, g[j], 0, 0);
    }
}

static void check_special(wg__trial *t) {
    wg__run recorded, silent, constant, dense;
    wg__trial plain = *t;
    plain.layout = WG__DENSE;
    outcome a = apply(t, t->floats, true, &recorded), b = apply(t, t->floats, false, &silent);
    outcome c = apply(t, 0, true, &constant), d = apply(&plain, 0, true, &dense);
    hold_same(t, &a, &b);
    hold_same(t, &a, &c);
    hold_nan(t, &a, &d);
    unsigned none = WG_OP_ZERO_GRADIENT | WG_OP_NO_GRADIENT;
    if (!wg_is_tracked(a.y) || t->op->flags & none || !may_be_masked(t, a.y)) return;
    hold_zero_gradient(t, &recorded, false);
    hold_zero_gradient(t, &recorded, true);
}

/* ---- numbers that have derivatives ----------------------------------------------------------- */

enum {
    IN_F64 = 1,
    IN_F32 = 2,
    WHOLE = 4,       // also for whole numbers
    SMOOTH = 8,      // needs a derivative
    REFERENCE = 16,  // needs a reference
    NONE = 32,       // needs that there is none
    TIED = 64        // but not where whole numbers meet kinks, and the reference may choose anew
};
typedef struct choice {
    const char *name;
    wg__oracle *check;
    unsigned when;
} choice;

static const choice cheap[] = {
    { "value against reference", wg__check_value, IN_F64 | WHOLE | REFERENCE },
    { "forward mode against the complex step", wg__check_jvp,
      IN_F64 | WHOLE | TIED | SMOOTH | REFERENCE },
    { "reverse against forward mode", wg__check_adjoint, IN_F64 | WHOLE | SMOOTH },
    { "f32 against f64", wg__check_twin, IN_F32 | WHOLE },
};
static const choice rare[] = {
    { "recording", wg__check_recording, IN_F64 | IN_F32 | WHOLE },
    { "no gradient", wg__check_no_gradient, IN_F64 },
    { "a derivative of zero", wg__check_constant, IN_F64 },
    { "forward mode against differences", wg__check_jvp, IN_F64 | SMOOTH | NONE },
    { "reverse mode against the complex step", wg__check_elements, IN_F64 | SMOOTH | REFERENCE },
    { "second order", wg__check_second, IN_F64 | SMOOTH },
    { "fused backward against the rule", wg__check_fused, IN_F64 | IN_F32 | WHOLE | SMOOTH },
    { "linear in the cotangent", wg__check_cotangent, IN_F64 | IN_F32 | WHOLE | SMOOTH },
    { "memory layout", wg__check_layouts, IN_F64 | IN_F32 | WHOLE },
    { "writing the whole result and nothing else", wg__check_writes, IN_F64 | IN_F32 | WHOLE },
    { "what is not chosen", wg__check_masks, IN_F64 | SMOOTH },
    { "overwriting what .saves leaves out", wg__check_saves, IN_F64 | WHOLE | SMOOTH },
};
enum { CHEAP = sizeof cheap / sizeof *cheap, RARE = sizeof rare / sizeof *rare };

static void consult(wg__trial *t, const choice *c) {
    if (!(c->when & (t->dtype == WG_F64 ? IN_F64 : IN_F32))) return;
    if (t->mode == WG__WHOLE && !(c->when & WHOLE)) return;
    if (t->mode == WG__WHOLE && c->when & TIED && t->op->tie != WG_TIE_NONE) return;
    if (c->when & SMOOTH && !t->differentiable) return;
    if (c->when & (t->op->reference ? NONE : REFERENCE)) return;
    wg__consult(t, c->name, c->check);
}

/* ---- choices -------------------------------------------------------------------------------- */

// Stride 0 makes equals, which only elementwise operations do not compare with each other.
static wg__layout draw_layout(const wg__trial *t, wg_random *r) {
    return (wg__layout)wg_random_below(r, t->op->map ? WG__LAYOUTS : WG__FIRST_ZERO);
}

// Some of the floats, at least one.
static uint64_t draw_moving(const wg__trial *t, wg_random *r) {
    uint64_t some = t->floats & wg_random_u64(r);
    return some ? some : t->floats;
}

/* ---- sizes ----------------------------------------------------------------------------------- */

enum { MOST = 300 };  // elements of an input, and of the result

/* Every 3 becomes a 5, say, in all inputs at once, so that what fits fits still: other tails of
   vector loops, other blocks. None shrinks, so that indices stay in range; 0 and 1 stay, and so do
   samples that list numbers. False where it would be too much. */
static bool resize(wg__sample *s, wg_random *r) {
    static const int64_t sizes[] = { 2, 3, 4, 5, 6, 7, 8, 9, 11, 16, 17, 33 };
    int64_t become[10];
    for (int64_t k = 0; k < 10; k++)
        become[k] = sizes[wg_random_below(r, sizeof sizes / sizeof *sizes)];
    for (int64_t k = 0; k < 10; k++) become[k] = k < 2 || become[k] < k ? k : become[k];
    for (int i = 0; i < s->inputs; i++) {
        wg_shape *shape = &s->in[i].shape;
        if (s->in[i].exact) return false;
        for (int d = 0; d < shape->rank; d++)
            if (shape->dim[d] < 10) shape->dim[d] = become[shape->dim[d]];
        if (wg__numel(shape) > MOST) return false;
    }
    return true;
}

static void tell_sizes(const wg__sample *s, char text[64]) {
    size_t used = 0;
    for (int i = 0; i < s->inputs; i++) {
        char one[40];
        wg_shape_text(s->in[i].shape, one, sizeof one);
        int n = snprintf(text + used, 64 - used, " %s", one);
        used = n > 0 && used + (size_t)n < 63 ? used + (size_t)n : used;
    }
}

// Whether operation and reference take it: attributes may not fit any more, or signs. The result's
// shape comes back.
static bool is_taken(const wg__trial *whole, const wg_random *at, wg_shape *result) {
    wg__trial t = *whole;
    wg__run plain;
    wg_random r = *at;
    wg_scope *scope = wg_scope_open();
    t.mode = WG__GENERAL, t.dtype = WG_F64;
    bool taken = scope && wg__draw(&t, &r) && wg__try(&t, &plain, &r);
    taken = taken && wg_numel(plain.y) <= MOST;
    taken = taken && all_finite(wg__numbers(plain.y), wg_numel(plain.y));
    taken = taken && (!t.op->reference || wg__reference(&t, &(wg__point){ .value = t.value }));
    *result = t.y_shape;
    wg_error_clear();
    wg_scope_close(scope);
    return taken;
}

static void try_resized(wg__trial *t, wg__sample *s, wg_random *r) {
    const wg__sample before = *s;
    wg_shape result;
    if (resize(s, r) && is_taken(t, r, &result))
        tell_sizes(s, t->sizes);
    else
        *s = before;
}

// One size of an input becomes 1, or some axes in front go. Matrices of a form are left alone, and
// indices, which would leave their range.
static bool narrow(wg__sample *s, wg_random *r) {
    wg__slot *slot = &s->in[wg_random_below(r, s->inputs)];
    wg_shape *shape = &slot->shape;
    for (int i = 0; i < s->inputs; i++)
        if (s->in[i].kind == WG__INTEGER) return false;
    if (shape->rank == 0 || slot->exact || slot->form != WG__ANY) return false;
    int64_t axis = wg_random_below(r, shape->rank);
    if (wg_random_below(r, 2)) {
        bool shrinks = shape->dim[axis] > 1;
        shape->dim[axis] = 1;
        return shrinks;
    }
    shape->rank -= (int)axis + 1;
    memmove(shape->dim, shape->dim + axis + 1, (size_t)shape->rank * sizeof *shape->dim);
    return true;
}

/* A rule that forgets wg_sum_to is right until something broadcasts. That is what an input does
   which may be smaller while the result is not: where it shrinks too, it is another matter, and may
   be a variance of one element. `bare` is the operation without its reference, which need not know
   how to broadcast; the modes are held against each other. */
static void try_broadcast(wg__trial *t, wg__sample *s, wg_op *bare, wg_random *r) {
    const wg__sample before = *s;
    const wg_op *op = t->op;
    wg_shape full, result;
    if (s->inputs < 2 || !is_taken(t, r, &full)) return;
    *bare = *op;
    bare->reference = NULL;
    t->op = bare;
    if (narrow(s, r) && is_taken(t, r, &result) && wg__shape_equal(&full, &result)) {
        tell_sizes(s, t->sizes);
        return;
    }
    *s = before;
    t->op = op;
}

/* ---- a case ---------------------------------------------------------------------------------- */

static void run_usual(wg__trial *t, wg_random *r, int which) {
    wg__run plain;
    t->moving = draw_moving(t, r);
    bool ok = wg__try(t, &plain, r) && wg__fit_w(t, t->layout);
    wg__hold_no_error(t);
    if (!ok) return;
    for (int k = 0; k < CHEAP; k++) consult(t, &cheap[k]);
    if (which < 0 && wg_random_below(r, 8) > 0) return;
    t->layout = WG__DENSE;
    consult(t, &rare[which < 0 ? wg_random_below(r, RARE) : which % RARE]);
}

void wg__hold_numbers(wg__trial *t, wg_random *r, int which) {
    t->oracle = "value";
    if (!wg__fit_to(t, t->layout) || (!t->floats && t->dtype == WG_F32)) return;
    if (t->mode == WG__SPECIAL)
        wg__consult(t, "special numbers", check_special);
    else
        run_usual(t, r, which);
}

static void run_case(wg__trial *t, wg_random *r, int which) {
    int64_t turn = wg_random_below(r, 8);
    t->mode = turn < 4 ? WG__GENERAL : turn < 7 ? WG__WHOLE : WG__SPECIAL;
    t->dtype = wg_random_below(r, 4) ? WG_F64 : WG_F32;
    t->layout = draw_layout(t, r);
    t->oracle = "value";
    if (wg__draw(t, r)) wg__hold_numbers(t, r, which);
}

/* ---- all of them ----------------------------------------------------------------------------- */

// Whether the sample leaves its numbers to chance.
static bool is_open(const wg_op *op, const char *text) {
    wg__sample s;
    wg_scope *scope = wg_scope_open();
    bool open = scope && wg__sample_parse(op, text, &s) && !s.exact;
    wg_scope_close(scope);
    wg_error_clear();
    return open;
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void wg__run_case(const wg__trial *whole, const char *text, int64_t number, int which) {
    wg__trial t = *whole;
    wg_random r = { .seed = t.seed, .stream = (uint64_t)number };
    wg__sample sample;
    wg_scope *scope = wg_scope_open();
    t.number = number, t.ladder = true;
    if (scope && wg__sample_parse(t.op, text, &sample)) {
        t.sample = &sample;
        if (wg_random_below(&r, 8) == 0) try_resized(&t, &sample, &r);
        wg_op bare;  // lives as long as the case
        if (wg_random_below(&r, 16) == 0) try_broadcast(&t, &sample, &bare, &r);
        run_case(&t, &r, which);
        t.report->cases++;
    }
    wg__hold_no_error(&t);
    wg_scope_close(scope);
}

void wg__run_random(const wg__trial *t, wg_selftest_options o) {
    const char *text[WG_MAX_SAMPLES];
    int count = 0;
    for (int i = 0; i < WG_MAX_SAMPLES && t->op->samples[i]; i++)
        if (is_open(t->op, t->op->samples[i])) text[count++] = t->op->samples[i];
    double end = seconds_now() + o.seconds;
    for (int64_t k = 0; count > 0 && (k < o.cases || (o.cases == 0 && o.seconds > 0)); k++) {
        if (o.seconds > 0 && k % 16 == 0 && seconds_now() > end) return;
        wg_random r = { .seed = o.seed ^ 0x5eed, .stream = (uint64_t)k };
        wg__run_case(t, text[wg_random_below(&r, count)], k, WG__BY_CHANCE);
    }
}
