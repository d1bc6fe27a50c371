"""The failure matrix over DDS: after each fault the node says so and answers the next cloud."""

import importlib.util
import os

import numpy as np
import pytest
import torch
from small_model import small_config

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")

from live_node import XYZI, Client, cloud, heard, running_node, start_node, values_of
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import SetParametersAtomically

from pd_ros.detection.checkpoint import save_checkpoint
from pd_ros.detection.families import build_model
from pd_ros.runtime.diagnostics.status import Level

NAMESPACE = f"/test_failures_{os.getpid()}"
POINTS = np.random.default_rng(0).uniform(-7, 7, (500, 4)).astype(np.float32)
POINTS[:, 2] = np.clip(POINTS[:, 2], -2.5, 0.5)
POINTS[:, 3] = np.round(np.abs(POINTS[:, 3]) / 7 * 255) / 255
AS_BYTES = np.column_stack((POINTS[:, :3], POINTS[:, 3] * 255)).round(6)
AS_WORDS = np.column_stack((POINTS[:, :3], POINTS[:, 3] * 65535)).round(6)


@pytest.fixture(scope="module")
def client(context, checkpoint):
    with running_node(NAMESPACE, checkpoint), heard(Client(NAMESPACE)) as client:
        yield client


@pytest.fixture
def stamps(client):
    """Stamps that nobody has used, from the last on; what was said before is forgotten."""
    client.next_stamp = getattr(client, "next_stamp", 1000) + 100
    client.statuses.clear()
    return range(client.next_stamp, client.next_stamp + 100)


@pytest.fixture(scope="module")
def plain(client):
    """What the good cloud gives."""
    return scores(client.ask(cloud(POINTS, 1)))


def scores(answer) -> list[float]:
    return [detection.results[0].hypothesis.score for detection in answer.detections]


def answers_the_next(client, stamp, plain) -> None:
    assert len(plain) > 0
    assert scores(client.ask(cloud(POINTS, stamp))) == pytest.approx(plain)


def hear_value(client, part: str, key: str, text: str) -> None:
    """Wait until a value of a part's status contains a text."""
    client.wait(lambda: next(s for s in client.of(part) if text in values_of(s).get(key, "")))


USELESS = {
    "empty": (np.zeros((0, 4), np.float32), "points", "0 points, of which 0 are usable"),
    "all NaN": (np.full((50, 4), np.nan), "points", "50 points, of which 0 are usable"),
    "infinite": (np.full((50, 4), np.inf), "points", "50 points, of which 0 are usable"),
    "out of range": (np.full((50, 4), 1000.0), "share in range", "0% (expected"),
}


@pytest.mark.parametrize("case", USELESS)
def test_a_cloud_without_usable_points_has_an_empty_answer(client, stamps, plain, case) -> None:
    points, key, text = USELESS[case]
    client.send(cloud(points, stamps[0]))
    client.wait(lambda: next(a for a in client.answers if a.header.stamp.sec == stamps[0]))
    hear_value(client, "content", key, text)
    answers_the_next(client, stamps[1], plain)


def xyz(kind: str, intensity: str):
    return (("x", kind), ("y", kind), ("z", kind), ("intensity", intensity))


