// SPDX-License-Identifier: MIT
/* train.c: a net is trained, and every step is held against the mirror: what moves by how much,
   what must not move by a bit, states included, and that no gradient is written to. Where a number
   differs by more than a few units in the last place, the whole run is made again by mirrors with
   noise, and their spread tells what rounding may do: only a gap of 30 times that is a failure. */
#include <float.h>
#include <string.h>

#include "fuzz/net/net.h"
#include "fuzz/net/states.h"

static const char oracle[] = "training";

typedef struct run {
    const wg__net_plan *p;
    wg__net_build b;
    wg_optim *o;
    wg_tensor *x;
    wg_tensor *w[WG__NET_PARAMS];
    const char *pattern;  // of the group
    bool skipping;
    wg__net_mirror now, probe;
    double *room, *first, *low, *high, *before;  // see list()
    int probed;                                  // the step of low and high
    wg__net_config config, at[WG__NET_STEPS];
    double *g[WG__NET_STEPS][WG__NET_PARAMS];  // of the steps that were made
    int made, skipped;
    bool beyond;  // a formula has no number in the dtype: the run ends
} run;

/* What a step must not change. */
typedef struct memory {
    void *w, *g, *state[WG__NET_STATES];
    const wg_tensor *of[WG__NET_STATES];
} memory;

static size_t bytes_of(const wg_tensor *x) {
    return (size_t)wg_numel(x) * wg_dtype_size(wg_dtype_of(x));
}

static void *bits_of(const wg_tensor *x) {
    if (!x) return NULL;
    size_t bytes = bytes_of(x);
    void *copy = wg__scratch((int64_t)bytes / 8 + 1);
    if (copy && bytes) memcpy(copy, x->view.data, bytes);
    return copy;
}

static bool same_bits(const wg_tensor *x, const void *bits) {
    if (!x || !bits) return !x && !bits;
    return bytes_of(x) == 0 || memcmp(x->view.data, bits, bytes_of(x)) == 0;
}

/* ---- the run --------------------------------------------------------------------------------- */

static uint8_t head(const run *r, int at) { return r->p->head[at]; }

static void clip_as(run *r, uint8_t code) {
    r->config.clip_value = code % 4 == 3 ? 0.5 : 0;
    r->config.clip_adaptive = code / 4 % 4 == 3 ? 0.1 : 0;
    r->config.clip_norm = code / 16 % 4 == 3 ? 1 : 0;
    wg_optim_clip_value(r->o, r->config.clip_value);
    wg_optim_clip_adaptive(r->o, r->config.clip_adaptive, NULL);
    wg_optim_clip_norm(r->o, r->config.clip_norm);
}

static void proximal_as(run *r, uint8_t code) {
    static const double size[] = { 0, 0.01, 0.3, 2 };
    wg_proximal q = { .l1 = size[code / 4 % 4], .l2 = size[code / 16 % 4] };
    if (code / 64 % 2) q.group = 0.3;
    if (code / 128) q.max_norm = 0.5;
    r->config.proximal = q;
    r->config.proximal_on = code % 4 == 3;
    wg_optim_proximal(r->o, NULL, r->config.proximal_on ? q : (wg_proximal){ 0 });
}

static void group_as(run *r, const wg__net_spec *s) {
    r->config.spec[1] = *s;
    r->config.rate[1] = s->option[0];
    wg_optim_group(r->o, r->pattern, wg__net_spec_make(s));
}

static bool begin(run *r) {
    static const char *const pattern[] = { "*/b", "*/w", "free*", "*", "l0/*", "*w", "free0/w" };
    const wg__net_plan *p = r->p;
    r->b.m = wg__net_model(p);
    r->o = r->b.m ? wg_optim_make(r->b.m, wg__net_spec_make(&p->spec)) : NULL;
    if (!r->o) return false;
    r->config = (wg__net_config){ .spec = { p->spec }, .rate = { p->spec.option[0] } };
    r->config.grouped = p->grouped;
    r->pattern = pattern[head(r, WG__NET_PATTERN) % 8 ? head(r, WG__NET_PATTERN) % 8 - 1 : 0];
    if (p->grouped) group_as(r, &p->group);
    clip_as(r, head(r, WG__NET_CLIP));
    proximal_as(r, head(r, WG__NET_PROXIMAL));
    wg_optim_schedule(r->o, wg__net_schedule(head(r, WG__NET_SCHEDULE)));
    r->skipping = head(r, WG__NET_HOW) / 8 % 2;
    wg_optim_skip_nonfinite(r->o, r->skipping);
    r->x = p->layers ? wg__net_input(&r->b) : NULL;
    return !wg_error();
}

