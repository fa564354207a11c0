// SPDX-License-Identifier: MIT
/* test_transformer.c: attention and transformer blocks against PyTorch's, generation with a cache
   against the whole sequence, positions against their formulas. */
#include "tests/sequence_test.h"

typedef wg_multi_head_options head_options;
typedef wg_transformer_options block_options;

static wg_tensor *attend(wg_nn *m, wg_tensor *x, int64_t heads, head_options o) {
    return wg_nn_multi_head_attention(m, "att", x, heads, o);
}

static wg_tensor *lengths_of(int64_t a, int64_t b) {
    return wg_from(WG_I64, WG_SHAPE(2), (int64_t[]){ a, b });
}

/* ---- PyTorch: B, T, S, C = 2, 3, 4, 4 and 2 heads -------------------------------------------- */

static int causal(wg_nn *m, wg_tensor *const x[], wg_tensor *results[], const void *user) {
    (void)user;
    results[0] = attend(m, x[0], 2, (head_options){ .causal = true });
    return 1;
}
static int across(wg_nn *m, wg_tensor *const x[], wg_tensor *results[], const void *user) {
    (void)user;
    head_options o = { .key = x[1], .value = x[2], .lengths = lengths_of(2, 4) };
    results[0] = attend(m, x[0], 2, o);
    return 1;
}
static int added(wg_nn *m, wg_tensor *const x[], wg_tensor *results[], const void *user) {
    (void)user;
    results[0] = attend(m, x[0], 2, (head_options){ .key = x[1], .mask = x[2], .no_bias = true });
    return 1;
}
static int encoder(wg_nn *m, wg_tensor *const x[], wg_tensor *results[], const void *user) {
    block_options o = { .hidden = 6, .post_norm = *(const bool *)user, .attention.causal = true };
    results[0] = wg_nn_transformer_block(m, "t", x[0], 2, o);
    return 1;
}
static int decoder(wg_nn *m, wg_tensor *const x[], wg_tensor *results[], const void *user) {
    block_options o = { .hidden = 6,
                        .post_norm = *(const bool *)user,
                        .activation = wg_relu,
                        .memory = x[1],
                        .memory_lengths = lengths_of(2, 4),
                        .attention.causal = true };
    results[0] = wg_nn_transformer_block(m, "t", x[0], 2, o);
    return 1;
}

static const bool pre = false, post = true;

// PyTorch's in_proj_weight and in_proj_bias are these three on top of each other.
#define SHAPE1(n)                                                                                  \
    {                                                                                              \
        1, { n }                                                                                   \
    }
#define SHAPE2(n, k)                                                                               \
    {                                                                                              \
        2, { n, k }                                                                                \
    }
#define ATTENTION(path)                                                                            \
    { path "/query/w", SHAPE2(4, 4) }, { path "/key/w", SHAPE2(4, 4) },                            \
        { path "/value/w", SHAPE2(4, 4) }, { path "/query/b", SHAPE1(4) },                         \
        { path "/key/b", SHAPE1(4) }, { path "/value/b", SHAPE1(4) },                              \
        { path "/out/w", SHAPE2(4, 4) }, {                                                         \
        path "/out/b", SHAPE1(4)                                                                   \
    }
#define FEED                                                                                       \
    { "t/up/w", SHAPE2(6, 4) }, { "t/up/b", SHAPE1(6) }, { "t/down/w", SHAPE2(4, 6) }, {           \
        "t/down/b", SHAPE1(4)                                                                      \
    }
#define NORM(path)                                                                                 \
    { path "/w", SHAPE1(4) }, { path "/b", SHAPE1(4) }
#define X                                                                                          \
    {                                                                                              \
        3, { 2, 3, 4 }                                                                             \
    }
#define ENCODER                                                                                    \
    .inputs = 1, .parameters = 16, .input = { X },                                                 \
    .parameter = { ATTENTION("t/attention"), FEED, NORM("t/norm1"), NORM("t/norm2") },             \
    .run = encoder
#define DECODER                                                                                    \
    .inputs = 2, .parameters = 26, .input = { X, { 3, { 2, 4, 4 } } },                             \
    .parameter = { ATTENTION("t/attention"), ATTENTION("t/cross"), FEED,                           \
                   NORM("t/norm1"),          NORM("t/norm_cross"), NORM("t/norm2") },              \
    .run = decoder

