// SPDX-License-Identifier: MIT
/* test_apply.c: the gate that every operation passes, for operations of the test's own; numbers in
   formulas; and the registry. */
#include "tests/core_test.h"

/* ---- operations to apply --------------------------------------------------------------------- */

// The sum of all inputs, of one shape and dtype; f32 and f64.
static bool total_infer(const wg_call *c, wg_spec *out) {
    if (!wg_call_same_dtype(c) || !wg_call_float(c, 0)) return false;
    wg_shape shape = WG_SCALAR;
    for (int i = 0; i < c->inputs; i++)
        if (c->in[i] && wg_call_rank(c, i) > shape.rank) shape = wg_shape_of(c->in[i]);
    return wg_spec_set(out, wg_call_dtype(c, 0), shape);
}
static bool total_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    for (int64_t k = 0; k < wg_view_numel(out); k++) {
        double sum = 0;
        for (int i = 0; i < c->inputs; i++) {
            ck_assert_int_eq(in[i]->dtype, out->dtype);
            sum += wg_view_get(in[i], in[i]->shape.rank ? k : 0);
        }
        wg_view_set(out, k, sum);
    }
    return true;
}
static wg_tensor *total_vjp(const wg_call *c, wg_tensor *gy, int i) {
    return wg_sum_to(gy, wg_shape_of(c->in[i]));
}
static const wg_op total_op = { .abi = WG_OP_ABI,
                                .name = "total",
                                .doc = "the sum of the inputs",
                                .inputs = 1,
                                .inputs_max = 64,
                                .flags = WG_OP_LINEAR,
                                .saves = WG_SAVES_NOTHING,
                                .infer = total_infer,
                                .forward = total_forward,
                                .vjp = total_vjp,
                                .jvp = wg_op_jvp_linear,
                                .samples = { "2,3 2,3", "2" } };

static void weigh4(int64_t n, void *const p[], const int64_t step[], const double *param) {
    (void)param;
    float *y = p[0];
    for (int64_t i = 0; i < n; i++) {
        y[i * step[0]] = 0;
        for (int k = 1; k <= 4; k++)
            y[i * step[0]] += (float)k * ((const float *)p[k])[i * step[k]];
    }
}
static const wg_map weigh_map = { .forward = { weigh4 } };
static const wg_op weigh_op = { .abi = WG_OP_ABI,
                                .name = "weigh",
                                .doc = "a + 2 b + 3 c + 4 d",
                                .inputs = 4,
                                .flags = WG_OP_NO_GRADIENT,
                                .map = &weigh_map,
                                .samples = { "2 2 2 2" } };

/* ---- the gate -------------------------------------------------------------------------------- */

START_TEST(wrong_inputs_are_named) {
    wg_tensor *x = LIST(1, 2), *y = wg_ones(WG_F32, WG_SHAPE(2)), *many[65];
    for (int i = 0; i < 65; i++) many[i] = x;
    ck_assert_ptr_null(wg_add(NULL, x));
    expect_error(WG_ERROR_ARGUMENT, "add: input 0 is NULL");
    ck_assert_ptr_null(wg_add(x, NULL));
    expect_error(WG_ERROR_ARGUMENT, "add: input 1 is NULL");
    ck_assert_ptr_null(wg_add(x, y));
    expect_error(WG_ERROR_DTYPE, "add: [2] x [2]: f64 and f32 do not mix; use wg_cast");
    ck_assert_ptr_null(wg_add(x, LIST(1, 2, 3)));
    expect_error(WG_ERROR_SHAPE, "add: [2] x [3]: the shapes do not broadcast");
    ck_assert_ptr_null(wg_exp(wg_zeros(WG_I64, WG_SHAPE(2))));
    expect_error(WG_ERROR_DTYPE, "exp: [2]: it does not take i64");
    ck_assert_ptr_null(wg_apply(&total_op, many, 0, NULL));
    expect_error(WG_ERROR_ARGUMENT, "total: 0 inputs, not 1 to 64");
    ck_assert_ptr_null(wg_apply(&total_op, many, 65, NULL));
    expect_error(WG_ERROR_ARGUMENT, "total: 65 inputs");
    EXPECT_VALUES(wg_apply(&total_op, many, 64, NULL), 64, 128);
    for (int i = 0; i < 64; i++) many[i] = wg_zeros(WG_F64, WG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1));
    many[63] = y;
    ck_assert_ptr_null(wg_apply(&total_op, many, 64, NULL));  // more shapes than a message holds
    expect_error(WG_ERROR_DTYPE, "f64 and f32 do not mix");
}
END_TEST

