// SPDX-License-Identifier: MIT
/* layers.c: a row for each layer of nn/layers.h, with its options from bytes. Each brings what
   comes to the shape that it wants. A row also says what it does as a line of C. */
#include "fuzz/net/row.h"

static int64_t units(layer *l) { return 1 + l->byte[WG__NET_UNITS] % 6; }

/* ---- dense ----------------------------------------------------------------------------------- */

ROW(linear) {
    bool none = option(l) % 4 == 3;
    if (option(l) & 16) h = wg__net_as(b, h, 3, form(l));
    SAY("wg_nn_linear_with(m, \"%s\", h, %d, (wg_linear_options){ .no_bias = %d });\n", l->name,
        (int)units(l), none);
    return wg_nn_linear_with(b->m, l->name, h, units(l), (wg_linear_options){ .no_bias = none });
}
ROW(bilinear) {
    SAY("wg_nn_bilinear(m, \"%s\", h, h, %d);\n", l->name, (int)units(l));
    return wg_nn_bilinear(b->m, l->name, h, h, units(l));
}
ROW(sequential) {
    SAY("wg_nn_sequential(wg_nn_sub(m, \"%s\"), h, (wg_nn_dense[]){ { \"in\", %d, wg_gelu, 0.5 }, "
        "{ "
        "\"out\", 2 } }, 2);\n",
        l->name, (int)units(l));
    const wg_nn_dense stack[] = { { "in", units(l), wg_gelu, 0.5 }, { "out", 2, NULL, 0 } };
    return wg_nn_sequential(wg_nn_sub(b->m, "%s", l->name), h, stack, 2);
}
/* Indices come from nowhere in the net, so the table's rows are added to what does. */
ROW(embedding) {
    const int64_t batch = b->plan->batch, width = wg_rank(h) > 0 ? wg_dim(h, -1) : 1;
    const bool padding = option(l) % 4 == 3;
    wg_embedding_layer_options o = { .dtype = b->dtype, .padding = padding };
    wg_shape shape = WG_SHAPE(batch);
    for (int i = 1; i < wg_rank(h) - 1; i++) shape.dim[shape.rank++] = 1;
    wg__net_say(b, "    {\n    wg_tensor *index = ");
    tensor *index = wg__net_classes(b, shape, units(l), 2u + l->byte[WG__NET_LAYER_SEED]);
    wg__net_say(b, ";\n");
    SAY("wg_add(h, wg_nn_embedding_with(m, \"%s\", index, %d, %d, (wg_embedding_layer_options){ "
        ".dtype = wg_dtype_of(h), .padding = %d }));\n    }\n",
        l->name, (int)units(l), (int)width, padding);
    return wg_add(h, wg_nn_embedding_with(b->m, l->name, index, units(l), width, o));
}

/* ---- norms ----------------------------------------------------------------------------------- */

