"""Sort points into pillars, and encode the pillars: one pass over the points each.

Compiled by ``machine_code.py``; arrays are given by their addresses. Eight values that are summed
or compared together become one instruction, so weights are laid out in blocks of eight channels,
``[blocks, rows, 8]`` flat as ``[blocks * rows, 8]``.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numba import carray

Pointer = Any
Array = Any
Eight = tuple[Any, Any, Any, Any, Any, Any, Any, Any]
Function = TypeVar("Function", bound=Callable[..., Any])


def _inlined(function: Function) -> Function:
    """Compiled into the kernels that call it; sums of products may be rounded once."""
    return numba.njit(error_model="numpy", fastmath={"contract"})(function)  # type: ignore[no-any-return]


def sort_points(
    points: Pointer, count: int, width: int,
    limits: Pointer, rows: int, columns: int,
    max_points: int, max_pillars: int, per_pillar: int,
    table: Pointer, pillar_of: Pointer, cells: Pointer, counts: Pointer, ends: Pointer,
    ordered: Pointer, result: Pointer,
) -> None:  # fmt: skip
    """Order the points ``[count, width]`` by pillar, as ``voxelize.pillarize`` chooses them.

    ``limits``: x, y, z minimum, x, y, z maximum, then x, y of the grid's corner and size of a cell
    along x and y. Pillars are numbered as their first points arrive: ``cells``, how many points
    each holds in ``counts``, where they end among the ``ordered`` points in ``ends``, -1 of a
    pillar that has no place. ``table`` ``[rows * columns]`` is zero before and after. ``result``:
    pillars, points beyond ``max_points``, points of pillars beyond ``max_pillars``, most points
    in one pillar.
    """
    cloud, place = carray(points, (count, width)), carray(pillar_of, (count,))
    pillars_in = carray(table, (rows * columns,))
    cell_of, held, end_of = (
        carray(cells, (count,)), carray(counts, (count,)), carray(ends, (count,))
    )  # fmt: skip
    inside = _find_cells(cloud, carray(limits, (10,)), rows, columns, place)
    room = min(inside, max_points)
    if room < inside:
        _thin_out(place, inside, room)
    pillars = _count_points(place, pillars_in, cell_of, held, per_pillar)
    homeless, most = _place_pillars(pillars, max_pillars, per_pillar, held, end_of)
    _copy_points(cloud, place, end_of, carray(ordered, (count, width)))
    for pillar in range(pillars):
        pillars_in[cell_of[pillar]] = 0
    said = carray(result, (4,))
    said[0], said[1], said[2], said[3] = pillars, inside - room, homeless, most


@_inlined
def _find_cells(cloud: Array, limits: Array, rows: int, columns: int, place: Array) -> int:
    """Cell of each point, -1 of one out of range or not finite; returns how many are inside."""
    x0, y0, z0, x1, y1, z1 = (
        limits[0], limits[1], limits[2], limits[3], limits[4], limits[5]
    )  # fmt: skip
    corner_x, corner_y, size_x, size_y = limits[6], limits[7], limits[8], limits[9]
    inside = 0
    for point in range(len(cloud)):
        x, y, z = cloud[point, 0], cloud[point, 1], cloud[point, 2]
        kept = (x >= x0) & (x < x1) & (y >= y0) & (y < y1) & (z >= z0) & (z < z1)
        for feature in range(3, cloud.shape[1]):
            value = cloud[point, feature]
            kept &= value - value == 0
        place[point] = -1
        if kept:
            # True divisions, as in voxelize: a reciprocal moves points on a cell's border.
            column = min(int((x - corner_x) / size_x), columns - 1)
            row = min(int((y - corner_y) / size_y), rows - 1)
            place[point] = row * columns + column
            inside += 1
    return inside


@_inlined
def _is_kept(rank: int, count: int, room: int) -> bool:
    """Whether the thing of this rank is one of ``room`` that are spread evenly over ``count``."""
    return (rank + 1) * room // count > rank * room // count


@_inlined
def _thin_out(place: Array, inside: int, room: int) -> None:
    """Leave out points that are beyond the capacity, evenly."""
    rank = 0
    for point in range(len(place)):
        if place[point] >= 0:
            if not _is_kept(rank, inside, room):
                place[point] = -1
            rank += 1


@_inlined
def _count_points(place: Array, table: Array, cells: Array, counts: Array, per_pillar: int) -> int:
    """From the cell of each point to its pillar; -1 of one that comes to a full pillar."""
    pillars = 0
    for point in range(len(place)):
        cell = place[point]
        if cell >= 0:
            pillar = table[cell] - 1
            if pillar < 0:
                pillar = pillars
                pillars += 1
                table[cell] = pillars
                cells[pillar] = cell
                counts[pillar] = 0
            if counts[pillar] < per_pillar:
                counts[pillar] += 1
                place[point] = pillar
            else:
                place[point] = -1
    return pillars


@_inlined
def _place_pillars(
    pillars: int, max_pillars: int, per_pillar: int, counts: Array, ends: Array
) -> tuple[int, int]:
    """Where each pillar's points begin; returns the points that have no place, and the most."""
    begin, homeless, most = 0, 0, 0
    for pillar in range(pillars):
        if pillars <= max_pillars or _is_kept(pillar, pillars, max_pillars):
            ends[pillar] = begin
            begin += counts[pillar]
            most = max(most, counts[pillar])
        else:
            ends[pillar] = -1
            homeless += counts[pillar]
    return homeless, most


