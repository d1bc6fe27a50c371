"""The real node over real DDS: one answer for every cloud, whatever the cloud is like."""

import os
import signal
import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")

from live_node import Client, cloud, heard, running_node, start_node, values_of
from rclpy.qos import ReliabilityPolicy
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small_model import HOSTILE, small_config, write_hostile
from visualization_msgs.msg import Marker

from pd_ros.detection.geometry.ego import on_sensor
from pd_ros.detection.predictor import Predictor
from pd_ros.runtime.diagnostics.status import Level

NAMESPACE = f"/test_node_{os.getpid()}"


@pytest.fixture(scope="module")
def client(context, checkpoint):
    with running_node(NAMESPACE, checkpoint), heard(Client(NAMESPACE)) as client:
        yield client


def some_points(seed: int = 0, count: int = 500) -> np.ndarray:
    points = np.random.default_rng(seed).uniform(-7, 7, (count, 4)).astype(np.float32)
    points[:, 2] = np.clip(points[:, 2], -2.5, 0.5)
    points[:, 3] = np.random.default_rng(seed).integers(0, 256, count) / np.float32(255)
    return points


def as_rows(answer) -> np.ndarray:
    rows = []
    for detection in answer.detections:
        centre, size = detection.bbox.center.position, detection.bbox.size
        score = detection.results[0].hypothesis.score
        rows.append((centre.x, centre.y, centre.z, size.x, size.y, size.z, score))
    return np.array(rows).reshape(-1, 7)


def test_answers_what_the_predictor_finds_with_the_clouds_own_header(client, checkpoint) -> None:
    points = some_points()
    answer = client.ask(cloud(points, stamp=100))
    found = Predictor.from_checkpoint(checkpoint)(points)
    confident = (found.scores >= 0.3) & ~on_sensor(found.boxes)  # the own vehicle's are left out
    assert confident.sum() < (found.scores >= 0.3).sum()
    assert confident.any()
    np.testing.assert_allclose(as_rows(answer)[:, :6], found.boxes[confident][:, :6], rtol=1e-5)
    np.testing.assert_allclose(as_rows(answer)[:, 6], found.scores[confident], rtol=1e-5)
    assert answer.header.frame_id == "lidar_top"
    assert (answer.header.stamp.sec, answer.header.stamp.nanosec) == (100, 0)


def test_layout_does_not_matter(client) -> None:
    """Doubles, big endian, padding, another order, u8 intensity: the same boxes."""
    points = some_points(1)
    plain = as_rows(client.ask(cloud(points, stamp=110)))
    assert len(plain)
    doubles = (("x", "f8"), ("y", "f8"), ("z", "f8"), ("intensity", "f8"))
    odd = client.ask(cloud(points, 111, doubles, big_endian=True, padding=5))
    np.testing.assert_allclose(as_rows(odd), plain, rtol=1e-5, atol=1e-6)
    turned = (("intensity", "u1"), ("z", "f4"), ("y", "f4"), ("x", "f4"))
    bytes_ = np.column_stack((points[:, 3] * 255, points[:, 2], points[:, 1], points[:, 0]))
    swapped = client.ask(cloud(bytes_.round(6), 112, turned))
    np.testing.assert_allclose(as_rows(swapped), plain, rtol=1e-3, atol=1e-3)


def in_rows(message, rows: int, **changes):
    message.width, message.height = message.width // rows, rows
    message.row_step //= rows
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def test_what_headers_say_wrongly_does_not_matter(client) -> None:
    """Wrong byte order, wrong row_step, null returns: the same boxes, and a remark on them."""
    points = some_points(2)
    plain = as_rows(client.ask(cloud(points, stamp=115)))
    assert len(plain)
    client.statuses.clear()
    turned = in_rows(cloud(points, 116), 10, row_step=0, is_bigendian=True)
    np.testing.assert_allclose(as_rows(client.ask(turned)), plain, rtol=1e-5)
    layout = client.wait(
        lambda: next(
            values_of(status)["layout"] for status in client.of("content")
            if "row_step is 0" in values_of(status).get("layout", "")
        )
    )  # fmt: skip
    assert "is_bigendian is true, but only in the other byte order" in layout
    nulls = np.zeros((1500, 4), np.float32)
    nulls[::3] = points
    nulls[1::6, :3] = -0.0
    nulls[2::6, :3] = 2e-4
    assert np.array_equal(as_rows(client.ask(in_rows(cloud(nulls, 117), 50))), plain)
    status = client.wait(
        lambda: next(
            values_of(status) for status in client.of("content")
            if "67% at (0, 0, 0)" in values_of(status).get("unusable points", "")
        )
    )  # fmt: skip
    assert "echoes" not in status["unusable points"]


