// SPDX-License-Identifier: MIT
/* test_recurrent.c: recurrent layers against PyTorch's, against themselves step by step, and
   against what lengths, directions and states must mean. */
#include "tests/sequence_test.h"

typedef wg_tensor *layer(wg_nn *m, const char *name, wg_tensor *x, int64_t units,
                         wg_recurrent_options o);
typedef struct kind {
    const char *name;
    int gates;
    bool has_c;
    layer *whole, *step;
} kind;
static const kind kinds[] = {
    { "nn_rnn", 1, false, wg_nn_rnn_with, wg_nn_rnn_step },
    { "nn_lstm", 4, true, wg_nn_lstm_with, wg_nn_lstm_step },
    { "nn_gru", 3, false, wg_nn_gru_with, wg_nn_gru_step },
};
enum { RNN, LSTM, GRU };

/* ---- PyTorch --------------------------------------------------------------------------------- */

enum { B = 3, T = 4, IN = 2, H = 3 };
static const int64_t some_lengths[B] = { 2, 4, 1 };

typedef struct golden_net {
    const char *file;
    int kind, states;  // inputs that are states
    bool packed;
    wg_recurrent_options o;
} golden_net;
static const golden_net nets[] = {
    { "rnn", RNN, 0, false, { 0 } },
    { "rnn_relu", RNN, 0, true, { .relu = true, .layers = 2 } },
    { "lstm", LSTM, 2, false, { 0 } },
    { "lstm_packed", LSTM, 0, true, { 0 } },
    { "lstm_both", LSTM, 0, true, { .layers = 2, .bidirectional = true } },
    { "lstm_plain", LSTM, 0, false, { .no_bias = true } },
    { "gru", GRU, 1, false, { 0 } },
    { "gru_both", GRU, 0, true, { .bidirectional = true } },
    { "gru_deep", GRU, 1, false, { .layers = 2, .bidirectional = true } },
};

static wg_tensor *lengths_of(const int64_t *lengths) {
    return wg_from(WG_I64, WG_SHAPE(B), lengths);
}

static wg_tensor *given(wg_tensor *state, int64_t n) {  // PyTorch's (1, B, H) is (B, H) here
    return n == 1 ? wg_squeeze(state, 0) : state;
}

static int run_net(wg_nn *m, wg_tensor *const x[], wg_tensor *results[], const void *user) {
    const golden_net *net = user;
    const kind *k = &kinds[net->kind];
    wg_recurrent_options o = net->o;
    wg_recurrent_state s = { 0 };
    int64_t n = (o.layers ? o.layers : 1) * (o.bidirectional ? 2 : 1);
    if (net->states > 0) s.h = given(x[1], n);
    if (net->states > 1) s.c = given(x[2], n);
    if (net->packed) o.lengths = lengths_of(some_lengths);
    o.state = &s;
    results[0] = k->whole(m, "net", x[0], H, o);
    results[1] = s.h, results[2] = s.c;
    return k->has_c ? 3 : 2;
}

static void add_parameters(golden_case *c, const golden_net *net, char path[][40]) {
    int64_t layers = net->o.layers ? net->o.layers : 1, directions = net->o.bidirectional ? 2 : 1;
    int64_t rows = kinds[net->kind].gates * H;
    static const char *const name[] = { "w_ih", "w_hh", "b_ih", "b_hh" };
    for (int64_t i = 0; i < layers * directions; i++) {
        int64_t l = i / directions, in = l == 0 ? IN : H * directions;
        const wg_shape shape[] = { WG_SHAPE(rows, in), WG_SHAPE(rows, H), WG_SHAPE(rows),
                                   WG_SHAPE(rows) };
        for (int p = 0; p < (net->o.no_bias ? 2 : 4); p++) {
            char *text = path[c->parameters];
            snprintf(text, 40, "net/%s%s%s", l ? "layer1/" : "", i % directions ? "reverse/" : "",
                     name[p]);
            c->parameter[c->parameters++] = (named_shape){ text, shape[p] };
        }
    }
}

