// SPDX-License-Identifier: MIT
/* checkpoint.c: memory for time. Of a function's run only its inputs stay; its history is made
   again when a gradient passes.

   The first run is recorded in a scope of its own, which shows what the function reads from
   outside: those tensors become the inputs of one record that stands for all of it. A rule of that
   record runs the function again, on the tape's end, and asks for partial derivatives down to where
   that run began. What it drew at random is in a journal, kept as one more input. So the record
   needs no memory of its own: all of it goes with the scope, and wg_keep takes it along. */
#include <string.h>

#include "autograd/autograd_impl.h"

typedef struct checkpoint_attr {
    wg_function *f;
    void *user;
    int64_t n;
} checkpoint_attr;

// The record's inputs: the journal (i64, NULL if empty), x[0 ... n-1], and what f reads.
enum { JOURNAL, FIRST_X };

static int first_read(const wg_call *c) {
    return FIRST_X + (int)((const checkpoint_attr *)c->attr)->n;
}

/* ---- again ----------------------------------------------------------------------------------- */

// Bit by bit; both have one dtype and shape.
static bool same_values(const wg_tensor *a, const wg_tensor *b) {
    int64_t n = wg__numel(&a->view.shape);
    size_t size = wg__size_of(a->view.dtype);
    if (wg__is_contiguous(&a->view) && wg__is_contiguous(&b->view))
        return memcmp(a->view.data, b->view.data, (size_t)n * size) == 0;
    for (int64_t k = 0; k < n; k++)
        if (memcmp(wg__at(&a->view, wg__offset(&a->view, k)),
                   wg__at(&b->view, wg__offset(&b->view, k)), size) != 0)
            return false;
    return true;
}

static bool same_as_before(const wg_call *c, const wg_tensor *y, uint32_t floor, bool all_drawn) {
    const wg_view *was = &c->out->view;
    uint32_t node = y ? wg__node_of(y, wg__tape_now()) : WG__NO_NODE;
    char have[200], want[200];
    if (wg__pending()) return false;
    if (!y || node == WG__NO_NODE || node < floor)
        return wg_fail(WG_ERROR_STATE, "wg_checkpoint: run again, the function %s",
                       y ? "gave what does not depend on its inputs" : "returned NULL");
    if (y->view.dtype != was->dtype || !wg__shape_equal(&y->view.shape, &was->shape))
        return wg_fail(
            WG_ERROR_STATE, "wg_checkpoint: run again, the function gave %s %s, not %s %s",
            wg_dtype_name(y->view.dtype), wg_shape_text(y->view.shape, have, sizeof have),
            wg_dtype_name(was->dtype), wg_shape_text(was->shape, want, sizeof want));
    if (!all_drawn)
        return wg_fail(WG_ERROR_STATE, "wg_checkpoint: run again, the function drew fewer random "
                                       "numbers than the first time");
    return same_values(y, c->out) ||
           wg_fail(WG_ERROR_STATE, "wg_checkpoint: run again, the function gave other values: "
                                   "something that it reads has changed");
}

/* What a record of its own leaf stands for must lie below what is recorded now. */
static bool leaves_below(const wg_call *c) {
    for (int i = FIRST_X; i < c->inputs; i++)
        if (c->in[i] && c->in[i]->leaf && wg__tape_node(c->in[i]) == WG__NO_NODE) return false;
    return true;
}

static wg_tensor *run_again(const wg_call *c, uint32_t *floor) {
    const checkpoint_attr *a = c->attr;
    const wg_tensor *drawn = c->in[JOURNAL];
    wg__journal j = { .replay = true };
    if (drawn) j.at = drawn->view.data, j.count = (size_t)wg_numel(drawn);
    if (!leaves_below(c)) return NULL;
    const wg_scope *scope = wg__ctx()->scope;
    *floor = wg__tape_now()->count;
    bool was = wg_recording(true);
    wg_scope *fence = wg__fence_up(wg__ctx());
    wg__journal_open(&j);
    wg_tensor *y = a->f(a->user, c->in + FIRST_X, (int)a->n);
    wg__journal_close(&j);
    wg__ctx()->fence = fence;
    wg_recording(was);
    if (wg__ctx()->scope != scope) return wg__scope_left_open(c->op, "function", scope), NULL;
    return same_as_before(c, y, *floor, j.next == j.count) ? y : NULL;
}

