// SPDX-License-Identifier: MIT
/* net.h: byte strings as small networks and the runs that train them.

   The bytes are records of 8, as those of programs (vm/vm.h): four of the head, which say how the
   net is trained, then one a layer. What is missing reads as 0, and any bytes are a plan: a layer
   that cannot stand where it is put, or whose values leave the range, is left out when the plan is
   settled, once, so that all later runs do the same. Rows of tables are chosen by their names'
   hashes: one more row takes over few bytes and leaves the others as they were. */
#ifndef WG_FUZZ_NET_H
#define WG_FUZZ_NET_H

#include "autograd/check/check_impl.h"
#include "nn/nn.h"
#include "optim/optim.h"

enum {
    WG__NET_RECORD = 8,
    WG__NET_HEADS = 4,
    WG__NET_LAYERS = 4,
    WG__NET_FREE = 4,      // parameters of no layer
    WG__NET_NUMBERS = 32,  // of one sample between two layers
    WG__NET_STEPS = 8,
    WG__NET_FIELDS = 8,  // options of a rule
    WG__NET_PARAMS = 48,
    WG__NET_PATH = 48,
};

/* What the head's bytes mean: record, byte. */
typedef enum wg__net_head {
    WG__NET_KIND,         // which oracle, % WG__NET_KINDS
    WG__NET_SIZE,         // batch and width
    WG__NET_FLAGS,        // f32, evaluation
    WG__NET_LOSS,         // row
    WG__NET_LOSS_OPTION,  // reduction, weights, numbers
    WG__NET_SEED,         // two bytes
    WG__NET_FREES = 7,    // how many and which parameters of no layer
    WG__NET_RULE,         // row
    WG__NET_OPTIONS,      // two bytes: two bits for each option, 0 is left out
    WG__NET_CLIP = 11,
    WG__NET_PROXIMAL,
    WG__NET_SCHEDULE,
    WG__NET_HOW,    // backward and step, or minimise; gathering
    WG__NET_TIMES,  // 1 + % WG__NET_STEPS
    WG__NET_GROUP,  // row of the group's rule; its options
    WG__NET_GROUP_OPTIONS,
    WG__NET_PATTERN = 19,  // of the group and of what is frozen at first
    WG__NET_PENALTY,
    WG__NET_FROZEN,
    WG__NET_TABLE,        // gradients of the parameters of no layer
    WG__NET_EVENTS = 24,  // 8: what happens before each step
    WG__NET_HEAD_END = 32,
    WG__NET_SEED_MOST = 8,
    WG__NET_SIZE_MOST = WG__NET_HEAD_END + WG__NET_LAYERS * WG__NET_RECORD,
} wg__net_head;
typedef enum wg__net_layer_byte {
    WG__NET_LAYER,  // row
    WG__NET_UNITS,
    WG__NET_OPTION,  // two bytes
    WG__NET_FORM = 4,
    WG__NET_NAME,  // an earlier layer's name or weights
    WG__NET_SPAN,  // which layers stand in one checkpoint; residual
    WG__NET_LAYER_SEED,
} wg__net_layer_byte;

/* ---- plans: plan.c --------------------------------------------------------------------------- */

typedef struct wg__net_build wg__net_build;
typedef struct wg__net_layer wg__net_layer;
typedef wg_tensor *wg__net_make(const wg__net_build *b, const wg__net_layer *l, wg_tensor *h);

typedef struct wg__net_row {
    const char *name;
    wg__net_make *make;
} wg__net_row;

struct wg__net_layer {
    const wg__net_row *row;
    char name[8];
    uint8_t byte[WG__NET_RECORD];
    char tied[8];  // to whose w; "": to none
    bool residual;
};

/* A rule with its numbers: rules.c. */
typedef struct wg__net_rule wg__net_rule;
typedef struct wg__net_spec {
    const wg__net_rule *rule;
    double option[WG__NET_FIELDS];  // what is left out stands at its default,
    bool given[WG__NET_FIELDS];     // and this tells
} wg__net_spec;

