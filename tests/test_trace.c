// SPDX-License-Identifier: MIT
/* test_trace.c: the tape printed and drawn, character by character. */
#include "tests/core_test.h"

typedef bool writer(FILE *file, wg_tensor *y);

// What it writes, for the caller to free.
static char *written(writer *write, wg_tensor *y) {
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(file);
    bool done = write(file, y);
    fclose(file);
    ck_assert_msg(done, "%s", wg_error_message());
    return text;
}

static void expect_written(writer *write, wg_tensor *y, const char *want) {
    char *text = written(write, y);
    ck_assert_str_eq(text, want);
    free(text);
}

// Records 0 x, 1 w, 2 matmul, 3 aside, 4 permute, 5 add, 6 mul.
static wg_tensor *little_net(void) {
    wg_tensor *x = wg_variable(wg_ones(WG_F32, WG_SHAPE(2, 3)));
    wg_tensor *w = wg_variable(wg_ones(WG_F32, WG_SHAPE(3, 4)));
    wg_tensor *y = wg_matmul(x, w);
    wg_exp(y);
    return wg_mul(wg_add(wg_permute(y, WG_AXES(-1, 0)), wg_ones(WG_F32, WG_SHAPE(2))), wg_num(0.5));
}

START_TEST(each_record_that_y_depends_on_is_a_line) {
    wg_tensor *y = little_net();
    expect_written(wg_tape_print, y,
                   "0 leaf -> f32 [2,3]\n"
                   "1 leaf -> f32 [3,4]\n"
                   "2 matmul(0, 1) -> f32 [2,4] saves 0,1\n"
                   "4 permute(2) axes=-1,0 -> f32 [4,2]\n"
                   "5 add(4, f32 [2]) -> f32 [4,2]\n"
                   "6 mul(5, 0.5) -> f32 [4,2] saves 0,1\n");
}
END_TEST

START_TEST(the_whole_tape_has_what_y_does_not_need_too) {
    little_net();
    char *text = written(wg_tape_print, NULL);
    ck_assert_ptr_nonnull(strstr(text, "3 exp(2) -> f32 [2,4] saves y\n"));
    free(text);
    wg_reset();
    expect_written(wg_tape_print, NULL, "");
    expect_written(wg_tape_draw, NULL, "digraph tape {\n}\n");
}
END_TEST

START_TEST(a_graph_has_a_vertex_for_each_record_and_an_edge_for_each_use) {
    wg_tensor *x = wg_variable(LIST(1, 2)), *y = wg_mul(wg_permute(x, WG_AXES(0)), x);
    expect_written(wg_tape_draw, wg_mul(y, LIST(3)),
                   "digraph tape {\n"
                   "    n0 [label=\"0 leaf\\nf64 [2]\", shape=box];\n"
                   "    n1 [label=\"1 permute\\naxes=0\\nf64 [2]\"];\n"
                   "    n0 -> n1;\n"
                   "    n2 [label=\"2 mul\\nf64 [2]\"];\n"
                   "    n1 -> n2;\n"
                   "    n0 -> n2;\n"
                   "    n3 [label=\"3 mul\\nf64 [2]\"];\n"
                   "    n2 -> n3;\n"
                   "    c3_1 [label=\"f64 [1]\", shape=plaintext];\n"
                   "    c3_1 -> n3 [style=dashed];\n"
                   "}\n");
}
END_TEST

/* ---- text that would break a line or a label ------------------------------------------------- */

typedef struct label {
    char text[WG_TEXT_SIZE];
} label;
static const wg_attr label_attrs[] = { { "text", WG_ATTR_TEXT, 0 }, { .name = NULL } };
static bool label_infer(const wg_call *c, wg_spec *out) {
    return wg_spec_set(out, wg_call_dtype(c, 0), wg_shape_of(c->in[0]));
}
static bool label_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)c;
    for (int64_t k = 0; k < wg_view_numel(out); k++) wg_view_set(out, k, wg_view_get(in[0], k));
    return true;
}
static const wg_op label_op = { .abi = WG_OP_ABI,
                                .name = "say\"it\"",
                                .inputs = 1,
                                .saves = WG_SAVES_NOTHING,
                                .attr_size = sizeof(label),
                                .attrs = label_attrs,
                                .infer = label_infer,
                                .forward = label_forward };

