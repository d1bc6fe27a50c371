"""ROS messages of what was found: markers for people, counts for diagnostics."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import Point
from numpy.typing import NDArray
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

if TYPE_CHECKING:  # torch takes a second to import; the node listens to signals before that
    from pd_ros.detection.types import Detections

# Red, green, blue of a class by its index, repeated; the pictures have the same order.
_COLOURS = (
    (0.84, 0.15, 0.16),
    (0.12, 0.47, 0.71),
    (1.00, 0.50, 0.05),
    (0.58, 0.40, 0.74),
    (0.89, 0.47, 0.76),
    (0.55, 0.34, 0.29),
)
# Markers of a detector that has died go away after this time.
_MARKER_LIFETIME_S = 1
_LINE_WIDTH_M = 0.08
_TEXT_HEIGHT_M = 0.8

# A box of size 2 about the origin: its corners by sign, the 12 edges between them, and a line from
# its centre through its front.
_CORNERS = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64)
_EDGES = [(a, b) for a in range(8) for b in range(a) if (a ^ b) in (1, 2, 4)]
_HEADING = np.array([(0, 0, 0), (1.5, 0, 0)], np.float64)
_SEGMENTS = np.concatenate([*(_CORNERS[list(edge)] for edge in _EDGES), _HEADING])  # [26, 3]


def marker_array(header: Header, found: "Detections", classes: Sequence[str]) -> MarkerArray:
    """Boxes to look at: the old ones go, then a line list for each class and a text for each box.

    ``ns`` is the class' name with ``/boxes`` or ``/text`` after it, the ids count from 0 in each.
    """
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    boxes, labels = found.boxes.double().numpy(), found.labels.numpy()
    for label, name in enumerate(classes):
        rows = np.flatnonzero(labels == label)
        if len(rows) == 0:
            continue
        red, green, blue = _COLOURS[label % len(_COLOURS)]
        colour = ColorRGBA(r=red, g=green, b=blue, a=1.0)
        markers.append(_outline(header, boxes[rows], name, colour))
        scores = found.scores[rows].tolist()
        markers += [
            _text(header, number, box, f"{name} {score:.2f}", colour, name)
            for number, (box, score) in enumerate(zip(boxes[rows], scores, strict=True))
        ]
    return MarkerArray(markers=markers)


def box_segments(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ends of the 12 edges and the heading line of boxes ``[M, 7]``: ``[M, 26, 3]`` in metres."""
    offsets = _SEGMENTS * boxes[:, None, 3:6] / 2
    cos, sin = np.cos(boxes[:, None, 6]), np.sin(boxes[:, None, 6])
    x, y, z = np.moveaxis(offsets, 2, 0)
    turned = np.stack((cos * x - sin * y, sin * x + cos * y, z), axis=2)
    ends: NDArray[np.float64] = boxes[:, None, :3] + turned
    return ends


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


def _outline(header: Header, boxes: NDArray[np.float64], name: str, colour: ColorRGBA) -> Marker:
    marker = _marker(header, f"{name}/boxes", 0, colour)
    marker.type = Marker.LINE_LIST
    marker.scale.x = _LINE_WIDTH_M
    ends = box_segments(boxes).reshape(-1, 3).tolist()
    marker.points = [Point(x=x, y=y, z=z) for x, y, z in ends]
    return marker


def _text(
    header: Header, number: int, box: NDArray[np.float64], text: str, colour: ColorRGBA, name: str
) -> Marker:
    marker = _marker(header, f"{name}/text", number, colour)
    marker.type = Marker.TEXT_VIEW_FACING
    marker.scale.z = _TEXT_HEIGHT_M
    x, y, z, height = float(box[0]), float(box[1]), float(box[2]), float(box[5])
    marker.pose.position = Point(x=x, y=y, z=z + height / 2 + _TEXT_HEIGHT_M)
    marker.text = text
    return marker


def _marker(header: Header, namespace: str, number: int, colour: ColorRGBA) -> Marker:
    return Marker(
        header=header,
        ns=namespace,
        id=number,
        action=Marker.ADD,
        color=colour,
        lifetime=Duration(sec=_MARKER_LIFETIME_S),
    )
