// SPDX-License-Identifier: MIT
/* Programs of the fuzzers as text and as C: what is printed is the program, any text is one, and
   the C computes what the machine did. And the mutator, whose results are programs, too. */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz/driver/driver.h"
#include "fuzz/vm/text.h"
#include "tests/testing.h"

/* ---- programs by chance ---------------------------------------------------------------------- */

enum { BYTES = 8 * (1 + 4 + 10), TEXT = 1 << 18 };

static bool decode_random(uint64_t seed, wg__vm_program *p) {
    wg_random r = { .seed = seed };
    uint8_t data[BYTES];
    size_t size = (size_t)wg_random_below(&r, BYTES + 1);
    for (size_t i = 0; i < size; i++) data[i] = (uint8_t)wg_random_below(&r, 256);
    return wg__vm_decode(data, size, (wg__vm_limits){ 0 }, p);
}

static size_t print_into(char *text, const wg__vm_program *p,
                         bool (*print)(FILE *, const wg__vm_program *)) {
    FILE *file = fmemopen(text, TEXT, "w");
    ck_assert(file && print(file, p));
    long size = ftell(file);
    fclose(file);
    ck_assert(size > 0 && size < TEXT - 1);
    return (size_t)size;
}

static wg__vm_program *parsed(const char *text) {
    static wg__vm_program p;
    ck_assert(wg__vm_decode((const uint8_t *)text, strlen(text), (wg__vm_limits){ 0 }, &p));
    return &p;
}

static void expect_same_registers(const wg__vm_program *p, const wg__vm_run *a,
                                  const wg__vm_run *b) {
    for (int i = 0; i < p->leaves + p->steps; i++) {
        ck_assert_int_eq(a->reg[i] == NULL, b->reg[i] == NULL);
        ck_assert(!a->reg[i] || wg__same_bits(a->reg[i], b->reg[i]));
    }
}

/* ---- text and back --------------------------------------------------------------------------- */

START_TEST(what_is_printed_is_the_program) {
    static wg__vm_program p, q;
    static wg__vm_run a, b;
    static char first[TEXT], second[TEXT];
    for (uint64_t seed = 0; seed < 2000; seed++) {
        wg_scope *scope = wg_scope_open();
        ck_assert(decode_random(seed, &p));
        size_t size = print_into(first, &p, wg__vm_print);
        ck_assert(wg__vm_decode((const uint8_t *)first, size, (wg__vm_limits){ 0 }, &q));
        print_into(second, &q, wg__vm_print);
        ck_assert_str_eq(second, first);
        ck_assert(wg__vm_run_usual(&p, &a) && wg__vm_run_usual(&q, &b));
        expect_same_registers(&p, &a, &b);
        wg_scope_close(scope);
    }
}
END_TEST

START_TEST(every_bit_of_a_number_comes_back) {
    wg_random r = { .seed = 3 };
    char text[400], number[WG__VM_NUMBER];
    for (int i = 0; i < 2000; i++) {
        wg_scope *scope = wg_scope_open();
        uint64_t bits = wg_random_u64(&r), back;
        if (i % 4 == 0) bits |= UINT64_C(0x7ff0000000000000);   // infinities and NaN
        if (i % 4 == 1) bits &= ~UINT64_C(0x7ff0000000000000);  // zeros and denormals
        if (i % 3 == 0) bits &= UINT64_C(0xfff0000000000000);
        double value;
        memcpy(&value, &bits, sizeof value);
        snprintf(text, sizeof text,
                 "wengert program 1\nmode special\nx0 = variable f64 [1] dense %s\n",
                 wg__vm_number(value, number));
        memcpy(&back, parsed(text)->leaf[0].value, sizeof back);
        ck_assert_msg(back == bits, "%s", number);
        wg_scope_close(scope);
    }
}
END_TEST

// One character is another, or a piece is gone, or is there twice.
static size_t damage(char *text, size_t size, wg_random *r) {
    static const char pool[] = "x0123456789 .,-=()[]#\nabcdefghijklmnopqrstuvwxyz";
    size_t at = (size_t)wg_random_below(r, (int64_t)size);
    size_t length = (size_t)wg_random_below(r, 20);
    if (at + length > size) length = size - at;
    int kind = (int)wg_random_below(r, 4);
    if (kind < 2) text[at] = pool[wg_random_below(r, sizeof pool - 1)];
    if (kind == 2) memmove(text + at, text + at + length, size - at - length), size -= length;
    if (kind == 3 && size + length < TEXT)
        memmove(text + at + length, text + at, size - at), size += length;
    return size;
}

