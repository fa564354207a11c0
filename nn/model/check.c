// SPDX-License-Identifier: MIT
/* check.c: wg_nn_check_gradient. What a layer computes depends on parameters that it asks for by
   name, where the checker wants inputs: so while a function runs, the checker's inputs stand in the
   model in place of its parameters. */
#include <string.h>

#include "autograd/op.h"
#include "nn/nn_impl.h"

typedef struct checking {
    const wg_nn *m;
    wg_nn_objective *f;
    void *user;
    wg_nn **node;  // those that stand for x now
    wg_check_options o;
    wg_check_report *report;
} checking;

static void exchange(wg_nn *const node[], wg_tensor *x[], int n) {
    for (int i = 0; i < n; i++) {
        wg_tensor *stood = node[i]->param;
        node[i]->param = x[i];
        x[i] = stood;
    }
}

static wg_tensor *of_parameters(void *user, wg_tensor *const x[], int n) {
    const checking *c = user;
    wg_tensor *other[WG_MAX_INPUTS];
    memcpy(other, x, (size_t)n * sizeof *x);
    exchange(c->node, other, n);
    wg_tensor *y = c->f(c->user);
    exchange(c->node, other, n);
    return y;
}

static bool refuse(const checking *c, const char *what) {
    c->report->failures++;
    snprintf(c->report->text, sizeof c->report->text, "%s: %s", c->o.name, what);
    return false;
}

// A pending error becomes the report.
static bool refuse_by_error(const checking *c) {
    char what[700];
    snprintf(what, sizeof what, "the function failed: %s", wg_error_message());
    wg_error_clear();
    return refuse(c, what);
}

// Runs f once, which makes the parameters that are not there yet.
static bool run_once(const checking *c) {
    wg_scope *scope = wg_scope_open();
    bool was = wg_recording(false);
    const wg_tensor *y = scope ? c->f(c->user) : NULL;
    wg_recording(was);
    bool done = y && !wg_error();
    if (!done && !wg_error()) wg_fail(WG_ERROR_STATE, "NULL came back, and no error with it");
    wg_scope_close(scope);
    return done || refuse_by_error(c);
}

// All but the first failure's text is added up.
static void add(wg_check_report *all, const wg_check_report *part) {
    if (all->failures == 0) memcpy(all->text, part->text, sizeof all->text);
    all->checks += part->checks;
    all->failures += part->failures;
    all->inconclusive += part->inconclusive;
    all->worst = part->worst > all->worst ? part->worst : all->worst;
}

// As many parameters as a function may have inputs, from place *i of the list on; false if none.
static bool check_some(checking *c, int *i) {
    wg_nn *node[WG_MAX_INPUTS];
    wg_tensor *x[WG_MAX_INPUTS];
    const char *names[WG_MAX_INPUTS];
    wg_check_report part;
    int n = 0;
    while (n < WG_MAX_INPUTS && (node[n] = wg__nn_next_trained(c->m, i))) {
        x[n] = node[n]->param;
        names[n] = node[n]->path;
        n++;
    }
    if (n == 0) return false;
    c->node = node;
    c->o.names = names;
    wg_check_gradient(of_parameters, c, x, n, c->o, &part);
    add(c->report, &part);
    return true;
}

bool wg_nn_check_gradient(wg_nn *m, wg_nn_objective *f, void *user, wg_check_options o,
                          wg_check_report *report) {
    wg_check_report own;
    checking c = { m, f, user, NULL, o, report ? report : &own };
    *c.report = (wg_check_report){ 0 };
    if (!o.name) c.o.name = "function";
    if (wg_error()) return refuse(&c, "not checked, since an error is pending");
    if (!m || !f) return refuse(&c, m ? "the function is NULL" : "the model is NULL");
    if (!run_once(&c)) return false;
    int i = 0, first = 0;
    if (!wg__nn_next_trained(m, &first)) return refuse(&c, "there is no parameter that is trained");
    while (check_some(&c, &i)) {}
    return c.report->failures == 0;
}