static const golden_case goldens[] = {
    { .file = "attention_causal",
      .inputs = 1,
      .parameters = 8,
      .input = { X },
      .parameter = { ATTENTION("att") },
      .run = causal },
    { .file = "attention_across",
      .inputs = 3,
      .parameters = 8,
      .input = { X, { 3, { 2, 4, 3 } }, { 3, { 2, 4, 5 } } },
      .parameter = { { "att/query/w", SHAPE2(4, 4) },
                     { "att/key/w", SHAPE2(4, 3) },
                     { "att/value/w", SHAPE2(4, 5) },
                     { "att/query/b", SHAPE1(4) },
                     { "att/key/b", SHAPE1(4) },
                     { "att/value/b", SHAPE1(4) },
                     { "att/out/w", SHAPE2(4, 4) },
                     { "att/out/b", SHAPE1(4) } },
      .run = across },
    { .file = "attention_added",
      .inputs = 3,
      .parameters = 4,
      .input = { X, { 3, { 2, 4, 4 } }, { 2, { 3, 4 } } },
      .parameter = { { "att/query/w", SHAPE2(4, 4) },
                     { "att/key/w", SHAPE2(4, 4) },
                     { "att/value/w", SHAPE2(4, 4) },
                     { "att/out/w", SHAPE2(4, 4) } },
      .run = added },
    { .file = "encoder_pre", ENCODER, .user = &pre },
    { .file = "encoder_post", ENCODER, .user = &post },
    { .file = "decoder_pre", DECODER, .user = &pre },
    { .file = "decoder_post", DECODER, .user = &post },
};

START_TEST(outputs_and_gradients_are_those_of_pytorch) { golden_check(&goldens[_i]); }
END_TEST

/* ---- gradients ------------------------------------------------------------------------------- */

// All that acts on heads: few keys for many queries, rotation, lengths, a mask.
static wg_tensor *all_heads(void *user, wg_tensor *const x[], int n) {
    (void)n;
    wg_tensor *mask = wg_from(WG_BOOL, WG_SHAPE(3, 3), (uint8_t[]){ 1, 0, 1, 1, 1, 1, 0, 0, 0 });
    head_options o = {
        .causal = true, .mask = mask, .lengths = lengths_of(2, 3), .kv_heads = 2, .rotary = true
    };
    return wg_square(attend(user, x[0], 4, o));
}
// Dropout that drops nothing: the other way through the formula.
static wg_tensor *nothing_dropped(void *user, wg_tensor *const x[], int n) {
    (void)n;
    wg_tensor *mask =
        wg_from(WG_F64, WG_SHAPE(3, 3),
                (double[]){ 0, 1, -INFINITY, 1, 2, 3, -INFINITY, -INFINITY, -INFINITY });
    return wg_square(attend(user, x[0], 2, (head_options){ .mask = mask, .dropout = 1e-300 }));
}
static wg_tensor *whole_block(void *user, wg_tensor *const x[], int n) {
    block_options o = { .memory = n > 1 ? x[1] : wg_mul(x[0], wg_num(2)),
                        .attention.rotary = true };
    wg_tensor *y = wg_nn_transformer_block(user, "t", wg_nn_positions(user, "p", x[0], 3, 0), 2, o);
    return wg_square(y);
}

START_TEST(gradients_pass_the_checker) {
    wg_function *const f[] = { all_heads, nothing_dropped, whole_block };
    wg_tensor *x[] = { normal(WG_F64, WG_SHAPE(2, 3, 8), 1), normal(WG_F64, WG_SHAPE(2, 4, 5), 2) };
    expect_gradients(f[_i], x, f[_i] == whole_block ? 2 : 1, "attention");
}
END_TEST

/* ---- what masks mean ------------------------------------------------------------------------- */

