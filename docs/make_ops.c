// SPDX-License-Identifier: MIT
/* make_ops.c: prints docs/ops.md, one section for each operation of the library, family by family,
   from the records alone. What the document says of an operation is therefore what the tests hold
   it to. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "autograd/op.h"
#include "autograd/ops/families.h"

/* ---- how it is called ------------------------------------------------------------------------ */

// ops.def once more: what a line declares, and whether it is a further function of the one before.
typedef struct declared {
    const char *name, *parameters;
    bool further;
    const char *type, *meaning;  // of what fills an array
} declared;
static const declared functions[] = {
#define OP(name, parameters) { #name, #parameters, false, NULL, NULL },
#define ALSO(name, parameters) { #name, #parameters, true, NULL, NULL },
#define FILLS(type, name, parameters, meaning) { #name, #parameters, true, #type, meaning },
#define INNER(name) { #name, NULL, false, NULL, NULL },
#define FAMILY(title)
#include "autograd/ops/ops.def"
#undef OP
#undef ALSO
#undef FILLS
#undef INNER
#undef FAMILY
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

static int place_of(const wg_op *op) {
    int k = 0;
    while (k < FUNCTIONS && strcmp(functions[k].name, op->name) != 0) k++;
    return k;
}

static void print_functions(const wg_op *op) {
    int first = place_of(op), k = first;
    if (k == FUNCTIONS && op->inputs <= 3) print_row(op);
    if (k == FUNCTIONS) return;
    bool own = functions[k].parameters;
    if (own) printf("    wg_%s%s\n", op->name, functions[k].parameters);
    if (!own && !(k + 1 < FUNCTIONS && functions[k + 1].further)) printf("Only rules apply it.\n");
    while (++k < FUNCTIONS && functions[k].further) {
        const char *type = functions[k].type;
        printf("    %s%swg_%s%s\n", type ? type : "", type ? " " : "", functions[k].name,
               functions[k].parameters);
    }
    for (int i = first; i < k; i++)
        if (functions[i].meaning)
            printf("\n`wg_%s`: %s.\n", functions[i].name, functions[i].meaning);
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

/* ---- families -------------------------------------------------------------------------------- */

typedef void each(const wg_op *op);

static void go_through(const char *family, each *print) {
    for (int i = 0; i < wg_op_count(); i++) {
        const char *own = wg__family_of(wg_op_at(i)->name);
        if (own && strcmp(own, family) == 0) print(wg_op_at(i));
    }
}

// An operation, and the functions beside it, which stand in its section.
static void print_entry(const wg_op *op) {
    int k = place_of(op);
    printf("\n  [%s](#%s)", op->name, op->name);
    while (++k < FUNCTIONS && functions[k].further)
        printf(" [%s](#%s)", functions[k].name, op->name);
}

static void print_capital(const char *title) {
    printf("%c%s", toupper((unsigned char)title[0]), title + 1);
}

int main(void) {
    const char *family;
    printf("# Operations\n\n"
           "Written from the records by `./dev docs`. `autograd/op.h` says how samples read; in a "
           "derivative gy stands\nfor the gradient of the result, dx for that of x.\n\n");
    for (int f = 0; (family = wg__family_at(f)) != NULL; f++) {
        printf("- **");
        print_capital(family);
        printf("**:");
        go_through(family, print_entry);
        printf("\n");
    }
    for (int f = 0; (family = wg__family_at(f)) != NULL; f++) {
        printf("\n# ");
        print_capital(family);
        printf("\n");
        go_through(family, print_op);
    }
    return ferror(stdout) ? 1 : 0;
}
