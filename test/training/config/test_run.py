"""A source's keys: what older files say still means the same, what cannot be meant is refused."""

import pytest

from pd_ros.detection.config.base import parse_config
from training.config.run import SourceConfig


def test_an_older_source_means_the_same() -> None:
    source = parse_config({"path": "data/x", "share": 0.5, "z_shift_m": -1.3}, SourceConfig, "x")
    assert source.model_dump() == {
        "path": "data/x", "share": 0.5, "z_shift_m": -1.3, "limit": None,
        "format": "npz", "split": None, "class_map": {}, "balance": False, "hardest": None,
        "sweeps": 10, "topic": None, "intensity_scale": 1.0, "labelled": True,
        "files": None, "only": None, "drives": None, "teacher_points": False, "views": 1,
    }  # fmt: skip
    assert parse_config(source.model_dump(), SourceConfig, "x") == source


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"split": "train"}, "split: belongs to the format kitti"),
        ({"format": "kitti", "topic": "/points"}, "topic: belongs to the format recording"),
        ({"format": "recording", "hardest": "easy"}, "hardest: belongs to the format kitti"),
        ({"format": "bag"}, "x: format: Input should be 'npz'"),
        ({"format": "kitti", "hardest": "extreme"}, "x: hardest: Input should be 'easy'"),
        ({"class_map": {"Van": 3}}, "x: class_map.Van: Input should be a valid string"),
    ],
)
def test_keys_that_cannot_be_meant(keys: dict[str, object], expected: str) -> None:
    with pytest.raises(ValueError) as error:
        parse_config({"path": "x", **keys}, SourceConfig, "x")
    assert expected in str(error.value)
