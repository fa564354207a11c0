// SPDX-License-Identifier: MIT
/* nest.c: second and third derivatives along given directions, by every nesting of forward and
   reverse mode. The nestings go through different rules, and through the tape in different ways;
   all must give one number. As for single operations (autograd/check/second.c), either of the
   program as it is or of the program bent. */
#include "fuzz/oracle/order.h"

typedef struct nest {
    wg__trial *t;
    wg__run r;
    int order;
    unsigned wanted;  // bit w: way w, whose bit k says that level k, from inside, is reverse mode
    double *d[3][WG_MAX_INPUTS];
    wg_tensor *v[3][WG_MAX_INPUTS];
    wg_tensor *before[WG__ORDER_WAYS];  // what the last level differentiates
    int befores;
    wg__several ways;
} nest;

static const char *const way_name[2][8] = {
    { "forward over forward", "forward over reverse", "reverse over forward",
      "reverse over reverse" },
    { "forward over forward over forward", "forward over forward over reverse",
      "forward over reverse over forward", "forward over reverse over reverse",
      "reverse over forward over forward", "reverse over forward over reverse",
      "reverse over reverse over forward", "reverse over reverse over reverse" },
};

// Whether some wanted way begins with these `level` choices.
static bool leads_on(const nest *n, unsigned way, int level) {
    for (unsigned w = 0; w < 1u << n->order; w++)
        if (n->wanted >> w & 1 && (w & ((1u << level) - 1)) == way) return true;
    return false;
}

static void visit(nest *n, wg_tensor *s, unsigned way, int level) {
    if (wg_error()) return;
    if (level == n->order) {
        wg__several_add(&n->ways, way_name[n->order == 3][way], s);
        return;
    }
    if (level == n->order - 1) n->before[n->befores++] = s;
    for (unsigned reverse = 0; reverse < 2; reverse++) {
        unsigned next = way | reverse << level;
        if (leads_on(n, next, level + 1))
            visit(n, wg__order_slope(&n->r, s, n->v[level], reverse), next, level + 1);
    }
}

// What users call for it; with recording on or, as it is used mostly, off.
static void add_product(nest *n, bool recorded) {
    wg_tensor *hv[WG_MAX_INPUTS];
    wg_recording(recorded);
    if (!wg_error() && wg_hvp(n->r.y, n->r.x, n->r.leaves, n->v[1], hv))
        wg__several_add_pairing(&n->ways, "wg_hvp", &n->r, hv, n->d[0]);
    wg_recording(true);
}

static bool begin(nest *n, bool bent) {
    if (!wg__order_make(n->t, bent, &n->r)) return false;
    for (int k = 0; k < n->order; k++)
        if (!wg__order_draw(n->t, (uint64_t)k + 1, n->d[k]) ||
            !wg__order_along(&n->r, n->d[k], n->v[k]))
            return false;
    return wg_is_tracked(n->r.y);
}

static void measure(nest *n) {
    double *const *last = n->d[n->order - 1];
    for (int k = 0; k < n->befores && !wg__several_meet(&n->ways, n->t); k++)
        n->ways.size += wg__order_size(n->t, &n->r, n->before[k], last);
}

static void check(nest *n, unsigned bits) {
    if (!begin(n, bits & 1)) return;
    visit(n, n->r.y, 0, 0);
    if (n->order == 2) add_product(n, bits & 2);
    if (wg_error()) return;
    measure(n);
    if (!wg_error()) wg__several_hold(&n->ways, n->t);
}

void wg__order_second(wg__trial *t) {
    nest n = { .t = t, .order = 2, .wanted = 15 };
    check(&n, wg__order_bits(t));
}

// Three ways of the eight, or all of them where every bit is set.
void wg__order_third(wg__trial *t) {
    unsigned bits = wg__order_bits(t);
    nest n = { .t = t, .order = 3, .wanted = 1 | 1u << (bits >> 8 & 7) | 1u << (bits >> 11 & 7) };
    if (bits == 0xffff) n.wanted = 255;
    check(&n, bits);
}

/* ---- the oracles ----------------------------------------------------------------------------- */

void wg__oracle_second(const wg__vm_program *p) {
    wg__order_ask(p, "O5 second order", wg__order_second, wg__order_second);
}
void wg__oracle_third(const wg__vm_program *p) {
    wg__order_ask(p, "O5 third order", wg__order_third, wg__order_third);
}
