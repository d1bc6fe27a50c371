"""How long each stage of one call takes."""

import time
from typing import NamedTuple

import torch


class Stage(NamedTuple):
    """One stage of a detector."""

    name: str
    ms: float


class StageClock:
    """Notes how long each stage of one call took; to be made just before it."""

    def __init__(self, device: torch.device) -> None:
        self.stages: list[Stage] = []
        self._device = device
        self._before = time.perf_counter()

    def __call__(self, stage: str) -> None:
        """Note that a stage is done, on the device, too."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        self.stages.append(Stage(stage, 1000 * (now - self._before)))
        self._before = now
