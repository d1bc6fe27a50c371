"""Transitions of the node, in this process."""

import threading
import weakref

import pytest
import torch
from small_model import small_config

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")

from live_node import Client, call_on, cloud
from node_here import POINTS, node_here, set_parameter
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter

from pd_ros.detection.checkpoint import save_checkpoint
from pd_ros.detection.families import build_model
from pd_ros.ros.execution.timers import spinning

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


def test_goes_through_all_transitions_twice(node) -> None:
    for _ in range(2):
        assert node.trigger_configure() == SUCCESS
        assert node.has_parameter("postprocess.score_threshold.car")
        assert node.trigger_activate() == SUCCESS
        assert node.trigger_deactivate() == SUCCESS
        assert node.trigger_cleanup() == SUCCESS
        assert node.predictor is None


def test_what_was_set_for_a_class_is_kept_over_a_new_configuration(node) -> None:
    kept = {"postprocess.score_threshold.car": 0.75, "postprocess.class_map.car": "vehicle"}
    node.trigger_configure()
    for name, value in kept.items():
        set_parameter(node, name, value)
    node.trigger_cleanup()
    set_parameter(node, "postprocess.class_map.pedestrian", "drop")  # without a configuration
    assert node.trigger_configure() == SUCCESS
    assert {name: node.get_parameter(name).value for name in kept} == kept
    assert node.engine.settings.score_thresholds == ((0.75,), (0.3,))
    assert node.engine.settings.names == ("vehicle", "")


def test_another_model_may_be_set_without_a_configuration(node, tmp_path, capfd) -> None:
    other = save_of_classes(tmp_path / "trucks.safetensors", "Truck", "Pedestrian")
    node.trigger_configure()
    set_parameter(node, "postprocess.score_threshold.car", 0.5)
    set_parameter(node, "postprocess.score_threshold.pedestrian", 0.6)
    change = Parameter("model.checkpoint", value=str(other))
    assert "read-only while configured; deactivate" in node.set_parameters([change])[0].reason
    node.trigger_cleanup()
    set_parameter(node, "model.checkpoint", str(other))
    assert node.trigger_configure() == SUCCESS
    assert node.predictor.config.classes == ("Truck", "Pedestrian")
    assert node.engine.settings.score_thresholds == ((0.3,), (0.6,))
    assert not node.has_parameter("postprocess.score_threshold.car")
    assert "postprocess.score_threshold.car: 0.5 is forgotten" in capfd.readouterr().err


def save_of_classes(path, *classes):
    """A small model of other classes; returns its file."""
    torch.manual_seed(4)
    config = small_config(classes=classes)
    save_checkpoint(path, build_model(config), config, {})
    return path


CAR, VEHICLE = (f"postprocess.score_threshold.{name}" for name in ("car", "vehicle"))


def test_what_was_given_for_a_class_at_the_start_does_not_bind_the_next_model(
    checkpoint, tmp_path, capfd
) -> None:
    other = save_of_classes(tmp_path / "other.safetensors", "vehicle", "person")
    with node_here(checkpoint, f"{CAR}:=0.45") as node:
        assert node.trigger_configure() == SUCCESS
        assert node.get_parameter(CAR).value == 0.45
        node.trigger_cleanup()
        set_parameter(node, "model.checkpoint", str(other))
        assert node.trigger_configure() == SUCCESS
        assert not node.has_parameter(CAR)
        assert node.engine.settings.score_thresholds == ((0.3,), (0.3,))
        assert f"{CAR}: 0.45 is forgotten" in capfd.readouterr().err


def test_a_configuration_that_fails_changes_no_parameter(checkpoint, tmp_path) -> None:
    other = save_of_classes(tmp_path / "other.safetensors", "vehicle", "person")
    nothing = {"open_transforms": lambda _node, _report: None}
    with node_here(checkpoint, f"{CAR}:=0.45", **nothing) as node:
        assert node.trigger_configure() == SUCCESS
        node.trigger_cleanup()
        before = {name: p.value for name, p in node.get_parameters_by_prefix("").items()}
        change = {"model.checkpoint": str(other), "output.frame_id": "map"}
        for name, value in change.items():
            set_parameter(node, name, value)
        assert node.trigger_configure() == FAILURE  # there is no tf2 for the frame
        after = {name: p.value for name, p in node.get_parameters_by_prefix("").items()}
        assert after == before | change


@pytest.mark.parametrize("given", [f"{CAR}:=high", f"{VEHICLE}:=0.5"])
def test_bad_parameters_of_classes_at_the_start_leave_nothing_behind(
    checkpoint, capfd, given
) -> None:
    with node_here(checkpoint, given) as node:
        topics = len(list(node.publishers))
        assert node.trigger_configure() == FAILURE
        assert f"parameter {given.partition(':')[0]}: " in capfd.readouterr().err
        assert not node.has_parameter(CAR)
        assert node.predictor is None
        assert len(list(node.publishers)) == topics


def test_a_name_for_the_topics_that_is_none_is_refused_in_one_short_line(
    checkpoint, capfd
) -> None:
    with node_here(checkpoint, f"postprocess.class_map.car:={'v' * 10_000}") as node:
        assert node.trigger_configure() == FAILURE
    log = capfd.readouterr().err
    assert "a name has 1 to 100 characters, got 10000" in log
    assert len(log) < 500


def test_a_bad_checkpoint_can_be_replaced_and_configured_again(node, checkpoint, tmp_path) -> None:
    whole = checkpoint.read_bytes()
    try:
        checkpoint.write_bytes(whole[:100])
        assert node.trigger_configure() == FAILURE
        assert node.predictor is None
    finally:
        checkpoint.write_bytes(whole)
    assert node.trigger_configure() == SUCCESS


def test_nothing_is_answered_while_inactive(node) -> None:
    node.trigger_configure()
    client = Client(node.get_namespace())
    with spinning(node) as executor, spinning(client):
        client.send(cloud(POINTS, 1))
        call_on(executor, node.trigger_activate)
        client.wait_until_heard()
        client.ask(cloud(POINTS, 2))
        call_on(executor, node.trigger_deactivate)
        client.send(cloud(POINTS, 3))
        call_on(executor, node.trigger_activate)
        client.wait_until_heard()
        client.ask(cloud(POINTS, 4))
    assert [answer.header.stamp.sec for answer in client.answers] == [2, 4]


def test_after_cleanup_the_model_is_gone(node) -> None:
    node.trigger_configure()
    node.trigger_activate()
    gone = threading.Event()
    weakref.finalize(node.predictor, gone.set)
    node.trigger_deactivate()
    node.trigger_cleanup()
    assert gone.is_set()


def test_what_a_transition_raises_is_logged_and_it_can_be_tried_again(
    node, monkeypatch, capfd
) -> None:
    def broken(setup):
        raise KeyError("injected")

    with monkeypatch.context() as patch:
        patch.setattr("pd_ros.runtime.model_loading.load_detector", broken)
        assert node.trigger_configure() == TransitionCallbackReturn.ERROR
    log = capfd.readouterr().err
    assert "configure failed:" in log
    assert "KeyError: 'injected'" in log
    assert node.statistics.read().events == {"callback failed": 1}
    assert node.trigger_configure() == SUCCESS


def test_what_configure_refuses_it_refuses_again_with_the_same_words(checkpoint, capfd) -> None:
    nothing = {"open_transforms": lambda _node, _report: None}
    with node_here(checkpoint, "output.frame_id:=map", **nothing) as node:
        for _ in range(2):
            assert node.trigger_configure() == FAILURE
            assert "output.frame_id: needs tf2_ros" in capfd.readouterr().err
