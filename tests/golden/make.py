#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Golden values: what PyTorch (Debian's python3-torch) says of the cases in cases.txt.

    /usr/bin/python3 tests/golden/make.py [OPERATION ...]

A line of cases.txt is an operation and a sample as in a record ("softmax 2,3 | axis=1"; autograd/op.h has the
grammar). For each operation one file is written, OPERATION.npy: a vector of doubles, case after case:

    second                      1 if second derivatives follow, else 0
    inputs                      of all inputs, in C order
    w, y                        a cotangent, and the result
    gx                          for each input of floats: d <w, y> / dx
    v, hx                       for each input of floats a direction; then d <gx, v> / dx for each

All is computed in double precision on one thread. torch_ops.py says which function of PyTorch an operation is. A file
is written only if all its cases went well; VERSION says which PyTorch made them.
"""
import os
import sys
import zlib

import numpy as np
import torch

import torch_ops

HERE = os.path.dirname(os.path.abspath(__file__))


def parse_slot(text, random):
    """ "2,3@0.5..4" -> (values, whether they are floats)"""
    shape, _, values = text.partition("@")
    shape = () if shape == "()" else tuple(int(n) for n in shape.split(","))
    integer, truth = values.startswith("i"), values.startswith("b")
    values = values[1:] if integer or truth else values
    if values.startswith("="):
        array = np.array([float(x) for x in values[1:].split(",")]).reshape(shape)
    elif integer or truth:
        low, high = values.split("..") if values else (0, 1)
        array = random.integers(int(low), int(high) + 1, shape)
    elif values in torch_ops.DRAWN:
        array = torch_ops.DRAWN[values](random, shape)
    else:
        low, high = values.split("..") if values else (-2, 2)
        array = random.uniform(float(low), float(high), shape)
    dtype = np.bool_ if truth else np.int64 if integer else np.float64
    return torch.from_numpy(np.asarray(array, dtype))


def parse_attribute(text):
    name, _, value = text.partition("=")
    try:
        numbers = [float(x) if "." in x or "e" in x or "n" in x else int(x) for x in value.split(",")] if value else []
    except ValueError:
        return name, value
    return name, numbers[0] if len(numbers) == 1 else numbers


def parse_case(line):
    name, _, sample = line.strip().partition(" ")
    inputs, _, attributes = sample.partition("|")
    random = np.random.default_rng(zlib.crc32(line.strip().encode()))
    x = [parse_slot(text, random) for text in inputs.split()]
    return name, x, dict(parse_attribute(text) for text in attributes.split()), random


def signed(random, shape):
    return torch.from_numpy(np.asarray(random.uniform(0.5, 1.5, shape) * random.choice([-1.0, 1.0], shape)))


def zero_if_none(gradients, x):
    return [torch.zeros_like(t) if g is None else g for g, t in zip(gradients, x)]


def second_order(gx, leaves, directions):
    """d <gx, v> / dx, or None where PyTorch has no such derivative."""
    product = sum((g * v).sum() for g, v in zip(gx, directions))
    if not isinstance(product, torch.Tensor) or not product.requires_grad:
        return [torch.zeros_like(x) for x in leaves]
    try:
        return zero_if_none(torch.autograd.grad(product, leaves, allow_unused=True), leaves)
    except RuntimeError:
        return None


def run_case(line):
    name, x, attributes, random = parse_case(line)
    leaves = [t.requires_grad_() for t in x if t.is_floating_point()]
    y = torch_ops.apply(name, x, attributes)
    w = signed(random, tuple(y.shape))
    parts = [t.detach() for t in x] + [w, y.detach()]
    second = None
    if y.is_floating_point() and leaves:
        gx = [torch.zeros_like(t) for t in leaves]
        if y.requires_grad:
            gx = zero_if_none(torch.autograd.grad((w * y).sum(), leaves, create_graph=True, allow_unused=True), leaves)
        directions = [signed(random, tuple(t.shape)) for t in leaves]
        second = second_order(gx, leaves, directions)
        parts += [g.detach() for g in gx]
        if second is not None:
            parts += directions + second
    # Adding 0 makes memory of what PyTorch keeps as a symbolic zero, whose numpy() is undefined.
    flat = [np.asarray((p.detach().double() + 0).numpy()).reshape(-1) for p in parts]
    return np.concatenate([[0.0 if second is None else 1.0]] + flat)


def all_of(cases):
    """The numbers of all cases of an operation; None, after saying why, if one of them is not to be had."""
    results, wrong = [], False
    for line in cases:
        try:
            results.append(run_case(line))
        except Exception as error:
            print(f"{line.strip()}: {type(error).__name__}: {error}")
            wrong = True
    return None if wrong else np.concatenate(results)


def note_version(whole):
    """VERSION says who made the numbers; another version makes all of them or none."""
    path = os.path.join(HERE, "VERSION")
    version = f"PyTorch {torch.__version__}, NumPy {np.__version__}\n"
    if os.path.exists(path) and not whole:
        with open(path) as file:
            made = file.read()
        if made != version:
            sys.exit(f"the numbers are by {made.strip()}, and this is {version.strip()}: make all of them")
    with open(path, "w") as file:
        file.write(version)


def main():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    cases, wrong = {}, 0
    with open(os.path.join(HERE, "cases.txt")) as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                cases.setdefault(line.split()[0], []).append(line)
    note_version(len(sys.argv) == 1)
    for name in sys.argv[1:] or cases:
        numbers = all_of(cases[name])
        if numbers is None:
            wrong += 1  # a file with a case missing would put all later ones out of step
        else:
            np.save(os.path.join(HERE, name + ".npy"), numbers)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