START_TEST(dropping_nothing_is_attention_without_dropout) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F64, WG_SHAPE(2, 3, 8), 1);
    wg_tensor *mask[] = {
        NULL, wg_from(WG_BOOL, WG_SHAPE(3, 3), (uint8_t[]){ 1, 0, 1, 0, 0, 1, 0, 0, 0 }),
        wg_from_f64(WG_F64, WG_SHAPE(3), (double[]){ 0.5, -INFINITY, 1 }),
        wg_full(WG_BOOL, WG_SCALAR, 0)
    };
    for (int i = 0; i < COUNT(mask); i++)
        for (int k = 0; k < 4; k++) {
            head_options o = { .mask = mask[i], .causal = k & 1 };
            if (k & 2) o.lengths = lengths_of(1, 0);
            wg_tensor *plain = attend(m, x, 2, o);
            o.dropout = 1e-300;
            // The same products and sums, in another order at most.
            ck_assert(wg_allclose(attend(m, x, 2, o), plain, 1e-14, 1e-14));
        }
    wg_nn_free(m);
}
END_TEST

START_TEST(dropout_of_weights_changes_training_alone) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F64, WG_SHAPE(2, 3, 8), 1);
    wg_tensor *plain = attend(m, x, 2, (head_options){ 0 });
    head_options o = { .dropout = 0.5 };
    wg_tensor *once = attend(m, x, 2, o);
    ck_assert(!wg_equal(once, plain) && !wg_equal(once, attend(m, x, 2, o)));
    wg_nn_train(m, false);
    ck_assert(wg_equal(attend(m, x, 2, o), plain));
    wg_nn_free(m);
}
END_TEST

START_TEST(causal_steps_do_not_know_the_future) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F64, WG_SHAPE(1, 6, 8), 1), *y[2];
    wg_tensor *other = wg_cat(
        (wg_tensor *[]){ wg_slice(x, 1, 0, 4, 1), normal(WG_F64, WG_SHAPE(1, 2, 8), 9) }, 2, 1);
    block_options o = { .attention = { .causal = true, .rotary = true, .kv_heads = 1 } };
    for (int i = 0; i < 2; i++) y[i] = wg_nn_transformer_block(m, "t", i ? other : x, 4, o);
    ck_assert(wg_equal(wg_slice(y[0], 1, 0, 4, 1), wg_slice(y[1], 1, 0, 4, 1)));
    ck_assert(!wg_equal(y[0], y[1]));
    wg_nn_free(m);
}
END_TEST

START_TEST(lengths_hide_keys_as_if_they_were_not_there) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F64, WG_SHAPE(2, 3, 8), 1),
              *key = normal(WG_F64, WG_SHAPE(2, 5, 8), 2);
    wg_tensor *y = attend(m, x, 2, (head_options){ .key = key, .lengths = lengths_of(2, 5) });
    wg_tensor *first = wg_slice(x, 0, 0, 1, 1),
              *two = wg_slice(wg_slice(key, 0, 0, 1, 1), 1, 0, 2, 1);
    wg_tensor *alone = attend(m, first, 2, (head_options){ .key = two });
    // Weights of exactly 0 leave sums as they are but for their order.
    ck_assert(wg_allclose(wg_slice(y, 0, 0, 1, 1), alone, 1e-14, 1e-14));
    wg_nn_free(m);
}
END_TEST

START_TEST(a_block_with_rms_norm_and_without_biases_has_the_fewest_parameters) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F64, WG_SHAPE(2, 3, 8), 1);
    block_options o = { .rms_norm = true, .no_bias = true, .activation = wg_silu };
    wg_tensor *y = wg_nn_transformer_block(m, "t", x, 2, o);
    ck_assert_int_eq(wg_nn_params(m, NULL), 8);  // four of attention, up, down, two norms
    wg_tensor *h = wg_rms_norm(x, 1, NULL, 1e-5), *scaled = wg_mul(x, wg_num(3));
    wg_tensor *inner = wg_nn_multi_head_attention(wg_nn_sub(m, "t"), "attention", h, 2,
                                                  (head_options){ .no_bias = true });
    h = wg_add(x, inner);
    wg_tensor *up =
        wg_silu(wg_linear(wg_rms_norm(h, 1, NULL, 1e-5), wg_nn_find(m, "t/up/w"), NULL));
    h = wg_add(h, wg_linear(up, wg_nn_find(m, "t/down/w"), NULL));
    ck_assert(wg_allclose(y, h, 1e-14, 1e-14));  // the same, but that the weights of 1 are left out
    ck_assert(!wg_equal(wg_nn_transformer_block(m, "t", scaled, 2, o), y));
    wg_nn_free(m);
}
END_TEST

