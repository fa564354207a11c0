// SPDX-License-Identifier: MIT
/* sequences.c: a row for each layer of nn/sequence.h, as in layers.c; what comes is seen as a batch
   of sequences (B, T, C). */
#include "fuzz/net/row.h"

static int64_t units(layer *l) { return 1 + l->byte[WG__NET_UNITS] % 3; }
static bool is_sequence(const tensor *h) { return h && wg_rank(h) == 3 && wg_dim(h, 1) <= 4; }

static tensor *lengths_of(build *b, layer *l, const tensor *h) {
    wg__net_say(b, "    wg_tensor *lengths_%s = ", l->name);
    tensor *n = wg__net_classes(b, WG_SHAPE(wg_dim(h, 0)), wg_dim(h, 1) + 1,
                                50u + l->byte[WG__NET_LAYER_SEED]);
    wg__net_say(b, ";\n");
    return n;
}

/* ---- recurrent ------------------------------------------------------------------------------- */

static wg_recurrent_options recurrent_options(build *b, layer *l, const tensor *h) {
    unsigned o = option(l);
    wg_recurrent_options all = { .reverse = o % 8 == 7,
                                 .bidirectional = o % 8 == 6,
                                 .layers = o / 8 % 4 == 3 ? 2 : 0,
                                 .no_bias = o / 32 % 4 == 3 };
    if (o / 128 % 4 == 3) all.lengths = lengths_of(b, l, h);
    if (all.layers) all.dropout = 0.5;
    wg__net_say(b,
                "    wg_recurrent_options o_%s = { .reverse = %d, .bidirectional = %d, .layers = "
                "%d, .no_bias = %d, .dropout = %g",
                l->name, all.reverse, all.bidirectional, (int)all.layers, all.no_bias, all.dropout);
    if (all.lengths) wg__net_say(b, ", .lengths = lengths_%s", l->name);
    wg__net_say(b, " };\n");
    return all;
}
#define RECURRENT(kind)                                                                            \
    ROW(kind) {                                                                                    \
        h = wg__net_as(b, h, 3, form(l));                                                          \
        if (!is_sequence(h)) return NULL;                                                          \
        wg__net_say(b, "    {\n");                                                                 \
        wg_recurrent_options o = recurrent_options(b, l, h);                                       \
        SAY("wg_nn_" #kind "_with(m, \"%s\", h, %d, o_%s);\n    }\n", l->name, (int)units(l),      \
            l->name);                                                                              \
        return wg_nn_##kind##_with(b->m, l->name, h, units(l), o);                                 \
    }
RECURRENT(rnn)
RECURRENT(lstm)
RECURRENT(gru)

/* ---- attention ------------------------------------------------------------------------------- */

static wg_multi_head_options heads_options(build *b, layer *l, const tensor *h) {
    unsigned o = option(l);
    wg_multi_head_options all = { .causal = o % 2, .no_bias = o / 2 % 4 == 3 };
    if (o / 8 % 4 == 3) all.lengths = lengths_of(b, l, h);
    if (o / 32 % 4 == 3 && wg_dim(h, -1) % 4 == 0) all.rotary = true;
    if (o / 128 % 4 == 3) all.dropout = 0.5;
    wg__net_say(b,
                "    wg_multi_head_options o_%s = { .causal = %d, .no_bias = %d, .rotary = %d, "
                ".dropout = %g",
                l->name, all.causal, all.no_bias, all.rotary, all.dropout);
    if (all.lengths) wg__net_say(b, ", .lengths = lengths_%s", l->name);
    wg__net_say(b, " };\n");
    return all;
}
ROW(attention) {
    h = wg__net_as(b, h, 3, form(l));
    if (!is_sequence(h)) return NULL;
    int64_t heads = wg_dim(h, -1) % 2 == 0 ? 2 : 1;
    wg__net_say(b, "    {\n");
    wg_multi_head_options o = heads_options(b, l, h);
    SAY("wg_nn_multi_head_attention(m, \"%s\", h, %d, o_%s);\n    }\n", l->name, (int)heads,
        l->name);
    return wg_nn_multi_head_attention(b->m, l->name, h, heads, o);
}
ROW(transformer) {
    h = wg__net_as(b, h, 3, form(l));
    if (!is_sequence(h)) return NULL;
    int64_t heads = wg_dim(h, -1) % 2 == 0 ? 2 : 1;
    unsigned o = option(l);
    wg__net_say(b, "    {\n");
    wg_multi_head_options within = { .causal = o % 2 };
    if (o / 8 % 4 == 3) within.lengths = lengths_of(b, l, h);
    wg_transformer_options all = { .hidden = units(l) + 1,
                                   .dropout = o / 32 % 4 == 3 ? 0.5 : 0,
                                   .post_norm = o / 128 % 2,
                                   .rms_norm = o / 256 % 2,
                                   .no_bias = o / 512 % 4 == 3,
                                   .attention = within };
    SAY("wg_nn_transformer_block(m, \"%s\", h, %d, (wg_transformer_options){ .hidden = %d, "
        ".dropout = %g, .post_norm = %d, .rms_norm = %d, .no_bias = %d, .attention = { .causal = "
        "%d",
        l->name, (int)heads, (int)all.hidden, all.dropout, all.post_norm, all.rms_norm, all.no_bias,
        within.causal);
    if (within.lengths) wg__net_say(b, ", .lengths = lengths_%s", l->name);
    wg__net_say(b, " } });\n    }\n");
    return wg_nn_transformer_block(b->m, l->name, h, heads, all);
}

/* ---- positions ------------------------------------------------------------------------------- */

ROW(positions) {
    h = wg__net_as(b, h, 3, form(l));
    if (!is_sequence(h)) return NULL;
    SAY("wg_nn_positions(m, \"%s\", h, 5, %d);\n", l->name, (int)(option(l) % 2));
    return wg_nn_positions(b->m, l->name, h, 5, option(l) % 2);
}
ROW(sinusoidal) {
    h = wg__net_as(b, h, 3, form(l));
    if (!is_sequence(h)) return NULL;
    SAY("wg_add(h, wg_sinusoidal_positions(wg_dtype_of(h), %d, wg_dim(h, 1), wg_dim(h, 2)));\n",
        (int)(option(l) % 8));
    return wg_add(h, wg_sinusoidal_positions(b->dtype, option(l) % 8, wg_dim(h, 1), wg_dim(h, 2)));
}
ROW(rotary) {
    h = wg__net_as(b, h, 3, form(l));
    SAY("wg_rotary(h, %d, 0);\n", (int)(option(l) % 8));
    return wg_rotary(h, option(l) % 8, 0);
}

#define LIST(name)                                                                                 \
    { #name, name }
const wg__net_row wg__net_sequence_rows[] = {
    LIST(rnn),         LIST(lstm),      LIST(gru),        LIST(attention),
    LIST(transformer), LIST(positions), LIST(sinusoidal), LIST(rotary),
};
const int wg__net_sequence_count = sizeof wg__net_sequence_rows / sizeof *wg__net_sequence_rows;
