# SPDX-License-Identifier: MIT
"""Writes the first seeds of csv/, idx/, npy/ and safetensors/ beside this file: small valid files of every kind, and
hostile ones. What fuzzing finds later is added to the folders by hand. Python's standard library only."""
import gzip
import pathlib
import struct

HERE = pathlib.Path(__file__).parent


def write(folder, seeds):
    (HERE / folder).mkdir(exist_ok=True)
    for name, data in seeds.items():
        (HERE / folder / name).write_bytes(data)


# csv: the first byte says dtype, separator, lines to skip, as fuzz_csv.c reads it
F32, F64, I32, I64, U8, BOOL = range(6)


def csv(text, dtype=F32, separator=",", skip=0):
    options = ord("0") + dtype + 6 * ",;\t ".index(separator) + 24 * skip
    return bytes([options]) + (text.encode() if isinstance(text, str) else text)


write("csv", {
    "plain": csv("1,2\n3,4\n"),
    "crlf": csv("1,2\r\n3,4\r"),
    "skip": csv("a,b\n# c\n\n 1 ,\t2\n3,4", skip=1),
    "semicolon": csv("0.5;-1e-3\n.25;+7.\n", F64, ";"),
    "tab": csv("1\t2\n 3 \t4\n", I32, "\t"),
    "space": csv("  1   2 \n3\t4\n", I64, " "),
    "mark": csv(b"\xef\xbb\xbf1,2\n"),
    "special": csv("nan,-inf,Infinity,-0\n", F64),
    "denormal": csv("5e-324,1e-400,2.2250738585072014e-308\n", F64),
    "halfway": csv("16777217,1.00000005960464477539,1.000000059604644775390625000000000000001\n"),
    "i64": csv("9223372036854775807,-9223372036854775808\n922337203685477580.7e1,0e999\n", I64),
    "u8": csv("0,255\n2.50e2,1.0\n", U8),
    "bool": csv("0,1\n1.0,0e5\n", BOOL),
    "out_of_range": csv("1e39\n"),
    "fraction": csv("1.5\n", I32),
    "ragged": csv("1,2\n3\n"),
    "empty_field": csv("1,,2\n"),
    "empty": csv(""),
    "zero_byte": csv(b"1,2\x003\n"),
    "hex": csv("0x10\n"),
    "long_number": csv("3." + "1" * 998 + "\n", F64),
    "too_long_number": csv("3." + "1" * 999 + "\n", F64),
    "many_digits": csv("1" * 40 + "e-30,0." + "0" * 40 + "1\n"),
    "wide_then_short": csv("1," * 50 + "1\n" + "1\n" * 50),
    "huge_exponent": csv("1e99999999999999999999\n", F64),
    "only_blanks": csv(" \n\t\n\r\n#\n"),
})


def idx(kind, sizes, data=b""):
    return bytes([0, 0, kind, len(sizes)]) + b"".join(struct.pack(">I", n) for n in sizes) + data


def pack(data):
    return gzip.compress(data, 9, mtime=0)


images = idx(8, (2, 3, 4), bytes(range(24)))
bad_checksum = bytearray(pack(images))
bad_checksum[-5] ^= 1
write("idx", {
    "u8": images,
    "i8": idx(9, (3,), b"\x7f\x80\xff"),
    "i16": idx(11, (2,), b"\x80\x00\x01\x02"),
    "i32": idx(12, (1, 2), struct.pack(">2i", 1, -2)),
    "f32": idx(13, (2,), struct.pack(">2f", 1.5, float("nan"))),
    "f64": idx(14, (1,), struct.pack(">d", -0.0)),
    "scalar": idx(8, (), b"\x07"),
    "empty": idx(13, (0, 5)),
    "rank8": idx(8, (1,) * 8, b"\x01"),
    "rank9": idx(8, (1,) * 9, b"\x01"),
    "no_bytes": b"",
    "cut_header": images[:9],
    "cut_values": images[:-1],
    "more": images + b"\0",
    "bad_type": idx(10, (1,), b"\0"),
    "overflow": idx(8, (65536,) * 4),
    "hidden_overflow": idx(8, (0xFFFFFFFF, 0xFFFFFFFF, 0)),
    "large_claim": idx(14, (0xFFFF, 0xFFFF), b"\0"),
    "gzip": pack(images),
    "gzip_f64": pack(idx(14, (2,), struct.pack(">2d", 3.25, -1e300))),
    "gzip_stored": gzip.compress(images, 0, mtime=0),
    "gzip_zeros": pack(idx(8, (100, 100), bytes(10000))),
    "gzip_cut": pack(images)[:-1],
    "gzip_head": pack(images)[:10],
    "gzip_trailing": pack(images) + b"\0",
    "gzip_two": pack(images) + pack(b""),
    "gzip_checksum": bytes(bad_checksum),
    "gzip_liar": pack(idx(8, (60000, 28, 28), bytes(24))),
    "gzip_short": pack(images[:-5]),
    "gzip_bomb": pack(idx(8, (2, 3, 4), bytes(200000))),
    "gzip_in_gzip": pack(pack(images)),
})


def npy(descr, shape, data=b"", fortran=False, version=1, header=None):
    text = header or f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}"
    text = text.encode("latin-1") + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 if version == 1 else 4, "little") + text + data


