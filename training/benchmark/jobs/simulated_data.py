"""Simulated sweeps that a suite trains and is scored on."""

import subprocess
import sys
from pathlib import Path

from training.benchmark.suite import SuiteConfig


def make_sweeps(suite: SuiteConfig, workers: int) -> None:
    """Simulate what is missing; ``ValueError`` if that fails."""
    for folder, wanted in suite.simulate.items():
        if len(list(Path(folder).glob("*.npz"))) >= wanted.count:
            continue
        command = [sys.executable, "-m", "training.simulate", "frames", "--out", folder]
        command += ["--count", str(wanted.count), "--seed", str(wanted.seed)]
        ended = subprocess.run([*command, "--workers", str(workers)], check=False)
        if ended.returncode:
            raise ValueError(f"simulate.{folder}: could not be made, see above; make it by hand")
