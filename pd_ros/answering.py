"""The work on one cloud, from its bytes to boxes; runs on the worker's thread, knows no ROS."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pd_ros.pointcloud import CloudBytes, CloudLayout, decode_points
from pd_ros.settings import Settings

if TYPE_CHECKING:  # torch takes a second to import; the node listens to signals before that
    from pd_ros.detection.predictor import Predictor
    from pd_ros.detection.types import Detections


@dataclass(frozen=True)
class Arrival:
    """A cloud that was accepted: its layout has been checked, its data not yet read."""

    header: Any  # std_msgs/Header, handed on untouched
    layout: CloudLayout
    data: CloudBytes
    arrived_s: float  # monotonic clock


def detect(predictor: "Predictor", arrival: Arrival, settings: Settings) -> "Detections":
    """Boxes of one cloud, in its own frame, thresholded by the settings."""
    points = decode_points(
        arrival.layout, arrival.data, settings.intensity_scale, settings.z_offset_m
    )
    width = 3 + len(predictor.config.features)
    found = predictor(points[:, :width])
    lift = found.boxes.new_tensor([0, 0, settings.z_offset_m, 0, 0, 0, 0])
    return settings.select(found._replace(boxes=found.boxes - lift))


def load_detector(path: str, device: str) -> "Predictor":
    """Read a checkpoint and warm it up.

    Raises ``ValueError`` for a bad file or device, and for a model that clouds do not suit.
    """
    from pd_ros.detection.predictor import Predictor  # noqa: PLC0415

    predictor = Predictor.for_clouds(path, device)
    predictor.warm_up()
    return predictor
