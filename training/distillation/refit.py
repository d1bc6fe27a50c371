"""Copied layers fitted anew to the teacher's layers that they are a part of, by least squares.

A student that takes some of a teacher's channels lacks what the others gave to the next layer. Its
weights are solved for what comes closest to the teacher's output all the same, layer after layer,
each on what the layers before it, already fitted, make of some frames (He, Zhang and Sun 2017,
"Channel pruning for accelerating very deep neural networks", section 3.1).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from pd_ros.detection.model import BevDetector
from pd_ros.detection.types import PillarBatch
from training.distillation.channels import CopiedLayer
from training.distillation.explained import Example, importance

Fitted = nn.Linear | nn.Conv2d | nn.ConvTranspose2d

_RIDGE = 1e-4  # of the mean square of an input: channels that say the same do not blow up


@torch.no_grad()
def refit(
    student: BevDetector,
    teacher: BevDetector,
    layers: Sequence[CopiedLayer],
    examples: Sequence[Example],
) -> list[CopiedLayer]:
    """Fit the copied layers, first to last; each then knows its share of what it stands for.

    Both networks are in evaluation mode. Batch norm keeps what it has of the teacher, sparse
    convolutions stay as they were copied.
    """
    fitted = []
    for layer in tqdm(layers, "fitting layers", leave=False):
        mine = student.get_submodule(layer.name)
        if isinstance(mine, Fitted):
            system = _System()
            for example in examples:
                system.add(*_rows(student, teacher, layer, example))
            solution = system.solve()
            _write(mine, solution)
            layer = layer._replace(explained=system.explained(solution))  # noqa: PLW2901
        fitted.append(layer)
    return fitted


class _System:
    """Normal equations of ``inputs @ solution = outputs``, summed up over rows."""

    def __init__(self) -> None:
        self._inputs = self._mixed = self._outputs = torch.zeros((), dtype=torch.float64)

    def add(self, inputs: Tensor, outputs: Tensor) -> None:
        """Rows ``[N, D]`` and ``[N, O]``."""
        self._inputs = self._inputs + (inputs.T @ inputs).double().cpu()
        self._mixed = self._mixed + (inputs.T @ outputs).double().cpu()
        self._outputs = self._outputs + outputs.double().square().sum().cpu()

    def solve(self) -> Tensor:
        """Least squares with a small ridge: ``[D, O]``."""
        ridge = _RIDGE * self._inputs.diagonal().mean() + torch.finfo(torch.float64).tiny
        eye = torch.eye(len(self._inputs), dtype=torch.float64)
        solution: Tensor = torch.linalg.solve(self._inputs + ridge * eye, self._mixed)
        return solution

    def explained(self, solution: Tensor) -> float:
        """Share of the outputs' squares that a solution accounts for; 1 where there are none."""
        if not self._outputs > 0:
            return 1.0
        hit = (solution * (2 * self._mixed - self._inputs @ solution)).sum()
        return min(float(hit / self._outputs), 1.0)  # rounding may lead beyond


def _rows(
    student: BevDetector, teacher: BevDetector, layer: CopiedLayer, example: Example
) -> tuple[Tensor, Tensor]:
    """Inputs ``[N, D]`` of the student's layer and outputs ``[N, O]`` of the teacher's.

    Cells of maps count as much as they matter.
    """
    mine, theirs = student.get_submodule(layer.name), teacher.get_submodule(layer.name)
    given = _seen(student, mine, example.student)[0]
    wanted = _seen(teacher, theirs, example.teacher)[1].index_select(
        1, layer.kept.to(given.device)
    )
    if isinstance(mine, nn.Linear):
        return _with_one(mine, given), wanted
    if isinstance(mine, nn.ConvTranspose2d):  # kernel and stride are the same: no overlaps
        inputs, outputs = _by_cell(given), _by_cell(F.pixel_unshuffle(wanted, mine.stride[0]))
        weights = importance(example.scores, given.shape[2:])
    else:
        assert isinstance(mine, nn.Conv2d)
        patches = F.unfold(given, mine.kernel_size, 1, int(mine.padding[0]), mine.stride)
        inputs, outputs = patches.transpose(1, 2).flatten(0, 1), _by_cell(wanted)
        weights = importance(example.scores, wanted.shape[2:])
    scale = weights.sqrt()[:, None]
    return _with_one(mine, inputs) * scale, outputs * scale


def _by_cell(maps: Tensor) -> Tensor:
    return maps.permute(0, 2, 3, 1).flatten(0, 2)


def _with_one(layer: nn.Module, inputs: Tensor) -> Tensor:
    """With a constant for the bias, if the layer has one."""
    if layer.bias is None:
        return inputs
    return torch.cat((inputs, inputs.new_ones(len(inputs), 1)), dim=1)


def _write(layer: Fitted, solution: Tensor) -> None:
    if layer.bias is not None:
        solution, bias = solution[:-1], solution[-1]
        layer.bias.copy_(bias)
    if not isinstance(layer, nn.ConvTranspose2d):
        solution = solution.T
    layer.weight.copy_(solution.reshape(layer.weight.shape))


class _SeenError(Exception):
    """The layer of interest has run; the rest of the network need not."""


def _seen(network: BevDetector, layer: nn.Module, batch: PillarBatch) -> tuple[Tensor, Tensor]:
    """Input and output of a layer."""
    seen: list[tuple[Tensor, Tensor]] = []

    def look(_layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append((inputs[0], output))
        raise _SeenError

    hook = layer.register_forward_hook(look)
    try:
        network(batch)
    except _SeenError:
        return seen[0]
    finally:
        hook.remove()
    raise AssertionError("the network does not run this layer")