START_TEST(shared_keys_are_those_of_as_many_equal_heads) {
    wg_nn *m = wg_nn_new(1), *full = wg_nn_new(2);
    wg_tensor *x = normal(WG_F64, WG_SHAPE(2, 3, 8), 1);
    wg_tensor *y = attend(m, x, 4, (head_options){ .kv_heads = 2 });
    ck_assert_int_eq(wg_dim(wg_nn_find(m, "att/key/w"), 0), 4);
    attend(full, x, 4, (head_options){ 0 });
    for (int i = 0; i < wg_nn_params(m, NULL); i++) {
        const char *path = wg_nn_path_at(m, NULL, i);
        wg_tensor *w = wg_nn_find(m, path), *to = wg_nn_find(full, path);
        if (wg_dim(w, 0) == 4) {  // 2 heads of 2 rows, each to be there twice
            bool matrix = wg_rank(w) == 2;
            w = wg_reshape(w, matrix ? WG_SHAPE(2, 2, 8) : WG_SHAPE(2, 2, 1));
            w = wg_reshape(wg_repeat_interleave(w, 2, 0), wg_shape_of(to));
        }
        wg_copy(to, w);
    }
    ck_assert(wg_equal(attend(full, x, 4, (head_options){ 0 }), y));
    wg_nn_free(m), wg_nn_free(full);
}
END_TEST

/* ---- generation with a cache ----------------------------------------------------------------- */

enum { STEPS = 7, WIDTH = 8 };

static wg_tensor *language(wg_nn *m, wg_tensor *x, wg_kv_cache *cache) {  // x (B, T, WIDTH)
    block_options o = { .attention = { .causal = true, .cache = cache } };
    x = wg_nn_positions(m, "position", x, STEPS, wg_kv_cache_length(cache));
    x = wg_nn_transformer_block(m, "a", x, 2, o);
    o.attention.rotary = true, o.attention.kv_heads = 1, o.post_norm = true;
    return wg_nn_transformer_block(m, "b", x, 2, o);
}

static const wg_dtype floats[] = { WG_F32, WG_F64 };

START_TEST(steps_with_a_cache_are_the_whole_sequence) {
    wg_dtype dtype = floats[_i];
    /* A product of one row is summed in another order than that of many: rounding, through two
       blocks whose norms keep numbers about 1. */
    double bound = dtype == WG_F32 ? 1e-5 : 1e-14;
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(dtype, WG_SHAPE(2, STEPS, WIDTH), 1);
    wg_tensor *whole = language(m, x, NULL);
    wg_nn_train(m, false), wg_recording(false);
    wg_kv_cache *cache = wg_kv_cache_new(STEPS);
    static const int64_t cuts[] = { 0, 3, 4, 5, 7 };  // a prompt, single steps, several at once
    for (int i = 0; i + 1 < COUNT(cuts); i++) {
        ck_assert_int_eq(wg_kv_cache_length(cache), cuts[i]);
        wg_tensor *y = language(m, wg_slice(x, 1, cuts[i], cuts[i + 1], 1), cache);
        wg_tensor *want = wg_slice(whole, 1, cuts[i], cuts[i + 1], 1);
        ck_assert_msg(y && wg_allclose(y, want, bound, bound), "%s", wg_error_message());
    }
    ck_assert(wg_kv_cache_cut(cache, 4));  // and once more from the middle
    wg_tensor *y = language(m, wg_slice(x, 1, 4, 6, 1), cache);
    ck_assert(y && wg_allclose(y, wg_slice(whole, 1, 4, 6, 1), bound, bound));
    ck_assert(wg_kv_cache_cut(cache, 0));  // and for one sample alone
    y = language(m, wg_slice(x, 0, 1, 2, 1), cache);
    ck_assert(y && wg_allclose(y, wg_slice(whole, 0, 1, 2, 1), bound, bound));
    wg_recording(true);
    wg_kv_cache_free(cache);
    wg_nn_free(m);
}
END_TEST

