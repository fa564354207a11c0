// SPDX-License-Identifier: MIT
/* plan.c: bytes to a plan. A plan is settled by running its net once, not recorded: a layer that
   refuses its input, or gives numbers too many, too large or not finite, is taken out. */
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "fuzz/net/net.h"

const wg__net_row *wg__net_pick(const wg__net_row *row, int rows, uint8_t byte) {
    const wg__net_row *best = row;
    uint64_t most = 0;
    for (int i = 0; i < rows; i++) {
        uint64_t h = XXH3_64bits_withSeed(row[i].name, strlen(row[i].name), byte);
        if (h >= most) most = h, best = &row[i];
    }
    return best;
}

// Layers of both files as one list; picking is by byte, so that it need be done only once for each.
static const wg__net_row *layer_row(uint8_t byte) {
    static const wg__net_row *known[256];
    static wg__net_row all[64];
    int n = 0;
    for (int i = 0; i < wg__net_layer_count; i++) all[n++] = wg__net_layer_rows[i];
    for (int i = 0; i < wg__net_sequence_count; i++) all[n++] = wg__net_sequence_rows[i];
    if (!known[byte]) known[byte] = wg__net_pick(all, n, byte);
    return known[byte];
}

/* ---- layers ---------------------------------------------------------------------------------- */

/* With an earlier layer's name it is that layer once more; or a dense layer's weights are tied to
   an earlier one's. */
static void name_layer(wg__net_plan *p, wg__net_layer *l) {
    int at = p->layers, code = l->byte[WG__NET_NAME] % 8, other = l->byte[WG__NET_NAME] / 8;
    snprintf(l->name, sizeof l->name, "l%d", at);
    if (at == 0 || code < 4) return;
    const wg__net_layer *to = &p->layer[other % at];
    if (code < 6 && to->row == l->row) memcpy(l->name, to->name, sizeof l->name);
    if (code >= 6) memcpy(l->tied, to->name, sizeof l->tied);
}

static void read_layers(wg__net_plan *p, const uint8_t *data, size_t size) {
    for (size_t at = WG__NET_HEAD_END; at < size && p->layers < WG__NET_LAYERS;
         at += WG__NET_RECORD) {
        wg__net_layer *l = &p->layer[p->layers];
        memcpy(l->byte, data + at, size - at < WG__NET_RECORD ? size - at : WG__NET_RECORD);
        l->row = layer_row(l->byte[WG__NET_LAYER]);
        l->residual = l->byte[WG__NET_SPAN] / 4 % 4 == 3;
        name_layer(p, l);
        p->layers++;
    }
}

/* ---- settling -------------------------------------------------------------------------------- */

static bool fits(const wg_tensor *h, int64_t batch) {
    if (!h || wg_error() || wg_rank(h) < 1 || wg_dim(h, 0) != batch) return false;
    int64_t n = wg_numel(h);
    const double *value = n <= WG__NET_NUMBERS * (batch > 0 ? batch : 1) ? wg__numbers(h) : NULL;
    bool fine = value && (n > 0 || batch == 0);
    for (int64_t k = 0; fine && k < n; k++) fine = fabs(value[k]) <= 1e4;
    return fine;
}

static bool settle(wg__net_plan *p) {
    wg_nn *m = wg__net_model(p);
    if (!m) return false;
    wg__net_build b = { .plan = p, .m = m, .dtype = WG_F64 };
    wg_tensor *h = wg__net_input(&b);
    int kept = 0, seen = p->layers;
    for (int i = 0; h && i < seen; i++) {
        wg_tensor *next = wg__net_layer_run(&b, &p->layer[i], h);
        bool stays = fits(next, p->batch);
        wg_error_clear();
        if (!stays) continue;
        h = next;
        p->layer[kept++] = p->layer[i];
    }
    p->layers = kept;
    const wg_tensor *cost = h ? wg__net_cost(&b, h) : NULL;
    if (h && !cost) p->loss = NULL, wg_error_clear();  // without it, the sum of what comes out
    wg_nn_free(m);
    return h != NULL;
}

/* ---- all ------------------------------------------------------------------------------------- */

static void read_head(wg__net_plan *p, const uint8_t *data, size_t size) {
    memcpy(p->head, data, size < sizeof p->head ? size : sizeof p->head);
    const uint8_t *h = p->head;
    p->dtype = h[WG__NET_FLAGS] % 4 == 3 ? WG_F32 : WG_F64;
    p->training = h[WG__NET_FLAGS] / 4 % 4 != 3;
    p->seed = h[WG__NET_SEED] + 256u * h[WG__NET_SEED + 1];
    p->batch = h[WG__NET_SIZE] % 8 == 7 ? 0 : 1 + h[WG__NET_SIZE] % 4;
    p->width = 1 + h[WG__NET_SIZE] / 8 % 12;
    p->frees = h[WG__NET_FREES] % (WG__NET_FREE + 1);
    p->steps = 1 + h[WG__NET_TIMES] % WG__NET_STEPS;
    p->loss = wg__net_pick(wg__net_loss_rows, wg__net_loss_count, h[WG__NET_LOSS]);
    wg__net_spec_decode(&p->spec, h[WG__NET_RULE], h + WG__NET_OPTIONS);
    wg__net_spec_decode(&p->group, h[WG__NET_GROUP], h + WG__NET_GROUP_OPTIONS);
    p->grouped = h[WG__NET_PATTERN] % 8 != 0;
}

size_t wg__net_expand(const uint8_t *data, size_t size, uint8_t to[WG__NET_SIZE_MOST]) {
    if (size > WG__NET_SEED_MOST) {
        size = size < WG__NET_SIZE_MOST ? size : WG__NET_SIZE_MOST;
        return memcpy(to, data, size), size;
    }
    wg_random r = { .seed = XXH3_64bits(data, size) };
    // Small nets mostly: they are cheap.
    size_t layers = (size_t)wg_random_below(&r, 1 + wg_random_below(&r, WG__NET_LAYERS + 1));
    size = WG__NET_HEAD_END + layers * WG__NET_RECORD;
    for (size_t i = 0; i < size; i++) to[i] = (uint8_t)wg_random_below(&r, 256);
    return size;
}

bool wg__net_decode(const uint8_t *data, size_t size, wg__net_plan *p) {
    uint8_t bytes[WG__NET_SIZE_MOST];
    size = wg__net_expand(data, size, bytes);
    *p = (wg__net_plan){ .layers = 0 };
    read_head(p, bytes, size);
    read_layers(p, bytes, size);
    if (p->layers == 0 && p->frees == 0) p->frees = 1;
    if (p->layers > 0 && p->steps > 2) p->steps = 2;  // parameters of no layer are cheaper
    bool was = wg_recording(false);
    bool done = p->layers == 0 || settle(p);
    wg_recording(was);
    return done;
}
