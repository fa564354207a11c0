# SPDX-License-Identifier: MIT
"""Which function of PyTorch an operation is: a row for each whose name or arguments differ, or that has attributes."""
import math

import numpy as np
import torch
import torch.nn.functional as F


# ---- values that a range cannot say: what stands behind "@" in a sample ----------------------------

def positive_definite(random, shape):
    a = random.uniform(-1, 1, shape)
    return a @ a.swapaxes(-1, -2) + shape[-1] * np.eye(shape[-1])


def regular(random, shape):
    return (random.uniform(-1, 1, shape) + shape[-1] * np.eye(shape[-1]))[..., ::-1, :].copy()


DRAWN = {"spd": positive_definite, "reg": regular}


# ---- arguments -------------------------------------------------------------------------------------

def listed(a, name):
    value = a.get(name, [])
    return value if isinstance(value, list) else [value]


def axes(a, x):
    """The axes of a reduction; all of them where the case says all=1."""
    return tuple(range(x.dim())) if a.get("all") else tuple(listed(a, "axes"))


def sizes(a, x):
    """-2 keeps the size that is there."""
    return [x.shape[i] if n == -2 else n for i, n in enumerate(listed(a, "shape"))]


def pair(a, name, default):
    """NAME_h and NAME_w; 0 is the default."""
    return tuple(int(a.get(f"{name}_{which}", 0)) or default for which in "hw")


def axis(a):
    return int(a.get("axis", 0))


def reduction(f, **more):
    """f takes dim= and keepdim=. A reduction over no axis leaves x as it is."""
    def run(x, a):
        if not x[0].dim():
            return f(x[0].reshape(1), dim=0, **more)
        which = axes(a, x[0])
        return f(x[0], dim=which, keepdim=bool(a.get("keepdim")), **more) if which else f(x[0].unsqueeze(0), dim=(0,), **more)
    return run


def one_by_one(f):
    """The same of an f that takes one axis at a time: from the last axis on."""
    def run(x, a):
        y = x[0]
        for i in sorted((k % y.dim() for k in axes(a, y)), reverse=True):
            y = f(y, i, bool(a.get("keepdim")))
        return y
    return run


def truth(f):
    run = one_by_one(f)
    return lambda x, a: run([x[0] != 0], a)


def spread(f):
    def run(x, a):
        which, correction = axes(a, x[0]), int(a.get("correction", 0))
        if not which:
            return f(x[0].unsqueeze(0), dim=0, correction=correction)
        return f(x[0], dim=which, correction=correction, keepdim=bool(a.get("keepdim")))
    return run


def along(f):
    return lambda x, a: f(x[0], axis(a))


def scan(f):
    def run(x, a):
        i = axis(a)
        return f(x[0].flip(i), i).flip(i) if a.get("reverse") else f(x[0], i)
    return run


def plain(f):
    return lambda x, a: f(*x)


def numbers(f, *names):
    """These attributes follow the inputs."""
    return lambda x, a: f(*x, *(a.get(name, 0) for name in names))


def cross_entropy(x, a):
    """The record gives one loss for each sample."""
    logits, target = x[0], x[1]
    index = not target.is_floating_point()
    options = {"label_smoothing": a.get("smoothing", 0.0), "reduction": "none"}
    if index and a.get("ignore"):
        options["ignore_index"] = int(a.get("ignore_index", 0))
    flat = logits.reshape(-1, logits.shape[-1])
    y = F.cross_entropy(flat, target.reshape(-1) if index else target.reshape(flat.shape), **options)
    return y.reshape(logits.shape[:-1])


def norm(x, p, which, keepdim):
    if not which:
        return torch.linalg.vector_norm(x.unsqueeze(0), p, 0)
    return torch.linalg.vector_norm(x, p, which, keepdim)


