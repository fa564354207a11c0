// SPDX-License-Identifier: MIT
/* schedule.h: how the rate changes while training goes on. A schedule is a value: a factor of the
   optimiser's own rate for each step t = 0, 1, ...

       wg_optim_schedule(adam, wg_schedule_then(wg_schedule_warmup(500), 500,   // 500 steps up
                                                wg_schedule_cosine(9500, 0)));  // then down to 0

   From then on a step uses rate * factor(t), t being the steps that the optimiser has made, and
   with groups each one's own rate; wg_optim_rate still tells the rate without the factor. The
   momentum stays as it is (PyTorch's one-cycle and cyclic schedules change it too).

   The optimiser's rate is the peak: where the numbers given to it are at most 1, so is a schedule.
   `least` is the lowest value, as a part of that peak. Beyond its end a schedule stays where it
   ended. Options out of range are reported and give a schedule that no optimiser takes. */
#ifndef WG_OPTIM_SCHEDULE_H
#define WG_OPTIM_SCHEDULE_H

#include "tensor/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A product of pieces, each with a range of steps of its own. All zeros is the constant 1. It holds
   everything by value (but for what a function of your own points to), so it can be copied, and
   handed on from one expression to the next. */
typedef struct wg_schedule_piece {
    double (*factor)(const struct wg_schedule_piece *p, int64_t t);  // t counts from `from`
    int64_t from, until;                                             // outside, the factor is 1
    double number[10];
    double (*own)(int64_t t, void *user);
    void *user;
} wg_schedule_piece;
enum { WG_SCHEDULE_PIECES = 8 };
typedef struct wg_schedule {
    int pieces;  // -1: refused when it was made
    wg_schedule_piece piece[WG_SCHEDULE_PIECES];
} wg_schedule;

/* The factor of step t, counted from 0; NaN for NULL, t < 0 and a schedule that was refused. */
WG_API double wg_schedule_at(const wg_schedule *s, int64_t t);

struct wg_optim;
/* Attaches a copy; a schedule of zeros, (wg_schedule){ 0 }, takes the last one off. A step whose
   factor is negative or not finite is an error and changes nothing. */
WG_API bool wg_optim_schedule(struct wg_optim *o, wg_schedule s);
/* What the next step uses: rate * factor(steps made). NaN for NULL. */
WG_API double wg_optim_rate_now(const struct wg_optim *o);

/* ---- putting together ------------------------------------------------------------------------ */

/* `first` for `steps` steps, then `second` from its own step 0 on (PyTorch: SequentialLR). Each
   schedule below is one piece, if it does not say otherwise; more than WG_SCHEDULE_PIECES together
   is an error. */
WG_API wg_schedule wg_schedule_then(wg_schedule first, int64_t steps, wg_schedule second);
/* The product of both (PyTorch: ChainedScheduler). */
WG_API wg_schedule wg_schedule_times(wg_schedule a, wg_schedule b);
/* A function of yours. What `user` points to must outlive the optimiser. */
WG_API wg_schedule wg_schedule_own(double (*factor)(int64_t t, void *user), void *user);

/* ---- one after the other --------------------------------------------------------------------- */

/* factor, which is finite and not negative. */
WG_API wg_schedule wg_schedule_constant(double factor);
/* factor^floor(t / every). PyTorch: StepLR. */
WG_API wg_schedule wg_schedule_step(int64_t every, double factor);
/* factor^t. PyTorch: ExponentialLR. */
WG_API wg_schedule wg_schedule_exponential(double factor);
/* from + (to - from) min(t, n) / n, n = steps. PyTorch: LinearLR. */
WG_API wg_schedule wg_schedule_linear(double from, double to, int64_t steps);
/* min(1, (t + 1) / (steps + 1)) (Goyal et al. 2017): from the first step on it learns, and step
   `steps` is the first at the full rate. */
WG_API wg_schedule wg_schedule_warmup(int64_t steps);
/* least + (1 - least) (1 - min(t, n) / n)^power, n = steps. PyTorch: PolynomialLR. */
WG_API wg_schedule wg_schedule_polynomial(int64_t steps, double power, double least);
/* least + (1 - least) (1 + cos(pi min(t, n) / n)) / 2, n = steps (Loshchilov and Hutter 2017).
   PyTorch: CosineAnnealingLR, which goes up again beyond the end. */
