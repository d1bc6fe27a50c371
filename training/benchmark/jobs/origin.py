"""Say of which commit and on which machine a result is."""

import subprocess
from functools import cache
from pathlib import Path

from pd_ros.benchmark.hardware import describe_machine

_HERE = Path(__file__).parents[3]


@cache
def commit() -> str:
    """The commit that is checked out, with ``+`` if files differ; "unknown" outside of git."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_HERE), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@cache
def machine() -> str:
    """Processor or GPUs, cores and torch's version on one line."""
    about = describe_machine()
    gpus = about["gpus"]
    assert isinstance(gpus, list)
    where = ", ".join(map(str, gpus)) or about["cpu"]
    return f"{where}, {about['cores']} cores, torch {about['torch']}"