ODD = {
    "padded": (POINTS, XYZI, {"padding": 7}, "23 bytes a point"),
    "big endian": (POINTS, XYZI, {"big_endian": True}, "big endian"),
    "f64": (POINTS, xyz("f8", "f8"), {}, "x:f8@0"),
    "u8 intensity": (AS_BYTES, xyz("f4", "u1"), {}, "intensity:u1@12"),
    "u16 intensity": (AS_WORDS, xyz("f4", "u2"), {}, "intensity:u2@12"),
    "unknown fields": (np.column_stack((POINTS, POINTS[:, :2])), (*XYZI, ("ring", "u2"),
                       ("odd", "f8")), {}, "odd:f8@18"),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_an_odd_layout_changes_nothing_and_is_named(client, stamps, plain, case) -> None:
    points, fields, more, text = ODD[case]
    odd = client.ask(cloud(np.abs(points) if "ring" in str(fields) else points, stamps[0], fields,
                           **more))  # fmt: skip
    if case != "unknown fields":
        assert scores(odd) == pytest.approx(plain, rel=1e-3)
    hear_value(client, "clouds", "fields", text)
    answers_the_next(client, stamps[1], plain)


def test_no_intensity_is_answered_and_the_parameter_named(client, stamps, plain) -> None:
    assert client.ask(cloud(POINTS, stamps[0], XYZI[:3])).header.stamp.sec == stamps[0]
    hear_value(client, "content", "intensity", "the cloud has none, the model wants it: set")
    answers_the_next(client, stamps[1], plain)


def broken(kind: str, stamp: int):
    message = cloud(POINTS, stamp)
    if kind == "short":
        message.data = message.data[:-8]
    elif kind == "no z":
        message.fields = message.fields[:2]
    elif kind == "unknown fields only":
        for number, field in enumerate(message.fields):
            field.name = f"f{number}"
    elif kind == "absurd size":
        message.width, message.height = 2**32 - 1, 2**32 - 1
    elif kind == "absurd step":
        message.point_step = 2**32 - 1
    elif kind == "absurd datatype":
        message.fields[0].datatype = 255
    elif kind == "absurd offset":
        message.fields[2].offset = 2**32 - 1
    return message


BROKEN = {
    "short": "short data",
    "no z": "no field z",
    "unknown fields only": "no field x, y, z",
    "absurd size": "row_step",
    "absurd step": "short data",
    "absurd datatype": "datatype",
    "absurd offset": "point_step",
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_cloud_is_rejected_with_the_reason(client, stamps, plain, case) -> None:
    client.send(broken(case, stamps[0]))
    status = client.hear("clouds", f"clouds rejected: {BROKEN[case]}")
    assert status.level == bytes([Level.ERROR.value])
    answers_the_next(client, stamps[1], plain)
    assert all(answer.header.stamp.sec != stamps[0] for answer in client.answers)


def test_time_that_goes_back_is_said(client, stamps, plain) -> None:
    client.ask(cloud(POINTS, stamps[50]))
    assert scores(client.ask(cloud(POINTS, stamps[10]))) == pytest.approx(plain)
    assert client.hear("detector", "time went back").level == bytes([Level.WARN.value])
    answers_the_next(client, stamps[51], plain)


def test_a_looping_recording_is_answered_every_time(client, stamps, plain) -> None:
    for _ in range(3):
        for stamp in stamps[:3]:
            before = len(client.answers)
            client.send(cloud(POINTS, stamp))
            client.wait(lambda before=before: len(client.answers) > before)
            assert client.answers[-1].header.stamp.sec == stamp
    client.hear("detector", "time went back")
    answers_the_next(client, stamps[5], plain)


def test_more_clouds_than_it_can_do_are_dropped_and_counted(client, stamps, plain) -> None:
    for stamp in stamps[:60]:
        client.send(cloud(POINTS, stamp))
    client.wait(lambda: next(a for a in client.answers if a.header.stamp.sec == stamps[59]))

    def accounted_for(counts) -> bool:
        known = sum(int(counts[key]) for key in ("answered", "dropped", "rejected"))
        return int(counts["received"]) == known

    client.statuses.clear()
    client.wait(lambda: any(accounted_for(values_of(s)) for s in client.of("clouds")))
    answers_the_next(client, stamps[60], plain)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"postprocess.max_detections": 0}, "out of range"),
        ({"input.z_offset": "high"}, "Wrong parameter type"),
        ({"postprocess.score_threshold.car": 7.0}, "expected -1 (the default threshold) or 0"),
        ({"model.device": "cuda:0"}, "read-only"),
        ({"input.intensity.mode": "sometimes"}, "expected one of auto, scale, constant, zero"),
        (
            {"postprocess.score_threshold.default": 0.99, "postprocess.distance_bins": [3.0]},
            "expected rising numbers",
        ),
    ],
)
def test_parameter_nonsense_is_refused_whole(client, stamps, plain, values, reason) -> None:
    service = f"{NAMESPACE}/lidar_detector/set_parameters_atomically"
    caller = client.create_client(SetParametersAtomically, service)
    assert caller.wait_for_service(40)
    given = [Parameter(name=name, value=as_message(value)) for name, value in values.items()]
    result = caller.call(SetParametersAtomically.Request(parameters=given)).result
    assert not result.successful
    assert reason in result.reason
    answers_the_next(client, stamps[0], plain)


def as_message(value) -> ParameterValue:
    if isinstance(value, str):
        return ParameterValue(type=4, string_value=value)
    if isinstance(value, list):
        return ParameterValue(type=8, double_array_value=value)
    if isinstance(value, float):
        return ParameterValue(type=3, double_value=value)
    return ParameterValue(type=2, integer_value=value)


def test_a_model_file_that_is_replaced_is_said_and_not_read(
    client, stamps, plain, checkpoint
) -> None:
    whole = checkpoint.read_bytes()
    client.hear("model", "small")
    checkpoint.write_bytes(b"another model")
    status = client.hear("model", "the file is replaced since it was read")
    assert status.level == bytes([Level.WARN.value])
    answers_the_next(client, stamps[0], plain)
    checkpoint.unlink()
    client.hear("model", "the file is gone")
    answers_the_next(client, stamps[1], plain)
    checkpoint.write_bytes(whole)


def save_sweeps_model(folder):
    torch.manual_seed(3)
    config = small_config(features=["intensity", "time_lag"])
    path = folder / "sweeps.safetensors"
    save_checkpoint(path, build_model(config), config, {})
    return path


def test_without_tf_several_sweeps_become_single_ones_and_it_is_said(context, tmp_path) -> None:
    namespace = f"{NAMESPACE}_sweeps"
    node = running_node(namespace, save_sweeps_model(tmp_path), "-p", "sweeps.count:=3")
    with node, heard(Client(namespace)) as client:
        client.ask(cloud(POINTS, 1))
        status = client.hear("detector", "single sweep")
        assert status.level == bytes([Level.WARN.value])
        client.ask(cloud(POINTS, 2))


@pytest.mark.skipif(
    importlib.util.find_spec("tf2_ros") is not None,
    reason="tf2_ros is installed: what happens without it cannot be tried",
)
def test_a_frame_that_is_asked_for_without_tf2_is_refused(checkpoint) -> None:
    process = start_node(f"{NAMESPACE}_tf", checkpoint, "-p", "input.sensor_frame:=base_link")
    _, log = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "input.sensor_frame: needs tf2_ros, which cannot be imported; install" in log
    assert "Traceback" not in log
