"""In bf16 a kernel is compiled, and kept, for each size of a product: sizes must not be any."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pd_ros.detection.checkpoint import Checkpoint, load_checkpoint
from pd_ros.detection.families import build_model, load_model_config
from pd_ros.detection.inference.candidate_heads.anchor_dense import AnchorDense
from pd_ros.detection.inference.fold_norm import fold_batch_norm
from pd_ros.detection.predictor import Predictor
from pd_ros.detection.shipped import find_checkpoint, shipped_names
from pd_ros.detection.types import noop

CPU = torch.device("cpu")
MODELS = Path(__file__).parents[4] / "config/model"


class NoteProducts(TorchDispatchMode):
    """Notes how many rows each matrix is multiplied with, in bf16."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[torch.Size, set[int]] = defaultdict(set)

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        if function.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.addmm):
            first, second = arguments[-2:]
            if second.dtype == torch.bfloat16:
                self.rows[second.shape].add(len(first))
        return function(*arguments, **(named or {}))


def read(name):
    if name in shipped_names():
        return load_checkpoint(find_checkpoint(name))
    torch.manual_seed(0)
    config = load_model_config(MODELS / f"{name}.yaml")
    return Checkpoint(build_model(config).eval(), config, {})


# Of all numbers of rows up to 4096, see ``filled_up``.
FEW = 14


@pytest.mark.parametrize("name", ["sim_student", "small_second"])
def test_clouds_of_any_size_take_products_of_few_sizes(name) -> None:
    if name == "small_second":
        pytest.importorskip("spconv", reason="spconv is not installed: see packaging/")
    predictor = Predictor(read(name), CPU, torch.bfloat16)
    rng = np.random.default_rng(0)
    with NoteProducts() as noted:
        for count in rng.integers(300, 9000, 30):
            cloud = rng.random((count, 4)) * [60, 40, 4, 1] - [10, 20, 3, 0]
            predictor.infer(cloud.astype(np.float32), least_score=0.15)
    assert 1 < max(len(rows) for rows in noted.rows.values()) <= FEW


def test_any_number_of_anchors_takes_products_of_few_sizes() -> None:
    checkpoint = read("small_point_pillars")
    dense = AnchorDense(fold_batch_norm(checkpoint.model.dense), torch.bfloat16)
    canvas = torch.rand(1, *checkpoint.config.canvas_shape)
    with torch.no_grad(), NoteProducts() as noted:
        maps = dense(canvas.bfloat16(), noop)
        cells = torch.randperm(maps.heatmap[0, 0].numel())[:300]
        every = maps.at(0, cells)
        for count in range(0, 300, 7):
            some = maps.at(0, cells[:count])
            torch.testing.assert_close(some.box, every.box[:count], atol=0.02, rtol=0.02)
    assert 1 < max(len(sizes) for sizes in noted.rows.values()) <= FEW
