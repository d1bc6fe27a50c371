"""Clouds of any layout against a slow reading of the same bytes by ``struct``."""

import math
import struct
from array import array
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pd_ros.pointcloud.decode import DecodeOptions, decode_all, decode_points
from pd_ros.pointcloud.layout import (
    CloudError,
    CloudField,
    CloudLayout,
    FieldNames,
    check_cloud,
    cloud_layout,
)

CODES = {1: "b", 2: "B", 3: "h", 4: "H", 5: "i", 6: "I", 7: "f", 8: "d"}
LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
FLOATS = (0.0, -1.5, 3.25, 70.125, 1e30, 3e38, math.nan, math.inf, -math.inf)
XYZI = tuple(CloudField(name, 4 * i, 7) for i, name in enumerate(("x", "y", "z", "intensity")))


def values_of(code: int) -> tuple[float, ...]:
    if code == 7:
        return FLOATS
    if code == 8:
        return (*FLOATS, 1e39, -1e300)
    bits = 8 * struct.calcsize(CODES[code])
    low = -(2 ** (bits - 1)) if CODES[code].islower() else 0
    return (low, 0, 1, 17, low + 2**bits - 1)


def plain(width: int, height: int = 1, row_step: int = 0, step: int = 16, **more) -> CloudLayout:
    return CloudLayout(width, height, step, row_step, more.get("big", False),
                       more.get("fields", XYZI))  # fmt: skip


@st.composite
def clouds(draw: st.DrawFn) -> tuple[CloudLayout, bytes]:
    """A layout with fields in any order, gaps, spare fields and rows, and bytes to match."""
    names = ["x", "y", "z", *draw(st.sampled_from([[], ["intensity"], ["I"], ["Reflectivity"]]))]
    names += draw(st.sampled_from([[], ["ring"], ["t", "azimuth"], ["rgb", "rgb"]]))
    fields, offset = [], 0
    for name in draw(st.permutations(names)):
        code = draw(st.integers(1, 8))
        offset += draw(st.integers(0, 3))
        fields.append(CloudField(name, offset, code))
        offset += struct.calcsize(CODES[code])
    step = offset + draw(st.integers(0, 5))
    width, height = draw(st.integers(0, 5)), draw(st.integers(0, 3))
    row_step = width * step + (draw(st.integers(0, 9)) if height > 1 and width else 0)
    layout = CloudLayout(width, height, step, row_step, draw(st.booleans()), tuple(fields))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    data = bytearray(rng.bytes(row_step * height))
    for start in point_starts(layout):
        for field in fields:
            value = rng.choice(np.array(values_of(field.datatype), dtype=object))
            struct.pack_into(code_of(field, layout), data, start + field.offset, value)
    return layout, bytes(data)


def point_starts(layout: CloudLayout) -> list[int]:
    return [
        row * layout.row_step + column * layout.point_step
        for row in range(layout.height)
        for column in range(layout.width)
    ]


def code_of(field: CloudField, layout: CloudLayout) -> str:
    return (">" if layout.is_bigendian else "<") + CODES[field.datatype]


def slow_points(layout: CloudLayout, data: bytes, scale: float) -> np.ndarray:
    by_name = {field.name.lower(): field for field in layout.fields}
    intensity = next(
        (by_name[n] for n in ("intensity", "i", "reflectivity") if n in by_name), None
    )
    points = []
    for start in point_starts(layout):

        def read(field: CloudField, start: int = start) -> float:
            code = code_of(field, layout)
            return float(struct.unpack_from(code, data, start + field.offset)[0])

        point = [read(by_name[name]) for name in "xyz"] + [0.0]
        if intensity:
            bits = 8 * struct.calcsize(CODES[intensity.datatype])
            full = {"b": 127, "h": 32767, "i": 2**31 - 1}.get(
                CODES[intensity.datatype], 1 if intensity.datatype > 6 else 2**bits - 1
            )
            point[3] = read(intensity) / full
        # A place that does not fit into float32 is out, and so is an echo that never came back.
        near = all(abs(value) < 1e-3 for value in point[:3])
        if near or not all(abs(value) <= LARGEST_FLOAT32 for value in point[:3]):
            continue
        # An intensity that does not, before the scale or after, is a missing one.
        scaled = point[3] * scale
        fits = all(abs(value) <= LARGEST_FLOAT32 for value in (point[3], scaled))
        points.append([*point[:3], scaled if fits else 0])
    return np.array(points, dtype=np.float64).reshape(-1, 4)


