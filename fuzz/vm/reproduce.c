// SPDX-License-Identifier: MIT
/* reproduce.c: a program in C, complete, by the public headers alone, for whoever gets a report and
   has none of the machinery. Leaves come into their layouts by views of a block, as a user would
   bring them there; a step sets its attributes by their names, with the operation's own table. */
#include <inttypes.h>
#include <string.h>

#include "fuzz/oracle/oracle.h"
#include "fuzz/vm/text.h"

typedef struct writer {
    FILE *file;
    const wg__vm_program *p;
    bool checks;              // by wg_check_gradient
    int order[WG__VM_SPANS];  // of spans: by where they begin, outer ones first
} writer;

/* ---- what every such program begins with ----------------------------------------------------- */

static const char *const INCLUDES =
    "/* What a fuzzer found, by the library's public headers alone. Build it with\n"
    "       cc -std=c11 -g FILE.c $(pkg-config --cflags --libs wengert) -lm\n"
    "   It prints the outputs and, for a random cotangent w of each, the gradients of <w, "
    "output>.\n"
    "   Where differences can tell, it holds these against them, and fails if they differ. */\n"
    "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n\n"
    "#include <wengert.h>\n#include <autograd/op.h>\n\n";

static const char *const LEAVES =
    "static wg_tensor *must(wg_tensor *x) {\n"
    "    if (x) return x;\n"
    "    printf(\"error: %s\\n\", wg_error_message());\n"
    "    exit(EXIT_FAILURE);\n"
    "}\n\n"
    "/* A block to lay a leaf out in: what stands in its gaps must never be read. */\n"
    "static wg_tensor *block(wg_dtype dtype, wg_shape shape) {\n"
    "    static const double gap[WG_DTYPES] = { NAN, NAN, -1, -1, 255, 1 };\n"
    "    return must(wg_full(dtype, shape, gap[dtype]));\n"
    "}\n\n"
    "static wg_tensor *filled(wg_tensor *view, const double *values) {\n"
    "    wg_tensor *from = must(wg_from_f64(wg_dtype_of(must(view)), wg_shape_of(view), values));\n"
    "    return must(wg_copy(view, from) ? view : NULL);\n"
    "}\n\n";

static const char *const STEPS =
    "/* One step: start(), the attributes by name, apply(). */\n"
    "static const wg_op *op;\n"
    "static union { double align; char bytes[4096]; } attr;\n\n"
    "static void start(const char *name) {\n"
    "    op = wg_op_find(name);\n"
    "    memset(&attr, 0, sizeof attr);\n"
    "    if (op && op->attr_size <= sizeof attr) return;\n"
    "    printf(\"%s is not registered\\n\", name);\n"
    "    exit(EXIT_FAILURE);\n"
    "}\n\n"
    "static wg_tensor *apply(wg_tensor *const in[], int n) {\n"
    "    return must(wg_apply(op, in, n, op->attr_size ? &attr : NULL));\n"
    "}\n\n";

static const char *const ATTRIBUTES =
    "static void set(const char *name, const void *value, size_t size) {\n"
    "    for (const wg_attr *a = op->attrs; a && a->name; a++)\n"
    "        if (strcmp(a->name, name) == 0) memcpy(attr.bytes + a->offset, value, size);\n"
    "}\n"
    "#define set_int(name, ...) set(name, &(int64_t){ __VA_ARGS__ }, sizeof(int64_t))\n"
    "#define set_real(name, ...) set(name, &(double){ __VA_ARGS__ }, sizeof(double))\n"
    "#define set_bool(name, ...) set(name, &(bool){ __VA_ARGS__ }, sizeof(bool))\n"
    "#define set_list(name, ...) set(name, &__VA_ARGS__, sizeof(wg_shape))\n"
    "#define set_text(name, ...) set(name, __VA_ARGS__, sizeof __VA_ARGS__)\n\n";

