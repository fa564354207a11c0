// SPDX-License-Identifier: MIT
/* fuzz_register.c: records of operations, right and wrong. A record that is right is registered and
   gives the bits of the same formula in the library's operations: its value, both derivatives. Then
   up to two things are made wrong with it: each must be refused, when it is registered, applied or
   differentiated, with a reason, and nothing is to be left behind. What else stands in the input is
   read as a sample of the record. */
#include <inttypes.h>
#include <string.h>

#include "fuzz/must.h"
#include "fuzz/oracle/op_records.h"

enum {
    MOST_REGISTERED = 200,  // nothing ever leaves the list of operations
    HEAD = 8,
    TEXT = 160,
};

/* ---- what the bytes say ---------------------------------------------------------------------- */

typedef struct script {
    wg__odd_record record;
    const wg__flaw *flaw[2];
    int flaws;
    unsigned must;  // of all flaws
    int good, inputs;
    uint64_t tracked, absent;                 // bit i: input i
    bool wrong_count, constant, tested, due;  // due: its test
    wg_dtype dtype;
    wg__layout layout;
    wg_shape shape;
    uint64_t seed;
    char text[TEXT];  // for a sample
} script;

static const wg_shape shapes[] = { { 1, { 3 } },    { 0 },
                                   { 2, { 2, 3 } }, { 1, { 0 } },
                                   { 2, { 3, 2 } }, { 2, { 2, 0 } },
                                   { 1, { 1 } },    { 3, { 2, 1, 2 } } };

static void add_flaw(script *s, int which) {
    const wg__flaw *f = wg__flaw_at(which % wg__flaw_count());
    if (f->fits && !f->fits(&s->record.op)) return;
    f->make(&s->record, f->lie);
    s->flaw[s->flaws++] = f;
    s->must |= f->must;
}

static int draw_inputs(const wg_op *op, uint8_t byte) {
    int most = op->inputs_max ? op->inputs_max : op->inputs;
    return op->inputs + byte % (most - op->inputs + 1);
}

// Words that samples are made of, and any other character.
static void read_text(char text[TEXT], const uint8_t *byte, size_t size) {
    static const char *const words[] = { "2",     "3",   ",",   " ",  "@",    "=",   "..",
                                         "i",     "b",   "reg", "()", "spd",  " | ", "k=",
                                         "-1e30", "nan", "inf", "0",  "-0.5", "7",   "999999999" };
    size_t used = 0;
    for (size_t k = 0; k < size && used < TEXT - 12; k++) {
        char one[2] = { (char)(byte[k] - 128), 0 };
        const char *word = byte[k] < 128 ? words[byte[k] % (sizeof words / sizeof *words)] : one;
        size_t length = strlen(word);
        memcpy(text + used, word, length);
        used += length;
    }
}

/* Eight bytes: which record, its flaws, what it is used on; then text. */
static void read_script(script *s, const uint8_t *data, size_t size) {
    uint8_t head[HEAD] = { 0 };
    memcpy(head, data, size < HEAD ? size : HEAD);
    *s = (script){ .shape = shapes[head[4] % 8], .layout = head[4] / 8 % WG__LAYOUTS };
    s->good = head[0] % wg__good_record_count();
    wg__odd_record_make(&s->record, wg__good_record_at(s->good), "odd");
    s->inputs = draw_inputs(&s->record.op, head[3]);
    s->tracked = head[5] % 16 ? head[5] : 15;
    s->absent = head[3] / 16;
    s->wrong_count = head[6] % 16 == 15, s->constant = head[6] / 16 % 2, s->tested = head[7] == 255;
    s->dtype = head[6] / 32 % 4 == 3 ? WG_F32 : WG_F64;
    s->seed = head[7];
    if (head[1] % 4) add_flaw(s, head[2]);
    if (head[1] % 4 == 3) add_flaw(s, head[1] / 4);
    // One may hide or excuse the other.
    if (s->flaws == 2) s->must = WG__ANYWHERE | (wg__op_flaw(&s->record.op) ? WG__AT_REGISTER : 0);
    if (size > HEAD) read_text(s->text, data + HEAD, size - HEAD);
}

