"""The most memory that something took: of the GPU, or of this process where there is none."""

from pathlib import Path

import torch

_PROCESS = Path("/proc/self")
_RESET_PEAK = "5"  # what proc(5) wants written to clear_refs for it


class PeakMemory:
    """The highest point above where memory stood when this was made.

    On a GPU what torch allocated; on a CPU the pages of this process, which tell of one network
    only if no other has run in it. Libraries that are loaded meanwhile count, too.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before = self._reset()

    def mb(self) -> float | None:
        """1e6 bytes so far; None on a CPU whose system does not say."""
        if self._before is None:
            return None
        gpu = self._device.type == "cuda"
        peak = torch.cuda.max_memory_allocated(self._device) if gpu else _resident("VmHWM")
        return (peak - self._before) / 1e6

    def _reset(self) -> int | None:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            return torch.cuda.memory_allocated(self._device)
        try:
            (_PROCESS / "clear_refs").write_text(_RESET_PEAK, encoding="ascii")
        except OSError:
            return None
        return _resident("VmRSS")


def _resident(field: str) -> int:
    """Bytes of a field of the process' status."""
    lines = (_PROCESS / "status").read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
