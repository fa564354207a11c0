// SPDX-License-Identifier: MIT
/* text.c: a program as text: what a person reads, edits and keeps. parse.c reads it again. Nothing
   here takes memory, since it also tells what happened when there was none. */
#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/vm/text.h"

const char *const wg__vm_mode_name[WG__VM_MODES] = { "fixed", "general", "whole", "special" };
const char *const wg__vm_layout_name[WG__LAYOUTS] = {
    [WG__DENSE] = "dense",         [WG__TRANSPOSED] = "transposed", [WG__GAPS] = "gaps",
    [WG__NEGATIVE] = "negative",   [WG__SHIFTED] = "shifted",       [WG__FIRST_ZERO] = "first_zero",
    [WG__LAST_ZERO] = "last_zero",
};
const char *const wg__vm_span_name[WG__VM_SPAN_KINDS] = { "checkpoint", "scope" };
const char *const wg__vm_flag_name[WG__VM_FLAGS] = { "stop", "unrecorded" };

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// The process's locale may write another point.
static void point_to_ours(char *text) {
    char *point = strchr(text, localeconv()->decimal_point[0]);
    if (point) *point = '.';
}

static const char *nan_text(uint64_t bits, char text[WG__VM_NUMBER]) {
    static const uint64_t SIGN = UINT64_C(1) << 63, QUIET = UINT64_C(0x7ff8000000000000);
    bool usual = (bits & ~SIGN) == QUIET;
    if (usual)
        snprintf(text, WG__VM_NUMBER, "%snan", bits & SIGN ? "-" : "");
    else
        snprintf(text, WG__VM_NUMBER, "#%016" PRIx64, bits);
    return text;
}

const char *wg__vm_number(double value, char text[WG__VM_NUMBER]) {
    if (isnan(value)) return nan_text(bits_of(value), text);
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, WG__VM_NUMBER, "%.*g", digits, value);
        if (bits_of(strtod(text, NULL)) == bits_of(value)) break;
    }
    point_to_ours(text);
    return text;
}

static void print_leaf(FILE *file, const wg__vm_program *p, int i) {
    const wg__vm_leaf *l = &p->leaf[i];
    char shape[200], number[WG__VM_NUMBER];
    fprintf(file, "x%d = %s %s %s %s", i, l->variable ? "variable" : "constant",
            wg_dtype_name(wg__vm_leaf_dtype(p, l)), wg_shape_text(l->shape, shape, sizeof shape),
            wg__vm_layout_name[l->layout]);
    for (int64_t k = 0; k < wg__numel(&l->shape); k++)
        fprintf(file, " %s", wg__vm_number(l->value[k], number));
}

static void print_operands(FILE *file, const wg__vm_step *s) {
    for (int k = 0; k < s->inputs; k++) {
        const char *comma = k ? ", " : "";
        if (s->in[k] < 0)
            fprintf(file, "%s-", comma);
        else
            fprintf(file, "%sx%d", comma, s->in[k]);
    }
}

void wg__vm_print_step(FILE *file, const wg__vm_program *p, int i) {
    const wg__vm_step *s = &p->step[i];
    char attr[2048];
    fprintf(file, "x%d = %s(", p->leaves + i, s->op->name);
    print_operands(file, s);
    wg__attr_text(s->op, s->attr, attr, sizeof attr);
    fprintf(file, ")%s%s", attr[0] ? " " : "", attr);
    for (int f = 0; f < WG__VM_FLAGS; f++)
        if (s->flags & (1u << f)) fprintf(file, " %s", wg__vm_flag_name[f]);
}

static void print_head(FILE *file, const wg__vm_program *p) {
    fprintf(file, WG__VM_MAGIC " 1\nmode %s\ndtype %s\nseed %" PRIu64 "\nchoice %d %d %d\n",
            wg__vm_mode_name[p->mode], wg_dtype_name(p->dtype), p->seed, p->choice[0], p->choice[1],
            p->choice[2]);
}

bool wg__vm_print(FILE *file, const wg__vm_program *p) {
    print_head(file, p);
    for (int i = 0; i < p->leaves; i++) print_leaf(file, p, i), fputc('\n', file);
    for (int i = 0; i < p->steps; i++) wg__vm_print_step(file, p, i), fputc('\n', file);
    for (int i = 0; i < p->spans; i++)
        fprintf(file, "%s x%d x%d\n", wg__vm_span_name[p->span[i].kind],
                p->leaves + p->span[i].first, p->leaves + p->span[i].last);
    fputs("outputs", file);
    for (int i = 0; i < p->outputs; i++) fprintf(file, " x%d", p->output[i]);
    fputc('\n', file);
    return !ferror(file);
}
