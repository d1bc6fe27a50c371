"""The table of methods against the config that switches them on."""

import pytest
from small_model import small_config, small_point_config

from training.config.base import MethodConfig
from training.config.distillation import DistillConfig
from training.distillation.method import BevPair, ConfigPair, PointPair, pair_of
from training.distillation.methods import METHODS, methods_for

EVERYTHING = {
    name: {} for name in DistillConfig.model_fields if name not in ("teacher", "teacher_norm")
}


def test_every_method_of_the_config_has_a_row_for_bev_detectors() -> None:
    pair = ConfigPair(small_config(), small_config())
    assert methods_for(pair).keys() == EVERYTHING.keys()


@pytest.mark.parametrize("methods", METHODS.values(), ids=lambda methods: ", ".join(methods)[:20])
def test_what_has_a_weight_has_a_loss_and_nothing_else(methods) -> None:
    given = {name: each for name, each in EVERYTHING.items() if name != "assignment"}
    chosen = (
        DistillConfig(teacher="t", **given).chosen
        | DistillConfig(teacher="t", assignment={}).chosen
    )
    for name, method in methods.items():
        assert (method.loss is not None) == isinstance(chosen[name], MethodConfig)


def test_networks_of_two_kinds_are_no_pair_of_one() -> None:
    bev, points = small_config(), small_point_config()
    assert isinstance(pair_of(ConfigPair(bev, bev)), BevPair)
    assert isinstance(pair_of(ConfigPair(points, points)), PointPair)
    assert type(pair_of(ConfigPair(bev, points))) is ConfigPair
    assert list(methods_for(ConfigPair(bev, points))) == ["labels", "unlabelled"]
