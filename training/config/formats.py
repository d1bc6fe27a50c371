"""The formats of data sets and the keys of a source that only some of them take.

The reader of each is a row in ``training.datasets.source``.
"""

from collections.abc import Mapping
from typing import Literal

Format = Literal["npz", "kitti", "nuscenes", "waymo", "recording"]

KEYS: Mapping[Format, tuple[str, ...]] = {
    "npz": ("labelled", "files", "only", "drives"),
    "kitti": ("split", "hardest"),
    "nuscenes": ("split", "sweeps"),
    "waymo": ("split",),
    "recording": ("topic", "intensity_scale", "labelled"),
}


def formats_that_take(key: str) -> tuple[Format, ...]:
    """The formats that take a key; none: every format does."""
    return tuple(name for name, keys in KEYS.items() if key in keys)