write("npy", {
    "f4": npy("<f4", (2, 3), struct.pack("<6f", *range(6))),
    "f8_big": npy(">f8", (2,), struct.pack(">2d", 0.1, float("nan"))),
    "i8_scalar": npy("<i8", (), struct.pack("<q", -5)),
    "i4_fortran": npy("<i4", (2, 3), struct.pack("<6i", *range(6)), True),
    "i2_fortran_big": npy(">i2", (2, 2, 2), struct.pack(">8h", *range(8)), True, 2),
    "u2": npy("<u2", (3,), b"\xff\xff\0\1\0\0"),
    "u1": npy("|u1", (2, 1), b"\0\xff"),
    "i1": npy("|i1", (2,), b"\x80\x7f"),
    "f2": npy("<f2", (6,), struct.pack("<6H", 0x7C00, 0xFE01, 1, 0x8000, 0x3C00, 0xFBFF)),
    "bool": npy("|b1", (3,), b"\0\1\1"),
    "bool_2": npy("|b1", (3,), b"\0\2\1"),
    "empty": npy("<f4", (0, 5)),
    "rank8": npy("<f4", (1,) * 8, b"\0\0\x80\x3f", True),
    "rank9": npy("<f4", (1,) * 9, b"\0\0\x80\x3f"),
    "version3": npy("=f4", (1,), b"\0\0\x80\x3f", version=3),
    "double_quotes": npy("", "", b"\1\0\0\0", header='{"shape":(1L,),"fortran_order":True,"descr":"|i4"}'),
    "number_shape": npy("<f4", "(1)", b"\0\0\0\0"),
    "negative": npy("<f4", (-1,)),
    "overflow": npy("<f4", (2**32, 2**32)),
    "hidden_overflow": npy("<f4", (2**32, 0, 2**32)),
    "large_claim": npy("<f8", (100000, 100000), b"\0"),
    "too_large": npy("<f8", (2**63,)),
    "object": npy("|O", (1,), b"\x80\4N."),
    "record": npy("", "", header="{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,)}"),
    "complex": npy("<c8", (1,), bytes(8)),
    "twice": npy("", "", header="{'descr': '<f4', 'descr': '<f4', 'shape': ()}"),
    "unknown_key": npy("", "", header="{'descr': '<f4', 'more': 1}"),
    "no_shape": npy("", "", header="{'descr': '<f4', 'fortran_order': False}"),
    "open_string": npy("", "", header="{'descr': '<f4"),
    "nested": npy("", "", header="{" * 200),
    "cut": npy("<f4", (2, 3), struct.pack("<6f", *range(6)))[:-1],
    "more": npy("<f4", (), bytes(5)),
    "magic_only": b"\x93NUMPY\1\0",
    "header_length": b"\x93NUMPY\2\0\xff\xff\xff\xff",
})


def safetensors(text, data=b"", length=None):
    text = text if isinstance(text, bytes) else text.encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def tensor(name, dtype, shape, begin, end):
    return f'"{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]}}'.replace(" ", "")


write("safetensors", {
    "f32": safetensors("{" + tensor("x", "F32", [2], 0, 8) + "}  ", struct.pack("<2f", 1, 2)),
    "types": safetensors("{" + ",".join([
        tensor("a", "I64", [1], 0, 8), tensor("b", "F16", [2], 8, 12), tensor("c", "BF16", [2], 12, 16),
        tensor("d", "I8", [1], 16, 17), tensor("e", "BOOL", [1], 17, 18), tensor("f", "U16", [1], 18, 20)
    ]) + "}", bytes(12) + b"\x80\x3f\x80\xff\x80\1\xff\xff"),
    "scalar_and_empty": safetensors("{" + tensor("e", "F64", [0, 3], 0, 0) + "," + tensor("s", "U8", [], 0, 1) + "}", b"1"),
    "text": safetensors('{"__metadata__":{"k":"v\\n\\u00e9\\ud83d\\ude00","":"é"},' + tensor("x", "U8", [1], 0, 1) + "}", b"1"),
    "null_metadata": safetensors('{"__metadata__":null}'),
    "blanks": safetensors('{ "x" :\t{"shape":[1\n],"data_offsets":[ 0 , 1 ],"dtype":"U8"} }   ', b"1"),
    "nothing": safetensors("{}"),
    "twice": safetensors("{" + tensor("x", "U8", [1], 0, 1) + "," + tensor("x", "U8", [1], 1, 2) + "}", b"12"),
    "hole": safetensors("{" + tensor("x", "U8", [1], 0, 1) + "," + tensor("y", "U8", [1], 2, 3) + "}", b"123"),
    "overlap": safetensors("{" + tensor("x", "U8", [2], 0, 2) + "," + tensor("y", "U8", [2], 1, 3) + "}", b"123"),
    "overflow": safetensors("{" + tensor("x", "F32", [2**32, 2**32], 0, 0) + "}"),
    "hidden_overflow": safetensors("{" + tensor("x", "F32", [0, 2**32, 2**32], 0, 0) + "}"),
    "rank9": safetensors("{" + tensor("x", "U8", [1] * 9, 0, 1) + "}", b"1"),
    "bool_2": safetensors("{" + tensor("x", "BOOL", [1], 0, 1) + "}", b"\2"),
    "unknown_type": safetensors("{" + tensor("x", "F8_E4M3", [1], 0, 1) + "}", b"1"),
    "nested": safetensors('{"x":' + "{" * 100),
    "not_utf8": safetensors(b'{"\xed\xa0\x80":1}'),
    "length": safetensors("{}", length=2**63),
    "cut": safetensors("{" + tensor("x", "F32", [2], 0, 8) + "}", bytes(7)),
})
