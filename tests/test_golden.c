// SPDX-License-Identifier: MIT
/* test_golden.c: values, first and second derivatives against PyTorch's, which stand in
   tests/golden: cases.txt lists the cases, make.py made the numbers. Two libraries that share no
   line of code agree, or one of them is wrong. */
#include <stdio.h>

#include "autograd/check/sample_impl.h"
#include "io/io.h"
#include "tests/op_test.h"

/* Both compute in double, but by formulas of different conditioning. An element may be off by this
   share of itself and of the largest in its array, since the elements of one array are made of the
   same terms; of all of them solve() of a 3 by 3 system needs most of it. */
static const double BOUND = 1e-11;

/* Where all of an array cancels to nothing, what is left of it is the rounding of what cancelled:
   a few dozen units in the last place of the largest number that went in. */
static const double ROUNDING = 64 * 0x1p-53;

enum { LINE_MAX_ = 400, MAX_CASES = 4000 };

/* ---- the list -------------------------------------------------------------------------------- */

static char *line[MAX_CASES];  // in order; the cases of an operation may stand anywhere
static int lines;
static const wg_op *covered[MAX_CASES];  // each operation once
static int covered_count;

static const wg_op *op_of(const char *text) {  // NULL if there is none of that name
    char name[100];
    return sscanf(text, "%99s", name) == 1 ? wg_op_find(name) : NULL;
}

static void note_op(const wg_op *op) {
    if (!op) return;
    for (int i = 0; i < covered_count; i++)
        if (covered[i] == op) return;
    covered[covered_count++] = op;
}

static void read_cases(void) {
    char text[LINE_MAX_];
    FILE *file = fopen("tests/golden/cases.txt", "r");
    if (!file) return;
    while (lines < MAX_CASES && fgets(text, sizeof text, file)) {
        text[strcspn(text, "\n")] = 0;
        if (text[0] == 0 || text[0] == '#') continue;
        line[lines] = strdup(text);
        note_op(op_of(line[lines++]));
    }
    fclose(file);
}

/* ---- one case -------------------------------------------------------------------------------- */

typedef struct cursor {
    const double *at, *end;
    const char *text;
    double largest;  // |number| that went in so far
} cursor;

static double largest_of(const double *values, int64_t n) {
    double largest = 0;
    for (int64_t k = 0; k < n; k++)
        if (isfinite(values[k])) largest = fmax(largest, fabs(values[k]));
    return largest;
}

static const double *take(cursor *c, int64_t n) {
    const double *values = c->at;
    ck_assert_msg(n <= c->end - c->at, "%s: its file ends too early", c->text);
    c->at += n;
    return values;
}

static const double *take_input(cursor *c, int64_t n) {
    const double *values = take(c, n);
    c->largest = fmax(c->largest, largest_of(values, n));
    return values;
}

static wg_tensor *tensor_of(cursor *c, const wg__slot *slot) {
    static const wg_dtype dtype[] = {
        [WG__FLOAT] = WG_F64, [WG__INTEGER] = WG_I64, [WG__TRUTH] = WG_BOOL
    };
    return wg_from_f64(dtype[slot->kind], slot->shape, take_input(c, wg_shape_numel(slot->shape)));
}

static bool agrees(double have, double want, double largest, double floor) {
    if (have == want || (isnan(have) && isnan(want))) return true;
    return fabs(have - want) <= BOUND * (fabs(want) + largest) + floor;
}

/* got is what the file goes on with. */
static void compare(cursor *c, const wg_tensor *got, const char *what) {
    int64_t n = wg_numel(got);
    double *have = elements_of(got, n);
    const double *want = take(c, n);
    double largest = largest_of(want, n), floor = ROUNDING * c->largest;
    for (int64_t k = 0; k < n; k++) {
        bool same = agrees(have[k], want[k], largest, floor);
        ck_assert_msg(same, "%s: %s[%lld] is %.17g, PyTorch's is %.17g", c->text, what,
                      (long long)k, have[k], want[k]);
    }
    free(have);
}

// <gx, v> as one number, the directions being what comes next.
static wg_tensor *product(cursor *c, wg_tensor *const gx[], int n) {
    wg_tensor *sum = wg_num(0);
    for (int k = 0; k < n; k++) {
        wg_tensor *v = wg_from_f64(WG_F64, wg_shape_of(gx[k]), take_input(c, wg_numel(gx[k])));
        sum = wg_add(sum, wg_sum(wg_mul(gx[k], v)));
    }
    return sum;
}

// x are the n leaves that y was computed from.
typedef struct outcome {
    wg_tensor *y, *w, *x[WG_MAX_INPUTS];
    int n;
    bool second;  // the file goes on with second derivatives
} outcome;

static void compare_derivatives(cursor *c, const outcome *o) {
    wg_tensor *gx[WG_MAX_INPUTS], *hx[WG_MAX_INPUTS];
    ck_assert_msg(wg_grad(o->y, o->x, o->n, gx, (wg_grad_options){ .seed = o->w }), "%s: %s",
                  c->text, wg_error_message());
    for (int k = 0; k < o->n; k++) compare(c, gx[k], "gx");
    if (!o->second) return;
    wg_tensor *sum = product(c, gx, o->n);
    ck_assert_msg(wg_grad(sum, o->x, o->n, hx, (wg_grad_options){ .constant = true }), "%s: %s",
                  c->text, wg_error_message());
    for (int k = 0; k < o->n; k++) compare(c, hx[k], "hx");
}