START_TEST(a_cache_says_what_is_wrong_and_keeps_what_it_has) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F32, WG_SHAPE(1, 3, WIDTH), 1);
    wg_kv_cache *cache = wg_kv_cache_new(4);
    head_options o = { .cache = cache };
    ck_assert_ptr_null(attend(m, x, 2, o));
    expect_error(WG_ERROR_STATE, "att: nn_multi_head_attention: a cache is for evaluation");
    wg_nn_train(m, false);
    ck_assert_ptr_null(attend(m, x, 2, o));
    expect_error(WG_ERROR_STATE, "att: a cache has no gradient: turn recording off");
    wg_recording(false);
    ck_assert_ptr_nonnull(attend(m, x, 2, o));
    ck_assert_ptr_null(attend(m, x, 2, o));
    expect_error(WG_ERROR_ARGUMENT, "att: the cache has room for 4 steps, has 3, gets 3");
    ck_assert_ptr_null(attend(m, wg_zeros(WG_F32, WG_SHAPE(2, 1, WIDTH)), 2, o));
    expect_error(WG_ERROR_SHAPE, "att: the cache has keys f32 [1,2,4,4], and gets f32 [2,2,1,4]");
    o.key = x;
    ck_assert_ptr_null(attend(m, x, 2, o));
    expect_error(WG_ERROR_ARGUMENT, "att: nn_multi_head_attention: a cache is for self-attention");
    ck_assert_int_eq(wg_kv_cache_length(cache), 3);
    wg_nn *other = wg_nn_new(2);
    wg_nn_free(m);  // its entry is nobody's now
    wg_nn_train(other, false);
    o.key = NULL;
    ck_assert_ptr_nonnull(attend(other, wg_zeros(WG_F32, WG_SHAPE(2, 4, WIDTH)), 2, o));
    ck_assert(!wg_kv_cache_cut(cache, -1));
    expect_error(WG_ERROR_ARGUMENT, "kv_cache_cut: to -1 steps");
    ck_assert(!wg_kv_cache_cut(NULL, 0));
    expect_error(WG_ERROR_ARGUMENT, "kv_cache_cut: the cache is NULL");
    ck_assert_ptr_null(wg_kv_cache_new(0));
    expect_error(WG_ERROR_ARGUMENT, "kv_cache_new: room for 0 steps");
    ck_assert_int_eq(wg_kv_cache_length(NULL), 0);
    wg_recording(true);
    wg_kv_cache_free(cache), wg_kv_cache_free(NULL);
    wg_nn_free(other);
}
END_TEST

/* ---- positions ------------------------------------------------------------------------------- */

START_TEST(sinusoids_are_sines_and_cosines_of_falling_frequencies) {
    for (int64_t width = 5; width < 7; width++) {
        wg_tensor *p = wg_sinusoidal_positions(WG_F64, 90, 20, width);  // (20, width)
        expect_shape(p, WG_SHAPE(20, width));
        for (int64_t k = 0; k < 20 * width; k++) {
            int64_t t = 90 + k / width, i = k % width / 2;
            double angle = (double)t * pow(10000, -2 * (double)i / (double)width);
            double want = k % width % 2 ? cos(angle) : sin(angle);
            expect_close(element(p, k), want, 1e-13, "p");  // an angle of 100 rounded twice
        }
    }
}
END_TEST

START_TEST(rotations_keep_lengths_and_know_distances_alone) {
    wg_tensor *q = normal(WG_F64, WG_SHAPE(1, 6), 1), *k = normal(WG_F64, WG_SHAPE(1, 6), 2);
    double first = 0;
    for (int64_t offset = 0; offset < 1000; offset += 111) {
        wg_tensor *a = wg_rotary(q, offset + 5, 0), *b = wg_rotary(k, offset, 0);
        double product = wg_item(wg_sum(wg_mul(a, b)));
        if (offset == 0) first = product;
        expect_close(product, first, 1e-12, "q k");  // angles of 1000 to 1e-13, six terms
        expect_close(wg_item(wg_norm(a, 2)), wg_item(wg_norm(q, 2)), 1e-14, "|q|");
    }
    expect_close(first, wg_item(wg_sum(wg_mul(wg_rotary(q, 5, 0), k))), 1e-14, "at 0 k is k");
    ck_assert(fabs(first - wg_item(wg_sum(wg_mul(q, k)))) > 0.01);
}
END_TEST

