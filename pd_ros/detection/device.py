"""Choose a network's device and precision."""

import platform
import time
from pathlib import Path
from typing import Any

import torch

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(name: str) -> torch.device:
    """``auto`` (GPU where there is one), ``cpu``, ``cuda:0`` ...; ``ValueError`` for others."""
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"device: expected auto, cpu or cuda:N, got {name!r}") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device: {name!r} was asked for, but torch sees no GPU; use cpu or auto, or install"
            " the CUDA build of torch"
        )
    return device


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Type for inference: ``auto`` (the fastest of the device), ``fp32``, ``bf16`` or ``fp16``.

    Raises ``ValueError`` for other names.
    """
    if name == "auto":
        if device.type == "cuda":
            return torch.float16
        return torch.bfloat16 if has_bf16(device) else torch.float32
    if name not in PRECISIONS:
        raise ValueError(f"precision: expected auto or one of {list(PRECISIONS)}, got {name!r}")
    return PRECISIONS[name]


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bf16 in hardware; emulated, it is many times slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if platform.system() != "Linux":
        return False
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    return "amx_bf16" in flags or "avx512_bf16" in flags


def training_format(device: torch.device) -> torch.memory_format:
    """Layout of maps in which the device trains fastest.

    Tensor cores and AMX want channels last; without them a CPU's backward pass in fp32 is a fifth
    slower that way.
    """
    return torch.channels_last if has_bf16(device) else torch.contiguous_format


class StageClock:
    """Marks the ends of a call's stages; to be made just before it.

    On a GPU with events, which cost nothing until they are read.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._on_gpu = device.type == "cuda"
        self._marks: list[tuple[str, Any]] = []  # seconds, or on a GPU events
        self.mark("")

    def mark(self, stage: str) -> None:
        """Say that a stage ends here."""
        now: Any = time.perf_counter()
        if self._on_gpu:
            now = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            now.record(torch.cuda.current_stream(self._device))  # maybe of a second GPU
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
