"""Clouds whose header says of the bytes what is not so."""

import numpy as np
import pytest
from street import street

from pd_ros.pointcloud.decode import decode_points
from pd_ros.pointcloud.layout import CloudError, CloudField, CloudLayout, check_cloud

NAMES = ("x", "y", "z", "intensity")


def packed(
    points: np.ndarray, kind: str, rows: int = 1, gap: int = 0
) -> tuple[CloudLayout, bytes]:
    """Points in ``rows`` rows with ``gap`` bytes behind each; a ring lies before x in each."""
    item = np.dtype([("ring", kind[0] + "u2"), *((name, kind) for name in NAMES)])
    records = np.zeros(len(points), item)
    for column, name in enumerate(NAMES):
        records[name] = points[:, column]
    fields = tuple(
        CloudField(name, item.fields[name][1], 8 if "8" in kind else 7) for name in NAMES
    )
    filled = [row.tobytes() + bytes(gap) for row in records.reshape(rows, -1)]
    width = len(points) // rows
    step = width * item.itemsize + gap
    data = b"".join(filled)
    return CloudLayout(width, rows, item.itemsize, step, kind[0] == ">", fields), data


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("rows", [1, 64])
def test_a_wrong_byte_order_is_noticed_and_a_right_one_kept(kind, rows) -> None:
    points = street()[: 64 * 300].copy()
    points[::3] = 0  # null returns say nothing about the order
    points[1::7, :3] = np.nan
    expected = points[np.isfinite(points).all(axis=1) & points.any(axis=1)]
    layout, data = packed(points, kind, rows)
    for told in (layout.is_bigendian, not layout.is_bigendian):
        np.testing.assert_array_equal(
            decode_points(layout._replace(is_bigendian=told), data), expected
        )


@pytest.mark.parametrize("scale", [1e3, 1e-3, 1e9])
def test_odd_units_are_no_wrong_byte_order(scale) -> None:
    points = street()[:300]
    points[:, :3] *= scale
    np.testing.assert_array_equal(decode_points(*packed(points, "<f4")), points)


def test_too_few_points_prove_no_byte_order() -> None:
    layout, data = packed(np.full((2, 4), 1e9, np.float32), "<f4")
    assert decode_points(layout, data).tolist() == np.full((2, 4), 1e9, np.float32).tolist()


def test_a_large_square_cloud() -> None:
    points = np.tile(street()[:10_000], (25, 1))
    layout, data = packed(points, "<f4", 500)
    np.testing.assert_array_equal(decode_points(layout._replace(is_bigendian=True), data), points)


@pytest.mark.parametrize("row_step", [0, 1, 18, 300, 64 * 300 * 18, 300 * 18 + 2, 2**32 - 1])
def test_rows_without_gaps_are_read_whatever_row_step_says(row_step) -> None:
    points = street()[: 64 * 300]
    layout, data = packed(points, "<f4", 64)
    wrong = layout._replace(row_step=row_step)
    assert check_cloud(wrong, len(data)) == layout
    np.testing.assert_array_equal(decode_points(wrong, data), points)
    with pytest.raises(CloudError):  # a byte more or less, and nobody knows where rows begin
        decode_points(wrong._replace(row_step=0), data[:-1])


def test_rows_with_gaps_are_read_as_row_step_says() -> None:
    points = street()[: 64 * 300]
    layout, data = packed(points, "<f4", 64, gap=10)
    assert check_cloud(layout, len(data)) == layout
    np.testing.assert_array_equal(decode_points(layout, data), points)


@pytest.mark.parametrize("row_step", [300 * 18, 0, 77, 2**32 - 1])
@pytest.mark.parametrize(("gap", "filler"), [(10, b"\0"), (54, b"\0"), (3, b"\xff")])
def test_gaps_that_row_step_does_not_tell_are_seen(row_step, gap, filler) -> None:
    points = street()[: 64 * 300].copy()
    points[-40:] = 0  # echoes from the sky: the end is as empty as the gaps
    layout, data = packed(points, "<f4", 64, gap)
    step = layout.row_step
    filled = b"".join(
        data[at : at + step - gap] + filler * gap for at in range(0, 64 * step, step)
    )
    np.testing.assert_array_equal(
        decode_points(layout._replace(row_step=row_step), filled), points[:-40]
    )


def test_bytes_that_were_never_used_are_no_gaps() -> None:
    points = street()[: 64 * 300]
    layout, data = packed(points, "<f4", 64)
    for unused in (64 * 18, 64 * 1000, 5):
        np.testing.assert_array_equal(decode_points(layout, data + bytes(unused)), points)


def test_neither_gaps_nor_unused_bytes_are_refused() -> None:
    layout, data = packed(street()[: 64 * 300], "<f4", 64)
    rest = np.random.default_rng(0).bytes(64 * 18)
    with pytest.raises(CloudError, match=r"row_step: expected 5418 .* got 5400, and neither"):
        decode_points(layout, data + rest)
