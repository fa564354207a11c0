// SPDX-License-Identifier: MIT
/* test_layers_refuse.c: what every layer refuses, whatever it computes: an input that is not there,
   and one of the wrong kind. What each refuses of its own is in test_layers_use.c. */
#include "tests/layer_cases.h"

static int inputs_of(const layer_case *c) { return c->x[1].rank ? 2 : 1; }

// With x[wrong] in place of what the layer takes, it reports, and has made nothing.
static void refuses(const layer_case *c, int wrong, wg_tensor *instead, wg_status a, wg_status b) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x[2] = { NULL };
    for (int i = 0; i < inputs_of(c); i++)
        x[i] = c->below ? wg_zeros(WG_I64, c->x[i]) : wg_ones(WG_F64, c->x[i]);
    x[wrong] = instead;
    expect_no_error();
    ck_assert_msg(!c->layer(m, x), "%s took it", c->name);
    ck_assert_msg(wg_error() == a || wg_error() == b, "%s: %s", c->name, wg_error_message());
    wg_error_clear();
    ck_assert_msg(wg_nn_params(m, NULL) == 0, "%s made parameters", c->name);
    wg_nn_free(m);
}

START_TEST(a_layer_refuses_an_input_that_is_null) {
    const layer_case *c = &layer_cases[_i];
    for (int i = 0; i < inputs_of(c); i++)
        refuses(c, i, NULL, WG_ERROR_ARGUMENT, WG_ERROR_ARGUMENT);
}
END_TEST

START_TEST(a_layer_refuses_integers_and_one_of_indices_floats) {
    const layer_case *c = &layer_cases[_i];
    for (int i = 0; i < inputs_of(c); i++) {
        wg_dtype dtype = c->below ? WG_F64 : WG_I64;
        refuses(c, i, wg_ones(dtype, c->x[i]), WG_ERROR_DTYPE, WG_ERROR_ARGUMENT);
    }
}
END_TEST

START_TEST(a_layer_refuses_a_single_number) {
    const layer_case *c = &layer_cases[_i];
    if (c->below) return;  // one index is an index
    for (int i = 0; i < inputs_of(c); i++)
        refuses(c, i, wg_ones(WG_F64, WG_SCALAR), WG_ERROR_SHAPE, WG_ERROR_ARGUMENT);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("layers_refuse");
    TCase *t = add_cases(suite, "every layer");
    ADD_TABLE(t, a_layer_refuses_an_input_that_is_null, layer_cases);
    ADD_TABLE(t, a_layer_refuses_integers_and_one_of_indices_floats, layer_cases);
    ADD_TABLE(t, a_layer_refuses_a_single_number, layer_cases);
    return run_suite(suite);
}
