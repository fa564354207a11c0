// SPDX-License-Identifier: MIT
/* naive.c: the derivative by its definition, as a sum over all paths. Between an input of a step
   and its result stands a matrix of slopes; a path multiplies those along it, and a gradient is the
   sum over the paths. No tape, no order, nothing shared, so that a node which is visited twice, or
   not at all, or whose second use overwrites the first, has nothing here to hide behind. Leaves are
   told apart by what they are, not by what they hold.

   Slopes are the complex step of the operation's reference, or, where there is none, or a choice
   among several (kinks), what its rule gives for one element of the result after the other. */
#include "fuzz/oracle/engine.h"

enum {
    WIDEST = 32,      // elements of a register
    MOST = 1 << 13,   // slopes in all
    VISITS = 1 << 11  // of registers, over all paths
};

typedef struct jacobian {
    int64_t rows, columns;
    const double *slope;  // row after row
    double most;          // largest |slope|
} jacobian;

typedef struct twin {
    const wg__vm_program *p;
    wg__vm_run *run;
    jacobian of[WG__VM_STEPS][WG__VM_OPERANDS];
    bool reached[WG__VM_REGISTERS];  // by a path from an output
    bool moves[WG__VM_REGISTERS];    // with a variable
    int64_t slopes, visits;
    double *sum[WG__VM_LEAVES], *size[WG__VM_LEAVES];  // over the paths; of |products|
    bool whole;                                        // all slopes are
    bool rules;                                        // no references
    bool constant;                                     // the sweep's option
} twin;

static wg_tensor *out_of(const twin *t, int k) { return t->run->reg[t->p->leaves + k]; }
static wg_tensor *in_of(const twin *t, int k, int i) {
    int reg = t->p->step[k].in[i];
    return reg < 0 ? NULL : t->run->reg[reg];
}

static bool is_float(const wg_tensor *x) { return x && wg_dtype_is_float(x->view.dtype); }
static bool is_double(const wg_tensor *x) { return x->view.dtype == WG_F64; }

/* ---- slopes by the reference ----------------------------------------------------------------- */

static bool describe(const twin *t, int k, wg__trial *trial) {
    const wg__vm_step *step = &t->p->step[k];
    wg__sample *s = (wg__sample *)trial->sample;
    s->inputs = step->inputs, s->attr = step->attr;
    for (int i = 0; i < step->inputs; i++) {
        const wg_tensor *x = in_of(t, k, i);
        if (!x || !(trial->value[i] = wg__numbers(x))) return false;
        s->in[i].shape = x->view.shape;
    }
    trial->y_shape = out_of(t, k)->view.shape;
    return true;
}

static bool by_reference(twin *t, int k, int i, double *slope) {
    wg_tensor *in[WG__VM_OPERANDS];
    double *step[WG_MAX_INPUTS] = { NULL }, *value;
    wg__sample sample = { .text = NULL };
    wg__trial trial = { .op = t->p->step[k].op, .sample = &sample, .plain = in };
    jacobian *j = &t->of[k][i];
    bool smooth = trial.op->reference && trial.op->tie == WG_TIE_NONE;
    if (t->rules || !smooth || !describe(t, k, &trial)) return false;
    for (int m = 0; m < sample.inputs; m++) in[m] = in_of(t, k, m);
    if (!(value = step[i] = wg__scratch(j->columns))) return false;
    for (int64_t c = 0; c < j->columns; c++) {
        value[c] = 1;
        const double *column =
            wg__complex_step(&trial, &(wg__point){ .value = trial.value, .step = step });
        value[c] = 0;
        for (int64_t r = 0; column && r < j->rows; r++) slope[r * j->columns + c] = column[r];
        if (column) continue;
        wg_error_clear();  // sizes beyond it
        return false;
    }
    return true;
}

/* ---- slopes by the rule ---------------------------------------------------------------------- */