START_TEST(any_text_is_a_program) {
    static wg__vm_program p;
    static wg__vm_run run;
    static char text[TEXT];
    for (uint64_t seed = 0; seed < 2000; seed++) {
        wg_random r = { .seed = seed, .stream = 1 };
        wg_scope *scope = wg_scope_open();
        ck_assert(decode_random(seed, &p));
        size_t size = print_into(text, &p, wg__vm_print);
        for (int64_t n = wg_random_below(&r, 8); n >= 0; n--) size = damage(text, size, &r);
        ck_assert_msg(wg__vm_parse(text, size, &p), "%s", wg_error_message());
        ck_assert(p.leaves > 0 && p.outputs > 0);
        ck_assert_msg(wg__vm_run_usual(&p, &run), "%s", wg_error_message());
        for (int i = 0; i < p.outputs; i++) ck_assert_ptr_nonnull(run.reg[p.output[i]]);
        wg_scope_close(scope);
    }
}
END_TEST

/* ---- lines ----------------------------------------------------------------------------------- */

#define HEAD "wengert program 1\nx0 = variable f64 [2,3] dense 0 1 2 3 4 5\n"

START_TEST(lines_may_be_written_by_hand) {
    const wg__vm_program *p =
        parsed("wengert program 1\nmode whole\ndtype f32\nseed 12\nchoice 1 2 255\n"
               "x10 = constant i64 [2] dense 1 0\n"
               "x7 = variable f32 [2,3] transposed 0 1 2 3 4 5\n"
               "x20 = index_select(x7, x10) axis=1\n"
               "x21 = neg(x20) stop\n"
               "x22 = add(x20, x21) unrecorded\n"
               "scope x20 x21\n"
               "outputs x22 x20\n");
    ck_assert(p->mode == WG__WHOLE && p->dtype == WG_F32 && p->seed == 12);
    ck_assert(p->choice[0] == 1 && p->choice[1] == 2 && p->choice[2] == 255);
    ck_assert(p->leaves == 2 && p->steps == 3 && p->outputs == 2 && p->spans == 1);
    ck_assert(p->leaf[1].layout == WG__TRANSPOSED && p->leaf[1].variable);
    ck_assert(p->step[0].in[0] == 1 && p->step[0].in[1] == 0);
    ck_assert(p->step[1].flags == WG__VM_STOP && p->step[2].flags == WG__VM_UNRECORDED);
    ck_assert(p->output[0] == 4 && p->output[1] == 2);
    ck_assert(p->span[0].kind == WG__VM_SCOPE && p->span[0].first == 0 && p->span[0].last == 1);
}
END_TEST

static const struct left_out {
    const char *line, *why;
} left_out[] = {
    { "x1 = no_such_operation(x0)", "an unknown operation" },
    { "x1 = neg(x5)", "an unknown register" },
    { "x1 = neg(x1)", "itself as operand" },
    { "x1 = neg()", "too few operands" },
    { "x1 = matmul(x0, x0)", "shapes that do not fit" },
    { "x1 = sum(x0) axes=7", "an attribute out of range" },
    { "x1 = sum(x0) colour=7", "an unknown attribute" },
    { "x1 = neg(x0", "no closing parenthesis" },
    { "x1 = expand(x0) shape=1000,2,3", "a result that is too large" },
    { "x1 = log(x0)", "a result that is not finite" },
    { "y1 = neg(x0)", "no register's name" },
    { "x1000000000000000000000 = neg(x0)", "a name that is too long" },
};
START_TEST(a_line_that_makes_no_sense_is_left_out) {
    char text[400];
    snprintf(text, sizeof text, HEAD "%s\nx2 = add(x1, x0)\nx3 = neg(x0)\n", left_out[_i].line);
    const wg__vm_program *p = parsed(text);
    // And with it x2, which needs it; x3 does not.
    ck_assert_msg(p->steps == 1 && strcmp(p->step[0].op->name, "neg") == 0, "%s", left_out[_i].why);
    ck_assert_int_eq(p->step[0].in[0], 0);
    ck_assert_int_eq(p->output[0], 1);
}
END_TEST