START_TEST(outputs_states_and_gradients_are_those_of_pytorch) {
    const golden_net *net = &nets[_i];
    int64_t n = (net->o.layers ? net->o.layers : 1) * (net->o.bidirectional ? 2 : 1);
    golden_case c = { .file = net->file, .inputs = 1 + net->states, .run = run_net, .user = net };
    char path[MOST_PARAMETERS][40];
    c.input[0] = WG_SHAPE(B, T, IN);
    for (int i = 1; i < c.inputs; i++) c.input[i] = WG_SHAPE(n, B, H);
    add_parameters(&c, net, path);
    golden_check(&c);
}
END_TEST

/* ---- gradients ------------------------------------------------------------------------------- */

static int checked_kind;

// x (B, T, IN) and a state h (2, B, H), bidirectional, with lengths.
static wg_tensor *checked_net(void *user, wg_tensor *const x[], int n) {
    const kind *k = &kinds[checked_kind];
    wg_recurrent_state s = { .h = n > 1 ? x[1] : NULL };
    wg_recurrent_options o = { .state = &s,
                               .bidirectional = true,
                               .lengths = lengths_of(some_lengths) };
    wg_tensor *y = k->whole(user, "net", x[0], H, o);  // (B, T, 2 H)
    wg_tensor *loss = wg_add(wg_mean(wg_square(y)), wg_mean(s.h));
    return k->has_c ? wg_add(loss, wg_mean(wg_sin(s.c))) : loss;
}

START_TEST(gradients_pass_the_checker) {
    checked_kind = _i;
    wg_tensor *x[] = { normal(WG_F64, WG_SHAPE(B, T, IN), 1),
                       normal(WG_F64, WG_SHAPE(2, B, H), 2) };
    expect_gradients(checked_net, x, 2, kinds[_i].name);
}
END_TEST

/* ---- steps and sequences --------------------------------------------------------------------- */

/* T products of the same numbers, grouped otherwise, through a contraction. */
static const double REGROUPED = 1e-14;

static void expect_same(const wg_tensor *a, const wg_tensor *b, double bound) {
    ck_assert_msg(a && b && wg_allclose(a, b, bound, bound), "%s", wg_error_message());
}

START_TEST(a_sequence_is_its_steps_one_after_the_other) {
    const kind *k = &kinds[_i];
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F64, WG_SHAPE(B, 70, IN), 3);  // more than one join takes
    wg_recurrent_state whole = { 0 }, s = { 0 };
    wg_tensor *y = k->whole(m, "net", x, H, (wg_recurrent_options){ .state = &whole });
    expect_shape(y, WG_SHAPE(B, 70, H));
    for (int64_t t = 0; t < 70; t++) {
        wg_recurrent_options o = { .state = &s };
        wg_tensor *h = k->step(m, "net", wg_select(x, 1, t), H, o);
        ck_assert_ptr_eq(h, s.h);
        expect_same(h, wg_select(y, 1, t), REGROUPED);
    }
    expect_same(s.h, whole.h, REGROUPED);
    if (k->has_c) expect_same(s.c, whole.c, REGROUPED);
    ck_assert(k->has_c || (!s.c && !whole.c));
    wg_nn_free(m);
}
END_TEST

START_TEST(backwards_is_forwards_of_the_reversed_sequence) {
    const kind *k = &kinds[_i];
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F64, WG_SHAPE(B, T, IN), 3);
    wg_recurrent_state a = { 0 }, b = { 0 };
    wg_tensor *y = k->whole(m, "net", x, H, (wg_recurrent_options){ .state = &a, .reverse = true });
    wg_tensor *z = k->whole(m, "net", wg_flip(x, 1), H, (wg_recurrent_options){ .state = &b });
    expect_same(y, wg_flip(z, 1), REGROUPED);
    expect_same(a.h, b.h, REGROUPED);
    wg_nn_free(m);
}
END_TEST

