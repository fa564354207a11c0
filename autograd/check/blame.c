// SPDX-License-Identifier: MIT
/* blame.c: which derivative of a function is wrong, and where that comes from. The element is found
   by halving: of a wrong derivative along a direction, one half of that direction has it. The
   operation is found by holding every record of the tape, with the values it had, against itself,
   from the inputs on. */
#include <inttypes.h>
#include <string.h>

#include "autograd/check/check_impl.h"

/* ---- which element --------------------------------------------------------------------------- */

typedef struct hunt {
    wg__trial *t;
    wg__run run;
    const double *gx[WG_MAX_INPUTS];  // by reverse mode, of leaf k
    double *along[WG_MAX_INPUTS];     // by input
    double reverse, forward, bound;
    wg__slope slope;
    double floor;
} hunt;

// The inputs' elements in one row: `from` to `to` move, by 1 or as in u.
static void move_part(hunt *h, int64_t from, int64_t to) {
    int64_t at = 0;
    for (int k = 0; k < h->run.leaves; k++) {
        int i = h->run.which[k];
        for (int64_t e = 0; e < wg__size(h->t, i); e++, at++) {
            bool inside = at >= from && at < to;
            h->along[i][e] = !inside ? 0 : to - from == 1 ? 1 : h->t->u[i][e];
        }
    }
}

// Whether the derivative along a part of the direction is wrong, in either mode.
static bool is_wrong(hunt *h, int64_t from, int64_t to) {
    wg__trial *t = h->t;
    wg__slope slope[WG__RUNS];
    int best = 0;
    double size = 0;
    bool wrong = false;
    wg_scope *scope = wg_scope_open();
    move_part(h, from, to);
    h->reverse = 0;
    for (int k = 0; k < h->run.leaves; k++) {
        int64_t n = wg__size(t, h->run.which[k]);
        h->reverse += wg__dot(h->gx[k], h->along[h->run.which[k]], n);
        size += wg__dot_abs(h->gx[k], h->along[h->run.which[k]], n);
    }
    const double *dy = wg__numbers(wg__run_jvp(t, &h->run, h->along));
    if (dy) {
        wg__line line = { t, h->along };
        int64_t m = wg__numel(&t->y_shape);
        double slack = t->rel * (size + wg__dot_abs(t->w, dy, m) + 1e-3 + h->floor);
        h->forward = wg__dot(t->w, dy, m);
        wrong = !(fabs(h->reverse - h->forward) <= slack);
        for (int mode = 0; mode < 2; mode++)
            wrong |= wg__consensus(wg__along_line, &line, mode ? h->forward : h->reverse, slack,
                                   slope, &best) == WG__DIFFERS;
        // Both may have been settled by a first run; what is reported is the best of all.
        wg__consensus(wg__along_line, &line, NAN, slack, slope, &best);
        h->slope = slope[best];
        h->bound = WG__ERRORS * h->slope.error + slack;
    }
    wg_scope_close(scope);
    return wrong;
}

static bool prepare(hunt *h) {
    wg__trial *t = h->t;
    wg_tensor *gx[WG_MAX_INPUTS];
    if (!wg__run_usual(t, &h->run)) return false;
    if (!wg__run_grad(&h->run, wg__seed_of(t, &h->run, t->w), false, gx)) return false;
    for (int k = 0; k < h->run.leaves; k++) {
        h->gx[k] = wg__numbers(gx[k]);
        h->along[h->run.which[k]] = wg__scratch(wg_numel(gx[k]));
    }
    h->floor = wg__tape_floor(t, &h->run, t->u);
    return !wg_error();
}

// The first wrong element; -1 if halving loses it.
static int64_t find_element(hunt *h) {
    int64_t from = 0, to = 0;
    for (int k = 0; k < h->run.leaves; k++) to += wg__size(h->t, h->run.which[k]);
    if (to == 0) return -1;
    while (to - from > 1) {
        int64_t middle = from + (to - from) / 2;
        if (is_wrong(h, from, middle))
            to = middle;
        else if (is_wrong(h, middle, to))
            from = middle;
        else
            return -1;
    }
    return is_wrong(h, from, to) ? from : -1;
}

static const char *whose_fault(const hunt *h) {
    bool reverse = fabs(h->reverse - h->slope.value) <= h->bound;
    bool forward = fabs(h->forward - h->slope.value) <= h->bound;
    return reverse == forward ? "both modes are wrong"
           : reverse          ? "forward mode is wrong"
                              : "reverse mode is wrong";
}