static const char *const bad_leaves[] = {
    "x1 = variable f64 [1,1,1,1,1,1,1,1,1] dense 1",  // nine axes
    "x1 = variable f64 [99999999999999999999] dense 1",
    "x1 = variable f64 [-1] dense",
    "x1 = variable f64 [2] dense 1",    // one number is missing
    "x1 = variable f64 [1] dense 1e5",  // large
    "x1 = variable f64 [1] dense nan",
    "x1 = variable f64 [1] dense one",
    "x1 = variable f64 [1] sideways 1",
    "x1 = variable f16 [1] dense 1",
    "x1 = constant i64 [1] dense 0.5",
    "x1 = constant i32 [1] dense 3000000000",
    "x1 = constant bool [1] dense 2",
    "x1 = constant u8 [1] dense -1",
};
START_TEST(a_leaf_beyond_the_limits_is_left_out) {
    char text[400];
    snprintf(text, sizeof text, HEAD "%s\n", bad_leaves[_i]);
    ck_assert_msg(parsed(text)->leaves == 1, "%s", bad_leaves[_i]);
}
END_TEST

static const char *const bad_spans[] = {
    "checkpoint x1 x2",  // x1 is read after it
    "checkpoint x2 x9",         "scope x3 x2",
    "scope x2 x3\nscope x2 x3",  // the same again
    "scope x1 x2\nscope x2 x3",  // neither disjoint nor nested
};
START_TEST(spans_are_disjoint_or_nested_and_closed) {
    char text[400];
    snprintf(text, sizeof text, HEAD "x1 = neg(x0)\nx2 = neg(x1)\nx3 = add(x1, x2)\n%s\n",
             bad_spans[_i]);
    ck_assert_int_eq(parsed(text)->spans, strchr(bad_spans[_i], '\n') ? 1 : 0);
}
END_TEST

/* ---- C --------------------------------------------------------------------------------------- */

static void put_values(char *out, const char *what, const wg_tensor *x) {
    double *v = elements_of(x, wg_numel(x));
    char shape[200];
    out += strlen(out);
    out += sprintf(out, "%s %s %s", what, wg_dtype_name(wg_dtype_of(x)),
                   wg_shape_text(wg_shape_of(x), shape, sizeof shape));
    for (int64_t k = 0; k < wg_numel(x); k++) out += sprintf(out, " %.17g", v[k]);
    sprintf(out, "\n");
    free(v);
}

// As the C program draws it.
static wg_tensor *cotangent(const wg_tensor *y, wg_random r) {
    int64_t n = wg_numel(y);
    double *v = wg__scratch(n);
    for (int64_t k = 0; k < n; k++) {
        double size = 0.5 + wg_random_uniform(&r);
        v[k] = wg_random_below(&r, 2) ? size : -size;
    }
    return wg_from_f64(wg_dtype_of(y), wg_shape_of(y), v);
}

static void put_output(char *out, const wg__vm_program *p, const wg__vm_run *r, int i) {
    wg_tensor *y = r->reg[p->output[i]], *g[WG__VM_LEAVES];
    char name[20];
    snprintf(name, sizeof name, "x%d", p->output[i]);
    put_values(out, name, y);
    if (r->variables == 0 || !wg_is_tracked(y)) return;
    wg_tensor *w = cotangent(y, (wg_random){ .seed = p->seed, .stream = (uint64_t)i });
    put_values(out, "w", w);
    if (!wg_grad(y, r->x, r->variables, g, (wg_grad_options){ .seed = w })) {
        sprintf(out + strlen(out), "error: %s\n", wg_error_message());
        wg_error_clear();
        return;
    }
    for (int k = 0; k < r->variables; k++) put_values(out, "gradient", g[k]);
}

// The outputs as a function of the variables, joined as the C program joins them.
static wg_tensor *as_function(void *user, wg_tensor *const in[], int n) {
    static wg__vm_run r;
    const wg__vm_program *p = user;
    wg_tensor *row[WG__VM_OUTPUTS];
    if (!wg__vm_run_make(p, &(wg__vm_setting){ .dtype = p->dtype }, &r)) return NULL;
    for (int i = 0; i < n; i++) r.reg[r.which[i]] = in[i];
    if (!wg__vm_run_steps(p, false, &r)) return NULL;
    for (int i = 0; i < p->outputs; i++) {
        wg_tensor *y = r.reg[p->output[i]];
        row[i] = p->outputs == 1 ? y : wg_reshape(y, WG_SHAPE(wg_numel(y)));
    }
    return p->outputs == 1 ? row[0] : wg_cat(row, p->outputs, 0);
}

