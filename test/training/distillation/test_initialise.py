"""A teacher of which only as many channels live as its student has computes the same."""

import pytest
import torch
from small_distill_batch import WIDE, samples
from small_model import ANCHORS, DIRECTED, small_config, small_pyramid_config
from small_pairs import PAIRS, voxels
from torch import nn

from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.families import build_model
from training.config.sparse import InitialiseConfig
from training.distillation.initialise.channels import choose_channels, join_channels
from training.distillation.initialise.copy_weights import initialise
from training.distillation.initialise.requirements import initialise_problems

torch.manual_seed(0)


def kill(teacher: nn.Module, student: nn.Module, shuffled: bool) -> None:
    """Silence channels of every batch norm until as many live as the student has.

    The last ones, or any; those of a residual stream or of a pyramid's levels are the same.
    """
    fresh = dict(student.named_modules())
    norms = [
        (name, module)
        for name, module in teacher.named_modules()
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    ]
    stream = None
    for name, norm in norms:
        width, lives = norm.num_features, fresh[name].num_features
        order = torch.randperm(width) if shuffled else torch.arange(width)
        coarser = any(f"neck.{part}.1" in name for part in ("lateral", "output"))
        if name.endswith("norms.1") or coarser:
            order = stream
        elif "norms" not in name:
            stream = order
        with torch.no_grad():
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.uniform_(0, 0.5)
            norm.running_mean.uniform_(-0.1, 0.1)
            norm.weight[order[lives:]] = 0
            norm.bias[order[lives:]] = 0


def silence_weights(teacher: nn.Module) -> None:
    """Dead channels get small weights, too, which the L1 norm tells apart."""
    modules = dict(teacher.named_modules())
    before = None
    for name, module in modules.items():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            layer = modules.get(name.replace("norms", "convolutions"), before)
            layer = before if layer is module else layer
            with torch.no_grad():
                axis = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
                layer.weight.movedim(axis, 0)[module.weight == 0] = 0
        elif hasattr(module, "weight"):
            before = module


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("way", ["fnav2", "norm_scale", "l1_norm"])
def test_the_student_computes_what_the_living_channels_compute(name, way) -> None:
    if "voxels" in name:
        pytest.importorskip("spconv")
    torch.manual_seed(4)
    mine, theirs = PAIRS[name]()
    student, teacher = build_model(mine).eval(), build_model(theirs).eval()
    kill(teacher, student, shuffled=way != "fnav2")
    silence_weights(teacher)
    copied = initialise(student, teacher, InitialiseConfig(way=way))
    layers = sum(hasattr(m, "weight") for m in student.modules()) - sum(
        isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) for m in student.modules()
    )
    assert len(copied) == layers
    batch = pillarize([each.points for each in samples()], mine.grid, mine.capacity)
    with torch.no_grad():
        first, second = student(batch), teacher(batch)
    for mine, theirs in zip(first.maps.levels, second.maps.levels, strict=True):
        torch.testing.assert_close(mine.heatmap, theirs.heatmap, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(mine.box, theirs.box, atol=1e-4, rtol=1e-3)
        if mine.quality is not None:
            torch.testing.assert_close(mine.direction, theirs.direction, atol=1e-4, rtol=1e-3)
            torch.testing.assert_close(mine.quality, theirs.quality, atol=1e-4, rtol=1e-3)


def test_an_equal_network_is_copied_whole_with_its_statistics() -> None:
    student, teacher = (build_model(small_config()) for _ in range(2))
    teacher.dense.backbone.stages[0][0][1].running_mean.fill_(3.0)
    initialise(student, teacher, InitialiseConfig(way="fnav1"))
    for name, value in teacher.state_dict().items():
        torch.testing.assert_close(student.state_dict()[name], value)


def test_joined_maps_by_hand() -> None:
    """Of 128 + 128 channels a student of 64 + 64 reads 0..63 and 128..191 (SparseKD 1.5)."""
    parts = [torch.arange(64)] * 2
    both = join_channels(parts, [128, 128], InitialiseConfig())
    assert both.tolist() == [*range(64), *range(128, 192)]
    assert join_channels(parts, [128, 128], InitialiseConfig(way="fnav1")).tolist() == [
        *range(128)
    ]


def test_slices_of_the_head_by_hand() -> None:
    student, teacher = build_model(small_config()), build_model(small_config(**WIDE))
    initialise(student, teacher, InitialiseConfig())
    mine, theirs = (n.dense.head.shared[0].weight for n in (student, teacher))
    kept = [*range(8), *range(12, 20)]
    torch.testing.assert_close(mine, theirs[:8][:, kept])
    last = student.dense.head.heatmap[3], teacher.dense.head.heatmap[3]
    torch.testing.assert_close(last[0].weight, last[1].weight[:, :8])
    torch.testing.assert_close(last[0].bias, last[1].bias)


@pytest.mark.parametrize("released", [False, True])
def test_slice_where_height_is_laid_in_channels(released) -> None:
    """Channel by channel here; the released code takes 8 channels of each layer instead."""
    pytest.importorskip("spconv")
    student, teacher = build_model(voxels(1, True)), build_model(voxels(2, True))
    initialise(student, teacher, InitialiseConfig(released_slice=released))
    mine, theirs = (n.dense.backbone.stages[0][0][0].weight for n in (student, teacher))
    height, width = mine.shape[1] // 4, theirs.shape[1] // (mine.shape[1] // 4)
    kept = [layer * width + c for layer in range(height) for c in range(4)]
    if not released:
        kept = list(range(mine.shape[1]))
    torch.testing.assert_close(mine, theirs[:8][:, kept])


def test_channels_are_chosen_by_scale_or_weight() -> None:
    weight, norm = torch.tensor([[1.0, -1], [3, 0], [0, 0.5]]), nn.BatchNorm1d(3)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([0.1, -0.2, 0.9]))

    def chosen(**settings):
        return choose_channels(weight, norm, 2, InitialiseConfig(**settings)).tolist()

    assert chosen(way="norm_scale") == [2, 1]
    assert chosen(way="l1_norm") == [1, 0]
    assert chosen(way="l1_norm", smallest=True) == [2, 0]
    assert chosen(way="fnav1") == [0, 1]