static const char *const PRINT =
    "static void print(const char *what, const wg_tensor *x) {\n"
    "    char shape[200];\n"
    "    int64_t n = wg_numel(x);\n"
    "    double *v = calloc((size_t)n + 1, sizeof *v);\n"
    "    if (!v || !wg_read_f64(x, v, n)) must(NULL);\n"
    "    printf(\"%s %s %s\", what, wg_dtype_name(wg_dtype_of(x)),\n"
    "           wg_shape_text(wg_shape_of(x), shape, sizeof shape));\n"
    "    for (int64_t k = 0; k < n; k++) printf(\" %.17g\", v[k]);\n"
    "    putchar('\\n');\n"
    "    free(v);\n"
    "}\n\n"
    "/* Of either sign, from 0.5 to 1.5. */\n"
    "static wg_tensor *cotangent(const wg_tensor *y, wg_random r) {\n"
    "    int64_t n = wg_numel(y);\n"
    "    double *v = calloc((size_t)n + 1, sizeof *v);\n"
    "    if (!v) exit(EXIT_FAILURE);\n"
    "    for (int64_t k = 0; k < n; k++) {\n"
    "        double size = 0.5 + wg_random_uniform(&r);\n"
    "        v[k] = wg_random_below(&r, 2) ? size : -size;\n"
    "    }\n"
    "    wg_tensor *w = must(wg_from_f64(wg_dtype_of(y), wg_shape_of(y), v));\n"
    "    free(v);\n"
    "    return w;\n"
    "}\n\n";

static const char *const SHOW =
    "static void show(wg_tensor *y, const char *name, wg_random r, wg_tensor *const var[], int n) "
    "{\n"
    "    wg_tensor *g[64], *w;\n"
    "    print(name, y);\n"
    "    if (n == 0 || !wg_is_tracked(y)) return;\n"
    "    print(\"w\", w = cotangent(y, r));\n"
    "    if (!wg_grad(y, var, n, g, (wg_grad_options){ .seed = w })) {\n"
    "        printf(\"error: %s\\n\", wg_error_message());\n"
    "        wg_error_clear();\n"
    "        return;\n"
    "    }\n"
    "    for (int i = 0; i < n; i++) print(\"gradient\", g[i]);\n"
    "}\n\n";

/* Nothing is freed before the end: a checkpoint reads its registers whenever it runs again. */
static const char *const COPIED =
    "static struct block {\n"
    "    struct block *next;\n"
    "    wg_tensor *x[REGISTERS];\n"
    "} *blocks;\n\n"
    "static wg_tensor **copied(wg_tensor *const x[]) {\n"
    "    struct block *b = malloc(sizeof *b);\n"
    "    if (!b) exit(EXIT_FAILURE);\n"
    "    memcpy(b->x, x, sizeof b->x);\n"
    "    b->next = blocks, blocks = b;\n"
    "    return b->x;\n"
    "}\n\n"
    "static void forget(void) {\n"
    "    for (struct block *next; blocks; blocks = next) next = blocks->next, free(blocks);\n"
    "}\n\n";

static const char *const CHECK =
    "static int check(wg_tensor *x[], wg_tensor *const var[], int n, uint64_t seed) {\n"
    "    static wg_check_report report;\n"
    "    wg_check_options o = { .name = \"program\", .seed = seed, .unused = true };\n"
    "    bool right = wg_check_gradient(program, x, var, n, o, &report);\n"
    "    printf(\"wg_check_gradient: %s\\n\", right ? \"nothing is wrong\" : report.text);\n"
    "    return right ? EXIT_SUCCESS : EXIT_FAILURE;\n"
    "}\n\n";

/* ---- numbers and shapes ---------------------------------------------------------------------- */

static void put_real(FILE *file, double value) {
    char text[WG__VM_NUMBER];
    if (!isfinite(value)) {
        fprintf(file, "%s%s", signbit(value) ? "-" : "", isnan(value) ? "NAN" : "INFINITY");
        return;
    }
    fputs(wg__vm_number(value, text), file);
    if (!strpbrk(text, ".e")) fputs(".0", file);  // -0 is an integer, and has no sign
}

static void put_int(FILE *file, int64_t value) {
    if (value == INT64_MIN)
        fputs("INT64_MIN", file);
    else
        fprintf(file, "%" PRId64, value);
}

static void put_shape(FILE *file, const wg_shape *s) {
    if (s->rank == 0) fputs("WG_SCALAR", file);
    for (int i = 0; i < s->rank; i++) {
        fputs(i ? ", " : "WG_SHAPE(", file);
        put_int(file, s->dim[i]);
    }
    if (s->rank > 0) fputc(')', file);
}

