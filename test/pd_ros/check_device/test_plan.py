"""The plan names what is there."""

import inspect
from importlib import import_module

import pytest
from programs import ROOT

from pd_ros.benchmark.inputs import find_model
from pd_ros.check_device.check import Setting
from pd_ros.check_device.plan import NETWORKS, PARTS, all_checks, default_networks
from pd_ros.detection.checkpoint import read_config
from pd_ros.detection.config.parts import SparseEncoderConfig
from pd_ros.detection.config.point_rcnn import PointRcnnConfig
from pd_ros.detection.families import load_model_config

NAMES = [network.name for network in NETWORKS]


def test_every_module_has_a_check_and_every_check_is_in_the_plan() -> None:
    modules = {check.module for check in all_checks(NAMES)}
    for module in modules:
        parameters = inspect.signature(import_module(module).check).parameters
        assert [each.annotation for each in parameters.values()] == [Setting], module
    files = (ROOT / "pd_ros/check_device/checks").glob("*.py")
    there = {f"pd_ros.check_device.checks.{path.stem}" for path in files}
    assert modules == (there - {"pd_ros.check_device.checks.__init__"}) | {
        "training.benchmark.check_steps"
    }


@pytest.mark.parametrize("network", NETWORKS, ids=NAMES)
def test_networks_are_what_they_are_said_to_be(network) -> None:
    path = find_model(network.name)
    config = load_model_config(path) if path.suffix == ".yaml" else read_config(path)
    assert (path.suffix == ".safetensors") == network.trained
    sparse = isinstance(getattr(config, "encoder", None), SparseEncoderConfig)
    raw = isinstance(config, PointRcnnConfig)
    assert network.kind == ("points" if raw else "voxels" if sparse else "pillars")
    assert ("spconv" in network.needs) == sparse


def test_each_kind_of_device_has_networks_of_each_kind() -> None:
    for device in ("cuda", "cpu"):
        chosen = [network for network in NETWORKS if network.name in default_networks(device)]
        assert {network.kind for network in chosen} == {"pillars", "voxels", "points"}
        assert any(network.trained for network in chosen)


def test_a_network_has_the_checks_that_suit_it() -> None:
    assert [check.name for check in all_checks([])] == ["driver", "nms"]
    student = [check.part for check in all_checks(["real_student"])][2:]
    assert student == [part.name for part in PARTS]
    points = [check.part for check in all_checks(["point_rcnn"])][2:]
    assert points == ["boxes", "latency", "training"]
    assert len({check.name for check in all_checks(NAMES)}) == len(all_checks(NAMES)) > 40