START_TEST(rotations_turn_halves_by_their_angles) {
    wg_tensor *x = normal(WG_F64, WG_SHAPE(2, 3, 4), 1), *y = wg_rotary(x, 7, 100);
    for (int64_t k = 0; k < 6; k++)
        for (int64_t i = 0; i < 2; i++) {
            double angle = (double)(7 + k % 3) * pow(100, -(double)i / 2);
            double u = element(x, 4 * k + i), v = element(x, 4 * k + i + 2);
            expect_close(element(y, 4 * k + i), u * cos(angle) - v * sin(angle), 1e-14, "first");
            expect_close(element(y, 4 * k + i + 2), u * sin(angle) + v * cos(angle), 1e-14,
                         "second");
        }
    wg_tensor *late = wg_rotary(wg_slice(x, 1, 2, 3, 1), 9, 100);
    ck_assert(wg_equal(late, wg_slice(y, 1, 2, 3, 1)));
    wg_tensor *far = wg_rotary(wg_cast(x, WG_F32), 100000, 0);  // angles are made in double
    ck_assert(wg_allclose(wg_cast(far, WG_F64), wg_rotary(x, 100000, 0), 1e-6, 1e-6));
}
END_TEST

START_TEST(learned_positions_are_rows_of_a_table_from_the_offset_on) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F32, WG_SHAPE(2, 3, 4), 1);
    wg_tensor *y = wg_nn_positions(m, "p", x, 10, 5), *w = wg_nn_find(m, "p/w");  // (10, 4)
    expect_shape(w, WG_SHAPE(10, 4));
    ck_assert(wg_equal(y, wg_add(x, wg_slice(w, 0, 5, 8, 1))));
    ck_assert_ptr_nonnull(wg_nn_positions(m, "p", x, 10, 7));
    ck_assert_ptr_null(wg_nn_positions(m, "p", x, 10, 8));
    expect_error(WG_ERROR_ARGUMENT, "p: nn_positions: 3 steps from 8 on, of 10");
    ck_assert_ptr_null(wg_nn_positions(m, "p", x, 10, -1));
    expect_error(WG_ERROR_ARGUMENT, "p: nn_positions: 3 steps from -1 on, of 10");
    wg_nn_free(m);
}
END_TEST

START_TEST(positions_refuse_what_does_not_fit) {
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(2, 3, 4));
    wg_nn *m = wg_nn_new(1);
    wg_sinusoidal_positions(WG_F32, -1, 2, 3);
    expect_error(WG_ERROR_ARGUMENT, "sinusoidal_positions: 2 steps from -1 on");
    wg_sinusoidal_positions(WG_I64, 0, 2, 3);
    expect_error(WG_ERROR_DTYPE, "sinusoidal_positions: in i64");
    wg_rotary(NULL, 0, 0);
    expect_error(WG_ERROR_ARGUMENT, "rotary: x is NULL");
    wg_rotary(wg_zeros(WG_F32, WG_SHAPE(2, 3)), 0, 0);
    expect_error(WG_ERROR_SHAPE, "rotary: x is f32 [2,3], wanted is f32 or f64 (..., T, D) with D");
    wg_rotary(wg_zeros(WG_I32, WG_SHAPE(2, 4)), 0, 0);
    expect_error(WG_ERROR_DTYPE, "rotary: x is i32 [2,4]");
    wg_rotary(x, -1, 0);
    expect_error(WG_ERROR_ARGUMENT, "rotary: 3 steps from -1 on");
    wg_rotary(x, 0, -1);
    expect_error(WG_ERROR_ARGUMENT, "rotary: a base of -1");
    wg_nn_positions(m, "p", NULL, 5, 0);
    expect_error(WG_ERROR_ARGUMENT, "p: nn_positions: x is NULL");
    wg_nn_positions(m, "p", wg_zeros(WG_I64, WG_SHAPE(2, 3)), 5, 0);
    expect_error(WG_ERROR_DTYPE, "p: nn_positions: x is i64 [2,3]");
    wg_nn_free(m);
}
END_TEST

/* ---- what is wrong --------------------------------------------------------------------------- */