// The pattern has one star at most at either end.
static bool matches(const char *pattern, const char *path) {
    size_t n = strlen(pattern), length = strlen(path);
    if (pattern[0] == '*')
        return length >= n - 1 && strcmp(path + length - (n - 1), pattern + 1) == 0;
    return pattern[n - 1] == '*' ? strncmp(path, pattern, n - 1) == 0 : strcmp(pattern, path) == 0;
}

// Once the parameters are there.
static bool list(run *r) {
    wg__net_mirror *m = &r->now;
    m->dtype = r->p->dtype;
    m->slots = wg_nn_params(r->b.m, NULL);
    if (m->slots > WG__NET_PARAMS) return false;
    for (int i = 0; i < m->slots; i++) {
        wg__net_slot *s = &m->slot[i];
        r->w[i] = wg_nn_param_at(r->b.m, NULL, i);
        snprintf(s->path, sizeof s->path, "%s", wg_nn_path_at(r->b.m, NULL, i));
        s->shape = wg_shape_of(r->w[i]);
        s->n = wg_numel(r->w[i]);
        s->at = m->n;
        m->n += s->n;
        s->in_group = matches(r->pattern, s->path);
    }
    // Of what is now; of the probes; the first w; the least and the most of the probes; w before.
    double *room = wg__scratch(16 * m->n);
    if (!room) return false;
    wg__net_mirror_place(m, room);
    r->room = room + 6 * m->n, r->first = room + 12 * m->n, r->low = room + 13 * m->n;
    r->high = room + 14 * m->n, r->before = room + 15 * m->n;
    for (int i = 0; i < m->slots; i++)
        if (!wg_read_f64(r->w[i], m->slot[i].w, m->slot[i].n)) return false;
    memcpy(r->first, m->room, (size_t)m->n * sizeof(double));
    return !wg_error();
}

static wg_tensor *loss_of(const run *r, int step, int without) {
    const wg__net_build *b = &r->b;
    wg_tensor *loss = NULL, *y = r->x ? wg__net_run(b, r->x) : NULL;
    if (y) loss = wg__net_cost(b, y);
    for (int i = 0; i < r->p->frees; i++) {
        wg_tensor *w = wg__net_free(b, i),
                  *g = i == without ? NULL : wg__net_free_slope(b, i, step);
        if (g) loss = wg_add_maybe(loss, wg_sum(wg_mul(w, g)));
    }
    return loss;
}

/* ---- how near is near ------------------------------------------------------------------------ */

enum { PROBES = 12 };

static void probe(run *r) {
    wg_random noise = { .seed = 15 };
    const size_t bytes = (size_t)r->now.n * sizeof(double);
    memcpy(r->low, r->now.room, bytes), memcpy(r->high, r->now.room, bytes);
    for (int i = 0; i < PROBES; i++) {
        wg__net_mirror *m = &r->probe;
        *m = r->now;
        wg__net_mirror_place(m, r->room);
        memcpy(r->room, r->first, bytes);
        m->noise = &noise;
        for (int s = 0; s < r->made; s++) wg__net_mirror_step(m, &r->at[s], r->g[s]);
        for (int64_t k = 0; k < r->now.n; k++) {
            r->low[k] = fmin(r->low[k], r->room[k]);
            r->high[k] = fmax(r->high[k], r->room[k]);
        }
    }
    r->probed = r->made;
}

/* 4 units in the last place for every step made, of what w and its steps are made of, pass at
   once. */
