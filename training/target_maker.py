"""The targets that belong to a network's head."""

from collections.abc import Callable, Sequence
from functools import partial

from pd_ros.detection.model_config import AnyModelConfig
from pd_ros.detection.part_config import AnchorHeadConfig
from pd_ros.detection.point_config import PointRcnnConfig
from training.anchor_targets import AnchorAssigner, AnchorTargets
from training.labels import Labels
from training.point_targets import PointTargets, make_point_targets
from training.targets import Targets, make_targets

AnyTargets = Targets | AnchorTargets | PointTargets


def make_target_maker(
    config: AnyModelConfig, box_radius: int, shared_cells: bool = False
) -> Callable[[Sequence[Labels]], AnyTargets]:
    """From the labels of a batch to the targets of a network.

    ``box_radius`` and ``shared_cells`` are for heads that find centres; see
    ``training.targets.box_cells``.
    """
    if isinstance(config, PointRcnnConfig):
        return partial(make_point_targets, sizes_m=config.sizes_m)
    if isinstance(config.head, AnchorHeadConfig):
        return AnchorAssigner(config)
    return partial(make_targets, config=config, box_radius=box_radius, shared_cells=shared_cells)