typedef struct wg__net_plan {
    uint8_t head[WG__NET_HEAD_END];
    wg_dtype dtype;
    uint64_t seed;
    int64_t batch, width;
    bool training;
    int layers, frees, steps;
    wg__net_layer layer[WG__NET_LAYERS];
    const wg__net_row *loss;
    wg__net_spec spec, group;
    bool grouped;
} wg__net_plan;

/* An input of up to WG__NET_SEED_MOST bytes is a seed, from which the bytes of a plan are drawn, so
   that the first inputs of a fuzzer that knows nothing are whole nets already. Returns how many
   there are; longer inputs stand for themselves. */
size_t wg__net_expand(const uint8_t *data, size_t size, uint8_t to[WG__NET_SIZE_MOST]);
/* False if there is no memory. */
bool wg__net_decode(const uint8_t *data, size_t size, wg__net_plan *p);

/* The row that a byte stands for: that of the highest hash of name and byte together. */
const wg__net_row *wg__net_pick(const wg__net_row *row, int rows, uint8_t byte);

/* ---- running: build.c layers.c recurrent.c losses.c ------------------------------------------ */

/* A net as it runs. What it does is printed as C, too, where `source` is set. */
struct wg__net_build {
    const wg__net_plan *plan;
    wg_nn *m;
    wg_dtype dtype;
    bool untied;      // layers that share weights have their own
    bool checkpoint;  // spans are run by wg_checkpoint
    bool bare;        // without penalties
    FILE *source;
};
void wg__net_say(const wg__net_build *b, const char *format, ...) WG_PRINTF(2, 3);

wg_nn *wg__net_model(const wg__net_plan *p);
wg_tensor *wg__net_input(const wg__net_build *b);
wg_tensor *wg__net_run(const wg__net_build *b, wg_tensor *x);
wg_tensor *wg__net_layer_run(const wg__net_build *b, const wg__net_layer *l, wg_tensor *h);
/* One number: the loss of y, and penalties. */
wg_tensor *wg__net_cost(const wg__net_build *b, wg_tensor *y);
/* Parameter i of no layer, and its part of the loss of a step. */
wg_tensor *wg__net_free(const wg__net_build *b, int i);
wg_tensor *wg__net_free_slope(const wg__net_build *b, int i, int step);
/* A constant of numbers drawn by `stream`: WG__NET_NORMAL, ... */
typedef enum wg__net_law { WG__NET_NORMAL, WG__NET_UNIT, WG__NET_SIGN, WG__NET_CLASS } wg__net_law;
wg_tensor *wg__net_constant(const wg__net_build *b, wg_shape shape, wg__net_law law,
                            uint64_t stream);
wg_tensor *wg__net_classes(const wg__net_build *b, wg_shape shape, int64_t classes,
                           uint64_t stream);
/* h as (B, N), (B, C, L), (B, C, H, W); how it is cut is by the byte. */
wg_tensor *wg__net_as(const wg__net_build *b, wg_tensor *h, int rank, uint8_t byte);

extern const wg__net_row wg__net_layer_rows[], wg__net_sequence_rows[], wg__net_loss_rows[];
extern const int wg__net_layer_count, wg__net_sequence_count, wg__net_loss_count;

/* ---- references of optimisers: rules.c mirror.c ---------------------------------------------- */

/* One element's update. */
typedef struct wg__net_element {
    const double *o;  // options, in the order of the rule's fields
    double rate, epsilon;
    int64_t t;  // from 1
    const struct wg__net_mirror *mirror;
} wg__net_element;
/* X, moved as rounding may move it if the mirror has noise, not beyond 0. */
double wg__net_shaken(const struct wg__net_mirror *m, double x);
/* The new w. `metric` is the step that a proximal step goes by. */
typedef double wg__net_update(const wg__net_element *e, double w, double g, double state[3],
                              double *metric);

