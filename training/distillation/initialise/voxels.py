"""Teacher-guided initialisation of the sparse encoder; needs spconv."""

import torch
from torch import Tensor

from pd_ros.detection.bev.sparse_encoder import Residual, SparseEncoder
from training.distillation.initialise.channels import Copier, oriented


def copy_voxel_encoder(
    copier: Copier, student: SparseEncoder, teacher: SparseEncoder, canvas: int
) -> Tensor:
    """Copy all stages; returns the kept channels of the canvas, of which there are ``canvas``."""
    pairs = list(zip(student.stages, teacher.stages, strict=True))
    kept = torch.arange(oriented(pairs[0][0][0]).shape[1])  # type: ignore[index]
    for number, (mine, theirs) in enumerate(pairs):
        name = f"encoder.stages.{number}"
        if isinstance(mine, Residual):
            assert isinstance(theirs, Residual)
            _residual(copier, name, mine, theirs, kept)
        else:
            mine_block, their_block = (mine[0], mine[1]), (theirs[0], theirs[1])  # type: ignore[index]
            kept = copier.block(f"{name}.0", mine_block, their_block, kept)
    width = oriented(pairs[-1][1][0]).shape[0]  # type: ignore[index]
    return _laid_out(copier, kept, width, canvas // len(kept))


def _residual(
    copier: Copier, name: str, student: Residual, teacher: Residual, stream: Tensor
) -> None:
    """Copy a residual block: its output is added to its input, so both keep the same channels."""
    kept = stream
    for number in range(2):
        kept = copier.block(
            f"{name}.convolutions.{number}",
            (student.convolutions[number], student.norms[number]),
            (teacher.convolutions[number], teacher.norms[number]),
            kept,
            stream if number else None,
        )
        student.biases[number].copy_(teacher.biases[number][kept])


def _laid_out(copier: Copier, kept: Tensor, width: int, height: int) -> Tensor:
    """Channels of the canvas, which holds all layers of a channel, then those of the next one.

    The released code takes it for layer by layer, and so pairs some channels wrongly.
    """
    layer = torch.arange(height)
    if copier.config.released_slice and copier.config.way == "fnav2":
        return (layer[:, None] * width + kept).flatten()
    return (kept[:, None] * height + layer).flatten()