static void tell(const script *s) {
    char shape[100];
    fprintf(stderr,
            "record \"%s\" with %d inputs, %s %s, layout %d, tracked %" PRIu64 ", seed %" PRIu64
            "\n",
            s->record.good->op->name, s->inputs, wg_dtype_name(s->dtype),
            wg_shape_text(s->shape, shape, sizeof shape), (int)s->layout, s->tracked, s->seed);
    for (int i = 0; i < s->flaws; i++) fprintf(stderr, "flaw: %s\n", s->flaw[i]->name);
    if (s->text[0]) fprintf(stderr, "sample: \"%s\"\n", s->text);
}

static char cleared[300];  // the last error that was

static void hold(const script *s, bool truth, const char *what) {
    if (truth) return;
    fprintf(stderr, "WENGERT FUZZ: register: %s; the error is \"%s\", the one before was \"%s\"\n",
            what, wg_error_message(), cleared);
    tell(s);
    abort();
}

/* A result and an error exclude each other, and one of them is there; clears the error. */
static bool is_clear(const script *s, bool given) {
    hold(s, given == (wg_error() == WG_OK), "no result and no error, or both");
    hold(s, given || wg_error_message()[0], "an error without words");
    if (!given) snprintf(cleared, sizeof cleared, "%s", wg_error_message());
    wg_error_clear();
    return given;
}

/* ---- using it -------------------------------------------------------------------------------- */

typedef struct use {
    wg_tensor *in[WG_MAX_INPUTS];
    wg_tensor *x[WG_MAX_INPUTS], *v[WG_MAX_INPUTS];  // the tracked ones, and where they move
    int leaves;
} use;

// Small and whole: what is made of them by sums and products is exact.
static wg_tensor *whole(const script *s, wg_random *r, wg__layout layout) {
    double value[16];
    int axis = wg__zero_axis(layout, &s->shape);
    int64_t n = wg__numel(&s->shape);
    double one = (double)(wg_random_below(r, 9) - 4);
    for (int64_t k = 0; k < n; k++) value[k] = axis < 0 ? (double)(wg_random_below(r, 9) - 4) : one;
    return wg__lay_out(s->dtype, &s->shape, value, layout, NULL);
}

static bool make_inputs(const script *s, use *u) {
    wg_random r = { .seed = s->seed };
    const wg_op *op = s->record.good->op;
    u->leaves = 0;
    for (int i = 0; i < s->inputs; i++) {
        bool absent = op->flags & WG_OP_OPTIONAL_INPUTS && i >= op->inputs && s->absent >> i & 1;
        u->in[i] = whole(s, &r, s->layout);
        if (absent) u->in[i] = NULL;
        if (absent || !(s->tracked >> i & 1)) continue;
        u->in[i] = u->x[u->leaves] = wg_variable(u->in[i]);
        u->v[u->leaves++] = whole(s, &r, WG__DENSE);
    }
    return wg_error() == WG_OK;
}

static const unsigned silent = WG__ANYWHERE;

static void hold_same(const script *s, const wg_tensor *got, const wg_tensor *want,
                      const char *what) {
    hold(s, s->must & silent || wg_equal(got, want), what);
}

static wg_tensor *seed_for(const script *s, const wg_tensor *y) {
    wg_random r = { .seed = s->seed, .stream = 1 };
    wg_tensor *w = wg_rand(WG_F64, wg_shape_of(y), &r);
    return wg_cast(wg_floor(wg_mul(w, wg_num(5))), wg_dtype_of(y));
}

