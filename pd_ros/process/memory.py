"""Memory that is freed stays with the process, ready for the next cloud, until cleanup."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Parameters of glibc's mallopt, and the largest threshold that it accepts.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGEST_THRESHOLD = 32 * 1024 * 1024
_NEVER_TRIM = 2**31 - 1


def keep_freed_memory() -> None:
    """Ask the allocator not to give megabyte buffers back to the kernel.

    Each cloud and each map of the network is such a buffer; by default it is mapped anew every
    time, and zeroing its pages costs as much time as the detector itself on some machines. All
    threads share one pool: the one that answers finds what the warm-up of another has freed,
    else it would take as much again; for that call it before there are threads. Does nothing
    where the C library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_THRESHOLD)
        mallopt(_M_TRIM_THRESHOLD, _NEVER_TRIM)
        mallopt(_M_ARENA_MAX, 1)


@contextmanager
def imports_without_gc() -> Iterator[None]:
    """Import torch, and what needs it, a fifth faster: without collecting garbage meanwhile.

    Modules live as long as the process; the collector would walk over all of them several times
    while they are made, and again whenever it runs later. So what exists at the end is never
    looked at again. Changes nothing where torch is there already.
    """
    if "torch" in sys.modules:
        yield
        return
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def give_back_memory() -> None:
    """Give all freed memory back: to the kernel, and a GPU's to the GPU."""
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
    torch = sys.modules.get("torch")  # if it was never imported, it holds nothing
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def resident_kb(pid: str) -> int:
    """Memory that a process (or ``self``) takes; 0 where the system does not say."""
    status = Path("/proc") / pid / "status"
    if not status.is_file():
        return 0
    lines = status.read_text(encoding="ascii", errors="replace").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)