bool wg_is_replay(void) {
    const wg__journal *j = wg__ctx()->journal;
    while (j && !j->replay) j = j->outer;
    return j != NULL;
}

/* ---- the rules ------------------------------------------------------------------------------- */

static bool checkpoint_vjp(const wg_call *c, wg_tensor *gy, const bool wanted[], wg_tensor *gx[]) {
    int first = first_read(c), n = 0;
    wg_tensor **x = wg__alloc(2 * (size_t)c->inputs * sizeof *x), **g = x ? x + c->inputs : NULL;
    if (!x) return false;
    for (int i = first; i < c->inputs; i++)
        if (wanted[i]) x[n] = c->in[i], g[n++] = NULL;
    uint32_t floor;
    wg_tensor *y = run_again(c, &floor);
    wg_grad_options o = { .seed = gy, .constant = !wg__ctx()->recording };
    bool done = y && wg__grad_above(floor, y, x, n, &o, g);
    for (int i = first, k = 0; done && i < c->inputs; i++)
        if (wanted[i]) gx[i] = g[k++];
    wg__free(x);
    return done;
}

static wg_tensor *tangent(const wg_call *c, wg_tensor *const dx[]) {
    int first = first_read(c);
    uint32_t floor;
    wg_tensor *y = run_again(c, &floor), *dy = NULL;
    wg_along along = { c->in + first, dx + first, c->inputs - first };
    return y && wg__jvp_above(floor, &y, 1, along, &dy) ? dy : NULL;
}

static wg_tensor *checkpoint_jvp(const wg_call *c, wg_tensor *const dx[]) {
    if (wg__ctx()->recording) return tangent(c, dx);
    wg_scope *scope = wg_scope_open();
    wg_tensor *dy = scope ? tangent(c, dx) : NULL;
    if (dy) dy = wg_keep(dy);
    wg_scope_close(scope);
    return dy;
}

static const wg_op checkpoint_op = {
    .abi = WG_OP_ABI,
    .name = "checkpoint",
    .doc = "f(x ...), run again where its derivative is wanted",
    .inputs = 1,
    .flags = WG_OP_OPTIONAL_INPUTS,
    .attr_size = sizeof(checkpoint_attr),
    .vjp_all = checkpoint_vjp,
    .jvp = checkpoint_jvp,
};

/* ---- the first time -------------------------------------------------------------------------- */

typedef struct segment {
    wg_scope *scope;
    uint32_t from;  // its first record
    wg__journal drawn;
    wg_tensor **in;  // what the record will have; inputs of them
    int inputs;
} segment;

// Whether a tracked input of one of its records was there before it, or is no matter of its scope.
static bool from_outside(const segment *s, const wg_tensor *x, uint32_t node) {
    return node < s->from || (x->leaf && x->scope != s->scope);
}

static size_t most_inputs(const segment *s, const wg__tape *t, uint32_t top) {
    size_t n = 0;
    for (uint32_t k = s->from; k <= top; k++) n += t->payload[k] ? t->payload[k]->inputs : 0;
    return n;
}

// Notes the inputs from outside of all that leads to `top`, some of them several times.
static uint32_t note_reads(const segment *s, uint32_t top, uint8_t *seen, uint32_t *read) {
    const wg__tape *t = wg__tape_now();
    uint32_t n = 0;
    seen[top - s->from] = 1;
    for (uint32_t k = top + 1; k-- > s->from;) {
        const wg__payload *p = t->payload[k];
        for (uint32_t i = 0; p && seen[k - s->from] && i < p->inputs; i++) {
            uint32_t node = wg__source_of(p->in[i], k, t);
            if (node == WG__NO_NODE) continue;
            if (from_outside(s, p->in[i], node))
                read[n++] = node;
            else
                seen[node - s->from] = 1;
        }
    }
    return n;
}

