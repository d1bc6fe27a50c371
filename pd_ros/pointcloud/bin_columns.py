"""Files of bare numbers (.bin): how many columns a point has, and whether that can be.

Nothing in such a file says so. Points of a scan lie near the ones before, and each column is of
its own kind, so numbers differ least from those a whole point before.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pd_ros.pointcloud.byte_layout import LARGEST_M, has_coordinates, implausible_share
from pd_ros.pointcloud.layout import CloudField, CloudLayout

_NAMES = ("x", "y", "z", "intensity", "ring")
_CODES = {"f4": 7, "f8": 8}
_FEWEST, _MOST = 3, 16
_TRIED = range(_FEWEST, _MOST + 1)  # columns
_LOOKED_AT = 12_000  # numbers
_LEAST_POINTS = 500  # fewer show no pattern
# Shares of a misfit. On real scans the right number of columns has 0.04 to 0.1 of a wrong one's,
# and 0.5 to 0.9 where the points are shuffled; chance alone gives a wrong number down to 0.87 of
# the right one's in clouds of 300 shuffled points. To refuse a good file is the worse error.
_CLEARLY, _ABOUT = 0.8, 1.1
_ALIKE = 3.0  # times the mean size of x and y, of points of one kind
_FAR_M = 300.0  # larger numbers are no nearer to each other


class Columns(NamedTuple):
    """x, y, z, intensity, and whatever follows them, of one type."""

    number: int = 4
    kind: str = "f4"  # or f8

    @property
    def size(self) -> int:
        """Bytes of a point."""
        return self.number * int(self.kind[1])

    def text(self) -> str:
        """As :func:`parse_columns` reads it."""
        return str(self.number) if self.kind == "f4" else f"{self.number}:{self.kind}"


def parse_columns(text: str | None) -> Columns | None:
    """Read ``5`` or, of doubles, ``4:f8``; None: as usual. ``ValueError`` for anything else."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,2})(?::(f4|f8))?", text)
    if match is None or not _FEWEST <= int(match[1]) <= _MOST:
        raise ValueError(
            f"columns: expected how many numbers a point has ({_FEWEST} to {_MOST}, x, y, z and"
            f" intensity first), as in 5, or in 4:f8 where they are doubles; got {text!r}"
        )
    return Columns(int(match[1]), match[2] or "f4")


def column_layout(data: bytes, columns: Columns) -> CloudLayout:
    """Layout of the whole points in ``data``."""
    size, code = int(columns.kind[1]), _CODES[columns.kind]
    names = (*_NAMES, *(f"column{i}" for i in range(len(_NAMES), columns.number)))
    fields = tuple(CloudField(name, size * i, code) for i, name in enumerate(names))
    count = len(data) // columns.size
    return CloudLayout(
        count, 1, columns.size, count * columns.size, False, fields[: columns.number]
    )


def check_columns(path: Path, data: bytes, columns: Columns, told: bool) -> None:
    """Raise ``ValueError`` for numbers that cannot lie in these columns.

    ``told``: somebody has said that they do; then only what is no coordinate at all is refused.
    """
    rest = len(data) % columns.size
    other = _better(data, columns) if not told or rest or not _can_be(data, columns) else None
    hint = f", columns {other.text()} as it seems: say so{_rewritten(other)}" if other else ""
    if rest:
        names = ", ".join(field.name for field in column_layout(data, columns).fields)
        kind = "float32" if columns.kind == "f4" else "float64"
        raise ValueError(
            f"{path}: expected {columns.size} bytes for each point ({kind} {names}), got"
            f" {len(data)} bytes, {rest} too many; the file is cut or has other columns{hint}"
        )
    if other:
        raise ValueError(
            f"{path}: expected {columns.number} columns of {columns.kind} (x, y, z, intensity),"
            f" got others{hint}, or say columns {columns.text()} if these are right all the same"
        )
    if not _can_be(data, columns):
        raise ValueError(
            f"{path}: expected coordinates of up to {LARGEST_M:g} m in {columns.number} columns of"
            f" {columns.kind}, got numbers that are none; the file is damaged or of another kind"
        )


def _rewritten(columns: Columns) -> str:
    """What helps where a command has no such option, for all of a data set are read alike."""
    read = f"numpy.fromfile(FILE, '{columns.kind}').reshape(-1, {columns.number})"
    four = f"{read}[:, :4]" if columns.number >= 4 else f"numpy.pad({read}, ((0, 0), (0, 1)))"
    return (
        f" (--columns {columns.text()}), or write the usual ones: {four}.astype('f4').tofile(FILE)"
    )


def _better(data: bytes, columns: Columns) -> Columns | None:
    """Columns that the numbers fit clearly better; None if there are none."""
    if len(data) < _LEAST_POINTS * columns.size:
        return None
    known = _misfit(data, columns) if _can_be(data, columns) else np.inf
    tried = [Columns(count, kind) for kind in _CODES for count in _TRIED]
    fitting = [
        (_misfit(data, other), other)
        for other in tried
        if len(data) % other.size == 0 and _can_be(data, other)
        and not _repeats(data, columns, other)
    ]  # fmt: skip
    least = min((misfit for misfit, _ in fitting), default=np.inf)
    if least >= _CLEARLY * known:
        return None
    # Of a number and its multiples, which fit about as well, the smallest.
    return next(other for misfit, other in fitting if misfit <= _ABOUT * least)


def _repeats(data: bytes, columns: Columns, other: Columns) -> bool:
    """Whether ``other`` is a whole number of the points that ``columns`` say, alike in kind.

    Such points are no evidence: lasers that fire in turn, several returns and several sensors in
    one file make numbers a few points apart differ less than neighbours. Only where x and y of the
    points in between spread otherwise are they values of another kind.
    """
    if other.kind != columns.kind or other.number % columns.number or other == columns:
        return False
    values = _middle(data, columns.kind)
    rows = values[: len(values) // other.number * other.number].astype(np.float64)
    parts = rows.reshape(-1, other.number // columns.number, columns.number)[..., :2]
    with np.errstate(over="ignore", invalid="ignore"):
        size = np.abs(np.nan_to_num(parts)).mean(axis=0)  # [points, 2]
    alike = (size >= size[0] / _ALIKE) & (size <= size[0] * _ALIKE)
    return bool((alike.all(axis=1) | (size == 0).all(axis=1)).all())


def _can_be(data: bytes, columns: Columns) -> bool:
    return has_coordinates(column_layout(data, columns), data)


def _misfit(data: bytes, columns: Columns) -> float:
    """Return how far numbers are from those a point before, on average."""
    values = _middle(data, columns.kind)
    with np.errstate(over="ignore", invalid="ignore"):
        near = np.clip(np.nan_to_num(values.astype(np.float64)), -_FAR_M, _FAR_M)
    return float(np.abs(near[columns.number :] - near[: -columns.number]).mean())


def _middle(data: bytes, kind: str) -> NDArray[np.floating]:
    values = np.frombuffer(data, f"<{kind}", len(data) // int(kind[1]))
    first = max(0, (len(values) - _LOOKED_AT) // 2)
    values = values[first : first + _LOOKED_AT]
    swapped = values.byteswap()
    return swapped if implausible_share(swapped) < implausible_share(values) else values
