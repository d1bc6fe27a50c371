"""Our reading of a cloud's bytes against rclpy's own."""

import struct

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")

from live_node import cloud
from rclpy.serialization import serialize_message

from pd_ros.pointcloud.cdr import EncodingError, parse_cloud
from pd_ros.pointcloud.layout import cloud_layout

FIELDS = [("x", "f4"), ("y", "f4"), ("z", "f8"), ("reflectivity", "u1"), ("ring_number", "u2")]


@pytest.mark.parametrize("count", [0, 1, 7])
@pytest.mark.parametrize("fields", [FIELDS[:3], FIELDS[:4], FIELDS, FIELDS[::-1]])
@pytest.mark.parametrize("frame_id", ["", "a", "lidar", "lidar_top", "väg"])
def test_reads_what_was_written(count, fields, frame_id) -> None:
    points = np.random.default_rng(0).integers(0, 200, (count, len(fields)))
    message = cloud(points, -5, fields, big_endian=count == 7, padding=count % 2)
    message.header.stamp.nanosec, message.header.frame_id = 999_999_999, frame_id
    parsed = parse_cloud(serialize_message(message))
    assert parsed.header.frame_id == frame_id
    assert (parsed.header.stamp.sec, parsed.header.stamp.nanosec) == (-5, 999_999_999)
    assert parsed.header.stamp.ns == -4_000_000_001
    assert parsed.layout == cloud_layout(message)
    assert bytes(parsed.data) == bytes(message.data)


def test_the_points_are_not_copied() -> None:
    cdr = serialize_message(cloud(np.ones((5, 4)), 1))
    assert parse_cloud(cdr).data.obj is cdr


def test_bytes_that_end_too_early_are_refused_wherever_they_end() -> None:
    cdr = serialize_message(cloud(np.ones((2, 4)), 1))
    whole = parse_cloud(cdr)
    end = cdr.index(bytes(whole.data)) + len(whole.data)
    for size in range(end):
        with pytest.raises(ValueError, match="PointCloud2: expected"):
            parse_cloud(cdr[:size])


def test_other_encodings_are_refused() -> None:
    cdr = serialize_message(cloud(np.ones((2, 4)), 1))
    with pytest.raises(EncodingError, match="got encapsulation 0007"):
        parse_cloud(b"\x00\x07" + cdr[2:])


def test_an_absurd_number_of_fields_is_refused_at_once() -> None:
    message = cloud(np.ones((1, 4)), 1)
    message.header.frame_id = ""
    cdr = bytearray(serialize_message(message))
    struct.pack_into("<I", cdr, 4 + 24, 2**31)
    with pytest.raises(ValueError, match=f"got {2**31}"):
        parse_cloud(bytes(cdr))
