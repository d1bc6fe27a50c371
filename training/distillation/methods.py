"""The table of distillation methods, and the sum of those that a run uses."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pd_ros.detection.families import AnyModel
from training.config.base import MethodConfig
from training.config.distillation import DistillConfig
from training.distillation.feature.attention import Attention, AttentionGuided
from training.distillation.feature.contrast import Contrast
from training.distillation.feature.gid import GidFeature, GidResponse
from training.distillation.feature.imitation import FineGrained, FitNets, Mimic
from training.distillation.feature.local import PointLocal, build_local, same_nodes
from training.distillation.feature.overhaul import Overhaul
from training.distillation.feature.region_pairs import RegionPairs
from training.distillation.feature.regions import build_feature, comparable_necks
from training.distillation.feature.similarity import Similarity
from training.distillation.initialise.requirements import copyable_weights
from training.distillation.labels.label_assignment import TeacherAssignment
from training.distillation.labels.pseudo_labels import unlabelled_sources
from training.distillation.labels.teacher_labels import known_classes
from training.distillation.method import (
    AnyDistillLoss,
    BevPair,
    ConfigPair,
    DistillBatch,
    DistillLossOf,
    Method,
    PointDistillBatch,
    PointPair,
    pair_of,
)
from training.distillation.response.anchor_terms import AnchorLogit, AnchorRegression
from training.distillation.response.consistency import Consistency
from training.distillation.response.logit import Hinton, Logit, RankDistribution
from training.distillation.response.regression import Regression


def _of_config(loss: type[Any]) -> Method:
    return Method(loss.requires, lambda config, _pair, _teacher: loss(config))


def _of_pair(loss: type[Any]) -> Method:
    return Method(loss.requires, lambda config, pair, _teacher: loss(config, pair))


# All methods by the networks that they work with and by their names in the config. A new one is
# its own file, its config with a field of ``DistillConfig``, and a row here.
METHODS: dict[type[BevPair | PointPair | ConfigPair], dict[str, Method]] = {
    BevPair: {
        "local": Method((same_nodes,), lambda config, pair, _teacher: build_local(config, pair)),
        "logit": _of_config(Logit),
        "rank_distribution": _of_config(RankDistribution),
        "regression": _of_config(Regression),
        "feature": Method(
            (comparable_necks,), lambda config, pair, _teacher: build_feature(config, pair)
        ),
        "hinton": _of_config(Hinton),
        "fitnets": _of_pair(FitNets),
        "attention": _of_config(Attention),
        "similarity": _of_config(Similarity),
        "contrast": _of_pair(Contrast),
        "overhaul": Method(Overhaul.requires, Overhaul),
        "attention_guided": _of_pair(AttentionGuided),
        "consistency": _of_pair(Consistency),
        "gid_response": _of_pair(GidResponse),
        "gid_feature": _of_pair(GidFeature),
        "mimic": _of_pair(Mimic),
        "fine_grained": _of_pair(FineGrained),
        "region_pairs": _of_pair(RegionPairs),
        "anchor_logit": _of_pair(AnchorLogit),
        "anchor_regression": Method(
            AnchorRegression.requires, lambda _config, _pair, _teacher: AnchorRegression()
        ),
        "assignment": Method(TeacherAssignment.requires),
        "initialise": Method((copyable_weights,)),
    },
    PointPair: {"local": _of_pair(PointLocal)},
    ConfigPair: {  # boxes are boxes, whoever finds them
        "labels": Method((known_classes,)),
        "unlabelled": Method((unlabelled_sources,)),
    },
}


def methods_for(pair: ConfigPair) -> dict[str, Method]:
    """The methods that can work for two networks, by name."""
    return METHODS[type(pair_of(pair))] | METHODS[ConfigPair]


def build_losses(
    config: DistillConfig, pair: ConfigPair, teacher: AnyModel
) -> dict[str, AnyDistillLoss]:
    """The losses of the methods that are on, with fresh adapters, by the methods' names.

    Of two networks of different kinds there are none.
    """
    same = pair_of(pair)
    return {
        name: method.loss(getattr(config, name), same, teacher)
        for name, method in methods_for(pair).items()
        if method.loss is not None and getattr(config, name) is not None
    }


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
