"""Describe the machine of a benchmark, and the most that it could have given."""

import os
import platform
import time
from pathlib import Path

import numpy as np
import torch

# Instruction sets that decide how fast a network runs, as Linux names them.
_INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "bf16")
_MATRIX = 1024
_REPEATS = 12


def describe_machine() -> dict[str, object]:
    """Processor, GPUs, system, versions, and what else the machine was doing."""
    processor = _processor()
    flags = processor.get("flags", processor.get("Features", "")).split()
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "cpu": processor.get("model name", platform.processor() or platform.machine()),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "instruction_sets": [name for name in _INSTRUCTION_SETS if name in flags],
        "gpus": gpus,
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY"),
        "gomp_spincount": os.environ.get("GOMP_SPINCOUNT"),
        "load_average": os.getloadavg()[0],
    }


def matrix_peak_gflops(device: torch.device, precision: torch.dtype) -> float:
    """1e9 operations per second (2 for each multiply-add) of the fastest of some products."""
    size = _MATRIX if device.type == "cpu" else 8 * _MATRIX
    a = torch.ones(size, size, dtype=precision, device=device)
    times = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        torch.mm(a, a)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - began)
    return 2e-9 * size**3 / float(np.min(times))


def _processor() -> dict[str, str]:
    """Fields of the first processor in Linux' list; elsewhere none."""
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return {}
    first = path.read_text(encoding="utf-8").split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
