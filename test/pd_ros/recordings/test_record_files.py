"""A folder of clouds made a recording: the same clouds and labels, ten a second."""

from pathlib import Path

import numpy as np
import pytest
from small_recording import cloud_points

from pd_ros.recordings.record_files import record_files
from pd_ros.recordings.sources import FolderSource, RecordingSource, open_source

BOX = np.array([[4, 1, -1, 4, 2, 1.5, 0.2]], np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> FolderSource:
    data = tmp_path / "data"
    data.mkdir()
    np.savez(data / "a.npz", points=cloud_points(50), boxes=BOX, cls=np.array([0], np.int8))
    np.savez(data / "b.npz", points=cloud_points(7), boxes=BOX[:0], cls=np.zeros(0, np.int8))
    np.savez(data / "c.npz", points=cloud_points(3))
    source = open_source(data, None, 0.5, None, with_truth=True)
    assert isinstance(source, FolderSource)
    return source


def test_clouds_and_labels_are_the_same(folder: FolderSource, tmp_path: Path) -> None:
    recorded = record_files(folder, tmp_path / "clouds.mcap")
    read = open_source(tmp_path / "clouds.mcap", None, 1.0, None, with_truth=True)
    assert isinstance(read, RecordingSource) and read.count == recorded.count == 3
    sweeps, expected = list(read.sweeps()), list(folder.sweeps())
    for sweep, file in zip(sweeps, expected, strict=True):
        np.testing.assert_array_equal(sweep.points, file.points)
    np.testing.assert_allclose(sweeps[0].truth.boxes, BOX, atol=1e-6)
    assert sweeps[0].truth.names == ("car",) and sweeps[1].truth.names == ()
    assert sweeps[2].truth is None  # nobody labelled it
    stamps = [int(sweep.frame) for sweep in sweeps]
    assert np.diff(stamps).tolist() == [100_000_000] * 2
    assert recorded.truth.keys() == set(stamps[:2])


def test_what_a_camera_saw_is_kept(folder: FolderSource, tmp_path: Path) -> None:
    projection = {"P2": np.eye(3, 4), "T_velo_to_rect": np.eye(4), "image_wh": np.array([9, 9])}
    boxes = {"boxes": BOX, "cls": np.array([0], np.int8)}
    np.savez(folder.files[0], points=cloud_points(50), **boxes, **projection)
    recorded = record_files(folder, tmp_path / "clouds.mcap")
    seen = [sweep.view is not None for sweep in recorded.sweeps()]
    assert seen == [sweep.view is not None for sweep in folder.sweeps()] == [True, False, False]


def test_a_cloud_that_cannot_be_read_leaves_no_recording(
    folder: FolderSource, tmp_path: Path
) -> None:
    folder.files[1].write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"b\.npz"):
        record_files(folder, tmp_path / "out.mcap")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
