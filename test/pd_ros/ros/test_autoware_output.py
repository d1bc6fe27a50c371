"""What the node publishes for Autoware: over real DDS beside vision_msgs, and what it refuses."""

import math
import os
import sys

import numpy as np
import pytest
import torch

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")
pytest.importorskip("autoware_perception_msgs.msg", reason="not installed: see packaging/")

from autoware_perception_msgs.msg import DetectedObjects, ObjectClassification
from live_node import Client, cloud, heard, ros, running_node
from node_here import POINTS, active, node_here, set_parameter
from rclpy.lifecycle import TransitionCallbackReturn
from small_model import save_eager_model, small_config

from pd_ros.detection.checkpoint import add_to_record
from pd_ros.detection.geometry.ego import on_sensor
from pd_ros.detection.predictor import Predictor
from pd_ros.evaluation.operating.expected_errors import KEY

NAMESPACE = f"/test_autoware_{os.getpid()}"
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
OBJECTS = "lidar_detector/objects"
LABELS = {"car": ObjectClassification.CAR, "pedestrian": ObjectClassification.PEDESTRIAN}
NEAR = {"pairs": 9, "along_m": 0.3, "across_m": 0.2, "up_m": 0.1, "yaw_rad": 0.05, "from_m": 0}
FAR = {**NEAR, "along_m": 0.6, "from_m": 5}
ERRORS = {KEY: {"data": "dev", "classes": {"car": [NEAR, FAR]}}}


class AutowareClient(Client):
    """Hears objects as well."""

    def __init__(self, namespace: str) -> None:
        super().__init__(namespace)
        self.objects: list[DetectedObjects] = []
        self.create_subscription(DetectedObjects, OBJECTS, self._keep(self.objects), 50)

    def wait_until_heard(self) -> None:
        super().wait_until_heard()
        self.wait(lambda: self.count_publishers(OBJECTS))


@pytest.mark.parametrize("told", ["velocity", "direction"])
def test_both_messages_say_the_same_of_every_cloud(tmp_path, told) -> None:
    """Of checkpoints that tell one or the other, and know the errors of their cars."""
    path = save_eager_model(tmp_path, small_config(head={"width": 8, told: True}))
    add_to_record(path, ERRORS)
    points = np.random.default_rng(4).uniform(-7, 7, (500, 4)).astype(np.float32)
    points[:, 2], points[:, 3] = points[:, 2].clip(-2.5, 0.5), 0.5
    with (
        ros(),
        running_node(NAMESPACE, path, "-p", "output.message:=both"),
        heard(AutowareClient(NAMESPACE)) as client,
    ):
        for stamp, sent in ((100, points), (101, points[:0])):
            answer = client.ask(cloud(sent, stamp))
            objects = client.wait(
                lambda stamp=stamp: next(m for m in client.objects if m.header.stamp.sec == stamp)
            )
            assert objects.header == answer.header
            assert len(objects.objects) == len(answer.detections)
            for item, same in zip(objects.objects, answer.detections, strict=True):
                check_common(item, same)
            if len(sent):
                check_others(objects, path, points)
            else:
                assert not objects.objects
        assert len(client.objects) == len(client.answers) == 2


def check_common(item, same) -> None:
    hypothesis, (label,) = same.results[0].hypothesis, item.classification
    assert item.existence_probability == hypothesis.score
    assert (label.label, label.probability) == (LABELS[hypothesis.class_id], 1.0)
    assert item.kinematics.pose_with_covariance.pose == same.bbox.center
    assert item.shape.dimensions == same.bbox.size
    assert (item.shape.type, len(item.shape.footprint.points)) == (0, 0)


