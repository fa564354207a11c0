// SPDX-License-Identifier: MIT
/* weights.h: what the sections on the cost's surface share: a network for digits, its cost, and its
   weights and biases as one point of R^N. */
#ifndef WG_EXAMPLES_WEIGHTS_H
#define WG_EXAMPLES_WEIGHTS_H

#include "digits.h"

enum { HIDDEN = 16, PARAMETERS = 4 };  // hidden/w, hidden/b, out/w, out/b

typedef struct problem {
    wg_nn *m;
    wg_tensor *x, *y;  // (DIGITS, PIXELS), (DIGITS)
} problem;

static inline wg_tensor *net(wg_nn *m, wg_tensor *x) {
    x = wg_sigmoid(wg_nn_linear(m, "hidden", x, HIDDEN));  // (B, HIDDEN)
    return wg_nn_linear(m, "out", x, CLASSES);             // (B, CLASSES)
}

/* With a little decay: without it there would be no minimum, since these digits can be told apart
   ever more surely by ever larger weights. */
static inline wg_tensor *objective(void *user) {
    problem *p = user;
    wg_tensor *loss = wg_nn_cross_entropy(net(p->m, p->x), p->y);
    return CODE(wg_add(loss, wg_nn_l2(p->m, NULL, 1e-4)));
}

static inline problem make_problem(uint64_t seed) {
    problem p = { .m = wg_nn_new(seed) };
    p.x = load_digits(&p.y);
    objective(&p);  // makes the weights
    return p;
}

static inline wg_tensor *here(const problem *p) {  // (N)
    wg_tensor *part[PARAMETERS];
    for (int i = 0; i < PARAMETERS; i++)
        part[i] = wg_flatten(wg_stop(wg_nn_param_at(p->m, NULL, i)), 0);
    return wg_cat(part, PARAMETERS, 0);
}

static inline void go_to(const problem *p, wg_tensor *point) {
    int64_t from = 0;
    for (int i = 0; i < PARAMETERS; i++) {
        wg_tensor *w = wg_nn_param_at(p->m, NULL, i);
        wg_copy(w, wg_reshape(wg_slice(point, 0, from, from + wg_numel(w), 1), wg_shape_of(w)));
        from += wg_numel(w);
    }
}

static inline double cost_at(problem *p, wg_tensor *point) {
    wg_scope *scope = wg_scope_open();
    wg_recording(false);
    go_to(p, point);
    double c = wg_item(objective(p));
    wg_scope_close(scope);
    return c;
}

#endif
