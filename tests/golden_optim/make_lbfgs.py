#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Golden minima: where PyTorch's LBFGS (Debian's python3-torch; strong_wolfe) ends.

    /usr/bin/python3 tests/golden_optim/make_lbfgs.py

lbfgs_logistic.npy: weights and intercept of a logistic regression with ridge 0.01; lbfgs_net.npy: the loss of a net of two layers on
a sine. All in double precision; the data are formulas, the same as in tests/test_lbfgs.c.
"""
import os

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))


def minimise(parameters, f):
    o = torch.optim.LBFGS(parameters, max_iter=2000, max_eval=10000, tolerance_grad=1e-12, tolerance_change=1e-300,
                          history_size=20, line_search_fn="strong_wolfe")

    def closure():
        o.zero_grad()
        loss = f()
        loss.backward()
        return loss

    for _ in range(5):
        o.step(closure)
    return float(f())


def logistic():
    i = torch.arange(40, dtype=torch.float64)
    x = torch.stack([torch.sin(i), torch.cos(1.3 * i), i / 20 - 1, torch.ones(40, dtype=torch.float64)], 1)
    y = (torch.sin(i) + 0.5 * (i / 20 - 1) + 0.8 * torch.sin(7 * i) > 0).double()
    w = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    softplus = lambda z: torch.logaddexp(z, torch.zeros_like(z))
    minimise([w], lambda: (softplus(x @ w) - y * (x @ w)).mean() + 0.01 * (w * w).sum())
    np.save(os.path.join(HERE, "lbfgs_logistic.npy"), w.detach().numpy())


def net():
    t = torch.linspace(-1, 1, 21, dtype=torch.float64)[:, None]
    k = torch.arange(6, dtype=torch.float64)
    a = torch.sin(k + 1)[:, None].clone().requires_grad_(True)
    b = torch.cos(2 * k)[:, None].clone().requires_grad_(True)
    c = (0.5 * torch.sin(3 * k))[:, None].clone().requires_grad_(True)
    y = torch.sin(2 * t)
    f = lambda: ((torch.tanh(t @ a.T + b.T) @ c - y) ** 2).mean() + 1e-3 * ((a * a).sum() + (b * b).sum() + (c * c).sum())
    loss = minimise([a, b, c], f)
    np.save(os.path.join(HERE, "lbfgs_net.npy"), np.array([loss]))


logistic()
net()
