// SPDX-License-Identifier: MIT
/* optim.c: what all optimisers share. A step has two halves: the first looks at everything and
   finds all memory, and may fail; the second runs the rule, and cannot. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "optim/optim_impl.h"

/* ---- making ---------------------------------------------------------------------------------- */

bool wg__optim_check(const char *what, const char *name, double value, double below) {
    if (value >= 0 && value < below) return true;
    if (isinf(below))
        return wg_fail(WG_ERROR_ARGUMENT, "%s: %s is %g, wanted is a finite number from 0 on", what,
                       name, value);
    return wg_fail(WG_ERROR_ARGUMENT, "%s: %s is %g, wanted is a number in [0, %g)", what, name,
                   value, below);
}

bool wg__optim_check_all(const char *what, const wg__range *range, size_t n) {
    if (wg__pending()) return false;
    wg__where("");
    for (size_t i = 0; i < n; i++)
        if (!wg__optim_check(what, range[i].name, range[i].value, range[i].below)) return false;
    return true;
}

static bool begin(const char *what, const wg_nn *m) {
    if (wg__pending()) return false;
    wg__where("");
    return m || wg_fail(WG_ERROR_ARGUMENT, "%s: the model is NULL", what);
}

// Of what has been looked at.
static wg_optim *make(wg_nn *m, const wg__group *numbers, const void *options, size_t size) {
    wg_optim *o = wg__alloc_zero(sizeof *o);
    if (!o) return NULL;
    o->every = 1;
    if (!wg__groups_add(&o->group, &o->groups, 0, numbers, NULL, options, size)) {
        wg__free(o->group);
        wg__free(o);
        return NULL;
    }
    wg__nn_ref_take(&o->model, m);
    return o;
}

wg_optim *wg_optim_new(wg_nn *m, const wg_optim_rule *rule, double rate, const void *options,
                       size_t size) {
    static const char what[] = "optim_new";
    if (!begin(what, m) || !wg__rule_valid(what, rule, options, size) ||
        !wg__optim_check(what, "the rate", rate, INFINITY))
        return NULL;
    return make(m, &(wg__group){ .rule = *rule, .rate = rate }, options, size);
}

wg_optim *wg__optim_make(const char *what, wg_nn *m, const wg_optim_spec *spec) {
    if (!begin(what, m) || !wg__spec_valid(what, spec)) return NULL;
    return make(m, &(wg__group){ .rule = *spec->rule, .rate = spec->rate }, spec->options.bytes,
                spec->size);
}

wg_optim *wg_optim_make(wg_nn *m, wg_optim_spec spec) {
    return wg__optim_make("optim_make", m, &spec);
}

wg_optim_spec wg__optim_spec(const wg_optim_rule *rule, double rate, const void *options,
                             size_t size) {
    wg_optim_spec spec = { .rule = rule, .rate = rate, .size = size };
    assert(size <= sizeof spec.options);
    memcpy(spec.options.bytes, options, size);
    return spec;
}

wg_optim_spec wg__no_spec(void) { return (wg_optim_spec){ .rule = NULL, .rate = NAN }; }

bool wg_optim_spec_is_refused(wg_optim_spec spec) { return !spec.rule && isnan(spec.rate); }

static void free_all(wg_tensor **tensor, int n) {
    for (int k = 0; k < n; k++) {
        wg__tensor_free(tensor[k]);
        tensor[k] = NULL;
    }
}

void wg_optim_free(wg_optim *o) {
    if (!o) return;
    wg__nn_ref_drop(&o->model);
    for (int i = 0; i < o->slots; i++) free_all(o->slot[i].state, WG__STATES);
    for (int i = 0; i < o->groups; i++) wg__free(o->group[i].options);
    for (int i = 0; i < o->proximals; i++) wg__free(o->proximal[i].options);
    wg__free(o->slot);
    wg__free(o->group);
    wg__free(o->proximal);
    wg__free(o->memory);
    wg__free(o);
}

int64_t wg_optim_steps(const wg_optim *o) { return o ? o->steps : 0; }

bool wg__optim_usable(const wg_optim *o, const char *name) {
    if (!o) return wg_fail(WG_ERROR_ARGUMENT, "%s: the optimiser is NULL", name);
    return o->model.m || wg_fail(WG_ERROR_STATE, "%s: the optimiser's model was freed", name);
}

