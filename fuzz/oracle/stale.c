// SPDX-License-Identifier: MIT
/* stale.c: after the forward pass somebody writes to a tensor, directly or through another view of
   its memory, or a view of a view. Then a gradient is either what it was, bit by bit, or an error
   that names an operation which saved a value there; and it is an error exactly if a gradient
   comes to such an operation. What was saved where is asked of the records, not of the versions by
   which the library finds out. */
#include <string.h>

#include "fuzz/oracle/engine.h"

typedef struct saver {
    wg_tensor *y;  // of a record on the way to the loss that saved a value in this memory
    const wg_op *op;
    int calls;  // of the hook on y: a gradient came there
} saver;

enum { SAVERS = 256 };
typedef struct scene {
    wg__scene *s;
    wg_tensor *target;  // what is written to
    int count;
    saver of[SAVERS];
} scene;

/* ---- who saved there ------------------------------------------------------------------------- */

static bool saves_in(const wg_call *c, const void *storage) {
    if (!storage) return false;
    for (int i = 0; i < c->inputs; i++)
        if (c->in[i] && c->in[i]->storage == storage && wg__saves_input(c->op, (uint32_t)i))
            return true;
    return c->out->storage == storage && wg__saves_out(c->op);
}

static wg_tensor *count(void *user, wg_tensor *x, wg_tensor *gx) {
    (void)x, (void)gx;
    ++*(int *)user;
    return NULL;
}

static bool find_savers(scene *n) {
    const wg__tape *tape = wg__tape_now();
    uint32_t top = n->s->loss->node;
    uint8_t *leads = wg__leading(top);
    if (!leads) return false;
    for (uint32_t k = 0; k <= top; k++) {
        if (!leads[k] || !tape->op[k]) continue;
        wg_call c = wg__tape_call(k);
        if (!saves_in(&c, n->target->storage)) continue;
        if (n->count < SAVERS) n->of[n->count++] = (saver){ .y = c.out, .op = c.op };
    }
    wg__free(leads);
    for (int k = 0; k < n->count; k++)
        if (!wg_on_gradient(n->of[k].y, count, &n->of[k].calls)) return false;
    return n->count < SAVERS;
}

/* ---- writing --------------------------------------------------------------------------------- */

static wg_tensor *whole(wg_tensor *x) { return x; }
static wg_tensor *handle(wg_tensor *x) { return wg_stop(x); }
static wg_tensor *flat(wg_tensor *x) { return wg_reshape(x, WG_SHAPE(WG_REST)); }
static wg_tensor *first(wg_tensor *x) {
    return wg_rank(x) ? wg_slice(x, 0, 0, 1, 1) : wg_unsqueeze(x, 0);
}
static wg_tensor *backwards(wg_tensor *x) { return wg_rank(x) ? wg_flip(x, -1) : x; }
static wg_tensor *every_other(wg_tensor *x) {
    return wg_rank(x) ? wg_slice(backwards(x), -1, 0, WG_END, 2) : x;
}
static wg_tensor *turned(wg_tensor *x) {
    return wg_rank(x) > 1 ? wg_select(wg_transpose(x, 0, -1), -1, -1) : wg_stop(wg_stop(x));
}

// In which form what stands in a register is written to.
static wg_tensor *view_of(wg__scene *s, wg_tensor *x) {
    typedef wg_tensor *form(wg_tensor * x);
    static form *const forms[] = { whole, handle, flat, first, backwards, every_other, turned };
    bool was = wg_recording(false);
    wg_tensor *y = wg_numel(x) ? forms[wg__scene_below(s, 7)](x) : wg_stop(x);
    wg_recording(was);
    return y;
}

static void *bytes_of(const wg_tensor *x) {
    size_t bytes = (size_t)wg_numel(x) * wg_dtype_size(wg_dtype_of(x));
    void *values = wg__scratch((int64_t)(bytes / sizeof(double)) + 1);
    return values && wg_read(x, values, wg_numel(x)) ? values : NULL;
}

static bool by_fill(wg_tensor *x, const void *values) {
    (void)values;
    return wg_fill(x, wg_dtype_is_float(wg_dtype_of(x)) ? 0.375 : 1);
}
static bool by_write(wg_tensor *x, const void *values) { return wg_write(x, values, wg_numel(x)); }
static bool by_copy(wg_tensor *x, const void *values) {
    return wg_copy(x, wg_from(wg_dtype_of(x), wg_shape_of(x), values));
}
static bool by_self(wg_tensor *x, const void *values) {
    (void)values;
    return wg_copy(x, x);
}

