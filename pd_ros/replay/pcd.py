"""Point clouds in files of the Point Cloud Library (.pcd), ascii or binary, with any fields."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_KINDS = {"F": "f", "I": "i", "U": "u"}


class _Header(NamedTuple):
    dtype: np.dtype[np.void]
    width: int
    height: int
    data: str  # ascii, binary or binary_compressed


def read_pcd(path: Path) -> NDArray[np.void]:
    """Return the points ``[N]`` as a structured array with the file's own fields, maybe none.

    A field of several values keeps them as an inner axis. Raises ``ValueError`` that names the
    file and what is wrong for a damaged file, and for compressed ones, which are not read.
    """
    content = path.read_bytes()
    header, body = _read_header(path, content)
    count = header.width * header.height
    if header.data == "ascii":
        return _read_ascii(path, header, body)
    if header.data != "binary":
        raise ValueError(
            f"{path}: DATA: expected ascii or binary, got {header.data};"
            " convert it by pcl_convert_pcd_ascii_binary FILE OUT 1"
        )
    needed = count * header.dtype.itemsize
    if len(body) < needed:
        raise ValueError(
            f"{path}: expected {needed} bytes for {count} points, got {len(body)}; the file is cut"
        )
    return np.frombuffer(body, header.dtype, count)


def _read_header(path: Path, content: bytes) -> tuple[_Header, bytes]:
    values: dict[str, list[str]] = {}
    rest = content
    while "DATA" not in values:
        line, separator, rest = rest.partition(b"\n")
        if not separator:
            raise ValueError(f"{path}: expected a PCD header that ends with DATA, found none")
        name, *fields = line.decode("ascii", errors="replace").split() or ["#"]
        values[name] = fields
    try:
        width, height = int(values["WIDTH"][0]), int(values["HEIGHT"][0])
        return _Header(_point_type(values), width, height, values["DATA"][0]), rest
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise ValueError(
            f"{path}: expected a PCD header with FIELDS, SIZE, TYPE, WIDTH, HEIGHT and DATA,"
            f" got a bad or missing entry: {error}"
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
        fields.append((unique, f"<{_KINDS[kind]}{size}", () if count == "1" else (int(count),)))
    return np.dtype(fields)


def _read_ascii(path: Path, header: _Header, body: bytes) -> NDArray[np.void]:
    rows = [line.split() for line in body.decode("ascii", errors="replace").splitlines() if line]
    count = header.width * header.height
    # One flat column for each value, so that fields of several values need no special case.
    types = _scalar_types(header.dtype)
    flat = np.dtype([(f"{i}", scalar) for i, scalar in enumerate(types)])
    try:
        if len(rows) < count:
            raise ValueError(f"got {len(rows)} lines")
        points = np.array([tuple(row) for row in rows[:count]], dtype=flat)
    except ValueError as error:
        raise ValueError(
            f"{path}: expected {count} lines of {len(types)} numbers: {error}"
        ) from None
    return points.view(header.dtype)


def _scalar_types(dtype: np.dtype[np.void]) -> list[np.dtype[np.generic]]:
    types: list[np.dtype[np.generic]] = []
    for name in dtype.names or ():
        base, shape = dtype[name].base, dtype[name].shape
        types += [base] * int(np.prod(shape, dtype=int))
    return types
