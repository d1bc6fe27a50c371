from pathlib import Path

import numpy as np
import pytest
import torch

from pd_ros.evaluation.kitti.view import in_regions
from training.config.run import SourceConfig
from training.datasets.frame import split_labels
from training.datasets.npz import FILE_CLASSES, read_frame
from training.datasets.source import open_source
from training.evaluate.scoring import to_ground_truth

BOXES = np.array([[5, 1, -1, 4, 2, 1.5, 0.3], [9, 2, -1, 1, 1, 2, 0], [0, 0, 0, 9, 3, 3, 0]])


def write_sweep(path: Path, **changes: object) -> None:
    arrays = {
        "points": np.array([[5, 1, -1, 0.5], [7, 7, 0, 0.25]], np.float32),
        "boxes": BOXES.astype(np.float32),
        "cls": np.array([0, 1, -1], np.int8),
        "num_points": np.array([1, 0, 1], np.int32),
    }
    np.savez(path, **{**arrays, **changes})


# At the LiDAR, 700 pixels a metre at 1 m, its middle at (600, 180).
CAMERA = {
    "P2": np.array([[700.0, 0, 600, 0], [0, 700, 180, 0], [0, 0, 1, 0]]),
    "T_velo_to_rect": np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]),
    "image_wh": np.array([1200, 360], np.int32),
}


def opened(path: Path, classes=("pedestrian", "car"), **keys: object):
    return open_source(SourceConfig(path=str(path), **keys), classes)


