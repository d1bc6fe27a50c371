"""Table of what each kind of network learns from, one row each: a new kind is a row here.

The training side of ``pd_ros.detection.families``: whoever has a config asks this table for its
targets and losses; nothing else in training branches on the kind of a network for them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor

from pd_ros.detection.config.base import FrozenConfig
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.parts import AnchorHeadConfig, CenterHeadConfig
from pd_ros.detection.config.point_rcnn import PointRcnnConfig
from pd_ros.detection.families import AnyModelConfig
from pd_ros.detection.types import ModelOutput, PillarBatch, PointBatch, PointRcnnOutput
from training.config.run import TrainConfig
from training.datasets.frame import Labels
from training.objectives.anchor_losses import anchor_loss
from training.objectives.anchor_targets import AnchorAssigner, AnchorTargets
from training.objectives.center_loss import check_center_head, detection_loss
from training.objectives.center_targets import Targets, make_targets
from training.objectives.point_losses import point_rcnn_loss
from training.objectives.point_targets import PointTargets, RoiSampler, make_point_targets

AnyTargets = Targets | AnchorTargets | PointTargets
Assigner = Callable[[Sequence[Labels]], AnyTargets]
Loss = tuple[Mapping[str, Tensor], Tensor]  # terms before their weights, and their weighted sum


@dataclass(frozen=True)
class Objective:
    """What a kind of network learns from. The arguments ``Any`` are of the row's own types."""

    config: type[AnyModelConfig]
    head: type[FrozenConfig] | None  # of the config; None: there is no choice of heads
    # From a config, ``box_radius`` and ``shared_cells`` (``center_targets.box_cells``).
    assigner: Callable[[Any, int, bool], Assigner]
    loss: Callable[[Any, Any, TrainConfig, Any], Loss]  # of output, targets, run, network
    weights: Callable[[TrainConfig], FrozenConfig]  # of the terms of the loss, by their names
    input_settings: Callable[[Any], object]  # equal of networks that are given the same
    target_settings: Callable[[Any], object]  # equal of networks that learn the same; None: never
    compared: str  # what distillation can compare of two such networks
    describe_input: Callable[[Any], str]  # what is in a batch
    describe_view: Callable[[Any], str]  # what a network looks at
    # What the network is called with, from its batch, the targets and the run.
    arguments: Callable[[Any, Any, TrainConfig], tuple[object, ...]] = lambda batch, _t, _r: (
        batch,
    )
    # Raises ``ValueError`` for a network that the loss cannot teach as the run wants it.
    check: Callable[[TrainConfig, Any], None] = lambda _run, _network: None
    many_boxes: bool = False  # around each object, before suppression


def objective_of(network: AnyModelConfig) -> Objective:
    """The row of a config."""
    rows = (row for row in OBJECTIVES if type(network) is row.config)
    return next(row for row in rows if row.head is None or type(network.head) is row.head)


def make_target_assigner(
    config: AnyModelConfig, box_radius: int, shared_cells: bool = False
) -> Assigner:
    """From the labels of a batch to the targets of a network.

    ``box_radius`` and ``shared_cells`` are for heads that find centres; see
    ``training.objectives.center_targets.box_cells``.
    """
    return objective_of(config).assigner(config, box_radius, shared_cells)


def many_boxes_an_object(network: AnyModelConfig) -> bool:
    """Whether many boxes stand around each object before suppression, as those of anchors do."""
    return objective_of(network).many_boxes


def compares_maps(network: AnyModelConfig) -> bool:
    """Whether distillation compares maps of such networks, which need not see the same points."""
    return objective_of(network).compared == _MAPS


def same_input(one: AnyModelConfig, other: AnyModelConfig) -> bool:
    """Whether two networks are given the same of the same clouds."""
    mine, theirs = (objective_of(each) for each in (one, other))
    same_kind = mine.config is theirs.config
    return same_kind and mine.input_settings(one) == theirs.input_settings(other)


def same_targets(one: AnyModelConfig, other: AnyModelConfig) -> bool:
    """Whether the heads of two networks are to say the same of the same objects."""
    mine, theirs = (objective_of(each) for each in (one, other))
    if mine is not theirs:
        return False
    settings = mine.target_settings(one)
    return settings is not None and settings == theirs.target_settings(other)


def _center_assigner(config: ModelConfig, box_radius: int, shared_cells: bool) -> Assigner:
    return partial(make_targets, config=config, box_radius=box_radius, shared_cells=shared_cells)


def _center_loss(
    output: ModelOutput, targets: Targets, run: TrainConfig, network: ModelConfig
) -> Loss:
    loss = detection_loss(output, targets, run.loss, network)
    return loss.named, loss.total(run.loss)


def _anchor_loss(
    output: ModelOutput, targets: AnchorTargets, run: TrainConfig, _network: ModelConfig
) -> Loss:
    loss = anchor_loss(output, targets)
    return loss._asdict(), loss.total(run.anchor_loss)


def _point_loss(
    output: PointRcnnOutput, targets: PointTargets, run: TrainConfig, _network: PointRcnnConfig
) -> Loss:
    loss = point_rcnn_loss(output, targets, run.point_loss)
    return loss._asdict(), loss.total(run.point_loss)


def _grid(network: ModelConfig) -> object:
    return network.grid, network.capacity


def _map_cells(network: ModelConfig) -> tuple[object, ...]:
    return network.classes, network.grid, network.level_strides


def _describe_pillars(batch: PillarBatch) -> str:
    return f"{len(batch.points):,} points in {len(batch.cells):,} pillars or voxels"


def _describe_points(batch: PointBatch) -> str:
    drawn, inside = batch.points.shape[1], int(batch.counts.sum())
    return f"{inside:,} points in range, of which {drawn:,} of each"


def _describe_map(network: ModelConfig) -> str:
    rows, columns = network.output_size
    levels = len(network.level_strides)
    return f"a head map of {rows} x {columns}" + (f", the finest of {levels}," * (levels > 1))


def _with_sampler(
    batch: PointBatch, targets: PointTargets, run: TrainConfig
) -> tuple[object, ...]:
    """A network of two stages is told which proposals its second learns from."""
    return batch, RoiSampler(run.regions, targets, batch.seeds)


_MAPS = "maps from above"
OBJECTIVES = (
    Objective(
        config=ModelConfig,
        head=CenterHeadConfig,
        assigner=_center_assigner,
        loss=_center_loss,
        weights=lambda run: run.loss,
        input_settings=_grid,
        target_settings=_map_cells,
        compared=_MAPS,
        describe_input=_describe_pillars,
        describe_view=_describe_map,
        check=check_center_head,
    ),
    Objective(
        config=ModelConfig,
        head=AnchorHeadConfig,
        assigner=lambda network, _radius, _shared: AnchorAssigner(network),
        loss=_anchor_loss,
        weights=lambda run: run.anchor_loss,
        input_settings=_grid,
        target_settings=lambda network: (network.head, *_map_cells(network)),
        many_boxes=True,
        compared=_MAPS,
        describe_input=_describe_pillars,
        describe_view=_describe_map,
    ),
    Objective(
        config=PointRcnnConfig,
        head=None,
        assigner=lambda network, _radius, _shared: partial(
            make_point_targets, sizes_m=network.sizes_m
        ),
        loss=_point_loss,
        weights=lambda run: run.point_loss,
        input_settings=lambda network: (network.points, network.range_m, network.near_m),
        target_settings=lambda _network: None,
        compared="raw points",
        describe_input=_describe_points,
        describe_view=lambda network: f"{network.points:,} points of a cloud",
        arguments=_with_sampler,
    ),
)
