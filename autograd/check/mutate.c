// SPDX-License-Identifier: MIT
/* mutate.c: wg_op_mutation_score. The tests of an operation are its samples, and here they are
   tested: the gradient is damaged in ten ways, in which gradients have been wrong elsewhere, and
   the selftest must fail for each.

   A mutant is a copy of the record with the damage around its vjp, and without fused backward,
   which would tell too easily. Of a vjp_all it takes the gradients one by one. A composed operation
   has neither: its mutant is a primitive one that runs the formula inside its rules. */
#include <string.h>

#include "autograd/check/check_impl.h"

typedef enum damage {
    SCALED,  // by 1 + 1e-5
    NEGATED,
    ZEROED,
    ONES,        // the cotangent taken as ones
    FIRST,       // all elements but the first are lost
    SHIFTED,     // by one element
    TRANSPOSED,  // the right shape, the elements in another order
    DROPPED,     // NULL
    SAVED,       // a value is read that .saves leaves out
    ROUNDED,     // to f32 and back
    DAMAGES,
    NONE = DAMAGES
} damage;
_Static_assert((int)DAMAGES == (int)WG_MUTANTS, "autograd.h says how many there are");

static const char *const damage_name[DAMAGES] = { "scaled", "negated", "zeroed",     "ones",
                                                  "first",  "shifted", "transposed", "dropped",
                                                  "saved",  "rounded" };

typedef struct notes {
    uint64_t inputs;  // bit i: input i has a gradient that is not always zero
    bool comparing;   // each damaged gradient with the right one
    bool changed;     // some differed
    bool applied;     // there was something to damage
} notes;

typedef struct mutant {
    wg_op op;  // first, so that its rules find the rest through their call
    wg_map map;
    const wg_op *original;
    damage damage;
    int input;  // whose gradient is damaged
    notes *notes;
} mutant;

static const mutant *mutant_of(const wg_call *c) { return (const mutant *)(const void *)c->op; }

/* ---- a composed operation as a primitive one ------------------------------------------------- */

// Its inputs in handles of the rule's own: a tensor that stands in two places is two variables.
static bool take_handles(const wg_call *c, bool recorded, wg_tensor *own[]) {
    for (int i = 0; i < c->inputs; i++) {
        wg_tensor *x = c->in[i];
        own[i] = x;
        if (!x || !wg_is_tracked(x)) continue;
        own[i] = recorded ? wg_reshape(x, wg_shape_of(x)) : wg_variable(x);
        if (!own[i]) return false;
    }
    return true;
}

typedef wg_tensor *derive(const wg_call *c, wg_tensor *const own[], wg_tensor *y, void *what);

/* Runs the formula and differentiates it: on the tape where that is recording, so that the result
   can be differentiated again, else in a scope that takes the records with it. */
static wg_tensor *differentiate(const wg_call *c, derive *by, void *what) {
    wg_tensor *own[WG_MAX_INPUTS], *result = NULL;
    bool recorded = wg__ctx()->recording;
    wg_scope *scope = recorded ? NULL : wg_scope_open();
    if (!recorded && !scope) return NULL;
    wg_recording(true);
    wg_tensor *y = take_handles(c, recorded, own)
                       ? wg_apply(mutant_of(c)->original, own, c->inputs, c->attr)
                       : NULL;
    if (wg_is_tracked(y)) result = by(c, own, y, what);
    if (result && scope) result = wg_keep(wg_stop(result));  // without its records
    wg_scope_close(scope);
    return result;
}

typedef struct cotangent {
    wg_tensor *gy;
    int i;
} cotangent;

static wg_tensor *gradient_of(const wg_call *c, wg_tensor *const own[], wg_tensor *y, void *what) {
    const cotangent *t = what;
    wg_tensor *g = NULL;
    (void)c;
    return wg_grad(y, &own[t->i], 1, &g, (wg_grad_options){ .seed = t->gy }) ? g : NULL;
}

static wg_tensor *tangent_of(const wg_call *c, wg_tensor *const own[], wg_tensor *y, void *what) {
    wg_tensor *x[WG_MAX_INPUTS], *v[WG_MAX_INPUTS], *const *dx = what;
    int n = 0;
    for (int i = 0; i < c->inputs; i++)
        if (dx[i]) x[n] = own[i], v[n++] = dx[i];
    return wg_jvp(y, x, n, v);
}

