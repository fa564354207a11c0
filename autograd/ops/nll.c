// SPDX-License-Identifier: MIT
/* nll.c: the negative log-likelihood of classes, given their log-probabilities. */
#include "autograd/ops/class_weights.h"
#include "autograd/ops/ops_impl.h"

typedef struct nll_attr {
    bool ignore;
    int64_t ignore_index;
} nll_attr;
static const wg_attr nll_attrs[] = {
    { "ignore", WG_ATTR_BOOL, offsetof(nll_attr, ignore) },
    { "ignore_index", WG_ATTR_INT, offsetof(nll_attr, ignore_index) },
    { .name = NULL },
};

/* ---- the operation --------------------------------------------------------------------------- */

static bool nll_infer(const wg_call *c, wg_spec *out) {
    if (!wg_call_float(c, 0) || !wg__is_index(c, 1)) return false;
    wg_shape each = wg_shape_of(c->in[0]), index = wg_shape_of(c->in[1]);
    if (each.rank == 0 || each.dim[each.rank - 1] == 0)
        return wg_call_fail(c, WG_ERROR_SHAPE, "there are no classes along the last axis");
    int64_t classes = each.dim[--each.rank];
    if (!wg__shape_equal(&index, &each))
        return wg_call_fail(c, WG_ERROR_SHAPE, "log p (..., C) wants indices (...)");
    if (c->inputs > 2 && c->in[2]) {
        if (!wg__same_dtype(c, 0, 2)) return false;
        if (wg_call_rank(c, 2) != 1 || wg_call_dim(c, 2, 0) != classes)
            return wg_call_fail(c, WG_ERROR_SHAPE, "the class weights must be [%lld]",
                                (long long)classes);
    }
    return wg_spec_set(out, wg_call_dtype(c, 0), each);
}

static wg_tensor *nll_compose(const wg_call *c) {
    const nll_attr *a = c->attr;
    wg_tensor *index = c->in[1],
              *kept = a->ignore ? wg__kept_samples(index, a->ignore_index) : NULL;
    wg_tensor *place = wg_unsqueeze(wg__known_classes(index, kept), wg_rank(index));  // (..., 1)
    wg_tensor *loss = wg_neg(wg_squeeze(wg_gather(c->in[0], -1, place), -1));         // (...)
    if (c->inputs > 2 && c->in[2])
        loss = wg_xmul(loss, wg__weight_of_samples(c->in[2], index, kept));
    return kept ? wg_where(kept, loss, wg_num(0)) : loss;
}

static bool nll_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    const nll_attr *a = c->attr;
    int64_t classes = in[0].shape.dim[in[0].shape.rank - 1];
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++) {
        int64_t class = (int64_t)creal(in[1].data[k]);
        out->data[k] = 0;
        if (a->ignore && class == a->ignore_index) continue;
        out->data[k] = -in[0].data[k * classes + class];
        if (c->inputs > 2) out->data[k] *= in[2].data[class];
    }
    return true;
}

WG__DEFINE_OP(nll) = {
    .abi = WG_OP_ABI,
    .name = "nll",
    .doc = "-w_t log_p_t per sample, t its class; log_p (..., C)",
    .shapes = "(..., C) x (...) x (C) -> (...)",
    .derivative =
        "dlog_p_t = -gy w_t, all others 0; dw_t = -gy log_p_t, summed over the samples of t",
    .edges =
        "an ignored sample gives 0 and gradient 0 whatever it holds; weight 0 times log p = -inf "
        "is 0, where PyTorch gives NaN; the mean over no sample is NaN",
    .equals =
        "torch.nn.functional.nll_loss with reduction='none'; the classes stand on the last axis",
    .equivalent = "transposed: the class weights are a vector",
    .inputs = 2,
    .inputs_max = 3,
    .flags = WG_OP_OPTIONAL_INPUTS,
    .attr_size = sizeof(nll_attr),
    .attrs = nll_attrs,
    .infer = nll_infer,
    .compose = nll_compose,
    .reference = nll_reference,
    .samples = { "4,5 4@i0..4", "4,3 4@i0..2 3", "2,3,4 2,3@i0..3 4 | ignore=1 ignore_index=2",
                 "4,3 4@i-1..2 | ignore=1 ignore_index=-1",
                 "4,3 4@i-1..2 3 | ignore=1 ignore_index=-1", "5 ()@i0..4", "5 ()@i0..4 5",
                 "3,1 3@i0..0 1", "0,3 0@i0..2 3", "2,0,3 2,0@i0..2" },
    .bad = { "4,5 4@i5..5", "4,5 4@i-1..-1", "4,5 5@i0..4", "4,5 4,1@i0..4", "4,5 4", "4,5 4@b",
             "4,5 4@i0..4 4", "4,5 4@i0..4 5@i0..3", "4,0 4@i0..0", "() ()@i0..0",
             "4,5@i0..3 4@i0..4", "4,5 4@i7..7 5 | ignore=1" },
};

/* ---- the public functions -------------------------------------------------------------------- */

wg_tensor *wg_nll_each(wg_tensor *log_p, wg_tensor *target, wg_nll_options o) {
    return wg_apply(&wg__op_nll, (wg_tensor *[]){ log_p, target, o.weight }, 3,
                    &(nll_attr){ o.ignore, o.ignore_index });
}

wg_tensor *wg_nll_with(wg_tensor *log_p, wg_tensor *target, wg_nll_options o) {
    wg_tensor *each = wg_nll_each(log_p, target, o);  // (...)
    wg_tensor *kept = each && o.ignore ? wg__kept_samples(target, o.ignore_index) : NULL;
    return wg__mean_of_samples(each, o.weight, target, kept);
}

wg_tensor *wg_nll(wg_tensor *log_p, wg_tensor *target) {
    return wg_nll_with(log_p, target, (wg_nll_options){ 0 });
}
