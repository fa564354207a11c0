// SPDX-License-Identifier: MIT
/* optimisers.c: what holds for any training besides its formula: parameters that are made in
   another order and under other names come to the same numbers, and a model that was saved and
   loaded goes on as the one that was not. */
#include <float.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/net/net.h"

/* ---- other names, another order -------------------------------------------------------------- */

enum { SHAPES = 4 };
static const wg_shape shapes[SHAPES] = {
    { 2, { 2, 3 } }, { 2, { 3, 1 } }, { 3, { 2, 1, 2 } }, { 2, { 1, 4 } }
};

typedef struct trained {
    const wg__net_plan *p;
    wg_nn *m;
    wg_optim *o;
    wg_tensor *w[SHAPES];
} trained;

// Parameter i is made at place order(i), and has a name by it.
static bool make(trained *t, bool turned) {
    t->m = wg_nn_new(t->p->seed);
    t->o = t->m ? wg_optim_make(t->m, wg__net_spec_make(&t->p->spec)) : NULL;
    wg__net_build b = { .plan = t->p, .m = t->m, .dtype = t->p->dtype };
    for (int k = 0; t->o && k < SHAPES; k++) {
        int i = turned ? SHAPES - 1 - k : k;
        char name[16];
        snprintf(name, sizeof name, "%s%d/w", turned ? "other" : "p", k);
        t->w[i] = wg_nn_param(t->m, name, b.dtype, shapes[i], (wg_init){ 0 });
        wg_tensor *start = wg__net_constant(&b, shapes[i], WG__NET_NORMAL, 300u + (uint64_t)i);
        if (!t->w[i] || !start || !wg_copy(t->w[i], start)) return false;
    }
    if (!t->o) return false;
    const uint8_t clip = t->p->head[WG__NET_CLIP];
    wg_optim_clip_value(t->o, clip % 4 == 3 ? 0.5 : 0);
    wg_optim_clip_adaptive(t->o, clip / 4 % 4 == 3 ? 0.1 : 0, NULL);
    wg_optim_schedule(t->o, wg__net_schedule(t->p->head[WG__NET_SCHEDULE]));
    if (t->p->head[WG__NET_PROXIMAL] % 4 == 3)
        wg_optim_proximal(t->o, NULL, (wg_proximal){ .l1 = 0.1, .l2 = 0.1, .group = 0.1 });
    return !wg_error();
}

static bool step(const trained *t, int s) {
    wg__net_build b = { .plan = t->p, .m = t->m, .dtype = t->p->dtype };
    for (int i = 0; i < SHAPES; i++) {
        wg_tensor *g =
            wg__net_constant(&b, shapes[i], WG__NET_NORMAL, 400u + (uint64_t)(8 * s + i));
        if (!wg_backward(wg_sum(wg_mul(t->w[i], g)))) return false;
    }
    bool done = wg_optim_step(t->o);
    wg_optim_clear(t->o);
    return done;
}

void wg__net_renamed(const wg__net_plan *p) {
    trained a = { .p = p }, b = { .p = p };
    bool going = make(&a, false) && make(&b, true);
    for (int s = 0; going && s < p->steps; s++) {
        bool one = step(&a, s), two = step(&b, s);
        if (!one || !two)
            wg__net_fail(p, "renamed", "step %d is refused: %s", s + 1, wg_error_message());
        for (int i = 0; i < SHAPES; i++)
            if (!wg__same_bits(a.w[i], b.w[i]))
                wg__net_fail(p, "renamed", "step %d: parameter %d depends on names and order",
                             s + 1, i);
    }
    wg_optim_free(a.o), wg_optim_free(b.o);
    wg_nn_free(a.m), wg_nn_free(b.m);
}

/* ---- saved and loaded ------------------------------------------------------------------------ */

static bool train_on(const wg__net_plan *p, wg_nn *m, int steps) {
    wg__net_build b = { .plan = p, .m = m, .dtype = p->dtype };
    wg_optim *o = wg_optim_make(m, wg__net_spec_make(&p->spec));
    if (!o) return false;
    wg_optim_skip_nonfinite(o, true);
    for (int s = 0; s < steps; s++) {
        wg_tensor *y = wg__net_run(&b, wg__net_input(&b));
        wg_tensor *loss = y ? wg__net_cost(&b, y) : NULL;
        if (!loss) break;
        wg_optim_minimize(o, loss);
        wg_error_clear();  // of a loss that nothing reaches, or a rule that refuses vectors
    }
    wg_optim_free(o);
    return !wg_error();
}

static void file_name(char *path, size_t size) {
    const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(path, size, "%s/wengert-fuzz-%ld", folder, (long)getpid());
}

static void hold_same_state(const wg__net_plan *p, const char *when, const wg_nn *a,
                            const wg_nn *b) {
    wg_nn_state s, t;
    int j = 0;
    for (int i = 0; wg_nn_next_state(a, NULL, &i, &s);) {
        const wg_tensor *other = wg_nn_find(b, s.path);
        if (!other || !wg__same_bits(s.value, other))
            wg__net_fail(p, "saved", "%s: %s %s", when, s.path, other ? "differs" : "is missing");
    }
    for (int i = 0; wg_nn_next_state(b, NULL, &i, &t); j++)
        if (!wg_nn_find(a, t.path)) wg__net_fail(p, "saved", "%s: %s is new", when, t.path);
}

// Evaluating from then on: a model's file does not tell how often dropout was called.
void wg__net_saved(const wg__net_plan *p) {
    char path[64];
    wg_nn *m = wg__net_model(p), *loaded = wg_nn_new(p->seed + 1);
    file_name(path, sizeof path);
    if (m && loaded && train_on(p, m, 1) && wg_nn_params(m, NULL) > 0) {
        if (!wg_nn_save(m, path) || !wg_nn_load(loaded, path))
            wg__net_fail(p, "saved", "a model cannot be saved and loaded: %s", wg_error_message());
        hold_same_state(p, "after loading", m, loaded);
        wg_nn_train(m, false), wg_nn_train(loaded, false);
        if (train_on(p, m, p->steps) && train_on(p, loaded, p->steps))
            hold_same_state(p, "after more training", m, loaded);
        unlink(path);
    }
    wg_error_clear();
    wg_nn_free(m), wg_nn_free(loaded);
}
