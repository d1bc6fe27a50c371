"""Settings of learning from clouds without labels."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from pd_ros.detection.frozen_config import FrozenConfig, Probability


class UnlabelledConfig(FrozenConfig):
    """The teacher's boxes are the labels of sources with ``labelled: false``."""

    keep: Probability = 0.7  # a box of this chance of being right, or more, is an object
    ignore: Probability = 0.3  # one of this chance or more is neither object nor background
    # Labelled sweeps on which scores are turned into chances; 0: scores are taken for chances.
    calibration_sweeps: Annotated[int, Field(ge=0)] = 100

    @model_validator(mode="after")
    def _band(self) -> Self:
        if self.ignore > self.keep:
            raise ValueError(f"ignore: expected at most keep ({self.keep}), got {self.ignore}")
        return self
