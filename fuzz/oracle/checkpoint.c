// SPDX-License-Identifier: MIT
/* checkpoint.c: O11. What runs again for its gradient gives the same bits as what was kept: values,
   gradients and tangents, with numbers drawn at random on the way, recorded or not, asked once or
   again. Where it does not run the same again, that is an error, and nothing is lost. */
#include "fuzz/oracle/body.h"
#include "fuzz/oracle/order.h"

static const char *const O11 = "O11 checkpoints";

/* ---- one way to run it ----------------------------------------------------------------------- */

typedef struct way {
    wg__body body;
    wg_tensor *y;
} way;

static bool run(wg__scene *s, way *w, int depth) {
    w->body.depth = depth;
    w->y = wg__body_run(&w->body, s->run.reg);
    return w->y != NULL;
}

static bool same_bits(const wg_tensor *a, const wg_tensor *b) {
    int64_t n = wg_numel(a);
    if (n != wg_numel(b) || wg_dtype_of(a) != wg_dtype_of(b)) return false;
    const double *x = wg__numbers(a), *y = wg__numbers(b);
    return x && y && wg__same_numbers(x, y, n);
}

static void hold_same(wg__scene *s, const wg_tensor *got, const wg_tensor *want, const char *what) {
    wg__scene_hold(s, wg_error() || same_bits(got, want), what);
}

/* ---- the same bits --------------------------------------------------------------------------- */

static bool gradients(wg__scene *s, wg_tensor *y, wg_tensor *w, bool constant, wg_tensor *g[]) {
    wg_grad_options o = { .seed = w, .constant = constant };
    return wg_grad(y, s->run.x, s->run.variables, g, o);
}

static void hold_gradients(wg__scene *s, const way *plain, const way *again, bool constant) {
    wg_tensor *want[WG__VM_LEAVES], *got[WG__VM_LEAVES];
    wg_tensor *w = wg__scene_weight(s, plain->y);
    if (!gradients(s, plain->y, w, constant, want) || !gradients(s, again->y, w, constant, got))
        return;
    for (int k = 0; k < s->run.variables; k++)
        hold_same(s, got[k], want[k], "run again, it has another gradient");
}

static void hold_tangents(wg__scene *s, const way *plain, const way *again) {
    wg_tensor *v[WG__VM_LEAVES];
    int n = s->run.variables;
    for (int k = 0; k < n; k++) v[k] = wg__scene_weight(s, s->run.x[k]);
    wg_tensor *want = wg_jvp(plain->y, s->run.x, n, v), *got = wg_jvp(again->y, s->run.x, n, v);
    if (want && got) hold_same(s, got, want, "run again, it has another tangent");
}

// wg_backward, which gathers in the leaves.
static void hold_backward(wg__scene *s, const way *plain, const way *again) {
    wg__gradients want, got;
    wg_tensor *w = wg__scene_weight(s, plain->y);
    wg__scene_clear(s);
    if (!wg_backward(wg_sum(wg_mul(plain->y, w))) || !wg__scene_gathered(s, &want)) return;
    wg__scene_clear(s);
    if (!wg_backward(wg_sum(wg_mul(again->y, w))) || !wg__scene_gathered(s, &got)) return;
    wg__scene_equal_all(s, &got, &want, "run again, it leaves another gradient in");
}

static void hold_unrecorded(wg__scene *s, const way *plain, const way *again) {
    bool was = wg_recording(false);
    hold_gradients(s, plain, again, wg__scene_below(s, 2));
    hold_tangents(s, plain, again);
    wg_recording(was);
}

static void hold_recorded(wg__scene *s, const way *plain, const way *again) {
    hold_gradients(s, plain, again, false);
    hold_tangents(s, plain, again);
}

static void hold_twice(wg__scene *s, const way *plain, const way *again) {
    hold_gradients(s, plain, again, true);
    hold_backward(s, plain, again);
}

/* ---- errors ---------------------------------------------------------------------------------- */

// Whether one more is another value: not so for infinities, NaN and what is huge.
static bool one_more_shows(const wg_tensor *y) {
    const double *value = wg__numbers(y);
    for (int64_t k = 0; value && k < wg_numel(y); k++)
        if (fabs(value[k]) < 0x1p20) return true;
    return false;
}

// What draws nothing cannot draw less.
static wg__spoil choose_spoil(wg__scene *s, const way *w) {
    int most = w->body.draws ? WG__SPOILS : WG__SPOIL_DRAWS;
    wg__spoil spoil = (wg__spoil)(1 + wg__scene_below(s, most - 1));
    return spoil == WG__SPOIL_VALUES && !one_more_shows(w->y) ? WG__SPOIL_SHAPE : spoil;
}

// In two levels NULL comes of a checkpoint that to the outer one runs for the first time.
static wg_status expected(const wg__body *b) {
    bool first = b->spoil == WG__SPOIL_NULL && b->depth > 1;
    return first || b->spoil == WG__SPOIL_ERROR ? WG_ERROR_ARGUMENT : WG_ERROR_STATE;
}

// Adding to a gradient that is there already fails, and leaves it as it was.
static void hold_failing(wg__scene *s, way *plain, way *again) {
    wg__gradients before, after;
    if (wg_numel(again->y) == 0) return;  // nothing to be different
    wg__scene_clear(s);
    wg_tensor *loss = wg_sum(again->y);
    if (!wg_backward(loss) || !wg__scene_gathered(s, &before)) return;
    int calls = again->body.calls;
    again->body.spoil = choose_spoil(s, again);
    bool failed = !wg_backward(loss);
    wg_status status = wg_error();
    wg_error_clear();
    if (again->body.calls == calls) return;  // no gradient passed
    wg__scene_hold(s, failed && status == expected(&again->body),
                   "what does not run the same again is no error, or another one");
    if (!wg__scene_gathered(s, &after)) return;
    wg__scene_equal_all(s, &after, &before, "a failed run changed a gradient");
    again->body.spoil = WG__SPOIL_NOTHING;
    hold_twice(s, plain, again);
}

