// SPDX-License-Identifier: MIT
/* model.h: models, and their parameters by path. nn.h says what they are. */
#ifndef WG_NN_MODEL_H
#define WG_NN_MODEL_H

#include "autograd/autograd.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct wg_nn wg_nn;
typedef wg_tensor *wg_net(wg_nn *m, wg_tensor *x);  // a model: inputs (B, ...) to outputs (B, ...)
typedef wg_tensor *wg_cost(wg_nn *m, wg_tensor *x, wg_tensor *y);  // one number for samples, labels

/* ---- models: model.c ------------------------------------------------------------------------- */

WG_API wg_nn *wg_nn_new(uint64_t seed);
WG_API void wg_nn_free(wg_nn *m);  // the whole model, also when given a part of it; NULL is fine
/* The same model seen from a deeper path: wg_nn_sub(m, "block%d", i). Belongs to the model. */
WG_API wg_nn *wg_nn_sub(wg_nn *m, const char *format, ...) WG_PRINTF(2, 3);

/* Dropout and its like act while training, which is how a model starts. Returns what it was. */
WG_API bool wg_nn_train(wg_nn *m, bool on);
WG_API bool wg_nn_is_training(const wg_nn *m);  // false for NULL
WG_API void wg_nn_seal(wg_nn *m);               // no new parameters or buffers from now on
WG_API bool wg_nn_is_sealed(const wg_nn *m);    // false for NULL

/* ---- what a model holds: list.c -------------------------------------------------------------- */

/* The parameters below m that match, in the order in which they were made. `pattern` is held
   against the full path: '*' stands for any characters or none, also '/', every other one for
   itself: "hidden*", "block[0]/w". NULL matches every parameter. For a dense layer of 3 inputs
   and 2 units wg_nn_params is 2 (w and b) and wg_nn_count 8 (3 * 2 + 2). */
WG_API int wg_nn_params(const wg_nn *m, const char *pattern);     // how many tensors
WG_API int64_t wg_nn_count(const wg_nn *m, const char *pattern);  // how many numbers in all of them
WG_API wg_tensor *wg_nn_param_at(const wg_nn *m, const char *pattern, int i);  // NULL out of range
WG_API const char *wg_nn_path_at(const wg_nn *m, const char *pattern, int i);  // NULL out of range
/* The parameter or buffer by its path relative to m; NULL, without an error, if there is none. */
WG_API wg_tensor *wg_nn_find(const wg_nn *m, const char *path);

/* All that makes a model what it is, and that a file of it holds: parameters, buffers and ties, in
   the order in which they were made, so that a tie comes after what it is tied to. */
typedef struct wg_nn_state {
    const char *path;
    wg_tensor *value;     // of a tied path: that of the parameter at tied_to
    const char *tied_to;  // NULL: not tied
    bool buffer;          // else a parameter
    bool frozen;
} wg_nn_state;
/* The next one below m whose path matches, from *i on, which starts at 0; false after the last.

       wg_nn_state s;
       for (int i = 0; wg_nn_next_state(m, NULL, &i, &s);) ...  */
WG_API bool wg_nn_next_state(const wg_nn *m, const char *pattern, int *i, wg_nn_state *state);

/* ---- copying and averaging: copy.c ----------------------------------------------------------- */

/* Copies what `from` holds into `to` by path, making what is not there yet: parameters, buffers and
   ties, but for a tie that leads out of `from`, which becomes a parameter of its own. What is
   frozen, and modes, are not copied. Nothing is changed on an error (a shape differs, `to` is
   sealed and lacks one, a path is tied in one of them only). */
