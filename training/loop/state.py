"""The state of a run on disk: what a killed run needs to go on as if nothing had happened."""

import io
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from pydantic import ValidationError
from torch import Tensor

from pd_ros.process.unfinished import whole_file
from training.config.run import TrainConfig


@dataclass
class Progress:
    """How far a run is: ``step`` optimiser steps into ``epoch`` (both from 0).

    With the sums of what the epoch's losses have been so far, over ``trained`` steps.
    """

    epoch: int = 0
    step: int = 0
    trained: int = 0  # steps that were not left out
    sums: dict[str, float] = field(default_factory=dict)

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """Add the losses of one step."""
        self.trained += 1
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value)

    def means(self) -> dict[str, float]:
        """Mean losses of the epoch's steps; a total of 0 where there were none."""
        sums = self.sums or {"total": 0.0}
        return {name: value / max(self.trained, 1) for name, value in sums.items()}


class Stateful(Protocol):
    """A part of a run that has a state: network, optimizer, schedule."""

    def state_dict(self) -> dict[str, Any]:
        """Return what there is to keep."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """The inverse."""
        ...


def save_state(
    path: Path,
    progress: Progress,
    config_json: str,
    processes: int,
    parts: Mapping[str, Stateful],
) -> None:
    """Write the state, whole or not at all: a run may be killed at any moment."""
    state: dict[str, object] = asdict(progress)
    state |= {"config": config_json, "processes": processes}
    write_whole(path, state | {name: part.state_dict() for name, part in parts.items()})


def write_whole(path: Path, content: object) -> None:
    """Write what ``torch.load`` reads, whole or not at all; ``OSError`` where there is no room.

    Torch's own writer does not say of an error what it is.
    """
    data = io.BytesIO()
    torch.save(content, data)
    with whole_file(path) as place:
        place.write_bytes(data.getbuffer())


def load_state(
    path: Path, config: TrainConfig, processes: int, parts: Mapping[str, Stateful]
) -> Progress:
    """Take a run up again; ``ValueError`` if the file belongs to another run.

    Steps, and with them the learning rate, are counted for one number of processes:
    another one would end too early or too late. What a config of an older version does not say is
    as it was then: off, or at its default.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, KeyError, pickle.UnpicklingError) as error:
        first = str(error).partition("\n")[0]
        raise ValueError(
            f"{path}: cannot be read ({first}); delete it to start the run again"
        ) from None
    if not isinstance(state, dict) or not {"config", "epoch", "step", *parts} <= state.keys():
        raise ValueError(
            f"{path}: expected the state of a run, got something else; delete it to start the run"
            " again"
        )
    if _read(state["config"]) != config:
        raise ValueError(
            f"{path}: belongs to a run with another config; give the run another `out`, or delete"
            " the file to start again"
        )
    before = state.get("processes", processes)  # older versions did not say
    if before != processes:
        raise ValueError(
            f"{path}: belongs to a run of {before} processes, expected to go on with as many, got"
            f" {processes}; start it with torchrun --nproc-per-node {before}, or give the run"
            " another `out` and this one's checkpoint as initialise_from"
        )
    try:
        for name, part in parts.items():
            part.load_state_dict(state[name])
    except (RuntimeError, ValueError, KeyError, TypeError) as error:  # of names, shapes, groups
        first = str(error).partition("\n")[0]
        raise ValueError(
            f"{path}: belongs to another network than the run's `model` says now ({first}); give"
            " the run another `out`, or delete the file to start again"
        ) from None
    # older versions did not keep the losses
    return Progress(state["epoch"], state["step"], state.get("trained", 0), state.get("sums", {}))


def _read(config_json: str) -> TrainConfig | None:
    """The config that was written down; None if it is none of this version."""
    try:
        return TrainConfig.model_validate_json(config_json)
    except ValidationError:
        return None
