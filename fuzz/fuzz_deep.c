// SPDX-License-Identifier: MIT
/* fuzz_deep.c: graphs of 10^4 to 10^5 records, on a small stack, whose derivatives are known.

   Two numbers a and b go through a word of steps, each of which can be undone, and then through the
   word backwards, undone: a block. After any number of blocks they are what they were, and all that
   lies between is small and whole, though the paths through the graph are 2^records. On the way a
   sum gathers a, b and products of them, the same in each block: so value, gradient and Hessian are
   those of blocks * Q(x, y), a quadratic form, and every comparison is of whole numbers, bit for
   bit. Whatever recurses over records ends at the stack's; whatever visits one twice, in time. */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "autograd/autograd_impl.h"
#include "fuzz/must.h"

enum {
    STEPS = 12,   // of a word: no number in it then exceeds 2^12
    DOUBLES = 4,  // of these, that double, so that undone slopes keep to multiples of 2^-4
    SIZE = 4,     // elements of a leaf
    STACK = 256 << 10,
};

/* ---- the steps ------------------------------------------------------------------------------- */

typedef struct state {
    wg_tensor *a, *b, *sum;
} state;

/* What they are in terms of the leaves: a and b are linear forms, the sum is a quadratic one. */
typedef struct linear {
    double x, y;
} linear;
typedef struct form {
    linear a, b, sum;
    double xx, xy, yy;
} form;

static void add_to_a(state *s) { s->a = wg_add(s->a, s->b); }
static void sub_from_a(state *s) { s->a = wg_sub(s->a, s->b); }
static void add_to_b(state *s) { s->b = wg_add(s->a, s->b); }
static void sub_from_b(state *s) { s->b = wg_sub(s->b, s->a); }
static void negate(state *s) { s->a = wg_neg(s->a); }
static void twice(state *s) { s->b = wg_mul(s->b, wg_num(2)); }
static void halve(state *s) { s->b = wg_div(s->b, wg_num(2)); }
static void view(state *s) { s->a = wg_squeeze(wg_unsqueeze(s->a, 0), 0); }
static void swap(state *s) {
    wg_tensor *a = s->a;
    s->a = s->b, s->b = a;
}
static void gather_a(state *s) { s->sum = wg_add(s->sum, s->a); }
static void gather_ab(state *s) { s->sum = wg_add(s->sum, wg_mul(s->a, s->b)); }
static void gather_aa(state *s) { s->sum = wg_sub(s->sum, wg_square(s->a)); }
// One record of many inputs, all of which are one tensor.
static void gather_wide(state *s) {
    wg_tensor *all[32];
    for (int i = 0; i < 32; i++) all[i] = i % 2 ? s->a : s->b;
    s->sum = wg_add(s->sum, wg_sum_axes(wg_stack(all, 32, 0), WG_AXES(0), false));
}

static linear combine(linear p, double k, linear q) {
    return (linear){ p.x + k * q.x, p.y + k * q.y };
}
static void product(form *f, double k, linear p, linear q) {
    f->xx += k * p.x * q.x;
    f->xy += k * (p.x * q.y + p.y * q.x);
    f->yy += k * p.y * q.y;
}
static void form_add_to_a(form *f) { f->a = combine(f->a, 1, f->b); }
static void form_sub_from_a(form *f) { f->a = combine(f->a, -1, f->b); }
static void form_add_to_b(form *f) { f->b = combine(f->b, 1, f->a); }
static void form_sub_from_b(form *f) { f->b = combine(f->b, -1, f->a); }
static void form_negate(form *f) { f->a = combine(f->a, -2, f->a); }
static void form_twice(form *f) { f->b = combine(f->b, 1, f->b); }
static void form_view(form *f) { (void)f; }
static void form_swap(form *f) {
    linear a = f->a;
    f->a = f->b, f->b = a;
}
static void form_gather_a(form *f) { f->sum = combine(f->sum, 1, f->a); }
static void form_gather_ab(form *f) { product(f, 1, f->a, f->b); }
static void form_gather_aa(form *f) { product(f, -1, f->a, f->a); }
static void form_gather_wide(form *f) { f->sum = combine(combine(f->sum, 16, f->a), 16, f->b); }

