import errno
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_model import SMALL, small_config, small_point_config

from pd_ros.detection.checkpoint import (
    FORMAT_VERSION,
    load_checkpoint,
    read_config,
    save_checkpoint,
)
from pd_ros.detection.families import build_model

CONFIG = small_config()


@pytest.mark.parametrize("config", [CONFIG, small_point_config()], ids=["from above", "points"])
def test_reads_back_what_was_written(tmp_path, config) -> None:
    torch.manual_seed(0)
    model = build_model(config)
    save_checkpoint(tmp_path / "small.safetensors", model, config, {"seed": 7})
    checkpoint = load_checkpoint(tmp_path / "small.safetensors")
    assert checkpoint.config == config
    assert checkpoint.training == {"seed": 7}
    assert not checkpoint.model.training
    assert type(checkpoint.model) is type(model)
    for name, value in checkpoint.model.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


@pytest.fixture
def written(tmp_path):
    torch.manual_seed(0)
    model = build_model(CONFIG)
    path = tmp_path / "small.safetensors"
    save_checkpoint(path, model, CONFIG, {"seed": 7})
    return path, model


def rewrite(path, **changes):
    metadata = {
        "format": "pd_ros",
        "version": str(FORMAT_VERSION),
        "config": CONFIG.model_dump_json(),
        "training": "{}",
    }
    metadata.update(changes)
    save_file(load_file(path), path, {k: v for k, v in metadata.items() if v is not None})


def test_half_weights_halve_the_file_and_stay_close(written, tmp_path) -> None:
    path, model = written
    half = tmp_path / "half.safetensors"
    save_checkpoint(half, model, CONFIG, {}, torch.float16)
    assert half.stat().st_size < 0.7 * path.stat().st_size
    read = load_checkpoint(half).model
    assert next(read.parameters()).dtype == torch.float32
    for a, b in zip(read.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-3, rtol=1e-3)


def test_missing_file(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.safetensors: no such checkpoint"):
        load_checkpoint(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("error", [errno.ENAMETOOLONG, errno.EACCES])
def test_a_path_that_may_not_be_looked_at(tmp_path, monkeypatch, error) -> None:
    def stat(path, **_options):
        raise OSError(error, os.strerror(error), str(path))

    monkeypatch.setattr(Path, "stat", stat)
    with pytest.raises(ValueError, match=rf"model: cannot be read \({os.strerror(error)}\)"):
        load_checkpoint(tmp_path / "model")


@pytest.mark.parametrize("keep", [0, 5, 0.5, 0.99])
def test_truncated_file(written, keep) -> None:
    path, _ = written
    content = path.read_bytes()
    path.write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
    with pytest.raises(ValueError, match=r"is not a whole \.safetensors file"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"format": None}, "expected a pd_ros checkpoint"),
        ({"version": str(FORMAT_VERSION + 1)}, "update pd_ros"),
        ({"version": "x"}, "metadata is damaged (version: expected a whole number, got 'x'"),
        ({"version": "-1"}, "metadata is damaged (version"),
        ({"config": "{"}, "metadata is damaged"),
        ({"training": None}, "metadata is damaged"),
        ({"config": json.dumps({"name": "x"})}, "classes"),
        ({"config": small_config(head={"width": 4}).model_dump_json()}, "of another shape"),
    ],
)
def test_foreign_newer_and_damaged_files(written, changes, expected) -> None:
    path, _ = written
    rewrite(path, **changes)
    with pytest.raises(ValueError, match=r"small\.safetensors") as error:
        load_checkpoint(path)
    assert expected in str(error.value)


