// SPDX-License-Identifier: MIT
/* data_split.c: parts of a set, drawn at random, each class shared out alike. Within a class every
   part gets its share rounded down or up; who is rounded up is decided by what earlier classes left
   owing, so that the sizes of the parts come out right as well. Folds are dealt. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/train_impl.h"

enum { SPLIT = 2 };  // the stream of the permutation

typedef struct sample {
    int64_t label;
    int64_t draw;  // place in the random order
    int64_t at;    // in the set
} sample;

static int compare(const void *a, const void *b) {
    const sample *x = a, *y = b;
    if (x->label != y->label) return x->label < y->label ? -1 : 1;
    return (x->draw > y->draw) - (x->draw < y->draw);
}

/* One share for each part and one for what is left over. */
typedef struct shares {
    int n;  // with the rest
    double *share;
    double *owed;    // share * samples seen, less what was given
    int64_t *given;  // of the class at hand
} shares;

// All samples, class by class, at random within each; one class where there are no labels.
static sample *draw_samples(const wg_data *d, uint64_t seed) {
    sample *s = wg__alloc_items(d->size, sizeof *s);
    wg__shuffle shuffle = wg__shuffle_new(d->size, seed, SPLIT);
    bool classes = wg__data_labelled(d);
    for (int64_t i = 0; s && i < d->size; i++) {
        int64_t at = wg__shuffle_at(&shuffle, i), label = 0;
        if (classes && !wg__data_label(d, wg__data_stored(d, at), &label)) {
            wg__free(s);
            return NULL;
        }
        s[i] = (sample){ label, i, at };
    }
    if (s && classes) qsort(s, (size_t)d->size, sizeof *s, compare);
    return s;
}

static int most_owed(const shares *s, const bool taken[]) {
    int best = -1;
    for (int k = 0; k < s->n; k++)
        if (s->share[k] > 0 && !taken[k] && (best < 0 || s->owed[k] > s->owed[best])) best = k;
    return best;
}

// Decides how many of a class of m samples each part is given.
static void share_out(shares *s, int64_t m, bool taken[]) {
    int64_t left = m;
    for (int k = 0; k < s->n; k++) {
        double quota = s->share[k] * (double)m;
        s->given[k] = (int64_t)floor(quota);
        if (s->given[k] > left) s->given[k] = left;  // shares may add up to a hair more than 1
        left -= s->given[k];
        s->owed[k] += quota - (double)s->given[k];
        taken[k] = false;
    }
    for (int k; left > 0 && (k = most_owed(s, taken)) >= 0; left--) {
        s->given[k]++;
        s->owed[k] -= 1;
        taken[k] = true;
    }
}

// Writes the part of each sample to part[]; the last stands for none.
static void assign(const wg_data *d, const sample *sorted, shares *s, bool taken[], int part[]) {
    for (int64_t start = 0, end; start < d->size; start = end) {
        for (end = start + 1; end < d->size && sorted[end].label == sorted[start].label;) end++;
        share_out(s, end - start, taken);
        int64_t i = start;
        for (int k = 0; k < s->n; k++)
            for (int64_t given = s->given[k]; given > 0; given--) part[sorted[i++].at] = k;
        while (i < end) part[sorted[i++].at] = s->n - 1;  // rounding of the shares may leave one
    }
}

// The samples of part k, in the order in which they stand in d.
static wg_data *part_new(const wg_data *d, const int part[], int k) {
    int64_t size = 0;
    for (int64_t i = 0; i < d->size; i++) size += part[i] == k;
    wg_data *p = wg__data_like(d, size);
    if (p) p->index = wg__alloc_items(size, sizeof *p->index);
    if (!p || !p->index) {
        wg_data_free(p);
        return NULL;
    }
    for (int64_t i = 0, n = 0; i < d->size; i++)
        if (part[i] == k) p->index[n++] = wg__data_stored(d, i);
    return p;
}

static bool make_parts(const wg_data *d, const int part[], int n, wg_data *parts[]) {
    for (int k = 0; k < n; k++) {
        parts[k] = part_new(d, part, k);
        if (parts[k]) continue;
        while (k-- > 0) {
            wg_data_free(parts[k]);
            parts[k] = NULL;
        }
        return false;
    }
    return true;
}

