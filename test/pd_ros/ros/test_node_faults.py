"""Faults injected into the node, in this process: each is answered, said and survived."""

import threading

import pytest
import torch

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")

from live_node import Client, call_on, cloud, heard, values_of
from node_here import POINTS, active, node_here
from patience import PATIENCE_S
from rclpy.serialization import serialize_message
from small_model import save_overflowing_model

from pd_ros.ros.detector_node import LOST_DEVICE
from pd_ros.ros.execution.timers import spinning
from pd_ros.runtime.diagnostics.status import Level
from pd_ros.runtime.transforms import TransformError, rigid

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
        node.engine.pipeline.predictor = FaultyPredictor(node.predictor, errors)
        assert bool(client.ask(cloud(POINTS, 2)).detections) != empty
        assert client.hear("detector", text).level == bytes([Level.ERROR.value])
        if case == "the thread is ended":
            client.wait(lambda: not worker.is_alive())
        assert client.ask(cloud(POINTS, 3)).detections
        restarted = node.statistics.read().events.get("worker restarted", 0)
        assert restarted == (case == "the thread is ended")
    assert node.statistics.read().failed == int(empty)


CALLBACKS = {  # what is replaced by something that raises, and the part that says so
    "a cloud": ("pd_ros.ros.cloud_subscription.parse_cloud", "callback failed"),
    "the diagnosis": (
        "pd_ros.runtime.diagnostics.report.judge_output",
        "diagnosis failed: RuntimeError: injected",
    ),
}


@pytest.mark.parametrize("case", CALLBACKS)
def test_what_a_callback_raises_is_logged_counted_and_shown_and_the_node_goes_on(
    node, case, monkeypatch, capfd
) -> None:
    place, text = CALLBACKS[case]

    def fails(*_arguments):
        raise RuntimeError("injected")

    with active(node) as client:
        assert client.ask(cloud(POINTS, 1)).detections
        with monkeypatch.context() as patch:
            patch.setattr(place, fails)
            client.send(cloud(POINTS, 2))
            client.wait(lambda: node.statistics.read().events.get("callback failed"))
        assert client.hear("detector", text).level == bytes([Level.ERROR.value])
        assert client.ask(cloud(POINTS, 3)).detections
        client.statuses.clear()
        assert int(values_of(client.hear("detector", ""))["callback failed"]) >= 1
    assert "RuntimeError: injected" in capfd.readouterr().err


def test_clouds_that_cannot_be_taken_are_not_the_drivers_fault(checkpoint, monkeypatch) -> None:
    def fails(*_arguments):
        raise MemoryError("injected")

    with node_here(checkpoint, "input.timeout:=0.3") as node, active(node) as client:
        assert client.ask(cloud(POINTS, 1)).detections
        client.statuses.clear()
        with monkeypatch.context() as patch:
            patch.setattr("pd_ros.ros.cloud_subscription.parse_cloud", fails)
            client.send(cloud(POINTS, 2))
            status = client.hear("clouds", "1 clouds could not be taken by the node itself")
            assert status.level == bytes([Level.ERROR.value])
            client.hear("clouds", "s; 1 clouds could not be taken")
        assert all("look at the driver" not in s.message for s in client.of("clouds")[1:])
        assert client.ask(cloud(POINTS, 3)).detections
        client.hear("clouds", "both sides are reliable: it sends nothing")


