"""The dense part as ONNX gives what torch gives; needs packaging/requirements/onnx.txt."""

import pytest
import torch
from small_model import save_eager_model, small_anchor_config

from pd_ros.detection.checkpoint import save_checkpoint
from pd_ros.detection.families import build_model
from pd_ros.detection.inference import export

REASON = "onnx, onnxscript and onnxruntime are optional: packaging/requirements/onnx.txt"


@pytest.mark.filterwarnings("ignore")  # of torch's exporter, about itself
@pytest.mark.parametrize("anchors", [False, True], ids=["centres", "anchors"])
def test_the_file_gives_what_torch_gives(tmp_path, capsys, anchors) -> None:
    for module in ("onnxscript", "onnxruntime"):
        pytest.importorskip(module, reason=REASON)
    path, out = save_eager_model(tmp_path), tmp_path / "small.onnx"
    if anchors:
        config = small_anchor_config()
        torch.manual_seed(0)
        save_checkpoint(path, build_model(config), config, {})
    assert export.main(["--model", str(path), "--out", str(out)]) == 0
    assert ("direction" in capsys.readouterr().out) == anchors


@pytest.mark.filterwarnings("ignore")
def test_a_file_of_other_weights_is_refused(tmp_path) -> None:
    for module in ("onnxscript", "onnxruntime"):
        pytest.importorskip(module, reason=REASON)
    path, out = save_eager_model(tmp_path), tmp_path / "small.onnx"
    export.export_dense(export.load_checkpoint(path), out)
    other = export.load_checkpoint(path)
    with torch.no_grad():
        other.model.dense.head.heatmap[-1].bias.add_(1)
    with pytest.raises(ValueError, match="heatmap differs"):
        export.compare_with_torch(other, out)


def test_a_missing_checkpoint_is_said(tmp_path, capsys) -> None:
    assert export.main(["--model", "none.safetensors", "--out", str(tmp_path / "x.onnx")]) == 2
    assert "no such checkpoint" in capsys.readouterr().err