START_TEST(pieces_with_the_state_handed_on_are_the_whole_and_a_stopped_state_ends_history) {
    const kind *k = &kinds[_i];
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_variable(normal(WG_F64, WG_SHAPE(B, 6, IN), 3)), *gx;
    wg_recurrent_state s = { 0 };
    wg_recurrent_options o = { .state = &s };
    wg_tensor *whole = k->whole(m, "net", x, H, (wg_recurrent_options){ 0 });
    wg_tensor *first = k->whole(m, "net", wg_slice(x, 1, 0, 4, 1), H, o);
    s.h = wg_stop(s.h);
    if (k->has_c) s.c = wg_stop(s.c);
    wg_tensor *second = k->whole(m, "net", wg_slice(x, 1, 4, 6, 1), H, o);
    expect_same(wg_cat((wg_tensor *[]){ first, second }, 2, 1), whole, REGROUPED);
    ck_assert(wg_grad(wg_sum(second), &x, 1, &gx, (wg_grad_options){ 0 }));
    ck_assert_double_eq(wg_item(wg_sum(wg_abs(wg_slice(gx, 1, 0, 4, 1)))), 0);
    ck_assert_double_gt(wg_item(wg_sum(wg_abs(wg_slice(gx, 1, 4, 6, 1)))), 0.01);
    wg_nn_free(m);
}
END_TEST

START_TEST(pieces_in_scopes_of_their_own_train_in_constant_memory) {
    wg_nn *m = wg_nn_new(1);
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = 0.1 });
    wg_tensor *h = wg_zeros(WG_F64, WG_SHAPE(B, H)), *c = wg_zeros_like(h);
    int64_t tensors = 0;
    double before = 0;
    for (int i = 0; i < 5; i++) {
        wg_scope *piece = wg_scope_open();
        wg_tensor *x = normal(WG_F64, WG_SHAPE(B, T, IN), (uint64_t)i);
        wg_recurrent_state s = { h, c };
        wg_tensor *y = wg_nn_lstm_with(m, "net", x, H, (wg_recurrent_options){ .state = &s });
        ck_assert(wg_optim_minimize(o, wg_mean(wg_square(y))));
        ck_assert(wg_copy(h, s.h) && wg_copy(c, s.c));
        wg_scope_close(piece);
        if (i == 1) tensors = wg_memory_now().tensors;
        if (i > 1) ck_assert_int_eq(wg_memory_now().tensors, tensors);
        ck_assert(element(c, 0) != before);
        before = element(c, 0);
    }
    wg_optim_free(o), wg_nn_free(m);
}
END_TEST

START_TEST(long_sequences_pass_a_gradient_from_end_to_end) {
    wg_nn *m = wg_nn_new(1);
    enum { LONG = 5000 };  // joined in three rounds
    wg_tensor *x = wg_variable(normal(WG_F64, WG_SHAPE(1, LONG, 1), 3)), *gx;
    // h' = relu(x + h) with weights of 1: the sum of all, as x is made positive.
    wg_init one = { .kind = WG_INIT_CONSTANT, .a = 1 };
    wg_recurrent_options o = { .relu = true, .no_bias = true, .w_ih = one, .w_hh = one };
    wg_tensor *y = wg_nn_rnn_with(m, "net", wg_abs(x), 1, o), *last = wg_select(y, 1, LONG - 1);
    expect_close(wg_item(last), wg_item(wg_sum(wg_abs(x))), 1e-9, "the sum");  // of 5000 terms
    ck_assert(wg_grad(last, &x, 1, &gx, (wg_grad_options){ .constant = true }));
    for (int64_t t = 0; t < LONG; t += 7)
        ck_assert_double_eq(element(gx, t), element(x, t) > 0 ? 1 : -1);
    wg_nn_free(m);
}
END_TEST

/* ---- lengths --------------------------------------------------------------------------------- */

static wg_tensor *sample(wg_tensor *x, int64_t b, int64_t steps) {  // (1, steps, ...)
    return wg_slice(wg_slice(x, 0, b, b + 1, 1), 1, 0, steps, 1);
}

