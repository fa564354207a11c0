#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Golden schedules: the rates of PyTorch's schedulers (Debian's python3-torch).

    /usr/bin/python3 tests/golden_optim/make_schedule.py

For each row of CASES one file is written, schedule_NAME.npy: the rates of steps 0 to 100 from a base rate of 0.5 (for the cycles: a
peak of 0.5), in double precision. What PyTorch 1.13 has no class for is a formula in its LambdaLR, from the paper. The files
plateau_NAME.npy have two rows: what was measured, and the rate after each. tests/test_schedule.c holds ours against them, with the
same numbers in its own table.
"""
import math
import os
import warnings

import numpy as np
import torch
from torch.optim import lr_scheduler as lr

warnings.simplefilter("ignore")
HERE = os.path.dirname(os.path.abspath(__file__))
BASE, LAST = 0.5, 100


def noam(t, warmup=20):  # Vaswani et al. 2017, as a part of the peak
    return min((t + 1) ** -0.5, (t + 1) * warmup**-1.5) * warmup**0.5


def wsd(t, warmup=10, stable=40, decay=30, least=0.1, root=False):  # Hu et al. 2024, Haegele et al. 2024
    if t < warmup + stable:
        return min(1, (t + 1) / (warmup + 1))
    x = min(1, (t - warmup - stable) / decay)
    return 1 - (1 - least) * (math.sqrt(x) if root else x)


def sequence(o):
    first = lr.LinearLR(o, start_factor=1 / 21, end_factor=1, total_iters=20)
    return lr.SequentialLR(o, [first, lr.CosineAnnealingLR(o, T_max=80, eta_min=0.05)], milestones=[20])


def one_cycle(o, **options):
    return lr.OneCycleLR(o, max_lr=BASE, cycle_momentum=False, **options)


def cyclic(o, **options):
    return lr.CyclicLR(o, base_lr=0.1 * BASE, max_lr=BASE, cycle_momentum=False, **options)


CASES = {
    "constant": lambda o: lr.ConstantLR(o, factor=1 / 3, total_iters=30),
    "step": lambda o: lr.StepLR(o, 30, gamma=0.3),
    "multistep": lambda o: lr.MultiStepLR(o, [10, 11, 50, 99], gamma=0.1),
    "exponential": lambda o: lr.ExponentialLR(o, 0.95),
    "linear": lambda o: lr.LinearLR(o, start_factor=0.25, end_factor=0.75, total_iters=60),
    "warmup": lambda o: lr.LinearLR(o, start_factor=1 / 51, end_factor=1, total_iters=50),
    "polynomial": lambda o: lr.PolynomialLR(o, 70, power=2.5),
    "cosine": lambda o: lr.CosineAnnealingLR(o, T_max=100, eta_min=0.02 * BASE),
    "restarts": lambda o: lr.CosineAnnealingWarmRestarts(o, 13, T_mult=1),
    "restarts_growing": lambda o: lr.CosineAnnealingWarmRestarts(o, 13, T_mult=2, eta_min=0.1 * BASE),
    "one_cycle": lambda o: one_cycle(o, total_steps=101),
    "one_cycle_linear": lambda o: one_cycle(
        o, total_steps=101, pct_start=0.45, anneal_strategy="linear", div_factor=10, final_div_factor=50),
    "one_cycle_three": lambda o: one_cycle(o, total_steps=101, pct_start=0.4, three_phase=True),
    "cyclic": lambda o: cyclic(o, step_size_up=12, step_size_down=20),
    "cyclic_halving": lambda o: cyclic(o, step_size_up=9, mode="triangular2"),
    "cyclic_decaying": lambda o: cyclic(o, step_size_up=9, step_size_down=4, mode="exp_range", gamma=0.98),
    "inverse_sqrt": lambda o: lr.LambdaLR(o, noam),
    "wsd": lambda o: lr.LambdaLR(o, wsd),
    "wsd_sqrt": lambda o: lr.LambdaLR(o, lambda t: wsd(t, root=True)),
    "own": lambda o: lr.LambdaLR(o, lambda t: 1 / (1 + 0.1 * t)),
    "sequence": sequence,
}

PLATEAUS = {
    "default": dict(mode="min", patience=3),
    "larger": dict(mode="max", patience=2, factor=0.5, threshold=0.01, cooldown=4),
    "absolute": dict(mode="min", patience=0, factor=0.8, threshold=0.05, threshold_mode="abs", min_lr=0.1),
    "larger_absolute": dict(mode="max", patience=5, factor=0.3, threshold=0.02, threshold_mode="abs", cooldown=1),
}


def optimiser():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE)


def rates(make):
    o = optimiser()
    scheduler, got = make(o), []
    for _ in range(LAST + 1):
        got.append(o.param_groups[0]["lr"])
        if len(got) <= LAST:
            o.step()
            scheduler.step()
    return got


def plateau(options):
    t = np.arange(100)
    falls = 1 / (1 + 0.1 * t) + 0.05 * np.sin(1.7 * t)  # noise upon a curve that flattens
    values = 1 - falls if options["mode"] == "max" else falls
    o = optimiser()
    scheduler, got = lr.ReduceLROnPlateau(o, **options), []
    for value in values:
        scheduler.step(value)
        got.append(o.param_groups[0]["lr"])
    return [values, got]


def main():
    for name, make in CASES.items():
        np.save(os.path.join(HERE, f"schedule_{name}.npy"), np.array(rates(make)))
    for name, options in PLATEAUS.items():
        np.save(os.path.join(HERE, f"plateau_{name}.npy"), np.array(plateau(options)))


main()
