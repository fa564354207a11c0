#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes loss_NAME.npy beside this file: what PyTorch (Debian's python3-torch) says of each case of
tests/test_losses_nn.c.

    /usr/bin/python3 tests/golden_nn/make_losses.py

A file is an f64 matrix whose rows are lists of numbers, filled up with zeros:
    0-2  the three inputs: y, target and, where there is one, a weight, a variance or a third vector
    3    the losses one by one                       ("none")
    4-6  the gradients of the mean by each input, none by weights: PyTorch has none
    7    mean, sum, sum / size of axis 0
"""
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent
torch.set_default_dtype(torch.float64)
B, C = 4, 3


def numbers(seed, *shape):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def shares(seed, *shape):
    return torch.from_numpy(np.random.default_rng(seed).uniform(0.05, 0.95, size=shape))


def signs(seed, *shape):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 2, size=shape) * 2.0 - 1)


def counts(seed, *shape):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 6, size=shape) * 1.0)


def write(name, inputs, each, mean=None):
    """each and mean are functions of the inputs; mean is the plain one unless given."""
    weights = "w" in each.__code__.co_varnames
    inputs = [x.clone().requires_grad_(x.dtype == torch.float64 and not (weights and i == 2)) for i, x in enumerate(inputs)]
    losses = each(*inputs)
    average = mean(*inputs) if mean else losses.mean()
    tracked = [x for x in inputs if x.requires_grad]
    found = dict(zip(map(id, tracked), torch.autograd.grad(average, tracked, allow_unused=True)))
    none = torch.zeros(0)
    rows = [x.detach() for x in inputs] + [none] * (3 - len(inputs)) + [losses.detach()]
    for i in range(3):
        g = found.get(id(inputs[i])) if i < len(inputs) else None
        rows.append(none if g is None else g)
    total = losses.sum()
    rows.append(torch.stack([average, total, total / len(losses)]).detach())
    width = max(r.numel() for r in rows)
    out = np.zeros((len(rows), width))
    for i, r in enumerate(rows):
        out[i, :r.numel()] = r.reshape(-1).double().numpy()
    np.save(HERE / f"loss_{name}.npy", out)


y, t = numbers(1, B, C) * 2, numbers(2, B, C)
p, q = shares(3, B, C), shares(4, B, C)
w = shares(5, C) + 0.5
each = {"reduction": "none"}

write("mse", [y, t], lambda y, t: F.mse_loss(y, t, **each), F.mse_loss)
write("l1", [y, t], lambda y, t: F.l1_loss(y, t, **each), F.l1_loss)
write("huber", [y, t], lambda y, t: F.huber_loss(y, t, delta=0.75, **each), lambda y, t: F.huber_loss(y, t, delta=0.75))
write("huber_1", [y, t], lambda y, t: F.huber_loss(y, t, **each), F.huber_loss)
write("smooth_l1", [y, t], lambda y, t: F.smooth_l1_loss(y, t, beta=0.75, **each),
      lambda y, t: F.smooth_l1_loss(y, t, beta=0.75))
write("log_cosh", [y, t], lambda y, t: torch.log(torch.cosh(y - t)))
write("bce", [p, q], lambda p, q: F.binary_cross_entropy(p, q, **each), F.binary_cross_entropy)
# PyTorch's mean divides by the number of elements here; the weighted mean, ours, by the sum of the weights.
write("bce_weight", [p, q, shares(6, B, C)], lambda p, q, w: F.binary_cross_entropy(p, q, weight=w, **each),
      lambda p, q, w: (w * F.binary_cross_entropy(p, q, **each)).sum() / w.sum())
write("bce_with_logits", [y, q], lambda y, q: F.binary_cross_entropy_with_logits(y, q, **each),
      F.binary_cross_entropy_with_logits)
write("bce_pos_weight", [y, q, w], lambda y, q, w: F.binary_cross_entropy_with_logits(y, q, pos_weight=w, **each),
      lambda y, q, w: F.binary_cross_entropy_with_logits(y, q, pos_weight=w))
write("hinge", [y, signs(7, B, C)], lambda y, t: torch.relu(1 - t * y))
write("hinge_margin", [y, signs(7, B, C)], lambda y, t: torch.relu(0.5 - t * y))
write("squared_hinge", [y, signs(7, B, C)], lambda y, t: torch.relu(1 - t * y)**2)

label = torch.tensor([2, 0, 1, 2])
ignored = torch.tensor([2, -1, 1, -1])
write("cross_entropy", [y, label], lambda y, t: F.cross_entropy(y, t, **each), F.cross_entropy)
write("cross_entropy_all", [y, ignored, w],
      lambda y, t, w: F.cross_entropy(y, t, weight=w, ignore_index=-1, label_smoothing=0.2, **each),
      lambda y, t, w: F.cross_entropy(y, t, weight=w, ignore_index=-1, label_smoothing=0.2))
write("cross_entropy_shares", [y, F.softmax(t, -1), w],
      lambda y, t, w: F.cross_entropy(y, t, weight=w, **each),
      lambda y, t, w: F.cross_entropy(y, t, weight=w))
log_p = F.log_softmax(y, -1)
write("nll", [log_p, ignored, w], lambda y, t, w: F.nll_loss(y, t, weight=w, ignore_index=-1, **each),
      lambda y, t, w: F.nll_loss(y, t, weight=w, ignore_index=-1))
write("kl_div", [log_p, F.softmax(t, -1)], lambda y, t: F.kl_div(y, t, **each),
      lambda y, t: F.kl_div(y, t, reduction="none").mean())
write("kl_div_log", [log_p, F.log_softmax(t, -1)], lambda y, t: F.kl_div(y, t, log_target=True, **each),
      lambda y, t: F.kl_div(y, t, log_target=True, reduction="none").mean())
write("poisson", [y, counts(8, B, C)], lambda y, t: F.poisson_nll_loss(y, t, **each))
write("poisson_rates", [p * 4, counts(8, B, C)], lambda y, t: F.poisson_nll_loss(y, t, log_input=False, **each))
write("poisson_full", [y, counts(8, B, C)], lambda y, t: F.poisson_nll_loss(y, t, **each) + torch.lgamma(t + 1))
write("gaussian", [y, t, p], lambda y, t, v: F.gaussian_nll_loss(y, t, v, **each), F.gaussian_nll_loss)
write("gaussian_full", [y, t, p[:, :1]], lambda y, t, v: F.gaussian_nll_loss(y, t, v, full=True, **each),
      lambda y, t, v: F.gaussian_nll_loss(y, t, v, full=True))
write("cosine", [y, t, torch.tensor([1.0, -1, -1, 1])],
      lambda a, b, s: F.cosine_embedding_loss(a, b, s, margin=0.1, **each))
write("triplet", [y, t, numbers(9, B, C)], lambda a, p, n: F.triplet_margin_loss(a, p, n, eps=0, margin=2, **each))
write("triplet_swap", [y, t, numbers(9, B, C)],
      lambda a, p, n: F.triplet_margin_loss(a, p, n, eps=0, p=3, swap=True, **each))
