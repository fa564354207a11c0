// SPDX-License-Identifier: MIT
/* fit.c: the training loop. Of all weights that were ever better than those before, one copy is
   kept. It is written with the library's public functions only: the proof that a loop by hand is
   as short. */
#include <math.h>
#include <string.h>

#include "train/fit_impl.h"

typedef struct fit {
    wg_net *net;
    wg_cost *cost;
    wg_data *train, *validation;
    wg_fit_options o;
    wg_fit_report r;
    wg_nn *best;  // NULL: nothing to give back yet
    wg_metric *metric;
    wg_tensor *history;  // of which r.epochs rows are filled
    int64_t classes;     // that the net gives scores of; 0: it does not, or labels are no integers
    FILE *curves;
    wg__progress progress;
    double began;
    // Of this start:
    wg_nn *m;
    wg_optim *optim;
    uint64_t seed;
    wg_fit_facts now;
    double best_score;
    int best_epoch;
    bool stopped;
} fit;

/* ---- arguments ------------------------------------------------------------------------------- */

static bool fail(const char *what) { return wg_fail(WG_ERROR_ARGUMENT, "nn_fit: %s", what); }

static bool numbers_valid(const wg_fit_options *o) {
    if (o->epochs < 0 || o->batch < 0 || o->restarts < 0 || o->patience < 0)
        return wg_fail(WG_ERROR_ARGUMENT,
                       "nn_fit: %d epochs in batches of %lld, %d restarts, patience %d; wanted are "
                       "numbers from 0 on",
                       o->epochs, (long long)o->batch, o->restarts, o->patience);
    if (o->clip_norm >= 0 && isfinite(o->clip_norm)) return true;
    return wg_fail(WG_ERROR_ARGUMENT, "nn_fit: clip_norm is %g", o->clip_norm);
}

static bool sets_valid(const fit *f) {
    int64_t n = wg_data_size(f->train);
    if (n == 0) return fail("the training set is empty");
    if (f->validation && wg_data_size(f->validation) == 0)
        return fail("the validation set is empty");
    if (!f->o.drop_last || n >= f->o.batch) return true;
    return wg_fail(WG_ERROR_ARGUMENT,
                   "nn_fit: drop_last leaves no batch of %lld from %lld training samples",
                   (long long)f->o.batch, (long long)n);
}

static bool metric_valid(const wg_fit_options *o) {
    if (o->metric && o->by_loss) return fail("a metric is given, and by_loss, which is none");
    if (!o->metric && o->smaller) return fail("smaller is said of a metric, and none is given");
    if (!o->metric && o->metric_name)
        return wg_fail(WG_ERROR_ARGUMENT, "nn_fit: the metric_name is %s, and no metric is given",
                       o->metric_name);
    return true;
}

// Else the picture, NAME.svg, could not be told from the numbers.
static bool curves_valid(const char *path) {
    size_t length = path ? strlen(path) : 0;
    if (!path || (length > 4 && strcmp(path + length - 4, ".csv") == 0)) return true;
    return wg_fail(WG_ERROR_ARGUMENT, "nn_fit: curves is \"%s\", wanted is a NAME.csv", path);
}

static bool valid(const fit *f) {
    if (wg_error()) return false;
    if (!f->cost) return fail("the cost is NULL");
    if (!f->train) return fail("the training set is NULL");
    if (wg_optim_spec_is_refused(f->o.optim))
        return fail("the optimiser was refused when it was made");
    if (f->o.metric && !f->net) return fail("the net is NULL, and a metric is wanted");
    return numbers_valid(&f->o) && metric_valid(&f->o) && curves_valid(f->o.curves) &&
           sets_valid(f);
}

static wg_fit_options with_defaults(wg_fit_options o) {
    if (o.epochs == 0) o.epochs = 10;
    if (o.batch == 0) o.batch = 32;
    if (o.restarts == 0) o.restarts = 1;
    bool left_out = !o.optim.rule && !wg_optim_spec_is_refused(o.optim);
    if (left_out && !wg_error()) o.optim = wg_adam((wg_adam_options){ 0 });
    return o;
}

/* ---- the first look -------------------------------------------------------------------------- */