static void compare(run *r, int i) {
    const wg__net_slot *s = &r->now.slot[i];
    for (int64_t k = 0; k < s->n; k++) r->beyond = r->beyond || isnan(s->w[k]);
    if (r->beyond) return;
    const double *got = wg__numbers(r->w[i]), *before = r->before + s->at;
    const double unit = r->p->dtype == WG_F32 ? FLT_EPSILON : DBL_EPSILON;
    for (int64_t k = 0; got && k < s->n; k++) {
        double gap = fabs(got[k] - s->w[k]), size = fabs(s->w[k]) + fabs(s->w[k] - before[k]);
        if (gap <= 4 * r->made * unit * size) continue;
        if (r->probed != r->made) probe(r);
        double noise = r->high[s->at + k] - r->low[s->at + k];
        if (!(gap <= 30 * noise))
            wg__net_fail(
                r->p, oracle,
                "step %d: %s[%lld] is %.17g, the formula gives %.17g, from %.17g; rounding "
                "moves it by %.3g",
                r->made, s->path, (long long)k, got[k], s->w[k], before[k], noise);
    }
}

/* ---- a step ---------------------------------------------------------------------------------- */

static void remember(const run *r, int i, memory *m) {
    m->w = bits_of(r->w[i]);
    m->g = bits_of(wg_gradient(r->w[i]));
    wg__net_states(r->o, r->now.slot[i].path, m->of);
    for (int k = 0; k < WG__NET_STATES; k++) m->state[k] = bits_of(m->of[k]);
}

static void hold_still(const run *r, int i, const memory *m) {
    const wg_tensor *now[WG__NET_STATES];
    const char *path = r->now.slot[i].path,
               *frozen = wg_nn_is_frozen(r->b.m, path) ? ", frozen" : "";
    wg__net_states(r->o, path, now);
    if (!same_bits(r->w[i], m->w))
        wg__net_fail(r->p, oracle, "after %d steps: %s%s, moves though it must not", r->made, path,
                     frozen);
    for (int k = 0; k < WG__NET_STATES; k++)
        if (now[k] != m->of[k] || !same_bits(now[k], m->state[k]))
            wg__net_fail(r->p, oracle, "after %d steps: state %d of %s%s, moves though it must not",
                         r->made, k, path, frozen);
}

static bool refuses(const run *r, double *const g[]) {
    bool any = false, matched = !r->config.grouped;
    for (int i = 0; i < r->now.slots; i++) {
        const wg__net_slot *s = &r->now.slot[i];
        const wg__net_spec *spec = &r->config.spec[r->config.grouped && s->in_group];
        any = any || g[i];
        matched = matched || s->in_group;
        if (g[i] && !spec->rule->update && s->shape.rank < 2) return true;  // muon of a vector
    }
    return !any || !matched;
}

static bool all_finite(const run *r, double *const g[]) {
    for (int i = 0; i < r->now.slots; i++)
        for (int64_t k = 0; g[i] && k < r->now.slot[i].n; k++)
            if (!isfinite(g[i][k])) return false;
    return true;
}

typedef struct expected {
    double **g;
    memory *memory;
    bool refused, finite;
    wg_tensor *before;  // of the step: made of parameter `of`, which its derivative needs
    int of;
} expected;

static void record_before(const run *r, expected *e) {
    e->of = r->made % r->now.slots;
    wg_tensor *w = r->w[e->of];
    if (wg_numel(w) > 0) e->before = wg_sum(wg_square(w));
}

// A derivative that needs what was overwritten is refused; one that needs what stayed is not.
static void hold_version(const run *r, const expected *e, bool moved) {
    wg_tensor *w = r->w[e->of], *g;
    if (!e->before || !wg_is_tracked(e->before) || !wg_is_tracked(w)) return;
    bool granted = wg_grad(e->before, &w, 1, &g, (wg_grad_options){ .constant = true });
    if (granted == moved || (moved && wg_error() != WG_ERROR_STATE))
        wg__net_fail(r->p, oracle, "after %d steps: what was made of %s before the last is %s",
                     r->made, r->now.slot[e->of].path,
                     granted ? "differentiated, though it has moved" : wg_error_message());
    wg_error_clear();
}

