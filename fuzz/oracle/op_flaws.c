// SPDX-License-Identifier: MIT
/* op_flaws.c: what can be wrong with a record: fields that contradict each other, which registering
   must refuse; and functions that lie, which whoever calls them must notice. A lie tells the truth
   first, with the good record's own function, and then spoils it. */
#include <string.h>

#include "fuzz/oracle/op_records.h"

void wg__odd_record_make(wg__odd_record *m, const wg__good_record *good, const char *name) {
    *m = (wg__odd_record){ .op = *good->op, .good = good };
    snprintf(m->name, sizeof m->name, "%s", name);
    m->op.name = m->name;
}

static const wg__odd_record *odd(const wg_call *c) { return (const wg__odd_record *)c->op; }

/* ---- infer ----------------------------------------------------------------------------------- */

static bool by_status(const wg_call *c, wg__lie lie) {
    if (lie == WG__REFUSES) return false;
    return wg_call_fail(c, WG_ERROR_ARGUMENT, "so it says") || lie == WG__FAILS_AND_ON;
}

static void alias_as_is(const wg_call *c, wg_spec *out) {
    const wg_view *x = wg_call_view(c, 0);
    wg_spec_set(out, wg_call_dtype(c, 0), x->shape);
    memcpy(out->stride, x->stride, sizeof out->stride);
    out->alias = true, out->offset = 0;
}

static void spoil_alias(wg__lie lie, const wg_call *c, wg_spec *out) {
    alias_as_is(c, out);
    switch (lie) {
    case WG__ALIAS_DTYPE: out->dtype = out->dtype == WG_F64 ? WG_F32 : WG_F64; break;
    case WG__ALIAS_STRIDE: out->shape = WG_SHAPE(3), out->stride[0] = 1000; break;
    case WG__ALIAS_OFFSET: out->shape = WG_SCALAR, out->offset = 4096; break;
    case WG__ALIAS_BEFORE: out->shape = WG_SCALAR, out->offset = -4096; break;
    case WG__ALIAS_SIZE: out->shape = WG_SHAPE(10000), out->stride[0] = 1; break;
    case WG__ALIAS_RANK: out->shape.rank = 11; break;
    case WG__ALIAS_BELOW: out->shape = WG_SHAPE(2, -3), out->stride[0] = out->stride[1] = 1; break;
    default: break;
    }
}

static void spoil_spec(wg__lie lie, const wg_call *c, wg_spec *out) {
    switch (lie) {
    case WG__OTHER_SHAPE: out->shape = WG_SHAPE(5, 1); break;
    case WG__OTHER_DTYPE: out->dtype = WG_I32; break;
    case WG__RANK_BELOW: out->shape.rank = -3; break;
    case WG__RANK_ABOVE: out->shape.rank = 9; break;
    case WG__SIZE_BELOW: out->shape = WG_SHAPE(2, -1); break;
    case WG__SIZE_ABOVE: out->shape = WG_SHAPE(INT64_MAX / 3, 7); break;
    case WG__NO_DTYPE: out->dtype = (wg_dtype)77; break;
    default: spoil_alias(lie, c, out); break;
    }
}

static bool lying_infer(const wg_call *c, wg_spec *out) {
    wg__lie lie = odd(c)->infer;
    if (lie == WG__SAYS_NOTHING) return true;
    if (!odd(c)->good->op->infer(c, out)) return false;
    if (lie == WG__REFUSES || lie == WG__FAILS || lie == WG__FAILS_AND_ON) return by_status(c, lie);
    spoil_spec(lie, c, out);
    return true;
}

static bool lying_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    return odd(c)->good->op->forward(c, in, out) && by_status(c, odd(c)->forward);
}

/* ---- the rules, which give tensors ----------------------------------------------------------- */

static wg_tensor *other_dtype(wg_tensor *x) {
    return wg_cast(x, wg_dtype_of(x) == WG_F64 ? WG_F32 : WG_F64);
}