START_TEST(while_an_error_is_pending_no_operation_runs) {
    wg_tensor *x = leaf(1);
    int64_t tensors = wg_memory_now().tensors;
    wg_fail(WG_ERROR_STATE, "first");
    ck_assert_ptr_null(wg_add(x, wg_mul(NULL, NULL)));
    ck_assert(!wg_backward(x));
    ck_assert_ptr_null(wg_derivative(x, x));
    ck_assert_ptr_null(wg_jvp(x, &x, 1, &x));
    ck_assert_int_eq(wg_memory_now().tensors, tensors);
    expect_error(WG_ERROR_STATE, "first");
}
END_TEST

static bool refuse(const wg_call *c, wg_spec *out) { return (void)c, (void)out, false; }
static bool refuse_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    return (void)c, (void)in, (void)out, false;
}

// Whether a copy of the record, once changed, is refused with these words.
#define CANNOT_APPLY(words, ...)                                                                   \
    do {                                                                                           \
        wg_op op = total_op;                                                                       \
        op.__VA_ARGS__;                                                                            \
        ck_assert_ptr_null(wg_apply(&op, &x, 1, NULL));                                            \
        expect_error(WG_ERROR_ARGUMENT, words);                                                    \
    } while (0)

START_TEST(a_record_that_cannot_work_is_an_error) {
    wg_tensor *x = LIST(1, 2);
    int64_t tensors = wg_memory_now().tensors;
    CANNOT_APPLY("total: [2]: refused without a reason", infer = refuse);
    CANNOT_APPLY("total: [2]: refused without a reason", forward = refuse_forward);
    CANNOT_APPLY("total: its record is of version 99, not 1", abi = 99);
    CANNOT_APPLY("total: it has none of .map, .infer, .compose", infer = NULL);
    CANNOT_APPLY("total: it has no .forward", forward = NULL);
    ck_assert_ptr_null(wg_apply(NULL, &x, 1, NULL));
    expect_error(WG_ERROR_ARGUMENT, "the operation is NULL");
    ck_assert_int_eq(wg_memory_now().tensors, tensors);
}
END_TEST

/* An alias of rank 1 whose elements are those that the attributes say. */
typedef struct reach {
    int64_t size, stride, offset;
} reach;
static bool reach_infer(const wg_call *c, wg_spec *out) {
    const reach *r = c->attr;
    wg_spec_set(out, wg_call_dtype(c, 0), WG_SHAPE(r->size));
    out->alias = true, out->stride[0] = r->stride, out->offset = r->offset;
    return true;
}
static const wg_op reach_op = {
    .abi = WG_OP_ABI, .name = "reach", .inputs = 1, .attr_size = sizeof(reach), .infer = reach_infer
};
static const reach out_of_reach[] = { { 1, 1, 4096 },      { 1, 1, -1 },
                                      { 4096, 1, 0 },      { 2, -1, 0 },
                                      { 3, 1 << 20, 0 },   { 3, INT64_MAX / 2, 0 },
                                      { 2, INT64_MIN, 0 }, { 1, 1, INT64_MIN } };

START_TEST(an_alias_that_reaches_out_of_its_input_is_an_error) {
    wg_tensor *x = LIST(1, 2, 3, 4);
    ck_assert_ptr_null(wg_apply(&reach_op, &x, 1, &out_of_reach[_i]));
    expect_error(WG_ERROR_SHAPE, "reach: [4]: infer makes an alias that reaches out of input 0");
}
END_TEST

// The small ones by the short way, the others by the long one.
static const reach in_reach[] = { { 4, 1, 0 },         { 4, -1, 3 },      { 2, -2, 3 },
                                  { 1, INT64_MAX, 3 }, { 1 << 21, 0, 3 }, { 0, INT64_MAX, 0 } };