static void hold_outcome(run *r, const expected *e, bool done) {
    const bool moves = !e->refused && e->finite;
    bool wanted = !e->refused && (e->finite || r->skipping);
    if (done != wanted || wg_error() != (wanted ? WG_OK : wg_error()) || (!done && !wg_error()))
        wg__net_fail(r->p, oracle, "after %d steps: one is %s that should not be: %s", r->made,
                     done ? "made" : "refused", wg_error_message());
    wg_error_clear();
    for (int i = 0; i < r->now.slots; i++)
        if (!moves || !e->g[i]) hold_still(r, i, &e->memory[i]);
    hold_version(r, e, moves && e->g[e->of]);
    if (!moves && !e->refused && r->skipping) r->skipped++;
    if (!moves) return;
    r->at[r->made] = r->config;
    r->at[r->made].factor = wg__net_factor(head(r, WG__NET_SCHEDULE), r->made);
    memcpy(r->g[r->made], e->g, sizeof r->g[0]);
    r->made++;
    memcpy(r->before, r->now.room, (size_t)r->now.n * sizeof(double));
    wg__net_mirror_step(&r->now, &r->at[r->made - 1], e->g);
    for (int i = 0; i < r->now.slots; i++)
        if (e->g[i]) compare(r, i);
}

static void hold_counts(const run *r) {
    if (wg_optim_steps(r->o) != r->made || wg_optim_skipped(r->o) != r->skipped)
        wg__net_fail(r->p, oracle, "%d steps were made and %d skipped, counted are %lld and %lld",
                     r->made, r->skipped, (long long)wg_optim_steps(r->o),
                     (long long)wg_optim_skipped(r->o));
}

static void freeze(const run *r, int i) {
    wg_nn_freeze(r->b.m, r->now.slot[i % r->now.slots].path);
}

// What happens between backward and step.
typedef struct between {
    bool poison;  // a gradient becomes no number
    int freeze;   // a parameter freezes, whose gradient is dropped; -1: none
} between;

// Backward, step, clear.
static bool step_by_hand(run *r, wg_tensor *loss, between then) {
    double *g[WG__NET_PARAMS] = { NULL };
    memory kept[WG__NET_PARAMS];
    if (!wg_is_tracked(loss)) return true;
    if (!wg_backward(loss)) return false;
    if (then.freeze >= 0) freeze(r, then.freeze);
    for (int i = 0; i < r->now.slots; i++) {
        wg_tensor *gradient = wg_gradient(r->w[i]);
        if (gradient && then.poison && wg_numel(gradient) > 0)
            then.poison = !wg_fill(gradient, NAN);
        if (gradient && !(g[i] = wg__numbers(gradient))) return false;
        if (gradient && wg_nn_is_frozen(r->b.m, r->now.slot[i].path))
            wg__net_fail(r->p, oracle, "%s is frozen and has a gradient", r->now.slot[i].path);
        remember(r, i, &kept[i]);
    }
    expected e = { g, kept, refuses(r, g), all_finite(r, g), NULL, 0 };
    record_before(r, &e);
    bool done = wg_optim_step(r->o);
    for (int i = 0; i < r->now.slots; i++)
        if (!same_bits(wg_gradient(r->w[i]), kept[i].g))
            wg__net_fail(r->p, oracle, "the step writes to the gradient of %s",
                         r->now.slot[i].path);
    hold_outcome(r, &e, done);
    wg_optim_clear(r->o);
    return true;
}

/* wg_optim_minimize, of one loss or of several that gather: the step is that of the mean of their
   gradients, which wg_grad gives. */
static bool gradients_of(const run *r, wg_tensor *loss, double share, double *g[]) {
    wg_tensor *x[WG__NET_PARAMS], *gx[WG__NET_PARAMS];
    int which[WG__NET_PARAMS], n = 0;
    bool reached[WG__NET_PARAMS];
    for (int i = 0; i < r->now.slots; i++)
        if (!wg_nn_is_frozen(r->b.m, r->now.slot[i].path)) x[n] = r->w[i], which[n++] = i;
    if (n == 0 || !wg_is_tracked(loss)) return false;
    if (!wg_reaches(loss, x, n, reached)) return false;
    if (!wg_grad(loss, x, n, gx, (wg_grad_options){ .constant = true })) return false;
    for (int j = 0; j < n; j++) {
        const double *add = wg__numbers(gx[j]);
        int i = which[j];
        if (!reached[j]) continue;
        if (!g[i] && !(g[i] = wg__scratch(r->now.slot[i].n))) return false;
        for (int64_t k = 0; add && k < r->now.slot[i].n; k++) g[i][k] += share * add[k];
    }
    for (int j = 0; j < n; j++)
        if (reached[j]) return true;
    return false;
}