static void count_classes(fit *f, const wg_tensor *out, const wg_tensor *y) {
    if (!out || wg_dtype_is_float(wg_dtype_of(y)) || wg_rank(out) != wg_rank(y) + 1) return;
    f->classes = wg_dim(out, -1) == 1 ? 2 : wg_dim(out, -1);
}

static void choose_metric(fit *f) {
    f->metric = f->o.by_loss ? NULL : f->o.metric;
    f->progress.metric = f->o.metric_name ? f->o.metric_name : "metric";
    if (f->metric == wg_metric_accuracy ||
        (f->classes > 0 && f->validation && !f->o.metric && !f->o.by_loss)) {
        f->metric = wg_metric_accuracy;
        f->progress.share = true;
        if (!f->o.metric_name) f->progress.metric = "accuracy";
    }
    if (!f->metric) f->progress.metric = NULL;
}

// One batch through the net, for its parameters and for what it gives.
static bool look(fit *f) {
    wg_batch b = { .size = f->o.batch, .in_order = true };
    if (!wg_data_next(f->train, &b)) return false;
    bool training = wg_nn_train(f->m, false), recording = wg_recording(false);
    wg_scope *scope = wg_scope_open();
    const wg_tensor *out = f->net ? f->net(f->m, b.x) : NULL;
    if (f->net && !out && !wg_error()) fail("the net returned NULL");
    if (!wg_error()) count_classes(f, out, b.y);
    if (!wg_error()) f->cost(f->m, b.x, b.y);
    if (!wg_error()) choose_metric(f);
    wg_scope_close(scope);
    wg_recording(recording);
    wg_nn_train(f->m, training);
    return !wg_error();
}

/* ---- steps ----------------------------------------------------------------------------------- */

static bool ask(const fit *f, wg_fit_callback *callback, const wg_fit_facts *facts) {
    return (!callback || callback(f->o.user, facts)) && !(f->o.stop && *f->o.stop);
}

/* A batch to be learned. */
typedef struct task {
    const fit *f;
    wg_tensor *x, *y;
    bool again;  // a method may evaluate more than once, also where the loss is not finite
} task;

static wg_tensor *objective(void *user) {
    task *t = user;
    const wg_fit_facts *now = &t->f->now;
    wg_tensor *loss = t->f->cost(t->f->m, t->x, t->y);  // ()
    if (!loss) fail("the cost returned NULL");
    if (!t->again && wg_numel(loss) == 1 && !isfinite(wg_item(loss)))
        wg_fail(WG_ERROR_NUMERIC, "nn_fit: the loss is %g in step %lld of epoch %d, start %d",
                wg_item(loss), (long long)now->step + 1, now->epoch, now->start);
    t->again = true;
    return wg_error() ? NULL : loss;
}

static bool learn(fit *f, const wg_batch *b) {
    double loss;
    wg_scope *scope = wg_scope_open();
    bool good = wg_optim_minimize_by(f->optim, objective, &(task){ f, b->x, b->y, false }, &loss);
    wg_scope_close(scope);
    f->now.loss = good ? loss : NAN;
    return good;
}

// The mean loss over an epoch; NaN where it was not finished.
static double run_epoch(fit *f) {
    double sum = 0;
    int64_t samples = 0;
    wg_batch b = { .size = f->o.batch, .drop_last = f->o.drop_last, .augment = f->o.augment };
    wg_random r = { .seed = f->seed, .stream = (uint64_t)f->now.epoch };
    b.seed = wg_random_u64(&r);
    while (wg_data_next(f->train, &b)) {
        if (!learn(f, &b)) return NAN;
        f->now.step++;
        f->now.seconds = wg__seconds() - f->began;
        sum += f->now.loss * (double)wg_dim(b.x, 0);
        samples += wg_dim(b.x, 0);
        wg__progress_step(&f->progress, &f->now);
        f->stopped = !ask(f, f->o.after_step, &f->now);
        if (f->stopped || wg_error()) return NAN;
    }
    return wg_error() ? NAN : sum / (double)samples;
}

/* ---- epochs ---------------------------------------------------------------------------------- */

static double measure(const fit *f) {
    wg_data *d = f->validation ? f->validation : f->train;
    if (!f->metric) return NAN;
    if (f->metric == wg_metric_accuracy) return wg_nn_accuracy(f->m, f->net, d);
    return wg_nn_measure(f->m, f->net, d, f->metric);
}

