"""Channels that explain the others, and layers fitted to a teacher's outputs."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_distill_batch import WIDE, samples
from small_model import small_config
from small_pairs import PAIRS
from torch import nn

from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.families import build_model
from training.config.sparse import InitialiseConfig
from training.distillation.initialise import least_squares_fit as refit
from training.distillation.initialise.channel_selection import (
    best_channels,
    importance,
    make_example,
    measure_overlaps,
)
from training.distillation.initialise.copy_weights import initialise
from training.distillation.initialise.requirements import initialise_problems

RECONSTRUCT = InitialiseConfig(way="reconstruct")


def networks(name="pillars"):
    """Student, teacher whose batch norm has seen values, and a batch of both."""
    if "voxels" in name:
        pytest.importorskip("spconv")
    torch.manual_seed(3)
    configs = PAIRS[name]()
    student, teacher = (build_model(config).eval() for config in configs)
    for module in teacher.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.5)
            module.running_mean.uniform_(-0.1, 0.1)
    points = [each.points for each in samples()]
    batches = [pillarize(points, config.grid, config.capacity) for config in configs]
    return student, teacher, [make_example(teacher, *batches)]


def double(teacher) -> None:
    """Let the second half of the outputs of every layer with a batch norm repeat the first."""
    modules = dict(teacher.named_modules())
    for name, norm in modules.items():
        if not isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            continue
        place, _, last = name.rpartition(".")
        if place.endswith(".norms"):
            block = modules[place.removesuffix(".norms")]
            layer, bias = block.convolutions[int(last)], block.biases[int(last)]
        else:
            layer = modules[f"{place}.linear" if last == "norm" else f"{place}.{int(last) - 1}"]
            bias = layer.bias
        axis = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
        values = [layer.weight.data.movedim(axis, 0), norm.weight.data, norm.bias.data]
        values += [norm.running_mean] + ([] if bias is None else [bias.data])
        for each in values:
            half = len(each) // 2
            each[half:] = each[:half]


@pytest.mark.parametrize("name", PAIRS)
def test_what_repeats_itself_is_reconstructed(name, monkeypatch) -> None:
    """Half of the channels say all: the student computes what its teacher does."""
    monkeypatch.setattr(refit, "_RIDGE", 1e-8)
    student, teacher, examples = networks(name)
    double(teacher)
    example = make_example(teacher, examples[0].student, examples[0].teacher)
    layers = initialise(student, teacher, RECONSTRUCT, [example])
    assert min(layer.explained for layer in layers) > 0.999
    with torch.no_grad():
        mine, theirs = student(example.student), teacher(example.teacher)
    for one, other in zip(mine.maps.levels, theirs.maps.levels, strict=True):
        torch.testing.assert_close(one.heatmap, other.heatmap, rtol=0.02, atol=0.02)
        torch.testing.assert_close(one.box, other.box, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("name", PAIRS)
def test_fitted_layers_are_nearer_to_the_teacher_than_slices(name) -> None:
    missed = []
    for config in (InitialiseConfig(), RECONSTRUCT):
        student, teacher, examples = networks(name)
        copied = initialise(student, teacher, config, examples)
        assert all((layer.explained is None) == (config.way == "fnav2") for layer in copied)
        with torch.no_grad():
            maps = student(examples[0].student).heatmap, teacher(examples[0].teacher).heatmap
        weights = importance(examples[0].scores, maps[0].shape[2:])
        error = (maps[0] - maps[1]).square().sum(dim=1).flatten()
        missed.append(float((weights * error).sum()))
    assert missed[1] < 0.5 * missed[0]


@torch.no_grad()
def seen(network, module, batch):
    """Input and output of a layer."""
    found = []
    hook = module.register_forward_hook(
        lambda _, inputs, output: found.extend((inputs[0], output))
    )
    network(batch)
    hook.remove()
    return found


def weighted_error(module, inputs, wanted, scores):
    missed = (module(inputs) - wanted).square()
    if missed.dim() == 2:
        return missed.sum()
    grid = (inputs if isinstance(module, nn.ConvTranspose2d) else wanted).shape[2:]
    weights = importance(scores, grid).view(len(wanted), 1, *grid)
    return (nn.functional.interpolate(weights, wanted.shape[2:]) * missed).sum()


@pytest.mark.parametrize("name", ["pillars", "anchors"])
def test_no_other_weights_of_a_layer_come_nearer(name, monkeypatch) -> None:
    """The weighted error has no slope at the solution, and has one beside it."""
    monkeypatch.setattr(refit, "_RIDGE", 1e-8)
    student, teacher, examples = networks(name)
    layers = initialise(student, teacher, RECONSTRUCT, examples)
    chosen = [
        "encoder.layers.1.linear",
        "dense.backbone.stages.1.0.0",
        "dense.neck.upsamplers.1.0",
    ]
    for layer in [layer for layer in layers if layer.name in chosen]:
        module = student.get_submodule(layer.name)
        inputs, _ = seen(student, module, examples[0].student)
        _, wanted = seen(teacher, teacher.get_submodule(layer.name), examples[0].teacher)
        weight, slopes = module.weight.detach().clone(), []
        for factor in (2, 1):
            module.weight.data.copy_(factor * weight)
            error = weighted_error(module, inputs, wanted[:, layer.kept], examples[0].scores)
            slopes.append(torch.autograd.grad(error, module.weight)[0].abs().max())
        assert slopes[1] < 0.001 * slopes[0], layer.name


def test_a_shallower_student_is_fitted_to_the_last_layers_of_a_stage() -> None:
    deep = {**WIDE, "backbone": {**WIDE["backbone"], "layers": [3, 2]}}
    _, _, (example,) = networks()
    student, teacher = build_model(small_config()).eval(), build_model(small_config(**deep)).eval()
    example = make_example(teacher, example.student, example.teacher)
    layers = initialise(student, teacher, RECONSTRUCT, [example])
    backbone = {each.name: each.source for each in layers if "backbone" in each.name}
    assert [int(name.split(".")[4]) for name in backbone] == [0, 1, 0, 1]
    assert [int(source.split(".")[4]) for source in backbone.values()] == [2, 3, 1, 2]
    assert all(layer.explained > 0.5 for layer in layers)


def test_a_network_of_the_same_width_is_left_as_it_is() -> None:
    student, teacher, examples = networks()
    student = build_model(small_config(**WIDE)).eval()
    example = make_example(teacher, examples[0].teacher, examples[0].teacher)
    layers = initialise(student, teacher, RECONSTRUCT, [example])
    assert all(layer.kept.tolist() == list(range(layer.outputs[1])) for layer in layers)
    with torch.no_grad():
        mine, theirs = student(example.student), teacher(example.teacher)
    torch.testing.assert_close(mine.heatmap, theirs.heatmap, rtol=0.01, atol=0.01)


def test_a_scene_without_points_leaves_weights_that_are_finite() -> None:
    student, teacher, _ = networks()
    empty = pillarize([torch.zeros(0, 4)], small_config().grid, small_config().capacity)
    initialise(student, teacher, RECONSTRUCT, [make_example(teacher, empty, empty)])
    assert all(value.isfinite().all() for value in student.state_dict().values())


def explained_by(gram, channels) -> float:
    """Share of all squares by the normal equations."""
    some, mixed = gram[channels][:, channels], gram[channels]
    return float((mixed * torch.linalg.lstsq(some, mixed).solution).sum() / gram.trace())


@given(st.integers(2, 6), st.integers(1, 3), st.integers(0, 1000))
def test_the_first_channel_is_the_best_one_and_more_explain_more(width, count, seed) -> None:
    rows = torch.randn(
        20, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    gram = rows.T @ rows
    first = best_channels(gram, 1).tolist()
    best = max(explained_by(gram, [channel]) for channel in range(width))
    assert explained_by(gram, first) == pytest.approx(best)
    shares = [explained_by(gram, best_channels(gram, n).tolist()) for n in range(1, width + 1)]
    assert all(more >= less - 1e-9 for less, more in itertools.pairwise(shares))
    assert shares[-1] == pytest.approx(1)
    assert best_channels(gram, min(count, width)).tolist() == sorted(
        set(best_channels(gram, min(count, width)).tolist())
    )


def test_channels_by_hand() -> None:
    """The first is silent, the last the sum of the two between: any two of these say all."""
    a, b = torch.tensor([1.0, 0, 2, 0]), torch.tensor([0.0, 1, 0, 1])
    rows = torch.stack((torch.zeros(4), a, b, a + b), dim=1).double()
    gram = rows.T @ rows
    two = best_channels(gram, 2).tolist()
    assert 0 not in two
    assert explained_by(gram, two) == pytest.approx(1)
    assert best_channels(gram, 4).tolist() == [0, 1, 2, 3]


def test_cells_matter_by_their_best_score() -> None:
    scores = torch.tensor([[[[0.1, 0.9], [0.2, 0.3]]]])
    assert importance(scores, (1, 2)).tolist() == pytest.approx([0.21, 0.91])
    assert importance(scores, (2, 2)).tolist() == pytest.approx([0.11, 0.91, 0.21, 0.31])
    finer = importance(scores, (4, 4)).view(4, 4)
    assert finer[:2, 2:].flatten().tolist() == pytest.approx([0.91] * 4)


def test_overlaps_are_those_of_what_the_next_layer_reads() -> None:
    _, teacher, (example,) = networks()
    overlaps = measure_overlaps(teacher, [example, example])
    with torch.no_grad():
        canvas = teacher.encoder.canvas(teacher.encoder(example.teacher), example.teacher)
        block = teacher.dense.backbone.stages[0][0]
        maps = block(canvas)
    rows = maps.permute(0, 2, 3, 1).flatten(0, 2).double()
    weights = importance(example.scores, maps.shape[2:]).double()
    expected = 2 * (rows * weights[:, None]).T @ rows
    torch.testing.assert_close(overlaps[block[1]], expected, rtol=1e-4, atol=1e-6)


def test_other_maps_than_the_teachers_are_refused() -> None:
    grid = {**small_config().grid.model_dump(), "pillar_size_m": (2.0, 2.0)}
    text = "\n".join(
        initialise_problems(RECONSTRUCT, small_config(grid=grid), small_config(**WIDE))
    )
    assert "reconstruct compares the networks' maps cell by cell" in text
    assert not list(initialise_problems(RECONSTRUCT, small_config(), small_config(**WIDE)))
