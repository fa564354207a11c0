// SPDX-License-Identifier: MIT
/* check_impl.h: what the files behind wg_op_selftest share.

   A trial is one sample in one dtype. Each oracle (a function of the trial) makes tensors of its
   own from the trial's numbers, so that one oracle cannot disturb the next; all of it is freed with
   a scope. */
#ifndef WG_CHECK_IMPL_H
#define WG_CHECK_IMPL_H

#include "autograd/check/sample_impl.h"

typedef enum wg__layout {
    WG__DENSE,
    WG__TRANSPOSED,  // last axis slowest
    WG__GAPS,      // every second element of every axis, from the second on, in an odd-sized block
    WG__NEGATIVE,  // all strides negative
    WG__SHIFTED,   // dense, but three elements into its block
    WG__FIRST_ZERO,  // stride 0 along the first axis that is longer than 1
    WG__LAST_ZERO,   // and along the last
    WG__LAYOUTS
} wg__layout;

/* What the reference gives: the value, and the derivative. */
typedef enum wg__channel { WG__VALUES, WG__SLOPES, WG__CHANNELS } wg__channel;

/* What a whole test has met. */
typedef struct wg__tally {
    int64_t kinks;
    int64_t measured;  // comparisons with differences that decided something
    int64_t whole[WG__CHANNELS],
        broken[WG__CHANNELS];  // numbers of the reference, for whole inputs
} wg__tally;

typedef enum wg__mode {
    WG__FIXED,
    WG__GENERAL,  // general position, as in the fixed samples
    WG__WHOLE,    // small whole numbers
    WG__SPECIAL   // infinities, NaN, zeros of both signs, denormals, huge
} wg__mode;

/* Comparisons that failed, to be looked at again: verdict.c. */
enum { WG__SUSPECTS = 16 };
typedef struct wg__suspect {
    int64_t ordinal;
    double gap, got_low, got_high, want_low, want_high;
} wg__suspect;
typedef struct wg__watch {
    bool again;
    bool hard;  // something failed that no scatter excuses
    int64_t ordinal;
    int count;
    wg__suspect suspect[WG__SUSPECTS];
} wg__watch;

enum { WG__NAME = 240 };  // bytes of an input's name in a report

typedef struct wg__trial {
    const wg_op *op;
    const wg__sample *sample;
    wg_selftest_report *report;
    wg__tally *tally;
    wg__watch *watch;  // NULL: what fails has failed
    bool brief;        // stops at the first failure
    bool ladder;       // a failure is looked at again, since the numbers are anyone's
    wg__mode mode;     // of a random case
    int64_t number;    // and which
    uint64_t seed;
    bool exactly;           // inputs are whole, and all of it f64
    bool strict;            // where the other side is whole, bounds are 0
    char sizes[64];         // how a random case changed the sample's sizes
    const wg_shape *shape;  // of what is being compared, for the message; may be NULL
    int input;              // which input's gradient that is; -1: none
    const char *oracle;
    const char *const *names;  // of the inputs; NULL: x[0], x[1] ...
    wg__layout layout;
    wg_dtype dtype;    // of the float inputs
    wg_dtype y_dtype;  // and of the result
    wg_shape y_shape;
    uint64_t floats;        // bit i: input i is a float
    uint64_t moving;        // the floats that a random case moves
    uint64_t always;        // inputs that are tracked even where nothing is asked of them
    bool differentiable;    // some input is a float, so is the result, and no flag says otherwise
    double largest;         // |x| of the float inputs
    double rel, value_rel;  // relative bounds of derivatives and of values
    const wg__layout *layouts;  // of each input, in place of `layout`; NULL: all alike
    bool constant;              // gradients that nobody differentiates, as wg_grad_options says
    bool single;                // something in between is f32, whatever the inputs are
    bool computed;              // directions are results of something, with rounding of their own
    const void *user;           // of whoever made the trial
    wg_tensor *const *plain;    // the inputs, dense and untracked
    double *value[WG_MAX_INPUTS];  // C order
    double *u[WG_MAX_INPUTS];      // directions in the space of the inputs; NULL if not floats
    double *v[WG_MAX_INPUTS];
    double *w;  // and in that of the result
} wg__trial;