// The larger the better.
static double score_of(const fit *f, const wg_fit_row *row) {
    if (f->metric) return f->o.smaller ? -row->metric : row->metric;
    return f->validation ? -row->validation : -row->loss;
}

// NaN is never better; as the best so far it says that there is none.
static bool exceeds(double score, double best) {
    return !isnan(score) && (isnan(best) || score > best);
}

/* The weights as well, if they are better than those of all epochs of all starts. While none could
   be judged, the latest are as good as any. */
static bool keep(fit *f, const wg_fit_row *row) {
    bool judged = f->r.best.epoch > 0;
    bool better = exceeds(score_of(f, row), judged ? score_of(f, &f->r.best) : NAN);
    if (judged && !better) return true;
    if (!wg_nn_copy(f->best, f->m)) return false;
    if (better) f->r.best = *row;
    return true;
}

static bool record(fit *f, const wg_fit_row *row) {
    if (!wg__history_add(&f->history, f->r.epochs, row)) return false;
    f->r.epochs++;
    return !f->curves || wg__curves_add(f->curves, f->o.curves, row);
}

// False when it is over: all is recorded, but for an epoch that was not finished.
static bool epoch(fit *f) {
    wg_fit_facts *now = &f->now;
    now->step = 0, now->better = false;
    now->rate = wg_optim_rate_now(f->optim);
    now->validation = now->metric = NAN;
    f->progress.began = wg__seconds();
    now->loss = run_epoch(f);
    if (f->stopped || wg_error()) return false;
    if (f->validation) now->validation = wg_nn_loss(f->m, f->cost, f->validation);
    now->metric = measure(f);
    if (wg_error()) return false;
    now->seconds = wg__seconds() - f->began;
    wg_fit_row row = { now->start,      now->epoch,  now->rate,   now->loss,
                       now->validation, now->metric, now->seconds };
    double score = score_of(f, &row);
    now->better = exceeds(score, f->best_score);
    if (now->better) f->best_score = score, f->best_epoch = now->epoch;
    if (!keep(f, &row) || !record(f, &row)) return false;
    f->stopped = !ask(f, f->o.after_epoch, now);
    return !wg_error();
}

/* ---- starts ---------------------------------------------------------------------------------- */

static bool out_of_patience(const fit *f) {
    return f->o.patience > 0 && f->now.epoch - f->best_epoch >= f->o.patience;
}

static wg_fit_end run_epochs(fit *f) {
    for (f->now.epoch = 1;; f->now.epoch++) {
        if (!epoch(f)) return f->stopped ? WG_FIT_STOPPED : WG_FIT_ERROR;
        bool bored = out_of_patience(f), last = bored || f->stopped || f->now.epoch == f->o.epochs;
        wg__progress_epoch(&f->progress, &f->now, last);
        if (last) return f->stopped ? WG_FIT_STOPPED : bored ? WG_FIT_PATIENCE : WG_FIT_EPOCHS;
    }
}

/* There is something to give back from now on, and the validation set has been tried: what is wrong
   with it is not told after an epoch that would be lost. Only then an older file of curves goes. */
static bool prepare_first(fit *f) {
    wg_nn *best = wg_nn_new(f->seed);
    if (!best || !wg_nn_copy(best, f->m)) {
        wg_nn_free(best);
        return false;
    }
    f->best = best;
    if (f->validation) wg_nn_loss(f->m, f->cost, f->validation);
    if (f->validation && !wg_error()) measure(f);
    if (f->o.curves && !wg_error()) f->curves = wg__curves_open(f->o.curves);
    return !wg_error();
}

static bool prepare(fit *f) {
    f->m = wg_nn_new(f->seed);
    if (!f->m || (f->o.from && !wg_nn_copy(f->m, f->o.from)) || !look(f)) return false;
    f->optim = wg_optim_make(f->m, f->o.optim);
    if (!f->optim || (f->o.schedule.pieces != 0 && !wg_optim_schedule(f->optim, f->o.schedule)))
        return false;
    if (f->o.clip_norm > 0 && !wg_optim_clip_norm(f->optim, f->o.clip_norm)) return false;
    f->now.model = f->m, f->now.optim = f->optim;
    f->stopped = !ask(f, f->o.begin, &f->now);
    return !wg_error() && (f->best || prepare_first(f));
}