START_TEST(attention_refuses_what_does_not_fit_by_name_and_makes_nothing) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(2, 3, 4));
    const struct {
        wg_tensor *x;
        int64_t heads;
        head_options o;
        wg_status status;
        const char *words;
    } bad[] = {
        { NULL, 2, { 0 }, WG_ERROR_ARGUMENT, "the query is NULL" },
        { wg_zeros(WG_F32, WG_SHAPE(3, 4)), 2, { 0 }, WG_ERROR_SHAPE, "the query is f32 [3,4]" },
        { wg_zeros(WG_I64, WG_SHAPE(2, 3, 4)), 2, { 0 }, WG_ERROR_DTYPE, "the query is i64" },
        { x, 3, { 0 }, WG_ERROR_ARGUMENT, "a width of 4 does not make 3 heads" },
        { x, 0, { 0 }, WG_ERROR_ARGUMENT, "a width of 4 does not make 0 heads" },
        { x, 4, { .kv_heads = 3 }, WG_ERROR_ARGUMENT, "4 heads do not share 3" },
        { x, 4, { .rotary = true }, WG_ERROR_ARGUMENT, "rotary heads of 1 numbers" },
        { x, 2, { .dropout = 1 }, WG_ERROR_ARGUMENT, "the probability 1 is not in" },
        { x, 2, { .key = wg_zeros(WG_F64, WG_SHAPE(2, 3, 4)) }, WG_ERROR_DTYPE, "the key is f64" },
        { x,
          2,
          { .key = wg_zeros(WG_F32, WG_SHAPE(3, 3, 4)) },
          WG_ERROR_SHAPE,
          "the key is f32 [3,3,4], which does not go with the query, f32 [2,3,4]" },
        { x,
          2,
          { .value = wg_zeros(WG_F32, WG_SHAPE(2, 5, 4)) },
          WG_ERROR_SHAPE,
          "3 keys and 5 values" },
    };
    char words[200];
    for (int i = 0; i < COUNT(bad); i++) {
        ck_assert_ptr_null(attend(m, bad[i].x, bad[i].heads, bad[i].o));
        snprintf(words, sizeof words, "att: nn_multi_head_attention: %s", bad[i].words);
        expect_error(bad[i].status, words);
    }
    ck_assert_int_eq(wg_nn_params(m, NULL), 0);
    wg_nn_free(m);
}
END_TEST

START_TEST(masks_and_lengths_that_do_not_fit_are_refused_and_make_nothing) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(2, 3, 4));
    attend(m, x, 2, (head_options){ .mask = wg_zeros(WG_F32, WG_SHAPE(2, 3)) });
    expect_error(WG_ERROR_SHAPE,
                 "att: nn_multi_head_attention: the mask, [2,3], does not broadcast "
                 "to [2,2,3,3]");
    attend(m, x, 2, (head_options){ .mask = wg_zeros(WG_I64, WG_SHAPE(3, 3)) });
    expect_error(WG_ERROR_DTYPE, "att: nn_multi_head_attention: the mask is i64, wanted is bool or "
                                 "f32");
    attend(m, x, 2, (head_options){ .lengths = lengths_of(1, 4) });
    expect_error(WG_ERROR_INDEX, "length 4 of sample 1 is not in 0 ... 3");
    ck_assert_int_eq(wg_nn_params(m, NULL), 0);
    wg_nn_free(m);
}
END_TEST

START_TEST(blocks_refuse_what_does_not_fit) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(2, 3, 4));
    wg_nn_transformer_block(m, "t", NULL, 2, (block_options){ 0 });
    expect_error(WG_ERROR_ARGUMENT, "t: nn_transformer_block: x is NULL");
    wg_nn_transformer_block(m, "t", wg_select(x, 0, 0), 2, (block_options){ 0 });
    expect_error(WG_ERROR_SHAPE, "t: nn_transformer_block: x is f32 [3,4]");
    wg_nn_transformer_block(m, "t", wg_cast(x, WG_I32), 2, (block_options){ 0 });
    expect_error(WG_ERROR_DTYPE, "t: nn_transformer_block: x is i32 [2,3,4]");
    wg_nn_transformer_block(m, "t", x, 2, (block_options){ .hidden = -1 });
    expect_error(WG_ERROR_ARGUMENT, "t: nn_transformer_block: a hidden width of -1");
    wg_nn_transformer_block(m, "t", x, 2, (block_options){ .attention.key = x });
    expect_error(WG_ERROR_ARGUMENT, "t: nn_transformer_block: its attention is to x itself");
    wg_nn_transformer_block(m, "t", x, 3, (block_options){ 0 });
    expect_error(WG_ERROR_ARGUMENT, "t/attention: nn_multi_head_attention: a width of 4");
    wg_nn_transformer_block(m, "t", x, 2, (block_options){ .dropout = 2 });
    expect_error(WG_ERROR_ARGUMENT, "the probability 2 is not in [0, 1)");
    wg_nn_free(m);
}
END_TEST