@settings(max_examples=300)
@given(clouds(), st.sampled_from([1.0, 1 / 255, 2.0, 0.0]))
def test_any_layout_as_struct_reads_it(cloud: tuple[CloudLayout, bytes], scale: float) -> None:
    layout, data = cloud
    points = decode_points(layout, data, DecodeOptions(scale=scale))
    assert points.dtype == np.float32 and points.flags.c_contiguous and points.flags.writeable
    expected = slow_points(layout, data, scale)
    assert points.shape == expected.shape
    np.testing.assert_allclose(points, expected, rtol=1e-6, atol=1e-37)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, "numpy", "array"])
def test_every_kind_of_buffer(kind) -> None:
    data = np.arange(12, dtype="<f4").tobytes()
    buffer = {"numpy": lambda: np.frombuffer(data, np.uint8), "array": lambda: array("B", data)}
    points = decode_points(plain(3), buffer[kind]() if isinstance(kind, str) else kind(data))
    assert points.tolist() == np.arange(12).reshape(3, 4).tolist()
    points[:] = 0
    assert data == np.arange(12, dtype="<f4").tobytes()


@pytest.mark.parametrize(("code", "full"), [(2, 255), (4, 65535), (1, 127), (6, 2**32 - 1)])
def test_integer_intensity_is_divided_by_its_maximum(code: int, full: int) -> None:
    layout = plain(2, step=20, fields=(*XYZI[:3], CloudField("intensity", 12, code)))
    data = bytearray(40)
    struct.pack_into("<3f" + CODES[code], data, 0, 1, 2, 3, full)
    struct.pack_into("<3f", data, 20, 1, 2, 3)
    assert decode_points(layout, data)[:, 3].tolist() == [1.0, 0.0]
    assert decode_points(layout, data, DecodeOptions(scale=0.5))[:, 3].tolist() == [0.5, 0.0]


def test_the_best_name_of_intensity_wins_and_without_one_it_is_0() -> None:
    fields = (*XYZI[:3], CloudField("reflectivity", 12, 7), CloudField("Intensity", 16, 7))
    data = struct.pack("<5f", 1, 2, 3, 0.25, 0.75)
    assert decode_points(plain(1, step=20, fields=fields), data).tolist() == [[1, 2, 3, 0.75]]
    assert decode_points(plain(1, step=20, fields=fields[:3]), data).tolist() == [[1, 2, 3, 0]]


def test_names_in_another_case_are_read_unless_one_is_spelt_as_expected() -> None:
    fields = tuple(CloudField(f.name.upper(), f.offset, 7) for f in XYZI)
    data = struct.pack("<4f", 1, 2, 3, 0.25)
    assert decode_points(plain(1, fields=fields), data).tolist() == [[1, 2, 3, 0.25]]
    both = (CloudField("X", 8, 7), *XYZI)
    assert decode_points(plain(1, fields=both), data).tolist() == [[1, 2, 3, 0.25]]


def test_a_field_that_is_there_twice_at_one_place_is_one() -> None:
    data = struct.pack("<4f", 1, 2, 3, 0.25)
    layout = plain(1, fields=(*XYZI, XYZI[0], XYZI[3]))
    assert decode_points(layout, data).tolist() == [[1, 2, 3, 0.25]]


def test_organised_cloud_in_its_order_without_the_rows_padding() -> None:
    rows = [struct.pack("<8f", *range(8 * r, 8 * r + 8)) for r in range(3)]
    data = b"....".join(rows)  # the last row needs no padding
    points = decode_points(plain(2, height=3, row_step=36), data)
    assert points.tolist() == np.arange(24).reshape(6, 4).tolist()


