// SPDX-License-Identifier: MIT
/* unreached.c: which parameters a loss does not depend on. They would stay as they are in silence:
   a layer that was never called, a branch behind wg_stop.
   Frozen ones are meant to, and not told. */
#include "nn/nn_impl.h"

static int visit_unreached(const wg_nn *m, wg_tensor *const param[], const bool reached[], int n,
                           wg_nn_visitor visitor) {
    int count = 0, k = 0;
    const wg_nn *node;
    for (int i = 0; k < n && (node = wg__nn_next_trained(m, &i)); k++) {
        if (reached[k]) continue;
        if (visitor.visit) visitor.visit(visitor.user, node->path, param[k]);
        count++;
    }
    return count;
}

int wg_nn_unreached(const wg_nn *m, wg_tensor *loss, wg_nn_visitor visitor) {
    if (wg__pending()) return -1;
    wg__where("");
    if (!m || !loss)
        return wg_fail(WG_ERROR_ARGUMENT, "nn_unreached: the %s is NULL", m ? "loss" : "model"), -1;
    size_t most = (size_t)wg_nn_params(m, NULL);
    int n = 0, count = -1;
    wg_tensor **param = wg__alloc(most * sizeof(wg_tensor *));
    bool *reached = param ? wg__alloc(most * sizeof *reached) : NULL;
    const wg_nn *node;
    for (int i = 0; reached && (node = wg__nn_next_trained(m, &i));) param[n++] = node->param;
    if (reached && wg_reaches(loss, param, n, reached))
        count = visit_unreached(m, param, reached, n, visitor);
    wg__free(param), wg__free(reached);
    return count;
}

/* ---- as text --------------------------------------------------------------------------------- */

static void add_line(void *user, const char *path, wg_tensor *param) {
    char shape[200];
    wg__bounded_add(user, "%s %s %s\n", path, wg_dtype_name(wg_dtype_of(param)),
                    wg_shape_text(wg_shape_of(param), shape, sizeof shape));
}

size_t wg_nn_unreached_text(const wg_nn *m, wg_tensor *loss, char *text, size_t size) {
    wg__bounded t;
    if (!wg__bounded_begin(&t, "nn_unreached_text", text, size)) return 0;
    return wg_nn_unreached(m, loss, (wg_nn_visitor){ add_line, &t }) < 0 ? 0 : t.length;
}
