"""Ground truth and detections in nuScenes' formats.

Ground truth: ``{SAMPLE: [BOX, ...]}``. Detections, as handed in to the benchmark:
``{"results": {SAMPLE: [BOX, ...]}}``, at most 500 to a sample. A box, in the map's frame:
``{"translation": [x, y, z], "size": [width, length, height], "rotation": [w, x, y, z],
"velocity": [x, y], "ego_translation": [x, y, z], "detection_name", "attribute_name"}``; ground
truth may have ``num_pts``, LiDAR and radar points in the box, and detections have
``detection_score``. ``ego_translation`` is the centre less the vehicle's place. Files as handed in
do not have it: the benchmark looks the vehicle up in the data set, and so do we, in its tables
(``nuscenes_tables.vehicle_places``). Other keys are left alone.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, RootModel

from pd_ros.evaluation.json_files import Checked, read_json
from pd_ros.evaluation.matching import Floats
from pd_ros.evaluation.nuscenes.tables import Place

# The benchmark's limit.
MAX_DETECTIONS_PER_SAMPLE = 500

Indices = NDArray[np.intp]
_NOWHERE: Mapping[str, Place] = {}


class NuscenesBoxes(NamedTuple):
    """The boxes of all samples, N of them in the file's order, seen from above in the map."""

    samples: tuple[str, ...]  # tokens, those of samples without boxes too
    sample: Indices  # [N] index into samples
    names: NDArray[np.str_]  # [N] the class
    centres: Floats  # [N, 2] metres
    sizes: Floats  # [N, 3] width, length, height in metres
    yaws: Floats  # [N] radians
    velocities: Floats  # [N, 2] m/s, NaN where unknown
    attributes: NDArray[np.str_]  # [N] "" where there is none
    ego_distances: Floats  # [N] metres from the vehicle, seen from above
    num_points: NDArray[np.int64]  # [N] -1 where unknown
    scores: Floats  # [N] zeros for ground truth

    def take(self, rows: Indices) -> "NuscenesBoxes":
        """Some of the boxes, in the order given, of the same samples."""
        return NuscenesBoxes._make([self.samples, *(column[rows] for column in self[1:])])


_Side = Annotated[float, Field(gt=0)]


def _turning(rotation: "_Quaternion") -> "_Quaternion":
    if not any(rotation):
        raise ValueError("expected a quaternion of any length but 0")
    return rotation


_Quaternion = tuple[float, float, float, float]
_MaybeUnknown = Annotated[float, Field(allow_inf_nan=True)]


class _Box(Checked):
    translation: tuple[float, float, float]
    size: tuple[_Side, _Side, _Side]
    rotation: Annotated[_Quaternion, AfterValidator(_turning)]
    velocity: tuple[_MaybeUnknown, _MaybeUnknown]
    ego_translation: tuple[float, float, float] | None = None
    detection_name: Literal[
        "car", "truck", "bus", "trailer", "construction_vehicle", "pedestrian", "motorcycle",
        "bicycle", "traffic_cone", "barrier",
    ]  # fmt: skip
    attribute_name: Literal[
        "", "pedestrian.moving", "pedestrian.sitting_lying_down", "pedestrian.standing",
        "cycle.with_rider", "cycle.without_rider", "vehicle.moving", "vehicle.parked",
        "vehicle.stopped",
    ]  # fmt: skip
    num_pts: int = -1


class _Detection(_Box):
    detection_score: float


class _GroundTruth(RootModel[Annotated[dict[str, list[_Box]], Field(min_length=1)]]):
    pass


_SampleDetections = Annotated[list[_Detection], Field(max_length=MAX_DETECTIONS_PER_SAMPLE)]


class _Detections(Checked):
    results: dict[str, _SampleDetections]


def read_ground_truth(path: Path, places: Mapping[str, Place] = _NOWHERE) -> NuscenesBoxes:
    """Read ground truth of at least one sample; ``ValueError`` names the place of what is bad.

    ``places``: where the vehicle was, by sample, for boxes that do not say it.
    """
    content = read_json(path, _GroundTruth).root
    _refuse_without_place(path, content, places)
    return _gather(content, np.zeros(sum(len(boxes) for boxes in content.values())), places)


def read_detections(path: Path, places: Mapping[str, Place] = _NOWHERE) -> NuscenesBoxes:
    """Read detections; ``places`` and errors as above."""
    content = read_json(path, _Detections).results
    _refuse_without_place(path, content, places)
    scores = [box.detection_score for boxes in content.values() for box in boxes]
    return _gather(content, np.array(scores, dtype=np.float64), places)


def yaw_of(rotations: Floats) -> Floats:
    """Direction seen from above of the x axis of quaternions ``[N, 4]`` w, x, y, z: ``[N]``."""
    w, x, y, z = rotations.T
    yaw: Floats = np.arctan2(2 * (x * y + w * z), w * w + x * x - y * y - z * z)
    return yaw


def _refuse_without_place(
    path: Path, content: Mapping[str, Sequence[_Box]], places: Mapping[str, Place]
) -> None:
    for sample, boxes in content.items():
        if sample not in places and any(box.ego_translation is None for box in boxes):
            got = f"tables of {len(places)} other samples" if places else "no tables"
            raise ValueError(
                f"{path}: {sample}: expected boxes with ego_translation, or the data set's tables,"
                f" which say where the vehicle was; got {got}; give those of this data"
            )


def _from_vehicle(box: _Box, place: Place | None) -> tuple[float, float]:
    """The centre less the vehicle's place, seen from above; one of both is known."""
    if box.ego_translation is not None:
        return box.ego_translation[:2]
    assert place is not None
    return box.translation[0] - place[0], box.translation[1] - place[1]


def _gather(
    content: Mapping[str, Sequence[_Box]], scores: Floats, places: Mapping[str, Place]
) -> NuscenesBoxes:
    boxes = [box for sample in content.values() for box in sample]
    counts = [len(sample) for sample in content.values()]
    ego = [_from_vehicle(b, places.get(s)) for s, sample in content.items() for b in sample]
    return NuscenesBoxes(
        samples=tuple(content),
        sample=np.repeat(np.arange(len(counts)), np.array(counts, dtype=np.intp)),
        names=np.array([box.detection_name for box in boxes], dtype=np.str_),
        centres=_rows([box.translation for box in boxes], 3)[:, :2],
        sizes=_rows([box.size for box in boxes], 3),
        yaws=yaw_of(_rows([box.rotation for box in boxes], 4)),
        velocities=_rows([box.velocity for box in boxes], 2),
        attributes=np.array([box.attribute_name for box in boxes], dtype=np.str_),
        ego_distances=np.linalg.norm(_rows(ego, 2), axis=1),
        num_points=np.array([box.num_pts for box in boxes], dtype=np.int64),
        scores=scores,
    )


def _rows(values: Sequence[tuple[float, ...]], width: int) -> Floats:
    return np.array(values, dtype=np.float64).reshape(-1, width)