typedef struct step {
    const char *name;
    void (*run)(state *s);
    void (*undo)(state *s);  // NULL: it only gathers
    void (*form)(form *f);
    int records;
} step;
static const step steps[] = {
    { "a += b", add_to_a, sub_from_a, form_add_to_a, 1 },
    { "a -= b", sub_from_a, add_to_a, form_sub_from_a, 1 },
    { "b += a", add_to_b, sub_from_b, form_add_to_b, 1 },
    { "b -= a", sub_from_b, add_to_b, form_sub_from_b, 1 },
    { "a = -a", negate, negate, form_negate, 1 },
    { "swap", swap, swap, form_swap, 0 },
    { "view of a", view, view, form_view, 2 },
    { "sum += a", gather_a, NULL, form_gather_a, 1 },
    { "sum += a b", gather_ab, NULL, form_gather_ab, 2 },
    { "sum -= a a", gather_aa, NULL, form_gather_aa, 2 },
    { "sum += 16 a + 16 b", gather_wide, NULL, form_gather_wide, 3 },
    { "b *= 2", twice, halve, form_twice, 1 },
};
enum { KINDS = sizeof steps / sizeof *steps };

/* ---- plans ----------------------------------------------------------------------------------- */

typedef enum question { BACKWARD, GRAD, JVP, HVP, AGAIN, TWICE, REACHES, QUESTIONS } question;
// Records that the question makes, and the value, for one of the value alone.
static const int records_of[QUESTIONS] = { 1, 1, 3, 5, 1, 6, 1 };
typedef enum scopes { NO_SCOPES, IN_A_ROW, NESTED, SCOPES } scopes;
typedef struct plan {
    const step *word[STEPS];
    int steps, records, blocks;
    scopes scopes;
    bool checkpoints;  // a word is recomputed, a whole one at a time; it then gathers outside
    bool timed;
    question question;
    wg_shape shape;
    double x[SIZE], y[SIZE], u[SIZE], v[SIZE];  // leaves, and directions in which they move
} plan;

/* Of the tape in the end, with what the question records; 255 asks for 10^5. */
static const int sizes[] = { 10000, 10000, 10000, 12000, 10000, 14000, 10000, 20000 };

static bool doubles(const step *s) { return s->run == twice; }

static void read_word(plan *p, const uint8_t *byte, size_t size) {
    int doubled = 0, cost = 0;
    for (size_t k = 0; k < size && p->steps < STEPS; k++) {
        const step *s = &steps[byte[k] % KINDS];
        if (doubles(s) && doubled++ == DOUBLES) continue;
        p->word[p->steps++] = s;
        cost += s->records * (s->undo ? 2 : 1);
    }
    if (cost == 0) p->steps = 1, p->word[0] = &steps[0], cost = 2;
    // A checkpoint is a record, but what it runs is run again: for each of two results, both ways.
    p->blocks = p->records / (p->checkpoints ? 4 * cost : cost) + 1;
}

static void read_values(plan *p, const uint8_t *byte) {
    for (int k = 0; k < SIZE; k++) {
        p->x[k] = byte[0] % 7 + k - 3;
        p->y[k] = byte[1] % 7 - 2 * k;
        p->u[k] = byte[0] / 7 % 5 - 2 + k % 2;
        p->v[k] = byte[1] / 7 % 5 - 2;
    }
}

