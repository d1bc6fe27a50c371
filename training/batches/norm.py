"""Batch norm over a run: how fast its statistics follow, and when they stay as they are.

A batch of a few sweeps from different worlds is normalised by its own statistics, the vehicle's
clouds by the running ones: what a network has learnt with the first fits the second badly. Once
the statistics are frozen, training sees what inference will see.
"""

from collections.abc import Iterator

from torch import nn

Norm = nn.BatchNorm1d | nn.BatchNorm2d


def norms(model: nn.Module) -> Iterator[Norm]:
    """Every batch norm of a network."""
    return (module for module in model.modules() if isinstance(module, Norm))


def set_momentum(model: nn.Module, momentum: float) -> None:
    """Set the share of a batch in the running statistics."""
    for norm in norms(model):
        norm.momentum = momentum


def freeze_statistics(model: nn.Module) -> None:
    """Normalise by the running statistics from now on; scale and shift go on learning.

    ``model.train()`` undoes it.
    """
    for norm in norms(model):
        norm.eval()
