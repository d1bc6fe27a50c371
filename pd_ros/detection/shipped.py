"""The detectors that come with pd_ros, by name."""

from pathlib import Path

_WEIGHTS = Path(__file__).parents[1] / "weights"


def shipped_names() -> list[str]:
    """Names of the checkpoints that come with pd_ros, such as ``sim_student``."""
    return sorted(path.stem for path in _WEIGHTS.glob("*.safetensors"))


def find_checkpoint(path: Path | str) -> Path:
    """Return the file meant by a path, or by the name of a checkpoint that comes with pd_ros.

    A file of that name goes first. What is neither is returned as it is: reading it says so.
    """
    asked = Path(path)
    if not asked.exists() and str(asked) in shipped_names():
        return _WEIGHTS / f"{asked}.safetensors"
    return asked