def test_intensities_that_are_missing_cost_no_points(client) -> None:
    points = some_points(3)
    points[:, 3] = 0
    plain = as_rows(client.ask(cloud(points, stamp=118)))
    points[:, 3] = np.nan
    assert len(plain)
    assert np.array_equal(as_rows(client.ask(cloud(points, 119))), plain)
    status = client.wait(
        lambda: next(
            values_of(status) for status in client.of("content")
            if "not finite" in values_of(status).get("intensity", "")
        )
    )  # fmt: skip
    assert "field intensity: 100.0% not finite, read as 0" in status["intensity"]
    assert status["unusable points"].startswith("0% not finite")


def test_no_points_in_range_give_no_boxes(client) -> None:
    far = some_points(4) + np.array([500, 0, 0, 0], np.float32)
    assert len(client.ask(cloud(far, 160)).detections) == 0
    assert len(client.ask(cloud(far[:0], 161)).detections) == 0


@pytest.mark.parametrize(
    ("stamp", "points"),
    [
        (120, np.zeros((0, 4), np.float32)),
        (121, np.full((50, 4), np.nan, np.float32)),
        (122, np.full((50, 4), np.inf, np.float32)),
        (123, np.full((50, 4), 1000, np.float32)),
        (124, np.full((1, 4), 1e38, np.float32)),
    ],
    ids=["empty", "NaN", "infinite", "out of range", "absurd"],
)
def test_a_cloud_without_usable_points_is_answered_too(client, stamp, points) -> None:
    answer = client.ask(cloud(points, stamp))
    assert answer.header.stamp.sec == stamp


def test_half_of_the_points_being_nan_changes_nothing(client) -> None:
    points = some_points(2)
    holes = np.insert(points, range(0, 500, 2), np.nan, axis=0)
    plain = as_rows(client.ask(cloud(points, 130)))
    np.testing.assert_allclose(as_rows(client.ask(cloud(holes, 131))), plain, rtol=1e-5, atol=1e-6)


def broken(kind: str, stamp: int):
    message = cloud(some_points(), stamp)
    if kind == "no z":
        message.fields = message.fields[:2]
    elif kind == "short data":
        message.data = message.data[:-8]
    elif kind == "wide field":
        message.fields[3].offset = 14
    elif kind == "datatype":
        message.fields[0].datatype = 77
    else:
        message.width = 2**31
    return message


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("no z", "no field z"),
        ("short data", "short data"),
        ("wide field", "point_step"),
        ("datatype", "datatype"),
        ("absurd header", "short data"),
    ],
)
def test_a_broken_cloud_is_rejected_and_said_and_the_next_one_answered(
    client, kind, reason
) -> None:
    stamp = 140 + 2 * hash_free_number(kind)
    client.statuses.clear()
    client.send(broken(kind, stamp))
    status = client.wait(lambda: next(s for s in client.statuses if reason in s.message))
    assert status.level == bytes([Level.ERROR.value])
    assert client.ask(cloud(some_points(), stamp + 1)).header.stamp.sec == stamp + 1
    assert all(a.header.stamp.sec != stamp for a in client.answers)


def hash_free_number(kind: str) -> int:
    return ["no z", "short data", "wide field", "datatype", "absurd header"].index(kind)


def test_late_and_repeated_stamps_are_answered_too(client) -> None:
    assert client.ask(cloud(some_points(), 50)).header.stamp.sec == 50
    before = len(client.answers)
    client.send(cloud(some_points(), 50))
    client.wait(lambda: len(client.answers) > before)


def test_markers_come_with_the_boxes(client) -> None:
    answer = client.ask(cloud(some_points(), 160))
    arrays = client.wait(
        lambda: [m for m in client.markers if m.markers[0].header.stamp.sec == 160]
    )
    assert arrays[0].markers[0].action == Marker.DELETEALL
    texts = [m for m in arrays[0].markers if m.type == Marker.TEXT_VIEW_FACING]
    assert len(texts) == len(answer.detections)