static wg_tensor *formula_vjp(const wg_call *c, wg_tensor *gy, int i) {
    return differentiate(c, gradient_of, &(cotangent){ gy, i });
}

static wg_tensor *formula_jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg_tensor *tangents[WG_MAX_INPUTS];
    memcpy(tangents, dx, (size_t)c->inputs * sizeof *tangents);
    return differentiate(c, tangent_of, tangents);
}

static wg_tensor *formula_value(const wg_call *c) {
    bool was = wg_recording(false);
    wg_tensor *y = wg_apply(mutant_of(c)->original, c->in, c->inputs, c->attr);
    wg_recording(was);
    return y;
}

static bool formula_infer(const wg_call *c, wg_spec *out) {
    wg_scope *scope = wg_scope_open();
    wg_tensor *y = scope ? formula_value(c) : NULL;
    if (y) wg_spec_set(out, wg_dtype_of(y), wg_shape_of(y));
    wg_scope_close(scope);
    return y != NULL;
}

static bool formula_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)in;
    wg_scope *scope = wg_scope_open();
    wg_tensor *y = scope ? formula_value(c) : NULL;
    for (int64_t k = 0; y && k < wg_numel(y); k++)
        wg__store(out->dtype, wg__at(out, k), wg_view_get(&y->view, k));
    wg_scope_close(scope);
    return y != NULL;
}

/* ---- damage ---------------------------------------------------------------------------------- */

static wg_tensor *first_only(wg_tensor *g) {
    wg_tensor *mask = wg_zeros_like(g);
    if (!mask) return NULL;
    wg_view_set(&mask->view, 0, 1);
    return wg_xmul(g, mask);
}

static wg_tensor *shifted(wg_tensor *g) {
    wg_tensor *row = wg_reshape(g, WG_SHAPE(WG_REST));
    wg_tensor *part[] = { wg_slice(row, 0, -1, WG_END, 1), wg_slice(row, 0, 0, -1, 1) };
    return wg_reshape(wg_cat(part, 2, 0), wg_shape_of(g));
}

static wg_tensor *transposed(wg_tensor *g) {
    wg_shape shape = wg_shape_of(g), back = shape, axes = shape;
    for (int i = 0; i < shape.rank; i++) {
        back.dim[i] = shape.dim[shape.rank - 1 - i];
        axes.dim[i] = shape.rank - 1 - i;
    }
    return wg_permute(wg_reshape(g, back), axes);
}

static bool left_out(const wg_call *c, int i) {
    uint32_t saves = mutant_of(c)->op.saves;
    const wg_tensor *x = i < 0 ? c->out : c->in[i];
    if (saves == 0 || !x || !wg_dtype_is_float(wg_dtype_of(x)) || wg_numel(x) == 0) return false;
    return !(saves & (i < 0 ? WG_SAVES_OUT : WG_SAVES_IN(i)));
}

// 0 times whatever it holds: nothing, as long as that is a number.
static wg_tensor *with_left_out(const wg_call *c, wg_tensor *g) {
    for (int i = -1; i < c->inputs; i++) {
        if (!left_out(c, i)) continue;
        wg_tensor *x = wg_stop(i < 0 ? c->out : c->in[i]);
        wg_tensor *nothing = wg_mul(wg_sum(wg_mul(x, wg_num(0))), wg_num(0));
        g = wg_add(g, wg_cast(nothing, wg_dtype_of(g)));
        mutant_of(c)->notes->applied = true;
    }
    return g;
}

static wg_tensor *spoil(const wg_call *c, wg_tensor *g) {
    damage d = mutant_of(c)->damage;
    if (d != SAVED) mutant_of(c)->notes->applied = true;
    switch (d) {
    case SCALED: return wg_mul(g, wg_num(1 + 1e-5));
    case NEGATED: return wg_neg(g);
    case ZEROED: return wg_zeros_like(g);
    case FIRST: return first_only(g);
    case SHIFTED: return shifted(g);
    case TRANSPOSED: return transposed(g);
    case DROPPED: return NULL;
    case SAVED: return with_left_out(c, g);
    case ROUNDED: return wg_cast(wg_cast(g, WG_F32), wg_dtype_of(g));
    case ONES:
    case NONE: break;
    }
    return g;
}