bool wg__optim_is_stepper(const wg_optim *o, const char *name) {
    const wg_optim_rule *rule = &o->group[0].rule;
    return !rule->search ||
           wg_fail(WG_ERROR_ARGUMENT,
                   "%s: %s evaluates its objective several times: call wg_optim_minimize_by", name,
                   rule->name);
}

bool wg__optim_knows(const wg_optim *o, const char *name, const char *what) {
    const wg_optim_rule *rule = &o->group[0].rule;
    return !rule->search ||
           wg_fail(WG_ERROR_ARGUMENT, "%s: %s moves all parameters at once, and knows no %s", name,
                   rule->name, what);
}

/* ---- the half that may fail ------------------------------------------------------------------ */

bool wg__optim_reserve(wg_optim *o) {
    int wanted = wg__nn_places(o->model.m);
    if (wanted <= o->slots) return true;
    size_t keep = (size_t)o->slots * sizeof *o->slot, size = (size_t)wanted * sizeof *o->slot;
    wg__slot *slot = wg__resize(o->slot, keep, size);
    if (!slot) return false;
    memset(slot + o->slots, 0, size - keep);
    o->slot = slot;
    o->slots = wanted;
    o->matched = false;
    return true;
}

static bool gradient_fits(const wg_optim *o, int place, const wg_tensor *w) {
    const wg_view *v = &w->view, *g = &w->gradient->view;
    if (g->dtype == v->dtype && wg__shape_equal(&g->shape, &v->shape)) return true;
    char a[200], b[200];
    return wg_fail(WG_ERROR_SHAPE,
                   "optim_step: the gradient of \"%s\" is %s %s, the parameter %s %s",
                   wg__nn_path(o->model.m, place), wg_dtype_name(g->dtype),
                   wg_shape_text(g->shape, a, sizeof a), wg_dtype_name(v->dtype),
                   wg_shape_text(v->shape, b, sizeof b));
}

// g itself, or a copy in the innermost scope if it is a view that a rule could not run through.
static wg_tensor *dense(wg_tensor *g) {
    if (wg__is_contiguous(&g->view)) return g;
    wg_tensor *copy = wg__tensor_new(g->view.dtype, g->view.shape);
    return copy && wg_copy(copy, g) ? copy : NULL;
}

/* Whether its states are of another rule than the one it follows now, or not there yet. Rules are
   the same if all that their users can see of them is: adam and adamw share their update. */
static bool starts_anew(const wg__slot *slot, const wg_optim_rule *rule) {
    if (slot->update != rule->update || slot->states != rule->states) return true;
    return slot->name != rule->name && strcmp(slot->name, rule->name) != 0;
}

static bool make_states(wg__slot *slot, const wg_optim_rule *rule) {
    if (!starts_anew(slot, rule)) return true;
    const wg_view *v = &slot->w->view;
    for (int k = 0; k < rule->states; k++) {
        slot->made[k] = wg__tensor_new_owned(v->dtype, v->shape);
        if (!slot->made[k]) return false;
        memset(slot->made[k]->view.data, 0, (size_t)wg__numel(&v->shape) * wg__size_of(v->dtype));
    }
    return true;
}

static wg_optim_call call_of(const wg_optim *o, const wg__slot *slot) {
    const wg__group *group = &o->group[slot->group];
    return (wg_optim_call){ .n = wg_numel(slot->w),
                            .t = starts_anew(slot, &group->rule) ? 1 : slot->t + 1,
                            .dtype = slot->w->view.dtype,
                            .scale = 1,
                            .rate = group->rate * o->factor,
                            .options = group->options,
                            .shape = &slot->w->view.shape,
                            .path = wg__nn_path(o->model.m, (int)(slot - o->slot)) };
}

// Bytes of working memory: the most that any parameter wants of each kind.
typedef struct room {
    size_t work, step;
    void *block;  // of both
} room;

static void want(size_t *most, size_t size) {
    size = (size + WG__ALIGN - 1) / WG__ALIGN * WG__ALIGN;
    if (size > *most) *most = size;
}

// Asks the rule.
static bool rule_agrees(const wg_optim *o, const wg__slot *slot, room *r) {
    const wg_optim_rule *rule = &o->group[slot->group].rule;
    wg_optim_call call = call_of(o, slot);
    size_t work = 0;
    if (rule->prepare && !rule->prepare(&call, &work)) return false;
    want(&r->work, work);
    if (slot->proximal >= 0) want(&r->step, (size_t)call.n * wg__size_of(call.dtype));
    return true;
}

