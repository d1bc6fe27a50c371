"""Files of clouds: good ones read as they are, damaged ones refused by name."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_recording import cloud_points

from pd_ros.recordings.cloud_files import list_clouds, read_cloud

POINTS = cloud_points(50)
HEADER = """# .PCD v0.7
VERSION 0.7
FIELDS x y z intensity
SIZE 4 4 4 4
TYPE F F F F
COUNT 1 1 1 1
WIDTH 50
HEIGHT 1
VIEWPOINT 0 0 0 1 0 0 0
POINTS 50
DATA """


def write(path: Path) -> Path:
    """The same points in a file of any kind."""
    boxes = np.array([[4, 1, -1, 4, 2, 1.5, 0.2], [1, 1, -1, 1, 1, 2, 0]], np.float32)
    match path.suffix:
        case ".bin":
            path.write_bytes(POINTS.astype("<f4").tobytes())
        case ".npz":
            np.savez_compressed(path, points=POINTS, boxes=boxes, cls=np.array([0, -1], np.int8))
        case ".pcd":
            path.write_bytes(f"{HEADER}binary\n".encode() + POINTS.astype("<f4").tobytes())
    return path


@pytest.mark.parametrize("suffix", [".bin", ".npz", ".pcd"])
def test_every_kind_gives_the_same_points(tmp_path: Path, suffix: str) -> None:
    cloud = read_cloud(write(tmp_path / f"a{suffix}"), 1.0)
    np.testing.assert_array_equal(cloud.points, POINTS)
    scaled = read_cloud(tmp_path / f"a{suffix}", 0.5).points
    np.testing.assert_array_equal(scaled, POINTS * np.array([1, 1, 1, 0.5], np.float32))
    assert (cloud.truth is not None) == (suffix == ".npz")


def test_npz_boxes_have_names(tmp_path: Path) -> None:
    truth = read_cloud(write(tmp_path / "a.npz"), 1.0).truth
    assert truth is not None
    assert truth.names == ("car", "")
    assert truth.boxes[0].tolist() == pytest.approx([4, 1, -1, 4, 2, 1.5, 0.2])


def test_npz_class_numbers_that_nobody_knows_are_of_no_class(tmp_path: Path) -> None:
    boxes = np.tile(np.array([[4, 1, -1, 4, 2, 1.5, 0.2]], np.float32), (6, 1))
    for cls in ([2, 3, 7, -1, -2, 0], np.array([2, 3, 255, 254, 9, 0], np.uint8)):
        np.savez(tmp_path / "a.npz", points=POINTS, boxes=boxes, cls=cls)
        truth = read_cloud(tmp_path / "a.npz", 1.0).truth
        assert truth is not None
        assert truth.names == ("cyclist", "", "", "", "", "car")


def test_points_that_are_not_finite_are_left_out_and_no_points_are_fine(tmp_path: Path) -> None:
    points = POINTS.copy()
    points[3, 1], points[4, 3] = np.nan, np.inf
    (tmp_path / "a.bin").write_bytes(points.tobytes())
    points = read_cloud(tmp_path / "a.bin", 1.0).points
    assert (len(points), points[3, 3]) == (49, 0)  # a missing intensity costs no point
    (tmp_path / "empty.bin").write_bytes(b"")
    assert read_cloud(tmp_path / "empty.bin", 1.0).points.shape == (0, 4)
    np.savez(tmp_path / "empty.npz", points=np.zeros((0, 4)))
    assert read_cloud(tmp_path / "empty.npz", 1.0).points.shape == (0, 4)


def test_ascii_pcd_with_odd_fields(tmp_path: Path) -> None:
    path = tmp_path / "a.pcd"
    path.write_text(
        "FIELDS label _ z y x Intensity _\nSIZE 4 1 8 4 4 1 2\nTYPE U U F F F U I\n"
        "COUNT 2 3 1 1 1 1 1\nWIDTH 1\nHEIGHT 3\nDATA ascii\n"
        "7 8 0 0 0 3.5 2.5 1.5 255 -1\n\n7 8 0 0 0 nan 2.5 1.5 0 -1\n7 8 0 0 0 -1 -2 -3 51 -1\n"
    )
    points = read_cloud(path, 1.0).points
    np.testing.assert_allclose(points, [[1.5, 2.5, 3.5, 1], [-3, -2, -1, 0.2]])
    assert read_cloud(path, 10.0).points[1, 3] == pytest.approx(2)


def test_real_vlp16_cloud(data_dir: Path) -> None:
    (path,) = (data_dir / "other_sensors").glob("*.pcd")
    points = read_cloud(path, 1.0).points
    body = path.read_bytes().split(b"DATA binary\n", 1)[1]
    raw = np.frombuffer(body, np.uint8).reshape(14831, 32)
    np.testing.assert_array_equal(points[:, :3], raw[:, :12].copy().view("<f4"))
    np.testing.assert_allclose(points[:, 3], raw[:, 12] / 255, rtol=1e-6)
    assert points[:, 3].max() == pytest.approx(119 / 255)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.bin", bytes(17), "expected 16 bytes for each point .* got 17 bytes, 1 too many"),
        ("a.bin", bytes(40), "got 40 bytes, 8 too many; the file is cut"),
        ("a.npz", b"", "expected a sweep"),
        ("a.npz", b"not a zip", "expected a sweep"),
        ("a.pcd", b"", "expected a PCD header that ends with DATA, found none"),
        ("a.pcd", b"\x89PNG\r\n\x1a\n", "expected a PCD header"),
        ("a.pcd", f"{HEADER}binary\n".encode() + bytes(799), "expected 800 bytes .* got 799"),
        ("a.pcd", f"{HEADER}binary_zipped\n".encode(), "or binary_compressed, got binary_zipped"),
        ("a.pcd", f"{HEADER}ascii\n1 2 3 4\n".encode(), "expected 50 lines of 4 numbers .* got 1"),
        ("a.pcd", HEADER.replace("TYPE F", "TYPE Q").encode() + b"ascii\n", "missing entry: 'Q'"),
        ("a.pcd", HEADER.replace("SIZE 4", "SIZE 3").encode() + b"ascii\n", "missing entry: .*f3"),
        ("a.pcd", HEADER.replace("WIDTH 50", "WIDTH -5").encode() + b"binary\n", "WIDTH -5"),
        ("a.pcd", HEADER.replace("WIDTH 50\n", "").encode() + b"binary\n", "entry: 'WIDTH'"),
        ("a.pcd", HEADER.replace("x y z", "u v z").encode() + b"binary\n" + bytes(800),
         "expected x, y, z, got u, v, z, intensity; choose a topic or a file"),
        ("a.pcd", b"FIELDS x y z\nSIZE 8 8 8\nTYPE I I I\nWIDTH 1\nHEIGHT 1\nDATA ascii\n1 2 3\n",
         "field x: expected a datatype"),
        ("a.pcd", b"FIELDS x y z\nSIZE 1 1 1\nTYPE U U U\nWIDTH 1\nHEIGHT 1\nDATA ascii\n0 0 999",
         "numbers that fit"),
        ("a.ply", b"ply", "expected a file of .bin, .npz, .npy, .pcd, got .ply"),
    ],
)  # fmt: skip
def test_damaged_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        read_cloud(path, 1.0)
    assert str(error.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"cloud": POINTS}, "points"),
        ({"points": POINTS[:, :3]}, r"points: expected \[N, 4\] .* got \[50, 3\]"),
        ({"points": np.array(["a"])}, "expected a sweep"),
        ({"points": np.array([{}])}, "expected a sweep"),
        ({"points": POINTS, "boxes": np.zeros((1, 7))}, "cls"),
        ({"points": POINTS, "boxes": np.zeros((1, 7)), "cls": [0, 0]}, r"expected \[2, 7\]"),
        ({"points": POINTS, "boxes": np.zeros((7, 2)), "cls": [0, 0]}, r"got \[7, 2\]"),
        ({"points": POINTS, "boxes": np.ones((1, 7)), "cls": [0.5]}, "cls: expected whole"),
        ({"points": POINTS, "boxes": np.ones((1, 7)), "cls": ["car"]}, "cls: expected whole"),
    ],
)
def test_npz_of_another_content(tmp_path: Path, arrays, message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=message) as error:
        read_cloud(tmp_path / "a.npz", 1.0)
    assert str(tmp_path / "a.npz") in str(error.value)


def test_one_array_by_the_name_of_npz(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", POINTS)
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    with pytest.raises(ValueError, match="got one array, not named ones"):
        read_cloud(tmp_path / "a.npz", 1.0)


@settings(max_examples=150,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(suffix=st.sampled_from([".npz", ".pcd"]), data=st.data())
def test_damage_anywhere_gives_points_or_one_clear_error(
    tmp_path: Path, suffix: str, data: st.DataObject
) -> None:
    path = write(tmp_path / f"damaged{suffix}")
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(content), 400) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.sampled_from([len(content), len(content) // 2, 200]))])
    try:
        points = read_cloud(path, 1.0).points
    except ValueError as error:
        assert str(error).startswith(f"{path}: ")
    else:
        assert points.shape[1] == 4 and np.isfinite(points).all()


def test_folders(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"expected clouds \(\*\.bin, \*\.npz, \*\.npy, \*\.pcd\)"
    ):
        list_clouds(tmp_path)
    (tmp_path / "velodyne").mkdir()
    second, first = write(tmp_path / "velodyne" / "2.bin"), write(tmp_path / "velodyne" / "1.bin")
    assert list_clouds(tmp_path) == [first, second] == list_clouds(tmp_path / "velodyne")
    write(tmp_path / "velodyne" / "3.pcd")
    with pytest.raises(ValueError, match=r"expected clouds of one kind, got \.bin, \.pcd"):
        list_clouds(tmp_path)