/* What a rule gives in place of `truth`; `given` is what it was given. */
static wg_tensor *spoiled(wg__lie lie, wg_tensor *truth, wg_tensor *given) {
    switch (lie) {
    case WG__REFUSES:
    case WG__SAYS_NOTHING: return NULL;
    case WG__FAILS: wg_fail(WG_ERROR_NUMERIC, "so it says"); return NULL;
    case WG__FAILS_AND_ON: wg_fail(WG_ERROR_NUMERIC, "so it says"); return truth;
    case WG__OTHER_SHAPE: return truth ? wg_unsqueeze(truth, 0) : NULL;
    case WG__OTHER_DTYPE: return truth ? other_dtype(truth) : NULL;
    case WG__LEAVES_SCOPE: (void)wg_scope_open(); return truth;
    case WG__CLOSES_SCOPE: wg_scope_close(wg__ctx()->scope); return truth;
    case WG__SCALED: return truth ? wg_mul(truth, wg_num(1.5)) : NULL;
    case WG__GIVES_INPUT: return given;
    default: return truth;
    }
}

static wg_tensor *lying_vjp(const wg_call *c, wg_tensor *gy, int i) {
    return spoiled(odd(c)->vjp, odd(c)->good->op->vjp(c, gy, i), gy);
}
static wg_tensor *lying_jvp(const wg_call *c, wg_tensor *const dx[]) {
    return spoiled(odd(c)->jvp, odd(c)->good->op->jvp(c, dx), dx[0]);
}
static wg_tensor *lying_compose(const wg_call *c) {
    if (odd(c)->compose == WG__ITSELF) return wg_apply(c->op, c->in, c->inputs, c->attr);
    return spoiled(odd(c)->compose, odd(c)->good->op->compose(c), c->in[0]);
}

static bool lying_vjp_all(const wg_call *c, wg_tensor *gy, const bool wanted[], wg_tensor *gx[]) {
    wg__lie lie = odd(c)->vjp;
    if (!odd(c)->good->op->vjp_all(c, gy, wanted, gx)) return false;
    for (int i = 0; i < c->inputs; i++)
        if (gx[i]) gx[i] = spoiled(lie, gx[i], gy);
    if (lie == WG__GIVES_INPUT)
        for (int i = 0; i < c->inputs; i++) gx[i] = gy;  // also those that nobody wants
    return lie != WG__REFUSES && lie != WG__FAILS;
}

static bool lying_backward(const wg_call *c, const wg_view *gy, int i, wg_view *gx) {
    return odd(c)->good->op->backward(c, gy, i, gx) && by_status(c, odd(c)->vjp);
}

static bool zero_vjp_all(const wg_call *c, wg_tensor *gy, const bool wanted[], wg_tensor *gx[]) {
    return (void)c, (void)gy, (void)wanted, (void)gx, true;
}

static void lie_in_infer(wg__odd_record *m, wg__lie lie) {
    m->infer = lie, m->op.infer = lying_infer;
}
static void lie_in_forward(wg__odd_record *m, wg__lie lie) {
    m->forward = lie, m->op.forward = lying_forward;
}
static void lie_in_compose(wg__odd_record *m, wg__lie lie) {
    m->compose = lie, m->op.compose = lying_compose;
}
static void lie_in_jvp(wg__odd_record *m, wg__lie lie) { m->jvp = lie, m->op.jvp = lying_jvp; }
static void lie_in_vjp(wg__odd_record *m, wg__lie lie) {
    m->vjp = lie;
    if (m->good->op->vjp) m->op.vjp = lying_vjp, m->op.backward = NULL;
    if (m->good->op->vjp_all) m->op.vjp_all = lying_vjp_all;
}
static void lie_in_backward(wg__odd_record *m, wg__lie lie) {
    m->vjp = lie, m->op.backward = lying_backward;
}

/* ---- fields ---------------------------------------------------------------------------------- */

#define FIELD(function, change)                                                                    \
    static void function(wg__odd_record *m, wg__lie lie) {                                         \
        (void)lie;                                                                                 \
        change;                                                                                    \
    }
