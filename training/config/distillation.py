"""The ``distill:`` part of a run: a teacher, and the methods that are on."""

from typing import Literal, Self

from pydantic import model_validator

from pd_ros.detection.config.base import FrozenConfig
from training.config.base import MethodConfig
from training.config.compared import (
    AssignmentConfig,
    AttentionConfig,
    AttentionGuidedConfig,
    ConsistencyConfig,
    ContrastConfig,
    FineGrainedConfig,
    FitNetsConfig,
    GidFeatureConfig,
    GidResponseConfig,
    HintonConfig,
    MimicConfig,
    OverhaulConfig,
    RegionPairsConfig,
    SimilarityConfig,
)
from training.config.point import LocalConfig, UnlabelledConfig
from training.config.sparse import (
    AnchorLogitConfig,
    AnchorRegressionConfig,
    FeatureConfig,
    InitialiseConfig,
    LabelConfig,
    LogitConfig,
    RankDistributionConfig,
    RegressionConfig,
)


class DistillConfig(FrozenConfig):
    """A teacher and the methods by which the student learns from it; those not named are off.

    ``{}`` switches a method on with its defaults.
    """

    teacher: str  # checkpoint
    # Its batch norm: running statistics, or, as both papers' code has it, those of each batch.
    teacher_norm: Literal["running", "batch"] = "running"
    local: LocalConfig | None = None
    logit: LogitConfig | None = None
    rank_distribution: RankDistributionConfig | None = None
    regression: RegressionConfig | None = None
    anchor_logit: AnchorLogitConfig | None = None
    anchor_regression: AnchorRegressionConfig | None = None
    feature: FeatureConfig | None = None
    hinton: HintonConfig | None = None
    fitnets: FitNetsConfig | None = None
    attention: AttentionConfig | None = None
    similarity: SimilarityConfig | None = None
    contrast: ContrastConfig | None = None
    overhaul: OverhaulConfig | None = None
    attention_guided: AttentionGuidedConfig | None = None
    consistency: ConsistencyConfig | None = None
    gid_response: GidResponseConfig | None = None
    gid_feature: GidFeatureConfig | None = None
    mimic: MimicConfig | None = None
    fine_grained: FineGrainedConfig | None = None
    region_pairs: RegionPairsConfig | None = None
    labels: LabelConfig | None = None
    assignment: AssignmentConfig | None = None
    unlabelled: UnlabelledConfig | None = None
    initialise: InitialiseConfig | None = None

    @property
    def chosen(self) -> dict[str, FrozenConfig]:
        """Settings of all methods that are on, by name."""
        fields = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: each for name, each in fields if isinstance(each, FrozenConfig)}

    @property
    def methods(self) -> dict[str, MethodConfig]:
        """Settings of the methods that have a term in the loss, by name."""
        chosen = self.chosen.items()
        return {name: each for name, each in chosen if isinstance(each, MethodConfig)}

    @property
    def teaches(self) -> bool:
        """Whether the teacher is asked in every step, not only before the first."""
        return bool(self.methods or self.labels or self.assignment or self.unlabelled)

    @model_validator(mode="after")
    def _teaches_something(self) -> Self:
        if self.labels and self.assignment:
            raise ValueError(
                "labels, assignment: both say where objects are learnt; switch one off"
            )
        if not self.teaches and self.initialise is None:
            raise ValueError(
                "names a teacher, but no method; switch one on, for example `logit: {}` and"
                " `regression: {}`"
            )
        return self
