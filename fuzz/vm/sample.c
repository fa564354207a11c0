// SPDX-License-Identifier: MIT
/* sample.c: the samples of all operations, each read when it is first asked for and then kept. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/vm/vm_impl.h"

static wg__vm_samples **table;  // by the place in the list of operations
static int room;

static int place_of(const wg_op *op) {
    for (int i = 0; i < room; i++)
        if (wg_op_at(i) == op) return i;
    return -1;
}

static bool no_memory(void) {
    return wg_fail(WG_ERROR_MEMORY, "no memory for the samples of operations");
}

static bool grow(void) {
    int count = wg_op_count();
    wg__vm_samples **grown = realloc(table, (size_t)count * sizeof(*table));
    if (!grown) return no_memory();
    for (int i = room; i < count; i++) grown[i] = NULL;
    table = grown, room = count;
    return true;
}

static void *kept(const void *from, size_t size) {
    void *to = calloc(1, size + 1);
    if (!to) return no_memory(), NULL;
    return size ? memcpy(to, from, size) : to;
}

static void drop(const wg__vm_sample *s) {
    for (int i = 0; s->in && i < s->inputs; i++) free(s->in[i].exact);
    free(s->in);
    free(s->attr);
}

// What it has got so far is in `to`, so that it can be dropped if there is no more.
static bool keep_sample(const wg_op *op, const wg__sample *s, wg__vm_sample *to) {
    double *value[WG_MAX_INPUTS] = { NULL };
    wg_random r = { .seed = 1 };
    wg__vm_input *in = calloc((size_t)s->inputs + 1, sizeof *in);
    if (!in) return no_memory();
    to->in = in, to->inputs = s->inputs;
    to->attr = op->attr_size ? kept(s->attr, op->attr_size) : NULL;
    for (int i = 0; i < s->inputs; i++)
        if (!(value[i] = wg__scratch(wg__numel(&s->in[i].shape)))) return false;
    if (!wg__sample_draw(s, &r, value)) return false;
    for (int i = 0; i < s->inputs; i++) {
        size_t n = (size_t)wg__numel(&s->in[i].shape);
        in[i].slot = s->in[i];
        if (s->in[i].exact) in[i].exact = kept(value[i], n * sizeof(double));
    }
    return !wg_error();
}

/* ---- ranges of what lists its values --------------------------------------------------------- */

static bool is_plain(const wg__vm_input *in) {
    const wg__slot *s = &in->slot;
    return s->kind == WG__FLOAT && !in->exact && s->low == WG__LOW && s->high == WG__HIGH;
}

// Whether other samples show that input i may be any number.
static bool takes_anything(const wg__vm_samples *all, int i) {
    for (int k = 0; k < all->count; k++)
        if (i < all->sample[k].inputs && is_plain(&all->sample[k].in[i])) return true;
    return false;
}

// From the smallest to the largest that are neither huge nor infinite.
static void range_of_listed(wg__vm_input *in) {
    double low = HUGE_VAL, high = -HUGE_VAL;
    for (int64_t k = 0; k < wg__numel(&in->slot.shape); k++) {
        if (!(fabs(in->exact[k]) <= 100)) continue;
        low = fmin(low, in->exact[k]), high = fmax(high, in->exact[k]);
    }
    if (low > high) return;
    in->slot.low = low, in->slot.high = high > low ? high : low + 1;
}

// Where numbers are drawn in place of those listed, they must lie where the operation is defined.
static void settle_ranges(const wg__vm_samples *all) {
    for (int k = 0; k < all->count; k++)
        for (int i = 0; i < all->sample[k].inputs; i++) {
            wg__vm_input *in = &all->sample[k].in[i];
            bool real = in->slot.kind == WG__FLOAT;
            if (in->exact && (!real || !takes_anything(all, i))) range_of_listed(in);
        }
}

static wg__vm_samples *read_all(const wg_op *op) {
    int count = 0;
    while (count < WG_MAX_SAMPLES && op->samples[count]) count++;
    wg__vm_samples *all = calloc(1, sizeof *all);
    wg__vm_sample *list = calloc((size_t)count + 1, sizeof *list);
    wg__sample *s = malloc(sizeof *s);
    bool done = (all && list && s) || no_memory();
    for (int i = 0; done && i < count; i++)
        done = wg__sample_parse(op, op->samples[i], s) && keep_sample(op, s, &list[i]);
    free(s);
    if (done) *all = (wg__vm_samples){ op, count, list };
    if (done) return settle_ranges(all), all;
    for (int i = 0; list && i < count; i++) drop(&list[i]);
    return free(all), free(list), NULL;
}

// Those asked for last, by a hash of where the record lies, so that the list is seldom walked.
enum { RECENT = 1024 };
static const wg__vm_samples *recent[RECENT];

const wg__vm_samples *wg__vm_samples_of(const wg_op *op) {
    uintptr_t slot = (uintptr_t)op / sizeof(void *) * 2654435761u / 64 % RECENT;
    if (recent[slot] && recent[slot]->op == op) return recent[slot];
    if (room != wg_op_count() && !grow()) return NULL;
    int at = place_of(op);
    if (at < 0) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "%s is not registered", op->name);
    if (!table[at]) {
        wg_scope *scope = wg_scope_open();
        if (scope) table[at] = read_all(op);
        wg_scope_close(scope);
    }
    return recent[slot] = table[at];
}
