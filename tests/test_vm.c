// SPDX-License-Identifier: MIT
/* test_vm.c: the fuzzers' machine: any bytes are a program, which runs, and runs again to the same
   bits; every operation can be reached, and one more takes over few tags. */
#include "fuzz/vm/vm.h"
#include "tests/testing.h"

static wg__vm_program program;
static wg__vm_run run;

static size_t random_bytes(wg_random *r, uint8_t *byte, int64_t most) {
    size_t size = (size_t)wg_random_below(r, most + 1);
    for (size_t k = 0; k < size; k++) byte[k] = (uint8_t)wg_random_below(r, 256);
    return size;
}

static void decode(const uint8_t *byte, size_t size, wg__vm_limits limits) {
    ck_assert_msg(wg__vm_decode(byte, size, limits, &program), "%s", wg_error_message());
    expect_no_error();
}

/* ---- any bytes ------------------------------------------------------------------------------- */

static bool is_before(int r, int step) { return r >= -1 && r < program.leaves + step; }

static void expect_in_order(void) {
    ck_assert_int_ge(program.leaves, 1);
    ck_assert_int_le(program.leaves, WG__VM_LEAVES);
    ck_assert_int_le(program.steps, WG__VM_STEPS);
    ck_assert_int_ge(program.outputs, 1);
    for (int k = 0; k < program.steps; k++)
        for (int i = 0; i < program.step[k].inputs; i++)
            ck_assert(is_before(program.step[k].in[i], k));
    for (int i = 0; i < program.outputs; i++)
        ck_assert(program.output[i] >= 0 && is_before(program.output[i], program.steps));
}

static void expect_nested(void) {
    for (int i = 0; i < program.spans; i++)
        for (int j = 0; j < i; j++) {
            const wg__vm_span *a = &program.span[i], *b = &program.span[j];
            bool apart = a->last < b->first || b->last < a->first;
            bool inner = a->first >= b->first && a->last <= b->last;
            bool outer = b->first >= a->first && b->last <= a->last;
            ck_assert(apart || inner || outer);
        }
}

// What an operation makes too large is squashed by the next step, so it does not come out.
static void expect_finite_and_small(void) {
    double most = program.mode == WG__WHOLE ? 0x1p31 : WG__VM_MOST;
    for (int i = 0; i < program.leaves + program.steps; i++) {
        ck_assert_int_le(wg_numel(run.reg[i]), WG__VM_ELEMENTS);
        if (program.mode == WG__SPECIAL || !wg_dtype_is_float(wg_dtype_of(run.reg[i]))) continue;
        ck_assert(isfinite(wg__most(wg__numbers(run.reg[i]), wg_numel(run.reg[i]))));
    }
    for (int i = 0; i < program.outputs && program.mode != WG__SPECIAL; i++) {
        const wg_tensor *y = run.reg[program.output[i]];
        ck_assert(wg__most(wg__numbers(y), wg_numel(y)) <= most);
    }
}

// Integers have no fractions, and what is true or false is 1 or 0.
static void expect_kinds_kept(void) {
    for (int i = 0; i < program.leaves; i++) {
        const wg__vm_leaf *leaf = &program.leaf[i];
        int64_t n = leaf->kind == WG__FLOAT ? 0 : wg_shape_numel(leaf->shape);
        for (int64_t k = 0; k < n; k++) {
            double value = leaf->value[k];
            ck_assert_msg(value == nearbyint(value), "leaf %d has an integer %g", i, value);
            ck_assert_msg(leaf->kind != WG__TRUTH || value == 0 || value == 1,
                          "leaf %d has a truth value %g", i, value);
        }
    }
}

enum { PARTS = 20, EACH = 1000 };  // PARTS * EACH programs: some seconds under the sanitizers

START_TEST(any_bytes_are_a_program_that_runs) {
    wg_random r = { .seed = 11, .stream = (uint64_t)_i };
    static wg__vm_run again;
    for (int n = 0; n < EACH; n++) {
        uint8_t byte[300];
        wg_scope *scope = wg_scope_open();
        decode(byte, random_bytes(&r, byte, 300), (wg__vm_limits){ 0 });
        expect_in_order();
        expect_nested();
        expect_kinds_kept();
        ck_assert_msg(wg__vm_run_usual(&program, &run), "%s", wg_error_message());
        ck_assert_msg(wg__vm_run_usual(&program, &again), "%s", wg_error_message());
        for (int i = 0; i < program.outputs; i++)
            ck_assert(wg__same_bits(run.reg[program.output[i]], again.reg[program.output[i]]));
        ck_assert(wg__vm_gaps_are_whole(&program, &run));
        ck_assert(wg__vm_run_make(&program, &(wg__vm_setting){ WG_F64, .plain = true }, &again));
        run = again;
        expect_finite_and_small();
        wg_scope_close(scope);
    }
}
END_TEST