/* ---- verdicts: verdict.c --------------------------------------------------------------------- */

/* Counts one comparison, and the first failure's text: |got - want| <= bound, where `index` is the
   element in C order, or -1. NaN fails, but NaN against NaN passes where a sample lists its
   values. */
bool wg__hold(wg__trial *t, int64_t index, double got, double want, double bound);
/* All n of them, within rel (|want| + floor). */
void wg__hold_all(wg__trial *t, const double *got, const double *want, int64_t n, double rel,
                  double floor);
void wg__hold_that(wg__trial *t, bool truth, const char *what);
/* Notes what the reference gives for whole inputs, and what the operation gives; and whether
   results are to meet the reference bit by bit from now on: it has given whole numbers only, many
   of them, without rounding any (value.c), and at first the values met it, so that the operation is
   made of sums and products. (A determinant by elimination is not.) */
void wg__note_whole(wg__trial *t, wg__channel channel, const double *want, int64_t n);
void wg__note_values(wg__trial *t, const double *got, const double *want, int64_t n);
bool wg__is_exact(const wg__trial *t, wg__channel channel);
void wg__fail_text(wg__trial *t, const char *what);
const char *wg__input_name(const wg__trial *t, int i, char text[WG__NAME]);
void wg__hold_no_error(wg__trial *t);  // a pending one is a failure, and cleared
typedef void wg__oracle(wg__trial *t);
/* Runs one in a scope of its own. */
void wg__consult(wg__trial *t, const char *name, wg__oracle *check);
/* What the bound of a derivative counts in besides the derivative itself, `largest` being the
   largest that goes with it. In f64 1e-3 (1 + |direction|) (1 + largest), directions being at most
   1.5. In f32 all of it: rules may cancel, softmax less a target for one, and f32 has no digits to
   spare for that. */
static inline bool wg__is_single(const wg__trial *t) {
    return t->single || t->dtype == WG_F32 || t->y_dtype == WG_F32;
}
static inline double wg__floor(const wg__trial *t, double largest) {
    return (wg__is_single(t) ? 1 : 2.5e-3) * (1 + largest);
}

/* wg_op_selftest, but only as far as the first failure: check.c. */
bool wg__selftest_brief(const wg_op *op, wg_check_report *report);

/* ---- the numbers of a trial: trial.c --------------------------------------------------------- */

/* Values by the sample and the mode, then directions. */
bool wg__draw(wg__trial *t, wg_random *r);
/* Only directions, for the values that are there: u, v, and what goes with them. */
bool wg__draw_directions(wg__trial *t, wg_random *r);
double *wg__draw_direction(const wg__trial *t, int64_t n, wg_random *r);
struct wg__run;
/* What the result's shape and dtype decide. */
void wg__set_bounds(wg__trial *t);
/* Applies the operation once, to learn what its result looks like, and draws w. */
bool wg__try(wg__trial *t, struct wg__run *plain, wg_random *r);

/* ---- tensors of a trial: case.c -------------------------------------------------------------- */

typedef struct wg__setting {
    wg_dtype dtype;
    wg__layout layout;
    uint64_t tracked;      // bit i: input i is a leaf, if it is a float
    double *const *value;  // NULL: the trial's
} wg__setting;

typedef struct wg__run {  // one application
    wg_tensor *in[WG_MAX_INPUTS];
    wg_tensor *base[WG_MAX_INPUTS];  // the block that in[i] is a view of, canaries and all
    wg_tensor *x[WG_MAX_INPUTS];     // the leaves among in[]
    int which[WG_MAX_INPUTS];        // and their places there
    int leaves;
    wg_tensor *y;
} wg__run;