def nll(x, a):
    """One loss for each sample, of log_p (..., C); a formula, since F.nll_loss has no gradient for the weights."""
    kept = x[1] != int(a.get("ignore_index", 0)) if a.get("ignore") else torch.ones_like(x[1], dtype=torch.bool)
    target = torch.where(kept, x[1], torch.zeros_like(x[1]))
    loss = -x[0].gather(-1, target.unsqueeze(-1)).squeeze(-1)
    if len(x) > 2:
        loss = loss * x[2][target]
    return torch.where(kept, loss, torch.zeros_like(loss))


def window(a, stride=1):
    return {"dilation": pair(a, "dilation", 1), "padding": pair(a, "padding", 0), "stride": pair(a, "stride", stride)}


def conv(f):
    def run(x, a):
        more = {"output_padding": pair(a, "output_padding", 0)} if "transpose" in f.__name__ else {}
        return f(x[0], x[1], x[2] if len(x) > 2 else None, groups=int(a.get("groups", 0)) or 1, **window(a), **more)
    return run


def conv_line(f):
    def run(x, a):
        more = {"output_padding": int(a.get("output_padding", 0))} if "transpose" in f.__name__ else {}
        return f(x[0], x[1], x[2] if len(x) > 2 else None, groups=int(a.get("groups", 0)) or 1,
                 stride=int(a.get("stride", 0)) or 1, padding=int(a.get("padding", 0)),
                 dilation=int(a.get("dilation", 0)) or 1, **more)
    return run


def pool(f, has_dilation):
    """A stride of 0 is the kernel's size."""
    def run(x, a):
        kernel = pair(a, "kernel", 1)
        stride = tuple(s or k for s, k in zip(pair(a, "stride", 0), kernel))
        more = {"dilation": pair(a, "dilation", 1)} if has_dilation else {
            "count_include_pad": not a.get("count_exclude_pad")}
        return f(x[0], kernel, stride, pair(a, "padding", 0), **more)
    return run


def pool_line(f, has_dilation):
    def run(x, a):
        more = {"dilation": int(a.get("dilation", 0)) or 1} if has_dilation else {
            "count_include_pad": not a.get("count_exclude_pad")}
        kernel = int(a.get("kernel", 0))
        return f(x[0], kernel, int(a.get("stride", 0)) or kernel, int(a.get("padding", 0)), **more)
    return run


def interpolate(x, a):
    size = pair(a, "to", 0)
    if a.get("mode"):
        return F.interpolate(x[0], size, mode="bilinear", align_corners=bool(a.get("align_corners")))
    return F.interpolate(x[0], size, mode="nearest")


def tail(x, a):
    """The sizes of the last `axes` axes."""
    return x[0].shape[x[0].dim() - int(a.get("axes", 0)):]


def rms_norm(x, a):
    over = tuple(range(-int(a.get("axes", 0)), 0))
    y = x[0] / torch.sqrt((x[0] ** 2).mean(over, keepdim=True) + a.get("eps", 0.0))
    return y * x[1] if len(x) > 1 else y


def batch_norm(x, a):
    weight, bias, mean, var = (x[1:] + [None] * 4)[:4]
    if mean is None:
        return F.batch_norm(x[0], None, None, weight, bias, training=True, eps=a.get("eps", 0.0))
    shape = (-1,) + (1,) * (x[0].dim() - 2)  # F.batch_norm has no gradient for given statistics
    y = (x[0] - mean.view(shape)) / torch.sqrt(var.view(shape) + a.get("eps", 0.0))
    return y * weight.view(shape) + bias.view(shape)


def attention(x, a):
    q, k, v = x[:3]
    score = q @ k.transpose(-1, -2) * (a.get("scale", 0.0) or 1 / math.sqrt(q.shape[-1]))
    if a.get("causal"):
        score = score.masked_fill(~torch.ones(score.shape[-2:], dtype=torch.bool).tril(), -math.inf)
    if len(x) > 3:
        score = score.masked_fill(~x[3], -math.inf) if x[3].dtype == torch.bool else score + x[3]
    return torch.softmax(score, -1) @ v


def triangular_solve(x, a):
    upper, transposed = bool(a.get("upper")), bool(a.get("transposed"))
    t = x[0].transpose(-1, -2) if transposed else x[0]
    return torch.linalg.solve_triangular(t, x[1], upper=upper != transposed, unitriangular=bool(a.get("unit")))


