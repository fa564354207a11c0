// SPDX-License-Identifier: MIT
/* test_documents.c: what every record of the library must say of itself, so that docs/ops.md leaves
   nobody guessing. Operations of users need not. */
#include <ctype.h>

#include "autograd/op.h"
#include "tests/testing.h"

// Those that only rules apply are in no other library.
static bool is_inner(const wg_op *op) {
#define OP(name, parameters)
#define ALSO(name, parameters)
#define FILLS(type, name, parameters, meaning)
#define FAMILY(title)
#define INNER(name) #name,
    static const char *const inner[] = {
#include "autograd/ops/ops.def"
        "xmul", NULL
    };
#undef OP
#undef ALSO
#undef FILLS
#undef INNER
#undef FAMILY
    for (int i = 0; inner[i]; i++)
        if (strcmp(inner[i], op->name) == 0) return true;
    return false;
}

static bool said(const char *text) { return text && text[0]; }

START_TEST(a_record_says_what_it_computes) {
    const wg_op *op = wg_op_at(_i);
    ck_assert_msg(said(op->doc) && strlen(op->doc) >= 2, "%s: .doc", op->name);
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
    tcase_add_loop_test(records, a_record_says_what_it_computes, 0, wg_op_count());
    tcase_add_loop_test(records, a_record_refuses_something, 0, wg_op_count());
    tcase_add_loop_test(records, every_text_is_one_printable_line, 0, wg_op_count());
    return run_suite(suite);
}
