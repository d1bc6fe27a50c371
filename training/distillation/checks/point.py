"""Which methods can work where one of two networks takes raw points."""

from collections.abc import Iterator

from pd_ros.detection.config.point_rcnn import PointRcnnConfig
from pd_ros.detection.families import AnyModelConfig
from training.config.distillation import DistillConfig
from training.distillation.method import ConfigPair, PointPair, pair_of

# Boxes are boxes, whoever finds them; points can be compared with points only.
_BY_BOXES = ("labels", "unlabelled")
_BY_POINTS = ("local", *_BY_BOXES)
_DRAWN_BY = ("range_m", "points", "near_m")


def point_problems(config: DistillConfig, pair: ConfigPair) -> Iterator[str]:
    """One line per reason why such a pair cannot be taught as the config says."""
    same = pair_of(pair)
    able = _BY_POINTS if isinstance(same, PointPair) else _BY_BOXES
    fields = set(type(config).model_fields) - {"teacher", "teacher_norm", *able}
    for name in sorted(fields):
        if getattr(config, name) is not None:
            yield (
                f"{name}: cannot compare {_kind(pair.student)} (student) with"
                f" {_kind(pair.teacher)} (teacher); of these {' and '.join(able)} can learn"
            )
    if isinstance(same, PointPair) and config.local is not None:
        yield from _nodes(config.local.tap, same)


def _nodes(tap: str, pair: PointPair) -> Iterator[str]:
    if tap != "points":
        yield f"local.tap: expected points for networks on raw points, got {tap}"
    for name in _DRAWN_BY:
        mine, theirs = (getattr(network, name) for network in pair)
        if mine != theirs:
            yield (
                f"local: both networks must draw the same points of a cloud, and {name} is {mine}"
                f" of the student and {theirs} of the teacher; change one of them"
            )


def _kind(network: AnyModelConfig) -> str:
    return "raw points" if isinstance(network, PointRcnnConfig) else "maps from above"
