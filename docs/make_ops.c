// SPDX-License-Identifier: MIT
/* make_ops.c: prints docs/ops.md, one section for each registered operation, from the records
   alone. What the document says of an operation is therefore what the tests hold it to. */
#include <stdio.h>
#include <string.h>

#include "autograd/op.h"

/* ---- how it is called ------------------------------------------------------------------------ */

// ops.def once more: what a line declares, and whether it is a further function of the one before.
typedef struct declared {
    const char *name, *parameters;
    bool further;
} declared;
static const declared functions[] = {
#define OP(name, parameters) { #name, #parameters, false },
#define ALSO(name, parameters) { #name, #parameters, true },
#define FILLS(type, name, parameters) { #name, #parameters, true },
#define INNER(name) { #name, NULL, false },
#include "autograd/ops/ops.def"
#undef OP
#undef ALSO
#undef FILLS
#undef INNER
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

// A row of unary.def or binary.def: its inputs, and a number for each attribute.
static void print_row(const wg_op *op) {
    static const char *const inputs[] = { "", "wg_tensor *x", "wg_tensor *a, wg_tensor *b",
                                          "wg_tensor *a, wg_tensor *b, wg_tensor *c" };
    printf("    wg_%s(%s", op->name, inputs[op->inputs]);
    for (const wg_attr *a = op->attrs; a && a->name; a++) printf(", double %s", a->name);
    printf(")\n");
}

static void print_functions(const wg_op *op) {
    int k = 0;
    while (k < FUNCTIONS && strcmp(functions[k].name, op->name) != 0) k++;
    if (k == FUNCTIONS && op->inputs <= 3) print_row(op);
    if (k == FUNCTIONS) return;
    bool own = functions[k].parameters;
    if (own) printf("    wg_%s%s\n", op->name, functions[k].parameters);
    if (!own && !(k + 1 < FUNCTIONS && functions[k + 1].further)) printf("Only rules apply it.\n");
    while (++k < FUNCTIONS && functions[k].further)
        printf("    wg_%s%s\n", functions[k].name, functions[k].parameters);
}

/* ---- what its record says -------------------------------------------------------------------- */

static void print_code(const char *title, const char *text) {
    if (text) printf("- %s: `%s`\n", title, text);
}

static void print_line(const char *title, const char *text) {
    if (text) printf("- %s: %s\n", title, text);
}

static void print_inputs(const wg_op *op) {
    int most = op->inputs_max ? op->inputs_max : op->inputs;
    printf("- inputs: %d", op->inputs);
    if (most != op->inputs) printf(" to %d", most);
    if (op->flags & WG_OP_OPTIONAL_INPUTS)
        printf(", those after the first %d may be absent", op->inputs);
    if (op->map)
        printf(most == 1 ? "; elementwise" : "; elementwise, broadcast against each other");
    printf("\n");
}

static void print_attributes(const wg_op *op) {
    static const char *const type[] = {
        [WG_ATTR_INT] = "integer",        [WG_ATTR_REAL] = "number",
        [WG_ATTR_BOOL] = "true or false", [WG_ATTR_LIST] = "list of integers",
        [WG_ATTR_TEXT] = "text",
    };
    if (!op->attrs || !op->attrs->name) return;
    printf("- attributes:");
    for (const wg_attr *a = op->attrs; a->name; a++)
        printf("%s `%s` (%s)", a == op->attrs ? "" : ",", a->name, type[a->type]);
    printf("\n");
}

static bool saves(const wg_op *op, uint32_t what) { return op->saves == 0 || (op->saves & what); }

// Saved values are those that must not be overwritten before the gradient is taken.
static void print_saves(const wg_op *op) {
    bool any = false;
    printf("- saves:");
    for (int i = 0; i < 30 && i < op->inputs; i++) {
        if (!saves(op, WG_SAVES_IN(i))) continue;
        printf("%s input %d", any ? "," : "", i);
        any = true;
    }
    if (op->saves == 0 && op->inputs_max > op->inputs) printf(", the further inputs");
    if (saves(op, WG_SAVES_OUT)) printf("%s the result", any ? "," : "");
    printf("%s\n", any || saves(op, WG_SAVES_OUT) ? "" : " nothing");
}

static void print_derivative(const wg_op *op) {
    static const char *const tie[] = {
        [WG_TIE_NONE] = NULL,
        [WG_TIE_ZERO] = "0",
        [WG_TIE_LEFT] = "the derivative from the left",
        [WG_TIE_RIGHT] = "the derivative from the right",
        [WG_TIE_INSIDE] = "the derivative of the inner piece",
        [WG_TIE_EVEN] = "shared evenly among the equals",
        [WG_TIE_ONE] = "one of the equals has it all",
    };
    if (op->flags & WG_OP_ZERO_GRADIENT) {
        printf("- derivative: zero wherever it exists; the result is a constant\n");
        return;
    }
    if (op->flags & WG_OP_NO_GRADIENT) {
        printf("- derivative: none; asking for one is an error\n");
        return;
    }
    print_code("derivative", op->derivative);
    if (op->flags & WG_OP_LINEAR) printf("- linear in all inputs together\n");
    if (tie[op->tie]) printf("- at a kink: %s\n", tie[op->tie]);
    if (op->compose) {
        printf("- made of other operations, which save what they need\n");
        return;
    }
    if (op->backward || (op->map && op->map->backward[WG_F32])) printf("- backward: fused\n");
    print_saves(op);
}

static void print_samples(const char *title, const char *const samples[]) {
    if (!samples[0]) return;
    printf("- %s:", title);
    for (int i = 0; i < WG_MAX_SAMPLES && samples[i]; i++)
        printf("%s `%s`", i ? "," : "", samples[i]);
    printf("\n");
}

static void print_op(const wg_op *op) {
    printf("\n## %s\n\n%s\n\n", op->name, op->doc);
    print_functions(op);
    printf("\n");
    print_code("shapes", op->shapes);
    print_inputs(op);
    print_attributes(op);
    print_derivative(op);
    print_line("at the edges", op->edges);
    print_line("elsewhere", op->equals);
    print_samples("tested on", op->samples);
    print_samples("refuses", op->bad);
}

int main(void) {
    printf("# Operations\n\n"
           "Written from the records by `./dev docs`. `autograd/op.h` says how samples read; in a "
           "derivative gy stands\nfor the gradient of the result, dx for that of x.\n\n");
    for (int i = 0; i < wg_op_count(); i++)
        printf("[%s](#%s)\n", wg_op_at(i)->name, wg_op_at(i)->name);
    for (int i = 0; i < wg_op_count(); i++) print_op(wg_op_at(i));
    return ferror(stdout) ? 1 : 0;
}