static void check_reverse(const script *s, const use *u, wg_tensor *y, wg_tensor *twin) {
    wg_tensor *gx[WG_MAX_INPUTS], *want[WG_MAX_INPUTS];
    wg_grad_options o = { .seed = seed_for(s, y), .constant = s->constant };
    bool given = is_clear(s, wg_grad(y, u->x, u->leaves, gx, o));
    hold(s, !(given && s->must & WG__AT_REVERSE), "the gradient is given");
    if (s->must & (silent | WG__AT_REVERSE)) return;
    hold(s, given && wg_grad(twin, u->x, u->leaves, want, o), "no gradient");
    for (int k = 0; k < u->leaves; k++) hold_same(s, gx[k], want[k], "the gradient is another");
}

static void check_forward(const script *s, const use *u, wg_tensor *y, wg_tensor *twin) {
    wg_tensor *dy = wg_jvp(y, u->x, u->leaves, u->v);
    bool given = is_clear(s, dy != NULL);
    hold(s, !(given && s->must & WG__AT_FORWARD), "the tangent is given");
    if (s->must & (silent | WG__AT_FORWARD)) return;
    hold(s, given, "no tangent");
    hold_same(s, dy, wg_jvp(twin, u->x, u->leaves, u->v), "the tangent is another");
}

// Its attributes, which may ask for more than they describe.
static const void *attributes(const wg_op *op) {
    static const double factor[4] = { WG__FACTOR, WG__FACTOR };
    if (op->attr_size <= sizeof factor) return op->attr_size ? factor : NULL;
    return NULL;
}

static void check_value(const script *s, const use *u) {
    const wg_op *op = &s->record.op;
    wg_tensor *y = wg_apply(op, u->in, s->inputs, attributes(op));
    bool given = is_clear(s, y != NULL);
    hold(s, !(given && s->must & WG__AT_APPLY), "the value is given");
    if (given) hold(s, wg__numbers(y) != NULL, "the value cannot be read");
    if (!given) hold(s, s->must & (WG__AT_APPLY | silent), "no value");
    if (!given) return;
    wg_tensor *twin = s->must & silent ? y : s->record.good->twin(u->in, s->inputs);
    hold_same(s, y, twin, "the value is another");
    if (!wg_is_tracked(y) || u->leaves == 0) return;
    check_reverse(s, u, y, twin);
    check_forward(s, u, y, twin);
}

static void check_count(const script *s, const use *u) {
    const wg_op *op = &s->record.op;
    int most = op->inputs_max ? op->inputs_max : op->inputs;
    wg_tensor *many[WG_MAX_INPUTS + 1];
    for (int i = 0; i <= WG_MAX_INPUTS; i++) many[i] = u->in[0];
    int n = s->seed % 2 ? op->inputs - 1 : most + 1;
    if (n > WG_MAX_INPUTS + 1) n = WG_MAX_INPUTS + 1;
    wg_tensor *y = wg_apply(op, many, n, attributes(op));
    hold(s, !is_clear(s, y != NULL), "a wrong number of inputs is taken");
}

static void check_use(const script *s) {
    use u;
    hold(s, make_inputs(s, &u), "no inputs");
    if (s->wrong_count)
        check_count(s, &u);
    else
        check_value(s, &u);
    hold(s, wg_recording(true), "recording was turned off");
    hold(s, wg_error() == WG_OK, "an error is left");
}

/* ---- registering it -------------------------------------------------------------------------- */

static void check_refusal(const script *s) {
    int count = wg_op_count();
    bool taken = wg_op_register(&s->record.op);
    hold(s, !is_clear(s, taken), "it is registered");
    hold(s, wg_op_count() == count, "the list has grown");
}

