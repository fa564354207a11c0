// SPDX-License-Identifier: MIT
/* sample.c: samples such as "2,3@0.5..4 5@i0..2 | axis=1": read, and turned into numbers.

   General position comes from cells: the range of a float input is cut into at least twice as many
   cells as there are floats, each float gets a cell of its own by a random permutation, and stays
   away from the cell's borders. So no two are equal, and none is where the formulas of this field
   have their kinks. */
#include <string.h>

#include "autograd/check/sample_impl.h"

double *wg__scratch(int64_t count) {
    wg_tensor *x = wg_zeros(WG_F64, WG_SHAPE(count + 1));
    return x ? x->view.data : NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool read_size(const char *text, size_t length, int64_t *size) {
    int64_t n = 0;
    if (length == 0 || length > 9) return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        n = 10 * n + (text[i] - '0');
    }
    *size = n;
    return true;
}

// "2,3", or "()" for rank 0.
static bool read_sizes(const char *p, const char *end, wg_shape *shape) {
    *shape = WG_SCALAR;
    if (end - p == 2 && p[0] == '(' && p[1] == ')') return true;
    for (;;) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma ? comma : end;
        if (shape->rank == WG_MAX_RANK) return false;
        if (!read_size(p, (size_t)(stop - p), &shape->dim[shape->rank++])) return false;
        if (!comma) return true;
        p = comma + 1;
    }
}

// No more elements than doubles for them could ever be found.
static bool read_shape(const char *p, const char *end, wg_shape *shape) {
    int64_t n = (int64_t)1 << 40;
    if (!read_sizes(p, end, shape)) return false;
    for (int i = 0; i < shape->rank; i++) n /= shape->dim[i] > 0 ? shape->dim[i] : 1;
    return n > 0;
}

// What can be drawn from: an integer that a double holds, or a float.
static bool is_drawable(const wg__slot *slot) {
    double most = slot->kind == WG__FLOAT ? 1e300 : 0x1p53;
    return slot->low <= slot->high && slot->low >= -most && slot->high <= most;
}

static bool read_range(const char *p, const char *end, wg__slot *slot) {
    const char *dots = p;
    while (dots + 1 < end && !(dots[0] == '.' && dots[1] == '.')) dots++;
    if (dots + 1 >= end) return false;
    return wg__number_parse(p, (size_t)(dots - p), &slot->low) &&
           wg__number_parse(dots + 2, (size_t)(end - dots - 2), &slot->high) && is_drawable(slot);
}

// The k-th number of a list that read_exact has accepted.
static double exact_value(const char *p, int64_t k) {
    for (; k > 0; k--) p = strchr(p, ',') + 1;
    double value = 0;
    (void)wg__number_parse(p, strcspn(p, ", "), &value);
    return value;
}

static bool read_exact(const char *p, const char *end, wg__slot *slot) {
    int64_t count = 0;
    double value;
    slot->exact = p;
    for (;; p++) {
        size_t length = strcspn(p, ", ");
        if (!wg__number_parse(p, length, &value)) return false;
        count++, p += length;
        if (p >= end || *p != ',') return count == wg__numel(&slot->shape);
    }
}

static bool is_word(const char *p, const char *end, const char *word) {
    return (size_t)(end - p) == strlen(word) && strncmp(p, word, strlen(word)) == 0;
}

// "reg" or "spd", of square matrices.
static bool read_form(const char *p, const char *end, wg__slot *slot) {
    const wg_shape *s = &slot->shape;
    if (s->rank < 2 || s->dim[s->rank - 1] != s->dim[s->rank - 2]) return false;
    slot->form = is_word(p, end, "spd") ? WG__POSITIVE : WG__REGULAR;
    return true;
}

// What stands behind "@": a form, or [i | b] and then "low..high" or "=1,2,3"; nothing more is
// needed after b.
static bool read_values(const char *p, const char *end, wg__slot *slot) {
    if (is_word(p, end, "reg") || is_word(p, end, "spd")) return read_form(p, end, slot);
    if (p < end && *p == 'i') slot->kind = WG__INTEGER, p++;
    if (p < end && *p == 'b') slot->kind = WG__TRUTH, slot->dtype = WG_BOOL, p++;
    if (p < end && *p == '=') return read_exact(p + 1, end, slot);
    if (slot->kind == WG__TRUTH) slot->low = 0, slot->high = 1;
    if (slot->kind == WG__TRUTH && p == end) return true;
    return read_range(p, end, slot);
}

static bool read_slot(const char *p, const char *end, wg__slot *slot) {
    *slot = (wg__slot){ .low = WG__LOW, .high = WG__HIGH, .dtype = WG_I64 };
    const char *at = memchr(p, '@', (size_t)(end - p));
    if (!read_shape(p, at ? at : end, &slot->shape)) return false;
    return !at || read_values(at + 1, end, slot);
}