static void put_check(char *out, wg__vm_program *p, const wg__vm_run *r) {
    static wg_check_report report;
    wg_check_options o = { .name = "program", .seed = p->seed, .unused = true };
    if (!wg__vm_is_checkable(p)) return;
    bool right = wg_check_gradient(as_function, p, r->x, r->variables, o, &report);
    sprintf(out + strlen(out), "wg_check_gradient: %s\n", right ? "nothing is wrong" : report.text);
}

// What the C program of p is to print.
static void put_all(char *out, wg__vm_program *p) {
    static wg__vm_run r;
    out[0] = 0;
    if (!wg__vm_run_make(p, &(wg__vm_setting){ .dtype = p->dtype }, &r)) {
        sprintf(out, "error: %s\n", wg_error_message());
        wg_error_clear();
        return;
    }
    for (int i = 0; i < p->outputs; i++) put_output(out, p, &r, i);
    put_check(out, p, &r);
}

static void compile_and_run(const wg__vm_program *p, char *out) {
    static char source[TEXT];
    char folder[] = "/tmp/wengert_program_XXXXXX", command[2000];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    size_t size = print_into(source, p, wg__vm_print_c);
    snprintf(command, sizeof command,
             "cd %s && " WENGERT_CC " -std=c11 -Wall -Wextra -Werror " WENGERT_CFLAGS
             " -xc -o program - -xnone " WENGERT_LINK " -lm && ./program >out",
             folder);
    FILE *compiler = popen(command, "w");
    ck_assert(compiler && fwrite(source, 1, size, compiler) == size);
    int status = pclose(compiler);
    snprintf(command, sizeof command, "cat %s/out && rm -r %s", folder, folder);
    FILE *result = popen(command, "r");
    ck_assert_ptr_nonnull(result);
    out[fread(out, 1, TEXT - 1, result)] = 0;
    pclose(result);
    bool failed = strncmp(out, "error", 5) == 0 || strstr(out, "wg_check_gradient: program: ");
    ck_assert_msg((status != 0) == failed, "%s\n%s", source, out);
}

// The sign of a NaN is nobody's promise.
static void unsign_nans(char *text) {
    for (char *at; (at = strstr(text, "-nan"));) memmove(at, at + 1, strlen(at));
}

static void expect_same_output(wg__vm_program *p) {
    static char want[TEXT], got[TEXT];
    put_all(want, p);
    compile_and_run(p, got);
    unsign_nans(want), unsign_nans(got);
    ck_assert_str_eq(got, want);
}

#define STEP_OF_ALL                                                                                \
    "x10 = mul(x0, x1)\nx11 = sum(x10) axes=-1 keepdim=1\nx12 = slice(x2) axis=1 start=1 "         \
    "stop=9223372036854775807 step=1\nx13 = neg(x11) stop\nx14 = sub(x10, x13) unrecorded\n"       \
    "x15 = add(x10, x11)\nx16 = einsum(x15, x3) equation=ij,jk->ik\nx17 = add(x4, x5)\n"           \
    "scope x10 x11\ncheckpoint x15 x16\noutputs x16 x17 x12\n"

START_TEST(the_c_program_computes_the_same) {
    static const char *const layouts[] = { "dense", "gaps", "negative", "shifted", "transposed" };
    char text[2000];
    snprintf(text, sizeof text,
             "wengert program 1\nseed 5\n"
             "x0 = variable f64 [2,3] transposed 0 1 2 3 4 -0\n"
             "x1 = variable f64 [2,3] first_zero 0.1 0.2 0.3 0.1 0.2 0.3\n"
             "x2 = variable f64 [3,2] %s 1e-310 0.1 2 -3 4 5\n"
             "x3 = variable f64 [3,4] last_zero 1 1 1 1 2 2 2 2 3 3 3 3\n"
             "x4 = constant f64 [] gaps 2\nx5 = variable f64 [0] negative\n" STEP_OF_ALL,
             layouts[_i]);
    wg__vm_program *p = parsed(text);
    ck_assert(p->steps == 8 && p->leaves == 6 && p->spans == 2 && p->outputs == 3);
    expect_same_output(p);
}
END_TEST

START_TEST(the_c_program_of_any_bytes_computes_the_same) {
    static wg__vm_program p;
    wg_scope *scope = wg_scope_open();
    ck_assert(decode_random((uint64_t)_i, &p));
    expect_same_output(&p);
    wg_scope_close(scope);
}
END_TEST

