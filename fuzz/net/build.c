// SPDX-License-Identifier: MIT
/* build.c: a plan's net as it runs: inputs, layers one after the other, spans of them within
   checkpoints, parameters of no layer. */
#include <stdarg.h>
#include <string.h>

#include "fuzz/net/net.h"

void wg__net_say(const wg__net_build *b, const char *format, ...) {
    if (!b->source) return;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(b->source, format, arguments);
    va_end(arguments);
}

wg_nn *wg__net_model(const wg__net_plan *p) {
    wg_nn *m = wg_nn_new(p->seed);
    if (m) wg_nn_train(m, p->training);
    return m;
}

/* ---- constants ------------------------------------------------------------------------------- */

static double draw(wg_random *r, wg__net_law law) {
    double u = wg_random_uniform(r), v = wg_random_uniform(r);
    if (law == WG__NET_UNIT) return 0.05 + 0.9 * u;
    if (law == WG__NET_SIGN) return u < 0.5 ? -1 : 1;
    return 3 * (u + v - 1);
}

static wg_tensor *literal(const wg__net_build *b, wg_dtype dtype, wg_shape shape,
                          const double *value) {
    int64_t n = wg__numel(&shape);
    wg__net_say(b, "wg_from_f64(WG_%s, (wg_shape){ %d, { ",
                dtype == WG_F32   ? "F32"
                : dtype == WG_F64 ? "F64"
                                  : "I64",
                shape.rank);
    for (int i = 0; i < shape.rank; i++) wg__net_say(b, "%lld, ", (long long)shape.dim[i]);
    wg__net_say(b, "%s} }, (double[]){ ", shape.rank ? "" : "0 ");
    for (int64_t k = 0; k < n; k++) wg__net_say(b, "%.17g, ", value[k]);
    wg__net_say(b, "%s})", n ? "" : "0 ");
    return wg_from_f64(dtype, shape, value);
}

wg_tensor *wg__net_constant(const wg__net_build *b, wg_shape shape, wg__net_law law,
                            uint64_t stream) {
    wg_random r = { .seed = b->plan->seed, .stream = stream };
    int64_t n = wg__numel(&shape);
    double *value = wg__scratch(n);
    if (!value) return NULL;
    // Of f32 in either dtype, so that twins begin alike.
    for (int64_t k = 0; k < n; k++) value[k] = (double)(float)draw(&r, law);
    return literal(b, b->dtype, shape, value);
}

wg_tensor *wg__net_classes(const wg__net_build *b, wg_shape shape, int64_t classes,
                           uint64_t stream) {
    wg_random r = { .seed = b->plan->seed, .stream = stream };
    int64_t n = wg__numel(&shape);
    double *value = wg__scratch(n);
    if (!value) return NULL;
    for (int64_t k = 0; k < n; k++) value[k] = (double)wg_random_below(&r, classes);
    return literal(b, WG_I64, shape, value);
}

wg_tensor *wg__net_input(const wg__net_build *b) {
    wg__net_say(b, "    wg_tensor *x = ");
    wg_tensor *x = wg__net_constant(b, WG_SHAPE(b->plan->batch, b->plan->width), WG__NET_NORMAL, 1);
    wg__net_say(b, ";\n");
    return x;
}

/* ---- shapes ---------------------------------------------------------------------------------- */

static int64_t divisor(int64_t n, int which) {
    int64_t found[8];
    int count = 0;
    for (int64_t k = 1; k <= n && k <= 8 && count < 8; k++)
        if (n % k == 0) found[count++] = k;
    return count ? found[which % count] : 1;
}

static int64_t numbers_of(const wg_tensor *h) {  // of one sample
    int64_t n = 1;
    for (int i = 1; i < wg_rank(h); i++) n *= wg_dim(h, i);
    return n;
}

wg_tensor *wg__net_as(const wg__net_build *b, wg_tensor *h, int rank, uint8_t byte) {
    if (!h || wg_rank(h) < 1) return NULL;
    int64_t n = numbers_of(h), c = divisor(n, byte % 16), high = divisor(n / c, byte / 16);
    wg_shape s = rank == 2   ? WG_SHAPE(wg_dim(h, 0), n)
                 : rank == 3 ? WG_SHAPE(wg_dim(h, 0), c, n / c)
                             : WG_SHAPE(wg_dim(h, 0), c, high, n / c / high);
    wg_shape is = wg_shape_of(h);
    if (wg__shape_equal(&is, &s)) return h;
    wg__net_say(b, "    h = wg_reshape(h, (wg_shape){ %d, { ", s.rank);
    for (int i = 0; i < s.rank; i++) wg__net_say(b, "%lld, ", (long long)s.dim[i]);
    wg__net_say(b, "} });\n");
    return wg_reshape(h, s);
}

/* ---- layers ---------------------------------------------------------------------------------- */