WG_API bool wg_nn_copy(wg_nn *to, const wg_nn *from);
/* to = decay to + (1 - decay) from, for the parameters, frozen ones too; buffers, and what is
   missing in `to`, are copied; errors are as above. decay in [0, 1]. Called after each step it
   keeps an exponential moving average (EMA) of the weights (Polyak and Juditsky 1992); since the
   first call copies, it starts at the weights of then, and there is no start at zero to correct
   for. With decay 1 - 1/k at the k-th call it is the plain mean of all k models, as in stochastic
   weight averaging (Izmailov et al. 2018). Buffers such as running statistics are then those of the
   last; run the net over the data again where that matters. */
WG_API bool wg_nn_average(wg_nn *to, const wg_nn *from, double decay);

/* ---- tying and freezing: surgery.c ----------------------------------------------------------- */

/* From now on `path` names the parameter at `to` as well, both relative to m: a layer that asks for
   `path` uses it, and what flows back from both uses is added up in its one gradient. It must
   exist, while `path` must hold nothing of its own yet: tie before the layer there first runs.

       h = wg_nn_embedding(m, "in", tokens, ...);               // makes in/w (vocabulary, units)
       wg_nn_tie(m, "out/w", "in/w");                           // again at each step: no matter
       y = wg_nn_linear(m, "out", h, vocabulary);               // finds it

   wg_nn_find() finds the parameter under both paths; everywhere else it is one, at `to`: counted,
   listed, matched by patterns, frozen, updated and averaged once. If `to` is tied itself, `path` is
   tied to what that is tied to. Its shape and dtype are held against what is asked for at each use.
   A sealed model takes ties, too: they make no new parameter, and nobody misspells one into
   being. */
WG_API bool wg_nn_tie(wg_nn *m, const char *path, const char *to);

/* The parameters below m that match now (NULL: all) are not trained, from now on, or are again.
   Returns how many match, whatever they were before; -1 on an error, such as a pattern that matches
   none. Those made later do not count. Unfreezing works also while an error is pending.
   To the tape a frozen one is a constant: nothing is recorded for it, it has no gradient (what it
   had is dropped), and optimisers leave it alone with all its decay and momentum, which go on where
   they stood once it is unfrozen. Freezing holds at once, also for what was recorded before: from
   there no gradient passes to it, then or after it is unfrozen. */
WG_API int wg_nn_freeze(wg_nn *m, const char *pattern);
WG_API int wg_nn_unfreeze(wg_nn *m, const char *pattern);
/* By path relative to m, a tied one too; false for what is not there. */
WG_API bool wg_nn_is_frozen(const wg_nn *m, const char *path);

/* ---- a layer of your own: path.c ------------------------------------------------------------- */

/* Where a layer begins: the model seen from m/name, whose path messages begin with from now on.
   NULL after an error: m or the name is NULL, `what` being the function that says so, or it is no
   name. And where it ends: messages begin with m's path again, and wg_nn_summary learns the shape
   of what is returned. Gives back y, which may be NULL. Between them all is operations, parameters
   and other layers:

       wg_tensor *gated(wg_nn *m, const char *name, wg_tensor *x, int64_t units) {
           wg_nn *layer = wg_nn_enter(m, name, "gated");
           if (!layer) return NULL;
           wg_tensor *gate = wg_sigmoid(wg_nn_linear(layer, "gate", x, units));
           return wg_nn_leave(m, layer, wg_mul(gate, wg_nn_linear(layer, "value", x, units)));
       } */
WG_API wg_nn *wg_nn_enter(wg_nn *m, const char *name, const char *what);
WG_API wg_tensor *wg_nn_leave(const wg_nn *m, wg_nn *layer, wg_tensor *y);

/* ---- what a loss does not reach: unreached.c ------------------------------------------------- */

typedef struct wg_nn_visitor {
    void (*visit)(void *user, const char *path, wg_tensor *param);  // NULL: nothing is called
    void *user;
} wg_nn_visitor;
/* Calls the visitor with each parameter below m that is not frozen and that the loss does not
   depend on, as it was recorded, in the order in which they were made, and returns how many there
   are: training by this loss would leave them as they are. -1 on an error. A loss that is not
   tracked reaches none. */
