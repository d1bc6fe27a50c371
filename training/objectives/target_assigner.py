"""The targets that belong to a network's head."""

from collections.abc import Callable, Sequence
from functools import partial

from pd_ros.detection.config.parts import AnchorHeadConfig
from pd_ros.detection.config.point_rcnn import PointRcnnConfig
from pd_ros.detection.families import AnyModelConfig
from training.datasets.frame import Labels
from training.objectives.anchor_targets import AnchorAssigner, AnchorTargets
from training.objectives.center_targets import Targets, make_targets
from training.objectives.point_targets import PointTargets, make_point_targets

AnyTargets = Targets | AnchorTargets | PointTargets


def make_target_assigner(
    config: AnyModelConfig, box_radius: int, shared_cells: bool = False
) -> Callable[[Sequence[Labels]], AnyTargets]:
    """From the labels of a batch to the targets of a network.

    ``box_radius`` and ``shared_cells`` are for heads that find centres; see
    ``training.objectives.center_targets.box_cells``.
    """
    if isinstance(config, PointRcnnConfig):
        return partial(make_point_targets, sizes_m=config.sizes_m)
    if isinstance(config.head, AnchorHeadConfig):
        return AnchorAssigner(config)
    return partial(make_targets, config=config, box_radius=box_radius, shared_cells=shared_cells)
