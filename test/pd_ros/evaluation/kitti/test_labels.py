"""Label and result files: columns to fields, and lines that are none."""

from pathlib import Path

import numpy as np
import pytest

from pd_ros.evaluation.kitti.labels import label_lines, read_detections, read_labels

LINE = "Car 0.1 2 -1.5 10 20 30 45 1.5 1.6 4.0 2 1.7 10 -1.5707963267948966"


def test_columns_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "0.txt"
    path.write_text(f"{LINE}\n\n  \nDontCare -1 -1 -10 1 2 3 4 -1 -1 -1 -1000 -1000 -1000 -10\n")
    objects = read_labels(path)
    assert objects.names == ("Car", "DontCare")
    assert (objects.truncated[0], objects.occluded[0], objects.alpha[0]) == (0.1, 2, -1.5)
    assert objects.image_boxes[0].tolist() == [10, 20, 30, 45]
    # x forward, y left, z up; the centre is half the height above the underside.
    np.testing.assert_allclose(objects.boxes[0], [10, -2, -0.95, 4, 1.6, 1.5, 0], atol=1e-12)
    assert objects.scores.tolist() == [0, 0]
    path.write_text(f"{LINE} 0.75")
    assert read_detections(path).scores.tolist() == [0.75]


def test_files_of_other_editors(tmp_path: Path) -> None:
    path = tmp_path / "0.txt"
    tabs = LINE.replace(" ", "\t")
    path.write_bytes(f"\ufeff{LINE}\r\n{tabs}\r\n".encode())
    assert read_labels(path).names == ("Car", "Car")
    assert label_lines(path) == [f"{path}:1", f"{path}:2"]


def test_empty_file_has_no_objects(tmp_path: Path) -> None:
    (tmp_path / "0.txt").write_text("")
    for read in (read_labels, read_detections):
        objects = read(tmp_path / "0.txt")
        assert objects.names == () and objects.boxes.shape == (0, 7)
        assert objects.scores.shape == (0,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Car 1 2 3", r"0\.txt:1: expected 15 columns \(type .*, got 4: Car 1 2 3; correct"),
        (f"{LINE} 0.5", r"0\.txt:1: expected 15 columns .* got 16"),
        (
            f"{LINE}\n{LINE.replace('20', 'x')}",
            r"0\.txt:2: expected numbers after the type, .*'x'",
        ),
        (LINE.replace("20", "nan"), r"0\.txt:1: expected finite numbers"),
        ("\0\1" * 5000, r"0\.txt:1: expected 15 columns"),
    ],
)
def test_bad_lines(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "0.txt"
    path.write_bytes(text.encode() if "\0" not in text else b"\xff\xfe" + text.encode())
    with pytest.raises(ValueError, match=message) as error:
        read_labels(path)
    assert len(str(error.value)) < 400
