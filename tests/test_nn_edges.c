// SPDX-License-Identifier: MIT
/* test_nn_edges.c: what layers, caches and texts do at the edges: numbers that leave their range,
   models that are gone, options that say nothing or contradict each other. A layer that refuses has
   made no parameter. */
#include "tests/nn_test.h"

/* ---- caches ---------------------------------------------------------------------------------- */

enum { WIDTH = 4 };

static wg_tensor *two_layers(wg_nn *m, wg_kv_cache *cache, int64_t steps, bool second) {
    wg_multi_head_options o = { .causal = true, .cache = cache };
    wg_tensor *x = normal(WG_F32, WG_SHAPE(1, steps, WIDTH), 1);
    wg_tensor *h = wg_nn_multi_head_attention(m, "one", x, 2, o);
    return second ? wg_nn_multi_head_attention(m, "two", h, 2, o) : h;
}

static wg_nn *evaluated(uint64_t seed) {
    wg_nn *m = wg_nn_new(seed);
    wg_nn_train(m, false);
    return m;
}

START_TEST(a_cache_does_not_count_layers_of_a_freed_model) {
    bool recording = wg_recording(false);
    wg_kv_cache *cache = wg_kv_cache_new(30);
    wg_nn *a = evaluated(1), *b = evaluated(2);
    ck_assert_ptr_nonnull(two_layers(a, cache, 20, true));
    ck_assert_int_eq(wg_kv_cache_length(cache), 20);
    wg_nn_free(a);
    ck_assert_int_eq(wg_kv_cache_length(cache), 0);
    for (int64_t at = 5; at <= 25; at += 5) {
        ck_assert_ptr_nonnull(two_layers(b, cache, 5, true));
        ck_assert_int_eq(wg_kv_cache_length(cache), at);
    }
    wg_nn_free(b);
    wg_kv_cache_free(cache);
    wg_recording(recording);
}
END_TEST

START_TEST(a_call_that_fails_in_a_later_layer_leaves_the_cache_as_it_was) {
    bool recording = wg_recording(false);
    wg_kv_cache *cache = wg_kv_cache_new(30);
    wg_nn *m = evaluated(1);
    wg_multi_head_options o = { .causal = true, .cache = cache };
    for (int64_t before = 0; before <= 5; before += 5) {  // the first call, and one after others
        wg_tensor *h = two_layers(m, cache, 3, false);
        ck_assert_ptr_nonnull(h);
        ck_assert_ptr_null(wg_nn_multi_head_attention(m, "two", h, 3, o));
        expect_error(WG_ERROR_ARGUMENT, "two: nn_multi_head_attention: a width of 4");
        ck_assert_int_eq(wg_kv_cache_length(cache), before);
        ck_assert_ptr_nonnull(two_layers(m, cache, 5, true));
        ck_assert_int_eq(wg_kv_cache_length(cache), before + 5);
    }
    wg_nn_free(m);
    wg_kv_cache_free(cache);
    wg_recording(recording);
}
END_TEST

static wg_tensor *no_activation(wg_tensor *h) {
    wg_tensor *wrong = wg_zeros(WG_F32, WG_SHAPE(7));
    return wg_add(h, wrong);
}

START_TEST(a_block_that_fails_behind_its_attention_leaves_the_cache_as_it_was) {
    bool recording = wg_recording(false);
    wg_kv_cache *cache = wg_kv_cache_new(30);
    wg_nn *m = evaluated(1);
    wg_transformer_options o = { .attention = { .causal = true, .cache = cache } };
    wg_tensor *x = normal(WG_F32, WG_SHAPE(1, 3, WIDTH), 1);
    for (int64_t before = 0; before <= 3; before += 3) {
        o.activation = no_activation;
        ck_assert_ptr_null(wg_nn_transformer_block(m, "t", x, 2, o));
        expect_error(WG_ERROR_SHAPE, "add");
        ck_assert_int_eq(wg_kv_cache_length(cache), before);
        o.activation = NULL;
        ck_assert_ptr_nonnull(wg_nn_transformer_block(m, "t", x, 2, o));
        ck_assert_int_eq(wg_kv_cache_length(cache), before + 3);
    }
    wg_nn_free(m);
    wg_kv_cache_free(cache);
    wg_recording(recording);
}
END_TEST

/* ---- text ------------------------------------------------------------------------------------ */