static const char *const checkable =
    "wengert program 1\nseed 5\nx0 = variable f64 [2,2] gaps 1 2 -0.5 4\n"
    "x1 = constant f64 [2] dense 3 1\nx2 = variable f64 [2] dense 1 -1\n%s"
    "checkpoint x3 x4\noutputs x5 x4\n";
#define CHECKED "x3 = mul(x0, x1)\nx4 = exp(x3)\nx5 = sub(x4, x2)\n"
static const char *const not_checked[] = {
    "x3 = mul(x0, x1)\nx4 = exp(x3)\nx5 = sub(x4, x2) stop\n",
    "x3 = mul(x0, x1)\nx4 = sign(x3)\nx5 = sub(x4, x1)\n",      // nothing moves
    "x3 = sub(x2, x2)\nx4 = abs(x3)\nx5 = sub(x4, x2)\n",       // a kink
    "x3 = sub(x2, x2)\nx4 = sign(x3)\nx5 = sub(x4, x2)\n",      // a jump
    "x3 = cast(x0) dtype=0\nx4 = exp(x3)\nx5 = sub(x2, x2)\n",  // f32
};

START_TEST(the_c_program_checks_its_gradient_where_differences_can_tell) {
    static char text[2000], source[TEXT], want[TEXT];
    snprintf(text, sizeof text, checkable, CHECKED);
    wg__vm_program *p = parsed(text);
    ck_assert_int_eq(p->spans, 1);
    expect_same_output(p);
    put_all(want, p);
    ck_assert_ptr_nonnull(strstr(want, "wg_check_gradient: nothing is wrong\n"));
    for (int i = 0; i < COUNT(not_checked); i++) {
        snprintf(text, sizeof text, checkable, not_checked[i]);
        p = parsed(text);
        ck_assert_int_eq(p->steps, 3);
        print_into(source, p, wg__vm_print_c);
        ck_assert_msg(!strstr(source, "wg_check_gradient"), "%s", not_checked[i]);
    }
}
END_TEST

WG_UNARY(my_own_square, "x^2", x *x, wg_mul(wg_num(2), x), z *z, "-3..3")

START_TEST(the_c_program_says_what_must_be_registered) {
    static char source[TEXT];
    ck_assert(wg_op_find("my_own_square") || wg_op_register(&my_own_square_op));
    print_into(source, parsed(HEAD "x1 = my_own_square(x0)\nx2 = my_own_square(x1)\n"),
               wg__vm_print_c);
    char *said = strstr(source, "what registers my_own_square");
    ck_assert(said && !strstr(said + 1, "what registers"));
}
END_TEST

/* ---- reports -------------------------------------------------------------------------------- */

// In a process of its own, where no allocation works and an error is pending.
static void fail_into(const char *path, const wg__vm_program *p) {
    if (!freopen(path, "w", stderr)) _exit(1);
    signal(SIGABRT, SIG_DFL);
    counted.left = 0;
    wg_fail(WG_ERROR_SHAPE, "something was pending");
    wg__fuzz_fail(p, "naive", "step 0: neg: naive at %d: %d is not %d", 3, 1, 2);
}

