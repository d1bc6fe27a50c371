"""What stands around the detector: frames, sweeps, regions, memory; with a fake buffer of tf."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from default_settings import default_settings, default_startup
from small_model import small_config
from street import street

from pd_ros.detection.bev.voxelize import inside_range
from pd_ros.detection.boxes import points_in_boxes
from pd_ros.detection.checkpoint import save_checkpoint
from pd_ros.detection.families import build_model
from pd_ros.detection.geometry.ego import on_sensor
from pd_ros.detection.types import Clipped, Detections, InferenceResult
from pd_ros.pointcloud.cdr import CloudHeader, CloudMessage, Stamp
from pd_ros.pointcloud.ground import ground_height
from pd_ros.pointcloud.layout import CloudField, CloudLayout
from pd_ros.pointcloud.z_offset import CLOUDS
from pd_ros.runtime.model_loading import CheckpointFile, load_detector, model_sweeps
from pd_ros.runtime.pipeline import DetectionPipeline
from pd_ros.runtime.placed_boxes import count_points
from pd_ros.runtime.statistics import Statistics
from pd_ros.runtime.transforms import TransformError, move_points, rigid

STILL = (0.0, 0.0, 0.0, 1.0)
ALL = default_settings(score_thresholds=((0.0,), (0.0,)), max_detections=2000, ego_distance_m=-1)
FIELDS = tuple(CloudField(name, 4 * i, 7) for i, name in enumerate(("x", "y", "z", "intensity")))
POINTS = np.random.default_rng(0).uniform(-2, 0.5, (300, 4)).astype(np.float32)


class Buffer:
    """Transforms by (target, source); a function gets the stamp in seconds."""

    def __init__(self, known) -> None:
        self.known = known
        self.asked = []
        self.cleared = 0

    def clear(self) -> None:
        self.cleared += 1

    def lookup(self, target, source, stamp_ns, timeout_s):
        self.asked.append((target, source, stamp_ns, timeout_s))
        if (target, source) not in self.known:
            raise TransformError(f"{target} from {source}: no such frame")
        found = self.known[target, source]
        return found(stamp_ns / 1e9) if callable(found) else found


class Recorder:
    """Stands before a predictor, and keeps what it gets."""

    def __init__(self, works, errors=()) -> None:
        self.works, self.config, self.device = works, works.config, works.device
        self.errors = list(errors)
        self.seen = []
        self.clipped = Clipped()
        self.velocities = None  # in place of the model's

    def infer(self, points, on_stage, least_score):
        self.seen.append(points.copy())
        if self.errors:
            raise self.errors.pop(0)
        found = self.works(points, on_stage)
        if self.velocities is not None:
            found = found._replace(
                velocities=found.boxes.new_tensor(self.velocities).expand(len(found.scores), 2)
            )
        return InferenceResult(found, self.clipped)


@pytest.fixture(scope="module")
def sweeps_checkpoint(tmp_path_factory):
    """A model of several sweeps."""
    torch.manual_seed(3)
    config = small_config(features=["intensity", "time_lag"])
    path = tmp_path_factory.mktemp("sweeps") / "model.safetensors"
    run = {"data": [{"path": "a"}, {"path": "b", "sweeps": 4}]}
    save_checkpoint(path, build_model(config), config, {"run": run})
    return path


def pipeline(path, transforms=None, errors=(), **startup) -> DetectionPipeline:
    startup = default_startup(path, **startup)
    said = []
    made = DetectionPipeline(
        load_detector(startup), startup, transforms, Statistics(), lambda *text: said.append(text)
    )
    made.predictor, made.said = Recorder(made.predictor, errors), said
    return made


def message(points=POINTS, stamp_s: float = 1.0, frame_id: str = "lidar") -> CloudMessage:
    layout = CloudLayout(len(points), 1, 16, 16 * len(points), False, FIELDS)
    seconds, rest = divmod(stamp_s, 1)
    header = CloudHeader(Stamp(int(seconds), round(rest * 1e9)), frame_id)
    return CloudMessage(header, layout, points.astype("<f4").tobytes())


def events(made: DetectionPipeline) -> dict[str, int]:
    return dict(made._statistics.read().events)


def test_points_go_to_the_models_frame_and_boxes_come_back(checkpoint) -> None:
    """A sensor mounted backwards and 1 m higher: the model sees what it would without that."""
    plain = pipeline(checkpoint)(message(), ALL)
    base_from_lidar = rigid((0.5, 0, 1), (0, 0, 1, 0))
    buffer = Buffer({("base", "mounted"): base_from_lidar})
    made = pipeline(checkpoint, buffer, sensor_frame="base")
    mounted = move_points(POINTS, np.linalg.inv(base_from_lidar))
    answer = made(message(mounted, frame_id="mounted"), ALL)
    np.testing.assert_allclose(made.predictor.seen[0], POINTS, atol=1e-5)
    assert answer.frame_id == "mounted"
    assert len(answer.detections.scores) == len(plain.detections.scores) > 0
    # Backwards: x and y change sign, the sensor sits 0.5 m ahead of the base, 1 m above.
    expected = plain.detections.boxes.clone()
    expected[:, 0], expected[:, 1] = 0.5 - expected[:, 0], -expected[:, 1]
    expected[:, 2] -= 1
    np.testing.assert_allclose(answer.detections.boxes[:, :6], expected[:, :6], atol=1e-2)
    turn = answer.detections.boxes[:, 6] - plain.detections.boxes[:, 6]
    np.testing.assert_allclose(turn.cos(), -1, atol=1e-3)


def test_a_cloud_whose_place_is_not_known_has_no_boxes_and_it_is_said(checkpoint) -> None:
    made = pipeline(checkpoint, Buffer({}), sensor_frame="base")
    answer = made(message(), ALL)
    assert len(answer.detections.scores) == 0
    assert answer.frame_id == "lidar"
    assert events(made) == {"no transform": 1}
    assert made.said == [("no transform", "base from lidar: no such frame")]


def test_boxes_in_the_output_frame_or_where_they_are(checkpoint) -> None:
    buffer = Buffer({("map", "lidar"): rigid((100, 0, 0), STILL)})
    made = pipeline(checkpoint, buffer, output_frame_id="map")
    plain = pipeline(checkpoint)(message(), ALL)
    answer = made(message(), ALL)
    assert answer.frame_id == "map"
    np.testing.assert_allclose(
        answer.detections.boxes[:, 0], plain.detections.boxes[:, 0] + 100, rtol=1e-5
    )
    buffer.known.clear()
    answer = made(message(stamp_s=2), ALL)
    assert (answer.frame_id, len(answer.detections.scores)) == (
        "lidar",
        len(plain.detections.scores),
    )
    assert events(made) == {"no output frame": 1}


def test_velocities_turn_with_their_boxes(checkpoint) -> None:
    """The sensor looks back, the map is turned by a quarter to the left of the sensor's frame."""
    quarter = (0, 0, math.sqrt(0.5), math.sqrt(0.5))
    buffer = Buffer({
        ("base", "lidar"): rigid((0, 0, 0), (0, 0, 1, 0)),
        ("map", "lidar"): rigid((100, 0, 0), quarter),
    })  # fmt: skip
    made = pipeline(checkpoint, buffer, sensor_frame="base")
    made.predictor.velocities = (3, 1)  # in the base: ahead and a little to the left
    velocities = made(message(), ALL).detections.velocities
    assert len(velocities) > 0
    np.testing.assert_allclose(velocities, [[-3, -1]] * len(velocities), atol=1e-6)
    made = pipeline(checkpoint, buffer, sensor_frame="base", output_frame_id="map")
    made.predictor.velocities = (3, 1)
    velocities = made(message(), ALL).detections.velocities
    np.testing.assert_allclose(velocities, [[1, -3]] * len(velocities), atol=1e-6)