/* Inputs only, and with the result; false after reporting. */
bool wg__run_inputs(const wg__trial *t, const wg__setting *s, wg__run *r);
bool wg__run_make(const wg__trial *t, const wg__setting *s, wg__run *r);
/* The trial's own dtype, dense, all float inputs tracked. */
bool wg__run_usual(const wg__trial *t, wg__run *r);
bool wg__run_grad(const wg__run *r, wg_tensor *gy, bool constant, wg_tensor *gx[]);
/* The tangent of y along direction[i] of each leaf i; NULL stands still. */
wg_tensor *wg__run_jvp(const wg__trial *t, const wg__run *r, double *const direction[]);
/* w as a tensor for y, in the trial's layout. */
wg_tensor *wg__seed_of(const wg__trial *t, const wg__run *r, const double *w);
wg_tensor *wg__lay_out(wg_dtype dtype, const wg_shape *shape, const double *values,
                       wg__layout layout, wg_tensor **base);
/* value[i] = the trial's + e * direction[i], in the innermost scope; false after reporting. */
bool wg__move(const wg__trial *t, double *const direction[], double e, double *value[]);
/* The axis that a layout gives stride 0, -1 for none. */
int wg__zero_axis(wg__layout layout, const wg_shape *shape);

double *wg__numbers(const wg_tensor *x);  // read out, in the innermost scope; NULL after reporting
double wg__most(const double *x, int64_t n);  // largest |x|
bool wg__same_bits(const wg_tensor *a, const wg_tensor *b);
double wg__dot(const double *a, const double *b, int64_t n);      // sum a b
double wg__dot_abs(const double *a, const double *b, int64_t n);  // sum |a b|
static inline bool wg__bit(uint64_t set, int i) { return set >> i & 1; }
static inline int64_t wg__size(const wg__trial *t, int i) {
    return wg__numel(&t->sample->in[i].shape);
}

// What is compared next, for the message: the gradient of input i.
static inline void wg__about_input(wg__trial *t, int i) {
    t->shape = &t->sample->in[i].shape, t->input = i;
}

/* ---- derivatives without rules: numeric.c ---------------------------------------------------- */

/* value + d for d = shift * along + i * 1e-100 * step, or value + d + d^2 / 2 if bent. NULL arrays,
   or NULL within, stand still. */
typedef struct wg__point {
    double *const *value, *const *along, *const *step;
    double shift;
    bool bent;
} wg__point;
static const double WG__STEP = 0x1p-340;  // a power of two: no rounding

/* The reference there, as many complex numbers as y has elements; NULL after reporting. */
const double complex *wg__reference(const wg__trial *t, const wg__point *p);
/* Imaginary parts over the step: the directional derivative, free of truncation and
   cancellation. */
double *wg__complex_step(const wg__trial *t, const wg__point *p);

/* f(s), with the sum of the sizes of its terms; NAN where f is not defined. */
typedef double wg__curve(void *user, double s, double *size);
typedef struct wg__slope {
    double value, error, size;  // size: of the terms of f
} wg__slope;
typedef enum wg__verdict { WG__AGREES, WG__DIFFERS, WG__UNDECIDED } wg__verdict;
enum { WG__RUNS = 4 };
/* Ridders' error is a difference of neighbours, an estimate and no bound: of a million random
   programs with right gradients, 10 of them make one run raise 3000 false alarms, and all four
   together 5. And 2e-9 of the derivative, since the rules' own rounding is granted 1e-9 everywhere
   else, and here two of them are compared. */
static const double WG__ERRORS = 10, WG__NEAR = 2e-9;
/* Whether `got` is f'(0), from values of f alone: four estimates, each with its own error, of which
   slope[*best] is the one with the smallest. `slack` is what got may be off by its own rounding. */
wg__verdict wg__consensus(wg__curve *f, void *user, double got, double slack,
                          wg__slope slope[WG__RUNS], int *best);
/* Whether f has different slopes to the left and to the right of 0. */
bool wg__has_kink(wg__curve *f, void *user);
/* Holds `got` against f'(0); what cannot be decided is counted as inconclusive: verdict.c. */
void wg__hold_slope(wg__trial *t, double got, wg__curve *f, void *user, double slack);