WG_API int wg_nn_unreached(const wg_nn *m, wg_tensor *loss, wg_nn_visitor visitor);
/* The same as text, "block1/gate/w f32 [64,64]" a line: at most `size` bytes with the closing 0;
   returns the length that the whole text has, 0 if every parameter is reached or on an error. Here
   and below, `text` may be NULL with size 0, which measures; with more that is an error. */
WG_API size_t wg_nn_unreached_text(const wg_nn *m, wg_tensor *loss, char *text, size_t size);

/* ---- looking at a model: magnitude.c summary.c ----------------------------------------------- */

/* Euclidean norms of one parameter; -1 where there is nothing to tell. */
typedef struct wg_nn_norm {
    const char *path;
    double weight;    // |w|
    double gradient;  // |g|; -1: it has none
    double update;    // |w - before|
    double ratio;     // update / |before|, infinite where that was 0 and w is not
} wg_nn_norm;
/* The next parameter below m that matches, from *i on, which starts at 0; false after the last.
   `before` is the model as it was, a copy of m; -1 takes the place of update and ratio where it is
   NULL, or lacks the parameter, or has it in another shape. In training that goes well the ratio is
   about 1e-3 a step.

       wg_backward(loss);
       wg_nn_copy(before, m);                  // every 100 steps
       wg_optim_step(o);
       wg_nn_norms_text(m, before, NULL, text, sizeof text);
       wg_optim_clear(o); */
WG_API bool wg_nn_next_norm(const wg_nn *m, const wg_nn *before, const char *pattern, int *i,
                            wg_nn_norm *norm);
/* The same as a table, "path |w| |g| |dw| |dw|/|w|", "-" for -1: at most `size` bytes with the
   closing 0; returns the length that the whole text has; "" for NULL. */
WG_API size_t wg_nn_norms_text(const wg_nn *m, const wg_nn *before, const char *pattern, char *text,
                               size_t size);

/* What m is made of, as a table: each layer in the order in which `net` enters it, with how many
   parameters are below it, which share of them is trained and what shape it returned last; under it
   the shapes of its parameters, buffers and ties. Then those of no layer, and the totals. To learn
   that, net(m, x) runs once on a sample, not recorded and not as in training, whatever the mode; it
   makes the parameters that are not there yet. With net NULL nothing runs, and there are no layers.
   At most `size` bytes with the closing 0; returns the length that the whole text has, 0 on an
   error.

       path        shape        parameters  trained  output
       hidden                         2080     100%  f32 [1,32]
         hidden/w  f32 [32,64]        2048     100%
         hidden/b  f32 [32]             32     100%
       drop                              0           f32 [1,32]
       2080 parameters, 0 of them frozen: 8320 bytes; buffers: 0 bytes */
WG_API size_t wg_nn_summary(wg_nn *m, wg_net *net, wg_tensor *x, char *text, size_t size);

/* ---- proof: check.c -------------------------------------------------------------------------- */

/* A function of a model's parameters, which it asks for as its layers do, and of whatever `user`
   is. */
typedef wg_tensor *wg_nn_objective(void *user);
/* Checks the derivatives of f, a layer, a loss or a whole network, by every parameter below m that
   is not frozen, as wg_check_gradient (autograd.h) does by inputs, and reports them by their paths:
   one that f does not reach, or reaches through wg_stop alone, is a failure. f runs once before,
   which makes the parameters that are not there yet. To check by x as well, f may take it as a
   parameter:

       wg_tensor *cost(void *m) {
           wg_tensor *x = wg_nn_param(m, "x", WG_F64, WG_SHAPE(4, 3), (wg_init){ 0 });  // (4, 3)
           return wg_mean(wg_square(gated(m, "gate", x, 5)));
       }
       wg_nn_check_gradient(m, cost, m, (wg_check_options){ .order = 2 }, &r);  // or r.text

   The parameters must be f64, and f the same each time: without dropout, or not as in training, and
   without wg_checkpoint. They keep their values and gradients; buffers that f writes, such as
   running statistics, stay written. More than 64 parameters are checked 64 at a time. o.names is
   not used. */
