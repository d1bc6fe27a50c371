from pathlib import Path

import torch
from small_model import small_config
from torch.utils.flop_counter import FlopCounterMode

from pd_ros.detection.bev.pillar_encoder import PillarEncoder, pillar_max, scatter_to_canvas
from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.config.base import load_config
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.families import build_model
from pd_ros.detection.inference.fold_norm import fold_batch_norm

CONFIG = small_config()


def cloud(size=60, seed=0):
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(size, 4, generator=generator) * 16 - 8
    points[:, 2:] = points[:, 2:] / 16
    return points


def test_points_are_described_by_hand_worked_offsets() -> None:
    encoder = PillarEncoder(
        4, (8,), CONFIG.grid.range_m, CONFIG.grid.pillar_size_m, CONFIG.grid.size
    )
    points = torch.tensor([[0.25, 0.5, -1.0, 0.3], [0.75, 0.5, -2.0, 0.5]])
    batch = pillarize([points], CONFIG.grid, CONFIG.capacity)
    described = encoder._describe(batch)
    # The pillar spans x, y in [0, 1) and z in [-3, 1): its centre is (0.5, 0.5, -1).
    expected = [
        [0.25, 0.5, -1, 0.3, -0.25, 0, 0.5, -0.25, 0, 0],
        [0.75, 0.5, -2, 0.5, 0.25, 0, -0.5, 0.25, 0, -1],
    ]
    torch.testing.assert_close(described, torch.tensor(expected))


def test_pillar_max_and_its_gradient() -> None:
    features = torch.tensor([[1.0, 4], [3, 2], [5, 6]], dtype=torch.float64, requires_grad=True)
    index = torch.tensor([0, 0, 1])
    assert pillar_max(features, index, 2).tolist() == [[3, 4], [5, 6]]
    assert torch.autograd.gradcheck(lambda x: pillar_max(x, index, 2), (features,))


def test_points_that_reach_the_maximum_together_share_its_gradient() -> None:
    features = torch.tensor([[3.0, 4], [3, 2], [0, 6], [3, 6]], requires_grad=True)
    index = torch.tensor([0, 0, 1, 0])
    gradient = torch.tensor([[6.0, 1], [2, 5]])
    pillar_max(features, index, 2).backward(gradient)
    assert features.grad.tolist() == [[2, 0], [2, 0], [2, 5], [2, 1]]


def test_canvas_holds_rows_at_their_cells_and_zeros_elsewhere() -> None:
    features = torch.tensor([[1.0, 2], [3, 4]])
    cells = torch.tensor([[0, 1, 2], [1, 0, 0]])
    canvas = scatter_to_canvas(features, cells, 2, (2, 3))
    assert canvas.shape == (2, 2, 2, 3)
    assert canvas[0, :, 1, 2].tolist() == [1, 2]
    assert canvas[1, :, 0, 0].tolist() == [3, 4]
    assert canvas.abs().sum() == 10


def test_order_of_points_and_company_in_the_batch_change_nothing() -> None:
    model = build_model(CONFIG).eval()
    points = cloud()
    shuffled = points[torch.randperm(len(points), generator=torch.Generator().manual_seed(1))]
    alone = model(pillarize([points], CONFIG.grid, CONFIG.capacity))
    both = model(pillarize([shuffled, cloud(seed=5)], CONFIG.grid, CONFIG.capacity))
    torch.testing.assert_close(alone.heatmap[0], both.heatmap[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(alone.box[0], both.box[0], atol=1e-5, rtol=1e-5)


def test_output_has_the_promised_shapes_even_of_an_empty_cloud() -> None:
    model = build_model(CONFIG).eval()
    output = model(pillarize([torch.zeros(0, 4)], CONFIG.grid, CONFIG.capacity))
    assert output.pillar_features.shape == (0, 8)
    assert [tuple(stage.shape) for stage in output.stages] == [(1, 8, 16, 16), (1, 16, 8, 8)]
    assert output.neck.shape == (1, 16, 16, 16)
    assert output.heatmap.shape == (1, 2, 16, 16)
    assert output.box.shape == (1, 8, 16, 16)


def test_every_weight_gets_gradient() -> None:
    model = build_model(CONFIG).train()
    output = model(pillarize([cloud(), cloud(seed=2)], CONFIG.grid, CONFIG.capacity))
    (output.heatmap.square().sum() + output.box.square().sum()).backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # A bias before batch norm has no effect in training.
    assert [n for n in silent if not n.endswith(".0.bias")] == []


def test_folding_changes_nothing_but_the_layers() -> None:
    model = build_model(CONFIG)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-1, 1)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 2)
                module.bias.uniform_(-1, 1)
    dense = model.dense.eval()
    canvas = torch.rand(1, 8, 16, 16)
    _, _, (heatmap, box, *_) = dense(canvas)
    folded = fold_batch_norm(dense)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    _, _, maps = folded(canvas)
    torch.testing.assert_close(maps.heatmap, heatmap, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(maps.box, box, atol=1e-4, rtol=1e-4)


def multiply_adds(name):
    config = load_config(Path(f"config/model/center_pillar_{name}.yaml"), ModelConfig)
    dense = build_model(config).eval().dense
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        dense(torch.zeros(1, config.encoder.widths[-1], *config.grid.size))
    return counter.get_total_flops() / 2


def test_student_needs_at_most_a_quarter_of_the_teachers_multiply_adds() -> None:
    assert multiply_adds("student") <= multiply_adds("teacher") / 4