static bool step_by_minimise(run *r, wg_tensor *const loss[], int parts) {
    double *g[WG__NET_PARAMS] = { NULL };
    memory kept[WG__NET_PARAMS];
    if (!wg_optim_accumulate(r->o, parts)) return false;
    for (int j = 0; j < parts; j++)
        if (!isfinite(wg_item(loss[j])) || !gradients_of(r, loss[j], 1.0 / parts, g))
            return !wg_error();
    for (int i = 0; i < r->now.slots; i++) remember(r, i, &kept[i]);
    expected e = { g, kept, refuses(r, g), all_finite(r, g), NULL, 0 };
    record_before(r, &e);
    bool done = true;
    for (int j = 0; j < parts && done; j++) done = wg_optim_minimize(r->o, loss[j]);
    hold_outcome(r, &e, done);
    for (int i = 0; i < r->now.slots && done; i++)
        if (wg_gradient(r->w[i]))
            wg__net_fail(r->p, oracle, "minimising leaves a gradient in %s", r->now.slot[i].path);
    wg_optim_clear(r->o);
    return true;
}

/* ---- what happens in between ----------------------------------------------------------------- */

/* What thaws is thawed before the loss is recorded: in what was recorded in between it is a
   constant, which it would not be to somebody else who asks for its gradient. What freezes does so
   at once, also in what was recorded before. */
static bool thaw(const run *r, int i) {
    const char *path = r->now.slots ? r->now.slot[i % r->now.slots].path : NULL;
    if (!path || !wg_nn_is_frozen(r->b.m, path)) return false;
    wg_nn_unfreeze(r->b.m, path);
    return true;
}
static void change_rate(run *r, int code) {
    static const double by[] = { 0.25, 0.5, 0, 2 };
    if (code % 2) {
        wg_optim_scale_rates(r->o, by[code % 4]);
        r->config.rate[1] *= by[code % 4];
    } else {
        wg_optim_set_rate(r->o, r->config.rate[0] * by[code % 4]);
    }
    r->config.rate[0] *= by[code % 4];
}

static void change_rule(run *r, int code) {
    if (code % 4 == 0 && r->config.grouped) group_as(r, &r->p->spec);
    if (code % 4 == 1 && r->config.grouped) group_as(r, &r->p->group);
    if (code % 4 == 2) clip_as(r, (uint8_t)(code * 5));
    if (code % 4 == 3) proximal_as(r, r->config.proximal_on ? 0 : 7);
}

enum { FREEZE = 3, POISON, WITHOUT, RATE, RULE };

static bool step(run *r, int s) {
    const int event = head(r, WG__NET_EVENTS + s % 8), code = event / 8, how = head(r, WG__NET_HOW);
    const int parts = how % 8 == 7 ? 2 : 1;
    const bool thawed = event % 8 == FREEZE && thaw(r, code);
    wg_tensor *loss[2] = { NULL };
    for (int j = 0; j < parts; j++)
        loss[j] = loss_of(r, 2 * s + j, event % 8 == WITHOUT && j == 0 ? code % WG__NET_FREE : -1);
    if (!loss[0] || (parts == 2 && !loss[1])) return !wg_error();
    if (r->now.slots == 0 && !list(r)) return false;
    if (r->now.slots == 0) return false;
    if (s == 0 && head(r, WG__NET_FROZEN) % 4 == 3) freeze(r, head(r, WG__NET_FROZEN) / 4);
    const bool late = event % 8 == FREEZE && !thawed && code >= 16;
    if (event % 8 == FREEZE && !thawed && !late) freeze(r, code);
    if (event % 8 == RATE) change_rate(r, code);
    if (event % 8 == RULE) change_rule(r, code);
    if (how % 4 < 2)
        return step_by_hand(r, loss[0], (between){ event % 8 == POISON, late ? code : -1 });
    return step_by_minimise(r, loss, parts);
}

void wg__net_train(const wg__net_plan *p) {
    run *r = (run *)(void *)wg__scratch(sizeof *r / 8 + 1);
    if (!r) return;
    *r = (run){ .p = p, .b = { .plan = p, .dtype = p->dtype } };
    bool going = begin(r);
    for (int s = 0; going && !r->beyond && s < p->steps; s++) {
        going = step(r, s);
        if (going) hold_counts(r);
    }
    wg_error_clear();
    wg_optim_free(r->o);
    wg_nn_free(r->b.m);
}