def driving(seconds: float) -> np.ndarray:
    """10 m/s ahead."""
    return rigid((10 * seconds, 0, 0), STILL)


def test_sweeps_are_joined_where_the_sensor_is_now(sweeps_checkpoint) -> None:
    buffer = Buffer({("odom", "lidar"): driving})
    made = pipeline(sweeps_checkpoint, buffer)
    for number in range(5):
        made(message(np.float32([[5 - number, 1, -1, 0.5]]), 0.1 * number), ALL)
    seen = made.predictor.seen[-1]
    np.testing.assert_allclose(seen[:, 0], 1, atol=1e-5)
    np.testing.assert_allclose(seen[:, 4], [0, 0.1, 0.2, 0.3], atol=1e-6)
    assert buffer.asked[0] == ("odom", "lidar", 0, 0.05)
    made(message(np.float32([[5, 1, -1, 0.5]]), 0.0), ALL)  # the recording begins again
    assert len(made.predictor.seen[-1]) == 1
    assert events(made) == {"time went back": 1}


def test_transforms_are_forgotten_when_a_recording_begins_again(sweeps_checkpoint) -> None:
    buffer = Buffer({("odom", "lidar"): driving})
    made = pipeline(sweeps_checkpoint, buffer)
    for stamp_s, cleared in ((20, 0), (21, 0), (20.9, 0), (3, 1), (3.1, 1), (1, 2)):
        made(message(stamp_s=stamp_s), ALL)
        assert buffer.cleared == cleared
    assert events(made) == {"time went back": 3}