/* Makes values and directions, and w, such as `layout` can hold: memory.c. */
bool wg__fit_to(wg__trial *t, wg__layout layout);
bool wg__fit_w(wg__trial *t, wg__layout layout);

/* ---- random cases: random.c ------------------------------------------------------------------ */

void wg__run_random(const wg__trial *t, wg_selftest_options o);
/* One of them: fresh numbers for the sample `text`, by the trial's seed and `number`; it goes
   through what is cheap, and through one comparison that is not, `which` modulo their number. */
enum { WG__BY_CHANCE = -1 };  // a random one now and then
void wg__run_case(const wg__trial *t, const char *text, int64_t number, int which);
/* The same for a trial whose numbers and directions are there. */
void wg__hold_numbers(wg__trial *t, wg_random *r, int which);

/* ---- functions and records at one place: function.c blame.c ---------------------------------- */

/* Makes the trial one at these very values, s being its sample: f64 for floats, random directions
   by the trial's seed. */
bool wg__trial_at(wg__trial *t, wg__sample *s, wg_tensor *const x[], int n);
/* After a failure: rewrites the text to name the element, what each mode gives there, and the first
   record whose own rules are wrong. */
void wg__blame(wg__trial *t, int order);

/* Errors are provoked on purpose: no handler hears of them, and handler and recording state are put
   back: check.c. */
typedef struct wg__silence {
    wg__handler handler;
    wg_scope *scope;
    bool recording;
} wg__silence;
bool wg__silence_begin(wg__silence *s);  // false after reporting
void wg__silence_end(wg__silence *s);

/* ---- the tape in between: scale.c ------------------------------------------------------------ */

/* 1e-3 (1 + max |tangent|) (1 + max |adjoint|) over everything on the tape between the inputs,
   which move along u, and the result, whose cotangent is the trial's: where large numbers cancel,
   rounding is as large as they were. 0 for an operation that is one record. */
double wg__tape_floor(const wg__trial *t, const wg__run *r, double *const u[]);
/* Beyond which, or where something on the tape is infinite, a bound that scales with it would tell
   nothing: 1e-9 of this is 1000. */
static const double WG__TOO_LARGE = 1e12;
/* The largest tangent among them alone. */
double wg__tape_tangent(const wg__trial *t, const wg__run *r, double *const u[]);
/* And its largest finite value on the tape: scores, say, that softmax brings back to 1. */
double wg__tape_largest(const wg__trial *t, const wg__run *r);

/* <w, f(x + s u)>, a wg__curve: first.c. */
typedef struct wg__line {
    const wg__trial *t;
    double *const *u;
} wg__line;
double wg__along_line(void *user, double s, double *size);

/* ---- oracles --------------------------------------------------------------------------------- */

void wg__check_value(wg__trial *t);  // value.c
void wg__check_recording(wg__trial *t);
void wg__check_no_gradient(wg__trial *t);
void wg__check_constant(wg__trial *t);
void wg__check_writes(wg__trial *t);
void wg__check_absent(wg__trial *t);
void wg__check_bad(wg__trial *t);  // the sample must be refused
void wg__check_jvp(wg__trial *t);  // first.c
void wg__check_adjoint(wg__trial *t);
void wg__check_elements(wg__trial *t);
void wg__check_twin(wg__trial *t);  // reverse.c
void wg__check_fused(wg__trial *t);
void wg__check_cotangent(wg__trial *t);
void wg__check_doubling(wg__trial *t);
void wg__check_sum(wg__trial *t);
void wg__check_zero(wg__trial *t);
void wg__check_second(wg__trial *t);   // second.c
void wg__check_third(wg__trial *t);    // third.c
void wg__check_layouts(wg__trial *t);  // memory.c
void wg__check_saves(wg__trial *t);
void wg__check_masks(wg__trial *t);  // mask.c
void wg__check_ties(wg__trial *t);   // tie.c

#endif
