import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_model import small_config, small_point_config

from pd_ros.detection.checkpoint import FORMAT_VERSION, load_checkpoint, save_checkpoint
from pd_ros.detection.model import build_model

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
        ({"version": "x"}, "update pd_ros"),
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


def test_missing_and_unknown_weights_are_listed(written) -> None:
    path, _ = written
    tensors = load_file(path)
    tensors["stray"] = tensors.pop("dense.head.shared.0.bias")
    save_file(tensors, path)
    rewrite(path)
    with pytest.raises(ValueError, match=r"missing \['dense.head.shared.0.bias'\].*'stray'"):
        load_checkpoint(path)
