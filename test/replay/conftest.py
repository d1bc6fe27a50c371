from pathlib import Path

import pytest
import torch
from small_model import small_config

from pd_ros.detection.checkpoint import save_checkpoint
from pd_ros.detection.model import build_model


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained detector that finds something everywhere."""
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    config = small_config(decode={"score_threshold": 0.0, "max_detections": 5})
    torch.manual_seed(0)
    model = build_model(config)
    # scores far enough apart to differ in half precision, too
    torch.nn.init.normal_(model.dense.head.heatmap[-1].weight)
    save_checkpoint(path, model, config, {"seed": 0})
    return path
