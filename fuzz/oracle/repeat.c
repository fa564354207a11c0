// SPDX-License-Identifier: MIT
/* repeat.c: what must not change by being asked again. A second backward pass adds exactly what the
   first gave, clearing brings back the first, a gradient once given out stays as it is whatever is
   computed later, two losses add up, and what a loss does not depend on has no gradient. All of it
   bit by bit: nothing here is computed in another order. */
#include "fuzz/oracle/engine.h"

static const wg_grad_options PLAIN = { .constant = true };

// want[k] = a + b, where NULL is nothing at all.
static bool add(const wg__scene *s, const wg__gradients *a, const wg__gradients *b,
                wg__gradients *want) {
    for (int v = 0; v < s->run.variables; v++) {
        int64_t n = wg__numel(wg__scene_shape(s, v));
        const double *x = a->of[v], *y = b->of[v];
        want->of[v] = x ? x : y;
        if (!x || !y) continue;
        bool single = wg_dtype_of(s->run.x[v]) == WG_F32;
        double *sum = wg__scratch(n);
        if (!sum) return false;
        for (int64_t k = 0; k < n; k++) sum[k] = single ? (float)x[k] + (float)y[k] : x[k] + y[k];
        want->of[v] = sum;
    }
    return true;
}

// What wg_grad gives: zeros where wg_backward has nothing.
static bool with_zeros(const wg__scene *s, const wg__gradients *g, wg__gradients *want) {
    for (int v = 0; v < s->run.variables; v++) {
        want->of[v] = g->of[v] ? g->of[v] : wg__scratch(wg__numel(wg__scene_shape(s, v)));
        if (!want->of[v]) return false;
    }
    return true;
}

/* ---- the same loss --------------------------------------------------------------------------- */

static void check_again(wg__scene *s, const wg__gradients *first) {
    wg__gradients now, twice;
    if (!wg_backward(s->loss) || !wg__scene_gathered(s, &now) || !add(s, first, first, &twice))
        return;
    wg__scene_equal_all(s, &now, &twice, "a second backward pass does not add the same again");
    wg__scene_clear(s);
    if (!wg__scene_gathered(s, &now)) return;
    for (int v = 0; v < s->run.variables; v++)
        wg__scene_hold(s, !now.of[v], "wg_clear_gradient leaves a gradient");
    if (!wg_backward(s->loss) || !wg__scene_gathered(s, &now)) return;
    wg__scene_equal_all(s, &now, first, "after clearing, backward gives something else");
}

static void check_grad(wg__scene *s, const wg__gradients *first) {
    wg__gradients want, once, twice;
    if (!with_zeros(s, first, &want) || !wg__scene_grad(s, s->loss, PLAIN, &once)) return;
    if (!wg__scene_grad(s, s->loss, PLAIN, &twice)) return;
    wg__scene_equal_all(s, &once, &twice, "the same wg_grad gives something else the second time");
    wg__scene_equal_all(s, &once, &want, "wg_grad and wg_backward differ");
    if (!wg__scene_gathered(s, &want)) return;
    wg__scene_equal_all(s, &want, first, "wg_grad changed the gradient of a leaf");
}

/* ---- another loss ---------------------------------------------------------------------------- */

static void check_other(wg__scene *s, const wg__gradients *first) {
    wg_tensor *other = wg__scene_loss(s), *gx[WG__VM_LEAVES];
    wg__gradients alone, now, sum, held;
    // The sum is of what the two give one by one, so these must be known first.
    if (!other || !wg_grad(s->loss, s->run.x, s->run.variables, gx, PLAIN)) return;
    for (int v = 0; v < s->run.variables; v++)
        if (!(held.of[v] = wg__numbers(gx[v]))) return;
    wg__scene_clear(s);
    if (!wg_backward(other) || !wg__scene_gathered(s, &alone)) return;
    if (!wg_backward(s->loss) || !wg__scene_gathered(s, &now)) return;
    if (!add(s, &alone, first, &sum)) return;
    wg__scene_equal_all(s, &now, &sum, "the gradients of two losses do not add up");
    for (int v = 0; v < s->run.variables; v++) {
        const double *still = wg__numbers(gx[v]);
        if (!still) return;
        wg__scene_equal(s, v, still, held.of[v],
                        "a gradient that was given out changed in a later backward pass");
    }
}

