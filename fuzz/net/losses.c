// SPDX-License-Identifier: MIT
/* losses.c: a row for each loss of nn/losses.h, with targets that it can have, and penalties. What
   the net gives is brought into the loss's domain by a smooth function first. */
#include "fuzz/net/net.h"

typedef const wg__net_build build;
typedef wg_tensor tensor;
#define ROW(name) static tensor *name(build *b, const wg__net_layer *none, tensor *h)
#define SAY(...) wg__net_say(b, "    h = " __VA_ARGS__)

enum { TARGET = 60, WEIGHT, OTHER, THIRD };  // streams of numbers

static uint8_t option(build *b) { return b->plan->head[WG__NET_LOSS_OPTION]; }

static tensor *named(build *b, const char *name, wg_shape shape, wg__net_law law, uint64_t stream) {
    wg__net_say(b, "    wg_tensor *%s = ", name);
    tensor *x = wg__net_constant(b, shape, law, stream);
    wg__net_say(b, ";\n");
    return x;
}

// What is common: reduction and weights; `shape` is that of the losses.
static wg_loss_options common(build *b, wg_shape shape) {
    wg_loss_options o = { .reduction = option(b) % 4 };
    if (option(b) / 4 % 4 == 3) o.weight = named(b, "weight", shape, WG__NET_UNIT, WEIGHT);
    wg__net_say(b, "    wg_loss_options o = { .reduction = %d%s };\n", o.reduction,
                o.weight ? ", .weight = weight" : "");
    return o;
}
#define SET(o, field, number)                                                                      \
    ((o).field = (number), wg__net_say(b, "    o." #field " = %g;\n", (double)(o).field))

/* ---- of numbers ------------------------------------------------------------------------------ */

// y with a target by the law, both shaped alike; `domain` is what y passes before.
#define PAIR(name, domain, law, more)                                                              \
    ROW(name) {                                                                                    \
        (void)none;                                                                                \
        SAY(#domain "(h);\n");                                                                     \
        h = domain(h);                                                                             \
        tensor *t = named(b, "t", wg_shape_of(h), law, TARGET);                                    \
        wg_loss_options o = common(b, wg_shape_of(h));                                             \
        more;                                                                                      \
        SAY("wg_nn_" #name "_with(h, t, o);\n");                                                   \
        return wg_nn_##name##_with(h, t, o);                                                       \
    }
static tensor *wg_same(tensor *x) { return x; }
#define NUMBER (option(b) / 16 % 4)
PAIR(mse_loss, wg_same, WG__NET_NORMAL, )
PAIR(l1_loss, wg_same, WG__NET_NORMAL, )
PAIR(huber_loss, wg_same, WG__NET_NORMAL, SET(o, delta, NUMBER * 0.5))
PAIR(smooth_l1_loss, wg_same, WG__NET_NORMAL, SET(o, delta, NUMBER * 0.5))
PAIR(log_cosh_loss, wg_same, WG__NET_NORMAL, )
PAIR(bce_loss, wg_sigmoid, WG__NET_UNIT, )
PAIR(bce_with_logits, wg_same, WG__NET_UNIT, )
PAIR(hinge_loss, wg_same, WG__NET_SIGN, SET(o, margin, NUMBER * 0.5))
PAIR(squared_hinge_loss, wg_same, WG__NET_SIGN, SET(o, margin, NUMBER * 0.5))
PAIR(kl_div, wg_logsigmoid, WG__NET_UNIT, SET(o, log_target, NUMBER == 3))
PAIR(poisson_nll_loss, wg_tanh, WG__NET_UNIT, SET(o, full, NUMBER == 3))

/* ---- of classes ------------------------------------------------------------------------------ */

static tensor *indices(build *b, const tensor *h) {
    wg__net_say(b, "    wg_tensor *t = ");
    tensor *t = wg__net_classes(b, WG_SHAPE(wg_dim(h, 0)), wg_dim(h, 1), TARGET);
    wg__net_say(b, ";\n");
    return t;
}
#define CLASSES(name, domain, more)                                                                \
    ROW(name) {                                                                                    \
        (void)none;                                                                                \
        h = wg__net_as(b, h, 2, 0);                                                                \
        SAY(#domain ";\n");                                                                        \
        h = domain;                                                                                \
        if (!h) return NULL;                                                                       \
        tensor *t = indices(b, h);                                                                 \
        wg_loss_options o = common(b, WG_SHAPE(wg_dim(h, 1)));                                     \
        if (NUMBER == 2) SET(o, ignore, 1);                                                        \
        more;                                                                                      \
        SAY("wg_nn_" #name "_with(h, t, o);\n");                                                   \
        return wg_nn_##name##_with(h, t, o);                                                       \
    }
CLASSES(cross_entropy, wg_same(h), if (NUMBER == 3) SET(o, smoothing, 0.25))
CLASSES(nll_loss, wg_log_softmax(h, -1), )

/* ---- of several ------------------------------------------------------------------------------ */

ROW(gaussian_nll_loss) {
    (void)none;
    tensor *t = named(b, "t", wg_shape_of(h), WG__NET_NORMAL, TARGET);
    wg_loss_options o = common(b, wg_shape_of(h));
    SAY("wg_nn_gaussian_nll_loss_with(h, t, wg_softplus(h), o);\n");
    return wg_nn_gaussian_nll_loss_with(h, t, wg_softplus(h), o);
}
ROW(cosine_embedding_loss) {
    (void)none;
    h = wg__net_as(b, h, 2, 0);
    if (!h) return NULL;
    tensor *other = named(b, "other", wg_shape_of(h), WG__NET_NORMAL, OTHER);
    tensor *t = named(b, "t", WG_SHAPE(wg_dim(h, 0)), WG__NET_SIGN, TARGET);
    wg_loss_options o = common(b, WG_SHAPE(wg_dim(h, 0)));
    SAY("wg_nn_cosine_embedding_loss_with(h, other, t, o);\n");
    return wg_nn_cosine_embedding_loss_with(h, other, t, o);
}
ROW(triplet_margin_loss) {
    (void)none;
    h = wg__net_as(b, h, 2, 0);
    if (!h) return NULL;
    tensor *other = named(b, "other", wg_shape_of(h), WG__NET_NORMAL, OTHER);
    tensor *third = named(b, "third", wg_shape_of(h), WG__NET_NORMAL, THIRD);
    wg_loss_options o = common(b, WG_SHAPE(wg_dim(h, 0)));
    SET(o, swap, NUMBER == 3);
    SAY("wg_nn_triplet_margin_loss_with(h, other, third, o);\n");
    return wg_nn_triplet_margin_loss_with(h, other, third, o);
}

#define LIST(name)                                                                                 \
    { #name, name }
const wg__net_row wg__net_loss_rows[] = {
    LIST(mse_loss),
    LIST(l1_loss),
    LIST(huber_loss),
    LIST(smooth_l1_loss),
    LIST(log_cosh_loss),
    LIST(bce_loss),
    LIST(bce_with_logits),
    LIST(hinge_loss),
    LIST(kl_div),
    LIST(squared_hinge_loss),
    LIST(poisson_nll_loss),
    LIST(cross_entropy),
    LIST(nll_loss),
    LIST(gaussian_nll_loss),
    LIST(triplet_margin_loss),
    LIST(cosine_embedding_loss),
};
const int wg__net_loss_count = sizeof wg__net_loss_rows / sizeof *wg__net_loss_rows;

/* ---- penalties ------------------------------------------------------------------------------- */

static tensor *penalty(build *b, tensor *loss, tensor *y) {
    static const double strength = 0.125;
    if (wg_nn_params(b->m, "*/w") == 0) return loss;
    switch (b->plan->head[WG__NET_PENALTY] % 16) {
#define PENALTY(code, call)                                                                        \
    case code:                                                                                     \
        SAY("wg_add(h, " #call ");\n");                                                            \
        return wg_add(loss, call)
#define m b->m
        PENALTY(1, wg_nn_l1(m, "*/w", 0.125));
        PENALTY(2, wg_nn_l2(m, "*/w", 0.125));
        PENALTY(3, wg_nn_elastic_net(m, "*/w", 0.125, 0.5));
        PENALTY(4, wg_nn_group_lasso(m, "*/w", 0.125, 0));
        PENALTY(5, wg_nn_max_norm(m, "*/w", 0.125, 0.5, 0));
        PENALTY(6, wg_nn_activity(y, 0.125, 0.5));
#undef m
    default: return (void)strength, loss;
    }
}

wg_tensor *wg__net_cost(const wg__net_build *b, wg_tensor *y) {
    wg__net_say(b, "    wg_tensor *y = h;\n");
    wg_tensor *loss = b->plan->loss ? b->plan->loss->make(b, NULL, y) : y;
    if (!loss) return NULL;
    if (wg_numel(loss) != 1 || wg_rank(loss) != 0) {
        SAY("wg_sum(h);\n");
        loss = wg_sum(loss);
    }
    return b->bare ? loss : penalty(b, loss, y);
}