static wg_tensor *one_of_all(const wg_call *c, wg_tensor *gy, int i) {
    wg_tensor *gx[WG_MAX_INPUTS] = { NULL };
    bool wanted[WG_MAX_INPUTS] = { false };
    wanted[i] = true;
    return mutant_of(c)->original->vjp_all(c, gy, wanted, gx) ? gx[i] : NULL;
}

static wg_tensor *right_vjp(const wg_call *c, wg_tensor *gy, int i) {
    const wg_op *original = mutant_of(c)->original;
    if (original->compose) return formula_vjp(c, gy, i);
    return original->vjp_all ? one_of_all(c, gy, i) : original->vjp(c, gy, i);
}

static bool is_zero(const wg_tensor *g) {
    for (int64_t k = 0; k < wg_numel(g); k++)
        if (wg_view_get(&g->view, k) != 0) return false;
    return true;
}

// NULL is zero; -0 is 0, and NaN is NaN.
static bool differ(const wg_tensor *a, const wg_tensor *b) {
    for (int64_t k = 0, n = wg_numel(a ? a : b); k < n; k++) {
        double p = a ? wg_view_get(&a->view, k) : 0, q = b ? wg_view_get(&b->view, k) : 0;
        if (p != q && !(isnan(p) && isnan(q))) return true;
    }
    return false;
}

static wg_tensor *damaged_vjp(const wg_call *c, wg_tensor *gy, int i) {
    const mutant *m = mutant_of(c);
    if (m->damage == NONE) {
        wg_tensor *g = right_vjp(c, gy, i);
        if (g && !is_zero(g)) m->notes->inputs |= 1ull << i;
        return g;
    }
    if (i != m->input) return right_vjp(c, gy, i);
    wg_tensor *seed = m->damage == ONES ? wg_ones(wg_dtype_of(gy), wg_shape_of(gy)) : gy;
    wg_tensor *g = right_vjp(c, seed, i);
    g = g && wg_numel(g) > 0 ? spoil(c, g) : g;
    if (!m->notes->comparing || wg__pending()) return g;
    wg_tensor *right = right_vjp(c, gy, i);
    if (!wg__pending()) m->notes->changed |= differ(g, right);
    return g;
}

static void make_mutant(mutant *m, const wg_op *original, notes *n) {
    *m = (mutant){ .op = *original, .original = original, .damage = NONE, .notes = n };
    m->op.vjp = damaged_vjp;
    m->op.vjp_all = NULL;
    m->op.backward = NULL;
    if (original->map) {
        m->map = *original->map;
        memset(m->map.backward, 0, sizeof m->map.backward);
        m->op.map = &m->map;
    }
    if (!original->compose) return;
    m->op.compose = NULL;
    m->op.infer = formula_infer;
    m->op.forward = formula_forward;
    m->op.jvp = formula_jvp;
    m->op.saves = 0;
}

/* ---- excuses --------------------------------------------------------------------------------- */

// The reason that .equivalent gives for a damage, of *length characters; NULL if it gives none.
static const char *excuse(const wg_op *op, damage d, int *length) {
    size_t name = strlen(damage_name[d]);
    for (const char *p = op->equivalent; p && *p;) {
        p += strspn(p, " ");
        size_t whole = strcspn(p, ";");
        if (whole > name + 1 && strncmp(p, damage_name[d], name) == 0 && p[name] == ':') {
            p += name + 1;
            *length = (int)(whole - name - 1);
            return p;
        }
        p += whole + (p[whole] == ';');
    }
    return NULL;
}

/* ---- the score ------------------------------------------------------------------------------- */

typedef struct score {
    mutant mutant;
    notes notes;
    wg_mutation_report *report;
} score;

static void say(score *s, damage d, const char *format, const char *text, int length) {
    wg_mutation_report *r = s->report;
    size_t used = strlen(r->text);
    if (used == 0) {
        snprintf(r->text, sizeof r->text, "%s:", s->mutant.op.name);
        used = strlen(r->text);
    }
    int n = snprintf(r->text + used, sizeof r->text - used, " %s ", damage_name[d]);
    used += n > 0 ? (size_t)n : 0;
    if (used < sizeof r->text)
        snprintf(r->text + used, sizeof r->text - used, format, s->mutant.input, length, text);
}