// Of this record alone, by a sweep that meets nothing else, and is of the kind that is examined.
static wg_tensor *pull(const twin *t, int k, int i, double *unit) {
    const wg__vm_step *step = &t->p->step[k];
    wg_tensor *in[WG__VM_OPERANDS], *gx = NULL;
    for (int m = 0; m < step->inputs; m++) in[m] = in_of(t, k, m);
    wg_tensor *x = in[i] = wg_variable(in[i]);
    wg_tensor *y = wg_apply(step->op, in, step->inputs, step->attr);
    if (!y || !wg_is_tracked(y)) return NULL;
    wg_tensor *gy = wg_from_f64(WG_F64, wg_shape_of(y), unit);
    wg_grad(y, &x, 1, &gx, (wg_grad_options){ .seed = gy, .constant = t->constant });
    return gx;
}

static bool by_rule(twin *t, int k, int i, double *slope) {
    jacobian *j = &t->of[k][i];
    double *unit = wg__scratch(j->rows);
    for (int64_t r = 0; unit && r < j->rows && !wg_error(); r++) {
        unit[r] = 1;
        const wg_tensor *g = pull(t, k, i, unit);
        unit[r] = 0;
        if (g) wg_read_f64(g, slope + r * j->columns, j->columns);
    }
    return !wg_error();
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* Slopes so steep are poles, where a reference, in other units in the last place, has other
   ones. */
static const double STEEP = 1e6;

static bool find_slopes(twin *t, int k, int i) {
    const wg_tensor *x = in_of(t, k, i);
    jacobian *j = &t->of[k][i];
    j->rows = wg_numel(out_of(t, k)), j->columns = wg_numel(x);
    int64_t n = j->rows * j->columns;
    t->slopes += n;
    if (!is_double(x) || !is_double(out_of(t, k))) return false;
    if (j->rows > WIDEST || j->columns > WIDEST || t->slopes > MOST) return false;
    double *slope = wg__scratch(n);
    if (!slope || (!by_reference(t, k, i, slope) && !by_rule(t, k, i, slope))) return false;
    j->slope = slope;
    for (int64_t e = 0; e < n; e++) {
        if (!(fabs(slope[e]) <= STEEP)) return false;
        j->most = fmax(j->most, fabs(slope[e]));
        t->whole = t->whole && wg__is_whole(slope[e]);
    }
    return true;
}

static bool moves(const twin *t, int k) {
    const wg__vm_step *step = &t->p->step[k];
    if (step->flags || step->op->flags & WG_OP_ZERO_GRADIENT || !is_float(out_of(t, k)))
        return false;
    for (int i = 0; i < step->inputs; i++)
        if (step->in[i] >= 0 && t->moves[step->in[i]]) return true;
    return false;
}

// False where the program is too large, or has a pole, for this.
static bool find_all_slopes(twin *t) {
    const wg__vm_program *p = t->p;
    for (int v = 0; v < t->run->variables; v++) t->moves[t->run->which[v]] = true;
    for (int k = 0; k < p->steps; k++) t->moves[p->leaves + k] = moves(t, k);
    wg__program_reaches(p, t->run, t->reached);
    for (int k = 0; k < p->steps; k++) {
        const wg__vm_step *step = &p->step[k];
        if (!t->reached[p->leaves + k] || !t->moves[p->leaves + k]) continue;
        if (step->op->flags & WG_OP_NO_GRADIENT) return false;
        for (int i = 0; i < step->inputs; i++)
            if (step->in[i] >= 0 && t->moves[step->in[i]] && !find_slopes(t, k, i)) return false;
    }
    return true;
}

/* ---- paths ----------------------------------------------------------------------------------- */

/* Adds what comes to register `reg` by one path, c, and goes on along each that leads further.
   `size`: likewise of absolute values, and of what either side may be off by: what is left of a
   slope that the rule computes as a difference, in units of the largest. */
static void follow(twin *t, int reg, const double *c, const double *size) {
    double further[WIDEST], further_size[WIDEST];
    if (++t->visits > VISITS) return;
    if (reg < t->p->leaves) {
        int64_t n = wg_numel(t->run->reg[reg]);
        for (int64_t e = 0; e < n; e++) t->sum[reg][e] += c[e], t->size[reg][e] += size[e];
        return;
    }
    const wg__vm_step *step = &t->p->step[reg - t->p->leaves];
    for (int i = 0; i < step->inputs; i++) {
        const jacobian *j = &t->of[reg - t->p->leaves][i];
        if (!j->slope) continue;
        for (int64_t e = 0; e < j->columns; e++) {
            double sum = 0, sizes = 0;
            for (int64_t r = 0; r < j->rows; r++) {
                double slope = j->slope[r * j->columns + e];
                sum += slope * c[r];
                sizes += (fabs(slope) + 2.5e-3 * (1 + j->most)) * size[r];
            }
            further[e] = sum, further_size[e] = sizes;
        }
        follow(t, step->in[i], further, further_size);
    }
}

static bool follow_outputs(twin *t, wg__scene *s) {
    const wg__vm_program *p = t->p;
    double size[WIDEST];
    for (int v = 0; v < t->run->variables; v++) {
        int leaf = t->run->which[v];
        int64_t n = wg_numel(t->run->x[v]);
        t->sum[leaf] = wg__scratch(n), t->size[leaf] = wg__scratch(n);
        if (!t->sum[leaf] || !t->size[leaf]) return false;
    }
    for (int k = 0; k < p->outputs; k++) {
        const wg_tensor *y = s->run.reg[p->output[k]];
        if (!wg_is_tracked(y)) continue;
        const double *w = wg__scene_weights(s, wg_numel(y));
        if (!w || wg_numel(y) > WIDEST) return false;
        for (int64_t e = 0; e < wg_numel(y); e++) size[e] = fabs(w[e]);
        if (t->moves[p->output[k]]) follow(t, p->output[k], w, size);
    }
    return t->visits <= VISITS;
}

/* ---- the comparison -------------------------------------------------------------------------- */

// The first element that is off by more than rounding; false if there is none.
typedef struct difference {
    int variable;
    int64_t element;
    double got, want, bound;
} difference;

static bool differs(const twin *t, const wg__gradients *g, difference *d) {
    for (int v = 0; v < t->run->variables; v++) {
        const double *want = t->sum[t->run->which[v]], *size = t->size[t->run->which[v]];
        for (int64_t e = 0; e < wg_numel(t->run->x[v]); e++) {
            double got = g->of[v] ? g->of[v][e] : 0, bound = 1e-9 * size[e];
            // Sums of whole numbers are exact in any order, unless a rule divides on the way.
            if (t->whole && wg__is_whole(got) && size[e] < 0x1p40) bound = 0;
            *d = (difference){ v, e, got, want[e], bound };
            if (!(fabs(got - want[e]) <= bound)) return true;
        }
    }
    return false;
}

// A recorded wg_grad, a plain one, wg_backward.
static unsigned way_of(const wg__scene *s) { return s->p->choice[1] % 3; }

static bool ask(wg__scene *s, wg__gradients *g) {
    unsigned way = way_of(s);
    if (way < 2) return wg__scene_grad(s, s->loss, (wg_grad_options){ .constant = way }, g);
    return wg__scene_backward(s, s->loss) && wg__scene_gathered(s, g);
}

// False where there is no verdict.
static bool sum_paths(twin *t, wg__scene *s, wg_random weights) {
    s->random = weights;
    return find_all_slopes(t) && !wg_error() && follow_outputs(t, s);
}

/* Where reference and rule differ (at a domain's edge, say, or where a row of a table is declared
   to have no gradient) it is for others to say which is right, and the rules alone decide. */
static void compare(wg__scene *s, wg__vm_run *run, wg_random weights, bool rules) {
    wg__gradients g;
    difference d;
    twin t = { .p = s->p, .run = run, .whole = s->p->mode == WG__WHOLE, .rules = rules };
    t.constant = way_of(s) > 0;
    if (!sum_paths(&t, s, weights) || !ask(s, &g) || !differs(&t, &g, &d)) return;
    if (rules)
        wg__scene_apart(s, d.variable, d.element, d.got, d.want, d.bound,
                        "the sum over all paths is another");
    wg__scene_clear(s);
    compare(s, run, weights, true);
}

static void check(wg__scene *s) {
    wg__vm_run plain;
    wg__vm_setting usual = { .dtype = WG_F64, .plain = true };
    wg_random weights = s->random;
    if (!wg__scene_run(s, NULL) || wg_dtype_of(s->loss) != WG_F64) return;
    if (s->p->spans && !wg__vm_run_make(s->p, &usual, &plain)) return;
    compare(s, s->p->spans ? &plain : &s->run, weights, false);
}

void wg__oracle_naive(const wg__vm_program *p) { wg__scene_open(p, "O9 naive twin", check); }
