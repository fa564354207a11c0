// SPDX-License-Identifier: MIT
/* A transformer that learns to write songs and poems, letter by letter, from Debian's fortune
   cookies. It must foretell cookies that it has never seen better than Witten-Bell n-grams, whose
   length is chosen on those very cookies; 10000 steps pass Kneser and Ney's, too. A place is told
   the last five letters and the last two pairs of them, so that minutes on one core are enough. */
#include <math.h>
#include <unistd.h>
#include <wengert.h>

#include "ngram.h"
#include "show.h"
#include "text.h"

enum { WIDTH = 96, BLOCKS = 2, HEADS = 4, CONTEXT = 64, BATCH = 8, STEPS = 7000, REPORTS = 5 };
enum { NEAR = 5, PAIRS = 2, GRAMS = NEAR + PAIRS, TABLE = LETTERS + LETTERS * LETTERS };

/* What the net is told of a place: the rows of the table for letters and pairs that end there. */
static void grams(const uint8_t *last, int64_t row[GRAMS]) {
    for (int k = 0; k < NEAR; k++) row[k] = last[-k];
    for (int k = 0; k < PAIRS; k++) row[NEAR + k] = LETTERS + LETTERS * last[-k - 1] + last[-k];
}

/* Windows of a text: x (n, CONTEXT, GRAMS), and y (n, CONTEXT) the letters that follow. */
static void windows(const letters *t, const int64_t at[], int n, wg_tensor *xy[2]) {
    static int64_t x[BATCH * CONTEXT * GRAMS], y[BATCH * CONTEXT];
    for (int i = 0; i < n * CONTEXT; i++) {
        const uint8_t *letter = t->letter + at[i / CONTEXT] + i % CONTEXT;
        grams(letter, x + i * GRAMS);
        y[i] = letter[1];
    }
    xy[0] = wg_from(WG_I64, WG_SHAPE(n, CONTEXT, GRAMS), x);
    xy[1] = wg_from(WG_I64, WG_SHAPE(n, CONTEXT), y);
}

static wg_tensor *net(wg_nn *m, wg_tensor *x, wg_kv_cache *cache) {  // x (B, T, GRAMS)
    wg_embedding_layer_options small = { .w = { .kind = WG_INIT_NORMAL, .b = 0.1 } };
    wg_transformer_options o = { .activation = wg_relu,
                                 .dropout = 0.15,
                                 .attention = { .causal = true, .rotary = true, .cache = cache } };
    wg_tensor *h = wg_nn_embedding_with(m, "gram", x, TABLE, 48, small);
    h = wg_reshape(h, WG_SHAPE(WG_SAME, WG_SAME, GRAMS * 48));
    h = wg_nn_linear(m, "in", wg_nn_dropout(m, "drop", h, 0.15), WIDTH);  // (B, T, WIDTH)
    for (int i = 0; i < BLOCKS; i++)
        h = wg_nn_transformer_block(wg_nn_sub(m, "block%d", i), "t", h, HEADS, o);
    return wg_nn_linear(m, "out", wg_nn_layer_norm(m, "norm", h), LETTERS);
}

static double learn(wg_nn *m, wg_optim *adam, const letters *t, wg_random *random) {
    int64_t at[BATCH];
    for (int i = 0; i < BATCH; i++)
        at[i] = GRAMS + wg_random_below(random, t->length - CONTEXT - GRAMS);
    wg_scope *scope = wg_scope_open();
    wg_tensor *xy[2];
    windows(t, at, BATCH, xy);
    wg_tensor *loss = wg_cross_entropy(net(m, xy[0], NULL), xy[1]);
    wg_optim_minimize(adam, loss);
    double value = wg_item(loss);
    wg_scope_close(scope);
    return value;
}

/* The mean of -log p over letters FIRST ... last(t) - 1, in windows of which the second half
   counts, since it knows what was before. */
enum { HALF = CONTEXT / 2, FIRST = GRAMS + HALF + 1 };
static int64_t last(const letters *t) { return FIRST + (t->length - FIRST) / HALF * HALF; }

static double test(wg_nn *m, const letters *t) {
    double sum = 0;
    wg_nn_train(m, false);
    for (int64_t at = GRAMS; at + FIRST - GRAMS < last(t); at += HALF) {
        wg_scope *scope = wg_scope_open();
        wg_tensor *xy[2];
        wg_recording(false);  // until the scope closes
        windows(t, &at, 1, xy);
        wg_tensor *y = wg_slice(net(m, xy[0], NULL), 1, HALF, WG_END, 1);
        sum += HALF * wg_item(wg_cross_entropy(y, wg_slice(xy[1], 1, HALF, WG_END, 1)));
        wg_scope_close(scope);
    }
    wg_nn_train(m, true);
    return sum / (double)(last(t) - FIRST);
}