START_TEST(no_bytes_are_a_program) {
    decode(NULL, 0, (wg__vm_limits){ 0 });
    expect_in_order();
    ck_assert_int_eq(program.steps, 0);
    ck_assert(wg__vm_run_usual(&program, &run));
    ck_assert_int_eq(run.variables, 1);
}
END_TEST

START_TEST(a_program_read_twice_is_the_same) {
    wg_random r = { .seed = 12, .stream = (uint64_t)_i };
    static wg__vm_program first;
    uint8_t byte[300];
    size_t size = random_bytes(&r, byte, 300);
    decode(byte, size, (wg__vm_limits){ 0 });
    first = program;
    decode(byte, size, (wg__vm_limits){ 0 });
    ck_assert_int_eq(first.leaves, program.leaves);
    ck_assert_int_eq(first.steps, program.steps);
    ck_assert_int_eq(first.spans, program.spans);
    for (int k = 0; k < first.steps; k++) {
        const wg__vm_step *a = &first.step[k], *b = &program.step[k];
        ck_assert_ptr_eq(a->op, b->op);
        ck_assert_int_eq(a->inputs, b->inputs);
        for (int i = 0; i < a->inputs; i++) ck_assert_int_eq(a->in[i], b->in[i]);
        ck_assert(!a->attr || memcmp(a->attr, b->attr, a->op->attr_size) == 0);
    }
}
END_TEST

// A scope, a checkpoint and no span at all are three ways to compute the same numbers.
START_TEST(spans_change_no_value) {
    wg_random r = { .seed = 13, .stream = (uint64_t)_i };
    static wg__vm_run plain;
    int spans = 0;
    for (int n = 0; n < 200; n++) {
        uint8_t byte[300];
        wg_scope *scope = wg_scope_open();
        decode(byte, random_bytes(&r, byte, 300), (wg__vm_limits){ 0 });
        spans += program.spans;
        ck_assert(wg__vm_run_usual(&program, &run));
        ck_assert(wg__vm_run_make(&program, &(wg__vm_setting){ WG_F64, .plain = true }, &plain));
        for (int i = 0; i < program.outputs; i++)
            ck_assert(wg__same_bits(run.reg[program.output[i]], plain.reg[program.output[i]]));
        wg_scope_close(scope);
    }
    ck_assert_int_gt(spans, 0);
}
END_TEST

/* ---- what is reached ------------------------------------------------------------------------- */

static bool has_step(const wg_op *op) {
    for (int k = 0; k < program.steps; k++)
        if (program.step[k].op == op) return true;
    return false;
}

// Nothing but the tag, and which sample: all other bytes are 0.
static bool turns_up(const wg_op *op, int sample) {
    uint8_t byte[3 * WG__VM_RECORD] = { 0 }, *step = byte + 2 * WG__VM_RECORD;
    uint16_t tag = wg__vm_tag(op);
    step[WG__VM_STEP_TAG] = (uint8_t)tag, step[WG__VM_STEP_TAG + 1] = (uint8_t)(tag >> 8);
    step[WG__VM_STEP_SAMPLE] = (uint8_t)sample;
    decode(byte, sizeof byte, (wg__vm_limits){ 0 });
    return has_step(op);
}

START_TEST(every_operation_turns_up_from_its_tag_alone) {
    for (int i = 0; i < wg_op_count(); i++) {
        const wg_op *op = wg_op_at(i);
        wg_scope *scope = wg_scope_open();
        bool found = false;
        for (int k = 0; k < WG_MAX_SAMPLES && op->samples[k]; k++) found = found || turns_up(op, k);
        ck_assert_msg(found, "%s does not turn up", op->name);
        wg_scope_close(scope);
    }
}
END_TEST

START_TEST(a_program_of_one_operation_is_that_operation) {
    static const uint8_t byte[3 * WG__VM_RECORD] = { 0 };
    for (int i = 0; i < wg_op_count(); i++) {
        wg_scope *scope = wg_scope_open();
        decode(byte, sizeof byte, (wg__vm_limits){ .instructions = 1, .only = wg_op_at(i) });
        ck_assert_msg(program.steps == 0 || has_step(wg_op_at(i)), "%s", wg_op_at(i)->name);
        wg_scope_close(scope);
    }
}
END_TEST

static int64_t bits(wg_random *r, int64_t n) { return wg_random_below(r, n); }

