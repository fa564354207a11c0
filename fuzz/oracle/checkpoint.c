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

// Which ones a program can show: what draws nothing cannot draw less.
static wg__spoil choose_spoil(wg__scene *s, const way *w) {
    int most = w->body.draws ? WG__SPOILS : WG__SPOIL_DRAWS;
    return (wg__spoil)(1 + wg__scene_below(s, most - 1));
}

static wg_status expected(wg__spoil spoil) {
    return spoil == WG__SPOIL_ERROR ? WG_ERROR_ARGUMENT : WG_ERROR_STATE;
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
    wg__scene_hold(s, failed && status == expected(again->body.spoil),
                   "what does not run the same again is no error, or another one");
    if (!wg__scene_gathered(s, &after)) return;
    wg__scene_equal_all(s, &after, &before, "a failed run changed a gradient");
    again->body.spoil = WG__SPOIL_NOTHING;
    hold_twice(s, plain, again);
}

/* ---- the oracle ------------------------------------------------------------------------------ */

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
    plain->body = (wg__body){ .p = p, .random = { .seed = p->seed } };
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

/* ---- the second order ------------------------------------------------------------------------ */

// Sums are taken in another order, so it is the same but for rounding.
static void check_product(wg__trial *t) {
    wg__program_trial *a = *(wg__program_trial *const *)t->sample->attr;
    wg__several ways = { .count = 0 };
    bool was = a->plain;
    for (int plain = 1; plain >= 0 && !wg_error(); plain--) {
        wg__run r;
        wg_tensor *v[WG_MAX_INPUTS], *h[WG_MAX_INPUTS];
        a->plain = plain;
        if (!wg__order_make(t, true, &r) || !wg_is_tracked(r.y)) break;
        if (!wg__order_along(&r, t->v, v) || !wg_hvp(r.y, r.x, r.leaves, v, h)) break;
        wg__several_add_pairing(&ways, plain ? "kept" : "run again", &r, h, t->u);
        if (!plain && !wg__several_meet(&ways, t))
            ways.size += wg__order_size(t, &r, wg__order_slope(&r, r.y, v, true), t->u);
    }
    a->plain = was;
    if (!wg_error()) wg__several_hold(&ways, t);
}

void wg__oracle_checkpoint_second(const wg__vm_program *p) {
    bool any = false;
    for (int k = 0; k < p->spans; k++) any = any || p->span[k].kind == WG__VM_CHECKPOINT;
    if (any) wg__order_ask(p, "O11 checkpoints, second order", check_product, wg__order_second);
}