def test_without_tf_each_sweep_is_alone_or_has_no_boxes(sweeps_checkpoint) -> None:
    for transforms, reason in ((None, "tf2_ros is not installed"), (Buffer({}), "no such frame")):
        made = pipeline(sweeps_checkpoint, transforms)
        made(message(stamp_s=1), ALL)
        made(message(stamp_s=1.1), ALL)
        assert [len(points) for points in made.predictor.seen] == [300, 300]
        assert (made.predictor.seen[1][:, 4] == 0).all()
        assert events(made) == {"single sweep": 2}
        assert reason in made.said[0][1]
        answer = made(message(stamp_s=1.2), dataclasses.replace(ALL, on_tf_error="drop"))
        assert len(answer.detections.scores) == 0
        assert events(made)["no transform"] == 1


def test_how_many_sweeps_a_model_gets(checkpoint, sweeps_checkpoint) -> None:
    one, several = (load_detector(default_startup(p)) for p in (checkpoint, sweeps_checkpoint))
    assert [model_sweeps(several, asked) for asked in (-1, 2)] == [4, 2]
    assert [model_sweeps(one, asked) for asked in (-1, 1)] == [1, 1]
    with pytest.raises(ValueError, match=r"sweeps.count: .* has no feature time_lag; got 2"):
        model_sweeps(one, 2)
    for run, where in (
        (7, "valid dictionary"),
        ({"data": 7}, "data"),
        ({"data": ["x"]}, "data.0"),
        ({"data": [{"sweeps": "all"}]}, "data.0.sweeps"),
        ({"data": [{"sweeps": 10**9}]}, "data.0.sweeps"),
    ):
        several.training["run"] = run
        with pytest.raises(ValueError, match=rf"\.safetensors \(training\.run\):? .*{where}"):
            model_sweeps(several, -1)


def test_full_memory_is_answered_from_half_of_the_points(checkpoint) -> None:
    made = pipeline(checkpoint, errors=[torch.OutOfMemoryError("injected")])
    assert len(made(message(), ALL).detections.scores) > 0
    assert [len(points) for points in made.predictor.seen] == [300, 150]
    assert events(made) == {"out of memory": 1}
    made.predictor.errors = [torch.OutOfMemoryError("injected")] * 2
    with pytest.raises(torch.OutOfMemoryError):
        made(message(stamp_s=2), ALL)


def test_a_capacity_of_the_model_that_is_full_is_counted_by_its_name(checkpoint) -> None:
    made = pipeline(checkpoint)
    made.predictor.clipped = Clipped(30, 4)
    made(message(), ALL)
    expected = {"beyond capacity.max_points": 30, "beyond capacity.max_pillars": 4}
    assert events(made) == expected
    assert made._statistics.read().clipped_points == 34