wg_tensor *wg__net_layer_run(const wg__net_build *b, const wg__net_layer *l, wg_tensor *h) {
    char path[24], to[24];
    if (l->tied[0] && !b->untied) {
        snprintf(path, sizeof path, "%s/w", l->name);
        snprintf(to, sizeof to, "%s/w", l->tied);
        wg__net_say(b, "    wg_nn_tie(m, \"%s\", \"%s\");\n", path, to);
        if (!wg_nn_tie(b->m, path, to)) return NULL;
    }
    if (l->residual) wg__net_say(b, "    {\n    wg_tensor *before = h;\n");
    wg_tensor *y = l->row->make(b, l, h);
    if (!l->residual) return y;
    // Where the shape changed, what was before is a sum to be added.
    wg_shape was = wg_shape_of(h), is = wg_shape_of(y);
    bool same = y && wg__shape_equal(&was, &is);
    wg__net_say(b, "    h = wg_add(h, %s);\n    }\n", same ? "before" : "wg_mean(before)");
    return y ? wg_add(y, same ? h : wg_mean(h)) : NULL;
}

typedef struct part {
    const wg__net_build *b;
    int first, last;
} part;

static wg_tensor *run_part(const part *p, wg_tensor *h) {
    for (int i = p->first; h && i < p->last; i++)
        h = wg__net_layer_run(p->b, &p->b->plan->layer[i], h);
    return h;
}

static wg_tensor *of_part(void *user, wg_tensor *const x[], int n) {
    return (void)n, run_part(user, x[0]);
}

static bool is_inside(const wg__net_plan *p, int i) {
    return p->layer[i].byte[WG__NET_SPAN] % 2 == 0;
}

// Layers in checkpoints, as many neighbours as their bytes say in one. Which they are is read again
// when they are run again.
static wg_tensor *run_checkpoints(const wg__net_build *b, wg_tensor *h) {
    const wg__net_plan *p = b->plan;
    part *s = (part *)(void *)wg__scratch(p->layers * (int64_t)sizeof *s / 8 + 1);
    for (int i = 0; h && s && i < p->layers; i = s++->last) {
        *s = (part){ b, i, i + 1 };
        while (s->last < p->layers && is_inside(p, s->last) == is_inside(p, i)) s->last++;
        h = is_inside(p, i) ? wg_checkpoint(of_part, s, &h, 1) : run_part(s, h);
    }
    return s ? h : NULL;
}

wg_tensor *wg__net_run(const wg__net_build *b, wg_tensor *x) {
    if (b->checkpoint) return run_checkpoints(b, x);
    return run_part(&(part){ b, 0, b->plan->layers }, x);
}

/* ---- parameters of no layer ------------------------------------------------------------------ */

static const struct {
    const char *name;
    wg_shape shape;
} frees[] = { { "free0/w", { 2, { 2, 3 } } },    { "free1/b", { 1, { 3 } } },
              { "free2/w", { 3, { 2, 1, 2 } } }, { "free3/b", { 0, { 0 } } },
              { "free4/w", { 2, { 5, 2 } } },    { "free5/b", { 1, { 0 } } },
              { "free6/w", { 2, { 1, 1 } } },    { "free7/w", { 2, { 2, 0 } } } };
enum { FREES = sizeof frees / sizeof *frees };

static int free_row(const wg__net_plan *p, int i) {
    return (p->head[WG__NET_FREES] / (WG__NET_FREE + 1) + i) % FREES;
}

wg_tensor *wg__net_free(const wg__net_build *b, int i) {
    int k = free_row(b->plan, i);
    return wg_nn_param(b->m, frees[k].name, b->dtype, frees[k].shape,
                       (wg_init){ .kind = WG_INIT_NORMAL, .b = 1 });
}

// Sizes from tiny to large, some of them exactly 0, some equal to the step before.
wg_tensor *wg__net_free_slope(const wg__net_build *b, int i, int step) {
    static const double size[] = { 1, 1, 1e-3, 1e3, 1e-9, 1, 1e5, 0.1 };
    const uint8_t code = b->plan->head[WG__NET_TABLE];
    wg_shape shape = frees[free_row(b->plan, i)].shape;
    wg_random r = { .seed = b->plan->seed,
                    .stream = 100u + (uint64_t)i,
                    .counter = code & 128 ? 0 : 64u * (uint64_t)step };
    double *value = wg__scratch(wg__numel(&shape));
    if (!value) return NULL;
    for (int64_t k = 0; k < wg__numel(&shape); k++) {
        double v = draw(&r, WG__NET_NORMAL) * size[code % 8];
        bool zero = code & 64 && wg_random_uniform(&r) < 0.3;
        value[k] = zero ? 0 : code & 32 ? ldexp(rint(v * 8), -3) : v;
    }
    return wg_from_f64(b->dtype, shape, value);
}