START_TEST(an_alias_that_stays_within_its_input_is_taken) {
    const reach *r = &in_reach[_i];
    wg_tensor *x = LIST(1, 2, 3, 4), *y = wg_apply(&reach_op, &x, 1, r);
    ck_assert_ptr_nonnull(y);
    ck_assert_int_eq(wg_numel(y), r->size);
    int64_t size = r->size, step = size < 5 ? 1 : size - 1;
    for (int64_t k = 0; k < size; k += step)
        ck_assert_double_eq(wg_view_get(&y->view, k), (double)(1 + r->offset + k * r->stride));
}
END_TEST

START_TEST(an_alias_has_a_shape_and_its_input_s_dtype) {
    wg_tensor *x = LIST(1, 2, 3, 4), *none = NULL;
    ck_assert_ptr_null(wg_apply(&reach_op, &x, 1, &(reach){ .size = -3 }));
    expect_error(WG_ERROR_SHAPE, "-3");
    wg_op optional = reach_op;
    optional.inputs = 0, optional.inputs_max = 1, optional.flags = WG_OP_OPTIONAL_INPUTS;
    ck_assert_ptr_null(wg_apply(&optional, &none, 1, &(reach){ 1, 1, 0 }));
    expect_error(WG_ERROR_ARGUMENT, "alias of input 0, which is NULL");
    EXPECT_VALUES(wg_apply(&reach_op, &x, 1, &(reach){ 2, -3, 3 }), 4, 1);
    ck_assert_int_eq(wg_numel(wg_apply(&reach_op, &x, 1, &(reach){ 0, 1, 1 << 20 })), 0);
}
END_TEST

static bool infer_and_fail(const wg_call *c, wg_spec *out) {
    wg_fail(WG_ERROR_NUMERIC, "left pending");
    return total_op.infer(c, out);
}
static bool forward_and_fail(const wg_call *c, const wg_view *const in[], wg_view *out) {
    wg_fail(WG_ERROR_NUMERIC, "left pending");
    return total_op.forward(c, in, out);
}

START_TEST(an_error_that_a_record_leaves_pending_is_no_result) {
    wg_tensor *x = LIST(1, 2);
    wg_op op = total_op;
    int64_t tensors = wg_memory_now().tensors;
    op.infer = infer_and_fail;
    ck_assert_ptr_null(wg_apply(&op, &x, 1, NULL));
    expect_error(WG_ERROR_NUMERIC, "left pending");
    op.infer = total_op.infer, op.forward = forward_and_fail;
    ck_assert_ptr_null(wg_apply(&op, &x, 1, NULL));
    expect_error(WG_ERROR_NUMERIC, "left pending");
    ck_assert_int_eq(wg_memory_now().tensors, tensors);
}
END_TEST

static bool refuse_backward(const wg_call *c, const wg_view *gy, int i, wg_view *gx) {
    return (void)c, (void)gy, (void)i, (void)gx, false;
}

START_TEST(a_fused_backward_that_refuses_without_a_reason_says_so) {
    wg_op op = total_op;
    op.backward = refuse_backward;
    wg_tensor *x = wg_variable(LIST(1, 2));
    ck_assert(!wg_backward(wg_sum(wg_apply(&op, &x, 1, NULL))));
    expect_error(WG_ERROR_STATE, "total: [2]: its backward refused without a reason");
}
END_TEST

START_TEST(a_call_tells_which_inputs_are_there_and_where) {
    wg_tensor *in[] = { LIST(1, 2), NULL }, *y = LIST(3);
    wg_call c = { .op = &total_op, .inputs = 2, .in = in };
    ck_assert(wg_call_has(&c, 0) && !wg_call_has(&c, 1));
    ck_assert(!wg_call_has(&c, 2) && !wg_call_has(&c, -1));
    ck_assert_double_eq(wg_view_get(wg_call_view(&c, 0), 1), 2);
    ck_assert_ptr_null(wg_call_view(&c, 1));
    ck_assert_ptr_null(wg_call_view(&c, 2));
    ck_assert_ptr_null(wg_call_view(&c, WG_OUT));
    c.out = y;
    ck_assert_double_eq(wg_view_get(wg_call_view(&c, WG_OUT), 0), 3);
}
END_TEST

