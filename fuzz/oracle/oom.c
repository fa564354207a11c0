// SPDX-License-Identifier: MIT
/* oom.c: O16. A model's parameters go through the program; then backward, twice, so that gradients
   are added to, and an optimiser's steps. All that can be seen is noted after each stage. Then once
   more with the n-th allocation failing, or all from the n-th on (libxml2 tests itself so): the
   stage that fails says that there is no memory and has changed nothing, all before it gave the
   same bits. And once more with memory, in the same thread: as if nothing had been. */
#include "fuzz/oracle/oom.h"

#include <stdlib.h>
#include <string.h>

#include "optim/optim.h"

/* ---- an allocator that fails ----------------------------------------------------------------- */

typedef struct ledger {
    int64_t calls, live;
    int64_t fails;  // the number of the call that fails; negative: none
    bool all;       // and all after it
} ledger;

static void *take(void *user, size_t alignment, size_t size) {
    ledger *l = user;
    void *block = NULL;
    int64_t call = l->calls++;
    bool refused = l->fails >= 0 && (call == l->fails || (l->all && call > l->fails));
    if (refused || posix_memalign(&block, alignment, size) != 0) return NULL;
    l->live++;
    return block;
}
static void give(void *user, void *block, size_t size) {
    (void)size;
    ((ledger *)user)->live--;
    free(block);
}

/* ---- what can be seen, without an allocation ------------------------------------------------- */

typedef enum stage { MAKE, FORWARD, BACKWARD, AGAIN, MORE, FIRST_STEP, SECOND_STEP, STAGES } stage;
static const char *const stage_name[] = { "making parameters", "forward",     "backward",
                                          "backward again",    "derivatives", "an optimiser's step",
                                          "another step" };

typedef struct sight {
    uint64_t value[WG__VM_LEAVES], gradient[WG__VM_LEAVES], result;
} sight;
typedef struct story {
    int done;  // stages
    sight after[STAGES];
} story;

