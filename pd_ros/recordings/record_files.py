"""A folder of clouds as a recording, so that it can be played to a running node."""

from pathlib import Path

from pd_ros.evaluation.kitti.view import CameraView
from pd_ros.recordings.bag import DETECTIONS, POINT_CLOUD, TRUTH_TOPIC
from pd_ros.recordings.detections import NamedBoxes, detection_array, message_header
from pd_ros.recordings.mcap import writing_mcap
from pd_ros.recordings.sources import FolderSource, RecordingSource
from pd_ros.recordings.typestore import jazzy_typestore
from pd_ros.recordings.visualization import cloud_message

TOPIC = "/points"
RATE_HZ = 10.0  # files do not say when they came
_START_NS = 1_000_000_000  # a stamp of 0 means none


def record_files(source: FolderSource, path: Path) -> RecordingSource:
    """Write the clouds of a folder to ``NAME.mcap``, at 10 Hz; one of that name is replaced.

    Labels, where the folder has them, go to ``/ground_truth`` with the stamp of their cloud.
    Returns the recording as a source, which knows what of each cloud was labelled.
    Raises ``ValueError`` for a cloud that cannot be read.
    """
    store = jazzy_typestore()
    truth: dict[int, NamedBoxes] = {}
    views: dict[int, CameraView] = {}
    with writing_mcap(path) as writer:
        clouds = writer.add_connection(TOPIC, POINT_CLOUD, typestore=store)
        labels = writer.add_connection(TRUTH_TOPIC, DETECTIONS, typestore=store)
        for number, sweep in enumerate(source.sweeps()):
            stamp = _START_NS + round(number * 1e9 / RATE_HZ)
            header = message_header(store, stamp, sweep.frame_id)
            cloud = cloud_message(store, header, sweep.points[:, :4])
            writer.write(clouds, stamp, store.serialize_cdr(cloud, POINT_CLOUD))
            if sweep.view is not None:
                views[stamp] = sweep.view
            if sweep.truth is not None:
                truth[stamp] = sweep.truth
                boxes = detection_array(store, stamp, sweep.truth, sweep.frame_id)
                writer.write(labels, stamp, store.serialize_cdr(boxes, DETECTIONS))
    return RecordingSource(path, TOPIC, source.count, source.intensity_scale, truth, views)