def test_excluded_parts_keep_their_weights() -> None:
    student, teacher = build_model(small_config()), build_model(small_config(**WIDE))
    before = {name: value.clone() for name, value in student.state_dict().items()}
    config = InitialiseConfig(exclude=("encoder", "head"))
    copied = initialise(student, teacher, config)
    assert {layer.name.split(".")[1] for layer in copied} == {"backbone", "neck"}
    for name, value in student.state_dict().items():
        same = torch.equal(value, before[name])
        if name.startswith(("encoder", "dense.head")):
            assert same
        elif name.endswith("0.weight"):
            assert not same


def test_a_shallower_student_gets_the_first_layers() -> None:
    deep = {**WIDE, "backbone": {**WIDE["backbone"], "layers": [3, 2]}}
    student, teacher = build_model(small_config()), build_model(small_config(**deep))
    initialise(student, teacher, InitialiseConfig())
    mine, theirs = (n.dense.backbone.stages[1][1][0].weight for n in (student, teacher))
    torch.testing.assert_close(mine, theirs[:16, :16])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"encoder": {"widths": [64, 64]}}, "exclude encoder"),
        ({"backbone": {"widths": [8, 64], "layers": [1, 1], "strides": [1, 2]}}, "backbone has"),
        ({"backbone": {"widths": [8, 16], "layers": [1, 9], "strides": [1, 2]}}, "deeper"),
        ({"neck": {"widths": [8, 64], "strides": [1, 2]}}, "neck has widths"),
        ({"head": {"width": 99}}, "head has widths"),
        ({"head": ANCHORS}, "heads of one kind"),
        ({"head": DIRECTED}, "one head tells directions or qualities"),
        ({"features": []}, "different features"),
    ],
)
def test_what_cannot_be_copied_is_said(changes, expected) -> None:
    problems = initialise_problems(
        InitialiseConfig(), small_config(**changes), small_config(**WIDE)
    )
    assert expected in "\n".join(problems)
    assert not list(initialise_problems(InitialiseConfig(), small_config(), small_config(**WIDE)))


def test_necks_and_heads_of_another_kind_are_excluded() -> None:
    mine, theirs = small_pyramid_config(), small_config(**{**WIDE, "head": ANCHORS})
    text = "\n".join(initialise_problems(InitialiseConfig(), mine, theirs))
    assert "necks of one kind, got pyramid and joined" in text
    assert "different anchors, or one tells velocities" in text
    config = InitialiseConfig(exclude=("neck", "head"))
    assert not list(initialise_problems(config, mine, theirs))
    copied = initialise(build_model(mine), build_model(theirs), config)
    assert not any(layer.name.startswith(("dense.neck", "dense.head")) for layer in copied)
    wide = small_config(neck={"widths": [8, 64], "strides": [1, 2]})
    config = InitialiseConfig(exclude=("neck",))
    assert "reads more channels" in "\n".join(
        initialise_problems(config, wide, small_config(**WIDE))
    )
