"""Have a detector see recorded clouds at the height it was trained at, as the node does."""

from collections.abc import Iterator

from pd_ros.detection.types import InferenceResult
from pd_ros.pointcloud.decode import Float32, decode_points
from pd_ros.pointcloud.layout import CloudError
from pd_ros.pointcloud.training_statistics import Expected
from pd_ros.pointcloud.z_offset import AutoOffset, measure_offset, raised
from pd_ros.recordings.sources import Source
from pd_ros.replay.run import Detector


class RaisedDetector:
    """A detector that sees points raised by an offset; its boxes are where the points were."""

    def __init__(self, detector: Detector, offset_m: float) -> None:
        self._detector = detector
        self._offset_m = offset_m

    def infer(self, points: Float32) -> InferenceResult:
        """Detect in a cloud ``[N, 3 + C]``, which stays as it is."""
        if not self._offset_m:
            return self._detector.infer(points)
        result = self._detector.infer(raised(points, self._offset_m))
        return result._replace(detections=result.detections.lowered(self._offset_m))


def measure_source(source: Source, expected: Expected) -> AutoOffset:
    """Settle the offset from the first clouds of a source, before any is detected in.

    Clouds that cannot be read do not count; whoever reads them says so.
    """
    return measure_offset(_readable(source), expected.ground_m)


def _readable(source: Source) -> Iterator[Float32]:
    for _, layout, data in source.raw_clouds():
        try:
            yield decode_points(layout, data)
        except CloudError:
            continue
