// SPDX-License-Identifier: MIT
/* nn_impl.h: how a model is laid out, for this folder. Optim sees a model
   through what stands under "for optim" at the end, WG__PATH_MAX and wg__nn_ref only; caches of
   layers hold references, too.

   A model is one table from paths to nodes. A node is a path: what wg_nn_sub() returns, where a
   parameter lives, where dropout counts its calls. */
#ifndef WG_NN_IMPL_H
#define WG_NN_IMPL_H

#include "nn/nn.h"
#include "tensor/tensor_impl.h"

enum { WG__PATH_MAX = 190 };  // bytes of a path; one fits into wg__context.where

/* An option, or what stands for it where it is 0. */
static inline double wg__or(double option, double otherwise) {
    return option != 0 ? option : otherwise;
}

/* Somebody else's pointer to a node, which turns to NULL when the model is freed. */
typedef struct wg__nn_ref {
    wg_nn *m;
    struct wg__nn_ref *prev, *next;  // in the model's list
} wg__nn_ref;

/* What a layer returned while a summary was made. */
typedef struct wg__note {
    wg_nn *layer;
    wg_shape shape;
    wg_dtype dtype;
    bool left;  // with a result
} wg__note;
typedef struct wg__notes {
    wg__note *note;  // in the order in which they were first entered
    int count, room;
} wg__notes;

typedef struct wg__model {
    uint64_t seed;
    bool training, sealed;
    wg_nn *root;
    wg_nn **slot;  // open addressing; slots is a power of two, used at most 3/4 of it
    size_t slots, used;
    wg_nn **entry;  // the nodes that hold something, in the order in which they were made
    int entries, room;
    wg__nn_ref *refs;
    wg__notes *notes;  // while a summary is made; else NULL
} wg__model;

struct wg_nn {
    wg__model *model;
    wg_tensor *param;   // of this path; NULL if it is none
    wg_tensor *buffer;  // likewise, saved but not trained
    wg_nn *tied;        // the node whose parameter this path names, too; no more than one of these
    bool frozen;        // the parameter is not trained
    uint64_t hash;      // its key in the table
    uint64_t stream;    // XXH3 of the path: where its random numbers come from
    uint64_t calls;     // of dropout here
    size_t length;      // of the path
    char path[];        // "" for the root
};

/* ---- paths: path.c --------------------------------------------------------------------------- */

/* A path below some node. */
typedef struct wg__key {
    const char *name;
    size_t length;
    uint64_t hash;
} wg__key;

static inline size_t wg__path_length(const wg_nn *m, size_t name) {
    return m->length + (m->length > 0) + name;
}
/* The key of m/name; false, without reporting, where a part is empty or the path too long. */
bool wg__key_of(const wg_nn *m, const char *name, wg__key *k);
/* Reports what wg__key_of did not like; always NULL. */
void *wg__name_fail(const wg_nn *m, const char *name);
wg_nn *wg__nn_lookup(const wg_nn *m, const wg__key *k);  // NULL if there is no such node
wg_nn *wg__nn_find_or_make(wg_nn *m, const wg__key *k);  // NULL after reporting
/* A node for m's path and k's below it, in no table yet; the root for m NULL. */
wg_nn *wg__nn_node(wg__model *model, const wg_nn *m, const wg__key *k);
/* What a summary is told on entering and leaving: summary.c. An error is left pending. */
void wg__note_entered(wg_nn *layer);
void wg__note_left(wg_nn *layer, const wg_tensor *y);

/* ---- what a model holds: param.c list.c init.c ------------------------------------------- */

/* A node that holds something is in the model's list: it has a parameter, a buffer, or is tied to
   another node, which has a parameter. */
