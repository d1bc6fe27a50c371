"""All methods of a run together: which terms there are, and what they add up to."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pd_ros.detection.bev.detector import BevDetector
from pd_ros.detection.families import AnyModel
from training.config.base import MethodConfig
from training.config.distillation import DistillConfig
from training.distillation.feature.attention import Attention
from training.distillation.feature.attention_guided import AttentionGuided
from training.distillation.feature.contrast import Contrast
from training.distillation.feature.fine_grained import FineGrained
from training.distillation.feature.fitnets import FitNets
from training.distillation.feature.gid import GidFeature, GidResponse
from training.distillation.feature.local import PointLocal, build_local
from training.distillation.feature.mimic import Mimic
from training.distillation.feature.overhaul import Overhaul
from training.distillation.feature.regions import build_feature
from training.distillation.feature.similarity import Similarity
from training.distillation.method import (
    BevPair,
    ConfigPair,
    DistillBatch,
    DistillLoss,
    DistillLossOf,
    PointDistillBatch,
    PointDistillLoss,
    pair_of,
)
from training.distillation.response.anchor_terms import AnchorLogit, AnchorRegression
from training.distillation.response.consistency import Consistency
from training.distillation.response.hinton import Hinton
from training.distillation.response.logit import Logit
from training.distillation.response.rank_distribution import RankDistribution
from training.distillation.response.regression import Regression

AnyDistillLoss = DistillLoss | PointDistillLoss


def build_losses(
    config: DistillConfig, pair: ConfigPair, teacher: AnyModel
) -> dict[str, AnyDistillLoss]:
    """The terms of the methods that are on, with fresh adapters, by the methods' names.

    Of two networks on raw points only ``local`` has one, of two of different kinds none.
    """
    same = pair_of(pair)
    if isinstance(same, BevPair):
        assert isinstance(teacher, BevDetector)
        return dict(_terms_from_above(config, same, teacher))
    if same is None or config.local is None:
        return {}
    return {"local": PointLocal(config.local, same)}


def _terms_from_above(
    config: DistillConfig, pair: BevPair, teacher: BevDetector
) -> dict[str, DistillLoss]:
    c = config
    terms: dict[str, DistillLoss | None] = {
        "local": build_local(c.local, pair) if c.local else None,
        "logit": Logit(c.logit) if c.logit else None,
        "rank_distribution": (
            RankDistribution(c.rank_distribution) if c.rank_distribution else None
        ),
        "regression": Regression(c.regression) if c.regression else None,
        "feature": build_feature(c.feature, pair) if c.feature else None,
        "hinton": Hinton(c.hinton) if c.hinton else None,
        "fitnets": FitNets(c.fitnets, pair) if c.fitnets else None,
        "attention": Attention(c.attention) if c.attention else None,
        "similarity": Similarity(c.similarity) if c.similarity else None,
        "contrast": Contrast(c.contrast, pair) if c.contrast else None,
        "overhaul": Overhaul(c.overhaul, pair, teacher) if c.overhaul else None,
        "attention_guided": (
            AttentionGuided(c.attention_guided, pair) if c.attention_guided else None
        ),
        "consistency": Consistency(c.consistency, pair) if c.consistency else None,
        "gid_response": GidResponse(c.gid_response, pair) if c.gid_response else None,
        "gid_feature": GidFeature(c.gid_feature, pair) if c.gid_feature else None,
        "mimic": Mimic(c.mimic, pair) if c.mimic else None,
        "fine_grained": FineGrained(c.fine_grained, pair) if c.fine_grained else None,
        "anchor_logit": AnchorLogit(c.anchor_logit, pair) if c.anchor_logit else None,
        "anchor_regression": AnchorRegression() if c.anchor_regression else None,
    }
    return {name: term for name, term in terms.items() if term is not None}


class Distillation(nn.Module):
    """Terms with their settings. All of its parameters belong to adapters."""

    def __init__(
        self, terms: Mapping[str, AnyDistillLoss], settings: Mapping[str, MethodConfig]
    ) -> None:
        super().__init__()
        assert terms.keys() == settings.keys()
        self.terms = nn.ModuleDict(terms)
        self.settings = dict(settings)

    @property
    def members(self) -> dict[str, AnyDistillLoss]:
        """The terms by the names of their methods."""
        return {name: term for name, term in self.terms.items() if isinstance(term, DistillLossOf)}

    def forward(
        self, outputs: DistillBatch | PointDistillBatch, progress: float
    ) -> dict[str, Tensor]:
        """Terms before their weights that count after a share ``progress`` of the run."""
        outputs = outputs.with_constant_teacher()
        counting = [name for name, each in self.settings.items() if each.counts(progress)]
        return {name: self.terms[name](outputs) for name in counting}

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Weighted sum of terms; 0 of none."""
        weighted = [self.settings[name].weight * term for name, term in terms.items()]
        return sum(weighted[1:], start=weighted[0]) if weighted else torch.zeros(())