static bool shares_valid(const double share[], int n, double *sum) {
    *sum = 0;
    for (int k = 0; k < n; k++) {
        if (!(share[k] >= 0 && share[k] <= 1))
            return wg_fail(WG_ERROR_ARGUMENT, "data_split: share %d is %g, not in [0, 1]", k,
                           share[k]);
        *sum += share[k];
    }
    if (*sum <= 1 + 1e-9) return true;  // tenths do not add up to 1 exactly
    return wg_fail(WG_ERROR_ARGUMENT, "data_split: the %d shares add up to %g, more than 1", n,
                   *sum);
}

// Of a set that has samples, no part that is to have a share has none.
static bool parts_filled(const wg_data *d, const shares *s, const int part[]) {
    for (int k = 0; k < s->n - 1 && d->size > 0; k++) {
        int64_t i = 0;
        while (i < d->size && part[i] != k) i++;
        if (i == d->size && s->share[k] > 0)
            return wg_fail(WG_ERROR_ARGUMENT,
                           "data_split: part %d, a share of %g, is empty of %lld samples", k,
                           s->share[k], (long long)d->size);
    }
    return true;
}

static bool split(const wg_data *d, shares *s, uint64_t seed, wg_data *parts[]) {
    bool *taken = wg__alloc_zero((size_t)s->n * sizeof *taken);
    int *part = taken ? wg__alloc_items(d->size, sizeof *part) : NULL;
    sample *sorted = part ? draw_samples(d, seed) : NULL;
    if (sorted) assign(d, sorted, s, taken, part);
    bool done = sorted && parts_filled(d, s, part) && make_parts(d, part, s->n - 1, parts);
    wg__free(sorted), wg__free(part), wg__free(taken);
    return done;
}

bool wg_data_split(const wg_data *d, const double share[], int n, uint64_t seed, wg_data *part[]) {
    for (int k = 0; part && k < n; k++) part[k] = NULL;
    if (wg__pending()) return false;
    wg__where("");
    if (!d || !share || !part)
        return wg_fail(WG_ERROR_ARGUMENT, "data_split: %s is NULL",
                       !d      ? "the set"
                       : share ? "part"
                               : "share");
    double sum;
    if (n < 1) return wg_fail(WG_ERROR_ARGUMENT, "data_split: %d parts", n);
    if (!shares_valid(share, n, &sum)) return false;
    size_t count = (size_t)n + 1;
    double *all = wg__alloc_zero(2 * count * sizeof *all);
    int64_t *given = all ? wg__alloc_zero(count * sizeof *given) : NULL;
    shares s = { n + 1, all, all + count, given };
    if (given) memcpy(all, share, (size_t)n * sizeof *all);
    if (given) all[n] = sum < 1 - 1e-9 ? 1 - sum : 0;
    bool done = given && split(d, &s, seed, part);
    wg__free(given), wg__free(all);
    return done;
}

/* ---- folds ----------------------------------------------------------------------------------- */

static bool fold_valid(const wg_data *d, const wg_fold_options *f) {
    if (!d) return wg_fail(WG_ERROR_ARGUMENT, "data_fold: the set is NULL");
    if (f->k < 2 || f->k > d->size)
        return wg_fail(WG_ERROR_ARGUMENT, "data_fold: %d folds of %lld samples, wanted are 2 to N",
                       f->k, (long long)d->size);
    if (f->i >= 0 && f->i < f->k) return true;
    return wg_fail(WG_ERROR_INDEX, "data_fold: fold %d of %d", f->i, f->k);
}

// Samples are dealt to the folds like cards, one class after the other.
static bool deal(const wg_data *d, const wg_fold_options *f, wg_data *parts[2]) {
    int *part = wg__alloc_items(d->size, sizeof *part);
    sample *sorted = part ? draw_samples(d, f->seed) : NULL;
    for (int64_t j = 0; sorted && j < d->size; j++) part[sorted[j].at] = j % f->k == f->i;
    bool done = sorted && make_parts(d, part, 2, parts);
    wg__free(sorted), wg__free(part);
    return done;
}

bool wg_data_fold(const wg_data *d, wg_fold_options f, wg_data **train, wg_data **validation) {
    if (train) *train = NULL;
    if (validation) *validation = NULL;
    if (wg__pending()) return false;
    wg__where("");
    if (!train || !validation)
        return wg_fail(WG_ERROR_ARGUMENT, "data_fold: %s is NULL", train ? "validation" : "train");
    wg_data *parts[2];
    if (!fold_valid(d, &f) || !deal(d, &f, parts)) return false;
    *train = parts[0], *validation = parts[1];
    return true;
}
