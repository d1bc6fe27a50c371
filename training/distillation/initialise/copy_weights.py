"""Teacher-guided initialisation (SparseKD section 3.5; FNA's parameter remapping)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pd_ros.detection.bev.anchor_head import AnchorHead
from pd_ros.detection.bev.backbone import Neck, PyramidNeck
from pd_ros.detection.bev.center_head import CenterHead
from pd_ros.detection.bev.detector import BevDetector, DenseNetwork
from pd_ros.detection.bev.pillar_encoder import PillarEncoder
from training.config.sparse import InitialiseConfig
from training.distillation.initialise.channel_selection import Example, measure_overlaps
from training.distillation.initialise.channels import CopiedLayer, Copier, join_channels, oriented
from training.distillation.initialise.least_squares_fit import refit


@torch.no_grad()
def initialise(
    student: BevDetector,
    teacher: BevDetector,
    config: InitialiseConfig,
    examples: Sequence[Example] = (),
) -> list[CopiedLayer]:
    """Give the student a part of the teacher's channels; returns the layers that got some.

    What a layer keeps is what the next one reads, up to the head. Where a stage of the student
    has fewer layers, it gets the teacher's first ones, or is fitted to its last ones. Both
    networks are of a kind, and the student is nowhere wider (``requirements.py``).
    ``examples``: frames for the way ``reconstruct``, in which layers are fitted, too; both
    networks are then in evaluation mode.
    """
    overlaps = measure_overlaps(teacher, examples) if config.way == "reconstruct" else {}
    copier = Copier(config, overlaps)
    kept = _encoder(copier, student, teacher)
    stages = _backbone(copier, student.dense, teacher.dense, kept)
    neck = _neck(copier, student.dense, teacher.dense, stages)
    if "head" not in config.exclude:
        _head(copier, student.dense.head, teacher.dense.head, neck)
    return refit(student, teacher, copier.copied, examples) if copier.fits else copier.copied


def _encoder(copier: Copier, student: BevDetector, teacher: BevDetector) -> Tensor:
    """Kept channels of the canvas."""
    width = oriented(_stages(student.dense)[0][0][0]).shape[1]
    if "encoder" in copier.config.exclude:
        return torch.arange(width)
    if isinstance(student.encoder, PillarEncoder):
        assert isinstance(teacher.encoder, PillarEncoder)
        return _pillars(copier, student.encoder, teacher.encoder)
    # Only now is it sure that there is spconv.
    from training.distillation.initialise.voxels import copy_voxel_encoder  # noqa: PLC0415

    assert not isinstance(teacher.encoder, PillarEncoder)
    return copy_voxel_encoder(copier, student.encoder, teacher.encoder, width)


def _pillars(copier: Copier, student: PillarEncoder, teacher: PillarEncoder) -> Tensor:
    kept = torch.arange(student.pillar_layers[0].linear.in_features)
    pairs = list(zip(student.pillar_layers, teacher.pillar_layers, strict=True))
    for number, (mine, theirs) in enumerate(pairs):
        name = f"encoder.layers.{number}.linear"
        kept = copier.block(name, (mine.linear, mine.norm), (theirs.linear, theirs.norm), kept)
        if number < len(pairs) - 1:  # a point's own features, then its pillar's maximum
            kept = join_channels([kept] * 2, [theirs.linear.out_features] * 2, copier.config)
    return kept


def _backbone(
    copier: Copier, student: DenseNetwork, teacher: DenseNetwork, kept: Tensor
) -> list[Tensor]:
    """Kept channels of every stage."""
    kept_of_stages = []
    pairs = zip(_stages(student), _stages(teacher), strict=True)
    for number, (mine, theirs) in enumerate(pairs):
        if "backbone" in copier.config.exclude:
            kept = torch.arange(oriented(mine[0][0]).shape[0])
        else:
            kept = _stage(copier, f"dense.backbone.stages.{number}", mine, theirs, kept)
        kept_of_stages.append(kept)
    return kept_of_stages


def _stage(
    copier: Copier,
    name: str,
    student: list[nn.Sequential],
    teacher: list[nn.Sequential],
    kept: Tensor,
) -> Tensor:
    """Kept channels of a stage's last block."""
    # The next stage reads the last one's output: this is what fitted ones must come to.
    later = len(teacher) - len(student) if copier.fits else 0
    for place, (mine, theirs) in enumerate(zip(student, teacher[later:], strict=False)):
        source = f"{name}.{place + later}.0"
        pair = (mine[0], mine[1]), (theirs[0], theirs[1])
        kept = copier.block(f"{name}.{place}.0", *pair, kept, source=source)
    return kept