def test_a_healthy_node_says_so(client) -> None:
    client.ask(cloud(some_points(), 170))
    client.statuses.clear()
    client.send(cloud(some_points(), 171))
    status = client.wait(
        lambda: next(s for s in client.of("clouds") if s.level == bytes([Level.OK.value]))
    )
    values = values_of(status)
    assert int(values["answered"]) >= 2
    assert int(values["failed"]) == 0


def test_a_best_effort_publisher_is_heard(context, checkpoint) -> None:
    namespace = f"{NAMESPACE}_best_effort"
    with (
        running_node(namespace, checkpoint),
        heard(Client(namespace, ReliabilityPolicy.BEST_EFFORT)) as client,
    ):
        for stamp in range(200, 240):  # best effort may lose some before discovery is done
            client.send(cloud(some_points(), stamp))
            if client.answers:
                break
            time.sleep(0.3)
        assert client.wait(lambda: client.answers)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_it_ends_with_exit_code_0(context, checkpoint, number) -> None:
    namespace = f"{NAMESPACE}_{number.name.lower()}"
    process = start_node(namespace, checkpoint)
    with heard(Client(namespace)):
        process.send_signal(number)
        _, log = process.communicate(timeout=30)
    assert process.returncode == 0, log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-p", "model.checkpoint:=/no/such.safetensors"], "no such checkpoint"),
        (["-p", "postprocess.score_threshold.cat:=0.5"], "no such parameter; did you mean"),
        (
            ["-p", "score_threshold:=0.5"],
            "no such parameter; did you mean postprocess.score_threshold.default?",
        ),
        (
            ["-p", "modell.device:=cpu"],
            "modell.device: no such parameter; did you mean model.device",
        ),
        (["-p", "postprocess.max_detections:=0"], "postprocess.max_detections"),
        (["-p", "input.reliability:=always"], "expected one of auto, best_effort, reliable"),
        (["-p", "model.device:=toaster"], "expected auto, cpu or cuda:N"),
        (["-p", f"model.checkpoint:=/{'a' * 260}"], "cannot be read (File name too long)"),
        (
            ["-p", "qos_overrides./points.subscription.depth:=1"],
            "parameter qos_overrides./points.subscription.depth: no topic of this node",
        ),
        (["-p", "postprocess.score_threshold.car:=[true]"], "list of numbers, got [True]"),
        (["-p", f"postprocess.class_map.car:={'v' * 101}"], "a name has 1 to 100 characters"),
        (["-p", "use_sim_time:=maybe"], "parameter 'use_sim_time' to 'maybe' of type 'STRING'"),
        (["-r", "points:=/diagnostics"], "got /diagnostics, which points (sensor_msgs/msg/Point"),
        (["-r", "points:=detections"], "detections: expected a topic of vision_msgs/msg/Detec"),
        (["-r", "detections:=points"], "points, which points (sensor_msgs/msg/PointCloud2) has"),
        (["-r", "points:=/tf"], "points: expected a topic of sensor_msgs/msg/PointCloud2 alone"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_bad_start_has_one_clear_line_and_exit_code_1(checkpoint, arguments, message) -> None:
    process = start_node(f"{NAMESPACE}_bad", checkpoint, *arguments)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 1
    assert message in log
    assert "Traceback" not in log


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_checkpoint_has_one_clear_error_and_exit_code_1(
    checkpoint, tmp_path, case
) -> None:
    config, message = HOSTILE[case]
    path = write_hostile(checkpoint, tmp_path / "hostile.safetensors", config)
    process = start_node(f"{NAMESPACE}_hostile", path)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 1
    assert message in log
    assert "Traceback" not in log


def test_a_checkpoint_of_weights_that_are_not_finite_is_refused_by_their_name(
    checkpoint, tmp_path
) -> None:
    path = write_hostile(
        checkpoint, tmp_path / "bad.safetensors", small_config().model_dump_json()
    )
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    tensors["dense.head.shared.0.weight"].flatten()[:500] = float("nan")
    save_file(tensors, path, metadata)
    process = start_node(f"{NAMESPACE}_nan", path)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "got not finite in ['dense.head.shared.0.weight']" in log
    assert "Traceback" not in log
