"""Check whether a network can start from a part of another one; see ``copy_weights.py``."""

from collections.abc import Iterator
from pathlib import Path

from pd_ros.detection.checkpoint import read_config
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.parts import (
    AnchorHeadConfig,
    CenterHeadConfig,
    NeckConfig,
    PillarEncoderConfig,
    PyramidNeckConfig,
    SparseEncoderConfig,
)
from pd_ros.detection.families import AnyModelConfig
from training.config.sparse import InitialiseConfig
from training.distillation.maps import neck_width
from training.distillation.method import BevPair, MethodUse


def copyable_weights(use: MethodUse[InitialiseConfig, BevPair]) -> Iterator[str]:
    """The weights that the student starts from are a wider network's of the same kinds."""
    config, student = use.config, use.pair.student
    if use.run.initialise_from is not None:
        yield "initialise: initialise_from says otherwise; remove one of them"
    source: AnyModelConfig = use.pair.teacher
    if config.checkpoint is not None:
        source = read_config(Path(config.checkpoint))
    if not isinstance(source, ModelConfig):
        yield f"initialise.checkpoint: {source.name} takes raw points; name one that does not"
        return
    if source.classes != student.classes and "head" not in config.exclude:
        yield "initialise: the networks have different classes; exclude head"
    yield from initialise_problems(config, student, source)


def initialise_problems(
    config: InitialiseConfig, student: ModelConfig, teacher: ModelConfig
) -> Iterator[str]:
    """One line per part that cannot be copied."""
    if config.way == "reconstruct":
        yield from _same_maps(student, teacher)
    if "encoder" not in config.exclude:
        yield from _encoder(student, teacher)
    if "backbone" not in config.exclude:
        yield from _narrower("backbone", student.backbone.widths, teacher.backbone.widths)
        layers = zip(student.backbone.layers, teacher.backbone.layers, strict=False)
        if any(mine > theirs for mine, theirs in layers):
            yield "initialise: the student's backbone is deeper; exclude backbone"
    if "neck" not in config.exclude:
        yield from _neck(student, teacher)
    elif "head" not in config.exclude and neck_width(student) > neck_width(teacher):
        yield "initialise: the student's head reads more channels than the teacher's; exclude head"
    if "head" not in config.exclude:
        yield from _head(student, teacher)


def _same_maps(student: ModelConfig, teacher: ModelConfig) -> Iterator[str]:
    pair = (student, teacher)
    grids = [(each.grid.pillar_size_m, each.grid.voxel_height_m) for each in pair]
    strides = [each.backbone.strides for each in pair]
    if grids[0] != grids[1] or strides[0] != strides[1]:
        yield (
            "initialise.way: reconstruct compares the networks' maps cell by cell and needs the"
            " same grid and strides in both; take fnav2"
        )


def _encoder(student: ModelConfig, teacher: ModelConfig) -> Iterator[str]:
    mine, theirs = student.encoder, teacher.encoder
    if student.features != teacher.features:
        yield "initialise: the encoders want different features of a point; exclude encoder"
    if isinstance(mine, PillarEncoderConfig) and isinstance(theirs, PillarEncoderConfig):
        yield from _narrower("encoder", mine.widths, theirs.widths)
    elif isinstance(mine, SparseEncoderConfig) and isinstance(theirs, SparseEncoderConfig):
        widths = [(each.stem, *each.widths, each.out) for each in (mine, theirs)]
        yield from _narrower("encoder", *widths)
        if (mine.layers, mine.residual) != (theirs.layers, theirs.residual):
            yield "initialise: the sparse encoders have different layers; exclude encoder"
    else:
        yield _two_kinds("encoder", mine.kind, theirs.kind)


def _neck(student: ModelConfig, teacher: ModelConfig) -> Iterator[str]:
    mine, theirs = student.neck, teacher.neck
    if isinstance(mine, PyramidNeckConfig) and isinstance(theirs, PyramidNeckConfig):
        yield from _narrower("neck", (mine.width,), (theirs.width,))
        levels = [len(each.backbone.widths) for each in (student, teacher)]
        if levels[0] != levels[1]:
            yield f"initialise: the pyramids have {levels[0]} and {levels[1]} levels; exclude neck"
    elif isinstance(mine, NeckConfig) and isinstance(theirs, NeckConfig):
        yield from _narrower("neck", mine.widths, theirs.widths)
        if mine.strides != theirs.strides:
            yield "initialise: the necks have different strides; exclude neck"
    else:
        yield _two_kinds("neck", mine.kind, theirs.kind)


def _head(student: ModelConfig, teacher: ModelConfig) -> Iterator[str]:
    mine, theirs = student.head, teacher.head
    if isinstance(mine, CenterHeadConfig) and isinstance(theirs, CenterHeadConfig):
        yield from _narrower("head", (mine.width,), (theirs.width,))
        told = [(head.direction, head.quality > 0) for head in (mine, theirs)]
        if told[0] != told[1]:
            yield "initialise: one head tells directions or qualities, the other not; exclude head"
    elif isinstance(mine, AnchorHeadConfig) and isinstance(theirs, AnchorHeadConfig):
        if (mine.per_cell, mine.box_values) != (theirs.per_cell, theirs.box_values):
            yield (
                "initialise: the heads have different anchors, or one tells velocities; exclude"
                " head"
            )
    else:
        yield _two_kinds("head", mine.kind, theirs.kind)


def _two_kinds(part: str, student: str, teacher: str) -> str:
    return f"initialise: expected {part}s of one kind, got {student} and {teacher}; exclude {part}"


def _narrower(part: str, student: tuple[int, ...], teacher: tuple[int, ...]) -> Iterator[str]:
    if len(student) != len(teacher) or any(
        mine > theirs for mine, theirs in zip(student, teacher, strict=True)
    ):
        yield (
            f"initialise: the student's {part} has widths {list(student)}, which is no part of the"
            f" teacher's {list(teacher)}; exclude {part}, or change the network"
        )
