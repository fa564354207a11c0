// SPDX-License-Identifier: MIT
/* test_documents.c: what every record of the library must say of itself, so that docs/ops.md leaves
   nobody guessing. Operations of users need not. */
#include <ctype.h>

#include "autograd/op.h"
#include "autograd/ops/families.h"
#include "tests/testing.h"

/* Those that only rules apply are in no other library: the lines INNER of ops.def, unless a
   function beside them is what users call. */
static bool is_inner(const wg_op *op) {
    static const struct {
        const char *name;
        bool inner, further;
    } line[] = {
#define OP(name, parameters) { #name, false, false },
#define ALSO(name, parameters) { #name, false, true },
#define FILLS(type, name, parameters, meaning) { #name, false, true },
#define INNER(name) { #name, true, false },
#define FAMILY(title)
#include "autograd/ops/ops.def"
        { NULL, false, false }
    };
#undef OP
#undef ALSO
#undef FILLS
#undef INNER
#undef FAMILY
    for (int i = 0; line[i].name; i++)
        if (strcmp(line[i].name, op->name) == 0) return line[i].inner && !line[i + 1].further;
    return false;
}

static bool said(const char *text) { return text && text[0]; }

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

// Whether `word` stands in the text, and not as a part of another.
static bool names(const char *text, const char *word) {
    size_t n = strlen(word);
    for (const char *p = text; (p = strstr(p, word)) != NULL; p++)
        if ((p == text || !is_word(p[-1])) && !is_word(p[n])) return true;
    return false;
}

static int words_of(const char *text) {
    int count = 0;
    for (const char *p = text; *p; p++) count += is_word(*p) && !is_word(p[1]);
    return count;
}

/* "-x" is short, and all there is to say: a doc names what goes in. Of other operations than
   elementwise ones no formula is so short. */
static bool tells_enough(const wg_op *op) {
    static const char *const in[][3] = { { "x" }, { "a", "b" }, { "a", "b", "weight" } };
    if (!op->map) return words_of(op->doc) >= 4 && strcmp(op->doc, op->name) != 0;
    for (int i = 0; i < op->inputs; i++)
        if (!names(op->doc, in[op->inputs - 1][i])) return false;
    return true;
}

START_TEST(a_doc_says_what_happens_to_what) {
    const wg_op *op = wg_op_at(_i);
    ck_assert_msg(said(op->doc) && tells_enough(op), "%s: .doc is '%s'", op->name, op->doc);
}
END_TEST

START_TEST(a_doc_of_no_more_than_a_name_is_not_enough) {
    wg_op op = *wg_op_find("neg");
    ck_assert(tells_enough(&op));
    op.doc = "ab";
    ck_assert(!tells_enough(&op));
    op.doc = "exp";
    ck_assert(!tells_enough(&op));
    op = *wg_op_find("matmul");
    op.doc = "a b";
    ck_assert(!tells_enough(&op));
    ck_assert(!is_inner(wg_op_find("einsum")) && is_inner(wg_op_find("unslice")));
}
END_TEST

START_TEST(every_operation_has_a_family) {
    static const char *const row[][2] = { { "neg", "arithmetic" },
                                          { "relu", "activations" },
                                          { "glu", "activations" },
                                          { "sum", "reductions" },
                                          { "cumsum", "scans" },
                                          { "sort", "sorting" },
                                          { "reshape", "shape" },
                                          { "cat", "joining, repeating, padding" },
                                          { "gather", "indexing" },
                                          { "matmul", "products and einsum" },
                                          { "cholesky", "linear algebra" },
                                          { "nll", "softmax and losses" },
                                          { "layer_norm", "normalisation" },
                                          { "scaled_dot_product_attention", "attention" },
                                          { "conv1d", "convolution" },
                                          { "max_pool1d", "pooling" },
                                          { "interpolate", "interpolation" },
                                          { "dropout", "dropout" } };
    for (int i = 0; i < wg_op_count(); i++)
        ck_assert_msg(wg__family_of(wg_op_at(i)->name) != NULL, "%s", wg_op_at(i)->name);
    for (int i = 0; i < COUNT(row); i++) ck_assert_str_eq(wg__family_of(row[i][0]), row[i][1]);
    for (int i = 0; wg__family_at(i); i++)
        for (int j = 0; j < i; j++) ck_assert_str_ne(wg__family_at(i), wg__family_at(j));
    ck_assert_ptr_null(wg__family_of("nobody"));
}
END_TEST

START_TEST(a_record_says_what_it_computes) {
    const wg_op *op = wg_op_at(_i);
    ck_assert_msg(op->reference != NULL, "%s: .reference", op->name);
    ck_assert_msg(op->map || said(op->shapes), "%s: .shapes", op->name);
    unsigned none = WG_OP_ZERO_GRADIENT | WG_OP_NO_GRADIENT;
    ck_assert_msg(op->flags & none || said(op->derivative), "%s: .derivative", op->name);
    ck_assert_msg(is_inner(op) || said(op->equals), "%s: .equals", op->name);
}
END_TEST

START_TEST(a_record_refuses_something) {
    const wg_op *op = wg_op_at(_i);
    bool takes_all = op->map && op->map->forward[WG_BOOL] && op->inputs == 1;
    if (strcmp(op->name, "contiguous") == 0) takes_all = true;
    ck_assert_msg(takes_all || said(op->bad[0]), "%s: .bad", op->name);
}
END_TEST

START_TEST(every_text_is_one_printable_line) {
    const wg_op *op = wg_op_at(_i);
    const char *const text[] = { op->doc, op->shapes, op->derivative, op->edges, op->equals };
    for (int k = 0; k < COUNT(text); k++)
        for (const char *p = text[k] ? text[k] : ""; *p; p++)
            ck_assert_msg(isprint((unsigned char)*p), "%s: '%s'", op->name, text[k]);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("documents");
    TCase *records = add_cases(suite, "records");
    tcase_add_test(records, every_operation_has_a_family);
    tcase_add_test(records, a_doc_of_no_more_than_a_name_is_not_enough);
    tcase_add_loop_test(records, a_doc_says_what_happens_to_what, 0, wg_op_count());
    tcase_add_loop_test(records, a_record_says_what_it_computes, 0, wg_op_count());
    tcase_add_loop_test(records, a_record_refuses_something, 0, wg_op_count());
    tcase_add_loop_test(records, every_text_is_one_printable_line, 0, wg_op_count());
    return run_suite(suite);
}
