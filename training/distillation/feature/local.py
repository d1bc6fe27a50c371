"""Reweighted local distillation (PointDistiller sections 3.2 and 3.3)."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pd_ros.detection.types import PillarBatch
from training.config.point import LocalConfig
from training.distillation.feature.local_graph import GraphConvolution, build_graph, node_weights
from training.distillation.maps import (
    match_cells,
    pillar_width,
    tapped_maps,
    tapped_widths,
    to_table,
)
from training.distillation.method import (
    BevPair,
    DistillBatch,
    DistillLoss,
    MethodUse,
    PointDistillBatch,
    PointDistillLoss,
    PointPair,
)


class LocalComparison(nn.Module):
    """Local graphs of two tables whose rows are the same nodes, compared.

    ``pool``: only the maximum over each node's neighbours is compared; a node then weighs by the
    largest channel of the teacher's graph instead of its importance (nodes that are points).
    """

    def __init__(
        self, config: LocalConfig, student: int, teacher: int, pool: bool = False
    ) -> None:
        super().__init__()
        self.config = config
        self.pool = pool
        self.student = GraphConvolution(student, config.width)
        self.teacher = GraphConvolution(teacher, config.width)
        self.teacher.requires_grad_(config.teacher_layer == "learnt")

    def forward(
        self, student: Tensor, teacher: Tensor, importance: Tensor, scene: Tensor
    ) -> Tensor:
        """Loss of tables ``[T, C]``, ``[T, C']`` with importance and scene ``[T]``; 0 of no rows.

        Neighbours are the teacher's, of both.
        """
        config = self.config
        graph = build_graph(teacher, importance, scene, config.nodes, config.neighbours)
        if graph.neighbour.numel() < 2:  # batch norm needs two
            return student.sum() * 0.0
        learnt, taught = self.student(student, graph), self.teacher(teacher, graph)
        score = importance[graph.centre]
        if self.pool:
            learnt, taught = learnt.amax(dim=1, keepdim=True), taught.amax(dim=1, keepdim=True)
            score = taught.detach().amax(dim=(1, 2))
        weight = torch.ones_like(score)
        if config.reweight == "paper" or (config.reweight == "released" and not self._inert()):
            weight = node_weights(score, graph.scene, config.temperature)
        return local_loss(learnt, taught, weight)

    def _inert(self) -> bool:
        """Whether the released code's softmax runs over one element, and so gives 1."""
        return self.pool or self.config.tap != "pillars"


def local_loss(student: Tensor, teacher: Tensor, weight: Tensor) -> Tensor:
    """Twice the mean of weighted squared differences of ``[N, K, C]``; weights ``[N]``."""
    return 2 * (weight[:, None, None] * (student - teacher) ** 2).mean()


class PillarLocal(DistillLoss):
    """Pillars before they are put on the canvas; a pillar is as important as it has points."""

    reads = ("pillar_features",)

    def __init__(self, config: LocalConfig, pair: BevPair) -> None:
        super().__init__()
        self._mixed = config.batch_mixing == "released"
        self._all = config.counted == "arrived"
        self.comparison = LocalComparison(
            config, pillar_width(pair.student), pillar_width(pair.teacher)
        )

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Loss over the pillars that both networks have."""
        seen = outputs.batch.teacher
        assert isinstance(seen, PillarBatch)
        counts = seen.arrived if self._all else seen.counts
        assert counts is not None
        mine, theirs = match_cells(outputs.student.pillar_cells, outputs.teacher.pillar_cells)
        scene = outputs.teacher.pillar_cells[theirs, 0]
        loss: Tensor = self.comparison(
            outputs.student.pillar_features[mine].float(),
            outputs.teacher.pillar_features[theirs].float(),
            counts[theirs].float(),
            torch.zeros_like(scene) if self._mixed else scene,
        )
        return loss


class MapLocal(DistillLoss):
    """Cells of the backbone's stages or of the neck; important by the largest channel."""

    def __init__(self, config: LocalConfig, pair: BevPair) -> None:
        super().__init__()
        assert config.tap in ("stages", "neck")
        self.reads = (config.tap,)
        self._tap = config.tap
        self._numbers = config.stages if config.tap == "stages" else (0,)
        # The released code multiplies the loss of the stages by the batch.
        self._times_batch = config.tap == "stages" and config.reweight == "released"
        widths = zip(*(tapped_widths(network, config.tap) for network in pair), strict=True)
        chosen = [width for number, width in enumerate(widths) if number in self._numbers]
        self.comparisons = nn.ModuleList(LocalComparison(config, *each) for each in chosen)

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Sum over the maps."""
        pairs = list(
            zip(
                tapped_maps(outputs.student, self._tap),
                tapped_maps(outputs.teacher, self._tap),
                strict=True,
            )
        )
        losses = [
            self._compare(comparison, *pairs[number])
            for number, comparison in zip(sorted(self._numbers), self.comparisons, strict=True)
        ]
        total = torch.stack(losses).sum()
        return total * len(outputs.student.neck) if self._times_batch else total

    def _compare(self, comparison: nn.Module, student: Tensor, teacher: Tensor) -> Tensor:
        assert student.shape[-2:] == teacher.shape[-2:]
        batch, _, rows, columns = teacher.shape
        scene = torch.arange(batch, device=teacher.device).repeat_interleave(rows * columns)
        table = to_table(teacher)
        loss: Tensor = comparison(to_table(student), table, table.amax(dim=1), scene)
        return loss


def same_points(use: MethodUse[LocalConfig, PointPair]) -> Iterator[str]:
    """Both networks draw the same points of a cloud."""
    if use.config.tap != "points":
        yield f"local.tap: expected points for networks on raw points, got {use.config.tap}"
    for name in ("range_m", "points", "near_m"):
        mine, theirs = (getattr(network, name) for network in use.pair)
        if mine != theirs:
            yield (
                f"local: both networks must draw the same points of a cloud, and {name} is {mine}"
                f" of the student and {theirs} of the teacher; change one of them"
            )


class PointLocal(PointDistillLoss):
    """Points after the last propagation, the same of both networks (PointRCNN).

    As the released code does, only each node's maximum over its neighbours is compared.
    """

    reads = ("points.features",)
    requires = (same_points,)

    def __init__(self, config: LocalConfig, pair: PointPair) -> None:
        super().__init__()
        student, teacher = (network.propagation[0][-1] for network in pair)
        self.comparison = LocalComparison(config, student, teacher, pool=True)

    def forward(self, outputs: PointDistillBatch) -> Tensor:
        """Loss over the points of all clouds."""
        mine, theirs = outputs.student.points, outputs.teacher.points
        assert mine.points.shape == theirs.points.shape
        batch, _, count = theirs.features.shape
        scene = torch.arange(batch, device=theirs.features.device).repeat_interleave(count)
        student, teacher = (_of_points(each.features) for each in (mine, theirs))
        loss: Tensor = self.comparison(student, teacher, teacher.amax(dim=1), scene)
        return loss


def _of_points(features: Tensor) -> Tensor:
    """``[B, C, N]`` -> one row per point ``[B * N, C]``, cloud by cloud."""
    return features.float().mT.flatten(0, 1)


def build_local(config: LocalConfig, pair: BevPair) -> DistillLoss:
    """The term for a tap."""
    return PillarLocal(config, pair) if config.tap == "pillars" else MapLocal(config, pair)


def same_nodes(use: MethodUse[LocalConfig, BevPair]) -> Iterator[str]:
    """The nodes of the two networks are the same pillars or cells."""
    student, teacher = use.pair
    same_cells = student.grid == teacher.grid
    match use.config.tap:
        case "pillars":
            if any(network.encoder.kind != "pillars" for network in use.pair):
                yield "local.tap: pillars needs two networks of pillars; take stages"
            elif not same_cells:
                yield "local.tap: pillars needs the same grid in both networks; take logit alone"
        case "stages":
            strides = [(n.canvas_stride, n.backbone.strides) for n in use.pair]
            fewest = min(len(network.backbone.widths) for network in use.pair)
            missing = [number for number in use.config.stages if number >= fewest]
            if not same_cells or strides[0] != strides[1]:
                yield "local.tap: stages needs the same grid and strides in both networks"
            elif missing:
                yield f"local.stages: the backbones have no stages {missing}; count from 0"
        case "points":
            yield "local.tap: points is for networks on raw points; take pillars, stages or neck"
        case "neck":
            if student.output_size != teacher.output_size:
                yield "local.tap: neck needs maps of the same size in both networks"
