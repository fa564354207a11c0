#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Golden values for layers: what PyTorch (Debian's python3-torch) makes of its own, with given weights.

    /usr/bin/python3 tests/golden_nn/make_layers.py [CASE ...]

For each case one file is written, CASE.npy: a vector of doubles,

    x           of all inputs, in C order, indices as numbers
    p           of all parameters, in the order in which the layer lists them
    w, y        a cotangent, and the result
    gx, gp      d <w, y> / dx of each input of floats, d <w, y> / dp of each parameter

and for each case of STEPS a training run, CASE.npy: the parameters, then for each of 20 steps a batch x and its
targets, the loss, and the running mean and variance after it; then x and y of a batch when evaluating. A step is
p -= RATE gradient, after a batch normalisation of the given momentum.

tests/layer_cases.h has the same layers, by the same names. All is in double precision, on one thread.
"""
import os
import sys
import zlib

import numpy as np
import torch
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))
RATE = 0.1


class RMSNorm(nn.Module):
    """PyTorch 1.13 has none; this is its formula."""

    def __init__(self, shape, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape))
        self.axes, self.eps = tuple(range(-len(shape), 0)), eps

    def forward(self, x):
        return x * torch.rsqrt((x * x).mean(self.axes, keepdim=True) + self.eps) * self.weight


# A layer, and the shapes of its inputs; ("i5", 2, 3) is of indices below 5.
CASES = {
    "linear": (lambda: nn.Linear(3, 4), [(2, 5, 3)]),
    "linear_no_bias": (lambda: nn.Linear(3, 4, bias=False), [(5, 3)]),
    "bilinear": (lambda: nn.Bilinear(3, 2, 4), [(5, 3), (5, 2)]),
    "bilinear_no_bias": (lambda: nn.Bilinear(2, 3, 2, bias=False), [(2, 3, 2), (2, 3, 3)]),
    "embedding": (lambda: nn.Embedding(5, 3), [("i5", 2, 4)]),
    "embedding_padding": (lambda: nn.Embedding(5, 3, padding_idx=1), [("i5", 3, 5)]),
    "layer_norm": (lambda: nn.LayerNorm(5), [(2, 3, 5)]),
    "layer_norm_axes": (lambda: nn.LayerNorm((3, 4), eps=1e-2), [(2, 3, 4)]),
    "layer_norm_plain": (lambda: nn.LayerNorm(6, elementwise_affine=False), [(3, 6)]),
    "rms_norm": (lambda: RMSNorm((5,), 1e-5), [(2, 3, 5)]),
    "rms_norm_axes": (lambda: RMSNorm((2, 3), 1e-3), [(4, 2, 3)]),
    "group_norm": (lambda: nn.GroupNorm(2, 4), [(3, 4, 2, 3)]),
    "group_norm_vectors": (lambda: nn.GroupNorm(3, 6, eps=0.1), [(4, 6)]),
    "instance_norm": (lambda: nn.InstanceNorm1d(3, affine=True), [(2, 3, 5)]),
    "instance_norm_plain": (lambda: nn.InstanceNorm2d(2, eps=0.01), [(2, 2, 3, 3)]),
    "batch_norm_dense": (lambda: nn.BatchNorm1d(3), [(5, 3)]),
    "batch_norm_lines": (lambda: nn.BatchNorm1d(3, eps=0.1), [(2, 3, 4)]),
    "batch_norm_images": (lambda: nn.BatchNorm2d(2), [(3, 2, 3, 2)]),
    "conv1d": (lambda: nn.Conv1d(2, 3, 3), [(2, 2, 6)]),
    "conv1d_options": (lambda: nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2, bias=False), [(1, 4, 9)]),
    "conv1d_same": (lambda: nn.Conv1d(2, 2, 4, padding="same", dilation=3), [(2, 2, 7)]),
    "conv2d": (lambda: nn.Conv2d(2, 3, 3), [(2, 2, 4, 5)]),
    "conv2d_options": (lambda: nn.Conv2d(4, 2, (2, 3), stride=(1, 2), padding=(1, 2), dilation=(2, 1), groups=2),
                       [(2, 4, 4, 5)]),
    "conv2d_same": (lambda: nn.Conv2d(2, 3, (3, 2), padding="same", bias=False), [(1, 2, 4, 5)]),
    "conv1d_circular": (lambda: nn.Conv1d(2, 2, 3, stride=2, padding=2, padding_mode="circular"), [(2, 2, 5)]),
    "conv2d_reflect": (lambda: nn.Conv2d(2, 2, (3, 4), padding="same", padding_mode="reflect"), [(2, 2, 4, 5)]),
    "conv_transpose1d": (lambda: nn.ConvTranspose1d(3, 2, 3), [(2, 3, 4)]),
    "conv_transpose1d_options": (lambda: nn.ConvTranspose1d(4, 6, 3, stride=3, padding=1, output_padding=2, groups=2,
                                                            dilation=2), [(1, 4, 3)]),
    "conv_transpose2d": (lambda: nn.ConvTranspose2d(2, 3, 2), [(2, 2, 3, 2)]),
    "conv_transpose2d_options": (lambda: nn.ConvTranspose2d(4, 2, (3, 2), stride=(2, 3), padding=(1, 0),
                                                            output_padding=(1, 2), groups=2, bias=False),
                                 [(1, 4, 2, 3)]),
    "max_pool1d": (lambda: nn.MaxPool1d(2), [(2, 2, 7)]),
    "avg_pool1d": (lambda: nn.AvgPool1d(3), [(2, 2, 7)]),
    "max_pool2d": (lambda: nn.MaxPool2d(2), [(2, 2, 4, 5)]),
    "avg_pool2d": (lambda: nn.AvgPool2d(2), [(2, 2, 5, 4)]),
    "global_avg_pool": (lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), [(2, 3, 3, 4)]),
    "global_max_pool": (lambda: nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten()), [(2, 3, 3, 4)]),
}

# A net, the shape of its batches, and where in it the batch normalisation is.
STEPS = {
    "batch_norm_steps_dense": (lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)),
                               (6, 3)),
    "batch_norm_steps_images": (lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, momentum=0.3), nn.Tanh(),
                                                      nn.Flatten(), nn.Linear(12, 2)), (3, 2, 4, 4)),
}


def draw(random, shape):
    if isinstance(shape[0], str):
        return torch.from_numpy(random.integers(0, int(shape[0][1:]), shape[1:]))
    return torch.from_numpy(random.uniform(-2, 2, shape)).requires_grad_()


def set_parameters(layer, random):
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.from_numpy(random.uniform(-1, 1, tuple(p.shape))))


def flat(parts):
    return np.concatenate([np.asarray(p.detach().double().numpy() if torch.is_tensor(p) else p).reshape(-1)
                           for p in parts])


def run_case(name):
    make, shapes = CASES[name]
    random = np.random.default_rng(zlib.crc32(name.encode()))
    layer, x = make(), [draw(random, shape) for shape in shapes]
    set_parameters(layer, random)
    y = layer(*x)
    w = torch.from_numpy(random.uniform(-1, 1, tuple(y.shape)))
    leaves = [t for t in x if t.is_floating_point()] + list(layer.parameters())
    return flat(x + list(layer.parameters()) + [w, y] + list(torch.autograd.grad((w * y).sum(), leaves)))


def run_steps(name):
    make, shape = STEPS[name]
    random = np.random.default_rng(zlib.crc32(name.encode()))
    net = make()
    set_parameters(net, random)
    parts = [p.detach().clone() for p in net.parameters()]
    for _ in range(20):
        x = torch.from_numpy(random.uniform(-2, 2, shape))
        target = torch.from_numpy(random.uniform(-1, 1, (shape[0], 2)))
        loss = ((net(x) - target) ** 2).mean()
        gradients = torch.autograd.grad(loss, list(net.parameters()))
        with torch.no_grad():
            for p, g in zip(net.parameters(), gradients):
                p -= RATE * g
        parts += [x, target, loss, net[1].running_mean.clone(), net[1].running_var.clone()]
    net.eval()
    x = torch.from_numpy(random.uniform(-2, 2, shape))
    return flat(parts + [x, net(x)])


def main():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    for name in sys.argv[1:] or list(CASES) + list(STEPS):
        np.save(os.path.join(HERE, name + ".npy"), run_steps(name) if name in STEPS else run_case(name))


if __name__ == "__main__":
    main()
