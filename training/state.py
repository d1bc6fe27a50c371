"""The state of a run on disk: what a killed run needs to go on as if nothing had happened."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


@dataclass
class Progress:
    """How far a run is: ``step`` optimiser steps into ``epoch`` (both from 0)."""

    epoch: int = 0
    step: int = 0


def save_state(
    path: Path,
    progress: Progress,
    config_json: str,
    model: nn.Module,
    optimizer: Optimizer,
    scheduler: LRScheduler,
) -> None:
    """Write the state, whole or not at all: a run may be killed at any moment."""
    temporary = path.with_suffix(".part")
    state = {
        "epoch": progress.epoch,
        "step": progress.step,
        "config": config_json,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
    }
    torch.save(state, temporary)
    temporary.replace(path)


def load_state(
    path: Path,
    config_json: str,
    model: nn.Module,
    optimizer: Optimizer,
    scheduler: LRScheduler,
) -> Progress:
    """Take a run up again; ``ValueError`` if the file belongs to a run of another config."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError) as error:
        raise ValueError(
            f"{path}: cannot be read ({error}); delete it to start the run again"
        ) from None
    if state["config"] != config_json:
        raise ValueError(
            f"{path}: belongs to a run with another config; give the run another `out`, or delete"
            " the file to start again"
        )
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    scheduler.load_state_dict(state["scheduler"])
    return Progress(state["epoch"], state["step"])