/* Letters one by one, each drawn from what the net says of the next. The cache holds as many steps
   as the net has learnt with; when it is full, the last of them begin it anew. */
static void write_some(wg_nn *m, int64_t count, uint64_t seed) {
    uint8_t song[1000] = { 0 };
    int64_t row[CONTEXT * GRAMS];
    wg_random random = { .seed = seed };
    wg_nn_train(m, false);
    wg_kv_cache *cache = wg_kv_cache_new(CONTEXT);
    for (int64_t i = GRAMS, from; i < GRAMS + count && !wg_error(); i++) {
        wg_scope *scope = wg_scope_open();
        double p[LETTERS];
        wg_recording(false);
        from = wg_kv_cache_length(cache) < CONTEXT ? i - 1 : i - HALF;
        if (from < i - 1) wg_kv_cache_cut(cache, 0);
        for (int64_t k = from; k < i; k++) grams(song + k, row + (k - from) * GRAMS);
        wg_tensor *x = wg_from(WG_I64, WG_SHAPE(1, i - from, GRAMS), row);
        wg_tensor *y = wg_select(net(m, x, cache), 1, -1);  // (1, LETTERS)
        y = wg_softmax(wg_mul(y, wg_num(1.5)), -1);         // a little more sure than it is
        if (wg_read_f64(y, p, LETTERS)) song[i] = draw_letter(p, wg_random_uniform(&random));
        printf(song[i] ? "%c" : "%c    ", char_of(song[i]));
        wg_scope_close(scope);
    }
    printf("\n");
    wg_kv_cache_free(cache);
    wg_nn_train(m, true);
}

/* The rate's factor in step t = 0, 1, ...: up in 100 steps, down along half a cosine to 0.01. */
static double rise_and_fall(int64_t t, void *user) {
    (void)user;
    double done = (double)(t + 1), rise = fmin(1, done / 100), fall = cos(1.5707963 * done / STEPS);
    return rise * fall * fall + 0.01;
}

static double fit(wg_nn *m, const letters part[2], double counted) {
    wg_adam_options o = { .rate = 4e-3, .beta2 = 0.99, .weight_decay = 0.1 };
    wg_optim *adam = wg_optim_adamw(m, o);
    wg_random random = { .seed = 2 };
    double mean = 0, loss = INFINITY, began = now();
    wg_optim_clip_norm(adam, 1);
    wg_optim_schedule(adam, wg_schedule_own(rise_and_fall, NULL));
    for (int i = 1; i <= STEPS && !wg_error(); i++) {
        mean += learn(m, adam, &part[0], &random) / (STEPS / REPORTS);
        if (i % (STEPS / REPORTS)) continue;
        loss = test(m, &part[1]);
        printf("\nstep %d  %.0f s  training %.4f  validation %.4f  n-grams %.4f\n    ", i,
               now() - began, mean, loss, counted);
        write_some(m, 200, (uint64_t)i);
        fflush(stdout), mean = 0;
    }
    wg_optim_free(adam);
    return loss;
}

int main(int argc, char *argv[]) {
    const char *path = argc > 1 ? argv[1] : "/usr/share/games/fortunes/songs-poems";
    letters part[2];
    if (!read_cookies(path, part)) {
        printf("No cookies in %s: install Debian's package fortunes, or give a path.\n", path);
        return 1;
    }
    wg_nn *m = wg_nn_new(1);
    int n = 0;
    int64_t tested[] = { FIRST, last(&part[1]) };
    printf("%d letters, and %d to be tested with\n", (int)part[0].length, (int)tested[1] - FIRST);
    double most = ngram_best(part, tested, KNESER_NEY, &n);
    printf("loss of Kneser-Ney %d-grams:  %.4f\n", n, most);
    double counted = ngram_best(part, tested, WITTEN_BELL, &n);
    printf("loss of Witten-Bell %d-grams: %.4f\n", n, counted);
    double loss = fit(m, part, counted);
    printf("\nloss of the transformer: %.4f, %.4f less than Witten-Bell\n", loss, counted - loss);
    wg_nn_free(m), free(part[0].letter), free(part[1].letter);
    return !wg_error() && loss < counted ? 0 : 1;
}