WG_API bool wg_nn_check_gradient(wg_nn *m, wg_nn_objective *f, void *user, wg_check_options o,
                                 wg_check_report *report);

/* ---- parameters, buffers and their initial values: param.c init.c ---------------------------- */

/* Of a weight (out, in, ...) fan_in is the product of all dimensions but the first, fan_out that of
   all but the second, as in PyTorch; a vector counts as (out, 1). A layer whose weight is laid out
   otherwise, or is several in one, sets them; and a fan_in given may be the fan_out ("mode" in
   PyTorch).

   Truncated normal is exactly the normal law within `cut` deviations of a, by rejection (Robert
   1995); a cut at 2 leaves a deviation of 0.8796 b. Orthogonal sees the weight as a matrix
   (out, in * ...) and makes its rows orthonormal, or its columns if those are fewer, uniform among
   all that are; n vectors of length l take 4 n n l operations, a second for 1000 of 1000. Sparse
   sets of each output's weights the share a, rounded up, to 0, and draws the others with deviation
   b, or 0.01 for b = 0; PyTorch's zeros are a share of each input's. Identity has 1 where out = in,
   in kernels (out, in, ...) at the centre, Dirac's; of a weight that is several in one, as those of
   groups and gates are, each is one. These three do not exist for rank 0 and 1. */
typedef enum wg_init_kind {
    WG_INIT_DEFAULT,  // Xavier uniform for weights; zeros for biases and buffers
    WG_INIT_ZEROS,
    WG_INIT_CONSTANT,          // a
    WG_INIT_UNIFORM,           // on [a, b)
    WG_INIT_NORMAL,            // mean a, standard deviation b; 0: 1
    WG_INIT_XAVIER_UNIFORM,    // on +-sqrt(6 / (fan_in + fan_out))  (Glorot and Bengio 2010)
    WG_INIT_XAVIER_NORMAL,     // deviation sqrt(2 / (fan_in + fan_out))
    WG_INIT_HE_UNIFORM,        // on +-sqrt(6 / fan_in)              (He et al. 2015), for ReLU
    WG_INIT_HE_NORMAL,         // deviation sqrt(2 / fan_in)
    WG_INIT_LECUN_UNIFORM,     // on +-sqrt(3 / fan_in)              (LeCun et al. 1998)
    WG_INIT_LECUN_NORMAL,      // deviation sqrt(1 / fan_in); for SELU (Klambauer et al. 2017)
    WG_INIT_TRUNCATED_NORMAL,  // mean a, deviation b before the cut; 0: 1
    WG_INIT_ORTHOGONAL,        // (Saxe et al. 2014)
    WG_INIT_SPARSE,            // share of zeros a, deviation b; 0: 0.01  (Martens 2010)
    WG_INIT_IDENTITY,
    WG_INIT_KINDS
} wg_init_kind;
/* { 0 } is the default; what is 0 need not be named: { .kind = WG_INIT_NORMAL, .b = 0.02 }. A
   deviation that is to be 0 is WG_INIT_CONSTANT. */
typedef struct wg_init {
    wg_init_kind kind;
    double a, b;
    double gain;              // all values are multiplied by it; 0: 1
    int64_t fan_in, fan_out;  // 0: from the shape
    double cut;               // of a truncated normal, in standard deviations; 0: 2
} wg_init;

/* What to multiply a weight's deviation by before an activation that shrinks what passes, so that
   the variance stays: linear and sigmoid 1, tanh 5/3, ReLU sqrt 2, leaky ReLU
   sqrt(2 / (1 + slope^2)), SELU 3/4, as in PyTorch; `slope` is leaky ReLU's. NaN and an error for
   another kind. He's kinds are LeCun's with ReLU's gain in them: for other activations take LeCun's
   and say .gain = wg_init_gain(WG_GAIN_TANH, 0). */