@pytest.mark.parametrize("z_offset_m", [0.0, 0.5])
def test_boxes_of_the_own_vehicle_are_left_out_and_counted(checkpoint, z_offset_m) -> None:
    all_boxes = dataclasses.replace(ALL, z_offset_m=z_offset_m)
    every = pipeline(checkpoint)(message(), all_boxes).detections.boxes
    own = on_sensor(every, 0.3)
    assert 0 < own.sum() < len(every)
    made = pipeline(checkpoint)
    found = made(message(), dataclasses.replace(all_boxes, ego_distance_m=0.3)).detections.boxes
    torch.testing.assert_close(found, every[~own])
    assert events(made) == {"boxes on the own vehicle": own.sum()}
    box = (-1, -1, -4, 1, 1, 4)
    made = pipeline(checkpoint)
    found = made(message(), dataclasses.replace(all_boxes, ego_box=box)).detections.boxes
    assert not inside_range(found, box).any()
    assert events(made)["boxes on the own vehicle"] > 0


def test_region_own_vehicle_and_most_points(checkpoint) -> None:
    made = pipeline(checkpoint, max_points=50)
    settings = dataclasses.replace(
        ALL, roi_range=(-2, -2, -3, 0, 0.5, 1), ego_box=(-1, -1, -3, 1, 1, 1), z_offset_m=0.25
    )
    made(message(), settings)
    seen = made.predictor.seen[0]
    assert len(seen) == 50
    assert (seen[:, 0] < 0).all()
    assert not ((np.abs(seen[:, :2]) < 1).all(axis=1)).any()
    inside = (POINTS[:, 0] < 0) & ~((np.abs(POINTS[:, :2]) < 1).all(axis=1))
    assert made._statistics.read().clipped_points == inside.sum() - 50
    assert events(made)["beyond input.max_points"] == inside.sum() - 50
    np.testing.assert_allclose(seen[:, 2] - 0.25, POINTS[inside][[0]][:, 2].repeat(50), atol=3)


def test_boxes_with_few_points_are_left_out(checkpoint) -> None:
    found = pipeline(checkpoint)(message(), ALL).detections
    held = points_in_boxes(torch.from_numpy(POINTS), found.boxes).sum(dim=1)
    least = int(held.median()) + 1
    answer = pipeline(checkpoint)(message(), dataclasses.replace(ALL, min_points_in_box=least))
    assert 0 < len(answer.detections.scores) < len(found.scores)
    assert len(answer.detections.scores) == int((held >= least).sum())


def test_points_in_boxes_are_counted_as_one_by_one() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(-10, 10, (2000, 4)).astype(np.float32)
    boxes = torch.from_numpy(
        np.column_stack((rng.uniform(-9, 9, (30, 3)), rng.uniform(1, 6, (30, 3)),
                         rng.uniform(-math.pi, math.pi, 30))).astype(np.float32))  # fmt: skip
    expected = points_in_boxes(torch.from_numpy(points), boxes).sum(dim=1)
    assert count_points(points, boxes).tolist() == expected.tolist()
    assert count_points(points, Detections.empty().boxes).tolist() == []


def test_stages_are_timed(checkpoint) -> None:
    stages = pipeline(checkpoint)(message(), ALL).stages_ms
    assert list(stages) == [
        "decode", "copy", "voxelise", "encode", "backbone_neck", "head", "decode_boxes", "nms",
        "calibrate", "select",
    ]  # fmt: skip
    assert all(value > 0 for value in stages.values())


def test_the_site_may_choose_the_overlap_of_nms_the_precision_and_the_backend(checkpoint) -> None:
    plain = pipeline(checkpoint)(message(), ALL)
    strict = pipeline(checkpoint, nms_iou_threshold=0.0)(message(), ALL)
    assert len(strict.detections.scores) < len(plain.detections.scores)
    assert load_detector(default_startup(checkpoint, precision="bf16")).precision == torch.bfloat16
    with pytest.raises(ValueError, match="cuda_graph runs on cuda, the device is cpu"):
        load_detector(default_startup(checkpoint, backend="cuda_graph"))


