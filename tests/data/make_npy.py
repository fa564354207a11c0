# SPDX-License-Identifier: MIT
"""Writes npy_*.npy beside this file, with NumPy 1.24: what tests/test_io_npy.c reads, and what the library
must write byte for byte. Element k, in C order, is k - 2 for signed numbers and floats, k (modulo 256 in
u1) for unsigned ones, and whether 3 divides k for bools."""
import pathlib

import numpy as np
from numpy.lib import format as npy

HERE = pathlib.Path(__file__).parent


def values(dtype, shape):
    k = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    kind = np.dtype(dtype).kind
    return {"u": k, "b": k % 3 == 0}.get(kind, k - 2).astype(dtype)


def write(name, array, version=(1, 0)):
    with open(HERE / f"npy_{name}.npy", "wb") as f:
        npy.write_array(f, array, version=version, allow_pickle=True)


# exactly what the library writes too
write("f4", values("<f4", (2, 3)))
write("f8", values("<f8", (4,)))
write("i4", values("<i4", (0, 5)))
write("i8", values("<i8", ()))
write("u1", values("|u1", (3, 2, 1)))
write("b1", values("|b1", (7,)))
write("rank8", values("<f4", (1, 2, 1, 3, 1, 1, 2, 1)))
write("long", values("|u1", (1234, 1)))
# read, never written
write("f2", values("<f2", (5,)))
write("i1", values("|i1", (5,)))
write("i2", values(">i2", (2, 2)))
write("u2", values("<u2", (5,)))
write("big_f4", values(">f4", (2, 3)))
write("big_f8", values(">f8", (3,)))
write("big_i8", values(">i8", (3,)))
write("fortran", np.asfortranarray(values("<f4", (2, 3, 4))))
write("big_fortran_i2", np.asfortranarray(values(">i2", (3, 2))))
write("version2", values("<f4", (2, 3)), (2, 0))
write("version3", values("<f4", (2, 3)), (3, 0))
# refused
write("objects", np.array([{}, None], dtype=object))
write("record", np.zeros(2, dtype=[("x", "<f4"), ("y", "<i4")]))
write("complex", np.zeros(2, dtype="<c8"))
write("text", np.array(["ab", "c"]))
write("u4", values("<u4", (3,)))
