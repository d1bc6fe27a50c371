"""Point clouds in files of the Point Cloud Library (.pcd), with any fields.

Read are all three kinds: ascii, binary and binary_compressed.
"""

import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pd_ros.pointcloud.layout import DATATYPES, CloudField, CloudLayout
from pd_ros.pointcloud.lzf import MAX_RATIO, decompress

_KINDS = {"F": "f", "I": "i", "U": "u"}
_CODES = {kind: code for code, kind in DATATYPES.items()}
_LARGEST = 2**32 - 1  # of a PointCloud2's width and height


class PcdCloud(NamedTuple):
    """The file as a ``PointCloud2`` of one row; a field of a kind that has no code has code 0."""

    layout: CloudLayout
    data: bytes


class _Header(NamedTuple):
    dtype: np.dtype[np.void]
    points: int  # how many
    data: str  # ascii, binary or binary_compressed


def read_pcd(path: Path) -> PcdCloud:
    """Return the bytes of all points, maybe none, and how they lie, with the file's own fields.

    Raises ``ValueError`` that names the file and what is wrong for a damaged file.
    """
    header, body = _read_header(path, path.read_bytes())
    layout = _layout(header)
    if header.data == "ascii":
        return PcdCloud(layout, _read_ascii(path, header, body))
    if header.data == "binary_compressed":
        return PcdCloud(layout, _read_compressed(path, header, body))
    if header.data != "binary":
        raise ValueError(
            f"{path}: DATA: expected ascii, binary or binary_compressed, got {header.data};"
            " the file is damaged or of another kind"
        )
    needed = header.points * header.dtype.itemsize
    if len(body) < needed:
        raise ValueError(
            f"{path}: expected {needed} bytes for {header.points} points, got {len(body)};"
            " the file is cut, copy it again"
        )
    if header.points and len(body) >= needed + header.points:
        raise ValueError(
            f"{path}: expected {needed} bytes for {header.points} points of"
            f" {header.dtype.itemsize} bytes each, got {len(body)}; SIZE or COUNT in the header is"
            " wrong"
        )
    return PcdCloud(layout, body)


def _read_header(path: Path, content: bytes) -> tuple[_Header, bytes]:
    values: dict[str, list[str]] = {}
    rest = content
    while "DATA" not in values:
        line, separator, rest = rest.partition(b"\n")
        if not separator:
            raise ValueError(
                f"{path}: expected a PCD header that ends with DATA, found none; the file is cut"
                " or of another kind"
            )
        name, *fields = line.decode("ascii", errors="replace").split() or ["#"]
        values[name] = fields
    try:
        width, height = (int(values[name][0]) for name in ("WIDTH", "HEIGHT"))
        if not (0 <= width <= _LARGEST and 0 <= height <= _LARGEST):
            raise ValueError(f"WIDTH {width}, HEIGHT {height}")
        return _Header(_point_type(values), width * height, values["DATA"][0]), rest
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise ValueError(
            f"{path}: expected a PCD header with FIELDS, SIZE, TYPE, WIDTH, HEIGHT and DATA,"
            f" got a bad or missing entry: {error}; the file is damaged or of another kind"
        ) from None


def _point_type(values: dict[str, list[str]]) -> np.dtype[np.void]:
    names = values["FIELDS"]
    counts = values.get("COUNT", ["1"] * len(names))
    fields = []
    for index, (name, kind, size, count) in enumerate(
        zip(names, values["TYPE"], values["SIZE"], counts, strict=True)
    ):
        # "_" is padding and may occur more than once.
        unique = f"_{index}" if name == "_" else name
        if int(count) < 1:
            raise ValueError(f"COUNT {count} of {name}")
        fields.append((unique, f"<{_KINDS[kind]}{int(size)}", (int(count),)))
    return np.dtype(fields)


def _layout(header: _Header) -> CloudLayout:
    fields = []
    for name, (dtype, offset, *_) in (header.dtype.fields or {}).items():
        code = _CODES.get(dtype.base.str[1:], 0)
        fields.append(CloudField(name, offset, code))
    step = header.dtype.itemsize
    return CloudLayout(header.points, 1, step, header.points * step, False, tuple(fields))


def _read_compressed(path: Path, header: _Header, body: bytes) -> bytes:
    """Points one after another, of a body that has one field after another, compressed."""
    if header.points == 0:
        return b""
    try:
        packed, size = struct.unpack_from("<II", body)
        stored = _stored_fields(header, size)
        if len(body) < 8 + packed or size > packed * MAX_RATIO:
            raise ValueError(f"got {len(body) - 8} compressed bytes for {size}")
        columns = decompress(body[8 : 8 + packed], size)
    except (struct.error, ValueError) as error:
        raise ValueError(
            f"{path}: expected compressed data of {header.points} points: {error}; the file is cut"
            " or damaged, copy it again"
        ) from None
    points, place = np.zeros(header.points, header.dtype), 0
    for name in stored:
        column = header.dtype[name]
        flat = np.frombuffer(columns, column.base, points[name].size, place)
        points[name] = flat.reshape(points[name].shape)
        place += flat.nbytes
    return points.tobytes()


def _stored_fields(header: _Header, size: int) -> list[str]:
    """Names of the fields that make up ``size`` bytes; some writers leave padding out."""
    names = list(header.dtype.names or ())
    for stored in (names, [name for name in names if not name.startswith("_")]):
        if size == header.points * sum(header.dtype[name].itemsize for name in stored):
            return stored
    raise ValueError(f"got {size} bytes, {header.dtype.itemsize} make a point")


def _read_ascii(path: Path, header: _Header, body: bytes) -> bytes:
    lines = body.decode("ascii", errors="replace").splitlines()
    rows = [tuple(line.split()) for line in lines if line.strip()]
    # One flat column for each value, so that fields of several values need no special case.
    types = _scalar_types(header.dtype)
    flat = np.dtype([(f"{i}", scalar) for i, scalar in enumerate(types)])
    try:
        if len(rows) < header.points:
            raise ValueError(f"got {len(rows)} lines")
        return np.array(rows[: header.points], dtype=flat).tobytes()
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"{path}: expected {header.points} lines of {len(types)} numbers that fit the fields:"
            f" {error}; the file is cut or damaged"
        ) from None


def _scalar_types(dtype: np.dtype[np.void]) -> list[np.dtype[np.generic]]:
    types: list[np.dtype[np.generic]] = []
    for name in dtype.names or ():
        base, shape = dtype[name].base, dtype[name].shape
        types += [base] * int(np.prod(shape, dtype=int))
    return types