FIELD(older, m->op.abi = 0)
FIELD(newer, m->op.abi = WG_OP_ABI + 1)
FIELD(no_name, m->op.name = NULL)
FIELD(empty_name, m->op.name = "")
FIELD(odd_name, memcpy(m->name, "1st", 4))
FIELD(blank_name, memcpy(m->name, "a b", 4))
FIELD(long_name, memset(m->name, 'n', 70))
FIELD(taken_name, m->op.name = "add")
FIELD(no_doc, m->op.doc = NULL)
FIELD(empty_doc, m->op.doc = "")
FIELD(no_inputs, m->op.inputs = m->op.inputs_max = 0)
FIELD(many_inputs, m->op.inputs = 65)
FIELD(many_inputs_max, m->op.inputs_max = 200)
FIELD(fewer_at_most, m->op.inputs_max = 1)
FIELD(wide_map, m->op.inputs = 8)
FIELD(attrs_without_size, m->op.attrs = m->attrs; m->attrs[0] = (wg_attr){ .name = NULL })
FIELD(size_without_attrs, m->op.attrs = NULL; m->op.attr_size = 8)
static void bad_attr(wg__odd_record *m, wg_attr attr) {
    m->attrs[0] = attr, m->attrs[1] = (wg_attr){ .name = NULL };
    m->op.attrs = m->attrs, m->op.attr_size = 16;
}
FIELD(attr_outside, bad_attr(m, (wg_attr){ "k", WG_ATTR_REAL, 12 }))
FIELD(attr_far_outside, bad_attr(m, (wg_attr){ "k", WG_ATTR_REAL, SIZE_MAX - 2 }))
FIELD(attr_askew, bad_attr(m, (wg_attr){ "k", WG_ATTR_REAL, 3 }))
FIELD(attr_of_no_type, bad_attr(m, (wg_attr){ "k", (wg_attr_type)17, 0 }))
FIELD(int_in_a_loop, bad_attr(m, (wg_attr){ "k", WG_ATTR_INT, 0 }))
FIELD(huge_attrs, bad_attr(m, (wg_attr){ "k", WG_ATTR_REAL, 0 }); m->op.attr_size = (size_t)3 << 30)
FIELD(saves_too_much, m->op.saves = WG_SAVES_IN(7))
FIELD(no_body, m->op.infer = NULL; m->op.map = NULL; m->op.compose = NULL)
FIELD(both_rules, m->op.vjp_all = zero_vjp_all)
FIELD(composed_with_rule, m->op.vjp = lying_vjp)
FIELD(no_vjp, m->op.vjp = NULL; m->op.vjp_all = NULL; m->op.backward = NULL)
FIELD(no_jvp, m->op.jvp = NULL)
FIELD(no_samples, m->op.samples[0] = NULL)
FIELD(no_forward, m->op.forward = NULL)
FIELD(no_gradient, m->op.flags |= WG_OP_NO_GRADIENT)
FIELD(no_loops, static const wg_map none = { .predicate = false }; m->op.map = &none)

/* ---- which fit which ------------------------------------------------------------------------- */

static bool infers(const wg_op *op) { return op->infer && !op->compose && !op->map; }
static bool computes(const wg_op *op) { return op->forward; }
static bool composed(const wg_op *op) { return op->compose; }
static bool pulls(const wg_op *op) { return op->vjp || op->vjp_all; }
static bool pulls_one(const wg_op *op) { return op->vjp; }
static bool pulls_all(const wg_op *op) { return op->vjp_all; }
static bool is_fused(const wg_op *op) { return op->backward; }
static bool pushes(const wg_op *op) { return op->jvp; }
static bool maps(const wg_op *op) { return op->map; }
static bool has_two(const wg_op *op) { return op->inputs == 2; }
static bool plain(const wg_op *op) { return !op->attr_size; }
static bool plain_map(const wg_op *op) { return op->map && !op->attr_size; }
static bool plain_computed(const wg_op *op) { return !op->map && !op->attr_size; }
static bool bare(const wg_op *op) { return !op->inputs_max && !op->compose; }

