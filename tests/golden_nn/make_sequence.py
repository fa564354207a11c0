#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Golden values of layers for sequences: what PyTorch (Debian's python3-torch) says of the cases below.

    /usr/bin/python3 tests/golden_nn/make_sequence.py

A case is one file, NAME.npy: a vector of doubles, one array after the other, each in C order. tests/test_recurrent.c
and tests/test_attention.c, which have the same cases in the same order of arrays, read them.

    inputs          x, then what else the case lists
    parameters      in the order in which the module has them
    w               a cotangent for each result
    results         y, then the last states
    gradients       of sum(w results): of the inputs, then of the parameters

All is computed in double precision on one thread.
"""
import os

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))


def randn(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def write(name, seed, inputs, module, run):
    """run(*inputs) -> results; a parameter is what module.parameters() lists."""
    torch.manual_seed(seed)
    module = module.double()
    parameters = list(module.parameters())
    with torch.no_grad():
        for p in parameters:
            p.copy_(0.5 * torch.randn_like(p))
    inputs = [randn(*shape).requires_grad_() for shape in inputs]
    results = run(module, *inputs)
    w = [torch.randn_like(r) for r in results]
    total = sum((a * b).sum() for a, b in zip(w, results))
    gradients = torch.autograd.grad(total, inputs + parameters)
    arrays = inputs + parameters + w + results + list(gradients)
    vector = np.concatenate([a.detach().numpy().ravel() for a in arrays])
    np.save(os.path.join(HERE, name + ".npy"), vector)


# ---- recurrent: B, T, in, H = 3, 4, 2, 3 -----------------------------------------------------------------------------

LENGTHS = [2, 4, 1]


def flat(y, state):
    return [y, *state] if isinstance(state, tuple) else [y, state]


def whole(module, x):
    return flat(*module(x))


def packed(module, x):
    pack = torch.nn.utils.rnn.pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    y, state = module(pack)
    y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])
    return flat(y, state)


def from_state(module, x, h, *c):
    return flat(*module(x, (h, *c) if c else h))


def recurrent(name, seed, make, run, states=0, **options):
    module = make(2, 3, batch_first=True, **options)
    n = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    write(name, seed, [(3, 4, 2)] + states * [(n, 3, 3)], module, run)


nn = torch.nn
torch.set_num_threads(1)
recurrent("rnn", 1, nn.RNN, whole)
recurrent("rnn_relu", 2, nn.RNN, packed, nonlinearity="relu", num_layers=2)
recurrent("lstm", 3, nn.LSTM, from_state, states=2)
recurrent("lstm_packed", 4, nn.LSTM, packed)
recurrent("lstm_both", 5, nn.LSTM, packed, num_layers=2, bidirectional=True)
recurrent("lstm_plain", 6, nn.LSTM, whole, bias=False)
recurrent("gru", 7, nn.GRU, from_state, states=1)
recurrent("gru_both", 8, nn.GRU, packed, bidirectional=True)
recurrent("gru_deep", 9, nn.GRU, from_state, states=1, num_layers=2, bidirectional=True)

# ---- attention: B, T, S, C = 2, 3, 4, 4 and 2 heads ------------------------------------------------------------------

CAUSAL = torch.ones(3, 3).triu(1).bool()  # True is hidden
PADDED = torch.tensor([[False, False, True, True], [False, False, False, False]])


def itself(module, x):
    return [module(x, x, x, need_weights=False, attn_mask=CAUSAL)[0]]


def across(module, x, key, value):
    return [module(x, key, value, need_weights=False, key_padding_mask=PADDED)[0]]


def added(module, x, key, mask):
    return [module(x, key, key, need_weights=False, attn_mask=mask)[0]]


def encoder(module, x):
    return [module(x, src_mask=CAUSAL)]


def decoder(module, x, memory):
    return [module(x, memory, tgt_mask=CAUSAL, memory_key_padding_mask=PADDED)]


def attention(**options):
    return nn.MultiheadAttention(4, 2, batch_first=True, **options)


def layer(make, **options):
    return make(4, 2, dim_feedforward=6, dropout=0.0, batch_first=True, **options)


write("attention_causal", 10, [(2, 3, 4)], attention(), itself)
write("attention_across", 11, [(2, 3, 4), (2, 4, 3), (2, 4, 5)], attention(kdim=3, vdim=5), across)
write("attention_added", 12, [(2, 3, 4), (2, 4, 4), (3, 4)], attention(bias=False), added)
for norm_first in (True, False):
    suffix = "pre" if norm_first else "post"
    write("encoder_" + suffix, 13, [(2, 3, 4)],
          layer(nn.TransformerEncoderLayer, norm_first=norm_first, activation="gelu"), encoder)
    write("decoder_" + suffix, 14, [(2, 3, 4), (2, 4, 4)],
          layer(nn.TransformerDecoderLayer, norm_first=norm_first, activation="relu"), decoder)
