"""Bytes for Autoware: read by the generated class, against the same detections in vision_msgs."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")
pytest.importorskip("autoware_perception_msgs.msg", reason="not installed: see packaging/")

from autoware_perception_msgs.msg import (
    DetectedObjectKinematics,
    DetectedObjects,
    ObjectClassification,
    Shape,
)
from rclpy.serialization import deserialize_message, serialize_message
from some_detections import CLASSES, HEADER, found
from std_msgs.msg import Header
from vision_msgs.msg import Detection3DArray

from pd_ros.detection.types import Detections
from pd_ros.recordings.typestore import jazzy_typestore
from pd_ros.runtime import autoware_cdr
from pd_ros.runtime.autoware_cdr import detected_objects_cdr
from pd_ros.runtime.autoware_labels import Label, label_of
from pd_ros.runtime.detection_cdr import detection_array_cdr
from pd_ros.runtime.placed_boxes import move_detections

LABELS = (Label.CAR, Label.PEDESTRIAN, Label.BICYCLE)


def read(detections, header=HEADER, labels=LABELS):
    return deserialize_message(detected_objects_cdr(header, detections, labels), DetectedObjects)


def one(box=(1, 2, 3, 4, 2, 1.5, 0.0), **fields):
    """The one object of a message with one box."""
    (item,) = read(found([box])._replace(**fields)).objects
    return item


@st.composite
def some(draw) -> Detections:
    """Detections with or without each of the optional fields."""
    count = draw(st.integers(0, 4))
    random = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=random)

    boxes = uniform(count, 7) * 10
    boxes[:, 6] = (uniform(count) - 0.5) * 2 * math.pi
    variances = uniform(count, 4)
    variances[uniform(count) < 0.3] = torch.nan
    return Detections(
        boxes,
        uniform(count),
        torch.randint(0, 3, (count,), generator=random),
        draw(st.sampled_from((None, uniform(count, 2) * 20 - 10))),
        draw(st.sampled_from((None, uniform(count) / 2 + 0.5))),
        draw(st.sampled_from((None, variances))),
    )


@given(st.text(max_size=9).filter(lambda text: "\0" not in text), some())
def test_every_field_is_that_of_the_same_detections_in_vision_msgs(frame_id, detections) -> None:
    """Whatever the length of the frame's name, and so the padding, is."""
    header = Header(frame_id=frame_id)
    header.stamp.sec, header.stamp.nanosec = -3, 4_000_000_000
    raw = detected_objects_cdr(header, detections, LABELS)
    message = deserialize_message(raw, DetectedObjects)
    twin = deserialize_message(detection_array_cdr(header, detections, CLASSES), Detection3DArray)
    assert len(serialize_message(message)) == len(raw)
    assert message.header == twin.header == header
    assert len(message.objects) == len(twin.detections) == len(detections.labels)
    for number, (item, same) in enumerate(zip(message.objects, twin.detections, strict=True)):
        (label,), (hypothesis,) = item.classification, same.results
        assert item.existence_probability == hypothesis.hypothesis.score
        assert label.label == label_of(hypothesis.hypothesis.class_id) != Label.UNKNOWN
        assert label.probability == 1.0
        assert item.shape.type == Shape.BOUNDING_BOX
        assert list(item.shape.footprint.points) == []
        assert item.shape.dimensions == same.bbox.size
        kinematics = item.kinematics
        assert kinematics.pose_with_covariance.pose == same.bbox.center == hypothesis.pose.pose
        check_optional(kinematics, detections.select(torch.tensor([number])))


def check_optional(kinematics, box: Detections) -> None:
    sure = box.facing is not None and float(box.facing) >= 0.9
    known = DetectedObjectKinematics.AVAILABLE if sure else DetectedObjectKinematics.SIGN_UNKNOWN
    assert kinematics.orientation_availability == known
    told = box.variances is not None and bool(box.variances.isfinite().all())
    assert kinematics.has_position_covariance is told
    covariance = kinematics.pose_with_covariance.covariance.reshape(6, 6)
    assert np.isfinite(covariance).all()
    assert covariance.any() == told
    assert kinematics.has_twist is (box.velocities is not None)
    assert kinematics.has_twist_covariance is False
    twist = kinematics.twist_with_covariance
    assert not twist.covariance.any()
    speed = 0.0 if box.velocities is None else float(box.velocities.norm())
    assert math.hypot(twist.twist.linear.x, twist.twist.linear.y) == pytest.approx(speed)