/* ---- the whole ------------------------------------------------------------------------------- */

START_TEST(a_table_of_tokens_that_is_also_the_head_gets_both_gradients) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = wg_nn_param(m, "token/w", WG_F64, WG_SHAPE(5, 8), (wg_init){ 0 }), *gw,
              *parts[2];
    wg_tensor *x = wg_from(WG_I64, WG_SHAPE(1, 3), (int64_t[]){ 4, 0, 2 });
    for (int i = 0; i < 3; i++) {  // both, then each alone
        wg_tensor *table = i == 2 ? wg_stop(w) : w, *head = i == 1 ? wg_stop(w) : w;
        wg_tensor *h =
            wg_nn_transformer_block(m, "t", wg_embedding(table, x), 2, (block_options){ 0 });
        wg_tensor *loss = wg_cross_entropy(wg_linear(h, head, NULL), x), *g;
        ck_assert(wg_grad(loss, &w, 1, &g, (wg_grad_options){ 0 }));
        *(i == 0 ? &gw : &parts[i - 1]) = g;
    }
    ck_assert(wg_allclose(gw, wg_add(parts[0], parts[1]), 1e-13, 1e-13));  // two sums of few terms
    wg_nn_free(m);
}
END_TEST

static bool attempt(void) {
    wg_nn *m = wg_nn_new(1);
    if (!m) return false;
    wg_nn_train(m, false), wg_recording(false);
    wg_kv_cache *cache = wg_kv_cache_new(4);
    wg_tensor *x = wg_ones(WG_F32, WG_SHAPE(1, 2, 4));
    block_options o = { .attention = { .causal = true, .rotary = true, .cache = cache } };
    bool done = wg_nn_transformer_block(m, "t", x, 2, o) != NULL;
    int64_t length = wg_kv_cache_length(cache);
    ck_assert(length == 0 || length == 2);
    wg_recording(true);
    wg_kv_cache_free(cache);
    wg_nn_free(m);
    return done;
}

START_TEST(every_allocation_may_fail) { ck_assert_int_gt(fail_every_allocation(attempt), 10); }
END_TEST

int main(void) {
    Suite *suite = suite_create("transformer");
    TCase *cases = add_cases(suite, "attention");
    ADD_TABLE(cases, outputs_and_gradients_are_those_of_pytorch, goldens);
    tcase_add_loop_test(cases, gradients_pass_the_checker, 0, 3);
    tcase_add_test(cases, dropping_nothing_is_attention_without_dropout);
    tcase_add_test(cases, dropout_of_weights_changes_training_alone);
    tcase_add_test(cases, causal_steps_do_not_know_the_future);
    tcase_add_test(cases, lengths_hide_keys_as_if_they_were_not_there);
    tcase_add_test(cases, a_block_with_rms_norm_and_without_biases_has_the_fewest_parameters);
    tcase_add_test(cases, shared_keys_are_those_of_as_many_equal_heads);
    tcase_add_test(cases, attention_refuses_what_does_not_fit_by_name_and_makes_nothing);
    tcase_add_test(cases, masks_and_lengths_that_do_not_fit_are_refused_and_make_nothing);
    tcase_add_test(cases, blocks_refuse_what_does_not_fit);
    tcase_add_test(cases, a_table_of_tokens_that_is_also_the_head_gets_both_gradients);
    tcase_add_test(cases, every_allocation_may_fail);
    cases = add_cases(suite, "cache");
    ADD_TABLE(cases, steps_with_a_cache_are_the_whole_sequence, floats);
    tcase_add_test(cases, a_cache_says_what_is_wrong_and_keeps_what_it_has);
    cases = add_cases(suite, "positions");
    tcase_add_test(cases, sinusoids_are_sines_and_cosines_of_falling_frequencies);
    tcase_add_test(cases, rotations_keep_lengths_and_know_distances_alone);
    tcase_add_test(cases, rotations_turn_halves_by_their_angles);
    tcase_add_test(cases, learned_positions_are_rows_of_a_table_from_the_offset_on);
    tcase_add_test(cases, positions_refuse_what_does_not_fit);
    return run_suite(suite);
}