/* Under a name of its own, from memory that stays. */
static void check_registration(const script *s) {
    static wg__odd_record *registered[MOST_REGISTERED];
    static int count;
    char name[80];
    if (count == MOST_REGISTERED) return;
    snprintf(name, sizeof name, "fuzzed_%d_%s", count, s->record.good->op->name);
    wg__odd_record *m = malloc(sizeof *m);
    hold(s, m != NULL, "no memory");
    wg__odd_record_make(m, s->record.good, name);
    hold(s, is_clear(s, wg_op_register(&m->op)), "it is not registered");
    hold(s, wg_op_find(name) == &m->op && wg_op_at(wg_op_count() - 1) == &m->op, "it is not found");
    hold(s, !is_clear(s, wg_op_register(&m->op)), "its name is taken and it is registered again");
    registered[count++] = m;
    const wg_op *earlier = &registered[s->seed % (uint64_t)count]->op;
    hold(s, wg_op_find(earlier->name) == earlier, "an earlier one is gone");
}

static void check_register(const script *s) {
    if (s->must & WG__AT_REGISTER)
        check_refusal(s);
    else if (s->flaws == 0)
        check_registration(s);
}

/* ---- testing it, and its samples ------------------------------------------------------------- */

/* A test takes a thousand times as long as all else: once for a record with one flaw, and of
   samples one in some. */
static bool is_due(const script *s) {
    enum { RECORDS = 32, FLAWS = 128 };
    static bool done[RECORDS][FLAWS];
    uint32_t hash = 2166136261u;
    int which = 0;
    if (!s->tested || s->flaws > 1) return false;
    for (const char *c = s->text; *c; c++) hash = (hash ^ (uint8_t)*c) * 16777619u;
    if (s->text[0]) return hash % 509 == 0;
    while (s->flaws && wg__flaw_at(which) != s->flaw[0]) which++;
    bool *was = &done[s->good % RECORDS][(which + s->flaws) % FLAWS], due = !*was;
    return *was = true, due;
}

static void check_selftest(const script *s) {
    wg_check_report report = { 0 };
    bool passed = wg__selftest_brief(&s->record.op, &report);
    hold(s, passed == (report.failures == 0) && passed == !report.text[0],
         "passed, with a failure");
    if (s->flaws == 0 && !passed) fprintf(stderr, "%s\n", report.text);
    hold(s, passed || s->flaws > 0, "a right record fails its test");
    bool flawed = s->must & WG__AT_SELFTEST || wg__op_flaw(&s->record.op);
    hold(s, !(passed && flawed), "a flaw passes the test");
    hold(s, wg_error() == WG_OK, "the test leaves an error");
}

// At most so many numbers are drawn, or this would take its time.
static bool is_small(const wg__sample *sample) {
    int64_t all = 0;
    for (int i = 0; i < sample->inputs; i++) all += wg__numel(&sample->in[i].shape);
    return all < 256;
}

static void check_sample(const script *s) {
    wg__sample sample;
    double *value[WG_MAX_INPUTS];
    wg_random r = { .seed = s->seed };
    if (!s->text[0] || s->must & WG__AT_REGISTER) return;
    if (!is_clear(s, wg__sample_parse(s->record.good->op, s->text, &sample))) return;
    if (!is_small(&sample)) return;
    for (int i = 0; i < sample.inputs; i++) value[i] = wg__scratch(wg__numel(&sample.in[i].shape));
    is_clear(s, wg__sample_draw(&sample, &r, value));
    wg__odd_record m = s->record;
    m.op.samples[0] = s->text, m.op.samples[1] = NULL;
    if (s->due) (void)wg__selftest_brief(&m.op, NULL);
    hold(s, wg_error() == WG_OK, "the test leaves an error");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const checks[])(const script *s) = { check_register, check_use, check_sample };
    script s;
    wg_on_error(NULL, NULL);
    read_script(&s, data, size);
    s.due = is_due(&s);
    int64_t tensors = wg__ctx()->memory.tensors;
    for (size_t k = 0; k < sizeof checks / sizeof *checks; k++) {
        wg_scope *scope = wg_scope_open();
        checks[k](&s);
        wg_scope_close(scope);
        hold(&s, wg__ctx()->memory.tensors == tensors, "tensors are left");
    }
    if (s.due && !s.text[0]) check_selftest(&s);
    return 0;
}
