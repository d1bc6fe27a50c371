from pathlib import Path

import numpy as np
import pytest

from training.datasets.npz import read_frame
from training.simulate import frames as module
from training.simulate.frames import simulate_frame, write_frame, write_frames
from training.simulate.lidar.observe import SimulatedFrame
from training.simulate.lidar.sensor_files import load_rig
from training.simulate.mixture import Part

NUMBER = {"car": 0, "pedestrian": 1, "cyclist": 2, "van": -1, "truck": -1, "bus": -1}
NUMBER |= dict.fromkeys(("trailer", "bicycle", "motorcycle"), -1)


@pytest.fixture(scope="module")
def sweeps(coarse) -> list[SimulatedFrame]:
    return [simulate_frame(seed, load_rig("vlp16")) for seed in range(3)] + [
        simulate_frame(seed, coarse) for seed in range(3, 8)
    ]


def inside(points, box):
    """Which points lie in a box, worked out in its own axes."""
    along = points[:, :3].astype(float) - box[:3]
    cos, sin = np.cos(box[6]), np.sin(box[6])
    x, y = cos * along[:, 0] + sin * along[:, 1], cos * along[:, 1] - sin * along[:, 0]
    offsets = np.abs(np.stack((x, y, along[:, 2]), axis=1))
    return offsets - box[3:6] / 2


def test_boxes_hold_as_many_points_as_is_said(sweeps) -> None:
    for sweep in sweeps:
        assert len(sweep.boxes) > 3
        for box, count in zip(sweep.boxes.astype(float), sweep.num_points, strict=True):
            beyond = inside(sweep.points, box).max(axis=1)
            assert (beyond < -1e-5).sum() <= count <= (beyond < 1e-5).sum()
            assert count > 0


def test_a_box_that_was_moved_is_nearly_empty(sweeps) -> None:
    """The points are where the boxes are: 30 m to the side are few."""
    sweep = sweeps[0]
    counts = []
    for box in sweep.boxes[sweep.num_points > 50].astype(float):
        box[2] += 8
        counts.append((inside(sweep.points, box).max(axis=1) < 0).sum())
    assert len(counts) > 2 and np.median(counts) < 5


def test_undersides_lie_near_the_ground_points(sweeps) -> None:
    gaps = []
    for sweep in sweeps:
        boxes = sweep.boxes.astype(float)
        grown = boxes + np.array([0, 0, 0, 0.3, 0.3, 0.3, 0])
        free = np.all([inside(sweep.points, box).max(axis=1) > 0 for box in grown], axis=0)
        others = sweep.points[free]
        for box in boxes[np.hypot(boxes[:, 0], boxes[:, 1]) < 20]:
            near = np.hypot(others[:, 0] - box[0], others[:, 1] - box[1]) < 4
            if near.sum() >= 10:
                gaps.append(np.percentile(others[near, 2], 15) - (box[2] - box[5] / 2))
    gaps = np.array(gaps)
    assert len(gaps) > 20
    assert abs(np.median(gaps)) < 0.08
    assert (np.abs(gaps) < 0.3).mean() > 0.85


def test_points_lie_on_the_beams_that_they_name(sweeps, coarse) -> None:
    for sweep, rig in ((sweeps[0], load_rig("vlp16")), (sweeps[3], coarse)):
        sensor = rig.sensors[0].sensor
        scan, (shortest, longest) = sensor.scan, sensor.range_m
        xyz = sweep.points[:, :3].astype(float)
        distance = np.linalg.norm(xyz, axis=1)
        sure = distance > 3  # millimetres matter close by
        elevation = np.degrees(np.arcsin(xyz[:, 2] / distance))
        table = np.array(scan.elevations)[sweep.ring]
        np.testing.assert_allclose(elevation[sure], table[sure], atol=0.03)
        step = np.round(sweep.time_s / 0.1 * scan.firings_per_turn)
        azimuth = np.pi - step * 2 * np.pi / scan.firings_per_turn
        turn = np.arctan2(xyz[:, 1], xyz[:, 0]) - azimuth
        assert np.abs(np.sin(turn[sure])).max() < 5e-4 and (np.cos(turn) > 0).all()
        assert sweep.time_s.min() >= 0 and sweep.time_s.max() < 0.1
        assert shortest - 0.01 < distance.min()
        assert distance.max() < longest + 0.01