START_TEST(text_at_null_is_measured_with_size_0_and_refused_with_more) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = wg_nn_param(m, "w", WG_F32, WG_SHAPE(2), (wg_init){ 0 });
    wg_tensor *loss = wg_sum(wg_nn_param(m, "v", WG_F32, WG_SHAPE(2), (wg_init){ 0 }));
    ck_assert_ptr_nonnull(w);
    char text[2000];
    ck_assert_uint_eq(wg_nn_summary(m, NULL, NULL, NULL, 0),
                      wg_nn_summary(m, NULL, NULL, text, sizeof text));
    ck_assert_uint_eq(wg_nn_norms_text(m, NULL, NULL, NULL, 0),
                      wg_nn_norms_text(m, NULL, NULL, text, sizeof text));
    ck_assert_uint_eq(wg_nn_unreached_text(m, loss, NULL, 0),
                      wg_nn_unreached_text(m, loss, text, sizeof text));
    ck_assert_uint_eq(wg_nn_summary(m, NULL, NULL, NULL, 100), 0);
    expect_error(WG_ERROR_ARGUMENT, "nn_summary: 100 bytes of text at NULL");
    ck_assert_uint_eq(wg_nn_norms_text(m, NULL, NULL, NULL, 100), 0);
    expect_error(WG_ERROR_ARGUMENT, "nn_norms_text: 100 bytes of text at NULL");
    ck_assert_uint_eq(wg_nn_unreached_text(m, loss, NULL, 100), 0);
    expect_error(WG_ERROR_ARGUMENT, "nn_unreached_text: 100 bytes of text at NULL");
    wg_nn_free(m);
}
END_TEST

/* ---- positions ------------------------------------------------------------------------------- */

START_TEST(positions_beyond_2_to_the_53_are_refused) {
    const int64_t most = (int64_t)1 << 53;
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_ones(WG_F64, WG_SHAPE(3, 4));
    const int64_t bad[] = { INT64_MAX, most - 2, INT64_MIN, -1 };
    char words[100];
    for (int i = 0; i < 4; i++) {
        ck_assert_ptr_null(wg_rotary(x, bad[i], 0));
        snprintf(words, sizeof words, "rotary: 3 steps from %lld on", (long long)bad[i]);
        expect_error(WG_ERROR_ARGUMENT, words);
        ck_assert_ptr_null(wg_sinusoidal_positions(WG_F64, bad[i], 3, 4));
        snprintf(words, sizeof words, "sinusoidal_positions: 3 steps from %lld on",
                 (long long)bad[i]);
        expect_error(WG_ERROR_ARGUMENT, words);
        ck_assert_ptr_null(wg_nn_positions(m, "p", x, 10, bad[i]));
        expect_error(WG_ERROR_ARGUMENT, "p: nn_positions: 3 steps from");
    }
    ck_assert_ptr_null(wg_nn_positions(m, "p", x, INT64_MIN, 5));
    expect_error(WG_ERROR_ARGUMENT, "p: nn_positions: 3 steps from 5 on, of -9");
    ck_assert_ptr_null(wg_sinusoidal_positions(WG_F64, 0, INT64_MAX, 4));
    expect_error(WG_ERROR_ARGUMENT, "sinusoidal_positions: 9223372036854775807 steps from 0 on");
    ck_assert_ptr_null(wg_sinusoidal_positions(WG_F64, 0, 1, INT64_MAX));
    expect_error(WG_ERROR_ARGUMENT, "sinusoidal_positions: a width of 9223372036854775807");
    ck_assert_ptr_nonnull(wg_rotary(x, most - 3, 0));
    ck_assert_int_eq(wg_nn_params(m, NULL), 0);
    wg_nn_free(m);
}
END_TEST

/* ---- initial values -------------------------------------------------------------------------- */

START_TEST(a_normal_law_without_a_deviation_has_deviation_1) {
    const wg_init_kind kinds[] = { WG_INIT_NORMAL, WG_INIT_TRUNCATED_NORMAL };
    wg_nn *m = wg_nn_new(1), *n = wg_nn_new(1);
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "truncated" : "normal";
        wg_init plain = { .kind = kinds[i] }, said = { .kind = kinds[i], .b = 1 };
        wg_tensor *w = wg_nn_param(m, name, WG_F32, WG_SHAPE(30, 20), plain);
        ck_assert(wg_equal(w, wg_nn_param(n, name, WG_F32, WG_SHAPE(30, 20), said)));
        ck_assert(element(w, 0) != 0 && element(w, 0) != element(w, 1));
    }
    wg_nn_free(m), wg_nn_free(n);
}
END_TEST