START_TEST(elementwise_operations_broadcast_over_any_layout) {
    wg_random r = { .seed = 41 };
    for (int round = 0; round < 2000; round++) {
        wg_scope *s = wg_scope_open();
        wg_shape a = random_shape(&r, 4, 3), b = random_shape(&r, 4, 3), full;
        wg_tensor *x = random_layout(&r, WG_F64, a, true), *y = random_layout(&r, WG_F64, b, true);
        for (int64_t i = 0; i < wg_numel(x); i++)
            wg_view_set(&x->view, i, (double)between(&r, -9, 9));
        for (int64_t i = 0; i < wg_numel(y); i++)
            wg_view_set(&y->view, i, (double)between(&r, -9, 9));
        wg_tensor *z = wg_sub(x, y);
        if (wg__broadcast(&a, &b, &full)) {
            wg_view vx = wg__view_broadcast(&x->view, &full),
                    vy = wg__view_broadcast(&y->view, &full);
            ck_assert(wg__shape_equal(&z->view.shape, &full) && wg_is_contiguous(z));
            for (int64_t i = 0; i < wg_numel(z); i++)
                ck_assert(wg_view_get(&z->view, i) == wg_view_get(&vx, i) - wg_view_get(&vy, i));
        } else {
            ck_assert_ptr_null(z);
            expect_error(WG_ERROR_SHAPE, "do not broadcast");
        }
        wg_scope_close(s);
    }
}
END_TEST

START_TEST(sizes_that_overflow_in_broadcasting_are_refused) {
    int64_t many = INT64_C(1) << 40;
    wg_tensor *x = wg_expand(wg_ones(WG_F32, WG_SHAPE(1, 1)), WG_SHAPE(many, 1));
    ck_assert_ptr_null(wg_add(x, wg_transpose(x, 0, 1)));
    expect_error(WG_ERROR_SHAPE, "more elements than memory can hold");
    ck_assert_ptr_null(wg_exp(wg_expand(x, WG_SHAPE(many, 1000))));
    expect_error(WG_ERROR_MEMORY, "bytes");
}
END_TEST

/* ---- numbers --------------------------------------------------------------------------------- */

START_TEST(a_number_takes_the_dtype_of_what_it_meets) {
    for (int d = 0; d < 2; d++) {
        wg_tensor *x = wg_ones((wg_dtype)d, WG_SHAPE(2)), *half = wg_num(0.5);
        wg_tensor *y[] = { wg_add(x, half), wg_add(half, x), wg_pow(x, half), wg_maximum(half, x) };
        for (int i = 0; i < 4; i++) {
            ck_assert_int_eq(wg_dtype_of(y[i]), d);
            ck_assert_int_eq(wg_numel(y[i]), 2);
        }
    }
    wg_tensor *i = wg_from_f64(WG_I64, WG_SHAPE(3), (double[]){ 1, 2, 3 });
    EXPECT_VALUES(wg_eq(i, wg_num(2)), 0, 1, 0);
    EXPECT_VALUES(wg_ge(wg_num(2), i), 1, 1, 0);
}
END_TEST

START_TEST(numbers_among_themselves_stay_numbers) {
    wg_tensor *two = wg_add(wg_num(1), wg_exp(wg_num(0))), *x = wg_ones(WG_F32, WG_SHAPE(2));
    ck_assert_int_eq(wg_rank(two), 0);
    EXPECT_VALUES(wg_mul(x, two), 2, 2);
    EXPECT_VALUES(wg_mul(x, wg_stop(wg_num(3))), 3, 3);
    EXPECT_VALUES(wg_mul(x, wg_keep(wg_num(3))), 3, 3);
    wg_tensor *g = wg_derivative(wg_mul(wg_variable(x), two), x);
    ck_assert_ptr_null(g);
    expect_error(WG_ERROR_STATE, "not tracked");
}
END_TEST