START_TEST(a_sample_of_a_length_is_as_if_it_were_alone) {
    const kind *k = &kinds[_i];
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F64, WG_SHAPE(B, T, IN), 3);
    for (int reverse = 0; reverse < 2; reverse++) {
        wg_recurrent_state all = { 0 };
        wg_recurrent_options o = { .state = &all,
                                   .lengths = lengths_of(some_lengths),
                                   .reverse = reverse };
        wg_tensor *y = k->whole(m, "net", x, H, o);
        for (int64_t b = 0; b < B; b++) {
            wg_recurrent_state own = { 0 };
            o = (wg_recurrent_options){ .state = &own, .reverse = reverse };
            wg_tensor *alone = k->whole(m, "net", sample(x, b, some_lengths[b]), H, o);
            expect_same(sample(y, b, some_lengths[b]), alone, REGROUPED);
            expect_same(wg_slice(all.h, 0, b, b + 1, 1), own.h, REGROUPED);
            wg_tensor *rest = wg_slice(wg_select(y, 0, b), 0, some_lengths[b], WG_END, 1);
            ck_assert_double_eq(wg_item(wg_sum(wg_abs(rest))), 0);
        }
    }
    wg_nn_free(m);
}
END_TEST

START_TEST(what_stands_beyond_the_length_is_not_read) {
    const kind *k = &kinds[_i];
    wg_nn *m = wg_nn_new(1);
    wg_tensor *lengths = wg_cast(lengths_of(some_lengths), WG_I32);
    wg_tensor *x = normal(WG_F64, WG_SHAPE(B, T, IN), 3), *loss[2];
    wg_tensor *keep = wg_lt(wg_arange(WG_I64, 0, T, 1), wg_unsqueeze(lengths_of(some_lengths), 1));
    wg_tensor *bad = wg_where(wg_unsqueeze(keep, 2), x, wg_num(NAN));
    wg_recurrent_options o = { .lengths = lengths, .bidirectional = true, .layers = 2 };
    for (int i = 0; i < 2; i++) loss[i] = wg_sum(k->whole(m, "net", i ? bad : x, H, o));
    ck_assert_double_eq(wg_item(loss[0]), wg_item(loss[1]));
    ck_assert(wg_backward(loss[1]));
    for (int i = 0; i < wg_nn_params(m, NULL); i++)
        ck_assert(isfinite(wg_item(wg_sum(wg_gradient(wg_nn_param_at(m, NULL, i))))));
    wg_nn_free(m);
}
END_TEST

START_TEST(a_sample_without_steps_keeps_its_state) {
    const kind *k = &kinds[_i];
    wg_nn *m = wg_nn_new(1);
    wg_tensor *h = normal(WG_F64, WG_SHAPE(B, H), 4);
    wg_recurrent_state s = { .h = h };
    wg_recurrent_options o = { .state = &s, .lengths = lengths_of((int64_t[]){ 0, 0, 0 }) };
    wg_tensor *y = k->whole(m, "net", normal(WG_F64, WG_SHAPE(B, T, IN), 3), H, o);
    ck_assert(wg_equal(s.h, h));
    ck_assert(wg_equal(y, wg_zeros(WG_F64, WG_SHAPE(B, T, H))));
    wg_nn_free(m);
}
END_TEST

/* ---- parameters ------------------------------------------------------------------------------ */

START_TEST(parameters_start_uniform_on_one_over_root_h_and_the_forget_gate_where_it_is_told) {
    wg_nn *m = wg_nn_new(1);
    wg_recurrent_options o = { .forget_bias = 1 };
    wg_nn_lstm_with(m, "net", wg_zeros(WG_F64, WG_SHAPE(1, 1, 5)), 16, o);
    const wg_tensor *w = wg_nn_find(m, "net/w_hh");  // (64, 16)
    double most = wg_item(wg_max(wg_abs(wg_nn_find(m, "net/w_hh"))));
    ck_assert_double_le(most, 0.25);
    ck_assert_double_gt(most, 0.24);  // 1024 draws all stay below with probability 2e-18
    ck_assert(w != NULL);
    for (int64_t i = 0; i < 64; i++) {
        double in = element(wg_nn_find(m, "net/b_ih"), i);
        double hidden = element(wg_nn_find(m, "net/b_hh"), i);
        bool forget = i >= 16 && i < 32;
        ck_assert(forget ? in == 1 && hidden == 0 : fabs(in) <= 0.25 && hidden != 0);
    }
    wg_fill(wg_nn_find(m, "net/b_ih"), 3);  // the option is for the first time only
    wg_nn_lstm_with(m, "net", wg_zeros(WG_F64, WG_SHAPE(1, 1, 5)), 16, o);
    ck_assert_double_eq(element(wg_nn_find(m, "net/b_ih"), 20), 3);
    wg_nn_free(m);
}
END_TEST