// Whether the selftest notices, stopping at the first failure.
static bool is_noticed(score *s, damage d) {
    wg_selftest_report ignored;
    s->mutant.damage = d;
    s->notes.applied = false;
    s->report->tests++;
    return !wg__selftest_brief(&s->mutant.op, &ignored);
}

// Whether it is the right rule after all, on every sample.
static bool is_identical(score *s, damage d) {
    s->notes.comparing = true, s->notes.changed = false;
    is_noticed(s, d);
    s->notes.comparing = false;
    return !s->notes.changed;
}

// One damage to one input's gradient: noticed, or nothing that could be.
static bool is_killed(score *s, damage d, bool *excused) {
    int length = 0;
    const char *reason = excuse(s->mutant.original, d, &length);
    if (is_noticed(s, d)) return true;
    if (d == SAVED && !s->notes.applied) return true;  // the rules may read all there is
    if (!is_identical(s, d)) {
        say(s, d, "(input %d) survives;%.*s", "", 0);
        return false;
    }
    if (!reason) {
        say(s, d, "(input %d) cannot be told from the right rule on any sample;%.*s", "", 0);
        return false;
    }
    if (!*excused) say(s, d, "(input %d) is excused:%.*s;", reason, length);
    return *excused = true;
}

static bool kill_all(score *s, damage d) {
    bool killed = true, excused = false;
    int length;
    for (int i = 0; i < WG_MAX_INPUTS; i++) {
        if (!wg__bit(s->notes.inputs, i)) continue;
        s->mutant.input = i;
        killed = is_killed(s, d, &excused) && killed;
    }
    if (killed && !excused && excuse(s->mutant.original, d, &length)) {
        say(s, d, "(input %d) is noticed, though .equivalent excuses it;%.*s", "", 0);
        killed = false;
    }
    s->report->excused += excused;
    return killed;
}

// Rules may apply their own operation to more inputs than any sample has: those are not counted.
static uint64_t sampled_inputs(const wg_op *op) {
    int most = 0;
    wg__silence quiet;
    wg__sample sample;
    if (wg__silence_begin(&quiet))
        for (int i = 0; i < WG_MAX_SAMPLES && op->samples[i]; i++)
            if (wg__sample_parse(op, op->samples[i], &sample))
                most = sample.inputs > most ? sample.inputs : most;
    wg_error_clear();
    wg__silence_end(&quiet);
    return most >= 64 ? UINT64_MAX : (1ull << most) - 1;
}

// Nothing to damage: as the flags say, or the samples show no gradient at all.
static int score_of_none(const wg_op *op, wg_mutation_report *r) {
    bool excused = op->flags & (WG_OP_ZERO_GRADIENT | WG_OP_NO_GRADIENT);
    snprintf(r->text, sizeof r->text, "%s: %s", op->name,
             excused ? "no derivative to damage"
                     : "on no sample is there a gradient but zero, and no flag says so");
    return r->killed = excused ? DAMAGES : 0;
}

int wg_op_mutation_score(const wg_op *op, wg_mutation_report *report) {
    wg_mutation_report own;
    wg_selftest_report whole;
    score s = { .report = report ? report : &own };
    *s.report = (wg_mutation_report){ 0 };
    bool sound = wg_op_selftest(op, &whole);
    if (sound && (op->vjp || op->vjp_all || op->compose)) {
        make_mutant(&s.mutant, op, &s.notes);
        sound = wg_op_selftest(&s.mutant.op, &whole);
    }
    s.report->tests = 2;
    if (!sound) {  // then a damaged one failing means nothing
        snprintf(s.report->text, sizeof s.report->text, "undamaged: %.900s", whole.text);
        return 0;
    }
    s.notes.inputs &= sampled_inputs(op);
    if (s.notes.inputs == 0) return score_of_none(op, s.report);
    for (int d = 0; d < DAMAGES; d++) s.report->killed += kill_all(&s, (damage)d);
    return s.report->killed;
}