START_TEST(numbers_in_formulas_do_not_disturb_derivatives) {
    wg_tensor *x = wg_variable(wg_full(WG_F32, WG_SHAPE(2), 4)), *v = wg_ones(WG_F32, WG_SHAPE(2));
    wg_tensor *y = wg_div(wg_sub(wg_num(2), wg_mul(wg_num(3), x)), wg_num(0.5));  // 4 - 6 x
    EXPECT_VALUES(y, -20, -20);
    EXPECT_VALUES(wg_derivative(y, x), -6, -6);
    EXPECT_VALUES(wg_jvp(y, &x, 1, &v), -6, -6);
    EXPECT_VALUES(wg_derivative(wg_pow(x, wg_num(3)), x), 48, 48);
    EXPECT_VALUES(wg_derivative(wg_derivative(wg_pow(x, wg_num(3)), x), x), 24, 24);
}
END_TEST

/* ---- the registry ---------------------------------------------------------------------------- */

#define CANNOT_REGISTER(words, ...)                                                                \
    do {                                                                                           \
        wg_op op = total_op;                                                                       \
        op.__VA_ARGS__;                                                                            \
        ck_assert(!wg_op_register(&op));                                                           \
        expect_error(WG_ERROR_ARGUMENT, words);                                                    \
    } while (0)

START_TEST(incomplete_records_cannot_register) {
    int before = wg_op_count();
    CANNOT_REGISTER("no C identifier", name = "two words");
    CANNOT_REGISTER("no C identifier", name = NULL);
    CANNOT_REGISTER("no C identifier", name = "");
    CANNOT_REGISTER("no C identifier", name = "9lives");
    CANNOT_REGISTER("more than 64 characters",
                    name = "n234567890123456789012345678901234567890123456789012345678901234_");
    CANNOT_REGISTER("another version", abi = 0);
    CANNOT_REGISTER("no .doc", doc = NULL);
    CANNOT_REGISTER("no inputs", inputs_max = op.inputs = 0);
    CANNOT_REGISTER("out of range", inputs_max = (op.inputs = 3) - 1);
    CANNOT_REGISTER("out of range", inputs = 100 + (op.inputs_max = 0));
    CANNOT_REGISTER("out of range", inputs_max = 100);
    CANNOT_REGISTER("none of .map, .infer, .compose", infer = NULL);
    CANNOT_REGISTER("no .vjp", vjp = NULL);
    CANNOT_REGISTER("no .jvp", jvp = NULL);
    CANNOT_REGISTER(".attr_size do not fit", attr_size = 8);
    static const wg_attr far_off[] = { { "p", WG_ATTR_REAL, 4 }, { .name = NULL } };
    CANNOT_REGISTER(".attr_size do not fit", attrs = far_off);
    CANNOT_REGISTER(".attr_size do not fit", attrs = (op.attr_size = 8, far_off));
    static const wg_attr askew[] = { { "p", WG_ATTR_REAL, 4 }, { .name = NULL } };
    CANNOT_REGISTER(".attr_size do not fit", attrs = (op.attr_size = 16, askew));
    static const wg_attr huge[] = { { "p", WG_ATTR_REAL, 0 }, { .name = NULL } };
    CANNOT_REGISTER(".attr_size do not fit", attrs = (op.attr_size = (size_t)3 << 30, huge));
    CANNOT_REGISTER("names an input that it does not have",
                    inputs_max = (op.saves = WG_SAVES_IN(5), 2));
    CANNOT_REGISTER("no .samples", samples[0] = NULL);
    CANNOT_REGISTER("taken", name = "add");
    ck_assert(!wg_op_register(NULL));
    expect_error(WG_ERROR_ARGUMENT, "NULL");
    ck_assert_int_eq(wg_op_count(), before);
}
END_TEST

START_TEST(a_complete_record_registers_once_and_is_found) {
    int before = wg_op_count();
    ck_assert_ptr_null(wg_op_find("total"));
    ck_assert(wg_op_register(&total_op));
    ck_assert_int_eq(wg_op_count(), before + 1);
    ck_assert_ptr_eq(wg_op_find("total"), &total_op);
    ck_assert_ptr_eq(wg_op_at(before), &total_op);
    ck_assert(!wg_op_register(&total_op));
    expect_error(WG_ERROR_ARGUMENT, "taken");
    static wg_op another;  // registered for good, also where tests do not fork
    another = total_op;
    another.name = "another_total";
    ck_assert(wg_op_register(&another));
    ck_assert_ptr_eq(wg_op_at(before + 1), &another);
    ck_assert_ptr_null(wg_op_at(-1));
    ck_assert_ptr_null(wg_op_at(before + 2));
    ck_assert_ptr_null(wg_op_find(NULL));
    for (int i = 0; i < before; i++) ck_assert_ptr_eq(wg_op_find(wg_op_at(i)->name), wg_op_at(i));
}
END_TEST

