"""Detections as the bytes of an ``autoware_perception_msgs/DetectedObjects``.

An object has 736 bytes, always in the same places: all of them are one array of records.
"""

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pd_ros.runtime.detection_cdr import ENCAPSULATION, header_bytes, poses

if TYPE_CHECKING:  # torch takes a second to import; the node listens to signals before that
    from pd_ros.detection.types import Detections

# DetectedObjectKinematics' constants of what is known of the orientation
SIGN_UNKNOWN, AVAILABLE = 1, 2
# So sure of its front a box has to be. On validation, with the weights that ship, 96 to 100 % of
# the cars above are right, and 67 to 77 % of those below.
SURE = 0.9
_LABEL_SURE = 1.0  # the class is certain if the object exists, of which the score says how likely
_BOUNDING_BOX = 0

# As CDR aligns it (little endian), from a multiple of eight bytes on.
_OBJECT = np.dtype({
    "names": ["existence_probability", "classifications", "label", "probability", "pose",
              "pose_covariance", "has_position_covariance", "orientation_availability", "twist",
              "twist_covariance", "has_twist", "has_twist_covariance", "shape", "footprint",
              "dimensions"],
    "formats": ["<f4", "<u4", "u1", "<f4", "7<f8", "(6,6)<f8", "u1", "u1", "6<f8", "36<f8", "u1",
                "u1", "u1", "<u4", "3<f8"],
    "offsets": [0, 4, 8, 12, 16, 72, 360, 361, 368, 416, 704, 705, 706, 708, 712],
    "itemsize": 736,
})  # fmt: skip
_DOUBLES = 16  # where the first double lies in an object


def detected_objects_cdr(header: Any, found: "Detections", labels: Sequence[int]) -> bytes:
    """Boxes as a serialised ``DetectedObjects`` with the cloud's own header; maybe of no boxes.

    ``labels``: that of each class of the model. The covariance of the pose is that of
    ``found.variances``, turned into the frame of the header; there is none where they are not
    known. A velocity is in the object's own frame, x ahead, as Autoware's detectors publish it.
    """
    start = header_bytes(header) + struct.pack("<I", len(found.labels))
    objects = _objects(found, np.array(labels, dtype=np.uint8)).tobytes()
    # Only the first object may begin in the middle of eight bytes: its first double is moved.
    gap = bytes(-len(start) % 8) if objects else b""
    return b"".join((ENCAPSULATION, start, objects[:_DOUBLES], gap, objects[_DOUBLES:]))


def _objects(found: "Detections", labels: NDArray[np.uint8]) -> NDArray[np.void]:
    """All objects ``[M]``; what is not set here is 0: ``UNAVAILABLE``, no footprint, no twist."""
    boxes = found.boxes.double().numpy()
    objects = np.zeros(len(boxes), _OBJECT)
    objects["existence_probability"] = found.scores.numpy()
    objects["classifications"] = 1
    objects["label"] = labels[found.labels.numpy()]
    objects["probability"] = _LABEL_SURE
    objects["pose"] = poses(boxes)
    objects["orientation_availability"] = _orientation(found)
    objects["shape"] = _BOUNDING_BOX
    objects["dimensions"] = boxes[:, 3:6]
    if found.variances is not None:
        _set_covariance(objects, boxes[:, 6], found.variances.double().numpy())
    if found.velocities is not None:
        _set_twist(objects, boxes[:, 6], found.velocities.double().numpy())
    return objects


def _orientation(found: "Detections") -> NDArray[np.uint8]:
    """What is known of the orientation: of a head that does not tell, the axis alone."""
    if found.facing is None:
        return np.full(len(found.labels), SIGN_UNKNOWN, dtype=np.uint8)
    return np.where(found.facing.numpy() >= SURE, AVAILABLE, SIGN_UNKNOWN).astype(np.uint8)


def _set_covariance(
    objects: NDArray[np.void], yaw: NDArray[np.float64], variances: NDArray[np.float64]
) -> None:
    """Along and across the box as covariance of x and y in the header's frame."""
    known = ~np.isnan(variances[:, 0])
    along, across, up, turn = np.where(known[:, None], variances, 0).T
    cos, sin = np.cos(yaw), np.sin(yaw)
    covariance = objects["pose_covariance"]
    covariance[:, 0, 0] = along * cos**2 + across * sin**2
    covariance[:, 1, 1] = along * sin**2 + across * cos**2
    covariance[:, 0, 1] = covariance[:, 1, 0] = (along - across) * sin * cos
    covariance[:, 2, 2], covariance[:, 5, 5] = up, turn
    objects["has_position_covariance"] = known


def _set_twist(
    objects: NDArray[np.void], yaw: NDArray[np.float64], velocities: NDArray[np.float64]
) -> None:
    """Velocities along x and y of the header's frame, as ahead and to the left of the box."""
    (x, y), cos, sin = velocities.T, np.cos(yaw), np.sin(yaw)
    objects["twist"][:, 0] = x * cos + y * sin
    objects["twist"][:, 1] = y * cos - x * sin
    objects["has_twist"] = True
