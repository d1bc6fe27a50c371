"""The 2-D part between canvas and head: backbone stages and the neck that joins them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)


def convolution_block(in_channels: int, width: int, stride: int) -> nn.Sequential:
    """A 3 x 3 convolution, batch norm and ReLU: ``[B, C, H, W]`` -> ``[B, width, H', W']``."""
    convolution = nn.Conv2d(in_channels, width, 3, stride, padding=1, bias=False)
    return nn.Sequential(convolution, _norm(width), nn.ReLU(inplace=True))


class BevBackbone(nn.Module):
    """Stages of 3 x 3 convolutions, each coarser than the last (SECOND, region proposal network).

    ``widths[i]`` channels, a convolution with ``strides[i]`` and ``layers[i]`` more of stride 1.
    """

    def __init__(
        self,
        in_channels: int,
        widths: Sequence[int],
        layers: Sequence[int],
        strides: Sequence[int],
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        for width, count, stride in zip(widths, layers, strides, strict=True):
            blocks = [convolution_block(in_channels, width, stride)]
            blocks += [convolution_block(width, width, 1) for _ in range(count)]
            self.stages.append(nn.Sequential(*blocks))
            in_channels = width

    def forward(self, canvas: Tensor) -> tuple[Tensor, ...]:
        """Maps of all stages, finest first: ``[B, widths[i], H_i, W_i]``."""
        maps: list[Tensor] = []
        for stage in self.stages:
            canvas = stage(canvas)
            maps.append(canvas)
        return tuple(maps)

    def with_linear(self, canvas: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """The same maps, and each before the last ReLU of its stage (Heo et al. 2019)."""
        maps: list[Tensor] = []
        linear: list[Tensor] = []
        for stage in self._sequences():
            block = stage[-1]
            assert isinstance(block, nn.Sequential)
            linear.append(block[:-1](stage[:-1](canvas)))
            canvas = torch.relu(linear[-1])
            maps.append(canvas)
        return tuple(maps), tuple(linear)

    def last_norm(self, stage: int) -> nn.BatchNorm2d:
        """The batch norm before the last ReLU of a stage."""
        block = self._sequences()[stage][-1]
        assert isinstance(block, nn.Sequential) and isinstance(block[1], nn.BatchNorm2d)
        return block[1]

    def _sequences(self) -> list[nn.Sequential]:
        return [stage for stage in self.stages if isinstance(stage, nn.Sequential)]


def _resampler(in_width: int, width: int, stride: float) -> nn.Conv2d | nn.ConvTranspose2d:
    """Upsampling by ``stride``, or, below 1, a convolution that does the inverse."""
    if stride >= 1:
        return nn.ConvTranspose2d(in_width, width, int(stride), int(stride), bias=False)
    step = round(1 / stride)
    return nn.Conv2d(in_width, width, step, step, bias=False)


class Neck(nn.Module):
    """Bring every stage to one resolution by (transposed) convolution, and concatenate."""

    def __init__(
        self, in_widths: Sequence[int], widths: Sequence[int], strides: Sequence[float]
    ) -> None:
        super().__init__()
        self.upsamplers = nn.ModuleList(
            nn.Sequential(_resampler(in_width, width, stride), _norm(width), nn.ReLU(inplace=True))
            for in_width, width, stride in zip(in_widths, widths, strides, strict=True)
        )
        self.out_channels = sum(widths)

    def forward(self, stages: tuple[Tensor, ...]) -> tuple[Tensor]:
        """One map ``[B, sum(widths), H, W]`` at the first stage's resolution times its stride."""
        return (torch.cat(self.parts(stages), dim=1),)

    def parts(self, stages: tuple[Tensor, ...]) -> list[Tensor]:
        """The maps ``[B, widths[i], H, W]`` that are concatenated."""
        return [up(stage) for up, stage in zip(self.upsamplers, stages, strict=True)]


class PyramidNeck(nn.Module):
    """Feature pyramid (Lin et al. 2017, section 3), with norm and ReLU after each convolution.

    A stage is brought to ``width`` channels, the next coarser level is added to it, and a 3 x 3
    convolution follows.
    """

    def __init__(self, in_widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(in_width, width, 1, bias=False), _norm(width), nn.ReLU(inplace=True)
            )
            for in_width in in_widths
        )
        self.output = nn.ModuleList(convolution_block(width, width, 1) for _ in in_widths)
        self.out_channels = width

    def forward(self, stages: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """A map ``[B, width, H_i, W_i]`` of each stage, finest first."""
        maps = [lateral(stage) for lateral, stage in zip(self.lateral, stages, strict=True)]
        for i in range(len(maps) - 1, 0, -1):
            size = maps[i - 1].shape[-2:]
            maps[i - 1] = maps[i - 1] + F.interpolate(maps[i], size, mode="nearest")
        return tuple(last(level) for last, level in zip(self.output, maps, strict=True))