static wg_norm_options norm_options(build *b, layer *l, bool batch) {
    unsigned o = option(l);
    wg_norm_options all = { .epsilon = o % 4 == 3 ? 0.1 : 0,
                            .no_affine = o / 4 % 4 == 3,
                            .momentum = batch && o / 16 % 4 == 3 ? 0.5 : 0,
                            .no_running = batch && o / 64 % 4 == 3 };
    wg__net_say(b,
                "    wg_norm_options o_%s = { .epsilon = %g, .no_affine = %d, .momentum = %g, "
                ".no_running = %d };\n",
                l->name, all.epsilon, all.no_affine, all.momentum, all.no_running);
    return all;
}
#define NORM(kind, rank)                                                                           \
    ROW(kind) {                                                                                    \
        h = wg__net_as(b, h, rank, form(l));                                                       \
        wg__net_say(b, "    {\n");                                                                 \
        wg_norm_options o = norm_options(b, l, false);                                             \
        SAY("wg_nn_" #kind "_with(m, \"%s\", h, o_%s);\n    }\n", l->name, l->name);               \
        return wg_nn_##kind##_with(b->m, l->name, h, o);                                           \
    }
NORM(layer_norm, 2)
NORM(rms_norm, 3)
NORM(instance_norm, 3)
ROW(group_norm) {
    h = wg__net_as(b, h, 3 + (int)(option(l) / 256 % 2), form(l));
    int64_t groups = h && wg_dim(h, 1) % 2 == 0 ? 2 : 1;
    wg__net_say(b, "    {\n");
    wg_norm_options o = norm_options(b, l, false);
    SAY("wg_nn_group_norm_with(m, \"%s\", h, %d, o_%s);\n    }\n", l->name, (int)groups, l->name);
    return wg_nn_group_norm_with(b->m, l->name, h, groups, o);
}
ROW(batch_norm) {
    h = wg__net_as(b, h, 2 + (int)(option(l) / 256 % 3), form(l));
    wg__net_say(b, "    {\n");
    wg_norm_options o = norm_options(b, l, true);
    SAY("wg_nn_batch_norm_with(m, \"%s\", h, o_%s);\n    }\n", l->name, l->name);
    return wg_nn_batch_norm_with(b->m, l->name, h, o);
}

/* ---- convolutions, pooling ------------------------------------------------------------------- */

typedef struct window {
    int64_t channels, size;
    wg_conv_layer_options o;
} window;

// Of a kernel that fits into `length` places.
static window window_of(build *b, layer *l, int64_t length, bool transposed) {
    unsigned o = option(l);
    window w = { 1 + units(l) % 4, 1 + o % 3, { .no_bias = o / 4 % 4 == 3 } };
    for (int i = 0; i < 2; i++) {
        w.o.stride[i] = 1 + o / 16 % 2;
        w.o.padding[i] = o / 32 % 2 && w.size > 1;
    }
    if (!transposed && o / 64 % 4 == 3 && w.o.padding[0] && length > 1)
        w.o.padding_mode = o / 256 % 4;
    if (w.size > length + 2 * w.o.padding[0]) w.size = 1;
    wg__net_say(b,
                "    wg_conv_layer_options o_%s = { .no_bias = %d, .stride = { %d, %d }, "
                ".padding = { %d, %d }, .padding_mode = %d };\n",
                l->name, w.o.no_bias, (int)w.o.stride[0], (int)w.o.stride[0], (int)w.o.padding[0],
                (int)w.o.padding[0], (int)w.o.padding_mode);
    return w;
}
#define CONV(kind, rank, transposed)                                                               \
    ROW(kind) {                                                                                    \
        h = wg__net_as(b, h, rank, form(l));                                                       \
        if (!h) return NULL;                                                                       \
        wg__net_say(b, "    {\n");                                                                 \
        int64_t last = wg_dim(h, -1), high = wg_dim(h, 2);                                         \
        window w = window_of(b, l, last < high ? last : high, transposed);                         \
        if ((rank) == 3) w.o.stride[1] = w.o.padding[1] = 0;                                       \
        SAY("wg_nn_" #kind "_with(m, \"%s\", h, %d, %d, o_%s);\n    }\n", l->name,                 \
            (int)w.channels, (int)w.size, l->name);                                                \
        return wg_nn_##kind##_with(b->m, l->name, h, w.channels, w.size, w.o);                     \
    }
CONV(conv1d, 3, false)
CONV(conv2d, 4, false)
CONV(conv_transpose1d, 3, true)
CONV(conv_transpose2d, 4, true)

#define POOL(kind, rank)                                                                           \
    ROW(kind) {                                                                                    \
        h = wg__net_as(b, h, rank, form(l));                                                       \
        SAY("wg_nn_" #kind "(h, %d);\n", (int)(1 + option(l) % 2));                                \
        return wg_nn_##kind(h, 1 + option(l) % 2);                                                 \
    }
POOL(max_pool1d, 3)
POOL(avg_pool1d, 3)
POOL(max_pool2d, 4)
POOL(avg_pool2d, 4)
#define OVER_ALL(kind)                                                                             \
    ROW(kind) {                                                                                    \
        h = wg__net_as(b, h, 3 + (int)(option(l) % 2), form(l));                                   \
        SAY("wg_nn_" #kind "(h);\n");                                                              \
        return wg_nn_##kind(h);                                                                    \
    }
OVER_ALL(global_avg_pool)
OVER_ALL(global_max_pool)

/* ---- dropout --------------------------------------------------------------------------------- */

#define DROP(kind, rank)                                                                           \
    ROW(kind) {                                                                                    \
        static const double share[] = { 0.5, 0.1, 0.9, 0 };                                        \
        if ((rank) > 2) h = wg__net_as(b, h, rank, form(l));                                       \
        SAY("wg_nn_" #kind "(m, \"%s\", h, %g);\n", l->name, share[option(l) % 4]);                \
        return wg_nn_##kind(b->m, l->name, h, share[option(l) % 4]);                               \
    }
DROP(dropout, 2)
DROP(channel_dropout, 3)
DROP(alpha_dropout, 2)

/* ---- layers of one's own, operations --------------------------------------------------------- */

ROW(gated) {
    wg__net_say(b, "    {\n    wg_nn *layer = wg_nn_enter(m, \"%s\", \"gated\");\n", l->name);
    SAY("wg_nn_leave(m, layer, wg_mul(wg_sigmoid(wg_nn_linear(layer, \"gate\", h, %d)), "
        "wg_nn_linear(layer, \"value\", h, %d)));\n    }\n",
        (int)units(l), (int)units(l));
    wg_nn *own = wg_nn_enter(b->m, l->name, "gated");
    if (!own) return NULL;
    tensor *gate = wg_sigmoid(wg_nn_linear(own, "gate", h, units(l)));
    return wg_nn_leave(b->m, own, wg_mul(gate, wg_nn_linear(own, "value", h, units(l))));
}

/* Operations of one input and no options, elementwise, with a derivative: those of the library and
   whoever's else. The list is made anew when it has grown. */
static const wg_op *activation_of(uint8_t byte) {
    static wg__net_row row[400];
    static int rows, seen;
    for (; seen < wg_op_count(); seen++) {
        const wg_op *op = wg_op_at(seen);
        bool fits = op->map && op->inputs == 1 && op->inputs_max <= 1 && op->attr_size == 0 &&
                    !op->map->predicate && op->map->forward[WG_F32] && op->map->forward[WG_F64];
        if (fits && !(op->flags & (WG_OP_ZERO_GRADIENT | WG_OP_NO_GRADIENT)) && rows < 400)
            row[rows++].name = op->name;
    }
    return rows ? wg_op_find(wg__net_pick(row, rows, byte)->name) : NULL;
}
ROW(activation) {
    const wg_op *op = activation_of(l->byte[WG__NET_UNITS]);
    SAY("wg_apply(wg_op_find(\"%s\"), &h, 1, NULL);\n", op ? op->name : "");
    return op ? wg_apply(op, &h, 1, NULL) : NULL;
}
ROW(squash) {
    SAY("wg_tanh(h);\n");
    return (void)l, wg_tanh(h);
}

#define LIST(name)                                                                                 \
    { #name, name }
const wg__net_row wg__net_layer_rows[] = {
    LIST(linear),     LIST(bilinear),         LIST(sequential),      LIST(embedding),
    LIST(layer_norm), LIST(rms_norm),         LIST(instance_norm),   LIST(group_norm),
    LIST(batch_norm), LIST(conv1d),           LIST(conv2d),          LIST(conv_transpose1d),
    LIST(max_pool1d), LIST(conv_transpose2d), LIST(avg_pool1d),      LIST(max_pool2d),
    LIST(avg_pool2d), LIST(global_avg_pool),  LIST(global_max_pool), LIST(dropout),
    LIST(gated),      LIST(channel_dropout),  LIST(alpha_dropout),   LIST(activation),
    LIST(squash),
};
const int wg__net_layer_count = sizeof wg__net_layer_rows / sizeof *wg__net_layer_rows;