START_TEST(a_failure_tells_the_oracle_and_the_program_and_aborts) {
    static const char *const words[] = {
        "\nWENGERT FUZZ: oracle naive: step 0: neg at 3: 1 is not 2\n",  // named once
        "\npending error: something was pending\n",
        "\n==== program ====\nwengert program 1\n",
        "\nx1 = neg(x0)\n",
        "\n==== program in C ====\n",
        "int main(void) {",
        "\n==== end ====\n",
    };
    static char said[TEXT];
    char path[] = "/tmp/wengert_report_XXXXXX";
    int status = 0, descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    close(descriptor);
    const wg__vm_program *p = parsed(HEAD "x1 = neg(x0)\n");
    pid_t child = fork();
    if (child == 0) fail_into(path, p);
    ck_assert(child > 0 && waitpid(child, &status, 0) == child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    said[fread(said, 1, TEXT - 1, file)] = 0;
    fclose(file), unlink(path);
    for (int i = 0; i < COUNT(words); i++) ck_assert_msg(strstr(said, words[i]), "%s", words[i]);
}
END_TEST

/* ---- the mutator ----------------------------------------------------------------------------- */

START_TEST(a_mutant_fits_its_room) {
    for (unsigned seed = 0; seed < 20000; seed++) {
        wg_random r = { .seed = seed };
        size_t max = 1 + (size_t)wg_random_below(&r, 300);
        size_t size = (size_t)wg_random_below(&r, (int64_t)max + 1);
        uint8_t *a = calloc(max, 1);  // of this size, for a sanitiser
        for (size_t i = 0; i < size; i++) a[i] = (uint8_t)wg_random_below(&r, 256);
        ck_assert_uint_le(wg_fuzz_mutate(a, size, max, seed), max);
        free(a);
    }
}
END_TEST

START_TEST(from_nothing_the_mutator_comes_to_programs_with_many_operations) {
    static wg__vm_program p;
    uint8_t data[400] = { 0 };
    size_t size = 0;
    int most = 0;
    for (unsigned seed = 0; seed < 400; seed++) {
        wg_scope *scope = wg_scope_open();
        size = wg_fuzz_mutate(data, size, sizeof data, seed);
        ck_assert(wg__vm_decode(data, size, (wg__vm_limits){ 0 }, &p));
        if (p.steps > most) most = p.steps;
        wg_scope_close(scope);
    }
    ck_assert_int_ge(most, 8);
}
END_TEST

START_TEST(a_mutant_of_text_is_text) {
    static wg__vm_program p;
    static uint8_t data[TEXT];
    int changed = 0;
    for (unsigned seed = 0; seed < 1000; seed++) {
        wg_scope *scope = wg_scope_open();
        ck_assert(decode_random(7, &p));
        size_t size = print_into((char *)data, &p, wg__vm_print);
        size_t grown = wg_fuzz_mutate(data, size, sizeof data, seed);
        changed += grown != size;
        ck_assert(wg__vm_decode(data, grown, (wg__vm_limits){ 0 }, &p));
        wg_scope_close(scope);
    }
    ck_assert_int_gt(changed, 100);
}
END_TEST

START_TEST(a_cross_fits_its_room_and_has_instructions_of_both) {
    uint8_t a[8 * 9], b[8 * 9];
    memset(a, 1, sizeof a), memset(b, 2, sizeof b);
    a[WG__VM_HEAD_LEAVES] = b[WG__VM_HEAD_LEAVES] = 0;
    int both = 0;
    for (unsigned seed = 0; seed < 1000; seed++) {
        size_t max = 1 + seed % 150;
        uint8_t *out = malloc(max);
        size_t size = wg_fuzz_cross((wg_fuzz_bytes){ a, sizeof a },
                                    (wg_fuzz_bytes){ b, sizeof b - seed % 60 }, out, max, seed);
        ck_assert(size >= 1 && size <= max);
        both += memchr(out, 1, size) && memchr(out, 2, size);
        free(out);
    }
    ck_assert_int_gt(both, 300);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("programs as text");
    TCase *text = add_cases(suite, "text"), *c = add_cases(suite, "c");
    TCase *mutants = add_cases(suite, "mutants");
    tcase_add_test(text, what_is_printed_is_the_program);
    tcase_add_test(text, every_bit_of_a_number_comes_back);
    tcase_add_test(text, any_text_is_a_program);
    tcase_add_test(text, lines_may_be_written_by_hand);
    ADD_TABLE(text, a_line_that_makes_no_sense_is_left_out, left_out);
    ADD_TABLE(text, a_leaf_beyond_the_limits_is_left_out, bad_leaves);
    ADD_TABLE(text, spans_are_disjoint_or_nested_and_closed, bad_spans);
    tcase_add_loop_test(c, the_c_program_computes_the_same, 0, 5);
    tcase_add_test(c, the_c_program_checks_its_gradient_where_differences_can_tell);
    tcase_add_loop_test(c, the_c_program_of_any_bytes_computes_the_same, 0, 8);
    tcase_add_test(c, the_c_program_says_what_must_be_registered);
    tcase_add_test(c, a_failure_tells_the_oracle_and_the_program_and_aborts);
    tcase_add_test(mutants, a_mutant_fits_its_room);
    tcase_add_test(mutants, from_nothing_the_mutator_comes_to_programs_with_many_operations);
    tcase_add_test(mutants, a_mutant_of_text_is_text);
    tcase_add_test(mutants, a_cross_fits_its_room_and_has_instructions_of_both);
    return run_suite(suite);
}
