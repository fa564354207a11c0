# SPDX-License-Identifier: MIT
"""Writes idx_*.gz and idx_i2.idx beside this file, for tests/test_io_idx.c and tests/test_io.c. Streams that
claim what they do not hold are made here because the tests themselves cannot compress. Needs nothing but
Python's standard library."""
import gzip
import pathlib
import struct
import zlib

HERE = pathlib.Path(__file__).parent


def idx(kind, sizes, data):
    return bytes([0, 0, kind, len(sizes)]) + b"".join(struct.pack(">I", n) for n in sizes) + data


def write(name, data):
    (HERE / f"idx_{name}.gz").write_bytes(data)


def pack(data):
    return gzip.compress(data, 9, mtime=0)


images = idx(8, (2, 3, 4), bytes(range(24)))
write("u1", pack(images))
write("f4", pack(idx(13, (3,), struct.pack(">3f", 1.5, -2.0, 1e30))))
write("zeros", pack(idx(8, (1000, 1000), bytes(1000000))))  # 1.0 MB in 1.0 kB: as dense as gzip gets
write("large", pack(idx(8, (600, 1000), bytes(k % 251 for k in range(600000)))))  # in several pieces
write("short", pack(images[:-5]))
write("long", pack(images + b"more"))
write("liar", pack(idx(8, (60000, 28, 28), bytes(24))))  # claims 47 MB in a few bytes
write("endless", pack(idx(8, (2, 3, 4), bytes(1000000))))  # claims 24 bytes, holds 1 MB
write("trailing", pack(images) + b"\0" * 7)
bad = bytearray(pack(images))
bad[-5] ^= 1  # of the checksum
write("checksum", bytes(bad))
write("two", pack(images) + pack(b""))

(HERE / "idx_i2.idx").write_bytes(idx(11, (2, 3), struct.pack(">6h", *range(-3, 3))))
