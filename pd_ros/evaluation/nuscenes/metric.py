"""nuScenes' detection metrics: AP by centre distance, errors of what is found, and NDS.

After H. Caesar et al., "nuScenes: a multimodal dataset for autonomous driving", CVPR 2020, and the
data set's own development kit (configuration detection_cvpr_2019). Detections of all samples by
falling score each take the nearest free object of their class and sample, seen from above, if it
is *less* than the threshold away; of equal scores the later one in the file goes first. Precision
over recall is interpolated as it is: not made to fall, and where several precisions belong to one
recall the last one counts.

Boxes at or beyond the class' range, and those with no point in them, do not count. Bicycles in
racks, which the kit leaves out as well, cannot be told apart in a file of boxes: leave them out of
the file.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pd_ros.evaluation.matching import Floats
from pd_ros.evaluation.nuscenes.boxes import Indices, NuscenesBoxes
from pd_ros.evaluation.nuscenes.curve import precision_over_recall
from pd_ros.evaluation.nuscenes.errors import true_positive_errors
from pd_ros.evaluation.nuscenes.report import NuscenesEntry, NuscenesReport

DISTANCES_M = (0.5, 1.0, 2.0, 4.0)
# What is found at this distance is looked at more closely.
ERROR_DISTANCE_M = 2.0
# Classes, and how far from the vehicle they are asked for.
RANGES_M = {
    "car": 50, "truck": 50, "bus": 50, "trailer": 50, "construction_vehicle": 50,
    "pedestrian": 40, "motorcycle": 40, "bicycle": 40, "traffic_cone": 30, "barrier": 30,
}  # fmt: skip


class _Near(NamedTuple):
    """The objects that a detection may take, nearest first."""

    objects: Indices  # [K]
    distances: Floats  # [K] below the largest threshold


def evaluate_nuscenes(truth: NuscenesBoxes, found: NuscenesBoxes) -> NuscenesReport:
    """Score detections against what is there; a class without objects or matches has AP 0.

    Raises ``ValueError`` unless both have the same samples, in any order.
    """
    found = _in_samples_of(truth, found)
    truth, found = _counting(truth), _counting(found)
    return NuscenesReport(tuple(_evaluate_class(truth, found, name) for name in RANGES_M))


def _in_samples_of(truth: NuscenesBoxes, found: NuscenesBoxes) -> NuscenesBoxes:
    index = {token: number for number, token in enumerate(truth.samples)}
    unknown = [token for token in found.samples if token not in index]
    missing = sorted(set(truth.samples) - set(found.samples))
    if missing or unknown:
        what, tokens = ("none of", missing) if missing else ("also", unknown)
        raise ValueError(
            f"detections: expected the {len(index)} samples of the ground truth, got {what}"
            f" {', '.join(tokens[:5])}{' ...' if len(tokens) > 5 else ''} ({len(tokens)} in all);"
            " give both the same samples, an empty list where nothing was found"
        )
    places = np.array([index[token] for token in found.samples], dtype=np.intp)
    return found._replace(samples=truth.samples, sample=places[found.sample])


def _counting(boxes: NuscenesBoxes) -> NuscenesBoxes:
    limits = np.array([RANGES_M[str(name)] for name in boxes.names], dtype=np.float64)
    return boxes.take(np.flatnonzero((boxes.ego_distances < limits) & (boxes.num_points != 0)))


def _evaluate_class(truth: NuscenesBoxes, found: NuscenesBoxes, name: str) -> NuscenesEntry:
    truth = truth.take(np.flatnonzero(truth.names == name))
    found = found.take(np.flatnonzero(found.names == name))
    # Backwards, so that of equal scores the later one comes first.
    found = found.take(np.argsort(found.scores, kind="stable")[::-1])
    num_truth = len(truth.names)
    near = _near_objects(truth, found)
    taken = {metres: _match(near, num_truth, metres) for metres in DISTANCES_M}
    return NuscenesEntry(
        class_name=name,
        num_truth=num_truth,
        precision={metres: precision_over_recall(taken[metres], num_truth) for metres in taken},
        errors=true_positive_errors(truth, found, taken[ERROR_DISTANCE_M], name),
    )


def _near_objects(truth: NuscenesBoxes, found: NuscenesBoxes) -> list[_Near]:
    """For each detection ``[D]`` what it may take of its sample."""
    order = np.argsort(truth.sample, kind="stable")
    firsts = np.searchsorted(truth.sample[order], found.sample, side="left")
    ends = np.searchsorted(truth.sample[order], found.sample, side="right")
    near = []
    for centre, first, end in zip(found.centres, firsts, ends, strict=True):
        objects = order[first:end]
        distances = np.linalg.norm(truth.centres[objects] - centre, axis=1)
        nearest = np.argsort(distances, kind="stable")
        nearest = nearest[distances[nearest] < max(DISTANCES_M)]
        near.append(_Near(objects[nearest], distances[nearest]))
    return near


def _match(near: Sequence[_Near], num_truth: int, distance_m: float) -> Indices:
    """The object ``[D]`` that each detection takes, in their order; -1 for none."""
    free = np.ones(num_truth, dtype=bool)
    taken = np.full(len(near), -1)
    for number, (objects, distances) in enumerate(near):
        within = objects[distances < distance_m]
        available = within[free[within]]
        if len(available):
            taken[number] = available[0]
            free[available[0]] = False
    return taken