START_TEST(ranks_sizes_layouts_and_kinds_all_turn_up) {
    static const int8_t sizes[] = { 0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17 };
    bool rank[WG_MAX_RANK + 1] = { false }, layout[WG__LAYOUTS] = { false }, size[18] = { false };
    bool kind[3] = { false }, constant = false, variable = false;
    wg_random r = { .seed = 14 };
    for (int n = 0; n < 4000; n++) {
        uint8_t byte[2 * WG__VM_RECORD + 16];
        for (size_t k = 0; k < sizeof byte; k++) byte[k] = (uint8_t)bits(&r, 256);
        wg_scope *scope = wg_scope_open();
        decode(byte, sizeof byte, (wg__vm_limits){ .instructions = 1 });
        for (int i = 0; i < program.leaves; i++) {
            const wg__vm_leaf *leaf = &program.leaf[i];
            rank[leaf->shape.rank] = layout[leaf->layout] = kind[leaf->kind] = true;
            if (leaf->variable) variable = true;
            if (leaf->kind == WG__FLOAT && !leaf->variable) constant = true;
            for (int d = 0; d < leaf->shape.rank; d++)
                if (leaf->shape.dim[d] < 18) size[leaf->shape.dim[d]] = true;
        }
        wg_scope_close(scope);
    }
    for (int i = 0; i <= WG_MAX_RANK; i++) ck_assert_msg(rank[i], "rank %d", i);
    for (int i = 0; i < WG__LAYOUTS; i++) ck_assert_msg(layout[i], "layout %d", i);
    for (int i = 0; i < COUNT(sizes); i++) ck_assert_msg(size[sizes[i]], "size %d", sizes[i]);
    ck_assert(kind[WG__FLOAT] && kind[WG__INTEGER] && kind[WG__TRUTH] && constant && variable);
}
END_TEST

// Programs are for gradients: most outputs must depend on a variable.
START_TEST(most_programs_have_a_gradient) {
    wg_random r = { .seed = 15 };
    int tracked = 0, outputs = 0;
    for (int n = 0; n < 2000; n++) {
        uint8_t byte[200];
        wg_scope *scope = wg_scope_open();
        decode(byte, random_bytes(&r, byte, 200), (wg__vm_limits){ 0 });
        ck_assert(wg__vm_run_usual(&program, &run));
        for (int i = 0; i < program.outputs; i++)
            tracked += wg_is_tracked(run.reg[program.output[i]]), outputs++;
        wg_scope_close(scope);
    }
    ck_assert_int_gt(10 * tracked, 9 * outputs);
}
END_TEST

/* ---- the ring -------------------------------------------------------------------------------- */

WG_UNARY(newcomer, "x^2 + 1", x *x + 1, wg_mul(x, wg_num(2)), z *z + 1, "-2..2")

START_TEST(every_operation_has_a_tag) {
    for (int i = 0; i < wg_op_count(); i++)
        ck_assert_ptr_eq(wg__vm_op(wg__vm_tag(wg_op_at(i))), wg_op_at(i));
}
END_TEST

START_TEST(one_more_operation_takes_over_few_tags) {
    static const wg_op *before[65536];
    int changed = 0;
    for (int tag = 0; tag < 65536; tag++) before[tag] = wg__vm_op((uint16_t)tag);
    ck_assert(wg_op_register(&newcomer_op));
    for (int tag = 0; tag < 65536; tag++) {
        const wg_op *now = wg__vm_op((uint16_t)tag);
        ck_assert(now == before[tag] || now == &newcomer_op);
        changed += now != before[tag];
    }
    ck_assert_int_gt(changed, 0);
    ck_assert_int_lt(changed, 65536 / 20);  // 5 %
    ck_assert(turns_up(&newcomer_op, 0));
    expect_shape(newcomer(wg_zeros(WG_F64, WG_SHAPE(2))), WG_SHAPE(2));
}
END_TEST

/* ---- without memory -------------------------------------------------------------------------- */

static uint8_t dense[3 * WG__VM_RECORD + 40];

static bool read_and_run(void) {
    return wg__vm_decode(dense, sizeof dense, (wg__vm_limits){ 0 }, &program) &&
           wg__vm_run_usual(&program, &run);
}

START_TEST(without_memory_there_is_an_error_and_nothing_leaks) {
    wg_random r = { .seed = 16, .stream = (uint64_t)_i };
    for (size_t k = 0; k < sizeof dense; k++) dense[k] = (uint8_t)bits(&r, 256);
    fail_every_allocation(read_and_run);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("vm");
    TCase *c = add_cases(suite, "machine");
    tcase_add_loop_test(c, any_bytes_are_a_program_that_runs, 0, PARTS);
    tcase_add_test(c, no_bytes_are_a_program);
    tcase_add_loop_test(c, a_program_read_twice_is_the_same, 0, 100);
    tcase_add_loop_test(c, spans_change_no_value, 0, 10);
    tcase_add_test(c, every_operation_turns_up_from_its_tag_alone);
    tcase_add_test(c, a_program_of_one_operation_is_that_operation);
    tcase_add_test(c, ranks_sizes_layouts_and_kinds_all_turn_up);
    tcase_add_test(c, most_programs_have_a_gradient);
    tcase_add_test(c, every_operation_has_a_tag);
    tcase_add_test(c, one_more_operation_takes_over_few_tags);
    tcase_add_loop_test(c, without_memory_there_is_an_error_and_nothing_leaks, 0, 20);
    return run_suite(suite);
}