static inline bool wg__nn_holds(const wg_nn *node) {
    return node->param || node->buffer || node->tied;
}
static inline wg_tensor *wg__nn_value(const wg_nn *node) {  // NULL if it holds none
    return node->tied ? node->tied->param : node->param ? node->param : node->buffer;
}
bool wg__nn_is_below(const wg_nn *node, const wg_nn *m);
/* The next parameter below m that matches, from place *i of the model's list on, frozen or not; or
   that is not frozen; or whatever is saved: parameters, buffers and ties. NULL after the last. */
wg_nn *wg__nn_next(const wg_nn *m, const char *pattern, int *i);
wg_nn *wg__nn_next_trained(const wg_nn *m, int *i);
wg_nn *wg__nn_next_saved(const wg_nn *m, const char *pattern, int *i);

bool wg__nn_reserve(wg__model *model, int more);  // room in the list; false after reporting
/* The node takes the tensor over, for which room must be reserved. */
void wg__nn_adopt(wg_nn *node, wg_tensor *w, bool as_buffer);
void wg__nn_adopt_tie(wg_nn *node, wg_nn *target);  // likewise
/* Whether what the node holds is of this dtype and shape; reports otherwise. */
bool wg__nn_same_spec(const wg_nn *node, wg_dtype dtype, const wg_shape *shape);
/* Reports that the sealed model has no m/name; always false. `kind` is "parameter" or "buffer". */
bool wg__nn_sealed_fail(const wg_nn *m, const char *name, const char *kind);

/* Whether a tensor of this dtype and shape can begin so; reports otherwise. */
bool wg__init_fits(wg_init init, wg_dtype dtype, wg_shape shape);
/* Fills a new parameter or buffer; false after reporting what is wrong with `init`. */
bool wg__init_fill(wg_tensor *w, wg_init init, wg_random r);
double wg__init_normal(wg_random *r);  // two numbers drawn make one standard normal one

/* A kind that fills a weight of rank 2 and more as a whole; `init` has no field left at its 0. */
typedef bool wg__init_matrix(wg_tensor *w, const wg_init *init, wg_random *r);
wg__init_matrix wg__init_orthogonal, wg__init_sparse, wg__init_identity;

/* ---- text: text.c ---------------------------------------------------------------------------- */

/* Text that may be longer than where it goes. */
typedef struct wg__bounded {
    char *bytes;
    size_t size, length;  // length: of all of it, whether it fits or not
} wg__bounded;
/* False after reporting in the name of `what` that there are bytes at NULL. */
bool wg__bounded_begin(wg__bounded *t, const char *what, char *bytes, size_t size);
void wg__bounded_add(wg__bounded *t, const char *format, ...) WG_PRINTF(2, 3);

/* ---- norms: magnitude.c ---------------------------------------------------------------------- */

/* Floats x less others of their shape; y NULL: less nothing. */
typedef struct wg__difference {
    const wg_view *x, *y;
} wg__difference;
typedef wg__difference wg__next_difference(const void *user, int *i);  // x NULL after the last
/* The 2-norm, whose squares may leave the range of double; of one, or of all together that `next`
   gives from *i = 0 on, more than once. */
double wg__norm(const wg_view *x, const wg_view *y);
double wg__norm_of_all(wg__next_difference *next, const void *user);

/* ---- for optim, which calls these alone: model.c list.c ------------------------------------- */

void wg__nn_ref_take(wg__nn_ref *ref, wg_nn *m);
void wg__nn_ref_drop(wg__nn_ref *ref);

/* Whether `pattern` stands for `path`: '*' for any characters, every other one for itself. */
bool wg__path_matches(const char *pattern, const char *path);

/* Optim keeps a table of its own by place: a parameter's number in the list of the whole model, of
   which m may be a part. The list only grows. Some places are no parameter's. */
int wg__nn_places(const wg_nn *m);                   // how many there are
const char *wg__nn_path(const wg_nn *m, int place);  // of what is there
/* The next parameter below m that is not frozen, from place *i on; then at *i - 1. */
wg_tensor *wg__nn_param_next(const wg_nn *m, int *i);

#endif