def test_types_and_ranges(sweeps) -> None:
    for sweep in sweeps:
        assert sweep.points.dtype == sweep.boxes.dtype == np.float32
        assert sweep.points.shape[1:] == (4,) and sweep.boxes.shape[1:] == (7,)
        assert ((sweep.points[:, 3] >= 0) & (sweep.points[:, 3] <= 1)).all()
        assert ((sweep.boxes[:, 6] >= -np.pi) & (sweep.boxes[:, 6] <= np.pi)).all()
        assert sweep.cls.tolist() == [NUMBER[label] for label in sweep.labels]
        assert np.isfinite(sweep.points).all()


def test_frames_are_equal_for_equal_seeds(coarse, sweeps) -> None:
    again = simulate_frame(3, coarse)
    assert again.points.tobytes() == sweeps[3].points.tobytes()
    assert again.boxes.tobytes() == sweeps[3].boxes.tobytes()
    assert again.points.tobytes() != simulate_frame(4, coarse).points.tobytes()


def test_a_written_frame_is_read_as_training_reads_it(tmp_path, sweeps) -> None:
    path = tmp_path / "000000.npz"
    write_frame(path, sweeps[0])
    frame = read_frame(path, (1, 0, -1))
    np.testing.assert_array_equal(frame.points, sweeps[0].points)
    np.testing.assert_array_equal(frame.boxes, sweeps[0].boxes)
    np.testing.assert_array_equal(frame.num_points, sweeps[0].num_points)
    known = {"pedestrian": 0, "car": 1}
    assert frame.labels.tolist() == [known.get(label, -1) for label in sweeps[0].labels]
    with np.load(path, allow_pickle=False) as file:
        assert tuple(file["labels"]) == sweeps[0].labels
        assert file["track_id"].tolist() == sweeps[0].track_id.tolist()
        assert file["stamp"] == sweeps[0].stamp_ns
    assert list(tmp_path.iterdir()) == [path]


def test_a_frame_that_could_not_be_written_leaves_no_file_of_its_name(
    tmp_path, sweeps, monkeypatch
) -> None:
    def full(file: object, **arrays: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(module.np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space left"):
        write_frame(tmp_path / "000000.npz", sweeps[0])
    assert not list(tmp_path.glob("*.npz"))


def test_write_frames_goes_on_where_it_was_ended(tmp_path: Path, coarse) -> None:
    out = tmp_path / "some" / "where"
    out.mkdir(parents=True)
    mine = out / "000001.npz"
    mine.write_bytes(b"stays")
    write_frames(out, 3, 7, [Part(coarse)])
    assert mine.read_bytes() == b"stays"
    assert sorted(path.name for path in out.iterdir()) == [f"00000{i}.npz" for i in range(3)]
    with np.load(out / "000002.npz") as file:
        np.testing.assert_array_equal(file["points"], simulate_frame(7_000_002, coarse).points)


@pytest.mark.parametrize(("count", "workers"), [(0, 1), (-3, 1), (5, 0)])
def test_no_frames_and_no_workers_are_refused(tmp_path, coarse, count, workers) -> None:
    with pytest.raises(ValueError, match=f"at least 1, got {count} and {workers}"):
        write_frames(tmp_path / "out", count, 1, [Part(coarse)], workers)
    assert not (tmp_path / "out").exists()


def test_a_teachers_sensor_sees_the_same_scenes_from_the_same_place(tmp_path, coarse) -> None:
    write_frames(tmp_path / "alone", 2, 7, [Part(coarse)])
    write_frames(tmp_path / "both", 2, 7, [Part(coarse)], teachers=load_rig("vlp16"))
    for name in ("000000.npz", "000001.npz"):
        with (
            np.load(tmp_path / "alone" / name) as alone,
            np.load(tmp_path / "both" / name) as both,
        ):
            for key in alone:
                np.testing.assert_array_equal(alone[key], both[key], err_msg=key)
            theirs, ground = both["teacher_points"], np.median(both["points"][:, 2])
            assert "teacher_points" not in alone
            assert theirs.shape[1:] == (4,) and len(theirs) != len(both["points"])
            near = theirs[np.abs(theirs[:, 2] - ground) < 0.5]
            assert len(near) > 0.2 * len(theirs)  # the same height above the same ground