BROKEN = {  # what is no PointCloud2, made of the bytes of one
    "no bytes": lambda whole: b"",
    "no header": lambda whole: whole[:6],
    "no fields": lambda whole: whole[:40],
    "half of the points": lambda whole: whole[: len(whole) // 2],
    "nonsense": lambda whole: whole[:4] + b"\xff" * 200,
    "nobody's encoding": lambda whole: b"\x00\x77" + whole[2:],
}


@pytest.mark.parametrize("case", BROKEN)
def test_bytes_that_are_no_cloud_are_rejected_and_the_node_goes_on(node, case) -> None:
    with active(node) as client:
        assert client.ask(cloud(POINTS, 1)).detections
        client.send(BROKEN[case](serialize_message(cloud(POINTS, 2))))
        client.wait(lambda: node.statistics.read().rejected == {"no PointCloud2": 1})
        assert client.hear("clouds", "no PointCloud2").level == bytes([Level.ERROR.value])
        assert client.ask(cloud(POINTS, 3)).detections
    assert node.statistics.read().received == 3


def test_the_content_is_judged_by_the_newest_message_also_where_it_is_none(node) -> None:
    good = cloud(POINTS, 1)
    with active(node) as client:
        assert client.ask(good).detections
        client.send(serialize_message(good)[:40])
        status = client.hear("content", "message: PointCloud2: expected whole CDR")
        assert status.level == bytes([Level.ERROR.value])
        assert "a whole sensor_msgs/msg/PointCloud2" in status.message
        assert client.ask(cloud(POINTS, 2)).detections
        client.statuses.clear()
        assert "message" not in values_of(client.hear("content", ""))


def test_a_network_whose_answers_are_not_finite_is_an_error_not_silence(tmp_path) -> None:
    with node_here(save_overflowing_model(tmp_path)) as node, active(node) as client:
        assert not client.ask(cloud(POINTS, 1)).detections
        status = client.hear("detector", "values of the network that are not finite, 1 times")
        assert status.level == bytes([Level.ERROR.value])
        assert not client.ask(cloud(POINTS, 2)).detections


class FaultyPredictor:
    """Raises what it is told to, then works."""

    def __init__(self, works, errors) -> None:
        self._works, self._errors = works, list(errors)

    def __getattr__(self, name):
        return getattr(self._works, name)

    def infer(self, points, on_stage, least_score):
        if self._errors:
            raise self._errors.pop(0)
        return self._works.infer(points, on_stage, least_score)


def test_a_lost_gpu_ends_the_process_to_be_started_again(node, monkeypatch) -> None:
    node.trigger_configure()
    node.trigger_activate()
    lost = threading.Event()
    monkeypatch.setattr("pd_ros.ros.engine.is_lost", lambda device: True)
    node.engine._on_lost_device = lost.set
    node.engine.pipeline.predictor = FaultyPredictor(node.predictor, [RuntimeError("illegal")])
    with spinning(node), heard(Client(node.get_namespace())) as client:
        assert not client.ask(cloud(POINTS, 2)).detections
        assert lost.wait(PATIENCE_S)
    node._end_lost()
    assert node.exit_code == LOST_DEVICE
    assert not node.context.ok()


class FakeTransforms:
    """Knows one frame, until it is closed."""

    def __init__(self) -> None:
        self.closed = False

    def lookup(self, target, source, stamp_ns, timeout_s):
        if (target, source) != ("base", "lidar_top"):
            raise TransformError(f"{target} from {source}: no such frame")
        return rigid((0, 0, 0.5), (0, 0, 0, 1))

    def clear(self) -> None:
        raise AssertionError("time did not go back")

    def close(self) -> None:
        self.closed = True


def test_a_cloud_without_a_transform_has_no_boxes_and_one_with_it_has(checkpoint) -> None:
    transforms = FakeTransforms()
    fake = {"open_transforms": lambda _node, _report: transforms}
    with (
        node_here(checkpoint, "input.sensor_frame:=base", **fake) as node,
        active(node) as client,
    ):
        strange = cloud(POINTS, 1)
        strange.header.frame_id = "somewhere"
        assert not client.ask(strange).detections
        assert client.hear("detector", "no transform").level == bytes([Level.ERROR.value])
        assert client.ask(cloud(POINTS, 2)).detections
    assert transforms.closed


def test_a_flood_is_answered_by_the_newest_and_every_cloud_is_accounted_for(node) -> None:
    node.trigger_configure()
    node.trigger_activate()
    with spinning(node) as executor, heard(Client(node.get_namespace())) as client:
        for stamp in range(1, 41):
            client.send(cloud(POINTS, stamp))
        client.wait(lambda: next(a for a in client.answers if a.header.stamp.sec == 40))
        # The cloud in work is counted before this returns.
        call_on(executor, node.trigger_deactivate)
    counts = node.statistics.read()
    assert counts.received == counts.processed + counts.dropped
    stamps = [answer.header.stamp.sec for answer in client.answers]
    assert stamps == sorted(set(stamps))


def test_diagnostics_need_no_clock_of_a_recording(checkpoint) -> None:
    """``use_sim_time`` and nobody who publishes /clock: time stands still, the node still says."""
    with node_here(checkpoint, "use_sim_time:=true") as node, active(node) as client:
        assert node.get_clock().now().nanoseconds == 0
        client.ask(cloud(POINTS, 1))
        assert client.hear("detector", "")