/* ---- refusals, after which there is no parameter --------------------------------------------- */

#define BAD                                                                                        \
    { .kind = WG_INIT_UNIFORM, .a = 1, .b = 1 }
#define GIVEN                                                                                      \
    { .kind = WG_INIT_CONSTANT, .a = 1 }

static wg_tensor *x3(void) { return wg_ones(WG_F32, WG_SHAPE(2, 3, 4)); }
static wg_tensor *lengths(void) { return wg_full(WG_I64, WG_SHAPE(2), 9); }

typedef struct refusal {
    wg_tensor *(*call)(wg_nn *m);
    wg_status status;
    const char *words;
} refusal;

#define CALL(name, ...)                                                                            \
    static wg_tensor *name(wg_nn *m) { return __VA_ARGS__; }
#define LINEAR(...)                                                                                \
    (wg_linear_options) { __VA_ARGS__ }
#define NORM(...)                                                                                  \
    (wg_norm_options) { __VA_ARGS__ }
#define RECURRENT(...)                                                                             \
    (wg_recurrent_options) { __VA_ARGS__ }
#define HEADS(...)                                                                                 \
    (wg_multi_head_options) { __VA_ARGS__ }
#define BLOCK(...)                                                                                 \
    (wg_transformer_options) { __VA_ARGS__ }

CALL(linear_w, wg_nn_linear_with(m, "bad", x3(), 3, LINEAR(.w = BAD)))
CALL(linear_b, wg_nn_linear_with(m, "bad", x3(), 3, LINEAR(.b = BAD)))
CALL(linear_b_matrix, wg_nn_linear_with(m, "bad", x3(), 3, LINEAR(.b.kind = WG_INIT_IDENTITY)))
CALL(linear_no_b, wg_nn_linear_with(m, "bad", x3(), 3, LINEAR(.no_bias = true, .b = GIVEN)))
CALL(bilinear_b, wg_nn_bilinear_with(m, "bad", x3(), x3(), 3, LINEAR(.b = BAD)))
CALL(bilinear_no_b,
     wg_nn_bilinear_with(m, "bad", x3(), x3(), 3, LINEAR(.no_bias = true, .b = GIVEN)))
CALL(conv_b, wg_nn_conv1d_with(m, "bad", x3(), 2, 2, (wg_conv_layer_options){ .b = BAD }))
CALL(conv_no_b, wg_nn_conv1d_with(m, "bad", x3(), 2, 2,
                                  (wg_conv_layer_options){ .no_bias = true, .b = GIVEN }))
CALL(layer_norm_b, wg_nn_layer_norm_with(m, "bad", x3(), NORM(.b = BAD)))
CALL(layer_norm_no_b, wg_nn_layer_norm_with(m, "bad", x3(), NORM(.no_bias = true, .b = GIVEN)))
CALL(layer_norm_no_w, wg_nn_layer_norm_with(m, "bad", x3(), NORM(.no_affine = true, .w = GIVEN)))
CALL(rms_norm_b, wg_nn_rms_norm_with(m, "bad", x3(), NORM(.b = GIVEN)))
CALL(batch_norm_b, wg_nn_batch_norm_with(m, "bad", x3(), NORM(.b = BAD)))
CALL(batch_norm_one, wg_nn_batch_norm(m, "bad", wg_ones(WG_F32, WG_SHAPE(1, 4))))
CALL(lstm_w_hh, wg_nn_lstm_with(m, "bad", x3(), 3, RECURRENT(.w_hh = BAD)))
CALL(gru_b, wg_nn_gru_with(m, "bad", x3(), 3, RECURRENT(.b = BAD)))
CALL(gru_no_b, wg_nn_gru_with(m, "bad", x3(), 3, RECURRENT(.no_bias = true, .b = GIVEN)))
CALL(lstm_no_forget,
     wg_nn_lstm_with(m, "bad", x3(), 3, RECURRENT(.no_bias = true, .forget_bias = 1)))
CALL(rnn_dropout, wg_nn_rnn_with(m, "bad", x3(), 3, RECURRENT(.dropout = 7)))
CALL(rnn_dropout_2, wg_nn_rnn_with(m, "bad", x3(), 3, RECURRENT(.dropout = 7, .layers = 2)))
CALL(dropout_ints, wg_nn_dropout(m, "bad", wg_ones(WG_I64, WG_SHAPE(3)), 0))

