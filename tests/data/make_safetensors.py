#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the safetensors_*.safetensors beside this file, as other programs write them: with Python's standard library
alone, values k - 2, or k % 3 == 0 for BOOL, at element k. torch.safetensors is laid out as
safetensors.torch.save_model writes a PyTorch model: names with dots, one of two tied weights, the other in the
metadata."""
import json
import pathlib
import struct

HERE = pathlib.Path(__file__).parent
CODE = {"BOOL": "?", "U8": "B", "I8": "b", "I16": "h", "U16": "H", "F16": "e", "I32": "i", "F32": "f", "F64": "d",
        "I64": "q"}


def numel(shape):
    n = 1
    for d in shape:
        n *= d
    return n


def values(dtype, shape, of=None):
    n = numel(shape)
    v = of or [k % 3 == 0 if dtype == "BOOL" else k if dtype[0] == "U" else k - 2 for k in range(n)]
    if dtype == "BF16":
        return b"".join(struct.pack("<f", x)[2:] for x in v)
    return struct.pack(f"<{n}{CODE[dtype]}", *v)


def write(name, tensors, metadata=None, **style):
    header, data = {} if metadata is None else {"__metadata__": metadata}, b""
    for key, (dtype, shape, *of) in tensors.items():
        raw = values(dtype, shape, *of)
        header[key] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, **(style or {"separators": (",", ":")})).encode()
    text += b" " * (-len(text) % 8)
    (HERE / f"safetensors_{name}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


ALL = ["I64", "F64", "F32", "I32", "BF16", "F16", "U16", "I16", "I8", "U8", "BOOL"]
write("types", {t: (t, [2, 3]) for t in ALL})
write("shapes", {"scalar": ("F64", []), "empty": ("F64", [0, 3]), "rank8": ("F32", [1, 2, 1, 3, 1, 1, 2, 1])})
write("text", {"größe/w": ("F32", [1])}, {"a": 'quote " and \\ and \n', "b": "\U0001f600 é"})
write("blanks", {"w": ("U8", [3])}, {"k": "v"}, indent=2)
# Byte for byte what safetensors 0.8.0 (numpy.save_file) writes of these, given in any order.
write("written", {
    "i": ("I64", [3]), "a/w": ("F64", [2]), "b": ("F64", []), "\"w\\\t\x01é/": ("F32", [2, 2]), "w": ("F32", [1, 0]),
    "n": ("I32", [1]), "u": ("U8", [3]), "t": ("BOOL", [5])
}, {"format": "pt"}, ensure_ascii=False, separators=(",", ":"))
write("torch", {
    "0.weight": ("F32", [2, 3], [1.5, -2.5, 3.5, 0.25, -0.125, 8.0]),
    "0.bias": ("F32", [2], [0.5, -0.5]),
    "2.weight": ("F32", [2, 2], [1.0, 2.0, 3.0, 4.0]),
}, {"tied.weight": "2.weight", "format": "pt"})
