"""Transitions, parameters and injected faults, with the node in this process."""

import os
import threading
import weakref
from contextlib import contextmanager

import numpy as np
import pytest
import torch

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")

import rclpy
from live_node import PATIENCE_S, Client, call_on, cloud, heard
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter

from pd_ros.detector_node import LOST_DEVICE, DetectorNode
from pd_ros.frames import TransformError, rigid
from pd_ros.health import Level
from pd_ros.spinning import spinning

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
NAMESPACE = f"/test_lifecycle_{os.getpid()}"


@contextmanager
def active(node):
    """A client that is heard by a node, which is configured, activated and spins."""
    node.trigger_configure()
    node.trigger_activate()
    with spinning(node), heard(Client(NAMESPACE)) as client:
        yield client


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


INJECTED = {
    "raises": ([RuntimeError("injected")], "1 clouds made the detector fail", True),
    "out of memory twice": ([torch.OutOfMemoryError("injected")] * 2, "1 clouds made", True),
    "out of memory once": ([torch.OutOfMemoryError("injected")], "out of memory, 1 times", False),
    "the thread is ended": ([SystemExit("injected")], "1 clouds made the detector fail", True),
}


@pytest.mark.parametrize("case", INJECTED)
def test_a_fault_in_the_detector_is_answered_and_said_and_the_node_goes_on(node, case) -> None:
    errors, text, empty = INJECTED[case]
    with active(node) as client:
        assert client.ask(cloud(POINTS, 1)).detections
        worker = node.engine.worker._thread
        node.engine.answerer.predictor = FaultyPredictor(node.predictor, errors)
        assert bool(client.ask(cloud(POINTS, 2)).detections) != empty
        assert client.hear("detector", text).level == bytes([Level.ERROR.value])
        if case == "the thread is ended":
            client.wait(lambda: not worker.is_alive())
        assert client.ask(cloud(POINTS, 3)).detections
        restarted = node.statistics.read().events.get("worker restarted", 0)
        assert restarted == (case == "the thread is ended")
    assert node.statistics.read().failed == int(empty)


class FaultyPredictor:
    """Raises what it is told to, then works."""

    def __init__(self, works, errors) -> None:
        self._works, self._errors = works, list(errors)

    def __getattr__(self, name):
        return getattr(self._works, name)

    def __call__(self, points, done):
        if self._errors:
            raise self._errors.pop(0)
        return self._works(points, done)


def test_a_lost_gpu_ends_the_process_to_be_started_again(node, monkeypatch) -> None:
    node.trigger_configure()
    node.trigger_activate()
    lost = threading.Event()
    monkeypatch.setattr("pd_ros.engine.is_lost", lambda device: True)
    node.engine._on_lost_device = lost.set
    node.engine.answerer.predictor = FaultyPredictor(node.predictor, [RuntimeError("illegal")])
    with spinning(node), heard(Client(NAMESPACE)) as client:
        assert not client.ask(cloud(POINTS, 2)).detections
        assert lost.wait(PATIENCE_S)
    node._end_lost()
    assert node.exit_code == LOST_DEVICE
    assert not node.context.ok()


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
    arguments = ["--ros-args", "-r", f"__ns:={NAMESPACE}", "-p", f"model.checkpoint:={checkpoint}",
                 "-p", "output.frame_id:=map"]  # fmt: skip
    rclpy.init(args=arguments)
    try:
        node = DetectorNode(open_transforms=lambda _node: None)
        for _ in range(2):
            assert node.trigger_configure() == FAILURE
            assert "output.frame_id: needs tf2_ros" in capfd.readouterr().err
        node.close()
    finally:
        rclpy.try_shutdown()


class FakeTransforms:
    """Knows one frame, until it is closed."""

    def __init__(self) -> None:
        self.closed = False

    def lookup(self, target, source, stamp_ns, timeout_s):
        if (target, source) != ("base", "lidar_top"):
            raise TransformError(f"{target} from {source}: no such frame")
        return rigid((0, 0, 0.5), (0, 0, 0, 1))

    def close(self) -> None:
        self.closed = True


def test_a_cloud_without_a_transform_has_no_boxes_and_one_with_it_has(checkpoint) -> None:
    transforms = FakeTransforms()
    arguments = ["--ros-args", "-r", f"__ns:={NAMESPACE}", "-p", f"model.checkpoint:={checkpoint}",
                 "-p", "diagnostics.period:=0.2", "-p", "input.sensor_frame:=base"]  # fmt: skip
    rclpy.init(args=arguments)
    try:
        node = DetectorNode(open_transforms=lambda _node: transforms)
        with active(node) as client:
            strange = cloud(POINTS, 1)
            strange.header.frame_id = "somewhere"
            assert not client.ask(strange).detections
            assert client.hear("detector", "no transform").level == bytes([Level.ERROR.value])
            assert client.ask(cloud(POINTS, 2)).detections
        node.close()
        assert transforms.closed
    finally:
        rclpy.try_shutdown()


def test_parameters_change_what_the_next_cloud_gives(node) -> None:
    with active(node) as client:
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
    with active(node) as client:
        plain = client.ask(cloud(POINTS, 1)).detections
        set_parameter(node, "input.z_offset", 0.5)
        lower = client.ask(cloud(POINTS - np.float32([0, 0, 0.5, 0]), 2)).detections
    assert len(plain) == len(lower) > 0
    heights = [[d.bbox.center.position.z for d in found] for found in (plain, lower)]
    np.testing.assert_allclose(np.subtract(*heights), 0.5, atol=1e-3)


def test_old_clouds_are_rejected_where_the_site_says_so(node) -> None:
    with active(node) as client:
        set_parameter(node, "input.max_age", 3600.0)
        client.send(cloud(POINTS, 1))
        client.hear("clouds", "clouds rejected: older than input.max_age")
        fresh = cloud(POINTS, node.get_clock().now().to_msg().sec)
        assert client.ask(fresh).detections


def test_names_on_the_topics_change_and_classes_can_be_dropped(node) -> None:
    with active(node) as client:
        set_parameter(node, "postprocess.class_map.car", "vehicle")
        set_parameter(node, "postprocess.class_map.pedestrian", "drop")
        names = {d.results[0].hypothesis.class_id for d in client.ask(cloud(POINTS, 1)).detections}
        assert names == {"vehicle"}


def test_the_usual_subscription_gives_the_same(checkpoint) -> None:
    arguments = ["--ros-args", "-r", f"__ns:={NAMESPACE}", "-p", f"model.checkpoint:={checkpoint}"]
    scores = []
    for raw in ("true", "false"):
        rclpy.init(args=[*arguments, "-p", f"input.raw_subscription:={raw}"])
        try:
            node = DetectorNode()
            with active(node) as client:
                found = client.ask(cloud(POINTS, 1)).detections
                scores.append([d.results[0].hypothesis.score for d in found])
            node.close()
        finally:
            rclpy.try_shutdown()
    assert scores[0] == scores[1] != []


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
    with spinning(node) as executor, heard(Client(NAMESPACE)) as client:
        for stamp in range(1, 41):
            client.send(cloud(POINTS, stamp))
        client.wait(lambda: next(a for a in client.answers if a.header.stamp.sec == 40))
        # The cloud in work is counted before this returns.
        call_on(executor, node.trigger_deactivate)
    counts = node.statistics.read()
    assert counts.received == counts.processed + counts.dropped
    stamps = [answer.header.stamp.sec for answer in client.answers]
    assert stamps == sorted(set(stamps))
