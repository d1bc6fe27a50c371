"""Whether a network can start from a part of another one; see ``initialise.py`` beside it."""

from collections.abc import Iterator

from pd_ros.detection.config import (
    AnchorHeadConfig,
    CenterHeadConfig,
    ModelConfig,
    PillarEncoderConfig,
    SparseEncoderConfig,
)
from training.distillation.sparse_config import InitialiseConfig


def initialise_problems(
    config: InitialiseConfig, student: ModelConfig, teacher: ModelConfig
) -> Iterator[str]:
    """One line per part that cannot be copied."""
    if "encoder" not in config.exclude:
        yield from _encoder(student, teacher)
    if "backbone" not in config.exclude:
        yield from _narrower("backbone", student.backbone.widths, teacher.backbone.widths)
        layers = zip(student.backbone.layers, teacher.backbone.layers, strict=False)
        if any(mine > theirs for mine, theirs in layers):
            yield "initialise: the student's backbone is deeper; exclude backbone"
    if "neck" not in config.exclude:
        yield from _narrower("neck", student.neck.widths, teacher.neck.widths)
        if student.neck.strides != teacher.neck.strides:
            yield "initialise: the necks have different strides; exclude neck"
    if "head" not in config.exclude:
        yield from _head(student, teacher)


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
        yield (
            f"initialise: expected encoders of one kind, got {mine.kind} and {theirs.kind};"
            " exclude encoder"
        )


def _head(student: ModelConfig, teacher: ModelConfig) -> Iterator[str]:
    mine, theirs = student.head, teacher.head
    if isinstance(mine, CenterHeadConfig) and isinstance(theirs, CenterHeadConfig):
        yield from _narrower("head", (mine.width,), (theirs.width,))
    elif isinstance(mine, AnchorHeadConfig) and isinstance(theirs, AnchorHeadConfig):
        if len(mine.rotations_rad) != len(theirs.rotations_rad):
            yield "initialise: the heads have different anchors; exclude head"
    else:
        yield f"initialise: expected heads of one kind, got {mine.kind} and {theirs.kind}"


def _narrower(part: str, student: tuple[int, ...], teacher: tuple[int, ...]) -> Iterator[str]:
    if len(student) != len(teacher) or any(
        mine > theirs for mine, theirs in zip(student, teacher, strict=True)
    ):
        yield (
            f"initialise: the student's {part} has widths {list(student)}, which is no part of the"
            f" teacher's {list(teacher)}; exclude {part}, or change the network"
        )
