"""Detections as the bytes of a ``vision_msgs/Detection3DArray``, without a message for each box.

A hundred boxes as Python messages cost as much as a third of the network; as bytes, nothing.
"""

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # torch takes a second to import; the node listens to signals before that
    from pd_ros.detection.types import Detections

# CDR, little endian. All alignment counts from behind these four bytes.
ENCAPSULATION = b"\x00\x01\x00\x00"
# Between its strings, a Detection3D is doubles alone: score, pose and covariance of the one
# hypothesis, then centre and size of the box.
_POSE, _COVARIANCE, _SIZE = 7, 36, 3
_VALUES = 1 + _POSE + _COVARIANCE + _POSE + _SIZE
_EMPTY_ID = b"\x01\x00\x00\x00\x00"


def detection_array_cdr(header: Any, found: "Detections", classes: Sequence[str]) -> bytes:
    """Boxes as a serialised ``Detection3DArray`` with the cloud's own header; maybe of no boxes.

    ``class_id`` is the class' name in lower case, ``id`` is empty (nothing is tracked), the pose
    of the one hypothesis is the box's centre, ``bbox.size`` is length, width, height.
    """
    stamped = header_bytes(header)
    start = stamped + struct.pack("<I", len(found.labels))
    labels = found.labels.tolist()
    values = _values(found).tobytes()
    # Every record fills whole words of eight bytes, so that the next begins like it: only the
    # first may begin in the middle of one.
    first = [_before_values(stamped, name.lower(), len(start)) for name in classes]
    others = [_before_values(stamped, name.lower(), 0) for name in classes]
    parts = [ENCAPSULATION, start]
    for number, label in enumerate(labels):
        parts.append(others[label] if number else first[label])
        parts.append(values[8 * _VALUES * number : 8 * _VALUES * (number + 1)])
        parts.append(_EMPTY_ID + bytes(3))
    return b"".join(parts)[: -3 if labels else None]


def header_bytes(header: Any) -> bytes:
    """Return a ``std_msgs/Header``, up to where a following integer of four bytes may stand."""
    return _padded(
        struct.pack("<iI", header.stamp.sec, header.stamp.nanosec) + _string(header.frame_id), 4
    )


def _before_values(stamped: bytes, class_id: str, position: int) -> bytes:
    """Header, number of hypotheses (one) and class of a detection that begins at ``position``."""
    text = stamped + struct.pack("<I", 1) + _string(class_id)
    return text + bytes(-(position + len(text)) % 8)


def poses(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return positions and quaternions ``[M, 7]`` of boxes ``[M, 7]``, as a ``Pose`` has them."""
    pose = np.zeros((len(boxes), _POSE))
    pose[:, :3] = boxes[:, :3]
    pose[:, 5], pose[:, 6] = np.sin(boxes[:, 6] / 2), np.cos(boxes[:, 6] / 2)
    return pose


def _values(found: "Detections") -> NDArray[np.float64]:
    """All doubles of the detections, ``[M, 54]``."""
    boxes = found.boxes.double().numpy()
    pose = poses(boxes)
    scores = found.scores.double().numpy()[:, None]
    covariance = np.zeros((len(boxes), _COVARIANCE))
    columns = (scores, pose, covariance, pose, boxes[:, 3:6])
    values: NDArray[np.float64] = np.concatenate(columns, axis=1)
    return values.astype("<f8")


def _string(text: str) -> bytes:
    raw = text.encode() + b"\x00"
    return struct.pack("<I", len(raw)) + raw


def _padded(raw: bytes, size: int) -> bytes:
    return raw + bytes(-len(raw) % size)
