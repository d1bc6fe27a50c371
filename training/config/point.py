"""Settings of PointDistiller (Zhang et al. 2023)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pd_ros.detection.config.base import FrozenConfig, PositiveInt, Probability
from training.config.base import MethodConfig, Positive


class LocalConfig(MethodConfig):
    """Reweighted local distillation; defaults: the released 4x PointPillars.

    SECOND: ``tap: stages, nodes: 256, temperature: 1.0e-4``; PointPillars of nuScenes:
    ``tap: neck, nodes: 256, width: 64, temperature: 1.0e-4``; PointRCNN, whose nodes are points:
    ``tap: points, width: 45`` (16x: 32) ``, temperature: 1.0e-3``.
    """

    tap: Literal["pillars", "stages", "neck", "points"] = "pillars"
    stages: tuple[Annotated[int, Field(ge=0)], ...] = (0, 1)  # which ones, with tap: stages
    nodes: PositiveInt = 6000  # the most important ones of each graph's scene
    neighbours: PositiveInt = 128  # of each, itself among them
    width: PositiveInt = 32  # channels in which the graphs are compared
    temperature: Positive = (
        0.01  # of the importance in points per pillar, or in the feature's unit
    )
    # Points of a pillar that count for its importance: those that it has room for, as in the
    # released code, where nearly all chosen pillars are full and tie; or all that lie in it.
    counted: Literal["held", "arrived"] = "held"
    # frozen: only the student's graph layer learns. Where both do, they can agree on nothing.
    teacher_layer: Literal["learnt", "frozen"] = "learnt"
    # paper: a scene's nodes weigh by the softmax of their importance; off: all alike. released: as
    # the released code does, which is the paper's for pillars, the batch size for stages, 1 else.
    reweight: Literal["paper", "released", "off"] = "paper"
    # released: pillars of all scenes of a batch make one graph of ``nodes`` in all.
    batch_mixing: Literal["none", "released"] = "none"

    @model_validator(mode="after")
    def _only_pillars_mix(self) -> Self:
        if self.batch_mixing == "released" and self.tap != "pillars":
            raise ValueError(
                f"batch_mixing: released mixes pillars only, tap is {self.tap}; remove it"
            )
        if self.counted == "arrived" and self.tap != "pillars":
            raise ValueError(
                f"counted: arrived counts points of pillars, tap is {self.tap}; remove it"
            )
        return self


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
