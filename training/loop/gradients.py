"""Which weights of a student each term of its loss reaches."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from training.batches.collate import Batch, move_batch
from training.loop.run import Run
from training.loop.step_loss import step_losses


class Reach(NamedTuple):
    """Weights of one part of a network, and how many get a gradient from one term."""

    term: str
    part: str  # encoder, backbone, neck, head ...
    weights: int
    reached: int

    @property
    def share(self) -> float:
        """Reached of all; a part has weights."""
        return self.reached / self.weights


def gradient_reach(run: Run, batches: Sequence[Batch]) -> list[Reach]:
    """Count for each term of the loss and each part the weights with a gradient that is not 0.

    On any of the batches. Nothing learns, but batch norm's statistics move and random draws go on.
    """
    reached: dict[str, list[torch.Tensor]] = {}
    named = dict(run.model.named_parameters())
    weights = list(named.values())
    for batch in batches:
        device = run.world.device
        terms = step_losses(
            run.network, run.distiller, move_batch(batch, device), run.config, run.model_config, 0,
            run.half,
        )  # fmt: skip
        for name in terms.keys() - {"total"}:
            found = _nonzero(terms[name], weights)
            before = reached.get(name, found)
            reached[name] = [a | b for a, b in zip(before, found, strict=True)]
    return [reach for name in sorted(reached) for reach in _by_part(name, named, reached[name])]


def _nonzero(term: torch.Tensor, weights: list[nn.Parameter]) -> list[torch.Tensor]:
    if not term.requires_grad:
        return [torch.zeros_like(weight, dtype=torch.bool) for weight in weights]
    gradients = torch.autograd.grad(term, weights, retain_graph=True, allow_unused=True)
    return [
        torch.zeros_like(weight, dtype=torch.bool) if each is None else each != 0
        for weight, each in zip(weights, gradients, strict=True)
    ]


def _by_part(
    term: str, named: dict[str, nn.Parameter], reached: list[torch.Tensor]
) -> list[Reach]:
    parts: dict[str, list[torch.Tensor]] = {}
    for name, each in zip(named, reached, strict=True):
        parts.setdefault(name.removeprefix("dense.").partition(".")[0], []).append(each)
    return [
        Reach(
            term, part, sum(each.numel() for each in all_), int(sum(each.sum() for each in all_))
        )
        for part, all_ in parts.items()
    ]