static bool read_attributes(const wg_op *op, const char *text, wg__sample *s) {
    if (op->attr_size > 0) s->attr = wg__scratch((int64_t)(op->attr_size / sizeof(double)) + 1);
    if (op->attr_size > 0 && !s->attr) return false;
    return wg__attr_parse(op, text, s->attr);
}

bool wg__sample_parse(const wg_op *op, const char *text, wg__sample *s) {
    *s = (wg__sample){ .text = text };
    const char *p = text + strspn(text, " ");
    while (*p && *p != '|') {
        const char *end = p + strcspn(p, " |");
        if (s->inputs == WG_MAX_INPUTS)
            return wg_fail(WG_ERROR_ARGUMENT, "%s: sample \"%s\" has more than %d inputs", op->name,
                           text, WG_MAX_INPUTS);
        wg__slot *slot = &s->in[s->inputs++];
        if (!read_slot(p, end, slot))
            return wg_fail(WG_ERROR_ARGUMENT,
                           "%s: sample \"%s\": input %d, \"%.*s\", makes no sense", op->name, text,
                           s->inputs - 1, (int)(end - p), p);
        s->exact = s->exact || (slot->exact && slot->kind == WG__FLOAT);
        s->formed = s->formed || slot->form != WG__ANY;
        p = end + strspn(end, " ");
    }
    return read_attributes(op, *p ? p + 1 : p, s);
}

/* ---- drawing --------------------------------------------------------------------------------- */

typedef struct cells {
    int64_t count, next;
    double *order;  // a permutation of 0 ... count-1
} cells;

static bool cells_shuffle(const wg__sample *s, wg_random *r, cells *c) {
    int64_t floats = 0;
    for (int i = 0; i < s->inputs; i++)
        if (s->in[i].kind == WG__FLOAT) floats += wg__numel(&s->in[i].shape);
    *c = (cells){ .count = 64 };  // a power of two, so that 0 is a border of the default range
    while (c->count < 2 * floats) c->count *= 2;
    c->order = wg__scratch(c->count);
    if (!c->order) return false;
    for (int64_t i = 0; i < c->count; i++) {  // Fisher and Yates, inside out
        int64_t j = wg_random_below(r, i + 1);
        c->order[i] = c->order[j];
        c->order[j] = (double)i;
    }
    return true;
}

// Input i of n keeps to its own n-th part of each cell, in the middle of it.
static double draw_float(const wg__sample *s, int i, wg_random *r, cells *c) {
    const wg__slot *slot = &s->in[i];
    double part = ((double)i + 0.5 + 0.4 * (wg_random_uniform(r) - 0.5)) / s->inputs;
    double place = (c->order[c->next++] + part) / (double)c->count;
    return slot->low + place * (slot->high - slot->low);
}

static double draw(const wg__sample *s, int i, wg_random *r, cells *c) {
    const wg__slot *slot = &s->in[i];
    if (slot->kind == WG__FLOAT) return draw_float(s, i, r, c);
    return slot->low + (double)wg_random_below(r, (int64_t)(slot->high - slot->low) + 1);
}

/* ---- matrices of a form ---------------------------------------------------------------------- */

/* Well conditioned, and in general position but for its form, made of n n numbers in general
   position. To be regular, 3 is added where the other diagonal runs, so that elimination has to
   swap rows, and all else is less than 2 in each row. To be positive definite, x becomes
   x x' / n + 1. */
static bool give_form(wg__form form, int64_t n, double *x) {
    double *copy = wg__scratch(n * n);
    for (int64_t k = 0; copy && k < n * n; k++) copy[k] = x[k];
    for (int64_t i = 0; copy && i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t k = 0; k < n; k++) sum += copy[i * n + k] * copy[j * n + k];
            double positive = sum / (double)n + (i == j);
            double regular = copy[i * n + j] / (double)n + (i + j == n - 1 ? 3 : 0);
            x[i * n + j] = form == WG__POSITIVE ? positive : regular;
        }
    return copy != NULL;
}

static bool give_forms(const wg__slot *slot, double *value) {
    if (slot->form == WG__ANY) return true;
    int64_t n = slot->shape.dim[slot->shape.rank - 1], count = wg__numel(&slot->shape);
    for (int64_t k = 0; k < count; k += n * n)
        if (!give_form(slot->form, n, value + k)) return false;
    return true;
}

bool wg__sample_draw(const wg__sample *s, wg_random *r, double *const value[]) {
    cells c;
    if (!cells_shuffle(s, r, &c)) return false;
    for (int i = 0; i < s->inputs; i++) {
        int64_t n = wg__numel(&s->in[i].shape);
        const char *exact = s->in[i].exact;
        for (int64_t k = 0; k < n; k++)
            value[i][k] = exact ? exact_value(exact, k) : draw(s, i, r, &c);
        if (!give_forms(&s->in[i], value[i])) return false;
    }
    return true;
}