/* Eight bytes of settings, then the word. */
static plan read_plan(const uint8_t *data, size_t size) {
    static const wg_shape shapes[] = { { 0 },
                                       { 1, { 1 } },
                                       { 1, { 4 } },
                                       { 2, { 2, 2 } },
                                       { 1, { 0 } },
                                       { 0 },
                                       { 7, { 1, 1, 1, 1, 1, 1, 3 } },
                                       { 0 } };
    uint8_t head[8] = { 0 };
    memcpy(head, data, size < 8 ? size : 8);
    plan p = { .records = sizes[head[0] % 8],
               .scopes = head[1] % SCOPES,
               .question = head[2] % QUESTIONS };
    if (head[0] == 255) p.records = 100000;
    p.records /= records_of[p.question];
    p.checkpoints = head[3] % 4 == 3;
    p.timed = head[3] == 254;
    p.shape = shapes[head[4] % 8];
    read_values(&p, head + 5);
    read_word(&p, data + (size < 8 ? size : 8), size < 8 ? 0 : size - 8);
    return p;
}

static void print_plan(const plan *p) {
    char shape[100];
    static const char *const scope_words[] = { "no scopes", "scopes in a row", "nested scopes" };
    fprintf(stderr, "leaves x %s of %g, y of %g; %d blocks of",
            wg_shape_text(p->shape, shape, sizeof shape), p->x[0], p->y[0], p->blocks);
    for (int k = 0; k < p->steps; k++) fprintf(stderr, " [%s]", p->word[k]->name);
    fprintf(stderr, " and back, %s%s\n", scope_words[p->scopes],
            p->checkpoints ? ", each word in checkpoints" : "");
}

#define HOLD(p, condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "WENGERT FUZZ: deep: %s:%d: %s does not hold: %s\n", __FILE__,         \
                    __LINE__, #condition, wg_error_message());                                     \
            print_plan(p);                                                                         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* ---- the graph ------------------------------------------------------------------------------- */

static void run_word(const plan *p, bool gathers, state *s) {
    for (int k = 0; k < p->steps; k++)
        if (gathers || p->word[k]->undo) p->word[k]->run(s);
}
static void undo_word(const plan *p, state *s) {
    for (int k = p->steps - 1; k >= 0; k--)
        if (p->word[k]->undo) p->word[k]->undo(s);
}

typedef struct part {  // of a word, as a checkpointed function
    const plan *plan;
    bool undone, second;
} part;
static wg_tensor *run_part(void *user, wg_tensor *const x[], int n) {
    const part *f = user;
    state s = { .a = x[0], .b = x[n - 1] };
    if (f->undone)
        undo_word(f->plan, &s);
    else
        run_word(f->plan, false, &s);
    return f->second ? s.b : s.a;
}

/* The functions live as long as what they made. */
static void run_checkpoints(part f[4], state *s) {
    for (int k = 0; k < 4; k += 2) {
        wg_tensor *in[] = { s->a, s->b };
        s->a = wg_checkpoint(run_part, &f[k], in, 2);
        s->b = wg_checkpoint(run_part, &f[k + 1], in, 2);
    }
}

static void run_block(const plan *p, part f[4], state *s) {
    run_word(p, true, s);
    undo_word(p, s);
    if (p->checkpoints) run_checkpoints(f, s);
}

static wg_tensor *run_blocks(const plan *p, part f[4], wg_tensor *x, wg_tensor *y) {
    state s = { x, y, wg_zeros_like(x) };
    for (int k = 0; k < p->blocks; k++) {
        wg_scope *scope = p->scopes == NO_SCOPES ? NULL : wg_scope_open();
        run_block(p, f, &s);
        if (p->scopes != IN_A_ROW) continue;
        wg_keep(s.a), wg_keep(s.b), wg_keep(s.sum);
        wg_scope_close(scope);
    }
    s.sum = wg_add(wg_add(s.sum, s.a), wg_add(s.b, s.b));
    return wg_sum(s.sum);
}

/* ---- what must come out ---------------------------------------------------------------------- */

/* The loss is the sum over elements of `value`, its gradient in each is (gx, gy), its Hessian there
   times (u, v) is (hx, hy). */
typedef struct truth {
    double value, slope;  // slope: along (u, v)
    double gx[SIZE], gy[SIZE], hx[SIZE], hy[SIZE];
} truth;