def check_others(objects: DetectedObjects, checkpoint, points) -> None:
    """What vision_msgs has no room for, against what the predictor says."""
    found = Predictor.from_checkpoint(checkpoint)(points)
    found = found.select((found.scores >= 0.3) & ~on_sensor(found.boxes))
    assert len(objects.objects) == len(found.labels) > 0
    assert set(found.labels.tolist()) == {0, 1}
    assert {bool(far) for far in found.boxes[found.labels == 0, :2].norm(dim=1) >= 5} == {0, 1}
    for number, item in enumerate(objects.objects):
        kinematics, x, y = item.kinematics, *found.boxes[number, :2].tolist()
        is_car = int(found.labels[number]) == 0
        assert kinematics.has_position_covariance is is_car
        covariance = kinematics.pose_with_covariance.covariance.reshape(6, 6)
        along = FAR["along_m"] if math.hypot(x, y) >= 5 else NEAR["along_m"]
        spread = np.array([along**2 + 0.2**2, 0.1**2, 0.05**2]) * is_car
        got = (covariance[0, 0] + covariance[1, 1], covariance[2, 2], covariance[5, 5])
        np.testing.assert_allclose(got, spread, rtol=1e-5)
        facing = 0.5 if found.facing is None else float(found.facing[number])
        assert kinematics.orientation_availability == 1 + (facing >= 0.9)
        assert kinematics.has_twist is (found.velocities is not None)
        assert kinematics.has_twist_covariance is False
        if found.velocities is None:
            continue
        speed = kinematics.twist_with_covariance.twist.linear
        yaw = torch.atan2(*found.velocities[number].flip(0)) - found.boxes[number, 6]
        length = float(found.velocities[number].norm())
        assert speed.x == pytest.approx(length * math.cos(yaw), rel=1e-3, abs=1e-3)
        assert speed.y == pytest.approx(length * math.sin(yaw), rel=1e-3, abs=1e-3)


@pytest.mark.parametrize(
    ("message", "published"),
    [("vision_msgs", (1, 0)), ("autoware", (0, 1)), ("both", (1, 1))],
)
def test_publishers_are_those_asked_for_and_go_with_the_configuration(
    node, message, published
) -> None:
    def publishers() -> tuple[int, int]:
        topics = [each.topic_name for each in node.publishers]
        return tuple(topics.count(f"{node.get_namespace()}/{n}") for n in ("detections", OBJECTS))

    set_parameter(node, "output.message", message)
    for _ in range(2):
        assert publishers() == (0, 0)
        assert node.trigger_configure() == SUCCESS
        assert publishers() == published
        assert node.trigger_cleanup() == SUCCESS
    assert publishers() == (0, 0)


def test_labels_follow_the_names_that_the_site_gives(checkpoint, capfd) -> None:
    given = ("output.message:=both", "output.class_id_format:=index")
    with node_here(checkpoint, *given) as node, active(node) as client:
        objects: list[DetectedObjects] = []
        client.create_subscription(DetectedObjects, OBJECTS, client._keep(objects), 50)
        client.wait(lambda: client.count_publishers(OBJECTS))
        assert "for Autoware car is CAR, pedestrian is PEDESTRIAN" in capfd.readouterr().err
        for stamp, name, labels in ((1, "", {1}), (2, "trailer", {4}), (3, "moon", {0})):
            set_parameter(node, "postprocess.class_map.car", name)
            client.ask(cloud(POINTS, stamp))
            answer = client.wait(
                lambda stamp=stamp: next(m for m in objects if m.header.stamp.sec == stamp)
            )
            assert {item.classification[0].label for item in answer.objects} == labels


def test_a_missing_package_is_named_and_leaves_nothing_behind(node, monkeypatch, capfd) -> None:
    monkeypatch.setitem(sys.modules, "autoware_perception_msgs", None)
    monkeypatch.delitem(sys.modules, "autoware_perception_msgs.msg", raising=False)
    set_parameter(node, "output.message", "autoware")
    before = {each.topic_name for each in node.publishers}
    assert node.trigger_configure() == FAILURE
    log = capfd.readouterr().err
    assert "output.message" in log and "ros-jazzy-autoware-perception-msgs" in log
    assert "Traceback" not in log
    assert {each.topic_name for each in node.publishers} == before
    set_parameter(node, "output.message", "vision_msgs")
    assert node.trigger_configure() == SUCCESS
