"""Transitions of the node, in this process."""

import threading
import weakref

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")

from live_node import Client, call_on, cloud
from node_here import POINTS, node_here
from rclpy.lifecycle import TransitionCallbackReturn

from pd_ros.spinning import spinning

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


def test_goes_through_all_transitions_twice(node) -> None:
    for _ in range(2):
        assert node.trigger_configure() == SUCCESS
        assert node.has_parameter("postprocess.score_threshold.car")
        assert node.trigger_activate() == SUCCESS
        assert node.trigger_deactivate() == SUCCESS
        assert node.trigger_cleanup() == SUCCESS
        assert node.predictor is None
        assert not node.has_parameter("postprocess.score_threshold.car")


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
        patch.setattr("pd_ros.loading.load_detector", broken)
        assert node.trigger_configure() == TransitionCallbackReturn.ERROR
    log = capfd.readouterr().err
    assert "configure failed:" in log
    assert "KeyError: 'injected'" in log
    assert node.trigger_configure() == SUCCESS


def test_what_configure_refuses_it_refuses_again_with_the_same_words(checkpoint, capfd) -> None:
    nothing = {"open_transforms": lambda _node: None}
    with node_here(checkpoint, "output.frame_id:=map", **nothing) as node:
        for _ in range(2):
            assert node.trigger_configure() == FAILURE
            assert "output.frame_id: needs tf2_ros" in capfd.readouterr().err
