"""What a config from anywhere may ask for, before any memory is taken for it."""

import copy

import pytest
import torch
from small_model import ANCHORS, PYRAMID, SMALL, SMALL_POINTS, VOXELS

from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.families import build_model, outline_model, parse_model_config

CONFIGS = {
    "pillars": SMALL,
    "anchors": {**SMALL, "head": ANCHORS, "capacity": {"max_points": 9, "max_pillars": 9}},
    "pyramid": PYRAMID,
    "voxels": VOXELS,
    "groups": {
        **SMALL,
        "classes": ["car", "pedestrian", "truck"],
        "groups": [["pedestrian"], ["truck", "car"]],
        "head": {"width": 8, "velocity": True},
        "decode": {"centre_range_m": [-9, -9, -3, 9, 9, 1]},
    },
    "points": {**SMALL_POINTS, "proposals": {"max_candidates": 9, "max_proposals": 9}},
}
ABSURD = (0, -1, 10**9, 10**18, 10**400, 1e-308, 1e308, -1e308, float("nan"), float("inf"))


def places_of_numbers(part, path=()):
    items = part.items() if isinstance(part, dict) else enumerate(part)
    for key, value in items:
        if isinstance(value, dict | list):
            yield from places_of_numbers(value, (*path, key))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield (*path, key)


def changed(config, path, value):
    config = copy.deepcopy(config)
    part = config
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return config


@pytest.mark.parametrize("name", CONFIGS)
def test_no_number_of_a_config_can_ask_for_more_than_there_is(name) -> None:
    """Each one, made absurd, is refused by a ``ValueError`` or gives a network that is small."""
    if name == "voxels":
        pytest.importorskip("spconv", reason="spconv is not installed")
    refused = 0
    for path in places_of_numbers(CONFIGS[name]):
        for value in ABSURD:
            try:
                config = parse_model_config(changed(CONFIGS[name], path, value), "from anywhere")
                outline = outline_model(config)
            except ValueError as error:
                assert len(str(error)) < 2000
                refused += 1
            else:
                weights = sum(w.numel() for w in outline.parameters())
                assert weights < 10_000_000, (path, value)
    assert refused > 100


GRIDS = {  # a canvas of 250 GB and more; each number for itself is a possible one
    "fine pillars": {"range_m": [-400, -400, -3, 400, 400, 1], "pillar_size_m": [0.01, 0.01]},
    "far": {"range_m": [-9000, -9000, -3, 9000, 9000, 1], "pillar_size_m": [0.2, 0.2]},
}


@pytest.mark.parametrize("case", GRIDS)
def test_a_grid_of_hundreds_of_gigabytes_is_refused_by_its_name(case) -> None:
    with pytest.raises(ValueError, match=r"x\.yaml: .*grid: the maps of .* GB") as error:
        parse_model_config({**SMALL, "grid": GRIDS[case]}, "x.yaml")
    assert "change grid.range_m, grid.pillar_size_m or the widths" in str(error.value)


def test_voxels_that_cannot_be_numbered_are_refused() -> None:
    grid = {"range_m": [-200, -200, -8, 200, 200, 8], "pillar_size_m": [0.01, 0.01]}
    with pytest.raises(ValueError, match=r"cells are .* more than"):
        parse_model_config({**VOXELS, "grid": {**grid, "voxel_height_m": 0.004}}, "x")


def test_balls_of_hundreds_of_gigabytes_are_refused() -> None:
    level = {"points": 900_000, "radii_m": [1], "neighbours": [4000], "widths": [[8, 16]]}
    levels = [level, SMALL_POINTS["abstraction"][1]]
    with pytest.raises(ValueError, match=r"all balls of points take about .* GB"):
        parse_model_config({**SMALL_POINTS, "points": 900_000, "abstraction": levels}, "x")


def test_a_network_of_too_many_weights_is_refused_before_it_takes_memory() -> None:
    wide = {"widths": [8000, 8000], "layers": [60, 60], "strides": [1, 2]}
    config = parse_model_config({**SMALL, "backbone": wide}, "x")
    with pytest.raises(ValueError, match=r"small: expected .* weights, got .* GB"):
        build_model(config)  # 276 GB


@pytest.mark.parametrize("names", [CONFIGS["pillars"], CONFIGS["points"]], ids=["bev", "points"])
@pytest.mark.parametrize("key", ["name", "classes", "features"])
@pytest.mark.parametrize(
    "name",
    ["", " ", "car\n", "a\nb", "a\tb", "\x1b[2J", "\x00", "\u202egreen", "\ud800", "x" * 101],
)
def test_names_that_nobody_can_read_are_refused(names, key, name) -> None:
    given = name if key == "name" else ["car", name]
    with pytest.raises(ValueError, match=f"^x: {key}") as error:
        parse_model_config({**names, key: given}, "x")
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 300


def test_names_in_any_language_are_names() -> None:
    config = parse_model_config({**SMALL, "classes": ["Fußgänger", "<b>bus</b>", "自動車"]}, "x")
    assert config.classes == ("Fußgänger", "<b>bus</b>", "自動車")


@pytest.mark.parametrize("classes", [["car", "Car"], [f"class {i}" for i in range(2000)]])
def test_names_that_are_one_and_too_many_are_refused(classes) -> None:
    with pytest.raises(ValueError, match=r"^x: classes: ") as error:
        parse_model_config({**SMALL, "classes": classes}, "x")
    assert len(str(error.value)) < 300


def test_what_was_given_is_told_in_short() -> None:
    deep: list = []
    for _ in range(600):
        deep = [deep]
    for head in (deep, {"kind": deep}, {"kind": "x" * 10_000}, {f"k{i}": 1 for i in range(9_999)}):
        with pytest.raises(ValueError, match=r"^x: head") as error:
            parse_model_config({**SMALL, "head": head}, "x")
        assert len(str(error.value)) < 3000


def test_an_outline_draws_nothing_and_has_the_shapes_of_the_network() -> None:
    config = parse_model_config(SMALL, "x")
    assert isinstance(config, ModelConfig)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    outline = outline_model(config)
    assert torch.equal(before, torch.get_rng_state())
    shapes = {name: value.shape for name, value in outline.state_dict().items()}
    assert shapes == {
        name: value.shape for name, value in build_model(config).state_dict().items()
    }
    assert all(value.is_meta for value in outline.parameters())
