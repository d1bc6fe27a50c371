"""What the configs of all methods of distillation share."""

from typing import Literal, Self

from pydantic import model_validator

from pd_ros.detection.frozen_config import FrozenConfig, Probability
from training.bounds import Weight

Tap = Literal["stages", "neck"]  # maps of ModelOutput


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
