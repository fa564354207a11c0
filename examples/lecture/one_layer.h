// SPDX-License-Identifier: MIT
/* one_layer.h: what the sections on approximation share: networks of one hidden layer, whose first
   weights are random and whose outer ones are fitted by least squares. */
#ifndef WG_EXAMPLES_ONE_LAYER_H
#define WG_EXAMPLES_ONE_LAYER_H

#include <math.h>

#include "lecture.h"

static const double PI = 3.14159265358979323846;
static inline wg_tensor *scaled(wg_tensor *x, double a) { return wg_mul(x, wg_num(a)); }

/* The weights of the first layer are 1 + steep width^(1/d) long, for d inputs. */
typedef struct kind {
    const char *name;
    wg_tensor *(*activation)(wg_tensor *);
    double steep;
} kind;

typedef struct layer {
    wg_tensor *w, *b;  // (width, d), (width)
    wg_tensor *(*activation)(wg_tensor *);
} layer;

/* Units that look in random directions, each with its kink or step at a random place of
   [-1, 1]^d. */
static inline layer random_layer(const kind *k, int d, int64_t width, uint64_t seed) {
    wg_random random = { .seed = seed };
    wg_tensor *w = wg_randn(WG_F64, WG_SHAPE(width, d), &random);
    w = wg_div(w, wg_norm_axes(w, 2, WG_AXES(1), true));
    w = scaled(w, 1 + k->steep * pow((double)width, 1.0 / d));
    wg_tensor *place = wg_sub(scaled(wg_rand(WG_F64, WG_SHAPE(width, d), &random), 2), wg_num(1));
    return (layer){ w, wg_neg(wg_sum_axes(wg_mul(w, place), WG_AXES(1), false)), k->activation };
}

/* (N, width + 1): what the hidden layer makes of x (N, d), and 1. */
static inline wg_tensor *hidden(layer l, wg_tensor *x) {
    wg_tensor *a = CODE(l.activation(wg_linear(x, l.w, l.b)));
    return wg_cat((wg_tensor *[]){ a, wg_ones(WG_F64, WG_SHAPE(wg_dim(x, 0), 1)) }, 2, 1);
}

/* c (n) with the least sum of weight (a c - y)^2 for a (N, n), and hardly any ridge. */
static inline wg_tensor *least_squares(wg_tensor *a, wg_tensor *y, wg_tensor *weight) {
    wg_tensor *t = wg_mul(wg_transpose(a, 0, 1), weight), *gram = wg_matmul(t, a);
    wg_tensor *ridge = scaled(wg_eye(WG_F64, wg_dim(a, 1)), 1e-11 * wg_item(wg_trace(gram)));
    return wg_solve(wg_add(gram, ridge), wg_matmul(t, y));
}

#endif