START_TEST(names_and_attributes_may_hold_anything) {
    wg_tensor *x = leaf(1);
    wg_tensor *y = wg_apply(&label_op, &x, 1, &(label){ "a\"b\\\n]; n9 -> n9" });
    expect_written(wg_tape_print, y,
                   "0 leaf -> f64 []\n"
                   "1 say\"it\"(0) text=a\"b\\\\x0a]; n9 -> n9 -> f64 []\n");
    expect_written(
        wg_tape_draw, y,
        "digraph tape {\n"
        "    n0 [label=\"0 leaf\\nf64 []\", shape=box];\n"
        "    n1 [label=\"1 say\\\"it\\\"\\ntext=a\\\"b\\\\\\\\x0a]; n9 -> n9\\nf64 []\"];\n"
        "    n0 -> n1;\n"
        "}\n");
}
END_TEST

/* ---- the rest -------------------------------------------------------------------------------- */

START_TEST(the_same_program_gives_the_same_text) {
    char *first = NULL;
    for (int round = 0; round < 3; round++) {
        wg_reset();
        wg_tensor *y = little_net();
        char *text = written(round % 2 ? wg_tape_print : wg_tape_draw, y);
        if (round == 2) ck_assert_str_eq(text, first);
        if (round == 0)
            first = text;
        else
            free(text);
    }
    free(first);
}
END_TEST

START_TEST(printing_records_nothing_and_a_leaf_is_a_line) {
    wg_tensor *x = leaf(3), *y = wg_square(x);
    uint32_t before = wg__ctx()->nodes;
    free(written(wg_tape_print, y));
    ck_assert_uint_eq(wg__ctx()->nodes, before);
    ck_assert(wg_backward(y));
    expect_written(wg_tape_print, x, "0 leaf -> f64 []\n");
}
END_TEST

START_TEST(what_cannot_be_printed_is_an_error) {
    wg_tensor *y = wg_square(leaf(1));
    ck_assert(!wg_tape_print(NULL, y));
    expect_error(WG_ERROR_ARGUMENT, "wg_tape_print: the file is NULL");
    ck_assert(!wg_tape_draw(stderr, scalar(1)));
    expect_error(WG_ERROR_STATE, "wg_tape_draw: y is not tracked");
    FILE *full = fopen("/dev/full", "w");
    if (!full) return;
    setvbuf(full, NULL, _IONBF, 0);
    ck_assert(!wg_tape_print(full, y));
    expect_error(WG_ERROR_FILE, "wg_tape_print: ");
    fclose(full);
}
END_TEST

static bool print_a_tape(void) {
    char text[2000] = "";
    wg_tensor *x = leaf(1), *y = x ? wg_square(x) : NULL;
    FILE *file = fmemopen(text, sizeof text, "w");
    bool done = y && wg_tape_print(file, y) && wg_tape_draw(file, NULL);
    fclose(file);
    return done;
}

START_TEST(whichever_allocation_fails_it_is_told_and_nothing_leaks) {
    ck_assert_int_gt(fail_every_allocation(print_a_tape), 4);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("trace");
    TCase *t = add_cases(suite, "trace");
    tcase_add_test(t, each_record_that_y_depends_on_is_a_line);
    tcase_add_test(t, the_whole_tape_has_what_y_does_not_need_too);
    tcase_add_test(t, a_graph_has_a_vertex_for_each_record_and_an_edge_for_each_use);
    tcase_add_test(t, names_and_attributes_may_hold_anything);
    tcase_add_test(t, the_same_program_gives_the_same_text);
    tcase_add_test(t, printing_records_nothing_and_a_leaf_is_a_line);
    tcase_add_test(t, what_cannot_be_printed_is_an_error);
    tcase_add_test(t, whichever_allocation_fails_it_is_told_and_nothing_leaks);
    return run_suite(suite);
}
