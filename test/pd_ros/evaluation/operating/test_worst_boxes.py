"""Which mistakes are shown, by hand."""

import torch

from pd_ros.detection.types import Detections
from pd_ros.evaluation.lidar import GroundTruth
from pd_ros.evaluation.operating.worst_boxes import nearest_misses, surest_ghosts

CLASSES = ("car", "pedestrian")


def cars(*places: float) -> torch.Tensor:
    return torch.tensor([[x, 0.0, 0.0, 4.0, 2.0, 1.5, 0.0] for x in places]).reshape(-1, 7)


def truth(*places: float, ignore: bool = False) -> GroundTruth:
    count = len(places)
    return GroundTruth(
        cars(*places), torch.zeros(count, dtype=torch.int64), torch.full((count,), ignore)
    )


def found(scores: dict[float, float], label: int = 0) -> Detections:
    """Boxes by place along x."""
    return Detections(
        cars(*scores), torch.tensor(list(scores.values())), torch.full((len(scores),), label)
    )


def test_ghosts_of_all_frames_by_score() -> None:
    """At 10 m an object, at 12 m a box that touches it; the others touch nothing."""
    frames = [truth(10), truth()]
    seen = [found({12: 0.9, 30: 0.5}), found({40: 0.7, 50: 0.2})]
    ghosts = surest_ghosts(frames, seen, 0, most=2)
    assert [(each.frame, each.range_m) for each in ghosts] == [(1, 40.0), (0, 30.0)]
    assert [round(each.score or 0, 3) for each in ghosts] == [0.7, 0.5]
    assert surest_ghosts(frames, seen, 1, most=2) == []


def test_misses_of_all_frames_by_distance() -> None:
    """Found is the car at 10 m; those at 30 and 20 m are missed, the one at 5 m not asked for."""
    frames = [truth(10, 30), truth(20), truth(5, ignore=True)]
    seen = [found({10: 0.9}), found({20: 0.9}, label=1), found({})]
    misses = nearest_misses(frames, seen, CLASSES, 0, most=9)
    assert [(each.frame, each.range_m, each.score) for each in misses] == [
        (1, 20.0, None),
        (0, 30.0, None),
    ]
    (nearest,) = nearest_misses(frames, seen, CLASSES, 0, most=1)
    assert nearest.range_m == 20.0
