"""Publishes what was found: boxes for programs, markers for people."""

from builtin_interfaces.msg import Time
from rclpy.node import Node
from std_msgs.msg import Header
from vision_msgs.msg import Detection3DArray
from visualization_msgs.msg import MarkerArray

from pd_ros.detection.types import Detections
from pd_ros.pointcloud.cdr import CloudHeader
from pd_ros.ros.messages import import_detected_objects, marker_array
from pd_ros.runtime.autoware_cdr import detected_objects_cdr
from pd_ros.runtime.detection_cdr import detection_array_cdr
from pd_ros.runtime.settings import AUTOWARE, VISION_MSGS, Settings

OBJECTS = "~/objects"  # for Autoware


class DetectionPublisher:
    """Topics ``detections`` and ``~/objects``, as ``message`` says, and ``~/markers``.

    Raises ``ValueError`` where the package of a message is missing; then there is no topic.
    """

    def __init__(self, node: Node, depth: int, message: str) -> None:
        kind = import_detected_objects() if message != VISION_MSGS else None
        self._node = node
        self._detections = self._objects = None
        if message != AUTOWARE:
            self._detections = node.create_publisher(Detection3DArray, "detections", depth)
        if kind is not None:
            self._objects = node.create_publisher(kind, OBJECTS, depth)
        self._markers = node.create_publisher(MarkerArray, "~/markers", 1)

    def publish(self, header: CloudHeader, found: Detections, settings: Settings) -> int:
        """Publish one answer without the classes that have no name; returns its boxes' number."""
        names = settings.names
        if not all(names):
            named = [bool(names[label]) for label in found.labels.tolist()]
            found = found.select(found.labels.new_tensor(named).bool())
        if self._detections is not None:
            self._detections.publish(detection_array_cdr(header, found, names))
        if self._objects is not None:
            self._objects.publish(detected_objects_cdr(header, found, settings.autoware_labels))
        if settings.markers and self._markers.get_subscription_count():
            self._markers.publish(marker_array(_message(header), found, names))
        return len(found.labels)

    def close(self) -> None:
        """Take the topics away."""
        for publisher in (self._detections, self._objects, self._markers):
            if publisher is not None:
                self._node.destroy_publisher(publisher)


def _message(header: CloudHeader) -> Header:
    stamp = Time(sec=header.stamp.sec, nanosec=header.stamp.nanosec)
    return Header(stamp=stamp, frame_id=header.frame_id)
