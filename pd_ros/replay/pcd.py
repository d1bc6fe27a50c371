"""Point clouds in files of the Point Cloud Library (.pcd), ascii or binary, with any fields."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from pd_ros.cloud_layout import DATATYPES, CloudField, CloudLayout

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

    Raises ``ValueError`` that names the file and what is wrong for a damaged file, and for
    compressed ones, which are not read.
    """
    header, body = _read_header(path, path.read_bytes())
    layout = _layout(header)
    if header.data == "ascii":
        return PcdCloud(layout, _read_ascii(path, header, body))
    if header.data != "binary":
        raise ValueError(
            f"{path}: DATA: expected ascii or binary, got {header.data};"
            " convert it by pcl_convert_pcd_ascii_binary FILE OUT 1"
        )
    needed = header.points * header.dtype.itemsize
    if len(body) < needed:
        raise ValueError(
            f"{path}: expected {needed} bytes for {header.points} points, got {len(body)};"
            " the file is cut, copy it again"
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
        fields.append((unique, f"<{_KINDS[kind]}{int(size)}", (int(count),)))
    return np.dtype(fields)


def _layout(header: _Header) -> CloudLayout:
    fields = []
    for name, (dtype, offset, *_) in (header.dtype.fields or {}).items():
        code = _CODES.get(dtype.base.str[1:], 0)
        fields.append(CloudField(name, offset, code))
    step = header.dtype.itemsize
    return CloudLayout(header.points, 1, step, header.points * step, False, tuple(fields))


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
