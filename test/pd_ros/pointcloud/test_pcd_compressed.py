"""PCD files of kind binary_compressed, and the format that compresses them."""

import contextlib
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_pcd import compress_lzf, compressed_pcd

from pd_ros.inspect_cloud.inspection import inspect
from pd_ros.pointcloud.lzf import decompress
from pd_ros.recordings.cloud_files import read_cloud

_FIELDS = [
    ("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("_0", "u1", (4,)), ("intensity", "u1"),
    ("normal", "<f4", (3,)),
]  # fmt: skip


def cloud(count: int) -> np.ndarray:
    points = np.zeros(count, _FIELDS)
    for seed, name in enumerate("xyz"):
        points[name] = np.random.default_rng(seed).uniform(-9, 9, count).round(1)
    points["intensity"] = np.arange(count) % 256
    points["normal"] = [0, 0, 1]
    return points


@pytest.mark.parametrize("padded", [True, False], ids=["padding stored", "padding left out"])
@pytest.mark.parametrize("count", [0, 1, 3000])
def test_the_points_are_those_that_were_written(tmp_path: Path, padded: bool, count: int) -> None:
    points = cloud(count)
    (tmp_path / "a.pcd").write_bytes(compressed_pcd(points, padded))
    read = read_cloud(tmp_path / "a.pcd", 1.0).points
    assert read.shape == (count, 4)
    for column, name in enumerate("xyz"):
        np.testing.assert_array_equal(read[:, column], points[name])
    np.testing.assert_allclose(read[:, 3], points["intensity"] / 255, rtol=1e-6)


def test_inspect_cloud_takes_them(tmp_path: Path, capsys) -> None:
    (tmp_path / "a.pcd").write_bytes(compressed_pcd(cloud(3000), padded=False))
    assert inspect([str(tmp_path / "a.pcd")]) in (0, 1)
    assert "3000" in capsys.readouterr().out


def test_the_format_by_hand() -> None:
    assert decompress(b"\x02abc", 3) == b"abc"
    assert decompress(b"\x02abc\x20\x02", 6) == b"abcabc"  # 3 bytes from 3 before
    assert decompress(b"\x00a\xe0\x03\x00", 13) == b"a" * 13  # 7 + 3 + 2 bytes from 1 before
    assert decompress(b"", 0) == b""


@given(st.binary(max_size=400) | st.text("ab", max_size=900).map(str.encode))
def test_what_was_compressed_comes_back(data: bytes) -> None:
    assert decompress(compress_lzf(data), len(data)) == data


@given(st.binary(max_size=60), st.integers(0, 500))
def test_damaged_data_is_refused_or_of_the_size(data: bytes, size: int) -> None:
    with contextlib.suppress(ValueError):
        assert len(decompress(data, size)) == size


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path, whole = tmp_path / "a.pcd", compressed_pcd(cloud(200), padded=True)
    start = whole.index(b"compressed\n") + len(b"compressed\n")
    packed, size = struct.unpack_from("<II", whole, start)
    for content in (
        whole[:start],
        whole[: start + 5],
        whole[:-20],
        whole[:start] + struct.pack("<II", packed, size - 1) + whole[start + 8 :],
        whole[:start] + struct.pack("<II", packed - 9, size) + whole[start + 8 :],
        whole[:start] + struct.pack("<II", 4, size) + whole[start + 8 :],
        whole.replace(b"WIDTH 200", b"WIDTH 4000000000"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"expected compressed data of .* copy it") as error:
            read_cloud(path, 1.0)
        assert str(error.value).startswith(f"{path}: ")