/* ---- what the loss does not depend on -------------------------------------------------------- */

static bool is_zero(const double *x, int64_t n) {
    for (int64_t k = 0; x && k < n; k++)
        if (x[k] != 0) return false;
    return true;
}

// What a checkpoint is given it depends on, whatever it does with it; then its gradient is 0.
static void check_reach(wg__scene *s, const wg__gradients *first) {
    bool paths[WG__VM_REGISTERS], reached[WG__VM_LEAVES], exact = s->p->spans == 0;
    wg__program_reaches(s->p, &s->run, paths);
    if (!wg_reaches(s->loss, s->run.x, s->run.variables, reached)) return;
    for (int v = 0; v < s->run.variables; v++) {
        bool path = paths[s->run.which[v]];
        int64_t n = wg__numel(wg__scene_shape(s, v));
        wg__scene_hold(s, path || !exact || !reached[v],
                       "wg_reaches sees a path that the program lacks");
        wg__scene_hold(s, path || (exact ? !first->of[v] : is_zero(first->of[v], n)),
                       "what the loss does not depend on has a gradient");
        wg__scene_hold(s, reached[v] || !first->of[v],
                       "there is a gradient where wg_reaches sees no path");
    }
}

/* ---- a gradient as a value ------------------------------------------------------------------- */

// What was computed from a gradient that has grown since cannot be differentiated any more.
static void check_grown(wg__scene *s, const wg__gradients *first) {
    int v = wg__scene_below(s, s->run.variables);
    wg_tensor *x = s->run.x[v], *gx;
    if (!first->of[v] || wg_numel(x) == 0) return;
    wg_tensor *product = wg_mul(x, wg_gradient(x));
    if (!product || !wg_backward(s->loss)) return;
    bool given = wg_grad(product, &x, 1, &gx, PLAIN);
    wg__scene_hold(s, !given && wg_error() == WG_ERROR_STATE,
                   "a gradient that was used has grown, and nobody says so");
    wg_error_clear();
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* One more leaf, of the values and in the memory of another, and the sum of the two in the loss.
   Their gradients begin as one, what that sum hands down, and must part. Its own is w. */
static const double *add_twin(wg__scene *s) {
    wg__vm_run *r = &s->run;
    int v = wg__scene_below(s, r->variables);
    wg_tensor *x = r->x[v], *w = wg__scene_weight(s, x), *twin = wg_variable(x);
    wg_tensor *term = wg_sum(wg_mul(wg_add(x, twin), w));
    if (term && wg_dtype_of(term) != wg_dtype_of(s->loss))
        term = wg_cast(term, wg_dtype_of(s->loss));
    s->loss = wg_add(s->loss, term);
    r->which[r->variables] = r->which[v];
    r->x[r->variables++] = twin;
    return s->loss ? wg__numbers(w) : NULL;
}

static void check(wg__scene *s) {
    typedef void part(wg__scene * s, const wg__gradients *first);
    static part *const parts[] = { check_again, check_grad, check_other, check_grown };
    const double *w = NULL;
    wg__vm_setting how = { .dtype = s->p->dtype };
    wg__gradients first;
    if (!wg__scene_run(s, &how)) {
        if (s->p->dtype == WG_F32) wg_error_clear();
        return;
    }
    bool twin = s->p->choice[1] & 4 && s->run.variables < WG__VM_LEAVES;
    if (twin && !(w = add_twin(s))) return;
    if (!wg__scene_backward(s, s->loss) || !wg__scene_gathered(s, &first)) return;
    if (twin)
        wg__scene_equal(s, s->run.variables - 1, first.of[s->run.variables - 1], w,
                        "what is added to a leaf's gradient is added to another's");
    else
        check_reach(s, &first);
    parts[s->p->choice[1] % 4](s, &first);
}

void wg__oracle_repeat(const wg__vm_program *p) { wg__scene_open(p, "O10 repetition", check); }
