"""Write what a replay found as the result files that the KITTI object benchmark takes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pd_ros.detection.types import Detections
from pd_ros.evaluation.kitti.camera import Calibration, kitti_objects, read_calibration
from pd_ros.evaluation.kitti.results import result_text
from pd_ros.recordings.sources import FolderSource, Source

CalibrationOf = Callable[[str], Calibration]


def calibration_of(source: Source) -> CalibrationOf:
    """Return what gives the calibration of each frame of a source.

    Looked for are KITTI's ``calib/FRAME.txt`` beside the clouds, or that of a drive of KITTI raw.
    Raises ``ValueError`` if a frame has none.
    """
    if not isinstance(source, FolderSource):
        raise ValueError(
            f"{source.path}: expected a folder of KITTI's clouds, whose calibration KITTI's result"
            " files need, got a recording; give the folder"
        )
    camera = source.camera
    if camera is not None:
        return lambda _frame: camera
    clouds = source.files[0].parent
    places = [place / "calib" for place in (source.label_folder, clouds, clouds.parent) if place]
    folder = next((place for place in places if place.is_dir()), places[-1])
    missing = [path.stem for path in source.files if not (folder / f"{path.stem}.txt").is_file()]
    if missing:
        raise ValueError(
            f"{folder}: expected a calibration for each cloud (FRAME.txt), as KITTI's result files"
            f" are in the camera's frame, found none for {len(missing)} of {source.count}:"
            f" {', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}; add them"
        )
    return lambda frame: read_calibration(folder / f"{frame}.txt")


def write_kitti_results(
    folder: Path,
    detections: Mapping[str, Detections],
    classes: Sequence[str],
    calibration: CalibrationOf,
) -> None:
    """Write ``FRAME.txt`` for each frame, an empty one where the camera sees nothing found."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame, found in detections.items():
        objects = kitti_objects(found, classes, calibration(frame))
        (folder / f"{frame}.txt").write_text(result_text(objects), encoding="utf-8")