static uint64_t mix(uint64_t hash, uint64_t x) {
    hash = (hash ^ x) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

// Of shape, dtype and bits; NaN is one number, whatever its bits.
static uint64_t hash_of(const wg_tensor *x) {
    if (!x) return 0;
    uint64_t hash = mix(1, (uint64_t)x->view.dtype + 16 * (uint64_t)x->view.shape.rank);
    for (int i = 0; i < x->view.shape.rank; i++) hash = mix(hash, (uint64_t)x->view.shape.dim[i]);
    for (int64_t k = 0, n = wg__numel(&x->view.shape); k < n; k++) {
        double value = wg__load(x->view.dtype, wg__at(&x->view, wg__offset(&x->view, k)));
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        hash = mix(hash, isnan(value) ? 7 : bits);
    }
    return hash;
}

/* ---- one run --------------------------------------------------------------------------------- */

typedef struct world {
    const wg__vm_program *p;
    wg_nn *model;
    wg_optim *optim;
    wg__vm_run r;
    wg_tensor *loss;
    uint64_t more;  // of derivatives
} world;

/* Variables are parameters: dense, of the program's dtype. */
static wg_tensor *make_parameter(const world *w, int i) {
    char name[16];
    const wg__vm_leaf *leaf = &w->p->leaf[i];
    snprintf(name, sizeof name, "p%d", i);
    wg_tensor *x = wg_nn_param(w->model, name, w->p->dtype, leaf->shape, (wg_init){ 0 });
    wg_tensor *value = wg_from_f64(w->p->dtype, leaf->shape, leaf->value);
    return x && value && wg_copy(x, value) ? x : NULL;
}

static bool make(world *w) {
    wg__vm_run *r = &w->r;
    w->model = wg_nn_new(w->p->seed);
    r->variables = 0;
    for (int i = 0; w->model && i < w->p->leaves; i++) {
        const wg__vm_leaf *leaf = &w->p->leaf[i];
        wg_dtype dtype = leaf->kind == WG__FLOAT ? w->p->dtype : leaf->dtype;
        r->reg[i] = leaf->variable
                        ? make_parameter(w, i)
                        : wg__lay_out(dtype, &leaf->shape, leaf->value, leaf->layout, &r->base[i]);
        if (!r->reg[i]) return false;
        if (leaf->variable) r->x[r->variables] = r->reg[i], r->which[r->variables++] = i;
    }
    w->optim = w->p->choice[0] & 1
                   ? wg_optim_adam(w->model, (wg_adam_options){ .rate = 0.125 })
                   : wg_optim_sgd(w->model, (wg_sgd_options){ .rate = 0.125, .momentum = 0.5 });
    return w->optim != NULL;
}

static bool forward(world *w) {
    w->loss = NULL;
    if (!wg__vm_run_steps(w->p, false, &w->r)) return false;
    for (int j = 0; j < w->p->outputs; j++) {
        wg_tensor *sum = wg_sum(wg_cast(w->r.reg[w->p->output[j]], WG_F64));
        w->loss = w->loss ? wg_add(w->loss, sum) : sum;
    }
    return !wg__pending();
}

static bool has_gradient(const world *w) { return w->loss && wg_is_tracked(w->loss); }
static bool backward(world *w) { return !has_gradient(w) || wg_backward(w->loss); }

// Of the second order, recorded, in both modes.
static bool more(world *w) {
    wg_tensor *g[WG__VM_LEAVES];
    if (!has_gradient(w) || w->p->choice[0] & 2) return true;
    if (!wg_grad(w->loss, w->r.x, w->r.variables, g, (wg_grad_options){ 0 })) return false;
    for (int i = 0; i < w->r.variables; i++) w->more = mix(w->more, hash_of(g[i]));
    if (w->p->choice[0] & 4) return true;
    wg_tensor *dy = wg_jvp(w->loss, w->r.x, w->r.variables, g);
    w->more = mix(w->more, hash_of(dy));
    return dy != NULL;
}

static bool step(world *w) {
    bool any = false;
    for (int i = 0; i < w->r.variables; i++) any |= wg_gradient(w->r.x[i]) != NULL;
    return !any || wg_optim_step(w->optim);
}

static void look(const world *w, stage s, sight *to) {
    *to = (sight){ .result = w->more };
    for (int i = 0; s > MAKE && i < w->r.variables; i++) {
        to->value[i] = hash_of(w->r.x[i]);
        to->gradient[i] = hash_of(wg_gradient(w->r.x[i]));
    }
    if (s == FORWARD) to->result = hash_of(w->loss);
}

static void run(const wg__vm_program *p, story *to) {
    static bool (*const stages[STAGES])(world * w) = { make, forward, backward, backward,
                                                       more, step,    step };
    static world w;  // too large for small stacks
    w = (world){ .p = p };
    wg_scope *scope = wg_scope_open();
    to->done = 0;
    for (int s = 0; scope && s < STAGES; s++) {
        bool done = stages[s](&w) && !wg__pending();
        look(&w, done || s > MAKE ? (stage)s : MAKE, &to->after[s]);
        if (!done) break;
        to->done++;
    }
    wg_optim_free(w.optim);
    wg_nn_free(w.model);
    wg_scope_close(scope);
}

/* ---- what must hold -------------------------------------------------------------------------- */

static const char ORACLE[] = "O16 out of memory";

static bool same_leaves(const sight *a, const sight *b) {
    return memcmp(a->value, b->value, sizeof a->value) == 0 &&
           memcmp(a->gradient, b->gradient, sizeof a->gradient) == 0;
}

static void hold_story(const wg__vm_program *p, const story *got, const story *want,
                       const ledger *l) {
    const char *which = l->all ? "and all after it" : "alone";
    for (int s = 0; s < got->done; s++) {
        if (same_leaves(&got->after[s], &want->after[s]) &&
            got->after[s].result == want->after[s].result)
            continue;
        wg__fuzz_fail(p, ORACLE, "allocation %lld fails, %s: %s gives other bits",
                      (long long)l->fails, which, stage_name[s]);
    }
    int failed = got->done;
    if (failed <= FORWARD || failed == STAGES) return;
    if (!same_leaves(&got->after[failed], &want->after[failed - 1]))
        wg__fuzz_fail(p, ORACLE, "allocation %lld fails, %s: %s fails and has changed something",
                      (long long)l->fails, which, stage_name[failed]);
}

static void hold_status(const wg__vm_program *p, const story *got, const ledger *l) {
    bool whole = got->done == STAGES;
    if (whole && wg_error() != WG_OK)
        wg__fuzz_fail(p, ORACLE, "allocation %lld fails: all is done, and an error is pending",
                      (long long)l->fails);
    if (!whole && wg_error() != WG_ERROR_MEMORY)
        wg__fuzz_fail(p, ORACLE, "allocation %lld fails: %s fails with status %d, not for memory",
                      (long long)l->fails, stage_name[got->done], (int)wg_error());
}

static void hold_freed(const wg__vm_program *p, const ledger *l, const char *when) {
    if (wg__ctx()->memory.tensors != 0)
        wg__fuzz_fail(p, ORACLE, "%s, %lld tensors are left", when,
                      (long long)wg__ctx()->memory.tensors);
    wg_reset();
    if (l->live != 0)
        wg__fuzz_fail(p, ORACLE, "%s, %lld blocks are not given back", when, (long long)l->live);
}

// Allocations of an undisturbed run; 0 if it fails, as in f32 some may.
static int64_t measure(const wg__vm_program *p, story *whole) {
    ledger l = { .fails = -1 };
    wg_reset();
    wg_set_allocator(&(wg_allocator){ take, give, &l });
    run(p, whole);
    bool done = whole->done == STAGES;
    wg_error_clear();
    hold_freed(p, &l, "with memory");
    wg_set_allocator(NULL);
    return done ? l.calls : 0;
}

void wg__out_of_memory(const wg__vm_program *p) {
    static story whole, got;
    int64_t calls = measure(p, &whole), turn = p->choice[1] + 256 * p->choice[2];
    if (calls == 0) return;
    ledger l = { .fails = turn % calls, .all = p->choice[0] & 8 };
    wg_set_allocator(&(wg_allocator){ take, give, &l });
    run(p, &got);
    hold_status(p, &got, &l);
    hold_story(p, &got, &whole, &l);
    wg_error_clear();
    l.all = false;
    run(p, &got);
    if (got.done < STAGES)
        wg__fuzz_fail(p, ORACLE, "after allocation %lld failed, %s fails with memory",
                      (long long)l.fails, stage_name[got.done]);
    hold_story(p, &got, &whole, &l);
    hold_freed(p, &l, "afterwards");
    wg_set_allocator(NULL);
}

/* ---- a copy that no scope holds -------------------------------------------------------------- */

const wg__vm_program *wg__oom_keep(const wg__vm_program *p) {
    enum { ATTR = 512 };
    static wg__vm_program copy;
    static double value[WG__VM_LEAVES][WG__VM_ELEMENTS], attr[WG__VM_STEPS][ATTR / sizeof(double)];
    copy = *p;
    for (int i = 0; i < p->leaves; i++) {
        int64_t n = wg__numel(&p->leaf[i].shape);
        if (n > WG__VM_ELEMENTS) return NULL;
        if (n > 0) memcpy(value[i], p->leaf[i].value, (size_t)n * sizeof(double));
        copy.leaf[i].value = value[i];
    }
    for (int k = 0; k < p->steps; k++) {
        size_t size = p->step[k].op->attr_size;
        if (size > ATTR) return NULL;
        if (size > 0) memcpy(attr[k], p->step[k].attr, size);
        if (size > 0) copy.step[k].attr = attr[k];
    }
    return &copy;
}
