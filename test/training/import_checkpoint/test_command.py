"""The command that brings OpenPCDet's checkpoints."""

import json
import zipfile

import numpy as np
import pytest
import torch
import yaml
from openpcdet_weights import make_weights
from small_model import ANCHORS, HOSTILE, SMALL, small_anchor_config, small_config

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.families import build_model
from training.import_checkpoint.__main__ import main, read_weights


def test_the_command_writes_a_checkpoint_that_loads(tmp_path) -> None:
    config = tmp_path / "small.yaml"
    config.write_text(yaml.safe_dump({**SMALL, "name": "small_anchors", "head": ANCHORS}))
    weights = make_weights(small_anchor_config())
    torch.save({"epoch": 80, "model_state": weights, "version": "1"}, tmp_path / "a.pth")
    arguments = ["--checkpoint", str(tmp_path / "a.pth"), "--config", str(config)]
    arguments += ["--out", str(tmp_path / "a.safetensors"), "--licence", "MIT"]
    assert main([*arguments, "--json", str(tmp_path / "a.json")]) == 0
    model = build_model(small_anchor_config())
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "out": str(tmp_path / "a.safetensors"),
        "model": "small_anchors",
        "classes": ["car", "pedestrian"],
        "parameters": sum(p.numel() for p in model.parameters()),
        "imported_from": "a.pth",
        "licence": "MIT",
    }
    loaded = load_checkpoint(tmp_path / "a.safetensors")
    assert loaded.training == {"imported_from": "a.pth", "licence": "MIT"}
    kernel = loaded.model.state_dict()["dense.head.box.weight"]
    assert torch.equal(kernel, weights["dense_head.conv_box.weight"])


def test_a_checkpoint_of_another_network_is_named_and_nothing_is_written(tmp_path, caplog) -> None:
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL))
    torch.save(make_weights(small_anchor_config()), tmp_path / "a.pth")
    arguments = ["--checkpoint", str(tmp_path / "a.pth"), "--out", str(tmp_path / "out.st")]
    assert main([*arguments, "--config", str(tmp_path / "small.yaml")]) == 2
    assert f"{tmp_path}/a.pth: expected a checkpoint of small, got" in caplog.text
    assert "unknown: dense_head.conv_dir_cls.bias" in caplog.text
    assert not (tmp_path / "out.st").exists()


def test_a_place_that_cannot_be_written_to_is_one_clear_error(tmp_path, caplog) -> None:
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL))
    torch.save(make_weights(small_config()), tmp_path / "a.pth")
    (tmp_path / "file").touch()
    arguments = ["--checkpoint", str(tmp_path / "a.pth"), "--config", str(tmp_path / "small.yaml")]
    assert main([*arguments, "--out", str(tmp_path / "file" / "a.safetensors")]) == 2
    assert str(tmp_path / "file") in caplog.text


@pytest.mark.parametrize("case", [case for case in HOSTILE if "brackets" not in case])
def test_a_config_that_asks_for_too_much_is_refused(tmp_path, caplog, case) -> None:
    config, message = HOSTILE[case]
    (tmp_path / "hostile.yaml").write_text(yaml.safe_dump(config))
    torch.save(make_weights(small_config()), tmp_path / "a.pth")
    arguments = ["--checkpoint", str(tmp_path / "a.pth"), "--out", str(tmp_path / "out.st")]
    assert main([*arguments, "--config", str(tmp_path / "hostile.yaml")]) == 2
    assert f"{tmp_path}/hostile.yaml: " in caplog.text
    assert message in caplog.text
    assert not (tmp_path / "out.st").exists()


def test_weights_that_are_not_finite_are_refused_by_name_and_nothing_is_written(
    tmp_path, caplog
) -> None:
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL))
    weights = make_weights(small_config())
    weights["dense_head.shared_conv.0.weight"].flatten()[7] = float("inf")
    torch.save(weights, tmp_path / "a.pth")
    arguments = ["--checkpoint", str(tmp_path / "a.pth"), "--out", str(tmp_path / "out.st")]
    assert main([*arguments, "--config", str(tmp_path / "small.yaml")]) == 2
    assert "not finite in ['dense.head.shared.0.weight']" in caplog.text
    assert not list(tmp_path.glob("out.st*"))


class Harmful:
    def __reduce__(self):
        return (print, ("executed",))


def test_files_that_are_no_weights_are_refused(tmp_path, capsys) -> None:
    path = tmp_path / "bad.pth"
    for content, text in ((Harmful(), "tensors alone"), ({"model_state": {}}, "model_state")):
        torch.save(content, path)
        with pytest.raises(ValueError, match=text):
            read_weights(path)
    assert "executed" not in capsys.readouterr().out
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="tensors alone"):
        read_weights(path)
    with pytest.raises(ValueError, match="cannot be read"):
        read_weights(tmp_path / "absent.pth")


NO_WEIGHTS = {
    "a list": {"model_state": [1]},
    "numbers as names": {1: torch.ones(2)},
    "a sparse tensor": {"a": torch.eye(2).to_sparse()},
    "complex numbers": {"a": torch.ones(2, dtype=torch.complex64)},
    "no values": {"a": torch.ones(2, device="meta")},
}


@pytest.mark.parametrize("case", NO_WEIGHTS)
def test_what_is_no_plain_tensor_by_name_is_refused(tmp_path, case) -> None:
    torch.save(NO_WEIGHTS[case], tmp_path / "bad.pth")
    with pytest.raises(ValueError, match=r"bad\.pth: expected OpenPCDet's dictionary"):
        read_weights(tmp_path / "bad.pth")


def test_weights_of_whole_numbers_are_refused_by_name(tmp_path, caplog) -> None:
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL))
    weights = make_weights(small_config())
    name = "dense_head.shared_conv.0.weight"
    torch.save({**weights, name: weights[name].int()}, tmp_path / "a.pth")
    arguments = ["--checkpoint", str(tmp_path / "a.pth"), "--out", str(tmp_path / "out.st")]
    assert main([*arguments, "--config", str(tmp_path / "small.yaml")]) == 2
    assert f"of another type: {name}: expected floats, got torch.int32" in caplog.text
    assert not (tmp_path / "out.st").exists()


def test_numbers_of_numpy_1_are_read_as_those_of_numpy_2(tmp_path) -> None:
    """Before numpy 2 the functions that make them had another address."""
    weights = {"a": torch.ones(2)}
    torch.save({"model_state": weights, "lr": np.float64(0.1)}, tmp_path / "new.pth")
    with (
        zipfile.ZipFile(tmp_path / "new.pth") as new,
        zipfile.ZipFile(tmp_path / "old.pth", "w") as old,
    ):
        for name in new.namelist():
            old.writestr(name, new.read(name).replace(b"numpy._core.", b"numpy.core."))
    for name in ("new.pth", "old.pth"):
        assert torch.equal(read_weights(tmp_path / name)["a"], weights["a"])