/* ---- leaves ---------------------------------------------------------------------------------- */

static const char *dtype_in_c(wg_dtype dtype) {
    static const char *const name[WG_DTYPES] = { "WG_F32", "WG_F64", "WG_I32",
                                                 "WG_I64", "WG_U8",  "WG_BOOL" };
    return name[dtype];
}

static void put_block(const writer *w, const wg__vm_leaf *l, wg_shape shape) {
    fprintf(w->file, "block(%s, ", dtype_in_c(wg__vm_leaf_dtype(w->p, l)));
    put_shape(w->file, &shape);
    fputc(')', w->file);
}

static void repeat(FILE *file, const char *text, int times) {
    while (times-- > 0) fputs(text, file);
}

static void put_dense(const writer *w, const wg__vm_leaf *l) { put_block(w, l, l->shape); }

static void put_transposed(const writer *w, const wg__vm_leaf *l) {
    wg_shape back = { .rank = l->shape.rank }, axes = back;
    for (int i = 0; i < back.rank; i++) {
        back.dim[i] = l->shape.dim[back.rank - 1 - i];
        axes.dim[i] = back.rank - 1 - i;
    }
    fputs("wg_permute(", w->file);
    put_block(w, l, back);
    fputs(", ", w->file);
    put_shape(w->file, &axes);
    fputc(')', w->file);
}

static void put_gaps(const writer *w, const wg__vm_leaf *l) {
    wg_shape wide = l->shape;
    for (int i = 0; i < wide.rank; i++) wide.dim[i] = 2 * wide.dim[i] + 1;
    repeat(w->file, "wg_slice(", wide.rank);
    put_block(w, l, wide);
    for (int i = 0; i < wide.rank; i++) fprintf(w->file, ", %d, 1, WG_END, 2)", i);
}

static void put_negative(const writer *w, const wg__vm_leaf *l) {
    repeat(w->file, "wg_flip(", l->shape.rank);
    put_block(w, l, l->shape);
    for (int i = 0; i < l->shape.rank; i++) fprintf(w->file, ", %d)", i);
}

static void put_shifted(const writer *w, const wg__vm_leaf *l) {
    int64_t n = wg__numel(&l->shape);
    fputs("wg_reshape(wg_slice(", w->file);
    put_block(w, l, WG_SHAPE(n + 6));
    fprintf(w->file, ", 0, 3, %" PRId64 ", 1), ", n + 3);
    put_shape(w->file, &l->shape);
    fputc(')', w->file);
}

// Before it is stretched.
static void put_single(const writer *w, const wg__vm_leaf *l) {
    wg_shape one = l->shape;
    one.dim[wg__zero_axis(l->layout, &l->shape)] = 1;
    put_block(w, l, one);
}

static bool is_at_start(const wg_shape *shape, int axis, int64_t flat) {
    for (int i = shape->rank - 1; i > axis; i--) flat /= shape->dim[i];
    return flat % shape->dim[axis] == 0;
}

// Those that the block holds: along an axis of stride 0 only the first.
static void put_values(const writer *w, const wg__vm_leaf *l, int zero) {
    int count = 0;
    fputs("(double[]){", w->file);
    for (int64_t k = 0; k < wg__numel(&l->shape); k++) {
        if (zero >= 0 && !is_at_start(&l->shape, zero, k)) continue;
        fputs(count++ == 0 ? " " : ", ", w->file);
        put_real(w->file, l->value[k]);
    }
    fputs(count ? " }" : " 0 }", w->file);
}