def test_points_that_are_not_finite_are_left_out() -> None:
    good = [1.0, 2.0, 3.0, 0.5]
    rows = [good, [math.nan, 0, 0, 0], [0, math.inf, 0, 0], good, [0, 0, -math.inf, 0]]
    data = np.array(rows, "<f4").tobytes()
    assert decode_points(plain(5), data).tolist() == [good, good]
    # Finite points whose sum is not finite all stay.
    large = np.full((2, 4), 3e38, "<f4")
    assert decode_points(plain(2), large.tobytes()).tolist() == large.tolist()


def test_null_returns_are_left_out_wherever_they_stand() -> None:
    near = [[0, 0, 0, 0.9], [-0.0, 0, -0.0, 0], [1e-4, -9e-4, 0, 0.1], [0, 0, 0, math.nan]]
    good = [[0, 0, 0.01, 0], [0, 0.002, 0, 0.5], [-0.0011, 0, 0, 1], [0, 7, 0, 1], [5, 5, 5, 0]]
    rows = np.array([near[0], *good[:3], *near[1:], *good[3:], near[0]], "<f4")
    points = decode_points(plain(5, height=2, row_step=80), rows.tobytes())
    np.testing.assert_array_equal(points, np.array(good, np.float32))
    assert len(decode_all(plain(10), rows.tobytes())) == 10
    assert decode_points(plain(2), bytes(32)).shape == (0, 4)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_an_intensity_that_is_not_finite_is_missing_and_its_point_stays(bad) -> None:
    rows = np.array([[1, 2, 3, bad], [4, 5, 6, 0.5]], "<f4")
    for data, expected in ((rows, [0, 5]), (rows[:1], [0])):
        points = decode_points(plain(len(data)), data.tobytes(), DecodeOptions(scale=10))
        assert points[:, 3].tolist() == expected
        np.testing.assert_array_equal(points[:, :3], data[:, :3])
    constant = DecodeOptions(mode="constant", constant=0.25)
    assert decode_points(plain(2), rows.tobytes(), constant)[:, 3].tolist() == [0.25, 0.25]


@pytest.mark.parametrize("fields", [XYZI, ()])
@pytest.mark.parametrize(("width", "height"), [(0, 1), (0, 0), (5, 0)])
def test_no_points_are_a_good_cloud(width: int, height: int, fields) -> None:
    layout = plain(width, height, fields=fields, step=16 if fields else 0)
    assert decode_points(layout, b"").shape == (0, 4)


@pytest.mark.parametrize(
    ("layout", "num_bytes", "reason", "text"),
    [
        (plain(3), 47, "short data", "expected 48 bytes for 1 x 3 points of 16 bytes, got 47"),
        (plain(3), 0, "short data", "expected 48 bytes .* got 0; the cloud was cut"),
        (plain(2, height=2, row_step=40), 71, "short data", "expected 72 bytes"),
        (plain(2, height=2, row_step=31), 99, "row_step", r"expected at least 32 bytes .* got 31"),
        (plain(2**32 - 1, 2**32 - 1, 2**32 - 1), 99, "row_step", "expected at least"),
        (plain(2**27, 2**32 - 1, 2**31), 99, "short data", r"got 99"),
        (plain(2**32 - 1), 99, "short data", "expected 68719476720 bytes"),
        (plain(3, height=0), 48, "width or height 0", "those of 48 bytes .* width 3 and height 0"),
        (plain(0), 48, "width or height 0", "those of 48 bytes of data, got width 0 and height 1"),
        (plain(0, step=0), 1, "width or height 0", "no points; correct the header"),
        (plain(1, step=0), 0, "point_step", "field x: expected its 4 bytes within point_step 0"),
        (plain(1, step=15), 99, "point_step", "field intensity: .*point_step 15, got offset 12"),
        (plain(1, fields=XYZI[1:]), 99, "no field x", "expected x, y, z, got y, z, intensity"),
        (plain(1, fields=()), 99, "no field x, y, z", "got none"),
        (plain(1, fields=(*XYZI, CloudField("x", 4, 7))), 99, "doubled field", "each name once"),
        (plain(1, fields=(*XYZI, CloudField("x", 0, 6))), 99, "doubled field", "each name once"),
        (plain(1, fields=(CloudField("X", 0, 7), CloudField("X", 4, 7), *XYZI[1:])), 99,
         "doubled field", "each name once"),
        (plain(1, fields=(CloudField("x", 0, 9), *XYZI[1:])), 99, "datatype", "got 9"),
        (plain(1, fields=(CloudField("x", 0, 0), *XYZI[1:])), 99, "datatype", "got 0"),
        (plain(1, fields=(CloudField("x", 2**32 - 1, 7), *XYZI[1:])), 99, "point_step", "offset"),
    ],
)  # fmt: skip
def test_bad_clouds_are_refused_with_reason(layout, num_bytes, reason, text) -> None:
    with pytest.raises(CloudError, match=text) as error:
        check_cloud(layout, num_bytes)
    assert error.value.reason == reason
    assert ";" in str(error.value)  # says what to do
    with pytest.raises(CloudError, match=text):
        decode_points(layout, bytes(num_bytes))


