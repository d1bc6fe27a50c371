"""ROS messages of what was found: for Autoware, for people (markers), for diagnostics."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Point
from numpy.typing import NDArray
from rclpy.node import Node
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from pd_ros.evaluation import distance_bins as distance
from pd_ros.evaluation.agreement_sums import Agreement
from pd_ros.recordings.box_shapes import (
    LIFETIME_S,
    LINE_WIDTH_M,
    TEXT_HEIGHT_M,
    MarkerGroup,
    box_segments,
    class_groups,
    text_position,
)
from pd_ros.runtime.comparison.window import agreement_values

if TYPE_CHECKING:  # torch takes a second to import; the node listens to signals before that
    from pd_ros.detection.types import Detections


def import_detected_objects() -> Any:
    """Return the class of ``DetectedObjects``; ``ValueError`` where its package is missing."""
    try:
        return import_module("autoware_perception_msgs.msg").DetectedObjects
    except ImportError as error:
        raise ValueError(
            "output.message: autoware and both need the package autoware_perception_msgs, which"
            f" cannot be imported ({error}); source Autoware's workspace, install"
            " ros-jazzy-autoware-perception-msgs or, where ROS comes from wheels, run"
            " packaging/environment.sh; or leave it at vision_msgs"
        ) from None


def marker_array(header: Header, found: "Detections", classes: Sequence[str]) -> MarkerArray:
    """Boxes to look at, each class in its colour; see :func:`group_markers`."""
    return group_markers(header, class_groups(found, classes))


def group_markers(header: Header, groups: Sequence[MarkerGroup]) -> MarkerArray:
    """Boxes to look at: the old ones go, then a line list for each group and a text for each box.

    ``ns`` is the group's name with ``/boxes`` or ``/text`` after it, the ids count from 0 in each.
    """
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for group in groups:
        red, green, blue = group.colour
        colour = ColorRGBA(r=red, g=green, b=blue, a=1.0)
        markers.append(_outline(header, group, colour))
        markers += [
            _text(header, number, box, text, colour, group.name)
            for number, (box, text) in enumerate(zip(group.boxes, group.texts, strict=True))
        ]
    return MarkerArray(markers=markers)


def comparison_array(header: Header, table: Mapping[str, Sequence[Agreement]]) -> DiagnosticArray:
    """Say how student and teacher agree on one cloud, with its header: a line for each class.

    Values without a range are of all distances; there are none for ranges without boxes.
    """
    statuses = []
    for name, row in table.items():
        values = agreement_values(sum(row, Agreement()))
        for place, agreement in zip(distance.NAMES, row, strict=True):
            if agreement != Agreement():
                inside = agreement_values(agreement).items()
                values |= {f"{place}: {key}": value for key, value in inside}
        text = f"{values['matched']} matched, {values['missed']} missed, {values['extra']} extra"
        statuses.append(diagnostic_status(name, "", DiagnosticStatus.OK, text, values))
    return DiagnosticArray(header=header, status=statuses)


def diagnostic_status(
    name: str, hardware: str, level: bytes, text: str, values: Mapping[str, object]
) -> DiagnosticStatus:
    """One line of ``/diagnostics``; the values are written as ``str`` does."""
    return DiagnosticStatus(
        level=level,
        name=name,
        hardware_id=hardware,
        message=text,
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )


def status_name(node: Node) -> str:
    """Return what stands before the colon in a node's statuses: unique in the system.

    The node's name with its namespace, without the slash in front.
    """
    name: str = node.get_fully_qualified_name()
    return name.lstrip("/")


def _outline(header: Header, group: MarkerGroup, colour: ColorRGBA) -> Marker:
    marker = _marker(header, f"{group.name}/boxes", 0, colour)
    marker.type = Marker.LINE_LIST
    marker.scale.x = LINE_WIDTH_M
    ends = box_segments(group.boxes).reshape(-1, 3).tolist()
    marker.points = [Point(x=x, y=y, z=z) for x, y, z in ends]
    return marker


def _text(
    header: Header, number: int, box: NDArray[np.float64], text: str, colour: ColorRGBA, name: str
) -> Marker:
    marker = _marker(header, f"{name}/text", number, colour)
    marker.type = Marker.TEXT_VIEW_FACING
    marker.scale.z = TEXT_HEIGHT_M
    x, y, z = text_position(box)
    marker.pose.position = Point(x=x, y=y, z=z)
    marker.text = text
    return marker


def _marker(header: Header, namespace: str, number: int, colour: ColorRGBA) -> Marker:
    return Marker(
        header=header,
        ns=namespace,
        id=number,
        action=Marker.ADD,
        color=colour,
        lifetime=Duration(sec=LIFETIME_S),
    )