START_TEST(recurrent_weights_can_start_orthogonal) {
    wg_nn *m = wg_nn_new(1);
    wg_recurrent_options o = { .w_hh = { .kind = WG_INIT_ORTHOGONAL } };
    wg_nn_gru_with(m, "net", wg_zeros(WG_F64, WG_SHAPE(1, 1, 5)), 6, o);
    wg_tensor *w = wg_nn_find(m, "net/w_hh");  // (18, 6)
    wg_tensor *square = wg_matmul(wg_transpose(w, 0, 1), w);
    ck_assert(wg_allclose(square, wg_eye(WG_F64, 6), 0, 1e-12));  // as the initialiser promises
    wg_nn_free(m);
}
END_TEST

START_TEST(f32_gives_what_f64_gives_up_to_its_rounding) {
    const kind *k = &kinds[_i];
    wg_nn *m = wg_nn_new(1), *n = wg_nn_new(1);
    wg_tensor *x = normal(WG_F64, WG_SHAPE(B, T, IN), 3);
    wg_recurrent_options o = { .lengths = lengths_of(some_lengths), .layers = 2 };
    wg_tensor *y = k->whole(m, "net", x, H, o);
    wg_tensor *z = k->whole(n, "net", wg_cast(x, WG_F32), H, o);
    ck_assert_int_eq(wg_dtype_of(z), WG_F32);
    expect_same(wg_cast(z, WG_F64), y, 1e-6);  // a few roundings of 6e-8 of numbers below 1
    ck_assert(wg_backward(wg_sum(z)));
    wg_nn_free(m), wg_nn_free(n);
}
END_TEST

START_TEST(dropout_acts_between_layers_and_only_while_training) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F64, WG_SHAPE(B, T, IN), 3);
    wg_recurrent_options o = { .layers = 2 }, dropping = { .layers = 2, .dropout = 0.5 };
    wg_tensor *plain = wg_nn_gru_with(m, "net", x, H, o);
    ck_assert(!wg_equal(wg_nn_gru_with(m, "net", x, H, dropping), plain));
    wg_nn_train(m, false);
    ck_assert(wg_equal(wg_nn_gru_with(m, "net", x, H, dropping), plain));
    wg_nn_train(m, true);
    dropping.layers = 1;
    wg_tensor *one = wg_nn_gru_with(m, "net", x, H, dropping);
    dropping.dropout = 0;
    ck_assert(wg_equal(one, wg_nn_gru_with(m, "net", x, H, dropping)));
    wg_nn_free(m);
}
END_TEST

/* ---- what is wrong --------------------------------------------------------------------------- */

static wg_tensor *zeros(wg_shape shape) { return wg_zeros(WG_F32, shape); }