CALL(heads_mask,
     wg_nn_multi_head_attention(m, "bad", x3(), 2, HEADS(.mask = wg_zeros(WG_F32, WG_SHAPE(2, 3)))))
CALL(heads_mask_dtype,
     wg_nn_multi_head_attention(m, "bad", x3(), 2, HEADS(.mask = wg_zeros(WG_I64, WG_SHAPE(3, 3)))))
CALL(heads_lengths, wg_nn_multi_head_attention(m, "bad", x3(), 2, HEADS(.lengths = lengths())))
CALL(heads_w, wg_nn_multi_head_attention(m, "bad", x3(), 2, HEADS(.w = BAD)))
CALL(heads_base,
     wg_nn_multi_head_attention(m, "bad", x3(), 2, HEADS(.rotary = true, .rotary_base = -1)))

CALL(block_heads, wg_nn_transformer_block(m, "bad", x3(), 3, BLOCK(0)))
CALL(block_dropout, wg_nn_transformer_block(m, "bad", x3(), 2, BLOCK(.dropout = 2)))
CALL(block_mask, wg_nn_transformer_block(m, "bad", x3(), 2,
                                         BLOCK(.attention.mask = wg_zeros(WG_F32, WG_SHAPE(2, 3)))))
CALL(block_w, wg_nn_transformer_block(m, "bad", x3(), 2, BLOCK(.attention.w = BAD)))
CALL(block_epsilon,
     wg_nn_transformer_block(m, "bad", x3(), 2, BLOCK(.post_norm = true, .epsilon = -1)))
CALL(block_memory,
     wg_nn_transformer_block(m, "bad", x3(), 2, BLOCK(.memory = x3(), .memory_lengths = lengths())))
CALL(block_memory_rank,
     wg_nn_transformer_block(m, "bad", x3(), 2, BLOCK(.memory = wg_ones(WG_F32, WG_SHAPE(3, 4)))))
CALL(block_inner_dropout,
     wg_nn_transformer_block(m, "bad", x3(), 2, BLOCK(.attention.dropout = 0.5)))
CALL(block_inner_bias, wg_nn_transformer_block(m, "bad", x3(), 2, BLOCK(.attention.no_bias = true)))
CALL(block_no_memory,
     wg_nn_transformer_block(m, "bad", x3(), 2, BLOCK(.memory_lengths = lengths())))
CALL(block_no_memory_mask,
     wg_nn_transformer_block(m, "bad", x3(), 2, BLOCK(.memory_mask = lengths())))