HOSTILE = {
    "100,000 brackets": {"config": "[" * 100_000},
    "a training record of brackets": {"training": "[" * 100_000},
    "a record that is none": {"training": "[1, 2]"},
    "a number without end": {"config": "9" * 10_000},
    "no config": {"config": "null"},
    "a list": {"config": "[1]"},
    "17 MB of spaces": {"config": " " * 17_000_000},
    "a grid of 250 GB": {
        "config": json.dumps(
            SMALL
            | {"grid": {"range_m": [-800, -800, -3, 800, 800, 1], "pillar_size_m": [0.05, 0.05]}}
        )
    },
    "channels": {"config": json.dumps(SMALL | {"head": {"width": 10**12}})},
    "wider than the file": {"config": json.dumps(SMALL | {"head": {"width": 8000}})},
    "a line break in a class": {"config": json.dumps(SMALL | {"classes": ["car\nERROR", "bus"]})},
    "a class of a megabyte": {"config": json.dumps(SMALL | {"classes": ["c" * 10**6, "bus"]})},
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused_in_one_short_text(written, case) -> None:
    path, _ = written
    rewrite(path, **HOSTILE[case])
    for read in (load_checkpoint, read_config)[: 1 if case == "wider than the file" else 2]:
        with pytest.raises(ValueError, match=r"small\.safetensors") as error:
            read(path)
        assert len(str(error.value)) < 2000
        assert str(error.value).replace("\n", "").isprintable()


def test_weights_that_no_config_asks_for_are_listed_in_short(written) -> None:
    path, _ = written
    save_file({f"stray.{i}": torch.zeros(1) for i in range(5000)}, path)
    rewrite(path)
    with pytest.raises(ValueError, match=r"stray\.1\b.* and 4995 more") as error:
        load_checkpoint(path)
    assert len(str(error.value)) < 2000


WEIGHT = "dense.head.shared.0.weight"
VARIANCE = "dense.backbone.stages.0.0.1.running_var"


def damage(path, name, value, kind=torch.float32):
    tensors = load_file(path)
    assert name in tensors, list(tensors)
    tensors[name] = tensors[name].to(kind)
    tensors[name].flatten()[-1] = value
    save_file(tensors, path)
    rewrite(path)


@pytest.mark.parametrize(
    ("name", "value", "kind", "expected"),
    [
        (WEIGHT, float("nan"), torch.float32, "not finite"),
        (WEIGHT, float("-inf"), torch.float16, "not finite"),
        (WEIGHT, 1e300, torch.float64, "not finite"),  # in the network's own type
        (VARIANCE, float("inf"), torch.float32, "not finite"),
        (VARIANCE, -1.0, torch.float32, "a negative variance"),
    ],
)
def test_weights_that_give_nonsense_are_refused_by_name(written, name, value, kind, expected):
    path, model = written
    damage(path, name, value, kind)
    with pytest.raises(ValueError, match=rf"small\.safetensors: .*{expected} in \['{name}'\]"):
        load_checkpoint(path)
    with torch.no_grad():
        model.state_dict()[name].flatten()[-1].copy_(torch.tensor(value, dtype=torch.float64))
    before = path.read_bytes()
    with pytest.raises(ValueError, match=rf"{expected} in \['{name}'\]"):
        save_checkpoint(path, model, CONFIG, {})
    assert path.read_bytes() == before


def test_a_weight_beyond_half_precision_is_not_stored_in_it(written, tmp_path) -> None:
    _, model = written
    with torch.no_grad():
        model.state_dict()[WEIGHT].flatten()[0] = 70_000
    save_checkpoint(tmp_path / "whole.safetensors", model, CONFIG, {})
    with pytest.raises(ValueError, match=rf"half\.safetensors: .*not finite in \['{WEIGHT}'\]"):
        save_checkpoint(tmp_path / "half.safetensors", model, CONFIG, {}, torch.float16)
    assert not list(tmp_path.glob("half*"))


def test_missing_and_unknown_weights_are_listed(written) -> None:
    path, _ = written
    tensors = load_file(path)
    tensors["stray"] = tensors.pop("dense.head.shared.0.bias")
    save_file(tensors, path)
    rewrite(path)
    with pytest.raises(ValueError, match=r"missing \['dense.head.shared.0.bias'\].*'stray'"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("kind", "text"),
    [(torch.int8, "I8"), (torch.bool, "BOOL"), (torch.int64, "I64"), (torch.uint8, "U8"),
     (torch.float8_e4m3fn, "F8_E4M3")],
)  # fmt: skip
def test_weights_that_are_no_floats_are_refused_by_their_type(written, kind, text) -> None:
    path, _ = written
    save_file(load_file(path) | {WEIGHT: load_file(path)[WEIGHT].to(kind)}, path)
    rewrite(path)
    with pytest.raises(ValueError, match=rf"small\.safetensors: .*{WEIGHT} \({text}\)"):
        load_checkpoint(path)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_other_floats_are_read(written, kind) -> None:
    path, model = written
    save_file(load_file(path) | {WEIGHT: load_file(path)[WEIGHT].to(kind)}, path)
    rewrite(path)
    read = load_checkpoint(path).model.state_dict()[WEIGHT]
    assert read.dtype == torch.float32
    torch.testing.assert_close(read, model.state_dict()[WEIGHT], rtol=0.01, atol=0.01)
