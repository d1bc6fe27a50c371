"""Replays with a detector that knows the labels, so that the scores are known, too."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from small_model import small_config
from small_recording import STAMP, STEP_NS, a_car, cloud_message, cloud_points, write_clouds

from pd_ros.detection.types import Detections, InferenceResult
from pd_ros.evaluation.kitti.report import KittiReport
from pd_ros.recordings.detections import NamedBoxes
from pd_ros.recordings.sources import open_source
from pd_ros.replay.__main__ import main
from pd_ros.replay.report import format_report, report_json
from pd_ros.replay.run import Replay, Source, clouds_per_s, latency_ms, replay, score

CLASSES = ("car", "pedestrian", "cyclist")
MODEL = small_config(
    classes=CLASSES, grid={"range_m": [-64.0, -64, -4, 64, 64, 4], "pillar_size_m": [1, 1]}
)
BLIND = MODEL.model_copy(update={"features": ()})


class Oracle:
    """A detector that answers one cloud after another with given boxes."""

    def __init__(self, answers: Iterator[NamedBoxes]) -> None:
        self.answers = answers
        self.widths: set[int] = set()

    def infer(self, points: np.ndarray, /) -> InferenceResult:
        self.widths.add(points.shape[1])
        boxes, names, *_ = next(self.answers)
        rows = [i for i, name in enumerate(names) if name.lower() in CLASSES]
        found = Detections(
            torch.from_numpy(boxes[rows]),
            torch.full((len(rows),), 0.9),
            torch.tensor([CLASSES.index(names[i].lower()) for i in rows], dtype=torch.int64),
        )
        return InferenceResult(found)


def run(
    source: Source, change: Callable[[NamedBoxes], NamedBoxes] = lambda boxes: boxes
) -> Replay:
    truth = source.truth
    assert truth
    return replay(Oracle(iter([change(boxes) for boxes in truth.values()])), source, MODEL)


def shifted(boxes: NamedBoxes) -> NamedBoxes:
    return boxes._replace(boxes=boxes.boxes + np.float32([0, 30, 0, 0, 0, 0, 0]))


def open_(path: Path, labels: Path | None = None) -> Source:
    return open_source(path, None, 1.0, labels, with_truth=True)


@pytest.fixture
def few_kitti_frames(data_dir: Path, tmp_path: Path) -> Path:
    """Six frames of the KITTI object folder, linked."""
    source = data_dir / "kitti_object" / "training"
    for part, suffix in (("velodyne", "bin"), ("label_2", "txt"), ("calib", "txt")):
        (tmp_path / part).mkdir()
        for path in sorted((source / part).glob(f"*.{suffix}"))[:6]:
            (tmp_path / part / path.name).symlink_to(path)
    return tmp_path


def test_kitti_object_folder_by_the_rule_of_kitti(few_kitti_frames: Path) -> None:
    source = open_(few_kitti_frames)
    assert open_(few_kitti_frames / "velodyne").count == source.count == 6
    scores = score(run(source), source, CLASSES)
    assert isinstance(scores, KittiReport)
    cars = scores.num_truth["Car"][2]
    assert cars >= 10
    # KITTI's rule: n objects that are all found fill n - 1 of 40 slots.
    ap = scores.to_json()["Car"]["3d"]["strict"]["R40"][2]
    assert ap == pytest.approx(100 * (min(cars, 41) - 1) / 40, abs=1e-6)
    missed = score(run(source, shifted), source, CLASSES)
    assert isinstance(missed, KittiReport)
    assert missed.to_json()["Car"]["3d"]["strict"]["R40"] == [0, 0, 0]


def test_kitti_command_end_to_end(few_kitti_frames: Path, tmp_path: Path, model_path, capsys):
    out = tmp_path / "out"
    options = ["--model", str(model_path), "--points", str(few_kitti_frames), "--out", str(out)]
    assert main(options) == 0
    table = capsys.readouterr().out
    assert "AP in percent" in table and "Pedestrian" in table and "\nCyclist" not in table
    assert "not asked for: 'Cyclist' (1)" in table
    (few_kitti_frames / "label_2" / "000003.txt").unlink()
    assert main(options) == 2
    assert "label_2/000003.txt: expected a file" in capsys.readouterr().err


def test_kitti_raw_counts_only_what_the_camera_sees(data_dir: Path) -> None:
    source = open_(data_dir / "kitti_raw_0005")
    assert source.camera is not None and source.count == 16
    # A car behind the vehicle, where nobody labelled, is found in every cloud.
    behind = np.array([[-15, 0, -1, 4, 1.8, 1.5, 0]], np.float32)
    result = run(
        source,
        lambda boxes: NamedBoxes(np.r_[boxes.boxes, behind], (*boxes.names, "Car"), boxes.scores),
    )
    rows = score(result, source, CLASSES)
    assert rows is not None and not isinstance(rows, KittiReport)
    assert rows["car"].num_truth >= 16
    assert rows["car"].recall == 1 and rows["car"].false_positives == 0
    assert all(found.boxes[-1, 0] == -15 for found in result.detections.values())
    for panel in result.panels:
        assert panel.unlabelled is not None
        assert panel.unlabelled[-1] and not panel.unlabelled.all()
    lost = score(run(source, shifted), source, CLASSES)
    assert lost is not None and not isinstance(lost, KittiReport)
    assert lost["car"].recall == 0


def test_labels_from_elsewhere_and_none(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "0000000132.bin").symlink_to(
        data_dir / "kitti_raw_0005" / "velodyne" / "0000000132.bin"
    )
    assert open_(tmp_path).truth is None
    source = open_(tmp_path, data_dir / "kitti_raw_0005" / "objects.json")
    assert source.truth is not None and list(source.truth) == ["0000000132"]
    bare = open_source(data_dir / "kitti_raw_0005", None, 1.0, None, with_truth=False)
    assert next(bare.sweeps()).truth is None


def test_sweeps_of_npz_carry_their_own_boxes(tmp_path: Path) -> None:
    for name, cls in (("0", 0), ("1", -1)):
        np.savez(tmp_path / f"{name}.npz", points=cloud_points(), boxes=a_car().boxes,
                 cls=np.array([cls]))  # fmt: skip
    source = open_(tmp_path)
    oracle = Oracle(iter([a_car(), a_car()]))
    result = replay(oracle, source, BLIND)
    assert oracle.widths == {3}
    rows = score(result, source, CLASSES)
    assert rows is not None and not isinstance(rows, KittiReport)
    # The second one is of no class of ours: it takes the detection and counts as nothing.
    assert (rows["car"].num_truth, rows["car"].true_positives, rows["car"].false_positives) == (
        1, 1, 0,
    )  # fmt: skip


def recording(folder: Path, clouds: Sequence[np.ndarray]) -> Path:
    stamps = [STAMP + i * STEP_NS for i in range(len(clouds))]
    messages = [cloud_message(*pair) for pair in zip(stamps, clouds, strict=True)]
    return write_clouds(folder, messages, [(stamp, a_car()) for stamp in stamps])


def test_recording_with_ground_truth(tmp_path: Path) -> None:
    # In the second cloud nothing is on the car, so it is not asked for.
    away = cloud_points() * np.float32([-1, -1, 1, 1]) - np.float32([1, 1, 0, 0])
    source = open_(recording(tmp_path / "drive", [cloud_points(), away[100:]]))
    rows = score(run(source), source, CLASSES)
    assert rows is not None and not isinstance(rows, KittiReport)
    assert (rows["car"].num_truth, rows["car"].recall, rows["car"].false_positives) == (1, 1, 0)
    lost = score(run(source, shifted), source, CLASSES)
    assert lost is not None and not isinstance(lost, KittiReport)
    assert lost["car"].recall == 0


def test_objects_out_of_the_models_range_are_not_asked_for(tmp_path: Path) -> None:
    source = open_(recording(tmp_path / "drive", [cloud_points()]))
    for x1, asked in ((4.0, 0), (6.0, 1)):  # the car's centre is at x = 4
        grid = {"range_m": [-4.0, -8.0, -3.0, x1, 8.0, 1.0], "pillar_size_m": [1.0, 1.0]}
        model = small_config(classes=CLASSES, grid=grid)
        rows = score(replay(Oracle(iter([a_car()])), source, model), source, CLASSES)
        assert rows is not None and not isinstance(rows, KittiReport)
        assert (rows["car"].num_truth, rows["car"].false_positives) == (asked, 0)


def test_a_few_clouds_spread_over_all_are_pictured(tmp_path: Path) -> None:
    source = open_(recording(tmp_path / "drive", [cloud_points(9)] * 13))
    panels = run(source).panels
    assert [panel.title for panel in panels] == [str(STAMP + i * STEP_NS) for i in range(0, 12, 2)]


def test_the_cloud_with_the_most_objects_is_pictured_wherever_it_is(tmp_path: Path) -> None:
    """Every other one of 13 clouds is pictured in any case; the sixth, which is not, has most."""
    stamps = [STAMP + i * STEP_NS for i in range(13)]
    messages = [cloud_message(stamp, cloud_points()) for stamp in stamps]
    one = a_car()
    # In one place, as the clouds have points in no other.
    two = NamedBoxes(np.tile(one.boxes, (2, 1)), ("Car", "Car"), np.ones(2, np.float32))
    truth = [(stamp, two if i == 5 else one) for i, stamp in enumerate(stamps)]
    result = run(open_(write_clouds(tmp_path / "drive", messages, truth)))
    assert [panel.title for panel in result.busiest] == [str(stamps[5])]
    assert str(stamps[5]) not in [panel.title for panel in result.panels]


def test_statistics_of_no_clouds_at_all() -> None:
    nothing = Replay({}, {}, [], [])
    assert latency_ms(nothing) == {"p50": 0, "p95": 0, "max": 0}
    assert clouds_per_s(nothing) == 0
    assert report_json(Path("m"), Path("p"), nothing, None, CLASSES)["frames"] == 0
    assert "0 car" in format_report(nothing, None, CLASSES)


def test_latency_by_hand() -> None:
    result = Replay({}, {}, [0.010, 0.020, 0.030, 0.040, 0.100], [])
    assert latency_ms(result) == pytest.approx({"p50": 30, "p95": 88, "max": 100})
    assert clouds_per_s(result) == pytest.approx(25)