@_inlined
def _copy_points(cloud: Array, place: Array, ends: Array, ordered: Array) -> None:
    """Copy each point behind those of its pillar that came before; then ``ends`` are ends."""
    for point in range(len(cloud)):
        pillar = place[point]
        if pillar >= 0:
            end = ends[pillar]
            if end >= 0:
                for value in range(cloud.shape[1]):
                    ordered[end, value] = cloud[point, value]
                ends[pillar] = end + 1


def encode_pillars(
    ordered: Pointer, points: int, width: int,
    cells: Pointer, counts: Pointer, ends: Pointer, pillars: int, columns: int, geometry: Pointer,
    layers: int, blocks: Pointer, weights: Pointer, weight_rows: int, places: int,
    scratch: Pointer, scratch_bits: Pointer, most: int, widest: int,
    channels: int, canvas: Pointer, half_canvas: Pointer, canvas_cells: int, half: int,
) -> None:  # fmt: skip
    """Write the features of each pillar to its cell, as ``FoldedPillarEncoder`` finds them.

    ``ordered`` to ``columns``: as of ``sort_points``. ``geometry``: x, y, z of the grid's corner,
    size of a pillar along them. ``blocks``: of eight channels in each layer. ``weights``: layer
    after layer those of a point's values, of its pillar's, and the bias. ``places``: as of
    ``PillarEncoder``, 0: none. ``scratch`` (and the same as ``scratch_bits``): two tables of
    ``most`` rows, and three rows, of ``widest`` blocks. ``canvas`` ``[canvas_cells, channels]`` is
    float32, ``half_canvas`` bfloat16; that which ``half`` says is written.
    """
    weight, size = carray(weights, (weight_rows, 8)), carray(geometry, (6,))
    cell_of, held, end_of = (
        carray(cells, (points,)), carray(counts, (points,)), carray(ends, (points,))
    )  # fmt: skip
    block_of, cloud = carray(blocks, (layers,)), carray(ordered, (points, width))
    rows_of, blocks_of = (
        carray(scratch, (2 * most + 3, 8 * widest)), carray(scratch, (2 * most + 3, widest, 8))
    )  # fmt: skip
    bits_of = carray(scratch_bits, (2 * most + 3, 8 * widest))
    exact, rounded = (
        carray(canvas, (canvas_cells, channels)), carray(half_canvas, (canvas_cells, channels))
    )  # fmt: skip
    shift = 2 * most
    for pillar in range(pillars):
        if end_of[pillar] < 0:
            continue
        rows, cell = held[pillar], cell_of[pillar]
        begin, own, highest = end_of[pillar] - rows, shift + 1, shift + 2
        _describe(cloud, begin, rows, cell // columns, cell % columns, size, rows_of[own])
        source, inputs, values, at = cloud, width, 6, 0
        for layer in range(layers):
            outputs, last = block_of[layer], layer == layers - 1
            target = most if layer % 2 else 0
            of_pillar = at + outputs * inputs
            bias = of_pillar + outputs * values
            _shift(rows_of[own], values, weight, of_pillar, bias, outputs, blocks_of[shift])
            _layer(
                source, begin, rows, inputs, weight, at, outputs, last, blocks_of, shift, target,
                highest,
            )  # fmt: skip
            if layer == 0 and rows < places:
                _join_nothing(weight, bias, outputs, blocks_of, target + rows, highest)
                rows += 1
            own, highest = highest, own
            at = bias + outputs
            source, begin, inputs, values = rows_of, target, 8 * outputs, 8 * outputs
        if half:
            for channel in range(channels):
                rounded[cell, channel] = _to_bfloat16(bits_of[own, channel])
        else:
            for channel in range(channels):
                exact[cell, channel] = rows_of[own, channel]


@_inlined
def _describe(
    cloud: Array, begin: int, rows: int, row: int, column: int, size: Array, own: Array
) -> None:
    """Mean of the points of a pillar, and its centre."""
    x, y, z = np.float32(0), np.float32(0), np.float32(0)
    for point in range(begin, begin + rows):
        x += cloud[point, 0]
        y += cloud[point, 1]
        z += cloud[point, 2]
    half, count = np.float32(0.5), np.float32(rows)
    own[0], own[1], own[2] = x / count, y / count, z / count
    own[3] = (np.float32(column) + half) * size[3] + size[0]
    own[4] = (np.float32(row) + half) * size[4] + size[1]
    own[5] = half * size[5] + size[2]


@_inlined
def _shift(
    own: Array, values: int, weight: Array, of_pillar: int, bias: int, outputs: int, shift: Array
) -> None:
    """What a layer adds to all points of a pillar: ``[outputs, 8]``."""
    for block in range(outputs):
        total = _load(weight, bias + block)
        for value in range(values):
            total = _add_product(total, own[value], weight, of_pillar + block * values + value)
        _store(shift, block, total)


@_inlined
def _layer(
    source: Array, begin: int, rows: int, inputs: int, weight: Array, of_point: int,
    outputs: int, last: bool, blocks_of: Array, shift: int, target: int, highest: int,
) -> None:  # fmt: skip
    """A layer of all points of a pillar to ``target``, and their maximum to ``highest``.

    The last layer's ReLU and what its pillar adds are the same for all: they come after the
    maximum, which alone is written.
    """
    zero, lowest = np.float32(0), np.float32(-np.inf)
    nothing = (zero, zero, zero, zero, zero, zero, zero, zero)
    # Slices: what is counted from 0 on is not asked whether it counts from the end.
    points, written = source[begin : begin + rows], blocks_of[target : target + rows]
    for block in range(outputs):
        added = _load(blocks_of[shift], block)
        begins = nothing if last else added
        best = (lowest, lowest, lowest, lowest, lowest, lowest, lowest, lowest)
        first = of_point + block * inputs
        weights = weight[first : first + inputs]
        for row in range(rows):
            total = begins
            for value in range(inputs):
                total = _add_product(total, points[row, value], weights, value)
            if not last:
                total = _relu(total)
                _store(written[row], block, total)
            best = _maximum(best, total)
        _store(blocks_of[highest], block, _relu(_sum(best, added)) if last else best)


@_inlined
def _join_nothing(
    weight: Array, bias: int, outputs: int, blocks_of: Array, target: int, highest: int
) -> None:
    """One more point, of zeros, behind the first layer: it stands for a pillar's empty places."""
    for block in range(outputs):
        nothing = _relu(_load(weight, bias + block))
        _store(blocks_of[target], block, nothing)
        best = _maximum(_load(blocks_of[highest], block), nothing)
        _store(blocks_of[highest], block, best)


@_inlined
def _to_bfloat16(bits: int) -> int:
    """The bits of a float32 rounded to the nearest bfloat16, ties to even; NaN stays NaN."""
    if bits & 0x7FFFFFFF > 0x7F800000:
        return 0x7FC0
    return (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16


@_inlined
def _load(table: Array, row: int) -> Eight:
    return (
        table[row, 0], table[row, 1], table[row, 2], table[row, 3],
        table[row, 4], table[row, 5], table[row, 6], table[row, 7],
    )  # fmt: skip


@_inlined
def _store(table: Array, row: int, eight: Eight) -> None:
    table[row, 0], table[row, 1], table[row, 2], table[row, 3] = eight[:4]
    table[row, 4], table[row, 5], table[row, 6], table[row, 7] = eight[4:]


@_inlined
def _add_product(total: Eight, value: Any, weight: Array, row: int) -> Eight:
    return (
        total[0] + value * weight[row, 0], total[1] + value * weight[row, 1],
        total[2] + value * weight[row, 2], total[3] + value * weight[row, 3],
        total[4] + value * weight[row, 4], total[5] + value * weight[row, 5],
        total[6] + value * weight[row, 6], total[7] + value * weight[row, 7],
    )  # fmt: skip


@_inlined
def _sum(a: Eight, b: Eight) -> Eight:
    return (
        a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3],
        a[4] + b[4], a[5] + b[5], a[6] + b[6], a[7] + b[7],
    )  # fmt: skip


@_inlined
def _relu(a: Eight) -> Eight:
    return (
        _positive(a[0]), _positive(a[1]), _positive(a[2]), _positive(a[3]),
        _positive(a[4]), _positive(a[5]), _positive(a[6]), _positive(a[7]),
    )  # fmt: skip


@_inlined
def _positive(value: Any) -> Any:
    return np.float32(0) if value < 0 else value  # NaN stays


@_inlined
def _maximum(best: Eight, new: Eight) -> Eight:
    return (
        _higher(best[0], new[0]), _higher(best[1], new[1]),
        _higher(best[2], new[2]), _higher(best[3], new[3]),
        _higher(best[4], new[4]), _higher(best[5], new[5]),
        _higher(best[6], new[6]), _higher(best[7], new[7]),
    )  # fmt: skip


@_inlined
def _higher(best: Any, new: Any) -> Any:
    return new if (new > best) | np.isnan(new) else best  # NaN goes first, and stays
