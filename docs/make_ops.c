// SPDX-License-Identifier: MIT
/* make_ops.c: prints docs/ops.md, one section for each registered operation, from the records
   alone. What the document says of an operation is therefore what the tests hold it to. */
#include <stdio.h>
#include <string.h>

#include "autograd/op.h"

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
        [WG_ATTR_INT] = "integer",
        [WG_ATTR_REAL] = "number",
        [WG_ATTR_BOOL] = "true or false",
        [WG_ATTR_LIST] = "list of integers",
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
    };
    if (op->flags & WG_OP_ZERO_GRADIENT) {
        printf("- derivative: zero wherever it exists; the result is a constant\n");
        return;
    }
    if (op->flags & WG_OP_NO_GRADIENT) {
        printf("- derivative: none; asking for one is an error\n");
        return;
    }
    if (op->flags & WG_OP_LINEAR) printf("- linear in all inputs together\n");
    if (tie[op->tie]) printf("- at a kink: %s\n", tie[op->tie]);
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
    print_inputs(op);
    print_attributes(op);
    print_derivative(op);
    print_samples("tested on", op->samples);
    print_samples("refuses", op->bad);
}

int main(void) {
    printf(
        "# Operations\n\n"
        "Written from the records by `./dev docs`. How samples read is said in `autograd/op.h`.\n");
    for (int i = 0; i < wg_op_count(); i++) print_op(wg_op_at(i));
    return ferror(stdout) ? 1 : 0;
}
