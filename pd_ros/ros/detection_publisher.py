"""Publishes what was found: boxes for programs, markers for people."""

from collections.abc import Sequence

from builtin_interfaces.msg import Time
from rclpy.node import Node
from std_msgs.msg import Header
from vision_msgs.msg import Detection3DArray
from visualization_msgs.msg import MarkerArray

from pd_ros.detection.types import Detections
from pd_ros.pointcloud.cdr import CloudHeader
from pd_ros.ros.messages import marker_array
from pd_ros.runtime.detection_cdr import detection_array_cdr


class DetectionPublisher:
    """Topics ``detections`` and ``~/markers``."""

    def __init__(self, node: Node, depth: int) -> None:
        self._node = node
        self._detections = node.create_publisher(Detection3DArray, "detections", depth)
        self._markers = node.create_publisher(MarkerArray, "~/markers", 1)

    def publish(
        self, header: CloudHeader, found: Detections, names: Sequence[str], markers: bool
    ) -> int:
        """Publish one answer without the classes that have no name; returns its boxes' number."""
        if not all(names):
            named = [bool(names[label]) for label in found.labels.tolist()]
            found = found.select(found.labels.new_tensor(named).bool())
        self._detections.publish(detection_array_cdr(header, found, names))
        if markers and self._markers.get_subscription_count():
            self._markers.publish(marker_array(_message(header), found, names))
        return len(found.labels)

    def close(self) -> None:
        """Take the topics away."""
        self._node.destroy_publisher(self._detections)
        self._node.destroy_publisher(self._markers)


def _message(header: CloudHeader) -> Header:
    stamp = Time(sec=header.stamp.sec, nanosec=header.stamp.nanosec)
    return Header(stamp=stamp, frame_id=header.frame_id)
