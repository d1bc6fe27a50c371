"""Pairs of a narrow network and one of twice its widths, of every kind that can be initialised."""

from small_distill_batch import WIDE, narrow_and_wide_pyramid
from small_model import ANCHORS, DIRECTED, SMALL, small_config, small_directed_config

from pd_ros.detection.config.bev import ModelConfig


def voxels(scale: int, residual: bool) -> ModelConfig:
    """A network of voxels, ``scale`` times as wide as the narrow one."""
    grid = {**SMALL["grid"], "pillar_size_m": [0.5, 0.5], "voxel_height_m": 0.1}
    encoder = {
        "kind": "sparse",
        "stem": 2 * scale,
        "widths": [2 * scale, 4 * scale, 4 * scale, 4 * scale],
        "layers": [1, 1, 1, 1],
        "out": 4 * scale,
        "residual": residual,
    }
    dense = {} if scale == 1 else {key: WIDE[key] for key in ("backbone", "neck", "head")}
    return small_config(grid=grid, encoder=encoder, **dense)


PAIRS = {
    "pillars": lambda: (small_config(), small_config(**WIDE)),
    "directions": lambda: (
        small_directed_config(),
        small_config(**{**WIDE, "head": {**DIRECTED, "width": 12}}),
    ),
    "anchors": lambda: (small_config(head=ANCHORS), small_config(**{**WIDE, "head": ANCHORS})),
    "pyramids": lambda: tuple(narrow_and_wide_pyramid().pair),
    "voxels": lambda: (voxels(1, False), voxels(2, False)),
    "residual voxels": lambda: (voxels(1, True), voxels(2, True)),
}