static truth make_truth(const plan *p) {
    form f = { .a = { 1, 0 }, .b = { 0, 1 } };
    for (int k = 0; k < p->steps; k++) p->word[k]->form(&f);
    truth t = { 0 };
    double n = p->blocks;
    for (int64_t k = 0; k < wg_shape_numel(p->shape); k++) {
        double x = p->x[k], y = p->y[k], u = p->u[k], v = p->v[k];
        t.gx[k] = n * (f.sum.x + 2 * f.xx * x + f.xy * y) + 1;
        t.gy[k] = n * (f.sum.y + 2 * f.yy * y + f.xy * x) + 2;
        t.hx[k] = n * (2 * f.xx * u + f.xy * v);
        t.hy[k] = n * (2 * f.yy * v + f.xy * u);
        t.value += n * (f.sum.x * x + f.sum.y * y + f.xx * x * x + f.xy * x * y + f.yy * y * y);
        t.value += x + 2 * y;
        t.slope += t.gx[k] * u + t.gy[k] * v;
    }
    return t;
}

/* ---- what is asked --------------------------------------------------------------------------- */

typedef struct world {
    const plan *plan;
    const truth *truth;
    wg_tensor *x[2], *move[2], *loss;
} world;

static bool is_exactly(const wg_tensor *x, const double *want) {
    double got[SIZE] = { 0 };
    if (!x || !wg_read_f64(x, got, wg_numel(x))) return false;
    for (int64_t k = 0; k < wg_numel(x); k++)
        if (!(got[k] == want[k])) return false;
    return true;
}
static void hold_pair(const world *w, wg_tensor *const g[2], const double *x, const double *y) {
    HOLD(w->plan, is_exactly(g[0], x));
    HOLD(w->plan, is_exactly(g[1], y));
}

static void ask_backward(const world *w) {
    HOLD(w->plan, wg_backward(w->loss));
    hold_pair(w, (wg_tensor *[]){ wg_gradient(w->x[0]), wg_gradient(w->x[1]) }, w->truth->gx,
              w->truth->gy);
}
// What is gathered doubles.
static void ask_again(const world *w) {
    double gx[SIZE], gy[SIZE];
    ask_backward(w);
    for (int k = 0; k < SIZE; k++) gx[k] = 2 * w->truth->gx[k], gy[k] = 2 * w->truth->gy[k];
    HOLD(w->plan, wg_backward(w->loss));
    hold_pair(w, (wg_tensor *[]){ wg_gradient(w->x[0]), wg_gradient(w->x[1]) }, gx, gy);
}
static void ask_grad(const world *w) {
    wg_tensor *g[2];
    HOLD(w->plan, wg_grad(w->loss, w->x, 2, g, (wg_grad_options){ .constant = true }));
    hold_pair(w, g, w->truth->gx, w->truth->gy);
}
static void ask_jvp(const world *w) {
    HOLD(w->plan, is_exactly(wg_jvp(w->loss, w->x, 2, w->move), &w->truth->slope));
}
static void ask_hvp(const world *w) {
    wg_tensor *h[2];
    HOLD(w->plan, wg_hvp(w->loss, w->x, 2, w->move, h));
    hold_pair(w, h, w->truth->hx, w->truth->hy);
}
static void ask_twice(const world *w) {
    wg_tensor *g[2], *h[2];
    HOLD(w->plan, wg_grad(w->loss, w->x, 2, g, (wg_grad_options){ 0 }));
    hold_pair(w, g, w->truth->gx, w->truth->gy);
    wg_tensor *along = wg_add(wg_sum(wg_mul(g[0], w->move[0])), wg_sum(wg_mul(g[1], w->move[1])));
    HOLD(w->plan, wg_grad(along, w->x, 2, h, (wg_grad_options){ 0 }));
    hold_pair(w, h, w->truth->hx, w->truth->hy);
}
static void ask_reaches(const world *w) {
    bool reached[2];
    wg_tensor *other = wg_variable(wg_zeros(WG_F64, WG_SCALAR));
    HOLD(w->plan, wg_reaches(w->loss, w->x, 2, reached) && reached[0] && reached[1]);
    HOLD(w->plan, wg_reaches(w->loss, &other, 1, reached) && !reached[0]);
    HOLD(w->plan, wg_reaches(other, w->x, 2, reached) && !reached[0] && !reached[1]);
}