static bool prepare(wg_optim *o, room *r) {
    if (!wg__optim_reserve(o) || !wg__groups_ready(o)) return false;
    for (int i = 0; i < o->slots; i++) o->slot[i].w = NULL;
    wg_tensor *w;
    for (int i = 0; (w = wg__nn_param_next(o->model.m, &i));) {
        if (!w->gradient) continue;
        wg__slot *slot = &o->slot[i - 1];
        slot->w = w;
        wg__slot_assign(o, slot);
        if (!gradient_fits(o, i - 1, w) || !(slot->g = dense(w->gradient)) ||
            !make_states(slot, &o->group[slot->group].rule) || !rule_agrees(o, slot, r))
            return false;
    }
    r->block = wg__alloc(r->work + r->step);
    return r->block != NULL;
}

static void undo(wg_optim *o) {
    for (int i = 0; i < o->slots; i++) free_all(o->slot[i].made, WG__STATES);
}

/* ---- the half that cannot -------------------------------------------------------------------- */

static void take_made(wg__slot *slot, const wg_optim_rule *rule) {
    if (!starts_anew(slot, rule)) return;
    free_all(slot->state, WG__STATES);
    memcpy(slot->state, slot->made, sizeof slot->state);
    memset(slot->made, 0, sizeof slot->made);
    memset(slot->number, 0, sizeof slot->number);
    slot->states = rule->states;
    slot->update = rule->update;
    slot->name = rule->name;
    slot->t = 0;
}

static void fill(const wg_optim_call *c, void *to, double value) {
    float *single = to;
    double *wide = to;
    for (int64_t k = 0; k < c->n; k++)
        if (c->dtype == WG_F32)
            single[k] = (float)value;
        else
            wide[k] = value;
}

static void run(const wg_optim *o, const wg__slot *slot, wg_optim_call *c, const room *r) {
    const bool proximal = slot->proximal >= 0;
    c->work = r->block;
    if (proximal) fill(c, c->step = (char *)r->block + r->work, c->rate);
    slot->update(c);
    if (proximal) wg__proximal_run(c, o->proximal[slot->proximal].options);
}

/* t is the parameter's own count of updates: states that begin later are young when others are
   old. */
static void update(const wg_optim *o, wg__slot *slot, double scale, const room *r) {
    const wg_optim_rule *rule = &o->group[slot->group].rule;
    take_made(slot, rule);
    void *state[WG__STATES] = { 0 };
    for (int k = 0; k < rule->states; k++) state[k] = slot->state[k]->view.data;
    wg_optim_call call = call_of(o, slot);
    call.w = slot->w->view.data;
    call.g = slot->g->view.data;
    call.state = state;
    call.scale = scale;
    call.number = slot->number;
    run(o, slot, &call, r);
    slot->t++;
    wg__touch(slot->w);
}

// The step is made, or left out, or refused.
static wg__verdict consider(wg_optim *o, room *r, double *scale) {
    if (!wg__schedule_factor(o) || !prepare(o, r)) return WG__REFUSE;
    wg__verdict v = wg__judge_gradients(o);
    return v == WG__STEP && !wg__clip(o, scale) ? WG__REFUSE : v;
}

static bool step_in_scope(wg_optim *o) {
    double scale = 1;
    room r = { 0 };
    wg__verdict v = consider(o, &r, &scale);
    if (v != WG__STEP) undo(o);
    for (int i = 0; v == WG__STEP && i < o->slots; i++)
        if (o->slot[i].w) update(o, &o->slot[i], scale, &r);
    wg__free(r.block);
    if (v != WG__STEP) return v == WG__SKIP;
    o->steps++;
    wg_nn_seal(o->model.m);
    return true;
}

bool wg_optim_step(wg_optim *o) {
    if (wg__pending()) return false;
    wg__where("");
    if (!wg__optim_usable(o, "optim_step") || !wg__optim_is_stepper(o, "optim_step")) return false;
    wg_scope *scope = wg_scope_open();  // for dense copies of gradients
    bool done = scope && step_in_scope(o);
    wg_scope_close(scope);
    return done;
}

void wg_optim_clear(wg_optim *o) {
    wg__where("");
    if (!wg__optim_usable(o, "optim_clear")) return;
    o->gathered = 0;
    wg_tensor *w;
    for (int i = 0; (w = wg__nn_param_next(o->model.m, &i));) wg_clear_gradient(w);
}