static wg_fit_end start(fit *f) {
    int64_t n = wg_data_size(f->train), batch = f->o.batch;
    f->seed = f->o.seed + (uint64_t)f->now.start - 1;
    f->now.epoch = 0, f->now.step = 0;
    f->now.steps = f->o.drop_last ? n / batch : wg_data_batches(f->train, batch);
    f->now.rate = f->now.loss = f->now.validation = f->now.metric = NAN;
    f->best_score = NAN, f->best_epoch = 0;
    wg_fit_end end = !prepare(f) ? WG_FIT_ERROR : f->stopped ? WG_FIT_STOPPED : run_epochs(f);
    if (end == WG_FIT_STOPPED && f->r.epochs == 0) wg_nn_copy(f->best, f->m);
    wg_optim_free(f->optim);
    wg_nn_free(f->m);
    f->optim = NULL, f->m = NULL;
    return wg_error() ? WG_FIT_ERROR : end;
}

static void run(fit *f) {
    for (int k = 1; k <= f->o.restarts; k++) {
        f->now.start = k;
        f->r.end = start(f);
        if (f->r.end == WG_FIT_STOPPED || f->r.end == WG_FIT_ERROR) return;
    }
}

// The first sample whose label, or one of whose labels, is no class; -1 for none.
static int64_t strange_sample(const fit *f, wg_data *d, int64_t *label) {
    int64_t start = 0;
    for (wg_batch b = { .size = f->o.batch, .in_order = true }; wg_data_next(d, &b);) {
        int64_t n = wg_numel(b.y), each = n / wg_dim(b.y, 0);
        wg_scope *scope = wg_scope_open();
        const int64_t *y = wg_values(wg_cast(b.y, WG_I64), WG_I64);
        int64_t i = 0;
        while (y && i < n && y[i] >= 0 && y[i] < f->classes) i++;
        if (y && i < n) *label = y[i];
        wg_scope_close(scope);
        if (!y) return -1;
        if (i < n) return start + i / each;
        start += wg_dim(b.x, 0);
    }
    return -1;
}

/* The pending error names a place in a batch of some order. If it may have come from a label, this
   names its sample instead. */
static void name_label(const fit *f) {
    char before[600];
    snprintf(before, sizeof before, "%s", wg_error_message());
    wg_error_clear();
    wg_data *const set[] = { f->train, f->validation };
    for (int k = 0; k < 2 && !wg_error(); k++) {
        int64_t label = 0, sample = set[k] ? strange_sample(f, set[k], &label) : -1;
        if (sample >= 0)
            wg_fail(WG_ERROR_INDEX, "nn_fit: %s sample %lld has the label %lld, of %lld classes",
                    k == 0 ? "training" : "validation", (long long)sample, (long long)label,
                    (long long)f->classes);
    }
    wg_fail(WG_ERROR_INDEX, "%s", before);
}

static void finish(fit *f) {
    wg__progress_end(&f->progress);
    f->r.history = wg__history_end(f->history);
    if (wg_error() == WG_ERROR_INDEX && f->classes > 0) name_label(f);
    f->r.seconds = wg__seconds() - f->began;
    if (f->curves && !wg__curves_close(f->curves, f->o.curves)) f->r.end = WG_FIT_ERROR;
    if (f->curves && !wg_error() && !wg__curves_draw(f->o.curves, f->progress.metric, &f->r))
        f->r.end = WG_FIT_ERROR;
    if (f->best) wg_nn_train(f->best, false);
}

wg_nn *wg_nn_fit(wg_net *net, wg_cost *cost, wg_data *train, wg_data *validation, wg_fit_options o,
                 wg_fit_report *r) {
    fit f = { .net = net, .cost = cost, .train = train, .validation = validation };
    f.o = with_defaults(o);
    f.r.end = WG_FIT_ERROR;
    f.began = wg__seconds();
    if (valid(&f)) {
        f.progress = wg__progress_new(&f.o, wg_data_size(train));
        run(&f);
        finish(&f);
    }
    if (r) *r = f.r;
    return f.best;
}
