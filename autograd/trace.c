// SPDX-License-Identifier: MIT
/* trace.c: the tape as text and as a graph. Everything is told from the records and the operations'
   tables; no operation is known by name. */
#include <errno.h>
#include <string.h>

#include "autograd/autograd_impl.h"

typedef struct trace {
    FILE *file;
    const wg__tape *tape;
    bool dot;
} trace;

/* Names and attributes may hold anything, a line of ours holds one record: what is no printing
   character goes as \xNN, and in DOT a quote or backslash after a backslash. */
static void put(const trace *t, const char *text) {
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c < 32 || *c == 127)
            fprintf(t->file, t->dot ? "\\\\x%02x" : "\\x%02x", *c);
        else if (t->dot && (*c == '"' || *c == '\\'))
            fprintf(t->file, "\\%c", *c);
        else
            fputc(*c, t->file);
    }
}

// In any locale with a point.
static void put_number(const trace *t, double value) {
    char text[64];
    snprintf(text, sizeof text, "%g", value);
    char *comma = strchr(text, ',');
    if (comma) *comma = '.';
    put(t, text);
}

static void put_type(const trace *t, const wg_tensor *x) {
    char shape[200];
    if (x->number) {
        put_number(t, x->value);
        return;
    }
    put(t, wg_dtype_name(x->view.dtype));
    put(t, " ");
    put(t, wg_shape_text(x->view.shape, shape, sizeof shape));
}

static void put_attributes(const trace *t, const wg_call *c, const char *before) {
    char few[256], *text = few;
    size_t length = wg__attr_text(c->op, c->attr, few, sizeof few);
    if (length == 0) return;
    if (length >= sizeof few && (text = wg__alloc(length + 1)) != NULL)
        (void)wg__attr_text(c->op, c->attr, text, length + 1);
    if (!text) return;
    fputs(before, t->file);
    put(t, text);
    if (text != few) wg__free(text);
}

static void put_site(const trace *t, uint32_t k, const char *before) {
    char text[400];
    if (!wg__site_text(wg__tape_site(k), text, sizeof text)[0]) return;
    fputs(before, t->file);
    put(t, text);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void put_inputs(const trace *t, uint32_t k, const wg_call *c) {
    fputc('(', t->file);
    for (int i = 0; i < c->inputs; i++) {
        uint32_t node = wg__source_of(c->in[i], k, t->tape);
        if (i) fputs(", ", t->file);
        if (node != WG__NO_NODE)
            fprintf(t->file, "%u", node);
        else if (c->in[i])
            put_type(t, c->in[i]);
        else
            fputs("NULL", t->file);
    }
    fputc(')', t->file);
}

static void put_saves(const trace *t, const wg_call *c) {
    const char *before = " saves ";
    for (int i = 0; i < c->inputs; i++) {
        if (!c->in[i] || !wg__saves_input(c->op, (uint32_t)i)) continue;
        fprintf(t->file, "%s%d", before, i);
        before = ",";
    }
    if (wg__saves_out(c->op)) fprintf(t->file, "%sy", before);
}

static void line(const trace *t, uint32_t k) {
    fprintf(t->file, "%u ", k);
    if (t->tape->op[k]) {
        wg_call c = wg__tape_call(k);
        put(t, c.op->name);
        put_inputs(t, k, &c);
        put_attributes(t, &c, " ");
        fputs(" -> ", t->file);
        put_type(t, c.out);
        put_saves(t, &c);
        put_site(t, k, " at ");
    } else {
        fputs("leaf -> ", t->file);
        put_type(t, t->tape->out[k]);
    }
    fputc('\n', t->file);
}

/* ---- graphs ---------------------------------------------------------------------------------- */

static void edges(const trace *t, uint32_t k, const wg_call *c) {
    for (int i = 0; i < c->inputs; i++) {
        uint32_t node = wg__source_of(c->in[i], k, t->tape);
        if (!c->in[i]) continue;
        if (node != WG__NO_NODE) {
            fprintf(t->file, "    n%u -> n%u;\n", node, k);
            continue;
        }
        fprintf(t->file, "    c%u_%d [label=\"", k, i);
        put_type(t, c->in[i]);
        fprintf(t->file, "\", shape=plaintext];\n    c%u_%d -> n%u [style=dashed];\n", k, i, k);
    }
}

static void vertex(const trace *t, uint32_t k) {
    const wg_op *op = t->tape->op[k];
    fprintf(t->file, "    n%u [label=\"%u ", k, k);
    wg_call c = { .out = t->tape->out[k] };
    if (op) c = wg__tape_call(k);
    put(t, op ? op->name : "leaf");
    if (op) put_attributes(t, &c, "\\n");
    fputs("\\n", t->file);
    put_type(t, c.out);
    if (op) put_site(t, k, "\\n");
    fprintf(t->file, "\"%s];\n", op ? "" : ", shape=box");
    if (op) edges(t, k, &c);
}

/* ---- both ------------------------------------------------------------------------------------ */

// Which records: those that lead to y, or for NULL all of them.
static bool choose(const char *name, wg_tensor *y, uint8_t **chosen) {
    *chosen = NULL;
    if (!y) return true;
    if (!wg__is_tracked(y))
        return wg_fail(WG_ERROR_STATE, "%s: y is not tracked: nothing was recorded of it", name);
    uint32_t top = wg__tape_node(y);
    *chosen = top == WG__NO_NODE ? NULL : wg__leading(top);
    return *chosen != NULL;
}

static bool walk(const char *name, const trace *t, wg_tensor *y) {
    uint8_t *chosen;
    if (wg__pending()) return false;
    if (!t->file) return wg_fail(WG_ERROR_ARGUMENT, "%s: the file is NULL", name);
    if (!choose(name, y, &chosen)) return false;
    errno = 0;
    if (t->dot) fputs("digraph tape {\n", t->file);
    for (uint32_t k = 0, end = y ? y->node + 1 : t->tape->count; k < end; k++) {
        if (chosen && !chosen[k]) continue;
        (t->dot ? vertex : line)(t, k);
    }
    if (t->dot) fputs("}\n", t->file);
    wg__free(chosen);
    if (wg__pending()) return false;
    return !ferror(t->file) || wg_fail(WG_ERROR_FILE, "%s: %s", name,
                                       errno ? strerror(errno) : "the file cannot be written");
}

bool wg_tape_print(FILE *file, wg_tensor *y) {
    return walk("wg_tape_print", &(trace){ file, wg__tape_now(), false }, y);
}

bool wg_tape_draw(FILE *file, wg_tensor *y) {
    return walk("wg_tape_draw", &(trace){ file, wg__tape_now(), true }, y);
}