typedef enum wg_gain {
    WG_GAIN_LINEAR,
    WG_GAIN_SIGMOID,
    WG_GAIN_TANH,
    WG_GAIN_RELU,
    WG_GAIN_SELU,
    WG_GAIN_LEAKY_RELU
} wg_gain;
WG_API double wg_init_gain(wg_gain kind, double slope);

/* The parameter m/name, made on first use. What it starts from depends on the model's seed and its
   path alone. Asking again with another shape or dtype is an error. */
WG_API wg_tensor *wg_nn_param(wg_nn *m, const char *name, wg_dtype dtype, wg_shape shape,
                              wg_init init);

/* The buffer m/name, made on first use: what belongs to the model and is copied and saved with it,
   but not trained, as running statistics are. Of any dtype, one that is no float being constant at
   first. It has no gradient, and neither wg_nn_params() and its like nor optimisers see it.
   wg_copy() and wg_fill() write to it; a backward pass that would read what was overwritten reports
   that, so a layer that writes one while training does so through a copy, or after its last use,
   and not where wg_is_replay(): under wg_checkpoint it runs twice, and would note a batch twice. */
WG_API wg_tensor *wg_nn_buffer(wg_nn *m, const char *name, wg_dtype dtype, wg_shape shape,
                               wg_init init);

/* ---- files: save.c load.c rename.c ----------------------------------------------------------- */

/* The other name of something; false if it has none, or none that fits into `size` bytes with the
   closing 0, without which a name is an error. */
typedef bool wg_nn_rename(void *user, const char *name, char *to, size_t size);

typedef struct wg_nn_file_options {
    const char *prefix;    // of the names in the file, such as "model/"; NULL: none
    wg_nn_rename *rename;  // saving: paths to names; loading: names to paths; NULL: they are equal
    void *user;            // what rename is given
    bool partial;          // loading: what only one side has stays as it is
} wg_nn_file_options;

/* All that m holds, as a safetensors file (io.h) of names relative to m: parameters, frozen or not,
   and buffers, which the file's metadata mark as such ("bn/mean": "buffer"). Of tied weights there
   is one; the metadata tell the other names, as safetensors.torch does ("out/w": "in/w"). The old
   file is there until the new one is whole. */
WG_API bool wg_nn_save(const wg_nn *m, const char *path);
WG_API bool wg_nn_save_with(const wg_nn *m, const char *path, wg_nn_file_options o);

/* Reads such a file, of this library or any other, into m. It must have exactly what m holds, each
   of its shape and dtype (f16 and bf16 count as f32): otherwise the error lists what is missing in
   it, what is there that m does not have, and what does not fit. On any error m stays as it was.
   Where m holds nothing yet and is not sealed, all that the file has is made: ties and marked
   buffers as such, whatever is no f32 or f64 as a buffer, the rest as parameters. A file that marks
   no buffers, such as PyTorch's, so wants the network to have run once if it has some.

   With a prefix the names that lack it are not looked at, nor are those that rename has no path
   for. A file of which nothing at all is taken is an error, also where `partial` is set. */
WG_API bool wg_nn_load(wg_nn *m, const char *path);
WG_API bool wg_nn_load_with(wg_nn *m, const char *path, wg_nn_file_options o);

/* Renames for PyTorch's state dicts, loading and saving: '.' for '/', and at the end "weight" and
   "bias" for "w" and "b": "0.weight" is "0/w". "num_batches_tracked" has no path. */
WG_API bool wg_nn_from_pytorch(void *user, const char *name, char *path, size_t size);
WG_API bool wg_nn_to_pytorch(void *user, const char *path, char *name, size_t size);

#ifdef __cplusplus
}
#endif
#endif