static void put_leaf(const writer *w, int i) {
    static void (*const put_view[WG__LAYOUTS])(const writer *, const wg__vm_leaf *) = {
        [WG__DENSE] = put_dense,      [WG__TRANSPOSED] = put_transposed,
        [WG__GAPS] = put_gaps,        [WG__NEGATIVE] = put_negative,
        [WG__SHIFTED] = put_shifted,  [WG__FIRST_ZERO] = put_single,
        [WG__LAST_ZERO] = put_single,
    };
    const wg__vm_leaf *l = &w->p->leaf[i];
    int zero = wg__zero_axis(l->layout, &l->shape);
    bool single = l->layout == WG__FIRST_ZERO || l->layout == WG__LAST_ZERO;
    bool dense = wg__numel(&l->shape) == 0 || (single && zero < 0);
    if (dense) zero = -1;
    fprintf(w->file, "    x[%d] = filled(", i);
    put_view[dense ? WG__DENSE : l->layout](w, l);
    fputs(", ", w->file);
    put_values(w, l, zero);
    fputs(");\n", w->file);
    if (zero >= 0) {
        fprintf(w->file, "    x[%d] = must(wg_expand(x[%d], ", i, i);
        put_shape(w->file, &l->shape);
        fputs("));\n", w->file);
    }
    if (l->variable) fprintf(w->file, "    x[%d] = must(wg_variable(x[%d]));\n", i, i);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void put_int_field(FILE *file, const void *field) { put_int(file, *(const int64_t *)field); }
static void put_real_field(FILE *file, const void *field) {
    put_real(file, *(const double *)field);
}
static void put_bool_field(FILE *file, const void *field) {
    fputs(*(const bool *)field ? "true" : "false", file);
}
static void put_list_field(FILE *file, const void *field) { put_shape(file, field); }
static void put_text_field(FILE *file, const void *field) {
    fputc('"', file);
    for (const char *c = field; *c; c++) fprintf(file, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    fputc('"', file);
}

static void put_attr(FILE *file, const wg__vm_step *s) {
    static const struct {
        const char *name;
        void (*put)(FILE *, const void *);
    } type[] = {
        [WG_ATTR_INT] = { "int", put_int_field },    [WG_ATTR_REAL] = { "real", put_real_field },
        [WG_ATTR_BOOL] = { "bool", put_bool_field }, [WG_ATTR_LIST] = { "list", put_list_field },
        [WG_ATTR_TEXT] = { "text", put_text_field },
    };
    for (const wg_attr *a = s->op->attrs; s->attr && a && a->name; a++) {
        fprintf(file, "    set_%s(\"%s\", ", type[a->type].name, a->name);
        type[a->type].put(file, (const char *)s->attr + a->offset);
        fputs(");\n", file);
    }
}

static void put_step(const writer *w, int i) {
    const wg__vm_step *s = &w->p->step[i];
    int to = w->p->leaves + i;
    fputs("    /* ", w->file);
    wg__vm_print_step(w->file, w->p, i);
    fprintf(w->file, " */\n    start(\"%s\");\n", s->op->name);
    put_attr(w->file, s);
    if (s->flags & WG__VM_UNRECORDED) fputs("    wg_recording(false);\n", w->file);
    fprintf(w->file, "    x[%d] = apply((wg_tensor *[]){", to);
    for (int k = 0; k < s->inputs; k++)
        fprintf(w->file, s->in[k] < 0 ? "%sNULL" : "%sx[%d]", k ? ", " : " ", s->in[k]);
    fprintf(w->file, "%s }, %d);\n", s->inputs ? "" : " NULL", s->inputs);
    if (s->flags & WG__VM_UNRECORDED) fputs("    wg_recording(true);\n", w->file);
    if (s->flags & WG__VM_STOP) fprintf(w->file, "    x[%d] = must(wg_stop(x[%d]));\n", to, to);
}

/* ---- spans ----------------------------------------------------------------------------------- */

static bool begins_before(const wg__vm_span *a, const wg__vm_span *b) {
    return a->first != b->first ? a->first < b->first : a->last > b->last;
}

static void sort_spans(writer *w) {
    for (int i = 0; i < w->p->spans; i++) {
        int at = i;
        for (; at > 0; at--) {
            if (!begins_before(&w->p->span[i], &w->p->span[w->order[at - 1]])) break;
            w->order[at] = w->order[at - 1];
        }
        w->order[at] = i;
    }
}

// The next span that begins with step i, after place `at` in their order.
static int span_at(const writer *w, int i, int at) {
    for (int k = at + 1; k < w->p->spans; k++)
        if (w->p->span[w->order[k]].first == i) return k;
    return -1;
}

static void put_steps(const writer *w, int first, int last, int at);

static void put_span(const writer *w, int at) {
    const wg__vm_span *s = &w->p->span[w->order[at]];
    int leaves = w->p->leaves;
    if (s->kind == WG__VM_CHECKPOINT) {
        fprintf(w->file, "    x[%d] = must(wg_checkpoint(span%d, x, NULL, 0));\n", leaves + s->last,
                w->order[at]);
        return;
    }
    fprintf(w->file, "    wg_scope *scope%d = wg_scope_open();\n", w->order[at]);
    put_steps(w, s->first, s->last, at);
    for (int i = s->first; i <= s->last; i++)
        if (wg__vm_is_read(w->p, leaves + i, s->last))
            fprintf(w->file, "    wg_keep(x[%d]);\n", leaves + i);
    fprintf(w->file, "    wg_scope_close(scope%d);\n", w->order[at]);
}

static void put_steps(const writer *w, int first, int last, int at) {
    for (int i = first; i <= last; i++) {
        int span = span_at(w, i, at);
        if (span < 0) {
            put_step(w, i);
            continue;
        }
        put_span(w, span);
        i = w->p->span[w->order[span]].last;
    }
}

// It may run again after what called it has returned, so its registers stay.
static void put_functions(const writer *w) {
    for (int at = w->p->spans - 1; at >= 0; at--) {
        const wg__vm_span *s = &w->p->span[w->order[at]];
        if (s->kind != WG__VM_CHECKPOINT) continue;
        fprintf(w->file,
                "static wg_tensor *span%d(void *user, wg_tensor *const in[], int n) {\n"
                "    wg_tensor **x = copied(user);\n"
                "    (void)in, (void)n;\n",
                w->order[at]);
        put_steps(w, s->first, s->last, at);
        fprintf(w->file, "    return x[%d];\n}\n\n", w->p->leaves + s->last);
    }
}

/* ---- main ------------------------------------------------------------------------------------ */

static bool is_of_the_library(const wg_op *op) {
    static const wg_op *const own[] = {
#define ENTRY(name) &wg__op_##name,
#include "autograd/ops/all.def"
#undef ENTRY
    };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (own[i] == op) return true;
    return false;
}

static bool was_named(const wg__vm_program *p, int i) {
    for (int k = 0; k < i; k++)
        if (p->step[k].op == p->step[i].op) return true;
    return false;
}

static void put_strangers(const writer *w) {
    for (int i = 0; i < w->p->steps; i++)
        if (!is_of_the_library(w->p->step[i].op) && !was_named(w->p, i))
            fprintf(w->file, "    /* Here must be called what registers %s. */\n",
                    w->p->step[i].op->name);
}

static void put_variables(const writer *w) {
    const wg__vm_program *p = w->p;
    int n = 0;
    fputs("    wg_tensor *var[] = {", w->file);
    for (int i = 0; i < p->leaves; i++)
        if (p->leaf[i].variable) fprintf(w->file, "%sx[%d]", n++ ? ", " : " ", i);
    fputs(n ? " };\n" : " NULL };\n", w->file);
    for (int i = 0; i < p->outputs; i++)
        fprintf(w->file,
                "    show(x[%d], \"x%d\", (wg_random){ .seed = %" PRIu64
                "u, .stream = %d }, var, %d);\n",
                p->output[i], p->output[i], p->seed, i, n);
    if (w->checks)
        fprintf(w->file, "    int status = check(x, var, %d, %" PRIu64 "u);\n", n, p->seed);
}

static bool has_checkpoint(const wg__vm_program *p) {
    for (int i = 0; i < p->spans; i++)
        if (p->span[i].kind == WG__VM_CHECKPOINT) return true;
    return false;
}

static void put_main(const writer *w) {
    fputs("int main(void) {\n    static wg_tensor *x[REGISTERS];\n    wg_on_error(NULL, NULL);\n",
          w->file);
    put_strangers(w);
    for (int i = 0; i < w->p->leaves; i++) put_leaf(w, i);
    if (w->p->steps > 0) fputs("    run(x);\n", w->file);
    put_variables(w);
    if (w->checks || has_checkpoint(w->p)) fputs("    forget();\n", w->file);
    fprintf(w->file, "    wg_reset();\n    return %s;\n}\n", w->checks ? "status" : "0");
}

/* ---- the program as a function --------------------------------------------------------------- */

static void put_run(const writer *w) {
    if (w->p->steps == 0) return;
    fputs("static void run(wg_tensor *x[]) {\n", w->file);
    put_steps(w, 0, w->p->steps - 1, -1);
    fputs("}\n\n", w->file);
}

// Several outputs as one: a row of all their elements.
static void put_result(const writer *w) {
    const wg__vm_program *p = w->p;
    if (p->outputs == 1) {
        fprintf(w->file, "    return x[%d];\n", p->output[0]);
        return;
    }
    fputs("    wg_tensor *row[] = {\n", w->file);
    for (int i = 0; i < p->outputs; i++)
        fprintf(w->file, "        must(wg_reshape(x[%d], WG_SHAPE(wg_numel(x[%d])))),\n",
                p->output[i], p->output[i]);
    fprintf(w->file, "    };\n    return must(wg_cat(row, %d, 0));\n", p->outputs);
}

static void put_check(const writer *w) {
    const wg__vm_program *p = w->p;
    int n = 0;
    if (!w->checks) return;
    fputs("/* The outputs as a function of the variables. */\n"
          "static wg_tensor *program(void *leaves, wg_tensor *const in[], int n) {\n"
          "    static const int variable[] = {",
          w->file);
    for (int i = 0; i < p->leaves; i++)
        if (p->leaf[i].variable) fprintf(w->file, "%s%d", n++ ? ", " : " ", i);
    fputs(" };\n    wg_tensor **x = copied(leaves);\n"
          "    for (int i = 0; i < n; i++) x[variable[i]] = in[i];\n",
          w->file);
    if (p->steps > 0) fputs("    run(x);\n", w->file);
    put_result(w);
    fputs("}\n\n", w->file);
    fputs(CHECK, w->file);
}

static bool any_single(const wg__vm_program *p, const wg__vm_run *r) {
    for (int i = 0; i < p->leaves + p->steps; i++)
        if (r->reg[i] && wg_dtype_of(r->reg[i]) == WG_F32) return true;
    return false;
}

static bool any_moves(const wg__vm_program *p, const wg__vm_run *r) {
    for (int i = 0; i < p->outputs; i++)
        if (wg_is_tracked(r->reg[p->output[i]]) && wg_numel(r->reg[p->output[i]]) > 0) return true;
    return false;
}

bool wg__vm_is_checkable(const wg__vm_program *p) {
    static wg__vm_run r;
    bool usual = p->mode != WG__SPECIAL && p->dtype == WG_F64 && !wg_error();
    for (int i = 0; i < p->steps; i++) usual = usual && p->step[i].flags == 0;
    wg_scope *scope = usual ? wg_scope_open() : NULL;
    usual = scope && wg__vm_run_make(p, &(wg__vm_setting){ .dtype = WG_F64, .plain = true }, &r) &&
            r.variables > 0 && !any_single(p, &r) && any_moves(p, &r) && wg__program_is_smooth(p);
    wg_error_clear();
    wg_scope_close(scope);
    return usual;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool has_attributes(const wg__vm_program *p) {
    for (int i = 0; i < p->steps; i++)
        if (p->step[i].attr) return true;
    return false;
}

// No function that the program has no use for: it is to compile without a warning.
static void put_beginning(const writer *w) {
    FILE *file = w->file;
    const wg__vm_program *p = w->p;
    fputs(INCLUDES, file), fputs(LEAVES, file);
    if (p->steps > 0) fputs(STEPS, file);
    if (has_attributes(p)) fputs(ATTRIBUTES, file);
    fputs(PRINT, file), fputs(SHOW, file);
    fprintf(file, "enum { REGISTERS = %d };\n\n", p->leaves + p->steps);
    if (w->checks || has_checkpoint(p)) fputs(COPIED, file);
}

bool wg__vm_print_c(FILE *file, const wg__vm_program *p) {
    writer w = { .file = file, .p = p, .checks = wg__vm_is_checkable(p) };
    sort_spans(&w);
    put_beginning(&w);
    put_functions(&w);
    put_run(&w);
    put_check(&w);
    put_main(&w);
    return !ferror(file);
}
