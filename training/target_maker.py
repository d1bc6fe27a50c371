"""The targets that belong to a network's head."""

from collections.abc import Callable, Sequence
from functools import partial

from pd_ros.detection.config import AnchorHeadConfig, ModelConfig
from training.anchor_targets import AnchorAssigner, AnchorTargets
from training.labels import Labels
from training.targets import Targets, make_targets

AnyTargets = Targets | AnchorTargets


def make_target_maker(
    config: ModelConfig, box_radius: int, shared_cells: bool = False
) -> Callable[[Sequence[Labels]], AnyTargets]:
    """From the labels of a batch to the targets of a network.

    ``box_radius`` and ``shared_cells`` are for heads that find centres; see
    ``training.targets.box_cells``.
    """
    if isinstance(config.head, AnchorHeadConfig):
        return AnchorAssigner(config)
    return partial(make_targets, config=config, box_radius=box_radius, shared_cells=shared_cells)
