"""Copied layers fitted anew to the teacher's layers that they are a part of, by least squares.

A student that takes some of a teacher's channels lacks what the others gave to the next layer. Its
weights are solved for what comes closest to the teacher's output all the same, layer after layer,
each on what the layers before it, already fitted, make of some frames (He, Zhang and Sun 2017,
"Channel pruning for accelerating very deep neural networks", section 3.1).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from pd_ros.detection.bev.detector import BevDetector
from pd_ros.detection.types import PillarBatch
from training.distillation.initialise.channel_selection import Example
from training.distillation.initialise.channels import CopiedLayer
from training.distillation.initialise.layer_rows import is_product, rows_of, set_weights

_RIDGE = 1e-4  # of the mean square of an input: channels that say the same do not blow up


@torch.no_grad()
def refit(
    student: BevDetector,
    teacher: BevDetector,
    layers: Sequence[CopiedLayer],
    examples: Sequence[Example],
) -> list[CopiedLayer]:
    """Fit the copied layers, first to last; each then knows its share of what it stands for.

    Both networks are in evaluation mode. Batch norm keeps what it has of the teacher.
    """
    pairs = [
        (_Pass(student, each.student), _Pass(teacher, each.teacher), each.scores)
        for each in examples
    ]
    fitted = []
    for layer in tqdm(layers, "fitting layers", leave=False):
        mine = student.get_submodule(layer.name)
        assert is_product(mine), layer.name
        system = _System()
        for own, others, scores in pairs:
            given, out = own.through(layer.name)
            _, wanted = others.through(layer.source)
            system.add(*rows_of(mine, given, out, _taken(wanted, layer.kept), scores))
        solution = system.solve()
        set_weights(mine, solution)
        fitted.append(layer._replace(explained=system.explained(solution)))
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


class _SeenError(Exception):
    """The layer of interest has run; the rest of the network need not."""


class _Pass:
    """A network on a batch, as far as a layer; the canvas is made once, when it is first needed.

    Layers before it must then have their last weights.
    """

    def __init__(self, network: BevDetector, batch: PillarBatch) -> None:
        self._network = network
        self._batch = batch
        self._canvas: Tensor | None = None

    def through(self, name: str) -> tuple[Any, Any]:
        """Input and output of a layer."""
        seen: list[tuple[Any, Any]] = []

        def look(_layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            seen.append((inputs[0], output))
            raise _SeenError

        hook = self._network.get_submodule(name).register_forward_hook(look)
        try:
            self._run(dense=name.startswith("dense."))
        except _SeenError:
            return seen[0]
        finally:
            hook.remove()
        raise AssertionError(f"the network does not run {name}")

    def _run(self, dense: bool) -> None:
        encoder, batch = self._network.encoder, self._batch
        if not dense:
            encoder.canvas(encoder(batch), batch)
            return
        if self._canvas is None:
            self._canvas = encoder.canvas(encoder(batch), batch)
        self._network.dense(self._canvas)


def _taken(output: Any, kept: Tensor) -> Any:
    """The kept channels of a map, of points, or of sparse voxels."""
    if not isinstance(output, Tensor):
        return output.replace_feature(_taken(output.features, kept))
    return output.index_select(1, kept.to(output.device))