def pad(x, a):
    mode = ["constant", "reflect", "replicate", "circular"][int(a.get("mode", 0))]
    widths = []
    for before, after in zip(listed(a, "before")[::-1], listed(a, "after")[::-1]):
        widths += [before, after]
    if mode == "constant":
        return F.pad(x[0], widths, mode, a.get("value", 0.0))
    extra = len(widths) // 2 + 2 - x[0].dim()
    y = x[0][(None,) * extra] if extra > 0 else x[0]
    return F.pad(y, widths, mode).reshape(F.pad(y, widths, mode).shape[max(extra, 0):])


class Digamma(torch.autograd.Function):
    """PyTorch's trigamma is a short series, right to 1e-9 only; the same function by Hurwitz's zeta is right."""

    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return torch.digamma(x)

    @staticmethod
    def backward(context, g):
        return g * torch.special.zeta(torch.tensor(2.0), context.saved_tensors[0])


class Lgamma(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return torch.lgamma(x)

    @staticmethod
    def backward(context, g):
        return g * Digamma.apply(context.saved_tensors[0])


def polygamma(x, a):
    n = int(a.get("n", 0))
    if n == 0:
        return Digamma.apply(x[0])
    return (-1) ** (n + 1) * math.factorial(n) * torch.special.zeta(torch.tensor(n + 1.0), x[0])


def places(x, a, size):
    """The places that Python's start:stop:step means, as PyTorch's slices have no negative step."""
    part = slice(int(a.get("start", 0)), int(a.get("stop", 0)), int(a.get("step", 0)))
    return torch.tensor(range(size)[part], dtype=torch.int64)


def unslice(x, a):
    shape = list(x[0].shape)
    shape[axis(a)] = int(a.get("size", 0))
    return torch.zeros(shape).index_add(axis(a), places(x, a, shape[axis(a)]), x[0])


def conv2d_weight(x, a):
    groups = int(a.get("groups", 0)) or 1
    size = (x[1].shape[1], x[0].shape[1] // groups) + pair(a, "kernel", 1)
    return torch.nn.grad.conv2d_weight(x[0], size, x[1], groups=groups, **window(a))


DTYPES = [torch.float32, torch.float64, torch.int32, torch.int64, torch.uint8, torch.bool]


# ---- name in Wengert: a function of the list of inputs and the dict of attributes -------------------

TABLE = {
    "step": lambda x, a: torch.heaviside(x[0].detach(), torch.zeros(())),
    "softplus": lambda x, a: torch.logaddexp(x[0], torch.zeros_like(x[0])),  # F.softplus is linear from 20 on
    "gelu_tanh": lambda x, a: F.gelu(x[0], approximate="tanh"),
    "cbrt": lambda x, a: torch.sign(x[0].detach()) * torch.abs(x[0]) ** (1 / 3),
    "polygamma": polygamma,
    "digamma": lambda x, a: Digamma.apply(x[0]),
    "lgamma": lambda x, a: Lgamma.apply(x[0]),
    "hardsigmoid": lambda x, a: F.relu6(x[0] + 3) / 6,  # F.hardsigmoid has 1 / 6 in single precision
    "leaky_relu": numbers(F.leaky_relu, "slope"),
    "elu": numbers(F.elu, "alpha"),
    "celu": numbers(F.celu, "alpha"),
    "hardshrink": numbers(F.hardshrink, "lambda"),
    "softshrink": numbers(F.softshrink, "lambda"),
    "threshold": numbers(F.threshold, "threshold", "value"),
    "clamp": lambda x, a: torch.clamp(x[0], a.get("low", 0), a.get("high", 0)),
    "hardtanh": lambda x, a: F.hardtanh(x[0], a.get("low", 0), a.get("high", 0)),
    "leak": lambda x, a: torch.where(x[0] > 0, x[0], x[0] * x[1]),  # F.prelu broadcasts otherwise
    "cast": lambda x, a: x[0].to(DTYPES[int(a.get("dtype", 0))]),
    "slice": lambda x, a: x[0].index_select(axis(a), places(x, a, x[0].shape[axis(a)])),
    "unslice": unslice,
    "cosine_similarity": lambda x, a: F.cosine_similarity(x[0], x[1], axis(a), a.get("eps", 0.0)),
    "conv2d_weight": conv2d_weight,
    "masked_fill": lambda x, a: x[0].masked_fill(x[1], a.get("value", 0)),
    "lerp": plain(torch.lerp),
    "prelu": plain(F.prelu),
    "glu": lambda x, a: F.glu(x[0], axis(a)),
    "softmax": along(F.softmax),
    "log_softmax": along(F.log_softmax),
    "cross_entropy": cross_entropy,
    "where": lambda x, a: torch.where(x[0], x[1], x[2]),
    "reshape": lambda x, a: x[0].reshape(sizes(a, x[0])),
    "permute": lambda x, a: x[0].permute(listed(a, "axes")),
    "expand": lambda x, a: x[0].expand([-1 if n == -2 else n for n in listed(a, "shape")]),
    "sum_to": lambda x, a: x[0].sum_to_size(listed(a, "shape")),
    "contiguous": lambda x, a: x[0].contiguous(),
    "flip": lambda x, a: x[0].flip(axis(a)),
    "transpose": lambda x, a: x[0].transpose(int(a.get("axis1", 0)), int(a.get("axis2", 0))),
    "squeeze": lambda x, a: x[0].squeeze(axis(a)),
    "unsqueeze": lambda x, a: x[0].unsqueeze(axis(a)),
    "roll": lambda x, a: x[0].roll(int(a.get("shift", 0)), axis(a)),
    "cat": lambda x, a: torch.cat(x, axis(a)),
    "stack": lambda x, a: torch.stack(x, axis(a)),
    "gather": lambda x, a: torch.gather(x[0], axis(a), x[1]),
    "take_along_axis": lambda x, a: torch.take_along_dim(x[0], x[1], axis(a)),
    "scatter_add": lambda x, a: x[0].scatter_add(axis(a), x[1], x[2]),
    "scatter": lambda x, a: x[0].scatter(axis(a), x[1], x[2]),
    "index_select": lambda x, a: x[0].index_select(axis(a), x[1]),
    "index_add": lambda x, a: x[0].index_add(axis(a), x[1], x[2]),
    "one_hot": lambda x, a: F.one_hot(x[0], int(a.get("classes", 0))).double(),
    "sum": reduction(torch.sum),
    "mean": reduction(torch.mean),
    "var": spread(torch.var),
    "std": spread(torch.std),
    "logsumexp": reduction(torch.logsumexp),
    "max": reduction(torch.amax),
    "min": reduction(torch.amin),
    "prod": one_by_one(torch.prod),
    "any": truth(torch.any),
    "all": truth(torch.all),
    "argmax": lambda x, a: torch.argmax(x[0], int(a.get("axes", 0)), bool(a.get("keepdim"))),
    "argmin": lambda x, a: torch.argmin(x[0], int(a.get("axes", 0)), bool(a.get("keepdim"))),
    "norm": lambda x, a: norm(x[0], a.get("p", 0), axes(a, x[0]), bool(a.get("keepdim"))),
    "cumsum": scan(torch.cumsum),
    "cumprod": scan(torch.cumprod),
    "cummax": scan(lambda x, i: torch.cummax(x, i)[0]),
    "cummin": scan(lambda x, i: torch.cummin(x, i)[0]),
    "sort": lambda x, a: torch.sort(x[0], dim=axis(a), descending=bool(a.get("descending")), stable=True)[0],
    "argsort": lambda x, a: torch.sort(x[0], dim=axis(a), descending=bool(a.get("descending")), stable=True)[1],
    "topk": lambda x, a: torch.topk(x[0], int(a.get("k", 0)), axis(a), bool(a.get("largest")))[0],
    "argtopk": lambda x, a: torch.topk(x[0], int(a.get("k", 0)), axis(a), bool(a.get("largest")))[1],
    "nll": nll,
    "repeat": lambda x, a: x[0].repeat(listed(a, "repeats")),
    "repeat_interleave": lambda x, a: x[0].repeat_interleave(int(a.get("n", 0)), axis(a)),
    "movedim": lambda x, a: x[0].movedim(int(a.get("source", 0)), int(a.get("destination", 0))),
    "select": lambda x, a: x[0].select(axis(a), int(a.get("index", 0))),
    "diagonal": lambda x, a: x[0].diagonal(int(a.get("offset", 0)), int(a.get("axis1", 0)), int(a.get("axis2", 0))),
    "embedding": lambda x, a: F.embedding(x[1], x[0], int(a.get("padding_index", 0)) if a.get("padding") else None),
    "pad": pad,
    "logcumsumexp": scan(torch.logcumsumexp),
    "layer_norm": lambda x, a: F.layer_norm(x[0], tail(x, a), *x[1:], eps=a.get("eps", 0.0)),
    "rms_norm": rms_norm,
    "group_norm": lambda x, a: F.group_norm(x[0], int(a.get("groups", 0)), *x[1:], eps=a.get("eps", 0.0)),
    "instance_norm": lambda x, a: F.instance_norm(x[0], None, None, *x[1:], eps=a.get("eps", 0.0)),
    "batch_norm": batch_norm,
    "scaled_dot_product_attention": attention,
    "unfold": lambda x, a: F.unfold(x[0], pair(a, "kernel", 1), **window(a)),
    "fold": lambda x, a: F.fold(x[0], pair(a, "size", 1), pair(a, "kernel", 1), **window(a)),
    "conv1d": conv_line(F.conv1d),
    "conv_transpose1d": conv_line(F.conv_transpose1d),
    "max_pool1d": pool_line(F.max_pool1d, True),
    "avg_pool1d": pool_line(F.avg_pool1d, False),
    "avg_pool2d": pool(F.avg_pool2d, False),
    "adaptive_avg_pool1d": lambda x, a: F.adaptive_avg_pool1d(x[0], int(a.get("size", 0))),
    "adaptive_avg_pool2d": lambda x, a: F.adaptive_avg_pool2d(x[0], pair(a, "to", 0)),
    "interpolate": interpolate,
    "max_pool2d_index": lambda x, a: pool(F.max_pool2d_with_indices, True)(x, a)[1],
    "conv2d": conv(F.conv2d),
    "conv_transpose2d": conv(F.conv_transpose2d),
    "max_pool2d": pool(F.max_pool2d, True),
    "addmm": lambda x, a: torch.addmm(x[0], x[1], x[2], beta=a.get("beta", 0), alpha=a.get("alpha", 0)),
    "linear": plain(F.linear),
    "bilinear": lambda x, a: F.bilinear(x[0], x[2], x[1], *x[3:]),
    "einsum": lambda x, a: torch.einsum(a["equation"], *x),
    "trace": lambda x, a: x[0].diagonal(0, -2, -1).sum(-1),
    "tril": lambda x, a: torch.tril(x[0], int(a.get("k", 0))),
    "triu": lambda x, a: torch.triu(x[0], int(a.get("k", 0))),
    "solve": lambda x, a: torch.linalg.solve(x[0], x[1].expand(x[0].shape[:-2] + x[1].shape[-2:]) if
                                             x[1].dim() < x[0].dim() else x[1]),  # the record knows no vectors
    "triangular_solve": triangular_solve,
    "cholesky": plain(torch.linalg.cholesky),
    "inverse": plain(torch.linalg.inv),
    "det": plain(torch.linalg.det),
    "logdet": plain(torch.logdet),
}


def apply(name, x, a):
    if name in TABLE:
        return TABLE[name](x, a)
    for space in (torch, F, torch.special):
        if hasattr(space, name) and not a:  # attributes have names here and an order there
            return getattr(space, name)(*x)
    raise KeyError(f"torch_ops.py has no row for {name} {' '.join(a)}")
