"""Copy some channels of a teacher's layer into a student's narrower one."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor, nn

from training.config.sparse import InitialiseConfig
from training.distillation.initialise.channel_selection import best_channels


class CopiedLayer(NamedTuple):
    """A layer of the student that got weights, and how many channels of how many."""

    name: str
    source: str  # the teacher's layer
    outputs: tuple[int, int]  # the student's, the teacher's
    inputs: tuple[int, int]
    kept: Tensor  # the teacher's outputs that it took, on the CPU
    explained: float | None = None  # of these outputs' squares, once it has been fitted


def oriented(layer: nn.Module) -> Tensor:
    """A view of a layer's weights with outputs on the first axis and inputs on the second."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    if isinstance(layer, nn.ConvTranspose2d):
        return weight.transpose(0, 1)
    return weight.movedim(-1, 1) if weight.dim() == 5 else weight  # spconv has inputs last


def choose_channels(
    weight: Tensor, norm: nn.Module, count: int, config: InitialiseConfig
) -> Tensor:
    """The teacher's outputs that the student takes: ``[count]``, on the CPU.

    ``weight`` ``[O, I, ...]`` holds the inputs that are kept, ``norm`` is the batch norm after it.
    """
    if config.way == "norm_scale":
        assert isinstance(norm.weight, Tensor)
        return norm.weight.detach().abs().topk(count).indices.cpu()
    if config.way == "l1_norm":
        size = weight.detach().abs().flatten(1).sum(dim=1)
        return size.topk(count, largest=not config.smallest).indices.cpu()
    return torch.arange(count)


def join_channels(
    parts: Sequence[Tensor], sizes: Sequence[int], config: InitialiseConfig
) -> Tensor:
    """Kept channels of maps that are joined: of each part the kept ones and how many there were.

    ``fnav1`` overlooks that maps were joined, and takes the leading ones.
    """
    if config.way == "fnav1":
        return torch.arange(sum(len(part) for part in parts))
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return torch.cat([part + start for part, start in zip(parts, starts, strict=True)])


class Copier:
    """Copies layer after layer, and notes which.

    ``overlaps``: those of the channels after each batch norm, which ``reconstruct`` chooses by.
    """

    def __init__(
        self,
        config: InitialiseConfig,
        overlaps: Mapping[nn.Module, Tensor] = MappingProxyType({}),
    ) -> None:
        self.config = config
        self.fits = config.way == "reconstruct"  # weights come later: only batch norm is copied
        self._overlaps = overlaps
        self.copied: list[CopiedLayer] = []

    def block(
        self,
        name: str,
        student: tuple[nn.Module, nn.Module],
        teacher: tuple[nn.Module, nn.Module],
        inputs: Tensor,
        outputs: Tensor | None = None,
        source: str | None = None,
    ) -> Tensor:
        """Copy a layer and its batch norm at the kept inputs; returns the kept outputs.

        ``outputs``: those to keep, where something else has already decided; ``source``: the
        teacher's layer, where it has another name.
        """
        if outputs is None:
            count = oriented(student[0]).shape[0]
            if self.fits:
                outputs = best_channels(self._overlaps[teacher[1]], count)
            else:
                weight = oriented(teacher[0])[:, inputs]
                outputs = choose_channels(weight, teacher[1], count, self.config)
        self.layer(name, student[0], teacher[0], inputs, outputs, source)
        _copy_norm(student[1], teacher[1], outputs)
        return outputs

    @torch.no_grad()
    def layer(
        self,
        name: str,
        student: nn.Module,
        teacher: nn.Module,
        inputs: Tensor,
        outputs: Tensor,
        source: str | None = None,
    ) -> None:
        """Copy weights and bias of a layer at the kept channels."""
        mine, theirs = oriented(student), oriented(teacher)
        if not self.fits:
            mine.copy_(theirs[outputs][:, inputs])
            if isinstance(student.bias, Tensor):
                assert isinstance(teacher.bias, Tensor)
                student.bias.copy_(teacher.bias[outputs])
        sizes = (mine.shape[0], theirs.shape[0]), (mine.shape[1], theirs.shape[1])
        self.copied.append(CopiedLayer(name, source or name, *sizes, outputs))


@torch.no_grad()
def _copy_norm(student: nn.Module, teacher: nn.Module, channels: Tensor) -> None:
    given = teacher.state_dict()
    for name, target in student.state_dict().items():
        target.copy_(given[name][channels] if given[name].dim() else given[name])
