"""Transitions, parameters and injected faults, with the node in this process."""

import os

import numpy as np
import pytest
import torch
from small_model import save_eager_model

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")

import rclpy
from live_node import Client, call_on, cloud
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter

from pd_ros.node import DetectorNode
from pd_ros.spinning import spinning

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
NAMESPACE = f"/test_lifecycle_{os.getpid()}"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_eager_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def node(checkpoint):
    arguments = ["--ros-args", "-r", f"__ns:={NAMESPACE}", "-p", f"model.checkpoint:={checkpoint}"]
    rclpy.init(args=[*arguments, "-p", "diagnostics.period:=0.2"])
    node = DetectorNode()
    try:
        yield node
    finally:
        node.close()
        rclpy.try_shutdown()


POINTS = np.random.default_rng(0).uniform(-2, 0.5, (300, 4)).astype(np.float32).clip(min=-2)
POINTS[:, 3] = 0.5


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
    client = Client(NAMESPACE)
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


def test_an_error_in_the_detector_gives_an_empty_answer_and_the_node_goes_on(node) -> None:
    node.trigger_configure()
    node.trigger_activate()
    works = node.predictor
    answerer = node.engine.answerer
    client = Client(NAMESPACE)
    with spinning(node), spinning(client):
        client.wait_until_heard()
        assert client.ask(cloud(POINTS, 1)).detections
        answerer.predictor = BrokenPredictor(works)
        assert not client.ask(cloud(POINTS, 2)).detections
        status = client.wait(lambda: next(s for s in client.statuses if "fail" in s.message))
        assert "1 clouds made the detector fail" in status.message
        answerer.predictor = works
        assert client.ask(cloud(POINTS, 3)).detections
    assert node.statistics.read().failed == 1


class BrokenPredictor:
    """Fails as a GPU does when its memory is full."""

    def __init__(self, works) -> None:
        self.config = works.config

    def __call__(self, points):
        raise torch.OutOfMemoryError("injected")


def test_parameters_change_what_the_next_cloud_gives(node) -> None:
    node.trigger_configure()
    node.trigger_activate()
    client = Client(NAMESPACE)
    with spinning(node), spinning(client):
        client.wait_until_heard()
        plain = client.ask(cloud(POINTS, 1)).detections
        assert len(plain) > 2
        set_parameter(node, "postprocess.max_detections", 2)
        assert len(client.ask(cloud(POINTS, 2)).detections) == 2
        set_parameter(node, "postprocess.score_threshold.default", 1.0)
        assert len(client.ask(cloud(POINTS, 3)).detections) == 0
        set_parameter(node, "postprocess.score_threshold.car", 0.0)
        names = {d.results[0].hypothesis.class_id for d in client.ask(cloud(POINTS, 4)).detections}
        assert names == {"car"}


def test_z_offset_moves_points_and_boxes_back(node) -> None:
    """A sensor half a metre lower and the offset that says so: boxes half a metre lower."""
    node.trigger_configure()
    node.trigger_activate()
    client = Client(NAMESPACE)
    with spinning(node), spinning(client):
        client.wait_until_heard()
        plain = client.ask(cloud(POINTS, 1)).detections
        set_parameter(node, "input.z_offset", 0.5)
        lower = client.ask(cloud(POINTS - np.float32([0, 0, 0.5, 0]), 2)).detections
    assert len(plain) == len(lower) > 0
    heights = [[d.bbox.center.position.z for d in found] for found in (plain, lower)]
    np.testing.assert_allclose(np.subtract(*heights), 0.5, atol=1e-3)


def set_parameter(node, name, value) -> None:
    result = node.set_parameters([Parameter(name, value=value)])[0]
    assert result.successful, result.reason


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("postprocess.max_detections", 0),
        ("postprocess.score_threshold.default", 1.5),
        ("postprocess.score_threshold.default", float("nan")),
        ("postprocess.score_threshold.car", -0.5),
        ("input.z_offset", "high"),
        ("model.device", "cuda:0"),
    ],
)
def test_nonsense_is_refused_with_a_reason_and_changes_nothing(node, name, value) -> None:
    node.trigger_configure()
    before = node.get_parameter(name).value
    result = node.set_parameters([Parameter(name, value=value)])[0]
    assert not result.successful
    assert result.reason
    assert node.get_parameter(name).value == before


def test_a_flood_is_answered_by_the_newest_and_every_cloud_is_accounted_for(node) -> None:
    node.trigger_configure()
    node.trigger_activate()
    client = Client(NAMESPACE)
    with spinning(node) as executor, spinning(client):
        client.wait_until_heard()
        for stamp in range(1, 41):
            client.send(cloud(POINTS, stamp))
        client.wait(lambda: next(a for a in client.answers if a.header.stamp.sec == 40))
        # The cloud in work is counted before this returns.
        call_on(executor, node.trigger_deactivate)
    counts = node.statistics.read()
    assert counts.received == counts.processed + counts.dropped
    stamps = [answer.header.stamp.sec for answer in client.answers]
    assert stamps == sorted(set(stamps))