// The record's inputs; what it reads by the order of the tape, which is the same in every run.
static bool note_inputs(segment *s, uint32_t top, wg_tensor *const x[], int n) {
    const wg__tape *t = wg__tape_now();
    size_t most = most_inputs(s, t, top);
    uint8_t *seen = wg__alloc_zero(top - s->from + 1);
    uint32_t *read = seen ? wg__alloc(most * sizeof *read) : NULL;
    uint32_t reads = read ? wg__sort_unique(read, note_reads(s, top, seen, read)) : 0;
    s->inputs = FIRST_X + n + (int)reads;
    s->in = read ? wg__alloc((size_t)s->inputs * sizeof *s->in) : NULL;
    if (s->in) {
        s->in[JOURNAL] = NULL;
        if (n > 0) memcpy(s->in + FIRST_X, x, (size_t)n * sizeof *x);
        for (uint32_t i = 0; i < reads; i++) s->in[FIRST_X + n + (int)i] = t->out[read[i]];
    }
    wg__free(seen), wg__free(read);
    return s->in != NULL;
}

static bool run_first(segment *s, const checkpoint_attr *a, wg_tensor *const x[], wg_tensor **y) {
    wg_scope *fence = wg__fence_up(wg__ctx());
    wg__journal_open(&s->drawn);
    *y = a->f(a->user, x, (int)a->n);
    wg__journal_close(&s->drawn);
    wg__ctx()->fence = fence;
    if (wg__ctx()->scope != s->scope)
        return wg__scope_left_open(&checkpoint_op, "function", s->scope);
    if (!*y && !wg__pending()) wg_fail(WG_ERROR_ARGUMENT, "wg_checkpoint: the function gave NULL");
    return !wg__pending();
}

/* Closes the scope, with y moved out of it. If y has a history there, `in` is what the record needs
   in its place. */
static bool leave(segment *s, wg_tensor *y) {
    if (y && y->scope == s->scope) {
        wg__scope_remove(y);
        wg__scope_add(s->scope->parent, y);
    }
    // What else the function kept is a constant: no history survives but through the record.
    if (s->in || !y) s->scope->kept = false;
    wg_scope_close(s->scope);
    return y != NULL;
}

static bool make_record(segment *s, const checkpoint_attr *a, wg_tensor *y) {
    if (s->drawn.count > 0) {
        s->in[JOURNAL] = wg_from(WG_I64, WG_SHAPE((int64_t)s->drawn.count), s->drawn.at);
        if (!s->in[JOURNAL]) return false;
    }
    wg_call c = { &checkpoint_op, s->inputs, s->in, y, a };
    return wg__tape_record(&c);
}

wg_tensor *wg_checkpoint(wg_function *f, void *user, wg_tensor *const x[], int n) {
    const checkpoint_attr a = { f, user, n };
    if (wg__pending()) return NULL;
    if (!f || n < 0 || (n > 0 && !x))
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "wg_checkpoint: f %s, %d tensors, x %s",
                             f ? "given" : "NULL", n, x ? "given" : "NULL");
    segment s = { .scope = wg_scope_open() };
    if (!s.scope) return NULL;
    s.from = s.scope->nodes;
    wg_tensor *y = NULL;
    bool done = run_first(&s, &a, x, &y);
    uint32_t node = done ? wg__node_of(y, wg__tape_now()) : WG__NO_NODE;
    // A constant, or one that was there before, stays what it is.
    if (node != WG__NO_NODE && node >= s.from && !y->leaf) done = note_inputs(&s, node, x, n);
    done = leave(&s, done ? y : NULL);
    if (done && s.in && !make_record(&s, &a, y)) {
        wg__tensor_free(y);
        done = false;
    }
    wg__free(s.in), wg__free(s.drawn.at);
    return done ? y : NULL;
}
