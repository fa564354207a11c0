# SPDX-License-Identifier: MIT
"""Which function of PyTorch an operation is: a row for each whose name or arguments differ."""
import math

import numpy as np
import torch
import torch.nn.functional as F

# Values that a range cannot say: what stands behind "@" in a sample.
DRAWN = {}


def axes(a, x):
    """The list of axes of a reduction; none listed is all."""
    listed = a.get("axes", [])
    listed = listed if isinstance(listed, list) else [listed]
    return tuple(listed) if listed else tuple(range(x.dim()))


def keep(a):
    return bool(a.get("keepdim", 0))


def reduce(f):
    """A function of PyTorch that takes dim= and keepdim=; rank 0 has nothing to reduce."""
    return lambda x, a: f(x[0], dim=axes(a, x[0]), keepdim=keep(a)) if x[0].dim() else f(x[0].reshape(1), dim=0)


def axis_of(a, name="axis"):
    return int(a.get(name, 0))


def pair(a, name, default):
    value = a.get(name, [])
    value = value if isinstance(value, list) else [value, value]
    return tuple(int(v) if v else default for v in value) if value else (default, default)


# Name in Wengert: lambda of the list of inputs and the dict of attributes.
TABLE = {
    "softmax": lambda x, a: F.softmax(x[0], axis_of(a)),
    "sum": reduce(torch.sum),
}


def apply(name, x, a):
    if name in TABLE:
        return TABLE[name](x, a)
    for space in (torch, F, torch.special):
        if hasattr(space, name):
            return getattr(space, name)(*x, *a.values())
    raise KeyError(f"torch_ops.py has no row for {name}")
