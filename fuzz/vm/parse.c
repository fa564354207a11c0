// SPDX-License-Identifier: MIT
/* parse.c: text as a program. As with bytes, any text is one: a line that makes no sense, or that
   the machine could not have made, is left out, and with it those that need it. The lines are gone
   over once for each kind, so that they may stand in any order but for steps. */
#include <string.h>

#include "fuzz/vm/text.h"
#include "fuzz/vm/vm_impl.h"

/* ---- parts of a line ------------------------------------------------------------------------- */

typedef struct cursor {
    const char *at, *end;
} cursor;

static void skip_blanks(cursor *c) {
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\r')) c->at++;
}

static bool take_char(cursor *c, char wanted) {
    skip_blanks(c);
    if (c->at == c->end || *c->at != wanted) return false;
    c->at++;
    return true;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_name(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

enum { WORD = 64 };
static bool take_word(cursor *c, char word[WORD]) {
    size_t n = 0;
    skip_blanks(c);
    for (; c->at < c->end && is_name(*c->at) && n + 1 < WORD; c->at++) word[n++] = *c->at;
    word[n] = 0;
    return n > 0 && (c->at == c->end || !is_name(*c->at));
}

// A whole number of at most 18 digits.
static bool take_int(cursor *c, int64_t *value) {
    const char *from = (skip_blanks(c), c->at);
    for (*value = 0; c->at < c->end && is_digit(*c->at) && c->at - from < 18; c->at++)
        *value = 10 * *value + (*c->at - '0');
    return c->at > from && (c->at == c->end || !is_digit(*c->at));
}

static bool read_bits(const char *text, size_t length, double *value) {
    uint64_t bits = 0;
    for (size_t i = 0; i < length; i++) {
        const char *digits = "0123456789abcdef";
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit) return false;
        bits = bits << 4 | (uint64_t)(digit - digits);
    }
    memcpy(value, &bits, sizeof bits);
    return length == 16;
}

static bool take_real(cursor *c, double *value) {
    const char *from = (skip_blanks(c), c->at);
    while (c->at < c->end && *c->at != ' ') c->at++;
    size_t length = (size_t)(c->at - from);
    if (length > 0 && *from == '#') return read_bits(from + 1, length - 1, value);
    return wg__number_parse(from, length, value);
}

// The place of a word in a list; -1 if it is not there.
static int find_word(const char *word, const char *const list[], int n) {
    for (int i = 0; i < n; i++)
        if (strcmp(word, list[i]) == 0) return i;
    return -1;
}

static int take_one_of(cursor *c, const char *const list[], int n) {
    char word[WORD];
    return take_word(c, word) ? find_word(word, list, n) : -1;
}

/* ---- what is being read ---------------------------------------------------------------------- */

enum { NAMES = 2 * WG__VM_ROOM };
typedef struct reader {
    wg__vm_decoder d;
    struct {
        int64_t name;
        int reg;
        bool squashed;  // its result was too large, and reg is the tanh of it
    } name[NAMES];
    int names;
} reader;

static int find_name(const reader *r, int64_t name) {
    for (int i = r->names; i-- > 0;)
        if (r->name[i].name == name) return i;
    return -1;
}

static void add_name(reader *r, int64_t name, int reg, bool squashed) {
    if (r->names == NAMES || reg < 0) return;
    r->name[r->names].name = name;
    r->name[r->names].reg = reg;
    r->name[r->names++].squashed = squashed;
}

// "x12", whether there is such a register or not.
static bool take_name(cursor *c, int64_t *name) { return take_char(c, 'x') && take_int(c, name); }

static bool take_register(const reader *r, cursor *c, int *place) {
    int64_t name;
    *place = take_name(c, &name) ? find_name(r, name) : -1;
    return *place >= 0;
}

/* ---- the head -------------------------------------------------------------------------------- */

static void read_mode(wg__vm_program *p, cursor *c) {
    int mode = take_one_of(c, wg__vm_mode_name, WG__VM_MODES);
    if (mode > WG__FIXED) p->mode = (wg__mode)mode;
}

static int take_dtype(cursor *c) {
    char word[WORD];
    if (!take_word(c, word)) return -1;
    for (int i = 0; i < WG_DTYPES; i++)
        if (strcmp(word, wg_dtype_name((wg_dtype)i)) == 0) return i;
    return -1;
}

static void read_dtype(wg__vm_program *p, cursor *c) {
    int dtype = take_dtype(c);
    if (dtype == WG_F32 || dtype == WG_F64) p->dtype = (wg_dtype)dtype;
}

static void read_seed(wg__vm_program *p, cursor *c) {
    int64_t seed;
    if (take_int(c, &seed)) p->seed = (uint64_t)seed;
}

static void read_choice(wg__vm_program *p, cursor *c) {
    int64_t byte;
    for (int i = 0; i < 3 && take_int(c, &byte); i++) p->choice[i] = (uint8_t)(byte & 0xff);
}

static void read_head(reader *r, cursor c) {
    static const char *const names[] = { "mode", "dtype", "seed", "choice" };
    static void (*const read[])(wg__vm_program *, cursor *) = { read_mode, read_dtype, read_seed,
                                                                read_choice };
    int what = take_one_of(&c, names, 4);
    if (what >= 0) read[what](r->d.p, &c);
}

/* ---- leaves ---------------------------------------------------------------------------------- */

static bool take_sizes(cursor *c, wg_shape *s) {
    if (take_char(c, ']')) return true;
    while (s->rank < WG_MAX_RANK) {
        if (!take_int(c, &s->dim[s->rank++])) return false;
        if (take_char(c, ']')) return true;
        if (!take_char(c, ',')) return false;
    }
    return false;
}

// One size may be 0, but what would be there without it has a limit, too.
static bool is_small(const wg_shape *s) {
    double n = 1, besides = 1;
    for (int i = 0; i < s->rank; i++) {
        n *= (double)s->dim[i];
        if (s->dim[i] > 0) besides *= (double)s->dim[i];
    }
    return n <= WG__VM_ELEMENTS && besides <= 0x1p24;
}

static bool take_shape(cursor *c, wg_shape *s) {
    *s = WG_SCALAR;
    return take_char(c, '[') && take_sizes(c, s) && is_small(s);
}

// Whether a leaf of this kind may hold it.
static bool is_allowed(const wg__vm_program *p, const wg__vm_leaf *l, double v) {
    static const double most[WG_DTYPES] = {
        [WG_I32] = INT32_MAX, [WG_I64] = 0x1p53, [WG_U8] = UINT8_MAX, [WG_BOOL] = 1
    };
    static const double least[WG_DTYPES] = { [WG_I32] = INT32_MIN, [WG_I64] = -0x1p53 };
    if (l->kind != WG__FLOAT) return v == floor(v) && v >= least[l->dtype] && v <= most[l->dtype];
    return p->mode == WG__SPECIAL || fabs(v) <= WG__VM_MOST;
}

static bool take_values(const wg__vm_program *p, cursor *c, wg__vm_leaf *l) {
    int64_t n = wg__numel(&l->shape);
    l->value = wg__scratch(n);
    for (int64_t k = 0; l->value && k < n; k++)
        if (!take_real(c, &l->value[k]) || !is_allowed(p, l, l->value[k])) return false;
    return l->value != NULL;
}

static bool take_leaf(const wg__vm_program *p, cursor *c, wg__vm_leaf *l) {
    static const char *const word[] = { "constant", "variable" };
    int variable = take_one_of(c, word, 2), dtype = take_dtype(c);
    if (variable < 0 || dtype < 0 || !take_shape(c, &l->shape)) return false;
    int layout = take_one_of(c, wg__vm_layout_name, WG__LAYOUTS);
    bool real = wg_dtype_is_float((wg_dtype)dtype);
    l->kind = real ? WG__FLOAT : dtype == WG_BOOL ? WG__TRUTH : WG__INTEGER;
    l->dtype = real ? WG_I64 : (wg_dtype)dtype;  // of floats the program's holds
    l->layout = (wg__layout)layout;
    l->variable = variable && real;
    return layout >= 0 && take_values(p, c, l);
}

static void read_leaf(reader *r, cursor c) {
    wg__vm_leaf l = { .kind = WG__FLOAT };
    int64_t name;
    if (!take_name(&c, &name) || !take_char(&c, '=') || !take_leaf(r->d.p, &c, &l)) return;
    wg__vm_settle_layout(l.layout, &l.shape, l.value);
    add_name(r, name, wg__vm_add_leaf(&r->d, &l), false);
}

// Oracles want some float to look at.
static void add_leaf_if_none(reader *r) {
    wg__vm_leaf l = { .kind = WG__FLOAT, .dtype = WG_I64, .variable = true };
    for (int i = 0; i < r->d.p->leaves; i++)
        if (r->d.p->leaf[i].kind == WG__FLOAT) return;
    l.value = wg__scratch(1);
    if (!l.value || r->d.p->leaves == WG__VM_LEAVES) return;
    l.value[0] = 1;
    wg__vm_add_leaf(&r->d, &l);
}

/* ---- steps ----------------------------------------------------------------------------------- */

enum { ATTR_TEXT = 4096 };
typedef struct step_line {
    int64_t name;
    wg__vm_step step;
    bool of_squashed;  // its first operand stands for the tanh of what it names
    char attr[ATTR_TEXT];
} step_line;

static bool take_operands(const reader *r, cursor *c, step_line *l) {
    int place;
    if (!take_char(c, '(')) return false;
    if (take_char(c, ')')) return true;
    while (l->step.inputs < WG__VM_OPERANDS) {
        bool absent = take_char(c, '-');
        if (!absent && !take_register(r, c, &place)) return false;
        if (!absent && l->step.inputs == 0) l->of_squashed = r->name[place].squashed;
        l->step.in[l->step.inputs++] = absent ? -1 : r->name[place].reg;
        if (take_char(c, ')')) return true;
        if (!take_char(c, ',')) return false;
    }
    return false;
}

// What is no flag is for wg__attr_parse.
static bool take_rest(cursor *c, step_line *l) {
    size_t n = 0;
    for (skip_blanks(c); c->at < c->end; skip_blanks(c)) {
        const char *from = c->at;
        while (c->at < c->end && *c->at != ' ') c->at++;
        size_t length = (size_t)(c->at - from);
        for (int f = 0; f < WG__VM_FLAGS; f++)
            if (strlen(wg__vm_flag_name[f]) == length &&
                memcmp(wg__vm_flag_name[f], from, length) == 0)
                l->step.flags |= 1u << f, length = 0;
        if (n + length + 2 > ATTR_TEXT) return false;
        memcpy(l->attr + n, from, length);
        n += length;
        l->attr[n++] = ' ';
    }
    l->attr[n] = 0;
    return true;
}

// wg_apply asks the same, but the decoder looks at shapes before.
static bool has_operands(const wg__vm_step *s) {
    int most = s->op->inputs_max ? s->op->inputs_max : s->op->inputs;
    bool optional = s->op->flags & WG_OP_OPTIONAL_INPUTS;
    if (s->inputs < s->op->inputs || s->inputs > most || (s->op->map && s->inputs == 0))
        return false;
    for (int i = 0; i < s->inputs; i++)
        if (s->in[i] < 0 && !(optional && i >= s->op->inputs)) return false;
    return true;
}

static bool take_step(const reader *r, cursor *c, step_line *l) {
    char word[WORD];
    if (!take_name(c, &l->name) || !take_char(c, '=') || !take_word(c, word)) return false;
    l->step.op = wg_op_find(word);
    if (!l->step.op || !take_operands(r, c, l) || !has_operands(&l->step)) return false;
    if (!take_rest(c, l)) return false;
    size_t size = l->step.op->attr_size;
    if (size > 0) l->step.attr = wg__scratch((int64_t)(size / sizeof(double)) + 1);
    return (size == 0 || l->step.attr) && wg__attr_parse(l->step.op, l->attr, l->step.attr);
}

static void set_flags(reader *r, int reg, unsigned flags) {
    if (!flags || reg < WG__VM_LEAVES || !wg_dtype_is_float(r->d.reg[reg]->view.dtype)) return;
    r->d.p->step[reg - WG__VM_LEAVES].flags |= flags;
    r->d.reaches[reg] = false;
}

/* Where a result is too large the decoder adds its tanh, and no other step reads it. So the name
   stands for the tanh from then on, and a line that asks for just that names the same step. */
static void read_step(reader *r, cursor c) {
    step_line l = { .attr = "" };
    if (!take_step(r, &c, &l)) return;
    bool same = l.of_squashed && l.step.inputs == 1 && strcmp(l.step.op->name, "tanh") == 0;
    int was = r->d.p->steps;
    int reg = same ? l.step.in[0]
                   : wg__vm_add_step(&r->d, l.step.op, l.step.in, l.step.inputs, l.step.attr);
    if (reg < 0) r->d.p->steps = was;
    if (reg < 0) return;
    bool squashed = r->d.p->steps == was + 2;
    set_flags(r, squashed ? WG__VM_LEAVES + was : reg, l.step.flags);
    add_name(r, l.name, reg, squashed);
}

/* ---- spans and outputs ----------------------------------------------------------------------- */

static bool is_closed(const reader *r, const wg__vm_span *s) {
    return s->kind == WG__VM_SCOPE || wg__vm_can_run_again(&r->d, s->first, s->last);
}

static bool holds(const wg__vm_span *a, const wg__vm_span *b) {
    return a->first <= b->first && a->last >= b->last;
}

static bool fits_span(const reader *r, const wg__vm_span *s) {
    const wg__vm_program *p = r->d.p;
    if (p->spans == WG__VM_SPANS || s->first < 0 || s->first > s->last) return false;
    for (int i = 0; i < p->spans; i++) {
        const wg__vm_span *other = &p->span[i];
        bool apart = other->last < s->first || s->last < other->first;
        if (!apart && holds(other, s) == holds(s, other)) return false;
    }
    return is_closed(r, s);
}

static void read_span(reader *r, cursor c) {
    int kind = take_one_of(&c, wg__vm_span_name, WG__VM_SPAN_KINDS), first, last;
    if (kind < 0 || !take_register(r, &c, &first) || !take_register(r, &c, &last)) return;
    wg__vm_span s = { (wg__vm_span_kind)kind, r->name[first].reg - WG__VM_LEAVES,
                      r->name[last].reg - WG__VM_LEAVES };
    if (r->name[first].squashed) s.first--;  // it begins with the step itself
    if (fits_span(r, &s)) r->d.p->span[r->d.p->spans++] = s;
}

static void add_output(reader *r, int reg) {
    wg__vm_program *p = r->d.p;
    for (int i = 0; i < p->outputs; i++)
        if (p->output[i] == reg) return;
    if (p->outputs < WG__VM_OUTPUTS && wg_dtype_is_float(r->d.reg[reg]->view.dtype))
        p->output[p->outputs++] = reg;
}

static void read_outputs(reader *r, cursor c) {
    static const char *const word[] = { "outputs" };
    int place;
    if (take_one_of(&c, word, 1) < 0) return;
    while (take_register(r, &c, &place)) add_output(r, r->name[place].reg);
}

static void add_output_if_none(reader *r) {
    wg__vm_program *p = r->d.p;
    for (int k = p->steps; k-- > 0 && p->outputs == 0;) add_output(r, WG__VM_LEAVES + k);
    for (int i = p->leaves; i-- > 0 && p->outputs == 0;) add_output(r, i);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void for_each_line(reader *r, const char *text, size_t size,
                          void (*read)(reader *, cursor)) {
    for (const char *at = text, *end = text + size; at < end && !r->d.failed;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        read(r, (cursor){ at, stop });
        r->d.failed = r->d.failed || wg_error() == WG_ERROR_MEMORY;
        if (!r->d.failed) wg_error_clear();
        at = stop + 1;
    }
}

// Steps follow the leaves that there are.
static void close_ranks(wg__vm_program *p) {
    int shift = p->leaves - WG__VM_LEAVES;
    for (int k = 0; k < p->steps; k++)
        for (int i = 0; i < p->step[k].inputs; i++)
            if (p->step[k].in[i] >= WG__VM_LEAVES) p->step[k].in[i] += shift;
    for (int i = 0; i < p->outputs; i++)
        if (p->output[i] >= WG__VM_LEAVES) p->output[i] += shift;
}

static bool read_all(reader *r, const char *text, size_t size) {
    for_each_line(r, text, size, read_head);
    for_each_line(r, text, size, read_leaf);
    add_leaf_if_none(r);
    for_each_line(r, text, size, read_step);
    for_each_line(r, text, size, read_outputs);
    add_output_if_none(r);
    for_each_line(r, text, size, read_span);
    close_ranks(r->d.p);
    return !r->d.failed && !wg__pending();
}

// What the steps give on the way stays in the caller's scope, with the program.
bool wg__vm_parse(const char *text, size_t size, wg__vm_program *p) {
    if (wg__pending()) return false;
    wg__handler handler;
    wg__handler_get(&handler);
    wg_on_error(NULL, NULL);
    memset(p, 0, sizeof *p);
    p->mode = WG__GENERAL, p->dtype = WG_F64;
    reader *r = wg__alloc_zero(sizeof *r);
    bool was = wg_recording(false), done = false;
    if (r) {
        r->d.p = p, r->d.elements = WG__VM_ELEMENTS;
        done = read_all(r, text, size);
    }
    wg__free(r);
    wg_recording(was);
    wg__handler_put(&handler);
    return done;
}