@given(some())
def test_a_covariance_has_the_measured_errors_as_its_axes(detections) -> None:
    for number, item in enumerate(read(detections).objects):
        if not item.kinematics.has_position_covariance:
            continue
        covariance = item.kinematics.pose_with_covariance.covariance.reshape(6, 6)
        along, across, up, turn = detections.variances[number].tolist()
        yaw = float(detections.boxes[number, 6])
        ahead, left = (math.cos(yaw), math.sin(yaw)), (-math.sin(yaw), math.cos(yaw))
        assert ahead @ covariance[:2, :2] @ ahead == pytest.approx(along, abs=1e-6)
        assert left @ covariance[:2, :2] @ left == pytest.approx(across, abs=1e-6)
        assert ahead @ covariance[:2, :2] @ left == pytest.approx(0, abs=1e-6)
        others = covariance.copy()
        others[:2, :2] = 0
        np.testing.assert_allclose(others, np.diag([0, 0, up, 0, 0, turn]), rtol=1e-6)


def test_a_covariance_turns_with_the_box() -> None:
    """A box that looks along y: its error along is that of y."""
    box = (1, 2, 3, 4, 2, 1.5, math.pi / 2)
    kinematics = one(box, variances=torch.tensor([[0.09, 0.04, 0.01, 0.0025]])).kinematics
    covariance = kinematics.pose_with_covariance.covariance.reshape(6, 6)
    expected = np.diag([0.04, 0.09, 0.01, 0, 0, 0.0025])
    np.testing.assert_allclose(covariance, expected, atol=1e-7)


def test_a_velocity_is_in_the_objects_own_frame() -> None:
    """3 m/s along y, of a box that looks along y: ahead. 1 m/s along x: to its right."""
    box = (1, 2, 3, 4, 2, 1.5, math.pi / 2)
    kinematics = one(box, velocities=torch.tensor([[1.0, 3.0]])).kinematics
    linear = kinematics.twist_with_covariance.twist.linear
    assert (linear.x, linear.y, linear.z) == pytest.approx((3, -1, 0))
    assert kinematics.has_twist


def test_a_velocity_and_errors_stay_with_the_box_in_another_frame() -> None:
    """Turned by a quarter: covariance of x and y change places, the own frame does not."""
    fields = {
        "velocities": torch.tensor([[3.0, 1.0]]),
        "facing": torch.tensor([0.95]),
        "variances": torch.tensor([[0.09, 0.04, 0.01, 0.0025]]),
    }
    detections = found([(1, 2, 3, 4, 2, 1.5, 0.0)])._replace(**fields)
    quarter = np.array([[0, -1, 0, 5], [1, 0, 0, 6], [0, 0, 1, 7], [0, 0, 0, 1]], dtype=float)
    (item,) = read(move_detections(detections, quarter)).objects
    linear = item.kinematics.twist_with_covariance.twist.linear
    assert (linear.x, linear.y) == pytest.approx((3, 1), abs=1e-6)
    covariance = item.kinematics.pose_with_covariance.covariance.reshape(6, 6)
    np.testing.assert_allclose(covariance.diagonal()[:2], (0.04, 0.09), atol=1e-7)
    assert item.kinematics.orientation_availability == DetectedObjectKinematics.AVAILABLE


def test_no_boxes_give_an_empty_message() -> None:
    message = read(Detections.empty())
    assert message.header == HEADER
    assert list(message.objects) == []


def test_recordings_decode_it_without_ros() -> None:
    raw = detected_objects_cdr(HEADER, found([(1, 2, 3, 4, 2, 1.5, 0.5)], [1], [0.75]), LABELS)
    name = "autoware_perception_msgs/msg/DetectedObjects"
    (item,) = jazzy_typestore().deserialize_cdr(raw, name).objects
    assert (item.existence_probability, item.classification[0].label) == (0.75, Label.PEDESTRIAN)
    assert (item.shape.dimensions.x, item.shape.dimensions.z) == (4.0, 1.5)


def test_constants_are_those_of_the_messages() -> None:
    own = {label.name: int(label) for label in Label}
    names = [name for name in vars(type(ObjectClassification)) if name.isupper()]
    assert own == {name: getattr(ObjectClassification, name) for name in own}
    assert set(own) >= {name for name in names if not name.startswith("_")}
    assert autoware_cdr.AVAILABLE == DetectedObjectKinematics.AVAILABLE
    assert autoware_cdr.SIGN_UNKNOWN == DetectedObjectKinematics.SIGN_UNKNOWN


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Car", Label.CAR),
        ("van", Label.CAR),
        ("TRUCK", Label.TRUCK),
        ("cyclist", Label.BICYCLE),
        ("Person sitting", Label.PEDESTRIAN),
        ("motorcycle", Label.MOTORCYCLE),
        ("under_drivable", Label.UNDER_DRIVABLE),
        ("unicorn", Label.UNKNOWN),
        ("", Label.UNKNOWN),
    ],
)
def test_classes_have_labels_by_their_names(name, label) -> None:
    assert label_of(name) is label
