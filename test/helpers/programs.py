"""Which modules are programs."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def programs() -> Iterator[str]:
    """Every module that is a program, as ``python -m`` takes it."""
    for path in [*ROOT.glob("pd_ros/**/*.py"), *ROOT.glob("training/**/*.py")]:
        if '\nif __name__ == "__main__":' in path.read_text():
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__main__").replace("pd_ros.commands.", "pd_ros.")