def test_sweeps_by_name_as_they_were_written(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        write_sweep(tmp_path / f"{name}.npz")
    frames = opened(tmp_path)
    assert [Path(frames.name(i)).stem for i in range(len(frames))] == ["a", "b", "c"]
    frame = frames[0]
    np.testing.assert_array_equal(frame.boxes, BOXES.astype(np.float32))
    assert frame.points.tolist() == [[5, 1, -1, 0.5], [7, 7, 0, 0.25]]
    assert frame.labels.tolist() == frames.labels(0).tolist() == [1, 0, -1]
    assert frame.num_points.tolist() == [1, 0, 1]


def test_points_that_are_no_echoes_are_left_out(tmp_path: Path) -> None:
    """As of the same points in a recording; an intensity that is not finite is missing."""
    points = [
        [np.nan, 0, 0, 0],
        [5, 1, -1, np.nan],
        [0, 0, 0, 0.5],
        [1, np.inf, 1, 1],
        [7, 7, 0, 1],
    ]
    write_sweep(tmp_path / "a.npz", points=np.array(points, np.float32))
    for labelled in (True, False):
        source = SourceConfig(path=str(tmp_path), labelled=labelled)
        frame = open_source(source, FILE_CLASSES)[0]
        assert frame.points.tolist() == [[5, 1, -1, 0], [7, 7, 0, 1]]
        assert len(open_source(source, FILE_CLASSES, as_read=True)[0].points) == len(points)


def test_class_numbers_that_nobody_knows_are_ignored(tmp_path: Path) -> None:
    for cls in ([7, -2, 1], np.array([[255], [3], [1]], np.uint8)):
        write_sweep(tmp_path / "a.npz", cls=cls)
        frames = opened(tmp_path)
        assert frames[0].labels.tolist() == frames.labels(0).tolist() == [-1, -1, 0]


@pytest.mark.parametrize("cls", [["car"] * 3, [0.5, 1, 2], [np.nan, 1, 2]])
def test_class_numbers_that_are_none_name_the_file(tmp_path: Path, cls) -> None:
    write_sweep(tmp_path / "a.npz", cls=cls)
    with pytest.raises(ValueError, match=r"a\.npz: cls: expected whole numbers"):
        opened(tmp_path)[0]


def test_a_source_is_raised_and_limited(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_sweep(tmp_path / f"{name}.npz")
    frames = opened(tmp_path, z_shift_m=-1.25, limit=1)
    assert len(frames) == 1
    assert frames[0].points[:, 2].tolist() == [-2.25, -1.25]
    assert frames[0].boxes[:, 2].tolist() == [-2.25, -2.25, -1.25]
    assert len(opened(tmp_path, limit=9)) == 2


def test_classes_can_be_mapped(tmp_path: Path) -> None:
    write_sweep(tmp_path / "a.npz")
    frames = opened(tmp_path, ("vehicle",), class_map={"car": "vehicle"})
    assert frames[0].labels.tolist() == frames.labels(0).tolist() == [0, -1, -1]


@pytest.mark.parametrize(
    ("classes", "class_map", "expected"),
    [
        (("car",), {"van": "car"}, "class_map.van: expected one of the format's names"),
        (("car",), {"car": "cra"}, "class_map.car: expected a class of the model"),
        (("boat",), {}, "for some class of the model (boat), got none"),
    ],
)
def test_class_maps_that_cannot_be_meant(tmp_path: Path, classes, class_map, expected) -> None:
    write_sweep(tmp_path / "a.npz")
    with pytest.raises(ValueError) as error:
        opened(tmp_path, classes, class_map=class_map)
    assert expected in str(error.value)
    assert str(error.value).startswith(str(tmp_path))


def test_features_that_are_not_there(tmp_path: Path) -> None:
    write_sweep(tmp_path / "a.npz")
    with pytest.raises(ValueError, match="time_lag as the model wants, the format npz has int"):
        open_source(SourceConfig(path=str(tmp_path)), ("car",), ("intensity", "time_lag"))
    frames = open_source(SourceConfig(path=str(tmp_path)), ("car",), ())
    assert frames[0].points.tolist() == [[5, 1, -1], [7, 7, 0]]


def test_a_sweep_without_an_array_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", points=np.zeros((3, 4)))
    with pytest.raises(ValueError, match=r"a\.npz: expected a labelled sweep"):
        read_frame(tmp_path / "a.npz")


WRONG = {
    "points of three columns": {"points": np.zeros((5, 3), np.float32)},
    "flat points": {"points": np.zeros(8, np.float32)},
    "complex points": {"points": np.zeros((5, 4), complex)},
    "seven boxes of nine": {"boxes": np.ones((7, 9)), "cls": [0] * 9, "num_points": [1] * 9},
    "fewer boxes than cls": {"boxes": np.ones((2, 7))},
    "fewer num_points": {"num_points": [1]},
    "num_points of text": {"num_points": ["1", "0", "1"]},
}


@pytest.mark.parametrize("case", WRONG)
def test_arrays_of_another_shape_or_type_name_the_file(tmp_path: Path, case) -> None:
    write_sweep(tmp_path / "a.npz", **WRONG[case])
    name = next(iter(WRONG[case]))
    with pytest.raises(ValueError, match=rf"a\.npz: {name}: expected numbers \["):
        read_frame(tmp_path / "a.npz")


def test_files_that_are_damaged_inside_are_named(tmp_path: Path) -> None:
    """Packed data that does not unpack, one array without a name, Python objects."""
    path = tmp_path / "a.npz"
    np.savez_compressed(path, points=np.random.default_rng(0).random((5000, 4)))
    data = path.read_bytes()
    path.write_bytes(data[:300] + bytes(200) + data[500:])
    with pytest.raises(ValueError, match=r"a\.npz: expected a labelled sweep"):
        read_frame(path)
    np.save(tmp_path / "b.npy", np.zeros((5, 4)))
    (tmp_path / "b.npy").rename(path)
    with pytest.raises(ValueError, match="got one array, not named ones"):
        read_frame(path)
    write_sweep(path, points=np.array([None, 1], object))
    with pytest.raises(ValueError, match=r"a\.npz: expected a labelled sweep"):
        read_frame(path)


def test_the_corpus_is_read_as_it_is(data_dir: Path) -> None:
    frames = opened(data_dir / "corpus" / "kitti_raw_0001", ("car",))
    with np.load(frames.name(2)) as file:
        frame = frames[2]
        np.testing.assert_array_equal(frame.points, file["points"])
        np.testing.assert_array_equal(frame.boxes, file["boxes"])
        np.testing.assert_array_equal(frame.num_points, file["num_points"])
        np.testing.assert_array_equal(frame.labels == 0, file["cls"] == 0)


def test_points_of_an_unlabelled_region_are_ignored(tmp_path: Path) -> None:
    """(5, 1, -1) projects to (460, 320), which lies in the region; (7, 7, 0) to (-100, 180)."""
    regions = np.array([[450, 310, 470, 330]], np.float32)
    write_sweep(tmp_path / "a.npz", **CAMERA, dontcare_2d=regions)
    frame = opened(tmp_path, z_shift_m=-1.25)[0]
    assert frame.regions == 1
    assert frame.labels.tolist() == [1, 0, -1, -1]
    assert frame.boxes[3, :3].tolist() == pytest.approx([5, 1, -2.25])
    assert frame.num_points.tolist() == [1, 0, 1, 1]
    ignored = split_labels(frame, 1).ignored
    assert ignored[-1].tolist() == pytest.approx(frame.boxes[3].tolist())
    truth = to_ground_truth(frame, 1, (-50, -50, -5, 50, 50, 5))
    assert truth.labels.tolist() == [1, 0, -1]  # regions are judged in the image
    assert frame.view is not None
    lifted = torch.tensor([[5, 1, -2.25, 0.1, 0.1, 0.1, 0]])
    assert in_regions(lifted, frame.view).tolist() == [True]


def test_a_sweep_with_a_camera_but_no_regions(tmp_path: Path) -> None:
    write_sweep(tmp_path / "a.npz", **CAMERA, dontcare_2d=np.zeros((0, 4), np.float32))
    write_sweep(tmp_path / "b.npz")
    first, second = (opened(tmp_path)[i] for i in (0, 1))
    assert (len(first.boxes), first.regions, first.view is None) == (3, 0, False)
    assert second.view is None


def test_a_damaged_camera_names_the_file(tmp_path: Path) -> None:
    write_sweep(tmp_path / "a.npz", **{**CAMERA, "P2": np.zeros(5)})
    with pytest.raises(ValueError, match=r"a\.npz: expected a labelled sweep"):
        opened(tmp_path)[0]