/* ---- what was wrong once --------------------------------------------------------------------- */

START_TEST(more_than_two_numbers_are_converted_too) {
    wg_tensor *x = wg_ones(WG_F32, WG_SHAPE(2)), *n = wg_num(0.5);
    EXPECT_VALUES(wg_apply(&weigh_op, (wg_tensor *[]){ n, n, n, x }, 4, NULL), 7, 7);
    EXPECT_VALUES(wg_apply(&total_op, (wg_tensor *[]){ x, n, n, n, n }, 5, NULL), 3, 3);
}
END_TEST

START_TEST(a_number_that_is_no_integer_does_not_meet_integers) {
    wg_tensor *i = wg_from_f64(WG_I64, WG_SHAPE(2), (double[]){ 0, 1 }), *b = wg_gt(i, wg_num(0));
    ck_assert_ptr_null(wg_eq(i, wg_num(0.5)));  // once true for 0
    expect_error(WG_ERROR_DTYPE, "the number 0.5 is no i64");
    ck_assert_ptr_null(wg_lt(i, wg_num(NAN)));
    expect_error(WG_ERROR_DTYPE, "the number nan is no i64");
    ck_assert_ptr_null(wg_lt(wg_cast(i, WG_U8), wg_num(256)));  // once 255
    expect_error(WG_ERROR_DTYPE, "256 is no u8");
    ck_assert_ptr_null(wg_where(b, wg_num(0.5), wg_num(2)));  // once true, true
    expect_error(WG_ERROR_DTYPE, "0.5 is no bool");
}
END_TEST

START_TEST(a_view_of_a_number_is_a_tensor) {
    wg_scope *s = wg_scope_open();
    wg_tensor *three = wg_expand(wg_num(2), WG_SHAPE(3)),
              *row = wg_reshape(wg_num(7), WG_SHAPE(1, 1));
    EXPECT_VALUES(three, 2, 2, 2);
    EXPECT_VALUES(wg_add(three, wg_num(1)), 3, 3, 3);
    ck_assert_int_eq(wg_rank(wg_add(row, wg_num(1))), 2);
    EXPECT_VALUES(wg_keep(wg_stop(three)), 2, 2, 2);
    wg_tensor *kept = wg_keep(wg_stop(row));
    wg_scope_close(s);
    EXPECT_VALUES(kept, 7);
}
END_TEST

START_TEST(the_tangent_of_a_number_in_a_linear_operation_is_a_number) {
    wg_tensor *x = wg_variable(wg_ones(WG_F32, WG_SHAPE(2))), *v = wg_full(WG_F32, WG_SHAPE(2), 3);
    wg_tensor *y = wg_apply(&total_op, (wg_tensor *[]){ x, wg_num(10) }, 2, NULL);
    EXPECT_VALUES(y, 11, 11);
    EXPECT_VALUES(wg_jvp(y, &x, 1, &v), 3, 3);
}
END_TEST

START_TEST(a_loop_over_more_arrays_than_map_can_walk_is_refused) {
    static const wg_op wide = { .abi = WG_OP_ABI, .name = "wide", .inputs = 8, .map = &weigh_map };
    static const wg_op optional = { .abi = WG_OP_ABI,
                                    .name = "optional",
                                    .inputs = 1,
                                    .inputs_max = 4,
                                    .flags = WG_OP_OPTIONAL_INPUTS,
                                    .map = &weigh_map };
    wg_tensor *x = wg_ones(WG_F32, WG_SHAPE(2)), *in[8] = { x, x, x, x, x, x, x, x };
    ck_assert_ptr_null(wg_apply(&wide, in, 8, NULL));
    expect_error(WG_ERROR_ARGUMENT, "1 to 7");
    in[1] = NULL;
    ck_assert_ptr_null(wg_apply(&optional, in, 4, NULL));
    expect_error(WG_ERROR_ARGUMENT, "none is optional");
}
END_TEST

