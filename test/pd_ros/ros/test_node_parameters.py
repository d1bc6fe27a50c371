"""What parameters of the running node change in its answers."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")

from live_node import cloud, values_of
from node_here import POINTS, active, node_here, set_parameter
from rclpy.parameter import Parameter
from street import street

from pd_ros.pointcloud.z_offset import CLOUDS


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


def test_an_offset_that_is_measured_is_said_and_used(checkpoint) -> None:
    """A sensor half a metre too high; after cleanup and configure it is measured anew."""
    with node_here(checkpoint, "input.z_offset:=auto") as node:
        with active(node) as client:
            for stamp in range(1, CLOUDS + 1):
                assert not client.ask(cloud(street(-2.23, seed=stamp), stamp)).detections
            client.send(cloud(street(-2.23), 98))
            client.wait(lambda: any("auto: ground at -2.2" in text for text in offsets(client)))
            seen = client.ask(cloud(street(-2.23), 99)).detections
            set_parameter(node, "input.z_offset", 0.5)
            given = client.ask(cloud(street(-2.23), 100)).detections
            assert len(seen) > 0
            heights = [[d.bbox.center.position.z for d in found] for found in (seen, given)]
            np.testing.assert_allclose(np.mean(heights[0]), np.mean(heights[1]), atol=0.1)
            set_parameter(node, "input.z_offset", "auto")
            assert not client.ask(cloud(street(-1.2), 101)).detections
        node.trigger_deactivate()
        node.trigger_cleanup()
        node.trigger_configure()
        assert node.engine.pipeline.auto_offset(node.engine.settings).clouds == 0


def offsets(client) -> list[str]:
    """What was said of the offset so far."""
    return [values_of(status).get("input.z_offset", "") for status in client.of("content")]


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
    scores = []
    for raw in ("true", "false"):
        parameter = f"input.raw_subscription:={raw}"
        with node_here(checkpoint, parameter) as node, active(node) as client:
            found = client.ask(cloud(POINTS, 1)).detections
            scores.append([d.results[0].hypothesis.score for d in found])
    assert scores[0] == scores[1] != []


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