/* ---- the oracle ------------------------------------------------------------------------------ */

static bool reads(const wg__vm_program *p, int first, int last, int r) {
    for (int k = first; k <= last; k++)
        for (int i = 0; i < p->step[k].inputs; i++)
            if (p->step[k].in[i] == r) return true;
    return false;
}
static bool is_output(const wg__vm_program *p, int r) {
    for (int k = 0; k < p->outputs; k++)
        if (p->output[k] == r) return true;
    return false;
}

/* What is read in a part and again later gets o + (a + b) where it would get (o + a) + b: the same
   but for rounding, and not for here. */
static bool is_exact(const wg__vm_program *p, const wg__vm_span *span) {
    for (int r = 0; r < p->leaves + span->first; r++) {
        bool later = is_output(p, r) || reads(p, span->last + 1, p->steps - 1, r);
        if (later && reads(p, span->first, span->last, r)) return false;
    }
    return true;
}

static const wg__vm_program *with_exact_parts(const wg__vm_program *p) {
    static wg__vm_program q;
    q = *p, q.spans = 0;
    for (int k = 0; k < p->spans; k++)
        if (p->span[k].kind == WG__VM_SCOPE || is_exact(p, &p->span[k]))
            q.span[q.spans++] = p->span[k];
    return &q;
}

typedef void hold(wg__scene *s, way *plain, way *again);
static void as_recorded(wg__scene *s, way *a, way *b) { hold_recorded(s, a, b); }
static void as_unrecorded(wg__scene *s, way *a, way *b) { hold_unrecorded(s, a, b); }
static void as_twice(wg__scene *s, way *a, way *b) { hold_twice(s, a, b); }

static bool may_differentiate(const wg__vm_program *p) {
    for (int k = 0; k < p->steps; k++)
        if (p->step[k].op->flags & WG_OP_NO_GRADIENT) return false;
    return true;
}

static bool begin(wg__scene *s, way *plain, way *again) {
    const wg__vm_program *p = s->p;
    if (!may_differentiate(p) || !wg__body_leaves(p, &s->run) || s->run.variables == 0)
        return false;
    plain->body = (wg__body){ .p = with_exact_parts(p), .random = { .seed = p->seed } };
    plain->body.draws = p->choice[1] & 1;
    plain->body.drawn = s->run.which[wg__scene_below(s, s->run.variables)];
    again->body = plain->body;
    if (run(s, plain, 0)) return run(s, again, 1 + (p->choice[1] >> 1 & 1));
    wg_error_clear();  // in f32, or with noise, a step may fail
    return false;
}

static void check(wg__scene *s) {
    static hold *const part[] = { as_twice, as_recorded, as_unrecorded, hold_failing };
    way plain, again;
    if (!begin(s, &plain, &again)) return;
    hold_same(s, again.y, plain.y, "in a checkpoint it has another value");
    uint64_t drawn = plain.body.random.counter;
    wg__scene_hold(s, again.body.random.counter == drawn, "a checkpoint draws more or less");
    wg__scene_hold(s, wg_is_tracked(again.y) == wg_is_tracked(plain.y),
                   "in a checkpoint it is tracked, or is not");
    if (!wg_is_tracked(plain.y)) return;
    part[s->p->choice[1] >> 2 & 3](s, &plain, &again);
    wg__scene_hold(s, wg_error() || again.body.random.counter == drawn,
                   "running again draws numbers of its own");
}

void wg__oracle_checkpoint(const wg__vm_program *p) { wg__scene_open(p, O11, check); }

/* ---- sums in another order ------------------------------------------------------------------- */

// First and second derivatives of any program with parts are the same but for rounding.
static void check_sums(wg__trial *t) {
    wg__program_trial *a = *(wg__program_trial *const *)t->sample->attr;
    wg__several first = { .count = 0 }, second = { .count = 0 };
    bool was = a->plain;
    for (int plain = 1; plain >= 0 && !wg_error(); plain--) {
        wg__run r;
        wg_tensor *v[WG_MAX_INPUTS], *g[WG_MAX_INPUTS], *h[WG_MAX_INPUTS];
        const char *name = plain ? "all of it kept" : "run again";
        a->plain = plain;
        if (!wg__order_make(t, true, &r) || !wg_is_tracked(r.y)) break;
        if (!wg_grad(r.y, r.x, r.leaves, g, (wg_grad_options){ .seed = NULL })) break;
        wg__several_add_pairing(&first, name, &r, g, t->u);
        if (!wg__order_along(&r, t->v, v) || !wg_hvp(r.y, r.x, r.leaves, v, h)) break;
        wg__several_add_pairing(&second, name, &r, h, t->u);
        if (plain || wg_error()) continue;
        if (!wg__several_meet(&first, t)) first.size += wg__order_size(t, &r, r.y, t->u);
        if (!wg__several_meet(&second, t))
            second.size += wg__order_size(t, &r, wg__order_slope(&r, r.y, v, true), t->u);
    }
    a->plain = was;
    if (wg_error()) return;
    wg__several_hold(&first, t);
    wg__several_hold(&second, t);
}

void wg__oracle_checkpoint_sums(const wg__vm_program *p) {
    bool any = false;
    for (int k = 0; k < p->spans; k++) any = any || p->span[k].kind == WG__VM_CHECKPOINT;
    if (any) wg__order_ask(p, "O11 checkpoints, but for rounding", check_sums, wg__order_second);
}