START_TEST(what_does_not_fit_is_refused_by_name_and_makes_nothing) {
    const kind *k = &kinds[_i];
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = zeros(WG_SHAPE(B, T, IN));
    char words[100];
    wg_recurrent_state s = { .h = zeros(WG_SHAPE(B, 4)) };
    const struct {
        wg_tensor *x;
        int64_t units;
        wg_recurrent_options o;
        wg_status status;
        const char *words;
    } bad[] = {
        { NULL, H, { 0 }, WG_ERROR_ARGUMENT, "x is NULL" },
        { zeros(WG_SHAPE(B, IN)), H, { 0 }, WG_ERROR_SHAPE, "x is f32 [3,2], wanted" },
        { wg_zeros(WG_I64, WG_SHAPE(B, T, IN)), H, { 0 }, WG_ERROR_DTYPE, "x is i64 [3,4,2]" },
        { zeros(WG_SHAPE(B, 0, IN)), H, { 0 }, WG_ERROR_SHAPE, "x has no steps" },
        { x, 0, { 0 }, WG_ERROR_ARGUMENT, "0 units" },
        { x, H, { .layers = -1 }, WG_ERROR_ARGUMENT, "-1 layers" },
        { x, H, { .layers = 1001 }, WG_ERROR_ARGUMENT, "1001 layers, wanted are at most 1000" },
        { x,
          H,
          { .layers = INT64_MAX / 2 + 1, .bidirectional = true },
          WG_ERROR_ARGUMENT,
          "4611686018427387904 layers" },
        { x, H, { .reverse = true, .bidirectional = true }, WG_ERROR_ARGUMENT, "either" },
        { x,
          H,
          { .lengths = wg_zeros(WG_I64, WG_SHAPE(2)) },
          WG_ERROR_ARGUMENT,
          "the lengths are i64 [2], wanted is i32 or i64 [3]" },
        { x, H, { .lengths = zeros(WG_SHAPE(3)) }, WG_ERROR_ARGUMENT, "the lengths are f32" },
        { x,
          H,
          { .lengths = lengths_of((int64_t[]){ 1, 5, 2 }) },
          WG_ERROR_INDEX,
          "length 5 of sample 1 is not in 0 ... 4" },
        { x,
          H,
          { .lengths = lengths_of((int64_t[]){ 1, 2, -1 }) },
          WG_ERROR_INDEX,
          "length -1 of sample 2" },
        { x,
          H,
          { .state = &s },
          WG_ERROR_SHAPE,
          "the state's h is f32 [3,4], wanted is f32 [3,3]" },
    };
    for (int i = 0; i < COUNT(bad); i++) {
        ck_assert_ptr_null(k->whole(m, "net", bad[i].x, bad[i].units, bad[i].o));
        snprintf(words, sizeof words, "net: %s: %s", k->name, bad[i].words);
        expect_error(bad[i].status, words);
    }
    ck_assert_int_eq(wg_nn_params(m, NULL), 0);
    ck_assert_ptr_null(k->whole(NULL, "net", x, H, (wg_recurrent_options){ 0 }));
    expect_error(WG_ERROR_ARGUMENT, "the model is NULL");
    ck_assert_ptr_null(k->whole(m, NULL, x, H, (wg_recurrent_options){ 0 }));
    expect_error(WG_ERROR_ARGUMENT, "the name is NULL");
    wg_nn_free(m);
}
END_TEST

START_TEST(options_of_other_layers_are_refused) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = zeros(WG_SHAPE(B, T, IN)), *step = zeros(WG_SHAPE(B, IN));
    wg_nn_lstm_with(m, "a", x, H, (wg_recurrent_options){ .relu = true });
    expect_error(WG_ERROR_ARGUMENT, "a: nn_lstm: relu is an option of nn_rnn");
    wg_nn_gru_with(m, "a", x, H, (wg_recurrent_options){ .forget_bias = 1 });
    expect_error(WG_ERROR_ARGUMENT, "a: nn_gru: a forget bias of 1, which is");
    wg_recurrent_state s = { .c = zeros(WG_SHAPE(B, H)) };
    wg_nn_gru_with(m, "a", x, H, (wg_recurrent_options){ .state = &s });
    expect_error(WG_ERROR_ARGUMENT, "a: nn_gru: the state has c");
    wg_nn_lstm_step(m, "a", step, H, (wg_recurrent_options){ 0 });
    expect_error(WG_ERROR_ARGUMENT, "a: nn_lstm_step: there is no state");
    wg_nn_lstm_step(m, "a", step, H, (wg_recurrent_options){ .state = &s, .layers = 2 });
    expect_error(WG_ERROR_ARGUMENT, "a: nn_lstm_step: an option is for whole");
    wg_nn_lstm_step(m, "a", x, H, (wg_recurrent_options){ .state = &s });
    expect_error(WG_ERROR_SHAPE, "a: nn_lstm_step: x is f32 [3,4,2], wanted is f32 or f64 (B, in)");
    wg_nn_gru_with(m, "a", x, H, (wg_recurrent_options){ .layers = 2, .dropout = 1 });
    expect_error(WG_ERROR_ARGUMENT, "a: nn_gru: the probability 1 is not in");
    wg_nn_free(m);
}
END_TEST