typedef bool writer(wg_tensor *x, const void *values);
static writer *const writers[] = { by_write, by_copy, by_self, by_fill };
enum { SAME = 3 };  // of them write what is there

// False where it was refused, as it must be where one element serves several places.
static bool write_to(scene *n, writer *by) {
    const void *values = bytes_of(n->target);
    if (!values) return false;
    bool shared = wg__has_overlap(&n->target->view), done = by(n->target, values);
    wg__scene_hold(n->s, done == !shared,
                   shared ? "a tensor with shared elements is written to" : "a write is refused");
    if (!done) wg_error_clear();
    return done;
}

/* ---- what comes of it ------------------------------------------------------------------------ */

static void hold_named(scene *n) {
    bool named = false;
    for (int k = 0; k < n->count; k++)
        named = named || strstr(wg_error_message(), n->of[k].op->name);
    if (!named || wg_error() != WG_ERROR_STATE)
        wg__fuzz_fail(n->s->p, n->s->oracle,
                      "a value was overwritten, %d records saved one there, and the error is: %s",
                      n->count, wg_error_message());
    wg_error_clear();
}

static void check_backward(scene *n, const wg__gradients *want) {
    wg__gradients got;
    bool given = wg_backward(n->s->loss);
    if (!given) hold_named(n);
    if (!wg__scene_gathered(n->s, &got)) return;
    for (int v = 0; v < n->s->run.variables; v++)
        if (!given) wg__scene_hold(n->s, !got.of[v], "a failed backward pass leaves a gradient");
    if (!given) return;
    wg__scene_equal_all(n->s, &got, want, "a value was overwritten, and changes the gradient");
    for (int k = 0; k < n->count; k++)
        if (n->of[k].calls)
            wg__fuzz_fail(n->s->p, n->s->oracle,
                          "a value that %s saved was overwritten, and nobody says so",
                          n->of[k].op->name);
}

static void check_forward_mode(scene *n, wg_tensor *const v[], const double *want) {
    wg__scene *s = n->s;
    wg_tensor *dy = wg_jvp(s->loss, s->run.x, s->run.variables, v);
    if (!dy) {
        hold_named(n);
        return;
    }
    double got = wg_item(dy);
    wg__scene_hold(s, wg__same_number(got, *want),
                   "a value was overwritten, and changes the tangent");
}

// What was written before a step ran is no reason to complain.
static void check_again(scene *n, wg_random weights, const wg__gradients *want) {
    wg__scene *s = n->s;
    wg__gradients got;
    s->random = weights;
    wg__scene_clear(s);
    if (!wg__vm_run_steps(s->p, true, &s->run) || !(s->loss = wg__scene_loss(s))) return;
    if (!wg_backward(s->loss) || !wg__scene_gathered(s, &got)) return;
    wg__scene_equal_all(s, &got, want, "what is computed anew after a write has another gradient");
}

static int pick(const wg__scene *s) {
    int all = s->p->leaves + s->p->steps;
    return all - 1 - (s->p->choice[1] | s->p->choice[2] << 8) % all;
}

static void check(wg__scene *s) {
    scene n = { .s = s };
    wg__vm_setting how = { .dtype = WG_F64, .plain = true };
    wg_tensor *v[WG__VM_LEAVES];
    wg__gradients want;
    wg_random weights = s->random;
    if (!wg__scene_run(s, &how) || !(n.target = view_of(s, s->run.reg[pick(s)]))) return;
    if (!wg__scene_backward(s, s->loss) || !wg__scene_gathered(s, &want)) return;
    wg__scene_clear(s);
    for (int k = 0; k < s->run.variables; k++) v[k] = wg__scene_weight(s, s->run.x[k]);
    const double *tangent = wg__numbers(wg_jvp(s->loss, s->run.x, s->run.variables, v));
    int way = wg__scene_below(s, SAME + 1);
    if (!tangent || wg_numel(n.target) == 0 || !find_savers(&n) || !write_to(&n, writers[way]))
        return;
    check_backward(&n, &want);
    check_forward_mode(&n, v, tangent);
    if (way < SAME) check_again(&n, weights, &want);
}

void wg__oracle_stale(const wg__vm_program *p) { wg__scene_open(p, "O8 stale values", check); }