// "NAME: d/dx[1] at (2, 0): ..." in place of the text that is there.
static void tell_element(hunt *h, int64_t element) {
    const wg__trial *t = h->t;
    char at[120] = "", name[WG__NAME];
    int k = 0;
    while (element >= wg__size(t, h->run.which[k])) element -= wg__size(t, h->run.which[k++]);
    const wg_shape *shape = &t->sample->in[h->run.which[k]].shape;
    wg_shape index = *shape;
    for (int i = shape->rank - 1; i >= 0; i--) {
        index.dim[i] = element % shape->dim[i];
        element /= shape->dim[i];
    }
    wg_shape_text(index, at, sizeof at);
    snprintf(t->report->text, sizeof t->report->text,
             "%s: d/d%s at %s: backward %.10g, forward %.10g, differences %.10g, bound %.2g -> "
             "%s",
             t->op->name, wg__input_name(t, h->run.which[k], name), at, h->reverse, h->forward,
             h->slope.value, h->bound, whose_fault(h));
}

/* ---- which operation ------------------------------------------------------------------------- */

// Optional inputs at the end that are not there are none; one in the middle cannot be sampled.
static bool can_replay(wg_call *c) {
    wg_dtype dtype = WG_BOOL;
    while (c->inputs > c->op->inputs && !c->in[c->inputs - 1]) c->inputs--;
    for (int i = 0; i < c->inputs; i++) {
        if (!c->in[i]) return false;
        wg_dtype d = wg_dtype_of(c->in[i]);
        if (!wg_dtype_is_float(d)) continue;
        if (dtype != WG_BOOL && d != dtype) return false;
        dtype = d;
    }
    return dtype == WG_F64;
}

static void replay(wg__trial *t, int order) {
    wg__run plain;
    wg_random r = { .seed = t->seed };
    if (!wg__try(t, &plain, &r) || !t->differentiable) return;
    wg__consult(t, "", wg__check_jvp);
    wg__consult(t, "", wg__check_adjoint);
    if (order >= 2) wg__consult(t, "", wg__check_second);
}

/* Whether a record's own rules are wrong where the function uses it. At ties the reference need not
   choose as the rules do: there, differences judge. */
static bool is_guilty(const wg__trial *whole, wg_call c, int order) {
    wg_check_report found = { 0 };
    wg__tally tally = { 0 };
    wg__sample sample = { .text = NULL, .attr = (void *)(uintptr_t)c.attr };
    wg_op op = *c.op;
    if (op.tie != WG_TIE_NONE) op.reference = NULL;
    wg__trial t = { .op = op.tie == WG_TIE_NONE ? c.op : &op, .report = &found, .tally = &tally };
    t.dtype = WG_F64, t.ladder = true, t.seed = whole->seed;
    wg_scope *scope = wg_scope_open();
    if (scope && wg__trial_at(&t, &sample, c.in, c.inputs)) replay(&t, order);
    wg_error_clear();
    wg_scope_close(scope);
    return found.failures > 0;
}

static const char *find_operation(const wg__trial *t, const wg__run *r, int order) {
    uint32_t from = 0, top = r->y->node;
    for (int k = 0; k < r->leaves; k++)
        if (k == 0 || r->x[k]->node < from) from = r->x[k]->node;
    for (uint32_t k = from; wg_is_tracked(r->y) && k <= top; k++) {
        if (!wg__tape_now()->op[k]) continue;
        wg_call c = wg__tape_call(k);
        if (can_replay(&c) && is_guilty(t, c, order)) return c.op->name;
    }
    return NULL;
}

// Both modes are wrong, and agree: they differentiate what was recorded, which is not what f is.
static bool is_cut(const hunt *h) {
    return fabs(h->reverse - h->forward) <= h->bound &&
           !(fabs(h->reverse - h->slope.value) <= h->bound);
}

/* ---- both ------------------------------------------------------------------------------------ */

void wg__blame(wg__trial *t, int order) {
    hunt h = { .t = t };
    wg_scope *scope = wg_scope_open();
    if (scope && prepare(&h)) {
        int64_t element = find_element(&h);
        if (element >= 0) tell_element(&h, element);
        const char *name = find_operation(t, &h.run, order);
        size_t used = strlen(t->report->text);
        if (name)
            snprintf(t->report->text + used, sizeof t->report->text - used, "%s first at op %s",
                     element >= 0 ? "," : " ->", name);
        else if (element >= 0 && is_cut(&h))
            snprintf(t->report->text + used, sizeof t->report->text - used,
                     ", and alike, by no operation's fault: f makes a constant or a variable of "
                     "something on the way (wg_stop, wg_variable, or reading values)");
    }
    wg_error_clear();
    wg_scope_close(scope);
}
