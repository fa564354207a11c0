// SPDX-License-Identifier: MIT
/* dropout.c: zeros at random. The mask is a function of (seed, stream, counter) and the element's
   position, so it is drawn again where the gradient needs it, and the operation is linear: its
   rules are itself. */
#include "autograd/autograd_impl.h"
#include "tensor/kernels/kernels.h"

typedef struct dropout_attr {
    double p;
    int64_t seed, stream, counter;  // the bits of a wg_random
} dropout_attr;
static const wg_attr dropout_attrs[] = {
    { "p", WG_ATTR_REAL, offsetof(dropout_attr, p) },
    { "seed", WG_ATTR_INT, offsetof(dropout_attr, seed) },
    { "stream", WG_ATTR_INT, offsetof(dropout_attr, stream) },
    { "counter", WG_ATTR_INT, offsetof(dropout_attr, counter) },
    { .name = NULL },
};

static bool dropout_infer(const wg_call *c, wg_spec *out) {
    const dropout_attr *a = c->attr;
    if (!(a->p >= 0 && a->p < 1))
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "p = %g is not in [0, 1)", a->p);
    if (!wg_call_float(c, 0)) return false;
    return wg_spec_set(out, wg_call_dtype(c, 0), c->in[0]->view.shape);
}

/* A draw has a generator of its own, made from one block of the caller's: so all bits of the
   counter count, and the mask of one draw is not that of the next, shifted. */
static wg_random generator(const dropout_attr *a) {
    const wg_random r = { .seed = (uint64_t)a->seed, .stream = (uint64_t)a->stream };
    uint32_t w[4];
    wg__random_block(&r, (uint64_t)a->counter, w);
    return (wg_random){ .seed = (uint64_t)w[1] << 32 | w[0],
                        .stream = (uint64_t)w[3] << 32 | w[2] };
}

/* Each element takes one word. Strip by strip: first the words, then a loop without branches, which
   a random mask would mislead. */
enum { STRIP = 256 };
#define DROPOUT_LOOP(name, type)                                                                   \
    static void name(const dropout_attr *a, type *y, int64_t n) {                                  \
        const wg_random r = generator(a);                                                          \
        const uint32_t limit = (uint32_t)(a->p * 0x1p32);                                          \
        const type scale = (type)(1 / (1 - a->p));                                                 \
        for (int64_t k = 0; k < n; k += STRIP) {                                                   \
            uint32_t word[STRIP];                                                                  \
            int64_t size = n - k < STRIP ? n - k : STRIP;                                          \
            wg__random_words(&r, (uint64_t)k / 4, word, (size + 3) / 4);                           \
            for (int64_t i = 0; i < size; i++) {                                                   \
                const type kept = y[k + i] * scale;                                                \
                y[k + i] = word[i] >= limit ? kept : 0;                                            \
            }                                                                                      \
        }                                                                                          \
    }
DROPOUT_LOOP(dropout_f32, float)
DROPOUT_LOOP(dropout_f64, double)

static bool dropout_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    int64_t n = wg__numel(&out->shape);
    wg__copy_view(out, in[0]);
    if (out->dtype == WG_F32)
        dropout_f32(c->attr, out->data, n);
    else
        dropout_f64(c->attr, out->data, n);
    return true;
}

static wg_tensor *dropout_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return wg__op1(c->op, gy, c->attr);
}

// Word by word, each from its own block.
static bool dropout_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    const dropout_attr *a = c->attr;
    const wg_random r = generator(a);
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++) {
        uint32_t word[4];
        wg__random_block(&r, (uint64_t)k / 4, word);
        bool kept = word[k % 4] >= floor(a->p * 0x1p32);
        out->data[k] = kept ? in[0].data[k] / (1 - a->p) : 0;
    }
    return true;
}

WG__DEFINE_OP(dropout) = {
    .abi = WG_OP_ABI,
    .name = "dropout",
    .doc = "0 with probability p, else x / (1 - p) (Srivastava et al. 2014)",
    .shapes = "any -> the same",
    .derivative = "dx = the same mask on gy: gy / (1 - p) where x was kept, else 0",
    .edges =
        "what is dropped is exactly 0, even NaN and infinities, where PyTorch gives NaN; p = 0 "
        "gives x; p = 1 is refused; probabilities are multiples of 2^-32, rounded down",
    .equals = "torch.nn.functional.dropout(training=True), with the random state explicit",
    .inputs = 1,
    .flags = WG_OP_LINEAR,
    .saves = WG_SAVES_NOTHING,
    .attr_size = sizeof(dropout_attr),
    .attrs = dropout_attrs,
    .infer = dropout_infer,
    .forward = dropout_forward,
    .vjp = dropout_vjp,
    .jvp = wg_op_jvp_linear,
    .reference = dropout_reference,
    .samples = { "7,3 | p=0.5 seed=1", "4 | p=0", "() | p=0.25 seed=3",
                 "2,3,5 | p=0.9 stream=4 counter=9", "0,2 | p=0.5", "40 | p=1e-12",
                 "40 | p=0.999999999999" },
    .bad = { "3 | p=1", "3 | p=-0.1", "3 | p=nan", "3@i0..2 | p=0.5" },
};

wg_tensor *wg_dropout(wg_tensor *x, double p, wg_random r) {
    return wg__op1(&wg__op_dropout, x,
                   &(dropout_attr){ p, (int64_t)r.seed, (int64_t)r.stream, (int64_t)r.counter });
}
