// SPDX-License-Identifier: MIT
/* engine.c: scenes. Weights come of the program's own seed, so that a program fails alone as it
   failed among others. */
#include "fuzz/oracle/engine.h"

/* ---- one oracle ------------------------------------------------------------------------------ */

void wg__scene_open(const wg__vm_program *p, const char *oracle, wg__scene_check *check) {
    wg__scene s = { .p = p, .oracle = oracle, .random = { .seed = p->seed, .stream = 9 } };
    wg_scope *scope = wg_scope_open();
    if (scope) check(&s);
    if (wg_error()) wg__fuzz_fail(p, oracle, "unexpected error: %s", wg_error_message());
    wg_scope_close(scope);
}

bool wg__scene_run(wg__scene *s, const wg__vm_setting *how) {
    bool done = how ? wg__vm_run_make(s->p, how, &s->run) : wg__vm_run_usual(s->p, &s->run);
    if (!done || s->run.variables == 0) return false;
    s->loss = wg__scene_loss(s);
    return s->loss != NULL;
}

/* ---- weights --------------------------------------------------------------------------------- */

int wg__scene_below(wg__scene *s, int n) { return (int)wg_random_below(&s->random, n); }

double *wg__scene_weights(wg__scene *s, int64_t n) {
    double *w = wg__scratch(n);
    bool whole = s->p->mode == WG__WHOLE;
    for (int64_t k = 0; w && k < n; k++) {
        uint64_t bits = wg_random_u64(&s->random);
        double size = whole ? (double)(1 + bits % 3) : 0.5 + (double)(bits >> 44) * 0x1p-20;
        w[k] = bits >> 43 & 1 ? size : -size;
    }
    return w;
}

wg_tensor *wg__scene_weight(wg__scene *s, const wg_tensor *y) {
    double *w = wg__scene_weights(s, wg_numel(y));
    return w ? wg_from_f64(wg_dtype_of(y), wg_shape_of(y), w) : NULL;
}

wg_tensor *wg__scene_loss(wg__scene *s) {
    wg_tensor *sum = NULL;
    for (int k = 0; k < s->p->outputs; k++) {
        wg_tensor *y = s->run.reg[s->p->output[k]];
        if (!y || !wg_is_tracked(y)) continue;
        wg_tensor *term = wg_sum(wg_mul(y, wg__scene_weight(s, y)));
        if (sum && wg_dtype_of(term) != wg_dtype_of(sum)) term = wg_cast(term, wg_dtype_of(sum));
        sum = sum ? wg_add(sum, term) : term;
        if (!sum) return NULL;
    }
    return sum;
}

/* ---- gradients as numbers -------------------------------------------------------------------- */

/* An operation may say that it has no derivative. That it says so is held elsewhere; any other
   error is one too many. */
static bool excuse(const wg__scene *s) {
    for (int k = 0; k < s->p->steps; k++) {
        if (!(s->p->step[k].op->flags & WG_OP_NO_GRADIENT)) continue;
        wg_error_clear();
        break;
    }
    return false;
}

bool wg__scene_grad(wg__scene *s, wg_tensor *y, wg_grad_options o, wg__gradients *g) {
    wg_tensor *gx[WG__VM_LEAVES];
    if (!wg_grad(y, s->run.x, s->run.variables, gx, o)) return excuse(s);
    for (int k = 0; k < s->run.variables; k++)
        if (!(g->of[k] = wg__numbers(gx[k]))) return false;
    return true;
}

bool wg__scene_backward(wg__scene *s, wg_tensor *loss) { return wg_backward(loss) || excuse(s); }

bool wg__scene_gathered(wg__scene *s, wg__gradients *g) {
    for (int k = 0; k < s->run.variables; k++) {
        const wg_tensor *gx = wg_gradient(s->run.x[k]);
        g->of[k] = gx ? wg__numbers(gx) : NULL;
        if (gx && !g->of[k]) return false;
    }
    return true;
}

void wg__scene_clear(wg__scene *s) {
    for (int k = 0; k < s->run.variables; k++) wg_clear_gradient(s->run.x[k]);
}

/* ---- verdicts -------------------------------------------------------------------------------- */

void wg__scene_hold(wg__scene *s, bool truth, const char *what) {
    if (!truth) wg__fuzz_fail(s->p, s->oracle, "%s", what);
}

void wg__scene_apart(wg__scene *s, int variable, int64_t element, double got, double want,
                     double bound, const char *what) {
    char shape[200];
    wg_shape_text(*wg__scene_shape(s, variable), shape, sizeof shape);
    wg__fuzz_fail(s->p, s->oracle,
                  "%s: leaf %d, element %lld of %s: %.17g instead of %.17g, %.3g apart where %.3g "
                  "is allowed",
                  what, s->run.which[variable], (long long)element, shape, got, want,
                  fabs(got - want), bound);
}

void wg__scene_equal(wg__scene *s, int variable, const double *got, const double *want,
                     const char *what) {
    int64_t n = wg__numel(wg__scene_shape(s, variable));
    if (!got != !want)
        wg__fuzz_fail(s->p, s->oracle, "%s: leaf %d: %s gradient", what, s->run.which[variable],
                      got ? "it has a" : "it has no");
    for (int64_t k = 0; got && k < n; k++)
        if (!wg__same_number(got[k], want[k]))
            wg__scene_apart(s, variable, k, got[k], want[k], 0, what);
}

void wg__scene_equal_all(wg__scene *s, const wg__gradients *got, const wg__gradients *want,
                         const char *what) {
    for (int k = 0; k < s->run.variables; k++) wg__scene_equal(s, k, got->of[k], want->of[k], what);
}

/* ---- what depends on what -------------------------------------------------------------------- */

static bool passes(const wg__vm_program *p, const wg__vm_run *r, int k) {
    const wg__vm_step *step = &p->step[k];
    const wg_tensor *y = r->reg[p->leaves + k];
    if (step->flags || step->op->flags & WG_OP_ZERO_GRADIENT) return false;
    return !y || wg_dtype_is_float(wg_dtype_of(y));
}

void wg__program_reaches(const wg__vm_program *p, const wg__vm_run *r, bool reached[]) {
    for (int k = 0; k < p->leaves + p->steps; k++) reached[k] = false;
    for (int k = 0; k < p->outputs; k++) reached[p->output[k]] = true;
    for (int k = p->steps; k-- > 0;) {
        const wg__vm_step *step = &p->step[k];
        if (!reached[p->leaves + k] || !passes(p, r, k)) continue;
        for (int i = 0; i < step->inputs; i++)
            if (step->in[i] >= 0) reached[step->in[i]] = true;
    }
}