def test_what_is_not_used_may_be_as_bad_as_it_likes() -> None:
    fields = (*XYZI, CloudField("odd", 2**31, 77), CloudField("odd", 3, 0))
    assert decode_points(plain(1, row_step=3, fields=fields), b"\0\0\x80?" * 4).shape == (1, 4)


def test_layout_of_a_message() -> None:
    fields = [SimpleNamespace(name=f.name, offset=f.offset, datatype=f.datatype, count=1)
              for f in XYZI]  # fmt: skip
    message = SimpleNamespace(height=2, width=3, point_step=16, row_step=48, is_bigendian=True,
                              fields=fields, data=b"", is_dense=False)  # fmt: skip
    assert cloud_layout(message) == plain(3, 2, 48, big=True)


NUMBERS = np.array([[1, 2, 3, 100], [4, 5, 6, 50]], "<f4").tobytes()


@pytest.mark.parametrize(
    ("decoding", "expected"),
    [
        (DecodeOptions(), [100, 50]),
        (DecodeOptions(scale=0.01), [1, 0.5]),
        (DecodeOptions(mode="scale", scale=0.01, offset=-0.5), [0.5, 0]),
        (DecodeOptions(mode="constant", constant=0.25, scale=9), [0.25, 0.25]),
        (DecodeOptions(mode="zero", scale=9), [0, 0]),
    ],
)
def test_intensity_is_read_as_told(decoding: DecodeOptions, expected: list[float]) -> None:
    assert decode_points(plain(2), NUMBERS, decoding)[:, 3].tolist() == pytest.approx(expected)


def test_mode_scale_takes_whole_numbers_as_they_are() -> None:
    layout = plain(1, step=13, fields=(*XYZI[:3], CloudField("intensity", 12, 2)))
    data = np.array([1, 2, 3], "<f4").tobytes() + b"\x80"
    decoding = DecodeOptions(mode="scale", scale=0.5)
    assert decode_points(layout, data, decoding).tolist() == [[1, 2, 3, 64]]


def test_fields_can_be_named() -> None:
    names = FieldNames("z", "y", "x", "y")
    points = decode_points(plain(2), NUMBERS, DecodeOptions(names))
    assert points.tolist() == [[3, 2, 1, 2], [6, 5, 4, 5]]
    with pytest.raises(CloudError, match="expected x, y, z, echo, got x, y, z, intensity"):
        decode_points(plain(2), NUMBERS, DecodeOptions(FieldNames(intensity="echo")))


@settings(max_examples=100)
@given(clouds(), st.integers(1, 4))
def test_every_nth_point_is_one_of_them_and_within_the_bytes(cloud, step: int) -> None:
    layout, data = cloud
    step = min(step, max(layout.width, layout.height, 1))  # there is one
    all_points = decode_all(layout, data).reshape(layout.height, layout.width, 4)
    some = decode_all(layout.every(step), data)
    kept = all_points[:, ::step] if layout.width >= layout.height else all_points[::step]
    length = layout.width if layout.width >= layout.height else layout.height
    if length % step:
        kept = kept[:, :-1] if layout.width >= layout.height else kept[:-1]
    np.testing.assert_array_equal(some, kept.reshape(-1, 4))