START_TEST(a_failed_call_leaves_the_state_and_the_path) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *h = normal(WG_F32, WG_SHAPE(B, H), 1);
    wg_recurrent_state s = { .h = h };
    wg_nn_gru_with(m, "net", zeros(WG_SHAPE(B, T, IN)), H, (wg_recurrent_options){ .state = &s });
    s.h = h;
    wg_nn_gru_with(m, "net", zeros(WG_SHAPE(B, T, 5)), H, (wg_recurrent_options){ .state = &s });
    expect_error(WG_ERROR_SHAPE, "net: the parameter \"net/w_ih\" is f32 [9,2], asked for as");
    ck_assert_ptr_eq(s.h, h);
    wg_matmul(h, zeros(WG_SHAPE(7)));
    ck_assert_msg(strncmp(wg_error_message(), "matmul", 6) == 0, "%s", wg_error_message());
    wg_error_clear();
    wg_nn_free(m);
}
END_TEST

static bool attempt(void) {
    wg_nn *m = wg_nn_new(1);
    if (!m) return false;
    wg_recurrent_state s = { 0 };
    wg_tensor *x = wg_ones(WG_F32, WG_SHAPE(2, 3, 2));
    wg_recurrent_options o = { .state = &s, .layers = 2, .bidirectional = true, .forget_bias = 1 };
    bool done = wg_nn_lstm_with(m, "net", x, 2, o) != NULL;
    ck_assert(done == (s.h != NULL) && done == (s.c != NULL));
    wg_nn_free(m);
    return done;
}

START_TEST(every_allocation_may_fail) { ck_assert_int_gt(fail_every_allocation(attempt), 10); }
END_TEST

int main(void) {
    Suite *suite = suite_create("recurrent");
    TCase *cases = add_cases(suite, "recurrent");
    ADD_TABLE(cases, outputs_states_and_gradients_are_those_of_pytorch, nets);
    ADD_TABLE(cases, gradients_pass_the_checker, kinds);
    ADD_TABLE(cases, a_sequence_is_its_steps_one_after_the_other, kinds);
    ADD_TABLE(cases, backwards_is_forwards_of_the_reversed_sequence, kinds);
    ADD_TABLE(cases, pieces_with_the_state_handed_on_are_the_whole_and_a_stopped_state_ends_history,
              kinds);
    tcase_add_test(cases, pieces_in_scopes_of_their_own_train_in_constant_memory);
    tcase_add_test(cases, long_sequences_pass_a_gradient_from_end_to_end);
    ADD_TABLE(cases, a_sample_of_a_length_is_as_if_it_were_alone, kinds);
    ADD_TABLE(cases, what_stands_beyond_the_length_is_not_read, kinds);
    ADD_TABLE(cases, a_sample_without_steps_keeps_its_state, kinds);
    tcase_add_test(
        cases, parameters_start_uniform_on_one_over_root_h_and_the_forget_gate_where_it_is_told);
    tcase_add_test(cases, recurrent_weights_can_start_orthogonal);
    ADD_TABLE(cases, f32_gives_what_f64_gives_up_to_its_rounding, kinds);
    tcase_add_test(cases, dropout_acts_between_layers_and_only_while_training);
    ADD_TABLE(cases, what_does_not_fit_is_refused_by_name_and_makes_nothing, kinds);
    tcase_add_test(cases, options_of_other_layers_are_refused);
    tcase_add_test(cases, a_failed_call_leaves_the_state_and_the_path);
    tcase_add_test(cases, every_allocation_may_fail);
    return run_suite(suite);
}
