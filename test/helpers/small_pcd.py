"""PCD files as the Point Cloud Library compresses them."""

import struct

import numpy as np

_LOOK_BACK, _LONGEST = 8192, 264


def compress_lzf(data: bytes) -> bytes:
    """LZF by the longest match at the last place of the same three bytes."""
    out, literal, places, at = bytearray(), bytearray(), dict[bytes, int](), 0
    while at < len(data):
        key = data[at : at + 3]
        before = places.get(key, -_LOOK_BACK - 1)
        if len(key) == 3:
            places[key] = at
        if at - before > _LOOK_BACK or len(key) < 3:
            literal.append(data[at])
            at += 1
            continue
        length = 3
        while length < _LONGEST and data[before + length : before + length + 1] == (
            data[at + length : at + length + 1] or None
        ):
            length += 1
        out += _literals(literal) + _reference(at - before - 1, length - 2)
        literal.clear()
        at += length
    return bytes(out + _literals(literal))


def compressed_pcd(points: np.ndarray, padded: bool) -> bytes:
    """A file of a structured array ``[N]``; ``padded``: fields of name _ are stored, too."""
    names = points.dtype.names or ()
    kinds = [points.dtype[name].base for name in names]
    counts = [int(np.prod(points.dtype[name].shape, dtype=int)) for name in names]
    columns = (
        ("FIELDS", ["_" if name.startswith("_") else name for name in names]),
        ("SIZE", [kind.itemsize for kind in kinds]),
        ("TYPE", [kind.kind.upper() for kind in kinds]),
        ("COUNT", counts),
        ("WIDTH", [len(points)]),
        ("HEIGHT", [1]),
        ("DATA", ["binary_compressed"]),
    )
    header = "".join(f"{key} {' '.join(map(str, values))}\n" for key, values in columns)
    stored = [name for name in names if padded or not name.startswith("_")]
    flat = b"".join(points[name].tobytes() for name in stored)
    packed = compress_lzf(flat)
    return header.encode() + struct.pack("<II", len(packed), len(flat)) + packed


def _literals(literal: bytearray) -> bytes:
    parts = [literal[start : start + 32] for start in range(0, len(literal), 32)]
    return b"".join(bytes([len(part) - 1]) + part for part in parts)


def _reference(distance: int, length: int) -> bytes:
    high, low = distance >> 8, distance & 255
    if length < 7:
        return bytes([length << 5 | high, low])
    return bytes([7 << 5 | high, length - 7, low])
