"""Bare numbers: how many columns they lie in is told, or noticed."""

import numpy as np
import pytest
from small_recording import cloud_points
from street import street

from pd_ros.inspect_cloud.inspection import inspect
from pd_ros.pointcloud.bin_columns import Columns, parse_columns
from pd_ros.recordings.cloud_files import read_cloud, read_raw
from pd_ros.replay.__main__ import main


def scan() -> np.ndarray:
    """A street in the order of azimuth."""
    points = street()
    return points[np.arctan2(points[:, 1], points[:, 0]).argsort()]


def as_columns(points: np.ndarray, number: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    more = [rng.integers(0, 64, len(points)), np.linspace(0, 0.1, len(points)),
            rng.uniform(0, 255, len(points)), rng.integers(0, 2, len(points)),
            *rng.uniform(0, 1, (5, len(points)))]  # fmt: skip
    return np.column_stack([points, *more])[:, :number].astype(np.float32)


KINDS = [
    (3, "<f4", "3"), (5, "<f4", "5"), (6, "<f4", "6"), (8, "<f4", "8"), (4, "<f8", "4:f8"),
    (5, "<f8", "5:f8"), (3, "<f8", "3:f8"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "kind", "text"), KINDS)
def test_other_columns_are_refused_by_what_they_are_and_read_if_told(
    tmp_path, number, kind, text
) -> None:
    points, path = scan(), tmp_path / "a.bin"
    path.write_bytes(as_columns(points, number).astype(kind).tobytes())
    with pytest.raises(ValueError, match=rf"a\.bin: expected .*, columns {text} as it seems"):
        read_cloud(path, 1.0)
    expected = points.copy()
    if number == 3:
        expected[:, 3] = 0
    np.testing.assert_array_equal(
        read_cloud(path, 1.0, columns=parse_columns(text)).points, expected
    )


@pytest.mark.parametrize("kind", ["<f4", ">f4"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_usual_columns_are_right_in_any_order(tmp_path, kind, shuffled) -> None:
    points, path = scan(), tmp_path / "a.bin"
    if shuffled:
        np.random.default_rng(0).shuffle(points)
    path.write_bytes(points.astype(kind).tobytes())
    np.testing.assert_array_equal(read_cloud(path, 1.0).points, points)
    assert read_raw(path).layout == read_raw(path, Columns()).layout


def test_real_sweeps_have_the_columns_they_have(data_dir, tmp_path) -> None:
    for path in sorted((data_dir / "kitti_object/training/velodyne").glob("*.bin"))[::6]:
        points = read_cloud(path, 1.0).points
        other = tmp_path / "other.bin"
        other.write_bytes(as_columns(points, 6).tobytes())
        with pytest.raises(ValueError, match="columns 6 as it seems"):
            read_cloud(other, 1.0)


def test_nuscenes_files_have_five(tmp_path) -> None:
    path = tmp_path / "a.pcd.bin"
    path.write_bytes(as_columns(scan(), 5).tobytes())
    assert len(read_cloud(path, 1.0).points) == len(scan())
    path.write_bytes(as_columns(scan(), 4).tobytes())
    with pytest.raises(ValueError, match="columns 4 as it seems"):
        read_cloud(path, 1.0)


def test_numbers_that_are_no_coordinates_are_refused_even_if_told(tmp_path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(np.random.default_rng(0).bytes(16 * 1000))
    for columns in (None, Columns(4), Columns(5)):
        with pytest.raises(ValueError, match="expected coordinates of up to 1e"):
            read_cloud(path, 1.0, columns=columns)
    path.write_bytes(as_columns(scan(), 4).astype("<f8").tobytes())
    with pytest.raises(ValueError, match="columns 4:f8 as it seems"):
        read_cloud(path, 1.0, columns=Columns(4))


@pytest.mark.parametrize("text", ["", "2", "17", "4:f2", "x y z", "-4", "4.0"])
def test_what_names_no_columns(text) -> None:
    with pytest.raises(ValueError, match=r"columns: expected how many numbers a point has"):
        parse_columns(text)
    assert (parse_columns("6"), parse_columns("4:f8")) == (Columns(6), Columns(4, "f8"))


def test_only_bare_numbers_need_columns(tmp_path) -> None:
    np.save(tmp_path / "a.npy", cloud_points())
    with pytest.raises(ValueError, match=r"columns: expected none for \.npy.*got 5, leave it out"):
        read_cloud(tmp_path / "a.npy", 1.0, columns=Columns(5))


def test_commands_take_columns(model_path, tmp_path, capsys) -> None:
    folder = tmp_path / "clouds"
    folder.mkdir()
    rows = as_columns(cloud_points(3000), 6)
    (folder / "a.bin").write_bytes(rows.tobytes())
    command = ["--model", str(model_path), "--points", str(folder), "--out", str(tmp_path / "o")]
    assert main(command) == 2
    assert "columns 6 as it seems: say so" in capsys.readouterr().err
    assert main([*command, "--columns", "6"]) == 0
    told = (tmp_path / "o" / "detections.json").read_text()
    (folder / "a.bin").write_bytes(rows[:, :4].tobytes())
    assert main(command) == 0
    assert (tmp_path / "o" / "detections.json").read_text() == told
    assert inspect([str(folder / "a.bin"), "--columns", "7"]) == 2
    (folder / "a.bin").write_bytes(rows.tobytes())
    assert inspect([str(folder / "a.bin"), "--columns", "6"]) in (0, 1)


def test_chance_makes_no_good_file_a_bad_one(tmp_path) -> None:
    """Points in no order: numbers a few points apart differ as much as neighbours do."""
    for seed in range(60):
        rows = cloud_points(300 if seed % 2 else 1500, seed=seed)
        path = tmp_path / f"{seed}.bin"
        path.write_bytes(rows.tobytes())
        assert len(read_cloud(path, 1.0).points) == len(rows)


def test_points_that_come_in_turn_are_no_columns(tmp_path) -> None:
    """Two lasers in turn, an echo and none in turn: each second point is like the last but one."""
    rows = cloud_points(4000)
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    turn = rows.copy()
    turn[0::2], turn[1::2] = rows[:2000], rows[2000:]
    nulls = rows.copy()
    nulls[1::2] = 0
    for name, cloud in (("turn", turn), ("nulls", nulls)):
        path = tmp_path / f"{name}.bin"
        path.write_bytes(cloud.tobytes())
        assert len(read_cloud(path, 1.0).points) == (cloud[:, :3] != 0).any(axis=1).sum()


@pytest.mark.parametrize(("number", "order"), [(10, "<"), (13, "<"), (5, ">")])
def test_many_columns_and_the_other_byte_order_are_seen_too(number, order, tmp_path) -> None:
    rows = as_columns(cloud_points(3000), number).astype(f"{order}f4")
    path = tmp_path / "a.bin"
    path.write_bytes(rows.tobytes())
    with pytest.raises(ValueError, match=f"columns {number} as it seems"):
        read_cloud(path, 1.0)
