"""How long the stages of one call take, on the device, without waiting for it."""

import time
from typing import Any

import torch


class StageClock:
    """Marks the ends of a call's stages; to be made just before it.

    On a GPU with events, which cost nothing until they are read.
    """

    def __init__(self, device: torch.device) -> None:
        self._on_gpu = device.type == "cuda"
        self._marks: list[tuple[str, Any]] = []  # seconds, or on a GPU events
        self.mark("")

    def mark(self, stage: str) -> None:
        """Say that a stage ends here."""
        now: Any = time.perf_counter()
        if self._on_gpu:
            now = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            now.record()
        self._marks.append((stage, now))

    def read_ms(self) -> dict[str, float]:
        """Milliseconds by stage, of those that have ended; call it when the results are there."""
        pairs = zip(self._marks[:-1], self._marks[1:], strict=True)
        if not self._on_gpu:
            return {name: 1000 * (end - start) for (_, start), (name, end) in pairs}
        return {
            name: float(start.elapsed_time(end))
            for (_, start), (name, end) in pairs
            if end.query()
        }