def test_a_model_that_wants_more_than_a_cloud_has_is_refused(tmp_path) -> None:
    config = small_config(features=["intensity", "ring"])
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, build_model(config), config, {})
    with pytest.raises(ValueError, match="got one that wants intensity, ring"):
        load_detector(default_startup(path))


def test_a_replaced_checkpoint_is_noticed(checkpoint, tmp_path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(checkpoint.read_bytes())
    file = CheckpointFile(str(path))
    assert file.state() == "unchanged"
    path.write_bytes(b"something else")
    assert file.state() == "replaced"
    path.unlink()
    assert file.state() == "gone"


def grounds(made: DetectionPipeline) -> list[float | None]:
    """Return the ground of each cloud that the model saw."""
    return [ground_height(points) for points in made.predictor.seen]


AUTO = dataclasses.replace(ALL, z_offset_m=None)


def test_an_offset_that_is_measured_holds_from_the_cloud_after(checkpoint) -> None:
    """Five clouds are answered with nothing; then the model sees the ground of its training."""
    made = pipeline(checkpoint)
    fixed = pipeline(checkpoint)
    for number in range(CLOUDS):
        assert made(message(street(-2.23, seed=number)), AUTO).detections.scores.shape == (0,)
    assert made.predictor.seen == []
    points = street(-2.23, seed=99)
    found = made(message(points), AUTO).detections
    assert grounds(made) == [pytest.approx(-1.73, abs=0.05)]
    offset_m = made.auto_offset(AUTO).offset_m
    plain = fixed(message(points), dataclasses.replace(ALL, z_offset_m=offset_m)).detections
    assert len(found.scores) > 0
    torch.testing.assert_close(found.boxes, plain.boxes)


def test_the_ground_is_measured_in_the_models_frame(checkpoint) -> None:
    """A sensor 1 m above the base: its ground at -1.2 is at -0.2 there."""
    buffer = Buffer({("base", "lidar"): rigid((0, 0, 1), STILL)})
    made = pipeline(checkpoint, buffer, sensor_frame="base")
    for number in range(CLOUDS + 1):
        made(message(street(-1.2, seed=number)), AUTO)
    assert made.auto_offset(AUTO).offset_m == pytest.approx(-1.53, abs=0.05)
    assert grounds(made) == [pytest.approx(-1.73, abs=0.05)]


def test_clouds_without_ground_are_seen_as_they_are(checkpoint) -> None:
    made = pipeline(checkpoint)
    for number in range(CLOUDS + 1):
        made(message(stamp_s=1.0 + number), AUTO)
    assert not made.auto_offset(AUTO).found
    np.testing.assert_array_equal(made.predictor.seen[0], POINTS)


def test_a_number_in_between_has_it_measured_anew(checkpoint) -> None:
    made = pipeline(checkpoint)
    for number in range(CLOUDS):
        made(message(street(-2.23, seed=number)), AUTO)
    made(message(street(-2.23)), ALL)
    assert made.auto_offset(ALL) is None
    assert grounds(made) == [pytest.approx(-2.23, abs=0.05)]
    for number in range(CLOUDS + 1):
        made(message(street(-1.03, seed=number)), AUTO)
    assert grounds(made)[1:] == [pytest.approx(-1.73, abs=0.05)]


def test_what_was_settled_is_told_once(checkpoint) -> None:
    startup = default_startup(checkpoint)
    told: list[str] = []
    made = DetectionPipeline(
        load_detector(startup), startup, None, Statistics(), lambda *_: None,
        lambda offset: told.append(offset.text),
    )  # fmt: skip
    for number in range(CLOUDS + 2):
        made(message(street(-2.23, seed=number)), AUTO)
    (text,) = told
    assert text.startswith("0.5")
