import json

import pytest
from small_model import ANCHORS, SMALL, VOXELS, small_config

from pd_ros.detection.config.base import load_config, parse_config, read_yaml
from pd_ros.detection.config.bev import ModelConfig


def test_sizes_follow_from_the_grid() -> None:
    config = small_config(
        backbone={"widths": [8, 8], "layers": [0, 0], "strides": [2, 2]},
        neck={"widths": [8, 8], "strides": [1, 2]},
    )
    assert config.grid.size == (16, 16)
    assert config.output_size == (8, 8)
    assert config.output_cell_m == (2.0, 2.0)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"score_treshold": 1}, "score_treshold: unknown key"),
        ({"classes": []}, "classes"),
        ({"classes": ["car", "car"]}, "names must differ"),
        ({"encoder": {"widths": ["many"]}}, "encoder.widths.0"),
        ({"grid": {"range_m": [0, 0, 0, 1, 1], "pillar_size_m": [1, 1]}}, "grid.range_m"),
        ({"grid": {"range_m": [0, 0, 0, 8, 8.5, 1], "pillar_size_m": [1, 1]}}, "8.500"),
        ({"grid": {"range_m": [8, 0, 0, 0, 8, 1], "pillar_size_m": [1, 1]}}, "x: range from 8"),
        ({"neck": {"widths": [8, 8], "strides": [1, 1]}}, "neck.strides[1]"),
        ({"neck": {"widths": [8], "strides": [1]}}, "one entry per stage"),
        ({"encoder": {"widths": [8], "padded": True}}, "capacity.max_points_per_pillar is needed"),
        ({"decode": {"score_threshold": 1.5}}, "decode.score_threshold"),
        (
            {"grid": VOXELS["grid"] | {"voxel_height_m": 0.2}, "encoder": VOXELS["encoder"]},
            "20 voxels above each other are too few",
        ),
        ({"head": {**ANCHORS, "anchors": ANCHORS["anchors"][:1]}}, "one for each of the classes"),
        (
            {"head": {**ANCHORS, "anchors": [{**ANCHORS["anchors"][0], "unmatched_iou": 0}] * 2}},
            "unmatched_iou: Input should be greater than 0",
        ),
    ],
)
def test_bad_values_are_refused_by_name(change, expected) -> None:
    with pytest.raises(ValueError, match=r"^small: ") as error:
        parse_config({**SMALL, **change}, ModelConfig, "small")
    assert expected in str(error.value)


@pytest.mark.parametrize("text", ["name: x\nname: y\n", "grid: {range_m: [0], range_m: [1]}"])
def test_a_key_that_is_there_twice_is_refused(tmp_path, text) -> None:
    path = tmp_path / "twice.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"twice\.yaml: .* is there 2 times; keep one"):
        load_config(path, ModelConfig)


def test_anchors_and_merges_of_yaml_are_no_second_keys(tmp_path) -> None:
    path = tmp_path / "merged.yaml"
    path.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\n")
    assert read_yaml(path) == {"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 2}}


def test_all_problems_are_named_at_once(tmp_path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("name: x\nclasses: [car]\nencoder: {widths: [0]}\nspeed: 3\n")
    with pytest.raises(ValueError, match=r"bad\.yaml") as error:
        load_config(path, ModelConfig)
    message = str(error.value)
    assert all(key in message for key in ("grid", "encoder.widths.0", "speed", "backbone"))


@pytest.mark.parametrize(
    ("text", "expected"), [("a: [", "not valid YAML"), (None, "cannot be read")]
)
def test_unreadable_files_are_named(tmp_path, text, expected) -> None:
    path = tmp_path / "model.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=expected):
        load_config(path, ModelConfig)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("name: x".encode("utf-16"), "expected text in UTF-8"),
        ("name: x".encode("utf-16-be"), "model.yaml"),  # without a mark, its zeros are UTF-8
        ("name: größe".encode("latin-1"), "expected text in UTF-8"),
        (b"name: 2026-13-01", "month must be in 1..12"),
        (b"[" * 100_000, "nested too deeply"),
    ],
    ids=["utf-16", "utf-16 without mark", "latin-1", "month 13", "brackets"],
)
def test_files_of_another_encoding_or_odd_values_are_named(tmp_path, content, expected) -> None:
    path = tmp_path / "model.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^\S*model\.yaml: ") as error:
        load_config(path, ModelConfig)
    assert expected in str(error.value)


def test_a_mark_of_utf_8_is_no_other_encoding(tmp_path) -> None:
    path = tmp_path / "model.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(SMALL).encode())
    assert load_config(path, ModelConfig) == small_config()


def test_the_kind_of_a_part_is_no_key_of_it() -> None:
    anchor = {"size_m": [3, 2, -1], "bottom_m": 0, "matched_iou": 0.6, "unmatched_iou": 0.4}
    for head, expected in (
        ({"kind": "anchors", "anchors": [anchor]}, "small: head.anchors.0.size_m.2: "),
        ({"kind": "anchors"}, "small: head.anchors: "),
        ({"kind": "rings"}, "small: head: "),
    ):
        with pytest.raises(ValueError, match="small") as error:
            parse_config({**SMALL, "head": head}, ModelConfig, "small")
        assert str(error.value).startswith(expected)