WG_API wg_schedule wg_schedule_cosine(int64_t steps, double least);
/* min(s / w, sqrt(w / s)), s = t + 1, w = warmup: linear up to 1 at s = w, then down with the
   inverse square root (Vaswani et al. 2017, whose rate has the factor 1 / sqrt(d w) besides). */
WG_API wg_schedule wg_schedule_inverse_sqrt(int64_t warmup);

/* factor^k, k being how many of the steps in `at` are <= t. PyTorch: MultiStepLR. */
typedef struct wg_multistep_options {
    int64_t at[8];  // ascending, from 1 on; 0 behind the last
    double factor;  // 0.1
} wg_multistep_options;
WG_API wg_schedule wg_schedule_multistep(wg_multistep_options o);

/* Cosine again and again (Loshchilov and Hutter 2017): least + (1 - least) (1 + cos(pi r / n)) / 2,
   r being the steps since the last restart and n the length of the cycle, which is `period` at
   first and `growth` times as long after each. PyTorch: CosineAnnealingWarmRestarts. */
typedef struct wg_restarts_options {
    int64_t period;
    int64_t growth;  // 1
    double least;    // 0
} wg_restarts_options;
WG_API wg_schedule wg_schedule_restarts(wg_restarts_options o);

/* One cycle (Smith and Topin 2018): from `start` at t = 0 up to 1 at k = rise n - 1, n = steps, and
   down to `end` at n - 1; in three phases down to `start` at 2 k, and to `end` at n - 1. k need be
   no whole number. PyTorch: OneCycleLR, without the momentum. */
typedef struct wg_one_cycle_options {
    int64_t steps;     // of all the training
    double rise;       // 0.3: the part of the steps that goes up
    double start;      // 1/25
    double end;        // start / 10000
    bool linear;       // else each phase is half a cosine
    bool three_phase;  // wants rise <= 0.5
} wg_one_cycle_options;
WG_API wg_schedule wg_schedule_one_cycle(wg_one_cycle_options o);

/* Up and down between `least` and 1 (Smith 2017): least + (1 - least) h s. The height h goes from 0
   to 1 in `rise` steps and back in `fall`; s = decay^t, or with `halve` 2^-c in cycle c = 0, 1, ...
   PyTorch: CyclicLR (triangular, exp_range, triangular2), without the momentum. */
typedef struct wg_cyclic_options {
    int64_t rise;
    int64_t fall;  // rise
    double least;  // 0
    double decay;  // 1
    bool halve;    // the height in each cycle; not together with decay
} wg_cyclic_options;
WG_API wg_schedule wg_schedule_cyclic(wg_cyclic_options o);

/* Warm-up, stable, decay (Hu et al. 2024): wg_schedule_warmup(warmup), then 1 for `stable` steps,
   then in `decay` steps down to `least`, with x from 0 to 1: 1 - (1 - least) x, or with `sqrt`
   1 - (1 - least) sqrt(x) (Haegele et al. 2024). Takes two pieces. */
typedef struct wg_wsd_options {
    int64_t warmup, stable;  // 0, 0
    int64_t decay;
    double least;  // 0
    bool sqrt;
} wg_wsd_options;
WG_API wg_schedule wg_schedule_wsd(wg_wsd_options o);

/* ---- by what is measured: plateau.c ---------------------------------------------------------- */

/* Multiplies the optimiser's rate and those of its groups by `factor` when `value` has not become
   better for more than `patience` calls in a row; a schedule may be attached as well. Better is
   less than best (1 - threshold), or with `absolute` best - threshold; with `larger` more than best
   (1 + threshold), or best + threshold. Then `cooldown` calls count for nothing. PyTorch:
   ReduceLROnPlateau.

       wg_plateau p = { .patience = 5 };
       wg_plateau_step(&p, adam, validation_loss);  // after each epoch */
typedef struct wg_plateau {
    bool larger;       // the value is to grow, as an accuracy
    bool absolute;     // the threshold is
    double factor;     // 0.1
    double threshold;  // 1e-4
    double least;      // 0: the optimiser's own rate goes no lower, nor the others' from there
    int64_t patience;  // 0: the first one that is no better lowers the rate
    int64_t cooldown;  // 0
    // From here on it keeps its own books, which start at zero.
    int64_t calls, bad, cooling, lowered;
    double best;
} wg_plateau;
/* False after an error: NULL, options out of range. NaN is no better than anything, and
   everything else is better than NaN. */
WG_API bool wg_plateau_step(wg_plateau *p, struct wg_optim *o, double value);

#ifdef __cplusplus
}
#endif
#endif