// x seen backwards: nothing but infer.
static bool reverse_infer(const wg_call *c, wg_spec *out) {
    int64_t n = wg_call_dim(c, 0, 0);
    if (wg_call_rank(c, 0) != 1) return wg_call_fail(c, WG_ERROR_SHAPE, "not one axis");
    wg_spec_set(out, wg_call_dtype(c, 0), WG_SHAPE(n));
    out->alias = true;
    out->stride[0] = -c->in[0]->view.stride[0];
    out->offset = n > 0 ? (n - 1) * c->in[0]->view.stride[0] : 0;
    return true;
}
static wg_tensor *reverse(wg_tensor *x);
static wg_tensor *reverse_vjp(const wg_call *c, wg_tensor *gy, int i) {
    return (void)c, (void)i, reverse(gy);
}
static const wg_op reverse_op = { .abi = WG_OP_ABI,
                                  .name = "reverse",
                                  .doc = "x[::-1]",
                                  .inputs = 1,
                                  .flags = WG_OP_LINEAR,
                                  .saves = WG_SAVES_NOTHING,
                                  .infer = reverse_infer,
                                  .vjp = reverse_vjp,
                                  .jvp = wg_op_jvp_linear,
                                  .samples = { "3", "0" } };
static wg_tensor *reverse(wg_tensor *x) { return wg_apply(&reverse_op, &x, 1, NULL); }

START_TEST(an_operation_that_only_makes_views_needs_no_forward) {
    ck_assert_msg(wg_op_register(&reverse_op), "%s", wg_error_message());
    wg_tensor *x = wg_variable(LIST(1, 2, 3)), *y = reverse(x), *v = LIST(1, 10, 100);
    EXPECT_VALUES(y, 3, 2, 1);
    EXPECT_VALUES(wg_jvp(y, &x, 1, &v), 100, 10, 1);
    ck_assert(wg_backward(wg_sum(wg_mul(y, v))));
    EXPECT_VALUES(wg_gradient(x), 100, 10, 1);
    ck_assert(wg_fill(y, 5));
    EXPECT_VALUES(x, 5, 5, 5);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("apply");
    TCase *gate = add_cases(suite, "gate");
    tcase_add_test(gate, wrong_inputs_are_named);
    tcase_add_test(gate, while_an_error_is_pending_no_operation_runs);
    tcase_add_test(gate, a_record_that_cannot_work_is_an_error);
    ADD_TABLE(gate, an_alias_that_reaches_out_of_its_input_is_an_error, out_of_reach);
    ADD_TABLE(gate, an_alias_that_stays_within_its_input_is_taken, in_reach);
    tcase_add_test(gate, an_alias_has_a_shape_and_its_input_s_dtype);
    tcase_add_test(gate, an_error_that_a_record_leaves_pending_is_no_result);
    tcase_add_test(gate, a_fused_backward_that_refuses_without_a_reason_says_so);
    tcase_add_test(gate, a_call_tells_which_inputs_are_there_and_where);
    tcase_add_test(gate, elementwise_operations_broadcast_over_any_layout);
    tcase_add_test(gate, sizes_that_overflow_in_broadcasting_are_refused);
    tcase_add_test(gate, a_loop_over_more_arrays_than_map_can_walk_is_refused);
    tcase_add_test(gate, an_operation_that_only_makes_views_needs_no_forward);
    TCase *numbers = add_cases(suite, "numbers");
    tcase_add_test(numbers, a_number_takes_the_dtype_of_what_it_meets);
    tcase_add_test(numbers, numbers_among_themselves_stay_numbers);
    tcase_add_test(numbers, numbers_in_formulas_do_not_disturb_derivatives);
    tcase_add_test(numbers, more_than_two_numbers_are_converted_too);
    tcase_add_test(numbers, a_number_that_is_no_integer_does_not_meet_integers);
    tcase_add_test(numbers, a_view_of_a_number_is_a_tensor);
    tcase_add_test(numbers, the_tangent_of_a_number_in_a_linear_operation_is_a_number);
    TCase *registry = add_cases(suite, "registry");
    tcase_add_test(registry, incomplete_records_cannot_register);
    tcase_add_test(registry, a_complete_record_registers_once_and_is_found);
    return run_suite(suite);
}