def _neck(
    copier: Copier, student: DenseNetwork, teacher: DenseNetwork, stages: list[Tensor]
) -> Tensor:
    """Kept channels of the map that the head reads."""
    mine, theirs = student.neck, teacher.neck
    if "neck" in copier.config.exclude:
        return torch.arange(mine.out_channels)
    if isinstance(mine, PyramidNeck):
        assert isinstance(theirs, PyramidNeck)
        added = _alike(copier, "lateral", (mine.lateral, theirs.lateral), stages)
        return _alike(copier, "output", (mine.output, theirs.output), [added] * len(stages))
    assert isinstance(theirs, Neck)
    return _joined(copier, mine, theirs, stages)


def _joined(copier: Copier, student: Neck, teacher: Neck, stages: list[Tensor]) -> Tensor:
    kept, sizes = [], []
    pairs = zip(student.upsamplers, teacher.upsamplers, stages, strict=True)
    for number, (mine, theirs, inputs) in enumerate(pairs):
        assert isinstance(mine, nn.Sequential) and isinstance(theirs, nn.Sequential)
        sizes.append(oriented(theirs[0]).shape[0])
        name = f"dense.neck.upsamplers.{number}.0"
        kept.append(copier.block(name, (mine[0], mine[1]), (theirs[0], theirs[1]), inputs))
    return join_channels(kept, sizes, copier.config)


def _alike(
    copier: Copier,
    part: str,
    networks: tuple[nn.ModuleList, nn.ModuleList],
    inputs: list[Tensor],
) -> Tensor:
    """Kept channels of a pyramid's levels: they are added or share a head, the finest decides."""
    kept: Tensor | None = None
    for number, (mine, theirs, given) in enumerate(zip(*networks, inputs, strict=True)):
        assert isinstance(mine, nn.Sequential) and isinstance(theirs, nn.Sequential)
        name = f"dense.neck.{part}.{number}.0"
        kept = copier.block(name, (mine[0], mine[1]), (theirs[0], theirs[1]), given, kept)
    assert kept is not None
    return kept


def _head(
    copier: Copier,
    student: CenterHead | AnchorHead,
    teacher: CenterHead | AnchorHead,
    inputs: Tensor,
) -> None:
    """Copy a head; all its outputs are kept."""
    if isinstance(student, AnchorHead):
        for name in ("classes", "box", "direction"):
            _last(copier, f"dense.head.{name}", getattr(student, name), getattr(teacher, name),
                  inputs)  # fmt: skip
        return
    assert isinstance(teacher, CenterHead)
    mine, theirs = student.shared, teacher.shared
    name = "dense.head.shared.0"
    shared = copier.block(name, (mine[0], mine[1]), (theirs[0], theirs[1]), inputs)
    branches = ("heatmap", "offset", "height", "size", "rotation", "quality")
    for name in branches if student.quality is not None else branches[:-1]:
        mine, theirs = getattr(student, name), getattr(teacher, name)
        place = f"dense.head.{name}"
        kept = copier.block(f"{place}.0", (mine[0], mine[1]), (theirs[0], theirs[1]), shared)
        _last(copier, f"{place}.3", mine[3], theirs[3], kept)


def _last(
    copier: Copier, name: str, student: nn.Module, teacher: nn.Module, inputs: Tensor
) -> None:
    copier.layer(name, student, teacher, inputs, torch.arange(oriented(student).shape[0]))


def _stages(dense: DenseNetwork) -> list[list[nn.Sequential]]:
    """Blocks of every stage of a backbone, each a convolution with its batch norm."""
    stages = []
    for stage in dense.backbone.stages:
        assert isinstance(stage, nn.Sequential)
        stages.append([block for block in stage if isinstance(block, nn.Sequential)])
    return stages