static void (*const questions[QUESTIONS])(const world *w) = {
    [BACKWARD] = ask_backward, [GRAD] = ask_grad,   [JVP] = ask_jvp,         [HVP] = ask_hvp,
    [AGAIN] = ask_again,       [TWICE] = ask_twice, [REACHES] = ask_reaches,
};

static void run_plan(const plan *p) {
    truth t = make_truth(p);
    part parts[] = {
        { p, false, false }, { p, false, true }, { p, true, false }, { p, true, true }
    };
    world w = { .plan = p, .truth = &t };
    wg_scope *scope = wg_scope_open();
    w.x[0] = wg_variable(wg_from_f64(WG_F64, p->shape, p->x));
    w.x[1] = wg_variable(wg_from_f64(WG_F64, p->shape, p->y));
    w.move[0] = wg_from_f64(WG_F64, p->shape, p->u);
    w.move[1] = wg_from_f64(WG_F64, p->shape, p->v);
    w.loss = run_blocks(p, parts, w.x[0], w.x[1]);
    HOLD(p, is_exactly(w.loss, &t.value));
    questions[p->question](&w);
    wg_scope_close(scope);
    HOLD(p, wg_error() == WG_OK && wg__ctx()->memory.tensors == 0);
}

/* ---- time and stack -------------------------------------------------------------------------- */

static double seconds_of(const plan *p) {
    struct timespec start, end;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    run_plan(p);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    return (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
}

/* Twice the records may take three times as long: what no longer fits the caches costs more. Four
   would be quadratic. The best of several, for a machine that does other things as well. */
static void run_timed(const plan *p) {
    plan more = *p;
    more.blocks *= 2;
    double once = seconds_of(p), twofold = seconds_of(&more);
    for (int k = 0; k < 6 && !(twofold <= 3 * once); k++) {
        double again = seconds_of(p), again_twofold = seconds_of(&more);
        once = again < once ? again : once;
        twofold = again_twofold < twofold ? again_twofold : twofold;
    }
    HOLD(p, twofold <= 3 * once);
}

/* One thread for all inputs, so that it finds its memory in its cache; `turn` passes between it and
   the fuzzer's own. The same stack with sanitizers, where frames are larger: the library needs
   little, and what recurses over 10^4 records overflows any such stack. */
typedef struct worker {
    pthread_mutex_t lock;
    pthread_cond_t passed;
    const plan *todo;  // NULL: the fuzzer's turn
} worker;

static void *work(void *of) {
    worker *w = of;
    wg_on_error(NULL, NULL);
    for (;;) {
        pthread_mutex_lock(&w->lock);
        while (!w->todo) pthread_cond_wait(&w->passed, &w->lock);
        if (w->todo->timed)
            run_timed(w->todo);
        else
            run_plan(w->todo);
        w->todo = NULL;
        pthread_cond_signal(&w->passed);
        pthread_mutex_unlock(&w->lock);
    }
    return NULL;
}

static void begin_work(worker *w) {
    pthread_attr_t small;
    pthread_t thread;
    MUST(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, STACK) == 0);
    MUST(pthread_create(&thread, &small, work, w) == 0);
    pthread_attr_destroy(&small);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static worker w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL };
    static bool begun;
    plan p = read_plan(data, size);
    if (!begun) begin_work(&w);
    begun = true;
    pthread_mutex_lock(&w.lock);
    w.todo = &p;
    pthread_cond_signal(&w.passed);
    while (w.todo) pthread_cond_wait(&w.passed, &w.lock);
    pthread_mutex_unlock(&w.lock);
    return 0;
}