static void run_case(cursor *c, const wg_op *op) {
    wg_scope *scope = wg_scope_open();
    wg__sample s;
    c->largest = 0;
    wg_tensor *in[WG_MAX_INPUTS];
    outcome o = { .n = 0 };
    const char *sample = strchr(c->text, ' ');
    ck_assert_msg(wg__sample_parse(op, sample ? sample : "", &s), "%s", wg_error_message());
    o.second = *take(c, 1) != 0;
    for (int i = 0; i < s.inputs; i++) {
        in[i] = tensor_of(c, &s.in[i]);
        if (s.in[i].kind == WG__FLOAT) in[i] = o.x[o.n++] = wg_variable(in[i]);
    }
    o.y = wg_apply(op, in, s.inputs, s.attr);
    ck_assert_msg(o.y != NULL, "%s: %s", c->text, wg_error_message());
    o.w = wg_from_f64(WG_F64, wg_shape_of(o.y), take_input(c, wg_numel(o.y)));
    compare(c, o.y, "y");
    if (o.n > 0 && wg_dtype_is_float(wg_dtype_of(o.y))) compare_derivatives(c, &o);
    wg_scope_close(scope);
}

START_TEST(it_agrees_with_pytorch) {
    const wg_op *op = covered[_i];
    char path[200];
    snprintf(path, sizeof path, "tests/golden/%s.npy", op->name);
    wg_tensor *file = wg_io_load_npy(path);
    ck_assert_msg(file != NULL, "%s", wg_error_message());
    const double *values = wg_values(file, WG_F64);
    cursor c = { values, values + wg_numel(file), NULL, 0 };
    for (int k = 0; k < lines; k++) {
        if (op_of(line[k]) != op) continue;
        c.text = line[k];
        run_case(&c, op);
    }
    ck_assert_msg(c.at == c.end, "%s: %lld numbers too many", path, (long long)(c.end - c.at));
}
END_TEST

START_TEST(every_case_is_of_an_operation_that_is_there) {
    ck_assert_int_gt(covered_count, 0);
    for (int k = 0; k < lines; k++) ck_assert_msg(op_of(line[k]) != NULL, "'%s'", line[k]);
}
END_TEST

START_TEST(a_tiny_result_has_a_tiny_bound) {
    ck_assert(agrees(1e-20, 1.00000000001e-20, 1e-20, 0));
    ck_assert(!agrees(1e-20, 1.0001e-20, 1e-20, 0));
    ck_assert(!agrees(1e-15, 2e-15, 2e-15, 0));
    ck_assert(!agrees(0, 1e-11, 1e-11, ROUNDING * 2));
    ck_assert(agrees(1e-16, 0, 0, ROUNDING * 2));  // what is left of 2 - 2
    ck_assert(!agrees(NAN, 1, 1, 1) && !agrees(1, NAN, 1, 1));
    ck_assert(!agrees(INFINITY, 1, 1, 1) && agrees(-INFINITY, -INFINITY, 1, 1));
}
END_TEST

/* ---- what has no case ------------------------------------------------------------------------ */

// "# not compared: NAME: REASON"
static bool is_excused(const char *name) {
    static const char head[] = "# not compared: ";
    char text[LINE_MAX_];
    bool found = false;
    FILE *file = fopen("tests/golden/cases.txt", "r");
    while (file && fgets(text, sizeof text, file)) {
        if (strncmp(text, head, sizeof head - 1) != 0) continue;
        const char *of = text + sizeof head - 1, *colon = strchr(of, ':');
        ck_assert_msg(colon && strlen(colon) > 10, "no reason: %s", text);
        found |= (size_t)(colon - of) == strlen(name) && !strncmp(of, name, strlen(name));
    }
    if (file) fclose(file);
    return found;
}

static bool is_covered(const wg_op *op) {
    for (int i = 0; i < covered_count; i++)
        if (covered[i] == op) return true;
    return false;
}

START_TEST(what_is_like_pytorch_s_is_compared_or_says_why_not) {
    const wg_op *op = wg_op_at(_i);
    bool like = op->equals && strncmp(op->equals, "torch.", 6) == 0;
    ck_assert_msg(!like || is_covered(op) != is_excused(op->name),
                  "%s is '%s': it wants a case in tests/golden/cases.txt, or a reason there, not "
                  "both",
                  op->name, op->equals);
    ck_assert_msg(wg_op_find("dropout") && is_excused("dropout") && !is_excused("drop"),
                  "the reasons are not read");
}
END_TEST

START_TEST(the_version_that_made_the_numbers_is_known) {
    char text[LINE_MAX_] = "";
    FILE *file = fopen("tests/golden/VERSION", "r");
    ck_assert(file != NULL && fgets(text, sizeof text, file));
    ck_assert_msg(strncmp(text, "PyTorch 1", 9) == 0 || strncmp(text, "PyTorch 2", 9) == 0, "%s",
                  text);
    fclose(file);
}
END_TEST

int main(void) {
    read_cases();
    Suite *suite = suite_create("golden");
    TCase *cases = add_cases(suite, "cases");
    tcase_add_test(cases, every_case_is_of_an_operation_that_is_there);
    tcase_add_test(cases, a_tiny_result_has_a_tiny_bound);
    tcase_add_test(cases, the_version_that_made_the_numbers_is_known);
    tcase_add_loop_test(cases, what_is_like_pytorch_s_is_compared_or_says_why_not, 0,
                        wg_op_count());
    tcase_add_loop_test(cases, it_agrees_with_pytorch, 0, covered_count);
    int status = run_suite(suite);
    for (int k = 0; k < lines; k++) free(line[k]);
    return status;
}