static const refusal refusals[] = {
    { linear_w, WG_ERROR_ARGUMENT, "init: uniform on [1, 1) is empty" },
    { linear_b, WG_ERROR_ARGUMENT, "init: uniform on [1, 1) is empty" },
    { linear_b_matrix, WG_ERROR_SHAPE, "init: [3] is no matrix" },
    { linear_no_b, WG_ERROR_ARGUMENT, "nn_linear: .b is given, but there is no bias" },
    { bilinear_b, WG_ERROR_ARGUMENT, "init: uniform" },
    { bilinear_no_b, WG_ERROR_ARGUMENT, "nn_bilinear: .b is given, but there is no bias" },
    { conv_b, WG_ERROR_ARGUMENT, "init: uniform" },
    { conv_no_b, WG_ERROR_ARGUMENT, "nn_conv1d: .b is given, but there is no bias" },
    { layer_norm_b, WG_ERROR_ARGUMENT, "init: uniform" },
    { layer_norm_no_b, WG_ERROR_ARGUMENT, "nn_layer_norm: .b is given, but there is no bias" },
    { layer_norm_no_w, WG_ERROR_ARGUMENT, "nn_layer_norm: .w is given, but no_affine" },
    { rms_norm_b, WG_ERROR_ARGUMENT, "nn_rms_norm: .b is given, but there is no bias" },
    { batch_norm_b, WG_ERROR_ARGUMENT, "init: uniform" },
    { batch_norm_one, WG_ERROR_SHAPE, "nn_batch_norm: x is [1,4], 1 values to a channel" },
    { lstm_w_hh, WG_ERROR_ARGUMENT, "init: uniform" },
    { gru_b, WG_ERROR_ARGUMENT, "init: uniform" },
    { gru_no_b, WG_ERROR_ARGUMENT, "nn_gru: .b is given, but there is no bias" },
    { lstm_no_forget, WG_ERROR_ARGUMENT, "nn_lstm: a forget bias of 1, but there is no bias" },
    { rnn_dropout, WG_ERROR_ARGUMENT, "nn_rnn: the probability 7 is not in [0, 1)" },
    { rnn_dropout_2, WG_ERROR_ARGUMENT, "nn_rnn: the probability 7 is not in [0, 1)" },
    { dropout_ints, WG_ERROR_DTYPE, "nn_dropout: x is i64 [3], wanted is f32 or f64 (...)" },
    { heads_mask, WG_ERROR_SHAPE, "the mask, [2,3], does not broadcast to [2,2,3,3]" },
    { heads_mask_dtype, WG_ERROR_DTYPE, "the mask is i64, wanted is bool or f32" },
    { heads_lengths, WG_ERROR_INDEX, "length 9 of sample 0 is not in 0 ... 3" },
    { heads_w, WG_ERROR_ARGUMENT, "init: uniform" },
    { heads_base, WG_ERROR_ARGUMENT, "nn_multi_head_attention: a base of -1" },
    { block_heads, WG_ERROR_ARGUMENT, "attention: nn_multi_head_attention: a width of 4" },
    { block_dropout, WG_ERROR_ARGUMENT, "the probability 2 is not in [0, 1)" },
    { block_mask, WG_ERROR_SHAPE, "attention: nn_multi_head_attention: the mask, [2,3]" },
    { block_w, WG_ERROR_ARGUMENT, "init: uniform" },
    { block_epsilon, WG_ERROR_ARGUMENT, "nn_transformer_block: epsilon -1" },
    { block_memory, WG_ERROR_INDEX, "cross: nn_multi_head_attention: length 9 of sample 0" },
    { block_memory_rank, WG_ERROR_SHAPE, "cross: nn_multi_head_attention: the key is f32 [3,4]" },
    { block_inner_dropout, WG_ERROR_ARGUMENT, "nn_transformer_block: .attention.dropout" },
    { block_inner_bias, WG_ERROR_ARGUMENT, "nn_transformer_block: .attention.no_bias" },
    { block_no_memory, WG_ERROR_ARGUMENT, "nn_transformer_block: .memory_lengths without .memory" },
    { block_no_memory_mask, WG_ERROR_ARGUMENT,
      "nn_transformer_block: .memory_mask without .memory" },
};

START_TEST(a_layer_that_refuses_an_option_has_made_no_parameter) {
    wg_nn *m = wg_nn_new(1);
    ck_assert_ptr_null(refusals[_i].call(m));
    ck_assert_msg(strncmp(wg_error_message(), "bad", 3) == 0, "'%s'", wg_error_message());
    expect_error(refusals[_i].status, refusals[_i].words);
    ck_assert_int_eq(wg_nn_params(m, NULL), 0);
    wg_nn_free(m);
}
END_TEST

START_TEST(dropout_of_integers_is_refused_in_every_mode) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_ones(WG_I64, WG_SHAPE(3));
    for (int i = 0; i < 4; i++) {
        wg_nn_train(m, i % 2 == 0);
        ck_assert_ptr_null(wg_nn_dropout(m, "drop", x, i < 2 ? 0 : 0.5));
        expect_error(WG_ERROR_DTYPE, "drop: nn_dropout: x is i64 [3]");
    }
    wg_nn_free(m);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("nn_edges");
    TCase *cases = add_cases(suite, "edges");
    tcase_add_test(cases, a_cache_does_not_count_layers_of_a_freed_model);
    tcase_add_test(cases, a_call_that_fails_in_a_later_layer_leaves_the_cache_as_it_was);
    tcase_add_test(cases, a_block_that_fails_behind_its_attention_leaves_the_cache_as_it_was);
    tcase_add_test(cases, text_at_null_is_measured_with_size_0_and_refused_with_more);
    tcase_add_test(cases, positions_beyond_2_to_the_53_are_refused);
    tcase_add_test(cases, a_normal_law_without_a_deviation_has_deviation_1);
    tcase_add_test(cases, dropout_of_integers_is_refused_in_every_mode);
    cases = add_cases(suite, "refusals");
    ADD_TABLE(cases, a_layer_that_refuses_an_option_has_made_no_parameter, refusals);
    return run_suite(suite);
}