typedef struct wg__net_field {
    const char *name;
    size_t offset;
    double otherwise;  // the default
    double value[3];
    enum { WG__NET_REAL, WG__NET_FLAG, WG__NET_INT } type;
} wg__net_field;
struct wg__net_rule {
    const char *name;
    wg_optim_spec (*make)(const void *options);
    wg__net_update *update;           // NULL for muon, which is no matter of elements
    int (*variant)(const double *o);  // those that share states; NULL: one
    void (*repair)(double *o);        // options that contradict each other
    wg__net_field field[WG__NET_FIELDS];
};
extern const wg__net_rule wg__net_rules[];
extern const int wg__net_rule_count;

void wg__net_spec_decode(wg__net_spec *s, uint8_t tag, const uint8_t options[2]);
wg_optim_spec wg__net_spec_make(const wg__net_spec *s);
void wg__net_spec_print(FILE *file, const wg__net_spec *s);
bool wg__net_spec_same(const wg__net_spec *a, const wg__net_spec *b);  // whether states go on
void wg__net_muon(const wg__net_element *e, const wg_shape *shape, double *w, const double *g,
                  double *v);

/* What the optimiser is told to do besides the rule, at one step. */
typedef struct wg__net_config {
    wg__net_spec spec[2];  // the optimiser's, the group's
    bool grouped;
    double rate[2];
    double clip_value, clip_adaptive, clip_norm;
    wg_proximal proximal;
    bool proximal_on;
    double factor;  // of the schedule
} wg__net_config;

typedef struct wg__net_slot {
    char path[WG__NET_PATH];
    wg_shape shape;
    int64_t n, t;
    int64_t at;            // of its numbers among those of all slots
    double *w, *state[3];  // within the mirror's room
    bool begun;            // there are states,
    wg__net_spec rule;     // of this rule
    bool in_group;
} wg__net_slot;
typedef struct wg__net_mirror {
    wg_dtype dtype;
    int slots;
    wg__net_slot slot[WG__NET_PARAMS];
    int64_t n;         // numbers of all slots
    double *room;      // w, three states, gradients, metrics: 6 n
    wg_random *noise;  // NULL: none; else numbers are moved by a few units in the last place
} wg__net_mirror;
/* Gives each slot its place in the room; the states are zeros. */
void wg__net_mirror_place(wg__net_mirror *m, double *room);
/* One step; gradient[i] NULL: slot i has none. */
void wg__net_mirror_step(wg__net_mirror *m, const wg__net_config *c, double *const gradient[]);
/* The factor of schedule `code` at step t, and the schedule itself. */
double wg__net_factor(uint8_t code, int64_t t);
wg_schedule wg__net_schedule(uint8_t code);

/* ---- oracles: train.c properties.c ----------------------------------------------------------- */

typedef void wg__net_oracle(const wg__net_plan *p);
wg__net_oracle wg__net_train, wg__net_adjoint, wg__net_checkpoint, wg__net_recording, wg__net_twin,
    wg__net_untied, wg__net_renamed, wg__net_saved;

/* ---- other inputs: mutate.c ------------------------------------------------------------------ */

size_t wg__net_mutate(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t wg__net_cross(const uint8_t *a, size_t size_a, const uint8_t *b, size_t size_b, uint8_t *out,
                     size_t most, unsigned seed);

/* ---- failures: report.c ---------------------------------------------------------------------- */

/* Prints "WENGERT FUZZ: oracle NAME: MESSAGE", the plan and a C program of it, and aborts. */
_Noreturn void wg__net_fail(const wg__net_plan *p, const char *oracle, const char *format, ...)
    WG_PRINTF(3, 4);
void wg__net_print(FILE *file, const wg__net_plan *p);
void wg__net_print_c(FILE *file, const wg__net_plan *p);

#endif