enum {
    REGISTER = WG__AT_REGISTER,
    APPLY = WG__AT_APPLY,
    REVERSE = WG__AT_REVERSE,
    FORWARD = WG__AT_FORWARD,
    ANY = WG__ANYWHERE,
    TEST = WG__AT_SELFTEST
};
static const wg__flaw flaws[] = {
    { "an older record", older, 0, REGISTER | APPLY, bare },
    { "a newer record", newer, 0, REGISTER | APPLY, bare },
    { "no name", no_name, 0, REGISTER | ANY, NULL },
    { "an empty name", empty_name, 0, REGISTER, NULL },
    { "a name that begins with a digit", odd_name, 0, REGISTER, NULL },
    { "a name with a blank", blank_name, 0, REGISTER, NULL },
    { "a name of 70 letters", long_name, 0, REGISTER, NULL },
    { "a name that is taken", taken_name, 0, REGISTER, NULL },
    { "no doc", no_doc, 0, REGISTER, NULL },
    { "an empty doc", empty_doc, 0, REGISTER, NULL },
    { "no inputs", no_inputs, 0, REGISTER | APPLY, NULL },
    { "65 inputs", many_inputs, 0, REGISTER | APPLY, NULL },
    { "at most 200 inputs", many_inputs_max, 0, REGISTER | ANY, NULL },
    { "two inputs, at most one", fewer_at_most, 0, REGISTER | APPLY, has_two },
    { "a loop over eight inputs", wide_map, 0, REGISTER | APPLY, maps },
    { "attributes of no size", attrs_without_size, 0, REGISTER, plain },
    { "attributes that are not described", size_without_attrs, 0, REGISTER, plain },
    { "an attribute that ends outside", attr_outside, 0, REGISTER | ANY, plain },
    { "an attribute far outside", attr_far_outside, 0, REGISTER | ANY, plain },
    { "an attribute that is not aligned", attr_askew, 0, REGISTER | ANY, plain },
    { "an attribute of no type", attr_of_no_type, 0, REGISTER | ANY, plain },
    { "an integer for a loop", int_in_a_loop, 0, REGISTER | ANY, plain_map },
    { "attributes of 3 GiB", huge_attrs, 0, REGISTER | ANY, plain_computed },
    { "saving an input that is not there", saves_too_much, 0, REGISTER | ANY, bare },
    { "neither infer nor map nor compose", no_body, 0, REGISTER | APPLY, NULL },
    { "vjp and vjp_all", both_rules, 0, REGISTER | ANY, pulls_one },
    { "composed, and a vjp", composed_with_rule, 0, REGISTER | ANY, composed },
    { "no vjp", no_vjp, 0, REGISTER | REVERSE, pulls },
    { "no jvp", no_jvp, 0, REGISTER | FORWARD, pushes },
    { "no samples", no_samples, 0, REGISTER, NULL },
    { "no forward", no_forward, 0, APPLY | TEST, computes },
    { "no gradient", no_gradient, 0, REVERSE | FORWARD, pulls },
    { "a map without loops", no_loops, 0, APPLY | TEST, plain_map },
    { "infer refuses", lie_in_infer, WG__REFUSES, APPLY | TEST, infers },
    { "infer fails", lie_in_infer, WG__FAILS, APPLY | TEST, infers },
    { "infer fails and goes on", lie_in_infer, WG__FAILS_AND_ON, APPLY | TEST, infers },
    { "infer says nothing", lie_in_infer, WG__SAYS_NOTHING, APPLY | TEST, infers },
    { "infer says another shape", lie_in_infer, WG__OTHER_SHAPE, ANY, computes },
    { "infer says i32", lie_in_infer, WG__OTHER_DTYPE, ANY, computes },
    { "infer says rank -3", lie_in_infer, WG__RANK_BELOW, APPLY | TEST, infers },
    { "infer says rank 9", lie_in_infer, WG__RANK_ABOVE, APPLY | TEST, infers },
    { "infer says a size of -1", lie_in_infer, WG__SIZE_BELOW, APPLY | TEST, infers },
    { "infer says a huge size", lie_in_infer, WG__SIZE_ABOVE, APPLY | TEST, infers },
    { "infer says no dtype", lie_in_infer, WG__NO_DTYPE, APPLY | TEST, infers },
    { "alias of another dtype", lie_in_infer, WG__ALIAS_DTYPE, APPLY | TEST, infers },
    { "alias with a long stride", lie_in_infer, WG__ALIAS_STRIDE, APPLY | TEST, infers },
    { "alias past the end", lie_in_infer, WG__ALIAS_OFFSET, APPLY | TEST, infers },
    { "alias before the beginning", lie_in_infer, WG__ALIAS_BEFORE, APPLY | TEST, infers },
    { "alias of more elements", lie_in_infer, WG__ALIAS_SIZE, APPLY | TEST, infers },
    { "alias of rank 11", lie_in_infer, WG__ALIAS_RANK, APPLY | TEST, infers },
    { "alias with a negative size", lie_in_infer, WG__ALIAS_BELOW, APPLY | TEST, infers },
    { "forward refuses", lie_in_forward, WG__REFUSES, APPLY | TEST, computes },
    { "forward fails", lie_in_forward, WG__FAILS, APPLY | TEST, computes },
    { "forward fails and goes on", lie_in_forward, WG__FAILS_AND_ON, APPLY | TEST, computes },
    { "compose gives nothing", lie_in_compose, WG__SAYS_NOTHING, APPLY | TEST, composed },
    { "compose fails", lie_in_compose, WG__FAILS, APPLY | TEST, composed },
    { "compose fails and goes on", lie_in_compose, WG__FAILS_AND_ON, APPLY | TEST, composed },
    { "compose gives another shape", lie_in_compose, WG__OTHER_SHAPE, APPLY | TEST, composed },
    { "compose gives another dtype", lie_in_compose, WG__OTHER_DTYPE, APPLY | TEST, composed },
    { "compose leaves a scope open", lie_in_compose, WG__LEAVES_SCOPE, APPLY | TEST, composed },
    { "compose closes a scope", lie_in_compose, WG__CLOSES_SCOPE, APPLY | TEST, composed },
    { "compose gives its input", lie_in_compose, WG__GIVES_INPUT, ANY, composed },
    { "compose applies itself", lie_in_compose, WG__ITSELF, APPLY | TEST, composed },
    { "vjp gives zero", lie_in_vjp, WG__SAYS_NOTHING, ANY | TEST, pulls },
    { "vjp fails", lie_in_vjp, WG__FAILS, REVERSE | TEST, pulls },
    { "vjp fails and goes on", lie_in_vjp, WG__FAILS_AND_ON, REVERSE | TEST, pulls },
    { "vjp gives another shape", lie_in_vjp, WG__OTHER_SHAPE, REVERSE | TEST, pulls },
    { "vjp gives another dtype", lie_in_vjp, WG__OTHER_DTYPE, REVERSE | TEST, pulls },
    { "vjp leaves a scope open", lie_in_vjp, WG__LEAVES_SCOPE, REVERSE | TEST, pulls },
    { "vjp closes a scope", lie_in_vjp, WG__CLOSES_SCOPE, REVERSE | TEST, pulls },
    { "vjp is wrong", lie_in_vjp, WG__SCALED, ANY | TEST, pulls },
    { "vjp gives gy", lie_in_vjp, WG__GIVES_INPUT, ANY, pulls },
    { "vjp_all refuses", lie_in_vjp, WG__REFUSES, REVERSE | TEST, pulls_all },
    { "backward refuses", lie_in_backward, WG__REFUSES, ANY | TEST, is_fused },
    { "backward fails and goes on", lie_in_backward, WG__FAILS_AND_ON, ANY | TEST, is_fused },
    { "jvp gives zero", lie_in_jvp, WG__SAYS_NOTHING, ANY | TEST, pushes },
    { "jvp fails", lie_in_jvp, WG__FAILS, FORWARD | TEST, pushes },
    { "jvp fails and goes on", lie_in_jvp, WG__FAILS_AND_ON, FORWARD | TEST, pushes },
    { "jvp gives another shape", lie_in_jvp, WG__OTHER_SHAPE, FORWARD | TEST, pushes },
    { "jvp gives another dtype", lie_in_jvp, WG__OTHER_DTYPE, FORWARD | TEST, pushes },
    { "jvp leaves a scope open", lie_in_jvp, WG__LEAVES_SCOPE, FORWARD | TEST, pushes },
    { "jvp closes a scope", lie_in_jvp, WG__CLOSES_SCOPE, FORWARD | TEST, pushes },
    { "jvp is wrong", lie_in_jvp, WG__SCALED, ANY | TEST, pushes },
};
int wg__flaw_count(void) { return sizeof flaws / sizeof *flaws; }
const wg__flaw *wg__flaw_at(int i) { return &flaws[i]; }
