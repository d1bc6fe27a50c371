"""Clouds and boxes as messages that RViz and Foxglove show, written without ROS."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from rosbags.typesys.store import Typestore

from pd_ros.pointcloud.decode import Float32
from pd_ros.recordings.bag import POINT_CLOUD
from pd_ros.recordings.box_shapes import (
    LINE_WIDTH_M,
    TEXT_HEIGHT_M,
    MarkerGroup,
    box_segments,
    text_position,
)

MARKERS = "visualization_msgs/msg/MarkerArray"
_FLOAT32 = 7  # of sensor_msgs/PointField


def cloud_message(typestore: Typestore, header: Any, points: Float32) -> Any:
    """Return a ``PointCloud2`` of points ``[N, 4]``: x, y, z, intensity; N may be 0."""
    field = typestore.types["sensor_msgs/msg/PointField"]
    names = ("x", "y", "z", "intensity")
    data = np.ascontiguousarray(points, "<f4")
    return typestore.types[POINT_CLOUD](
        header=header,
        height=1,
        width=len(data),
        fields=[field(name, 4 * number, _FLOAT32, 1) for number, name in enumerate(names)],
        is_bigendian=False,
        point_step=16,
        row_step=data.nbytes,
        data=data.view(np.uint8).ravel(),
        is_dense=True,
    )


def marker_message(typestore: Typestore, header: Any, groups: Sequence[MarkerGroup]) -> Any:
    """Return a ``MarkerArray`` like the node's, but one that stays until the next comes."""
    blank = _blank_marker(typestore, header)
    markers = [replace(blank, action=blank.DELETEALL)]
    for group in groups:
        markers += _group_markers(typestore, blank, group)
    return typestore.types[MARKERS](markers)


def _group_markers(typestore: Typestore, blank: Any, group: MarkerGroup) -> Iterator[Any]:
    types = typestore.types
    point, vector = types["geometry_msgs/msg/Point"], types["geometry_msgs/msg/Vector3"]
    coloured = replace(blank, color=types["std_msgs/msg/ColorRGBA"](*group.colour, 1.0))
    ends = box_segments(group.boxes).reshape(-1, 3).tolist()
    yield replace(
        coloured, ns=f"{group.name}/boxes", type=blank.LINE_LIST,
        scale=vector(LINE_WIDTH_M, 0.0, 0.0), points=[point(*end) for end in ends],
    )  # fmt: skip
    for number, (box, text) in enumerate(zip(group.boxes, group.texts, strict=True)):
        pose = replace(blank.pose, position=point(*text_position(box)))
        yield replace(
            coloured, ns=f"{group.name}/text", id=number, type=blank.TEXT_VIEW_FACING,
            scale=vector(0.0, 0.0, TEXT_HEIGHT_M), pose=pose, text=text,
        )  # fmt: skip


def _blank_marker(typestore: Typestore, header: Any) -> Any:
    types = typestore.types
    nothing = np.zeros(0, np.uint8)
    return types["visualization_msgs/msg/Marker"](
        header=header,
        ns="",
        id=0,
        type=0,
        action=0,
        pose=types["geometry_msgs/msg/Pose"](
            position=types["geometry_msgs/msg/Point"](0.0, 0.0, 0.0),
            orientation=types["geometry_msgs/msg/Quaternion"](0.0, 0.0, 0.0, 1.0),
        ),
        scale=types["geometry_msgs/msg/Vector3"](0.0, 0.0, 0.0),
        color=types["std_msgs/msg/ColorRGBA"](0.0, 0.0, 0.0, 1.0),
        lifetime=types["builtin_interfaces/msg/Duration"](0, 0),
        frame_locked=False,
        points=[],
        colors=[],
        texture_resource="",
        texture=types["sensor_msgs/msg/CompressedImage"](header, "", nothing),
        uv_coordinates=[],
        text="",
        mesh_resource="",
        mesh_file=types["visualization_msgs/msg/MeshFile"]("", nothing),
        mesh_use_embedded_materials=False,
    )
