"""Types that several configs of training share: bounded numbers, formats of data sets."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pd_ros.detection.config.base import FrozenConfig, Probability

Format = Literal["npz", "kitti", "nuscenes", "waymo", "recording"]

KEYS: Mapping[Format, tuple[str, ...]] = {
    "npz": ("labelled", "files", "only", "drives", "teacher_points"),
    "kitti": ("split", "hardest"),
    "nuscenes": ("split", "sweeps"),
    "waymo": ("split",),
    "recording": ("topic", "intensity_scale", "labelled"),
}
Weight = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


Tap = Literal["stages", "neck"]  # maps of ModelOutput


def formats_that_take(key: str) -> tuple[Format, ...]:
    """The formats that take a key; none: every format does."""
    return tuple(name for name, keys in KEYS.items() if key in keys)


class MethodConfig(FrozenConfig):
    """Weight of a method's term, and the part of the run in which it counts."""

    weight: Weight = 1.0
    begin: Probability = 0.0  # shares of the run's epochs: from the first one after ``begin`` ...
    end: Probability = 1.0  # ... to the last one before ``end``

    @model_validator(mode="after")
    def _part_is_not_empty(self) -> Self:
        if self.begin >= self.end:
            raise ValueError(f"begin: expected less than end ({self.end}), got {self.begin}")
        return self

    def counts(self, progress: float) -> bool:
        """Whether the term counts after a share of the run in [0, 1)."""
        return self.begin <= progress < self.end
