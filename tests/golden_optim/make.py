#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Golden trajectories: where PyTorch's optimisers (Debian's python3-torch) get from given gradients.

    /usr/bin/python3 tests/golden_optim/make.py

gradients.npy holds w at the start and then 100 gradients, 12 numbers each; NAME.npy, for each case below, w after
steps 1, 2, 10, 50 and 100. The options of a case stand in tests/test_optim_rules.c under the same name. Some gradients
are exactly zero, and the signs of most last a while, so that rprop has something to follow. All is double precision.

NAdam runs with foreach=True: before version 2.0 the other path multiplied mu(t) twice into its product (PyTorch's pull
request 92699). PyTorch 1.13 has neither Lion nor Muon; they are the formulas of their papers here, in NumPy.
"""
import os

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
SIZE, STEPS, KEPT = 12, 100, (1, 2, 10, 50, 100)


def make_gradients():
    random = np.random.default_rng(11)
    t = np.arange(STEPS)[:, None]
    period = random.uniform(15, 60, SIZE)
    g = np.cos(2 * np.pi * (t / period + random.uniform(size=SIZE))) + 0.3 * random.standard_normal((STEPS, SIZE))
    g *= 10.0 ** random.uniform(-2, 1, SIZE)
    g[random.uniform(size=g.shape) < 0.03] = 0
    return random.standard_normal(SIZE), g


class Lion:
    """Chen et al. 2023, algorithm 2."""

    def __init__(self, lr=1e-4, betas=(0.9, 0.99), weight_decay=0):
        self.lr, self.betas, self.decay, self.m = lr, betas, weight_decay, 0

    def step(self, w, g):
        b1, b2 = self.betas
        c = b1 * self.m + (1 - b1) * g
        self.m = b2 * self.m + (1 - b2) * g
        return w - self.lr * (np.sign(c) + self.decay * w)


class Muon:
    """Jordan et al. 2024, with the momentum as a mean; w is a matrix."""

    def __init__(self, lr=0.02, momentum=0.95, nesterov=True, weight_decay=0, steps=5):
        self.lr, self.mu, self.nesterov, self.decay, self.steps, self.v = lr, momentum, nesterov, weight_decay, steps, 0

    def step(self, w, g):
        self.v = self.mu * self.v + (1 - self.mu) * g
        x = (1 - self.mu) * g + self.mu * self.v if self.nesterov else self.v
        rows, columns = x.shape
        x = x / (np.linalg.norm(x) + 1e-7)
        if rows > columns:
            x = x.T
        for _ in range(self.steps):
            a = x @ x.T
            x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
        if rows > columns:
            x = x.T
        return w * (1 - self.lr * self.decay) - self.lr * max(1, rows / columns) ** 0.5 * x


T = torch.optim
CASES = {  # name: (optimiser, options, rows of w)
    "sgd": (T.SGD, dict(lr=0.01)),
    "sgd_decay": (T.SGD, dict(lr=0.05, weight_decay=0.3)),
    "sgd_momentum": (T.SGD, dict(lr=0.05, momentum=0.9)),
    "sgd_dampening": (T.SGD, dict(lr=0.05, momentum=0.9, dampening=0.4, weight_decay=0.1)),
    "sgd_nesterov": (T.SGD, dict(lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.1)),
    "adam": (T.Adam, dict()),
    "adam_all": (T.Adam, dict(lr=0.05, betas=(0.8, 0.99), eps=1e-3, weight_decay=0.3)),
    "adam_amsgrad": (T.Adam, dict(lr=0.05, betas=(0.8, 0.9), amsgrad=True)),
    "adamw": (T.AdamW, dict(weight_decay=0)),
    "adamw_all": (T.AdamW, dict(lr=0.05, betas=(0.8, 0.99), eps=1e-3, weight_decay=0.3)),
    "adamw_amsgrad": (T.AdamW, dict(lr=0.05, betas=(0.8, 0.9), weight_decay=0.1, amsgrad=True)),
    "nadam": (T.NAdam, dict(foreach=True)),
    "nadam_all": (T.NAdam, dict(lr=0.05, betas=(0.8, 0.99), eps=1e-3, weight_decay=0.3, momentum_decay=0.1, foreach=True)),
    "radam": (T.RAdam, dict()),
    "radam_all": (T.RAdam, dict(lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.3)),
    "adamax": (T.Adamax, dict()),
    "adamax_all": (T.Adamax, dict(lr=0.05, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.3)),
    "rmsprop": (T.RMSprop, dict()),
    "rmsprop_centred": (T.RMSprop, dict(centered=True)),
    "rmsprop_momentum": (T.RMSprop, dict(lr=0.02, alpha=0.9, momentum=0.8)),
    "rmsprop_all": (T.RMSprop, dict(lr=0.02, alpha=0.9, eps=1e-3, centered=True, momentum=0.8, weight_decay=0.3)),
    "adagrad": (T.Adagrad, dict()),
    "adagrad_all": (
        T.Adagrad,
        dict(lr=0.3, lr_decay=0.1, initial_accumulator_value=0.5, eps=1e-3, weight_decay=0.3),
    ),
    "adadelta": (T.Adadelta, dict()),
    "adadelta_all": (T.Adadelta, dict(lr=0.7, rho=0.8, eps=1e-3, weight_decay=0.3)),
    "rprop": (T.Rprop, dict()),
    "rprop_all": (T.Rprop, dict(lr=0.1, etas=(0.3, 1.5), step_sizes=(0.01, 0.4))),
    "lion": (Lion, dict()),
    "lion_all": (Lion, dict(lr=0.01, betas=(0.8, 0.95), weight_decay=0.3)),
    "muon": (Muon, dict(), 3),
    "muon_tall": (Muon, dict(), 6),
    "muon_all": (Muon, dict(lr=0.1, momentum=0.8, nesterov=False, weight_decay=0.3, steps=4), 2),
}


def run_torch(make, options, start, gradients):
    w = torch.from_numpy(start.copy()).requires_grad_()
    optimiser = make([w], **options)
    for g in gradients:
        w.grad = torch.from_numpy(g.copy())
        optimiser.step()
        yield w.detach().numpy().copy()


def run_numpy(make, options, start, gradients):
    w, rule = start, make(**options)
    for g in gradients:
        w = rule.step(w, g)
        yield w


def main():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)  # of what NAdam keeps beside its moments, too
    start, gradients = make_gradients()
    np.save(os.path.join(HERE, "gradients.npy"), np.vstack([start, gradients]))
    for name, (make, options, *rows) in CASES.items():
        shape = (rows[0], SIZE // rows[0]) if rows else (SIZE,)
        run = run_numpy if make in (Lion, Muon) else run_torch
        path = list(run(make, options, start.reshape(shape), gradients.reshape((STEPS, *shape))))
        np.save(os.path.join(HERE, name + ".npy"), np.array([path[t - 1].reshape(SIZE) for t in KEPT]))
    with open(os.path.join(HERE, "VERSION"), "w") as file:
        file.write(f"PyTorch {torch.__version__}, NumPy {np.__version__}\n")


main()
